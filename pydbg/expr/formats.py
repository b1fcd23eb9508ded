"""The letters behind the slash: ``/8xg``, and one scalar printed by a letter."""

from __future__ import annotations

from pydbg.errors import ExprError, UsageError
from pydbg.expr import floats
from pydbg.expr.types import BoolType, CharType, FloatType, IntType, PointerType, strip
from pydbg.expr.values import Value
from pydbg.records import Record

__all__ = ["Format", "parse_format", "print_format", "scalar_by_letter"]

_TOO_WIDE = "That operation is not available on integers of more than 8 bytes."


class Format(Record, often=True):
    """Be a count, a letter and a size letter; size "" means the value's own or a string."""

    count: int = 1
    letter: str = ""
    size: str = ""
    raw: bool = False


def parse_format(text: str, letter: str = "x", size: str = "w") -> tuple[Format, int]:
    """Parse what follows the slash, with gdb's rules for what is left out.

    ``letter`` and ``size`` are the last ones used. Returns the format and where it ended.

    >>> parse_format("8xg $sp")
    (Format(count=8, letter='x', size='g', raw=False), 3)
    """
    at, count = 0, 1
    if text.startswith("-"):
        at, count = 1, -1
    start = at
    while at < len(text) and text[at] in "0123456789":
        at += 1
    if at > start:
        count *= min(int(text[start:at][:20]), (1 << 31) - 1)
    given_letter = given_size = ""
    raw = False
    while at < len(text) and "a" <= text[at] <= "z":
        if text[at] in "bhwg":
            given_size = text[at]
        elif text[at] == "r":
            raw = True
        else:
            given_letter = text[at]
        at += 1
    if not given_letter:
        if not given_size:
            return Format(count, letter, size, raw), at
        # With a size any format makes sense but "i".
        return Format(count, "x" if letter == "i" else letter, given_size, raw), at
    if not given_size:
        given_size = _default_size(given_letter, size)
    return Format(count, given_letter, given_size, raw), at


def _default_size(letter: str, last: str) -> str:
    if letter == "s":
        return ""
    if not last:
        return last
    if letter == "a":
        return "g"
    if letter == "f":
        return last if last in "wg" else "g"
    return "b" if letter == "c" else last


def print_format(text: str, command: str = "print", last: str = "") -> tuple[Format, int]:
    """Parse the format of print, output or display: a letter without count and size.

    >>> print_format("2x 5")
    Traceback (most recent call last):
    pydbg.errors.UsageError: Item count other than 1 is meaningless in "print" command.
    """
    form, end = parse_format(text, last, "")
    if form.size:
        raise UsageError(f'Size letters are meaningless in "{command}" command.')
    if form.count != 1:
        raise UsageError(f'Item count other than 1 is meaningless in "{command}" command.')
    if form.letter == "i":
        raise UsageError(f'Format letter "i" is meaningless in "{command}" command.')
    if form.letter and form.letter not in "xduotzacfs":
        raise UsageError(f'Undefined output format "{form.letter}".')
    return form, end


def scalar_by_letter(value: Value, letter: str, padded: bool = False) -> str:
    """Return a scalar's bytes in one of the formats ``x d u o t z f``.

    ``padded`` fills hexadecimal and binary to the type's size, as ``x`` does.

    >>> from pydbg.expr.types import LP64
    >>> scalar_by_letter(Value(LP64.int, b"\\xff\\xff\\xff\\xff"), "o")
    '037777777777'
    """
    ctype = strip(value.type)
    data = _bits(value)
    size = len(data)
    if letter == "f":
        if isinstance(ctype, FloatType):
            return floats.text(ctype.format, data)
        name = {4: "single", 8: "double", 12: "x87", 16: "x87"}.get(size)
        if name is not None:
            return floats.text(name, data)
        letter = "u" if isinstance(ctype, IntType) and not ctype.signed else "d"
    number = int.from_bytes(data, "little")
    if letter == "d":
        return str(int.from_bytes(data, "little", signed=True))
    if letter == "u":
        return str(number)
    if letter == "o":
        return f"0{number:o}" if number else "0"
    if letter == "t":
        return f"{number:0{8 * size}b}" if padded else f"{number:b}"
    if letter == "z" or (letter == "x" and padded):
        return f"0x{number:0{2 * size}x}"
    if letter == "x":
        return f"{number:#x}"
    raise ExprError(f'Undefined output format "{letter}".')


def _bits(value: Value) -> bytes:
    """Return the bytes to print: of a bit-field only its own bits."""
    lvalue = value.lvalue
    if lvalue is None or not lvalue.bit_size:
        return value.data
    ctype = strip(value.type)
    number = int(value) & ((1 << (8 * ctype.size)) - 1)
    return number.to_bytes(ctype.size, "little")


def narrow_char(value: Value) -> Value:
    """Return the low byte as a character, as ``/c`` prints it."""
    ctype = strip(value.type)
    if isinstance(ctype, CharType) and ctype.size == 1:
        return value
    if isinstance(ctype, IntType) and ctype.size > 8:
        raise ExprError(_TOO_WIDE)
    unsigned = isinstance(ctype, (PointerType, BoolType)) or (
        isinstance(ctype, IntType) and not ctype.signed
    )
    char = CharType("unsigned char" if unsigned else "char", 1, signed=not unsigned)
    return Value(char, (int(value) & 0xFF).to_bytes(1, "little"))
