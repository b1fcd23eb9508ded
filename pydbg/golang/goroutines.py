"""Goroutines: which there are, what each waits for, and the stack of one that no thread runs."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from pydbg.errors import CommandError, DebuggerError
from pydbg.expr.values import Value
from pydbg.frames import Frame, frames_of
from pydbg.golang.layout import Layout, layout_of
from pydbg.records import Record
from pydbg.target.unwind import RawFrame

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.symbols.modules import Module
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread as Tracee
    from pydbg.threads import Thread

__all__ = ["Goroutine", "Goroutines"]

STATES = {
    0: "idle", 1: "runnable", 2: "running", 3: "syscall", 4: "waiting", 5: "moribund",
    6: "dead", 7: "enqueue", 8: "copystack", 9: "preempted",
}  # fmt: skip
"""_Gidle and so on (runtime2.go), in the words of the runtime's own script for gdb."""
_SCAN = 0x1000
"""_Gscan: the garbage collector looks at its stack."""
_MOST = 1 << 20
"""Goroutines that are read at the most."""
_DEEPEST = 64
"""Frames that a search for the first one outside of the runtime looks at."""
_STACK = 256
_GAP, _PIECE = 4096, 1 << 20
"""Bytes between structs that are read along, and bytes of one read at the most."""
_G0 = 0
"""In a runtime.m: the goroutine on the thread's own stack is its first member."""
_WORD = struct.Struct("<Q")
_RIP, _RSP, _RBP = 16, 7, 6


class Goroutine(Record):
    """Describe one goroutine; addresses are run-time addresses.

    ``thread`` is the one that runs it, or waits for the kernel in its name; None where none does.
    """

    id: int
    addr: int
    status: str
    wait_reason: str
    wait_since: int
    """When it began to wait, by CLOCK_MONOTONIC in nanoseconds, 0 if nobody took note."""
    thread: Thread | None
    on_thread: bool
    """Whether its stack is where the thread's registers point: not while that does the
    runtime's work on a stack of its own."""
    pc: int
    sp: int
    bp: int
    created_at: int
    """Where the go statement that made it returned to, 0 for the first one."""
    start: int
    """The function that it began with."""

    @property
    def registers(self) -> dict[int, int]:
        """Return what is kept of its registers, by DWARF number."""
        return {_RIP: self.pc, _RSP: self.sp, _RBP: self.bp}


class _Way(Record):
    """Hold what a pc means to the search for a frame: who it is, and how far its caller is."""

    frame: Frame | None
    """The innermost frame there that is not the runtime's."""
    size: int
    """From the stack pointer to the frame's end, 0 where that is not so simple."""


