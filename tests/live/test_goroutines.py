"""Goroutines: their list and stacks, compared with what Go's own traceback and script say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import pydbg
from tests.support.build import build
from tests.support.live import program
from tests.support.marks import marks
from tests.support.oracle import gdb
from tests.support.run import batch

LINES = marks("goroutines.go")


def runtime_script() -> str:
    root = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True)
    return f"{root.stdout.strip()}/src/runtime/runtime-gdb.py"


Told = dict[int, tuple[str, list[tuple[str, str]], str]]


def tracebacks(text: str) -> Told:
    """Read Go's traceback: state, frames (function, file:line) and creator of each goroutine."""
    found: Told = {}
    for block in re.split(r"\n(?=goroutine \d+)", text)[1:]:
        block = block.partition("\n\n")[0]
        head = re.match(r"goroutine (\d+) \[([^]]*)\]:\n", block)
        assert head is not None
        pairs = re.findall(r"^(\S.*)\n\t(?:\./)?(\S+?:\d+)", block[head.end() :], re.MULTILINE)
        frames = [(name, place) for name, place in pairs if not name.startswith("created by ")]
        made = [name.removeprefix("created by ") for name, place in pairs[len(frames) :]]
        # A function's arguments, which only Go's own spelling has.
        frames = [(re.sub(r"\([^()]*\)$", "", name), place) for name, place in frames]
        found[int(head[1])] = head[2], frames, made[0] if made else ""
    return found


def mine(dbg: pydbg.Debugger) -> Told:
    found: Told = {}
    for one in dbg.goroutines.all():
        dbg.goroutines.select(one)
        frames = [
            (frame.function or "", f"{frame.file}:{frame.line}")
            for frame in dbg.frames()
            if frame.function is not None
        ]
        made = dbg.goroutines.place(one.created_at)
        creator = made.function or "" if made is not None else ""
        found[one.id] = one.wait_reason or one.status, frames, creator
    return found


def test_stacks_are_those_of_gos_own_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOTRACEBACK", "system")
    with program("goroutines.go", "3") as dbg:
        dbg.stderr = str(tmp_path / "told")
        dbg.break_at("main.stop", temporary=True)
        dbg.run()
        seen = mine(dbg)
        dbg.goroutines.select(dbg.goroutines.find(1))
        dbg.signals.handle([3], ["nostop", "noprint", "pass"])
        dbg.signal(3)
    told = tracebacks((tmp_path / "told").read_text())
    # Goroutine 1 was in the signal's handler by then; those of the runtime end at goexit.
    assert sorted(told) == sorted(seen)
    assert len(told) >= 11
    for number in sorted(set(told) - {1}):
        state, frames, creator = told[number]
        assert (state, creator) == (seen[number][0], seen[number][2])
        assert frames == seen[number][1]
    assert seen[1][0] == "running"
    assert [name for name, _ in seen[1][1]] == ["main.stop", "main.main"]


def test_the_list_is_that_of_the_runtimes_script_for_gdb(tmp_path: Path) -> None:
    """Both look at the same core."""
    path = build("goroutines.go")
    core = tmp_path / "core"
    done = batch(path, "break main.stop", "run", "info goroutines", f"gcore {core}")
    looked = batch(path, f"core-file {core}", "info goroutines")
    rows = re.findall(r"^[* ] \d+ .*", done.stdout, re.MULTILINE)
    assert rows == re.findall(r"^[* ] \d+ .*", looked.stdout, re.MULTILINE)
    shown = gdb(path, f"core-file {core}", f"source {runtime_script()}", "info goroutines")
    heads = re.findall(r"^([* ] \d+ \w+) +\w+\.\w+$", shown, re.MULTILINE)
    assert [re.sub(r"^(..\d+ \w+).*", r"\1", row) for row in rows] == heads
    assert len(heads) >= 10
    received = next(row for row in rows if "main.receive" in row)
    line = LINES["receive"]
    assert re.fullmatch(
        rf"  \d+ waiting  main\.receive at \S*goroutines\.go:{line} \[chan receive\]"
        r" created by main\.main at \S*goroutines\.go:\d+",
        received,
    )


def test_a_step_is_the_threads_whatever_is_looked_at() -> None:
    with program("goroutines.go") as dbg:
        dbg.break_at("main.stop")
        dbg.run()
        waits = next(one for one in dbg.goroutines.all() if one.wait_reason == "chan receive")
        dbg.goroutines.select(waits)
        names = [frame.function for frame in dbg.frames()]
        assert "main.receive" in names and names[0] == "runtime.gopark"
        frame = dbg.select_frame(names.index("main.receive"))
        assert int(dbg.eval("$_goroutine")) == waits.id
        assert dbg.regs.rip == frame.addr and dbg.regs.rsp == frame.regs.rsp
        assert frame.line == LINES["receive"]
        with pytest.raises(pydbg.DebuggerError, match="not an lvalue"):
            dbg.regs.rip = 0
        dbg.next()
        assert int(dbg.eval("$_goroutine")) == 1
        assert [frame.function for frame in dbg.frames()] == ["main.main"]


