"""Rust's tokens, with gdb's ``$name`` (the Rust reference, chapter 2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.patterns import lazy_pattern
from pydbg.records import Record

if TYPE_CHECKING:
    import re

__all__ = ["KEYWORDS", "Token", "tokens"]

KEYWORDS = frozenset(("as", "const", "crate", "else", "enum", "extern", "false", "fn", "if", "in",
                      "let", "match", "mod", "mut", "pub", "self", "sizeof", "struct", "super",
                      "true", "unsafe", "use", "while"))  # fmt: skip
_NUMBER = lazy_pattern(
    r"(?P<float>[0-9][0-9_]*(?:\.[0-9][0-9_]*(?:[eE][-+]?_*[0-9][0-9_]*)?|[eE][-+]?_*[0-9][0-9_]*"
    r"|(?=f(?:32|64)\b)|\.(?![._A-Za-z]))(?P<wide>f32|f64)?)"
    r"|(?:0x(?P<hex>[0-9a-fA-F_]+?)|0o(?P<oct>[0-7_]+)|0b(?P<bin>[01_]+)|(?P<dec>[0-9][0-9_]*))"
    r"(?P<suffix>[iu](?:size|8|16|32|64|128))?"
)
_HEX = lazy_pattern(r"0x([0-9a-fA-F_]+)([iu](?:size|8|16|32|64|128))?")
_NAME = lazy_pattern(r"(?:r#)?([^\x00-@\[-^`{-\x7f]\w*)")
_DOLLAR = lazy_pattern(r"\$[\w$]*")
_OPERATORS = lazy_pattern(
    r"<<=|>>=|\.\.=|\.\.\.|&&|\|\||==|!=|<=|>=|<<|>>|\+=|-=|\*=|/=|%=|&=|\|=|\^=|->|::|\.\."
    r"|[-+*/%&|^!<>=@.,;:()\[\]{}]"
)
_DIGITS = lazy_pattern(r"[0-9a-fA-F]+")
_RAW = lazy_pattern(r'b?r(#*)"')
_ESCAPES = {"n": 10, "r": 13, "t": 9, "\\": 92, "0": 0, "'": 39, '"': 34}


class Token(Record):
    """Be one token: ``kind`` is op, name, int, float, char, byte, string, bytes, dollar or end."""

    kind: str
    text: str
    column: int
    value: int | bytes = 0
    type: str = ""


def tokens(text: str, start: int = 0) -> Iterator[Token]:
    """Give the tokens from ``start`` on; the last is of kind "end".

    >>> [token.text for token in tokens("a::b[1..]")]
    ['a', '::', 'b', '[', '1', '..', ']', '']
    """
    at = start
    after_dot = False
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text):
            yield Token("end", "", at)
            return
        token, at = _token(text, at, after_dot)
        after_dot = token.kind == "op" and token.text == "."
        yield token


def _token(text: str, at: int, after_dot: bool) -> tuple[Token, int]:
    char = text[at]
    if char.isdigit() and char.isascii():
        if after_dot:
            # A tuple's member: in `t.0.1` there is no number 0.1.
            match = lazy_pattern(r"[0-9]{1,20}").match(text, at)
            assert match is not None
            return Token("int", match[0], at, int(match[0]), ""), match.end()
        return _number(text, at)
    raw = _RAW.match(text, at)
    if raw is not None:
        return _raw_string(text, at, raw)
    if text.startswith('b"', at):
        data, end = _quoted(text, at + 2, '"', is_byte=True)
        return Token("bytes", text[at:end], at, data), end
    if text.startswith("b'", at):
        return _char(text, at, at + 2, "byte")
    if char == '"':
        data, end = _quoted(text, at + 1, '"', is_byte=False)
        return Token("string", text[at:end], at, data), end
    if char == "'":
        return _char(text, at, at + 1, "char")
    if char == "$":
        match = _DOLLAR.match(text, at)
        assert match is not None
        return Token("dollar", match[0], at), match.end()
    match = _NAME.match(text, at)
    if match is not None:
        kind = "keyword" if match[0] in KEYWORDS else "name"
        return Token(kind, match[1], at), match.end()
    match = _OPERATORS.match(text, at)
    # What begins no token is one that nothing expects.
    return Token("op", match[0] if match else char, at), match.end() if match else at + 1


def _number(text: str, at: int) -> tuple[Token, int]:
    match = _HEX.match(text, at)
    if match is not None:
        return _integer(match[1], 16, match[2], match, at)
    match = _NUMBER.match(text, at)
    assert match is not None
    if match["float"] is not None:
        digits = match["float"].replace("_", "").removesuffix(match["wide"] or "")
        return Token("float", digits, at, 0, match["wide"] or "f64"), match.end()
    for name, base in (("oct", 8), ("bin", 2)):
        if match[name] is not None:
            return _integer(match[name], base, match["suffix"], match, at)
    return _integer(match["dec"], 10, match["suffix"], match, at)


def _integer(
    digits: str, base: int, suffix: str | None, match: re.Match[str], at: int
) -> tuple[Token, int]:
    digits = digits.replace("_", "") or "0"
    number = int(digits, base) if len(digits) <= 128 else 1 << 128
    if number >> 128 or (number >> 64 and suffix not in ("i128", "u128")):
        raise ExprError("Integer literal is too large", at)
    kind = suffix or ("i32" if number < 1 << 31 else "i64")
    return Token("int", match[0], at, number, kind), match.end()


def _char(text: str, at: int, start: int, kind: str) -> tuple[Token, int]:
    if text.startswith("'", start):
        raise ExprError("empty character literal", at)
    if start >= len(text):
        raise ExprError("Unterminated character literal", at)
    code, end = _one(text, start, is_byte=kind == "byte")
    if not text.startswith("'", end):
        closed = "'" in text[end:]
        what = "overlong character literal" if closed else "Unterminated character literal"
        raise ExprError(what, at)
    return Token(kind, text[at : end + 1], at, code), end + 1


def _one(text: str, at: int, *, is_byte: bool) -> tuple[int, int]:
    """Return the code of one character or escape, and where it ends."""
    if text[at] != "\\":
        return ord(text[at]), at + 1
    letter = text[at + 1 : at + 2]
    if letter in _ESCAPES and letter:
        return _ESCAPES[letter], at + 2
    if letter == "x":
        return _hex(text, at + 2, 2, 2)
    if letter == "u" and not is_byte:
        if text[at + 2 : at + 3] != "{":
            raise ExprError("Missing '{' in Unicode escape", at)
        code, end = _hex(text, at + 3, 1, 6)
        if text[end : end + 1] != "}":
            raise ExprError("Missing '}' in Unicode escape", at)
        return code, end + 1
    raise ExprError(f"Invalid escape \\{letter} in literal", at)


def _hex(text: str, at: int, least: int, most: int) -> tuple[int, int]:
    match = _DIGITS.match(text, at, at + most)
    if match is None or len(match[0]) < least:
        raise ExprError("Not enough hex digits seen", at)
    return int(match[0], 16), match.end()


def _quoted(text: str, at: int, quote: str, *, is_byte: bool) -> tuple[bytes, int]:
    start = at - 1
    data = bytearray()
    while at < len(text):
        if text[at] == quote:
            return bytes(data), at + 1
        if text[at : at + 2] == "\\\n":
            at += 2
            while at < len(text) and text[at].isspace():
                at += 1
            continue
        raw = text[at] != "\\"
        code, at = _one(text, at, is_byte=is_byte)
        if is_byte and not raw:
            data.append(code & 0xFF)
        else:
            data += chr(min(code, 0x10FFFF)).encode("utf-8", "surrogatepass")
    raise ExprError("Unexpected EOF in string", start)


def _raw_string(text: str, at: int, opened: re.Match[str]) -> tuple[Token, int]:
    closing = f'"{opened[1]}'
    end = text.find(closing, opened.end())
    if end < 0:
        raise ExprError("Unexpected EOF in string", at)
    data = text[opened.end() : end].encode("utf-8", "surrogatepass")
    kind = "bytes" if text[at] == "b" else "string"
    return Token(kind, text[at : end + len(closing)], at, data), end + len(closing)
