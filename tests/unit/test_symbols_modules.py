"""Modules of a live process: this one's own vdso and link map, and damaged memory."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydbg.errors import MemoryFault
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.linkmap import link_map, main_bias, r_debug, r_debug_addr
from pydbg.symbols.modules import Module, ModuleList
from tests.support.build import build, build_library

AT_BASE, AT_ENTRY, AT_SYSINFO_EHDR = 7, 9, 33


def read_self(addr: int, size: int) -> bytes:
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        try:
            data = os.pread(memory.fileno(), size, addr)
        except (OSError, OverflowError):
            raise MemoryFault(addr, size) from None
    if len(data) != size:
        raise MemoryFault(addr + len(data), size)
    return data


@pytest.fixture(scope="module")
def auxv() -> list[tuple[int, int]]:
    return list(struct.iter_unpack("<QQ", Path("/proc/self/auxv").read_bytes()))


def test_own_link_map(auxv: list[tuple[int, int]]) -> None:
    elf = ElfFile(str(Path("/proc/self/exe").resolve()))
    bias = main_bias(auxv, elf)
    addr = r_debug_addr(read_self, elf, bias)
    assert addr is not None
    assert r_debug(read_self, addr, 8).ldbase == dict(auxv)[AT_BASE]
    entries = link_map(read_self, addr, 8)
    assert entries[0].bias == bias and entries[0].path == ""
    maps = Path("/proc/self/maps").read_text().splitlines()
    mapped = {line.split()[5] for line in maps if len(line.split()) > 5}
    named = [e for e in entries if e.path.startswith("/")]
    assert {os.path.realpath(e.path) for e in named} <= mapped
    libc = next(e for e in named if "libc.so" in e.path)
    module = Module(ElfFile(libc.path), libc.bias)
    # Another test may have mapped the same file elsewhere, as a file.
    starts = {int(line.split("-")[0], 16) for line in maps if line.endswith("libc.so.6")}
    assert module.low in starts
    [environ] = [s for s in module.lookup("environ") if s.kind == "object"]
    assert environ.demangled == environ.name and module.addr_of(environ) > module.low


def test_own_vdso(auxv: list[tuple[int, int]]) -> None:
    vdso = Module.from_memory(read_self, dict(auxv)[AT_SYSINFO_EHDR])
    assert vdso.name == "[vdso]" and vdso.elf.soname == "linux-vdso.so.1"
    [symbol] = vdso.lookup("__vdso_gettimeofday")
    assert vdso.contains(vdso.addr_of(symbol))
    found = vdso.symbol_at(vdso.addr_of(symbol) + 1)
    assert found is not None and found[1] == 1
    assert vdso.debug is None


def test_list_of_modules() -> None:
    main = Module(ElfFile(str(build("plain.c"))), 0x555555554000, is_main=True)
    library = Module(ElfFile(str(build_library("plugin.c"))), 0x7FFFF7FB0000)
    modules = ModuleList([library])
    modules.load(main)
    assert list(modules) == [main, library] and modules.main is main
    assert modules[0] is main and modules[:1] == [main] and len(modules) == 2
    assert modules.at(library.low) is library and modules.at(library.low - 1) is None
    assert modules.at(0) is None and modules.at((1 << 64) - 1) is None
    assert modules.by_name("plain") is main and modules.by_name("libplugin") is library
    assert modules.by_name("nosuch") is None
    [(module, symbol)] = modules.breakable("inner")
    assert module is main
    assert modules.symbol_at(module.addr_of(symbol)) == (main, symbol, 0)
    modules.unload(library)
    assert modules.at(library.low) is None
    [(_, stub)] = modules.breakable("printf")
    assert stub.name == "printf@plt"


def memory(image: dict[int, bytes]) -> Callable[[int, int], bytes]:
    def read(addr: int, size: int) -> bytes:
        for start, data in image.items():
            if start <= addr and addr + size <= start + len(data):
                return data[addr - start : addr - start + size]
        raise MemoryFault(addr, size)

    return read


def test_link_map_of_a_32_bit_process() -> None:
    image = {
        0x1000: struct.pack("<iIIiI", 1, 0x2000, 0x3000, 0, 0x4000),
        0x2000: struct.pack("<5I", 0, 0x5000, 0x6000, 0x2100, 0),
        0x2100: struct.pack("<5I", 0x7000, 0x5001, 0x6000, 0, 0x2000),
        0x5000: b"\0/lib/x.so\0".ljust(0x200, b"\0"),
    }
    entries = link_map(memory(image), 0x1000, 4)
    assert [(e.bias, e.path) for e in entries] == [(0, ""), (0x7000, "/lib/x.so")]


def test_looping_link_map_ends() -> None:
    image = {
        0x1000: struct.pack("<i4xQQi4xQ", 1, 0x2000, 0, 0, 0),
        0x2000: struct.pack("<5Q", 1, 0, 0, 0x2000, 0),
    }
    assert len(link_map(memory(image), 0x1000, 8)) == 1
    assert link_map(memory({}), 0x1000, 8) == []


@given(st.binary(min_size=0x200, max_size=0x200))
def test_damaged_link_map(data: bytes) -> None:
    for entry in link_map(memory({0x1000: data, 0: data}), 0x1000, 8):
        assert isinstance(entry.path, str)
