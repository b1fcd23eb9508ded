"""Commands that make and show breakpoints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds
from pydbg.commands.pointfile import save
from pydbg.commands.results import Note, PointRow, Points, PointSet, Site
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, LocationError, UsageError
from pydbg.runtimeevents import EVENTS

if TYPE_CHECKING:
    from pydbg.breakpoints import Breakpoint, Location
    from pydbg.commands.session import Session

__all__ = ["NUMS", "commands", "here", "made", "row", "row_of", "set_or_wait", "site_of"]


# --- making --------------------------------------------------------------------------------


def site_of(location: Location) -> Site:
    """Return the record of a breakpoint's location."""
    addr = location.addr
    if addr is None:
        addr = location.shown or location.link_addr or None
    return Site(
        number=location.number,
        addr=addr,
        enabled=location.enabled,
        function=location.function,
        file=location.file,
        line=location.line,
        symbolic=location.symbolic,
        how=getattr(location, "how", ""),
        spec=getattr(location.breakpoint, "spec", "") if location.label else "",
    )


def made(session: Session, point: Any) -> PointSet:
    """Return the record of a breakpoint that was just made."""
    sites = tuple(site_of(one) for one in point.locations)
    return PointSet(
        kind=point.kind_text,
        number=point.number,
        temporary=point.temporary,
        spec=common.spec_of(session, point),
        sites=sites,
        pending=point.pending,
        also=_others(session, point, map(site_of, sorted(point.locations, key=_order))),
    )


def _order(location: Location) -> int:
    return location.order


def _others(
    session: Session, point: Any, sites: Iterable[Site]
) -> tuple[tuple[int, tuple[tuple[int, bool], ...]], ...]:
    """Return which other breakpoints have a location at the same addresses."""
    found = []
    for site in sites if session.typed() else ():
        others = [
            (other.number, other.enabled)
            for other in session.dbg.breakpoints.values()
            if other is not point
            and any(site_of(one).addr == site.addr for one in getattr(other, "locations", ()))
        ]
        if others and site.addr is not None:
            found.append((site.addr, tuple(others)))
    return tuple(found)


def _breaker(*, temporary: bool = False, hardware: bool = False) -> Callable[..., Any]:
    def set_break(session: Session, parsed: Parsed) -> tuple[Any, ...]:
        dbg = session.dbg
        spec = parsed["LOCATION"] or here(session)
        thread = parsed["THREAD"]
        if thread is not None and thread not in [one.number for one in dbg.threads]:
            raise CommandError(f"Unknown thread {thread}.")

        def ask(pending: bool | None) -> Breakpoint:
            point = dbg.break_at(
                spec,
                condition=parsed["CONDITION"],
                temporary=temporary,
                hardware=hardware,
                thread=thread,
                pending=pending,
            )
            if parsed["LOCATION"] is None:
                _unnamed(point)
            return point

        return set_or_wait(session, spec, "breakpoint", ask)

    return set_break


def set_or_wait(
    session: Session, spec: str, what: str, ask: Callable[[bool | None], Breakpoint]
) -> tuple[Any, ...]:
    """Set a point by ``ask(pending)``; where it means no place yet, it may wait for a library."""
    notes: list[Any] = []
    try:
        point = ask(None)
    except LocationError as error:
        if not _may_wait(session, error, what):
            raise
        point = ask(True)
    if point.pending and session.settings.text("breakpoint pending") == "on":
        notes.append(Note(f'Function "{spec}" not defined.'))
    link_time = _link_time(session, point)
    if link_time:
        notes.append(Note(link_time))
    return (*notes, made(session, point))


def _unnamed(point: Breakpoint) -> None:
    """Show a breakpoint at the current place by its line alone, until it is resolved anew.

    So does gdb, which takes the place as it is and looks up no function for it.
    """
    for location in point.locations:
        location.function = None


