"""Where the text goes, and the stream of events: ``--output``, ``--log-fd``, ``--json``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from pydbg.errors import FileError

if TYPE_CHECKING:
    from pydbg.cli import Options
    from pydbg.commands.lines import Writer
    from pydbg.commands.session import Session
    from pydbg.debugger import Debugger
    from pydbg.events import Event

__all__ = ["JsonStream", "redirected", "reported"]

_STDOUT, _STDERR = 1, 2


@contextmanager
def redirected(options: Options, dbg: Debugger) -> Iterator[None]:
    """Send the debugger's text and the program's output where the options say.

    FileError if a file cannot be opened.
    """
    before = sys.stdout
    target: TextIO | None = None
    if options.output:
        target = _opened(options.output)
    elif options.log_fd:
        target = _descriptor(int(options.log_fd), "--log-fd")
    elif options.json == f"fd:{_STDOUT}":
        # The text is in the events; nothing else may come between them.
        target = _opened(os.devnull)
    if options.json == f"fd:{_STDOUT}":
        dbg.stdout = _STDERR
    for name, text in (("stdout", options.inferior_stdout), ("stderr", options.inferior_stderr)):
        if text:
            setattr(dbg, name, os.devnull if text == "null" else os.path.abspath(text))
    try:
        if target is not None:
            before.flush()
            sys.stdout = target
        yield
    finally:
        sys.stdout = before
        if target is not None:
            target.close()


def _opened(path: str) -> TextIO:
    try:
        return open(path, "w", encoding="utf-8", errors="backslashreplace")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise FileError(f"{path}: {why}.") from None


def _descriptor(fd: int, option: str) -> TextIO:
    try:
        copy = os.dup(fd)
    except (OSError, OverflowError):
        raise FileError(f"{option}: there is no open descriptor {fd}.") from None
    os.set_inheritable(copy, False)
    return os.fdopen(copy, "w", encoding="utf-8", errors="backslashreplace")


class JsonStream:
    """Write what happens in a session as JSON Lines, an event a line, each flushed."""

    def __init__(self, file: TextIO, version: str) -> None:
        from pydbg.render.jsonevents import SCHEMA

        self._file = file
        self.words: Callable[[str], str] = str
        """What a text passes through: ``--normalise``."""
        self.emit({"event": "begin", "schema": SCHEMA, "pydbg": version})

    def emit(self, event: dict[str, Any]) -> None:
        """Write one event."""
        from json import dumps

        # Text of the program may hold what is no UTF-8; it is escaped, as all that is not ASCII.
        self._file.write(dumps(event) + "\n")
        self._file.flush()

    def stopped(self, event: Event, record: Any) -> None:
        """Write the end of a run."""
        from pydbg.render.jsonevents import stopped

        self.emit(stopped(event, record))

    def noticed(self, event: Event) -> None:
        """Write what happened while the program runs on."""
        from pydbg.render.jsonevents import noticed

        self.emit(noticed(event))

    def failed(self, error: BaseException) -> None:
        """Write an error."""
        from pydbg.render.jsonevents import failed

        event = failed(error)
        self.emit({**event, "message": self.words(event["message"])})


class _Reported:
    """Pass text on, and write it into the stream of events when it is flushed."""

    def __init__(self, before: Writer, stream: JsonStream) -> None:
        self._before = before
        self._stream = stream
        self._waiting: list[str] = []

    def write(self, text: str, /) -> None:
        """Take a piece of text."""
        self._waiting.append(text)
        self._before.write(text)

    def flush(self) -> None:
        """Pass on what was taken."""
        text = "".join(self._waiting)
        self._waiting.clear()
        if text:
            self._stream.emit({"event": "output", "text": text})
        self._before.flush()


@contextmanager
def reported(session: Session, options: Options) -> Iterator[JsonStream | None]:
    """Write the events of a session where ``--json`` says."""
    if not options.json:
        yield None
        return
    from pydbg import __version__

    if options.json.startswith("fd:"):
        file = _descriptor(int(options.json[3:]), "--json")
    else:
        file = _opened(options.json)
    with file:
        stream = JsonStream(file, __version__)
        before, session.out = session.out, _Reported(session.out, stream)
        session.observers.append(stream)
        try:
            yield stream
        finally:
            session.out.flush()
            session.out = before
            session.observers.remove(stream)
