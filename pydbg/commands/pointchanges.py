"""Commands that change breakpoints: conditions, counts, on and off, what they run, their end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydbg.commands import kinds
from pydbg.commands.points import NUMS, here, row, site_of
from pydbg.commands.results import Note
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, UsageError

if TYPE_CHECKING:
    from pydbg.commands.kinds import BreakpointRef
    from pydbg.commands.session import Session

__all__ = ["commands"]


def condition(session: Session, parsed: Parsed) -> Note | None:
    """Set or take away the condition of a breakpoint."""
    point = session.dbg.breakpoints[parsed["NUM"]]
    text = parsed["CONDITION"]
    session.dbg.points.set_condition(point, text)
    if text is None and session.typed():
        return Note(f"Breakpoint {point.number} now unconditional.")
    return None


def ignore(session: Session, parsed: Parsed) -> Note | None:
    """Let a breakpoint be passed a number of times."""
    point = session.dbg.breakpoints[parsed["NUM"]]
    count = max(0, parsed["COUNT"])
    point.ignore_count = count
    if not session.typed():
        return None
    if count == 0:
        return Note(f"Will stop next time breakpoint {point.number} is reached.")
    if count == 1:
        return Note(f"Will ignore next crossing of breakpoint {point.number}.")
    return Note(f"Will ignore next {count} crossings of breakpoint {point.number}.")


def _each(session: Session, parsed: Parsed) -> Iterable[tuple[Any, BreakpointRef | None]]:
    """Return the breakpoints that were named, all of them if none was."""
    refs = parsed["NUM"]
    every = session.dbg.breakpoints
    if refs is None:
        return [(point, None) for point in list(every.values())]
    return [(every[ref.number], ref) for ref in refs]


def _switch(session: Session, parsed: Parsed, enabled: bool) -> None:
    for point, ref in _each(session, parsed):
        location = None if ref is None else ref.location
        if location is None:
            point.enabled = enabled
        else:
            next(one for one in point.locations if one.number == location).enabled = enabled
    session.dbg.points.changed()


def enable(session: Session, parsed: Parsed) -> None:
    """Let breakpoints stop the program again."""
    for point, ref in _each(session, parsed):
        if ref is None or ref.location is None:
            point.disable_after = None
            point.delete_after = False
    _switch(session, parsed, True)


def disable(session: Session, parsed: Parsed) -> None:
    """Keep breakpoints without stopping at them."""
    _switch(session, parsed, False)


def enable_once(session: Session, parsed: Parsed) -> None:
    """Enable breakpoints for one stop."""
    _enable_for(session, parsed, 1)


def enable_count(session: Session, parsed: Parsed) -> None:
    """Enable breakpoints for a number of stops."""
    count = parsed["COUNT"]
    if count < 1:
        raise UsageError(f"A count of at least 1 is expected, not {count}.")
    _enable_for(session, parsed, count)


def _enable_for(session: Session, parsed: Parsed, count: int) -> None:
    _switch(session, parsed, True)
    for point, _ in _each(session, parsed):
        point.disable_after = count
        point.delete_after = False


def enable_delete(session: Session, parsed: Parsed) -> None:
    """Enable breakpoints and delete them at their next stop."""
    _switch(session, parsed, True)
    for point, _ in _each(session, parsed):
        point.disable_after = None
        point.delete_after = True


def delete(session: Session, parsed: Parsed) -> None:
    """Delete breakpoints."""
    refs = parsed["NUM"]
    if refs is None:
        every = session.dbg.breakpoints
        if every and not session.confirm("Delete all breakpoints?"):
            return
        for number in list(every):
            session.dbg.delete(number)
        return
    for ref in refs:
        if ref.location is not None:
            raise CommandError(
                f"{ref.number}.{ref.location} is a location; delete {ref.number} or "
                f"disable {ref.number}.{ref.location}."
            )
    for number in dict.fromkeys(ref.number for ref in refs):
        session.dbg.delete(number)


def clear(session: Session, parsed: Parsed) -> Note | None:
    """Delete the breakpoints at a location."""
    spec = parsed["LOCATION"] or here(session)
    places = session.dbg.resolve(spec)
    wanted = {place.addr if place.addr is not None else place.link_addr for place in places}
    lines = {(place.file, place.line) for place in places if place.file is not None}
    by_line = not spec.startswith("*")
    found = []
    for point in list(session.dbg.breakpoints.values()):
        for location in getattr(point, "locations", ()):
            site = site_of(location)
            if site.addr in wanted or (by_line and (site.file, site.line) in lines):
                found.append(point.number)
                break
    if not found:
        raise CommandError(f"No breakpoint at {spec}.")
    for number in found:
        session.dbg.delete(number)
    if len(found) == 1 and not session.typed():
        return None
    word = "breakpoint" if len(found) == 1 else "breakpoints"
    return Note(f"Deleted {word} {' '.join(map(str, found))} ")


def _chosen(session: Session, parsed: Parsed) -> list[Any]:
    refs, every = parsed["NUM"], session.dbg.breakpoints
    if refs is None and not every:
        raise CommandError("No breakpoints specified.")
    return [every[max(every)]] if refs is None else [every[ref.number] for ref in refs]


def _before_commands(session: Session, parsed: Parsed) -> str:
    numbers = parsed.text or str(_chosen(session, parsed)[0].number)
    return f"Type commands for breakpoint(s) {numbers}, one per line."


def set_commands(session: Session, parsed: Parsed) -> None:
    """Set what is run when a breakpoint is hit."""
    for point in _chosen(session, parsed):
        point.commands = [line.strip() for line in parsed.body]


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    number = Arg("NUM", kinds.BREAKPOINT, doc="a breakpoint",
                 missing="Argument required (breakpoint number).")  # fmt: skip
    count = Arg("COUNT", kinds.COUNT, doc="how often")
    required = Arg("NUM", kinds.BREAKPOINTS, optional=True, doc="breakpoint numbers")
    return (
        row("condition", "Set the condition of a breakpoint.", condition, aliases=("cond",),
             args=(number, Arg("CONDITION", kinds.EXPR, optional=True, doc="an expression")),
             help="It stops only where the expression is not zero.  Without one it stops always "
             "again.", example="condition 1 $rdi == 0"),
        row("ignore", "Pass a breakpoint a number of times.", ignore, aliases=("ig",),
             args=(Arg("NUM", kinds.BREAKPOINT, doc="a breakpoint",
                       missing="Argument required (a breakpoint number)."),
                   Arg("COUNT", kinds.COUNT, doc="how often",
                       missing="Second argument (specified ignore-count) is missing.")),
             help="Hits that are passed count as hits.", example="ignore 1 10"),
        row("enable", "Enable breakpoints.", enable, aliases=("en",), args=(NUMS,),
             help="Without numbers all of them.", example="enable 1"),
        row("enable breakpoints", "Enable breakpoints.", enable, args=(NUMS,),
             help="Without numbers all of them.", example="enable breakpoints 1"),
        row("enable once", "Enable breakpoints for one stop.", enable_once, args=(required,),
             help="They are disabled at the next stop.", example="enable once 1"),
        row("enable count", "Enable breakpoints for a number of stops.", enable_count,
             args=(count, required), help="They are disabled after COUNT stops.",
             example="enable count 2 1"),
        row("enable delete", "Enable breakpoints, and delete each at its next stop.",
             enable_delete, args=(required,), help="As tbreak does.",
             example="enable delete 1"),
        row("disable", "Disable breakpoints.", disable, aliases=("dis", "disa"), args=(NUMS,),
             help="Without numbers all of them.  They are kept, and enable brings them back.",
             example="disable 1"),
        row("disable breakpoints", "Disable breakpoints.", disable, args=(NUMS,),
             help="Without numbers all of them.", example="disable breakpoints 1"),
        row("delete", "Delete breakpoints.", delete, aliases=("d", "del"), args=(NUMS,),
             help="Without numbers all of them, after a question.", example="delete 1"),
        row("delete breakpoints", "Delete breakpoints.", delete, args=(NUMS,),
             help="Without numbers all of them, after a question.",
             example="delete breakpoints 1"),
        row("clear", "Delete the breakpoints at a location.", clear, example="clear main",
             args=(Arg("LOCATION", kinds.LOCATION, optional=True, doc="where"),),
             help="Without LOCATION it is the selected frame's pc."),
        row("commands", "Set commands that run when a breakpoint is hit.", set_commands,
             args=(NUMS,), body=True, before=_before_commands,
             example="commands 1\nsilent\nprint $rdi\ncontinue\nend",
             help="The lines up to `end` are kept.  `silent` as the first one suppresses the "
             "text of the stop.  Without a number it is the last breakpoint that was set."),
    )  # fmt: skip
