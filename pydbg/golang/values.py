"""What Go's values are made of: strings, slices, interfaces, as structs of the runtime's.

Source: src/reflect/value.go (StringHeader, SliceHeader) and src/runtime/runtime2.go (iface, eface).
"""

from __future__ import annotations

from pydbg.errors import ExprError
from pydbg.expr.types import ArrayType, CType, PointerType, StructType, strip
from pydbg.expr.values import Value, from_number
from pydbg.golang.types import basic

__all__ = [
    "capacity_of", "fields_of", "is_channel", "is_interface", "is_map", "is_slice", "is_string",
    "is_text", "length_of", "string_bytes",
]  # fmt: skip

_INTERFACES = ("runtime.iface", "runtime.eface")
_MOST = 1 << 20
"""Bytes of a string that are read at the most."""


def fields_of(ctype: CType) -> tuple[str, ...]:
    """Return the names of a struct's members, of anything else none."""
    inner = strip(ctype)
    return tuple(field.name for field in inner.fields) if isinstance(inner, StructType) else ()


def is_string(ctype: CType) -> bool:
    """Tell whether a type is a string: by its name as gdb has it (go-lang.c, sixg_string_p)."""
    inner = strip(ctype)
    return isinstance(inner, StructType) and inner.name == "string" and len(inner.fields) == 2


def is_text(ctype: CType) -> bool:
    """Tell whether a type is a string, also what it is in the code of a generic function."""
    inner = strip(ctype)
    return is_string(ctype) or (
        isinstance(inner, StructType) and inner.name.startswith("go.shape.string")
    )


def is_slice(ctype: CType) -> bool:
    """Tell whether a type is a slice, also a named one."""
    inner = strip(ctype)
    if not isinstance(inner, StructType) or not inner.bare:
        return False
    return fields_of(inner) == ("array", "len", "cap")


def is_interface(ctype: CType) -> bool:
    """Tell whether a type is an interface: runtime.iface or runtime.eface."""
    inner = strip(ctype)
    return isinstance(inner, StructType) and inner.name in _INTERFACES


def is_map(ctype: CType) -> bool:
    """Tell whether a type is a map, or what one points to."""
    return _behind(ctype).startswith(("hash<", "map<"))


def is_channel(ctype: CType) -> bool:
    """Tell whether a type is a channel, or what one points to."""
    return _behind(ctype).startswith("hchan<")


def _behind(ctype: CType) -> str:
    """Return the name of a struct, or of the one that a pointer is to; "" for anything else."""
    inner = strip(ctype)
    if isinstance(inner, PointerType):
        inner = strip(inner.target)
    return inner.name if isinstance(inner, StructType) else ""


def string_bytes(value: Value) -> bytes:
    """Return the bytes of a string, at most a megabyte. Raises MemoryFault, ExprError."""
    inner = strip(value.type)
    assert isinstance(inner, StructType)
    addr, size = (int(value.member(field.name)) for field in inner.fields)
    if size < 0:
        raise ExprError(f"a string of {size} bytes")
    read = value.reader
    return read(addr, min(size, _MOST)) if read is not None and size else b""


def length_of(value: Value) -> Value:
    """Return ``len``: of a string, slice, map or channel (runtime-gdb.py, GoLenFunc)."""
    return _count(value, ("len", "count", "used", "qcount"), "len")


def capacity_of(value: Value) -> Value:
    """Return ``cap``: of a slice or channel (runtime-gdb.py, GoCapFunc)."""
    return _count(value, ("cap", "dataqsiz"), "cap")


def _int(word: int) -> CType:
    found = basic("int", word)
    assert found is not None
    return found


def _count(value: Value, names: tuple[str, ...], what: str) -> Value:
    inner = strip(value.type)
    if isinstance(inner, ArrayType):
        return from_number(_int(8), inner.count)
    if isinstance(inner, PointerType) and int(value) == 0 and fields_of(inner.target):
        return from_number(_int(inner.size), 0)  # A nil map or channel.
    if isinstance(inner, PointerType):
        value = value.deref()
    members = fields_of(value.type)
    for name in names:
        if name in members:
            return value.member(name)
    raise ExprError(f"{what} is not defined for a {value.type}.")
