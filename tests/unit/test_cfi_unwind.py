"""Unwinding without a process: made-up stacks, corrupt ones, and any bytes at all."""

from __future__ import annotations

import itertools
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pydbg.arch import I386, X86_64, Arch
from pydbg.errors import MemoryFault
from pydbg.symbols.cfi import Fde
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.modules import Module, ModuleList
from pydbg.target.unwind import Unwinding, unwind
from tests.support.build import build

RA, SP, FP = 16, 7, 6
CODE, STACK = 0x10000, 0x7FFF0000
CALL = bytes([0xE8, 0, 0, 0, 0])
LIBC = Module(ElfFile("/lib/x86_64-linux-gnu/libc.so.6"), 0x7F0000000000)


def function() -> Fde:
    """Choose a function of the C library whose first instruction has a plain CFA."""
    text = LIBC.elf.section(".text")
    assert text is not None
    fdes = LIBC.cfi.sections[0].fdes()
    return next(f for f in fdes if text.contains(f.low) and f.high - f.low > 64)


class Memory:
    """Be a few pieces of memory by address."""

    def __init__(self, **pieces: tuple[int, bytes]) -> None:
        self.pieces = list(pieces.values())

    def read(self, addr: int, size: int) -> bytes:
        for start, data in self.pieces:
            if start <= addr and addr + size <= start + len(data):
                return data[addr - start : addr - start + size]
        raise MemoryFault(addr, size)


def walk(
    regs: dict[int, int], memory: Memory, *modules: Module, arch: Arch = X86_64
) -> tuple[list[tuple[int, str]], Unwinding]:
    frames = unwind(regs, read=memory.read, modules=ModuleList(modules), arch=arch)
    return [(frame.pc, frame.how) for frame in itertools.islice(frames, 1000)], frames


def frame_chain(*returns: int) -> bytes:
    """Lay out frames of two words, each pointing to the next, the last to 0."""
    words = []
    for index, addr in enumerate(returns):
        last = index == len(returns) - 1
        words += [0 if last else STACK + 16 * (index + 1), addr]
    return struct.pack(f"<{len(words)}Q", *words)


def test_frame_pointers_in_unknown_code() -> None:
    """Code made at run time has neither CFI nor symbols; its frames are still there."""
    memory = Memory(
        code=(CODE, b"\x90" * 32 + CALL * 20),
        stack=(STACK, frame_chain(CODE + 37, CODE + 42, 0)),
    )
    frames, walked = walk({RA: CODE + 8, SP: STACK - 16, FP: STACK}, memory)
    assert frames == [(CODE + 8, "fp"), (CODE + 37, "fp"), (CODE + 42, "fp"), (0, "sp")]
    assert walked.stop_reason is None


def test_a_call_of_a_wild_address_shows_its_caller() -> None:
    memory = Memory(
        code=(CODE, b"\x90" * 32 + CALL * 2),
        stack=(STACK, struct.pack("<4Q", CODE + 37, 0, 0, 0)),
    )
    frames, _ = walk({RA: 0, SP: STACK, FP: 0}, memory)
    assert frames == [(0, "sp"), (CODE + 37, "sp"), (0, "sp")]


def test_what_is_not_behind_a_call_is_no_return_address() -> None:
    """The words of the stack are shown one by one then, as in gdb."""
    memory = Memory(code=(CODE, b"\x90" * 64), stack=(STACK, frame_chain(CODE + 37, 0)))
    frames, walked = walk({RA: CODE + 8, SP: STACK, FP: STACK}, memory)
    words = [CODE + 8, STACK + 16, CODE + 37, 0]
    assert frames == [(word, "sp") for word in words]
    assert walked.stop_reason is None


def test_a_frame_pointer_into_another_stack_is_none() -> None:
    """A coroutine's first function is called by nothing that its frame pointer knows."""
    far = STACK + (1 << 40)
    memory = Memory(
        code=(CODE, b"\x90" * 32 + CALL * 8),
        stack=(STACK, struct.pack("<2Q", 5, 0)),
        other=(far, struct.pack("<2Q", 0, CODE + 37)),
    )
    frames, _ = walk({RA: CODE + 8, SP: STACK, FP: far}, memory)
    assert [pc for pc, _ in frames] == [CODE + 8, 5, 0]


@pytest.mark.parametrize("target", [STACK, STACK - 64, STACK + 16])
def test_a_loop_of_frame_pointers_ends(target: int) -> None:
    stack = struct.pack("<4Q", STACK + 16, CODE + 37, target, CODE + 42)
    memory = Memory(code=(CODE, b"\x90" * 32 + CALL * 8), stack=(STACK, stack))
    frames, walked = walk({RA: CODE + 8, SP: STACK, FP: STACK}, memory)
    assert 2 <= len(frames) <= 4
    assert walked.stop_reason is not None


def test_an_overwritten_return_address_is_shown_as_it_is() -> None:
    """Who smashes a stack wants to see with what."""
    fde = function()
    memory = Memory(stack=(STACK, b"A" * 256))
    frames, walked = walk({RA: fde.low + LIBC.bias, SP: STACK, FP: STACK}, memory, LIBC)
    assert [pc for pc, _ in frames] == [fde.low + LIBC.bias, *[0x4141414141414141] * 32]
    assert walked.stop_reason == f"Cannot access memory at address {STACK + 256:#x}"


