"""Trace a program with our own ptrace calls and decoders, for the comparison with strace.

Children of the program run untraced, as under strace without -f.
"""

from __future__ import annotations

import os
import socket

from pydbg.linux import memory, procfs, ptrace, spawn, wait
from pydbg.syscalls.decode import Decoded, Options, decode
from pydbg.syscalls.siginfo import decode_siginfo
from pydbg.syscalls.signals import strace_name
from pydbg.syscalls.table import table_for

_OPTIONS = ptrace.O_TRACESYSGOOD | ptrace.O_EXITKILL
_SYSCALL_STOP = 5 | 0x80
_SIGTRAP = 5
_I386 = 0x40000003


class LiveReader:
    """Read a stopped process; ``paths`` as ``strace -y``."""

    def __init__(self, pid: int, word_size: int, paths: bool) -> None:
        self.word_size = word_size
        self.sp = 0
        self._pid = pid
        self._paths = paths
        self._memory = memory.ProcessMemory(pid)

    def read(self, addr: int, size: int, /) -> bytes:
        return self._memory.read(addr, size)

    def fd_path(self, fd: int, /) -> str | None:
        if not self._paths:
            return None
        return procfs.cwd(self._pid) if fd == -100 else procfs.fd_path(self._pid, fd)

    def interface(self, index: int) -> str | None:
        try:
            return socket.if_indextoname(index)
        except OSError:
            return None

    def netlink_protocol(self, fd: int) -> int | None:
        return procfs.netlink_protocol(self._pid, fd)

    def close(self) -> None:
        self._memory.close()


def record(
    argv: list[str],
    env: dict[str, str],
    *,
    paths: bool = False,
    randomize: bool = True,
    options: Options | None = None,
) -> list[str]:
    """Run ``argv`` and return the lines that strace would print, without padding."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        spec = spawn.LaunchSpec(
            argv=argv,
            path=argv[0],
            env=env,
            stdin=null,
            stdout=null,
            stderr=null,
            # As under strace: the program asks for its personality.
            disable_randomization=not randomize,
        )
        pid = spawn.spawn(spec, _OPTIONS)
    finally:
        os.close(null)
    return _trace(pid, paths, options)


def _trace(pid: int, paths: bool, options: Options | None) -> list[str]:
    lines: list[str] = []
    entry: Decoded | None = None
    info = None
    reader = LiveReader(pid, 8, paths)
    deliver = 0
    try:
        while True:
            ptrace.syscall(pid, deliver)
            deliver = 0
            found = wait.wait_tracee(pid)
            assert found is not None
            status = found[1]
            if status & 0x7F == 0:
                return [*lines, f"+++ exited with {status >> 8} +++"]
            if status & 0xFF != 0x7F:
                return [*lines, f"+++ killed by {strace_name(status & 0x7F)} +++"]
            signo = status >> 8 & 0xFF
            if signo == _SYSCALL_STOP:
                now = ptrace.get_syscall_info(pid)
                if now.op == "entry":
                    info = now
                    reader.word_size = 4 if now.arch == _I386 else 8
                    reader.sp = now.sp
                    call = table_for("i386" if now.arch == _I386 else "x86_64").call(now.nr)
                    entry = decode(call, now.args, reader, options=options)
                    if call.name == "exit_group":
                        done = decode(
                            call, now.args, reader, phase="return", entry=entry, options=options
                        )
                        lines.append(done.line())
                elif info is not None:
                    done = decode(
                        call,
                        info.args,
                        reader,
                        ret=now.rval,
                        phase="return",
                        entry=entry,
                        options=options,
                    )
                    lines.append(done.line())
            elif not status >> 16 and signo != _SIGTRAP:
                deliver = signo
                text = decode_siginfo(ptrace.getsiginfo(pid)).text()
                lines.append(f"--- {strace_name(signo)} {text} ---")
    finally:
        reader.close()
