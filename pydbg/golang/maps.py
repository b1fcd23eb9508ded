"""Entries of Go's maps, as they lie in memory: bucket maps up to Go 1.23, Swiss maps from 1.24.

Source: src/runtime/map.go (hmap, bmap) and src/internal/runtime/maps (Map, table, groups).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain, islice

from pydbg.errors import ExprError
from pydbg.expr.types import PointerType, StructType, strip
from pydbg.expr.values import Value, is_scalar
from pydbg.golang import values

__all__ = ["entries", "find"]

_EMPTY = 4
"""evacuatedEmpty: above that a cell holds an entry."""
_FILLED = re.compile(rb"[^\x00\x02-\x04]", re.DOTALL)
"""The first byte of a bucket that may hold entries: not emptyRest, not evacuated."""
_BUCKETS_READ = 256
_POINTERS = ("*", "map[", "chan ", "<-chan ", "func(", "unsafe.Pointer")
_MOST_BITS = 26
_MOST_OVERFLOW = 1 << 12
_MOST_GROUPS = 1 << 16
_SLOTS = 8
_SAME_SIZE = 8
"""Of a map's flags: entries only move together, into as many buckets."""
_CORRUPT = "a corrupt map"
_GONE = 0x80
"""In a control byte of a Swiss map: the slot is empty or deleted."""


def entries(value: Value) -> Iterator[tuple[Value, Value]]:
    """Give the keys and values of a map, or of what it points to, in no order.

    Raises ExprError at once for what cannot be a map (a variable that is not set yet), and
    MemoryFault where it cannot be read.
    """
    inner = strip(value.type)
    if isinstance(inner, PointerType):
        if not int(value):
            return iter(())
        value = value.deref()
    if (value.addr or 0) % 8:
        raise ExprError(_CORRUPT)
    return _of_buckets(value) if "buckets" in values.fields_of(value.type) else _of_groups(value)


def find(value: Value, key: Value) -> Value | None:
    """Return the value of a key, None if it is not in the map."""
    from pydbg.golang.nodes import text_of

    wanted = text_of(key)
    for one, found in entries(value):
        text = text_of(one)
        if text is not None or wanted is not None:
            if text == wanted:
                return found
        elif is_scalar(strip(one.type)) and is_scalar(strip(key.type)):
            if one.number() == key.number():
                return found
        elif one.data == key.data:
            return found
    return None


# --- bucket maps -----------------------------------------------------------------------------


def _of_buckets(value: Value) -> Iterator[tuple[Value, Value]]:
    bits, count = int(value.member("B")), int(value.member("count"))
    flags = int(value.member("flags"))
    # Above 6.5 entries a bucket a map grows at once, but only above eight of them.
    if bits > _MOST_BITS or flags > 15 or not 0 <= count <= max(_SLOTS, 13 << bits >> 1) + 1:
        raise ExprError(_CORRUPT)
    # While it grows, entries are still where they were before.
    old = bits if flags & _SAME_SIZE else max(bits - 1, 0)
    arrays = [
        _of_array(value.member(name), 1 << power)
        for name, power in (("buckets", bits), ("oldbuckets", old))
        if int(value.member(name))
    ]
    return islice(chain.from_iterable(arrays), count)


def _of_array(buckets: Value, count: int) -> Iterator[tuple[Value, Value]]:
    """Give what is in buckets; of those that are empty only the first byte is looked at."""
    addr, pointer = int(buckets), strip(buckets.type)
    if not isinstance(pointer, PointerType) or addr % 8 or not pointer.target.size:
        raise ExprError(_CORRUPT)
    size, read = pointer.target.size, _reader(buckets)
    read(addr + (count - 1) * size, 1)

    def found() -> Iterator[tuple[Value, Value]]:
        for start in range(0, count, _BUCKETS_READ):
            some = read(addr + start * size, min(_BUCKETS_READ, count - start) * size)
            for filled in _FILLED.finditer(some[::size]):
                yield from _of_chain(buckets[start + filled.start()])

    return found()


