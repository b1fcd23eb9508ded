"""Instruction knowledge without text: length, kind, branch target, relocation.

``relocate`` makes the code of a breakpoint's out-of-line slot: one instruction that does at
another address what it did at its own. kprobes ("boosted") and gdb's displaced stepping do
the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydbg.arch.model import Arch
from pydbg.arch.x86_64 import X86_64
from pydbg.records import Record, field

__all__ = ["InsnInfo", "Relocated", "branches", "classify", "length", "relocate", "relocated"]

_PREFIXES = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")


class InsnInfo(Record):
    """Tell what an instruction does to the flow of control."""

    size: int
    """Bytes; 0 where they are no instruction."""
    kind: str
    """call ret jump cond syscall int other, or bad."""
    target: int | None = None
    """Where a direct call or branch goes; None when that is in a register or in memory."""


class Relocated(Record):
    """Hold the code of a slot and what its inner places mean.

    A thread can stop (for a signal, for Ctrl-C) at any instruction of the slot. ``places``
    maps the offset of each to the address at which the program stands by its own reckoning,
    with nothing left to do; None stands for the middle of an indirect call, whose way ends
    by one more step.
    """

    code: bytes
    places: Mapping[int, int | None] = field(default_factory=dict)


@cache
def _flow_kinds() -> dict[int, str]:
    from iced_x86 import FlowControl as Flow

    return {
        Flow.NEXT: "other",
        Flow.EXCEPTION: "other",
        Flow.XBEGIN_XABORT_XEND: "other",
        Flow.UNCONDITIONAL_BRANCH: "jump",
        Flow.INDIRECT_BRANCH: "jump",
        Flow.CONDITIONAL_BRANCH: "cond",
        Flow.CALL: "call",
        Flow.INDIRECT_CALL: "call",
        Flow.RETURN: "ret",
        Flow.INTERRUPT: "int",
    }


@cache
def _odd_kinds() -> dict[int, str]:
    """Name the kinds that iced's flow control does not tell: it has syscall as a call."""
    from iced_x86 import Mnemonic

    return {
        Mnemonic.SYSCALL: "syscall",
        Mnemonic.SYSENTER: "syscall",
        Mnemonic.VMCALL: "other",
        Mnemonic.VMMCALL: "other",
        Mnemonic.VMLAUNCH: "other",
        Mnemonic.VMRESUME: "other",
        Mnemonic.XABORT: "other",
        Mnemonic.XEND: "other",
        Mnemonic.XBEGIN: "cond",
    }


def _decode(code: bytes, addr: int, arch: Arch) -> tuple[Any, Any]:
    from iced_x86 import Decoder

    decoder = Decoder(arch.bitness, code[: arch.max_insn], ip=addr)
    return decoder, decoder.decode()


def length(code: bytes, *, arch: Arch = X86_64) -> int:
    """Return the size in bytes of the instruction at the start of ``code``, 0 for none.

    >>> length(b"\\x48\\x89\\xe5\\xc3"), length(b"\\x48"), length(b"\\x06")
    (3, 0, 0)
    """
    _, insn = _decode(code, 0, arch)
    return 0 if insn.is_invalid else insn.len


def _kind(insn: Any) -> str:
    kind = _odd_kinds().get(insn.mnemonic) or _flow_kinds()[insn.flow_control]
    if kind == "int" and insn.op_count == 1 and insn.immediate8 == 0x80:
        return "syscall"
    return kind


def classify(code: bytes, addr: int, *, arch: Arch = X86_64) -> InsnInfo:
    """Tell what the instruction at the start of ``code``, which is at ``addr``, does.

    >>> classify(b"\\xe8\\x00\\x00\\x00\\x00", 0x1000)
    InsnInfo(size=5, kind='call', target=4101)
    >>> classify(b"\\x0f\\x05", 0x1000).kind, classify(b"\\xff\\xe0", 0).target
    ('syscall', None)
    """
    _, insn = _decode(code, addr, arch)
    if insn.is_invalid:
        return InsnInfo(0, "bad")
    kind = _kind(insn)
    target = insn.near_branch_target if kind in ("call", "jump", "cond") else 0
    return InsnInfo(insn.len, kind, target if _is_near_branch(insn) else None)


