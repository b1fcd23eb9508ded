"""Values that are made by name, and the functions behind methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.operators import cast
from pydbg.expr.types import EnumType, FunctionType, PointerType, StructType, strip
from pydbg.expr.values import Value, from_number
from pydbg.rust.kinds import is_tuple, members

if TYPE_CHECKING:
    from pydbg.expr.evaluator import Evaluator

__all__ = ["method", "struct", "tuple_struct"]


def struct(
    ctype: StructType, items: Sequence[tuple[str, Value]], base: Value | None = None
) -> Value:
    """Make a struct of its members; what is not named is as in ``base``, or zero."""
    data = bytearray(base.data if base is not None else bytes(ctype.size))
    data = data[: ctype.size].ljust(ctype.size, b"\0")
    for name, value in items:
        field = ctype.field(name)
        if field is None:
            raise ExprError(f"There is no member named {name}.")
        made = cast(field.type, value).data
        data[field.offset : field.offset + len(made)] = made
    return Value(ctype, bytes(data))


def tuple_struct(ctype: StructType, args: Sequence[Value]) -> Value:
    """Make a struct whose members have no names."""
    fields = members(ctype)
    if len(fields) != len(args):
        raise ExprError(
            f"Use of '{ctype.name}' with {len(args)} arguments, it has {len(fields)} members"
        )
    return struct(ctype, [(f.name, value) for f, value in zip(fields, args, strict=True)])


def method(this: Value, name: str, evaluator: Evaluator) -> tuple[Value, Value]:
    """Return a method's function and its first argument, which may be a pointer to ``this``."""
    while isinstance(strip(this.type), PointerType):
        this = this.deref()
    ctype = strip(this.type)
    if not isinstance(ctype, (StructType, EnumType)) or (
        isinstance(ctype, StructType) and is_tuple(ctype)
    ):
        raise ExprError("Method calls only supported on struct or enum types")
    if not ctype.name:
        raise ExprError("Method call on nameless type")
    full = f"{ctype.name}::{name}"
    function = evaluator.ctx.symbol(full)
    ftype = None if function is None else strip(function.type)
    if function is None or not isinstance(ftype, FunctionType):
        raise ExprError(f"Could not find function named '{full}'")
    if not ftype.params:
        raise ExprError(f"Function '{full}' takes no arguments")
    if isinstance(strip(ftype.params[0]), PointerType):
        pointer = evaluator.model.pointer(this.type)
        return function, from_number(pointer, evaluator.address(this), evaluator.ctx.read)
    return function, this
