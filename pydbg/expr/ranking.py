"""How well arguments fit the parameters of a function: what overloads are chosen by."""

from __future__ import annotations

from collections.abc import Sequence

from pydbg.expr.bases import is_base
from pydbg.expr.types import (
    ArrayType,
    CType,
    EnumType,
    FloatType,
    FunctionType,
    IntType,
    PointerType,
    ReferenceType,
    StructType,
    VoidType,
    spell,
    strip,
)
from pydbg.expr.values import Value

__all__ = ["fit", "rank"]

_EXACT, _PROMOTION, _CONVERSION, _WORSE = range(4)
"""How well an argument fits a parameter (C++17, 16.3.3.2: the ranks of conversions)."""


def fit(params: Sequence[CType], args: Sequence[Value], *, variadic: bool = False) -> int | None:
    """Return how well arguments fit parameters, the less the better; None if they do not.

    >>> from pydbg.expr.types import LP64
    >>> fit([LP64.int], [Value(LP64.int, bytes(4))]), fit([], [Value(LP64.int, bytes(4))])
    (0, None)
    """
    if len(args) < len(params) or (len(args) > len(params) and not variadic):
        return None
    ranks = [rank(param, arg) for param, arg in zip(params, args, strict=False)]
    if any(one is None for one in ranks):
        return None
    return sum(one for one in ranks if one is not None) + (len(args) - len(params)) * _WORSE


def rank(param: CType, arg: Value) -> int | None:
    """Return how well one argument fits; None if there is no conversion.

    >>> from pydbg.expr.types import LP64
    >>> rank(LP64.double, Value(LP64.int, bytes(4)))
    3
    """
    wanted, given = strip(param), strip(arg.type)
    if isinstance(wanted, ReferenceType):
        wanted = strip(wanted.target)
    if isinstance(given, ReferenceType):
        given = strip(given.target)
    if wanted == given:
        return _EXACT
    if isinstance(wanted, PointerType):
        return _pointer_rank(wanted, given, arg)
    if isinstance(wanted, IntType) and isinstance(given, IntType):
        if spell(wanted) == spell(given):
            return _EXACT
        promotes = wanted.name == "int" and (given.size < 4 or isinstance(given, EnumType))
        if isinstance(wanted, EnumType):
            return None if isinstance(given, EnumType) else _WORSE
        return _PROMOTION if promotes else _CONVERSION
    if isinstance(wanted, FloatType) and isinstance(given, FloatType):
        return _PROMOTION if wanted.size > given.size else _CONVERSION
    if isinstance(wanted, FloatType | IntType) and isinstance(given, FloatType | IntType):
        return _WORSE
    if isinstance(wanted, StructType) and isinstance(given, StructType):
        if wanted.name and wanted.name == given.name:
            return _EXACT
        return _CONVERSION if is_base(given, wanted) else None
    return _EXACT if spell(wanted) == spell(given) else None


def _pointer_rank(wanted: PointerType, given: CType, arg: Value) -> int | None:
    target = strip(wanted.target)
    if isinstance(given, FunctionType):
        return _EXACT if spell(target) == spell(given) else None
    if isinstance(given, IntType):
        return _CONVERSION if arg.lvalue is None and not int(arg) else _WORSE
    if isinstance(given, ArrayType):
        given_target = strip(given.element)
    elif isinstance(given, PointerType):
        given_target = strip(given.target)
    else:
        return None
    if target == given_target or spell(target) == spell(given_target):
        return _EXACT
    if isinstance(target, VoidType):
        return _CONVERSION
    if isinstance(target, StructType) and isinstance(given_target, StructType):
        return _CONVERSION if is_base(given_target, target) else None
    return None
