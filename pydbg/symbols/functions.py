"""Functions that DWARF describes: which one holds an address, and what it is called.

Only the unit of the address is read: one pass over its entries, most of which are stepped
over by a precomputed addition. Names are looked up when they are asked for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.errors import FileError
from pydbg.records import Record
from pydbg.symbols import dwarf
from pydbg.symbols.cursor import damaged, uleb
from pydbg.symbols.demangle import base_name, demangle, is_rust, matches, without_result
from pydbg.symbols.dwarf import Abbrev, Form
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.languages import CPLUS, RUST, language_of
from pydbg.symbols.stringsearch import StringSearch
from pydbg.symbols.units import Attr, Dwarf, Ranges, Unit

if TYPE_CHECKING:
    from pydbg.symbols.callsites import CallSite

__all__ = ["Function", "FunctionTable", "Inlined", "UnitFunctions"]

_MAX_REFERENCES = 16  # specification of abstract origin of ...; a loop in a damaged file
_MAX_DEPTH = 512

# Where gdb keeps variables in lists, a unit's locations are right even in the prologue.
_VARIABLES = (dwarf.DW_TAG_variable, dwarf.DW_TAG_formal_parameter)


class Inlined(Record):
    """Hold one inlined call: its code, and where it was called from."""

    die: int
    depth: int
    """Nesting in the function, from 1."""
    ranges: Ranges
    call_file: int
    call_line: int


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

    def __init__(self, source: Dwarf, unit: Unit) -> None:
        self.unit = unit
        self.has_loclists = False
        """Whether a variable's location is a list: the code was optimised and described."""
        self._source = source
        self._found: dict[int, Function] = {}
        self._sites: dict[int, list[CallSite]] = {}
        self._with_parameters: set[int] = set()
        self._main = -1
        self._dies: dict[int, tuple[Ranges, tuple[int, ...]]] = {}
        self._scope_changes: dict[int, tuple[list[int], list[tuple[int, ...]]]] = {}
        self.inlined: dict[int, list[Inlined]] = {}
        """Function entry -> its inlined calls in the order of the entries."""
        self._scan()
        rows = sorted(
            (low, high, die) for die, (ranges, _) in self._dies.items() for low, high in ranges
        )
        self._starts = [low for low, _, _ in rows]
        self._rows = rows

    def at(self, link_addr: int) -> Function | None:
        """Find the function whose code holds an address."""
        index = bisect_right(self._starts, link_addr) - 1
        for at in range(index, max(-1, index - 8), -1):
            if link_addr < self._rows[at][1]:
                return self._function(self._rows[at][2])
        return None

    def all(self) -> list[Function]:
        """Give every function of the unit that has code, in the order of the entries."""
        return [self._function(die) for die in self._dies]

    def inlined_at(self, link_addr: int) -> list[Inlined]:
        """Give the inlined calls around an address, outermost first."""
        function = self.at(link_addr)
        if function is None:
            return []
        return [
            call
            for call in self.inlined.get(function.die - self.unit.offset, ())
            if any(low <= link_addr < high for low, high in call.ranges)
        ]

    def has_parameters(self, entry: Function | Inlined) -> bool:
        """Tell whether a function, or an inlined call of one, has parameters to show."""
        return entry.die in self._with_parameters

    def is_main(self, function: Function) -> bool:
        """Tell whether the compiler says that the program begins here (Rust's main)."""
        return function.die == self._main

    def main(self) -> Function | None:
        """Give the function that the compiler calls the main one, if it is in this unit."""
        return self._function(self._main - self.unit.offset) if self._main >= 0 else None

    @property
    def locations_valid(self) -> bool:
        """Tell whether variables are located right from a function's first instruction on.

        GCC has kept locations in lists, when it optimises, since -fvar-tracking; gdb trusts
        them from GCC 4.5 on (process_full_comp_unit in dwarf2/read.c).
        """
        found = re.match(r"GNU \S*\s.*?(\d+)\.(\d+)", self.unit.producer or "")
        return self.has_loclists and found is not None and (int(found[1]), int(found[2])) >= (4, 5)

    def call_sites(self, function: Function) -> list[CallSite]:
        """Give what is known of a function's calls, in the order of the entries."""
        from pydbg.symbols.callsites import read_call_sites

        found = self._sites.get(function.die)
        if found is None:
            with damaged(f"{self._source.elf.path}: .debug_info"):
                found = read_call_sites(
                    self._source, self.unit, function.die - self.unit.offset, self._target
                )
            self._sites[function.die] = found
        return found

    def name_of(self, call: Inlined) -> str | None:
        """Give the name of the function that was inlined, as frames show it.

        A C function that has a name for the linker only (``__GI__IO_setb``) has that one.
        """
        name, linkage = self._names_of(call)
        return name if linkage is None or linkage.startswith(("_Z", "_R")) else linkage

    def _names_of(self, call: Inlined) -> tuple[str | None, str | None]:
        try:
            with damaged(f"{self._source.elf.path}: .debug_info"):
                name, linkage, *_ = self._names(call.die - self.unit.offset, ())
        except FileError:
            return None, None
        return name, linkage

    def named(self, name: str) -> Iterator[tuple[int, str, int | None]]:
        """Find functions and inlined calls of a name: (entry, shown name, call's entry)."""
        called = _is_called_in_rust if self.unit.language == RUST else _is_called
        for function in self.all():
            if function.name is not None and called(function.name, name):
                yield function.low, function.pretty or function.name, None
        shown: dict[int, str | None] = {}
        for calls in self.inlined.values():
            for call in calls:
                origin = self._origin_of(call.die - self.unit.offset)
                if origin not in shown:
                    shown[origin] = self._shown(call, name)
                text = shown[origin]
                if text is not None and call.ranges:
                    yield call.ranges[0][0], text, call.die

    def _origin_of(self, die: int) -> int:
        """Give the entry that an inlined call is an instance of, which has its name."""
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

    # --- one pass over the unit ----------------------------------------------------------------

    def _scan(self) -> None:
        """Step over all entries; note functions, inlined calls and lists of locations."""
        source, unit = self._source, self.unit
        data = source.data(unit)
        abbrevs = source.abbrevs(unit)
        sizes = {
            "address_size": unit.address_size,
            "offset_size": unit.offset_size,
            "version": unit.version,
        }
        pos, end = unit.die, len(data)
        depth = function_depth = 0
        function = -1
        scopes: list[tuple[int, int]] = []  # (depth, entry) of namespaces and classes
        inlines: list[tuple[int, int]] = []  # (depth, entry)
        while pos < end:
            die = pos
            code = data[pos]
            pos += 1
            if code == 0:
                depth -= 1
                if depth <= 0:
                    break
                if function >= 0 and depth <= function_depth:
                    function = -1
                while scopes and scopes[-1][0] >= depth:
                    scopes.pop()
                while inlines and inlines[-1][0] >= depth:
                    inlines.pop()
                continue
            if code >= 0x80:
                code, pos = uleb(data, die)
            abbrev = abbrevs[code]
            plan = abbrev.plan
            if plan is None:
                plan = abbrev.plan = dwarf.skip_plan(abbrev, **sizes)
            tag = abbrev.tag
            if tag in _VARIABLES:
                if not self.has_loclists:
                    self.has_loclists = _has_list(abbrev, unit.version)
                if tag == dwarf.DW_TAG_formal_parameter and function >= 0:
                    owner = inlines[-1] if inlines else (function_depth, function)
                    if depth == owner[0] + 1:
                        self._with_parameters.add(owner[1] + unit.offset)
            if tag == dwarf.DW_TAG_subprogram:
                if _has_code(abbrev):
                    _, attrs = source.entry(unit, die, data)
                    ranges = source.code_ranges(unit, attrs)
                    ranges = tuple(r for r in ranges if r[0])
                    if ranges and abbrev.has(dwarf.DW_AT_main_subprogram):
                        self._main = die + unit.offset
                    if ranges:
                        self._dies[die] = (ranges, tuple(entry for _, entry in scopes))
                        if abbrev.children:
                            function, function_depth = die, depth
            elif tag == dwarf.DW_TAG_inlined_subroutine and function >= 0:
                _, attrs = source.entry(unit, die, data)
                ranges = source.code_ranges(unit, attrs)
                call_file = attrs.get(dwarf.DW_AT_call_file, (0, 0))[1]
                call_line = attrs.get(dwarf.DW_AT_call_line, (0, 0))[1]
                if isinstance(call_file, int) and isinstance(call_line, int):
                    self.inlined.setdefault(function, []).append(
                        Inlined(die + unit.offset, len(inlines) + 1, ranges, call_file, call_line)
                    )
                if abbrev.children:
                    inlines.append((depth, die))
            elif abbrev.children and (
                tag == dwarf.DW_TAG_namespace or tag in dwarf.DW_TAG_structures
            ):
                scopes.append((depth, die))
            for step in plan:
                if step >= 0:
                    pos += step
                elif step == -1:
                    while data[pos] >= 0x80:
                        pos += 1
                    pos += 1
                else:
                    pos = dwarf.skip(data, pos, (step,), **sizes)
            if abbrev.children:
                depth += 1
                if depth > _MAX_DEPTH:
                    raise IndexError("entries nested too deep")
            elif depth == 0:
                break

    # --- names ---------------------------------------------------------------------------------

    def _function(self, die: int) -> Function:
        found = self._found.get(die)
        if found is None:
            try:
                with damaged(f"{self._source.elf.path}: .debug_info"):
                    found = self._read(die)
            except FileError:
                ranges = self._dies[die][0]
                low, high = ranges[0]
                found = Function(
                    None, None, low, high, ranges, die + self.unit.offset, self.unit
                )  # fmt: skip
            self._found[die] = found
        return found

    def _read(self, die: int) -> Function:
        ranges, scopes = self._dies[die]
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
        return "::".join([*self._scope_names(unit, self._scopes_of(unit, die)), name])

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
                    scopes = self._scopes_of(at_unit, at)
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
        """Follow a reference; None for one that leads into another file."""
        if attr is None or isinstance(attr[1], bytes):
            return None
        form, value = attr[0], attr[1]
        assert isinstance(value, int)
        if form == Form.ref_addr:
            other = self._source.unit_of(value)
            return None if other is None else (other, value - other.offset)
        if Form.ref1 <= form <= Form.ref_udata:
            return unit, value
        return None

    def _scopes_of(self, unit: Unit, die: int) -> tuple[int, ...]:
        """Find the namespaces and classes around an entry."""
        found = self._scope_changes.get(unit.offset)
        if found is None:
            found = self._scope_changes[unit.offset] = self._walk_scopes(unit)
        starts, scopes = found
        return scopes[bisect_right(starts, die) - 1]

    def _walk_scopes(self, unit: Unit) -> tuple[list[int], list[tuple[int, ...]]]:
        """Walk over a whole unit: from where on which namespaces and classes are open."""
        source = self._source
        data, abbrevs = source.data(unit), source.abbrevs(unit)
        sizes = {
            "address_size": unit.address_size,
            "offset_size": unit.offset_size,
            "version": unit.version,
        }
        pos, depth = unit.die, 0
        open_scopes: list[tuple[int, int]] = []
        starts: list[int] = [0]
        scopes: list[tuple[int, ...]] = [()]
        while pos < len(data):
            at = pos
            code, pos = uleb(data, pos)
            if code == 0:
                depth -= 1
                if open_scopes and open_scopes[-1][0] >= depth:
                    while open_scopes and open_scopes[-1][0] >= depth:
                        open_scopes.pop()
                    starts.append(pos)
                    scopes.append(tuple(entry for _, entry in open_scopes))
                if depth <= 0:
                    break
                continue
            abbrev = abbrevs[code]
            if abbrev.plan is None:
                abbrev.plan = dwarf.skip_plan(abbrev, **sizes)
            pos = dwarf.skip(data, pos, abbrev.plan, **sizes)
            if abbrev.children:
                if abbrev.tag == dwarf.DW_TAG_namespace or abbrev.tag in dwarf.DW_TAG_structures:
                    open_scopes.append((depth, at))
                    starts.append(pos)
                    scopes.append(tuple(entry for _, entry in open_scopes))
                depth += 1
            elif depth == 0:
                break
        return starts, scopes

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
        last = base_name(name).rpartition("::")[2].partition("<")[0]
        if not last:
            return
        for offset in self._strings.units_with([last], templates=True):
            unit = self.dwarf.unit(offset)
            functions = self.unit_functions(unit) if unit is not None and unit.is_code else None
            if functions is not None:
                yield from functions.named(name)

    def unit_functions(self, unit: Unit) -> UnitFunctions | None:
        """Give a unit's functions; None where its entries are damaged."""
        if unit.offset not in self._units:
            functions: UnitFunctions | None = None
            try:
                with damaged(f"{self.dwarf.elf.path}: .debug_info"):
                    functions = UnitFunctions(self.dwarf, unit)
            except FileError:
                functions = None
            self._units[unit.offset] = functions
        return self._units[unit.offset]


def _is_called(name: str, wanted: str) -> bool:
    """Tell whether a user's name means a function's: leading scopes may be left out."""
    return name == wanted or ("::" in name and matches(name, wanted))


def _is_called_in_rust(name: str, wanted: str) -> bool:
    """Tell the same in Rust, where type arguments are part of a name for gdb."""
    return name == wanted or (wanted != "main" and name.endswith(f"::{wanted}"))


def _has_code(abbrev: Abbrev) -> bool:
    return abbrev.has(dwarf.DW_AT_low_pc) or abbrev.has(dwarf.DW_AT_ranges)


def _has_list(abbrev: Abbrev, version: int) -> bool:
    """Tell whether entries of an abbreviation are variables with a list of locations."""
    if abbrev.tag not in _VARIABLES:
        return False
    for name, form, _ in abbrev.attrs:
        if name == dwarf.DW_AT_location:
            old = version < 4 and form in (Form.data4, Form.data8)
            return form in (Form.sec_offset, Form.loclistx) or old
    return False


def _number(attrs: dict[int, Attr], name: int) -> int | None:
    attr = attrs.get(name)
    return None if attr is None or isinstance(attr[1], bytes) else attr[1]
