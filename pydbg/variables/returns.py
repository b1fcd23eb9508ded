"""Where a function leaves its result (System V psABI, 3.2.3; i386 psABI, 2.2.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.expr.types import (
    ArrayType,
    ComplexType,
    CType,
    FloatType,
    MemberPointerType,
    StructType,
    VoidType,
    strip,
)
from pydbg.expr.values import Value
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.arch.model import Arch

__all__ = ["Results", "result_value"]


class Results(Record):
    """Hold the registers that results come in, as they are when a function has returned."""

    register: Callable[[str], bytes]
    read: Callable[[int, int], bytes]


def result_value(ctype: CType, arch: Arch, results: Results) -> Value | None:
    """Return what a function returned; None where the convention does not tell where it is."""
    inner = strip(ctype)
    if isinstance(inner, VoidType):
        return None
    if arch.pointer_size == 4:
        return _i386(ctype, inner, results)
    kinds = _classify(inner)
    if kinds is None:
        addr = int.from_bytes(results.register("rax"), "little")
        return Value.at(ctype, addr, results.read)
    data = b""
    integers, vectors, stack = iter(("rax", "rdx")), iter(("xmm0", "xmm1")), iter(("st0", "st1"))
    for kind in kinds:
        if kind == "integer":
            data += results.register(next(integers))[:8]
        elif kind == "sse":
            data += results.register(next(vectors))[:8]
        elif kind == "x87":
            data += results.register(next(stack))[:10].ljust(16, b"\0")
        else:  # more of the last vector register
            data += results.register("xmm0")[8:16]
    return Value(ctype, data[: ctype.size].ljust(ctype.size, b"\0"), None, results.read)


def _i386(ctype: CType, inner: CType, results: Results) -> Value | None:
    size = ctype.size
    if isinstance(inner, FloatType):
        from pydbg.expr import floats
        from pydbg.expr.values import from_number

        number = floats.decode("x87", results.register("st0")[:10])
        return from_number(ctype, number, results.read)
    if isinstance(inner, (StructType, ArrayType, ComplexType)):
        addr = int.from_bytes(results.register("eax")[:4], "little")
        return Value.at(ctype, addr, results.read)
    data = results.register("eax")[:4] + results.register("edx")[:4]
    return Value(ctype, data[:size].ljust(size, b"\0"), None, results.read)


def _classify(inner: CType) -> list[str] | None:
    """Return the class of each eight bytes, None for what is returned in memory."""
    if isinstance(inner, FloatType):
        if inner.format == "x87":
            return ["x87"]
        return ["sse", "up"] if inner.size == 16 else ["sse"]
    if isinstance(inner, ComplexType):
        element = strip(inner.element)
        if isinstance(element, FloatType) and element.format == "x87":
            return ["x87", "x87"]
        return ["sse"] if inner.size <= 8 else ["sse", "sse"] if inner.size == 16 else None
    if isinstance(inner, ArrayType) and inner.vector:
        return ["sse"] if inner.size <= 8 else ["sse", "up"] if inner.size == 16 else None
    if isinstance(inner, (StructType, ArrayType)):
        return _aggregate(inner)
    if isinstance(inner, MemberPointerType) or inner.size > 8:
        return ["integer"] * ((inner.size + 7) // 8) if inner.size <= 16 else None
    return ["integer"]


def _aggregate(inner: CType) -> list[str] | None:
    if not 0 < inner.size <= 16 or (isinstance(inner, StructType) and not _is_trivial(inner)):
        return None
    kinds = [""] * ((inner.size + 7) // 8)
    try:
        _spread(inner, 0, kinds)
    except (IndexError, DebuggerError):
        return None
    if "memory" in kinds:
        return None
    return [kind or "sse" for kind in kinds]


def _spread(ctype: CType, offset: int, kinds: list[str]) -> None:
    """Note the class of each part in the eight bytes that it lies in."""
    inner = strip(ctype)
    if isinstance(inner, StructType):
        for field in inner.fields:
            if field.kind != "static":
                bits = field.bit_offset // 8 if field.bit_size else 0
                _spread(field.type, offset + field.offset + bits, kinds)
        return
    if isinstance(inner, ArrayType):
        for index in range(min(inner.count, 16)):
            _spread(inner.element, offset + index * inner.element.size, kinds)
        return
    kind = "integer"
    if isinstance(inner, FloatType):
        kind = "memory" if inner.format == "x87" else "sse"
    for at in range(offset // 8, (offset + max(inner.size, 1) - 1) // 8 + 1):
        if at >= len(kinds):
            continue  # The storage unit of a bit-field reaches over the end.
        if kinds[at] != "integer":
            kinds[at] = kind if kinds[at] != "memory" else "memory"


def _is_trivial(inner: StructType) -> bool:
    """Tell whether a class may be returned in registers (Itanium C++ ABI, 3.1.3.1)."""
    for method in inner.methods:
        if method.virtual or (method.name.startswith("~") and not method.artificial):
            return False
    return all(
        _is_trivial(part)
        for field in inner.fields
        if field.kind != "static" and isinstance(part := strip(field.type), StructType)
    )
