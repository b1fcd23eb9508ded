"""Options in front of the arguments of a command: ``print -elements 4 -- x``.

They follow gdb (cli/cli-option.c): a name may be abbreviated, ``on`` may be left out, ``--``
ends them. Most are settings for the time of the command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydbg.commands import kinds
from pydbg.errors import UsageError
from pydbg.patterns import lazy_pattern

if TYPE_CHECKING:
    from pydbg.commands.session import Session

__all__ = ["FILES", "REGISTERS", "SYMBOLS", "Options", "Words", "for_now", "scan"]

_BOOLEAN = lazy_pattern(r"(?:on|1|yes|enable|off|0|no|disable)(?=\s|$)")
_END = lazy_pattern(r"(?:^|\s)--(?=\s|$)")

Given = tuple[tuple[str, str], ...]
"""Options and their values; "" for one that has none."""


class Options(kinds.Kind):
    """Take options; the value is a tuple of (name, value).

    ``rows`` gives what each is: "flag", "text" for a word or a quoted text, or the name of a
    setting. Where an option could be an expression, ``delimited`` takes options only if ``--``
    ends them.

    >>> kind = Options("option", {"-q": "flag", "-t": "text"})
    >>> kind.take("-q -t int name")
    ('-q -t int', 'name')
    >>> kind.parse("-q -t int", None)
    (('-q', ''), ('-t', 'int'))
    """

    def __init__(self, name: str, rows: dict[str, str], *, delimited: bool = False) -> None:
        super().__init__(name)
        self.rows = rows
        self.delimited = delimited

    def syntax(self, name: str) -> str:
        return "-OPTION... --" if self.delimited else "-OPTION..."

    def take(self, text: str) -> tuple[str | None, str]:
        if self.delimited and not (text.startswith("-") and _END.search(text)):
            return None, text
        rest = scan(text, self.rows, delimited=self.delimited)[1]
        return text[: len(text) - len(rest)].rstrip() or None, rest

    def parse(self, text: str, session: Session) -> Any:
        return scan(text, self.rows, delimited=self.delimited)[0]

    def complete(self, prefix: str, session: Session) -> Iterable[kinds.Candidate]:
        return [kinds.Candidate(one) for one in self.rows if prefix and one.startswith(prefix)]


class Words(kinds.Kind):
    """Take the rest of the line; its last word is completed.

    It may be one of ``words``, or what ``more(prefix, session)`` gives.

    >>> kind = Words("text", ("all", "level"))
    >>> kind.take("all bt"), [one.text for one in kind.complete("al", None)]
    (('all bt', ''), ['all'])
    """

    def __init__(
        self,
        name: str,
        words: Iterable[str] = (),
        more: Callable[[str, Session], Iterable[kinds.Candidate]] | None = None,
    ) -> None:
        super().__init__(name)
        self.words = tuple(words)
        self.more = more

    def take(self, text: str) -> tuple[str | None, str]:
        return (text, "") if text else (None, "")

    def complete(self, prefix: str, session: Session) -> Iterable[kinds.Candidate]:
        if prefix or not self.more:
            yield from (kinds.Candidate(one) for one in self.words if one.startswith(prefix))
        if self.more is not None and prefix:
            yield from self.more(prefix, session)


def _files(prefix: str, session: Session) -> Iterable[kinds.Candidate]:
    from pydbg.commands import candidates

    return candidates.files(prefix)


def _symbols(prefix: str, session: Session) -> Iterable[kinds.Candidate]:
    from pydbg.commands import candidates

    return candidates.symbols(prefix, session)


def _registers(prefix: str, session: Session) -> Iterable[kinds.Candidate]:
    from pydbg.commands import candidates

    return candidates.registers(prefix, session)


REGISTERS = Words("text", ("general", "float", "vector", "all"), _registers)
"""Registers and groups of them."""
FILES = Words("text", more=_files)
"""Words of a command line, some of which may be files."""
SYMBOLS = Words("regex", more=_symbols)
"""A regular expression for names of symbols."""


def scan(text: str, rows: dict[str, str], *, delimited: bool = False) -> tuple[Given, str]:
    """Return the options that a text begins with, and the rest; raises UsageError.

    >>> scan("-pre on x", {"-pretty": "print pretty"})
    ((('-pretty', 'on'),), 'x')
    """
    given: list[tuple[str, str]] = []
    while text.startswith("-"):
        word = re.split(r"\s", text, maxsplit=1)[0]
        if word == "--":
            return tuple(given), text[2:].lstrip()
        fitting = [one for one in rows if one.startswith(word)]
        if word in rows:
            fitting = [word]
        if len(fitting) > 1:
            raise UsageError(f"Ambiguous option at: {text}")
        if not fitting:
            if delimited:
                raise UsageError(f"Unrecognized option at: {text}")
            break
        name = fitting[0]
        value, text = _value(name, rows[name], text[len(word) :].lstrip())
        given.append((name, value))
    return tuple(given), text


def _value(name: str, kind: str, text: str) -> tuple[str, str]:
    """Return an option's value and what is behind it."""
    if kind == "flag":
        return "", text
    if kind == "text":
        if not text:
            raise UsageError(f"{name} requires an argument")
        word, text = kinds.Kind("text").take(text)
        return word or "", text
    from pydbg.settings import table

    setting = next(row for row in table() if row.name == kind)
    if setting.kind == "bool":
        found = _BOOLEAN.match(text)
        return ("on", text) if found is None else (found[0], text[found.end() :].lstrip())
    if not text:
        raise UsageError(f"{name} requires an argument")
    value, *rest = re.split(r"\s+", text, maxsplit=1)
    if setting.kind in ("limit", "depth", "int") and not re.match(r"-?\d|u", value):
        raise UsageError(f"Expected integer at: {text}")
    setting.parse(value)
    return value, rest[0] if rest else ""


@contextmanager
def for_now(session: Session, given: Iterable[tuple[str, str]]) -> Iterator[None]:
    """Have settings for the time of a command."""
    settings = session.settings
    before = [(name, settings[name]) for name, _ in given]
    try:
        for name, value in given:
            settings.set(name, value)
        yield
    finally:
        for name, old in before:
            settings.put(name, old)
