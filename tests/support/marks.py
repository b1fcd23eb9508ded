"""Find places in fixtures by mark, so that no test holds a line number.

A source line that ends with ``// @bp NAME`` (``# @bp NAME`` in assembly) is called NAME.
"""

from __future__ import annotations

import re

from tests.support.build import source


def marks(name: str) -> dict[str, int]:
    """Return the marked lines of fixture ``name``: {mark: line number}."""
    found: dict[str, int] = {}
    for number, line in enumerate(source(name).read_text().splitlines(), 1):
        for mark in re.findall(r"(?://|#) @bp (\w+)", line):
            if mark in found:
                raise AssertionError(f"{name} has two marks called {mark}")
            found[mark] = number
    return found


def line_of(name: str, mark: str) -> int:
    """Return the line of ``// @bp MARK`` in fixture ``name``."""
    return marks(name)[mark]
