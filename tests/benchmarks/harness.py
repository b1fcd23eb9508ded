"""What all benchmarks need: an installed pydbg, runs of both debuggers in turn, medians.

A machine is never quiet, so pydbg and gdb take turns (A B A B ...) and only the ratio of the
medians means something. What is measured is an installed copy with byte code, as a user has it.
"""

from __future__ import annotations

import compileall
import os
import re
import shutil
import statistics
import sysconfig
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

Side = Callable[[], float]


class Row(NamedTuple):
    """One line of the table: medians of pydbg and gdb in ``unit``, and what was aimed at.

    ``target`` is how many times less than gdb's the number should be; None where nothing was
    promised, or where gdb cannot do the same (``gdb`` is None).
    """

    name: str
    unit: str
    pydbg: float
    gdb: float | None
    target: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.gdb is None else self.gdb / self.pydbg


class Cost(NamedTuple):
    """What a process took: seconds on the clock, seconds of CPU with its children, peak MiB."""

    wall: float
    cpu: float
    peak: float
    output: str


class Bench:
    """Run both debuggers and gather rows."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.rows: list[Row] = []
        self.python = install(folder)
        # Nothing of the user's, no network, the same language.
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
            "DEBUGINFOD_URLS": "",
            "LC_ALL": "C.UTF-8",
            "XDG_CONFIG_HOME": "/nonexistent",
        }

    # --- running -----------------------------------------------------------------------------

    def pydbg(self, *arguments: str | Path) -> list[str]:
        """Return a command line of the installed pydbg."""
        program = "import sys; from pydbg.cli import entry; sys.exit(entry())"
        return [self.python, "-c", program, *map(str, arguments)]

    @staticmethod
    def gdb(*arguments: str | Path) -> list[str]:
        """Return a command line of gdb without anybody's init files."""
        return ["gdb", "-nx", *map(str, arguments)]

    def session(
        self,
        which: str,
        commands: Sequence[str],
        program: Path | str,
        *more: str,
        variables: Mapping[str, str] | None = None,
    ) -> Cost:
        """Run commands in a batch session of ``which`` ("pydbg" or "gdb")."""
        start = self.pydbg if which == "pydbg" else self.gdb
        flags = [part for line in commands for part in ("-ex", line)]
        return self.cost(start("--batch", *flags, *more, program), variables)

    def script(self, which: str, lines: Sequence[str], program: Path | str) -> Cost:
        """Run a script in a batch session of ``which``."""
        path = self.folder / "script"
        path.write_text("".join(f"{line}\n" for line in lines))
        start = self.pydbg if which == "pydbg" else self.gdb
        return self.cost(start("--batch", "-x", path, program))

    def cost(self, command: list[str], variables: Mapping[str, str] | None = None) -> Cost:
        """Run a command and return what it took; a failure ends the benchmark."""
        output = self.folder / "output"
        with output.open("wb") as out, open(os.devnull, "rb") as nothing:
            begin = time.perf_counter()
            pid = os.posix_spawnp(
                command[0],
                command,
                {**self.environment, **(variables or {})},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, out.fileno(), 2),
                ],
            )
            _, status, used = os.wait4(pid, 0)
            wall = time.perf_counter() - begin
        text = output.read_text(errors="replace")
        if os.waitstatus_to_exitcode(status) not in (0, 1):
            raise RuntimeError(f"{' '.join(command)} failed:\n{text}")
        return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text)

    # --- measuring ---------------------------------------------------------------------------

    def row(
        self,
        name: str,
        unit: str,
        pydbg: Side,
        gdb: Side | None,
        *,
        target: float | None = None,
        rounds: int | None = None,
    ) -> Row:
        """Measure both in turn, keep the medians and say them."""
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(rounds or self.rounds):
            ours.append(pydbg())
            if gdb is not None:
                theirs.append(gdb())
        median = statistics.median(theirs) if theirs else None
        row = Row(name, unit, statistics.median(ours), median, target)
        self.rows.append(row)
        print(f"{line(row)}", flush=True)
        return row


def each(cost: Cost) -> float:
    """Return what the fixture ``bench.c`` says of itself, in microseconds a round."""
    found = re.findall(r"each ([\d.]+) ns", cost.output)
    if not found:
        raise RuntimeError(f"the program did not come to its end:\n{cost.output[-2000:]}")
    return float(found[-1]) / 1000


def install(folder: Path) -> str:
    """Copy the package and compile it, as pip does; return the interpreter that has it.

    It has an environment of its own: one in which a package is being worked on may start slowly,
    by a finder that is imported before all else.
    """
    venv.create(folder / "venv", symlinks=True)
    scheme = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    site = Path(sysconfig.get_path("purelib", "venv", scheme))
    (site / "needed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    shutil.copytree(ROOT / "pydbg", site / "pydbg", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(site / "pydbg", quiet=2)
    return str(folder / "venv" / "bin" / "python")


@contextmanager
def bench(rounds: int) -> Iterator[Bench]:
    """Yield a Bench whose files are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="pydbg-bench-") as folder:
        yield Bench(Path(folder), rounds)


def number(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def line(row: Row) -> str:
    """Return a row of the table."""
    gdb = "" if row.gdb is None else number(row.gdb)
    ratio = "" if row.ratio is None else f"{number(row.ratio)} x"
    target = "" if row.target is None else f"{number(row.target)} x"
    return f"| {row.name} | {number(row.pydbg)} {row.unit} | {gdb} | {ratio} | {target} |"


HEAD = "| work | pydbg | gdb | gdb / pydbg | aim |\n|---|---:|---:|---:|---:|"
