"""Text to tokens, with gdb's rules and messages for bad ones (gdb's c-exp.y)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydbg.errors import ExprError
from pydbg.patterns import lazy_pattern
from pydbg.records import Record

__all__ = ["Token", "tokens"]


class Token(Record):
    """Be one token, of kind int, float, imaginary, char, string, name, quoted, dollar, op or end.

    ``value`` is an int (int, char), the digits (float), the characters (string), a text, or of an
    imaginary number the token of what stands before its ``i``;
    ``type`` names the basic type of a literal.
    """

    kind: str
    column: int
    end: int
    text: str
    value: object = None
    type: str = ""


_OPERATORS = lazy_pattern(
    r">>=|<<=|->\*?|\+\+|--|&&|\|\||::|<<|>>|==|!=|<=|>=|\.\*|[-+*/%|&^]=|[-+*/%|&^~!<>=?:,.@()\[\]{}]"
)
_NAME = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_$]*|[^\x00-\x7f]+[\w$]*")
_DOLLAR = lazy_pattern(r"\$[A-Za-z0-9_$]*")
_SPACE = lazy_pattern(r"[ \t\n]*")
_TEMPLATE = lazy_pattern(r"[\w ,:&*()\[\]-]*")
_CASTS = ("dynamic_cast", "static_cast", "reinterpret_cast", "const_cast")
_LITERAL_PREFIX = lazy_pattern(r"(u8|[LuU])(?=[\"'])")
_PREFIX_TYPES = {"": "char", "u8": "char", "L": "wchar_t", "u": "char16_t", "U": "char32_t"}
_ESCAPES = {"a": 7, "b": 8, "e": 27, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_SUFFIX = lazy_pattern(r"[uUlL]*$")


def tokens(text: str, start: int = 0) -> Iterator[Token]:
    """Yield the tokens of an expression, then one of kind ``end`` for ever.

    >>> [token.text for token in tokens("a->b >>= 0x10")][:4]
    ['a', '->', 'b', '>>=']
    """
    position = start
    while True:
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        token = _one(text, position)
        yield token
        if token.kind == "end":
            return
        position = token.end


def _one(text: str, at: int) -> Token:
    if at >= len(text):
        return Token("end", at, at, "")
    char = text[at]
    prefix = _LITERAL_PREFIX.match(text, at)
    if prefix or char in "\"'":
        return _quoted(text, at, prefix.group(1) if prefix else "")
    if char.isascii() and char.isdigit():
        return _number(text, at)
    if char == "." and at + 1 < len(text) and text[at + 1] in "0123456789":
        return _number(text, at)
    if char == "$":
        found = _DOLLAR.match(text, at)
        assert found is not None
        return Token("dollar", at, found.end(), found.group())
    found = _NAME.match(text, at)
    if found:
        end = found.end()
        # A template's arguments belong to the name where "<" adjoins it (gdb's rule).
        if text[end : end + 1] == "<" and text[at:end] not in _CASTS:
            end = _template_end(text, end)
        return Token("name", at, end, text[at:end])
    found = _OPERATORS.match(text, at)
    if found:
        return Token("op", at, found.end(), found.group())
    raise ExprError(f"Invalid character '{char}' in expression.", at)


def _template_end(text: str, at: int) -> int:
    """Return where the template's arguments end that begin at ``<``; ``at`` for no such."""
    depth, end = 0, at
    while end < len(text) and text[end] in "<>":
        depth += 1 if text[end] == "<" else -1
        end += 1
        if not depth:
            return end
        inside = _TEMPLATE.match(text, end)
        end = inside.end() if inside else end
    return at


def _number(text: str, at: int) -> Token:
    """Scan as gdb does: all letters and digits first, then complain about bad ones."""
    lower = text.lower()
    end = at
    is_hex = lower.startswith("0x", at)
    decimal_prefix = lower[at : at + 2] in ("0t", "0d")
    if is_hex or decimal_prefix:
        end += 2
    dot = mark = False
    while end < len(text):
        char = lower[end]
        if not mark and ((char == "e" and not is_hex) or char == "p"):
            dot = mark = True
        elif char == "." and not dot:
            dot = True
        elif char in "+-" and mark and lower[end - 1] in ("p" if is_hex else "ep"):
            pass
        elif not ("0" <= char <= "9" or "a" <= char <= "z"):
            break
        end += 1
    word = text[at:end]
    imaginary = word[-1] == "i" and not is_hex
    plain = word[:-1] if imaginary else word
    made = _float(plain, at, end) if dot else _integer(plain, at, end, decimal_prefix)
    return Token("imaginary", at, end, word, made, made.kind) if imaginary else made


