"""Walk a stopped thread's stack: from one frame's registers to its caller's.

Three ways, the best first: call frame information (exact at every instruction), the kernel's
record below a signal handler, and, where neither is there, what the code looks like: its
prologue, the frame pointer, the return address on top of the stack. A guess must prove
itself: what it takes for a return address has to stand behind a call instruction.

The rules of where a stack ends and when it is called corrupt are gdb's (frame.c). Stopping
at ``main`` is not among them: that is the caller's taste.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from pydbg.arch import Arch
from pydbg.errors import FileError, MemoryFault
from pydbg.records import Record, field
from pydbg.symbols.dwexpr import evaluate
from pydbg.target import sigframe

if TYPE_CHECKING:
    from pydbg.symbols.cfi import Row

__all__ = ["RawFrame", "Unwinding", "unwind"]

Read = Callable[[int, int], bytes]

_IDENTICAL = "previous frame identical to this frame (corrupt stack?)"
_INNER = "previous frame inner to this frame (corrupt stack?)"
_NO_PC = "frame did not save the PC"
_MAX_SWITCHES = 64  # a stack changes at a signal on an alternate stack, and seldom more
_SCAN, _SCAN_INDIRECT = 64, 8  # words of the stack that a search for a return address looks at
_MAX_UNPROVEN = 1024  # words of an overwritten stack that are shown as if they were callers
_LARGEST_FRAME = 1 << 28  # a frame pointer further up than this belongs to another stack
_CODE_WINDOW = 64  # how much of a function the prologue analysis is shown


class _Modules(Protocol):
    """What is needed of `pydbg.symbols.modules.ModuleList`."""

    def at(self, addr: int, /) -> Any: ...


class RawFrame(Record, frozen=False, often=True):
    """Hold one frame: where it is and how its caller is found.

    ``regs`` are its registers by DWARF number; one that cannot be known any more is absent.
    """

    level: int
    pc: int
    lookup_pc: int
    """The address whose symbol, line and rules are this frame's: pc - 1 for a caller, since
    a return address may be the first byte of something else (after a noreturn call)."""
    regs: dict[int, int]
    how: str = "none"
    """"cfi", "signal" (the trampoline's frame), "prologue", "fp", "sp" (return address on
    top of the stack), "scan" (further up), or "none": the caller cannot be found. "tailcall"
    is a frame that left by a jump and is on no stack, "call" where a function called by the
    debugger returns to."""
    cfa: int | None = None
    """The canonical frame address: the stack pointer before the call (gdb: "frame at")."""
    saved: dict[int, int] = field(default_factory=dict)
    """DWARF number -> address of the memory that holds the caller's value."""
    function: int | None = None
    """The run-time address where the frame's code begins, by CFI or else by symbol."""
    parked: bool = False
    """Whether no thread runs on its stack: its registers are in no thread."""

    @property
    def is_signal(self) -> bool:
        """Tell whether this is the frame that the kernel made to run a handler."""
        return self.how == "signal"


