"""Commands about threads and processes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pydbg.commands import applying, common, kinds, stack
from pydbg.commands.options import Words
from pydbg.commands.results import InferiorRow, Inferiors, Note, ThreadRow, Threads
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, UsageError

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.target.thread import Thread

__all__ = ["commands"]


# --- lists ---------------------------------------------------------------------------------


Ids = list[tuple[int, int]]
"""Threads by the numbers of their processes and their own."""


def _listed(text: str, session: Session, *, what: str = "thread ID") -> Ids:
    """Return what a list names: ``1 3-5``, ``2.1``, ``2.*``; convenience variables count too."""
    found: Ids = []
    for word in text.split():
        process, own = _process(word, session)
        if own == "*":
            every = common.every_thread(session)
            found += [(process, t.number) for t in every if t.inferior.number == process]
            continue
        low, dash, high = own.partition("-")
        try:
            first = _number(low, session)
            last = _number(high, session) if dash else first
        except (ValueError, DebuggerError):
            raise UsageError(f"Invalid {what}: {word}") from None
        if last < first:
            raise UsageError("inverted range")
        if last - first > 100_000:
            raise UsageError(f"Invalid {what}: {word}")
        found += [(process, number) for number in range(first, last + 1)]
    return found


def _process(text: str, session: Session) -> tuple[int, str]:
    """Split ``2.1`` into the process's number, without one the current's, and the thread's."""
    inferior = session.dbg.inferior
    here = 1 if inferior is None else inferior.number
    head, dot, tail = text.partition(".")
    if not dot:
        return here, text
    try:
        return _number(head, session), tail
    except (ValueError, DebuggerError):
        raise UsageError(f"Invalid thread ID: {text}") from None


def _number(text: str, session: Session) -> int:
    return kinds.value_of(text, session) if text.startswith("$") else int(text)


def info_threads(session: Session, parsed: Parsed) -> Threads:
    """List the threads."""
    asked = parsed["LIST"] or ""
    threads = common.every_thread(session)
    if asked:
        wanted = set(_listed(asked, session))
        threads = [t for t in threads if (t.inferior.number, t.number) in wanted]
    current = session.dbg.thread
    rows = tuple(_row_of(session, thread, current) for thread in threads)
    return Threads(rows, asked if session.dbg.inferior is not None or asked else "")


def _row_of(session: Session, thread: Thread, current: Thread | None) -> ThreadRow:
    frame = _innermost(session, thread)
    return ThreadRow(
        number=common.thread_id(session, thread),
        target=common.target_id(session, thread),
        name=common.thread_name(thread),
        frame=None if frame is None else common.frame_line(session, frame, level=False),
        current=thread is current,
    )


def _innermost(session: Session, thread: Thread) -> Any:
    dbg = session.dbg
    if thread is dbg.thread:
        return next(iter(dbg.frames(1)), None)
    with _Selected(session, thread):
        return dbg.frame


class _Selected:
    """Select a thread for a moment; the thread and frame of before come back."""

    def __init__(self, session: Session, thread: Thread) -> None:
        self._dbg = session.dbg
        self._thread = thread

    def __enter__(self) -> None:
        dbg = self._dbg
        self._before = dbg.thread
        frame = dbg.frame
        self._level = 0 if frame is None else frame.level
        if self._thread is not dbg.thread:
            dbg.look_at(self._thread)

    def __exit__(self, *_: object) -> None:
        dbg = self._dbg
        before = self._before
        if before is None or before.inferior.dead or before.zombie or before.gone:
            return
        dbg.look_at(before)
        if self._level:
            try:
                dbg.select_frame(self._level)
            except DebuggerError:
                pass


# --- thread --------------------------------------------------------------------------------


def thread(session: Session, parsed: Parsed) -> Any:
    """Select a thread, or name the selected one."""
    text = parsed["NUM"]
    dbg = session.dbg
    if text is None:
        current = dbg.thread
        if current is None:
            raise CommandError("No thread selected")
        shown = common.thread_id(session, current)
        return Note(f"[Current thread is {shown} ({common.target_id(session, current)})]")
    found = _one(text, session)
    if found.inferior is not dbg.inferior:
        dbg.select_inferior(found.inferior.number)
    dbg.select_thread(found.number)
    target = common.target_id(session, found)
    heading = f"[Switching to thread {common.thread_id(session, found)} ({target})]"
    return stack.shown(session, common.selected(session), heading)


def _one(text: str, session: Session) -> Thread:
    process, own = _process(text, session)
    try:
        number = _number(own, session)
    except (ValueError, DebuggerError):
        raise UsageError(f"Invalid thread ID: {text}") from None
    for found in common.every_thread(session):
        if (found.inferior.number, found.number) == (process, number):
            return found
    raise CommandError(f"Unknown thread {text}.")


def thread_name(session: Session, parsed: Parsed) -> None:
    """Give the selected thread a name, or its own again."""
    current = session.dbg.thread
    if current is None:
        raise CommandError("No thread selected")
    current.given_name = parsed["NAME"] or ""


def thread_find(session: Session, parsed: Parsed) -> Note:
    """Find threads whose name or target id matches."""
    text = parsed["REGEX"]
    pattern = common.pattern_of(text)
    assert pattern is not None
    lines = []
    for one in common.every_thread(session):
        named = (
            ("name", one.given_name),
            ("target name", common.own_name(one)),
            ("target id", common.target_id(session, one)),
        )
        lines += [
            f"Thread {common.thread_id(session, one)} has {what} '{name}'"
            for what, name in named
            if name and pattern.search(name)
        ]
    return Note("\n".join(lines) or f"No threads match '{text}'")


