"""Results and events to text: all wording for people lives in this room.

:func:`render` takes what a command returned, or an event, and returns the text to print,
without the last newline. It is a table from the type of a record to the function that knows
its words; events are completed first with what is shown about their place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydbg.commands import callrecords, gorecords, results, viewrecords
from pydbg.events import Event

if TYPE_CHECKING:
    from pydbg.commands.session import Session

__all__ = ["render"]

_TEXTS: dict[type, tuple[str, str]] = {
    results.Stop: ("stops", "stop"),
    results.ExtraNote: ("stops", "notice"),
    results.FrameShown: ("frames", "shown"),
    results.Backtrace: ("frames", "backtrace"),
    results.FrameDetails: ("frames", "details"),
    results.PointSet: ("points", "made"),
    results.Points: ("points", "table"),
    results.Registers: ("registers", "table"),
    results.Asm: ("code", "disassembly"),
    results.HexDump: ("memory", "hexdump"),
    results.Telescope: ("memory", "telescope"),
    results.FoundAddresses: ("memory", "found"),
    results.Threads: ("status", "threads"),
    results.Inferiors: ("status", "inferiors"),
    results.Signals: ("status", "signals"),
    results.SharedLibraries: ("status", "libraries"),
    results.Mappings: ("status", "mappings"),
    results.ProcFacts: ("status", "proc"),
    results.Auxv: ("status", "auxv"),
    results.Files: ("status", "files"),
    results.Symbols: ("status", "symbols"),
    results.Displays: ("status", "displays"),
    gorecords.GoroutineList: ("goroutines", "table"),
    callrecords.CallFacts: ("calls", "facts"),
    callrecords.CallAt: ("calls", "at"),
    callrecords.CallHistory: ("calls", "history"),
}
"""The module of this room and the function in it, by the type of the record."""

_PAINTED: dict[type, tuple[str, str]] = {
    viewrecords.ContextView: ("context", "view"),
    viewrecords.Difference: ("context", "difference"),
}
"""The same for records whose text depends on the terminal: its colours, its width."""

_DECORATED = (
    results.Stop,
    results.FrameShown,
    results.Backtrace,
    results.Asm,
    results.Threads,
    results.Telescope,
)
"""Records of frames and code, whose addresses, functions and files stand out at a terminal."""


@cache
def _function(module: str, name: str) -> Callable[[Any], str]:
    """Return a function of this room; its module is loaded now."""
    function: Callable[[Any], str] = getattr(import_module(f"pydbg.render.{module}"), name)
    return function


def render(what: Any, session: Session | None = None) -> str:
    """Return the text of a result or event.

    >>> render(results.Note("done"))
    'done'
    """
    if isinstance(what, str):
        return what
    if isinstance(what, results.Note):
        from pydbg.render.escape import clean

        return "\n".join(clean(line) for line in what.text.split("\n"))
    if isinstance(what, tuple):
        return "\n".join(text for text in (render(one, session) for one in what) if text)
    if isinstance(what, Event):
        if session is None:
            return render(results.Stop(what))
        from pydbg.commands import gather

        what = gather.gather(what, session)
        if what is None:
            return ""
    painted = _PAINTED.get(type(what))
    if painted is not None:
        from pydbg.render.paint import paint_for

        module, name = painted
        painter = getattr(import_module(f"pydbg.render.{module}"), name)
        return str(painter(what, paint_for(session)))
    text = _function(*_TEXTS[type(what)])(what)
    if session is not None and session.interactive and isinstance(what, _DECORATED):
        from pydbg.render.paint import decorate, paint_for

        return decorate(text, paint_for(session))
    return text
