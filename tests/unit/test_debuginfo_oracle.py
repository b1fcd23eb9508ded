"""The debug files of this system, row for row beside pyelftools: a few units of some of them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from elftools.elf.elffile import ELFFile

from pydbg.symbols.elf import ElfFile
from pydbg.symbols.functions import FunctionTable
from pydbg.symbols.lines import LineTable
from pydbg.symbols.units import Dwarf
from tests.unit.test_functions import ranges_of

FILES = sorted(Path("/usr/lib/debug/.build-id").glob("*/*.debug"))[::23]
UNITS = 2


def _compare(path: Path) -> int:
    source = Dwarf(ElfFile(str(path)))
    lines, functions = LineTable(source.elf, source), FunctionTable(source.elf, source)
    compared = 0
    with path.open("rb") as stream:
        info = ELFFile(stream).get_dwarf_info(relocate_dwarf_sections=False)
        for theirs in islice(info.iter_CUs(), UNITS):
            unit = source.unit(theirs.cu_offset)
            top = theirs.get_top_DIE()
            assert unit is not None
            if not unit.is_code:
                continue
            if "DW_AT_ranges" in top.attributes or "DW_AT_low_pc" in top.attributes:
                assert list(unit.ranges) == ranges_of(info, top)
            program = info.line_program_for_CU(theirs)
            wanted = [
                (s.address, s.file, s.line, None if s.end_sequence else bool(s.is_stmt))
                for s in (entry.state for entry in program.get_entries())
                if s is not None
            ]
            rows = [
                (row.addr, row.file, row.line, None if row.end_sequence else row.is_stmt)
                for row in lines.raw_rows(unit)
            ]
            assert rows == wanted, f"{path} {theirs.cu_offset:#x}"
            found = functions.unit_functions(unit)
            assert found is not None
            mine = {function.die: list(function.ranges) for function in found.all()}
            code = {}
            for die in theirs.iter_DIEs():
                has_code = "DW_AT_low_pc" in die.attributes or "DW_AT_ranges" in die.attributes
                if die.tag == "DW_TAG_subprogram" and has_code:
                    code[die.offset] = ranges_of(info, die)
            assert mine == code, f"{path} {theirs.cu_offset:#x}"
            compared += len(rows) + len(code)
    return compared


def test_units_of_the_system() -> None:
    assert sum(map(_compare, FILES)) > 1000
