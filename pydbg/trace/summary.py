"""The table of ``-c`` and ``-C``: how often each call was made, how long it took, how it failed.

strace's columns, order and widths. Time is what the program spent in the kernel during the call
(its system time at the two stops, wait4(2)), with ``-w`` what passed on the clock. Counting may
be by something else than the call: by the function that called, by path, descriptor or thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydbg.errors import DebuggerError
from pydbg.linux import procfs
from pydbg.trace.options import TraceOptions
from pydbg.trace.sink import Sink
from pydbg.trace.tasks import Row, Task

__all__ = ["Summary", "render"]

_DEFAULT = ("time-percent", "total-time", "avg-time", "calls", "errors", "name")
_HEADS = {
    "time-percent": ("% time", 6), "total-time": ("seconds", 11), "min-time": ("shortest", 8),
    "max-time": ("longest", 8), "avg-time": ("usecs/call", 11), "calls": ("calls", 9),
    "errors": ("errors", 9), "name": ("syscall", 16),
}  # fmt: skip


class Count:
    """Hold what was counted under one name; times are in seconds."""

    __slots__ = ("calls", "errors", "longest", "name", "number", "shortest", "total")

    def __init__(self, name: str, number: int = 0) -> None:
        self.name = name
        self.number = number
        self.calls = self.errors = 0
        self.total = self.longest = 0.0
        self.shortest = float("inf")

    def add(self, seconds: float, failed: bool) -> None:
        """Count one call."""
        self.calls += 1
        self.errors += failed
        self.total += seconds
        self.shortest = min(self.shortest, seconds)
        self.longest = max(self.longest, seconds)


class Summary(Sink):
    """Count calls."""

    decodes = False

    def __init__(self, options: TraceOptions) -> None:
        self._wall = options.wall
        self._overhead = options.overhead
        self._by = options.summary_by
        self._counts: dict[str, dict[str, Count]] = {}
        """By ABI, or by "" where something else than calls is counted."""
        self._by_row: dict[Row, Count] = {}
        self._key: dict[str, Callable[[Task], str]] = {
            "thread": _thread,
            "fd": _descriptor,
            "path": _path,
            "caller": _caller,
        }

    def returned(self, task: Task) -> None:
        """Count a call."""
        row = task.row
        assert row is not None and task.ret is not None
        if self._wall:
            seconds = task.took / 1e9
        else:
            seconds = task.stime - task.clock
        if self._overhead:
            seconds = max(seconds - self._overhead, 0.0)
        count = self._by_row.get(row) if not self._by else None
        if count is None:
            name = self._key[self._by](task) if self._by else row.call.name
            abi = "" if self._by else row.abi
            counts = self._counts.setdefault(abi, {})
            count = counts.get(name)
            if count is None:
                count = counts[name] = Count(name, row.call.number)
            if not self._by:
                self._by_row[row] = count
        count.add(seconds, -4095 <= task.ret < 0)

    def text(self, options: TraceOptions) -> str:
        """Return the table, or one for each ABI that was used."""
        texts: list[str] = []
        for abi in ("x86_64", "i386", "x32", ""):
            counts = self._counts.get(abi)
            if not counts:
                continue
            if texts or (abi not in ("x86_64", "") and len(self._counts) > 1):
                mode = {"i386": "32 bit", "x32": "x32"}.get(abi, "64 bit")
                texts.append(f"System call usage summary for {mode} mode:\n")
            texts.append(render(list(counts.values()), options))
        if not texts:
            texts.append(render([], options))
        return "".join(texts)


def _thread(task: Task) -> str:
    try:
        return f"{task.tid} {procfs.comm(task.tid)}"
    except DebuggerError:
        return str(task.tid)


def _descriptor(task: Task) -> str:
    assert task.row is not None
    for arg, value in zip(task.row.call.args, task.args, strict=False):
        if arg.kind == "fd" and not arg.out:
            fd = value & 0xFFFFFFFF
            fd -= (fd >> 31) << 32
            path = procfs.fd_path(task.tid, fd) if fd >= 0 else None
            return f"{fd}<{path}>" if path else str(fd)
    return "(no descriptor)"


def _path(task: Task) -> str:
    from pydbg.trace.pathfilter import text_at

    assert task.row is not None
    for arg, value in zip(task.row.call.args, task.args, strict=False):
        if arg.kind == "path" and not arg.out:
            path = text_at(task, value)
            if path:
                return path
        elif arg.kind == "fd" and not arg.out and value < 1 << 31:
            path = procfs.fd_path(task.tid, value)
            if path:
                return path
    return "(no path)"


def _caller(task: Task) -> str:
    from pydbg.trace.stacks import caller

    return caller(task.stack)


def _order(counts: list[Count], sort: str) -> list[Count]:
    keys: dict[str, Callable[[Count], Any]] = {
        "time": lambda count: -count.total,
        "min-time": lambda count: -count.shortest,
        "max-time": lambda count: -count.longest,
        "avg-time": lambda count: -(count.total / count.calls),
        "calls": lambda count: -count.calls,
        "errors": lambda count: -count.errors,
        "name": lambda count: count.name,
    }
    counts = sorted(counts, key=lambda count: count.number)
    return counts if sort == "nothing" else sorted(counts, key=keys[sort])


def render(counts: Sequence[Count], options: TraceOptions) -> str:
    """Return strace's table of some counts, which are in the order of the calls' numbers."""
    columns = options.columns or _DEFAULT
    total = Count("total")
    for count in counts:
        total.calls += count.calls
        total.errors += count.errors
        total.total += count.total
        total.shortest = min(total.shortest, count.shortest)
        total.longest = max(total.longest, count.longest)
    table = [_cells(count, total) for count in _order(list(counts), options.sort)]
    sums = _cells(total, total) | {"time-percent": "100.00"}
    widths = {
        column: max([_HEADS[column][1], *(len(row[column]) for row in (*table, sums))])
        for column in columns
    }
    rule = " ".join("-" * widths[column] for column in columns)
    lines = [{column: _HEADS[column][0] for column in columns}, *table]
    texts = [_line(row, columns, widths) for row in lines]
    return "\n".join([texts[0], rule, *texts[1:], rule, _line(sums, columns, widths)]) + "\n"


def _line(row: Mapping[str, str], columns: Sequence[str], widths: Mapping[str, int]) -> str:
    cells = []
    for column in columns:
        if column != "name":
            cells.append(row[column].rjust(widths[column]))
        elif column == columns[-1]:
            cells.append(row[column])
        else:
            cells.append(row[column].ljust(widths[column]))
    return " ".join(cells)


def _cells(count: Count, total: Count) -> dict[str, str]:
    calls = max(count.calls, 1)
    shortest = count.shortest if count.calls else 0.0
    return {
        "time-percent": f"{100 * count.total / total.total if total.total else 0:.2f}",
        "total-time": f"{count.total:.6f}",
        "min-time": f"{shortest:.6f}",
        "max-time": f"{count.longest:.6f}",
        "avg-time": str(int(count.total * 1e6 / calls)),
        "calls": str(count.calls),
        "errors": str(count.errors) if count.errors else "",
        "name": count.name,
    }
