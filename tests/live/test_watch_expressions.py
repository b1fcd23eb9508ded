"""Watched expressions, scopes and steps: what gdb cannot be asked, or does worse."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path

import pytest

import pydbg
from pydbg.commands.session import Session
from tests.support.live import expect_exit, program, stops


def follow(dbg: pydbg.Debugger, what: str, **more: object) -> pydbg.Watchpoint:
    """Watch an expression as the command does."""
    return dbg.watch(what, location=False, software=True, **more)  # type: ignore[arg-type]


def hits(found: list[pydbg.Event]) -> list[tuple[int | None, int | None]]:
    return [(e.old, e.new) for e in found if isinstance(e, pydbg.WatchpointTriggered)]


def test_steps_find_each_write_and_who_made_it() -> None:
    with program("watched.c") as dbg:
        dbg.run(stop="main")
        dbg.settings.set("can-use-hw-watchpoints", "0")
        watch = follow(dbg, "counter")
        assert watch.software and not dbg.inferior.debug_registers.in_use
        authors = []
        while isinstance(event := dbg.cont(), pydbg.WatchpointTriggered):
            assert event.software
            authors.append((event.new, event.tid == event.pid, dbg.frames(1)[0].function))
        expect_exit(event)
        assert authors == [(5, True, "main")] + [(n, False, "worker") for n in range(6, 12)]


def test_registers_are_shared_by_what_they_serve() -> None:
    with program("watches.c") as dbg:
        dbg.run(stop="main")
        whole = follow(dbg, "points")
        used = dbg.inferior.debug_registers.slots.count(None)
        watch = follow(dbg, "points[1].x")
        follow(dbg, "*(char *)&points[0].x")
        assert dbg.inferior.debug_registers.slots.count(None) == used
        event = dbg.cont()
        assert isinstance(event, pydbg.WatchpointTriggered) and len(event.also) == 1
        event = dbg.cont()
        assert isinstance(event, pydbg.WatchpointTriggered)
        assert [one.number for one in event.also] == [watch.number]
        dbg.delete(whole.number)
        dbg.delete(watch.number)
        event = dbg.cont()
        assert isinstance(event, pydbg.WatchpointTriggered) and (event.old, event.new) == (3, 5)


def test_what_does_not_fit_is_an_error_before_the_run_too() -> None:
    with program("watches.c") as dbg:
        follow(dbg, "points")
        follow(dbg, "real")
        with pytest.raises(pydbg.CommandError, match="needs 1 of the 4 debug registers, and 0"):
            follow(dbg, "counter")
        with pytest.raises(pydbg.CommandError, match="cannot be implemented"):
            follow(dbg, "table", kind="read")
        assert list(dbg.breakpoints) == [1, 2]
        assert follow(dbg, "table").software


def test_a_pointer_is_followed_in_all_threads() -> None:
    with program("watches.c") as dbg:
        dbg.run(stop="main")
        watch = follow(dbg, "where->x")
        found = stops(dbg, dbg.cont())
        # where->x = 3, where = &points[1], where->x = 4; then points[0] counts no more.
        assert hits(found)[:3] == [(0, 3), (3, 0), (0, 4)]
        assert watch.hit_count >= 3


def test_a_child_keeps_none_and_a_new_program_has_it_again() -> None:
    with program("watches.c") as dbg:
        dbg.run(stop="main")
        follow(dbg, "other")
        follow(dbg, "counter")
        found = stops(dbg, dbg.cont())
        expect_exit(found[-1])
        assert hits(found) == [(0, 3), (3, 6), (0, 3), (0, 3), (3, 6)]
        assert len({e.pid for e in found}) == 1


def test_it_goes_with_the_child_that_is_followed() -> None:
    with program("watches.c") as dbg:
        dbg.settings.set("follow-fork-mode", "child")
        follow(dbg, "other")
        parent = dbg.run(stop="entry").pid
        event = dbg.cont()
        assert isinstance(event, pydbg.WatchpointTriggered) and event.pid != parent
        assert (event.old, event.new) == (0, 2)
        expect_exit(dbg.cont())
        os.waitpid(parent, 0)  # It was let go.


@pytest.mark.parametrize("software", [False, True])
def test_a_frame_that_a_longjmp_leaves_ends_it(software: bool) -> None:
    with program("watches.c") as dbg:
        dbg.break_at("leap", temporary=True)
        dbg.run()
        if software:
            dbg.settings.set("can-use-hw-watchpoints", "0")
        number = follow(dbg, "lost").number
        event = dbg.cont()
        while isinstance(event, pydbg.WatchpointTriggered):
            event = dbg.cont()
        # With debug registers it ends, as in gdb, when that memory is touched again.
        assert isinstance(event, pydbg.WatchpointEnded) and event.number == number
        assert number not in dbg.breakpoints


def test_a_locals_end_in_its_own_thread() -> None:
    with program("watched.c") as dbg:
        dbg.break_at("worker", temporary=True)
        dbg.run()
        tid = dbg.thread.tid
        watch = follow(dbg, "argument")
        event = dbg.cont()
        assert isinstance(event, pydbg.WatchpointEnded)
        assert (event.tid, event.number) == (tid, watch.number)
        expect_exit(dbg.cont())


def test_locals_are_gone_with_their_process() -> None:
    with program("watches.c") as dbg:
        dbg.break_at("inner", temporary=True)
        dbg.run()
        follow(dbg, "local")
        kept = follow(dbg, "counter")
        dbg.kill()
        assert list(dbg.breakpoints) == [kept.number]
        event = dbg.run()
        assert isinstance(event, pydbg.WatchpointTriggered) and event.number == kept.number


def test_memory_that_is_not_there() -> None:
    with program("watches.c") as dbg:
        dbg.run(stop="main")
        watch = follow(dbg, "*(int *)8")
        high = follow(dbg, "*(int *)0xffffffffffff0000")
        assert (watch.content, high.content) == (None, None)
        expect_exit(stops(dbg, dbg.cont())[-1])


def test_a_call_by_the_user_is_not_stopped() -> None:
    with program("watches.c") as dbg:
        dbg.run(stop="main")
        follow(dbg, "counter")
        assert int(dbg.eval("inner(5)")) == 10
        event = dbg.cont()
        assert isinstance(event, pydbg.WatchpointTriggered)
        assert (event.old, event.new) == (10, 3)


def test_a_condition_may_name_what_the_function_has() -> None:
    with program("watches.c") as dbg:
        point = dbg.break_at("recurse", condition="n == 1")
        dbg.run()
        assert int(dbg.eval("n")) == 1 and point.hit_count == 1
        with pytest.raises(pydbg.ExprError, match='No symbol "nosuch"'):
            dbg.break_at("inner", condition="nosuch == 1")


def test_they_are_saved_as_commands(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    lines = ("watch -l points[0]", "rwatch counter", "watch other if other > 1", "awatch real")
    with program("watches.c") as dbg:
        session = Session(dbg, out=StringIO())
        for line in lines[:2] + lines[2:3]:
            session.capture(line)
        before = session.capture("info watchpoints")
        session.capture(f"save breakpoints {path}")
        session.capture("delete")
        assert session.capture("info watchpoints").strip() == "No watchpoints."
        session.capture(f"source {path}")
        after = session.capture("info watchpoints")
        assert [row[1:] for row in after.splitlines()] == [row[1:] for row in before.splitlines()]


def test_no_change_is_lost_while_threads_come_and_go() -> None:
    read_end, write_end = os.pipe()
    with program("spinners.c", "4") as dbg:
        dbg.stdin = read_end
        changes: list[int] = []

        def note(event: pydbg.WatchpointTriggered) -> None:
            assert event.old is not None and event.new is not None
            changes.append(event.new - event.old)
            if len(changes) == 200:
                os.write(write_end, b"x")

        watch = follow(dbg, "turns", callback=note)
        expect_exit(dbg.run(), 5)
        # Two writes may be told as one change, none is told twice or not at all.
        assert watch.content is not None
        assert sum(changes) == int.from_bytes(watch.content, "little")
        assert watch.hit_count == len(changes) and min(changes) > 0
    os.close(read_end)
    os.close(write_end)
