"""Printers of Go's values: off at first, then what the runtime's script for gdb shows, and more."""

from __future__ import annotations

import re

import pytest

import pydbg
from tests.live.test_go_values import LINES, UNOPTIMISED
from tests.live.test_goroutines import runtime_script
from tests.support.build import build
from tests.support.oracle import gdb
from tests.support.run import batch

LIKE_THE_SCRIPT = (
    "text", "empty", "slice", "none", "bytes", "words", "two", "main.origin", "grid", "numbers",
    "main.title", "anything.array[1]@0 + 1", "*&slice",
)  # fmt: skip


def printing(dbg: pydbg.Debugger, text: str) -> str:
    return dbg.formatter().top(dbg.eval(text))


@pytest.fixture(scope="module")
def stopped() -> object:
    with pydbg.Debugger(str(build("values.go", "pie", UNOPTIMISED))) as dbg:
        dbg.stdout = dbg.stderr = "/dev/null"
        dbg.break_at(f"values.go:{LINES['locals']}")
        dbg.run()
        dbg.printers.disabled.discard(("go", ""))
        yield dbg


def test_what_the_script_shows_is_shown(stopped: pydbg.Debugger) -> None:
    asked = [text for text in LIKE_THE_SCRIPT if "numbers" not in text and "@" not in text]
    shown = gdb(
        build("values.go", "pie", UNOPTIMISED), f"source {runtime_script()}",
        f"break values.go:{LINES['locals']}", "run 2>/dev/null",
        *(f"print {text}" for text in [*asked, "ages", "squares", "queue"]),
    )  # fmt: skip
    theirs = re.findall(r"^\$\d+ = (.*)$", shown, re.MULTILINE)
    mine = [printing(stopped, text) for text in [*asked, "ages", "squares", "queue"]]
    assert len(theirs) == len(mine)
    # The order of a map's entries differs from run to run.
    entries = re.compile(r"\[\d+\] = \{name = [^}]*\}[^}]*\}")
    for one, other in zip(theirs, mine, strict=True):
        if one.startswith("map[int]"):
            assert sorted(entries.findall(one)) == sorted(entries.findall(other))
            assert len(entries.findall(other)) == 40
        else:
            assert other == one


SHOWN = {
    "value": "interface {}(int) 42",
    "words2": 'interface {}(string) "boxed"',
    "plain": 'error(*errors.errorString) "plain text"',
    "noErr": "nil",
    "noMap": "nil",
    "noChan": "nil",
    "none": "[]int",
    "boxed.data != nil": "true",
    "n": 'main.namer(main.shape) = {name = "origin", sides = {1, 2, 3}, next = 0x0, '
    'tags = []string = {"x", "y"}, inner = {ok = false, size = 0}}',
    "main.registry": 'map[string]int = {["one"] = 1}',
}


@pytest.mark.parametrize("text", SHOWN)
def test_what_only_pydbg_shows(stopped: pydbg.Debugger, text: str) -> None:
    assert printing(stopped, text) == SHOWN[text]


def test_interfaces_in_a_slice_tell_their_types(stopped: pydbg.Debugger) -> None:
    text = re.sub(r"0xc000\w+", "HEAP", printing(stopped, "anything"))
    assert text == (
        '[]interface {} = {interface {}(int) 1, interface {}(string) "two", nil, '
        "interface {}(float64) 3.5, interface {}(*main.shape) HEAP}"
    )


def test_a_command_enables_them() -> None:
    done = batch(
        build("values.go", "pie", UNOPTIMISED), f"break values.go:{LINES['locals']}", "run",
        "print words", "enable pretty-printer global go", "print words", "print/r words",
        "disable pretty-printer global go", "print words",
    )  # fmt: skip
    shown = re.findall(r"^\$\d+ = (.*)$", done.stdout, re.MULTILINE)
    assert shown[1] == '[]string = {"a", "bc"}'
    assert shown[0] == shown[2] == shown[3] != shown[1]


def test_raw_is_the_struct_and_they_are_off_at_first(stopped: pydbg.Debugger) -> None:
    with pydbg.Debugger() as fresh:
        assert ("go", "") in fresh.printers.disabled
    stopped.printers.disabled.add(("go", ""))
    try:
        assert printing(stopped, "words").startswith("{array = 0xc000")
    finally:
        stopped.printers.disabled.discard(("go", ""))


DAMAGED = {
    "slice.len": (1 << 62, "[]int of length 4611686018427387904 and capacity 3"),
    "text.len": (-1, "<error reading variable: a string of -1 bytes>"),
    "ages.B": (200, "map[string]int<error reading variable: a corrupt map>"),
    "queue.qcount": (1 << 40, "<error reading variable: a corrupt channel>"),
    "value._type": (0x10, "<error reading variable: Cannot access memory at address 0x10>"),
}


@pytest.mark.parametrize("place", DAMAGED)
def test_damaged_values_are_an_error_text(stopped: pydbg.Debugger, place: str) -> None:
    name = place.partition(".")[0]
    before = int(stopped.eval(place))
    size = stopped.eval(place).type.size
    addr = stopped.eval(place).addr
    assert addr is not None
    number, shown = DAMAGED[place]
    stopped.memory[addr : addr + size] = (number & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    try:
        assert printing(stopped, name) == shown
    finally:
        mask = (1 << 8 * size) - 1
        stopped.memory[addr : addr + size] = (before & mask).to_bytes(size, "little")
