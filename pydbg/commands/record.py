"""``record session``: write what is done and what is shown to a file that can be replayed.

A transcript is text: lines that begin with ``(pydbg) `` are commands, lines that begin with
``>`` behind them are the body of a block, all else is what was shown, with what differs from
run to run replaced (:mod:`pydbg.normalise`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, FileError

if TYPE_CHECKING:
    from pydbg.commands.lines import Writer
    from pydbg.commands.session import Session

__all__ = ["PROMPT", "Recorder", "commands"]

from pydbg.transcript import PROMPT

_KEY = "recorder"
_OWN = frozenset({"record session", "record stop"})


class Recorder:
    """Watch a session and collect its transcript.

    ``write`` takes each piece of the transcript when it is complete: a command with what it
    showed. It is the session's ``recorder``, and stands between it and its writers.
    """

    def __init__(self, session: Session, write: Callable[[str], None]) -> None:
        from pydbg.commands.expect import capturing
        from pydbg.normalise import normaliser_for

        self._session = session
        self._write = write
        self._normalise = normaliser_for(session.dbg)
        self._depth = 0
        self._block: list[str] = []
        self._shown: list[str] = []
        self._captured = capturing(session)
        self._out, self._err = self._captured.target, session.err
        self._captured.target = _Tee(self._out, self._note)
        session.err = _Tee(self._err, self._note)
        session.recorder = self

    def stop(self) -> None:
        """Write what is left and let the session go on without a transcript."""
        self._end_block()
        self._session.recorder = None
        self._captured.target, self._session.err = self._out, self._err

    # --- what the session does ---------------------------------------------------------------

    @contextmanager
    def command(self, line: str, again: bool) -> Iterator[None]:
        """Watch a command run; at the top, it begins a new block of the transcript."""
        if self._depth or self._is_own(line):
            yield
            return
        self._end_block()
        self._block = [PROMPT + ("" if again else line)]
        self._depth += 1
        try:
            yield
        except DebuggerError as error:
            self._shown.append(str(error) + "\n")
            raise
        finally:
            self._captured.settle()  # What the program printed belongs to this command.
            self._session.out.flush()
            self._depth -= 1
            self._end_block()

    def _is_own(self, line: str) -> bool:
        try:
            return self._session.commands.resolve(line).command.name in _OWN
        except DebuggerError:
            return False

    def body(self, lines: tuple[str, ...]) -> None:
        """Take the lines that a command has read for itself."""
        if self._depth == 1:
            self._block += [f">{line}" for line in (*lines, "end")]

    def _note(self, text: str) -> None:
        # Errors at the top are noted where they are raised: without the script's name.
        if self._depth:
            self._shown.append(text)

    def _end_block(self) -> None:
        if self._block:
            shown = self._normalise("".join(self._shown))
            lines = [line.rstrip() for line in shown.split("\n")]
            text = "\n".join(lines).rstrip("\n")
            self._write("\n".join(self._block) + "\n" + (text + "\n" if text else ""))
        self._block, self._shown = [], []


class _Tee:
    """Pass text on and tell of it."""

    def __init__(self, target: Writer, tell: Callable[[str], None]) -> None:
        self.target = target
        self._tell = tell

    def write(self, text: str, /) -> int:
        """Take a piece of text."""
        self._tell(text)
        self.target.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was taken."""
        self.target.flush()


# --- the commands --------------------------------------------------------------------------


def record_session(session: Session, parsed: Parsed) -> str:
    """Begin a transcript."""
    from pydbg import __version__

    path: str = parsed["FILE"]
    if session.memory.get(_KEY) is not None:
        raise CommandError('A session is being recorded already; "record stop" ends it.')
    if session.dbg.inferior is not None or session.dbg.breakpoints:
        raise CommandError(
            "A recording must begin before breakpoints are set and the program is run, "
            "or it could not be replayed."
        )
    try:
        stream = open(path, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}.") from None

    def write(text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except OSError as error:
            raise FileError(f"{path}: {error.strerror}.") from None

    write(f'# A session with pydbg {__version__}; "pydbg test {os.path.basename(path)}" '
          "replays it.\n" + _opening(session))  # fmt: skip
    session.memory[_KEY] = Recorder(session, write), stream
    return f"Recording to {path}."


def _opening(session: Session) -> str:
    """Return the commands that bring a fresh session to where this one is."""
    lines = ""
    if session.dbg.program is not None:
        lines += f"{PROMPT}file {_short(session.dbg.program)}\n"
    args = session.settings.text("args")
    if args:
        lines += f"{PROMPT}set args {args}\n"
    return lines


def _short(path: str) -> str:
    here = os.getcwd()
    return "./" + os.path.relpath(path, here) if path.startswith(here + "/") else path


def record_stop(session: Session, parsed: Parsed) -> str:
    """End the transcript."""
    found = session.memory.pop(_KEY, None)
    if found is None:
        raise CommandError("No session is being recorded.")
    recorder, stream = found
    recorder.stop()
    stream.close()
    return f"Recorded to {stream.name}."


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "record",
            group="support",
            summary="Record what is done and what is shown.",
            prefix=True,
            extension=True,
        ),
        Command(
            "record session",
            group="support",
            summary="Record the session to a file, as a test.",
            help="The file holds the commands and what they show, also what the program prints, "
            "with\naddresses, process numbers and temporary paths replaced by what they mean.  "
            "It is\nwritten as it goes; pydbg test FILE replays it and shows what is different.",
            args=(Arg("FILE", kinds.FILE, doc="the transcript"),),
            example="record session crash.session",
            repeat="no",
            extension=True,
            run=record_session,
        ),
        Command(
            "record stop",
            group="support",
            summary="End the recording.",
            example="record stop",
            repeat="no",
            extension=True,
            run=record_stop,
        ),
    )
