"""The loop of the prompt: read a line, run it, whatever happens.

At a terminal ``prompt.py`` reads the lines. On a dumb terminal, or where the output is no
terminal, plain ``input()`` does. What a line does is the session's business.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from signal import SIGKILL
from time import monotonic
from typing import TYPE_CHECKING

from pydbg.commands.session import Quit, Session, Source
from pydbg.errors import DebuggerError
from pydbg.events import Event, Interrupted
from pydbg.ui.early import EarlyPrompt, can_edit

if TYPE_CHECKING:
    from pydbg.ui.prompt import PromptLines

__all__ = ["PlainLines", "loop", "run_line"]

TWICE = 2.0
"""Seconds within which a second Ctrl-C asks for more than the first."""


def loop(session: Session, lines: Source | None = None, *, early: EarlyPrompt | None = None) -> int:
    """Read and run lines until ``quit`` or the end of input; return the exit status.

    ``early`` is a prompt that is on the screen already.
    """
    try:
        source = lines or _lines(session, early)
    except KeyboardInterrupt:  # It came while the prompt was made ready.
        source = _lines(session, None)
    try:
        return _loop(session, source)
    finally:
        if isinstance(source, EditedLines):
            source.end()


def _loop(session: Session, source: Source) -> int:
    interrupts = _Interrupts(session)
    if session.interactive:
        session.dbg.on_stuck = interrupts.stuck
    with session.reading(source):
        while True:
            try:
                line = source.next_line(_prompt_text(session))
            except KeyboardInterrupt as dropped:
                # Ctrl-C drops the line. With nothing to drop it may be meant for the program.
                if not getattr(dropped, "text", "") and interrupts.is_second():
                    interrupts.offer()
                continue
            if line is None:
                from pydbg.commands.support import leave

                session.say("quit")
                if leave(session):
                    return 0
                continue
            try:
                run_line(session, line)
            except Quit as quit_:
                return quit_.status or 0
            interrupts.note()


class _Interrupts:
    """Know when Ctrl-C stopped the program, and what a second one soon after it asks for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seen: Event | None = None
        self._when = 0.0
        self._asking = False
        self._leaving = False

    def note(self) -> None:
        """Note an interrupt that the last command ended with."""
        if self._leaving:
            self._leaving = False
            self._end("d")
        event = self._session.last_event
        if event is not self._seen:
            self._seen = event
            if isinstance(event, Interrupted):
                self._when = monotonic()

    def is_second(self) -> bool:
        """Return whether the program was interrupted a moment ago; only once for each time."""
        recent = bool(self._when) and monotonic() - self._when <= TWICE
        self._when = 0.0
        return recent and self._session.dbg.inferior is not None

    def offer(self) -> None:
        """Offer to kill the program or to let it go."""
        session = self._session
        if not session.interactive:
            return
        try:
            answer = session.ask("Kill the program, detach from it, or neither? (k, d or n) ")
        except (EOFError, KeyboardInterrupt):
            session.say("")
            return
        self._end(answer.strip().lower()[:1])

    def stuck(self) -> None:
        """Offer to end a program that does not stop; this is in the second Ctrl-C's handler.

        It waits in the kernel where only SIGKILL reaches it (for a vfork child, for a disk), so
        nothing but that can be done now: ptrace serves stopped threads only.
        """
        session, dbg = self._session, self._session.dbg
        if self._asking:
            raise KeyboardInterrupt  # At the question: neither.
        try:
            with dbg.terminal.borrowed() if dbg.terminal else nullcontext():
                self._asking = True
                try:
                    session.say("The program has not stopped yet.")
                    answer = session.ask("Kill it, detach when it stops, or wait? (k, d or w) ")
                finally:
                    self._asking = False
        except (EOFError, KeyboardInterrupt):
            session.say("")
            return
        except RuntimeError:
            return  # Output was under way: a handler cannot write then.
        word = answer.strip().lower()[:1]
        if word == "d":
            self._leaving = True
        elif word == "k" and dbg.inferior is not None:
            dbg.control.interrupt_requested = False  # Its end is told instead of a stop.
            os.kill(dbg.inferior.pid, SIGKILL)

    def _end(self, word: str) -> None:
        """Kill the program ("k") or detach from it ("d") and say so."""
        session, dbg = self._session, self._session.dbg
        inferior = dbg.inferior
        if inferior is None or word not in ("k", "d"):
            return
        try:
            dbg.kill() if word == "k" else dbg.detach()
        except DebuggerError as error:
            session.warn(str(error))
            return
        what = "killed" if word == "k" else "detached"
        session.say(f"[Inferior {inferior.number} (process {inferior.pid}) {what}]")


