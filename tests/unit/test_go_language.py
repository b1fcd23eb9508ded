"""Go's expressions: whatever is typed is a value or an error of one line, never a traceback."""

from __future__ import annotations

import random

import pytest

from pydbg.errors import DebuggerError, ExprError
from pydbg.expr.context import BaseContext
from pydbg.expr.evaluate import evaluate
from pydbg.expr.language import Language, language_named

GO = language_named("go")
WORDS = (
    "main", ".", "x", "(", "*", "T", ")", "[", "]", "{", "}", "map", "chan", "func", "struct",
    "interface", "<-", "1", "0x", "'a'", '"s"', "&", "&^", "^", "!", "~", "->", "len", "cap",
    "sizeof", "nil", "true", "$len", "$x", "$", "@", "int", "uint8", "string", "long", "char",
    "unsigned", "/", "::", "\u00e9", "'", '"', "..", ",", "=", "==", "++", "?", ":", "_", "main.T",
    "[]", "[3]", "1e5", "\\", "`", "\0",
)  # fmt: skip


class _Nothing(BaseContext):
    @property
    def language(self) -> Language:
        return GO


@pytest.mark.parametrize("seed", range(4))
def test_any_words_are_a_value_or_an_error(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(1000):
        count = chance.randint(1, 9)
        text = "".join(chance.choice(WORDS) + chance.choice(("", " ")) for _ in range(count))
        try:
            tree, _ = GO.parse_prefix(text, 0, False, lambda name: name in ("main.T", "T"))
            evaluate(tree, _Nothing())
        except DebuggerError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "piece", ["(", "*", "[]", "a.", "!", "map[", "chan ", "-", "f(", "int(", "{", "[1]", "x["]
)
def test_deep_nesting_is_refused(piece: str) -> None:
    with pytest.raises(ExprError):
        GO.parse(piece * 4000 + "int")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7 / 2", "3"), ("1 << 3 | 1", "9"), ("255 &^ 15", "240"), ("^0", "-1"), ("!true", "false"),
        ("1 == 1 && 2 < 1", "false"), ('"a" < "b"', "true"), ("uint8(300)", "44 ','"),
        ("float64(1) / 4", "0.25"), ("7.0 / 2", "3.5"), ("nil == nil", "true"),
    ],
)  # fmt: skip
def test_values_without_a_program(text: str, value: str) -> None:
    from pydbg.expr.format import format_value

    made = evaluate(GO.parse(text), _Nothing())
    assert format_value(made, formatter=GO.formatter) == value
