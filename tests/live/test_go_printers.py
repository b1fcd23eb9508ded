"""Printers of Go's values: what the runtime's script for gdb shows, and more."""

from __future__ import annotations

import re

import pytest

import pydbg
from pydbg.golang.maps import entries
from pydbg.golang.values import fields_of
from tests.live.test_go_values import LINES, UNOPTIMISED
from tests.live.test_goroutines import runtime_script
from tests.support.build import NEW_GO, build
from tests.support.marks import marks
from tests.support.oracle import gdb
from tests.support.run import batch

MAPS = marks("maps.go")
NO_INLINING = "-gcflags=-N -l"
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
        yield dbg


def test_what_the_script_shows_is_shown(stopped: pydbg.Debugger) -> None:
    asked = [text for text in LIKE_THE_SCRIPT if "numbers" not in text and "@" not in text]
    shown = gdb(
        build("values.go", "pie", UNOPTIMISED), f"source {runtime_script()}",
        f"break values.go:{LINES['locals']}", "run 2>/dev/null",
        *(f"print {text}" for text in [*asked, "ages", "squares", "queue"]),
    )  # fmt: skip
    theirs = re.findall(r"^\$\d+ = (.*)$", shown, re.MULTILINE)
    stopped.printers.disabled.discard(("go", "string"))  # The script shows all strings.
    try:
        mine = [printing(stopped, text) for text in [*asked, "ages", "squares", "queue"]]
    finally:
        stopped.printers.disabled.add(("go", "string"))
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
    "n": 'main.namer(main.shape) = {name = TEXT "origin", sides = {1, 2, 3}, next = 0x0, '
    'tags = []string = {"x", "y"}, inner = {ok = false, size = 0}}',
    "main.registry": 'map[string]int = {["one"] = 1}',
}


@pytest.mark.parametrize("text", SHOWN)
def test_what_only_pydbg_shows(stopped: pydbg.Debugger, text: str) -> None:
    assert re.sub(r'0x\w+ "', 'TEXT "', printing(stopped, text)) == SHOWN[text]


def test_interfaces_in_a_slice_tell_their_types(stopped: pydbg.Debugger) -> None:
    text = re.sub(r"0xc000\w+", "HEAP", printing(stopped, "anything"))
    assert text == (
        '[]interface {} = {interface {}(int) 1, interface {}(string) "two", nil, '
        "interface {}(float64) 3.5, interface {}(*main.shape) HEAP}"
    )


def test_they_can_be_switched_and_strings_are_gdbs_alone() -> None:
    done = batch(
        build("values.go", "pie", UNOPTIMISED), f"break values.go:{LINES['locals']}", "run",
        "print words", "print/r words", "disable pretty-printer global go", "print words",
        "enable pretty-printer global go", "print words", "print words[0]",
        "enable pretty-printer global go;string", "print words[0]", "set print elements 1",
        "print words", "info pretty-printer",
    )  # fmt: skip
    shown = re.findall(r"^\$\d+ = (.*)$", done.stdout, re.MULTILINE)
    assert shown[0] == shown[3] == '[]string = {"a", "bc"}'
    assert shown[1] == shown[2] != shown[0]
    assert re.fullmatch(r'0x[0-9a-f]+ "a"', shown[4])
    assert shown[5] == '"a"'
    assert shown[6] == '[]string = {"a"...}'
    assert re.search(r"words=\[\]string = \{\.\.\.\}, n=main\.namer\(main\.shape\)", done.stdout)


DAMAGED = {
    "slice.len": 1 << 62, "slice.array": 0x10, "text.len": -1, "ages.B": 200, "ages.count": -1,
    "ages.count+": 1000, "ages.buckets": 0x10, "ages.buckets+": 1, "ages.flags": 255,
    "queue.qcount": 1 << 40, "queue.recvx": 1 << 40, "value._type": 0x10, "value._type+": 1,
    "value._type+8": 8, "err.tab": 0x10, "err.tab+": 8, "ages": 0x10, "queue": 0x10, "noChan": 1,
}  # fmt: skip


