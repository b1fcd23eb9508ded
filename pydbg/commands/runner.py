"""Running many commands: scripts, blocks, user-defined commands and their arguments.

:class:`ScriptRunner` is the half of a session that knows which lines run, in which file they
stand, and what ``$arg0`` means in them; the session itself is one command and its result.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from pydbg.commands.lines import Line, Lines, ScriptError, Source, read_block
from pydbg.errors import CommandError, DebuggerError, FileError
from pydbg.patterns import lazy_pattern

if TYPE_CHECKING:
    from pydbg.commands.lines import Writer
    from pydbg.commands.table import Commands
    from pydbg.settings import Settings

__all__ = ["Arguments", "Recording", "ScriptRunner", "UserCommand"]

_ARGUMENT = lazy_pattern(r"\$arg(?:c|([0-9]+))")
_DEEP = 16
"""From this depth of calls on Python's recursion limit is raised."""
_MOST_FILES = 100


class Arguments:
    """Hold what a user-defined command was called with; words as gdb splits them.

    >>> given = Arguments("1 'a b' \\"c d\\" x\\\\ y")
    >>> given.words
    ['1', "'a b'", '"c d"', 'x\\\\ y']
    >>> given.into("printf $arg1, $arg0 + $argc")
    "printf 'a b', 1 + 4"
    >>> given.into("echo $arg4")
    Traceback (most recent call last):
    pydbg.errors.CommandError: Missing argument 4 in user function.
    """

    def __init__(self, text: str) -> None:
        self.words = [found[0] for found in _WORD.finditer(text)]

    def into(self, line: str) -> str:
        """Return ``line`` with the arguments put in: text for text, as in gdb."""
        if "$arg" not in line:
            return line
        text = _ARGUMENT.sub(self._value, line)
        return Line(text, line.name, line.number) if isinstance(line, Line) else text

    def _value(self, found: re.Match[str]) -> str:
        if found[1] is None:
            return str(len(self.words))
        index = int(found[1])
        if index >= len(self.words):
            raise CommandError(f"Missing argument {index} in user function.")
        return self.words[index]


_WORD = lazy_pattern(r"""(?:'(?:\\.|[^'\\])*'?|"(?:\\.|[^"\\])*"?|\\.?|[^\s'"\\])+""", re.DOTALL)


class Recording(Protocol):
    """Watch a session's commands one by one (``record session``)."""

    def command(self, line: str, again: bool) -> AbstractContextManager[None]:
        """Stand around a command that runs; ``again`` says that Enter repeats it."""

    def body(self, lines: tuple[str, ...]) -> None:
        """Take the lines that the command has read for itself."""


class UserCommand:
    """Hold a command that was defined by ``define``: its lines."""

    def __init__(self, name: str, body: tuple[str, ...]) -> None:
        self.name = name
        self.body = body
        self.running = False
        """Whether it runs as a hook: a hook is not hooked by itself."""


