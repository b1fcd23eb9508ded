"""What steps by source lines ask about the place a thread stands at.

One question each: which line and function, which frame, which inlined calls, where a call
leads, what code a line has. Answers that depend on the program's files alone are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.errors import DebuggerError
from pydbg.records import NamedTuple
from pydbg.symbols.languages import GO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydbg.debugger import Debugger
    from pydbg.symbols.functions import Inlined
    from pydbg.symbols.linecode import LineCode
    from pydbg.symbols.modules import InlineCall, Module
    from pydbg.target.thread import Thread
    from pydbg.target.unwind import RawFrame

__all__ = ["FrameId", "LineMap", "Place"]

_STUBS = (".plt", ".plt.sec", ".plt.got", ".plt.bnd", ".iplt")
_MOST = 4096


class FrameId(NamedTuple):
    """Be what tells frames apart: gdb's frame_id.

    ``cfa`` counts from the top of the stack for a goroutine, whose stack may move.
    """

    cfa: int
    function: int
    """The run-time address of the function's entry, 0 where nothing is known."""
    chain: tuple[int, ...] = ()
    """The inlined calls that the frame is in, outermost first."""

    @property
    def real(self) -> tuple[int, int]:
        """Give the frame that the function's own code has (gdb's stack frame id)."""
        return self.cfa, self.function


class Place(NamedTuple):
    """Hold where an address is by the line table, as run-time addresses."""

    low: int
    high: int
    path: str
    line: int
    is_stmt: bool


class Facts(NamedTuple):
    """Hold what the files tell of one address, which a step asks again and again."""

    module: Module | None
    place: Place | None
    function: int
    entered: tuple[InlineCall, ...]
    """The inlined calls around it, outermost first."""
    ahead: tuple[InlineCall, ...]
    """The inlined calls whose code begins there."""
    cfa: tuple[str, int] | None
    """Register and offset; None where it takes more to know."""
    is_go: bool


