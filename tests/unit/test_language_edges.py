"""Expressions of Rust and Go at the edge of their grammars: an error line, never a traceback."""

from __future__ import annotations

from contextlib import suppress

import pytest

from pydbg.errors import ExprError
from pydbg.expr.context import BaseContext
from pydbg.expr.evaluate import evaluate, parse_in, type_of
from pydbg.expr.language import Language, language_named

RUST = (
    "1e_", "1e+_", "1.5e__", "x as [&[u8; 3]]", "x as [[u8; 2]; 3]", "t." + "1" * 5000,
    "x as [u8; " + "9" * 5000 + "]", "[1, 2][5]", "[1, 2][9" + "9" * 40 + "]", "1" * 5000,
)  # fmt: skip
GO = (
    "func()" * 400 + "(1)", "[" + "9" * 5000 + "]int(1)", "*" * 5000 + "int(1)", "1" * 5000,
    'string("abc")', "len(1)", "cap(nil)", "map[" * 300, 'len("abc", 1)',
)  # fmt: skip


class Program(BaseContext):
    """Be a program without names, in one language."""

    def __init__(self, language: Language) -> None:
        super().__init__()
        self._language = language

    @property
    def language(self) -> Language:
        return self._language


@pytest.mark.parametrize(
    ("name", "text"), [*(("rust", one) for one in RUST), *(("go", one) for one in GO)]
)
def test_it_is_an_error_or_a_value(name: str, text: str) -> None:
    context = Program(language_named(name))
    with suppress(ExprError):
        tree = parse_in(text, context)
        type_of(tree, context)
        evaluate(tree, context)
