"""Signals: delivered once, never mistaken for our own, and never the end of a step."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import pydbg
from tests.support.live import addr_of, expect_exit, program, stops
from tests.support.marks import line_of

USR1, TRAP = signal.SIGUSR1, signal.SIGTRAP


def handle(dbg: pydbg.Debugger, signo: int, *actions: str) -> None:
    dbg.signals.handle([signo], list(actions))


@contextmanager
def on_alarm(dbg: pydbg.Debugger) -> Iterator[None]:
    """Interrupt the program from a signal handler of the host, again and again."""
    before = signal.signal(signal.SIGALRM, lambda *_: dbg.interrupt())
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_delivery_and_refusal() -> None:
    with program("signals.c") as dbg:
        found = stops(dbg, dbg.run())
        expect_exit(found.pop())
        names = [signal.Signals(e.signo) for e in found if isinstance(e, pydbg.SignalReceived)]
        assert names[:2] == [signal.SIGUSR1, signal.SIGUSR2]
        assert isinstance(dbg.run(), pydbg.SignalReceived)
        found = stops(dbg, dbg.signal(0))
        expect_exit(found.pop(), 1)


def test_handle_nostop_noprint_nopass() -> None:
    with program("signals.c") as dbg:
        notices: list[pydbg.Event] = []
        dbg.on_event(notices.append)
        for signo in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGRTMIN):
            handle(dbg, signo, "nostop")
        expect_exit(dbg.run())
        seen = [e.signo for e in notices if isinstance(e, pydbg.SignalNoticed)]
        assert seen[:2] == [signal.SIGUSR1, signal.SIGUSR2]
        handle(dbg, USR1, "noprint")
        notices.clear()
        expect_exit(dbg.run())
        assert USR1 not in [e.signo for e in notices if isinstance(e, pydbg.SignalNoticed)]
        handle(dbg, USR1, "nopass")
        expect_exit(dbg.run(), 1)


@pytest.mark.parametrize("place", ["*work", "work"])
@pytest.mark.parametrize("hits", [1, 5])
def test_a_signal_at_a_breakpoint_does_not_count_twice(place: str, hits: int) -> None:
    with program("handlers.c") as dbg:
        handle(dbg, USR1, "nostop", "noprint")
        bp = dbg.break_at(place)
        dbg.run()
        for _ in range(hits - 1):
            dbg.cont()
        assert dbg.inferior is not None
        inside = dbg.break_at("handler")
        os.kill(dbg.inferior.pid, USR1)
        event = dbg.cont()
        assert isinstance(event, pydbg.BreakpointHit)
        assert event.numbers == (inside.number,)
        found = stops(dbg, dbg.cont())
        expect_exit(found.pop(), 1)
        assert bp.hits == 6


def test_deliver_a_signal_from_a_breakpoint() -> None:
    with program("handlers.c") as dbg:
        bp = dbg.break_at("*work")
        dbg.run()
        found = stops(dbg, dbg.signal(USR1))
        expect_exit(found.pop(), 1)
        assert bp.hits == 6


def test_a_told_signal_is_stepped_into_and_an_untold_one_over() -> None:
    with program("handlers.c") as dbg:
        dbg.break_at("*work")
        dbg.run()
        assert dbg.inferior is not None
        os.kill(dbg.inferior.pid, USR1)
        event = dbg.cont()
        assert isinstance(event, pydbg.SignalReceived)
        event = dbg.stepi()
        assert isinstance(event, pydbg.StepDone), event
        assert dbg.regs.rip == addr_of(dbg, "handler")
        dbg.finish()
        handle(dbg, USR1, "nostop", "noprint")
        dbg.cont()
        os.kill(dbg.inferior.pid, USR1)
        here = dbg.regs.rip
        handled = int(dbg.eval("*(int *)&handled"))
        event = dbg.stepi()
        assert isinstance(event, pydbg.StepDone)
        assert dbg.regs.rip == here + dbg.disassemble(here, count=1)[0].size
        assert int(dbg.eval("*(int *)&handled")) == handled + 1


@pytest.mark.parametrize("step", ["stepi", "nexti"])
def test_timers_while_stepping(step: str) -> None:
    with program("handlers.c", "timer") as dbg:
        dbg.break_at("ticks")
        dbg.run()
        inside = dbg.break_at("handler", ignore=10**6)
        handler = range(addr_of(dbg, "handler"), addr_of(dbg, "leaper"))
        while inside.hits < 12:
            event = getattr(dbg, step)(7)
            assert isinstance(event, pydbg.StepDone), event
            assert dbg.regs.rip not in handler
        dbg.delete(inside.number)
        expect_exit(dbg.cont())


def test_timers_while_breakpoints_are_hit() -> None:
    with program("handlers.c", "timer") as dbg:
        counted = [dbg.break_at("*work", ignore=10**9), dbg.break_at("handler", ignore=10**9)]
        expect_exit(dbg.run())
        dbg.break_at(f"handlers.c:{line_of('handlers.c', 'ticked')}")
        assert isinstance(dbg.run(), pydbg.BreakpointHit)
        # Told exactly: every call of `work` and every signal.
        assert counted[0].hits == int(dbg.eval("*(long *)&worked"))
        assert counted[1].hits == int(dbg.eval("*(int *)&handled"))


@pytest.mark.parametrize("stop", [False, True])
def test_a_handler_that_jumps_away_loses_no_hit(stop: bool) -> None:
    with program("handlers.c", "jump") as dbg:
        if not stop:
            handle(dbg, USR1, "nostop", "noprint")
        bp = dbg.break_at("*work")
        event = dbg.run()
        while isinstance(event, pydbg.BreakpointHit):
            # It leaps out of the handler with the breakpoint before it, at the same depth.
            event = dbg.signal(USR1)
            if isinstance(event, pydbg.SignalReceived):
                event = dbg.cont()
        expect_exit(event)
        assert bp.hits == 5


def test_its_own_sigtrap() -> None:
    with program("handlers.c", "trap") as dbg:
        handle(dbg, TRAP, "pass")
        found = stops(dbg, dbg.run())
        expect_exit(found.pop())
        assert [e.signo for e in found if isinstance(e, pydbg.SignalReceived)] == [TRAP] * 3
        handle(dbg, TRAP, "nostop", "noprint", "pass")
        expect_exit(dbg.run())


@pytest.mark.parametrize("on_it", [False, True])
def test_its_own_int3(on_it: bool) -> None:
    with program("handlers.c", "int3") as dbg:
        handle(dbg, TRAP, "pass")
        bp = dbg.break_at("*&own_int3") if on_it else None
        found = stops(dbg, dbg.run())
        expect_exit(found.pop())
        signals = [e for e in found if isinstance(e, pydbg.SignalReceived)]
        assert len(signals) == 3
        if bp is not None:
            assert bp.hits == 3
            assert len(found) == 6


@pytest.mark.parametrize("settled", [False, True])
def test_a_process_that_is_killed_in_its_group_stop(settled: bool) -> None:
    with program("handlers.c", "stop") as dbg:
        assert isinstance(dbg.run(), pydbg.SignalReceived)

        def kill(event: pydbg.Event) -> None:
            if isinstance(event, pydbg.GroupStopped):
                os.kill(event.pid, signal.SIGKILL)
                if settled:  # It has come to its exit stop.
                    os.waitid(os.P_PID, event.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)

        dbg.on_event(kill)
        event = dbg.cont()
        assert isinstance(event, pydbg.Killed) and event.signo == signal.SIGKILL


def test_group_stop_and_continue() -> None:
    with program("handlers.c", "stop") as dbg:
        notices: list[pydbg.Event] = []
        dbg.on_event(notices.append)
        event = dbg.run()
        assert isinstance(event, pydbg.SignalReceived)
        assert event.signo == signal.SIGSTOP
        with on_alarm(dbg):
            assert isinstance(dbg.cont(), pydbg.Interrupted)
            assert isinstance(dbg.cont(), pydbg.Interrupted)
        assert any(isinstance(e, pydbg.GroupStopped) for e in notices)
        bp = dbg.break_at("work")
        os.kill(event.pid, signal.SIGCONT)
        event = dbg.cont()
        while isinstance(event, pydbg.SignalReceived):
            event = dbg.cont()
        assert isinstance(event, pydbg.BreakpointHit)
        assert bp.hits == 1
        expect_exit(dbg.cont())


@pytest.mark.parametrize("way", ["block", "wait"])
def test_interrupt_although_sigint_is_blocked(way: str) -> None:
    read, write = os.pipe()
    with program("sigwait.c", way) as dbg, os.fdopen(read) as ready:
        dbg.stdout = write
        before = signal.signal(signal.SIGUSR2, lambda *_: dbg.interrupt())
        main = threading.get_ident()

        def when_ready() -> None:
            assert ready.readline() == "ready\n"
            signal.pthread_kill(main, signal.SIGUSR2)

        watcher = threading.Thread(target=when_ready)
        try:
            watcher.start()
            assert isinstance(dbg.run(), pydbg.Interrupted)
        finally:
            watcher.join()
            os.close(write)
            signal.signal(signal.SIGUSR2, before)
        if way == "wait":
            os.kill(dbg.inferiors[0].pid, signal.SIGINT)
            expect_exit(dbg.cont())


def test_interrupts_lose_no_hit() -> None:
    with program("hammer.c", "4", "200") as dbg:
        bp = dbg.break_at("*&at_lea", ignore=10**6)
        interrupts = 0
        with on_alarm(dbg):
            event = dbg.run()
            while isinstance(event, pydbg.Interrupted):
                interrupts += 1
                event = dbg.cont()
        expect_exit(event)
        assert bp.hits == 800


def test_killed_from_outside_while_it_runs_and_while_it_stands() -> None:
    with program("sigwait.c", "block") as dbg:
        dbg.break_at("main")
        event = dbg.run()
        os.kill(event.pid, signal.SIGKILL)
        os.waitid(os.P_PID, event.pid, os.WEXITED | os.WNOWAIT)
        event = dbg.cont()
        assert isinstance(event, pydbg.Killed), event
        assert event.signo == signal.SIGKILL
        event = dbg.run()
        killer = threading.Timer(0.05, os.kill, (event.pid, signal.SIGKILL))
        killer.start()
        event = dbg.cont()
        killer.join()
        assert isinstance(event, pydbg.Killed)
        assert not dbg.inferiors


def test_killed_with_many_threads_standing() -> None:
    with program("hammer.c", "8", "50") as dbg:
        dbg.break_at("*hot")
        event = dbg.run()
        for _ in range(20):
            dbg.cont()
        os.kill(event.pid, signal.SIGKILL)
        found = stops(dbg, dbg.cont())
        assert isinstance(found[-1], pydbg.Killed)


def test_a_fault_in_the_program() -> None:
    with program("segfault.c") as dbg:
        for _ in range(2):
            event = dbg.run()
            assert isinstance(event, pydbg.SignalReceived)
            assert event.signo == signal.SIGSEGV
            here = dbg.regs.rip
            event = dbg.stepi()
            assert isinstance(event, pydbg.Killed), event
        dbg.break_at(here)
        dbg.run()
        event = dbg.cont()
        assert isinstance(event, pydbg.SignalReceived)
        assert dbg.regs.rip == here
        assert isinstance(dbg.cont(), pydbg.Killed)
