"""The library as programs use it: launch, commands as text, events, threads, two at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import pydbg
from tests.support.build import build
from tests.support.live import addr_of, expect_exit, program


def test_launch_with_streams_environment_and_directory(tmp_path: Path) -> None:
    given, taken = tmp_path / "in", tmp_path / "out"
    given.write_text("hello\n")
    script = 'read line; echo "$line $WORD $(pwd) $#"; echo problem >&2'
    with taken.open("w") as out, pydbg.launch(
        Path("/bin/sh"), "-c", script, "sh", "a", "b",
        env={"WORD": "there", "PATH": "/bin"}, cwd=str(tmp_path),
        stdin=str(given), stdout=out.fileno(), stderr="/dev/null",
    ) as dbg:  # fmt: skip
        expect_exit(dbg.cont())
    assert taken.read_text() == f"hello there {tmp_path} 2\n"


def test_leaving_the_block_ends_what_was_launched() -> None:
    with pytest.raises(ZeroDivisionError), pydbg.launch("/bin/sleep", "1000") as dbg:
        assert dbg.inferior is not None
        pid = dbg.inferior.pid
        raise ZeroDivisionError
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    dbg.close()  # Once more does no harm.


def test_what_cannot_be_launched() -> None:
    with pytest.raises(pydbg.FileError, match="No such file"):
        pydbg.launch("/nonexistent")
    with pytest.raises(pydbg.DebuggerError):
        pydbg.launch("/etc/hostname")
    with pytest.raises(pydbg.UsageError):
        pydbg.launch("/bin/true", settings={"nosuch": "on"})


def test_commands_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    with program("plain.c") as dbg:
        text = dbg.execute("break main", to_string=True)
        assert text.startswith("Breakpoint 1 at ")
        dbg.run()
        assert dbg.execute("print 1 + 1") is None
        assert capsys.readouterr().out == "$1 = 2\n"
        text = dbg.execute("backtrace", to_string=True)
        assert text.startswith("#0 ") and "main" in text
        text = dbg.execute("break main\ncommands\nprint 7\nend\ninfo breakpoints", to_string=True)
        assert "        print 7\n" in text
        with pytest.raises(pydbg.UsageError, match="Undefined command"):
            dbg.execute("nosuch")
        with pytest.raises(pydbg.DebuggerError, match="<execute>:2: "):
            dbg.execute("print 1\nnosuch\nprint 2", to_string=True)
        capsys.readouterr()
        expect_exit(dbg.cont(), 7)
        assert capsys.readouterr().out == ""  # Nobody asked for what happens in between.
        assert dbg.execute("run", to_string=True).count("Breakpoint 1") == 1
        dbg.execute("quit")
        assert dbg.inferior is None


def test_commands_in_python() -> None:
    @pydbg.command("twice", summary="Say it twice.")
    def twice(session: object, parsed: object) -> str:
        text = getattr(parsed, "text", "")
        return f"{text} {text}"

    with pydbg.Debugger() as dbg:
        dbg.session.commands.add(twice.command)  # type: ignore[attr-defined]
        assert dbg.execute("twice word", to_string=True) == "word word\n"
        assert "Say it twice." in dbg.execute("help twice", to_string=True)


def test_events_one_after_another() -> None:
    with program("threads.c", "2") as dbg:
        dbg.break_at("worker")
        seen = [type(event).__name__ for event in dbg.events(notices=True)]
        assert seen[-1] == "Exited"
        assert seen.count("BreakpointHit") == seen.count("ThreadCreated") > 0
        assert "ModuleLoaded" in seen
        again = [type(event).__name__ for event in dbg.events()]
        assert again == ["BreakpointHit"] * seen.count("BreakpointHit") + ["Exited"]


def test_events_are_frozen_and_match() -> None:
    with program("plain.c") as dbg:
        dbg.break_at("main")
        event = dbg.run()
        match event:
            case pydbg.BreakpointHit(pid, tid, addr, (number,)):
                assert (pid, tid, addr, number) == (event.pid, event.tid, dbg.regs.rip, 1)
            case _:
                raise AssertionError(event)
        with pytest.raises(AttributeError):
            event.pid = 1  # type: ignore[misc]
        assert event == dbg.last_event and hash(event) == hash(dbg.last_event)


def test_a_callback_goes_on_or_stops() -> None:
    with program("recurse.c", "5") as dbg:
        depths: list[int] = []

        def called(point: pydbg.Breakpoint) -> object:
            depths.append(dbg.regs.rdi)
            assert dbg.frames(1)[0].function == "descend"
            return pydbg.STOP if dbg.regs.rdi == 2 else None

        point = dbg.break_at("descend", callback=called)
        event = dbg.run()
        assert isinstance(event, pydbg.BreakpointHit) and event.numbers == (point.number,)
        assert depths == [5, 4, 3, 2] and point.hit_count == 4
        point.condition = "$rdi == 0"
        expect_exit(dbg.cont())
        assert depths == [5, 4, 3, 2, 0]
        with pytest.raises(pydbg.ExprError):
            point.condition = "1 +"
        assert point.condition == "$rdi == 0"


def test_a_callback_may_look_and_change_but_not_run() -> None:
    with program("recurse.c", "3") as dbg:
        problems: list[str] = []

        def called(point: pydbg.Breakpoint) -> None:
            try:
                dbg.cont()
            except pydbg.CommandError as error:
                problems.append(str(error))
            dbg.delete(point.number)
            dbg.break_at("descend", condition="$rdi == 1")

        dbg.break_at("descend", callback=called)
        event = dbg.run()
        assert isinstance(event, pydbg.BreakpointHit) and event.numbers == (2,)
        assert dbg.regs.rdi == 1
        assert problems == ["The program cannot be resumed from a callback or a condition."]


def test_it_works_in_any_thread() -> None:
    results: list[object] = []

    def work() -> None:
        with program("threads.c", "2") as dbg:
            point = dbg.break_at("worker", callback=lambda _: None)
            results.append(type(dbg.run()).__name__)
            results.append(point.hit_count > 0)

    before = {signo: signal.getsignal(signo) for signo in (signal.SIGINT, signal.SIGCHLD)}
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("Exited") == results.count(True) == 3
    assert before == {signo: signal.getsignal(signo) for signo in before}


def test_interrupt_from_another_thread() -> None:
    with pydbg.launch("/bin/sleep", "1000") as dbg:
        running = threading.Event()
        dbg.catch_syscall("clock_nanosleep", on_entry=lambda _: running.set())

        def stop() -> None:
            running.wait()
            while not stopped.is_set():
                dbg.interrupt()
                stopped.wait(0.01)

        stopped = threading.Event()
        helper = threading.Thread(target=stop)
        helper.start()
        try:
            assert isinstance(dbg.cont(), pydbg.Interrupted)
        finally:
            stopped.set()
            helper.join()


def test_two_debuggers_in_one_thread() -> None:
    with program("threads.c", "3") as one, program("recurse.c", "4") as two:
        first, second = one.break_at("worker"), two.break_at("descend")
        events = [one.run(), two.run()]
        ended = [False, False]
        while not all(ended):
            for index, dbg in enumerate((one, two)):
                if not ended[index]:
                    events[index] = dbg.cont()
                    ended[index] = isinstance(events[index], pydbg.Exited)
        for event in events:
            expect_exit(event)
        assert first.hit_count > 1 and second.hit_count == 5
        assert one.breakpoints != two.breakpoints


def test_two_debuggers_when_one_program_dies_meanwhile() -> None:
    with program("threads.c", "3") as one, pydbg.launch("/bin/sleep", "1000") as two:
        assert two.inferior is not None
        one.break_at("worker", callback=lambda _: None)
        os.kill(two.inferior.pid, signal.SIGKILL)
        expect_exit(one.run())
        event = two.cont()
        assert isinstance(event, pydbg.Killed) and event.signo == signal.SIGKILL


def test_children_of_the_host_stay_its_own() -> None:
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    with os.fdopen(os.pidfd_open(child.pid)):
        with program("threads.c", "2") as dbg:
            dbg.break_at("worker", callback=lambda _: None)
            expect_exit(dbg.run())
            dbg.run(stop="main")
        assert child.wait() == 7


def test_attach_and_let_go() -> None:
    child = subprocess.Popen(["/bin/sleep", "1000"])
    try:
        with pydbg.attach(child.pid, settings={"confirm": "off"}) as dbg:
            assert dbg.inferior is not None and dbg.inferior.pid == child.pid
            assert dbg.frames() and dbg.regs.rip
            with pytest.raises(pydbg.CommandError, match="already"):
                pydbg.attach(child.pid)
        assert child.poll() is None
    finally:
        child.kill()
        assert child.wait() == -signal.SIGKILL
    with pytest.raises(pydbg.DebuggerError):
        pydbg.attach(child.pid)


def test_it_starts_fast_and_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, pydbg; pydbg.launch('/bin/true').close();"
         "print(*sorted({'asyncio', 'prompt_toolkit', 'elftools'} & set(sys.modules)))"],
        capture_output=True, text=True, check=True,
        cwd=Path(pydbg.__file__).parents[1],
    )  # fmt: skip
    assert done.stdout.split() == []


def test_addresses_symbols_and_values_agree() -> None:
    with program("plain.c") as dbg:
        dbg.run(stop="main")
        main = addr_of(dbg, "main")
        assert dbg.symbolize(main) == "<main>"
        assert dbg.resolve("main")[0].addr == dbg.regs.rip
        frame = dbg.frame
        assert frame is not None and frame.function == "main" and frame.file
        assert build("plain.c").samefile(frame.module.path if frame.module else "")


def test_leaving_at_the_exit_of_the_program() -> None:
    """A program that is stopped at its exit does not wake from SIGKILL alone."""
    with pydbg.launch("/bin/false") as dbg:
        dbg.catch("exit")
        event = dbg.cont()
        assert isinstance(event, pydbg.CatchHit) and event.kind == "exit"


def test_advance_at_the_first_instruction() -> None:
    """What called it is nothing that a breakpoint could be set at."""
    with pydbg.launch("/bin/true") as dbg:
        assert isinstance(dbg.advance("_dl_start_user"), pydbg.LocationReached)
        expect_exit(dbg.cont())
