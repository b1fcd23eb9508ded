"""The prompt at once, before what reads it: debugger, commands and editor take 80 ms to be loaded.

What is typed meanwhile stays in the terminal's queue, unseen. Whole lines of plain text are run
before the editor is loaded; the editor gets the rest, and draws its own prompt over this one.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from select import select
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydbg.cli import Options
    from pydbg.commands.lines import Writer
    from pydbg.commands.session import Session

__all__ = ["EarlyPrompt", "KeptKeys", "at_once", "can_edit"]

SILENT = frozenset({"args_follow", "arguments", "no_init", "program", "quiet"})
"""Options with which nothing is shown, read or written before the first prompt, but errors."""


class KeptKeys:
    """Keep what is typed for the prompt that comes: no echo, no editing by the terminal, no Ctrl-C.

    A Ctrl-C comes through with :meth:`allow_interrupt` and drops the line. The terminal is as
    before after :meth:`release`, which waits until the first line has been read: a key between
    here and the prompt's own raw mode would be echoed in front of it.
    """

    def __init__(self) -> None:
        self._modes: list[Any] | None = None
        try:
            self._fd = sys.stdin.fileno()
            self._modes = termios.tcgetattr(self._fd)
            quiet = termios.tcgetattr(self._fd)
            quiet[3] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(self._fd, termios.TCSADRAIN, quiet)
        except (OSError, ValueError, termios.error):
            pass
        self._mask: set[int] | None = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def allow_interrupt(self) -> None:
        """Let a Ctrl-C come through, also one that is waiting; once."""
        mask, self._mask = self._mask, None
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def waiting(self) -> bytes:
        """Take what was typed so far out of the terminal's queue; nothing is waited for."""
        found = b""
        if self._modes is not None:
            with suppress(OSError, ValueError):
                while select([self._fd], (), (), 0)[0] and (more := os.read(self._fd, 4096)):
                    found += more
        return found

    def release(self) -> None:
        """Give the terminal back as it was; once."""
        modes, self._modes = self._modes, None
        if modes is not None:
            with suppress(OSError, termios.error):
                termios.tcsetattr(self._fd, termios.TCSADRAIN, modes)


class EarlyPrompt:
    """A prompt that nobody reads yet, and the keys that are kept for it."""

    def __init__(self) -> None:
        self.keys = KeptKeys()
        self._width = 0

    def __enter__(self) -> EarlyPrompt:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()

    def show(self, prompt: str) -> None:
        """Show ``prompt``, of which :meth:`hide` wipes the last line, if none stands there."""
        if not self._width:
            self._width = len(prompt.rpartition("\n")[2])
            sys.stdout.write(prompt)
            sys.stdout.flush()

    def hide(self) -> None:
        """Wipe the prompt out: something is to be said in its place."""
        if self._width:
            sys.stdout.write(f"\r{' ' * self._width}\r")
            sys.stdout.flush()
        self._width = 0

    def typed(self, prompt: str, line: str) -> None:
        """Show a line that was read without the editor, as the terminal would have."""
        self.show(prompt)
        self._width = 0
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        self.keys.release()
        self.keys.allow_interrupt()

    def take(self) -> None:
        """Note that the editor is there; it draws its prompt from the start of the line."""
        self._width = 0
        sys.stdout.write("\r")
        sys.stdout.flush()
        self.keys.allow_interrupt()

    def abandon(self) -> None:
        """Undo everything; nothing is left to do once a first line has been read."""
        with suppress(OSError, ValueError):
            self.hide()
        self.keys.release()
        self.keys.allow_interrupt()

    @contextmanager
    def giving_way(self, session: Session) -> Iterator[None]:
        """Hide the prompt as soon as the session has something to say."""
        out, err = session.out, session.err
        session.out, session.err = _After(out, self), _After(err, self)
        try:
            yield
        finally:
            session.out, session.err = out, err


class _After:
    """Pass text on, when the prompt is out of its way."""

    def __init__(self, target: Writer, prompt: EarlyPrompt) -> None:
        self._target = target
        self._prompt = prompt

    def write(self, text: str, /) -> int:
        self._prompt.hide()
        self._target.write(text)
        return len(text)

    def flush(self) -> None:
        self._target.flush()


def greeting() -> str:
    """Return the line that a session at a terminal begins with."""
    from pydbg import __version__

    return f'pydbg {__version__}.  Type "help" for help, "quit" to leave.\n'


def can_edit() -> bool:
    """Return whether the terminal can do more than print lines."""
    return os.environ.get("TERM", "dumb") not in ("dumb", "")


def at_once(options: Options, init_file: str | None) -> EarlyPrompt | None:
    """Show the prompt if it is certain that it comes next, else return None.

    ``init_file`` is what will be read before: it may say anything, and change the prompt.
    """
    from pydbg.cli import Options as Plain
    from pydbg.settings import table

    usual = vars(Plain())
    differs = {name for name, value in vars(options).items() if value != usual[name]}
    if differs - SILENT or init_file is not None or not can_edit():
        return None
    try:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            return None
    except (AttributeError, ValueError):  # closed
        return None
    text = next(row.default for row in table() if row.name == "prompt")
    early = EarlyPrompt()
    early.show(f"{text} " if options.quiet else f"{greeting()}{text} ")
    return early
