"""Where the lines of a trace go: a file, a pipe into a command, stderr.

What is written to a file is collected and handed over when the buffer is full, ten times a
second, and at every end: a reader of the file is never far behind, and a line costs no system
call of its own. stderr gets each piece at once.
"""

from __future__ import annotations

import os

from pydbg.errors import FileError

__all__ = ["Stream", "coloured", "opened", "piped"]

_ROOM = 1 << 16


class Stream:
    """Write text to a descriptor."""

    def __init__(self, fd: int, *, at_once: bool) -> None:
        self.fd = fd
        self.at_once = at_once
        self._pieces: list[str] = []
        self._size = 0
        self.broken = False
        """The reader has gone: there is nobody to write for."""

    def write(self, text: str) -> None:
        """Write ``text``, at once or soon."""
        self._pieces.append(text)
        self._size += len(text)
        if self.at_once or self._size > _ROOM:
            self.flush()

    def flush(self) -> None:
        """Hand over what is held back."""
        if not self._pieces:
            return
        pieces, self._pieces, self._size = self._pieces, [], 0
        data = memoryview("".join(pieces).encode("utf-8", "surrogateescape"))
        while data and not self.broken:
            try:
                data = data[os.write(self.fd, data) :]
            except BrokenPipeError:
                self.broken = True
            except OSError as error:
                self.broken = True
                raise FileError(f"Cannot write the trace: {error.strerror}.") from None

    def close(self) -> None:
        """Hand over what is held back, and close a file."""
        self.flush()
        if self.fd > 2:
            os.close(self.fd)


def coloured(fd: int, when: str) -> bool:
    """Tell whether what goes to a descriptor is coloured; NO_COLOR and dumb terminals say no.

    >>> coloured(1, "always"), coloured(1, "never")
    (True, False)
    """
    if when != "auto":
        return when == "always"
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return not plain and os.isatty(fd)


def opened(path: str, append: bool) -> Stream:
    """Return a stream to a file; raises FileError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_APPEND if append else os.O_TRUNC)
    try:
        return Stream(os.open(path, flags, 0o666), at_once=False)
    except OSError as error:
        raise FileError(f"Can't fopen '{path}': {error.strerror}") from None


def piped(command: str) -> tuple[Stream, int]:
    """Return a stream into a command of the shell, and the shell's pid."""
    import subprocess

    # Started before the program, so that it is never a tracee; it ends when the stream does.
    shell = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE)
    assert shell.stdin is not None
    fd = os.dup(shell.stdin.fileno())
    shell.stdin.close()
    shell.returncode = 0  # Its status is waited for by who waits for all.
    return Stream(fd, at_once=True), shell.pid
