"""Steps: what a session with them takes more than one without."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.harness import Bench
from tests.support.build import build


def run(bench: Bench) -> None:
    """Measure stepi, nexti, finish, next, step and until."""
    by_instruction(bench)
    by_line(bench)


def by_instruction(bench: Bench) -> None:
    """Measure what needs no lines."""
    program = build("bench.c", "O2")

    def extra(which: str, count: int, lines: list[str]) -> float:
        begin = ["tbreak hit", "run hits 1000000"]
        less = bench.script(which, begin, program).wall
        more = bench.script(which, [*begin, *lines], program).wall
        return (more - less) / count * 1e6

    back = ["break hit", *["continue", "finish"] * 500]
    for name, target, count, lines in (
        ("stepi 10000, a step", 2, 10_000, ["stepi 10000"]),
        ("nexti 3000 over calls, a step", None, 3000, ["finish", "nexti 3000"]),
        ("stepi 1000 times, each shown", 1, 1000, ["stepi"] * 1000),
        ("continue and finish 500 times, both shown", 1, 500, back),
        (
            "break, return and continue 200 times",
            None,
            200,
            ["break hit", *["continue", "return"] * 200],
        ),
    ):
        bench.row(
            name,
            "us",
            partial(extra, "pydbg", count, lines),
            partial(extra, "gdb", count, lines),
            target=target,
        )


def by_line(bench: Bench) -> None:
    """Measure steps over a loop of two lines, one of which calls a function."""
    program = build("bench.c")

    def extra(which: str, turns: int, count: int, lines: list[str]) -> float:
        begin = ["tbreak loop", f"run hits {turns}", "next 2"]
        less = bench.script(which, begin, program).wall
        more = bench.script(which, [*begin, *lines], program).wall
        return (more - less) / count * 1e6

    for name, target, turns, count, lines in (
        ("next 1000 over a loop, a step", 4, 1_000_000, 1000, ["next 1000"]),
        ("next 1000 times, each shown", 4, 1_000_000, 1000, ["next"] * 1000),
        ("step 1000 times, each shown", None, 1_000_000, 1000, ["step"] * 1000),
    ):
        bench.row(
            name,
            "us",
            partial(extra, "pydbg", turns, count, lines),
            partial(extra, "gdb", turns, count, lines),
            target=target,
        )

    def whole(which: str) -> float:
        lines = ["tbreak loop", "run hits 3000", "next 2", "until"]
        return bench.script(which, lines, program).wall * 1e3

    bench.row(
        "until past a loop of 3000 turns, the whole session",
        "ms",
        partial(whole, "pydbg"),
        partial(whole, "gdb"),
    )
