"""Commands about frames beside gdb: every form of backtrace, frame, up, down and apply."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.live.test_commands_gdb import both
from tests.support.build import build

LINES = """
tbreak leaf
run
bt
bt 2
bt -2
bt full 2
bt -full 1
bt full
bt -frame-arguments all 2
bt -frame-arguments none 2
bt -frame-info location 2
bt -past-main 2
where 1
set print frame-arguments all
bt 1
set print frame-arguments none
bt 2
set print frame-arguments presence
bt 2
set print frame-arguments scalars
set print frame-info short-location
bt 2
frame 1
set print frame-info location
bt 2
frame 1
set print frame-info source-line
bt 2
frame 1
set print frame-info location-and-address
bt 2
frame 1
set print frame-info source-and-location
bt 2
frame 1
show print frame-info
set print frame-info auto
set backtrace limit 3
bt
show backtrace limit
set backtrace limit unlimited
set backtrace past-main on
bt -3
show backtrace past-main
set backtrace past-main off
frame function rec
frame function nosuch
frame level 2
frame level 99
frame 99
frame
up 2
down
down 50
down
up 100
up
up 3
frame apply all p $pc
frame apply 2 -q p 1
frame apply -1 p argc
frame apply level 1 info locals
frame apply all -s p inner
frame apply all -c p inner
faas p inner
frame apply
frame apply all
frame apply nosuch p 1
thread apply all bt 1
thread apply all -q bt 1
thread apply 1 p 1
taas p 1
taas p nosuch
tfaas p inner
faas
taas
tfaas
info frame
frame 1
info frame
info frame level 3
info frame function main
up-silently
frame
down-silently
frame
select-frame 2
frame
bt foo
advance loop
finish
set print frame-info short-location
next
list
set print frame-info source-line
next
stepi
set print frame-info location
next
set print frame-info source-and-location
next
set print frame-info location-and-address
next
"""


def alike(text: str) -> str:
    """Take out places on the stack, and what threads are called."""
    text = re.sub(r"0x7ff[0-9a-f]+", "STACK", text)
    return re.sub(r"Thread STACK \(LWP N\)", "Thread", text)


@pytest.mark.parametrize("variant", ["pie", "O2"])
def test_frames(variant: str) -> None:
    theirs, ours = both(build("stacks.c", variant), *LINES.strip().splitlines(), "kill")
    assert {k: alike(v) for k, v in ours.items()} == {k: alike(v) for k, v in theirs.items()}


@pytest.mark.parametrize("flags", [("-O0",), ("-O2",)])
def test_variables_of_blocks_stand_in_the_order_of_gdb(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    import subprocess

    source = tmp_path / "blocks.c"
    source.write_text(
        "volatile int g;\n__attribute__((noinline)) void stop(void) { g++; }\n"
        "int main(int argc, char **argv) {\n"
        "  { volatile int p = 1, arr = 2, u = 3; stop(); g += p + arr + u; }\n"
        "  { volatile int alpha = 1, beta = 2, gamma = 3, delta = 4; stop();\n"
        "    g += alpha + beta + gamma + delta; }\n"
        "  if (argc) { volatile int zz = 1, q = 2, n = 3, b = 4, a = 5, c = 6; stop();\n"
        "    g += zz + q + n + b + a + c; }\n"
        "  return 0; }\n"
    )
    path = tmp_path / "blocks"
    subprocess.run(["gcc", "-g", *flags, "-o", path, source], check=True)
    more = ["up", "info locals", "bt full", "continue"] * 3
    theirs, ours = both(path, "break stop", "run", *more)
    assert {k: alike(v) for k, v in ours.items()} == {k: alike(v) for k, v in theirs.items()}


CORRUPT = """
text zeros everything base_0 base_-1 base_inside return_0 forever wild_0 wild_-1 wild_data
wild_stack wild_in_a_handler stack_0 stack_8 stack_odd stack_data base_here silent
"""
ASKED = ("run", "bt -3", "bt", "bt 2", "bt full 1", "bt -full -1", "info frame", "up",
         "info frame", "up", "info frame", "up", "down", "frame 1", "info registers sp",
         "info registers pc", "frame", "info symbol $pc", "kill")  # fmt: skip
BETTER = {("m32", kind) for kind in ("text", "base_0", "base_-1", "wild_stack", "silent")}
"""Where more frames are found than gdb finds."""
CHANCE = ("m32", "base_here")
"""The C library's random canary is shown as a frame."""


