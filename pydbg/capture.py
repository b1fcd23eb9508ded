"""What the program prints, read by the debugger: to expect it, to record it, to pass it on.

The program's stdout and stderr are a pseudo-terminal, so that the C library writes lines as
they are complete and not a buffer at the end. A thread reads the other side all the time, or
a program that prints much would wait for ever.

What a stopped program has printed may still be on its way through the kernel's terminal layer.
So :meth:`Capture.sync` writes a mark into the terminal behind it and waits until the reader
has seen the mark: all that was printed before it has been read then. No timing is involved.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import CommandError

if TYPE_CHECKING:
    from pydbg.debugger import Debugger

__all__ = ["Capture"]

_PATIENCE = 5.0
_PIECE = 1 << 16
_END = b"\0pydbg end\0"


class Capture:
    """Capture what the program of a debugger prints from its next start on.

    ``forward`` is called by the reading thread with each piece. CommandError where the kernel
    gives no pseudo-terminal.

    >>> from pydbg.debugger import Debugger
    >>> with Debugger("/bin/echo", ["hello"]) as dbg:
    ...     capture = Capture(dbg)
    ...     event = dbg.run()
    ...     capture.sync()
    >>> capture.text
    'hello\\n'
    >>> capture.close()
    """

    def __init__(self, dbg: Debugger, forward: Callable[[str], None] | None = None) -> None:
        from codecs import getincrementaldecoder

        try:
            self._master, self._slave = os.openpty()
            # A description of our own, that no program can stop: a mark must not wait.
            flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
            self._marks = os.open(os.ttyname(self._slave), flags)
        except OSError as error:
            raise CommandError(f"Cannot capture the output: {error.strerror}.") from None
        _make_plain(self._slave)
        self._dbg = dbg
        self._forward = forward
        self._decoder = getincrementaldecoder("utf-8")("backslashreplace")
        self._count = 0
        self._awaited = b""
        self._held = b""
        self._seen = threading.Event()
        self._pieces: list[str] = []
        self._length = 0
        self._resumed = 0
        self._stopped = 0
        self._before = dbg.stdout, dbg.stderr
        if dbg.stdout is None:
            dbg.stdout = self._slave
        if dbg.stderr is None:
            dbg.stderr = self._slave
        self._thread = threading.Thread(target=self._read, name="pydbg-capture", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """What was printed, as far as it is read: :meth:`sync` first."""
        return "".join(self._pieces)

    @property
    def latest(self) -> str:
        """What was printed between the last two calls of :meth:`note_stop`."""
        return "".join(self._pieces)[self._resumed :]

    def note_stop(self) -> None:
        """Note that the program has stopped: what it printed since the last time is the latest."""
        self._resumed, self._stopped = self._stopped, self._length

    def sync(self) -> None:
        """Wait until everything that was printed up to now has been read."""
        if not self._thread.is_alive():
            return
        self._count += 1
        mark = b"\0pydbg %d\0" % self._count
        self._seen.clear()
        self._awaited = mark
        try:
            os.write(self._marks, mark)
        except BlockingIOError:
            self._awaited = b""  # The terminal is stopped (^S): nothing comes through.
            return
        self._seen.wait(_PATIENCE)

    def close(self) -> None:
        """Stop reading; the debugger's next program prints where it did before."""
        if not self._thread.is_alive():
            return
        self.sync()
        self._dbg.stdout, self._dbg.stderr = self._before
        self._awaited = _END
        try:
            os.write(self._marks, self._awaited)
        except BlockingIOError:
            return
        self._thread.join(_PATIENCE)
        for fd in (self._marks, self._slave, self._master):
            os.close(fd)

    # --- the reading thread ------------------------------------------------------------------

    def _read(self) -> None:
        while True:
            try:
                data = self._held + os.read(self._master, _PIECE)
            except OSError:
                return
            self._held = b""
            mark = self._awaited
            before, found, after = data.partition(mark) if mark else (data, b"", b"")
            if mark and not found:
                # A mark may come in two pieces; a NUL byte is where it could begin.
                at = before.find(b"\0", max(len(before) - len(mark), 0))
                if at >= 0:
                    before, self._held = before[:at], before[at:]
            self._take(before)
            if found:
                self._awaited = b""
                self._seen.set()
                if mark == _END:
                    return
                self._take(after)

    def _take(self, data: bytes) -> None:
        text = self._decoder.decode(data)
        if text:
            self._pieces.append(text)
            self._length += len(text)
            if self._forward is not None:
                self._forward(text)


def _make_plain(fd: int) -> None:
    """Have a terminal pass bytes as they are: no CR before LF, no echo."""
    import termios

    modes = termios.tcgetattr(fd)
    modes[1] &= ~termios.OPOST
    modes[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
    termios.tcsetattr(fd, termios.TCSANOW, modes)
