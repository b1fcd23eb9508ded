"""The prompt through a real terminal: typing, Ctrl-C, Ctrl-D, completion, a dumb terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

from tests.support.build import build
from tests.support.run import command, environment

PROMPT = r"\(pydbg\)"


class Prompt:
    """Drive a pydbg at a terminal."""

    def __init__(self, *args: str | Path, **env: str) -> None:
        first, *rest = command(*args)
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.Stream(self._screen)
        self.child: Any = pexpect.spawn(
            first, rest, env=environment({"TERM": "xterm", "NO_COLOR": "1", **env}),
            encoding="utf-8", timeout=30, dimensions=(24, 80),
        )  # fmt: skip

    def expect(self, pattern: str) -> str:
        self.child.expect(pattern)
        return str(self.child.before)

    def shows(self, text: str) -> None:
        """Wait until the screen shows ``text``, however it was drawn."""
        while text not in "\n".join(self._screen.display):
            self._stream.feed(self.child.read_nonblocking(4096, timeout=30))

    def type(self, line: str) -> None:
        self.child.send(line + "\r")

    def status(self) -> int:
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None else
                   -self.child.signalstatus)  # fmt: skip


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Any]:
    with contextlib.ExitStack() as stack:

        def make(*args: str | Path, **env: str) -> Prompt:
            made = Prompt(*args, **{"XDG_STATE_HOME": str(tmp_path / "state"), **env})
            stack.callback(made.child.close, force=True)
            return made

        yield make


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_session(prompt: Any, term: str) -> None:
    one = prompt("-nx", build("plain.c"), TERM=term)
    one.expect(r"pydbg 0\.\S+  Type")
    one.expect(PROMPT)
    one.type("break inner")
    one.expect("Breakpoint 1 at 0x")
    one.expect(PROMPT)
    one.type("run")
    one.expect("Starting program: ")
    one.expect(r"Breakpoint 1, inner \(")
    one.expect(PROMPT)
    one.type("badcmd")
    one.expect("Undefined command")
    one.expect(PROMPT)
    one.type("quit 3")
    one.expect("Quit anyway")
    one.type("y")
    assert one.status() == 3


def test_ctrl_c_drops_the_line_and_ctrl_d_asks(prompt: Any) -> None:
    one = prompt("-q", "-nx", build("plain.c"))
    one.expect(PROMPT)
    one.child.send("print 4242")
    one.expect("4242")
    one.child.send("\x03")
    one.expect(PROMPT)
    one.type("print 6*7")
    one.expect(r"\$1 = 42")
    one.expect(PROMPT)
    one.type("start")
    one.expect("Temporary breakpoint 1, main")
    one.expect(PROMPT)
    one.child.send("\x04")
    one.expect("Quit anyway")
    one.type("n")
    one.expect(PROMPT)
    one.child.send("\x04")
    one.expect("Quit anyway")
    one.type("y")
    assert one.status() == 0


def test_completion_by_tab(prompt: Any) -> None:
    one = prompt("-q", "-nx", build("plain.c"))
    one.shows("(pydbg)")
    one.child.send("info registe\t")
    one.shows("(pydbg) info registers")
    one.child.send("\x03")
    one.child.send("break inn\t")
    one.shows("(pydbg) break inner")
    one.child.send("\r")
    one.shows("Breakpoint 1 at")
    one.child.send("info regi")
    one.shows("(pydbg) info regi")
    one.child.send("\x15info s\t")
    one.shows("sharedlibrary")
    one.shows("signals")
    one.child.send("\x03")
    one.child.send("\x04")
    assert one.status() == 0


def test_ctrl_c_while_the_program_runs(prompt: Any) -> None:
    one = prompt("-q", "-nx", "--args", build("sigwait.c"), "block")
    one.expect(PROMPT)
    one.type("run")
    one.expect("ready")
    one.child.send("\x03")
    one.expect(PROMPT)
    one.type("info program")
    one.expect("running image of child")
    one.expect(PROMPT)
    one.type("kill")
    one.expect(r"\(y or n\)")
    one.type("y")
    one.expect("killed")
    one.expect(PROMPT)
    one.child.send("\x04")
    assert one.status() == 0


def test_the_program_reads_the_terminal(prompt: Any) -> None:
    one = prompt("-q", "-nx", build("tty.c"))
    one.expect(PROMPT)
    one.type("break got")
    one.expect(PROMPT)
    one.type("run")
    one.expect(r"word\? ")
    one.type("secret")
    before = one.expect(r"Breakpoint 1, got \(")
    assert "secret" not in before
    one.expect(PROMPT)
    one.child.send("print 12321")
    one.expect("12321")  # the terminal echoes again
    one.type("")
    one.expect(PROMPT)
    one.type("continue")
    one.expect("got secret")
    one.expect("exited normally")
    one.expect(PROMPT)
    one.type("quit")
    assert one.status() == 0


def test_a_closed_terminal_ends_pydbg_and_its_program(prompt: Any) -> None:
    one = prompt("-q", "-nx", build("wait.c"))
    one.expect(PROMPT)
    one.type("run")
    one.expect("ready")
    os.kill(one.child.pid, signal.SIGHUP)
    assert one.status() == -signal.SIGHUP


def test_init_file_and_history(prompt: Any, tmp_path: Path) -> None:
    (tmp_path / "config" / "pydbg").mkdir(parents=True)
    (tmp_path / "config" / "pydbg" / "init").write_text("echo from init\\n\nbadcmd\n")
    one = prompt("-q", XDG_CONFIG_HOME=str(tmp_path / "config"))
    one.expect("from init")
    one.expect("init:2: Undefined command")
    one.expect(PROMPT)
    one.type("print 1")
    one.expect(PROMPT)
    one.type("quit")
    assert one.status() == 0
    history = tmp_path / "state" / "pydbg" / "history"
    assert "+print 1" in history.read_text()
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_commands_at_the_prompt(prompt: Any) -> None:
    one = prompt("-q", "-nx", build("plain.c"), TERM="dumb")
    one.expect(PROMPT)
    one.type("break inner")
    one.expect(PROMPT)
    one.type("commands")
    one.expect(">")
    for line in ("silent", "print $rdi", "end"):
        one.type(line)
    one.expect(PROMPT)
    one.type("run")
    one.expect(r"\$1 = 0")
    one.expect(PROMPT)
    one.type("continue")
    one.expect(r"\$2 = 1")
    one.expect(PROMPT)
    one.type("")
    one.expect(r"\$3 = 2")
    one.expect(PROMPT)
    one.type("kill")
    one.expect(r"\(y or n\)")
    one.type("y")
    one.expect(PROMPT)
    one.type("quit")
    assert one.status() == 0
