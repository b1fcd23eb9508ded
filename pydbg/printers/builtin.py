"""The families of printers that come with the debugger: a row each, loaded when first needed.

A family's module has ``NAMES``, what ``info pretty-printer`` lists, and ``find(ctype, name)``,
which gives (printer's name, printer) for a struct or None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.expr.types import StructType
    from pydbg.printers.program import Program

__all__ = ["BUILT_IN", "Family"]


class Family(Record):
    """Be one family: ``takes(ctype, name)`` tells, cheaply, whether it may know a struct.

    ``active(program)`` tells whether it is listed and asked at all.
    """

    name: str
    module: str
    takes: Callable[[StructType, str], bool]
    active: Callable[[Program], bool]


BUILT_IN: tuple[Family, ...] = ()
