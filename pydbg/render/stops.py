"""The text of events: why the program stopped, and what is told while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydbg import events as ev
from pydbg.commands.results import ExtraNote, Stop, Watched
from pydbg.records import replace
from pydbg.render.escape import clean
from pydbg.render.frames import frame, source
from pydbg.runtimeevents import EVENTS

__all__ = ["heading", "notice", "stop", "values"]


def stop(record: Stop) -> str:
    r"""Return the text of a stop: its reason, the place, the source line, the decoded call.

    >>> print(stop(Stop(ev.Exited(7203, 7203, 22))))
    [Inferior 1 (process 7203) exited with code 026]
    """
    head, joined = heading(record)
    switched = None if record.switched is None else f"[Switching to {record.switched}]"
    if isinstance(record.event, ev.CoreLoaded):
        switched = None
    lines = [] if switched is None else [switched]
    if isinstance(record.event, (ev.SignalReceived, ev.Interrupted)) and not joined:
        # A signal is told as soon as it comes, before the thread is selected (infrun.c).
        lines, head = [head, *lines], ""
    if record.frame is None:
        return "\n".join([*lines, head] if head else lines)
    if record.brief and record.source is not None:
        place = source(record.source)
    else:
        place = frame(record.frame)
        if record.source is not None:
            place += "\n" + source(record.source)
    if joined:
        lines.append(head + place)
    else:
        lines += [head, place] if head else [place]
    if record.decoded is not None:
        lines.append(clean(record.decoded))
    if not record.values_apart:
        lines += values(record)
    if isinstance(record.event, ev.CoreLoaded) and record.switched is not None:
        lines.append(f"[Current thread is {record.thread_id} ({record.switched})]")
    error = getattr(record.event, "error", None)
    if error:
        lines.insert(0, f"Error in testing breakpoint condition:\n{clean(error)}")
    return "\n".join(lines)


def values(record: Stop) -> list[str]:
    """Return what is told of the value of a function that finished."""
    found = []
    for event in (record.event, *_also(record)):
        if isinstance(event, ev.FunctionFinished):
            found += _finished(event, record)
    return found


def heading(record: Stop) -> tuple[str, bool]:
    """Return the reason of a stop, and whether the frame goes on in the same line."""
    maker = _HEADINGS.get(type(record.event))
    return maker(record) if maker is not None else ("", False)


def _hit(record: Stop, text: str, temporary: bool, word: str) -> str:
    """Return "Breakpoint 1" with what stands before it (breakpoint.c, bkpt_print_it)."""
    who = f'Thread {record.thread_id} "{clean(record.thread_name)}" hit ' if record.many else ""
    kind = f"Temporary {word.lower()}" if temporary else word
    return f"\n{who}{kind} {text}"


def _breakpoint(record: Stop) -> tuple[str, bool]:
    event: Any = record.event
    number = str(event.numbers[0]) if event.numbers else "?"
    if record.location is not None:
        number += f".{record.location}"
    return _hit(record, f"{number}, ", event.temporary, "Breakpoint"), True


_WATCHED = {
    "write": "Hardware watchpoint",
    "read": "Hardware read watchpoint",
    "access": "Hardware access (read/write) watchpoint",
}


def _watchpoint(record: Stop) -> tuple[str, bool]:
    text = "\n".join(_watched(record, one) for one in record.watches)
    return _others(record, text)


def _watched(record: Stop, one: Watched) -> str:
    event: Any = one.event
    point = f"{event.number}: {clean(event.what) or f'*{event.addr:#x}'}"
    word = "Watchpoint" if event.software else _WATCHED[event.kind]
    head = _hit(record, point, event.temporary, word)
    old, new = _content(one.old), _content(one.new)
    if event.kind == "read" or (event.kind == "access" and one.old == one.new):
        return f"{head}\n\nValue = {new}"
    return f"{head}\n\nOld value = {old}\nNew value = {new}"


def _content(text: str | None) -> str:
    return "<unreadable>" if text is None else text


def _ended(record: Stop) -> tuple[str, bool]:
    numbers = [record.event, *(one for one in _also(record) if isinstance(one, ev.WatchpointEnded))]
    # breakpoint.c, watchpoint_check
    text = "\n".join(
        f"\nWatchpoint {one.number} deleted because the program has left the block in\n"
        "which its expression is valid."
        for one in numbers
        if isinstance(one, ev.WatchpointEnded)
    )
    return _others(record, text)


def _also(record: Stop) -> tuple[ev.Event, ...]:
    also: tuple[ev.Event, ...] = getattr(record.event, "also", ())
    return also


def _others(record: Stop, text: str) -> tuple[str, bool]:
    """Add the breakpoint at the same place, whose text goes on with the frame."""
    for event in _also(record):
        if isinstance(event, ev.BreakpointHit):
            hit, joined = _breakpoint(replace(record, event=event))
            return f"{text}\n{hit}", joined
    return text, False


def _catch(record: Stop, what: str) -> tuple[str, bool]:
    event: Any = record.event
    return _hit(record, f"{event.number} ({what}), ", event.temporary, "Catchpoint"), True


def _syscall(record: Stop) -> tuple[str, bool]:
    event: Any = record.event
    verb = "call to" if event.phase == "entry" else "returned from"
    return _catch(record, f"{verb} syscall {clean(event.name) or event.nr}")


def _caught(record: Stop) -> tuple[str, bool]:
    event: Any = record.event
    if event.kind in ("load", "unload"):
        # solib.c, print_solib_event: the libraries in lines of their own.
        head = _hit(record, str(event.number), event.temporary, "Catchpoint")
        paths = event.detail if isinstance(event.detail, (tuple, list)) else [event.detail]
        names = "\n    ".join(clean(str(path)) for path in paths if path)
        return f"{head}\n  Inferior {event.kind}ed {names}", False
    if event.kind in EVENTS:
        return _catch(record, EVENTS[event.kind].stopped)
    what = {
        "fork": "forked process {}",
        "vfork": "vforked process {}",
        "clone": "cloned process {}",
        "exec": "exec'd {}",
        "exit": "exiting with status {}",
        "seccomp": "refused syscall {}",
    }[event.kind]
    return _catch(record, what.format(clean(_detail(event))))


def _detail(event: Any) -> str:
    if event.kind == "exit" and isinstance(event.detail, int):
        # PTRACE_EVENT_EXIT gives a wait status (ptrace(2)).
        signo = event.detail & 0x7F
        return f"{event.detail >> 8 & 0xFF}" if not signo else f"of signal {signo}"
    return str(event.detail)


def _signal(record: Stop) -> tuple[str, bool]:
    from pydbg.syscalls import signals

    event: Any = record.event
    name = signals.signal_name(event.signo)
    if event.number is not None:
        return _catch(record, f"signal {name}")
    return _received(record, f"{name}, {signals.signal_text(event.signo)}"), False


def _received(record: Stop, signal: str) -> str:
    who = f'Thread {record.thread_id} "{clean(record.thread_name)}"' if record.many else "Program"
    return f"\n{who} received signal {signal}."


def _interrupted(record: Stop) -> tuple[str, bool]:
    # The program never sees the signal: pydbg stops it by PTRACE_INTERRUPT. The words are
    # those that users and scripts know for Ctrl-C.
    return _received(record, "SIGINT, Interrupt"), False


def _group_stop(record: Stop) -> tuple[str, bool]:
    from pydbg.syscalls import signals

    event: Any = record.event
    name, text = signals.signal_name(event.signo), signals.signal_text(event.signo)
    return f"\nProgram stopped by job control ({name}, {text}).", False


def _core(record: Stop) -> tuple[str, bool]:
    """Return what gdb says at a core's load (corelow.c, core_target_open)."""
    from pydbg.render.escape import ASIDE
    from pydbg.syscalls import signals

    event: Any = record.event
    lines = [f"[New LWP {tid}]" for tid in event.tids]
    lines += [f"{ASIDE}warning: {clean(text)}" for text in event.warnings]
    lines.append(f"Core was generated by `{clean(event.command)}'.")
    if event.signo:
        name, text = signals.signal_name(event.signo), signals.signal_text(event.signo)
        lines.append(f"Program terminated with signal {name}, {text}.")
    return "\n".join(lines), False


