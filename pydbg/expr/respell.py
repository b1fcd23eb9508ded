"""Names of types in other words: each class in ``map<string, vector<int> >`` may have another."""

from __future__ import annotations

from collections.abc import Callable

from pydbg.patterns import lazy_pattern

__all__ = ["respell", "template_arguments", "template_name"]

_WORD = lazy_pattern(r"[A-Za-z_]\w*")
_QUALIFIERS = lazy_pattern(r"(?:(?:const|volatile) )+")
_MAX_DEPTH = 40
_BASIC = lazy_pattern(
    r"(?:(?:long |short )+unsigned int|(?:long )+int|short int|(?:unsigned |signed )?"
    r"(?:long long|long|short|char|int))\b"
)


def respell(name: str, find: Callable[[str], str | None]) -> str:
    """Put other names for the classes and basic types in a type's name, outermost first.

    ``find`` gives another name for one of them, or None. What stands before ``::`` is kept but
    for its template arguments. Names that are not understood stay.

    >>> respell("opt<vec<int, al<int> > >", {"vec<int, al<int> >": "vec<int>"}.get)
    'opt<vec<int> >'
    """
    try:
        return _Speller(name, find).text("")
    except ValueError:
        return name


def template_name(name: str) -> str:
    """Return a type's name without the arguments of its template.

    >>> template_name("std::map<int, ns::pair<int>>"), template_name("ns::a<int>::b")
    ('std::map', 'ns::a<int>::b')
    """
    if not name.endswith(">"):
        return name
    depth = 0
    for at in range(len(name) - 1, -1, -1):
        if name[at] == ">":
            depth += 1
        elif name[at] == "<":
            depth -= 1
            if depth == 0:
                return name[:at].rstrip()
    return name


def template_arguments(name: str) -> list[str]:
    """Return the arguments of the template that a type is made of, as they are spelt.

    >>> template_arguments("ns::map<int, std::less<a, b> >")
    ['int', 'std::less<a, b>']
    """
    start = len(template_name(name))
    found, depth, begin = [], 0, start + 1
    for at in range(start, len(name)):
        char = name[at]
        depth += (char in "<([{") - (char in ">)]}")
        if (char == "," and depth == 1) or (char == ">" and depth == 0):
            found.append(name[begin:at].strip())
            begin = at + 1
    return [text for text in found if text]


class _Speller:
    def __init__(self, name: str, find: Callable[[str], str | None], depth: int = 0) -> None:
        self.name = name
        self.find = find
        self.at = 0
        self.depth = depth

    def text(self, ends: str) -> str:
        """Return the text up to one of some characters, or the end."""
        if self.depth > _MAX_DEPTH:
            raise ValueError
        shown = ""
        while self.at < len(self.name):
            char = self.name[self.at]
            if char in ends:
                return shown
            if char in "({":
                close = ")" if char == "(" else "}"
                self.at += 1
                self.depth += 1
                shown += char + self.text(close) + close
                self.depth -= 1
                self._expect(close)
            elif char.isalpha() or char == "_":
                shown += self._named()
            elif char in "<>":
                raise ValueError
            else:
                shown += char
                self.at += 1
        if ends:
            raise ValueError
        return shown

    def _expect(self, char: str) -> None:
        if self.name[self.at : self.at + 1] != char:
            raise ValueError
        self.at += 1

    def _named(self) -> str:
        """Return a qualified name, or what it is called instead."""
        qualifiers = _QUALIFIERS.match(self.name, self.at)
        if qualifiers is not None:
            self.at = qualifiers.end()
            return f"{self._named()} {qualifiers[0].rstrip()}"
        start = self.at
        basic = _BASIC.match(self.name, start)
        if basic is not None:
            self.at = basic.end()
            return self.find(basic[0]) or basic[0]
        shown = self._segment()
        while self.name.startswith("::", self.at):
            self.at += 2
            if self.name[self.at : self.at + 1] in "({":
                close = self.name.find(")" if self.name[self.at] == "(" else "}", self.at)
                if close < 0:
                    raise ValueError
                shown += "::" + self.name[self.at : close + 1]
                self.at = close + 1
            else:
                shown += "::" + self._segment()
        return self.find(self.name[start : self.at]) or shown

    def _segment(self) -> str:
        word = _WORD.match(self.name, self.at)
        if word is None:
            raise ValueError
        self.at = word.end()
        if self.name[self.at : self.at + 1] != "<":
            return word[0]
        self.at += 1
        self.depth += 1
        parts = []
        while True:
            parts.append(self.text(",>").strip())
            if self.name[self.at] == ">":
                break
            self.at += 1
        self.depth -= 1
        self._expect(">")
        inner = ", ".join(parts)
        return f"{word[0]}<{inner}{' ' if inner.endswith('>') else ''}>"
