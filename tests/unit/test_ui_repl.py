"""The prompt: lines, Ctrl-C, Ctrl-D, history, through prompt_toolkit's pipe input."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from pydbg.commands.session import Lines
from pydbg.ui.prompt import PromptLines, history_path, make_completer
from pydbg.ui.repl import PlainLines, loop
from tests.unit.ui_fake import FakeSession, hit, session


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def keys() -> Iterator[Any]:
    with create_pipe_input() as pipe:
        yield pipe


def start(one: FakeSession, keys: Any, text: str) -> int:
    lines = PromptLines(one, input=keys, output=DummyOutput())
    keys.send_text(text)
    return loop(one, lines)


def test_lines_run_and_errors_are_shown(keys: Any) -> None:
    one = session(interactive=True)
    assert start(one, keys, "echo a\rbadcmd\recho b\rquit 3\r") == 3
    assert one.shown == "a\nb\n"
    assert one.err.getvalue() == 'Undefined command: "badcmd".  Try "help".\n'


def test_ctrl_c_drops_the_line_and_ctrl_d_leaves(keys: Any) -> None:
    one = session(interactive=True)
    assert start(one, keys, "echo no\x03echo yes\r\x04") == 0
    assert one.shown == "yes\nquit\n"


def test_ctrl_d_asks_while_a_process_runs(keys: Any) -> None:
    answers = iter(["n", "y"])
    one = session(hit(1), interactive=True, ask=lambda prompt: next(answers))
    assert start(one, keys, "run\r\x04echo still\r\x04") == 0
    assert one.shown == "<BreakpointHit>\nquit\nstill\nquit\n"


def test_enter_repeats(keys: Any) -> None:
    one = session(interactive=True)
    start(one, keys, "x/2x 1\r\r\x04")
    assert one.shown.splitlines()[1] == "x None None True"


def test_body_is_read_with_its_own_prompt(keys: Any) -> None:
    one = session(interactive=True)
    one.dbg.breakpoint(1)
    start(one, keys, "commands 1\rsilent\recho x\rend\r\x04")
    assert one.dbg.breakpoints[1].commands == ["silent", "echo x"]


def test_ctrl_c_in_a_body_drops_the_command(keys: Any) -> None:
    one = session(interactive=True)
    one.dbg.breakpoint(1, "echo old")
    start(one, keys, "commands 1\rsilent\r\x03echo x\r\x04")
    assert one.dbg.breakpoints[1].commands == ["echo old"]
    assert one.err.getvalue() == "Quit\n"


def test_pasted_lines_run_one_by_one(keys: Any) -> None:
    one = session(interactive=True)
    start(one, keys, "\x1b[200~echo a\necho b\necho c\x1b[201~\r\x04")
    assert one.shown == "a\nb\nc\nquit\n"


def test_a_bug_does_not_end_the_session(keys: Any, capsys: pytest.CaptureFixture[str],
                                        monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.delenv("PYDBG_DEBUG", raising=False)
    one = session(interactive=True)
    start(one, keys, "crash\recho on\r\x04")
    assert one.shown == "on\nquit\n"
    text = capsys.readouterr().err
    assert text.startswith("pydbg: internal error: ZeroDivisionError: a bug")
    assert "Traceback" not in text


def test_history_is_private(keys: Any) -> None:
    one = session(interactive=True)
    start(one, keys, "echo a\r\x04")
    path = Path(history_path())
    assert "+echo a" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_history_off_or_impossible(keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one = session(interactive=True)
    one.settings.set("history save", "off")
    start(one, keys, "echo a\r\x04")
    assert not os.path.exists(history_path())
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nosuch")
    two = session(interactive=True)
    start(two, keys, "echo a\r\x04")
    assert two.shown == "a\nquit\n"


def test_completions_of_the_prompt() -> None:
    one = session(interactive=True)
    completer = make_completer(one)
    found = completer.get_completions(Document("info pro"), None)  # type: ignore[arg-type]
    assert {(item.text, item.start_position) for item in found} == {("proc", -3), ("program", -3)}


def test_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["echo a \\", "b"])

    def fake_input(prompt: str) -> str:
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", fake_input)
    lines = PlainLines()
    assert (lines.next_line("(pydbg) "), lines.next_line(), lines.number) == ("echo a b", None, 2)


def test_loop_over_other_lines() -> None:
    one = session()
    assert loop(one, Lines(["echo a"], typed=True)) == 0
    assert one.shown == "a\nquit\n"
