"""The decoder loop: iced-x86's draft, corrected by rules, with prefixes and comments."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from pydbg.arch.disasm import Insn
from pydbg.arch.disasm.prefixes import LEGACY, PrefixNamer
from pydbg.arch.disasm.rules import Rule, rules_for

__all__ = ["Engine", "engine_for"]

_OPTIONS = {
    "rip_relative_addresses": True,
    "show_zero_displacements": True,
    "always_show_scale": True,
    "displacement_leading_zeros": False,
    "branch_leading_zeros": False,
    "small_hex_numbers_in_decimal": False,
    "signed_immediate_operands": False,
    "show_useless_prefixes": False,
    "uppercase_hex": False,
    "show_branch_size": False,
}
_INTEL_OPTIONS = {"hex_prefix": "0x", "hex_suffix": "", "uppercase_keywords": True}
_MAX_INSN = 15

# An encoding with a SIB byte that names no index (100): prefixes, opcode, ModRM, SIB.
_SIB_NO_INDEX = (
    rb"[\x26\x2e\x36\x3e\x64-\x67\xf0\xf2\xf3]*+"
    rb"(?:\xc5..|\xc4...|\x62....|%s(?:\x0f(?:[\x38\x3a].|.)|[^\x0f]))"
    rb"(?P<modrm>[\x04\x0c\x14\x1c\x24\x2c\x34\x3c\x44\x4c\x54\x5c\x64\x6c\x74\x7c"
    rb"\x84\x8c\x94\x9c\xa4\xac\xb4\xbc])"
    rb"(?P<sib>[\x20-\x27\x60-\x67\xa0-\xa7\xe0-\xe7])"
)

_INTEL_BASE = re.compile(r"\[((?!0x)\w*)([-+\]])?")
_INTEL_RIP = re.compile(r"\[([re]ip)-(0x[0-9a-f]+)\]")
_INTEL_ABSOLUTE = re.compile(r"(?:(\w\w):)?\[(0x[0-9a-f]+)\]")


class Engine:
    """Disassemble for one bitness and one flavour."""

    def __init__(self, bitness: int, flavor: str) -> None:
        from iced_x86 import (
            Code,
            FormatMnemonicOptions,
            Formatter,
            FormatterSyntax,
            MemorySizeOptions,
        )

        self.bitness = bitness
        self.intel = flavor == "intel"
        syntax = FormatterSyntax.INTEL if self.intel else FormatterSyntax.GAS
        self._formatter: Any = Formatter(syntax)
        options = _OPTIONS | (_INTEL_OPTIONS if self.intel else {})
        for name, value in options.items():
            setattr(self._formatter, name, value)
        if self.intel:
            self._formatter.memory_size_options = MemorySizeOptions.ALWAYS
        self._indexless = re.compile(r"\[" if self.intel else r",\)")
        self._no_prefixes = FormatMnemonicOptions.NO_PREFIXES
        rex = rb"[\x40-\x4f]?+" if bitness == 64 else b""
        self._sib_no_index = re.compile(_SIB_NO_INDEX % rex, re.DOTALL)
        self._namer = PrefixNamer(bitness)
        self._names = {v: k for k, v in vars(Code).items() if isinstance(v, int)}
        self._rules: dict[int, tuple[Rule, ...]] = {}
        self._find_rules = rules_for(bitness, flavor)

    def lines(
        self,
        code: bytes,
        addr: int,
        symbolize: Callable[[int], str | None] | None,
        count: int | None,
    ) -> list[Insn]:
        """Disassemble until the bytes or the count run out."""
        from iced_x86 import Decoder, DecoderError

        lines: list[Insn] = []
        at = 0
        decoder = Decoder(self.bitness, code, ip=addr)
        while at < len(code) and (count is None or len(lines) < count):
            insn = decoder.decode()
            if insn.is_invalid:
                if decoder.last_error == DecoderError.NO_MORE_BYTES:
                    break
                line = self._bad(code, at, addr, insn)
                decoder.position = at + line.size
                decoder.ip = addr + at + line.size
            else:
                line = self._line(insn, bytes(code[at : at + insn.len]), symbolize)
            lines.append(line)
            at += line.size
        return lines

    def _bad(self, code: bytes, at: int, addr: int, insn: Any) -> Insn:
        """Give the line for bytes that are no instruction: the prefixes and one byte more."""
        size = 0
        raw = bytes(code[at : at + _MAX_INSN])
        while size < len(raw) and raw[size] in LEGACY:
            size += 1
        if self.bitness == 64 and size < len(raw) and raw[size] & 0xF0 == 0x40:
            size += 1
        size = min(size + 1, len(raw))
        words, _ = self._namer.names(raw[:size], insn, "INVALID")
        return Insn(addr + at, size, raw[:size], " ".join([*words, "(bad)"]))

    def _line(self, insn: Any, raw: bytes, symbolize: Callable[[int], str | None] | None) -> Insn:
        code = insn.code
        rules = self._rules.get(code)
        if rules is None:
            rules = self._rules[code] = self._find_rules(self._names[code])
        words: list[str] = []
        hint = ""
        first = raw[0]
        if first in LEGACY or (first & 0xF0 == 0x40 and self.bitness == 64):
            words, hint = self._namer.names(raw, insn, self._names[code])
            mnemonic = self._formatter.format_mnemonic(insn, self._no_prefixes)
            operands = self._formatter.format_all_operands(insn)
        else:
            mnemonic, _, operands = self._formatter.format(insn).partition(" ")
        if not insn.memory_index and self._indexless.search(operands):
            operands = self._fix_memory(insn, raw, operands)
        for rule in rules:
            mnemonic, operands = rule(mnemonic, operands, insn)
        if words:
            mnemonic = " ".join([*words, mnemonic])
        text = f"{mnemonic + hint:<6} {operands}" if operands else mnemonic + hint
        target: int | None = None
        comment = ""
        if insn.is_ip_rel_memory_operand:
            address = insn.ip_rel_memory_address
            comment = f"{address:#x}"
            if symbolize is not None and (symbol := symbolize(address)):
                comment += " " + symbol
            text += "        # " + comment
        elif near := insn.near_branch_target:
            target = near
            if symbolize is not None and (symbol := symbolize(near)):
                text += " " + symbol
        return Insn(insn.ip, len(raw), raw, text, target, comment)

    def _fix_memory(self, insn: Any, raw: bytes, operands: str) -> str:
        """Write a memory operand that has no index as binutils does.

        An index field that the encoding does not need is shown as %riz, and Intel syntax
        has its own ways with rip and with addresses that have no register at all.
        """
        index = scale = ""
        if found := self._sib_no_index.match(raw):
            modrm, sib = found["modrm"][0], found["sib"][0]
            narrow = self.bitness == 32 or 0x67 in raw[: found.start("modrm") - 1]
            needed = narrow if sib & 7 == 5 and modrm < 0x40 else sib & 7 != 4
            if needed or sib >> 6:
                index, scale = "eiz" if narrow else "riz", str(1 << (sib >> 6))
        if not self.intel:
            return operands.replace(",)", f",%{index},{scale})" if index else ")")
        if index:
            operands = _INTEL_BASE.sub(
                lambda base: f"[{base[1]}+{index}*{scale}{base[2] or '+'}", operands, count=1
            ).replace("[+", "[")
        elif insn.is_ip_rel_memory_operand:
            operands = _INTEL_RIP.sub(
                lambda found: f"[{found[1]}+{(1 << 64) - int(found[2], 16):#x}]", operands
            )
        elif not insn.memory_base:
            operands = _INTEL_ABSOLUTE.sub(
                lambda found: f"{found[1] or 'ds'}:{found[2]}", operands
            )
        return operands


@cache
def engine_for(bitness: int, flavor: str) -> Engine:
    """Return the engine; it is built once, and building costs a few milliseconds."""
    return Engine(bitness, flavor)
