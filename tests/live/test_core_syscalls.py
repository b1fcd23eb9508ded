"""Caught system calls: by a filter and by stopping at every call, told once each."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import pydbg
from tests.support.build import build
from tests.support.live import expect_exit, program, stops

FILTERED = {"syscall-filter": "auto"}
TRACED = {"syscall-filter": "off"}
WAYS = pytest.mark.parametrize("settings", [FILTERED, TRACED], ids=["filter", "trace"])


PRELOAD = 1
"""The dynamic loader's look for /etc/ld.so.preload."""


def caught(events: list[pydbg.Event]) -> list[tuple[str, str]]:
    return [(e.name, e.phase) for e in events if isinstance(e, pydbg.SyscallCaught)]


@WAYS
@pytest.mark.parametrize("phase", ["entry", "return", "both"])
@pytest.mark.parametrize("variant", ["pie", "m32"])
def test_each_phase(settings: dict[str, str], phase: str, variant: str) -> None:
    with program("calls.c", "1", "2", variant=variant, settings=settings) as dbg:
        dbg.catch_syscall("getppid", phase=phase)
        for _ in range(2):
            found = stops(dbg, dbg.run())
            expect_exit(found.pop())
            phases = ["entry", "return"] if phase == "both" else [phase]
            assert caught(found) == [("getppid", p) for p in phases] * 5
            for event in found:
                assert isinstance(event, pydbg.SyscallCaught)
                assert event.abi == ("i386" if variant == "m32" else "x86_64")
                assert (event.ret is None) == (event.phase == "entry")


@WAYS
def test_many_threads(settings: dict[str, str]) -> None:
    with program("calls.c", "8", "6", settings=settings) as dbg:
        point = dbg.catch_syscall("getppid", condition="0 == 1")
        other = dbg.catch_syscall("access", "faccessat", phase="return")
        other.ignore_count = 10**6
        expect_exit(dbg.run())
        assert point.hits == 0
        assert other.hits == 8 * 6 + 3 + PRELOAD


@WAYS
def test_conditions(settings: dict[str, str]) -> None:
    with program("calls.c", "2", "3", settings=settings) as dbg:
        dbg.catch_syscall("access", "faccessat", condition="$errno == 2")
        found = stops(dbg, dbg.run())
        expect_exit(found.pop())
        assert caught(found) == [("access", "return")] * (9 + PRELOAD)
        assert {e.ret for e in found if isinstance(e, pydbg.SyscallCaught)} == {-2}
        dbg.delete(1)
        dbg.catch_syscall("write", condition="fd == 1 || count == 1", phase="entry")
        dbg.catch_syscall("getppid", condition="$ret == 0")
        found = stops(dbg, dbg.run())
        expect_exit(found.pop())
        assert caught(found) == [("write", "entry")]


@WAYS
def test_a_blocked_call_is_told_once(settings: dict[str, str]) -> None:
    # The main thread blocks in read while the other one stops again and again.
    with program("calls.c", "0", settings=settings) as dbg:
        reads = dbg.catch_syscall("read", phase="both", condition="$arg3 == 1")
        calls = dbg.break_at("round_of_calls")
        found = stops(dbg, dbg.run())
        expect_exit(found.pop())
        assert caught(found) == [("read", "entry"), ("read", "return")]
        assert reads.hits == 2
        assert calls.hits == 3


@WAYS
def test_a_signal_interrupts_a_caught_call(settings: dict[str, str]) -> None:
    with program("wait.c", settings=settings) as dbg:
        read, write = os.pipe()
        dbg.stdin = read
        dbg.catch_syscall("read", condition="fd == 0")
        event = dbg.run()
        assert isinstance(event, pydbg.SyscallCaught)
        assert event.phase == "entry"
        os.kill(event.pid, signal.SIGUSR1)
        dbg.signals.handle([signal.SIGUSR1], ["nostop", "noprint", "nopass"])
        os.write(write, b"x")
        event = dbg.cont()
        while isinstance(event, pydbg.SyscallCaught) and event.ret != 1:
            event = dbg.cont()  # Cut short and made again.
        assert isinstance(event, pydbg.SyscallCaught)
        assert event.phase == "return"
        expect_exit(dbg.cont(), 5)
        os.close(read)
        os.close(write)


