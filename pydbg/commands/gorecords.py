"""Records of goroutines: what ``info goroutines`` lists."""

from __future__ import annotations

from pydbg.records import Record

__all__ = ["GoPlace", "GoroutineList", "GoroutineRow"]


class GoPlace(Record):
    """Hold a place in a line: function, and file and line where they are known."""

    function: str
    file: str | None = None
    line: int | None = None


class GoroutineRow(Record):
    """Describe one goroutine in a line; ``thread`` is the number of the thread that runs it."""

    number: int
    status: str
    place: GoPlace | None
    wait_reason: str = ""
    minutes: int = 0
    thread: int | None = None
    created: GoPlace | None = None
    current: bool = False


class GoroutineList(Record):
    """Hold the goroutines, those of a pattern if ``asked``."""

    rows: tuple[GoroutineRow, ...]
    asked: str = ""
