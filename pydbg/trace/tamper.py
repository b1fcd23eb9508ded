"""Rules that change what system calls do: ``-e inject=`` and ``-e fault=``.

A rule is ``SET[:error=E|:retval=V][:signal=S][:delay_enter=T][:delay_exit=T]
[:poke_enter=@argN=HEX,...][:poke_exit=...][:syscall=NAME][:when=FIRST[..LAST][+STEP]][:if=EXPR]``
(strace(1), "Tampering"; ``if=`` is ours, and comes last). All rules that meet a call are applied
in their order; the last result counts. Each thread counts the calls of each name for itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, MemoryFault, UsageError
from pydbg.linux import ptrace
from pydbg.records import Record
from pydbg.syscalls.errno import error_number
from pydbg.syscalls.signals import signal_number
from pydbg.syscalls.table import table_for
from pydbg.trace import sets

if TYPE_CHECKING:
    from pydbg.expr.nodes import Node
    from pydbg.trace.tasks import Task

__all__ = ["Rule", "Tampering", "parse_rule"]

_RAX, _ORIG_RAX = 80, 120
"""Offsets in ``struct user_regs_struct`` (<sys/user.h>), of a 32-bit tracee too."""

_WHEN = re.compile(r"(\d+)(?:\.\.(\d+))?(\+\d*)?")
_UNITS = {"": 1000, "us": 1000, "ns": 1, "ms": 1_000_000, "s": 1_000_000_000}
_MAX_ERRNO = 4095


class Rule(Record, kw_only=True):
    """Hold one rule; delays are in nanoseconds, pokes pairs of an argument's index and bytes."""

    chosen: sets.Chosen
    result: int | None = None
    """What the call returns instead of being made; errors are negative."""
    signal: int = 0
    delay_enter: int = 0
    delay_exit: int = 0
    poke_enter: tuple[tuple[int, bytes], ...] = ()
    poke_exit: tuple[tuple[int, bytes], ...] = ()
    syscall: str = ""
    """The call that is made instead; with ``result`` its own result is not seen."""
    first: int = 1
    last: int | None = None
    step: int = 0
    """0: the one call only."""
    condition: Node | None = None

    def meets(self, count: int) -> bool:
        """Tell whether the ``count``-th call (from 1) is meant.

        >>> rule = parse_rule("read:error=EIO:when=2..6+2")
        >>> [count for count in range(1, 10) if rule.meets(count)]
        [2, 4, 6]
        """
        if count < self.first or (self.last is not None and count > self.last):
            return False
        return (count - self.first) % self.step == 0 if self.step else count == self.first


def parse_rule(text: str) -> Rule:
    """Return the rule that a text describes; UsageError where it is none.

    >>> rule = parse_rule("openat:error=ENOENT:when=3+")
    >>> rule.result, rule.first, rule.step
    (-2, 3, 1)
    >>> parse_rule("openat:error=EFOO")
    Traceback (most recent call last):
    pydbg.errors.UsageError: invalid error 'EFOO' in 'openat:error=EFOO'
    >>> parse_rule("openat")
    Traceback (most recent call last):
    pydbg.errors.UsageError: the rule 'openat' says nothing to do
    """
    head, mark, condition = text.partition(":if=")
    name, *parts = head.split(":")
    fields: dict[str, object] = {"step": 1}
    for part in parts:
        what, equals, value = part.partition("=")
        if what not in _PARTS or not equals:
            raise UsageError(f"invalid part '{part}' in '{text}'; there are {', '.join(_PARTS)}")
        if what in ("error", "retval") and "result" in fields:
            raise UsageError(f"two results in '{text}'")
        try:
            fields |= _PARTS[what](value)
        except (ValueError, KeyError):
            raise UsageError(f"invalid {what} '{value}' in '{text}'") from None
    if not fields.keys() - {"first", "last", "step"}:
        raise UsageError(f"the rule '{text}' says nothing to do")
    if mark:
        from pydbg.expr.parser import parse

        fields["condition"] = parse(condition)
    return Rule(chosen=sets.resolve(name), **fields)  # type: ignore[arg-type]


def _error(text: str) -> dict[str, object]:
    number = int(text) if text.isdecimal() else error_number(text)
    if number is None or not 0 < number <= _MAX_ERRNO:
        raise ValueError
    return {"result": -number}


def _signal(text: str) -> dict[str, object]:
    number = int(text) if text.isdecimal() else signal_number(text)
    if number is None or not 0 < number <= 64:
        raise ValueError
    return {"signal": number}


def _delay(field: str) -> Callable[[str], dict[str, object]]:
    def read(text: str) -> dict[str, object]:
        digits = text.rstrip("smun")
        return {field: int(digits) * _UNITS[text[len(digits) :]]}

    return read


