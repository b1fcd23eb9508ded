"""Forks, clones and execs: what becomes of children, and of breakpoints in them."""

from __future__ import annotations

import os

import pytest

import pydbg
from tests.support.build import build
from tests.support.live import addr_of, expect_exit, program, stops

WAYS = ("fork", "vfork", "spawn", "system", "clone", "clonevm")
KIND = {"fork": "fork", "clone": "fork", "vfork": "vfork", "spawn": "vfork", "system": "vfork"}


def ended(pid: int) -> None:
    """Wait for the end of a process that was let go; its status stays for the debugger."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


@pytest.mark.parametrize("variant", ["pie", "nopie"])
@pytest.mark.parametrize("way", WAYS)
def test_children_run_free_of_breakpoints(way: str, variant: str) -> None:
    with program("children.c", way, variant=variant) as dbg:
        bp = dbg.break_at("both")
        for _ in range(2):
            bp.hits = 0
            found = stops(dbg, dbg.run())
            expect_exit(found.pop(), 3)
            assert len(found) == bp.hits == 2
            assert {event.pid for event in found} == {found[0].pid}


@pytest.mark.parametrize("way", WAYS)
def test_a_busy_thread_beside(way: str) -> None:
    with program("children.c", way, "threaded") as dbg:
        bp = dbg.break_at("both")
        ticks = dbg.break_at("tick", condition="$rsp == 0")
        found = stops(dbg, dbg.run())
        expect_exit(found.pop(), 3)
        assert len(found) == bp.hits == 2
        assert ticks.hits == 0


@pytest.mark.parametrize("way", WAYS)
def test_children_under_a_filter_are_kept_silently(way: str) -> None:
    with program("children.c", way) as dbg:
        dbg.break_at("both")
        caught = dbg.catch_syscall("getpid", "exit_group", "wait4", phase="entry")
        found = stops(dbg, dbg.run())
        expect_exit(found.pop(), 3)
        names = [e.name for e in found if isinstance(e, pydbg.SyscallCaught)]
        assert names == ["wait4", "exit_group"]
        assert caught.hits == 2


@pytest.mark.parametrize("way", [w for w in WAYS if w != "clonevm"])
def test_catch_and_conditions(way: str) -> None:
    with program("children.c", way) as dbg:
        point = dbg.catch(KIND[way])
        events: list[pydbg.Event] = []
        dbg.on_event(events.append)
        event = dbg.run()
        assert isinstance(event, pydbg.CatchHit)
        assert (event.kind, event.number) == (KIND[way], point.number)
        expect_exit(dbg.cont(), 3)
        created = [e for e in events if isinstance(e, pydbg.ChildCreated)]
        assert [e.child for e in created] == [event.detail]
        dbg.delete(point.number)
        dbg.catch(KIND[way], condition="0")
        once = dbg.catch(KIND[way], temporary=True)
        event = dbg.run()
        assert isinstance(event, pydbg.CatchHit)
        assert event.temporary
        assert once.number not in dbg.breakpoints
        expect_exit(dbg.cont(), 3)


@pytest.mark.parametrize("way", ["fork", "vfork"])
@pytest.mark.parametrize("end", ["kill", "close", "detach"])
def test_leave_at_a_caught_fork(way: str, end: str) -> None:
    with program("children.c", way) as dbg:
        dbg.break_at("both", ignore=1)
        dbg.catch(KIND[way])
        event = dbg.run()
        assert isinstance(event, pydbg.CatchHit)
        if end == "kill":
            dbg.kill()
            assert not dbg.inferiors
        elif end == "detach":
            dbg.detach()
            assert os.waitstatus_to_exitcode(os.waitpid(event.pid, 0)[1]) == 3


def test_kill_while_threads_come_and_go() -> None:
    """A thread whose creator's event is still to come is waited for, too."""
    ours, theirs = os.pipe()
    try:
        for ignore in range(20, 30):
            with program("spinners.c", "6") as dbg:
                dbg.stdin = ours
                dbg.break_at("turn", ignore=ignore)
                assert isinstance(dbg.run(), pydbg.BreakpointHit)
                dbg.kill()
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("variant", ["pie", "nopie"])
@pytest.mark.parametrize("way", ["fork", "clone"])
def test_follow_the_child(way: str, variant: str) -> None:
    settings = {"follow-fork-mode": "child"}
    with program("children.c", way, variant=variant, settings=settings) as dbg:
        bp = dbg.break_at("both")
        for _ in range(2):
            bp.hits = 0
            found = stops(dbg, dbg.run())
            expect_exit(found.pop(), 3)
            assert len(found) == bp.hits == 11
            assert len({event.pid for event in found}) == 2
            assert not dbg.inferiors
            ended(found[0].pid)


@pytest.mark.parametrize("way", ["vfork", "spawn", "system"])
def test_follow_a_vfork_child_into_its_program(way: str) -> None:
    with program("children.c", way, settings={"follow-fork-mode": "child"}) as dbg:
        bp = dbg.break_at("both")
        dbg.catch("exec")
        found = stops(dbg, dbg.run())
        expect_exit(found.pop(), 3)
        execs = [e for e in found if isinstance(e, pydbg.CatchHit)]
        assert len(execs) == 1
        assert execs[0].pid != found[0].pid
        assert bp.hits == (11 if way == "vfork" else 1)
        ended(found[0].pid)