def _started(record: Stop) -> tuple[str, bool]:
    return "\nProgram stopped.", False


def _exited(record: Stop) -> tuple[str, bool]:
    event: Any = record.event
    how = f"exited with code 0{event.code:o}" if event.code else "exited normally"
    return f"[Inferior {event.inferior} (process {event.pid}) {how}]", False


def _killed(record: Stop) -> tuple[str, bool]:
    from pydbg.syscalls import signals

    event: Any = record.event
    name, text = signals.signal_name(event.signo), signals.signal_text(event.signo)
    end = "The program no longer exists."
    return f"\nProgram terminated with signal {name}, {text}.\n{end}", False


_HEADINGS: dict[type[ev.Event], Callable[[Stop], tuple[str, bool]]] = {
    ev.BreakpointHit: _breakpoint,
    ev.SyscallCaught: _syscall,
    ev.CatchHit: _caught,
    ev.WatchpointTriggered: _watchpoint,
    ev.WatchpointEnded: _ended,
    ev.SignalReceived: _signal,
    ev.Interrupted: _interrupted,
    ev.GroupStopped: _group_stop,
    ev.Started: _started,
    ev.CoreLoaded: _core,
    ev.Exited: _exited,
    ev.Killed: _killed,
}


def _finished(event: ev.FunctionFinished, record: Stop) -> list[str]:
    if record.returned is None and record.unknown_result:
        return [f"Value returned has type: {record.unknown_result}. Cannot determine contents"]
    if record.returned is None:
        return [finished(event, record.bits)]
    return [f"Value returned is {record.returned}"] if record.returned else []


