"""The user's watchpoints: made, kept in step with the debug registers, judged at their traps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.errors import CommandError, DebuggerError, ExprError, MemoryFault, UsageError
from pydbg.events import Event, Note, WatchpointEnded, joined
from pydbg.target.debugregs import missing
from pydbg.watchpoints import KINDS, SLOTS, Watchpoint, needed, rows_of
from pydbg.watchsteps import WatchSteps, stop_of

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.types import CType
    from pydbg.expr.values import Value
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread
    from pydbg.watchexpr import Reading

__all__ = ["OVER", "Watches"]

_NOT_BY_STEPS = "Expression cannot be implemented with read/access watchpoint."
_OFF = "Can't set read/access watchpoint when hardware watchpoints are disabled."
OVER = (
    "Watchpoint {} deleted because the program has left the block in\n"
    "which its expression is valid."
)
"""What is said of one whose frame is gone."""


class ScopeEnd:
    """Stand where the frame of a watchpoint's variables returns to."""

    internal = True

    def __init__(self, watches: Watches, point: Watchpoint, inferior: Inferior) -> None:
        self._watches = watches
        self._point = point
        self._inferior = inferior
        assert point.expression is not None and point.expression.scope is not None
        self._scope = point.expression.scope
        caller = self._scope.caller
        if caller is not None:
            inferior.sites.add(caller, self)

    def hit(self, thread: Thread) -> Event | None:
        """End the watchpoint if it is its frame that returned."""
        scope = self._scope
        if thread is not scope.thread or thread.sp < scope.cfa:
            return None
        return self._watches.end(self._point, thread)

    def lift(self) -> None:
        """Take the site out."""
        if self._scope.caller is not None:
            self._inferior.sites.discard(self._scope.caller, self)


