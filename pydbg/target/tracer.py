"""The tracer: starts, seizes, takes in, lets go and kills processes; `waiting` runs them.

It knows processes and threads, not breakpoints of a user nor what a stop means to one. Every
request comes from one OS thread, as ptrace(2) demands.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

from pydbg.arch.model import Arch
from pydbg.errors import DebuggerError, ThreadGone
from pydbg.linux import procfs, ptrace, wait
from pydbg.linux.memory import ProcessMemory
from pydbg.linux.spawn import LaunchSpec, spawn
from pydbg.rawstops import EventStop, SignalStop, ThreadExit, ThreadKilled
from pydbg.target.inferior import Inferior, MakeThread
from pydbg.target.seize import seize_first, seize_rest
from pydbg.target.thread import Thread
from pydbg.target.waiting import NO_SLOTS, Waiter

_SIGTRAP = 5
_CLONE_VM = 0x100
_CLONE = {"x86_64": 56, "i386": 120}
_CLONE3 = 435

OPTIONS = (
    ptrace.O_TRACESYSGOOD
    | ptrace.O_TRACEFORK
    | ptrace.O_TRACEVFORK
    | ptrace.O_TRACECLONE
    | ptrace.O_TRACEEXEC
    | ptrace.O_TRACEEXIT
    | ptrace.O_TRACESECCOMP
)

ArchOf = Callable[[str], Arch]


class Tracer(Waiter):
    """Trace any number of processes from one OS thread."""

    def __init__(self, arch_of: ArchOf, make_thread: MakeThread = Thread) -> None:
        super().__init__()
        self._arch_of = arch_of
        self._make_thread = make_thread
        self.pid = os.getpid()

    # --- beginning and end -------------------------------------------------------------------

    def _options(self, launched: bool) -> int:
        options = OPTIONS
        if launched:
            options |= ptrace.O_EXITKILL
        return options

    def launch(self, spec: LaunchSpec, number: int) -> Inferior:
        """Start a program; it is stopped before its first instruction. Raises LaunchError."""
        pid = spawn(spec, self._options(True))
        # To where execve returns: rax is 0 there, and the first step is an instruction.
        ptrace.syscall(pid)
        wait.wait_tracee(pid)
        inferior = self._adopt_process(pid, number, launched=True)
        inferior.threads[pid].stop = EventStop(pid, "exec")
        return inferior

    def _adopt_process(self, pid: int, number: int, *, launched: bool) -> Inferior:
        try:
            arch = self._arch_of(procfs.exe_file(pid))
            make = self._make_thread
            inferior = Inferior(pid, number, arch, launched=launched, make_thread=make)
            inferior.refresh()
        except BaseException:  # A stopped process that nobody knows of would stay for ever.
            if launched:
                os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(DebuggerError):
                    wait.wait_tracee(pid)
            else:
                with contextlib.suppress(DebuggerError):
                    ptrace.detach(pid)
            raise
        inferior.early = self._early
        self.inferiors[pid] = inferior
        self.threads[pid] = inferior.add_thread(pid)
        return inferior

    def attach(self, pid: int, number: int) -> Inferior:
        """Seize every thread of a process and stop it.

        Raises PtraceError (as the kernel refused) or NoProcess; a process that could not be
        seized whole is let go again.
        """
        options = self._options(False)
        seize_first(pid, options)
        inferior = self._adopt_process(pid, number, launched=False)
        inferior.threads[pid].stop = EventStop(pid, "stop")
        try:
            seize_rest(self, inferior, options)
        except BaseException:  # Ctrl-C too: all of it is taken, or none.
            self.detach(inferior)
            raise
        return inferior

    def detach(self, inferior: Inferior) -> None:
        """Let a stopped process go whole.

        No int3 stays, no debug register, no function that it did not call itself; every signal
        is delivered.
        """
        for thread in list(inferior.threads.values()):
            self._take_in_new(thread)
        for thread in inferior.threads.values():
            if thread.calls and not thread.zombie:
                thread.calls[0].restore()
        inferior.sites.lift_all()
        for thread in list(inferior.threads.values()):
            if thread.zombie:
                self._reap_zombie(thread)
            if thread.zombie or thread.gone:
                continue
            signo = thread.signal
            pending = thread.pending
            if isinstance(pending, SignalStop) and pending.signo != _SIGTRAP:
                signo = pending.signo
            try:
                inferior.debug_registers.disarm(thread)
                thread.flush()
                ptrace.detach(thread.tid, signo)
            except ThreadGone:
                continue
        self.forget(inferior)

    def _reap_zombie(self, thread: Thread) -> None:
        """See a thread off that is on its way out: it cannot be let go any more.

        A leader that ended before its threads is reaped when the last of them has ended.
        """
        if thread.tid == thread.inferior.pid:
            self.left.add(thread.tid)
        else:
            self._await_death(thread.tid)

    def _take_in_new(self, thread: Thread) -> None:
        """Do not forget the task that a thread has just made, if nobody has heard of it yet."""
        stop = thread.pending
        if not isinstance(stop, EventStop) or stop.event not in ("fork", "vfork", "clone"):
            return
        thread.pending = None
        try:
            child, is_thread, _ = self.new_task(thread, stop.event)
        except ThreadGone:
            return
        if is_thread:
            self.add_thread(thread.inferior, child)
        else:
            self.release_child(thread.inferior, child)

    def kill(self, inferior: Inferior) -> None:
        """Kill a process and wait until all of it is gone."""
        try:
            os.kill(inferior.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        for thread in inferior.threads.values():
            if not thread.running:
                # One that is stopped at its exit (catch exit) does not wake from SIGKILL.
                with contextlib.suppress(DebuggerError):
                    ptrace.cont(thread.tid)
        # The leader is last: it is not reported before all others have been waited for, those
        # included that nobody has heard of yet, because their creator's event is still to come.
        # After SIGKILL no more are made.
        tids = set(inferior.threads)
        with contextlib.suppress(DebuggerError):
            tids.update(procfs.tasks(inferior.pid))
        for tid in sorted(tids, key=lambda tid: tid == inferior.pid):
            self._await_death(tid)
            self._early.pop(tid, None)
        self.forget(inferior)

    def _await_death(self, tid: int) -> None:
        while True:
            try:
                found = wait.wait_tracee(tid)
            except DebuggerError:
                return
            if found is None:
                return
            stop = wait.decode(*found)
            if isinstance(stop, ThreadExit | ThreadKilled):
                return
            try:
                ptrace.cont(tid)
            except DebuggerError:
                continue

    def leave(self, inferior: Inferior) -> None:
        """Let a process go that the debugger does not follow any more; it is reaped later."""
        if inferior.launched:
            self.left.add(inferior.pid)
        self.detach(inferior)

    def forget(self, inferior: Inferior) -> None:
        """Drop a process that is gone or let go."""
        for tid in inferior.threads:
            self.threads.pop(tid, None)
            self._early.pop(tid, None)
        self.inferiors.pop(inferior.pid, None)
        inferior.close()

    # --- new tasks ---------------------------------------------------------------------------

    def new_task(self, thread: Thread, event: str) -> tuple[int, bool, bool]:
        """Read a fork, vfork or clone event: (child's tid, is a thread, shares memory).

        The child was seized by the kernel; it is stopped when this returns.
        """
        child = ptrace.geteventmsg(thread.tid)
        if self._early.pop(child, None) is None:
            with contextlib.suppress(ThreadGone):
                wait.wait_tracee(child)
        if event == "clone":
            try:
                if procfs.thread_group(child) == thread.inferior.pid:
                    return child, True, True
            except DebuggerError:
                return child, True, True
        return child, False, event == "vfork" or self._shares_memory(thread)

    @staticmethod
    def _shares_memory(thread: Thread) -> bool:
        """Tell whether the call that made a process gave it the same memory (CLONE_VM).

        A clone that signals its end by SIGCHLD is reported as a fork (ptrace(2)).
        """
        arch, block = thread.inferior.arch, thread.registers
        nr = block.get(arch.syscall_number)
        first = block.get(arch.syscall_args[0])
        if nr == _CLONE[arch.syscall_abi]:
            return bool(first & _CLONE_VM)
        if nr != _CLONE3:
            return False
        try:
            return bool(thread.inferior.memory.read(first, 8)[1] & _CLONE_VM >> 8)
        except DebuggerError:
            return False

    def add_thread(self, inferior: Inferior, tid: int) -> Thread:
        """Take in a new, stopped thread."""
        thread = inferior.add_thread(tid)
        self.threads[tid] = thread
        thread.stop = EventStop(tid, "stop")
        return thread

    def add_child(self, parent: Inferior, pid: int, number: int, *, shares: bool) -> Inferior:
        """Take in a new, stopped process with the parent's int3s in its memory."""
        make, launched = self._make_thread, parent.launched
        child = Inferior(pid, number, parent.arch, launched=launched, make_thread=make)
        child.path, child.early = parent.path, self._early
        child.auxv = dict(parent.auxv)
        child.filtered = dict(parent.filtered)
        if shares:
            child.shares_memory_with = parent
            child.sites = parent.sites
            child.sites.shared = True
        else:
            parent.sites.copy_to(child.sites)
        self.inferiors[pid] = child
        self.threads[pid] = child.add_thread(pid)
        child.threads[pid].stop = EventStop(pid, "stop")
        return child

    def release_child(self, parent: Inferior, pid: int) -> None:
        """Let a new process go that was never taken in; its memory is a copy of the parent's."""
        try:
            with ProcessMemory(pid) as memory:
                parent.sites.clean(memory)
            ptrace.detach(pid)
        except DebuggerError:
            return  # Killed meanwhile: nothing to release.

    def after_exec(self, thread: Thread) -> None:
        """Bring an inferior up to date at its exec: one thread is left, all memory is new."""
        inferior = thread.inferior
        for other in list(inferior.threads.values()):
            if other is not thread:
                self.threads.pop(other.tid, None)
                del inferior.threads[other.tid]
        if inferior.shares_memory_with is not None:
            from pydbg.target.sites import SiteTable

            inferior.shares_memory_with = None
            inferior.sites = SiteTable(inferior)
        inferior.sites.forget()
        inferior.memory.reopen()
        inferior.arch = self._arch_of(procfs.exe_file(inferior.pid))
        inferior.debug_registers.slots = list(NO_SLOTS)
        thread.zombie = thread.gone = thread.group_stop = False
        thread.pending = thread.rewound = None
        thread.calls.clear()
        thread.set_arch()
        thread.armed = None
        thread.syscall = None
        thread.skip = None
        thread.stop_pc = None
        inferior.refresh()
