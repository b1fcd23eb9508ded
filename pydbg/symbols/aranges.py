"""Read .debug_aranges, the table from addresses to units (DWARF 5, section 6.1.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pydbg.symbols.cursor import fixed

__all__ = ["columns", "read_aranges"]


def read_aranges(data: memoryview) -> Iterator[tuple[int, int, int]]:
    """Give the rows of a section: low and high link address, offset of the unit."""
    pos, size = 0, len(data)
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
            pairs = data[first : first + (end - first) // (2 * word) * 2 * word]
            layout = struct.Struct("<QQ" if word == 8 else "<II")
            for low, length in layout.iter_unpack(pairs):
                if length:
                    yield low, low + length, unit
        pos = end


def columns(rows: list[tuple[int, int, int]]) -> tuple[list[int], list[int], list[int]]:
    """Sort rows by address and give them as columns, those at address 0 left out.

    >>> columns([(16, 32, 0), (0, 8, 0), (8, 16, 11)])
    ([8, 16], [16, 32], [11, 0])
    """
    rows = [row for row in rows if row[0]]  # 0: a function that the linker dropped
    rows.sort()
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
