"""Core dumps beside gdb: both read the same file and must say the same."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.cores import MAKERS, make_core
from tests.support.marks import line_of
from tests.support.oracle import gdb
from tests.support.run import batch, pydbg

COMMANDS = (
    "info threads",
    "thread apply all bt",
    "bt",
    "info registers",
    "p $_exitsignal",
    "p $_siginfo.si_signo",
    "p $_siginfo.si_code",
    "p $_siginfo._sifields._sigfault.si_addr",
    "x/6i $pc",
    "x/s greeting",
    "x/s &greeting",
    "x/16xb $sp",
    "p counter",
    "p first.next->key",
    "p/x $xmm5.v4_int32",
    "p/x $st0",
    "p $mxcsr",
    "info sharedlibrary",
    "info auxv",
    "info symbol main",
    "info signals SIGSEGV",
    "frame function main",
    "info registers rip eip",
    "down",
    "up",
    "thread 2",
    "x/2i $pc",
    "bt 1",
    "find &greeting, +16, 'c'",
    "disassemble end,+12",
    "p $_thread",
    "p $_exitcode",
    "info inferiors",
    "info files",
)
RUNNING = (
    "continue", "step", "next", "stepi", "nexti", "finish", "until", "advance main", "jump main",
    "signal 0",
)  # fmt: skip
CHANGING = (
    ("set var counter = 3", "Cannot access memory at address 0x"),
    ("p $pc = 3", "You can't do that without a process to debug."),
    ("call (int)getpid()", "You can't do that without a process to debug."),
    ("kill", "You can't do that without a process to debug."),
    ("generate-core-file", "You can't do that without a process to debug."),
)


def _normal(text: str) -> str:
    text = re.sub(r"^warning: Section .*\n|^\n", "", text, flags=re.MULTILINE)
    # gdb 13 knows the layout of XSAVE areas with MPX only.
    text = re.sub(r"^k[0-7] .*\n", "", text, flags=re.MULTILINE)
    # AT_RSEQ_FEATURE_SIZE and AT_RSEQ_ALIGN are newer than gdb 13.
    text = re.sub(r"^2[78]  .*\n", "", text, flags=re.MULTILINE)
    text = text.replace("this, GDB does not", "this, pydbg does not")
    text = re.sub(r"^(\[Thread debugging|Using host).*\n", "", text, flags=re.MULTILINE)
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _sections(text: str) -> dict[str, str]:
    parts = _normal(text).split("@@@ ")
    return {"load": parts[0]} | {p.partition("\n")[0]: p.partition("\n")[2] for p in parts[1:]}


def _marked(commands: tuple[str, ...]) -> list[str]:
    return [line for one in commands for line in (f"echo @@@ {one}\\n", one)]


def _gdb(program: Path, core: Path, *commands: str) -> dict[str, str]:
    return _sections(gdb(program, f"core-file {core}", *_marked(commands)))


def _ours(program: Path, core: Path, *commands: str) -> tuple[dict[str, str], str]:
    line = [word for one in _marked(commands) for word in ("-ex", one)]
    done = pydbg("--batch", "--keep-going", *line, program, core)
    return _sections(done.stdout), done.stderr


CASES = [
    (maker, variant, how)
    for maker in MAKERS
    for variant, how in (
        ("pie", "segv"), ("pie", "abort"), ("nopie", "segv"), ("static", "segv"),
        ("static-pie", "abort"), ("m32", "segv"), ("m32", "abort"), ("O2", "segv"),
    )
]  # fmt: skip


@pytest.mark.parametrize(("maker", "variant", "how"), CASES)
def test_says_what_gdb_says(maker: str, variant: str, how: str, tmp_path: Path) -> None:
    program = build("cores.c", variant, "-msse2")
    core = make_core(maker, program, tmp_path, how)
    theirs = _gdb(program, core, *COMMANDS)
    ours, _ = _ours(program, core, *COMMANDS)
    for name in ("load", *COMMANDS):
        mine, other = ours.get(name, ""), theirs.get(name, "")
        if "unavailable" in other:
            continue  # The same areas.
        if (maker, variant) == ("gdb", "m32"):
            # gdb's own core has no NT_386_TLS; it asks libthread_db for the pthreads.
            mine, other = (re.sub(r"Thread 0x\w+ \((LWP \d+)\) *|(LWP \d+) *", r"\1\2 ", text)
                           for text in (mine, other))  # fmt: skip
            mine, other = (re.sub(r"Target Id +", "Target Id ", text) for text in (mine, other))
        assert mine == other, f"{name}\n--- gdb\n{other}\n--- pydbg\n{mine}"


@pytest.mark.parametrize("maker", ["gdb", "pydbg"])
@pytest.mark.parametrize(
    ("name", "flags", "mark"),
    [("stl.cc", ("-std=c++20",), "main"), ("classes.cc", (), "end"), ("values.go", (), "locals")],
)
def test_values_of_languages(
    maker: str, name: str, flags: tuple[str, ...], mark: str, tmp_path: Path
) -> None:
    """Locals, printers and stacks in a core are those of the running program."""
    program = build(name, "pie", *flags)
    core = tmp_path / "core"
    stop = (f"break {name}:{line_of(name, mark)}", "run", f"generate-core-file {core}")
    if maker == "gdb":
        gdb(program, *stop)
    else:
        batch(program, *stop, "kill")
    commands = ("disable pretty-printer global go", "info locals", "bt full", "info threads",
                "thread apply all bt", "info sharedlibrary", "info registers rip")  # fmt: skip
    theirs = _gdb(program, core, *commands)
    ours, _ = _ours(program, core, *commands)
    for command in commands[1:]:
        assert ours[command] == theirs[command], command


def test_a_core_is_in_the_inlined_code_it_begins(tmp_path: Path) -> None:
    """A thread that stopped there live has not entered the calls yet; a core's has."""
    program = build("inlined.c", "O2")
    core = tmp_path / "core"
    live = batch(program, "break stream", "run", "step", "step", "bt", f"gcore {core}", "kill")
    commands = ("bt", "info frame", "info locals", "frame 2")
    theirs = _gdb(program, core, *commands)
    assert theirs["bt"].count("#") == 4 and live.stdout.count("\n#") == 2
    ours, _ = _ours(program, core, *commands)
    assert ours == theirs


