"""Printers of GNU's C++ library, whose texts are those of its own printers for gdb."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydbg.expr.respell import template_name
from pydbg.expr.types import StructType
from pydbg.expr.values import Value
from pydbg.printers.libstdcxx import containers, iterators, pointers, texts, wrappers
from pydbg.printers.libstdcxx.methods import method
from pydbg.printers.model import Printer
from pydbg.printers.program import Program

__all__ = ["NAMES", "find", "method"]

_Make = Callable[[str], Printer]


def _span_length(value: Value, program: Program) -> int:
    extent = program.arguments(value.type)[1].number
    dynamic = (1 << 8 * program.pointer_size) - 1
    if extent is None or extent == dynamic:
        return int(value["_M_extent"]["_M_extent_value"])
    return extent


def _span(name: str) -> Printer:
    return containers.array_printer("_M_ptr", _span_length, name)


def _initializer_list(name: str) -> Printer:
    return containers.array_printer("_M_array", lambda value, _: int(value["_M_len"]), name)


# Each row: namespaces, names in them, and what makes their printer.
_CONTAINERS: tuple[tuple[str, str, _Make], ...] = (
    ("std::", "bitset", containers.bitset),
    ("std::", "deque", containers.deque),
    ("std:: std::__cxx11::", "list", containers.list_),
    ("std::", "map multimap", containers.tree_map),
    ("std::", "set multiset", containers.tree_set),
    ("std::", "vector", containers.vector),
    ("std::", "unordered_map unordered_multimap", containers.hash_map),
    ("std::", "unordered_set unordered_multiset", containers.hash_set),
    ("std::", "forward_list", containers.forward_list),
    ("std::", "_List_iterator _List_const_iterator",
     lambda name: iterators.list_iterator(2, "std::list")),
    ("std::", "_Fwd_list_iterator _Fwd_list_const_iterator",
     lambda name: iterators.list_iterator(1, "std::forward_list")),
    ("std::", "_Deque_iterator _Deque_const_iterator",
     lambda name: iterators.pointer_iterator("_M_cur", "std::deque")),
    ("std::", "_Bit_iterator _Bit_const_iterator", iterators.bit_iterator),
    ("std::", "_Bit_reference", iterators.bit_reference),
)  # fmt: skip
"""Also in the namespace of containers that debug mode wraps (__cxx1998)."""

_OTHERS: tuple[tuple[str, str, _Make], ...] = (
    ("std::", "basic_string", texts.old_string),
    ("std::__cxx11::", "basic_string", texts.new_string),
    ("std::", "pair", wrappers.pair),
    ("std::", "priority_queue queue stack", wrappers.adapter),
    ("std::", "tuple", wrappers.tuple_),
    ("std::", "unique_ptr", pointers.unique),
    ("std::", "error_code error_condition", texts.error_code),
    ("std:: std::tr1::", "shared_ptr weak_ptr", pointers.shared),
    ("std::tr1::", "unordered_map unordered_multimap", containers.old_hash_map),
    ("std::tr1::", "unordered_set unordered_multiset", containers.old_hash_set),
    ("std::", "initializer_list", _initializer_list),
    ("std::", "atomic", texts.atomic),
    ("std::__detail::", "_State", texts.regex_state),
    ("std:: std::experimental::fundamentals_v1::", "any", wrappers.any_),
    ("std:: std::experimental::fundamentals_v1::", "optional", wrappers.optional),
    ("std:: std::experimental::fundamentals_v1::", "basic_string_view", texts.string_view),
    ("std::experimental::filesystem::v1:: std::experimental::filesystem::v1::__cxx11::", "path",
     texts.old_path),
    ("std::filesystem:: std::filesystem::__cxx11::", "path", texts.path),
    ("std::", "variant", wrappers.variant),
    ("std::", "_Node_handle", wrappers.node_handle),
    ("std::", "partial_ordering weak_ordering strong_ordering", texts.ordering),
    ("std::", "span", _span),
    ("__gnu_cxx::", "slist", containers.slist),
    ("std::", "_Rb_tree_iterator _Rb_tree_const_iterator", iterators.tree_iterator),
    ("__gnu_cxx::", "__normal_iterator",
     lambda name: iterators.pointer_iterator("_M_current", "std::vector")),
    ("__gnu_cxx::", "_Slist_iterator",
     lambda name: iterators.list_iterator(1, "__gnu_cxx::slist")),
)  # fmt: skip

_DEBUG: tuple[tuple[str, str, _Make], ...] = (
    ("std::__debug::", "bitset", containers.bitset),
    ("std::__debug::", "deque", containers.deque),
    ("std::__debug::", "list", containers.list_),
    ("std::__debug::", "map multimap", containers.tree_map),
    ("std::__debug::", "set multiset", containers.tree_set),
    ("std::__debug::", "priority_queue queue stack", wrappers.adapter),
    ("std::__debug::", "unique_ptr", pointers.unique),
    ("std::__debug::", "vector", containers.vector),
    ("std::__debug::", "unordered_map unordered_multimap", containers.hash_map),
    ("std::__debug::", "unordered_set unordered_multiset", containers.hash_set),
    ("std::__debug::", "forward_list", containers.forward_list),
    ("__gnu_debug::", "_Safe_iterator", iterators.debug_iterator),
)


def _rows() -> Iterator[tuple[str, _Make]]:
    for spaces, names, make in _CONTAINERS + _OTHERS:
        wrapped = ["", "__cxx1998::"] if (spaces, names, make) in _CONTAINERS else [""]
        for space in spaces.split():
            first, _, rest = space.partition("::")
            for name in names.split():
                for inner in wrapped:
                    yield f"{space}{inner}{name}", make
                    # The namespace of a library configured with a version (--enable-symvers).
                    yield f"{first}::__8::{rest}{inner}{name}", make
    for spaces, names, make in _DEBUG:
        for name in names.split():
            yield f"{spaces}{name}", make


_MAKERS: dict[str, _Make] = dict(_rows())
NAMES = sorted(_MAKERS)
"""What ``info pretty-printer`` lists."""


def find(ctype: StructType, name: str) -> tuple[str, Printer] | None:
    """Return the printer of a struct and its name, None where there is none for it."""
    own = template_name(name)
    make = _MAKERS.get(own)
    return None if make is None else (own, make(own.replace("__8::", "")))
