"""Expressions whose type alone is asked for: nothing is read, changed or called.

As gdb's EVAL_AVOID_SIDE_EFFECTS: what a null pointer points to has a type all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from pydbg.errors import DebuggerError, ExprError
from pydbg.expr import nodes
from pydbg.expr.calls import callee, library_method, object_of, through_this
from pydbg.expr.context import Context
from pydbg.expr.evaluator import Evaluator
from pydbg.expr.types import (
    ArrayType,
    CType,
    FunctionType,
    PointerType,
    VoidType,
    strip,
)
from pydbg.expr.values import Value, from_number, is_integral

__all__ = ["TypeEvaluator"]


class TypeEvaluator(Evaluator):
    """Evaluate for the type: memory that cannot be read is zeros, nothing is written.

    >>> from pydbg.expr.context import BaseContext
    >>> from pydbg.expr.parser import parse
    >>> str(TypeEvaluator(BaseContext()).value(parse("*(char *)0 / 0")).type)
    'int'
    """

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self._read = _harmless(ctx.read)
        self.types_only = True

    def _stand_in(self, value: Value) -> Value:
        """Return a value of the same type that can always be read."""
        return Value.at(value.type, value.addr or 0, self._read)

    def arrowed(self, value: Value) -> Value:
        base = super().arrowed(value)
        inner = strip(base.type)
        if isinstance(inner, PointerType):
            if isinstance(strip(inner.target), VoidType):
                raise ExprError("Attempt to dereference a generic pointer.")
            if base.is_gone:
                raise ExprError("value has been optimized out")
        return base

    def _deref(self, value: Value) -> Value:
        inner = strip(value.type)
        if isinstance(inner, FunctionType):
            raise ExprError("Attempt to take contents of a non-pointer value.")
        if isinstance(inner, PointerType):
            return Value.at(inner.target, self._number(value), self._read)
        if self._may_be_address(inner):
            return Value.at(self.model.int, 0, self._read)
        return super()._deref(value)

    @staticmethod
    def _number(pointer: Value) -> int:
        """Return where a pointer points to, 0 where it cannot be read."""
        try:
            return int(pointer)
        except DebuggerError:
            return 0

    def _address_of(self, tree: nodes.Unary) -> Value:
        member = self.class_member_at(tree)
        if member is not None:
            return member
        if isinstance(tree.operand, nodes.StringLiteral):
            value = self.value(tree.operand)
        else:
            value = self.any_value(tree.operand).referred()
            if value.addr is None and not isinstance(tree.operand, nodes.Name):
                raise ExprError("Attempt to take address of value not located in memory.")
        return from_number(self.model.pointer(value.type), value.addr or 0, self._read)

    def invoke(self, function: Value, args: list[Value]) -> Value:
        ctype = strip(function.type)
        assert isinstance(ctype, FunctionType)
        return Value.at(ctype.result or VoidType(), 0, self._read)

    def address(self, value: Value) -> int:
        return value.addr or 0

    def _apply(self, op: str, left: Value, right: Value) -> Value:
        if op in "/%" and is_integral(right.referred().type) and not int(right.referred()):
            right = from_number(right.referred().type, 1)
        return super()._apply(op, left, right)

    def _repeat(self, left: Value, right: Value) -> Value:
        if left.addr is None:
            left = self._stand_in(left)
        return super()._repeat(left, right)

    def incdec(self, tree: nodes.IncDec) -> Value:
        return self.value(tree.operand)

    def assignment(self, tree: nodes.Assign) -> Value:
        left = self.value(tree.left)
        self.value(tree.right)
        return left

    def typed_memory(self, tree: nodes.TypedMemory) -> Value:
        self.value(tree.operand)
        return Value.at(self.type(tree.type), 0, self._read)

    def index(self, tree: nodes.Index) -> Value:
        base = self.value(tree.base).referred()
        inner = strip(base.type)
        if isinstance(inner, PointerType) and is_integral(self.operand(tree.index).type):
            return Value.at(inner.target, 0, self._read)
        if isinstance(inner, ArrayType) and is_integral(self.operand(tree.index).type):
            return Value.at(inner.element, 0, self._read)
        return super().index(tree)

    def _called(self, tree: nodes.Call, result: CType | None) -> Value:
        if isinstance(tree.function, nodes.Dollar) and self.internal(tree.function.name):
            return from_number(self.model.int, 0)
        args = [self.value(arg) for arg in tree.args]
        tree = through_this(self, tree)
        base = object_of(self, tree)
        known = library_method(self, tree, base, args)
        if known is not None:
            return known
        ctype = strip(callee(self, tree, base, args)[0].type)
        if not isinstance(ctype, FunctionType):
            raise ExprError(
                'Expression of type other than "Function returning ..." used as function'
            )
        return Value.at(result or ctype.result or self.model.int, 0, self._read)


def _harmless(read: Callable[[int, int], bytes]) -> Callable[[int, int], bytes]:
    def harmless(addr: int, size: int) -> bytes:
        try:
            return read(addr, size)
        except DebuggerError:
            return bytes(size)

    return harmless
