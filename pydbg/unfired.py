"""Catchpoints that caught nothing in a run, and what was called instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.breakpoints import Catchpoint

if TYPE_CHECKING:
    from pydbg.debugger import Debugger

__all__ = ["unfired"]

_MOST = 5
"""So many relatives of a call are named."""


def unfired(dbg: Debugger) -> list[str]:
    """Return a sentence for each system call that was to be caught and never was.

    >>> import pydbg
    >>> with pydbg.launch("/bin/sleep", "0") as dbg:
    ...     catch = dbg.catch_syscall("nanosleep")
    ...     event = dbg.cont()
    ...     unfired(dbg)
    ['Catchpoint 1: nanosleep: 0 hits; saw clock_nanosleep x1']
    """
    found = []
    for point in dbg.breakpoints.values():
        if not isinstance(point, Catchpoint) or point.kind != "syscall" or point.numbers is None:
            continue
        if point.enabled and not point.deleted and not point.hits:
            what = f"{' '.join(point.specs)}: 0 hits"
            found.append(f"Catchpoint {point.number}: {what}; {_instead(dbg, point)}")
    return found


def _instead(dbg: Debugger, point: Catchpoint) -> str:
    from pydbg.syscalls.relatives import watched
    from pydbg.syscalls.table import table_for

    log = dbg.calllog
    numbers = point.numbers or {}
    own = sum(count for (abi, nr), count in log.seen.items() if nr in numbers.get(abi, ()))
    if own:
        why = "its condition never held" if point.condition is not None else "not in its thread"
        return f"seen {_times(own)}, {why}"
    near = _near(point)
    counts: dict[str, int] = {}
    for (abi, nr), count in log.seen.items():
        name = table_for(abi).call(nr).name
        if name in near and nr not in numbers.get(abi, ()):
            counts[name] = counts.get(name, 0) + count
    if counts:
        rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
        return "saw " + ", ".join(f"{name} x{count}" for name, count in rows[:_MOST])
    if log.everything:
        return "no call like it was made"
    looked = {
        table_for(abi).call(nr).name for abi, some in numbers.items() for nr in watched(abi, some)
    }
    if near and near <= looked:
        main = dbg.arch.syscall_abi
        known = sorted(name for name in near if table_for(main).by_name(name) is not None)
        return f"nor was {' or '.join(known)} called" if known else "no call like it was made"
    return "what else was called is not known (set syscall-filter off looks at all calls)"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _near(point: Catchpoint) -> frozenset[str]:
    from pydbg.syscalls.relatives import relatives

    empty: frozenset[str] = frozenset()
    return empty.union(*(relatives(name) for name, _ in point.names)) - {n for n, _ in point.names}
