"""Regular expressions that are compiled when they are first used.

One takes half a millisecond, and the modules that a session loads have a hundred of them, of
which it uses ten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AnyStr, cast

if TYPE_CHECKING:
    import re

__all__ = ["lazy_pattern"]

_METHODS = "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"


class _Pattern:
    """Stand for a pattern until something is asked of it."""

    def __init__(self, text: Any, flags: int) -> None:
        self._asked = text, flags

    def __getattr__(self, name: str) -> Any:
        import re

        compiled = re.compile(*self._asked)
        # From now on the methods are the pattern's own, and nothing is in between.
        self.__dict__.update((method, getattr(compiled, method)) for method in _METHODS)
        return getattr(compiled, name)


def lazy_pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Give what ``re.compile`` gives, compiled at its first use; re.error is raised then.

    >>> word = lazy_pattern(r"[a-z]+")
    >>> word.findall("a bc"), word.pattern
    (['a', 'bc'], '[a-z]+')
    """
    return cast("re.Pattern[AnyStr]", _Pattern(text, flags))
