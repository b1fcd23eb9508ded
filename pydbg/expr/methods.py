"""Member functions in expressions: ``object.method(args)``, by the types of the arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.types import FunctionType, Method, PointerType, QualifiedType, StructType, strip
from pydbg.expr.values import Value, from_number

if TYPE_CHECKING:
    from pydbg.expr.context import Context

__all__ = ["base_offset", "bound", "choose", "has_method", "methods_named"]

_MAX_DEPTH = 20


def methods_named(
    ctype: StructType, name: str, offset: int = 0, depth: int = 0
) -> Iterator[tuple[Method, StructType, int]]:
    """Give a class's methods of a name, else its bases': each with its class and offset."""
    own = [(method, ctype, offset) for method in ctype.methods if method.name == name]
    yield from own
    if own or depth > _MAX_DEPTH:
        return
    for field in ctype.fields:
        base = strip(field.type)
        if field.kind == "base" and isinstance(base, StructType):
            yield from methods_named(base, name, offset + field.offset, depth + 1)


def has_method(value: Value, name: str) -> bool:
    """Say whether a name is a method of a class and none of its members."""
    inner = strip(value.type)
    if not isinstance(inner, StructType) or inner.field(name) is not None:
        return False
    return next(methods_named(inner, name), None) is not None


def base_offset(derived: StructType, base: StructType, depth: int = 0) -> int | None:
    """Return where a base class lies in a class that is derived from it; None if it is none."""
    if derived is base or (base.name and derived.name == base.name):
        return 0
    for field in derived.fields if depth < _MAX_DEPTH else ():
        inner = strip(field.type)
        if field.kind == "base" and isinstance(inner, StructType):
            found = base_offset(inner, base, depth + 1)
            if found is not None:
                return field.offset + found
    return None


def choose(value: Value, name: str, args: Sequence[Value] | None) -> tuple[Method, StructType, int]:
    """Choose the method that fits the arguments best; None where none were given."""
    from pydbg.expr.calls import fit

    inner = strip(value.type)
    assert isinstance(inner, StructType)
    found = list(methods_named(inner, name))
    if args is None:
        if len(found) > 1:
            raise ExprError(f"cannot resolve overloaded method `{name}': no arguments supplied")
        return found[0]
    best: tuple[int, tuple[Method, StructType, int]] | None = None
    for one in found:
        how = fit(one[0].type.params, args, variadic=one[0].type.variadic)
        if how is not None and (best is None or how < best[0]):
            best = how, one
    if best is not None:
        return best[1]
    if all(len(args) < len(one[0].type.params) for one in found):
        raise ExprError("Too few arguments in function call.")
    raise ExprError(f"Cannot resolve method {inner.name}::{name} to any overloaded instance")


def bound(
    value: Value, name: str, args: Sequence[Value] | None, ctx: Context, *, virtual: bool
) -> tuple[Value, Value | None]:
    """Return the function that a method is, and the object's address as ``this``.

    With ``virtual`` the object's own table says which function it is.
    """
    method, owner, offset = choose(value, name, args)
    size = ctx.pointer_size
    this: Value | None = None
    params = method.type.params
    if not method.static:
        pointee = QualifiedType(
            owner.name, owner.size, owner, "const" in method.suffix, "volatile" in method.suffix
        )
        plain = pointee if pointee.const or pointee.volatile else owner
        pointer = PointerType("", size, plain)
        params = (QualifiedType("", size, pointer, const=True), *params)
        addr = value.addr
        if addr is not None:
            this = from_number(pointer, addr + offset, ctx.read)
    ftype = FunctionType("", 1, method.type.result, params, method.type.variadic, True, True)
    target: int | None = None
    if virtual and method.virtual and method.index >= 0 and this is not None:
        table = int.from_bytes(ctx.read(int(this), size), "little")
        target = int.from_bytes(ctx.read(table + method.index * size, size), "little")
    if target is None:
        found = ctx.symbol(method.linkage) if method.linkage else None
        if found is None or found.addr is None:
            raise ExprError("Cannot evaluate function -- may be inlined")
        target = found.addr
    return Value.at(ftype, target, ctx.read), this
