"""Caught libraries, clones and signals; breakpoints in libraries and on calls that block."""

from __future__ import annotations

import signal

import pytest

import pydbg
from tests.support.build import build, build_library
from tests.support.live import expect_exit, program, stops


def test_load_and_unload() -> None:
    library = str(build_library("plugin.c"))
    with program("dlopen.c", library) as dbg:
        dbg.catch("load", "plugin")
        dbg.catch("unload", "plugin")
        dbg.catch("load", "nosuch")
        dbg.catch("load", "plugin", condition="0 == 1")
        dbg.catch("load", "plugin", temporary=True)
        for numbers in ([1, 2, 1, 2], [1, 2, 1, 2]):
            found = stops(dbg, dbg.run())
            expect_exit(found.pop())
            hits = [e for e in found if isinstance(e, pydbg.CatchHit)]
            assert [e.number for e in hits] == numbers
            assert all(library in e.detail for e in hits)
        assert 5 in dbg.breakpoints  # The first one always told the stop.
        dbg.delete(1)
        event = dbg.run()
        assert isinstance(event, pydbg.CatchHit)
        assert event.temporary
        assert 5 not in dbg.breakpoints


def test_breakpoints_in_a_library_that_comes_and_goes() -> None:
    with program("dlopen.c", str(build_library("plugin.c"))) as dbg:
        bp = dbg.break_at("plugin_run", pending=True)
        for _ in range(2):
            bp.hits = 0
            found = stops(dbg, dbg.run())
            expect_exit(found.pop())
            assert len(found) == bp.hits == 2


def test_catch_clone() -> None:
    with program("hammer.c", "5", "3") as dbg:
        catch = dbg.catch("clone", condition="$_thread == 1")
        bp = dbg.break_at("*hot", ignore=10**6)
        found = stops(dbg, dbg.run())
        expect_exit(found.pop())
        assert len(found) == catch.hits == 5
        assert bp.hits == 15


def test_catch_signal() -> None:
    with program("signals.c") as dbg:
        for name in ("SIGUSR1", "SIGUSR2"):
            dbg.signals.handle([signal.Signals[name]], ["nostop", "noprint"])
        dbg.signals.handle([signal.SIGRTMIN], ["nostop", "noprint"])
        dbg.catch("signal", "SIGUSR2")
        dbg.catch("signal", "SIGUSR1", condition="0 == 1")
        once = dbg.catch("signal", "SIGUSR1", temporary=True)
        found = stops(dbg, dbg.run())
        expect_exit(found.pop())
        told = [(e.number, e.signo) for e in found if isinstance(e, pydbg.SignalReceived)]
        assert told == [(once.number, signal.SIGUSR1), (1, signal.SIGUSR2)]


def break_at_system_calls(dbg: pydbg.Debugger, function: str) -> list[pydbg.debugger.Breakpoint]:
    """Set breakpoints on the instructions by which a function of libc enters the kernel."""
    start = dbg.places(function)[0].addr
    assert start is not None
    code = dbg.disassemble(start, count=50)
    end = next(n for n, insn in enumerate(code) if insn.text == "nop" or n == 49)
    calls = [insn.addr for insn in code[:end] if insn.text == "syscall"]
    assert calls
    return [dbg.break_at(addr, condition="$rdx == 1") for addr in calls]


@pytest.mark.parametrize("busy", [False, True])
def test_a_breakpoint_on_a_call_that_blocks(busy: bool) -> None:
    # The thread that waits in `read` is let off its breakpoint while the writer has yet to run.
    with program("calls.c", "0") as dbg:
        dbg.run(stop="main")
        points = break_at_system_calls(dbg, "read")
        other = dbg.break_at("round_of_calls") if busy else None
        found = stops(dbg, dbg.cont())
        expect_exit(found.pop())
        assert sum(point.hits for point in points) == 1
        assert other is None or other.hits == 4 - 1


def test_a_step_over_a_call_that_blocks() -> None:
    with program("calls.c", "0") as dbg:
        dbg.run(stop="main")
        break_at_system_calls(dbg, "read")
        event = dbg.cont()
        assert isinstance(event, pydbg.BreakpointHit)
        here = dbg.regs.rip
        assert isinstance(dbg.stepi(), pydbg.StepDone)
        assert dbg.regs.rip == here + 2
        assert dbg.regs.rax == 1
        expect_exit(dbg.cont())


@pytest.mark.parametrize("variant", ["m32", "static", "static-pie"])
@pytest.mark.parametrize("hardware", [False, True])
def test_other_kinds_of_programs(variant: str, hardware: bool) -> None:
    assert build("threads.c", variant)
    with program("threads.c", "6", "8", variant=variant) as dbg:
        dbg.run(stop="main")
        bp = dbg.break_at("work", condition="0 == 1", hardware=hardware)
        other = dbg.break_at("*work", ignore=10**6)
        expect_exit(dbg.cont())
        assert bp.hits == 0
        assert other.hits == 48
        for _ in range(2):
            other.hits = 0
            expect_exit(dbg.run())
            assert other.hits == 48
