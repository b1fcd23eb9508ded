"""Complex numbers: literals such as ``2i``, arithmetic, conversions, and their two parts.

As in gdb the rules of real numbers are applied to the parts one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr import nodes
from pydbg.expr.types import ComplexType, CType, FloatType, IntType, strip
from pydbg.expr.values import Value, from_number

if TYPE_CHECKING:
    from pydbg.expr.context import Context, InternalFunction
    from pydbg.expr.evaluator import Evaluator

__all__ = ["FUNCTIONS", "Imaginary", "arithmetic", "is_complex", "made", "mapped", "to_complex"]

_Arithmetic = Callable[[str, Value, Value], Value]


class Imaginary(nodes.OwnNode):
    """Be an imaginary literal: ``2i``, ``1.5i``."""

    part: nodes.Literal | nodes.FloatLiteral

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return the number, whose real part is zero."""
        part = evaluator.value(self.part)
        return made(from_number(part.type, 0), part, _type_of(part.type))


def is_complex(value: Value) -> bool:
    """Say whether a value is a complex number."""
    return isinstance(strip(value.type), ComplexType)


def _type_of(element: CType, known: tuple[CType, ...] = ()) -> ComplexType:
    """Return the complex type of an element's: one that the program has, or gdb's own."""
    for ctype in known:
        inner = strip(ctype)
        if isinstance(inner, ComplexType) and inner.element == element:
            return inner
    word = f"{element.name} complex"
    name = word if isinstance(element, FloatType) else f"_Complex {element.name}"
    return ComplexType(name, 2 * element.size, element)


def made(real: Value, imaginary: Value, ctype: CType) -> Value:
    """Put two parts together."""
    return Value(ctype, real.data + imaginary.data)


def _parts(value: Value) -> tuple[Value, Value]:
    ctype = strip(value.type)
    if isinstance(ctype, ComplexType):
        element = ctype.element
        return value.part(element, 0), value.part(element, element.size)
    return value, from_number(ctype, 0)


def mapped(value: Value, real: Callable[[Value], Value], other: Callable[[Value], Value]) -> Value:
    """Apply one operation to the real part and another to the imaginary one."""
    first, second = _parts(value)
    return made(real(first), other(second), strip(value.type))


def arithmetic(
    op: str,
    left: Value,
    right: Value,
    element: Callable[[CType, CType], CType],
    convert: Callable[[CType, Value], Value],
    calculate: _Arithmetic,
) -> Value:
    """Add, subtract, multiply or divide where one of two numbers is complex.

    ``element`` is the type of what two real numbers give, ``convert`` casts, ``calculate`` is the
    arithmetic of real numbers.
    """
    if op not in ("+", "-", "*", "/"):
        raise ExprError("Invalid binary operation on numbers.")
    for side in (left, right):
        if not isinstance(strip(_parts(side)[0].type), IntType | FloatType):
            raise ExprError("Argument to arithmetic operation not a number or boolean.")
    common = strip(element(_parts(left)[0].type, _parts(right)[0].type))
    a, b = (convert(common, part) for part in _parts(left))
    c, d = (convert(common, part) for part in _parts(right))

    def cross(one: Value, two: Value, sign: str, three: Value, four: Value) -> Value:
        return calculate(sign, calculate("*", one, two), calculate("*", three, four))

    if op in "+-":
        real, imaginary = calculate(op, a, c), calculate(op, b, d)
    elif op == "*":
        real, imaginary = cross(a, c, "-", b, d), cross(a, d, "+", b, c)
    else:
        below = cross(c, c, "+", d, d)
        real = calculate("/", cross(a, c, "+", b, d), below)
        imaginary = calculate("/", cross(b, c, "-", a, d), below)
    return made(real, imaginary, _type_of(common, (left.type, right.type)))


def to_complex(ctype: CType, value: Value, convert: Callable[[CType, Value], Value]) -> Value:
    """Convert a number, real or complex, to a complex type."""
    inner = strip(ctype)
    assert isinstance(inner, ComplexType)
    if not is_complex(value) and not isinstance(strip(value.type), IntType | FloatType):
        raise ExprError("Invalid cast.")
    real, imaginary = (convert(inner.element, part) for part in _parts(value))
    return made(real, imaginary, ctype)


def _part_function(name: str, index: int) -> InternalFunction:
    def part(args: list[Value], ctx: Context) -> Value:
        if len(args) != 1:
            raise ExprError(f"You must provide one argument for $_{name}.")
        if not is_complex(args[0]):
            raise ExprError("expected a complex number")
        return _parts(args[0])[index]

    return part


FUNCTIONS: dict[str, InternalFunction] = {
    "_creal": _part_function("creal", 0),
    "_cimag": _part_function("cimag", 1),
}
"""The convenience functions of complex numbers."""
