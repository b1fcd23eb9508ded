"""Lists of locations: which expression says where a variable is, at one address of the code.

Sources: DWARF 4, section 2.6.2 (.debug_loc); DWARF 5, section 7.7.3 (.debug_loclists).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydbg.symbols import dwarf
from pydbg.symbols.cursor import fixed, take, uleb
from pydbg.symbols.dwarf import Form
from pydbg.symbols.units import Attr, Dwarf, Unit

__all__ = ["is_list", "location_at", "locations"]

_MAX_ENTRIES = 1 << 16


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


def locations(source: Dwarf, unit: Unit, attr: Attr) -> Iterator[tuple[int | None, int, bytes]]:
    """Give the entries of a list: (low, high, expression), low None for the default one."""
    value = attr[1]
    assert isinstance(value, int)
    if unit.version >= 5:
        yield from _loclist(source, unit, attr[0], value)
    else:
        yield from _old_list(source, unit, value)


def _old_list(source: Dwarf, unit: Unit, pos: int) -> Iterator[tuple[int | None, int, bytes]]:
    data, size, base = source.section(".debug_loc"), unit.address_size, unit.low_pc
    top = (1 << 8 * size) - 1
    for _ in range(_MAX_ENTRIES):
        low, pos = fixed(data, pos, size)
        high, pos = fixed(data, pos, size)
        if low == high == 0:
            return
        if low == top:
            base = high
            continue
        length, pos = fixed(data, pos, 2)
        expression, pos = take(data, pos, length)
        yield low + base & top, high + base & top, expression


def _loclist(
    source: Dwarf, unit: Unit, form: int, value: int
) -> Iterator[tuple[int | None, int, bytes]]:
    data, size, base = source.section(".debug_loclists"), unit.address_size, unit.low_pc
    pos = value
    if form == Form.loclistx:
        start = unit.bases.get(dwarf.DW_AT_loclists_base, 0)
        start = start or (12 if unit.offset_size == 4 else 20)
        pos = start + fixed(data, start + value * unit.offset_size, unit.offset_size)[0]
    for _ in range(_MAX_ENTRIES):
        kind = data[pos]
        pos += 1
        low: int | None = None
        high = 0
        if kind == 0:  # DW_LLE_end_of_list
            return
        if kind in (1, 2, 3):  # base_addressx, startx_endx, startx_length
            index, pos = uleb(data, pos)
            start = source.indexed(unit, index)
            if kind == 1:
                base = start
                continue
            high, pos = uleb(data, pos)
            low, high = start, source.indexed(unit, high) if kind == 2 else start + high
        elif kind == 4:  # offset_pair
            low, pos = uleb(data, pos)
            high, pos = uleb(data, pos)
            low, high = low + base, high + base
        elif kind == 6:  # base_address
            base, pos = fixed(data, pos, size)
            continue
        elif kind == 7:  # start_end
            low, pos = fixed(data, pos, size)
            high, pos = fixed(data, pos, size)
        elif kind == 8:  # start_length
            low, pos = fixed(data, pos, size)
            high, pos = uleb(data, pos)
            high += low
        elif kind == 9:  # GNU's view_pair, which says nothing of the place
            _, pos = uleb(data, pos)
            _, pos = uleb(data, pos)
            continue
        elif kind != 5:  # default_location
            raise ValueError(f"location list entry {kind:#x}")
        length, pos = uleb(data, pos)
        expression, pos = take(data, pos, length)
        yield low, high, expression
