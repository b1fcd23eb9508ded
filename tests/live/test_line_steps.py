"""Steps by source lines beside gdb: whole sequences of programs must print the same lines."""

from __future__ import annotations

import re

import pytest

import pydbg
from tests.live.test_commands_gdb import both
from tests.support.build import build
from tests.support.live import program

_NOTICES = re.compile(r"^\[(New|Thread|LWP) .*\n?", re.MULTILINE)
"""Threads come and go when they like."""
_ARGUMENTS = re.compile(r" \((?:\w+=.*|\.\.\.)?\)(?= at \S+:\d+$)", re.MULTILINE)
"""How arguments are printed is not what is asked here."""
_FAILED = re.compile(r"\(\w+=.*Python Exception.*\n.*\)(?= at \S+:\d+$)", re.MULTILINE)


def _plain(text: str) -> str:
    text = _FAILED.sub("(...)", _NOTICES.sub("", text))
    return _ARGUMENTS.sub(" (...)", text)


def differing(
    name: str, variant: str, lines: tuple[str, ...], compiler: str | None = None
) -> dict[str, tuple[str, str]]:
    """Return what gdb and pydbg print otherwise: the commands with both texts."""
    theirs, ours = both(build(name, variant, compiler=compiler), *lines, "kill")
    assert list(ours) == list(theirs)
    texts = {key: (_plain(theirs[key]), _plain(ours[key])) for key in theirs}
    return {key: (a, b) for key, (a, b) in texts.items() if a != b}


def to(function: str, *lines: str) -> tuple[str, ...]:
    """Return commands that begin in a function."""
    return (f"break {function}", "run", *lines)


