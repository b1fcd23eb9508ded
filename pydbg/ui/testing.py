"""``pydbg test``: sessions as tests.

A file with ``(pydbg)`` lines is a transcript: it is replayed in a fresh debugger, and what is
shown now must be what it holds. Any other file is a script that must run without an error;
``expect``, ``expect-stop`` and ``expect-output`` are its checks.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

from pydbg.errors import CommandError, DebuggerError, FileError, UsageError
from pydbg.records import Record
from pydbg.ui.programs import die, opened

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.transcript import Transcript

__all__ = ["USAGE", "Outcome", "main", "parse", "replay", "run_file"]

USAGE = """\
Usage: pydbg test [OPTION]... FILE...

Replay recorded sessions ("record session FILE") and run scripts with checks ("expect ...").
Each file runs in a fresh debugger, in the current directory. What is different is shown.

  --junit FILE     Also write the results as JUnit XML to FILE.
  --tap            Print the results in the Test Anything Protocol.
  --timeout SECS   Let a file run for SECS seconds at most (60).
  --update         Write what is shown now into the transcripts.
  --help           Show this text.

Exit status: 0 all passed; 1 one did not; 2 wrong command line.
"""
_SECONDS = 60.0


class Outcome(Record):
    """Hold how one file did; ``message`` is one line, ``detail`` the diff or the output."""

    name: str
    passed: bool
    seconds: float
    message: str = ""
    detail: str = ""
    updated: bool = False


class _Wishes(NamedTuple):
    files: tuple[str, ...] = ()
    junit: str | None = None
    tap: bool = False
    update: bool = False
    timeout: float = _SECONDS
    help: bool = False


def parse(arguments: Sequence[str]) -> _Wishes:
    """Return what a command line asks for; UsageError where it is wrong.

    >>> parse(["--tap", "a.session"]).files
    ('a.session',)
    """
    wishes = _Wishes()
    files: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equal, value = word.partition("=")
        if not word.startswith("-"):
            files.append(word)
        elif word == "--":
            files += rest
            break
        elif name in ("--help", "-h"):
            return _Wishes(help=True)
        elif name == "--tap":
            wishes = wishes._replace(tap=True)
        elif name == "--update":
            wishes = wishes._replace(update=True)
        elif name in ("--junit", "--timeout"):
            if not equal and not rest:
                raise UsageError(f"option '{name}' requires an argument")
            value = value if equal else rest.pop(0)
            wishes = _with_value(wishes, name, value)
        else:
            raise UsageError(f"unrecognized option '{name}'")
    if not files:
        raise UsageError("a file to run is missing")
    return wishes._replace(files=tuple(files))


def _with_value(wishes: _Wishes, name: str, value: str) -> _Wishes:
    if name == "--junit":
        return wishes._replace(junit=value)
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise UsageError(f"--timeout needs a number of seconds, not '{value}'")
    return wishes._replace(timeout=seconds)


def main(arguments: Sequence[str]) -> int:
    """Run ``pydbg test`` and return the exit status."""
    from pydbg.ui.batch import INTERNAL, INTERRUPTED, Terminated, internal_error, termination

    try:
        with termination():
            return _main(arguments)
    except Terminated as error:
        die(error.signo)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads the results (pydbg test ... | head); what is buffered goes nowhere.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
        return 128 + signal.SIGPIPE
    except Exception as error:
        internal_error(error)
        return INTERNAL


def _main(arguments: Sequence[str]) -> int:
    from pydbg.render import suite

    wishes = opened("pydbg test", arguments, parse, USAGE)
    if isinstance(wishes, int):
        return wishes
    outcomes = []
    if wishes.tap:
        sys.stdout.write(suite.tap_head(len(wishes.files)))
    for number, path in enumerate(wishes.files, 1):
        outcome = run_file(path, update=wishes.update, timeout=wishes.timeout)
        outcomes.append(outcome)
        sys.stdout.write(suite.tap(outcome, number) if wishes.tap else suite.text(outcome))
        sys.stdout.flush()
    if not wishes.tap:
        sys.stdout.write(suite.summary(outcomes))
    failed = not all(outcome.passed for outcome in outcomes)
    if wishes.junit is not None:
        try:
            with open(wishes.junit, "w", encoding="utf-8") as stream:
                stream.write(suite.junit(outcomes))
        except OSError as error:
            sys.stderr.write(f"pydbg test: {wishes.junit}: {error.strerror}.\n")
            failed = True
    return int(failed)


def run_file(path: str, *, update: bool = False, timeout: float = _SECONDS) -> Outcome:
    """Run one file, a transcript or a script, and return how it did.

    >>> run_file("/nonexistent").message
    '/nonexistent: No such file or directory.'
    """
    from time import monotonic

    from pydbg.transcript import PROMPT, parse

    begin = monotonic()
    try:
        text = _read(path)
        if not any((line + " ").startswith(PROMPT) for line in text.split("\n")):
            message, detail = _script(path, timeout)
            return Outcome(path, not message, monotonic() - begin, message, detail)
        expected = parse(text)
        actual = replay(expected, timeout=timeout)
        diff = expected.diff(actual, path)
        if diff and update:
            _write(path, expected.merged(actual).text + "\n")
            return Outcome(path, True, monotonic() - begin, updated=True)
        message = f"{path}: what is shown is not what was recorded." if diff else ""
        return Outcome(path, not diff, monotonic() - begin, message, diff)
    except DebuggerError as error:
        return Outcome(path, False, monotonic() - begin, str(error))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: {getattr(error, 'strerror', error)}.") from None


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}.") from None


@contextmanager
def _fresh(timeout: float) -> Iterator[Session]:
    """Make a debugger and a session that shows nothing to anybody, for a limited time."""
    from pydbg.commands.expect import release
    from pydbg.commands.session import Session
    from pydbg.debugger import Debugger

    dbg = Debugger()
    dbg.stdin = os.devnull
    out = StringIO()
    session = Session(dbg, out=out, err=out)

    def expire() -> None:
        session.ending = CommandError(f"It took more than {timeout:g} seconds.")
        dbg.interrupt()

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()
    try:
        yield session
    finally:
        timer.cancel()
        dbg.close()
        release(session)


def replay(expected: Transcript, *, timeout: float = _SECONDS) -> Transcript:
    """Type the commands of a transcript into a fresh session; return what it shows."""
    from pydbg.commands.record import Recorder
    from pydbg.commands.session import Quit
    from pydbg.transcript import parse

    pieces: list[str] = []
    with _fresh(timeout) as session:
        recorder = Recorder(session, pieces.append)
        try:
            for block in expected.blocks:
                if session.ending is not None:
                    break
                body = _Body(block.body)
                try:
                    with session.reading(body):
                        _enter(session, block.command)
                except DebuggerError:
                    continue  # Its text is part of what is shown.
        except Quit:
            pass
        recorder.stop()
    return parse("".join(pieces))


def _enter(session: Session, command: str) -> None:
    """Type a line; a word that is no command fails where the recorder sees it."""
    try:
        if command:
            session.commands.resolve(command)
    except DebuggerError:
        session.execute(command)
    session.enter(command)


class _Body:
    """Be the source of a block's lines."""

    name = ""
    typed = False

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = [line[1:] for line in lines]
        self.number = 0

    def next_line(self, prompt: str = "") -> str | None:
        """Return the next line of the body."""
        if self.number >= len(self._lines):
            return None
        self.number += 1
        return self._lines[self.number - 1]


def _script(path: str, timeout: float) -> tuple[str, str]:
    """Run a script with checks; return the message of its failure, and what it showed."""
    from pydbg.commands.expect import capturing
    from pydbg.commands.session import Quit

    with _fresh(timeout) as session:
        out = session.out
        capturing(session)
        message = ""
        try:
            session.source(path)
        except Quit as quit_:
            if quit_.status:
                message = f"{path}: it ended with quit {quit_.status}."
        except DebuggerError as error:
            message = str(error)
    shown = out.getvalue() if isinstance(out, StringIO) else ""
    return message, shown
