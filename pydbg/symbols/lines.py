"""Line tables: from an address to file and line, as gdb has it.

The program of one unit is run in two steps: to the rows that DWARF defines (section 6.2),
then to one table per source file with gdb's ends of sequences (``record_line`` in
buildsym.c). `LineTable.find` is gdb's ``find_pc_sect_line``: the row before the address in
whichever file is nearest. Rows are checked against pyelftools', tables and answers against
gdb's ``maintenance info line-table`` and ``info line``.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial

from pydbg.errors import FileError
from pydbg.records import Record
from pydbg.symbols.cursor import damaged
from pydbg.symbols.elf import ET_REL, ElfFile
from pydbg.symbols.line_program import (
    Header,
    PlainRow,
    RawRow,
    has_bytes,
    read_header,
    run_program,
)
from pydbg.symbols.linetables import FileTable, Row, code_of
from pydbg.symbols.units import Dwarf, Unit

__all__ = [
    "FileTable",
    "LineEntry",
    "LineTable",
    "Row",
    "UnitLines",
    "marked_prologue_end",
    "skip_prologue_using_sal",
]


class LineEntry(Record):
    """Hold the code of one line from ``low`` to before ``high`` (link addresses)."""

    low: int
    high: int
    file: str
    """As gdb shows it: mostly as the compiler was given it."""
    line: int
    is_stmt: bool
    path: str
    """Made absolute with the unit's directory, to open the source."""


class UnitLines:
    """Be the lines of one unit: a table for each of its files.

    ``read`` gives the header of its program; ``stored`` are the tables that an index has of it
    (`linetables.unpack`), None to run the program.
    """

    def __init__(
        self,
        unit: Unit,
        read: Callable[[], Header],
        program: Callable[[Header], Iterable[PlainRow]] | None = None,
        stored: Iterable[tuple[str, memoryview, memoryview]] = (),
    ) -> None:
        self.unit = unit
        self.files: list[FileTable] = []
        self._by_path: dict[str, FileTable] = {}
        self._by_number: dict[int, FileTable | None] = {}
        self._read = read
        self._found: dict[int, tuple[LineEntry, FileTable] | None] = {}
        if program is None:
            for name, addrs, codes in stored:
                path = self._path(name)
                self._by_path[path] = FileTable(name, path, addrs, codes)
            self.files = list(self._by_path.values())
            return
        if unit.name is not None:
            self._file(unit.name)
        self._build(program(self._header))
        for table in self._by_path.values():
            table.finish()
        self._order()

    @cached_property
    def _header(self) -> Header:
        return self._read()

    @cached_property
    def _high(self) -> int:
        return max((high for _, high in self.unit.ranges), default=0)

    def _path(self, name: str) -> str:
        path = name if name.startswith("/") else f"{self.unit.comp_dir or ''}/{name}"
        return os.path.normpath(path)

    def _file(self, name: str) -> FileTable:
        """Find or start the table of a file; names of one path share it and the first name."""
        path = self._path(name)
        table = self._by_path.get(path)
        if table is None:
            table = self._by_path[path] = FileTable(name, path)
        return table

    def _order(self) -> None:
        """Put the unit's own file first, then the others as in the program's header.

        Where two files have rows at one address, gdb's answer depends on this order.
        """
        order: dict[str, int] = {}
        for number in self._numbers():
            table = self._numbered(number)
            if table is not None:
                order.setdefault(table.path, number)
        primary = self._path(self.unit.name) if self.unit.name is not None else ""
        self.files = [table for table in self._by_path.values() if table.addrs]
        self.files.sort(key=lambda table: (table.path != primary, order.get(table.path, 1 << 30)))

    def _numbers(self) -> range:
        first = 0 if self._header.version >= 5 else 1
        return range(first, first + len(self._header.files))

    def file_numbered(self, number: int) -> FileTable | None:
        """Give the file with a number of the line program (DW_AT_call_file)."""
        if not self._by_number:
            try:
                for known in self._numbers():  # Names of one path share the first one.
                    self._numbered(known)
            except (FileError, IndexError, ValueError):
                return None
        return self._numbered(number)

    def table_called(self, file: str) -> FileTable | None:
        """Find the table of a path, or the last parts of one, which may be without rows."""
        tables = map(self.file_numbered, self._numbers())
        return next((table for table in tables if table and table.is_called(file)), None)

    def _numbered(self, number: int) -> FileTable | None:
        """Find the table of a file of the program; None for a number out of range."""
        if number not in self._by_number:
            name = self._header.file_name(number)
            self._by_number[number] = None if name is None else self._file(name)
        return self._by_number[number]

    def _build(self, raw: Iterable[PlainRow]) -> None:
        """Sort rows into files as gdb's lnp_state_machine::record_line does."""
        last_file: FileTable | None = None
        last_line = 0
        last_addr = -1
        stmt_at_addr = False
        current, known = self._numbered(1), 1
        fresh = True  # a new sequence: no last file yet
        for addr, number, line, is_stmt, end, before, marked, discriminated in raw:
            if before >= 0:  # DW_LNS_set_file came since the last row
                last_file = self._numbered(before)
                fresh = False
            if number != known:
                current, known = self._numbered(number), number
            if fresh:
                last_file, last_line = None, 0
                fresh = False
            if current is None:
                pass
            elif end:
                if last_file is not None:
                    last_file.end(addr)
            else:
                changed = last_file is not current
                # gdb 10 and newer: line 0 says nothing, and a row that is no statement does
                # not take the address from a statement in another file.
                ignored = line == 0 or (
                    changed and last_addr == addr and not is_stmt and stmt_at_addr
                )
                if changed and not ignored and last_file is not None:
                    last_file.end(addr)
                if not ignored:
                    if changed or line != last_line or not discriminated:
                        current.made_addrs.append(addr)
                        current.made_codes.append(code_of(line, is_stmt, marked))
                    last_file, last_line = current, line
            if last_addr != addr:
                stmt_at_addr = False
                last_addr = addr
            stmt_at_addr = stmt_at_addr or is_stmt
            if end:
                last_file, last_line, last_addr, stmt_at_addr = None, 0, -1, False
                fresh = True

    def find(self, link_addr: int) -> tuple[LineEntry, FileTable] | None:
        """Find the entry of an address in the nearest file: gdb's find_pc_sect_line."""
        if link_addr in self._found:
            return self._found[link_addr]
        if len(self._found) > 4096:
            self._found.clear()
        found = self._found[link_addr] = self._search(link_addr)
        return found

    def _search(self, addr: int) -> tuple[LineEntry, FileTable] | None:
        best = -1  # the address of the best row so far, and its code
        code = 0
        best_file: FileTable | None = None
        best_end = 0
        after = 0  # the first row of a file that starts behind the address
        for table in self.files:
            addrs, codes = table.addrs, table.codes
            first = addrs[0]
            if first > addr and (not after or first < after):
                after = first
            index = bisect_right(addrs, addr)
            if index:
                at = index - 1
                here = addrs[at]
                if here > best and codes[at] > 3:
                    best, code, best_file = here, codes[at], table
                    # At one address, a statement goes before what is none.
                    while at > 0 and not code & 2:
                        at -= 1
                        if addrs[at] != here or codes[at] <= 3:
                            break
                        if codes[at] & 2:
                            code = codes[at]
                    if best_end <= best:
                        best_end = 0
            if best_file is not None and index < len(addrs) and addrs[index] > best:
                end = addrs[index]
                if not best_end or end < best_end:
                    best_end = end
        if best_file is None:
            return None
        if best_end and (not after or best_end < after):
            end = best_end
        else:
            end = after or max(self._high, addr + 1)
        entry = LineEntry(best, end, best_file.name, code >> 2, code & 2 != 0, best_file.path)
        return entry, best_file