def _may_wait(session: Session, error: LocationError, what: str) -> bool:
    """Return whether a breakpoint that does not resolve shall wait for a library."""
    if session.settings.text("breakpoint pending") != "auto" or not session.interactive:
        return False
    session.say(str(error))
    question = f"Make {what} pending on future shared library load? (y or [n]) "
    # The end of input is a no here.
    try:
        return session.query(question)
    except EOFError:
        return False


def here(session: Session) -> str:
    """Return the location spec of the selected frame's pc."""
    frame = session.dbg.frame
    if frame is None:
        raise CommandError("No default breakpoint address now.")
    return f"*{frame.addr:#x}"


def _link_time(session: Session, point: Breakpoint) -> str:
    """Return the remark about an address that was given before the program runs."""
    if session.dbg.inferior is not None or not point.spec.startswith("*"):
        return ""
    for location in point.locations:
        path = location.module_path
        if path is not None and location.shown == location.link_addr:
            name = path.rpartition("/")[2]
            return (
                f"The program does not run: {location.link_addr:#x} is taken as an address in "
                f"the file {name}."
            )
    return ""


# --- showing -------------------------------------------------------------------------------


def info(session: Session, parsed: Parsed) -> Points | Note:
    """List breakpoints."""
    refs = parsed["NUM"]
    every = session.dbg.breakpoints
    chosen = [point for _, point in sorted(every.items())]
    if refs is not None:
        wanted = {ref.number for ref in refs}
        chosen = [point for point in chosen if point.number in wanted]
    caught = session.memory.get("caught", {})
    rows = tuple(row_of(point, caught.get(point.number)) for point in chosen)
    shown = [site.addr for row in rows for site in row.sites if site.addr is not None]
    if shown:
        common.note_address(session, shown[-1])
    return Points(rows, session.dbg.arch.pointer_size)


def row_of(point: Any, caught: Any = None) -> PointRow:
    """Return the record of a breakpoint or catchpoint in the table."""
    is_catch = point.kind_text == "catchpoint"
    return PointRow(
        number=point.number,
        kind=point.kind_text,
        disposition=point.disposition,
        enabled=point.enabled,
        sites=() if is_catch else tuple(site_of(one) for one in point.locations),
        what=_what(point, caught) if is_catch else point.spec,
        pending=not is_catch and point.pending,
        condition=point.condition,
        thread=point.thread,
        hits=point.hits,
        ignore=point.ignore_count,
        enable_count=point.disable_after if (point.disable_after or 0) > 1 else 0,
        commands=tuple(point.commands),
        placed=_placed(point),
        matching=point.pattern if is_catch and point.kind in EVENTS else None,
    )


def _what(point: Any, caught: Any) -> str:
    from pydbg.commands.catch import what_text

    return what_text(point, caught)


def _placed(point: Any) -> bool:
    if point.kind_text == "catchpoint":
        return bool(point.locations)
    return getattr(point, "planted", False) and bool(point.parts)


# --- many at once --------------------------------------------------------------------------


def rbreak(session: Session, parsed: Parsed) -> tuple[Any, ...]:
    """Break at all functions whose name matches a regular expression."""
    from pydbg.commands.declared import rows

    text = parsed["REGEX"] or ""
    file, colon, name = text.rpartition(":")
    if colon and "." in file and not file.endswith(":"):
        text = name.strip()
    else:
        file = ""
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(f"{text}: {error}.") from None
    declared, known = rows(session, "functions", pattern)
    found = [
        (f"{path}:{row.name}", row.text)
        for path, ordered in declared.items()
        if not file or path == file or path.endswith(f"/{file}")
        for row in ordered
    ]
    if not file:
        found += [
            (name, f"<function, no debug info> {name};")
            for name in _undescribed(session, pattern)
            if name not in known
        ]
    if not found:
        raise CommandError(f'No function matches "{parsed["REGEX"]}".')
    if len(found) > 200 and not session.confirm(f"Set breakpoints at {len(found)} functions?"):
        raise CommandError("Not confirmed.")
    results: list[Any] = []
    for spec, shown in found:
        try:
            point = session.dbg.break_at(spec)
        except LocationError:
            continue
        results += [made(session, point), Note(shown)]
    return tuple(results)


