"""Functions that DWARF describes: which one holds an address, and what it is called.

Only the unit of the address is read: one pass over its entries, most of which are stepped
over by a precomputed addition. Names are looked up when they are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from pydbg.errors import FileError
from pydbg.records import Record
from pydbg.symbols import dwarf
from pydbg.symbols.aranges import columns, find_in
from pydbg.symbols.cplusnames import split_scope
from pydbg.symbols.cursor import damaged
from pydbg.symbols.demangle import (
    base_name,
    demangle,
    frame_name,
    is_rust,
    matches,
    without_result,
)
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.functionscan import FunctionScan, Inlined, Scopes
from pydbg.symbols.languages import CPLUS, RUST, language_of
from pydbg.symbols.stringsearch import StringSearch, own_names
from pydbg.symbols.units import Attr, Dwarf, Ranges, Unit

if TYPE_CHECKING:
    from pydbg.symbols.callsites import CallSite

__all__ = ["Function", "FunctionTable", "Inlined", "UnitFunctions"]

_MAX_REFERENCES = 16  # specification of abstract origin of ...; a loop in a damaged file


class Function(Record):
    """Hold one function with code; addresses are link addresses."""

    name: str | None
    """As in the source, with the namespaces and classes around it (``ns::C::f``)."""
    linkage_name: str | None
    """The mangled name, where there is one."""
    low: int
    """The entry: the first address of the first range."""
    high: int
    """Behind the last address of the range that begins at ``low``."""
    ranges: Ranges
    """All its code, hot and cold parts."""
    die: int
    """Offset of its entry in .debug_info."""
    unit: Unit
    decl_file: int | None = None
    """Number of the file in the unit's line program."""
    decl_line: int | None = None
    external: bool = False
    signature: str | None = None
    """What gdb calls a C++ function that has no mangled name: ``main(int, char**)``."""

    @property
    def label(self) -> str | None:
        """Give what stands for the function in code: its name for the linker."""
        return self.linkage_name or self.signature or self.name

    @property
    def pretty(self) -> str | None:
        """Give the name as gdb shows it in values and breakpoints, parameters and all.

        A template's result type is no part of it.
        """
        if self.linkage_name is None or is_rust(self.linkage_name):
            return self.signature or self.name
        return without_result(demangle(self.linkage_name))

    @property
    def language(self) -> str:
        """Give gdb's name of the language of the unit, "" for one it does not tell."""
        return language_of(self.unit)

    @property
    def producer(self) -> str | None:
        """Give the compiler that made the unit."""
        return self.unit.producer

    def contains(self, link_addr: int) -> bool:
        """Tell whether an address is in the function's code."""
        return any(low <= link_addr < high for low, high in self.ranges)


