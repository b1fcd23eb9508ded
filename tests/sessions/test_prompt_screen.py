"""The prompt as a person sees it: a real terminal, its screen after each step."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.build import build
from tests.support.screen import Terminal

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7])m")

TEN_LINES = """\
break inner
commands
silent
echo hit\\n
end
define twice
stepi
stepi
end
run
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Any]:
    with contextlib.ExitStack() as stack:

        def make(*args: str | Path, columns: int = 80, lines: int = 24, **env: str) -> Terminal:
            env = {"XDG_STATE_HOME": str(tmp_path / "state"), **env}
            made = Terminal("-q", *args, columns=columns, lines=lines, **env)
            stack.callback(made.close)
            made.ready()
            return made

        yield make


def leave(one: Terminal) -> None:
    one.run("set confirm off")
    one.send("quit\r")
    assert one.status() == 0


# --- what the screen shows -------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 50)])
def test_each_step(terminal: Any, columns: int, lines: int) -> None:
    one = terminal(build("plain.c"), columns=columns, lines=lines)
    one.shows(" plain | not running")
    one.run("break inner")
    assert "Breakpoint 1 at" in one.text
    one.run("run")
    assert "Breakpoint 1, inner (a=0, b=5) at " in one.text
    assert "int sum = a + b; // @bp inner" in one.text
    one.until(lambda t: "| thread 1 | inner | breakpoint 1" in t.rows[-1])
    one.run("stepi")
    rows = one.rows
    assert any(row.startswith("=> ") and "<inner+" in row for row in rows)
    one.until(lambda t: "| inner | stepi" in t.rows[-1])
    one.run("finish")
    assert "Value returned" in one.text or "Run till exit from" in one.text
    one.run("next")
    assert "=>" not in one.text.rpartition("(pydbg) next")[2]
    one.run("set context registers")
    one.run("stepi")
    one.until(lambda t: "-- registers ---" in t.text)
    cells = next(row for row in one.rows if row.startswith("rax "))
    assert cells.count("0x") == (2 if columns == 80 else 7)
    assert all(len(row) <= columns for row in one.rows)
    assert re.search(r"rip +\*0x", one.text)
    leave(one)


def test_context_sections_and_changed(terminal: Any) -> None:
    one = terminal(build("plain.c"), lines=60)
    one.run("break inner")
    one.run("run")
    one.run("context")
    for title in ("registers", "code: inner", "stack", "source: "):
        assert f"-- {title}" in one.text
    assert "system call" not in one.text
    one.run("stepi 3")
    one.run("changed")
    assert re.search(r"^rip +0x[0-9a-f]+ -> 0x[0-9a-f]+ <inner\+", one.text, re.MULTILINE)
    one.run("set context off")
    one.run("stepi")
    assert "=>" not in one.text.rpartition("(pydbg) stepi")[2]
    leave(one)


def test_a_call_in_words(terminal: Any) -> None:
    one = terminal(build("plain.c"), lines=50)
    one.run("catch syscall write")
    one.run("run")
    one.until(lambda t: "entry of write" in t.rows[-1])
    one.run("context syscall")
    assert "-- system call --" in one.text
    assert one.text.count("write(1</dev/pts/") == 2
    leave(one)


# --- colour ----------------------------------------------------------------------------------


def session_of(one: Terminal) -> str:
    one.run("break inner")
    one.run("run")
    one.run("context registers,code")
    one.run("print 0x10")
    leave(one)
    return one.raw


def test_colour_at_a_terminal(terminal: Any) -> None:
    assert COLOUR.search(session_of(terminal(build("plain.c"))))


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_no_colour(terminal: Any, env: dict[str, str]) -> None:
    raw = session_of(terminal(build("plain.c"), **env))
    assert not COLOUR.search(raw)
    if "TERM" in env:
        assert "\x1b" not in raw


def test_themes(terminal: Any) -> None:
    one = terminal(build("plain.c"))
    one.run("set style theme plain")
    one.raw = ""
    raw = session_of(one)
    assert not COLOUR.search(raw.partition("set confirm off")[0].replace("\x1b[90m", ""))
    two = terminal(build("plain.c"))
    two.run("set style enabled off")
    two.raw = ""
    assert not COLOUR.search(session_of(two))


