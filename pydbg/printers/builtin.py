"""The families of printers that come with the debugger: a row each, loaded when first needed.

A family's module has ``NAMES``, what ``info pretty-printer`` lists, and ``find(ctype, name)``,
which gives (printer's name, printer) for a struct or None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydbg.expr.types import StructType
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.expr.types import CType
    from pydbg.printers.program import Program

__all__ = ["BUILT_IN", "Family"]


class Family(Record):
    """Be one family: ``takes(ctype, name)`` tells, cheaply, whether it may know a struct.

    ``active(program)`` tells whether it is listed and asked at all.
    """

    name: str
    module: str
    takes: Callable[[Any, str], bool]
    active: Callable[[Program], bool]
    names: bool = False
    """Whether it is asked for names of pointers, too: a map of Go is one."""
    enabled: bool = True
    """Whether it is on from the start."""


def _of_go(ctype: CType, name: str) -> bool:
    bare = isinstance(ctype, StructType) and ctype.bare
    return bare or name.startswith(("map[", "chan "))


def _of_rust(ctype: StructType, name: str) -> bool:
    return name.startswith(("alloc::", "core::", "std::", "&std::")) and not ctype.cplus


BUILT_IN: tuple[Family, ...] = (
    Family("go", "pydbg.golang.printers", _of_go, lambda program: program.has_go,
           names=True, enabled=False),
    Family("rust", "pydbg.printers.rust", _of_rust, lambda program: program.has_rust),
)  # fmt: skip
"""The families, in the order in which they are asked."""
