"""The commands for watchpoints beside gdb: the same stops, with the same text."""

from __future__ import annotations

import re

import pytest

from tests.live.test_commands_gdb import both
from tests.support.build import build

_C = ("continue",)

SESSIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "globals": ("watches.c", (
        "watch counter", "watch real", "watch name", "info breakpoints", "info watchpoints",
        "run", *_C * 2, "info watchpoints", "info watchpoints 2", "info watchpoints 9", *_C * 2,
        "delete", "info watchpoints", "watch other", "info breakpoints", "kill",
    )),
    "errors": ("watches.c", (
        "watch", "watch 1 + 1", "rwatch 5", "watch nosuch", "watch sizeof(int)",
        "watch counter thread 9", "break main", "run", "watch $rax", "rwatch $rax",
        "rwatch table", "watch table", "watch *(int *)0", "watch counter thread 1",
        "watch -l points[0].x", "watch -location x if x == 3", "info breakpoints",
        "set can-use-hw-watchpoints 0", "show can-use-hw-watchpoints", "rwatch counter",
        "awatch counter", "watch counter", "watch (long)&x", "info watchpoints", "delete 5", "kill",
        "info watchpoints",
    )),
    "locals": ("watches.c", (
        "break inner", "run", "watch local", "delete 1", *_C * 3, "info breakpoints", "kill",
    )),
    "a caller's locals": ("watches.c", (
        "break inner", "run", "up", "watch x", "delete 1", *_C * 2, "info breakpoints", "kill",
    )),
    "recursion": ("watches.c", (
        "break recurse if n == 1", "run", "watch here", "rwatch here", "info watchpoints",
        "delete 1 3", *_C * 3, "kill",
    )),
    "finish": ("watches.c", (
        "break inner", "run", "watch local", "delete 1", "finish", "finish", "finish", "kill",
    )),
    "pointers": ("watches.c", (
        "break main", "run", "watch where->x", "watch points[1].high", "info watchpoints",
        *_C * 4, "info watchpoints", "kill",
    )),
    "access": ("watches.c", (
        "awatch counter", "rwatch points[0].y", "run", *_C, "info breakpoints", "kill",
    )),
    "conditions": ("watches.c", (
        "break main", "run", "watch x if x == 2", "watch counter if counter > 4",
        "info watchpoints", *_C * 2, "condition 3 counter < 0", "ignore 2 1", "continue",
        "info watchpoints", "disable 2", "info watchpoints", "kill",
    )),
    "conditions of other frames": ("watches.c", (
        "break main", "run", "watch counter if x == 2 && argc == 1", *_C, "condition 2 x == 7",
        "watch real if other == 0", "tbreak fork", "continue", "info watchpoints", "kill",
    )),
    "at breakpoints": ("watches.c", (
        "break main", "run", "watch x", "break +1", "continue", "info breakpoints", "next",
        "continue", "kill",
    )),
    "commands": ("watches.c", (
        "break main", "run", "watch x", "commands", ">silent", ">print x", ">end", *_C * 2,
        "info breakpoints", "kill",
    )),
    "several at once": ("watches.c", (
        "break main", "run", "watch counter", "watch *(short *)&counter", "awatch counter",
        "watch counter if counter > 100", *_C * 2, "info breakpoints", "kill",
    )),
    "steps": ("watches.c", (
        "break main", "run", "watch x", "next", "next", "next", "stepi", "stepi", "kill",
    )),
    "software": ("watches.c", (
        "break main", "run", "set can-use-hw-watchpoints 0", "watch counter", "watch table",
        "watch points[0]", "watch x if x == 2", "info watchpoints", *_C * 6, "info watchpoints",
        "kill",
    )),
    "software locals": ("watches.c", (
        "break inner", "run", "set can-use-hw-watchpoints 0", "watch local", "delete 1",
        *_C * 3, "info watchpoints", "kill",
    )),
    "registers": ("watches.c", (
        "break main", "run", "watch $rax", *_C * 3, "info watchpoints", "kill",
    )),
    "a new run": ("watches.c", (
        "break inner", "watch counter", "watch table[3]", "delete 2", "watch real", "run",
        "watch local", *_C, "info breakpoints", "run", "info breakpoints", "kill",
    )),
    "fork": ("watches.c", (
        "break inner", "run", "delete", "watch other", "continue", "info watchpoints", "kill",
    )),
    "threads": ("watched.c", (
        "break main", "run", "awatch counter if counter == 5", *_C * 2, "info breakpoints", "kill",
    )),
    "one instruction seen both ways": ("watches.c", (
        "break main", "run", "watch table", "watch -l table[7]", "watch counter",
        "watch *(char(*)[100])&table[5]", *_C * 2, "info watchpoints", "kill",
    )),
    "unaligned": ("watched.c", (
        "break main", "run", "watch packed.odd", "info watchpoints", *_C, "info breakpoints",
        "kill",
    )),
}  # fmt: skip


def _plain(text: str) -> str:
    # Where a source of the C library is missing gdb says so, and what main was given differs.
    text = re.sub(r"^\d+\t.*No such file or directory\.$", "", text, flags=re.MULTILINE)
    return text.strip()


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_is_gdbs(name: str, bits: int) -> None:
    source, lines = SESSIONS[name]
    program = build(source, "m32" if bits == 32 else "pie")
    if bits == 32:
        lines = tuple(line.replace("$rax", "$eax") for line in lines)
    theirs, ours = both(program, *lines)
    assert list(ours) == list(theirs)
    for command, text in theirs.items():
        assert _plain(ours[command]) == _plain(text), command
