"""The loop of ``pydbg trace``: one wait, two stops a call, nothing else on the way.

It knows nothing of text: a sink is told of entries, returns, signals and ends.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic_ns, time_ns
from typing import TYPE_CHECKING

from pydbg.errors import NoProcess, ThreadGone
from pydbg.linux import ptrace, wait
from pydbg.placement import Placement
from pydbg.syscalls.decode import Decoded, DecodedArg, Options, decode, decode_return, error_result
from pydbg.syscalls.table import Syscall, table_for
from pydbg.trace.keeper import Keeper
from pydbg.trace.options import TraceOptions
from pydbg.trace.sink import Sink, result_class
from pydbg.trace.tasks import Row, Task

if TYPE_CHECKING:
    from pydbg.trace.tamper import Rule

__all__ = ["Interrupted", "TraceLoop"]

_SYSCALL_STOP = signal.SIGTRAP << 8 | 0x80 << 8 | 0x7F
_X32 = 0x40000000
_SIGN = 1 << 63
_KNOWN = 1024
"""So many different calls of one name are kept in words."""


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


class TraceLoop(Keeper):
    """Trace processes and tell a sink."""

    def __init__(self, options: TraceOptions, sink: Sink) -> None:
        super().__init__(options, sink)
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
        self._rules: tuple[Rule, ...] = ()
        if options.rules:
            from pydbg.trace.tamper import parse_rule

            self._rules = tuple(parse_rule(text) for text in options.rules)
        self._later: list[tuple[int, int, int, int]] = []
        """Tasks that a rule delays: when to resume, the thread, the request, the signal."""
        if options.stacks or options.summary_by == "caller":
            from pydbg.trace.stacks import Stacks

            self.stacks = Stacks()
        self._staged = len(options.statuses) < 5
        self._decodes = sink.decodes
        self._usage = options.summary != "" and not options.wall
        self._go: Callable[[int, int], None] = ptrace.resumer()
        self._early_too = options.fds == 0 and self.stacks is None and not sink.at_once
        """Whether what is shown of a plain call is in its registers, and may come later."""

    def run(self) -> None:
        """Trace until nothing is left to trace."""
        tasks, ask, handle, after = self.tasks, self._ask, self._go, self._resume
        beside, stops = Placement(for_good=True).follow, 0
        while tasks or self._expected:
            self.waiting = True
            if self.ending:
                raise Interrupted(self.ending)
            try:
                if self._usage or self._later:
                    tid, status, stime = self._wait()
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
                    self.enter(task, words)
                elif words[0] == 2 and task.inside:
                    task.stime = stime
                    self._leave(task, words[4])
                else:
                    handle(after, tid)
                if not (stops := stops + 1) & 15:
                    beside(task, tasks, 16)
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
            rules=tuple(rule for rule in self._rules if rule.chosen.has(abi, nr)),
            repeats=options.fds == 0 and call.name != "restart_syscall",
        )
        self._rows[abi][nr] = row
        return row

    def enter(self, task: Task, words: tuple[int, ...]) -> None:
        """Note a call, and let it run: before it is decoded if it cannot change meanwhile."""
        arch, nr = words[1], words[4] & 0xFFFFFFFF
        abi = "i386" if arch == ptrace.AUDIT_ARCH_I386 else "x32" if nr & _X32 else "x86_64"
        row = self._rows[abi].get(nr) or self._row(arch, nr)
        task.inside = True
        task.row = row
        task.ended = task.entry = None
        if not row.shown or task.silent or (self._paths and not self._concerns(task, words, abi)):
            task.hidden = True
            self._go(ptrace.SYSCALL, task.tid)
            return
        task.args = words[5:11]
        task.ip, task.sp = words[2], words[3]
        reader = task.reader
        reader.sp = task.sp
        reader.word_size = 4 if abi == "i386" else 8
        if self.stacks is not None:
            task.stack = self.stacks.of(task)
        task.began_at = time_ns()
        task.clock = task.stime
        task.hidden = self._staged
        early = row.enters_early and self._early_too
        if row.rules:
            from pydbg.trace.tamper import tamper

            task.tampered = tamper(row.rules, task)
        task.began = monotonic_ns()
        if early:
            self._go(ptrace.SYSCALL, task.tid)
        if self._decodes:
            task.entry = self._decode(task, None)
        if not self._staged:
            self.sink.entered(task)
        if not early:
            task.began = monotonic_ns()
            done = task.tampered
            if done is None:
                self._go(ptrace.SYSCALL, task.tid)
            else:
                self._delay(task, ptrace.SYSCALL, done.delay_enter, done.signal)

    def _concerns(self, task: Task, words: tuple[int, ...], abi: str) -> bool:
        from pydbg.trace.pathfilter import concerns

        task.args = words[5:11]
        task.reader.word_size = 4 if abi == "i386" else 8
        return concerns(task, self._paths)

    def _decode(self, task: Task, ret: int | None) -> Decoded:
        row = task.row
        assert row is not None
        if row.raw:
            return _undecoded(row.call, task.args, ret)
        if ret is not None and task.entry is not None:
            return decode_return(task.entry, ret, task.reader)
        known = row.known
        if known is None:
            entry = decode(row.call, task.args, task.reader, options=row.printing)
            if row.call.name == "restart_syscall":
                entry.resuming(task.previous.name if task.previous is not None else "system call")
            return entry
        # The same registers, the same text: programs repeat themselves.
        found = known.get(task.args)
        if found is None:
            if len(known) >= _KNOWN:
                known.clear()
            found = decode(row.call, task.args, task.reader, options=row.printing)
            known[task.args] = found
        return found

    def _leave(self, task: Task, word: int) -> None:
        """Note a result, and let the task run on, as :meth:`_enter` does."""
        now = monotonic_ns()
        task.inside = False
        row = task.row
        assert row is not None
        task.previous = row.call
        ret = word - (1 << 64) if word & _SIGN else word
        if task.hidden and not (task.entry is not None and self._wanted(ret, task)):
            self._go(self._resume, task.tid)
            return
        if task.tampered is not None:
            ret = task.tampered.returning(task, ret)
        task.took = now - task.began
        task.ret = ret
        early = row.returns_early and self._early_too
        if early:
            self._go(self._resume, task.tid)
        if task.hidden:
            self.sink.entered(task)
        if self._decodes:
            task.ended = self._decode(task, ret)
        if self.sink.at_once:
            # What the program prints next stands behind it.
            self.sink.returned(task)
        done = task.tampered
        if done is not None:
            self._delay(task, self._resume, done.delay_exit, 0)
        elif not early:
            self._go(self._resume, task.tid)
        if not self.sink.at_once:
            self.sink.returned(task)
        task.tampered = None

    def _delay(self, task: Task, request: int, span: int, signo: int) -> None:
        if span:
            self._later.append((monotonic_ns() + span, task.tid, request, signo))
            self._later.sort()
        else:
            self._on(task, request, signo)

    def _wait(self) -> tuple[int, int, float]:
        """Wait for the next stop, and resume those whose delay is over meanwhile."""
        while self._later:
            left = self._later[0][0] - monotonic_ns()
            found = wait.wait_usage_within(left / 1e9) if left > 0 else None
            if found is not None:
                return found
            if self._later[0][0] <= monotonic_ns():
                _, tid, request, signo = self._later.pop(0)
                with suppress(ThreadGone):
                    self._on(self.tasks[tid], request, signo)
        return wait.wait_usage()

    def _wanted(self, ret: int, task: Task) -> bool:
        if task.tampered is not None and task.tampered.result is not None:
            ret = task.tampered.result
        return self._staged and result_class(ret) in self.options.statuses

    def cut_off(self, task: Task) -> None:
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