class _Way:
    """How to leave a frame: the recipe that `Unwinding._caller` follows."""

    __slots__ = ("cfa", "error", "function", "how", "lost", "outermost", "saved", "values")

    def __init__(
        self,
        how: str,
        cfa: int | None = None,
        saved: dict[int, int] | None = None,
        *,
        function: int | None = None,
        error: str | None = None,
    ) -> None:
        self.how = how
        self.cfa = cfa
        self.saved: dict[int, int] = {} if saved is None else saved
        self.values: dict[int, int] = {}
        """Registers that are known without reading memory."""
        self.lost: tuple[int, ...] = ()
        """Registers whose caller's value is gone."""
        self.function = function
        self.outermost = False
        self.error = error


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
        modules: _Modules,
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
        self._way: _Way | None = None
        self._ended = False
        self._below_loader = False
        self._switches = 0
        self._unproven = 0
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
            self.stop_reason = _NO_PC
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
                way = self._way = _Way("sp", sp + self._word & self._mask, {self._ra: sp})
            way.outermost = True
        frame.how, frame.cfa = way.how, way.cfa
        frame.saved, frame.function = way.saved, way.function
        return frame

    def _caller(self, frame: RawFrame, way: _Way) -> dict[int, int] | None:
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

    def _plain_way(self, pc: int, lookup_pc: int, regs: dict[int, int]) -> _Way | None:
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
        way = _Way("cfi", cfa, saved, function=function)
        way.outermost = module.is_main and function == module.elf.entry + bias
        return way

    def _find_way(self, frame: RawFrame, exact: bool) -> _Way:
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
            way.outermost = way.outermost or self._is_entry(frame, module, way)
            return way
        return self._by_code(frame, module, exact)

    def _by_cfi(self, frame: RawFrame, row: Row, bias: int) -> _Way:
        way = _Way("signal" if row.signal_frame else "cfi", function=row.function_low + bias)
        try:
            self._apply(frame, row, bias, way)
        except (MemoryFault, FileError) as error:
            way.error = str(error)
        except KeyError as error:
            way.error = f"DWARF register {error} is not known in this frame"
        return way

    def _apply(self, frame: RawFrame, row: Row, bias: int, way: _Way) -> None:
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

    def _trampoline(self, frame: RawFrame) -> _Way | None:
        """Recognise a signal trampoline by its bytes."""
        sp = frame.regs.get(self._sp)
        saved = None if sp is None else sigframe.saved_at(self._read, frame.pc, sp, self._word)
        if saved is None:
            return None
        try:
            cfa = self._word_at(saved[self._sp])
        except MemoryFault as fault:
            return _Way("signal", error=str(fault), function=frame.pc)
        return _Way("signal", cfa=cfa, saved=saved, function=frame.pc)

    # --- without CFI ---------------------------------------------------------------------------

    def _by_code(self, frame: RawFrame, module: Any, exact: bool) -> _Way:
        """Choose among what the code and the stack suggest; the first that proves itself."""
        function: int | None = None
        if module is not None:
            symbol = module.symbol_at(frame.lookup_pc)
            if symbol is not None and symbol[0].is_code:
                function = frame.lookup_pc - symbol[1]
        if self._below_loader or (module is not None and self._starts_loader(module, frame)):
            sp = frame.regs.get(self._sp)
            if sp is not None:
                self._below_loader = True
                return _Way("sp", sp + self._word & self._mask, {self._ra: sp}, function=function)
        ways = list(self._guesses(frame, function, exact))
        for way in ways:
            way.function = function
            if self._proves_itself(frame, way):
                if module is not None:
                    way.outermost = self._is_entry(frame, module, way)
                return way
        # Nothing convinces. What the prologue says is still the best that is known where
        # there is code; the checks of the next frame will end the walk. Elsewhere it is the
        # word on top: after a jump to nowhere, or a stack that was written over, the words
        # are shown one by one, as in gdb, until there is a caller, a null or no memory.
        self._unproven += 1
        way = _Way("none", error=_NO_PC)
        sp = frame.regs.get(self._sp)
        if self._word == 4 and frame.regs.get(self._fp) == 0:
            way = _Way("none")  # i386_frame_cache: a base of 0 marks the outermost frame
            way.outermost = True
        elif self._unproven < _MAX_UNPROVEN:
            if ways:
                way = ways[0]
            elif sp is not None:
                way = _Way("sp", sp + self._word & self._mask, {self._ra: sp})
        way.function = function
        way.outermost |= module is not None and self._is_entry(frame, module, way)
        return way

    def _starts_loader(self, module: Any, frame: RawFrame) -> bool:
        """Tell the first frame of the dynamic loader, which has no CFI.

        Below it gdb shows argc and what argv points to as if they were frames, down to argv's
        null; and so it is here, since people know that picture. (On i386 it does not.)
        """
        if module.is_main or self._word == 4:
            return False
        found = module.symbol_at(frame.lookup_pc)
        if found is None:
            return False
        symbol = found[0]
        return bool(symbol.link_addr == module.elf.entry or symbol.name == "_dl_start_user")

    def _is_entry(self, frame: RawFrame, module: Any, way: _Way) -> bool:
        """Tell whether a frame is where its program began: nothing called it."""
        if way.function is None or way.function != module.elf.entry + module.bias:
            return False
        return bool(module.is_main)

    def _guesses(self, frame: RawFrame, function: int | None, exact: bool) -> Iterator[_Way]:
        word, sp, fp = self._word, frame.regs.get(self._sp), frame.regs.get(self._fp)
        on_top = None
        if sp is not None:
            on_top = _Way("sp", sp + word & self._mask, {self._ra: sp})
        if exact and on_top is not None and self._code(frame.pc, 1) in (b"\xc3", b"\xc2"):
            yield on_top  # at `ret`
        if function is not None:
            from pydbg.arch.prologue import analyze_prologue  # rarely needed

            code = self._code(function, _CODE_WINDOW)
            found = analyze_prologue(code, function, frame.pc, arch=self._arch)
            base = frame.regs.get(found.cfa_register)
            # A frameless function says nothing but "sp + 8", true until it moves sp.
            known = found.has_frame or found.end >= frame.pc or found.cfa_register != self._sp
            if base is not None and (exact or known):
                cfa = base + found.cfa_offset & self._mask
                saved = {n: cfa + offset & self._mask for n, offset in found.saved.items()}
                yield _Way("prologue", cfa, saved)
        elif on_top is not None and (exact or self._modules.at(frame.pc) is None):
            yield on_top  # as after a jump to a wild address, or in code made at run time
        if fp is not None and sp is not None and 0 <= fp - sp < _LARGEST_FRAME:
            cfa = fp + 2 * word & self._mask
            yield _Way("fp", cfa, {self._fp: fp, self._ra: fp + word & self._mask})
        if sp is not None and function is not None:
            yield from self._scan(sp, function)

    def _scan(self, sp: int, function: int) -> Iterator[_Way]:
        """Look up the stack for a word that stands behind a call of this very function.

        For code that pushes without a frame and has no CFI, as __do_global_dtors_aux in
        crtbeginS.o. An indirect call may have gone anywhere, so it counts only near.
        """
        word = self._word
        for index in range(_SCAN):
            at = sp + index * word & self._mask
            try:
                addr = self._word_at(at)
            except MemoryFault:
                return
            if self._modules.at(addr) is None:
                continue
            code = self._code(addr - 8, 8)
            if not _follows_call(code):
                continue
            direct = code[3] == 0xE8
            target = addr + int.from_bytes(code[4:], "little", signed=True) & self._mask
            if target == function if direct else index < _SCAN_INDIRECT:
                yield _Way("scan", at + word & self._mask, {self._ra: at})
                return

    def _proves_itself(self, frame: RawFrame, way: _Way) -> bool:
        """Tell whether what a way takes for a return address stands behind a call.

        Or is the address of a signal trampoline, where a handler returns to. 0 counts as
        well: the bottom of a thread's stack.
        """
        try:
            addr = self._word_at(way.saved[self._ra])
        except (MemoryFault, KeyError):
            return False
        if addr == 0:
            return way.how in ("prologue", "fp")
        return _follows_call(self._code(addr - 8, 8)) or self._is_trampoline(addr)

    def _is_trampoline(self, addr: int) -> bool:
        module = self._modules.at(addr)
        row = module.cfi.cfi_for(addr - module.bias) if module is not None else None
        if row is not None and row.signal_frame:
            return True
        code = self._code(addr, 9)
        return code.startswith((b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", b"\x58\xb8\x77\0\0\0\xcd"))

    def _code(self, addr: int, size: int) -> bytes:
        """Read code, less of it before an unreadable page, none where there is none."""
        addr &= self._mask
        for length in (size, min(size, -addr % 4096 or size)):
            try:
                return self._read(addr, length)
            except MemoryFault:
                continue
        return b""


def _follows_call(code: bytes) -> bool:
    """Tell whether 8 bytes of code end in a call: E8 rel32, or FF /2 in any form.

    >>> _follows_call(bytes([0x90, 0x90, 0x90, 0xe8, 1, 0, 0, 0]))
    True
    >>> _follows_call(bytes([0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0]))
    True
    >>> _follows_call(bytes(8))
    False
    """
    if len(code) < 8:
        return False
    if code[3] == 0xE8:
        return True
    for length in (2, 3, 4, 6, 7):
        if code[-length] == 0xFF and code[1 - length] & 0x38 == 0x10:
            mode, base = code[1 - length] >> 6, code[1 - length] & 7
            if mode == 3:
                size = 2
            else:
                sib = base == 4
                wide = mode == 2 or (mode == 0 and base == 5)
                if mode == 0 and sib and length >= 3 and code[2 - length] & 7 == 5:
                    wide = True  # no base register: a 4-byte address
                size = 2 + sib + (4 if wide else mode)
            if size == length:
                return True
    return False


def unwind(
    regs: Mapping[int, int],
    *,
    read: Read,
    modules: _Modules,
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
