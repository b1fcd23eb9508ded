"""Programs that the user starts from the prompt."""

from __future__ import annotations

import os
import signal
from types import FrameType

import pytest

from pydbg.commands import shellout
from pydbg.linux import procfs


class _TimeIsUp(BaseException):
    pass


def test_an_alarm_in_any_moment_leaves_no_program_behind() -> None:
    """The moment between the fork and its return is one of these."""

    def handler(signo: int, frame: FrameType | None) -> None:
        raise _TimeIsUp

    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    limit = signal.getitimer(signal.ITIMER_REAL)  # The test runner's own.
    before = signal.signal(signal.SIGALRM, handler)
    try:
        for step in range(60):
            with pytest.raises(_TimeIsUp):
                signal.setitimer(signal.ITIMER_REAL, 0.00005 * (step + 1))
                shellout._finish(["/bin/sleep", "1000"], None, ours=False)
            assert procfs.children(os.getpid()) == []
            assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *limit)
