"""Steps by source lines as the debugger offers them, and what their plans share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, cast

from pydbg import events
from pydbg.errors import CommandError
from pydbg.linemap import FrameId, LineMap
from pydbg.skips import Skips
from pydbg.waysout import WaysOut

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.events import Event
    from pydbg.expr.values import Value
    from pydbg.linestep import LineStep
    from pydbg.stepping import Plan
    from pydbg.symbols.modules import InlineCall
    from pydbg.target.thread import Thread

__all__ = ["LineStepping", "Steps"]


class Steps:
    """Be what all steps by lines of one debugger share."""

    def __init__(self, dbg: Debugger) -> None:
        self.dbg = dbg
        self.map = LineMap(dbg)
        self.ways_out = WaysOut(self.map)
        self.skips_list = Skips()
        self.in_frame = False
        """Whether the last step ended in the frame that it began in."""
        self._entered: dict[int, tuple[int, int, frozenset[int]]] = {}

    # --- inlined calls -----------------------------------------------------------------------

    def entered(self, thread: Thread) -> frozenset[int]:
        """Give the inlined calls that were stepped into at the place a thread stands at."""
        found = self._entered.get(thread.tid)
        if found is None or found[:2] != (thread.pc, thread.sp):
            return frozenset()
        return found[2]

    def enter(self, thread: Thread, call: InlineCall) -> None:
        """Take a thread that stands in front of an inlined call into it, without running."""
        entered = self.entered(thread) | {call.die}
        self._entered[thread.tid] = (thread.pc, thread.sp, entered)

    def hit(self, thread: Thread) -> None:
        """Take a thread into the inlined calls that its breakpoint is meant for.

        What is set, or deleted, while it stands there changes nothing.
        """
        meant = self.dbg.points.inlined_at(thread.pc)
        if meant:
            self._entered[thread.tid] = thread.pc, thread.sp, self.entered(thread) | meant

    def arrived(self, thread: Thread, meant: int | None = None) -> None:
        """Take a thread into the inlined call that is meant, or else all that begin there."""
        ahead = self.map.facts(thread.pc).ahead
        for call in [one for one in ahead if one.die == meant] or ahead:
            self.enter(thread, call)

    def resumed(self) -> None:
        """Forget the inlined calls that were entered: the program runs."""
        self._entered.clear()

    def inlined(self, thread: Thread) -> tuple[tuple[InlineCall, ...], tuple[InlineCall, ...]]:
        """Give the inlined calls that a thread is in, and those in front of it."""
        facts = self.map.facts(thread.pc)
        inside, ahead = facts.entered, facts.ahead
        if ahead:
            meant = self.entered(thread)
            # The innermost that is entered takes those around it along.
            last = max((i for i, call in enumerate(ahead) if call.die in meant), default=-1)
            inside, ahead = inside + ahead[: last + 1], ahead[last + 1 :]
        return inside, ahead

    def frame_id(self, thread: Thread) -> FrameId:
        """Give what tells the innermost frame from others."""
        inside, _ = self.inlined(thread)
        chain = tuple(call.die for call in inside)
        pc = thread.pc
        return FrameId(self.map.cfa(thread) or 0, self.map.function(pc), chain)

    def goes_in(self, plan: LineStep) -> bool:
        """Step into an inlined call that the thread stands in front of: nothing runs."""
        if not plan.into:
            return False
        thread = plan.thread
        _, ahead = self.inlined(thread)
        if not ahead or self.skips_inlined(ahead[0]):
            return False
        plan.began()
        self.enter(thread, ahead[0])
        self.at_end(plan)
        return True

    # --- skip --------------------------------------------------------------------------------

    def skips(self, addr: int) -> bool:
        """Tell whether the function at an address is not to be stepped into."""
        if not self.skips_list.by_number:
            return False
        place = self.map.place(addr)
        return self.skips_list.covers(self.map.name(addr), place.path if place else None)

    def skips_inlined(self, call: InlineCall) -> bool:
        """Tell whether an inlined call is not to be stepped into."""
        if not self.skips_list.by_number:
            return False
        start = min((low for low, _ in call.ranges), default=0)
        place = self.map.place(start)
        return self.skips_list.covers(call.function, place.path if place else None)

    # --- what a plan asks for ------------------------------------------------------------------

    def caller(self, thread: Thread) -> tuple[int, int] | None:
        """Give where the innermost frame returns to, and the stack then."""
        inner = next(self.map.raw_frames(thread), None)
        outer = self.map.caller_of(thread, inner) if inner is not None else None
        if inner is None or inner.cfa is None or outer is None:
            return None
        return outer.pc, inner.cfa

    def tell_no_lines(self, thread: Thread, name: str) -> None:
        """Say that a whole function is stepped over, for want of lines."""
        for text in (
            f"Single stepping until exit from function {name},",
            "which has no line number information.",
        ):
            self.dbg.notify(events.Note(thread.inferior.pid, thread.tid, text))

    def at_end(self, plan: LineStep, now: FrameId | None = None) -> None:
        """Note how the stop, in the frame ``now``, relates to where the step began."""
        thread = plan.thread
        now = now or self.frame_id(thread)
        self.in_frame = now == plan.frame and now.function == plan.started_in


class LineStepping:
    """Be the part of the debugger that steps by source lines."""

    steps: Steps

    @abstractmethod
    def _go(self, plan: Plan | None = None) -> Event:
        """Run to the next stop, the selected thread by a plan."""

    @property
    def _dbg(self) -> Debugger:
        return cast("Debugger", self)

    def step(self, count: int = 1) -> Event:
        """Step lines, into functions that have lines.

        Raises CommandError where neither a line nor a function is known.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     event = dbg.run(stop="main")
        ...     dbg.step()  # main has no lines here, and no bounds either
        Traceback (most recent call last):
        pydbg.errors.CommandError: Cannot find bounds of current function
        """
        return self._step("step", count)

    def next(self, count: int = 1) -> Event:
        """Step lines, over calls.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     event = dbg.run(stop="main")
        ...     dbg.next(3)
        Traceback (most recent call last):
        pydbg.errors.CommandError: Cannot find bounds of current function
        """
        return self._step("next", count)

    def until_line(self) -> Event:
        """Step to a line further down, so that a loop is run to its end.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     event = dbg.run(stop="main")
        ...     dbg.until_line()
        Traceback (most recent call last):
        pydbg.errors.CommandError: Execution is not within a known function.
        """
        return self._step("until", 1)

    def until(self, spec: str) -> Event:
        """Run to a location in this frame, or until it returns.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     type(dbg.until("_dl_start_user")).__name__
        'LocationReached'
        """
        return self._run_to("until", spec)

    def advance(self, spec: str) -> Event:
        """Run to a location, or until the current frame returns.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     event = dbg.advance("_dl_start_user")
        ...     dbg.frames(1)[0].function
        '_dl_start_user'
        """
        return self._run_to("advance", spec)

    def _run_to(self, name: str, spec: str) -> Event:
        from pydbg.frameplans import RunInFrame
        from pydbg.stepping import RunTo

        dbg = self._dbg
        inferior = dbg.live_inferior()
        dbg.refuse_parked()
        thread, frame = dbg.thread, dbg.frame
        if thread is None or frame is None:
            raise CommandError("No frame selected.")
        meant = {place.addr: place.inlined for place in dbg.places(spec) if place.addr is not None}
        addrs = list(meant)
        caller = self.steps.map.caller_of(thread, frame.raw)
        # Below a program's entry there is no code.
        back = caller.pc if caller is not None and inferior.read_some(caller.pc, 1) else None
        places = self.steps.map
        if name == "advance":
            mine = places.own(thread)
            plan = RunTo(thread, name, addrs, caller=back, cfa=frame.cfa, mine=mine)
        else:
            plan = RunInFrame(thread, name, addrs, places, caller=back, cfa=frame.cfa)
        event = self._go(plan)
        arrived = dbg.thread
        if isinstance(event, events.LocationReached) and arrived is not None:
            self.steps.arrived(arrived, meant.get(arrived.pc))
        return event

    def leave_frame(self, value: Value | None = None) -> None:
        """Return from the selected frame at once: what is left of its function does not run.

        ``value`` goes where a number is returned. Raises CommandError for a frame that has no
        caller, or that an inlined call is.

        >>> import pydbg
        >>> with pydbg.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:
        ...     point = dbg.break_at("write", pending=True, temporary=True)
        ...     event = dbg.cont()
        ...     caller = dbg.frames()[1].addr
        ...     dbg.leave_frame(dbg.eval("(long)3"))
        ...     dbg.regs.rip == caller, dbg.regs.rax, dbg.cont().code
        (True, 3, 0)
        """
        from pydbg.callframes import call_at
        from pydbg.variables.returns import give_back

        dbg = self._dbg
        dbg.live_inferior()
        dbg.refuse_parked()
        frame = dbg.frame
        if frame is None or dbg.thread is None:
            raise CommandError("No selected frame.")
        if frame.inline is not None and frame.how != "tailcall":
            raise CommandError("Can not force return from an inlined function.")
        caller = self.steps.map.caller_of(dbg.thread, frame.raw)
        if caller is None:
            raise CommandError("Can not force return from the outermost frame.")
        thread, arch = dbg.thread, dbg.arch
        block = thread.registers
        for number, register in arch.by_dwarf.items():
            if register.where == "gpr" and number in caller.regs:
                block.set(register.name, caller.regs[number])
        thread.pc = caller.pc
        call = call_at(thread, caller)
        if call is not None:
            call.restore()
        else:
            for inner in [one for one in thread.calls if one.sp <= thread.sp]:
                inner.forget()
        if value is not None:
            give_back(value, arch, thread.registers)
        thread.stop_pc = None
        self.steps.resumed()
        dbg.written()
        dbg.select_frame(0)

    def _step(self, name: str, count: int) -> Event:
        from pydbg.linestep import LineStep

        dbg = self._dbg
        dbg.live_inferior()
        thread = dbg.thread
        assert thread is not None
        plan = LineStep(thread, name, self.steps, max(count, 1))
        while plan.count > 0 and self.steps.goes_in(plan):
            plan.count -= 1
        if plan.count == 0:
            event = events.StepDone(thread.inferior.pid, thread.tid, name, ran=False)
            thread.stop_pc = thread.pc
            dbg.stopped(event, thread)
            return event
        plan.prepare()
        return self._go(plan)
