"""C's operators and casts on values, with gdb's promotions and messages.

Everything here is about values that are at hand; what needs the program (turning an
array into a pointer, dereferencing) is done by ``evaluate`` before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr import complexes, floats
from pydbg.expr.typeprint import behind_typedefs
from pydbg.expr.types import (
    ArrayType,
    BoolType,
    ComplexType,
    CType,
    DataModel,
    FloatType,
    FunctionType,
    IntType,
    NoDebugType,
    PointerType,
    StructType,
    VoidType,
    strip,
)
from pydbg.expr.values import Value, from_number, is_integral, is_scalar

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["binary", "cast", "common_type", "compare", "negate", "promote"]

_NOT_A_NUMBER = "Argument to arithmetic operation not a number or boolean."
_TOO_WIDE = "That operation is not available on integers of more than 8 bytes."
_NOT_SAME_POINTER = (
    "First argument of `-' is a pointer and second argument is neither\n"
    "an integer nor a pointer of the same type."
)

Warn = Callable[[str], None]


def promote(ctype: CType, model: DataModel) -> CType:
    """Return the type after C's integer promotions (C11 6.3.1.1)."""
    inner = strip(ctype)
    if isinstance(inner, IntType) and (inner.size < 4 or isinstance(inner, BoolType)):
        return model.int
    return behind_typedefs(ctype)


def common_type(left: CType, right: CType, model: DataModel) -> CType:
    """Return the type of an arithmetic result (C11 6.3.1.8, as gdb does it).

    >>> from pydbg.expr.types import LP64
    >>> str(common_type(LP64.uint, LP64.long, LP64))
    'long'
    """
    first, second = strip(left), strip(right)
    if isinstance(first, FloatType) or isinstance(second, FloatType):
        if isinstance(first, FloatType) and isinstance(second, FloatType):
            return first if first.size >= second.size else second
        return first if isinstance(first, FloatType) else second
    one, two = strip(promote(first, model)), strip(promote(second, model))
    assert isinstance(one, IntType) and isinstance(two, IntType)
    if one.size != two.size:
        wide = one if one.size > two.size else two
        signed = wide.signed
    else:
        signed = one.signed and two.signed
    return model.integer(max(one.size, two.size), signed)


def binary(op: str, left: Value, right: Value, model: DataModel, warn: Warn) -> Value:
    """Apply an arithmetic, bit or shift operator."""
    one, two = strip(left.type), strip(right.type)
    if (isinstance(one, ArrayType) and one.vector) or (isinstance(two, ArrayType) and two.vector):
        return _vector(op, left, right, model, warn)
    if op in "+-" and (isinstance(one, PointerType) or isinstance(two, PointerType)):
        found = _pointer_math(op, left, right, model, warn)
        if found is not None:
            return found
    if isinstance(one, ComplexType) or isinstance(two, ComplexType):
        return complexes.arithmetic(
            op,
            left,
            right,
            lambda first, second: common_type(first, second, model),
            cast,
            lambda sign, first, second: binary(sign, first, second, model, warn),
        )
    for side in (one, two):
        if not isinstance(side, (IntType, FloatType)):
            raise ExprError(_NOT_A_NUMBER)
    if isinstance(one, BoolType) and isinstance(two, BoolType):
        return _booleans(op, left, right)
    result = common_type(one, two, model)
    if isinstance(result, FloatType):
        return from_number(result, _float_math(op, left, right))
    if one.size > 8 or two.size > 8:
        raise ExprError(_TOO_WIDE)
    if op in ("<<", ">>"):
        return _shift(op, left, right, promote(left.type, model), warn)
    inner = strip(result)
    assert isinstance(inner, IntType)
    mask = (1 << (8 * inner.size)) - 1
    first, second = int(left), int(right)
    if not inner.signed:
        first, second = first & mask, second & mask
    return from_number(result, _integer_math(op, first, second))


def _booleans(op: str, left: Value, right: Value) -> Value:
    """Two booleans are not promoted, and have bit operators alone (gdb's scalar_binop)."""
    if op not in "&|^":
        raise ExprError("Invalid operation on booleans.")
    return from_number(behind_typedefs(left.type), _integer_math(op, int(left), int(right)))


def _integer_math(op: str, left: int, right: int) -> int:
    if op == "+":
        return left + right
    if op == "-":
        return left - right
    if op == "*":
        return left * right
    if op == "&":
        return left & right
    if op == "|":
        return left | right
    if op == "^":
        return left ^ right
    if right == 0:
        raise ExprError("Division by zero")
    quotient = abs(left) // abs(right)
    if (left < 0) != (right < 0):
        quotient = -quotient
    return quotient if op == "/" else left - quotient * right


