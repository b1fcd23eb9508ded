"""Split DWARF: the .dwo files beside a program's objects, and .dwp packages of them.

Sources: DWARF 5, sections 3.1.2 and 7.3.5; https://gcc.gnu.org/wiki/DebugFission and
DebugFissionDWP for the forms of GNU before DWARF 5. Files are looked for where gdb 13 does
(dwarf2/read.c: open_dwo_file, open_and_init_dwp_file).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cached_property

from pydbg.symbols.cursor import damaged, fixed
from pydbg.symbols.debugfiles import Places, open_elf
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.homes import Sections

__all__ = ["Package", "can_be_split", "dwo_files", "find_package", "open_dwo"]

Windows = dict[str, tuple[int, int]]

_COLUMNS_V2 = {1: ".debug_info", 2: ".debug_types", 3: ".debug_abbrev", 4: ".debug_line",
               5: ".debug_loc", 6: ".debug_str_offsets"}  # fmt: skip
_COLUMNS_V5 = {1: ".debug_info", 3: ".debug_abbrev", 4: ".debug_line", 5: ".debug_loclists",
               6: ".debug_str_offsets", 8: ".debug_rnglists"}  # fmt: skip


class Package:
    """Be a .dwp file: the units of many .dwo files, found by their ids and signatures."""

    def __init__(self, elf: ElfFile) -> None:
        self.sections = Sections(elf, ".dwo")
        self.name = os.path.basename(elf.path)

    @cached_property
    def units(self) -> dict[int, Windows]:
        """Give the parts of the sections that belong to each compile unit, by its id."""
        return dict(_index(self.sections.elf, ".debug_cu_index"))

    @cached_property
    def types(self) -> dict[int, tuple[int, Windows]]:
        """Give the same of type units, by signature, each with its place in the order."""
        rows = _index(self.sections.elf, ".debug_tu_index")
        return {signature: (row, windows) for row, (signature, windows) in enumerate(rows)}


def can_be_split(abbrevs: memoryview) -> bool:
    """Tell whether some abbreviation can name a .dwo file: DW_AT_dwo_name, or GNU's.

    >>> can_be_split(memoryview(bytes([1, 0x11, 0, 0x76, 0x08, 0, 0])))
    True
    """
    return re.search(rb"\x76[\x08\x0e\x1a\x1f\x25-\x28]|\xb0\x42", abbrevs) is not None


def _index(elf: ElfFile, name: str) -> Iterator[tuple[int, Windows]]:
    """Read .debug_cu_index or .debug_tu_index, rows in their order."""
    data = elf.data(name)
    if not data:
        return
    with damaged(f"{elf.path}: {name}"):
        version = fixed(data, 0, 4)[0]
        if version != 2:
            version = fixed(data, 0, 2)[0]
        if version not in (2, 5):
            raise ValueError(f"version {version}")
        columns, units, slots = (fixed(data, pos, 4)[0] for pos in (4, 8, 12))
        ids, numbers = 16, 16 + 8 * slots
        header = numbers + 4 * slots
        offsets = header + 4 * columns
        sizes = offsets + 4 * columns * units
        if sizes + 4 * columns * units > len(data):
            raise IndexError("the index ends behind the section")
        known = _COLUMNS_V2 if version == 2 else _COLUMNS_V5
        names = [known.get(fixed(data, header + 4 * n, 4)[0]) for n in range(columns)]
        rows: dict[int, int] = {}
        for slot in range(slots):
            row = fixed(data, numbers + 4 * slot, 4)[0]
            if 0 < row <= units:
                rows[row] = fixed(data, ids + 8 * slot, 8)[0]
        for row, signature in sorted(rows.items()):
            windows: Windows = {}
            for column, section in enumerate(names):
                if section is not None:
                    at = 4 * (columns * (row - 1) + column)
                    offset, size = fixed(data, offsets + at, 4)[0], fixed(data, sizes + at, 4)[0]
                    windows[section] = offset, size
            yield signature, windows


def find_package(name: str, places: Places) -> Package | None:
    """Open the package of a program: its name and ``.dwp``, beside it or in gdb's places."""
    paths = [f"{path}.dwp" for path in dict.fromkeys((name, os.path.realpath(name)))]
    paths += [f"{base}/{os.path.basename(name)}.dwp" for base in (".", *places.directories)]
    for path in paths:
        found = open_elf(path)
        if found is not None:
            return Package(found)
    return None


def dwo_files(program: str, name: str, comp_dir: str | None, places: Places) -> Iterator[str]:
    """Give the files that may hold a split unit of a program, in gdb's order.

    >>> list(dwo_files("/bin/prog", "a.dwo", "/src", Places("/debug")))
    ['/src/a.dwo', '/bin/a.dwo', './a.dwo', '/debug/a.dwo']
    """
    if name.startswith("/"):
        yield name
        return
    if comp_dir:
        yield os.path.join(comp_dir, name)
    if "/" in name:
        yield name
        return
    for base in (os.path.dirname(program) or ".", ".", *places.directories):
        yield os.path.join(base, name)


def open_dwo(path: str) -> Sections | None:
    """Open a .dwo file; None where there is none that can be read."""
    elf = open_elf(path)
    return None if elf is None else Sections(elf, ".dwo")
