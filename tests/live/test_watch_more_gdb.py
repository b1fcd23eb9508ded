"""Watchpoints of members, bit-fields, statics and references, and frames that end, beside gdb."""

from __future__ import annotations

import re

import pytest

from tests.live.test_commands_gdb import both
from tests.support.build import build

BEFORE = ("watch nosuch", "watch main::m", "watch rec::here", "watch 5", "watch gi+",
          "watch gi if gi ==", "watch gi mask 0xff00", "rwatch 5", "watch inner::local",
          "watch -l obj.x", "delete")  # fmt: skip
HERE = ("watch nosuch", "watch rec::here", "watch main", "watch gi thread 1", "watch obj.bits",
        "continue", "continue", "continue", "delete", "watch inner::local", "continue", "delete",
        "watch inner::S::st", "continue", "delete", "watch arr", "continue", "continue", "delete",
        "watch gd", "continue", "delete", "watch ref", "continue", "delete", "watch *gp",
        "continue", "delete")  # fmt: skip
"""Up to before the end, where what the program prints and gdb's words about threads mix."""
ENDS = ("break rec if n == 0", "continue", "watch here", "continue", "continue",
        "delete", "tbreak jumper", "continue", "watch lj", "continue", "continue", "delete",
        "tbreak thrower", "continue", "watch lt", "continue", "continue", "delete",
        "info watchpoints", "kill")  # fmt: skip


def alike(text: str) -> str:
    """Number watchpoints and places on the stack alike; threads tell of themselves in any order."""
    text = re.sub(r"4 16\n", "", text)  # the program's output, which may come within a line
    text = re.sub(r"\[(New )?(Thread|LWP) [^]]*\]\n?", "", text)
    text = re.sub(r"atchpoint \d+", "atchpoint N", text)
    return re.sub(r"0x7ff[0-9a-f]+|0xc000[0-9a-f]+|breakpoint \d+|Breakpoint \d+", "X", text)


def test_what_can_be_watched() -> None:
    theirs, ours = both(build("watched.cc"), *BEFORE, "tbreak main", "run", *HERE, "kill")
    assert {k: alike(v) for k, v in ours.items()} == {k: alike(v) for k, v in theirs.items()}


def test_frames_that_end() -> None:
    theirs, ours = both(build("watched.cc"), "tbreak main", "run", *ENDS)
    assert {k: alike(v) for k, v in ours.items()} == {k: alike(v) for k, v in theirs.items()}


LANGUAGES = {
    "watched.rs": (
        "break watched.rs:8", "run", "watch p.x", "watch a", "watch watched::TOTAL", "watch p.y",
        *["continue"] * 6, "info watchpoints", "delete", "break watched::add", "run", "next",
        "watch sum", "watch p.x", *["continue"] * 4, "info watchpoints", "kill",
    ),
    "watched.go": (
        "break main.add", "run", "next", "next", "watch sum", "watch p.X", "watch main.total",
        *["continue"] * 5, "info watchpoints", "delete", "up", "tbreak +1", "continue", "watch a",
        "watch main.total", "continue", "info watchpoints", "kill",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LANGUAGES)
def test_other_languages(name: str) -> None:
    flags = ("-gcflags=-N -l",) if name.endswith(".go") else ()
    theirs, ours = both(build(name, "pie", *flags), *LANGUAGES[name])
    assert {k: alike(v) for k, v in ours.items()} == {k: alike(v) for k, v in theirs.items()}
    assert sum("New value = " in text for text in ours.values()) > 3
