"""What the names of a breakpoint's condition mean at its places, before it is hit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.breakpoints import Breakpoint
from pydbg.errors import DebuggerError, ExprError, NoSymbol

if TYPE_CHECKING:
    from pydbg.breakpoints import Point
    from pydbg.debugger import Debugger
    from pydbg.expr.nodes import Node

__all__ = ["LIKE_C", "check_names", "language_at", "parse_at"]

LIKE_C = ("c", "c++", "asm")
"""Languages in which each name of an expression means something by itself."""


def language_at(dbg: Debugger, point: Point) -> str:
    """Return the language of the code at a breakpoint, the current one without code."""
    for location in point.locations if isinstance(point, Breakpoint) else ():
        module = dbg.modules.by_path(location.module_path)
        function = None
        if module is not None:
            function = module.function_at(module.addr(location.link_addr))
        if function is not None and function.language:
            return function.language
    return dbg.language.name


def parse_at(dbg: Debugger, point: Point, text: str) -> Node:
    """Parse a condition with the program's types, and the macros of a breakpoint's first place."""
    from pydbg.context import ProgramContext
    from pydbg.expr.language import language_named

    language = language_named(point.language)
    if not language.macros:
        return language.parse(text)
    context = ProgramContext(dbg, None)
    place = point.locations[0] if isinstance(point, Breakpoint) and point.locations else None
    module = dbg.modules.by_path(place.module_path) if place is not None else None
    scope = None
    if place is not None and module is not None:
        scope = dbg.macros.scope_at(module, place.link_addr, place.file, place.line)
    text = dbg.macros.expanded_in(text, scope)
    tree, end = language.parse_prefix(
        text, 0, False, lambda name: context.type_named(name) is not None
    )
    if text[end:].strip():
        raise ExprError("Junk after end of expression.", end)
    return tree


def check_names(dbg: Debugger, point: Point, text: str, tree: Node) -> None:
    """Refuse a condition that names what nothing can be: before it is needed, not then.

    What it means is asked of the breakpoint's places, not of the frame that is selected.
    """
    if not isinstance(point, Breakpoint) or not point.locations:
        return
    try:
        if point.language in LIKE_C:
            _check_each(dbg, point, tree)
        else:
            dbg.evaluate(text)
    except NoSymbol as error:
        if not _sees(dbg, point, error.name):
            raise
    except DebuggerError:
        return  # No process yet, memory that is not there yet: it is asked at the hit.


def _check_each(dbg: Debugger, point: Breakpoint, tree: Node) -> None:
    """Raise NoSymbol for the first name that neither a place sees nor the whole program has."""
    from pydbg.context import ProgramContext
    from pydbg.expr.evaluate import evaluate
    from pydbg.expr.nodes import Name
    from pydbg.watchexpr import names_in

    everywhere = ProgramContext(dbg, None)
    for name in dict.fromkeys(names_in(tree)):
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
        module = dbg.modules.by_path(location.module_path)
        if module is None:
            continue
        function = module.function_at(module.addr(location.link_addr))
        entries = [location.inlined, None if function is None else function.die]
        for entry in entries:
            if entry is not None and sees(dbg.variables, module, entry, location.link_addr, name):
                return True
    return False
