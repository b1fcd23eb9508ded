"""Rules that change what system calls of the debugged program do: ``inject`` at the prompt.

The rules are those of ``pydbg trace -e inject=`` (:mod:`pydbg.trace.tamper`), but for delays: a
debugger that waits holds all threads. A call that is changed stops as a caught one does; nothing
is installed that could not be taken back.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydbg.errors import CommandError, DebuggerError, UsageError
from pydbg.events import Note
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.linux.ptrace import SyscallInfo
    from pydbg.target.thread import Thread
    from pydbg.trace.tamper import Rule

__all__ = ["Tamper", "Tampers"]


class Tamper(Record, frozen=False, eq=False):
    """Hold a rule that is in force, and how often it was applied."""

    number: int
    text: str
    rule: Rule
    hits: int = 0


class Tampers:
    """Keep the rules, and apply them. They hold for every process, and from run to run.

    >>> import pydbg
    >>> with pydbg.Debugger("/bin/cat", ["/etc/hostname"]) as dbg:
    ...     dbg.stderr = "/dev/null"
    ...     tamper = dbg.tampers.add("openat:error=EACCES:when=2+")
    ...     dbg.run().code, tamper.hits > 0
    (127, True)
    """

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg
        self._last = 0
        self.rows: list[Tamper] = []
        self._counts: dict[tuple[int, int, int], int] = {}
        """How often each rule has met each call of each thread."""
        self._late: dict[int, list[tuple[int, bytes]]] = {}
        """What is to be written at the return, by thread: addresses and bytes."""

    def __bool__(self) -> bool:
        return bool(self.rows)

    def add(self, text: str) -> Tamper:
        """Put a rule in force; UsageError where it is wrong."""
        from pydbg.trace.tamper import parse_rule

        rule = parse_rule(text)
        if rule.delay_enter or rule.delay_exit:
            raise UsageError("A delay would hold the whole program: pydbg trace has them.")
        self._last += 1
        row = Tamper(self._last, text, rule)
        self.rows.append(row)
        return row

    def remove(self, *numbers: int) -> None:
        """Take rules out of force, all without numbers; CommandError if one is not there."""
        for number in numbers:
            if all(row.number != number for row in self.rows):
                raise CommandError(f"There is no rule {number}.")
        if not self.rows:
            raise CommandError("There are no rules.")
        self.rows = [row for row in self.rows if numbers and row.number not in numbers]

    def wanted(self) -> dict[str, frozenset[int]] | None:
        """Return the numbers that have to stop, by ABI; None for all."""
        wanted: dict[str, frozenset[int]] = {}
        for row in self.rows:
            numbers = row.rule.chosen.filter_numbers()
            if numbers is None:
                return None
            for abi, some in numbers.items():
                wanted[abi] = wanted.get(abi, frozenset()) | some
        return wanted

    # --- at a call ---------------------------------------------------------------------------

    def enter(self, thread: Thread, info: SyscallInfo, abi: str) -> None:
        """Change the call that a thread is about to make as the rules say, in their order."""
        for row in self.rows:
            rule = row.rule
            if not rule.chosen.has(abi, info.nr):
                continue
            key = (row.number, thread.tid, info.nr)
            count = self._counts.get(key, 0) + 1
            if rule.condition is not None and not self._holds(rule, thread, info, abi):
                continue
            self._counts[key] = count
            if rule.meets(count):
                row.hits += 1
                self._apply(rule, thread, info, abi)

    def _apply(self, rule: Rule, thread: Thread, info: SyscallInfo, abi: str) -> None:
        marks = []
        for index, data in rule.poke_enter:
            marks += ["args"] * _write(thread, info.args[index], data)
        if rule.poke_exit:
            late = [(info.args[index], data) for index, data in rule.poke_exit]
            self._late.setdefault(thread.tid, []).extend(late)
            thread.want_return = True
        if rule.syscall:
            thread.refusal = partial(_replace, thread, abi, rule.syscall)
            marks.append(f"{rule.syscall} instead")
        if rule.result is not None:
            thread.refusal = partial(thread.skip_call, rule.result)
            thread.injected = True
        if rule.signal:
            from pydbg.linux import ptrace

            ptrace.tgkill(thread.inferior.pid, thread.tid, rule.signal)
            marks.append("signal")
        line = self._dbg.denials.line(thread, info, abi, rule.result)
        if rule.result is None or marks:
            line = f"{line.removesuffix(' (INJECTED)')} (INJECTED: {', '.join(marks) or 'args'})"
        self._dbg.notify(Note(thread.inferior.pid, thread.tid, line))

    def _holds(self, rule: Rule, thread: Thread, info: SyscallInfo, abi: str) -> bool:
        from pydbg.expr.evaluate import evaluate

        assert rule.condition is not None
        names = self._dbg.catches.names_of(info, abi, None)
        try:
            return bool(evaluate(rule.condition, self._dbg.context_of(thread, names)))
        except DebuggerError as error:
            self._dbg.notify(Note(thread.inferior.pid, thread.tid, f"if={error}"))
            return False

    def leave(self, thread: Thread) -> None:
        """Write what is due at the return of a call."""
        for addr, data in self._late.pop(thread.tid, ()):
            _write(thread, addr, data)


def _write(thread: Thread, addr: int, data: bytes) -> bool:
    try:
        thread.inferior.write(addr, data)
    except DebuggerError:
        return False
    return True


def _replace(thread: Thread, abi: str, name: str) -> None:
    from pydbg.syscalls.table import table_for

    call = table_for(abi).by_name(name)
    if call is not None:
        thread.registers.set(thread.inferior.arch.syscall_number, call.number)
