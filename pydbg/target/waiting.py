"""Resuming threads, waiting for their stops, stopping all of them.

The kernel's words are noted on the threads here; what they mean is asked elsewhere.
"""

from __future__ import annotations

import contextlib
import signal
from _thread import _local
from collections.abc import Callable, Iterable

from pydbg.errors import DebuggerError, NoProcess, ThreadGone
from pydbg.linux import procfs, ptrace, wait
from pydbg.rawstops import EventStop, GroupStop, RawStop, SignalStop, ThreadExit, ThreadKilled
from pydbg.target.inferior import Inferior
from pydbg.target.thread import Thread

_SIGTRAP = 5
EXIT_GROUP = {"x86_64": 231, "i386": 252}
NO_SLOTS: list[None] = [None] * 4
"""The debug registers of a process that uses none."""

Service = Callable[[Thread, RawStop], None]


_HERE = _local()
"""What came for a task that the waiting tracer did not know, for each OS thread.

The kernel has one queue of stops for all tracers of an OS thread. The task is another one's, or
new: its creator's event was not seen yet.
"""


def _early_here() -> dict[int, int]:
    if not hasattr(_HERE, "early"):
        _HERE.early = {}
    early: dict[int, int] = _HERE.early
    return early


class Waiter:
    """Run the threads that it knows, and tell what they stop for."""

    def __init__(self) -> None:
        self.inferiors: dict[int, Inferior] = {}
        self.threads: dict[int, Thread] = {}
        self._early = _early_here()
        """Wait statuses of tasks that this tracer does not know (yet)."""
        self._turns = wait.Turns()
        self.service: Service | None = None
        """What keeps unseen processes going while the others are being stopped."""
        self.left: set[int] = set()
        """Children of this process that were let go for another one and are still to be reaped."""
        self.departed: list[Thread] = []
        """Threads that ended while everything was being stopped, for whoever keeps plans."""

    def resume(self, thread: Thread, request: int) -> None:
        """Resume a thread; one that was killed meanwhile counts as running until it is reaped."""
        thread.stop_pc = None
        if thread.inferior.debug_registers.slots != NO_SLOTS or thread.armed:
            try:
                thread.inferior.debug_registers.arm(thread)
            except ThreadGone:
                thread.running = True
                return
        try:
            if request == ptrace.SINGLESTEP:
                thread.watch_flags()
            else:
                thread.trap_leaks = False
            thread.resume(request)
        except ThreadGone:
            return

    def wait(self) -> tuple[Thread, RawStop]:
        """Wait for the next stop of any running thread."""
        for tid in self._early:
            if (known := self.threads.get(tid)) is not None:
                return known, self._note(known, self._early.pop(tid))
        while True:
            alone = next(iter(self.threads.values())) if len(self.threads) == 1 else None
            if alone is not None and alone.is_awaited:
                tid, status = self._wait_one(alone.tid)
            else:
                tid, status = self._turns.ask(self.threads) or self._wait_any()
            thread = self.threads.get(tid)
            if thread is None:
                self._early[tid] = status
                continue
            return thread, self._note(thread, status)

    def _wait_one(self, tid: int) -> tuple[int, int]:
        if tid in self._early:
            return tid, self._early.pop(tid)
        try:
            found = wait.wait_tracee(tid)
        except ThreadGone:
            # The task changed its id in an exec, or somebody else reaped it.
            return self._wait_any()
        assert found is not None
        return found

    def _wait_any(self) -> tuple[int, int]:
        while True:
            found = wait.wait_any({*self.threads, *self.left} if self.left else self.threads)
            if found is None:
                raise NoProcess
            if found[0] not in self.left:
                return found
            self.left.discard(found[0])

    def reap(self) -> None:
        """Take the exit statuses of processes that were left and have ended."""
        for pid in list(self.left):
            try:
                ended = wait.wait_tracee(pid, nohang=True) is not None
            except ThreadGone:
                ended = True
            if ended:
                self.left.discard(pid)

    def poll(self) -> tuple[Thread, RawStop] | None:
        """Return a stop that is due already, or None."""
        found = wait.wait_any(self.threads, nohang=True) if self.threads else None
        if found is None:
            return None
        thread = self.threads.get(found[0])
        if thread is None:
            self._early[found[0]] = found[1]
            return None
        return thread, self._note(thread, found[1])

    def _note(self, thread: Thread, status: int) -> RawStop:
        stop = thread.stopped(status)
        if (thread.pushes_flags or thread.trap_leaks) and isinstance(stop, SignalStop):
            with contextlib.suppress(DebuggerError):
                thread.clean_flags()
        if isinstance(stop, SignalStop):
            pass  # As most are.
        elif isinstance(stop, ThreadExit | ThreadKilled):
            self._gone(thread, stop)
        elif isinstance(stop, GroupStop):
            thread.interrupting, thread.group_stop = False, True
        elif isinstance(stop, EventStop) and stop.event == "exit":
            thread.group_stop = False  # SIGKILL ends that, too.
        elif isinstance(stop, EventStop) and stop.event == "stop":
            # Else the stop would name the stopping signal.
            thread.interrupting = thread.group_stop = False
            if thread.syscall is not None:
                with contextlib.suppress(ThreadGone):
                    thread.restarting = thread.in_restart()
        elif isinstance(stop, EventStop) and stop.event == "exec":
            thread.zombie = False  # Another thread took over the leader's id.
            return stop
        if not thread.gone and thread.inferior.sites.has_slots:
            try:
                self._leave_slot(thread)
            except ThreadGone:
                pass
        return stop

    def _gone(self, thread: Thread, stop: RawStop) -> None:
        inferior = thread.inferior
        thread.gone = True
        thread.running = False
        self.threads.pop(thread.tid, None)
        inferior.threads.pop(thread.tid, None)
        if thread.tid == inferior.pid:
            inferior.lost = stop
            for other in list(inferior.threads.values()):
                self.threads.pop(other.tid, None)
            inferior.dead = True

    def _leave_slot(self, thread: Thread) -> None:
        """Tell a stop inside a slot at the address that the program would be at."""
        for _ in range(8):
            sites, pc = thread.inferior.sites, thread.pc
            inside, addr = sites.place_of(pc)
            if not inside:
                return
            if addr is not None:
                thread.pc = addr
                if sites.is_start(addr, pc):
                    thread.stop_pc = addr  # The hit was told already.
                return
            stop = thread.stop
            thread.flush()
            ptrace.step(thread.tid)
            found = wait.wait_tracee(thread.tid)
            if found is not None:
                thread.stopped(found[1])
                thread.stop = stop

    def step_alone(self, thread: Thread) -> tuple[Thread, RawStop]:
        """Single-step one thread while every other one is held; return what came of it.

        The thread that comes back is another one after an exec, which gives it the id of the
        group's leader.
        """
        self.resume(thread, ptrace.SINGLESTEP)
        tid, status = self._wait_one(thread.tid)
        owner = self.threads.get(tid, thread)
        return owner, self._note(owner, status)

    # --- stopping ---------------------------------------------------------------------------

    def interrupt(self, thread: Thread) -> None:
        """Ask a running thread to stop; the stop is waited for elsewhere."""
        thread.interrupting = True
        with contextlib.suppress(ThreadGone):  # Its exit is waited for elsewhere, too.
            ptrace.interrupt(thread.tid)

    def stop_by_signal(self, thread: Thread) -> None:
        """Ask a running thread to stop, from any OS thread: by a SIGSTOP that is dropped later."""
        with contextlib.suppress(DebuggerError):
            ptrace.tgkill(thread.inferior.pid, thread.tid, signal.SIGSTOP)

    def stop_all(self, inferiors: Iterable[Inferior] | None = None, *, all_of: bool = True) -> None:
        """Stop every running thread; what else they stop for is kept as pending.

        A thread that waits for its vfork child cannot be stopped. It cannot run either: with
        ``all_of`` false it is left alone, else it is waited for while the child goes on.
        """
        chosen = list(self.inferiors.values() if inferiors is None else inferiors)
        for inferior in chosen:
            for thread in inferior.threads.values():
                if thread.running and not thread.zombie:
                    self.interrupt(thread)
        for inferior in chosen:
            while not inferior.dead:
                living = [t for t in inferior.threads.values() if not t.zombie]
                running = [t for t in living if t.running and (all_of or t.vforking is None)]
                if not living:
                    running = [t for t in inferior.threads.values() if t.running]
                if not running:
                    break
                for thread in running:
                    self._collect(thread, chosen)
                    if all_of:
                        self._fetch_trap(thread, chosen)

    def _collect(self, thread: Thread, chosen: list[Inferior]) -> None:
        """Wait until a thread has stopped or is gone; others may have to get on for that.

        A vfork child, and the threads that an exec waits for. A leader that exits while it is
        waited for says no more before the last of the others has exited, too.
        """
        exited = thread.zombie
        while thread.running and not thread.gone and thread.zombie == exited:
            try:
                early = self._early.pop(thread.tid, None)
                found = (thread.tid, early) if early is not None else None
                found = found or wait.wait_tracee(thread.tid, nohang=True) or self._wait_any()
            except ThreadGone:
                # Gone without a status for us: an exec in another thread took its id.
                self._gone(thread, ThreadExit(thread.tid, 0))
                self.departed.append(thread)
                return
            tid, status = found
            owner = self.threads.get(tid)
            if owner is None:
                self._early[tid] = status
            elif owner.inferior.silent and owner.inferior not in chosen and self.service:
                self.service(owner, self._note(owner, status))
            else:
                self._keep(owner, status)

    def _fetch_trap(self, thread: Thread, chosen: list[Inferior]) -> None:
        """Fetch the SIGTRAP that a thread had coming when it was stopped.

        An int3 that it ran into, or a finished step: the program must never see that signal.
        """
        if thread.gone or thread.running or thread.pending is not None or thread.signal:
            return
        try:
            if not int(procfs.status(thread.tid).get("SigPnd", "0"), 16) >> (_SIGTRAP - 1) & 1:
                return
            stepping = thread.stepping
            thread.resume(ptrace.CONT)  # It stops again before it runs.
        except DebuggerError:
            return
        thread.stepping = stepping
        self._collect(thread, chosen)

    def _keep(self, thread: Thread, status: int) -> None:
        """Note a stop that is dealt with later."""
        was_stopped = thread.group_stop
        stop = self._note(thread, status)
        if thread.gone:
            self.departed.append(thread)
        elif isinstance(stop, EventStop) and stop.event == "exit" and self._just_ends(thread):
            with contextlib.suppress(ThreadGone):
                thread.resume(ptrace.CONT)
        elif isinstance(stop, GroupStop):
            thread.pending = None if was_stopped else stop
        elif not (isinstance(stop, EventStop) and stop.event == "stop"):
            thread.pending = stop
            if isinstance(stop, SignalStop) and stop.signo == _SIGTRAP:
                with contextlib.suppress(ThreadGone):
                    thread.rewind()

    @staticmethod
    def _just_ends(thread: Thread) -> bool:
        """Tell whether a thread's exit tells nothing about the process.

        An exec in another thread, which cannot be stopped, may be waiting for it.
        """
        arch = thread.inferior.arch
        try:
            nr = thread.registers.get(arch.syscall_number)
        except ThreadGone:
            return True
        alone = all(t.zombie for t in thread.inferior.threads.values() if t is not thread)
        return not alone and nr != EXIT_GROUP[arch.syscall_abi]
