"""A pydbg at a terminal that is looked at: pexpect types, pyte shows the screen."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pyte

from tests.support.run import command, environment

PATIENCE = 30


class Terminal:
    """Drive a pydbg and keep the screen as a person would see it."""

    def __init__(self, *args: str | Path, columns: int = 80, lines: int = 24, **env: str) -> None:
        first, *rest = command("-nx", *args)
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self.screen)
        self.raw = ""
        """All that was sent to the terminal."""
        # prompt_toolkit asks where the cursor is (CPR); this terminal answers as a real one.
        wanted = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "", "NO_COLOR": "", **env}
        self.child: Any = pexpect.spawn(
            first,
            rest,
            env=environment(wanted),
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(lines, columns),
        )
        self.child.delaybeforesend = None  # A person's keys come at once.
        self.screen.write_process_input = self._answer

    def _answer(self, text: str) -> None:
        if self.child.isalive():
            self.child.send(text)

    @property
    def rows(self) -> list[str]:
        """The lines of the screen without blanks at their ends."""
        return [row.rstrip() for row in self.screen.display]

    @property
    def text(self) -> str:
        """The whole screen."""
        return "\n".join(self.rows).rstrip()

    def until(self, seen: Callable[[Terminal], bool]) -> None:
        """Read what comes until the screen is as ``seen`` wants it."""
        while not seen(self):
            try:
                piece = self.child.read_nonblocking(4096, timeout=PATIENCE)
            except (pexpect.TIMEOUT, pexpect.EOF) as error:
                raise AssertionError(
                    f"{type(error).__name__}; the screen is:\n{self.text}"
                ) from None
            self.raw += piece
            self._stream.feed(piece)

    def shows(self, text: str) -> None:
        """Wait until ``text`` is on the screen."""
        self.until(lambda one: text in one.text)

    def ready(self, prompt: str = "(pydbg)") -> None:
        """Wait for an empty prompt below all else."""
        self.until(lambda one: one.prompt_row() == prompt)

    def prompt_row(self) -> str:
        """Return the line that the cursor is in."""
        return self.rows[self.screen.cursor.y]

    def send(self, keys: str) -> None:
        """Press keys."""
        self.child.send(keys)

    def run(self, line: str) -> None:
        """Type a line and wait for the next prompt."""
        self.send(line)
        self.until(lambda one: line[-20:] in one.prompt_row())
        self.send("\r")
        self.ready()

    def lent(self) -> None:
        """Wait until the debugger has given the terminal to its program."""
        while os.tcgetpgrp(self.child.child_fd) == self.child.pid:
            os.sched_yield()

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the window."""
        self.screen.resize(lines, columns)
        self.child.setwinsize(lines, columns)

    def status(self) -> int:
        """Wait for the end and return the exit status."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None
                   else -self.child.signalstatus)  # fmt: skip

    def close(self) -> None:
        """End it, however it stands."""
        self.child.close(force=True)
