"""Line number programs: DWARF 2 to 5, section 6.2, headers and state machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydbg.records import Record
from pydbg.symbols.cursor import cstring, fixed, signed, sleb, uleb
from pydbg.symbols.dwarf import read_form
from pydbg.symbols.units import Dwarf, Unit

__all__ = ["FileEntry", "Header", "PlainRow", "RawRow", "has_bytes", "read_header", "run_program"]

_DW_LNCT_PATH, _DW_LNCT_DIRECTORY = 1, 2
_MAX_FILES = 1 << 20
_PIECE = 1 << 16  # bytes between two looks at the number of rows
_MAX_ROWS = 1 << 20
"""What one program may make: the longest of real ones have some 300,000."""


class FileEntry(NamedTuple):
    """Hold a file of the header's table: its name and its directory's index."""

    name: str
    directory: int


class Header(Record, frozen=False):
    """Hold a program's header."""

    version: int
    offset_size: int
    address_size: int
    program: int
    """Where the instructions begin, and below, where they end, in .debug_line."""
    end: int
    min_insn: int
    default_is_stmt: bool
    line_base: int
    line_range: int
    opcode_base: int
    opcode_lengths: tuple[int, ...]
    directories: list[str]
    files: list[FileEntry]
    comp_dir: str

    def file(self, number: int) -> FileEntry | None:
        """Find a file by the number programs use: from 0 since DWARF 5, else from 1."""
        index = number if self.version >= 5 else number - 1
        return self.files[index] if 0 <= index < len(self.files) else None

    def file_name(self, number: int) -> str | None:
        """Give a file's name with its directory, relative where the compiler was.

        None for a number that is not in the table.
        """
        entry = self.file(number)
        if entry is None:
            return None
        if entry.name.startswith("/"):
            return entry.name
        index = entry.directory if self.version >= 5 else entry.directory - 1
        if not 0 <= index < len(self.directories):  # DWARF 4's 0: the unit's directory
            return entry.name
        directory = self.directories[index]
        return f"{directory}/{entry.name}" if directory else entry.name


class RawRow(NamedTuple):
    """Hold one row that a program appends."""

    addr: int
    file: int
    line: int
    is_stmt: bool
    end_sequence: bool
    file_before: int
    """The file in force before the last DW_LNS_set_file since the last row, else -1: gdb
    ends that file's rows here."""
    prologue_end: bool
    discriminated: bool
    """Whether a discriminator has been seen since the line last changed."""


def read_header(dwarf: Dwarf, unit: Unit) -> Header:
    """Read the header of a unit's line program."""
    data = dwarf.section(".debug_line")
    assert unit.line_offset is not None
    length, pos = fixed(data, unit.line_offset, 4)
    wide = 4
    if length == 0xFFFFFFFF:
        length, pos = fixed(data, pos, 8)
        wide = 8
    end = pos + length
    if end > len(data):
        raise IndexError("a program ends behind the section")
    version, pos = fixed(data, pos, 2)
    if not 2 <= version <= 5:
        raise ValueError(f"version {version}")
    address_size = unit.address_size
    if version >= 5:
        address_size, pos = data[pos], pos + 2
    header_length, pos = fixed(data, pos, wide)
    program = pos + header_length
    min_insn, pos = data[pos], pos + (2 if version >= 4 else 1)
    default_is_stmt, line_base = data[pos] != 0, signed(data[pos + 1], 1)
    line_range, opcode_base = data[pos + 2], data[pos + 3]
    pos += 4
    lengths = tuple(data[pos : pos + max(0, opcode_base - 1)])
    pos += len(lengths)
    header = Header(
        version, wide, address_size, program, end, min_insn, default_is_stmt, line_base,
        line_range, opcode_base, lengths, [], [], unit.comp_dir or "",
    )  # fmt: skip
    if program > end or line_range == 0 or opcode_base == 0 or address_size not in (4, 8):
        raise ValueError("impossible header")
    # The tables are read from a copy: finding a string's end needs bytes.
    tables = bytes(data[pos:program])
    if version >= 5:
        _read_tables(dwarf, unit, header, tables)
    else:
        _read_old_tables(header, tables)
    return header


def has_bytes(dwarf: Dwarf, unit: Unit, needle: bytes) -> bool:
    """Tell whether a unit's program of a version before 5 can name a file: names are in it.

    True for a program of another version.
    """
    data, start = dwarf.section(".debug_line"), unit.line_offset
    if start is None or start + 10 > len(data):
        return False
    length, pos = fixed(data, start, 4)
    if length == 0xFFFFFFFF or fixed(data, pos, 2)[0] >= 5:
        return True
    size = fixed(data, pos + 2, 4)[0]
    return needle in bytes(data[pos : min(pos + 6 + size, pos + length)])


def _read_old_tables(header: Header, data: bytes) -> None:
    pos = 0
    while data[pos]:
        name, pos = cstring(data, pos)
        header.directories.append(_text(name))
    pos += 1
    while data[pos]:
        entry, pos = _old_file(data, pos)
        header.files.append(entry)


def _old_file(data: bytes, pos: int) -> tuple[FileEntry, int]:
    name, pos = cstring(data, pos)
    directory, pos = uleb(data, pos)
    _mtime, pos = uleb(data, pos)
    _size, pos = uleb(data, pos)
    return FileEntry(_text(name), directory), pos


