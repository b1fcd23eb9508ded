"""The record of a CPU: its registers, its calling and syscall conventions.

An ``Arch`` is frozen data. What the rest of the debugger knows of a CPU it asks here, so
that another CPU is another record and not another branch somewhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from struct import Struct

from pydbg.records import Record, field

__all__ = ["XSAVE_ALWAYS", "Arch", "Register"]

XSAVE_ALWAYS = 0b11
"""The XCR0 bits of x87 and SSE, which every x86-64 CPU has."""


class Register(Record):
    """Describe one register as gdb 13 names, sizes and types it.

    >>> Register("rax", 8, "int64", ("general", "all"), dwarf=0, where="gpr", offset=80).size
    8
    """

    name: str
    size: int
    """Bytes, as ``sizeof($name)`` in gdb."""
    type: str
    """int8 int16 int32 int64 int long uint32 uint64 uint128 v2ui128 code_ptr data_ptr
    i386_eflags i386_mxcsr i387_ext vec64 vec128 vec256 vec512."""
    group: tuple[str, ...] = ()
    """The groups of ``info registers GROUP``: general float vector system all sse mmx."""
    dwarf: int | None = None
    where: str = "none"
    """gpr (user_regs_struct), xsave (NT_X86_XSTATE), sub (a part of ``parent``), pseudo
    (``parts``, lowest first), mmx (the mantissa of x87 register ``offset``)."""
    offset: int = 0
    """Bytes from the start of user_regs_struct, of the XSAVE component or of the parent."""
    parent: str | None = None
    component: int = 0
    """The XSAVE component's number (Intel SDM vol. 1, 13.1): 0 x87, 1 SSE, 2 AVX, 5 opmask,
    6 ZMM_Hi256, 7 Hi16_ZMM, 9 PKRU."""
    parts: tuple[str, ...] = ()
    feature: int = 0
    """The XCR0 bits without which the CPU has no such register."""
    hidden_by: int = 0
    """The XCR0 bits with which a wider register stands for this one in listings."""


class Arch(Record):
    """Describe a CPU for the rest of the debugger.

    >>> from pydbg.arch import X86_64
    >>> X86_64.pc, X86_64.by_dwarf[7].name, X86_64.register("$pc").name
    ('rip', 'rsp', 'rip')
    """

    name: str
    """As in gdb's ``show architecture``, without the vendor: "x86-64" or "i386"."""
    bitness: int
    pointer_size: int
    registers: tuple[Register, ...]
    """In gdb's order: a listing is this order, filtered by group."""
    pc: str
    sp: str
    fp: str
    flags: str
    return_column: int
    """The DWARF column of the return address."""
    call_args: tuple[str, ...]
    """Registers of integer and pointer arguments; on i386 none, they are on the stack."""
    call_ret: str
    syscall_insns: tuple[bytes, ...]
    """The encodings that enter the kernel, the one to inject first."""
    syscall_abi: str
    """The system call table's name."""
    syscall_number: str
    """Holds the number at a syscall stop; before the instruction it is in ``syscall_ret``."""
    syscall_args: tuple[str, ...]
    syscall_ret: str
    syscall_clobbers: tuple[str, ...]
    """What the kernel leaves otherwise than it was, besides the result."""
    aliases: Mapping[str, str]
    """Further names: gdb's $pc $sp $fp $ps, and r8b for what gdb calls r8l."""
    breakpoint: bytes = b"\xcc"
    breakpoint_adjust: int = 1
    """How far beyond the breakpoint's address the pc stands after it trapped."""
    max_insn: int = 15
    red_zone: int = 0
    """Bytes below the stack pointer that a leaf function may own."""
    gpr_offsets: Mapping[str, int] = field(default_factory=dict)
    """The offset of each register of this CPU in user_regs_struct."""

    @cached_property
    def by_name(self) -> dict[str, Register]:
        """Map names and aliases to registers."""
        table = {register.name: register for register in self.registers}
        for alias, name in self.aliases.items():
            table.setdefault(alias, table[name])
        return table

    @cached_property
    def by_dwarf(self) -> dict[int, Register]:
        """Map DWARF register numbers (psABI, "DWARF Register Number Mapping")."""
        return {r.dwarf: r for r in self.registers if r.dwarf is not None}

    @cached_property
    def stack_columns(self) -> tuple[int, int]:
        """Give the DWARF numbers of the stack pointer and the frame pointer.

        >>> from pydbg.arch import I386, X86_64
        >>> X86_64.stack_columns, I386.stack_columns
        ((7, 6), (4, 5))
        """
        sp, fp = self.by_name[self.sp].dwarf, self.by_name[self.fp].dwarf
        assert sp is not None and fp is not None, f"{self.name}: no DWARF numbers"
        return sp, fp

    @cached_property
    def dwarf_layout(self) -> tuple[tuple[int, ...], Struct]:
        """Give the DWARF numbers of the general registers in user_regs_struct, and how they lie.

        >>> from pydbg.arch import I386, X86_64
        >>> [len(arch.dwarf_layout[0]) for arch in (X86_64, I386)], X86_64.dwarf_layout[0][:2]
        ([26, 16], (15, 14))
        """
        form, end = "<", 0
        rows = sorted(
            (r.offset, r.size, r.dwarf)
            for r in self.registers
            if r.dwarf is not None and r.where == "gpr"
        )
        for offset, size, _ in rows:
            form += f"{offset - end}x{ {2: 'H', 4: 'I', 8: 'Q'}[size] }"
            end = offset + size
        return tuple(number for _, _, number in rows), Struct(form)

    def register(self, name: str) -> Register | None:
        """Find a register by name, with or without ``$``; None where there is none.

        >>> from pydbg.arch import X86_64
        >>> X86_64.register("xyz") is None
        True
        """
        return self.by_name.get(name[1:] if name.startswith("$") else name)

    def in_group(self, group: str, features: int = XSAVE_ALWAYS) -> tuple[Register, ...]:
        """List the registers of a group on a CPU with these XCR0 features, in gdb's order.

        ``general`` is what ``info registers`` shows, ``all`` what ``info all-registers``
        shows (gdb leaves the system group out of it).

        >>> from pydbg.arch import X86_64
        >>> [r.name for r in X86_64.in_group("system")]
        ['fs_base', 'gs_base', 'orig_rax']
        >>> [r.name for r in X86_64.in_group("vector", 0b11)][:2]
        ['xmm0', 'xmm1']
        >>> [r.name for r in X86_64.in_group("vector", 0b111)][:2]
        ['mxcsr', 'ymm0']
        """
        features |= XSAVE_ALWAYS
        return tuple(
            register
            for register in self.registers
            if group in register.group
            and register.feature & features == register.feature
            and not (register.hidden_by & features and group in ("vector", "all"))
        )

    def available(self, features: int = XSAVE_ALWAYS) -> tuple[Register, ...]:
        """List every register that a CPU with these XCR0 features has, parts included."""
        features |= XSAVE_ALWAYS
        return tuple(r for r in self.registers if r.feature & features == r.feature)