@pytest.mark.parametrize("command", ["next", "step"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("variant", ["pie", "O2"])
def test_a_c_program(variant: str, compiler: str, command: str) -> None:
    # next: to the end of the process. step: far into the C library, where that has lines.
    # In code of GCC's -O2 gdb is lost at the longjmp.
    lost = (variant, compiler, command) == ("O2", "gcc", "next")
    lines = to("main", *[command] * (9 if lost else 60))
    assert differing("steps.c", variant, lines, compiler) == {}


@pytest.mark.parametrize("variant", ["m32", "static", "dwarf4"])
def test_a_c_program_built_otherwise(variant: str) -> None:
    # On i386 gdb does not know where longjmp leads, so that is left out.
    assert differing("steps.c", variant, to("main", *["next"] * 16, *["step"] * 9)) == {}


@pytest.mark.parametrize("command", ["next", "step"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_cplusplus_program(compiler: str, command: str) -> None:
    # clang writes template arguments otherwise than gdb shows them, further on; and gdb does
    # not see that an exception is caught.
    lines = to("main", *[command] * (5 if command == "next" else 22))
    assert differing("classes.cc", "pie", lines, compiler) == {}


@pytest.mark.parametrize("command", ["next", "step"])
@pytest.mark.parametrize("variant", ["pie", "O2"])
def test_a_rust_program(variant: str, command: str) -> None:
    assert differing("hello.rs", variant, to("main", *[command] * 25)) == {}


def test_a_go_program() -> None:
    # gdb steps into the handler of the signal that preempts goroutines.
    quiet = "set environment GODEBUG asyncpreemptoff=1"
    lines = (quiet, *to("main.main", *["next"] * 12))
    assert differing("lines.go", "pie", lines) == {}


SESSIONS = {
    "counts": (
        "steps.c",
        "pie",
        to(
            "main",
            "next 3",
            "step 4",
            "step 7",
            "next 2",
            "stepi 3",
            "step",
            "up",
            "step",
            "break twice",
            "next 5",
            "next 9",
            "tbreak sum",
            "next 20",
            "bt",
        ),
    ),
    "until": ("steps.c", "pie", to("main", "next", "next", *["until"] * 20)),
    "until in optimised code": ("steps.c", "O2", to("main", *["until"] * 8)),
    "no lines": (
        "plain.c",
        "nodebug",
        to(
            "main",
            "next",
            "next",
            "next",
            "set step-mode on",
            *["step"] * 5,
            "set step-mode off",
            "step",
            "step",
            "step",
            "until",
            "until",
        ),
    ),
    "lines without code": (
        "steps.c",
        "pie",
        (
            "break steps.c:61",
            "break 61",
            "tbreak steps.c:15",
            "break 8",
            "break steps.c:500",
            "break 500",
            "break 14",
            "tbreak steps.c:57",
            "info breakpoints",
            "delete",
            "break main",
            "run",
            "until 64",
            "until 61",
            "info line 61",
            "info line 14",
            "info line 10",
            "info line steps.c:8",
            "info line 500",
            "info line twice",
            "info line nosuch.c:3",
            "break main",
            "run",
            "next",
            "break +1",
            "tbreak +20",
            "break -5",
            "break",
            "info line",
            "info line 61",
            "up",
            "until 61",
        ),
    ),
    "until and advance": (
        "steps.c",
        "pie",
        (
            "break main",
            "run",
            "until 64",
            "until twice",
            "kill",
            "run",
            "advance twice",
            "advance 12",
            "until 13",
            "until 61",
            "advance sum",
            "up",
            "until 66",
            "until 73",
            "advance choose",
            "tbreak jumps",
            "continue",
            "until 36",
            "until 35",
            "advance main",
            "kill",
            "run",
            "tbreak one",
            "continue",
            "until 30",
            "until one",
            "finish",
            "until steps.c:75",
            "advance jumps",
            "advance jumps",
            "advance jumps",
            "advance jumps",
        ),
    ),
    "signals": ("interrupts.c", "pie", to("main", *["next"] * 24)),
    "into signals": (
        "interrupts.c",
        "pie",
        to("main", *["next"] * 4, *["step"] * 5, "next", "next", *["step"] * 5),
    ),
    "signals that are passed": (
        "interrupts.c",
        "pie",
        (
            "handle SIGUSR1 nostop noprint pass",
            "handle SIGALRM nopass nostop",
            *to("main", *["next"] * 6, "step"),
        ),
    ),
    "a fork": (
        "interrupts.c",
        "pie",
        ("handle SIGUSR1 SIGALRM nostop noprint", "catch fork", *to("main", *["next"] * 12)),
    ),
    "by a pointer, and behind an ifunc": (
        "interrupts.c",
        "pie",
        ("handle SIGUSR1 SIGALRM nostop noprint", *to("twice", *["step"] * 16)),
    ),
    "a signal that a line's system call brings": (
        "interrupts.c",
        "pie",
        to("main", "next 3", *["step"] * 3, "stepi 8", "step", "step", *["next"] * 3),
    ),
    "through the dynamic linker's own functions": (
        "steps.c",
        "pie",
        to("main", "tbreak __run_exit_handlers", "continue", "next 4", *["step"] * 20),
    ),
    "a signal that is printed, of a program with threads": (
        "interrupts.c",
        "pie",
        (
            "handle SIGUSR1 SIGALRM nostop noprint",
            "break 48",
            "run",
            "handle SIGUSR1 nostop print",
            "next",
            "call (int) raise(10)",
        ),
    ),
    "what is not to be told": (
        "threads.c",
        "pie",
        (
            "show print finish",
            "show print thread-events",
            "show print inferior-events",
            "set print finish off",
            "set print inferior-events off",
            "set print thread-events off",
            "break puts",
            "run",
            "finish",
            "p $",
            "kill",
        ),
    ),
    "the line in the frame's unit": (
        "interrupts.c",
        "pie",
        (
            "handle SIGUSR1 SIGALRM nostop noprint",
            "break 55",
            "run",
            *["step", "info line"] * 3,
        ),
    ),
    "out of code without lines or size": ("steps.c", "pie", to("_fini", "step", "step")),
    "why it stopped": (
        "steps.c",
        "pie",
        to("twice", *["finish", "info program", "advance sum", "info program"]),
    ),
    "from where a handler returns": (
        "interrupts.c",
        "pie",
        (
            "handle SIGUSR1 SIGALRM nostop noprint",
            *to("handler", *["finish", "step", "step", "continue"] * 2),
        ),
    ),
    "from the midst of stubs": (
        "interrupts.c",
        "pie",
        to("main", "next", "stepi 5", "step"),
    ),
    "to where inlined calls begin": (
        "inlined.c",
        "O2",
        to("stream", *["advance advance", "bt", "until 16", "bt", "advance drain", "bt"] * 3),
    ),
    "no process": ("steps.c", "pie", ("next", "step", "until", "next foo")),
    "into a function and out": (
        "steps.c",
        "pie",
        to("twice", "next", "next", "next", "next", "finish", "step"),
    ),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_session(name: str) -> None:
    source, variant, lines = SESSIONS[name]
    different = differing(source, variant, lines)
    # In which order handle lists the signals that it changed is its own matter.
    assert {key: texts for key, texts in different.items() if " handle " not in key} == {}


def test_a_signal_frame_and_a_function_that_never_returns() -> None:
    lines = ("set print thread-events off", "handle SIGUSR1 nostop noprint")
    lines += to("handler", "finish", "info frame", "stepi")
    lines += ("info frame", "tbreak exit", "continue", "continue", "return")
    lines += ("tbreak *_exit", "continue", "kill")
    theirs, ours = both(build("interrupts.c", "pie"), *lines)
    assert ours == theirs


def test_parts_of_inlined_calls_begin_in_a_line() -> None:
    # Each is shown as being in front of the call, from where the step goes on in another frame.
    lines = to("main", "step", "step", "next", "step 5", "step", *["next"] * 9, "kill")
    theirs, ours = both(build("inlined.c", "pie", "-O1"), *lines)
    assert ours == theirs


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_row_that_an_inlined_call_leaves_and_enters_again(compiler: str) -> None:
    assert differing("rows.c", "O2", to("main", *["step"] * 30), compiler) == {}


def test_a_breakpoint_that_is_set_in_front_of_an_inlined_call() -> None:
    lines = to("handle", "step", "break copy", "bt 2", "step", "bt 2", "step", "delete", "step")
    assert differing("rows.c", "O2", lines, "clang") == {}


def test_arguments_at_entry_of_what_is_inlined() -> None:
    # The C library's signal has inlined calls: their arguments came in no register.
    lines = to("main", *["step"] * 5, "bt 3", "kill")
    theirs, ours = both(build("interrupts.c", "O2"), *lines)
    assert ours == theirs


def test_an_exec_ends_the_step_and_the_new_program_runs() -> None:
    assert differing("exec.c", "pie", to("main", *["next"] * 8)) == {}


def lines_of(dbg: pydbg.Debugger, command: str, count: int) -> list[int | None]:
    """Step and return the lines."""
    found = []
    for _ in range(count):
        getattr(dbg, command)()
        found.append(dbg.frame.line if dbg.frame is not None else None)
    return found


def test_next_over_a_recursion_that_comes_by_the_same_line() -> None:
    with program("steps.c") as dbg:
        dbg.break_at("sum", temporary=True)
        dbg.run()
        assert dbg.frame is not None
        cfa = dbg.frame.cfa
        assert lines_of(dbg, "next", 2) == [20, 21]
        assert dbg.frame.cfa == cfa


def test_a_breakpoint_in_a_call_ends_the_step() -> None:
    with program("steps.c") as dbg:
        dbg.break_at("main", temporary=True)
        dbg.run()
        dbg.break_at("twice", temporary=True)
        dbg.next(2)
        event = dbg.next()
        assert isinstance(event, pydbg.BreakpointHit)
        assert dbg.frame is not None and dbg.frame.function == "twice"
        step = dbg.next()
        assert isinstance(step, pydbg.StepDone) and step.plan == "next"


def test_stepping_leaves_no_sites() -> None:
    with program("steps.c") as dbg:
        dbg.break_at("main", temporary=True)
        dbg.run()
        for command, count in (("next", 1), ("next", 5), ("step", 1), ("step", 9)):
            getattr(dbg, command)(count)
            assert dbg.inferior is not None
            planned = [s for s in dbg.inferior.sites.by_addr.values() if not _is_loader(dbg, s)]
            assert planned == []


def _is_loader(dbg: pydbg.Debugger, site: object) -> bool:
    assert dbg.inferior is not None
    return all(owner is dbg.inferior.loader for owner in site.owners)  # type: ignore[attr-defined]


def test_a_breakpoint_in_another_thread_ends_the_step() -> None:
    with program("interrupts.c") as dbg:
        dbg.signals.handle([10, 14], ["nostop", "noprint"])
        dbg.break_at("interrupts.c:47", temporary=True)
        dbg.run()
        dbg.break_at("work")
        event = dbg.next()
        while isinstance(event, pydbg.StepDone):
            event = dbg.next()
        assert isinstance(event, pydbg.BreakpointHit)
        assert dbg.thread is not None and dbg.thread.number == 2
        assert lines_of(dbg, "next", 2) == [20, 21]
        assert dbg.thread.number == 2


def test_a_thread_that_ends_in_its_step_leaves_the_others_running() -> None:
    with program("threads.c", "2", "1") as dbg:
        dbg.break_at("together")
        dbg.run()
        dbg.select_thread(2)
        worker = next(frame for frame in dbg.frames() if frame.function == "worker")
        dbg.select_frame(worker.level + 1)  # What called it ends with the thread.
        assert isinstance(dbg.finish(), pydbg.Exited)


def test_a_goroutine_whose_stack_moves() -> None:
    # 3000 calls deep the stack is copied to a larger one; others get the goroutine's thread.
    with pydbg.Debugger(str(build("grow.go"))) as dbg:
        dbg.break_at("main.moves", temporary=True)
        dbg.run()
        found = lines_of(dbg, "next", 22)
        assert found == [28, 29, 30, 31, *[32, 33] * 8, 32, 35]


RETURNS = {
    "with lines": (
        "steps.c", "pie",
        ("return", *to("sum", "return 5", "frame", "next", "print total", "continue", "return",
                       "up", "return", "bt 1", "continue")),
    ),
    "from an outer frame": (
        "steps.c", "pie", to("sum", "continue", "continue", "up", "return 7", "next", "bt"),
    ),
    "from an inlined call": ("steps.c", "pie", to("small", "return", "bt")),
    "without lines": (
        "plain.c", "nodebug",
        to("inner", "return 4", "return (int) 4", "print $eax", "return", "bt"),
    ),
    "a breakpoint where it returns to is hit": (
        "steps.c", "pie", to("sum", "up", "break *$pc", "down", "return 1", "continue"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RETURNS)
def test_return(name: str) -> None:
    source, variant, lines = RETURNS[name]
    assert differing(source, variant, lines) == {}


SKIPS = (
    "skip", "skip file", "info skip", "skip nosuch", "skip twice", "skip function sum",
    "skip file steps.c", "skip file nosuch.c", "skip -gfi *.h", "skip -rfu ^s.*",
    "skip -fi steps.c -fu one", "skip -gfi st*.c -rfu x", "skip -fu", "skip -gfi a -fi b",
    "skip -zz", "info skip", "info skip 3", "info skip 99", "skip disable 1", "skip enable 1",
    "skip disable 99", "skip delete 3-7", "info skip", "skip disable", "info skip", "break main",
    "run", "next", "next", "step", "skip", "skip file", "info skip", "next", "next", "next",
    "skip enable", *["step"] * 12, "skip delete", "info skip", "step", "step", "step",
)  # fmt: skip


def test_skip() -> None:
    assert differing("steps.c", "pie", SKIPS) == {}


@pytest.mark.parametrize(
    "rule",
    ["-gfi *.h", "-gfi */bits/*.h", "-rfu ^std::", "-fu std::vector", "scale", "-gfi /usr/*/*/*/*"],
)
def test_skip_in_cplusplus(rule: str) -> None:
    lines = (f"skip {rule}", *to("main", *["step"] * 14))
    assert differing("classes.cc", "pie", lines) == {}


def test_skip_inlined_calls() -> None:
    for variant, function in (("pie", "small"), ("O2", "choose")):
        lines = (f"skip {function}", *to("main", *["step"] * 25))
        assert differing("steps.c", variant, lines) == {}


@pytest.mark.parametrize(
    ("variant", "compiler"),
    [("pie", "g++"), ("static", "g++"), ("O2", "g++"), ("pie", "clang++"), ("static", "clang++")],
)
def test_exceptions_and_longjmp_end_where_they_arrive(variant: str, compiler: str) -> None:
    # gdb loses the frame: without probes in the libraries it does not see how it is left.
    with pydbg.Debugger(str(build("leaps.cc", variant, compiler=compiler))) as dbg:
        dbg.stdout = "/dev/null"
        dbg.break_at("main", temporary=True)
        dbg.run()
        lines: list[int] = []
        while dbg.frame is not None and dbg.frame.function == "main":
            lines.append(dbg.frame.line or 0)
            dbg.next()
        caught, arrived = lines.index(69), lines.index(73)
        assert lines[caught - 1] in (67, 68)
        assert lines.index(67) < caught < arrived
        assert lines[-1] in (77, 78)
        assert lines[arrived + 1] in (72, 76, 77)
        expect_end(dbg)


def expect_end(dbg: pydbg.Debugger) -> None:
    event = dbg.cont()
    assert isinstance(event, pydbg.Exited)


def test_a_throw_is_followed_through_frames() -> None:
    with pydbg.Debugger(str(build("leaps.cc"))) as dbg:
        dbg.stdout = "/dev/null"
        dbg.break_at("thrower", temporary=True, ignore=2)
        dbg.run()
        places = []
        for _ in range(12):
            dbg.next()
            assert dbg.frame is not None
            places.append((dbg.frame.function, dbg.frame.line))
        functions = [function for function, _ in places]
        # From the throw through the destructors of two frames to the handler.
        assert places[0] == ("thrower", 17)
        assert ("catches(int)" in functions) or ("catches" in functions)
        assert ("catches", 27) in places or ("catches", 28) in places


def test_a_longjmp_inside_of_what_is_run_over_goes_on() -> None:
    with pydbg.Debugger(str(build("leaps.cc"))) as dbg:
        dbg.stdout = "/dev/null"
        dbg.break_at("leaps.cc:71", temporary=True)
        dbg.run()
        dbg.next()
        assert dbg.frame is not None and (dbg.frame.function, dbg.frame.line) == ("main", 72)
