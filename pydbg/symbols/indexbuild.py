"""Write a file's index: every name and file of every unit, with its addresses.

``python -m pydbg.symbols.indexbuild PROGRAM INDEX`` is what a debugger leaves behind when it ends
and had to search a big file: at the lowest priority, and with bounded memory.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zlib
from array import array
from collections.abc import Iterable
from typing import IO

from pydbg.errors import FileError
from pydbg.symbols import dwarf
from pydbg.symbols.aranges import columns as sorted_ranges
from pydbg.symbols.cursor import cstring, damaged, fixed, uleb
from pydbg.symbols.dwarf import Abbrev, Form
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.entries import Tag
from pydbg.symbols.line_program import read_header
from pydbg.symbols.lines import LineTable
from pydbg.symbols.linetables import pack
from pydbg.symbols.unitindex import COLUMNS, INLINE, head_of, identity_of, key_of
from pydbg.symbols.unitnames import DECLARED
from pydbg.symbols.units import Dwarf, Unit
from pydbg.symbols.walk import step_over

__all__ = ["build", "write"]

_NAMED = DECLARED | {Tag.subprogram, Tag.namespace}
"""What is looked up by name."""
_STRX = range(Form.strx1, Form.strx4 + 1)
_PARTS = 64
"""So many parts are sorted one after the other."""
_INDEXED = frozenset((Form.strx, Form.gnu_str_index, *_STRX))
"""The forms of a string by its number; all others give an offset."""


def build(elf: ElfFile, area: IO[bytes]) -> dict[str, array[int]]:
    """Read all units of a file and give the columns of its index; FileError for damage.

    Their line tables are written to ``area``, for there are too many to be kept.

    >>> columns = build(ElfFile("/bin/true"), tempfile.TemporaryFile())
    >>> {len(columns[name]) for name in ("units", "names", "files", "line_sums")}
    {0}
    """
    source = Dwarf(elf)
    offsets = source.offsets
    names = _Rows("names", "name_units", "name_strings")
    files = _Rows("files", "file_units")
    ranges: list[tuple[int, int, int]] = []
    places, sums = array("Q", [0]), array("I")
    for number, offset in enumerate(offsets):
        unit = source.unit(offset)
        lines = b"" if unit is None else _lines(source, unit)
        area.write(lines)
        places.append(places[-1] + len(lines))
        sums.append(zlib.crc32(lines))
        if unit is None:
            continue
        with damaged(elf.path):
            names.add(_names(source, unit, number))
        if unit.is_code:
            files.add(_files(source, unit, number))
            ranges += [(low, high, number) for low, high in _ranges(source, unit)]
        source.forget(unit)
    starts, ends, range_units = sorted_ranges(ranges)
    return {
        "units": array("Q", offsets),
        "starts": array("Q", starts),
        "ends": array("Q", ends),
        "range_units": array("I", range_units),
        **names.sorted(),
        **files.sorted(),
        "line_places": places,
        "line_sums": sums,
    }


def _lines(source: Dwarf, unit: Unit) -> bytes:
    """Give a unit's line tables; nothing where it has none, or they are in another file."""
    if not unit.is_code or unit.dwo_name is not None:
        return b""
    lines = LineTable(source.elf, source).unit_lines(unit)
    section = source.elf.section(".debug_line")
    if section is not None:
        source.elf.let_go(section.name, 0, section.size)
    return b"" if lines is None else pack(lines.files)


class _Rows:
    """Gather packed rows, 32 bits a column, and sort them in little memory: a part at a time."""

    def __init__(self, *columns: str) -> None:
        self._columns = columns
        self._parts = [array("I") for _ in range(_PARTS)]

    def add(self, rows: Iterable[int]) -> None:
        """Add rows; those of one call have to be different from those of all others."""
        shifts = [32 * at for at in reversed(range(len(self._columns)))]
        for row in rows:
            values = [row >> shift & 0xFFFFFFFF for shift in shifts]
            self._parts[values[0] * _PARTS >> 32].extend(values)

    def sorted(self) -> dict[str, array[int]]:
        """Give the columns, and forget the rows."""
        width = len(self._columns)
        found = [array("I") for _ in self._columns]
        for at, part in enumerate(self._parts):
            rows = sorted(zip(*(part[column::width] for column in range(width)), strict=True))
            self._parts[at] = array("I")
            for column, values in zip(found, zip(*rows, strict=True), strict=False):
                column.extend(values)
        return dict(zip(self._columns, found, strict=True))


