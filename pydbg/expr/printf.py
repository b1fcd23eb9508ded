"""The ``printf`` and ``echo`` commands: C's conversions on values of the program."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from pydbg.errors import ExprError, UsageError
from pydbg.expr import floats
from pydbg.expr.context import Context
from pydbg.expr.evaluate import evaluate, parse_part
from pydbg.expr.functions import read_string
from pydbg.expr.nodes import Node
from pydbg.expr.types import CharType, FloatType, IntType, PointerType, data_model, strip
from pydbg.expr.values import Value

__all__ = ["Printf", "echo", "format_pieces", "parse_printf", "printf"]

_ESCAPES = {
    "\\": "\\",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    '"': '"',
}
_SPEC = re.compile(
    r"%([-+ #0']*)(\*|[0-9]*)(\.(?:\*|[0-9]*))?(hh|h|ll|l|L|z|j|t|w|DD|D|H)?(.?)", re.S
)
_INTEGER = "diouxX"
_FLOAT = "feEgG"
_DIGITS = 6
"""Of a width or a precision: a text of gigabytes helps nobody."""


def printf(text: str, ctx: Context) -> str:
    """Return what ``printf TEXT`` prints: a quoted format, then arguments after commas.

    >>> from pydbg.expr.context import BaseContext
    >>> printf('"%d %s|%5.2f\\\\n", 1+1, "ab", 2.5', BaseContext())
    '2 ab| 2.50\\n'
    """
    return parse_printf(text, ctx).show(ctx)


class Printf:
    """Be what a `printf` is to print, parsed once: a format's pieces, and trees for them."""

    __slots__ = ("_pieces", "_trees")

    def __init__(self, pieces: list[str | _Piece], trees: list[Node]) -> None:
        self._pieces = pieces
        self._trees = trees

    def show(self, ctx: Context) -> str:
        """Return the text, with the arguments' values in a context."""
        values = iter([evaluate(tree, ctx) for tree in self._trees])
        return "".join(
            [one if isinstance(one, str) else one.show(next(values), ctx) for one in self._pieces]
        )


def parse_printf(text: str, ctx: Context) -> Printf:
    """Parse what stands behind `printf`; raises UsageError, or ExprError for an argument."""
    text = text.lstrip()
    if not text:
        raise UsageError("Argument required (format-control string and values to print).")
    if not text.startswith('"'):
        raise UsageError("Bad format string, missing '\"'.")
    form, end = _quoted(text)
    rest = text[end:].lstrip()
    if rest and not rest.startswith(","):
        raise UsageError("Invalid argument syntax")
    pieces = format_pieces(form)
    trees = []
    at = len(text) - len(rest) + 1
    text = text[:at] + ctx.expanded(text[at:])
    while rest and text[at:].strip():
        tree, at = parse_part(text, at, ctx, stop_at_comma=True)
        trees.append(tree)
        if text[at:].strip() and text[at] != ",":
            raise ExprError("Junk after end of expression.", at)
        at += 1
    wanted = sum(1 for piece in pieces if isinstance(piece, _Piece))
    if len(trees) != wanted:
        raise UsageError("Wrong number of arguments for specified format-string")
    return Printf(pieces, trees)


def _quoted(text: str) -> tuple[str, int]:
    """Return the format between the quotes, escapes done, and where it ended."""
    out: list[str] = []
    at = 1
    while True:
        if at >= len(text):
            raise UsageError("Bad format string, non-terminated '\"'.")
        char = text[at]
        if char == '"':
            return "".join(out), at + 1
        if char == "\\":
            at += 1
            if at >= len(text):
                raise UsageError("Bad format string, non-terminated '\"'.")
            if text[at] not in _ESCAPES:
                raise UsageError(f"Unrecognized escape character \\{text[at]} in format string.")
            char = _ESCAPES[text[at]]
        out.append(char)
        at += 1


class _Piece:
    """Be one conversion of a format."""

    def __init__(self, flags: str, width: str, precision: str, modifier: str, kind: str) -> None:
        self.flags = flags
        self.width = width
        self.precision = precision
        self.modifier = modifier
        self.kind = kind

    def show(self, value: Value, ctx: Context) -> str:
        """Return the text of one argument."""
        if self.kind in _INTEGER:
            return self._integer(_number(value))
        if self.kind in _FLOAT:
            return self._float(_float_of(value))
        if self.kind == "c":
            return self._pad(_character(value))
        if self.kind == "p":
            number = _number(value) & 0xFFFFFFFFFFFFFFFF
            return self._pad(f"{number:#x}" if number else "(nil)")
        return self._pad(self._string(value, ctx))

    def _pad(self, text: str) -> str:
        width = int(self.width or 0)
        return text.ljust(width) if "-" in self.flags else text.rjust(width)

    def _integer(self, number: int) -> str:
        bits = {"h": 16, "hh": 8, "": 32}.get(self.modifier, 64)
        number &= (1 << bits) - 1
        signed = self.kind in "di"
        if signed and number >> (bits - 1):
            number -= 1 << bits
        digits = {"o": "o", "x": "x", "X": "X"}.get(self.kind, "d")
        body = format(abs(number), digits)
        if self.precision:
            body = body.rjust(int(self.precision[1:] or 0), "0")
            if self.precision in (".", ".0") and not number:
                body = ""
        sign = "-" if number < 0 else ""
        if signed and not sign:
            sign = "+" if "+" in self.flags else " " if " " in self.flags else ""
        prefix = ""
        if "#" in self.flags and number:
            if self.kind in "xX":
                prefix = "0" + self.kind
            elif self.kind == "o" and not body.startswith("0"):
                prefix = "0"
        width = int(self.width or 0)
        if "0" in self.flags and "-" not in self.flags and not self.precision:
            body = body.rjust(width - len(sign) - len(prefix), "0")
        return self._pad(sign + prefix + body)

    def _float(self, number: float | Fraction) -> str:
        flags = self.flags
        if isinstance(number, Fraction):
            number = float(number)
        if "D" in self.modifier or "H" in self.modifier:
            # Decimal floats print what digits they have.
            return self._pad(f"{number:.16g}")
        if not math.isfinite(number):
            flags = flags.replace("0", "")
        text = f"%{flags}{self.width}{self.precision}{self.kind}" % number
        if math.isnan(number) and math.copysign(1.0, number) < 0 and "-" not in text:
            text = self._pad("-" + text.strip())
        return text

    def _string(self, value: Value, ctx: Context) -> str:
        model = data_model(ctx.pointer_size)
        if isinstance(strip(value.type), (IntType, PointerType)) and int(value) == 0:
            return "(null)"
        if self.modifier == "l":
            data = _wide_string(value, ctx)
        else:
            if isinstance(strip(value.type), IntType):
                value = Value(
                    model.pointer(model.char),
                    (int(value) & ((1 << 64) - 1)).to_bytes(8, "little"),
                )
            elif not isinstance(strip(value.type), PointerType) and value.addr is not None:
                value = Value(
                    model.pointer(model.char),
                    value.addr.to_bytes(model.pointer_size, "little"),
                )
            elif not hasattr(strip(value.type), "element") and not isinstance(
                strip(value.type), PointerType
            ):
                int(value)
            data = read_string(value, ctx).decode("utf-8", "backslashreplace")
        if self.precision:
            data = data[: int(self.precision[1:] or 0)]
        return data