# --- size ------------------------------------------------------------------------------------


def test_resize(terminal: Any) -> None:
    one = terminal(build("plain.c"))
    one.run("break inner")
    one.run("run")
    one.resize(40, 20)
    one.send("print 1")
    one.until(lambda t: t.prompt_row() == "(pydbg) print 1" and "breakpoint 1" in t.rows[-1])
    assert all(len(row) <= 40 for row in one.rows)
    one.send("\r")
    one.shows("$1 = 1")
    one.resize(120, 30)
    one.send("context registers\r")
    # The prompt is drawn anew for the new size, too: it is not the end of the command.
    one.until(lambda t: t.prompt_row() == "(pydbg)" and "eflags" in t.text)
    assert sum(row.count("0x") for row in one.rows if row.startswith("rax")) == 4
    leave(one)


# --- Ctrl-C ----------------------------------------------------------------------------------


def test_ctrl_c_drops_what_is_typed(terminal: Any) -> None:
    one = terminal(build("plain.c"))
    one.send("print 4242")
    one.until(lambda t: t.prompt_row() == "(pydbg) print 4242")
    one.send("\x03")
    one.ready()
    one.send("info s\t\t")  # in the menu of completions
    one.shows("sharedlibrary")
    one.send("\x03")
    one.ready()
    one.run("print 1")
    one.send("\x12pri")  # in a search
    one.shows("i-search")
    one.send("\x03")
    one.ready()
    one.run("break inner")
    one.send("commands\r")
    one.shows("Type commands for breakpoint(s) 1, one per line.")
    one.until(lambda t: t.prompt_row() == ">")
    one.send("silent\r\x03")  # in a block
    one.shows("Quit")
    one.ready()
    one.run("info breakpoints")
    assert "silent" not in one.text.rpartition("info breakpoints")[2]
    leave(one)


def test_ctrl_c_interrupts_and_a_second_one_offers_more(terminal: Any) -> None:
    one = terminal("--args", build("sigwait.c"), "block")
    one.send("run\r")
    one.shows("ready")
    one.send("\x03")
    one.ready()
    one.until(lambda t: "interrupted" in t.rows[-1])
    one.send("\x03")
    one.shows("Kill the program, detach from it, or neither?")
    one.send("n\r")
    one.ready()
    one.send("\x03")  # It is too late for a second: only once for each interrupt.
    one.run("info program")
    assert "running image of child" in one.text
    one.send("continue\r")
    one.shows("Continuing.")
    one.lent()
    one.send("\x03")
    one.until(lambda t: t.prompt_row() == "(pydbg)" and "interrupted" in t.rows[-1])
    one.send("\x03")
    one.until(lambda t: t.prompt_row().endswith("(k, d or n)"))
    one.send("k\r")
    one.shows("killed]")
    one.ready()
    leave(one)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Return what lets the child of ``vfork_waits`` come to its end."""
    os.mkfifo(tmp_path / "gate")
    fds = [os.open(tmp_path / "gate", os.O_RDWR)]  # So no side of it waits for the other.

    def release() -> None:
        while fds:
            os.close(fds.pop())

    yield release
    release()


@pytest.fixture
def stuck(terminal: Any, tmp_path: Path, gate: object) -> Terminal:
    """Return a terminal whose program waits for a vfork child, after two Ctrl-C."""
    one: Terminal = terminal("--args", build("vfork_waits.c"), tmp_path / "gate")
    one.send("run\r")
    one.shows("waiting")
    one.lent()
    group = os.tcgetpgrp(one.child.child_fd)
    (sentinel,) = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/comm")
        if named(path) == "pydbg-sentinel" and os.getpgid(int(path.parent.name)) == group
    ]
    before = status(sentinel, "voluntary_ctxt_switches")
    one.send("\x03")
    # The sentinel has told the debugger, and that has taken note of it and waits again.
    while status(sentinel, "voluntary_ctxt_switches") == before:
        os.sched_yield()
    while int(status(one.child.pid, "ShdPnd"), 16) >> (signal.SIGURG - 1) & 1:
        os.sched_yield()
    calls = ("61", "247")  # wait4, waitid
    while Path(f"/proc/{one.child.pid}/syscall").read_text().split()[0] not in calls:
        os.sched_yield()
    assert "Kill it" not in one.text
    one.send("\x03")
    one.until(lambda t: t.prompt_row().endswith("(k, d or w)"))
    return one


def named(comm: Path) -> str:
    try:
        return comm.read_text().strip()
    except OSError:  # It has ended meanwhile.
        return ""


def status(pid: int, field: str) -> str:
    """Return a field of a process's status, proc(5)."""
    text = Path(f"/proc/{pid}/status").read_text()
    (found,) = re.findall(rf"^{field}:\s*(\S+)$", text, re.MULTILINE)
    return str(found)


