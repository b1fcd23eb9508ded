"""Values behave like Python values, and calculate as the program would."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator

import pytest

import pydbg


@pytest.fixture
def dbg() -> Iterator[pydbg.Debugger]:
    with pydbg.launch("/bin/echo", "one", "two", stdout="/dev/null") as dbg:
        yield dbg


@pytest.mark.parametrize(
    ("left", "op", "right", "result"),
    [
        ("7", operator.add, 5, 12),
        ("(int)2147483647", operator.add, 1, 2**31),
        ("(unsigned char)255", operator.add, 1, 256),
        ("(unsigned)0", operator.sub, 1, 2**64 - 1 - (2**64 - 1) - 1),
        ("-7", operator.truediv, 2, -3),
        ("-7", operator.floordiv, 2, -3),
        ("-7", operator.mod, 2, -1),
        ("7.0", operator.truediv, 2, 3.5),
        ("6", operator.lshift, 2, 24),
        ("0xf0", operator.and_, 0x3C, 0x30),
        ("0xf0", operator.or_, 0x0F, 0xFF),
        ("0xf0", operator.xor, 0xFF, 0x0F),
        ("1", operator.add, 2**63, 2**63 + 1),
    ],
)
def test_arithmetic_is_that_of_c(
    dbg: pydbg.Debugger,
    left: str,
    op: Callable[[object, object], pydbg.Value],
    right: int,
    result: float,
) -> None:
    assert op(dbg.eval(left), right).number() == result


def test_numbers_on_the_left(dbg: pydbg.Debugger) -> None:
    v = dbg.eval("3")
    found = [10 + v, 10 - v, 10 * v, 10 / v, 10 // v, 10 % v, 6 & v, 8 | v, 1 ^ v, 1 << v, 99 >> v]
    assert [int(one) for one in found] == [13, 7, 30, 3, 3, 1, 2, 11, 2, 8, 12]
    assert [int(-v), int(+v), int(~v), int(abs(-v)), float(1.5 + v)] == [-3, 3, -4, 3, 4.5]


def test_what_cannot_be_calculated(dbg: pydbg.Debugger) -> None:
    v = dbg.eval("3")
    with pytest.raises(TypeError):
        v + "x"  # type: ignore[operator]
    with pytest.raises(TypeError):
        v < "x"  # type: ignore[operator]  # noqa: B015
    with pytest.raises(pydbg.ExprError, match="Division by zero"):
        v / 0
    assert v != "3"
    assert v != object()


def test_comparisons_and_hash(dbg: pydbg.Debugger) -> None:
    v = dbg.eval("3")
    assert v == 3 and v != 4 and v < 4 and v <= 3 and v > 2 and v >= 3 and v == 3.0
    assert v == dbg.eval("3L") and v in (1, 3) and {3: "x"}[v] == "x"  # type: ignore[index]
    assert dbg.eval("$rsp") == dbg.regs.rsp
    assert sorted([dbg.eval("2"), dbg.eval("1")]) == [1, 2]


def test_python_takes_it_for_a_number(dbg: pydbg.Debugger) -> None:
    v = dbg.eval("3")
    assert range(v)[-1] == 2 and "abcd"[v] == "d" and hex(v) == "0x3"
    assert float(dbg.eval("2.5")) == 2.5 and bool(dbg.eval("0")) is False
    assert bytes(dbg.eval("(short)258")) == b"\x02\x01"


def test_text(dbg: pydbg.Debugger) -> None:
    v = dbg.eval("255")
    assert (str(v), f"{v}", f"{v:#06x}", f"{v:>5}", f"{v:.1f}") == (
        "255", "255", "0x00ff", "  255", "255.0",
    )  # fmt: skip
    assert v.format("x") == "0xff" and v.format("t") == "11111111"
    assert str(dbg.eval("(char)65")) == "65 'A'"
    assert str(dbg.eval("$rip")).endswith(" <_start>")


def test_pointers_count_in_elements(dbg: pydbg.Debugger) -> None:
    argv = dbg.eval("(char **)($rsp + 8)")
    assert int(argv + 1) == int(argv) + 8
    assert (argv + 2) - argv == 2
    assert argv.deref() == argv[0] == (argv + 0).deref()
    assert [one.string() for one in argv[1:3]] == ["one", "two"]
    assert argv[3] == 0 and not argv[3]
    with pytest.raises(TypeError):
        len(argv)
    with pytest.raises(TypeError):
        iter(argv)
    with pytest.raises(pydbg.ExprError):
        argv[1:]
    with pytest.raises(pydbg.MemoryFault):
        dbg.eval("*(int *)0").data  # noqa: B018


def test_arrays(dbg: pydbg.Debugger) -> None:
    words = dbg.eval("*(long *)$rsp@4")
    assert len(words) == 4 and len(list(words)) == 4
    assert words[0] == 3 and next(int(one) for one in words) == 3
    assert words[-2:] == [words[2], words[3]] and words[::2] == [words[0], words[2]]
    assert words + 1 == dbg.regs.rsp + 8
    assert dbg.eval("*(char *)(*(long *)($rsp + 16))@4").string() == "one"


def test_structs(dbg: pydbg.Debugger) -> None:
    vector = dbg.eval("$xmm0")
    assert vector["uint128"] == 0
    assert set(dict(vector)) == set(vector.keys()) and len(vector) == len(list(vector))
    assert len(vector["v4_int32"]) == 4
    with pytest.raises(pydbg.ExprError, match="no member named nosuch"):
        vector["nosuch"]
    with pytest.raises(TypeError):
        dbg.eval("1").keys()
