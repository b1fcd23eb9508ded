"""Which prefix bytes binutils prints as words in front of the mnemonic.

It names every prefix that the instruction does not use, in the order of the bytes
(opcodes/i386-dis.c marks prefixes as used while it prints operands). Whether an instruction
uses one is a property of its opcode here, with few exceptions that are rows below.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["LEGACY", "PrefixNamer"]

LEGACY = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")
_SEGMENTS = {0x2E: "cs", 0x36: "ss", 0x3E: "ds", 0x26: "es", 0x64: "fs", 0x65: "gs"}
_SEGMENT_REGISTERS = {0x26: "ES", 0x2E: "CS", 0x36: "SS", 0x3E: "DS", 0x64: "FS", 0x65: "GS"}

# Opcodes (by iced's names) that give 0xf2 or 0xf3 a meaning of their own.
_REP = re.compile(r"(?:MOVS[BWDQ]_M|STOS|LODS|INS[BWD]_|OUTS|MONTMUL|XSHA|XCRYPT|XSTORE)")
_REPZ = re.compile(r"(?:CMPS[BWDQ]_M|SCAS)")
_BND = re.compile(r"(?:CALL_(?:REL|RM)|JMP_(?:REL(?:16|32)|RM)|RETN|J\w+_REL(?:16|32|8))")
_NOTRACK = re.compile(r"(?:CALL|JMP)_RM")
_HINTED = re.compile(r"(?:J(?!MP|KN?ZD)\w+|LOOP\w*)_REL")
_ELIDABLE = re.compile(r"XCHG_RM")
_LOCKABLE = re.compile(
    r"(?:ADD|ADC|AND|BTC|BTR|BTS|CMPXCHG|DEC|INC|NEG|NOT|OR|SBB|SUB|XOR|XADD|XCHG)\w*_(?:RM|M)"
)
_RELEASABLE = re.compile(r"MOV_RM(?:8|16|32|64)_(?:R|IMM)")
_DS_STRING = re.compile(r"(?:MOVS[BWDQ]_M|CMPS[BWDQ]_M|LODS|OUTS|XLAT)")
_ES_ONLY = re.compile(r"(?:STOS|SCAS|INS[BWD]_)")
_ADDRESS = re.compile(r"(?:J[ER]?CXZ|LOOP)")


class PrefixNamer:
    """Name the prefixes of instructions; one object for 64-bit and one for 32-bit code."""

    def __init__(self, bitness: int, *, hints: bool) -> None:
        from iced_x86 import MandatoryPrefix, OpCodeOperandKind, OpKind, Register

        self.wide = bitness == 64
        self._hints = hints  # Intel syntax has no branch hints, and shows the prefix.
        self._mandatory = {
            MandatoryPrefix.P66: 0x66,
            MandatoryPrefix.PF2: 0xF2,
            MandatoryPrefix.PF3: 0xF3,
        }
        self._memory = frozenset(
            getattr(OpKind, name)
            for name in dir(OpKind)
            if name == "MEMORY" or name.startswith("MEMORY_")
        )
        self._low_bytes = frozenset((Register.SPL, Register.BPL, Register.SIL, Register.DIL))
        kinds = {name: getattr(OpCodeOperandKind, name) for name in dir(OpCodeOperandKind)}
        self._reg_kinds = _matching(kinds, r"\w+_REG(?:_MEM)?$|SEG_REG|[CDT]R_REG")
        self._opcode_kinds = _matching(kinds, r"\w+_OPCODE$")
        self._rm_kinds = _matching(kinds, r"\w+_(?:OR_MEM|RM)$|MEM|SIB_MEM")

    def has_memory(self, insn: Any) -> bool:
        """Tell whether an operand is in memory."""
        return any(insn.op_kind(i) in self._memory for i in range(insn.op_count))

    def names(self, raw: bytes, insn: Any, code_name: str) -> tuple[list[str], str]:
        """Return the words to print, and a branch hint (",pt") for the mnemonic."""
        at = 0
        while at < len(raw) and raw[at] in LEGACY:
            at += 1
        prefixes = list(raw[:at])
        rex = raw[at] if self.wide and at < len(raw) and raw[at] & 0xF0 == 0x40 else 0
        words: list[str] = [self._name(byte) for byte in prefixes]
        last = {byte: index for index, byte in enumerate(prefixes)}
        hint = ""
        valid = insn is not None and not insn.is_invalid
        if valid:
            hint = self._consume(prefixes, words, last, insn, code_name)
        if rex and not (valid and self._rex_used(rex, insn, code_name, raw[at + 1 :])):
            words.append("rex" + ("." if rex & 15 else "") + _rex_bits(rex))
        return [word for word in words if word], hint

    def lone_rex(self, raw: bytes) -> int:
        """Return the size of a REX prefix that another prefix robs of its effect, or 0.

        binutils gives it, with the prefixes before it, a line of its own.
        """
        at = 0
        while at < len(raw) and raw[at] in LEGACY:
            at += 1
        if not self.wide or at + 1 >= len(raw) or raw[at] & 0xF0 != 0x40:
            return 0
        return at + 1 if raw[at + 1] in LEGACY or raw[at + 1] & 0xF0 == 0x40 else 0

    def _name(self, byte: int) -> str:
        if byte in _SEGMENTS:
            return _SEGMENTS[byte]
        if byte == 0x67:
            return "addr32" if self.wide else "addr16"
        return {0x66: "data16", 0xF0: "lock", 0xF2: "repnz", 0xF3: "repz"}[byte]

    def _consume(
        self,
        prefixes: list[int],
        words: list[str],
        last: dict[int, int],
        insn: Any,
        name: str,
    ) -> str:
        """Blank or rename the words of the prefixes that are used; return the branch hint."""
        info = insn.op_code()
        mandatory = self._mandatory.get(info.mandatory_prefix)
        if mandatory in last:
            words[last[mandatory]] = ""
        memory = self.has_memory(insn)
        if 0x66 in last and _word_sized(info, name):
            words[last[0x66]] = ""
        if 0x67 in last and (memory or _ADDRESS.match(name)):
            words[last[0x67]] = ""
        for byte in (0xF2, 0xF3):
            if byte not in last or byte == mandatory:
                continue
            word = self._repeat_word(byte, name, 0xF0 in last, memory)
            if word is not None:
                words[last[byte]] = word
        segments = [index for index, byte in enumerate(prefixes) if byte in _SEGMENTS]
        hint = ""
        if segments:
            index = segments[-1]
            byte = prefixes[index]
            if self._hints and _HINTED.match(name) and byte in (0x2E, 0x3E):
                words[index] = ""
                hint = ",pn" if byte == 0x2E else ",pt"
            elif byte == 0x3E and _NOTRACK.match(name):
                words[index] = "notrack"
            elif _ES_ONLY.match(name):
                pass
            elif memory and (not self.wide or byte in (0x64, 0x65) or _DS_STRING.match(name)):
                words[index] = ""
        return hint

    @staticmethod
    def _repeat_word(byte: int, name: str, locked: bool, memory: bool) -> str | None:
        if _REP.match(name):
            return "rep" if byte == 0xF3 else "repnz"
        if _REPZ.match(name):
            return "repz" if byte == 0xF3 else "repnz"
        if byte == 0xF2 and _BND.match(name):
            return "bnd"
        elide = "xrelease" if byte == 0xF3 else "xacquire"
        if memory and locked and _LOCKABLE.match(name):
            return elide
        if memory and _ELIDABLE.match(name):
            return elide
        if memory and byte == 0xF3 and _RELEASABLE.match(name):
            return elide
        return None

    def _rex_used(self, rex: int, insn: Any, code_name: str, rest: bytes) -> bool:
        """Tell whether every bit of a REX prefix has a use."""
        if rex == 0x40:
            return any(insn.op_register(i) in self._low_bytes for i in range(insn.op_count))
        used = self.rex_mask(insn, code_name)
        if self.has_memory(insn) and _has_sib(rest):
            used |= 2
        return not rex & 15 & ~used

    def rex_mask(self, insn: Any, code_name: str) -> int:
        """Return the REX bits that an opcode uses; X is in use where there is a SIB byte."""
        info = insn.op_code()
        used = 0
        if info.operand_size == 64 and not (info.default_op_size64 or info.force_op_size64):
            used |= 8
        if info.operand_size == 0 and _W_MATTERS.search(code_name):
            used |= 8
        kinds = info.op_kinds()
        if any(kind in self._reg_kinds for kind in kinds):
            used |= 4
        if any(kind in self._opcode_kinds or kind in self._rm_kinds for kind in kinds):
            used |= 1
        return used

    def own_prefix(self, insn: Any, code_name: str) -> int:
        """Return the one legacy prefix that belongs to the opcode itself, or 0."""
        info = insn.op_code()
        mandatory = self._mandatory.get(info.mandatory_prefix, 0)
        if _WORD_BRANCH.search(code_name):  # iced has a word for it that must be removed.
            return 0
        return mandatory or (0x66 if info.operand_size == 16 else 0)


def _word_sized(info: Any, code_name: str) -> bool:
    return bool(info.operand_size == 16) or _WORD_BRANCH.search(code_name) is not None


_WORD_BRANCH = re.compile(r"_REL16$|^PUSH_IMM16|^(?:RETN|PUSH|POP)W")


def _matching(kinds: dict[str, int], pattern: str) -> frozenset[int]:
    return frozenset(value for name, value in kinds.items() if re.match(pattern, name))


def _has_sib(rest: bytes) -> bool:
    """Tell whether the ModRM byte of an encoding, given from its opcode on, has a SIB byte."""
    at = 1
    if rest[0] == 0x0F:
        at = 3 if rest[1] in (0x38, 0x3A) else 2
    return at < len(rest) and rest[at] & 7 == 4 and rest[at] < 0xC0


_W_MATTERS = re.compile(r"_R?M64")


def _rex_bits(rex: int) -> str:
    return "".join(letter for bit, letter in ((8, "W"), (4, "R"), (2, "X"), (1, "B")) if rex & bit)
