"""Nothing but DebuggerError may come out of any text, and nothing may run away."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pydbg.errors import DebuggerError, ExprError, MemoryFault, UsageError
from pydbg.expr.codes import Place, constant_place
from pydbg.expr.compile import compile_condition
from pydbg.expr.context import BaseContext
from pydbg.expr.evaluate import evaluate, evaluate_text, type_of
from pydbg.expr.examine import Examiner
from pydbg.expr.format import Formatter, PrintOptions, format_value
from pydbg.expr.formats import parse_format, print_format
from pydbg.expr.parser import parse
from pydbg.expr.printf import echo, printf
from pydbg.expr.types import LP64, CType, FunctionType
from pydbg.expr.values import Lvalue, Value, from_number
from tests.unit.expr_oracle import returned


class Program(BaseContext):
    """Be a program with some memory, two symbols and a register."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = bytearray(range(256)) * 16

    def read(self, addr: int, size: int, /) -> bytes:
        if not addr >= 0x1000 or addr + size > 0x2000:
            raise MemoryFault(addr, size)
        return bytes(self.memory[addr - 0x1000 : addr - 0x1000 + size])

    def write(self, addr: int, data: bytes, /) -> None:
        self.read(addr, len(data))
        self.memory[addr - 0x1000 : addr - 0x1000 + len(data)] = data

    def symbol(self, name: str, /) -> Value | None:
        kinds = {"f": LP64.text_symbol, "v": LP64.data_symbol, "a": LP64.array(LP64.int, 4)}
        kind = kinds.get(name)
        return Value.at(kind, 0x1800, self.read) if kind else None

    def register(self, name: str, /) -> Value | None:
        if name != "rax":
            return None
        return Value(LP64.long, b"\x10\x10\0\0\0\0\0\0", Lvalue("register", 0, "rax"))

    def set_register(self, name: str, value: Value, /) -> None:
        assert len(value.data) == 8

    def call(self, addr: int, args: object, result: CType, /) -> Value:
        return returned(result, addr, self.read)

    def allocate(self, data: bytes, /) -> int:
        return 0x1100


WORDS_TEXT = """
    1 0 7 0x10 -1 1.5 2.5f 3.0l 'a' "ab" f v a nosuch $rax $x $ $1 $$2 $_streq $_strlen
    ( ) [ ] { } , ? : = == + - * / % & | ^ ~ ! << >> < > && || @ . -> ++ -- += <<= sizeof
    (int) (char*) (long) (double) (unsigned char) {int} {char[4]} (int(*)[3]) (struct foo)
    int long char unsigned 0x1000 0x1ff8 100000 99999999999 18446744073709551615 1e308 ::
    (short[4]) (long double) (void) (bool)
"""
WORDS = tuple(WORDS_TEXT.split())


def everything(text: str) -> None:
    """Do all that can be done with an expression's text."""
    context = Program()
    context.values.append(from_number(LP64.int, 5))
    try:
        tree = parse(text)
    except ExprError as error:
        assert error.column is not None and 0 <= error.column <= len(text)
        return
    for letter in ("", "x", "c", "s", "f", "a", "t"):
        try:
            value = evaluate(tree, context)
            format_value(value, letter, read=context.read)
            str(value.type)
        except DebuggerError:
            pass
    try:
        type_of(tree, context)
    except DebuggerError:
        pass

    def place(name: str) -> Place | None:
        value = context.symbol(name)
        return None if value is None else constant_place(value)

    compile_condition(tree, Arch(), places=place)


class Arch:
    """Be an architecture without registers."""

    pointer_size = 8


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_words_in_any_order(text: str) -> None:
    everything(text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    everything(text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789abcdefxXlLuU.eEpP+-'\"\\ \t$@{}()[]*&", max_size=30))
def test_numbers_quotes_and_brackets(text: str) -> None:
    everything(text)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(alphabet='"%-+ #0123456789.*lhLzdiouxXcspfgeaDn\\,"v$(', max_size=30))
def test_printf_and_echo(text: str) -> None:
    echo(text)
    for line in (text, f'"{text}"', f'"{text}", 1', f'"{text}", 1.5, "ab"'):
        try:
            printf(line, Program())
        except DebuggerError:
            pass


@pytest.mark.parametrize(
    "format", ["%99999999999d", "%.99999999999d", "%99999999999s", "%1.5000000f"]
)
def test_printf_fills_no_memory(format: str) -> None:
    with pytest.raises(UsageError, match="more than 6 digits"):
        printf(f'"{format}", 1', Program())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(alphabet="-0123456789xduotzacfsibhwgr/ ", max_size=12), st.integers(0, 2**64 - 1))
def test_formats(text: str, addr: int) -> None:
    parse_format(text)
    try:
        print_format(text)
    except DebuggerError:
        pass
    examiner, program = Examiner(LP64), Program()
    try:
        form, _ = examiner.parse("/" + text)
        for number, _ in enumerate(
            examiner.run(form, 0x1000 + addr % 0x1000, Formatter(PrintOptions()), program.read)
        ):
            if number > 20:
                break
    except DebuggerError:
        pass


HOSTILE = {
    "shift": "1<<100000",
    "long shift": "1L<<99999999999",
    "repeat": "*(char*)0x1000@1000000000",
    "repeat twice": "*(char*)0x1000@60000@60000",
    "array type": "(char[99999999999])1",
    "array in memory": "{char[99999999999]}0x1000",
    "arrays of arrays": "{char[99999][99999][99999]}0x1000",
    "parentheses": "(" * 5000 + "1" + ")" * 5000,
    "open parentheses": "(" * 100000,
    "minus": "-" * 1 + " -" * 100000 + "1",
    "stars": "*" * 5000 + "1",
    "braces": "{" * 5000 + "1" + "}" * 5000,
    "brackets": "1" + "[1" * 5000,
    "calls": "f" + "(f" * 3000,
    "sum": "+".join(["1"] * 20000),
    "conditional": "1?" * 5000 + "1",
    "assignments": "$x=" * 5000 + "1",
    "casts": "(int)" * 5000 + "1",
    "pointers": "(int" + "*" * 5000 + ")1",
    "declarators": "(int" + "(*" * 5000 + ")1",
    "sizeof": "sizeof " * 5000 + "1",
    "digits": "9" * 100000,
    "hex digits": "0x" + "f" * 100000,
    "float": "1e999999999",
    "long float": "1e999999999l",
    "tiny float": "1e-999999999l",
    "float digits": "1." + "9" * 50000,
    "history": "$" + "9" * 5000,
    "relative history": "$$" + "9" * 5000,
    "string": '"' + "a" * 100000 + '"',
    "member": "1" + ".a" * 5000,
    "comma": "1" + ",1" * 20000,
    "scope": "a" + "::a" * 5000,
    "parameters": "(int(*)(" + "int," * 5000 + "int))1",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_costs_little(name: str) -> None:
    started = time.process_time()
    everything(HOSTILE[name])
    # A generous bound: the point is that nothing grows without one.
    assert time.process_time() - started < 5


def test_deep_but_honest_expressions_work() -> None:
    context = Program()
    assert int(evaluate_text("(" * 20 + "1" + ")" * 20, context)) == 1
    assert int(evaluate_text("+".join(["1"] * 150), context)) == 150
    assert int(evaluate_text("- " * 30 + "1", context)) == 1


def test_a_pointer_that_points_to_itself_prints() -> None:
    pointer = LP64.pointer(LP64.pointer(FunctionType("", result=LP64.int)))
    assert format_value(from_number(pointer, 0x1000)) == "(int (**)()) 0x1000"
