"""Trees to values: C's evaluation rules, as gdb applies them."""

from __future__ import annotations

from pydbg.errors import ExprError, NoSymbol
from pydbg.expr import nodes
from pydbg.expr.context import Context
from pydbg.expr.evaluator import Evaluator
from pydbg.expr.lexer import tokens
from pydbg.expr.types import CType
from pydbg.expr.typesonly import TypeEvaluator
from pydbg.expr.values import Value

__all__ = ["evaluate", "evaluate_text", "parse_expanded", "parse_in", "parse_part", "type_of"]


def evaluate(tree: nodes.Node, ctx: Context) -> Value:
    """Evaluate a parsed expression in a context.

    Raises ExprError (with the column of the operator that failed) or MemoryFault.

    >>> from pydbg.expr.context import BaseContext
    >>> from pydbg.expr.parser import parse
    >>> int(evaluate(parse("2147483647 + 1"), BaseContext()))
    -2147483648
    """
    return Evaluator(ctx).value(tree)


def evaluate_text(text: str, ctx: Context) -> Value:
    """Parse and evaluate an expression.

    >>> from pydbg.expr.context import BaseContext
    >>> float(evaluate_text("10 / 4.0", BaseContext()))
    2.5
    """
    return evaluate(parse_in(text, ctx), ctx)


def parse_in(text: str, ctx: Context) -> nodes.Node:
    """Parse an expression with the macros, types and symbols of a context.

    As in gdb an unknown name is what is complained about before a syntax error behind it.
    """
    return parse_expanded(ctx.expanded(text), ctx)


def parse_expanded(text: str, ctx: Context) -> nodes.Node:
    """Parse an expression whose macros are expanded."""
    try:
        tree, end = parse_part(text, 0, ctx)
        if text[end:].strip():
            raise ExprError("Junk after end of expression.", end)
        return tree
    except ExprError as error:
        if error.column is not None and str(error).startswith("A syntax error"):
            _complain_of_names(text, error.column, ctx)
        raise


def parse_part(
    text: str, start: int, ctx: Context, *, stop_at_comma: bool = False
) -> tuple[nodes.Node, int]:
    """Parse, in the context's language, an expression that something else may follow.

    Returns the tree and the index where it ended.
    """
    return ctx.language.parse_prefix(
        text, start, stop_at_comma, lambda name: ctx.type_named(name) is not None
    )


def _complain_of_names(text: str, before: int, ctx: Context) -> None:
    previous = ""
    for token in tokens(text):
        if token.column >= before or token.kind == "end":
            return
        if token.kind in ("name", "quoted") and previous not in (".", "->", "struct", "union"):
            name = str(token.value) if token.kind == "quoted" else token.text
            known = ctx.language.is_word(name) or ctx.type_named(name) is not None
            if not known and ctx.symbol(name) is None:
                raise NoSymbol(ctx.language.no_symbol(name), name, token.column)
        previous = token.text


def type_of(tree: nodes.Node, ctx: Context) -> CType:
    """Return the type ``whatis`` shows: of a type name, or of an expression's value."""
    evaluator = TypeEvaluator(ctx)
    if isinstance(tree, nodes.TypeExpr):
        return evaluator.type(tree.type)
    return evaluator.any_value(tree).type
