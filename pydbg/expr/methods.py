"""Member functions in expressions: ``object.method(args)``, by the types of the arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.bases import upcast
from pydbg.expr.ranking import fit
from pydbg.expr.types import FunctionType, Method, PointerType, QualifiedType, StructType, strip
from pydbg.expr.values import Value, from_number

if TYPE_CHECKING:
    from pydbg.expr.context import Context

__all__ = ["NoCode", "bound", "choose", "constness", "has_method", "methods_named", "with_this"]

_MAX_DEPTH = 20


class NoCode(ExprError):
    """Report a method that the program has no function of: all its calls may be inlined."""


def methods_named(
    ctype: StructType, name: str, depth: int = 0
) -> Iterator[tuple[Method, StructType]]:
    """Give a class's methods of a name, else its bases': each with its class."""
    own = [(method, ctype) for method in ctype.methods if method.name == name]
    yield from own
    if own or depth > _MAX_DEPTH:
        return
    for field in ctype.fields:
        base = strip(field.type)
        if field.kind in ("base", "virtual") and isinstance(base, StructType):
            yield from methods_named(base, name, depth + 1)


def has_method(value: Value, name: str) -> bool:
    """Say whether a name is a method of a class and none of its members."""
    inner = strip(value.type)
    if not isinstance(inner, StructType) or inner.field(name) is not None:
        return False
    return next(methods_named(inner, name), None) is not None


def choose(value: Value, name: str, args: Sequence[Value] | None) -> tuple[Method, StructType]:
    """Choose the method that fits the arguments best; None where none were given."""
    inner = strip(value.type)
    assert isinstance(inner, StructType)
    found = list(methods_named(inner, name))
    if args is None:
        if len(found) > 1:
            raise ExprError(f"cannot resolve overloaded method `{name}': no arguments supplied")
        return found[0]
    best: tuple[float, tuple[Method, StructType]] | None = None
    for one in found:
        how = fit(one[0].type.params, args, variadic=one[0].type.variadic)
        if how is not None:
            worse = how + constness(one[0], value)
            best = (worse, one) if best is None or worse < best[0] else best
    if best is not None:
        return best[1]
    if all(len(args) < len(one[0].type.params) for one in found):
        raise ExprError("Too few arguments in function call.")
    raise ExprError(f"Cannot resolve method {inner.name}::{name} to any overloaded instance")


def with_this(method: Method, owner: StructType, size: int) -> FunctionType:
    """Return a method's type as a function's, with the pointer to the object first."""
    params = method.type.params
    if not method.static:
        const, volatile = "const" in method.suffix, "volatile" in method.suffix
        pointee = QualifiedType(owner.name, owner.size, owner, const, volatile, cplus=True)
        pointer = PointerType("", size, pointee if const or volatile else owner)
        params = (QualifiedType("", size, pointer, const=True, cplus=True), *params)
    return FunctionType("", 1, method.type.result, params, method.type.variadic, True, True)


def constness(method: Method, value: Value) -> float:
    """Return how much worse a method fits an object for being ``const`` and the object not."""
    const = isinstance(value.type, QualifiedType) and value.type.const
    return 0.5 if ("const" in method.suffix) != const else 0.0


def bound(
    value: Value, name: str, args: Sequence[Value] | None, ctx: Context, *, virtual: bool
) -> tuple[Value, Value | None]:
    """Return the function that a method is, and the object's address as ``this``.

    With ``virtual`` the object's own table says which function it is.
    """
    method, owner = choose(value, name, args)
    size = ctx.pointer_size
    this: Value | None = None
    ftype = with_this(method, owner, size)
    if not method.static:
        pointer = strip(ftype.params[0])
        part = upcast(value, owner)
        if part is not None and part.addr is not None:
            this = from_number(pointer, part.addr, ctx.read)
    target: int | None = None
    if virtual and method.virtual and method.index >= 0 and this is not None:
        table = int.from_bytes(ctx.read(int(this), size), "little")
        target = int.from_bytes(ctx.read(table + method.index * size, size), "little")
    if target is None:
        found = ctx.symbol(method.linkage) if method.linkage else None
        if found is None or found.addr is None:
            raise NoCode("Cannot evaluate function -- may be inlined")
        target = found.addr
    return Value.at(ftype, target, ctx.read), this
