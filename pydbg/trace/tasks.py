"""The tasks that a trace knows, and what is kept of the call that each is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.linux import procfs
from pydbg.linux.memory import ProcessMemory
from pydbg.syscalls.decode import Decoded, Options, plain_at
from pydbg.syscalls.table import Syscall

if TYPE_CHECKING:
    from pydbg.trace.stacks import TraceFrame
    from pydbg.trace.tamper import Rule, Tampering

__all__ = ["CallReader", "Row", "Task"]

_AT_FDCWD = -100


class CallReader:
    """Give the decoders a task's memory and open files."""

    __slots__ = ("_connections", "names_fds", "read", "sp", "tid", "word_size")

    def __init__(self, tid: int, memory: ProcessMemory, names_fds: bool) -> None:
        self.tid = tid
        self.names_fds = names_fds
        self._connections: dict[int, str] = {}
        self.word_size = 8
        self.sp = 0
        self.read: Callable[[int, int], bytes] = memory.read

    def fd_path(self, fd: int, /) -> str | None:
        """Return what a descriptor refers to (-y); AT_FDCWD is the working directory."""
        if not self.names_fds:
            return None
        try:
            return procfs.cwd(self.tid) if fd == _AT_FDCWD else procfs.fd_path(self.tid, fd)
        except DebuggerError:
            return None

    def interface(self, index: int, /) -> str | None:
        """Return the name of a network interface."""
        return procfs.interface_name(index)

    def netlink_protocol(self, fd: int, /) -> int | None:
        """Return the protocol of a netlink socket."""
        return procfs.netlink_protocol(self.tid, fd)

    def fd_details(self, fd: int, /) -> str | None:
        """Return what is known of a descriptor beyond its path (-yy)."""
        from pydbg.trace.descriptors import details

        return details(self.tid, fd, self._connections)


class Row:
    """Hold a system call's row and whether it is shown."""

    __slots__ = (
        "abi",
        "call",
        "enters_early",
        "known",
        "printing",
        "raw",
        "returns_early",
        "rules",
        "shown",
    )

    def __init__(
        self,
        call: Syscall,
        abi: str,
        *,
        shown: bool,
        printing: Options | None,
        raw: bool,
        rules: tuple[Rule, ...] = (),
        repeats: bool = False,
    ) -> None:
        self.call = call
        self.abi = abi
        self.shown = shown
        self.printing = printing
        """How values are printed."""
        self.raw = raw
        """Registers are printed as they are."""
        self.rules = rules
        self.enters_early = not rules and plain_at(call, "entry")
        """The task may go on before its entry is decoded."""
        self.known: dict[tuple[int, ...], Decoded] | None = None
        """What was decoded, by registers, where they say it all and always the same."""
        if repeats and plain_at(call, "entry"):
            self.known = {}
        self.returns_early = not rules and plain_at(call, "return")


class Task:
    """Hold one thread of a traced program."""

    __slots__ = (
        *("args", "began", "began_at", "clock", "entry", "ended", "hidden", "inside"),
        *(
            "ip",
            "leader",
            "memory",
            "pid",
            "previous",
            "reader",
            "ret",
            "row",
            "silent",
            "sp",
            "stack",
        ),
        *("stime", "stream", "tid", "tampered", "took", "tried", "written"),
    )

    def __init__(self, tid: int, pid: int, memory: ProcessMemory, names_fds: bool = False) -> None:
        self.tid = tid
        self.pid = pid
        self.memory = memory
        self.reader = CallReader(tid, memory, names_fds)
        self.silent = False
        """Kept going because a filter would harm it alone; nothing of it is shown."""
        """It was running before us: it is let go at the end, not killed."""
        self.inside = False
        """In a system call whose entry was seen."""
        self.hidden = False
        """That call is not shown, or only once its result is known."""
        self.row: Row | None = None
        self.args: tuple[int, ...] = ()
        self.ip = self.sp = 0
        self.entry: Decoded | None = None
        self.ended: Decoded | None = None
        self.ret: int | None = None
        self.began = 0
        """Nanoseconds of the monotonic clock at the entry."""
        self.took = 0
        """Nanoseconds that the call took."""
        self.began_at = 0
        """Nanoseconds since 1970 at the entry."""
        self.clock = 0.0
        """System time at the entry, in seconds."""
        self.stime = 0.0
        self.previous: Syscall | None = None
        """The call before, which restart_syscall may go on with."""
        self.stack: tuple[TraceFrame, ...] = ()
        self.tampered: Tampering | None = None
        self.tried: dict[tuple[int, Row | None], int] = {}
        """How often each tampering rule has met this task."""
        self.leader = ""
        """What the line of this call begins with: process, time, number."""
        self.written: str | None = None
        """What stands in the output of this call already."""
