"""The terminal, handed to the program while it runs and taken back at each stop.

The program has its own process group. While it runs that group is the terminal's foreground
group, so that it can read, and so that Ctrl-C, Ctrl-Z and Ctrl-\\ reach it and not the
debugger. Each side keeps its own terminal modes (an editor that was stopped in raw mode finds
raw mode again).

A program that blocks SIGINT, or takes it by sigwait(3), never stops with it: ptrace reports a
signal only when it is delivered. The sentinel closes that gap. It is a tiny process in the
program's group, so the terminal sends it the same SIGINT, and it says so.
"""

from __future__ import annotations

import os
import select
import signal
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from pydbg.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Terminal:
    """Hand the terminal open on ``fd`` to a process group and take it back.

    A terminal that has gone (hang-up) makes both a no-op: at that point the session has other
    worries. ``fd`` stays the caller's.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._mine = self._modes()
        self._theirs: list[Any] | None = None
        self._given: int | None = None

    @property
    def given(self) -> bool:
        """Say whether the program has the terminal now."""
        return self._given is not None

    def give(self, pgid: int) -> bool:
        """Make ``pgid`` the foreground group, with the modes it left behind at its last stop.

        Returns False if that is not possible: the group is in another session, or has ended.
        """
        if self._given is None:
            self._mine = self._modes()
        if not self._set_group(pgid):
            return False
        self._given = pgid
        self._set_modes(self._theirs)
        return True

    def take(self) -> None:
        """Make the debugger's group the foreground group, with the debugger's own modes."""
        if self._given is None:
            return
        self._theirs = self._modes()
        self._given = None
        self._set_group(os.getpgrp())
        self._set_modes(self._mine)

    def forget(self) -> None:
        """Forget the program's modes: a new program starts with the debugger's."""
        self._theirs = None

    def _set_group(self, pgid: int) -> bool:
        with _sigttou_blocked():
            try:
                os.tcsetpgrp(self.fd, pgid)
            except OSError:
                return False
        return True

    def _modes(self) -> list[Any] | None:
        try:
            return termios.tcgetattr(self.fd)
        except (termios.error, OSError):
            return None

    def _set_modes(self, modes: list[Any] | None) -> None:
        if modes is None:
            return
        with _sigttou_blocked():
            try:
                # Not TCSAFLUSH: what the user has typed ahead must not be lost.
                termios.tcsetattr(self.fd, termios.TCSADRAIN, modes)
            except (termios.error, OSError):
                return


@contextmanager
def _sigttou_blocked() -> Iterator[None]:
    """Change the terminal from a background group without being stopped for it.

    Blocking, unlike ignoring, is this thread's own and is not inherited by the next program.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # In here: the handler of a signal that was due raises when the block is in force.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTTOU,))
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Sentinel:
    """Watch a process group's SIGINT from inside the group.

    ``fileno()`` becomes readable at each SIGINT; ``interrupts()`` counts and clears them. With
    ``wake`` the sentinel also sends that signal to this process, which ends a blocking wait.
    It is nobody's child (forked twice), so it is never in the way of a wait for children, and
    it ends by itself when this process does: it reads from a pipe that only we hold open.
    """

    def __init__(self, pgid: int, *, wake: int | None = None) -> None:
        lifeline_end, self._lifeline = os.pipe2(os.O_CLOEXEC)
        self._reports, report_end = os.pipe2(os.O_CLOEXEC)
        host = os.getpid()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        try:
            # In here: the handler of a signal that was due raises when the block is in force.
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            child = _fork()
            if child == 0:
                try:
                    if _fork() == 0:
                        _watch(pgid, lifeline_end, report_end, host, wake)
                finally:
                    os._exit(0)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(lifeline_end)
            os.close(report_end)
        os.waitpid(child, 0)
        self._pid = int.from_bytes(os.read(self._reports, 4), "little")
        self._process = -1
        try:
            # pid 0 (nothing was reported) is an error here.
            self._process = os.pidfd_open(self._pid)
        except OSError:
            self.close()
            raise CommandError(f"Cannot watch process group {pgid} for Ctrl-C.") from None
        os.set_blocking(self._reports, False)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable at a SIGINT."""
        return self._reports

    def interrupts(self) -> int:
        """Return how often SIGINT came since the last call."""
        count = 0
        try:
            while data := os.read(self._reports, 4096):
                count += len(data)
        except BlockingIOError:
            pass
        return count

    def close(self) -> None:
        """End the sentinel; it has exited when this returns."""
        if self._lifeline < 0:
            return
        os.close(self._lifeline)
        os.close(self._reports)
        self._lifeline = self._reports = -1
        if self._process < 0:
            return
        poll = select.poll()
        poll.register(self._process, select.POLLIN)
        poll.poll()
        os.close(self._process)
        try:
            # Orphans are ours only where this process is the init of a container, or asked for
            # them by PR_SET_CHILD_SUBREAPER.
            os.waitpid(self._pid, os.WNOHANG)
        except ChildProcessError:
            pass

    def __enter__(self) -> Sentinel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _fork() -> int:
    import warnings

    with warnings.catch_warnings():
        # Python 3.12 warns of forks in a process with threads; this child takes no lock.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _watch(pgid: int, lifeline: int, report: int, host: int, wake: int | None) -> NoReturn:
    """Be the sentinel."""
    try:
        os.dup2(lifeline, 0)
        os.dup2(report, 1)
        os.closerange(2, 1 << 20)

        def tell(*_: object) -> None:
            os.write(1, b"i")
            if wake is not None:
                os.kill(host, wake)

        for signo in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            # Ctrl-Z and Ctrl-\ are the program's; this process has no terminal business.
            signal.signal(signo, signal.SIG_IGN)
        signal.signal(signal.SIGINT, tell)
        with open("/proc/self/comm", "w") as comm:
            comm.write("pydbg-sentinel")
        os.setpgid(0, pgid)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.write(1, os.getpid().to_bytes(4, "little"))
        while os.read(0, 1):
            pass
    finally:
        os._exit(0)
