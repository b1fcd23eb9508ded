"""Entries of DWARF one at a time: attributes, children, and what they refer to.

An entry is read when it is asked for, and a subtree that is of no interest is stepped over.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from pydbg.symbols import dwarf
from pydbg.symbols.cursor import damaged, uleb
from pydbg.symbols.languages import CPLUS, RUST
from pydbg.symbols.units import Attr, Dwarf, Ranges, Unit
from pydbg.symbols.walk import sibling_of, step_over

if TYPE_CHECKING:
    from pydbg.symbols.unitnames import NameTable

__all__ = ["At", "Die", "Entries", "Tag"]

_MAX_VIEWS = 16
_MAX_DEPTH = 512
_MAX_REFERENCES = 16


class Tag:
    """Name the tags that are told apart somewhere (DWARF 5, table 7.3)."""

    array, klass, enumeration, formal, imported, label = 0x01, 0x02, 0x04, 0x05, 0x08, 0x0A
    lexical_block, member, pointer, reference = 0x0B, 0x0D, 0x0F, 0x10
    compile_unit, structure, subroutine, typedef, union = 0x11, 0x13, 0x15, 0x16, 0x17
    unspecified_parameters, inheritance, inlined, ptr_to_member = 0x18, 0x1C, 0x1D, 0x1F
    subrange, base, catch_block, const, constant = 0x21, 0x24, 0x25, 0x26, 0x27
    enumerator, subprogram = 0x28, 0x2E
    template_type, template_value, try_block, variable, volatile = 0x2F, 0x30, 0x32, 0x34, 0x35
    restrict, namespace, imported_module, unspecified = 0x37, 0x39, 0x3A, 0x3B
    partial_unit, imported_unit, type_unit, rvalue, template_alias = 0x3C, 0x3D, 0x41, 0x42, 0x43
    atomic, call_site, call_parameter, skeleton, immutable = 0x47, 0x48, 0x49, 0x4A, 0x4B
    gnu_call_site, gnu_call_parameter, template_pack = 0x4109, 0x410A, 0x4107
    variant, variant_part = 0x19, 0x33
    structs = frozenset((klass, structure, union))
    blocks = frozenset((lexical_block, catch_block, try_block))


class At:
    """Name the attributes that are asked for somewhere (DWARF 5, table 7.5)."""

    sibling, location, name, byte_size, bit_offset, bit_size = 0x01, 0x02, 0x03, 0x0B, 0x0C, 0x0D
    low_pc, high_pc, language, discr, import_, const_value = 0x11, 0x12, 0x13, 0x15, 0x18, 0x1C
    containing_type, default_value, inline, lower_bound = 0x1D, 0x1E, 0x20, 0x22
    prototyped, upper_bound, abstract_origin, accessibility = 0x27, 0x2F, 0x31, 0x32
    calling_convention = 0x36
    artificial, count, member_location, decl_file, decl_line = 0x34, 0x37, 0x38, 0x3A, 0x3B
    declaration, encoding, external, frame_base, specification = 0x3C, 0x3E, 0x3F, 0x40, 0x47
    static_link = 0x48
    type, variable_parameter, virtuality, vtable_elem = 0x49, 0x4B, 0x4C, 0x4D
    ranges, data_bit_offset = 0x55, 0x6B
    object_pointer, explicit, signature, enum_class, linkage_name = 0x64, 0x63, 0x69, 0x6D, 0x6E
    call_value, call_origin, call_return_pc, call_target = 0x7E, 0x7F, 0x7D, 0x83
    call_parameter, call_data_value, export_symbols, alignment = 0x80, 0x86, 0x89, 0x88
    reference, rvalue_reference, noreturn, defaulted, deleted = 0x77, 0x78, 0x87, 0x8B, 0x8A
    mips_linkage_name, gnu_call_value, gnu_vector = 0x2007, 0x2111, 0x2107
    gnu_call_data_value = 0x2112
    gnu_call_target = 0x2113
    discr_value, discr_list = 0x16, 0x3D


class _View:
    """Hold what reading a unit's entries needs."""

    __slots__ = ("abbrevs", "data", "sizes", "source", "unit")

    def __init__(self, source: Dwarf, unit: Unit) -> None:
        self.source = source
        self.unit = unit
        self.data = source.data(unit)
        self.abbrevs = source.abbrevs(unit)
        self.sizes = unit.sizes


