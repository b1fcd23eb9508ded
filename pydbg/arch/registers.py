"""The registers of one stopped thread: raw kernel blocks in, named values out.

``RegisterBlock`` holds the bytes of user_regs_struct and, once somebody asks for a float or
vector register, those of the NT_X86_XSTATE regset. It knows nothing of processes: whoever
owns the thread fetches both and writes back what is dirty.
"""

from __future__ import annotations

from collections.abc import Callable

from pydbg.arch.model import XSAVE_ALWAYS, Arch, Register
from pydbg.errors import UsageError

__all__ = ["RegisterBlock", "xsave_layout"]

_XCR0 = slice(464, 472)  # The kernel puts XCR0 there in the regset (arch/x86 regset.c).
_XSTATE_BV = slice(512, 520)  # Intel SDM vol. 1, 13.4.2: which components are not initial.
_LEGACY_SIZE = 512
_FOP_MASK = 0x7FF
# The x87 control registers that have 4 bytes in the FXSAVE area; the others have 2.
_WIDE_CONTROL = frozenset({"fioff", "fooff"})


def xsave_layout(size: int) -> dict[int, int]:
    """Map XSAVE component numbers to offsets in a standard-format area of ``size`` bytes.

    The offsets come from CPUID leaf 0xD and are not in the regset. Intel left the 128 bytes
    of MPX in front of the opmasks; AMD never had MPX, and so its areas end at 2432 (AVX-512)
    or 2440 (with PKRU) bytes, which no Intel CPU's do.

    >>> xsave_layout(2696)[5], xsave_layout(2432)[5]
    (1088, 832)
    """
    if size in (2432, 2440):
        return {0: 0, 1: 0, 2: 576, 5: 832, 6: 896, 7: 1408, 9: 2432}
    return {0: 0, 1: 0, 2: 576, 5: 1088, 6: 1152, 7: 1664, 9: 2688}


