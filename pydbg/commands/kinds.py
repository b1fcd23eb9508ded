"""The kinds of arguments: where one ends, what it becomes, how it is completed.

A kind is an object with three abilities, so that a row of the command table says all about
its arguments:

* ``take(text) -> (piece, rest)``: split the argument off; ``piece`` is None where there is none;
* ``parse(piece, session)``: the value that the handler gets;
* ``complete(prefix, session)``: candidates with a short description each.

=================  ==========================================================================
kind               value of ``parse``
=================  ==========================================================================
WORD, TEXT         str: one word (quotes are taken off); the rest of the line as it is
EXPR, CONDITION    str: an expression, the rest of the line; what follows ``if``
LOCATION           str: a location spec, up to `` if `` and `` thread ``
ADDRESS            str: an expression, the rest of the line
COUNT, NUMBER      int: a literal in C's bases, or an expression that is evaluated
FORMAT             Format(count, letter, size), of ``/8xg``; glued to the command's name
BREAKPOINT         int: the number of a breakpoint that exists
BREAKPOINTS        tuple of BreakpointRef(number, location): the rest of the line: ``1 2.1 3-5``
THREAD, INFERIOR   int: a number
REGISTER           str: a register's name without ``$``
SYSCALL            str: a spec such as ``write``, ``1``, ``group:network``, ``%file``
SIGNAL             str: a signal's name or number, ``all``
FILE, DIRECTORY    str: a path, ``~`` expanded, quotes taken off
SYMBOL, REGEX      str
SETTING, COMMAND   str: the rest of the line
COMMANDLINE        str: the rest of the line, which is a command of its own
choice("a", "b")   str: one of the words, abbreviations expanded
=================  ==========================================================================

More: ``modifiers("rms")`` for ``disassemble /rs``, ``IN_THREAD`` for ``thread N`` after a
location (an int), ``WATCHED`` for an expression up to these clauses, ``PID``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydbg.errors import CommandError, UsageError
from pydbg.patterns import lazy_pattern
from pydbg.records import NamedTuple

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.settings import Setting

__all__ = [
    "ADDRESS",
    "BREAKPOINT",
    "BREAKPOINTS",
    "COMMAND",
    "COMMANDLINE",
    "CONDITION",
    "COUNT",
    "DIRECTORY",
    "EXPR",
    "FILE",
    "FORMAT",
    "INFERIOR",
    "LOCATION",
    "NUMBER",
    "REGEX",
    "REGISTER",
    "SETTING",
    "SIGNAL",
    "SYMBOL",
    "SYSCALL",
    "TEXT",
    "THREAD",
    "WATCHED",
    "WORD",
    "BreakpointRef",
    "Candidate",
    "Format",
    "Kind",
    "LocationKind",
    "choice",
    "value_of",
]


class Candidate(NamedTuple):
    """Be one way to complete a word; ``description`` stands at its side."""

    text: str
    description: str = ""


class Format(NamedTuple):
    """Hold an output format: ``/8xg`` is Format(8, "x", "g").

    A count that was not given is None, a letter is "".
    """

    count: int | None = None  # type: ignore[assignment]
    letter: str = ""
    size: str = ""


class BreakpointRef(NamedTuple):
    """Name a breakpoint, or one location of it (``location`` is 2 of ``1.2``)."""

    number: int
    location: int | None = None


class Kind:
    """Be the base of all kinds: one word, kept as a string.

    >>> Kind("word").take("one two")
    ('one', 'two')
    >>> Kind("word").take("'one two' three")
    ('one two', 'three')
    """

    glued = False
    """Whether the argument follows the command's name without a blank (``x/8xg``)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<kind {self.name}>"

    def syntax(self, name: str) -> str:
        """Return how the argument ``name`` looks in a syntax line."""
        return name

    def take(self, text: str) -> tuple[str | None, str]:
        """Split the argument off ``text``, which has no leading blanks."""
        if not text:
            return None, text
        if text[0] in "\"'" and (end := text.find(text[0], 1)) > 0:
            return text[1:end], text[end + 1 :].lstrip()
        word, _, rest = text.partition(" ")
        if "\t" in word:
            word, _, more = word.partition("\t")
            rest = f"{more} {rest}"
        return word, rest.lstrip()

    def parse(self, text: str, session: Session) -> Any:
        """Return the value that ``text`` spells; UsageError or CommandError if it is none."""
        return text

    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        """Return the candidates that begin with ``prefix``."""
        return ()

    def span(self, text: str) -> int:
        """Return where, in the argument ``text`` before the cursor, the word to complete begins."""
        return len(text) - len(re.split(r"\s", text)[-1])