@pytest.mark.parametrize("maker", MAKERS)
def test_nothing_runs(maker: str, tmp_path: Path) -> None:
    program = build("cores.c", "pie", "-msse2")
    core = make_core(maker, program, tmp_path)
    line = [word for one in RUNNING for word in ("-ex", one)]
    done = pydbg("--batch", "--keep-going", *line, program, core)
    assert done.stderr.splitlines() == ["The program is not being run."] * len(RUNNING)
    assert done.returncode == 1
    for command, error in CHANGING:
        done = pydbg("--batch", "-ex", command, program, core)
        assert done.stderr.startswith(error), (command, done.stderr)
        assert error in gdb_error(program, core, command)


def gdb_error(program: Path, core: Path, command: str) -> str:
    """Return what gdb says on stderr."""
    line = ["gdb", "-nx", "-batch", "-ex", command, str(program), str(core)]
    return subprocess.run(line, capture_output=True, text=True, check=False).stderr


def test_xmm_registers_are_those_of_the_program(tmp_path: Path) -> None:
    program = build("cores.c", "pie", "-msse2")
    for maker in MAKERS:
        core = make_core(maker, program, tmp_path)
        ours, _ = _ours(program, core, "p/x $xmm5.v4_int32", "p/x $ymm5.v4_int64[0]")
        assert "{0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff00}" in ours["p/x $xmm5.v4_int32"]
        assert "= 0x5566778811223344" in ours["p/x $ymm5.v4_int64[0]"]