def _float(word: str, at: int, end: int) -> Token:
    digits, kind = word, "double"
    suffix = word[-1].lower()
    if suffix == "f" and not word.lower().startswith("0x"):
        digits, kind = word[:-1], "float"
    elif suffix == "l":
        digits, kind = word[:-1], "long double"
    digits = re.sub(r"(?<=[0-9.])[eEpP][-+]?$", "", digits)
    try:
        if digits.lower().startswith("0x"):
            float.fromhex(digits)
        else:
            float(digits)
    except OverflowError:
        digits = "inf"
    except ValueError:
        raise ExprError(f'Invalid number "{word}".', at) from None
    return Token("float", at, end, word, digits, kind)


def _integer(word: str, at: int, end: int, decimal_prefix: bool) -> Token:
    found = _SUFFIX.search(word)
    suffix = found.group().lower() if found else ""
    digits = word[: len(word) - len(suffix)]
    base = 10
    if digits[:2].lower() == "0x":
        base, body = 16, digits[2:]
    elif digits[:2].lower() == "0b":
        base, body = 2, digits[2:]
    elif decimal_prefix:
        body = digits[2:]
    elif len(digits) > 1 and digits[0] == "0":
        base, body = 8, digits[1:]
    else:
        body = digits
    if len(body) > 80:
        raise ExprError("Numeric constant too large.", at)
    try:
        if "_" in body:
            raise ValueError
        value = int(body, base)
    except ValueError:
        raise ExprError(f'Invalid number "{word}".', at) from None
    if value >> 64:
        raise ExprError("Numeric constant too large.", at)
    return Token("int", at, end, word, value, _integer_type(value, suffix, base == 10))


def _integer_type(value: int, suffix: str, decimal: bool) -> str:
    """Return the first of int, long and long long that holds the value (C11 6.4.4.1)."""
    unsigned_only = "u" in suffix
    longs = suffix.count("l")
    for name, bits, rank in (("int", 32, 0), ("long", 64, 1), ("long long", 64, 2)):
        if rank < min(longs, 2):
            continue
        if not unsigned_only and value < 1 << (bits - 1):
            return name
        if (unsigned_only or not decimal or bits == 64) and value < 1 << bits:
            return f"unsigned {name}"
    return "unsigned long long"


def _quoted(text: str, at: int, prefix: str) -> Token:
    position = at + len(prefix)
    quote = text[position]
    chars: list[int] = []
    position += 1
    length = 0
    while position < len(text) and text[position] != quote:
        length += 1
        if text[position] == "\\":
            value, position = _escape(text, position)
            chars.append(value)
        elif prefix in ("L", "u", "U"):
            chars.append(ord(text[position]))
            position += 1
        else:
            # A byte that was not UTF-8 comes as a surrogate and goes back as it was.
            chars.extend(text[position].encode("utf-8", "surrogateescape"))
            position += 1
    if position >= len(text):
        if quote == "'":
            raise ExprError("Unmatched single quote.", at)
        raise ExprError("Unterminated string in expression.", at)
    end = position + 1
    kind = _PREFIX_TYPES[prefix]
    if quote == '"':
        return Token("string", at, end, text[at:end], tuple(chars), kind)
    if length == 0:
        raise ExprError("A character constant must contain at least one character.", at)
    if length > 2 and not prefix:
        return Token("quoted", at, end, text[at:end], text[at + 1 : position])
    if len(chars) > 1 or length > 1:
        raise ExprError("Invalid character constant.", at)
    return Token("char", at, end, text[at:end], chars[0], kind)


def _escape(text: str, at: int) -> tuple[int, int]:
    """Return the character that a backslash escape at ``at`` stands for, and its end."""
    if at + 1 >= len(text):
        raise ExprError(
            "Unmatched single quote." if "'" in text else "Unterminated string in expression.", at
        )
    char = text[at + 1]
    if char in "01234567":
        found = re.compile(r"[0-7]{1,3}").match(text, at + 1)
        assert found is not None
        return int(found.group(), 8) & 0xFF, found.end()
    if char == "x":
        found = re.compile(r"[0-9a-fA-F]+").match(text, at + 2)
        if not found:
            raise ExprError("\\x escape without a following hex digit", at)
        return int(found.group(), 16) & 0xFFFFFFFF, found.end()
    if char in "uU":
        found = re.compile(r"[0-9a-fA-F]{1,8}").match(text, at + 2)
        if not found:
            raise ExprError("\\u escape without a following hex digit", at)
        return int(found.group(), 16) & 0xFFFFFFFF, found.end()
    return _ESCAPES.get(char, ord(char) & 0xFF), at + 2