def branches(
    code: bytes, addr: int, *, arch: Arch = X86_64
) -> Iterator[tuple[int, int, str, int | None]]:
    """Give (address, size, kind, direct target) of the instructions of some code, in order.

    It ends behind the first that is none: its kind is "bad".

    >>> list(branches(b"\\x90\\xeb\\xfd\\xc3", 0x1000))
    [(4096, 1, 'other', None), (4097, 2, 'jump', 4096), (4099, 1, 'ret', None)]
    """
    from iced_x86 import Decoder

    for insn in Decoder(arch.bitness, code, ip=addr):
        if insn.is_invalid:
            yield insn.ip, 0, "bad", None
            return
        kind = _kind(insn)
        target = None
        if kind in ("call", "jump", "cond") and _is_near_branch(insn):
            target = insn.near_branch_target
        yield insn.ip, insn.len, kind, target


def _is_near_branch(insn: Any) -> bool:
    from iced_x86 import OpKind

    return insn.op_count > 0 and insn.op0_kind in (
        OpKind.NEAR_BRANCH16,
        OpKind.NEAR_BRANCH32,
        OpKind.NEAR_BRANCH64,
    )


def relocate(code: bytes, addr: int, slot_addr: int, *, arch: Arch = X86_64) -> bytes | None:
    """Re-encode the instruction at ``addr`` for ``slot_addr``, with the way back behind it.

    A call pushes the original return address. None for what cannot be moved: system calls
    (they leave the pc in rcx, and may be restarted), traps, far transfers, operands out of
    reach.

    >>> relocate(b"\\x90", 0x1000, 0x2000).hex(" ")
    '90 e9 fb ef ff ff'
    >>> relocate(b"\\x0f\\x05", 0x1000, 0x2000) is None
    True
    """
    result = relocated(code, addr, slot_addr, arch=arch)
    return None if result is None else result.code


def relocated(code: bytes, addr: int, slot_addr: int, *, arch: Arch = X86_64) -> Relocated | None:
    """Do what ``relocate`` does, and tell what a stop inside the slot means.

    >>> relocated(b"\\x74\\x10", 0x1000, 0x2000).places
    {0: 4096, 2: 4098, 7: 4114}
    """
    decoder, insn = _decode(code, addr, arch)
    if insn.is_invalid:
        return None
    raw = bytes(code[: insn.len])
    after = addr + insn.len
    if arch.bitness == 32:
        after &= 0xFFFFFFFF
    slot = _Slot(addr, slot_addr, arch)
    kind = _kind(insn)
    if kind in ("call", "jump", "cond") and _is_near_branch(insn):
        return _direct(slot, raw, kind, insn, after)
    if kind in ("call", "jump") and (insn.is_call_near_indirect or insn.is_jmp_near_indirect):
        return _indirect(slot, raw, insn, decoder, after)
    if kind == "ret" and raw.lstrip(b"\xf2\xf3")[0] in (0xC2, 0xC3):
        return slot.add(raw, addr).done()
    if kind != "other":
        return None
    moved = _moved(slot, raw, insn, decoder)
    return None if moved is None else slot.add(moved, addr).jump(after).done()


class _Slot:
    """Gather the code of a slot piece by piece."""

    def __init__(self, addr: int, slot_addr: int, arch: Arch) -> None:
        self.addr = addr
        self.start = slot_addr
        self.wide = arch.bitness == 64
        self.code = bytearray()
        self.places: dict[int, int | None] = {}
        self.data: list[tuple[int, int]] = []

    def add(self, code: bytes, place: int | None) -> _Slot:
        """Append an instruction at which the program stands at ``place``."""
        self.places[len(self.code)] = place
        self.code += code
        return self

    def jump(self, target: int) -> _Slot:
        """Append a jump to ``target``, through memory when it is out of a rel32's reach."""
        distance = target - (self.start + len(self.code) + 5)
        if not self.wide:
            distance = (distance + 2**31) % 2**32 - 2**31
        if -(2**31) <= distance < 2**31:
            return self.add(b"\xe9" + distance.to_bytes(4, "little", signed=True), target)
        return self.add(b"\xff\x25" + self.word(target, 2), target)

    def word(self, value: int, at: int) -> bytes:
        """Reserve a rip-relative disp32 (``at`` bytes on) to ``value``, kept after the code."""
        self.data.append((len(self.code) + at, value))
        return bytes(4)

    def done(self) -> Relocated:
        """Append the data words, fix the distances to them; the start is where it all began."""
        self.places[0] = self.addr
        for place, value in self.data:
            distance = len(self.code) - (place + 4)
            self.code[place : place + 4] = distance.to_bytes(4, "little")
            self.code += value.to_bytes(8, "little")
        return Relocated(bytes(self.code), self.places)

    def push(self, value: int, place: int) -> _Slot:
        """Append a push of an address; it must be one instruction and touch no flag."""
        if self.wide:
            return self.add(b"\xff\x35" + self.word(value, 2), place)
        return self.add(b"\x68" + value.to_bytes(4, "little"), place)


