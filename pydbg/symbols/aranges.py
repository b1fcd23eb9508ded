"""From addresses to units: .debug_aranges (DWARF 5, section 6.1.2), without sorting half a million.

C++ programs have a range for each function of a template. A few are sorted; of many, the columns
are looked through set by set, 40 ns a range, and what was found is kept.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property

from pydbg.errors import FileError
from pydbg.symbols.cursor import damaged, fixed

__all__ = ["Aranges", "Columns", "columns", "find_in", "range_at"]

_FEW = 1 << 14
_KEPT = 4096

Columns = tuple[list[int], list[int], list[int]]
"""Starts in order, ends, and the offsets of units (or other entries)."""


def columns(rows: list[tuple[int, int, int]]) -> Columns:
    """Sort (low, high, unit) rows into columns.

    >>> columns([(32, 48, 7), (0, 16, 0), (16, 20, 3)])
    ([16, 32], [20, 48], [3, 7])
    """
    rows = [row for row in rows if row[0]]  # 0: a function that the linker dropped
    rows.sort()
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def range_at(starts: Sequence[int], ends: Sequence[int], addr: int) -> int | None:
    """Find the range that an address is in, by its place among all that are sorted by start.

    Ranges may nest where compilers are careless, so that a few before the nearest count too.

    >>> range_at([16, 32], [20, 48], 33), range_at([16, 32], [20, 48], 20)
    (1, None)
    """
    nearest = bisect_right(starts, addr) - 1
    for at in range(nearest, max(-1, nearest - 8), -1):
        if addr < ends[at]:
            return at
    return None


def find_in(known: Columns, link_addr: int) -> int | None:
    """Find the unit (or other entry) of an address.

    >>> find_in(([16, 32], [20, 48], [3, 7]), 33)
    7
    """
    starts, ends, offsets = known
    at = range_at(starts, ends, link_addr)
    return None if at is None else offsets[at]


class Aranges:
    """Be the sets of one .debug_aranges section; a damaged one ends where the damage is."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._sets: list[tuple[int, int, int, int]] = []  # (unit, word, from, to)
        self._found: list[tuple[int, int, int]] = []
        try:
            with damaged(".debug_aranges"):
                self._read()
        except FileError:
            pass  # what came before the damage counts; the rest is skimmed
        self._of_unit: dict[int, list[tuple[int, int, int]]] = {}
        for unit, *where in self._sets:
            self._of_unit.setdefault(unit, []).append((where[0], where[1], where[2]))
        self.units = frozenset(self._of_unit)
        """The offsets of the units that have a set."""

    def _read(self) -> None:
        data, size, pos = self._data, len(self._data), 0
        while pos + 12 <= size:
            start = pos
            length, pos = fixed(data, pos, 4)
            wide = 4
            if length == 0xFFFFFFFF:
                length, pos = fixed(data, pos, 8)
                wide = 8
            end = pos + length
            if end > size or length == 0:
                raise IndexError("a set ends behind the section")
            version, pos = fixed(data, pos, 2)
            unit, pos = fixed(data, pos, wide)
            word, pos = data[pos], pos + 2
            if version == 2 and word in (4, 8):
                first = start + -(-(pos - start) // (2 * word)) * 2 * word
                last = first + max(0, end - first) // (2 * word) * 2 * word
                if last > first:
                    self._sets.append((unit, word, first, last))
            pos = end

    def find(self, link_addr: int) -> int | None:
        """Find the offset of the unit whose code holds an address."""
        if len(self._data) <= 16 * _FEW:
            return find_in(self._columns, link_addr)
        for low, high, unit in self._found:
            if low <= link_addr < high:
                return unit
        for unit, word, first, last in self._sets:
            pairs = self._data[first:last].cast("Q" if word == 8 else "I")
            for low, size in zip(pairs[::2], pairs[1::2], strict=True):
                if low <= link_addr < low + size and low:
                    if len(self._found) > _KEPT:
                        self._found.clear()
                    self._found.append((low, low + size, unit))
                    return unit
        return None

    def of(self, unit: int) -> list[tuple[int, int]]:
        """Give the ranges of one unit."""
        found = []
        for word, first, last in self._of_unit.get(unit, ()):
            pairs = self._data[first:last].cast("Q" if word == 8 else "I")
            found += [
                (low, low + size) for low, size in zip(pairs[::2], pairs[1::2], strict=True) if size
            ]
        return found

    @cached_property
    def _columns(self) -> Columns:
        return columns([(*code, unit) for unit in self.units for code in self.of(unit)])
