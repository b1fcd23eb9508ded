"""Commands of the shell: shell, pipe, make."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.options import FILES
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, NoProcess, UsageError
from pydbg.linux import procfs

if TYPE_CHECKING:
    from pydbg.commands.session import Session


def shell(session: Session, parsed: Parsed) -> None:
    """Run a command of the shell."""
    run_shell(session, parsed["COMMAND"])


def make(session: Session, parsed: Parsed) -> None:
    """Run make."""
    run_shell(session, f"make {parsed['ARGUMENTS'] or ''}".rstrip())


def run_shell(session: Session, text: str | None) -> None:
    """Run a command of the user's shell, or without one the shell itself."""
    program = os.environ.get("SHELL") or "/bin/sh"
    _run(session, [program, "-c", text] if text else [program])


def pipe(session: Session, parsed: Parsed) -> None:
    """Give what a command shows to a command of the shell."""
    text: str = parsed["COMMAND | SHELL-COMMAND"]
    delimiter = "|"
    if text.startswith("-d ") or text == "-d":
        delimiter, _, text = text[3:].strip().partition(" ")
        if not delimiter:
            raise UsageError("-d requires an argument")
    text = text.removeprefix("-- ")
    command, found, rest = text.partition(delimiter)
    if not found:
        raise UsageError("Missing delimiter before SHELL_COMMAND")
    command = command.strip() or session.repeatable
    if not command:
        raise UsageError("Missing COMMAND")
    if not rest.strip():
        raise UsageError("Missing SHELL_COMMAND")
    shown = session.capture(command)
    _run(session, ["/bin/sh", "-c", rest.strip()], shown)


def _run(session: Session, words: list[str], given: str | None = None) -> None:
    """Run a program of the user; its output goes where the session's goes."""
    import sys

    session.out.flush()
    ours = session.out is sys.stdout
    try:
        status, shown = _finish(words, None if given is None else given.encode(*_BYTES), ours)
    except (OSError, ValueError) as error:
        raise CommandError(f"Cannot run {words[0]}: {error}.") from None
    if not ours:
        session.write(shown.decode(*_BYTES))
    _note(session, status)


_BYTES = ("utf-8", "backslashreplace")


def _finish(words: list[str], given: bytes | None, ours: bool) -> tuple[int, bytes]:
    """Run a program to its end, whatever ends us: the time limit leaves none of it behind.

    An exception from a signal's handler in the moment of the fork would lose the child, so the
    handlers wait until it is known; the program itself starts with the signals as they were.
    """
    import signal
    import subprocess  # Brings selectors and threading along.

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    process = None
    try:
        # In here: the handler of a signal that was due raises when the block is in force.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        process = subprocess.Popen(
            words,
            stdin=None if given is None else subprocess.PIPE,
            stdout=None if ours else subprocess.PIPE,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
        )
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        shown = process.communicate(given)[0]
    except BaseException:  # The time limit and Ctrl-C above all: nothing of it is left behind.
        if process is not None:
            _kill_tree(process.pid)
            process.wait()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return process.returncode, shown or b""


def _kill_tree(pid: int) -> None:
    """Kill a process and what it started; nothing that has left it is looked for."""
    import signal

    with suppress(ProcessLookupError, NoProcess):
        os.kill(pid, signal.SIGSTOP)  # It starts nothing more while its children are read.
        below = procfs.children(pid)
        os.kill(pid, signal.SIGKILL)
        for child in below:
            _kill_tree(child)


def _note(session: Session, status: int) -> None:
    """Set ``$_shell_exitcode`` or ``$_shell_exitsignal``, as gdb does."""
    from pydbg.expr.types import data_model
    from pydbg.expr.values import from_number

    known = session.dbg.convenience
    names = ("_shell_exitcode", "_shell_exitsignal")
    for name in names:
        known.pop(name, None)
    model = data_model(session.dbg.arch.pointer_size)
    known[names[status < 0]] = from_number(model.int, abs(status))


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "shell",
            ("!",),
            summary="Run a command of the shell, or a shell.",
            help="$_shell_exitcode is its status afterwards, or $_shell_exitsignal the signal "
            "that it died of.",
            args=(Arg("COMMAND", FILES, optional=True, doc="the shell's command line"),),
            example="shell true",
            repeat="no",
            run=shell,
        ),
        Command(
            "make",
            summary="Run make.",
            help="The arguments are make's; the status is kept as with shell.",
            args=(Arg("ARGUMENTS", FILES, optional=True, doc="make's arguments"),),
            example="make --version",
            repeat="no",
            run=make,
        ),
        Command(
            "pipe",
            ("|",),
            summary="Give what a command shows to a command of the shell.",
            help="With -d WORD, WORD stands between the two instead of |.\n"
            "$_shell_exitcode is the status of the shell's command afterwards.",
            args=(
                Arg("COMMAND | SHELL-COMMAND", kinds.COMMANDLINE, doc="the two commands",
                    missing="Missing COMMAND"),
            ),
            example="pipe info set | wc -l",
            repeat="no",
            run=pipe,
        ),
    )  # fmt: skip
