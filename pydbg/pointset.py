"""The user's breakpoints: made, resolved against the modules, planted, counted, deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydbg.breakpoints import Breakpoint, Catchpoint, Location, Point
from pydbg.conditions import check_names, language_at, parse_at
from pydbg.errors import CommandError, DebuggerError, LocationError, MemoryFault
from pydbg.events import BreakpointMoved
from pydbg.latebound import IfuncWatch, MainWatch
from pydbg.locspec import Resolved, Resolver, Spec, parse
from pydbg.runtimeevents import EVENTS, places
from pydbg.specplaces import SpecPlaces
from pydbg.watches import Watches
from pydbg.watchpoints import Watchpoint

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.compile import Condition
    from pydbg.expr.values import Value
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

Located = Breakpoint | Catchpoint

_MOST_COMPILED = 64
"""Places that one breakpoint's condition is compiled for; more are begun anew."""


class PointSet:
    """Keep all breakpoints and catchpoints by number."""

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg
        self.by_number: dict[int, Any] = {}
        self._last = 0
        self._stale = False
        self._main_watched: set[Inferior] = set()
        self.watches = Watches(dbg)
        self.specs = SpecPlaces(dbg)

    # --- numbers -----------------------------------------------------------------------------

    def next_number(self) -> int:
        """Return the number the next point will have."""
        return self._last + 1

    def add(self, point: Point) -> None:
        """Take in a point; it gets the next number and becomes ``$bpnum``."""
        self._last += 1
        point.number = self._last
        point.on_change = self.changed
        self.by_number[self._last] = point

    def get(self, number: int) -> Any:
        """Return a point; raises CommandError for an unknown number."""
        point = self.by_number.get(number)
        if point is None:
            raise CommandError(f"No breakpoint number {number}.")
        return point

    @property
    def last_number(self) -> int:
        """Return ``$bpnum``, 0 before the first."""
        return self._last

    # --- creation ----------------------------------------------------------------------------

    def create(
        self,
        text: str,
        *,
        condition: str | None = None,
        callback: Callable[[Any], Any] | None = None,
        temporary: bool = False,
        hardware: bool = False,
        thread: int | None = None,
        pending: bool | None = None,
        ignore: int = 0,
        printed: str | None = None,
    ) -> Breakpoint:
        """Make a breakpoint; raises LocationError where it means no place and may not wait.

        ``pending`` None asks the setting ``breakpoint pending``; ``printed`` is for a dprintf.
        """
        spec = parse(text)
        found = self.specs.resolve(spec)
        if not found:
            if pending is None:
                pending = self._dbg.settings["breakpoint pending"] == "on"
            if not pending and not self.specs.may_appear(spec):
                raise self.specs.undefined(spec)
        text = _lasting(text, spec, found)
        point = Breakpoint(
            number=self._last + 1,
            spec=text,
            parsed=parse(text),
            hardware=hardware,
            temporary=temporary,
            callback=callback,
            thread=thread,
            ignore_count=ignore,
            printed=printed,
            commands=[] if printed is None else [f"printf {printed}"],
        )
        self._set_locations(point, found)
        self.set_condition(point, condition)
        if hardware and self._dbg.inferior is not None:
            self._arm(point, self._dbg.inferior)
        self.add(point)
        self._stale = True
        return point

    def watch(
        self,
        what: str | int | Value,
        *,
        size: int | None = None,
        kind: str = "write",
        condition: str | None = None,
        callback: Callable[[Any], Any] | None = None,
        temporary: bool = False,
        thread: int | None = None,
        ignore: int = 0,
        location: bool = True,
        software: bool = False,
    ) -> Watchpoint:
        """Make a watchpoint; raises CommandError if it does not fit into the debug registers."""
        point = self.watches.make(what, size, kind, location=location, may_step=software)
        point.temporary, point.callback = temporary, callback
        point.thread, point.ignore_count = thread, ignore
        self.set_condition(point, condition)
        inferior = self._dbg.inferior
        if inferior is not None:
            self.watches.plant(point, inferior)
        self.add(point)
        self._stale = True
        return point

    def locate(self, point: Catchpoint) -> None:
        """Find the places of a runtime's event."""
        self._set_locations(point, places(self._dbg, point.kind, self.specs.resolver()))
        self._stale = True

    def ifunc_resolved(self, inferior: Inferior, addr: int, target: int) -> None:
        """Move breakpoints from an ifunc's resolver to the function it chose."""
        inferior.late_bound[addr] = target
        self.modules_changed(inferior)

    def main_found(self, inferior: Inferior, addr: int) -> None:
        """Set the breakpoints that wait for main, now that its address is known."""
        inferior.late_bound["main"] = addr
        self.modules_changed(inferior)

    def _watch_for_main(self, inferior: Inferior) -> None:
        if "main" in inferior.late_bound or inferior in self._main_watched:
            return
        waiting = [p.parsed for p in self.breakpoints() if p.pending]
        if not any(spec is not None and spec.name == "main" for spec in waiting):
            return
        if MainWatch(self, inferior).is_set:
            self._main_watched.add(inferior)

    def _set_locations(self, point: Located, found: list[Resolved]) -> None:
        old = {(loc.module_path, loc.link_addr): loc for loc in point.locations}
        point.locations = []
        numbered = sorted(
            enumerate(found), key=lambda p: p[1].link_addr if p[1].addr is None else p[1].addr
        )
        for number, (order, place) in enumerate(numbered, 1):
            path = place.module.path if place.module is not None else None
            location = old.get((path, place.link_addr))
            if location is None:
                location = Location(number, point, path, place.link_addr)
            location.number, location.order = number, order
            location.addr = location.shown = place.addr
            if place.addr is None and place.module is not None:
                location.shown = place.module.addr(place.link_addr)
            location.function = place.function
            location.symbolic = _label(place)
            location.file, location.line = place.file, place.line
            location.is_resolver = place.is_resolver
            location.inlined, location.label = place.inlined, place.label
            point.locations.append(location)

    def inlined_at(self, addr: int) -> frozenset[int]:
        """Give the inlined calls that enabled breakpoints at an address are meant for."""
        return frozenset(
            location.inlined
            for point in self.breakpoints()
            if point.enabled
            for location in point.locations
            if location.addr == addr and location.enabled and location.inlined is not None
        )

    # --- conditions --------------------------------------------------------------------------

    def set_condition(self, point: Point, text: str | None) -> None:
        """Set or (None) remove a condition; raises ExprError and changes nothing if it is wrong."""
        tree = None
        if text is not None and text.strip():
            point.language = language_at(self._dbg, point)
            tree = parse_at(self._dbg, point, text)
            check_names(self._dbg, point, text, tree)
        if isinstance(point, Watchpoint):
            self.watches.bind(point, text)
        point.set_condition(text.strip() if text else None, tree)

    def holds(self, point: Point, thread: Thread, names: Mapping[str, int] | None = None) -> bool:
        """Evaluate a point's condition in a thread; raises what evaluation raises."""
        tree = point.tree
        if tree is None:
            return True
        if isinstance(point, Watchpoint) and point.asked is not None:
            return point.asked.holds(thread)
        if names is not None:
            return self._evaluate(point, thread, names)
        compiled = self._compiled(point, thread)
        if compiled is None:
            return self._evaluate(point, thread, None)
        try:
            return compiled(thread.fetch(), thread.inferior.read)
        except DebuggerError:
            return self._evaluate(point, thread, None)  # It says what is wrong, and where.

    def _compiled(self, point: Point, thread: Thread) -> Condition | None:
        """Return a point's condition as a function, None for one that is to be evaluated.

        Variables have their places at one pc of one process. Points that stop anywhere know
        no variables.
        """
        here = isinstance(point, Breakpoint)
        language = str(self._dbg.settings["language"])
        key = (thread.inferior.pid, thread.pc, language) if here else (0, 0, language)
        if key not in point.compiled:
            if len(point.compiled) >= _MOST_COMPILED:
                point.compiled.clear()
            point.compiled[key] = self._compile(point, thread, variables=here)
        return point.compiled[key]

    def _compile(self, point: Point, thread: Thread, *, variables: bool) -> Condition | None:
        from pydbg.expr.codes import Place, constant_place
        from pydbg.expr.compile import compile_condition
        from pydbg.expr.types import FunctionType

        assert point.tree is not None
        arch = thread.inferior.arch
        context = self._dbg.context_of(thread)
        if variables:
            from pydbg.variables.pinned import PinnedNames

            names = PinnedNames(self._dbg, thread, context)
            return compile_condition(
                point.tree,
                arch,
                places=names.find,
                type_named=context.type_named,
                language=context.language,
            )

        def function(name: str) -> Place | None:
            value = context.symbol(name)
            known = value is not None and isinstance(value.type, FunctionType)
            return constant_place(value) if value is not None and known else None

        return compile_condition(point.tree, arch, places=function, language=context.language)

    def _evaluate(self, point: Point, thread: Thread, names: Mapping[str, int] | None) -> bool:
        from pydbg.expr.evaluate import evaluate

        assert point.tree is not None
        return bool(evaluate(point.tree, self._dbg.context_of(thread, names)))

    # --- places and sites --------------------------------------------------------------------

    def breakpoints(self) -> list[Breakpoint]:
        """Return the breakpoints, without the catchpoints."""
        return [p for p in self.by_number.values() if isinstance(p, Breakpoint)]

    def located(self) -> list[Located]:
        """Return the points that have places: breakpoints, catchpoints of runtime events."""
        return [
            p
            for p in self.by_number.values()
            if isinstance(p, Breakpoint) or (isinstance(p, Catchpoint) and p.kind in EVENTS)
        ]

    def modules_changed(self, inferior: Inferior | None) -> None:
        """Resolve everything anew; what was found stays where its module still is."""
        for every in self.by_number.values():
            every.compiled.clear()
        for point in self.located():
            if point.deleted:
                continue
            try:
                found = self._again(point)
            except DebuggerError as error:
                if inferior is not None and not isinstance(error, LocationError):
                    continue
                found = []
            if not found and point.locations:
                self._withdraw(point, inferior)
                self._keep_unloaded(point)
                continue
            before = [(loc.module_path, loc.link_addr) for loc in point.locations]
            self._move(point, found, inferior)
            after = [(loc.module_path, loc.link_addr) for loc in point.locations]
            if before != after and inferior is not None and isinstance(point, Breakpoint):
                self._dbg.notify(BreakpointMoved(inferior.pid, inferior.pid, point.number))
        self._stale = True
        if inferior is not None:
            self.insert(inferior, quiet=True)
            self._watch_for_main(inferior)

    def _again(self, point: Located) -> list[Resolved]:
        if isinstance(point, Catchpoint):
            return places(self._dbg, point.kind, self.specs.resolver())
        spec = point.parsed
        assert spec is not None
        if spec.kind != "address" or not point.locations:
            return self.specs.resolve(spec)
        # An address stays what it was when it was set: a place in a module, or a number.
        live = self._dbg.inferior is not None
        found = []
        for loc in point.locations:
            if loc.module_path is None:
                found.append(Resolved(None, loc.link_addr, loc.link_addr))
                continue
            module = self._dbg.modules.by_path(loc.module_path)
            if module is not None:
                addr = module.addr(loc.link_addr)
                resolver = Resolver(self._dbg.modules, lambda _: 0, live=live)
                found.append(resolver.place_inside(module, module.link_addr(addr)))
        return found

    def _keep_unloaded(self, point: Located) -> None:
        for location in point.locations:
            location.addr = None

    def _move(self, point: Located, found: list[Resolved], inferior: Inferior | None) -> None:
        kept = {(p.module.path if p.module else None, p.link_addr, p.addr) for p in found}
        for location in point.locations:
            key = (location.module_path, location.link_addr, location.addr)
            if location.planted and key not in kept:
                self._unplant(location, inferior)
        self._set_locations(point, found)

    def insert(self, inferior: Inferior, *, quiet: bool = False) -> None:
        """Plant what is enabled and lift what is not, before the process runs.

        Raises CommandError naming the breakpoint that cannot be planted.
        """
        if not self._dbg.control.loop_running:
            self.watches.refresh(inferior)  # Later, a change is one that is still to be told.
        if not self._stale:
            return
        problems = self.watches.update(inferior)
        for point in self.located():
            for location in point.locations:
                wanted = point.enabled and location.enabled and location.addr is not None
                if wanted and not location.planted:
                    try:
                        self._plant(location, inferior)
                    except MemoryFault as fault:
                        problems.append(f"Cannot insert breakpoint {point.number}. {fault}")
                elif not wanted and location.planted:
                    self._unplant(location, inferior)
        if problems and not quiet:
            raise CommandError(problems[0])
        self._stale = bool(problems)

    def _plant(self, location: Location, inferior: Inferior) -> None:
        assert location.addr is not None
        if location.breakpoint.hardware:
            inferior.debug_registers.add(location.addr, "exec", 1, location)
        elif location.is_resolver:
            IfuncWatch(self, inferior, location.addr)
        else:
            inferior.sites.add(location.addr, location)
        location.planted = True

    def _arm(self, point: Breakpoint, inferior: Inferior) -> None:
        try:
            for location in point.locations:
                if location.addr is not None:
                    self._plant(location, inferior)
        except DebuggerError:
            self._withdraw(point, inferior)
            raise

    def _unplant(self, location: Location, inferior: Inferior | None) -> None:
        location.planted = False
        if inferior is None or location.addr is None:
            return
        if location.breakpoint.hardware:
            inferior.debug_registers.discard(location)
        else:
            inferior.sites.discard(location.addr, location)

    def _withdraw(self, point: Located, inferior: Inferior | None) -> None:
        for location in point.locations:
            if location.planted:
                self._unplant(location, inferior)

    def process_gone(self) -> None:
        """Note that no site is planted any more: the process ended or was let go."""
        for point in self.located():
            for location in point.locations:
                location.planted = False
        self.watches.process_gone()
        self._stale = True

    def changed(self) -> None:
        """Note that something was enabled or disabled."""
        self._stale = True
        inferior = self._dbg.inferior
        if inferior is not None and not self._dbg.control.loop_running:
            self.insert(inferior, quiet=True)

    # --- after a stop ------------------------------------------------------------------------

    def spent(self, number: int) -> None:
        """Do what a stop does to a point: delete a temporary one, disable a ``once``."""
        point = self.by_number.get(number)
        if point is None:
            return
        if point.temporary or point.delete_after:
            self.delete(number)
        elif point.disable_after is not None:
            point.disable_after -= 1
            if point.disable_after <= 0:
                point.enabled = False
                self._stale = True

    def delete(self, number: int) -> None:
        """Delete a point; raises CommandError for an unknown number."""
        point = self.get(number)
        point.deleted = True
        if isinstance(point, Breakpoint | Catchpoint):
            self._withdraw(point, self._dbg.inferior)
        elif isinstance(point, Watchpoint):
            self.watches.lift(point, self._dbg.inferior)
        del self.by_number[number]


def _lasting(text: str, spec: Spec, found: list[Resolved]) -> str:
    """Spell a spec so that it means the same wherever the program is: a label by its function."""
    label = found[0].label if found else None
    if label is None or spec.scope is not None or spec.name not in ("", label):
        return text
    function = found[0].function
    return f"{function}:{label}" if spec.name else f"-function {function} {text}"


def _label(place: Resolved) -> str:
    if place.function is None:
        return ""
    return f"{place.function}+{place.offset}" if place.offset else place.function
