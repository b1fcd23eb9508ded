"""Symbols of addresses and addresses of symbols: the same answers as gdb's, over many files."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest

from pydbg.symbols.elf import SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, ElfFile
from pydbg.symbols.modules import Module
from tests.support.build import build
from tests.support.oracle import gdb

LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
LIBSTDCXX = "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"

BUILT = {
    "pie": ("plain.c", "pie"),
    "nopie": ("plain.c", "nopie"),
    "nodebug": ("plain.c", "nodebug"),
    "stripped": ("plain.c", "stripped"),
    "static": ("plain.c", "static"),
    "static-nodebug": ("plain.c", "static", "-g0"),
    "m32": ("plain.c", "m32"),
    "m32-nodebug": ("plain.c", "m32", "-g0"),
    "now-cet": ("plain.c", "pie", "-fcf-protection=full", "-Wl,-z,now,-z,ibtplt"),
    "no-plt": ("plain.c", "pie", "-fno-plt"),
    "m32-nopie": ("plain.c", "m32", "-no-pie", "-fno-pie", "-Wl,-z,lazy"),
    "c++": ("classes.cc", "pie"),
    "c++-O2": ("classes.cc", "O2"),
    "rust": ("hello.rs", "pie"),
    "rust-v0": ("hello.rs", "pie", "-C", "symbol-mangling-version=v0"),
    "go": ("hello.go", "pie"),
}
SYSTEM = {
    "ls": "/bin/ls",
    "libc": LIBC,
    "libstdc++": LIBSTDCXX,
    "ld.so": "/lib64/ld-linux-x86-64.so.2",
}


def program(key: str) -> str:
    return str(Path(SYSTEM[key]).resolve()) if key in SYSTEM else str(build(*BUILT[key]))


def sample(module: Module, each: int) -> list[int]:
    """Choose addresses in every section, and at the edges of symbols."""
    rng = random.Random(module.name)
    addrs: list[int] = []
    for section in module.elf.sections:
        if section.flags & SHF_ALLOC and section.size and not section.flags & SHF_TLS:
            count = each if section.flags & SHF_EXECINSTR else each // 4
            addrs += [rng.randrange(section.link_addr, section.end) for _ in range(count)]
    symbols = [*module.functions(), *module.objects()]
    for symbol in rng.sample(symbols, min(each, len(symbols))):
        addrs += [symbol.link_addr, max(symbol.link_addr, symbol.end - 1), symbol.end]
    # .tbss takes no memory, so that its addresses are another section's too: gdb names both.
    tls = [s for s in module.elf.sections if s.flags & SHF_TLS]
    return sorted(
        {a for a in addrs if module.elf.section_at(a) and not any(s.contains(a) for s in tls)}
    )


def ask_gdb(path: str, addrs: list[int], tmp_path: Path) -> list[str]:
    script = tmp_path / "ask.gdb"
    lines = ["set print demangle off"]
    for addr in addrs:
        lines += [f"info symbol {addr:#x}", "echo ----\\n"]
    script.write_text("\n".join(lines) + "\n")
    answers = gdb(path, f"source {script}", timeout=110).split("----\n")[:-1]
    return [text.strip().splitlines()[-1] for text in answers]


@pytest.mark.parametrize("key", [*BUILT, *SYSTEM])
def test_symbol_of_address(key: str, tmp_path: Path) -> None:
    path = program(key)
    module = Module(ElfFile(path))
    addrs = sample(module, 250)
    wrong = []
    for addr, line in zip(addrs, ask_gdb(path, addrs, tmp_path), strict=True):
        found = module.symbol_at(addr)
        mine = "No symbol matches"
        if found is not None:
            symbol, offset = found
            mine = f"{symbol.name}{f' + {offset}' if offset else ''} in section"
        # One name twice at one address with two sizes: gdb keeps either, by chance of its sort.
        if not line.startswith(mine) and "sys_sigabbrev" not in line:
            wrong.append((hex(addr), line, mine))
    assert not wrong, f"{len(wrong)} of {len(addrs)}: {wrong[:5]}"
    assert len(addrs) > 200


@pytest.mark.parametrize("key", ["nodebug", "stripped", "static-nodebug", "m32-nodebug", "ls"])
def test_function_and_variable_lists(key: str) -> None:
    """Without DWARF, ``info functions`` and ``info variables`` are the symbols, in order."""
    path = program(key)
    module = Module(ElfFile(path))
    digits = module.elf.bits // 4
    for command, symbols in (
        ("info functions", module.functions()),
        ("info variables", module.objects()),
    ):
        text = gdb(path, "set print demangle off", command)
        theirs = re.findall(r"^0x([0-9a-f]+)  (\S+)$", text, re.MULTILINE)
        mine = [(f"{s.link_addr:0{digits}x}", s.name) for s in symbols]
        assert mine == theirs


@pytest.mark.parametrize("name", ["puts", "malloc", "write", "memcpy", "_IO_puts", "environ"])
def test_libc_names(name: str) -> None:
    """The address that gdb names is among ours, and libc's debug file gives local names too."""
    module = Module(ElfFile(LIBC))
    text = gdb(LIBC, f"info address {name}")
    found = re.search(r"0x[0-9a-f]+", text)
    assert found, text
    assert int(found[0], 16) in {s.link_addr for s in module.lookup(name)}


