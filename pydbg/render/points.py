"""The text of breakpoints and catchpoints: when they are made, and their table."""

from __future__ import annotations

from collections.abc import Iterator

from pydbg.commands.results import PointRow, Points, PointSet, Site
from pydbg.render.escape import address, clean
from pydbg.runtimeevents import EVENTS

__all__ = ["indented", "made", "table"]


def made(record: PointSet) -> str:
    r"""Return what ``break`` and ``catch`` print (breakpoint.c, say_where, mention).

    >>> site = Site(1, 0x1183, file="a.c", line=13)
    >>> print(made(PointSet("breakpoint", 1, False, "main", (site,))))
    Breakpoint 1 at 0x1183: file a.c, line 13.
    >>> print(made(PointSet("catchpoint", 2, False, "", what="fork")))
    Catchpoint 2 (fork)
    """
    lines = [_also(others, addr) for addr, others in record.also]
    return "\n".join([*lines, _made(record)])


_WATCHPOINTS = {
    "watchpoint": "Watchpoint",
    "hw watchpoint": "Hardware watchpoint",
    "read watchpoint": "Hardware read watchpoint",
    "acc watchpoint": "Hardware access (read/write) watchpoint",
}


def _made(record: PointSet) -> str:
    if record.kind == "catchpoint":
        # gdb says "Catchpoint" for tcatch too.
        row = EVENTS.get(record.what)
        if record.temporary and row is not None and not row.extension:
            # break-catch-throw.c, print_mention_exception_catchpoint: two blanks.
            return f"Temporary catchpoint  {record.number} ({record.what})"
        return f"Catchpoint {record.number} ({clean(record.what)})"
    if record.kind in _WATCHPOINTS:
        return f"{_WATCHPOINTS[record.kind]} {record.number}: {clean(record.spec)}"
    if record.kind == "hw breakpoint":
        word = "Temporary hardware" if record.temporary else "Hardware assisted"
        word += " breakpoint"
    elif record.kind == "dprintf":
        word = "Dprintf"
    else:
        word = "Temporary breakpoint" if record.temporary else "Breakpoint"
    text = f"{word} {record.number}"
    if record.pending or not record.sites:
        return f"{text} ({clean(record.spec)}) pending."
    first = record.sites[0]
    if first.addr is not None:
        text += f" at {first.addr:#x}"
    if len(record.sites) > 1:
        if first.file is not None:
            return f"{text}: {clean(record.spec)}. ({len(record.sites)} locations)"
        return f"{text} ({len(record.sites)} locations)"
    if first.file is not None:
        return f"{text}: file {clean(first.file)}, line {first.line}."
    return text


def _also(others: tuple[tuple[int, bool], ...], addr: int) -> str:
    """Return the note about other breakpoints here (breakpoint.c, describe_other_breakpoints)."""
    words = [f"{number}" + ("" if enabled else " (disabled)") for number, enabled in others]
    if len(words) == 1:
        return f"Note: breakpoint {words[0]} also set at pc {addr:#x}."
    listed = f"{', '.join(words[:-1])} and {words[-1]}"
    return f"Note: breakpoints {listed} also set at pc {addr:#x}."


def table(record: Points) -> str:
    """Return the table of ``info breakpoints``."""
    if not record.rows:
        return "No breakpoints or watchpoints."
    return "\n".join(_table(record))


def _table(record: Points) -> Iterator[str]:
    word_size = record.word_size
    num = 3
    kinds = max(14, *(len(row.kind) for row in record.rows))
    # Catchpoints alone have no address to make room for (breakpoint_address_bits).
    width = 2 + 2 * word_size if any(row.sites or row.placed for row in record.rows) else 10
    yield f"{'Num':<{num}}     {'Type':<{kinds}} Disp Enb {'Address':<{width}} What"
    for row in record.rows:
        yield from _row(row, num, kinds, width, word_size)


def _many(row: PointRow) -> bool:
    return len(row.sites) > 1 or (len(row.sites) == 1 and not row.sites[0].enabled)


def _row(row: PointRow, num: int, kinds: int, width: int, word_size: int) -> Iterator[str]:
    enabled = "y" if row.enabled else "n"
    text = f"{row.number!s:<{num + 4}} {row.kind:<{kinds}} {row.disposition:<4} {enabled:<3} "
    many = _many(row)
    if row.kind.endswith(("catchpoint", "watchpoint")):
        text += f"{'':<{width}} {clean(row.what)}"
    elif row.pending or not row.sites:
        text += f"{'<PENDING>':<{width}} {clean(row.what)}"
    elif many:
        text += f"{'<MULTIPLE>':<{width}} "
    else:
        text += f"{_addr(row.sites[0], word_size):<{width}} {_where(row.sites[0])}"
    if row.thread is not None:
        text += f" thread {row.thread}"
    yield text
    if row.matching:
        yield f"\tmatching: {clean(row.matching)}"
    if row.condition:
        yield f"\tstop only if {clean(row.condition)}"
    if row.thread is not None:
        yield f"\tstop only in thread {row.thread}"
    if row.hits:
        word = "catchpoint" if row.kind == "catchpoint" else "breakpoint"
        yield f"\t{word} already hit {row.hits} time{'' if row.hits == 1 else 's'}"
    if row.ignore:
        yield f"\tignore next {row.ignore} hits"
    if row.enable_count:
        more = "additional" if row.ignore else "next"
        hits = "hit" if row.enable_count == 1 else "hits"
        yield f"\tdisable after {more} {row.enable_count} {hits}"
    yield from indented(row.commands)
    if many:
        for site in row.sites:
            label = f"{row.number}.{site.number}"
            on = "y" if site.enabled else "n"
            gap = f"{label:<{num + 4}} {'':<{kinds}} {'':<4} {on:<3} "
            yield f"{gap}{_addr(site, word_size):<{width}} {_where(site)}"


def _addr(site: Site, word_size: int) -> str:
    return "<PENDING>" if site.addr is None else address(site.addr, word_size)


def _where(site: Site) -> str:
    how = f" [{site.how}]" if site.how else ""
    if site.spec:
        return clean(site.spec) + how
    if site.file is not None:
        name = f"in {clean(site.function)} at " if site.function else ""
        return f"{name}{clean(site.file)}:{site.line}{how}"
    return (f"<{clean(site.symbolic)}>" if site.symbolic else "") + how


def indented(commands: tuple[str, ...], margin: int = 8) -> Iterator[str]:
    """Return a command list as gdb shows it: a margin, 2 blanks more in a block."""
    depth = 0
    for line in commands:
        word = line.split(None, 1)[0] if line.strip() else ""
        if word in ("end", "else"):
            depth = max(0, depth - 1)
        yield " " * (margin + 2 * depth) + clean(line.strip())
        if word in ("if", "while", "else", "python", "commands"):
            depth += 1
