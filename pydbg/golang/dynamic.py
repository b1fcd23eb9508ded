"""What an interface holds: the type that its descriptor names, and the value.

Source: src/runtime/type.go (_type, name), src/internal/abi/type.go; a descriptor's layout is the
same since Go 1.14.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, ExprError
from pydbg.expr.types import CType, StructType, data_model, strip
from pydbg.expr.values import Value, from_number
from pydbg.golang.types import basic
from pydbg.golang.values import is_interface
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.expr.context import Context

__all__ = ["Dynamic", "dynamic_of", "dynamic_value", "type_name"]

_UNCOMMON, _EXTRA_STAR, _NAMED = 1, 2, 4  # tflag
_DIRECT = 0x20
"""The word of data is the value itself, not its address: in the kind, from Go 1.26 in tflag."""
_ARRAY, _CHAN, _FUNC, _INTERFACE, _MAP, _POINTER, _SLICE, _STRUCT = 17, 18, 19, 20, 21, 22, 23, 25
_UNSAFE_POINTER = 26
"""The last kind."""
_SIZES = {_ARRAY: 72, _CHAN: 64, _FUNC: 56, _INTERFACE: 80, _MAP: 88, _POINTER: 56, _SLICE: 56,
          _STRUCT: 80}  # fmt: skip
_PLAIN = 48
_LONGEST = 1 << 14
_DEEPEST = 16


class Dynamic(Record):
    """Hold what an interface's value is of.

    ``type`` is None where the program's debug information does not know the name.
    """

    name: str
    type: CType | None
    direct: bool
    addr: int
    """The word of data: the value's address or, of what is ``direct``, the value."""

    def value(self, ctx: Context) -> Value | None:
        """Return the value, None where its type is not known."""
        if self.type is None:
            return None
        if self.direct and self.type.size == ctx.pointer_size:
            data = self.addr.to_bytes(ctx.pointer_size, "little")
            return Value(self.type, data, None, ctx.read)
        return Value.at(self.type, self.addr, ctx.read)


def dynamic_of(value: Value, ctx: Context) -> Dynamic | None:
    """Return what an interface holds, None for nil. Raises ExprError for anything else."""
    if not is_interface(value.type):
        raise ExprError(f"Not an interface: {value.type}")
    inner = strip(value.type)
    assert isinstance(inner, StructType)
    word, data = (int(value.member(field.name)) for field in inner.fields[:2])
    if not word:
        return None
    if inner.name == "runtime.iface":
        # A runtime.itab: the interface's type, the value's, and a copy of the latter's hash.
        _, word, mark = struct.unpack("<QQI", ctx.read(word, 20))
        if mark != int.from_bytes(_plausible(word, ctx)[16:20], "little"):
            raise ExprError("<bad dynamic type>")
    head = _plausible(word, ctx)
    name = type_name(word, ctx)
    known = _type(name, ctx)
    if known is not None and known.size != int.from_bytes(head[:8], "little"):
        known = None
    return Dynamic(name, known, bool((head[20] | head[23]) & _DIRECT), data)


def _plausible(addr: int, ctx: Context) -> bytes:
    """Return a descriptor's beginning; raise ExprError for what cannot be one.

    An interface that is not set yet holds whatever was there before.
    """
    head = ctx.read(addr, _PLAIN) if not addr % 8 else bytes(_PLAIN)
    size, pointers, mark, _, align, field_align, kind = struct.unpack_from("<QQIBBBB", head)
    sane = mark and pointers <= size < 1 << 40 and align == field_align and align in (1, 2, 4, 8)
    if not sane or not 1 <= kind & 0x1F <= _UNSAFE_POINTER:
        raise ExprError("<bad dynamic type>")
    return head


def dynamic_value(args: list[Value], ctx: Context) -> Value:
    """Return ``$dtype(x)``: a pointer to what an interface holds, anything else as it is."""
    if len(args) != 1:
        raise ExprError("You must provide one argument.")
    value = args[0].referred()
    if not is_interface(value.type):
        return value
    found = dynamic_of(value, ctx)
    if found is None:
        return value
    if found.type is None:
        raise ExprError(f'No type "{found.name}" in current context.')
    if found.direct:
        held = found.value(ctx)
        assert held is not None
        return held
    return from_number(data_model(ctx.pointer_size).pointer(found.type), found.addr, ctx.read)


def _type(name: str, ctx: Context) -> CType | None:
    if name.startswith("*"):
        target = _type(name[1:], ctx)
        return None if target is None else data_model(ctx.pointer_size).pointer(target)
    return basic(name, ctx.pointer_size) or ctx.type_named(name)


def type_name(addr: int, ctx: Context) -> str:
    """Return the full name of the type that a descriptor is of.

    Raises MemoryFault or ExprError for what is no descriptor.
    """
    return _name(addr, ctx, 0)


def _name(addr: int, ctx: Context, depth: int) -> str:
    if depth > _DEEPEST:
        raise ExprError("<bad dynamic type>")
    head = ctx.read(addr, _PLAIN)
    flags, kind, offset = head[20], head[23], struct.unpack_from("<i", head, 40)[0]
    plain = kind & 0x1F
    if not flags & _NAMED and plain in (_POINTER, _SLICE):
        element = int.from_bytes(ctx.read(addr + _PLAIN, 8), "little")
        mark = "*" if plain == _POINTER else "[]"
        return mark + _name(element, ctx, depth + 1)
    base = _types(ctx)
    text = _text(base + offset, ctx)
    if flags & _EXTRA_STAR:
        text = text[1:]
    if flags & _NAMED and flags & _UNCOMMON:
        at = addr + _SIZES.get(plain, _PLAIN)
        path = struct.unpack("<i", ctx.read(at, 4))[0]
        package = _text(base + path, ctx) if path else ""
        if package:
            text = f"{package}.{text.partition('.')[2]}"
    if not text.isprintable():
        raise ExprError("<bad dynamic type>")
    return text


def _types(ctx: Context) -> int:
    """Return what offsets of names count from: runtime.firstmoduledata.types."""
    data = ctx.symbol("runtime.firstmoduledata")
    if data is None:
        raise ExprError("<bad dynamic type>")
    return int(data.member("types"))


def _text(addr: int, ctx: Context) -> str:
    """Read a name: a byte of flags, its length as a varint, and the bytes (Go 1.17)."""
    at, length, shift = addr + 1, 0, 0
    while shift < 21:
        byte = ctx.read(at, 1)[0]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if length > _LONGEST:
        raise ExprError("<bad dynamic type>")
    return ctx.read(at, length).decode("utf-8", "backslashreplace")


def error_text(value: Value, ctx: Context) -> str | None:
    """Return the text of an error that holds one: errors.errorString and its like."""
    try:
        found = dynamic_of(value, ctx)
        held = None if found is None else found.value(ctx)
        while held is not None and found is not None and found.name.startswith("*"):
            held = held.deref()
            break
        if held is None or not isinstance(strip(held.type), StructType):
            return None
        from pydbg.golang.values import is_string, string_bytes

        inner = strip(held.type)
        assert isinstance(inner, StructType)
        first = inner.fields[0] if inner.fields else None
        if first is None or first.name not in ("s", "msg") or not is_string(first.type):
            return None
        return string_bytes(held.member(first.name)).decode("utf-8", "backslashreplace")
    except DebuggerError:
        return None
