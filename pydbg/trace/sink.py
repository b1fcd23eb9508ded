"""Who is told what a trace sees."""

from __future__ import annotations

from pydbg.rawstops import ThreadExit, ThreadKilled
from pydbg.trace.tasks import Task

__all__ = ["Sink", "result_class"]


class Sink:
    """Be told what happens, in the order in which it does; this one listens to nothing."""

    decodes = False
    """Whether it wants calls decoded."""

    at_once = False
    """Whether what it writes must stand there before the program goes on."""

    def entered(self, task: Task) -> None:
        """Take note of a call that begins."""

    def returned(self, task: Task) -> None:
        """Take note of a call that has come back: ``task.ret``, ``task.ended``."""

    def unfinished(self, task: Task) -> None:
        """Take note of a task's end, or its being let go, within a call."""

    def signalled(self, task: Task, signo: int, info: bytes) -> None:
        """Take note of a signal about to be delivered."""

    def stopped(self, task: Task, signo: int) -> None:
        """Take note of a group-stop."""

    def ended(self, task: Task, stop: ThreadExit | ThreadKilled) -> None:
        """Take note of a task's end."""

    def superseded(self, task: Task, by: int) -> None:
        """Take note of an exec by another thread, which takes this one's id."""

    def began(self, task: Task) -> None:
        """Take note of a new task."""

    def released(self, task: Task) -> None:
        """Take note of a task that is let go."""


def result_class(ret: int | None) -> str:
    """Return which of strace's statuses a result is.

    >>> result_class(3), result_class(-2), result_class(None)
    ('successful', 'failed', 'unavailable')
    """
    if ret is None:
        return "unavailable"
    return "failed" if -4095 <= ret < 0 else "successful"
