"""Convenience functions that need nothing but values and memory."""

from __future__ import annotations

from collections.abc import Callable

from pydbg.errors import ExprError, MemoryFault
from pydbg.expr import complexes
from pydbg.expr.context import Context, InternalFunction
from pydbg.expr.types import ArrayType, EnumType, PointerType, data_model, strip
from pydbg.expr.values import Value, from_number, is_integral

__all__ = ["BUILTIN", "c_string", "read_string"]

_PAGE = 4096
# What a string that never ends may cost.
_MAX_STRING = 1 << 20


def read_string(value: Value, ctx: Context, limit: int = _MAX_STRING) -> bytes:
    """Return the characters of a string value: an array, or what a pointer points to.

    A number is an address, as the arguments of system calls and registers are numbers (gdb
    wants a cast there).

    >>> from pydbg.expr.context import BaseContext
    >>> from pydbg.expr.types import LP64
    >>> read_string(Value(LP64.array(LP64.char, 4), b"ab\\0c"), BaseContext())
    b'ab'
    """
    ctype = strip(value.type)
    if isinstance(ctype, ArrayType):
        return value.data.split(b"\0")[0]
    if not isinstance(ctype, PointerType) and not is_integral(ctype):
        raise ExprError(f"Trying to read string with inappropriate type `{value.type}'.")
    return c_string(int(value), ctx.read, limit)


def c_string(addr: int, read: Callable[[int, int], bytes], limit: int = _MAX_STRING) -> bytes:
    """Return the bytes at an address up to a null, read page by page."""
    found = bytearray()
    while len(found) < limit:
        here = addr + len(found)
        size = min(_PAGE - here % _PAGE, limit - len(found))
        try:
            piece = read(here, size)
        except MemoryFault as fault:
            # The page may end early (a file's last page): go on by bytes.
            if fault.addr <= here:
                raise
            piece = read(here, fault.addr - here)
        end = piece.find(b"\0")
        if end >= 0:
            return bytes(found + piece[:end])
        found += piece
    return bytes(found)


def _arguments(name: str, args: list[Value], count: int) -> list[Value]:
    if len(args) != count:
        raise ExprError(f"You must provide {count} argument{'s' * (count != 1)} to ${name}.")
    return args


def _int(number: int, ctx: Context) -> Value:
    return from_number(data_model(ctx.pointer_size).int, number)


def _streq(args: list[Value], ctx: Context) -> Value:
    first, second = _arguments("_streq", args, 2)
    return _int(int(read_string(first, ctx) == read_string(second, ctx)), ctx)


def _strlen(args: list[Value], ctx: Context) -> Value:
    (value,) = _arguments("_strlen", args, 1)
    return _int(len(read_string(value, ctx)), ctx)


def _regex(args: list[Value], ctx: Context) -> Value:
    import re

    value, pattern = _arguments("_regex", args, 2)
    try:
        compiled = re.compile(read_string(pattern, ctx))
    except re.error as error:
        raise ExprError(f"Invalid regular expression: {error}") from None
    return _int(int(compiled.match(read_string(value, ctx)) is not None), ctx)


def _memeq(args: list[Value], ctx: Context) -> Value:
    first, second, length = _arguments("_memeq", args, 3)
    size = int(length)
    if not 0 <= size <= _MAX_STRING:
        raise ExprError("Invalid memory length in $_memeq.")
    return _int(int(_memory(first, size, ctx) == _memory(second, size, ctx)), ctx)


def _memory(value: Value, size: int, ctx: Context) -> bytes:
    if isinstance(strip(value.type), ArrayType) and value.addr is None:
        return value.data[:size]
    return ctx.read(int(value), size) if size else b""


def _isvoid(args: list[Value], ctx: Context) -> Value:
    if len(args) != 1:
        raise ExprError("You must provide one argument for $_isvoid.")
    return _int(int(args[0].is_void), ctx)


def _as_string(args: list[Value], ctx: Context) -> Value:
    (value,) = _arguments("_as_string", args, 1)
    ctype = strip(value.type)
    shown = str(int(value))
    if isinstance(ctype, EnumType):
        shown = next((name for name, number in ctype.values if number == int(value)), shown)
    data = shown.encode() + b"\0"
    model = data_model(ctx.pointer_size)
    return Value(model.array(model.char, len(data)), data)


BUILTIN: dict[str, InternalFunction] = {
    "_streq": _streq,
    "_strlen": _strlen,
    "_regex": _regex,
    "_memeq": _memeq,
    "_isvoid": _isvoid,
    "_as_string": _as_string,
    **complexes.FUNCTIONS,
}
