"""What location expressions may ask: of a module, and of one frame of a stopped thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, ExprError, FileError
from pydbg.symbols.entries import At, Die
from pydbg.symbols.loclists import location_at
from pydbg.target.tailcalls import callee_of

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.format import Formatter
    from pydbg.frames import Frame
    from pydbg.symbols.callsites import CallSite
    from pydbg.symbols.modules import Module
    from pydbg.variables.blocks import Block
    from pydbg.variables.files import FileTypes
    from pydbg.variables.scope import FrameScope

__all__ = ["FrameSurroundings", "ModuleSurroundings"]

_NO_FRAME = "No frame selected."
_MAX_REACHED = 1000
_MASK = (1 << 64) - 1
_NOTHING = None, None, None
_GONE = "value has been optimized out"


class ModuleSurroundings:
    """Answer for globals: there is memory, and threads' storage, but no frame."""

    def __init__(self, dbg: Debugger, module: Module, file: FileTypes) -> None:
        self.dbg = dbg
        self.module = module
        self.file = file
        self._die: Die | None = None

    def use(self, die: Die) -> None:
        """Take offsets and indexes in expressions as of this entry's unit."""
        self._die = die

    @property
    def pointer_size(self) -> int:
        """Return the size of an address in the module."""
        return self.file.reader.model.pointer_size

    @property
    def bias(self) -> int:
        """Return what turns link addresses into run-time ones."""
        return self.module.bias

    def read(self, addr: int, size: int, /) -> bytes:
        """Read the program's memory, or its file's before it runs."""
        return self.dbg.context().read(addr, size)

    def formatter(self) -> Formatter:
        """Return what makes the text of values."""
        return self.dbg.formatter()

    def register(self, number: int, /) -> tuple[str, bytes] | None:
        """Fail: a global has no registers."""
        raise ExprError(_NO_FRAME)

    def frame_base(self) -> int:
        """Fail: a global has no frame."""
        raise ExprError(_NO_FRAME)

    def cfa(self) -> int:
        """Fail: a global has no frame."""
        raise ExprError(_NO_FRAME)

    def tls(self, offset: int, /) -> int:
        """Return an address in the selected thread's storage."""
        from pydbg.variables.tls import tls_addr

        return tls_addr(self.dbg, self.module, offset)

    def entry_value(self, register: int, /) -> int:
        """Fail: a global has no caller."""
        raise ExprError(_GONE)

    def entry_parameter(self, position: int, /) -> int:
        """Fail: a global has no caller."""
        raise ExprError(_GONE)

    def address_index(self, index: int, /) -> int:
        """Return an address of .debug_addr."""
        if self._die is None:
            raise ExprError(_GONE)
        return self._die.view.source.indexed(self._die.unit, index)

    def die_at(self, offset: int, /) -> Die | None:
        """Return the entry at an offset of the unit."""
        if self._die is None:
            return None
        return self._die.entries.die(self._die.unit, offset)

    def die_anywhere(self, offset: int, /) -> Die | None:
        """Return the entry at an offset of .debug_info."""
        return None if self._die is None else self._die.entries.at(offset)


