"""Every backtrace at every instruction, against gdb's of the same stopped process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.oracle import gdb

SCRIPT = Path(__file__).with_name("unwind_in_gdb.py")
ROOT = SCRIPT.parents[2]


def compare(program: Path, start: str, steps: int) -> tuple[int, int, int, str]:
    """Step a program in gdb; give how many stops were compared, alike, how many frames."""
    text = gdb(
        program,
        f"python import sys; sys.path.insert(0, {str(ROOT)!r})",
        f"python start, steps = {start!r}, {steps}",
        f"source {SCRIPT}",
        timeout=110,
    )
    found = re.search(r"^COMPARED (\d+) SAME (\d+) FRAMES (\d+)$", text, re.MULTILINE)
    assert found is not None, text[-3000:]
    different = re.findall(r"^(?:DIFFERENT|  gdb:| ours:).*$", text, re.MULTILINE)
    return int(found[1]), int(found[2]), int(found[3]), "\n".join(different)


@pytest.mark.parametrize(
    ("name", "variant", "flags", "start", "steps"),
    [
        # From the first instruction of the dynamic loader: no CFI, then hand-written CFI.
        ("unwind.c", "stripped", (), "starti", 700),
        # Signals, the vdso, longjmp, noreturn callers, callbacks, lazy binding.
        ("unwind.c", "pie", (), "main", 1600),
        ("unwind.c", "O2-nofp", ("-Wl,-z,lazy",), "main", 1600),
        ("unwind.c", "nopie", ("-O2", "-Wl,-z,lazy", "-fcf-protection=full"), "main", 1600),
        ("unwind.c", "static", (), "main", 1600),
        ("unwind.c", "O2", (), "on_own_stack", 600),
        # After a call of a null pointer: the handler's frames, the wild frame, main.
        ("unwind.c", "O2-nofp", (), "leave", 400),
        ("unwind.c", "stripped", ("-fomit-frame-pointer",), "qsort", 600),
        ("unwind.c", "pie", (), "descend", 300),
        ("unwind.c", "m32", (), "main", 1200),
        ("unwind.c", "m32", ("-O2", "-fomit-frame-pointer"), "main", 1200),
        # Frames of the C++ unwinder while it looks for the handler.
        ("classes.cc", "O2", (), "__cxa_throw", 1500),
        ("hello.rs", "pie", (), "main", 1200),
    ],
)
def test_every_step_is_as_in_gdb(
    name: str, variant: str, flags: tuple[str, ...], start: str, steps: int
) -> None:
    compared, same, frames, different = compare(build(name, variant, *flags), start, steps)
    assert compared > steps // 2
    assert frames > compared
    assert same == compared, different