def test_debug_file_of_libc() -> None:
    module = Module(ElfFile(LIBC))
    assert module.debug is not None
    assert module.debug.build_id == module.elf.build_id
    assert [s.bind for s in module.lookup("__GI___libc_write")] == ["local"]
    kinds = {s.name: s.kind for n in ("memcpy", "errno", "puts") for s in module.lookup(n)}
    assert kinds["puts"] == "func" and kinds["errno"] == "tls"
    assert "ifunc" in {s.kind for s in module.lookup("memcpy")}


def test_stripped_file_has_no_more_than_dynamic_symbols(tmp_path: Path) -> None:
    """A debug file is found by .gnu_debuglink beside the program when the checksum agrees."""
    whole = build("plain.c", "pie", "-Wl,--build-id=none")
    target = tmp_path / "plain"
    debug = tmp_path / ".debug" / "plain.debug"
    debug.parent.mkdir()
    run = subprocess.run
    run(["objcopy", "--only-keep-debug", whole, debug], check=True)
    link = f"--add-gnu-debuglink={debug}"
    run(["objcopy", "--strip-all", link, whole, target], check=True)
    module = Module(ElfFile(str(target)))
    assert module.debug is not None and module.debug.path == str(debug)
    assert [s.name for s in module.lookup("inner")] == ["inner"]
    debug.write_bytes(debug.read_bytes() + b"\0")
    assert Module(ElfFile(str(target))).debug is None


def test_bias_moves_everything() -> None:
    elf = ElfFile(program("pie"))
    here, there = Module(elf), Module(elf, 0x555555554000)
    [symbol] = there.lookup("main")
    addr = there.addr_of(symbol)
    assert addr == here.addr_of(symbol) + 0x555555554000
    assert there.symbol_at(addr + 3) == (symbol, 3)
    assert there.section_at(addr) == ".text"
    assert there.contains(addr) and not here.contains(addr)


@pytest.mark.parametrize("key", ["pie", "nodebug", "ls", "libc", "static", "rust", "go", "c++-O2"])
def test_label_of_address(key: str, tmp_path: Path) -> None:
    """``x/i`` and ``p/a`` prefer DWARF's functions, and know parts before the entry."""
    path = program(key)
    module = Module(ElfFile(path))
    addrs = sample(module, 120)
    script = tmp_path / "ask.gdb"
    script.write_text("".join(f"output/a {a:#x}\necho \\n\n" for a in addrs))
    theirs = gdb(path, f"source {script}", timeout=110).splitlines()
    mine = []
    for addr in addrs:
        label = module.label_text(addr)
        mine.append(f"{addr:#x}" if label is None else f"{addr:#x} <{label}>")
    wrong = [
        (a, b)
        for a, b in zip(theirs, mine, strict=True)
        # gdb makes C++ functions without a linkage name up from their types: main()
        if a != b and a.replace("main()", "main") != b
    ]
    assert not wrong, f"{len(wrong)} of {len(addrs)}: {wrong[:5]}"
