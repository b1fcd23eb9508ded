"""What is kept from stop to stop must not be older than what it speaks of; gdb is asked too."""

from __future__ import annotations

import os
import re

import pytest

import pydbg
from pydbg.linux import procfs
from pydbg.placement import Placement
from tests.live.test_commands_gdb import both
from tests.support.build import build
from tests.support.marks import marks

PLAIN = f"conditions.cc:{marks('conditions.cc')['plain']}"
CHECK = f"conditions.cc:{marks('conditions.cc')['check']}"

LOOKS = (
    "info locals\ninfo args\nprint copy\nprint *p\nprint Base::made\nprint total\nprint series\n"
    "print p->table\nprint title\n"
)
"""Asked at every stop, so that what was kept of the one before would show."""

CHANGES = f"""
break {PLAIN}
run 20
{LOOKS}
set var n = 77
set var series[1] = -9
set var copy.flags.depth = 3
set var p->tag[0] = 'T'
set var Base::made = 12
set var total = -1
set var $rdi = 5
{LOOKS}
print $rdi
up
info locals
set var node.weight = 9.25
down
print p->weight
continue
{LOOKS}
set print elements 2
{LOOKS}
set print elements 200
set print repeats 3
print p->table
set print static-members off
print *p
set print static-members on
set print address off
{LOOKS}
set print address on
break {CHECK}
continue
info args
info locals
print *this
printf "%d %d %s\\n", x, local, name
continue
printf "%d %d %s\\n", i, color, name
printf "%d %d %s\\n", i, color, name
continue
continue
printf "%d %d %s\\n", i, color, name
bt
"""

DISPLAYS = f"""
display i
break {PLAIN}
run 20
display i
display/x p->count
display copy.flags
display total
continue
set var i = 40
set var total = 7
display
continue
up
display
down
undisplay 2
break {CHECK}
continue
info display
continue
"""

RUNS = """
break hit
run hits 5
bt
finish
continue
finish
continue
info registers rip
delete
break loop
run hits 3
next
next
step
info args
finish
next
bt
"""


SIGNALS = f"""
handle SIGUSR1 nostop noprint pass
handle SIGUSR2 nostop noprint
break signals.c:{marks("signals.c")["raise"]}
run
next
print handled
break handler
run
continue
bt 1
finish
continue
handle SIGUSR1 nopass
delete
run
handle SIGUSR1 pass
tbreak signals.c:{marks("signals.c")["end"]}
run
print handled
catch signal SIGUSR1
run
continue
"""


@pytest.mark.parametrize("lines", (CHANGES, DISPLAYS), ids=("changes", "displays"))
@pytest.mark.parametrize("variant", ("pie", "nopie", "dwarf4"))
def test_what_is_written_is_seen(variant: str, lines: str) -> None:
    theirs, ours = both(build("conditions.cc", variant, "-pthread"), *_lines(lines))
    assert ours == theirs


@pytest.mark.parametrize("variant", ("pie", "O2", "nopie"))
def test_a_second_run(variant: str) -> None:
    theirs, ours = both(build("bench.c", variant), *_lines(RUNS))
    assert _without_time(ours) == _without_time(theirs)


@pytest.mark.parametrize("variant", ("pie", "O2"))
def test_signals_that_are_passed_on(variant: str) -> None:
    theirs, ours = both(build("signals.c", variant), *_lines(SIGNALS))
    assert ours == theirs


def _lines(text: str) -> list[str]:
    """Leave out empty lines, which repeat the command before them."""
    return [*filter(None, text.split("\n")), "kill"]


def _without_time(sections: dict[str, str]) -> dict[str, str]:
    """Leave out what the fixture says of its own speed."""
    return {name: re.sub(r"each .* ns", "each", text) for name, text in sections.items()}


def test_a_printer_for_numbers_is_asked_once_it_is_there() -> None:
    program = build("conditions.cc", "pie", "-pthread")
    with pydbg.launch(str(program), "5") as dbg:
        dbg.break_at(PLAIN)
        dbg.cont()
        formatter = dbg.formatter(dbg.frame)
        assert formatter.inner(dbg.eval("series")).startswith("{1, -2, 3")
        dbg.printers.add("int", lambda value, program: f"<{int(value)}>")
        formatter = dbg.formatter(dbg.frame)
        assert formatter.inner(dbg.eval("series")).startswith("{<1>, <-2>, <3>")
        assert "<0>" in formatter.inner(dbg.eval("*p"))
        dbg.printers.rules.clear()
        assert dbg.formatter(dbg.frame).inner(dbg.eval("series")).startswith("{1, -2, 3")


def test_memory_written_by_another_program_is_seen_after_the_next_stop() -> None:
    program = build("conditions.cc", "pie", "-pthread")
    with pydbg.launch(str(program), "5") as dbg:
        dbg.break_at(PLAIN)
        dbg.cont()
        where = int(dbg.eval("&n"))
        dbg.memory.write(where, (123).to_bytes(8, "little"))
        assert int(dbg.eval("n")) == 123
        dbg.thread.inferior.sites.keep(where, (9).to_bytes(8, "little"))
        assert int(dbg.eval("n")) == 9  # As it was read at the stop.
        dbg.stepi()
        assert int(dbg.eval("n")) == 123


def test_placement_leaves_nothing_behind() -> None:
    """While a stop is told the debugger has its own policy and CPUs, and in the end, too."""
    policy, cpus = os.sched_getscheduler(0), os.sched_getaffinity(0)
    program = build("bench.c")
    with pydbg.launch(str(program), "hits", "100000") as dbg:
        dbg.break_at("hit")
        dbg.cont()
        for _ in range(200):
            dbg.next()
            assert (os.sched_getscheduler(0), os.sched_getaffinity(0)) == (policy, cpus)
    assert (os.sched_getscheduler(0), os.sched_getaffinity(0)) == (policy, cpus)


def test_placement_rests_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an idle machine, which this one is said to be."""
    policy, cpus = os.sched_getscheduler(0), os.sched_getaffinity(0)
    monkeypatch.setattr(procfs, "runnable", lambda: 1)

    class Here:
        tid = os.getpid()

    placement = Placement()
    entered = 0
    for _ in range(500):
        placement.follow(Here, {Here.tid: Here})
        entered += os.sched_getscheduler(0) == os.SCHED_IDLE
        placement.rest()
        assert (os.sched_getscheduler(0), os.sched_getaffinity(0)) == (policy, cpus)
    placement.leave()
    assert (os.sched_getscheduler(0), os.sched_getaffinity(0)) == (policy, cpus)
    may = procfs.effective_capabilities(os.getpid()) >> 23 & 1  # CAP_SYS_NICE
    assert bool(entered) <= bool(may)
    monkeypatch.setattr(procfs, "runnable", lambda: 3)
    busy = Placement()
    for _ in range(500):
        busy.follow(Here, {Here.tid: Here})
        assert os.sched_getscheduler(0) == policy
        busy.rest()
