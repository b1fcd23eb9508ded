"""Read what DWARF says of a function's calls: where each returns to, and whom it calls.

DWARF 5, section 3.4; compilers wrote the same as GNU extensions before. Clang describes tail
calls by the address of the jump alone, which gdb does not follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from pydbg.records import Record
from pydbg.symbols import dwarf
from pydbg.symbols.cursor import as_uleb, uleb
from pydbg.symbols.dwarf import Abbrev, Form
from pydbg.symbols.units import Attr, Dwarf, Unit
from pydbg.symbols.walk import locate_in, occurrences, sibling_of, step_over

if TYPE_CHECKING:
    from pydbg.symbols.functions import Function, UnitFunctions
    from pydbg.symbols.modules import Module

__all__ = ["CallSite", "call_before", "call_returning_to", "tail_calls", "tail_calls_at"]

_CALL_SITE, _GNU_CALL_SITE = 0x48, 0x4109
_CALL_RETURN_PC, _CALL_ORIGIN, _CALL_TAIL_CALL, _CALL_TARGET = 0x7D, 0x7F, 0x82, 0x83
_MAX_ORIGINS = 8
_GNU_TARGET, _GNU_TAIL_CALL = 0x2113, 0x2115
_SITES = _CALL_SITE, _GNU_CALL_SITE
_TAIL = _CALL_TAIL_CALL, _GNU_TAIL_CALL
_ADDRESSES = _CALL_RETURN_PC, dwarf.DW_AT_low_pc
_MAX_HIGHS = 8

Target = Callable[[Unit, "Attr | None"], "tuple[Unit, int] | None"]


class CallSite(Record):
    """Hold one call; addresses are link addresses."""

    return_pc: int
    """Behind the call, or behind the jump of a tail call."""
    is_tail: bool
    target: int | None = None
    """The entry of the function that is called, where the same file describes it."""
    target_name: str | None = None
    """The linker's name of a function that is only declared here."""
    die: int = 0
    """Offset of its entry in .debug_info."""


def tail_calls_at(module: Module, addr: int) -> list[CallSite]:
    """Give the tail calls of the function at a run-time address of a module."""
    unit, function = _described_at(module, addr)
    return [] if unit is None or function is None else unit.tail_calls(function)


def call_returning_to(module: Module, addr: int, return_addr: int) -> CallSite | None:
    """Find the call that returns to an address, of the function at ``addr`` (both run-time)."""
    unit, function = _described_at(module, addr)
    if unit is None or function is None:
        return None
    return unit.call_before(function, module.link_addr(return_addr))


def _described_at(module: Module, addr: int) -> tuple[UnitFunctions | None, Function | None]:
    table, link_addr = module.function_table, module.link_addr(addr)
    unit = table.unit_at(link_addr) if table is not None else None
    return unit, None if unit is None else unit.at(link_addr)


def tail_calls(source: Dwarf, unit: Unit, function: int, follow: Target) -> list[CallSite]:
    """Give the tail calls of the function whose entry begins at ``function``, in their order.

    ``follow`` finds the entry that a reference means.
    """
    data, abbrevs = source.data(unit), source.abbrevs(unit)
    marked = {
        code: abbrev
        for code, abbrev in abbrevs.whole().items()
        if abbrev.tag in _SITES and any(map(abbrev.has, _TAIL)) and any(map(abbrev.has, _ADDRESSES))
    }
    if not marked:
        return []
    searched = _tail_pattern(source, unit, function, marked)
    if searched is None:
        return list(_read(source, unit, function, follow, tail=True))
    end = _end_of(source, unit, function)
    found = (match.start() for match in searched.finditer(data, function, end))
    sites = (_site(source, unit, at, follow) for at in _sites_at(source, unit, function, [*found]))
    return [site for site in sites if site is not None and site.is_tail]


def _tail_pattern(
    source: Dwarf, unit: Unit, function: int, marked: dict[int, Abbrev]
) -> re.Pattern[bytes] | None:
    """Give what the entries of tail calls begin with: a code and an address in the function.

    None where they are made in another way, or the function is too large for that.
    """
    if any(abbrev.attrs[0][0] not in _ADDRESSES for abbrev in marked.values()):
        return None
    if not all(map(_has_address, marked.values())):
        return None
    highs: set[int] = set()  # all but the lowest three bytes of addresses
    for low, high in source.code_ranges(unit, source.entry(unit, function)[1]):
        highs.update(range(low >> 24, min(high >> 24, (low >> 24) + _MAX_HIGHS) + 1))
    if not 0 < len(highs) < _MAX_HIGHS:
        return None
    rest = [high.to_bytes(unit.address_size - 3, "little") for high in sorted(highs)]
    codes, ends = (b"|".join(map(re.escape, some)) for some in ([*map(as_uleb, marked)], rest))
    return re.compile(b"(?s:(?:%s)(?=...(?:%s)))" % (codes, ends))


