"""Compile units: which one an address belongs to, and its first entry.

One address needs .debug_aranges and one unit. Where there are no aranges (clang, rustc, Go)
the units' first entries are skimmed, some ten microseconds each.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

from pydbg.errors import FileError
from pydbg.records import Record, field
from pydbg.symbols import dwarf
from pydbg.symbols.cursor import damaged, fixed, uleb
from pydbg.symbols.dwarf import Abbrevs, Form
from pydbg.symbols.elf import ElfFile

__all__ = ["Dwarf", "Unit"]

_MAX_STRING = 1 << 16
_PIECE = 8 << 20
"""So much of a section is looked through before its pages are let go."""
_HEAD = 1024  # bytes in which a unit's first entry ends, mostly

Value = int | bytes
Ranges = tuple[tuple[int, int], ...]


class Unit(Record, frozen=False):
    """Hold one unit's header and first entry; addresses are link addresses."""

    offset: int
    """Of the header in .debug_info; entries are at offsets from here."""
    end: int
    version: int
    address_size: int
    offset_size: int
    """4 for 32-bit DWARF, 8 for 64-bit DWARF."""
    abbrev_offset: int
    die: int
    """Offset of the first entry from the header."""
    kind: int = 1
    """DW_UT_compile 1, type 2, partial 3, skeleton 4, split_compile 5, split_type 6."""
    tag: int = 0
    name: str | None = None
    comp_dir: str | None = None
    producer: str | None = None
    language: int | None = None
    line_offset: int | None = None
    low_pc: int = 0
    bases: dict[int, int] = field(default_factory=dict)
    """DW_AT_{str_offsets,addr,rnglists,loclists}_base by attribute number."""
    ranges: Ranges = ()
    """What the unit's first entry claims; empty when it claims nothing."""

    @property
    def sizes(self) -> dict[str, int]:
        """Give what the length of an attribute depends on."""
        return {
            "address_size": self.address_size,
            "offset_size": self.offset_size,
            "version": self.version,
        }

    @property
    def is_code(self) -> bool:
        """Tell the units that have code from those that hold common entries or types."""
        return self.tag in (dwarf.DW_TAG_compile_unit, dwarf.DW_TAG_skeleton_unit)


