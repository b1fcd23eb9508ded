"""What one file declares: its names, types and blocks. Addresses in it are link addresses."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from pydbg.errors import FileError
from pydbg.symbols import dwexpr
from pydbg.symbols.cursor import damaged
from pydbg.symbols.entries import At, Die, Tag
from pydbg.symbols.languages import RUST
from pydbg.variables.blocks import Block
from pydbg.variables.types import TypeReader

if TYPE_CHECKING:
    from pydbg.expr.types import CType
    from pydbg.frames import Frame
    from pydbg.symbols.callsites import CallSite
    from pydbg.symbols.unitnames import NameTable
    from pydbg.variables.program import Variables

__all__ = ["KEYWORDS", "FileTypes"]

Passed = tuple[bytes | None, Die, tuple[int | None, int] | None]
"""The expression of what a call passes, its entry, and what it says if that is simple: a
register of the caller, or None, and what is added to it."""

KEYWORDS = {
    "struct": Tag.structs - {Tag.union},
    "class": Tag.structs - {Tag.union},
    "union": frozenset((Tag.union,)),
    "enum": frozenset((Tag.enumeration,)),
}
"""The tags that a keyword before a name means."""


_VTABLE = "::{vtable}"
_ADDR = b"\x03"  # DW_OP_addr


class FileTypes:
    """Be the declarations and types of one file; addresses in it are link addresses."""

    def __init__(self, names: NameTable, pointer_size: int, owner: Variables) -> None:
        self.names = names
        self.reader = TypeReader(names, pointer_size, self._definition)
        self.reader.namer = lambda name: owner.dbg.printers.types.named(name)
        self._owner = owner
        self.blocks: dict[int, Block] = {}
        self.reenters: dict[int, bool] = {}
        """Function's entry -> whether it may be entered again by a tail call."""
        self._calls_before: dict[int, CallSite | None] = {}
        """Where a call returns to -> its entry."""
        self._function_types: dict[int, CType | None] = {}
        self._passed: dict[int, dict[int, Passed]] = {}

    @cached_property
    def vtables(self) -> dict[int, Die]:
        """Give the types of Rust's tables of methods by their link addresses.

        The type of a concrete one is its DW_AT_containing_type.
        """
        found: dict[int, Die] = {}
        entries = self.names.entries
        for unit in entries.units():
            names = self.names.unit(unit) if unit.language == RUST else None
            for row in names.rows if names is not None else ():
                if row.tag == Tag.variable and row.name.endswith(_VTABLE):
                    die = entries.die(unit, row.pos)
                    block, ctype = die.block(At.location), die.target(At.type)
                    if block is not None and block[:1] == _ADDR and ctype is not None:
                        found[int.from_bytes(block[1:9], "little")] = ctype
        return found

    def concrete(self, link_addr: int) -> CType | None:
        """Return the type whose table of methods is at an address."""
        with self.guard():
            die = self.vtables.get(link_addr)
            concrete = None if die is None else die.target(At.containing_type)
            return None if concrete is None else self.reader.read(concrete)

    def guard(self) -> AbstractContextManager[None]:
        """Give the context that turns damage into a FileError."""
        return self._guard

    @cached_property
    def _guard(self) -> damaged:
        return damaged(f"{self.names.entries.dwarf.elf.path}: .debug_info")

    def block(self, offset: int) -> Block:
        """Give the block of a function's or inlined call's entry."""
        found = self.blocks.get(offset)
        if found is None:
            die = self.names.entries.at(offset)
            if die is None:
                raise FileError("a function's entry is not there")
            found = self.blocks[offset] = Block(die)
        return found

    def function_type(self, offset: int) -> CType | None:
        """Give the type of a function's entry. Raises FileError."""
        if offset not in self._function_types:
            with self.guard():
                die = self.names.entries.at(offset)
                self._function_types[offset] = None if die is None else self.reader.read(die)
        return self._function_types[offset]

    def returns(self, offset: int) -> bool:
        """Tell whether a function's entry lets it return (C's _Noreturn, C++'s [[noreturn]])."""
        with self.guard():
            die = self.names.entries.at(offset)
            return die is None or not any(At.noreturn in one for one in die.origins())

    def call_before(self, frame: Frame) -> CallSite | None:
        """Give the call that a frame of this file waits for, None if it is not described."""
        module = frame.module
        if module is None:
            return None
        return_pc = module.link_addr(frame.addr)
        if return_pc not in self._calls_before:
            from pydbg.symbols.callsites import call_returning_to

            site = call_returning_to(module, frame.lookup_addr, frame.addr)
            self._calls_before[return_pc] = site
        return self._calls_before[return_pc]

    def passed(self, site: int) -> dict[int, Passed]:
        """Give what the call of an entry passes in registers, by their numbers.

        A parameter that the compiler removed is passed nowhere; the position of its entry in the
        unit, made negative, stands for it (DWARF 5, section 3.4.2).
        """
        found = self._passed.get(site)
        if found is None:
            die = self.names.entries.at(site)
            found = self._passed[site] = {}
            for child in die.children() if die is not None else ():
                if child.tag not in (Tag.call_parameter, Tag.gnu_call_parameter):
                    continue
                where = child.block(At.location)
                key: int | None = None
                if not where:
                    meant = child.target(At.call_parameter) or child.target(At.abstract_origin)
                    key = None if meant is None else -meant.pos
                elif len(where) == 1 and 0x50 <= where[0] <= 0x6F:  # DW_OP_reg0 to reg31
                    key = where[0] - 0x50
                if key is not None:
                    value = child.block(At.call_value) or child.block(At.gnu_call_value)
                    simple = dwexpr.number_of(value) if value else None
                    found.setdefault(key, (value, child, simple))
        return found

    def _definition(self, keyword: str, name: str) -> Die | None:
        return self._owner.definition(keyword, name, self)

    def own_definition(self, keyword: str, name: str) -> Die | None:
        """Find the entry that defines a struct in this file."""
        for unit, row in self.names.named(name):
            if row.tag in KEYWORDS[keyword] and not row.declaration:
                return self.names.entries.die(unit.unit, row.pos)
        return None