class LineTable:
    """Be the line information of one file, one unit at a time.

    >>> LineTable(ElfFile("/bin/true")).find(0x2000) is None
    True
    """

    def __init__(self, elf: ElfFile, dwarf: Dwarf | None = None) -> None:
        self.dwarf = dwarf if dwarf is not None else Dwarf(elf)
        self._units: dict[int, UnitLines | None] = {}
        self._tables: dict[str, list[tuple[UnitLines, FileTable]]] = {}

    def find(self, link_addr: int) -> LineEntry | None:
        """Find the line of an address; None where there is none.

        For a caller's frame, ask for its pc minus one: a return address may be the first
        byte of the next line.
        """
        unit = self.unit_at(link_addr)
        found = unit.find(link_addr) if unit is not None else None
        return found[0] if found is not None else None

    def unit_at(self, link_addr: int) -> UnitLines | None:
        """Give the lines of the unit that an address belongs to."""
        unit = self.dwarf.unit_at(link_addr)
        return self.unit_lines(unit) if unit is not None else None

    def unit_lines(self, unit: Unit) -> UnitLines | None:
        """Give a unit's lines; None where it has none or they are damaged."""
        if unit.offset not in self._units:
            lines: UnitLines | None = None
            if unit.line_offset is not None:
                try:
                    with damaged(f"{self.dwarf.elf.path}: .debug_line"):
                        lines = self._stored(unit) or self._made(unit)
                except FileError:
                    lines = None
            self._units[unit.offset] = lines
        return self._units[unit.offset]

    def _stored(self, unit: Unit) -> UnitLines | None:
        """Give the lines of a unit that an index has."""
        index = self.dwarf.index
        if index is None or unit.skeleton is not None:
            return None
        tables = index.lines_of(unit.offset)
        return None if tables is None else UnitLines(unit, self._header_of(unit), stored=tables)

    def _made(self, unit: Unit) -> UnitLines:
        return UnitLines(unit, self._header_of(unit), self._run)

    def raw_rows(self, unit: Unit) -> list[RawRow]:
        """Give the rows of a unit's program as DWARF defines them."""
        with damaged(f"{self.dwarf.elf.path}: .debug_line"):
            return list(map(RawRow._make, self._run(read_header(self.dwarf, unit))))

    def header(self, unit: Unit) -> Header:
        """Read the header of a unit's program: directories and files."""
        with damaged(f"{self.dwarf.elf.path}: .debug_line"):
            return read_header(self.dwarf, unit)

    def _header_of(self, unit: Unit) -> Callable[[], Header]:
        return partial(read_header, self.dwarf, unit)

    def _run(self, header: Header) -> Iterable[PlainRow]:
        linked = self.dwarf.elf.type != ET_REL
        return run_program(self.dwarf.section(".debug_line"), header, linked=linked)

    def tables_of(self, file: str) -> list[tuple[UnitLines, FileTable]]:
        """Find a source file's lines in all units; ``file`` is a path or its last parts.

        Only programs that name such a file are run.
        """
        found = self._tables.get(file)
        if found is None:
            base = os.path.normpath(file).rpartition("/")[2]
            found = self._tables[file] = [
                (lines, table)
                for unit in self._units_naming(base)
                if (lines := self.unit_lines(unit)) is not None
                for table in lines.files
                if table.is_called(file)
            ]
        return found

    def naming(self, file: str) -> Iterator[tuple[Unit, FileTable]]:
        """Give the units whose programs name a file, and its table, which may be without rows."""
        for unit in self._units_naming(os.path.normpath(file).rpartition("/")[2]):
            lines = self.unit_lines(unit)
            table = lines.table_called(file) if lines is not None else None
            if table is not None:
                yield unit, table

    def _units_naming(self, base: str) -> Iterator[Unit]:
        """Give the units whose programs name a file of this last part."""
        raw = base.encode("utf-8", "surrogateescape") + b"\0"
        for unit in self.dwarf.units_with_file(raw[:-1]):
            if unit.line_offset is None:
                continue
            if self.dwarf.index is not None and self.dwarf.index.has_lines(unit.offset):
                yield unit  # To look is no more work than to read the names.
                continue
            try:
                if unit.version < 5 and not has_bytes(self.dwarf, unit, raw):
                    continue
                files = self.header(unit).files
            except FileError:
                continue
            if any(entry.name.rpartition("/")[2] == base for entry in files):
                yield unit


