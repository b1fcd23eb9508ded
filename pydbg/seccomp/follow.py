"""A program and all that it starts, run at full speed but for the calls that a filter stops.

A loop of its own beside the debugger's: nothing is planted, no breakpoint stops, every process
counts the same, and stacks are looked at only when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, NoProcess, ThreadGone
from pydbg.events import Exited, Killed
from pydbg.linux import ptrace
from pydbg.rawstops import (
    EventStop,
    GroupStop,
    RawStop,
    SeccompStop,
    SignalStop,
    ThreadExit,
    ThreadKilled,
)

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.frames import Frame
    from pydbg.linux.ptrace import SyscallInfo
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

__all__ = ["Follower"]

OnCall = Callable[["Thread", "SyscallInfo"], None]


class Follower:
    """Follow the processes of a debugger, which are stopped, until the last has ended.

    ``on_call`` is asked at each call that a filter stops, ``on_signal`` at each signal,
    ``on_exit`` before a thread ends, with the status that it ends with.
    """

    def __init__(
        self,
        dbg: Debugger,
        on_call: OnCall,
        *,
        on_signal: Callable[[Thread, int], None] | None = None,
        on_exit: Callable[[Thread, int], None] | None = None,
    ) -> None:
        self._dbg = dbg
        self._tracer = dbg.tracer
        self._on_call = on_call
        self._on_signal = on_signal
        self._on_exit = on_exit
        self.first = dbg.live_inferior().pid
        self.end: Exited | Killed | None = None
        """How the program itself ended."""
        self.tasks = 1
        """How many processes there were."""

    def run(self) -> Exited | Killed:
        """Run to the end of the last process, and return that of the first."""
        for inferior in list(self._tracer.inferiors.values()):
            # The debugger's int3s: at which the dynamic loader is watched, and where a breakpoint
            # was; also in children that it kept unseen, which run already.
            inferior.sites.lift_all()
            inferior.sites.forget()
            for thread in list(inferior.threads.values()):
                stop, thread.pending = thread.pending, None
                if stop is not None:
                    self._handle(thread, stop)
                elif not thread.running:
                    self._resume(thread)
        while self._tracer.inferiors:
            try:
                thread, stop = self._tracer.wait()
            except NoProcess:
                break
            try:
                self._handle(thread, stop)
            except ThreadGone:
                thread.running = True  # Killed while it was stopped: its end is waited for.
        assert self.end is not None
        return self.end

    def _resume(self, thread: Thread) -> None:
        if not thread.gone and not thread.inferior.dead:
            self._tracer.resume(thread, ptrace.CONT)

    def _handle(self, thread: Thread, stop: RawStop) -> None:
        match stop:
            case ThreadExit() | ThreadKilled():
                self._ended(thread, stop)
                return
            case GroupStop():
                thread.running = True
                ptrace.listen(thread.tid)
                return
            case SignalStop(signo=signo):
                thread.signal = signo
                if self._on_signal is not None:
                    self._on_signal(thread, signo)
            case SeccompStop():
                info = ptrace.get_syscall_info(thread.tid)
                thread.syscall = info
                self._on_call(thread, info)
            case EventStop(event=event):
                self._event(thread, event)
        self._resume(thread)

    def _event(self, thread: Thread, event: str) -> None:
        if event in ("fork", "vfork", "clone"):
            parent = thread.inferior
            child, is_thread, shares = self._tracer.new_task(thread, event)
            if is_thread:
                self._resume(self._tracer.add_thread(parent, child))
            else:
                self.tasks += 1
                new = self._tracer.add_child(parent, child, self.tasks, shares=shares)
                self._resume(new.leader)
        elif event == "exec":
            self._tracer.after_exec(thread)
            thread.inferior.modules = None
        elif event == "exit" and self._on_exit is not None:
            self._on_exit(thread, ptrace.geteventmsg(thread.tid))

    def _ended(self, thread: Thread, stop: ThreadExit | ThreadKilled) -> None:
        inferior = thread.inferior
        if thread.tid != inferior.pid:
            return
        self._tracer.forget(inferior)
        if inferior.pid == self.first:
            pid = inferior.pid
            if isinstance(stop, ThreadKilled):
                self.end = Killed(pid, pid, stop.signo, stop.core)
            else:
                self.end = Exited(pid, pid, stop.code)
            self._dbg.inferior = self._dbg.thread = None

    def frames(self, thread: Thread, limit: int) -> list[Frame]:
        """Return the innermost frames of a stopped thread; what cannot be found out is left out."""
        inferior = thread.inferior
        try:
            self._load_modules(inferior)
            return list(self._dbg.frames_of(thread, limit))  # type: ignore[arg-type]
        except DebuggerError:
            return []

    def _load_modules(self, inferior: Inferior) -> None:
        owner = inferior.shares_memory_with or inferior
        loader = self._dbg.loader_of(owner, watch=False)
        try:
            loader.sync()
        except DebuggerError:
            pass  # The dynamic loader is at work: what is there already has names.
        inferior.modules = owner.modules
