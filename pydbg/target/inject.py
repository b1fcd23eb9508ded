"""System calls made in the inferior, on the debugger's behalf.

A stopped thread is pointed at a ``syscall`` instruction that its memory already holds (the
vdso has one), single-stepped over it and put back as it was. Nothing is written to its code,
so other threads may run meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import CommandError, DebuggerError, ThreadGone
from pydbg.linux import ptrace, wait
from pydbg.rawstops import SeccompStop, SignalStop, SyscallStop

if TYPE_CHECKING:
    from pydbg.target.thread import Thread

_SIGTRAP = 5
_AT_SYSINFO_EHDR = 33
_PROT_READ_EXEC = 0x1 | 0x4
_MAP_PRIVATE_ANON_NOREPLACE = 0x02 | 0x20 | 0x100000
_MMAP = {"x86_64": 9, "i386": 192}
_SECCOMP = {"x86_64": 317, "i386": 354}
_PRCTL = {"x86_64": 157, "i386": 172}
_TSYNC = 1
_SET_MODE_FILTER = 1
_PR_SET_NO_NEW_PRIVS = 38


def can_inject(thread: Thread) -> bool:
    """Tell whether a thread is stopped where its registers may be borrowed.

    Inside a system call (an entry stop, a fork event) they may not: the kernel overwrites the
    result register on the way out.
    """
    return isinstance(thread.stop, SignalStop) or (
        getattr(thread.stop, "event", None) in ("stop", "exec")
    )


def _gate(thread: Thread) -> int | None:
    """Return the address of a system call instruction in the inferior's vdso."""
    inferior = thread.inferior
    if inferior.syscall_gate is None:
        base = inferior.auxv.get(_AT_SYSINFO_EHDR)
        insn = inferior.arch.syscall_insns[0]
        found = inferior.memory.read_some(base, 0x4000).find(insn) if base else -1
        inferior.syscall_gate = base + found if base and found >= 0 else 0
    return inferior.syscall_gate or None


def syscall(thread: Thread, nr: int, *args: int) -> int:
    """Make the stopped thread call the kernel and return the raw result (-errno on failure).

    Raises CommandError if the thread is inside a system call or the injection goes wrong, and
    ThreadGone if the thread dies in it.
    """
    if not can_inject(thread):
        raise CommandError("The thread is inside a system call; step out of it first.")
    inferior, arch = thread.inferior, thread.inferior.arch
    block = thread.registers
    thread.flush()
    saved = bytes(thread.gpr)
    gate = _gate(thread)
    code: bytes | None = None
    insn = arch.syscall_insns[0]
    if gate is None:
        gate = thread.pc
        code = inferior.memory.read(gate, len(insn))
        inferior.memory.write(gate, insn)
    try:
        for name, value in zip(arch.syscall_args, args, strict=False):
            block.set(name, value)
        block.set(arch.syscall_ret, nr)
        block.set(arch.syscall_number, (1 << 64) - 1)
        thread.pc = gate
        thread.flush()
        _step(thread)
        ptrace.getregs(thread.tid, thread.gpr)
        result = block.get(arch.syscall_ret)
    finally:
        if code is not None:
            inferior.memory.write(gate, code)
        thread.gpr[:] = saved
        thread.block.dirty_gpr = True
    thread.flush()
    sign = 1 << (arch.pointer_size * 8 - 1)
    return result - 2 * sign if result & sign else result


def _step(thread: Thread) -> None:
    """Single-step over the call, whatever else stops the thread on the way.

    A signal that arrives is sent again afterwards: it is the program's.
    """
    late: list[int] = []
    thread.inferior.sites.kept = None
    try:
        for _ in range(16):
            ptrace.step(thread.tid)
            found = wait.wait_tracee(thread.tid)
            assert found is not None
            stop = wait.decode(*found)
            if isinstance(stop, SignalStop):
                if stop.signo == _SIGTRAP:
                    return
                late.append(stop.signo)
            elif not isinstance(stop, SeccompStop | SyscallStop) and not hasattr(stop, "event"):
                thread.inferior.early[thread.tid] = found[1]
                raise ThreadGone(thread.tid)
        raise CommandError("The injected system call did not return.")
    finally:
        _send(thread, late)


def _send(thread: Thread, signals: list[int]) -> None:
    """Send the signals that came while a call was injected, as long as the thread lives."""
    for signo in signals:
        try:
            ptrace.tgkill(thread.inferior.pid, thread.tid, signo)
        except DebuggerError:
            return


