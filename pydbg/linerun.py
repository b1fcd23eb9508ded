"""The way of a step by source lines: through a line's code to where control leaves it.

The thread runs freely, with sites at those places; single steps are made only at calls that are
entered, returns and branches whose target no code tells. What the stops on the way mean is
`linestep`'s to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import CommandError
from pydbg.handlers import has_handler
from pydbg.linemap import FrameId, Place
from pydbg.linux import ptrace
from pydbg.stepping import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydbg.linemap import LineMap
    from pydbg.steps import Steps
    from pydbg.symbols.linecode import LineCode
    from pydbg.symbols.modules import InlineCall
    from pydbg.target.thread import Thread

__all__ = ["LineRun"]

_MANY = 24
"""Sites from which on a line is stepped through instead."""
_FEW = 1
"""Instructions up to which a line without calls is stepped through."""
_NO_FRAME = FrameId(0, 0, ())
_NOWHERE: tuple[str, int] = ("", 0)


class LineRun(Plan):
    """Be the way through the code of a line, or of whatever else is stepped in."""

    def __init__(self, thread: Thread, name: str, steps: Steps, count: int = 1) -> None:
        super().__init__(thread)
        self.name = name
        self.steps = steps
        self.map: LineMap = steps.map
        self.count = count
        self.into = name == "step"
        self.frame = _NO_FRAME
        self.line: tuple[str, int] = _NOWHERE
        self.low = self.high = 0
        """The range that is stepped in (gdb's step_range_start and _end)."""
        self.code: LineCode | None = None
        self._starts: frozenset[int] = frozenset()
        """Where in that code a part of an inlined call begins, as link addresses."""
        self.bias = 0
        self.started_in = 0
        """The function that the last step began in."""
        self._run_to: tuple[int, ...] = ()
        self._until_sp: int | None = None
        """Where the stack must be back at, as a distance from the stack's top."""
        self._called: tuple[int, int] | None = None
        """Where the call that was entered returns to, and the stack then."""
        self._calling: int | None = None
        self._resolving = False
        """Whether it is on its way through the dynamic linker."""
        self._insn = False
        """Whether one instruction after the other is looked at."""
        self._goroutine = 0
        self._landings: dict[int, int] = {}
        """Where an exception or a longjmp may arrive: address -> CFA, 0 for any further out."""
        self._stack_at = 0
        """The stack pointer where the step began."""

    # --- what one step is ----------------------------------------------------------------------

    def prepare(self) -> None:
        """Set up the next step from where the thread is (prepare_one_step).

        Raises CommandError where neither a line nor a function is known.
        """
        thread = self.thread
        pc = thread.pc
        self.began()
        self._stack_at = thread.sp
        self._run_to, self._until_sp, self._called = (), None, None
        self._insn = self._resolving = False
        place = self.map.place(pc)
        if self.name == "until":
            self._range_until(pc, place)
        elif place is not None:
            self._range(place)
        elif self.into and self.steps.dbg.settings["step-mode"]:
            self.low = self.high = 0
            self._insn = True
        else:
            bounds = self.map.bounds(pc)
            if bounds is None:
                raise CommandError("Cannot find bounds of current function")
            self.low, self.high, name = bounds
            self.line = _NOWHERE
            self.steps.tell_no_lines(thread, name)
        self._plan_code()
        _, ahead = self.steps.inlined(thread)
        if ahead and place is not None:
            self.line = ahead[0].path, ahead[0].line  # As the frame is shown.

    def began(self) -> None:
        """Take the frame that the thread is in for the one that is stepped in."""
        thread = self.thread
        pc = thread.pc
        self.frame = self.steps.frame_id(thread)
        self.started_in = self.frame.function
        self._goroutine = self.map.goroutine(thread)[0] if self.map.is_go(pc) else 0

    def _range(self, place: Place) -> None:
        self.low, self.high = place.low, place.high
        self.line = place.path, place.line

    def _range_until(self, pc: int, place: Place | None) -> None:
        """Step in all that is in front of the end of this line (until_next_command)."""
        low = self.map.function(pc)
        if not low:
            raise CommandError("Execution is not within a known function.")
        self.line = _NOWHERE if place is None else (place.path, place.line)
        self.low, self.high = low, pc + 1
        if place is None:
            return
        self.high = place.high
        while True:  # The rest of a loop's line that is no statement belongs to it.
            following = self.map.place(self.high)
            if following is None or following.is_stmt or following.low != self.high:
                return
            if (following.path, following.line) != self.line:
                return
            self.high = following.high

    def _plan_code(self) -> None:
        """Find the code to run in: the line's where that is exact, else the range's."""
        thread = self.thread
        pc = thread.pc
        module = self.map.module_at(pc)
        self.bias = module.bias if module is not None else 0
        self.code = None
        self._starts = frozenset()
        if self._insn:
            return
        place = self.map.place(pc)
        exact = place is not None and (place.low, place.high) == (self.low, self.high)
        if exact and place is not None and (place.path, place.line) == self.line:
            self.code = self.map.line_code(place, pc, self.frame.chain, over=not self.into)
        if self.code is None:
            self.code = self.map.code_of(((self.low, self.high),))
        code = self.code
        if code is not None and not (code.whole and code.contains(pc - self.bias)):
            self.code = None
        if self.frame.chain:
            facts = self.map.facts(pc)
            around = (*facts.entered, *facts.ahead)
            parts = self._parts(one for one in around if one.die in self.frame.chain)
            low, high = self.low - self.bias, self.high - self.bias
            self._starts = frozenset(addr for addr in parts if not low <= addr < high)

    def _parts(self, calls: Iterable[InlineCall]) -> frozenset[int]:
        """Give where parts of inlined calls begin in the code, as link addresses.

        A thread there is shown as being in front of the call.
        """
        inside = self.code.inside if self.code is not None else ()
        starts = {low - self.bias for one in calls for low, _ in one.ranges}
        return frozenset(addr for addr in starts if any(low <= addr < high for low, high in inside))

    # --- on the way ----------------------------------------------------------------------------

    def request(self) -> int:
        """Run to where control leaves the line, or step where the next place is not known."""
        thread = self.thread
        if thread.signal and thread.told_signal and has_handler(thread):
            return ptrace.SINGLESTEP  # As in gdb: a handler that is entered is a place to stop.
        if self._run_to:
            for addr in self._run_to:
                self.add_site(addr)
            self._watch_leaving()
            return ptrace.CONT
        code = self.code
        pc = thread.pc
        if code is None:
            return self._step_on(pc)
        mark = code.marks.get(pc - self.bias)
        if mark is not None and self._stops_at(mark):
            self._calling = pc + (mark[2] - (pc - self.bias)) if mark[0] == "call" else None
            return ptrace.SINGLESTEP
        sites = [addr + self.bias for addr in (*code.exits, *self._starts)]
        calls = False
        for addr, one in code.marks.items():
            calls |= one[0] == "call"
            if self._stops_at(one):
                sites.append(addr + self.bias)
        # Elsewhere it is in a signal's handler, from which it comes back.
        few = code.instructions <= _FEW and not calls and not code.has_loop
        if (few and code.contains(pc - self.bias)) or len(sites) > _MANY:
            return self._step_on(pc)
        for addr in sites:
            self.add_site(addr)
        if calls:
            self._watch_leaving()
        return ptrace.CONT

    def _step_on(self, pc: int) -> int:
        """Step one instruction; a call that is not entered is run."""
        from pydbg.arch.insn import classify

        inferior = self.thread.inferior
        info = classify(inferior.read_some(pc, inferior.arch.max_insn), pc, arch=inferior.arch)
        self._calling = None
        if info.kind == "call":
            after = pc + info.size
            enters = self._in_loader(pc) or self._enters(info.target)
            if not self.into or self._resolving or not enters:
                self._run_over(after, self.thread.sp)
                return self.request()
            self._calling = after
        return ptrace.SINGLESTEP

    def _in_loader(self, pc: int) -> bool:
        """Tell whether a place is one of the dynamic linker that a step only comes through.

        As in gdb (in_solib_dynsym_resolve_code): whatever part of it is called.
        """
        return self.map.is_loader(pc) and not self.map.is_loader(self.started_in)

    def _stops_at(self, mark: tuple[str, int | None, int]) -> bool:
        kind, target, _ = mark
        if kind != "call":
            return True
        if target is not None and self._is_next(target, mark[2]):
            return True  # "call .+5; pop": a way to learn the pc.
        return self.into and self._enters(None if target is None else target + self.bias)

    @staticmethod
    def _is_next(target: int, after: int) -> bool:
        return target == after

    def _enters(self, target: int | None) -> bool:
        """Tell whether a call is to be entered to see where it leads."""
        if target is None or self.steps.dbg.settings["step-mode"]:
            return True
        if self.map.is_stub(target):
            bound = self.map.stub_target(target)
            if bound is None:
                return True
            target = bound
        return self.map.place(target) is not None and not self.steps.skips(target)

    def _run_over(self, after: int, sp: int) -> None:
        """Run to where a call returns to, with the stack back at ``sp``."""
        self._run_to = (after,)
        self._until_sp = sp - self.map.stack_top(self.thread)

    def _run_until(self, *addrs: int) -> None:
        """Run to a place in whichever frame."""
        self._run_to = addrs
        self._until_sp = None

    def _watch_leaving(self) -> None:
        """Notice when the frame is left by an exception or a longjmp."""
        for addr in self.steps.ways_out.addresses():
            self.add_site(addr)

    def take_up(self) -> None:
        """Go on; the next request plants what is needed."""
        self._sites = []

    def end(self) -> None:
        """Take the sites out; those where frames are left may stay for the next step."""
        sites, self._sites = self._sites, []
        if sites:
            table, ways_out = self.thread.inferior.sites, self.steps.ways_out
            for addr in sites:
                table.discard(addr, self, idle=ways_out.watches(addr))
