"""Records of the context view and of ``changed``."""

from __future__ import annotations

from typing import Any

from pydbg.commands.results import Instruction, Telescope
from pydbg.records import Record
from pydbg.snapshot import Changes

__all__ = [
    "CodeSection",
    "ContextView",
    "Difference",
    "RegisterCell",
    "SourceSection",
    "ThreadCell",
]


class RegisterCell(Record):
    """Hold a register; ``changed`` since the last stop, ``note`` is what its value names."""

    name: str
    value: int
    changed: bool = False
    note: str = ""


class CodeSection(Record):
    """Hold the instructions around the pc; ``where`` is the function they are in."""

    where: str
    instructions: tuple[Instruction, ...]


class SourceSection(Record):
    """Hold the source lines around the current one: (number, text)."""

    file: str
    current: int
    lines: tuple[tuple[int, str], ...]


class ThreadCell(Record):
    """Hold one thread in a line; ``place`` is a symbol or an address."""

    number: int
    tid: int
    name: str
    place: str
    current: bool


class ContextView(Record):
    """Hold the sections of a context view that have something to show.

    ``compact`` is the form that comes by itself at the prompt: without titles, only what
    changed and the next instructions.
    """

    registers: tuple[RegisterCell, ...] = ()
    code: CodeSection | None = None
    stack: Telescope | None = None
    source: SourceSection | None = None
    syscall: str = ""
    threads: tuple[ThreadCell, ...] = ()
    more_threads: int = 0
    order: tuple[str, ...] = ()
    compact: bool = False
    word_size: int = 8


class Difference(Record):
    """Hold what ``changed`` tells: the changes, and names of the values in them."""

    changes: Changes
    names: tuple[tuple[int, str], ...] = ()
    word_size: int = 8

    def name(self, value: int) -> str:
        """Return what a value names, "" if nothing."""
        found: Any = dict(self.names).get(value, "")
        return str(found)
