"""Transcripts of sessions: taking them apart, comparing them.

A transcript is a list of blocks, each a command with the body that belongs to it and what was
shown. A line ``...`` in what is expected stands for any lines, as in doctest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydbg.records import Record

__all__ = ["PROMPT", "Block", "Transcript", "fits", "parse"]

PROMPT = "(pydbg) "


class Block(Record):
    """Hold a command, the lines of its body (with ``>``), and what it showed."""

    command: str
    body: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """The block as it stands in the file."""
        return [(PROMPT + self.command).rstrip(), *self.body, *self.shown]


class Transcript(Record):
    """Hold the lines before the first command, and the blocks."""

    head: tuple[str, ...]
    blocks: tuple[Block, ...]

    def merged(self, actual: Transcript) -> Transcript:
        """Return ``actual`` with the blocks of this one where they fit it.

        >>> old = parse("# a test\\n(pydbg) p 1\\n...\\n(pydbg) p 2\\n$2 = 3\\n")
        >>> new = parse("(pydbg) p 1\\n$1 = 1\\n(pydbg) p 2\\n$2 = 2\\n")
        >>> print(old.merged(new).text)
        # a test
        (pydbg) p 1
        ...
        (pydbg) p 2
        $2 = 2
        """
        pairs = zip(self.blocks, actual.blocks, strict=False)
        same = [mine if _same(mine, theirs) else theirs for mine, theirs in pairs]
        return Transcript(self.head, (*same, *actual.blocks[len(same) :]))

    @property
    def lines(self) -> list[str]:
        """The lines of the file."""
        return [*self.head, *(line for block in self.blocks for line in block.lines)]

    @property
    def text(self) -> str:
        """The text of the file without its last newline."""
        return "\n".join(self.lines)

    def diff(self, actual: Transcript, name: str) -> str:
        """Return a unified diff from this transcript to what was really shown, "" for none."""
        merged = self.merged(actual)
        import difflib

        found = difflib.unified_diff(
            self.lines, merged.lines, name, f"{name} (replayed)", lineterm=""
        )
        return "\n".join(found)


def _same(expected: Block, actual: Block) -> bool:
    return (expected.command, expected.body) == (actual.command, actual.body) and fits(
        expected.shown, actual.shown
    )


def fits(expected: Sequence[str], shown: Sequence[str]) -> bool:
    """Tell whether what was shown is what is expected; ``...`` there is any lines.

    >>> fits(["a", "...", "z"], ["a", "b", "z"]), fits(["a", "..."], ["b"])
    (True, False)
    """
    if "..." not in expected:
        return list(expected) == list(shown)
    pattern = "".join("(?:.*\n)*" if line == "..." else re.escape(line) + "\n" for line in expected)
    return re.fullmatch(pattern, "".join(line + "\n" for line in shown)) is not None


def parse(text: str) -> Transcript:
    """Take a transcript apart.

    Lines that begin with ``>`` directly behind a command are its body, up to the ``end`` that
    closes it.

    >>> first, second = parse("(pydbg) commands\\n>silent\\n>end\\n(pydbg) run\\n>> done\\n").blocks
    >>> first.body, second.body, second.shown
    (('>silent', '>end'), (), ('>> done',))
    """
    head: list[str] = []
    blocks: list[Block] = []
    lines = text.rstrip("\n").split("\n") if text.strip() else []
    at = 0
    while at < len(lines):
        line = lines[at].rstrip()
        at += 1
        if line != PROMPT.rstrip() and not line.startswith(PROMPT):
            head.append(line)
            continue
        command = line[len(PROMPT) :]
        rest: list[str] = []
        while at < len(lines) and not (lines[at] + " ").startswith(PROMPT):
            rest.append(lines[at].rstrip())
            at += 1
        size = _body(rest)
        blocks.append(Block(command, tuple(rest[:size]), tuple(rest[size:])))
    return Transcript(tuple(head), tuple(blocks))


def _body(lines: list[str]) -> int:
    """Return how many of the lines behind a command are its body."""
    size = 0
    while size < len(lines) and lines[size].startswith(">"):
        size += 1
    while size and lines[size - 1].lstrip("> ") != "end":
        size -= 1
    return size
