"""Rust's library types: strings, collections, counted references, cells.

Texts are those of rust-gdb (its gdb_providers.py); layouts are read from debug information by the
members' names, as the library has had them from rustc 1.63 to 1.95.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.errors import ExprError, MemoryFault
from pydbg.expr.respell import template_name
from pydbg.expr.types import PointerType, StructType, strip
from pydbg.printers.model import Child, Printed, Printer, StringAt
from pydbg.rust.kinds import active, is_slice, members, slice_parts
from pydbg.rust.library import buffer, bytes_of, has, number, pointer, struct
from pydbg.rust.stdprinters import BYTE, PRINTERS, shared_slice

if TYPE_CHECKING:
    from pydbg.expr.types import CType
    from pydbg.expr.values import Value
    from pydbg.printers.program import Program

__all__ = ["NAMES", "find"]

_MOST_DEPTH = 16
_CELLS = 1 << 24
"""Of a hash table: what claims to have more is damaged."""
_GROUP = 4096
_WRAPPERS = ("MaybeUninit", "ManuallyDrop", "MaybeDangling")


def _element(value: Value, at: int = 0) -> CType | None:
    inner = struct(value)
    found = list(inner.arguments) if inner is not None else []
    return found[at].type if at < len(found) else None


def _unwrapped(value: Value) -> Value:
    """Return what is in ``MaybeUninit<T>``."""
    for _ in range(_MOST_DEPTH):
        inner = struct(value)
        if inner is None or not any(word in inner.name.partition("<")[0] for word in _WRAPPERS):
            break
        value = value.member("value" if has(value, "value") else members(inner)[0].name)
    return value


# --- strings --------------------------------------------------------------------------------


def _string(value: Value, program: Program) -> Printed | None:
    found = bytes_of(value)
    return None if found is None else Printed(StringAt(found[0], BYTE, found[1]), hint="string")


def _known_parts(value: Value) -> tuple[PointerType | None, int, int] | None:
    """Return a slice's parts; None for a literal, which is nowhere, and for one partly gone."""
    if getattr(value, "text", None) is not None:
        return None
    try:
        return slice_parts(value)
    except ExprError:
        return None


def _str(value: Value, program: Program) -> Printed | None:
    known = _known_parts(value)
    return known and Printed(StringAt(known[1], BYTE, known[2]), hint="string")


def _borrowed(value: Value, program: Program) -> Printed | None:
    _, addr, length = slice_parts(value)
    return Printed(StringAt(addr, BYTE, length), hint="string")


# --- sequences ------------------------------------------------------------------------------


def _vec(value: Value, program: Program) -> Printed | None:
    element = _element(value)
    if element is None:
        return None
    count = number(value.member("len"))
    first, _ = buffer(value)
    return Printed(f"Vec(size={count})", _items(program, element, first, count), "array")


def _items(program: Program, element: CType, first: int, count: int) -> Iterator[Child]:
    for at in range(count):
        item = program.at(element, first + at * element.size)
        try:
            _ = item.data
        except MemoryFault:  # Rust's own printers: a variable that has no value yet.
            yield f"[{at}]", "inaccessible"
            return
        yield f"[{at}]", item


def _slice(value: Value, program: Program) -> Printed | None:
    known = _known_parts(value)
    pointer, first, count = known or (None, 0, 0)
    if pointer is None:
        return None
    items = _items(program, pointer.target, first, count)
    return Printed(f"{value.type.name}(size={count})", items, "array")


def _vec_deque(value: Value, program: Program) -> Printed | None:
    element = _element(value)
    if element is None:
        return None
    first, room = buffer(value)
    if has(value, "len"):
        start, count = number(value.member("head")), number(value.member("len"))
    else:  # Until 1.66: a ring that is never full.
        start = number(value.member("tail"))
        count = (number(value.member("head")) - start) % room if room else 0
    size, room = element.size, room or 1
    items = (
        (f"[{at}]", program.at(element, first + (start + at) % room * size)) for at in range(count)
    )
    return Printed(f"VecDeque(size={count})", items, "array")


# --- shared and inner-mutable ----------------------------------------------------------------


