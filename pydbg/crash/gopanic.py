"""The end of a Go program by a panic or a fatal error: it exits with status 2, without a signal.

Source: src/runtime/panic.go (fatalpanic and fatalthrow end in exit(2) on the thread's own stack).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pydbg.crash.gather import selection_kept, thread_row
from pydbg.crash.records import CrashReport, ThreadRow
from pydbg.crash.verdict import Verdict
from pydbg.errors import DebuggerError
from pydbg.golang.panics import FATAL, dying, told
from pydbg.linux import procfs
from pydbg.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydbg.debugger import Debugger
    from pydbg.golang.goroutines import Goroutine

__all__ = ["STATUS", "fatal_error", "report_of_go", "stop_at_fatal_errors"]

STATUS = 2
"""What the runtime exits with."""
_ENDS = ("runtime.fatalpanic", "runtime.fatalthrow")
_INNERMOST = 8
_MOST = 16
"""Goroutines of the program that are shown beside the one that ended it."""


def stop_at_fatal_errors(dbg: Debugger) -> None:
    """Have a Go program stop where its runtime gives up: only there its last words are known."""
    if any(module.is_go for module in dbg.modules):
        for name in FATAL:
            with suppress(DebuggerError):  # runtime.fatal is new in Go 1.19.
                dbg.break_at(name)


def fatal_error(dbg: Debugger) -> str:
    """Return what a thread says that stands at a place of stop_at_fatal_errors, "" otherwise."""
    frame = dbg.frame
    found = told(dbg, frame) if frame is not None and frame.function in FATAL else None
    return (found.message if found is not None else None) or ""


def report_of_go(
    dbg: Debugger, *, fatal: str = "", earlier: Verdict | None = None
) -> CrashReport | None:
    """Return the report on the current thread's exit; None if no panic of Go's is the reason.

    ``fatal`` is what fatal_error returned, ``earlier`` the verdict on a fault that the runtime
    made a panic of.
    """
    thread, inferior = dbg.thread, dbg.live_inferior()
    if thread is None or not any(module.is_go for module in dbg.modules):
        return None
    frames = dbg.frames(_INNERMOST)
    end = next((f.function for f in frames if (f.function or "").startswith(_ENDS)), None)
    if end is None:
        return None
    one, verdict = _reason(dbg, end, fatal)
    return CrashReport(
        program=inferior.path or dbg.program or "",
        args=tuple(procfs.cmdline(inferior.pid)[1:]),
        pid=inferior.pid,
        tid=thread.tid,
        signal=None,
        status=STATUS,
        verdict=verdict,
        earlier=earlier,
        threads=tuple(_stacks(dbg, one)),
        syscalls=dbg.calllog.last_calls(),
        word_size=inferior.arch.pointer_size,
    )


def _reason(dbg: Debugger, end: str, fatal: str) -> tuple[Goroutine | None, Verdict]:
    """Return the goroutine that panicked, None where there is none, and what it said."""
    if end.startswith(_ENDS[0]):
        found = dying(dbg)
        if found is None:
            return None, Verdict("panic", "a panic that nothing recovered from")
        one, value = found
        kind = () if value.type == "string" else (f"the value's type: {value.type}",)
        return one, Verdict("panic", f"panic: {value.message or value.type}", kind)
    return None, Verdict("fatal-error", f"fatal error: {fatal}")


def _stacks(dbg: Debugger, panicked: Goroutine | None) -> Iterator[ThreadRow]:
    """Give the stack that ended the program first, then those of the program's goroutines."""
    thread = dbg.thread
    assert thread is not None
    try:
        goroutines = dbg.goroutines.all()
        own = [one for one in goroutines if not dbg.goroutines.is_runtime(one)]
    except DebuggerError:
        own = []  # Nothing describes them.
    with selection_kept(dbg):
        if panicked is None:
            yield thread_row(dbg, thread, crashed=True)
        else:
            yield _row(dbg, panicked, crashed=True)
        for one in own[:_MOST]:
            if panicked is None or one.id != panicked.id:
                yield _row(dbg, one, crashed=False)


def _row(dbg: Debugger, one: Goroutine, *, crashed: bool) -> ThreadRow:
    dbg.goroutines.select(one)
    thread = dbg.thread
    assert thread is not None
    row = thread_row(dbg, thread, crashed=crashed)
    state = one.wait_reason or one.status
    return replace(row, name=state, goroutine=one.id)
