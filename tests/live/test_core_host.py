"""Attached processes survive whatever happens to the debugger, and the host keeps its own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import pydbg
from tests.support.build import build
from tests.support.live import expect_exit, program, state_of, stops
from tests.support.run import environment


@contextmanager
def running(name: str, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program that says "ready" and exits with 5 when its stdin ends; see that it does."""
    pipe = subprocess.PIPE
    with subprocess.Popen([build(name), *args], stdin=pipe, stdout=pipe) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        try:
            yield child
            assert child.stdin is not None
            child.stdin.close()
            assert child.wait(20) == 5
        finally:
            child.kill()


def tracer_of(pid: int) -> int:
    status = (Path("/proc") / str(pid) / "status").read_text()
    return int(status.partition("TracerPid:")[2].split()[0])


@pytest.mark.parametrize("time", range(4))
def test_attach_while_threads_come_and_go(time: int) -> None:
    with running("spinners.c", "6") as child:
        with pydbg.attach(child.pid) as dbg:
            assert len(dbg.threads) >= 7
            tids = {int(task.name) for task in (Path("/proc") / str(child.pid) / "task").iterdir()}
            assert {t.tid for t in dbg.threads} <= tids
            bp = dbg.break_at("turn", ignore=40)
            assert isinstance(dbg.cont(), pydbg.BreakpointHit)
            assert bp.hits == 41
            if time % 2:
                dbg.detach()
        assert tracer_of(child.pid) == 0


def test_attach_detach_attach() -> None:
    with running("spinners.c", "4") as child:
        for hits in (1, 7, 30):
            with pydbg.attach(child.pid) as dbg:
                dbg.break_at("turn", ignore=hits - 1)
                assert isinstance(dbg.cont(), pydbg.BreakpointHit)
                dbg.break_at("turn", hardware=True)
                dbg.cont()


def test_an_exception_lets_an_attached_process_go() -> None:
    def broken(point: object) -> None:
        raise ZeroDivisionError

    with running("spinners.c", "4") as child:
        with pytest.raises(ZeroDivisionError), pydbg.attach(child.pid) as dbg:
            dbg.break_at("turn", callback=broken)
            dbg.cont()
        assert tracer_of(child.pid) == 0


def test_a_called_function_does_not_outlive_the_debugger() -> None:
    with running("wait.c") as child, pydbg.attach(child.pid) as dbg:
        dbg.break_at("getpid")
        with pytest.raises(pydbg.CommandError, match="function called"):
            dbg.eval("((int (*)())getpid)()")


def test_detach_in_the_midst_of_steps() -> None:
    with running("spinners.c", "2") as child, pydbg.attach(child.pid) as dbg:
        dbg.break_at("turn")
        dbg.cont()
        dbg.stepi(5)
        dbg.nexti(3)
        dbg.detach()


def test_a_stopped_process_stays_stopped() -> None:
    with running("wait.c") as child:
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        with pydbg.attach(child.pid) as dbg:
            assert dbg.frames()
        while state_of(child.pid) == "R":  # On its way back into the stop.
            os.sched_yield()
        assert state_of(child.pid) == "T"
        os.kill(child.pid, signal.SIGCONT)


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_debugger_that_is_ended_lets_go(signo: int) -> None:
    with running("spinners.c", "3") as child:
        commands = ["break turn", "commands 1", "silent", "continue", "end", "ignore 1 20"]
        line = [sys.executable, "-m", "pydbg", "--batch"]
        script = "\n".join([*commands, "echo go\\n", "continue"])
        debugger = subprocess.Popen(
            [*line, "-p", str(child.pid), "-x", "/dev/stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
        assert debugger.stdin is not None
        assert debugger.stdout is not None
        debugger.stdin.write(script.encode())
        debugger.stdin.close()
        seen = []
        for row in debugger.stdout:
            seen.append(row)
            if row == b"go\n":
                break
        debugger.send_signal(signo)
        rest = debugger.stdout.read()
        debugger.wait(20)
        debugger.stdout.close()
        assert tracer_of(child.pid) == 0, (seen, rest)


def test_launched_programs_die_with_the_debugger() -> None:
    script = (
        "import os, pydbg, sys\n"
        "dbg = pydbg.launch(sys.argv[1], 'block', stdout='/dev/null')\n"
        "print(dbg.inferior.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    host = subprocess.Popen(
        [sys.executable, "-c", script, build("sigwait.c")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    )
    assert host.stdout is not None
    pid = int(host.stdout.readline())
    fd = os.pidfd_open(pid)
    host.kill()
    host.communicate()
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    assert poll.poll(10_000)
    os.close(fd)


def test_children_of_the_host_are_its_own() -> None:
    before = subprocess.Popen(["/bin/sh", "-c", "exit 11"])
    os.waitid(os.P_PID, before.pid, os.WEXITED | os.WNOWAIT)
    with program("hammer.c", "4", "30") as dbg:
        bp = dbg.break_at("*hot", ignore=10**6)
        during: list[subprocess.Popen[bytes]] = []

        def start(point: object) -> None:
            during.append(subprocess.Popen(["/bin/sh", "-c", "exit 12"]))

        dbg.break_at("*&at_ret", temporary=True, callback=start)
        expect_exit(dbg.run())
        assert bp.hits == 120
        expect_exit(dbg.run())
    assert before.wait() == 11
    assert [child.wait() for child in during] == [12]


def test_two_debuggers_take_turns() -> None:
    with program("hammer.c", "3", "9") as one, program("hammer.c", "2", "7") as two:
        first, second = one.break_at("*hot"), two.break_at("*&at_lea")
        events = [one.run(), two.run()]
        ends = 0
        while ends < 2:
            ends = 0
            for index, dbg in enumerate((one, two)):
                if isinstance(events[index], pydbg.Exited):
                    ends += 1
                else:
                    events[index] = dbg.cont()
        assert (first.hits, second.hits) == (27, 14)


def test_two_debuggers_in_two_threads() -> None:
    counts: dict[int, int] = {}
    errors: list[BaseException] = []

    def debug(rounds: int) -> None:
        try:
            with program("hammer.c", "3", str(rounds)) as dbg:
                bp = dbg.break_at("*hot", condition="$rdi != 0")
                found = stops(dbg, dbg.run())
                expect_exit(found.pop())
                counts[rounds] = bp.hits
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=debug, args=(rounds,)) for rounds in (5, 8, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert counts == {5: 15, 8: 24, 11: 33}


def test_interrupt_from_the_main_thread() -> None:
    ready = threading.Event()
    debuggers: list[pydbg.Debugger] = []
    events: list[pydbg.Event] = []

    def debug() -> None:
        read, write = os.pipe()
        with program("sigwait.c", "wait") as dbg, os.fdopen(read) as output:
            dbg.stdout = write
            dbg.run(stop="main")
            debuggers.append(dbg)
            dbg.break_at("sigwait", callback=lambda point: ready.set())
            events.append(dbg.cont())
            os.close(write)
            assert output.readline() == "ready\n"

    thread = threading.Thread(target=debug)
    thread.start()
    assert ready.wait(20)
    while thread.is_alive():
        debuggers[0].interrupt()
        thread.join(0.05)
    assert isinstance(events[0], pydbg.Interrupted), events
