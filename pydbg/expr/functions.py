"""Convenience functions that need nothing but values and memory."""

from __future__ import annotations

from collections.abc import Callable

from pydbg.errors import ExprError, MemoryFault
from pydbg.expr import complexes
from pydbg.expr.context import Context, InternalFunction
from pydbg.expr.types import ArrayType, EnumType, PointerType, data_model, strip
from pydbg.expr.values import Value, from_number, is_integral

__all__ = ["BUILTIN", "c_string", "int_value", "read_string", "text_value"]

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


def int_value(number: int, ctx: Context) -> Value:
    """Return an ``int`` of the program."""
    return from_number(data_model(ctx.pointer_size).int, number)


def _streq(args: list[Value], ctx: Context) -> Value:
    first, second = _arguments("_streq", args, 2)
    return int_value(int(read_string(first, ctx) == read_string(second, ctx)), ctx)


def _strlen(args: list[Value], ctx: Context) -> Value:
    (value,) = _arguments("_strlen", args, 1)
    return int_value(len(read_string(value, ctx)), ctx)


def _regex(args: list[Value], ctx: Context) -> Value:
    import re

    value, pattern = _arguments("_regex", args, 2)
    try:
        compiled = re.compile(read_string(pattern, ctx))
    except re.error as error:
        raise ExprError(f"Invalid regular expression: {error}") from None
    return int_value(int(compiled.match(read_string(value, ctx)) is not None), ctx)


def _memeq(args: list[Value], ctx: Context) -> Value:
    first, second, length = _arguments("_memeq", args, 3)
    size = int(length)
    if not 0 <= size <= _MAX_STRING:
        raise ExprError("Invalid memory length in $_memeq.")
    return int_value(int(_memory(first, size, ctx) == _memory(second, size, ctx)), ctx)


def _memory(value: Value, size: int, ctx: Context) -> bytes:
    if isinstance(strip(value.type), ArrayType) and value.addr is None:
        return value.data[:size]
    return ctx.read(int(value), size) if size else b""


def _isvoid(args: list[Value], ctx: Context) -> Value:
    if len(args) != 1:
        raise ExprError("You must provide one argument for $_isvoid.")
    return int_value(int(args[0].is_void), ctx)


def text_value(text: str, ctx: Context) -> Value:
    """Return a text as an array of characters.

    >>> from pydbg.expr.context import BaseContext
    >>> str(text_value("ab", BaseContext()).type)
    'char [3]'
    """
    data = text.encode("utf-8", "surrogateescape") + b"\0"
    model = data_model(ctx.pointer_size)
    return Value(model.array(model.char, len(data)), data)


def _as_string(args: list[Value], ctx: Context) -> Value:
    (value,) = _arguments("_as_string", args, 1)
    ctype = strip(value.type)
    shown = str(int(value))
    if isinstance(ctype, EnumType):
        shown = next((name for name, number in ctype.values if number == int(value)), shown)
    return text_value(shown, ctx)


BUILTIN: dict[str, InternalFunction] = {
    "_streq": _streq,
    "_strlen": _strlen,
    "_regex": _regex,
    "_memeq": _memeq,
    "_isvoid": _isvoid,
    "_as_string": _as_string,
    **complexes.FUNCTIONS,
}
