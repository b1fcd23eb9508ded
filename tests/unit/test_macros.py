"""Macros: their expansion, and the tables that debug information has of them."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from pydbg.errors import ExprError, FileError
from pydbg.expr.macros import defined, expand, expand_once
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.entries import Entries
from pydbg.symbols.lines import LineTable
from pydbg.symbols.macros import DW_AT_macros, MacroTable, read_macros
from pydbg.symbols.units import Dwarf
from tests.support.build import build

DEFINITIONS = """
A 1
B A + A
SELF SELF + 1
PING PONG
PONG PING
F(x) [x]
G(x, y) x ## y
STR(x) #x
XSTR(x) STR(x)
V(x, ...) f(x, __VA_ARGS__)
W(x, args...) f(x, ## args)
Z() z
MINUS -
EMPTY
AB found
"""

CASES = [
    "A", "B*2", "SELF", "PING", "F(A)", "F(F(1))", "F (2)", "F", "F x", "G(A, B)", "G(x, 1)",
    "STR(a  b)", 'STR("q\\n")', "XSTR(B)", "V(1, 2, 3)", "W(1)", "W(1, 2)", "Z()", "Z( )",
    "-MINUS", "-MINUS-", "F((1, 2))", "F(EMPTY)", "EMPTY A", "'A' \"A\" A", "A.A", "a.A", "1A",
    "F(SELF)", "F(", "G(1)", "Z(1)", "V()", "A/*A*/A",
]  # fmt: skip


def _known() -> dict[str, str]:
    return {row.split("(")[0].split(" ")[0]: row for row in DEFINITIONS.split("\n") if row}


def _by_cpp(texts: list[str], tmp_path: Path) -> list[str]:
    source = "\n".join(f"#define {row}" for row in _known().values())
    body = "\n".join(f"@{number}@ {text}" for number, text in enumerate(texts))
    (tmp_path / "x.c").write_text(f"{source}\n{body}\n")
    command = ["gcc", "-E", "-P", str(tmp_path / "x.c")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = ["?"] * len(texts)
    for part in done.stdout.split("\n"):
        if part.startswith("@"):
            number, _, text = part[1:].partition("@")
            found[int(number)] = text
    return found


def test_expansion_is_the_preprocessors(tmp_path: Path) -> None:
    texts = [text for text in CASES if text not in ("F(", "G(1)", "Z(1)", "F", "F x")]
    macros = {name: defined(row) for name, row in _known().items()}
    ours = [expand(text, macros.get) for text in texts]
    wanted = _by_cpp(texts, tmp_path)
    assert [text.replace(" ", "").replace("/*A*/", "") for text in ours] == [
        text.replace(" ", "") for text in wanted
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("F(", "Malformed argument list for macro `F'."),
        ("G(1)", "Wrong number of arguments to macro `G' (expected 2, got 1)."),
        ("Z(1)", "Wrong number of arguments to macro `Z' (expected 0, got 1)."),
    ],
)
def test_wrong_calls(text: str, message: str) -> None:
    macros = {name: defined(row) for name, row in _known().items()}
    with pytest.raises(ExprError) as caught:
        expand(text, macros.get)
    assert str(caught.value) == message


def test_one_step() -> None:
    macros = {name: defined(row) for name, row in _known().items()}
    assert expand_once("B + F(A)", macros.get) == "A + A + [A]"


def test_growth_ends() -> None:
    macros = {f"M{n}": defined(f"M{n} M{n + 1} M{n + 1} M{n + 1} M{n + 1}") for n in range(30)}
    with pytest.raises(ExprError, match="too long"):
        expand("M0", macros.get)


def _table(data: bytes) -> MacroTable | None:
    elf = ElfFile.from_bytes(data, "macros")
    dwarf = Dwarf(elf)
    unit = next(unit for unit in dwarf.units() if (unit.name or "").endswith("macros.c"))
    attrs = {DW_AT_macros: Entries(dwarf).top(unit).number(DW_AT_macros, 0) or 0}
    return read_macros(dwarf, unit, attrs, LineTable(elf, dwarf).header(unit))


def test_damaged_tables_end_in_an_error() -> None:
    program = build("macros.c", "pie", "-g3", compiler="gcc").read_bytes()
    section = ElfFile.from_bytes(program, "macros").section(".debug_macro")
    assert section is not None
    table = _table(program)
    assert table is not None and table.every("LIMIT")
    noise = random.Random(5)
    failed = 0
    for _ in range(60):
        data = bytearray(program)
        for _ in range(noise.randrange(1, 20)):
            data[section.offset + noise.randrange(section.size)] = noise.randrange(256)
        try:
            _table(bytes(data))
        except FileError:
            failed += 1
    assert failed
