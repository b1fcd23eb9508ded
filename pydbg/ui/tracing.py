"""``pydbg trace``: the front end of the trace loop.

The exit status is the program's, and of a signal that kills it pydbg dies as well; 1 where
nothing could be traced, 2 for a wrong command line, 126 and 127 where the program cannot be run
or is not there.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from errno import ESRCH
from types import FrameType
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, LaunchError, PtraceError, ThreadGone, UsageError
from pydbg.rawstops import ThreadExit, ThreadKilled
from pydbg.trace.options import TraceOptions, parse, usage
from pydbg.ui.programs import USAGE_STATUS, die, opened

if TYPE_CHECKING:
    from pydbg.linux.spawn import LaunchSpec
    from pydbg.trace.loop import TraceLoop
    from pydbg.trace.sinks import Outputs

__all__ = ["main", "run"]

_FAILED = 1
_TICK = 0.1
"""Seconds after which what is held back for a file is written."""


def main(arguments: Sequence[str]) -> int:
    """Run ``pydbg trace`` and return its exit status."""
    options = opened("pydbg trace", arguments, parse, usage)
    if isinstance(options, int):
        return options
    return _caught(lambda: (run(options), 0))[0]


def _caught(work: Callable[[], tuple[int, int]]) -> tuple[int, int]:
    """Do the work; what the user did wrong becomes a line and a status."""
    try:
        return work()
    except UsageError as error:
        sys.stderr.write(f"pydbg trace: {error}\n")
        return USAGE_STATUS, 0
    except LaunchError as error:
        sys.stderr.write(f"pydbg: {error}\n")
        return error.status, 0
    except DebuggerError as error:
        sys.stderr.write(f"pydbg: {error}\n")
        return _FAILED, 0


def run(options: TraceOptions) -> int:
    """Trace what the options say until it ends; return the exit status."""
    spec = _spec(options) if options.argv else None
    if spec is not None and spec.filter is not None and not (options.follow or options.daemonize):
        from pydbg.linux.servant import in_child

        # Processes that it leaves behind need a tracer, and this command ends with the program.
        status, signo = in_child(lambda report: _caught(lambda: _trace(options, spec, report)))
    else:
        status, signo = _trace(options, spec, None)
    if signo:
        die(signo)
    return status


def _trace(
    options: TraceOptions, spec: LaunchSpec | None, report: Callable[[int, int], None] | None
) -> tuple[int, int]:
    """Trace to the end, and return the (status, signal) to end with.

    They are reported before when the program has ended and processes that are not shown go on.
    """
    from pydbg.trace.loop import TraceLoop
    from pydbg.trace.sinks import Outputs

    outputs = Outputs(options)
    loop = TraceLoop(options, outputs.sink)
    outputs.watch(loop)
    if "path-resolution" not in options.quiet:
        for path, real in loop.resolved:
            sys.stderr.write(f"pydbg: Requested path '{path}' resolved into '{real}'\n")

    def end() -> tuple[int, int]:
        status = loop.status
        signo = status.signo if isinstance(status, ThreadKilled) else loop.ending
        return status.code if isinstance(status, ThreadExit) else 0, signo

    def leave() -> None:
        outputs.close()
        if report is not None:
            report(*end())

    loop.at_end = leave
    try:
        with _signals(loop, outputs):
            if spec is not None:
                loop.launch(spec)
            for pid in options.pids:
                _attach(loop, outputs, pid)
            # Not before: with -D this process has become another one, and a timer outlives exec.
            signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
            loop.run()
    finally:
        outputs.close()
    return end()


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
        user=_user(options.user) if options.user else None,
    )


def _user(name: str) -> tuple[int, int, list[int]]:
    import pwd

    try:
        row = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"Cannot find user '{name}'") from None
    return row.pw_uid, row.pw_gid, os.getgrouplist(name, row.pw_gid)


def _filter(options: TraceOptions) -> bytes | None:
    """Return the seccomp program that passes calls which are not shown."""
    numbers = options.chosen.filter_numbers()
    # The stop that a filter makes takes no signal along.
    signals = any(":signal=" in rule for rule in options.rules)
    # As another user it would take no_new_privs, and set-user-ID programs their privilege.
    usable = numbers is not None and not (options.detach_on_exec or signals or options.user)
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
