"""What the names of a breakpoint's condition mean at its places, before it is hit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.breakpoints import Breakpoint
from pydbg.errors import DebuggerError, NoSymbol

if TYPE_CHECKING:
    from pydbg.breakpoints import Location, Point
    from pydbg.debugger import Debugger
    from pydbg.symbols.modules import Module

__all__ = ["check_names", "language_at"]

_LIKE_C = ("c", "c++", "asm")


def _module_of(dbg: Debugger, location: Location) -> Module | None:
    return next((m for m in dbg.modules if m.path == location.module_path), None)


def language_at(dbg: Debugger, point: Point) -> str:
    """Return the language of the code at a breakpoint, the current one without code."""
    for location in point.locations if isinstance(point, Breakpoint) else ():
        module = _module_of(dbg, location)
        function = None
        if module is not None:
            function = module.function_at(module.addr(location.link_addr))
        if function is not None and function.language:
            return function.language
    return dbg.language.name


def check_names(dbg: Debugger, point: Point, text: str) -> None:
    """Refuse a condition that names what nothing can be: before it is needed, not then.

    What it means is asked of the breakpoint's places, not of the frame that is selected.
    """
    if not isinstance(point, Breakpoint) or not point.locations:
        return
    try:
        if point.language in _LIKE_C:
            _check_each(dbg, point, text)
        else:
            dbg.evaluate(text)
    except NoSymbol as error:
        if not _sees(dbg, point, error.name):
            raise
    except DebuggerError:
        return  # No process yet, memory that is not there yet: it is asked at the hit.


def _check_each(dbg: Debugger, point: Breakpoint, text: str) -> None:
    """Raise NoSymbol for the first name that neither a place sees nor the whole program has."""
    from pydbg.context import ProgramContext
    from pydbg.expr.evaluate import evaluate, parse_in
    from pydbg.expr.nodes import Name
    from pydbg.watchexpr import names_in

    everywhere = ProgramContext(dbg, None)
    for name in dict.fromkeys(names_in(parse_in(text, everywhere))):
        if not _sees(dbg, point, name):
            try:
                evaluate(Name(0, name), everywhere)
            except NoSymbol:
                raise
            except DebuggerError:
                continue  # There is something of that name.


def _sees(dbg: Debugger, point: Breakpoint, name: str) -> bool:
    """Tell whether one of a breakpoint's places has a variable of a name around it."""
    from pydbg.variables.pinned import sees

    for location in point.locations:
        module = _module_of(dbg, location)
        if module is None:
            continue
        function = module.function_at(module.addr(location.link_addr))
        entries = [location.inlined, None if function is None else function.die]
        for entry in entries:
            if entry is not None and sees(dbg.variables, module, entry, location.link_addr, name):
                return True
    return False
