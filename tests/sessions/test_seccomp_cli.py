"""``pydbg seccomp``: what is recorded is enough, what is taken away is named."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.build import build
from tests.support.run import command, environment, pydbg

LS = ("/bin/ls", "/bin")
SHELL = ("bash", "-c", "ls / | wc -l; (echo sub; exit 3)")


def record(path: Path, *args: str, options: tuple[str, ...] = ()) -> dict[str, Any]:
    done = pydbg("seccomp", "record", "-o", path, *options, *args)
    plain = subprocess.run(args, capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, "")
    profile: dict[str, Any] = json.loads(path.read_text())
    return profile


def without(profile: dict[str, Any], name: str, path: Path) -> Path:
    rules = [
        {**rule, "names": [one for one in rule["names"] if one != name]}
        for rule in profile["syscalls"]
    ]
    kept = [rule for rule in rules if rule["names"]]
    path.write_text(json.dumps({**profile, "syscalls": kept}))
    return path


def simple(path: Path, action: str, *names: str, **more: Any) -> Path:
    rules = [{"names": names, "action": action}]
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules, **more}))
    return path


@pytest.mark.parametrize("options", [(), ("--args",)])
@pytest.mark.parametrize(
    "args",
    [
        LS,
        SHELL,
        (str(build("threads.c")),),
        (str(build("plain.c", "m32")),),
        (str(build("plain.c", "static")),),
        (str(build("vfork.c")),),
        ("python3", "-c", "import os, socket, threading; print(socket.socket().fileno() > 2)"),
    ],
    ids=lambda args: Path(args[0]).parent.name[:4] + Path(args[0]).name if args else "",
)
def test_what_was_recorded_is_enough(
    tmp_path: Path, args: tuple[str, ...], options: tuple[str, ...]
) -> None:
    path = tmp_path / "p.json"
    record(path, *args, options=options)
    first = path.read_text()
    plain = subprocess.run(args, capture_output=True, text=True, env=environment())
    check = pydbg("seccomp", "check", path, *args)
    assert (check.returncode, check.stdout, check.stderr) == (0, plain.stdout, "")
    run = pydbg("seccomp", "run", path, *args)
    assert (run.returncode, run.stdout, run.stderr) == (plain.returncode, plain.stdout, "")
    if not options:
        record(path, *args, options=("--merge", str(path)))
        assert path.read_text() == first


def test_the_profile_is_sorted_and_the_same_each_time(tmp_path: Path) -> None:
    profile = record(tmp_path / "a.json", *LS)
    assert profile == record(tmp_path / "b.json", *LS)
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()
    [rule] = profile["syscalls"]
    assert rule["names"] == sorted(rule["names"])
    assert {"execve", "getdents64", "exit_group"} <= set(rule["names"])
    assert profile["architectures"] == ["SCMP_ARCH_X86_64"]


def test_the_profile_has_what_strace_counts(tmp_path: Path) -> None:
    counts = tmp_path / "counts"
    subprocess.run(["strace", "-f", "-c", "-U", "name", "-o", counts, *SHELL], check=False,
                   capture_output=True, env=environment())  # fmt: skip
    names = {line.strip() for line in counts.read_text().splitlines()[2:-2]}
    [rule] = record(tmp_path / "p.json", *SHELL)["syscalls"]
    # strace does not count calls that do not return; whether a SIGCHLD comes in between is the
    # scheduler's affair.
    assert set(rule["names"]) ^ names <= {"exit_group", "rt_sigreturn"}


def test_a_call_that_is_missing_is_named_with_its_stack(tmp_path: Path) -> None:
    profile = record(tmp_path / "p.json", *LS)
    path = without(profile, "getdents64", tmp_path / "less.json")
    done = pydbg("seccomp", "check", path, *LS)
    assert done.returncode == 1
    assert done.stdout == subprocess.run(LS, capture_output=True, text=True).stdout
    first, *stack = done.stderr.split("\n\n")[0].splitlines()
    call = r"\[pid \d+\] getdents64\(3</\S*>, 0x\w+, \d+\) fails with EPERM: "
    assert re.fullmatch(call + re.escape(f"defaultAction ({path}:1)"), first), first
    assert re.match(r"#0 .*getdents64", stack[0])
    assert any("readdir" in line for line in stack)
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(re.escape(f"{path} refuses getdents64 (") + r"\d+ times\)", last)
    assert len(re.findall(r"^#0 ", done.stderr, re.MULTILINE)) == 1


def test_stacks_are_at_source_level(tmp_path: Path) -> None:
    path = simple(tmp_path / "p.json", "SCMP_ACT_ERRNO", "getuid")
    done = pydbg("seccomp", "check", path, build("sigsys.c"))
    assert re.search(r"^#1 .* in main \(.*\) at \S*sigsys\.c:\d+$", done.stderr, re.MULTILINE)


def test_children_and_their_programs_count(tmp_path: Path) -> None:
    path = simple(tmp_path / "p.json", "SCMP_ACT_ERRNO", "getdents64")
    done = pydbg("seccomp", "check", path, *SHELL)
    assert done.returncode == 1
    assert "getdents64" in done.stderr
    assert "from /usr/bin/ls" in done.stderr


@pytest.mark.parametrize(
    ("action", "status", "text"),
    [
        ("SCMP_ACT_ERRNO", 7, "getuid() = -1 EPERM (Operation not permitted): rule 1"),
        ("SCMP_ACT_TRACE", 7, "getuid() = -1 ENOSYS (Function not implemented): rule 1"),
        ("SCMP_ACT_KILL", -signal.SIGSYS, "getuid() = ? kills the thread: rule 1"),
        ("SCMP_ACT_KILL_PROCESS", -signal.SIGSYS, "getuid() = ? kills the process: rule 1"),
        ("SCMP_ACT_LOG", 7, ""),
    ],
)
def test_run_does_what_the_profile_says(
    tmp_path: Path, action: str, status: int, text: str
) -> None:
    path = simple(tmp_path / "p.json", action, "getuid")
    done = pydbg("seccomp", "run", path, build("sigsys.c"))
    assert done.returncode == status
    assert text in done.stderr
    assert bool(text) == ("in main (" in done.stderr)


@pytest.mark.parametrize("variant", ["pie", "m32"])
def test_a_trapped_call_is_what_the_kernel_makes_of_it(tmp_path: Path, variant: str) -> None:
    program = build("sigsys.c", variant)
    path = simple(tmp_path / "p.json", "SCMP_ACT_TRAP", "getuid", architectures=["SCMP_ARCH_X86"])
    done = pydbg("seccomp", "run", path, program)
    real = subprocess.run([program, "own"], capture_output=True, text=True)
    assert real.stdout.startswith("31: code 1, call ")
    assert (done.returncode, done.stdout) == (real.returncode, real.stdout)


def test_an_architecture_that_is_missing_kills(tmp_path: Path) -> None:
    path = simple(tmp_path / "p.json", "SCMP_ACT_ERRNO", "getuid")
    done = pydbg("seccomp", "run", path, build("plain.c", "m32"))
    assert done.returncode == -signal.SIGSYS
    assert "SCMP_ARCH_X86 is not in the profile" in done.stderr


def test_merging_adds_what_is_missing(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    profile = record(old, "/bin/true")
    profile["comment"] = "mine"
    profile["syscalls"].append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38})
    old.write_text(json.dumps(profile))
    made = record(tmp_path / "new.json", *LS, options=("--merge", str(old)))
    assert made["comment"] == "mine"
    assert made["syscalls"][1] == profile["syscalls"][1]
    assert set(made["syscalls"][0]["names"]) >= {"getdents64", *profile["syscalls"][0]["names"]}
    assert pydbg("seccomp", "check", tmp_path / "new.json", *LS).returncode == 0


def test_merging_does_not_overrule(tmp_path: Path) -> None:
    old = simple(tmp_path / "old.json", "SCMP_ACT_ERRNO", "getdents64")
    done = pydbg("seccomp", "record", "-o", tmp_path / "new.json", "--merge", old, *LS)
    assert "getdents64 stays refused: a rule of the old profile" in done.stderr
    assert json.loads((tmp_path / "new.json").read_text())["syscalls"] == [
        {"names": ["getdents64"], "action": "SCMP_ACT_ERRNO"}
    ]


def test_phases(tmp_path: Path) -> None:
    [whole] = record(tmp_path / "p.json", "/bin/echo", "hi")["syscalls"]
    [later] = record(tmp_path / "p.json", "/bin/echo", "hi", options=("--after-exec",))["syscalls"]
    assert set(whole["names"]) - set(later["names"]) == {"execve"}
    [last] = record(tmp_path / "p.json", "/bin/echo", "hi", options=("--after", "write"))[
        "syscalls"
    ]
    assert last["names"] == ["close", "exit_group", "write"]
    done = pydbg("seccomp", "record", "-o", tmp_path / "q.json", "--after", "nosuch", "/bin/true")
    assert done.returncode == 1
    assert done.stderr == "pydbg: nosuch was not reached: there is nothing to record.\n"
    assert not (tmp_path / "q.json").exists()


BESIDE = """
import os
read, write = os.pipe()
if (pid := os.fork()) == 0:
    os.read(read, 1)
    os.getpgrp()
    os._exit(len(os.listdir("/")) == 0)
