"""Commands for watchpoints: stop where memory changes, or is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydbg.commands import kinds
from pydbg.commands.results import Note, Points, PointSet
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, UsageError
from pydbg.patterns import lazy_pattern

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.watchpoints import Watchpoint

__all__ = ["commands", "saved"]

_WORDS = {"write": "watch", "read": "rwatch", "access": "awatch"}
_LOCATION = lazy_pattern(r"-(?:l|lo|loc|loca|locat|locati|locatio|location)\s+")
_MASK = lazy_pattern(r"\s+mask\s+\S+\s*$")
_THREAD = lazy_pattern(r"\s+thread\s+(\S+)\s*$")


def _watcher(kind: str) -> Callable[..., Any]:
    def set_watch(session: Session, parsed: Parsed) -> tuple[Any, ...]:
        dbg = session.dbg
        text, condition, thread = parsed["EXPRESSION"], parsed["CONDITION"], parsed["THREAD"]
        at_end = _THREAD.search(condition or "")
        if at_end is not None and thread is None:
            condition = condition[: at_end.start()]
            thread = kinds.int_of(at_end[1], session)
        if thread is not None and thread not in [one.number for one in dbg.threads]:
            raise CommandError(f"Unknown thread {thread}.")
        if _MASK.search(text):
            raise CommandError("This target does not support masked watchpoints.")
        option = _LOCATION.match(text)
        if option is not None:
            text = text[option.end() :]
        point = dbg.watch(
            text,
            kind=kind,
            condition=condition,
            thread=thread,
            location=option is not None,
            software=True,
        )
        if option is not None:
            point.spec = f"-location {text}"
        made = PointSet(kind=point.kind_text, number=point.number, temporary=False, spec=point.spec)
        if point.software and session.interactive:
            return made, Note("The program is stepped for it, which is slow.")
        return (made,)

    return set_watch


def info(session: Session, parsed: Parsed) -> Points | Note:
    """List watchpoints."""
    from pydbg.commands.points import row_of

    every = session.dbg.breakpoints
    chosen = [p for _, p in sorted(every.items()) if p.kind_text.endswith("watchpoint")]
    text = (parsed["NUM"] or "").strip()
    if text and chosen:
        wanted = _numbers(text)
        chosen = [point for point in chosen if point.number in wanted]
    if not chosen:
        return Note(f"No watchpoint matching '{text}'." if text else "No watchpoints.")
    rows = tuple(row_of(point) for point in chosen)
    return Points(rows, session.dbg.arch.pointer_size)


def _numbers(text: str) -> set[int]:
    found: set[int] = set()
    for word in text.split():
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", word)
        if match is None:
            raise UsageError("Arguments must be numbers or '$' variables.")
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return found


def saved(point: Watchpoint) -> str:
    """Return the command that makes a watchpoint again."""
    thread = "" if point.thread is None else f" thread {point.thread}"
    return f"{_WORDS[point.kind]} {point.spec}{thread}"


_HELP = """EXPRESSION is evaluated after each write to the memory that its value comes from, the
pointers on the way included.  With -l it is evaluated once, and the memory that it names then
is what is watched.  One of local variables ends, with a stop, when their frame does.
The CPU watches in all threads and at full speed, with four debug registers of up to 8 aligned
bytes each; what does not fit is an error.  A value in registers, or longer than all four, is
watched by stepping the program, which is slow (a thousand times and more); `set
can-use-hw-watchpoints 0` asks for that.  What the kernel writes into memory is not noticed at
once.  Before the program runs, global variables can be watched."""


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    args = (
        Arg("EXPRESSION", kinds.WATCHED, doc="what to watch; -l before it: the place it names",
            missing="Argument required (expression to compute)."),
        Arg("THREAD", kinds.IN_THREAD, optional=True, doc="the only thread to stop"),
        Arg("CONDITION", kinds.CONDITION, optional=True, doc="stop only if this is not zero"),
    )  # fmt: skip
    nums = Arg("NUM", kinds.TEXT, optional=True, doc="watchpoint numbers, such as 1 4-6")

    def row(name: str, summary: str, kind: str, more: str, **fields: Any) -> Command:
        return Command(name, group="breakpoints", summary=summary, run=_watcher(kind),
                       repeat="no", args=args, help=more + _HELP, **fields)  # fmt: skip

    return (
        row("watch", "Stop when the value of an expression changes.", "write",
            "The old and the new value are shown.\n", aliases=("wa",), example="watch *(int *)$sp"),
        row("rwatch", "Stop when the value of an expression is read.", "read",
            "A write of what stands there already counts as well, for the CPU does not tell "
            "them apart.\n", aliases=("rw",), example="rwatch *(int *)0x404010"),
        row("awatch", "Stop when the value of an expression is read or written.", "access",
            "", aliases=("aw",), example="awatch *(int *)0x404010"),
        Command("info watchpoints", group="breakpoints", summary="List watchpoints.", run=info,
                aliases=("wat",), repeat="no", args=(nums,), example="info watchpoints",
                help="As info breakpoints does, without the others."),
    )  # fmt: skip
