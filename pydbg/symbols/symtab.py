"""Look names and addresses up in an ELF symbol table, without building one of objects.

Which symbol an address belongs to follows gdb 13's minimal symbols, so that both print the
same ``<main+4>``: sorted by address and name, the last one at or below an address wins; symbols
without a size only where no sized one covers the address.
"""

from __future__ import annotations

import re
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby, islice
from typing import NamedTuple, Protocol

from pydbg.symbols.demangle import base_name, demangle, mangled_needles, matches
from pydbg.symbols.elf import (
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHT_DYNSYM,
    SHT_NOBITS,
    SHT_SYMTAB,
    ElfFile,
    Section,
)

__all__ = ["Symbol", "SymbolSource", "SymbolTable", "choose", "main_table"]

SHN_UNDEF, SHN_ABS, SHN_COMMON = 0, 0xFFF1, 0xFFF2
_KINDS = {0: "notype", 1: "object", 2: "func", 5: "common", 6: "tls", 10: "ifunc"}
_BINDS = {0: "local", 1: "global", 2: "weak", 10: "unique"}
_FUNCTIONS, _OBJECTS = 1, 2
_MAX_NEAR = 128
"""So many symbols are looked at for one address: more than share an address in real files."""
_SEARCH = 80_000
_SORT = 16
"""To search the table for one address takes as long as to look at so many symbols more than there
are; to sort it, so many times as long as to look at all."""
_WINDOW = 1 << 16
"""So far below an address its symbol is looked for by scanning."""
_VALUE_AT = 8
"""Where the value is in a row of 64-bit tables."""


class Symbol(NamedTuple):
    """Hold one symbol.

    ``kind`` is "func", "ifunc", "object", "notype", "tls" (``link_addr`` is then the offset in
    the module's TLS block), "common", "plt" (a stub, ``puts@plt``) or "got" (a slot,
    ``puts@got.plt``); ``bind`` is "local", "global", "weak" or "unique"; ``section_index`` is an
    index in the file the symbol is from, or 0xfff1 for an absolute one; ``is_code`` tells
    whether its section is executable.
    """

    name: str
    link_addr: int
    size: int
    kind: str
    bind: str
    section_index: int
    is_code: bool

    @property
    def end(self) -> int:
        """Give the link address after the symbol."""
        return self.link_addr + self.size

    @property
    def is_absolute(self) -> bool:
        """Tell whether the value is a number that no load bias moves."""
        return self.section_index == SHN_ABS

    @property
    def demangled(self) -> str:
        """Give the name as people write it.

        >>> Symbol("_ZN2ns1fEi", 0, 1, "func", "global", 1, True).demangled
        'ns::f(int)'
        """
        return demangle(self.name)


class SymbolSource(Protocol):
    """Be anything that answers for symbols: an ELF table, PLT stubs, Go's function table."""

    def by_name(self, name: str) -> list[Symbol]:
        """Find the symbols of exactly this name."""

    def by_source_name(self, name: str) -> list[Symbol]:
        """Find the symbols whose demangled name is, or ends in a component, ``name``."""

    def near(self, link_addr: int) -> list[Symbol]:
        """Give what ``choose`` needs to name an address: symbols at or below, in gdb's order."""

    def functions(self, pattern: re.Pattern[str] | None = None) -> Iterator[Symbol]:
        """Give the code symbols by address."""

    def objects(self, pattern: re.Pattern[str] | None = None) -> Iterator[Symbol]:
        """Give the data symbols by address."""

    def names(self, prefix: str) -> Iterator[str]:
        """Give the names that begin with a prefix, for completion."""


def choose(candidates: Sequence[Symbol], link_addr: int) -> Symbol | None:
    """Choose among symbols at or below an address, the best last in ``candidates``.

    The sequence is in gdb's order (by address, then name); the rules are those of
    lookup_minimal_symbol_by_pc_section in gdb 13's minsyms.c.

    >>> f = Symbol("f", 0x10, 4, "func", "global", 1, True)
    >>> end = Symbol("end", 0x14, 0, "notype", "local", 1, True)
    >>> choose([f, end], 0x12).name, choose([f, end], 0x15).name, choose([f], 0x15)
    ('f', 'end', None)
    """
    unsized: Symbol | None = None
    at = len(candidates) - 1
    while at >= 0:
        symbol = candidates[at]
        if not symbol.size:
            unsized = unsized or symbol
        elif not (at and symbol.end <= link_addr < candidates[at - 1].end):
            best = symbol if link_addr < symbol.end else unsized
            break
        at -= 1
    else:
        best = unsized
    return best if best is None or best.bind != "local" else _seen_by_all(best, candidates)


