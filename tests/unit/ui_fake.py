"""A debugger without a process, for tests of the table, the session and the front ends."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from pydbg.arch import X86_64
from pydbg.commands import kinds, scripting, setshow, support
from pydbg.commands.session import Session
from pydbg.commands.table import Arg, Command, Commands, Parsed
from pydbg.debuginfod import Debuginfod
from pydbg.errors import CommandError, ExprError
from pydbg.events import BreakpointHit, Event, Exited, Interrupted, Killed, SignalReceived
from pydbg.loading import FileCache
from pydbg.settings import Settings


class FakeDebugger:
    """Answer what the session asks, and hand out the events it was given."""

    def __init__(self, events: list[Event] | None = None) -> None:
        self.settings = Settings()
        self.debuginfod = Debuginfod(self.settings)
        self.files = FileCache()
        self.events = events or []
        self.breakpoints: dict[int, Any] = {}
        self.environment: dict[str, str] = {}
        self.inferiors: list[Any] = []
        self.inferior: Any = None
        self.modules: list[Any] = []
        self.arch = X86_64
        self.convenience: dict[str, int] = {"bpnum": 1, "_exitcode": 7}
        self.args: list[str] = []
        self.tty = ""
        self.stdin = ""
        self.evaluated: list[str] = []
        self.loaded: list[str] = []
        self.closed = 0
        self.frame = None
        self.variables = SimpleNamespace(scope_or_none=lambda frame: None)
        self.language = SimpleNamespace(name="c")
        self.listeners: list[Any] = []

    @property
    def process(self) -> Any:
        return self.inferior

    @contextmanager
    def acting(self) -> Iterator[None]:
        yield

    def on_event(self, listener: Any) -> None:
        self.listeners.append(listener)

    def load_program(self, path: str) -> None:
        self.loaded.append(path)

    def eval(self, text: str) -> int:
        self.evaluated.append(text)
        name = text.strip().removeprefix("$")
        if name in self.convenience:
            return self.convenience[name]
        if "=" in text:
            return 0
        try:
            return int(eval(text, {}))
        except Exception:
            raise ExprError(f'No symbol "{text}" in current context.') from None

    def next_event(self) -> Event:
        event = self.events.pop(0)
        self.inferior = (
            None
            if isinstance(event, (Exited, Killed))
            else SimpleNamespace(pid=42, number=1, launched=True)
        )
        self.inferiors = [self.inferior] if self.inferior else []
        return event

    def close(self) -> None:
        self.closed += 1

    def breakpoint(self, number: int, *commands: str) -> None:
        self.breakpoints[number] = SimpleNamespace(
            number=number, commands=list(commands), kind_text="breakpoint", spec="main",
            locations=[], temporary=False, delete_after=False,
        )  # fmt: skip


def hit(*numbers: int) -> BreakpointHit:
    return BreakpointHit(42, 42, 0x1000, numbers)


def exited(code: int = 0) -> Exited:
    return Exited(42, 42, code)


def signalled(signo: int) -> SignalReceived:
    return SignalReceived(42, 42, signo)


def interrupted() -> Interrupted:
    return Interrupted(42, 42)


def _continue(session: Session, parsed: Parsed) -> Event:
    return session.dbg.next_event()  # type: ignore[attr-defined, no-any-return]


def _echo(session: Session, parsed: Parsed) -> str:
    return str(parsed.get("TEXT", ""))


def _commands(session: Session, parsed: Parsed) -> None:
    session.dbg.breakpoints[parsed["NUM"]].commands = list(parsed.body)


def _x(session: Session, parsed: Parsed) -> str:
    return f"x {parsed['FMT']} {parsed['ADDRESS']} {parsed.again}"


def _fail(session: Session, parsed: Parsed) -> None:
    raise CommandError("It failed.")


def _crash(session: Session, parsed: Parsed) -> None:
    raise ZeroDivisionError("a bug")


ROWS = (
    Command("run", ("r",), "running", "Run.", repeat="no", run=_continue),
    Command("continue", ("c", "fg"), "running", "Go on.", needs="process", run=_continue),
    Command("show-me", (), "data", "Show a text.", args=(Arg("TEXT", kinds.TEXT, optional=True),),
            run=_echo, extension=True),
    Command("echo", (), "data", "Echo.", args=(Arg("TEXT", kinds.TEXT, optional=True),), run=_echo),
    Command("commands", (), "breakpoints", "Set commands.", args=(Arg("NUM", kinds.BREAKPOINT),),
            body=True, repeat="no", run=_commands),
    Command("x", (), "data", "Examine.", args=(Arg("FMT", kinds.FORMAT, optional=True),
            Arg("ADDRESS", kinds.EXPR, optional=True)), repeat="no-args", run=_x),
    Command("fail", (), "data", "Fail.", run=_fail),
    Command("crash", (), "data", "Crash.", run=_crash),
    Command("regs", (), "data", "Need registers.", needs="registers"),
    Command("break", ("b", "br"), "breakpoints", "Set a breakpoint.", args=(
            Arg("LOCATION", kinds.LOCATION, optional=True), Arg("THREAD", kinds.IN_THREAD,
            optional=True), Arg("COND", kinds.CONDITION, optional=True))),
    Command("delete", ("d",), "breakpoints", "Delete.", args=(
            Arg("NUM", kinds.BREAKPOINTS, optional=True),)),
    Command("delete display", (), "data", "Delete displays."),
    Command("info breakpoints", ("b",), "status", "Show breakpoints."),
    Command("info registers", ("r",), "status", "Show registers.", args=(
            Arg("NAME", kinds.REGISTER, optional=True, repeat=True),)),
    Command("info proc", (), "status", "Show the process."),
    Command("info program", (), "status", "Show the state."),
    Command("info frame", ("f",), "status", "Show the frame."),
    Command("info functions", (), "status", "Show functions."),
    Command("catch", (), "breakpoints", "Catch.", prefix=True),
    Command("catch syscall", (), "breakpoints", "Catch calls.", args=(
            Arg("CALL", kinds.SYSCALL, optional=True, repeat=True),)),
    Command("thread", ("t",), "running", "Select.", args=(
            Arg("NUM", kinds.THREAD, optional=True),)),
    Command("thread apply", (), "running", "Apply.", args=(Arg("WHICH", kinds.WORD),
            Arg("COMMAND", kinds.COMMANDLINE))),
    Command("thbreak", (), "breakpoints", "Set a hardware breakpoint for one stop."),
    Command("handle", (), "running", "Handle.", args=(Arg("SIGNAL", kinds.SIGNAL),)),
    Command("hexdump", (), "data", "Dump.", extension=True),
)  # fmt: skip


def table() -> Commands:
    """Return the real support commands and a few others that need no process."""
    return Commands([*support.commands(), *setshow.commands(), *scripting.commands(), *ROWS])


class FakeSession(Session):
    """Be a session whose texts are kept, with events rendered as their class names."""

    dbg: Any
    out: io.StringIO
    err: io.StringIO

    def _render(self, what: Any) -> str:
        return f"<{type(what).__name__}>"

    @property
    def shown(self) -> str:
        return self.out.getvalue()


def session(*events: Event, interactive: bool = False, ask: Any = None) -> FakeSession:
    """Return a session over a fake debugger that will report ``events``."""
    dbg: Any = FakeDebugger(list(events))
    return FakeSession(
        dbg, commands=table(), out=io.StringIO(), err=io.StringIO(), interactive=interactive,
        ask=ask,
    )  # fmt: skip
