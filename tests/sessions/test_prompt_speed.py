"""The prompt with a program of 100,000 symbols: a key is answered in less than 50 ms."""

from __future__ import annotations

import statistics
import subprocess
from pathlib import Path
from time import perf_counter

import pytest

from tests.support.screen import Terminal

SYMBOLS = 100_000
LIMIT = 0.050


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Assemble a program of many functions; a compiler would take ten times as long."""
    folder = tmp_path_factory.mktemp("symbols")
    names = (f"{('event', 'buffer', 'table', 'queue')[n % 4]}_{n % 13}_{n}" for n in range(SYMBOLS))
    rows = "".join(f".globl {name}\n.type {name},@function\n{name}: ret\n" for name in names)
    (folder / "many.s").write_text(f".text\n.globl _start\n_start:\n{rows}")
    subprocess.run(["as", "-o", "many.o", "many.s"], cwd=folder, check=True)
    subprocess.run(["ld", "-o", "many", "many.o"], cwd=folder, check=True)
    return folder / "many"


def answered(one: Terminal, keys: str, line: str) -> float:
    """Press keys and return how long it takes until the line is ``line``."""
    started = perf_counter()
    one.send(keys)
    one.until(lambda t: t.prompt_row() == line)
    return perf_counter() - started


@pytest.mark.parametrize("mode", ["prefix", "fuzzy"])
def test_a_key_is_answered_at_once(program: Path, tmp_path: Path, mode: str) -> None:
    one = Terminal("-q", program, XDG_STATE_HOME=str(tmp_path))
    try:
        one.ready()
        one.run(f"set completion {mode}")
        one.send("break queue_1\t")  # The names are read and sorted now.
        one.shows("queue_10_")
        one.send("\x03")
        one.ready()
        took = []
        line = "(pydbg) break "
        one.send("break ")
        for key in "queue_1":
            took.append(answered(one, key, line + key))
            line += key
        for _ in range(10):
            # The search for candidates goes on while the next key comes.
            took.append(answered(one, "\t1", f"{line}1"))
            one.send("\x03")
            one.ready()
            one.send(line.removeprefix("(pydbg) "))
            one.until(lambda t: t.prompt_row() == line)
        # Another process may have the CPU for one key, not for most of them.
        assert statistics.median(took) < LIMIT
    finally:
        one.close()
