"""The contract of scripted sessions, point 10: what can be written in a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.build import build, source
from tests.support.run import batch, pydbg


@pytest.fixture(scope="module")
def plain() -> Path:
    return build("plain.c", "pie")


def run(folder: Path, text: str, *more: str | Path, name: str = "script") -> str:
    """Return what a script shows; it must succeed."""
    path = folder / name
    path.write_text(text)
    done = pydbg("--batch", "-x", path, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout


GREET = """\
import pydbg
from pydbg.commands import kinds
from pydbg.commands.table import Arg


@pydbg.command("greet", aliases=("gr",), args=(Arg("WHO", kinds.WORD, doc="whom"),))
def greet(session, parsed):
    '''Say hello.

    Politely.
    '''
    return f"hello {parsed['WHO']}"


print(dbg.execute("greet world", to_string=True), end="")
"""


def test_commands_in_python(tmp_path: Path) -> None:
    (tmp_path / "greet.py").write_text(GREET)
    shown = run(tmp_path, f"source {tmp_path}/greet.py\ngr you\nhelp user-defined\nhelp gr\n")
    assert shown.startswith("hello world\nhello you\n")
    assert "\ngreet, gr -- Say hello.\n" in shown
    assert "\nUsage: greet WHO\n\nPolitely.\n\n  WHO: whom\n" in shown


def test_python_file_as_a_script(plain: Path, tmp_path: Path) -> None:
    shown = run(
        tmp_path,
        "hits = []\n"
        "dbg.break_at('inner', callback=lambda bp: hits.append(dbg.regs.rdi))\n"
        "event = dbg.run()\n"
        "print(hits, event.code, __name__, __file__[-9:])\n",
        plain,
        name="script.py",
    )
    assert shown == "hello 35 -\n[0, 1, 2, 3, 4] 7 __main__ script.py\n"


def test_names_of_python_stay(tmp_path: Path) -> None:
    assert run(tmp_path, "python x = 20\npython\nx += 1\nend\npython print(x * 2)\n") == "42\n"


def test_python_in_a_definition_sees_its_arguments(tmp_path: Path) -> None:
    text = "define twice\npython\nprint('$arg0' * 2)\nend\nend\ntwice ab\ntwice c\n"
    assert run(tmp_path, text) == "abab\ncc\n"


def test_commands_in_a_definition_see_its_arguments(plain: Path, tmp_path: Path) -> None:
    text = "define spy\nbreak $arg0\ncommands\nsilent\necho at $arg0\\n\nend\nend\nspy inner\nrun\n"
    assert "at inner\n" in run(tmp_path, text, plain)


def test_a_loop_that_runs_the_program(plain: Path, tmp_path: Path) -> None:
    text = (
        "break inner\nrun\nset $n = 0\nwhile $_isvoid($_exitcode)\nset $n = $n + 1\ncontinue\nend\n"
    )
    shown = run(tmp_path, text + "print $n\n", plain)
    assert shown.endswith("$1 = 5\n")


def test_hook_of_a_stop_that_lets_the_program_run(plain: Path, tmp_path: Path) -> None:
    text = (
        "define hook-stop\nif $_isvoid($_exitcode)\ndelete\ncontinue\nend\nend\nbreak inner\nrun\n"
    )
    shown = run(tmp_path, text, plain)
    assert "Breakpoint 1, inner" not in shown
    assert shown.count("exited with code 07]") == 1


def test_hook_of_a_word_that_is_no_command(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("define hook-nosuch\nend\n")
    done = pydbg("--batch", "-x", path)
    assert (done.returncode, done.stderr) == (
        0, "warning: Your new `hook-nosuch' command does not hook any existing command.\n"
    )  # fmt: skip


def test_settings_of_gdb_are_accepted(tmp_path: Path) -> None:
    text = """\
set pagination off
set height 0
set width 0
set confirm off
set python print-stack full
set debuginfod enabled off
set print pretty on
set print frame-arguments all
set auto-load safe-path /
set logging redirect on
set logging overwrite on
set startup-with-shell off
set non-stop off
"""
    assert run(tmp_path, text) == ""


def test_a_value_is_given_once(tmp_path: Path) -> None:
    text = "init-if-undefined $x = 5\ninit-if-undefined $x = 6\nprint $x\n"
    assert run(tmp_path, text) == "$1 = 5\n"


def test_the_editor_gets_the_line() -> None:
    program = build("labels.c")
    done = batch(program, "edit sum", "edit labels.c:25", "list 30,32", "edit",
                 env={"EDITOR": "echo"})  # fmt: skip
    lines = [line for line in done.stdout.split("\n") if line.startswith("+")]
    path = source("labels.c")
    assert lines == [f"+9 {path}", f"+25 {path}", f"+38 {path}"]


def test_typed_blocks_continue_at_a_prompt() -> None:
    text = "define hi\necho hi $arg0\\n\nend\nhi you\nif 1\necho yes\\n\nelse\necho no\\n\nend\n"
    done = pydbg(input=text)
    assert (done.returncode, done.stdout) == (0, "hi you\nyes\n")


def test_logging_keeps_errors_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run(tmp_path, f"set logging file {log}\nset logging on\nprint 1\ntry print nosuch\n"
                  "set logging off\nprint 2\n")  # fmt: skip
    assert log.read_text() == '$1 = 1\nNo symbol "nosuch" in current context.\n'


def test_saved_breakpoints_come_back(plain: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    run(tmp_path, f"break inner\ncommands\nif 1\necho hit\\n\nend\nend\nsave breakpoints {saved}\n",
        plain)  # fmt: skip
    assert "hit\n" in run(tmp_path, f"source {saved}\nrun\n", plain)
