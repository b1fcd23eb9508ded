"""Which class an object really is of: what its table of virtual functions says.

The layout is that of the Itanium C++ ABI, 2.5.2: two words stand before the place that an
object's first word points to, the offset to the whole object and the type's information.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.expr.types import CType, PointerType, QualifiedType, ReferenceType, StructType, strip
from pydbg.expr.values import Value
from pydbg.records import Record, replace

if TYPE_CHECKING:
    from pydbg.debugger import Debugger

__all__ = ["Dynamic", "dynamic_of", "has_table", "pointed_dynamic", "table_class", "whole"]

_PREFIX = "vtable for "
_MAX_DEPTH = 32


class Dynamic(Record):
    """Be the class of a whole object: ``offset`` is where the part that is known lies in it."""

    type: CType
    offset: int


def has_table(ctype: StructType, depth: int = 0) -> bool:
    """Tell whether objects of a class have a table of virtual functions."""
    if depth > _MAX_DEPTH:
        return False
    for field in ctype.fields:
        if field.kind == "virtual" or (field.artificial and field.name.startswith("_vptr")):
            return True
        inner = strip(field.type)
        if field.kind == "base" and isinstance(inner, StructType) and has_table(inner, depth + 1):
            return True
    return False


def dynamic_of(dbg: Debugger, value: Value) -> Dynamic | None:
    """Return the class of the whole object that a value is, None where nothing tells.

    ``value`` is an object of a class with virtual functions.
    """
    ctype = strip(value.type)
    addr = value.addr
    if not isinstance(ctype, StructType) or addr is None or value.reader is None:
        return None
    if not has_table(ctype):
        return None
    word = dbg.arch.pointer_size
    try:
        table = int.from_bytes(value.reader(addr, word), "little")
        name = table_class(dbg, table)
        if name is None:
            return None
        top = int.from_bytes(value.reader(table - 2 * word, word), "little", signed=True)
    except DebuggerError:
        return None
    found = dbg.variables.type_named(name, None)
    if found is None or not isinstance(strip(found), StructType):
        return None
    return Dynamic(found, -top)


def table_class(dbg: Debugger, table: int) -> str | None:
    """Return the class whose table of virtual functions lies around an address."""
    module = dbg.modules.at(table)
    label = module.label_at(table, pretty=True) if module is not None else None
    if label is None or not label[0].startswith(_PREFIX):
        return None
    return label[0].removeprefix(_PREFIX)


def whole(dbg: Debugger, value: Value) -> Value | None:
    """Return an object, or a pointer or reference to one, as what it really is.

    None where that is not known, or not another class's business: no virtual functions.
    """
    ctype = strip(value.type)
    if isinstance(ctype, StructType):
        found = dynamic_of(dbg, value)
        if found is None or value.addr is None or value.reader is None:
            return None
        return Value.at(strip(found.type), value.addr - found.offset, value.reader)
    if not isinstance(ctype, (PointerType, ReferenceType)) or value.reader is None:
        return None
    try:
        addr = int.from_bytes(value.data, "little")
    except DebuggerError:
        return None
    found = dynamic_of(dbg, Value.at(ctype.target, addr, value.reader)) if addr else None
    if found is None:
        return None
    old, target = ctype.target, strip(found.type)
    if isinstance(old, QualifiedType):
        target = QualifiedType(
            target.name, target.size, target, old.const, old.volatile, cplus=old.cplus
        )
    data = (addr - found.offset).to_bytes(ctype.size, "little")
    return Value(replace(ctype, name="", target=target), data, None, value.reader)


def pointed_dynamic(dbg: Debugger, pointer: Value) -> Dynamic | None:
    """Return the class of the object that a pointer points into."""
    ctype = strip(pointer.type)
    if not isinstance(ctype, PointerType) or pointer.reader is None:
        return None
    try:
        addr = int(pointer)
    except DebuggerError:
        return None
    return dynamic_of(dbg, Value.at(ctype.target, addr, pointer.reader)) if addr else None
