"""Casts that look at the program: along base classes, to references, and C++'s named ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr import nodes
from pydbg.expr.bases import converted, is_base, referring
from pydbg.expr.operators import cast
from pydbg.expr.types import (
    CType,
    MemberPointerType,
    PointerType,
    ReferenceType,
    StructType,
    VoidType,
    strip,
)
from pydbg.expr.values import Value, from_number

if TYPE_CHECKING:
    from pydbg.expr.context import Context
    from pydbg.expr.evaluator import Evaluator

__all__ = ["NAMED", "NamedCast", "cast_in"]

NAMED = frozenset(("dynamic_cast", "static_cast", "reinterpret_cast", "const_cast"))


def cast_in(ctype: CType, value: Value, ctx: Context) -> Value:
    """Cast a value as C does it, and pointers to objects along their base classes."""
    target = strip(ctype)
    if isinstance(target, ReferenceType):
        return referring(target, cast_in(target.target, value.referred(), ctx), ctx)
    return converted(ctype, value, ctx) or cast(ctype, value)


class NamedCast(nodes.OwnNode):
    """Be ``static_cast<type>(operand)`` or one of its sisters."""

    kind: str
    type: nodes.TypeName
    operand: nodes.Node

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Cast the operand. Raises ExprError with gdb's texts."""
        ctype = evaluator.type(self.type)
        if self.kind == "dynamic_cast":
            return _dynamic(ctype, evaluator.value(self.operand), evaluator.ctx)
        if self.kind == "reinterpret_cast":
            return _reinterpreted(ctype, evaluator.value(self.operand), evaluator)
        return evaluator.cast_to(nodes.CastTo(self.column, self.type, self.operand))


def _reinterpreted(ctype: CType, value: Value, evaluator: Evaluator) -> Value:
    """Take a value for another type: pointers keep their address (valops.c)."""
    target = strip(ctype)
    if isinstance(target, ReferenceType):
        value = value.referred()
        addr = value.addr
        if addr is None:
            raise ExprError("Attempt to take address of value not located in memory.")
        return referring(target, Value.at(target.target, addr, evaluator.ctx.read), evaluator.ctx)
    value = evaluator.decayed(value)
    plain = (StructType, VoidType)
    if isinstance(target, plain) or isinstance(strip(value.type), plain):
        raise ExprError("Invalid reinterpret_cast")
    made = cast(ctype, value)
    if isinstance(target, PointerType | MemberPointerType):
        return Value(ctype, made.data, None, evaluator.ctx.read)
    return made


def _dynamic(ctype: CType, value: Value, ctx: Context) -> Value:
    """Cast by what an object really is (valops.c, value_dynamic_cast)."""
    target = strip(ctype)
    if not isinstance(target, PointerType | ReferenceType):
        raise ExprError("Argument to dynamic_cast must be a pointer or reference type")
    wanted = strip(target.target)
    if not isinstance(wanted, StructType | VoidType):
        raise ExprError("Argument to dynamic_cast must be pointer to class or `void *'")
    value = value.referred()
    if isinstance(target, PointerType):
        given = strip(value.type)
        if not isinstance(given, PointerType):
            if value.lvalue is None and not any(value.data):
                return from_number(ctype, 0, ctx.read)
            raise ExprError("Argument to dynamic_cast does not have pointer type")
        if not isinstance(strip(given.target), StructType):
            raise ExprError("Argument to dynamic_cast does not have pointer to class type")
        if not int(value):
            return from_number(ctype, 0, ctx.read)
        thing = Value.at(given.target, int(value), ctx.read)
    else:
        if not isinstance(strip(value.type), StructType):
            raise ExprError("Argument to dynamic_cast does not have class type")
        thing = value
    found = _found(target.target, wanted, thing, ctx)
    if isinstance(target, ReferenceType):
        if found is None:
            raise ExprError("dynamic_cast failed")
        return referring(target, found, ctx)
    return from_number(ctype, 0 if found is None else found.addr or 0, ctx.read)


def _found(ctype: CType, wanted: CType, thing: Value, ctx: Context) -> Value | None:
    """Return the part of a whole object that is of the wanted class, None if it has none."""
    if isinstance(wanted, StructType) and is_base(thing.type, wanted):
        return cast_in(ctype, thing, ctx)
    if not ctx.has_table(thing):
        raise ExprError("Argument to dynamic_cast does not have dynamic type")
    whole = ctx.whole(thing)
    if whole is None:
        raise ExprError("Couldn't determine value's most derived type for dynamic_cast")
    if isinstance(wanted, VoidType):
        return whole
    return cast_in(ctype, whole, ctx) if is_base(whole.type, wanted) else None
