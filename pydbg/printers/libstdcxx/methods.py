"""Methods of containers and smart pointers, done without running the program.

They are those that the library's own script gives gdb (xmethods.py): an optimised program often
has no code of them, a core dump runs none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from pydbg.errors import ExprError
from pydbg.expr.respell import template_name
from pydbg.expr.types import ArrayType, strip
from pydbg.expr.values import Value
from pydbg.printers.libstdcxx.parts import has
from pydbg.printers.libstdcxx.pointers import unique_get
from pydbg.printers.program import Program

__all__ = ["method"]

Method = Callable[[Value, Program, list[Value]], Value]

_SEQUENCES = ("vector", "deque", "list", "forward_list", "array")
_TREES = ("map", "multimap", "set", "multiset")
_TABLES = tuple(f"unordered_{name}" for name in _TREES)
_PREFIXES = ("std::", "std::__cxx11::", "std::__debug::", "std::__cxx1998::")


def _children(value: Value, program: Program) -> Iterable[Value]:
    if has(value, "_M_elems"):  # std::array, which is shown as the struct that it is
        elements = value["_M_elems"]
        for index in range(_count(value, program)):
            yield elements.element(index)
        return
    printed = program.printed(value)
    for _, child in (printed.children if printed is not None else None) or ():
        if isinstance(child, Value):
            yield child


def _count(value: Value, program: Program) -> int:
    if has(value, "_M_h"):
        return int(value["_M_h"]["_M_element_count"])
    if has(value, "_M_t"):
        return int(value["_M_t"]["_M_impl"]["_M_node_count"])
    if has(value, "_M_elems"):
        elements = strip(value["_M_elems"].type)
        return elements.count if isinstance(elements, ArrayType) else 0
    return sum(1 for _ in _children(value, program))


def _size(value: Value, program: Program, args: list[Value]) -> Value:
    return program.number(_count(value, program), program.model.ulong)


def _empty(value: Value, program: Program, args: list[Value]) -> Value:
    filled = next(iter(_children(value, program)), None)
    return program.number(int(filled is None), program.model.bool)


def _front(value: Value, program: Program, args: list[Value]) -> Value:
    return _at(value, program, [program.number(0)])


def _back(value: Value, program: Program, args: list[Value]) -> Value:
    found = deque(_children(value, program), 1)
    if not found:
        raise ExprError("There is no element 0.")
    return found[0]


def _at(value: Value, program: Program, args: list[Value]) -> Value:
    wanted = int(args[0])
    for at, child in enumerate(_children(value, program)):
        if at == wanted:
            return child
    raise ExprError(f"There is no element {wanted}.")


def _shared_get(value: Value, program: Program, args: list[Value]) -> Value:
    return value["_M_ptr"]


def _uses(value: Value, program: Program, args: list[Value]) -> Value:
    holder = value["_M_refcount"]["_M_pi"]
    count = int(holder.deref()["_M_use_count"]) if int(holder) else 0
    return program.number(count, program.model.long)


def _unique(value: Value, program: Program, args: list[Value]) -> Value:
    return program.number(int(int(_uses(value, program, args)) == 1), program.model.bool)


_COUNTED: dict[str, tuple[int, Method]] = {"size": (0, _size), "empty": (0, _empty)}
_ENDS: dict[str, tuple[int, Method]] = {"front": (0, _front), "back": (0, _back)}
_INDEXED: dict[str, tuple[int, Method]] = {"at": (1, _at), "operator[]": (1, _at)}
_UNIQUE: dict[str, tuple[int, Method]] = {"get": (0, lambda value, *_: unique_get(value))}
_SHARED: dict[str, tuple[int, Method]] = {
    "get": (0, _shared_get),
    "use_count": (0, _uses),
    "unique": (0, _unique),
}

_METHODS: dict[str, dict[str, tuple[int, Method]]] = {
    **dict.fromkeys(_SEQUENCES, _COUNTED | _ENDS),
    **dict.fromkeys(("vector", "deque", "array"), _COUNTED | _ENDS | _INDEXED),
    **dict.fromkeys((*_TREES, *_TABLES), _COUNTED),
    "unique_ptr": _UNIQUE,
    "shared_ptr": _SHARED,
}
"""Class -> method -> how many arguments it has, and what does it."""


def method(
    value: Value, type_name: str, name: str, args: Sequence[Value], program: Program
) -> Value | None:
    """Return what a method of the library's gives, None for those that are not known."""
    own = template_name(type_name)
    for prefix in _PREFIXES:
        found = _METHODS.get(own.removeprefix(prefix)) if own.startswith(prefix) else None
        known = found.get(name) if found is not None else None
        if known is not None and known[0] == len(args):
            return known[1](value, program, list(args))
    return None