def _seen_by_all(best: Symbol, candidates: Sequence[Symbol]) -> Symbol:
    """Prefer a symbol that other files see to a local one of the same place and size.

    Not an ifunc's: its resolver is what lies there.
    """
    for symbol in reversed(candidates):
        if symbol.link_addr == best.link_addr and symbol.size == best.size:
            if symbol.bind != "local" and symbol.kind != "ifunc":
                return symbol
        elif symbol.link_addr < best.link_addr:
            break
    return best


class SymbolTable:
    """Be one SHT_SYMTAB or SHT_DYNSYM section.

    >>> elf = ElfFile("/lib/x86_64-linux-gnu/libc.so.6")
    >>> table = main_table(elf)
    >>> [symbol] = table.by_name("puts")
    >>> symbol.kind, table.at(symbol.link_addr + 1) is not None
    ('func', True)
    """

    def __init__(self, elf: ElfFile, section: Section) -> None:
        self.elf = elf
        wide = elf.bits == 64
        self._row = struct.Struct(elf.endian + ("IBBHQQ" if wide else "IIIBBH"))
        self._wide = wide
        self._base = section.offset
        self.count = section.size // self._row.size
        self._view = elf.span(section.offset, self.count * self._row.size, section.name)
        strings = elf.sections[section.link] if section.link < len(elf.sections) else None
        if strings is None or strings.type == SHT_NOBITS:
            self._strings, self._strings_end = 0, 0
        else:
            elf.span(strings.offset, strings.size, strings.name)
            self._strings, self._strings_end = strings.offset, strings.offset + strings.size
        # What gdb makes of a symbol depends on its section: code, data or nothing.
        self._class = [
            0 if not s.flags & SHF_ALLOC else _FUNCTIONS if s.flags & SHF_EXECINSTR else _OBJECTS
            for s in elf.sections
        ]
        self._by_addr: array[int] | None = None
        """Rows in the order of their values."""
        self._near: dict[int, list[Symbol]] = {}
        self._named: dict[tuple[str, bool], list[Symbol]] = {}

    # --- rows ------------------------------------------------------------------------------

    def _rows(self) -> Iterator[tuple[int, int, int, int, int]]:
        """Give (name offset, info, section, value, size) of each row."""
        if self._wide:
            for name, info, _, shndx, value, size in self._row.iter_unpack(self._view):
                yield name, info, shndx, value, size
        else:
            for name, value, size, info, _, shndx in self._row.iter_unpack(self._view):
                yield name, info, shndx, value, size

    def _name(self, offset: int) -> str:
        start = self._strings + offset
        if start >= self._strings_end:
            return ""
        end = self.elf.find(b"\0", start, self._strings_end)
        raw = bytes(self.elf.view[start : end if end >= 0 else self._strings_end])
        return raw.decode("utf-8", "backslashreplace")

    def _symbol(self, index: int) -> Symbol:
        row = self._row.unpack_from(self._view, index * self._row.size)
        if self._wide:
            name, info, _, shndx, value, size = row
        else:
            name, value, size, info, _, shndx = row
        return Symbol(
            self._name(name),
            value,
            size,
            _KINDS.get(info & 15, "notype"),
            _BINDS.get(info >> 4, "local"),
            shndx,
            shndx < len(self._class) and self._class[shndx] == _FUNCTIONS,
        )

    # --- by name ---------------------------------------------------------------------------

    def by_name(self, name: str) -> list[Symbol]:
        """Find the defined symbols of exactly this name, in table order.

        A version may follow it (``puts@@GLIBC_2.2.5``). Nothing is built: the name is searched
        in the string table, then its offset in the symbol table. Linkers share the tails of
        strings, so each occurrence counts.
        """
        key = name, False
        found = self._named.get(key)
        if found is None:
            found = self._named[key] = self._of_name(name)
        return found

    def _of_name(self, name: str) -> list[Symbol]:
        if not name or "\0" in name:
            return []
        raw = name.encode("utf-8", "surrogateescape")
        # Linkers leave versions in .symtab: a copied stdout is there as stdout@GLIBC_2.2.5.
        hits = self._spelt(raw + b"\0", raw + b"@")
        offsets = sorted(at - self._strings for at in islice(hits, self.count))
        return [
            symbol
            for index in self._with_names(offsets)
            if self._is_defined(symbol := self._symbol(index))
        ]

    def _spelt(self, *needles: bytes) -> Iterator[int]:
        return self.elf.hits(needles, self._strings, self._strings_end)

    def _is_defined(self, symbol: Symbol) -> bool:
        shndx = symbol.section_index
        if shndx in (SHN_UNDEF, SHN_COMMON):
            return False
        return shndx == SHN_ABS or (shndx < len(self._class) and self._class[shndx] != 0)

    def _with_names(self, offsets: list[int]) -> list[int]:
        """Give the rows whose name offset is one of these."""
        if len(offsets) > 8:
            wanted = frozenset(offsets)
            return [i for i, row in enumerate(self._rows()) if row[0] in wanted]
        found: list[int] = []
        size = self._row.size
        for offset in offsets:
            if not offset:
                continue
            target = offset.to_bytes(4, "little" if self.elf.endian == "<" else "big")
            misses = 0
            for at in self.elf.hits([target], self._base, self._base + len(self._view)):
                index, inside = divmod(at - self._base, size)
                if not inside:
                    found.append(index)
                    continue
                misses += 1
                if misses > 500:  # such bytes are everywhere: one scan is cheaper
                    wanted = frozenset(offsets)
                    return [i for i, row in enumerate(self._rows()) if row[0] in wanted]
        return sorted(found)

    def by_source_name(self, name: str) -> list[Symbol]:
        """Find C++ and Rust symbols by demangled name.

        With parameters (``ns::f(int)``) all of it must match, without them any overload does;
        leading namespaces may be left out, as gdb's ``break f`` finds ``ns::f``.
        """
        key = name, True
        known = self._named.get(key)
        if known is None:
            known = self._named[key] = self._of_source_name(name)
        return known

    def _of_source_name(self, name: str) -> list[Symbol]:
        found = [
            offset
            for offset in self._mangled_with(name)
            if matches(demangle(self._name(offset)), name)
        ]
        return [
            symbol
            for index in self._with_names(found)
            if self._is_defined(symbol := self._symbol(index))
        ]

    def _mangled_with(self, name: str) -> list[int]:
        """Give offsets of mangled names that may demangle to ``name``."""
        found: dict[int, None] = {}
        for needle in mangled_needles(name):
            for at in self._spelt(needle):
                start = self.elf.rfind(b"\0", self._strings, at + 1) + 1
                head_bytes = bytes(self.elf.view[start : start + 2])
                if head_bytes not in (b"_Z", b"_R"):
                    # Linkers merge the ends of strings: _ZN2ns1fEi in _GLOBAL__sub_I__ZN2ns1fEi.
                    start = self.elf.rfind(b"_Z", start, at + 1)
                if start > self._strings:
                    found[start - self._strings] = None
        return list(found)

    def names(self, prefix: str) -> Iterator[str]:
        """Give the names of defined symbols that begin with ``prefix``, each once."""
        if not prefix:  # All at once: there may be a hundred thousand.
            texts = self._texts(self._defined_names)
            all_names = {text.partition("@")[0] if "@" in text else text: None for text in texts}
            all_names.pop("", None)
            yield from all_names
            return
        seen = set()
        for name in map(self._name, self._starting(prefix, self._defined_names)):
            text = name.partition("@")[0]
            if text and text not in seen:
                seen.add(text)
                yield text
        for text in self._source_names(prefix):
            if text not in seen:
                seen.add(text)
                yield text

    @cached_property
    def _defined_names(self) -> frozenset[int]:
        """Give the offsets of the names of defined symbols."""
        defined = {SHN_ABS, *(number for number, kind in enumerate(self._class) if kind)}
        if self._wide:  # Most are: their rows are gone through without a step in between.
            return frozenset(
                [
                    name
                    for name, info, _, shndx, _, _ in self._row.iter_unpack(self._view)
                    if shndx in defined and info & 15 not in (3, 4)  # sections, files
                ]
            )
        return frozenset(
            name
            for name, info, shndx, _, _ in self._rows()
            if shndx in defined and info & 15 not in (3, 4)
        )

    def _texts(self, offsets: Iterable[int]) -> Iterable[str]:
        """Give the strings at many offsets; of plain text the table is decoded once."""
        raw = bytes(self.elf.view[self._strings : self._strings_end])
        if not raw.isascii() or raw[-1:] != b"\0":
            return map(self._name, offsets)
        text = raw.decode("ascii")
        find, end = text.find, len(text)
        return [text[at : find("\0", at)] for at in offsets if at < end]

    def _starting(self, prefix: str, known: frozenset[int]) -> Iterator[int]:
        target = prefix.encode("utf-8", "surrogateescape")
        at = self.elf.find(target, self._strings, self._strings_end)
        while at >= 0:
            if at - self._strings in known:
                yield at - self._strings
            at = self.elf.find(target, at + 1, self._strings_end)

    def _source_names(self, prefix: str) -> Iterator[str]:
        """Give demangled names, without parameters, that begin with a prefix.

        As by_source_name does, so completion leaves out leading namespaces too.
        """
        *scope, last = prefix.split("::")
        word = last or (scope[-1] if scope else "")
        if not re.fullmatch(r"[A-Za-z_]\w*", word, re.ASCII):
            return
        needle = word.encode()
        at = self.elf.find(needle, self._strings, self._strings_end)
        while at >= 0:
            before = bytes(self.elf.view[at - 2 : at])
            step = at + 1
            if before[1:].isdigit() or (before[1:] == b"_" and before[:1].isdigit()):
                start = self.elf.rfind(b"\0", self._strings, at) + 1
                name = self._name(start - self._strings)
                if name.startswith(("_Z", "_R")):
                    pretty = base_name(demangle(name))
                    if pretty.startswith(prefix):
                        yield pretty
                    elif f"::{prefix}" in pretty:
                        yield pretty[pretty.index(f"::{prefix}") + 2 :]
                    step = max(step, start + len(name))
            at = self.elf.find(needle, step, self._strings_end)

    # --- by address ------------------------------------------------------------------------

    def at(self, link_addr: int) -> Symbol | None:
        """Find the symbol that gdb would name for an address; None outside every section."""
        return choose(self.near(link_addr), link_addr)

    def near(self, link_addr: int) -> list[Symbol]:
        """Give the symbols at or below an address that decide how it is called, in gdb's order.

        They are of the address's section: unsized ones down to the nearest sized one that
        covers it, or a few that do not.
        """
        near = self._near.get(link_addr)
        if near is None:
            section = self.elf.section_at(link_addr)
            rows = self._rows_below(section, link_addr) if section is not None else ()
            near = self._near[link_addr] = self._among(rows, link_addr)
        return near

    def _rows_below(self, section: Section, link_addr: int) -> Iterable[int]:
        """Give rows of a section's symbols at or below an address, the nearest first."""
        if self._by_addr is None and len(self._near) * (self.count + _SEARCH) < _SORT * self.count:
            keys = self._window(section.number, link_addr)
            if keys is not None:
                return [key & 0xFFFFFFFF for key in reversed(keys[-_MAX_NEAR:])]
        return islice(self._descending(section, link_addr), _MAX_NEAR)

    def _descending(self, section: Section, link_addr: int) -> Iterator[int]:
        values = self._values
        if self._by_addr is None:
            known = values if isinstance(values, list) else values.tolist()
            self._by_addr = array("I", sorted(range(self.count), key=known.__getitem__))
        rows = self._by_addr
        lowest = section.link_addr - _WINDOW  # What lies lower is of other sections.
        for at in range(bisect_right(rows, link_addr, key=values.__getitem__) - 1, -1, -1):
            if values[rows[at]] < lowest:
                return
            name, info, shndx = self._head(rows[at])
            if shndx == section.number and name and info & 15 not in (3, 4, 6):
                yield rows[at]

    @cached_property
    def _values(self) -> memoryview | list[int]:
        """Give the values of all rows."""
        if self._wide and self.elf.endian == "<":
            return self._view.cast("Q")[1::3]  # A row is three words, its value the second.
        return [row[3] for row in self._rows()]

    def _head(self, index: int) -> tuple[int, int, int]:
        """Give (name offset, info, section) of a row."""
        row = self._row.unpack_from(self._view, index * self._row.size)
        return (row[0], row[1], row[3]) if self._wide else (row[0], row[3], row[5])

    def _among(self, rows: Iterable[int], link_addr: int) -> list[Symbol]:
        near: list[Symbol] = []
        covered = False
        for row in rows:
            symbol = self._symbol(row)
            if covered and symbol.link_addr != near[-1].link_addr:
                break  # the whole group at the covering symbol's address has been seen
            if not _is_label(symbol):
                near.append(symbol)
                covered = covered or link_addr < symbol.end
        near.sort(key=_order)
        return near

    def _window(self, shndx: int, link_addr: int) -> list[int] | None:
        """Look at the symbols shortly before an address; None if none of them covers it."""
        lowest = link_addr - _WINDOW
        keys = []
        covered = False
        for index in self._between(lowest, link_addr):
            symbol_at = self._row.unpack_from(self._view, index * self._row.size)
            if self._wide:
                name, info, _, section, value, size = symbol_at
            else:
                name, value, size, info, _, section = symbol_at
            if section == shndx and name and info & 15 not in (3, 4, 6):
                keys.append(value << 32 | index)
                covered = covered or link_addr < value + size
        keys.sort()
        return keys if covered else None

    def _between(self, low: int, high: int) -> list[int]:
        """Give the rows whose values are from ``low`` to ``high``, at most a window apart.

        Their upper bytes are one of two numbers, and those are searched among the table's bytes.
        """
        if not self._wide or self.elf.endian != "<" or low < 0:
            values = [row[3] for row in self._rows()]
            return [index for index, value in enumerate(values) if low <= value <= high]
        found = []
        size, end = self._row.size, self._base + len(self._view)
        for upper in {low >> 16, high >> 16}:
            first = self._base + _VALUE_AT + 2
            rows = [
                divmod(at - first, size)
                for at in self.elf.frequent(upper.to_bytes(6, "little"), self._base, end)
            ]
            found += [index for index, inside in rows if not inside]
        return [index for index in found if low <= self._value(index) <= high]

    def _value(self, index: int) -> int:
        at = index * self._row.size + _VALUE_AT
        return int.from_bytes(self._view[at : at + 8], "little")

    # --- lists -----------------------------------------------------------------------------

    def functions(self, pattern: re.Pattern[str] | None = None) -> Iterator[Symbol]:
        """Give the code symbols in gdb's order; ``pattern`` is searched in demangled names."""
        return self._list(_FUNCTIONS, pattern)

    def objects(self, pattern: re.Pattern[str] | None = None) -> Iterator[Symbol]:
        """Give the data symbols in gdb's order."""
        return self._list(_OBJECTS, pattern)

    def _list(self, wanted: int, pattern: re.Pattern[str] | None) -> Iterator[Symbol]:
        keys = []
        classes = self._class
        for index, (name, info, shndx, value, _) in enumerate(self._rows()):
            if not name or info & 15 in (3, 4) or shndx >= len(classes):
                continue
            if shndx and classes[shndx] == wanted:
                keys.append(value << 32 | index)
        keys.sort()
        for _, group in groupby(keys, lambda key: key >> 32):
            symbols = [self._symbol(key & 0xFFFFFFFF) for key in group]
            if len(symbols) > 1:
                symbols.sort(key=_order)
            last = ""
            for symbol in symbols:
                if symbol.name == last or _is_label(symbol):  # gdb drops one name at one place
                    continue
                last = symbol.name
                if pattern is None or pattern.search(demangle(last)):
                    yield symbol


def _order(symbol: Symbol) -> tuple[int, str]:
    """Give gdb's order (minimal_symbol_is_less_than): by address, then by name."""
    return symbol.link_addr, symbol.name


def _is_label(symbol: Symbol) -> bool:
    """Tell a compiler's local label, which is no symbol to gdb."""
    return symbol.is_code and symbol.bind == "local" and symbol.name.startswith(".L")


def main_table(elf: ElfFile) -> SymbolTable | None:
    """Give the file's .symtab, or the .dynsym of a stripped one, or None."""
    for kind in (SHT_SYMTAB, SHT_DYNSYM):
        for section in elf.sections:
            if section.type == kind and section.size:
                return SymbolTable(elf, section)
    return None
