"""What pydbg and gdb print in the same session: names, places, stacks. gdb is asked each time."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.run import batch

_MARK = "@@@"
_NOISE = re.compile(
    r"^(The program does not run: |\[Thread debugging|Using host libthread_db|"
    r"Breakpoint \d+ at|\s*$|warning: Error disab)"
)
_ARGS = re.compile(r"(?<=\S) \((?:\w+=.*|\.\.\.)?\)(?= at |$| from )")
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}


def _facts(text: str) -> dict[str, list[str]]:
    """Give the lines that follow each command, without pids and arguments."""
    facts: dict[str, list[str]] = {}
    command = ""
    for line in text.splitlines():
        if line.startswith(_MARK):
            command = line.removeprefix(_MARK)
        elif command and not _NOISE.match(line):
            line = re.sub(r"\b(process|LWP) \d+", r"\1 PID", line.rstrip())
            line = re.sub(r", args: .*", ", args:", line)
            facts.setdefault(command, []).append(_ARGS.sub(" (...)", line))
    return facts


def _marked(commands: tuple[str, ...]) -> list[str]:
    marked = []
    for index, command in enumerate(commands):
        marked += [f"echo \\n{_MARK}{index} {command}\\n", command]
    return marked


def both(program: Path, *commands: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Run a session in gdb and in pydbg; the inferior has the same environment in both."""
    line = ["gdb", "-batch", "-nx", "-q"]
    head = ("set startup-with-shell off", "unset environment", "set environment A=b")
    for command in (*head, "set width 0", "set style enabled off", *_marked(commands)):
        line += ["-ex", command]
    done = subprocess.run(
        [*line, "--args", str(program)],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        env={**os.environ, **_ENVIRONMENT, "DEBUGINFOD_URLS": ""},
        timeout=60,
    )
    mine = batch(program, *head[1:], *_marked(commands), options=["--keep-going"])
    return _facts(mine.stdout), _facts(done.stdout)


@pytest.mark.parametrize(
    ("source", "variant", "commands"),
    [
        # Addresses stay what they were after the program's end; hit counts start anew.
        ("plain.c", "pie", (
            "break main", "run", "continue", "info breakpoints", "x/2i main", "info line main",
            "run", "info breakpoints",
        )),
        # The first step after starti is an instruction; execve has returned 0.
        ("plain.c", "pie", (
            "starti", "info registers", "backtrace", "stepi", "stepi", "info symbol $pc",
        )),
        ("plain.c", "m32", ("starti", "info registers eax eip", "stepi", "backtrace")),
        ("plain.c", "static", ("starti", "stepi 10", "backtrace", "info frame")),
        # siginfo of a 32-bit program has another layout.
        ("segfault.c", "m32", ("run", "print $_siginfo._sifields._sigfault", "backtrace")),
        # A tail call leaves no frame, but its call site says so (where libc has DWARF).
        ("abort.c", "O2", ("run", "backtrace", "info frame", "up", "info frame")),
        # Inlined functions: every place, and which frame a stop is in.
        ("plain.c", "O2", (
            "break inner", "info breakpoints", "run", "backtrace", "info frame", "up",
            "continue", "backtrace",
        )),
        ("plain.c", "O2", ("break plain.c:10", "break *main+11", "info breakpoints")),
    ],
)  # fmt: skip
def test_sessions(source: str, variant: str, commands: tuple[str, ...]) -> None:
    mine, gdb = both(build(source, variant), *commands)
    assert mine == gdb


@pytest.mark.parametrize("variant", ["pie", "nodebug", "O2"])
def test_cplusplus_names(variant: str) -> None:
    mine, gdb = both(
        build("classes.cc", variant),
        "break main", "run", "x/4i $pc", "print/a $pc", "info registers rip", "info symbol $pc",
        "info frame", "info breakpoints", "disassemble main,+4",
    )  # fmt: skip
    assert mine == gdb


_CLONES = """
#include <stdlib.h>
#include <stdio.h>
static __attribute__((noinline)) int work(int a, int b, char **p)
{
    if (b == 7) { puts(*p); puts("x"); }
    return a * 3 + b + atoi(*p);
}
static __attribute__((noinline, cold)) void fail(int k) { printf("fail %d\\n", k); abort(); }
static __attribute__((noinline)) int big(int a, int *q)
{
    if (a > 100) fail(a);
    for (int i = 0; i < a; i++) q[i] = work(i, 7, (char *[]){"5"});
    return q[0] + a;
}
int main(int argc, char **argv)
{
    int q[200];
    printf("%d %d\\n", big(argc + 3, q), work(argc, 7, (char *[]){"6"}));
    return big(argc + 2, q) & 1;
}
"""


@pytest.mark.parametrize("debug", ["-g0", "-g"])
def test_clones_of_functions(debug: str, tmp_path: Path) -> None:
    (tmp_path / "clones.c").write_text(_CLONES)
    program = tmp_path / "clones"
    subprocess.run(
        ["gcc", "-O2", debug, "-o", str(program), str(tmp_path / "clones.c")], check=True
    )
    where = "work" if debug == "-g" else "work.constprop.0"
    mine, gdb = both(
        program, f"break {where}", "info breakpoints", "run", "backtrace", "x/2i $pc",
        "info symbol $pc", "info registers rip", "disassemble",
    )  # fmt: skip
    assert mine == gdb


def test_symbols_at_one_address(tmp_path: Path) -> None:
    """A name that other files see goes before a local one of the same place and size."""
    source = tmp_path / "names.S"
    lines = [".text", ".globl main", "main: nop"]
    for index, (first, second) in enumerate([("g", "l"), ("l", "g"), ("l", "l"), ("w", "l")]):
        for name, kind in ((f"f{index}a", first), (f"f{index}z", second)):
            lines += [f".type {name},@function", f"{name}:", f".size {name},2"]
            lines += {"g": [f".globl {name}"], "w": [f".weak {name}"], "l": []}[kind]
        lines += ["nop", "nop"]
    source.write_text("\n".join(lines) + "\n")
    program = tmp_path / "names"
    subprocess.run(
        ["gcc", "-nostdlib", "-static", "-Wl,-e,main", "-o", str(program), str(source)], check=True
    )
    mine, gdb = both(program, *(f"info symbol main+{n}" for n in range(9)))
    assert mine == gdb


def test_ifuncs_are_called_through(tmp_path: Path) -> None:
    mine, gdb = both(
        build("plain.c"), "break main", "run", 'print (int)strlen("abc")', "print (int)abs(-3)"
    )
    assert mine == gdb


def test_batch_confirms_nothing() -> None:
    mine, gdb = both(
        build("plain.c"), "break inner", "break inner", "ignore 1 2", "condition 2 $rdi == 1",
        "condition 2", "handle SIGUSR1 nostop", "run", "display/i $pc", "info breakpoints",
        "stepi", "cd /",
    )  # fmt: skip
    assert mine == gdb


def test_the_program_is_named_as_in_gdb(tmp_path: Path) -> None:
    """The folder's links are resolved, the last one is kept (a busybox looks at its name)."""
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "alias").symlink_to(build("plain.c"))
    mine, gdb = both(
        tmp_path / "folder" / "alias", "starti", "x/s *(char**)($rsp+8)", "info inferiors"
    )
    assert mine == gdb
