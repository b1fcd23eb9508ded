"""From the command line to a backtrace, to a prompt, to a process that runs already."""

from __future__ import annotations

import subprocess
import time
from functools import partial
from pathlib import Path

from tests.benchmarks.harness import Bench
from tests.support.build import build

COMMANDS = ("break main", "run", "bt")


def run(bench: Bench) -> None:
    """Measure starts."""
    small = build("plain.c")

    def wall(which: str, commands: tuple[str, ...], program: Path) -> float:
        return bench.session(which, commands, program).wall * 1e3

    for name, program, commands, target in (
        ("small C program", small, ("break main", "run", "bt"), 2),
        ("/usr/bin/python3", Path("/usr/bin/python3"), ("break main", "run", "bt"), None),
        ("Go program", build("hello.go"), ("break main.main", "run", "bt"), None),
        ("Rust program", build("hello.rs"), ("break main", "run", "bt"), None),
    ):
        bench.row(
            f"break main, run, bt: {name}",
            "ms",
            partial(wall, "pydbg", commands, program),
            partial(wall, "gdb", commands, program),
            target=target,
            rounds=3 * bench.rounds if target else None,
        )
    bench.row(
        "the same in the small C program: peak memory",
        "MiB",
        lambda: bench.session("pydbg", COMMANDS, small).peak,
        lambda: bench.session("gdb", COMMANDS, small).peak,
        target=2,
    )
    bench.row(
        "to the prompt",
        "ms",
        lambda: _prompt(bench.pydbg(small), bench),
        lambda: _prompt(bench.gdb("-q", small), bench),
    )
    bench.row(
        "to the answer of a command that was typed meanwhile",
        "ms",
        lambda: _prompt(bench.pydbg(small), bench, "print 6*7"),
        lambda: _prompt(bench.gdb("-q", small), bench, "print 6*7"),
    )
    bench.row(
        "attach, detach",
        "ms",
        lambda: _attach(bench, "pydbg"),
        lambda: _attach(bench, "gdb"),
    )


def _prompt(command: list[str], bench: Bench, typed: str = "") -> float:
    """Return the milliseconds until a prompt stands on a terminal, or ``typed`` is answered."""
    import pexpect  # type: ignore[import-untyped]

    environment = {**bench.environment, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
    begin = time.perf_counter()
    child = pexpect.spawn(command[0], command[1:], env=environment, dimensions=(24, 100))
    if typed:
        child.sendline(typed)
        child.expect(r"\$1 = 42")
    else:
        child.expect(r"\((pydbg|gdb)\)")
    took = time.perf_counter() - begin
    child.sendline("quit")
    child.expect(pexpect.EOF)
    child.close()
    return took * 1e3


def _attach(bench: Bench, which: str) -> float:
    program = build("bench.c", "O2")
    with subprocess.Popen([program, "wait", "1"]) as victim:
        start = bench.pydbg if which == "pydbg" else bench.gdb
        try:
            cost = bench.cost(start("--batch", "-p", str(victim.pid), "-ex", "detach"))
        finally:
            victim.kill()
    return cost.wall * 1e3
