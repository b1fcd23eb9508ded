"""Instruction kinds and relocation; relocated code is executed where that is possible."""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from pydbg.arch import I386, X86_64
from pydbg.arch.disasm import disassemble
from pydbg.arch.insn import classify, length, relocate, relocated

KINDS = [
    ("e8 00 00 00 00", "call", 0x1005),
    ("ff d0", "call", None),
    ("ff 15 00 00 00 00", "call", None),
    ("c3", "ret", None),
    ("c2 08 00", "ret", None),
    ("f3 c3", "ret", None),
    ("cb", "ret", None),
    ("48 cf", "ret", None),
    ("eb 02", "jump", 0x1004),
    ("e9 fb ff ff ff", "jump", 0x1000),
    ("ff e0", "jump", None),
    ("3e ff e0", "jump", None),
    ("74 02", "cond", 0x1004),
    ("0f 85 fa ff ff ff", "cond", 0x1000),
    ("e2 fe", "cond", 0x1000),
    ("e3 00", "cond", 0x1002),
    ("0f 05", "syscall", None),
    ("0f 34", "syscall", None),
    ("cd 80", "syscall", None),
    ("cc", "int", None),
    ("cd 03", "int", None),
    ("90", "other", None),
    ("0f 0b", "other", None),
    ("48 8d 05 00 00 00 00", "other", None),
    ("06", "bad", None),
]


@pytest.mark.parametrize(("code", "kind", "target"), KINDS)
def test_kinds(code: str, kind: str, target: int | None) -> None:
    raw = bytes.fromhex(code)
    info = classify(raw + b"\x90" * 4, 0x1000)
    assert (info.kind, info.target) == (kind, target)
    assert info.size == (0 if kind == "bad" else len(raw)) == length(raw)


@pytest.mark.parametrize(
    "code",
    ["0f 05", "0f 34", "cd 80", "cc", "cd 03", "cb", "48 cf", "06", "48", "66 e9 00 00"]
    + ["ff 1b", "c7 f8 00 00 00 00", "67 48 8b 05 00 00 00 00", "ff d4"],
)
def test_what_cannot_be_moved(code: str) -> None:
    assert relocate(bytes.fromhex(code), 0x400000, 0x500000) is None


def test_operands_out_of_reach_cannot_be_moved() -> None:
    lea = bytes.fromhex("48 8d 05 10 00 00 00")
    assert relocate(lea, 0x1000, 0x7FFF_0000_0000) is None
    assert relocate(bytes.fromhex("ff 15 10 00 00 00"), 0x1000, 0x7FFF_0000_0000) is None
    assert relocate(lea, 0x1000, 0x7000_0000) is not None


# --- executing ----------------------------------------------------------------------------

_PAGE = 4096
_WORD = 2048  # Where the code's page has data.
_FUNCTION = 1024  # A function that returns its return address.
_RETURN_ADDRESS = bytes.fromhex("48 8b 04 24 c3")  # mov (%rsp),%rax; ret


@dataclass(frozen=True)
class Case:
    """One instruction, what runs before and after it, and arguments to try."""

    name: str
    insn: str
    after: str = "c3"
    before: str = ""
    args: tuple[int | str, ...] = (0,)


_TWO_WAYS = "b8 01 00 00 00 c3 b8 02 00 00 00 c3"  # mov $1,%eax; ret; mov $2,%eax; ret
_TEST = "85 ff"  # test %edi,%edi
_COUNT = "48 89 f9"  # mov %rdi,%rcx

