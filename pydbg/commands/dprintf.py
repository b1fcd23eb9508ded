"""dprintf: a breakpoint that prints, in printf's way, and lets the program go on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pydbg.commands import kinds, points
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import UsageError

if TYPE_CHECKING:
    from pydbg.breakpoints import Breakpoint
    from pydbg.commands.session import Session

__all__ = ["commands"]

_PAIRS = {"(": ")", "<": ">", "[": "]", "{": "}"}


class _Place(kinds.LocationKind):
    """Take a location spec: all up to a comma that is not in brackets or quotes.

    >>> _Place("location").take('f(int, int),"%d", n')
    ('f(int, int)', '"%d", n')
    """

    def syntax(self, name: str) -> str:
        return f"{name},"

    def take(self, text: str) -> tuple[str | None, str]:
        depth, quote = 0, ""
        for at, char in enumerate(text):
            if quote:
                quote = "" if char == quote else quote
            elif char in "\"'":
                quote = char
            elif char == "," and depth <= 0:
                return text[:at].rstrip() or None, text[at + 1 :].lstrip()
            else:
                depth += (char in _PAIRS) - (char in _PAIRS.values())
        return text or None, ""


def dprintf(session: Session, parsed: Parsed) -> tuple[Any, ...]:
    """Print a text whenever a place is reached."""
    spec, text = parsed["LOCATION"] or points.here(session), parsed["FORMAT"]
    if not text or kinds.LOCATION.take(spec)[1]:
        raise UsageError("Format string required")
    if not text.startswith('"'):
        raise UsageError("Bad format string, missing '\"'.")

    def ask(pending: bool | None) -> Breakpoint:
        printing = partial(_hit, session)
        return session.dbg.points.create(spec, callback=printing, pending=pending, printed=text)

    return points.set_or_wait(session, spec, "dprintf", ask)


def _hit(session: Session, point: Breakpoint) -> None:
    session.hit.add(point.number)
    for line in point.commands:
        if line != "silent":
            session.execute(line)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "dprintf", group="breakpoints", run=dprintf, repeat="no",
            summary="Print a text whenever a place is reached, and go on.",
            help="FORMAT and the values behind it are those of printf.  Conditions, ignore counts "
            "and all else that breakpoints have are for it, too; `commands` replaces what it "
            "does.",
            args=(
                Arg("LOCATION", _Place("location"), optional=True, doc="where to print"),
                Arg("FORMAT", kinds.TEXT, optional=True, doc='"format string",arg1,arg2,...'),
            ),
            example='dprintf main,"argc is %d\\n", argc',
        ),
    )  # fmt: skip
