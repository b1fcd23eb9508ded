"""Waiting for tracees, and what a wait status says.

pydbg is also a library inside other people's processes, so nothing here ever reaps a child
that is not a tracee of the calling thread. All waits use __WNOTHREAD: ptrace belongs to a
thread, and a tracee can only be resumed by the thread that seized it.
"""

from __future__ import annotations

import os
import signal
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from pydbg.errors import NoProcess, ThreadGone
from pydbg.rawstops import (
    EventStop,
    GroupStop,
    RawStop,
    SeccompStop,
    SignalStop,
    SyscallStop,
    ThreadExit,
    ThreadKilled,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# <linux/wait.h>; waitid accepts both since Linux 4.7.
_WALL = 0x4000_0000
_WNOTHREAD = 0x2000_0000
_OURS = _WALL | _WNOTHREAD
_PEEK = os.WEXITED | os.WNOWAIT | _OURS

# status >> 8 of a PTRACE_EVENT stop is SIGTRAP | event << 8 (ptrace(2)).
_EVENTS = {1: "fork", 2: "vfork", 3: "clone", 4: "exec", 5: "vfork-done", 6: "exit"}
_EVENT_SECCOMP = 7
_EVENT_STOP = 128
_SYSCALL_TRAP = signal.SIGTRAP | 0x80

# How long a wait may sleep at a time while a foreign zombie blocks the kernel's wait queue.
_SHORTEST, _LONGEST = 0.0005, 0.01


@lru_cache(maxsize=256)
def decode(tid: int, status: int) -> RawStop:
    """Say what a ``waitpid`` status of a seized tracee means.

    >>> decode(7, 0x57F)
    SignalStop(tid=7, signo=5)
    >>> decode(7, 0x857F)
    SyscallStop(tid=7)
    >>> decode(7, 0x4057F)
    EventStop(tid=7, event='exec')
    >>> decode(7, 0x80137F)
    GroupStop(tid=7, signo=19)
    >>> decode(7, 0x80057F)
    EventStop(tid=7, event='stop')
    >>> decode(7, 0x700), decode(7, 0x8B)
    (ThreadExit(tid=7, code=7), ThreadKilled(tid=7, signo=11, core=True))
    """
    if status & 0xFF == 0x7F:
        signo = status >> 8 & 0xFF
        event = status >> 16
        if event == 0:
            return SyscallStop(tid) if signo == _SYSCALL_TRAP else SignalStop(tid, signo)
        if event == _EVENT_STOP:
            # A group-stop carries the stopping signal; an interrupt or the first stop of a
            # new thread carries SIGTRAP.
            return EventStop(tid, "stop") if signo == signal.SIGTRAP else GroupStop(tid, signo)
        if event == _EVENT_SECCOMP:
            return SeccompStop(tid)
        return EventStop(tid, _EVENTS.get(event, f"event {event}"))
    if status & 0x7F == 0:
        return ThreadExit(tid, status >> 8 & 0xFF)
    return ThreadKilled(tid, status & 0x7F, bool(status & 0x80))


def wait_tracee(tid: int, *, nohang: bool = False) -> tuple[int, int] | None:
    """Wait for one tracee and return (tid, status), or None if ``nohang`` and nothing is due.

    Raises ThreadGone for a task that is not, or no longer, a tracee of this thread.
    """
    try:
        found, status = os.waitpid(tid, _OURS | os.WNOHANG if nohang else _OURS)
    except ChildProcessError:
        raise ThreadGone(tid) from None
    return (found, status) if found else None


def wait_all() -> tuple[int, int]:
    """Wait for any child or tracee and return (tid, status); raises NoProcess if there is none.

    Only for a process that has no other children: a foreign child is reaped, too.
    """
    try:
        return os.waitpid(-1, _OURS)
    except ChildProcessError:
        raise NoProcess from None


def wait_usage() -> tuple[int, int, float]:
    """Do as :func:`wait_all`, and return the task's system time so far, in seconds, as well."""
    try:
        tid, status, usage = os.wait4(-1, _OURS)
    except ChildProcessError:
        raise NoProcess from None
    return tid, status, usage.ru_stime


def wait_usage_within(seconds: float) -> tuple[int, int, float] | None:
    """Do as :func:`wait_usage`, but give up after some seconds and return None."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # In here: the handler of a signal that was due raises when the block is in force.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD,))
        for last in (False, True):
            try:
                tid, status, usage = os.wait4(-1, _OURS | os.WNOHANG)
            except ChildProcessError:
                raise NoProcess from None
            if tid:
                return tid, status, usage.ru_stime
            if not last:
                # A blocked signal waits for us, whatever its disposition.
                signal.sigtimedwait((signal.SIGCHLD,), seconds)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return None


def wait_any(tids: Collection[int], *, nohang: bool = False) -> tuple[int, int] | None:
    """Wait for any tracee of this thread and return (tid, status).

    ``tids`` are the known tracees. A tracee that is not among them is returned as well: a new
    thread's first stop may be reported before its creator's clone event. Returns None if
    ``nohang`` is set and nothing is due; raises NoProcess when there is nothing to wait for.

    The kernel is asked for any child without taking its state (WNOWAIT), then exactly that
    task is waited for, so that a child which the host program started stays its own. As long
    as such a child is a zombie the kernel names it and nobody else; then the known tracees
    are asked one by one.
    """
    options = _PEEK | os.WNOHANG if nohang else _PEEK
    while True:
        try:
            peeked = os.waitid(os.P_ALL, 0, options)
        except ChildProcessError:
            raise NoProcess from None
        if peeked is None:
            return None
        tid = peeked.si_pid
        if tid in tids or _is_ours(tid):
            # Nothing, if an exec by another thread took the thread group's id away meanwhile.
            found = _scan((tid,))
            if found is not None:
                return found
            continue
        return _wait_past_zombie(tid, tids, nohang=nohang)


class _Tracee(Protocol):
    @property
    def is_awaited(self) -> bool: ...


class Turns:
    """Ask tracees whether they have stopped, each in its turn.

    The kernel names the tracee first that was traced last (``__ptrace_link`` puts it in front).
    Where many stop all the time, at a breakpoint whose condition is false, the oldest would
    never be heard of by :func:`wait_any`.
    """

    def __init__(self) -> None:
        self._left: list[int] = []

    def ask(self, tracees: Mapping[int, _Tracee]) -> tuple[int, int] | None:
        """Ask the next tracee that runs; return its (tid, status) if it has stopped.

        >>> Turns().ask({})
        """
        if not self._left:
            self._left = list(tracees)
        while self._left:
            tid = self._left.pop()
            if tid in tracees and tracees[tid].is_awaited:
                try:
                    return wait_tracee(tid, nohang=True)
                except ThreadGone:
                    continue
        return None


def _is_ours(tid: int) -> bool:
    """Say whether an unknown task is a tracee of this thread, zombies included."""
    from pydbg.linux.procfs import traced_by_us

    try:
        return traced_by_us(tid)
    except NoProcess:
        return False


def _scan(tids: Collection[int]) -> tuple[int, int] | None:
    for tid in tuple(tids):
        try:
            found = wait_tracee(tid, nohang=True)
        except ThreadGone:
            continue
        if found is not None:
            return found
    return None


def _new_tracees(tids: Collection[int]) -> list[int]:
    """Return tracees of this thread that are not in ``tids``: threads and children of those."""
    from pydbg.linux import procfs

    found = []
    for tid in tuple(tids):
        try:
            relatives = [*procfs.tasks(tid), *procfs.children(tid)]
        except NoProcess:
            continue
        found += [one for one in relatives if one not in tids and _is_ours(one)]
    return found


def _wait_past_zombie(
    zombie: int, tids: Collection[int], *, nohang: bool
) -> tuple[int, int] | None:
    """Wait while a child of the host program is a zombie that its owner has not reaped.

    There is no blocking wait for "these tasks and no others", so this naps between looks.
    A nap ends early when SIGCHLD comes, provided that this thread may take it: a host that
    has a SIGCHLD handler must not lose the signal.
    """
    nap = _SHORTEST
    while True:
        found = _scan(tids) or _scan(_new_tracees(tids))
        if found is not None or nohang:
            return found
        if signal.getsignal(signal.SIGCHLD) in (signal.SIG_DFL, signal.SIG_IGN):
            before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
            try:
                # In here: the handler of a signal that was due raises when the block is in force.
                signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD,))
                # A stop may have come between the scan and the block.
                found = _scan(tids)
                if found is None:
                    signal.sigtimedwait((signal.SIGCHLD,), nap)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            if found is not None:
                return found
        else:
            import select

            select.select((), (), (), nap)
        nap = min(nap * 2, _LONGEST)
        if os.waitid(os.P_ALL, 0, _PEEK | os.WNOHANG) is None or not _still_zombie(zombie):
            return wait_any(tids)


def _still_zombie(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, _PEEK | os.WNOHANG) is not None
    except ChildProcessError:
        return False
