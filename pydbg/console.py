"""The terminal between the debugger and the program it runs."""

from __future__ import annotations

import os
import signal
from _signal import getsignal  # type: ignore[import-not-found]
from _signal import signal as set_handler
from _thread import get_native_id
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from pydbg.errors import DebuggerError
from pydbg.linux.terminal import Sentinel, Terminal

WAKE = signal.SIGURG
"""Sent by the sentinel at a Ctrl-C; ignored by default, so a late one does no harm."""
_WAKE, _SIGINT = int(WAKE), int(signal.SIGINT)
_ENDING = int(signal.SIGTERM), int(signal.SIGHUP)


class Console:
    """Lend the terminal to the running program and watch its Ctrl-C."""

    def __init__(self, fd: int) -> None:
        self._terminal = Terminal(fd)
        self._sentinel: Sentinel | None = None
        self._group = 0

    @contextmanager
    def lent_to(self, group: int) -> Iterator[None]:
        """Give the terminal to a process group, and take it back with its modes restored."""
        if group != self._group:
            self._terminal.forget()
            self._watch(group)
        self._terminal.give(group)
        try:
            yield
        finally:
            self._terminal.take()

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Take the terminal back for a question while the program has it."""
        was_given = self._terminal.given
        self._terminal.take()
        try:
            yield
        finally:
            if was_given:
                self._terminal.give(self._group)

    def _watch(self, group: int) -> None:
        self.close()
        self._group = group
        try:
            self._sentinel = Sentinel(group, wake=WAKE)
        except DebuggerError:
            self._sentinel = None  # Ctrl-C still arrives as the program's own SIGINT.

    def close(self) -> None:
        """End the watch; the process is gone."""
        self._group = 0
        if self._sentinel is not None:
            self._sentinel.close()
            self._sentinel = None


class Interruptible:
    """Turn SIGINT and the sentinel's wake-up into ``interrupt(signo)`` while the program runs.

    ``again()`` takes one that follows another which has not stopped the program, and says so.
    A handler of SIGTERM or SIGHUP may raise, and an exception between a wait and the note of
    what was waited for would lose a stop for good. So while the program runs such a handler is
    put off: the program is stopped first.
    Does nothing outside of Python's main thread, where signal handlers cannot be set, nor (for
    SIGINT) when the host program has a handler of its own and ``own_sigint`` is false.

    It is a context manager by hand: entered at each stop of a script, it has to be cheap.
    """

    __slots__ = ("_again", "_interrupt", "_is_running", "_late", "_own_sigint", "_saved")

    def __init__(
        self,
        interrupt: Callable[[int], None],
        *,
        own_sigint: bool,
        is_running: Callable[[], bool],
        again: Callable[[], bool],
    ) -> None:
        self._interrupt = interrupt
        self._own_sigint = own_sigint
        self._is_running = is_running
        self._again = again
        self._saved: dict[int, Any] = {}
        self._late: list[tuple[int, FrameType | None]] = []

    def __enter__(self) -> None:
        # Straight from the interpreter: ``signal`` makes enums of what a stop in a script sets and
        # gets a dozen times.
        if get_native_id() != os.getpid():
            return
        saved = self._saved
        for ending in _ENDING:
            if callable(getsignal(ending)):
                saved[ending] = set_handler(ending, self._put_off)
        saved[_WAKE] = set_handler(_WAKE, self._handle)
        if self._own_sigint or getsignal(_SIGINT) is signal.default_int_handler:
            saved[_SIGINT] = set_handler(_SIGINT, self._handle)

    def __exit__(self, *_: object) -> None:
        for signo, old in self._saved.items():
            set_handler(signo, old if old is not None else signal.SIG_DFL)
        for signo, frame in self._late:
            self._saved[signo](signo, frame)

    def _handle(self, signo: int, frame: object) -> None:
        if not self._again():
            self._interrupt(signo)

    def _put_off(self, signo: int, frame: FrameType | None) -> None:
        if self._is_running() and not self._late:
            self._late.append((signo, frame))
            self._interrupt(signo)
        else:
            self._saved[signo](signo, frame)
