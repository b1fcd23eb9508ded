"""The session: one debugger, one command table, and the run of commands from some source.

Front ends (prompt, scripts, tests, ``dbg.execute``) make a :class:`Session` and feed it lines.
It knows how to find a command, check what it needs, hand it its arguments, show its result,
run the commands of a breakpoint that was hit, and say in which file and line an error was.
It does not know where text goes (a :class:`Writer` given to it does) or who types.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from pydbg.errors import CommandError, DebuggerError, NoProcess, UsageError
from pydbg.events import BreakpointHit, Event, Exited, Interrupted, Killed, SignalReceived

if TYPE_CHECKING:
    from pydbg.commands.table import Command, Commands
    from pydbg.debugger import Debugger
    from pydbg.settings import Settings

__all__ = ["Lines", "Quit", "ScriptError", "Session", "Source", "Writer", "read_block"]


class Quit(Exception):
    """Leave the session with ``status`` (None: whatever the front end finds right)."""

    def __init__(self, status: int | None = None) -> None:
        super().__init__(status)
        self.status = status


class ScriptError(DebuggerError):
    """Report an error in a script: ``FILE:LINE: message``.

    >>> str(ScriptError(CommandError("No stack."), "a.pydbg", 3))
    'a.pydbg:3: No stack.'
    """

    def __init__(self, error: BaseException, name: str, number: int) -> None:
        super().__init__(f"{name}:{number}: {error}" if name else str(error))
        self.error = error
        self.name = name
        self.number = number


class Writer(Protocol):
    """Be what text is written to: ``sys.stdout`` is one."""

    def write(self, text: str, /) -> Any:
        """Take a piece of text."""

    def flush(self) -> Any:
        """Pass on what was taken."""


class Source(Protocol):
    """Be where command lines come from."""

    name: str
    """The file's name for messages, "" for none (the prompt, ``-ex``)."""
    number: int
    """The number of the line that was read last, 1 for the first."""
    typed: bool
    """Whether the commands come from stdin: ``Starting program: ...`` is shown then."""

    def next_line(self, prompt: str = "") -> str | None:
        """Return the next line without its end, None when there is none left."""


class Lines:
    r"""Be a source over lines that are there already; backslashes join lines.

    >>> lines = Lines(["print 1 + \\", "2", "bt"], "a.pydbg")
    >>> lines.next_line(), lines.number, lines.next_line(), lines.number
    ('print 1 + 2', 1, 'bt', 3)
    """

    def __init__(
        self, lines: Iterable[str], name: str = "", *, typed: bool = False, first: int = 1
    ) -> None:
        self._lines: Iterator[str] = iter(lines)
        self.name = name
        self.typed = typed
        self.number = first
        self._next = first

    def next_line(self, prompt: str = "") -> str | None:
        """Return the next logical line; ``number`` is that of its first physical line."""
        line = next(self._lines, None)
        if line is None:
            return None
        self.number = self._next
        self._next += 1
        line = line.rstrip("\r\n")
        while line.endswith("\\"):
            more = next(self._lines, None)
            line = line[:-1]
            if more is None:
                break
            self._next += 1
            line += more.rstrip("\r\n")
        return line


BLOCKS = frozenset({"commands", "if", "while", "python", "py", "define", "document"})
"""Words that begin a block which its own ``end`` ends."""


def read_block(source: Source, what: str, prompt: str = ">") -> tuple[str, ...]:
    """Return the lines up to the matching ``end``; CommandError where there is none.

    >>> read_block(Lines(["silent", "if $rax == 1", "bt", "end", "end", "run"]), "commands")
    ('silent', 'if $rax == 1', 'bt', 'end')
    """
    found: list[str] = []
    depth, first = 0, source.number
    while True:
        line = source.next_line(prompt)
        if line is None:
            where = f" of line {first}" if source.name else ""
            raise CommandError(f'"{what}"{where} has no "end".')
        word = line.split(None, 1)[0] if line.strip() else ""
        if line.strip() == "end":
            if depth == 0:
                return tuple(found)
            depth -= 1
        elif word in BLOCKS and not (word in ("python", "py") and line.strip() != word):
            depth += 1
        found.append(line.strip())


HARMLESS = frozenset({17, 18, 19, 20, 21, 22, 23, 28})
"""Signals that do not kill by default, signal(7): CHLD CONT STOP TSTP TTIN TTOU URG WINCH."""

NEEDS: dict[str, str] = {
    "process": "The program is not being run.",
    "stopped": "The program is not being run.",
    "registers": "The program has no registers now.",
    "frame": "No stack.",
}


