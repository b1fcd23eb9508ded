"""Breakpoint commands that say nothing and go on: run inside the run loop.

``commands / silent / ... / continue / end`` needs no stop to be told and no command to be
typed: what stands between is run at the hit, with every thread held, and the thread goes on.
A step or ``finish`` that was on its way is not disturbed by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.errors import DebuggerError
from pydbg.patterns import lazy_pattern

if TYPE_CHECKING:
    from pydbg.breakpoints import Point
    from pydbg.commands.session import Session
    from pydbg.target.thread import Thread

_HARMLESS_GROUPS = frozenset({"data", "stack", "status"})
_HARMLESS = frozenset({"echo", "printf", "output", "set", "set variable"})
_CALL = lazy_pattern(r"(?<![\w$])[A-Za-z_]\w*\s*\(")


class QuietCommands:
    """Answer whether a point's commands were run and the thread may go on."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[tuple[str, ...], tuple[str, ...] | None] = {}

    def __call__(self, point: Point, thread: Thread) -> bool:
        """Run a point's commands if they are quiet; False leaves the stop as it is."""
        session = self._session
        if session.hooks or session.observers or point.disposition != "keep":
            return False
        commands = tuple(point.commands)
        if commands not in self._known:
            self._known[commands] = self._between(commands)
        lines = self._known[commands]
        if lines is None:
            return False
        session.hit.add(point.number)
        if lines:
            session.dbg.call_back(lambda _: self._run(lines), thread, point)
        return True

    def _run(self, lines: tuple[str, ...]) -> Any:
        for line in lines:
            self._session.execute(line)

    def _between(self, commands: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return what stands between silent and continue, or None if it is not that simple."""
        if len(commands) < 2 or commands[0].strip() != "silent":
            return None
        find = self._session.commands.resolve
        try:
            last = find(commands[-1].strip())
            if last.command.name != "continue" or commands[-1].strip() != last.invoked:
                return None
            for line in commands[1:-1]:
                command = find(line.strip()).command
                if command.group not in _HARMLESS_GROUPS and command.name not in _HARMLESS:
                    return None
                if _CALL.search(line):
                    return None  # A call of a function of the program, which runs it.
        except DebuggerError:
            return None  # The error is told when the commands are run one by one.
        return commands[1:-1]
