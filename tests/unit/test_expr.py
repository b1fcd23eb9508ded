"""Expressions without a program: columns, assignments, calls, functions, history."""

from __future__ import annotations

import pytest

from pydbg.errors import DebuggerError, ExprError, MemoryFault, UsageError
from pydbg.expr.context import BaseContext, pick_history
from pydbg.expr.evaluate import evaluate_text, parse_in, type_of
from pydbg.expr.examine import Examiner
from pydbg.expr.format import Formatter, PrintOptions, format_value
from pydbg.expr.formats import parse_format, print_format
from pydbg.expr.parser import parse, parse_prefix
from pydbg.expr.register_types import RegisterTypes, register_value
from pydbg.expr.strings import string_text
from pydbg.expr.types import LP64, EnumType, Field, QualifiedType, StructType, TypedefType
from pydbg.expr.values import Value, from_number
from tests.unit.test_expr_fuzz import Program


def show(text: str, context: BaseContext | None = None, letter: str = "") -> str:
    return format_value(evaluate_text(text, context or Program()), letter)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("1 + ", 4, "A syntax error in expression, near `'."),
        ("1 + * 2)", 7, "Junk after end of expression."),
        ("(1 + 2", 6, "A syntax error in expression, near `'."),
        ("5 + 0xzz", 4, 'Invalid number "0xzz".'),
        ("f + nosuch", 4, 'No symbol "nosuch" in current context.'),
        ("nosuch 5", 0, 'No symbol "nosuch" in current context.'),
        ("3 * v", 4, "'v' has unknown type; cast it to its declared type"),
        ("10 + 4 / 0", 7, "Division by zero"),
        ("1 + (2 = 3)", 7, "Left operand of assignment is not an lvalue."),
        ("1 + #", 4, "Invalid character '#' in expression."),
        ("1 + 'ab'", 4, "Invalid character constant."),
        ('1 + "ab', 4, "Unterminated string in expression."),
        ("1.5 & 2", 4, "Integer-only operation on floating point number."),
        ("1 + ~1.5", 4, "Argument to complement operation not an integer, boolean."),
        ("a[1].x", 4, "Attempt to extract a component of a value that is not a structure."),
        ("1 + 2[3]", 5, "cannot subscript something of type `int'"),
        ("1 + (struct foo)1", 4, "No struct type named foo."),
        ("$99", 0, "History has not yet reached $99."),
        ("18446744073709551616", 0, "Numeric constant too large."),
    ],
)
def test_errors_point_at_the_column(text: str, column: int, message: str) -> None:
    with pytest.raises(ExprError) as caught:
        evaluate_text(text, Program())
    assert str(caught.value) == message
    assert caught.value.column == column


def test_memory_that_is_not_there() -> None:
    with pytest.raises(MemoryFault) as caught:
        show("*(int*)0")
    assert str(caught.value) == "Cannot access memory at address 0x0"
    # Nothing is read where only an address is wanted.
    assert show("&*(int*)0") == "(int *) 0x0"


def test_assignments_reach_memory_registers_and_variables() -> None:
    context = Program()
    assert show("*(short*)0x1000 = 0x12345", context) == "9029"
    assert context.memory[:2] == b"\x45\x23"
    assert show("$rax += 1", context) == "4113"
    assert show("$v = {1, 2}", context) == "{1, 2}"
    assert show("$v[1] = 7", context) == "7"
    assert show("$v", context) == "{1, 7}"
    assert show("$n = 'a', $n++, $n", context) == "98"
    assert show("a[2] = -1, a[2]", context) == "-1"
    with pytest.raises(MemoryFault):
        show("*(long*)0x1ffc = 1", context)


def test_calls_of_functions_without_debug_information() -> None:
    context = Program()
    with pytest.raises(ExprError, match="has unknown return type; cast the call to its"):
        show("f(1, 'a')", context)
    assert show("(int)f(1, 'a')", context) == "6144"
    assert show("(char)f(1)", context) == "0 '\\000'"
    assert show("((char*(*)(int))f)(1)", context).startswith("0x1800 ")
    assert show("(void)f()", context) == "void"
    assert show('(long)f("ab", 1.5)', context) == "6144"
    assert show("(double)f(1)", context) == "6144"
    with pytest.raises(ExprError, match="Too few arguments"):
        show("((int(*)(int,int))f)(1)", context)


