"""info vtbl: the tables of virtual functions of an object (gdb's gnu-v3-abi.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import CommandError
from pydbg.expr.types import PointerType, ReferenceType, StructType, strip
from pydbg.variables.rtti import has_table

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.expr.values import Value

__all__ = ["tables"]

_MAX_DEPTH = 32
_MAX_ENTRIES = 4096


def tables(session: Session, value: Value) -> str:
    """Return the text: a table for each part of the object that has virtual functions."""
    ctype = strip(value.type)
    if isinstance(ctype, ReferenceType):
        value = value.referred()
    elif isinstance(ctype, PointerType):
        value = value.deref()
    ctype = strip(value.type)
    if not isinstance(ctype, StructType) or not has_table(ctype) or value.addr is None:
        raise CommandError("This object does not have a virtual function table")
    parts: dict[int, tuple[str, int]] = {}
    _gather(value, parts, 0)
    texts = [_table(session, addr, name, last) for addr, (name, last) in parts.items() if last >= 0]
    return "\n\n".join(texts)


def _gather(value: Value, parts: dict[int, tuple[str, int]], depth: int) -> None:
    """Note a part by its address, with the last entry that a class there uses."""
    ctype, addr = strip(value.type), value.addr
    if not isinstance(ctype, StructType) or addr is None or depth > _MAX_DEPTH:
        return
    if not has_table(ctype):
        return
    name, last = parts.get(addr, (ctype.name, -1))
    own = [method.index for method in ctype.methods if method.virtual]
    parts[addr] = name, max([last, *own])
    for field in ctype.fields:
        if field.kind in ("base", "virtual"):
            _gather(value.base_part(field), parts, depth + 1)


def _table(session: Session, addr: int, name: str, last: int) -> str:
    dbg = session.dbg
    word = dbg.arch.pointer_size
    read = dbg.context().read
    table = int.from_bytes(read(addr, word), "little")
    lines = [f"vtable for '{name}' @ {table:#x} (subobject @ {addr:#x}):"]
    for index in range(min(last + 1, _MAX_ENTRIES)):
        entry = int.from_bytes(read(table + index * word, word), "little")
        symbol = dbg.symbolize(entry, pretty=True)
        lines.append(f"[{index}]: {entry:#x}{f' {symbol}' if symbol else ''}")
    return "\n".join(lines)
