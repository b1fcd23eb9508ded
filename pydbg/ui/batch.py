"""Scripts and batch mode: a run of commands with an exit status that can be trusted.

:func:`start` is what the command line leads to. It makes the debugger and the session, runs
``-iex``/``-ix``, loads the program, runs ``-x`` and ``-ex`` in their order, then reads stdin if
it is a pipe, or hands over to the prompt. However it ends, the debugger is closed: launched
programs are killed, attached ones released.

==========  ======================================================================
status      meaning
==========  ======================================================================
0           all commands succeeded
1           a command failed (with ``--keep-going``: at least one did)
2           wrong command line
125         an internal error of pydbg
126, 127    the program cannot be run; is not there
124         the time of ``--timeout`` is over
130         interrupted
N           ``quit N``; with ``--return-child-result``: the program's own
==========  ======================================================================
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import TextIOWrapper
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from pydbg.commands.session import Lines, Quit, ScriptError, Session
from pydbg.errors import DebuggerError, FileError, LaunchError
from pydbg.ui import outcome, watchdog
from pydbg.ui.dress import dressed
from pydbg.ui.streams import redirected, reported

if TYPE_CHECKING:
    from pydbg.cli import Options
    from pydbg.library import Debugger
    from pydbg.ui.early import EarlyPrompt

__all__ = ["FAILED", "INTERNAL", "INTERRUPTED", "Terminated", "internal_error", "run", "start"]

FAILED, INTERNAL, CANNOT_RUN, NOT_FOUND, INTERRUPTED = 1, 125, 126, 127, 130


class Terminated(BaseException):
    """Report a signal that asks pydbg to end: SIGTERM, SIGHUP, a closed terminal."""

    def __init__(self, signo: int) -> None:
        super().__init__(signo)
        self.signo = signo


@contextmanager
def termination() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into :class:`Terminated` while the block runs."""

    def handler(signo: int, frame: FrameType | None) -> None:
        # A second one must not interrupt the release of the program.
        for other in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN)
        raise Terminated(signo)

    old = {}
    for signo in (signal.SIGTERM, signal.SIGHUP):
        current = signal.getsignal(signo)
        if current is not signal.SIG_IGN:  # nohup pydbg ... stays deaf to SIGHUP
            old[signo] = current
            signal.signal(signo, handler)
    try:
        yield
    finally:
        for signo, previous in old.items():
            signal.signal(signo, previous)


def start(options: Options) -> int:
    """Run pydbg as the options say and return its exit status."""
    try:
        with termination():
            status, signo = _start(options)
        if signo:
            from pydbg.ui.programs import die

            die(signo)
        return status
    except Terminated as error:
        _flush(sys.stdout)
        # Die of the same signal, so that whoever sent it sees that.
        signal.signal(error.signo, signal.SIG_DFL)
        os.kill(os.getpid(), error.signo)
        return 128 + error.signo
    except BrokenPipeError:
        # The reader of our output has gone (pydbg ... | head): as silent as other tools.
        _drop(sys.stdout)
        return 128 + signal.SIGPIPE
    except Exception as error:
        _flush(sys.stdout)
        internal_error(error)
        return INTERNAL


def _start(options: Options) -> tuple[int, int]:
    """Run a session; return its status and the signal that pydbg is to die of, 0 for none."""
    from pydbg.ui.early import at_once

    # The prompt first: what follows takes longer to load than it takes gdb to start.
    early = at_once(options, _init_file(options))
    with early or nullcontext():
        return _made(options, early)


def _made(options: Options, early: EarlyPrompt | None) -> tuple[int, int]:
    """Make the debugger, run a session on it, and close it however that ends."""
    from pydbg.library import Debugger

    terminal = _isatty(sys.stdin) and not options.batch
    dbg = Debugger()
    if _isatty(sys.stdin):
        from pydbg.console import Console

        dbg.terminal = Console(sys.stdin.fileno())
    dbg.own_sigint = True
    try:
        with redirected(options, dbg):
            return _session(dbg, options, terminal, early)
    except FileError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED, 0
    finally:
        dbg.close()


def _session(
    dbg: Debugger, options: Options, terminal: bool, early: EarlyPrompt | None
) -> tuple[int, int]:
    for stream in (sys.stdout, sys.stderr):
        # What cannot be written (bytes of a script, a terminal that is not UTF-8) is escaped.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    session = Session(dbg, interactive=terminal and _isatty(sys.stdout))
    dbg.session = session
    with reported(session, options) as events, dressed(session, options, events):
        status = run(session, options, terminal=terminal, early=early)
        outcome.say_end(session)
        dbg.close()
        session.out.flush()
        if events is not None:
            events.emit({"event": "end", "status": status})
    _flush(sys.stdout)
    return status, outcome.signal_to_die_of(session, options, status)


