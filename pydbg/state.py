"""What of a stopped program is looked at: processes, threads, frames, registers, memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, cast

from pydbg.access import RegisterView
from pydbg.arch.model import Arch
from pydbg.errors import CommandError, NoProcess
from pydbg.events import Event
from pydbg.frames import Frame, frames_of
from pydbg.settings import Settings
from pydbg.symbols.modules import ModuleList
from pydbg.target.inferior import Inferior
from pydbg.target.thread import Thread as Tracee
from pydbg.target.tracer import Tracer
from pydbg.threads import Thread

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.golang.goroutines import Goroutine, Goroutines
    from pydbg.pointset import PointSet
    from pydbg.steps import Steps
    from pydbg.target.tailcalls import TailCalls
    from pydbg.target.unwind import RawFrame

_FRAMES_AHEAD = 100_000


class ProgramState:
    """Be the part of the debugger that knows what is selected; ``Debugger`` is the whole."""

    settings: Settings
    arch: Arch
    tracer: Tracer
    points: PointSet
    steps: Steps
    inferior: Inferior | None
    last_event: Event | None

    def __init__(self) -> None:
        self.stack_problem: str | None = None
        """Why the last backtrace ended early, in gdb's words."""
        self._selected: Thread | None = None
        self._static = ModuleList()
        self._frames: list[Frame] | None = None
        self._frames_complete = False
        self._frame_source: Iterator[Frame] = iter(())
        self._level = 0
        self._tail_calls: TailCalls | None = None
        self._goroutines: Goroutines | None = None
        self._parked: Goroutine | None = None

    @property
    def modules(self) -> ModuleList:
        """Return the loaded modules; before the program runs, its file at link addresses.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     [module.path.rpartition("/")[2] for module in dbg.modules][:1]
        ['true']
        """
        if self.inferior is not None and self.inferior.modules is not None:
            modules: ModuleList = self.inferior.modules
            return modules
        return self._static

    @property
    def inferiors(self) -> list[Inferior]:
        """Return the live processes that the user sees, by number.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     [inferior.number for inferior in dbg.inferiors]
        [1]
        """
        visible = [i for i in self.tracer.inferiors.values() if not i.silent]
        return sorted(visible, key=lambda i: i.number)

    def live_inferior(self) -> Inferior:
        """Return the current process; raises NoProcess if there is none."""
        if self.inferior is None or self.thread is None:
            raise NoProcess
        return self.inferior

    @property
    def process(self) -> Inferior | None:
        """Return the current process; None without one, and where a core is looked at.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.process is dbg.inferior
        True
        """
        inferior = self.inferior
        return inferior if inferior is not None and inferior.can_run else None

    def live_process(self) -> Inferior:
        """Return the current process; raises NoProcess without one, also for a core.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.live_process() is dbg.inferior
        True
        """
        if self.process is None:
            raise NoProcess
        return self.live_inferior()

    def written(self) -> None:
        """Forget the stack as it was before a register or memory was changed; keep the level."""
        level, parked = self._level, self._parked
        self.changed()
        self._level, self._parked = level, parked

    def changed(self) -> None:
        """Forget what was worked out of registers and memory: they are not what they were."""
        for frame in self._frames or ():
            frame.kept_scope = None  # It knows its frame: neither would be freed at once.
        self._frames = None
        self._frame_source = iter(())
        self._frames_complete = False
        self._level = 0
        self._parked = None
        if self.thread is not None and (self.thread.gone or self.thread.zombie):
            living = self.inferior is not None and not self.inferior.dead
            self.thread = self.inferior.leader if living and self.inferior else None

    # --- state -------------------------------------------------------------------------------

    @property
    def thread(self) -> Thread | None:
        """Return the selected thread, None without a process.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.thread.number, dbg.thread.tid == dbg.inferior.pid
        (1, True)
        """
        return self._selected

    @thread.setter
    def thread(self, thread: Tracee | None) -> None:
        # Every tracee of ours was made as a Thread (the tracer is given the class).
        self._selected = cast("Thread | None", thread)

    @property
    def regs(self) -> RegisterView:
        """Return the registers of the selected frame.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.regs.rax = 7
        ...     dbg.regs.eax + 1
        8
        """
        return RegisterView(self)

    @property
    def threads(self) -> list[Thread]:
        """Return the threads of the current process, by number.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     [(thread.number, thread.name) for thread in dbg.threads]
        [(1, 'true')]
        """
        if self.inferior is None:
            return []
        living = [t for t in self.inferior.threads.values() if not t.zombie]
        return cast("list[Thread]", sorted(living, key=lambda t: t.number))

    def select_thread(self, number: int) -> Thread:
        """Make a thread the current one; raises CommandError for an unknown number.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.select_thread(1) is dbg.thread
        True
        """
        for thread in self.threads:
            if thread.number == number:
                self.thread = thread
                self.changed()
                return thread
        raise CommandError(f"Unknown thread {number}.")

    def look_at(self, thread: Tracee) -> None:
        """Select a thread of any process for a moment: breakpoints stay where they are planted.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.look_at(dbg.threads[0])
        ...     dbg.thread.number
        1
        """
        self.inferior, self.arch = thread.inferior, thread.inferior.arch
        self.thread = thread
        self.changed()

    def select_inferior(self, number: int) -> Inferior:
        """Make a process the current one.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.select_inferior(1) is dbg.inferior
        True
        """
        current = self.inferior
        if current is not None and current.number == number:
            return current  # Also the one of a core.
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
        for point in self.points.located():
            for location in point.locations:
                location.planted = False
        self.changed()
        self.points.modules_changed(inferior)

    # --- frames ------------------------------------------------------------------------------

    @property
    def frame(self) -> Frame | None:
        """Return the selected frame, the innermost one unless another was chosen.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.frame.level, dbg.frame.function
        (0, '_start')
        """
        if self.thread is None:
            return None
        frames = self._walk(self._level + 1)
        if not frames:
            return None
        return frames[min(self._level, len(frames) - 1)]

    @property
    def outer_frame(self) -> Frame | None:
        """Return the selected frame if it is not the innermost, whose registers the thread has."""
        return self.frame if self._level or self._parked is not None else None

    def select_frame(self, level: int) -> Frame:
        """Select a frame by level; raises CommandError if the stack is not that deep.

        >>> import pydbg
        >>> with pydbg.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:
        ...     point = dbg.break_at("write", pending=True)
        ...     event = dbg.cont()
        ...     frame = dbg.select_frame(1)
        ...     dbg.regs.rip == frame.addr
        True
        """
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

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     event = dbg.run(stop="main")
        ...     [frame.level for frame in dbg.frames(2)]
        [0, 1]
        """
        self.live_inferior()
        frames = self._walk(limit if limit is not None else _FRAMES_AHEAD)
        return list(frames if limit is None else frames[:limit])

    def _walk(self, count: int) -> list[Frame]:
        if self._frames is None:
            self._frames, self._frames_complete = [], False
            assert self.thread is not None
            self._frame_source = self._frames_of(self.thread, self._parked)
        while len(self._frames) < count and not self._frames_complete:
            try:
                self._frames.append(next(self._frame_source))
            except StopIteration:
                self._frames_complete = True
        return self._frames

    def frames_of(self, thread: Thread, limit: int | None = None) -> list[Frame]:
        """Return the frames of a thread that need not be the selected one.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     [frame.function for frame in dbg.frames_of(dbg.threads[0], 1)]
        ['_start']
        """
        problem = self.stack_problem
        try:
            return list(islice(self._frames_of(thread), limit))
        finally:
            self.stack_problem = problem

    def _frames_of(self, thread: Thread, parked: Goroutine | None = None) -> Iterator[Frame]:
        from pydbg.callframes import Walk

        self.stack_problem = None
        inferior = thread.inferior
        if parked is None:
            unwinding = Walk(thread, _FRAMES_AHEAD)
        else:
            unwinding = Walk(thread, _FRAMES_AHEAD, parked.registers, parked.start)

        entered = self.steps.entered(thread)
        past_main = self.settings.flag("backtrace past-main")
        past_entry = self.settings.flag("backtrace past-entry")
        limit = self.settings.limit("backtrace limit") or _FRAMES_AHEAD
        inner: Frame | None = None
        callee: RawFrame | None = None
        for real in unwinding:
            raws = [real]
            if callee is not None and "call" not in (callee.how, real.how):
                column = inferior.arch.return_column
                raws = [*self._calls_between(inferior.modules).between(callee, real, column), real]
            callee = real
            for raw in raws:
                for frame in frames_of(thread, raw, inner, entered):
                    yield frame
                    if (
                        frame.level + 1 >= limit
                        or (_is_main(frame) and not past_main)
                        or (_is_entry(frame) and not past_entry)
                    ):
                        # Whether the stack is whole shows in what would come next.
                        next(unwinding, None)
                        self.stack_problem = unwinding.stop_reason
                        return
                    inner = frame
        self.stack_problem = unwinding.stop_reason

    def _calls_between(self, modules: ModuleList) -> TailCalls:
        """Return what finds tail calls, kept until a module is loaded or unloaded."""
        known = self._tail_calls
        if known is None or not known.serves(modules):
            from pydbg.target.tailcalls import TailCalls

            known = self._tail_calls = TailCalls(modules)
        return known

    @property
    def _whole(self) -> Debugger:
        """Return this object as what it is at run time."""
        return cast("Debugger", self)

    def frames_of_thread(self, thread: Thread, limit: int) -> list[Frame]:
        """Return the innermost frames of a thread; those of the selected one are kept.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.frames_of_thread(dbg.thread, 1)[0] is dbg.frame
        True
        """
        if thread is self.thread:
            return list(self._walk(limit)[:limit])
        return self.frames_of(thread, limit)

    def innermost_of(self, thread: Tracee) -> Frame | None:
        """Return the innermost frame of a thread, None if it has no registers now."""
        asked = cast("Thread", thread)
        # While the program runs, the frames that are kept are those of the last stop.
        running = self._whole.control.loop_running
        found = self.frames_of(asked, 1) if running else self.frames_of_thread(asked, 1)
        return found[0] if found else None

    @property
    def goroutines(self) -> Goroutines:
        """Return what knows the goroutines of a Go program."""
        if self._goroutines is None:
            from pydbg.golang.goroutines import Goroutines

            self._goroutines = Goroutines(self._whole)
        return self._goroutines

    @property
    def parked(self) -> Goroutine | None:
        """Return the goroutine whose stack is looked at although no thread runs it."""
        return self._parked

    @parked.setter
    def parked(self, goroutine: Goroutine | None) -> None:
        self.changed()  # It lasts until another thread is selected or the program runs on.
        self._parked = goroutine

    def refuse_parked(self) -> None:
        """Raise CommandError where a stack is looked at that no thread runs on."""
        if self._parked is not None:
            raise CommandError(f"Goroutine {self._parked.id} does not run on a thread now.")


def _is_entry(frame: Frame) -> bool:
    module = frame.module
    if module is None or not module.is_main or frame.is_signal_frame or frame.inline is not None:
        return False
    return frame.addr - frame.offset == module.addr(module.elf.entry)


def _is_main(frame: Frame) -> bool:
    if frame.module is None or not frame.module.is_main or frame.is_signal_frame:
        return False
    named = frame.is_main or frame.function in ("main", "main.main")
    return frame.inline is None and named
