"""Function calls in expressions: which function, and its arguments as the parameters want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr import methods, nodes
from pydbg.expr.operators import cast
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
    TypedefType,
    VoidType,
    spell,
    strip,
)
from pydbg.expr.values import Value, from_number, is_integral

if TYPE_CHECKING:
    from pydbg.expr.evaluator import Evaluator

__all__ = ["called", "callee", "fit", "rank"]

_EXACT, _PROMOTION, _CONVERSION, _WORSE = range(4)
"""How well an argument fits a parameter (C++17, 16.3.3.2: the ranks of conversions)."""


def called(evaluator: Evaluator, tree: nodes.Call, result: CType | None) -> Value:
    """Make a call; ``result`` is the type that the call is cast to, if it is."""
    args = [evaluator.value(arg) for arg in tree.args]
    if isinstance(tree.function, nodes.Dollar):
        internal = evaluator.internal(tree.function.name)
        if internal is not None:
            made = internal(args, evaluator.ctx)
            return made if result is None else cast(result, made)
    function, this = callee(evaluator, tree, args)
    ftype = strip(function.type)
    if isinstance(ftype, PointerType):
        ftype = strip(ftype.target)
    if isinstance(ftype, FunctionType):
        known = ftype.result
    elif is_integral(function.type):
        known, ftype = None, FunctionType("", 1)
    else:
        function.data  # noqa: B018  what cannot be read is the first complaint
        raise ExprError("Invalid data type for function to be called.")
    if result is not None and known is not None and isinstance(strip(known), VoidType):
        known = None  # What assembly returns is not described: the cast says it.
    returned = known or result
    if returned is None:
        raise ExprError(_unknown_result(evaluator, function))
    if this is not None:
        args.insert(0, this)
    if len(args) < len(ftype.params):
        raise ExprError("Too few arguments in function call.")
    made = _run(evaluator, function, ftype, args, returned, ftype.result is None)
    return made if known is None or result is None else cast(result, made)


def _unknown_result(evaluator: Evaluator, function: Value) -> str:
    addr = int(function)
    name = None
    if not is_integral(function.type):
        name = (evaluator.ctx.symbolize(addr) or "").strip("<>").partition("+")[0]
    # infcall.c, call_function_by_hand_dummy: the two marks of a number are gdb's.
    name = name or f"at 0x{addr:#x}"
    return f"'{name}' has unknown return type; cast the call to its declared return type"


def callee(
    evaluator: Evaluator, tree: nodes.Call, args: Sequence[Value]
) -> tuple[Value, Value | None]:
    """Return what is called, and the object that it is called on."""
    called = tree.function
    if isinstance(called, nodes.Member):
        base = evaluator.value(called.base).referred()
        if called.arrow:
            base = evaluator.pointed(base)
        inner = strip(base.type)
        if isinstance(inner, PointerType):
            base = base.deref()
        if methods.has_method(base, called.name):
            if base.addr is None:
                base = Value.at(base.type, evaluator.address(base), evaluator.ctx.read)
            return methods.bound(base, called.name, args, evaluator.ctx, virtual=True)
        inner = strip(base.type)
        if isinstance(inner, StructType) and inner.cplus and inner.field(called.name) is None:
            raise ExprError(f"Couldn't find method {inner.name}::{called.name}")
    function = evaluator.any_value(called).referred()
    ftype = strip(function.type)
    if isinstance(called, nodes.Name) and isinstance(ftype, FunctionType) and ftype.cplus:
        function = _overloaded(evaluator, called.name, function, args)
    return function, None


def _overloaded(evaluator: Evaluator, name: str, function: Value, args: Sequence[Value]) -> Value:
    """Choose among the functions of a name by the types of the arguments."""
    best: tuple[int, Value] | None = None
    every = evaluator.ctx.overloads(function)
    for one in every:
        ftype = strip(one.type)
        assert isinstance(ftype, FunctionType)
        how = fit(ftype.params, args, variadic=ftype.variadic)
        if how is not None and (best is None or how < best[0]):
            best = how, one
    if best is not None:
        return best[1]
    only = strip(every[0].type)
    if len(every) == 1 and isinstance(only, FunctionType) and len(args) < len(only.params):
        raise ExprError("Too few arguments in function call.")
    raise ExprError(f"Cannot resolve function {name} to any overloaded instance")


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
        return _CONVERSION if methods.base_offset(given, wanted) is not None else None
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
        return None if methods.base_offset(given_target, target) is None else _CONVERSION
    return None


def _run(
    evaluator: Evaluator,
    function: Value,
    ftype: FunctionType,
    args: list[Value],
    returned: CType,
    undescribed: bool,
) -> Value:
    """Convert the arguments (gdb's value_arg_coerce), and call."""
    ctx = evaluator.ctx
    params = ftype.params
    passed: list[Value] = []
    copies: list[Value] = []
    for index, arg in enumerate(args):
        param = params[index] if index < len(params) else None
        as_told = ftype.prototyped or ftype.cplus
        made = _converted(evaluator, arg, param, as_told if param is not None else undescribed)
        copy = ctx.copied(made) if isinstance(strip(made.type), StructType) else None
        if copy is not None:
            copies.append(copy)
            pointer = evaluator.model.pointer(copy.type)
            made = from_number(pointer, copy.addr or 0, ctx.read)
        passed.append(made)
    while isinstance(returned, TypedefType):
        returned = returned.target  # As in gdb the value does not know the typedef.
    result = ctx.call(int(function), passed, returned)
    for copy in copies:
        ctx.destroyed(copy)
    return result


def _converted(evaluator: Evaluator, arg: Value, param: CType | None, as_told: bool) -> Value:
    model = evaluator.model
    wanted = strip(param) if param is not None else None
    if isinstance(wanted, ReferenceType):
        return _referring(evaluator, arg, param, wanted)
    value = evaluator.decayed(arg.referred())
    ctype = param if param is not None else value.type
    inner = strip(ctype)
    if isinstance(inner, FunctionType):
        return from_number(model.pointer(ctype), int(value), evaluator.ctx.read)
    if isinstance(inner, IntType) and not as_told and inner.size < model.int.size:
        ctype = model.int
    if isinstance(inner, FloatType) and not as_told and inner.size < model.double.size:
        ctype = model.double
    source = strip(value.type)
    if isinstance(inner, StructType) and isinstance(source, StructType) and inner is not source:
        offset = methods.base_offset(source, inner)
        if offset is not None:
            return value.part(ctype, offset)
    return cast(ctype, value)


def _referring(
    evaluator: Evaluator, arg: Value, param: CType | None, wanted: ReferenceType
) -> Value:
    """Pass a reference: the address of a value that is in memory, and of the type referred to."""
    value = arg.referred()
    target, given = strip(wanted.target), strip(value.type)
    offset: int | None = 0
    if isinstance(target, StructType) and isinstance(given, StructType) and target is not given:
        offset = 0 if target.name == given.name else methods.base_offset(given, target)
    elif not isinstance(target, StructType) and target != given and spell(target) != spell(given):
        offset = None
    if offset is None or value.addr is None:
        raise ExprError("Attempt to take address of value not located in memory.")
    assert param is not None
    data = (value.addr + offset).to_bytes(evaluator.model.pointer_size, "little")
    return Value(param, data, None, evaluator.ctx.read)
