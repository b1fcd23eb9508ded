"""Damaged debug information: names, types and blocks end in an error line, never in a traceback."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from pydbg.errors import DebuggerError
from pydbg.expr.typeprint import ptype
from pydbg.expr.types import Field, StructType
from pydbg.symbols.cursor import damaged
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.entries import Entries
from pydbg.symbols.loclists import is_list, locations
from pydbg.symbols.units import Dwarf
from pydbg.variables.blocks import Block, blocks_around
from pydbg.variables.passing import alignment, by_reference, classify
from pydbg.variables.types import TypeReader
from tests.support.build import build

SECTIONS = (".debug_info", ".debug_abbrev", ".debug_loclists", ".debug_str", ".debug_types")
PROGRAMS = (("values.c", "pie"), ("values.c", "O2"), ("values.cc", "pie"))


def _mutated(program: Path, seed: int) -> bytes:
    chance = random.Random(seed)
    data = bytearray(program.read_bytes())
    elf = ElfFile(str(program))
    for _ in range(chance.choice((1, 3, 20))):
        section = elf.section(chance.choice(SECTIONS))
        if section is None or not section.size:
            continue
        at = section.offset + chance.randrange(section.size)
        data[at] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))
    return bytes(data)


def _exercise(data: bytes) -> int:
    """Read all there is; return how much of it made sense."""
    entries = Entries(Dwarf(ElfFile.from_bytes(data, "damaged")))
    reader = TypeReader(entries.names, 8)
    sound = 0
    for names in entries.names.all():
        for row in names.rows:
            with suppress(DebuggerError), damaged("damaged"):
                die = entries.die(names.unit, row.pos)
                if "type" in f"{die.tag}" or row.tag in (0x13, 0x17, 0x02, 0x04, 0x16, 0x24, 0x2E):
                    sound += len(ptype(reader.read(die)))
                if row.tag == 0x2E:
                    for low, _ in die.ranges()[:1]:
                        for block in blocks_around(Block(die), low + 20):
                            sound += len(block.locals) + len(block.arguments)
                            for one in block.variables:
                                attr = one.die.attrs.get(2)
                                if attr is not None and is_list(attr):
                                    view = one.die.view
                                    sound += len(list(locations(view.source, view.unit, attr)))
    return sound


@pytest.mark.parametrize(("source", "variant"), PROGRAMS)
def test_damage_is_an_error_line(source: str, variant: str) -> None:
    program = build(source, variant)
    assert _exercise(program.read_bytes()) > 500
    for seed in range(60):
        with suppress(DebuggerError):
            _exercise(_mutated(program, seed))


def test_a_class_that_contains_itself_has_an_alignment_all_the_same() -> None:
    odd = StructType("odd", 8, "struct", [])
    odd.fields.append(Field("self", odd))
    assert alignment(odd) == 1
    assert not by_reference(odd)
    assert classify(odd) is None
