"""JSON that remembers its lines: what a mistake in a profile is told with."""

from __future__ import annotations

import json
import re
from typing import Any

from pydbg.errors import UsageError

__all__ = ["Located", "ProfileError", "parse"]

_BLANK = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_WORDS = {"true": True, "false": False, "null": None}
_DEEPEST = 100


class ProfileError(UsageError):
    """Report a mistake in a profile: the file, the line (0 for the whole) and the reason."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


class Located:
    """Hold a JSON value with the line that it begins in.

    ``value`` is a dict of Located, a list of Located, or a plain value.
    """

    __slots__ = ("line", "value")

    def __init__(self, value: Any, line: int) -> None:
        self.value = value
        self.line = line


def parse(text: str, path: str = "profile") -> Located:
    """Return the value that ``text`` spells; ProfileError names the line of a mistake.

    >>> found = parse('{"a":\\n [1, 2]}')
    >>> found.value["a"].line, found.value["a"].value[1].value
    (2, 2)
    >>> parse('{"a": 1,\\n "a": 2}', "p.json")
    Traceback (most recent call last):
    pydbg.seccomp.positions.ProfileError: p.json:2: "a" is there twice
    """
    reader = _Reader(text, path)
    found, end = reader.value(reader.skip(0), 0)
    end = reader.skip(end)
    if end < len(text):
        raise reader.error(end, "something follows the profile")
    return found


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path

    def error(self, at: int, reason: str) -> ProfileError:
        return ProfileError(self._path, self._line(at), reason)

    def _line(self, at: int) -> int:
        return self._text.count("\n", 0, at) + 1

    def skip(self, at: int) -> int:
        found = _BLANK.match(self._text, at)
        return found.end() if found else at

    def value(self, at: int, depth: int) -> tuple[Located, int]:
        """Return the value at ``at`` and where it ends."""
        text = self._text
        if depth > _DEEPEST:
            raise self.error(at, "it is nested too deeply")
        first = text[at : at + 1]
        if first == "{":
            return self._object(at, depth)
        if first == "[":
            return self._array(at, depth)
        if first == '"':
            string, end = self._string(at)
            return Located(string, self._line(at)), end
        for word, meant in _WORDS.items():
            if text.startswith(word, at):
                return Located(meant, self._line(at)), at + len(word)
        number = _NUMBER.match(text, at)
        if number is None:
            raise self.error(
                at, "the profile ends too early" if not first else self._unexpected(at)
            )
        digits = number[0]
        whole = digits.lstrip("-").isdigit()
        return Located(int(digits) if whole else float(digits), self._line(at)), number.end()

    def _unexpected(self, at: int) -> str:
        word = re.match(r"\w+|.", self._text[at : at + 40], re.DOTALL)
        return f"unexpected {word[0] if word else ''!r}"

    def _string(self, at: int) -> tuple[str, int]:
        try:
            found: tuple[str, int] = json.JSONDecoder().raw_decode(self._text, at)
        except json.JSONDecodeError as error:
            raise self.error(error.pos, error.msg) from None
        return found

    def _object(self, at: int, depth: int) -> tuple[Located, int]:
        members: dict[str, Located] = {}
        line = self._line(at)
        at = self.skip(at + 1)
        if self._text[at : at + 1] == "}":
            return Located(members, line), at + 1
        while True:
            if self._text[at : at + 1] != '"':
                raise self.error(at, "a name in double quotes is expected")
            start = at
            name, at = self._string(at)
            if name in members:
                raise self.error(start, f'"{name}" is there twice')
            at = self.skip(at)
            if self._text[at : at + 1] != ":":
                raise self.error(at, f'":" is expected after "{name}"')
            members[name], at = self.value(self.skip(at + 1), depth + 1)
            at, more = self._separator(at, "}")
            if not more:
                return Located(members, line), at

    def _array(self, at: int, depth: int) -> tuple[Located, int]:
        items: list[Located] = []
        line = self._line(at)
        at = self.skip(at + 1)
        if self._text[at : at + 1] == "]":
            return Located(items, line), at + 1
        while True:
            item, at = self.value(at, depth + 1)
            items.append(item)
            at, more = self._separator(at, "]")
            if not more:
                return Located(items, line), at

    def _separator(self, at: int, closing: str) -> tuple[int, bool]:
        at = self.skip(at)
        char = self._text[at : at + 1]
        if char == ",":
            return self.skip(at + 1), True
        if char == closing:
            return at + 1, False
        raise self.error(at, f'"," or "{closing}" is expected')
