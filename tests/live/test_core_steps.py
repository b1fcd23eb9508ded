"""Steps, finish, until, jump and calls of functions, and what may come between."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

import pydbg
from tests.support.build import build
from tests.support.live import expect_exit, program, stops
from tests.support.marks import line_of
from tests.support.oracle import gdb


def gdb_steps(
    path: Path, command: str, count: int, *before: str, args: tuple[str, ...]
) -> list[int]:
    """Return the pc after each of ``count`` commands, as gdb has it."""
    commands = [*before, "run"]
    mask = (1 << (32 if path.read_bytes()[4] == 1 else 64)) - 1  # EI_CLASS, elf(5)
    for _ in range(count):
        commands += [command, 'printf "PC=%lx\\n", (long)$pc']
    text = gdb(path, *commands, args=args)
    return [int(pc, 16) & mask for pc in re.findall(r"^PC=([0-9a-f]+)$", text, re.MULTILINE)]


@pytest.mark.parametrize("command", ["stepi", "nexti"])
@pytest.mark.parametrize(
    ("name", "variant", "where"),
    [
        ("plain.c", "pie", "main"),
        ("plain.c", "m32", "main"),
        ("recurse.c", "nopie", "descend"),
        ("leaf.c", "O2", "main"),
    ],
)
def test_the_same_way_as_gdb(command: str, name: str, variant: str, where: str) -> None:
    path = build(name, variant)
    args = ("4",) if name == "recurse.c" else ()
    count = 60
    expected = gdb_steps(path, command, count, f"break {where}", args=args)
    with program(name, *args, variant=variant) as dbg:
        dbg.break_at(where, temporary=name == "recurse.c")
        dbg.run()
        if name == "recurse.c":
            expected = gdb_steps(path, command, count, f"tbreak {where}", args=args)
        found = []
        for _ in expected:
            event = getattr(dbg, command)()
            if isinstance(event, pydbg.Exited):
                break
            found.append(dbg.regs.pc)
        assert found == expected[: len(found)]
        assert len(found) > 15


@pytest.mark.parametrize("command", ["stepi", "nexti"])
def test_a_step_over_pushf_leaves_no_trace(command: str) -> None:
    # gdb leaves the trap flag in the pushed word, and the program traps after its popf.
    with program("steps.S") as dbg:
        dbg.run(stop="entry")
        way = []
        while isinstance(getattr(dbg, command)(), pydbg.StepDone):
            way.append(dbg.disassemble(dbg.regs.rip, count=1)[0].text.split()[0])
        expected = ["call", "jmp", "mov"] if command == "nexti" else ["call", "push", "mov"]
        at = way.index("popf")
        assert way[at + 1 : at + 4] == expected
        assert dbg.last_event is not None
        expect_exit(dbg.last_event)


def test_many_at_once_stop_at_a_breakpoint() -> None:
    with program("loop.c", "50") as dbg:
        dbg.break_at("main")
        dbg.run()
        bp = dbg.break_at("*hit")
        event = dbg.stepi(100_000)
        assert isinstance(event, pydbg.BreakpointHit)
        assert event.numbers == (bp.number,)
        event = dbg.stepi(100_000)
        assert isinstance(event, pydbg.BreakpointHit)
        assert bp.hits == 2


def test_steps_to_kinds_of_instructions() -> None:
    with program("steps.S") as dbg:
        dbg.run(stop="entry")
        for what, mnemonic in (("jump", "jne"), ("call", "call"), ("ret", "ret"), ("jump", "jmp")):
            event = dbg.step_to(what)
            assert isinstance(event, pydbg.StepDone)
            assert dbg.disassemble(dbg.regs.rip, count=1)[0].text.startswith(mnemonic)
        dbg.step_to("syscall")
        assert dbg.regs.orig_rax == 39


@pytest.mark.parametrize("variant", ["pie", "nopie", "m32"])
def test_finish_in_recursion(variant: str) -> None:
    with program("recurse.c", "9", variant=variant) as dbg:
        dbg.break_at("descend", ignore=5)
        dbg.run()
        dbg.delete(1)
        depth = len(dbg.frames())
        event = dbg.finish()
        assert isinstance(event, pydbg.FunctionFinished)
        assert len(dbg.frames()) == depth - 1
        dbg.select_frame(2)
        event = dbg.finish()
        assert isinstance(event, pydbg.FunctionFinished)
        assert len(dbg.frames()) == depth - 4


def test_finish_out_of_a_handler() -> None:
    with program("handlers.c") as dbg:
        dbg.signals.handle([signal.SIGUSR1], ["nostop", "noprint"])
        dbg.break_at("*work", temporary=True)
        dbg.run()
        here = dbg.regs.rip
        dbg.break_at("handler")
        dbg.signal(signal.SIGUSR1)
        event = dbg.finish()
        assert isinstance(event, pydbg.FunctionFinished)
        frames = dbg.frames()
        assert frames[1].addr == here or frames[0].is_signal_frame


def test_nothing_that_goes_on_destroys_a_step() -> None:
    with program("recurse.c", "6") as dbg:
        dbg.break_at("descend", temporary=True)
        dbg.run()
        passed = dbg.break_at("descend", callback=lambda point: None)
        event = dbg.finish()
        assert isinstance(event, pydbg.FunctionFinished)
        assert passed.hits == 6
        dbg.run(stop="main")
        hits = passed.hits
        after = 0
        while passed.hits == hits:
            event = dbg.nexti()
            assert isinstance(event, pydbg.StepDone)
            after = dbg.regs.rip
        assert passed.hits >= hits + 6
        frame = dbg.frame
        assert frame is not None
        assert frame.function == "main"
        assert after == frame.addr


def test_commands_that_go_on_take_up_what_was_under_way() -> None:
    with program("plain.c") as dbg:
        dbg.break_at("outer", temporary=True)
        dbg.run()
        dbg.break_at("inner")
        event = dbg.finish()
        hits = 0
        dbg.control.acting = True
        while isinstance(event, pydbg.BreakpointHit):
            hits += 1
            event = dbg.control.go()
        dbg.control.acting = False
        assert hits == 5
        assert isinstance(event, pydbg.FunctionFinished)


def test_until_and_advance() -> None:
    with program("plain.c") as dbg:
        dbg.break_at("outer", temporary=True)
        dbg.run()
        event = dbg.advance("inner")
        assert isinstance(event, pydbg.LocationReached)
        assert dbg.frame is not None
        assert dbg.frame.function == "inner"
        event = dbg.until("main")  # Not reached again: the frame returns first.
        assert isinstance(event, pydbg.LocationReached)
        assert dbg.frame.function == "outer"
        bp = dbg.break_at("inner")
        event = dbg.until(f"plain.c:{line_of('plain.c', 'end')}")
        assert isinstance(event, pydbg.BreakpointHit)
        assert bp.hits == 1


def test_jump() -> None:
    with program("plain.c") as dbg:
        dbg.break_at(f"plain.c:{line_of('plain.c', 'main')}")
        dbg.run()
        bp = dbg.break_at(f"plain.c:{line_of('plain.c', 'end')}")
        event = dbg.jump(f"plain.c:{line_of('plain.c', 'end')}")
        assert isinstance(event, pydbg.BreakpointHit)
        assert event.numbers == (bp.number,)
        expect_exit(dbg.cont(), 7)


@pytest.mark.parametrize("variant", ["pie", "m32"])
def test_calls_and_what_they_leave(variant: str) -> None:
    with program("plain.c", variant=variant) as dbg:
        dbg.break_at("inner")
        dbg.run()
        before = {name: dbg.regs[name] for name in dbg.regs.names()}
        assert int(dbg.eval("outer(0)")) == 0
        assert int(dbg.eval('((int (*)(const char *))puts)("x")')) >= 0
        assert {name: dbg.regs[name] for name in dbg.regs.names()} == before
        counter = int(dbg.eval("*(int *)&counter"))
        bp = dbg.breakpoints[1]
        hits = bp.hits
        dbg.delete(1)
        assert int(dbg.eval("inner(20, 22)")) == 42
        assert int(dbg.eval("*(int *)&counter")) == counter + 42
        assert {name: dbg.regs[name] for name in dbg.regs.names()} == before
        assert hits == 1
        found = stops(dbg, dbg.cont())
        expect_exit(found.pop(), 7)


def test_a_breakpoint_inside_a_called_function() -> None:
    with program("plain.c") as dbg:
        dbg.break_at("main")
        dbg.run()
        before = {name: dbg.regs[name] for name in dbg.regs.names()}
        bp = dbg.break_at("inner")
        with pytest.raises(pydbg.CommandError, match="function called"):
            dbg.eval("outer(2)")
        assert dbg.frame is not None
        assert dbg.frame.function == "inner"
        event = dbg.cont()
        assert isinstance(event, pydbg.BreakpointHit)
        event = dbg.cont()  # The called function returns: back to where it all began.
        assert isinstance(event, pydbg.StepDone)
        assert {name: dbg.regs[name] for name in dbg.regs.names()} == before
        dbg.delete(bp.number)
        expect_exit(dbg.cont(), 7)


def test_a_signal_inside_a_called_function() -> None:
    with program("handlers.c") as dbg:
        dbg.break_at("work")
        dbg.run()
        before = dbg.regs.rip
        with pytest.raises(pydbg.CommandError, match="function called"):
            dbg.eval("((int (*)(int))raise)(10)")
        event = dbg.cont()
        assert isinstance(event, pydbg.StepDone)
        assert dbg.regs.rip == before
        assert int(dbg.eval("*(int *)&handled")) == 1


def test_a_call_in_a_blocked_system_call_is_not_lost() -> None:
    with program("calls.c", "0") as dbg:
        dbg.break_at("round_of_calls")
        dbg.run()
        dbg.select_thread(1)
        dbg.settings.set("scheduler-locking", "on")
        assert int(dbg.eval("((int (*)())getpid)()")) == dbg.inferiors[0].pid
        dbg.settings.set("scheduler-locking", "off")
        dbg.delete(1)
        expect_exit(dbg.cont())


def test_scheduler_locking() -> None:
    with program("hammer.c", "4", "20", settings={"scheduler-locking": "on"}) as dbg:
        dbg.settings.set("scheduler-locking", "off")
        bp = dbg.break_at("*hot")
        event = dbg.run()
        dbg.settings.set("scheduler-locking", "on")
        for _ in range(8):
            again = dbg.cont()
            assert again.tid == event.tid
        dbg.settings.set("scheduler-locking", "off")
        found = stops(dbg, dbg.cont())
        expect_exit(found.pop())
        assert bp.hits == 80