@WAYS
def test_catch_everything(settings: dict[str, str]) -> None:
    with program("many_syscalls.c", "20", settings=settings) as dbg:
        dbg.break_at("main")
        dbg.run()
        dbg.catch_syscall(phase="entry")
        found = stops(dbg, dbg.cont())
        expect_exit(found.pop())
        names = [name for name, _ in caught(found)]
        assert names[:21] == ["getppid"] * 20 + ["uname"]
        assert names[-1] == "exit_group"


@WAYS
@pytest.mark.parametrize("threads", ["0", "6"])
def test_added_while_it_runs(settings: dict[str, str], threads: str) -> None:
    with program("calls.c", threads, "4", settings=settings) as dbg:
        dbg.break_at("round_of_calls", temporary=True)
        event = dbg.run()
        assert isinstance(event, pydbg.BreakpointHit)
        point = dbg.catch_syscall("getppid", phase="return")
        point.ignore_count = 10**6
        late = dbg.catch_syscall("exit_group", temporary=True, phase="entry")
        event = dbg.cont()
        assert isinstance(event, pydbg.SyscallCaught)
        assert event.name == "exit_group"
        assert event.temporary
        assert late.number not in dbg.breakpoints
        # All but those of threads that were ahead of the stop.
        assert int(threads) * 3 + 3 <= point.hits <= int(threads) * 4 + 3


def test_added_at_the_very_start_and_in_a_callback() -> None:
    with pydbg.launch(str(build("calls.c")), "1", "3", stdout="/dev/null") as dbg:
        first = dbg.catch_syscall("getppid", phase="entry")
        seen: list[str] = []

        def add(call: pydbg.SyscallCaught) -> None:
            if not seen:
                dbg.catch_syscall("access", on_return=lambda c: seen.append(c.name))
                seen.append("first")

        first.on_entry = add
        expect_exit(dbg.cont())
        assert seen == ["first"] + ["access"] * 6


def test_detach_is_refused_under_a_filter() -> None:
    with program("calls.c") as dbg:
        dbg.catch_syscall("getppid")
        dbg.run()
        with pytest.raises(pydbg.CommandError, match="seccomp"):
            dbg.detach()
        dbg.delete(1)
        with pytest.raises(pydbg.CommandError, match="syscall-filter"):
            dbg.detach()
        expect_exit(dbg.cont())
    with program("calls.c", settings=TRACED) as dbg:
        dbg.catch_syscall("getppid")
        event = dbg.run()
        dbg.detach()
        assert os.waitstatus_to_exitcode(os.waitpid(event.pid, 0)[1]) == 0


@contextmanager
def waiting() -> Iterator[subprocess.Popen[bytes]]:
    """Start the program that waits for a byte, and see it to its end."""
    pipe = subprocess.PIPE
    with subprocess.Popen([build("wait.c")], stdin=pipe, stdout=pipe) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        try:
            yield child
        finally:
            assert child.stdin is not None
            child.stdin.close()
            assert child.wait(20) == 5


def test_catch_in_an_attached_process() -> None:
    with waiting() as child:
        assert child.stdin is not None
        with pydbg.attach(child.pid) as dbg:
            dbg.catch_syscall("read", "exit_group")
            child.stdin.write(b"x")
            child.stdin.flush()
            event = dbg.cont()
            while isinstance(event, pydbg.SyscallCaught) and event.name == "read":
                event = dbg.cont()
            assert isinstance(event, pydbg.SyscallCaught)
            assert event.name == "exit_group"
            assert event.args[0] == 5


def test_a_child_under_the_filter_keeps_its_calls() -> None:
    # `sh` forks children that make the caught call themselves: it must not fail in them.
    script = "/bin/cat /etc/hostname >/dev/null; (exec /bin/cat /etc/hostname) >/dev/null && exit 3"
    with pydbg.Debugger("/bin/sh", ["-c", script]) as dbg:
        dbg.catch_syscall("openat", "read", condition="0 == 1")
        expect_exit(dbg.run(), 3)


def test_step_to_a_system_call() -> None:
    with program("many_syscalls.c", "2") as dbg:
        dbg.break_at("main")
        dbg.run()
        for nr in (110, 110, 63):
            event = dbg.step_to("syscall")
            assert isinstance(event, pydbg.StepDone)
            assert dbg.regs.orig_rax == nr
        dbg.catch_syscall("exit_group", phase="entry")
        event = dbg.step_to("syscall")
        assert isinstance(event, pydbg.SyscallCaught)
