"""What completes an argument: names of symbols, registers, files, calls, breakpoints ...

Each function takes a prefix and the session and returns candidates with a short description.
Completion must never fail and never touch the program: whatever is not there gives nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.commands.kinds import Candidate
from pydbg.commands.table import GROUPS
from pydbg.errors import DebuggerError

if TYPE_CHECKING:
    from pydbg.commands.session import Session

LIMIT = 500
"""The most candidates that are offered for one word."""


def files(prefix: str, *, directories: bool = False) -> Iterator[Candidate]:
    """Return the files that ``prefix`` begins, ``~`` expanded, folders with a slash."""
    head, tail = os.path.split(prefix)
    folder = os.path.expanduser(head) or "."
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        name = entry.name
        if not name.startswith(tail) or (name.startswith(".") and not tail.startswith(".")):
            continue
        is_folder = entry.is_dir()
        if directories and not is_folder:
            continue
        kind = "folder" if is_folder else ""
        yield Candidate(os.path.join(head, name) + ("/" if is_folder else ""), kind)


def symbols(prefix: str, session: Session, *, functions: bool = False) -> Iterator[Candidate]:
    """Return the symbols that ``prefix`` begins, those of the main program first."""
    seen: set[str] = set()
    for module in session.dbg.modules:
        where = os.path.basename(module.name)
        try:
            for name in module.names(prefix):
                if name not in seen:
                    seen.add(name)
                    yield Candidate(name, where)
                if len(seen) >= LIMIT:
                    return
        except DebuggerError:
            continue  # a damaged file has no names to offer


def _register_rows(session: Session) -> Iterator[tuple[str, str]]:
    arch = session.dbg.arch
    for register in arch.registers:
        kind = "general" if "general" in register.group else ", ".join(register.group[:1])
        yield register.name, f"{kind} register, {8 * register.size} bits".lstrip()
    for alias, name in arch.aliases.items():
        yield alias, f"register {name}"


def registers(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return registers, with ``$`` where the prefix has one."""
    mark = "$" if prefix.startswith("$") else ""
    wanted = prefix.removeprefix("$")
    for name, description in _register_rows(session):
        if name.startswith(wanted):
            yield Candidate(mark + name, description)


def dollar(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return registers and convenience variables, with their ``$``."""
    yield from registers(prefix, session)
    for name in sorted(session.dbg.convenience):
        if name.startswith(prefix[1:]):
            yield Candidate(f"${name}", "convenience variable")


def syscalls(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return system calls, and groups after ``group:``, ``g:`` or ``%``."""
    from pydbg.syscalls.table import table_for

    arch = session.dbg.arch
    table = table_for("i386" if arch.name == "i386" else "x86_64")
    for mark in ("group:", "g:", "%"):
        if prefix.startswith(mark):
            for group in sorted(table.groups()):
                if group.startswith(prefix[len(mark) :]):
                    yield Candidate(mark + group, "group of system calls")
            return
    for name in sorted(table.names()):
        if name.startswith(prefix):
            call = table.by_name(name)
            yield Candidate(name, f"system call {call.number}" if call else "")
    if prefix and "group:".startswith(prefix):
        yield Candidate("group:", "all calls of a group")


def signals(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the names of signals."""
    import signal

    for one in signal.Signals:
        if one.name.startswith(prefix):
            yield Candidate(one.name, signal.strsignal(one) or "")
    if "all".startswith(prefix):
        yield Candidate("all", "every signal")


def breakpoints(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the numbers of breakpoints, with what they stand for."""
    for number, one in session.dbg.breakpoints.items():
        if str(number).startswith(prefix):
            yield Candidate(str(number), f"{one.kind_text} {getattr(one, 'spec', '')}".rstrip())


def threads(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the numbers of threads, with their LWPs."""
    inferior = session.dbg.inferior
    for thread in inferior.threads.values() if inferior is not None else ():
        if str(thread.number).startswith(prefix):
            yield Candidate(str(thread.number), f"LWP {thread.tid}")


def pids(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return this user's processes, the oldest first."""
    from pydbg.linux.processes import processes

    for pid, name in processes():
        if str(pid).startswith(prefix):
            yield Candidate(str(pid), name)


def settings(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the names of settings, with what ``show`` says."""
    for name in session.settings.names():
        row = session.settings.row(name)
        if name.startswith(prefix) and not row.ignored:
            yield Candidate(name, session.settings.show(name))


def commands(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the full names of commands, and the help classes."""
    for row in session.commands:
        if row.name.startswith(prefix) and not row.hidden:
            yield Candidate(row.name, row.summary)
    for group, summary in GROUPS:
        if group.startswith(prefix) and group not in session.commands:
            yield Candidate(group, summary)