def thread_apply(session: Session, parsed: Parsed) -> None:
    """Run a command in several threads."""
    text = parsed["LIST_COMMAND"] or ""
    if not text:
        raise UsageError("Please specify a thread ID list")
    threads = common.every_thread(session)
    found = re.match(r"all(?:\s+-ascending)?(?:\s+|$)", text)
    if found:
        command = text[found.end() :]
        if not command:
            raise UsageError("Please specify a command at the end of 'thread apply all'")
        ascending = "-ascending" in found[0]
        chosen = threads if ascending else threads[::-1]
    else:
        words = re.match(r"(?:[\d.$*][\w.$*-]*\s+)+", text + " ")
        if words is None:
            raise UsageError(f"Invalid thread ID: {text}")
        command = text[words.end() :] if words.end() <= len(text) else ""
        if not command:
            raise UsageError("Please specify a command following the thread ID list")
        by_number = {(one.inferior.number, one.number): one for one in threads}
        chosen = []
        for process, number in _listed(words[0], session):
            if (process, number) in by_number:
                chosen.append(by_number[process, number])
            else:
                several = "." in words[0]
                shown = f"{process}.{number}" if several else f"{number}"
                session.warn(f"warning: Unknown thread {shown}")
    _apply(session, chosen, command)


def _apply(session: Session, chosen: Sequence[Thread], command: str) -> None:
    flags, command = applying.flags_of(command)
    if not command:
        raise UsageError("Please specify a command at the end of 'thread apply'")
    for one in chosen:
        if one not in common.every_thread(session):
            continue  # An earlier thread's command let it end.
        with _Selected(session, one):
            target = common.target_id(session, one)
            name = common.thread_name(one)
            title = f"\nThread {common.thread_id(session, one)} ({target}"
            title += f' "{name}"):' if name else "):"
            applying.apply(session, partial(str, title), flags, command)


# --- inferiors -----------------------------------------------------------------------------


def info_inferiors(session: Session, parsed: Parsed) -> Inferiors:
    """List the processes that are debugged."""
    dbg = session.dbg
    import os

    program = os.path.abspath(dbg.program) if dbg.program else ""
    rows = []
    for inferior in dbg.inferiors:
        path = program if inferior.number == 1 and program else inferior.path
        rows.append(InferiorRow(inferior.number, inferior.pid, path, inferior is dbg.inferior))
    core = dbg.inferior
    if core is not None and not core.can_run:
        rows.append(InferiorRow(core.number, core.pid, program, True, "core"))
    if rows and rows[0].number != 1:
        rows.insert(0, InferiorRow(1, 0, program, False))  # It stays, for the next run.
    if not rows:
        rows = [InferiorRow(1, 0, program, True)]
    return Inferiors(tuple(rows))


def inferior(session: Session, parsed: Parsed) -> Any:
    """Select a process, or name the selected one."""
    dbg = session.dbg
    number = parsed["NUM"]
    if number is None:
        current = dbg.inferior
        what = "<null>" if current is None else f"process {current.pid}"
        path = dbg.program or "<noexec>" if current is None else current.path
        return Note(f"[Current inferior is {1 if current is None else current.number} "
                    f"[{what}] ({path})]")  # fmt: skip
    found = dbg.select_inferior(number)
    lines = f"[Switching to inferior {found.number} [process {found.pid}] ({found.path})]"
    current_thread = dbg.thread
    if current_thread is None:
        return Note(lines)
    target = common.target_id(session, current_thread)
    shown = common.thread_id(session, current_thread)
    lines += f"\n[Switching to thread {shown} ({target})]"
    return stack.shown(session, common.selected(session), lines)


# --- rows ----------------------------------------------------------------------------------


def commands() -> tuple[Command, ...]:
    """Return the rows."""

    def row(name: str, summary: str, run: Any, **fields: Any) -> Command:
        fields.setdefault("group", "running")
        return Command(name, summary=summary, run=run, **fields)

    listed = Arg("LIST", kinds.TEXT, optional=True, doc="numbers and ranges, such as 1 3-5")
    return (
        row("info threads", "List the threads.", info_threads, aliases=("th",), group="status",
            args=(listed,), example="info threads",
            help="With the place where each stands; * marks the selected one."),
        row("thread", "Select a thread, or name the selected one.", thread, aliases=("t",),
            args=(Arg("NUM", kinds.WORD, optional=True, doc="a thread's number"),),
            help="Registers, frames and steps are the selected thread's.", example="thread 1"),
        row("thread name", "Give the selected thread a name.", thread_name,
            args=(Arg("NAME", kinds.TEXT, optional=True, doc="the name"),),
            help="It is shown in place of the thread's own; without NAME that is shown again.",
            example="thread name worker"),
        row("thread find", "Find threads by their names or target ids.", thread_find,
            args=(Arg("REGEX", kinds.REGEX, doc="regular expression",
                      missing="Command requires an argument."),),
            help="A target id is what stands in brackets: Thread 0x... (LWP ...).",
            example="thread find ."),
        row("thread apply", "Run a command in several threads.", thread_apply,
            args=(Arg("LIST_COMMAND", Words("text", ("all",)), optional=True,
                      doc="all or a list, then a command"),),
            help="For `all` the last thread comes first (-ascending: the first).  -q leaves the "
            "titles out, -c shows errors and goes on, -s shows those with a result only.",
            example="thread apply all backtrace"),
        row("info inferiors", "List the processes that are debugged.", info_inferiors,
            group="status", help="* marks the selected one.", example="info inferiors"),
        row("inferior", "Select a process, or name the selected one.", inferior,
            args=(Arg("NUM", kinds.INFERIOR, optional=True, doc="a process's number"),),
            help="Children that stay under the debugger (set detach-on-fork off) are "
            "numbered 2, 3, ...", example="inferior 1"),
    )  # fmt: skip
