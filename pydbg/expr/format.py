"""Values to gdb's text: ``print`` with and without a format letter."""

from __future__ import annotations

from collections.abc import Callable

from pydbg.errors import DebuggerError, ExprError, MemoryFault
from pydbg.expr import floats
from pydbg.expr.formats import narrow_char, scalar_by_letter
from pydbg.expr.strings import PrintOptions, char_text, pointer_string, string_text
from pydbg.expr.types import (
    ArrayType,
    BoolType,
    CharType,
    CType,
    EnumType,
    FlagsType,
    FloatType,
    FunctionType,
    InternalFunctionType,
    IntType,
    NoDebugType,
    PointerType,
    StructType,
    VoidType,
    strip,
)
from pydbg.expr.values import Value

__all__ = ["Formatter", "PrintOptions", "format_value"]

Symbolize = Callable[[int], str | None]
Read = Callable[[int, int], bytes]

_TOO_WIDE = "That operation is not available on integers of more than 8 bytes."


def format_value(
    value: Value,
    letter: str = "",
    *,
    options: PrintOptions | None = None,
    symbolize: Symbolize | None = None,
    read: Read | None = None,
    pointer_size: int = 8,
) -> str:
    """Return the text that ``print/LETTER`` shows behind ``$1 = ``.

    ``symbolize`` gives ``<main+4>`` for an address or None; ``read`` reads the strings
    that pointers point to (by default the value's own way to memory is used).

    >>> from pydbg.expr.types import LP64
    >>> from pydbg.expr.values import from_number
    >>> format_value(from_number(LP64.char, 97)), format_value(from_number(LP64.int, -1), "x")
    ("97 'a'", '0xffffffff')
    """
    return Formatter(options or PrintOptions(), symbolize, read, pointer_size).top(value, letter)


