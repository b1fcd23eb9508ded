"""Names to complete from: a hundred thousand symbols answer a key in a millisecond.

The names of a file are sorted once, when the first of them is asked for; then a prefix is a
binary search. A fuzzy search looks through all names, in pieces, so that a key that is pressed
meanwhile does not wait for it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

__all__ = ["NameIndex", "fuzzy_pattern", "matcher", "source_names"]

_PIECE = 4096
"""How many names are searched at once, which takes about a millisecond."""
_ENOUGH = 8
"""A fuzzy search ends when it has this many times what is wanted: the best of them are shown."""


def fuzzy_pattern(letters: str) -> re.Pattern[str]:
    """Return a pattern for names that hold ``letters`` in their order, in either case.

    >>> bool(fuzzy_pattern("inreg").search("info registers")), fuzzy_pattern("ba").search("abc")
    (True, None)
    """
    parts = [f"[^{re.escape(char)}\\n]*({re.escape(char)})" for char in letters]
    return re.compile("".join(parts), re.IGNORECASE)


def matcher(prefix: str, *, fuzzy: bool) -> Callable[[str], bool]:
    """Return whether a name fits what was typed, as a function.

    >>> list(filter(matcher("ab", fuzzy=False), ["abc", "axb"]))
    ['abc']
    >>> list(filter(matcher("ab", fuzzy=True), ["abc", "axb", "ba"]))
    ['abc', 'axb']
    """
    if not fuzzy or not prefix:
        return lambda name: name.startswith(prefix)
    match = fuzzy_pattern(prefix).match
    return lambda name: match(name) is not None


def source_names(names: Iterable[str]) -> Iterator[str]:
    """Return the names of symbols as people write them.

    C++ and Rust names lose their mangling and their parameters; leading namespaces may be left
    out, as in ``break``. Versions (``puts@@GLIBC_2.2.5``) go, PLT stubs stay.

    >>> list(source_names(["_ZN2ns1fEi", "main"]))
    ['ns::f', 'f', 'main']
    """
    from pydbg.symbols.demangle import base_name, demangle

    known = list(names)
    mangled = [name for name in known if name.startswith(("_Z", "_R"))]
    if not mangled:
        yield from known
        return
    for name in known:
        if not name.startswith(("_Z", "_R")):
            yield name
            continue
        pretty = base_name(demangle(name))
        yield pretty
        if "<" in pretty or "(" in pretty:
            continue  # What follows "::" in brackets is no name of its own.
        at = pretty.find("::")
        while at >= 0:
            yield pretty[at + 2 :]
            at = pretty.find("::", at + 2)


class NameIndex:
    """Hold the names of one file, sorted.

    >>> index = NameIndex(["main", "mangle", "add", "remain"])
    >>> list(index.starting("ma")), list(index.fuzzy("man", 10))
    (['main', 'mangle'], ['mangle', 'main', 'remain'])
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(set(names))

    def __len__(self) -> int:
        return len(self._names)

    def starting(self, prefix: str) -> Iterator[str]:
        """Return the names that begin with ``prefix``, sorted."""
        for at in range(bisect_left(self._names, prefix), len(self._names)):
            name = self._names[at]
            if not name.startswith(prefix):
                return
            yield name

    def fuzzy(self, letters: str, most: int) -> Iterator[str]:
        """Return names that hold ``letters`` in their order, the closest first."""
        if not letters:
            yield from islice(self._names, most)
            return
        find = re.compile("^" + fuzzy_pattern(letters).pattern, re.IGNORECASE | re.MULTILINE)
        found: list[tuple[int, int, int, str]] = []
        for at in range(0, len(self._names), _PIECE):
            piece = self._names[at : at + _PIECE]
            text = "\n".join(piece)
            for match in find.finditer(text):
                start, end = match.start(), text.find("\n", match.end())
                # Letters that stand together near the beginning count most.
                first, last = match.start(1) - start, match.end() - start
                name = text[start : end if end >= 0 else None]
                found.append((last - first, first, len(name), name))
            if len(found) >= most * _ENOUGH:
                break
        found.sort()
        for *_, name in found[:most]:
            yield name
