"""Catchpoints at work: which system calls to stop at and how, and the other events.

Caught calls of a launched program are found by a seccomp filter, so that all other calls cost
nothing. Where that is not possible (an attached process, every call caught, ``set
syscall-filter off``) every call of every thread stops.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydbg.breakpoints import CATCH_KINDS, Catchpoint
from pydbg.calls import CallDecoder
from pydbg.errors import CommandError, DebuggerError
from pydbg.events import CatchHit, Event, Note, SignalReceived, SyscallCaught
from pydbg.linux import ptrace
from pydbg.patterns import lazy_pattern
from pydbg.rawstops import SeccompStop, SyscallStop
from pydbg.records import replace
from pydbg.runtimeevents import EVENTS, Raised, look
from pydbg.stepping import plan_of
from pydbg.target.thread import RESTARTS

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.linux.ptrace import SyscallInfo
    from pydbg.syscalls.decode import Decoded
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

_AUDIT_I386 = 0x40000003
_X32 = 0x40000000
_RETURN_ONLY = lazy_pattern(r"\$?\b(?:ret|errno)\b")
_RESTART_SYSCALL = {"x86_64": 219, "i386": 0}
ABIS = ("x86_64", "i386")


def abi_of(info: SyscallInfo) -> str:
    """Return the system call table a call belongs to (audit.h's architecture, the x32 bit)."""
    if info.arch == _AUDIT_I386:
        return "i386"
    return "x32" if info.nr & _X32 else "x86_64"


class Catches:
    """Keep the catchpoints and judge what they may catch."""

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg
        self._entered: dict[int, tuple[int, Decoded]] = {}
        """What entries were decoded to, by thread, for the return."""
        self._untold: dict[int, str] = {}
        """Denied calls, by thread, that are told at their return if it is not told itself."""

    def _of(self, kind: str) -> list[Catchpoint]:
        return [
            p
            for p in self._dbg.breakpoints.values()
            if isinstance(p, Catchpoint) and p.kind == kind and p.enabled and not p.deleted
        ]

    # --- creation ----------------------------------------------------------------------------

    def create(
        self,
        kind: str,
        args: tuple[str, ...],
        *,
        condition: str | None = None,
        temporary: bool = False,
        phase: str = "both",
        on_entry: Any = None,
        on_return: Any = None,
        callback: Any = None,
    ) -> Catchpoint:
        """Make a catchpoint; raises CommandError or UsageError for what cannot be caught."""
        if kind not in CATCH_KINDS:
            raise CommandError(f'Undefined catch command: "{kind}".  Try "help catch".')
        fields: dict[str, Any] = {}
        if kind == "syscall":
            fields = self.resolve(args)
        elif kind == "signal":
            fields = self._signals(args)
        elif args and (kind in ("load", "unload") or (kind in EVENTS and EVENTS[kind].pattern)):
            try:
                re.compile(args[0])
            except re.error as error:
                raise CommandError(f"{args[0]}: {error}") from None
            fields = {"pattern": args[0]}
        if on_entry is not None and on_return is None and phase == "both":
            phase = "entry"
        elif on_return is not None and on_entry is None and phase == "both":
            phase = "return"
        point = Catchpoint(
            number=self._dbg.points.next_number(),
            kind=kind,
            specs=args,
            temporary=temporary,
            phase=phase,
            on_entry=on_entry,
            on_return=on_return,
            callback=callback,
            **fields,
        )
        self._dbg.points.set_condition(point, condition)
        self._dbg.points.add(point)
        if kind in EVENTS:
            self._dbg.points.locate(point)
        if kind == "syscall" and phase != "entry":
            self._want_returns(point)
        return point

    def _want_returns(self, point: Catchpoint) -> None:
        """See to the return of a call whose entry a thread is stopped at now."""
        for thread in self._dbg.tracer.threads.values():
            call = thread.syscall
            inside = isinstance(thread.stop, SeccompStop | SyscallStop) and not thread.running
            if inside and call is not None and point.catches_syscall(abi_of(call), call.nr):
                thread.want_return = True

    def resolve(self, args: tuple[str, ...]) -> dict[str, Any]:
        """Return what words for system calls mean: their "numbers" by ABI, and their "names"."""
        if not args:
            return {"numbers": None}
        from pydbg.syscalls.table import table_for

        numbers: dict[str, frozenset[int]] = {}
        main_abi = self._dbg.arch.syscall_abi
        errors: list[DebuggerError] = []
        names: list[tuple[str, int]] = []
        for abi in ABIS:
            table = table_for(abi)
            found: frozenset[int] = frozenset()
            for spec in args:
                try:
                    some = table.resolve(spec)
                except DebuggerError as error:
                    if abi == main_abi:
                        errors.append(error)
                    continue
                found |= some
                if abi == main_abi:
                    for nr in sorted(some):
                        row = table.by_number(nr)
                        names.append((row.name if row else "", nr))
            numbers[abi] = found
        if errors:
            raise errors[0]
        return {"numbers": numbers, "names": tuple(dict.fromkeys(names))}

    def _signals(self, args: tuple[str, ...]) -> dict[str, Any]:
        if not args:
            return {"signals": None}
        if args == ("all",):
            return {"signals": None, "all_signals": True}
        return {"signals": frozenset(self._dbg.signals.number(name) for name in args)}

    # --- how system calls are stopped at -----------------------------------------------------

    def _wanted(self) -> dict[str, frozenset[int]] | None:
        """Return the caught numbers by ABI, or None if every call is caught."""
        from pydbg.syscalls.relatives import watched

        wanted, changed = self._dbg.denials.wanted(), self._dbg.tampers.wanted()
        if changed is None:
            return None
        for abi, numbers in changed.items():
            wanted[abi] = wanted.get(abi, frozenset()) | numbers
        for point in self._of("syscall"):
            if point.numbers is None:
                return None
            for abi, numbers in point.numbers.items():
                wanted[abi] = wanted.get(abi, frozenset()) | numbers | watched(abi, numbers)
        logged = self._dbg.calllog.wanted(wanted)
        return None if logged is None else {abi: some for abi, some in logged.items() if some}

    def launch_filter(self) -> tuple[bytes | None, dict[str, frozenset[int]]]:
        """Return the seccomp program to launch with, and what it stops at."""
        wanted = self._wanted()
        if not wanted or self._dbg.settings["syscall-filter"] == "off":
            return None, {}
        from pydbg.syscalls.bpf import trace_filter

        return trace_filter(wanted), wanted

    def prepare(self, inferior: Inferior) -> bool:
        """Make sure that caught calls stop; True if threads are to be resumed by PTRACE_SYSCALL."""
        by_syscall = self._by_syscall(inferior)
        self._dbg.calllog.everything &= by_syscall
        return by_syscall

    @property
    def listens(self) -> bool:
        """Tell whether anything here, or what goes by the calls, may want to hear of signals."""
        dbg = self._dbg
        noted = dbg.calllog.is_asked or dbg.guard.sandbox is not None
        return noted or any(isinstance(p, Catchpoint) for p in dbg.breakpoints.values())

    def _by_syscall(self, inferior: Inferior) -> bool:
        dbg = self._dbg
        idle = not (dbg.denials.rows or dbg.tampers.rows or dbg.calllog.is_asked)
        if idle and not any(isinstance(p, Catchpoint) for p in dbg.breakpoints.values()):
            return False  # As mostly: what was filtered before goes on by itself.
        wanted = self._wanted()
        if wanted is None or (self._of("seccomp") and not self._dbg.guard.watches(inferior)):
            return True
        missing = {
            abi: numbers - inferior.filtered.get(abi, frozenset())
            for abi, numbers in wanted.items()
        }
        missing = {abi: numbers for abi, numbers in missing.items() if numbers}
        if not missing:
            return False
        if not inferior.launched or self._dbg.settings["syscall-filter"] == "off":
            return True
        return not self._extend(inferior, missing)

    def _extend(self, inferior: Inferior, missing: dict[str, frozenset[int]]) -> bool:
        from pydbg.syscalls.bpf import trace_filter
        from pydbg.target.inject import can_inject, install_filter

        for thread in inferior.threads.values():
            if not thread.running and not thread.zombie and can_inject(thread):
                try:
                    install_filter(thread, trace_filter(missing))
                except DebuggerError:
                    return False
                for abi, numbers in missing.items():
                    inferior.filtered[abi] = inferior.filtered.get(abi, frozenset()) | numbers
                return True
        return False

    # --- system calls ------------------------------------------------------------------------

    def at_stop(self, thread: Thread) -> Event | None:
        """Judge a stop at a system call's entry or return (PTRACE_SYSCALL)."""
        info = ptrace.get_syscall_info(thread.tid)
        if info.op == "entry":
            return self._entered_call(thread, info)
        if thread.interrupting and -info.rval in RESTARTS:
            thread.restarting = thread.syscall is not None
            return None
        return self.at_return(thread, info)

    def at_seccomp(self, thread: Thread) -> Event | None:
        """Judge a stop by a filter; under PTRACE_SYSCALL the entry was judged already."""
        if thread.request == ptrace.SYSCALL:
            return None  # Only what was judged is refused: the call may have been skipped.
        return self._entered_call(thread, ptrace.get_syscall_info(thread.tid))

    def _entered_call(self, thread: Thread, info: SyscallInfo) -> Event | None:
        if thread.restarting:
            # It was interrupted for a stop of ours, not by the program: this is no new call.
            thread.restarting = False
            before = thread.syscall
            again = before is not None and (info.nr, info.args) == (before.nr, before.args)
            if again or info.nr == _RESTART_SYSCALL[thread.inferior.arch.syscall_abi]:
                return None
        event = self.at_entry(thread, info)
        refused = self._refused(thread, info)  # Also where the entry is told first.
        if event is not None or refused is not None:
            return event or refused
        plan = plan_of(thread)
        return plan.at_syscall(info) if plan is not None else None

    def at_entry(self, thread: Thread, info: SyscallInfo) -> Event | None:
        """Judge a system call that is about to run."""
        thread.syscall = info
        thread.injected = False
        self._entered.pop(thread.tid, None)
        abi = abi_of(info)
        thread.want_return = self._dbg.calllog.entered(thread, info, abi)
        for point in self._of("syscall"):
            if not point.catches_syscall(abi, info.nr):
                continue
            only_return = point.condition is not None and _RETURN_ONLY.search(point.condition)
            if point.phase != "entry":
                thread.want_return = True
            if point.phase == "return" or only_return:
                continue
            event = self._judge(thread, point, info, abi, "entry", None, point.on_entry)
            if event is not None:
                return event
        return None

    def _refused(self, thread: Thread, info: SyscallInfo) -> Event | None:
        """Refuse a call that is denied, or that seccomp refuses; an event if that is caught."""
        self._change(thread, info)
        if thread.injected:
            return None
        points = self._of("seccomp")
        why = self._dbg.guard.judge(thread, info, caught=bool(points))
        if not why:
            return None
        abi = abi_of(info)
        text = f"{self.name_of(abi, info.nr) or info.nr}, {why}"
        for point in points:
            if self._stops(point, thread, self.names_of(info, abi, None)):
                pid = thread.inferior.pid
                return CatchHit(pid, thread.tid, point.number, point.temporary, "seccomp", text)
        self._dbg.notify(Note(thread.inferior.pid, thread.tid, f"seccomp refuses {text}"))
        return None

    def forget(self, thread: Thread) -> None:
        """Drop what a call was decoded to: the user has changed it."""
        self._entered.pop(thread.tid, None)

    @property
    def changing(self) -> bool:
        """Tell whether calls are denied or changed, in whatever process."""
        return bool(self._dbg.denials or self._dbg.tampers)

    def _change(self, thread: Thread, info: SyscallInfo) -> None:
        """Change a call as the rules say."""
        if self._dbg.tampers:
            self._dbg.tampers.enter(thread, info, abi_of(info))
        self.deny(thread, info)

    def deny(self, thread: Thread, info: SyscallInfo) -> None:
        """Have a denied call fail, and tell of it, at its return if that may be told itself."""
        if not self._dbg.denials:
            return
        abi = abi_of(info)
        denial = self._dbg.denials.judge(thread, info, abi)
        if denial is None:
            return
        line = self._dbg.denials.line(thread, info, abi, -denial.errno)
        if thread.want_return:
            self._untold[thread.tid] = line
        else:
            self._dbg.notify(Note(thread.inferior.pid, thread.tid, line))

    def silently(self, thread: Thread) -> None:
        """Refuse what a process that the user does not see may not call."""
        info = ptrace.get_syscall_info(thread.tid)
        if info.op == "exit":
            return
        thread.injected = False
        self._change(thread, info)
        if not thread.injected:
            self._dbg.guard.judge(thread, info, caught=False)

    def at_return(self, thread: Thread, info: SyscallInfo) -> Event | None:
        """Judge a system call that is about to return."""
        self._dbg.tampers.leave(thread)
        shown = self._dbg.calllog.returned(thread, info.rval)
        event = self._returned(thread, info)
        line = self._untold.pop(thread.tid, None)
        if line is not None and event is None and not shown:
            self._dbg.notify(Note(thread.inferior.pid, thread.tid, line))
        return event

    def _returned(self, thread: Thread, info: SyscallInfo) -> Event | None:
        wanted, thread.want_return = thread.want_return, False
        entry, thread.syscall = thread.syscall, None
        if not wanted or entry is None:
            return None
        abi = abi_of(entry)
        for point in self._of("syscall"):
            if point.phase == "entry" or not point.catches_syscall(abi, entry.nr):
                continue
            event = self._judge(thread, point, entry, abi, "return", info.rval, point.on_return)
            if event is not None:
                return event
        return None

    def _judge(
        self,
        thread: Thread,
        point: Catchpoint,
        info: SyscallInfo,
        abi: str,
        phase: str,
        ret: int | None,
        callback: Any,
    ) -> Event | None:
        names = self.names_of(info, abi, ret) if point.condition is not None else None
        decoder = CallDecoder(thread, self._entered)
        event = self._told(thread, info, abi, phase, ret, point)
        self._dbg.current_syscall = event.decoded_by(decoder)
        stops, error = self._dbg.control.passes(point, thread, names, callback)
        if not stops:
            return None
        self._dbg.points.spent(point.number)
        if error is None:
            return event
        return replace(event, error=error).decoded_by(decoder)

    @staticmethod
    def name_of(abi: str, nr: int) -> str:
        """Return a call's name, or an empty string for a number without one."""
        from pydbg.syscalls.table import table_for

        row = table_for(abi).by_number(nr)
        return row.name if row is not None else ""

    def entered(self, thread: Thread) -> SyscallCaught | None:
        """Return the call at whose entry a thread stands, as an event of no catchpoint."""
        info = thread.syscall
        if info is None:
            return None
        event = self._told(thread, info, abi_of(info), "entry", None, None)
        return event.decoded_by(CallDecoder(thread, self._entered))

    def _told(
        self,
        thread: Thread,
        info: SyscallInfo,
        abi: str,
        phase: str,
        ret: int | None,
        point: Catchpoint | None,
    ) -> SyscallCaught:
        return SyscallCaught(
            thread.inferior.pid,
            thread.tid,
            point.number if point is not None else 0,
            point is not None and point.temporary,
            phase,
            abi,
            info.nr,
            self.name_of(abi, info.nr),
            tuple(info.args),
            ret,
        )

    @classmethod
    def names_at(cls, event: SyscallCaught) -> Mapping[str, int]:
        """Return what a condition could name at a stop."""
        return cls._names(event.abi, event.nr, event.args, event.ret)

    @classmethod
    def names_of(cls, info: SyscallInfo, abi: str, ret: int | None) -> Mapping[str, int]:
        """Return what a condition may name: nr, arg1 to arg6, the arguments, ret, errno."""
        return cls._names(abi, info.nr, info.args, ret)

    @staticmethod
    def _names(abi: str, nr: int, args: Sequence[int], ret: int | None) -> Mapping[str, int]:
        from pydbg.syscalls.table import table_for

        names = {"nr": nr}
        for index, value in enumerate(args):
            names[f"arg{index + 1}"] = value
        row = table_for(abi).by_number(nr)
        if row is not None:
            for arg, value in zip(row.args, args, strict=False):
                names[arg.name] = _signed(value) if arg.kind in _SIGNED else value
        if ret is not None:
            names["ret"] = ret
            names["errno"] = -ret if -4095 <= ret < 0 else 0
        return names

    # --- other events ------------------------------------------------------------------------

    def signal(self, thread: Thread, signo: int) -> Event | None:
        """Judge a signal that is about to be delivered."""
        self._dbg.guard.signalled(thread, signo)
        self._dbg.calllog.signalled(thread, signo)
        for point in self._of("signal"):
            if point.signals is None:
                if signo in (5, 2) and not point.all_signals:
                    continue
            elif signo not in point.signals:
                continue
            if self._stops(point, thread, {"signo": signo}):
                pid = thread.inferior.pid
                return SignalReceived(pid, thread.tid, signo, point.number, point.temporary)
        return None

    def event(self, thread: Thread, kind: str, detail: Any) -> Event | None:
        """Judge a fork, vfork, clone, exec, exit, load or unload."""
        for point in self._of(kind):
            pattern = point.pattern
            if pattern is not None and not any(re.search(pattern, name) for name in detail):
                continue
            if self._stops(point, thread, None):
                pid = thread.inferior.pid
                return CatchHit(pid, thread.tid, point.number, point.temporary, kind, detail)
        return None

    def raised(self, point: Catchpoint, thread: Thread) -> CatchHit | None:
        """Judge an event of a runtime in a thread that stands at one of the point's locations."""
        found = None
        if point.pattern is not None:
            found = look(self._dbg, point.kind, thread)
            name = found.type if found is not None else None
            # As in gdb a type that cannot be found out stops.
            if name is not None and not re.search(point.pattern, name):
                return None
        stops, error = self._dbg.control.passes(point, thread)
        if not stops:
            return None
        found = found or look(self._dbg, point.kind, thread) or Raised()
        self._dbg.points.spent(point.number)
        pid, tid = thread.inferior.pid, thread.tid
        kind = point.kind
        return CatchHit(
            pid, tid, point.number, point.temporary, kind, found.type, found.message, error
        )

    def _stops(self, point: Catchpoint, thread: Thread, names: Mapping[str, int] | None) -> bool:
        stops, _ = self._dbg.control.passes(point, thread, names)
        if stops:
            self._dbg.points.spent(point.number)
        return stops


_SIGNED = frozenset({"fd", "dirfd", "int", "pid", "offset"})


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF if value >> 32 == 0 else (1 << 64) - 1
    if value >> 63:
        return value - (1 << 64)
    return value - (1 << 32) if value >> 31 == 1 else value