class Formatter:
    """Print values with one set of options, one way to symbols and one to memory."""

    def __init__(
        self,
        options: PrintOptions,
        symbolize: Symbolize | None = None,
        read: Read | None = None,
        pointer_size: int = 8,
        pretty_symbol: Symbolize | None = None,
    ) -> None:
        """Keep the ways to symbols: by the linker's name, and demangled as pointers show it."""
        self.options = options
        self._pretty_symbol = pretty_symbol or symbolize
        self._mask = (1 << (8 * pointer_size)) - 1
        self.symbolize = symbolize
        self.read = read

    def top(self, value: Value, letter: str = "") -> str:
        """Return a value's text with a pointer's type before it, as ``print`` does."""
        ctype = strip(value.type)
        if isinstance(ctype, PointerType) and letter in ("", "s"):
            target = strip(ctype.target)
            if isinstance(target, CharType) and target.name == "char":
                return self.inner(value, letter)
            return f"({value.type}) {self.inner(value, letter)}"
        return self.inner(value, letter)

    def inner(self, value: Value, letter: str = "", depth: int = 0) -> str:
        """Return a value's text as it stands inside arrays and structs."""
        ctype = strip(value.type)
        if isinstance(ctype, VoidType):
            return "void"
        if isinstance(ctype, InternalFunctionType):
            return f"<internal function {ctype.name}>"
        if isinstance(ctype, NoDebugType):
            return ctype.name
        if isinstance(ctype, ArrayType):
            return self._array(value, ctype, letter, depth)
        if isinstance(ctype, StructType):
            return self._struct(value, ctype, letter, depth)
        if letter == "s":
            letter = "c" if _is_byte(ctype) and not isinstance(ctype, CharType) else ""
        if isinstance(ctype, FunctionType):
            return self._function(value, letter)
        if letter:
            return self._by_letter(value, letter)
        return self._scalar(value, ctype)

    def address(self, addr: int) -> str:
        """Return an address with its symbol: ``0x40111a <main+4>``."""
        text = f"{addr:#x}"
        symbol = self.symbolize(addr) if self.symbolize is not None else None
        return f"{text} {symbol}" if symbol else text

    def _pointed(self, addr: int) -> str:
        symbol = self._pretty_symbol(addr) if self._pretty_symbol is not None else None
        return f"{addr:#x} {symbol}" if symbol else f"{addr:#x}"

    # -- scalars

    def _by_letter(self, value: Value, letter: str) -> str:
        if letter == "a":
            if strip(value.type).size > 8 and isinstance(strip(value.type), IntType):
                raise ExprError(_TOO_WIDE)
            return self.address(int(value) & self._mask)
        if letter == "c":
            narrow = narrow_char(value)
            return self._scalar(narrow, strip(narrow.type))
        return scalar_by_letter(value, letter)

    def _scalar(self, value: Value, ctype: CType) -> str:
        if isinstance(ctype, CharType):
            number = int(value)
            return f"{number} {char_text(number, ctype, self.options, ctype.prefix)}"
        if isinstance(ctype, BoolType):
            number = int(value)
            return ("false", "true")[number] if number < 2 else str(number)
        if isinstance(ctype, FlagsType):
            number = int(value)
            names = [name for name, bit in ctype.bits if name and number >> bit & 1]
            return " ".join(["[", *names, "]"])
        if isinstance(ctype, EnumType):
            return _enum(int(value), ctype)
        if isinstance(ctype, IntType):
            return str(int(value))
        if isinstance(ctype, FloatType):
            return floats.text(ctype.format, value.data)
        if isinstance(ctype, PointerType):
            return self._pointer(value, ctype)
        raise ExprError(f"Cannot print a value of type {value.type}.")

    def _pointer(self, value: Value, ctype: PointerType) -> str:
        addr = int(value)
        target = strip(ctype.target)
        text = self._pointed(addr) if self.options.symbol else f"{addr:#x}"
        if not self.options.address:
            text = text.partition(" ")[2]
        if isinstance(target, CharType) and addr:
            read = self.read or value.reader
            if read is not None:
                shown, _ = pointer_string(
                    addr, self.options, read, width=target.size, prefix=target.prefix
                )
                return f"{text} {shown}" if text else shown
        return text

    def _function(self, value: Value, letter: str) -> str:
        if letter in ("a", "c"):
            raise ExprError("Value can't be converted to integer.")
        if letter:
            byte = Value(CharType("char", 1), value.data[:1])
            return self._by_letter(byte, letter)
        return f"{{{value.type}}} {self._pointed(int(value))}"

    # -- aggregates

    def _array(self, value: Value, ctype: ArrayType, letter: str, depth: int) -> str:
        element = strip(ctype.element)
        textual = isinstance(element, CharType) or (letter == "s" and _is_byte(element))
        if textual and letter in ("", "s") and not ctype.vector:
            prefix = element.prefix if isinstance(element, CharType) else ""
            data = value.data
            if self.options.null_stop:
                data = _to_null(data, element.size)
            return string_text(data, self.options, width=element.size, prefix=prefix)
        if letter == "s" and not isinstance(element, (ArrayType, StructType)):
            letter = ""
        return "{" + self._elements(value, ctype, letter, depth) + "}"

    def _elements(self, value: Value, ctype: ArrayType, letter: str, depth: int) -> str:
        parts: list[str] = []
        data = value.data
        size = ctype.element.size
        index = printed = 0
        limit, threshold = self.options.limit, self.options.threshold
        while index < ctype.count and printed < limit:
            piece = data[index * size : (index + 1) * size]
            run = index + 1
            while run < ctype.count and size and data[run * size : (run + 1) * size] == piece:
                run += 1
            if isinstance(strip(ctype.element), FunctionType):
                run = index + 1
            text = self.inner(value.element(index), letter, depth + 1)
            if run - index > threshold:
                parts.append(f"{text} <repeats {run - index} times>")
                index = run
                printed += threshold
            else:
                parts.append(text)
                index += 1
                printed += 1
        shown = ", ".join(parts)
        return shown + "..." if index < ctype.count else shown

    def _struct(self, value: Value, ctype: StructType, letter: str, depth: int) -> str:
        if depth > 20:
            return "{...}"
        parts: list[str] = []
        for field in ctype.fields:
            part = value.part(field.type, field.offset, field.bit_offset, field.bit_size)
            try:
                text = self.inner(part, letter, depth + 1)
            except MemoryFault:
                raise
            except DebuggerError as error:
                text = f"<error reading variable: {error}>"
            parts.append(f"{field.name} = {text}" if field.name else text)
        if not parts:
            return "{<No data fields>}"
        if not self.options.pretty:
            return "{" + ", ".join(parts) + "}"
        inside = "  " * (depth + 1)
        return "{\n" + ",\n".join(inside + part for part in parts) + "\n" + "  " * depth + "}"


def _is_byte(ctype: CType) -> bool:
    return isinstance(ctype, IntType) and ctype.size == 1 and not isinstance(ctype, BoolType)


def _to_null(data: bytes, width: int) -> bytes:
    for at in range(0, len(data) - width + 1, width):
        if not any(data[at : at + width]):
            return data[:at]
    return data


def _enum(number: int, ctype: EnumType) -> str:
    for name, known in ctype.values:
        if known == number:
            return name
    if not ctype.flags or number == 0:
        return str(number)
    parts = [name for name, known in ctype.values if known and number & known == known]
    rest = number
    for name, known in ctype.values:
        if name in parts:
            rest &= ~known
    if not parts:
        return f"(unknown: {number:#x})"
    if rest:
        parts.append(f"unknown: {rest:#x}")
    return "(" + " | ".join(parts) + ")"
