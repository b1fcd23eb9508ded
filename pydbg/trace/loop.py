"""The loop of ``pydbg trace``: one wait, two stops a call, nothing else on the way.

It knows nothing of text: a sink is told of entries, returns, signals and ends. Requests come
from one OS thread; the process has no children but the traced ones.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic_ns, time_ns

from pydbg.errors import DebuggerError, NoProcess, ThreadGone
from pydbg.events import EventStop, GroupStop, SeccompStop, SignalStop, ThreadExit, ThreadKilled
from pydbg.linux import procfs, ptrace, wait
from pydbg.linux.memory import ProcessMemory
from pydbg.linux.spawn import LaunchSpec, spawn
from pydbg.placement import Placement
from pydbg.syscalls.decode import Decoded, DecodedArg, Options, decode, error_result
from pydbg.syscalls.table import Syscall, table_for
from pydbg.trace.options import TraceOptions
from pydbg.trace.tasks import Row, Task

__all__ = ["Sink", "TraceLoop", "result_class"]

_SYSCALL_STOP = signal.SIGTRAP << 8 | 0x80 << 8 | 0x7F
_X32 = 0x40000000
_SIGN = 1 << 63
_NEW_TASK = ("fork", "vfork", "clone")
_RESTART_SYSCALL = "restart_syscall"


class Sink:
    """Be told what happens, in the order in which it does; this one listens to nothing."""

    decodes = False
    """Whether it wants calls decoded."""

    def entered(self, task: Task) -> None:
        """Take note of a call that begins."""

    def returned(self, task: Task) -> None:
        """Take note of a call that has come back: ``task.ret``, ``task.ended``."""

    def unfinished(self, task: Task) -> None:
        """Take note of a task's end, or its being let go, within a call."""

    def signalled(self, task: Task, signo: int, info: bytes) -> None:
        """Take note of a signal about to be delivered."""

    def stopped(self, task: Task, signo: int) -> None:
        """Take note of a group-stop."""

    def ended(self, task: Task, stop: ThreadExit | ThreadKilled) -> None:
        """Take note of a task's end."""

    def superseded(self, task: Task, by: int) -> None:
        """Take note of an exec by another thread, which takes this one's id."""

    def began(self, task: Task) -> None:
        """Take note of a new task."""

    def released(self, task: Task) -> None:
        """Take note of a task that is let go."""


def result_class(ret: int | None) -> str:
    """Return which of strace's statuses a result is.

    >>> result_class(3), result_class(-2), result_class(None)
    ('successful', 'failed', 'unavailable')
    """
    if ret is None:
        return "unavailable"
    return "failed" if -4095 <= ret < 0 else "successful"


def _undecoded(call: Syscall, args: Sequence[int], ret: int | None) -> Decoded:
    """Return a call as its registers say it (``-e raw=``)."""
    shown = [
        DecodedArg(arg.name, value, f"{value:#x}" if value else "0")
        for arg, value in zip(call.args, args, strict=False)
    ]
    result = None
    if ret is not None:
        result = hex(ret & (1 << 64) - 1) if ret else "0"
        if -4095 <= ret < 0:
            result = error_result(ret)
    return Decoded(call.name, shown, result)


class Interrupted(BaseException):
    """Report a signal that asks the trace to end."""

    def __init__(self, signo: int) -> None:
        super().__init__(signo)
        self.signo = signo


