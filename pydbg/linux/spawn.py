"""Start a program under ptrace: fork, set up, seize, exec.

The order matters. The child does everything that needs no tracer (process group, terminal,
directory, redirections, signals, personality), then reads from a pipe until its parent has
seized it; then it installs the seccomp filter, whose calls would fail with ENOSYS without a
tracer, and calls execve. The first stop that the caller sees is PTRACE_EVENT_EXEC; there is
no SIGSTOP dance. If a step fails, the child writes which one to another pipe that is closed
by a successful exec.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

from pydbg.errors import DebuggerError, LaunchError, ThreadGone
from pydbg.linux import ptrace
from pydbg.linux.procfs import ADDR_NO_RANDOMIZE
from pydbg.linux.wait import decode, wait_tracee
from pydbg.records import Record, field

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable, Mapping, Sequence

_TIOCSCTTY = 0x540E
_PR_SET_NO_NEW_PRIVS = 38
_SYS_EXECVE = 59
_SYS_SECCOMP = 317
_SECCOMP_SET_MODE_FILTER = 1
# Without it, kernels before 5.16 slow the program down: every filtered task gets the
# mitigation of speculative store bypass.
_SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4
_CLOSE_RANGE_CLOEXEC = 4
_QUERY_PERSONALITY = 0xFFFF_FFFF
STDOUT = -2
"""The program's own standard output, as in subprocess."""


class LaunchSpec(Record, kw_only=True):
    """Say what to start and how.

    ``path`` is the file to execute (no search in PATH). ``stdin``, ``stdout`` and ``stderr``
    are a path, opened by the child in ``cwd``, or an open descriptor, or None to share the
    debugger's; ``stderr`` may be `STDOUT`, wherever that goes; ``append`` opens output paths for
    appending. ``tty`` becomes the controlling terminal of a new session and stdin, stdout and
    stderr. ``filter`` is a seccomp program (an array of ``struct sock_filter``). ``keep_signals``
    leaves ignored what whoever started the debugger had ignored. ``user`` is (uid, gid, groups)
    to run as. ``pass_fds`` are descriptors above 2 that the program keeps; None keeps those that
    are inheritable.
    """

    argv: Sequence[str]
    path: str
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    stdin: str | int | None = None
    stdout: str | int | None = None
    stderr: str | int | None = None
    append: bool = False
    tty: str | None = None
    disable_randomization: bool = True
    filter: bytes | None = None
    new_group: bool = True
    keep_signals: bool = False
    user: tuple[int, int, Sequence[int]] | None = None
    pass_fds: Sequence[int] | None = ()


def spawn(
    spec: LaunchSpec, seize_options: int, at_exec: Callable[[int], None] | None = None
) -> int:
    """Start a program and return its pid, stopped at PTRACE_EVENT_EXEC.

    ``seize_options`` are ptrace O_ constants; TRACEEXEC is added, with a filter TRACESECCOMP
    too. ``at_exec`` is called with the pid when the child is stopped at execve's entry, and
    is to let it go on.
    Raises LaunchError with ``status`` 127 if there is no such file and 126 for everything
    else.
    """
    launch = prepare(spec)
    try:
        pid = _fork(launch)
    except BaseException:  # No descriptor leaks, whatever ended it.
        launch.close()
        raise
    try:
        problem = trace_exec(launch, pid, seize_options, at_exec)
    except BaseException:  # Ctrl-C too: a child that waits for its seizure is nobody's.
        abandon(pid)
        raise
    if problem is not None:
        abandon(pid)
        raise problem
    return pid


class Launch:
    """Hold a start that is under way: what to start, and the two pipes to whoever becomes it."""

    def __init__(self, spec: LaunchSpec) -> None:
        self.spec = spec
        self.native = _Native(spec)
        self.errors, self.errors_end = _pipe()
        self.go_end, self.go = _pipe()

    def close(self) -> None:
        """Close all ends."""
        for fd in (self.errors, self.errors_end, self.go_end, self.go):
            os.close(fd)


def prepare(spec: LaunchSpec) -> Launch:
    """Do what is to be done before the fork; raises LaunchError for what cannot be started."""
    _check(spec)
    return Launch(spec)


def take_over(launch: Launch) -> NoReturn:
    """Become the program, once a tracer has said so."""
    ends = (launch.errors, launch.go)
    _child(launch.spec, launch.native, launch.go_end, launch.errors_end, ends)


def trace_exec(
    launch: Launch, pid: int, seize_options: int, at_exec: Callable[[int], None] | None
) -> DebuggerError | None:
    """Seize the process that becomes the program; return why it did not, or None."""
    spec = launch.spec
    options = seize_options | ptrace.O_TRACEEXEC
    if spec.filter is not None:
        options |= ptrace.O_TRACESECCOMP
    os.close(launch.go_end)
    os.close(launch.errors_end)
    try:
        try:
            refusal = _start(pid, options, launch.go, at_exec)
        finally:
            os.close(launch.go)  # A child that still waits for it gives up.
        report = _drain(launch.errors)
    finally:
        os.close(launch.errors)
    return _explain(spec, report) if report else refusal


