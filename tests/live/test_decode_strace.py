"""Ask strace: the same lines for the same calls, the same members in its classes."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pydbg.errors import MemoryFault
from pydbg.syscalls.decode import decode
from pydbg.syscalls.decoders.ioctls import request_text
from pydbg.syscalls.flags import flag_set
from pydbg.syscalls.table import table_for
from tests.live.syscall_recorder import record
from tests.support import build, leftovers, oracle

CLASSES = (
    *("file", "desc", "network", "process", "memory", "signal", "ipc", "creds", "clock", "pure"),
    *("stat", "lstat", "fstat", "%stat", "statfs", "fstatfs", "%statfs"),
)
# With this rule none of the calls of fixtures/every_call.S happens.
NONE_HAPPENS = "inject=!execve,exit_group:error=ENOSYS"
ABIS = {"x86_64": ("pie", 8), "i386": ("m32", 4)}

# Flags of kernels after strace 6.1, which it prints as numbers.
NEWER = {"memfd_create", "pidfd_open", "pidfd_send_signal"}
# strace shows the frame of the signal handler, or the call that goes on; both need a process.
NEEDS_PROCESS = {"restart_syscall", "rt_sigreturn", "sigreturn"}


class NoMemory:
    """Have nothing to read."""

    def __init__(self, word_size: int) -> None:
        self.word_size = word_size

    def read(self, addr: int, size: int, /) -> bytes:
        raise MemoryFault(addr, size)

    def fd_path(self, fd: int, /) -> str | None:
        return None


@functools.cache
def every_call(abi: str, arg: int) -> Path:
    """Build the program that issues every number with ``arg`` in all registers."""
    return build.build("every_call.S", ABIS[abi][0], f"-DARG={arg}")


def injected(abi: str, arg: int, *more: str) -> list[str]:
    """Return strace's lines of every call it knows, without results."""
    options = ["-qq", "-e", "signal=none", "-e", NONE_HAPPENS]
    for option in more:
        options += ["-e", option]
    lines = oracle.strace(every_call(abi, arg), options=options)
    return [line for line in lines if "(INJECTED)" in line and not line.startswith("syscall_0x")]


@pytest.mark.parametrize("abi", ABIS)
@pytest.mark.parametrize("arg", [-1, 0])
def test_every_call_without_memory_prints_as_strace(abi: str, arg: int) -> None:
    table = table_for(abi)
    reader = NoMemory(ABIS[abi][1])
    different = []
    lines = injected(abi, arg)
    for line in lines:
        theirs = re.sub(r"\s*= -1 ENOSYS .*", "", line)
        name = theirs.split("(")[0]
        call = table.by_name(name)
        assert call is not None, f"{name} is not in the table"
        entry = decode(call, [arg] * 6, reader)
        ours = decode(call, [arg] * 6, reader, ret=-38, phase="return", entry=entry).line()
        ours = ours.removesuffix(" = -1 ENOSYS (Function not implemented)")
        if ours != theirs and name not in NEEDS_PROCESS | (NEWER if arg else set()):
            different.append(f"{theirs}\n{ours}")
    assert len(lines) > 350
    assert different == []


@pytest.mark.parametrize("abi", ABIS)
@pytest.mark.parametrize("group", CLASSES)
def test_classes_have_straces_members(abi: str, group: str) -> None:
    known = {line.split("(")[0] for line in injected(abi, 0)}
    lines = injected(abi, 0, f"inject=%{group}:error=EXDEV")
    theirs = {line.split("(")[0] for line in lines if "EXDEV" in line}
    table = table_for(abi)
    mine = {table.call(number).name for number in table.members("%" + group)}
    # Numbers that strace 6.1 does not know yet are in their classes too; the program itself
    # makes the two calls that are not injected.
    made = {"execve", "exit_group"}
    assert (mine & known) - made == theirs - made


