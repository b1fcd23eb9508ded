"""What a descriptor is, beyond its path (``-yy``)."""

from __future__ import annotations

from pydbg.linux import procfs, sockets

__all__ = ["details"]


def details(tid: int, fd: int, known: dict[int, str]) -> str | None:
    """Return what stands between the angle brackets, None where the path says it all.

    ``known`` keeps connections by inode: they are told as they were when one end has gone.
    """
    path = procfs.fd_path(tid, fd)
    if path is None:
        return None
    if path.startswith("socket:["):
        inode = path[len("socket:[") : -1]
        return _socket(tid, fd, int(inode), known) if inode.isdecimal() else None
    if path == "anon_inode:[pidfd]" or path.startswith("pidfd:"):
        pid = sockets.pidfd_process(tid, fd)
        return f"pid:{pid}" if pid is not None else None
    numbers = sockets.device(tid, fd) if path.startswith("/dev") else None
    return f"{path}<{numbers}>" if numbers else None


def _socket(tid: int, fd: int, inode: int, known: dict[int, str]) -> str | None:
    text = known.get(inode) or sockets.socket_text(tid, fd, inode)
    if text is not None and "->" in text:
        known[inode] = text
    return text