def _pipe() -> tuple[int, int]:
    """Make a pipe above the standard descriptors, which the host program may have closed."""
    import fcntl

    low = os.pipe2(os.O_CLOEXEC)
    try:
        return (
            fcntl.fcntl(low[0], fcntl.F_DUPFD_CLOEXEC, 3),
            fcntl.fcntl(low[1], fcntl.F_DUPFD_CLOEXEC, 3),
        )
    finally:
        os.close(low[0])
        os.close(low[1])


def _check(spec: LaunchSpec) -> None:
    texts = [spec.path, *spec.argv, *spec.env, *spec.env.values(), spec.cwd or "", spec.tty or ""]
    if any("\0" in text for text in texts):
        raise LaunchError(f"{spec.path!r}: an argument or variable holds a null byte.")
    if not spec.argv:
        raise LaunchError(f"{spec.path}: there is no argument 0.")
    if any(not name or "=" in name for name in spec.env):
        raise LaunchError(f"{spec.path}: the environment holds a name that cannot be.")


def _fork(launch: Launch) -> int:
    """Fork with all signals blocked, so that no Python handler ever runs in the child."""
    import warnings

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # In here: the handler of a signal that was due raises when the block is in force.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        with warnings.catch_warnings():
            # Python 3.12 warns of forks in a process with threads. This child takes no lock:
            # it makes system calls and execs.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            take_over(launch)
    except OSError as error:
        raise LaunchError(f"Cannot fork: {error.strerror}.") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return pid


def _start(
    pid: int, options: int, go: int, at_exec: Callable[[int], None] | None
) -> DebuggerError | None:
    """Seize the child, let it go on, and wait for the exec; return why that failed, or None."""
    try:
        ptrace.seize(pid, options)
        if at_exec is not None:
            # From a stop on it can be led from call to call.
            ptrace.interrupt(pid)
    except DebuggerError as error:
        # The child may have failed before: then its report says more than this.
        return error
    os.write(go, b"g")
    while True:
        try:
            found = wait_tracee(pid)
        except ThreadGone as error:
            return error
        assert found is not None
        status = found[1]
        stop = decode(pid, status)
        kind = type(stop).__name__
        if kind == "EventStop" and status >> 16 == 4:
            return None
        if kind in ("ThreadExit", "ThreadKilled"):
            return LaunchError("The program died before it could start.")
        try:
            # A signal that came meanwhile is the program's; other stops (seccomp: the filter
            # catches execve itself) belong to the start.
            signo = status >> 8 & 0xFF if kind == "SignalStop" else 0
            if at_exec is None:
                ptrace.cont(pid, signo)
                continue
            if kind == "SyscallStop":
                info = ptrace.get_syscall_info(pid)
                if (info.op, info.nr) == ("entry", _SYS_EXECVE):
                    at_exec(pid)
                    continue
            ptrace.syscall(pid, signo)
        except ThreadGone:
            continue


def _drain(fd: int) -> bytes:
    pieces = []
    while piece := os.read(fd, 4096):
        pieces.append(piece)
    return b"".join(pieces)


