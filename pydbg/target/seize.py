"""Taking over a process that runs: all its threads, while they may make new ones."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, ThreadGone
from pydbg.linux import procfs, ptrace, wait
from pydbg.rawstops import EventStop, GroupStop, SignalStop, ThreadExit, ThreadKilled

if TYPE_CHECKING:
    from pydbg.target.inferior import Inferior
    from pydbg.target.tracer import Tracer


def seize_first(pid: int, options: int) -> None:
    """Seize and stop one thread; raises PtraceError as the kernel refused, or ThreadGone."""
    ptrace.seize(pid, options)
    ptrace.interrupt(pid)
    _await_stop(pid)


def seize_rest(tracer: Tracer, inferior: Inferior, options: int) -> None:
    """Seize the other threads, until every one that could make new ones is stopped."""
    while True:
        fresh = [tid for tid in procfs.tasks(inferior.pid) if tid not in tracer.threads]
        if not fresh:
            return
        seized = []
        for tid in fresh:
            try:
                if inferior.early.pop(tid, None) is not None:
                    tracer.add_thread(inferior, tid)  # Made by a thread that was seized.
                    continue
                ptrace.seize(tid, options)
                ptrace.interrupt(tid)
            except ThreadGone:
                continue
            except DebuggerError:
                if not _is_ours(tid):
                    raise
            seized.append(tid)
        for tid in seized:
            with contextlib.suppress(ThreadGone):
                _await_stop(tid)
                tracer.add_thread(inferior, tid)
        if not seized and not any(tid in tracer.threads for tid in fresh):
            return  # What is left is on its way out.


def _is_ours(tid: int) -> bool:
    try:
        return procfs.traced_by_us(tid)
    except DebuggerError:
        return True  # It ended: that is noticed when its stop is waited for.


def _await_stop(tid: int) -> None:
    """Wait for the stop that an interrupt brings; a signal met on the way is sent again."""
    while True:
        found = wait.wait_tracee(tid)
        assert found is not None
        stop = wait.decode(*found)
        if isinstance(stop, GroupStop):
            return
        if isinstance(stop, ThreadExit | ThreadKilled):
            raise ThreadGone(tid)
        if isinstance(stop, SignalStop):
            ptrace.cont(tid, stop.signo)
        elif isinstance(stop, EventStop) and stop.event == "stop":
            return
        else:
            if isinstance(stop, EventStop) and stop.event in ("fork", "vfork", "clone"):
                _let_child_go(tid)
            ptrace.cont(tid)
        ptrace.interrupt(tid)


def _let_child_go(tid: int) -> None:
    """Release a process that was made in this very moment; a thread is taken over later."""
    with contextlib.suppress(DebuggerError):
        child = ptrace.geteventmsg(tid)
        if procfs.thread_group(child) == child:
            wait.wait_tracee(child)
            ptrace.detach(child)
