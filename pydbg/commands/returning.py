"""The command return: leave a function without running the rest of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.results import FrameShown
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError
from pydbg.variables.passing import in_memory

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.expr.values import Value
    from pydbg.frames import Frame

__all__ = ["commands", "returns"]


def return_(session: Session, parsed: Parsed) -> FrameShown | None:
    """Return from the selected frame (stack.c, return_command)."""
    from pydbg.commands.stack import shown

    dbg = session.dbg
    frame = dbg.frame
    if frame is None:
        raise CommandError("No selected frame.")
    if frame.inline is not None and frame.how != "tailcall":
        raise CommandError("Can not force return from an inlined function.")
    value = None
    text = parsed["VALUE"]
    if text is not None:
        if not frame.has_debug_info and not _is_cast(session, text):
            raise CommandError(
                "Return value type not available for selected stack frame.\n"
                "Please use an explicit cast of the value to return."
            )
        value = _returned(session, frame, text)
    what = frame.function if frame.has_debug_info else "selected stack frame"
    ignored = ""
    if value is not None and in_memory(value.type, dbg.arch):
        ignored = _IGNORED
        value = None
        if not session.interactive:
            session.warn(ignored.rstrip())
            ignored = ""
    if session.typed() and not returns(session, frame):
        session.warn("warning: Function does not return normally to caller.")
    if not session.confirm(f"{ignored}Make {what} return now?"):
        raise CommandError("Not confirmed")
    dbg.leave_frame(value)
    now = dbg.frame
    # As in gdb the frame is shown to people, not in a script.
    return shown(session, now) if now is not None and session.typed() else None


_IGNORED = """The location at which to store the function's return value is unknown.
If you continue, the return value that you specified will be ignored.
"""


def returns(session: Session, frame: Frame) -> bool:
    """Tell whether a frame's function comes back at all, as far as it is described."""
    module = frame.module
    function = module.spot_at(frame.lookup_addr).function if module is not None else None
    if module is None or function is None or not frame.has_debug_info:
        return True
    try:
        file = session.dbg.variables.file(module)
        return file is None or file.returns(function.die)
    except DebuggerError:
        return True


def _returned(session: Session, frame: Frame, text: str) -> Value | None:
    """Return a value of the type that the function returns, None if it returns nothing."""
    from pydbg.expr.operators import cast
    from pydbg.expr.types import VoidType, strip

    value = session.dbg.evaluate(text)
    ctype = session.dbg.variables.result_type(frame.lookup_addr)
    if ctype is None:
        return value
    return None if isinstance(strip(ctype), VoidType) else cast(ctype, value.referred())


def _is_cast(session: Session, text: str) -> bool:
    from pydbg.expr.evaluate import parse_in
    from pydbg.expr.nodes import CastTo

    return isinstance(parse_in(text, session.dbg.context()), CastTo)


def commands() -> tuple[Command, ...]:
    """Return the row."""
    value = Arg("VALUE", kinds.EXPR, optional=True, doc="what the function returns")
    return (
        Command(
            "return",
            ("ret",),
            "running",
            summary="Leave the selected frame without running the rest of it.",
            help="The caller goes on behind the call, with VALUE as what was returned.  In code "
            "without debug information VALUE must be a cast, (int) 5.",
            args=(value,),
            repeat="no",
            example="return (int) 5",
            run=return_,
        ),
    )
