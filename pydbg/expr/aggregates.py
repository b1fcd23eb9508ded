"""Structs, classes and arrays as gdb prints them (cp-valprint.c, valprint.c)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, TypeGuard

from pydbg.errors import DebuggerError, MemoryFault
from pydbg.expr.pretty import error_text
from pydbg.expr.types import (
    ArrayType,
    ComplexType,
    CType,
    Field,
    FunctionType,
    IntType,
    PointerType,
    StructType,
    strip,
)
from pydbg.expr.values import Value
from pydbg.printers.model import Unfinished

if TYPE_CHECKING:
    from pydbg.expr.format import Formatter

__all__ = ["complex_text", "elements_text", "struct_text"]


def elements_text(out: Formatter, value: Value, ctype: ArrayType, letter: str, depth: int) -> str:
    """Return the elements of an array in braces, runs of equal ones shortened."""
    left, right = out.brackets[0], out.brackets[1]
    if value.is_gone:
        return left + _pieced_elements(out, value, ctype, letter, depth) + right
    inside = "\n" + "  " * (depth + 1) if out.options.array else ""
    parts = [left + inside]
    try:
        parts += _elements(out, value, ctype, letter, depth, f",{inside}" if inside else ", ")
    except Unfinished as error:
        return "".join(parts) + error_text(error)
    return "".join(parts) + ("\n" + "  " * depth if inside else "") + right


def _elements(
    out: Formatter, value: Value, ctype: ArrayType, letter: str, depth: int, between: str
) -> Iterator[str]:
    data = value.data
    size = ctype.element.size
    index = printed = 0
    limit, threshold = out.options.limit, out.options.threshold
    basic = strip(ctype.element)
    whole = isinstance(basic, FunctionType)
    numbers = _numbers(data, basic) if _is_number(basic, out, letter) else None
    while index < ctype.count and printed < limit:
        run = index + 1
        if numbers is not None:
            while run < ctype.count and numbers[run] == numbers[index]:
                run += 1
        else:
            piece = data[index * size : (index + 1) * size]
            while run < ctype.count and size and data[run * size : (run + 1) * size] == piece:
                run += 1
        if whole:
            run = index + 1
        if index:
            yield between
        if out.options.array_indexes:
            yield f"[{index}] = "
        if numbers is not None:
            yield str(numbers[index])
        else:
            yield out.inner(value.element(index), letter, depth + 1)
        if run - index > threshold:
            yield f" <repeats {run - index} times>"
            index = run
            printed += threshold
        else:
            index += 1
            printed += 1
    if index < ctype.count:
        yield "..."


def _numbers(data: bytes, basic: IntType) -> memoryview | None:
    """Return the numbers of an array; None for those of a size that Python has not."""
    code = {1: "b", 2: "h", 4: "i", 8: "q"}.get(basic.size)
    if code is None or len(data) % basic.size:
        return None
    numbers: memoryview = memoryview(data).cast(code if basic.signed else code.upper())  # type: ignore[call-overload]
    return numbers


def _is_number(basic: CType, out: Formatter, letter: str) -> TypeGuard[IntType]:
    """Tell whether a part of a value is a number as such: no character, no format, no printer."""
    return type(basic) is IntType and not letter and not out.asks


def _pieced_elements(
    out: Formatter, value: Value, ctype: ArrayType, letter: str, depth: int
) -> str:
    """Return the elements of an array that is partly gone."""
    parts: list[str] = []
    texts = [
        out.inner(value.element(index), letter, depth + 1)
        for index in range(min(ctype.count, out.options.limit))
    ]
    for text, group in groupby(texts):
        count = len(list(group))
        if count > out.options.threshold:
            parts.append(f"{text} <repeats {count} times>")
        else:
            parts += [text] * count
    return ", ".join(parts)


def struct_text(out: Formatter, value: Value, ctype: StructType, letter: str, depth: int) -> str:
    """Return a struct, union or class with its bases and members."""
    if ctype.incomplete:
        return "<incomplete type>"
    if out.too_deep(depth):
        return "{...}"
    if ctype.keyword == "union" and depth and not out.options.union:
        return "{...}"
    parts = ["{"]
    try:
        parts += _parts(out, value, ctype, letter, depth)
    except Unfinished as error:
        return "".join(parts) + error_text(error)
    return "".join(parts) + "}"


def _parts(
    out: Formatter, value: Value, ctype: StructType, letter: str, depth: int
) -> Iterator[str]:
    pretty = out.options.pretty and not out.options.flat
    fields = list(ctype.fields)
    bases = [field for field in fields if field.kind in ("base", "virtual")]
    own = [field for field in fields if field.kind not in ("base", "virtual")]
    inside = "\n" + "  " * (depth + 1) if pretty else ""
    for base in bases:
        if base.kind == "virtual":
            if base.name in out.virtual_bases:
                continue  # As in gdb each is shown where it is met first.
            out.virtual_bases.add(base.name)
        yield f"{inside}<{base.name}> = "
        yield f"{_base(out, value, base, letter, depth)}, "
    if not own:
        yield "<No data fields>"
        return
    seen = False
    for field in own:
        if field.kind == "static" and not out.options.static_members:
            continue
        if seen:
            yield "," if pretty else ", "
        elif bases and pretty:
            yield f"{inside}members of {ctype.name}:"
        seen = True
        static = "static " if field.kind == "static" else ""
        name = f"{static}{field.name} = " if field.name else static
        yield f"{inside}{name}"
        yield _member(out, value, field, letter, depth)
    if pretty:
        yield "\n" + "  " * depth


def _base(out: Formatter, value: Value, base: Field, letter: str, depth: int) -> str:
    try:
        part = value.base_part(base)
        inner = strip(base.type)
        assert isinstance(inner, StructType)
        if out.too_deep(depth + 1):
            return "{...}"
        printed = out.printed(part, letter, depth + 1)
        if printed is not None:
            return printed
        if inner.incomplete:
            return "{<No data fields>}"
        return struct_text(out, part, inner, letter, depth + 1)
    except Unfinished:
        raise
    except DebuggerError:
        return "<invalid address>"


def _member(out: Formatter, value: Value, field: Field, letter: str, depth: int) -> str:
    try:
        if field.kind == "static":
            found = out.static_member(field)
            if found is None:
                return "<optimized out>"
            return out.inner(found, letter, depth + 1)
        basic = strip(field.type)
        if _is_number(basic, out, letter) and not field.bit_size and type(value) is Value:
            data = value.known_bytes(field.offset, basic.size)
            if data is not None:
                return str(int.from_bytes(data, "little", signed=basic.signed))
        part = value.part(field.type, field.offset, field.bit_offset, field.bit_size)
        if field.artificial and isinstance(basic, PointerType):
            # The pointer to the table of virtual functions, whatever type and format say.
            return out.code_address(int(part))
        return out.inner(part, letter, depth + 1)
    except (MemoryFault, Unfinished):
        raise
    except DebuggerError as error:
        return error_text(error)


def complex_text(out: Formatter, value: Value, letter: str) -> str:
    """Return a complex number: ``1 + 2i``."""
    ctype = strip(value.type)
    assert isinstance(ctype, ComplexType)
    element = ctype.element
    real, imaginary = value.part(element, 0), value.part(element, element.size)
    return f"{out.inner(real, letter)} + {out.inner(imaginary, letter)}i"