def test_only_the_type_of_a_call_is_asked_for_without_calling() -> None:
    context = Program()
    context.call = None  # type: ignore[assignment,method-assign]
    assert show("sizeof((char)f(1))", context) == "1"
    tree = parse_in("(*(char*(*)(int))f)(1)", context)
    assert str(type_of(tree, context)) == "char *"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('$_streq("ab", "ab")', "1"),
        ('$_streq("ab", "ac")', "0"),
        ('$_strlen("abc")', "3"),
        ('$_regex("abc", "a.c")', "1"),
        ('$_regex("abc", "b")', "0"),
        ('$_memeq("abc", "abd", 2)', "1"),
        ("$_isvoid($nosuch)", "1"),
        ("$_isvoid(1)", "0"),
        ("$_as_string(5)", '"5"'),
        ("$_streq", "<internal function _streq>"),
        ("$_strlen((char*)0x1041)", "191"),
    ],
)
def test_convenience_functions(text: str, value: str) -> None:
    assert show(text) == value


@pytest.mark.parametrize(
    "text", ['$_regex("a", "(")', "$_streq(1.5, 2)", "$_strlen()", "$nosuch(1)"]
)
def test_convenience_functions_refuse(text: str) -> None:
    with pytest.raises(ExprError):
        show(text)


def test_a_context_adds_functions_and_types() -> None:
    class Mine(Program):
        def function(self, name: str, /):  # type: ignore[no-untyped-def]
            return (lambda args, ctx: from_number(LP64.long, 42)) if name == "base" else None

        def type_named(self, name: str, /):  # type: ignore[no-untyped-def]
            point = StructType("point", 8, "struct", [])
            point.fields.extend([Field("x", LP64.int), Field("next", LP64.pointer(point), 0)])
            return {"struct point": point, "word": TypedefType("word", 8, LP64.ulong)}.get(name)

    context = Mine()
    assert show('$base("libc")', context) == "42"
    assert show("(word)-1", context) == "18446744073709551615"
    assert show("sizeof(word)", context) == "8"
    assert show("{struct point}0x1000", context) == "{x = 50462976, next = 0x706050403020100}"
    assert show("((struct point *)0x1000)->x", context) == "50462976"
    assert str(type_of(parse_in("(const word *)0", context), context)) == "const word *"


def test_history() -> None:
    values = [from_number(LP64.int, number) for number in (10, 20, 30)]
    assert [int(pick_history(values, back, True)) for back in (0, 1, 2)] == [30, 20, 10]
    assert int(pick_history(values, 1, False)) == 10
    for number, relative in ((4, False), (0, False), (3, True)):
        with pytest.raises(ExprError):
            pick_history(values, number, relative)


def test_enums_bitfields_and_nested_structs() -> None:
    color = EnumType("color", 4, False, (("RED", 0), ("GREEN", 1)))
    bits = EnumType("bits", 4, False, (("A", 1), ("B", 2)), flags=True)
    assert format_value(from_number(color, 1)) == "GREEN"
    assert format_value(from_number(color, 5)) == "5"
    assert format_value(from_number(bits, 3)) == "(A | B)"
    assert format_value(from_number(bits, 6)) == "(B | unknown: 0x4)"
    small = StructType("s", 4, "struct", [])
    small.fields.append(Field("low", LP64.uint, 0, 0, 3))
    small.fields.append(Field("high", LP64.int, 0, 3, 5))
    value = Value(small, b"\xfd\0\0\0")
    assert format_value(value) == "{low = 5, high = -1}"
    assert format_value(value, "x") == "{low = 0x5, high = 0xffffffff}"
    pretty = PrintOptions(pretty=True)
    outer = StructType("o", 8, "struct", [Field("n", LP64.int), Field("s", small, 4)])
    text = format_value(Value(outer, bytes(8)), options=pretty)
    assert text == "{\n  n = 0,\n  s = {\n    low = 0,\n    high = 0\n  }\n}"
    assert str(QualifiedType("int", 4, LP64.int, volatile=True)) == "volatile int"


