"""From an event to all that is told about it: the thread, the frame, the decoded call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg import events as ev
from pydbg.commands import common
from pydbg.commands.results import ExtraNote, Stop, Watched
from pydbg.errors import DebuggerError
from pydbg.runtimeevents import EVENTS, Raised

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.frames import Frame
    from pydbg.target.thread import Thread

__all__ = ["before_run", "gather"]

BY_LINE = frozenset({"step", "next", "until"})
"""The steps that know themselves whether they ended where they began."""
_ENDS = (ev.Exited, ev.Killed)
_NOTICES = (
    ev.ThreadCreated,
    ev.ThreadExited,
    ev.ChildCreated,
    ev.FollowedChild,
    ev.Execed,
    ev.ModuleLoaded,
    ev.ModuleUnloaded,
    ev.BreakpointMoved,
    ev.SignalNoticed,
    ev.CallTraced,
    ev.Note,
)


def gather(event: ev.Event, session: Session) -> Stop | ExtraNote | None:
    """Return the record of an event; None for one that nothing is said about."""
    if isinstance(event, _NOTICES):
        return _notice(event, session)
    if isinstance(event, ev.StepDone) and event.plan == "call":
        return None  # A function that the user called has returned at last: gdb is silent too.
    return _stop(event, session)


def before_run(session: Session, *, stepping: bool = True) -> None:
    """Note what the next stop is compared with: the thread selected now and its frame.

    Going on (not ``stepping``) leaves the frame alone: what can still end then is a step that
    a breakpoint with commands interrupted, and its frame is the one to compare with.
    """
    dbg = session.dbg
    thread = dbg.thread if dbg.process is not None else None
    session.memory["resumed thread"] = None if thread is None else (thread.inferior.pid, thread.tid)
    if stepping:
        # Steps are the innermost frame's, whichever is selected (infcmd.c, prepare_one_step).
        frame = next(iter(dbg.frames(1)), None) if thread is not None else None
        session.memory["resumed frame"] = None if frame is None else _frame_id(frame)


def _frame_id(frame: Frame) -> tuple[str | None, int, int | None]:
    return frame.function, frame.addr - frame.offset, frame.cfa


def _is_one_of_many(session: Session, thread: Thread) -> bool:
    """Tell whether a thread has to be named, because there are, or were, others."""
    inferior = thread.inferior
    return inferior.was_threaded or len(session.dbg.inferiors) > 1 or inferior.number > 1


def _stop(event: ev.Event, session: Session) -> Stop:
    if isinstance(event, _ENDS):
        return Stop(event)
    if isinstance(event, ev.CatchHit):
        session.memory.setdefault("caught", {})[event.number] = event.detail
    dbg = session.dbg
    thread = dbg.thread
    if thread is None:
        return Stop(event)
    try:
        frame = dbg.frame
    except DebuggerError:
        frame = None
    many = _is_one_of_many(session, thread)
    brief = (
        isinstance(event, ev.StepDone)
        and frame is not None
        and session.memory.get("resumed frame") == _frame_id(frame)
    )
    is_core = isinstance(event, ev.CoreLoaded)
    if isinstance(event, ev.StepDone) and event.plan in BY_LINE:
        brief = frame is not None and dbg.steps.in_frame
    what = session.settings.text("print frame-info")
    if what != "auto":
        brief = what == "source-line"
    hidden = what not in ("auto", *common.WITH_SOURCE)
    source = None
    if frame is not None:
        source = common.source_line(session, frame, brief=brief, hidden=hidden)
    # Of a step that stays only the line is shown.
    args = source is None or not brief
    return Stop(
        event,
        thread=thread.number,
        thread_id=common.thread_id(session, thread),
        thread_name=common.thread_name(thread) if many else "",
        many=many,
        switched=_switched(session, thread, event),
        frame=None
        if frame is None
        else common.frame_line(session, frame, level=is_core, args=args),
        source=source,
        brief=brief,
        decoded=_decoded(event, session, thread),
        location=_location(event),
        watches=_watched(event, session),
        values_apart=bool(session.stop_hooks),
        bits=8 * dbg.arch.pointer_size,
        returned=_returned(event, session),
        unknown_result=_unknown_result(event, session),
        goroutine=dbg.goroutines.number_of(thread) if session.observers else 0,
    )


def _switched(session: Session, thread: Thread, event: ev.Event) -> str | None:
    if isinstance(event, (ev.Attached, ev.Started)):
        return None
    if isinstance(event, ev.CoreLoaded):
        return common.target_id(session, thread) if len(event.tids) > 1 else None
    # A run begins with the leader, whose thread id is the process id.
    before = session.memory.get("resumed thread")
    if before is None and thread.inferior.number == 1:
        before = (thread.inferior.pid, thread.inferior.pid)
    if before == (thread.inferior.pid, thread.tid):
        return None
    return common.target_id(session, thread)


def _location(event: ev.Event) -> int | None:
    if not isinstance(event, ev.BreakpointHit) or not event.locations:
        return None
    return event.locations[0] if event.several else None


def _watched(event: ev.Event, session: Session) -> tuple[Watched, ...]:
    return tuple(
        Watched(
            one,
            _content(session, one.old_value, one.old),
            _content(session, one.new_value, one.new),
        )
        for one in (event, *getattr(event, "also", ()))
        if isinstance(one, ev.WatchpointTriggered)
    )


def _content(session: Session, value: Any, number: int | None) -> str | None:
    """Return what a watchpoint found in words; a number where no type is known."""
    if value is None:
        return None if number is None else str(number)
    try:
        return common.formatter(session).top(value, "")
    except DebuggerError as error:
        return f"<error: {error}>"


def _returned(event: ev.Event, session: Session) -> str | None:
    """Return the value of a function that finished, None where its type is not known."""
    for one in getattr(event, "also", ()):
        if isinstance(one, ev.FunctionFinished):
            event = one  # It ended a watchpoint's frame as well.
    if not isinstance(event, ev.FunctionFinished) or not event.function:
        return None
    try:
        found = session.dbg.variables.returned(event.function)
        if found is None:
            return None
        if found.is_void:
            return ""
        text = "<not displayed>"
        if session.dbg.settings.flag("print finish"):
            text = common.formatter(session).top(found)
    except DebuggerError:
        return None
    session.dbg.history.append(found)
    return f"${len(session.dbg.history)} = {text}"


def _unknown_result(event: ev.Event, session: Session) -> str:
    """Return the type of a function's value that is at a place of the compiler's own choice."""
    if not isinstance(event, ev.FunctionFinished) or not event.function:
        return ""
    from pydbg.variables.returns import unknown_result

    try:
        found = unknown_result(session.dbg.variables, event.function)
    except DebuggerError:
        return ""
    return "" if found is None else session.dbg.language.spell(found)


def _decoded(event: ev.Event, session: Session, thread: Thread) -> str | None:
    call = event if isinstance(event, ev.SyscallCaught) else None
    if (isinstance(event, ev.StepDone) and event.plan == "stepsys") or (
        isinstance(event, ev.CatchHit) and event.kind == "seccomp"
    ):
        call = session.dbg.catches.entered(thread)
    if isinstance(event, ev.CatchHit) and event.kind in EVENTS:
        return Raised(event.detail, event.message).line
    return call.decoded.line() if call is not None else None


# --- notices -------------------------------------------------------------------------------


def _notice(event: ev.Event, session: Session) -> ExtraNote | None:
    if isinstance(event, (ev.ModuleLoaded, ev.ModuleUnloaded)) or _is_muted(event, session):
        return None
    if isinstance(event, ev.FollowedChild):
        return _followed(event, session)
    target = ""
    if isinstance(event, (ev.ThreadCreated, ev.ThreadExited)):
        target = _target_of(event, session)
    if isinstance(event, ev.SignalNoticed):
        target = _who(event, session)
    number = 0
    if isinstance(event, ev.ChildCreated):
        known = [one.number for one in session.dbg.inferiors if one.pid == event.child]
        number = known[0] if known else 0
    return ExtraNote(event, target, number)


def _who(event: ev.Event, session: Session) -> str:
    """Name the thread that a signal came in, "" where it is the only one."""
    for inferior in session.dbg.inferiors:
        thread = inferior.threads.get(event.tid)
        if thread is not None and _is_one_of_many(session, thread):
            name = common.thread_name(thread)
            return f'Thread {common.thread_id(session, thread)} "{name}"'
    return ""


def _is_muted(event: ev.Event, session: Session) -> bool:
    """Tell whether the user does not want to be told of threads, or children, that come and go."""
    settings = session.dbg.settings
    if isinstance(event, (ev.ThreadCreated, ev.ThreadExited)):
        return not settings.flag("print thread-events")
    children = isinstance(event, ev.FollowedChild) or (
        isinstance(event, ev.ChildCreated) and not event.reason
    )
    return children and not settings.flag("print inferior-events")


def _followed(event: ev.FollowedChild, session: Session) -> ExtraNote:
    """Name the parent, which may be gone: the child's thread pointer is the same (fork(2))."""
    number = 2
    target = f"process {event.tid}"
    for inferior in session.dbg.inferiors:
        thread = inferior.threads.get(event.child)
        if thread is not None:
            number = inferior.number
            target = common.target_id(session, thread)
            target = target.replace(str(event.child), str(event.tid))
    return ExtraNote(event, target, number)


def _target_of(event: ev.Event, session: Session) -> str:
    kept: dict[int, str] = session.memory.setdefault("target ids", {})
    if isinstance(event, ev.ThreadExited):
        return kept.pop(event.tid, f"LWP {event.tid}")
    tid = event.tid
    for inferior in session.dbg.inferiors:
        thread = inferior.threads.get(tid)
        if thread is not None:
            return common.target_id(session, thread)
    return kept.get(tid, f"LWP {tid}")
