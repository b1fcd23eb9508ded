"""What a function of Go has returned, by Go's own calling convention.

Source: src/cmd/compile/abi-internal.md (ABIInternal, from Go 1.17). DWARF has no type for the
result: results are parameters that are marked as variable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.expr.types import (
    ArrayType,
    ComplexType,
    CType,
    Field,
    FloatType,
    IntType,
    PointerType,
    StructType,
    VoidType,
    strip,
)
from pydbg.expr.values import Value
from pydbg.symbols.entries import At, Tag

if TYPE_CHECKING:
    from pydbg.symbols.functions import Function
    from pydbg.variables.files import FileTypes
    from pydbg.variables.returns import Results

__all__ = ["returned"]

_INTEGERS = ("rax", "rbx", "rcx", "rdi", "rsi", "r8", "r9", "r10", "r11")
_VECTORS = tuple(f"xmm{number}" for number in range(15))
_MOST_DEPTH = 16


class _NoRoomError(Exception):
    """Report that a result is on the stack."""


def returned(function: Function, file: FileTypes, results: Results) -> Value | None:
    """Return a function's result, of several a struct; ``void`` for none.

    As nothing is said of what is on the stack, or passed in the way of before Go 1.17. None is
    for functions that are not described.
    """
    silent = Value(VoidType(), b"\0")
    if "regabi" not in (function.unit.producer or ""):
        return None
    with file.guard():
        found = dict(_results(function, file))
    if not found:
        return silent
    integers, vectors = iter(_INTEGERS), iter(_VECTORS)
    fields, whole = [], b""
    for name, ctype in found.items():
        data = bytearray(ctype.size)
        try:
            for offset, size, vector in _words(ctype, 0, 0):
                register = next(vectors if vector else integers, None)
                if register is None:
                    return silent
                data[offset : offset + size] = results.register(register)[:size]
        except _NoRoomError:
            return silent
        fields.append(Field(name.lstrip("~"), ctype, len(whole)))
        whole += bytes(data)
    if len(fields) == 1:
        return Value(fields[0].type, whole, None, results.read)
    made = StructType("", len(whole), "struct", fields)
    return Value(made, whole, None, results.read)


def _results(function: Function, file: FileTypes) -> Iterator[tuple[str, CType]]:
    own = file.names.entries.at(function.die)
    for die in own.children() if own is not None else ():
        holders = list(die.origins()) if die.tag == Tag.formal else []
        if not any(one.flag(At.variable_parameter) for one in holders):
            continue
        name = next((one.name for one in holders if one.name), None)
        typed = next((one for one in holders if At.type in one), None)
        if name is not None and typed is not None:
            yield name, file.reader.of(typed)


def _words(ctype: CType, at: int, depth: int) -> Iterator[tuple[int, int, bool]]:
    """Give what of a value is in registers: its offset and size, and whether it is a fraction.

    >>> list(_words(IntType("int", 8, True), 0, 0))
    [(0, 8, False)]
    """
    inner = strip(ctype)
    if depth > _MOST_DEPTH:
        raise _NoRoomError
    if isinstance(inner, StructType):
        for field in inner.fields:
            yield from _words(field.type, at + field.offset, depth + 1)
    elif isinstance(inner, ArrayType):
        if inner.count > 1:
            raise _NoRoomError
        if inner.count:
            yield from _words(inner.element, at, depth + 1)
    elif isinstance(inner, ComplexType):
        half = inner.size // 2
        yield from ((at, half, True), (at + half, half, True))
    elif isinstance(inner, FloatType):
        yield at, inner.size, True
    elif isinstance(inner, (IntType, PointerType)):
        yield at, inner.size, False
    else:
        raise _NoRoomError
