"""Sites: where an int3 stands in the program, and how a thread gets past it.

A site is shared by everything that wants to stop at its address. Memory shown to the user
never contains an int3 of ours: reads put the original bytes over it, writes go beneath it.

A thread passes a site in one of two ways. The plain one lifts the int3, steps, and plants it
again, with all other threads held. A site that is hit often gets a slot: the displaced
instruction, moved to memory of our own in the inferior, and a jump back behind the site
("boosted", as kernel kprobes do it), so that the int3 stays and nobody has to wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.errors import DebuggerError, MemoryFault, ThreadGone
from pydbg.linux import procfs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydbg.arch.insn import Relocated
    from pydbg.arch.model import Arch
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

_SLOT_SIZE = 64
_PAGE = 4096
_REACH = (1 << 31) - (1 << 20)
_HOT = 4
"""Hits after which a slot pays: making one maps a page in the inferior."""


class Site:
    """Be an address with an int3 and the owners who asked for it."""

    __slots__ = ("addr", "hits", "is_call", "no_slot", "original", "owners", "planted", "slot")

    def __init__(self, addr: int) -> None:
        self.addr = addr
        self.original = b""
        self.planted = False
        self.owners: tuple[Any, ...] = ()
        self.slot: int | None = None
        self.no_slot = False
        self.hits = 0
        self.is_call = False
        """Whether its instruction enters the kernel, and so may block."""


class SiteTable:
    """Keep the sites of one inferior."""

    def __init__(self, inferior: Inferior) -> None:
        self._inferior = inferior
        self.by_addr: dict[int, Site] = {}
        self._idle: set[int] = set()
        self.kept: tuple[int, bytes] | None = None
        """Memory as it was read at this stop, from an address on; see :meth:`keep`."""
        self.shared = False
        """Whether another process has the same memory, and may change it at any time."""
        self._pages: list[list[int]] = []
        self._places: dict[int, Mapping[int, int | None]] = {}

    def at(self, addr: int) -> Site | None:
        """Return the planted site at a run-time address."""
        site = self.by_addr.get(addr)
        return site if site is not None and site.planted else None

    def add(self, addr: int, owner: Any) -> Site:
        """Plant an int3 for ``owner``, or share the one that is there.

        Raises MemoryFault, and changes nothing, where the byte cannot be written.
        """
        site = self.by_addr.get(addr)
        if site is None:
            site = Site(addr)
            self.plant(site)
            self.by_addr[addr] = site
        if owner not in site.owners:
            site.owners += (owner,)
        return site

    def discard(self, addr: int, owner: Any, *, idle: bool = False) -> None:
        """Take an owner off a site; the last one takes the int3 with it.

        With ``idle`` it stays until :meth:`lift_idle`: the next plan is likely to want it again.
        """
        site = self.by_addr.get(addr)
        if site is None:
            return
        site.owners = tuple([o for o in site.owners if o is not owner])
        if site.owners:
            return
        if idle:
            self._idle.add(addr)
        else:
            self.lift(site)
            del self.by_addr[addr]

    def lift_idle(self) -> None:
        """Take out the int3s that nobody owns any more."""
        for addr in self._idle:
            site = self.by_addr.get(addr)
            if site is not None and not site.owners:
                self.lift(site)
                del self.by_addr[addr]
        self._idle.clear()

    def plant(self, site: Site) -> None:
        """Write the int3 of a site."""
        if site.planted:
            return
        insn = self._inferior.arch.breakpoint
        memory = self._inferior.memory
        before = memory.read_some(site.addr, len(insn) + 1)
        if len(before) < len(insn):
            raise MemoryFault(site.addr + len(before), len(insn) - len(before))
        memory.write(site.addr, insn)
        site.original = before[: len(insn)]
        site.planted = True
        site.is_call = before in self._inferior.arch.syscall_insns

    def lift(self, site: Site) -> None:
        """Write a site's original bytes back; memory that is gone needs none."""
        if not site.planted:
            return
        site.planted = False
        try:
            self._inferior.memory.write(site.addr, site.original)
        except DebuggerError:
            return  # The library was unmapped or the process is gone, and the int3 with it.

    def lift_all(self) -> None:
        """Take out every int3, before the process is let go."""
        for site in self.by_addr.values():
            self.lift(site)

    def clean(self, memory: Any) -> None:
        """Write the original bytes into another process's copy of this memory."""
        for site in self.by_addr.values():
            if site.planted:
                try:
                    memory.write(site.addr, site.original)
                except DebuggerError:
                    continue  # Not mapped in the copy.

    def copy_to(self, other: SiteTable) -> None:
        """Tell a forked child's table of the int3s that the fork copied."""
        for site in self.by_addr.values():
            if site.planted:
                copy = Site(site.addr)
                copy.original, copy.planted = site.original, True
                other.by_addr[site.addr] = copy

    def forget(self) -> None:
        """Drop everything: an exec replaced the memory."""
        self.kept = None
        self._idle.clear()
        self.by_addr.clear()
        self._pages.clear()
        self._places.clear()

    def keep(self, addr: int, data: bytes) -> None:
        """Serve reads of this memory from ``data`` until anything runs or is written.

        It is the stack that is read at a stop, as gdb keeps it too (``set stack-cache``).
        """
        self.kept = None if self.shared else (addr, data)

    def hide(self, addr: int, data: bytes) -> bytes:
        """Return memory as the program would have it without us."""
        end = addr + len(data)
        result: bytearray | None = None
        for site in self.by_addr.values():
            if site.planted and addr < site.addr + len(site.original) and site.addr < end:
                if result is None:
                    result = bytearray(data)
                for index, byte in enumerate(site.original):
                    place = site.addr + index - addr
                    if 0 <= place < len(data):
                        result[place] = byte
        return data if result is None else bytes(result)

    def write(self, addr: int, data: bytes) -> None:
        """Write memory beneath the int3s."""
        self.kept = None
        covered = [
            site
            for site in self.by_addr.values()
            if site.planted
            and addr < site.addr + len(site.original)
            and site.addr < addr + len(data)
        ]
        for site in covered:
            self.lift(site)
        try:
            self._inferior.memory.write(addr, data)
        finally:
            for site in covered:
                site.slot = None  # It holds the old instruction.
                self.plant(site)

    # --- slots -------------------------------------------------------------------------------

    def slot_for(self, site: Site, thread: Thread) -> int | None:
        """Return the slot of a site, made when the site is hit often; None to step instead.

        ``thread`` is stopped in user mode and makes the system call that maps the slots.
        """
        if site.slot is not None or site.no_slot:
            return site.slot
        site.hits += 1
        if site.hits <= _HOT and not site.is_call:
            return None
        try:
            site.slot = self._make_slot(site, thread)
        except ThreadGone:
            raise
        except DebuggerError:
            site.slot = None
        site.no_slot = site.slot is None
        return site.slot

    def _make_slot(self, site: Site, thread: Thread) -> int | None:
        from pydbg.arch.insn import relocated

        arch = self._inferior.arch
        code = self._inferior.read_some(site.addr, arch.max_insn)
        move = _moved_call if site.is_call else relocated
        if move(code, site.addr, site.addr + _PAGE, arch=arch) is None:
            return None
        slot = self._room(site.addr, thread)
        if slot is None:
            return None
        moved = move(code, site.addr, slot, arch=arch)
        if moved is None or len(moved.code) > _SLOT_SIZE:
            return None
        self._inferior.memory.write(slot, moved.code)
        self._places[slot] = moved.places
        return slot

    def _room(self, addr: int, thread: Thread) -> int | None:
        for page in self._pages:
            if page[1] + _SLOT_SIZE <= page[0] + _PAGE and abs(page[0] - addr) < _REACH:
                page[1] += _SLOT_SIZE
                return page[1] - _SLOT_SIZE
        start = self._map_near(addr, thread)
        if start is None:
            return None
        self._pages.append([start, start + _SLOT_SIZE])
        return start

    def _map_near(self, addr: int, thread: Thread) -> int | None:
        from pydbg.target.inject import map_page

        for gap in _gaps_near(procfs.maps(self._inferior.pid), addr):
            start = map_page(thread, gap, _PAGE)
            if start == gap:
                return start
        return None

    def place_of(self, pc: int) -> tuple[bool, int | None]:
        """Translate a pc inside a slot: (is in a slot, the address it stands for or None)."""
        for page in self._pages:
            if page[0] <= pc < page[0] + _PAGE:
                slot = page[0] + (pc - page[0]) // _SLOT_SIZE * _SLOT_SIZE
                places = self._places.get(slot)
                if places is not None:
                    return True, places.get(pc - slot)
        return False, None

    def is_start(self, addr: int, pc: int) -> bool:
        """Tell whether ``pc`` is in the slot of the site at ``addr``."""
        site = self.by_addr.get(addr)
        slot = site.slot if site is not None else None
        return slot is not None and slot <= pc < slot + _SLOT_SIZE

    @property
    def has_slots(self) -> bool:
        """Tell whether any slot exists, so that a pc may lie in one."""
        return bool(self._pages)


