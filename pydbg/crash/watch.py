"""Run a program at full speed and report if a signal, or a panic of Go, ends it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.crash.gather import facts, report
from pydbg.crash.gopanic import STATUS, fatal_error, report_of_go, stop_at_fatal_errors
from pydbg.crash.records import CrashReport, SignalRow
from pydbg.crash.verdict import Facts, Verdict, classify
from pydbg.errors import DebuggerError
from pydbg.events import (
    BreakpointHit,
    CatchHit,
    ChildCreated,
    Event,
    Exited,
    Interrupted,
    Killed,
    SignalReceived,
)
from pydbg.linux import procfs, ptrace
from pydbg.records import replace
from pydbg.syscalls.siginfo import SigInfo, decode_siginfo
from pydbg.syscalls.signals import signal_name, signal_text

if TYPE_CHECKING:
    from pydbg.debugger import Debugger

__all__ = ["is_fatal", "report_on", "watch"]

_HARMLESS = frozenset({17, 18, 23, 28})
"""Signals that are ignored by default, signal(7): CHLD CONT URG WINCH."""
_STOPPING = frozenset({19, 20, 21, 22})
_LIBRARY = frozenset({32, 33})
_FAULTS = frozenset({4, 5, 7, 8, 11, 31})
_SIGINT, _SIGSYS = 2, 31
_WISHES = frozenset({1, 2, 3})
"""What a terminal sends: SIGHUP SIGINT SIGQUIT."""


def watch(dbg: Debugger, emit: Callable[[CrashReport], None], *, follow: bool = False) -> Event:
    """Run the program to its end and return that event; ``emit`` gets a report if it died.

    With ``follow`` the processes that it forks are watched too, until the last has ended. A
    signal that the program ignores or handles goes its way unseen. Raises LaunchError.

    >>> from pydbg.debugger import Debugger
    >>> found = []
    >>> with Debugger("/bin/sh", ["-c", "kill -ILL $$"]) as dbg:
    ...     watch(dbg, found.append).signo
    4
    >>> found[0].verdict.title
    'the program sent itself SIGILL'
    """
    dbg.signals.handle([n for n in range(1, 65) if _may_end(n)], ["stop", "pass"])
    dbg.catch("exit")
    if follow:
        dbg.settings.set("detach-on-fork", "off")
        dbg.on_event(lambda event: _child_goes_on(dbg, event))
    watcher = _Watcher(dbg)
    last = event = dbg.run(stop="entry")
    stop_at_fatal_errors(dbg)
    pid = event.pid
    while True:
        if isinstance(event, Exited | Killed):
            made = watcher.death(event) if isinstance(event, Killed) else watcher.end(event)
            if made is not None:
                emit(made)
            if event.pid == pid:
                last = event
            if dbg.inferior is None or not follow:
                return last
        else:
            watcher.stop(event)
        event = _lost(dbg) or _go_on(dbg, event)


def _child_goes_on(dbg: Debugger, event: Event) -> None:
    """Let a child that was forked run beside its parent."""
    if isinstance(event, ChildCreated) and event.kept:
        control = dbg.control
        control.queue(control.resume(dbg.tracer.inferiors[event.child].leader))


def _lost(dbg: Debugger) -> Event | None:
    """Return the end of a process that came while all were being stopped."""
    for inferior in dbg.inferiors:
        if inferior.lost is not None:
            return dbg.control.children.exited(inferior)
    return None


def _go_on(dbg: Debugger, event: Event) -> Event:
    """Let all processes run to the next stop; ``cont`` alone resumes only the current one."""
    control = dbg.control
    for inferior in dbg.inferiors:
        if inferior is not dbg.inferior:
            for thread in list(inferior.threads.values()):
                if control.may_run(thread):
                    control.queue(control.resume(thread))
    if isinstance(event, Interrupted):
        # Somebody sent SIGINT to us alone: it is meant for the program.
        os.kill(event.pid, _SIGINT)
    return dbg.cont()


def _may_end(signo: int) -> bool:
    return signo not in _HARMLESS | _STOPPING | _LIBRARY


class _Watcher:
    """Keep what was found out about processes that are about to die."""

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg
        self._reports: dict[int, CrashReport] = {}
        self._handled: dict[int, Verdict] = {}
        self._fatal: dict[int, str] = {}
        """What Go's runtime said when it gave up."""

    def stop(self, event: Event) -> None:
        """Look at a stop: at a signal that ends the process a report is made."""
        dbg = self._dbg
        thread = dbg.thread
        if thread is None or event.pid in self._reports:
            return
        if isinstance(event, SignalReceived):
            try:
                if is_fatal(thread.tid, event.signo):
                    info = decode_siginfo(ptrace.getsiginfo(thread.tid))
                    if event.signo in _WISHES and _is_wish(info):
                        return
                    earlier = self._handled.get(event.pid)
                    self._reports[event.pid] = report(dbg, info, earlier=earlier)
                elif event.signo in _FAULTS:
                    info = decode_siginfo(ptrace.getsiginfo(thread.tid))
                    if info.code > 0:
                        self._handled[event.pid] = classify(facts(dbg, info))
            except DebuggerError:
                return  # It was killed meanwhile.
        elif isinstance(event, BreakpointHit):
            self._fatal[event.pid] = fatal_error(dbg)
        elif isinstance(event, CatchHit) and event.kind == "exit":
            self._exit(event)

    def _exit(self, event: CatchHit) -> None:
        """Look at a process that dies without a stop: a filter's SIGSYS, SIGKILL, Go's panics."""
        status = event.detail if isinstance(event.detail, int) else 0
        signo = status & 0x7F
        if status == STATUS << 8:
            try:
                found = self._of_go(event.pid)
            except DebuggerError:
                return  # It was killed meanwhile, or its records are damaged.
            if found is not None:
                self._reports[event.pid] = found
        if signo == _SIGSYS:
            number = self._dbg.regs["orig_rax"]
            info = SigInfo(signo, 0, 1, {"si_syscall": number})
            self._reports[event.pid] = report(self._dbg, info)

    def _of_go(self, pid: int) -> CrashReport | None:
        fatal, earlier = self._fatal.get(pid, ""), self._handled.get(pid)
        return report_of_go(self._dbg, fatal=fatal, earlier=earlier)

    def end(self, event: Exited) -> CrashReport | None:
        """Return the report on a process that exited by itself: None but for panics of Go."""
        found = self._reports.pop(event.pid, None)
        return None if found is None or found.signal is not None else found

    def death(self, event: Killed) -> CrashReport | None:
        """Return the report on a process that is dead now."""
        found = self._reports.pop(event.pid, None)
        if found is None:
            if event.signo in _WISHES:
                return None
            row = SignalRow(event.signo, signal_name(event.signo), signal_text(event.signo), 0, "")
            verdict = classify(Facts(SigInfo(event.signo, 0, 0), event.pid))
            dbg = self._dbg
            found = CrashReport(
                dbg.program or "", tuple(dbg.args), event.pid, event.tid, row, verdict
            )
        return replace(found, core=event.core)


def _is_wish(info: SigInfo) -> bool:
    """Tell whether a signal is the user's: from the terminal, or handed on by us."""
    return info.code == 0x80 or info.fields.get("si_pid") == os.getpid()


def report_on(dbg: Debugger, event: Event) -> CrashReport | None:
    """Return the report on a stop if it is by a signal that is about to end the process."""
    thread = dbg.thread
    if thread is None or not isinstance(event, SignalReceived):
        return None
    if not is_fatal(thread.tid, event.signo):
        return None
    return report(dbg, decode_siginfo(ptrace.getsiginfo(thread.tid)))


def is_fatal(tid: int, signo: int) -> bool:
    """Tell whether a signal that is about to be delivered to a thread ends its process.

    The kernel has put a handler that cannot run (SIGSEGV while it is blocked) away by now.
    """
    status = procfs.status(tid)
    bit = 1 << (signo - 1)
    if int(status.get("SigCgt", "0"), 16) & bit or int(status.get("SigIgn", "0"), 16) & bit:
        return False
    return signo not in _HARMLESS | _STOPPING
