"""What commands show and leave behind, beside gdb: displays, where x goes on, cores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.test_commands_gdb import both
from tests.live.test_cores_gdb import _gdb, _ours
from tests.support.build import build, source
from tests.support.oracle import gdb

_OTHER = str(source("parts_other.c"))
SESSIONS = {
    # What was shown last is where x goes on; an x that fails leaves $_ and $__ alone.
    "x goes on": (
        "break doubled", "run", "info line main", "print values", "x", "print/x values[1]", "x",
        "output values[2]", "print $_", "print $__", "x/dw &values", "info line main",
        "x", "print $pc", "x", "print 1", "x", "print values[1] + 1", "x",
        "x/2wx 69", "print $_", "print $__", "display values[0]", "x", "info line main",
        "next", "x", "print $_", "kill",
    ),
    "displays": (
        "break doubled", "run", "display n", "display/x n", "finish", "info display", "undisplay 1",
        "finish", "info inferiors", "kill",
    ),
    "errors": (
        "print main[1]", "print values[1][2]", "run", "watch -l $rax", "kill",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SESSIONS)
def test_same_as_gdb(name: str) -> None:
    theirs, ours = both(build("parts.c", "pie", _OTHER), *SESSIONS[name])
    assert ours == theirs


def test_a_core_has_no_displays(tmp_path: Path) -> None:
    program = build("parts.c", "pie", _OTHER)
    core = tmp_path / "core"
    gdb(program, "break doubled", "run", f"generate-core-file {core}", "kill")
    commands = ("display values", f"core-file {core}", "info display", "display")
    theirs, (ours, _) = _gdb(program, core, *commands), _ours(program, core, *commands)
    assert ours == theirs
