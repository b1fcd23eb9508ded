"""Leave a process behind that nobody waits for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["leave_behind"]

_HERE = os.path.join(os.path.dirname(__file__), "..", "..")
"""The folder that pydbg was loaded from."""


def leave_behind(arguments: Sequence[str]) -> bool:
    """Start ``python ARGUMENTS`` in a session of its own, without terminal, input and output.

    It is init's child from the beginning, so that there is nothing to wait for; False where
    it could not be started.

    >>> leave_behind(["-c", "pass"])
    True
    """
    try:
        pid = os.fork()
    except OSError:
        return False
    if not pid:
        try:
            os.setsid()
            if os.fork():
                os._exit(0)
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.closerange(3, 1 << 12)
            # In another folder it finds pydbg as this process does.
            environment = {**os.environ, "PYTHONPATH": os.path.abspath(_HERE)}
            os.chdir("/")
            os.execve(sys.executable, [sys.executable, *arguments], environment)
        finally:
            os._exit(1)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    except ChildProcessError:
        return True  # Whoever we are a guest of ignores SIGCHLD: its end is told to nobody.
