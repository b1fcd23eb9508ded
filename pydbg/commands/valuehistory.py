"""show values, show convenience: what the session has kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.commands import common, kinds
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import DebuggerError

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.expr.values import Value

_AT_ONCE = 10
_NEXT = "show values"


def show_values(session: Session, parsed: Parsed) -> str:
    """Show ten values of the history: the last, those around a number, or the next."""
    history = session.dbg.history
    text: str | None = parsed["NUMBER"]
    if text == "+" or parsed.again:
        first = session.memory.get(_NEXT, 1)
    elif text is None:
        first = len(history) - _AT_ONCE + 1
    else:
        first = int(session.dbg.eval(text)) - _AT_ONCE // 2
    first = max(first, 1)
    session.memory[_NEXT] = first + _AT_ONCE
    shown = enumerate(history[first - 1 : first - 1 + _AT_ONCE], first)
    return "".join(f"${number} = {_text(session, value)}\n" for number, value in shown)


def show_convenience(session: Session, parsed: Parsed) -> str:
    """Show the convenience variables, the newest first, and functions."""
    from pydbg.expr.functions import BUILTIN
    from pydbg.programfunctions import FUNCTIONS

    variables = reversed(session.dbg.convenience.items())
    rows = [f"${name} = {_text(session, value)}\n" for name, value in variables]
    rows += [f"${name} = <internal function {name}>\n" for name in sorted(BUILTIN | FUNCTIONS)]
    return "".join(rows)


def _text(session: Session, value: Value) -> str:
    try:
        return common.formatter(session).top(value)
    except DebuggerError as error:
        return f"<error: {error}>"


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "show values",
            group="data",
            summary="Show ten values of the history.",
            help="Without a number these are the last ten, with one those around it; + shows the "
            "ten after those that were shown last, as Enter does.",
            args=(Arg("NUMBER", kinds.EXPR, optional=True),),
            example="show values 5",
            run=show_values,
        ),
        Command(
            "show convenience",
            ("conv",),
            group="data",
            summary="Show the convenience variables and functions.",
            help="The variables that were set, by `set $name = VALUE` or by the debugger, come "
            "first, the newest before the others.",
            example="show convenience",
            run=show_convenience,
        ),
    )
