"""Work for a process that may have to outlive its command: in a child, or behind its back.

A tracer cannot hand its tracees to another process. So where processes may be left that nobody
may let go (they live under a filter that needs a tracer), the tracer is a child from the
beginning: the command ends when the child has told it how.
"""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.linux.spawn import prepare, take_over, trace_exec

if TYPE_CHECKING:
    from types import FrameType

    from pydbg.linux.spawn import LaunchSpec

__all__ = ["behind", "in_child"]

_RESULT = struct.Struct("<ii")
_PR_SET_PDEATHSIG = 1
_PR_SET_PTRACER = 0x59616D61
_PR_SET_PTRACER_ANY = (1 << 64) - 1
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)

Report = Callable[[int, int], None]


def in_child(work: Callable[[Report], tuple[int, int]]) -> tuple[int, int]:
    """Run ``work`` in a child process, and return the (status, signal) that it reports.

    ``work`` is given a function that reports; it may go on after that, and what it returns is
    reported where nothing was. The child gets the signals that ask this process to end, and
    dies with it as long as it has not reported.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _be_child(work, writer, parent)
    os.close(writer)
    return _await(pid, reader)


def _be_child(work: Callable[[Report], tuple[int, int]], writer: int, parent: int) -> None:
    open_end = [writer]

    def report(status: int, signo: int) -> None:
        if open_end:
            _die_with_parent(0)
            with suppress(OSError):
                os.write(open_end[0], _RESULT.pack(status, signo))
            os.close(open_end.pop())
            # Whoever reads what the command writes must see its end.
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.close(null)

    status = 125
    try:
        _die_with_parent(signal.SIGTERM)
        if os.getppid() == parent:
            report(*work(report))
            status = 0
    finally:
        os._exit(status)


def _die_with_parent(signo: int) -> None:
    import ctypes

    ctypes.CDLL(None)["prctl"](_PR_SET_PDEATHSIG, signo, 0, 0, 0)


def _await(pid: int, reader: int) -> tuple[int, int]:
    def forward(signo: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signo)

    def from_terminal(signo: int, frame: FrameType | None) -> None:
        """Do nothing: a terminal tells the child as well."""

    before = {}
    for signo in _FORWARDED:
        if signal.getsignal(signo) is not signal.SIG_IGN:
            tty = signo in (signal.SIGINT, signal.SIGQUIT) and os.isatty(0)
            before[signo] = signal.signal(signo, from_terminal if tty else forward)
    try:
        data = os.read(reader, _RESULT.size)
        if len(data) == _RESULT.size:
            status, signo = _RESULT.unpack(data)
            return status, signo
        _, code = os.waitpid(pid, 0)
        return (0, os.WTERMSIG(code)) if os.WIFSIGNALED(code) else (os.WEXITSTATUS(code), 0)
    finally:
        os.close(reader)
        for signo, old in before.items():
            signal.signal(signo, old)


def behind(
    spec: LaunchSpec, how: str, options: int, at_exec: Callable[[int], None]
) -> tuple[int, DebuggerError | None]:
    """Become the program, and return in a process of its own that traces it (strace -D).

    ``how`` is "grandchild", "pgroup" (in a process group of its own) or "session". Returns the
    program's pid, stopped after its exec, and None, or why it could not be started.
    """
    launch = prepare(spec)
    # Where only parents may trace (yama), this lets its own descendant do it.
    launch.native.prctl(_PR_SET_PTRACER, _PR_SET_PTRACER_ANY, 0, 0, 0)
    program = os.getpid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        take_over(launch)
    if how == "session":
        os.setsid()
    elif how == "pgroup":
        os.setpgid(0, 0)
    if os.fork():
        os._exit(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return program, trace_exec(launch, program, options, at_exec)