def test_a_second_ctrl_c_when_the_first_has_no_effect_yet(stuck: Terminal) -> None:
    one = stuck
    assert "The program has not stopped yet." in one.text
    one.send("\x03")  # At the question: the same as to wait.
    one.lent()
    one.send("\x03")
    one.until(lambda t: t.text.count("(k, d or w)") == 2)
    one.send("k\r")
    one.shows("Program terminated with signal SIGKILL")
    one.ready()
    leave(one)


def test_a_program_that_is_let_go_when_it_stops(stuck: Terminal, gate: Callable[[], None]) -> None:
    one = stuck
    one.send("d\r")
    one.lent()
    gate()
    one.shows("detached]")
    one.shows("parent goes on")
    one.ready()
    leave(one)


# --- the program's terminal ------------------------------------------------------------------


def test_a_program_in_raw_mode_leaves_a_sane_terminal(terminal: Any) -> None:
    one = terminal(build("rawmode.c"))
    one.run("break key")
    one.send("run\r")
    one.until(lambda t: "raw" in t.rows)
    one.send("a")
    one.until(lambda t: "Breakpoint 1, key" in t.text and t.prompt_row() == "(pydbg)")
    one.run("print 6*7")
    assert "$1 = 42" in one.text
    one.send("continue\r")
    one.shows("key 97")
    one.send("\x03")  # In raw mode a byte like any other: the program reads it.
    one.until(lambda t: t.text.count("Breakpoint 1, key") == 2 and t.prompt_row() == "(pydbg)")
    one.send("kill\r")
    one.shows("(y or n)")
    one.send("y\r")
    one.shows("killed]")
    one.ready()
    one.send("quit\r")
    assert one.status() == 0


def test_the_terminal_is_as_it_was(tmp_path: Path) -> None:
    # Below a shell the terminal outlives pydbg.
    import pexpect

    from tests.support.run import command, environment

    words = " ".join(f"'{word}'" for word in command("-q", "-nx", build("rawmode.c")))
    shell = pexpect.spawn(
        "/bin/sh", ["-c", f"stty -a; {words}; echo left $?; stty -a"],
        env=environment({"TERM": "xterm", "NO_COLOR": "1", "XDG_STATE_HOME": str(tmp_path)}),
        encoding="utf-8", timeout=30, dimensions=(24, 80),
    )  # fmt: skip
    shell.expect(r"\(pydbg\)")
    before = modes_of(shell.before)
    shell.send("break key\r")
    shell.expect("Breakpoint 1")
    shell.expect(r"\(pydbg\)")
    shell.send("run\r")
    shell.expect("hraw")
    shell.send("a")
    shell.expect("Breakpoint 1, key")
    shell.expect(r"\(pydbg\)")
    shell.send("set confirm off\r")
    shell.expect(r"\(pydbg\)")
    shell.send("quit\r")
    shell.expect("left 0")
    shell.expect(pexpect.EOF)
    assert modes_of(shell.before) == before
    shell.close()


def modes_of(text: str) -> list[str]:
    return re.findall(r"(?<!\S)-?(?:icanon|echo|isig|icrnl|opost|ixon)(?=[ ;])", text)


