"""Line tables: rows against pyelftools', tables and answers against gdb's."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pydbg.errors import FileError
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.functions import FunctionTable
from pydbg.symbols.lines import LineTable, Row
from tests.support.build import build, source
from tests.support.oracle import gdb

CASES = [
    ("prologues.c", "pie", (), None),
    ("prologues.c", "O2", (), None),
    ("prologues.c", "dwarf4", ("-O1",), None),
    ("prologues.c", "nopie", ("-gdwarf-2", "-O2"), None),
    ("unwind.c", "nopie", ("-gdwarf-3", "-O2", "-flto"), None),
    ("unwind.c", "O2", (), "clang"),
    ("unwind.c", "dwarf4", (), "clang"),
    ("unwind.c", "m32", ("-O2",), None),
    ("classes.cc", "O2", (), None),
    ("classes.cc", "pie", ("-gz",), None),
    ("steps.S", "pie", (), None),
    ("unwind.c", "pie", ("-gdwarf-5", "-gembed-source"), "clang"),
    ("hello.rs", "pie", (), None),
    ("hello.go", "pie", (), None),
]


@pytest.fixture(params=CASES, ids=lambda case: "-".join((*case[:2], *case[2], case[3] or "")))
def program(request: pytest.FixtureRequest) -> str:
    name, variant, flags, compiler = request.param
    return str(build(name, variant, *flags, compiler=compiler))


def test_rows_are_pyelftools(program: str) -> None:
    lines = LineTable(ElfFile(program))
    units = {unit.offset: unit for unit in lines.dwarf.units()}
    compared = 0
    with open(program, "rb") as stream:
        info = ELFFile(stream).get_dwarf_info(relocate_dwarf_sections=False)
        for unit in info.iter_CUs():
            line_program = info.line_program_for_CU(unit)
            if line_program is None or unit.cu_offset not in units:
                continue
            wanted = []
            fresh, dropped = True, False
            for entry in line_program.get_entries():
                state = entry.state
                if state is not None:
                    # At 0 begin the sequences of functions that the linker dropped.
                    dropped = state.address == 0 if fresh else dropped
                    fresh = state.end_sequence
                    statement = None if state.end_sequence else bool(state.is_stmt)
                    if not dropped:
                        wanted.append((state.address, state.file, state.line, statement))
            mine = [
                (row.addr, row.file, row.line, None if row.end_sequence else row.is_stmt)
                for row in lines.raw_rows(units[unit.cu_offset])
            ]
            assert mine == wanted or not wanted  # not wanted: a unit without code
            compared += len(mine)
    assert compared > 10


def gdb_tables(program: str) -> list[tuple[Row, ...]]:
    text = gdb(program, "set auto-load off", "maint expand-symtabs", "maint info line-table")
    tables: list[list[Row]] = []
    for line in text.splitlines():
        if line.startswith("symtab: "):
            tables.append([])
        elif re.match(r"\d+ ", line):
            _, number, addr, *flags = line.split()
            number = "0" if number == "END" else number
            tables[-1].append(Row(int(addr, 16), int(number), "Y" in flags[:1]))
    return [tuple(table) for table in tables if table]


def test_tables_are_gdbs(program: str) -> None:
    lines = LineTable(ElfFile(program))
    mine: Counter[tuple[Row, ...]] = Counter()
    for unit in lines.dwarf.units():
        found = lines.unit_lines(unit)
        for table in found.files if found else []:
            mine[tuple(row._replace(prologue_end=False) for row in table.rows)] += 1
    wanted = Counter(gdb_tables(program))
    assert sum(wanted.values()) > 0
    # gdb leaves out units of which the linker kept no code.
    missing = wanted - mine
    assert not missing, f"{sum(missing.values())} of {sum(wanted.values())} tables differ"


def test_answers_are_gdbs(program: str) -> None:
    """Ask `info line` around every row: file, line and both ends of the range."""
    lines = LineTable(ElfFile(program))
    addrs: set[int] = set()
    for unit in lines.dwarf.units():
        found = lines.unit_lines(unit)
        for table in found.files if found else []:
            for row in table.rows:
                addrs.update((row.addr - 1, row.addr, row.addr + 1))
    asked = sorted(addrs)[:: max(1, len(addrs) // 1500)]
    script = build("prologues.c").with_name(f"lines-{os.getpid()}.gdb")
    script.write_text("".join(f"info line *{addr:#x}\n" for addr in asked))
    try:
        text = gdb(program, "set auto-load off", f"source {script}")
    finally:
        script.unlink()
    answers = [a for a in text.splitlines() if a.startswith(("Line ", "Address ", "No line"))]
    assert len(answers) == len(asked)
    for addr, answer in zip(asked, answers, strict=True):
        entry = lines.find(addr)
        if answer.startswith("No line"):
            assert entry is None, answer
            continue
        assert entry is not None, answer
        wanted = re.match(
            r'Line (\d+) of "(.*)" starts at address (0x\w+)(?: <.*>)? and ends at (0x\w+)', answer
        )
        assert wanted is not None, answer
        assert (entry.line, entry.file) == (int(wanted[1]), wanted[2]), answer
        assert (entry.low, entry.high) == (int(wanted[3], 16), int(wanted[4], 16)), answer


@pytest.mark.parametrize("version", ["-gdwarf-4", "-gdwarf-5"])
def test_wide_offsets_are_read_as_gdb_does(version: str) -> None:
    # pyelftools takes the header of such a line program for one with 32-bit offsets.
    flags = (version, "-gdwarf64", "-ffunction-sections", "-Wl,--gc-sections")
    program = str(build("unwind.c", "O2", *flags))
    test_tables_are_gdbs(program)
    test_answers_are_gdbs(program)


def test_units_whose_code_the_linker_dropped_have_no_lines(tmp_path: Path) -> None:
    (tmp_path / "dead.c").write_text(
        "int one(void)\n{\n  return 1;\n}\nint two(void) { return 2; }\n"
    )
    (tmp_path / "live.c").write_text("int gone(void) { return 3; }\nint main(void) { return 0; }\n")
    flags = ("-g", "-ffunction-sections", "-Wl,--gc-sections")
    subprocess.run(["gcc", *flags, "dead.c", "live.c", "-o", "it"], cwd=tmp_path, check=True)
    program = str(tmp_path / "it")
    lines = LineTable(ElfFile(program))
    mine = {
        tuple(row._replace(prologue_end=False) for row in table.rows)
        for unit in lines.dwarf.units()
        if (found := lines.unit_lines(unit))
        for table in found.files
        if table.rows
    }
    assert mine == set(gdb_tables(program))


def test_only_the_unit_at_hand_is_read() -> None:
    lines = LineTable(ElfFile(str(build("hello.go"))))
    function = next(
        function
        for unit in lines.dwarf.units()
        if unit.name == "main"
        for function in FunctionTable(lines.dwarf.elf, lines.dwarf).unit_functions(unit).all()  # type: ignore[union-attr]
        if function.name == "main.main"
    )
    assert lines.find(function.low) is not None
    assert len(lines._units) == 1


def test_paths_are_absolute_and_names_as_compiled() -> None:
    program = build("prologues.c")
    lines = LineTable(ElfFile(str(program)))
    unit = next(lines.dwarf.units())
    table = lines.unit_lines(unit)
    assert table is not None
    assert table.files[0].path == str(source("prologues.c"))
    assert table.files[0].name == unit.name


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_sections_are_no_line_or_a_file_error(compiler: str, data: st.DataObject) -> None:
    whole = Path(build("unwind.c", "O2", compiler=compiler)).read_bytes()
    image = bytearray(whole)
    elf = ElfFile.from_bytes(whole, "whole")
    sections = [s for s in elf.sections if s.name.startswith(".debug_")]
    addrs = [row[0] for unit in LineTable(elf).dwarf.units() for row in unit.ranges]
    for _ in range(data.draw(st.integers(1, 30))):
        section = data.draw(st.sampled_from(sections))
        at = section.offset + data.draw(st.integers(0, section.size - 1))
        image[at] = data.draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)))
    bad = ElfFile.from_bytes(bytes(image), "damaged")
    lines = LineTable(bad)
    functions = FunctionTable(bad, lines.dwarf)
    for addr in addrs:
        for at in (addr, addr + 1, addr + 0x40):
            try:
                lines.find(at)
                functions.at(at)
            except FileError:
                pass
    for unit in lines.dwarf.units():
        lines.unit_lines(unit)
        functions.unit_functions(unit)
