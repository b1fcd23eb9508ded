"""Addresses in the map of an address space: in which mapping, or how far from one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydbg.linux.procfs import Mapping

__all__ = ["mapping_at", "place"]

_NEAR = 1 << 24
"""How far a mapping may be to be named."""


def place(addr: int, maps: Sequence[Mapping]) -> str:
    """Say in which mapping an address is, or between which.

    >>> from pydbg.linux.procfs import parse_maps
    >>> maps = parse_maps("1000-2000 rw-p 00000000 00:00 0 [heap]\\n")
    >>> place(0x1800, maps), place(0x2010, maps)
    ('in [heap] (rw-p)', 'in no mapping, 0x10 bytes past the end of [heap]')
    """
    below = above = None
    for one in maps:
        if one.start <= addr < one.end:
            return f"in {_name(one)} ({one.perms})"
        if one.end <= addr and one.path != "[vsyscall]":
            below = one
        elif one.start > addr and above is None:
            above = one
    past = addr - below.end if below is not None else _NEAR
    before = above.start - addr if above is not None else _NEAR
    if below is not None and past < min(_NEAR, before + 1):
        return f"in no mapping, {past:#x} bytes past the end of {_name(below)}"
    if above is not None and before < _NEAR:
        return f"in no mapping, {before:#x} bytes before {_name(above)}"
    return "in no mapping, nor near one"


def _name(one: Mapping) -> str:
    return one.path or f"the mapping {one.start:#x}-{one.end:#x}"


def mapping_at(addr: int, maps: Sequence[Mapping]) -> Mapping | None:
    """Return the mapping that holds an address."""
    return next((one for one in maps if one.start <= addr < one.end), None)
