"""Conditions that are compiled say what the evaluator says, and what gdb says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pydbg
from pydbg.context import ProgramContext
from pydbg.errors import DebuggerError
from pydbg.expr.compile import compile_condition
from pydbg.expr.evaluate import evaluate
from pydbg.expr.parser import parse
from pydbg.variables.pinned import PinnedNames
from tests.live.test_commands_gdb import both
from tests.support.build import build
from tests.support.marks import marks

VARIANTS = {"O0": "pie", "no-pie": "nopie", "O2": "O2", "i386": "m32"}


def program(variant: str) -> Path:
    return build("conditions.cc", VARIANTS[variant], "-pthread")


@contextmanager
def stopped(path: Path, mark: str, ignore: int = 4) -> Iterator[pydbg.Debugger]:
    """Stop at a marked line of the fixture, after some rounds."""
    with pydbg.launch(str(path), stdout="/dev/null") as dbg:
        dbg.break_at(f"conditions.cc:{marks('conditions.cc')[mark]}", ignore=ignore)
        dbg.cont()
        yield dbg


class Both:
    """Ask the compiler and the evaluator at one stop."""

    def __init__(self, dbg: pydbg.Debugger) -> None:
        thread = dbg.thread
        assert thread is not None
        self.thread = thread
        self.context = ProgramContext(dbg, thread)
        self.names = PinnedNames(dbg, thread, self.context)
        self.dbg = dbg

    def compiled(self, text: str) -> object:
        """Return what the compiled condition says, None if it is left to the evaluator."""
        made = compile_condition(
            parse(text),
            self.thread.inferior.arch,
            places=self.names.find,
            type_named=self.context.type_named,
            language=self.context.language,
        )
        if made is None:
            return None
        try:
            return made(self.thread.fetch(), self.thread.inferior.read)
        except DebuggerError:
            return "error"

    def evaluated(self, text: str) -> object:
        try:
            return bool(evaluate(parse(text), ProgramContext(self.dbg, self.thread)))
        except DebuggerError:
            return "error"


NUMBERS = [
    "i", "n", "inner", "small", "color", "even", "p->count", "p->flags.ready", "p->flags.depth",
    "p->flags.wide", "p->flags.tone", "p->flags.on", "copy.count", "copy.flags.depth",
    "copy.base_count", "p->base_count", "p->next->count", "(*p).number", "p->bytes[2]",
    "copy.bytes[3]", "p->table[1][2]", "copy.table[2][0]", "p->table[i & 1][1]", "p->tag[1]",
    "copy.tag[0]", "name[0]", "*name", "series[2]", "series[4]", "series[i & 3]", "*(series + 1)",
    "there.count", "there.flags.wide", "there.next->name[1]", "total", "hidden", "letters[1]",
    "first->count", "first->next->next", "calls", "GREEN", "RED", "BLUE", "Level::high",
    "p->level", "sink", "*title", "title[3]", "sizeof(Node)", "sizeof copy", "sizeof(int)",
    "(char)n", "(unsigned char)p->count", "(unsigned)inner", "(long)small", "'t'", "5", "-1",
    "3000000000", "0x7fffffff", "$_strlen(name)", "$_strlen(copy.tag)",
]  # fmt: skip
POINTERS = ["p", "p->next", "none", "name", "&copy", "copy.next", "title", "&total", "series", "0"]
REALS = ["d", "p->weight", "copy.part", "ratio", "1.5", "-0.5", "i", "small"]
STRINGS = ["name", "p->name", "p->tag", "copy.tag", "title", "letters", '"three"', '"tagged"']

numbers = st.recursive(
    st.sampled_from(NUMBERS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%", "&", "|", "^"]), inner).map(
            lambda part: f"({part[0]} {part[1]} {part[2]})"
        ),
        st.tuples(st.sampled_from(["-", "~", "!"]), inner).map(
            lambda part: f"({part[0]}{part[1]})"
        ),
        st.tuples(inner, st.sampled_from(["<< 3", ">> 2"])).map(lambda part: f"({' '.join(part)})"),
        st.tuples(inner, inner, inner).map(lambda part: f"({part[0]} ? {part[1]} : {part[2]})"),
    ),
    max_leaves=5,
)
comparison = st.sampled_from(["==", "!=", "<", ">", "<=", ">="])


def _compared(operand: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(operand, comparison, operand).map(" ".join)


conditions = st.recursive(
    st.one_of(
        numbers,
        _compared(numbers),
        _compared(st.sampled_from(POINTERS)),
        _compared(st.sampled_from(REALS)),
        st.tuples(st.sampled_from(STRINGS), st.sampled_from(STRINGS)).map(
            lambda part: f"$_streq({part[0]}, {part[1]})"
        ),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(
            lambda part: f"({part[0]}) {part[1]} ({part[2]})"
        ),
        inner.map(lambda text: f"!({text})"),
    ),
    max_leaves=4,
)


@pytest.mark.parametrize("variant", VARIANTS)
def test_compiled_conditions_say_what_the_evaluator_says(variant: str) -> None:
    with stopped(program(variant), "plain") as dbg:
        asked = Both(dbg)

        @settings(max_examples=150, deadline=None, derandomize=True, database=None)
        @given(conditions)
        def same(text: str) -> None:
            found = asked.compiled(text)
            assert found is None or found == asked.evaluated(text), text

        same()


COMPILED = [
    "i == 4 && p->count > 2", "n > 100", "even", "p->flags.depth == -4", "p->flags.wide > 5",
    "color == GREEN", "p->level == Level::high", "name[0] == 'o'", '$_streq(name, "other")',
    "$_streq(p->tag, copy.tag)", "there.count == i", "copy.table[1][2] < 0", "series[i] == 4",
    "total == 41 && hidden < 0", "d > 0.5", "p->weight == 1.5", "p->next->next == 0",
    "copy.base_count == 0", "first == p", "(char)n == 7", "calls == 5", "small > 250",
    "p->number == -2 || p->bytes[0] == 254", "&copy != p", "*title == 'c'", "none != 0",
]  # fmt: skip
EVALUATED = ["own == 9", "i = 3", "$counter++ > 2", "nosuch == 1", "plain(1, p, name, 1, 1, RED)",
             "p->made == 3", "d + 1 > 2"]  # fmt: skip
IN_METHOD = ["count == 4", "this->count == x", "flags.ready", "next->count == -1", "local == 8",
             "s[1] == 'y'", "limit == 4000", "base_count == 0", "table[3][2] == 5",
             '$_streq(name, "node")', "made == 3"]  # fmt: skip


@pytest.mark.parametrize("variant", ["O0", "no-pie", "i386"])
def test_what_conditions_commonly_ask_is_compiled(variant: str) -> None:
    with stopped(program(variant), "plain") as dbg:
        asked = Both(dbg)
        for text in COMPILED:
            assert asked.compiled(text) == asked.evaluated(text) != "error", text
        for text in EVALUATED:
            assert asked.compiled(text) is None, text
    with stopped(program(variant), "check") as dbg:
        asked = Both(dbg)
        for text in IN_METHOD:
            found = asked.compiled(text)
            assert found is not None or text == "made == 3", text
            assert found is None or found == asked.evaluated(text), text


def test_registers_of_optimised_code_are_read() -> None:
    with stopped(program("O2"), "check") as dbg:
        asked = Both(dbg)
        for text in ("this->count == 4", "count == 4", "flags.depth == -4", "next->count == -1"):
            assert asked.compiled(text) is True, text


def test_hits_are_counted_as_gdb_counts_them() -> None:
    lines = marks("conditions.cc")
    wanted = {
        "plain": [*COMPILED, "own == 9", "p->next->next->count == 1", "none->count", "i / (i - 3)"],
        "check": IN_METHOD,
    }
    script = []
    for mark, texts in wanted.items():
        for text in texts:
            script.append(f"break conditions.cc:{lines[mark]} if {text}")
            script.append(f"ignore $bpnum {10**6}")
    theirs, ours = both(program("O0"), *script, "run 12", "info breakpoints")
    known, found = ([*side.values()][-1] for side in (theirs, ours))
    assert known.count("already hit") > 30, theirs
    assert _hits(found) == _hits(known)


def _hits(text: str) -> list[str]:
    """Return the conditions with how often they were true."""
    return re.findall(r"stop only if .*|already hit \d+ times?", text)