def _shift(op: str, left: Value, right: Value, result: CType, warn: Warn) -> Value:
    inner = strip(result)
    assert isinstance(inner, IntType)
    count, value = int(right), int(left)
    side = "left" if op == "<<" else "right"
    if count < 0:
        warn(f"{side} shift count is negative")
    elif count >= 8 * inner.size:
        warn(f"{side} shift count >= width of type")
    elif op == "<<":
        return from_number(result, value << count)
    else:
        return from_number(result, value >> count)
    return from_number(result, -1 if op == ">>" and value < 0 else 0)


def _float_math(op: str, left: Value, right: Value) -> float | Fraction:
    one, two = left.number(), right.number()
    if op not in "+-*/":
        raise ExprError("Integer-only operation on floating point number.")
    special = isinstance(one, float) and not math.isfinite(one)
    special = special or (isinstance(two, float) and not math.isfinite(two))
    plain = isinstance(one, int | float) and isinstance(two, int | float)
    if not special and (not plain or _wide(left)):
        from fractions import Fraction

        one, two = Fraction(one), Fraction(two)
        if op != "/" or two:
            return _apply(op, one, two)
    one, two = float(one), float(two)
    if op == "/" and two == 0:
        # The sign of 0/0 on x86 is set: the CPU's default NaN (SDM volume 1, 4.8.3.7).
        if one == 0 or math.isnan(one):
            return -math.nan
        return math.copysign(math.inf, one) * math.copysign(1.0, two)
    try:
        return float(_apply(op, one, two))
    except OverflowError:
        return math.inf


def _wide(value: Value) -> bool:
    inner = strip(value.type)
    return isinstance(inner, FloatType) and inner.format in ("x87", "quad")


def _apply(op: str, one: float | Fraction, two: float | Fraction) -> float | Fraction:
    if op == "+":
        return one + two
    if op == "-":
        return one - two
    if op == "*":
        return one * two
    return one / two


def _pointer_math(op: str, left: Value, right: Value, model: DataModel, warn: Warn) -> Value | None:
    one, two = strip(left.type), strip(right.type)
    if isinstance(one, PointerType) and isinstance(two, PointerType):
        if op == "+":
            raise ExprError(_NOT_A_NUMBER)
        if one.target.size != two.target.size:
            raise ExprError(_NOT_SAME_POINTER)
        if one.target.size == 0:
            warn("Type size unknown, assuming 1. Try casting to a known type, or void *.")
        return from_number(model.long, _quotient(int(left) - int(right), one.target.size))
    if isinstance(one, PointerType) and is_integral(two):
        return _pointer_add(left, int(right) if op == "+" else -int(right))
    if isinstance(two, PointerType) and is_integral(one) and op == "+":
        return _pointer_add(right, int(left))
    return None


def _quotient(difference: int, size: int) -> int:
    size = size or 1
    return difference // size if difference >= 0 else -(-difference // size)


def _pointer_add(pointer: Value, count: int) -> Value:
    ctype = strip(pointer.type)
    assert isinstance(ctype, PointerType)
    target = strip(ctype.target)
    if not target.size and isinstance(target, (ArrayType, NoDebugType, StructType)):
        name = f' "{target.name}"' if target.name else "s"
        raise ExprError(
            f"Cannot perform pointer math on incomplete type{name}, "
            "try casting to a known type, or void *."
        )
    size = target.size or 1
    return from_number(behind_typedefs(pointer.type), int(pointer) + count * size, pointer.reader)


def _vector(op: str, left: Value, right: Value, model: DataModel, warn: Warn) -> Value:
    one, two = strip(left.type), strip(right.type)
    shape = one if isinstance(one, ArrayType) else two
    assert isinstance(shape, ArrayType)
    if isinstance(one, ArrayType) and isinstance(two, ArrayType):
        if one.count != two.count or one.element.size != two.element.size:
            raise ExprError("Cannot perform operation on vectors with different types")
    elif not is_scalar(two if shape is one else one):
        raise ExprError(_NOT_A_NUMBER)
    parts = []
    for index in range(shape.count):
        first = left.element(index) if isinstance(one, ArrayType) else cast(shape.element, left)
        second = right.element(index) if isinstance(two, ArrayType) else cast(shape.element, right)
        result = binary(op, first, second, model, warn)
        parts.append(cast(shape.element, result).data)
    return Value(shape, b"".join(parts))


