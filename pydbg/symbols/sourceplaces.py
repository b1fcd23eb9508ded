"""What a run-time address is in the source: its line, and the inlined calls around it."""

from __future__ import annotations

from pydbg.records import NamedTuple

__all__ = ["InlineCall", "SourceLine"]


class SourceLine(NamedTuple):
    """Hold where an address comes from; ``low`` to ``high`` is the line's run-time range.

    ``file`` is the name as the compiler was given it, ``path`` with its directory.
    """

    file: str
    line: int
    low: int
    high: int
    is_stmt: bool = True
    path: str = ""


class InlineCall(NamedTuple):
    """Hold a call that was inlined: what was called, from which line, and its run-time code."""

    function: str | None
    file: str | None
    path: str
    line: int
    ranges: tuple[tuple[int, int], ...]
    has_parameters: bool = True
    die: int = 0
    """Offset of its entry in .debug_info: which call it is."""

    def begins_at(self, addr: int) -> bool:
        """Tell whether its code, or a part of it, begins at an address that is inside."""
        return not self.contains(addr - 1)

    def contains(self, addr: int) -> bool:
        """Tell whether a run-time address is in the inlined code."""
        return any(low <= addr < high for low, high in self.ranges)
