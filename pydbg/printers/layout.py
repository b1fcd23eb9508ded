"""Where values lie in nodes of containers: behind a header, at their own alignment."""

from __future__ import annotations

from pydbg.expr.types import (
    ArrayType,
    CType,
    FloatType,
    IntType,
    MemberPointerType,
    PointerType,
    ReferenceType,
    StructType,
    strip,
)

__all__ = ["align", "behind"]

_MAX_DEPTH = 64
_DW_AT_alignment = 0x88


def align(ctype: CType, pointer_size: int, depth: int = 0) -> int:
    """Return the alignment, in bytes, of a member of the type (System V psABI, both of x86).

    >>> from pydbg.expr.types import LP64, ILP32
    >>> align(LP64.longdouble, 8), align(LP64.array(LP64.int, 3), 8), align(ILP32.double, 4)
    (16, 4, 4)
    """
    own = strip(ctype)
    if isinstance(own, (IntType, FloatType)):
        return max(min(own.size, 16 if pointer_size == 8 else 4), 1)
    if isinstance(own, (PointerType, ReferenceType, MemberPointerType)):
        return pointer_size
    if isinstance(own, ArrayType):
        return max(own.size, 1) if own.vector else align(own.element, pointer_size, depth + 1)
    if not isinstance(own, StructType) or depth > _MAX_DEPTH:
        return 1
    die = getattr(own, "die", None)
    told = die.number(_DW_AT_alignment) if die is not None else None
    parts = [
        align(field.type, pointer_size, depth + 1) for field in own.fields if field.kind != "static"
    ]
    virtual = any(field.kind == "virtual" for field in own.fields)
    return max([told or 1, pointer_size if virtual else 1, *parts])


def behind(header: int, ctype: CType, pointer_size: int) -> int:
    """Return where a value lies that follows ``header`` bytes.

    >>> from pydbg.expr.types import LP64
    >>> behind(8, LP64.char, 8), behind(8, LP64.longdouble, 8)
    (8, 16)
    """
    step = align(ctype, pointer_size)
    return -(-header // step) * step
