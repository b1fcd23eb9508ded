"""Read which calls Go has inlined, from the tables that its runtime needs for tracebacks.

Each function's record points to a tree of inlined calls, and a pc-value table tells which of them
an instruction belongs to. The tree lies in the read-only data, at an offset from an address that
only the module data knows; where that is says a pointer to the function table.

Source: src/runtime/symtab.go (moduledata, _func, funcdata), symtabinl.go (inlinedCall) and
funcdata.h of Go 1.18 to 1.2x. Older layouts are not read.
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING

from pydbg.errors import FileError, MemoryFault
from pydbg.records import NamedTuple
from pydbg.symbols.elf import SHT_NOBITS, SHT_RELA

if TYPE_CHECKING:
    from pydbg.symbols.elf import ElfFile
    from pydbg.symbols.gopclntab import GoTable

__all__ = ["GoInlined", "InlineTrees"]

_INL_TREE_INDEX, _INL_TREE = 2, 3  # PCDATA_InlTreeIndex, FUNCDATA_InlTree
_NONE = 0xFFFFFFFF
_R_X86_64_RELATIVE = 8
# Words from the start of moduledata: text, and gofunc.
_TEXT = 22
_GOFUNC = {118: 38, 120: 40}
_DEEPEST = 100


class GoInlined(NamedTuple):
    """Hold an inlined call: the function, the line of the call, and code (low to high) of it."""

    function: str
    file: str
    line: int
    low: int
    high: int


class InlineTrees:
    """Find the inlined calls of one Go program; addresses are those in the file."""

    def __init__(self, table: GoTable, link_addr: int) -> None:
        self._table = table
        self._elf: ElfFile = table.elf
        self._start = link_addr
        """Where the function table lies."""

    @cached_property
    def _relocations(self) -> dict[int, int]:
        """Give what the loader will write into a position-independent program, by address."""
        found = {}
        for section in self._elf.sections:
            if section.type == SHT_RELA:
                data = self._elf.data(section)
                whole = len(data) - len(data) % 24
                for addr, info, addend in struct.iter_unpack("<QQq", data[:whole]):
                    if info & 0xFFFFFFFF == _R_X86_64_RELATIVE:
                        found[addr] = addend
        return found

    @cached_property
    def _base(self) -> int | None:
        """Give the address that offsets of trees count from."""
        if self._elf.bits != 64 or self._table.version not in _GOFUNC:
            return None
        for addr in self._candidates():
            if self._pointer(addr + 8 * _TEXT) == self._table.text:
                return self._pointer(addr + 8 * _GOFUNC[self._table.version])
        return None

    def _candidates(self) -> list[int]:
        """Give the places that hold the function table's address: moduledata begins with it."""
        found = [addr for addr, value in self._relocations.items() if value == self._start]
        wanted = self._start.to_bytes(8, "little")
        for section in self._elf.sections:
            if section.type == SHT_NOBITS or not section.flags & 1:  # SHF_WRITE
                continue
            data = bytes(self._elf.data(section))
            at = data.find(wanted)
            while at >= 0:
                found.append(section.link_addr + at)
                at = data.find(wanted, at + 1)
        return found

    def _pointer(self, addr: int) -> int | None:
        if addr in self._relocations:
            return self._relocations[addr]
        data = self._elf.load_bytes(addr, 8)
        return int.from_bytes(data, "little") if len(data) == 8 else None

    def at(self, link_addr: int) -> list[GoInlined]:
        """Give the inlined calls that an address is in, the outermost first.

        Nothing where the tables are damaged or of a layout that is not known.
        """
        try:
            return self._at(link_addr)
        except (FileError, MemoryFault, struct.error, IndexError):
            return []

    def _at(self, link_addr: int) -> list[GoInlined]:
        table = self._table
        place = table.record_at(link_addr)
        if place is None or self._base is None:
            return []
        entry, record = place
        indexes, tree = self._columns(record)
        if not indexes or tree is None:
            return []
        found: list[GoInlined] = []
        pc = link_addr
        while len(found) < _DEEPEST:
            value = table.value_at(indexes, entry, pc)
            if value is None or value[0] < 0:
                break
            name, parent = self._call(tree, value[0])
            pc = entry + parent
            line = table.line_at(pc)
            file, number = (line[0], line[1]) if line is not None else ("", 0)
            found.append(GoInlined(name, file, number, value[1], value[2]))
        return found[::-1]

    def _columns(self, record: int) -> tuple[int, int | None]:
        """Give the pc-value table of tree indexes, and where the tree is."""
        table = self._table
        newer = table.version >= 120
        # entry, name, args, deferreturn, pcsp, pcfile, pcln, npcdata, cuOffset, startLine.
        count = table.u32(record + 28)
        end = record + (40 if newer else 36)
        functions = table.byte(end + 3)
        if count <= _INL_TREE_INDEX or functions <= _INL_TREE:
            return 0, None
        indexes = table.u32(end + 4 + 4 * _INL_TREE_INDEX)
        offset = table.u32(end + 4 + 4 * count + 4 * _INL_TREE)
        assert self._base is not None
        return indexes, None if offset == _NONE else self._base + offset

    def _call(self, tree: int, index: int) -> tuple[str, int]:
        """Give a call's function, and the offset of an instruction at the place of the call."""
        if self._table.version >= 120:
            _, name, parent, _ = struct.unpack("<4sIII", self._load(tree + 16 * index, 16))
        else:
            _, _, _, name, parent = struct.unpack("<4sIIII", self._load(tree + 20 * index, 20))
        return self._table.name_at(name), parent

    def _load(self, addr: int, size: int) -> bytes:
        data = bytes(self._elf.load_bytes(addr, size))
        if len(data) < size:
            raise FileError(f"{self._elf.path}: damaged table of inlined calls")
        return data
