"""The prompt at a real terminal: the only module that imports prompt_toolkit.

History with suggestions and Ctrl-R, completion in a thread, highlighting, emacs or vi keys, and
a line about the program below. The settings are asked before each line, so ``set editing-mode``
and the others work at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydbg.commands.session import Session

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyBindings

__all__ = ["Dropped", "PromptLines", "history_path", "make_completer"]


class Dropped(KeyboardInterrupt):
    """Report a Ctrl-C at the prompt; ``text`` is the line that it dropped."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


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
        self._lexers: dict[str, Any] = {}
        self._in_python = False
        self.release: Callable[[], None] | None = None
        """What gives the terminal back after the first line (:class:`pydbg.ui.early.KeptKeys`)."""

    def next_line(self, prompt: str = "") -> str | None:
        """Return the next line, None for Ctrl-D; :class:`Dropped` for Ctrl-C.

        A prompt of ``>`` asks for a line of a block; those of ``python`` are edited as Python.
        """
        self.number += 1
        is_inside = prompt.startswith(">")
        if self._pasted:
            return self._note(self._pasted.pop(0), is_inside=is_inside)
        self._session.out.flush()
        self._in_python = self._in_python and is_inside
        self._apply_settings()
        try:
            text = self._read(prompt)
            while text.endswith("\\"):
                text = text[:-1] + self._read("> ")
        except EOFError:
            return None
        except OSError:  # EIO: the terminal was closed
            return None
        # Lines pasted at once arrive as one text.
        line, *self._pasted = text.split("\n")
        return self._note(line, is_inside=is_inside)

    def remember(self, lines: Iterable[str]) -> None:
        """Put lines into the history that were read in another way; one may begin a block."""
        for line in filter(None, lines):
            self._note(line, is_inside=True)
            self._prompt.history.append_string(line)

    def feed(self, keys: str) -> None:
        """Take keys that were typed before there was an editor."""
        if keys:
            from prompt_toolkit.input.typeahead import store_typeahead
            from prompt_toolkit.input.vt100_parser import Vt100Parser
            from prompt_toolkit.key_binding import KeyPress

            pressed: list[KeyPress] = []
            Vt100Parser(pressed.append).feed_and_flush(keys)
            store_typeahead(self._prompt.app.input, pressed)

    def _read(self, prompt: str) -> str:
        try:
            return self._prompt.prompt(prompt)
        except KeyboardInterrupt:
            self._pasted = []
            self._in_python = False
            raise Dropped(self._prompt.default_buffer.text) from None
        finally:
            if self.release is not None:
                self.release()
                self.release = None

    def _note(self, line: str, *, is_inside: bool) -> str:
        word = line.strip()
        if word in ("python", "py", "python-interactive"):
            self._in_python = True
        elif word == "end" or not is_inside:
            self._in_python = False
        return line

    def _apply_settings(self) -> None:
        from prompt_toolkit.enums import EditingMode
        from prompt_toolkit.output import ColorDepth

        from pydbg.render.paint import coloured

        settings, prompt = self._session.settings, self._prompt
        vi = settings.text("editing-mode") == "vi"
        prompt.editing_mode = EditingMode.VI if vi else EditingMode.EMACS
        colour = coloured(settings)
        prompt.color_depth = None if colour else ColorDepth.MONOCHROME
        theme = settings.text("style theme") if colour else "plain"
        kind = "none" if not colour else "python" if self._in_python else "command"
        prompt.lexer = self._lexer(kind)
        prompt.style = self._style(theme)
        prompt.bottom_toolbar = self._toolbar if settings.flag("toolbar") else None
        prompt.completer = None if self._in_python else self._completer()

    def _lexer(self, kind: str) -> Any:
        if kind == "none":
            return None
        if kind not in self._lexers:
            from prompt_toolkit.lexers import PygmentsLexer

            from pydbg.ui import highlight

            make = highlight.python_lexer if kind == "python" else highlight.command_lexer
            self._lexers[kind] = PygmentsLexer(make())
        return self._lexers[kind]

    def _style(self, theme: str) -> Any:
        from pydbg.ui.highlight import style

        key = f"style {theme}"
        if key not in self._lexers:
            self._lexers[key] = style(theme)
        return self._lexers[key]

    def _completer(self) -> Any:
        if "completer" not in self._lexers:
            from prompt_toolkit.completion import ThreadedCompleter

            self._lexers["completer"] = ThreadedCompleter(make_completer(self._session))
        return self._lexers["completer"]

    def _toolbar(self) -> str:
        from pydbg.ui.toolbar import toolbar

        return toolbar(self._session, self._prompt.app.output.get_size().columns)


def _prompt_session(session: Session, **options: Any) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory

    return PromptSession(
        history=_history(session),
        auto_suggest=AutoSuggestFromHistory(),
        complete_while_typing=False,
        key_bindings=_keys(),
        reserve_space_for_menu=6,
        include_default_pygments_style=False,
        **options,
    )


def _keys() -> KeyBindings:
    """Return the keys of our own: Tab indents where no command is completed."""
    from prompt_toolkit.application import get_app
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.key_binding.key_processor import KeyPressEvent

    keys = KeyBindings()

    @Condition
    def is_python() -> bool:
        from prompt_toolkit.completion import DummyCompleter

        buffer = get_app().current_buffer
        inner: Any = getattr(buffer.completer, "get_completer", lambda: None)()
        return inner is None or isinstance(inner, DummyCompleter)

    @keys.add("tab", filter=is_python)
    def indent(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("    ")

    return keys


def make_completer(session: Session) -> Completer:
    """Return prompt_toolkit's completer over :func:`pydbg.ui.complete.complete`."""
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document

    from pydbg.ui.complete import MORE, complete

    class TableCompleter(Completer):
        def get_completions(
            self, document: Document, complete_event: CompleteEvent
        ) -> Iterable[Completion]:
            text = document.text_before_cursor
            for one in complete(session, text):
                yield Completion(
                    one.text,
                    one.start - len(text),
                    display="..." if one.description == MORE else None,
                    display_meta=one.description or None,
                )

    return TableCompleter()


# --- history ---------------------------------------------------------------------------------


def keep_history(session: Session, lines: Iterable[str]) -> None:
    """Put lines into the history of a session that had no editor."""
    history = _history(session)
    for line in filter(None, lines):
        history.append_string(line)


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
        def load_history_strings(self) -> Iterator[str]:
            yield from islice(
                super().load_history_strings(), session.settings.limit("history size")
            )

        def store_string(self, string: str) -> None:
            try:
                super().store_string(string)
            except OSError:
                pass  # a full disk does not end a debugging session

    return QuietHistory(path)
