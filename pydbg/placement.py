"""Keep the waiting debugger on the program's CPU while stops come thick and fast.

A stop costs two context switches, and on an idle machine most of the time goes into waking the
other CPU. A process under SCHED_IDLE (sched(7)) that waits on the program's CPU makes the
scheduler wake the program beside it. The program's own affinity is never touched. It is done
only where the policy can be left again (CAP_SYS_NICE), only for one running thread, and given
up when it does not pay.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Protocol

from pydbg.errors import DebuggerError
from pydbg.linux import procfs


class Placed(Protocol):
    """Be a thread that stops."""

    tid: int


_HOT = 64
"""Stops in a row after which placement is tried, and then looked at for the first time."""
_REFRESH = 16
_CHECK = 256
_PAUSE = 0.01
"""Seconds between two stops from which on they are no longer thick and fast."""
_CAP_SYS_NICE = 1 << 23


class Placement:
    """Move the debugger beside the program, and back.

    With ``for_good`` it need not be able to come back: its life is this loop.
    """

    def __init__(self, for_good: bool = False) -> None:
        self._stops = 0
        self._affinity: set[int] | None = None
        self._policy: tuple[int, int] | None = None
        self._allowed: bool | None = True if for_good else None
        self._for_good = for_good
        self._given_up = False
        self._mark = 0.0
        self._before = 0.0
        """Seconds that ``_HOT`` stops took before the move."""
        self._cpu = 0
        self._unseen = 0
        """Stops since one was told."""
        self._resting = False
        self._rested = 0.0
        """When a stop was told; 0 while the program runs."""
        self._entered = self._last_check = 0
        """At which stop the move was made, and last looked at."""

    def follow(self, thread: Placed, threads: Mapping[int, object], more: int = 1) -> None:
        """Note stops that the user does not see, and move if such stops are frequent.

        ``more`` is how many there were since the last call: 1 or _REFRESH.
        """
        if self._rested:
            self._go_on()
        first = not self._stops
        self._stops += more
        self._unseen += more
        stops = self._stops
        if self._given_up or (stops % _REFRESH and not first):
            return
        if first:
            self._mark = time.monotonic()
            return
        if len(threads) != 1:
            self.leave()
            return
        if self._affinity is None:
            if stops % _HOT == 0:
                now = time.monotonic()
                self._before, self._mark = (now - self._mark) / _HOT, now
                if self._before < 0.001:
                    self._enter(thread)
            return
        self._place(thread)
        if stops - self._last_check >= (_CHECK if self._last_check else _HOT):
            now = time.monotonic()
            each = (now - self._mark) / (stops - (self._last_check or self._entered))
            self._mark, self._last_check = now, stops
            if each > self._before * 1.2:
                self.leave()
                self._given_up = True

    def _enter(self, thread: Placed) -> None:
        if self._allowed is None:
            self._allowed = _may_leave_again()
        if not self._allowed:
            self._given_up = True
            return
        if self._is_busy():
            return
        try:
            self._affinity = os.sched_getaffinity(0)
            self._policy = (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        except OSError:
            self._affinity = None
            self._given_up = True
            return
        self._entered, self._last_check = self._stops, 0
        self._place(thread)
        self._mark = time.monotonic()

    def _place(self, thread: Placed) -> None:
        try:
            if self._is_busy():
                self.leave()
                return
            self._cpu = procfs.processor(thread.tid)
            os.sched_setaffinity(0, {self._cpu})
        except (OSError, DebuggerError):
            self.leave()

    def _is_busy(self) -> bool:
        """Tell whether others run while stops are told: no CPU is idle, and idle priority waits.

        Where stops are unseen, what they cost is looked at instead.
        """
        return self._unseen < _HOT and not self._for_good and procfs.runnable() > 1

    def rest(self) -> None:
        """Be as the debugger came while it tells a stop; the next `follow` goes on from there.

        A script's stops are told as thick and fast as others are passed. What is done in between
        may take long, or start programs, which would inherit the policy.
        """
        self._unseen = 0
        if not self._stops or self._given_up:
            return
        self._rested = time.monotonic()
        if self._affinity is not None:
            self._resting = True
            self._restore(self._affinity)

    def _go_on(self) -> None:
        rested, self._rested = self._rested, 0.0
        if time.monotonic() - rested > _PAUSE:
            self.leave()
        elif self._resting:
            self._resting = False
            try:
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
                os.sched_setaffinity(0, {self._cpu})
            except OSError:
                self.leave()

    def leave(self) -> None:
        """Go back to the policy and the CPUs that the debugger came with."""
        self._stops = 0
        affinity, self._affinity = self._affinity, None
        resting, self._resting, self._rested = self._resting, False, 0.0
        if affinity is not None and not resting:
            self._restore(affinity)

    def _restore(self, affinity: set[int]) -> None:
        try:
            if self._policy is not None:
                policy, priority = self._policy
                os.sched_setscheduler(0, policy, os.sched_param(priority))
            os.sched_setaffinity(0, affinity)
        except OSError:
            self._given_up = True


def _may_leave_again() -> bool:
    """Tell whether this process may go from SCHED_IDLE back to SCHED_OTHER."""
    try:
        return bool(procfs.effective_capabilities(os.getpid()) & _CAP_SYS_NICE)
    except DebuggerError:
        return False
