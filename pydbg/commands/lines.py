"""Lines of commands: where they come from, which of them belong together, where errors are.

A script is read a logical line at a time, and each line remembers its file and number, also
inside a block that is kept for later (``define``, ``commands``): an error names the line that
was written, not the moment it ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, SupportsIndex

from pydbg.errors import CommandError, DebuggerError

__all__ = [
    "Line",
    "Lines",
    "ScriptError",
    "Source",
    "Writer",
    "branches",
    "opens_block",
    "read_block",
]


class Line(str):
    """Be a line that knows where it was written.

    >>> line = Line("bt", "a.pydbg", 3)
    >>> line, line.name, line.number, line == "bt"
    ('bt', 'a.pydbg', 3, True)
    """

    __slots__ = ("name", "number")

    name: str
    number: int

    def __new__(cls, text: str, name: str = "", number: int = 0) -> Line:
        """Make one: a string's content is given when it is made."""
        line = super().__new__(cls, text)
        line.name = name
        line.number = number
        return line

    def __getnewargs__(self) -> tuple[str]:
        """Be copied as a plain text."""
        return (str(self),)

    def strip(self, chars: str | None = None, /) -> Line:
        """Return the line without blanks around it; it keeps its place."""
        return Line(super().strip(chars), self.name, self.number)

    def replace(self, old: str, new: str, count: SupportsIndex = -1, /) -> Line:
        """Return the line with another text in it; it keeps its place."""
        return Line(super().replace(old, new, count), self.name, self.number)


class ScriptError(DebuggerError):
    """Report an error in a script: ``FILE:LINE: message``, and who ran that script.

    >>> error = ScriptError(CommandError("No stack."), "a.pydbg", 3)
    >>> str(error)
    'a.pydbg:3: No stack.'
    >>> error.called = True
    >>> print(error.at("b.pydbg", 7))
    a.pydbg:3: No stack.
      called from b.pydbg:7
    """

    def __init__(self, error: BaseException, name: str, number: int) -> None:
        super().__init__()
        self.error = error
        self.name = name
        self.number = number
        self.callers: list[tuple[str, int]] = []
        self.called = False
        """Whether a script or a user-defined command ends here: its caller comes next."""

    def at(self, name: str, number: int) -> ScriptError:
        """Note the place of the caller, if the next line outwards is one."""
        if self.called:
            self.called = False
            if name:
                self.callers.append((name, number))
        return self

    def __str__(self) -> str:
        text = f"{self.name}:{self.number}: {self.error}" if self.name else str(self.error)
        shown = self.callers
        if len(shown) > _MOST_CALLERS:
            # A command that calls itself without an end.
            shown = shown[: _MOST_CALLERS - 1] + shown[-1:]
            text += f"\n  ({len(self.callers)} callers, of which the first and the last follow)"
        return text + "".join(f"\n  called from {name}:{number}" for name, number in shown)


_MOST_CALLERS = 10


class Writer(Protocol):
    """Be what text is written to: ``sys.stdout`` is one."""

    def write(self, text: str, /) -> Any:
        """Take a piece of text."""

    def flush(self) -> Any:
        """Pass on what was taken."""


class Source(Protocol):
    """Be where command lines come from."""

    name: str
    """The file's name for messages, "" for none (the prompt, ``-ex``)."""
    number: int
    """The number of the line that was read last, 1 for the first."""
    typed: bool
    """Whether the commands come from stdin: ``Starting program: ...`` is shown then."""

    def next_line(self, prompt: str = "") -> str | None:
        """Return the next line without its end, None when there is none left."""


class Lines:
    r"""Be a source over lines that are there already; backslashes join lines.

    >>> lines = Lines(["print 1 + \\", "2", "bt"], "a.pydbg")
    >>> lines.next_line(), lines.number, lines.next_line(), lines.number
    ('print 1 + 2', 1, 'bt', 3)
    """

    def __init__(
        self, lines: Iterable[str], name: str = "", *, typed: bool = False, first: int = 1
    ) -> None:
        self._lines: Iterator[str] = iter(lines)
        self.name = name
        self.typed = typed
        self.number = first
        self._next = first

    def next_line(self, prompt: str = "") -> str | None:
        """Return the next logical line; ``number`` is that of its first physical line."""
        line = next(self._lines, None)
        if line is None:
            return None
        if isinstance(line, Line):
            # A line of a block that was read before: joined already, with its own place.
            self.name, self.number = line.name, line.number
            return line
        self.number = self._next
        self._next += 1
        line = line.rstrip("\r\n")
        while line.endswith("\\"):
            more = next(self._lines, None)
            line = line[:-1]
            if more is None:
                break
            self._next += 1
            line += more.rstrip("\r\n")
        return line


_BLOCKS = frozenset({"commands", "if", "while", "python", "py", "define", "document"})
_VERBATIM = frozenset({"python", "py", "document"})
"""Blocks whose lines are no commands: only ``end`` means something in them."""


def opens_block(line: str) -> str:
    """Return the word that begins a block, "" if the line begins none.

    >>> opens_block("if $rax == 1"), opens_block("python print(1)"), opens_block("bt")
    ('if', '', '')
    """
    word, _, rest = line.strip().partition(" ")
    word = word.split("\t", 1)[0]
    if word not in _BLOCKS or (word in ("python", "py") and rest.strip()):
        return ""
    return word


Opens = Callable[[str], str]


def read_block(
    source: Source, what: str, prompt: str = ">", opens: Opens = opens_block
) -> tuple[str, ...]:
    """Return the lines up to the matching ``end``; CommandError where there is none.

    >>> read_block(Lines(["silent", "if $rax == 1", "bt", "end", "end", "run"]), "commands")
    ('silent', 'if $rax == 1', 'bt', 'end')
    """
    found: list[str] = []
    stack, first = [what], source.number
    while True:
        depth = len(stack) - (what not in ("if", "while"))
        line = source.next_line(" " * depth + prompt)
        if line is None:
            where = f" of line {first}" if source.name else ""
            raise CommandError(f'"{what}"{where} has no "end".')
        text = line.strip()
        verbatim = stack[-1] in _VERBATIM
        if text == "end":
            stack.pop()
            if not stack:
                return tuple(found)
        elif not verbatim and (word := opens(text)):
            stack.append(word)
        found.append(Line(line if verbatim else text, source.name, source.number))


def branches(body: Sequence[str], opens: Opens = opens_block) -> tuple[list[str], list[str]]:
    """Return the lines before and after the ``else`` of an ``if``.

    >>> branches(["a", "if 1", "else", "end", "else", "b"])
    (['a', 'if 1', 'else', 'end'], ['b'])
    """
    parts: tuple[list[str], list[str]] = ([], [])
    at, stack = 0, [""]
    for line in body:
        if line.strip() == "end":
            stack.pop()
        elif stack[-1] not in _VERBATIM:
            word = line.split(None, 1)[0] if line.strip() else ""
            if word == "else" and len(stack) == 1:
                if at or line.strip() != "else":
                    why = 'there can be only one "else"' if at else '"else" takes no condition'
                    raise ScriptError(
                        CommandError(f'{why}: put an "if" inside it.'),
                        getattr(line, "name", ""),
                        getattr(line, "number", 0),
                    )
                at = 1
                continue
            if word := opens(line):
                stack.append(word)
        parts[at].append(line)
    return parts
