"""Signal handlers of the program: run whole within a step, and back at a breakpoint uncounted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.linux import procfs, ptrace
from pydbg.stepping import Plan, plan_of

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.events import Event
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

_SIGURG = 23
_SAVED_SP = 160
"""Where rt_sigreturn finds rsp from the stack pointer on (struct ucontext, psABI)."""


def has_handler(thread: Thread) -> bool:
    """Tell whether the program handles the signal that the thread is owed."""
    try:
        caught = int(procfs.status(thread.tid).get("SigCgt", "0"), 16)
    except DebuggerError:
        return False
    return bool(caught >> (thread.signal - 1) & 1)


def postpone(dbg: Debugger, thread: Thread) -> bool:
    """Put off the signal by which Go preempts a goroutine (preemptM in signal_unix.go).

    Its handler has the goroutine leave the thread, perhaps for another one: a step off a
    breakpoint, or of one instruction, comes first. Returns False for any other signal.
    """
    if thread.signal != _SIGURG or thread.told_signal or not dbg.steps.map.is_go(thread.pc):
        return False
    thread.signal, thread.owed = 0, _SIGURG
    return True


class PassHandler(Plan):
    """Let a signal handler run to its end before the plan below goes on."""

    name = "handler"

    def __init__(self, thread: Thread) -> None:
        super().__init__(thread)
        self._addr = thread.pc
        self._sp = thread.sp

    def begin(self) -> None:
        """Plant a site where the handler returns to."""
        self.add_site(self._addr)

    def reached(self, thread: Thread) -> Event | None:
        """Drop out of the way."""
        if thread is self.thread and thread.sp == self._sp:
            self.end()
            if self in thread.plans:
                thread.plans.remove(self)
        return None


class EnterHandler(Plan):
    """Step into a handler from a breakpoint, to know where it returns from.

    The thread then comes back to the breakpoint's address, and that hit was told already.
    """

    name = "handler"

    def __init__(self, thread: Thread, *, tell: bool) -> None:
        super().__init__(thread)
        self._place = thread.pc, thread.sp
        self._tell = tell

    def request(self) -> int:
        """Single-step: the kernel stops before the handler's first instruction."""
        return ptrace.SINGLESTEP

    def landed(self) -> None:
        """Leave the plan to the site behind the handler."""
        thread = self.thread
        thread.plans.remove(self)
        if (thread.pc, thread.sp) == self._place:
            thread.skip = self._place  # There is no handler after all.
            return
        try:
            HandlerReturn(thread, self._place)
        except DebuggerError:
            thread.skip = self._place

    def stepped(self) -> Event | None:
        """Tell the arrival if the user steps; the plan is off the stack by then."""
        below = plan_of(self.thread)
        if self._tell and below is not None:
            event: Event | None = below.stepped()
            return event
        return None


class HandlerReturn:
    """Watch the place that a handler returns to (``__restore_rt``).

    A handler may also jump away: then the breakpoint's next hit is one of its own, and nothing
    happens here.
    """

    internal = True

    def __init__(self, thread: Thread, place: tuple[int, int]) -> None:
        self._thread = thread
        self._place = place
        inferior = thread.inferior
        size = inferior.arch.pointer_size
        self._addr = int.from_bytes(inferior.read(thread.sp, size), "little")
        inferior.sites.add(self._addr, self)

    def hit(self, thread: Thread) -> Event | None:
        """Let the hit that comes next pass, if this is the handler's end."""
        if thread is not self._thread:
            return None
        inferior = thread.inferior
        if inferior.arch.pointer_size == 8:
            saved = inferior.read(thread.sp + _SAVED_SP, 16)
            sp, pc = (int.from_bytes(saved[at : at + 8], "little") for at in (0, 8))
            if (pc, sp) != self._place and not self._called_from_there(inferior, sp):
                return None
        inferior.sites.discard(self._addr, self)
        thread.skip = self._place
        return None

    def _called_from_there(self, inferior: Inferior, sp: int) -> bool:
        """Tell whether the handler has the thread call something from the breakpoint first.

        Go's does so to preempt a goroutine (runtime.sigctxt.pushCall): asyncPreempt returns to
        the breakpoint.
        """
        addr, before = self._place
        pushed = int.from_bytes(inferior.read_some(sp, 8), "little")
        return sp == before - 8 and pushed == addr