@pytest.mark.parametrize("place", DAMAGED)
def test_what_cannot_be_such_a_value_is_shown_as_gdb_does(
    stopped: pydbg.Debugger, place: str
) -> None:
    """A variable that is not set yet holds what was there before, or parts of it."""
    path = place.partition("+")[0]
    name = path.partition(".")[0]
    held = stopped.eval(path)
    before, size, addr = int(held), held.type.size, held.addr
    assert addr is not None
    number = (before if "+" in place else 0) + DAMAGED[place]

    def put(number: int) -> None:
        mask = (1 << 8 * size) - 1
        stopped.memory[addr : addr + size] = (number & mask).to_bytes(size, "little")

    put(number)
    try:
        shown = printing(stopped, name)
        stopped.printers.disabled.add(("go", ""))
        assert shown == printing(stopped, name)
    finally:
        stopped.printers.disabled.discard(("go", ""))
        put(before)


@pytest.mark.parametrize("compiler", [None, NEW_GO], ids=["distribution", "new"])
def test_maps_that_grow_have_all_their_entries(compiler: str | None) -> None:
    """Bucket maps until Go 1.23, and Swiss ones: also half way from few buckets to more."""
    with pydbg.Debugger(str(build("maps.go", "pie", compiler=compiler))) as dbg:
        dbg.stdout = dbg.stderr = "/dev/null"
        dbg.break_at(f"maps.go:{MAPS['check']}")
        stop, stops, growing = dbg.run(), 0, 0
        while isinstance(stop, pydbg.BreakpointHit):
            table, count = dbg.eval("numbers"), int(dbg.eval("count"))
            found = [(int(key), int(value)) for key, value in entries(table)]
            assert len(found) == len(set(found)) == count
            assert all(key == value for key, value in found)
            names = fields_of(table.deref().type)
            growing += "oldbuckets" in names and int(dbg.eval("numbers.oldbuckets")) != 0
            stops += 1
            stop = dbg.cont()
        assert stops == 23
        assert growing or compiler is not None


NAMED = {
    "table": 'main.registry = {["a"] = []int = {1, 2}}',
    "header": 'net/http.Header = {["X"] = []string = {"y", "z"}}',
    "queue": 'main.pipe = {main.registry = {["z"] = []int}}',
    "numbers": "main.list = {3}",
    "words": 'main.set[string] = {["k"] = {<No data fields>}}',
    "keyed": 'map[[3]int]string = {[{1, 2, 3}] = "t"}',
    "large": 'map[string][40]int = {["b"] = {1, 2, 0 <repeats 38 times>}}',
    "pointers": 'map[string]*[40]int = {["n"] = 0x0}',
    "*pointer": 'map[string]int = {["q"] = 4}',
    "receive": "<-chan int = {3}",
    "send": "chan<- int = {3}",
    'table["a"]': "[]int = {1, 2}",
    'large["b"][1]': "2",
    "len(large)": "1",
}


@pytest.mark.parametrize("compiler", [None, NEW_GO], ids=["distribution", "new"])
def test_types_with_names_of_their_own_are_shown_too(compiler: str | None) -> None:
    with pydbg.Debugger(str(build("maps.go", "pie", NO_INLINING, compiler=compiler))) as dbg:
        dbg.stdout = dbg.stderr = "/dev/null"
        dbg.break_at(f"maps.go:{MAPS['generic']}")
        dbg.run()
        shape = re.compile(r"go\.shape\.(\w+?)(_\d)?\b")  # Go 1.18's have numbers.
        shown = [shape.sub(r"\1", printing(dbg, name)) for name in ("table", "values", "queue")]
        assert shown == ['map[string]float64 = {["pi"] = 3.5}', "[]float64 = {1, 2}", "chan string"]
        dbg.delete(1)
        dbg.break_at(f"maps.go:{MAPS['named']}")
        dbg.cont()
        assert {text: printing(dbg, text) for text in NAMED} == NAMED


def test_interfaces_of_a_new_go_hold_pointers() -> None:
    """From 1.26 another flag says that an interface's word is the value itself."""
    with pydbg.Debugger(str(build("values.go", "pie", NO_INLINING, compiler=NEW_GO))) as dbg:
        dbg.stdout = dbg.stderr = "/dev/null"
        dbg.break_at(f"values.go:{LINES['locals']}")
        dbg.run()
        assert printing(dbg, "plain") == SHOWN["plain"]
        assert printing(dbg, "any").startswith("interface {}(*main.shape) 0x")
        assert printing(dbg, "$dtype(err).code") == "7"
        assert printing(dbg, 'ages["ann"]') == "31"
