"""Resuming one thread: with its signal, off the breakpoint it stands on, as its plan wants."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, PtraceError, ThreadGone
from pydbg.events import Event
from pydbg.handlers import EnterHandler, PassHandler, has_handler, postpone
from pydbg.linux import ptrace
from pydbg.rawstops import RawStop, SignalStop
from pydbg.stepping import Plan, plan_of

if TYPE_CHECKING:
    from pydbg.control import RunControl
    from pydbg.target.inferior import Inferior
    from pydbg.target.sites import Site
    from pydbg.target.thread import Thread

__all__ = ["Resumer"]

_SIGTRAP = 5


class Resumer:
    """Resume threads for the run loop."""

    def __init__(self, control: RunControl) -> None:
        self._control = control
        self._dbg = control.dbg
        self._tracer = control.tracer

    def resume(self, thread: Thread) -> Event | None:
        """Resume one thread, off its site if it stands on one; an event may come of that."""
        if thread.pending is not None:
            stop, thread.pending = thread.pending, None
            event = self._control.handle(thread, stop)
            if event is not None or thread.running:
                return event
        if thread.group_stop and not thread.signal:
            self._listen(thread)
            return None
        try:
            return self._resume_stopped(thread)
        except ThreadGone:
            thread.running = True  # Its exit is waited for.
            return None

    def _resume_stopped(self, thread: Thread) -> Event | None:
        plan = plan_of(thread)
        request = plan.request() if plan is not None else ptrace.CONT
        tracing = self._control.request == ptrace.SYSCALL or thread.want_return
        if request == ptrace.CONT and tracing and self._control.children.asked(thread.inferior):
            request = ptrace.SYSCALL
        sites = thread.inferior.sites
        site = sites.at(thread.pc) if sites.by_addr else None
        if site is not None and site.addr != thread.stop_pc:
            site = None
        by_steps = self._dbg.points.watches.steps.request
        thread.signal, thread.owed = thread.signal or thread.owed, 0
        postponed = thread.signal and (site is not None or request == ptrace.SINGLESTEP)
        if thread.signal and not (postponed and postpone(self._dbg, thread)):
            request = self._to_handler(thread, request, site)
        elif site is not None:
            return self._leave_site(thread, site, by_steps(thread, request))
        elif sites.by_addr:
            thread.pass_restart()
        self._tracer.resume(thread, by_steps(thread, request))
        return None

    @staticmethod
    def _to_handler(thread: Thread, request: int, site: Site | None) -> int:
        """Return how to resume with a signal.

        A step goes on behind the handler, unless the signal was told: that is stepped into, as
        in gdb, its handler is what comes next. From a breakpoint the handler runs first and
        returns to it: that hit is not one.
        """
        steps = request == ptrace.SINGLESTEP
        if not steps and site is None:
            return request
        if not has_handler(thread):
            if site is not None:
                thread.skip = (site.addr, thread.sp)
            return request
        plans: list[Plan] = []
        if steps and not thread.told_signal:
            plans.append(PassHandler(thread))
            request = ptrace.CONT
        if site is not None:
            plans.append(EnterHandler(thread, tell=steps and thread.told_signal))
            request = ptrace.SINGLESTEP
        for plan in plans:
            plan.begin()
            thread.plans.append(plan)
        return request

    def _leave_site(self, thread: Thread, site: Site, request: int) -> Event | None:
        arch = thread.inferior.arch
        if site.original == arch.breakpoint:
            # The program's own int3 below ours: it takes its effect now.
            thread.pc = site.addr + arch.breakpoint_adjust
            return self._control.signal_arrived(thread, _SIGTRAP) or self.resume(thread)
        if not thread.owed and (request != ptrace.SINGLESTEP or site.is_call):
            slot = thread.inferior.sites.slot_for(site, thread)
            if slot is not None:
                thread.pc = slot
                self._tracer.resume(thread, request)
                return None
        return self._step_off(thread, site, request)

    def _step_off(self, thread: Thread, site: Site, request: int) -> Event | None:
        """Lift the site, step, plant it again, with all others held meanwhile."""
        sharing = self._sharing_memory(thread.inferior)
        held = [t for i in sharing for t in i.threads.values() if t.running and not t.zombie]
        if held:
            self._tracer.stop_all(sharing, all_of=False)
        sites = thread.inferior.sites
        sites.lift(site)
        try:
            stepped, stop = self._tracer.step_alone(thread)
        finally:
            if not thread.inferior.dead and site.owners:
                try:
                    sites.plant(site)
                except DebuggerError:
                    pass  # Unmapped by the step itself.
        event = self._stepped_off(stepped, site, request, stop)
        if event is None:
            self._control.release(held)
        return event

    def _stepped_off(self, thread: Thread, site: Site, request: int, stop: RawStop) -> Event | None:
        if not isinstance(stop, SignalStop) or stop.signo != _SIGTRAP:
            if not thread.gone and thread.pc == site.addr:
                thread.stop_pc = site.addr  # Stopped before the step: the hit was told already.
            return self._control.handle(thread, stop) or self._control.go_on(thread)
        if request == ptrace.SINGLESTEP or not self._control.traps.is_plain_step(thread):
            return self._control.handle(thread, stop) or self._control.go_on(thread)
        if thread.inferior.debug_registers.in_use:
            # The step off the site touched watched memory: its si_code is a step's.
            event, _ = self._control.traps.hardware(thread)
            if event is not None:
                return event
        if self._control.interrupt_requested and not thread.inferior.silent:
            return self._control.interrupted(thread)
        thread.signal, thread.owed = thread.signal or thread.owed, 0
        self._tracer.resume(thread, request)
        return None

    def _sharing_memory(self, inferior: Inferior) -> list[Inferior]:
        return [i for i in self._tracer.inferiors.values() if i.sites is inferior.sites]

    def _listen(self, thread: Thread) -> None:
        thread.running = True
        try:
            ptrace.listen(thread.tid)
        except ThreadGone:
            return
        except PtraceError as error:
            # Killed in its group-stop, it stands in its exit stop by now, which is waited for.
            if error.errno != errno.EIO:
                raise
