"""How processes begin and end under the debugger, and what becomes of their children."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from pydbg.arch import arch_for
from pydbg.arch.model import Arch
from pydbg.errors import CommandError, DebuggerError, PtraceError
from pydbg.events import (
    Attached,
    CoreLoaded,
    Event,
    Exited,
    FollowedChild,
    Killed,
    ModuleLoaded,
    ModuleUnloaded,
    Note,
    SyscallCaught,
)
from pydbg.linux.spawn import LaunchSpec
from pydbg.programfile import ProgramFile
from pydbg.settings import Settings
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.modules import ModuleList
from pydbg.target.inferior import Inferior
from pydbg.target.thread import Thread as Tracee
from pydbg.target.tracer import Tracer
from pydbg.threads import Thread

if TYPE_CHECKING:
    from pydbg.calllog import CallLog
    from pydbg.catches import Catches
    from pydbg.console import Console
    from pydbg.control import RunControl
    from pydbg.debugger import Debugger
    from pydbg.seccomp.guard import Guard


class Lifecycle(ProgramFile):
    """Be the part of the debugger that starts, takes over, follows and leaves processes."""

    calllog: CallLog
    catches: Catches
    guard: Guard
    control: RunControl

    def __init__(self, args: Sequence[str], settings: Settings | None) -> None:
        super().__init__(args, settings)
        self.tracer = Tracer(_arch_of, partial(Thread, self))
        self.terminal: Console | None = None
        self.last_event = None
        self.current_syscall: SyscallCaught | None = None
        self.inferior = None
        self.thread = None
        self._numbers = 0

    def next_inferior_number(self) -> int:
        """Return a fresh inferior number."""
        self._numbers += 1
        return self._numbers

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
            new_group=self.own_group,
        )
        self._numbers = max(self._numbers, 1)
        inferior = self.tracer.launch(spec, 1)
        inferior.filtered = filtered
        try:
            self.guard.start(inferior)
        except DebuggerError:
            self.tracer.kill(inferior)  # It is not to run without what it was to run under.
            raise
        for point in self.points.by_number.values():
            point.hits = 0
        self.calllog.started()
        self._adopt_current(inferior, self.program)
        return inferior

    def _adopt_current(self, inferior: Inferior, program: str | None) -> None:
        self.arch = inferior.arch
        self.inferior = inferior
        self.thread = inferior.leader
        self._start_loader(inferior, program)
        self.changed()
        self.points.process_gone()
        self.points.modules_changed(inferior)

    def attach(self, pid: int) -> Event:
        """Stop a running process and take it over, all its threads.

        Raises PtraceError with the reason and what helps, or NoProcess.

        >>> import pydbg, subprocess
        >>> child = subprocess.Popen(["/bin/sleep", "100"])
        >>> with pydbg.Debugger() as dbg:
        ...     type(dbg.attach(child.pid)).__name__
        'Attached'
        >>> child.kill(), child.wait()
        (None, -9)
        """
        if pid in self.tracer.inferiors:
            raise CommandError(f"Already debugging process {pid}.")
        self.tracer.reap()
        if self.process is not None:
            raise CommandError("A program is being debugged already; kill or detach it first.")
        self.close_core()
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

    def _tell(self, kind: type[Event]) -> Event:
        assert self.thread is not None and self.inferior is not None
        event = kind(self.inferior.pid, self.thread.tid)
        self.thread.stop_pc = self.thread.pc
        self.stopped(event, self.thread)
        return event

    # --- cores -----------------------------------------------------------------------------

    def load_core(self, path: str) -> CoreLoaded:
        """Look at a core dump: threads, registers, memory and stacks as they were at the end.

        Without a program the one that the core names is taken. Raises FileError for a file
        that is no core.

        >>> import pydbg, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with pydbg.launch("/bin/true") as dbg:
        ...         path, pc = dbg.write_core(f"{folder}/core"), dbg.regs.rip
        ...     with pydbg.Debugger() as dbg:
        ...         event = dbg.load_core(path)
        ...         event.command, dbg.regs.rip == pc, dbg.frame.function
        ('/usr/bin/true', True, '_start')
        """
        from pydbg.corefile.opening import open_core

        return open_core(cast("Debugger", self), path)

    def adopt_core(self, inferior: Inferior) -> None:
        """Make what a core holds the current inferior (``load_core`` does).

        >>> import pydbg, tempfile
        >>> from pydbg.corefile.inferior import CoreInferior
        >>> from pydbg.corefile.notes import CoreFile
        >>> with tempfile.TemporaryDirectory() as folder, pydbg.Debugger() as other:
        ...     with pydbg.launch("/bin/true") as dbg:
        ...         path = dbg.write_core(f"{folder}/core")
        ...     other.adopt_core(CoreInferior(other, CoreFile(path)))
        ...     len(other.threads)
        1
        """
        self.arch, self.inferior, self.thread = inferior.arch, inferior, inferior.leader
        self.changed()
        self.points.process_gone()
        self.points.modules_changed(inferior)

    def close_core(self) -> bool:
        """Look at the core no more; False if there was none.

        >>> import pydbg
        >>> with pydbg.Debugger() as dbg:
        ...     dbg.close_core()
        False
        """
        core = self.inferior
        if core is None or core.can_run:
            return False
        core.close()
        self.inferior = self.thread = None
        self.changed()
        self.points.process_gone()
        self.points.modules_changed(None)
        return True

    def write_core(self, path: str | None = None) -> str:
        """Write a core dump of the current process, which goes on afterwards; return its path.

        What is in it is said by /proc/PID/coredump_filter (core(5)), as in a dump of the
        kernel's. ``path`` is ``core.PID`` unless it is given. Raises FileError.

        >>> import pydbg, tempfile
        >>> with tempfile.TemporaryDirectory() as folder, pydbg.launch("/bin/true") as dbg:
        ...     dbg.write_core(f"{folder}/core") == f"{folder}/core", dbg.cont().code
        (True, 0)
        """
        from pydbg.corefile.writing import write_core

        inferior = self.live_process()
        assert self.thread is not None
        path = path or f"core.{inferior.pid}"
        write_core(inferior, self.thread, path)
        return path

    # --- the end ---------------------------------------------------------------------------

    def detach(self) -> None:
        """Let the current process go on without the debugger.

        Raises CommandError for one that lives under a filter of ours: without a tracer its
        caught calls would fail.

        >>> import pydbg, os
        >>> with pydbg.launch("/bin/sh", "-c", "exit 6") as dbg:
        ...     pid = dbg.inferior.pid
        ...     dbg.detach()
        >>> os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        6
        """
        inferior = self.live_process()
        self._refuse_filtered(inferior, "detach")
        self.control.settle_fork()
        self._release_sharers(inferior)
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

    def _release_sharers(self, inferior: Inferior) -> None:
        """Let vfork children go that were only kept for the int3s in their parent's memory."""
        for child in list(self.tracer.inferiors.values()):
            if child.silent and child.shares_memory_with is inferior:
                self.tracer.stop_all([child])
                if not child.dead:
                    self.tracer.detach(child)

    def kill(self) -> None:
        """Kill the current process.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.kill()
        ...     dbg.inferior is None
        True
        """
        inferior = self.live_process()
        self.control.settle_fork()
        self.tracer.kill(inferior)
        self._left(inferior)

    def _left(self, inferior: Inferior) -> None:
        self.calllog.left(inferior)
        main = inferior.modules.main
        if main is not None:
            # As in gdb, program and loader stay where they were: they can still be looked at.
            own = (main.path, main.elf.interp)
            kept = [m for m in inferior.modules if m.path in own or m.path.startswith("[")]
            self._static = ModuleList(kept)
        for point in self.points.located():
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

        >>> import pydbg
        >>> dbg = pydbg.launch("/bin/true")
        >>> dbg.close()
        >>> dbg.inferiors
        []
        """
        self.control.loop_running = False
        try:
            self.control.settle_fork()
        except DebuggerError:
            pass  # Parent or child is gone.
        for inferior in list(self.tracer.inferiors.values()):
            try:
                if inferior.launched:
                    self.tracer.kill(inferior)
                else:
                    self.tracer.stop_all([inferior])
                    self.tracer.detach(inferior)
            except DebuggerError:
                continue  # It is gone.
        self.tracer.reap()
        if self.inferior is not None and not self.inferior.can_run:
            self.inferior.close()
        self.inferior = self.thread = None
        if self.terminal is not None:
            self.terminal.close()
        self.control.placement.leave()
        self.files.index_big_files()
        self.changed()

    # --- what the run loop tells -----------------------------------------------------------

    def stopped(self, event: Event, thread: Tracee | None) -> None:
        """Note a stop that is told to the user."""
        self.last_event = event
        self.calllog.pause(event)
        if isinstance(event, SyscallCaught):
            self.current_syscall = event
        if thread is not None:
            if thread.inferior is not self.inferior:
                self._select_inferior(thread.inferior)
            self.thread = thread
        self.changed()

    def gone(self, inferior: Inferior, event: Event) -> None:
        """Note the end of a process."""
        from pydbg.expr.types import data_model
        from pydbg.expr.values import from_number

        if all(one is inferior for one in self.inferiors):
            self._tell_unfired(inferior)
        model = data_model(inferior.arch.pointer_size)
        for name in ("_exitcode", "_exitsignal"):
            self.convenience.pop(name, None)
        if isinstance(event, Exited):
            self.convenience["_exitcode"] = from_number(model.int, event.code)
        elif isinstance(event, Killed):
            self.convenience["_exitsignal"] = from_number(model.int, event.signo)
        if inferior is self.inferior:
            self._left(inferior)

    def _tell_unfired(self, inferior: Inferior) -> None:
        """Name the system calls that were to be caught and were not made."""
        from pydbg.unfired import unfired

        for text in unfired(cast("Debugger", self)):
            self.notify(Note(inferior.pid, inferior.pid, text))

    def modules_changed(self, thread: Tracee) -> Event | None:
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

    def adopt(self, parent: Inferior, child: Inferior) -> None:
        """Keep a forked child, stopped (``detach-on-fork off``)."""
        if child.shares_memory_with is not None:
            # Its parent's int3s are its own until it execs, and so is the loader's site.
            child.modules, child.loader = parent.modules, parent.loader
            return
        child.sites.lift_all()
        child.sites.forget()
        self._start_loader(child, parent.path)
        child.loader.sync()

    def follow(self, parent: Inferior, child: Inferior, kind: str, *, detach: bool) -> None:
        """Go on with a forked child instead of its parent (``follow-fork-mode child``)."""
        self.adopt(parent, child)
        shares = child.shares_memory_with is not None
        tid = parent.leader.tid
        if detach:
            if parent.filtered or shares:
                parent.silent = True
                parent.release_after_vfork = shares and not parent.filtered
            else:
                self.tracer.stop_all([parent])
                self.tracer.leave(parent)
        self.notify(FollowedChild(parent.pid, tid, child.pid, kind))
        self.inferior, self.thread = child, child.leader
        if not shares:
            self.points.process_gone()
        self.changed()
        self.points.modules_changed(child)


def _same_file(first: str, second: str) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False


def _arch_of(path: str) -> Arch:
    elf = ElfFile(path)
    return arch_for(elf.machine, elf.bits // 32, path)
