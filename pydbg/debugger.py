"""The debugger: one object that joins program, process, breakpoints, state and events.

Front ends and scripts are clients of ``Debugger`` and of nothing below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydbg.arch import X86_64
from pydbg.breakpoints import Breakpoint, Catchpoint
from pydbg.calllog import CallLog
from pydbg.catches import Catches
from pydbg.control import RunControl
from pydbg.denials import Denials
from pydbg.errors import LocationError
from pydbg.events import Event, Started, SyscallCaught, WatchpointTriggered
from pydbg.pointset import PointSet
from pydbg.running import Running
from pydbg.seccomp.guard import Guard
from pydbg.settings import Settings
from pydbg.signaltable import SignalTable
from pydbg.steps import Steps
from pydbg.tampers import Tampers
from pydbg.target.thread import Thread
from pydbg.watchpoints import Watchpoint

if TYPE_CHECKING:
    from pydbg.expr.values import Value


class _Stop:
    """Be the answer of a callback that wants the program to stop."""

    def __repr__(self) -> str:
        return "pydbg.STOP"


STOP = _Stop()
_AT_ENTRY = 9


class Debugger(Running):
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
        self.quiet: Callable[[Any, Thread], bool] | None = None
        """Asked at a hit of a point with commands: True if they were run and it may go on."""
        for name in ("backtrace limit", "backtrace past-main", "backtrace past-entry"):
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
