"""Watching by stepping: for what the debug registers cannot do. It is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.errors import MemoryFault
from pydbg.events import Event, WatchpointTriggered, joined
from pydbg.linux import ptrace
from pydbg.records import replace

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.target.thread import Thread
    from pydbg.watches import Watches
    from pydbg.watchpoints import Watchpoint

__all__ = ["WatchSteps", "stop_of"]

_PATIENCE = 50
"""Steps of other threads within which the thread that changed memory is heard of."""
_CALLS = (b"\x0f\x05", b"\x0f\x34", b"\xcd\x80")
"""syscall, sysenter, int $0x80."""


class WatchSteps:
    """Have threads step while something is watched that way, and look after each step."""

    def __init__(self, dbg: Debugger, watches: Watches) -> None:
        self._dbg = dbg
        self._watches = watches
        self._points: list[Watchpoint] = []
        self._seen: dict[Watchpoint, bytes | None] = {}
        """What stands in the watched parts; a value is worked out only when that changes."""
        self._forced: set[int] = set()
        """The threads that step for a watchpoint, not because their plan says so."""
        self._before: dict[int, bytes] = {}
        """The registers before the step, where there are several threads."""
        self._declined: dict[Watchpoint, int] = {}

    def add(self, point: Watchpoint) -> None:
        """Watch a watchpoint by steps."""
        if point not in self._points:
            self._points.append(point)
            self._points.sort(key=lambda one: one.number)

    def discard(self, point: Watchpoint) -> None:
        """Watch it no more."""
        if point in self._points:
            self._points.remove(point)
        self._seen.pop(point, None)
        self._declined.pop(point, None)

    def note(self, point: Watchpoint) -> None:
        """Keep what stands in a watchpoint's memory now."""
        if point in self._points:
            self._seen[point] = self._bytes(point)

    def _bytes(self, point: Watchpoint) -> bytes | None:
        inferior = self._dbg.inferior
        assert inferior is not None
        try:
            return b"".join(inferior.read(addr, size) for addr, size in point.parts)
        except MemoryFault:
            return None

    # --- running -----------------------------------------------------------------------------

    def request(self, thread: Thread, request: int) -> int:
        """Return how a thread is to be resumed that its plan wants resumed by ``request``."""
        self._forced.discard(thread.tid)
        if not self._points or request == ptrace.SINGLESTEP:
            return request
        if thread.inferior is not self._dbg.inferior or not self._points_of(thread):
            return request
        if request == ptrace.SYSCALL and self._at_call(thread):
            return request  # A step would run through both of its stops.
        self._forced.add(thread.tid)
        if len(thread.inferior.threads) > 1:
            self._before[thread.tid] = bytes(thread.fetch())
        return ptrace.SINGLESTEP

    @staticmethod
    def _at_call(thread: Thread) -> bool:
        return thread.inferior.read_some(thread.pc, 2) in _CALLS

    def _points_of(self, thread: Thread) -> list[Watchpoint]:
        """Return what is watched in a thread: locals and registers only in their own."""
        return [
            point
            for point in self._points
            if point.expression is None or point.expression.thread in (None, thread)
        ]

    def forced(self, thread: Thread) -> bool:
        """Tell whether a thread's last step was for a watchpoint only."""
        return thread.tid in self._forced

    def stepped(self, thread: Thread) -> Event | None:
        """Look for changes after a step."""
        if not self._points or thread.inferior is not self._dbg.inferior:
            return None
        told: Event | None = None
        before = self._before.pop(thread.tid, b"")
        for point in self._points_of(thread):
            expression = point.expression
            scope = None if expression is None else expression.scope
            if scope is None or thread.sp < scope.cfa:
                by_value = expression is not None and expression.in_registers
                if not by_value and self._bytes(point) == self._seen.get(point):
                    continue
                if not by_value and before and self._is_anothers(point, thread, before):
                    continue
            told = joined(told, self._watches.judge(thread, point))
        return told

    def _is_anothers(self, point: Watchpoint, thread: Thread, before: bytes) -> bool:
        """Tell whether another thread made a change: its own stop is still to come."""
        declined = self._declined.pop(point, 0)
        if declined >= _PATIENCE or _writes(thread, before, point.parts):
            return False
        self._declined[point] = declined + 1
        return True


def _writes(thread: Thread, before: bytes, parts: tuple[tuple[int, int], ...]) -> bool:
    """Tell whether the instruction that was stepped from these registers writes to memory."""
    from pydbg.arch.access import effect

    inferior = thread.inferior
    arch = inferior.arch

    def read(name: str) -> int | None:
        register = arch.by_name.get(name)
        offset = 0
        while register is not None and register.where == "sub":
            offset += register.offset
            register = arch.by_name.get(register.parent or "")
        if register is None or register.where != "gpr":
            return None
        start = register.offset + offset
        return int.from_bytes(before[start : start + register.size], "little")

    pc = read(arch.pc) or 0
    code = inferior.read_some(pc, arch.max_insn)
    if code[:2] in _CALLS:
        return True  # The kernel may have written.
    found = effect(code, pc, read, arch=arch)
    if found is None:
        return True
    return any(
        "write" in access.kind and access.addr < addr + size and addr < access.addr + access.size
        for access in found.accesses
        for addr, size in parts
    )


def stop_of(
    dbg: Debugger, point: Watchpoint, thread: Thread, old: bytes | None, old_value: Any
) -> Event | None:
    """Return the stop at a watchpoint whose memory was touched, if it is to stop."""
    event = WatchpointTriggered(
        thread.inferior.pid,
        thread.tid,
        point.number,
        point.temporary,
        point.kind,
        point.addr,
        point.size,
        point.number_of(old),
        point.number_of(point.content),
        thread.pc,
        what=point.spec,
        software=point.software,
        old_value=old_value,
        new_value=point.last,
    )
    callback = point.callback
    ask = None if callback is None else (lambda _: callback(event))
    stops, error = dbg.control.passes(point, thread, None, ask)
    if not stops:
        return None
    dbg.points.spent(point.number)
    return event if error is None else replace(event, error=error)