class ScriptRunner(ABC):
    """Run lines from sources, one inside the other."""

    commands: Commands
    out: Writer
    interactive: bool

    def __init__(self) -> None:
        self.keep_going = False
        """Whether scripts run on after an error, which is shown and counted."""
        self.errors = 0
        """How many errors were shown by :meth:`error`."""
        self.user_commands: dict[str, UserCommand] = {}
        self.hooks: dict[tuple[str, str], UserCommand] = {}
        """Commands that run before ("hook") or after ("hookpost") another, by its name."""
        self.loops = 0
        """How many ``while`` of the current script or command run."""
        self.recorder: Recording | None = None
        """What writes a transcript of the commands."""
        self._sources: list[Source] = []
        self._arguments: list[Arguments | None] = []
        self._inside = 0
        self._files = 0
        self._verbose = 0

    # What the session does with one line; the two halves need each other.

    @property
    @abstractmethod
    def settings(self) -> Settings:
        """The debugger's settings."""

    @abstractmethod
    def execute(self, line: str) -> None:
        """Run one command."""

    @abstractmethod
    def warn(self, text: str) -> None:
        """Show a line on stderr."""

    @abstractmethod
    def error(self, error: BaseException) -> None:
        """Show an error and count it."""

    # --- sources -----------------------------------------------------------------------------

    @contextmanager
    def reading(self, source: Source) -> Iterator[None]:
        """Let the bodies of commands (``commands ... end``) come from ``source``."""
        self._sources.append(source)
        try:
            yield
        finally:
            self._sources.pop()

    def typed(self) -> bool:
        """Return whether the commands come from stdin (typed or piped).

        gdb shows ``Starting program: ...``, ``Continuing.`` and ``Run till exit ...`` only then.
        A recording must not depend on it, so while there is one they do not.
        """
        if self.recorder is not None:
            return False
        return bool(self._sources) and all(source.typed for source in self._sources)

    def place(self) -> tuple[str, int]:
        """Return the file and the line that is being run, ("", 0) where there is none."""
        if not self._sources:
            return "", 0
        source = self._sources[-1]
        return source.name, source.number

    def opens(self, line: str) -> str:
        """Return the word of the command that ``line`` begins a block with, "" if it does not."""
        line = line.strip()
        if not line or line[0] == "#":
            return ""
        try:
            found = self.commands.resolve(line.removeprefix("-"))
        except DebuggerError:
            return ""
        # One line of Python is no block.
        if not found.command.body or (found.command.name == "python" and found.text):
            return ""
        return found.command.word

    def read_body(self, what: str) -> tuple[str, ...]:
        """Return the lines up to ``end`` from where the current command came from."""
        if not self._sources:
            raise CommandError(f'"{what}" needs lines up to "end", and there are none here.')
        body = read_block(self._sources[-1], what, opens=self.opens)
        if self.recorder is not None:
            self.recorder.body(body)
        return body

    # --- lines -------------------------------------------------------------------------------

    def run_lines(self, source: Source) -> None:
        """Run all lines of ``source``; an error ends it as :class:`ScriptError`.

        With ``keep_going`` errors are shown and counted instead; a block or a user-defined
        command is left by its first error all the same.
        """
        self._sources.append(source)
        try:
            while (line := source.next_line()) is not None:
                name, number = source.name, source.number
                try:
                    self._execute_line(line)
                except ScriptError as error:
                    self._script_error(error.at(name, number))
                except DebuggerError as error:
                    place = getattr(error, "place", None) or (name, number)
                    self._script_error(ScriptError(error, *place))
        finally:
            self._sources.pop()

    def _execute_line(self, line: str) -> None:
        if self._arguments:
            line = self.substituted(line)
        if self._verbose or self.settings.flag("trace-commands"):
            self._trace(line)
        self.execute_forgiving(line)

    def _trace(self, line: str) -> None:
        text = line.strip()
        if text and text[0] != "#":
            self.out.write("+" * (1 + self._inside) + text + "\n")

    def execute_forgiving(self, line: str) -> None:
        """Run a line; with ``-`` before the command an error is shown and forgotten."""
        stripped = line.strip()
        if not stripped.startswith("-"):
            self.execute(stripped)
            return
        try:
            self.execute(stripped[1:])
        except DebuggerError as error:
            self.warn(str(error))

    def _script_error(self, error: ScriptError) -> None:
        if not self.keep_going or self._inside:
            raise error
        self.error(error)

    def run_block(self, lines: Sequence[str]) -> None:
        """Run the lines of a block: they belong to the script or command they stand in."""
        self._inside += 1
        try:
            self.run_lines(Lines(lines))
        finally:
            self._inside -= 1

    @contextmanager
    def apart(self, arguments: Arguments | None = None) -> Iterator[None]:
        """Run lines that have nothing to do with those that led to them.

        They see other arguments, or none; they cannot end loops out there.
        """
        self._arguments.append(arguments)
        loops, self.loops = self.loops, 0
        try:
            yield
        except ScriptError as error:
            error.called = True
            raise
        finally:
            self._arguments.pop()
            self.loops = loops

    # --- user-defined commands ---------------------------------------------------------------

    def call(self, command: UserCommand, text: str = "") -> None:
        """Run a user-defined command with the arguments in ``text``."""
        limit = self.settings.limit("max-user-call-depth")
        if limit is not None and len(self._arguments) >= limit:
            raise CommandError("Max user call depth exceeded -- command aborted.")
        if len(self._arguments) == _DEEP:
            sys.setrecursionlimit(max(sys.getrecursionlimit(), 50_000))
        arguments = Arguments(text)
        self._inside += 1
        try:
            with self.apart(arguments):
                self.run_lines(Lines(command.body))
        finally:
            self._inside -= 1

    def substituted(self, line: str) -> str:
        """Return a line with the arguments of the user-defined command that runs."""
        arguments = self._arguments[-1] if self._arguments else None
        return line if arguments is None else arguments.into(line)

    def run_hook(self, when: str, name: str) -> None:
        """Run the hook of a command, if it has one that does not run already."""
        hook = self.hooks.get((when, name))
        if hook is None or hook.running:
            return
        hook.running = True
        try:
            self.call(hook)
        finally:
            hook.running = False

    # --- files -------------------------------------------------------------------------------

    def source(self, path: str, *, verbose: bool = False) -> None:
        """Run the commands of a file, or its Python if it ends in ``.py``.

        ``verbose`` shows each command before it runs. FileError if it cannot be read.
        """
        from pathlib import Path

        if self._files > _MOST_FILES:
            raise CommandError(f"{path}: scripts are nested too deeply.")
        try:
            text = Path(path).read_text("utf-8", "surrogateescape")
        except OSError as error:
            raise FileError(f"{path}: {error.strerror}.") from None
        except ValueError as error:
            raise FileError(f"{path!r}: {error}.") from None
        self._files += 1
        self._verbose += verbose
        try:
            with self.apart():
                self._run_text(path, text)
        finally:
            self._files -= 1
            self._verbose -= verbose

    def _run_text(self, path: str, text: str) -> None:
        if not path.endswith(".py"):
            self.run_lines(Lines(text.split("\n"), path))
            return
        from pydbg.commands.pyscript import run_file

        run_file(self, path, text)
