"""Commands for scripts: source, try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import DebuggerError

if TYPE_CHECKING:
    from pydbg.commands.session import Session


def source(session: Session, parsed: Parsed) -> None:
    """Run the commands of a file."""
    session.source(parsed["FILE"])


def attempt(session: Session, parsed: Parsed) -> None:
    """Run a command; show an error of it and go on."""
    try:
        session.execute(parsed["COMMAND"])
    except DebuggerError as error:
        session.warn(str(error))


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "source",
            group="support",
            summary="Read commands from a file.",
            help="Empty lines and comments (#) are skipped, a backslash at the end of a line "
            "joins it with the next.\nThe first error ends the file; it is reported as "
            "FILE:LINE: message.",
            args=(Arg("FILE", kinds.FILE, doc="file of commands"),),
            example="source session.pydbg",
            repeat="no",
            run=source,
        ),
        Command(
            "try",
            group="support",
            summary="Run a command; an error of it is shown and does not end the script.",
            help='A "-" before a command does the same.',
            args=(Arg("COMMAND", kinds.COMMANDLINE, doc="the command to run"),),
            example="try print $nosuch",
            repeat="no",
            extension=True,
            run=attempt,
        ),
    )
