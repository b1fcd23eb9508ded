"""The line below the prompt: which program, which process and thread, why it stopped."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pydbg import events as ev
from pydbg.errors import DebuggerError
from pydbg.render.escape import clean

if TYPE_CHECKING:
    from pydbg.commands.session import Session

__all__ = ["reason", "toolbar"]


def reason(event: ev.Event | None) -> str:
    """Return in a few words why the program is where it is.

    >>> reason(ev.BreakpointHit(1, 1, 0x1000, (2, 5))), reason(ev.Exited(1, 1, 3)), reason(None)
    ('breakpoint 2', 'exited with 3', '')
    """
    match event:
        case ev.BreakpointHit():
            return f"breakpoint {event.numbers[0]}" if event.numbers else "breakpoint"
        case ev.WatchpointTriggered() | ev.WatchpointEnded():
            return f"watchpoint {event.number}"
        case ev.CoreLoaded():
            return "core dump"
        case ev.SyscallCaught():
            return f"{event.phase} of {clean(event.name) or event.nr}"
        case ev.SignalReceived() | ev.GroupStopped():
            return _signal(event.signo)
        case ev.Killed():
            return f"killed by {_signal(event.signo)}"
        case ev.Exited():
            return f"exited with {event.code}"
        case ev.CatchHit():
            return f"caught {event.kind}"
        case ev.StepDone() | ev.LocationReached():
            return event.plan
        case ev.FunctionFinished():
            return "finish"
        case None:
            return ""
        case _:
            words = {"Interrupted": "interrupted", "Attached": "attached", "Started": "started"}
            name = type(event).__name__
            return words.get(name, name.lower())


def _signal(signo: int) -> str:
    from pydbg.syscalls.signals import signal_name

    return signal_name(signo)


def toolbar(session: Session, width: int = 80) -> str:
    """Return the line, no wider than ``width``."""
    dbg: Any = session.dbg
    inferior = dbg.inferior
    path = getattr(inferior, "path", "") or getattr(dbg, "program", None) or ""
    parts = [clean(os.path.basename(path)) or "no program"]
    why = reason(session.last_event)
    if inferior is None:
        # After kill and detach the last stop says nothing any more.
        ended = isinstance(session.last_event, ev.Exited | ev.Killed)
        parts.append(why if ended else "not running")
    else:
        parts.append(f"pid {inferior.pid}")
        thread = getattr(dbg, "thread", None)
        if thread is not None:
            count = len(dbg.threads)
            parts.append(f"thread {thread.number}" + (f" of {count}" if count > 1 else ""))
            if place := _place(session):
                parts.append(place)
        if why:
            parts.append(why)
    # What does not fit goes, the place first: why it stopped is what one looks for.
    while len(parts) > 2 and len(_line(parts)) > width:
        del parts[-2]
    return _line(parts)[:width]


def _line(parts: list[str]) -> str:
    return " " + " | ".join(parts) + " "


def _place(session: Session) -> str:
    try:
        frame = session.dbg.frame
    except DebuggerError:
        return ""
    if frame is None or frame.function is None:
        return ""
    level = f"#{frame.level} " if frame.level else ""
    return level + clean(frame.function)