class Dwarf:
    """Be the DWARF sections of one file.

    >>> Dwarf(ElfFile("/bin/true")).unit_at(0x1000) is None
    True
    """

    def __init__(self, elf: ElfFile) -> None:
        self.elf = elf
        self._abbrevs: dict[int, Abbrevs] = {}
        self._units: dict[int, Unit | None] = {}
        self._contents: dict[str, memoryview] = {}
        self._data: tuple[int, bytes] = (-1, b"")

    def section(self, name: str) -> memoryview:
        """Give a section's bytes (decompressed once), empty where it is not there."""
        found = self._contents.get(name)
        if found is None:
            found = self._contents[name] = self.elf.data(name)
        return found

    def hits(self, name: str, needle: bytes, start: int = 0) -> Iterator[int]:
        """Give where bytes occur in a section, from a position on.

        What was looked through of a section that is mapped is let go: a search takes no memory.
        """
        import re

        data = self.section(name)
        search = re.compile(re.escape(needle), re.DOTALL).search  # Faster than bytes.find.
        while start < len(data):
            end = min(start + _PIECE, len(data))
            found = search(data, start, end)
            while found is not None:
                start = found.start() + 1
                yield found.start()
                found = search(data, start, end)
            if end - start >= _PIECE // 2:
                self.elf.let_go(name, start, end)
            start = max(start, end - len(needle) + 1) if end < len(data) else end

    # --- units -------------------------------------------------------------------------------

    def unit_at(self, link_addr: int) -> Unit | None:
        """Find the unit whose code holds an address; None where there is none."""
        starts, ends, offsets = self._aranges
        index = bisect_right(starts, link_addr) - 1
        if index >= 0 and link_addr < ends[index]:
            return self.unit(offsets[index])
        starts, ends, offsets = self._skimmed
        index = bisect_right(starts, link_addr) - 1
        # Ranges may nest where compilers are careless; look back a little.
        for at in range(index, max(-1, index - 8), -1):
            if link_addr < ends[at]:
                return self.unit(offsets[at])
        return None

    def units(self) -> Iterator[Unit]:
        """Give all compile units in the order of the file, damaged ones left out."""
        for offset in self.offsets:
            unit = self.unit(offset)
            if unit is not None and unit.is_code:
                yield unit

    def unit(self, offset: int) -> Unit | None:
        """Read the unit at an offset of .debug_info; None for one that makes no sense."""
        if offset in self._units:
            return self._units[offset]
        unit: Unit | None = None
        try:
            with damaged(f"{self.elf.path}: .debug_info"):
                unit = self._header(offset)
                self._first_entry(unit)
        except FileError:
            unit = None
        self._units[offset] = unit
        return unit

    def unit_of(self, offset: int) -> Unit | None:
        """Find the unit that holds an entry, by the entry's offset in .debug_info."""
        index = bisect_right(self.offsets, offset) - 1
        unit = self.unit(self.offsets[index]) if index >= 0 else None
        return unit if unit is not None and offset < unit.end else None

    def data(self, unit: Unit) -> bytes:
        """Give a unit's bytes, from its header on; the last one asked for is kept."""
        if self._data[0] != unit.offset:
            self._data = unit.offset, bytes(self.section(".debug_info")[unit.offset : unit.end])
        return self._data[1]

    @cached_property
    def offsets(self) -> list[int]:
        """Give where the units begin, of every kind, by walking their lengths."""
        info = self.section(".debug_info")
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

    def _header(self, offset: int) -> Unit:
        info = self.section(".debug_info")
        length, pos = fixed(info, offset, 4)
        offset_size = 4
        if length == 0xFFFFFFFF:
            length, pos = fixed(info, pos, 8)
            offset_size = 8
        end = pos + length
        if end > len(info):
            raise IndexError("a unit ends behind the section")
        version, pos = fixed(info, pos, 2)
        kind = 1
        if version >= 5:
            kind, address_size = info[pos], info[pos + 1]
            abbrev, pos = fixed(info, pos + 2, offset_size)
            if kind in (4, 5):
                pos += 8  # the id of the split unit
            elif kind in (2, 6):
                pos += 8 + offset_size  # a type's signature and offset
        else:
            abbrev, pos = fixed(info, pos, offset_size)
            address_size, pos = info[pos], pos + 1
        if not 2 <= version <= 5 or address_size not in (4, 8):
            raise IndexError(f"version {version}, address size {address_size}")
        return Unit(
            offset, end, version, address_size, offset_size, abbrev, pos - offset, kind
        )  # fmt: skip

    def abbrevs(self, unit: Unit) -> Abbrevs:
        """Give a unit's table of abbreviations."""
        table = self._abbrevs.get(unit.abbrev_offset)
        if table is None:
            table = dwarf.read_abbrevs(self.section(".debug_abbrev"), unit.abbrev_offset)
            self._abbrevs[unit.abbrev_offset] = table
        return table

    # --- entries -----------------------------------------------------------------------------

    def entry(self, unit: Unit, pos: int, data: bytes | None = None) -> tuple[int, dict[int, Attr]]:
        """Read one entry: its tag and its attributes, each a (form, value).

        ``pos`` counts from the unit's header.
        """
        data = self.data(unit) if data is None else data
        code, pos = uleb(data, pos)
        if code == 0:
            return 0, {}
        abbrev = self.abbrevs(unit)[code]
        attrs: dict[int, Attr] = {}
        for name, form, const in abbrev.attrs:
            if form == Form.implicit_const:
                attrs[name] = (form, const)
                continue
            value, pos = dwarf.read_form(
                data,
                pos,
                form,
                address_size=unit.address_size,
                offset_size=unit.offset_size,
                version=unit.version,
            )
            attrs[name] = (form, value)
        return abbrev.tag, attrs

    def _first_entry(self, unit: Unit) -> None:
        info = self.section(".debug_info")
        head = min(unit.end, unit.offset + _HEAD)
        try:
            unit.tag, attrs = self.entry(unit, unit.die, bytes(info[unit.offset : head]))
        except IndexError:
            unit.tag, attrs = self.entry(unit, unit.die, bytes(info[unit.offset : unit.end]))
        for name in (
            dwarf.DW_AT_str_offsets_base,
            dwarf.DW_AT_addr_base,
            dwarf.DW_AT_rnglists_base,
            dwarf.DW_AT_loclists_base,
        ):
            unit.bases[name] = _number(attrs.get(name), 0)
        if dwarf.DW_AT_GNU_addr_base in attrs:
            unit.bases[dwarf.DW_AT_addr_base] = _number(attrs[dwarf.DW_AT_GNU_addr_base], 0)
        unit.name = self.string(unit, attrs.get(dwarf.DW_AT_name))
        unit.comp_dir = self.string(unit, attrs.get(dwarf.DW_AT_comp_dir))
        unit.producer = self.string(unit, attrs.get(dwarf.DW_AT_producer))
        if dwarf.DW_AT_language in attrs:
            unit.language = _number(attrs[dwarf.DW_AT_language], 0)
        if dwarf.DW_AT_stmt_list in attrs:
            unit.line_offset = _number(attrs[dwarf.DW_AT_stmt_list], 0)
        unit.low_pc = self.address(unit, attrs.get(dwarf.DW_AT_low_pc)) or 0
        unit.ranges = self.code_ranges(unit, attrs)

    # --- values ------------------------------------------------------------------------------

    def string(self, unit: Unit, attr: Attr | None) -> str | None:
        """Give a string attribute's text."""
        raw = self.raw_string(unit, attr)
        return None if raw is None else raw.decode("utf-8", "surrogateescape")

    def raw_string(self, unit: Unit, attr: Attr | None) -> bytes | None:
        """Give a string attribute's bytes; None for what is in another file (dwz, dwp)."""
        if attr is None:
            return None
        form, value = attr
        if isinstance(value, bytes):
            return value
        if form == Form.strp:
            return self.text(".debug_str", value)
        if form == Form.line_strp:
            return self.text(".debug_line_str", value)
        if form in (Form.strx, Form.gnu_str_index) or Form.strx1 <= form <= Form.strx4:
            at = self.index_base(unit) + value * unit.offset_size
            offset, _ = fixed(self.section(".debug_str_offsets"), at, unit.offset_size)
            return self.text(".debug_str", offset)
        return None

    def has_index(self, unit: Unit) -> bool:
        """Tell whether a unit's strings are numbers in .debug_str_offsets."""
        base = unit.bases.get(dwarf.DW_AT_str_offsets_base, 0)
        return bool(base) or unit.kind in (2, 4, 5, 6)

    def index_base(self, unit: Unit) -> int:
        """Give where a unit's slots begin in .debug_str_offsets."""
        base = unit.bases.get(dwarf.DW_AT_str_offsets_base, 0)
        return base or (8 if unit.offset_size == 4 else 16)

    def text(self, section: str, offset: int) -> bytes:
        """Read a NUL-terminated string of a string section."""
        data = self.section(section)
        for size in (256, _MAX_STRING):
            piece = bytes(data[offset : offset + size]) if offset >= 0 else b""
            end = piece.find(0)
            if end >= 0:
                return piece[:end]
        raise IndexError(f"{section} has no string at {offset:#x}")

    def address(self, unit: Unit, attr: Attr | None) -> int | None:
        """Give an address attribute's value, through .debug_addr where it is an index."""
        if attr is None or isinstance(attr[1], bytes):
            return None
        form, value = attr[0], _number(attr, 0)
        if form in (Form.addrx, Form.gnu_addr_index) or Form.addrx1 <= form <= Form.addrx4:
            return self.indexed(unit, value)
        return value

    def indexed(self, unit: Unit, index: int) -> int:
        """Give the address of an index into .debug_addr."""
        base = unit.bases.get(dwarf.DW_AT_addr_base, 0) or (8 if unit.version >= 5 else 0)
        at = base + index * unit.address_size
        return fixed(self.section(".debug_addr"), at, unit.address_size)[0]

    def code_ranges(self, unit: Unit, attrs: dict[int, Attr]) -> Ranges:
        """Give the code an entry covers: (low, high) pairs in the order of the file."""
        ranges = attrs.get(dwarf.DW_AT_ranges)
        if ranges is not None and not isinstance(ranges[1], bytes):
            if unit.version >= 5:
                return tuple(self._rnglist(unit, ranges[0], ranges[1]))
            return tuple(self._old_ranges(unit, ranges[1]))
        low = self.address(unit, attrs.get(dwarf.DW_AT_low_pc))
        high = attrs.get(dwarf.DW_AT_high_pc)
        if low is None or high is None or isinstance(high[1], bytes):
            return ()
        end = self.address(unit, high) or 0
        if high[0] not in (Form.addr, Form.addrx) and not Form.addrx1 <= high[0] <= Form.addrx4:
            end += low  # DWARF 4: a constant is the size
        return ((low, end),) if end > low else ()

    def _old_ranges(self, unit: Unit, pos: int) -> Iterator[tuple[int, int]]:
        """Read .debug_ranges (DWARF 4, section 2.17.3)."""
        data, size, base = self.section(".debug_ranges"), unit.address_size, unit.low_pc
        top = (1 << 8 * size) - 1
        while True:
            low, pos = fixed(data, pos, size)
            high, pos = fixed(data, pos, size)
            if low == high == 0:
                return
            if low == top:
                base = high
            elif high > low:
                yield low + base & top, high + base & top

    def _rnglist(self, unit: Unit, form: int, value: int) -> Iterator[tuple[int, int]]:
        """Read .debug_rnglists (DWARF 5, section 7.25)."""
        data, size, base = self.section(".debug_rnglists"), unit.address_size, unit.low_pc
        pos = value
        if form == Form.rnglistx:
            start = unit.bases.get(dwarf.DW_AT_rnglists_base, 0)
            start = start or (12 if unit.offset_size == 4 else 20)
            pos = start + fixed(data, start + value * unit.offset_size, unit.offset_size)[0]
        while True:
            kind = data[pos]
            pos += 1
            if kind == 0:  # DW_RLE_end_of_list
                return
            if kind in (1, 2, 3):  # base_addressx, startx_endx, startx_length
                index, pos = uleb(data, pos)
                low = self.indexed(unit, index)
                if kind == 1:
                    base = low
                    continue
                high, pos = uleb(data, pos)
                high = self.indexed(unit, high) if kind == 2 else low + high
            elif kind == 4:  # offset_pair
                low, pos = uleb(data, pos)
                high, pos = uleb(data, pos)
                low, high = low + base, high + base
            elif kind == 5:  # base_address
                base, pos = fixed(data, pos, size)
                continue
            elif kind == 6:  # start_end
                low, pos = fixed(data, pos, size)
                high, pos = fixed(data, pos, size)
            elif kind == 7:  # start_length
                low, pos = fixed(data, pos, size)
                high, pos = uleb(data, pos)
                high += low
            else:
                raise ValueError(f"range list entry {kind:#x}")
            if high > low:
                yield low, high

    # --- from addresses to units -----------------------------------------------------------------

    @cached_property
    def _aranges(self) -> tuple[list[int], list[int], list[int]]:
        """Read .debug_aranges into sorted columns: starts, ends, unit offsets."""
        rows: list[tuple[int, int, int]] = []
        try:
            with damaged(f"{self.elf.path}: .debug_aranges"):
                self._read_aranges(self.section(".debug_aranges"), rows)
        except FileError:
            pass  # what came before the damage counts; the rest is skimmed
        return _columns(rows)

    def _read_aranges(self, data: memoryview, rows: list[tuple[int, int, int]]) -> None:
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
                        rows.append((low, low + length, unit))
            pos = end

    @cached_property
    def _skimmed(self) -> tuple[list[int], list[int], list[int]]:
        """Read the first entries of the units that .debug_aranges does not have."""
        known = set(self._aranges[2])
        rows: list[tuple[int, int, int]] = []
        for offset in self.offsets:
            if offset in known:
                continue
            unit = self.unit(offset)
            if unit is not None and unit.is_code:
                rows.extend((low, high, offset) for low, high in unit.ranges)
        return _columns(rows)


Attr = tuple[int, Value]


def _number(attr: Attr | None, default: int) -> int:
    return default if attr is None or isinstance(attr[1], bytes) else attr[1]


def _columns(rows: list[tuple[int, int, int]]) -> tuple[list[int], list[int], list[int]]:
    rows = [row for row in rows if row[0]]  # 0: a function that the linker dropped
    rows.sort()
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
