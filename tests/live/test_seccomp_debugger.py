"""Refused calls in the debugger: deny, catch seccomp, info seccomp."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pydbg
from pydbg.denials import parse
from pydbg.errors import UsageError
from pydbg.syscalls import bpf
from pydbg.syscalls.bpftext import action_text, disassemble
from tests.support.build import build
from tests.support.live import expect_exit, program
from tests.support.run import batch, command, environment
from tests.support.seccomp import shows_filters

PYTHON = sys.executable


def profile(path: Path, action: str, *names: str) -> Path:
    rules = [{"names": names, "action": action}]
    both = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    path.write_text(
        json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "architectures": both, "syscalls": rules})
    )
    return path


# --- deny ----------------------------------------------------------------------------------


def test_a_denied_call_fails_and_is_shown() -> None:
    done = batch("/bin/cat", "break main", "run", "deny openat:EACCES", "continue", "info deny",
                 args=["/etc/hostname"])  # fmt: skip
    assert "openat will fail with EACCES." in done.stdout
    assert re.search(
        r'^openat\(AT_FDCWD<.*>, "/etc/hostname", O_RDONLY\) = -1 EACCES \(Permission denied\) '
        r"\(INJECTED\)$",
        done.stdout,
        re.MULTILINE,
    )
    assert "/etc/hostname: Permission denied" in done.stderr
    assert re.search(r"^openat +EACCES +\d+ times?$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("filter", ["auto", "off"])
@pytest.mark.parametrize("variant", ["pie", "m32"])
def test_denied_before_the_run_and_from_run_to_run(variant: str, filter: str) -> None:
    with program("plain.c", variant=variant, settings={"syscall-filter": filter}) as dbg:
        dbg.denials.add("group:memory")
        dbg.denials.remove("group:memory")
        denial = dbg.denials.add("write", 28)
        for run in (1, 2):
            expect_exit(dbg.run(), 7)
            assert denial.hits == run
        dbg.denials.remove()
        expect_exit(dbg.run(), 7)
        assert denial.hits == 2


def test_the_return_of_a_denied_call_is_marked() -> None:
    with program("plain.c") as dbg:
        dbg.denials.add("write", 28)
        dbg.catch_syscall("write")
        entry = dbg.run()
        assert isinstance(entry, pydbg.SyscallCaught)
        assert (entry.phase, dbg.regs.orig_rax) == ("entry", 1)
        back = dbg.cont()
        assert isinstance(back, pydbg.SyscallCaught)
        assert (back.phase, back.ret) == ("return", -28)
        assert back.decoded.ret_text == "-1 ENOSPC (No space left on device) (INJECTED)"
        expect_exit(dbg.cont(), 7)


def test_a_return_that_is_caught_but_not_told_is_told_as_denied() -> None:
    done = batch(build("plain.c"), "deny write:EIO", "catch syscall write if fd == 77", "run")
    assert done.stdout.count("= -1 EIO (Input/output error) (INJECTED)") == 1


CODE = """
import os, socket, threading
def denied():
    try: socket.socket()
    except OSError as error: return error.errno
