"""Which units can hold a name: its string is searched in whole sections, no entry is decoded.

A name is in a unit's bytes itself, or as the offset of its string, or (DWARF 5) as the number
of a slot in .debug_str_offsets that has the offset. What is found may mean something else; what
is not found is nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pydbg.symbols.cursor import fixed
from pydbg.symbols.homes import Home, Sections
from pydbg.symbols.units import Dwarf, Unit

if TYPE_CHECKING:
    from pydbg.symbols.unitindex import UnitIndex

__all__ = ["StringSearch", "own_names"]

_MAX_STRINGS = 64
"""So many strings are looked for in the units; with more, every unit counts."""
_STRINGS = (".debug_str", ".debug_line_str")


def own_names(name: str) -> list[str]:
    """Give what the entry's own name can be, of a name with the scopes around it.

    Only a name with brackets can have more than one. The scopes inside of them do not count,
    unless an operator's name leaves open what is a bracket.

    >>> own_names("a::b"), own_names("a::v<b::c>::d")
    (['b'], ['a::v<b::c>::d', 'v<b::c>::d', 'd'])
    """
    if not any(mark in name for mark in "<({[&* "):
        return [name.rpartition("::")[2]]
    found = [name]
    at = name.find("::")
    start = depth = 0
    while at >= 0:
        depth += name.count("<", start, at) - name.count(">", start, at)
        start = at
        if depth <= 0 or "operator" in name:
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
        inline = _inline(names, templates)
        found = list(inline)
        for home in self._source.homes:
            index = self._index_of(home)
            if index is not None:
                known = {at for name in names for _, at in index.with_name(_raw(name))}
                found += [at.to_bytes(4, "little") for at in sorted(known)]
                continue
            strings = [] if home.in_types else _strings(home.sections, inline)
            if strings is None:
                return None
            found += strings
        return found

    def _search(self, names: tuple[str, ...], templates: bool) -> list[int]:
        needles = self.needles(names, templates=templates)
        found: set[int] = set()
        for home in self._source.homes:
            index = self._index_of(home)
            if index is not None:
                found.update(unit for name in names for unit, _ in index.with_name(_raw(name)))
                continue
            if needles is None:
                found.update(home.base + offset for offset in home.offsets)
                continue
            found.update(home.base + offset for offset in home.units_with(needles))
            self._add_indexed(home, needles, found)
        found.update(self._split(_inline(names, templates)))
        return sorted(offset for offset in found if self._counts(offset))

    def units_referring(self, unit: Unit, pos: int) -> list[int]:
        """Give the offsets of the units that may refer to an entry of another unit."""
        needle = (unit.offset + pos - unit.home.references).to_bytes(4, "little")
        found: set[int] = set()
        for home in self._source.homes:
            if not home.in_types:
                found.update(home.base + offset for offset in home.units_with([needle]))
        return sorted(offset for offset in found if self._counts(offset))

    def _index_of(self, home: Home) -> UnitIndex | None:
        return self._source.index if not home.base else None

    def _counts(self, offset: int) -> bool:
        unit = self._source.unit(offset)
        return unit is not None and self._source.declares(unit)

    def _split(self, inline: list[bytes]) -> Iterator[int]:
        """Give the units in other files: each is small, or has its part of the offsets alone."""
        known: dict[Sections, list[bytes] | None] = {}
        for unit in self._source.split_units():
            home = unit.home
            if home.sections not in known:
                known[home.sections] = _strings(home.sections, inline)
            strings = known[home.sections]
            indexes = bytes(home.section(".debug_str_offsets")) if strings else b""
            data = self._source.data(unit)
            if (
                strings is None
                or any(string in indexes for string in strings)
                or any(needle in data for needle in inline)
            ):
                yield unit.offset

    def _add_indexed(self, home: Home, needles: list[bytes], found: set[int]) -> None:
        """Add the units whose part of .debug_str_offsets has one of the strings."""
        source = self._source
        places = [at for at, _ in home.sections.hits(".debug_str_offsets", needles)]
        if not places:
            return
        for at in home.offsets:
            offset = home.base + at
            unit = None if offset in found else source.unit(offset)
            if unit is None or not source.has_index(unit):
                continue
            low, high = _slots(home, source.index_base(unit))
            if any(low <= place < high for place in places):
                found.add(offset)


def _inline(names: Iterable[str], templates: bool) -> list[bytes]:
    """Give what a unit's bytes have where a name is among them itself."""
    raw = [_raw(name) for name in names if name]
    return [name + b"\0" for name in raw] + ([name + b"<" for name in raw] if templates else [])


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _strings(sections: Sections, inline: list[bytes]) -> list[bytes] | None:
    """Give the offsets of strings as units write them; None for too many."""
    strings = []
    for section in _STRINGS:
        for at, needle in sections.hits(section, inline):
            if needle[-1:] == b"\0" or _is_whole(sections.section(section), at):
                strings.append(at.to_bytes(4, "little"))
                if len(strings) > _MAX_STRINGS:
                    return None
    return strings


def _is_whole(strings: memoryview, at: int) -> bool:
    """Tell whether what begins here can be a string: its brackets come in pairs."""
    text = bytes(strings[at : at + 4096]).partition(b"\0")[0].replace(b"->", b"")
    return text.count(b"<") == text.count(b">")


def _slots(home: Home, base: int) -> tuple[int, int]:
    """Give where a unit's slots begin and end: the length is in front of them (DWARF 5, 7.26)."""
    data = home.section(".debug_str_offsets")
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
