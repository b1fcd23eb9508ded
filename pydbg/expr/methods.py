"""Member functions in expressions: ``object.method(args)``, by the number of arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.types import FunctionType, Method, PointerType, QualifiedType, StructType, strip
from pydbg.expr.values import Value, from_number

if TYPE_CHECKING:
    from pydbg.expr.context import Context

__all__ = ["bound", "choose", "has_method", "methods_named"]

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


def choose(value: Value, name: str, count: int | None) -> tuple[Method, StructType, int]:
    """Choose the method that takes so many arguments; None where none were given."""
    inner = strip(value.type)
    assert isinstance(inner, StructType)
    found = list(methods_named(inner, name))
    if count is None:
        if len(found) > 1:
            raise ExprError(f"cannot resolve overloaded method `{name}': no arguments supplied")
        return found[0]
    for one in found:
        wanted = len(one[0].type.params)
        if wanted == count or (wanted < count and one[0].type.variadic):
            return one
    what = "Too few" if all(count < len(one[0].type.params) for one in found) else "Too many"
    raise ExprError(f"{what} arguments in function call.")


def bound(
    value: Value, name: str, count: int | None, ctx: Context, *, virtual: bool
) -> tuple[Value, Value | None]:
    """Return the function that a method is, and the object's address as ``this``.

    With ``virtual`` the object's own table says which function it is.
    """
    method, owner, offset = choose(value, name, count)
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