class LineMap:
    """Answer the questions of steps about one debugger's program."""

    def __init__(self, dbg: Debugger) -> None:
        self.dbg = dbg
        self._codes: dict[tuple[Any, ...], LineCode] = {}
        self._slots: dict[tuple[Any, int], int | None] = {}
        self._facts: dict[int, Facts] = {}
        self._modules: tuple[object, int] = None, 0
        """The modules, and their version, that the facts are of."""

    def module_at(self, addr: int) -> Module | None:
        """Give the module of an address."""
        return self.dbg.modules.at(addr)

    def forget(self) -> None:
        """Forget what files told: there are others now."""
        self._facts.clear()
        self._codes.clear()

    # --- lines and functions -----------------------------------------------------------------

    def facts(self, addr: int) -> Facts:
        """Give what the files tell of an address."""
        modules = self.dbg.modules
        known, version = self._modules
        if known is not modules or version != modules.version:
            self._facts, self._modules = {}, (modules, modules.version)
        found = self._facts.get(addr)
        if found is None:
            if len(self._facts) > _MOST:
                self._facts.clear()
            found = self._facts[addr] = self._work_out(modules.at(addr), addr)
        return found

    def _work_out(self, module: Module | None, addr: int) -> Facts:
        if module is None:
            return Facts(None, None, 0, (), (), None, False)
        place: Place | None = None
        calls: list[InlineCall] = []
        entry = 0
        is_go = False
        try:
            line = module.line_at(addr)
            if line is not None and line.line:
                place = Place(line.low, line.high, line.path, line.line, line.is_stmt)
            function = module.function_at(addr)
            calls = module.inline_calls_at(addr) if function is not None else []
            if function is not None:
                entry = module.addr(function.low)
                is_go = function.unit.language == GO
            else:
                symbol = module.symbol_at(addr)
                entry = addr - symbol[1] if symbol is not None else 0
        except DebuggerError:
            pass  # Damaged debug information: what was read so far has to do.
        ahead: list[InlineCall] = []
        while calls and calls[-1].begins_at(addr):
            ahead.insert(0, calls.pop())
        return Facts(
            module, place, entry, tuple(calls), tuple(ahead), self._cfa_rule(module, addr), is_go
        )

    def _cfa_rule(self, module: Module, addr: int) -> tuple[str, int] | None:
        row = module.cfi.cfi_for(module.link_addr(addr))
        if row is None or row.cfa is None or row.cfa.expression is not None:
            return None
        register = self.dbg.arch.by_dwarf.get(row.cfa.register)
        return None if register is None else (register.name, row.cfa.offset)

    def place(self, addr: int) -> Place | None:
        """Give the line of an address; None where there is none."""
        return self.facts(addr).place

    def function(self, addr: int) -> int:
        """Give the entry of the function at an address, 0 where nothing tells."""
        return self.facts(addr).function

    def name(self, addr: int) -> str | None:
        """Give the name of the function at an address, as frames show it."""
        module = self.module_at(addr)
        if module is None:
            return None
        try:
            function = module.function_at(addr)
            if function is not None and function.name is not None:
                return function.name
            symbol = module.symbol_at(addr)
        except DebuggerError:
            return None
        return symbol[0].demangled if symbol is not None else None

    def bounds(self, addr: int) -> tuple[int, int, str] | None:
        """Give bounds and name of a function without lines (find_pc_partial_function)."""
        module = self.module_at(addr)
        symbol = module.symbol_at(addr) if module is not None else None
        if module is None or symbol is None:
            return None
        low = addr - symbol[1]
        if symbol[0].size:
            return low, low + symbol[0].size, symbol[0].name
        section = module.elf.section_at(module.link_addr(addr))
        ends = [module.addr_of(s) for s in module.functions() if module.addr_of(s) > addr]
        if section is not None:
            ends.append(module.addr(section.end))
        return (low, min(ends), symbol[0].name) if ends else None

    def body(self, entry: int) -> int:
        """Give where ``step`` into the function at an address stops: behind its prologue."""
        from pydbg.symbols.breakaddr import step_addr

        module = self.module_at(entry)
        if module is None:
            return entry
        try:
            return module.addr(step_addr(module, module.link_addr(entry), module.elf.load_bytes))
        except DebuggerError:
            return entry

    # --- frames ------------------------------------------------------------------------------

    def cfa(self, thread: Thread) -> int | None:
        """Give the canonical frame address of the innermost frame."""
        facts = self.facts(thread.pc)
        cfa: int | None
        if facts.cfa is not None:
            register, offset = facts.cfa
            mask = (1 << 8 * thread.inferior.arch.pointer_size) - 1
            cfa = (thread.registers.get(register) + offset) & mask
        else:
            inner = next(self.raw_frames(thread), None)
            cfa = inner.cfa if inner is not None else None
        if cfa is None:
            return None
        return cfa - self.stack_top(thread) if facts.is_go else cfa

    def raw_frames(self, thread: Thread, limit: int = 2) -> Iterator[RawFrame]:
        """Give the innermost frames of a thread as they are on the stack, also beyond main."""
        from pydbg.callframes import Walk

        return Walk(thread, limit)

    def caller_of(self, thread: Thread, frame: RawFrame) -> RawFrame | None:
        """Give the frame that another one returns to, None for the outermost."""
        for outer in self.raw_frames(thread, frame.level + 2):
            if outer.level > frame.level:
                return outer
        return None

    def stack_top(self, thread: Thread) -> int:
        """Give where addresses on the stack count from: 0, but a goroutine's stack may move."""
        if not self.is_go(thread.pc):
            return 0
        return self.goroutine(thread)[1]

    def is_go(self, addr: int) -> bool:
        """Tell whether an address is in Go code."""
        return self.facts(addr).is_go

    def goroutine(self, thread: Thread) -> tuple[int, int]:
        """Give the goroutine that a thread runs, and the top of its stack; (0, 0) for none.

        Its address is in the thread's storage at fs:-8 (runtime.tlsg on linux/amd64); it
        begins with the bounds of its stack (runtime.g, runtime.stack).
        """
        inferior = thread.inferior
        if inferior.arch.pointer_size != 8:
            return 0, 0
        base = int.from_bytes(thread.fetch()[168:176], "little")  # fs_base (sys/user.h)
        try:
            g = int.from_bytes(inferior.read(base - 8, 8), "little")
            return g, int.from_bytes(inferior.read(g + 8, 8), "little")
        except DebuggerError:
            return 0, 0

    def own(self, thread: Thread) -> Callable[[Thread], bool]:
        """Give what tells whether another stop is in the same thread, or goroutine."""
        goroutine = self.goroutine(thread)[0] if self.is_go(thread.pc) else 0
        if not goroutine:
            return lambda other: other is thread
        return lambda other: self.goroutine(other)[0] == goroutine

    # --- code --------------------------------------------------------------------------------

    def line_code(
        self, place: Place, at: int, chain: tuple[int, ...], *, over: bool
    ) -> LineCode | None:
        """Give the code in which a step over ``place`` goes on, None where it is unknown.

        It is all of the line in the function around ``at`` that belongs to the inlined calls of
        ``chain``; ``over`` takes calls inlined from this line in.
        """
        module = self.module_at(at)
        if module is None or module.lines is None or module.function_table is None:
            return None
        key = (module.lines, place.low - module.bias, module.link_addr(at), chain, over)
        code = self._codes.get(key)
        if code is None:
            if len(self._codes) > _MOST:
                self._codes.clear()
            code = self._line_code(module, place, at, chain, over)
            if code is None:
                return None
            self._codes[key] = code
        return code

    def _line_code(
        self,
        module: Module,
        place: Place,
        at: int,
        chain: tuple[int, ...],
        over: bool,
    ) -> LineCode | None:
        from pydbg.symbols.linecode import joined, line_code, same_line, without_inlined

        assert module.lines is not None and module.function_table is not None
        link_addr = module.link_addr(at)
        lines = module.lines.unit_at(link_addr)
        unit = module.function_table.unit_at(link_addr)
        function = unit.at(link_addr) if unit is not None else None
        found = lines.find(link_addr) if lines is not None else None
        if lines is None or unit is None or function is None or found is None:
            return None
        inside = same_line(lines, found[1], function, place.line)
        inside = joined((*inside, (place.low - module.bias, place.high - module.bias)))

        def through(call: Inlined) -> bool:
            file = lines.file_numbered(call.call_file)
            here = file is not None and file.path == place.path
            return over and here and call.call_line == place.line

        calls = unit.inlined_in(function)
        inside = without_inlined(inside, calls, chain, through)
        return line_code(module.elf.load_bytes, inside, arch=self.dbg.arch)

    def code_of(self, ranges: tuple[tuple[int, int], ...]) -> LineCode | None:
        """Give the code of ranges of run-time addresses."""
        from pydbg.symbols.linecode import joined, line_code

        module = self.module_at(ranges[0][0]) if ranges else None
        if module is None:
            return None
        inside = joined((low - module.bias, high - module.bias) for low, high in ranges)
        key = (module.elf, inside)
        code = self._codes.get(key)
        if code is None:
            code = line_code(module.elf.load_bytes, inside, arch=self.dbg.arch)
            self._codes[key] = code
        return code

    # --- calls -------------------------------------------------------------------------------

    def is_stub(self, addr: int) -> bool:
        """Tell whether an address is in a procedure linkage table."""
        module = self.module_at(addr)
        return module is not None and module.section_at(addr) in _STUBS

    def is_loader(self, addr: int) -> bool:
        """Tell whether an address is in the dynamic linker."""
        module = self.module_at(addr)
        inferior = self.dbg.inferior
        base = inferior.auxv.get(7, 0) if inferior is not None else 0  # AT_BASE
        return module is not None and bool(base) and module.bias == base

    def stub_target(self, addr: int) -> int | None:
        """Give where a stub leads; None while that is not bound, or for no stub."""
        slot = self._slot(addr)
        inferior = self.dbg.live_inferior()
        if slot is None:
            return None
        try:
            data = inferior.read(slot, inferior.arch.pointer_size)
        except DebuggerError:
            return None
        target = int.from_bytes(data, "little")
        return None if not target or self.is_stub(target) else target

    def _slot(self, addr: int) -> int | None:
        """Give the slot of the GOT that the stub at an address jumps through."""
        module = self.module_at(addr)
        if module is None:
            return None
        key = (module.elf, module.link_addr(addr))
        if key not in self._slots:
            self._slots[key] = self._find_slot(module, module.link_addr(addr))
        slot = self._slots[key]
        return None if slot is None else slot + module.bias

    def _find_slot(self, module: Module, link_addr: int) -> int | None:
        from iced_x86 import Decoder, FlowControl

        if module.elf.bits != 64:
            return None  # Position-independent stubs go by a register there.
        try:
            code = module.elf.load_bytes(link_addr, 16)
        except DebuggerError:
            return None
        for insn in Decoder(64, code, ip=link_addr):
            if insn.is_ip_rel_memory_operand:
                # The table's first entry pushes a word before it jumps to the dynamic linker.
                jumps = insn.flow_control == FlowControl.INDIRECT_BRANCH
                return insn.ip_rel_memory_address if jumps else None
            if insn.is_invalid or insn.flow_control != FlowControl.NEXT:
                return None
        return None

    def loader_function(self, name: str) -> int | None:
        """Give the address of a function of the dynamic linker, if its symbols are there."""
        for module in self.dbg.modules:
            if self.is_loader(module.low):
                for symbol in module.lookup(name):
                    if symbol.is_code:
                        return module.addr_of(symbol)
        return None
