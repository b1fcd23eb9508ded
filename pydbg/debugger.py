"""The debugger: one object that joins program, process, breakpoints, state and events.

Front ends and scripts are clients of ``Debugger`` and of nothing below it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydbg.access import MemoryView, RegisterView
from pydbg.arch import X86_64, arch_for
from pydbg.arch.model import Arch
from pydbg.breakpoints import Breakpoint, Catchpoint
from pydbg.catches import Catches
from pydbg.console import Console, interruptible
from pydbg.context import ProgramContext
from pydbg.control import RunControl
from pydbg.errors import (
    CommandError,
    DebuggerError,
    FileError,
    LocationError,
    NoProcess,
    PtraceError,
)
from pydbg.events import (
    Attached,
    BreakpointHit,
    Event,
    Exited,
    FollowedChild,
    Killed,
    ModuleLoaded,
    ModuleUnloaded,
    Started,
    StepDone,
    SyscallCaught,
)
from pydbg.frames import Frame
from pydbg.linux.spawn import LaunchSpec
from pydbg.loading import FileCache, Loader
from pydbg.locspec import Resolved, parse
from pydbg.pointset import PointSet
from pydbg.settings import Settings
from pydbg.signaltable import SignalTable
from pydbg.stepping import (
    CallFunction,
    Finish,
    NextInsn,
    Plan,
    RunTo,
    StepInsn,
    StepTo,
    StepToSyscall,
)
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.modules import ModuleList
from pydbg.target.inferior import Inferior
from pydbg.target.thread import Thread
from pydbg.target.tracer import Tracer

if TYPE_CHECKING:
    from pydbg.arch.disasm import Insn
    from pydbg.expr.values import Value
    from pydbg.symbols.symtab import Symbol


class _Stop:
    """Be the answer of a callback that wants the program to stop."""

    def __repr__(self) -> str:
        return "pydbg.STOP"


STOP = _Stop()
Listener = Callable[[Event], None]
_AT_ENTRY = 9
_FRAMES_AHEAD = 100_000


class Debugger:
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
        self.settings = settings or Settings()
        self.environment: dict[str, str] = dict(os.environ)
        self.args = list(args)
        self.cwd: str | None = None
        self.tty: str | None = None
        self.program: str | None = None
        self.stdin: str | int | None = None
        self.stdout: str | int | None = None
        self.stderr: str | int | None = None
        self.arch: Arch = X86_64
        self.signals = SignalTable()
        self.tracer = Tracer(_arch_of)
        self.points = PointSet(self)
        self.catches = Catches(self)
        self.control = RunControl(self)
        self.terminal: Console | None = None
        self.own_sigint = False
        """Whether SIGINT is taken over while the program runs although a handler is set."""
        self.convenience: dict[str, Value] = {}
        self.history: list[Value] = []
        self.last_event: Event | None = None
        self.current_syscall: SyscallCaught | None = None
        self.asking: Thread | None = None
        self.inferior: Inferior | None = None
        self.thread: Thread | None = None
        self._listeners: list[Listener] = []
        self._files = FileCache()
        self._static = ModuleList()
        self._frames: list[Frame] | None = None
        self._frames_complete = False
        self._level = 0
        self._numbers = 0
        self.stack_problem: str | None = None
        """Why the last backtrace ended early, in gdb's words."""
        if program is not None:
            self.load_program(program)

    def __enter__(self) -> Debugger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the program -------------------------------------------------------------------------

    def load_program(self, path: str) -> None:
        """Take a file as the program to debug; a bare name is also looked for in PATH.

        Raises FileError if it is missing or not an executable that can run here.
        """
        found = path
        if not os.path.exists(path) and "/" not in path:
            found = shutil.which(path) or path
        if os.path.isdir(found):
            raise FileError(f"{path}: Is a directory.")
        absolute = os.path.abspath(found)
        module = self._files.module(absolute, absolute, 0, is_main=True)
        arch = arch_for(module.elf.machine, module.elf.bits // 32, path)
        self.program, self.arch = absolute, arch
        self._static = ModuleList([module])
        if self.inferior is None:
            self.points.modules_changed(None)

    @property
    def modules(self) -> ModuleList:
        """Return the loaded modules; before the program runs, its file at link addresses."""
        if self.inferior is not None and self.inferior.modules is not None:
            modules: ModuleList = self.inferior.modules
            return modules
        return self._static

    @property
    def inferiors(self) -> list[Inferior]:
        """Return the live processes that the user sees, by number."""
        visible = [i for i in self.tracer.inferiors.values() if not i.silent]
        return sorted(visible, key=lambda i: i.number)

    @property
    def breakpoints(self) -> dict[int, Any]:
        """Return breakpoints and catchpoints by number."""
        return self.points.by_number

    def live_inferior(self) -> Inferior:
        """Return the current process; raises NoProcess if there is none."""
        if self.inferior is None or self.thread is None:
            raise NoProcess
        return self.inferior

    def next_inferior_number(self) -> int:
        """Return a fresh inferior number."""
        self._numbers += 1
        return self._numbers

    # --- listeners ---------------------------------------------------------------------------

    def on_event(self, listener: Listener) -> None:
        """Have ``listener(event)`` called for what happens while the program runs on."""
        self._listeners.append(listener)

    def notify(self, event: Event) -> None:
        """Tell the listeners of something that does not stop the program."""
        for listener in self._listeners:
            listener(event)

    # --- starting ----------------------------------------------------------------------------

    def run(self, args: str | None = None, *, stop: str = "none") -> Event:
        """Start the program anew and run it to its first stop.

        ``args`` replaces the arguments and may hold redirections (``<in >out 2>err``). ``stop``
        is "none", "main" (a temporary breakpoint there) or "entry" (before the first
        instruction). A process that already runs is killed. Raises LaunchError.
        """
        if self.inferior is not None:
            self.kill()
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

    def start_process(self, args: str | None = None) -> Inferior:
        """Launch the program; it is stopped before its first instruction."""
        if self.program is None:
            raise CommandError('No executable file specified.\nUse the "file" command.')
        if args is not None:
            self.settings.set("args", args)
        from pydbg.runargs import RunArgs
        from pydbg.runargs import parse as parse_args

        text = str(self.settings["args"] or "")
        parsed = parse_args(text, self.environment, self._directory()) if text else RunArgs()
        argv = [self.program, *(parsed.argv if text else self.args)]
        program_filter, filtered = self.catches.launch_filter()
        tty = self.tty
        spec = LaunchSpec(
            argv=argv,
            path=self.program,
            env=self.environment,
            cwd=self._directory(),
            stdin=parsed.stdin if parsed.stdin is not None else self.stdin,
            stdout=parsed.stdout if parsed.stdout is not None else self.stdout,
            stderr=parsed.stderr if parsed.stderr is not None else self.stderr,
            append=parsed.append,
            tty=tty,
            disable_randomization=bool(self.settings["disable-randomization"]),
            filter=program_filter,
        )
        self._numbers = max(self._numbers, 1)
        inferior = self.tracer.launch(spec, 1)
        inferior.filtered = filtered
        self._adopt_current(inferior, self.program)
        return inferior

    def _directory(self) -> str | None:
        directory = self.cwd or self.settings["cwd"] or None
        return os.path.expanduser(str(directory)) if directory else None

    def _adopt_current(self, inferior: Inferior, program: str | None) -> None:
        self.arch = inferior.arch
        self.inferior = inferior
        self.thread = inferior.leader
        self._start_loader(inferior, program)
        self.changed()
        self.points.process_gone()
        self.points.modules_changed(inferior)

    def _start_loader(self, inferior: Inferior, program: str | None) -> None:
        loader = Loader(inferior, self._files, program)
        inferior.loader = loader
        loader.start()

    def attach(self, pid: int) -> Event:
        """Stop a running process and take it over, all its threads.

        Raises PtraceError with the reason and what helps, or NoProcess.
        """
        if pid in self.tracer.inferiors:
            raise CommandError(f"Already debugging process {pid}.")
        if self.inferior is not None:
            raise CommandError("A program is being debugged already; kill or detach it first.")
        try:
            inferior = self.tracer.attach(pid, 1)
        except DebuggerError as error:
            from pydbg.linux.attach import explain_attach_failure

            errno = error.errno if isinstance(error, PtraceError) else 3
            raise CommandError(explain_attach_failure(pid, errno)) from None
        self._numbers = max(self._numbers, 1)
        if self.program is None or not _same_file(self.program, inferior.path):
            self.program = inferior.path
        self._adopt_current(inferior, self.program)
        inferior.loader.sync()
        self._refresh_static()
        self.points.modules_changed(inferior)
        return self._tell(Attached)

    def _refresh_static(self) -> None:
        main = self.modules.main
        if main is not None:
            self._static = ModuleList([main.at_bias(0, is_main=True)])

    def _tell(self, kind: type[Event]) -> Event:
        assert self.thread is not None and self.inferior is not None
        event = kind(self.inferior.pid, self.thread.tid)
        self.thread.stop_pc = self.thread.pc
        self.stopped(event, self.thread)
        return event

    # --- ending ------------------------------------------------------------------------------

    def detach(self) -> None:
        """Let the current process go on without the debugger.

        Raises CommandError for one that lives under a filter of ours: without a tracer its
        caught calls would fail.
        """
        inferior = self.live_inferior()
        self._refuse_filtered(inferior, "detach")
        self.control.settle_fork()
        self.tracer.detach(inferior)
        self._left(inferior)

    @staticmethod
    def _refuse_filtered(inferior: Inferior, what: str) -> None:
        if inferior.filtered:
            raise CommandError(
                f"Cannot {what}: process {inferior.pid} lives under the seccomp filter that found "
                "its caught system calls, and these would fail without a debugger.  "
                'Use "set syscall-filter off" before "run" to be able to.'
            )

    def kill(self) -> None:
        """Kill the current process."""
        inferior = self.live_inferior()
        self.control.settle_fork()
        self.tracer.kill(inferior)
        self._left(inferior)

    def _left(self, inferior: Inferior) -> None:
        for point in self.points.breakpoints():
            for location in point.locations:
                location.planted = False
        self._switch_after(inferior)

    def _switch_after(self, inferior: Inferior) -> None:
        others = [i for i in self.inferiors if i is not inferior]
        self.inferior = others[0] if others else None
        self.thread = others[0].leader if others else None
        if self.inferior is None and self.terminal is not None:
            self.terminal.close()
        self.changed()
        self.points.process_gone()
        self.points.modules_changed(self.inferior)

    def close(self) -> None:
        """Kill every launched process and let every attached one go; for the end of a session.

        Safe at any moment, also after an error in the midst of something else.
        """
        self.control.loop_running = False
        for inferior in list(self.tracer.inferiors.values()):
            try:
                if inferior.launched:
                    self.tracer.kill(inferior)
                else:
                    self.tracer.stop_all([inferior])
                    self.tracer.detach(inferior)
            except DebuggerError:
                continue  # It is gone.
        self.inferior = self.thread = None
        if self.terminal is not None:
            self.terminal.close()
        self.control.placement.leave()
        self.changed()

    # --- running -----------------------------------------------------------------------------

    def _go(self, plan: Plan | None = None) -> Event:
        with interruptible(self.interrupt, own_sigint=self.own_sigint):
            return self.control.go(plan)

    def _thread(self) -> Thread:
        self.live_inferior()
        assert self.thread is not None
        return self.thread

    def cont(self, count: int = 1) -> Event:
        """Run to the next stop; ``count`` passes the current breakpoint that often less one."""
        self.live_inferior()
        if count > 1 and isinstance(self.last_event, BreakpointHit):
            point = self.points.by_number.get(self.last_event.numbers[0])
            if point is not None:
                point.ignore_count = count - 1
        return self._go()

    def stepi(self, count: int = 1) -> Event:
        """Step instructions, into calls."""
        return self._go(StepInsn(self._thread(), max(count, 1)))

    def nexti(self, count: int = 1) -> Event:
        """Step instructions, over calls."""
        return self._go(NextInsn(self._thread(), max(count, 1)))

    def step_to(self, what: str) -> Event:
        """Run to the next "syscall", or step to the next "call", "ret" or "jump"."""
        thread = self._thread()
        return self._go(StepToSyscall(thread) if what == "syscall" else StepTo(thread, what))

    def finish(self) -> Event:
        """Run until the selected frame has returned."""
        thread = self._thread()
        caller, frame = self._caller()
        if caller is None or frame.cfa is None:
            raise CommandError('"finish" not meaningful in the outermost frame.')
        return self._go(Finish(thread, caller.addr, frame.cfa))

    def _caller(self) -> tuple[Frame | None, Frame]:
        frame = self.frame
        if frame is None:
            raise CommandError("No frame selected.")
        frames = self._walk(frame.level + 2)
        caller = frames[frame.level + 1] if len(frames) > frame.level + 1 else None
        return caller, frame

    def until(self, spec: str) -> Event:
        """Run to a location, or until the current frame returns."""
        return self._run_to("until", spec)

    def advance(self, spec: str) -> Event:
        """Run to a location, or until the current frame returns."""
        return self._run_to("advance", spec)

    def _run_to(self, name: str, spec: str) -> Event:
        thread = self._thread()
        addrs = [place.addr for place in self._places(spec) if place.addr is not None]
        caller, frame = self._caller()
        plan = RunTo(
            thread,
            name,
            addrs,
            caller=caller.addr if caller is not None else None,
            cfa=frame.cfa,
        )
        return self._go(plan)

    def _places(self, spec: str) -> list[Resolved]:
        places = self.points.resolve(parse(spec))
        if not places:
            raise LocationError(f'Function "{spec}" not defined.')
        return places

    def jump(self, spec: str) -> Event:
        """Go on at another place, without touching the stack."""
        thread = self._thread()
        places = self._places(spec)
        if len(places) > 1:
            raise CommandError(f"Unreasonable jump request: {spec} is {len(places)} places.")
        addr = places[0].addr
        assert addr is not None
        self.regs[self.arch.pc] = addr
        thread.stop_pc = None  # A breakpoint at the place is hit.
        return self._go()

    def signal(self, signo: int) -> Event:
        """Go on with a signal delivered, or with 0 without the one that stopped the thread."""
        self._thread().signal = signo
        return self._go()

    def interrupt(self) -> None:
        """Stop the running program as soon as possible; callable from a signal handler."""
        self.control.interrupt()

    def call(self, addr: int, args: Sequence[int] = ()) -> int:
        """Call a function of the program in the selected thread and return its result, raw.

        Raises CommandError if something stops the program inside the call; the program then
        stays where that happened.
        """
        thread = self._thread()
        inferior = self.live_inferior()
        landing = inferior.auxv.get(_AT_ENTRY, 0)
        plan = CallFunction(thread, addr, args, landing)
        previous, current = self.last_event, thread.stop_pc
        event = self._go(plan)
        if isinstance(event, StepDone) and event.plan == "call":
            self.last_event = previous
            thread.stop_pc = current
            return plan.result
        if isinstance(event, Exited | Killed):
            raise CommandError("The program being debugged exited while in a function called.")
        raise CommandError(
            "The program being debugged stopped while in a function called from the debugger."
        )

    # --- what the loop tells -----------------------------------------------------------------

    def stopped(self, event: Event, thread: Thread | None) -> None:
        """Note a stop that is told to the user."""
        self.last_event = event
        if isinstance(event, SyscallCaught):
            self.current_syscall = event
        if thread is not None:
            if thread.inferior is not self.inferior:
                self._select_inferior(thread.inferior)
            self.thread = thread
        self.changed()

    def changed(self) -> None:
        """Forget what was worked out of registers and memory: they are not what they were."""
        self._frames = None
        self._frames_complete = False
        self._level = 0
        if self.thread is not None and (self.thread.gone or self.thread.zombie):
            living = self.inferior is not None and not self.inferior.dead
            self.thread = self.inferior.leader if living and self.inferior else None

    def gone(self, inferior: Inferior, event: Event) -> None:
        """Note the end of a process."""
        from pydbg.expr.types import data_model
        from pydbg.expr.values import from_number

        model = data_model(inferior.arch.pointer_size)
        for name in ("_exitcode", "_exitsignal"):
            self.convenience.pop(name, None)
        if isinstance(event, Exited):
            self.convenience["_exitcode"] = from_number(model.int, event.code)
        elif isinstance(event, Killed):
            self.convenience["_exitsignal"] = from_number(model.int, event.signo)
        if inferior is self.inferior:
            self._left(inferior)

    def modules_changed(self, thread: Thread) -> Event | None:
        """Follow the dynamic loader; an event if a library that came or went is caught."""
        inferior = thread.inferior
        loaded, unloaded = inferior.loader.sync()
        if not loaded and not unloaded:
            return None
        if inferior is self.inferior:
            self.points.modules_changed(inferior)
        event: Event | None = None
        if loaded:
            self.notify(ModuleLoaded(inferior.pid, thread.tid, loaded))
            event = self.catches.event(thread, "load", loaded)
        if unloaded:
            self.notify(ModuleUnloaded(inferior.pid, thread.tid, unloaded))
            event = event or self.catches.event(thread, "unload", unloaded)
        return event

    def program_replaced(self, inferior: Inferior) -> None:
        """Follow an exec: other files, other addresses, the same breakpoints."""
        if inferior is self.inferior:
            self.program, self.arch = inferior.path, inferior.arch
            self.points.process_gone()
        self._start_loader(inferior, inferior.path)
        if inferior is self.inferior:
            self._refresh_static()
            self.points.modules_changed(inferior)

    def adopt(self, inferior: Inferior) -> None:
        """Keep a forked child, stopped (``detach-on-fork off``)."""
        parent = self.inferior
        inferior.modules = parent.modules if parent is not None else ModuleList()
        inferior.loader = Loader(inferior, self._files, inferior.path)

    def follow(self, parent: Inferior, child: Inferior, kind: str, *, detach: bool) -> None:
        """Go on with a forked child instead of its parent (``follow-fork-mode child``)."""
        child.modules, child.loader = parent.modules, Loader(child, self._files, parent.path)
        pid, tid = parent.pid, parent.leader.tid
        if detach:
            if parent.filtered or child.shares_memory_with is not None:
                parent.silent = True
            else:
                self.tracer.stop_all([parent])
                self.tracer.detach(parent)
        self.notify(FollowedChild(pid, tid, child.pid, kind))
        self.inferior, self.thread = child, child.leader
        self.points.process_gone()
        self.changed()
        child.sites.lift_all()
        child.sites.forget()
        child.loader.start()
        child.loader.sync()
        self.points.modules_changed(child)

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
        """Stop at a fork, vfork, clone, exec, exit, signal, load or unload."""
        return self.catches.create(
            kind, args, condition=condition, temporary=temporary, callback=callback
        )

    def delete(self, number: int) -> None:
        """Delete a breakpoint or catchpoint."""
        self.points.delete(number)

    # --- state -------------------------------------------------------------------------------

    @property
    def regs(self) -> RegisterView:
        """Return the registers of the selected frame."""
        return RegisterView(self)

    @property
    def memory(self) -> MemoryView:
        """Return the memory of the current process."""
        return MemoryView(self)

    @property
    def threads(self) -> list[Thread]:
        """Return the threads of the current process, by number."""
        if self.inferior is None:
            return []
        living = [t for t in self.inferior.threads.values() if not t.zombie]
        return sorted(living, key=lambda t: t.number)

    def select_thread(self, number: int) -> Thread:
        """Make a thread the current one; raises CommandError for an unknown number."""
        for thread in self.threads:
            if thread.number == number:
                self.thread = thread
                self.changed()
                return thread
        raise CommandError(f"Unknown thread {number}.")

    def select_inferior(self, number: int) -> Inferior:
        """Make a process the current one."""
        for inferior in self.inferiors:
            if inferior.number == number:
                self._select_inferior(inferior)
                return inferior
        raise CommandError(f"Inferior ID {number} not known.")

    def _select_inferior(self, inferior: Inferior) -> None:
        if inferior is self.inferior:
            return
        self.inferior, self.thread = inferior, inferior.leader
        self.arch = inferior.arch
        for point in self.points.breakpoints():
            for location in point.locations:
                location.planted = False
        self.changed()
        self.points.modules_changed(inferior)

    # --- frames ------------------------------------------------------------------------------

    @property
    def frame(self) -> Frame | None:
        """Return the selected frame, the innermost one unless another was chosen."""
        if self.thread is None:
            return None
        frames = self._walk(self._level + 1)
        if not frames:
            return None
        return frames[min(self._level, len(frames) - 1)]

    def select_frame(self, level: int) -> Frame:
        """Select a frame by level; raises CommandError if the stack is not that deep."""
        self.live_inferior()
        frames = self._walk(level + 1)
        if not 0 <= level < len(frames):
            raise CommandError(f"No frame at level {level}.")
        self._level = level
        return frames[level]

    def frames(self, limit: int | None = None) -> list[Frame]:
        """Return the frames of the current thread, innermost first, at most ``limit``.

        The stack ends at main, as in gdb, or where it cannot be followed any more;
        ``stack_problem`` then says why.
        """
        self.live_inferior()
        frames = self._walk(limit if limit is not None else _FRAMES_AHEAD)
        return list(frames if limit is None else frames[:limit])

    def _walk(self, count: int) -> list[Frame]:
        if self._frames is None:
            self._frames, self._frames_complete = [], False
            assert self.thread is not None
            self._frame_source = self._frames_of(self.thread)
        while len(self._frames) < count and not self._frames_complete:
            try:
                self._frames.append(next(self._frame_source))
            except StopIteration:
                self._frames_complete = True
        return self._frames

    def _frames_of(self, thread: Thread) -> Iterator[Frame]:
        from pydbg.target.unwind import unwind

        self.stack_problem = None
        inferior = thread.inferior
        block = thread.registers
        registers = {
            number: block.get(register.name)
            for number, register in inferior.arch.by_dwarf.items()
            if register.where == "gpr"
        }
        registers[inferior.arch.return_column] = thread.pc
        unwinding = unwind(
            registers,
            read=inferior.read,
            modules=inferior.modules,
            arch=inferior.arch,
            limit=_FRAMES_AHEAD,
        )
        for raw in unwinding:
            frame = Frame(thread, raw)
            yield frame
            if _is_main(frame):
                return
        self.stack_problem = unwinding.stop_reason

    # --- expressions -------------------------------------------------------------------------

    def context(self) -> ProgramContext:
        """Return what expressions see now: the selected thread and frame."""
        frame = self.frame if self._level else None
        return ProgramContext(self, self.thread, frame)

    def context_of(self, thread: Thread, names: Mapping[str, int] | None = None) -> ProgramContext:
        """Return what a condition sees in a thread that was just hit."""
        self.asking = thread
        return ProgramContext(self, thread, None, names)

    def evaluate(self, text: str) -> Value:
        """Evaluate an expression; raises ExprError with the column of a mistake."""
        from pydbg.expr.evaluate import evaluate_text

        return evaluate_text(text, self.context())

    def eval(self, text: str) -> Value:
        """Evaluate an expression in the selected frame.

        >>> Debugger().eval("6 * 7").number()
        42
        """
        return self.evaluate(text)

    def convenience_value(self, name: str, thread: Thread | None) -> Value | None:
        """Return a convenience variable, or a value that is made up when it is asked for."""
        found = self.convenience.get(name)
        if found is not None:
            return found
        from pydbg.expr.types import data_model
        from pydbg.expr.values import from_number

        model = data_model(self.arch.pointer_size)
        number: int | None = None
        if name == "bpnum":
            number = self.points.last_number or None
        elif name == "_thread":
            number = thread.number if thread is not None else 0
        elif name == "_inferior":
            number = self.inferior.number if self.inferior is not None else 1
        elif name == "_hit_bpnum" and isinstance(self.last_event, BreakpointHit):
            number = self.last_event.numbers[0]
        elif name == "_siginfo" and thread is not None:
            from pydbg.expr.siginfo import siginfo_value
            from pydbg.linux import ptrace

            return siginfo_value(ptrace.getsiginfo(thread.tid), self.arch.pointer_size)
        return None if number is None else from_number(model.int, number)

    # --- symbols and code --------------------------------------------------------------------

    def resolve(self, spec: str) -> list[Resolved]:
        """Return the places that a location spec means."""
        return self._places(spec)

    def functions_named(self, name: str) -> list[tuple[Symbol, int]]:
        """Return the functions of a name with their run-time addresses."""
        return [(s, m.addr_of(s)) for m, s in self.modules.breakable(name)]

    def symbolize(self, addr: int) -> str | None:
        """Return ``<main+4>`` for an address inside a symbol, else None."""
        module = self.modules.at(addr)
        label = module.label_at(addr) if module is not None else None
        if label is None:
            return None
        from pydbg.symbols.demangle import demangle

        name, offset = demangle(label[0]), label[1]
        return f"<{name}+{offset}>" if offset else f"<{name}>"

    def disassemble(
        self, start: int, end: int | None = None, *, count: int | None = None
    ) -> list[Insn]:
        """Decode instructions from ``start`` to ``end`` (exclusive), or ``count`` of them."""
        from pydbg.arch.disasm import disassemble

        size = end - start if end is not None else (count or 1) * self.arch.max_insn
        context = self.context()
        try:
            code = context.read(start, size)
        except DebuggerError:
            inferior = self.inferior
            code = inferior.read_some(start, size) if inferior is not None else b""
            if not code:
                raise
        flavor = str(self.settings["disassembly-flavor"])
        return disassemble(
            code, start, arch=self.arch, flavor=flavor, symbolize=self.symbolize, count=count
        )


def _is_main(frame: Frame) -> bool:
    if frame.module is None or not frame.module.is_main or frame.is_signal_frame:
        return False
    return frame.function in ("main", "main.main")


def _same_file(first: str, second: str) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False


def _arch_of(path: str) -> Arch:
    elf = ElfFile(path)
    return arch_for(elf.machine, elf.bits // 32, path)


def launch(
    program: str,
    *args: str,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: str | int | None = None,
    stdout: str | int | None = None,
    stderr: str | int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Debugger:
    """Start a program and return its debugger; it is stopped before its first instruction.

    ``stdin``, ``stdout`` and ``stderr`` are paths or open descriptors. Raises FileError or
    LaunchError.

    >>> import pydbg
    >>> with pydbg.launch("/bin/sh", "-c", "exit 3") as dbg:
    ...     dbg.cont().code
    3
    """
    dbg = Debugger(program, args)
    if env is not None:
        dbg.environment = dict(env)
    dbg.cwd, dbg.stdin, dbg.stdout, dbg.stderr = cwd, stdin, stdout, stderr
    for name, value in (settings or {}).items():
        dbg.settings.set(name, value)
    try:
        dbg.run(stop="entry")
    except BaseException:
        dbg.close()
        raise
    return dbg


def attach(pid: int) -> Debugger:
    """Take over a running process and return its debugger; it is stopped.

    Leaving the ``with`` block lets the process go on.
    """
    dbg = Debugger()
    try:
        dbg.attach(pid)
    except BaseException:
        dbg.close()
        raise
    return dbg


__all__ = ["STOP", "Debugger", "attach", "launch"]
