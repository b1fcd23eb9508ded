"""What subcommands share: their command line, and running a program as if alone with it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from signal import SIGINT, SIGQUIT
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

from pydbg.errors import DebuggerError, FileError, LaunchError, UsageError

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.events import Event

__all__ = ["USAGE_STATUS", "die", "ending", "opened", "undisturbed", "watched"]

USAGE_STATUS = 2
"""The exit status for a wrong command line."""
_CORE_LIMIT = 1
"""A core of pydbg itself is no use: core(5) says that this limit keeps pipes away too."""


class _Wishes(Protocol):
    """Be what a command line asks for."""

    @property
    def help(self) -> bool: ...


_W = TypeVar("_W", bound=_Wishes)


def opened(
    command: str,
    arguments: Sequence[str],
    parse: Callable[[Sequence[str]], _W],
    usage: str | Callable[[], str],
) -> _W | int:
    """Return what a command line asks for, or the exit status if there is nothing to be done.

    >>> from pydbg.ui.report import USAGE, parse
    >>> opened("pydbg report", ["/bin/true"], parse, USAGE).program
    '/bin/true'
    """
    try:
        wishes = parse(arguments)
    except UsageError as error:
        sys.stderr.write(f"{command}: {error}\nTry '{command} --help'.\n")
        return USAGE_STATUS
    if wishes.help:
        sys.stdout.write(usage if isinstance(usage, str) else usage())
        return 0
    if getattr(wishes, "version", False):
        from pydbg import __version__

        sys.stdout.write(f"pydbg {__version__}\n")
        return 0
    return wishes


def watched(work: Callable[[], int], program: str) -> int:
    """Return the status that the work ends with; a negative one is a signal to die of.

    What goes wrong becomes a line and a status: 126 or 127 where the program cannot be run.
    """
    from pydbg.ui.batch import Terminated, internal_error, termination

    try:
        with termination():
            status = work()
    except Terminated as error:
        die(error.signo)
    except UsageError as error:
        sys.stderr.write(f"pydbg: {error}\n")
        return USAGE_STATUS
    except DebuggerError as error:
        sys.stderr.write(f"pydbg: {error}\n")
        if isinstance(error, LaunchError):
            return error.status
        if isinstance(error, FileError):
            return 126 if os.path.lexists(program) else 127
        return 1
    except Exception as error:
        internal_error(error)
        return 125
    if status < 0:
        die(-status)
    return status


def ending(event: Event) -> int:
    """Return the program's status, or the number of the signal that ended it, negative.

    >>> from pydbg.events import Exited
    >>> ending(Exited(7, 7, 3))
    3
    """
    signo = getattr(event, "signo", None)
    return -signo if signo is not None else int(getattr(event, "code", 0))


@contextmanager
def undisturbed(program: str, args: Sequence[str]) -> Iterator[Debugger]:
    """Give a debugger whose program runs as it would without: no group, no addresses of its own.

    It stays in our process group: Ctrl-C and Ctrl-Z reach it as if we were not there.
    """
    from pydbg.debugger import Debugger

    path, *rest = _interpreted([program, *args])
    with Debugger(path, rest) as dbg, _same_terminal():
        dbg.own_group = False
        dbg.settings.set("disable-randomization", "off")
        yield dbg


@contextmanager
def _same_terminal() -> Iterator[None]:
    """Leave the terminal's signals to the program while the block runs."""
    if not _in_foreground():
        yield
        return
    old = {signo: signal.signal(signo, signal.SIG_IGN) for signo in (SIGINT, SIGQUIT)}
    try:
        yield
    finally:
        for signo, previous in old.items():
            signal.signal(signo, previous)


def _in_foreground() -> bool:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        try:
            if stream is not None and os.tcgetpgrp(stream.fileno()) == os.getpgrp():
                return True
        except (OSError, ValueError):
            continue
    return False


def _interpreted(argv: list[str]) -> list[str]:
    """Return the command line that runs a script (``#!``, execve(2)), others as they are.

    >>> _interpreted(["/bin/true", "a"])
    ['/bin/true', 'a']
    """
    from shutil import which

    path = argv[0] if "/" in argv[0] else which(argv[0]) or argv[0]
    for _ in range(4):
        try:
            with open(path, "rb") as stream:
                first = stream.readline(4096)
        except OSError:
            break
        if not first.startswith(b"#!"):
            break
        words = os.fsdecode(first[2:]).strip().split(None, 1)
        if not words:
            break
        argv = [*words, path, *argv[1:]]
        path = words[0]
    return argv


def die(signo: int) -> NoReturn:
    """End this process by a signal, without a core; 128 + N where that is impossible."""
    import resource

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    soft = _CORE_LIMIT if hard == resource.RLIM_INFINITY or hard >= _CORE_LIMIT else 0
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    if signo not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(signo, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signo])
    os.kill(os.getpid(), signo)
    # Process 1 of a container is spared by signals that it has no handler for.
    os._exit(128 + signo)