class RegisterBlock:
    """Read and write registers by gdb's names in raw kernel blocks.

    >>> from pydbg.arch import X86_64
    >>> block = RegisterBlock(X86_64, bytearray(216), lambda: bytes(832))
    >>> block.set("rax", 0x1122334455667788)
    >>> hex(block.get("eax")), hex(block.get("ah")), block.read("ax")
    ('0x55667788', '0x77', b'\\x88w')
    >>> block.set("eax", 0xffffffff)  # as in gdb, the upper half stays
    >>> hex(block.get("rax")), block.dirty_gpr, block.dirty_xsave
    ('0x11223344ffffffff', True, False)
    """

    __slots__ = ("_fetch_xsave", "_layout", "_xsave", "arch", "dirty_gpr", "dirty_xsave", "gpr")

    def __init__(self, arch: Arch, gpr: bytearray, fetch_xsave: Callable[[], bytes]) -> None:
        self.arch = arch
        self.gpr = gpr
        """The bytes of user_regs_struct (216), shared with whoever gave them."""
        self.dirty_gpr = False
        self.dirty_xsave = False
        self._fetch_xsave = fetch_xsave
        self._xsave: bytearray | None = None
        self._layout: dict[int, int] = {}

    @property
    def xsave(self) -> bytearray:
        """Return the NT_X86_XSTATE bytes, fetched at the first use."""
        if self._xsave is None:
            self._xsave = bytearray(self._fetch_xsave())
            self._layout = xsave_layout(len(self._xsave))
        return self._xsave

    @property
    def features(self) -> int:
        """Return XCR0: which XSAVE components this CPU and kernel have (fetches xsave)."""
        return int.from_bytes(self.xsave[_XCR0], "little") | XSAVE_ALWAYS

    def forget(self) -> None:
        """Drop what was fetched: the thread ran."""
        self._xsave = None
        self.dirty_gpr = self.dirty_xsave = False

    def group(self, name: str) -> tuple[Register, ...]:
        """List the registers of a group that this CPU has, in gdb's order."""
        return self.arch.in_group(name, self.features)

    def _find(self, name: str) -> Register:
        register = self.arch.by_name.get(name)
        if register is None:
            raise UsageError(f"Invalid register `{name}'")
        return register

    def get(self, name: str) -> int:
        """Read a register as an unsigned number.

        >>> from pydbg.arch import I386
        >>> block = RegisterBlock(I386, bytearray(range(216)), lambda: b"")
        >>> hex(block.get("eip"))
        '0x83828180'
        """
        register = self._find(name)
        if register.where == "gpr":
            start = register.offset
            return int.from_bytes(self.gpr[start : start + register.size], "little")
        return int.from_bytes(self.read(name), "little")

    def by_dwarf(self) -> dict[int, int]:
        """Give the general registers by DWARF number, which unwinding starts from.

        >>> from pydbg.arch import X86_64
        >>> RegisterBlock(X86_64, bytearray(80) + b"\\x05" + bytes(135), lambda: b"").by_dwarf()[0]
        5
        """
        numbers, layout = self.arch.dwarf_layout
        return dict(zip(numbers, layout.unpack_from(self.gpr), strict=True))

    def copy(self) -> RegisterBlock:
        """Give the registers as they are now, whatever becomes of the thread.

        >>> from pydbg.arch import X86_64
        >>> block = RegisterBlock(X86_64, bytearray(216), lambda: bytes(832))
        >>> kept = block.copy()
        >>> block.set("rax", 5)
        >>> kept.get("rax")
        0
        """
        xsave = bytes(self.xsave)
        return RegisterBlock(self.arch, bytearray(self.gpr), lambda: xsave)

    def set(self, name: str, value: int) -> None:
        """Write a register; the value wraps around at the register's size."""
        size = self._find(name).size
        self.put(name, (value & ((1 << size * 8) - 1)).to_bytes(size, "little"))

    def read(self, name: str) -> bytes:
        """Read a register's bytes, least significant first."""
        register = self._find(name)
        size, offset = register.size, register.offset
        if register.where == "gpr":
            return bytes(self.gpr[offset : offset + size])
        if register.where == "sub":
            assert register.parent is not None
            return self.read(register.parent)[offset : offset + size]
        if register.where == "pseudo":
            self._require(register)
            return b"".join(self.read(part) for part in register.parts)
        area = self.xsave
        if register.where == "mmx":
            offset = self._mmx_offset(register)
            return bytes(area[offset : offset + size])
        if self._is_control(register):
            return self._read_control(register)
        start = self._place(register)
        return bytes(area[start : start + size])

    def put(self, name: str, data: bytes) -> None:
        """Write a register's bytes, least significant first; a part leaves the rest alone."""
        register = self._find(name)
        size, offset = register.size, register.offset
        if len(data) != size:
            raise UsageError(f"Register {name} has {size} bytes, not {len(data)}.")
        if register.where == "gpr":
            self.gpr[offset : offset + size] = data
            self.dirty_gpr = True
        elif register.where == "sub":
            assert register.parent is not None
            whole = bytearray(self.read(register.parent))
            whole[offset : offset + size] = data
            self.put(register.parent, bytes(whole))
        elif register.where == "pseudo":
            self._require(register)  # Before the first part is written.
            for part in register.parts:
                width = self._find(part).size
                self.put(part, data[:width])
                data = data[width:]
        else:
            self._put_xsave(register, data)

    def _put_xsave(self, register: Register, data: bytes) -> None:
        area = self.xsave
        if register.where == "mmx":
            # A write to an MMX register sets the exponent to all ones (SDM vol. 1, 9.5.2).
            start = self._mmx_offset(register)
            data += b"\xff\xff"
        else:
            start = self._place(register)
        if self._is_control(register):
            data = self._control_bytes(register, data)
        area[start : start + len(data)] = data
        # A component that is marked initial is not read back from the area by XRSTOR.
        if len(area) >= _XSTATE_BV.stop:
            marked = int.from_bytes(area[_XSTATE_BV], "little") | 1 << register.component
            area[_XSTATE_BV] = marked.to_bytes(8, "little")
        self.dirty_xsave = True

    def _place(self, register: Register) -> int:
        area = self.xsave
        self._require(register)
        start = self._layout[register.component] + register.offset
        if start + register.size > len(area):
            raise UsageError(f"This CPU has no register {register.name}.")
        return start

    def _require(self, register: Register) -> None:
        if register.feature & ~self.features:
            raise UsageError(f"This CPU has no register {register.name}.")

    @staticmethod
    def _is_control(register: Register) -> bool:
        return register.component == 0 and register.size == 4

    def _read_control(self, register: Register) -> bytes:
        start = self._place(register)
        width = 4 if register.name in _WIDE_CONTROL else 2
        value = int.from_bytes(self.xsave[start : start + width], "little")
        if register.name == "ftag":
            value = self._full_tags(value & 0xFF)
        elif register.name == "fop":
            value &= _FOP_MASK
        return value.to_bytes(4, "little")

    @staticmethod
    def _control_bytes(register: Register, data: bytes) -> bytes:
        if register.name in _WIDE_CONTROL:
            return data
        if register.name == "ftag":
            tags = int.from_bytes(data, "little")
            abridged = sum(1 << i for i in range(8) if tags >> 2 * i & 3 != 3)
            return bytes((abridged,))
        return data[:2]

    def _top(self) -> int:
        """Return the TOP field of the x87 status word."""
        return self.xsave[3] >> 3 & 7

    def _mmx_offset(self, register: Register) -> int:
        """Return where the physical x87 register is: the area is in stack order."""
        if len(self.xsave) < _LEGACY_SIZE:
            raise UsageError(f"This CPU has no register {register.name}.")
        return 32 + 16 * ((register.offset - self._top()) % 8)

    def _full_tags(self, abridged: int) -> int:
        """Work the 16-bit tag word out of FXSAVE's 8 bits (SDM vol. 1, 10.5.1.1).

        A tag is 0 valid, 1 zero, 2 special, 3 empty, and belongs to a physical register.
        """
        top, tags = self._top(), 0
        for physical in range(8):
            tag = 3
            if abridged >> physical & 1:
                start = 32 + 16 * ((physical - top) % 8)
                mantissa = int.from_bytes(self.xsave[start : start + 8], "little")
                exponent = int.from_bytes(self.xsave[start + 8 : start + 10], "little") & 0x7FFF
                if exponent == 0x7FFF:
                    tag = 2
                elif exponent == 0:
                    tag = 1 if mantissa == 0 else 2
                else:
                    tag = 0 if mantissa >> 63 else 2
            tags |= tag << 2 * physical
        return tags