def test_commands_in_a_goroutine_leave_the_selection_alone(tmp_path: Path) -> None:
    path, core = build("goroutines.go"), str(tmp_path / "core")
    listed = batch(path, "break main.stop", "run", "info goroutines", f"gcore {core}")
    found = re.search(r"^  (\d+) waiting  main\.receive ", listed.stdout, re.MULTILINE)
    assert found is not None
    number = found[1]
    done = batch(
        path, f"core-file {core}", f"goroutine {number} print $_goroutine", "print $_goroutine",
        f"goroutine {number} frame function main.receive", "frame", f"goroutine {number}",
        "goroutine", "print $_goroutine", "goroutine 1 print $_goroutine", "print $_goroutine",
        "frame function main.receive", f"goroutine {number} up", "frame",
        "goroutine 1", "print $_goroutine",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    values = re.findall(r"^\$\d+ = (\d+)$", done.stdout, re.MULTILINE)
    assert values == [number, "1", number, "1", number, "1"]
    frames = re.findall(r"^#(?:\d+) .*?(\S+) \(", done.stdout, re.MULTILINE)
    assert frames[1:] == [
        "main.receive", "main.stop", "runtime.gopark", "main.receive",
        "runtime.chanrecv", "main.receive", "main.stop",
    ]  # fmt: skip
    assert done.stdout.count(f"goroutine {number} (waiting, chan receive)]\n") == 1
    assert f"[Current goroutine is {number} (waiting, chan receive)]\n" in done.stdout


@pytest.mark.parametrize(
    "command", ["finish", "until main.rest", "advance main.rest", "return", "jump main.rest"]
)
def test_what_needs_a_thread_is_refused_in_a_goroutine_without_one(command: str) -> None:
    path = build("goroutines.go")
    done = batch(
        path, "break main.stop", "run", "try goroutine 2", f"try {command}", "next 1",
        "print $_goroutine",
    )  # fmt: skip
    assert "Goroutine 2 does not run on a thread now.\n" in done.stderr
    assert "$1 = 1\n" in done.stdout


def test_errors_are_one_line() -> None:
    done = batch(
        build("goroutines.go"), "break main.stop", "run", "try goroutine 99999",
        "try goroutine x y", "try goroutine all", "try info goroutines (", "info goroutines nosuch",
    )  # fmt: skip
    assert done.returncode == 0
    assert "No such goroutine: 99999\n" in done.stderr
    assert "Invalid goroutine number: x\n" in done.stderr
    assert "Please specify a command after 'goroutine all'.\n" in done.stderr
    assert "Invalid regular expression: " in done.stderr
    assert "No goroutines match 'nosuch'.\n" in done.stdout
    done = batch(build("hello.c"), "break main", "run", "info goroutines")
    assert "The program has no goroutines: it is not a Go program." in done.stderr
    stripped = batch(build("hello.go", "stripped"), "break main.main", "run", "info goroutines")
    assert "Nothing describes the goroutines: no debug information." in stripped.stderr


def test_preemption_does_not_hit_a_breakpoint_twice() -> None:
    """The handler of its signal takes a goroutine off the breakpoint that it stands on."""
    with program("goroutines.go", "2000") as dbg:
        hits: list[int] = []

        def note(point: pydbg.Breakpoint) -> None:
            thread = dbg.thread
            assert thread is not None
            hits.append(dbg.goroutines.number_of(thread))

        dbg.break_at("main.receive", callback=note)
        dbg.break_at("main.stop")
        dbg.run()
        assert len(hits) == len(set(hits)) == 2001


def test_a_breakpoint_in_one_goroutine_only() -> None:
    with program("goroutines.go", "8") as dbg:
        dbg.break_at(f"goroutines.go:{LINES['receive']}", condition="$_goroutine % 2 == 0")
        event = dbg.run()
        hits = []
        while isinstance(event, pydbg.BreakpointHit):
            assert dbg.thread is not None
            hits.append(dbg.goroutines.number_of(dbg.thread))
            event = dbg.cont()
        assert hits and all(number % 2 == 0 for number in hits)
        assert len(hits) == len(set(hits))


@pytest.mark.parametrize("command", ["next", "finish", "advance", "until"])
def test_a_step_stays_in_its_goroutine(command: str) -> None:
    """With one processor all others run the same function on the same thread meanwhile."""
    path = build("goroutines.go")
    with pydbg.Debugger(str(path), ["60"]) as dbg:
        dbg.break_at("main.stop")
        dbg.break_at("main.receive", temporary=True)
        assert isinstance(dbg.run(), pydbg.BreakpointHit)
        assert dbg.thread is not None
        mine = dbg.goroutines.number_of(dbg.thread)
        if command == "finish":
            # It waits for ever: that is the end of the program, not another's return.
            assert isinstance(dbg.finish(), pydbg.BreakpointHit)
            assert dbg.frame is not None and dbg.frame.function == "main.stop"
            return
        if command != "next":
            place = f"goroutines.go:{LINES['receive']}"
            event = dbg.advance(place) if command == "advance" else dbg.until(place)
            assert isinstance(event, pydbg.LocationReached) and dbg.thread is not None
            assert dbg.goroutines.number_of(dbg.thread) == mine
            return
        for line in (LINES["receive"] - 1, LINES["receive"]):
            assert isinstance(dbg.next(), pydbg.StepDone)
            assert dbg.frame is not None and dbg.thread is not None
            assert (dbg.frame.line, dbg.goroutines.number_of(dbg.thread)) == (line, mine)
        assert isinstance(dbg.next(), pydbg.BreakpointHit)


def test_damaged_records_are_an_error_of_one_line() -> None:
    with program("goroutines.go") as dbg:
        dbg.break_at("main.stop")
        dbg.run()
        place = dbg.eval("'runtime.allgs'")
        assert place.addr is not None
        before = dbg.memory.read(place.addr, 24)
        for words in ((0x10, 4), (1 << 62, 1 << 60), (place.addr, 3)):
            for index, word in enumerate(words):
                at = place.addr + 8 * index
                dbg.memory[at : at + 8] = word.to_bytes(8, "little")
            try:
                found = dbg.goroutines.all()
            except pydbg.DebuggerError as error:
                assert "\n" not in str(error)
            else:
                places = [dbg.goroutines.where(one) for one in found]
                assert len(places) == len(found)
        dbg.memory[place.addr : place.addr + 24] = before
        assert len(dbg.goroutines.all()) >= 10