def _direct(slot: _Slot, raw: bytes, kind: str, insn: Any, after: int) -> Relocated | None:
    """Move a direct call, jump or conditional branch; the hint and bnd prefixes are dropped."""
    opcode = raw.lstrip(bytes(_PREFIXES))
    if slot.wide and 0x40 <= opcode[0] <= 0x4F:  # A REX prefix, which means nothing here.
        opcode = opcode[1:]
    prefixes = raw[: len(raw) - len(opcode)]
    target = insn.near_branch_target
    if 0x66 in prefixes:
        return None  # A 16-bit branch on i386; on x86-64 Intel and AMD disagree.
    if kind == "call":
        return slot.push(after, slot.addr).jump(target).done()
    if kind == "jump":
        return slot.jump(target).done()
    if insn.is_jcc_short_or_near:
        test = bytes((0x70 | (opcode[1] if opcode[0] == 0x0F else opcode[0]) & 0xF,))
    elif insn.is_loop or insn.is_loopcc or insn.is_jcx_short:
        test = (b"\x67" if 0x67 in prefixes else b"") + opcode[:1]
    else:
        return None
    slot.add(test + b"\x00", slot.addr)
    fork = len(slot.code)
    slot.jump(after)
    slot.code[fork - 1] = len(slot.code) - fork
    return slot.jump(target).done()


def _indirect(slot: _Slot, raw: bytes, insn: Any, decoder: Any, after: int) -> Relocated | None:
    """Move an indirect jump, or make a push and an indirect jump of an indirect call."""
    from iced_x86 import Code, Encoder, Register

    if insn.is_jmp_near_indirect:
        if insn.code not in (Code.JMP_RM64, Code.JMP_RM32):
            return None
        moved = _moved(slot, raw, insn, decoder)
        return None if moved is None else slot.add(moved, slot.addr).done()
    jumps = {Code.CALL_RM64: Code.JMP_RM64, Code.CALL_RM32: Code.JMP_RM32}
    stack = (Register.RSP, Register.ESP)
    if insn.code not in jumps or insn.op0_register in stack or insn.memory_base == Register.EIP:
        return None
    insn.code = jumps[insn.code]
    if insn.memory_base in stack:
        # The push comes before the operand is read, and has moved the stack pointer by then.
        insn.memory_displacement += 8 if slot.wide else 4
        insn.memory_displ_size = max(insn.memory_displ_size, 1)
    slot.push(after, slot.addr)
    encoder = Encoder(64 if slot.wide else 32)
    try:
        encoder.encode(insn, slot.start + len(slot.code))
    except ValueError:  # A rip-relative operand is out of reach.
        return None
    jump: bytes = encoder.take_buffer()
    return slot.add(jump, None).done()


def _moved(slot: _Slot, raw: bytes, insn: Any, decoder: Any) -> bytes | None:
    """Return the same encoding with the displacement of a rip-relative operand corrected."""
    from iced_x86 import Register

    if not insn.is_ip_rel_memory_operand:
        return raw
    constants = decoder.get_constant_offsets(insn)
    distance = insn.ip_rel_memory_address - (slot.start + len(raw))
    if insn.memory_base == Register.EIP or not -(2**31) <= distance < 2**31:
        return None
    start: int = constants.displacement_offset
    moved: bytes = distance.to_bytes(4, "little", signed=True)
    return raw[:start] + moved + raw[start + 4 :]
