"""What a launched program finds: arguments, environment, descriptors, signals, group, terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pydbg.errors import LaunchError
from pydbg.linux import procfs, ptrace, spawn, wait
from pydbg.linux.spawn import LaunchSpec
from pydbg.rawstops import EventStop, ThreadExit
from tests.live.test_linux_tracing import trace_only
from tests.support.build import build

OPTIONS = ptrace.O_EXITKILL | ptrace.O_TRACESYSGOOD


def finish(pid: int) -> int:
    """Run to the end and return the exit code."""
    while True:
        ptrace.cont(pid)
        found = wait.wait_tracee(pid)
        assert found is not None
        stop = wait.decode(*found)
        if isinstance(stop, ThreadExit):
            return stop.code


def output_of(tmp_path: Path, *args: str, **spec: Any) -> str:
    """Run the fixture that prints what it was given; return what it printed."""
    program = build("environment.c")
    target = tmp_path / "output"
    spec = {"env": {"GREETING": "hi"}, "stdin": "/dev/null", "stderr": "/dev/null", **spec}
    pid = spawn.spawn(
        LaunchSpec(argv=["environment", *args], path=str(program), stdout=str(target), **spec),
        OPTIONS,
    )
    assert finish(pid) == 0
    return target.read_text()


def test_what_a_program_finds(tmp_path: Path) -> None:
    here = Path.cwd()
    assert output_of(tmp_path, "a b", "", "ü") == (
        "arg a b\narg \narg ü\ngreeting hi\n"
        f"cwd {here}\nfd 0\nfd 1\nfd 2\ngroup own\nsession shared\n"
    )


def test_the_first_stop_is_the_exec() -> None:
    program = build("plain.c")
    before = set(os.listdir("/proc/self/fd"))
    pid = spawn.spawn(LaunchSpec(argv=["plain"], path=str(program)), OPTIONS)
    assert procfs.exe(pid) == str(program)
    assert procfs.traced_by_us(pid)
    assert procfs.personality(pid) & procfs.ADDR_NO_RANDOMIZE
    assert set(os.listdir("/proc/self/fd")) <= before  # The collector may close some.
    spawn.abandon(pid)


def test_randomised_addresses() -> None:
    spec = LaunchSpec(argv=["true"], path="/bin/true", disable_randomization=False)
    pid = spawn.spawn(spec, OPTIONS)
    assert not procfs.personality(pid) & procfs.ADDR_NO_RANDOMIZE
    spawn.abandon(pid)


def test_signals_are_restored(tmp_path: Path) -> None:
    changed = {
        signo: signal.signal(signo, signal.SIG_IGN)
        for signo in (signal.SIGINT, signal.SIGTTOU, signal.SIGCHLD)
    }
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGUSR1, signal.SIGRTMAX))
    try:
        text = output_of(tmp_path)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= {signal.SIGUSR1, signal.SIGRTMAX}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for signo, action in changed.items():
            signal.signal(signo, action)
    assert "ignored" not in text
    assert "blocked" not in text


def test_nohup_is_inherited(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert f"ignored {signal.SIGHUP:d}\n" in output_of(tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_descriptors(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.set_inheritable(read, True)
    os.set_inheritable(write, True)
    try:
        assert f"fd {read}\n" not in output_of(tmp_path)
        text = output_of(tmp_path, pass_fds=[write])
        assert f"fd {write}\n" in text
        assert f"fd {read}\n" not in text
        assert f"fd {read}\n" in output_of(tmp_path, pass_fds=None)
    finally:
        os.close(read)
        os.close(write)


def test_redirections(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("word\n")
    shell = 'read x; echo "out $x"; echo "err $x" >&2'

    def run(**spec: Any) -> None:
        argv = ["sh", "-c", shell]
        assert finish(spawn.spawn(LaunchSpec(argv=argv, path="/bin/sh", **spec), OPTIONS)) == 0

    where = str(tmp_path)
    run(cwd=where, stdin="in", stdout="both", stderr="other")
    run(cwd=where, stdin="in", stdout="both", stderr="other", append=True)
    assert (tmp_path / "both").read_text() == "out word\nout word\n"
    assert (tmp_path / "other").read_text() == "err word\nerr word\n"
    with open(tmp_path / "swap", "w") as stream:
        run(cwd=where, stdin="in", stdout="/dev/null", stderr=stream.fileno())
    assert (tmp_path / "swap").read_text() == "err word\n"
    # 2>&1: the descriptor meant is the new stdout only if the caller says the same file.
    run(cwd=where, stdin="in", stdout="same", stderr="same", append=True)
    assert (tmp_path / "same").read_text() == "out word\nerr word\n"


def test_closed_standard_descriptors(tmp_path: Path) -> None:
    """The pipes of the start must not land on descriptors 0 to 2."""
    code = (
        "import os, sys\n"
        "from pydbg.linux import ptrace, spawn, wait\n"
        "for fd in (0, 1, 2): os.close(fd)\n"
        "spec = spawn.LaunchSpec(argv=['sh', '-c', 'echo fine'], path='/bin/sh',"
        f" stdin='/dev/null', stdout={str(tmp_path / 'out')!r}, stderr='/dev/null')\n"
        "pid = spawn.spawn(spec, ptrace.O_EXITKILL)\n"
        "ptrace.cont(pid)\n"
        "os._exit(wait.wait_tracee(pid)[1])\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert (tmp_path / "out").read_text() == "fine\n"


def test_terminal_of_its_own(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    name = os.ttyname(slave)
    program = build("environment.c")
    pid = spawn.spawn(LaunchSpec(argv=["environment"], path=str(program), tty=name), OPTIONS)
    assert os.readlink(f"/proc/{pid}/fd/0") == name
    stat = procfs.stat(pid)
    assert (stat.session, stat.pgrp) == (pid, pid)
    assert stat.terminal == os.stat(name).st_rdev
    assert finish(pid) == 0
    assert b"session own" in os.read(master, 4096)
    os.close(master)
    os.close(slave)


def test_the_debuggers_group(tmp_path: Path) -> None:
    assert "group shared" in output_of(tmp_path, new_group=False)


@pytest.mark.parametrize(
    ("spec", "status", "words"),
    [
        ({"path": "/nonexistent/x"}, 127, "/nonexistent/x: No such file or directory."),
        ({"path": "/etc/passwd"}, 126, "Permission denied"),
        ({"path": "/tmp"}, 126, "Permission denied"),
        ({"cwd": "/nonexistent"}, 126, "change directory to /nonexistent: No such file"),
        ({"stdin": "/nonexistent"}, 126, "open /nonexistent: No such file"),
        ({"stdout": "/"}, 126, "open /: Is a directory"),
        ({"stdin": 987}, 126, "redirect: Bad file descriptor"),
        ({"tty": "/nonexistent"}, 126, "open terminal /nonexistent: No such file"),
        ({"filter": bytes(8)}, 126, "install the seccomp filter: Invalid argument"),
        ({"pass_fds": [987]}, 126, "close descriptors: Bad file descriptor"),
        ({"argv": ["a\0b"]}, 126, "null byte"),
        ({"argv": []}, 126, "no argument 0"),
        ({"env": {"A=B": "c"}}, 126, "a name that cannot be"),
        ({"argv": ["x", "y" * 200_000]}, 126, "Argument list too long"),
    ],
)
def test_what_cannot_be_started(spec: dict[str, Any], status: int, words: str) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(LaunchError) as caught:
        spawn.spawn(LaunchSpec(**{"argv": ["true"], "path": "/bin/true", **spec}), OPTIONS)
    assert words in str(caught.value)
    assert caught.value.status == status
    assert set(os.listdir("/proc/self/fd")) <= before  # The collector may close some.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"echo no interpreter line\n", "Exec format error"),
        (b"#!/nonexistent/python\n", "interpreter (#! line or ELF PT_INTERP) is missing"),
        (b"\x7fELF\2\1\1" + bytes(9) + b"\2\0\xb7\0" + bytes(44), "Exec format error"),
        (b"\x7fELF", "Exec format error"),
        (b"", "Exec format error"),
    ],
    ids=["no #!", "bad #!", "aarch64", "truncated", "empty"],
)
def test_files_that_are_no_programs(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "program"
    path.write_bytes(content)
    path.chmod(0o755)
    with pytest.raises(LaunchError, match=words.replace("(", r"\(").replace(")", r"\)")) as caught:
        spawn.spawn(LaunchSpec(argv=["program"], path=str(path)), OPTIONS)
    assert caught.value.status == 126


def test_a_filter_that_catches_execve_itself() -> None:
    pid = spawn.spawn(LaunchSpec(argv=["true"], path="/bin/true", filter=trace_only(59)), OPTIONS)
    assert finish(pid) == 0
    with pytest.raises(LaunchError) as caught:
        spawn.spawn(LaunchSpec(argv=["x"], path="/nonexistent", filter=trace_only(59)), OPTIONS)
    assert caught.value.status == 127


def test_a_script_is_its_interpreter(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_text("#!/bin/sh\nexit 4\n")
    path.chmod(0o755)
    pid = spawn.spawn(LaunchSpec(argv=["script"], path=str(path)), OPTIONS)
    assert procfs.exe(pid) == os.path.realpath("/bin/sh")
    assert finish(pid) == 4


def test_from_a_host_with_busy_threads() -> None:
    """Starts must work, and wait for nothing, while other threads hold locks and fork too."""
    stop = threading.Event()

    def noise() -> None:
        while not stop.is_set():
            subprocess.run(["true"], check=True)

    threads = [threading.Thread(target=noise) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            pid = spawn.spawn(LaunchSpec(argv=["true"], path="/bin/true"), OPTIONS)
            assert finish(pid) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_death_of_the_tracer_takes_the_program_along() -> None:
    code = (
        "import os\n"
        "from pydbg.linux import ptrace, spawn\n"
        "pid = spawn.spawn(spawn.LaunchSpec(argv=['sleep', '1000'], path='/bin/sleep',"
        " env=dict(os.environ)), ptrace.O_EXITKILL)\n"
        "ptrace.cont(pid)\n"
        "print(pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -9
    assert int(done.stdout) > 0  # That it is gone is checked after every live test.


def test_exec_event_comes_again(tmp_path: Path) -> None:
    spec = LaunchSpec(argv=["exec", "/bin/true"], path=str(build("exec.c")))
    pid = spawn.spawn(spec, OPTIONS)
    ptrace.cont(pid)
    found = wait.wait_tracee(pid)
    assert found is not None
    assert wait.decode(*found) == EventStop(pid, "exec")
    assert finish(pid) == 0