def _undescribed(session: Session, pattern: re.Pattern[str]) -> Iterator[str]:
    """Give the functions of units without debug information."""
    dbg = session.dbg
    for module in dbg.modules:
        if not module.is_main and dbg.inferior is None:
            continue
        for symbol in module.functions(pattern):
            if module.dwarf is None or module.dwarf.unit_at(symbol.link_addr) is None:
                yield symbol.demangled if symbol.name.startswith("_") else symbol.name


# --- rows ----------------------------------------------------------------------------------

_PLACES = """LOCATION is one of
  SYMBOL, SYMBOL+N      a function after its prologue; N bytes behind its first one
  *EXPR                 an address (before run: one of the program's file)
  MODULE+OFFSET         a link-time address of a module, such as libc+0x27680
  MODULE:SYMBOL         a symbol of one module
  FILE:LINE, LINE       a source line
  SYMBOL:LABEL, LABEL   a label of goto, without SYMBOL in the current function
Without LOCATION it is the selected frame's pc.  With `if` the program stops only where the
expression is not zero, with `thread` only in that thread.  A name that is not found is an error,
unless `set breakpoint pending on` lets the breakpoint wait for a library that has it."""

_BREAK_ARGS = (
    Arg("LOCATION", kinds.LOCATION, optional=True, doc="where to stop"),
    Arg("THREAD", kinds.IN_THREAD, optional=True, doc="the only thread to stop"),
    Arg("CONDITION", kinds.CONDITION, optional=True, doc="stop only if this is not zero"),
)
NUMS = Arg("NUM", kinds.BREAKPOINTS, optional=True, doc="breakpoint numbers, such as 1 2.1 4-6")


def row(name: str, summary: str, run: Callable[..., Any], **fields: Any) -> Command:
    """Return the row of a command for breakpoints."""
    fields.setdefault("repeat", "no")
    return Command(name, group="breakpoints", summary=summary, run=run, **fields)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        row("break", "Set a breakpoint.", _breaker(), aliases=("b", "br", "bre", "brea"),
             help=_PLACES, args=_BREAK_ARGS, example="break main if $rdi > 1"),
        row("tbreak", "Set a breakpoint that is deleted at its first stop.",
             _breaker(temporary=True), aliases=("tb", "tbr"), help=_PLACES, args=_BREAK_ARGS,
             example="tbreak main"),
        row("hbreak", "Set a breakpoint that uses a debug register.", _breaker(hardware=True),
             aliases=("hb",), args=_BREAK_ARGS, example="hbreak main",
             help="The program's code is not changed.  The CPU has four of them.\n" + _PLACES),
        row("thbreak", "Set a breakpoint in a debug register, deleted at its first stop.",
             _breaker(temporary=True, hardware=True), aliases=("thb",), help=_PLACES,
             args=_BREAK_ARGS, example="thbreak main"),
        row("rbreak", "Set breakpoints at all functions whose name matches.", rbreak,
             aliases=("rb",), args=(Arg("REGEX", kinds.REGEX, optional=True,
                                        doc="regular expression"),), example="rbreak ^main$",
             help="Before the program runs only its own functions are looked at."),
        row("info breakpoints", "List breakpoints and catchpoints.", info, aliases=("b",),
             args=(NUMS,), example="info breakpoints", repeat="yes",
             help="Disp says what becomes of it at a stop: keep, del or dis.  A breakpoint with "
             "several places lists them as 1.1, 1.2 and so on."),
        row("save breakpoints", "Save all breakpoints as commands in a file.", save,
             args=(Arg("FILE", kinds.FILE, doc="file to write",
                   missing="Argument required (file name in which to save)"),),
             help="`source FILE` sets them again.", example="save breakpoints points.pydbg"),
    )  # fmt: skip
