"""The terminal's hand-over and the sentinel, in a session with a real (pseudo) terminal.

Each test runs a small debugger in a process of its own whose controlling terminal is the pty
that the test holds the other end of.
"""

from __future__ import annotations

import os
import pty
import select
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.run import environment

PRELUDE = """
import os, select, signal, sys, termios
from pydbg.linux import procfs, ptrace, spawn, wait
from pydbg.linux.terminal import Sentinel, Terminal

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def start(*argv):
    spec = spawn.LaunchSpec(argv=argv, path=argv[0], env=dict(os.environ))
    return spawn.spawn(spec, ptrace.O_EXITKILL)

def stop_of(pid):
    return wait.decode(*wait.wait_tracee(pid))

terminal = Terminal(0)
"""


class Session:
    """Hold the test's end of the terminal."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.text = ""

    def expect(self, words: str) -> str:
        """Read until ``words`` are there; return what came before them."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        while words not in self.text:
            assert poll.poll(20_000), f"no {words!r} in {self.text!r}"
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            assert data, f"the session ended without {words!r}: {self.text!r}"
            self.text += data.decode()
        before, _, self.text = self.text.partition(words)
        return before

    def send(self, text: str) -> None:
        """Type ``text``."""
        os.write(self.fd, text.encode())

    def echo(self) -> bool:
        """Say whether the terminal echoes now."""
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)


@contextmanager
def session(code: str, *args: str, hang_up: bool = False) -> Iterator[Session]:
    """Run ``code`` with a terminal of its own; it must end by itself, with status 0."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", PRELUDE + code, *args], environment())
    try:
        held = Session(fd)
        yield held
        held.expect("END")
        if hang_up:
            os.close(fd)
        _, status = os.waitpid(pid, 0)
    except BaseException:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        raise
    finally:
        if not hang_up:
            os.close(fd)
    assert os.waitstatus_to_exitcode(status) == 0


def test_the_program_reads_the_terminal_in_its_own_modes() -> None:
    code = """
pid = start(sys.argv[1])
assert terminal.give(pid) and terminal.given
assert os.tcgetpgrp(0) == pid
ptrace.cont(pid)
stop = stop_of(pid)  # Ctrl-C
terminal.take()
assert os.tcgetpgrp(0) == os.getpgrp() and not terminal.given
say("stopped by", stop.signo, "mine", bool(termios.tcgetattr(0)[3] & termios.ECHO))
assert sys.stdin.readline() == "go\\n"
assert terminal.give(pid)
say("theirs", bool(termios.tcgetattr(0)[3] & termios.ECHO))
ptrace.cont(pid)
say("code", stop_of(pid).code)
terminal.take()
say("group", os.tcgetpgrp(0) == os.getpgrp())
say("END")
"""
    with session(code, str(build("tty.c"))) as user:
        user.expect("word? ")
        assert not user.echo()
        user.send("\x03")
        user.expect("stopped by 2 mine True")
        user.send("go\n")
        user.expect("theirs False")
        user.send("secret\n")
        shown = user.expect("got secret")
        assert "secret" not in shown
        user.expect("code 0")
        user.expect("group True")


@pytest.mark.parametrize("kind", ["block", "wait"])
def test_ctrl_c_is_seen_though_the_program_never_stops_for_it(kind: str) -> None:
    code = """
pid = start(sys.argv[1], sys.argv[2])
with Sentinel(pid) as sentinel:
    watcher, = [p for p in map(int, filter(str.isdigit, os.listdir("/proc")))
                if procfs.exists(p) and procfs.comm(p) == "pydbg-sentinel"
                and procfs.stat(p).pgrp == pid]
    assert sentinel.interrupts() == 0
    assert terminal.give(pid)
    ptrace.cont(pid)
    select.select([sentinel], [], [])
    say("interrupts", sentinel.interrupts(), sentinel.interrupts())
    if sys.argv[2] == "block":
        ptrace.interrupt(pid)
        say(stop_of(pid))
        terminal.take()
        os.kill(pid, 9)
    say(stop_of(pid))
    terminal.take()
assert not procfs.exists(watcher) or procfs.stat(watcher).state in "ZX"
try: os.waitpid(-1, 0)
except ChildProcessError: say("no child")
say("END")
"""
    with session(code, str(build("sigwait.c")), kind) as user:
        user.expect("ready")
        user.send("\x03")
        user.expect("interrupts 1 0")
        if kind == "block":
            user.expect("event='stop'")
            user.expect("ThreadKilled")
        else:
            user.expect("code=0")
        user.expect("no child")


def test_the_sentinel_wakes_a_blocking_wait() -> None:
    code = """
def handler(signo, frame):
    ptrace.interrupt(pid)
signal.signal(signal.SIGINT, handler)
pid = start(sys.argv[1], "block")
sentinel = Sentinel(pid, wake=signal.SIGINT)
terminal.give(pid)
ptrace.cont(pid)
say(stop_of(pid))
terminal.take()
os.kill(pid, 9)
stop_of(pid)
sentinel.close()
sentinel.close()
say("END")
"""
    with session(code, str(build("sigwait.c"))) as user:
        user.expect("ready")
        user.send("\x03")
        user.expect("event='stop'")


def test_the_sentinel_dies_with_the_debugger() -> None:
    """Nothing is left behind: checked after every live test."""
    code = """
pid = start(sys.argv[1])
sentinel = Sentinel(pid)
say("END")
os._exit(0)
"""
    with session(code, str(build("wait.c"))):
        pass


def test_what_cannot_be_handed_over() -> None:
    code = """
from pydbg.errors import CommandError
spec = spawn.LaunchSpec(argv=["cat"], path="/bin/cat", new_group=False)
assert not terminal.give(1)
assert not terminal.given
terminal.take()
try:
    Sentinel(1)
except CommandError as error:
    say(error)
null = os.open("/dev/null", os.O_RDWR)
assert not Terminal(null).give(os.getpgrp())
terminal.forget()
say("END")
"""
    with session(code) as user:
        user.expect("Cannot watch process group 1 for Ctrl-C.")


def test_a_hang_up_is_survived(tmp_path: Path) -> None:
    code = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
log = open(sys.argv[2], "w")
sys.stderr = log
pid = start(sys.argv[1])
terminal.give(pid)
say("END")
ptrace.cont(pid)
stop = stop_of(pid)
terminal.take()
terminal.give(pid)
terminal.take()
print(stop, file=log)
"""
    log = tmp_path / "log"
    with session(code, str(build("tty.c")), str(log), hang_up=True):
        pass
    assert "code=1" in log.read_text()  # It read end of file.