@pytest.mark.parametrize("variant", ["pie", "m32"])
def test_corrupt_stacks_end_where_gdbs_do(variant: str) -> None:
    lines = []
    for kind in CORRUPT.split():
        if (variant, kind) not in {*BETTER, CHANCE}:
            lines += [f"set args {kind}", *ASKED]
            if kind == "silent":  # gdb takes the file's variables for its locals.
                lines[-len(ASKED) :] = [one for one in ASKED if "full" not in one]
    theirs, ours = both(build("corrupt.c", variant, "-fno-stack-protector"), *lines)
    assert ours == theirs
    assert sum("Backtrace stopped: " in text for text in ours.values()) > 5


@pytest.mark.parametrize("variant", ["pie", "O2"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_names_of_cplus_functions(compiler: str, variant: str) -> None:
    program = build("named.cc", variant, "-std=gnu++17", "-w", compiler=compiler)
    more = ["bt 3", "continue"] * 36
    lines = ("set print frame-arguments none", "break stop", "run", *more, "kill")
    theirs, ours = both(program, *lines)
    # Names that gdb cannot read are shown with parameters where GCC's lambdas are in them.
    lambdas = {k for k, v in theirs.items() if "::<lambda(int)>" in v}
    assert {k: alike(v) for k, v in ours.items() if k not in lambdas} == {
        k: alike(v) for k, v in theirs.items() if k not in lambdas
    }
    assert " pack<1ul, int, char, char const*> (" in "".join(ours.values())


PLACES = """
constants<(E)1, (char)120, true>
C<C<int> >::call
C<C<int>>::call
C<int (*)(int)>::call
C<S* const>::call
array<int>
pointer
pack<3ul>
pack<1ul, int, char, char const*>
local(int)::L::m
L::m
null(decltype(nullptr))
callable(std::function<void ()>)
std::function<void ()>::function
function<&(stop(int))>
type<char const (&) [5]>
C<int>::operator<<
C<int>::operator int
R::a
nosuch<C<int> >
C<nosuch>::call
"""


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_breakpoints_at_names_of_cplus_functions(compiler: str) -> None:
    program = build("named.cc", "pie", "-std=gnu++17", "-w", compiler=compiler)
    places = [f"break {one}" for one in PLACES.strip().splitlines()]
    places += ["break main::$_0::operator()"] if compiler == "clang++" else []
    theirs, ours = both(program, *places)
    # gdb asks about a name that it does not know.
    extra = re.compile(r"\nMake breakpoint.*|  Did you mean.*|(?<=reakpoint )\d+")
    ours, theirs = ({k: extra.sub("", v) for k, v in one.items()} for one in (ours, theirs))
    assert ours == theirs


def test_breakpoints_at_the_stubs_of_cplus_functions() -> None:
    program = build("named.cc", "pie", "-std=gnu++17", "-w", compiler="g++")
    places = ["std::allocator<char>::~allocator", "operator delete", "std::__throw_logic_error"]
    lines = [*(f"break {one}" for one in places), "info breakpoints", "run", "bt 1"]
    # gdb shows in full what has an abbreviation of its own in mangled names.
    for one in ("_ZNSolsEi", "_ZNSs6appendEPKc", "_ZNSirsERi"):
        lines += [f"info symbol {one}", f"info line {one}", f"print {one}"]
    theirs, ours = both(program, *lines, "info breakpoints", "kill")
    assert ours == theirs
    assert "std::allocator<char>::~allocator()@plt>" in ours["4 info breakpoints"]


def test_values_at_entry_of_constructors(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "made.h").write_text("struct S { int m; S(int n); ~S(); };\nvoid leaf(int n);\n")
    (tmp_path / "made.cc").write_text(
        '#include "made.h"\nvolatile int g;\nvoid leaf(int n) { g += n; }\n'
        "S::S(int n) : m(n) { leaf(n); m++; leaf(m); }\n"
        "S::~S() { leaf(m); m = 0; leaf(m); }\n"
    )
    (tmp_path / "main.cc").write_text(
        '#include "made.h"\nint main(int argc, char **argv) { S s(argc + 2); leaf(s.m); }\n'
    )
    path = tmp_path / "made"
    sources = [tmp_path / "made.cc", tmp_path / "main.cc"]
    subprocess.run(["g++", "-g", "-O1", "-fno-inline", "-o", path, *sources], check=True)
    places = ["break S::S", "break S::~S", "break leaf"]
    theirs, ours = both(path, *places, "run", *["bt", "continue"] * 7, "kill")
    assert ours == theirs
    assert "this=this@entry=" in "".join(ours.values())
