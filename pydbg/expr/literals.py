"""Literals to values."""

from __future__ import annotations

from fractions import Fraction

from pydbg.expr import nodes
from pydbg.expr.types import DataModel, FloatType
from pydbg.expr.values import Value, from_number

__all__ = ["floating", "integer", "string"]


def integer(tree: nodes.Literal, model: DataModel) -> Value:
    """Make an integer or character of its C type, wider where the model needs it."""
    ctype = model.named(tree.type)
    assert ctype is not None
    if tree.type == "long" and tree.value >> (8 * ctype.size - 1):
        ctype = model.longlong
    elif tree.type == "unsigned long" and tree.value >> (8 * ctype.size):
        ctype = model.ulonglong
    return from_number(ctype, tree.value)


def floating(tree: nodes.FloatLiteral, model: DataModel) -> Value:
    """Make a floating number, exact where long double is."""
    ctype = model.named(tree.type)
    assert isinstance(ctype, FloatType)
    number: float | Fraction
    if tree.text.lower().startswith("0x"):
        number = float.fromhex(tree.text)
    else:
        number = float(tree.text)
        # The exact number matters where there are more than 53 bits; a huge exponent
        # would make a huge integer of it.
        if ctype.format == "x87" and 1e-300 < abs(number) < 1e300:
            number = Fraction(tree.text)
    return from_number(ctype, number)


def string(tree: nodes.StringLiteral, model: DataModel) -> Value:
    """Make a string with its null: an array that is not in the program's memory."""
    element = model.named(tree.type)
    assert element is not None
    mask = (1 << (8 * element.size)) - 1
    parts = [(char & mask).to_bytes(element.size, "little") for char in (*tree.chars, 0)]
    return Value(model.array(element, len(parts)), b"".join(parts))
