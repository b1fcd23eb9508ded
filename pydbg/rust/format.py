"""Values as Rust shows them (gdb's rust-lang.c)."""

from __future__ import annotations

from pydbg.errors import ExprError
from pydbg.expr.aggregates import elements_text
from pydbg.expr.format import Formatter
from pydbg.expr.formats import narrow_char
from pydbg.expr.strings import sized_string, string_text
from pydbg.expr.types import ArrayType, CharType, CType, PointerType, StructType, strip
from pydbg.expr.values import Value
from pydbg.records import replace
from pydbg.rust import typeprint
from pydbg.rust.kinds import (
    ByteString,
    active,
    is_char,
    is_slice,
    is_str,
    is_tuple,
    is_tuple_struct,
    is_u8,
    members,
    slice_parts,
)

__all__ = ["RustFormatter"]

_MAX_DEPTH = 30
_MAX_TEXT = 1 << 20
_NAMED = {0: "\\0", 9: "\\t", 10: "\\n", 13: "\\r", 0x27: "\\'", 0x5C: "\\\\"}


class RustFormatter(Formatter):
    """Print values as Rust writes them."""

    void = "()"
    brackets = "[]"

    def top(self, value: Value, letter: str = "") -> str:
        """Return a value's text with a pointer's type before it, as ``print`` does."""
        if isinstance(strip(value.type), PointerType) and letter in ("", "s"):
            return f"({self.spell(value.type)}) {self.inner(value, letter, deref=True)}"
        return super().top(value, letter)

    def spell(self, ctype: CType) -> str:
        """Return the name of a type."""
        return typeprint.spell(ctype)

    def _scalar(self, value: Value, ctype: CType) -> str:
        if isinstance(ctype, CharType):
            if is_char(ctype):
                number = int(value)
                return f"{number} '{_char(number)}'"
            if ctype.prefix == "" and ctype.name in ("i8", "u8"):
                return str(int(value))
        return super()._scalar(value, ctype)

    def _by_letter(self, value: Value, letter: str) -> str:
        if letter == "c":
            narrow = narrow_char(value)
            return super()._scalar(narrow, strip(narrow.type))
        return super()._by_letter(value, letter)

    def _pointer(self, value: Value, ctype: PointerType) -> str:
        target = strip(ctype.target)
        addr = int(value)
        text = self._pointer_text(addr, target)
        if isinstance(target, ArrayType) and is_u8(target.element):
            shown = self._text_at(addr, target.count, "ascii")
            return f"{text} b{shown}" if text else f"b{shown}"
        return text

    def _text_at(self, addr: int, length: int, charset: str) -> str:
        read = self.read
        options = replace(self.options, charset=charset)
        if read is None:
            raise ExprError("Cannot read memory through this value.")
        return sized_string(addr, min(length, _MAX_TEXT), options, read)

    def _array(self, value: Value, ctype: ArrayType, letter: str, depth: int) -> str:
        if isinstance(ctype, ByteString):
            options = replace(self.options, charset="ascii")
            return "b" + string_text(value.data, options)
        if not ctype.count:
            return "[]"
        if not ctype.element.size and value.addr is not None:
            # As gdb has it, of elements without a size there is only a place to show.
            return self._pointer_text(value.addr, strip(ctype.element))
        return elements_text(self, value, ctype, letter, depth)

    def _struct(self, value: Value, ctype: StructType, letter: str, depth: int) -> str:
        if depth > _MAX_DEPTH:
            return "{...}"
        if ctype.variant_part is not None:
            return self._enum_text(value, ctype, letter, depth)
        if is_slice(ctype):
            return self._slice(value, ctype, letter, depth)
        if is_tuple(ctype):
            return "(" + self._members(value, ctype, letter, depth, True) + ")"
        bare = is_tuple_struct(ctype)
        if not ctype.fields:
            return ctype.name
        left, right = ("(", ")") if bare else ("{", "}")
        name = f"{ctype.name} " if ctype.name else ""
        return name + left + self._members(value, ctype, letter, depth, bare) + right

    def _members(self, value: Value, ctype: StructType, letter: str, depth: int, bare: bool) -> str:
        pretty = self.options.pretty
        inside = "\n" + "  " * (depth + 1) if pretty else ""
        parts = []
        for field in members(ctype):
            part = value.part(field.type, field.offset, field.bit_offset, field.bit_size)
            text = self.inner(part, letter, depth + 1)
            parts.append(inside + (text if bare else f"{field.name}: {text}"))
        return ("," if pretty else ", ").join(parts) + ("\n" + "  " * depth if pretty else "")

    def _slice(self, value: Value, ctype: StructType, letter: str, depth: int) -> str:
        known: bytes | None = getattr(value, "text", None)
        if known is not None:
            return string_text(known, self.options)
        try:
            pointer, addr, length = slice_parts(value)
        except ExprError as error:  # A part was optimized out.
            name = "" if is_str(ctype) else f"{ctype.name} "
            return f"{name}<error reading variable: {error}>"
        if is_str(ctype):
            return self._text_at(addr, length, "utf-8")
        if pointer is None or self.read is None:
            return "{" + self._members(value, ctype, letter, depth, False) + "}"
        element = pointer.target
        array = ArrayType("", element.size * length, element, length)
        held = Value.at(array, addr, self.read)
        return f"{ctype.name} {self._array(held, array, letter, depth)}"

    def _enum_text(self, value: Value, ctype: StructType, letter: str, depth: int) -> str:
        part = ctype.variant_part
        assert part is not None
        if not part.variants:
            return f"{ctype.name} {{<No data fields>}}"
        held = active(value, ctype)
        inner = strip(held.type)
        if not isinstance(inner, StructType):
            return self.inner(held, letter, depth)
        fields = members(inner)
        if not fields:
            return inner.name
        bare = is_tuple_struct(inner)
        texts = []
        for field in fields:
            one = held.part(field.type, field.offset, field.bit_offset, field.bit_size)
            text = self.inner(one, letter, depth + 1)
            texts.append(text if bare else f"{field.name}: {text}")
        left, right = ("(", ")") if bare else ("{", "}")
        return inner.name + left + ", ".join(texts) + right


def _char(code: int) -> str:
    if code in _NAMED:
        return _NAMED[code]
    if 32 <= code < 127:
        return chr(code)
    return f"\\x{code:02x}" if code <= 255 else f"\\u{{{code:06x}}}"
