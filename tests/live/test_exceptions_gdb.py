"""C++ exceptions caught, beside gdb: the same stops, texts and values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pydbg
from tests.live.test_commands_gdb import both
from tests.live.test_core_children import ended
from tests.support.build import build
from tests.support.live import expect_exit, program, stops

SESSION = (
    "catch throw",
    "catch rethrow",
    "catch catch",
    "catch throw runtime",
    "tcatch throw",
    "tcatch throw Derived",
    "catch throw if 0",
    "catch throw [",
    "info breakpoints",
    "p $_exception",
    "run",
    "bt",
    "p $_exception",
    "info breakpoints",
    "up",
    "p $_exception",
    "continue",
    "whatis $_exception",
    "p $_exception",
    "continue 2",
    "continue",
    "condition 1 $_exception.code == 7",
    "continue",
    "bt 1",
    "info breakpoints",
    "condition 1",
    "delete 3",
    "continue",
    "p $_exception",
    "p $_exception.more",
    "disable 1",
    "tbreak thrower if k == 5",
    "continue",
    "enable 1",
    "next",
    "p $_exception",
    "ignore 1 1",
    "continue",
    "info breakpoints",
    "delete 1",
    "tcatch catch",
    "run",
    "p $_exception",
    "next",
    "info breakpoints",
    "kill",
    "info breakpoints",
)
"""The extra line below a stop is taken out before the comparison."""


def without_notes(text: str) -> str:
    """Take out the line that only pydbg has below a stop, and the program's own output."""
    text = re.sub(
        r"(\(exception \w+\), .*\n?)(?:(?:int|double|char const\*): .*|Derived)", r"\1", text
    )
    text = re.sub(r"(\(exception \w+\), .*\n?)(?:std::\w+|Own): .*", r"\1", text)
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


@pytest.mark.parametrize("variant", ["pie", "nopie", "static"])
def test_a_session(variant: str) -> None:
    theirs, ours = both(build("throws.cc", variant), *SESSION)
    assert {key: without_notes(text) for key, text in ours.items()} == theirs


def test_a_library_without_probes() -> None:
    """libc++ has none: the stops are at its functions, and gdb does not know what is thrown."""
    lines = ("catch throw", "catch catch", "catch rethrow", "run", *["bt", "continue"] * 5)
    path = build("throws.cc", "pie", "-stdlib=libc++", compiler="clang++")
    theirs, ours = both(path, *lines, "info breakpoints", "kill")
    assert {key: without_notes(text) for key, text in ours.items()} == theirs


EXPECTED = [
    ("int", "42"),
    ("std::runtime_error", "boom \033[31m"),
    ("Derived", None),
    ("char const*", "text"),
    ("Own", "own words"),
    ("double", "2.5"),
    ("std::bad_alloc", "std::bad_alloc"),
]
"""What the fixture throws: the type and what is to be read of it."""


LITERAL = ("Own", "std::bad_alloc")
"""Those whose what() is a literal in the code."""


def thrown(path: Path, kind: str, *args: str) -> list[tuple[str | None, str | None]]:
    with pydbg.Debugger(str(path), args) as dbg:
        dbg.catch(kind)
        found = stops(dbg, dbg.run())
        expect_exit(found.pop())
        hits = [event for event in found if isinstance(event, pydbg.CatchHit)]
        assert len(hits) == len(found)
        return [(event.detail, event.message) for event in hits]


@pytest.mark.parametrize("variant", ["pie", "nopie", "static", "O2", "static-stripped", "m32"])
def test_types_and_texts(variant: str) -> None:
    wanted = EXPECTED
    if variant == "m32":
        # Position-independent code for i386 gets at its literals by way of a call.
        wanted = [row if row[0] not in LITERAL else (row[0], None) for row in EXPECTED]
    assert thrown(build("throws.cc", variant), "throw") == wanted


def test_types_and_texts_in_a_library_without_probes() -> None:
    path = build("throws.cc", "pie", "-stdlib=libc++", compiler="clang++")
    assert thrown(path, "throw") == EXPECTED
    assert thrown(path, "catch")[:1] == EXPECTED[:1]


def test_another_thread_and_a_second_run() -> None:
    lines = ("catch throw Own", "run x", "bt 1", "info breakpoints", "run", "bt 1", "run x", "kill")
    theirs, ours = both(build("throws.cc"), *lines)
    names = re.compile(r"0x[0-9a-f]+|^\[.*\]\n|^(?:int|base|exception|other).*\n", re.MULTILINE)
    cleaned = {key: names.sub("", without_notes(text)) for key, text in ours.items()}
    assert cleaned == {key: names.sub("", text).rstrip() for key, text in theirs.items()}


def test_a_callback_sees_every_exception() -> None:
    with program("throws.cc") as dbg:
        seen = []
        point = dbg.catch("throw", callback=lambda point: seen.append(point.hit_count))
        expect_exit(dbg.run())
        assert seen == [1, 2, 3, 4, 5, 6, 7]
        point.enabled = False
        expect_exit(dbg.run())
        assert len(seen) == 7


def test_a_breakpoint_at_the_same_place_is_told_too() -> None:
    with program("throws.cc") as dbg:
        point = dbg.catch("throw")
        dbg.run()
        own = dbg.break_at(f"*{dbg.regs.rip:#x}")
        event = dbg.cont()
        assert isinstance(event, pydbg.CatchHit)
        assert event.number == point.number
        assert [one.numbers for one in event.also] == [(own.number,)]


def test_a_catchpoint_beside_a_breakpoint_is_counted_once() -> None:
    with program("throws.cc") as dbg:
        first = dbg.catch("throw", temporary=True)
        dbg.run()
        dbg.break_at(f"*{dbg.regs.rip:#x}")
        point = dbg.catch("throw")
        point.disable_after = 2
        event = dbg.cont()
        assert isinstance(event, pydbg.BreakpointHit) and first.deleted
        assert event.numbers[1:] == (point.number,)
        assert (point.hit_count, point.disable_after, point.enabled) == (1, 1, True)


def test_children_and_new_programs() -> None:
    """A forked child keeps the catchpoint's places, the program after an exec has new ones."""
    path = str(build("throws.cc"))
    settings = pydbg.Settings()
    settings.set("follow-fork-mode", "child")
    with pydbg.Debugger("/bin/sh", ["-c", f"{path} x; :"], settings=settings) as dbg:
        point = dbg.catch("throw", "int")
        assert not point.locations
        parents: list[int] = []
        dbg.on_event(lambda event: parents.append(event.pid))
        event = dbg.run()
        assert isinstance(event, pydbg.CatchHit)
        assert (event.detail, event.message) == ("int", "42")
        assert event.pid not in parents[:1]
        expect_exit(dbg.cont())
        ended(parents[0])