def test_ioctl_names_are_straces(tmp_path: Path) -> None:
    codes = sorted({value & 0xFFFFFFFF for _, value in flag_set("ioctls").items})
    source = tmp_path / "requests.c"
    rows = ",".join(map(hex, codes))
    source.write_text(
        f"#include <unistd.h>\n#include <sys/syscall.h>\nstatic unsigned codes[] = {{{rows}}};\n"
        "int main(void) { for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++)\n"
        "syscall(SYS_ioctl, -1, (unsigned long)codes[i], 0UL); }\n"
    )
    program = tmp_path / "requests"
    build._compile(["gcc", str(source)], program)
    lines = oracle.strace(program, options=["-e", "trace=ioctl"])
    theirs = [line.removeprefix("ioctl(-1, ") for line in lines if line.startswith("ioctl(-1")]
    assert len(theirs) == len(codes)
    wrong = [
        (hex(code), text)
        for code, text in zip(codes, theirs, strict=True)
        if not re.match(re.escape(request_text(code)) + r"[,)]", text)
        # A later kernel's name, or one that strace's own table lacks.
        and "_IOC(" not in text
    ]
    assert wrong == []


def environment() -> dict[str, str]:
    """Return a small environment, with the mark by which a left process is found."""
    return {"PATH": "/usr/bin:/bin", "LANG": "C", leftovers.TOKEN: os.environ[leftovers.TOKEN]}


def straces_lines(
    argv: list[str],
    paths: bool,
    folder: Path,
    *,
    randomize: bool = True,
    options: Sequence[str] = (),
) -> list[str]:
    """Return what strace prints for ``argv``, but the first line (execve)."""
    output = folder / "trace"
    # Not through oracle.strace: that leaves the program a descriptor more than we do.
    subprocess.run(
        [
            *([] if randomize else ["setarch", "-R"]),
            *("strace", "-o", str(output), *(["-y"] if paths else []), *options, "--", *argv),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        check=False,
    )
    return output.read_text(errors="replace").splitlines()[1:]


def normalised(lines: list[str]) -> list[str]:
    """Take out what differs from one run to the next: processes, addresses, times, inodes."""
    pids = set()
    for line in lines:
        found = re.match(
            r"(?:set_tid_address|clone|fork|vfork|get[p]+id|getpgrp)\(.* = (\d+)$", line
        )
        if found:
            pids.add(found[1])
    result = []
    for line in lines:
        line = re.sub(r"\) +(= )", r") \1", line)
        for pid in pids:
            line = re.sub(rf"\b{pid}\b", "PID", line)
        line = re.sub(r"0x[0-9a-f]{6,16}", "ADDR", line)
        line = re.sub(r"(tv_(?:sec|nsec|usec))=\d+", r"\1=N", line)
        line = re.sub(r"(si_[us]time)=\d+( /\* [\d.]+ s \*/)?", r"\1=N", line)
        line = re.sub(r"(pipe|socket):\[\d+\]", r"\1:[N]", line)
        line = re.sub(r"htons\(\d+\)", "htons(N)", line)
        line = re.sub(r'^(getrandom)\("[^"]*"', r"\1(RANDOM", line)
        line = re.sub(r"^(sysinfo)\(.*\)", r"\1({...})", line)
        line = re.sub(r"^(times\(.*\)) = \d+", r"\1 = N", line)
        line = re.sub(r"^((?:shm|msg)get\(.*\)) = \d+$", r"\1 = N", line)
        line = re.sub(r"^(shmctl|msgctl)\(\d+", r"\1(N", line)
        line = re.sub(r"(f_(?:bfree|bavail|ffree))=\d+", r"\1=N", line)
        # When a child dies is not the same in two runs.
        if not line.startswith("--- SIGCHLD"):
            result.append(line)
    return result


@pytest.mark.parametrize("paths", [False, True], ids=["plain", "y"])
@pytest.mark.parametrize("variant", ["nodebug", "m32"])
def test_fixture_prints_as_strace(variant: str, paths: bool, tmp_path: Path) -> None:
    program = str(build.build("decode.c", variant, "-w"))
    ours = normalised(record([program], environment(), paths=paths))
    theirs = normalised(straces_lines([program], paths, tmp_path))
    assert ours == theirs
    assert len(ours) > 150


@pytest.mark.parametrize(
    "argv",
    [
        ["/bin/ls", "-l", "/etc/ssl"],
        ["/bin/cat", "/etc/passwd", "/nosuch"],
        ["/usr/bin/find", "/etc/ssl", "-name", "x"],
        ["/bin/bash", "-c", "true; cd /; echo hello"],
        ["/usr/bin/python3", "-S", "-c", "print(1)"],
    ],
    ids=lambda argv: Path(argv[0]).name,
)
def test_real_programs_print_as_strace(argv: list[str], tmp_path: Path) -> None:
    ours = normalised(record(argv, environment(), paths=True))
    theirs = normalised(straces_lines(argv, True, tmp_path))
    assert ours == theirs