class UnitFunctions:
    """Be the functions of one unit."""

    def __init__(self, source: Dwarf, unit: Unit, scopes: Scopes) -> None:
        self.unit = unit
        self._source = source
        self._scopes = scopes
        self._scan = FunctionScan(source, unit)
        self._found: dict[int, Function] = {}
        self._origins: dict[int, int] = {}
        self._sites: dict[tuple[int, int], CallSite | None] = {}
        self._tails: dict[int, list[CallSite]] = {}
        self._sort()

    def _sort(self) -> None:
        self._sorted = len(self._scan.functions)
        functions = self._scan.functions.items()
        self._code = columns(
            [(low, high, die) for die, (ranges, _) in functions for low, high in ranges]
        )

    def at(self, link_addr: int) -> Function | None:
        """Find the function whose code holds an address."""
        found = self._at(link_addr)
        if found is None and self._look_deeper():  # It may be one inside of another.
            found = self._at(link_addr)
        return found

    def _look_deeper(self) -> bool:
        """Find the functions inside of others too; tell whether there was more to read."""
        try:
            with damaged(f"{self._source.elf.path}: .debug_info"):
                # Who looks for inlined calls may have had the scan go deeper before.
                more = self._scan.whole() or self._sorted != len(self._scan.functions)
        except FileError:
            more = True
        if more:
            self._sort()
        return more

    def _at(self, link_addr: int) -> Function | None:
        die = find_in(self._code, link_addr)
        return None if die is None else self._function(die)

    def all(self) -> list[Function]:
        """Give every function of the unit that has code, in the order of the entries."""
        self._look_deeper()
        return [self._function(die) for die in self._scan.functions]

    def inlined_in(self, function: Function) -> list[Inlined]:
        """Give the inlined calls of a function, in the order of the entries."""
        try:
            with damaged(f"{self._source.elf.path}: .debug_info"):
                return self._scan.inlined_in(function.die - self.unit.offset)
        except FileError:
            return []

    def inlined_at(self, link_addr: int) -> list[Inlined]:
        """Give the inlined calls around an address, outermost first."""
        function = self.at(link_addr)
        if function is None:
            return []
        try:
            with damaged(f"{self._source.elf.path}: .debug_info"):
                return self._scan.inlined_at(function.die - self.unit.offset, link_addr)
        except FileError:
            return []

    def has_parameters(self, entry: Function | Inlined) -> bool:
        """Tell whether a function, or an inlined call of one, has parameters to show."""
        try:
            with damaged(f"{self._source.elf.path}: .debug_info"):
                die = entry.die - self.unit.offset
                if self._scan.has_parameters(die):
                    return True
                # Parameters that were optimised out may be in the abstract entry alone.
                origin = self._origin_of(die) - self.unit.offset
                is_own = origin != die and 0 < origin < self.unit.end - self.unit.offset
                return is_own and self._scan.has_parameters(origin)
        except FileError:
            return False

    def is_main(self, function: Function) -> bool:
        """Tell whether the compiler says that the program begins here (Rust's main)."""
        abbrev = self._scan.abbrev_at(function.die - self.unit.offset)
        return abbrev.has(dwarf.DW_AT_main_subprogram)

    def main(self) -> Function | None:
        """Give the function that the compiler calls the main one, if it is in this unit."""
        die = self._scan.main()
        return None if die is None else self._function(die)

    @property
    def has_loclists(self) -> bool:
        """Tell whether a variable's location is a list: the code was optimised and described."""
        return self._scan.has_loclists

    @property
    def locations_valid(self) -> bool:
        """Tell whether variables are located right from a function's first instruction on.

        GCC has kept locations in lists, when it optimises, since -fvar-tracking; gdb trusts
        them from GCC 4.5 on (process_full_comp_unit in dwarf2/read.c).
        """
        if not self.has_loclists:
            return False
        found = re.match(r"GNU \S*\s.*?(\d+)\.(\d+)", self.unit.producer or "")
        return found is not None and (int(found[1]), int(found[2])) >= (4, 5)

    def tail_calls(self, function: Function) -> list[CallSite]:
        """Give what is known of a function's tail calls, in the order of the entries."""
        from pydbg.symbols.callsites import tail_calls

        found = self._tails.get(function.die)
        if found is None:
            with damaged(f"{self._source.elf.path}: .debug_info"):
                found = self._tails[function.die] = tail_calls(
                    self._source, self.unit, function.die - self.unit.offset, self._target
                )
        return found

    def call_before(self, function: Function, return_pc: int) -> CallSite | None:
        """Find what is known of the call of a function that returns to a link address."""
        from pydbg.symbols.callsites import call_before

        key = function.die, return_pc
        if key not in self._sites:
            with damaged(f"{self._source.elf.path}: .debug_info"):
                self._sites[key] = call_before(
                    self._source, self.unit, key[0] - self.unit.offset, return_pc, self._target
                )
        return self._sites[key]

    def name_of(self, call: Inlined) -> str | None:
        """Give the name of the function that was inlined, as frames show it."""
        return frame_name(*self._names_of(call))

    def _names_of(self, call: Inlined) -> tuple[str | None, str | None]:
        try:
            with damaged(f"{self._source.elf.path}: .debug_info"):
                name, linkage, *_ = self._names(call.die - self.unit.offset, ())
        except FileError:
            return None, None
        return name, linkage

    def named(
        self, name: str, needles: list[bytes] | None = None
    ) -> Iterator[tuple[int, str, int | None]]:
        """Find functions and inlined calls of a name: (entry, shown name, call's entry).

        ``needles`` are what the name's attribute can be among the unit's bytes, if it is known.
        """
        called = _is_called_in_rust if self.unit.language == RUST else _is_called
        functions, calls = self._scan.with_strings(needles)
        for die in functions:
            function = self._function(die)
            if function.name is not None and called(function.name, name):
                yield function.low, function.pretty or function.name, None
        shown: dict[int, str | None] = {}
        for die in calls:
            call = self._scan.inlined_call(die, 1)
            origin = self._origin_of(die)
            if origin not in shown:
                shown[origin] = self._shown(call, name)
            text = shown[origin]
            if text is not None and call.ranges:
                yield call.ranges[0][0], text, call.die

    def _origin_of(self, die: int) -> int:
        """Give the entry that an inlined call is an instance of, which has its name."""
        known = self._origins.get(die)
        if known is None:
            known = self._origins[die] = self._read_origin(die)
        return known

    def _read_origin(self, die: int) -> int:
        _, attrs = self._source.entry(self.unit, die)
        target = self._target(self.unit, attrs.get(dwarf.DW_AT_abstract_origin))
        return die + self.unit.offset if target is None else target[0].offset + target[1]

    def _shown(self, call: Inlined, wanted: str) -> str | None:
        """Give the name to show of an inlined call if it is one of ``wanted``."""
        name, _ = self._names_of(call)
        # Rust's library is inlined everywhere: there only the whole name means such calls.
        rust = self.unit.language == RUST
        if name is None or not (name == wanted if rust else _is_called(name, wanted)):
            return None
        return self.pretty_name(call.die)

    def pretty_name(self, die: int) -> str | None:
        """Give the name of what an inlined call's entry stands for, parameters and all."""
        try:
            with damaged(f"{self._source.elf.path}: .debug_info"):
                name, linkage, *_ = self._names(die - self.unit.offset, ())
        except FileError:
            return None
        if linkage is None or is_rust(linkage):
            return name
        return without_result(demangle(linkage))

    # --- names ---------------------------------------------------------------------------------

    def _function(self, die: int) -> Function:
        found = self._found.get(die)
        if found is None:
            try:
                with damaged(f"{self._source.elf.path}: .debug_info"):
                    found = self._read(die)
            except FileError:
                ranges = self._scan.functions[die][0]
                low, high = ranges[0]
                found = Function(
                    None, None, low, high, ranges, die + self.unit.offset, self.unit
                )  # fmt: skip
            self._found[die] = found
        return found

    def _read(self, die: int) -> Function:
        ranges, scopes = self._scan.functions[die]
        low, high = ranges[0]
        name, linkage, file, line, external = self._names(die, scopes)
        return Function(
            name, linkage, low, high, ranges, die + self.unit.offset, self.unit,
            file, line, external, self._signature(die, name, linkage),
        )  # fmt: skip

    def _signature(self, die: int, name: str | None, linkage: str | None) -> str | None:
        from pydbg.symbols.signature import parameters

        if name is None or linkage is not None or self.unit.language not in CPLUS:
            return None
        source, unit, at = self._source, self.unit, die
        for _ in range(_MAX_REFERENCES):  # The parameters of a clone are those of its origin.
            _, attrs = source.entry(unit, at)
            origin = attrs.get(dwarf.DW_AT_abstract_origin) or attrs.get(dwarf.DW_AT_specification)
            target = self._target(unit, origin)
            if target is None:
                break
            unit, at = target
        found = parameters(source, unit, at, self._target, self._scoped_name)
        return None if found is None else name + found

    def _scoped_name(self, unit: Unit, die: int) -> str | None:
        source = self._source
        name = source.string(unit, source.entry(unit, die)[1].get(dwarf.DW_AT_name))
        if name is None:
            return None
        return "::".join([*self._scope_names(unit, self._scopes.around(unit, die)), name])

    def _names(
        self, die: int, scopes: tuple[int, ...]
    ) -> tuple[str | None, str | None, int | None, int | None, bool]:
        """Collect what an entry and those it refers to say: the abstract or declared one."""
        source, unit = self._source, self.unit
        name = linkage = file = line = None
        external = False
        at_unit, at = unit, die
        for _ in range(_MAX_REFERENCES):
            _, attrs = source.entry(at_unit, at)
            if name is None and dwarf.DW_AT_name in attrs:
                name = source.string(at_unit, attrs[dwarf.DW_AT_name])
                if at != die or at_unit is not unit:
                    scopes = self._scopes.around(at_unit, at)
                if name is not None:
                    name = "::".join([*self._scope_names(at_unit, scopes), name])
            for key in (dwarf.DW_AT_linkage_name, dwarf.DW_AT_MIPS_linkage_name):
                if linkage is None and key in attrs:
                    linkage = source.string(at_unit, attrs[key])
            file = _number(attrs, dwarf.DW_AT_decl_file) if file is None else file
            line = _number(attrs, dwarf.DW_AT_decl_line) if line is None else line
            external = external or dwarf.DW_AT_external in attrs
            origin = attrs.get(dwarf.DW_AT_abstract_origin) or attrs.get(dwarf.DW_AT_specification)
            target = self._target(at_unit, origin)
            if target is None:
                break
            at_unit, at = target
        return name, linkage, file, line, external

    def _target(self, unit: Unit, attr: Attr | None) -> tuple[Unit, int] | None:
        """Follow a reference; None where it leads nowhere."""
        return self._source.refer(unit, attr)

    def _scope_names(self, unit: Unit, scopes: tuple[int, ...]) -> list[str]:
        names = []
        for scope in scopes:
            tag, attrs = self._source.entry(unit, scope)
            name = self._source.string(unit, attrs.get(dwarf.DW_AT_name))
            if name is None and tag == dwarf.DW_TAG_namespace:
                name = "(anonymous namespace)"
            if name is not None:
                names.append(name)
        return names


