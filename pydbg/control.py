"""The run loop: raw stops in, user events out.

One place decides what every stop means. A stop that means nothing to the user is answered by
resuming the thread; one that does holds all threads, and the loop returns its event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydbg.errors import DebuggerError, ThreadGone
from pydbg.events import (
    BreakpointHit,
    ChildCreated,
    Event,
    EventStop,
    Execed,
    Exited,
    GroupStop,
    GroupStopped,
    Interrupted,
    Killed,
    RawStop,
    SeccompStop,
    SignalNoticed,
    SignalReceived,
    SignalStop,
    SyscallStop,
    ThreadCreated,
    ThreadExit,
    ThreadExited,
    ThreadKilled,
)
from pydbg.linux import ptrace
from pydbg.placement import Placement
from pydbg.stepping import PassHandler, Plan, plan_of

if TYPE_CHECKING:
    from pydbg.breakpoints import Location, Point
    from pydbg.debugger import Debugger
    from pydbg.target.inferior import Inferior
    from pydbg.target.sites import Site
    from pydbg.target.thread import Thread

_SIGTRAP, _SIGINT = 5, 2
_SI_KERNEL, _TRAP_BRKPT, _TRAP_TRACE, _TRAP_HWBKPT = 0x80, 1, 2, 4


class RunControl:
    """Resume the current process and say why it stopped."""

    def __init__(self, dbg: Debugger) -> None:
        self.dbg = dbg
        self.tracer = dbg.tracer
        self.interrupt_requested = False
        self.loop_running = False
        self._swallow_interrupt = False
        self._request = ptrace.CONT
        self._holding: Thread | None = None
        """The only thread that may run (scheduler-locking), or None for all."""
        self._late: deque[Thread] = deque()
        self._pending_fork: Callable[[], None] | None = None
        self.placement = Placement()

    # --- the loop ----------------------------------------------------------------------------

    def go(self, plan: Plan | None = None) -> Event:
        """Run the current process until something is to be told.

        ``plan`` is what the selected thread is to do. Raises CommandError if a breakpoint
        cannot be inserted; nothing has run then.
        """
        inferior = self.dbg.live_inferior()
        self._prepare(inferior)
        selected = self.dbg.thread
        assert selected is not None
        pending = self._tell_pending(inferior)
        if pending is not None:
            return self._told(pending)
        if plan is not None:
            selected.plans.append(plan)
            plan.begin()
        self._holding = self._held_for(plan, selected)
        self.loop_running = True
        try:
            with self._terminal(inferior):
                event = self._start(inferior, selected) or self._loop()
        finally:
            self.loop_running = False
            self.placement.leave()
            self._settle()
        return self._told(event)

    def _settle(self) -> None:
        """Hold everything and drop the plans, however the loop ended."""
        visible = [i for i in self.tracer.inferiors.values() if not i.silent]
        self.tracer.stop_all(visible)
        for inferior in visible:
            for thread in inferior.threads.values():
                self._drop_plans(thread)

    @staticmethod
    def _drop_plans(thread: Thread) -> None:
        while thread.plans:
            thread.plans.pop().end()

    def _told(self, event: Event) -> Event:
        self.interrupt_requested = False
        thread = self.tracer.threads.get(event.tid)
        if thread is not None and not thread.running:
            try:
                # Only this thread's stop is told: another one that happens to stand before a
                # breakpoint has its hit still to come.
                thread.stop_pc = thread.pc
            except ThreadGone:
                thread = None
        self.dbg.stopped(event, thread)
        return event

    def _held_for(self, plan: Plan | None, selected: Thread) -> Thread | None:
        mode = self.dbg.settings["scheduler-locking"]
        if mode == "on" or (mode == "step" and plan is not None and plan.name != "continue"):
            return selected
        return None

    def _start(self, inferior: Inferior, selected: Thread) -> Event | None:
        # The others first: the selected thread may have to be stepped off a site with all of
        # them held, and is resumed last so that they are not stopped again at once.
        for thread in list(inferior.threads.values()):
            if thread is not selected and self._may_run(thread):
                event = self._resume(thread)
                if event is not None:
                    return event
        if selected.gone or selected.running:
            return None
        return self._resume(selected)

    def _may_run(self, thread: Thread) -> bool:
        return (
            not thread.running
            and not thread.zombie
            and not thread.gone
            and (self._holding is None or thread is self._holding)
        )

    def _loop(self) -> Event:
        while True:
            thread, stop = self._late_stop() or self.tracer.wait()
            event = self.handle(thread, stop)
            if event is None:
                event = self._go_on(thread)
            if event is not None:
                return event

    def _release(self, held: list[Thread]) -> None:
        """Let threads run on that were held for a moment; what they stopped for comes next."""
        for thread in held:
            if thread.running or thread.gone or thread.inferior.dead:
                continue
            if thread.pending is not None:
                self._late.append(thread)
            else:
                self._resume(thread)

    def _late_stop(self) -> tuple[Thread, RawStop] | None:
        while self._late:
            thread = self._late.popleft()
            stop, thread.pending = thread.pending, None
            if stop is not None and not thread.running and not thread.gone:
                return thread, stop
        return None

    def _go_on(self, thread: Thread) -> Event | None:
        """Resume a thread whose stop was nothing to tell; the user's interrupt comes first."""
        if self.interrupt_requested and not thread.inferior.silent:
            return self._interrupted(thread)
        if thread.running or thread.gone or thread.inferior.dead:
            return None
        if not self._may_run(thread) and not thread.inferior.silent:
            return None
        self.placement.follow(thread, self.tracer.threads)
        return self._resume(thread)

    def _interrupted(self, thread: Thread) -> Event:
        self.interrupt_requested = False
        leader = thread.inferior.leader
        return Interrupted(thread.inferior.pid, leader.tid)

    # --- before anything runs ----------------------------------------------------------------

    def _prepare(self, inferior: Inferior) -> None:
        if self._pending_fork is not None:
            finish, self._pending_fork = self._pending_fork, None
            finish()
            inferior = self.dbg.live_inferior()
        self.dbg.points.insert(inferior)
        self._request = ptrace.SYSCALL if self.dbg.catches.prepare(inferior) else ptrace.CONT

    def _tell_pending(self, inferior: Inferior) -> Event | None:
        """Tell what stopped another thread while the last event was told."""
        if inferior.lost is not None:
            return self._exited(inferior)
        for thread in list(inferior.threads.values()):
            stop = thread.pending
            if stop is None or thread.running:
                continue
            thread.pending = None
            event = self.handle(thread, stop)
            if event is not None:
                return event
        return None

    @contextmanager
    def _terminal(self, inferior: Inferior) -> Iterator[None]:
        terminal = self.dbg.terminal
        if terminal is None or not inferior.launched:
            yield
            return
        with terminal.lent_to(inferior.pid):
            yield

    # --- resuming ----------------------------------------------------------------------------

    def _resume(self, thread: Thread) -> Event | None:
        """Resume one thread, off its site if it stands on one; an event may come of that."""
        if thread.pending is not None:
            stop, thread.pending = thread.pending, None
            event = self.handle(thread, stop)
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
        if request == ptrace.CONT and (self._request == ptrace.SYSCALL or thread.want_return):
            request = ptrace.SYSCALL
        sites = thread.inferior.sites
        if sites.by_addr:
            pc = thread.pc
            site = sites.at(pc)
            if site is not None and (pc == thread.stop_pc or thread.skip is not None):
                if thread.signal:
                    # The handler runs first and returns here: that hit is not one.
                    thread.skip = (pc, thread.sp)
                    if plan is not None and request == ptrace.SINGLESTEP:
                        request = ptrace.CONT
                else:
                    return self._leave_site(thread, site, request)
        if thread.signal and request == ptrace.SINGLESTEP and self._has_handler(thread):
            handler = PassHandler(thread)
            thread.plans.append(handler)
            handler.begin()
            thread.skip = None
            request = ptrace.CONT
        self.tracer.resume(thread, request)
        return None

    def _leave_site(self, thread: Thread, site: Site, request: int) -> Event | None:
        thread.skip = None
        if request != ptrace.SINGLESTEP:
            slot = thread.inferior.sites.slot_for(site, thread)
            if slot is not None:
                thread.pc = slot
                self.tracer.resume(thread, request)
                return None
        return self._step_off(thread, site, request)

    def _step_off(self, thread: Thread, site: Site, request: int) -> Event | None:
        """Lift the site, step, plant it again, with all others held meanwhile."""
        sharing = self._sharing_memory(thread.inferior)
        held = [t for i in sharing for t in i.threads.values() if t.running and not t.zombie]
        if held:
            self.tracer.stop_all(sharing)
        sites = thread.inferior.sites
        sites.lift(site)
        try:
            stop = self.tracer.step_alone(thread)
        finally:
            if not thread.inferior.dead and site.owners:
                try:
                    sites.plant(site)
                except DebuggerError:
                    pass  # Unmapped by the step itself.
        event: Event | None = None
        if isinstance(stop, SignalStop) and stop.signo == _SIGTRAP:
            if request == ptrace.SINGLESTEP:
                event = self._trap(thread)
                if event is None and not thread.running:
                    event = self._resume(thread)
            elif self._is_plain_step(thread):
                self.tracer.resume(thread, request)
            else:
                event = self._trap(thread) or self._resume(thread)
        else:
            if not thread.gone and thread.pc == site.addr:
                thread.stop_pc = site.addr  # Stopped before the step: the hit was told already.
            event = self.handle(thread, stop)
            if event is None:
                event = self._go_on(thread)
        if event is None:
            self._release(held)
        return event

    def _sharing_memory(self, inferior: Inferior) -> list[Inferior]:
        return [i for i in self.tracer.inferiors.values() if i.sites is inferior.sites]

    def _is_plain_step(self, thread: Thread) -> bool:
        """Tell a finished step from a trap of the stepped instruction's own."""
        try:
            code = _si_code(thread)
        except ThreadGone:
            return True
        # Landing on a site that is planted is no hit: it traps when it is executed.
        return code in (_TRAP_TRACE, _TRAP_BRKPT)

    def _has_handler(self, thread: Thread) -> bool:
        from pydbg.linux import procfs

        try:
            caught = int(procfs.status(thread.tid).get("SigCgt", "0"), 16)
        except DebuggerError:
            return False
        return bool(caught >> (thread.signal - 1) & 1)

    def _listen(self, thread: Thread) -> None:
        thread.running = True
        try:
            ptrace.listen(thread.tid)
        except ThreadGone:
            return

    # --- what a stop means -------------------------------------------------------------------

    def handle(self, thread: Thread, stop: RawStop) -> Event | None:
        """Work out what a stop means to the user: an event, or None to go on."""
        inferior = thread.inferior
        if isinstance(stop, ThreadExit | ThreadKilled):
            return self._ended(thread, stop)
        try:
            if inferior.silent:
                return self._silent(thread, stop)
            match stop:
                case SignalStop(signo=signo):
                    return self._trap(thread) if signo == _SIGTRAP else self._signal(thread, signo)
                case SyscallStop():
                    return self._syscall_stop(thread)
                case SeccompStop():
                    return self.dbg.catches.at_seccomp(thread, self._request == ptrace.SYSCALL)
                case GroupStop(signo=signo):
                    return self._group_stopped(thread, signo)
                case EventStop(event=event):
                    return self._event_stop(thread, event)
        except ThreadGone:
            thread.running = True  # Killed while stopped: its exit is waited for.
        return None

    def _group_stopped(self, thread: Thread, signo: int) -> Event | None:
        if self.interrupt_requested:
            return self._interrupted(thread)
        if thread is thread.inferior.leader and not thread.inferior.launched:
            return None
        self.dbg.notify(GroupStopped(thread.inferior.pid, thread.tid, signo))
        return None

    def _event_stop(self, thread: Thread, event: str) -> Event | None:
        inferior = thread.inferior
        if event in ("fork", "vfork", "clone"):
            return self._new_task(thread, event)
        if event == "exec":
            return self._execed(thread)
        if event == "exit":
            if thread.tid != inferior.pid:
                return None
            status = ptrace.geteventmsg(thread.tid)
            return self._catch(thread, "exit", status)
        if event == "stop" and self.interrupt_requested:
            return self._interrupted(thread)
        return None

    def _signal(self, thread: Thread, signo: int) -> Event | None:
        inferior = thread.inferior
        if signo == _SIGINT and self._swallow_interrupt:
            self._swallow_interrupt = False
            return None
        row = self.dbg.signals[signo]
        thread.signal = signo if row.passes else 0
        caught = self.dbg.catches.signal(thread, signo)
        if caught is not None:
            return caught
        if row.stops:
            return SignalReceived(inferior.pid, thread.tid, signo)
        if row.prints:
            self.dbg.notify(SignalNoticed(inferior.pid, thread.tid, signo))
        return None

    # --- traps -------------------------------------------------------------------------------

    def _trap(self, thread: Thread) -> Event | None:
        inferior = thread.inferior
        adjust = inferior.arch.breakpoint_adjust
        site = inferior.sites.at(thread.pc - adjust)
        if not thread.stepping and site is not None:
            return self._hit(thread, site)
        code = _si_code(thread)
        if code == _SI_KERNEL and site is not None:
            return self._hit(thread, site)
        if code == _TRAP_HWBKPT or (code in (_TRAP_TRACE, _TRAP_BRKPT) and self._armed(thread)):
            event, told = self._hardware(thread)
            if told:
                return event
        if code in (_TRAP_TRACE, _TRAP_BRKPT) and thread.stepping:
            return self._stepped(thread)
        return self._signal(thread, _SIGTRAP)

    @staticmethod
    def _armed(thread: Thread) -> bool:
        return thread.inferior.debug_registers.in_use

    def _hardware(self, thread: Thread) -> tuple[Event | None, bool]:
        inferior = thread.inferior
        registers = inferior.debug_registers
        owners = [registers.slots[i] for i in registers.triggered(thread)]
        locations = [slot[3] for slot in owners if slot is not None]
        if not locations:
            return None, False
        thread.stop_pc = thread.pc
        return self._judge(thread, thread.pc, locations), True

    def _stepped(self, thread: Thread) -> Event | None:
        pc = thread.pc
        site = thread.inferior.sites.at(pc)
        if site is not None:
            thread.stop_pc = pc
            event = self._hit_here(thread, site)
            if event is not None:
                return event
        plan = plan_of(thread)
        return plan.stepped() if plan is not None else None

    def _hit(self, thread: Thread, site: Site) -> Event | None:
        thread.pc = addr = site.addr
        thread.stop_pc = addr
        if thread.skip is not None:
            skip, thread.skip = thread.skip, None
            if skip == (addr, thread.sp) and not any(o.internal for o in site.owners):
                return None
        return self._hit_here(thread, site)

    def _hit_here(self, thread: Thread, site: Site) -> Event | None:
        """Ask the owners of a site; the user's breakpoints speak before a plan's end."""
        addr = site.addr
        done: Event | None = None
        locations = []
        for owner in site.owners:
            if not owner.internal:
                locations.append(owner)
            elif isinstance(owner, Plan):
                done = owner.reached(thread) or done
            else:
                done = self._loader_hit(thread, owner) or done
        told = self._judge(thread, addr, locations) if locations else None
        return told or done

    def _loader_hit(self, thread: Thread, owner: Any) -> Event | None:
        inferior = thread.inferior
        if owner is inferior.loader:
            if not owner.is_consistent():
                return None
            return self.dbg.modules_changed(thread)
        event: Event | None = owner.hit(thread)
        return event

    def _judge(self, thread: Thread, addr: int, locations: list[Location]) -> Event | None:
        """Decide which breakpoints at an address really stop the thread."""
        numbers: list[int] = []
        places: list[int] = []
        error: str | None = None
        temporary = False
        for location in locations:
            point = location.breakpoint
            if not location.enabled:
                continue
            stops, problem = self.passes(point, thread)
            error = error or problem
            if stops:
                if not numbers:
                    temporary = point.temporary
                numbers.append(point.number)
                places.append(location.number)
        if not numbers:
            return None
        for number in numbers:
            self.dbg.points.spent(number)
        pid = thread.inferior.pid
        return BreakpointHit(pid, thread.tid, addr, tuple(numbers), tuple(places), temporary, error)

    def passes(
        self,
        point: Point,
        thread: Thread,
        names: Mapping[str, int] | None = None,
        callback: Callable[[Any], Any] | None = None,
    ) -> tuple[bool, str | None]:
        """Decide whether a point stops the thread now, and count the hit.

        The second value is the text of a condition that could not be evaluated, which stops.
        """
        if not point.enabled or point.deleted:
            return False, None
        if point.thread is not None and point.thread != thread.number:
            return False, None
        error: str | None = None
        if point.condition is not None:
            try:
                if not self.dbg.points.holds(point, thread, names):
                    return False, None
            except DebuggerError as problem:
                error = str(problem)
        point.hits += 1
        if point.ignore_count > 0:
            point.ignore_count -= 1
            return False, error
        callback = callback or point.callback
        if callback is not None and error is None:
            return self.dbg.call_back(callback, thread, point), None
        return True, error

    @contextmanager
    def all_held(self, thread: Thread) -> Iterator[None]:
        """Hold the other threads while a callback looks at the program."""
        inferior = thread.inferior
        running = [t for t in inferior.threads.values() if t.running and not t.zombie]
        if running:
            self.tracer.stop_all([inferior])
        try:
            yield
        finally:
            self._release(running)

    # --- system calls ------------------------------------------------------------------------

    def _syscall_stop(self, thread: Thread) -> Event | None:
        info = ptrace.get_syscall_info(thread.tid)
        if info.op == "entry":
            event = self.dbg.catches.at_entry(thread, info)
            if event is not None:
                return event
            plan = plan_of(thread)
            return plan.at_syscall(info) if plan is not None else None
        return self.dbg.catches.at_return(thread, info)

    def _catch(self, thread: Thread, kind: str, detail: Any) -> Event | None:
        return self.dbg.catches.event(thread, kind, detail)

    # --- processes and threads ---------------------------------------------------------------

    def _new_task(self, thread: Thread, kind: str) -> Event | None:
        inferior = thread.inferior
        child, is_thread, shares = self.tracer.new_task(thread, kind)
        if is_thread:
            new = self.tracer.add_thread(inferior, child)
            self.dbg.notify(ThreadCreated(inferior.pid, child, new.number))
            caught = self._catch(thread, "clone", child)
            if caught is None and self._may_run(new):
                self._resume(new)
            return caught
        caught = self._catch(thread, kind, child)
        if caught is None:
            return self._follow(thread, kind, child, shares)
        # The child is dealt with when the user goes on: until then the mode can be changed.
        self._pending_fork = lambda: self._finish_fork(thread, kind, child, shares)
        return caught

    def _finish_fork(self, thread: Thread, kind: str, child: int, shares: bool) -> None:
        event = self._follow(thread, kind, child, shares)
        assert event is None

    def settle_fork(self) -> None:
        """Deal with a child whose parent stopped at its fork, before the parent is left."""
        if self._pending_fork is not None:
            finish, self._pending_fork = self._pending_fork, None
            finish()

    def _follow(self, thread: Thread, kind: str, child: int, shares: bool) -> Event | None:
        inferior, dbg = thread.inferior, self.dbg
        follow_child = dbg.settings["follow-fork-mode"] == "child"
        detach = bool(dbg.settings["detach-on-fork"])
        if follow_child:
            new = self.tracer.add_child(inferior, child, dbg.next_inferior_number(), shares=shares)
            dbg.follow(inferior, new, kind, detach=detach)
            self._resume(new.leader)
            return None
        if not detach:
            new = self.tracer.add_child(inferior, child, dbg.next_inferior_number(), shares=shares)
            dbg.adopt(new)
            dbg.notify(ChildCreated(inferior.pid, thread.tid, child, kind, True))
            return None
        if inferior.filtered or shares:
            new = self.tracer.add_child(inferior, child, 0, shares=shares)
            new.silent = True
            new.release_at_exec = not inferior.filtered
            reason = "filter" if inferior.filtered else ""
            dbg.notify(ChildCreated(inferior.pid, thread.tid, child, kind, False, reason))
            self._resume(new.leader)
            return None
        self.tracer.release_child(inferior, child)
        dbg.notify(ChildCreated(inferior.pid, thread.tid, child, kind))
        return None

    def _silent(self, thread: Thread, stop: RawStop) -> Event | None:
        """Keep a process going that the user does not see."""
        inferior = thread.inferior
        if isinstance(stop, SignalStop):
            adjust = inferior.arch.breakpoint_adjust
            site = inferior.sites.at(thread.pc - adjust) if stop.signo == _SIGTRAP else None
            if site is not None and not thread.stepping:
                thread.pc = thread.stop_pc = site.addr
            elif stop.signo != _SIGTRAP or _si_code(thread) <= 0:
                thread.signal = stop.signo
        elif isinstance(stop, EventStop):
            if stop.event in ("fork", "vfork", "clone"):
                self._silent_task(thread, stop.event)
            elif stop.event == "exec":
                self.tracer.after_exec(thread)
                if inferior.release_at_exec:
                    self.tracer.detach(inferior)
        return None

    def _silent_task(self, thread: Thread, kind: str) -> None:
        inferior = thread.inferior
        child, is_thread, shares = self.tracer.new_task(thread, kind)
        if is_thread:
            self._resume(self.tracer.add_thread(inferior, child))
        elif inferior.filtered or shares:
            new = self.tracer.add_child(inferior, child, 0, shares=shares)
            new.silent = True
            new.release_at_exec = not inferior.filtered
            self._resume(new.leader)
        else:
            self.tracer.release_child(inferior, child)

    def _execed(self, thread: Thread) -> Event | None:
        inferior = thread.inferior
        self._drop_plans(thread)
        self.tracer.after_exec(thread)
        self.dbg.notify(Execed(inferior.pid, thread.tid, inferior.path))
        self.dbg.program_replaced(inferior)
        if self.dbg.catches.prepare(inferior):
            self._request = ptrace.SYSCALL
        return self._catch(thread, "exec", inferior.path)

    def _ended(self, thread: Thread, stop: RawStop) -> Event | None:
        inferior = thread.inferior
        self._drop_plans(thread)
        if thread.tid != inferior.pid:
            if not inferior.silent:
                self.dbg.notify(ThreadExited(inferior.pid, thread.tid, thread.number))
            if thread is self._holding and not inferior.dead:
                return self._interrupted(thread)
            return None
        if inferior.silent:
            self.tracer.forget(inferior)
            return None
        return self._exited(inferior)

    def _exited(self, inferior: Inferior) -> Event:
        stop = inferior.lost
        self.tracer.forget(inferior)
        event: Event
        if isinstance(stop, ThreadKilled):
            event = Killed(inferior.pid, inferior.pid, stop.signo, stop.core, inferior.number)
        else:
            code = stop.code if isinstance(stop, ThreadExit) else 0
            event = Exited(inferior.pid, inferior.pid, code, inferior.number)
        self.dbg.gone(inferior, event)
        return event

    # --- interrupts --------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Stop the program as soon as it can be; safe to call from a signal handler."""
        if not self.loop_running:
            return
        self.interrupt_requested = True
        inferior = self.dbg.inferior
        if inferior is None:
            return
        for thread in list(inferior.threads.values()):
            if thread.running and not thread.zombie:
                self.tracer.interrupt(thread)
                return


def _si_code(thread: Thread) -> int:
    """Return si_code of the signal a thread is stopped by (sigaction(2))."""
    return int.from_bytes(ptrace.getsiginfo(thread.tid)[8:12], "little", signed=True)
