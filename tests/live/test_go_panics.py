"""Panics of Go: what they say, compared with what the program itself prints when it dies."""

from __future__ import annotations

import re
import subprocess

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
