"""Events as plain values for JSON: the schema is docs/events.schema.json.

Numbers that may need 64 bits (addresses, registers) are hexadecimal texts, because many
readers of JSON keep numbers as doubles.
"""

from __future__ import annotations

from typing import Any

from pydbg import events as ev
from pydbg.commands.lines import ScriptError
from pydbg.commands.results import Stop
from pydbg.records import asdict

__all__ = ["REASONS", "SCHEMA", "failed", "noticed", "stopped"]

SCHEMA = 1
"""The version of the schema. It changes when a field goes or gets another meaning."""

REASONS: dict[type[ev.Event], str] = {
    ev.BreakpointHit: "breakpoint",
    ev.WatchpointTriggered: "watchpoint",
    ev.WatchpointEnded: "watchpoint-scope",
    ev.SyscallCaught: "syscall",
    ev.CatchHit: "catch",
    ev.SignalReceived: "signal",
    ev.StepDone: "step",
    ev.LocationReached: "location",
    ev.FunctionFinished: "finish",
    ev.Interrupted: "interrupt",
    ev.Attached: "attach",
    ev.Started: "start",
    ev.CoreLoaded: "core",
}
"""The reason of each event that is a stop. The ends of a process are none, and notices neither."""


def stopped(event: Any, record: Any = None) -> dict[str, Any]:
    """Return the end of a run: ``stopped`` or ``exited``.

    >>> stopped(ev.Exited(42, 42, 7))
    {'event': 'exited', 'pid': 42, 'inferior': 1, 'code': 7}
    """
    match event:
        case ev.Exited():
            found = {"event": "exited", "pid": event.pid, "inferior": event.inferior}
            return {**found, "code": event.code}
        case ev.Killed():
            found = {"event": "exited", "pid": event.pid, "inferior": event.inferior}
            return {**found, "signal": _signal(event.signo), "core": event.core}
    result: dict[str, Any] = {
        "event": "stopped",
        "reason": REASONS.get(type(event), "other"),
        "pid": event.pid,
        "tid": event.tid,
    }
    result.update(_reason(event))
    if isinstance(record, Stop):
        result.update(_place(record))
    return result


def _reason(event: Any) -> dict[str, Any]:
    """Return what only this kind of stop has."""
    found: dict[str, Any] = {}
    number = event.numbers[0] if getattr(event, "numbers", ()) else getattr(event, "number", None)
    if number is not None:
        found["bp"] = number
    if getattr(event, "error", None):
        found["error"] = event.error
    match event:
        case ev.BreakpointHit():
            found["bps"] = list(event.numbers)
        case ev.WatchpointTriggered():
            found["watch"] = {
                "kind": event.kind,
                "addr": hex(event.addr),
                "size": event.size,
                "old": None if event.old is None else hex(event.old),
                "new": None if event.new is None else hex(event.new),
            }
        case ev.SyscallCaught():
            found["syscall"] = _syscall(event)
        case ev.CatchHit():
            detail = event.detail
            found["catch"] = {
                "kind": event.kind,
                "detail": list(detail) if isinstance(detail, tuple) else detail,
            }
            if event.message is not None:
                found["catch"]["message"] = event.message
        case ev.SignalReceived():
            found["signal"] = _signal(event.signo)
        case ev.CoreLoaded() if event.signo:
            found["signal"] = _signal(event.signo)
        case ev.StepDone() | ev.LocationReached():
            found["plan"] = event.plan
        case ev.FunctionFinished():
            found["value"] = {"register": event.register, "raw": hex(event.value)}
    return found


def _signal(signo: int) -> dict[str, Any]:
    from pydbg.syscalls import signals

    return {
        "number": signo,
        "name": signals.signal_name(signo),
        "text": signals.signal_text(signo),
    }


_MOST_ERRNO = 4095
"""MAX_ERRNO of the kernel: results from -4095 to -1 are errors (syscall(2))."""


def _syscall(event: ev.SyscallCaught) -> dict[str, Any]:
    from pydbg.errors import DebuggerError
    from pydbg.syscalls.errno import error_name

    try:
        decoded = event.decoded.args
    except DebuggerError:
        decoded = ()
    # Of a call that is not known all six registers are given.
    raw = [arg.raw for arg in decoded] or list(event.args if event.name == "" else ())
    failed = event.ret is not None and -_MOST_ERRNO <= event.ret < 0
    return {
        "nr": event.nr,
        "name": event.name or None,
        "abi": event.abi,
        "phase": event.phase,
        "args": [arg.text for arg in decoded],
        "raw": [hex(value) for value in raw],
        "ret": None if event.ret is None else event.ret,
        "errno": error_name(-event.ret) if failed and event.ret is not None else None,
    }


def _place(record: Stop) -> dict[str, Any]:
    found: dict[str, Any] = {"thread": record.thread}
    if record.goroutine:
        found["goroutine"] = record.goroutine
    frame = record.frame
    if frame is not None:
        found.update(
            pc=hex(frame.addr),
            func=frame.function,
            file=frame.file,
            line=frame.line,
            library=frame.library,
        )
    return found


def noticed(event: ev.Event) -> dict[str, Any]:
    """Return what happened while the program ran on: ``notice``, with the event's fields.

    >>> noticed(ev.ThreadCreated(1, 2, number=2))
    {'event': 'notice', 'kind': 'thread-created', 'pid': 1, 'tid': 2, 'number': 2}
    """
    name = type(event).__name__
    kind = "".join(f"-{char.lower()}" if char.isupper() else char for char in name).lstrip("-")
    fields = {
        ("how" if key == "kind" else key): list(value) if isinstance(value, tuple) else value
        for key, value in asdict(event).items()
    }
    return {"event": "notice", "kind": kind, **fields}


def failed(error: BaseException) -> dict[str, Any]:
    """Return an error that was shown: ``error``, with its place in a script.

    >>> failed(ScriptError(ValueError("No."), "a.pydbg", 3))
    {'event': 'error', 'message': 'No.', 'file': 'a.pydbg', 'line': 3}
    """
    if not isinstance(error, ScriptError):
        return {"event": "error", "message": str(error)}
    found: dict[str, Any] = {"event": "error", "message": str(error.error)}
    if error.name:
        found.update(file=error.name, line=error.number)
    if error.callers:
        found["callers"] = [{"file": name, "line": number} for name, number in error.callers]
    return found
