"""Assignment: a value into memory, a register or a convenience variable."""

from __future__ import annotations

from collections.abc import Callable

from pydbg.errors import ExprError
from pydbg.expr.context import Context
from pydbg.expr.operators import cast
from pydbg.expr.types import ArrayType, FunctionType, StructType, VoidType, strip
from pydbg.expr.values import Lvalue, Value

__all__ = ["assign"]


def assign(left: Value, right: Value, ctx: Context, decay: Callable[[Value], Value]) -> Value:
    """Store ``right`` where ``left`` lives and return what is there then.

    The value is cast to the place's type first; a whole convenience variable takes the
    type of what is assigned.
    """
    lvalue = left.lvalue
    if lvalue is None or lvalue.kind == "none":
        raise ExprError("Left operand of assignment is not an lvalue.")
    if lvalue.kind == "convenience" and _is_whole(left, lvalue, ctx):
        if right.is_gone:
            ctx.set_convenience(lvalue.name, right)
            return right
        if ctx.language.arrays_decay and _is_placed(right):
            right = decay(right)
        stored = Value(right.type, right.data, right.lvalue, right.reader)
        if right.lvalue is not None and right.lvalue.kind != "memory":
            stored.lvalue = None
        ctx.set_convenience(lvalue.name, stored)
        return Value(right.type, right.data, lvalue, right.reader)
    target = strip(left.type)
    if not isinstance(target, (ArrayType, StructType)):
        right = decay(right)
    if isinstance(target, ArrayType) and _is_shorter(right, target):
        # As in gdb a string may be assigned to a longer array.
        right = Value(left.type, right.data + left.data[len(right.data) :], None, ctx.read)
    converted = cast(left.type, right)
    data = converted.data
    if lvalue.bit_size:
        if not -(1 << (lvalue.bit_size - 1)) <= int(converted) < 1 << lvalue.bit_size:
            ctx.warn(f"Value does not fit in {lvalue.bit_size} bits.")
        data = _merge_bits(left.data, int(converted), lvalue)
    if lvalue.kind == "memory":
        ctx.write(lvalue.addr, data)
    elif lvalue.kind == "register":
        _store_register(lvalue, data, ctx)
    else:
        _store_part(lvalue, data, ctx)
    return Value(left.type, data, lvalue, ctx.read)


def _is_placed(value: Value) -> bool:
    """Tell whether a value is a function, or an array that has an address already."""
    inner = strip(value.type)
    return isinstance(inner, FunctionType) or (
        isinstance(inner, ArrayType) and value.addr is not None
    )


def _is_shorter(right: Value, target: ArrayType) -> bool:
    source = strip(right.type)
    same = isinstance(source, ArrayType) and source.element.size == target.element.size
    return same and source.size < target.size


def _is_whole(left: Value, lvalue: Lvalue, ctx: Context) -> bool:
    if lvalue.addr or lvalue.bit_size:
        return False
    current = ctx.convenience(lvalue.name)
    if current is None or isinstance(strip(current.type), VoidType):
        return True
    return current.type is left.type


def _merge_bits(old: bytes, value: int, lvalue: Lvalue) -> bytes:
    mask = ((1 << lvalue.bit_size) - 1) << lvalue.bit_offset
    raw = int.from_bytes(old, "little") & ~mask
    raw |= (value << lvalue.bit_offset) & mask
    return raw.to_bytes(len(old), "little")


def _store_register(lvalue: Lvalue, data: bytes, ctx: Context) -> None:
    whole = ctx.register(lvalue.name)
    if whole is None:
        raise ExprError(f"Invalid register `{lvalue.name}'")
    if lvalue.addr == 0 and whole.type.size == len(data):
        ctx.set_register(lvalue.name, Value(whole.type, data, whole.lvalue))
        return
    merged = _splice(whole.data, lvalue.addr, data)
    ctx.set_register(lvalue.name, Value(whole.type, merged, whole.lvalue))


def _store_part(lvalue: Lvalue, data: bytes, ctx: Context) -> None:
    whole = ctx.convenience(lvalue.name)
    if whole is None:
        raise ExprError("Left operand of assignment is not an lvalue.")
    merged = _splice(whole.data, lvalue.addr, data)
    ctx.set_convenience(lvalue.name, Value(whole.type, merged, None, whole.reader))


def _splice(old: bytes, offset: int, data: bytes) -> bytes:
    return old[:offset] + data + old[offset + len(data) :]