def call_before(
    source: Dwarf, unit: Unit, function: int, return_pc: int, follow: Target
) -> CallSite | None:
    """Find the call of a function that returns to a link address.

    Its entry has the address among its bytes, so it is searched, and nothing else is read.
    """
    data, abbrevs = source.data(unit), source.abbrevs(unit)
    if not all(map(_has_address, abbrevs.whole().values())):
        sites = _read(source, unit, function, follow, tail=False)
        return next((site for site in sites if site.return_pc == return_pc), None)
    needle = return_pc.to_bytes(unit.address_size, "little")
    end = _end_of(source, unit, function)
    positions = list(occurrences(data[:end], needle, function))
    for at in _sites_at(source, unit, function, positions):
        site = _site(source, unit, at, follow)
        if site is not None and site.return_pc == return_pc:
            return site
    return None


def _end_of(source: Dwarf, unit: Unit, function: int) -> int:
    """Give where what is inside of a function's entry ends, at the latest."""
    data, abbrevs = source.data(unit), source.abbrevs(unit)
    code, pos = uleb(data, function)
    if not abbrevs[code].children:
        return function
    return sibling_of(data, pos, abbrevs[code], unit.sizes) or len(data)


def _sites_at(source: Dwarf, unit: Unit, function: int, positions: Sequence[int]) -> Iterator[int]:
    """Give the entries of a function's own calls that have one of some sorted positions in them."""
    data, abbrevs = source.data(unit), source.abbrevs(unit)
    for place in locate_in(source, unit, positions, function):
        inner = place.path[1:]
        if any(abbrevs[uleb(data, at)[0]].tag == dwarf.DW_TAG_subprogram for at in inner):
            continue  # Another function's, inside of this one.
        if abbrevs[uleb(data, place.die)[0]].tag in _SITES:
            yield place.die


def _has_address(abbrev: Abbrev) -> bool:
    """Tell whether entries have the address of their call in them, if they are calls at all."""
    return abbrev.tag not in _SITES or all(
        form == Form.addr for name, form, _ in abbrev.attrs if name in _ADDRESSES
    )


def _read(
    source: Dwarf, unit: Unit, function: int, follow: Target, *, tail: bool
) -> Iterator[CallSite]:
    """Walk over a function's entries and give its calls, those in tail position or all."""
    data, abbrevs = source.data(unit), source.abbrevs(unit)
    sizes = unit.sizes
    pos, depth = function, 0
    nested: list[int] = []
    while pos < len(data):
        at = pos
        code, pos = uleb(data, pos)
        if code == 0:
            depth -= 1
            while nested and nested[-1] >= depth:
                nested.pop()
            if depth <= 0:
                break
            continue
        abbrev = abbrevs[code]
        if abbrev.tag in _SITES:
            if not nested and (not tail or any(abbrev.has(name) for name in _TAIL)):
                site = _site(source, unit, at, follow)
                if site is not None and (site.is_tail or not tail):
                    yield site
            sibling = sibling_of(data, pos, abbrev, sizes) if abbrev.children and depth else 0
            if sibling:
                pos = sibling
                continue
        pos = step_over(data, pos, abbrev, sizes)
        if abbrev.children:
            if abbrev.tag == dwarf.DW_TAG_subprogram and depth:
                nested.append(depth)
            depth += 1
        elif depth == 0:
            break


def _site(source: Dwarf, unit: Unit, at: int, follow: Target) -> CallSite | None:
    _, attrs = source.entry(unit, at)
    die = unit.offset + at
    return_pc = source.address(unit, attrs.get(_CALL_RETURN_PC) or attrs.get(dwarf.DW_AT_low_pc))
    if return_pc is None:
        return None
    is_tail = any(name in attrs for name in _TAIL)
    if _CALL_TARGET in attrs or _GNU_TARGET in attrs:
        return CallSite(return_pc, is_tail, None, None, die)  # Through a pointer.
    origin = attrs.get(_CALL_ORIGIN) or attrs.get(dwarf.DW_AT_abstract_origin)
    callee = follow(unit, origin)
    if callee is None:
        return CallSite(return_pc, is_tail, None, None, die)
    _, about = source.entry(*callee)
    text = _linkage_name(source, callee[0], about)
    for _ in range(_MAX_ORIGINS):
        # With LTO a declaration may be completed, by nothing, in the unit of the call.
        further = follow(callee[0], about.get(dwarf.DW_AT_abstract_origin))
        if further is None or source.code_ranges(callee[0], about):
            break
        callee = further
        _, about = source.entry(*callee)
        # Of a constructor only the entry that stands for its variant has the linker's name.
        text = text or _linkage_name(source, callee[0], about)
    if dwarf.DW_AT_declaration in about and dwarf.DW_AT_specification not in about:
        text = text or source.string(callee[0], about.get(dwarf.DW_AT_name))
        return CallSite(return_pc, is_tail, None, text, die)
    ranges = source.code_ranges(callee[0], about)
    return CallSite(return_pc, is_tail, ranges[0][0] if ranges else None, None, die)


def _linkage_name(source: Dwarf, unit: Unit, about: dict[int, Attr]) -> str | None:
    name = about.get(dwarf.DW_AT_linkage_name) or about.get(dwarf.DW_AT_MIPS_linkage_name)
    return source.string(unit, name)
