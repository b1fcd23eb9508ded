"""Completion in two stages, without a terminal.

:func:`analyse` turns the text before the cursor into what could stand there (sub-commands of
some word, an argument of some kind): pure text and table. :func:`complete` asks the kinds for
their candidates. The prompt (``repl.py``) only shows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.kinds import Candidate, Kind
from pydbg.commands.table import Command, Commands, split_word
from pydbg.errors import DebuggerError, UsageError
from pydbg.records import NamedTuple

if TYPE_CHECKING:
    from pydbg.commands.session import Session

__all__ = ["MORE", "Completion", "Wanted", "analyse", "complete"]


MORE = "... and more: type on"
"""The description of the candidate that stands for those that are not shown."""


class Wanted(NamedTuple):
    """Say what could stand at the cursor.

    ``parent`` is the command whose sub-commands fit ("" is the top), None for none; ``kinds``
    are the kinds of arguments that fit. Each is completed from its own place in the line, so
    a kind comes with the column where its word begins.
    """

    start: int
    parent: str | None = None
    kinds: tuple[tuple[Kind, int], ...] = ()


class Completion(NamedTuple):
    """Be a candidate and the column of the line from which it replaces the text."""

    start: int
    text: str
    description: str = ""


def analyse(commands: Commands, text: str) -> Wanted:
    """Return what could stand at the end of ``text``.

    >>> from pydbg.commands.table import Arg
    >>> table = Commands([Command("info", prefix=True), Command("info registers", args=(
    ...     Arg("NAME", kinds.REGISTER, optional=True, repeat=True),))])
    >>> analyse(table, "in")
    Wanted(start=0, parent='', kinds=())
    >>> analyse(table, "info r")
    Wanted(start=5, parent='info', kinds=())
    >>> analyse(table, "info registers r").kinds
    ((<kind register>, 15),)
    """
    return _analyse(commands, text, 0)


def _analyse(commands: Commands, text: str, start: int) -> Wanted:
    start += len(text[start:]) - len(text[start:].lstrip(" -"))
    parent, command = "", None
    while True:
        word, after = split_word(text[start:])
        if start + len(word) == len(text) and word not in ("!", "|"):
            below = commands.has_below(parent)
            found = _arguments(commands, command, text, start) if command else ()
            return Wanted(start, parent if below else None, found)
        row = _row(commands, parent, word) if word else None
        if row is None:
            return Wanted(start, None, _arguments(commands, command, text, start))
        command, parent = row, row.name
        start = len(text) - len(after)
        if not commands.has_below(parent):
            return Wanted(start, None, _arguments(commands, command, text, start))


def _row(commands: Commands, parent: str, word: str) -> Command | None:
    try:
        return commands.find(parent, word)
    except UsageError:
        return None  # ambiguous


def _arguments(
    commands: Commands, command: Command | None, text: str, start: int
) -> tuple[tuple[Kind, int], ...]:
    """Return the kinds that fit at the end of the arguments, which begin at ``start``."""
    found: list[tuple[Kind, int]] = []
    for arg in command.args if command else ():
        while True:
            rest = text[start:]
            if not rest:
                found.append((arg.kind, start))
                break
            piece, after = arg.kind.take(rest)
            if piece is None:
                break
            if not after and not (rest[-1].isspace() and piece != rest):
                # The cursor is in this argument.
                if arg.kind is kinds.COMMANDLINE:
                    inner = _analyse(commands, text, start)
                    below = kinds.COMMANDLINE if inner.parent is not None else None
                    more = ((below, start),) if below else ()
                    return (*more, *inner.kinds)
                return ((arg.kind, start + arg.kind.span(rest)),)
            start = len(text) - len(after)
            if not arg.repeat:
                break
        if found and not arg.optional:
            break
    return tuple(found)


def complete(session: Session, text: str) -> Iterator[Completion]:
    """Return the completions of ``text``, the text before the cursor.

    At most ``max-completions`` come, and one that says so. Whatever goes wrong (a damaged file,
    a program that is gone) gives no candidates.
    """
    from pydbg.commands import candidates

    commands = session.commands
    wanted = analyse(commands, text)
    seen: set[tuple[int, str]] = set()

    most = candidates.limit(session)

    def once(start: int, found: Iterator[Candidate]) -> Iterator[Completion]:
        for candidate in found:
            if (start, candidate.text) not in seen:
                if len(seen) >= most:
                    # What was typed is one of the candidates: Tab then adds nothing that only
                    # those have in common which are shown.
                    yield Completion(start, text[start:], MORE)
                    return
                seen.add((start, candidate.text))
                yield Completion(start, candidate.text, candidate.description)

    if wanted.parent is not None:
        found = _commands(session, wanted.parent, text[wanted.start :])
        yield from once(wanted.start, found)
    for kind, start in wanted.kinds:
        prefix = text[start:]
        try:
            if kind is kinds.COMMANDLINE:
                inner = _analyse(commands, text, start)
                level = _commands(session, inner.parent or "", text[inner.start :])
                yield from once(inner.start, level)
            else:
                yield from once(start, iter(kind.complete(prefix, session)))
        except (DebuggerError, OSError, AttributeError):
            continue


def _commands(session: Session, parent: str, prefix: str) -> Iterator[Candidate]:
    from pydbg.commands import candidates

    wanted = candidates.fits(prefix, session)
    for row in session.commands.below(parent):
        if wanted(row.word) and not row.hidden:
            yield Candidate(row.word, row.summary)
