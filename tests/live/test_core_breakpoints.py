"""Breakpoints: no hit lost and none counted twice, on any instruction, in many threads."""

from __future__ import annotations

import re

import pytest

import pydbg
from tests.support.build import build
from tests.support.live import addr_of, expect_exit, program, stops
from tests.support.oracle import gdb

THREADS, ROUNDS = 8, 12
HITS = THREADS * ROUNDS
LABELS = (
    "*hot",
    "*&at_mov",
    "*&at_lea",
    "*&at_call",
    "*&at_jmp",
    "*&at_target",
    "*&at_movs",
    "*&at_cond",
    "*&at_not",
    "*&at_syscall",
    "*&at_pop",
    "*&at_ret",
    "*plus_one",
)
MANY = (str(THREADS), str(ROUNDS))


@pytest.mark.parametrize("variant", ["pie", "nopie"])
@pytest.mark.parametrize("label", LABELS)
def test_every_thread_hits_every_kind_of_instruction(label: str, variant: str) -> None:
    with program("hammer.c", *MANY, variant=variant) as dbg:
        bp = dbg.break_at(label, condition="$rdi == 1000000")
        per_hit = 16 if label == "*&at_movs" else 1
        for _ in range(2):
            expect_exit(dbg.run())
            assert bp.hits == 0
        bp.condition = None
        dbg.points.set_condition(bp, None)
        seen = []
        bp.callback = lambda point: seen.append(dbg.regs.rip)
        expect_exit(dbg.run())
        assert bp.hits == len(seen) == HITS * per_hit or label == "*&at_movs"
        assert len(set(seen)) == 1


def test_all_instructions_at_once() -> None:
    with program("hammer.c", *MANY) as dbg:
        points = [dbg.break_at(label, ignore=10**6) for label in LABELS if label != "*&at_movs"]
        expect_exit(dbg.run())
        assert [point.hits for point in points] == [HITS] * len(points)


def test_each_stop_is_told_once() -> None:
    with program("hammer.c", "4", "5") as dbg:
        dbg.break_at("*&at_mov")
        dbg.break_at("*&at_lea")
        found = stops(dbg, dbg.run())
        expect_exit(found.pop())
        numbers = [e.numbers[0] for e in found if isinstance(e, pydbg.BreakpointHit)]
        assert len(found) == 40
        assert sorted(numbers) == [1] * 20 + [2] * 20


def test_ignore_count_is_exact() -> None:
    with program("hammer.c", *MANY) as dbg:
        bp = dbg.break_at("*hot", ignore=HITS - 3)
        found = stops(dbg, dbg.run())
        assert len(found) == 4
        assert bp.hits == HITS


def test_condition_true_for_one_thread() -> None:
    with program("hammer.c", *MANY) as dbg:
        bp = dbg.break_at("*hot", condition="$rdi == 3")
        found = stops(dbg, dbg.run())
        assert len(found) == ROUNDS + 1
        assert bp.hits == ROUNDS


def test_no_thread_starves_among_many_that_stop() -> None:
    """The kernel would name the youngest of them for ever."""
    with program("hammer.c", "60", "1000000") as dbg:
        bp = dbg.break_at("*hot", condition='$rdi == 1 && $_streq((char *)$rdx, "0123456789abcde")')
        dbg.run()
        for _ in range(3):
            dbg.cont()
        assert bp.hits == 4
        assert dbg.regs.rdi == 1


def test_temporary_breakpoint_hit_by_all_threads_stops_once() -> None:
    with program("hammer.c", *MANY) as dbg:
        for _ in range(3):
            bp = dbg.break_at("*hot", temporary=True)
            event = dbg.run()
            assert isinstance(event, pydbg.BreakpointHit)
            assert event.temporary
            assert event.numbers == (bp.number,)
            assert bp.number not in dbg.breakpoints
            expect_exit(dbg.cont())


def test_enable_once_and_count() -> None:
    with program("hammer.c", *MANY) as dbg:
        bp = dbg.break_at("*hot")
        bp.disable_after = 3
        found = stops(dbg, dbg.run())
        assert len(found) == 4
        assert not bp.enabled


def test_thread_specific() -> None:
    with program("hammer.c", *MANY) as dbg:
        dbg.run(stop="main")
        bp = dbg.break_at("*hot", thread=3)
        found = stops(dbg, dbg.cont())
        assert len(found) == ROUNDS + 1
        assert len({event.tid for event in found[:-1]}) == 1
        assert bp.hits == ROUNDS


@pytest.mark.parametrize("where", ["launch", "first thread"])
def test_hardware_breakpoint_in_all_threads(where: str) -> None:
    with program("hammer.c", *MANY) as dbg:
        if where == "first thread":
            dbg.break_at("worker", temporary=True)
            dbg.run()
        else:
            dbg.run(stop="entry")
        bp = dbg.break_at("*hot", hardware=True, ignore=HITS - 2)
        found = stops(dbg, dbg.cont())
        assert bp.hits == HITS
        assert len(found) == 3


def test_hardware_breakpoint_leaves_memory_alone_and_counts_steps() -> None:
    with program("hammer.c", "1", "3") as dbg:
        dbg.run(stop="entry")
        bp = dbg.break_at("*&at_mov", hardware=True)
        dbg.break_at("*hot")
        assert isinstance(dbg.cont(), pydbg.BreakpointHit)
        event = dbg.stepi()
        assert isinstance(event, pydbg.BreakpointHit)
        assert event.numbers == (1,)
        assert dbg.regs.rip == event.addr
        dbg.stepi()
        assert dbg.regs.rip == addr_of(dbg, "at_lea")
        dbg.delete(2)
        found = stops(dbg, dbg.cont())
        assert len(found) == 3
        assert bp.hits == 3


