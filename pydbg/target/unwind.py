"""Walk a stopped thread's stack: from one frame's registers to its caller's.

Three ways, the best first: call frame information (exact at every instruction), the kernel's
record below a signal handler, and, where neither is there, what the code looks like: its
prologue, the frame pointer, the return address on top of the stack (`guesses`).

The rules of where a stack ends and when it is called corrupt are gdb's (frame.c). Stopping
at ``main`` is not among them: that is the caller's taste.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from pydbg.arch import Arch
from pydbg.errors import FileError, MemoryFault
from pydbg.symbols.dwexpr import evaluate
from pydbg.target import sigframe
from pydbg.target.rawframe import NO_PC, Modules, RawFrame, Read, Way

if TYPE_CHECKING:
    from pydbg.symbols.cfi import Row
    from pydbg.target.guesses import Guesses

__all__ = ["RawFrame", "Unwinding", "unwind"]

_IDENTICAL = "previous frame identical to this frame (corrupt stack?)"
_INNER = "previous frame inner to this frame (corrupt stack?)"
_MAX_SWITCHES = 64  # a stack changes at a signal on an alternate stack, and seldom more


class Unwinding(Iterator[RawFrame]):
    """Give frames one by one, innermost first; work is done only for those asked for.

    When it has ended, ``stop_reason`` is None for a whole stack (or one cut by ``limit``),
    else why it could not go on, in gdb's words.
    """

    def __init__(
        self,
        regs: Mapping[int, int],
        *,
        read: Read,
        modules: Modules,
        arch: Arch,
        limit: int,
        entry: int | None = None,
    ) -> None:
        self.stop_reason: str | None = None
        self._read = read
        self._modules = modules
        self._arch = arch
        self._word = arch.pointer_size
        self._mask = (1 << (8 * self._word)) - 1
        self._ra = arch.return_column
        self._sp, self._fp = arch.stack_columns
        self._limit = limit
        self._last: RawFrame | None = None
        self._way: Way | None = None
        self._ended = False
        self._switches = 0
        self._first = dict(regs)
        self._parked = entry is not None
        pc = regs[self._ra]
        self._exact = entry is None or entry == pc or self._symbol_at(pc)[1] == 0

    def __next__(self) -> RawFrame:
        if self._ended:
            raise StopIteration
        last = self._last
        if last is None:
            frame = self._frame(0, self._first, exact=self._exact)
        else:
            found = self._step(last)
            if found is None:
                self._ended = True
                raise StopIteration
            frame = found
        self._last = frame
        if frame.level + 1 >= self._limit:
            self._ended = True
        return frame

    # --- from frame to frame -----------------------------------------------------------------

    def _step(self, last: RawFrame) -> RawFrame | None:
        """Find the caller of a frame, or say why there is none."""
        way = self._way
        assert way is not None
        self._way = None
        if way.outermost:
            return None
        if way.error is not None:
            self.stop_reason = way.error
            return None
        try:
            regs = self._caller(last, way)
        except MemoryFault as fault:
            self.stop_reason = str(fault)
            return None
        if regs is None:
            self.stop_reason = NO_PC
            return None
        frame = self._frame(last.level + 1, regs, exact=self._interrupted(last))
        return self._check(last, frame)

    def _interrupted(self, last: RawFrame) -> bool:
        """Tell whether a frame's caller called nothing: a signal came in its way.

        Go's handler makes a fault look like a call of runtime.sigpanic (signal_amd64.go).
        """
        return last.is_signal or self._symbol_at(last.lookup_pc)[0] == "runtime.sigpanic"

    def _symbol_at(self, addr: int) -> tuple[str, int]:
        """Return the symbol of Go code and how far behind its start an address is."""
        module = self._modules.at(addr)
        found = module.symbol_at(addr) if module is not None and module.is_go else None
        return ("", -1) if found is None else (found[0].name, found[1])

    def _check(self, last: RawFrame, frame: RawFrame) -> RawFrame | None:
        """Look for the signs of a corrupt stack; what comes after a bad frame is not shown."""
        way = self._way
        assert way is not None
        if frame.cfa is None or last.cfa is None:
            return frame
        if frame.cfa == last.cfa and frame.function == last.function:
            self.stop_reason = _IDENTICAL
            return None
        if frame.cfa <= last.cfa:
            self._switches += 1
            bad = frame.cfa < last.cfa and not last.is_signal and not frame.is_signal
            if bad or self._switches > _MAX_SWITCHES:
                way.error = way.error or _INNER
        return frame

    def _frame(self, level: int, regs: dict[int, int], *, exact: bool) -> RawFrame:
        pc = regs[self._ra]
        lookup_pc = pc if exact else (pc - 1) & self._mask
        way = self._plain_way(pc, lookup_pc, regs)
        if way is not None:
            self._way = way
            return RawFrame(
                level, pc, lookup_pc, regs, "cfi", way.cfa, way.saved, way.function, self._parked
            )
        frame = RawFrame(level, pc, lookup_pc, regs, parked=self._parked)
        way = self._way = self._find_way(frame, exact)
        if way.how == "signal":
            frame.lookup_pc = pc
        if pc == 0 and level > 0 and not exact:
            # A thread's bottom: nobody returns to 0.
            if way.how == "fp":
                sp = regs[self._sp]
                way = self._way = Way("sp", sp + self._word & self._mask, {self._ra: sp})
            way.outermost = True
        frame.how, frame.cfa = way.how, way.cfa
        frame.saved, frame.function = way.saved, way.function
        return frame

    def _caller(self, frame: RawFrame, way: Way) -> dict[int, int] | None:
        """Compute the caller's registers; None when the return address is not among them."""
        regs = dict(frame.regs)
        for number in way.lost:
            regs.pop(number, None)
        del regs[self._ra]
        assert way.cfa is not None
        regs[self._sp] = way.cfa
        if way.values:
            regs.update(way.values)
        if way.saved:
            self._load(way.saved, regs)
        return regs if self._ra in regs else None

    def _load(self, saved: dict[int, int], regs: dict[int, int]) -> None:
        """Read saved registers: in one piece where they lie together, as they mostly do."""
        word = self._word
        low, high = min(saved.values()), max(saved.values()) + word
        if high - low <= 512:
            try:
                data = self._read(low, high - low)
            except MemoryFault:
                pass
            else:
                for number, addr in saved.items():
                    at = addr - low
                    regs[number] = int.from_bytes(data[at : at + word], "little")
                return
        for number, addr in saved.items():
            try:
                regs[number] = self._word_at(addr)
            except MemoryFault:
                if number == self._ra:
                    raise MemoryFault(addr, word) from None
                regs.pop(number, None)

    def _word_at(self, addr: int) -> int:
        return int.from_bytes(self._read(addr, self._word), "little")

    # --- ways out of one frame -----------------------------------------------------------------

    def _plain_way(self, pc: int, lookup_pc: int, regs: dict[int, int]) -> Way | None:
        """Give the way of most frames, by rules of the usual kind; None where more is to be done.

        It is what `_find_way` would give, for less.
        """
        module = self._modules.at(lookup_pc)
        if module is None:
            return None
        cfi, bias = module.cfi, module.bias
        row = cfi.cfi_for(lookup_pc - bias)
        if row is None or row.plain is None or row.signal_frame:
            return None
        function = row.function_low + bias
        if function == pc and row.function_low not in cfi.plain_starts:
            return None
        base = regs.get(row.cfa.register)
        if base is None:
            return None
        mask, ra = self._mask, row.ra_column
        cfa = (base + row.cfa.offset) & mask
        saved = {
            self._ra if number == ra else number: (cfa + offset) & mask
            for number, offset in row.plain
        }
        way = Way("cfi", cfa, saved, function=function)
        way.outermost = module.is_main and function == module.elf.entry + bias
        return way

    @cached_property
    def _guesses(self) -> Guesses:
        from pydbg.target.guesses import Guesses  # Most stacks need none.

        return Guesses(self._read, self._modules, self._arch)

    def _find_way(self, frame: RawFrame, exact: bool) -> Way:
        module = self._modules.at(frame.lookup_pc)
        row: Row | None = None
        if module is not None:
            row = module.cfi.cfi_for(frame.lookup_pc - module.bias)
        function = row.function_low + module.bias if row is not None else None
        if row is None or (not row.signal_frame and function == frame.pc):
            # A "return address" that begins a function was put there by the kernel. Only
            # then are the bytes worth a look; Go's trampoline has CFI that is wrong.
            way = self._trampoline(frame)
            if way is not None:
                return way
            if row is not None and module is not None:
                module.cfi.plain_starts.add(row.function_low)
        if row is not None:
            way = self._by_cfi(frame, row, module.bias)
            way.outermost = way.outermost or way.is_entry(module)
            return way
        return self._guesses.way(frame, module, exact)

    def _by_cfi(self, frame: RawFrame, row: Row, bias: int) -> Way:
        way = Way("signal" if row.signal_frame else "cfi", function=row.function_low + bias)
        try:
            self._apply(frame, row, bias, way)
        except (MemoryFault, FileError) as error:
            way.error = str(error)
        except KeyError as error:
            way.error = f"DWARF register {error} is not known in this frame"
        return way

    def _apply(self, frame: RawFrame, row: Row, bias: int, way: Way) -> None:
        regs, mask = frame.regs, self._mask
        register = regs.__getitem__
        rule = row.cfa
        assert rule is not None

        def run(expression: bytes, *stack: int) -> int:
            return evaluate(
                expression,
                register=register,
                read=self._read,
                pointer_size=self._word,
                bias=bias,
                stack=stack,
            )

        if rule.expression is None:
            cfa = (regs[rule.register] + rule.offset) & mask
        else:
            cfa = run(rule.expression)
        way.cfa = cfa
        lost = []
        for number, (kind, value, expression) in row.rules.items():
            if number == row.ra_column:
                if kind == "undefined":
                    way.outermost = True
                    continue
                number = self._ra
            if kind == "offset":
                way.saved[number] = (cfa + value) & mask
            elif kind == "expression":
                way.saved[number] = run(expression, cfa)
            elif kind == "val_offset":
                way.values[number] = (cfa + value) & mask
            elif kind == "val_expression":
                way.values[number] = run(expression, cfa)
            elif kind == "register" and value in regs:
                way.values[number] = regs[value]
            elif kind != "same":
                lost.append(number)
        way.lost = tuple(lost)

    def _trampoline(self, frame: RawFrame) -> Way | None:
        """Recognise a signal trampoline by its bytes."""
        sp = frame.regs.get(self._sp)
        saved = None if sp is None else sigframe.saved_at(self._read, frame.pc, sp, self._word)
        if saved is None:
            return None
        try:
            cfa = self._word_at(saved[self._sp])
        except MemoryFault as fault:
            return Way("signal", error=str(fault), function=frame.pc)
        return Way("signal", cfa=cfa, saved=saved, function=frame.pc)


def unwind(
    regs: Mapping[int, int],
    *,
    read: Read,
    modules: Modules,
    arch: Arch,
    limit: int | None = None,
    entry: int | None = None,
) -> Unwinding:
    """Walk the stack of a thread that is stopped with these registers.

    ``regs`` maps DWARF numbers to values and must hold at least the stack pointer and, as
    ``arch.return_column``, the pc. ``read(addr, size)`` reads memory or raises MemoryFault.
    With ``entry`` it is a stack that no thread runs on: its pc is where a call returns to,
    unless it is ``entry``, where it is to begin.

    >>> from pydbg.arch import X86_64
    >>> from pydbg.symbols.modules import ModuleList
    >>> def unreadable(addr, size):
    ...     raise MemoryFault(addr, size)
    >>> frames = unwind({16: 0, 7: 0x1000}, read=unreadable, modules=ModuleList(), arch=X86_64)
    >>> [hex(frame.pc) for frame in frames], frames.stop_reason
    (['0x0'], 'Cannot access memory at address 0x1000')
    """
    limit = limit if limit is not None else 1 << 62
    return Unwinding(regs, read=read, modules=modules, arch=arch, limit=limit, entry=entry)
