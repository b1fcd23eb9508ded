"""Which units can hold a name: its string is searched in whole sections, no entry is decoded.

A name is in a unit's bytes itself, or as the offset of its string, or (DWARF 5) as the number
of a slot in .debug_str_offsets that has the offset. What is found may mean something else; what
is not found is nowhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from pydbg.symbols.cursor import fixed
from pydbg.symbols.units import Dwarf

__all__ = ["StringSearch", "own_names"]

_MAX_STRINGS = 64
"""So many strings are looked for in the units; with more, every unit counts."""
_STRINGS = (".debug_str", ".debug_line_str")


def own_names(name: str) -> list[str]:
    """Give what the entry's own name can be, of a name with the scopes around it.

    Only a name with brackets can have more than one: what is inside of them has scopes too.

    >>> own_names("a::b"), own_names("a::v<b::c>::d")
    (['b'], ['a::v<b::c>::d', 'v<b::c>::d', 'c>::d', 'd'])
    """
    if not any(mark in name for mark in "<({[&* "):
        return [name.rpartition("::")[2]]
    found = [name]
    at = name.find("::")
    while at >= 0:
        found.append(name[at + 2 :])
        at = name.find("::", at + 2)
    return [own for own in found if own]


class StringSearch:
    """Search one file's strings, and the units that have them.

    >>> from pydbg.symbols.elf import ElfFile
    >>> StringSearch(Dwarf(ElfFile("/bin/true"))).units_with(["main"])
    []
    """

    def __init__(self, source: Dwarf) -> None:
        self._source = source
        self._known: dict[tuple[tuple[str, ...], bool], list[int]] = {}
        self._needles: dict[tuple[tuple[str, ...], bool], list[bytes] | None] = {}

    def units_with(self, names: Iterable[str], *, templates: bool = False) -> list[int]:
        """Give the offsets of the units that may have an entry of one of the names.

        With ``templates`` a name counts that goes on with template arguments (``max<int>``).
        """
        key = tuple(names), templates
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._search(*key)
        return found

    def needles(self, names: Iterable[str], *, templates: bool = False) -> list[bytes] | None:
        """Give what the attribute of such a name can be in a unit; None for too many.

        That is the string itself or the offset of one; not the number of a slot.
        """
        key = tuple(names), templates
        if key not in self._needles:
            self._needles[key] = self._collect(*key)
        return self._needles[key]

    def _collect(self, names: tuple[str, ...], templates: bool) -> list[bytes] | None:
        raw = [name.encode("utf-8", "surrogateescape") for name in names if name]
        inline = [name + b"\0" for name in raw]
        inline += [name + b"<" for name in raw] if templates else []
        strings = []
        for section in _STRINGS:
            for needle in inline:
                for at in self._source.hits(section, needle):
                    if needle[-1:] == b"\0" or _is_whole(self._source.section(section), at):
                        strings.append(at.to_bytes(4, "little"))
                        if len(strings) > _MAX_STRINGS:
                            return None
        return inline + strings

    def _search(self, names: tuple[str, ...], templates: bool) -> list[int]:
        needles = self.needles(names, templates=templates)
        if needles is None:
            return self._source.offsets
        found: set[int] = set()
        for needle in needles:
            self._add_units(needle, found)
        self._add_indexed(needles, found)
        return sorted(found)

    def _add_units(self, needle: bytes, found: set[int]) -> None:
        """Add the units in whose bytes the needle is."""
        offsets, at = self._source.offsets, 0
        while True:
            hit = next(self._source.hits(".debug_info", needle, at), None)
            if hit is None:
                return
            index = bisect_right(offsets, hit)
            if index:
                found.add(offsets[index - 1])
            if index == len(offsets):
                return
            at = offsets[index]  # One is enough for a unit.

    def _add_indexed(self, needles: list[bytes], found: set[int]) -> None:
        """Add the units whose part of .debug_str_offsets has one of the strings."""
        source = self._source
        places = [at for needle in needles for at in source.hits(".debug_str_offsets", needle)]
        if not places:
            return
        for offset in self._source.offsets:
            unit = None if offset in found else source.unit(offset)
            if unit is None or not source.has_index(unit):
                continue
            low, high = _slots(source, source.index_base(unit))
            if any(low <= place < high for place in places):
                found.add(offset)


def _is_whole(strings: memoryview, at: int) -> bool:
    """Tell whether what begins here can be a string: its brackets come in pairs."""
    text = bytes(strings[at : at + 4096]).partition(b"\0")[0].replace(b"->", b"")
    return text.count(b"<") == text.count(b">")


def _slots(source: Dwarf, base: int) -> tuple[int, int]:
    """Give where a unit's slots begin and end: the length is in front of them (DWARF 5, 7.26)."""
    data = source.section(".debug_str_offsets")
    for size, wide in ((8, 4), (16, 8)):
        if base < size:
            continue
        length, at = fixed(data, base - size, 4)
        if wide == 8:
            if length != 0xFFFFFFFF:
                continue
            length, at = fixed(data, at, 8)
        if base <= at + length <= len(data):
            return base, at + length
    return base, len(data)
