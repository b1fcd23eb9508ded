"""Ways through the structs of Rust's library, by the names that its members have.

They hold for rustc 1.63 to 1.95: what was put around a pointer or a number is stepped into.
"""

from __future__ import annotations

from pydbg.errors import ExprError
from pydbg.expr.types import StructType, strip
from pydbg.expr.values import Value
from pydbg.rust.kinds import members

__all__ = ["buffer", "bytes_of", "has", "number", "pointer", "struct"]

_MOST_DEPTH = 16


def struct(value: Value) -> StructType | None:
    """Return a value's type if it is a struct."""
    inner = strip(value.type)
    return inner if isinstance(inner, StructType) else None


def has(value: Value, name: str) -> bool:
    """Tell whether a value is a struct with that member."""
    inner = struct(value)
    return inner is not None and inner.field(name) is not None


def pointer(value: Value) -> Value:
    """Return the pointer inside of ``Unique`` and ``NonNull``."""
    for _ in range(_MOST_DEPTH):
        inner = struct(value)
        if inner is None:
            break
        if "data_ptr" in {field.name for field in inner.fields}:
            break
        held = members(inner)
        if not held:
            break
        value = value.member("pointer" if has(value, "pointer") else held[0].name)
    return value


def number(value: Value) -> int:
    """Return the number inside of structs with one member: a cell, an atomic, a niche."""
    for _ in range(_MOST_DEPTH):
        inner = struct(value)
        if inner is None:
            return int(value)
        held = members(inner)
        if not held:
            break
        value = value.member(held[0].name)
    raise ExprError("there is no number")


def buffer(owner: Value) -> tuple[int, int]:
    """Return where the elements of a ``RawVec`` are and how many there is room for."""
    raw = owner.member("buf")
    if has(raw, "inner"):
        raw = raw.member("inner")
    return int(pointer(raw.member("ptr"))), number(raw.member("cap"))


def bytes_of(value: Value) -> tuple[int, int] | None:
    """Return address and length of a ``Vec<u8>`` that is somewhere inside (a String's text)."""
    for _ in range(_MOST_DEPTH):
        if has(value, "buf") and has(value, "len"):
            return buffer(value)[0], number(value.member("len"))
        inner = struct(value)
        name = next((n for n in ("vec", "inner", "bytes") if has(value, n)), None)
        if inner is None or name is None:
            return None
        value = value.member(name)
    return None
