"""Entries of Go's maps, as they lie in memory: bucket maps up to Go 1.23, Swiss maps from 1.24.

Source: src/runtime/map.go (hmap, bmap) and src/internal/runtime/maps (Map, table, groups).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydbg.errors import ExprError
from pydbg.expr.types import PointerType, StructType, strip
from pydbg.expr.values import Value, is_scalar
from pydbg.golang import values

__all__ = ["entries", "find"]

_EMPTY = 4
"""evacuatedEmpty: above that a cell holds an entry, below 2 it never did."""
_POINTERS = ("*", "map[", "chan ", "<-chan ", "func(", "unsafe.Pointer")
_MOST_BUCKETS = 1 << 24
_MOST_OVERFLOW = 1 << 16
_SLOTS = 8
_GONE = 0x80
"""In a control byte of a Swiss map: the slot is empty or deleted."""


def entries(value: Value) -> Iterator[tuple[Value, Value]]:
    """Give the keys and values of a map, or of what it points to, in no order.

    Raises ExprError for a map that cannot be one, MemoryFault where it cannot be read.
    """
    inner = strip(value.type)
    if isinstance(inner, PointerType):
        if not int(value):
            return
        value = value.deref()
    if "buckets" in values.fields_of(value.type):
        yield from _of_buckets(value)
    else:
        yield from _of_groups(value)


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
    bits = int(value.member("B"))
    if bits > 40 or 1 << bits > _MOST_BUCKETS or int(value.member("count")) < 0:
        raise ExprError("a corrupt map")
    buckets, old = value.member("buckets"), value.member("oldbuckets")
    if not int(buckets):
        return
    flags = int(value.member("flags"))
    same_size = bool(flags & 8)  # sameSizeGrow: entries only move together.
    mask = (1 << bits if same_size else 1 << max(bits - 1, 0)) - 1
    for index in range(1 << bits):
        bucket = buckets[index]
        if int(old):
            before = old[index & mask]
            if not _evacuated(before):
                if index > mask:
                    continue  # What will be here is still in a bucket that was seen.
                bucket = before
        yield from _of_chain(bucket)


def _evacuated(bucket: Value) -> bool:
    return 1 < bucket.member("tophash").data[0] <= _EMPTY


def _of_chain(bucket: Value) -> Iterator[tuple[Value, Value]]:
    names = _kinds(bucket)
    for _ in range(_MOST_OVERFLOW):
        top = bucket.member("tophash").data
        keys, found = bucket.member("keys"), bucket.member("values")
        for slot in range(min(len(top), _SLOTS)):
            if top[slot] > _EMPTY:
                yield _of_slot(keys, slot, names[0]), _of_slot(found, slot, names[1])
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
    raise ExprError("a corrupt map")


def _of_slot(cells: Value, slot: int, name: str) -> Value:
    """Return a cell's content; what is longer than 128 bytes is behind a pointer."""
    found = cells.element(slot)
    if isinstance(strip(found.type), PointerType) and not name.startswith(_POINTERS):
        return found.deref()
    return found


def _kinds(bucket: Value) -> tuple[str, str]:
    """Return the types' names that a bucket's name tells: ``bucket<string,int>``."""
    name = strip(bucket.type).name
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
    count = int(value.member("dirLen"))
    directory = value.member("dirPtr")
    if count < 0 or count > _MOST_BUCKETS:
        raise ExprError("a corrupt map")
    if not count:
        if int(directory):
            yield from _of_group(_small_group(value, directory))
        return
    seen = set()
    for index in range(count):
        table = directory[index]
        if int(table) in seen:
            continue
        seen.add(int(table))
        groups = table.deref().member("groups")
        mask = int(groups.member("lengthMask"))
        if mask >= _MOST_BUCKETS:
            raise ExprError("a corrupt map")
        data = groups.member("data")
        for number in range(mask + 1):
            yield from _of_group(data[number])


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


def _of_group(group: Value) -> Iterator[tuple[Value, Value]]:
    control = int(group.member("ctrl")) & ((1 << 64) - 1)
    slots = group.member("slots")
    for slot in range(_SLOTS):
        if not control >> 8 * slot & _GONE:
            one = slots.element(slot)
            yield one.member("key"), one.member("elem")
