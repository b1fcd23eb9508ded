"""What completes an argument: names of symbols, registers, files, calls, breakpoints ...

Each function takes a prefix and the session and returns candidates with a short description.
Completion must never fail and never touch the program: whatever is not there gives nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pydbg.commands.kinds import Candidate

if TYPE_CHECKING:
    from pydbg.commands.session import Session

LIMIT = 500
"""The most candidates that are offered for one word."""


def files(prefix: str, *, directories: bool = False) -> Iterator[Candidate]:
    """Return the files that ``prefix`` begins, ``~`` expanded, folders with a slash."""
    head, tail = os.path.split(prefix)
    folder = os.path.expanduser(head) or "."  # noqa: PTH111
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
        yield Candidate(os.path.join(head, name) + ("/" if is_folder else ""), kind)  # noqa: PTH118


def symbols(prefix: str, session: Session, *, functions: bool = False) -> Iterable[Candidate]:
    """Return the symbols that ``prefix`` begins, those of the main program first."""
    return ()


def dollar(prefix: str, session: Session) -> Iterable[Candidate]:
    """Return registers and convenience variables, with their ``$``."""
    return ()


def registers(prefix: str, session: Session) -> Iterable[Candidate]:
    """Return registers without ``$``, or with it where the prefix has one."""
    return ()


def syscalls(prefix: str, session: Session) -> Iterable[Candidate]:
    """Return system calls and their groups."""
    return ()


def signals(prefix: str, session: Session) -> Iterable[Candidate]:
    """Return the names of signals."""
    return ()


def breakpoints(prefix: str, session: Session) -> Iterable[Candidate]:
    """Return the numbers of breakpoints, with what they stand for."""
    return ()


def threads(prefix: str, session: Session) -> Iterable[Candidate]:
    """Return the numbers of threads."""
    return ()


def pids(prefix: str, session: Session) -> Iterable[Candidate]:
    """Return the processes that this user may attach to."""
    return ()


def settings(prefix: str, session: Session) -> Iterable[Candidate]:
    """Return the names of settings."""
    return ()


def commands(prefix: str, session: Session) -> Iterable[Candidate]:
    """Return the full names of commands."""
    return ()