def _names(source: Dwarf, unit: Unit, number: int) -> set[int]:
    """Give packed (key, unit, string) rows of the names that one unit's entries have."""
    data, abbrevs, sizes = source.data(unit), source.abbrevs(unit), unit.sizes
    offsets: set[tuple[int, int]] = set()  # (form, value)
    inline: set[bytes] = set()
    places: dict[int, tuple[tuple[int, ...], int] | None] = {}
    pos, depth, size = unit.die, 0, len(data)
    while pos < size:
        code = data[pos]
        pos += 1
        if code == 0:
            depth -= 1
            if depth <= 0:
                break
            continue
        if code >= 0x80:
            code, pos = uleb(data, pos - 1)
        abbrev = abbrevs[code]
        if code not in places:
            places[code] = _place(abbrev, sizes)
        place = places[code]
        if place is not None:
            at, form = dwarf.skip(data, pos, place[0], **sizes) if place[0] else pos, place[1]
            if form == Form.string:
                inline.add(cstring(data, at)[0])
            else:
                if form in _INDEXED:
                    value = _index(data, at, form)
                else:
                    value = fixed(data, at, sizes["offset_size"])[0]
                offsets.add((form, value))
        pos = step_over(data, pos, abbrev, sizes)
        if abbrev.children:
            depth += 1
        elif depth == 0:
            break
    rows = {_row(name, number, INLINE) for name in inline}
    for form, value in offsets:
        name = source.raw_string(unit, (form, value))
        if name is not None:
            at = value if form in (Form.strp, Form.line_strp) else INLINE
            rows.add(_row(name, number, at))
            if b"<" in name:
                rows.add(_row(name.partition(b"<")[0], number, at))
    return rows


def _row(name: bytes, number: int, string: int) -> int:
    return key_of(name) << 64 | number << 32 | string


def _place(abbrev: Abbrev, sizes: dict[str, int]) -> tuple[tuple[int, ...], int] | None:
    """Give what is to be skipped before an entry's name, and its form; None for no name."""
    if abbrev.tag not in _NAMED:
        return None
    for index, (name, form, _) in enumerate(abbrev.attrs):
        if name == dwarf.DW_AT_name:
            before = dwarf.skip_plan(Abbrev(0, False, abbrev.attrs[:index]), **sizes)
            return before, form
    return None


def _index(data: bytes, pos: int, form: int) -> int:
    if form in _STRX:
        return fixed(data, pos, form - Form.strx1 + 1)[0]
    return uleb(data, pos)[0]


def _files(source: Dwarf, unit: Unit, number: int) -> set[int]:
    """Give packed (key, unit) rows of the files that a unit's line program names."""
    if unit.line_offset is None:
        return set()
    try:
        with damaged(source.elf.path):
            files = read_header(source, unit).files
    except FileError:
        return set()
    bases = {entry.name.rpartition("/")[2] for entry in files}
    return {key_of(base.encode("utf-8", "surrogateescape")) << 32 | number for base in bases}


def _ranges(source: Dwarf, unit: Unit) -> Iterable[tuple[int, int]]:
    """Give a unit's code as unit_at would: by .debug_aranges, or else by its first entry."""
    if unit.offset in source.aranges.units:
        return source.aranges.of(unit.offset)
    return unit.ranges


def write(elf: ElfFile, target: str) -> None:
    """Write the index of a file, all at once: others see the old one, none, or the new one."""
    folder = os.path.dirname(target)
    fd, scratch = tempfile.mkstemp(prefix=".index-", dir=folder)
    try:
        with os.fdopen(fd, "wb") as file, tempfile.TemporaryFile(dir=folder) as area:
            try:
                columns = build(elf, area)
            except FileError:  # Not to be tried again.
                columns = {name: array(kind) for name, kind in COLUMNS.items()}
                columns["line_places"].append(0)
                area.truncate(0)
            file.write(head_of(identity_of(elf), (len(columns[name]) for name in COLUMNS)))
            for name in COLUMNS:
                data = columns[name].tobytes()
                file.write(data + bytes(-len(data) % 8))
            area.seek(0)
            shutil.copyfileobj(area, file)
        os.replace(scratch, target)
    except BaseException:  # Also told to end: nothing but whole indexes stays.
        os.unlink(scratch)
        raise


def main() -> int:
    """Write one index, out of everybody's way; nothing is said."""
    from pydbg.symbols.indexcache import IndexCache

    program, directory = sys.argv[1:]
    os.nice(19)
    cache = IndexCache(directory)
    with cache.only_one(program) as mine:
        if mine:
            try:
                elf = ElfFile(program)
                if elf.section(".debug_info") is not None and not Dwarf(elf).is_complete:
                    return 1  # What dwz moved elsewhere is not found by the usual ways.
                write(elf, cache.path_of(elf))
                cache.trim()
            except (FileError, OSError, ValueError, IndexError, MemoryError):
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
