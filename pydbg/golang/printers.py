"""Printers of Go's values whose structs say nothing to people: slices, maps, interfaces, channels.

What they print of slices, maps and channels is what the runtime's own script for gdb shows
(src/runtime/runtime-gdb.py), which gdb loads only where the user has called it safe. Of an
interface they tell the dynamic type as well, and of an error its text. Strings alone are gdb's,
with their address; inside of what a printer shows they are texts.

A variable that is not set yet holds what was there before: what cannot be a value of its type is
left to gdb's way, which reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.expr.strings import string_text
from pydbg.expr.types import CType, IntType, PointerType, StructType, TypedefType, strip
from pydbg.expr.values import Value, from_number
from pydbg.golang import values
from pydbg.golang.dynamic import dynamic_of, error_text
from pydbg.golang.maps import entries
from pydbg.printers.model import Child, Printed, Printer, Result, StringAt

if TYPE_CHECKING:
    from pydbg.printers.program import Program

__all__ = ["NAMES", "find"]

_BYTE = IntType("uint8", 1, False)
_MOST_BYTES = 1 << 47
_MOST = 1 << 20
"""Elements that are offered at the most; how many are shown is `print elements`."""


def find(ctype: CType, name: str) -> tuple[str, Printer] | None:
    """Return the name and the printer of a type."""
    known = _kind(ctype)
    return None if known is None else (known, _careful(_PRINTERS[known]))


def _kind(ctype: CType) -> str | None:
    if values.is_string(ctype):
        return "string"
    if values.is_slice(ctype):
        return "slice"
    if values.is_interface(ctype):
        return "interface"
    # A pointer to what holds a map or channel is one itself only under a name.
    if isinstance(ctype, TypedefType) or isinstance(strip(ctype), StructType):
        if values.is_map(ctype):
            return "map"
        if values.is_channel(ctype):
            return "chan"
    return None


def _careful(printer: Printer) -> Printer:
    def show(value: Value, program: Program) -> Result:
        try:
            return printer(value, program)
        except DebuggerError:
            return None

    return show


def _name(value: Value) -> str:
    ctype = value.type
    while isinstance(ctype, TypedefType) and ctype.name.startswith(".param"):
        ctype = ctype.target  # What a type parameter of a generic function stands for.
    return ctype.name if isinstance(ctype, TypedefType) else str(ctype)


def _string(value: Value, program: Program) -> Printed | None:
    text = _text_at(value)
    return None if text is None else Printed(text)


def _text_at(value: Value) -> StringAt | None:
    """Return where a string's text is; None for what cannot be a string."""
    inner = strip(value.type)
    assert isinstance(inner, StructType)
    addr, length = (int(value.member(field.name)) for field in inner.fields)
    return StringAt(addr, _BYTE, length) if length >= 0 else None


def _part(value: Value) -> Value | StringAt:
    """Return an element as it is shown: of a string the text."""
    return (_text_at(value) or value) if values.is_text(value.type) else value


def _slice(value: Value, program: Program) -> Printed | None:
    start, length = value.member("array"), int(value.member("len"))
    pointer = strip(start.type)
    size = pointer.target.size if isinstance(pointer, PointerType) else 0
    capacity = value.member("cap")  # Optimised code forgets it first.
    if not 0 <= length <= (length if capacity.is_gone else int(capacity)):
        return None
    if length * size > _MOST_BYTES:
        return None
    if length and size:
        program.read(int(start), 1)
    return Printed(_name(value), _elements(start, range(length)), "array")


def _elements(start: Value, indices: range | Iterator[int]) -> Iterator[Child]:
    for count, index in enumerate(islice(indices, _MOST)):
        yield f"[{count}]", _part(start[index])


def _map(value: Value, program: Program) -> Printed:
    inner = strip(value.type)
    if isinstance(inner, PointerType) and not int(value):
        return Printed("nil")
    pairs = islice(entries(value), _MOST)

    def children() -> Iterator[Child]:
        for number, (key, found) in enumerate(pairs):
            yield str(2 * number), _part(key)
            yield str(2 * number + 1), _part(found)

    return Printed(_name(value), children(), "map")


def _chan(value: Value, program: Program) -> Printed | None:
    """Show what waits in a channel, the next one first (runtime.hchan: buf is a ring)."""
    inner = strip(value.type)
    if isinstance(inner, PointerType):
        if not int(value):
            return Printed("nil")
        value, name = value.deref(), _name(value)
    else:
        name = _name(value)
    count, size = int(value.member("qcount")), int(value.member("dataqsiz"))
    first = int(value.member("recvx"))
    if not 0 <= count <= size or not 0 <= first < max(size, 1) or int(value.member("closed")) > 1:
        return None
    # Only the type of a waiting sudog's element tells the element's.
    waiting = strip(value.member("recvq").member("first").type)
    sudog = strip(waiting.target) if isinstance(waiting, PointerType) else None
    field = sudog.field("elem") if isinstance(sudog, StructType) else None
    if field is None or not isinstance(strip(field.type), PointerType):
        return None
    start = from_number(field.type, int(value.member("buf")), value.reader)
    return Printed(name, _elements(start, ((first + at) % size for at in range(count))), "array")


def _interface(value: Value, program: Program) -> Printed:
    context = program.dbg.context()
    found = dynamic_of(value, context)
    if found is None:
        return Printed("nil")
    name = "interface {}" if _name(value) == "runtime.eface" else _name(value)
    head = f"{name}({found.name}) "
    told = error_text(value, context)
    held = found.value(context)
    if told is None and held is not None and values.is_string(held.type):
        told = values.string_bytes(held).decode("utf-8", "surrogateescape")
    if told is not None:
        text = told.encode("utf-8", "surrogateescape")
        return Printed(head + string_text(text, program.formatter().options))
    if held is None:
        return Printed(f"{head}{found.addr:#x}")
    inner = strip(held.type)
    if isinstance(inner, StructType) and program.printed(held) is None:
        members = ((field.name, held.member(field.name)) for field in inner.fields)
        return Printed(head.rstrip(), members)
    return Printed(head + program.text(held))


_PRINTERS: dict[str, Printer] = {
    "string": _string, "slice": _slice, "interface": _interface, "map": _map, "chan": _chan,
}  # fmt: skip
NAMES = tuple(_PRINTERS)
"""What ``info pretty-printer`` lists."""
