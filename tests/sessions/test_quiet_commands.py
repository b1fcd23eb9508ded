"""Breakpoint commands that say nothing and go on never leave the run loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.oracle import gdb
from tests.support.run import pydbg


@pytest.fixture(scope="module")
def plain() -> Path:
    return build("plain.c", "pie")


def _script(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "script"
    path.write_text("\n".join(lines) + "\n")
    return path


COUNTING = (
    "set $n = 0",
    "break inner",
    "commands",
    "silent",
    "set $n = $n + 1",
    "continue",
    "end",
)


def test_hits_are_counted_as_in_gdb(plain: Path, tmp_path: Path) -> None:
    script = _script(tmp_path, *COUNTING, "run", "print $n", "info breakpoints")
    ours = pydbg("--batch", "-x", script, plain)
    theirs = gdb(plain, f"source {script}")
    wanted = [line for line in theirs.splitlines() if "$1 =" in line or "already hit" in line]
    assert wanted and all(line in ours.stdout for line in wanted), ours.stdout


def test_a_finish_on_its_way_is_not_disturbed(plain: Path, tmp_path: Path) -> None:
    """gdb forgets the finish here and runs to the end of the program."""
    script = _script(
        tmp_path, "tbreak outer", "run", *COUNTING, "finish", "print $n > 0", "info program"
    )
    done = pydbg("--batch", "-x", script, plain)
    assert done.returncode == 0, done.stderr
    assert "= 1\n" in done.stdout
    assert "in main" in done.stdout


def test_stepsys_shows_the_call_and_find_only_warns(plain: Path) -> None:
    done = pydbg(
        "--batch", "-ex", "starti", "-ex", 'find $sp, +400096, "PAXTHZ"', "-ex", "stepsys", plain
    )
    assert done.returncode == 0, done.stderr
    assert "halting search." in done.stderr and "Pattern not found." in done.stdout
    assert done.stdout.rstrip().endswith("brk(NULL)")


def test_an_error_in_the_commands_is_told(plain: Path, tmp_path: Path) -> None:
    script = _script(
        tmp_path, "break inner", "commands", "silent", "print *(int *)0", "continue", "end", "run"
    )
    done = pydbg("--batch", "-x", script, plain)
    assert done.returncode == 1
    assert "Cannot access memory at address 0x0" in done.stderr
