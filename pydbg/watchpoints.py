"""Watchpoints: stops when memory is written or looked at, by the processor's debug registers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.breakpoints import Point
from pydbg.errors import CommandError, DebuggerError, ExprError, MemoryFault, UsageError
from pydbg.events import Event, WatchpointTriggered

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.types import CType
    from pydbg.expr.values import Value
    from pydbg.symbols.modules import Module
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

__all__ = ["Watches", "Watchpoint", "pieces"]

_SLOTS = 4
KINDS = {"write": "hw watchpoint", "access": "acc watchpoint"}
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
    return found


class Watchpoint(Point, frozen=False, eq=False, kw_only=True):
    """Be a watchpoint: ``size`` bytes at ``addr``, watched in all threads.

    ``kind`` is "write" (a stop when the content changes) or "access" (at every read and
    write). ``addr`` stays what it was when the watchpoint was made, relative to the module
    that it lies in; ``content`` is what stood there last, None where nothing can be read.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     watch = dbg.watch(dbg.regs.rsp - 8, size=8)
    ...     event = dbg.cont()
    ...     event.old, event.new == dbg.regs.rip, watch.hit_count
    (0, False, 1)
    """

    spec: str
    addr: int
    size: int
    kind: str = "write"
    type: CType | None = None
    module_path: str | None = None
    link_addr: int = 0
    content: bytes | None = None
    planted: bool = False

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
        return KINDS[self.kind]

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


class Watches:
    """Make watchpoints, keep the debug registers in step with them, and judge their traps."""

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg

    def _all(self) -> Iterator[Watchpoint]:
        for point in self._dbg.breakpoints.values():
            if isinstance(point, Watchpoint):
                yield point

    # --- creation ----------------------------------------------------------------------------

    def make(self, what: str | int | Value, size: int | None, kind: str) -> Watchpoint:
        """Work out what is to be watched; raises ExprError, UsageError or CommandError."""
        if kind not in KINDS:
            raise UsageError(f'A watchpoint is for "write" or "access", not {kind!r}.')
        addr, size, ctype = self._place(what, size)
        if size < 1:
            raise UsageError(f"Cannot watch {size} bytes.")
        needed = len(pieces(addr, size))
        if needed > _SLOTS:
            raise CommandError(
                f"{size} bytes at {addr:#x} need {needed} debug registers, and there are {_SLOTS}."
            )
        module = self._dbg.modules.at(addr)
        return Watchpoint(
            number=self._dbg.points.next_number(),
            spec=what if isinstance(what, str) else f"*{addr:#x}",
            addr=addr,
            size=size,
            kind=kind,
            type=ctype,
            module_path=None if module is None else module.path,
            link_addr=0 if module is None else module.link_addr(addr),
        )

    def _place(self, what: str | int | Value, size: int | None) -> tuple[int, int, CType | None]:
        addr: int | None
        if isinstance(what, int):
            return what, self._dbg.arch.pointer_size if size is None else size, None
        if isinstance(what, str):
            try:
                value = self._dbg.evaluate(what)
            except ExprError as error:
                if "unknown type" not in str(error):
                    raise
                # A variable that only the symbol table knows: no type, but a size.
                addr = int(self._dbg.evaluate(f"&({what})"))
                return addr, self._symbol_size(addr) if size is None else size, None
        else:
            value = what
        addr = value.addr
        if addr is None:
            if size is None:
                raise ExprError(f"{what} is no place in memory: give its size to watch at it.")
            return int(value) & ((1 << 64) - 1), size, None
        if size is not None and size != value.type.size:
            return addr, size, None
        return addr, value.type.size, value.type

    def _symbol_size(self, addr: int) -> int:
        """Return the size that the symbol table has for a variable without a type."""
        module = self._dbg.modules.at(addr)
        found = module.symbol_at(addr) if module is not None else None
        return (found[0].size if found is not None else 0) or self._dbg.arch.pointer_size

    # --- debug registers ---------------------------------------------------------------------

    def plant(self, point: Watchpoint, inferior: Inferior) -> None:
        """Take debug registers for a watchpoint; raises CommandError if too few are free."""
        module = self._module_of(point)
        if point.module_path is not None:
            if module is None:
                return  # Its library is not loaded now.
            point.addr = module.addr(point.link_addr)
        registers = inferior.debug_registers
        parts = pieces(point.addr, point.size)
        free = sum(slot is None for slot in registers.slots)
        if len(parts) > free:
            raise CommandError(
                f"Could not insert hardware watchpoint {point.number}: it needs {len(parts)} of "
                f"the {_SLOTS} debug registers, and {free} {'is' if free == 1 else 'are'} free."
            )
        for addr, length in parts:
            registers.add(addr, point.kind, length, point)
        point.planted = True
        point.content = self._read(point, inferior)

    def _module_of(self, point: Watchpoint) -> Module | None:
        return next((m for m in self._dbg.modules if m.path == point.module_path), None)

    def lift(self, point: Watchpoint, inferior: Inferior | None) -> None:
        """Give a watchpoint's debug registers back."""
        point.planted = False
        if inferior is not None:
            inferior.debug_registers.discard(point)

    def update(self, inferior: Inferior) -> list[str]:
        """Plant what is enabled, lift what is not; returns what went wrong."""
        problems = []
        for point in self._all():
            if point.enabled and not point.planted:
                try:
                    self.plant(point, inferior)
                except CommandError as error:
                    problems.append(str(error))
            elif not point.enabled and point.planted:
                self.lift(point, inferior)
        return problems

    def refresh(self, inferior: Inferior) -> None:
        """Note what stands there before the program runs: the user may have written it."""
        for point in self._all():
            if point.planted:
                point.content = self._read(point, inferior)

    def process_gone(self) -> None:
        """Note that no debug register is armed any more."""
        for point in self._all():
            point.planted = False

    @staticmethod
    def _read(point: Watchpoint, inferior: Inferior) -> bytes | None:
        try:
            return inferior.read(point.addr, point.size)
        except MemoryFault:
            return None

    # --- traps -------------------------------------------------------------------------------

    def triggered(self, thread: Thread, points: list[Watchpoint]) -> Event | None:
        """Judge a trap of debug registers: an event if one of the watchpoints stops for it."""
        told: Event | None = None
        for point in points:
            event = self._judge(thread, point)
            if told is None:
                told = event
            else:
                self._dbg.control.queue(event)  # Two at once: the second is told next.
        return told

    def _judge(self, thread: Thread, point: Watchpoint) -> Event | None:
        inferior = thread.inferior
        old, new = point.content, self._read(point, inferior)
        if point.kind == "write" and old == new:
            return None  # As in gdb, a write of what stands there already is no change.
        point.content = new
        event = WatchpointTriggered(
            inferior.pid,
            thread.tid,
            point.number,
            point.temporary,
            point.kind,
            point.addr,
            point.size,
            point.number_of(old),
            point.number_of(new),
            thread.pc,
        )
        callback = point.callback
        ask = None if callback is None else (lambda _: callback(event))
        try:
            stops, error = self._dbg.control.passes(point, thread, None, ask)
        except DebuggerError:
            point.content = new
            raise
        if not stops:
            return None
        self._dbg.points.spent(point.number)
        if error is None:
            return event
        from pydbg.records import replace

        return replace(event, error=error)
