"""Printers of LLVM's C++ library, in the words of GNU's. Layouts: libc++ 14, ABI version 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydbg.errors import ExprError
from pydbg.expr.respell import template_name
from pydbg.expr.types import BoolType, CType, StructType, strip
from pydbg.expr.values import Value
from pydbg.printers.layout import behind
from pydbg.printers.libstdcxx.containers import in_a_row
from pydbg.printers.libstdcxx.parts import (
    argument,
    at,
    base,
    bool_value,
    count_text,
    distance,
    fields,
    has,
    target,
)
from pydbg.printers.libstdcxx.wrappers import adapter, holding, maybe, pair, value_as
from pydbg.printers.model import Child, Printed, Printer, StringAt
from pydbg.printers.program import Program

__all__ = ["NAMES", "find"]

_Make = Callable[[str], Printer]
_MOST_STEPS = 200
_SPACE = "std::__1::"


def _plain(name: str) -> str:
    return name.replace(_SPACE, "std::")


def _member(value: Value, *names: str) -> Value:
    """Return the member that has one of some names: they differ between versions."""
    for name in names:
        if has(value, name):
            return value[name]
    raise ExprError(f"There is no member named {names[0]}.")


def _first(pair_: Value) -> Value:
    """Return the first of a compressed pair: the value in its first base."""
    own = fields(pair_)
    if own and own[0].kind == "base" and has(base(pair_, 0), "__value_"):
        return base(pair_, 0)["__value_"]
    return pair_


# --- strings -------------------------------------------------------------------------------


def _string(name: str) -> Printer:
    def show(value: Value, program: Program) -> Printed:
        char = argument(program, value.type, 0)
        data, word = _first(value["__r_"]).data, program.pointer_size
        if data[0] & 1:  # a long one: capacity, size, pointer
            size, addr = (int.from_bytes(data[k * word : (k + 1) * word], "little") for k in (1, 2))
        else:
            size, addr = data[0] >> 1, (value.addr or 0) + char.size
        return Printed(StringAt(addr, char, size), None, "string")

    return show


def _string_view(name: str) -> Printer:
    def show(value: Value, program: Program) -> Printed:
        pointer, size = _member(value, "__data_", "__data"), _member(value, "__size_", "__size")
        return Printed(StringAt(int(pointer), target(pointer), int(size)), None, "string")

    return show


# --- sequences -----------------------------------------------------------------------------


def _vector(name: str) -> Printer:
    def show(value: Value, program: Program) -> Printed:
        start = value["__begin_"]
        if isinstance(strip(argument(program, value.type, 0)), BoolType):
            return _bits(value, start)
        end, limit = value["__end_"], _first(_member(value, "__end_cap_", "__cap_"))
        length = distance(start, end)
        text = f"{name} of length {length}, capacity {distance(start, limit)}"
        return Printed(text, in_a_row(start, max(length, 0)), "array")

    def _bits(value: Value, start: Value) -> Printed:
        word, length = 8 * target(start).size, int(value["__size_"])
        capacity = word * int(_first(_member(value, "__cap_alloc_", "__cap_")))
        children = (
            (f"[{k}]", bool_value(int(start.deref(k // word)) >> k % word & 1, value))
            for k in range(length)
        )
        return Printed(f"{name}<bool> of length {length}, capacity {capacity}", children, "array")

    return show


def _deque(name: str) -> Printer:
    def show(value: Value, program: Program) -> Printed:
        ctype = argument(program, value.type, 0)
        room = 4096 // ctype.size if 0 < ctype.size < 256 else 16
        blocks, start = value["__map_"]["__begin_"], int(value["__start_"])
        count = int(_first(_member(value, "__size_")))
        children = (
            (f"[{k}]", at(value, ctype, int(blocks.deref((start + k) // room))
                          + (start + k) % room * ctype.size))
            for k in range(count)
        )  # fmt: skip
        return Printed(f"{name} with {count_text(count)}", children, "array")

    return show


def _walk(first: Value, end: int, ctype: CType, offset: int) -> Iterator[Value]:
    """Give the values of linked nodes up to an address."""
    node = first
    while int(node) != end:
        following = node.deref()["__next_"]
        following.data  # noqa: B018 - what cannot be followed is not shown
        yield at(node, ctype, int(node) + offset)
        node = following


def _numbered(items: Iterator[Value]) -> Iterator[Child]:
    for index, item in enumerate(items):
        yield f"[{index}]", item


def _list(name: str) -> Printer:
    def show(value: Value, program: Program) -> Printed:
        ctype, word = argument(program, value.type, 0), program.pointer_size
        head = value["__end_"]
        first, end = head["__next_"], head.addr or 0
        items = _walk(first, end, ctype, behind(2 * word, ctype, word))
        return Printed(f"empty {name}" if int(first) == end else name, _numbered(items))

    return show


def _forward_list(name: str) -> Printer:
    def show(value: Value, program: Program) -> Printed:
        ctype, word = argument(program, value.type, 0), program.pointer_size
        first = _first(value["__before_begin_"])["__next_"]
        items = _walk(first, 0, ctype, behind(word, ctype, word))
        return Printed(name if int(first) else f"empty {name}", _numbered(items))

    return show


# --- sets and maps -------------------------------------------------------------------------


def _flat(pairs: Iterator[Value]) -> Iterator[Child]:
    for item in pairs:
        yield "key", item["first"]
        yield "value", item["second"]


def _element(value: Value, program: Program, *, maps: bool) -> CType:
    """Return what a node holds: of a map the pair that its allocator makes."""
    arguments = program.arguments(value.type)
    return argument(program, arguments[-1].type, 0) if maps else arguments[0].type


def _tree(value: Value, ctype: CType, program: Program) -> tuple[int, Iterator[Value]]:
    word = program.pointer_size
    tree = value["__tree_"]
    count = int(_first(tree["__pair3_"]))
    offset = behind(3 * word + 1, ctype, word)

    def link(node: int, index: int) -> int:
        return int(at(value, program.model.ulong, node + index * word))

    def items() -> Iterator[Value]:
        node = int(tree["__begin_node_"])
        for index in range(count):
            yield at(value, ctype, node + offset)
            if index + 1 < count:
                node = _following(node, link)

    return count, items()


def _following(node: int, link: Callable[[int, int], int]) -> int:
    """Return the next node in order: links are left, right and parent."""
    right = link(node, 1)
    if right:
        for _ in range(_MOST_STEPS):
            left = link(right, 0)
            if not left:
                break
            right = left
        return right
    for _ in range(_MOST_STEPS):
        parent = link(node, 2)
        if link(parent, 0) == node:
            return parent
        node = parent
    raise ExprError("The tree is damaged.")


def _hash(value: Value, ctype: CType, program: Program) -> tuple[int, Iterator[Value]]:
    word, table = program.pointer_size, value["__table_"]
    first = _first(table["__p1_"])["__next_"]
    return int(_first(table["__p2_"])), _walk(first, 0, ctype, behind(2 * word, ctype, word))


_Items = Callable[[Value, CType, Program], tuple[int, Iterator[Value]]]


def _collection(items: _Items, *, maps: bool) -> _Make:
    def make(name: str) -> Printer:
        def show(value: Value, program: Program) -> Printed:
            count, found = items(value, _element(value, program, maps=maps), program)
            text = f"{name} with {count_text(count)}"
            if maps:
                return Printed(text, _flat(found), "map")
            return Printed(text, _numbered(found))

        return show

    return make


# --- what holds others ---------------------------------------------------------------------


def _tuple(name: str) -> Printer:
    def show(value: Value, program: Program) -> Printed:
        if not has(value, "__base_"):
            return Printed(f"empty {name}", ())
        impl = value["__base_"]

        def children() -> Iterator[Child]:
            for index in range(len(fields(impl))):
                leaf = base(impl, index)
                yield f"[{index + 1}]", leaf["__value_"] if has(leaf, "__value_") else leaf

        return Printed(f"{name} containing", children())

    return show


def _optional(name: str) -> Printer:
    def show(value: Value, program: Program) -> Printed:
        plain = f"{name}<{_plain(str(argument(program, value.type, 0)))}>"
        held = value["__val_"] if value["__engaged_"] else None
        return holding(held, program, "", maybe(plain, plain))

    return show


def _variant(name: str) -> Printer:
    def show(value: Value, program: Program) -> Printed:
        choices = [one.type for one in program.arguments(value.type)]
        plain = f"{name}<{', '.join(_plain(str(one)) for one in choices)}>"
        impl = _member(value, "__impl_", "__impl")
        index = int(_member(impl, "__index_", "__index"))
        if index >= len(choices):
            return holding(None, program, "array", maybe(plain, plain))
        held = value_as(value, _member(impl, "__data_", "__data"), choices[index])
        return holding(held, program, "array", maybe(plain, f"{plain} [index {index}]"))

    return show


def _unique(name: str) -> Printer:
    def show(value: Value, program: Program) -> Printed:
        pointed = _plain(str(argument(program, value.type, 0)))
        return Printed(f"{name}<{pointed}>", [("get()", _first(value["__ptr_"]))])

    return show


def _shared(name: str) -> Printer:
    def show(value: Value, program: Program) -> Printed:
        pointed = _plain(str(argument(program, value.type, 0)))
        holder, state = value["__cntrl_"], "empty"
        if int(holder):
            # Both counts are one less than there are.
            uses = int(holder.deref()["__shared_owners_"]) + 1
            weak = int(holder.deref()["__shared_weak_owners_"])
            state = f"use count {uses}, weak count {weak}"
            if not uses:
                state = f"expired, weak count {weak + 1}"
        return Printed(f"{name}<{pointed}> ({state})", [("get()", value["__ptr_"])])

    return show


_MAKERS: dict[str, _Make] = {
    "basic_string": _string,
    "basic_string_view": _string_view,
    "deque": _deque,
    "forward_list": _forward_list,
    "list": _list,
    "optional": _optional,
    "pair": pair,
    "shared_ptr": _shared,
    "tuple": _tuple,
    "unique_ptr": _unique,
    "variant": _variant,
    "vector": _vector,
    "weak_ptr": _shared,
    **dict.fromkeys(("map", "multimap"), _collection(_tree, maps=True)),
    **dict.fromkeys(("set", "multiset"), _collection(_tree, maps=False)),
    **dict.fromkeys(("unordered_map", "unordered_multimap"), _collection(_hash, maps=True)),
    **dict.fromkeys(("unordered_set", "unordered_multiset"), _collection(_hash, maps=False)),
    **dict.fromkeys(("stack", "queue", "priority_queue"), adapter),
}
NAMES = sorted(_SPACE + name for name in _MAKERS)
"""What ``info pretty-printer`` lists."""


def find(ctype: StructType, name: str) -> tuple[str, Printer] | None:
    """Return the printer of a struct and its name, None where there is none for it."""
    own = template_name(name)
    make = _MAKERS.get(own.removeprefix(_SPACE))
    return None if make is None else (own, make(_plain(own)))
