"""What one instruction would do with memory: which addresses, how wide, read or written.

A fault says where, but not why: the address that a page fault names is one of those that the
instruction at the pc computes, and a general protection fault (a non-canonical address, a
vector that is not aligned) names none at all. Both are worked out here from the instruction
and the registers. Sources: Intel SDM volume 1, 3.7.5 (effective addresses), volume 3A, 6.15
(exceptions and interrupts).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from pydbg.arch.model import Arch
from pydbg.arch.x86_64 import X86_64
from pydbg.records import Record

__all__ = ["Access", "Effect", "effect", "is_canonical"]

Read = Callable[[str], int | None]


class Access(Record):
    """Describe one access to memory.

    ``base`` and ``index`` are register names ("" for none), ``base_value`` is what the base
    holds, ``offset`` what is added to it (displacement and scaled index).
    """

    kind: str
    """"read", "write" or "read and write"."""
    addr: int
    size: int
    base: str = ""
    index: str = ""
    base_value: int = 0
    offset: int = 0


class Effect(Record):
    """Describe an instruction: its accesses, and what it may fault by.

    ``divisor`` is the value that a division divides by, None if it is no division or the value
    is in memory (the access then says where). ``aligned`` is the alignment that a vector
    access needs, 1 for none.
    """

    mnemonic: str
    size: int
    accesses: tuple[Access, ...] = ()
    is_privileged: bool = False
    is_division: bool = False
    divisor: int | None = None
    aligned: int = 1


def is_canonical(addr: int) -> bool:
    """Tell whether an address can be mapped at all: bits 63 to 47 are equal (SDM 1, 3.3.7.1).

    >>> is_canonical(0x7FFFFFFFFFFF), is_canonical(0x8000_0000_0000), is_canonical(2**64 - 1)
    (True, False, True)
    """
    return addr >> 47 in (0, (1 << 17) - 1)


def effect(code: bytes, addr: int, read: Read, *, arch: Arch = X86_64) -> Effect | None:
    """Tell what the instruction at the start of ``code``, which is at ``addr``, would do.

    ``read`` gives the value of a register by its name, None where it is not known. The answer
    is None where the bytes are no instruction.

    >>> effect(b"\\xc7\\x40\\x18\\x01\\x00\\x00\\x00", 0x1000, {"rax": 0}.get).accesses
    (Access(kind='write', addr=24, size=4, base='rax', index='', base_value=0, offset=24),)
    >>> effect(b"\\xf7\\xf9", 0x1000, {"ecx": 0}.get).divisor
    0
    """
    from iced_x86 import Decoder, InstructionInfoFactory

    insn = Decoder(arch.bitness, code[: arch.max_insn], ip=addr).decode()
    if insn.is_invalid:
        return None
    mask = (1 << arch.bitness) - 1
    used = InstructionInfoFactory().info(insn).used_memory()
    accesses = tuple(found for one in used if (found := _access(one, read, arch, mask)) is not None)
    mnemonic = _mnemonics().get(insn.mnemonic, "")
    is_division = mnemonic in ("div", "idiv")
    divisor = None
    if is_division and _registers().get(insn.op0_register, ""):
        divisor = read(_registers()[insn.op0_register])
    return Effect(
        mnemonic,
        insn.len,
        accesses,
        is_privileged=bool(insn.is_privileged),
        is_division=is_division,
        divisor=divisor,
        aligned=_alignment(insn, mnemonic, accesses),
    )


def _access(used: Any, read: Read, arch: Arch, mask: int) -> Access | None:
    from iced_x86 import MemorySizeExt

    kind = _access_kinds().get(used.access)
    if kind is None:
        return None
    names = _registers()
    base, index = names.get(used.base, ""), names.get(used.index, "")
    segment = names.get(used.segment, "")
    base_value = 0
    if base:
        value = read(base)
        if value is None:
            return None
        base_value = value
    offset = used.displacement_i64
    if index:
        value = read(index)
        if value is None:
            return None  # A vector of indices (gather, scatter): many addresses at once.
        offset += value * used.scale
    addr = base_value + offset
    if segment in ("fs", "gs") and arch.bitness == 64:
        start = read(f"{segment}_base")
        if start is None:
            return None
        addr += start
    size = MemorySizeExt.size(used.memory_size)
    return Access(kind, addr & mask, size, base, index, base_value, offset)


def _alignment(insn: Any, mnemonic: str, accesses: tuple[Access, ...]) -> int:
    """Return what a vector access must be aligned to (SDM 1, 4.1.1; SDM 2, exceptions type 1)."""
    from iced_x86 import EncodingKind

    size = max((one.size for one in accesses), default=0)
    if size not in (16, 32, 64):
        return 1
    plain = mnemonic.removeprefix("v")
    if plain.startswith(("movap", "movdqa", "movntdq", "movntp")):
        return size
    if insn.encoding == EncodingKind.LEGACY and size == 16:
        free = plain.startswith(("movup", "movdqu", "lddqu", "pcmpestr", "pcmpistr"))
        vector = any(_is_vector(insn.op_register(i)) for i in range(insn.op_count))
        return 16 if vector and not free else 1
    return 1


def _is_vector(register: Any) -> bool:
    from iced_x86 import RegisterExt

    return bool(RegisterExt.is_xmm(register))


@cache
def _access_kinds() -> dict[int, str]:
    from iced_x86 import OpAccess

    return {
        OpAccess.READ: "read",
        OpAccess.COND_READ: "read",
        OpAccess.WRITE: "write",
        OpAccess.COND_WRITE: "write",
        OpAccess.READ_WRITE: "read and write",
        OpAccess.READ_COND_WRITE: "read and write",
    }


@cache
def _registers() -> dict[int, str]:
    return _names("Register")


@cache
def _mnemonics() -> dict[int, str]:
    return _names("Mnemonic")


def _names(enum: str) -> dict[int, str]:
    """Return the names of an enum of iced-x86 by value, in lower case, without NONE."""
    import iced_x86

    found = vars(getattr(iced_x86, enum))
    return {
        value: name.lower()
        for name, value in found.items()
        if isinstance(value, int) and not name.startswith("_") and name not in ("NONE", "INVALID")
    }
