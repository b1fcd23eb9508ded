"""A pytest plugin: the fixture ``pydbg`` starts programs under the debugger.

What a test started is killed when it ends, however it ends. If it fails, pytest shows what was
done and what was shown, the program's output among it, and where the program stood::

    def test_parser_is_called_once(pydbg):
        dbg = pydbg.launch("./prog", "input.txt")
        point = dbg.break_at("parse", callback=lambda point: None)
        assert dbg.cont().code == 0
        assert point.hit_count == 1

    def test_prints(pydbg):
        pydbg.launch("./prog")
        pydbg.execute("break main")
        pydbg.execute("continue")
        assert "main" in pydbg.execute("bt")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import StringIO
from os import PathLike
from typing import TYPE_CHECKING

import pytest

from pydbg.errors import DebuggerError, NoProcess

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.events import Event
    from pydbg.target.thread import Thread

__all__ = ["Launcher"]

_LAST_FRAMES = 20


class Launcher:
    """Start programs for one test, keep the transcript, and end them."""

    def __init__(self) -> None:
        self._open: list[_Opened] = []
        self._text = StringIO()

    def launch(
        self,
        program: str | PathLike[str],
        *args: str,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: str | int | None = "/dev/null",
        stdout: str | int | None = None,
        stderr: str | int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Debugger:
        """Start a program and return its debugger; it is stopped before its first instruction.

        What it prints is captured, unless ``stdout`` or ``stderr`` say where it goes; see
        :attr:`output`. Raises FileError or LaunchError.
        """
        from pydbg.debugger import Debugger

        self._text.write(f"$ pydbg --args {' '.join((str(program), *args))}\n")
        dbg = Debugger(str(program), args)
        if env is not None:
            dbg.environment = dict(env)
        dbg.cwd, dbg.stdin, dbg.stdout, dbg.stderr = cwd, stdin, stdout, stderr
        for name, value in (settings or {}).items():
            dbg.settings.set(name, value)
        self._open.append(_Opened(dbg, self._text))
        dbg.run(stop="entry")
        return dbg

    def execute(self, line: str) -> str:
        """Run a debugger's command on what was launched last and return what it shows."""
        return self._last().execute(line)

    @property
    def output(self) -> str:
        """What the program that was launched last has printed."""
        return self._last().output

    @property
    def last_event(self) -> Event | None:
        """The last stop or end of the program that was launched last."""
        return self._last().dbg.last_event

    @property
    def transcript(self) -> str:
        """What was done so far, and where the programs that still run are."""
        states = [one.state() for one in self._open]
        return self._text.getvalue() + "".join(states)

    def _last(self) -> _Opened:
        if not self._open:
            raise NoProcess("No program was launched in this test.")
        return self._open[-1]

    def close(self) -> None:
        """Kill everything that was launched."""
        while self._open:
            self._open.pop().close()


class _Opened:
    """Hold a program that was launched: its debugger, a session, what it prints."""

    def __init__(self, dbg: Debugger, text: StringIO) -> None:
        from pydbg.commands.expect import capturing
        from pydbg.commands.session import Session

        self.dbg = dbg
        self._text = text
        self._session = Session(dbg, out=text, err=text)
        self._captured = capturing(self._session)
        self._busy = False
        self._told = dbg.stopped
        # Stops that come of the library's calls belong to the transcript too.
        dbg.__dict__["stopped"] = self._stopped

    def _stopped(self, event: Event, thread: Thread | None) -> None:
        from pydbg.commands.expect import described

        self._told(event, thread)
        self._session.last_event = event
        if not self._busy:
            self._session.say(f"[{described(event)}]")

    def execute(self, line: str) -> str:
        self._session.say(f"(pydbg) {line}")
        before = len(self._text.getvalue())
        self._busy = True
        try:
            self._session.execute(line)
        except DebuggerError as error:
            self._session.say(str(error))
            raise
        finally:
            self._busy = False
            self._captured.settle()
        return self._text.getvalue()[before:]

    @property
    def output(self) -> str:
        self._captured.settle()
        return self._captured.capture.text if self._captured.capture is not None else ""

    def state(self) -> str:
        """Say where the program stands."""
        self._captured.settle()
        if self.dbg.inferior is None:
            return ""
        try:
            return "[it is here]\n" + self._session.capture(f"backtrace {_LAST_FRAMES}")
        except DebuggerError as error:
            return f"[it is nowhere: {error}]\n"

    def close(self) -> None:
        from pydbg.commands.expect import release

        self.dbg.close()
        release(self._session)


_KEY = pytest.StashKey[Launcher]()


@pytest.fixture
def pydbg(request: pytest.FixtureRequest) -> Iterator[Launcher]:
    """Start programs under the debugger; they are killed when the test ends."""
    launcher = Launcher()
    request.node.stash[_KEY] = launcher
    try:
        yield launcher
    finally:
        launcher.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Attach the transcript to the report of a test that failed."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()  # type: ignore[attr-defined]
    launcher = item.stash.get(_KEY, None)
    if launcher is not None and report.failed and report.when == "call":
        text = launcher.transcript
        if text:
            report.sections.append(("pydbg transcript", text))