def test_an_unreadable_stack_ends_with_the_address() -> None:
    fde = function()
    frames, walked = walk({RA: fde.low + LIBC.bias, SP: STACK, FP: 0}, Memory(), LIBC)
    assert [how for _, how in frames] == ["cfi"]
    assert walked.stop_reason == f"Cannot access memory at address {STACK:#x}"


def test_a_limit_is_no_reason_to_stop() -> None:
    memory = Memory(
        code=(CODE, b"\x90" * 32 + CALL * 20), stack=(STACK, frame_chain(CODE + 37, CODE + 42, 0))
    )
    regs = {RA: CODE + 8, SP: STACK - 16, FP: STACK}
    frames = unwind(regs, read=memory.read, modules=ModuleList(), arch=X86_64, limit=2)
    assert len(list(frames)) == 2
    assert frames.stop_reason is None


def test_only_asked_frames_are_worked_out() -> None:
    reads = []

    def read(addr: int, size: int) -> bytes:
        reads.append(addr)
        raise MemoryFault(addr, size)

    fde = function()
    regs = {RA: fde.low + 1 + LIBC.bias, SP: STACK, FP: 0}
    next(unwind(regs, read=read, modules=ModuleList([LIBC]), arch=X86_64))
    assert reads == []


def test_trampolines_are_known_by_their_bytes() -> None:
    """A static program without CFI: the kernel's frame lies at the stack pointer."""
    context = bytearray(512)
    struct.pack_into("<Q", context, 40 + 16 * 8, CODE + 200)  # rip
    struct.pack_into("<Q", context, 40 + 15 * 8, STACK + 400)  # rsp
    code = b"\x90" * 16 + b"\x48\xc7\xc0\x0f\0\0\0\x0f\x05" + b"\x90" * 300
    memory = Memory(code=(CODE, code), stack=(STACK, bytes(context)))
    frames, _ = walk({RA: CODE + 16, SP: STACK, FP: 0}, memory)
    assert frames[0] == (CODE + 16, "signal")
    assert frames[1][0] == CODE + 200


def test_a_function_that_pushes_without_cfi_is_found_by_its_call() -> None:
    """__do_global_dtors_aux of crtbeginS.o: no CFI, `push %rbp` after a test and a jump."""
    elf = ElfFile(str(build("recurse.c")))
    module = Module(elf, 0x555555554000, is_main=True)
    symbol = next(iter(module.lookup("__do_global_dtors_aux")))
    assert module.cfi.cfi_for(symbol.link_addr) is None
    start = symbol.link_addr + module.bias
    stack = struct.pack("<4Q", STACK + 24, CODE + 34, 0, 0)
    code = b"\x90" * 32 + b"\xff\xd0" + b"\x90" * 32  # call *%rax
    caller = Module(ElfFile("/bin/true"), CODE - 0x2000)

    def read(addr: int, size: int) -> bytes:
        if module.contains(addr):
            return elf.load_bytes(addr - module.bias, size)
        return Memory(code=(CODE, code), stack=(STACK, stack)).read(addr, size)

    modules = ModuleList([module, caller])
    push = elf.load_bytes(symbol.link_addr, 64).index(0x55)
    regs = {RA: start + push + 1, SP: STACK, FP: 0}
    frames = list(unwind(regs, read=read, modules=modules, arch=X86_64, limit=2))
    assert [frame.pc for frame in frames] == [start + push + 1, CODE + 34]
    assert frames[0].how == "scan"


@given(st.randoms(use_true_random=False), st.binary(min_size=512, max_size=512))
@settings(max_examples=150, deadline=None)
def test_any_stack_ends(chance: random.Random, stack: bytes) -> None:
    """Random registers and a stack of random words, many of them real code addresses."""
    text = next(s for s in LIBC.elf.sections if s.name == ".text")
    words = list(struct.unpack("<64Q", stack))
    for index in range(len(words)):
        if chance.random() < 0.7:
            words[index] = LIBC.bias + text.link_addr + chance.randrange(text.size)
        elif chance.random() < 0.5:
            words[index] = STACK + 8 * chance.randrange(64)
    data = struct.pack("<64Q", *words)

    def read(addr: int, size: int) -> bytes:
        if addr >= STACK and addr + size <= STACK + len(data):
            return data[addr - STACK : addr - STACK + size]
        return LIBC.elf.load_bytes(addr - LIBC.bias, size)

    pc = LIBC.bias + text.link_addr + chance.randrange(text.size)
    regs = {number: STACK + 8 * chance.randrange(64) for number in range(16)}
    walked = unwind({**regs, RA: pc}, read=read, modules=ModuleList([LIBC]), arch=X86_64)
    frames = list(itertools.islice(walked, 5000))
    assert len(frames) < 5000
    assert all(older.level == younger.level + 1 for younger, older in itertools.pairwise(frames))


def test_i386_frame_pointers() -> None:
    stack = struct.pack("<4I", STACK + 8, CODE + 37, 0, 0)
    memory = Memory(code=(CODE, b"\x90" * 32 + CALL * 8), stack=(STACK, stack))
    frames, _ = walk({8: CODE + 8, 4: STACK, 5: STACK}, memory, arch=I386)
    assert [pc for pc, _ in frames] == [CODE + 8, CODE + 37, 0]
