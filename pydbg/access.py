"""Registers and memory as Python users handle them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.context import write_register
from pydbg.errors import NoProcess, UsageError

if TYPE_CHECKING:
    from pydbg.state import ProgramState

_PIECE = 1 << 20


class RegisterView:
    """Read and write the registers of the selected frame as attributes.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     dbg.regs.rip == dbg.regs["pc"], dbg.regs.eax == dbg.regs.rax & 0xFFFFFFFF
    (True, True)
    """

    __slots__ = ("_dbg",)

    def __init__(self, dbg: ProgramState) -> None:
        object.__setattr__(self, "_dbg", dbg)

    def _debugger(self) -> ProgramState:
        dbg: ProgramState = object.__getattribute__(self, "_dbg")
        return dbg

    def __getitem__(self, name: str) -> int:
        """Return a register as an unsigned number; raises UsageError for an unknown name."""
        dbg = self._debugger()
        thread = dbg.thread
        if thread is None:
            raise NoProcess("The program has no registers now.")
        register = dbg.arch.register(name)
        if register is None:
            raise UsageError(f"Invalid register `{name}'")
        frame = dbg.outer_frame
        if frame is None:
            return int.from_bytes(thread.registers.read(register.name), "little")
        data = frame.register_bytes(register.name)
        if data is None:
            raise UsageError(f"${name} is not saved in this frame.")
        return int.from_bytes(data, "little")

    def __setitem__(self, name: str, value: int) -> None:
        dbg = self._debugger()
        thread = dbg.thread
        if thread is None:
            raise NoProcess("The program has no registers now.")
        register = dbg.arch.register(name)
        if register is None:
            raise UsageError(f"Invalid register `{name}'")
        data = (value & ((1 << 8 * register.size) - 1)).to_bytes(register.size, "little")
        frame = dbg.outer_frame
        if frame is not None and frame.level > 0:
            frame.write_register(register.name, data)
        else:
            write_register(thread, register.name, data)
        dbg.written()

    def __getattr__(self, name: str) -> int:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except UsageError as error:
            raise AttributeError(str(error)) from None

    def __setattr__(self, name: str, value: int) -> None:
        self[name] = value

    def names(self) -> list[str]:
        """List the registers that ``info registers`` shows, in its order."""
        dbg = self._debugger()
        return [register.name for register in dbg.arch.in_group("general")]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())


class MemoryView:
    """Read and write the memory of the program by index and slice, bytes in and out.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     sp = dbg.regs.rsp
    ...     dbg.memory.read_int(sp, 8), len(dbg.memory[sp : sp + 16])
    (1, 16)
    """

    __slots__ = ("_dbg",)

    def __init__(self, dbg: ProgramState) -> None:
        self._dbg = dbg

    def read(self, addr: int, size: int) -> bytes:
        """Return ``size`` bytes; raises MemoryFault with the first bad address."""
        return self._dbg.context().read(addr, size)

    def write(self, addr: int, data: bytes) -> None:
        """Write bytes, also where the program itself may not."""
        self._dbg.context().write(addr, data)

    def __getitem__(self, where: int | slice) -> bytes | int:
        if isinstance(where, slice):
            start, stop = where.start or 0, where.stop
            if stop is None or where.step not in (None, 1):
                raise UsageError("A memory slice needs both ends and no step.")
            return self.read(start, stop - start)
        return self.read(where, 1)[0]

    def __setitem__(self, where: int | slice, data: bytes | int) -> None:
        if isinstance(where, slice):
            data = bytes(data) if not isinstance(data, int) else bytes((data,))
            if where.stop is not None and where.stop - (where.start or 0) != len(data):
                raise UsageError(f"{len(data)} bytes do not fit the slice.")
            self.write(where.start or 0, data)
        else:
            self.write(where, bytes((data,)) if isinstance(data, int) else bytes(data))

    def read_int(self, addr: int, size: int = 8, *, signed: bool = False) -> int:
        """Return a little-endian integer of ``size`` bytes."""
        return int.from_bytes(self.read(addr, size), "little", signed=signed)

    def write_int(self, addr: int, value: int, size: int = 8) -> None:
        """Write a little-endian integer of ``size`` bytes; it wraps around."""
        self.write(addr, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))

    def read_cstring(self, addr: int, limit: int = 4096) -> bytes:
        """Return the bytes up to a NUL, at most ``limit``."""
        from pydbg.expr.functions import c_string

        return c_string(addr, self._dbg.context(), limit)

    def find(self, pattern: bytes, start: int, end: int) -> Iterator[int]:
        """Give the addresses at which ``pattern`` stands in ``start`` to ``end`` (exclusive).

        What cannot be read ends the search with MemoryFault.
        """
        if not pattern:
            return
        at = start
        tail = b""
        while at < end:
            piece = self.read(at, min(_PIECE, end - at))
            data = tail + piece
            base = at - len(tail)
            found = data.find(pattern)
            while found >= 0:
                yield base + found
                found = data.find(pattern, found + 1)
            tail = data[len(data) - len(pattern) + 1 :] if len(pattern) > 1 else b""
            at += len(piece)
