"""Stack frames as the user sees them: a place, a name, the registers of that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.errors import CommandError, DebuggerError

if TYPE_CHECKING:
    from pydbg.access import RegisterView
    from pydbg.symbols.modules import Module
    from pydbg.symbols.symtab import Symbol
    from pydbg.target.unwind import RawFrame
    from pydbg.threads import Thread


class Frame:
    """Hold one frame of a stopped thread.

    ``addr`` is its pc. Names and lines are looked up at ``lookup_addr``: for a caller the byte
    before the return address, which is still in the call.
    """

    __slots__ = (
        "_looked",
        "addr",
        "cfa",
        "file",
        "function",
        "has_debug_info",
        "how",
        "inner",
        "is_signal_frame",
        "level",
        "line",
        "line_start",
        "lookup_addr",
        "module",
        "offset",
        "raw",
        "thread",
    )

    def __init__(self, thread: Thread, raw: RawFrame, inner: Frame | None = None) -> None:
        self.thread = thread
        self.inner = inner
        """The frame that this one called, None for the innermost."""
        self.raw = raw
        self.level = raw.level
        self.addr = raw.pc
        self.lookup_addr = raw.lookup_pc
        self.cfa = raw.cfa
        self.how = raw.how
        self.is_signal_frame = raw.is_signal
        self.module: Module | None = None
        self.function: str | None = None
        self.offset = 0
        self.file: str | None = None
        self.line: int | None = None
        self.line_start: int | None = None
        self.has_debug_info = False
        self._locate()

    def __repr__(self) -> str:
        return f"<Frame {self.level} {self.addr:#x} in {self.function or '??'}>"

    @property
    def regs(self) -> RegisterView:
        """Return the registers as they were in this frame; those of a caller can be set too.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     frame = dbg.frames()[0]
        ...     frame.regs.rip == frame.addr
        True
        """
        return self.thread.frame_registers(self)

    def _locate(self) -> None:
        modules = self.thread.inferior.modules
        module: Module | None = modules.at(self.lookup_addr) if modules is not None else None
        self.module = module
        if module is None:
            return
        try:
            symbol = module.symbol_at(self.lookup_addr)
            function = module.function_at(self.lookup_addr)
            line = module.line_at(self.lookup_addr)
        except DebuggerError:
            return  # Damaged debug information: the frame is shown with less.
        name, start = _name_of(module, symbol, function)
        self.function = name
        if start is not None:
            self.offset = self.addr - start
        self.has_debug_info = function is not None
        if line is not None:
            self.file, self.line = line.file, line.line
            # What is no statement is the middle of a line, wherever its row begins.
            self.line_start = line.low if line.is_stmt else None

    def register_bytes(self, name: str) -> bytes | None:
        """Return a register's bytes in this frame, or None if it is not known any more.

        Registers that no unwind rule speaks of (vectors, segments, flags) are the thread's.
        """
        arch = self.thread.inferior.arch
        register = arch.by_name[name]
        if self.level == 0:
            return self.thread.registers.read(register.name)
        whole = register
        while whole.parent is not None:
            whole = arch.by_name[whole.parent]
        if whole.dwarf is None or whole.where != "gpr":
            if whole.name == arch.pc:
                return self.addr.to_bytes(register.size, "little")
            return self.thread.registers.read(register.name)
        value = self.addr if whole.name == arch.pc else self.raw.regs.get(whole.dwarf)
        if value is None:
            return None
        data = (value & ((1 << 8 * whole.size) - 1)).to_bytes(whole.size, "little")
        start = register.offset if register.parent is not None else 0
        return data[start : start + register.size]

    def write_register(self, name: str, data: bytes) -> None:
        """Change a register of this frame: where a callee saved it, or in the thread itself."""
        inferior = self.thread.inferior
        register = inferior.arch.by_name[name]
        dwarf = register.dwarf
        if register.name == inferior.arch.pc:
            dwarf = inferior.arch.return_column
        if register.parent is not None or dwarf is None or dwarf not in self.raw.regs:
            raise CommandError("Left operand of assignment is not an lvalue.")
        inner = self.inner
        while inner is not None:
            saved = inner.raw.saved.get(dwarf)
            if saved is not None:
                inferior.write(saved, data)
                return
            inner = inner.inner
        if register.name == inferior.arch.sp:
            raise CommandError("Left operand of assignment is not an lvalue.")
        self.thread.registers.put(register.name, data)


def _source_name(function: Any) -> str | None:
    """Return a function's name as gdb spells it.

    Where a C function has a name for the linker only (``__GI___libc_write``), that one counts;
    a mangled one does not.
    """
    if function is None:
        return None
    linkage: str | None = function.linkage_name
    if linkage is not None and not linkage.startswith(("_Z", "_R")):
        return linkage
    name: str | None = function.name
    return name


def _name_of(
    module: Module, symbol: tuple[Symbol, int] | None, function: Any
) -> tuple[str | None, int | None]:
    """Choose between the symbol table's name and DWARF's, as gdb's find_frame_funname."""
    name = _source_name(function)
    if name is not None:
        start = module.addr(function.low)
        if symbol is None or module.addr_of(symbol[0]) <= start:
            return name, start
    if symbol is None:
        return None, None
    return symbol[0].demangled, module.addr_of(symbol[0])
