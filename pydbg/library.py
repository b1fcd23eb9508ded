"""The library's front door: launch and attach, commands as text, events one after another."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Literal, overload

from pydbg.debugger import STOP
from pydbg.debugger import Debugger as _Debugger
from pydbg.events import Event, Exited, Killed

if TYPE_CHECKING:
    from os import PathLike

    from pydbg.commands.lines import Writer
    from pydbg.commands.session import Session
    from pydbg.settings import Settings

__all__ = ["STOP", "Debugger", "attach", "launch", "open_core"]


class _Out:
    """Write to whatever listens now; what happens between commands is the caller's to tell."""

    def __init__(self) -> None:
        self.target: Writer | None = None

    def write(self, text: str, /) -> int:
        """Pass a text on, if anybody listens."""
        if self.target is not None:
            self.target.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        if self.target is not None:
            self.target.flush()


class Debugger(_Debugger):
    """Debug a program and the processes it becomes.

    >>> import pydbg
    >>> with pydbg.Debugger("/bin/sh", ["-c", "exit 3"]) as dbg:
    ...     point = dbg.break_at("main")
    ...     for _ in range(2):
    ...         hit, end = dbg.run(), dbg.cont()
    ...         type(hit).__name__, end.code
    ('BreakpointHit', 3)
    ('BreakpointHit', 3)

    It belongs to the OS thread that made it, whichever that is, as ptrace demands; only
    ``interrupt()`` may be called from others. There may be any number of them. Leaving the
    ``with`` block kills what was launched and lets go what was attached to.
    """

    def __init__(
        self,
        program: str | PathLike[str] | None = None,
        args: Sequence[str] = (),
        *,
        settings: Settings | None = None,
    ) -> None:
        """Make a debugger; nothing runs yet. Raises FileError for what is no program."""
        import os

        path = None if program is None else os.fspath(program)
        super().__init__(path, args, settings=settings)
        self._session: Session | None = None
        self._out = _Out()

    def __enter__(self) -> Debugger:
        return self

    # --- commands ----------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """Return the session that ``execute`` runs commands in; a front end may set its own.

        Its table is where commands in Python go that were declared outside of a script.

        >>> import pydbg
        >>> @pydbg.command("greet")
        ... def greet(session, parsed):
        ...     '''Say hello.'''
        ...     return f"hello {parsed.text}"
        >>> with pydbg.Debugger() as dbg:
        ...     dbg.session.commands.add(greet.command)
        ...     dbg.execute("greet world", to_string=True)
        'hello world\\n'
        """
        if self._session is None:
            from pydbg.commands.session import Session

            self._session = Session(self, out=self._out, err=self._out)
        return self._session

    @session.setter
    def session(self, session: Session) -> None:
        self._session = session

    @overload
    def execute(self, text: str, *, to_string: Literal[True]) -> str: ...

    @overload
    def execute(self, text: str, *, to_string: Literal[False] = False) -> None: ...

    @overload
    def execute(self, text: str, *, to_string: bool) -> str | None: ...

    def execute(self, text: str, *, to_string: bool = False) -> str | None:
        """Run a command as it is typed at the prompt, or several lines of them.

        What it shows goes to stdout, or is returned with ``to_string``. Raises what the
        command raises, a DebuggerError; of several lines one that names the line. ``quit``
        closes the debugger.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.execute("print 6 * 7")
        ...     dbg.execute("info symbol $pc", to_string=True)
        $1 = 42
        '_start in section .text of /lib64/ld-linux-x86-64.so.2\\n'
        """
        from pydbg.commands.lines import Lines
        from pydbg.commands.session import Quit

        session = self.session
        with self._shown(session, to_string) as shown:
            try:
                if "\n" in text.strip():
                    session.run_lines(Lines(text.splitlines(), "<execute>"))
                else:
                    session.execute(text)
            except Quit:
                if session.out is not self._out:
                    raise  # A script's: its front end knows how to leave.
                self.close()
        return shown.getvalue() if shown is not None else None

    @contextmanager
    def _shown(self, session: Session, to_string: bool) -> Iterator[StringIO | None]:
        """Let the session write to a text of its own, or to stdout as it is now."""
        shown = StringIO() if to_string else None
        if session.out is not self._out and shown is None:
            yield None  # A front end's session knows where its text goes.
            return
        out, err, target = session.out, session.err, self._out.target
        if session.out is self._out:
            self._out.target = shown or sys.stdout
        elif shown is not None:
            session.out = session.err = shown
        try:
            yield shown
        finally:
            session.out, session.err, self._out.target = out, err, target

    # --- events ------------------------------------------------------------------------------

    def events(self, *, notices: bool = False) -> Iterator[Event]:
        """Run on and on, and give each stop, the last one being the end of the program.

        The program is stopped while the body of the loop looks at it, and goes on with the
        next round. A program that was not started yet is. ``notices`` also gives, before each
        stop, what happened on the way: threads, children, libraries.

        >>> import pydbg
        >>> with pydbg.launch("/bin/sh", "-c", "kill -USR1 $$; exit 2") as dbg:
        ...     for event in dbg.events():
        ...         match event:
        ...             case pydbg.SignalReceived(signo=signo):
        ...                 print("signal", signo)
        ...                 dbg.thread.signal = 0  # not delivered
        ...             case pydbg.Exited(code=code):
        ...                 print("exit", code)
        signal 10
        exit 2
        """
        heard: list[Event] = []
        silence = self.on_event(heard.append) if notices else None
        try:
            while True:
                event = self.cont() if self.inferior is not None else self.run()
                on_the_way, heard[:] = heard[:], []
                yield from on_the_way
                yield event
                if isinstance(event, Exited | Killed) and self.inferior is None:
                    return
        finally:
            if silence is not None:
                silence()


def launch(
    program: str | PathLike[str],
    *args: str,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: str | int | None = None,
    stdout: str | int | None = None,
    stderr: str | int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Debugger:
    """Start a program and return its debugger; it is stopped before its first instruction.

    ``env`` is its whole environment, ``cwd`` its directory. ``stdin``, ``stdout`` and
    ``stderr`` are paths or open descriptors. ``settings`` are those of ``set``:
    ``{"disable-randomization": "off"}``. Raises FileError or LaunchError.

    >>> import pydbg
    >>> with pydbg.launch("/bin/sh", "-c", "exit $CODE", env={"CODE": "3"}) as dbg:
    ...     dbg.cont().code
    3
    """
    dbg = Debugger(program, args)
    if env is not None:
        dbg.environment = dict(env)
    dbg.cwd, dbg.stdin, dbg.stdout, dbg.stderr = cwd, stdin, stdout, stderr
    for name, value in (settings or {}).items():
        dbg.settings.set(name, value)
    try:
        dbg.run(stop="entry")
    except BaseException:  # Also KeyboardInterrupt: nobody would have the debugger to close.
        dbg.close()
        raise
    return dbg


def attach(pid: int, *, settings: Mapping[str, str] | None = None) -> Debugger:
    """Take over a running process and return its debugger; it is stopped.

    Leaving the ``with`` block lets the process go on, unharmed. Raises CommandError that says
    what hinders it and what helps.

    >>> import pydbg, subprocess
    >>> child = subprocess.Popen(["/bin/sleep", "100"])
    >>> with pydbg.attach(child.pid) as dbg:
    ...     dbg.inferior.pid == child.pid, type(dbg.last_event).__name__
    (True, 'Attached')
    >>> child.poll() is None, child.kill(), child.wait()
    (True, None, -9)
    """
    dbg = Debugger()
    for name, value in (settings or {}).items():
        dbg.settings.set(name, value)
    try:
        dbg.attach(pid)
    except BaseException:  # As above: the process must not stay stopped.
        dbg.close()
        raise
    return dbg


def open_core(
    core: str | PathLike[str],
    program: str | PathLike[str] | None = None,
    *,
    settings: Mapping[str, str] | None = None,
) -> Debugger:
    """Look at a core dump and return its debugger; everything works but running.

    Without ``program`` the one that the core names is taken. Raises FileError for a file that
    is no core.

    >>> import pydbg, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with pydbg.launch("/bin/true") as dbg:
    ...         path = dbg.write_core(f"{folder}/core")
    ...     with pydbg.open_core(path) as dbg:
    ...         [thread.number for thread in dbg.threads], dbg.frame.function
    ([1], '_start')
    """
    import os

    dbg = Debugger(program)
    for name, value in (settings or {}).items():
        dbg.settings.set(name, value)
    try:
        dbg.load_core(os.fspath(core))
    except BaseException:  # As above.
        dbg.close()
        raise
    return dbg
