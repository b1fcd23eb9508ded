"""Prologue analysis: where gdb's `break FUNCTION` goes when there is no line table."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from pydbg.arch import I386, X86_64, Arch
from pydbg.arch.prologue import analyze_prologue, skip_prologue, xmm_save_block
from tests.support.build import build
from tests.support.oracle import gdb

_FLAGS = {
    "O0": ["-O0"],
    "O2": ["-O2"],
    "O1, frame pointers": ["-O1", "-fno-omit-frame-pointer"],
    "O0, CET": ["-O0", "-fcf-protection"],
    "O0, realigned": ["-O0", "-mstackrealign", "-fcf-protection"],
    "O2, realigned": ["-O2", "-mstackrealign"],
    "Os": ["-Os", "-fno-omit-frame-pointer"],
    "for Atom": ["-O0", "-mtune=atom"],
}


def _functions(program: Path) -> dict[str, tuple[int, bytes]]:
    """Return the address and the first bytes of each function in .text."""
    with open(program, "rb") as file:
        elf = ELFFile(file)
        text = elf.get_section_by_name(".text")
        base, code = text["sh_addr"], text.data()
        return {
            symbol.name: (symbol["st_value"], code[symbol["st_value"] - base :][:64])
            for symbol in elf.get_section_by_name(".symtab").iter_symbols()
            if symbol["st_info"]["type"] == "STT_FUNC"
            and "." not in symbol.name  # gdb does not show what the compiler appended.
            and base <= symbol["st_value"] < base + len(code)
        }


@pytest.mark.parametrize("flags", _FLAGS.values(), ids=list(_FLAGS))
@pytest.mark.parametrize("arch", [X86_64, I386], ids=lambda arch: arch.name)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_breakpoints_go_where_gdb_puts_them(compiler: str, arch: Arch, flags: list[str]) -> None:
    width = "-m64" if arch.bitness == 64 else "-m32"
    if compiler == "clang":
        flags = [flag for flag in flags if "atom" not in flag]
    fixture = "prologues.c" if compiler == "gcc" else "pointers.c"
    program = build(fixture, "nodebug", width, *flags, "-w", compiler=compiler)
    functions = _functions(program)
    commands = [f"break {name}" for name in functions]
    commands.append("info breakpoints")
    out = gdb(program, "set breakpoint pending off", *commands)
    places = re.findall(r"^\d+ .*?(0x[0-9a-f]+) <(\w+)(?:\+\d+)?>", out, re.M)
    assert len(places) >= 5
    for addr_text, name in places:
        start, code = functions[name]
        assert skip_prologue(code, start, arch=arch) == int(addr_text, 16), name


PUSH_MOV = bytes.fromhex("f3 0f 1e fa 55 48 89 e5 48 83 ec 10")
REALIGN = bytes.fromhex("4c 8d 54 24 08 48 83 e4 e0 41 ff 72 f8 55 48 89 e5 41 52 90")
REALIGN_SAVED = bytes.fromhex("53 48 8d 5c 24 10 48 83 e4 e0 ff 73 f8 55 48 89 e5 90 90 90")


@pytest.mark.parametrize(
    ("code", "offset", "cfa"),
    [
        (PUSH_MOV, 0, (7, 8)),
        (PUSH_MOV, 4, (7, 8)),
        (PUSH_MOV, 5, (7, 16)),
        (PUSH_MOV, 8, (6, 16)),
        (PUSH_MOV, 12, (6, 16)),
        (REALIGN, 5, (7, 8)),
        (REALIGN, 9, (10, 0)),
        (REALIGN, 13, (10, 0)),
        (REALIGN, 17, (6, 16)),
        (REALIGN_SAVED, 10, (3, 0)),
        (b"\xc3", 0, (7, 8)),
    ],
)
def test_the_cfa_at_each_instruction(code: bytes, offset: int, cfa: tuple[int, int]) -> None:
    found = analyze_prologue(code, 0x1000, 0x1000 + offset)
    assert (found.cfa_register, found.cfa_offset) == cfa
    assert found.end <= 0x1000 + offset
    assert found.saved[16] == -8
    assert found.has_frame == (cfa[0] == 6)


def test_i386_saves() -> None:
    code = bytes.fromhex("55 89 e5 83 ec 18 57 56 53 90")
    at_entry = analyze_prologue(code, 0x1000, 0x1000, arch=I386)
    assert (at_entry.cfa_register, at_entry.cfa_offset, dict(at_entry.saved)) == (4, 4, {8: -4})
    pushed = analyze_prologue(code, 0x1000, 0x1001, arch=I386)
    assert (pushed.cfa_register, pushed.cfa_offset) == (4, 8)
    inside = analyze_prologue(code, 0x1000, 0x1009, arch=I386)
    assert (inside.cfa_register, inside.cfa_offset) == (5, 8)
    assert dict(inside.saved) == {8: -4, 5: -8, 7: -36, 6: -40, 3: -44}
    assert inside.end == 0x1009


def test_i386_rarities() -> None:
    cases = {
        "c8 10 00 00 90": 4,  # enter
        "55 31 c0 89 e5 90": 5,  # an instruction that gcc moved into the prologue
        "55 b8 01 00 00 00 8b ec 81 ec 00 01 00 00": 14,
        "55 8d 2c 24 8d 64 24 f0 90": 8,  # for Atom
        "8b ff 55 8b ec": 5,
        "eb 02 90 90 55 89 e5 90": 7,  # the set-up is elsewhere
        "58 87 04 24 55 89 e5 90": 7,  # a structure is returned, the old way
        "53 83 ec 08": 0,
        "55 57 56": 0,
        "55 89 e5 e8 00 00 00 00 5b 81 c3 00 10 00 00": 15,
    }
    for code, size in cases.items():
        raw = bytes.fromhex(code)
        assert skip_prologue(raw, 0x1000, arch=I386) == 0x1000 + size, code


def test_short_code_is_no_error() -> None:
    for code in (PUSH_MOV, REALIGN, bytes.fromhex("55 89 e5 83 ec 18 57")):
        for size in range(len(code)):
            for arch in (X86_64, I386):
                end = skip_prologue(code[:size], 0x1000, arch=arch)
                assert 0x1000 <= end <= 0x1000 + size
                for pc in range(0x1000, 0x1000 + size):
                    assert analyze_prologue(code[:size], 0x1000, pc, arch=arch).saved


def test_the_block_that_saves_vector_arguments(tmp_path: Path) -> None:
    """Ask the compiler for one."""
    source = tmp_path / "v.c"
    source.write_text("void f(int n, ...) { __builtin_va_list a; __builtin_va_start(a, n); }")
    program = tmp_path / "v.o"
    subprocess.run(["gcc", "-O0", "-c", "-o", str(program), str(source)], check=True)
    out = subprocess.run(
        ["objdump", "-d", "-w", str(program)], capture_output=True, text=True, check=True
    ).stdout
    rows = re.findall(r"^ *[0-9a-f]+:\t((?:[0-9a-f]{2} )+) *\t(.*)$", out, re.M)
    start = next(i for i, (_, text) in enumerate(rows) if text.startswith("test   %al,%al"))
    code = b"".join(bytes.fromhex(raw) for raw, _ in rows[start:])
    block = b"".join(bytes.fromhex(raw) for raw, _ in rows[start : start + 10])
    assert xmm_save_block(code) == len(block)
    assert xmm_save_block(code[1:]) == 0
