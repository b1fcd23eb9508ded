"""A profile in force: the filter that the program lives under, and what its refusals do.

The filter stops at what the profile refuses (SECCOMP_RET_TRACE) and at nothing else; the rest
runs at full speed. What the profile says is then done to the call: an error is what it returns,
a death or a SIGSYS is the kernel's own (see :mod:`pydbg.seccomp.compile`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.seccomp.compile import compile_profile, traced
from pydbg.seccomp.evaluate import Judge, Verdict

if TYPE_CHECKING:
    from pydbg.linux.ptrace import SyscallInfo
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

__all__ = ["Sandbox", "abi_of"]

_AUDIT_I386 = 0x40000003
_SIGSYS = 31


def abi_of(info: SyscallInfo) -> str:
    """Return by which architecture of seccomp's a call was made: x32's calls are x86-64's."""
    return "i386" if info.arch == _AUDIT_I386 else "x86_64"


class Sandbox:
    """Keep a program under a profile: stop what it refuses, and do what it says."""

    def __init__(self, judge: Judge) -> None:
        import secrets

        self.judge = judge
        # Not negative as an i386 argument, so that it is one word in both.
        self._secret = secrets.randbits(31) | 1
        self.program = compile_profile(judge, traced(self._secret))
        self._sixth: dict[int, tuple[str, int]] = {}
        """What the register of the sixth argument held, by thread, until the SIGSYS is there."""

    def install(self, inferior: Inferior) -> None:
        """Put a process, which is stopped behind its exec, and its descendants under the filter.

        Raises CommandError with the kernel's answer if it refuses.
        """
        from pydbg.target.inject import install_filter

        install_filter(inferior.leader, self.program)
        # Without a tracer the calls it stops at fail: no such process is let go.
        inferior.filtered.setdefault("seccomp", frozenset())

    def verdict(self, info: SyscallInfo) -> Verdict:
        """Return what the profile says of a call at its entry."""
        return self.judge.decide(abi_of(info), info.nr, info.args)

    def carry_out(self, thread: Thread, info: SyscallInfo, verdict: Verdict) -> None:
        """Do to a thread, which is stopped at a call's entry, what a refusal says."""
        if not verdict.kills:
            thread.skip_call(-verdict.errno)
            return
        arch, block = thread.inferior.arch, thread.registers
        name = arch.syscall_args[5]
        if arch.pointer_size == 8 and abi_of(info) == "i386":
            name = "rbp"  # int 0x80 of a 64-bit program.
        self._sixth[thread.tid] = name, block.get(name)
        block.set(name, self._secret)

    def signalled(self, thread: Thread, signo: int) -> None:
        """Put the register back before a SIGSYS of ours is delivered."""
        if signo == _SIGSYS and thread.tid in self._sixth:
            thread.registers.set(*self._sixth.pop(thread.tid))
