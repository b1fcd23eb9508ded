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
    if operands.count(",") == 1:
        operands += "," + operands.rpartition(",")[2]
    return mnemonic, operands


_SIZES = {64: "q", 32: "l"}
_STRINGS = r"(?:MOVS[BWDQ]_M|CMPS[BWDQ]_M|STOS|LODS|SCAS|INS[BWD]_|OUTS)"

_ATT: list[tuple[str, Rule]] = [
    (_STRINGS, _substitute(r"(?<!:)(\(%[er]?di\))", r"%es:\1")),
    (_STRINGS, _substitute(r"(?<!:)(\(%[er]?si\))", r"%ds:\1")),
    (r"(?:IN|OUT)_\w*DX|INS|OUTS", _substitute(r"%dx", "(%dx)")),
    (r"(?:ROL|ROR|RCL|RCR|SHL|SHR|SAR|SAL)_\w+_1$", _substitute(r"^\$0x1,", "")),
    (r"IMUL_R(?:16|32|64)_RM\d+_IMM", _repeat_destination),
    (r"FXCH_|FUCOMP?_ST|FCOMP?_ST", _default("%st(1)")),
    (r"(?:FADDP|FMULP|FSUBR?P|FDIVR?P)_", _default("%st,%st(1)")),
]
_ATT_BY_SIZE = {
    64: [(r"(?:CALL|JMP|PUSH|POP)_RM64", _respell("q$", ""))],
    32: [(r"(?:CALL|JMP|PUSH|POP)_RM32", _respell("(?<=....)l$", ""))],
}
_INTEL: list[tuple[str, Rule]] = []


def rules_for(bitness: int, flavor: str) -> Callable[[str], tuple[Rule, ...]]:
    """Return a function that finds the rules of an opcode by its name."""
    rows = _INTEL if flavor == "intel" else _ATT + _ATT_BY_SIZE[bitness]
    compiled = [(re.compile(pattern), rule) for pattern, rule in rows]
    return lambda name: tuple(rule for pattern, rule in compiled if pattern.match(name))
