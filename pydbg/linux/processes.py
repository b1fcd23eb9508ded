"""Which processes there are, for the completion of ``attach``."""

from __future__ import annotations

import os

__all__ = ["processes"]


def processes() -> list[tuple[int, str]]:
    """Return (pid, name) of this user's other processes (root: all), the newest last.

    A process that vanishes meanwhile is left out. proc(5), /proc/PID/comm.
    """
    user, found = os.geteuid(), []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if user in (0, entry.stat().st_uid):
                with open(f"{entry.path}/comm", encoding="utf-8", errors="replace") as file:
                    found.append((int(entry.name), file.read().rstrip("\n")))
        except OSError:
            continue
    return sorted(found)
