"""New threads and processes, programs that replace themselves, and ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.events import (
    ChildCreated,
    Event,
    Execed,
    Exited,
    Killed,
    StepDone,
    ThreadCreated,
    ThreadExited,
)
from pydbg.rawstops import (
    EventStop,
    RawStop,
    SeccompStop,
    SignalStop,
    SyscallStop,
    ThreadExit,
    ThreadKilled,
)
from pydbg.stepping import STEPS
from pydbg.target.thread import si_code
from pydbg.target.waiting import EXIT_GROUP

if TYPE_CHECKING:
    from pydbg.control import RunControl
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

_SIGTRAP = 5


class Children:
    """Decide what becomes of new tasks, and follow processes through exec to their end."""

    def __init__(self, control: RunControl) -> None:
        self.control = control
        self.dbg = control.dbg
        self.tracer = control.tracer
        self._pending_fork: Callable[[], object] | None = None

    # --- forks and clones --------------------------------------------------------------------

    def new_task(self, thread: Thread, kind: str) -> Event | None:
        """Take in what a fork, vfork or clone made."""
        inferior, control = thread.inferior, self.control
        child, is_thread, shares = self.tracer.new_task(thread, kind)
        if is_thread:
            new = self.tracer.add_thread(inferior, child)
            self.dbg.notify(ThreadCreated(inferior.pid, child, new.number))
            caught = self.dbg.catches.event(thread, "clone", child)
            if caught is None and control.may_run(new):
                control.queue(control.resume(new))
            return caught
        caught = self.dbg.catches.event(thread, kind, child)
        if caught is None:
            self._follow(thread, kind, child, shares)
            return None
        # The child is dealt with when the user goes on: until then the mode can be changed.
        self._pending_fork = lambda: self._follow(thread, kind, child, shares)
        return caught

    def settle(self) -> None:
        """Deal with a child whose parent stopped at its fork: the parent goes on, or is left."""
        if self._pending_fork is not None:
            finish, self._pending_fork = self._pending_fork, None
            finish()

    def _follow(self, thread: Thread, kind: str, child: int, shares: bool) -> None:
        inferior, dbg = thread.inferior, self.dbg
        follow_child = dbg.settings["follow-fork-mode"] == "child"
        detach = bool(dbg.settings["detach-on-fork"])
        if not follow_child and detach:
            if inferior.filtered or self.dbg.catches.changing or shares:
                reason = "filter" if inferior.filtered or self.dbg.catches.changing else ""
                dbg.notify(ChildCreated(inferior.pid, thread.tid, child, kind, False, reason))
                self._keep_silently(thread, kind, child, shares)
            else:
                self.tracer.release_child(inferior, child)
                dbg.notify(ChildCreated(inferior.pid, thread.tid, child, kind))
            return
        number = dbg.next_inferior_number()
        new = self.tracer.add_child(inferior, child, number, shares=shares)
        self._borrow(thread, kind, new)
        if follow_child:
            dbg.follow(inferior, new, kind, detach=detach)
            self.control.queue(self.control.resume(new.leader))
        else:
            dbg.adopt(inferior, new)
            dbg.notify(ChildCreated(inferior.pid, thread.tid, child, kind, True))

    @staticmethod
    def _borrow(thread: Thread, kind: str, child: Inferior) -> None:
        """Note that the parent's thread waits, and cannot be stopped, until the child execs."""
        if kind == "vfork":
            thread.vforking = child
            child.vfork_parent = thread

    def _keep_silently(self, thread: Thread, kind: str, child: int, shares: bool) -> None:
        inferior = thread.inferior
        new = self.tracer.add_child(inferior, child, 0, shares=shares)
        new.silent = True
        new.release_at_exec = not inferior.filtered and not self.dbg.catches.changing
        new.modules, new.loader = inferior.modules, inferior.loader
        self._borrow(thread, kind, new)
        self.control.resume(new.leader)

    def _vfork_over(self, child: Inferior) -> None:
        """Note that a vfork child gave its parent's memory back."""
        thread, child.vfork_parent = child.vfork_parent, None
        if thread is None:
            return
        thread.vforking = None
        parent = thread.inferior
        if parent.release_after_vfork and not parent.dead:
            self.tracer.stop_all([parent])
            if not parent.dead:
                self.tracer.leave(parent)

    # --- processes that the user does not see ------------------------------------------------

    def asked(self, inferior: Inferior) -> bool:
        """Tell whether somebody wants to know what a process calls and no filter tells it."""
        return not inferior.silent or (self.dbg.catches.changing and not inferior.filtered)

    def silent(self, thread: Thread, stop: RawStop) -> None:
        """Keep a process going that the user does not see."""
        if isinstance(stop, SignalStop):
            self._silent_signal(thread, stop)
        elif isinstance(stop, SeccompStop | SyscallStop):
            self.dbg.catches.silently(thread)
        elif isinstance(stop, EventStop):
            if stop.event in ("fork", "vfork", "clone"):
                self._silent_task(thread, stop.event)
            elif stop.event == "exec":
                self._silent_exec(thread)

    @staticmethod
    def _silent_signal(thread: Thread, stop: SignalStop) -> None:
        if stop.signo != _SIGTRAP:
            thread.signal = stop.signo
            return
        adjust = thread.inferior.arch.breakpoint_adjust
        site = thread.inferior.sites.at(thread.pc - adjust)
        if thread.rewound is not None:
            thread.stop_pc, thread.rewound = thread.rewound, None
        elif site is not None and not thread.stepping:
            thread.pc = thread.stop_pc = site.addr
        elif thread.is_ghost_trap():
            thread.pc -= adjust
        elif not thread.stepping or si_code(thread) <= 0:
            thread.signal = stop.signo

    def _silent_exec(self, thread: Thread) -> None:
        inferior = thread.inferior
        try:
            self.tracer.after_exec(thread)
        finally:
            self._vfork_over(inferior)
        if inferior.release_at_exec:
            self.tracer.detach(inferior)

    def _silent_task(self, thread: Thread, kind: str) -> None:
        inferior = thread.inferior
        child, is_thread, shares = self.tracer.new_task(thread, kind)
        if is_thread:
            self.control.resume(self.tracer.add_thread(inferior, child))
        elif inferior.filtered or self.dbg.catches.changing or shares:
            self._keep_silently(thread, kind, child, shares)
        else:
            self.tracer.release_child(inferior, child)

    # --- exec and exit -----------------------------------------------------------------------

    def execed(self, thread: Thread) -> Event | None:
        """Follow a program into the one that replaces it."""
        inferior = thread.inferior
        plans = [plan for other in inferior.threads.values() for plan in other.plans]
        steps = [plan.name for plan in plans if plan.name in STEPS]
        for other in inferior.threads.values():
            self.control.drop_plans(other)
        self.tracer.after_exec(thread)
        self.dbg.calllog.execed(thread)
        self._vfork_over(inferior)
        self.dbg.notify(Execed(inferior.pid, thread.tid, inferior.path))
        self.dbg.program_replaced(inferior)
        self.control.choose_request(inferior)
        caught = self.dbg.catches.event(thread, "exec", inferior.path)
        if caught is None and steps:
            # The step ended with the program it was made in.
            return StepDone(inferior.pid, thread.tid, steps[0])
        return caught

    @staticmethod
    def is_last(thread: Thread) -> bool:
        """Tell whether the whole process ends with a thread that is about to exit."""
        inferior, arch = thread.inferior, thread.inferior.arch
        if inferior.exit_seen:
            return False
        nr = thread.registers.get(arch.syscall_number)
        alone = all(t.zombie for t in inferior.threads.values() if t is not thread)
        inferior.exit_seen = alone or nr == EXIT_GROUP[arch.syscall_abi]
        return inferior.exit_seen

    def ended(self, thread: Thread, stop: RawStop) -> Event | None:
        """Take note of the end of a thread, or with the last one of a process."""
        inferior = thread.inferior
        calls = bool(thread.calls)
        self.control.drop_plans(thread)
        self.dbg.calllog.ended(thread, stop)
        if thread.tid != inferior.pid:
            if not inferior.silent:
                self.dbg.notify(ThreadExited(inferior.pid, thread.tid, thread.number))
            # Its step is over; the others run on, as in gdb, unless they were held for it.
            held = calls or thread is self.control.holding
            if held and not inferior.dead and inferior.threads:
                return self.control.interrupted(thread)
            return None
        self._vfork_over(inferior)
        if inferior.silent:
            self.tracer.forget(inferior)
            return None
        return self.exited(inferior)

    def exited(self, inferior: Inferior) -> Event:
        """Tell the end of a process."""
        stop = inferior.lost
        self.tracer.forget(inferior)
        event: Event
        if isinstance(stop, ThreadKilled):
            event = Killed(inferior.pid, inferior.pid, stop.signo, stop.core, inferior.number)
        else:
            code = stop.code if isinstance(stop, ThreadExit) else 0
            event = Exited(inferior.pid, inferior.pid, code, inferior.number)
        self.dbg.gone(inferior, event)
        return event

    def departed(self) -> None:
        """Take note of threads that ended while everything was being stopped."""
        while self.tracer.departed:
            thread = self.tracer.departed.pop()
            inferior = thread.inferior
            self.control.drop_plans(thread)
            self.dbg.calllog.ended(thread, thread.stop)
            thread.vforking = None
            if thread.tid != inferior.pid:
                if not inferior.silent:
                    self.dbg.notify(ThreadExited(inferior.pid, thread.tid, thread.number))
                continue
            try:
                self._vfork_over(inferior)
            except DebuggerError:
                pass  # The parent is gone as well.
            if inferior.silent:
                self.tracer.forget(inferior)
