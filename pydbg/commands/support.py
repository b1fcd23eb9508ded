"""Support facilities: help, apropos, info, quit, shell, files and folders."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.session import Quit
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, FileError, UsageError

if TYPE_CHECKING:
    from pydbg.commands.session import Session


def help_(session: Session, parsed: Parsed) -> str:
    """Show help."""
    from pydbg.commands.helptext import help_on

    return help_on(session.commands, parsed.get("COMMAND", ""))


def apropos_(session: Session, parsed: Parsed) -> str:
    """Search the commands."""
    from pydbg.commands.helptext import apropos

    text: str = parsed["REGEX"]
    found = re.match(r"-v\s+", text)
    return apropos(session.commands, text[found.end() :] if found else text, verbose=bool(found))


def quit_(session: Session, parsed: Parsed) -> None:
    """Leave pydbg."""
    text = parsed["EXPR"]
    status = None if text is None else kinds.int_of(text, session) & 0xFF
    if not leave(session):
        raise CommandError("Not confirmed.")
    raise Quit(status)


def leave(session: Session) -> bool:
    """Ask whether to quit while a process runs; True if so, or if nobody can be asked."""
    inferiors = session.dbg.inferiors
    if not inferiors or not session.interactive:
        return True
    lines = "".join(
        f"\tInferior {one.number} [process {one.pid}] will be "
        f"{'killed' if one.launched else 'detached'}.\n"
        for one in inferiors
    )
    return session.confirm(f"A debugging session is active.\n\n{lines}\nQuit anyway?")


def show_version(session: Session, parsed: Parsed) -> str:
    """Show the version."""
    from pydbg import __version__

    return f"pydbg {__version__}\nLicence GPL-2.0-only; there is no warranty.\n"


def file(session: Session, parsed: Parsed) -> str | None:
    """Load a program."""
    path = parsed["FILE"]
    if path is None:
        raise UsageError("Argument required (program to debug).  Usage: file FILE")
    if session.dbg.inferior is not None and not session.confirm(
        "A program is being debugged already.\nAre you sure you want to change the file?"
    ):
        return None
    session.dbg.load_program(path)
    return None


def pwd(session: Session, parsed: Parsed) -> str:
    """Show the working directory."""
    try:
        return f"Working directory {os.getcwd()}."
    except OSError as error:
        raise FileError(f"The working directory is gone: {error.strerror}.") from None


def cd(session: Session, parsed: Parsed) -> str | None:
    """Change the working directory."""
    path = parsed["DIRECTORY"] or os.path.expanduser("~")
    try:
        os.chdir(path)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}.") from None
    except ValueError as error:
        raise FileError(f"{path!r}: {error}.") from None
    return pwd(session, parsed) if session.typed() else None


# --- rows ----------------------------------------------------------------------------------


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "help",
            ("h",),
            summary="Show help on a command or a class of commands.",
            args=(Arg("COMMAND", kinds.COMMAND, optional=True, doc="a command or a class"),),
            example="help break",
            run=help_,
        ),
        Command(
            "apropos",
            summary="Search the commands by a regular expression.",
            help="With -v the full help of each is shown.",
            args=(
                Arg(
                    "REGEX",
                    kinds.REGEX,
                    doc="what to search for in names and texts",
                    missing="REGEXP string is empty",
                ),
            ),
            example="apropos syscall",
            run=apropos_,
        ),
        Command(
            "quit",
            ("q", "exit"),
            summary="Leave pydbg.",
            help="A program that pydbg started is killed, one that it attached to goes on.\n"
            "The value of the expression becomes pydbg's exit status.",
            args=(Arg("EXPR", kinds.EXPR, optional=True, doc="the exit status"),),
            example="quit $_exitcode",
            repeat="no",
            run=quit_,
        ),
        Command(
            "info",
            ("i", "inf"),
            "status",
            summary="Show things about the program being debugged.",
            prefix=True,
        ),
        Command(
            "show version",
            group="status",
            summary="Show the version of pydbg.",
            example="show version",
            run=show_version,
        ),
        Command(
            "file",
            ("exec-file", "symbol-file"),
            "files",
            summary="Use a file as the program to be debugged.",
            args=(Arg("FILE", kinds.FILE, optional=True, doc="the program"),),
            example="file /bin/true",
            repeat="no",
            run=file,
        ),
        Command(
            "pwd",
            group="files",
            summary="Show the working directory, which the program gets too.",
            example="pwd",
            run=pwd,
        ),
        Command(
            "cd",
            group="files",
            summary="Change the working directory.",
            args=(Arg("DIRECTORY", kinds.DIRECTORY, optional=True),),
            example="cd /",
            repeat="no",
            run=cd,
        ),
    )
