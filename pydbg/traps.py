"""Traps: what an int3, a debug register or a finished step means, and which breakpoints stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

from pydbg.breakpoints import Catchpoint
from pydbg.errors import DebuggerError, ThreadGone
from pydbg.events import BreakpointHit, CatchHit, Event, joined
from pydbg.records import replace
from pydbg.stepping import CallFunction, Plan, plan_of
from pydbg.target.thread import SI_KERNEL, si_code
from pydbg.watchpoints import Watchpoint

if TYPE_CHECKING:
    from pydbg.breakpoints import Location, Point
    from pydbg.control import RunControl
    from pydbg.target.sites import Site
    from pydbg.target.thread import Thread

_SIGTRAP = 5
_TRAP_BRKPT, _TRAP_TRACE, _TRAP_HWBKPT, _TRAP_UNK = 1, 2, 4, 5
_STEP_CODES = (_TRAP_BRKPT, _TRAP_TRACE, _TRAP_UNK)
"""si_code after a single step: over a system call BRKPT, into a signal handler UNK."""


class Traps:
    """Tell apart the reasons of a SIGTRAP, and ask breakpoints and plans what they make of it."""

    def __init__(self, control: RunControl) -> None:
        self.control = control
        self.dbg = control.dbg

    def judge(self, thread: Thread) -> Event | None:
        """Work out what a SIGTRAP was."""
        sites = thread.inferior.sites
        if thread.rewound is not None:
            addr, thread.rewound = thread.rewound, None
            site = sites.at(addr)
            return self._hit(thread, site) if site is not None and thread.pc == addr else None
        site = sites.at(thread.pc - thread.inferior.arch.breakpoint_adjust)
        if not thread.stepping and site is not None:
            return self._hit(thread, site)
        code = si_code(thread)
        if code == SI_KERNEL:
            if site is not None:
                return self._hit(thread, site)
            if thread.is_ghost_trap():
                thread.pc -= thread.inferior.arch.breakpoint_adjust
                return None  # The int3 was taken out while the trap was on its way.
        if code == _TRAP_HWBKPT or (code in _STEP_CODES and self._armed(thread)):
            event, told = self.hardware(thread)
            if told:
                return event
        if code in _STEP_CODES and thread.stepping:
            return self.stepped(thread)
        return self.control.signal_arrived(thread, _SIGTRAP)

    @staticmethod
    def is_plain_step(thread: Thread) -> bool:
        """Tell a finished step from a trap of the stepped instruction's own."""
        try:
            code = si_code(thread)
        except ThreadGone:
            return True
        # Landing on a site that is planted is no hit: it traps when it is executed.
        return code in _STEP_CODES

    @staticmethod
    def _armed(thread: Thread) -> bool:
        return thread.inferior.debug_registers.in_use

    def hardware(self, thread: Thread) -> tuple[Event | None, bool]:
        """Judge what the debug registers stopped at: (event, whether that explains the trap)."""
        inferior = thread.inferior
        registers = inferior.debug_registers
        triggered = registers.triggered(thread)
        slots = [registers.slots[i] for i in triggered]
        owners = dict.fromkeys(owner for slot in slots if slot is not None for owner in slot[3])
        watches = [owner for owner in owners if isinstance(owner, Watchpoint)]
        locations = [owner for owner in owners if not isinstance(owner, Watchpoint)]
        event: Event | None = None
        if watches:
            event = self.dbg.points.watches.triggered(thread, watches)
            if event is not None and thread.stepping:
                event = self._with_watched_by_steps(thread, event)
        if locations:
            thread.stop_pc = thread.pc
            return joined(event, self._judge(thread, thread.pc, locations)), True
        if event is not None:
            event = self._with_breakpoints(thread, event)
        # The watchpoint may have been deleted while the trap was on its way. A step that touched
        # watched memory is a finished step all the same.
        return event, event is not None or (bool(triggered) and not thread.stepping)

    def _with_watched_by_steps(self, thread: Thread, event: Any) -> Any:
        """Tell of what the same step changed where no debug register watches, in their order."""
        changed: Any = self.dbg.points.watches.steps.stepped(thread)
        if changed is None:
            return event
        every = [one for both in (event, changed) for one in (replace(both, also=()), *both.also)]
        return reduce(joined, sorted(every, key=lambda one: one.number))

    def _with_breakpoints(self, thread: Thread, event: Event) -> Event:
        """Let a watchpoint's stop be the hit of the breakpoints at the same place, as in gdb."""
        pc = thread.pc
        site = thread.inferior.sites.at(pc)
        if site is None or any(owner.internal for owner in site.owners):
            return event
        thread.stop_pc = pc
        return joined(event, self._judge(thread, pc, list(site.owners))) or event

    def stepped(self, thread: Thread) -> Event | None:
        """Judge a finished single step, which may have landed on a breakpoint."""
        plan = plan_of(thread)
        watches = self.dbg.points.watches
        if watches.steps.forced(thread):
            plan = None  # It did not ask for this step.
        if plan is not None:
            plan.landed()
        changed = watches.steps.stepped(thread)
        if changed is not None:
            return self._with_breakpoints(thread, changed)
        pc = thread.pc
        inferior = thread.inferior
        site = inferior.sites.at(pc)
        if site is not None:
            thread.stop_pc = pc
            event = self._hit_here(thread, site)
            if event is not None:
                return event
        if inferior.debug_registers.in_use:
            locations = inferior.debug_registers.executing(pc)
            if locations:
                # The processor would report it only now, before the instruction runs.
                thread.pass_hardware(pc)
                event = self._judge(thread, pc, locations)
                if event is not None:
                    return event
        return plan.stepped() if plan is not None else None

    def _hit(self, thread: Thread, site: Site) -> Event | None:
        thread.pc = addr = site.addr
        thread.stop_pc = addr
        if thread.skip is not None and thread.skip[0] == addr:
            skip, thread.skip = thread.skip, None
            if skip == (addr, thread.sp):
                return self._hit_here(thread, site, again=True)
        return self._hit_here(thread, site)

    def _hit_here(self, thread: Thread, site: Site, *, again: bool = False) -> Event | None:
        """Ask the owners of a site; the user's breakpoints speak before a plan's end.

        ``again``: the user's breakpoints were asked before a signal handler ran.
        """
        addr = site.addr
        done: Event | None = None
        locations = []
        # A called function's end comes last: it puts the registers back.
        for owner in sorted(site.owners, key=lambda owner: isinstance(owner, CallFunction)):
            if not owner.internal:
                locations.append(owner)
            elif isinstance(owner, Plan):
                done = joined(done, owner.reached(thread))
            else:
                done = joined(done, self._loader_hit(thread, owner))
        told = self._judge(thread, addr, locations) if locations and not again else None
        return joined(told, done)

    def _loader_hit(self, thread: Thread, owner: Any) -> Event | None:
        inferior = thread.inferior
        if owner is inferior.loader:
            if not owner.is_consistent():
                return None
            return self.dbg.modules_changed(thread)
        event: Event | None = owner.hit(thread)
        return event

    def _judge(self, thread: Thread, addr: int, locations: list[Location]) -> Event | None:
        """Decide which breakpoints at an address really stop the thread."""
        numbers: list[int] = []
        places: list[int] = []
        spent: list[int] = []
        """Of these the breakpoints: a catchpoint that was asked counts for itself."""
        error: str | None = None
        temporary = several = False
        caught: CatchHit | None = None
        for location in sorted(locations, key=lambda one: one.breakpoint.number):
            point = location.breakpoint
            if not location.enabled:
                continue
            if isinstance(point, Catchpoint):
                hit = self.dbg.catches.raised(point, thread)
                if hit is None:
                    continue
                if numbers:
                    error = error or hit.error
                    numbers.append(hit.number)
                    places.append(location.number)
                else:
                    caught = hit if caught is None else replace(caught, also=(*caught.also, hit))
                continue
            stops, problem = self.passes(point, thread)
            error = error or problem
            if stops:
                if not numbers:
                    temporary, several = point.temporary, len(point.locations) > 1
                numbers.append(point.number)
                spent.append(point.number)
                places.append(location.number)
        if not numbers:
            return caught
        self.dbg.steps.hit(thread)
        for number in spent:
            self.dbg.points.spent(number)
        pid = thread.inferior.pid
        hits = tuple(numbers), tuple(places)
        stop = BreakpointHit(pid, thread.tid, addr, *hits, temporary, error, several)
        return stop if caught is None else replace(caught, also=(*caught.also, stop))

    def passes(
        self,
        point: Point,
        thread: Thread,
        names: Mapping[str, int] | None = None,
        callback: Callable[[Any], Any] | None = None,
    ) -> tuple[bool, str | None]:
        """Decide whether a point stops the thread now, and count the hit.

        The second value is the text of a condition that could not be evaluated, which stops.
        """
        if not point.enabled or point.deleted:
            return False, None
        if point.thread is not None and point.thread != thread.number:
            return False, None
        error: str | None = None
        if point.condition is not None:
            selected, self.dbg.thread = self.dbg.thread, thread
            try:
                if not self.dbg.points.holds(point, thread, names):
                    return False, None
            except DebuggerError as problem:
                error = str(problem)
            finally:
                self.dbg.thread = selected
        point.hits += 1
        if point.ignore_count > 0:
            point.ignore_count -= 1
            return False, error
        callback = callback or point.callback
        if callback is not None and error is None:
            if not self.dbg.call_back(callback, thread, point):
                self._spent_by_callback(point)
                return False, None
            return True, None
        if point.commands and error is None and self.dbg.quiet is not None:
            return not self.dbg.quiet(point, thread), None
        return True, error

    def _spent_by_callback(self, point: Point) -> None:
        # A temporary point has done its work also when its callback lets the program go on.
        if not point.deleted:
            self.dbg.points.spent(point.number)
