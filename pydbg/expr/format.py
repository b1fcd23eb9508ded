"""Values to gdb's text: ``print`` with and without a format letter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from pydbg.errors import DebuggerError, ExprError
from pydbg.expr import floats
from pydbg.expr.aggregates import complex_text, elements_text, struct_text
from pydbg.expr.formats import narrow_char, scalar_by_letter
from pydbg.expr.pretty import error_text, printed_text
from pydbg.expr.strings import PrintOptions, char_text, pointer_string, string_text
from pydbg.expr.types import (
    ArrayType,
    BoolType,
    CharType,
    ComplexType,
    CType,
    EnumType,
    Field,
    FlagsType,
    FloatType,
    FunctionType,
    InternalFunctionType,
    IntType,
    MemberPointerType,
    NoDebugType,
    PointerType,
    ReferenceType,
    StructType,
    VoidType,
    spell,
    strip,
    unqualified,
)
from pydbg.expr.values import Value, from_number

if TYPE_CHECKING:
    from pydbg.printers.model import Printed

__all__ = ["Formatter", "PrintOptions", "format_value"]

Symbolize = Callable[[int], str | None]
Read = Callable[[int, int], bytes]

_UNSEEN = ("optimized out", "synthetic pointer")
_SIMPLE = frozenset((IntType, CharType, BoolType, FloatType, EnumType, FlagsType))
_TOLD_BY_QUOTES = ("char", "wchar_t", "char16_t", "char32_t")
"""Pointers to these stand without their type before them, also where it is a typedef's name."""
_TOO_WIDE = "That operation is not available on integers of more than 8 bytes."


def format_value(
    value: Value,
    letter: str = "",
    *,
    options: PrintOptions | None = None,
    symbolize: Symbolize | None = None,
    read: Read | None = None,
    pointer_size: int = 8,
    formatter: type[Formatter] | None = None,
) -> str:
    """Return the text that ``print/LETTER`` shows behind ``$1 = ``.

    ``symbolize`` gives ``<main+4>`` for an address or None; ``read`` reads the strings
    that pointers point to (by default the value's own way to memory is used); ``formatter`` is
    a language's.

    >>> from pydbg.expr.types import LP64
    >>> from pydbg.expr.values import from_number
    >>> format_value(from_number(LP64.char, 97)), format_value(from_number(LP64.int, -1), "x")
    ("97 'a'", '0xffffffff')
    """
    made = (formatter or Formatter)(options or PrintOptions(), symbolize, read, pointer_size)
    return made.top(value, letter)


