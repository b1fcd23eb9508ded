"""Letting the program run on: freely, by steps, out of frames, and into functions to call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from signal import SIGINT
from typing import TYPE_CHECKING

from pydbg.console import Interruptible
from pydbg.errors import CommandError
from pydbg.events import Event, StepDone, points_hit
from pydbg.frames import Frame
from pydbg.lifecycle import Lifecycle
from pydbg.settings import Settings
from pydbg.stepping import (
    CallFunction,
    Finish,
    NextInsn,
    Plan,
    StepInsn,
    StepTo,
    StepToSyscall,
)
from pydbg.steps import LineStepping
from pydbg.target.thread import Thread

if TYPE_CHECKING:
    from pydbg.expr.types import CType
    from pydbg.expr.values import Value

__all__ = ["Running"]


class Running(LineStepping, Lifecycle):
    """Be the part of the debugger that lets the program run until something stops it."""

    def __init__(self, args: Sequence[str], settings: Settings | None) -> None:
        super().__init__(args, settings)
        self.own_sigint = False
        """Whether SIGINT is taken over while the program runs although a handler is set."""
        self.on_stuck: Callable[[], None] | None = None
        """Called at a Ctrl-C, in its handler, when the one before has not stopped the program."""
        self.on_call_stopped: Callable[[Event], None] | None = None
        """Called with what stops the program in a function that an expression calls."""

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Run commands that breakpoints have, which may let the program run on again and again.

        What going on needs is set up once and kept from stop to stop.
        """

        def interrupt(signo: int) -> None:
            if self.control.loop_running:
                self.interrupt()
            elif signo == SIGINT:
                raise KeyboardInterrupt

        with Interruptible(
            interrupt,
            own_sigint=self.own_sigint,
            is_running=lambda: self.control.loop_running,
            again=self._still_running,
        ):
            self.control.acting = True
            try:
                yield
            finally:
                self.control.acting = False
                self.control.placement.leave()

    def _go(self, plan: Plan | None = None) -> Event:
        self.live_process()
        if not isinstance(plan, CallFunction):
            self.steps.resumed()
        if self.control.acting:
            return self.control.go(plan)
        self.control.interrupted_early = False
        with Interruptible(
            self._signalled,
            own_sigint=self.own_sigint,
            is_running=lambda: self.control.loop_running,
            again=self._still_running,
        ):
            return self.control.go(plan)

    def _signalled(self, signo: int) -> None:
        if self.control.loop_running:
            self.interrupt()
        else:
            self.control.interrupted_early = True  # Ctrl-C right behind "continue".

    def _still_running(self) -> bool:
        """Tell of a Ctrl-C before which another one has not stopped the program."""
        control = self.control
        if self.on_stuck is None or not (control.interrupt_requested or control.interrupted_early):
            return False
        self.on_stuck()
        return True

    def _thread(self) -> Thread:
        self.live_inferior()
        assert self.thread is not None
        return self.thread

    def cont(self, count: int = 1) -> Event:
        """Run to the next stop; ``count`` passes the current breakpoint that often less one.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.cont().code
        0
        """
        self.live_inferior()
        numbers = points_hit(self.last_event)
        if count > 1 and numbers:
            point = self.points.by_number.get(numbers[0])
            if point is not None:
                point.ignore_count = count - 1
        return self._go()

    def stepi(self, count: int = 1) -> Event:
        """Step instructions, into calls.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     first = dbg.regs.rip
        ...     event = dbg.stepi()
        ...     dbg.regs.rip - first
        3
        """
        return self._inside(self._go(StepInsn(self._thread(), max(count, 1))))

    def nexti(self, count: int = 1) -> Event:
        """Step instructions, over calls.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     event = dbg.nexti(2)  # over the call of _dl_start
        ...     dbg.symbolize(dbg.regs.rip)
        '<_dl_start_user>'
        """
        return self._inside(self._go(NextInsn(self._thread(), max(count, 1))))

    def _inside(self, event: Event) -> Event:
        """Show a thread that stepped an instruction inside of inlined calls that begin there."""
        thread = self.thread
        if isinstance(event, StepDone) and thread is not None:
            self.steps.arrived(thread)
        return event

    def step_to(self, what: str) -> Event:
        """Run to the next "syscall", or step to the next "call", "ret" or "jump".

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     event = dbg.step_to("call")
        ...     event.plan, dbg.disassemble(dbg.regs.rip, count=1)[0].text.split()[0]
        ('stepcall', 'call')
        """
        thread = self._thread()
        return self._go(StepToSyscall(thread) if what == "syscall" else StepTo(thread, what))

    def finish(self) -> Event:
        """Run until the selected frame has returned.

        >>> import pydbg
        >>> with pydbg.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:
        ...     point = dbg.break_at("write", pending=True, temporary=True)
        ...     event = dbg.cont()
        ...     dbg.finish().value
        3
        """
        thread = self._thread()
        self.refuse_parked()
        caller, frame = self._caller()
        if frame.inline is not None and frame.how != "tailcall":
            from pydbg.linestep import FinishInline

            return self._go(FinishInline(thread, frame, self.steps))
        if caller is None or frame.cfa is None:
            raise CommandError('"finish" not meaningful in the outermost frame.')
        if self.steps.map.is_go(frame.lookup_addr):
            from pydbg.frameplans import FinishInGoroutine

            places = self.steps.map
            return self._go(
                FinishInGoroutine(thread, caller.addr, frame.cfa, frame.lookup_addr, places)
            )
        return self._go(Finish(thread, caller.addr, frame.cfa, frame.lookup_addr))

    def _caller(self) -> tuple[Frame | None, Frame]:
        frame = self.frame
        if frame is None:
            raise CommandError("No frame selected.")
        level = frame.level + 1
        while True:
            # The caller of an inlined call's frame is that of the function it is inlined in;
            # nothing returns to what left by a tail call.
            frames = self._walk(level + 1)
            if len(frames) <= level:
                return None, frame
            caller = frames[level]
            if caller.raw is not frame.raw and caller.how != "tailcall":
                return caller, frame
            level += 1

    def jump(self, spec: str) -> Event:
        """Go on at another place, without touching the stack.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     event = dbg.stepi()
        ...     point = dbg.break_at(dbg.regs.rip)
        ...     type(dbg.jump("_start")).__name__, dbg.regs.rip == point.locations[0].addr
        ('BreakpointHit', True)
        """
        thread = self._thread()
        self.refuse_parked()
        places = self.places(spec)
        if len(places) > 1:
            raise CommandError(f"Unreasonable jump request: {spec} is {len(places)} places.")
        addr = places[0].addr
        assert addr is not None
        self.regs[self.arch.pc] = addr
        thread.stop_pc = None  # A breakpoint at the place is hit.
        return self._go()

    def signal(self, signo: int) -> Event:
        """Go on with a signal delivered, or with 0 without the one that stopped the thread.

        >>> import pydbg
        >>> with pydbg.launch("/bin/sh", "-c", "kill -TERM $$; exit 5") as dbg:
        ...     type(dbg.cont()).__name__, dbg.signal(0).code
        ('SignalReceived', 5)
        """
        self._thread().signal = signo
        return self._go()

    def interrupt(self) -> None:
        """Stop the running program as soon as possible; callable from a signal handler.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.interrupt()  # nothing runs: nothing to stop
        ...     dbg.cont().code
        0
        """
        self.control.interrupt()

    # --- functions that are called ---------------------------------------------------------------

    def call(self, addr: int, args: Sequence[int] = ()) -> int:
        """Call a function of the program in the selected thread and return its result, raw.

        An ifunc's name means the function that its resolver chooses. Raises CallStopped if
        something stops the program inside the call; the program then stays where that happened.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     hit = dbg.run(stop="main")
        ...     dbg.call(int(dbg.eval("&abs")), [2**32 - 7])
        7
        """
        return self._call(self.behind_ifunc(addr), args)

    def behind_ifunc(self, addr: int) -> int:
        """Return the function that an ifunc stands for, asking its resolver; else ``addr``."""
        module = self.modules.at(addr)
        if module is None or not module.is_ifunc(addr):
            return addr
        chosen = self.live_inferior().late_bound
        if addr not in chosen:
            chosen[addr] = self._call(addr, ())
        return chosen[addr]

    def _call(self, addr: int, args: Sequence[int]) -> int:
        from pydbg.expr.types import data_model
        from pydbg.expr.values import from_number

        word = data_model(self.arch.pointer_size).ulong
        found = self._called(addr, [from_number(word, value) for value in args], word)
        return int(found) & ((1 << 8 * self.arch.pointer_size) - 1)

    def call_typed(self, addr: int, args: Sequence[Value], result: CType) -> Value:
        """Call a function with values of its parameters' types; return what it returns.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     hit = dbg.run(stop="main")
        ...     minus = dbg.eval("(long)-7")
        ...     int(dbg.call_typed(int(dbg.eval("&labs")), [minus], minus.type))
        7
        """
        return self._called(self.behind_ifunc(addr), args, result)

    def _called(self, addr: int, args: Sequence[Value], result: CType) -> Value:
        from pydbg.calling import call_function

        thread = self._thread()
        if not self.live_inferior().can_run:
            raise CommandError("You can't do that without a process to debug.")
        return call_function(self._dbg, thread, addr, args, result)

    def run_call(self, plan: CallFunction) -> Event:
        """Run a called function; when it has returned all is as it was before."""
        thread = plan.thread
        previous, current, level = self.last_event, thread.stop_pc, self._level
        parked = self._parked
        event = self._go(plan)
        if isinstance(event, StepDone) and event.plan == "call" and plan.is_over:
            self.last_event = previous
            thread.stop_pc = current
            self._level, self._parked = level, parked
        return event
