"""The contract of scripted sessions: exit statuses, timeouts, what must have happened."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.run import batch, command, environment, pydbg


@pytest.fixture(scope="module")
def plain() -> Path:
    return build("plain.c", "pie")


@pytest.fixture(scope="module")
def crash() -> Path:
    return build("segfault.c", "pie")


def test_status_0_all_commands_succeeded(plain: Path) -> None:
    assert batch(plain, "run").returncode == 0  # the program's own 7 is no error


def test_status_1_a_command_failed(plain: Path) -> None:
    assert batch(plain, "print nosuch", "print 1").returncode == 1


def test_status_1_with_keep_going_at_the_end(plain: Path) -> None:
    done = batch(plain, "print nosuch", "print 1", options=["--keep-going"])
    assert (done.returncode, done.stdout) == (1, "$1 = 1\n")


def test_keep_going_leaves_a_block_and_goes_on_after_it(tmp_path: Path) -> None:
    script = tmp_path / "s"
    script.write_text(
        "if 1\nprint nosuch\necho inner\\n\nend\necho outer\\n\nif\necho no\\n\nend\n"
    )
    done = pydbg("--batch", "--keep-going", "-x", script)
    assert (done.returncode, done.stdout) == (1, "outer\n")
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == [
        f"{script}:2", f"{script}:6"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [["--nosuch"], ["--timeout", "soon"], ["--timeout=-1"], ["--on-eof", "x"], ["--log-fd", "x"],
     ["--json", "fd:x"], ["--require-hit=x"], ["--output", "a", "--log-fd", "1"]],
    ids=" ".join,
)  # fmt: skip
def test_status_2_usage(options: list[str]) -> None:
    done = pydbg("--batch", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("Try 'pydbg --help'.\n")


def test_status_124_timeout_shows_all_stacks_and_kills() -> None:
    sleeper = build("wait.c", "pie")
    read, write = os.pipe()
    try:
        done = subprocess.run(
            command("--batch", "--timeout", "1", "-ex", "run", sleeper),
            stdin=read, capture_output=True, text=True, env=environment(),
        )  # fmt: skip
    finally:
        os.close(read)
        os.close(write)
    assert done.returncode == 124
    assert done.stderr.startswith("Timed out after 1 s.\n")
    assert done.stderr.endswith(") killed]\n")
    assert "\nThread 1 (" in done.stdout
    assert " in main (" in done.stdout


@pytest.mark.parametrize(
    "line",
    ["shell sleep 1000", "shell sleep 1000; sleep 1001", "while 1\nend",
     "python\nwhile True: pass\nend",
     "define again\nwhile 1\nset $i = 1\nend\nend\nagain"],
    ids=["shell", "shell-of-two", "while", "python", "define"],
)  # fmt: skip
def test_status_124_whatever_it_is_that_does_not_end(line: str, tmp_path: Path) -> None:
    script = tmp_path / "s"
    script.write_text(line + "\n")
    done = pydbg("--batch", "--timeout", "0.3", "-x", script)
    assert (done.returncode, done.stderr) == (124, "Timed out after 0.3 s.\n")


def test_status_124_not_if_all_is_done_in_time(plain: Path) -> None:
    assert batch(plain, "run", options=["--timeout", "60"]).returncode == 0


def test_status_125_internal_error(tmp_path: Path) -> None:
    script = tmp_path / "bug.py"
    script.write_text(
        "def bug(*_): raise RuntimeError('a bug')\n"
        "session.commands.add(session.commands['pwd']._replace(run=bug))\n"
    )
    done = pydbg("--batch", "-x", script, "-ex", "pwd")
    assert done.returncode == 125
    assert done.stderr.startswith("pydbg: internal error: RuntimeError: a bug")


def test_status_126_127_the_program_cannot_be_run(tmp_path: Path) -> None:
    assert batch("/nonexistent", "print 1").returncode == 127
    assert batch("/etc/passwd", "print 1").returncode == 126
    assert batch(tmp_path, "print 1").returncode == 126


def test_status_130_interrupted() -> None:
    debugger = subprocess.Popen(
        command("--batch", "-ex", "run", build("wait.c", "pie")),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert debugger.stdout is not None
    assert debugger.stdout.readline() == b"ready\n"
    debugger.send_signal(signal.SIGINT)
    # The program's stdin stays open till then: it must not end by itself.
    assert debugger.wait() == 130
    debugger.communicate()


def test_status_of_quit(plain: Path) -> None:
    assert batch(plain, "quit 42").returncode == 42
    assert batch(plain, "run", "quit $_exitcode").returncode == 7
    assert batch(plain, "python import sys; sys.exit(9)").returncode == 9
    assert batch(plain, "python dbg.execute('quit 8')").returncode == 8


def test_status_with_return_child_result(plain: Path, crash: Path) -> None:
    result = ["--return-child-result"]
    assert batch(plain, "run", options=result).returncode == 7
    assert batch(crash, "run", options=result).returncode == 139
    assert batch(plain, "print 1", options=result).returncode == 1


def test_exec_status_dies_of_the_programs_signal(plain: Path, crash: Path) -> None:
    status = ["--exec-status"]
    assert batch(plain, "run", options=status).returncode == 7
    assert batch(crash, "run", options=status).returncode == -signal.SIGSEGV
    assert batch(crash, "run", "continue", options=status).returncode == -signal.SIGSEGV
    assert batch(crash, "run", "quit 3", options=status).returncode == 3
    assert batch(crash, "run", "print nosuch", options=status).returncode == 1


def test_never_0_if_a_required_breakpoint_was_not_hit(plain: Path) -> None:
    lines = ["break main", "tbreak inner", "catch syscall getpid", "run", "continue", "continue"]
    done = batch(plain, *lines, options=["--require-hit"])
    assert done.returncode == 1
    assert done.stderr == "Catchpoint 3 (syscall) was never hit.\n"
    assert batch(plain, *lines, options=["--require-hit", "2"]).returncode == 0
    assert batch(plain, *lines, options=["--require-hit=1"]).returncode == 0
    assert batch(plain, *lines, "quit 0", options=["--require-hit=3"]).returncode == 1
    assert batch(plain, *lines, "quit 6", options=["--require-hit=3"]).returncode == 6
    done = batch(plain, "run", options=["--require-hit=4"])
    assert (done.returncode, done.stderr) == (1, "Breakpoint 4 was never hit: there is none.\n")


def test_never_0_if_something_is_missing(plain: Path, tmp_path: Path) -> None:
    assert pydbg("--batch", "-p", "999999999").returncode == 1
    assert pydbg("--batch", "-x", tmp_path / "none", plain).returncode == 1
    assert pydbg("--batch", "-cd", tmp_path / "none", plain).returncode == 1
    assert pydbg("--batch", "--output", tmp_path / "no/file").returncode == 1
    assert pydbg("--batch", "--json", "fd:77").returncode == 1


@pytest.mark.parametrize("action", ["kill", "detach", "continue"])
def test_on_eof(plain: Path, action: str) -> None:
    done = batch(plain, "break inner", "run", options=["--on-eof", action])
    assert done.returncode == 0, done.stderr
    if action == "continue":
        assert "exited with code 07]" in done.stdout
        assert done.stderr == ""
    else:
        assert done.stderr.endswith(f") {action}ed]\n")


def test_on_eof_continue_gives_the_result(plain: Path) -> None:
    options = ["--on-eof", "continue", "--return-child-result"]
    assert batch(plain, "break inner", "run", options=options).returncode == 7


def test_on_eof_of_an_attached_program() -> None:
    for action, status in (("kill", -9), ("detach", 5)):
        program = subprocess.Popen(
            [build("wait.c", "pie")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        done = pydbg("--batch", "-p", str(program.pid), "--on-eof", action)
        assert done.returncode == 0
        program.communicate("x")
        assert program.returncode == status
