"""Scripts and their exit statuses: the contract of batch mode, through real processes."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.run import batch, command, environment, pydbg

PLAIN = ("plain.c", "pie")
SEGFAULT = ("segfault.c", "pie")
WAIT = ("wait.c", "pie")


@pytest.fixture(scope="module")
def plain() -> Path:
    return build(*PLAIN)


def test_all_commands_succeed(plain: Path) -> None:
    done = batch(plain, "break inner", "run", "bt", "continue 4", "continue")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Starting program" not in done.stdout
    assert "Breakpoint 1, inner (" in done.stdout
    assert done.stdout.rstrip().endswith("exited with code 07]")


@pytest.mark.parametrize("quit_", ["quit 5", "quit $_exitcode - 2", "exit 0x105"])
def test_quit_gives_the_status(plain: Path, quit_: str) -> None:
    done = batch(plain, "run", quit_)
    assert (done.returncode, done.stderr) == (5, "")


def test_the_first_error_ends_the_run(plain: Path) -> None:
    done = batch(plain, "badcmd", "run")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == 'Undefined command: "badcmd".  Try "help".\n'


def test_an_unresolved_breakpoint_is_an_error(plain: Path) -> None:
    done = batch(plain, "break nosuch", "run")
    assert (done.returncode, done.stdout) == (1, "")
    assert 'Function "nosuch" not defined.' in done.stderr
    done = batch(plain, "set breakpoint pending on", "break nosuch", "run")
    assert done.returncode == 0
    assert "Breakpoint 1 (nosuch) pending." in done.stdout


def test_keep_going(plain: Path) -> None:
    done = batch(plain, "badcmd", "print 6*7", options=["--keep-going"])
    assert (done.returncode, done.stdout) == (1, "$1 = 42\n")


def test_errors_in_a_file_name_the_line(plain: Path, tmp_path: Path) -> None:
    script = tmp_path / "session.pydbg"
    script.write_text("# a comment\n\nprint 1\nprint nosuch\nprint 2\n")
    done = pydbg("--batch", "-x", script, plain)
    assert (done.returncode, done.stdout) == (1, "$1 = 1\n")
    assert done.stderr == f'{script}:4: No symbol "nosuch" in current context.\n'


def test_commands_in_a_file(plain: Path, tmp_path: Path) -> None:
    script = tmp_path / "session.pydbg"
    script.write_text(
        'break inner\ncommands\nsilent\nprintf "a=%d \\\n", $rdi\ncontinue\nend\nrun\n'
    )
    done = pydbg("--batch", "-x", script, plain)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a=0 a=1 a=2 a=3 a=4 " in done.stdout


def test_missing_files(plain: Path, tmp_path: Path) -> None:
    assert batch("/nonexistent", "print 1").returncode == 127
    assert batch(tmp_path, "print 1").returncode == 126
    missing = pydbg("--batch", "-x", tmp_path / "none", "-ex", "print 1", plain)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == f"{tmp_path}/none: No such file or directory.\n"


def test_usage() -> None:
    done = pydbg("--nosuch")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pydbg: unrecognized option '--nosuch'\n")


def test_attach_to_no_process() -> None:
    done = pydbg("--batch", "-p", "999999999", "-ex", "print 1")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


def test_result_of_the_child(plain: Path) -> None:
    crash = build(*SEGFAULT)
    result = ["--return-child-result"]
    assert batch(plain, "run").returncode == 0
    assert batch(plain, "run", options=result).returncode == 7
    assert batch(crash, "run", options=result).returncode == 128 + signal.SIGSEGV
    assert batch(crash, "run", "continue", options=result).returncode == 128 + signal.SIGSEGV
    assert batch(crash, "run", "continue", "quit 128+$_exitsignal").returncode == 139


def test_a_program_left_behind_is_killed_and_that_is_said(plain: Path) -> None:
    done = batch(plain, "break inner", "run")
    assert done.returncode == 0
    assert done.stderr.startswith("[Inferior 1 (process ")
    assert done.stderr.endswith(") killed]\n")


def test_an_attached_program_is_released() -> None:
    program = subprocess.Popen(
        [build(*WAIT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    done = pydbg("--batch", "-p", str(program.pid), "-ex", "print $pc != 0")
    assert done.returncode == 0
    assert "$1 = 1" in done.stdout
    assert done.stderr.endswith(") detached]\n")
    program.communicate("x")
    assert program.returncode == 5


def test_piped_commands_are_a_script(plain: Path) -> None:
    done = pydbg("-nx", plain, input="break inner\nrun\nbadcmd\nprint 1\n")
    assert done.returncode == 1
    assert f"Starting program: {plain}" in done.stdout
    assert "(pydbg)" not in done.stdout
    assert done.stderr.startswith("stdin:3: Undefined command")
    assert "$1" not in done.stdout


def test_the_child_of_a_piped_session_does_not_eat_the_commands() -> None:
    done = pydbg("-nx", build("tty.c"), input="run\nprint $_exitcode\n")
    assert done.returncode == 0
    assert "$1 = 1" in done.stdout


def test_the_child_keeps_stdin_in_batch() -> None:
    done = pydbg("--batch", "-ex", "run", build("tty.c"), input="word\n")
    assert done.returncode == 0
    assert "got word" in done.stdout


def test_batch_does_not_read_commands_from_stdin(plain: Path) -> None:
    done = pydbg("--batch", plain, input="print 1\n")
    assert (done.returncode, done.stdout) == (0, "")


def test_no_init_file_in_batch(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "pydbg").mkdir()
    (tmp_path / "pydbg" / "init").write_text("print 7\n")
    (tmp_path / ".pydbginit").write_text("print 8\n")
    here = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert pydbg("--batch", plain, env=here, cwd=tmp_path).stdout == ""
    assert pydbg(plain, input="", env=here, cwd=tmp_path).stdout == ""


def test_a_reader_that_leaves(plain: Path) -> None:
    pipe = subprocess.Popen(
        command("--batch", "-ex", "help all", "-ex", "help all", plain),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert pipe.stdout is not None and pipe.stderr is not None
    pipe.stdout.readline()
    pipe.stdout.close()
    assert pipe.stderr.read() == b""
    pipe.stderr.close()
    assert pipe.wait() in (0, 128 + signal.SIGPIPE)


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_end_pydbg_and_its_program(signo: signal.Signals) -> None:
    debugger = subprocess.Popen(
        command("--batch", "-ex", "run", build(*WAIT)),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
        text=True,
    )  # fmt: skip
    assert debugger.stdout is not None
    assert debugger.stdout.readline() == "ready\n"
    os.kill(debugger.pid, signo)
    debugger.wait()  # communicate() closes the program's stdin, which ends it too.
    _, errors = debugger.communicate()
    assert debugger.returncode == (130 if signo == signal.SIGINT else -signo), errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGKILL])
def test_an_attached_program_survives_the_death_of_pydbg(signo: signal.Signals) -> None:
    program = subprocess.Popen(
        [build(*WAIT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    debugger = subprocess.Popen(
        command("--batch", "-p", str(program.pid), "-ex", "break main", "-ex", "echo on\\n",
                "-ex", "continue"),
        stdout=subprocess.PIPE, env=environment(), text=True,
    )  # fmt: skip
    assert debugger.stdout is not None
    while debugger.stdout.readline() != "on\n":
        pass
    os.kill(debugger.pid, signo)
    assert debugger.wait() == -signo
    debugger.stdout.close()
    program.communicate("x")
    assert program.returncode == 5


def test_doctor() -> None:
    done = pydbg("doctor")
    assert done.returncode in (0, 1)
    assert "ptrace" in done.stdout


def test_a_file_s_text_in_an_error_cannot_reach_the_terminal(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!\x1b[31m/bin/sh\n")
    done = batch(script, "run")
    assert done.returncode == 126
    assert r"a script; debug its interpreter, --args \033[31m/bin/sh" in done.stderr
