"""Caught system calls in words: decoded when somebody looks, while the program is still there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.denials import INJECTED
from pydbg.errors import CommandError, DebuggerError

if TYPE_CHECKING:
    from pydbg.events import SyscallCaught
    from pydbg.syscalls.decode import Decoded
    from pydbg.target.thread import Thread

__all__ = ["CallDecoder", "CallReader"]

_AT_FDCWD = -100


class CallReader:
    """Give the decoders the program's memory and open files."""

    def __init__(self, thread: Thread) -> None:
        self._inferior = thread.inferior
        self.word_size = thread.inferior.arch.pointer_size
        self.sp = thread.sp

    def read(self, addr: int, size: int, /) -> bytes:
        """Read memory; MemoryFault if there is none."""
        return self._inferior.read(addr, size)

    def fd_path(self, fd: int, /) -> str | None:
        """Return what a file descriptor is, as strace -y shows it."""
        from pydbg.linux import procfs

        try:
            if fd == _AT_FDCWD:
                return procfs.cwd(self._inferior.pid)
            return procfs.fd_path(self._inferior.pid, fd)
        except DebuggerError:
            return None

    def interface(self, index: int, /) -> str | None:
        """Return the name of a network interface."""
        from pydbg.linux import procfs

        return procfs.interface_name(index)

    def netlink_protocol(self, fd: int, /) -> int | None:
        """Return the protocol of a netlink socket."""
        from pydbg.linux import procfs

        return procfs.netlink_protocol(self._inferior.pid, fd)


class CallDecoder:
    """Decode one stop at a system call, once, and only as long as the thread is still in it.

    ``entered`` keeps by thread what entries were decoded to: at the return a descriptor may be
    closed and a path overwritten.
    """

    __slots__ = ("_done", "_entered", "_stop", "_thread")

    def __init__(self, thread: Thread, entered: dict[int, tuple[int, Decoded]]) -> None:
        self._thread = thread
        self._stop = thread.stop
        self._entered = entered
        self._done: Decoded | None = None

    def __call__(self, event: SyscallCaught) -> Decoded:
        """Return the call in words; raises CommandError when the thread ran on meanwhile."""
        if self._done is None:
            self._done = self._decode(event)
        return self._done

    def _decode(self, event: SyscallCaught) -> Decoded:
        from pydbg.syscalls.decode import Decoded, decode
        from pydbg.syscalls.table import table_for

        thread = self._thread
        if thread.running or thread.gone or thread.stop is not self._stop:
            raise CommandError(f"The thread has left {event.name or event.nr}: too late to decode.")
        call, reader = table_for(event.abi).call(event.nr), CallReader(thread)
        if event.phase == "entry":
            decoded = decode(call, event.args, reader, phase="entry")
            self._entered[event.tid] = event.nr, decoded
            return decoded
        nr, entered = self._entered.get(event.tid, (None, None))
        entry = entered if nr == event.nr else None
        shown = decode(call, event.args, reader, ret=event.ret, phase="return", entry=entry)
        if thread.injected:
            return Decoded(shown.name, shown.args, f"{shown.ret_text}{INJECTED}", shown.memo)
        return shown
