"""Debug registers: stops of the processor itself, four to a thread.

Intel SDM vol. 3B, 18.2. A slot is an address, a kind and a length; every thread of the
inferior is armed with the same slots before it runs. A new thread shows its creator's DR7 but
is not armed by the kernel, so it is written in full.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydbg.errors import CommandError
from pydbg.linux import ptrace

if TYPE_CHECKING:
    from pydbg.target.thread import Thread

COUNT = 4
_KINDS = {"exec": 0, "write": 1, "access": 3}
_LENGTHS = {1: 0, 2: 1, 8: 2, 4: 3}
_DR6 = ptrace.DEBUG_REGISTER_OFFSET + 8 * 6
_DR7 = ptrace.DEBUG_REGISTER_OFFSET + 8 * 7


def control_bits(index: int, kind: str, length: int) -> int:
    """Return the DR7 bits that enable slot ``index``.

    >>> hex(control_bits(0, "exec", 1)), hex(control_bits(1, "write", 8))
    ('0x1', '0x900004')
    """
    field = _KINDS[kind] | _LENGTHS[length] << 2
    return 1 << 2 * index | field << (16 + 4 * index)


def _serves(slot: tuple[int, str, int], wanted: tuple[int, str, int]) -> bool:
    """Tell whether a slot watches for what is wanted too.

    One that watches for writes may be wider: its owners look for what has changed.
    """
    addr, kind, length = wanted
    if slot[1] != "write" or kind != "write":
        return slot == wanted
    return slot[0] <= addr and addr + length <= slot[0] + slot[2]


def missing(wanted: Iterable[tuple[int, str, int]], held: Iterable[tuple[int, str, int]]) -> int:
    """Return how many more slots are needed.

    >>> missing([(0x1000, "write", 4), (0x1008, "write", 1)], [(0x1000, "write", 8)])
    1
    """
    slots = list(held)
    count = len(slots)
    for one in wanted:
        if not any(_serves(slot, one) for slot in slots):
            slots.append(one)
    return len(slots) - count


class DebugRegisters:
    """Allot the four slots of an inferior and arm its threads."""

    def __init__(self) -> None:
        self.slots: list[tuple[int, str, int, tuple[Any, ...]] | None] = [None] * COUNT

    def add(self, addr: int, kind: str, length: int, owner: Any) -> int:
        """Take a free slot, or share one that serves as well.

        Raises CommandError when all four are in use.
        """
        for index, slot in enumerate(self.slots):
            if slot is not None and _serves(slot[:3], (addr, kind, length)):
                self.slots[index] = (*slot[:3], (*slot[3], owner))
                return index
        for index, slot in enumerate(self.slots):
            if slot is None:
                self.slots[index] = (addr, kind, length, (owner,))
                return index
        raise CommandError("All hardware breakpoint registers are in use (there are 4).")

    def discard(self, owner: Any) -> None:
        """Free the slots of an owner."""
        for index, slot in enumerate(self.slots):
            if slot is not None and owner in slot[3]:
                rest = tuple(one for one in slot[3] if one is not owner)
                self.slots[index] = (*slot[:3], rest) if rest else None

    def missing(self, wanted: Iterable[tuple[int, str, int]]) -> int:
        """Return how many more slots these would take."""
        held = [slot[:3] for slot in self.slots if slot is not None]
        return missing(wanted, held)

    @property
    def in_use(self) -> bool:
        """Tell whether any slot is taken."""
        return any(self.slots)

    def executing(self, addr: int) -> list[Any]:
        """Return the owners of slots that watch for the execution of ``addr``."""
        found = [s[3] for s in self.slots if s is not None and s[0] == addr and s[1] == "exec"]
        return [owner for owners in found for owner in owners]

    def arm(self, thread: Thread) -> None:
        """Write the slots into a stopped thread, if it does not hold them already."""
        wanted = tuple(
            value
            for index, slot in enumerate(self.slots)
            for value in ((slot[0], control_bits(index, slot[1], slot[2])) if slot else (0, 0))
        )
        if thread.armed == wanted or (thread.armed is None and not self.in_use):
            return
        ptrace.pokeuser(thread.tid, _DR7, 0)
        control = 0
        for index in range(COUNT):
            if wanted[2 * index + 1]:
                offset = ptrace.DEBUG_REGISTER_OFFSET + 8 * index
                ptrace.pokeuser(thread.tid, offset, wanted[2 * index])
                control |= wanted[2 * index + 1]
        ptrace.pokeuser(thread.tid, _DR7, control)
        thread.armed = wanted

    def disarm(self, thread: Thread) -> None:
        """Clear the debug registers of a stopped thread that is let go."""
        if thread.armed is not None:
            ptrace.pokeuser(thread.tid, _DR7, 0)
            thread.armed = None

    @staticmethod
    def triggered(thread: Thread) -> list[int]:
        """Return the slots that caused the thread's last trap, and clear DR6."""
        status = ptrace.peekuser(thread.tid, _DR6)
        ptrace.pokeuser(thread.tid, _DR6, 0)
        return [index for index in range(COUNT) if status >> index & 1]