# --- typing ----------------------------------------------------------------------------------


def test_ten_lines_pasted_at_once(terminal: Any) -> None:
    one = terminal(build("plain.c"))
    one.send(f"\x1b[200~{TEN_LINES.rstrip()}\x1b[201~")
    one.shows("define twice")
    one.send("\r")
    one.until(lambda t: "hit" in t.text.rpartition("Starting program")[2])
    one.ready()
    one.run("info breakpoints")
    assert "breakpoint already hit 1 time" in one.text
    leave(one)


def test_ten_lines_pasted_without_brackets(terminal: Any) -> None:
    one = terminal(build("plain.c"))
    one.send("".join(f"print {n}\r" for n in range(10)))
    one.shows("$10 = 9")
    one.ready()
    leave(one)


def test_completion_shows_descriptions(terminal: Any) -> None:
    one = terminal(build("plain.c"))
    one.send("info s\t")
    one.until(lambda t: any("sharedlibrary" in row and "librar" in row.split("sharedlibrary")[1]
                            for row in t.rows))  # fmt: skip
    one.send("\x03")
    one.ready()
    one.send("break plain.c:1\t")
    one.shows("return sum;")
    one.send("\x03")
    one.ready()
    leave(one)


def test_history_suggestions_and_search(terminal: Any) -> None:
    one = terminal(build("plain.c"))
    one.run("print 123456")
    one.send("pri")
    one.until(lambda t: t.prompt_row() == "(pydbg) print 123456")  # in grey
    one.send("\x05\r")
    one.shows("$2 = 123456")
    one.ready()
    one.run("echo x\\n")
    one.send("\x12345")
    one.shows("i-search")
    one.send("\r")
    one.until(lambda t: t.prompt_row() == "(pydbg) print 123456")
    one.send("\r")
    one.shows("$3 = 123456")
    one.ready()
    one.send("\x1b[A")  # up
    one.until(lambda t: t.prompt_row() == "(pydbg) print 123456")
    one.send("\x03")
    one.ready()
    leave(one)


def test_vi_keys(terminal: Any) -> None:
    one = terminal(build("plain.c"))
    one.run("set editing-mode vi")
    one.send("print 12")
    one.until(lambda t: t.prompt_row() == "(pydbg) print 12")
    one.send("\x1b")
    one.send("0cw")
    one.until(lambda t: t.prompt_row() == "(pydbg) 12")
    one.send("output ")
    one.until(lambda t: t.prompt_row() == "(pydbg) output 12")
    one.send("\r")
    one.until(lambda t: t.prompt_row().endswith("(pydbg)") and "12(pydbg)" in t.text)
    one.child.close(force=True)


def test_python_is_edited_as_python(terminal: Any) -> None:
    one = terminal(build("plain.c"))
    one.send("python\r")
    one.until(lambda t: t.prompt_row() == ">")
    one.send("for n in (6,):\r")
    one.until(lambda t: t.prompt_row() == ">" and "for n" in t.text)
    one.send("\tprint(n * 7)")
    one.until(lambda t: t.prompt_row() == ">    print(n * 7)")
    one.send("\r")
    one.until(lambda t: t.prompt_row() == ">")
    one.send("end\r")
    one.shows("42")
    one.ready()
    leave(one)


def test_the_toolbar_can_go(terminal: Any) -> None:
    one = terminal(build("plain.c"))
    one.shows("not running")
    one.run("set toolbar off")
    one.run("print 1")
    assert "not running" not in one.text
    leave(one)


def test_keys_before_the_prompt_is_ready_are_kept(tmp_path: Path) -> None:
    one = Terminal("-q", build("plain.c"), XDG_STATE_HOME=str(tmp_path))
    one.shows("(pydbg)")  # What reads it is still being imported.
    one.send("print 6*7\r")
    one.shows("$1 = 42")
    assert one.rows[:2] == ["(pydbg) print 6*7", "$1 = 42"]  # Not echoed by the terminal, too.
    one.ready()
    leave(one)
