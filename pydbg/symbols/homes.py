"""Where the entries of units are: in one file's sections, or in a package's part of them.

A program's entries may lie in several files: its own, the ``.dwo`` files of its units, a
``.dwp`` package, the file that dwz moved common entries to. Each has a home here, and all homes
lie behind one another in one space of offsets: an entry's offset names it whichever file it is
in, and stays the same from one session to the next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial

from pydbg.linux import search
from pydbg.symbols.cursor import fixed
from pydbg.symbols.elf import ElfFile

__all__ = ["ALTERNATE", "PACKAGED", "SPLIT_SHIFT", "TYPES", "Home", "Sections"]

TYPES = 1 << 38
"""Where the units of .debug_types begin, behind those of .debug_info of the same home."""
ALTERNATE = 1 << 39
"""Where the units of the file begin that dwz moved common entries to."""
SPLIT_SHIFT = 40
"""The home of the split unit of the n-th skeleton begins at ``(n + 1) << SPLIT_SHIFT``."""
PACKAGED = 1 << 62
"""Where the type units of a package begin, one ``1 << SPLIT_SHIFT`` after the other."""

_MAX_STRING = 1 << 16
_AT_ONCE = 4 << 20
"""So many bytes of units are searched before they are let go."""


class Sections:
    """Be the DWARF sections of one file; those of split DWARF have ``suffix`` in their names.

    >>> len(Sections(ElfFile("/bin/true")).section(".debug_info"))
    0
    """

    def __init__(self, elf: ElfFile, suffix: str = "") -> None:
        self.elf = elf
        self.suffix = suffix
        self._contents: dict[str, memoryview] = {}

    def section(self, name: str) -> memoryview:
        """Give a section's bytes (decompressed once), empty where it is not there."""
        found = self._contents.get(name)
        if found is None:
            found = self._contents[name] = self._read(name + self.suffix)
        return found

    def _read(self, name: str) -> memoryview:
        # In a .dwo file each type unit has a section of its own, all of one name.
        parts = [one for one in self.elf.sections if one.name == name] if self.suffix else ()
        if len(parts) < 2:
            return self.elf.data(name)
        return memoryview(b"".join(self.elf.data(one) for one in parts))

    def hits(self, name: str, needles: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
        """Give where some of several needles are in a section, and which one it is.

        What was looked through of a section that is mapped is let go: a search takes no memory.
        """
        data, let_go = self.section(name), partial(self.elf.let_go, name + self.suffix)
        return search.each(data, needles, 0, len(data), let_go)


class Home:
    """Hold where units' bytes, strings and lists are.

    ``windows`` are the parts of sections that belong to a unit of a package.
    """

    def __init__(
        self,
        sections: Sections,
        base: int = 0,
        info: str = ".debug_info",
        windows: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        self.sections = sections
        self.base = base
        self.info = info
        self._windows = windows or {}

    @property
    def is_split(self) -> bool:
        """Tell whether it is in a .dwo file or a package."""
        return bool(self.sections.suffix)

    @property
    def in_types(self) -> bool:
        """Tell whether the units are those of DWARF 4's .debug_types."""
        return self.info == ".debug_types"

    @property
    def references(self) -> int:
        """Give what DW_FORM_ref_addr counts from: the home's .debug_info."""
        return self.base & ~TYPES if self.in_types else self.base

    def section(self, name: str) -> memoryview:
        """Give the bytes of a section, as far as they belong here."""
        data = self.sections.section(name)
        window = self._windows.get(name)
        return data if window is None else data[window[0] : window[0] + window[1]]

    def text(self, section: str, offset: int) -> bytes:
        """Read a NUL-terminated string of a string section."""
        data = self.section(section)
        for size in (256, _MAX_STRING):
            piece = bytes(data[offset : offset + size]) if offset >= 0 else b""
            end = piece.find(0)
            if end >= 0:
                return piece[:end]
        raise IndexError(f"{section} has no string at {offset:#x}")

    @cached_property
    def units(self) -> memoryview:
        """Give the section that the units are in."""
        return self.section(self.info)

    @cached_property
    def offsets(self) -> list[int]:
        """Walk the units' lengths: where in the section each begins."""
        info = self.units
        offsets = []
        pos, size = 0, len(info)
        while pos + 11 <= size:
            length, body = fixed(info, pos, 4)
            if length == 0xFFFFFFFF and pos + 12 <= size:
                length, body = fixed(info, body, 8)
            if length == 0 or body + length > size:
                break
            offsets.append(pos)
            pos = body + length
        return offsets

    def units_with(self, needles: Sequence[bytes]) -> Iterator[int]:
        """Give where units begin that have one of some needles among their bytes."""
        offsets, info = self.offsets, self.units
        ends = [*offsets[1:], len(info)]
        first = 0
        while first < len(offsets):
            low, last = offsets[first], first
            while last + 1 < len(offsets) and ends[last + 1] - low <= _AT_ONCE:
                last += 1
            found: set[int] = set()
            for needle in needles:
                at = low
                while (hit := next(search.hits(info, needle, at, ends[last]), None)) is not None:
                    index = bisect_right(offsets, hit) - 1
                    found.add(offsets[index])
                    at = ends[index]  # One is enough for a unit.
            self.sections.elf.let_go(self.info + self.sections.suffix, low, ends[last])
            yield from sorted(found)
            first = last + 1

    def holder(self, pos: int) -> int | None:
        """Give where the unit begins that a position of the section is in."""
        index = bisect_right(self.offsets, pos) - 1
        return self.offsets[index] if index >= 0 else None

    @cached_property
    def signatures(self) -> dict[int, int]:
        """Read the headers of all type units: signature -> where the unit begins."""
        found: dict[int, int] = {}
        info = self.units
        for offset in self.offsets:
            wide = 8 if bytes(info[offset : offset + 4]) == b"\xff\xff\xff\xff" else 4
            start = offset + (12 if wide == 8 else 4)
            if self.in_types:
                at = start + 2 + wide + 1
            elif len(info) > start + 2 and info[start] >= 5 and info[start + 2] in (2, 6):
                at = start + 4 + wide
            else:
                continue
            if at + 8 <= len(info):
                found.setdefault(fixed(info, at, 8)[0], offset)
        return found
