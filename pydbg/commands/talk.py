"""What a session says and asks: lines, errors, what its observers are told, questions.

:class:`Talk` is the part of a session between its commands and the writers given to it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

from pydbg.commands.lines import Writer
from pydbg.commands.runner import ScriptRunner
from pydbg.events import Event

__all__ = ["Observer", "Talk"]


class Observer(Protocol):
    """Be told what happens in a session, besides the text: a stream of events, a recorder."""

    def stopped(self, event: Event, record: Any) -> None:
        """Take the end of a run: its event, and the record of what is told about it."""

    def noticed(self, event: Event) -> None:
        """Take what happened while the program runs on."""

    def failed(self, error: BaseException) -> None:
        """Take an error that was shown."""


class Talk(ScriptRunner):
    """Show text and ask questions.

    ``out`` and ``err`` are this process's own if they are None; ``ask`` stands for ``input``.
    """

    def __init__(
        self,
        out: Writer | None,
        err: Writer | None,
        *,
        interactive: bool,
        ask: Callable[[str], str] | None,
    ) -> None:
        super().__init__()
        self.out: Writer = sys.stdout if out is None else out
        self.err: Writer = sys.stderr if err is None else err
        self.interactive = interactive
        self.observers: list[Observer] = []
        self._ask = ask

    def write(self, text: str) -> None:
        """Show ``text``, which ends with a newline if it is a line."""
        self.out.write(text)

    def say(self, text: str) -> None:
        """Show a line."""
        self.out.write(text + "\n")

    def warn(self, text: str) -> None:
        """Show a line on stderr, in order with what was shown before."""
        self.out.flush()
        self.err.write(text + "\n")
        self.err.flush()

    def error(self, error: BaseException) -> None:
        """Show an error and count it."""
        from pydbg.render.escape import clean

        self.errors += 1
        # A message may quote a file's or the program's text; its own line breaks stay.
        self.warn("\n".join(map(clean, str(error).split("\n"))))
        for observer in self.observers:
            observer.failed(error)

    def say_typed(self, text: str) -> None:
        """Show a line such as ``Continuing.`` if the commands come from stdin."""
        if self.typed():
            self.say(text)
        self.out.flush()

    def confirm(self, question: str) -> bool:
        """Ask ``question (y or n)``; True without asking where nobody can answer.

        ``set confirm off`` answers with yes too.
        """
        if not self.interactive or not self.settings.flag("confirm"):
            return True
        return self.query(f"{question} (y or n) ")

    def ask(self, prompt: str) -> str:
        """Return what the person at the terminal answers; EOFError if there is nobody."""
        self.out.flush()
        return (self._ask or input)(prompt)

    def query(self, prompt: str) -> bool:
        """Ask until the answer is y or n; the end of input is a yes, as in gdb."""
        while True:
            try:
                answer = self.ask(prompt).strip().lower()
            except EOFError:
                return True
            if answer[:1] in ("y", "n"):
                return answer.startswith("y")
            self.say("Please answer y or n.")

    def _write_block(self, text: str) -> None:
        if text:
            self.out.write(text if text.endswith("\n") else text + "\n")

    def _write_rendered(self, text: str) -> None:
        """Write a record's text, and on stderr what is marked so in it."""
        from pydbg.render.escape import ASIDE

        while ASIDE in text:
            head, _, text = text.partition(ASIDE)
            line, _, text = text.partition("\n")
            self.out.write(head)
            self.warn(line)
        self._write_block(text)
