"""The parts of the ptrace module that need no process."""

from __future__ import annotations

import struct
import subprocess
import sys

import pytest

from pydbg.errors import ThreadGone
from pydbg.linux import ptrace


def test_numbers_agree_with_python_ptrace() -> None:
    from ptrace.binding import func

    names = [name for name in dir(func) if name.startswith("PTRACE_")]
    checked = 0
    for name in names:
        ours = getattr(ptrace, name.removeprefix("PTRACE_"), None)
        if isinstance(ours, int):
            assert ours == getattr(func, name), name
            checked += 1
    assert checked > 15


def test_syscall_info() -> None:
    head = struct.pack("<B3xIQQ", 3, ptrace.AUDIT_ARCH_I386, 0x1000, 0x2000)
    info = ptrace.parse_syscall_info(head + struct.pack("<7QI4x", 4, 1, 2, 3, 4, 5, 6, 77))
    assert info == (
        "seccomp",
        ptrace.AUDIT_ARCH_I386,
        0x1000,
        0x2000,
        4,
        (1, 2, 3, 4, 5, 6),
        0,
        False,
        77,
    )
    head = struct.pack("<B3xIQQ", 2, ptrace.AUDIT_ARCH_X86_64, 0, 0)
    info = ptrace.parse_syscall_info(head + struct.pack("<qB", -2, 1).ljust(64, b"\0"))
    assert (info.op, info.rval, info.is_error) == ("exit", -2, True)
    assert ptrace.parse_syscall_info(bytes(88)).op == "none"


def test_import_loads_nothing_and_forks_nothing() -> None:
    code = (
        "import sys, os\n"
        "before = set(sys.modules)\n"
        "import pydbg.linux.ptrace as p\n"
        "assert not {'ctypes', 'ptrace', 'subprocess'} & (set(sys.modules) - before)\n"
        "forks = []\n"
        "sys.addaudithook(lambda name, _: forks.append(name)"
        " if name in ('os.fork', 'os.posix_spawn', 'subprocess.Popen') else None)\n"
        "try: p.cont(1 << 22 | 1)\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print('ptrace' in sys.modules)\n"
        "try: p.peekdata(1 << 22 | 1, 848)\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print(forks, 'ptrace.binding.func' in sys.modules)\n"
        "import ptrace.ctypes_libc, ptrace.binding.func as func\n"
        "print(ptrace.ctypes_libc.libc.getpid() == os.getpid(), callable(func._ptrace))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ThreadGone\nFalse\nThreadGone\n[] True\nTrue True\n"


@pytest.mark.parametrize("name", ["cont", "syscall", "step", "detach", "interrupt", "listen"])
def test_a_missing_task_is_gone(name: str) -> None:
    with pytest.raises(ThreadGone) as caught:
        getattr(ptrace, name)((1 << 22) + 1)
    assert caught.value.tid == (1 << 22) + 1
