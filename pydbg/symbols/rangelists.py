"""Lists of address ranges, which lists of locations are too: DWARF 3 to 5 and GNU's split one.

Sources: DWARF 4, sections 2.6.2 and 2.17.3 (.debug_loc, .debug_ranges); DWARF 5, sections 7.7.3
and 7.25 (.debug_loclists, .debug_rnglists); https://gcc.gnu.org/wiki/DebugFission (.debug_loc.dwo).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.symbols.cursor import fixed, take, uleb

if TYPE_CHECKING:
    from pydbg.symbols.attributes import Attributes
    from pydbg.symbols.unit import Unit

__all__ = ["BASE", "Entry", "list_entries", "old_list", "split_list"]

BASE = -1
"""Stands for the low address where an entry is a base address, if those are asked for."""

MAX_ENTRIES = 1 << 16
"""What one list may have: gcc's longest are below 10,000."""

Entry = tuple[int | None, int, bytes]
"""Low and high link address, and the expression of a location; low None for a default one."""


def old_list(
    unit: Unit, data: memoryview, pos: int, *, located: bool, bases: bool = False
) -> Iterator[Entry]:
    """Read a list of pairs, relative to the unit or to a base in the list."""
    size, base = unit.address_size, unit.low_pc
    top = (1 << 8 * size) - 1
    for _ in range(MAX_ENTRIES):
        low, pos = fixed(data, pos, size)
        high, pos = fixed(data, pos, size)
        if low == high == 0:
            return
        if low == top:
            base = high
            if bases:
                yield BASE, base, b""
            continue
        expression = b""
        if located:
            length, pos = fixed(data, pos, 2)
            expression, pos = take(data, pos, length)
        yield low + base & top, high + base & top, expression
    raise IndexError("a list does not end")


def split_list(source: Attributes, unit: Unit, data: memoryview, pos: int) -> Iterator[Entry]:
    """Read a list of locations of a .dwo before DWARF 5: addresses are indexes."""
    base = unit.low_pc
    for _ in range(MAX_ENTRIES):
        kind = data[pos]
        pos += 1
        if kind == 0:  # DW_LLE_GNU_end_of_list_entry
            return
        if kind in (1, 2, 3):  # base_address_selection, start_end, start_length
            index, pos = uleb(data, pos)
            low = source.indexed(unit, index)
            if kind == 1:
                base = low
                continue
            high, pos = uleb(data, pos) if kind == 2 else fixed(data, pos, 4)
            high = source.indexed(unit, high) if kind == 2 else low + high
        elif kind == 4:  # offset_pair
            low, pos = fixed(data, pos, 4)
            high, pos = fixed(data, pos, 4)
            low, high = low + base, high + base
        else:
            raise ValueError(f"location list entry {kind:#x}")
        length, pos = fixed(data, pos, 2)
        expression, pos = take(data, pos, length)
        yield low, high, expression
    raise IndexError("a list does not end")


def list_entries(
    source: Attributes,
    unit: Unit,
    data: memoryview,
    pos: int,
    *,
    located: bool,
    bases: bool = False,
) -> Iterator[Entry]:
    """Read a list of DWARF 5; those of locations have one more kind of entry, the default."""
    size, base = unit.address_size, unit.low_pc
    for _ in range(MAX_ENTRIES):
        kind = data[pos]
        pos += 1
        low: int | None = None
        high = 0
        if kind == 0:  # end_of_list
            return
        if located and kind == 9:  # GNU's view_pair, which says nothing of the place
            _, pos = uleb(data, pos)
            _, pos = uleb(data, pos)
            continue
        if located and kind > 5:
            kind -= 1
        elif located and kind == 5:  # default_location
            kind = -1
        if kind in (1, 2, 3):  # base_addressx, startx_endx, startx_length
            index, pos = uleb(data, pos)
            low = source.indexed(unit, index)
            if kind == 1:
                base = low
                if bases:
                    yield BASE, base, b""
                continue
            high, pos = uleb(data, pos)
            high = source.indexed(unit, high) if kind == 2 else low + high
        elif kind == 4:  # offset_pair
            low, pos = uleb(data, pos)
            high, pos = uleb(data, pos)
            low, high = low + base, high + base
        elif kind == 5:  # base_address
            base, pos = fixed(data, pos, size)
            if bases:
                yield BASE, base, b""
            continue
        elif kind == 6:  # start_end
            low, pos = fixed(data, pos, size)
            high, pos = fixed(data, pos, size)
        elif kind == 7:  # start_length
            low, pos = fixed(data, pos, size)
            high, pos = uleb(data, pos)
            high += low
        elif kind != -1:
            raise ValueError(f"list entry {kind:#x}")
        expression = b""
        if located:
            length, pos = uleb(data, pos)
            expression, pos = take(data, pos, length)
        yield low, high, expression
    raise IndexError("a list does not end")
