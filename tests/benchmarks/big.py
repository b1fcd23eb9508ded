"""Big programs: from the command line to a stop, a backtrace and the locals there.

Cold is without an index, warm with the one that an earlier session left behind. Where indexes are
is told by the environment, so that both debuggers are given the same commands.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.harness import Bench, Cost
from tests.benchmarks.programs import big_cplus, big_go
from tests.support.build import build

_PYTHON = Path("/usr/bin/python3-dbg")
_NOWHERE = Path("/dev/null")
"""As a directory of caches: nothing is there, and nothing can be written."""


class Case(NamedTuple):
    """Say what to run: where to stop, by function and by line, and how to start."""

    name: str
    program: Path
    function: str
    line: str
    run: str
    factor: float
    """How many times gdb's speed is aimed at when cold; at least twice when warm."""


def cases() -> list[Case]:
    """Give the programs, built if they are not there yet."""
    return [
        Case("python3-dbg", _PYTHON, "builtin_print", "bltinmodule.c:2001", "run -c 'print(1)'", 1),
        Case("Rust program", build("hello.rs"), "hello::main", "hello.rs:30", "run", 1),
        Case("Go program", build("hello.go"), "main.main", "hello.go:20", "run", 1),
        Case("go command", big_go(), "main.main", "main.go:100", "run version", 1),
        Case("C++ program of 340 MB", big_cplus(), "unit_30", "unit_30.cc:50", "run", 20),
    ]


def run(bench: Bench) -> None:
    """Measure time and peak memory, cold and warm."""
    for case in cases():
        script = case.run, "bt", "info locals"
        for spot, where in (("FUNC", case.function), ("FILE:LINE", case.line)):
            commands = f"break {where}", *script
            cold = partial(_ours, bench, commands, case.program, _NOWHERE)
            warm = partial(_ours, bench, commands, case.program, _indexed(bench, case.program))
            theirs = partial(bench.session, "gdb", commands, case.program)
            name = f"break {spot}, run, bt, info locals: {case.name}"
            aim = case.factor if spot == "FUNC" else 1
            for state, ours, target in (("cold", cold, aim), ("warm", warm, max(2, case.factor))):
                bench.row(
                    f"{name}, {state}",
                    "ms",
                    partial(_time, ours),
                    partial(_time, theirs),
                    target=target,
                )
            bench.row(
                f"{name}: peak memory",
                "MiB",
                partial(_peak, cold),
                partial(_peak, theirs),
                target=2,
                rounds=1,
            )


def _ours(bench: Bench, commands: tuple[str, ...], program: Path, caches: Path) -> Cost:
    return bench.session("pydbg", commands, program, variables={"XDG_CACHE_HOME": str(caches)})


def _time(session: Callable[[], Cost]) -> float:
    return session().wall * 1e3


def _peak(session: Callable[[], Cost]) -> float:
    return session().peak


def _indexed(bench: Bench, program: Path) -> Path:
    """Build a program's index, and its libraries'; give the directory of caches they are in."""
    caches = bench.folder / "caches"
    folder = caches / "pydbg" / "index"
    folder.mkdir(mode=0o700, exist_ok=True, parents=True)
    libc = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    files = [program.resolve(), *_debug_files(libc)]
    for file in files:
        command = [bench.python, "-m", "pydbg.symbols.indexbuild", str(file), str(folder)]
        subprocess.run(command, env=bench.environment, check=False)
    return caches


def _debug_files(listed: str) -> list[Path]:
    """Give the separate debug files of the libraries that ldd names."""
    from pydbg.symbols.debugfiles import build_id_path
    from pydbg.symbols.elf import ElfFile

    found = []
    for word in listed.split():
        if word.startswith("/"):
            build_id = ElfFile(str(Path(word).resolve())).build_id
            path = Path(build_id_path(build_id)) if build_id else None
            if path is not None and path.exists():
                found.append(path)
    return found
