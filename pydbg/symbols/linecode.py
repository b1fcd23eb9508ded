"""The code of one source line: which addresses it has, and where control leaves it.

A step over a line runs freely inside and stops where the line ends, so it must know each
address that control may go to from there. Instructions are read from the file; all addresses
are link addresses.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from pydbg.errors import MemoryFault
from pydbg.records import NamedTuple

if TYPE_CHECKING:
    from pydbg.arch.model import Arch
    from pydbg.symbols.functions import Function, Inlined
    from pydbg.symbols.lines import FileTable, UnitLines

__all__ = ["Intervals", "LineCode", "line_code", "same_line", "without_inlined"]

Intervals = tuple[tuple[int, int], ...]
_MOST_CODE = 1 << 20


class LineCode(NamedTuple):
    """Hold what a step needs to know of some code.

    >>> code = line_code(lambda addr, size: b"\\x90\\xeb\\x05\\xc3"[addr : addr + size], ((0, 4),))
    >>> code.exits, code.marks, code.instructions
    ((8,), {3: ('ret', None, 4)}, 3)
    """

    inside: Intervals
    exits: tuple[int, ...]
    """Where direct branches and the ends lead out."""
    marks: dict[int, tuple[str, int | None, int]]
    """Instructions to be looked at on the way: address -> (kind, target, what is behind it).

    They are calls, returns, branches to an address in a register or memory, and system calls:
    what one of them brings, a signal, comes behind the step off it, and sigreturn leads anywhere.
    """
    instructions: int
    """How many instructions there are."""
    has_loop: bool
    whole: bool
    """Whether all of it could be decoded."""

    def contains(self, link_addr: int) -> bool:
        """Tell whether an address is inside."""
        return any(low <= link_addr < high for low, high in self.inside)


def line_code(
    read: Callable[[int, int], bytes], inside: Intervals, *, arch: Arch | None = None
) -> LineCode:
    """Decode the code of some intervals, each of which begins with an instruction."""
    from pydbg.arch.insn import branches
    from pydbg.arch.x86_64 import X86_64

    def is_inside(addr: int) -> bool:
        return any(low <= addr < high for low, high in inside)

    exits: set[int] = set()
    marks: dict[int, tuple[str, int | None, int]] = {}
    count = 0
    has_loop, whole = False, True
    for low, high in inside:
        if high - low > _MOST_CODE:
            whole = False
            continue
        try:
            data = read(low, high - low)
        except MemoryFault:
            whole = False
            continue
        falls = True
        end = low
        for addr, size, kind, target in branches(data, low, arch=arch or X86_64):
            count += 1
            end = addr + size
            falls = True
            if kind == "bad":
                whole = False
            elif kind in ("call", "syscall") or (kind == "jump" and target is None):
                marks[addr] = (kind, target, end)
                falls = kind != "jump"
            elif kind == "ret":
                marks[addr] = (kind, None, end)
                falls = False
            elif kind in ("jump", "cond"):
                falls = kind == "cond"
                assert target is not None
                has_loop |= target <= addr and is_inside(target)
                if not is_inside(target):
                    exits.add(target)
        if falls and not is_inside(end):
            exits.add(end)
    return LineCode(inside, tuple(sorted(exits)), marks, count, has_loop, whole)


def same_line(lines: UnitLines, table: FileTable, function: Function, line: int) -> Intervals:
    """Give all code that a line of a file has in a function."""
    found = []
    for low, high in function.ranges:
        for index in range(bisect_left(table.addrs, low), bisect_left(table.addrs, high)):
            row = table.rows[index]
            if row.line != line:
                continue
            entry = lines.find(row.addr)
            if entry is not None and entry[1] is table and entry[0].line == line:
                found.append((entry[0].low, min(entry[0].high, high)))
    return joined(found)


def joined(found: Iterable[tuple[int, int]]) -> Intervals:
    """Give intervals in order, those that touch made one."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(found):
        if low >= high:
            continue
        if result and low <= result[-1][1]:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def without_inlined(
    inside: Intervals,
    calls: list[Inlined],
    chain: tuple[int, ...],
    through: Callable[[Inlined], bool],
) -> Intervals:
    """Keep what belongs to the calls of ``chain`` and to no inlined call in it.

    ``chain`` has the entries of inlined calls, outermost first. A call in it that is gone
    ``through`` counts as a whole.
    """
    if not calls:
        return inside
    cuts = sorted({cut for call in calls for pair in call.ranges for cut in pair})
    kept = []
    for low, high in inside:
        places = [low, *cuts[bisect_right(cuts, low) : bisect_left(cuts, high)], high]
        for start, end in pairwise(places):
            around = [c for c in calls if any(a <= start < b for a, b in c.ranges)]
            dies = tuple(call.die for call in around)
            if dies[: len(chain)] != chain:
                continue
            if len(dies) == len(chain) or through(around[len(chain)]):
                kept.append((start, end))
    for call in calls:
        # Its other parts too: a call is left where all its code ends.
        if call.ranges and len(chain) + 1 == call.depth and through(call):
            around = [c for c in calls if any(a <= call.ranges[0][0] < b for a, b in c.ranges)]
            if tuple(c.die for c in around)[: len(chain)] == chain:
                kept += call.ranges
    return joined(kept)
