"""Where a thread stands with the kernel: before a system call, in it, or on its way back.

The kernel is asked at a stop of its own (PTRACE_GET_SYSCALL_INFO). Elsewhere the instruction
tells: one that enters the kernel is about to be executed, or was cut short and will be again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.arch import I386, X86_64
from pydbg.catches import abi_of
from pydbg.linux import ptrace
from pydbg.rawstops import SeccompStop, SyscallStop
from pydbg.records import Record
from pydbg.target.thread import RESTARTS

if TYPE_CHECKING:
    from pydbg.arch.model import Arch
    from pydbg.events import SyscallCaught
    from pydbg.target.thread import Thread

__all__ = ["CallState", "arch_of", "state_of"]

_INT80 = b"\xcd\x80"


class CallState(Record):
    """Hold a system call that a thread is at.

    ``phase`` is "before" (the instruction is the next one), "entry", "return" or "again" (it
    was interrupted, and the kernel will go back to the instruction). ``args`` are all six
    registers, ``insn`` is where the instruction is, 0 if that is not known.

    >>> import pydbg
    >>> with pydbg.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:
    ...     catch = dbg.catch_syscall("write")
    ...     event = dbg.cont()
    ...     state = state_of(dbg.thread)
    ...     state.phase, state.nr, state.args[2], dbg.memory.read(state.insn, 2).hex()
    ('entry', 1, 3, '0f05')
    """

    phase: str
    abi: str
    nr: int
    args: tuple[int, ...]
    ret: int | None = None
    insn: int = 0


def arch_of(abi: str) -> Arch:
    """Return the CPU whose registers hold the calls of an ABI.

    >>> arch_of("x32").syscall_args[0], arch_of("i386").syscall_args[0]
    ('rdi', 'ebx')
    """
    return I386 if abi == "i386" else X86_64


def state_of(thread: Thread, told: SyscallCaught | None = None) -> CallState | None:
    """Return the call that a stopped thread is at, None if it is at none.

    ``told`` is the event of the stop, if it was a call's: at a return it still knows the
    arguments, which an execve has wiped out of the registers.
    """
    if isinstance(thread.stop, SyscallStop | SeccompStop):
        info = ptrace.get_syscall_info(thread.tid)
        if info.op in ("entry", "seccomp"):
            return CallState("entry", abi_of(info), info.nr, info.args, insn=_insn(thread))
        if info.op == "exit":
            return _returning(thread, info.rval, told)
    return _at_instruction(thread)


def _insn(thread: Thread) -> int:
    """Return where the instruction is that the thread entered the kernel by."""
    arch = thread.inferior.arch
    size = len(arch.syscall_insns[0])
    before = thread.inferior.read_some(thread.pc - size, size)
    # sysenter comes back elsewhere, into the vDSO.
    return thread.pc - size if before in arch.syscall_insns else 0


def _abi(thread: Thread, insn: int) -> str:
    arch = thread.inferior.arch
    if insn and thread.inferior.read_some(insn, 2) == _INT80:
        return "i386"
    return arch.syscall_abi


def _args(thread: Thread, abi: str) -> tuple[int, ...]:
    block = thread.registers
    arch = thread.inferior.arch
    if abi == "i386" and arch is not I386:
        names = tuple("r" + name[1:] for name in I386.syscall_args)
        return tuple(block.get(name) & 0xFFFFFFFF for name in names)
    return tuple(block.get(name) for name in arch.syscall_args)


def _returning(thread: Thread, ret: int, told: SyscallCaught | None) -> CallState:
    insn = _insn(thread)
    if told is not None and told.tid == thread.tid and told.phase == "return":
        return CallState("return", told.abi, told.nr, told.args, told.ret, insn)
    abi = _abi(thread, insn)
    nr = thread.registers.get(thread.inferior.arch.syscall_number)
    return CallState("return", abi, nr, _args(thread, abi), ret, insn)


def _at_instruction(thread: Thread) -> CallState | None:
    arch, block = thread.inferior.arch, thread.registers
    pc = thread.pc
    if thread.inferior.read_some(pc, 2) in arch.syscall_insns:
        abi = _abi(thread, pc)
        nr = block.get(arch.syscall_ret) & 0xFFFFFFFF
        return CallState("before", abi, nr, _args(thread, abi), insn=pc)
    bits = 8 * arch.pointer_size
    nr = block.get(arch.syscall_number)
    insn = _insn(thread)
    if insn and not nr >> (bits - 1) and (1 << bits) - block.get(arch.syscall_ret) in RESTARTS:
        abi = _abi(thread, insn)
        return CallState("again", abi, nr, _args(thread, abi), insn=insn)
    return None
