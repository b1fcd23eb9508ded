"""Why the kernel stopped a thread: one ``waitpid`` status, decoded (ptrace(2), Stopped tracees).

What the user is told of it is an `events.Event`.
"""

from __future__ import annotations

from pydbg.records import Record


class SignalStop(Record):
    """Hold a signal-delivery-stop, which includes the SIGTRAPs of int3 and single steps."""

    tid: int
    signo: int


class SyscallStop(Record):
    """Hold a syscall-entry-stop or syscall-exit-stop (SIGTRAP | 0x80)."""

    tid: int


class SeccompStop(Record):
    """Hold a PTRACE_EVENT_SECCOMP stop: a filter answered SECCOMP_RET_TRACE."""

    tid: int


class EventStop(Record):
    """Hold another PTRACE_EVENT stop.

    ``event`` is "fork", "vfork", "clone", "exec", "vfork-done", "exit" or "stop" (an
    interrupt, or the first stop of a new thread).
    """

    tid: int
    event: str


class GroupStop(Record):
    """Hold a group-stop: job control stopped the whole process by ``signo``."""

    tid: int
    signo: int


class ThreadExit(Record):
    """Hold the exit of a task with an exit status (0 to 255)."""

    tid: int
    code: int


class ThreadKilled(Record):
    """Hold the death of a task by a signal."""

    tid: int
    signo: int
    core: bool


RawStop = SignalStop | SyscallStop | SeccompStop | EventStop | GroupStop | ThreadExit | ThreadKilled
