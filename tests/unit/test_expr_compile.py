"""Compiled conditions say what the evaluator says."""

from __future__ import annotations

import itertools

import pytest

from pydbg.arch import I386, X86_64
from pydbg.errors import ExprError, MemoryFault
from pydbg.expr.codes import Place, constant_place
from pydbg.expr.compile import compile_condition
from pydbg.expr.context import BaseContext
from pydbg.expr.evaluate import evaluate
from pydbg.expr.parser import parse
from pydbg.expr.register_types import RegisterTypes, register_value
from pydbg.expr.types import LP64
from pydbg.expr.values import Value

MEMORY = bytes(range(256))
BASE = 0x4040C0


class Registers(BaseContext):
    """Read general registers out of a raw block, through the same table."""

    def __init__(self, block: bytes) -> None:
        super().__init__(8)
        self.block = block

    def read(self, addr: int, size: int, /) -> bytes:
        if not BASE <= addr <= BASE + len(MEMORY) - size:
            raise MemoryFault(addr, size)
        return MEMORY[addr - BASE : addr - BASE + size]

    def register(self, name: str, /) -> Value | None:
        row = X86_64.by_name.get(name)
        if row is None:
            return None
        offset = row.offset
        if row.where == "sub":
            assert row.parent is not None
            offset += X86_64.by_name[row.parent].offset
        data = self.block[offset : offset + row.size]
        return register_value(row, data, RegisterTypes(8))

    def place(self, name: str) -> Place | None:
        value = self.symbol(name)
        return None if value is None else constant_place(value)

    def symbol(self, name: str, /) -> Value | None:
        if name == "main":
            return Value.at(LP64.text_symbol, BASE, self.read)
        return Value.at(LP64.data_symbol, BASE + 8, self.read) if name == "counter" else None


def block() -> bytes:
    values = [0x1122334455667788 * number & 0xFFFFFFFFFFFFFFFF for number in range(27)]
    values[14] = 99  # rdi
    values[13] = 0xFFFFFFFFFFFFFFFE  # rsi: -2
    values[12] = BASE  # rdx
    values[16] = BASE  # rip
    return b"".join(value.to_bytes(8, "little") for value in values)


CONDITIONS = [
    "$rdi == 99",
    "$rdi != 99",
    "*(int*)0x4040c0 == 5",
    "*(int*)0x4040c0 == 0x03020100",
    "$rsi == -2",
    "$rsi < 0",
    "$esi < 0",
    "$esi == -2",
    "$sil == -2",
    "$al == 1",
    "$ah > 3",
    "$r8d + $r9d > 100",
    "(unsigned)$esi > 5",
    "(unsigned char)$rsi == 254",
    "(char)$rsi == -2",
    "$rdi % 10 == 9 && $rsi",
    "$rsi / 2 == -1",
    "$rdi >> 1 == 49",
    "$rdi << 60",
    "!$rdi",
    "~$rdi",
    "-$rdi < 0",
    "$rip == main",
    "$rip == &main",
    "main == $rip",
    "$rip - 1 < $rip",
    "$rdx == &counter - 0 || 1",
    "(int)counter == 185207048",
    "(char)counter == 8",
    "*(char*)$rdx == 0",
    "*(char*)($rdx + 1) == 1",
    "((short*)$rdx)[2] == 0x504",
    "{long}$rdx > 0",
    "*(unsigned char*)($rdx+200) == 200",
    "*(signed char*)($rdx+200) == -56",
    "*$rdx",
    "$eflags & 0x40",
    "$rdi == 1 ? 0 : 1",
    "$rdi + 1 == 100 && $rdi - 1 == 98 || 0",
    "0x7fffffff + 1 < 0",
    "-1 < 1u",
    "$rdi * $rbx",
    "$rdi ^ 99",
    "($rdi | 1) == 99",
]


@pytest.mark.parametrize("text", CONDITIONS)
def test_compiled_is_evaluated(text: str) -> None:
    registers = block()
    context = Registers(registers)
    tree = parse(text)
    made = compile_condition(tree, X86_64, places=context.place)
    if text != "$rdx == &counter - 0 || 1":
        assert made is not None
        assert made(registers, context.read) == bool(evaluate(tree, context))


def test_arithmetic_wraps_as_the_evaluator_wraps() -> None:
    registers = block()
    context = Registers(registers)
    operands = ("$rdi", "$esi", "$sil", "$ebx", "7", "-3", "4294967295u", "$rcx", "'a'")
    operators = ("+", "-", "*", "&", "|", "^", "==", "<", ">=", "/", "%")
    for left, op, right in itertools.product(operands, operators, operands):
        tree = parse(f"{left} {op} {right}")
        value = int(evaluate(tree, context))
        made = compile_condition(parse(f"({left} {op} {right}) == {value}"), X86_64)
        assert made is not None, tree
        assert made(registers, context.read), tree
        other = compile_condition(parse(f"({left} {op} {right}) == {value ^ 1}"), X86_64)
        assert other is not None and not other(registers, context.read), tree


@pytest.mark.parametrize(
    "text",
    [
        "$x == 1",
        "$xmm0.uint128 == 0",
        "$rdi = 5",
        '$_regex((char*)$rdi, "a")',
        "1.5 + $rdi > 2",
        "f(1)",
    ],
)
def test_what_needs_more_is_left_to_the_evaluator(text: str) -> None:
    assert compile_condition(parse(text), X86_64) is None


def test_faults_and_division_come_out_as_they_are() -> None:
    context = Registers(block())
    made = compile_condition(parse("*(int*)0 == 1"), X86_64)
    assert made is not None
    with pytest.raises(MemoryFault):
        made(context.block, context.read)
    made = compile_condition(parse("1 / ($rdi - 99)"), X86_64)
    assert made is not None
    with pytest.raises(ExprError, match="Division by zero"):
        made(context.block, context.read)


def test_32_bit_registers_of_the_64_bit_block() -> None:
    made = compile_condition(parse("$edi == 99 && $esi < 0"), I386)
    assert made is not None
    assert made(block(), Registers(block()).read)
