"""Lines, functions and ranges, row for row beside llvm-dwarfdump: a reader of another make."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from pydbg.symbols.elf import ElfFile
from pydbg.symbols.functions import FunctionTable
from pydbg.symbols.lines import LineTable
from pydbg.symbols.units import Dwarf
from tests.support.build import build

VERSIONS = ("-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5")
CASES = [
    *((name, "nopie", (flag, "-O2"), compiler)
      for flag in VERSIONS
      for name, compiler in (("unwind.c", "gcc"), ("unwind.c", "clang"),
                             ("classes.cc", "g++"), ("classes.cc", "clang++"))),
    *(("classes.cc", "pie", (flag,), compiler)
      for flag in VERSIONS[2:] for compiler in ("g++", "clang++")),
    ("classes.cc", "O2", ("-fdebug-types-section", "-gdwarf-4"), "g++"),
    ("classes.cc", "O2", ("-fdebug-types-section", "-gdwarf-5", "-gz"), "g++"),
    ("unwind.c", "pie", ("-O2", "-flto", "-ffunction-sections"), "gcc"),
    ("unwind.c", "m32", ("-O2",), "gcc"),
    ("unwind.c", "nopie", ("-gdwarf64", "-gdwarf-5"), "gcc"),
    ("hello.rs", "pie", (), None),
    ("hello.rs", "O2", (), None),
    ("goroutines.go", "pie", (), None),
]  # fmt: skip

Ranges = list[tuple[int, int]]
Rows = list[tuple[int, int, int, int, bool, bool]]


def _dump(program: Path, *options: str) -> list[str]:
    line = ["llvm-dwarfdump", *options, str(program)]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=110)
    return done.stdout.splitlines()


def _their_rows(program: Path) -> dict[int, Rows]:
    """Return the rows of each line program: address, line, column, file, is_stmt, the end."""
    found: dict[int, Rows] = {}
    rows: Rows = []
    pattern = re.compile(r"(0x[0-9a-f]+) +(\d+) +(\d+) +(\d+) +\d+ +\d+ +(.*)")
    for line in _dump(program, "--debug-line"):
        if line.startswith("debug_line["):
            rows = found[int(line[11:-1], 16)] = []
        elif line.startswith("0x") and (match := pattern.match(line)):
            flags = match[5].split()
            last = "end_sequence" in flags
            numbers = (int(match[2]), int(match[3]), int(match[4]))
            rows.append((int(match[1], 16), *numbers, "is_stmt" in flags, last))
    return {offset: _without_dropped(rows) for offset, rows in found.items()}


def _without_dropped(rows: Rows) -> Rows:
    """Take out what begins at 0: functions that the linker dropped."""
    kept: Rows = []
    sequence: Rows = []
    for row in rows:
        sequence.append(row)
        if row[-1]:
            kept += sequence if sequence[0][0] else []
            sequence = []
    return kept


def _their_code(program: Path) -> dict[str, dict[int, Ranges]]:
    """Return the ranges of code by tag and the entry's offset."""
    found: dict[str, dict[int, Ranges]] = defaultdict(dict)
    offset, tag = 0, ""
    low: int | None = None
    entry = re.compile(r"(0x[0-9a-f]{8}): +(DW_TAG_\w+|NULL)")
    pair = re.compile(r" +\[(0x[0-9a-f]+), (0x[0-9a-f]+)\)")
    listed = False
    for line in _dump(program, "--debug-info"):
        if match := entry.match(line):
            offset, tag, low, listed = int(match[1], 16), match[2], None, False
            continue
        if tag not in ("DW_TAG_subprogram", "DW_TAG_compile_unit"):
            continue
        name = line.strip().partition("\t")[0]
        if name == "DW_AT_low_pc":
            low = int(line.rpartition("(")[2].rstrip(")"), 16)
        elif name == "DW_AT_high_pc" and low:
            found[tag][offset] = [(low, int(line.rpartition("(")[2].rstrip(")"), 16))]
        elif name == "DW_AT_ranges":
            listed = True
            found[tag][offset] = []
        elif listed and (match := pair.match(line)):
            found[tag][offset].append((int(match[1], 16), int(match[2], 16)))
            listed = not line.endswith("))")
        else:
            listed = False
    for table in found.values():
        for offset in list(table):
            table[offset] = [(low, high) for low, high in table[offset] if low and low < high]
            if not table[offset]:
                del table[offset]
    return found


@pytest.fixture(scope="module", params=CASES, ids=lambda c: "-".join((*c[:2], *c[2], c[3] or "")))
def program(request: pytest.FixtureRequest) -> Path:
    name, variant, flags, compiler = request.param
    return build(name, variant, *flags, compiler=compiler)


def test_rows(program: Path) -> None:
    lines = LineTable(ElfFile(str(program)))
    theirs = _their_rows(program)
    compared = 0
    for unit in lines.dwarf.units():
        if unit.line_offset is None:
            continue
        wanted = theirs[unit.line_offset]
        mine = [
            (row.addr, row.line, row.file, row.is_stmt, row.end_sequence)
            for row in lines.raw_rows(unit)
        ]
        rows = [(addr, line, file, stmt, end) for addr, line, _, file, stmt, end in wanted]
        if rows:
            assert [row if not row[4] else (row[0], row[4]) for row in mine] == [
                row if not row[4] else (row[0], row[4]) for row in rows
            ], f"{unit.offset:#x}"
            compared += len(rows)
    assert compared > 30


def test_functions_and_ranges(program: Path) -> None:
    dwarf = Dwarf(ElfFile(str(program)))
    table = FunctionTable(dwarf.elf, dwarf)
    theirs = _their_code(program)
    mine: dict[int, Ranges] = {}
    units: dict[int, Ranges] = {}
    for unit in dwarf.units():
        functions = table.unit_functions(unit)
        assert functions is not None
        mine |= {function.die: list(function.ranges) for function in functions.all()}
        ranges = [(low, high) for low, high in unit.ranges if low]  # at 0: dropped ones again
        if ranges:
            units[unit.offset + unit.die] = ranges
    assert mine == theirs["DW_TAG_subprogram"]
    assert units == theirs["DW_TAG_compile_unit"]
    assert len(mine) > 2
