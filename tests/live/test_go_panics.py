"""Panics of Go: what they say, compared with what the program itself prints when it dies."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

import pydbg
from pydbg.golang.panics import FATAL, PANIC, panic
from tests.support.build import build
from tests.support.marks import marks
from tests.support.run import batch, command, environment

HOW = (
    "text", "error", "number", "index", "slice", "nil", "divide", "map", "cast", "goroutine",
    "deadlock",
)  # fmt: skip


def own_words(how: str) -> str:
    """Return the first line that the program dies with."""
    done = subprocess.run([build("panics.go"), how], capture_output=True, text=True)
    assert done.returncode == 2
    return done.stderr.splitlines()[0]


@pytest.mark.parametrize("how", HOW)
def test_a_panic_says_what_the_program_prints(how: str) -> None:
    with pydbg.Debugger(str(build("panics.go")), [how]) as dbg:
        dbg.stderr = "/dev/null"
        for name in (PANIC, *FATAL):
            dbg.break_at(name)
        dbg.signals.handle([8, 11], ["nostop", "noprint", "pass"])
        assert isinstance(dbg.run(), pydbg.BreakpointHit)
        assert dbg.thread is not None
        first = panic(dbg, dbg.thread)
        assert first is not None and first.line == "string: recovered"
        assert isinstance(dbg.cont(), pydbg.BreakpointHit)
        told = panic(dbg, dbg.thread)
    assert told is not None
    head = told.type if how == "deadlock" else "panic"
    assert f"{head}: {told.message}" == own_words(how)


@pytest.mark.parametrize("how", ["text", "struct", "deadlock"])
def test_catch_panic_stops_at_each_panic_once(how: str) -> None:
    done = batch(
        build("panics.go"), "catch panic", "run", "bt 2", "continue", "bt 3", "info breakpoints",
        "continue", args=[how],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    stops = re.findall(r"hit Catchpoint 1 \(panic\), (\S+) \(.*\n(?:.*\n)?(.*)$", done.stdout, re.M)
    assert [name for name, _ in stops] == [
        PANIC,
        FATAL[1] if how == "deadlock" else PANIC,
    ]
    assert "string: recovered\n" in done.stdout
    said = {
        "text": "string: boom",
        "struct": "main.trouble: {code = 7, why = ",
        "deadlock": "fatal error: all goroutines are asleep - deadlock!",
    }
    assert f"\n{said[how]}" in done.stdout
    assert "catchpoint already hit 2 times" in done.stdout
    line = marks("panics.go")["recovered"]
    assert re.search(rf"#1  .* in main\.recovered \(\) at \S*panics\.go:{line}$", done.stdout, re.M)


@pytest.mark.parametrize("how", ["text", "nil", "goroutine"])
def test_a_crash_report_names_the_goroutine_and_its_panic(how: str) -> None:
    env = {**environment(), "GOTRACEBACK": "crash"}
    done = subprocess.run(
        command("report", build("panics.go"), how), capture_output=True, text=True, env=env
    )
    number, text = re.findall(r"^  goroutine (\d+): (panic: .*)$", done.stderr, re.MULTILINE)[0]
    assert text == own_words(how)
    running = re.search(r"^goroutine (\d+) \[running\]:$", done.stderr, re.MULTILINE)
    assert running is not None and running[1] == number
    assert done.returncode == -6


@pytest.mark.parametrize("how", HOW)
def test_a_report_on_an_exit_because_of_a_panic(how: str, tmp_path: Path) -> None:
    """Without GOTRACEBACK there is no signal: the runtime prints its words and exits with 2."""
    made = tmp_path / "report.json"
    done = subprocess.run(
        command("report", "--json", made, "-o", tmp_path / "text", build("panics.go"), how),
        capture_output=True, text=True, env=environment(),
    )  # fmt: skip
    assert done.returncode == 2
    found = json.loads(made.read_text())
    assert found["verdict"]["title"] == own_words(how) == done.stderr.splitlines()[0]
    assert (found["signal"], found["status"]) == (None, 2)
    assert (found["earlier"] is not None) == (how == "nil")
    names = [[row["function"] for row in one["frames"]] for one in found["threads"]]
    number = re.search(r"^goroutine (\d+) \[running\]:$", done.stderr, re.MULTILINE)
    if how == "deadlock":
        assert [one["goroutine"] for one in found["threads"]] == [None, 1]
        assert FATAL[1] in names[0] and "main.main" in names[1]
    else:
        assert number is not None and found["threads"][0]["goroutine"] == int(number[1])
        assert "main.die" in names[0] and PANIC in names[0]
        assert ("main.deep" in names[0]) == (how == "nil")
        assert None not in names[0][:-1]
    text = (tmp_path / "text").read_text()
    assert text.startswith(f"{build('panics.go')} (process {found['pid']}) exited with status 2: ")
    assert ", which panicked:" in text or how == "deadlock"


@pytest.mark.parametrize("how", ["recovered", "exit"])
def test_a_status_of_2_alone_is_no_panic(how: str) -> None:
    done = subprocess.run(
        command("report", build("panics.go"), how), capture_output=True, text=True,
        env=environment(),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2 if how == "exit" else 0, "")
