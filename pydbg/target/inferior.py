"""One process under the debugger: its threads, its memory as the user sees it, its sites."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydbg.arch.model import Arch
from pydbg.errors import DebuggerError, NoProcess
from pydbg.linux import procfs
from pydbg.linux.memory import ProcessMemory
from pydbg.rawstops import RawStop
from pydbg.target.debugregs import DebugRegisters
from pydbg.target.sites import SiteTable
from pydbg.target.thread import Thread

MakeThread = Callable[["Inferior", int, int], Thread]


class Inferior:
    """Hold a live process.

    ``silent`` marks one that the user did not ask for and that could not be let go (it lives
    under a seccomp filter of ours, or shares its parent's memory until it execs): it runs, and
    nothing it does is told.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     dbg.inferior.number, dbg.inferior.launched, dbg.inferior.path
    (1, True, '/usr/bin/true')
    """

    can_run = True
    """Whether it is a process; what is left of one in a core is only looked at."""

    def __init__(
        self,
        pid: int,
        number: int,
        arch: Arch,
        *,
        launched: bool,
        make_thread: MakeThread = Thread,
    ) -> None:
        self.make_thread = make_thread
        self.pid = pid
        self.number = number
        self.arch = arch
        self.launched = launched
        self.silent = False
        self.release_at_exec = False
        self.release_after_vfork = False
        """Whether to let it go when its vfork child does not need its memory any more."""
        self.vfork_parent: Thread | None = None
        """The thread that waits for this vfork child to exec or end."""
        self.path = ""
        self.threads: dict[int, Thread] = {}
        self.thread_count = 0
        """How many threads it ever had: they are numbered in order."""
        self.memory = self.open_memory()
        self.sites = SiteTable(self)
        self.debug_registers = DebugRegisters()
        self.auxv: dict[int, int] = {}
        self.syscall_gate: int | None = None
        self.filtered: dict[str, frozenset[int]] = {}
        """The system calls that the process's seccomp filters stop at, by ABI."""
        self.lost: RawStop | None = None
        """The exit that was seen while something else was waited for."""
        self.exit_seen = False
        """Whether a thread was seen on its way to end the whole process."""
        self.dead = False
        self.late_bound: dict[str | int, int] = {}
        """What the running program told: "main" and ifunc resolvers -> addresses."""
        self.early: dict[int, int] = {}
        """Wait statuses that came while something else was waited for (the tracer's)."""
        self.shares_memory_with: Inferior | None = None
        self.loader: Any = None
        self.modules: Any = None

    def __repr__(self) -> str:
        return f"<Inferior {self.number} pid={self.pid}>"

    def open_memory(self) -> ProcessMemory:
        """Return what reads and writes the memory, opened anew.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg, dbg.inferior.open_memory() as memory:
        ...     memory.read(dbg.regs.rsp, 1)
        b'\\x01'
        """
        return ProcessMemory(self.pid)

    def maps(self) -> list[procfs.Mapping]:
        """Return the mappings, by address, as /proc/PID/maps has them.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     [one.perms for one in dbg.inferior.maps() if one.path == "[stack]"]
        ['rw-p']
        """
        return procfs.maps(self.pid)

    def add_thread(self, tid: int) -> Thread:
        """Take in a tracee of this process."""
        self.thread_count += 1
        thread = self.make_thread(self, tid, self.thread_count)
        self.threads[tid] = thread
        return thread

    @property
    def was_threaded(self) -> bool:
        """Tell whether it ever had a second thread: stops name the thread from then on."""
        return self.thread_count > 1

    @property
    def leader(self) -> Thread:
        """Return the thread group leader, or the oldest thread there is."""
        leader = self.threads.get(self.pid)
        if leader is not None and not leader.zombie:
            return leader
        living = [t for t in self.threads.values() if not t.zombie]
        if living:
            return living[0]
        if not self.threads:
            raise NoProcess
        return next(iter(self.threads.values()))

    def refresh(self) -> None:
        """Read what an exec or a launch determines: the auxiliary vector, the file's path."""
        word = self.arch.pointer_size
        self.auxv = dict(procfs.auxv(self.pid, word))
        self.path = procfs.exe(self.pid)
        self.syscall_gate = None
        self.late_bound = {}

    # --- memory as the user sees it ----------------------------------------------------------

    def read(self, addr: int, size: int) -> bytes:
        """Return memory without our int3s; raises MemoryFault at the first bad byte."""
        kept = self.sites.kept
        if kept is not None and addr >= kept[0]:
            start = addr - kept[0]
            data = kept[1][start : start + size]
            if len(data) == size:
                return data
        data = self.memory.read(addr, size)
        return self.sites.hide(addr, data) if self.sites.by_addr else data

    def read_some(self, addr: int, size: int) -> bytes:
        """Return what can be read of a range, from its start."""
        data = self.memory.read_some(addr, size)
        return self.sites.hide(addr, data) if self.sites.by_addr else data

    def write(self, addr: int, data: bytes) -> None:
        """Change memory, also where it is read-only; our int3s stay."""
        self.sites.write(addr, data)

    def close(self) -> None:
        """Free what is held open; the process is gone or let go."""
        self.dead = True
        try:
            self.memory.close()
        except DebuggerError:
            pass
