"""Commands about goroutines: info goroutines, goroutine."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds, stack
from pydbg.commands.applying import apply, flags_of
from pydbg.commands.gorecords import GoPlace, GoroutineList, GoroutineRow
from pydbg.commands.results import Note
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, UsageError

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.frames import Frame
    from pydbg.golang.goroutines import Goroutine

__all__ = ["commands", "row_of"]

_MINUTE = 60_000_000_000


def info_goroutines(session: Session, parsed: Parsed) -> GoroutineList:
    """List the goroutines."""
    asked = parsed["REGEX"] or ""
    try:
        pattern = re.compile(asked)
    except re.error as error:
        raise UsageError(f"Invalid regular expression: {error}") from None
    found = session.dbg.goroutines.all()
    current = _current(session, found)
    now = time.monotonic_ns() if session.dbg.process is not None else 0
    rows = [row_of(session, one, now, current is one) for one in found]
    if asked:
        rows = [row for row in rows if any(map(pattern.search, _words(row)))]
    return GoroutineList(tuple(rows), asked)


def _words(row: GoroutineRow) -> list[str]:
    places = [place.function for place in (row.place, row.created) if place is not None]
    return [row.status, row.wait_reason, *places]


def row_of(session: Session, one: Goroutine, now: int = 0, current: bool = False) -> GoroutineRow:
    """Return the record of a goroutine; ``now`` is the time on its clock, 0 where it stands."""
    goroutines = session.dbg.goroutines
    waited = now - one.wait_since if now and one.wait_since else 0
    return GoroutineRow(
        number=one.id,
        status=one.status,
        place=_place(goroutines.where(one)),
        wait_reason=one.wait_reason,
        minutes=max(waited, 0) // _MINUTE,
        thread=None if one.thread is None else one.thread.number,
        created=_place(goroutines.place(one.created_at)),
        current=current,
    )


def _place(frame: Frame | None) -> GoPlace | None:
    if frame is None:
        return None
    return GoPlace(frame.function or "??", frame.file, frame.line)


def _current(session: Session, found: list[Goroutine]) -> Goroutine | None:
    """Return the one that is looked at: selected, or run by the selected thread."""
    parked, thread = session.dbg.parked, session.dbg.thread
    for one in found:
        if (one.addr == parked.addr) if parked is not None else (one.thread is thread):
            return one
    return None


# --- goroutine ------------------------------------------------------------------------------


def goroutine(session: Session, parsed: Parsed) -> Any:
    """Select a goroutine, run a command in some, or name the selected one."""
    dbg = session.dbg
    text = parsed["LIST_COMMAND"]
    if text is None:
        one = _current(session, dbg.goroutines.all())
        if one is None:
            raise CommandError("No goroutine selected: the thread does the runtime's work.")
        return Note(f"[Current goroutine is {_title(one)}]")
    head, _, command = text.partition(" ")
    command = command.strip()
    if head == "all":
        if not command:
            raise UsageError("Please specify a command after 'goroutine all'.")
        flags, command = flags_of(command)
        event = dbg.last_event
        for one in dbg.goroutines.all():
            if dbg.last_event is not event:
                break  # The command let the program run: the others may be gone.
            title = partial(str, f"\nGoroutine {_title(one)}:\n")
            with _selected(session, one):
                apply(session, title, flags, command)
        return None
    one = dbg.goroutines.find(_number(head, session))
    if command:
        with _selected(session, one):
            session.execute(command)
        return None
    dbg.goroutines.select(one)
    heading = f"[Switching to goroutine {_title(one)}]"
    return stack.shown(session, common.selected(session), heading)


def _number(text: str, session: Session) -> int:
    try:
        return kinds.value_of(text, session)
    except DebuggerError:
        raise UsageError(f"Invalid goroutine number: {text}") from None


def _title(one: Goroutine) -> str:
    details = [one.status]
    if one.wait_reason:
        details.append(one.wait_reason)
    if one.thread is not None:
        details.append(f"thread {one.thread.number}")
    return f"{one.id} ({', '.join(details)})"


@contextmanager
def _selected(session: Session, one: Goroutine) -> Iterator[None]:
    """Have a goroutine selected while the block runs, then again what was."""
    dbg = session.dbg
    thread, parked, frame = dbg.thread, dbg.parked, dbg.frame
    dbg.goroutines.select(one)
    event = dbg.last_event
    try:
        yield
    finally:
        if dbg.last_event is event and thread in dbg.threads and thread is not None:
            dbg.select_thread(thread.number)
            if parked is not None:
                dbg.parked = parked
            if frame is not None and frame.level:
                dbg.select_frame(frame.level)


# --- rows ------------------------------------------------------------------------------------


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "info goroutines", ("gor",), "status", summary="List the goroutines of a Go program.",
            help="Each with its state and the innermost frame outside of Go's runtime, the "
            "reason in brackets why it waits, and who made it; * marks those that a thread "
            "runs.  With REGEX only those whose function, creator, state or "
            "reason matches.  Works with core dumps as well.",
            args=(Arg("REGEX", kinds.TEXT, optional=True, doc="such as main, or chan receive"),),
            needs="frame", example="info goroutines main", run=info_goroutines, extension=True,
        ),
        Command(
            "goroutine", (), "stack",
            summary="Select a goroutine, run a command in some, or name the selected one.",
            help="`goroutine 7 backtrace` runs one command in goroutine 7, `goroutine all "
            "backtrace` in each; then what was selected before is selected again.  `goroutine 7` "
            "selects it: backtrace, up, info locals and print are about its stack, also where no "
            "thread runs it.  Steps go on with the thread, whose goroutine is selected then.",
            args=(Arg("LIST_COMMAND", kinds.TEXT, optional=True,
                      doc="a number or all, and a command"),),
            needs="frame", example="goroutine all backtrace", run=goroutine, extension=True,
        ),
    )  # fmt: skip