os.getpgrp()
os.write(write, b".")
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_child_from_before_the_breakpoint_counts_from_there_on(tmp_path: Path) -> None:
    args = (sys.executable, "-c", BESIDE)
    [rule] = record(tmp_path / "p.json", *args, options=("--after", "getpgrp"))["syscalls"]
    assert {"getpgrp", "getdents64", "wait4", "exit_group"} <= set(rule["names"])
    assert "execve" not in rule["names"]


def test_the_baseline_says_why(tmp_path: Path) -> None:
    profile = record(tmp_path / "p.json", "/bin/true", options=("--baseline", "docker"))
    groups = [rule for rule in profile["syscalls"] if "comment" in rule]
    assert any(rule["names"] == ["execve"] for rule in groups)
    assert all(rule["comment"] and rule["names"] for rule in groups)
    assert pydbg("seccomp", "check", tmp_path / "p.json", "/bin/true").returncode == 0


def test_arguments_are_limited_where_they_are_few(tmp_path: Path) -> None:
    code = "import socket; socket.socket(socket.AF_UNIX)"
    path = tmp_path / "p.json"
    record(path, "python3", "-c", code, options=("--args",))
    other = "import socket; socket.socket(socket.AF_INET)"
    done = pydbg("seccomp", "check", path, "python3", "-c", other)
    assert done.returncode == 1
    assert "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) fails with EPERM" in done.stderr
    assert "its rules want arg0 == 1 && arg1 == 0x80001" in done.stderr