def _poke(field: str) -> Callable[[str], dict[str, object]]:
    def read(text: str) -> dict[str, object]:
        pokes = []
        for word in text.split(","):
            found = re.fullmatch(r"@arg([1-6])=((?:[0-9a-fA-F]{2})+)", word)
            if not found:
                raise ValueError
            pokes.append((int(found[1]) - 1, bytes.fromhex(found[2])))
        return {field: tuple(pokes)}

    return read


def _other(text: str) -> dict[str, object]:
    if table_for("x86_64").by_name(text) is None:
        raise ValueError
    return {"syscall": text}


def _when(text: str) -> dict[str, object]:
    found = _WHEN.fullmatch(text)
    if not found:
        raise ValueError
    first, last = int(found[1]), int(found[2]) if found[2] else None
    # A range goes on by ones; a single number without a plus stands for itself.
    step = int(found[3][1:] or "1") if found[3] else int(last is not None)
    if first < 1 or (last is not None and last < first) or (found[3] and step < 1):
        raise ValueError
    return {"first": first, "last": last, "step": step}


_PARTS: dict[str, Callable[[str], dict[str, object]]] = {
    "error": _error,
    "retval": lambda text: {"result": int(text, 0)},
    "signal": _signal,
    "delay_enter": _delay("delay_enter"),
    "delay_exit": _delay("delay_exit"),
    "poke_enter": _poke("poke_enter"),
    "poke_exit": _poke("poke_exit"),
    "syscall": _other,
    "when": _when,
}


class Tampering:
    """Hold what the rules do to the call that a task is in."""

    __slots__ = ("changed", "delay_enter", "delay_exit", "poke_exit", "poked", "result", "signal")

    def __init__(self) -> None:
        self.result: int | None = None
        self.signal = self.delay_enter = self.delay_exit = 0
        self.poke_exit: list[tuple[int, bytes]] = []
        self.poked = self.changed = False

    @property
    def mark(self) -> str:
        """Return what strace writes after the result."""
        done = "args" if self.poked else ""
        if self.result is not None or self.changed:
            done = "args, retval" if self.poked else "retval"
        text = "" if not done else " (INJECTED)" if done == "retval" else f" (INJECTED: {done})"
        return text + " (DELAYED)" * bool(self.delay_enter or self.delay_exit)

    def returning(self, task: Task, ret: int) -> int:
        """Apply what is due at the return, and return the call's result."""
        for index, data in self.poke_exit:
            self.poked = _write(task, index, data) or self.poked
        if self.result is None:
            return ret
        mask = (1 << 64) - 1 if task.reader.word_size == 8 else 0xFFFFFFFF
        ptrace.pokeuser(task.tid, _RAX, self.result & mask)
        return self.result


def tamper(rules: tuple[Rule, ...], task: Task) -> Tampering | None:
    """Apply what the rules say to the call that a task is entering; None if none meets it."""
    done: Tampering | None = None
    for rule in rules:
        key = (id(rule), task.row)
        count = task.tried.get(key, 0) + 1
        if rule.condition is not None and not _holds(rule.condition, task):
            continue
        task.tried[key] = count
        if not rule.meets(count):
            continue
        done = done or Tampering()
        done.signal = rule.signal or done.signal
        done.delay_enter += rule.delay_enter
        done.delay_exit += rule.delay_exit
        done.poke_exit += rule.poke_exit
        for index, data in rule.poke_enter:
            done.poked = _write(task, index, data) or done.poked
        if rule.syscall:
            _replace(task, rule.syscall)
            done.changed = True
        if rule.result is not None:
            done.result = rule.result
            if not rule.syscall:
                ptrace.pokeuser(task.tid, _ORIG_RAX, (1 << 64) - 1)
    return done


def _replace(task: Task, name: str) -> None:
    assert task.row is not None
    call = table_for(task.row.abi).by_name(name)
    if call is not None:
        ptrace.pokeuser(task.tid, _ORIG_RAX, call.number)


def _write(task: Task, index: int, data: bytes) -> bool:
    try:
        task.memory.write(task.args[index], data)
    except DebuggerError:
        return False
    return True


def _holds(condition: Node, task: Task) -> bool:
    """Tell whether a condition is true of the call that a task is entering."""
    from pydbg.catches import Catches
    from pydbg.expr.context import BaseContext
    from pydbg.expr.evaluate import evaluate
    from pydbg.expr.values import Value, from_number

    row = task.row
    assert row is not None
    info = ptrace.SyscallInfo("entry", 0, task.ip, task.sp, row.call.number, task.args)
    names = Catches.names_of(info, row.abi, None)

    class Call(BaseContext):
        """See the call's names, and the task's memory."""

        def read(self, addr: int, size: int, /) -> bytes:
            return task.memory.read(addr, size)

        def symbol(self, name: str, /) -> Value | None:
            value = names.get(name)
            return None if value is None else from_number(self.model.long, value, self.read)

        def convenience(self, name: str, /) -> Value | None:
            return self.symbol(name)

    try:
        return bool(evaluate(condition, Call(task.reader.word_size)))
    except MemoryFault:
        return False