class TraceLoop:
    """Trace processes and tell a sink."""

    def __init__(self, options: TraceOptions, sink: Sink, *, follow: bool | None = None) -> None:
        self.options = options
        self.sink = sink
        self.follow = options.follow if follow is None else follow
        self.tasks: dict[int, Task] = {}
        self.visible = 0
        """How many tasks are shown (strace: nprocs)."""
        self.main = 0
        """The pid whose status is ours."""
        self.status: ThreadExit | ThreadKilled | None = None
        self.filter: bytes | None = None
        self.resolved: list[tuple[str, str]] = []
        """Paths of -P that mean another one."""
        self.ending = 0
        """The signal that asks the trace to end."""
        self.waiting = False
        """Whether the loop is in its wait, where a signal's handler may raise."""
        self._rows: dict[str, dict[int, Row]] = {abi: {} for abi in ("x86_64", "i386", "x32")}
        self._printing = tuple(
            Options(options.limit, verbose, options.hex_strings, options.xlat, options.fds)
            for verbose in (False, True)
        )
        self._paths: frozenset[str] = frozenset()
        if options.paths:
            from pydbg.trace.pathfilter import wanted

            self._paths, self.resolved = wanted(options.paths)
        self._stacks = None
        if options.stacks or options.summary_by == "caller":
            from pydbg.trace.stacks import Stacks

            self._stacks = Stacks()
        self._staged = len(options.statuses) < 5
        self._decodes = sink.decodes
        self._usage = options.summary != "" and not options.wall
        self._expected: dict[int, str] = {}
        """New tasks whose first stop has not come, with how they were made."""
        self._early: dict[int, int] = {}
        """First stops that came before the event that tells of the task."""
        self._resume = ptrace.SYSCALL
        self._go: Callable[[int, int], None] = ptrace.resumer()
        self._early_too = options.fds == 0 and self._stacks is None
        """Whether what is shown of a plain call is in its registers."""
        self._ask: Callable[[int], tuple[int, ...]] = ptrace.syscall_info_source()

    # --- beginnings --------------------------------------------------------------------------

    def launch(self, spec: LaunchSpec) -> None:
        """Start a program; its execve is the first call that is shown."""
        self.filter = spec.filter
        options = self._ptrace_options() | ptrace.O_EXITKILL
        pid = spawn(spec, options, self._first_entry)
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
            self._enter(task, self._ask(pid))
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
        self._add(tid, pid).attached = True
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

    # --- the loop ----------------------------------------------------------------------------

    def run(self) -> None:
        """Trace until nothing is left to trace."""
        tasks, ask, handle, after = self.tasks, self._ask, self._go, self._resume
        beside = Placement(for_good=True).follow
        while tasks or self._expected:
            self.waiting = True
            if self.ending:
                raise Interrupted(self.ending)
            try:
                if self._usage:
                    tid, status, stime = wait.wait_usage()
                else:
                    tid, status = wait.wait_all()
                    stime = 0.0
            except NoProcess:
                break
            self.waiting = False
            task = tasks.get(tid)
            if status != _SYSCALL_STOP or task is None:
                self._other(tid, status, stime)
                continue
            try:
                words = ask(tid)
                if words[0] == 1:
                    task.stime = stime
                    self._enter(task, words)
                elif words[0] == 2 and task.inside:
                    task.stime = stime
                    self._leave(task, words[4])
                else:
                    handle(after, tid)
                beside(task, tasks)
            except ThreadGone:
                continue  # Killed meanwhile: its end is on the way.

    def _row(self, arch: int, nr: int) -> Row:
        """Return the row of a call that is made for the first time."""
        abi = "i386" if arch == ptrace.AUDIT_ARCH_I386 else "x32" if nr & _X32 else "x86_64"
        call = table_for(abi).call(nr)
        options = self.options
        row = Row(
            call,
            abi,
            shown=options.chosen.has(abi, nr),
            printing=self._printing[not options.abbreviated.has(abi, nr)],
            raw=options.raw is not None and options.raw.has(abi, nr),
        )
        self._rows[abi][nr] = row
        return row

    def _enter(self, task: Task, words: tuple[int, ...]) -> None:
        """Note a call, and let it run: before it is decoded if it cannot change meanwhile."""
        arch, nr = words[1], words[4] & 0xFFFFFFFF
        abi = "i386" if arch == ptrace.AUDIT_ARCH_I386 else "x32" if nr & _X32 else "x86_64"
        row = self._rows[abi].get(nr) or self._row(arch, nr)
        task.inside = True
        task.row = row
        task.ended = task.entry = None
        if not row.shown or task.silent or not self._concerns(task, words, abi):
            task.hidden = True
            self._go(ptrace.SYSCALL, task.tid)
            return
        task.args = words[5:11]
        task.ip, task.sp = words[2], words[3]
        reader = task.reader
        reader.sp = task.sp
        reader.word_size = 4 if abi == "i386" else 8
        if self._stacks is not None:
            task.stack = self._stacks.of(task)
        task.began_at = time_ns()
        task.clock = task.stime
        task.hidden = self._staged
        early = row.enters_early and self._early_too
        task.began = monotonic_ns()
        if early:
            self._go(ptrace.SYSCALL, task.tid)
        if self._decodes:
            task.entry = self._decode(task, None, "entry")
        if not early:
            task.began = monotonic_ns()
            self._go(ptrace.SYSCALL, task.tid)
        if not self._staged:
            self.sink.entered(task)

    def _concerns(self, task: Task, words: tuple[int, ...], abi: str) -> bool:
        if not self._paths:
            return True
        from pydbg.trace.pathfilter import concerns

        task.args = words[5:11]
        task.reader.word_size = 4 if abi == "i386" else 8
        return concerns(task, self._paths)

    def _decode(self, task: Task, ret: int | None, phase: str) -> Decoded:
        row = task.row
        assert row is not None
        if row.raw:
            return _undecoded(row.call, task.args, ret)
        return decode(
            row.call,
            task.args,
            task.reader,
            ret=ret,
            phase=phase,
            entry=task.entry,
            options=row.printing,
        )

    def _leave(self, task: Task, word: int) -> None:
        """Note a result, and let the task run on, as :meth:`_enter` does."""
        now = monotonic_ns()
        task.inside = False
        row = task.row
        assert row is not None
        task.previous = row.call
        ret = word - (1 << 64) if word & _SIGN else word
        if task.hidden and not (task.entry is not None and self._wanted(ret)):
            self._go(self._resume, task.tid)
            return
        task.took = now - task.began
        task.ret = ret
        early = row.returns_early and self._early_too
        if early:
            self._go(self._resume, task.tid)
        if task.hidden:
            self.sink.entered(task)
        if self._decodes:
            task.ended = self._decode(task, ret, "return")
        if not early:
            self._go(self._resume, task.tid)
        self.sink.returned(task)

    def _wanted(self, ret: int | None) -> bool:
        return self._staged and result_class(ret) in self.options.statuses

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
                    self._enter(task, self._ask(tid))
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
            if child in self._early:
                self._admit(child, stop.event, self._early.pop(child))
            elif child not in self.tasks:
                self._expected[child] = stop.event
        elif stop.event == "exit":
            if task.inside and not task.silent:
                self._cut_off(task)
            task.inside = False
        elif stop.event == "exec":
            self._exec(task, ptrace.geteventmsg(task.tid))
            return
        self._on(task)

    def _stranger(self, tid: int, status: int) -> None:
        """See to a stop of a task that is new, or of one that somebody else's exec ended."""
        if status & 0xFF != 0x7F:
            self._expected.pop(tid, None)
            return
        if tid in self._expected:
            self._admit(tid, self._expected.pop(tid), status)
        else:
            # Its maker's event comes later, or never if the maker was killed; it need not wait.
            self._admit(tid, "clone", status)

    def _admit(self, tid: int, how: str, status: int) -> None:
        try:
            pid = procfs.thread_group(tid)
            task = self._add(tid, pid)
        except DebuggerError:
            return
        self._expected.pop(tid, None)
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
        if self._stacks is not None:
            self._stacks.forget(task)
        caller = self.tasks.get(former)
        if former != task.tid and caller is not None:
            if task.inside:
                self._cut_off(task)
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
                self._cut_off(task)
            self.sink.ended(task, stop)
            self.visible -= 1
        self.tasks.pop(task.tid)
        if task.tid == self.main:
            self.status = stop
        if not any(other.pid == task.pid for other in self.tasks.values()):
            task.memory.close()

    def _cut_off(self, task: Task) -> None:
        """Tell of a call that never comes back."""
        shown = task.row is not None and task.row.shown
        if not shown or (self._decodes and task.entry is None):
            return
        task.ret = None
        if task.hidden:
            if not self._staged or not {"unfinished", "unavailable"} & self.options.statuses:
                return
            self.sink.entered(task)
        self.sink.unfinished(task)

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
