"""``pydbg report``: each kind of crash is named, in every form, and the status is the program's."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.run import command, environment, pydbg


@pytest.fixture(scope="module")
def crashes() -> Path:
    return build("crashes.c")


def report(program: Path, *args: str, options: tuple[str, ...] = ()) -> tuple[int, str, str]:
    done = pydbg("report", *options, "--", program, *args)
    return done.returncode, done.stdout, done.stderr


KINDS = {
    "null": (signal.SIGSEGV, "null-dereference", "$rax is null, the member is at offset 0x10"),
    "call": (signal.SIGSEGV, "null-call", "called from main ("),
    "stack": (signal.SIGSEGV, "stack-overflow", "endless recursion: grow -> grow"),
    "thread-stack": (signal.SIGSEGV, "stack-overflow", "in the guard below the stack"),
    "thread": (signal.SIGSEGV, "null-dereference", "$rax is null"),
    "readonly": (signal.SIGSEGV, "write-read-only", "write of 1 byte at address"),
    "noexec": (signal.SIGSEGV, "execute-no-execute", "(rw-p)"),
    "unmapped": (signal.SIGSEGV, "unmapped", "read of 4 bytes at address 0x123456780000"),
    "noncanonical": (signal.SIGSEGV, "non-canonical", 'which is text: "AAAAAAAA"'),
    "protected": (signal.SIGSEGV, "protected", "(---p)"),
    "misaligned": (signal.SIGSEGV, "misaligned", "movaps needs a multiple of 16"),
    "privileged": (signal.SIGSEGV, "privileged", "hlt is for the kernel"),
    "abort": (signal.SIGABRT, "abort", "the program called abort"),
    "assert": (signal.SIGABRT, "abort", "Assertion `zero == 1' failed."),
    "free": (signal.SIGABRT, "abort", "invalid pointer"),
    "divide": (signal.SIGFPE, "division-by-zero", "idiv by 0"),
    "overflow": (signal.SIGFPE, "division-overflow", "idiv by 0xffffffff"),
    "illegal": (signal.SIGILL, "illegal-instruction", "bytes that are no instruction"),
    "trap": (signal.SIGILL, "trap", "ud2"),
    "int3": (signal.SIGTRAP, "breakpoint-trap", "a breakpoint instruction"),
    "bus": (signal.SIGBUS, "bus-beyond-end", "it is offset 0x1000 of the file"),
    "seccomp": (signal.SIGSYS, "bad-syscall", "getppid (number 110)"),
    "pipe": (signal.SIGPIPE, "signal", "nobody reads any more"),
    "term": (signal.SIGTERM, "raised", "the program sent itself SIGTERM"),
    "kill": (signal.SIGKILL, "signal", "nothing left to look at"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_crash(crashes: Path, kind: str, tmp_path: Path) -> None:
    signo, word, text = KINDS[kind]
    file = tmp_path / "report.json"
    status, out, shown = report(crashes, kind, options=("--json", str(file), "-o", "/dev/stderr"))
    # It died of the same signal, not with a status of its own.
    assert status == -signo
    assert out == ""
    assert f"died of {signo.name}, " in shown
    assert text in shown
    found = json.loads(file.read_text())
    assert found["verdict"]["kind"] == word
    assert found["signal"]["number"] == signo
    assert found["args"] == [kind]


def test_nothing_is_said_when_nothing_happened(crashes: Path, tmp_path: Path) -> None:
    file = tmp_path / "none"
    options = ("--json", str(file), "--markdown", str(file), "-o", str(file))
    assert report(crashes, "7", options=options) == (7, "", "")
    assert report(crashes) == (0, "", "")
    assert not file.exists()


def test_the_program_is_left_alone(tmp_path: Path) -> None:
    script = "read x; echo out $x; echo err >&2; exit 3"
    done = pydbg("report", "sh", "-c", script, input="given\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "out given\n", "err\n")


def test_on_crash_is_another_spelling(crashes: Path) -> None:
    done = pydbg("--on-crash", "report", crashes, "null")
    assert done.returncode == -signal.SIGSEGV
    assert "null pointer dereference" in done.stderr
    assert pydbg("--on-crash=report", crashes, "4").returncode == 4
    assert pydbg("--on-crash", "nosuch", crashes).returncode == 2
    done = pydbg("--json", "/dev/stdout", "--on-crash", "report", crashes, "divide")
    assert done.returncode == -signal.SIGFPE
    assert json.loads(done.stdout)["verdict"]["kind"] == "division-by-zero"


def test_on_crash_in_a_script(crashes: Path) -> None:
    done = pydbg("--batch", "--on-crash", "report", "-ex", "run", "-ex", "print 6*7", "--args",
                 crashes, "divide")  # fmt: skip
    assert "integer division by zero" in done.stderr
    assert "Program received signal SIGFPE" in done.stdout
    assert "$1 = 42" in done.stdout


def test_a_handled_fault_is_no_crash(crashes: Path) -> None:
    assert report(crashes, "rescued") == (4, "", "")


def test_a_fault_that_a_handler_raised_again(crashes: Path) -> None:
    status, _, shown = report(crashes, "handled")
    assert status == -signal.SIGSEGV
    assert "it handled an earlier fault: null pointer dereference" in shown
    assert shown.startswith("handler\n")


def test_text_has_all_sections(crashes: Path) -> None:
    _, _, shown = report(crashes, "thread")
    for title in ("Code:", "Registers:", "Memory:"):
        assert f"\n{title}\n" in shown
    assert re.search(r'^Thread 2 \(LWP \d+\) "crashes", which got the signal:$', shown, re.M)
    assert re.search(
        r"^#0 .* in null_member \(list=0x0\) at .*fixtures/crashes\.c:\d+$", shown, re.M
    )
    assert re.search(r"^=> .* <null_member\+\d+>:\tmovl   \$0x3,0x10\(%rax\)$", shown, re.M)
    assert re.search(r"^rax            0x0$", shown, re.M)
    assert re.search(r"r-xp .*crashes  <- pc$", shown, re.M)
    assert re.search(r"^Thread 1 \(LWP \d+\)", shown, re.M)
    assert re.search(r"^Thread 3 \(LWP \d+\)", shown, re.M)


def test_the_last_system_calls(crashes: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    status, _, shown = report(crashes, "protected", options=("--syscalls=3", "--json", str(file),
                                                             "-o", "/dev/stderr"))  # fmt: skip
    assert status == -signal.SIGSEGV
    calls = shown.partition("\nLast system calls:\n")[2].splitlines()
    assert len(calls) == 3 and re.match(r"(mmap|mprotect)\(.*PROT_NONE", calls[-1])
    assert json.loads(file.read_text())["syscalls"] == calls
    _, _, shown = report(crashes, "protected")
    assert "Last system calls" not in shown
    assert pydbg("report", "--syscalls", "x", crashes, "null").returncode == 2


def test_recursion_does_not_fill_pages(crashes: Path) -> None:
    _, _, shown = report(crashes, "stack")
    assert len(shown.splitlines()) < 80
    assert "more of the same, to #63" in shown


def test_json_holds_addresses_as_text(crashes: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    status, out, shown = report(crashes, "null", options=("--json", str(file)))
    assert (status, out, shown) == (-11, "", "")
    found = json.loads(file.read_text())
    assert (found["schema"], found["event"]) == (1, "crash")
    assert found["signal"]["address"] == "0x10"
    assert found["registers"]["rax"] == "0x0"
    verdict = found["verdict"]
    assert (verdict["access"], verdict["register"], verdict["offset"]) == ("write", "rax", 16)
    frames = found["threads"][0]["frames"]
    assert [frame["function"] for frame in frames] == ["null_member", "main"]
    assert frames[0]["file"].endswith("crashes.c")
    assert [row["text"] for row in found["code"] if row["current"]] == ["movl   $0x3,0x10(%rax)"]
    assert any("pc" in row["holds"] for row in found["maps"])


def test_markdown(crashes: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    report(crashes, "null", options=("--markdown", str(file)))
    text = file.read_text()
    assert text.startswith("## ")
    assert text.count("```") % 2 == 0
    assert "<details><summary>Registers</summary>" in text
    assert "null pointer dereference" in text.split("\n")[0]


def test_a_report_to_stdout(crashes: Path) -> None:
    status, out, shown = report(crashes, "null", options=("-o", "-"))
    assert (status, shown) == (-11, "")
    assert "null pointer dereference" in out


def test_a_report_that_cannot_be_written_is_shown(crashes: Path) -> None:
    status, _, shown = report(crashes, "null", options=("-o", "/nonexistent/a"))
    assert status == -11
    assert shown.startswith("pydbg: /nonexistent/a: No such file or directory.\n")
    assert "null pointer dereference" in shown


def test_children_are_followed_on_request(crashes: Path) -> None:
    assert report(crashes, "fork") == (5, "", "")
    status, _, shown = report(crashes, "fork", options=("--follow",))
    assert status == 5
    assert shown.count("died of SIGSEGV") == 1


def test_a_script_is_run_by_its_interpreter(crashes: Path, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f'#!/bin/sh\n{crashes} "$1" || echo "status $?"\nexit 6\n')
    script.chmod(0o755)
    done = pydbg("report", "--follow", script, "null")
    assert (done.returncode, done.stdout) == (6, "status 139\n")
    assert f"{crashes} (process " in done.stderr


def test_what_cannot_be_run(tmp_path: Path) -> None:
    assert pydbg("report", "/nonexistent").returncode == 127
    assert pydbg("report", tmp_path).returncode == 126
    for wrong in ([], ["--nosuch", "x"], ["--json"]):
        done = pydbg("report", *wrong)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("pydbg report: ")
    assert pydbg("report", "--help").stdout.startswith("Usage: pydbg report ")


def test_the_program_can_still_be_ended(crashes: Path) -> None:
    program = build("wait.c")
    running = subprocess.Popen(
        command("report", program),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    running.send_signal(signal.SIGINT)
    # Its stdin stays open until it is gone.
    running.wait(timeout=30)
    out, shown = running.communicate()
    assert (running.returncode, out, shown) == (-signal.SIGINT, "", "")


def test_no_core_of_pydbg_itself(crashes: Path, tmp_path: Path) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    # The program's own core is its business; it would be in the same directory.
    done = subprocess.run(
        ["sh", "-c", f"ulimit -c {0 if hard == 0 else 'unlimited'}; exec \"$@\"", "sh",
         *command("report", crashes, "term")],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGTERM
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["null", "call", "stack", "noexec", "divide", "assert", "thread"])
def test_crashes_of_a_32_bit_program(kind: str, tmp_path: Path) -> None:
    signo, word, _ = KINDS[kind]
    file = tmp_path / "report.json"
    status, _, _ = report(build("crashes.c", "m32"), kind, options=("--json", str(file)))
    assert status == -signo
    found = json.loads(file.read_text())
    assert found["verdict"]["kind"] == word
    assert "eip" in found["registers"]


def test_an_exception_that_nothing_caught(tmp_path: Path) -> None:
    status, _, shown = report(build("uncaught.cc"))
    assert status == -signal.SIGABRT
    assert "std::terminate was called" in shown
    assert re.search(r" in main \([^()]*\) at .*uncaught\.cc:\d+$", shown, re.M)


def test_variables_are_those_of_gdb(crashes: Path) -> None:
    """Arguments in the stack's lines, and all variables of the frames near the crash."""
    status, out, _ = report(crashes, "null", options=("--json", "-"))
    assert status == -signal.SIGSEGV
    frames = json.loads(out)["threads"][0]["frames"]
    lines = ["run", "bt", "info locals", "up", "info locals"]
    flags = [part for line in lines for part in ("-ex", line)]
    done = subprocess.run(
        ["gdb", "-nx", "-batch", *flags, "--args", str(crashes), "null"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    where = re.compile(r"0x[0-9a-f]{6,}")
    theirs = where.sub("ADDR", done.stdout)
    for frame in frames:
        shown = where.sub("ADDR", frame["arguments"])
        assert f"{frame['function']} ({shown}) at" in theirs
    values = [one for frame in frames for one in frame["variables"]]
    assert {one["kind"] for one in values} == {"argument", "local"}
    for one in values:
        if one["kind"] == "local":
            assert f"{one['name']} = {where.sub('ADDR', one['value'])}\n" in theirs
