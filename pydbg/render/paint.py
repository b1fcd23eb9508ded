"""Colours: themes from a role to what a terminal understands, only where there is one.

Text is painted where it goes to a terminal that is not dumb, unless the user has set NO_COLOR
(no-color.org) or ``set style enabled off``. What is said never depends on colour alone.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.settings import Settings

__all__ = ["PLAIN", "THEMES", "Paint", "coloured", "decorate", "paint_for"]

THEMES: dict[str, dict[str, str]] = {
    # gdb's own choice of colours, for terminals of either background.
    "default": {
        "address": "34", "function": "33", "file": "32", "register": "36", "title": "2",
        "changed": "1;31", "current": "1", "text": "35",
    },
    "dark": {
        "address": "94", "function": "93", "file": "92", "register": "96", "title": "90",
        "changed": "1;91", "current": "1;97", "text": "95",
    },
    "light": {
        "address": "34", "function": "1;34", "file": "32", "register": "35", "title": "90",
        "changed": "1;31", "current": "1", "text": "36",
    },
    # For those who do not tell colours apart: bold, dim and underlined only.
    "plain": {"title": "2", "changed": "1;4", "current": "1"},
}  # fmt: skip
"""SGR parameters (ECMA-48, 8.3.117) of each role, by theme."""


class Paint:
    """Paint pieces of text by their role.

    >>> Paint("default")("address", "0x401136"), Paint("")("address", "0x401136")
    ('\\x1b[34m0x401136\\x1b[m', '0x401136')
    """

    def __init__(self, theme: str = "", width: int = 80) -> None:
        self._codes = THEMES.get(theme, {})
        self.width = width
        """How many columns there are; a pipe has 80."""

    @property
    def plain(self) -> bool:
        """Whether nothing is painted."""
        return not self._codes

    def __call__(self, role: str, text: str) -> str:
        code = self._codes.get(role)
        return f"\x1b[{code}m{text}\x1b[m" if code and text else text


PLAIN = Paint()

_PIECES = re.compile(
    r"(?P<current>^=> .*$)"
    r"|(?P<address>\b0x[0-9a-f]+\b)"
    r"|(?P<function>(?:(?<= in )|(?<=, )|(?<=#\d  )|(?<=^)|(?<=<))(?:[A-Za-z_~][\w:~.@]*)"
    r"(?= \([^()]*\)(?: at | from |$)|\+\d+>|>))"
    r"|(?P<file>(?<= at )\S+:\d+$|(?<= from )/\S+$)",
    re.MULTILINE,
)
"""What stands out in frames and code, as in gdb: addresses, functions, files."""


def decorate(text: str, paint: Paint) -> str:
    """Return finished text with its addresses, functions and files painted.

    >>> print(repr(decorate("#1  0x401136 in main (...) at a.c:12", Paint("default"))))
    '#1  \\x1b[34m0x401136\\x1b[m in \\x1b[33mmain\\x1b[m (...) at \\x1b[32ma.c:12\\x1b[m'
    """
    if paint.plain:
        return text
    return _PIECES.sub(lambda found: paint(found.lastgroup or "", found[0]), text)


def coloured(settings: Settings) -> bool:
    """Return whether the environment and the settings want colour at a terminal."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") in ("dumb", ""):
        return False
    return settings.flag("style enabled")


def paint_for(session: Session | None) -> Paint:
    """Return the paint for where the session's text goes."""
    if session is None:
        return PLAIN
    is_terminal = getattr(session.out, "isatty", None)
    if is_terminal is None or not is_terminal():
        return Paint("", session.settings.limit("width") or 80)
    width = session.settings.limit("width") or _columns(session)
    theme = session.settings.text("style theme") if coloured(session.settings) else ""
    return Paint(theme, width)


def _columns(session: Session) -> int:
    try:
        return os.get_terminal_size(session.out.fileno()).columns or 80  # type: ignore[attr-defined]
    except (OSError, ValueError, AttributeError):
        return 80
