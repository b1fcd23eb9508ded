"""Walk over a unit's entries to places that are known, past all that lies between.

Compilers that say where an entry's next sibling is (GCC) let a walk jump over whole functions and
classes; with others each entry is stepped over, which takes half a microsecond.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pydbg.symbols import dwarf
from pydbg.symbols.cursor import fixed, uleb
from pydbg.symbols.dwarf import Abbrev, Form
from pydbg.symbols.units import Dwarf, Unit

__all__ = ["Place", "locate", "occurrences", "sibling_of", "step_over"]

_AT_SIBLING = 0x01
_MAX_DEPTH = 512
_LOCAL = {Form.ref1: 1, Form.ref2: 2, Form.ref4: 4, Form.ref8: 8}


class Place(NamedTuple):
    """Hold the entry that a position of its unit is in, and the entries around it."""

    die: int
    path: tuple[int, ...]


def sibling_of(data: bytes, pos: int, abbrev: Abbrev, sizes: dict[str, int]) -> int:
    """Give where the next sibling of an entry begins, 0 if the entry does not say so.

    ``pos`` is behind the entry's code.
    """
    plan = abbrev.to_sibling
    if plan is None:
        plan = abbrev.to_sibling = _plan(abbrev, sizes)
    if not plan:
        return 0
    *before, size = plan
    at = dwarf.skip(data, pos, tuple(before), **sizes)
    sibling = fixed(data, at, size)[0]
    return sibling if at < sibling <= len(data) else 0


def _plan(abbrev: Abbrev, sizes: dict[str, int]) -> tuple[int, ...]:
    """Give the steps to the sibling's reference, and its size; nothing if there is none."""
    for index, (name, form, _) in enumerate(abbrev.attrs):
        if name == _AT_SIBLING:
            if form not in _LOCAL:
                return ()
            before = Abbrev(abbrev.tag, False, abbrev.attrs[:index])
            return (*dwarf.skip_plan(before, **sizes), _LOCAL[form])
    return ()


def step_over(data: bytes, pos: int, abbrev: Abbrev, sizes: dict[str, int]) -> int:
    """Give where an entry's attributes end; ``pos`` is behind its code."""
    plan = abbrev.plan
    if plan is None:
        plan = abbrev.plan = dwarf.skip_plan(abbrev, **sizes)
    for step in plan:
        if step >= 0:
            pos += step
        elif step == -1:
            while data[pos] >= 0x80:
                pos += 1
            pos += 1
        else:
            pos = dwarf.skip(data, pos, (step,), **sizes)
    return pos


def locate(source: Dwarf, unit: Unit, positions: Sequence[int]) -> list[Place]:
    """Find the entries in whose attributes (or code) sorted positions of a unit are.

    A position in no entry, as the end of a list of children, is left out.
    """
    data, abbrevs, sizes = source.data(unit), source.abbrevs(unit), unit.sizes
    found: list[Place] = []
    path: list[int] = []
    pos, size = unit.die, len(data)
    index, count = 0, len(positions)
    while index < count and pos < size:
        at = pos
        code = data[pos]
        pos += 1
        if code == 0:
            if not path:
                break
            path.pop()
            continue
        if code >= 0x80:
            code, pos = uleb(data, at)
        abbrev = abbrevs[code]
        end = step_over(data, pos, abbrev, sizes)
        while index < count and positions[index] < end:
            if positions[index] >= at and (not found or found[-1].die != at):
                found.append(Place(at, tuple(path)))
            index += 1
        if index == count:
            break
        if abbrev.children:
            sibling = sibling_of(data, pos, abbrev, sizes) if path else 0
            if sibling and positions[index] >= sibling:
                pos = sibling
                continue
            path.append(at)
            if len(path) > _MAX_DEPTH:
                raise IndexError("entries nested too deep")
        elif not path:
            break
        pos = end
    return found


def occurrences(data: bytes, needle: bytes) -> Iterator[int]:
    """Give all positions of bytes in a unit."""
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)