class FrameSurroundings(ModuleSurroundings):
    """Answer for the variables of one frame."""

    def __init__(
        self, dbg: Debugger, frame: Frame, file: FileTypes, function: Block, link_addr: int
    ) -> None:
        assert frame.module is not None
        super().__init__(dbg, frame.module, file)
        self.frame = frame
        self._function = function
        self._link_addr = link_addr
        self._base: int | None = None
        self._sought = False
        self._made_by: tuple[CallSite, Frame, FileTypes] | None = None

    def read(self, addr: int, size: int, /) -> bytes:
        """Read the memory of the frame's process."""
        return self.frame.thread.inferior.read(addr, size)

    def register(self, number: int, /) -> tuple[str, bytes] | None:
        """Return a register's name and bytes in this frame."""
        found = self.frame.thread.inferior.arch.by_dwarf.get(number)
        if found is None:
            raise ExprError(f"Unable to access DWARF register number {number}")
        frame = self.frame
        if frame.is_innermost and found.where == "gpr":
            gpr = frame.thread.registers.gpr
            return found.name, bytes(gpr[found.offset : found.offset + found.size])
        data = frame.register_bytes(found.name)
        return None if data is None else (found.name, data)

    def cfa(self) -> int:
        """Return the frame's CFA."""
        found = self.frame.cfa
        if found is None:
            raise ExprError(_GONE)
        return found

    def frame_base(self) -> int:
        """Return what DW_OP_fbreg counts from (DWARF 5, section 3.3.5)."""
        if self._base is None:
            if self._sought:
                raise FileError("a frame base refers to itself")
            self._sought = True
            try:
                self._base = self._frame_base()
            finally:
                self._sought = False
        return self._base

    def frame_base_expression(self) -> bytes:
        """Return the expression of what DW_OP_fbreg counts from; ExprError without one."""
        return self._frame_base_at()[1]

    def _frame_base_at(self) -> tuple[Die, bytes]:
        die = self._holder()
        attr = die.attrs.get(At.frame_base) if die is not None else None
        if die is None or attr is None:
            raise ExprError("Could not find the frame base.")
        expression = location_at(die.view.source, die.unit, attr, self._link_addr)
        if not expression:
            raise ExprError("Could not find the frame base.")
        return die, expression

    def _frame_base(self) -> int:
        from pydbg.variables.places import first_piece

        die, expression = self._frame_base_at()
        kept = self._die
        self.use(die)
        piece = first_piece(expression, self)
        self._die = kept
        if piece.kind == "register":
            return int.from_bytes(piece.data, "little")
        if piece.kind == "memory":
            return piece.addr
        return int.from_bytes(piece.data[: self.pointer_size], "little")

    def _holder(self) -> Die | None:
        """Return the function whose frame it is: an inlined call has none of its own."""
        if self.frame.inline is None:
            return self._function.die
        function = self.module.function_at(self.frame.lookup_addr)
        return None if function is None else self._function.die.entries.at(function.die)

    # --- values at entry ---------------------------------------------------------------------

    def entry_value(self, register: int, /) -> int:
        """Return what a register held at the function's entry, as the caller's call tells."""
        return self._passed(register)

    def entry_data(self, register: int) -> int:
        """Return what lay where a register pointed at the function's entry."""
        site, caller, file = self._made_by = self._made_by or self._call_site()
        _, die, _ = file.passed(site.die).get(register, _NOTHING)
        if die is None:
            raise ExprError(_GONE)
        value = die.block(At.call_data_value) or die.block(At.gnu_call_data_value)
        return self._in_caller(caller, die, value)

    def entry_parameter(self, position: int, /) -> int:
        """Return what a removed parameter would have been, by its position in the unit."""
        return self._passed(-position)

    def _passed(self, key: int) -> int:
        site, caller, file = self._made_by = self._made_by or self._call_site()
        value, die, where = file.passed(site.die).get(key, _NOTHING)
        if value is None or die is None:
            raise ExprError(_GONE)
        if where is not None:
            number, offset = where
            base = 0 if number is None else caller.raw.regs.get(number)
            if base is not None:
                return base + offset & _MASK
        return self._in_caller(caller, die, value)

    def _in_caller(self, caller: Frame, die: Die, value: bytes | None) -> int:
        """Work out what a call's entry says of a parameter, in the caller's frame."""
        from pydbg.variables.places import first_piece

        scope = self._owner_scope(caller)
        if scope is None or not value:
            raise ExprError(_GONE)
        scope.around.use(die)
        piece = first_piece(value, scope.around)
        if piece.kind == "bytes":
            return int.from_bytes(piece.data[: self.pointer_size], "little")
        if piece.kind == "register":
            return int.from_bytes(piece.data, "little")
        return piece.addr

    def _call_site(self) -> tuple[CallSite, Frame, FileTypes]:
        """Return the call that made this frame, the caller, and its file."""
        frame: Frame | None = self.frame
        while frame is not None and frame.inline is not None and frame.how != "tailcall":
            frame = self._outer(frame)  # Only real functions are entered.
        caller = None if frame is None else self._outer(frame)
        if frame is None or caller is None or caller.module is None:
            raise ExprError(_GONE)
        self._refuse_self_calls(frame)
        file = None
        if caller.has_debug_info and not caller.is_signal_frame:
            file = self.dbg.variables.file(caller.module)
        site = file.call_before(caller) if file is not None else None
        if site is None or file is None:
            raise ExprError(_GONE)
        called = callee_of(self.dbg.modules, caller.module.bias, site)
        if called is None:
            scope = self._owner_scope(caller)
            if scope is None:
                raise ExprError(_GONE)
            called = scope.around.pointed_by(file.names.entries.at(site.die))
        if called != self._start_of(frame):
            raise ExprError(_GONE)  # Functions between them are not on the stack any more.
        return site, caller, file

    def pointed_by(self, call: Die | None) -> int:
        """Return where a call through a pointer went, as far as that is still known."""
        from pydbg.variables.places import first_piece

        expression = None if call is None else call.block(At.call_target)
        if call is not None and not expression:
            expression = call.block(At.gnu_call_target)
        if call is None or not expression:
            raise ExprError(_GONE)
        self.use(call)
        piece = first_piece(expression, self)
        if piece.kind == "memory":
            return piece.addr
        return int.from_bytes(piece.data[: self.pointer_size], "little")

    @staticmethod
    def _start_of(frame: Frame) -> int | None:
        module = frame.module
        function = module.spot_at(frame.lookup_addr).function if module is not None else None
        return None if module is None or function is None else module.addr(function.low)

    def _outer(self, frame: Frame) -> Frame | None:
        level = frame.level + 1
        frames = self.dbg.frames_of_thread(frame.thread, level + 1)
        return frames[level] if len(frames) > level else None

    def _refuse_self_calls(self, frame: Frame) -> None:
        """Refuse a function that may have been entered again by a tail call, as gdb does."""
        module = frame.module
        function = module.spot_at(frame.lookup_addr).function if module is not None else None
        if module is None or function is None:
            raise ExprError(_GONE)
        file = self.file if module is self.module else self.dbg.variables.file(module)
        known = None if file is None else file.reenters.get(function.die)
        if known is None:
            known = self._may_reenter(module, function.low)
            if file is not None:
                file.reenters[function.die] = known
        if known:
            raise ExprError(_GONE)

    def _may_reenter(self, module: Module, low: int) -> bool:
        """Tell whether tail calls may lead back to a function.

        Where one of them leads nowhere that is known, they may (dwarf2/loc.c,
        func_verify_no_selftailcall).
        """
        from pydbg.symbols.callsites import tail_calls_at

        first = module.addr(low)
        reached: set[int] = set()
        waiting = [first]
        while waiting:
            addr = waiting.pop()
            home = self.dbg.modules.at(addr)
            function = home.function_at(addr) if home is not None else None
            if home is None or function is None or home.addr(function.low) != addr:
                return True
            for site in tail_calls_at(home, addr):
                target = callee_of(self.dbg.modules, home.bias, site)
                if target is None or target == first or len(reached) > _MAX_REACHED:
                    return True
                if target not in reached:
                    reached.add(target)
                    waiting.append(target)
        return False

    def _owner_scope(self, frame: Frame) -> FrameScope | None:
        try:
            return self.dbg.variables.scope(frame)
        except DebuggerError:
            return None
