"""Which calls have to do with a path (``-P``).

A call concerns a path when it names it, or when one of its descriptors is open on it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from pydbg.errors import DebuggerError
from pydbg.linux import procfs
from pydbg.trace.tasks import Task

__all__ = ["concerns", "text_at", "wanted"]

_PATH_MAX = 4096
_PAGE = 4096


def wanted(paths: Sequence[str]) -> tuple[frozenset[str], list[tuple[str, str]]]:
    """Return all spellings that mean one of ``paths``, and those whose real path is another.

    >>> wanted(["/etc/passwd"])
    (frozenset({'/etc/passwd'}), [])
    """
    found, resolved = set(paths), []
    for path in paths:
        real = os.path.realpath(path)
        if real != path and os.path.exists(path):
            resolved.append((path, real))
            found.add(real)
    return frozenset(found), resolved


def concerns(task: Task, paths: frozenset[str]) -> bool:
    """Tell whether the call that a task is entering has to do with one of the paths."""
    assert task.row is not None
    for arg, value in zip(task.row.call.args, task.args, strict=False):
        if arg.out:
            continue
        if arg.kind == "path":
            if text_at(task, value) in paths:
                return True
        elif arg.kind in ("fd", "dirfd"):
            fd = value & 0x7FFFFFFF
            if value & 0x80000000 == 0 and procfs.fd_path(task.tid, fd) in paths:
                return True
        elif arg.kind == "pollfds" and _polled(task, value, paths):
            return True
    return False


def text_at(task: Task, addr: int) -> str | None:
    """Return the C string at ``addr``, None where it cannot be read."""
    data = b""
    while len(data) < _PATH_MAX:
        at = addr + len(data)
        try:
            data += task.reader.read(at, min(_PAGE - at % _PAGE, 256))
        except DebuggerError:
            return None
        end = data.find(b"\0")
        if end >= 0:
            return os.fsdecode(data[:end])
    return None


def _polled(task: Task, addr: int, paths: frozenset[str]) -> bool:
    count = min(task.args[1] & 0xFFFFFFFF, 1024)
    try:
        data = task.reader.read(addr, 8 * count)
    except DebuggerError:
        return False
    fds = (int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 8))
    return any(fd < 1 << 31 and procfs.fd_path(task.tid, fd) in paths for fd in fds)