def abandon(pid: int) -> None:
    """Kill a tracee of this thread and take its status."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    _reap(pid)


def _reap(pid: int) -> None:
    while True:
        try:
            _, status = os.waitpid(pid, 0x4000_0000)
        except ChildProcessError:
            return
        if status & 0xFF != 0x7F:
            return
        # A stop on the way to the end, such as PTRACE_EVENT_EXIT.
        try:
            ptrace.cont(pid)
        except DebuggerError:
            continue


def _explain(spec: LaunchSpec, report: bytes) -> LaunchError:
    step, _, rest = report.partition(b"\0")
    number, _, text = rest.partition(b"\0")
    errno = int(number)
    reason = os.strerror(errno) if errno else os.fsdecode(text)
    what = os.fsdecode(step)
    if what != "exec":
        return LaunchError(f"Cannot start {spec.path}: {what}: {reason}.")
    if errno == 2 and os.path.exists(os.path.join(spec.cwd or "", spec.path)):
        return LaunchError(f"{spec.path}: its interpreter (#! line or ELF PT_INTERP) is missing.")
    return LaunchError(f"{spec.path}: {reason}.", 127 if errno == 2 else 126)


# --- the child -----------------------------------------------------------------------------


class _Native:
    """Hold what the child needs from C, prepared before the fork: a child must not import."""

    def __init__(self, spec: LaunchSpec) -> None:
        import ctypes
        import fcntl

        self.ioctl: Callable[[int, int, int], object] = fcntl.ioctl
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.errno = ctypes.get_errno
        self.personality = self.libc["personality"]
        self.personality.argtypes = (ctypes.c_ulong,)
        self.prctl = self.libc["prctl"]
        self.prctl.argtypes = (ctypes.c_ulong,) * 5
        self.syscall = self.libc["syscall"]
        self.syscall.restype = ctypes.c_long
        self.close_range = getattr(self.libc, "close_range", None)
        self.program: ctypes.Array[ctypes.c_char] | None = None
        if spec.filter is not None:
            # struct sock_fprog { unsigned short len; struct sock_filter *filter; }
            self._filter = ctypes.create_string_buffer(spec.filter, len(spec.filter))
            head = (len(spec.filter) // 8).to_bytes(8, "little")
            address = ctypes.addressof(self._filter).to_bytes(8, "little")
            self.program = ctypes.create_string_buffer(head + address, 16)


def _child(
    spec: LaunchSpec, native: _Native, go: int, errors: int, parents: tuple[int, int]
) -> NoReturn:
    """Become the program. Nothing here returns or lets an exception out."""
    step = ["fork"]
    try:
        for fd in parents:
            os.close(fd)
        _set_up(spec, native, step)
        step[0] = "wait for the debugger"
        if not os.read(go, 1):
            os._exit(126)
        if spec.filter is not None:
            step[0] = "install the seccomp filter"
            _install_filter(native)
        step[0] = "exec"
        os.execve(spec.path, list(spec.argv), dict(spec.env))
    except BaseException as error:
        number = error.errno or 0 if isinstance(error, OSError) else 0
        report = f"{step[0]}\0{number}\0{error}"
        try:
            os.write(errors, os.fsencode(report))
        finally:
            os._exit(126)


def _set_up(spec: LaunchSpec, native: _Native, step: list[str]) -> None:
    if spec.tty is not None:
        step[0] = f"open terminal {spec.tty}"
        os.setsid()
        tty = os.open(spec.tty, os.O_RDWR)
        # Steals nothing: the kernel refuses a terminal that another session controls, which is
        # no reason not to use it.
        try:
            native.ioctl(tty, _TIOCSCTTY, 0)
        except OSError:
            pass
        for fd in (0, 1, 2):
            os.dup2(tty, fd)
    elif spec.new_group:
        step[0] = "make a process group"
        os.setpgid(0, 0)
    if spec.cwd is not None:
        step[0] = f"change directory to {spec.cwd}"
        os.chdir(spec.cwd)
    if spec.user is not None:
        step[0] = "change the user"
        uid, gid, groups = spec.user
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    _redirect(spec, step)
    _seal(spec, native, step)
    if spec.disable_randomization:
        # Containers forbid personality(2); the program then runs with randomised addresses.
        now = native.personality(_QUERY_PERSONALITY)
        if now != -1:
            native.personality(now | ADDR_NO_RANDOMIZE)
    step[0] = "restore signals"
    for signo in signal.valid_signals():
        # exec keeps what is ignored. Python ignores SIGPIPE and SIGXFSZ, front ends SIGTTOU;
        # SIGHUP is nohup's, and the program's to inherit.
        if signo in (signal.SIGKILL, signal.SIGSTOP, signal.SIGHUP):
            continue
        if not spec.keep_signals or signo in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(signo, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _redirect(spec: LaunchSpec, step: list[str]) -> None:
    write = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if spec.append else os.O_TRUNC)
    rows = ((0, spec.stdin, os.O_RDONLY), (1, spec.stdout, write), (2, spec.stderr, write))
    sources = []
    for _, source, flags in rows:
        if isinstance(source, str):
            step[0] = f"open {source}"
            source = os.open(source, flags, 0o666)
        if source is not None and 0 <= source <= 2:
            # Copied out of the way: stdout=2 with stderr=1 must swap, not overwrite.
            source = os.dup(source)
        sources.append(source)
    step[0] = "redirect"
    for (fd, _, _), source in zip(rows, sources, strict=True):
        if source is not None:
            os.dup2(1 if source == STDOUT else source, fd)


def _seal(spec: LaunchSpec, native: _Native, step: list[str]) -> None:
    """Close on exec whatever the program is not meant to have."""
    if spec.pass_fds is None:
        return
    step[0] = "close descriptors"
    done = native.close_range is not None and native.close_range(3, -1, _CLOSE_RANGE_CLOEXEC) == 0
    if not done:
        # Before Linux 5.11 or glibc 2.34.
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2:
                try:
                    os.set_inheritable(int(name), False)
                except OSError:
                    continue
    for fd in spec.pass_fds:
        os.set_inheritable(fd, True)


def _install_filter(native: _Native) -> None:
    """Install the filter, with no_new_privs only where the kernel insists on it."""
    assert native.program is not None
    arguments = (
        _SYS_SECCOMP,
        _SECCOMP_SET_MODE_FILTER,
        _SECCOMP_FILTER_FLAG_SPEC_ALLOW,
        native.program,
    )
    if native.syscall(*arguments) == 0:
        return
    if native.errno() != 13:
        raise OSError(native.errno(), os.strerror(native.errno()))
    if native.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 or native.syscall(*arguments) == -1:
        raise OSError(native.errno(), os.strerror(native.errno()))
