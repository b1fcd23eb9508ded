"""Much memory and many symbols."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

from tests.benchmarks.harness import Bench
from tests.support.build import build

_SIZE = 256 << 20
_COMPLETE = """
import sys, time
from pydbg.debugger import Debugger
from pydbg.commands.session import Session
from pydbg.ui.complete import complete
session = Session(Debugger(sys.argv[1]))
for text in sys.argv[2:]:
    begin = time.perf_counter()
    found = len(list(complete(session, text)))
    print(found, f"each {(time.perf_counter() - begin) * 1e9} ns")
"""


def run(bench: Bench) -> None:
    """Measure dump, find and completion."""
    program = build("bench.c", "O2")

    def extra(which: str, *lines: str) -> float:
        begin = ["break ready", f"run memory {_SIZE}"]
        less = bench.session(which, begin, program).wall
        more = bench.session(which, [*begin, *lines], program).wall
        return (more - less) * 1e3

    for name, line in (
        ("dump 256 MiB", f"dump binary memory /dev/null $rdi $rdi+{_SIZE}"),
        ("find 8 absent bytes in 256 MiB", f"find $rdi, +{_SIZE}, (long)0x1122334455667788"),
    ):
        bench.row(
            name,
            "ms",
            partial(extra, "pydbg", line),
            partial(extra, "gdb", line),
        )

    many = _many_symbols(bench.folder)
    script = bench.folder / "complete.py"
    script.write_text(_COMPLETE)
    python = bench.pydbg()[0]

    def completion(which: str, text: str) -> float:
        if which == "pydbg":
            return bench.cost([python, str(script), str(many), text]).wall * 1e3
        return (
            bench.session("gdb", ["set max-completions 200", f"complete {text}"], many).wall * 1e3
        )

    bench.row(
        "completion of `break function_999` among 100,000 symbols, with the start",
        "ms",
        lambda: completion("pydbg", "break function_999"),
        lambda: completion("gdb", "break function_999"),
    )


def _many_symbols(folder: Path) -> Path:
    """Make a program of a hundred thousand functions."""
    source, program = folder / "many.S", folder / "many"
    names = [f"function_{number}" for number in range(100_000)]
    text = "".join(f".globl {name}\n.type {name},@function\n{name}: ret\n" for name in names)
    source.write_text(f".text\n.globl _start\n_start:\n{text}")
    subprocess.run(["gcc", "-nostdlib", "-static", "-o", program, source], check=True)
    return program