class _Rest(Kind):
    """Take the rest of the line."""

    def take(self, text: str) -> tuple[str | None, str]:
        return (text, "") if text else (None, "")


class _Expr(_Rest):
    """Take the rest of the line as an expression; complete names and members in it."""

    def span(self, text: str) -> int:
        word = re.search(r"\$?(?:[\w.:@]|->|\[[\w$ ]*\])*$", text)
        return word.start() if word else len(text)

    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        from pydbg.commands import candidates

        if prefix.startswith("$"):
            return candidates.dollar(prefix, session)
        return candidates.expressions(prefix, session)


_CLAUSE = lazy_pattern(r"(?:^|\s)(?=(?:if\b|thread\s+[\d.]+\s*(?:$|\sif\b)))")


class LocationKind(_Expr):
    """Take a location spec: all up to ``if COND`` or ``thread N``.

    >>> LOCATION.take("main if argc > 1")
    ('main', 'if argc > 1')
    >>> LOCATION.take("if argc > 1")
    (None, 'if argc > 1')
    """

    def take(self, text: str) -> tuple[str | None, str]:
        clause = _CLAUSE.search(text) if "if" in text or "thread" in text else None
        if clause is None:
            return (text, "") if text else (None, "")
        spec, rest = text[: clause.start()].rstrip(), text[clause.start() :].lstrip()
        return (spec or None), rest

    def span(self, text: str) -> int:
        if text.startswith("*"):
            return super().span(text)
        return 0

    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        from pydbg.commands import candidates

        if prefix.startswith("$"):
            return candidates.dollar(prefix, session)
        return candidates.locations(prefix, session)


class _Watched(LocationKind):
    """Take an expression: all up to ``if COND`` or ``thread N``."""

    def span(self, text: str) -> int:
        return _Expr.span(self, text)

    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        return _Expr.complete(self, prefix, session)


class _Clause(_Expr):
    """Take what follows a keyword (``if COND``), up to the end or for one word."""

    def __init__(self, name: str, keyword: str, *, word: bool = False) -> None:
        super().__init__(name)
        self.keyword = keyword
        self.word = word

    def syntax(self, name: str) -> str:
        return f"{self.keyword} {name}"

    def take(self, text: str) -> tuple[str | None, str]:
        found = text.startswith(self.keyword) and re.match(rf"{self.keyword}(?=\W|$)\s*", text)
        if not found:
            return None, text
        rest = text[found.end() :]
        if self.word:
            piece, _, rest = rest.partition(" ")
            return piece, rest.lstrip()
        return rest, ""

    def parse(self, text: str, session: Session) -> Any:
        if not text:
            raise UsageError(f"Argument required after {self.keyword}.")
        return int_of(text, session) if self.word else text

    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        if not prefix:
            return [Candidate(self.keyword)]
        return super().complete(prefix, session)


def int_of(text: str, session: Session) -> int:
    """Return the number that ``text`` spells: a literal of C's bases, or an expression's value.

    >>> int_of("0x10", None), int_of("010", None)
    (16, 8)
    """
    literal = text.strip().lower()
    try:
        if re.fullmatch(r"-?0[0-7]+", literal):
            return int(literal, 8)
        return int(literal, 0)
    except ValueError:
        return value_of(text, session)


def value_of(text: str, session: Session) -> int:
    """Return the integer value of the expression ``text``."""
    return int(session.dbg.eval(text))


class _Number(Kind):
    """Take one word, a number or an expression without blanks."""

    def __init__(self, name: str, *, least: int | None = None) -> None:
        super().__init__(name)
        self.least = least

    def parse(self, text: str, session: Session) -> int:
        value = int_of(text, session)
        if self.least is not None and value < self.least:
            raise UsageError(f"{text} is too small: at least {self.least} is expected.")
        return value


_LETTERS = "xduotzacfsi"
_SIZES = "bhwg"


class Slashed(Kind):
    """Take what is glued to the command by a slash, ``/8xg``, as it is."""

    glued = True

    def syntax(self, name: str) -> str:
        return f"/{name}"

    def take(self, text: str) -> tuple[str | None, str]:
        if not text.startswith("/"):
            return None, text
        return super().take(text)


