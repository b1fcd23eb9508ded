"""Printers that a user registers: in print, locals, frames' lines, structs and the library."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

import pydbg
from pydbg.expr.respell import template_name
from pydbg.printers import Printed, StringAt
from tests.support.build import build
from tests.support.marks import line_of


@pytest.fixture(scope="module")
def dbg() -> Iterator[pydbg.Debugger]:
    with pydbg.launch(str(build("printed.c"))) as dbg:
        dbg.break_at(f"printed.c:{line_of('printed.c', 'stop')}")
        dbg.cont()
        yield dbg


@pytest.fixture(autouse=True)
def no_printers(dbg: pydbg.Debugger) -> None:
    dbg.printers.rules.clear()
    for name, value in {"pretty": "off", "elements": "200", "max-depth": "20"}.items():
        dbg.settings.set(f"print {name}", value)


def shown(dbg: pydbg.Debugger, command: str) -> str:
    return str(dbg.execute(command, to_string=True)).partition(" = ")[2].rstrip("\n")


def stack(value: pydbg.Value, _: object) -> Printed:
    count = int(value["count"])
    items = ((f"[{i}]", value["items"][i]) for i in range(count))
    return Printed(f"stack of {count}", items, "array")


def test_a_text_stands_for_the_struct_everywhere(dbg: pydbg.Debugger) -> None:
    dbg.printers.add("point", lambda value, _: f"({value['x']}, {value['y']})")
    assert shown(dbg, "print at") == "(1, 2)"
    assert (
        shown(dbg, "print all")
        == "{at = (1, 2), held = {count = 3, items = 0x"[:-2]
        + (shown(dbg, "print all").partition("items = ")[2])
    )
    assert "at=(1, 2)" in str(dbg.execute("backtrace", to_string=True))
    assert "at = (1, 2)\n" in str(dbg.execute("info args", to_string=True))
    assert str(dbg.eval("at")) == "(1, 2)"
    assert f"{dbg.eval('at')}" == "(1, 2)"


def test_children(dbg: pydbg.Debugger) -> None:
    dbg.printers.add("stack", stack)
    assert shown(dbg, "print held") == "stack of 3 = {7, 8, 9}"
    assert shown(dbg, "print/x held") == "stack of 3 = {0x7, 0x8, 0x9}"
    assert shown(dbg, "print/r held").startswith("{count = 0x3, items = 0x")
    assert "held=stack of 3 = {...}" in str(dbg.execute("backtrace", to_string=True))
    dbg.settings.set("print elements", "2")
    assert shown(dbg, "print held") == "stack of 3 = {7, 8...}"
    dbg.settings.set("print elements", "200")
    dbg.settings.set("print max-depth", "0")
    assert shown(dbg, "print held") == "stack of 3 = {...}"


def test_elements_by_index_and_by_key(dbg: pydbg.Debugger) -> None:
    asked = []

    def pairs(value: pydbg.Value, _: object) -> Printed:
        def children() -> Iterator[tuple[str, pydbg.Value | int]]:
            for number, name in enumerate(("x", "y")):
                asked.append(name)
                yield "", number + 5
                yield "", value[name]

        return Printed("pairs", children(), "map")

    with pytest.raises(pydbg.ExprError, match=r"Structure has no component named operator\[\]"):
        dbg.eval("held[0]")
    dbg.printers.add("stack", stack)
    dbg.printers.add("point", pairs)
    assert [int(dbg.eval(f"held[{i}]")) for i in (2, 0)] == [9, 7]
    assert int(dbg.eval("held[1] * 2")) == 16
    with pytest.raises(pydbg.ExprError, match=r"There is no element 3\."):
        dbg.eval("held[3]")
    with pytest.raises(pydbg.ExprError, match=r"There is no element -1\."):
        dbg.eval("held[-1]")
    assert int(dbg.eval("at[5]")) == 1
    assert asked == ["x"]
    assert int(dbg.eval("at[6]")) == 2
    with pytest.raises(pydbg.ExprError, match=r"There is no key 7\."):
        dbg.eval("at[7]")


def test_children_are_asked_for_one_by_one(dbg: pydbg.Debugger) -> None:
    asked = []

    def endless() -> Iterator[tuple[str, int]]:
        while True:
            asked.append(len(asked))
            yield "", len(asked)

    dbg.printers.add("point", lambda *_: Printed("endless", endless(), "array"))
    dbg.settings.set("print elements", "3")
    assert shown(dbg, "print at") == "endless = {1, 2, 3...}"
    assert len(asked) == 3


def test_hints(dbg: pydbg.Debugger) -> None:
    pairs = [("", "k"), ("", 1), ("", "l"), ("", 2)]
    dbg.printers.add("point", lambda *_: Printed("map", pairs, "map"))
    assert shown(dbg, "print at") == "map = {[k] = 1, [l] = 2}"
    dbg.settings.set("print pretty", "on")
    assert shown(dbg, "print at") == "map = {\n  [k] = 1,\n  [l] = 2\n}"
    dbg.printers.add("point", lambda *_: Printed(None, [("a", 1), ("b", "two")]))
    assert shown(dbg, "print at") == "{\n  a = 1,\n  b = two\n}"
    dbg.printers.add("point", lambda *_: Printed('a "word"', hint="string"))
    assert shown(dbg, "print at") == '"a \\"word\\""'
    dbg.printers.add("point", lambda *_: Printed("none", ()))
    assert shown(dbg, "print at") == "none"


def test_values_and_strings_as_text(dbg: pydbg.Debugger) -> None:
    dbg.printers.add("point", lambda value, _: value["y"])
    assert shown(dbg, "print at") == "2"
    text = dbg.eval("&text[0]")
    char = text.deref().type
    dbg.printers.add("point", lambda *_: StringAt(int(text), char, 4))
    assert shown(dbg, "print at") == '"some"'
    dbg.printers.add("point", lambda *_: StringAt(int(text), char))
    assert shown(dbg, "print at") == '"some text"'
    dbg.printers.add("point", lambda *_: StringAt(16, char, 4))
    assert shown(dbg, "print at") == "<error: Cannot access memory at address 0x10>"


def test_who_is_asked(dbg: pydbg.Debugger) -> None:
    printers = dbg.printers
    printers.add(re.compile("^poi"), lambda *_: "by pattern")
    assert shown(dbg, "print at") == "by pattern"
    printers.add(lambda ctype: ctype.size == 8, lambda *_: "by function")
    assert shown(dbg, "print at") == "by function"
    printers.add("point", lambda *_: None)  # leaves it to the others
    assert shown(dbg, "print at") == "by function"
    printers.rules[1].enabled = False
    assert shown(dbg, "print at") == "by pattern"
    assert [rule.name for rule in printers.rules] == ["point", "<lambda>", "^poi"]
    with pydbg.Debugger() as other:
        assert not other.printers.rules


def test_a_printer_that_fails(dbg: pydbg.Debugger) -> None:
    def unreadable(value: pydbg.Value, program: pydbg.printers.Program) -> Printed:
        def children() -> Iterator[tuple[str, pydbg.Value]]:
            yield "x", value["x"]
            yield "far", program.at(value["x"].type, 16)
            yield "never", program.number(1 // int(value["x"] - 1))

        return Printed("bad", children())

    fault = "Cannot access memory at address 0x10"
    dbg.printers.add("point", unreadable)
    with pytest.raises(pydbg.DebuggerError, match=fault):
        dbg.execute("print at", to_string=True)
    # The struct around it ends where the error is, as in gdb.
    assert (
        shown(dbg, "print all") == f"{{at = bad = {{x = 1, far = <error reading variable: {fault}>"
    )
    locals_ = str(dbg.execute("info args", to_string=True)).splitlines()
    assert locals_[0] == f"at = bad = {{x = 1, far = <error reading variable at ({fault})>"
    dbg.printers.add("point", lambda value, _: value["nosuch"])
    assert shown(dbg, "print at") == "<error reading variable: There is no member named nosuch.>"
    dbg.printers.add("point", lambda *_: {}["key"])
    assert shown(dbg, "print at") == "<error reading variable: KeyError: 'key'>"
    dbg.printers.add("point", lambda *_: 5)
    assert "returned int" in shown(dbg, "print at")


def test_names_of_templates() -> None:
    assert template_name("std::map<int, ns::pair<int>>") == "std::map"
    assert template_name("ns::a<int>::b") == "ns::a<int>::b"
