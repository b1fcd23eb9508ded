"""Operators that a C++ program defines: ``a + b``, ``v[1]``, ``*it``, ``p->x``, ``f(1)``.

As in gdb (find_overload_match) methods of the left operand's class stand beside the functions
that its namespace, and those around the frame, have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr import methods
from pydbg.expr.ranking import fit
from pydbg.expr.respell import template_name
from pydbg.expr.types import CType, FunctionType, PointerType, ReferenceType, StructType, strip
from pydbg.expr.values import Value

if TYPE_CHECKING:
    from pydbg.expr.evaluator import Evaluator

__all__ = ["NoOperator", "missing", "operated"]


class NoOperator(ExprError):
    """Report an operator that the program does not have, or has no code of."""


def missing(op: str, operand: Value) -> str:
    """Say that a language has no operator for structs; gdb asks for the operand's address first."""
    if not isinstance(strip(operand.type), StructType):
        return "Can't do that binary op on that type"
    if operand.addr is None and not operand.is_gone:
        return "Attempt to take address of value not located in memory."
    return f"Structure has no component named operator{op}."


def operated(evaluator: Evaluator, op: str, operands: Sequence[Value]) -> Value:
    """Apply the program's operator, or what is known to do the same of the library's.

    Raises NoOperator where there is none, ExprError where it is there for other operands.
    """
    ctx = evaluator.ctx
    operands = [one.referred() for one in operands]
    if not ctx.language.operators:
        raise NoOperator(missing(op, operands[0]))
    name = f"operator{op}"
    left, rest = operands[0], operands[1:]
    inner = strip(left.type)
    found = list(methods.methods_named(inner, name)) if isinstance(inner, StructType) else []
    best = _best([one[0].type for one in found], rest)
    functions = ctx.functions(name, [space for one in operands for space in _spaces(one.type)])
    other = _best([strip(one.type) for one in functions], operands)
    if not found and not functions:
        raise NoOperator(f'No symbol "{name}" in current context.')
    if best is None and other is None:
        raise ExprError(f"Cannot resolve function {name} to any overloaded instance")
    if best is not None and (other is None or best[0] <= other[0]):
        if left.addr is None:
            left = Value.at(left.type, evaluator.address(left), ctx.read)
        try:
            function, this = methods.bound(left, name, rest, ctx, virtual=True)
        except methods.NoCode:
            known = ctx.operated(op, operands)
            if known is not None:
                return known
            raise NoOperator(f"Could not find {name}.") from None
        return evaluator.invoke(function, [this, *rest] if this is not None else list(rest))
    assert other is not None
    return evaluator.invoke(functions[other[1]], list(operands))


def _best(types: Sequence[CType], args: Sequence[Value]) -> tuple[int, int] | None:
    """Return how well the best of some functions fits, and which it is."""
    best: tuple[int, int] | None = None
    for at, ctype in enumerate(types):
        if isinstance(ctype, FunctionType):
            how = fit(ctype.params, args, variadic=ctype.variadic)
            if how is not None and (best is None or how < best[0]):
                best = how, at
    return best


def _spaces(ctype: CType) -> list[str]:
    """Return the namespaces that argument-dependent lookup adds (C++17, 6.4.2)."""
    inner = strip(ctype)
    while isinstance(inner, PointerType | ReferenceType):
        inner = strip(inner.target)
    space = template_name(inner.name).rpartition("::")[0] if isinstance(inner, StructType) else ""
    return [space] if space else []
