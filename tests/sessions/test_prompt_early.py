"""The prompt that stands before there is something to read it: keys, signals, errors."""

from __future__ import annotations

import os
import signal
import subprocess
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.build import build
from tests.support.run import ROOT, command, environment
from tests.support.screen import Terminal

LATE = """
import sys
with open({gate!r}) as gate:
    gate.read()
{then}
sys.path.remove({folder!r})
del sys.modules["prompt_toolkit"]
import prompt_toolkit
sys.modules["prompt_toolkit"] = prompt_toolkit
"""
"""A prompt_toolkit that is not imported before the test has had its moment."""


class Gate:
    """Hold up the editor: ``reached()`` waits until it is wanted, ``open()`` lets it come."""

    def __init__(self, folder: Path, then: str = "") -> None:
        self._path = folder / "gate"
        os.mkfifo(self._path)
        package = folder / "late"
        package.mkdir()
        code = LATE.format(gate=str(self._path), folder=str(package), then=then)
        (package / "prompt_toolkit.py").write_text(code)
        self.env = {"PYTHONPATH": f"{package}:{ROOT}", "XDG_STATE_HOME": str(folder)}
        self._stream: Any = None

    def reached(self) -> None:
        self._stream = self._path.open("w")

    def open(self) -> None:
        self._stream.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[Terminal, Gate]]]:
    made: list[Terminal] = []

    def make(*args: str | Path, then: str = "") -> tuple[Terminal, Gate]:
        gate = Gate(tmp_path, then)
        one = Terminal(*args, **gate.env)
        made.append(one)
        return one, gate

    yield make
    for one in made:
        one.close()


def leave(one: Terminal) -> None:
    one.send("quit\r")
    assert one.status() == 0


def test_a_line_typed_meanwhile_runs_once_and_is_shown_once(start: Any) -> None:
    one, gate = start(build("plain.c"))
    one.shows("(pydbg)")
    gate.reached()
    one.send("print 6*7\rprint 5")
    assert "print" not in one.raw
    gate.open()
    one.until(lambda t: t.prompt_row() == "(pydbg) print 5")
    assert one.rows[0].startswith("pydbg ")
    assert one.rows[1:4] == ["(pydbg) print 6*7", "$1 = 42", "(pydbg) print 5"]
    one.send("\r")
    one.shows("$2 = 5")
    one.ready()
    leave(one)


def test_a_line_pasted_right_after_the_start(tmp_path: Path) -> None:
    one = Terminal("-q", build("plain.c"), XDG_STATE_HOME=str(tmp_path))
    one.send("print 6*7\rprint 5\r")  # Before there is a pydbg: this the terminal echoes.
    one.shows("$2 = 5")
    one.ready()
    prompt = next(n for n, row in enumerate(one.rows) if row.startswith("(pydbg)"))
    assert one.rows[prompt : prompt + 5] == [
        "(pydbg) print 6*7", "$1 = 42", "(pydbg) print 5", "$2 = 5", "(pydbg)",
    ]  # fmt: skip
    leave(one)


def test_what_is_typed_before_there_is_an_editor_can_be_edited(tmp_path: Path) -> None:
    one = Terminal("-q", build("plain.c"), XDG_STATE_HOME=str(tmp_path))
    one.send("print 6*7\rprint 5")
    one.until(lambda t: t.prompt_row() == "(pydbg) print 5")
    one.send("\x7f8\r")  # The editor's Backspace.
    one.shows("$2 = 8")
    one.ready()
    one.send("\x1b[A\x1b[A")  # Two lines up in the history.
    one.until(lambda t: t.prompt_row() == "(pydbg) print 6*7")
    one.send("\r")
    one.shows("$3 = 42")
    one.ready()
    leave(one)
    assert "+print 6*7\n" in (tmp_path / "pydbg" / "history").read_text()


def test_a_session_that_ends_before_there_is_an_editor(tmp_path: Path) -> None:
    one = Terminal("-q", build("plain.c"), XDG_STATE_HOME=str(tmp_path))
    one.send("print 6*7\rshell stty -a | grep -ow -e -icanon -e -echo || echo as before\rquit\r")
    one.shows("$1 = 42")
    one.until(lambda t: "as before" in t.rows)  # What is run has the terminal as it came.
    assert one.status() == 0
    assert "+print 6*7\n" in (tmp_path / "pydbg" / "history").read_text()


