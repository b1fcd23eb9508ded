"""Steps: what a session with them takes more than one without."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.harness import Bench
from tests.support.build import build


def run(bench: Bench) -> None:
    """Measure stepi, nexti and finish."""
    program = build("bench.c", "O2")

    def extra(which: str, count: int, lines: list[str]) -> float:
        begin = ["tbreak hit", "run hits 1000000"]
        less = bench.script(which, begin, program).wall
        more = bench.script(which, [*begin, *lines], program).wall
        return (more - less) / count * 1e6

    back = ["break hit", *["continue", "finish"] * 200]
    for name, target, count, lines in (
        ("stepi 10000, a step", 2, 10_000, ["stepi 10000"]),
        ("nexti 3000 over calls, a step", None, 3000, ["finish", "nexti 3000"]),
        ("stepi 300 times, each shown", None, 300, ["stepi"] * 300),
        ("continue and finish 200 times, both shown", None, 200, back),
    ):
        bench.row(
            name,
            "us",
            partial(extra, "pydbg", count, lines),
            partial(extra, "gdb", count, lines),
            target=target,
        )