def test_capabilities_decide(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    only = {"caps": ["CAP_SYS_ADMIN"]}
    rules = [{"names": ["getuid"], "action": "SCMP_ACT_ERRNO", "excludes": only}]
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}))
    program = build("sigsys.c")
    assert pydbg("seccomp", "check", "--caps", "docker", path, program).returncode == 1
    assert pydbg("seccomp", "check", "--caps", "sys_admin", path, program).returncode == 0


@pytest.mark.parametrize(
    ("args", "status", "text"),
    [
        ((), 2, "one of record, check, run is expected"),
        (("chek",), 2, "did you mean 'check'?"),
        (("check", "p.json"), 2, "a program to run is missing"),
        (("check",), 2, "a profile is missing"),
        (("check", "--merge", "x", "p.json", "ls"), 2, "option '--merge' is for record only"),
        (("record", "--nosuch", "ls"), 2, "unrecognized option '--nosuch'"),
        (("record", "-o"), 2, "option '-o' requires an argument"),
        (("record", "--baseline", "podman", "ls"), 2, "--baseline knows docker only"),
        (("record", "--after", "main", "--after-exec", "ls"), 2, "exclude each other"),
        (("record", "--caps", "CAP_SYS_ADMN", "ls"), 2, "did you mean 'CAP_SYS_ADMIN'?"),
        (("record", "/nosuch"), 127, "/nosuch: No such file"),
        (("check", "nosuch.json", "ls"), 2, "nosuch.json: No such file or directory"),
        (("check", "bad.json", "ls"), 2, "bad.json:2: \"SCMP_ACT_ALOW\" is no action (SCMP_"),
        (("record", "-o", "/nosuch/p.json", "ls"), 1, "its directory cannot be written"),
    ],
)  # fmt: skip
def test_wrong_command_lines(tmp_path: Path, args: tuple[str, ...], status: int, text: str) -> None:
    simple(tmp_path / "p.json", "SCMP_ACT_ERRNO", "getuid")
    (tmp_path / "bad.json").write_text('{"defaultAction":\n "SCMP_ACT_ALOW"}')
    done = pydbg("seccomp", *args, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (status, "")
    assert text in done.stderr


def test_unknown_names_are_told(tmp_path: Path) -> None:
    path = simple(tmp_path / "p.json", "SCMP_ACT_ERRNO", "opennat")
    done = pydbg("seccomp", "check", path, "/bin/true")
    assert done.returncode == 0
    assert done.stderr == (
        f"pydbg: {path}:1: no system call is named 'opennat' (openat, openat2?)\n"
    )


def test_help() -> None:
    assert pydbg("seccomp", "--help").stdout.startswith("Usage: pydbg seccomp record")


def test_a_recording_that_is_ended_is_written(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    line = command("seccomp", "record", "-o", path, "sh", "-c", "echo up; exec sleep 1000")
    child = subprocess.Popen(line, stdout=subprocess.PIPE, env=environment(), text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    child.terminate()
    assert child.wait(timeout=30) == -signal.SIGTERM
    child.stdout.close()
    [rule] = json.loads(path.read_text())["syscalls"]
    assert "write" in rule["names"]
