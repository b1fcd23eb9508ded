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


class DebugRegisters:
    """Allot the four slots of an inferior and arm its threads."""

    def __init__(self) -> None:
        self.slots: list[tuple[int, str, int, tuple[Any, ...]] | None] = [None] * COUNT

    def add(self, addr: int, kind: str, length: int, owner: Any) -> int:
        """Take a free slot, or share one that watches for the same thing.

        Raises CommandError when all four are in use.
        """
        for index, slot in enumerate(self.slots):
            if slot is not None and slot[:3] == (addr, kind, length):
                self.slots[index] = (addr, kind, length, (*slot[3], owner))
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
        held = {slot[:3] for slot in self.slots if slot is not None}
        return len(set(wanted) - held)

    @property
    def in_use(self) -> bool:
        """Tell whether any slot is taken."""
        return any(slot is not None for slot in self.slots)

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
