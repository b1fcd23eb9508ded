"""Printers: show values of a type in another way than as a struct.

A printer is a function of a value and of the program. It returns a text, or a
:class:`Printed` for what has children. ``dbg.printers`` holds those of a debugger.

>>> import pydbg
>>> dbg = pydbg.Debugger()
>>> @dbg.printers.add("stack")
... def stack(value, program):
...     count = int(value["count"])
...     items = ((f"[{i}]", value["items"][i]) for i in range(count))
...     return pydbg.printers.Printed(f"stack of {count}", items, "array")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.printers.model import Printed, Printer, StringAt

if TYPE_CHECKING:
    from pydbg.printers.program import Program as Program
    from pydbg.printers.registry import Printers as Printers
    from pydbg.printers.registry import Rule as Rule

__all__ = ["Printed", "Printer", "Printers", "Program", "Rule", "StringAt"]


def __getattr__(name: str) -> Any:
    """Load what is seldom needed when it is first named (PEP 562)."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module 'pydbg.printers' has no attribute {name!r}")
    room = "program" if name == "Program" else "registry"
    return getattr(import_module(f"pydbg.printers.{room}"), name)
