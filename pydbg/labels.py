"""Labels of ``goto`` as places: which function has one of a name, where, and on which line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.records import NamedTuple
from pydbg.symbols.entries import At
from pydbg.variables.blocks import Label

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.symbols.modules import Module


class LabelPlace(NamedTuple):
    """Hold a label of a function: its name, its link address, and the line it is written on.

    The address is None for one that was optimized out.
    """

    name: str
    link_addr: int | None
    line: int


class Labels:
    """Find labels in functions of one program.

    A function is named by its module and its entry in .debug_info, or that of an inlined call.
    """

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg

    def of(self, module: Module, function: int) -> Iterator[LabelPlace]:
        """Give the labels of a function, as gdb those of its outermost block."""
        file = self._dbg.variables.file(module)
        if file is None:
            return
        with file.guard():
            for one in file.block(function).symbols:
                if not isinstance(one, Label):
                    continue
                die = one.die
                link_addr = die.view.source.address(die.unit, die.attrs.get(At.low_pc))
                holder = one.find(At.decl_line)
                line = None if holder is None else holder.number(At.decl_line)
                yield LabelPlace(one.name, link_addr, line or 0)

    def here(self) -> tuple[Module, int, int] | None:
        """Return where the selected frame's function or inlined call begins, and its entry."""
        frame = None if self._dbg.control.loop_running else self._dbg.frame
        if frame is None or frame.module is None:
            return None
        module, call = frame.module, frame.inline
        if call is not None:
            return module, module.link_addr(call.ranges[0][0]), call.die
        function = module.function_at(frame.lookup_addr)
        return None if function is None else (module, function.low, function.die)
