"""``pydbg trace`` against strace: the same programs, line for line."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import build
from tests.support.run import command as pydbg_command
from tests.support.run import environment
from tests.support.straces import compare

ENOUGH = 0.99
"""The share of lines that must be the same."""

PROGRAMS: dict[str, list[str]] = {
    "ls": ["ls", "-l", "/usr/share"],
    "cat": ["cat", "/etc/passwd", "/nonexistent"],
    "find": ["find", "/etc", "-name", "passwd"],
    "python": ["/usr/bin/python3", "-c", "import json; print(json.dumps([1]))"],
    "sort": ["sort", "/etc/group"],
    "bash": ["bash", "-c", "echo a; cd /; type ls; read line < /etc/passwd; exit 3"],
    "grep": ["grep", "-r", "root", "/etc/passwd", "/etc/group"],
    "dd": ["dd", "if=/dev/zero", "of=/dev/null", "bs=1k", "count=20", "status=none"],
    "perl": ["perl", "-e", "print sort <STDIN>; opendir D, '/'; print readdir D"],
}
FOLLOWED: dict[str, list[str]] = {
    "pipes": ["bash", "-c", "echo a | cat | wc -l; (exit 3); echo $?; kill -9 $$"],
    "signals": ["bash", "-c", "trap 'echo caught' USR1; kill -USR1 $$; sleep 0; kill -STOP $$ &"
                " wait; kill -CONT $$; false"],
    "git": ["git", "--no-pager", "-c", "core.pager=cat", "status", "--short"],
}  # fmt: skip


def check(
    command: Sequence[str | Path],
    options: Sequence[str],
    folder: Path,
    cwd: Path | None = None,
    merged: bool = False,
) -> None:
    """Compare; what chance decides (a lock that was or was not free) is given three tries."""
    for _ in range(3):
        found = compare(command, options, folder, cwd=cwd, merged=merged)
        if found.share >= ENOUGH:
            break
    assert found.share >= ENOUGH, "\n".join(found.differences[:40])
    assert found.lines > 5


@pytest.mark.parametrize("name", PROGRAMS)
def test_lines_are_straces(name: str, tmp_path: Path) -> None:
    check(PROGRAMS[name], [], tmp_path)


@pytest.mark.parametrize("name", [name for name in FOLLOWED if name != "signals"])
def test_lines_of_several_processes_are_straces(name: str, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=repository, check=True)
    (repository / "file").write_text("text\n")
    check(FOLLOWED[name], ["-f"], tmp_path, cwd=repository)


@pytest.mark.parametrize(
    "source",
    ["fork.c", "vfork.c", "exec.c", "thread_exec.c", "signals.c", "segfault.c", "hello.rs"],
)
def test_lines_of_fixtures_are_straces(source: str, tmp_path: Path) -> None:
    check([build.build(source)], ["-f"], tmp_path)


@pytest.mark.parametrize("variant", ["m32", "static", "nopie"])
def test_lines_of_variants_are_straces(variant: str, tmp_path: Path) -> None:
    check([build.build("plain.c", variant)], [], tmp_path)


@pytest.mark.parametrize("source", ["threads.c", "hello.go"])
def test_files_and_memory_of_threads_are_straces(source: str, tmp_path: Path) -> None:
    # Which thread waits for which is chance; what the program reads and writes is not.
    options = ["-f", "-e", "trace=openat,read,write,close,execve,fcntl"]
    check([build.build(source)], options, tmp_path, merged=True)


OPTIONS = [
    "-y", "-z", "-Z", "-P /etc/passwd", "-e trace=%file", "-e trace=!%desc", "-e trace=/^m",
    "-e raw=openat,mmap", "-a 20", "-e status=failed,unfinished", "-e signal=none", "-s 3",
    "-e trace=open,?nosuch,openat@64", "-e trace=none", "-qq", "-e quiet=exit",
    "-n", "-v", "-X raw", "-X verbose", "-x", "-xx -e trace=read,openat", "-e abbrev=none",
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
def test_options_do_what_straces_do(options: str, tmp_path: Path) -> None:
    check_options(options.split(), tmp_path)


def check_options(options: Sequence[str], folder: Path) -> None:
    found = compare(["cat", "/etc/passwd", "/nonexistent"], options, folder)
    assert found.share >= ENOUGH or not found.lines, "\n".join(found.differences[:20])


_NUMBERS = re.compile(r"\d+")


@pytest.mark.parametrize("options", ["-t", "-tt", "-ttt", "-r", "-t -r", "-T", "-i", "-i -n -tt -T",
                                     "--absolute-timestamps=unix,ns",
                                     "--relative-timestamps=ms"])  # fmt: skip
def test_times_and_pointers_stand_where_straces_do(options: str, tmp_path: Path) -> None:
    """Their values differ from run to run; their shape does not."""
    shapes = []
    for tool in (["strace"], pydbg_command("trace")):
        output = tmp_path / "trace"
        command = [*tool, "-o", output, *options.split(), "true"]
        subprocess.run(command, env=environment(), check=True, timeout=60)
        lines = output.read_text().splitlines()
        assert len(lines) > 10
        shapes.append([re.sub(r"[0-9a-f]{12,16}\b|\d", "9", line) for line in lines])
    theirs, ours = shapes
    width = max(len(options.split()) * 4, 12)
    assert [line[:width] for line in ours[1:20]] == [line[:width] for line in theirs[1:20]]
    if "-T" in options:
        assert [line[-11:] for line in ours[:20]] == [line[-11:] for line in theirs[:20]]


def table_of(text: str) -> list[tuple[str, ...]]:
    """Return (calls, errors, name) of each line of a table."""
    found = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(\d*) +(\w+)$", text, re.MULTILINE)
    return sorted(found)


@pytest.mark.parametrize("source", ["many_syscalls.c", "every_call.S"])
def test_counts_are_straces_to_the_unit(source: str, tmp_path: Path) -> None:
    program = build.build(source)
    tables = []
    for tool in (["strace"], pydbg_command("trace")):
        output = tmp_path / "table"
        subprocess.run([*tool, "-c", "-o", output, program], env=environment(), timeout=60)
        tables.append(output.read_text())
    theirs, ours = (table_of(text) for text in tables)
    assert ours == theirs
    assert len(ours) > 3
    heads = [text.splitlines()[:2] for text in tables]
    assert heads[0] == heads[1]


TABLES = ["-S calls -U calls,name,errors", "-S name -w", "-U name",
          "-w -U max-time,min-time,avg-time,total-time,calls"]  # fmt: skip


@pytest.mark.parametrize("options", TABLES)
def test_tables_have_straces_form(options: str, tmp_path: Path) -> None:
    shapes = []
    for tool in (["strace"], pydbg_command("trace")):
        output = tmp_path / "table"
        command = [*tool, "-c", "-o", output, *options.split(), "cat", "/etc/passwd"]
        subprocess.run(command, env=environment(), check=True, timeout=60, stdout=-3)
        lines = output.read_text().splitlines()
        kept = lines if "-S" in options and "-w" not in options else [*lines[:2], *lines[-2:]]
        if "-w" in options:
            kept = [re.sub(r"[ \d]*\b\d[\d.]*", " N", line) for line in kept]
        shapes.append(kept)
    assert shapes[1] == shapes[0]


def test_attaching_shows_what_the_program_does_from_then_on(tmp_path: Path) -> None:
    """A blocked call is shown when it goes on, as strace shows it."""
    script = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
    shown = []
    for tool in (["strace"], pydbg_command("trace")):
        with subprocess.Popen(
            ["/usr/bin/python3", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as program:
            assert program.stdin is not None and program.stdout is not None
            program.stdin.write(b"first\n")
            program.stdin.flush()
            assert program.stdout.readline() == b"first\n"
            output = tmp_path / "trace"
            tracer = subprocess.Popen(
                [*tool, "-o", output, "-p", str(program.pid)],
                stderr=subprocess.PIPE, env=environment(),
            )  # fmt: skip
            assert tracer.stderr is not None
            message = tracer.stderr.readline().decode()
            assert f"Process {program.pid} attached" in message
            program.stdin.write(b"second\n")
            program.stdin.flush()
            assert program.stdout.readline() == b"second\n"
            program.stdin.close()
            assert program.wait() == 0
            assert tracer.wait(30) == 0
            tracer.stderr.close()
        shown.append([line.partition(" = ")[0] for line in output.read_text().splitlines()])
    parts = [[line.strip() for line in lines if line.startswith(("read(0", "write(1"))]
             for lines in shown]  # fmt: skip
    # Whether the read that it was blocked in is told of is a matter of moments.
    theirs, ours = (lines[lines[0].startswith("read") :] for lines in parts)
    assert ours == theirs
    assert len(ours) >= 2


SOCKETS = """
import os, signal, socket
a = socket.socket(socket.AF_UNIX); a.bind("socket"); a.listen(); a.getsockname()
b = socket.socket(socket.AF_UNIX); b.connect("socket"); c, _ = a.accept(); b.send(b"x")
x, y = socket.socketpair(); x.send(b"1"); y.recv(1)
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); d.bind("\\0pydbg-%d" % os.getpid())
d.getsockname()
t = socket.socket(); t.bind(("127.0.0.1", 0)); t.listen(); u = socket.socket()
u.connect(t.getsockname()); v, _ = t.accept(); u.send(b"hi"); v.recv(2)
w = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); w.connect(t.getsockname()); w.getpeername()
n = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); n.bind((0, 0)); n.getsockname()
os.write(os.open("/dev/null", 1), b"x")
p = os.pidfd_open(os.getpid()); signal.pidfd_send_signal(p, 0)
e = os.eventfd(0); os.write(e, b"\\1" + bytes(7))
r, q = os.pipe(); os.write(q, b"1")
os._exit(0)
"""


def test_descriptors_are_told_as_strace_tells_them(tmp_path: Path) -> None:
    """Numbers of ports, inodes and processes differ from run to run, and nothing else."""
    shown = []
    for name, tool in (("strace", ["strace"]), ("pydbg", pydbg_command("trace"))):
        folder = tmp_path / name
        folder.mkdir()
        out = tmp_path / "trace"
        calls = "trace=%net,write,pidfd_open,pidfd_send_signal"
        subprocess.run(
            [*tool, "-yy", "-e", calls, "-o", out, "/usr/bin/python3", "-c", SOCKETS],
            cwd=folder, env=environment(), check=True, timeout=60,
        )  # fmt: skip
        lines = out.read_text().splitlines()
        assert len(lines) > 25
        # A socket that is bound and neither listens nor is connected: /proc does not have it.
        lines = [line for line in lines if not line.startswith("listen")]
        shown.append([re.sub(r"\d{2,}", "N", re.sub(r" +", " ", line)) for line in lines])
    assert shown[1] == shown[0]


def test_a_program_killed_in_the_middle_of_a_call(tmp_path: Path) -> None:
    """Its line ends with a question mark, whether the call is told whole at its entry or not."""
    for script in ("(kill -9 $$); wait", "(kill -9 $$) & wait; echo"):
        check(["bash", "-c", script], ["-f"], tmp_path, merged=True)