class _Format(Slashed):
    """Take ``/FMT``: a count, a format letter and a size letter, count first.

    >>> FORMAT.take("/8xg $rsp")
    ('/8xg', '$rsp')
    >>> FORMAT.parse("/-2i", None)
    Format(count=-2, letter='i', size='')
    """

    def parse(self, text: str, session: Session) -> Format:
        found = re.fullmatch(r"/(-?\d*)([a-zA-Z]*)", text)
        if not found or found[1] == "-":
            raise UsageError(f'Bad format "{text}": a count, then letters, are expected.')
        letter = size = ""
        for char in found[2]:
            if char in _SIZES:
                size = char
            elif char in _LETTERS:
                letter = char
            else:
                raise UsageError(f'Undefined output format "{char}".')
        return Format(int(found[1]) if found[1] else None, letter, size)


class _Modifiers(Slashed):
    """Take ``/rms``: single letters; the value is a string of them."""

    def __init__(self, name: str, letters: str) -> None:
        super().__init__(name)
        self.letters = letters

    def parse(self, text: str, session: Session) -> Any:
        for char in text[1:]:
            if char not in self.letters:
                raise UsageError(f"Invalid modifier '{char}'; valid are {', '.join(self.letters)}.")
        return text[1:]


class _Breakpoint(Kind):
    """Take the number of one breakpoint that exists."""

    def parse(self, text: str, session: Session) -> Any:
        return _existing(_ref(text, session), session).number

    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        from pydbg.commands import candidates

        return candidates.breakpoints(prefix, session)


class _Breakpoints(_Breakpoint):
    """Take numbers, ranges and locations of breakpoints to the end of the line."""

    def syntax(self, name: str) -> str:
        return f"{name}..."

    def take(self, text: str) -> tuple[str | None, str]:
        return (text, "") if text else (None, "")

    def parse(self, text: str, session: Session) -> tuple[BreakpointRef, ...]:
        found: list[BreakpointRef] = []
        for word in text.replace(",", " ").split():
            low, dash, high = word.partition("-")
            if dash and low:
                first, last = _ref(low, session), _ref(high, session)
                if last.number < first.number or first.location or last.location:
                    raise UsageError(f'Bad breakpoint range "{word}".')
                every = session.dbg.breakpoints
                refs = [BreakpointRef(n) for n in every if first.number <= n <= last.number]
                if not refs:
                    raise CommandError(f"No breakpoint number {first.number}.")
                found += refs
            else:
                found.append(_existing(_ref(word, session), session))
        return tuple(found)


def _ref(text: str, session: Session) -> BreakpointRef:
    found = re.fullmatch(r"(\d+)(?:\.(\d+))?", text)
    if found:
        return BreakpointRef(int(found[1]), int(found[2]) if found[2] else None)
    if text.startswith("$"):
        return BreakpointRef(value_of(text, session))
    raise UsageError(f"Bad breakpoint number '{text}'")


def _existing(ref: BreakpointRef, session: Session) -> BreakpointRef:
    found = session.dbg.breakpoints.get(ref.number)
    if found is None:
        raise CommandError(f"No breakpoint number {ref.number}.")
    if ref.location is not None:
        locations = getattr(found, "locations", ())
        if ref.location not in [location.number for location in locations]:
            raise CommandError(f"Bad breakpoint location number '{ref.location}'")
    return ref


class _Named(Kind):
    """Take one word; ``pydbg.commands.candidates`` has a function of ``source``'s name."""

    def __init__(self, name: str, source: str, *, strip: str = "", rest: bool = False) -> None:
        super().__init__(name)
        self.source = source
        self.strip = strip
        self.rest = rest

    def take(self, text: str) -> tuple[str | None, str]:
        if self.rest:
            return (text, "") if text else (None, "")
        return super().take(text)

    def parse(self, text: str, session: Session) -> str:
        return text.removeprefix(self.strip) if self.strip else text

    def span(self, text: str) -> int:
        return 0 if self.rest else super().span(text)

    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        from pydbg.commands import candidates

        found: Iterable[Candidate] = getattr(candidates, self.source)(prefix, session)
        return found


class _ThreadNumber(_Number):
    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        from pydbg.commands import candidates

        return candidates.threads(prefix, session)


class _InferiorNumber(_Number):
    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        from pydbg.commands import candidates

        return candidates.inferiors(prefix, session)