def run(
    session: Session,
    options: Options,
    *,
    terminal: bool,
    stdin: TextIO | None = None,
    early: EarlyPrompt | None = None,
) -> int:
    """Run the commands of ``options`` in ``session``; return the exit status.

    ``terminal`` says that commands are typed afterwards; errors are not fatal then. ``early`` is
    the prompt for them if it is on the screen already.
    """
    session.keep_going = options.keep_going
    session.interrupt_ends = not terminal
    try:
        with watchdog.limited(session, float(options.timeout or 0)):
            return _run(session, options, terminal, stdin, early)
    except watchdog.TimedOut as error:
        return watchdog.report(session, error)
    except _Failed as failed:
        return failed.status
    except KeyboardInterrupt:
        session.warn("Interrupted.")
        return INTERRUPTED


def _run(
    session: Session,
    options: Options,
    terminal: bool,
    stdin: TextIO | None,
    early: EarlyPrompt | None,
) -> int:
    try:
        with early.giving_way(session) if early else nullcontext():
            status = _prepare(session, options, terminal, greeted=early is not None)
        if status:
            return status
        _steps(session, options.steps, terminal)
        if terminal:
            from pydbg.ui.repl import loop

            return loop(session, early=early)
        if not options.batch:
            session.dbg.stdin = os.devnull
            _script(session, Lines(stdin or sys.stdin, "stdin", typed=True), terminal)
        outcome.at_end(session, options)
    except Quit as quit_:
        return outcome.final(session, options, quit_.status)
    except DebuggerError as error:
        session.error(error)
        return FAILED
    return outcome.final(session, options)


class _Failed(Exception):
    """End the run with a status; what there was to say has been said."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _prepare(session: Session, options: Options, terminal: bool, greeted: bool) -> int:
    """Do what comes before the first command: folder, init file, program, process."""
    if options.cd:
        try:
            os.chdir(options.cd)
        except OSError as error:
            session.error(FileError(f"{options.cd}: {error.strerror}."))
            return FAILED
    dbg = session.dbg
    if options.tty:
        dbg.tty = options.tty
    if terminal:
        if not options.quiet and not greeted:
            from pydbg.ui.early import greeting

            session.write(greeting())
        if (path := _init_file(options)) is not None:
            try:
                session.source(path)
            except DebuggerError as error:
                session.error(error)
    _steps(session, options.early, terminal)
    if options.program and (status := _load(session, options)) != 0 and not terminal:
        return status
    if options.pid or options.core:
        try:
            event = dbg.attach(int(options.pid)) if options.pid else dbg.load_core(options.core)
            session.show(event)
        except DebuggerError as error:
            session.error(error)
            return 0 if terminal or options.keep_going else FAILED
    return 0


def _load(session: Session, options: Options) -> int:
    try:
        session.dbg.load_program(options.program)
        if options.arguments:
            from shlex import join

            session.settings.put("args", join(options.arguments))
    except LaunchError as error:
        session.error(error)
        return error.status
    except DebuggerError as error:
        session.error(error)
        return CANNOT_RUN if os.path.lexists(options.program) else NOT_FOUND
    return 0


def _init_file(options: Options) -> str | None:
    """Return the user's init file; never one in the current folder, which may be a stranger's."""
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    path = f"{folder}/pydbg/init"
    wanted = not options.no_init and os.path.isabs(folder) and os.path.isfile(path)
    return path if wanted else None


def _steps(session: Session, steps: list[tuple[str, str]], terminal: bool) -> None:
    """Run -x and -ex in their order. Neighbouring -ex are one script: a body may span them."""
    waiting: list[str] = []
    for kind, text in [*steps, ("end", "")]:
        if kind == "line":
            waiting.append(text)
            continue
        if waiting:
            _script(session, Lines(waiting), terminal)
            waiting = []
        if kind == "file":
            _script(session, text, terminal)
        elif kind == "directory":
            from pydbg.commands.common import sources

            sources(session).add_directories(text)


def _script(session: Session, source: Lines | str, terminal: bool) -> None:
    try:
        if isinstance(source, str):
            session.source(source)
        else:
            session.run_lines(source)
    except DebuggerError as error:
        session.error(error)
        if terminal or session.keep_going:
            return
        cause = error.error if isinstance(error, ScriptError) else error
        raise _Failed(cause.status if isinstance(cause, LaunchError) else FAILED) from None
    finally:
        session.out.flush()


def internal_error(error: BaseException) -> None:
    """Tell of a bug of pydbg in a line; with PYDBG_DEBUG=1 also where it is."""
    if os.environ.get("PYDBG_DEBUG"):
        import traceback

        traceback.print_exception(error)
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    sys.stderr.write(f"pydbg: internal error: {what}  (PYDBG_DEBUG=1 shows where)\n")
    sys.stderr.flush()


def _isatty(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _flush(stream: TextIO) -> None:
    try:
        stream.flush()
    except BrokenPipeError:
        _drop(stream)
    except (OSError, ValueError):
        pass


def _drop(stream: TextIO) -> None:
    """Send what is still buffered nowhere, so that the interpreter's exit is quiet."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
