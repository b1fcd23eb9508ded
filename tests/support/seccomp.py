"""The kernel's own word about seccomp filters: what it does to a call under one."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydbg.syscalls import bpf
from tests.support.build import build

HARMLESS = ("getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "sched_yield")
"""Calls without arguments, so that any arguments may be given to them."""

Call = tuple[str, int, Sequence[int]]
"""An ABI, a number, six arguments."""


def shows_filters() -> bool:
    """Tell whether the kernel hands seccomp filters out to a debugger that is started here."""
    status = dict(
        line.split(":\t", 1)
        for line in Path("/proc/self/status").read_text().splitlines()
        if ":\t" in line
    )
    return bool(int(status["CapEff"], 16) >> 21 & 1) and status["Seccomp"] == "0"


def observe(program: bytes, calls: Iterable[Call]) -> list[str]:
    """Return what becomes of each call under the filter: "returns N", "traps", "dies of N"."""
    listed = list(calls)
    text = struct.pack("<Q", len(program) // 8) + program + struct.pack("<Q", len(listed))
    for abi, nr, args in listed:
        words = [arg & (1 << 64) - 1 for arg in (*args, 0, 0, 0, 0, 0, 0)[:6]]
        text += struct.pack("<qq6Q", abi == "i386", nr if nr < 1 << 31 else nr - (1 << 32), *words)
    done = subprocess.run(
        [build("seccomp_oracle.c")], input=text, capture_output=True, check=True, timeout=60
    )
    return done.stdout.decode().splitlines()


def expected(value: int, seen: str, *, exists: bool) -> str:
    """Return what a filter's answer means to the caller; ``seen`` is it where it may be either.

    An allowed call returns what it likes, one that does not exist ENOSYS.
    """
    action = value & bpf.ACTION_MASK
    if action in (bpf.RET_ALLOW, bpf.RET_LOG):
        number = int(seen.rpartition(" ")[2]) if seen.startswith("returns") else -1
        return seen if exists and number >= 0 else "returns -38"
    if action == bpf.RET_ERRNO:
        return f"returns {-min(value & 0xFFFF, 4095)}"
    if action in (bpf.RET_TRACE, bpf.RET_NOTIFY):
        return "returns -38"  # Nobody traces, nobody listens.
    return "traps" if action == bpf.RET_TRAP else "dies of 31"
