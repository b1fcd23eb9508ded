"""Where ``break FILE:LINE`` stops: gdb's create_sals_line_offset (linespec.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydbg.symbols.lines import FileTable, LineTable
    from pydbg.symbols.modules import Module


BlockOf = Callable[[int], object | None]


def line_places(
    module: Module, file: str, line: int, block_of: BlockOf | None = None
) -> list[tuple[int, int, int]]:
    """Return (link address, line, the line's own link address) of each place of FILE:LINE.

    A line without code moves to the next one that has some, in the same file. Each block of the
    program (``block_of``; by default each function) comes once, and a place in a function's
    prologue moves behind that.
    """
    table = module.lines
    if table is None:
        return []
    tables = list(_tables(table, file))
    exact = _next_line(tables, line)
    if exact is None:
        return []
    places: dict[object, tuple[int, int, int]] = {}
    for source in tables:
        for at in source.statements(exact):
            start, addr = _place(module, at)
            block = block_of(at) if block_of is not None else None
            key = block or (start, at if block_of is not None else None)
            if key not in places:
                shown = exact if addr == at else _moved_line(module, addr, exact)
                places[key] = addr, shown, at
    return list({place[0]: place for place in places.values()}.values())


def _moved_line(module: Module, addr: int, line: int) -> int:
    """Return the line behind a prologue: that of the call where a call is inlined there."""
    calls = module.inline_calls_at(module.addr(addr))
    if calls and calls[0].line:
        return calls[0].line
    moved = module.lines.find(addr) if module.lines is not None else None
    return moved.line if moved else line


def has_file(module: Module, file: str) -> bool:
    """Tell whether a module has a file, given as a path or its last parts, if without lines."""
    table = module.lines
    return table is not None and (bool(_tables(table, file)) or any(table.naming(file)))


def unit_has_file(module: Module, link_addr: int, file: str) -> bool:
    """Tell whether the unit of an address has lines of a file (given as in `has_file`)."""
    lines = module.lines.unit_at(link_addr) if module.lines is not None else None
    return lines is not None and any(source.is_called(file) for source in lines.files)


def line_starts(
    module: Module, file: str, line: int, at: int | None = None
) -> list[tuple[int, int]]:
    """Return (line, link address) of the first code of FILE:LINE in each unit that has the file.

    The unit around the link address ``at`` comes first. A unit without code for the line has
    that of another, or of the next line that has some (symtab.c, find_line_symtab).
    """
    if module.lines is None:
        return []
    mine = None if at is None else module.lines.unit_at(at)
    pairs = sorted(module.lines.tables_of(file), key=lambda pair: pair[0] is not mine)
    tables = [table for _, table in pairs]
    exact = _next_line(tables, line)
    if exact is None:
        return []
    found = [table.statements(exact) for table in tables]
    return list(dict.fromkeys((exact, addrs[0]) for addrs in found if addrs))


def _tables(table: LineTable, file: str) -> list[FileTable]:
    return [source for _, source in table.tables_of(file)]


def _next_line(tables: list[FileTable], line: int) -> int | None:
    lines = (table.next_line(line) for table in tables)
    return min((found for found in lines if found is not None), default=None)


def _place(module: Module, link_addr: int) -> tuple[int, int]:
    """Return (function's start, place behind its prologue)."""
    from pydbg.symbols.breakaddr import breakpoint_addr

    table = module.function_table
    function = table.at(link_addr) if table is not None else None
    if function is None:
        return link_addr, link_addr
    behind = breakpoint_addr(module, function.low, module.elf.load_bytes)
    inside = any(low <= link_addr < high for low, high in function.ranges[:1])
    return function.low, max(link_addr, behind) if inside else link_addr
