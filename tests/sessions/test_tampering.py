"""Changing system calls at the prompt: inject, and syscall skip, ret, arg, call at a stop."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import pydbg
from tests.support import build
from tests.support.run import pydbg as run_pydbg

WRITER = """
#include <unistd.h>
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
int main(int argc, char **argv)
{
    int forks = argc > 1;
    if (forks && fork() != 0) {
        int status;
        wait(&status);
        return WEXITSTATUS(status);
    }
    for (int i = 0; i < 3; i++) {
        errno = 0;
        int done = write(1, "hello\\n", 6);
        fprintf(stderr, "%d %d\\n", done, errno);
    }
    return 0;
}
"""


@pytest.fixture(scope="module", params=["-m64", "-m32", "-static"])
def writer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("writer")
    source, program = folder / "writer.c", folder / "writer"
    source.write_text(WRITER)
    subprocess.run(["gcc", request.param, "-o", program, source], check=True)
    return program


def session(program: Path, *commands: str, args: tuple[str, ...] = ()) -> tuple[list[str], str]:
    """Return what the program said of its calls, and what pydbg printed."""
    words = [word for line in commands for word in ("-ex", line)]
    done = run_pydbg("--batch", *words, "--args", program, *args)
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if re.fullmatch(r"-?\d+ \d+", line)]
    return said, done.stdout + done.stderr


@pytest.mark.parametrize("args", [(), ("fork",)])
def test_rules_hold_in_every_process_and_run(writer: Path, args: tuple[str, ...]) -> None:
    rule = "inject write:error=ENOSPC:when=2:if=fd == 1"
    said, shown = session(writer, rule, "run", "run", "info inject", args=args)
    assert said == ["6 0", "-1 28", "6 0"] * 2
    assert shown.count("(INJECTED)") == 2
    assert re.search(r"1 +2 +write:error=ENOSPC", shown)


def test_rules_hold_for_threads() -> None:
    with pydbg.Debugger(str(build.build("threads.c"))) as dbg:
        dbg.tampers.add("set_robust_list:error=EPERM")
        seen = []
        dbg.on_event(lambda event: seen.append(getattr(event, "text", "")))
        dbg.run()
    assert sum("set_robust_list" in text and "EPERM" in text for text in seen) >= 4


def test_results_pokes_and_other_calls(writer: Path) -> None:
    said, shown = session(
        writer,
        "inject write:retval=3:when=1:if=fd == 1",
        "inject write:poke_enter=@arg2=4142:when=2:if=fd == 1",
        "inject write:syscall=getpid:when=3:if=fd == 1",
        "run",
    )
    assert said[:2] == ["3 0", "6 0"]
    assert int(said[2].split()[0]) > 6
    assert shown.count("hello\n") == 0
    assert "(INJECTED: args)" in shown
    assert "(INJECTED: getpid instead)" in shown


def test_signals(writer: Path) -> None:
    _, shown = session(writer, "inject write:signal=SIGTERM:when=2:if=fd == 1", "run")
    assert "SIGTERM" in shown


def test_a_rule_can_be_taken_back(writer: Path) -> None:
    said, _ = session(writer, "inject write:error=EIO:if=fd == 1", "uninject 1", "run")
    assert said == ["6 0"] * 3


def test_skip_arg_and_ret_at_a_stop(writer: Path) -> None:
    said, shown = session(
        writer,
        "catch syscall write if fd == 1",
        "run",
        "syscall skip -ENOSPC",
        "continue",
        "continue",
        "syscall arg count=2",
        "continue",
        "continue",
        "continue",
        "syscall ret 77",
        "delete",
        "continue",
    )
    assert said == ["-1 28", "2 0", "77 0"]
    assert "write will not be made, and return -1 ENOSPC (No space left on device)." in shown
    assert '"he", 2) = 2' in shown


@pytest.mark.parametrize("setting", ["auto", "off"])
def test_a_call_of_ours_at_the_entry_of_the_programs(writer: Path, setting: str) -> None:
    """With a filter and without; the program's own call is then made as if nothing had been."""
    said, shown = session(
        writer,
        f"set syscall-filter {setting}",
        "catch syscall write entry if fd == 1",
        "run",
        "syscall call getpid()",
        'syscall call write(2, "ours\\n", 5)',
        "syscall call write(99, 0, 0)",
        "info breakpoints",
        "delete",
        "continue",
    )
    assert said == ["6 0"] * 3
    assert "ours\n" in shown
    assert re.search(r"getpid\(\) += \d+", shown)
    assert "-1 EBADF (Bad file descriptor)" in shown
    assert "already hit 1 time" in shown


def test_a_call_of_ours_elsewhere(writer: Path) -> None:
    _, shown = session(writer, "break main", "run", "syscall call getppid()", "continue")
    assert re.search(r"getppid\(\) += \d+", shown)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("syscall skip", "The thread is not at the entry of a system call."),
        ("syscall ret 1", "The thread is not at the return of a system call."),
        ("syscall arg 1=2", "The thread is not at the entry of a system call."),
        ("syscall call nosuch()", "Unknown syscall name 'nosuch'"),
        ("syscall call fork()", "fork cannot be made for the program."),
        ("syscall call getpid(", "A bracket is not closed"),
        ("inject write", "the rule 'write' says nothing to do"),
        ("inject write:delay_enter=1", "A delay would hold the whole program"),
        ("inject wirte:error=1", "Unknown syscall name 'wirte'"),
        ("uninject 7", "There is no rule 7."),
        ("uninject", "There are no rules."),
    ],
)
def test_errors_change_nothing(command: str, message: str) -> None:
    program = build.build("plain.c")
    done = run_pydbg("--batch", "--keep-going", "-ex", "break main", "-ex", "run", "-ex", command,
                     "-ex", "info inject", "-ex", "continue", program)  # fmt: skip
    assert message in done.stderr
    assert "There are no rules." in done.stdout
    assert "exited with code 07" in done.stdout


def test_arguments_are_checked() -> None:
    program = build.build("plain.c")
    done = run_pydbg("--batch", "--keep-going", "-ex", "catch syscall write entry", "-ex", "run",
                     "-ex", "syscall arg what=1", "-ex", "syscall arg count",
                     "-ex", "syscall ret 1", "-ex", "continue", program)  # fmt: skip
    assert "write has no argument what; there are 1=fd, 2=buf, 3=count." in done.stderr
    assert "What is to be changed?" in done.stderr
    assert "not at the return" in done.stderr
