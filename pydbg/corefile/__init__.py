"""Core dumps: read as an inferior that cannot run, and written of one that does.

``notes`` and ``memory`` know the file, ``inferior`` offers it as target.Inferior and Thread do,
``opening`` joins it with a program and the debugger, ``writing`` is ``generate-core-file``.
"""

from __future__ import annotations

import os

__all__ = ["is_core"]


def is_core(path: str) -> bool:
    """Tell whether a file says of itself that it is a core dump.

    >>> is_core("/bin/sh"), is_core("/nonexistent")
    (False, False)
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return False
    try:
        head = os.read(fd, 18)
    except OSError:
        return False
    finally:
        os.close(fd)
    return head[:4] == b"\x7fELF" and head[16:] in (b"\x04\0", b"\0\x04")