def marked_prologue_end(lines: LineTable, low: int, high: int) -> int | None:
    """Find the end of the prologue that the compiler marked (DW_LNS_set_prologue_end).

    LLVM and Go mark it. As in gdb 13.1, a mark exactly at ``high`` counts too (PR 30369).
    """
    unit = lines.unit_at(low)
    found = unit.find(low) if unit is not None else None
    if found is None or found[1].is_assembly:
        return None
    table = found[1]
    return next((row.addr for row in table.between(low, high + 1) if row.prologue_end), None)


def skip_prologue_using_sal(
    lines: LineTable, low: int, high: int, is_inlined: Callable[[int], bool] = lambda _: False
) -> int:
    """Find the end of the prologue of the function from ``low`` to ``high`` by its lines.

    gdb's function of this name: the second line begins the body, unless it goes back to a
    smaller number. ``is_inlined`` tells whether an address is in an inlined call, whose line
    numbers mean nothing here. 0 where the lines do not tell.
    """
    unit = lines.unit_at(low)
    found = unit.find(low) if unit is not None else None
    if unit is None or found is None:
        return low
    prologue, table = found
    if not table.is_assembly:
        index = bisect_left(table.addrs, prologue.low)
        while table.codes[index] <= 3:  # An end lies before the row of the prologue.
            index += 1
        if index + 1 < len(table.addrs):
            following = table.rows[index + 1]
            if following.line and following.addr == low:
                return low
    if prologue.high >= high:
        return 0
    while prologue.high < high:
        found = unit.find(prologue.high)
        if found is None or found[0].line >= prologue.line or found[1] is not table:
            break
        if is_inlined(prologue.high):
            break
        prologue = found[0]
    return prologue.high if prologue.high < high else prologue.low
