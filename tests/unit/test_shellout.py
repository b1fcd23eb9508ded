"""Programs that the user starts from the prompt."""

from __future__ import annotations

import subprocess
import sys

from tests.support.run import environment

_ALARMS = """
import os, signal
from pydbg.commands import shellout
from pydbg.linux import procfs

class TimeIsUp(BaseException):
    pass

def handler(signo, frame):
    raise TimeIsUp

signal.signal(signal.SIGALRM, handler)
for step in range(60):
    try:
        # It comes again, as the time limit does: Python drops what is raised in a callback.
        signal.setitimer(signal.ITIMER_REAL, 0.00005 * (step + 1), 0.5)
        shellout._finish(["/bin/sleep", "1000"], None, ours=False)
    except TimeIsUp:
        signal.setitimer(signal.ITIMER_REAL, 0)
    else:
        raise AssertionError("the program came to its end")
    assert procfs.children(os.getpid()) == []
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
print("done")
"""


def test_an_alarm_in_any_moment_leaves_no_program_behind() -> None:
    """The moment between the fork and its return is one of these.

    In a process of its own, as pydbg is: where there are more threads an alarm may come to
    another one, and does not interrupt a wait.
    """
    done = subprocess.run(
        [sys.executable, "-c", _ALARMS],
        env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("done\n", "")