def test_print_options() -> None:
    numbers = evaluate_text("{1,2,3,4,4,4,4,5}", Program())
    assert format_value(numbers, options=PrintOptions(elements=3)) == "{1, 2, 3...}"
    assert format_value(numbers, options=PrintOptions(repeats=2)).count("<repeats 4 times>") == 1
    assert string_text(b"abcdef\0", PrintOptions(elements=3)) == '"abc"...'
    assert string_text("é".encode(), PrintOptions(charset="ascii")) == '"\\303\\251"'
    assert string_text("é\u202e".encode(), PrintOptions()) == '"é\\342\\200\\256"'
    assert string_text(b"\x1b[31m", PrintOptions()) == '"\\033[31m"'


def test_registers_have_gdbs_types() -> None:
    class Row:
        name, size, type = "xmm3", 16, "vec128"

    types = RegisterTypes(8)
    value = register_value(Row(), bytes(range(16)), types)
    assert int(value["v4_int32"][1]) == 0x07060504
    assert value["v4_int32"][1].lvalue == value["v4_int32"].part(LP64.int, 4).lvalue
    assert str(types.named("data_ptr", 8)) == "void *"
    assert str(types.named("int64", 8)) == "int64_t"
    assert str(types.named("uint64", 8)) == "uint64_t"


def test_formats_of_print_and_x() -> None:
    for text in ("8xg", "2x", "xg", "i", "k"):
        with pytest.raises(UsageError):
            print_format(text)
    assert print_format("x $rax")[1] == 1
    assert parse_format("-3i")[0].count == -3
    assert parse_format("s", "x", "g")[0].size == ""
    assert parse_format("f", "x", "b")[0].size == "g"
    assert parse_format("g", "i", "b")[0].letter == "x"


class Insn:
    """Be one instruction of three bytes."""

    def __init__(self, addr: int) -> None:
        self.addr, self.size, self.text = addr, 3, "nop"


def test_examine_instructions() -> None:
    examiner = Examiner(LP64)
    formatter = Formatter(PrintOptions(), lambda addr: f"<f+{addr - 0x1000}>")

    def disassemble(addr: int, count: int) -> list[Insn]:
        return [Insn(addr + 3 * number) for number in range(count)]

    def lines(text: str, addr: int | None) -> str:
        form, _ = examiner.parse(text)
        return "".join(
            examiner.run(
                form,
                addr,
                formatter,
                Program().read,
                disassemble=disassemble,
                pc=0x1003,
                function_start=lambda addr: 0x1000,
            )
        )

    first = "   0x1000 <f+0>:\tnop\n=> 0x1003 <f+3>:\tnop\n"
    assert lines("/2i", 0x1000) == first
    assert lines("", None) == "   0x1006 <f+6>:\tnop\n   0x1009 <f+9>:\tnop\n"
    assert lines("/-2i", 0x1006) == first
    where, what = examiner.variables()
    assert where is not None and what is None


def test_examine_shows_what_it_could_read_before_it_fails() -> None:
    examiner, shown = Examiner(LP64), []
    form, _ = examiner.parse("/4xw")
    with pytest.raises(DebuggerError, match="0x2000"):
        for piece in examiner.run(form, 0x1FF8, Formatter(PrintOptions()), Program().read):
            shown.append(piece)
    assert shown == ["0x1ff8:\t0xfbfaf9f8\t0xfffefdfc\t"]
    where, _ = examiner.variables()
    assert where is not None and int(where) == 0x2000


def test_prefix_parsing_stops_at_commas_outside_brackets() -> None:
    text = "f(1,2), 3"
    _, end = parse_prefix(text, stop_at_comma=True)
    assert text[end:] == ", 3"
    assert parse("1, 2").column == 1
