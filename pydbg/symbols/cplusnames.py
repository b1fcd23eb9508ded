"""C++ names in one spelling: ``vector<const char *,4>`` is ``vector<char const*, 4>``.

It is the demangler's, which gdb makes of every name before it compares (cp-name-parser.y).
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydbg.patterns import lazy_pattern

__all__ = ["canonical", "split_scope", "without_arguments"]

_PART = lazy_pattern(r"[A-Za-z_$]\w*|::|&&|[<>,*&()\[\]]|[^\s]")
_QUALIFIERS = ("const", "volatile")
_INTEGER = frozenset(("unsigned", "signed", "long", "short", "int", "char"))
_SUFFIX = lazy_pattern(r"(?<!\w)\d+(?:UL?L?|LL?)\b")
_MAX = 4096


@lru_cache(4096)
def canonical(name: str) -> str:
    """Return a function's, variable's or type's name in the demangler's spelling.

    What is no C++ name, or one of an operator, is returned as it is.

    >>> canonical("ns::map<const char *,unsigned long int>::at(char const  *)")
    'ns::map<char const*, unsigned long>::at(char const*)'
    >>> canonical("vector<pair<int,int>>"), canonical("f(void)"), canonical("operator< <int>")
    ('vector<pair<int, int> >', 'f()', 'operator< <int>')
    >>> canonical("array<int, 3UL>")
    'array<int, 3ul>'
    """
    if len(name) > _MAX or "operator" in name or not re.search(r"[<(]|\s", name):
        return name
    try:
        spelt = _SUFFIX.sub(lambda found: found[0].lower(), name)
        parts = _Parts(_PART.findall(spelt))
        text = parts.type()
    except (IndexError, RecursionError):
        return name
    return text if parts.at_end else name


class _Parts:
    """Read the parts of a name from left to right."""

    def __init__(self, parts: list[str]) -> None:
        self._parts = parts
        self._pos = 0
        self._depth = 0

    @property
    def at_end(self) -> bool:
        return self._pos == len(self._parts)

    def _next(self) -> str:
        return "" if self.at_end else self._parts[self._pos]

    def _take(self) -> str:
        self._pos += 1
        return self._parts[self._pos - 1]

    def type(self) -> str:
        """Read a type, or a function with its parameters."""
        words: list[str] = []
        quals: list[str] = []
        glued = False
        while (part := self._next()) and part not in (">", ",", "*", "&", "&&", "(", ")", "["):
            part = self._take()
            if part in _QUALIFIERS:
                quals.append(part)
                continue
            if part == "<":
                part = self._arguments(">")
                words[-1] += part
            elif part == "::" or glued or (words and not re.match(r"[A-Za-z_$]", part)):
                words[-1:] = [(words[-1] if words else "") + part]
            elif words and re.match(r"\d", words[-1]):
                words[-1] += part
            else:
                words.append(part)
            glued = part in ("::", "~", "-")
        text = " ".join([_integer(words), *sorted(quals)])
        return text + self._declarator()

    def _declarator(self) -> str:
        text = ""
        while part := self._next():
            if part in ("*", "&", "&&"):
                text += self._take()
            elif part in _QUALIFIERS:
                text += f" {self._take()}"
            elif part == "(":
                self._take()
                inner = self._next() in ("*", "&", "&&")
                content = self._declarator() if inner else self._list(")")
                if inner and self._take() != ")":
                    raise IndexError
                # A function's type inside of arguments, not a function's name.
                apart = inner or (self._depth and not text)
                text += f" ({content})" if apart else f"({content})"
            elif part == "[":
                text = text or " "
                while self._next() != "]":
                    text += self._take()
                text += self._take()
            elif part == "::":
                raise IndexError
            else:
                break
        return text

    def _arguments(self, close: str) -> str:
        self._depth += 1
        inner = self._list(close)
        self._depth -= 1
        return f"<{inner}{' ' if inner.endswith('>') else ''}>"

    def _list(self, close: str) -> str:
        texts = []
        while self._next() != close:
            texts.append(self.type())
            if self._next() == ",":
                self._take()
            elif self._next() != close:
                raise IndexError
        self._take()
        return "" if texts == ["void"] and close == ")" else ", ".join(texts)


def _integer(words: list[str]) -> str:
    """Spell the words of an integer type: ``long unsigned int`` is ``unsigned long``."""
    if len(words) < 2 or not _INTEGER.issuperset(words):
        return " ".join(words)
    rest = [word for word in ("long", "short", "char") for _ in range(words.count(word))]
    sign = ["unsigned"] if "unsigned" in words else []
    if "signed" in words and "char" in words:
        sign = ["signed"]
    return " ".join(sign + (rest or ["int"]))


def without_arguments(name: str) -> str:
    """Cut all template arguments out of a name.

    >>> without_arguments("ns::Array<char, 20>::push"), without_arguments("C::operator<")
    ('ns::Array::push', 'C::operator<')
    """
    if "operator" in name:
        return name
    text, depth = "", 0
    for char in name:
        depth += char == "<"
        if not depth:
            text += char
        depth -= char == ">"
    return text


def split_scope(name: str) -> tuple[str, str]:
    """Split a name at its last ``::`` that is not inside of brackets.

    >>> split_scope("a::v<b::c>::d"), split_scope("v<b::c>"), split_scope("a::operator<<")
    (('a::v<b::c>', 'd'), ('', 'v<b::c>'), ('a', 'operator<<'))
    """
    if "<" not in name and "(" not in name:
        scope, _, last = name.rpartition("::")
        return scope, last
    depth, at = 0, -1
    for index, char in enumerate(name):
        depth += (char in "<({[") - (char in ">)}]")
        if depth == 0 and char == ":" and name.startswith("::", index):
            at = index
        elif depth == 0 and index in (0, at + 2) and re.match(r"operator\b", name[index:]):
            break  # Its brackets are none.
    return (name[:at], name[at + 2 :]) if at >= 0 else ("", name)
