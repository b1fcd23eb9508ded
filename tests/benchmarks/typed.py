"""Typed variables at stops: in conditions, commands, displays, watchpoints and callbacks."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.harness import Bench, each
from tests.support.build import build
from tests.support.marks import marks

_CALLBACK = """
import sys, pydbg
with pydbg.launch(*sys.argv[2:]) as dbg:
    def seen(hit):
        seen.count += int(dbg.eval("i")) > 0 and int(dbg.eval("n")) != 1
    seen.count = 0
    dbg.break_at(sys.argv[1], callback=seen)
    dbg.cont()
"""
_CALLBACK_GDB = """
import gdb
class Seen(gdb.Breakpoint):
    count = 0
    def stop(self):
        frame = gdb.selected_frame()
        Seen.count += int(gdb.parse_and_eval("i")) > 0 and int(frame.read_var("n")) != 1
        return False
Seen("%s")
"""

CONDITIONS = (
    ("false condition on a local", "i == -1", ""),
    ("... on a local and a member", "n != 7 && p->count == -2", ""),
    ("... on a string, `$_streq`", '$_streq(name, "x")', ""),
    ("... on an enum and a bit-field", "color == RED && p->flags.depth == 12", ""),
    ("... on a global and a double", "total == 3 || d < -1", ""),
    ("... on a local, in 4 threads", "i == -1", "4"),
)


def run(bench: Bench) -> None:
    """Measure hits by the program's own clock, shown stops by what they add to a session."""
    program = build("conditions.cc", "pie", "-pthread")
    place = f"conditions.cc:{marks('conditions.cc')['plain']}"

    def hits(condition: str, threads: str, which: str) -> float:
        count = 10_000 if which == "pydbg" else 1000
        lines = (f"break {place} if {condition}", f"run {count} {threads}")
        return each(bench.session(which, lines, program))

    for name, condition, threads in CONDITIONS:
        hit = partial(hits, condition, threads)
        target = 4 if threads else 8
        bench.row(name, "us", partial(hit, "pydbg"), partial(hit, "gdb"), target=target)

    def commands(line: str, which: str) -> float:
        count = 5000 if which == "pydbg" else 1000
        body = ["silent", line, "continue", "end"]
        return each(
            bench.script(which, [f"break {place}", "commands", *body, f"run {count}"], program)
        )

    for line in ("print i", 'printf "%d %s\\n", i, name'):
        name = f"commands `{line.split()[0]}` a local and go on"
        side = partial(commands, line)
        bench.row(name, "us", partial(side, "pydbg"), partial(side, "gdb"), target=2)

    def callback(which: str) -> float:
        path = bench.folder / f"typed_{which}.py"
        if which == "pydbg":
            path.write_text(_CALLBACK)
            python = bench.pydbg()[0]
            return each(bench.cost([python, str(path), place, str(program), "5000"]))
        path.write_text(_CALLBACK_GDB % place)
        return each(bench.cost(bench.gdb("--batch", "-x", path, "-ex", "run 1000", str(program))))

    bench.row(
        "Python callback reads two locals",
        "us",
        partial(callback, "pydbg"),
        partial(callback, "gdb"),
        target=2,
    )
    watches(bench)
    shown(bench, place)


def watches(bench: Bench) -> None:
    """Measure watchpoints that go on, in debug registers and by steps."""
    program = build("bench.c")

    def hits(lines: list[str], count: int, which: str) -> float:
        count = count if which == "pydbg" else count // 10
        script = ["tbreak main", f"run hits {count}", *lines, "continue"]
        return each(bench.script(which, script, program))

    for name, lines, count in (
        ("hardware watchpoint, condition false", ["watch sink if sink == -1"], 10_000),
        (
            "software watchpoint, a turn of a loop",
            ["set can-use-hw-watchpoints 0", "watch count if count == -1"],
            1000,
        ),
    ):
        side = partial(hits, lines, count)
        bench.row(name, "us", partial(side, "pydbg"), partial(side, "gdb"), target=2)


def shown(bench: Bench, place: str) -> None:
    """Measure stops that are told, with what is shown at each."""
    program = build("conditions.cc", "pie", "-pthread")
    begin = [f"break {place}", "run 100000000"]

    def extra(lines: list[str], count: int, which: str) -> float:
        less = bench.script(which, begin, program).wall
        more = bench.script(which, [*begin, *lines], program).wall
        return (more - less) / count * 1e6

    for name, lines, count in (
        ("continue 1000 times, arguments shown", ["continue"] * 1000, 1000),
        ("tbreak and continue 500 times", [f"tbreak {place}", "continue"] * 500, 500),
        (
            "continue 500 times with three displays",
            ["display i", "display p->count", "display copy.flags", *["continue"] * 500],
            500,
        ),
        ("continue and info locals 300 times", ["continue", "info locals"] * 300, 300),
        ("continue and bt 300 times", ["continue", "bt"] * 300, 300),
        ("stepi and info registers 300 times", ["stepi", "info registers"] * 300, 300),
    ):
        side = partial(extra, lines, count)
        bench.row(name, "us", partial(side, "pydbg"), partial(side, "gdb"))
