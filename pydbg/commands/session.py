"""The session: one debugger, one command table, and the run of commands from some source.

Front ends (prompt, scripts, tests, ``dbg.execute``) make a :class:`Session` and feed it lines.
It knows how to find a command, check what it needs, hand it its arguments, show its result,
run the commands of a breakpoint that was hit, and say in which file and line an error was.
It does not know where text goes (a :class:`Writer` given to it does) or who types.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydbg.commands.lines import Lines, ScriptError, Source, Writer, read_block
from pydbg.commands.quiet import QuietCommands
from pydbg.commands.talk import Observer, Talk
from pydbg.errors import CommandError, DebuggerError, NoProcess, UsageError
from pydbg.events import (
    Event,
    Exited,
    FunctionFinished,
    Interrupted,
    Killed,
    SignalReceived,
    points_hit,
)
from pydbg.snapshot import Trail

if TYPE_CHECKING:
    from pydbg.commands.logfile import Logging
    from pydbg.commands.table import Command, Commands, Parsed
    from pydbg.debugger import Debugger
    from pydbg.settings import Settings

__all__ = [
    "Lines",
    "Observer",
    "Quit",
    "ScriptError",
    "Session",
    "Source",
    "Writer",
    "read_block",
]


class Quit(Exception):
    """Leave the session with ``status`` (None: whatever the front end finds right)."""

    def __init__(self, status: int | None = None) -> None:
        super().__init__(status)
        self.status = status


HARMLESS = frozenset({17, 18, 19, 20, 21, 22, 23, 28})
"""Signals that do not kill by default, signal(7): CHLD CONT STOP TSTP TTIN TTOU URG WINCH."""

NEEDS: dict[str, str] = {
    "process": "The program is not being run.",
    "stopped": "The program is not being run.",
    "registers": "The program has no registers now.",
    "frame": "No stack.",
    "a frame": "No registers.",
}


class Session(Talk):
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
        super().__init__(out, err, interactive=interactive, ask=ask)
        self.dbg = dbg
        self.commands = commands
        self.interrupt_ends = False
        """Whether Ctrl-C while the program runs ends the script (KeyboardInterrupt)."""
        self.ending: BaseException | None = None
        """What ends the session before its next command: the time is up."""
        self.trail = Trail()
        """How the program looked at the last stops: ``changed`` and ``context`` compare."""
        self.hit: set[int] = set()
        """The numbers of breakpoints and catchpoints that stopped the program."""
        self.last_event: Event | None = None
        """The stop, exit or death that was reported last."""
        self.child_status: int | None = None
        """The program's exit status as a shell gives it (128 + signal), None while it runs."""
        self.memory: dict[str, Any] = {}
        """What commands remember between calls, by their name: formats, displays."""
        self.stop_hooks: list[Callable[[Session, Event], str]] = []
        """What is shown below each stop (``display``): functions that return text."""
        self._actions: list[tuple[str, ...]] = []
        self._acting = False
        self._stops = 0
        self._again = ""
        self._last = ""
        self._passing: dict[int, Any] = {}
        self._log: Logging | None = None
        self._captured = 0
        """How many captures are at work, one inside of another."""
        for name in ("logging", "logging enabled"):
            self.settings.on_change(name, self._log_switched)
        listen = getattr(dbg, "on_event", None)
        if listen is not None:
            listen(self._notice)
            dbg.debuginfod.say = self.warn
            dbg.debuginfod.progress = self._downloading
            dbg.quiet = QuietCommands(self)
            dbg.on_call_stopped = self.stopped

    # --- text ------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The debugger's settings."""
        return self.dbg.settings

    def _downloading(self, text: str) -> None:
        """Show how far a download is, where somebody waits for it."""
        if self.interactive:
            self.err.write(f"\r{text:<30}" if text else f"\r{'':<30}\r")
            self.err.flush()

    def tell_files(self) -> None:
        """Say what was wrong with debug files, and ask whether servers may be asked for them."""
        from pydbg.render.escape import clean

        for text in self.dbg.files.places.taken():
            self.warn(f"warning: {clean(text)}")
        servers = self.dbg.debuginfod
        if not (servers.wanted and self.interactive):
            return
        urls = "\n".join(f"  <{clean(url)}>" for url in servers.urls)
        self.say(f"\nDebug information can be downloaded from the following URLs:\n{urls}")
        servers.wanted = False
        answer = ""
        with suppress(EOFError):
            answer = self.ask("Enable debuginfod for this session? (y or [n]) ")
        enabled = "on" if answer.strip().lower().startswith("y") else "off"
        self.settings.put("debuginfod enabled", enabled)
        self.say(
            f"Debuginfod has been {'enabled' if enabled == 'on' else 'disabled'}.\n"
            f"To make this setting permanent, add 'set debuginfod enabled {enabled}' to "
            "~/.config/pydbg/init."
        )

    def _log_switched(self, value: Any) -> None:
        if self._log is None:
            from pydbg.commands.logfile import Logging

            self._log = Logging(self)
        self._log.switch(value is True)

    # --- one command -----------------------------------------------------------------------

    def execute(self, line: str, *, again: bool = False) -> None:
        """Run one command line and show its result; blank lines and comments do nothing.

        DebuggerError comes out as it is; :class:`Quit` when the command was ``quit``.
        """
        line = line.strip()
        if not line or line[0] == "#":
            return
        try:
            if self.recorder is None:
                self._execute(line, again)
            else:
                with self.recorder.command(line, again):
                    self._execute(line, again)
        finally:
            if not self._captured:
                self.tell_files()

    def _execute(self, line: str, again: bool) -> None:
        if self.ending is not None:
            raise self.ending
        if "\0" in line:
            raise UsageError("A command cannot hold a NUL character.")
        found = self.commands.resolve(line)
        command = found.command
        if self.hooks:
            self.run_hook("hook", command.name)
        parsed = self._parsed(command, found.text, found.invoked)
        parsed.again = again
        self.out.flush()
        points = self.dbg.breakpoints
        if points:
            # A temporary one is gone when its stop is told, but its commands are wanted then.
            self._passing = {
                n: one for n, one in points.items() if one.temporary or one.delete_after
            }
        self.show(command.run(self, parsed))
        if self.hooks:
            self.run_hook("hookpost", command.name)
        self._run_actions()

    def _introduce(self, text: str) -> None:
        """Say at a terminal what the lines that are to be typed are, as gdb does."""
        if self.interactive and self.typed():
            self.say(f'{text}\nEnd with a line saying just "end".')

    def _parsed(self, command: Command, text: str, invoked: str) -> Parsed:
        """Return a command's arguments and the lines that belong to it."""
        try:
            self.require(command.needs)
            parsed = command.parse(text, self, invoked=invoked)
            if command.before is not None:
                self._introduce(command.before(self, parsed))
        except DebuggerError:
            if self._sources and not self.typed() and self.opens(invoked):
                with suppress(DebuggerError):
                    self.read_body(command.word)  # Its lines are no commands of their own.
            raise
        if command.body and not (command.name == "python" and text):
            body = self.read_body(command.word)
            if self._arguments and command.name in ("commands", "python"):
                # They run later, where nobody knows the arguments any more.
                body = tuple(self.substituted(line) for line in body)
            parsed.body = body
        return parsed

    def require(self, needs: str) -> None:
        """Raise the error for what a command needs and there is not."""
        there = self.dbg.process if needs in ("process", "stopped") else self.dbg.inferior
        if needs != "nothing" and there is None:
            text = NEEDS[needs]
            raise NoProcess(text) if needs in ("process", "stopped") else CommandError(text)

    def capture(self, line: str) -> str:
        """Run a command line and return what it shows instead of showing it."""
        from io import StringIO

        out, self.out = self.out, StringIO()
        self._captured += 1
        try:
            self.execute(line)
            return self.out.getvalue()
        finally:
            self._captured -= 1
            self.out = out

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
            self._write_rendered(self._render(result))

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
        if self.ending is not None and isinstance(event, Interrupted):
            raise self.ending
        self.trail.stopped(self.dbg, seen=not self._acting)
        bodies, self._actions = self._bodies(event), []
        ended = isinstance(event, (Exited, Killed))
        if ended:  # As in gdb, which tells the end of a process before anything else.
            self._tell(event, bodies)
        if self.hooks:
            failure = self._hook_stop()
            if self.last_event is not event:
                return  # The hook let the program run on.
        else:
            failure = None
        if not ended:
            self._tell(event, bodies)
        if failure is not None:
            raise failure
        self._actions = bodies
        if self.interrupt_ends and isinstance(event, Interrupted):
            raise KeyboardInterrupt

    def _hook_stop(self) -> DebuggerError | None:
        """Run ``hook-stop``; an error of it is told after the stop."""
        try:
            self.run_hook("hook", "stop")
        except DebuggerError as error:
            return error
        return None

    def _tell(self, event: Event, bodies: list[tuple[str, ...]]) -> None:
        """Show a stop, unless its breakpoint is silent, and tell the observers."""
        silent = bool(bodies and bodies[0] and bodies[0][0] == "silent")
        record: Any = event
        apart = bool(self.stop_hooks) and any(
            isinstance(one, FunctionFinished) for one in (event, *getattr(event, "also", ()))
        )
        if self.observers or apart:
            from pydbg.commands.gather import gather

            record = gather(event, self)
            self.out.flush()
            for observer in self.observers:
                observer.stopped(event, record)
        if silent:
            return
        self._write_rendered(self._render(record))
        if self.interactive or self.settings["context"] != "auto":
            from pydbg.commands.contextview import at_stop

            self.show(at_stop(self, record))
        for hook in self.stop_hooks:
            self._write_block(hook(self, event))
        if apart:  # As in gdb, behind the displays.
            from pydbg.render.stops import values

            self._write_block("\n".join(values(record)))

    def _bodies(self, event: Event) -> list[tuple[str, ...]]:
        """Return the command lists of the breakpoints that ``event`` stopped at."""
        numbers = points_hit(event)
        self.hit.update(numbers)
        points = self.dbg.breakpoints
        found = [points.get(number) or self._passing.get(number) for number in numbers]
        return [tuple(one.commands) for one in found if one is not None and one.commands]

    def _notice(self, event: Event) -> None:
        self._write_rendered(self._render(event))
        for observer in self.observers:
            observer.noticed(event)

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
            with self.apart(), self.reading(lines):
                while (line := lines.next_line()) is not None:
                    try:
                        self.execute(line)
                    except ScriptError as error:
                        raise error.at(lines.name, lines.number) from None
                    except DebuggerError as error:
                        raise ScriptError(error, lines.name, lines.number) from None
                    if self._stops != stops:
                        return

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
        if self.settings.flag("trace-commands"):
            self.say("+" + line.strip())
        found = self.commands.resolve(line.strip())
        # Noted before it runs: a command that fails half-way may be tried again by Enter.
        self._again = self._repetition(line.strip(), found.command, found.invoked)
        before = self._last
        self._last = line.strip()
        if found.command.name in ("pipe", "with"):
            self._last = before
        self.execute(line)

    @property
    def repeatable(self) -> str:
        """The command that was typed last, for those that can use it again (pipe, with)."""
        return self._last

    def repeat_as(self, line: str) -> None:
        """Have Enter repeat the command that runs, if it was typed, as another line."""
        if self._again:
            self._again = line

    def forget_repeat(self) -> None:
        """Keep Enter from repeating the command that runs."""
        self._again = ""

    @staticmethod
    def _repetition(line: str, command: Command, invoked: str) -> str:
        if command.repeat == "yes":
            return line
        return invoked if command.repeat == "no-args" else ""
