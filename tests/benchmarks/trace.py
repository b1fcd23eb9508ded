"""``pydbg trace`` beside strace: whole traces into a file, counting, one rare call."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.harness import Bench
from tests.support.build import build

_CALLS = 100_000


def run(bench: Bench) -> None:
    """Measure whole commands, start-up included, on the clock."""
    program = build("mixed_calls.c", "O2")
    out = bench.folder / "trace"

    def took(tool: str, *options: str | Path, count: int = _CALLS, pinned: bool = False) -> float:
        start = bench.pydbg("trace") if tool == "pydbg" else ["strace"]
        pin = ["taskset", "-c", "0"] if pinned else []
        return bench.cost([*pin, *start, *map(str, options), str(program), str(count)]).wall

    bench.row(
        "trace of 100,000 calls into a file, strace",
        "s",
        lambda: took("pydbg", "-o", out),
        lambda: took("strace", "-o", out),
        target=1,
    )
    bench.row(
        "the same, all on one CPU, strace",
        "s",
        lambda: took("pydbg", "-o", out, pinned=True),
        lambda: took("strace", "-o", out, pinned=True),
        target=1 / 1.4,
    )
    bench.row(
        "counting 100,000 calls (-c), strace",
        "s",
        lambda: took("pydbg", "-c", "-o", out),
        lambda: took("strace", "-c", "-o", out),
        target=1,
    )
    bench.row(
        "the same, all on one CPU, strace",
        "s",
        lambda: took("pydbg", "-c", "-o", out, pinned=True),
        lambda: took("strace", "-c", "-o", out, pinned=True),
        target=1 / 1.4,
    )
    rare = ("-e", "trace=uname", "-o", out)
    bench.row(
        "one rare call among 1,000,000, strace",
        "s",
        lambda: took("pydbg", *rare, count=1_000_000),
        lambda: 10 * took("strace", *rare, count=100_000),
        target=50,
    )

    def alone() -> float:
        return bench.cost([str(program), "10000000"]).wall

    bench.row(
        "one rare call among 10,000,000, the program alone",
        "s",
        lambda: took("pydbg", *rare, count=10_000_000),
        alone,
        target=1 / 1.2,
    )
