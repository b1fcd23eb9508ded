"""Registers: names, order, sizes and values against gdb; writing them against the CPU."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pydbg.arch import I386, X86_64, Arch, arch_for
from pydbg.arch.registers import RegisterBlock, xsave_layout
from pydbg.errors import FileError, UsageError
from pydbg.linux import ptrace
from pydbg.linux.spawn import LaunchSpec, spawn
from tests.support.build import build
from tests.support.oracle import gdb

_NT_X86_XSTATE = 0x202
_AVX512 = 0xE0
_GROUPS = {"general", "float", "vector", "system", "all", "sse", "mmx"}
_TYPES = {
    "int8_t": "int8",
    "int16_t": "int16",
    "int32_t": "int32",
    "int64_t": "int64",
    "uint32_t": "uint32",
    "uint64_t": "uint64",
    "uint128_t": "uint128",
    "_i387_ext": "i387_ext",
    "_vec64i": "vec64",
    "_vec256i": "vec256",
    "_vec512i": "vec512",
}


def _program(arch: Arch) -> Path:
    return build("registers.S") if arch.bitness == 64 else build("plain.c", "m32")


@contextmanager
def _stopped(program: Path) -> Iterator[tuple[int, RegisterBlock]]:
    """Run the fixture to its int3 and give its pid and registers."""
    pid = spawn(LaunchSpec(argv=[str(program)], path=str(program)), 0x100000)
    try:
        ptrace.cont(pid)
        os.waitpid(pid, 0x40000000)
        regs = bytearray(216)
        ptrace.getregs(pid, regs)
        yield pid, RegisterBlock(X86_64, regs, lambda: ptrace.getregset(pid, _NT_X86_XSTATE))
    finally:
        try:
            os.kill(pid, 9)
            os.waitpid(pid, 0x40000000)
        except (ProcessLookupError, ChildProcessError):
            pass


@pytest.fixture(scope="module")
def features() -> int:
    """Return this machine's XCR0."""
    with _stopped(build("registers.S")) as (_, block):
        return block.features


@pytest.mark.parametrize("arch", [X86_64, I386], ids=lambda arch: arch.name)
def test_names_sizes_types_and_groups_are_gdb_s(arch: Arch, features: int) -> None:
    out = gdb(_program(arch), "starti", "maint print register-groups")
    rows = re.findall(r"^ (\w+) +\d+ +\d+ +\d+ +(\d+) (\S+) +(\S*)$", out, re.M)
    theirs = {}
    for name, size, kind, groups in rows:
        known = set(groups.split(",")) & {
            "general",
            "float",
            "vector",
            "system",
            "all",
            "sse",
            "mmx",
        }
        theirs[name] = (int(size), _TYPES.get(kind, kind), known)
    ours = {}
    for register in arch.available(features):
        listed = {g for g in register.group if register in arch.in_group(g, features)}
        ours[register.name] = (register.size, register.type, listed)
    assert set(ours) == set(theirs)
    for name, (size, kind, groups) in theirs.items():
        if kind == "*1":  # A pointer type without a name: see below.
            kind = "code_ptr" if name == arch.pc else "data_ptr"
        assert ours[name] == (size, kind, groups), name


@pytest.mark.parametrize("arch", [X86_64, I386], ids=lambda arch: arch.name)
@pytest.mark.parametrize(
    ("command", "group"),
    [
        ("info registers", "general"),
        ("info all-registers", "all"),
        ("info registers float", "float"),
        ("info registers system", "system"),
        ("info registers vector", "vector"),
        ("info registers sse", "sse"),
    ],
)
def test_listings_have_gdb_s_order(arch: Arch, command: str, group: str, features: int) -> None:
    out = gdb(_program(arch), "starti", "echo BEGIN\\n", command).partition("BEGIN\n")[2]
    theirs = re.findall(r"^(\w+) +\S", out, re.M)
    assert [register.name for register in arch.in_group(group, features)] == theirs


