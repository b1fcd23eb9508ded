"""Read Go's function table, which stays in a program when its symbols are stripped.

Names, entry addresses and line numbers are in .gopclntab because the Go runtime itself needs
them for tracebacks: src/runtime/symtab.go and src/debug/gosym/pclntab.go of Go 1.2 to 1.2x. The
layout changed with Go 1.16, 1.18 and 1.20; the magic number tells which it is.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from pydbg.errors import FileError
from pydbg.symbols.elf import SHT_NOBITS, SHT_RELA, ElfFile, Section
from pydbg.symbols.languages import GO_TABLES
from pydbg.symbols.symtab import Symbol

if TYPE_CHECKING:
    from pydbg.symbols.goinline import GoInlined, InlineTrees

__all__ = ["GoTable", "find_go_table"]

_MAGICS = {0xFFFFFFFB: 102, 0xFFFFFFFA: 116, 0xFFFFFFF0: 118, 0xFFFFFFF1: 120}
_NO_FILE = 0xFFFFFFFF
_MAX_STEPS = 1 << 20


def find_go_table(elf: ElfFile) -> GoTable | None:
    """Give the table of a Go program, or None if there is none that can be read."""
    for name in GO_TABLES:
        section = elf.section(name)
        if section is not None and section.type != SHT_NOBITS and section.size:
            try:
                return GoTable(elf, section)
            except FileError:
                return None
    return None


class GoTable:
    """Be the functions of one Go program, as a source of symbols."""

    def __init__(self, elf: ElfFile, section: Section) -> None:
        self.elf = elf
        self._data = bytes(elf.data(section))
        head = self._data[:8]
        magic = int.from_bytes(head[:4], "little" if elf.endian == "<" else "big")
        self.version = _MAGICS.get(magic, 0)
        """102, 116, 118 or 120: the Go release that brought the layout."""
        if len(head) < 8 or not self.version or head[7] != elf.word_size:
            raise self._damaged()
        self._quantum = head[6] or 1
        self._word = "Q" if head[7] == 8 else "I"
        self._text = 0
        self._link_addr = section.link_addr
        self._read_header(section)
        code = elf.section(".text")
        self._section = code.number if code is not None else 0
        self._ends = (code.end if code is not None else 0) or elf.high

    def _damaged(self) -> FileError:
        return FileError(f"{self.elf.path}: damaged .gopclntab")

    def _words(self, at: int, count: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(f"{self.elf.endian}{count}{self._word}", self._data, at)
        except struct.error:
            raise self._damaged() from None

    def _u32(self, at: int) -> int:
        try:
            value: int = struct.unpack_from(self.elf.endian + "I", self._data, at)[0]
        except struct.error:
            raise self._damaged() from None
        return value

    def _read_header(self, section: Section) -> None:
        """Find the parts: names, unit files, files, pc tables, functions."""
        size = self.elf.word_size
        if self.version >= 118:
            count, _, self._text, names, units, files, pcs, functions = self._words(8, 8)
            if not self._text:
                self._text = self._relocated(section.link_addr + 8 + 2 * size)
        elif self.version == 116:
            count, _, names, units, files, pcs, functions = self._words(8, 7)
        else:
            (count,) = self._words(8, 1)
            names = units = files = pcs = functions = 0
        self._names, self._units, self._files, self._pcs = names, units, files, pcs
        self._funcs = functions
        self._functab = 8 + size if self.version == 102 else functions
        # Since 1.18 the table's columns are 32-bit offsets from the text, before, words.
        self._pair = struct.Struct(
            self.elf.endian + ("II" if self.version >= 118 else self._word * 2)
        )
        if max(names, units, files, pcs, functions) > len(self._data) or (
            self._functab + count * self._pair.size > len(self._data)
        ):
            raise self._damaged()
        self.count = count

    def _relocated(self, addr: int) -> int:
        """Give the text's start where the file leaves it to a relocation (PIE) or to .text."""
        for section in self.elf.sections:
            if section.type == SHT_RELA and self.elf.bits == 64:
                try:
                    view = self.elf.data(section)
                except FileError:
                    continue
                whole = len(view) - len(view) % 24
                for offset, _, addend in struct.iter_unpack(self.elf.endian + "QQq", view[:whole]):
                    if offset == addr:
                        return int(addend)
        text = self.elf.section(".text")
        return text.link_addr if text is not None else 0

    @cached_property
    def _table(self) -> tuple[list[int], list[int]]:
        """Give the sorted entry addresses and the offset of each function's record."""
        end = self._functab + self.count * self._pair.size
        rows = list(self._pair.iter_unpack(memoryview(self._data)[self._functab : end]))
        entries = [self._text + row[0] for row in rows]
        if any(a > b for a, b in pairwise(entries)):
            return [], []
        return entries, [self._funcs + row[1] for row in rows]

    def _name(self, record: int) -> str:
        # The record begins with the entry: 32 bits since 1.18, a word before.
        start = self._u32(record + (4 if self.version >= 118 else self.elf.word_size))
        return self.name_at(start)

    def _symbol(self, index: int) -> Symbol:
        entries, records = self._table
        start = entries[index]
        end = entries[index + 1] if index + 1 < len(entries) else self._end()
        try:
            name = self._name(records[index])
        except FileError:
            name = ""
        return Symbol(name, start, max(0, end - start), "func", "global", self._section, True)

    def _end(self) -> int:
        """Give the end of the last function: the table's last half row."""
        at = self._functab + self.count * self._pair.size
        try:
            if self.version >= 118:
                return self._text + self._u32(at)
            return self._words(at, 1)[0]
        except FileError:
            return self._ends

    # --- a source of symbols -----------------------------------------------------------------

    def by_name(self, name: str) -> list[Symbol]:
        """Find functions by name, like ``main.main``."""
        return [self._symbol(i) for i in self._by_name.get(name, ())] if name else []

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        index: dict[str, list[int]] = {}
        for number, record in enumerate(self._table[1]):
            try:
                index.setdefault(self._name(record), []).append(number)
            except FileError:
                continue
        return index

    def by_source_name(self, name: str) -> list[Symbol]:
        """Find nothing: Go does not mangle."""
        return []

    def _index_at(self, link_addr: int) -> int | None:
        entries = self._table[0]
        index = bisect_right(entries, link_addr) - 1
        if index < 0 or (index == len(entries) - 1 and link_addr >= self._end()):
            return None
        return index

    def at(self, link_addr: int) -> Symbol | None:
        """Find the function that an address is in."""
        index = self._index_at(link_addr)
        symbol = None if index is None else self._symbol(index)
        return symbol if symbol is not None and symbol.name else None

    def near(self, link_addr: int) -> list[Symbol]:
        """Give the function that an address is in."""
        symbol = self.at(link_addr)
        return [] if symbol is None else [symbol]

    def functions(self, pattern: re.Pattern[str] | None = None) -> Iterator[Symbol]:
        """Give the functions by address."""
        for index in range(len(self._table[0])):
            symbol = self._symbol(index)
            if symbol.name and (pattern is None or pattern.search(symbol.name)):
                yield symbol

    def objects(self, pattern: re.Pattern[str] | None = None) -> Iterator[Symbol]:
        """Give nothing: variables are not in the table."""
        return iter(())

    def names(self, prefix: str) -> Iterator[str]:
        """Give function names that begin with a prefix."""
        return (name for name in self._by_name if name and name.startswith(prefix))

    # --- inlined calls -----------------------------------------------------------------------

    @cached_property
    def _trees(self) -> InlineTrees:
        from pydbg.symbols.goinline import InlineTrees

        return InlineTrees(self, self._link_addr)

    def inlined_at(self, link_addr: int) -> list[GoInlined]:
        """Find the inlined calls that an address is in, the outermost first."""
        return self._trees.at(link_addr)

    @property
    def text(self) -> int:
        """Give the link address that the functions' offsets count from."""
        return self._text

    def record_at(self, link_addr: int) -> tuple[int, int] | None:
        """Find the function that an address is in: its entry, and where its record is."""
        index = self._index_at(link_addr)
        return None if index is None else (self._table[0][index], self._table[1][index])

    def value_at(self, table: int, entry: int, link_addr: int) -> tuple[int, int, int] | None:
        """Look an address up in a pc-value table: (value, low, high)."""
        return self._value(table, entry, link_addr)

    def u32(self, at: int) -> int:
        """Read 32 bits of the table; FileError past its end."""
        return self._u32(at)

    def byte(self, at: int) -> int:
        """Read a byte of the table; IndexError past its end."""
        return self._data[at]

    def name_at(self, offset: int) -> str:
        """Read a function's name by its offset among the names."""
        start = self._names + offset
        end = self._data.find(b"\0", start)
        return self._data[start : end if end >= 0 else start].decode("utf-8", "backslashreplace")

    # --- lines -------------------------------------------------------------------------------

    def line_at(self, link_addr: int) -> tuple[str, int, int, int] | None:
        """Find (file, line, low, high) of an address; low to high is the line's range."""
        index = self._index_at(link_addr)
        if index is None:
            return None
        entries, records = self._table
        # After the entry: name, args, deferreturn (or frame), then pcsp, pcfile, pcln.
        at = records[index] + (4 if self.version >= 118 else self.elf.word_size)
        try:
            file_table, line_table = self._u32(at + 16), self._u32(at + 20)
            line = self._value(line_table, entries[index], link_addr)
            number = self._value(file_table, entries[index], link_addr)
            if line is None or number is None:
                return None
            return self._file(at, number[0]), line[0], line[1], line[2]
        except (FileError, IndexError):
            return None

    def _file(self, at: int, number: int) -> str:
        if self.version == 102:
            entries, _ = self._table
            files = self._u32(self._functab + len(entries) * self._pair.size + self.elf.word_size)
            start = self._u32(files + 4 * number)
        else:
            unit = self._u32(at + 28)
            start = self._u32(self._units + 4 * ((unit + number) & 0xFFFFFFFF))
            if start == _NO_FILE:
                return ""
            start += self._files
        end = self._data.find(b"\0", start)
        return self._data[start : end if end >= 0 else start].decode("utf-8", "backslashreplace")

    def _value(self, table: int, pc: int, wanted: int) -> tuple[int, int, int] | None:
        """Walk a pc-value table: zigzag varints of value and pc deltas, from -1 and the entry."""
        if not table:
            return None
        at, value = self._pcs + table, -1
        for step in range(_MAX_STEPS):
            delta, at = self._varint(at)
            if delta == 0 and step:
                return None
            value += -(delta >> 1) - 1 if delta & 1 else delta >> 1
            advance, at = self._varint(at)
            low, pc = pc, pc + advance * self._quantum
            if wanted < pc:
                return value, low, pc
        return None

    def _varint(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while shift < 64:
            byte = self._data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
            shift += 7
        raise self._damaged()
