"""Rust: damaged enums, random bytes and texts end in a text or an error line, not a traceback."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from pydbg.errors import DebuggerError, ExprError, MemoryFault
from pydbg.expr.context import BaseContext
from pydbg.expr.evaluate import evaluate
from pydbg.expr.language import language_named
from pydbg.expr.strings import PrintOptions
from pydbg.expr.types import StructType
from pydbg.expr.values import Value
from pydbg.symbols.cursor import damaged
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.entries import Entries, Tag
from pydbg.symbols.units import Dwarf
from pydbg.variables.types import TypeReader
from tests.support.build import build


def _read(addr: int, size: int) -> bytes:
    if addr % 3 == 0:
        raise MemoryFault(addr, size)
    return bytes(size)


def _exercise(data: bytes, chance: random.Random) -> int:
    """Show values of all structs of the program's own units; return how many enums there were."""
    rust = language_named("rust")
    formatter = rust.formatter(PrintOptions(), read=_read)
    entries = Entries(Dwarf(ElfFile.from_bytes(data, "damaged")))
    reader = TypeReader(entries.names, 8)
    enums = 0
    for unit in entries.units():
        if "values.rs" not in (unit.name or ""):
            continue
        names = entries.names.unit(unit)
        for row in names.rows if names is not None else ():
            if row.tag not in Tag.structs:
                continue
            with suppress(DebuggerError), damaged("damaged"):
                ctype = reader.read(entries.die(unit, row.pos))
                enums += isinstance(ctype, StructType) and ctype.variant_part is not None
                rust.ptype(ctype)
                raw = chance.randbytes(min(ctype.size, 4096))
                for shown in (raw, bytes(len(raw)), b"\xff" * len(raw)):
                    formatter.top(Value(ctype, shown, None, _read))
    return enums


def test_damaged_enums_are_a_text_or_an_error() -> None:
    program = build("values.rs")
    whole = program.read_bytes()
    elf = ElfFile(str(program))
    own = [u for u in Dwarf(elf).units() if "values.rs" in (u.name or "")]
    info, abbrevs = elf.section(".debug_info"), elf.section(".debug_abbrev")
    assert info is not None and abbrevs is not None and own
    assert _exercise(whole, random.Random(0)) > 10
    for seed in range(40):
        chance = random.Random(seed)
        data = bytearray(whole)
        for _ in range(chance.choice((1, 5, 50))):
            unit = chance.choice(own)
            at = info.offset + unit.offset + chance.randrange(40, 12000)
            if seed % 4 == 0:
                at = abbrevs.offset + chance.randrange(abbrevs.size)
            data[at] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))
        with suppress(DebuggerError):
            _exercise(bytes(data), chance)


@pytest.mark.parametrize("seed", range(3))
def test_any_text_is_an_expression_or_an_error(seed: int) -> None:
    chance = random.Random(seed)
    pieces = ["1", "1.5", "x", "a::b", "::", "<", ">", "(", ")", "[", "]", "{", "}", "..", "..=",
              "&", "*", "mut ", "as ", "i32", "'c'", '"s"', 'b"t"', "r#", "'", '"', "\\", "$x", "$",
              "!", "-", "+=", "=", "==", "&&", "sizeof", ".", ".0", ",", ";", "self", "super::",
              "crate", "true", "0x", "0b2", "1e", "5u8", "\x00", "\u00e9", "?", "/", "%", "@", "|",
              " "]  # fmt: skip
    rust = language_named("rust")
    for _ in range(3000):
        text = "".join(chance.choices(pieces, k=chance.randrange(1, 14)))
        with suppress(DebuggerError):
            tree, _ = rust.parse_prefix(text, 0, chance.random() < 0.5, lambda name: name == "i32")
            evaluate(tree, BaseContext())


def test_deep_and_long_expressions_are_refused() -> None:
    rust = language_named("rust")
    for text in ("(" * 5000, "[" * 5000, "-" * 5000 + "1", "1" + "+1" * 5000, "a" + "[0]" * 5000,
                 "1" + " as u8" * 5000, "x::<" * 3000, "&" * 5000, "9" * 100000):  # fmt: skip
        with pytest.raises(ExprError):
            rust.parse(text)