def negate(op: str, operand: Value, model: DataModel) -> Value:
    """Apply unary minus, plus or complement."""
    inner = strip(operand.type)
    if isinstance(inner, ArrayType) and inner.vector:
        parts = [
            cast(inner.element, negate(op, operand.element(index), model)).data
            for index in range(inner.count)
        ]
        return Value(operand.type, b"".join(parts))
    if isinstance(inner, FloatType) and op != "~":
        number = operand.number()
        # gdb subtracts from zero: -0.0 is 0.
        return from_number(behind_typedefs(operand.type), 0 - number if op == "-" else number)
    if isinstance(inner, IntType):
        if inner.size > 8:
            raise ExprError(_TOO_WIDE)
        result = promote(operand.type, model)
        value = int(operand)
        return from_number(result, {"-": -value, "+": value, "~": ~value}[op])
    if isinstance(inner, ComplexType):
        first = (lambda part: negate("-", part, model)) if op == "-" else _same
        other = _same if op == "+" else (lambda part: negate("-", part, model))
        return complexes.mapped(operand, first, other)
    if op == "~":
        raise ExprError("Argument to complement operation not an integer, boolean.")
    name = "negate" if op == "-" else "positive"
    raise ExprError(f"Argument to {name} operation not a number.")


def _same(value: Value) -> Value:
    return value


def compare(op: str, left: Value, right: Value, model: DataModel) -> bool:
    """Apply ``== != < > <= >=`` to numbers and pointers."""
    one, two = strip(left.type), strip(right.type)
    if is_scalar(one) and is_scalar(two):
        first, second = _comparable(op, left, right, model)
        if op == "==":
            return first == second
        if op == "!=":
            return first != second
        if op == "<":
            return first < second
        if op == ">":
            return first > second
        return first <= second if op == "<=" else first >= second
    alike = (StructType, ArrayType, ComplexType, VoidType)
    same = isinstance(one, alike) and type(one) is type(two)
    if op in ("==", "!=") and same and one.size == two.size:
        return (left.data == right.data) == (op == "==")
    raise _bad_comparison(op)


def _bad_comparison(op: str) -> ExprError:
    kind = "equality test" if op in ("==", "!=") else "ordering comparison"
    return ExprError(f"Invalid type combination in {kind}.")


def _comparable(
    op: str, left: Value, right: Value, model: DataModel
) -> tuple[int | float | Fraction, int | float | Fraction]:
    one, two = strip(left.type), strip(right.type)
    if isinstance(one, PointerType) or isinstance(two, PointerType):
        if isinstance(one, FloatType) or isinstance(two, FloatType):
            raise _bad_comparison(op)
        mask = (1 << (8 * model.pointer_size)) - 1
        return int(left) & mask, int(right) & mask
    if isinstance(one, FloatType) or isinstance(two, FloatType):
        return left.number(), right.number()
    result = strip(common_type(one, two, model))
    assert isinstance(result, IntType)
    if result.signed or one.size > 8 or two.size > 8:
        return int(left), int(right)
    mask = (1 << (8 * result.size)) - 1
    return int(left) & mask, int(right) & mask


def cast(ctype: CType, value: Value) -> Value:
    """Convert a value as a C cast does, or reinterpret one of the same size as gdb does."""
    target, source = strip(ctype), strip(value.type)
    if ctype is value.type:
        return value
    if isinstance(target, VoidType):
        return Value(ctype, b"\0")
    if isinstance(target, ComplexType) and isinstance(source, (IntType, FloatType, ComplexType)):
        return complexes.to_complex(ctype, value, cast)
    if isinstance(source, FunctionType) and isinstance(target, (IntType, PointerType)):
        return from_number(ctype, int(value), value.reader)
    if isinstance(target, FloatType) and isinstance(source, (IntType, FloatType)):
        if isinstance(source, FloatType) and source.format == target.format:
            return Value(
                ctype, value.data[: floats.FORMATS[target.format].size].ljust(target.size, b"\0")
            )
        return from_number(ctype, value.number())
    if isinstance(target, BoolType) and isinstance(source, (IntType, FloatType, PointerType)):
        return from_number(ctype, int(bool(value)))
    if isinstance(target, IntType) and isinstance(source, (IntType, FloatType, PointerType)):
        return from_number(ctype, int(value), value.reader)
    if isinstance(target, PointerType) and isinstance(source, (IntType, PointerType)):
        return from_number(ctype, int(value), value.reader)
    addr = value.addr
    if target.size == source.size:
        return Value(ctype, value.data, value.lvalue, value.reader)
    if addr is not None and value.reader is not None and not isinstance(source, FunctionType):
        return Value.at(ctype, addr, value.reader)
    raise ExprError("Invalid cast.")
