"""What a program looked like at a stop, and what is another way at the next one.

A snapshot of registers and stack costs some microseconds and is taken at each stop that a user
sees. Mappings, files and what was written are read from the kernel; that is done where somebody
may ask: at the prompt, and in a script from the first ``changed`` on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.arch.registers import RegisterBlock
from pydbg.errors import DebuggerError
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.target.thread import Thread

__all__ = ["Changes", "Snapshot", "Trail", "compare", "take"]

BELOW = 128
"""The red zone below the stack pointer, which leaf functions use (psABI AMD64, 3.2.2)."""
ABOVE = 16 << 10
"""So much of the stack above the stack pointer is compared."""


class Snapshot(Record, often=True):
    """Hold a thread's registers and stack, and what the kernel tells of its process."""

    pid: int
    tid: int
    registers: RegisterBlock
    """A copy of the general ones: which of them differ is worked out when somebody asks."""
    sp: int
    stack: bytes
    """The stack's bytes from ``sp - BELOW`` on."""
    full: bool = False
    """Whether what follows was read."""
    maps: tuple[Any, ...] = ()
    files: dict[int, str] = {}
    written: int | None = None
    stdout: int | None = None
    """The place in the file that standard output goes to, None if it is none."""

    def register(self, name: str) -> int | None:
        """Return what a general register held, None for one that is not kept."""
        known = self.registers.arch.by_name.get(name)
        kept = known is not None and known.where in ("gpr", "sub") and "general" in known.group
        return self.registers.get(name) if kept else None


class Changes(Record):
    """Hold what differs between two stops of a thread.

    ``registers`` and ``stack`` are (name or address, before, now). ``files`` are (descriptor,
    before, now), None where it was not open. ``written`` counts bytes of all write calls.
    """

    registers: tuple[tuple[str, int, int], ...] = ()
    stack: tuple[tuple[int, int, int], ...] = ()
    sp: int = 0
    maps_gone: tuple[Any, ...] = ()
    maps_new: tuple[Any, ...] = ()
    files: tuple[tuple[int, str | None, str | None], ...] = ()
    written: int = 0
    stdout: int = 0
    full: bool = False
    """Whether mappings, files and bytes were compared."""


def take(thread: Thread, *, full: bool = False) -> Snapshot:
    """Return a snapshot of a stopped thread."""
    pid = thread.inferior.pid
    registers = RegisterBlock(thread.inferior.arch, bytearray(thread.fetch()), bytes)
    sp = thread.sp
    try:
        stack = thread.inferior.read_some(sp - BELOW, BELOW + ABOVE)
    except DebuggerError:
        stack = b""
    if thread.inferior.can_run:
        thread.inferior.sites.keep(sp - BELOW, stack)
    if not full or not thread.inferior.can_run:
        return Snapshot(pid, thread.tid, registers, sp, stack)
    from pydbg.linux import procfs, progress

    try:
        maps, files = tuple(procfs.maps(pid)), procfs.fds(pid)
    except DebuggerError:
        maps, files = (), {}
    return Snapshot(
        pid,
        thread.tid,
        registers,
        sp,
        stack,
        True,
        maps,
        files,
        progress.written(pid),
        progress.position(pid, 1),
    )


def compare(before: Snapshot, now: Snapshot, word: int = 8) -> Changes:
    """Return what differs.

    >>> from pydbg.arch import X86_64
    >>> first, second = (RegisterBlock(X86_64, bytearray(216), bytes) for _ in "ab")
    >>> first.set("rax", 1), second.set("rax", 3)
    (None, None)
    >>> one = Snapshot(1, 1, first, 0x1000, bytes(BELOW + 16))
    >>> two = Snapshot(1, 1, second, 0x1000, bytes(BELOW + 8) + b"\\x05" + bytes(7))
    >>> changes = compare(one, two)
    >>> changes.registers, changes.stack
    ((('rax', 1, 3),), ((4104, 0, 5),))
    """
    registers = _changed(before, now)
    full = before.full and now.full
    gone: tuple[Any, ...] = ()
    new_maps: tuple[Any, ...] = ()
    files: list[tuple[int, str | None, str | None]] = []
    if full:
        gone = tuple(one for one in before.maps if one not in set(now.maps))
        new_maps = tuple(one for one in now.maps if one not in set(before.maps))
        for fd in sorted({*before.files, *now.files}):
            old_path, new_path = before.files.get(fd), now.files.get(fd)
            if old_path != new_path:
                files.append((fd, old_path, new_path))
    return Changes(
        registers,
        _stack(before, now, word),
        now.sp - before.sp,
        gone,
        new_maps,
        tuple(files),
        (now.written or 0) - (before.written or 0) if full else 0,
        (now.stdout or 0) - (before.stdout or 0) if full else 0,
        full,
    )


def _changed(before: Snapshot, now: Snapshot) -> tuple[tuple[str, int, int], ...]:
    """Return the general registers that are another now."""
    if before.registers.gpr == now.registers.gpr:
        return ()
    found = []
    for one in now.registers.arch.in_group("general"):
        new = now.register(one.name)
        old = before.register(one.name)
        if new is not None and old is not None and old != new:
            found.append((one.name, old, new))
    return tuple(found)


def _stack(before: Snapshot, now: Snapshot, word: int) -> tuple[tuple[int, int, int], ...]:
    """Return the words of the stack that are another now, where both snapshots have them."""
    low = max(before.sp, now.sp) - BELOW
    low = -(-low // word) * word
    old = before.stack[low - (before.sp - BELOW) :]
    new = now.stack[low - (now.sp - BELOW) :]
    if old == new:
        return ()
    found = []
    for at in range(0, min(len(old), len(new)) - word + 1, word):
        one, two = old[at : at + word], new[at : at + word]
        if one != two:
            found.append((low + at, int.from_bytes(one, "little"), int.from_bytes(two, "little")))
    return tuple(found)


class Trail:
    """Remember the stops that a user saw: the last one and the one before."""

    def __init__(self) -> None:
        self.full = False
        """Whether the costly facts are wanted too."""
        self._seen = False
        self._last: dict[int, Snapshot] = {}
        self._before: dict[int, Snapshot] = {}
        self._pid = 0

    def stopped(self, dbg: Debugger, *, seen: bool) -> None:
        """Take a snapshot of the selected thread if the user sees this stop.

        Stops that commands of a breakpoint pass in a loop are not: there it must be fast, and
        what changed is asked of the last stop that was seen.
        """
        self._seen = seen
        thread = getattr(dbg, "thread", None)
        if not seen or thread is None or thread.running or thread.gone:
            return
        if thread.inferior.pid != self._pid:
            self._pid, self._last, self._before = thread.inferior.pid, {}, {}
        try:
            now = take(thread, full=self.full)
        except DebuggerError:
            return
        if thread.tid in self._last:
            self._before[thread.tid] = self._last[thread.tid]
        self._last[thread.tid] = now

    def arm(self, thread: Thread) -> None:
        """Compare the costly facts too, from what they are now on."""
        if not self.full:
            self.full = True
            if thread.tid in self._last and thread.inferior.pid == self._pid:
                self._last[thread.tid] = take(thread, full=True)

    def before(self, thread: Thread) -> Snapshot | None:
        """Return what a thread is to be compared with, None for its first stop."""
        if thread.inferior.pid != self._pid:
            return None
        return (self._before if self._seen else self._last).get(thread.tid)
