"""Functions called from expressions, values returned and given back, beside gdb."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pydbg
from tests.live.test_commands_gdb import both
from tests.support.build import build
from tests.support.live import program

CALLS = [
    "",
    "p addi(1,2)",
    "p addi(1.9,2)",
    "p addd(1,2)",
    "p addf(1.5,2)",
    "p addl(1.5,2)",
    "p mkp(1,2)",
    "p sump(gp)",
    "p mkd(1,2)",
    "p sumd(gd)",
    "p mkm(1.5,2)",
    "p summ(gm)",
    "p mkb(10)",
    "p sumb(gb, 3)",
    "p mkf(1)",
    "p sumf(gf)",
    "p mkl(3)",
    "p suml(gl)",
    "p mks('x')",
    "p sums(gs)",
    "p mka(3)",
    "p suma(ga)",
    "p mku(1.5)",
    "p sumu(gu)",
    "p mkk(1,2)",
    "p sumk(gk)",
    "p mkn(4)",
    "p takent(gn)",
    "p refr(gi)",
    "p gi",
    "p isneg(-1)",
    "p isneg(1)",
    "p nextc('a')",
    "p uc(255)",
    "p sh(-5)",
    "p col(RED)",
    "p col(GREEN)",
    "p many(1,2,3,4,5,6,7,8,1.5,2,3,4,5,6,7,8,9,10)",
    'p slen("hello")',
    'p ptrs("hello")',
    "p nothing(1)",
    "call nothing(1)",
    "call addi(2,3)",
    "p fptr(1,2)",
    "p (*fptr)(1,2)",
    "p getf()",
    "p getf()(3,4)",
    "p cplx(1)",
    "p cplxf(1)",
    "p gv.len(2)",
    "p gv.len(2.5)",
    "p gv.vf(3)",
    "p gv2.vf(3)",
    "p pv->vf(3)",
    "p gv.st(3)",
    "p Vec::st(3)",
    "p gn.get()",
    "p ns::f(1)",
    "p ns::f(1.5)",
    'p ns::f("abc")',
    "p ns::g(1,2,'a')",
    "p gstr.size()",
    "p gvec.size()",
    "p addi(1)",
    "p addi(1,2,3)",
    "p addi(gp,1)",
    "p sump(1)",
    "p gv.len()",
    "p gv.len(1,2)",
    "p gv.nosuch(1)",
    "p mkp(1,2).x",
    "p mkp(1,2).x + mkp(3,4).y",
    "p mkp(7,8)",
    "p $.y",
    "p sump($$)",
    "p (int)abs(-3)",
    "p ((int(*)(int))abs)(-4)",
    'p (int)strlen("abc")',
    "p ((double(*)(double))sqrt)(2.0)",
    'p (double)atof("2.5")',
    "p thrower(0)",
    "p thrower(1)",
    "bt",
    "whatis addi(1,2)",
    "ptype mkp(1,2)",
    "whatis ns::f(1.0)",
    "p sizeof(mkb(1))",
    "whatis refr(gi)",
    "p gi",
    "p nosuch(1)",
    "output addi(1,2)",
    "p/x addi(10,20)",
    "p addi(1,addi(2,3))",
    "p -addi(1,2)",
    "p &refr(gi)",
    "p refr(gi) = 50",
    "p gi",
    'p $_strlen("abc")',
    "",
][1:-1]

STOPPED = (
    "break stops",
    "p outer(5)",
    "bt",
    "up",
    "up",
    "info locals",
    "down",
    "finish",
    "bt",
    "p $",
    "p outer(6)",
    "continue",
    "bt",
    "p outer(7)",
    "next",
    "next",
    "next",
    "bt",
    "p stops(1)",
    "p stops(2)",
    "bt",
    "frame function main",
    "frame 0",
    "return",
    "bt",
    "return",
    "bt",
    "call nothing(1)",
    "delete 2",
    "p crash(0)",
    "bt",
    "p outer(1)",
    "set unwindonsignal on",
    "p crash(0)",
    "bt",
    "kill",
    "run",
    "p crash(0)",
    "bt",
    "show unwindonsignal",
    "show unwind-on-terminating-exception",
    "p leave(3)",
    "info locals",
)


def alike(text: str) -> str:
    """Take out numbers of values and places on the stack, which is not laid out alike."""
    text = re.sub(r"^(\d?)\$\d+ = ", r"\1$N = ", text, flags=re.MULTILINE)
    return re.sub(r"0x7ff[0-9a-f]+|0xff[0-9a-f]{6}", "STACK", text)


@pytest.mark.parametrize("variant", ["pie", "nopie", "m32", "dwarf4"])
def test_values_in_and_out(variant: str) -> None:
    theirs, ours = both(build("called.cc", variant), "break main", "run", "next", *CALLS, "kill")
    assert {k: alike(v) for k, v in ours.items()} == {k: alike(v) for k, v in theirs.items()}


def test_stops_inside() -> None:
    theirs, ours = both(build("called.cc"), "break main", "run", *STOPPED)
    assert {k: alike(v) for k, v in ours.items()} == {k: alike(v) for k, v in theirs.items()}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("vari(2, 1.5, 2.5)", "40"),
        ("cref(gi)", "12"),
        ("cref(5)", "7"),
        ("strl(gstr)", "25"),
        ("big128(5)", "15"),
        ("sump(mkp(1, 2))", "3"),
    ],
)
def test_what_gdb_cannot_call(text: str, value: str) -> None:
    with program("called.cc") as dbg:
        dbg.run(stop="main")
        assert str(dbg.eval(text)) == value


def test_an_error_of_the_library_tells_the_stop() -> None:
    with program("called.cc") as dbg:
        dbg.run(stop="main")
        before = dbg.regs.rip
        point = dbg.break_at("stops")
        with pytest.raises(pydbg.CallStopped) as caught:
            dbg.eval("outer(1)")
        assert isinstance(caught.value.event, pydbg.BreakpointHit)
        assert [frame.function for frame in dbg.frames()][:2] == ["stops", "outer"]
        dbg.delete(point.number)
        event = dbg.cont()
        assert isinstance(event, pydbg.StepDone)
        assert event.plan == "call"
        assert dbg.regs.rip == before


FINISHED = ("mkp", "mkd", "mkm", "mkb", "mkf", "mkl", "mks", "mka", "mku", "mkk", "mkn", "addf",
            "addl", "cplx", "cplxf", "refr", "isneg", "nextc", "col", "getf")  # fmt: skip


@pytest.mark.parametrize("variant", ["pie", "m32"])
def test_finish_with_every_class_of_result(variant: str) -> None:
    lines = [f"tbreak {name}" for name in FINISHED]
    calls = ["p mkp(1,2)", "p mkd(1,2)", "p mkm(1,2)", "p mkb(3)", "p mkf(4)", "p mkl(2.5)",
             "p mks('q')", "p mka(4)", "p mku(1.5)", "p mkk(1,2)", "p mkn(3)", "p addf(1,2)",
             "p addl(1,2)", "p cplx(3)", "p cplxf(3)", "p refr(gi)", "p isneg(-1)",
             "p nextc('a')", "p col(RED)", "p getf()"]  # fmt: skip
    for call in calls:
        lines += [call, "finish"]
    theirs, ours = both(build("called.cc", variant), "break main", "run", *lines, "kill")
    assert {k: alike(v) for k, v in ours.items()} == {k: alike(v) for k, v in theirs.items()}


def test_return_with_every_class_of_result(tmp_path: Path) -> None:
    source = tmp_path / "given.c"
    names = {"d": ("double", "1", "2"), "f": ("float", "1", "3.5"), "l": ("long double", "1", "4"),
             "c": ("char", "1", "98"), "u": ("unsigned char", "1", "300"), "b": ("_Bool", "0", "5"),
             "ll": ("long long", "1", "-5"), "m": ("M", "gm", "other"), "i": ("int", "1", "2.9"),
             "s": ("char *", "0", "text"), "big": ("B", "gb", "gb")}  # fmt: skip
    text = 'typedef struct { double a; int b; } M; M gm, other = {7.5, 8}; char text[] = "t";\n'
    text += "typedef struct { long v[4]; } B; B gb;\n"
    text += "".join(f"{kind} {name}(void) {{ return {value}; }}\n"
                    for name, (kind, value, _) in names.items())  # fmt: skip
    text += "int main(void) {\n"
    text += "".join(f"  {kind} r{name} = {name}();\n" for name, (kind, _, _) in names.items())
    source.write_text(text + "  return 0;\n}\n")
    path = tmp_path / "given"
    import subprocess

    subprocess.run(["gcc", "-g", "-O0", "-o", path, source], check=True)
    lines = [f"break {name}" for name in names] + ["run"]
    for name, (_, _, value) in names.items():
        lines += [f"return {value}", "next" if name != "big" else "bt"]
    theirs, ours = both(path, *lines, "info locals")
    assert ours == theirs
