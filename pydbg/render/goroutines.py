"""The text of ``info goroutines``."""

from __future__ import annotations

from pydbg.commands.gorecords import GoPlace, GoroutineList, GoroutineRow
from pydbg.render.escape import clean

__all__ = ["table"]


def table(record: GoroutineList) -> str:
    """Return a line for each goroutine, as the runtime's script for gdb begins it.

    >>> waits = GoroutineRow(6, "waiting", GoPlace("main.work", "a.go", 9), "chan receive", 3)
    >>> print(table(GoroutineList((waits,))))
      6 waiting  main.work at a.go:9 [chan receive, 3 minutes]
    """
    if not record.rows:
        return f"No goroutines match '{clean(record.asked)}'." if record.asked else "No goroutines."
    return "\n".join(_line(row) for row in record.rows)


def _line(row: GoroutineRow) -> str:
    mark = "*" if row.thread is not None else " "
    text = f"{mark} {row.number} {row.status:<8} {_place(row.place)}"
    details = []
    if row.wait_reason:
        details.append(clean(row.wait_reason))
    if row.minutes:
        details.append(f"{row.minutes} minute{'s' * (row.minutes > 1)}")
    if row.thread is not None:
        details.append(f"thread {row.thread}")
    if details:
        text += f" [{', '.join(details)}]"
    if row.created is not None:
        text += f" created by {_place(row.created)}"
    return text


def _place(place: GoPlace | None) -> str:
    if place is None:
        return "??"
    where = "" if place.file is None else f" at {clean(place.file)}:{place.line}"
    return f"{clean(place.function)}{where}"
