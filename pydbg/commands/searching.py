"""search, reverse-search and edit: lines of source text by what is in them, and an editor."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from pydbg.commands import common, kinds
from pydbg.commands.common import Listing
from pydbg.commands.listing import current, locate
from pydbg.commands.results import Note
from pydbg.commands.shellout import run_shell
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, FileError

if TYPE_CHECKING:
    from pydbg.commands.session import Session

__all__ = ["commands"]

_AROUND = 5


def search(session: Session, parsed: Parsed) -> Note:
    """Find the next line that matches."""
    return _search(session, parsed["REGEX"], 1)


def reverse_search(session: Session, parsed: Parsed) -> Note:
    """Find the line before that matches."""
    return _search(session, parsed["REGEX"], -1)


def _search(session: Session, text: str, way: int) -> Note:
    pattern = common.pattern_of(text)
    known: Listing | None = session.memory.get("listing")
    here = current(session)
    lines = common.source_text(session, here.module, here.file)
    if lines is None:
        raise FileError(f"{here.file}: No such file or directory.")
    # As in gdb from the first line that was listed, or from the line of the stop.
    number = (0 if known is None else known.first or known.line) + way
    while pattern is not None and 1 <= number <= len(lines):
        if pattern.search(lines[number - 1]):
            around = max(number - _AROUND, 1)
            session.memory["listing"] = here._replace(line=around, first=number, last=number)
            common.note_number(session, number)
            return Note(f"{number}\t{lines[number - 1]}")
        number += way
    raise CommandError("Expression not found")


def edit(session: Session, parsed: Parsed) -> None:
    """Open an editor at a line."""
    spec = parsed["LOCATION"]
    if spec is None:
        here = current(session)
        line = here.line + _AROUND if here.first else here.line
    else:
        here = locate(session, spec)[0]
        line = here.line
    path = common.source_place(session, here.module, here.file)
    if path is None:
        raise FileError(f"{here.file}: No such file or directory.")
    editor = os.environ.get("EDITOR") or "/bin/ex"
    run_shell(session, f"{editor} +{line} {shlex.quote(os.path.realpath(path))}")


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    regex = Arg("REGEX", kinds.REGEX, doc="regular expression",
                missing="Argument required (a regular expression).")  # fmt: skip
    return (
        Command("search", group="files", aliases=("forward-search", "fo"), args=(regex,),
                summary="Find the next line of the source file that matches.", run=search,
                help="It is looked for behind the line listed last; $_ is its number, and list "
                "lists around it.", example="search int main"),
        Command("reverse-search", group="files", aliases=("rev",), args=(regex,),
                summary="Find the line of the source file before that matches.",
                run=reverse_search, help="It is looked for before the line listed last.",
                example="reverse-search ^#include"),
        Command("edit", group="files", summary="Open an editor at a line.", run=edit,
                args=(Arg("LOCATION", kinds.LOCATION, optional=True, doc="where"),),
                help="The editor is $EDITOR, or ex; it gets +LINE and the file.  Without "
                "LOCATION it is where list lists.", example="edit main", repeat="no"),
    )  # fmt: skip