def test_types_of_pointers() -> None:
    out = gdb(_program(X86_64), "starti", "whatis $rip", "whatis $rsp", "whatis $rbp")
    assert re.findall(r"type = (.*)", out) == ["void (*)()", "void *", "void *"]
    kinds = [X86_64.by_name[name].type for name in ("rip", "rsp", "rbp")]
    assert kinds == ["code_ptr", "data_ptr", "data_ptr"]


def test_values_are_gdb_s(features: int) -> None:
    """Compare every register that gdb 13 reads rightly.

    Its offsets of the AVX-512 components are Intel's even on AMD, so those are compared with
    what the program put there.
    """
    program = build("registers.S")
    names = [
        register.name
        for register in X86_64.available(features)
        if not register.feature & _AVX512 and register.name not in ("rsp", "sp", "spl", "esp")
    ]
    commands = ["run"]
    for name in names:
        kind = X86_64.by_name[name].type
        member = {"vec128": ".uint128", "vec256": ".v2_int128"}.get(kind, "")
        value = f"info registers {name}" if kind == "i387_ext" else f"p/x ${name}{member}"
        commands += [f"echo @{name}\\n", value]
    out = gdb(program, *commands)
    with _stopped(program) as (_, block):
        for name in names:
            found = re.search(rf"^@{name}\n(.*)$", out, re.M)
            assert found is not None, name
            words = [int(word, 16) for word in re.findall(r"0x[0-9a-f]+", found[1])]
            value = sum(word << 128 * index for index, word in enumerate(words))
            width = X86_64.by_name[name].size * 8
            assert block.get(name) == value & ((1 << width) - 1), name
            assert int.from_bytes(block.read(name), "little") == block.get(name)
        assert block.get("ftag") not in (0, 0xFFFF)


def _table() -> bytes:
    value, table = 3, bytearray()
    for _ in range(32 * 64):
        table.append(value & 0xFF)
        value = value * 5 + 1
    return bytes(table)


def test_vector_registers_hold_what_the_program_put_there(features: int) -> None:
    table = _table()
    wide = features & _AVX512 == _AVX512
    with _stopped(build("registers.S")) as (_, block):
        for i in range(32 if wide else 16):
            expected = table[64 * i : 64 * i + 64]
            assert block.read(f"xmm{i}") == expected[:16]
            if features & 4:
                assert block.read(f"ymm{i}") == expected[:32]
            if wide:
                assert block.read(f"zmm{i}") == expected
        for i in range(8 if wide else 0):
            assert block.read(f"k{i}")[:2] == table[256 * i : 256 * i + 2]


def test_what_is_written_reaches_the_program(features: int) -> None:
    wide = features & _AVX512 == _AVX512
    with _stopped(build("registers.S")) as (pid, block):
        block.set("bl", 5)
        block.set("xmm3", 7)
        block.put("st0", (3 << 62).to_bytes(8, "little") + b"\x00\x40")  # 3.0
        expected = 5 + 7 + 3
        if wide:
            block.set("k1", 11)
            block.set("zmm16", 13)
            expected += 11 + 13
        block.set("ebx", block.get("ebx") & 0xFF)
        assert block.get("rbx") >> 32 != 0
        assert block.dirty_gpr and block.dirty_xsave
        ptrace.setregs(pid, block.gpr)
        ptrace.setregset(pid, _NT_X86_XSTATE, bytes(block.xsave))
        ptrace.cont(pid)
        _, status = os.waitpid(pid, 0x40000000)
        assert os.waitstatus_to_exitcode(status) == expected