found = []
thread = threading.Thread(target=lambda: found.append(denied()))
thread.start(); thread.join()
if (pid := os.fork()) == 0: os._exit(denied() or 0)
found += [denied(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
os._exit(0 if found == [13, 13, 13] else 1)
"""


@pytest.mark.parametrize("settings", [{}, {"syscall-filter": "off"}, {"detach-on-fork": "off"}])
def test_threads_and_forks_are_denied_too(settings: dict[str, str]) -> None:
    with pydbg.Debugger(PYTHON, ["-c", CODE]) as dbg:
        for name, value in settings.items():
            dbg.settings.set(name, value)
        dbg.denials.add("socket", 13)
        if "detach-on-fork" in settings:
            # The kept child waits for its turn, and its parent for it.
            dbg.on_event(
                lambda event: (
                    dbg.control.queue(dbg.control.resume(dbg.tracer.inferiors[event.child].leader))
                    if isinstance(event, pydbg.ChildCreated)
                    else None
                )
            )
            first = dbg.run()
            assert isinstance(first, pydbg.Exited)
            assert first.code == 13
            expect_exit(dbg.cont())
        else:
            expect_exit(dbg.run())


ATTACHED = """
import os, sys
print("up", flush=True)
sys.stdin.readline()
def code():
    try: os.listdir("/")
    except OSError as error: return error.errno
    return 0
if (pid := os.fork()) == 0: os._exit(code())
os._exit(0 if code() == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5 else 1)
"""


def test_an_attached_program_and_its_children() -> None:
    with subprocess.Popen(
        [PYTHON, "-c", ATTACHED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        with pydbg.attach(child.pid) as dbg:
            dbg.denials.add("getdents64", 5)
            child.stdin.write("\n")
            child.stdin.flush()
            expect_exit(dbg.cont())


def test_what_a_32_bit_program_makes_by_socketcall_is_denied_too() -> None:
    with program("syscalls.c", variant="m32") as dbg:
        denial = dbg.denials.add("socket", 97)
        catch = dbg.catch_syscall("socketcall", phase="return", condition="ret == -97")
        event = dbg.run()
        assert isinstance(event, pydbg.SyscallCaught)
        assert event.decoded.name == "socket"
        assert event.decoded.ret_text is not None
        assert event.decoded.ret_text.endswith("(INJECTED)")
        assert (denial.hits, catch.hit_count) == (1, 1)


def test_what_can_be_denied() -> None:
    with pydbg.Debugger("/bin/true") as dbg:
        with pytest.raises(UsageError, match="Did you mean 'openat' or 'openat2'"):
            dbg.denials.add("opanat")
        assert dbg.denials.add("/^socket").names == ("socket", "socketpair")
        assert not dbg.denials.rows[1:]
        dbg.denials.add("/^socket", 13)
        assert [row.error for row in dbg.denials.rows] == ["EACCES"]
        with pytest.raises(pydbg.CommandError, match="read is not denied"):
            dbg.denials.remove("read")


def test_parsing() -> None:
    assert parse("write:28") == ("write", 28)
    assert parse("%file:enoent") == ("%file", 2)
    for text in ("write:0", "write:4096", "write:EFOO"):
        with pytest.raises(UsageError):
            parse(text)


def test_commands_say_what_is_wrong_and_change_nothing() -> None:
    done = batch(None, "deny write opanat", "info deny", "undeny write", "deny", "undeny",
                 options=["--keep-going"])  # fmt: skip
    assert "Nothing is denied." in done.stdout
    assert "Unknown syscall name 'opanat'" in done.stderr
    assert "write is not denied." in done.stderr
    assert "Argument required (SYSCALL" in done.stderr


# --- catch seccomp -------------------------------------------------------------------------


def test_a_profile_s_refusal_is_a_stop(tmp_path: Path) -> None:
    path = profile(tmp_path / "p.json", "SCMP_ACT_ERRNO", "getuid")
    with program("sigsys.c", settings={"seccomp-profile": str(path)}) as dbg:
        dbg.catch("seccomp")
        for _ in range(2):
            event = dbg.run()
            assert isinstance(event, pydbg.CatchHit)
            assert (event.kind, event.number) == ("seccomp", 1)
            assert event.detail == f"getuid, fails with EPERM: rule 1 ({path}:1)"
            assert (dbg.regs.orig_rax, dbg.regs.r9) == (102, 0x12345678)
            assert dbg.frames()[1].function == "main"
            expect_exit(dbg.cont(), 7)


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL"])
def test_a_killing_profile(tmp_path: Path, action: str) -> None:
    path = profile(tmp_path / "p.json", action, "getuid")
    with program("sigsys.c", settings={"seccomp-profile": str(path)}) as dbg:
        dbg.catch("seccomp", condition="nr == 102")
        assert isinstance(dbg.run(), pydbg.CatchHit)
        end = dbg.cont()
        assert isinstance(end, pydbg.Killed)
        assert end.signo == 31


@pytest.mark.parametrize("variant", ["pie", "m32"])
def test_a_trapping_profile(tmp_path: Path, variant: str) -> None:
    path = profile(tmp_path / "p.json", "SCMP_ACT_TRAP", "getuid")
    done = batch(build("sigsys.c", variant), f"set seccomp-profile {path}", "handle SIGSYS nostop",
                 "run")  # fmt: skip
    real = subprocess.run([build("sigsys.c", variant), "own"], capture_output=True, text=True)
    assert real.stdout.strip() in done.stdout
    assert "seccomp refuses getuid, raises SIGSYS: rule 1" in done.stdout


def test_the_program_s_own_filter_is_caught() -> None:
    with program("sigsys.c", "own") as dbg:
        dbg.signals.handle([31], ["nostop", "pass", "noprint"])
        dbg.catch("seccomp")
        heard: list[pydbg.Event] = []
        dbg.on_event(heard.append)
        event = dbg.run()
        if shows_filters():
            assert isinstance(event, pydbg.CatchHit)
            assert event.detail == "getuid, TRAP: filter 1 of 1"
            event = dbg.cont()
        else:
            notes = [one.text for one in heard if isinstance(one, pydbg.Note)]
            assert len(notes) == 1
            assert notes[0].startswith("catch seccomp: The kernel does not show seccomp filters")
        expect_exit(event, 7)


def test_children_live_under_the_profile(tmp_path: Path) -> None:
    path = profile(tmp_path / "p.json", "SCMP_ACT_ERRNO", "socket")
    code = CODE.replace("[13, 13, 13]", "[1, 1, 1]")
    with pydbg.Debugger(PYTHON, ["-c", code]) as dbg:
        dbg.settings.set("seccomp-profile", str(path))
        expect_exit(dbg.run())


def test_a_wrong_profile_starts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"defaultAction":\n 1}')
    done = batch("/bin/echo", f"set seccomp-profile {path}", "run", args=["hi"])
    assert done.returncode == 1
    assert done.stderr == f"{path}:2: a text is expected, not a number\n"
    assert "hi" not in done.stdout


# --- info seccomp --------------------------------------------------------------------------


def test_filters_are_listed_and_decide() -> None:
    done = batch(build("sigsys.c"), "catch signal SIGSYS", "run", "info seccomp",
                 "info seccomp getuid 1", "info seccomp read", args=["own"])  # fmt: skip
    listing = [
        "Filter 1 of 1, 4 instructions:",
        "0000: A = nr",
        "0001: if (A != 102 getuid) goto 0003",
        "0002: return TRAP",
        "0003: return ALLOW",
        "getuid(1) [102]:",
        "filter 1 answers TRAP at 0002  return TRAP, after 0001  if (A != 102 getuid) goto 0003",
        "read() [0]:",
        "filter 1 answers ALLOW at 0003  return ALLOW, after 0001  if (A != 102 getuid) goto 0003",
    ]
    if shows_filters():
        assert "\n".join(listing) in done.stdout
    else:
        assert "The kernel does not show seccomp filters" in done.stderr


def test_our_own_filter_is_named() -> None:
    done = batch("/bin/true", "deny openat:EIO", "break _exit", "starti", "info seccomp",
                 "info seccomp openat")  # fmt: skip
    if not shows_filters():
        assert "The kernel does not show seccomp filters" in done.stderr
        return
    assert "Filter 1 of 1, " in done.stdout
    assert "pydbg's own: it stops what is caught or denied" in done.stdout
    assert "filter 1 answers TRACE at" in done.stdout


def test_no_filter_no_program() -> None:
    done = batch("/bin/true", "starti", "info seccomp", "info seccomp opanat",
                 options=["--keep-going"])  # fmt: skip
    assert "Thread 1 has no seccomp filter." in done.stdout
    assert "The program is not being run." in batch("/bin/true", "info seccomp").stderr


def test_a_refusal_of_the_kernel_is_one_line() -> None:
    line = command("--batch", "-ex", "catch signal SIGSYS", "-ex", "run", "-ex", "info seccomp",
                   "--args", build("sigsys.c"), "own")  # fmt: skip
    done = subprocess.run(
        ["setpriv", "--bounding-set", "-sys_admin", *line],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 1
    assert (
        done.stderr.splitlines()[-1].startswith(
            "The kernel does not show seccomp filters: it takes CAP_SYS_ADMIN"
        )
        or "The kernel does not show seccomp filters: it takes CAP_SYS_ADMIN" in done.stderr
    )


def test_disassembly_of_what_pydbg_makes() -> None:
    lines = disassemble(bpf.trace_filter({"x86_64": {1}, "i386": {4}}))
    assert any("4 write" in line for line in lines)
    assert any("1 write" in line for line in lines)
    assert action_text(0x12340000) == "0x12340000 (KILL_PROCESS)"
