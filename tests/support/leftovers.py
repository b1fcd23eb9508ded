"""Find processes that a test left behind.

Every live test runs with a token of its own in the environment, which all programs that it
starts inherit, however deep and whoever their parent is by now.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydbg.symbols import indexbuild

TOKEN = "PYDBG_TEST_TOKEN"
_PATIENCE_MS = 5000


def processes(token: str) -> dict[int, str]:
    """Return the processes that hold ``token``: {pid: command}.

    Without those that write an index: they are meant to outlive their session, at the lowest
    priority, which on a busy machine is long.
    """
    wanted = f"{TOKEN}={token}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                text = _describe(folder)
                if indexbuild.__name__ not in text:
                    found[int(folder.name)] = text
        except OSError:
            continue
    return found


def children() -> dict[int, str]:
    """Return the children and tracees of this process, zombies included: {pid: state}."""
    mine = {int(task.name) for task in Path("/proc/self/task").iterdir()}
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            status = (folder / "status").read_text()
        except OSError:
            continue
        tracer = int(status.partition("TracerPid:")[2].split()[0])
        if int(fields[1]) == os.getpid() or tracer in mine:
            found[int(folder.name)] = f"{_describe(folder)} in state {fields[0]}"
    return found


@contextmanager
def none_left(token: str) -> Iterator[None]:
    """Fail if the body leaves a child, a tracee or a program with ``token`` behind.

    What is on its way out may take its time; what stays is killed, so that one bad test does
    not spoil the next, and named.
    """
    before = set(children())
    yield
    left = {pid: text for pid, text in children().items() if pid not in before}
    left |= {pid: text for pid, text in processes(token).items() if not _ends(pid)}
    for pid in left:
        _kill(pid)
    if left:
        raise AssertionError(f"processes left behind: {left}")


def _describe(folder: Path) -> str:
    try:
        words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        return words.strip() or f"[{(folder / 'comm').read_text().strip()}]"
    except OSError:
        return "?"


def _ends(pid: int) -> bool:
    """Wait for a process to end and say whether it did."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(_PATIENCE_MS))
    finally:
        os.close(fd)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
        while os.waitpid(pid, 0x4000_0000)[1] & 0xFF == 0x7F:
            pass
    except (ProcessLookupError, ChildProcessError):
        pass
