"""What ``step`` does not go into: functions and files by name or pattern (``skip``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from pydbg.errors import CommandError
from pydbg.records import Record

__all__ = ["Skip", "Skips"]


class Skip(Record, frozen=False):
    """Hold one rule; both its file and its function must be those of a place, if it has them."""

    number: int
    file: str | None = None
    file_is_glob: bool = False
    function: str | None = None
    function_is_regex: bool = False
    enabled: bool = True

    def covers(self, function: str | None, file: str | None) -> bool:
        """Tell whether a place is to be skipped (skip.c, skiplist_entry).

        >>> Skip(1, function="^ns::.*", function_is_regex=True).covers("ns::f()", "a.cc")
        True
        """
        if not self.enabled:
            return False
        if self.file is not None and not self._is_file(file):
            return False
        return self.function is None or self._is_function(function)

    def _is_file(self, file: str | None) -> bool:
        if file is None or self.file is None:
            return False
        if self.file_is_glob:
            # Part for part, so a star stops at a slash (compare_glob_filenames_for_search).
            parts, wanted = file.split("/"), self.file.split("/")
            tail = parts if self.file.startswith("/") else parts[-len(wanted) :]
            return len(tail) == len(wanted) and all(map(fnmatchcase, tail, wanted))
        return file == self.file or file.endswith("/" + self.file.lstrip("/"))

    def _is_function(self, function: str | None) -> bool:
        if function is None or self.function is None:
            return False
        if self.function_is_regex:
            return re.search(self.function, function) is not None
        wanted = self.function
        if function == wanted:
            return True
        # A C++ function may be named without its parameters.
        return "(" not in wanted and function.partition("(")[0] == wanted


class Skips:
    """Be the rules by number.

    >>> skips = Skips()
    >>> skips.add(function="f").number, skips.covers("f", "a.c"), skips.covers("g", "a.c")
    (1, True, False)
    """

    def __init__(self) -> None:
        self.by_number: dict[int, Skip] = {}
        self._last = 0

    def __iter__(self) -> Iterator[Skip]:
        return iter(self.by_number.values())

    def add(
        self,
        *,
        file: str | None = None,
        function: str | None = None,
        glob: bool = False,
        regex: bool = False,
    ) -> Skip:
        """Add a rule; raises CommandError for a pattern that is none."""
        if regex and function is not None:
            try:
                re.compile(function)
            except re.error as error:
                raise CommandError(f"Invalid regexp: {error}: {function}") from None
        self._last += 1
        skip = Skip(self._last, file, glob, function, regex)
        self.by_number[skip.number] = skip
        return skip

    def covers(self, function: str | None, file: str | None) -> bool:
        """Tell whether a place is to be skipped."""
        return any(skip.covers(function, file) for skip in self.by_number.values())
