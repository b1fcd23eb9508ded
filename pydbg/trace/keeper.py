"""The tasks of a trace: how they begin and end, and every stop that is no system call.

Requests come from one OS thread; the process has no children but the traced ones.
"""

from __future__ import annotations

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, ThreadGone
from pydbg.linux import procfs, ptrace, wait
from pydbg.linux.memory import ProcessMemory
from pydbg.linux.spawn import LaunchSpec, spawn
from pydbg.rawstops import EventStop, GroupStop, SeccompStop, SignalStop, ThreadExit, ThreadKilled
from pydbg.trace.options import TraceOptions
from pydbg.trace.sink import Sink
from pydbg.trace.tasks import Task

if TYPE_CHECKING:
    from pydbg.trace.stacks import Stacks

__all__ = ["Keeper"]

_NEW_TASK = ("fork", "vfork", "clone")


class Keeper(ABC):
    """Keep the tasks, and tell a sink of their lives.

    What system calls are about is the business of :class:`~pydbg.trace.loop.TraceLoop`.
    """

    def __init__(self, options: TraceOptions, sink: Sink) -> None:
        self.options = options
        self.sink = sink
        self.follow = options.follow
        self.tasks: dict[int, Task] = {}
        self.visible = 0
        """How many tasks are shown (strace: nprocs)."""
        self.main = 0
        """The pid whose status is ours."""
        self.status: ThreadExit | ThreadKilled | None = None
        self.at_end: Callable[[], None] | None = None
        """Called when the program has ended and only processes that are not shown are left."""
        self.filter: bytes | None = None
        self.stacks: Stacks | None = None
        self._expected: set[int] = set()
        """New tasks that were told of, and whose first stop has not come."""
        self._resume = ptrace.SYSCALL
        """How a task that is in no call goes on."""
        self._ask: Callable[[int], tuple[int, ...]] = ptrace.syscall_info_source()

    @abstractmethod
    def enter(self, task: Task, words: tuple[int, ...]) -> None:
        """Note a call that a task is stopped at the entry of, and let it run."""

    @abstractmethod
    def cut_off(self, task: Task) -> None:
        """Tell of a call that never comes back."""

    # --- beginnings --------------------------------------------------------------------------

    def launch(self, spec: LaunchSpec) -> None:
        """Start a program; its execve is the first call that is shown."""
        self.filter = spec.filter
        if self.options.daemonize:
            self._launch_behind(spec)
            return
        options = self._ptrace_options() | ptrace.O_EXITKILL
        self._launched(spawn(spec, options, self._first_entry))

    def _launch_behind(self, spec: LaunchSpec) -> None:
        """Start a program in this process, and go on tracing it in another one."""
        from pydbg.linux.servant import behind

        how, options = self.options.daemonize, self._ptrace_options()
        pid, problem = behind(spec, how, options, self._first_entry)
        if problem is not None:
            raise problem
        self._launched(pid)

    def _launched(self, pid: int) -> None:
        self.main = pid
        task = self.tasks[pid]
        task.memory.reopen()
        if self.filter is not None:
            self._resume = ptrace.CONT
        ptrace.syscall(pid)

    def _first_entry(self, pid: int) -> None:
        if pid not in self.tasks:
            self._add(pid, pid)
        task = self.tasks[pid]
        try:
            self.enter(task, self._ask(pid))
        except DebuggerError:
            self.tasks.pop(pid)

    def attach(self, pid: int) -> int:
        """Take a process, or with ``follow`` all its threads; return how many tasks there are."""
        known = {pid}
        self._seize(pid, pid)
        while self.follow:
            new = [tid for tid in procfs.tasks(pid) if tid not in known]
            if not new:
                break
            for tid in new:
                known.add(tid)
                with suppress(ThreadGone):
                    self._seize(tid, pid)
        return len(known)

    def _seize(self, tid: int, pid: int) -> None:
        ptrace.seize(tid, self._ptrace_options())
        self._add(tid, pid)
        ptrace.interrupt(tid)

    def _ptrace_options(self) -> int:
        options = ptrace.O_TRACESYSGOOD | ptrace.O_TRACEEXEC | ptrace.O_TRACEEXIT
        if self.filter is not None:
            options |= ptrace.O_TRACESECCOMP
        if self.follow or self.filter is not None:
            options |= ptrace.O_TRACEFORK | ptrace.O_TRACEVFORK | ptrace.O_TRACECLONE
        return options

    def _add(self, tid: int, pid: int) -> Task:
        relative = next((task for task in self.tasks.values() if task.pid == pid), None)
        memory = relative.memory if relative is not None else ProcessMemory(pid)
        task = self.tasks[tid] = Task(tid, pid, memory, self.options.fds > 0)
        self.visible += 1
        return task

    # --- everything that is not a system call ------------------------------------------------

    def _other(self, tid: int, status: int, stime: float) -> None:
        task = self.tasks.get(tid)
        if task is None:
            self._stranger(tid, status)
            return
        stop = wait.decode(tid, status)
        try:
            if isinstance(stop, ThreadExit | ThreadKilled):
                self._gone(task, stop)
            elif isinstance(stop, SeccompStop) and task.silent:
                ptrace.cont(tid)
            elif isinstance(stop, SeccompStop):
                if not task.inside:
                    task.stime = stime
                    self.enter(task, self._ask(tid))
                else:
                    self._on(task, ptrace.SYSCALL)
            elif isinstance(stop, SignalStop):
                self._signal(task, stop.signo)
            elif isinstance(stop, GroupStop):
                if not task.silent:
                    self.sink.stopped(task, stop.signo)
                ptrace.listen(tid)
            elif isinstance(stop, EventStop):
                self._event(task, stop)
        except ThreadGone:
            return

    def _on(self, task: Task, request: int | None = None, signo: int = 0) -> None:
        """Resume a task: to its return if it is in a call, else to the next call."""
        if request is None:
            request = ptrace.SYSCALL if task.inside else self._resume
        if request == ptrace.CONT:
            ptrace.cont(task.tid, signo)
        else:
            ptrace.syscall(task.tid, signo)

    def _signal(self, task: Task, signo: int) -> None:
        shown = self.options.signals is None or signo in self.options.signals
        if shown and not task.silent:
            try:
                info = ptrace.getsiginfo(task.tid)
            except ThreadGone:
                raise
            except DebuggerError:
                info = b""
            self.sink.signalled(task, signo, info)
        self._on(task, None, signo)

    def _event(self, task: Task, stop: EventStop) -> None:
        if stop.event in _NEW_TASK:
            child = ptrace.geteventmsg(task.tid)
            if child not in self.tasks:
                self._expected.add(child)
        elif stop.event == "exit":
            if task.inside and not task.silent:
                self.cut_off(task)
            task.inside = False
        elif stop.event == "exec":
            self._exec(task, ptrace.geteventmsg(task.tid))
            return
        self._on(task)

    def _stranger(self, tid: int, status: int) -> None:
        """See to a stop of a task that is new, or of one that somebody else's exec ended."""
        if status & 0xFF != 0x7F:
            self._expected.discard(tid)
            return
        # Its maker's event may come later, or never if the maker was killed; it need not wait.
        try:
            pid = procfs.thread_group(tid)
            task = self._add(tid, pid)
        except DebuggerError:
            return
        self._expected.discard(tid)
        if not self.follow:
            task.silent = True
            self.visible -= 1
        else:
            self.sink.began(task)
        stop = wait.decode(tid, status)
        if isinstance(stop, EventStop) and stop.event == "stop":
            with suppress(ThreadGone):
                self._on(task)
        else:
            self._other(tid, status, 0.0)

    def _exec(self, task: Task, former: int) -> None:
        """See to a new program; ``former`` is the id of the thread that called execve."""
        task.memory.reopen()
        if self.stacks is not None:
            self.stacks.forget(task)
        caller = self.tasks.get(former)
        if former != task.tid and caller is not None:
            if task.inside:
                self.cut_off(task)
            self.sink.superseded(task, former)
            self.tasks.pop(former)
            self.visible -= 1
            caller.tid, caller.reader.tid = task.tid, task.tid
            caller.pid = task.pid
            self.tasks[task.tid] = caller
            task = caller
        for other in [t for t in self.tasks.values() if t.pid == task.pid and t is not task]:
            # Their ends were told; those that were not are told to nobody.
            self.tasks.pop(other.tid)
            self.visible -= 1
        if self.options.detach_on_exec and not (task.tid == self.main and task.previous is None):
            self.release(task)
            return
        self._on(task)

    def _gone(self, task: Task, stop: ThreadExit | ThreadKilled) -> None:
        if not task.silent:
            if task.inside:
                self.cut_off(task)
            self.sink.ended(task, stop)
            self.visible -= 1
        self.tasks.pop(task.tid)
        if task.tid == self.main:
            self.status = stop
            if not self.follow and self.at_end is not None:
                self.at_end()
        if not any(other.pid == task.pid for other in self.tasks.values()):
            task.memory.close()

    # --- endings -----------------------------------------------------------------------------

    def release(self, task: Task) -> None:
        """Let one stopped task go."""
        with suppress(DebuggerError):
            ptrace.detach(task.tid)
        self.tasks.pop(task.tid, None)
        self.visible -= 1
        self.sink.released(task)

    def release_all(self) -> None:
        """Let go of every task, stopped or running; no signal is lost."""
        for task in list(self.tasks.values()):
            signo = self._halt(task)
            if signo is None:
                self.tasks.pop(task.tid, None)
                continue
            with suppress(DebuggerError):
                ptrace.detach(task.tid, signo)
            self.tasks.pop(task.tid, None)
            if not task.silent:
                self.sink.released(task)

    def _halt(self, task: Task) -> int | None:
        """Stop a task; return the signal that it is to get, None if it has ended."""
        try:
            ptrace.getsigmask(task.tid)
        except DebuggerError:
            try:
                ptrace.interrupt(task.tid)
            except DebuggerError:
                return None
            while True:
                try:
                    found = wait.wait_tracee(task.tid)
                except ThreadGone:
                    return None
                if found is None:
                    continue
                stop = wait.decode(*found)
                if isinstance(stop, ThreadExit | ThreadKilled):
                    self._gone(task, stop)
                    return None
                return stop.signo if isinstance(stop, SignalStop) else 0
        return 0

    def forward(self, signo: int) -> None:
        """Send a signal to the program that was launched."""
        if self.main in self.tasks:
            with suppress(ProcessLookupError):
                os.kill(self.main, signal.SIGCONT)
                os.kill(self.main, signo)
