"""Lists of locations: which expression says where a variable is, at one address of the code."""

from __future__ import annotations

from collections.abc import Iterator

from pydbg.symbols import dwarf
from pydbg.symbols.dwarf import Form
from pydbg.symbols.rangelists import BASE, Entry, list_entries, old_list, split_list
from pydbg.symbols.units import Attr, Dwarf, Unit

__all__ = ["BASE", "is_list", "location_at", "locations"]


def is_list(attr: Attr) -> bool:
    """Tell whether a location attribute is a list and not one expression.

    >>> is_list((Form.exprloc, b"")), is_list((Form.sec_offset, 0))
    (False, True)
    """
    return not isinstance(attr[1], bytes)


def location_at(source: Dwarf, unit: Unit, attr: Attr, link_addr: int) -> bytes | None:
    """Give the expression that holds at an address; None where the variable is nowhere."""
    value = attr[1]
    if isinstance(value, bytes):
        return value
    default: bytes | None = None
    for low, high, expression in locations(source, unit, attr):
        if low is None:
            default = expression
        elif low <= link_addr < high:
            return expression
    return default


def locations(source: Dwarf, unit: Unit, attr: Attr, *, bases: bool = False) -> Iterator[Entry]:
    """Give the entries of a list: (low, high, expression), low None for the default one.

    With ``bases`` also the base addresses in it: (BASE, address, b"").
    """
    form, value = attr
    assert isinstance(value, int)
    if unit.version < 5:
        data = unit.home.section(".debug_loc")
        if unit.home.is_split:
            return split_list(source, unit, data, value)
        return old_list(unit, data, value, located=True, bases=bases)
    data = unit.home.section(".debug_loclists")
    if form == Form.loclistx:
        value = unit.list_offset(data, dwarf.DW_AT_loclists_base, value)
    return list_entries(source, unit, data, value, located=True, bases=bases)