class Goroutines:
    """Read the goroutines of the program of one debugger while it is stopped."""

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg
        self._known: tuple[object, Layout | None] = (None, None)
        self._reasons: tuple[str, ...] = ()
        self._ways: dict[int, _Way] = {}
        self._places: dict[tuple[int, bool], list[Frame]] = {}
        self._home = ""

    # --- the runtime's own records -------------------------------------------------------------

    def _module(self) -> Module | None:
        return next((one for one in self._dbg.modules if one.is_go), None)

    def _layout(self) -> Layout:
        module = self._module()
        if module is None:
            raise CommandError("The program has no goroutines: it is not a Go program.")
        key = (id(module.elf), module.bias, self._dbg.live_inferior().pid)
        if self._known[0] != key:
            self._known = (key, layout_of(self._dbg, module))
            self._reasons, self._ways, self._places, self._home = (), {}, {}, ""
        layout = self._known[1]
        if layout is None:
            raise CommandError("Nothing describes the goroutines: no debug information.")
        return layout

    def all(self) -> list[Goroutine]:
        """Return all goroutines that have not ended, in the order in which they were made.

        Raises CommandError where the program has none, MemoryFault where they cannot be read.
        """
        layout = self._layout()
        inferior = self._dbg.live_inferior()
        array, length = struct.unpack("<QQ", inferior.read(layout.allgs, 16))
        length = min(length, _MOST)
        if not length:
            return []
        pointers = struct.unpack(f"<{length}Q", inferior.read(array, 8 * length))
        running = self._threads(inferior, layout)
        read = dict(_structs(inferior, pointers, layout.size))
        found = []
        for addr in pointers:
            data = read.get(addr)
            if data is not None and len(data) == layout.size:
                one = self._decode(layout, addr, data, running)
                if one is not None:
                    found.append(one)
        return found

    def _threads(self, inferior: Inferior, layout: Layout) -> dict[int, tuple[Thread, bool]]:
        """Return which goroutine each thread runs, and whether it is on the goroutine's stack."""
        found: dict[int, tuple[Thread, bool]] = {}
        for tracee in inferior.threads.values():
            thread = cast("Thread", tracee)
            if thread.zombie or thread.running:
                continue
            own = self._dbg.steps.map.goroutine(thread)[0]
            if not own:
                continue
            try:
                m = _word(inferior, own + layout.m)
                if not m or _word(inferior, m + layout.procid) != thread.tid:
                    continue
                current = _word(inferior, m + layout.curg)
                system = own == _word(inferior, m + _G0)
            except DebuggerError:
                continue
            if current:
                # A signal's handler has a goroutine, too; its stack leads to the current one's.
                found[current] = thread, not system
        return found

    def _decode(
        self, layout: Layout, addr: int, data: memoryview, running: dict[int, tuple[Thread, bool]]
    ) -> Goroutine | None:
        word = _WORD.unpack_from
        state = int.from_bytes(data[layout.status : layout.status + 4], "little")
        plain = state & ~_SCAN
        if plain in (0, 6):
            return None
        name = STATES.get(plain, f"unknown({state})") + ("+s" if state & _SCAN else "")
        waits = plain == 4
        number = word(data, layout.goid)[0]
        thread, on_thread = running.get(addr, (None, False))
        return Goroutine(
            id=number,
            addr=addr,
            status=name,
            wait_reason=self._reason(layout, data[layout.wait_reason]) if waits else "",
            wait_since=word(data, layout.wait_since)[0] if waits else 0,
            thread=thread if plain in (2, 3) else None,
            on_thread=on_thread and plain in (2, 3),
            pc=word(data, layout.pc)[0],
            sp=word(data, layout.sp)[0],
            bp=word(data, layout.bp)[0],
            created_at=0 if number == 1 else word(data, layout.created)[0],
            start=word(data, layout.start)[0],
        )

    def _reason(self, layout: Layout, number: int) -> str:
        if not self._reasons and layout.reasons:
            self._reasons = tuple(self._reason_texts(layout))
        return self._reasons[number] if number < len(self._reasons) else ""

    def _reason_texts(self, layout: Layout) -> Iterator[str]:
        inferior = self._dbg.live_inferior()
        data = inferior.read_some(layout.reasons, 16 * layout.reason_count)
        for addr, size in struct.iter_unpack("<QQ", data[: len(data) & ~15]):
            text = inferior.read_some(addr, min(size, 100))
            yield text.decode("utf-8", "backslashreplace")

    def find(self, number: int) -> Goroutine:
        """Return a goroutine by its number; raises CommandError if there is none."""
        for one in self.all():
            if one.id == number:
                return one
        raise CommandError(f"No such goroutine: {number}")

    def current(self, thread: Thread) -> Goroutine | None:
        """Return the goroutine that a thread runs, None for none."""
        try:
            return next((one for one in self.all() if one.thread is thread), None)
        except DebuggerError:
            return None

    def number_of(self, thread: Tracee) -> int:
        """Return the number of the goroutine that a thread runs, 0 for none or no Go program."""
        if self._module() is None:
            return 0
        try:
            layout = self._layout()
            g = self._dbg.steps.map.goroutine(thread)[0]
            m = _word(thread.inferior, g + layout.m) if g else 0
            g = _word(thread.inferior, m + layout.curg) if m else 0
            return _word(thread.inferior, g + layout.goid) if g else 0
        except DebuggerError:
            return 0

    def panic_of(self, one: Goroutine) -> Value | None:
        """Return what a goroutine panics with now, the last panic's value; None for none."""
        layout = self._layout()
        dbg = self._dbg
        addr = _word(dbg.live_inferior(), one.addr + layout.panic)
        ctype = dbg.variables.type_named("runtime._panic", None) if addr else None
        if ctype is None:
            return None
        return Value.at(ctype, addr, dbg.context().read).member("arg")

    def select(self, one: Goroutine) -> None:
        """Look at a goroutine's stack: its thread's, or the one that it sleeps on."""
        dbg = self._dbg
        if one.thread is not None:
            dbg.select_thread(one.thread.number)
            if one.on_thread:
                return
        dbg.parked = one

    # --- where one is --------------------------------------------------------------------------

    def where(self, one: Goroutine) -> Frame | None:
        """Return the innermost frame of a goroutine that is not the runtime's.

        Of one that never leaves the runtime it is the function that it began with.
        """
        self._layout()
        if one.thread is not None and one.on_thread:
            frames = self._dbg.frames_of(one.thread, _DEEPEST)
            outside = (frame for frame in frames if not self._is_runtime(frame))
            return next(outside, frames[0] if frames else None)
        return self._asleep(one) or self.place(one.start, exact=True)

    def _asleep(self, one: Goroutine) -> Frame | None:
        inferior = self._dbg.live_inferior()
        pc, sp = one.pc, one.sp
        stack = inferior.read_some(sp, _STACK)
        base = sp
        for _ in range(_DEEPEST):
            exact = pc == one.start
            way = self._ways.get(pc)
            if way is None:
                way = self._ways[pc] = self._way(pc, exact)
            if way.frame is not None or not way.size:
                return way.frame
            sp += way.size
            at = sp - 8 - base
            if at + 8 > len(stack):
                base, at = sp - 8, 0
                stack = inferior.read_some(base, _STACK)
                if len(stack) < 8:
                    return None
            pc = int.from_bytes(stack[at : at + 8], "little")
        return None

    def _way(self, pc: int, exact: bool) -> _Way:
        lookup = pc if exact else pc - 1
        module = self._dbg.modules.at(lookup)
        if module is None:
            return _Way(None, 0)
        try:
            row = module.cfi.cfi_for(module.link_addr(lookup))
        except DebuggerError:
            row = None
        size = 0
        if row is not None and row.cfa is not None and row.cfa.register == _RSP:
            size = row.cfa.offset if row.cfa.expression is None else 0
        frames = self._frames_at(pc, exact)
        outside = (frame for frame in frames if not self._is_runtime(frame))
        return _Way(next(outside, None), max(size, 0))

    def is_runtime(self, one: Goroutine) -> bool:
        """Tell whether a goroutine is the runtime's own: it began in one of its functions."""
        start = self.place(one.start, exact=True)
        return one.id != 1 and start is not None and self._is_runtime(start)

    def place(self, pc: int, *, exact: bool = False) -> Frame | None:
        """Return the innermost frame that a pc stands for; it has no stack."""
        return next(iter(self._frames_at(pc, exact)), None) if pc else None

    def _frames_at(self, pc: int, exact: bool) -> list[Frame]:
        thread = self._dbg.thread
        if thread is None:
            return []
        kept = self._places.get((pc, exact))
        if kept is None:
            raw = RawFrame(0, pc, pc if exact else pc - 1, {}, parked=True)
            kept = self._places[pc, exact] = list(frames_of(thread, raw, None))
        return kept

    def _is_runtime(self, frame: Frame) -> bool:
        """Tell whether a frame is the runtime's, whatever package it is named after."""
        if not self._home:
            self._home = self._runtime_folder() or "?"
        if frame.path or frame.file:
            folder = (frame.path or frame.file or "").rpartition("/")[0]
            if folder == self._home:
                return True
        return (frame.function or "runtime.").startswith("runtime.")

    def _runtime_folder(self) -> str:
        """Return where the source of the runtime is: the folder of its ``gopark``."""
        for symbol, addr in self._dbg.functions_named("runtime.gopark"):
            if symbol.is_code:
                frame = self.place(addr, exact=True)
                if frame is not None:
                    return (frame.path or frame.file or "").rpartition("/")[0]
        return ""


def _structs(
    inferior: Inferior, addrs: Sequence[int], size: int
) -> Iterator[tuple[int, memoryview]]:
    """Read structs of one size: those that lie close together in one piece."""
    group: list[int] = []
    for addr in [*sorted(set(addrs)), None]:
        if group and (addr is None or addr - group[-1] > _GAP or addr - group[0] > _PIECE):
            data = memoryview(inferior.read_some(group[0], group[-1] + size - group[0]))
            for one in group:
                start = one - group[0]
                yield one, data[start : start + size]
            group = []
        if addr is not None:
            group.append(addr)


def _word(inferior: Inferior, addr: int) -> int:
    return int.from_bytes(inferior.read(addr, 8), "little")
