"""The decoder loop: iced-x86's draft, corrected by rules, with prefixes and comments."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from pydbg.arch.disasm import Insn
from pydbg.arch.disasm.prefixes import LEGACY, PrefixNamer
from pydbg.arch.disasm.rules import Rule, rules_for
from pydbg.records import replace

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
    rb"(?:\xc5..|\xc4...|\x62....|%s(?:\x0f(?:[\x38\x3a].|.)|[^\x0f\xa0-\xa3]))"
    rb"(?P<modrm>[\x04\x0c\x14\x1c\x24\x2c\x34\x3c\x44\x4c\x54\x5c\x64\x6c\x74\x7c"
    rb"\x84\x8c\x94\x9c\xa4\xac\xb4\xbc])"
    rb"(?P<sib>[\x20-\x27\x60-\x67\xa0-\xa7\xe0-\xe7])"
)

_WAIT = 0x9B
_WAITED = re.compile(rb"\x9b+(?=[\x26\x2e\x36\x3e\x64-\x67\xf0\xf2\xf3]*[\x40-\x4f]?[\xd8-\xdf])")
_INTEL_BASE = re.compile(r"\[((?:(?!0x)\w+)?)([-+\]])?")
_ATT_ABSOLUTE = re.compile(r"(?<![$\w])0x([0-9a-f]+)")
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
        self._indexless = re.compile(r"\[" if self.intel else r",\)|(?<![$\w(])0x\w+(?![(\w])")
        self._no_prefixes = FormatMnemonicOptions.NO_PREFIXES
        rex = rb"[\x40-\x4f]?+" if bitness == 64 else b""
        self._sib_no_index = re.compile(_SIB_NO_INDEX % rex, re.DOTALL)
        self._namer = PrefixNamer(bitness, hints=not self.intel)
        self._names = {v: k for k, v in vars(Code).items() if isinstance(v, int)}
        self._rules: dict[int, tuple[Rule, ...]] = {}
        self._own: dict[int, int] = {}
        self._rex: dict[int, int] = {}
        self._find_rules = rules_for(bitness, flavor)

    def lines(
        self,
        code: bytes,
        addr: int,
        symbolize: Callable[[int], str | None] | None,
        count: int | None,
    ) -> list[Insn]:
        """Disassemble until the bytes or the count run out."""
        from iced_x86 import Decoder, DecoderError, DecoderOptions

        # binutils does not mind `lock` where it is not allowed, knows MPX, and takes 0x66
        # before a branch as AMD does.
        options = DecoderOptions.NO_INVALID_CHECK | DecoderOptions.MPX | DecoderOptions.AMD
        lines: list[Insn] = []
        at = 0
        decoder = Decoder(self.bitness, code, options, ip=addr)
        while at < len(code) and (count is None or len(lines) < count):
            insn = decoder.decode()
            first = code[at]
            if insn.is_invalid and decoder.last_error == DecoderError.NO_MORE_BYTES:
                break
            alone = 0
            if insn.is_invalid or first in LEGACY or first & 0xF0 == 0x40:
                alone = self._namer.lone_rex(code[at : at + _MAX_INSN])
            if alone:
                line = self._lone_rex(bytes(code[at : at + alone]), insn)
            elif insn.is_invalid:
                line = self._bad(code, at, addr)
            else:
                line = self._line(insn, bytes(code[at : at + insn.len]), symbolize)
                if first == _WAIT and (waits := _WAITED.match(code, at)):
                    decoder.position = waits.end()
                    decoder.ip = addr + waits.end()
                    insn = decoder.decode()
                    if not insn.is_invalid:
                        line = self._waiting(
                            insn, bytes(code[at : waits.end() + insn.len]), symbolize
                        )
            lines.append(line)
            at += line.size
            if at != decoder.position:
                decoder.position = at
                decoder.ip = (addr + at) % (1 << 64)
        return lines

    def _lone_rex(self, raw: bytes, insn: Any) -> Insn:
        words, _ = self._namer.names(raw, None, "")
        return Insn(insn.ip, len(raw), raw, " ".join(words))

    def _waiting(
        self, insn: Any, raw: bytes, symbolize: Callable[[int], str | None] | None
    ) -> Insn:
        """Join `fwait` with the x87 instruction behind it: `fstcw` is fwait and fnstcw."""
        line = self._line(insn, raw[-insn.len :], symbolize)
        mnemonic, _, operands = line.text.partition(" ")
        mnemonic = "f" + mnemonic.removeprefix("fn") if mnemonic.startswith("fn") else mnemonic
        text = f"{mnemonic:<6} {operands.lstrip()}" if operands else mnemonic
        return replace(line, addr=insn.next_ip - len(raw), size=len(raw), raw=raw, text=text)

    def _bad(self, code: bytes, at: int, addr: int) -> Insn:
        """Give the line for bytes that are no instruction; how many, depends on the opcode."""
        start = at
        end = min(len(code), at + _MAX_INSN)
        while start < end - 1 and code[start] in LEGACY:
            start += 1
        if self.bitness == 64 and start < end - 1 and code[start] & 0xF0 == 0x40:
            start += 1
        raw = bytes(code[at : min(start + _bad_size(code[start : start + 3]), end)])
        words, _ = self._namer.names(raw[: start - at], None, "")
        return Insn(addr + at, len(raw), raw, " ".join([*words, "(bad)"]))

    def _line(self, insn: Any, raw: bytes, symbolize: Callable[[int], str | None] | None) -> Insn:
        code = insn.code
        rules = self._rules.get(code)
        if rules is None:
            name = self._names[code]
            rules = self._rules[code] = self._find_rules(name)
            self._own[code] = self._namer.own_prefix(insn, name)
            self._rex[code] = self._namer.rex_mask(insn, name)
        words: list[str] = []
        hint = ""
        if self._has_odd_prefix(insn, raw):
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

    def _has_odd_prefix(self, insn: Any, raw: bytes) -> bool:
        """Tell, fast, whether a prefix may have to be named."""
        first = raw[0]
        if first in LEGACY:
            if first != self._own[insn.code]:
                return True
            first = raw[1]
            if first in LEGACY:
                return True
        if first & 0xF0 != 0x40 or self.bitness == 32:
            return False
        bits = first & 15
        if not bits:
            return True
        if insn.memory_index:
            bits &= ~2
        return bool(bits & ~self._rex[insn.code])

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
            if ",)" in operands:
                return operands.replace(",)", f",%{index},{scale})" if index else ")")
            if index and not insn.memory_base and insn.memory_displ_size:
                signed = insn.memory_displacement - (insn.memory_displacement >> 63 << 64)
                operands = _ATT_ABSOLUTE.sub(f"{signed:#x}(,%{index},{scale})", operands)
            return operands
        if index:
            operands = _INTEL_BASE.sub(
                lambda base: f"[{base[1]}+{index}*{scale}{base[2] or '+'}", operands, count=1
            ).replace("[+", "[")
        elif insn.is_ip_rel_memory_operand:
            operands = _INTEL_RIP.sub(
                lambda found: f"[{found[1]}+{(1 << 64) - int(found[2], 16):#x}]", operands
            )
        elif not insn.memory_base:
            operands = _INTEL_ABSOLUTE.sub(lambda found: f"{found[1] or 'ds'}:{found[2]}", operands)
        return operands


def _bad_size(code: bytes) -> int:
    """Return how much of an invalid opcode binutils takes for one `(bad)`."""
    first, second, third = code.ljust(3, b"\0")
    space = second & 0x1F
    if first == 0x0F:
        return 3 if second in (0x38, 0x3A) else 1 if second == 0x0F else 2
    if 0xD8 <= first <= 0xDF:
        return 2
    if first == 0xC5:
        return 3
    if (first == 0xC4 and 1 <= space <= 3) or (first == 0x8F and 8 <= space <= 10):
        return 4
    if first == 0x62 and not second & 8 and second & 7 in (1, 2, 3, 5, 6):
        return 5 if third & 4 else 2
    return 1


@cache
def engine_for(bitness: int, flavor: str) -> Engine:
    """Return the engine; it is built once, and building costs a few milliseconds."""
    return Engine(bitness, flavor)