class Die:
    """Be one entry: ``tag``, ``attrs`` by number as (form, value), and its way to others."""

    __slots__ = ("attrs", "end", "entries", "has_children", "pos", "tag", "unit", "view")

    def __init__(self, entries: Entries, view: _View, pos: int) -> None:
        data = view.data
        self.entries = entries
        self.view = view
        self.unit = view.unit
        self.pos = pos
        self.attrs: dict[int, Attr]
        code, at = uleb(data, pos)
        if code == 0:
            self.tag, self.has_children, self.attrs, self.end = 0, False, {}, at
            return
        abbrev = view.abbrevs[code]
        self.attrs, self.end = dwarf.read_attrs(data, at, abbrev, **view.sizes)
        self.tag, self.has_children = abbrev.tag, abbrev.children

    def __repr__(self) -> str:
        return f"<Die {self.tag:#x} at {self.offset:#x} {self.name or ''}>"

    @property
    def offset(self) -> int:
        """Return its offset in the section."""
        return self.unit.offset + self.pos

    @property
    def key(self) -> tuple[int, int]:
        """Return what tells it from all others of its program: the file's and its own place."""
        return id(self.entries), self.offset

    @property
    def language(self) -> int | None:
        """Return the number of its unit's language."""
        return self.view.source.language_of(self.unit)

    @property
    def cplus(self) -> bool:
        """Tell whether its unit is written in C++."""
        return self.language in CPLUS

    @property
    def scoped(self) -> bool:
        """Tell whether names in its unit's language have their namespaces before them."""
        return self.language in CPLUS or self.language == RUST

    def __contains__(self, attribute: int) -> bool:
        return attribute in self.attrs

    # --- attributes --------------------------------------------------------------------------

    @property
    def name(self) -> str | None:
        """Return its own name, None for one that has none."""
        return self.string(At.name)

    def string(self, attribute: int) -> str | None:
        """Return a text attribute."""
        attr = self.attrs.get(attribute)
        if attr is None:
            return None
        return self.view.source.string(self.unit, attr)

    def number(self, attribute: int, default: int | None = None) -> int | None:
        """Return a number; a constant that has a sign is read with it."""
        attr = self.attrs.get(attribute)
        if attr is None or isinstance(attr[1], bytes):
            return default
        return attr[1]

    def signed(self, attribute: int) -> int | None:
        """Return a constant as a signed number, whatever its form."""
        attr = self.attrs.get(attribute)
        if attr is None or isinstance(attr[1], bytes):
            return None
        return dwarf.as_signed(attr[1], attr[0])

    def block(self, attribute: int) -> bytes | None:
        """Return the bytes of a block or expression; None for anything else."""
        attr = self.attrs.get(attribute)
        return attr[1] if attr is not None and isinstance(attr[1], bytes) else None

    def constant(self, attribute: int) -> bytes | None:
        """Return the bytes of a constant that is a block, or a text with its null; else None."""
        attr = self.attrs.get(attribute)
        raw = self.view.source.raw_string(self.unit, attr)
        if raw is None or attr is None:
            return None
        is_text = attr[0] == dwarf.Form.string or not isinstance(attr[1], bytes)
        return raw + b"\0" if is_text else raw

    def flag(self, attribute: int) -> bool:
        """Tell whether a flag is set."""
        return bool(self.number(attribute, 0))

    def ranges(self) -> Ranges:
        """Return the code it covers, in link addresses."""
        return self.view.source.code_ranges(self.unit, self.attrs)

    # --- other entries -----------------------------------------------------------------------

    def target(self, attribute: int) -> Die | None:
        """Return the entry that an attribute refers to; None where there is none."""
        attr = self.attrs.get(attribute)
        return None if attr is None else self.entries.follow(self, attr)

    @property
    def origin(self) -> Die | None:
        """Return the abstract or declared entry that it completes."""
        return self.target(At.abstract_origin) or self.target(At.specification)

    def origins(self) -> Iterator[Die]:
        """Give the entry and all that it completes, itself first."""
        die: Die | None = self
        for _ in range(_MAX_REFERENCES):
            if die is None:
                return
            yield die
            die = die.origin

    def children(self, tags: Container[int] | None = None) -> Iterator[Die]:
        """Give its own children in order: all, or those with one of some tags.

        Nothing is read of the others.
        """
        if not self.has_children:
            return
        view = self.view
        at, size = self.end, len(view.data)
        while at < size:
            if tags is not None:
                code, pos = uleb(view.data, at)
                if code == 0:
                    return
                abbrev = view.abbrevs[code]
                if abbrev.tag not in tags:
                    at = step_past(view, pos, abbrev)
                    continue
            child = Die(self.entries, view, at)
            if child.tag == 0:
                return
            yield child
            at = child.after()

    def after(self) -> int:
        """Return where its next sibling begins."""
        if not self.has_children:
            return self.end
        sibling = self.attrs.get(At.sibling)
        if sibling is not None and isinstance(sibling[1], int) and sibling[1] > self.pos:
            return sibling[1]
        return skip_children(self.view, self.end)