CASES = [
    Case("plain", "48 8d 47 05"),
    Case("lea of rip", "48 8d 05 10 00 00 00"),
    Case("load of rip", "48 8b 05 {word}"),
    Case(
        "load of rip, with an immediate behind",
        "48 c7 05 {word4} 34 12 00 00",
        "48 8b 05 {word} c3",
    ),
    Case("compare with rip", "80 3d {word1} 7f", "0f 94 c0 0f b6 c0 c3"),
    Case("direct call", "e8 {function}"),
    Case("call of a register", "ff d7", args=("function",)),
    Case("call through the stack", "ff 14 24", "59 c3", "57", args=("function",)),
    Case("call through the stack + 8", "ff 54 24 08", "59 59 c3", "57 6a 00", args=("function",)),
    Case("call through rip", "ff 15 {pointer}"),
    Case("call of r11", "41 ff d3", "c3", "49 89 fb", args=("function",)),
    Case("jump", "eb 06", _TWO_WAYS),
    Case("long jump", "e9 06 00 00 00", _TWO_WAYS),
    Case("bnd jump", "f2 e9 06 00 00 00", _TWO_WAYS),
    Case("jump to a register", "ff e7", args=("function",)),
    Case("jump through rip", "ff 25 {pointer}"),
    Case("notrack jump", "3e ff e7", args=("function",)),
    Case("je", "74 06", _TWO_WAYS, _TEST, (0, 1)),
    Case("jne", "75 06", _TWO_WAYS, _TEST, (0, 1)),
    Case("jg, long", "0f 8f 06 00 00 00", _TWO_WAYS, _TEST, (0, 1, 0xFFFFFFFF)),
    Case("js with a hint", "3e 78 06", _TWO_WAYS, _TEST, (0, 0xFFFFFFFF)),
    Case("loop", "e2 06", _TWO_WAYS, _COUNT, (1, 2)),
    Case("loope", "e1 06", _TWO_WAYS, _COUNT + _TEST, (1, 2)),
    Case("jrcxz", "e3 06", _TWO_WAYS, _COUNT, (0, 1, 1 << 32)),
    Case("jecxz", "67 e3 06", _TWO_WAYS, _COUNT, (0, 1, 1 << 32)),
    Case("ret", "c3", "", "48 89 f8", (7,)),
    Case("repz ret", "f3 c3", "", "48 89 f8", (7,)),
    Case("ret $8", "c2 08 00", "", "5a 57 52 48 89 f8", (7,)),
    Case("push", "57", "58 c3", "", (9,)),
    Case("string", "f3 aa", "48 89 f8 c3", "48 8d 3d {word} 31 c9"),
    Case("endbr64", "f3 0f 1e fa", "48 89 f8 c3", "", (3,)),
]


class _Pages:
    """Three pages: the code, a slot close by, a slot beyond the reach of a rel32."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        numbers = [ctypes.c_int] * 3 + [ctypes.c_long]
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *numbers]
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        protection = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        near = libc.mmap(None, 2 * _PAGE, protection, flags, -1, 0)
        far = libc.mmap(0x1_0000_0000, _PAGE, protection, flags, -1, 0)
        self.code, self.near, self.far = near, near + _PAGE, far
        assert abs(far - near) > 1 << 32

    def run(self, start: int, argument: int) -> int:
        """Call the code in a child, so that a crash fails the test and not the run."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            call = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(start)
            os.write(write, struct.pack("<Q", call(argument)))
            os._exit(0)
        os.close(write)
        data = os.read(read, 8)
        os.close(read)
        _, status = os.waitpid(pid, 0)
        assert status == 0, f"the code ended with wait status {status:#x}"
        return int(struct.unpack("<Q", data)[0])


@pytest.fixture(scope="module")
def pages() -> Iterator[_Pages]:
    """Map the pages once; the children that write to them have copies."""
    yield _Pages()


def _layout(case: Case, base: int) -> tuple[bytes, int, bytes, bytes]:
    """Fill in distances; return the bytes before, the site's offset, its bytes, those after."""

    def fill(text: str, at: int) -> bytes:
        raw = b""
        for token in re.split(r"\s+", text.strip()):
            if not token:
                continue
            if token.startswith("{"):
                name = token.strip("{}")
                trail = {"word4": 4, "word1": 1}.get(name, 0)
                place = {"function": _FUNCTION, "pointer": _WORD + 8}.get(name, _WORD)
                raw += struct.pack("<i", place - (at + len(raw) + 4 + trail))
            else:
                raw += bytes.fromhex(token)
        return raw

    before = fill(case.before, 0)
    insn = fill(case.insn, len(before))
    after = fill(case.after, len(before) + len(insn))
    return before, len(before), insn, after


