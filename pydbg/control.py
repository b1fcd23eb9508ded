"""The run loop: raw stops in, user events out.

One place decides what every stop means. A stop that means nothing to the user is answered by
resuming the thread; one that does holds all threads, and the loop returns its event.
"""

from __future__ import annotations

from _thread import get_ident
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydbg.children import Children
from pydbg.errors import CommandError, ThreadGone
from pydbg.events import Event, GroupStopped, Interrupted, SignalNoticed, SignalReceived, StepDone
from pydbg.linux import ptrace
from pydbg.placement import Placement
from pydbg.rawstops import (
    EventStop,
    GroupStop,
    RawStop,
    SeccompStop,
    SignalStop,
    SyscallStop,
    ThreadExit,
    ThreadKilled,
)
from pydbg.resuming import Resumer
from pydbg.stepping import CallFunction, Plan
from pydbg.target.thread import signal_sender
from pydbg.traps import Traps

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

_SIGTRAP, _SIGSTOP = 5, 19
_BY_LINE = frozenset({"step", "next", "until"})
"""Plans that watch the same ways out of frames, one after the other."""


class RunControl:
    """Resume the current process and say why it stopped."""

    def __init__(self, dbg: Debugger) -> None:
        self.dbg = dbg
        self.tracer = dbg.tracer
        self.tracer.service = self._serve
        self.interrupt_requested = self.interrupted_early = False
        self.loop_running = False
        self.acting = False
        """Whether commands of a breakpoint are run: going on then resumes what it interrupted."""
        self.holding: Thread | None = None
        """The only thread that may run (scheduler-locking), or None for all."""
        self.request = ptrace.CONT
        self._unheard: frozenset[int] | None = None
        """The signals that are only passed on, once there was one since the program runs."""
        self._late: deque[Thread] = deque()
        self._events: deque[Event] = deque()
        self._suspended: list[tuple[Thread, list[Plan]]] = []
        self._busy = False
        """Whether the loop is at work, also while it asks a callback or a condition."""
        self._settling = False
        self._owner = get_ident()
        self.placement = Placement()
        self.traps = Traps(self)
        self.children = Children(self)
        self.resume = Resumer(self).resume
        self.passes = self.traps.passes
        self.settle_fork = self.children.settle

    # --- the loop ----------------------------------------------------------------------------

    def go(self, plan: Plan | None = None) -> Event:
        """Run the current process until something is to be told.

        ``plan`` is what the selected thread is to do. Raises CommandError if a breakpoint
        cannot be inserted; nothing has run then.
        """
        if self._busy:
            return self._go_inside(plan)
        self._prepare()
        inferior, selected = self.dbg.live_inferior(), self.dbg.thread
        assert selected is not None
        self.holding = self._held_for(plan, selected)
        suspended, self._suspended = self._suspended, []
        self._owner = get_ident()
        self._busy = self.loop_running = True
        self.interrupt_requested |= self.interrupted_early
        event: Event | None = None
        try:
            event = self._tell_pending(inferior)
            if event is None:
                if plan is None or plan.name not in _BY_LINE:
                    inferior.sites.lift_idle()
                if plan is not None:
                    selected.plans.append(plan)
                    plan.begin()
                elif self.acting:
                    self._take_up(suspended)
                self.placement.follow(selected, self.tracer.threads)
                terminal = self.dbg.terminal
                if terminal is None or not inferior.launched:
                    event = self._start(inferior, selected) or self._loop()
                else:
                    with terminal.lent_to(inferior.pid):
                        event = self._start(inferior, selected) or self._loop()
        finally:
            self.loop_running = False
            if not self.acting:
                self.placement.rest()
            try:
                self._settle()
            finally:
                self._busy = False
        return self._told(event)

    def _go_inside(self, plan: Plan | None) -> Event:
        """Call a function of the program for a condition or a callback, all else held.

        Raises CommandError for any other wish to run, or if the call does not come back; the
        thread is then put back to where it was.
        """
        if not isinstance(plan, CallFunction):
            raise CommandError("The program cannot be resumed from a callback or a condition.")
        thread = plan.thread
        holding, self.holding = self.holding, thread
        late, self._late = self._late, deque()
        events, self._events = self._events, deque()
        before = thread.stop_pc, thread.skip, thread.stop, thread.stepping
        with self.all_held(thread, quiet=True):
            thread.plans.append(plan)
            try:
                plan.begin()
                event = self.resume(thread) or self._loop()
                if not (isinstance(event, StepDone) and event.plan == "call") and not thread.gone:
                    self.tracer.stop_all([thread.inferior])
                    plan.restore()
            finally:
                self._remove(thread, plan)
                self.holding = holding
                self._late = late
                self._events.extend(events)
                thread.stop_pc, thread.skip, thread.stop, thread.stepping = before
        return event

    @staticmethod
    def _remove(thread: Thread, plan: Plan) -> None:
        plan.end()
        if plan in thread.plans:
            thread.plans.remove(plan)

    def _settle(self) -> None:
        """Hold everything and put the plans aside, however the loop ended."""
        visible = [i for i in self.tracer.inferiors.values() if not i.silent]
        if any(t.running for i in visible for t in i.threads.values()):
            self._settling = True
            try:
                self.tracer.stop_all(visible)
            finally:
                self._settling = False
        if self.tracer.departed:
            self.children.departed()
        self._suspended = []
        for inferior in visible:
            for thread in inferior.threads.values():
                if thread.plans:
                    self._suspended.append((thread, list(thread.plans)))
                    self.drop_plans(thread)

    def _take_up(self, suspended: list[tuple[Thread, list[Plan]]]) -> None:
        """Go on with what threads were up to when a breakpoint came between."""
        for thread, plans in suspended:
            if thread.gone or thread.inferior.dead:
                continue
            for plan in plans:
                thread.plans.append(plan)
                plan.take_up()

    @staticmethod
    def drop_plans(thread: Thread) -> None:
        """Cancel what a thread is up to."""
        while thread.plans:
            thread.plans.pop().end()

    def _told(self, event: Event) -> Event:
        self.interrupt_requested = False
        inferior = self.tracer.inferiors.get(event.pid)
        if inferior is not None and inferior.dead:
            event = self.children.exited(inferior)  # It ended while it was being stopped.
        thread = self.tracer.threads.get(event.tid)
        if thread is not None and not thread.running:
            try:
                self._tell_at(thread)
            except ThreadGone:
                thread = None
        self.dbg.stopped(event, thread)
        return event

    @staticmethod
    def _tell_at(thread: Thread) -> None:
        """Note where a thread's stop is told: from there it goes on without a hit.

        Only the told thread's: another one that happens to stand before a breakpoint has its
        hit still to come, and so has one that was stopped there by something else.
        """
        pc = thread.pc
        site = thread.inferior.sites.at(pc)
        if site is not None and thread.stop_pc != pc:
            to_come = any(not owner.internal for owner in site.owners)
            if to_come or thread.rewound is not None:
                return
        thread.stop_pc = pc

    def _held_for(self, plan: Plan | None, selected: Thread) -> Thread | None:
        mode = self.dbg.settings["scheduler-locking"]
        if mode == "on" or (mode == "step" and plan is not None and plan.name != "continue"):
            return selected
        return None

    def _start(self, inferior: Inferior, selected: Thread) -> Event | None:
        # The others first: the selected thread may have to be stepped off a site with all of
        # them held, and is resumed last so that they are not stopped again at once.
        for thread in list(inferior.threads.values()):
            if thread is not selected and self.may_run(thread):
                event = self.resume(thread)
                if event is not None:
                    return event
        if selected.gone or selected.running:
            return None
        return self.resume(selected)

    def may_run(self, thread: Thread) -> bool:
        """Tell whether a stopped thread is one that the user lets run."""
        return (
            not thread.running
            and not thread.zombie
            and not thread.gone
            and (self.holding is None or thread is self.holding)
        )

    def _loop(self) -> Event:
        while True:
            if self._events:
                return self._events.popleft()
            if self.interrupt_requested:
                self._nudge()  # It may have come while nothing was running.
            thread, stop = self._late_stop() or self.tracer.wait()
            if isinstance(stop, SignalStop) and self._passed_on(thread, stop.signo):
                continue
            event = self.handle(thread, stop)
            if event is None:
                event = self.go_on(thread)
            if event is not None:
                return event

    def _passed_on(self, thread: Thread, signo: int) -> bool:
        """Let a signal that nobody wants to hear of reach a thread that runs freely; at once.

        Nothing of the thread is looked at. False: there is more to it.
        """
        if self._unheard is None:
            listens = self.request != ptrace.CONT or self.dbg.catches.listens
            self._unheard = frozenset() if listens else self.dbg.signals.unheard
        inferior = thread.inferior
        if (
            signo not in self._unheard
            or thread.request != ptrace.CONT
            or thread.plans
            or thread.owed
            or inferior.silent
            or inferior.sites.has_slots
            or self.interrupt_requested
            or self.holding is not None
        ):
            return False
        thread.signal = signo
        self.placement.follow(thread, self.tracer.threads)
        self.tracer.resume(thread, ptrace.CONT)
        return True

    def queue(self, event: Event | None) -> None:
        """Keep an event that came up while another stop was dealt with; it is told next."""
        if event is not None:
            self._events.append(event)

    def _serve(self, thread: Thread, stop: RawStop) -> None:
        """Let an unseen process go on while the others are being stopped."""
        self.handle(thread, stop)
        if not thread.running and not thread.gone and not thread.inferior.dead:
            self.resume(thread)

    def release(self, held: list[Thread]) -> None:
        """Let threads run on that were held for a moment; what they stopped for comes next."""
        self.children.departed()
        if self._settling:
            return
        for thread in held:
            if thread.running or thread.gone or thread.inferior.dead:
                continue
            if thread.pending is not None:
                self._late.append(thread)
            elif self.may_run(thread) or thread.inferior.silent:
                self.queue(self.resume(thread))

    def _late_stop(self) -> tuple[Thread, RawStop] | None:
        while self._late:
            thread = self._late.popleft()
            stop = thread.pending
            if stop is None or thread.running or self.tracer.threads.get(thread.tid) is not thread:
                continue
            if not self.may_run(thread) and not thread.inferior.silent:
                continue  # Held by a call: it is asked again afterwards.
            thread.pending = None
            return thread, stop
        return None

    def go_on(self, thread: Thread) -> Event | None:
        """Resume a thread whose stop was nothing to tell; the user's interrupt comes first."""
        if self.interrupt_requested and not thread.inferior.silent:
            return self.interrupted(thread)
        if thread.running or thread.gone or thread.inferior.dead:
            return None
        if not self.may_run(thread) and not thread.inferior.silent:
            return None
        self.placement.follow(thread, self.tracer.threads)
        return self.resume(thread)

    def interrupted(self, thread: Thread) -> Event:
        """Tell a stop that the user asked for."""
        self.interrupt_requested = False
        leader = thread.inferior.leader
        return Interrupted(thread.inferior.pid, leader.tid)

    # --- before anything runs ----------------------------------------------------------------

    def _prepare(self) -> None:
        self.children.settle()
        inferior = self.dbg.live_inferior()
        for thread in inferior.threads.values():
            child = thread.vforking
            if child is not None and not child.silent and not child.dead:
                raise CommandError(
                    "Can not resume the parent process over vfork while holding the child stopped."
                    f'  Continue inferior {child.number} first, or use "set detach-on-fork on".'
                )
        self.dbg.points.insert(inferior)
        self.choose_request(inferior)

    def choose_request(self, inferior: Inferior) -> None:
        """See to it that caught system calls stop: by a filter, or by stopping at all calls."""
        tracing = self.dbg.catches.prepare(inferior)
        self.request = ptrace.SYSCALL if tracing else ptrace.CONT
        self._unheard = None

    def _tell_pending(self, inferior: Inferior) -> Event | None:
        """Tell what stopped another thread while the last event was told."""
        if self._events:
            return self._events.popleft()
        if inferior.lost is not None:
            return self.children.exited(inferior)
        for thread in list(inferior.threads.values()):
            stop = thread.pending
            if stop is None or not self.may_run(thread):
                continue
            thread.pending = None
            event = self.handle(thread, stop)
            if event is not None:
                return event
        return None

    # --- what a stop means -------------------------------------------------------------------

    def handle(self, thread: Thread, stop: RawStop) -> Event | None:
        """Work out what a stop means to the user: an event, or None to go on."""
        inferior = thread.inferior
        if isinstance(stop, ThreadExit | ThreadKilled):
            return self.children.ended(thread, stop)
        try:
            if inferior.silent:
                self.children.silent(thread, stop)
                return None
            if isinstance(stop, SignalStop):
                if stop.signo == _SIGTRAP:
                    return self.traps.judge(thread)
                return self.signal_arrived(thread, stop.signo)
            match stop:
                case SyscallStop():
                    return self.dbg.catches.at_stop(thread)
                case SeccompStop():
                    return self.dbg.catches.at_seccomp(thread)
                case GroupStop(signo=signo):
                    return self._group_stopped(thread, signo)
                case EventStop(event=event):
                    return self._event_stop(thread, event)
        except ThreadGone:
            thread.running = True  # Killed while stopped: its exit is waited for.
        return None

    def _group_stopped(self, thread: Thread, signo: int) -> Event | None:
        if self.interrupt_requested:
            return self.interrupted(thread)
        if thread is thread.inferior.leader and not thread.inferior.launched:
            return None
        self.dbg.notify(GroupStopped(thread.inferior.pid, thread.tid, signo))
        return None

    def _event_stop(self, thread: Thread, event: str) -> Event | None:
        if event in ("fork", "vfork", "clone"):
            return self.children.new_task(thread, event)
        if event == "exec":
            return self.children.execed(thread)
        if event == "exit":
            if not self.children.is_last(thread):
                return None
            status = ptrace.geteventmsg(thread.tid)
            return self.dbg.catches.event(thread, "exit", status)
        if event == "stop" and self.interrupt_requested:
            return self.interrupted(thread)
        return None

    def signal_arrived(self, thread: Thread, signo: int) -> Event | None:
        """Decide about a signal: told, passed on, dropped, or a request of our own to stop."""
        inferior = thread.inferior
        if signo == _SIGSTOP and thread.stop_requested:
            thread.stop_requested = False
            if signal_sender(thread) == self.tracer.pid:
                return self.interrupted(thread) if self.interrupt_requested else None
        row = self.dbg.signals[signo]
        thread.signal = signo if row.passes else 0
        thread.told_signal = True
        caught = self.dbg.catches.signal(thread, signo)
        if caught is not None:
            return caught
        if row.stops:
            return SignalReceived(inferior.pid, thread.tid, signo)
        thread.told_signal = False
        if row.prints:
            self.dbg.notify(SignalNoticed(inferior.pid, thread.tid, signo))
        return None

    @contextmanager
    def all_held(self, thread: Thread, *, quiet: bool = False) -> Iterator[None]:
        """Hold the other threads while a callback looks at the program.

        What the callback asked for (breakpoints, caught calls) is put in place afterwards.
        """
        inferior = thread.inferior
        running = [t for t in inferior.threads.values() if t.running and not t.zombie]
        if running:
            self.tracer.stop_all([inferior], all_of=False)
        try:
            yield
        finally:
            if not quiet and not inferior.dead:
                self.dbg.points.insert(inferior, quiet=True)
                self.choose_request(inferior)
            self.release(running)

    # --- interrupts --------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Stop the program as soon as it can be; safe to call from a signal handler.

        And from another OS thread: ptrace serves the debugger's own thread only, so the
        program is then stopped by a SIGSTOP that it never sees.
        """
        if not self.loop_running:
            return
        self.interrupt_requested = True
        self._nudge()

    def _nudge(self) -> None:
        inferior = self.dbg.inferior
        if inferior is None:
            return
        for thread in list(inferior.threads.values()):
            if not thread.stoppable:
                continue
            if get_ident() == self._owner:
                self.tracer.interrupt(thread)
            elif not thread.stop_requested:
                thread.stop_requested = True
                self.tracer.stop_by_signal(thread)
            return