def _of_chain(bucket: Value) -> Iterator[tuple[Value, Value]]:
    names = _kinds(bucket)
    for _ in range(_MOST_OVERFLOW):
        top = bucket.member("tophash").data
        keys, found = bucket.member("keys"), bucket.member("values")
        for slot in range(min(len(top), _SLOTS)):
            if top[slot] > _EMPTY:
                yield _direct(keys.element(slot), names[0]), _direct(found.element(slot), names[1])
        overflow = bucket.member("overflow")
        if not int(overflow):
            return
        pointer = strip(overflow.type)
        if not isinstance(pointer, PointerType) or not isinstance(
            strip(pointer.target), StructType
        ):
            bucket = Value.at(bucket.type, int(overflow), _reader(bucket))
        else:
            bucket = overflow.deref()
    raise ExprError(_CORRUPT)


def _direct(found: Value, name: str) -> Value:
    """Return a key or value of the named type; a pointer leads to what is long (128 bytes)."""
    if isinstance(strip(found.type), PointerType) and not name.startswith(_POINTERS):
        return found.deref()
    return found


def _kinds(value: Value) -> tuple[str, str]:
    """Return the names of key and value: ``bucket<string,int>``, ``map<string,int>``."""
    name = strip(value.type).name
    inside = name[name.find("<") + 1 : -1]
    depth = 0
    for at, char in enumerate(inside):
        depth += (char in "<[({") - (char in ">])}")
        if char == "," and not depth:
            return inside[:at], inside[at + 1 :].strip()
    return "*", "*"


def _reader(value: Value) -> Callable[[int, int], bytes]:
    read = value.reader
    assert read is not None
    return read


# --- Swiss maps ------------------------------------------------------------------------------


def _of_groups(value: Value) -> Iterator[tuple[Value, Value]]:
    members = values.fields_of(value.type)
    if "dirPtr" not in members or "dirLen" not in members:
        raise ExprError("a map of an unknown layout")
    used, count = int(value.member("used")), int(value.member("dirLen"))
    directory = value.member("dirPtr")
    if not 0 <= used <= 1 << _MOST_BITS + 3 or not 0 <= count <= 1 << _MOST_BITS:
        raise ExprError(_CORRUPT)
    if not count:
        if used > _SLOTS or int(directory) % 8 or (used and not int(directory)):
            raise ExprError(_CORRUPT)
        if not used:
            return iter(())
        return islice(_of_group(_small_group(value, directory), _kinds(value)), used)
    if count & (count - 1) or int(directory) % 8:  # A power of two: 1 << globalDepth.
        raise ExprError(_CORRUPT)
    directory[count - 1].data  # noqa: B018 - raises MemoryFault where there is no directory
    return islice(_of_tables(directory, count, _kinds(value)), used)


def _of_tables(
    directory: Value, count: int, names: tuple[str, str]
) -> Iterator[tuple[Value, Value]]:
    seen = set()
    for index in range(count):
        table = directory[index]
        if int(table) in seen:
            continue
        seen.add(int(table))
        groups = table.deref().member("groups")
        mask = int(groups.member("lengthMask"))
        if mask >= _MOST_GROUPS or mask & (mask + 1):
            raise ExprError(_CORRUPT)
        data = groups.member("data")
        for number in range(mask + 1):
            yield from _of_group(data[number], names)


def _small_group(value: Value, directory: Value) -> Value:
    """Return the one group that a small map's directory points to in place of tables."""
    table = strip(directory.type)
    for _ in range(2):
        assert isinstance(table, PointerType)
        table = strip(table.target)
    assert isinstance(table, StructType)
    groups = table.field("groups")
    inner = strip(groups.type) if groups is not None else None
    data = inner.field("data") if isinstance(inner, StructType) else None
    pointer = strip(data.type) if data is not None else None
    if not isinstance(pointer, PointerType):
        raise ExprError("a map of an unknown layout")
    return Value.at(pointer.target, int(directory), _reader(value))


def _of_group(group: Value, names: tuple[str, str]) -> Iterator[tuple[Value, Value]]:
    control = int(group.member("ctrl")) & ((1 << 64) - 1)
    slots = group.member("slots")
    for slot in range(_SLOTS):
        if not control >> 8 * slot & _GONE:
            one = slots.element(slot)
            yield _direct(one.member("key"), names[0]), _direct(one.member("elem"), names[1])