def run_line(session: Session, line: str) -> None:
    """Run a typed line; an error, an interrupt and a bug of pydbg are shown and forgotten."""
    try:
        session.enter(line)
    except DebuggerError as error:
        session.warn(str(error))
    except KeyboardInterrupt:
        session.warn("Quit")
    except (Quit, BrokenPipeError):
        raise
    except Exception as error:
        from pydbg.ui.batch import internal_error

        session.out.flush()
        internal_error(error)
    session.out.flush()


def _prompt_text(session: Session) -> str:
    # Commands lose their trailing blanks, so the blank after the prompt is ours.
    text = session.settings.text("prompt")
    return f"{text} " if text else ""


def _lines(session: Session, early: EarlyPrompt | None) -> Source:
    if not (session.interactive and can_edit()):
        return PlainLines()
    return EditedLines(session, early)


class EditedLines:
    """Read lines by the editor, but those that were typed whole before it was there."""

    name = ""
    typed = True

    def __init__(self, session: Session, early: EarlyPrompt | None) -> None:
        self.number = 0
        self._session = session
        self._editor: PromptLines | None = None
        self._early = early
        self._read: list[str] = []
        """Lines that were read without the editor."""
        self._lines: list[str] = []
        self._rest = ""
        if early is None:
            self._load()
        else:
            self._lines, self._rest = plain_lines(early.keys.waiting())

    def next_line(self, prompt: str = "") -> str | None:
        """Return the next line, None for Ctrl-D; KeyboardInterrupt for Ctrl-C."""
        self.number += 1
        if self._editor is None and self._lines:
            early = self._early = self._early or EarlyPrompt()
            early.keys.allow_interrupt()  # One that waits comes now; the line stays.
            line = self._lines.pop(0)
            self._read.append(line)
            self._session.out.flush()
            self._early = None
            early.typed(prompt, line)
            return line
        return (self._editor or self._load(prompt)).next_line(prompt)

    def _load(self, prompt: str = "") -> PromptLines:
        shown, self._early = self._early or EarlyPrompt(), None
        try:
            shown.show(prompt or _prompt_text(self._session))
            from pydbg.ui.prompt import PromptLines

            editor = self._editor = PromptLines(self._session)
            editor.remember(self._read)
            rest, self._rest = self._rest, ""
            shown.take()
            editor.feed(rest)
        except BaseException:  # Whatever it was, the terminal is given back as it came.
            shown.abandon()
            raise
        editor.release = shown.keys.release
        return editor

    def end(self) -> None:
        """Keep the lines in the history that no editor has kept."""
        if self._editor is None and self._read:
            from pydbg.ui.prompt import keep_history

            keep_history(self._session, self._read)


def plain_lines(data: bytes) -> tuple[list[str], str]:
    r"""Split what was typed: whole lines of plain text, and what needs the editor.

    >>> plain_lines(b"print 1\nbt\nsho"), plain_lines(b"p\x1b[D\nbt\n")
    ((['print 1', 'bt'], 'sho'), ([], 'p\x1b[D\nbt\n'))
    """
    lines: list[str] = []
    text = data.decode("utf-8", "surrogateescape")
    while True:
        line, newline, rest = text.partition("\n")
        if not newline or not (line.isprintable() or not line) or line.endswith("\\"):
            return lines, text
        lines.append(line)
        text = rest


class PlainLines:
    """Read lines by ``input()``."""

    name = ""
    typed = True

    def __init__(self) -> None:
        self.number = 0

    def next_line(self, prompt: str = "") -> str | None:
        """Return the next line, None at the end of input or when the terminal is gone."""
        found = ""
        while True:
            try:
                line = input(prompt)
            except EOFError:
                return found or None
            except KeyboardInterrupt:
                print()  # Behind the ^C that the terminal has echoed.
                raise
            except OSError:  # EIO: the terminal was closed
                return None
            self.number += 1
            found += line
            if not found.endswith("\\"):
                return found
            found, prompt = found[:-1], ">"
