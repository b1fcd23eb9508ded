"""Walk over a unit's entries to places that are known, past all that lies between.

Compilers that say where an entry's next sibling is (GCC) let a walk jump over whole functions and
classes; with others each entry is stepped over, which takes half a microsecond.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pydbg.symbols import dwarf
from pydbg.symbols.cursor import uleb
from pydbg.symbols.dwarf import Abbrev, Form
from pydbg.symbols.units import Dwarf, Unit

__all__ = [
    "Place",
    "locate",
    "locate_in",
    "occurrences",
    "outline_of",
    "reached",
    "sibling_of",
    "step_over",
]

_AT_SIBLING = 0x01
_MANY = 9
"""Needles of one length: the search for all of them takes as long as about so many for one."""
_MAX_DEPTH = 512
_KEPT = 8
_EACH = 256
_MAX_PLACES = 4096
_ORIGINS = (dwarf.DW_AT_abstract_origin, dwarf.DW_AT_specification)
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
    if len(plan) == 2 and plan[0] >= 0:
        at, size = pos + plan[0], plan[1]
    else:
        *before, size = plan
        at = dwarf.skip(data, pos, tuple(before), **sizes)
    sibling = int.from_bytes(data[at : at + size], "little")
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


Outline = tuple[list[int], list[tuple[int, ...]]]
"""Positions of entries in a unit, and for each the entries around it."""


def outline_of(source: Dwarf, unit: Unit) -> Outline:
    """Give entries from which a walk can begin; kept for the last few units.

    They are those right below the unit and its namespaces, and where no siblings are told, and
    all had to be stepped over, each 256th.
    """
    found = source.outlines.get(unit.offset)
    if found is None:
        if len(source.outlines) >= _KEPT:
            del source.outlines[next(iter(source.outlines))]
        found = source.outlines[unit.offset] = _read_outline(source, unit)
    return found


def _read_outline(source: Dwarf, unit: Unit) -> Outline:
    data, abbrevs, sizes = source.data(unit), source.abbrevs(unit), unit.sizes
    starts: list[int] = []
    paths: list[tuple[int, ...]] = []
    path: list[int] = []
    inside = 0  # depth of the first entry around that is neither the unit nor a namespace
    steps = 0
    pos, size = unit.die, len(data)
    while pos < size:
        at = pos
        code = data[pos]
        pos += 1
        if code == 0:
            if not path:
                break
            path.pop()
            if len(path) < inside:
                inside = 0
            if not path:
                break
            continue
        if code >= 0x80:
            code, pos = uleb(data, at)
        abbrev = abbrevs[code]
        steps += 1
        if path and (not inside or steps >= _EACH):
            starts.append(at)
            paths.append(tuple(path))
            steps = 0
        if abbrev.children:
            if path and abbrev.tag != dwarf.DW_TAG_namespace:
                sibling = sibling_of(data, pos, abbrev, sizes)
                if sibling:
                    pos = sibling
                    continue
                inside = inside or len(path) + 1
            path.append(at)
            if len(path) > _MAX_DEPTH:
                raise IndexError("entries nested too deep")
        elif not path:
            break
        pos = step_over(data, pos, abbrev, sizes)
    return starts, paths


def locate(source: Dwarf, unit: Unit, positions: Sequence[int]) -> list[Place]:
    """Find the entries in whose attributes (or code) sorted positions of a unit are.

    A position in no entry, as the end of a list of children, is left out.
    """
    starts, paths = outline_of(source, unit)
    found: list[Place] = []
    index, count = 0, len(positions)
    while index < count:
        near = bisect_right(starts, positions[index]) - 1
        if near < 0:
            index += 1  # In the unit's own entry.
            continue
        end = starts[near + 1] if near + 1 < len(starts) else unit.end - unit.offset
        last = bisect_left(positions, end, index)
        here = positions[index:last]
        found += _locate_from(source, unit, here, starts[near], end, list(paths[near]))
        index = max(last, index + 1)
    return found


def locate_in(source: Dwarf, unit: Unit, positions: Sequence[int], die: int) -> Iterator[Place]:
    """Find the same among what is inside of an entry; the ways to them begin with it."""
    return _locate_from(source, unit, positions, die, unit.end - unit.offset, [])


def _locate_from(
    source: Dwarf, unit: Unit, positions: Sequence[int], pos: int, stop: int, path: list[int]
) -> Iterator[Place]:
    """Do the same from one entry to another; ``path`` are the entries around the first."""
    data, abbrevs, sizes = source.data(unit), source.abbrevs(unit), unit.sizes
    index, count = 0, len(positions)
    while index < count and pos < stop:
        at = pos
        code = data[pos]
        pos += 1
        if code == 0:
            path.pop()
            if not path:
                return
            continue
        if code >= 0x80:
            code, pos = uleb(data, at)
        abbrev = abbrevs[code]
        end = step_over(data, pos, abbrev, sizes)
        while index < count and positions[index] < end:
            if positions[index] >= at and (not index or positions[index - 1] < at):
                yield Place(at, tuple(path))
            index += 1
        if index == count:
            return
        if abbrev.children:
            sibling = sibling_of(data, pos, abbrev, sizes)
            if sibling and positions[index] >= sibling:
                pos = sibling
                continue
            path.append(at)
            if len(path) > _MAX_DEPTH:
                raise IndexError("entries nested too deep")
        pos = end


def reached(
    source: Dwarf,
    unit: Unit,
    needles: Iterable[bytes],
    kept: frozenset[int],
    followed: frozenset[int],
) -> dict[int, tuple[int, ...]] | None:
    """Find the entries that have one of some bytes, and what completes them, each with its path.

    ``kept`` are the tags that count, ``followed`` those that others may complete. None for a
    unit whose strings or references take other forms than usual: all has to be read then.
    """
    abbrevs, data = source.abbrevs(unit), source.data(unit)
    forms = {
        form
        for abbrev in abbrevs.whole().values()
        if abbrev.tag in kept
        for name, form, _ in abbrev.attrs
        if name in _ORIGINS
    }
    if source.has_index(unit) or not forms <= {Form.ref4, Form.ref_addr, Form.gnu_ref_alt}:
        return None
    found: dict[int, tuple[int, ...]] = {}
    positions = _places(data, needles)
    first = True
    while positions:
        if len(positions) > _MAX_PLACES:
            return None
        fresh: list[int] = []
        for place in locate(source, unit, sorted(positions)):
            abbrev = abbrevs[uleb(data, place.die)[0]]
            if place.die in found or abbrev.tag not in kept:
                continue
            if first or any(name in _ORIGINS for name, _, _ in abbrev.attrs):
                found[place.die] = place.path
                if abbrev.tag in followed:
                    fresh.append(place.die)
        references = [die.to_bytes(4, "little") for die in fresh]
        if Form.ref_addr in forms:
            references += [
                (unit.offset + die - unit.home.references).to_bytes(unit.offset_size, "little")
                for die in fresh
            ]
        positions = _places(data, references)
        first = False
    return found


def _places(data: bytes, needles: Iterable[bytes]) -> set[int]:
    """Give where any of some needles is: many of a length are searched in one go.

    >>> sorted(_places(bytes(range(40)) * 2, [bytes((n, n + 1)) for n in range(30, 39)]))[-2:]
    [77, 78]
    """
    by_size: dict[int, set[bytes]] = {}
    for needle in needles:
        by_size.setdefault(len(needle), set()).add(needle)
    found: set[int] = set()
    for size, some in by_size.items():
        if len(some) < _MANY:
            found.update(at for needle in some for at in occurrences(data, needle))
            continue
        columns = (
            b"[%s]" % b"".join(map(re.escape, {n[i : i + 1] for n in some})) for i in range(size)
        )
        places = (match.start() for match in re.finditer(b"(?s)(?=%s)" % b"".join(columns), data))
        found.update(at for at in places if data[at : at + size] in some)
    return found


def occurrences(data: bytes, needle: bytes, start: int = 0) -> Iterator[int]:
    """Give where some bytes are among others.

    >>> list(occurrences(b"aaba", b"a", 1))
    [1, 3]
    """
    at = data.find(needle, start)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)
