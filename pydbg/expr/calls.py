"""Function calls in expressions: which function, and its arguments as the parameters want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydbg.errors import ExprError, NoSymbol
from pydbg.expr import methods, nodes
from pydbg.expr.bases import is_object, upcast
from pydbg.expr.casts import cast_in
from pydbg.expr.memberpointers import ThroughPointer, resolved
from pydbg.expr.operators import cast
from pydbg.expr.overloads import operated
from pydbg.expr.ranking import fit
from pydbg.expr.types import (
    CType,
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

__all__ = ["called", "callee", "invoke", "library_method", "object_of", "through_this"]


def called(evaluator: Evaluator, tree: nodes.Call, result: CType | None) -> Value:
    """Make a call; ``result`` is the type that the call is cast to, if it is."""
    try:
        args = [evaluator.value(arg) for arg in tree.args]
    except NoSymbol:
        if isinstance(tree.function, nodes.Name):
            evaluator.any_value(tree.function)  # A function that is not there is named first.
        raise
    if isinstance(tree.function, nodes.Dollar):
        internal = evaluator.internal(tree.function.name)
        if internal is not None:
            made = internal(args, evaluator.ctx)
            return made if result is None else cast(result, made)
    tree = through_this(evaluator, tree)
    base = object_of(evaluator, tree)
    done = library_method(evaluator, tree, base, args)
    if done is not None:
        return done if result is None else cast_in(result, done, evaluator.ctx)
    function, this = callee(evaluator, tree, base, args)
    ftype = strip(function.type)
    if isinstance(ftype, PointerType):
        ftype = strip(ftype.target)
    if isinstance(ftype, StructType) and evaluator.ctx.language.operators:
        return operated(evaluator, "()", [function, *args])
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
    made = _run(evaluator, function, ftype, args, returned, ftype.result is None)
    return made if known is None or result is None else cast_in(result, made, evaluator.ctx)


def through_this(evaluator: Evaluator, tree: nodes.Call) -> nodes.Call:
    """Take the call of a method by its name alone for one of the object that the frame is in."""
    called, ctx = tree.function, evaluator.ctx
    if not isinstance(called, nodes.Name) or "::" in called.name or not ctx.language.operators:
        return tree
    this = ctx.symbol("this")
    if this is None or not isinstance(strip(this.type), PointerType):
        return tree
    hiding = ctx.symbol(called.name)
    is_variable = hiding is not None and not isinstance(strip(hiding.type), FunctionType)
    if is_variable or not methods.has_method(this.deref(), called.name):
        return tree
    member = nodes.Member(called.column, nodes.Name(called.column, "this"), called.name, True)
    return nodes.Call(tree.column, member, tree.args)


def object_of(evaluator: Evaluator, tree: nodes.Call) -> Value | None:
    """Return the object that a method is called of, None for functions."""
    function = tree.function
    if not isinstance(function, nodes.Member):
        return None
    return evaluator.object(function, called=True)


def library_method(
    evaluator: Evaluator, tree: nodes.Call, base: Value | None, args: Sequence[Value]
) -> Value | None:
    """Return what a method of the C++ library gives where that is known without a call."""
    function = tree.function
    if base is None or not isinstance(function, nodes.Member) or not is_object(base):
        return None
    if not evaluator.ctx.language.operators:
        return None
    return evaluator.ctx.method(base, function.name, args)


def invoke(evaluator: Evaluator, function: Value, args: list[Value]) -> Value:
    """Call a function whose type is known."""
    ftype = strip(function.type)
    assert isinstance(ftype, FunctionType)
    return _run(evaluator, function, ftype, args, ftype.result or VoidType(), False)


def _unknown_result(evaluator: Evaluator, function: Value) -> str:
    addr = int(function)
    name = None
    if not is_integral(function.type):
        name = (evaluator.ctx.symbolize(addr) or "").strip("<>").partition("+")[0]
    # infcall.c, call_function_by_hand_dummy: the two marks of a number are gdb's.
    name = name or f"at 0x{addr:#x}"
    return f"'{name}' has unknown return type; cast the call to its declared return type"


def callee(
    evaluator: Evaluator, tree: nodes.Call, base: Value | None, args: Sequence[Value]
) -> tuple[Value, Value | None]:
    """Return what is called, and the object that it is called on; ``base`` is its ``object_of``."""
    called = tree.function
    if isinstance(called, ThroughPointer):
        return resolved(evaluator, called)
    if isinstance(called, nodes.Member):
        assert base is not None
        base, name = evaluator.scoped(base, called.name)
        if methods.has_method(base, name):
            if base.addr is None:
                base = Value.at(base.type, evaluator.address(base), evaluator.ctx.read)
            virtual = "::" not in called.name
            return methods.bound(base, name, args, evaluator.ctx, virtual=virtual)
        inner = strip(base.type)
        if isinstance(inner, StructType) and inner.cplus and inner.field(name) is None:
            raise ExprError(f"Couldn't find method {inner.name}::{name}")
        function = evaluator.member_of(base, name).referred()
    else:
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
    if len(args) < len(params):
        raise ExprError("Too few arguments in function call.")
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
    if isinstance(inner, StructType) and isinstance(strip(value.type), StructType):
        return upcast(value, ctype) or cast(ctype, value)
    return cast_in(ctype, value, evaluator.ctx)


def _referring(
    evaluator: Evaluator, arg: Value, param: CType | None, wanted: ReferenceType
) -> Value:
    """Pass a reference: the address of a value, which is put into memory if it is only ours."""
    assert param is not None
    value = arg.referred()
    target, given = strip(wanted.target), strip(value.type)
    if isinstance(target, StructType):
        part = upcast(value, wanted.target)
        if part is None:
            raise ExprError("Attempt to take address of value not located in memory.")
        value = part
    elif target != given and spell(target) != spell(given):
        value = cast_in(wanted.target, evaluator.decayed(value), evaluator.ctx)
    data = evaluator.address(value).to_bytes(evaluator.model.pointer_size, "little")
    return Value(param, data, None, evaluator.ctx.read)