class Watches:
    """Make watchpoints, keep the debug registers in step with them, and judge their traps."""

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg
        self._ends: dict[Watchpoint, ScopeEnd] = {}
        self.steps = WatchSteps(dbg, self)

    def _all(self) -> Iterator[Watchpoint]:
        for point in list(self._dbg.breakpoints.values()):
            if isinstance(point, Watchpoint):
                yield point

    # --- creation ----------------------------------------------------------------------------

    def make(
        self,
        what: str | int | Value,
        size: int | None,
        kind: str,
        *,
        location: bool = True,
        may_step: bool = False,
    ) -> Watchpoint:
        """Work out what is to be watched; raises ExprError, UsageError or CommandError."""
        if kind not in KINDS:
            raise UsageError(f'A watchpoint is for "write", "read" or "access", not {kind!r}.')
        point = Watchpoint(
            number=self._dbg.points.next_number(),
            spec=what if isinstance(what, str) else "",
            kind=kind,
            may_step=may_step,
            by_steps=may_step and not self._dbg.settings["can-use-hw-watchpoints"],
        )
        if point.by_steps and kind != "write":
            raise CommandError(_OFF)
        if location or not isinstance(what, str):
            self._locate(point, what, size)
        else:
            self._express(point, what)
        self._fit(point)
        return point

    def _express(self, point: Watchpoint, text: str) -> None:
        from pydbg.watchexpr import Expression

        expression = Expression(self._dbg, text)
        if expression.untyped:
            self._locate(point, text, None)
            return
        point.expression = expression
        try:
            reading = expression.read(self._dbg.thread)
        except ExprError as error:
            if point.kind != "write" and "optimized out" in str(error):
                raise CommandError(_NOT_BY_STEPS) from None
            raise
        self._see(point, reading)

    def _locate(self, point: Watchpoint, what: str | int | Value, size: int | None) -> None:
        """Fix an address for good."""
        addr, size, ctype = self._place(what, size)
        if size < 1:
            raise UsageError(f"Cannot watch {size} bytes.")
        module = self._dbg.modules.at(addr)
        point.spec = point.spec or f"*{addr:#x}"
        point.addr, point.size, point.type = addr, size, ctype
        if module is not None:
            point.module_path, point.link_addr = module.path, module.link_addr(addr)
        point.parts = ((addr, size),)

    def _place(self, what: str | int | Value, size: int | None) -> tuple[int, int, CType | None]:
        addr: int | None
        if isinstance(what, int):
            return what, self._dbg.arch.pointer_size if size is None else size, None
        if isinstance(what, str):
            try:
                value = self._dbg.evaluate(what).referred()
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
                raise ExprError("Attempt to take address of value not located in memory.")
            return int(value) & ((1 << 64) - 1), size, None
        if size is not None and size != value.type.size:
            return addr, size, None
        return addr, value.type.size, value.type

    def _symbol_size(self, addr: int) -> int:
        """Return the size that the symbol table has for a variable without a type."""
        found = self._dbg.modules.symbol_at(addr)
        return (found[1].size if found is not None else 0) or self._dbg.arch.pointer_size

    def bind(self, point: Watchpoint, text: str | None) -> None:
        """Fix what the names of a condition mean: it is asked in other functions, too."""
        from pydbg.watchexpr import Expression

        text = (text or "").strip()
        point.asked = Expression(self._dbg, text, watched=False) if text else None

    def _see(self, point: Watchpoint, reading: Reading) -> None:
        """Take in what an expression is now."""
        value = reading.value
        point.parts = reading.parts
        point.last = value
        point.content = None if value is None else _content(value)
        if value is not None:
            point.type, point.addr, point.size = value.type, value.addr or 0, value.type.size
        if reading.in_registers or not reading.parts:
            point.software = True

    def _fit(self, point: Watchpoint) -> None:
        """Decide whether debug registers can do it; raises CommandError where nothing can."""
        count = needed(point)
        if point.by_steps or count > SLOTS:
            point.software = True
        if not point.software:
            if self._dbg.inferior is None:
                self._check_planned(point)
            return
        if point.kind != "write":
            raise CommandError(_NOT_BY_STEPS)
        if not point.may_step:
            addr, size = point.parts[0]
            raise CommandError(
                f"{size} bytes at {addr:#x} need {count} debug registers, and there are {SLOTS}."
            )

    def _check_planned(self, point: Watchpoint) -> None:
        """Count the debug registers that are spoken for before the program runs."""
        armed = [one for one in self._all() if one.enabled and not one.software]
        held: list[tuple[int, str, int]] = []
        for row in [row for one in armed for row in rows_of(one)]:
            held += [row] * missing([row], held)
        points = self._dbg.points.breakpoints()
        used = len(held) + sum(len(p.locations) for p in points if p.hardware and p.enabled)
        self._check(point, missing(rows_of(point), held), SLOTS - used)

    # --- debug registers ---------------------------------------------------------------------

    def plant(self, point: Watchpoint, inferior: Inferior) -> None:
        """Have a watchpoint watched; raises CommandError if too few registers are free."""
        if not self._settle(point):
            return  # Its library is not loaded now, its names mean nothing now.
        if point.software:
            self.steps.add(point)
        else:
            self._arm(point, inferior)
        point.planted = True
        self._look(point, inferior, self._dbg.thread)
        expression = point.expression
        if expression is not None and expression.scope is not None and point not in self._ends:
            self._ends[point] = ScopeEnd(self, point, inferior)

    def _settle(self, point: Watchpoint) -> bool:
        """Find what a watchpoint means now; returns whether it means anything."""
        if point.expression is not None:
            try:
                reading = point.expression.read(self._dbg.thread)
            except DebuggerError:
                return False
            point.software = False
            self._see(point, reading)
            self._fit(point)
            return True
        if point.module_path is not None:
            module = self._dbg.modules.by_path(point.module_path)
            if module is None:
                return False
            point.addr = module.addr(point.link_addr)
            point.parts = ((point.addr, point.size),)
        return True

    def _arm(self, point: Watchpoint, inferior: Inferior) -> None:
        registers = inferior.debug_registers
        free = sum(slot is None for slot in registers.slots)
        rows = rows_of(point)
        self._check(point, registers.missing(rows), free)
        for addr, kind, length in rows:
            registers.add(addr, kind, length, point)

    @staticmethod
    def _check(point: Watchpoint, count: int, free: int) -> None:
        if count > free:
            raise CommandError(
                f"Could not insert hardware watchpoint {point.number}: it needs {count} of "
                f"the {SLOTS} debug registers, and {free} {'is' if free == 1 else 'are'} free."
            )

    def lift(self, point: Watchpoint, inferior: Inferior | None) -> None:
        """Give a watchpoint's debug registers back."""
        point.planted = False
        self.steps.discard(point)
        if inferior is not None:
            inferior.debug_registers.discard(point)
        end = self._ends.pop(point, None) if point.deleted else None
        if end is not None and inferior is not None:
            end.lift()

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
            expression = point.expression
            scope = None if expression is None else expression.scope
            if scope is not None and scope.thread.gone:
                self._dbg.points.delete(point.number)
                text = "\n" + OVER.format(point.number)
                self._dbg.notify(Note(inferior.pid, inferior.pid, text))
            elif point.planted:
                self._look(point, inferior, self._dbg.thread)

    def process_gone(self) -> None:
        """Note that no debug register is armed any more."""
        self._ends.clear()
        for point in self._all():
            point.planted = False
            point.compiled.clear()
            self.steps.discard(point)
            if point.asked is not None:
                point.asked.process_gone()
            if point.expression is None:
                continue
            if point.expression.scope is not None:
                # Its frame is gone for good (gdb: breakpoint_init_inferior).
                self._dbg.points.delete(point.number)
            point.expression.process_gone()

    # --- contents ----------------------------------------------------------------------------

    def _look(self, point: Watchpoint, inferior: Inferior, thread: Thread | None) -> bool:
        """Take in what stands there; returns whether that could be found out."""
        expression = point.expression
        if expression is None:
            try:
                point.content = inferior.read(point.addr, point.size)
            except MemoryFault:
                point.content = None
            value = point.value(point.content)
            if value is not None:
                from pydbg.expr.values import Lvalue, Value

                place = Lvalue("memory", point.addr)
                value = Value(value.type, point.content, place, inferior.read)
            point.last = value
        else:
            before = point.parts
            try:
                reading = expression.read(thread)
            except DebuggerError:
                return False
            if point.planted and reading.parts != before:
                self._follow(point, reading, inferior)
            else:
                software = point.software
                self._see(point, reading)
                point.software |= software
        self.steps.note(point)
        return True

    def _follow(self, point: Watchpoint, reading: Reading, inferior: Inferior) -> None:
        """Watch other memory from now on: a pointer on the way has changed."""
        inferior.debug_registers.discard(point)
        self.steps.discard(point)
        point.software = False
        self._see(point, reading)
        try:
            self._fit(point)
            if point.software:
                self.steps.add(point)
            else:
                self._arm(point, inferior)
        except CommandError:
            if point.kind != "write":
                point.is_on = point.planted = False
                return
            inferior.debug_registers.discard(point)
            point.software = True
            self.steps.add(point)

    # --- stops -------------------------------------------------------------------------------

    def triggered(self, thread: Thread, points: list[Watchpoint]) -> Event | None:
        """Judge a trap of debug registers: an event if one of the watchpoints stops for it."""
        told: Event | None = None
        for point in sorted(points, key=lambda point: point.number):
            told = joined(told, self.judge(thread, point))
        return told

    def judge(self, thread: Thread, point: Watchpoint) -> Event | None:
        """Decide whether a watchpoint stops a thread that may have touched its memory."""
        inferior = thread.inferior
        expression = point.expression
        if expression is not None and expression.scope is not None and expression.scope.is_over():
            return self.end(point, thread)
        if thread.calls:
            return None  # A function that the user calls is no part of the program's run.
        old, old_value, parts = point.content, point.last, point.parts
        if not self._look(point, inferior, thread):
            return None
        if point.parts != parts and len(inferior.threads) > 1:
            with self._dbg.control.all_held(thread, quiet=True):
                pass  # They are armed anew when they run on.
        changed = old != point.content
        if changed if point.kind == "read" else point.kind == "write" and not changed:
            return None  # As in gdb, a write of what stands there already is no change.
        return stop_of(self._dbg, point, thread, old, old_value)

    def end(self, point: Watchpoint, thread: Thread) -> Event | None:
        """Delete a watchpoint whose frame is gone."""
        if point.deleted:
            return None
        told = point.enabled
        self._dbg.points.delete(point.number)
        if not told:
            return None
        return WatchpointEnded(thread.inferior.pid, thread.tid, point.number)


def _content(value: Value) -> bytes:
    """Return the bytes of a value: of a bit-field not what its neighbours are."""
    if value.lvalue is None or not value.lvalue.bit_size:
        return value.data
    size = value.type.size
    return (int(value) & ((1 << 8 * size) - 1)).to_bytes(size, "little")