class Session:
    """Run commands on a debugger.

    ``interactive`` says that a person can answer: both ends are terminals. ``keep_going``
    lets scripts run on after an error, which is counted in ``errors``.
    """

    def __init__(
        self,
        dbg: Debugger,
        *,
        commands: Commands | None = None,
        out: Writer | None = None,
        err: Writer | None = None,
        interactive: bool = False,
        ask: Callable[[str], str] | None = None,
    ) -> None:
        if commands is None:
            from pydbg.commands.table import all_commands

            commands = all_commands()
        self.dbg = dbg
        self.commands = commands
        self.out: Writer = sys.stdout if out is None else out
        self.err: Writer = sys.stderr if err is None else err
        self.interactive = interactive
        self.keep_going = False
        self.interrupt_ends = False
        """Whether Ctrl-C while the program runs ends the script (KeyboardInterrupt)."""
        self.errors = 0
        """How many errors were shown by :meth:`error`."""
        self.last_event: Event | None = None
        """The stop, exit or death that was reported last."""
        self.child_status: int | None = None
        """The program's exit status as a shell gives it (128 + signal), None while it runs."""
        self.memory: dict[str, Any] = {}
        """What commands remember between calls, by their name: formats, displays."""
        self.stop_hooks: list[Callable[[Session, Event], str]] = []
        """What is shown below each stop (``display``): functions that return text."""
        self._ask = ask
        self._sources: list[Source] = []
        self._actions: list[tuple[str, ...]] = []
        self._acting = False
        self._stops = 0
        self._again = ""
        self._passing: dict[int, Any] = {}
        listen = getattr(dbg, "on_event", None)
        if listen is not None:
            listen(self._notice)

    # --- text ------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The debugger's settings."""
        return self.dbg.settings

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
        self.errors += 1
        self.warn(str(error))

    def typed(self) -> bool:
        """Return whether the commands come from stdin (typed or piped).

        gdb shows ``Starting program: ...``, ``Continuing.`` and ``Run till exit ...`` only then.
        """
        return bool(self._sources) and all(source.typed for source in self._sources)

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

    def query(self, prompt: str) -> bool:
        """Ask until the answer is y or n; the end of input is a yes, as in gdb."""
        ask = self._ask or input
        while True:
            self.out.flush()
            try:
                answer = ask(prompt).strip().lower()
            except EOFError:
                return True
            if answer[:1] in ("y", "n"):
                return answer.startswith("y")
            self.say("Please answer y or n.")

    # --- one command -----------------------------------------------------------------------

    def execute(self, line: str, *, again: bool = False) -> None:
        """Run one command line and show its result; blank lines and comments do nothing.

        DebuggerError comes out as it is; :class:`Quit` when the command was ``quit``.
        """
        line = line.strip()
        if not line or line[0] == "#":
            return
        if "\0" in line:
            raise UsageError("A command cannot hold a NUL character.")
        found = self.commands.resolve(line)
        command = found.command
        self.require(command.needs)
        parsed = command.parse(found.text, self, invoked=found.invoked)
        parsed.again = again
        if command.body:
            parsed.body = self._read_body(command.word)
        self.out.flush()
        points = self.dbg.breakpoints
        if points:
            # A temporary one is gone when its stop is told, but its commands are wanted then.
            self._passing = {
                n: one for n, one in points.items() if one.temporary or one.delete_after
            }
        self.show(command.run(self, parsed))
        self._run_actions()

    def require(self, needs: str) -> None:
        """Raise the error for what a command needs and there is not."""
        if needs != "nothing" and self.dbg.inferior is None:
            text = NEEDS[needs]
            raise NoProcess(text) if needs in ("process", "stopped") else CommandError(text)

    def capture(self, line: str) -> str:
        """Run a command line and return what it shows instead of showing it."""
        from io import StringIO

        out, self.out = self.out, StringIO()
        try:
            self.execute(line)
            return self.out.getvalue()
        finally:
            self.out = out

    def _read_body(self, what: str) -> tuple[str, ...]:
        if not self._sources:
            raise CommandError(f'"{what}" needs lines up to "end", and there are none here.')
        return read_block(self._sources[-1], what)

    # --- results and events ------------------------------------------------------------------

    def show(self, result: Any) -> None:
        """Show what a command returned: text as it is, records and events through render."""
        if result is None:
            return
        if isinstance(result, str):
            self._write_block(result)
        elif isinstance(result, Event):
            self.stopped(result)
        else:
            self._write_block(self._render(result))

    def _write_block(self, text: str) -> None:
        if text:
            self.out.write(text if text.endswith("\n") else text + "\n")

    def _render(self, what: Any) -> str:
        from pydbg import render

        return render.render(what, self)

    def stopped(self, event: Event) -> None:
        """Report the end of a run: show it, and note the commands of the breakpoints hit."""
        self._stops += 1
        self.last_event = event
        if isinstance(event, Exited):
            self.child_status = event.code
        elif isinstance(event, Killed) or (
            isinstance(event, SignalReceived) and event.signo not in HARMLESS
        ):
            self.child_status = 128 + event.signo
        else:
            self.child_status = None
        bodies = self._bodies(event)
        self._actions = bodies
        if not (bodies and bodies[0] and bodies[0][0] == "silent"):
            self._write_block(self._render(event))
            for hook in self.stop_hooks:
                self._write_block(hook(self, event))
        if self.interrupt_ends and isinstance(event, Interrupted):
            raise KeyboardInterrupt

    def _bodies(self, event: Event) -> list[tuple[str, ...]]:
        """Return the command lists of the breakpoints that ``event`` stopped at."""
        if isinstance(event, BreakpointHit):
            numbers: tuple[int, ...] = event.numbers
        else:
            number = getattr(event, "number", None)
            numbers = () if number is None else (number,)
        points = self.dbg.breakpoints
        found = [points.get(number) or self._passing.get(number) for number in numbers]
        return [tuple(one.commands) for one in found if one is not None and one.commands]

    def _notice(self, event: Event) -> None:
        self._write_block(self._render(event))

    def _run_actions(self) -> None:
        """Run the commands of breakpoints that were hit, until a stop has none.

        When one of them lets the program run on, the rest of the list is dropped and the
        commands of the next stop take its place (gdb's bpstat_do_actions). It is a loop, not a
        recursion, so a million hits are no problem.
        """
        if self._acting:
            return
        if not self._actions:
            return
        self._acting = True
        try:
            with self.dbg.acting():
                while self._actions:
                    bodies, self._actions = self._actions, []
                    self._act(bodies)
        finally:
            self._acting = False
            self._actions = []

    def _act(self, bodies: list[tuple[str, ...]]) -> None:
        stops = self._stops
        for body in bodies:
            lines = Lines(body[1:] if body[0] == "silent" else body)
            self._sources.append(lines)
            try:
                while (line := lines.next_line()) is not None:
                    self.execute(line)
                    if self._stops != stops:
                        return
            finally:
                self._sources.pop()

    # --- many commands -----------------------------------------------------------------------

    @contextmanager
    def reading(self, source: Source) -> Iterator[None]:
        """Let the bodies of commands (``commands ... end``) come from ``source``."""
        self._sources.append(source)
        try:
            yield
        finally:
            self._sources.pop()

    def run_lines(self, source: Source) -> None:
        """Run all lines of ``source``; an error ends it as :class:`ScriptError`.

        With ``keep_going`` errors are shown and counted instead.
        """
        with self.reading(source):
            while (line := source.next_line()) is not None:
                number = source.number
                try:
                    self.execute_forgiving(line)
                except ScriptError as error:
                    # It names the line of the inner script, which is where the error is.
                    self._script_error(error)
                except DebuggerError as error:
                    self._script_error(ScriptError(error, source.name, number))

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
        if not self.keep_going:
            raise error
        self.error(error)

    def source(self, path: str) -> None:
        """Run the commands of a file; FileError if it cannot be read."""
        from pathlib import Path

        from pydbg.errors import FileError

        if len(self._sources) > 100:
            raise CommandError(f"{path}: scripts are nested too deeply.")
        try:
            text = Path(path).read_text("utf-8", "surrogateescape")
        except OSError as error:
            raise FileError(f"{path}: {error.strerror}.") from None
        except ValueError as error:
            raise FileError(f"{path!r}: {error}.") from None
        self.run_lines(Lines(text.split("\n"), path))

    # --- Enter -------------------------------------------------------------------------------

    def enter(self, line: str) -> None:
        """Run a line that a person typed; an empty one repeats the last command.

        What repeats is said by the row: ``x`` and ``list`` go on without their arguments,
        ``stepi`` does the same again, ``run`` does nothing.
        """
        if not line.strip():
            if self._again:
                self.execute(self._again, again=True)
            return
        self._again = ""
        if line.strip().startswith("#"):
            return
        found = self.commands.resolve(line.strip())
        # Noted before it runs: a command that fails half-way may be tried again by Enter.
        self._again = self._repetition(line.strip(), found.command, found.invoked)
        self.execute(line)

    @staticmethod
    def _repetition(line: str, command: Command, invoked: str) -> str:
        if command.repeat == "yes":
            return line
        return invoked if command.repeat == "no-args" else ""
