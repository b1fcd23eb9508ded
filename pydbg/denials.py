"""Calls that the program may not make: each fails with an error, as if the kernel refused it.

Nothing is installed that could not be taken back: a denied call stops as a caught one does, and
the kernel is told to make no call at all (:func:`pydbg.target.thread.Thread.skip_call`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydbg.errors import CommandError, DebuggerError, UsageError
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.linux.ptrace import SyscallInfo
    from pydbg.target.thread import Thread

__all__ = ["INJECTED", "Denial", "Denials", "parse"]

INJECTED = " (INJECTED)"
"""What stands behind a result that is not the kernel's, as in strace."""
_EPERM = 1
_MAX_ERRNO = 4095


class Denial(Record, frozen=False, eq=False):
    """Hold what is denied: the calls by ABI, their names, the error, how often it happened."""

    spec: str
    numbers: dict[str, frozenset[int]]
    names: tuple[str, ...]
    shared: frozenset[tuple[int, int]] = frozenset()
    """The numbers of i386's socketcall and ipc, with the first argument that means a call."""
    errno: int = _EPERM
    hits: int = 0

    @property
    def error(self) -> str:
        """Return the error's name, its number where it has none."""
        from pydbg.syscalls.errno import error_name

        return error_name(self.errno) or str(self.errno)


class Denials:
    """Keep what is denied, and see to it. It holds for every process, and from run to run.

    >>> import pydbg
    >>> with pydbg.Debugger("/bin/cat", ["/etc/hostname"]) as dbg:
    ...     dbg.stderr = "/dev/null"
    ...     denial = dbg.denials.add("openat", 13)
    ...     dbg.run().code, denial.hits > 0
    (127, True)
    """

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg
        self.rows: list[Denial] = []

    def __bool__(self) -> bool:
        return bool(self.rows)

    def add(self, spec: str, errno: int = _EPERM) -> Denial:
        """Deny calls: a name, a number, ``group:NAME``, ``%CLASS`` or ``/REGEX``.

        What was denied by the same words before is replaced. UsageError names near calls.
        """
        found = self._dbg.catches.resolve((spec,))
        names = tuple(name or str(nr) for name, nr in found["names"])
        denial = Denial(spec, found["numbers"], names, _shared(found["numbers"]), errno)
        self.rows = [row for row in self.rows if row.spec != spec] + [denial]
        return denial

    def remove(self, *specs: str) -> None:
        """Allow calls again, all of them without ``specs``; CommandError if one is not denied."""
        for spec in specs:
            if all(row.spec != spec for row in self.rows):
                raise CommandError(f"{spec} is not denied.")
        if not self.rows:
            raise CommandError("Nothing is denied.")
        self.rows = [row for row in self.rows if specs and row.spec not in specs]

    def wanted(self) -> dict[str, frozenset[int]]:
        """Return the numbers that have to stop, by ABI."""
        wanted: dict[str, frozenset[int]] = {}
        for row in self.rows:
            for abi, numbers in row.numbers.items():
                wanted[abi] = wanted.get(abi, frozenset()) | numbers
            common = {nr for nr, _ in row.shared}
            wanted["i386"] = wanted.get("i386", frozenset()) | common
        return wanted

    def judge(self, thread: Thread, info: SyscallInfo, abi: str) -> Denial | None:
        """Deny the call that a thread is about to make, if it is one; the newest row counts."""
        for row in reversed(self.rows):
            shared = abi == "i386" and (info.nr, info.args[0]) in row.shared
            if shared or info.nr in row.numbers.get(abi, ()):
                row.hits += 1
                thread.refusal = partial(thread.skip_call, -row.errno)
                thread.injected = True
                return row
        return None

    @staticmethod
    def line(thread: Thread, info: SyscallInfo, abi: str, ret: int | None) -> str:
        """Return a call in one line, with the result that is not the kernel's, as strace has it."""
        from pydbg.calls import CallReader
        from pydbg.syscalls.decode import decode, error_result
        from pydbg.syscalls.table import table_for

        call, reader = table_for(abi).call(info.nr), CallReader(thread)
        try:
            entry = decode(call, info.args, reader)
            if ret is None:
                return entry.line()
            shown = decode(call, info.args, reader, ret=ret, phase="return", entry=entry)
        except DebuggerError:
            text = error_result(ret) if ret is not None and ret < 0 else str(ret)
            return f"{call.name}(...) = {text}{INJECTED}"
        return shown.line() + INJECTED


def _shared(numbers: dict[str, frozenset[int]]) -> frozenset[tuple[int, int]]:
    """Return by which other calls of i386, and which first argument, calls can be made."""
    from pydbg.syscalls.multiplexed import selector
    from pydbg.syscalls.table import table_for

    found = set()
    for abi, some in numbers.items():
        for nr in some:
            row = table_for(abi).by_number(nr)
            selected = selector(row.name) if row is not None else None
            if selected is not None:
                common = table_for("i386").by_name(selected[0])
                assert common is not None
                found.add((common.number, selected[1]))
    return frozenset(found)


def parse(text: str) -> tuple[str, int]:
    """Return the call and the error that ``NAME[:ERRNO]`` spells; UsageError for no error.

    >>> parse("openat"), parse("openat:EACCES"), parse("group:file:2"), parse("g:network")
    (('openat', 1), ('openat', 13), ('group:file', 2), ('g:network', 1))
    >>> parse("openat:EACCESS")
    Traceback (most recent call last):
    pydbg.errors.UsageError: Unknown error 'EACCESS'.  Did you mean 'EACCES'?
    """
    from pydbg.syscalls.errno import error_names, error_number

    spec, colon, word = text.rpartition(":")
    if not colon or spec in ("g", "group") or (text.startswith("/") and not word.isupper()):
        return text, _EPERM
    if word.isdigit():
        number = int(word)
        if not 1 <= number <= _MAX_ERRNO:
            raise UsageError(f"{word} is no error: they are 1 to {_MAX_ERRNO}.")
        return spec, number
    found = error_number(word.upper())
    if found is None:
        import difflib

        near = difflib.get_close_matches(word.upper(), error_names(), 2)
        hint = f"  Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise UsageError(f"Unknown error '{word}'.{hint}")
    return spec, found