def map_page(thread: Thread, addr: int, size: int) -> int | None:
    """Map ``size`` bytes of executable memory at exactly ``addr``; None if refused."""
    nr = _MMAP[thread.inferior.arch.syscall_abi]
    flags = _MAP_PRIVATE_ANON_NOREPLACE
    result = syscall(thread, nr, addr, size, _PROT_READ_EXEC, flags, (1 << 64) - 1, 0)
    return result if result == addr else None


def install_filter(thread: Thread, program: bytes) -> None:
    """Add a seccomp filter to the whole running process.

    ``program`` is an array of struct sock_filter; it is put below the stack's red zone for
    the length of the call. Raises CommandError with the kernel's answer if it refuses.
    """
    import errno
    import os

    inferior, arch = thread.inferior, thread.inferior.arch
    size = arch.pointer_size
    room = (thread.sp - arch.red_zone - len(program) - 64) & ~0xF
    head = (len(program) // 8).to_bytes(size, "little") + (room + 32).to_bytes(size, "little")
    saved = inferior.memory.read(room, 32 + len(program))
    inferior.sites.kept = None
    inferior.memory.write(room, head.ljust(32, b"\0") + program)
    nr = _SECCOMP[arch.syscall_abi]
    try:
        result = syscall(thread, nr, _SET_MODE_FILTER, _TSYNC, room)
        if result == -errno.EACCES:
            # Without CAP_SYS_ADMIN a filter needs no_new_privs; a traced program gains no
            # privileges by exec anyway (ptrace(2)).
            syscall(thread, _PRCTL[arch.syscall_abi], _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            result = syscall(thread, nr, _SET_MODE_FILTER, _TSYNC, room)
    finally:
        inferior.memory.write(room, saved)
    if result != 0:
        raise CommandError(f"seccomp: {os.strerror(-result)}" if result < 0 else "seccomp failed")


def syscall_inside(thread: Thread, nr: int, *args: int) -> int:
    """Make a call of our own while the thread is stopped at the entry of the program's.

    The program's call is not made first, ours is made in its place, and then the program is put
    before its instruction again and runs up to the same entry. Returns the raw result; raises
    CommandError where the instruction is not known, and ThreadGone if the thread dies.
    """
    arch, block = thread.inferior.arch, thread.registers
    by_filter = isinstance(thread.stop, SeccompStop)
    insn = arch.syscall_insns[0]
    back = thread.pc - len(insn)
    if thread.inferior.memory.read_some(back, len(insn)) not in arch.syscall_insns:
        raise CommandError("The instruction that made the call is not known.")
    thread.flush()
    before = bytes(thread.gpr)
    own_nr = block.get(arch.syscall_number)
    block.set(arch.syscall_number, (1 << 64) - 1)
    _run(thread, ptrace.SYSCALL, "exit")

    _again(thread, before, back, nr, args)
    _run(thread, ptrace.SYSCALL, "entry")
    _run(thread, ptrace.SYSCALL, "exit")
    result = block.get(arch.syscall_ret)

    _again(thread, before, back, own_nr, ())
    if by_filter:
        _run(thread, ptrace.CONT, "seccomp")
    else:
        _run(thread, ptrace.SYSCALL, "entry")
    sign = 1 << (arch.pointer_size * 8 - 1)
    return result - 2 * sign if result & sign else result


def _again(thread: Thread, gpr: bytes, pc: int, nr: int, args: tuple[int, ...]) -> None:
    """Put the thread, at a call's return, before the instruction that makes another one."""
    arch, block = thread.inferior.arch, thread.block
    thread.gpr[:] = gpr
    block.dirty_gpr = True
    thread.pc = pc
    block.set(arch.syscall_ret, nr)
    block.set(arch.syscall_number, (1 << 64) - 1)  # No restart of what was cut short.
    for name, value in zip(arch.syscall_args, args, strict=False):
        block.set(name, value)


def _run(thread: Thread, request: int, wanted: str) -> None:
    """Run to a stop at a system call (SyscallInfo.op); signals are sent again afterwards."""
    late: list[int] = []
    thread.flush()
    try:
        for _ in range(64):
            resume = ptrace.cont if request == ptrace.CONT else ptrace.syscall
            resume(thread.tid)
            found = wait.wait_tracee(thread.tid)
            assert found is not None
            stop = wait.decode(*found)
            if isinstance(stop, SignalStop):
                late.append(stop.signo)
                continue
            if not isinstance(stop, SeccompStop | SyscallStop):
                if hasattr(stop, "event"):
                    continue
                thread.inferior.early[thread.tid] = found[1]
                raise ThreadGone(thread.tid)
            thread.stop = stop
            thread.invalidate()
            thread.fetch()
            if ptrace.get_syscall_info(thread.tid).op == wanted:
                return
        raise CommandError("The injected system call did not return.")
    finally:
        _send(thread, late)
