"""The contract of scripted sessions: errors end a run and name the line they came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.run import batch, pydbg


@pytest.fixture(scope="module")
def plain() -> Path:
    return build("plain.c", "pie")


def script(folder: Path, text: str, name: str = "s.pydbg") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def fails(path: Path, *more: str | Path) -> str:
    """Return what a script says on stderr; it must fail with 1."""
    done = pydbg("--batch", "-x", path, *more)
    assert done.returncode == 1, done.stdout
    return done.stderr


UNKNOWN = 'No symbol "nosuch" in current context.'


def test_point_2_an_error_ends_the_file_and_all_after_it(tmp_path: Path) -> None:
    path = script(tmp_path, "print 1\nprint nosuch\nprint 2\n")
    done = pydbg("--batch", "-x", path, "-ex", "print 3")
    assert (done.returncode, done.stdout, done.stderr) == (
        1, "$1 = 1\n", f"{path}:2: {UNKNOWN}\n"
    )  # fmt: skip


def test_point_2_piped_commands_are_a_script() -> None:
    done = pydbg(input="print 1\nprint nosuch\nprint 2\n")
    assert (done.returncode, done.stdout) == (1, "$1 = 1\n")
    assert done.stderr == f"stdin:2: {UNKNOWN}\n"


def test_point_2_try_and_dash_forgive_one_error(tmp_path: Path) -> None:
    path = script(tmp_path, "try print nosuch\n-print nosuch\nprint 1\n")
    done = pydbg("--batch", "-x", path)
    assert (done.returncode, done.stdout, done.stderr) == (
        0, "$1 = 1\n", f"{UNKNOWN}\n{UNKNOWN}\n"
    )  # fmt: skip


def test_point_2_an_unresolved_breakpoint_is_an_error(plain: Path, tmp_path: Path) -> None:
    path = script(tmp_path, "break nosuch\nrun\n")
    assert fails(path, plain) == f'{path}:1: Function "nosuch" not defined.\n'
    assert batch(plain, "catch syscall nosuch", "run").returncode == 1
    assert batch(plain, "set breakpoint pending on", "break nosuch", "run").returncode == 0


def test_point_1_the_line_in_a_block(tmp_path: Path) -> None:
    path = script(tmp_path, "if 1\n  while 1\n    print nosuch\n  end\nend\n")
    assert fails(path) == f"{path}:3: {UNKNOWN}\n"


def test_point_1_the_line_in_a_definition_and_its_callers(tmp_path: Path) -> None:
    inner = script(tmp_path, "define look\n  print $arg0\nend\n\nlook nosuch\n", "inner")
    outer = script(tmp_path, f"echo hi\\n\nsource {inner}\n")
    assert fails(outer) == (
        f"{inner}:2: {UNKNOWN}\n  called from {inner}:5\n  called from {outer}:2\n"
    )


def test_point_1_the_line_in_the_commands_of_a_breakpoint(plain: Path, tmp_path: Path) -> None:
    path = script(tmp_path, "break inner\ncommands\n  silent\n  print nosuch\nend\nrun\n")
    done = pydbg("--batch", "-x", path, plain)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{path}:4: {UNKNOWN}\n  called from {path}:6\n")


def test_point_1_the_line_of_python(tmp_path: Path) -> None:
    path = script(tmp_path, "python\n\ndef f():\n    return 1 // 0\nf()\nend\n")
    message = "ZeroDivisionError: integer division or modulo by zero"
    assert fails(path).startswith(f"{path}:4: ZeroDivisionError: ")
    path = script(tmp_path, "\npython 1 // 0\n")
    assert fails(path) == f"{path}:2: {message}\n"
    path = script(tmp_path, "\npython\nx = (\nend\n")
    assert fails(path) == f"{path}:3: SyntaxError: '(' was never closed\n"
    path = script(tmp_path, "\n\ndbg.eval('nosuch')\n", "a.py")
    assert fails(path) == f"{path}:3: {UNKNOWN}\n"
    outer = script(tmp_path, f"source {path}\n")
    assert fails(outer) == f"{path}:3: {UNKNOWN}\n  called from {outer}:1\n"


def test_point_1_the_line_of_a_block_without_end(tmp_path: Path) -> None:
    path = script(tmp_path, "\nwhile 1\nprint 1\n")
    assert fails(path) == f'{path}:2: "while" of line 2 has no "end".\n'


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("end", "This command cannot be used at the top level."),
        ("else", "This command cannot be used at the top level."),
        ("loop_break", '"loop_break" is only of use inside "while".'),
        ("if", "if command requires an argument."),
        ("define", "Argument required (name of command to define)."),
        ("define a+b\nend", 'Junk in the name of a command: "a+b".'),
        ("define nosuch x\nend", 'Undefined command: "nosuch".  Try "help".'),
        ("document print\nend", 'Command "print" is built-in.'),
        ("document nosuch\nend", 'Undefined command: "nosuch".  Try "help".'),
        ("show user print", '"print" is not a user-defined command.'),
        ("define a\nprint $arg1\nend\na 1", "Missing argument 1 in user function."),
        ("define a\na\nend\na", "Max user call depth exceeded -- command aborted."),
        ("alias", "Usage: alias [-a] [--] ALIAS = COMMAND [DEFAULT-ARGS...]"),
        ("alias a = nosuch", 'Undefined command: "nosuch".  Try "help".'),
        ("alias print = echo", "Alias print is the name of an existing command"),
        ("alias bt = echo", "Alias already exists: bt"),
        ("with", "Missing arguments."),
        ("with print elements 3", "No previous command to relaunch"),
        ("with nosuch 3 -- print 1", 'Undefined set command: "nosuch 3".  Try "help set".'),
        ("pipe", "Missing COMMAND"),
        ("pipe print 1", "Missing delimiter before SHELL_COMMAND"),
        ("pipe print 1 |", "Missing SHELL_COMMAND"),
        ("pipe print nosuch | cat", UNKNOWN),
        ("source", "source command requires file name of file to source."),
        ("source -v /nonexistent", "/nonexistent: No such file or directory."),
        ("set logging file /nonexistent/a\nset logging enabled on",
         "/nonexistent/a: No such file or directory."),
        ("if 1\nelse if 2\nend\nend", '"else" takes no condition: put an "if" inside it.'),
    ],
)  # fmt: skip
def test_point_1_what_is_wrong(line: str, error: str, tmp_path: Path) -> None:
    path = script(tmp_path, line + "\n")
    first = fails(path).splitlines()[0]
    assert first.removeprefix(f"{path}:").partition(": ")[2] == error
