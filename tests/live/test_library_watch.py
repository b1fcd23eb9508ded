"""Watchpoints: what changed, from what to what, in whichever thread, and what does not fit."""

from __future__ import annotations

import pytest

import pydbg
from tests.support.live import addr_of, expect_exit, program, stops


def test_old_and_new_value_in_every_thread() -> None:
    with program("watched.c") as dbg:
        watch = dbg.watch("counter")
        assert (watch.size, watch.kind, watch.kind_text) == (8, "write", "hw watchpoint")
        for _ in range(2):  # It survives a new run, at a new address.
            found = stops(dbg, dbg.run())
            expect_exit(found.pop())
            hits = [e for e in found if isinstance(e, pydbg.WatchpointTriggered)]
            assert len(hits) == len(found) == 7
            assert [(e.old, e.new) for e in hits] == [(0, 5)] + [(n, n + 1) for n in range(5, 11)]
            assert hits[0].tid == hits[0].pid
            assert len({e.tid for e in hits}) == 3
            assert {e.addr for e in hits} == {watch.addr}


def test_the_stop_is_behind_the_instruction() -> None:
    with program("watched.c") as dbg:
        dbg.run(stop="main")
        dbg.watch(addr_of(dbg, "counter"), size=8)
        event = dbg.cont()
        assert isinstance(event, pydbg.WatchpointTriggered)
        assert event.pc == dbg.regs.rip
        assert dbg.memory.read_int(event.addr) == event.new == 5


def test_access_stops_at_reads_too() -> None:
    with program("watched.c") as dbg:
        dbg.run(stop="main")
        watch = dbg.watch("counter", kind="access")
        first, second, third = dbg.cont(), dbg.cont(), dbg.cont()
        for event, values in ((first, (0, 5)), (second, (5, 5)), (third, (5, 5))):
            assert isinstance(event, pydbg.WatchpointTriggered)
            assert (event.old, event.new) == values
        assert watch.hit_count == 3


def test_unaligned_memory_takes_several_registers() -> None:
    with program("watched.c") as dbg:
        dbg.run(stop="main")
        odd = addr_of(dbg, "packed") + 1
        watch = dbg.watch(odd, size=7)
        event = dbg.cont()
        assert isinstance(event, pydbg.WatchpointTriggered)
        assert (event.old, event.new, event.size) == (0, 77, 7)
        assert watch.value(None) is None


def test_what_does_not_fit_is_said_at_once() -> None:
    with program("watched.c") as dbg:
        dbg.run(stop="main")
        text = addr_of(dbg, "text")
        with pytest.raises(pydbg.CommandError, match="need 7 debug registers"):
            dbg.watch(text + 1, size=32)
        first = dbg.watch(text, size=24)
        with pytest.raises(pydbg.CommandError, match="needs 2 of the 4 debug registers, and 1 is"):
            dbg.watch(text, size=16, kind="access")
        assert list(dbg.breakpoints) == [first.number]
        dbg.delete(first.number)
        dbg.watch(text, size=32)
        for wrong in ({"kind": "look"}, {"size": 0}):
            with pytest.raises(pydbg.UsageError):
                dbg.watch(text, **wrong)
        with pytest.raises(pydbg.ExprError, match="not located in memory"):
            dbg.watch("1 + 1")
        with pytest.raises(pydbg.ExprError, match="No symbol"):
            dbg.watch("nosuch")


def test_callbacks_conditions_and_switching_off() -> None:
    with program("watched.c") as dbg:
        seen: list[tuple[int | None, int | None]] = []

        def changed(event: pydbg.WatchpointTriggered) -> object:
            seen.append((event.old, event.new))
            return pydbg.STOP if event.new == 7 else None

        watch = dbg.watch("counter", callback=changed, condition="*(long *)&counter > 5")
        event = dbg.run()
        assert isinstance(event, pydbg.WatchpointTriggered) and event.new == 7
        assert seen == [(5, 6), (6, 7)]
        watch.enabled = False
        expect_exit(dbg.cont())
        watch.enabled, watch.callback, watch.condition, watch.temporary = True, None, None, True
        event = dbg.run()
        assert isinstance(event, pydbg.WatchpointTriggered) and event.temporary
        expect_exit(dbg.cont())
        assert not dbg.breakpoints


def test_a_breakpoint_and_a_watchpoint_at_one_instruction() -> None:
    with program("watched.c") as dbg:
        dbg.run(stop="main")
        dbg.watch("counter", temporary=True)
        event = dbg.cont()
        assert isinstance(event, pydbg.WatchpointTriggered)
        store = next(i for i in reversed(dbg.disassemble(event.pc - 11, event.pc)) if i.size)
        for hardware in (False, True):
            point = dbg.break_at(store.addr, hardware=hardware)
            behind = dbg.break_at(event.pc)
            watch = dbg.watch("counter")
            hit, touched = dbg.run(), dbg.cont()
            assert isinstance(hit, pydbg.BreakpointHit) and hit.numbers == (point.number,)
            assert isinstance(touched, pydbg.WatchpointTriggered)
            also = touched.also[0]  # The breakpoint behind is hit by the same stop, as in gdb.
            assert isinstance(also, pydbg.BreakpointHit) and also.numbers == (behind.number,)
            assert behind.hit_count == 1
            expect_exit(stops(dbg, dbg.cont())[-1])
            assert behind.hit_count == 1
            for number in (point.number, behind.number, watch.number):
                dbg.delete(number)


def test_stepping_over_a_write_is_told_once() -> None:
    with program("watched.c") as dbg:
        dbg.run(stop="main")
        watch = dbg.watch("counter")
        events = [dbg.stepi() for _ in range(4)]
        hits = [e for e in events if isinstance(e, pydbg.WatchpointTriggered)]
        assert len(hits) == watch.hit_count == 1
        pc = dbg.regs.rip
        assert not [e for e in [dbg.stepi()] if isinstance(e, pydbg.WatchpointTriggered)]
        assert dbg.regs.rip != pc


def test_commands_show_it() -> None:
    with program("watched.c") as dbg:
        dbg.watch("counter")
        from io import StringIO

        from pydbg.commands.session import Session

        session = Session(dbg, out=StringIO())
        text = session.capture("info breakpoints")
        assert "1       hw watchpoint  keep y" in text and text.rstrip().endswith("counter")
        text = session.capture("run")
        assert "Hardware watchpoint 1: counter\n\nOld value = 0\nNew value = 5\n" in text


def test_a_trap_on_its_way_when_the_watchpoint_is_deleted_is_nothing() -> None:
    with program("hammer.c", "4", "200") as dbg:
        for _ in range(5):
            dbg.run(stop="main")
            # All threads write it all the time: at the first hit others have trapped as well.
            watch = dbg.watch("passes")
            assert isinstance(dbg.cont(), pydbg.WatchpointTriggered)
            dbg.cont()
            late = [thread for thread in dbg.threads if thread.pending is not None]
            dbg.delete(watch.number)
            expect_exit(dbg.cont())
            if late:
                break
        assert late