def test_keep_both_processes() -> None:
    with program("children.c", "fork", settings={"detach-on-fork": "off"}) as dbg:
        bp = dbg.break_at("both")
        dbg.run()
        dbg.catch("fork")
        event = dbg.cont()
        assert isinstance(event, pydbg.CatchHit)
        dbg.break_at("code")
        event = dbg.cont()
        assert isinstance(event, pydbg.BreakpointHit)
        assert [i.number for i in dbg.inferiors] == [1, 2]
        both = addr_of(dbg, "both")
        before = dbg.memory[both : both + 16]
        parent = dbg.inferior
        child = dbg.select_inferior(2)
        assert child is not parent
        assert dbg.memory[both : both + 16] == before
        bp.hits = 0
        for _ in range(10):
            event = dbg.cont()
            assert isinstance(event, pydbg.BreakpointHit), event
            assert event.pid == child.pid
        assert bp.hits == 10
        event = dbg.cont()
        expect_exit(event, 3)
        assert isinstance(event, pydbg.Exited)
        assert event.inferior == 2
        assert dbg.inferior is parent
        assert isinstance(dbg.cont(), pydbg.BreakpointHit)
        expect_exit(dbg.cont(), 3)
        assert not dbg.inferiors


def test_keep_both_and_switch_between_them() -> None:
    with program("children.c", "fork", settings={"detach-on-fork": "off"}) as dbg:
        dbg.break_at("code")
        bp = dbg.break_at("both", ignore=1)
        event = dbg.run()
        assert event.pid == dbg.inferiors[0].pid
        dbg.select_inferior(2)
        dbg.cont()
        assert dbg.frame is not None
        assert dbg.frame.function == "both"
        dbg.select_inferior(1)
        assert dbg.frame is not None
        assert dbg.frame.function == "code"
        dbg.select_inferior(2)
        assert dbg.frame.function == "both"
        dbg.delete(bp.number)
        expect_exit(dbg.cont(), 3)
        expect_exit(dbg.cont(), 3)


def test_a_kept_vfork_child_goes_first() -> None:
    with program("children.c", "vfork", settings={"detach-on-fork": "off"}) as dbg:
        dbg.catch("vfork")
        dbg.run()
        with pytest.raises(pydbg.CommandError, match="over vfork"):
            dbg.cont()
        dbg.select_inferior(2)
        expect_exit(dbg.cont(), 3)
        expect_exit(dbg.cont(), 3)


@pytest.mark.parametrize("variant", ["pie", "nopie"])
def test_breakpoints_move_into_the_new_program(variant: str) -> None:
    target = str(build("children.c", variant))
    with program("exec.c", target, "fork", variant=variant) as dbg:
        main = dbg.break_at("main")
        bp = dbg.break_at("both", pending=True)
        dbg.catch("exec", temporary=True)
        assert isinstance(dbg.run(), pydbg.BreakpointHit)
        event = dbg.cont()
        assert isinstance(event, pydbg.CatchHit)
        assert event.detail == target
        found = stops(dbg, dbg.cont())
        expect_exit(found.pop(), 3)
        assert [e.numbers[0] for e in found if isinstance(e, pydbg.BreakpointHit)] == [
            main.number,
            bp.number,
            bp.number,
        ]
        # As in gdb, what runs next is the program that the process had become.
        assert dbg.program == target
        event = dbg.run()
        assert isinstance(event, pydbg.BreakpointHit)
        assert event.numbers == (main.number,)


@pytest.mark.parametrize("filtered", [False, True])
def test_exec_in_another_thread(filtered: bool) -> None:
    with program("thread_exec.c", str(build("plain.c"))) as dbg:
        bp = dbg.break_at("inner", pending=True)
        if filtered:
            dbg.catch_syscall("execve", phase="entry")
        event = dbg.run()
        if filtered:
            assert isinstance(event, pydbg.SyscallCaught)
            event = dbg.cont()
        found = stops(dbg, event)
        expect_exit(found.pop(), 7)
        assert bp.hits == len(found) == 5


def test_step_into_exec_of_another_thread() -> None:
    with program("thread_exec.c", str(build("plain.c"))) as dbg:
        dbg.catch_syscall("execve", phase="entry")
        dbg.run()
        dbg.delete(1)
        event = dbg.stepi()
        assert isinstance(event, pydbg.StepDone)
        assert event.tid == event.pid
        assert dbg.program == str(build("plain.c"))
        dbg.break_at("inner", pending=True)
        found = stops(dbg, dbg.cont())
        expect_exit(found.pop(), 7)
        assert len(found) == 5


def test_catch_exit() -> None:
    for name, code in (("thread_leader_exits.c", 5), ("plain.c", 7), ("thread_exec.c", 0)):
        with program(name) as dbg:
            dbg.catch("exit")
            event = dbg.run()
            assert isinstance(event, pydbg.CatchHit)
            assert event.detail == code << 8
            assert dbg.frames()
            expect_exit(dbg.cont(), code)


def test_leader_ends_first() -> None:
    with program("thread_leader_exits.c") as dbg:
        for _ in range(2):
            expect_exit(dbg.run(), 5)
        dbg.catch_syscall("exit_group", phase="entry")
        event = dbg.run()
        assert isinstance(event, pydbg.SyscallCaught)
        assert event.tid != event.pid
        assert [t.tid for t in dbg.threads] == [event.tid]
        assert dbg.regs.orig_rax == event.nr
        dbg.stepi()
        expect_exit(dbg.cont(), 5) if dbg.inferior else None