class FunctionTable:
    """Be the functions of one file, one unit at a time.

    >>> FunctionTable(ElfFile("/bin/true")).at(0x2000) is None
    True
    """

    def __init__(self, elf: ElfFile, source: Dwarf | None = None) -> None:
        self.dwarf = source if source is not None else Dwarf(elf)
        self._units: dict[int, UnitFunctions | None] = {}
        self._named: dict[str, list[tuple[int, str, int | None]]] = {}
        self._strings = StringSearch(self.dwarf)
        self._scopes = Scopes(self.dwarf)

    def at(self, link_addr: int) -> Function | None:
        """Find the function whose code holds a link address; None where there is none."""
        unit = self.unit_at(link_addr)
        return unit.at(link_addr) if unit is not None else None

    def main(self) -> Function | None:
        """Find the function that a Rust compiler calls the program's main one."""
        for unit in self.dwarf.units():
            if unit.language == RUST and not (unit.name or "").startswith("library/"):
                functions = self.unit_functions(unit)
                main = functions.main() if functions is not None else None
                if main is not None:
                    return main
        return None

    def unit_at(self, link_addr: int) -> UnitFunctions | None:
        """Give the functions of the unit that an address belongs to."""
        unit = self.dwarf.unit_at(link_addr)
        return self.unit_functions(unit) if unit is not None else None

    def named(self, name: str) -> list[tuple[int, str, int | None]]:
        """Find the code of a name: (entry, name, entry of the inlined call or None).

        Functions as well as the places they were inlined in. Only units that can hold the name
        are read: its string's offset, or the string itself, must be among their bytes.
        """
        if name not in self._named:
            self._named[name] = list(self._search(name))
        return self._named[name]

    def _search(self, name: str) -> Iterator[tuple[int, str, int | None]]:
        last = split_scope(base_name(name))[1].partition("<")[0]
        names = dict.fromkeys([last, *own_names(name)])  # Go's have brackets of their own.
        needles = self._strings.needles(names, templates=True)
        for offset in self._strings.units_with(names, templates=True):
            unit = self.dwarf.unit(offset)
            if unit is not None and unit.is_code and unit.name != _LTO:
                yield from self._named_in(unit, name, needles)
        for unit in self._lto_units:
            yield from self._named_in(unit, name, None)

    @cached_property
    def _lto_units(self) -> list[Unit]:
        if not self.dwarf.linked_whole:
            return []
        found = self._strings.units_with([_LTO])
        units = [self.dwarf.unit(offset) for offset in found]
        return [unit for unit in units if unit is not None and unit.name == _LTO]

    def _named_in(
        self, unit: Unit, name: str, needles: list[bytes] | None
    ) -> list[tuple[int, str, int | None]]:
        functions = self.unit_functions(unit)
        if functions is None:
            return []
        try:
            with damaged(f"{self.dwarf.elf.path}: .debug_info"):
                return list(functions.named(name, needles))
        except FileError:
            return []

    def unit_functions(self, unit: Unit) -> UnitFunctions | None:
        """Give a unit's functions; None where its entries are damaged."""
        if unit.offset not in self._units:
            functions: UnitFunctions | None = None
            try:
                with damaged(f"{self.dwarf.elf.path}: .debug_info"):
                    functions = UnitFunctions(self.dwarf, unit, self._scopes)
            except FileError:
                functions = None
            self._units[unit.offset] = functions
        return self._units[unit.offset]


_LTO = "<artificial>"
"""GCC's unit of what was optimised at link time, whose names are in the units of the sources."""


def _is_called(name: str, wanted: str) -> bool:
    """Tell whether a user's name means a function's: leading scopes may be left out."""
    return name == wanted or ("::" in name and matches(name, wanted))


def _is_called_in_rust(name: str, wanted: str) -> bool:
    """Tell the same in Rust, where type arguments are part of a name for gdb."""
    return name == wanted or (wanted != "main" and name.endswith(f"::{wanted}"))


def _number(attrs: dict[int, Attr], name: int) -> int | None:
    attr = attrs.get(name)
    return None if attr is None or isinstance(attr[1], bytes) else attr[1]
