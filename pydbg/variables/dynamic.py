"""Arrays whose length is a variable of the program (C's variable length arrays)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.types import ArrayType, CType, PointerType, QualifiedType, TypedefType
from pydbg.expr.values import Value
from pydbg.symbols.cursor import signed
from pydbg.symbols.entries import At, Die
from pydbg.variables.types import DynamicArray

if TYPE_CHECKING:
    from pydbg.variables.frame import ModuleSurroundings

__all__ = ["has_dynamic", "settle"]

_MAX_DEPTH = 16


def has_dynamic(ctype: CType, depth: int = 0) -> bool:
    """Tell whether a type has a length that only the running program knows."""
    if depth > _MAX_DEPTH:
        return False
    if isinstance(ctype, DynamicArray):
        return True
    if isinstance(ctype, ArrayType):
        return has_dynamic(ctype.element, depth + 1)
    if isinstance(ctype, (PointerType, QualifiedType, TypedefType)):
        return has_dynamic(ctype.target, depth + 1)
    return False


def settle(ctype: CType, around: ModuleSurroundings, depth: int = 0) -> CType:
    """Return the type with the lengths of now."""
    if depth > _MAX_DEPTH:
        return ctype
    if isinstance(ctype, ArrayType):
        element = settle(ctype.element, around, depth + 1)
        count = ctype.count
        known = not ctype.open
        if isinstance(ctype, DynamicArray):
            assert isinstance(ctype.bounds, Die)
            found = _length(ctype.bounds, around)
            known, count = found is not None, found or 0
        return ArrayType("", element.size * count, element, count, ctype.vector, not known)
    if isinstance(ctype, PointerType):
        return PointerType("", ctype.size, settle(ctype.target, around, depth + 1))
    if isinstance(ctype, QualifiedType):
        target = settle(ctype.target, around, depth + 1)
        return QualifiedType(
            target.name, target.size, target,
            ctype.const, ctype.volatile, ctype.restrict, ctype.atomic, ctype.cplus,
        )  # fmt: skip
    if isinstance(ctype, TypedefType) and has_dynamic(ctype):
        target = settle(ctype.target, around, depth + 1)
        return TypedefType(ctype.name, target.size, target)
    return ctype


def _length(bounds: Die, around: ModuleSurroundings) -> int | None:
    count = _bound(bounds, At.count, around)
    if count is not None:
        return max(count, 0)
    upper = _bound(bounds, At.upper_bound, around)
    if upper is None:
        return None
    lower = bounds.number(At.lower_bound) or 0
    return max(upper + 1 - lower, 0)


def _bound(bounds: Die, attribute: int, around: ModuleSurroundings) -> int | None:
    """Return a bound: of an expression, or the variable that holds it."""
    from pydbg.variables.places import Machine

    if attribute not in bounds:
        return None
    block = bounds.block(attribute)
    try:
        if block is not None:
            around.use(bounds)
            piece = Machine(around).run(block)[0]
            if piece.kind == "memory":
                return signed(piece.addr, around.pointer_size)
            if piece.kind in ("bytes", "register"):
                return _signed(piece.data[: around.pointer_size])
            return None
        holder = bounds.target(attribute)
        if holder is None:
            return bounds.signed(attribute)
        owner = around.dbg.variables
        scope = getattr(around, "_scope", None)
        link_addr = scope.link_addr if scope is not None else None
        value: Value = owner.value_of(holder, around.file.reader.of(holder), around, link_addr)
        return int(value)
    except ExprError:
        return None


def _signed(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)
