"""asyncio: the loop stays alive, the host keeps its children, cancelling stops the program."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

import pydbg
from tests.support.build import build
from tests.support.live import state_of


def coroutine_test(
    function: Callable[[], Coroutine[Any, Any, None]],
) -> Callable[[], None]:
    """Run a coroutine as a test, and check that it changed no signal handler."""

    @wraps(function)
    def run() -> None:
        before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGCHLD, signal.SIGURG)}
        threads = threading.active_count()
        asyncio.run(asyncio.wait_for(function(), 60))
        assert before == {s: signal.getsignal(s) for s in before}
        for thread in threading.enumerate():
            if thread.name == "pydbg":
                thread.join(10)
        assert threading.active_count() <= threads

    return run


@coroutine_test
async def test_events_until_the_end() -> None:
    async with pydbg.aio.launch(build("threads.c"), "2", stdout="/dev/null") as dbg:
        point = await dbg.break_at("worker")
        kinds = []
        async for event in dbg.events(notices=True):
            kinds.append(type(event).__name__)
            if isinstance(event, pydbg.BreakpointHit):
                registers = await dbg.registers()
                assert registers["rip"] == event.addr == point.locations[0].addr
                assert (await dbg.frames())[0].function == "worker"
        assert kinds[-1] == "Exited"
        assert kinds.count("BreakpointHit") == kinds.count("ThreadCreated") > 0


@coroutine_test
async def test_the_loop_runs_on_and_keeps_its_children() -> None:
    """While a program is waited for, other coroutines and their children live."""
    async with pydbg.aio.launch("/bin/sleep", "1000") as dbg:
        run = asyncio.create_task(dbg.cont())
        children = [
            await asyncio.create_subprocess_exec("/bin/sh", "-c", f"exit {code}")
            for code in range(1, 6)
        ]
        assert [await child.wait() for child in children] == [1, 2, 3, 4, 5]
        done = await asyncio.to_thread(subprocess.run, ["/bin/sh", "-c", "exit 9"])
        assert done.returncode == 9
        assert not run.done()
        while not run.done():
            dbg.interrupt()
            await asyncio.wait([run], timeout=0.05)
        assert isinstance(await run, pydbg.Interrupted)


@coroutine_test
async def test_cancelling_stops_the_program() -> None:
    async with pydbg.aio.launch("/bin/sleep", "1000") as dbg:
        assert dbg.sync.inferior is not None
        pid = dbg.sync.inferior.pid
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(dbg.cont(), 0.05)
            assert state_of(pid) == "t"
            assert (await dbg.registers())["rip"]
        stream = dbg.events()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(anext(stream), 0.05)
        await stream.aclose()
        assert state_of(pid) == "t"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@coroutine_test
async def test_callbacks_of_both_kinds() -> None:
    async with pydbg.aio.launch("/bin/sh", "-c", "echo a; echo b", stdout="/dev/null") as dbg:
        seen: list[object] = []
        here = threading.get_ident()

        async def wrote(call: pydbg.SyscallCaught) -> object:
            assert threading.get_ident() == here
            await asyncio.wait([asyncio.create_task(asyncio.to_thread(int))])
            seen.append(await dbg.read(call.args[1], call.args[2]))
            with pytest.raises(pydbg.CommandError):
                await dbg.cont()
            return pydbg.STOP if len(seen) == 2 else None

        await dbg.catch_syscall("write", on_entry=wrote)
        event = await dbg.cont()
        assert isinstance(event, pydbg.SyscallCaught) and seen == [b"a\n", b"b\n"]

        def back(call: pydbg.SyscallCaught) -> None:
            assert threading.get_ident() != here
            seen.append((dbg.sync.regs.rip > 0, call.ret))

        # The call that the program is at the entry of counts as well.
        await dbg.catch_syscall("write", on_return=back)
        await dbg.catch_syscall("exit_group", on_entry=lambda _: seen.append("end"))
        assert isinstance(await dbg.cont(), pydbg.Exited)
        assert seen[2:] == [(True, 2), "end"]


@coroutine_test
async def test_an_error_in_a_coroutine_callback_comes_out() -> None:
    async with pydbg.aio.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:

        async def broken(call: pydbg.SyscallCaught) -> None:
            raise KeyError("mine")

        await dbg.catch_syscall("write", on_entry=broken)
        with pytest.raises(KeyError, match="mine"):
            await dbg.cont()
        assert (await dbg.registers())["rip"]


@coroutine_test
async def test_many_debuggers_at_once() -> None:
    async def one(code: int) -> int:
        async with pydbg.aio.launch("/bin/sh", "-c", f"true; exit {code}") as dbg:
            await dbg.break_at("main", pending=True)
            async for event in dbg.events():
                if isinstance(event, pydbg.Exited):
                    return event.code
        return -1

    assert await asyncio.gather(*(one(code) for code in range(6))) == list(range(6))


@coroutine_test
async def test_every_way_to_ask() -> None:
    async with pydbg.aio.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:
        assert await dbg.execute("print 1 + 1") == "$1 = 2\n"
        assert int(await dbg.eval("6 * 7")) == 42
        rsp = (await dbg.registers())["rsp"]
        await dbg.write(rsp, b"abcd")
        assert await dbg.read(rsp, 4) == b"abcd"
        await dbg.stepi(3)
        with pytest.raises(pydbg.MemoryFault):
            await dbg.read(0, 1)
        assert await dbg.do(lambda d: d.thread is not None and d.thread.name) == "echo"
        watch = await dbg.watch(rsp)
        await dbg.delete(watch.number)


@coroutine_test
async def test_what_cannot_be_launched() -> None:
    with pytest.raises(pydbg.FileError):
        await pydbg.aio.launch("/nonexistent")
    with pytest.raises(pydbg.DebuggerError):
        async with pydbg.aio.attach(2**22 - 3):
            pass


@coroutine_test
async def test_attach_and_let_go() -> None:
    child = subprocess.Popen(["/bin/sleep", "1000"])
    async with pydbg.aio.attach(child.pid) as dbg:
        assert state_of(child.pid) == "t"
        assert await dbg.frames()
    assert child.poll() is None and state_of(child.pid) != "t"
    child.kill()
    assert child.wait() == -signal.SIGKILL