def step_past(view: _View, pos: int, abbrev: dwarf.Abbrev) -> int:
    """Step over an entry, from behind its code, and all below it."""
    data, sizes = view.data, view.sizes
    if not abbrev.children:
        return step_over(data, pos, abbrev, sizes)
    sibling = sibling_of(data, pos, abbrev, sizes)
    return sibling or skip_children(view, step_over(data, pos, abbrev, sizes))


def skip_children(view: _View, pos: int) -> int:
    """Step over a list of children and all below them; return the position behind it."""
    data, abbrevs, sizes = view.data, view.abbrevs, view.sizes
    depth = 1
    while depth:
        code, pos = uleb(data, pos)
        if code == 0:
            depth -= 1
            continue
        abbrev = abbrevs[code]
        pos = step_over(data, pos, abbrev, sizes)
        if abbrev.children:
            depth += 1
            if depth > _MAX_DEPTH:
                raise IndexError("entries nested too deep")
    return pos


class Entries:
    """Be the entries of one program or library.

    >>> from pydbg.symbols.elf import ElfFile
    >>> Entries(Dwarf(ElfFile("/bin/true"))).at(0) is None
    True
    """

    def __init__(self, source: Dwarf) -> None:
        self.dwarf = source
        self._views: dict[int, _View] = {}

    def view(self, unit: Unit) -> _View:
        """Give what reading a unit needs; the last few are kept."""
        found = self._views.get(unit.offset)
        if found is None:
            if len(self._views) >= _MAX_VIEWS:
                del self._views[next(iter(self._views))]
            found = self._views[unit.offset] = _View(self.dwarf, unit)
        return found

    def die(self, unit: Unit, pos: int) -> Die:
        """Read the entry at a position that counts from its unit's header."""
        if not 0 < pos < unit.end - unit.offset:
            raise IndexError("an entry outside of its unit")
        return Die(self, self.view(unit), pos)

    def at(self, offset: int) -> Die | None:
        """Read the entry at an offset of the section; None where there is none."""
        unit = self.dwarf.unit_of(offset)
        return None if unit is None else self.die(unit, offset - unit.offset)

    def top(self, unit: Unit) -> Die:
        """Read a unit's first entry."""
        return self.die(unit, unit.die)

    def guard(self) -> AbstractContextManager[None]:
        """Give the context that turns damage into a FileError."""
        return damaged(f"{self.dwarf.elf.path}: .debug_info")

    def follow(self, die: Die, attr: Attr) -> Die | None:
        """Read the entry that a reference means."""
        found = self.dwarf.refer(die.unit, attr)
        return None if found is None else self.die(*found)

    @cached_property
    def names(self) -> NameTable:
        """Give what the units declare by name."""
        from pydbg.symbols.unitnames import NameTable

        return NameTable(self)

    def units(self) -> Iterator[Unit]:
        """Give all units that can be read, those in other files and of types too."""
        return self.dwarf.all_units()
