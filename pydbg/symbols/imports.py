"""Entries that several units share: what dwz took out of many, and what LTO joined."""

from __future__ import annotations

from pydbg.errors import FileError
from pydbg.symbols import dwarf
from pydbg.symbols.cursor import damaged
from pydbg.symbols.homes import Sections
from pydbg.symbols.unit import Unit
from pydbg.symbols.units import Dwarf

__all__ = ["imported_units", "linked_whole"]

_MAX_IMPORTS = 1 << 16
_FEW_UNITS = 512
_ARTIFICIAL = "<artificial>"
_ORIGIN_ELSEWHERE = b"\x31\x10"
"""DW_AT_abstract_origin as DW_FORM_ref_addr, among abbreviations: code made of another unit's."""


def imported_units(source: Dwarf) -> dict[int, Unit]:
    """Find which units are imported, and by which unit of the program first.

    >>> from pydbg.symbols.elf import ElfFile
    >>> imported_units(Dwarf(ElfFile("/bin/true")))
    {}
    """
    found: dict[int, Unit] = {}
    for offset in source.offsets:
        top = source.unit(offset)
        if top is None or not top.is_code:
            continue
        waiting = [top]
        while waiting and len(found) < _MAX_IMPORTS:
            for unit in _imported(source, waiting.pop()):
                if unit.offset not in found:
                    found[unit.offset] = top
                    waiting.append(unit)
    return found


def _imported(source: Dwarf, unit: Unit) -> list[Unit]:
    """Read a unit's imports: dwz writes them before all other entries."""
    found = []
    try:
        with damaged(f"{source.elf.path}: .debug_info"):
            data = source.data(unit)
            _, _, pos = source.read_entry(unit, unit.die, data)
            while pos < len(data):
                tag, attrs, pos = source.read_entry(unit, pos, data)
                if tag != dwarf.DW_TAG_imported_unit:
                    break
                target = source.refer(unit, attrs.get(dwarf.DW_AT_import))
                if target is not None:
                    found.append(target[0])
    except FileError:
        pass  # What came before the damage counts.
    return found


def linked_whole(source: Dwarf, sections: Sections) -> bool:
    """Tell whether gcc made the code at link time; it gives such units a name of their own."""
    if next(sections.hits(".debug_abbrev", [_ORIGIN_ELSEWHERE]), None) is None:
        return False
    if len(source.offsets) < _FEW_UNITS:
        return any(unit.name == _ARTIFICIAL for unit in source.units())
    raw = _ARTIFICIAL.encode() + b"\0"
    names = (sections.hits(one, [raw]) for one in (".debug_str", ".debug_line_str"))
    return any(next(hits, None) is not None for hits in names)
