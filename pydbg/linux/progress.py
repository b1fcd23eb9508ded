"""What a process has read and written so far, as the kernel counts it."""

from __future__ import annotations

import os

from pydbg.errors import DebuggerError, PtraceError
from pydbg.linux.procfs import _read

__all__ = ["position", "written"]


def written(pid: int) -> int | None:
    """Return how many bytes a process has written by system calls, None if that is not told.

    All its descriptors count (``wchar`` of /proc/PID/io, proc(5)).

    >>> before = written(os.getpid())
    >>> with open("/dev/null", "wb", buffering=0) as null:
    ...     count = null.write(b"hello")
    >>> written(os.getpid()) - before >= 5
    True
    """
    try:
        data = _read(pid, "io")
    except (DebuggerError, PtraceError):
        return None
    for line in data.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"wchar":
            return int(value)
    return None


def position(pid: int, fd: int) -> int | None:
    """Return the place in a regular file that a descriptor is at, None for what has none.

    >>> position(os.getpid(), -1) is None
    True
    """
    path = f"/proc/{pid}/fd/{fd}"
    try:
        if not os.path.isfile(path):
            return None  # A terminal or a pipe counts nothing.
        data = _read(pid, f"fdinfo/{fd}")
    except (DebuggerError, OSError):
        return None
    head, _, value = data.split(b"\n", 1)[0].partition(b":")
    return int(value) if head == b"pos" else None
