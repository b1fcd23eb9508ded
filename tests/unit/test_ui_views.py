"""The context view, what changed, colours and the toolbar: from records to text."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest

import pydbg
from pydbg import events as ev
from pydbg.commands.results import Instruction
from pydbg.commands.session import Session
from pydbg.commands.viewrecords import (
    CodeSection,
    ContextView,
    Difference,
    RegisterCell,
    SourceSection,
    ThreadCell,
)
from pydbg.render import context as texts
from pydbg.render.paint import PLAIN, THEMES, Paint, coloured, paint_for
from pydbg.settings import Settings
from pydbg.snapshot import ABOVE, BELOW, Changes, Snapshot, compare
from pydbg.ui.toolbar import reason, toolbar
from tests.support.build import build
from tests.unit.ui_fake import session

VIEW = ContextView(
    registers=(
        RegisterCell("rax", 0x1234, True),
        RegisterCell("rbx", 0, False),
        RegisterCell("rip", 0x401136, False, "<main>"),
        RegisterCell("eflags", 0x246, True, "[ PF ZF IF ]"),
    ),
    code=CodeSection("main", (Instruction(0x401136, b"\x55", "push   %rbp", "main", True),)),
    source=SourceSection("a.c", 2, ((1, "int main(void)"), (2, "{\x1b[31m"))),
    syscall='write(1, "hi\\n", 3)',
    threads=(ThreadCell(1, 70, "a", "<main>", False), ThreadCell(2, 71, "b\x07", "0x10", True)),
    more_threads=3,
    order=("registers", "code", "source", "syscall", "threads"),
)


@pytest.mark.parametrize("width", [80, 200])
def test_view(width: int) -> None:
    lines = texts.view(VIEW, Paint("", width)).split("\n")
    assert all(len(line) <= width for line in lines)
    assert "rax    *0x1234" in lines[1]
    assert lines[2 if width == 200 else 3].startswith("eflags *0x246 [ PF ZF IF ]")
    assert "=> 0x0000000000401136 <main>:   push   %rbp" in lines
    assert "=> 2  {\\033[31m" in lines
    assert '* 2   LWP 71 "b\\007" 0x10' in lines
    assert "  (3 more: info threads)" in lines


def test_colour_marks_what_changed() -> None:
    text = texts.view(VIEW, Paint("default"))
    assert "\x1b[1;31m*0x1234" in text
    assert "\x1b[31m" not in text  # what came from the program is escaped


def test_compact_view_wraps_at_the_width() -> None:
    cells = tuple(RegisterCell(f"r{n}", 0x7FFFFFFFE000 + n, True) for n in range(8, 16))
    lines = texts.view(
        ContextView(registers=cells, order=("registers",), compact=True), PLAIN
    ).split("\n")
    assert len(lines) == 3 and all(len(line) <= 80 for line in lines)


def test_difference() -> None:
    maps = SimpleNamespace(start=0x1000, end=0x2000, perms="rw-p", path="[heap]")
    changes = Changes(
        registers=(("rax", 1, 0x401136),),
        stack=((0x7FFF0000, 0, 5),),
        maps_new=(maps,),
        files=((3, None, "/etc/passwd"), (4, "/tmp/x", None)),
        written=6,
        stdout=6,
        full=True,
    )
    assert texts.difference(Difference(changes, ((0x401136, "<main>"),)), PLAIN).split("\n") == [
        "rax      0x1 -> 0x401136 <main>",
        "0x000000007fff0000: 0x0 -> 0x5",
        "mapped   0x1000-0x2000 rw-p [heap]",
        "opened   3 /etc/passwd",
        "closed   4 (/tmp/x)",
        "written  6 bytes, 6 of them to stdout",
    ]
    assert texts.difference(Difference(Changes()), PLAIN) == "Nothing changed since the last stop."


SAME: Any = SimpleNamespace(gpr=b"")
"""Registers that are the same in all snapshots."""


@pytest.mark.parametrize("shift", [-4096, -64, -8, 0, 8, 64, 4096])
def test_stacks_are_compared_where_both_are_known(shift: int) -> None:
    size = BELOW + ABOVE
    memory = bytearray(range(256)) * 256
    sp = 0x8000

    def snapshot(at: int) -> Snapshot:
        low = at - BELOW - 0x1000
        return Snapshot(1, 1, SAME, at, bytes(memory[low : low + size]))

    before = snapshot(sp)
    place = max(sp, sp + shift) + 16
    memory[place - 0x1000] ^= 0xFF
    found = compare(before, snapshot(sp + shift)).stack
    assert [at for at, _, _ in found] == [place]


# --- live ------------------------------------------------------------------------------------


@pytest.fixture
def live(tmp_path: Any) -> Any:
    out = io.StringIO()
    with pydbg.Debugger(str(build("plain.c"))) as dbg:
        dbg.stdout = str(tmp_path / "out")
        yield Session(dbg, out=out, err=out), out


def said(live: Any, line: str) -> str:
    one, out = live
    out.truncate(0)
    out.seek(0)
    one.execute(line)
    text: str = out.getvalue()
    return text


def test_changed_counts_what_was_written(live: Any) -> None:
    said(live, "break main")
    said(live, "run")
    assert said(live, "changed") == "There is no earlier stop of this thread to compare with.\n"
    said(live, "catch syscall exit_group")
    text = said(live, "continue") + said(live, "changed")
    assert "written  11 bytes, 11 of them to stdout" in text
    assert "\nmapped " in text  # the C library's buffer is on the heap


def test_scripts_see_a_context_only_if_they_ask(live: Any) -> None:
    said(live, "break inner")
    assert "--" not in said(live, "run")
    said(live, "set context code,reg")
    text = said(live, "stepi")
    assert text.index("-- code: inner") < text.index("-- registers")
    said(live, "set context off")
    assert "--" not in said(live, "stepi")
    with pytest.raises(pydbg.UsageError, match='Undefined section "nosuch"'):
        said(live, "context nosuch")
    with pytest.raises(pydbg.UsageError, match='Ambiguous section "s": stack, source, syscall'):
        said(live, "context s")


# --- colours ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "enabled", "wanted"),
    [
        ({"TERM": "xterm"}, "on", True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "on", False),
        ({"TERM": "xterm", "NO_COLOR": ""}, "on", True),
        ({"TERM": "dumb"}, "on", False),
        ({}, "on", False),
        ({"TERM": "xterm"}, "off", False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    env: dict[str, str], enabled: str, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    settings.set("style enabled", enabled)
    assert coloured(settings) is wanted


def test_a_pipe_is_never_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert paint_for(session(interactive=True)).plain


def test_themes_know_the_same_roles() -> None:
    roles = set(THEMES["default"])
    assert all(set(theme) == roles for name, theme in THEMES.items() if name != "plain")
    assert set(Settings().row("style theme").choices) == set(THEMES)


# --- toolbar ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (ev.SyscallCaught(1, 1, 1, False, "return", "x86_64", 1, "write", ()), "return of write"),
        (ev.SignalReceived(1, 1, 11), "SIGSEGV"),
        (ev.Killed(1, 1, 9), "killed by SIGKILL"),
        (ev.CatchHit(1, 1, 2, False, "fork", 5), "caught fork"),
        (ev.Interrupted(1, 1), "interrupted"),
        (ev.FunctionFinished(1, 1, 0, "rax"), "finish"),
        (ev.GroupStopped(1, 1, 19), "SIGSTOP"),
    ],
)
def test_reasons(event: ev.Event, text: str) -> None:
    assert reason(event) == text


def test_toolbar_fits_and_keeps_the_reason() -> None:
    one = session(interactive=True)
    assert toolbar(one) == " no program | not running "
    frame = SimpleNamespace(level=2, function="a_function_with_a_long_name")
    one.dbg.inferior = SimpleNamespace(pid=4242, path="/bin/prog\x1b")
    one.dbg.thread, one.dbg.threads = SimpleNamespace(number=2), [1, 2, 3]
    one.dbg.frame = frame
    one.last_event = ev.Interrupted(1, 1)
    assert toolbar(one, 100) == (
        " prog\\033 | pid 4242 | thread 2 of 3 | #2 a_function_with_a_long_name | interrupted "
    )
    assert toolbar(one, 60) == " prog\\033 | pid 4242 | thread 2 of 3 | interrupted "
    assert len(toolbar(one, 12)) == 12
