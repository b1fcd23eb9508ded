"""Sequences, sets and maps. Layouts: bits/stl_vector.h and its like of GCC 5 to 14."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydbg.expr.types import ArrayType, BoolType, CType, StructType, strip
from pydbg.expr.values import Value, from_number
from pydbg.printers.layout import behind
from pydbg.printers.libstdcxx.parts import (
    argument,
    at,
    bool_value,
    count_text,
    distance,
    has,
    target,
)
from pydbg.printers.model import Child, Printed, Printer
from pydbg.printers.program import Program

__all__ = [
    "array_printer",
    "bitset",
    "deque",
    "forward_list",
    "hash_map",
    "hash_set",
    "in_a_row",
    "list_",
    "list_value",
    "nodes",
    "old_hash_map",
    "old_hash_set",
    "slist",
    "tree_map",
    "tree_set",
    "tree_value",
    "vector",
]

_DEQUE_NODE = 512  # bytes of a deque's node (_GLIBCXX_DEQUE_BUF_SIZE)


def in_a_row(start: Value, count: int) -> Iterator[Child]:
    """Give the elements that a pointer points to, one behind another."""
    ctype, addr = target(start), int(start)
    for index in range(count):
        yield f"[{index}]", at(start, ctype, addr + index * ctype.size)


def vector(name: str) -> Printer:
    """Make the printer of vectors."""

    def show(value: Value, program: Program) -> Printed:
        impl = value["_M_impl"]
        start, end, limit = impl["_M_start"], impl["_M_finish"], impl["_M_end_of_storage"]
        if isinstance(strip(argument(program, value.type, 0)), BoolType):
            return _bits(name, value)
        length = distance(start, end)
        text = f"{name} of length {length}, capacity {distance(start, limit)}"
        size = target(start).size
        # As long as the end is not met, wherever that is.
        whole = (int(end) - int(start)) % size == 0 if size else True
        count = length if whole and length >= 0 else 1 << 62
        return Printed(text, in_a_row(start, count), "array")

    return show


def _bits(name: str, value: Value) -> Printed:
    impl = value["_M_impl"]
    start, end = impl["_M_start"]["_M_p"], impl["_M_finish"]["_M_p"]
    word = 8 * target(start).size
    length = word * distance(start, end) + int(impl["_M_finish"]["_M_offset"])
    capacity = word * distance(start, impl["_M_end_of_storage"])

    def children() -> Iterator[Child]:
        for index in range(length):
            bits = int(start.deref(index // word))
            yield f"[{index}]", bool_value(bits >> index % word & 1, value)

    return Printed(f"{name}<bool> of length {length}, capacity {capacity}", children(), "array")


def array_printer(pointer: str, length: Callable[[Value, Program], int], name: str) -> Printer:
    """Make the printer of what is a pointer and a count."""

    def show(value: Value, program: Program) -> Printed:
        count = length(value, program)
        return Printed(f"{name} of length {count}", in_a_row(value[pointer], count), "array")

    return show


def deque(name: str) -> Printer:
    """Make the printer of deques."""

    def show(value: Value, program: Program) -> Printed:
        ctype = argument(program, value.type, 0)
        room = _DEQUE_NODE // ctype.size if 0 < ctype.size < _DEQUE_NODE else 1
        start, end = value["_M_impl"]["_M_start"], value["_M_impl"]["_M_finish"]
        count = room * (distance(start["_M_node"], end["_M_node"]) - 1)
        count += distance(start["_M_cur"], start["_M_last"])
        count += distance(end["_M_first"], end["_M_cur"])

        def children() -> Iterator[Child]:
            here, last, stop = int(start["_M_cur"]), int(start["_M_last"]), int(end["_M_cur"])
            node = index = 0
            while here != stop:
                yield f"[{index}]", at(value, ctype, here)
                index += 1
                here += ctype.size
                if here == last:
                    node += 1
                    here = int(start["_M_node"].deref(node))
                    last = here + room * ctype.size

        return Printed(f"{name} with {count_text(count)}", children(), "array")

    return show


# --- lists ---------------------------------------------------------------------------------


def nodes(first: Value, end: int, value_at: Callable[[Value], Value]) -> Iterator[Child]:
    """Give the values of linked nodes, whose first word leads on, up to an address."""
    node, index = first, 0
    while int(node) != end:
        following = node.deref()[_next_of(node)]
        if int(node):
            following.data  # noqa: B018 - as in gdb, what cannot be followed is not shown
        yield f"[{index}]", value_at(node)
        node, index = following, index + 1


def _next_of(node: Value) -> str:
    return "_M_nxt" if has(node.deref(), "_M_nxt") else "_M_next"


def list_value(node: Value, ctype: CType, program: Program, links: int) -> Value:
    """Return what a list's node holds, behind so many pointers."""
    offset = behind(links * program.pointer_size, ctype, program.pointer_size)
    return at(node, ctype, int(node) + offset)


def list_(name: str) -> Printer:
    """Make the printer of doubly linked lists."""

    def show(value: Value, program: Program) -> Printed:
        head = value["_M_impl"]["_M_node"]
        addr = head.addr or 0
        first = head["_M_next"]
        ctype = argument(program, value.type, 0)
        children = nodes(first, addr, lambda node: list_value(node, ctype, program, 2))
        return Printed(f"empty {name}" if int(first) == addr else name, children)

    return show


def forward_list(name: str) -> Printer:
    """Make the printer of singly linked lists."""

    def show(value: Value, program: Program) -> Printed:
        first = value["_M_impl"]["_M_head"]["_M_next"]
        ctype = argument(program, value.type, 0)
        children = nodes(first, 0, lambda node: list_value(node, ctype, program, 1))
        return Printed(name if int(first) else f"empty {name}", children)

    return show