class Formatter:
    """Print values with one set of options, one way to symbols and one to memory."""

    void = "void"
    """The value of what has none."""
    brackets = "{}"
    """What is around an array's elements."""

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
        self.pointer_size = pointer_size
        self._mask = (1 << (8 * pointer_size)) - 1
        self.symbolize = symbolize
        self.read = read
        self.virtual_bases: set[str] = set()
        """Which virtual bases of the object at hand have been shown."""
        self.statics: Callable[[Field], Value | None] | None = None
        """Finds the value of a static member."""
        self.printers: Callable[[Value, Callable[[Value], str]], Printed | None] | None = None
        """Finds how a printer shows a value, None where there is none for it."""

        self.asks = False
        """Whether printers may show numbers: the user's may."""
        self.whole: Callable[[Value], Value | None] | None = None
        """Finds what an object really is, by its virtual functions (``print object``)."""

    def like(self, options: PrintOptions | None = None) -> Self:
        """Return another one that prints in the same way, or with other options."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        if options is not None:
            made.options = options
        return made

    @contextmanager
    def using(self, options: PrintOptions) -> Iterator[None]:
        """Print with other options for a while."""
        kept, self.options = self.options, options
        try:
            yield
        finally:
            self.options = kept

    def too_deep(self, depth: int) -> bool:
        """Tell whether what has members is no more shown at that depth."""
        most = self.options.max_depth
        return most is not None and depth >= most

    def printed(self, value: Value, letter: str, depth: int, *, deref: bool = False) -> str | None:
        """Return the text of a value that has a printer, else None."""
        if self.printers is None or self.options.raw:
            return None
        try:
            found = self.printers(value, lambda part: self.inner(part, letter, depth + 1))
        except DebuggerError as error:
            return error_text(error)
        return None if found is None else printed_text(self, found, letter, depth, deref)

    def top(self, value: Value, letter: str = "") -> str:
        """Return a value's text with a pointer's type before it, as ``print`` does."""
        ctype = strip(value.type)
        if value.is_gone and not getattr(value, "known", 0) and not getattr(value, "synthetic", 0):
            return "<optimized out>"
        printed = self.printed(value, letter, 0, deref=True)
        if printed is not None:
            return printed
        # Of a pointer only the number has a format.
        typed = letter in ("", "s") or _is_object(ctype)
        whole = self.whole(value) if self.whole is not None and typed else None
        if whole is not None:
            value, ctype = whole, strip(whole.type)
            if isinstance(ctype, StructType):
                return f"({ctype.name}) {self.inner(value, letter, deref=True)}"
        if isinstance(ctype, (PointerType, ReferenceType)) and typed:
            own = unqualified(value.type)
            if isinstance(own, PointerType) and unqualified(own.target).name in _TOLD_BY_QUOTES:
                return self.inner(value, letter)
            return f"({self.spell(value.type)}) {self.inner(value, letter, deref=True)}"
        return self.inner(value, letter, deref=True)

    def inner(self, value: Value, letter: str = "", depth: int = 0, *, deref: bool = False) -> str:
        """Return a value's text as it stands inside arrays and structs.

        With ``deref`` what a reference refers to is shown too, as for variables.
        """
        ctype = strip(value.type)
        lvalue = value.lvalue
        if lvalue is not None and lvalue.kind in _UNSEEN:
            return f"<{lvalue.kind}>"
        kind = type(ctype)
        if kind in _SIMPLE and not letter and not self.asks:  # No printer is for those.
            return str(int(value)) if kind is IntType else self._scalar(value, ctype)
        if kind is type(value.type) is PointerType and letter in ("", "s") and not self.asks:
            return self._scalar(value, ctype)
        printed = self.printed(value, letter, depth, deref=deref)
        if printed is not None:
            return printed
        if isinstance(ctype, ReferenceType):
            return self._reference(value, letter, depth, deref)
        if isinstance(ctype, ComplexType):
            return complex_text(self, value, letter)
        if isinstance(ctype, MemberPointerType):
            nested_method = depth and isinstance(strip(ctype.target), FunctionType)
            return self._member_pointer(value, ctype, "" if nested_method else letter)
        if isinstance(ctype, VoidType):
            return self.void
        if isinstance(ctype, InternalFunctionType):
            return f"<internal function {ctype.name}>"
        if isinstance(ctype, NoDebugType):
            return ctype.name
        if isinstance(ctype, (ArrayType, StructType)):
            _fetch(value)
            if isinstance(ctype, ArrayType):
                return self._array(value, ctype, letter, depth)
            return self._struct(value, ctype, letter, depth)
        if letter == "s":
            is_number = _is_byte(ctype) and not isinstance(ctype, (CharType, EnumType))
            letter = "c" if is_number else ""
        if isinstance(ctype, FunctionType):
            return self._function(value, letter)
        if letter:
            return self._by_letter(value, letter)
        return self._scalar(value, ctype)

    def is_scalar(self, ctype: CType) -> bool:
        """Tell whether a frame's line shows such an argument (val_print_scalar_type_p)."""
        inner = strip(ctype)
        while isinstance(inner, ReferenceType):
            inner = strip(inner.target)
        return not isinstance(inner, (ArrayType, StructType))

    def spell(self, ctype: CType) -> str:
        """Return the name of a type as the language has it."""
        return spell(ctype)

    def static_member(self, field: Field) -> Value | None:
        """Return the value of a static member, None where nothing tells where it is."""
        return self.statics(field) if self.statics is not None else None

    def code_address(self, addr: int) -> str:
        """Return an address of code as a function pointer shows it."""
        return self._pointed(addr)

    def _reference(self, value: Value, letter: str, depth: int, deref: bool) -> str:
        text = f"@{int.from_bytes(value.data, 'little'):#x}" if self.options.address else ""
        if not deref:
            return text
        inner = self.inner(value.referred(), letter, depth, deref=deref)
        return f"{text}: {inner}" if text else inner

    def _member_pointer(self, value: Value, ctype: MemberPointerType, letter: str) -> str:
        if letter in ("", "s"):
            from pydbg.expr.memberpointers import member_pointer_text

            return member_pointer_text(self, value, ctype)
        return self._by_letter(Value(IntType("long", ctype.size), value.data), letter)

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
            return f"{number} {char_text(number, ctype, ctype.prefix)}"
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
        text = self._pointer_text(addr, target)
        if isinstance(target, CharType) and addr:
            read = self.read or value.reader
            if read is not None:
                shown, _ = pointer_string(
                    addr, self.options, read, width=target.size, prefix=target.prefix
                )
                return f"{text} {shown}" if text else shown
        return text

    def _pointer_text(self, addr: int, target: CType) -> str:
        symbol = self.options.symbol or isinstance(target, FunctionType)
        text = self._pointed(addr) if symbol else f"{addr:#x}"
        return text if self.options.address else text.partition(" ")[2]

    def _function(self, value: Value, letter: str) -> str:
        if letter in ("a", "c"):
            raise ExprError("Value can't be converted to integer.")
        if letter:
            byte = Value(CharType("char", 1), value.data[:1])
            return self._by_letter(byte, letter)
        # One that is in a register is at address 0 for gdb.
        return f"{{{self.spell(strip(value.type))}}} {self._pointed(value.addr or 0)}"

    # -- aggregates

    def _struct(self, value: Value, ctype: StructType, letter: str, depth: int) -> str:
        kept, self.virtual_bases = self.virtual_bases, set()
        try:
            return struct_text(self, value, ctype, letter, depth)
        finally:
            self.virtual_bases = kept

    def _array(self, value: Value, ctype: ArrayType, letter: str, depth: int) -> str:
        element = strip(ctype.element)
        if not ctype.count and value.addr is not None:
            # gdb takes one without a length for a pointer to its first element.
            pointer = PointerType("", (self._mask.bit_length() + 7) // 8, ctype.element)
            made = from_number(pointer, value.addr, value.reader)
            return self._pointer(made, pointer)
        textual = isinstance(element, CharType) or (letter == "s" and _is_byte(element))
        if textual and letter in ("", "s") and not ctype.vector and not value.is_gone:
            prefix = element.prefix if isinstance(element, CharType) else ""
            data = value.data
            if self.options.null_stop:
                data = _to_null(data, element.size)
            return string_text(data, self.options, width=element.size, prefix=prefix)
        # A text is no level, in whatever format (valprint.c, val_print_scalar_or_string).
        if self.too_deep(depth) and not isinstance(element, CharType):
            return "{...}"
        if letter == "s" and not isinstance(element, (ArrayType, StructType)):
            letter = ""
        return elements_text(self, value, ctype, letter, depth)


def _fetch(value: Value) -> None:
    """Read an aggregate at once; where that fails its parts say which of them cannot be read."""
    if value.lazy:
        try:
            value.data  # noqa: B018 - fetched
        except DebuggerError:
            return


def _is_object(ctype: CType) -> bool:
    """Tell whether a type is a struct or a reference to one."""
    inner = strip(ctype.target) if isinstance(ctype, ReferenceType) else ctype
    return isinstance(inner, StructType)


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
    if not ctype.flags:
        return str(number)
    parts: list[str] = []
    rest = number
    for name, known in ctype.values:
        if rest & known:
            parts.append(name)
            rest &= ~known
    if rest:
        parts.append(f"unknown: {rest:#x}")
    return f"({' | '.join(parts)})" if parts else "0"
