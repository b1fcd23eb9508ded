"""Tampering with calls, against strace; and what strace has not: conditions, several rules."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pydbg.errors import DebuggerError
from pydbg.trace.tamper import parse_rule
from tests.support.run import command as pydbg_command
from tests.support.run import environment, pydbg
from tests.support.straces import by_process

RULES = [
    "-e inject=openat:error=ENOENT:when=3 -e trace=openat cat /etc/passwd",
    "-e inject=openat:error=13:when=2+ -e trace=openat cat /etc/passwd",
    "-e inject=openat:error=EACCES:when=1+2 -e trace=openat cat /etc/passwd",
    "-e inject=openat:error=EMFILE:when=2..3 -e trace=%file cat /etc/passwd",
    "-e inject=openat,newfstatat:error=EIO:when=2..6+2 -e trace=%file cat /etc/passwd",
    "-e inject=write:retval=3 -e trace=write echo hi",
    "-e inject=write:retval=3:signal=USR1 -e trace=write echo hi",
    "-e inject=write:signal=SIGTERM -e trace=write echo hi",
    "-e inject=write:poke_enter=@arg2=4142 -e trace=write echo hi",
    "-e inject=write:poke_enter=@arg2=4142:retval=3 -e trace=write echo hi",
    "-e inject=read:poke_exit=@arg2=7f454c47 -e trace=read true",
    "-e inject=getppid:delay_enter=1000:delay_exit=2ms -e trace=getppid bash -c true",
    "-e inject=openat:error=ENOENT:delay_enter=10 -e trace=openat true",
    "-e fault=write -e trace=write echo a",
    "-e fault=write:error=EPIPE:when=2 -e trace=write bash -c echo_a;echo_b",
    "-f -e inject=write:error=ENOSPC:when=1 -e trace=write bash -c echo_a;(echo_b);true",
    "-e inject=all:error=EPERM:when=20..25 -e trace=all echo a",
]


@pytest.mark.parametrize("line", RULES)
def test_rules_do_what_straces_do(line: str, tmp_path: Path) -> None:
    words = line.replace("echo_", "echo ").split(" ")
    if "bash" in words:
        at = words.index("-c") + 1
        words[at:] = [" ".join(words[at:])]
    found = []
    for tool in (["strace"], pydbg_command("trace")):
        out = tmp_path / "trace"
        done = subprocess.run(
            ["setarch", "-R", *tool, "-o", out, *words],
            env=environment(), capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        text = out.read_text()
        assert "INJECTED" in text or "DELAYED" in text or "signal" in line
        found.append((done.returncode, done.stdout, by_process(text, "-f" in words)))
    assert found[1] == found[0]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("write", "the rule 'write' says nothing to do"),
        ("write:error=EFOO", "invalid error 'EFOO'"),
        ("write:error=5000", "invalid error '5000'"),
        ("write:retval=x", "invalid retval 'x'"),
        ("write:error=1:retval=2", "two results"),
        ("write:when=1", "says nothing to do"),
        ("write:error=1:when=0", "invalid when '0'"),
        ("write:error=1:when=5..3", "invalid when '5..3'"),
        ("write:error=1:when=1+0", "invalid when"),
        ("write:signal=NOPE", "invalid signal 'NOPE'"),
        ("write:delay_enter=1x", "invalid delay_enter '1x'"),
        ("write:poke_enter=@arg9=00", "invalid poke_enter"),
        ("write:poke_enter=@arg1=0", "invalid poke_enter"),
        ("write:syscall=nosuch", "invalid syscall 'nosuch'"),
        ("write:what=1", "invalid part 'what=1'"),
        ("wirte:error=1", "Unknown syscall name 'wirte'"),
        ("write:error=1:if=1+", "A syntax error in expression"),
    ],
)
def test_wrong_rules_are_refused(rule: str, message: str) -> None:
    with pytest.raises(DebuggerError) as caught:
        parse_rule(rule)
    assert message in str(caught.value)
    done = pydbg("trace", "-e", f"inject={rule}", "true")
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_condition_sees_arguments_and_memory() -> None:
    rule = 'openat:error=EACCES:if=$_streq((char*)arg2, "/etc/passwd")'
    done = pydbg("trace", "-Z", "-e", "trace=openat", "-e", f"inject={rule}", "cat",
                 "/etc/passwd", "/etc/hostname")  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if "INJECTED" in line]
    assert lines == ['openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = -1 EACCES (Permission denied) '
                     "(INJECTED)"]  # fmt: skip
    assert done.stdout == Path("/etc/hostname").read_text()


def test_only_calls_that_meet_the_condition_are_counted() -> None:
    done = pydbg("trace", "-e", "trace=write", "-e", "inject=write:retval=2:when=2:if=count == 2",
                 "bash", "-c", "echo a; echo aa; echo b")  # fmt: skip
    lines = done.stderr.splitlines()
    assert [" (INJECTED)" in line for line in lines if line.startswith("write")] == [
        False, False, True,
    ]  # fmt: skip


def test_rules_apply_in_their_order() -> None:
    """A delay and an error by two rules; of two results the later one."""
    rules = ["-e", "inject=write:delay_enter=1", "-e", "inject=write:error=EIO",
             "-e", "inject=write:error=EPIPE:when=2:if=fd == 1"]  # fmt: skip
    done = pydbg("trace", "-e", "trace=write", *rules, "bash", "-c", "echo a; echo b")
    lines = [line for line in done.stderr.splitlines() if line.startswith("write(1")]
    assert [line.partition(" = ")[2] for line in lines] == [
        "-1 EIO (Input/output error) (INJECTED) (DELAYED)",
        "-1 EPIPE (Broken pipe) (INJECTED) (DELAYED)",
    ]


def test_another_call_is_made_instead() -> None:
    done = pydbg("trace", "-e", "trace=getppid,getpid", "-e", "inject=getppid:syscall=getuid",
                 "bash", "-c", "true")  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if line.startswith("getppid")]
    assert lines
    assert all(line.endswith("= 0 (INJECTED)") for line in lines)


def test_a_delay_of_one_process_holds_up_no_other() -> None:
    """The second writer is not delayed and comes first, however long the machine takes."""
    script = "(echo slow; true) & p=$!; /bin/echo fast; kill -0 $p 2>/dev/null && echo still; wait"
    rule = "write:delay_enter=2s:if=count == 5 && *(char*)arg2 == 's' && *((char*)arg2+1) == 'l'"
    done = pydbg("trace", "-f", "-o", "/dev/null", "-e", f"inject={rule}", "bash", "-c", script)
    assert done.stdout.split() == ["fast", "still", "slow"]
