"""What printers are and give: records, and nothing of the program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Union

from pydbg.errors import DebuggerError
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.expr.types import CType
    from pydbg.expr.values import Value
    from pydbg.printers.program import Program

__all__ = ["Child", "Printed", "Printer", "Result", "StringAt", "Unfinished"]


class StringAt(Record):
    """Be characters in the program's memory, read no further than ``print elements`` wants.

    ``addr`` is a run-time address, ``type`` that of one character, ``length`` counts
    characters; -1 means up to the null.
    """

    addr: int
    type: CType
    length: int = -1


Child = tuple[str, Union["Value", str, int, StringAt]]
"""A child's name, and its value or text."""


class Printed(Record):
    """Say how a value is shown: a text, children, or both.

    ``text`` stands before the children; a Value there is shown as it is, None is nothing.
    ``children`` are asked for one after another and not past ``print elements``. ``hint`` is
    "string" (a ``str`` is shown in quotes), "array" (the names of children are not shown),
    "map" (children are keys and values by turns) or "".

    >>> Printed("point (1, 2)").hint
    ''
    """

    text: str | Value | StringAt | None = None
    children: Iterable[Child] | None = None
    hint: str = ""
    target: Value | None = None
    """What ``*`` of the value gives: an iterator's element."""


Result = Union[Printed, str, "Value", StringAt, None]
"""What a printer returns: a bare text or value is that of a Printed without children."""

Printer = Callable[["Value", "Program"], Result]
"""Make of a value how it is shown; None leaves it to others."""


class Unfinished(DebuggerError):
    """Report an error in the midst of a value's text; ``shown`` is what came before it.

    As in gdb the struct or array around the value ends there, with the error in it.
    """

    def __init__(self, shown: str, error: DebuggerError) -> None:
        super().__init__(str(error))
        self.shown = shown
