"""Registers and memory as Python users handle them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, overload

from pydbg.context import write_register
from pydbg.errors import DebuggerError, MemoryFault, NoProcess, UsageError
from pydbg.linux import search

if TYPE_CHECKING:
    from pydbg.expr.values import Value
    from pydbg.frames import Frame
    from pydbg.inspection import Inspection
    from pydbg.linux.procfs import Mapping
    from pydbg.state import ProgramState
    from pydbg.target.thread import Thread as Tracee

_PIECE = 1 << 20


class RegisterView:
    """Read and write the registers of a frame as attributes, as unsigned numbers.

    ``dbg.regs`` are those of the selected frame, ``thread.regs`` a thread's, ``frame.regs`` a
    frame's. Every name of ``info all-registers`` is known, and parts and aliases: ``al``,
    ``r8d``, ``pc``, ``ymm0``, ``eflags``.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     dbg.regs.rip == dbg.regs["pc"], dbg.regs.eax == dbg.regs.rax & 0xFFFFFFFF
    (True, True)
    """

    __slots__ = ("_dbg", "_of_frame", "_of_thread")
    _dbg: ProgramState
    _of_thread: Tracee | None
    _of_frame: Frame | None

    def __init__(
        self, dbg: ProgramState, thread: Tracee | None = None, frame: Frame | None = None
    ) -> None:
        """Look at a thread or one of its frames; without one at what is selected."""
        object.__setattr__(self, "_dbg", dbg)
        object.__setattr__(self, "_of_thread", thread)
        object.__setattr__(self, "_of_frame", frame)

    def _place(self) -> tuple[Tracee, Frame | None]:
        """Return the thread, and the frame if it is not the innermost."""
        thread = self._of_thread
        if thread is not None:
            if thread.gone or thread.running:
                raise NoProcess(f"Thread {thread.number} has no registers now.")
            return thread, self._of_frame
        thread = self._dbg.thread
        if thread is None:
            raise NoProcess("The program has no registers now.")
        return thread, self._dbg.outer_frame

    def __getitem__(self, name: str) -> int:
        """Return a register as an unsigned number; raises UsageError for an unknown name."""
        thread, frame = self._place()
        register = thread.inferior.arch.register(name)
        if register is None:
            raise UsageError(f"Invalid register `{name}'")
        if frame is None:
            return int.from_bytes(thread.registers.read(register.name), "little")
        data = frame.register_bytes(register.name)
        if data is None:
            raise UsageError(f"${name} is not saved in this frame.")
        return int.from_bytes(data, "little")

    def __setitem__(self, name: str, value: int | Value) -> None:
        """Set a register; the number wraps around. Raises UsageError for an unknown name."""
        thread, frame = self._place()
        register = thread.inferior.arch.register(name)
        if register is None:
            raise UsageError(f"Invalid register `{name}'")
        data = (int(value) & ((1 << 8 * register.size) - 1)).to_bytes(register.size, "little")
        if frame is not None and not frame.is_innermost:
            frame.write_register(register.name, data)
        else:
            write_register(thread, register.name, data)
        self._dbg.written()

    def __getattr__(self, name: str) -> int:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except UsageError as error:
            raise AttributeError(str(error)) from None

    def __setattr__(self, name: str, value: int | Value) -> None:
        self[name] = value

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *self._dbg.arch.by_name]

    def __repr__(self) -> str:
        try:
            shown = " ".join(f"{name}={value:#x}" for name, value in self.as_dict().items())
        except DebuggerError as error:
            shown = str(error)
        return f"<registers {shown}>"

    def names(self, group: str = "general") -> list[str]:
        """List the registers of a group, in gdb's order: general, float, vector, system, all.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.regs.names()[:3], "xmm0" in dbg.regs.names("vector")
        (['rax', 'rbx', 'rcx'], True)
        """
        return [register.name for register in self._dbg.arch.in_group(group)]

    def as_dict(self, group: str = "general") -> dict[str, int]:
        """Return the registers of a group that have a value in this frame.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     before = dbg.regs.as_dict()
        ...     event = dbg.stepi()
        ...     after = dbg.regs.as_dict()
        >>> [name for name in before if before[name] != after[name]]
        ['rdi', 'rip']
        """
        found = {}
        for name in self.names(group):
            try:
                found[name] = self[name]
            except UsageError:
                continue  # A callee did not save it.
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())


class MemoryView:
    """Read and write the memory of the program by index and slice, bytes in and out.

    Addresses are run-time addresses, or values that have one. An int3 of the debugger's is
    never seen nor overwritten. MemoryFault says which address cannot be read.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     sp = dbg.regs.rsp
    ...     dbg.memory.read_int(sp, 8), len(dbg.memory[sp : sp + 16])
    (1, 16)
    """

    __slots__ = ("_dbg",)

    def __init__(self, dbg: Inspection) -> None:
        self._dbg = dbg

    def read(self, addr: int, size: int) -> bytes:
        r"""Return ``size`` bytes; raises MemoryFault with the first bad address.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.memory.read(dbg.regs.rsp, 8)
        b'\x01\x00\x00\x00\x00\x00\x00\x00'
        """
        return self._dbg.context().read(int(addr), size)

    def write(self, addr: int, data: bytes) -> None:
        """Write bytes, also where the program itself may not.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.memory.write(dbg.regs.rip, bytes.fromhex("0f05"))
        ...     dbg.disassemble(dbg.regs.rip, count=1)[0].text
        'syscall'
        """
        self._dbg.context().write(int(addr), data)

    @overload
    def __getitem__(self, where: int) -> int: ...

    @overload
    def __getitem__(self, where: slice) -> bytes: ...

    def __getitem__(self, where: int | slice) -> bytes | int:
        """Return one byte as a number, or the bytes of a slice (both ends, no step)."""
        if isinstance(where, slice):
            start, stop = int(where.start or 0), where.stop
            if stop is None or where.step not in (None, 1):
                raise UsageError("A memory slice needs both ends and no step.")
            return self.read(start, max(int(stop) - start, 0))
        return self.read(where, 1)[0]

    def __setitem__(self, where: int | slice, data: bytes | int) -> None:
        """Write a byte, or bytes at an address or into a slice that they fit."""
        data = bytes((data,)) if isinstance(data, int) else bytes(data)
        if isinstance(where, slice):
            start = int(where.start or 0)
            if where.step not in (None, 1):
                raise UsageError("A memory slice has no step.")
            if where.stop is not None and int(where.stop) - start != len(data):
                raise UsageError(f"{len(data)} bytes do not fit the slice.")
            self.write(start, data)
        else:
            self.write(where, data)

    def read_int(self, addr: int, size: int = 8, *, signed: bool = False) -> int:
        """Return a little-endian integer of ``size`` bytes.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.memory.write_int(dbg.regs.rsp, -2, 4)
        ...     dbg.memory.read_int(dbg.regs.rsp, 4), dbg.memory.read_int(
        ...         dbg.regs.rsp, 4, signed=True
        ...     )
        (4294967294, -2)
        """
        return int.from_bytes(self.read(addr, size), "little", signed=signed)

    def write_int(self, addr: int, value: int, size: int = 8) -> None:
        """Write a little-endian integer of ``size`` bytes; it wraps around.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.memory.write_int(dbg.regs.rsp, 0x1234, 2)
        ...     dbg.memory[dbg.regs.rsp]
        52
        """
        self.write(addr, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))

    def read_pointer(self, addr: int) -> int:
        """Return the address that stands at ``addr``: 8 bytes, 4 in a 32-bit program.

        >>> import pydbg
        >>> with pydbg.launch("/bin/echo", "hi") as dbg:
        ...     dbg.memory.read_cstring(dbg.memory.read_pointer(dbg.regs.rsp + 16))
        b'hi'
        """
        return self.read_int(addr, self._dbg.arch.pointer_size)

    def write_pointer(self, addr: int, value: int) -> None:
        """Write an address: 8 bytes, 4 in a 32-bit program.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.memory.write_pointer(dbg.regs.rsp, dbg.regs.rip)
        ...     dbg.memory.read_pointer(dbg.regs.rsp) == dbg.regs.rip
        True
        """
        self.write_int(addr, value, self._dbg.arch.pointer_size)

    def unpack(self, layout: str, addr: int) -> tuple[Any, ...]:
        """Return what stands at ``addr`` in a layout of the ``struct`` module.

        Without a mark for byte order the layout is the machine's, with its padding.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.memory.pack("<hf", dbg.regs.rsp, -2, 1.5)
        ...     dbg.memory.unpack("<hf", dbg.regs.rsp)
        (-2, 1.5)
        """
        import struct

        return struct.unpack(layout, self.read(addr, struct.calcsize(layout)))

    def pack(self, layout: str, addr: int, *values: Any) -> None:
        """Write values in a layout of the ``struct`` module.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.memory.pack("<II", dbg.regs.rsp, 1, 2)
        ...     dbg.memory.read_int(dbg.regs.rsp) == 2 << 32 | 1
        True
        """
        import struct

        self.write(addr, struct.pack(layout, *values))

    def read_cstring(self, addr: int, limit: int = 4096) -> bytes:
        """Return the bytes up to a NUL, at most ``limit``.

        >>> import pydbg
        >>> with pydbg.launch("/bin/echo", "hi") as dbg:
        ...     dbg.memory.read_cstring(dbg.memory.read_pointer(dbg.regs.rsp + 16))
        b'hi'
        """
        from pydbg.expr.functions import c_string

        return c_string(int(addr), self._dbg.context().read, limit)

    def maps(self) -> list[Mapping]:
        """Return the mappings of the process as /proc/PID/maps has them.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     [m.perms for m in dbg.memory.maps() if m.path == "[stack]"]
        ['rw-p']
        """
        return self._dbg.live_inferior().maps()

    def find(
        self, pattern: bytes, start: int | None = None, end: int | None = None
    ) -> Iterator[int]:
        """Give the addresses at which ``pattern`` stands, overlapping ones too.

        ``start`` and ``end`` (exclusive) bound the search, and what cannot be read there ends
        it with MemoryFault. Without them all that can be read is searched, mapping by mapping.

        >>> import pydbg
        >>> with pydbg.launch("/bin/echo", "needle") as dbg:
        ...     sp = dbg.regs.rsp
        ...     near = list(dbg.memory.find(b"needle", sp, sp + 0x400))
        ...     near == list(dbg.memory.find(b"needle"))[: len(near)], len(near)
        (True, 1)
        """
        if not pattern:
            return
        if start is not None and end is not None:
            yield from self._search(pattern, int(start), int(end))
            return
        low, high = int(start or 0), (1 << 64 if end is None else int(end))
        for mapping in self.maps():
            first, last = max(mapping.start, low), min(mapping.end, high)
            # Device memory and the vsyscall page cannot be read through /proc/PID/mem.
            if first >= last or mapping.perms[0] != "r" or mapping.start >> 63:
                continue
            try:
                yield from self._search(pattern, first, last)
            except MemoryFault:
                continue

    def _search(self, pattern: bytes, start: int, end: int) -> Iterator[int]:
        at = start
        tail = b""
        overlap = len(pattern) - 1
        while at < end:
            piece = self.read(at, min(_PIECE, end - at))
            # What begins in the piece before is looked for in the seam, so that nothing long is
            # copied.
            for data, base in ((tail + piece[:overlap], at - len(tail)), (piece, at)):
                for found in search.hits(data, pattern, 0, len(data)):
                    yield base + found
            tail = (tail + piece if len(piece) < overlap else piece)[-overlap:] if overlap else b""
            at += len(piece)