def slist(name: str) -> Printer:
    """Make the printer of the old singly linked lists."""

    def show(value: Value, program: Program) -> Printed:
        first = value["_M_head"]["_M_next"]
        ctype = argument(program, value.type, 0)
        children = nodes(first, 0, lambda node: list_value(node, ctype, program, 1))
        return Printed(name if int(first) else f"empty {name}", children)

    return show


# --- trees ---------------------------------------------------------------------------------


def tree_value(node: Value, ctype: CType, program: Program) -> Value:
    """Return what a node of a tree holds: it follows the node's base."""
    offset = behind(target(node).size, ctype, program.pointer_size)
    return at(node, ctype, int(node) + offset)


def _is_unknown(ctype: CType) -> bool:
    """Tell whether a struct is only declared: the program never made one."""
    own = strip(ctype)
    return isinstance(own, StructType) and own.incomplete


def _tree(value: Value, program: Program) -> tuple[int, Iterator[Value]]:
    tree = value["_M_t"]
    ctype = argument(program, tree.type, 1)
    impl = tree["_M_impl"]
    count = int(impl["_M_node_count"])
    first = impl["_M_header"]["_M_left"]
    if _is_unknown(ctype):
        return count, iter(())
    return count, (tree_value(node, ctype, program) for node in _in_order(first, count))


def _in_order(node: Value, count: int) -> Iterator[Value]:
    """Give the nodes of a red-black tree in order, which a damaged one cannot make endless."""
    for index in range(count):
        following = _following(node) if index + 1 < count else node
        yield node
        node = following


_MOST_STEPS = 200  # More than the height of any tree that fits into memory.


def _following(node: Value) -> Value:
    inner = node.deref()
    if int(inner["_M_right"]):
        node = inner["_M_right"]
        for _ in range(_MOST_STEPS):
            left = node.deref()["_M_left"]
            if not int(left):
                break
            node = left
        return node
    parent = inner["_M_parent"]
    for _ in range(_MOST_STEPS):
        if int(node) != int(parent.deref()["_M_right"]):
            break
        node, parent = parent, parent.deref()["_M_parent"]
    return parent if int(node.deref()["_M_right"]) != int(parent) else node


def tree_map(name: str) -> Printer:
    """Make the printer of sorted maps."""

    def show(value: Value, program: Program) -> Printed:
        count, pairs = _tree(value, program)
        return Printed(f"{name} with {count_text(count)}", _flat(pairs), "map")

    return show


def tree_set(name: str) -> Printer:
    """Make the printer of sorted sets."""

    def show(value: Value, program: Program) -> Printed:
        count, items = _tree(value, program)
        return Printed(f"{name} with {count_text(count)}", _numbered(items))

    return show


def _flat(pairs: Iterator[Value]) -> Iterator[Child]:
    for pair in pairs:
        yield "key", pair["first"]
        yield "value", pair["second"]


def _numbered(items: Iterator[Value]) -> Iterator[Child]:
    for index, item in enumerate(items):
        yield f"[{index}]", item


# --- hash tables ---------------------------------------------------------------------------


def _hash_table(value: Value, program: Program) -> tuple[int, Iterator[Value]]:
    table = value["_M_h"]
    ctype = argument(program, table.type, 1)
    first = table["_M_before_begin"]["_M_nxt"]
    if _is_unknown(ctype):
        return int(table["_M_element_count"]), iter(())
    found = nodes(first, 0, lambda node: list_value(node, ctype, program, 1))
    return int(table["_M_element_count"]), (item for _, item in found if isinstance(item, Value))


def _old_hash_table(value: Value, program: Program) -> tuple[int, Iterator[Value]]:
    """Walk a table of std::tr1: its buckets, and the nodes of each."""
    buckets, count = value["_M_buckets"], int(value["_M_bucket_count"])

    def items() -> Iterator[Value]:
        for index in range(count):
            node = buckets.deref(index)
            while int(node):
                inner = node.deref()
                yield inner["_M_v"]
                node = inner["_M_next"]

    return int(value["_M_element_count"]), items()


_Walk = Callable[[Value, Program], tuple[int, Iterator[Value]]]


def _hash_maps(walk: _Walk) -> Callable[[str], Printer]:
    def make(name: str) -> Printer:
        def show(value: Value, program: Program) -> Printed:
            count, pairs = walk(value, program)
            return Printed(f"{name} with {count_text(count)}", _flat(pairs), "map")

        return show

    return make


def _hash_sets(walk: _Walk) -> Callable[[str], Printer]:
    def make(name: str) -> Printer:
        def show(value: Value, program: Program) -> Printed:
            count, items = walk(value, program)
            return Printed(f"{name} with {count_text(count)}", _numbered(items))

        return show

    return make


hash_map, hash_set = _hash_maps(_hash_table), _hash_sets(_hash_table)
old_hash_map, old_hash_set = _hash_maps(_old_hash_table), _hash_sets(_old_hash_table)


# --- bits ----------------------------------------------------------------------------------


def bitset(name: str) -> Printer:
    """Make the printer of bit sets, which shows the bits that are set."""

    def show(value: Value, program: Program) -> Printed:
        if not has(value, "_M_w"):
            return Printed(name, ())
        words = value["_M_w"]
        own = strip(words.type)
        size = own.element.size if isinstance(own, ArrayType) else own.size

        def children() -> Iterator[Child]:
            data = words.data
            for start in range(0, len(data), size):
                word = int.from_bytes(data[start : start + size], "little")
                while word:
                    bit = (word & -word).bit_length() - 1
                    word &= word - 1
                    yield f"[{8 * start + bit}]", from_number(program.model.long, 1, value.reader)

        return Printed(name, children())

    return show