def _wide_string(value: Value, ctx: Context) -> str:
    from pydbg.expr.strings import fetch_string

    data, _ = fetch_string(int(value), 4, 1 << 16, ctx.read)
    return data.decode("utf-32-le", "backslashreplace").rstrip("\0")


def _number(value: Value) -> int:
    inner = strip(value.type)
    if isinstance(inner, IntType) and inner.size > 8:
        raise ExprError("That operation is not available on integers of more than 8 bytes.")
    return int(value)


def _character(value: Value) -> str:
    number = _number(value)
    inner = strip(value.type)
    if isinstance(inner, CharType) and inner.size > 1:
        return chr(number) if 0 <= number < 0x110000 else "?"
    number &= 0xFF
    return "" if number == 0 else chr(number) if number < 0x80 else f"\\{number:03o}"


def _float_of(value: Value) -> float | Fraction:
    """Return the number, an integer's bytes taken as a float of its size as gdb does."""
    inner = strip(value.type)
    if isinstance(inner, FloatType):
        return floats.decode(inner.format, value.data)
    data = value.data
    name = {4: "single", 8: "double", 16: "x87"}.get(len(data))
    if name is not None and not isinstance(inner, CharType):
        return floats.decode(name, data)
    return float(_number(value))


def format_pieces(form: str) -> list[str | _Piece]:
    """Split a format into plain text and conversions; raises UsageError for bad ones."""
    pieces: list[str | _Piece] = []
    at = 0
    while at < len(form):
        start = form.find("%", at)
        if start < 0:
            pieces.append(form[at:])
            break
        if start > at:
            pieces.append(form[at:start])
        if form.startswith("%%", start):
            pieces.append("%")
            at = start + 2
            continue
        found = _SPEC.match(form, start)
        assert found is not None
        flags, width, precision, modifier, kind = (part or "" for part in found.groups())
        pieces.append(_checked(flags, width, precision, modifier, kind))
        at = found.end()
    return pieces


def _checked(flags: str, width: str, precision: str, modifier: str, kind: str) -> _Piece:
    if "'" in flags:
        raise UsageError("Unrecognized format specifier ''' in printf")
    if "*" in width or "*" in precision:
        raise UsageError("`*' not supported for precision or width in printf")
    if max(len(width), len(precision[1:])) > _DIGITS:
        raise UsageError(f"Width or precision of more than {_DIGITS} digits in printf")
    if modifier in ("hh", "j", "t", "w"):
        raise UsageError(f"Unrecognized format specifier '{modifier[0]}' in printf")
    if not kind:
        raise UsageError("Incomplete format specifier at end of format string")
    if kind == "n":
        raise UsageError("Format specifier `n' not supported in printf")
    if kind not in _INTEGER + _FLOAT + "csp":
        raise UsageError(f"Unrecognized format specifier '{kind}' in printf")
    allowed = {"c": "-", "s": "-#", "p": "-"}.get(kind, "-+ #0")
    modifiers = ("", "l") if kind in "cs" else ("",) if kind == "p" else ("", "h", "l", "ll", "z")
    if kind in _FLOAT:
        modifiers = ("", "L", "H", "D", "DD")
    if kind == "u":
        allowed = "-#0"
    if modifier not in modifiers or any(flag not in allowed for flag in flags):
        raise UsageError(f"Inappropriate modifiers to format specifier '{kind}' in printf")
    return _Piece(flags, width, precision, modifier, kind)


def echo(text: str) -> str:
    """Return what ``echo TEXT`` prints; a backslash at the end joins lines.

    >>> echo("a\\\\n\\\\101\\\\ b")
    'a\\nA b'
    """
    out: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char != "\\":
            out.append(char)
            continue
        if at >= len(text):
            break
        octal = re.compile("[0-7]{1,3}").match(text, at)
        if octal:
            out.append(chr(int(octal.group(), 8) & 0xFF))
            at = octal.end()
            continue
        if text[at] != "\n":
            out.append(_ESCAPES.get(text[at], text[at]))
        at += 1
    return "".join(out)
