"""The prompt: the only module that imports prompt_toolkit, and only when it is needed.

At a terminal there is history, suggestions from it, completion in a thread and a light
highlighting. On a dumb terminal, or where the output is no terminal, plain ``input()`` reads
the lines. What a line does is the session's business.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydbg.commands.session import Quit, Session, Source
from pydbg.errors import DebuggerError

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.history import History

__all__ = ["PlainLines", "PromptLines", "history_path", "loop", "run_line"]


def loop(session: Session, lines: Source | None = None) -> int:
    """Read and run lines until ``quit`` or the end of input; return the exit status."""
    source = lines or _lines(session)
    with session.reading(source):
        while True:
            try:
                line = source.next_line(_prompt_text(session))
            except KeyboardInterrupt:
                continue  # Ctrl-C drops the line
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


def _lines(session: Session) -> Source:
    if session.interactive and os.environ.get("TERM", "dumb") not in ("dumb", ""):
        return PromptLines(session)
    return PlainLines()


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
            except OSError:  # EIO: the terminal was closed
                return None
            self.number += 1
            found += line
            if not found.endswith("\\"):
                return found
            found, prompt = found[:-1], ">"


class PromptLines:
    """Read lines by prompt_toolkit.

    ``options`` go to its PromptSession: tests give an input and an output.
    """

    name = ""
    typed = True

    def __init__(self, session: Session, **options: Any) -> None:
        self.number = 0
        self._pasted: list[str] = []
        self._session = session
        self._prompt = _prompt_session(session, **options)

    def next_line(self, prompt: str = "") -> str | None:
        """Return the next line, None for Ctrl-D; KeyboardInterrupt for Ctrl-C."""
        self.number += 1
        if self._pasted:
            return self._pasted.pop(0)
        self._session.out.flush()
        try:
            text = self._prompt.prompt(prompt)
        except EOFError:
            return None
        except OSError:
            return None
        while text.endswith("\\"):
            text = text[:-1] + self._prompt.prompt(">")
        # Lines pasted at once arrive as one text.
        line, *self._pasted = text.split("\n")
        return line


def _prompt_session(session: Session, **options: Any) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.completion import ThreadedCompleter
    from prompt_toolkit.lexers import PygmentsLexer
    from prompt_toolkit.output import ColorDepth

    plain = bool(os.environ.get("NO_COLOR")) or not session.settings.flag("style enabled")
    if plain:
        options.setdefault("color_depth", ColorDepth.MONOCHROME)
    return PromptSession(
        history=_history(session),
        auto_suggest=AutoSuggestFromHistory(),
        completer=ThreadedCompleter(make_completer(session)),
        complete_while_typing=False,
        lexer=None if plain else PygmentsLexer(_lexer()),
        reserve_space_for_menu=6,
        include_default_pygments_style=False,
        style=_style(),
        **options,
    )


def make_completer(session: Session) -> Completer:
    """Return prompt_toolkit's completer over :func:`pydbg.ui.complete.complete`."""
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document

    from pydbg.ui.complete import complete

    class TableCompleter(Completer):
        def get_completions(
            self, document: Document, complete_event: CompleteEvent
        ) -> Iterable[Completion]:
            text = document.text_before_cursor
            for one in complete(session, text):
                yield Completion(
                    one.text, one.start - len(text), display_meta=one.description or None
                )

    return TableCompleter()


def history_path() -> str:
    """Return where the history is kept: in the XDG state folder."""
    folder = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(folder):
        folder = os.path.expanduser("~/.local/state")
    return f"{folder}/pydbg/history"


def _history(session: Session) -> History:
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    path = session.settings.text("history filename") or history_path()
    if not session.settings.flag("history save"):
        return InMemoryHistory()
    try:
        os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
        # What was typed may hold secrets: for the user's eyes only.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600))
    except (OSError, ValueError):
        return InMemoryHistory()

    class QuietHistory(FileHistory):
        def store_string(self, string: str) -> None:
            try:
                super().store_string(string)
            except OSError:
                pass  # a full disk does not end a debugging session

    return QuietHistory(path)


def _lexer() -> Any:
    """Return the pygments lexer for command lines: a command, registers, numbers, strings."""
    from pygments.lexer import RegexLexer, bygroups
    from pygments.token import Comment, Keyword, Name, Number, String, Text

    class CommandLexer(RegexLexer):  # type: ignore[misc]  # pygments is untyped
        name = "pydbg"
        tokens = {
            "root": [
                (r"^\s*#.*", Comment),
                (r"^(\s*)([\w.-]+|!)", bygroups(Text, Keyword)),
                (r"/-?\d*[a-z]+", Name.Attribute),
                (r"\$[\w$]*", Name.Variable),
                (r"0[xX][0-9a-fA-F]+|\b\d+\b", Number),
                (r'"(\\.|[^"\\])*"?', String),
                (r"'(\\.|[^'\\])*'?", String),
                (r"\w+", Text),
                (r".", Text),
            ]
        }

    return CommandLexer


def _style() -> Any:
    from prompt_toolkit.styles import Style

    return Style.from_dict(
        {
            "pygments.keyword": "bold",
            "pygments.name.variable": "ansicyan",
            "pygments.name.attribute": "ansimagenta",
            "pygments.literal.number": "ansigreen",
            "pygments.literal.string": "ansiyellow",
            "pygments.comment": "ansibrightblack",
        }
    )