def _moved_call(code: bytes, addr: int, slot: int, *, arch: Arch) -> Relocated | None:
    """Move a system call: the thread may block in it, and nobody must wait for that.

    The program gets the slot's address in rcx, which no program can make use of.
    """
    from pydbg.arch.insn import Relocated

    size = len(arch.syscall_insns[0])
    distance = addr - (slot + 5)
    if not -_REACH < distance < _REACH:
        return None
    jump = b"\xe9" + distance.to_bytes(4, "little", signed=True)
    return Relocated(code[:size] + jump, {0: addr, size: addr + size})


def _gaps_near(mappings: list[procfs.Mapping], addr: int) -> list[int]:
    """List free pages within reach of ``addr``, nearest first, a few only.

    Pages directly above a writable mapping are left alone: the heap and stacks grow.
    """
    found: list[int] = []
    previous = 0x10000
    for mapping in mappings:
        if mapping.start - previous >= 4 * _PAGE:
            for page in (mapping.start - 2 * _PAGE, previous + 16 * _PAGE):
                if previous + _PAGE <= page <= mapping.start - 2 * _PAGE:
                    found.append(page)
        previous = mapping.end
    near = [page for page in found if abs(page - addr) < _REACH and page < 1 << 47]
    return sorted(near, key=lambda page: abs(page - addr))[:4]


__all__ = ["MemoryFault", "Site", "SiteTable"]