def test_only_four_hardware_breakpoints() -> None:
    with program("hammer.c") as dbg:
        dbg.run(stop="entry")
        points = [dbg.break_at(label, hardware=True) for label in LABELS[:4]]
        with pytest.raises(pydbg.DebuggerError, match="in use"):
            dbg.break_at("plus_one", hardware=True)
        dbg.delete(points[0].number)
        dbg.break_at("plus_one", hardware=True)
        for number in list(dbg.breakpoints):
            dbg.delete(number)
        expect_exit(dbg.cont())


def test_memory_hides_breakpoints_and_writes_go_beneath() -> None:
    with program("hammer.c", "1", "8") as dbg:
        dbg.run(stop="main")
        hot = addr_of(dbg, "hot")
        before = dbg.memory[hot : hot + 16]
        bp = dbg.break_at("*hot")
        neighbour = dbg.break_at("*&at_mov")
        for _ in range(6):  # From the fifth hit on by a slot.
            dbg.cont()
            assert dbg.memory[hot : hot + 16] == before
            assert dbg.memory[hot] == before[0]
        # `push %rbp; mov %rsp, %rbp` becomes `nop; nop`: the site must run what is there now.
        dbg.delete(neighbour.number)
        at_call = addr_of(dbg, "at_call")
        original = dbg.memory[at_call : at_call + 5]
        other = dbg.break_at("*&at_call", ignore=1000)
        dbg.cont()
        dbg.memory[at_call : at_call + 5] = b"\x48\x8d\x47\x01\x90"  # lea 1(%rdi), %rax; nop
        assert dbg.memory[at_call : at_call + 5] != original
        bp.enabled = False
        expect_exit(dbg.cont())
        assert other.hits >= 4


def test_breakpoints_set_and_deleted_by_callbacks() -> None:
    with program("hammer.c", *MANY) as dbg:
        made: list[pydbg.debugger.Breakpoint] = []

        def first(point: object) -> None:
            if not made:
                made.append(dbg.break_at("*&at_pop", callback=second))

        def second(point: object) -> None:
            if made[0].hits == 5:
                dbg.delete(made[0].number)

        bp = dbg.break_at("*hot", callback=first)
        expect_exit(dbg.run())
        assert bp.hits == HITS
        assert made[0].hits == 5
        assert len(dbg.breakpoints) == 1


def test_callback_deletes_its_own_breakpoint() -> None:
    with program("hammer.c", *MANY) as dbg:
        bp = dbg.break_at("*hot", callback=lambda point: dbg.delete(point.number))
        expect_exit(dbg.run())
        assert bp.hits == 1


def test_callback_stops_and_raises() -> None:
    with program("hammer.c", *MANY) as dbg:
        dbg.break_at("*hot", callback=lambda point: pydbg.STOP if point.hits == 4 else None)
        event = dbg.run()
        assert isinstance(event, pydbg.BreakpointHit)
        dbg.delete(1)

        def broken(point: object) -> None:
            raise ZeroDivisionError

        bp = dbg.break_at("*&at_ret", callback=broken)
        with pytest.raises(ZeroDivisionError):
            dbg.cont()
        assert dbg.threads
        assert bp.hits == 1
        dbg.delete(bp.number)
        expect_exit(dbg.cont())


def test_a_callback_cannot_resume_but_may_call_functions() -> None:
    with program("hammer.c", "4", "6") as dbg:
        answers: list[int] = []

        def callback(point: object) -> None:
            with pytest.raises(pydbg.CommandError, match="cannot be resumed"):
                dbg.cont()
            answers.append(int(dbg.eval("((long (*)(long))plus_one)($rdi)")) - dbg.regs.rdi)

        bp = dbg.break_at("*hot", callback=callback)
        expect_exit(dbg.run())
        assert answers == [1] * 24
        assert bp.hits == 24


def test_condition_calls_a_function_of_the_program() -> None:
    with program("hammer.c", "4", "6") as dbg:
        dbg.run(stop="main")
        bp = dbg.break_at("*hot", condition="((long (*)(long))plus_one)($rdi) == 3")
        found = stops(dbg, dbg.cont())
        assert len(found) == 7
        assert bp.hits == 6


def test_other_threads_stand_before_the_breakpoint() -> None:
    with program("hammer.c", *MANY) as dbg:
        dbg.break_at("*&at_lea")
        dbg.run()
        place = addr_of(dbg, "at_lea")
        for _ in range(30):
            event = dbg.cont()
            if not isinstance(event, pydbg.BreakpointHit):
                break
            for thread in dbg.threads:
                assert thread.pc != place + 1


def test_hits_as_gdb_counts_them() -> None:
    commands = ["break hit if $rdi > 5", "ignore 1 20", "run", "info breakpoints"]
    text = gdb(build("loop.c"), *commands, args=["30"])
    found = re.search(r"already hit (\d+) time", text)
    assert found
    with program("loop.c", "30") as dbg:
        bp = dbg.break_at("hit", condition="$rdi > 5", ignore=20)
        dbg.run()
        assert bp.hits == int(found[1])
