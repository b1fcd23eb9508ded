"""The command return: leave a function without running the rest of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.results import FrameShown
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError

if TYPE_CHECKING:
    from pydbg.commands.session import Session

__all__ = ["commands"]


def return_(session: Session, parsed: Parsed) -> FrameShown | None:
    """Return from the selected frame (stack.c, return_command)."""
    from pydbg.commands.stack import shown

    dbg = session.dbg
    frame = dbg.frame if dbg.inferior is not None else None
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
        value = dbg.evaluate(text)
    what = frame.function if frame.has_debug_info else "selected stack frame"
    if not session.confirm(f"Make {what} return now?"):
        raise CommandError("Not confirmed")
    dbg.leave_frame(value)
    session.memory.pop("listing", None)
    now = dbg.frame
    # As in gdb the frame is shown to people, not in a script.
    return shown(session, now) if now is not None and session.typed() else None


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
