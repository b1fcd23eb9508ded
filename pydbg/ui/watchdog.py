"""``--timeout``: an end for sessions that do not come to one.

A timer of the kernel (setitimer(2)) sends SIGALRM; there is no thread that sleeps. While the
program runs it is interrupted, so that the debugger is in good order when the stacks of all
threads are shown; between two commands the next one is not begun.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError

if TYPE_CHECKING:
    from pydbg.commands.session import Session

__all__ = ["TIMED_OUT", "TimedOut", "limited", "report"]

TIMED_OUT = 124
"""The exit status, as that of timeout(1)."""

_AGAIN = 0.25
"""Seconds between reminders: a signal may come in the moment before a call that waits."""
_PATIENCE = 2
"""So many reminders later whatever runs is broken off, if it is not the program."""
_PAUSE = 8
"""Reminders between two attempts at that: what cleans up after the first is left in peace."""
_LAST = 20
"""So many reminders later whatever runs is broken off."""


class TimedOut(BaseException):
    """Report that the time is up."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@contextmanager
def limited(session: Session, seconds: float) -> Iterator[None]:
    """End what the session does in this block after ``seconds`` by :class:`TimedOut`; 0: never."""
    if not seconds:
        yield
        return
    error = TimedOut(seconds)
    reminders = 0

    def handler(signo: int, frame: FrameType | None) -> None:
        nonlocal reminders
        reminders += 1
        session.ending = error
        if session.dbg.control.loop_running and reminders <= _LAST:
            session.dbg.interrupt()
        elif reminders > _PATIENCE and (reminders - _PATIENCE) % _PAUSE == 1:
            raise error  # A command of the shell, or Python that does not end.

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        session.ending = None


def report(session: Session, error: TimedOut) -> int:
    """Say that the time is up and show what all threads were at; return the exit status."""
    session.error(DebuggerError(f"Timed out after {error.seconds:g} s."))
    for inferior in session.dbg.inferiors:
        try:
            session.dbg.select_inferior(inferior.number)
            session.execute("thread apply all backtrace")
        except DebuggerError as failure:
            session.warn(str(failure))
    return TIMED_OUT
