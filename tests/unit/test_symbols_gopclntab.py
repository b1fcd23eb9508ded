"""Go's function table against the symbol table that stripping takes away, and against gdb."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pydbg.errors import FileError
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.gopclntab import GoTable, find_go_table
from pydbg.symbols.modules import Module
from pydbg.symbols.symtab import Symbol, main_table
from tests.support.build import build, source
from tests.support.marks import marks
from tests.support.oracle import gdb


def table_of(path: Path) -> GoTable:
    table = find_go_table(ElfFile(str(path)))
    assert table is not None
    return table


@pytest.mark.parametrize("options", [(), ("-buildmode=pie",)], ids=["exe", "pie"])
def test_names_and_entries_are_those_of_symtab(options: tuple[str, ...]) -> None:
    stripped = ElfFile(str(build("hello.go", "stripped", *options)))
    assert stripped.section(".symtab") is None
    go = find_go_table(stripped)
    symbols = main_table(ElfFile(str(build("hello.go", "pie", *options))))
    assert go is not None and symbols is not None
    # The linker's names carry the ABI and all type arguments; the runtime's do not.
    theirs = {
        (re.sub(r"\[.*\]", "[...]", s.name.removesuffix(".abi0")), s.link_addr)
        for s in symbols.functions()
    }
    mine = {(re.sub(r"\[.*\]", "[...]", s.name), s.link_addr) for s in go.functions()}
    only_theirs = {name for name, _ in theirs - mine}
    assert mine - theirs == set()
    assert only_theirs <= {"runtime.text", "runtime.etext", "runtime.noptrdata"}, only_theirs
    assert len(mine) > 1000


def test_lookup_in_a_stripped_program() -> None:
    module = Module(ElfFile(str(build("hello.go", "stripped"))), is_main=True)
    [main] = module.lookup("main.main")
    assert module.symbol_at(main.link_addr + 5) == (main, 5)
    assert module.symbol_at(main.end - 1) is not None
    assert "main.square.area" in set(module.names("main."))
    assert [s.name for s in module.functions(re.compile(r"^main\.sum$"))] == ["main.sum"]


def symbol_end(symbols: list[Symbol], addr: int) -> int:
    return next(s.end for s in symbols if s.link_addr <= addr < s.end)


def test_lines_are_those_of_gdb(tmp_path: Path) -> None:
    program = build("hello.go")
    go = table_of(program)
    symbols = [s for s in go.functions() if s.name.startswith("main.")]
    addrs = [a for s in symbols for a in range(s.link_addr, s.end, 7)]
    script = tmp_path / "ask.gdb"
    script.write_text("".join(f"info line *{a:#x}\necho ----\\n\n" for a in addrs))
    wrong = []
    answers = gdb(program, f"source {script}").split("----\n")[:-1]
    for addr, text in zip(addrs, answers, strict=True):
        row = re.search(r'Line (\d+) of "([^"]*)"', text)
        found = go.line_at(addr)
        if found is None:  # padding between functions, which gdb counts to the last line
            assert addr + 31 >= symbol_end(symbols, addr), hex(addr)
            continue
        assert found[2] <= addr < found[3]
        if row is None or found[1] != int(row[1]) or not found[0].endswith(row[2]):
            wrong.append((hex(addr), text, found))
    assert len(addrs) > 100 and not wrong, (len(wrong), wrong[:5])


def test_marked_line_is_in_the_table() -> None:
    go = table_of(build("hello.go", "stripped"))
    [area] = go.by_name("main.square.area")
    lines = {found[1] for a in range(area.link_addr, area.end) if (found := go.line_at(a))}
    assert marks("hello.go")["area"] in lines
    file = go.line_at(area.link_addr)
    assert file is not None and file[0].endswith(source("hello.go").name)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_damage_is_an_error_or_an_answer(data: st.DataObject) -> None:
    elf = ElfFile(str(build("hello.go", "stripped")))
    section = elf.section(".gopclntab")
    assert section is not None
    image = bytearray(elf.view)
    for _ in range(data.draw(st.integers(1, 12))):
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, 0x60))
        else:
            at = data.draw(st.integers(0, section.size - 1))
        image[section.offset + at] = data.draw(st.integers(0, 255))
    try:
        damaged = find_go_table(ElfFile.from_bytes(bytes(image), "damaged"))
    except FileError:
        return
    if damaged is None:
        return
    for symbol in [*damaged.functions()][:50]:
        damaged.line_at(symbol.link_addr)
        damaged.at(symbol.link_addr)
        damaged.inlined_at(symbol.link_addr + symbol.size // 2)
    damaged.by_name("main.main")


@pytest.mark.parametrize("options", [(), ("-buildmode=pie",)], ids=["exe", "pie"])
def test_inlined_calls_are_those_of_dwarf(options: tuple[str, ...]) -> None:
    """The runtime's own tables, which stripping leaves, against the debug information."""
    module = Module(ElfFile(str(build("hello.go", "pie", *options))), is_main=True)
    stripped = table_of(build("hello.go", "stripped", *options))
    looked = inlined = 0
    different = set()
    for symbol in stripped.functions():
        for addr in range(symbol.link_addr, symbol.end, max(symbol.size // 4, 1)):
            theirs = [(call.function, call.line) for call in module.inline_calls_at(addr)]
            mine = [(call.function, call.line) for call in stripped.inlined_at(addr)]
            looked += 1
            inlined += bool(theirs)
            if mine != theirs:
                different.add(symbol.name)
    assert inlined > 500
    # What calls a method for another receiver is made up: DWARF has no lines there.
    assert all(name.endswith(").String") or ".(*" in name for name in different), different
    assert len(different) < 10