@pytest.mark.parametrize("place", ["near", "far"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_relocated_instruction_does_the_same(pages: _Pages, case: Case, place: str) -> None:
    """Run the code as it is, then with a jump to the slot in place of the instruction.

    The code before the instruction is put in front of the slot instead, so that nothing has
    to be overwritten and short instructions can be tried too.
    """
    before, offset, insn, after = _layout(case, pages.code)
    page = bytearray(_PAGE)
    page[: len(before + insn + after)] = before + insn + after
    page[_FUNCTION : _FUNCTION + len(_RETURN_ADDRESS)] = _RETURN_ADDRESS
    page[_WORD : _WORD + 16] = struct.pack("<QQ", 0x1122334455667788, pages.code + _FUNCTION)
    ctypes.memmove(pages.code, bytes(page), _PAGE)
    slot = getattr(pages, place)
    entry = slot + 512
    moved = relocate(insn + after, pages.code + offset, slot)
    if "{word" in case.insn or "{pointer" in case.insn or case.name == "lea of rip":
        assert (moved is None) == (place == "far")
    if moved is None:
        return
    ctypes.memmove(slot, moved, len(moved))
    if "{" in case.before:
        before = _layout(Case("", "", before=case.before), 0)[0]
        start = before.index(b"\x48\x8d\x3d") + 3
        (distance,) = struct.unpack_from("<i", before, start)
        if place == "far":
            return
        before = (
            before[:start] + struct.pack("<i", distance + pages.code - entry) + before[start + 4 :]
        )
    jump = b"\xe9" + struct.pack("<i", slot - (entry + len(before) + 5))
    ctypes.memmove(entry, before + jump, len(before + jump))
    for argument in case.args:
        value = pages.code + _FUNCTION if argument == "function" else int(argument)
        assert pages.run(entry, value) == pages.run(pages.code, value)


def test_i386_slots_push_the_original_return_address() -> None:
    """Check by reading: 32-bit code cannot run in this process."""
    slot = relocate(bytes.fromhex("e8 00 01 00 00"), 0x8049000, 0xF0000000, arch=I386)
    assert slot is not None
    assert [line.text for line in disassemble(slot, 0xF0000000, arch=I386)] == [
        "push   $0x8049005",
        "jmp    0x8049105",
    ]
    slot = relocate(bytes.fromhex("ff 54 24 08"), 0x8049000, 0xF0000000, arch=I386)
    assert slot is not None
    assert [line.text for line in disassemble(slot, 0xF0000000, arch=I386)] == [
        "push   $0x8049004",
        "jmp    *0xc(%esp)",
    ]
    slot = relocate(bytes.fromhex("7f 10"), 0x8049000, 0xF0000000, arch=I386)
    assert slot is not None
    assert [line.target for line in disassemble(slot, 0xF0000000, arch=I386)][1:] == [
        0x8049002,
        0x8049012,
    ]


def test_places_say_where_the_program_stands() -> None:
    call = relocated(bytes.fromhex("e8 00 01 00 00"), 0x401000, 0x500000)
    assert call is not None and call.places == {0: 0x401000, 6: 0x401105}
    indirect = relocated(bytes.fromhex("ff d0"), 0x401000, 0x500000)
    assert indirect is not None and indirect.places == {0: 0x401000, 6: None}
    plain = relocated(b"\x90", 0x401000, 0x500000)
    assert plain is not None and plain.places == {0: 0x401000, 1: 0x401001}


def test_every_instruction_of_libc_is_moved_or_refused() -> None:
    """Read the moved instruction back: the same text, the same addresses, the way back."""
    out = subprocess.run(
        ["objdump", "-d", "-w", "-j", ".text", "/lib/x86_64-linux-gnu/libc.so.6"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = re.findall(r"^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+)", out, re.M)[::11]
    slot_addr, moved = 0x400000, 0
    for addr_text, raw_text in rows:
        addr, raw = int(addr_text, 16), bytes.fromhex(raw_text)
        info = classify(raw, addr)
        slot = relocated(raw, addr, slot_addr)
        if slot is None:
            assert info.kind in ("syscall", "int"), raw.hex()
            continue
        moved += 1
        before = disassemble(raw, addr)[0]
        after = disassemble(slot.code, slot_addr)
        if info.kind == "other":
            back = after[1]
            assert re.sub(r"-?0x\w+\(%rip\)", "", before.text) == re.sub(
                r"-?0x\w+\(%rip\)", "", after[0].text
            )
            assert (back.text, back.target) == (f"jmp    {addr + len(raw):#x}", addr + len(raw))
        elif info.target is not None:
            assert info.target in [line.target for line in after]
    assert moved > len(rows) * 0.99


def test_lengths_agree_with_objdump_for_32_bit_code(tmp_path: object) -> None:
    out = subprocess.run(
        ["objdump", "-d", "-w", "/usr/lib32/libc.so.6"], capture_output=True, text=True, check=True
    ).stdout
    rows = re.findall(r"^ *[0-9a-f]+:\t((?:[0-9a-f]{2} )+) *\t(?!\(bad\)|fst|fwait)", out, re.M)
    for raw in {bytes.fromhex(row) for row in rows[::7]}:
        assert length(raw, arch=I386) == len(raw), raw.hex()
    assert X86_64.max_insn == 15
