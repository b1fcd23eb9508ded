"""``pydbg trace``: the front end of the trace loop.

The exit status is the program's, and of a signal that kills it pydbg dies as well; 1 where
nothing could be traced, 2 for a wrong command line, 126 and 127 where the program cannot be run
or is not there.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from errno import ESRCH
from types import FrameType
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, LaunchError, PtraceError, ThreadGone, UsageError
from pydbg.events import ThreadExit, ThreadKilled
from pydbg.trace.options import TraceOptions, parse, usage

if TYPE_CHECKING:
    from pydbg.linux.spawn import LaunchSpec
    from pydbg.trace.loop import TraceLoop
    from pydbg.trace.sinks import Outputs

__all__ = ["main", "run"]

_FAILED, _USAGE_STATUS = 1, 2
_TICK = 0.1
"""Seconds after which what is held back for a file is written."""


def main(arguments: Sequence[str]) -> int:
    """Run ``pydbg trace`` and return its exit status."""
    try:
        options = parse(arguments)
    except UsageError as error:
        sys.stderr.write(f"pydbg trace: {error}\nTry 'pydbg trace --help'.\n")
        return _USAGE_STATUS
    if options.help:
        sys.stdout.write(usage())
        return 0
    if options.version:
        from pydbg import __version__

        sys.stdout.write(f"pydbg {__version__}\n")
        return 0
    try:
        return run(options)
    except UsageError as error:
        sys.stderr.write(f"pydbg trace: {error}\n")
        return _USAGE_STATUS
    except LaunchError as error:
        sys.stderr.write(f"pydbg: {error}\n")
        return error.status
    except DebuggerError as error:
        sys.stderr.write(f"pydbg: {error}\n")
        return _FAILED


def run(options: TraceOptions) -> int:
    """Trace what the options say until it ends; return the exit status."""
    from pydbg.trace.loop import TraceLoop
    from pydbg.trace.sinks import Outputs

    spec = _spec(options) if options.argv else None
    outputs = Outputs(options)
    loop = TraceLoop(options, outputs.sink)
    outputs.watch(loop)
    if "path-resolution" not in options.quiet:
        for path, real in loop.resolved:
            sys.stderr.write(f"pydbg: Requested path '{path}' resolved into '{real}'\n")
    try:
        with _signals(loop, outputs):
            if spec is not None:
                loop.launch(spec)
            for pid in options.pids:
                _attach(loop, outputs, pid)
            loop.run()
    finally:
        outputs.close()
    status = loop.status
    signo = status.signo if isinstance(status, ThreadKilled) else loop.ending
    if signo:
        from pydbg.ui.report import die

        die(signo)
    return status.code if isinstance(status, ThreadExit) else 0


def _attach(loop: TraceLoop, outputs: Outputs, pid: int) -> None:
    from pydbg.linux.attach import explain_attach_failure

    try:
        count = loop.attach(pid)
    except ThreadGone:
        raise DebuggerError(explain_attach_failure(pid, ESRCH)) from None
    except PtraceError as error:
        raise DebuggerError(explain_attach_failure(pid, error.errno)) from None
    outputs.say(f"Process {pid} attached" + (f" with {count} threads" if count > 1 else ""))


def _spec(options: TraceOptions) -> LaunchSpec:
    from shutil import which

    from pydbg.linux.spawn import LaunchSpec

    name = options.argv[0]
    path = name if "/" in name else which(name)
    if path is None or not os.path.exists(path):
        raise LaunchError(f"Can't stat '{name}': No such file or directory", 127)
    env = dict(os.environ)
    for change in options.environment:
        variable, equals, value = change.partition("=")
        if equals:
            env[variable] = value
        else:
            env.pop(variable, None)
    return LaunchSpec(
        argv=options.argv,
        path=path,
        env=env,
        disable_randomization=False,
        new_group=False,
        keep_signals=True,
        pass_fds=None,
        filter=_filter(options),
    )


def _filter(options: TraceOptions) -> bytes | None:
    """Return the seccomp program that passes calls which are not shown."""
    numbers = options.chosen.filter_numbers()
    usable = options.follow and not options.detach_on_exec and numbers is not None
    if options.filter == "off" or not usable:
        return None
    assert numbers is not None
    from pydbg.syscalls.bpf import trace_filter

    return trace_filter(numbers)


@contextmanager
def _signals(loop: TraceLoop, outputs: Outputs) -> Iterator[None]:
    """See to signals while the block runs.

    A terminal's Ctrl-C reaches the program, too. With ``-o FILE PROG`` the trace goes on until
    the program ends, as strace's does; otherwise it is ended, and the program gets the signal.
    """
    from pydbg.trace.loop import Interrupted

    launched, to_file = bool(loop.options.argv), loop.options.output is not None

    def stop(signo: int, frame: FrameType | None) -> None:
        loop.ending = loop.ending or signo
        if loop.waiting:
            loop.waiting = False
            raise Interrupted(signo)

    def tick(signo: int, frame: FrameType | None) -> None:
        if loop.waiting:
            outputs.flush()

    before = {}
    for signo in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signo) is signal.SIG_IGN:
            continue
        deaf = launched and to_file and signo in (signal.SIGINT, signal.SIGQUIT)
        before[signo] = signal.signal(signo, (lambda *_: None) if deaf else stop)
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    try:
        try:
            yield
        except Interrupted as error:
            loop.forward(error.signo)
            loop.release_all()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for signo, old in before.items():
            signal.signal(signo, old)
