"""Printers of Go's values, off until `enable pretty-printer` asks for them, as in gdb.

What they print of slices, maps and channels is what the runtime's own script for gdb shows
(src/runtime/runtime-gdb.py), which gdb loads only where the user has called it safe. Of an
interface they tell the dynamic type as well, and of an error its text.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.strings import string_text
from pydbg.expr.types import CType, PointerType, StructType, TypedefType, strip
from pydbg.expr.values import Value, from_number
from pydbg.golang import values
from pydbg.golang.dynamic import dynamic_of, error_text
from pydbg.golang.maps import entries
from pydbg.printers.model import Child, Printed, Printer, StringAt

if TYPE_CHECKING:
    from pydbg.printers.program import Program

__all__ = ["NAMES", "find"]

_MOST = 1 << 20
"""Elements that are offered at the most; how many are shown is `print elements`."""


def find(ctype: CType, name: str) -> tuple[str, Printer] | None:
    """Return the name and the printer of a type."""
    if values.is_string(ctype):
        return "string", _string
    if values.is_slice(ctype):
        return "slice", _slice
    if values.is_interface(ctype):
        return "interface", _interface
    if name.startswith("map[") or (isinstance(strip(ctype), StructType) and values.is_map(ctype)):
        return "map", _map
    if name.startswith(("chan ", "hchan<")):
        return "chan", _chan
    return None


NAMES = ("string", "slice", "interface", "map", "chan")


def _name(value: Value) -> str:
    ctype = value.type
    return ctype.name if isinstance(ctype, TypedefType) else str(ctype)


def _string(value: Value, program: Program) -> Printed:
    inner = strip(value.type)
    assert isinstance(inner, StructType)
    addr, length = (int(value.member(field.name)) for field in inner.fields)
    if length < 0:
        raise ExprError(f"a string of {length} bytes")
    return Printed(StringAt(addr, program.model.uchar, length))


def _slice(value: Value, program: Program) -> Printed:
    length, capacity = int(value.member("len")), int(value.member("cap"))
    if not 0 <= length <= capacity:
        return Printed(f"{_name(value)} of length {length} and capacity {capacity}")
    return Printed(_name(value), _elements(value.member("array"), range(length)), "array")


def _elements(start: Value, indices: range | Iterator[int]) -> Iterator[Child]:
    for count, index in enumerate(islice(indices, _MOST)):
        yield f"[{count}]", start[index]


def _map(value: Value, program: Program) -> Printed:
    inner = strip(value.type)
    if isinstance(inner, PointerType) and not int(value):
        return Printed("nil")

    def children() -> Iterator[Child]:
        for number, (key, found) in enumerate(islice(entries(value), _MOST)):
            yield str(2 * number), key
            yield str(2 * number + 1), found

    return Printed(_name(value), children(), "map")


def _chan(value: Value, program: Program) -> Printed:
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
    if not 0 <= count <= size or not 0 <= first <= size:
        raise ExprError("a corrupt channel")
    # Only the type of a waiting sudog's element tells the element's.
    waiting = strip(value.member("recvq").member("first").type)
    sudog = strip(waiting.target) if isinstance(waiting, PointerType) else None
    field = sudog.field("elem") if isinstance(sudog, StructType) else None
    if field is None or not isinstance(strip(field.type), PointerType):
        raise ExprError("a channel of an unknown layout")
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
    if told is not None:
        return Printed(head + string_text(told.encode(), program.formatter().options))
    held = found.value(context)
    if held is None:
        return Printed(f"{head}{found.addr:#x}")
    inner = strip(held.type)
    if isinstance(inner, StructType) and program.printed(held) is None:
        members = ((field.name, held.member(field.name)) for field in inner.fields)
        return Printed(head.rstrip(), members)
    return Printed(head + program.text(held))
