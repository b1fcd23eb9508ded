"""What comes from the inferior or its files is made harmless before it is printed."""

from __future__ import annotations

import re

from pydbg.patterns import lazy_pattern

__all__ = ["ASIDE", "address", "clean", "column"]

_UNSAFE = lazy_pattern(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

ASIDE = "\x1e"
"""Marks where the rest of a line belongs on stderr; what programs say never holds it."""


def clean(text: str) -> str:
    r"""Return ``text`` with everything that a terminal acts on spelt in octal.

    Control characters (C0 and C1), the marks that turn the direction of text, and bytes that
    are no UTF-8 are escaped as gdb escapes them in strings; tabs stay.

    >>> clean("libx\x1b[31m.so"), clean("tab\there")
    ('libx\\033[31m.so', 'tab\there')
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_octal, text)


def _octal(found: re.Match[str]) -> str:
    return "".join(f"\\{byte:03o}" for byte in found[0].encode("utf-8", "surrogateescape"))


def address(addr: int, word_size: int = 8) -> str:
    """Return an address padded with zeros to the word, as gdb's ``hex_string_custom``.

    >>> address(0x1139), address(0x8048000, 4)
    ('0x0000000000001139', '0x08048000')
    """
    return f"0x{addr & (1 << 8 * word_size) - 1:0{2 * word_size}x}"


def column(rows: list[str], least: int = 0) -> int:
    """Return the width of a column that holds all of ``rows``."""
    return max([least, *map(len, rows)])
