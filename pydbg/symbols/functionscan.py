"""Where a unit's functions and inlined calls are: as little is read as a question needs.

The functions of a unit are an outline: where compilers tell siblings (GCC), bodies are jumped
over. A function's inlined calls are looked for in its own body, and the functions of a name by
the bytes that the name, and what refers to its entry, must have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from pydbg.records import Record
from pydbg.symbols import dwarf
from pydbg.symbols.cursor import uleb
from pydbg.symbols.dwarf import Abbrev, Form
from pydbg.symbols.units import Dwarf, Ranges, Unit
from pydbg.symbols.walk import locate, reached, sibling_of, step_over

__all__ = ["FunctionScan", "Inlined", "Scopes"]

_MAX_DEPTH = 512
_VARIABLES = (dwarf.DW_TAG_variable, dwarf.DW_TAG_formal_parameter)
_NAMED = frozenset((dwarf.DW_TAG_subprogram,))
_CODE = _NAMED | {dwarf.DW_TAG_inlined_subroutine}
_SCOPES = dwarf.DW_TAG_structures | {dwarf.DW_TAG_namespace}


class Inlined(Record):
    """Hold one inlined call: its code, and where it was called from."""

    die: int
    depth: int
    """Nesting in the function, from 1."""
    ranges: Ranges
    call_file: int
    call_line: int


class FunctionScan:
    """Find functions, inlined calls and scopes among one unit's entries.

    Positions of entries count from the unit's header.
    """

    def __init__(self, source: Dwarf, unit: Unit) -> None:
        self.source = source
        self.unit = unit
        self._abbrevs = source.abbrevs(unit)
        self._sizes = unit.sizes
        self._inlined: dict[int, list[Inlined]] = {}
        self._parameters: dict[int, bool] = {}
        self._places: dict[int, tuple[int, ...]] = {}
        self._calls: list[int] | None = None
        self._jumped = False
        self.functions: dict[int, tuple[Ranges, tuple[int, ...]]] = {}
        """Entry -> its code, and the entries of the namespaces and classes around it."""
        self._scan(jump=True)

    def whole(self) -> bool:
        """Look into bodies too, for functions inside of functions; tell whether it was needed."""
        if not self._jumped:
            return False
        self._jumped = False
        known = dict(self.functions)
        self.functions.clear()
        try:
            self._scan(jump=False)
        finally:  # What lies behind damage, too, was found by jumping over it.
            for die, function in known.items():
                self.functions.setdefault(die, function)
        return True

    def abbrev_at(self, die: int) -> Abbrev:
        """Give the abbreviation of the entry at a position."""
        return self._abbrevs[uleb(self.source.data(self.unit), die)[0]]

    @cached_property
    def has_loclists(self) -> bool:
        """Tell whether a variable's location is a list: the code was optimised and described."""
        version = self.unit.version
        return any(_has_list(abbrev, version) for abbrev in self._abbrevs.whole().values())

    def main(self) -> int | None:
        """Find the function that the compiler calls the main one."""
        marks = [a for a in self._abbrevs.whole().values() if a.has(dwarf.DW_AT_main_subprogram)]
        if marks:
            for die in self.functions:
                if self.abbrev_at(die) in marks:
                    return die
        return None

    # --- one pass over the unit ----------------------------------------------------------------

    def _scan(self, *, jump: bool) -> None:
        source, unit, sizes = self.source, self.unit, self._sizes
        data, abbrevs = source.data(unit), self._abbrevs
        # GCC defines functions outside of the classes that declare them.
        over_classes = jump and (unit.producer or "").startswith("GNU ")
        pos, end, depth = unit.die, len(data), 0
        scopes: list[tuple[int, int]] = []  # (depth, entry) of namespaces and classes
        while pos < end:
            die = pos
            code = data[pos]
            pos += 1
            if code == 0:
                depth -= 1
                if depth <= 0:
                    break
                while scopes and scopes[-1][0] >= depth:
                    scopes.pop()
                continue
            if code >= 0x80:
                code, pos = uleb(data, die)
            abbrev = abbrevs[code]
            tag = abbrev.tag
            if tag == dwarf.DW_TAG_subprogram and abbrev.has_code:
                self._note(die, tuple(entry for _, entry in scopes))
            if abbrev.children:
                if jump and depth and tag != dwarf.DW_TAG_namespace:
                    is_type = tag in dwarf.DW_TAG_structures
                    if over_classes or not is_type:
                        sibling = sibling_of(data, pos, abbrev, sizes)
                        if sibling:
                            pos = sibling
                            self._jumped = True
                            continue
                if depth and tag in _SCOPES:
                    scopes.append((depth, die))
                depth += 1
                if depth > _MAX_DEPTH:
                    raise IndexError("entries nested too deep")
            elif depth == 0:
                break
            pos = step_over(data, pos, abbrev, sizes)

    def _note(self, die: int, scopes: tuple[int, ...]) -> bool:
        """Keep a function; False for one that has no code."""
        ranges = self._code_of(die)
        if ranges:
            self.functions[die] = ranges, scopes
        return bool(ranges)

    def _code_of(self, die: int) -> Ranges:
        data = self.source.data(self.unit)
        code, pos = uleb(data, die)
        fixed_places = self._places.get(code)
        if fixed_places is None:
            fixed_places = self._places[code] = self._code_places(self._abbrevs[code])
        if fixed_places:
            low_at, low_size, high_at, high_size = fixed_places
            low = int.from_bytes(data[pos + low_at : pos + low_at + low_size], "little")
            size = int.from_bytes(data[pos + high_at : pos + high_at + high_size], "little")
            return ((low, low + size),) if low and size else ()
        _, attrs = self.source.entry(self.unit, die)
        return tuple(r for r in self.source.code_ranges(self.unit, attrs) if r[0])

    def _code_places(self, abbrev: Abbrev) -> tuple[int, ...]:
        """Give where address and length of the code are in an entry, if they are in all alike.

        Nothing where there are ranges, indexes, or something of unknown length before.
        """
        found: list[int] = []
        for index, (name, form, _) in enumerate(abbrev.attrs):
            if name == dwarf.DW_AT_ranges:
                return ()
            if name not in (dwarf.DW_AT_low_pc, dwarf.DW_AT_high_pc):
                continue
            expected = (Form.addr,) if not found else (Form.data4, Form.data8)
            before = dwarf.skip_plan(Abbrev(0, False, abbrev.attrs[:index]), **self._sizes)
            if form not in expected or len(before) > 1 or min(before, default=0) < 0:
                return ()
            size = self._sizes["address_size"] if form == Form.addr else 4 if form == 6 else 8
            found += [before[0] if before else 0, size]
        return tuple(found) if len(found) == 4 else ()

    # --- one function's body -------------------------------------------------------------------

    def inlined_in(self, function: int) -> list[Inlined]:
        """Give the inlined calls of a function, in the order of the entries."""
        found = self._inlined.get(function)
        if found is None:
            found = self._inlined[function] = list(self._calls_in(function))
        return found

    def inlined_at(self, function: int, link_addr: int) -> list[Inlined]:
        """Give the inlined calls around an address of a function, outermost first."""
        return list(self._calls_in(function, link_addr))

    def _calls_in(self, function: int, link_addr: int | None = None) -> Iterator[Inlined]:
        """Walk over a function's inlined calls: all, or those around an address.

        What is inside of a call that is not around it is passed over.
        """
        source, unit, sizes = self.source, self.unit, self._sizes
        data, abbrevs = source.data(unit), self._abbrevs
        pos, end, depth = function, len(data), 0
        calls: list[int] = []  # depths of the inlined calls that are open
        inner = 0  # depth of what is passed over, as a function inside: its calls are its own
        while pos < end:
            die = pos
            code, pos = uleb(data, pos)
            if code == 0:
                depth -= 1
                if depth <= 0:
                    return
                if inner and depth <= inner:
                    inner = 0
                while calls and calls[-1] >= depth:
                    calls.pop()
                continue
            abbrev = abbrevs[code]
            tag = abbrev.tag
            if inner:
                pass
            elif tag == dwarf.DW_TAG_inlined_subroutine:
                if link_addr is None or _holds(self._code_of(die), link_addr):
                    yield self.inlined_call(die, len(calls) + 1)
                    if abbrev.children:
                        calls.append(depth)
                elif abbrev.children:
                    inner = depth
            elif tag == dwarf.DW_TAG_subprogram and depth and abbrev.children:
                inner = depth
            if inner and inner == depth and abbrev.children:
                sibling = sibling_of(data, pos, abbrev, sizes)
                if sibling:
                    pos, inner = sibling, 0
                    continue
            pos = step_over(data, pos, abbrev, sizes)
            if abbrev.children:
                depth += 1
                if depth > _MAX_DEPTH:
                    raise IndexError("entries nested too deep")
            elif depth == 0:
                return

    def inlined_call(self, die: int, depth: int) -> Inlined:
        """Read an inlined call's entry."""
        source, unit = self.source, self.unit
        _, attrs = source.entry(unit, die)
        numbers = [
            0 if attr is None or isinstance(attr[1], bytes) else attr[1]
            for attr in (attrs.get(dwarf.DW_AT_call_file), attrs.get(dwarf.DW_AT_call_line))
        ]
        return Inlined(die + unit.offset, depth, source.code_ranges(unit, attrs), *numbers)

    def has_parameters(self, die: int) -> bool:
        """Tell whether a function's or inlined call's entry has parameters among its children."""
        found = self._parameters.get(die)
        if found is None:
            found = self._parameters[die] = self._has_child(die, dwarf.DW_TAG_formal_parameter)
        return found

    def _has_child(self, die: int, wanted: int) -> bool:
        data, abbrevs, sizes = self.source.data(self.unit), self._abbrevs, self._sizes
        pos, depth = die, 0
        while pos < len(data):
            code, pos = uleb(data, pos)
            if code == 0:
                depth -= 1
                if depth <= 0:
                    return False
                continue
            abbrev = abbrevs[code]
            if depth == 1 and abbrev.tag == wanted:
                return True
            sibling = sibling_of(data, pos, abbrev, sizes) if depth and abbrev.children else 0
            if sibling:
                pos = sibling
                continue
            pos = step_over(data, pos, abbrev, sizes)
            depth += abbrev.children
            if depth == 0:
                return False
        return False

    # --- by name -------------------------------------------------------------------------------

    def with_strings(self, needles: Iterable[bytes] | None) -> tuple[list[int], list[int]]:
        """Give the functions, and the inlined calls, that can have a name, in their order.

        ``needles`` are what the name's attribute can be among a unit's bytes; None, or a unit
        whose references take other forms than usual, means all that there are.
        """
        found = None if needles is None else reached(self.source, self.unit, needles, _CODE, _NAMED)
        if found is None:
            self.whole()
            if self._calls is None:
                base = self.unit.offset
                self._calls = [c.die - base for die in self.functions for c in self.inlined_in(die)]
            return list(self.functions), self._calls
        functions: set[int] = set()
        inlined: set[int] = set()
        for die, path in found.items():
            abbrev = self.abbrev_at(die)
            if abbrev.tag == dwarf.DW_TAG_subprogram:
                if self._has_code(die, path):
                    functions.add(die)
                continue
            for at in range(len(path) - 1, -1, -1):
                if self.abbrev_at(path[at]).tag == dwarf.DW_TAG_subprogram:
                    if self._has_code(path[at], path[:at]):
                        inlined.add(die)
                    break
        return sorted(functions), sorted(inlined)

    def _has_code(self, die: int, path: tuple[int, ...]) -> bool:
        """Tell whether a function is in the program, and keep it then."""
        return die in self.functions or (
            self.abbrev_at(die).has_code and self._note(die, self.scopes_among(path))
        )

    def scopes_among(self, path: Iterable[int]) -> tuple[int, ...]:
        """Give the namespaces and classes on the way to an entry."""
        return tuple(die for die in path if self.abbrev_at(die).tag in _SCOPES)


class Scopes:
    """Find the namespaces and classes around entries of any unit of a file."""

    def __init__(self, source: Dwarf) -> None:
        self._source = source
        self._known: dict[tuple[int, int], tuple[int, ...]] = {}

    def around(self, unit: Unit, die: int) -> tuple[int, ...]:
        """Give the entries of the scopes around an entry, outermost first."""
        key = unit.offset, die
        found = self._known.get(key)
        if found is None:
            found = ()
            abbrevs, data = self._source.abbrevs(unit), self._source.data(unit)
            for place in locate(self._source, unit, [die]):
                found = tuple(at for at in place.path if abbrevs[uleb(data, at)[0]].tag in _SCOPES)
            self._known[key] = found
        return found


def _holds(ranges: Ranges, link_addr: int) -> bool:
    return any(low <= link_addr < high for low, high in ranges)


def _has_list(abbrev: Abbrev, version: int) -> bool:
    """Tell whether entries of an abbreviation are variables with a list of locations."""
    if abbrev.tag not in _VARIABLES:
        return False
    for name, form, _ in abbrev.attrs:
        if name == dwarf.DW_AT_location:
            old = version < 4 and form in (Form.data4, Form.data8)
            return form in (Form.sec_offset, Form.loclistx) or old
    return False
