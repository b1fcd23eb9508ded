"""Stack frames as the user sees them: a place, a name, the registers of that moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from pydbg.errors import CommandError

if TYPE_CHECKING:
    from pydbg.access import RegisterView
    from pydbg.symbols.modules import InlineCall, Module
    from pydbg.target.unwind import RawFrame
    from pydbg.threads import Thread


class Frame:
    """Hold one frame of a stopped thread.

    ``addr`` is its pc. Names and lines are looked up at ``lookup_addr``: for a caller the byte
    before the return address, which is still in the call.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     frame = dbg.frames()[0]
    ...     frame.level, frame.function, frame.offset, frame.addr == dbg.regs.rip
    (0, '_start', 0, True)
    """

    __slots__ = (
        "_looked",
        "addr",
        "cfa",
        "file",
        "function",
        "has_debug_info",
        "has_parameters",
        "how",
        "inline",
        "inner",
        "is_main",
        "is_signal_frame",
        "kept_scope",
        "level",
        "line",
        "line_start",
        "lookup_addr",
        "module",
        "offset",
        "path",
        "raw",
        "thread",
    )

    def __init__(
        self,
        thread: Thread,
        raw: RawFrame,
        inner: Frame | None = None,
        *,
        module: Module | None = None,
        call: InlineCall | None = None,
        callee: InlineCall | None = None,
    ) -> None:
        """Say where a raw frame stands; ``module`` is the one that it is in."""
        self.thread = thread
        self.inner = inner
        """The frame that this one called, None for the innermost."""
        self.raw = raw
        self.level: int = 0 if inner is None else inner.level + 1
        self.inline = call
        """The inlined call that this frame is, None for a real frame."""
        self.addr = raw.pc
        self.lookup_addr = raw.lookup_pc
        self.cfa = raw.cfa
        self.how = raw.how
        self.is_signal_frame = raw.how == "signal"
        self.module: Module | None = None
        self.function: str | None = None
        self.offset = 0
        self.file: str | None = None
        self.line: int | None = None
        self.line_start: int | None = None
        self.has_debug_info = False
        self.has_parameters = False
        self.is_main = False
        """Whether the debug information calls this the program's main function."""
        self.kept_scope: Any = None
        """What it sees of variables, once asked for."""
        self.path = ""
        """Where the source file may be found, with its directory."""
        if module is not None and raw.how != "call":
            self._locate(module)
        if call is not None:
            self.function = call.function
            self.has_parameters = call.has_parameters
            start = min((low for low, _ in call.ranges), default=self.addr)
            self.offset = self.addr - start
        if callee is not None and callee.file is not None:
            # As gdb has it, a frame stands on the line of the call that was inlined into it.
            self.file, self.line, self.path = callee.file, callee.line, callee.path
            self.line_start = self.addr

    def __repr__(self) -> str:
        return f"<Frame {self.level} {self.addr:#x} in {self.function or '??'}>"

    @property
    def is_innermost(self) -> bool:
        """Tell whether its registers are the thread's own.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.frame.is_innermost
        True
        """
        return self.level == 0 and not self.raw.parked

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

    def _locate(self, module: Module) -> None:
        self.module = module
        spot = module.spot_at(self.lookup_addr)
        self.function = spot.name
        if spot.start is not None:
            self.offset = self.addr - spot.start
        self.has_debug_info = spot.function is not None
        self.has_parameters, self.is_main = spot.has_parameters, spot.is_main
        line = spot.line
        if line is not None:
            self.file, self.line, self.path = line.file, line.line, line.path
            # What is no statement is the middle of a line, wherever its row begins.
            self.line_start = line.low if line.is_stmt else None

    def register_bytes(self, name: str) -> bytes | None:
        """Return a register's bytes in this frame, or None if it is not known any more.

        Registers that no unwind rule speaks of (vectors, segments, flags) are the thread's.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.frame.register_bytes("rsp") == dbg.regs.rsp.to_bytes(8, "little")
        True
        """
        arch = self.thread.inferior.arch
        register = arch.by_name[name]
        if self.raw.level == 0 and not self.raw.parked:
            return self.thread.registers.read(register.name)
        whole = register
        while whole.parent is not None:
            whole = arch.by_name[whole.parent]
        if whole.dwarf is None or whole.where != "gpr":
            if whole.name == arch.pc:
                return self.addr.to_bytes(register.size, "little")
            return None if self.raw.parked else self.thread.registers.read(register.name)
        value = self.addr if whole.name == arch.pc else self.raw.regs.get(whole.dwarf)
        if value is None:
            return None
        data = (value & ((1 << 8 * whole.size) - 1)).to_bytes(whole.size, "little")
        start = register.offset if register.parent is not None else 0
        return data[start : start + register.size]

    def write_register(self, name: str, data: bytes) -> None:
        """Change a register of this frame: where a callee saved it, or in the thread itself.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.frame.write_register("rax", (7).to_bytes(8, "little"))
        ...     dbg.regs.rax
        7
        """
        inferior = self.thread.inferior
        register = inferior.arch.by_name[name]
        dwarf = register.dwarf
        if register.name == inferior.arch.pc:
            dwarf = inferior.arch.return_column
        unknown = dwarf is None or dwarf not in self.raw.regs
        if register.parent is not None or dwarf is None or unknown or self.raw.parked:
            raise CommandError("Left operand of assignment is not an lvalue.")
        inner = self.inner
        while inner is not None:
            # Frames of inlined calls share one raw frame, which saved its caller's registers.
            saved = inner.raw.saved.get(dwarf) if inner.raw is not self.raw else None
            if saved is not None:
                inferior.write(saved, data)
                return
            inner = inner.inner
        if register.name == inferior.arch.sp:
            raise CommandError("Left operand of assignment is not an lvalue.")
        self.thread.registers.put(register.name, data)


def frames_of(
    thread: Thread,
    raw: RawFrame,
    inner: Frame | None,
    entered: Collection[int] = (),
) -> Iterator[Frame]:
    """Give the frames that one raw frame stands for: those of calls inlined there come first.

    A thread that stopped exactly where inlined code begins has not entered it yet, but for the
    calls whose entries are among ``entered``: a step took it in, or a breakpoint that is meant for
    just that code (gdb's skip_inline_frames).
    """
    modules = thread.inferior.modules
    module: Module | None = modules.at(raw.lookup_pc) if modules is not None else None
    calls: list[InlineCall] = []
    if module is not None and raw.how != "signal":
        calls = list(module.spot_at(raw.lookup_pc).calls)
    if raw.how == "call":
        yield Frame(thread, raw, inner)
        return
    if not calls:
        yield Frame(thread, raw, inner, module=module)
        return
    if raw.how == "tailcall":
        # One frame, named by the innermost function there, as gdb has it.
        yield Frame(thread, raw, inner, module=module, call=calls[-1])
        return
    callee: InlineCall | None = None
    if raw.level == 0 and not raw.parked and thread.inferior.can_run:
        while calls and calls[-1].begins_at(raw.pc) and calls[-1].die not in entered:
            callee = calls.pop()
    for call in reversed(calls):
        inner = Frame(thread, raw, inner, module=module, call=call, callee=callee)
        yield inner
        callee = call
    yield Frame(thread, raw, inner, module=module, callee=callee)
