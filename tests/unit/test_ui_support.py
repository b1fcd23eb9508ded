"""help, apropos, set, show, and what else needs no process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pydbg.commands.helptext import command_help, help_on
from pydbg.errors import DebuggerError
from pydbg.settings import table as settings_table
from tests.unit.ui_fake import session, table


def shown(*lines: str) -> str:
    one = session()
    for line in lines:
        one.execute(line)
    return one.shown


def error(line: str) -> str:
    with pytest.raises(DebuggerError) as caught:
        session().execute(line)
    return str(caught.value)


def test_help() -> None:
    assert "running -- Running the program." in shown("help")
    text = shown("help delete")
    assert text.startswith("delete, d\nDelete.\nUsage: delete [NUM...]\n")
    assert "delete display -- Delete displays." in text
    assert "continue, c, fg -- Go on." in shown("help running")
    assert "info registers, info r -- Show registers." in shown("help info")
    assert shown("help i r").startswith("info registers, info r\n")
    assert error("help nosuch").startswith('Undefined command: "nosuch"')
    assert error("help info nosuch") == 'Undefined info command: "nosuch".  Try "help info".'


def test_help_hides_ignored_settings() -> None:
    assert "disassembly-flavor" in shown("help set")
    assert "charset" not in shown("help set")


def test_every_row_has_a_text() -> None:
    rows = table()
    for row in rows:
        assert row.summary, row.name
        assert command_help(rows, row)
        assert help_on(rows, row.name)


def test_apropos() -> None:
    assert "quit, q, exit -- Leave pydbg." in shown("apropos leave")
    assert "A program that pydbg started is killed" in shown("apropos -v leave")
    assert error("apropos (").startswith("Error in regular expression")
    assert error("apropos") == "REGEXP string is empty"


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("set confirm off", "confirm", False),
        ("set confirm", "confirm", True),
        ("set print elements 10", "print elements", 10),
        ("set print elements 0", "print elements", None),
        ("set print elements unlimited", "print elements", None),
        ("set disassembly-flavor i", "disassembly-flavor", "intel"),
        ("set args a 'b c' <in", "args", "a 'b c' <in"),
        ("set breakpoint pending on", "breakpoint pending", "on"),
        ("set python print-stack full", "python print-stack", "full"),
        ("unset args", "args", ""),
    ],
)
def test_set(line: str, name: str, value: object) -> None:
    one = session()
    one.execute(line)
    assert one.settings[name] == value


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("set confirm maybe", '"on" or "off" expected.'),
        ("set disassembly-flavor", "Requires an argument. Valid arguments are att, intel."),
        ("set disassembly-flavor arm", 'Undefined item: "arm".  Valid are att, intel.'),
        ("set width many", 'A number is expected, not "many".'),
        ("set width -1", "integer -1 out of range"),
        ("set", "Argument required (expression to compute)."),
        ("set nosuch 5", 'Undefined set command: "nosuch".  Try "help set".'),
        (
            "set confrim off",
            'Undefined set command: "confrim".  Try "help set".  Did you mean "confirm"?',
        ),
        ("set env", "Argument required (environment variable and value)."),
        ("show nosuch", 'Undefined show command: "nosuch".  Try "help show".'),
    ],
)
def test_set_errors(line: str, message: str) -> None:
    assert error(line) == message


def test_assignments_are_evaluated() -> None:
    one = session()
    for line in ("set $rax = 1", "set var confirm = 2", "set {int}16 = 3", "set counter = 4"):
        one.execute(line)
    assert one.dbg.evaluated == ["$rax = 1", "confirm = 2", "{int}16 = 3", "counter = 4"]


def test_show() -> None:
    assert shown("show disassembly-flavor") == 'The disassembly flavor is "att".\n'
    assert shown("set conf off", "show conf").endswith("operations is off.\n")
    assert 'args:  Argument list to give program being debugged when it is started is ""' in shown(
        "show"
    )
    assert shown("show version").startswith("pydbg 0.")
    assert shown("info set") == shown("show")


def test_every_setting_shows_and_takes_its_own_value() -> None:
    one = session()
    for row in settings_table():
        value = one.settings[row.name]
        one.execute(f"set {row.name} {row.spell(value)}")
        assert one.settings[row.name] == value
        one.execute(f"show {row.name}")


def test_environment() -> None:
    one = session()
    for line in ("set env A=b c", "set environment B", "show env A", "unset env A", "show env A"):
        one.execute(line)
    assert one.shown.splitlines() == [
        'Setting environment variable "B" to null value.',
        "A = b c",
        'Environment variable "A" not defined.',
    ]
    one.execute("unset env")
    assert one.dbg.environment == {}


def test_cd_and_pwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert shown(f"cd {tmp_path}") == ""  # In a script gdb says it only when asked.
    assert shown("pwd") == f"Working directory {Path.cwd()}.\n"
    assert error("cd /nosuch") == "/nosuch: No such file or directory."


def test_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    shown(f"!echo hello >{tmp_path}/out")
    assert (tmp_path / "out").read_text() == "hello\n"
    monkeypatch.setenv("SHELL", "/nosuch")
    assert error("shell true").startswith("Cannot run /nosuch")


def test_file() -> None:
    one = session()
    one.execute("file /bin/true")
    one.execute(f"exec-file ~{os.sep}x")
    assert one.dbg.loaded == ["/bin/true", os.path.expanduser("~/x")]
