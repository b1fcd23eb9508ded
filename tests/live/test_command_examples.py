"""The example in each command's help is run: what help shows works."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pydbg.commands.session import Lines, Quit, Session
from pydbg.commands.table import Command, all_commands
from pydbg.debugger import Debugger
from tests.support.build import build

ROWS = [row for row in all_commands() if row.example and not row.prefix]

AT_INNER = ["break inner", "run"]
AT_GO = ["break main.stop", "run"]
PROGRAMS = {
    "expect-output": "wait.c",
    "disable type-printer": "objects.cc",
    "enable type-printer": "objects.cc",
    "goroutine": "goroutines.go",
    "info goroutines": "goroutines.go",
    "info vtbl": "objects.cc",
}
"""The program of an example; of the others it is plain.c."""

BEFORE: dict[str, list[str]] = {
    "attach": [],
    "clear": ["break main"],
    "core-file": [*AT_INNER, "generate-core-file core", "kill"],
    "detach": [*AT_INNER, "delete"],
    "document": ["define regs2", "print 1", "end"],
    "disable type-printer": ["break take", "run"],
    "enable type-printer": ["break take", "run"],
    "down": [*AT_INNER, "up"],
    "down-silently": [*AT_INNER, "up"],
    "expect": [*AT_INNER, "set $rax = 3"],
    "expect-output": ["capture-output", "break idle", "run"],
    "expect-stop": ["catch syscall write", "run"],
    "info vtbl": ["break take", "run", "up"],
    "info syscalls": ["set syscall-history 5", *AT_INNER],
    "goroutine": AT_GO,
    "info goroutines": AT_GO,
    "if": [*AT_INNER, "set $_exitcode = 0"],
    "quit": [*AT_INNER, "set $_exitcode = 3"],
    "record session": [],
    "record stop": ["record session a.pydbg"],
    "restore": [*AT_INNER, "dump memory stack.bin $sp $sp+64"],
    "run": [],
    "start": [],
    "starti": [],
    "syscall": ["catch syscall write", "run"],
    "syscall arg": ["catch syscall write", "run"],
    "syscall ret": ["catch syscall write return", "run"],
    "syscall skip": ["catch syscall write", "run"],
    "uninject": [*AT_INNER, "inject openat:error=EPERM"],
    "undeny": [*AT_INNER, "deny openat"],
    "undisplay": [*AT_INNER, "display $rip"],
    "delete display": [*AT_INNER, "display $rip"],
    "disable display": [*AT_INNER, "display $rip"],
    "enable display": [*AT_INNER, "display $rip"],
    "while": [*AT_INNER, "set $i = 8"],
}
"""What has to be so before an example makes sense; for the others: a stop at a breakpoint."""

AROUND = {
    "else": ("if 0", "end"),
    "end": ("if 1", ""),
    "loop_break": ("while 1", "end"),
    "loop_continue": ("while $n++ < 3", "end"),
}
"""What stands around examples that are only parts of a block."""


@pytest.fixture
def child() -> Iterator[int]:
    with subprocess.Popen([build("wait.c")], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        assert one.stdout is not None
        one.stdout.readline()
        yield one.pid
        one.kill()


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_example(
    row: Command,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input.txt").write_text("")
    (tmp_path / "session.pydbg").write_text("print 1\n")
    program = build(PROGRAMS.get(row.name, "plain.c"))
    out = io.StringIO()
    with Debugger(str(program)) as dbg:
        dbg.stdout = dbg.stderr = os.devnull
        if row.name == "expect-output":
            dbg.stdout = None
        session = Session(dbg, out=out, err=out)
        before = [*BEFORE.get(row.name, AT_INNER)]
        if row.name == "loop_continue":
            before.append("set $n = 0")
        first, last = AROUND.get(row.name, ("", ""))
        example = row.example.split("\n")
        if row.name == "attach":
            example = [f"attach {request.getfixturevalue('child')}"]
        try:
            session.run_lines(Lines(before))
            pid = dbg.inferior.pid if dbg.inferior is not None else 0
            session.run_lines(Lines([first, *example, last]))
            if row.name == "detach":
                os.waitpid(pid, 0)  # It is this process's child, and ends by itself.
        except Quit as quit_:
            assert (row.name, quit_.status) == ("quit", 3)
    assert "Undefined" not in out.getvalue()