def _counted(word: str) -> Printer:
    def show(value: Value, program: Program) -> Printed | None:
        held = pointer(value.member("ptr"))
        if not isinstance(strip(held.type), PointerType):
            return shared_slice(word, held, program)
        if int(held) + 1 in (0, 1 << 8 * program.pointer_size):
            return Printed(f"{word}(dangling)")
        shared = held.deref()
        strong, weak = number(shared.member("strong")), number(shared.member("weak")) - 1
        kept = next((name for name in ("value", "data") if has(shared, name)), None)
        if kept is None:
            return None
        children: list[Child] = [
            ("value", shared.member(kept)), ("strong", str(strong)), ("weak", str(weak))
        ]  # fmt: skip
        return Printed(f"{word}(strong={strong}, weak={weak})", children)

    return show


def _cell(value: Value, program: Program) -> Printed:
    return Printed("Cell", [("value", value.member("value").member("value"))])


def _borrows(word: str, count: int) -> str:
    return f"{word}(borrow={count})" if count >= 0 else f"{word}(borrow_mut={-count})"


def _ref_cell(value: Value, program: Program) -> Printed:
    count = number(value.member("borrow"))
    children: list[Child] = [
        ("value", value.member("value").member("value")), ("borrow", str(count))
    ]  # fmt: skip
    return Printed(_borrows("RefCell", count), children)


def _ref(value: Value, program: Program) -> Printed | None:
    held = pointer(value.member("value"))
    if not isinstance(strip(held.type), PointerType):
        return None
    counter = value.member("borrow").member("borrow")
    if isinstance(strip(counter.type), PointerType):
        counter = counter.deref()
    count = number(counter)
    children: list[Child] = [("*value", held.deref()), ("borrow", str(count))]
    return Printed(_borrows("Ref", count), children)


def _non_zero(value: Value, program: Program) -> Printed:
    return Printed(str(number(value)))


# --- maps and sets ---------------------------------------------------------------------------


def _table_items(table: Value, program: Program) -> tuple[int, Iterator[Value]]:
    """Return how many pairs a hashbrown table has, and the pairs."""
    pair = _element(table)
    if pair is None:
        raise ExprError("the type of the table's elements is not known")
    inner = table.member("table") if has(table, "table") else table
    control = int(pointer(inner.member("ctrl")))
    mask = number(inner.member("bucket_mask"))
    count = number(inner.member("items"))

    def pairs() -> Iterator[Value]:
        # A byte for each place, its highest bit set where there is nothing; the pairs lie
        # before these bytes, the first one nearest.
        left = min(count, _CELLS)
        for start in range(0, min(mask + 1, _CELLS), _GROUP):
            if not left:
                return
            marks = program.read(control + start, min(_GROUP, mask + 1 - start))
            for at, mark in enumerate(marks, start):
                if not mark & 0x80 and left:
                    left -= 1
                    yield program.at(pair, control - (at + 1) * pair.size)

    return count, pairs()


def _table_of(value: Value) -> Value:
    for _ in range(_MOST_DEPTH):
        if has(value, "bucket_mask") or (has(value, "table") and has(value, "marker")):
            return value
        name = next((n for n in ("base", "map", "table") if has(value, n)), None)
        if name is None:
            break
        value = value.member(name)
    raise ExprError("there is no table")


def _hash_map(value: Value, program: Program) -> Printed:
    count, pairs = _table_items(_table_of(value), program)

    def children() -> Iterator[Child]:
        for at, pair in enumerate(pairs):
            yield f"key{at}", pair.member("__0")
            yield f"val{at}", pair.member("__1")

    return Printed(f"HashMap(size={count})", children(), "map")


def _hash_set(value: Value, program: Program) -> Printed:
    count, pairs = _table_items(_table_of(value), program)
    items = ((f"[{at}]", pair.member("__0")) for at, pair in enumerate(pairs))
    return Printed(f"HashSet(size={count})", items, "array")


