"""Steps by source lines: the plan behind ``step``, ``next`` and ``until``.

Which stops end a step is gdb's process_event_stop_test (infrun.c): a thread that leaves the
range of addresses it steps in is asked where it is now. The way there, `linerun`'s, is another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg import events
from pydbg.errors import DebuggerError
from pydbg.linemap import FrameId, Place
from pydbg.linerun import LineRun

if TYPE_CHECKING:
    from pydbg.events import Event
    from pydbg.frames import Frame
    from pydbg.steps import Steps
    from pydbg.symbols.modules import InlineCall
    from pydbg.target.thread import Thread

__all__ = ["FinishInline", "LineStep"]

_KEPT = 64
"""Sites that are kept from one step of several to the next."""


class LineStep(LineRun):
    """Step ``count`` lines: into calls ("step"), over them ("next"), or on only ("until")."""

    # --- stops ---------------------------------------------------------------------------------

    def stepped(self) -> Event | None:
        """Judge a finished single step."""
        after, self._calling = self._calling, None
        thread = self.thread
        pc = thread.pc
        if after is not None:
            if pc == after:
                return self._judge()
            if self._called is None and not self._in_loader(after):
                self._called = after, thread.sp + thread.inferior.arch.pointer_size
            return self._judge()
        code = self.code
        inside = code is not None and not self._run_to and code.contains(pc - self.bias)
        inside = inside and pc - self.bias not in self._starts
        if inside and self.map.cfa(thread) == self.frame.cfa:
            return None
        return self._judge()

    def reached(self, thread: Thread) -> Event | None:
        """Judge a hit of one of the plan's own sites."""
        if not self._is_mine(thread):
            return None
        pc = thread.pc
        if self._run_to:
            if pc in self._run_to and self._is_back():
                self._run_to = ()
                return self._judge()
            return self._leaving(pc)
        code = self.code
        link_addr = pc - self.bias
        known = code is not None and (link_addr in code.exits or link_addr in code.marks)
        if not known and link_addr not in self._starts:
            return self._leaving(pc)
        cfa = self.map.cfa(thread)
        if cfa is not None and cfa < self.frame.cfa:
            return None  # A deeper call of the same function.
        if cfa == self.frame.cfa and code is not None and link_addr in code.marks:
            return None  # The next request steps.
        return self._judge()

    def _leaving(self, pc: int) -> Event | None:
        """Judge a place by which frames are left, and one where that may lead to."""
        thread, ways = self.thread, self.steps.ways_out
        if ways.is_exception(pc):
            self._landings = ways.pads(thread, self.frame.cfa)
        elif ways.is_jump(pc):
            target = ways.target(thread)
            if target is None or target[1] < self._stack_at:
                return None  # It stays within what the step runs over.
            self._landings = {target[0]: 0}
        elif pc not in self._landings:
            return None  # Another frame comes by a place of this one.
        else:
            cfa = self.map.cfa(thread) or 0
            if cfa < self.frame.cfa or self._landings[pc] not in (0, cfa):
                return None
            return self._landed(pc)
        for addr in self._landings:
            self.add_site(addr)
        return None

    def _landed(self, pc: int) -> Event | None:
        """Go on, or end, where an exception was caught or a longjmp arrived."""
        self.end()
        jumped = not self._landings.get(pc)
        self._landings = {}
        self._run_to, self._called = (), None
        place = self.map.place(pc)
        if place is None:
            return self._in_no_line(pc)
        if jumped:
            # setjmp returns into its line, which is not told a second time.
            self._range(place)
            self.frame = self.steps.frame_id(self.thread)
            self._plan_code()
            return None
        return self._in_line(pc, place)

    def _is_back(self) -> bool:
        sp = self._until_sp
        return sp is None or self.thread.sp - self.map.stack_top(self.thread) >= sp

    def _is_mine(self, thread: Thread) -> bool:
        """Tell whether a thread is the step's; a goroutine is followed to the one that runs it.

        The thread it was on may run another one by now, in the same code.
        """
        if not self._goroutine:
            return thread is self.thread
        if self.map.goroutine(thread)[0] != self._goroutine:
            return False
        if thread is self.thread:
            return True
        if self in self.thread.plans:
            self.thread.plans.remove(self)
            thread.plans.append(self)
        self.thread = thread
        return True

    # --- where it is now -----------------------------------------------------------------------

    def _judge(self) -> Event | None:
        """Decide what a place outside of what was run through means."""
        if self.count <= 1 or len(self._sites) > _KEPT:
            self.end()
        thread = self.thread
        pc = thread.pc
        if self._called is None and (self.low <= pc < self.high or self._is_in_row(pc)):
            self._plan_code()
            return None
        if self.into and not self._insn:
            is_stub = self.map.is_stub(pc)
            if is_stub or self._in_loader(pc):
                return self._in_stub(pc, is_stub)
            self._resolving = False
        called, self._called = self._called, None
        if called is not None:
            return self._in_call(pc, *called)
        place = self.map.place(pc)
        if self._insn:
            return self._stop()
        if place is None:
            return self._in_no_line(pc)
        return self._in_line(pc, place)

    def _is_in_row(self, pc: int) -> bool:
        """Tell whether the thread ran on within one row of the line table, and step in that.

        Code of the inlined call that is stepped in may end in the midst of a row, and begin again.
        """
        place, code = self.map.place(pc), self.code
        if code is None or place is None or not place.low < pc:
            return False
        if (place.path, place.line) != self.line or not code.contains(pc - 1 - self.bias):
            return False
        if self.map.cfa(self.thread) != self.frame.cfa:
            return False
        self.low, self.high = place.low, place.high
        return True

    def _in_stub(self, pc: int, is_stub: bool) -> Event | None:
        """Go on to the function that a stub of the linkage table leads to.

        While it is not bound that is the way through the dynamic linker, which gdb knows too
        (glibc_skip_solib_resolver): to _dl_fixup, to where it returns, and the last jump.
        """
        self.code = None
        thread = self.thread
        if is_stub:
            target = self.map.stub_target(pc)
            if target is not None:
                self._run_until(target)
                return None
            self._resolving = True
        elif not self._resolving:
            self._called = None  # Whatever it comes to is no call of the line's.
        fixup = self.map.loader_function("_dl_fixup")
        if pc == fixup:
            word = thread.inferior.arch.pointer_size
            after = int.from_bytes(thread.inferior.read(thread.sp, word), "little")
            self._run_over(after, thread.sp + word)
        elif is_stub and fixup is not None:
            self._run_until(fixup)
        return None

    def _in_call(self, pc: int, after: int, sp: int) -> Event | None:
        """Enter a function that has lines, run over any other."""
        entry = self.map.function(pc) or pc
        if self.into and self.map.place(entry) is not None and not self.steps.skips(pc):
            body = self.map.body(entry)
            if body == pc:
                return self._stop()
            self.low = self.high = 0
            self._called = after, sp
            self._run_until(body)
            return None
        if self.into and self.steps.dbg.settings["step-mode"]:
            return self._stop()
        self._run_over(after, sp)
        return None

    def _in_no_line(self, pc: int) -> Event | None:
        inner = next(self.map.raw_frames(self.thread), None)
        if inner is not None and inner.is_signal:
            self.code = None  # A handler returned: on to where the signal came.
            return None
        if self.into and self.map.name(pc) is None and not self.steps.dbg.settings["step-mode"]:
            caller = self.steps.caller(self.thread)
            if caller is not None:
                self._run_over(*caller)
                return None
        return self._stop()

    def _in_line(self, pc: int, place: Place) -> Event | None:
        thread = self.thread
        entered, ahead = self.map.facts(pc).entered, self.map.facts(pc).ahead
        chain = tuple(call.die for call in entered)
        now = FrameId(self.map.cfa(thread) or 0, self.map.function(pc), chain)
        if ahead and now == self.frame:
            return self._at_inlined(ahead)
        deeper = len(chain) > len(self.frame.chain) and chain[: len(self.frame.chain)]
        if now.real == self.frame.real and deeper == self.frame.chain:
            first = entered[len(self.frame.chain)]
            if not self.into or self.steps.skips_inlined(first):
                return self._go_through(first)
            return self._stop()
        refresh = True
        line = place.path, place.line
        if pc == place.low and line != self.line:
            if place.is_stmt:
                return self._stop(None if ahead else now)
            if now == self.frame:
                # The start of a line that is no statement: a better place will come.
                refresh = False
            else:
                line = place.path, 0
        self.low, self.high = place.low, place.high
        if refresh:
            self.frame, self.line = now, line
        self._plan_code()
        return None

    def _at_inlined(self, ahead: tuple[InlineCall, ...]) -> Event | None:
        """Decide in front of the code of an inlined call."""
        call = ahead[0]
        same = (call.path, call.line) == self.line
        if not self.into:
            return self._go_through(call) if same else self._stop()
        if same:
            if self.steps.skips_inlined(call):
                return self._go_through(call)
            self.steps.enter(self.thread, call)
        return self._stop()

    def _go_through(self, call: InlineCall) -> Event | None:
        """Run to where the code of an inlined call ends.

        Where a part of it begins it is shown as being in front of the call, which may be a
        place to stop at.
        """
        code = self.map.code_of(call.ranges)
        self.code = code if code is not None and code.whole else None
        facts = self.map.facts(min(call.ranges)[0]) if call.ranges else None
        around = (*facts.entered, *facts.ahead) if facts is not None else ()
        calls = [one for one in around if one.die in self.frame.chain]
        if (call.path, call.line) != self.line:
            calls.append(call)
        self._starts = self._parts(calls)
        return None

    def _stop(self, now: FrameId | None = None) -> Event | None:
        """End one step, and begin the next if there are more; ``now`` is the frame, if known."""
        self.count -= 1
        self.steps.at_end(self, now)
        if self.count > 0:
            try:
                while self.count > 0 and self.steps.goes_in(self):
                    self.count -= 1
                if self.count > 0:
                    self.prepare()
                    return None
            except DebuggerError:
                pass  # Nothing tells how far to go: this is where it ends.
        return self._done()

    def _done(self) -> Event:
        return events.StepDone(self.thread.inferior.pid, self.thread.tid, self.name)


class FinishInline(LineStep):
    """Run until the code of an inlined call is left.

    It is a step over calls in the frame around it, from no line at all: the next line that
    begins there ends it (finish_command in infcmd.c).
    """

    def __init__(self, thread: Thread, frame: Frame, steps: Steps) -> None:
        super().__init__(thread, "finish", steps)
        call, module = frame.inline, frame.module
        assert call is not None and module is not None
        addr = frame.lookup_addr
        dies = [one.die for one in module.inline_calls_at(addr)]
        chain = tuple(dies[: dies.index(call.die)] if call.die in dies else ())
        cfa = (frame.cfa or 0) - self.map.stack_top(thread)
        self.frame = FrameId(cfa, self.map.function(addr), chain)
        self.bias = module.bias
        self._stack_at = thread.sp
        inner = frame.inner
        while inner is not None and inner.raw is frame.raw:
            inner = inner.inner
        if inner is not None and inner.cfa is not None:
            self._run_over(frame.addr, inner.cfa)  # A call in it is still to return.
        else:
            self._go_through(call)
