"""What several printers of libstdc++ need: members, casts and counts."""

from __future__ import annotations

from pydbg.errors import DebuggerError, ExprError
from pydbg.expr.types import BoolType, CType, Field, PointerType, StructType, strip
from pydbg.expr.values import Value, from_number
from pydbg.printers.program import Program

__all__ = [
    "argument",
    "at",
    "base",
    "bool_value",
    "count_text",
    "distance",
    "fields",
    "has",
    "head_of_tuple",
    "is_template",
    "target",
    "value_type",
]


def at(value: Value, ctype: CType, addr: int) -> Value:
    """Return what lies at an address of the program that a value is of."""
    if value.reader is None:
        raise ExprError("Cannot read memory through this value.")
    return Value.at(ctype, addr & ((1 << 64) - 1), value.reader)


def fields(value: Value) -> list[Field]:
    """Return the members and bases of a struct."""
    own = strip(value.type)
    return list(own.fields) if isinstance(own, StructType) else []


def has(value: Value, name: str) -> bool:
    """Tell whether a struct or one of its bases has a member."""
    own = strip(value.type)
    return isinstance(own, StructType) and own.field(name) is not None


def base(value: Value, index: int) -> Value:
    """Return a base, or member, as a value: ``fields()[index]``."""
    field = fields(value)[index]
    if field.kind in ("base", "virtual"):
        return value.base_part(field)
    return value.part(field.type, field.offset)


def argument(program: Program, ctype: CType, index: int) -> CType:
    """Return a type among a template's arguments; ExprError where there is none."""
    found = program.arguments(ctype)
    if index >= len(found):
        raise ExprError(f"Template argument number {index} out of range.")
    return found[index].type


def value_type(program: Program, ctype: CType) -> CType:
    """Return the type of an iterator's elements: compilers leave out its template's arguments."""
    own = strip(ctype)
    for typedef, _ in own.typedefs if isinstance(own, StructType) else ():
        if typedef.name.endswith("::value_type"):
            return typedef.target
    return argument(program, ctype, 0)


def is_template(ctype: CType, name: str) -> bool:
    """Tell whether a type is made of a template of namespace std."""
    return strip(ctype).name.startswith((f"std::{name}<", f"std::__8::{name}<"))


def target(pointer: Value) -> CType:
    """Return the type that a pointer points to."""
    own = strip(pointer.type)
    if not isinstance(own, PointerType):
        raise ExprError("Attempt to take contents of a non-pointer value.")
    return own.target


def distance(start: Value, end: Value) -> int:
    """Return how many elements lie between two pointers, as C subtracts them."""
    size = target(start).size or 1
    difference = int(end) - int(start)
    count = abs(difference) // size
    return count if difference >= 0 else -count


def bool_value(number: int, like: Value) -> Value:
    """Return true or false as a value."""
    return from_number(BoolType("bool", 1), int(bool(number)), like.reader)


def count_text(count: int) -> str:
    """Return ``1 element`` or ``N elements``."""
    return "1 element" if count == 1 else f"{count} elements"


def head_of_tuple(value: Value) -> Value:
    """Return the first element of a tuple: the member of the last base of its first base."""
    impl = base(value, 0)
    head = base(impl, -1)
    own = fields(head)
    if not own:
        raise DebuggerError(f"Unsupported implementation for std::tuple: {value.type}")
    if own[0].name == "_M_head_impl":
        return head["_M_head_impl"]
    return base(head, 0)
