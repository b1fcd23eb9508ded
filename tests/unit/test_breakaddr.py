"""Where `break FUNC` stops, for all functions of many programs, against gdb."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from pydbg.symbols.breakaddr import breakpoint_addr
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.modules import Module
from tests.support.build import build, cache_dir
from tests.support.oracle import gdb

CASES = [
    ("prologues.c", "pie", (), None),
    ("prologues.c", "O2", (), None),
    ("prologues.c", "nodebug", (), None),
    ("prologues.c", "nopie", ("-Og", "-fcf-protection=full"), None),
    ("prologues.c", "m32", (), None),
    ("prologues.c", "m32", ("-g0", "-O2", "-fno-pic", "-no-pie"), None),
    ("prologues.c", "nopie", ("-gdwarf-2", "-O1"), None),
    ("unwind.c", "O2", (), "clang"),
    ("unwind.c", "pie", (), "clang"),
    ("unwind.c", "O2", ("-flto",), None),
    ("classes.cc", "pie", (), None),
    ("classes.cc", "O2", (), None),
    ("steps.S", "pie", (), None),
    ("hello.rs", "pie", (), None),
    ("hello.rs", "O2", (), None),
    ("hello.go", "pie", (), None),
]
LIBRARIES = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib32/libc.so.6"]


def functions(program: str) -> dict[str, int]:
    """Name the functions that one name leads to, with their link addresses."""
    text = subprocess.run(["nm", "-n", program], capture_output=True, text=True).stdout
    if not text:
        text = subprocess.run(["nm", "-nD", program], capture_output=True, text=True).stdout
    found: dict[str, set[tuple[int, str]]] = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in "tTwWiI":
            found.setdefault(fields[2].partition("@")[0], set()).add(
                (int(fields[0], 16), fields[1])
            )
    names = {}
    for name, places in found.items():
        addr, kind = min(places)
        # Indirect functions have no code of their own before they are resolved.
        if len(places) == 1 and addr and kind not in "iI":
            names[name] = addr
    return names


def gdb_addresses(program: str, names: list[str]) -> list[int | None]:
    """Ask gdb in one run; None where it finds nothing or several places."""
    script = cache_dir() / f"break-{os.getpid()}.gdb"
    lines = ["set breakpoint pending off"]
    for name in names:
        lines += [
            "python",
            "try:",
            f"  text = gdb.execute('''break -qualified -function {name}''', to_string=True)",
            "  print('=', text.strip().splitlines()[-1])",
            "except (gdb.error, IndexError) as error:",
            "  print('=', error)",
            "end",
        ]
    script.write_text("\n".join(lines))
    try:
        text = gdb(program, "set auto-load off", f"source {script}", timeout=110)
    finally:
        script.unlink()
    answers = [line for line in text.splitlines() if line.startswith("= ")]
    assert len(answers) == len(names), text[-2000:]
    found: list[int | None] = []
    for answer in answers:
        place = re.match(r"= (?:Breakpoint|Note).* at (?:pc )?(0x\w+)", answer)
        several = "locations" in answer
        found.append(int(place[1], 16) if place is not None and not several else None)
    return found


def check(program: str, most: int) -> tuple[int, list[str]]:
    module = Module(ElfFile(program))
    names = functions(program)
    chosen = list(names)[:: max(1, len(names) // most)]
    different = []
    compared = 0
    for name, wanted in zip(chosen, gdb_addresses(program, chosen), strict=True):
        if wanted is None:
            continue
        compared += 1
        mine = breakpoint_addr(module, names[name], module.elf.load_bytes)
        if mine != wanted:
            different.append(f"{name} {names[name]:#x}: gdb {wanted:#x}, pydbg {mine:#x}")
    return compared, different


@pytest.mark.parametrize(
    ("name", "variant", "flags", "compiler"),
    CASES,
    ids=["-".join((*case[:2], *case[2], case[3] or "")) for case in CASES],
)
def test_breakpoints_are_where_gdb_has_them(
    name: str, variant: str, flags: tuple[str, ...], compiler: str | None
) -> None:
    compared, different = check(str(build(name, variant, *flags, compiler=compiler)), 700)
    assert compared > 1
    assert different == []


@pytest.mark.parametrize("library", [path for path in LIBRARIES if Path(path).exists()])
def test_breakpoints_in_the_c_library(library: str) -> None:
    compared, different = check(library, 700)
    assert compared > 500
    assert different == []


def test_code_that_cannot_be_read_is_no_prologue() -> None:
    module = Module(ElfFile(str(build("prologues.c", "nodebug"))))
    link_addr = functions(module.path)["sum"]
    assert breakpoint_addr(module, link_addr, module.elf.load_bytes) > link_addr

    def nothing(addr: int, size: int) -> bytes:
        from pydbg.errors import MemoryFault

        raise MemoryFault(addr, size)

    assert breakpoint_addr(module, link_addr, nothing) == link_addr
