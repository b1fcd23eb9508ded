"""Stops that nobody sees: false conditions, commands and callbacks that go on, rare calls."""

from __future__ import annotations

from tests.benchmarks.harness import Bench, each
from tests.support.build import build

_CALLBACK = """
import sys, pydbg
with pydbg.launch(*sys.argv[1:]) as dbg:
    def seen(hit):
        seen.count += dbg.regs.rdi > 0
    seen.count = 0
    dbg.break_at("hit", callback=seen)
    dbg.cont()
"""
_CALLBACK_GDB = """
import gdb
class Seen(gdb.Breakpoint):
    count = 0
    def stop(self):
        Seen.count += int(gdb.parse_and_eval("$rdi")) > 0
        return False
Seen("hit")
"""


def run(bench: Bench) -> None:
    """Measure hits and system calls by the program's own clock."""
    program = build("bench.c", "O2")
    false = "break hit if $rdi == -1"

    def hits(which: str, count: int, mode: str = "hits", more: str = "") -> float:
        # gdb gets less to do: it would take minutes.
        count = count if which == "pydbg" else count // 10
        return each(bench.session(which, (false, f"run {mode} {count} {more}"), program))

    bench.row(
        "breakpoint, condition false",
        "us",
        lambda: hits("pydbg", 40_000),
        lambda: hits("gdb", 40_000),
        target=4,
    )
    bench.row(
        "the same in 4 threads",
        "us",
        lambda: hits("pydbg", 10_000, "threads", "4"),
        lambda: hits("gdb", 10_000, "threads", "4"),
        target=4,
    )

    def commands(which: str, lines: tuple[str, ...]) -> float:
        count = 10_000 if which == "pydbg" else 1000
        script = ["set $n = 0", "break hit", "commands", "silent", *lines, "continue", "end"]
        return each(bench.script(which, [*script, f"run hits {count}"], program))

    bench.row(
        "breakpoint, commands go on",
        "us",
        lambda: commands("pydbg", ()),
        lambda: commands("gdb", ()),
        target=4,
    )
    bench.row(
        "the same, counting in `$n`",
        "us",
        lambda: commands("pydbg", ("set $n = $n + 1",)),
        lambda: commands("gdb", ("set $n = $n + 1",)),
        target=4,
    )

    def callback(which: str) -> float:
        path = bench.folder / f"callback_{which}.py"
        path.write_text(_CALLBACK if which == "pydbg" else _CALLBACK_GDB)
        if which == "pydbg":
            python = bench.pydbg()[0]
            return each(bench.cost([python, str(path), str(program), "hits", "20000"]))
        return each(
            bench.cost(bench.gdb("--batch", "-x", path, "-ex", "run hits 2000", str(program)))
        )

    bench.row(
        "breakpoint, Python callback reads a register",
        "us",
        lambda: callback("pydbg"),
        lambda: callback("gdb"),
        target=4,
    )

    def rare(which: str) -> float:
        count = 100_000 if which == "pydbg" else 10_000
        lines = ("catch syscall getuid", f"run calls {count}", "continue", "continue")
        return each(bench.session(which, lines, program))

    bench.row(
        "each other call while a rare one is caught",
        "us",
        lambda: rare("pydbg"),
        lambda: rare("gdb"),
        target=100,
    )

    def signals(which: str) -> float:
        count = 20_000 if which == "pydbg" else 5000
        lines = ("handle SIGUSR1 nostop noprint", f"run signals {count}")
        return each(bench.session(which, lines, program))

    bench.row(
        "signal that is only passed on",
        "us",
        lambda: signals("pydbg"),
        lambda: signals("gdb"),
    )

    def caught(which: str) -> float:
        count = 2000 if which == "pydbg" else 500
        script = ["catch syscall getppid", "commands", "silent", "continue", "end"]
        return each(bench.script(which, [*script, f"run calls {count}"], program))

    bench.row(
        "caught call, entry and return, commands go on",
        "us",
        lambda: caught("pydbg"),
        lambda: caught("gdb"),
    )