def _tree_items(tree: Value, program: Program) -> Iterator[tuple[Value, Value]]:
    """Give the pairs of a BTreeMap in order."""
    if not number(tree.member("length")):
        return
    root = tree.member("root")
    outer = struct(root)
    if outer is not None and outer.variant_part is not None:
        root = active(root, outer).member("__0")
    yield from _node_items(pointer(root.member("node")), number(root.member("height")), program)


def _node_items(node: Value, height: int, program: Program) -> Iterator[tuple[Value, Value]]:
    if height > _MOST_DEPTH:
        raise ExprError("the tree is too high")
    leaf = node.deref()
    keys, values = leaf.member("keys"), leaf.member("vals")
    edges = None
    if height:
        kind = strip(leaf.type).name.replace("LeafNode", "InternalNode", 1)
        whole = program.type_named(kind)
        if whole is None:
            raise ExprError(f"there is no type {kind}")
        edges = program.at(whole, int(node)).member("edges")
    count = number(leaf.member("len"))
    for at in range(min(count, 11) + 1):  # B is 6: 11 pairs, 12 edges.
        if edges is not None:
            yield from _node_items(pointer(_unwrapped(edges.element(at))), height - 1, program)
        if at < count:
            yield _unwrapped(keys.element(at)), _unwrapped(values.element(at))


def _btree_map(value: Value, program: Program) -> Printed:
    def children() -> Iterator[Child]:
        for at, (key, held) in enumerate(_tree_items(value, program)):
            yield f"key{at}", key
            yield f"val{at}", held

    return Printed(f"BTreeMap(size={number(value.member('length'))})", children(), "map")


def _btree_set(value: Value, program: Program) -> Printed:
    inner = value.member("map")
    items = ((f"[{at}]", key) for at, (key, _) in enumerate(_tree_items(inner, program)))
    return Printed(f"BTreeSet(size={number(inner.member('length'))})", items, "array")


# --- the table -------------------------------------------------------------------------------

_PRINTERS: dict[str, tuple[str, Printer]] = {
    "alloc::string::String": ("String", _string),
    "std::ffi::os_str::OsString": ("OsString", _string),
    "std::path::PathBuf": ("PathBuf", _string),
    "&str": ("Str", _str),
    "&mut str": ("Str", _str),
    "&std::ffi::os_str::OsStr": ("OsStr", _borrowed),
    "&std::path::Path": ("Path", _borrowed),
    "alloc::vec::Vec": ("Vec", _vec),
    "alloc::collections::vec_deque::VecDeque": ("VecDeque", _vec_deque),
    "alloc::rc::Rc": ("Rc", _counted("Rc")),
    "alloc::rc::Weak": ("Weak", _counted("Rc")),
    "alloc::sync::Arc": ("Arc", _counted("Arc")),
    "alloc::sync::Weak": ("Weak", _counted("Arc")),
    "core::cell::Cell": ("Cell", _cell),
    "core::cell::Ref": ("Ref", _ref),
    "core::cell::RefMut": ("RefMut", _ref),
    "core::cell::RefCell": ("RefCell", _ref_cell),
    "std::collections::hash::map::HashMap": ("HashMap", _hash_map),
    "std::collections::hash::set::HashSet": ("HashSet", _hash_set),
    "alloc::collections::btree::map::BTreeMap": ("BTreeMap", _btree_map),
    "alloc::collections::btree::set::BTreeSet": ("BTreeSet", _btree_set),
    **PRINTERS,
}
_NON_ZERO = "core::num::nonzero::NonZero"
NAMES = tuple(dict.fromkeys([*(label for label, _ in _PRINTERS.values()), "NonZero", "Slice"]))
"""What ``info pretty-printer`` lists."""


def find(ctype: StructType, name: str) -> tuple[str, Printer] | None:
    """Return the printer for a struct and its name in NAMES; None where there is none.

    >>> find(StructType("alloc::string::String", 24), "alloc::string::String")[0]
    'String'
    """
    if name.startswith(("&[", "&mut [")) and is_slice(ctype):
        return "Slice", _slice
    base = template_name(name)
    if base.startswith(_NON_ZERO):
        return "NonZero", _non_zero
    if name.startswith("alloc::boxed::Box<str"):
        base = "alloc::boxed::Box<str>"
    return _PRINTERS.get(base)