def finished(event: ev.FunctionFinished, bits: int = 64) -> str:
    """Return what a function that ``finish`` left returned, as the register holds it.

    >>> finished(ev.FunctionFinished(1, 1, 0xFFFFFFFFFFFFFFFF, "rax"))
    'Value returned in $rax: 0xffffffffffffffff (-1)'
    """
    signed = event.value - (1 << bits) if event.value >> (bits - 1) else event.value
    return f"Value returned in ${event.register}: {event.value:#x} ({signed})"


# --- notices -------------------------------------------------------------------------------


_SILENT = {"filter": "the system calls that are caught need it (set syscall-filter off)"}
"""Why a child that should have been let go is not: the reasons of ChildCreated in words."""


def notice(record: ExtraNote) -> str:
    """Return the line of something that happened while the program ran on, "" for nothing.

    >>> notice(ExtraNote(ev.ThreadCreated(1, 2, 2), "Thread 0x7ffff7dd06c0 (LWP 2)"))
    '[New Thread 0x7ffff7dd06c0 (LWP 2)]'
    """
    event: Any = record.event
    match event:
        case ev.ThreadCreated():
            return f"[New {record.target}]"
        case ev.ThreadExited():
            return f"[{record.target} exited]"
        case ev.ChildCreated() if event.reason:
            why = _SILENT.get(event.reason) or clean(event.reason)
            return f"[Child process {event.child} of {event.kind} stays traced silently: {why}]"
        case ev.ChildCreated(kept=True):
            return f"[New inferior {record.number} (process {event.child})]"
        case ev.ChildCreated():
            return f"[Detaching after {event.kind} from child process {event.child}]"
        case ev.FollowedChild():
            return (
                f"[Attaching after {record.target} {event.kind} to child process {event.child}]\n"
                f"[New inferior {record.number} (process {event.child})]\n"
                f"[Detaching after {event.kind} from parent process {event.pid}]\n"
                f"[Inferior {record.number - 1} (process {event.pid}) detached]"
            )
        case ev.Execed():
            return f"process {event.pid} is executing new program: {clean(event.path)}"
        case ev.SignalNoticed():
            from pydbg.syscalls import signals

            name, text = signals.signal_name(event.signo), signals.signal_text(event.signo)
            return f"\n{clean(record.target) or 'Program'} received signal {name}, {text}."
        case ev.BreakpointMoved() | ev.Note() | ev.CallTraced():
            return clean(event.text)
    return ""