class _Path(Kind):
    """Take a path: ``~`` is expanded, quotes are taken off."""

    def __init__(self, name: str, *, directory: bool = False) -> None:
        super().__init__(name)
        self.directory = directory

    def parse(self, text: str, session: Session) -> str:
        return os.path.expanduser(text)

    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        from pydbg.commands import candidates

        return candidates.files(prefix, directories=self.directory)


class _CommandLine(_Rest):
    """Take the rest of the line as a command, which is completed as one."""


class _Choice(Kind):
    """Take one of a few words, or a beginning of just one of them.

    >>> choice("entry", "return").parse("ret", None)
    'return'
    """

    def __init__(self, words: tuple[str, ...], descriptions: tuple[str, ...] = ()) -> None:
        super().__init__("choice")
        self.words = words
        self.descriptions = descriptions or ("",) * len(words)

    def syntax(self, name: str) -> str:
        return "|".join(self.words)

    def parse(self, text: str, session: Session) -> str:
        if text in self.words:
            return text
        found = [word for word in self.words if word.startswith(text)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f'Ambiguous word "{text}": {", ".join(found)}.')
        import difflib

        near = difflib.get_close_matches(text, self.words, 1)
        hint = f'  Did you mean "{near[0]}"?' if near else ""
        raise UsageError(f'Undefined word "{text}".  Valid are {", ".join(self.words)}.{hint}')

    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        from pydbg.commands import candidates

        wanted = candidates.fits(prefix, session)
        pairs = zip(self.words, self.descriptions, strict=True)
        return [Candidate(word, doc) for word, doc in pairs if wanted(word)]


def choice(*words: str, descriptions: tuple[str, ...] = ()) -> Kind:
    """Return the kind whose values are ``words``.

    >>> choice("on", "off").syntax("X")
    'on|off'
    """
    return _Choice(words, descriptions)


class SettingValue(_Rest):
    """Take the value of one setting: the rest of the line."""

    def __init__(self, setting: Setting) -> None:
        super().__init__("setting value")
        self.setting = setting

    def syntax(self, name: str) -> str:
        setting = self.setting
        if setting.kind == "words":
            return f"{'|'.join(setting.alone)}|{'|'.join(setting.choices)}[,...]"
        words = ("on", "off") if setting.kind == "bool" else setting.choices
        return "|".join(words) or name

    def span(self, text: str) -> int:
        if self.setting.kind == "words":
            return max(text.rfind(","), text.rfind(" ")) + 1
        return super().span(text)

    def complete(self, prefix: str, session: Session) -> Iterable[Candidate]:
        words: tuple[str, ...] = self.setting.alone + self.setting.choices
        if self.setting.kind == "bool":
            words = ("on", "off")
        elif self.setting.kind == "limit":
            words = ("unlimited",)
        from pydbg.commands import candidates

        wanted = candidates.fits(prefix, session)
        now = session.settings.text(self.setting.name)
        return [Candidate(word, "now" if word == now else "") for word in words if wanted(word)]


def modifiers(letters: str) -> Kind:
    """Return the kind of single-letter modifiers: ``modifiers("rms")`` for ``disassemble /rs``.

    >>> modifiers("rms").parse("/rs", None)
    'rs'
    """
    return _Modifiers("modifiers", letters)


WORD = Kind("word")
TEXT = _Rest("text")
EXPR = _Expr("expression")
ADDRESS = _Expr("address")
LOCATION = LocationKind("location")
WATCHED = _Watched("expression")
CONDITION = _Clause("condition", "if")
IN_THREAD = _Clause("thread clause", "thread", word=True)
COUNT = _Number("count")
NUMBER = _Number("number")
FORMAT = _Format("format")
BREAKPOINT = _Breakpoint("breakpoint")
BREAKPOINTS = _Breakpoints("breakpoints")
THREAD = _ThreadNumber("thread")
INFERIOR = _InferiorNumber("inferior")
PID = _Named("pid", "pids")
REGISTER = _Named("register", "registers", strip="$")
SYSCALL = _Named("syscall", "syscalls")
SIGNAL = _Named("signal", "signals")
FILE = _Path("file")
DIRECTORY = _Path("directory", directory=True)
SYMBOL = _Named("symbol", "symbols", rest=True)
REGEX = _Rest("regex")
SETTING = _Named("setting", "settings", rest=True)
COMMAND = _Named("command", "commands", rest=True)
COMMANDLINE = _CommandLine("command line")
