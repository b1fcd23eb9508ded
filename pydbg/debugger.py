"""The debugger: one object that joins program, process, breakpoints, state and events.

Front ends and scripts are clients of ``Debugger`` and of nothing below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from signal import SIGINT
from typing import TYPE_CHECKING, Any

from pydbg.arch import X86_64
from pydbg.breakpoints import Breakpoint, Catchpoint
from pydbg.calllog import CallLog
from pydbg.catches import Catches
from pydbg.console import Interruptible
from pydbg.control import RunControl
from pydbg.denials import Denials
from pydbg.errors import (
    CommandError,
    LocationError,
)
from pydbg.events import (
    Event,
    Started,
    StepDone,
    SyscallCaught,
    WatchpointTriggered,
    points_hit,
)
from pydbg.frames import Frame
from pydbg.lifecycle import Lifecycle
from pydbg.pointset import PointSet
from pydbg.seccomp.guard import Guard
from pydbg.settings import Settings
from pydbg.signaltable import SignalTable
from pydbg.stepping import (
    CallFunction,
    Finish,
    NextInsn,
    Plan,
    StepInsn,
    StepTo,
    StepToSyscall,
)
from pydbg.steps import LineStepping, Steps
from pydbg.tampers import Tampers
from pydbg.target.thread import Thread
from pydbg.watchpoints import Watchpoint

if TYPE_CHECKING:
    from pydbg.expr.types import CType
    from pydbg.expr.values import Value


class _Stop:
    """Be the answer of a callback that wants the program to stop."""

    def __repr__(self) -> str:
        return "pydbg.STOP"


STOP = _Stop()
Listener = Callable[[Event], None]
_AT_ENTRY = 9
_FRAMES_AHEAD = 100_000


class Debugger(LineStepping, Lifecycle):
    """Debug a program and the processes it becomes.

    >>> with Debugger("/bin/true") as dbg:
    ...     event = dbg.run()
    ...     event.code
    0

    It may be used from one OS thread only, as ptrace demands. Leaving the ``with`` block kills
    what was launched and lets go what was attached to.
    """

    def __init__(
        self,
        program: str | None = None,
        args: Sequence[str] = (),
        *,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(args, settings)
        self.arch = X86_64
        self.signals = SignalTable()
        self.points = PointSet(self)
        self.catches = Catches(self)
        self.denials = Denials(self)
        self.tampers = Tampers(self)
        self.calllog = CallLog(self)
        self.guard = Guard(self)
        self.control = RunControl(self)
        self.steps = Steps(self)
        self.own_sigint = False
        """Whether SIGINT is taken over while the program runs although a handler is set."""
        self.on_stuck: Callable[[], None] | None = None
        """Called at a Ctrl-C, in its handler, when the one before has not stopped the program."""
        self.on_call_stopped: Callable[[Event], None] | None = None
        """Called with what stops the program in a function that an expression calls."""
        self.quiet: Callable[[Any, Thread], bool] | None = None
        """Asked at a hit of a point with commands: True if they were run and it may go on."""
        for name in ("backtrace limit", "backtrace past-main"):
            self.settings.on_change(name, lambda _: self.written())
        if program is not None:
            self.load_program(program)

    def __enter__(self) -> Debugger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def breakpoints(self) -> dict[int, Any]:
        """Return breakpoints and catchpoints by number.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     point = dbg.break_at("main")
        ...     dbg.breakpoints == {1: point}
        True
        """
        return self.points.by_number

    def run(self, args: str | None = None, *, stop: str = "none") -> Event:
        """Start the program anew and run it to its first stop.

        ``args`` replaces the arguments and may hold redirections (``<in >out 2>err``). ``stop``
        is "none", "main" (a temporary breakpoint there) or "entry" (before the first
        instruction). A process that already runs is killed. Raises LaunchError.

        >>> import pydbg
        >>> with pydbg.Debugger("/bin/sh") as dbg:
        ...     dbg.run("-c 'exit 3'").code, type(dbg.run("-c :", stop="entry")).__name__
        (3, 'Started')
        """
        if self.process is not None:
            self.kill()
        self.close_core()
        self.start_process(args)
        if stop == "entry":
            return self._tell(Started)
        if stop == "main":
            try:
                self.break_at("main", temporary=True, pending=False)
            except LocationError:
                # Nothing says where main is: the program's entry is the next best.
                entry = self.live_inferior().auxv.get(_AT_ENTRY, 0)
                self.break_at(f"*{entry:#x}", temporary=True)
        return self.cont()

    # --- running -----------------------------------------------------------------------------

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
            for call in self.steps.map.facts(thread.pc).ahead:
                self.steps.enter(thread, call)
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
        return call_function(self, thread, addr, args, result)

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

    def call_back(self, callback: Callable[[Any], Any], thread: Thread, point: Any) -> bool:
        """Call a user's function at a hit with everything held; True if it wants to stop."""
        saved = self.thread
        was_running = self.control.loop_running
        with self.control.all_held(thread):
            self.control.loop_running = False
            self.thread = thread
            self.changed()
            try:
                is_syscall = isinstance(point, Catchpoint) and point.kind == "syscall"
                answer = callback(self.current_syscall if is_syscall else point)
            finally:
                self.control.loop_running = was_running
                if saved is not None and not saved.gone:
                    self.thread = saved
                self.changed()
        return answer is STOP

    # --- breakpoints -------------------------------------------------------------------------

    def break_at(
        self,
        spec: str | int,
        *,
        condition: str | None = None,
        callback: Callable[[Breakpoint], Any] | None = None,
        temporary: bool = False,
        hardware: bool = False,
        thread: int | None = None,
        pending: bool | None = None,
        ignore: int = 0,
    ) -> Breakpoint:
        """Set a breakpoint at a location spec, or at an address.

        With a ``callback`` the program goes on after it, unless it returns ``STOP``. Raises
        LocationError where the spec means no place and may not wait for one (``pending``).

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     bp = dbg.break_at("main", callback=lambda bp: None)
        ...     dbg.cont().code, bp.hit_count
        (0, 1)
        """
        return self.points.create(
            f"*{spec:#x}" if isinstance(spec, int) else spec,
            condition=condition,
            callback=callback,
            temporary=temporary,
            hardware=hardware,
            thread=thread,
            pending=pending,
            ignore=ignore,
        )

    def catch_syscall(
        self,
        *specs: str | int,
        on_entry: Callable[[SyscallCaught], Any] | None = None,
        on_return: Callable[[SyscallCaught], Any] | None = None,
        phase: str = "both",
        condition: str | None = None,
        temporary: bool = False,
    ) -> Catchpoint:
        """Stop at system calls by name, number or group (``group:network``, ``%file``).

        Without specs every call is caught. ``phase`` is "entry", "return" or "both"; with a
        callback the program goes on after it, unless it returns ``STOP``.

        >>> import pydbg
        >>> with pydbg.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:
        ...     catch = dbg.catch_syscall("write")
        ...     event = dbg.cont()
        ...     event.name, event.phase, event.args[2]
        ('write', 'entry', 3)
        """
        return self.catches.create(
            "syscall",
            tuple(str(spec) for spec in specs),
            condition=condition,
            temporary=temporary,
            phase=phase,
            on_entry=on_entry,
            on_return=on_return,
        )

    def catch(
        self,
        kind: str,
        *args: str,
        condition: str | None = None,
        temporary: bool = False,
        callback: Callable[[Catchpoint], Any] | None = None,
    ) -> Catchpoint:
        """Stop at a fork, vfork, clone, exec, exit, signal, load or unload.

        >>> import pydbg
        >>> with pydbg.launch("/bin/false") as dbg:
        ...     catch = dbg.catch("exit")
        ...     event = dbg.cont()
        ...     event.kind, event.detail >> 8
        ('exit', 1)
        """
        return self.catches.create(
            kind, args, condition=condition, temporary=temporary, callback=callback
        )

    def watch(
        self,
        what: str | int | Value,
        *,
        size: int | None = None,
        kind: str = "write",
        condition: str | None = None,
        callback: Callable[[WatchpointTriggered], Any] | None = None,
        temporary: bool = False,
        thread: int | None = None,
        ignore: int = 0,
        location: bool = True,
        software: bool = False,
    ) -> Watchpoint:
        """Stop when memory changes ("write"), is read ("read"), or either ("access").

        ``what`` is an address, a value that has one, or the expression of one (``counter``,
        ``*(int *)$rsp``), which is worked out once, now. ``size`` defaults to the value's, for
        an address to a pointer's. The processor watches for it in every thread, at full speed,
        with four debug registers of 8 aligned bytes: CommandError if that does not do. What
        the kernel writes into the program's memory is not seen by them. A callback gets the
        event; the program goes on after it, unless it returns ``STOP``.

        With ``location=False`` an expression's value is watched wherever it comes from, as by the
        command ``watch``: what its pointers point to changes with them, and it ends with the
        frame of its locals. With ``software`` what the debug registers cannot do is done by
        stepping, which is slow.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     watch = dbg.watch(dbg.regs.rsp - 8)  # where a call puts its return address
        ...     event = dbg.cont()
        ...     event.number, event.old, event.new == event.pc
        (1, 0, False)
        """
        return self.points.watch(
            what,
            size=size,
            kind=kind,
            condition=condition,
            callback=callback,
            temporary=temporary,
            thread=thread,
            ignore=ignore,
            location=location,
            software=software,
        )

    def delete(self, number: int) -> None:
        """Delete a breakpoint or catchpoint.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     point = dbg.break_at("main")
        ...     dbg.delete(point.number)
        ...     dbg.breakpoints, dbg.cont().code
        ({}, 0)
        """
        self.points.delete(number)


__all__ = ["STOP", "Debugger"]
