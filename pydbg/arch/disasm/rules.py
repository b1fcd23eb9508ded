"""Where binutils 2.40 spells an instruction otherwise than iced-x86: one row a difference.

A row is a pattern for the names of opcodes (iced's ``Code``), and a function on mnemonic
and operands. The rows of an opcode are looked up once and remembered by the engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

__all__ = ["Rule", "rules_for"]

Rule = Callable[[str, str, Any], tuple[str, str]]


def _substitute(pattern: str, new: str) -> Rule:
    """Replace in the operands."""
    compiled = re.compile(pattern)
    return lambda mnemonic, operands, insn: (mnemonic, compiled.sub(new, operands))


def _rename(new: str) -> Rule:
    """Use another mnemonic."""
    return lambda mnemonic, operands, insn: (new, operands)


def _respell(pattern: str, new: str) -> Rule:
    """Replace in the mnemonic."""
    compiled = re.compile(pattern)
    return lambda mnemonic, operands, insn: (compiled.sub(new, mnemonic), operands)


def _default(text: str) -> Rule:
    """Show operands that iced takes for granted."""
    return lambda mnemonic, operands, insn: (mnemonic, operands or text)


def _repeat_destination(mnemonic: str, operands: str, insn: Any) -> tuple[str, str]:
    """Write `imul $3,%eax,%eax` in full."""
    if insn.op_count == 3 and insn.op0_register == insn.op1_register != 0:
        first, _, last = operands.partition(",")
        operands = f"{first},{last},{last}" if first.startswith("$") else f"{first},{operands}"
    return mnemonic, operands


def _append(text: str) -> Rule:
    """Add an operand that iced takes for granted."""
    return lambda mnemonic, operands, insn: (mnemonic, operands + text)


def _nop(mnemonic: str, operands: str, insn: Any) -> tuple[str, str]:
    """Write `nop` for an exchange of a register with itself."""
    if insn.op0_register == insn.op1_register:
        return "nop", ""
    return mnemonic, operands


def _segment_of_lea(mnemonic: str, operands: str, insn: Any) -> tuple[str, str]:
    """Name the segment, which lea does not use: assemblers pad loops with such ones."""
    from iced_x86 import CodeSize, Register

    names = {Register.FS: "fs", Register.GS: "gs"}
    if insn.code_size != CodeSize.CODE64:
        names |= {Register.CS: "cs", Register.DS: "ds", Register.ES: "es", Register.SS: "ss"}
    segment = names.get(insn.segment_prefix)
    if segment is None:
        return mnemonic, operands
    if operands.startswith("%") or operands[:1] in "-0123456789(":
        return mnemonic, f"%{segment}:{operands}"
    register, _, memory = operands.partition(",")
    return mnemonic, f"{register},{segment}:{memory.removeprefix('ds:')}"


def _bad(mnemonic: str, operands: str, insn: Any) -> tuple[str, str]:
    return "(bad)", ""


def _sized_nop(mnemonic: str, operands: str, insn: Any) -> tuple[str, str]:
    """Give `nop` on memory its size."""
    if not operands.startswith("%") or ":" in operands:
        mnemonic += {16: "w", 32: "l", 64: "q"}[insn.op_code().operand_size]
    return mnemonic, operands


def _prepend(text: str) -> Rule:
    """Add an operand that iced takes for granted, as the first one."""
    return lambda mnemonic, operands, insn: (mnemonic, text + operands)


def _broadcast(mnemonic: str, operands: str, insn: Any) -> tuple[str, str]:
    """Write `QWORD BCST [rax]` for `QWORD PTR [rax]{1to8}`."""
    if insn.is_broadcast:
        operands = re.sub(r" PTR ([^{]*)\{1to\d+\}", r" BCST \1", operands)
    return mnemonic, operands


def _rounding_last(mnemonic: str, operands: str, insn: Any) -> tuple[str, str]:
    """Put {sae} and {rn-sae} behind the last register, where Intel syntax has them."""
    found = re.search(r"\{(?:r[nduz]e?-)?sae\}", operands)
    if found is None:
        return mnemonic, operands
    parts = (operands[: found.start()] + operands[found.end() :]).split(",")
    last = max(i for i, part in enumerate(parts) if not part.startswith("0x"))
    parts[last] += found[0].replace("{rne", "{rn")
    return mnemonic, ",".join(parts)


_STRINGS = r"(?:MOVS[BWDQ]_M|CMPS[BWDQ]_M|STOS|LODS|SCAS|INS[BWD]_|OUTS)"
_SHIFT_BY_1 = r"(?:ROL|ROR|RCL|RCR|SHL|SHR|SAR|SAL)_\w+_1$"
_IMUL = r"IMUL_R(?:16|32|64)_RM\d+_IMM"
_X87_POP = r"(?:FADDP|FMULP|FSUBR?P|FDIVR?P)_"

# binutils 2.40 spells the conditions of cmpccxadd by their negations.
_CONDITIONS = {"a": "nbe", "ae": "nb", "e": "z", "g": "nle", "ge": "nl", "ne": "nz"}

_BOTH: list[tuple[str, Rule]] = [
    (_IMUL, _repeat_destination),
    (r"LEA_", _segment_of_lea),
    (r"SAL_", _respell("^sal", "shl")),
    (r"XCHG_R64_RAX", _nop),
    (r"VEX_VPDP(?:BUSD|WSSD)|VEX_VPMADD52", _respell("^", "{vex} ")),
    *((f"VEX_CMP{old.upper()}XADD", _rename(f"cmp{new}xadd")) for old, new in _CONDITIONS.items()),
    # Aliases that 8087s had and binutils does not know.
    (r"F\w+_(?:DCD0|DCD8|DDC8|DFC8|DFD0|DFD8|DED0)$|FSTPNCE", _bad),
    (r"FN(?:ENI|DISI)", _respell("$", "(8087 only)")),
    (r"FNSETPM", _respell("$", "(287 only)")),
]
_ATT: list[tuple[str, Rule]] = [
    (r"MOV_\w*DR", _substitute(r"\bdr(\d)", r"db\1")),
    (_STRINGS, _substitute(r"(?<!:)(\(%[er]?di\))", r"%es:\1")),
    (_STRINGS, _substitute(r"(?<!:)(\(%[er]?si\))", r"%ds:\1")),
    (r"XLAT", _substitute(r"^\(", "%ds:(")),
    (r"XLAT", _substitute(r",\)", ")")),
    (r"RESERVEDNOP", _substitute(r"^%\w+,", "")),
    (r"RESERVEDNOP", _sized_nop),
    (r"(?:IN|OUT)_\w*DX|INS|OUTS", _substitute(r"%dx", "(%dx)")),
    (_SHIFT_BY_1, _substitute(r"^\$0x1,", "")),
    (r"FXCH_|FUCOMP?_ST|FCOMP?_ST", _default("%st(1)")),
    (_X87_POP, _default("%st,%st(1)")),
    (r"RETFD", _respell("l$", "")),
    (r"MOV[SZ]X_R16_RM16", _respell("xw$", "ww")),
    (r"(?:JMP|CALL)_REL16", _respell("$", "w")),
    (r"IRETD", _respell("l$", "")),
    (r"(?:CALL|JMP)_M1632", _respell("l$", "")),
]
_ATT_BY_SIZE: dict[int, list[tuple[str, Rule]]] = {
    64: [(r"(?:CALL|JMP|PUSH|POP)_RM64", _respell("q$", ""))],
    32: [
        (r"(?:E?VEX_V)?CVTU?SI2S[SD]_XMM_\w*RM32", _respell("l$", "")),
        (r"(?:CALL|JMP|PUSH|POP)_RM32", _respell("^(call|jmp|push|pop)l$", r"\1")),
    ],
}
_unsized = _substitute(r"\w+ PTR (?=\[)", "")

_INTEL: list[tuple[str, Rule]] = [
    (r"RESERVEDNOP", _substitute(r",\w+$", "")),
    (_STRINGS, _respell("[bwdq]$", "")),
    (_STRINGS, _substitute(r"(?<!:)(\[[er]?di\])", r"es:\1")),
    (_STRINGS, _substitute(r"(?<!:)(\[[er]?si\])", r"ds:\1")),
    (r"STOSB", _append(",al")),
    (r"STOSW", _append(",ax")),
    (r"STOSD", _append(",eax")),
    (r"STOSQ", _append(",rax")),
    (r"(?:SCAS|LODS)B", _prepend("al,")),
    (r"(?:SCAS|LODS)W", _prepend("ax,")),
    (r"(?:SCAS|LODS)D", _prepend("eax,")),
    (r"(?:SCAS|LODS)Q", _prepend("rax,")),
    (r"XLAT", _substitute(r"PTR \[", "PTR ds:[")),
    (r"MOV_SREG_R", _substitute(r",([abcd]x|[sb]p|[sd]i)$", r",e\1")),
    (r"MOV_SREG_R", _substitute(r",(r\d+)w$", r",\1d")),
    (r"IRETD", _rename("iret")),
    (_SHIFT_BY_1, _substitute(r",0x1$", ",1")),
    (r"F(?:LD|ILD|BLD|ADD|MUL|COMP?|SUBR?|DIVR?|I\w+)_M", _substitute("^st,", "")),
    (r"F(?:LD|XCH|U?COMP?)_ST", _substitute("^st,", "")),
    (r"F(?:STP?|FREEP?)_ST|F(?:STP?|ISTT?P?|BSTP)_M", _substitute(",st$", "")),
    (r"FXCH_|FUCOMP?_ST|FCOMP?_ST", _default("st(1)")),
    (_X87_POP, _default("st(1),st")),
    (r"(?:PUSHF|POPF)[QD]", _respell("[qd]$", "")),
    (r"RETFD", _rename("retf")),
    (r"RETFW", _rename("retfw")),
    (r"RETFQ", _rename("retfq")),
    (r"RETF", _substitute(r"^(?:ret )?far ?", "")),
    (r"(?:CALL|JMP)_M16", _substitute("^far ", "")),
    (r"(?:CALL|JMP)_(?:M16|PTR)", _respell(" far$", "")),
    (r"(?:CALL|JMP)_PTR", _substitute(r"^(?:far )?(\w+)[,:](\w+)$", r"\2:\1")),
    (r"(?:PUSH|POP)AD$", _respell("d$", "")),
    (r"SHA256RNDS2|PBLENDVB|BLENDVP", _append(",xmm0")),
    (r"(?:VEX_V)?LDDQU|MOVDIR64B|ENQCMD|INVPCID|WRU?SS|AES(?:ENC|DEC)\w*KL", _unsized),
    (r"INVEPT|INVVPID|CMPXCHG16B", _substitute("XMMWORD", "OWORD")),
    (r"(?:RETNW|PUSHW|POPW|PUSH_IMM16)", _respell("$", "w")),
    (r"(?:JMP|CALL)_REL16", _respell("$", "w")),
    (r"MOV_\w*MOFFS", _substitute(r"\w+ PTR ", "")),
    (r"EVEX_", _rounding_last),
    (r"EVEX_", _broadcast),
    (r"EVEX_VP?GATHER|EVEX_VG", _substitute(r"^(\w+),(k\d)", r"\1{\2}")),
]
_INTEL_BY_SIZE: dict[int, list[tuple[str, Rule]]] = {
    64: [(r"MOV_R64_IMM64|MOV_\w*MOFFS", _rename("movabs"))],
    32: [],
}


def rules_for(bitness: int, flavor: str) -> Callable[[str], tuple[Rule, ...]]:
    """Return a function that finds the rules of an opcode by its name."""
    own = _INTEL + _INTEL_BY_SIZE[bitness] if flavor == "intel" else _ATT + _ATT_BY_SIZE[bitness]
    compiled = [(re.compile(pattern), rule) for pattern, rule in _BOTH + own]
    return lambda name: tuple(rule for pattern, rule in compiled if pattern.match(name))
