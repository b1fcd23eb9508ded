"""Watchpoints: stops when memory is written or looked at, by the processor's debug registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.breakpoints import Point

if TYPE_CHECKING:
    from pydbg.expr.types import CType
    from pydbg.expr.values import Value
    from pydbg.watchexpr import Expression

__all__ = ["KINDS", "SLOTS", "Watchpoint", "needed", "pieces", "rows_of"]

SLOTS = 4
_USER_END = 1 << 47
"""No user memory is above it on x86-64, and the kernel refuses to watch there."""

KINDS = {"write": "hw watchpoint", "read": "read watchpoint", "access": "acc watchpoint"}
"""What can be watched for, and gdb's word in ``info breakpoints``."""


def pieces(addr: int, size: int) -> list[tuple[int, int]]:
    """Split a range into what a debug register can watch: 1, 2, 4 or 8 bytes, aligned.

    Intel SDM vol. 3B, 18.2.5.

    >>> pieces(0x1001, 8)
    [(4097, 1), (4098, 2), (4100, 4), (4104, 1)]
    """
    found = []
    end = addr + size
    while addr < end:
        length = next(n for n in (8, 4, 2, 1) if addr % n == 0 and addr + n <= end)
        found.append((addr, length))
        addr += length
        if len(found) > SLOTS and end - addr > 1 << 16:
            break  # Too long anyway.
    return found


class Watchpoint(Point, frozen=False, eq=False, kw_only=True):
    """Be a watchpoint: ``size`` bytes at ``addr``, watched in all threads.

    ``kind`` is "write" (a stop when the content changes), "read" or "access" (at every read and
    write). ``addr`` stays what it was when the watchpoint was made, relative to the module
    that it lies in; ``content`` is what stood there last, None where nothing can be read.
    One of an ``expression`` follows its value, wherever that comes from. ``software`` says that
    the program is stepped for it.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     watch = dbg.watch(dbg.regs.rsp - 8, size=8)
    ...     event = dbg.cont()
    ...     event.old, event.new == dbg.regs.rip, watch.hit_count
    (0, False, 1)
    """

    spec: str
    addr: int = 0
    size: int = 0
    kind: str = "write"
    type: CType | None = None
    module_path: str | None = None
    link_addr: int = 0
    content: bytes | None = None
    planted: bool = False
    expression: Expression | None = None
    asked: Expression | None = None
    """The condition, as it was meant where it was given."""
    parts: tuple[tuple[int, int], ...] = ()
    """What is watched in memory: the value and what led to it."""
    last: Any = None
    """The value that was seen last, None if it cannot be read or has no type."""
    may_step: bool = False
    software: bool = False
    by_steps: bool = False
    """Whether it was made for stepping (``set can-use-hw-watchpoints 0``)."""

    internal = False
    pending = False

    @property
    def locations(self) -> tuple[()]:
        """Return no locations: it watches data, not code.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.watch(dbg.regs.rsp).locations
        ()
        """
        return ()

    @property
    def kind_text(self) -> str:
        """Return the type column of ``info breakpoints``.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.watch(dbg.regs.rsp, kind="access").kind_text
        'acc watchpoint'
        """
        return "watchpoint" if self.software else KINDS[self.kind]

    def value(self, content: bytes | None) -> Value | None:
        """Return a content as a value of the type that was asked for.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     watch = dbg.watch("*(char *)$rsp")
        ...     str(watch.value(watch.content))
        "1 '\\\\001'"
        """
        if content is None or self.type is None:
            return None
        from pydbg.expr.values import Value

        return Value(self.type, content)

    def number_of(self, content: bytes | None) -> int | None:
        """Return a content as a number, signed if the type is.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     watch = dbg.watch("*(short *)$rsp")
        ...     watch.number_of(b"\\xff\\xff")
        -1
        """
        if content is None:
            return None
        value = self.value(content)
        if value is not None:
            from pydbg.expr.types import IntType, PointerType, strip

            if isinstance(strip(value.type), IntType | PointerType):
                return int(value)
        return int.from_bytes(content, "little")


def needed(point: Watchpoint) -> int:
    """Return how many debug registers a watchpoint takes."""
    return len({piece for addr, size in point.parts for piece in pieces(addr, size)})


def rows_of(point: Watchpoint) -> list[tuple[int, str, int]]:
    """Return the debug registers that a watchpoint takes: address, kind and length."""
    # The processor has no watching for reads alone (Intel SDM vol. 3B, 18.2.4).
    kind = "write" if point.kind == "write" else "access"
    found = [
        (piece, kind, length)
        for addr, size in point.parts
        if addr + size <= _USER_END
        for piece, length in pieces(addr, size)
    ]
    return list(dict.fromkeys(found))