def _read_tables(dwarf: Dwarf, unit: Unit, header: Header, data: bytes) -> None:
    """Read DWARF 5's directories and files: tables that describe their own columns."""
    directories, pos = _read_table(dwarf, unit, header, data, 0)
    header.directories = [name for name, _ in directories]
    files, pos = _read_table(dwarf, unit, header, data, pos)
    header.files = [FileEntry(name, index) for name, index in files]


def _read_table(
    dwarf: Dwarf, unit: Unit, header: Header, data: bytes, pos: int
) -> tuple[list[tuple[str, int]], int]:
    columns = []
    count, pos = data[pos], pos + 1
    for _ in range(count):
        content, pos = uleb(data, pos)
        form, pos = uleb(data, pos)
        columns.append((content, form))
    count, pos = uleb(data, pos)
    if count > _MAX_FILES or (count and not columns):
        raise ValueError(f"{count} files")
    entries = []
    for _ in range(count):
        name, directory = "", 0
        for content, form in columns:
            value, pos = read_form(
                data,
                pos,
                form,
                address_size=header.address_size,
                offset_size=header.offset_size,
                version=5,
            )
            if content == _DW_LNCT_PATH:
                raw = dwarf.raw_string(unit.skeleton or unit, (form, value))
                name = _text(raw if raw is not None else b"")
            elif content == _DW_LNCT_DIRECTORY and isinstance(value, int):
                directory = value
        if pos > len(data):
            raise IndexError("a table ends behind the header")
        entries.append((name, directory))
    return entries, pos


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


PlainRow = tuple[int, int, int, bool, bool, int, bool, bool]
"""What a `RawRow` holds; there are too many to give each field its name."""


def run_program(section: memoryview, header: Header, *, linked: bool = False) -> Iterator[PlainRow]:
    """Run a program and give its rows.

    In what is linked, sequences at address 0 belong to functions that the linker dropped and
    are left out.
    """
    data = bytes(section[header.program : header.end])
    rows = 0
    pos, size = 0, len(data)
    base, line_base, line_range = header.opcode_base, header.line_base, header.line_range
    min_insn = header.min_insn
    const_add = (255 - base) // line_range * min_insn
    while pos < size:
        addr, file, line, is_stmt, before = 0, 1, 1, header.default_is_stmt, -1
        discriminator, discriminated, marked = 0, False, False
        dropped = ended = False
        while not ended and pos < size:
            if rows > _MAX_ROWS:
                raise ValueError("too many rows")
            stop = min(size, pos + _PIECE)
            while not ended and pos < stop:
                op = data[pos]
                pos += 1
                if op >= base:
                    op -= base
                    delta = line_base + op % line_range
                    addr += op // line_range * min_insn
                    if delta:
                        line += delta
                        discriminated = discriminator != 0
                    if not dropped:
                        rows += 1
                        yield addr, file, line, is_stmt, False, before, marked, discriminated
                    before, discriminator, marked = -1, 0, False
                elif op == 0:  # an extended instruction
                    length, pos = uleb(data, pos)
                    following = pos + length
                    if length == 0 or following > size:
                        raise IndexError("an extended instruction ends behind the program")
                    kind = data[pos]
                    if kind == 1:  # DW_LNE_end_sequence
                        if not dropped:
                            yield addr, file, line, is_stmt, True, before, marked, discriminated
                        ended = True
                    elif kind == 2:  # DW_LNE_set_address
                        addr, _ = fixed(data, pos + 1, min(length - 1, 8))
                        dropped = addr == 0 and linked
                    elif kind == 3:  # DW_LNE_define_file
                        entry, _ = _old_file(data, pos + 1)
                        if len(header.files) < _MAX_FILES:
                            header.files.append(entry)
                    elif kind == 4:  # DW_LNE_set_discriminator
                        discriminator, _ = uleb(data, pos + 1)
                        discriminated = discriminated or discriminator != 0
                    pos = following
                elif op == 1:  # DW_LNS_copy
                    if not dropped:
                        rows += 1
                        yield addr, file, line, is_stmt, False, before, marked, discriminated
                    before, discriminator, marked = -1, 0, False
                elif op == 2:  # DW_LNS_advance_pc
                    value, pos = uleb(data, pos)
                    addr += value * min_insn
                elif op == 3:  # DW_LNS_advance_line
                    delta, pos = sleb(data, pos)
                    if delta:
                        line += delta
                        discriminated = discriminator != 0
                elif op == 4:  # DW_LNS_set_file
                    before = file
                    file, pos = uleb(data, pos)
                    discriminated = discriminator != 0
                elif op == 6:  # DW_LNS_negate_stmt
                    is_stmt = not is_stmt
                elif op == 8:  # DW_LNS_const_add_pc
                    addr += const_add
                elif op == 9:  # DW_LNS_fixed_advance_pc
                    value, pos = fixed(data, pos, 2)
                    addr += value
                elif op in (5, 12):  # DW_LNS_set_column, DW_LNS_set_isa
                    _, pos = uleb(data, pos)
                elif op == 10:  # DW_LNS_set_prologue_end
                    marked = True
                elif op not in (7, 11):  # set_basic_block, set_epilogue_begin
                    for _ in range(header.opcode_lengths[op - 1]):  # one of a later DWARF
                        _, pos = uleb(data, pos)
