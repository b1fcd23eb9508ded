"""Read what DWARF says of a function's calls: where each returns to, and whom it calls.

DWARF 5, section 3.4; compilers wrote the same as GNU extensions before. Clang describes tail
calls by the address of the jump alone, which gdb does not follow.
"""

from __future__ import annotations

from collections.abc import Callable

from pydbg.records import Record
from pydbg.symbols import dwarf
from pydbg.symbols.cursor import uleb
from pydbg.symbols.units import Attr, Dwarf, Unit

__all__ = ["CallSite", "read_call_sites"]

_CALL_SITE, _GNU_CALL_SITE = 0x48, 0x4109
_CALL_RETURN_PC, _CALL_ORIGIN, _CALL_TAIL_CALL, _CALL_TARGET = 0x7D, 0x7F, 0x82, 0x83
_GNU_TARGET, _GNU_TAIL_CALL = 0x2113, 0x2115

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


def read_call_sites(source: Dwarf, unit: Unit, function: int, follow: Target) -> list[CallSite]:
    """Give the calls of the function whose entry begins at ``function``, in their order.

    ``follow`` finds the entry that a reference means.
    """
    data, abbrevs = source.data(unit), source.abbrevs(unit)
    sizes = unit.sizes
    found: list[CallSite] = []
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
        if abbrev.tag in (_CALL_SITE, _GNU_CALL_SITE) and not nested:
            site = _site(source, unit, at, follow)
            if site is not None:
                found.append(site)
        if abbrev.plan is None:
            abbrev.plan = dwarf.skip_plan(abbrev, **sizes)
        pos = dwarf.skip(data, pos, abbrev.plan, **sizes)
        if abbrev.children:
            if abbrev.tag == dwarf.DW_TAG_subprogram and depth:
                nested.append(depth)
            depth += 1
        elif depth == 0:
            break
    return found


def _site(source: Dwarf, unit: Unit, at: int, follow: Target) -> CallSite | None:
    _, attrs = source.entry(unit, at)
    die = unit.offset + at
    return_pc = source.address(unit, attrs.get(_CALL_RETURN_PC) or attrs.get(dwarf.DW_AT_low_pc))
    if return_pc is None:
        return None
    is_tail = _CALL_TAIL_CALL in attrs or _GNU_TAIL_CALL in attrs
    if _CALL_TARGET in attrs or _GNU_TARGET in attrs:
        return CallSite(return_pc, is_tail, None, None, die)  # Through a pointer.
    origin = attrs.get(_CALL_ORIGIN) or attrs.get(dwarf.DW_AT_abstract_origin)
    callee = follow(unit, origin)
    if callee is None:
        return CallSite(return_pc, is_tail, None, None, die)
    _, about = source.entry(*callee)
    if dwarf.DW_AT_declaration in about and dwarf.DW_AT_specification not in about:
        name = about.get(dwarf.DW_AT_linkage_name) or about.get(dwarf.DW_AT_MIPS_linkage_name)
        text = source.string(callee[0], name or about.get(dwarf.DW_AT_name))
        return CallSite(return_pc, is_tail, None, text, die)
    ranges = source.code_ranges(callee[0], about)
    return CallSite(return_pc, is_tail, ranges[0][0] if ranges else None, None, die)
