"""Entries of units one at a time, and what their attributes say: texts, addresses, code."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial

from pydbg.errors import FileError
from pydbg.symbols import dwarf
from pydbg.symbols.cursor import damaged, fixed, uleb
from pydbg.symbols.debugfiles import Places, find_alternate
from pydbg.symbols.dwarf import Abbrevs, Form
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.homes import ALTERNATE, Home, Sections
from pydbg.symbols.rangelists import Entry, list_entries, old_list
from pydbg.symbols.unit import Attr, Ranges, Unit

__all__ = ["Attributes"]

_KEPT = 4 << 20
"""So many bytes of units are kept, or one unit's."""
_HEAD = 1024  # bytes in which a unit's first entry ends, mostly
_ADDRX = frozenset((Form.addrx, Form.gnu_addr_index, *range(Form.addrx1, Form.addrx4 + 1)))
_STRX = frozenset((Form.strx, Form.gnu_str_index, *range(Form.strx1, Form.strx4 + 1)))


class Attributes:
    """Read the entries of units; which units a program has is for `units.Dwarf` to know."""

    def __init__(self, elf: ElfFile, places: Places) -> None:
        self.elf = elf
        self.places = places
        self._main = Home(Sections(elf))
        self._abbrevs: dict[tuple[Home, int], Abbrevs] = {}
        self._data: dict[int, bytes] = {}
        self._size = 0

    def section(self, name: str) -> memoryview:
        """Give a section's bytes (decompressed once), empty where it is not there."""
        return self._main.section(name)

    @cached_property
    def alternate(self) -> Home | None:
        """Give the file that dwz moved common entries to."""
        elf = find_alternate(self.elf, self.places)
        return None if elf is None else Home(Sections(elf), ALTERNATE)

    @property
    def is_complete(self) -> bool:
        """Tell whether nothing is missing that dwz moved elsewhere; without it types are wrong."""
        names = (".gnu_debugaltlink", ".debug_sup")
        return self.alternate is not None or not any(map(self.elf.section, names))

    def data(self, unit: Unit) -> bytes:
        """Give a unit's bytes, from its header on; those of the last few units are kept.

        Entries of LTO's and dwz's units refer to one another all the time.
        """
        found = self._data.get(unit.offset)
        if found is None:
            at = unit.offset - unit.home.base
            found = bytes(unit.home.units[at : at + unit.end - unit.offset])
            if self._size + len(found) > _KEPT:
                self.forget_data()
            self._data[unit.offset] = found
            self._size += len(found)
        return found

    def forget_data(self) -> None:
        """Keep no unit's bytes any more."""
        self._data.clear()
        self._size = 0

    def abbrevs(self, unit: Unit) -> Abbrevs:
        """Give a unit's table of abbreviations."""
        key = unit.home, unit.abbrev_offset
        table = self._abbrevs.get(key)
        if table is None:
            data = unit.home.section(".debug_abbrev")
            table = self._abbrevs[key] = dwarf.read_abbrevs(data, unit.abbrev_offset)
        return table

    # --- entries -----------------------------------------------------------------------------

    def entry(self, unit: Unit, pos: int, data: bytes | None = None) -> tuple[int, dict[int, Attr]]:
        """Read one entry: its tag and its attributes, each a (form, value).

        ``pos`` counts from the unit's header.
        """
        tag, attrs, _ = self.read_entry(unit, pos, self.data(unit) if data is None else data)
        return tag, attrs

    def read_entry(self, unit: Unit, pos: int, data: bytes) -> tuple[int, dict[int, Attr], int]:
        """Read one entry: its tag, its attributes, and where it ends."""
        code, pos = uleb(data, pos)
        if code == 0:
            return 0, {}, pos
        abbrev = self.abbrevs(unit)[code]
        attrs, pos = dwarf.read_attrs(data, pos, abbrev, **unit.sizes)
        return abbrev.tag, attrs, pos

    def read_first_entry(self, unit: Unit) -> None:
        info, at = unit.home.units, unit.offset - unit.home.base
        size = unit.end - unit.offset
        try:
            unit.tag, attrs = self.entry(unit, unit.die, bytes(info[at : at + min(size, _HEAD)]))
        except IndexError:
            unit.tag, attrs = self.entry(unit, unit.die, bytes(info[at : at + size]))
        for name in (
            dwarf.DW_AT_str_offsets_base,
            dwarf.DW_AT_addr_base,
            dwarf.DW_AT_rnglists_base,
            dwarf.DW_AT_loclists_base,
            dwarf.DW_AT_GNU_ranges_base,
        ):
            unit.bases[name] = _number(attrs.get(name), 0)
        if dwarf.DW_AT_GNU_addr_base in attrs:
            unit.bases[dwarf.DW_AT_addr_base] = _number(attrs[dwarf.DW_AT_GNU_addr_base], 0)
        unit.id = _number(attrs.get(dwarf.DW_AT_GNU_dwo_id), unit.id)
        unit.name = self.string(unit, attrs.get(dwarf.DW_AT_name))
        unit.dwo_name = self.string(
            unit, attrs.get(dwarf.DW_AT_dwo_name) or attrs.get(dwarf.DW_AT_GNU_dwo_name)
        )
        unit.comp_dir = self.string(unit, attrs.get(dwarf.DW_AT_comp_dir))
        unit.producer = self.string(unit, attrs.get(dwarf.DW_AT_producer))
        if dwarf.DW_AT_language in attrs:
            unit.language = _number(attrs[dwarf.DW_AT_language], 0)
        if dwarf.DW_AT_stmt_list in attrs and not unit.home.is_split:
            unit.line_offset = _number(attrs[dwarf.DW_AT_stmt_list], 0)
        unit.low_pc = self.address(unit, attrs.get(dwarf.DW_AT_low_pc)) or 0
        unit.read_ranges = partial(self._ranges_of, unit, attrs)

    def _ranges_of(self, unit: Unit, attrs: dict[int, Attr]) -> Ranges:
        try:
            with damaged(f"{self.elf.path}: .debug_info"):
                return self.code_ranges(unit, attrs)
        except FileError:
            return ()

    # --- values ------------------------------------------------------------------------------

    def string(self, unit: Unit, attr: Attr | None) -> str | None:
        """Give a string attribute's text."""
        raw = self.raw_string(unit, attr)
        return None if raw is None else raw.decode("utf-8", "surrogateescape")

    def raw_string(self, unit: Unit, attr: Attr | None) -> bytes | None:
        """Give a string attribute's bytes; None for one in a file that is not there (dwz)."""
        if attr is None:
            return None
        form, value = attr
        if isinstance(value, bytes):
            return value
        home = unit.home
        if form == Form.strp:
            return home.text(".debug_str", value)
        if form == Form.line_strp:
            return home.text(".debug_line_str", value)
        if form in _STRX:
            at = self.index_base(unit) + value * unit.offset_size
            offset, _ = fixed(home.section(".debug_str_offsets"), at, unit.offset_size)
            return home.text(".debug_str", offset)
        if form in (Form.strp_sup, Form.gnu_strp_alt) and self.alternate is not None:
            return self.alternate.text(".debug_str", value)
        return None

    def has_index(self, unit: Unit) -> bool:
        """Tell whether a unit's strings are numbers in .debug_str_offsets."""
        base = unit.bases.get(dwarf.DW_AT_str_offsets_base, 0)
        return bool(base) or unit.kind in (2, 4, 5, 6) or unit.home.is_split

    def index_base(self, unit: Unit) -> int:
        """Give where a unit's slots begin in .debug_str_offsets."""
        base = unit.bases.get(dwarf.DW_AT_str_offsets_base, 0)
        if base or unit.version < 5:
            return base
        return 8 if unit.offset_size == 4 else 16

    def address(self, unit: Unit, attr: Attr | None) -> int | None:
        """Give an address attribute's value, through .debug_addr where it is an index."""
        if attr is None or isinstance(attr[1], bytes):
            return None
        return self.indexed(unit, attr[1]) if attr[0] in _ADDRX else attr[1]

    def indexed(self, unit: Unit, index: int) -> int:
        """Give the address of an index into .debug_addr."""
        owner = unit.skeleton or unit
        base = owner.bases.get(dwarf.DW_AT_addr_base, 0) or (8 if unit.version >= 5 else 0)
        at = base + index * unit.address_size
        return fixed(self.section(".debug_addr"), at, unit.address_size)[0]

    def code_ranges(self, unit: Unit, attrs: dict[int, Attr]) -> Ranges:
        """Give the code an entry covers: (low, high) pairs in the order of the file."""
        ranges = attrs.get(dwarf.DW_AT_ranges)
        if ranges is not None and not isinstance(ranges[1], bytes):
            return tuple(
                (low, high)
                for low, high, _ in self._range_list(unit, ranges[0], ranges[1])
                if low is not None and high > low
            )
        low = self.address(unit, attrs.get(dwarf.DW_AT_low_pc))
        high = attrs.get(dwarf.DW_AT_high_pc)
        if low is None or high is None or isinstance(high[1], bytes):
            return ()
        end = self.address(unit, high) or 0
        if high[0] != Form.addr and high[0] not in _ADDRX:
            end += low  # DWARF 4: a constant is the size
        return ((low, end),) if end > low else ()

    def _range_list(self, unit: Unit, form: int, value: int) -> Iterator[Entry]:
        if unit.version >= 5:
            data = unit.home.section(".debug_rnglists")
            if form == Form.rnglistx:
                value = unit.list_offset(data, dwarf.DW_AT_rnglists_base, value)
            return list_entries(self, unit, data, value, located=False)
        if unit.skeleton is not None:  # The lists of a .dwo are in the program.
            value += unit.skeleton.bases.get(dwarf.DW_AT_GNU_ranges_base, 0)
        return old_list(unit, self.section(".debug_ranges"), value, located=False)


def _number(attr: Attr | None, default: int) -> int:
    return default if attr is None or isinstance(attr[1], bytes) else attr[1]