def test_every_register_can_be_written_and_read_back(features: int) -> None:
    """Each write changes the register and those that share bytes with it, nothing else."""
    with _stopped(build("registers.S")) as (_, block):
        for register in X86_64.available(features):
            if register.name in ("ftag", "fop", "mxcsr"):
                continue  # Some of their bits do not exist.
            value = int.from_bytes(bytes(range(0xA1, 0xA1 + register.size)), "little")
            narrow = register.component == 0 and register.where == "xsave" and register.size == 4
            value &= 0xFFFF if narrow else (1 << 8 * register.size) - 1
            block.set(register.name, value)
            assert block.get(register.name) == value, register.name
        block.set("ftag", 0b1111_1111_1100_1111)
        assert block.get("ftag") >> 6 == 0b11_1111_1111 and block.get("ftag") & 3 == 3
        block.forget()
        assert not block.dirty_xsave and block.get("mxcsr") == 0x9FC0


def test_parts_have_gdb_s_semantics() -> None:
    block = RegisterBlock(X86_64, bytearray(216), lambda: b"")
    block.set("rax", 0x1122334455667788)
    block.set("al", 0x1FF)
    assert block.get("rax") == 0x11223344556677FF
    block.set("ah", 0)
    assert block.get("rax") == 0x11223344556600FF
    block.set("eax", 0)  # The upper half stays, unlike in the CPU's own `mov $0,%eax`.
    assert block.get("rax") == 0x1122334400000000
    block.set("r8l", 7)
    assert block.get("r8b") == block.get("r8d") == block.get("r8") == 7
    block.set("pc", 0x401000)
    assert block.get("rip") == 0x401000


def test_i386_sees_the_low_halves() -> None:
    regs = bytearray(216)
    wide = RegisterBlock(X86_64, regs, lambda: b"")
    narrow = RegisterBlock(I386, regs, lambda: bytes(576))
    for name in ("rax", "rsp", "rip", "orig_rax", "eflags", "cs"):
        wide.set(name, 0x9080706050403020)
    for name in ("eax", "esp", "eip", "orig_eax", "eflags", "cs", "pc", "sp"):
        assert narrow.get(name) == 0x50403020
    narrow.set("ecx", 0xFFFFFFFF)
    assert wide.get("rcx") == 0xFFFFFFFF
    assert set(I386.gpr_offsets) == {r.name for r in I386.registers if r.where == "gpr"}


def test_mmx_registers_follow_the_stack_top() -> None:
    """mm0 is physical register 0, which is st(3) when TOP is 5."""
    area = bytearray(576)
    area[3] = 5 << 3
    block = RegisterBlock(I386, bytearray(216), lambda: bytes(area))
    block.set("mm0", 0x0102030405060708)
    assert block.read("st3") == bytes(range(8, 0, -1)) + b"\xff\xff"


def test_layouts() -> None:
    assert xsave_layout(2696)[9] == 2688
    assert xsave_layout(2440)[9] == 2432


def test_errors() -> None:
    block = RegisterBlock(X86_64, bytearray(216), lambda: bytes(576))
    with pytest.raises(UsageError, match="Invalid register `nosuch'"):
        block.get("nosuch")
    with pytest.raises(UsageError, match="This CPU has no register zmm0"):
        block.get("zmm0")
    with pytest.raises(UsageError, match="Register rax has 8 bytes"):
        block.put("rax", b"1234")
    with pytest.raises(FileError, match=r"a\.out is for aarch64, which pydbg cannot run here"):
        arch_for(183, 2, "a.out")
    with pytest.raises(FileError, match="x32"):
        arch_for(62, 1)


@pytest.mark.parametrize("arch", [X86_64, I386], ids=lambda arch: arch.name)
def test_the_record_is_consistent(arch: Arch) -> None:
    assert len({register.name for register in arch.registers}) == len(arch.registers)
    for register in arch.registers:
        assert register.parent is None or register.parent in arch.by_name
        assert all(part in arch.by_name for part in register.parts)
        assert sum(arch.by_name[p].size for p in register.parts) in (0, register.size)
    named = (arch.pc, arch.sp, arch.fp, arch.flags, arch.syscall_number, arch.syscall_ret)
    for name in (*named, *arch.syscall_args, *arch.call_args, arch.call_ret):
        assert name in arch.by_name
    assert arch.by_dwarf[arch.return_column].name == arch.pc
