"""``pydbg report`` in a shell on a terminal: keys do what they would do without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pexpect
import pytest

from tests.support.build import build
from tests.support.run import command, environment

PROMPT = "ready> "


@pytest.fixture
def shell() -> Iterator[Any]:
    environ = environment({"PS1": PROMPT, "PYDBG": " ".join(command("report"))})
    child = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "--noediting"], env=environ, encoding="utf-8", timeout=30
    )
    child.expect_exact(PROMPT)
    yield child
    child.close(force=True)


def status(shell: Any) -> int:
    """Return the status of the last command."""
    shell.expect_exact(PROMPT)
    shell.sendline('echo "status=$?"')
    shell.expect(r"status=(\d+)\r")
    found = int(shell.match[1])
    shell.expect_exact(PROMPT)
    return found


def start(shell: Any, *words: str) -> None:
    shell.sendline("$PYDBG " + " ".join(words))
    shell.expect_exact("\n")


def test_the_program_reads_the_terminal(shell: Any) -> None:
    start(shell, str(build("wait.c")))
    shell.expect_exact("ready\r\n")
    shell.sendline("x")
    assert status(shell) == 5


def test_interrupt_and_quit_are_wishes(shell: Any) -> None:
    for key, signo in (("\x03", 2), ("\x1c", 3)):
        start(shell, str(build("wait.c")))
        shell.expect_exact("ready\r\n")
        shell.send(key)
        assert status(shell) == 128 + signo
        assert "died of" not in shell.before


def test_stop_and_foreground(shell: Any) -> None:
    start(shell, str(build("wait.c")))
    shell.expect_exact("ready\r\n")
    shell.send("\x1a")
    shell.expect_exact("Stopped")
    assert status(shell) == 128 + 20
    shell.sendline("fg")
    shell.expect_exact("wait\r\n")
    shell.sendline("x")
    assert status(shell) == 5


def test_a_crash_ends_the_job_by_its_signal(shell: Any) -> None:
    start(shell, str(build("crashes.c")), "divide")
    shell.expect_exact("died of SIGFPE, ")
    shell.expect("Floating point exception")
    assert status(shell) == 128 + 8
