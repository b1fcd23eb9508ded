"""Ask gdb and strace the same question, and read their answers."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

# Neither a user's configuration nor the network may change an answer.
_CLEAN = {"DEBUGINFOD_URLS": "", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


def gdb(
    program: str | Path | None, *commands: str, args: Sequence[str] = (), timeout: float = 60
) -> str:
    """Return what ``gdb -batch -nx -ex …`` prints on stdout, the program's output included."""
    line = ["gdb", "-batch", "-nx", "-q"]
    for command in ("set confirm off", "set width 0", "set style enabled off", *commands):
        line += ["-ex", command]
    if program is not None:
        line += ["--args", str(program), *args]
    done = subprocess.run(
        line,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        env={**os.environ, **_CLEAN},
        timeout=timeout,
    )
    return done.stdout


def gdb_value(program: str | Path, *commands: str, expression: str) -> int:
    """Return an integer expression's value after ``commands``, as gdb sees it."""
    text = gdb(program, *commands, f'printf "VALUE=%ld\\n", (long)({expression})')
    found = re.search(r"^VALUE=(-?\d+)$", text, re.MULTILINE)
    if found is None:
        raise AssertionError(f"gdb gave no value for {expression}:\n{text}")
    return int(found[1])


def gdb_break_address(program: str | Path, location: str) -> int:
    """Return the (link-time) address where gdb's ``break LOCATION`` stops."""
    text = gdb(program, f"break {location}", "info breakpoints")
    found = re.search(r"^1\s.*?(0x[0-9a-f]+)", text, re.MULTILINE)
    if found is None:
        raise AssertionError(f"gdb has no address for {location}:\n{text}")
    return int(found[1], 16)


def gdb_backtrace(program: str | Path, *commands: str) -> list[tuple[int, int | None, str]]:
    """Return gdb's frames after ``commands``: (level, pc or None, function)."""
    text = gdb(program, *commands, "set print address on", "bt")
    frames = []
    for row in re.finditer(r"^#(\d+)\s+(?:(0x[0-9a-f]+) in )?(\S+) \(", text, re.MULTILINE):
        frames.append((int(row[1]), int(row[2], 16) if row[2] else None, row[3]))
    return frames


def gdb_registers(program: str | Path, *commands: str) -> dict[str, int]:
    """Return gdb's ``info registers`` after ``commands`` (general registers, as integers)."""
    text = gdb(program, *commands, "info registers")
    rows = re.findall(r"^(\w+)\s+(0x[0-9a-f]+)\s", text, re.MULTILINE)
    return {name: int(value, 16) for name, value in rows}


def strace(
    program: str | Path, *args: str, options: Sequence[str] = (), timeout: float = 60
) -> list[str]:
    """Return the lines of ``strace OPTIONS PROGRAM ARGS`` (its -o file, not the output)."""
    read, write = os.pipe()
    try:
        child = subprocess.Popen(
            ["strace", "-o", f"/proc/self/fd/{write}", *options, "--", str(program), *args],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            pass_fds=[write],
            env={**os.environ, **_CLEAN},
        )
    finally:
        os.close(write)
    with os.fdopen(read, errors="replace") as stream:
        lines = stream.read().splitlines()
    child.wait(timeout)
    return lines