def test_a_block_typed_before_there_is_an_editor(tmp_path: Path) -> None:
    one = Terminal("-q", build("plain.c"), XDG_STATE_HOME=str(tmp_path))
    one.send("define twice\rprint 2*$arg0\rend\rtwice 21\r\r")
    one.shows("$2 = 42")
    one.ready()
    leave(one)


def test_ctrl_d_meanwhile_leaves(start: Any) -> None:
    one, gate = start("-q")
    one.shows("(pydbg)")
    gate.reached()
    one.send("\x04")
    gate.open()
    assert one.status() == 0


def test_ctrl_c_meanwhile_drops_the_line(start: Any) -> None:
    one, gate = start("-q")
    one.shows("(pydbg)")
    gate.reached()
    one.send("nonsense\x03")
    gate.open()
    one.send("print 6*7\r")
    one.shows("$1 = 42")
    one.ready()
    assert "nonsense" not in one.text
    assert "print 6*7" in one.text
    leave(one)


def test_an_error_takes_the_place_of_the_prompt(start: Any) -> None:
    one, gate = start("-q", "/nonexistent")
    one.shows("(pydbg)")
    gate.reached()
    one.until(lambda t: t.prompt_row() == "(pydbg)" and len(t.text.splitlines()) > 1)
    assert one.rows[:2] == ["/nonexistent: No such file or directory.", "(pydbg)"]
    gate.open()
    one.run("print 6*7")
    assert one.rows[1:4] == ["(pydbg) print 6*7", "$1 = 42", "(pydbg)"]
    leave(one)


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_dumb_terminal_has_its_own_prompt_only(term: str) -> None:
    one = Terminal("-q", build("plain.c"), TERM=term)
    one.ready()
    one.run("print 6*7")
    assert one.rows[:3] == ["(pydbg) print 6*7", "$1 = 42", "(pydbg)"]
    assert "\x1b" not in one.raw
    leave(one)


def test_what_could_change_the_prompt_comes_first(tmp_path: Path) -> None:
    one = Terminal("-q", "-ex", "set prompt ready>", XDG_STATE_HOME=str(tmp_path))
    one.ready("ready>")
    assert one.text == "ready>" and "(pydbg)" not in one.raw
    leave(one)


# --- the terminal is given back --------------------------------------------------------------


@contextmanager
def on_a_terminal(gate: Gate) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    ours, theirs = os.openpty()
    child = subprocess.Popen(
        command("-q", "-nx"), stdin=theirs, stdout=theirs, stderr=theirs,
        env=environment({"TERM": "xterm", **gate.env}),
    )  # fmt: skip
    try:
        yield child, ours, theirs
    finally:
        child.kill()
        child.wait()
        os.close(ours)
        os.close(theirs)


def echoes(terminal: int) -> bool:
    modes = termios.tcgetattr(terminal)[3]
    return modes & (termios.ECHO | termios.ICANON) == termios.ECHO | termios.ICANON


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_pydbg_meanwhile(tmp_path: Path, signo: signal.Signals) -> None:
    gate = Gate(tmp_path)
    with on_a_terminal(gate) as (child, _, terminal):
        gate.reached()
        assert not echoes(terminal)
        child.send_signal(signo)
        assert child.wait() == -signo
        assert echoes(terminal)


def test_an_editor_that_cannot_be_loaded(tmp_path: Path) -> None:
    gate = Gate(tmp_path, then="raise RuntimeError('broken')")
    with on_a_terminal(gate) as (child, ours, terminal):
        gate.reached()
        gate.open()
        assert child.wait() == 125
        assert echoes(terminal)
        shown = os.read(ours, 4096).decode()
    assert shown.rpartition("\r")[0].endswith("internal error: RuntimeError: broken"
                                              "  (PYDBG_DEBUG=1 shows where)")  # fmt: skip
