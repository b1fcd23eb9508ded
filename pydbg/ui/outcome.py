"""How a run of scripts ends: what becomes of the program, and the exit status."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from pydbg.errors import CommandError, DebuggerError
from pydbg.events import Killed, SignalReceived

if TYPE_CHECKING:
    from pydbg.cli import Options
    from pydbg.commands.session import Session

__all__ = ["at_end", "final", "missed", "say_end", "signal_to_die_of"]

FAILED = 1


def at_end(session: Session, options: Options) -> None:
    """Do with a program that still lives what ``--on-eof`` says."""
    dbg = session.dbg
    if options.on_eof == "continue":
        if dbg.inferiors and dbg.breakpoints:
            session.execute("disable breakpoints")
        while dbg.inferiors:
            session.execute("continue")
    elif options.on_eof in ("detach", "kill"):
        for one in list(dbg.inferiors):
            number, pid = one.number, one.pid
            dbg.select_inferior(number)
            if options.on_eof == "kill":
                dbg.kill()
            else:
                dbg.detach()
            session.warn(f"[Inferior {number} (process {pid}) {options.on_eof}ed]")


def missed(session: Session, options: Options) -> list[str]:
    """Return a sentence for each breakpoint that had to be hit and was not."""
    points = session.dbg.breakpoints
    wanted = {int(text) for text in options.require_hit if text}
    if "" in options.require_hit:
        wanted.update(points)
    found = []
    for number in sorted(wanted):
        point = points.get(number)
        if number in session.hit or (point is not None and point.hits):
            continue
        if point is None:
            found.append(f"Breakpoint {number} was never hit: there is none.")
            continue
        what = getattr(point, "spec", "") or getattr(point, "kind", "")
        name = point.kind_text.split()[-1].capitalize()
        found.append(f"{name} {number} ({what}) was never hit.")
    return found


def final(session: Session, options: Options, given: int | None = None) -> int:
    """Return the status of a run that came to its end, or to ``quit given``."""
    absent = missed(session, options)
    for text in absent:
        session.error(CommandError(text))
    if given is not None:
        return given or (FAILED if absent else 0)
    if session.errors:
        return FAILED
    if not options.return_child_result:
        return 0
    if session.child_status is not None:
        return session.child_status
    if session.last_event is None or not session.dbg.inferiors:
        why = "was not run" if session.last_event is None else "has not ended"
        session.error(DebuggerError(f"pydbg: there is no result to return: the program {why}."))
        return FAILED
    return 128 + signal.SIGKILL  # it is killed in a moment


def signal_to_die_of(session: Session, options: Options, status: int) -> int:
    """Return the signal of the program that is pydbg's own end (``--exec-status``), or 0."""
    if not options.exec_status or status != session.child_status:
        return 0
    event = session.last_event
    return event.signo if isinstance(event, Killed | SignalReceived) else 0


def say_end(session: Session) -> None:
    """Say on stderr what becomes of a program that is left behind."""
    if session.interactive:
        return
    if session.dbg.inferiors:
        from pydbg.unfired import unfired

        for text in unfired(session.dbg):
            session.warn(text)
    for one in session.dbg.inferiors:
        fate = "killed" if one.launched else "detached"
        session.warn(f"[Inferior {one.number} (process {one.pid}) {fate}]")
