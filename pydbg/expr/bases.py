"""Base classes: the ways to them, which members they bring, and casts up and down.

A class may have a base twice. What is found in two different parts of an object is ambiguous
(C++17, 13.2); one virtual base is one part however many ways lead to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.types import (
    CType,
    Field,
    PointerType,
    ReferenceType,
    StructType,
    spell,
    strip,
)
from pydbg.expr.values import Value, from_number
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.expr.context import Context

__all__ = [
    "Found",
    "base_path",
    "bases_of",
    "check_member",
    "converted",
    "find_member",
    "is_base",
    "is_object",
    "members_named",
    "own_field",
    "part_of",
    "referring",
    "same_class",
    "upcast",
]

Path = tuple[Field, ...]
"""The base classes on the way to a part of an object, the outermost first."""

_MAX_DEPTH = 20


class Found(Record):
    """Be a member and the way to the class that has it."""

    path: Path
    owner: StructType
    field: Field


def same_class(one: CType, two: CType) -> bool:
    """Say whether two types are one class: each file describes it anew.

    >>> same_class(StructType("A", 4), StructType("A", 4)), same_class(*[StructType("", 4)] * 2)
    (True, True)
    """
    first, second = strip(one), strip(two)
    if first is second:
        return True
    both = isinstance(first, StructType) and isinstance(second, StructType)
    return both and bool(first.name) and first.name == second.name


def is_object(value: Value) -> bool:
    """Tell whether operators on a value would be the program's own (gdb: no unions)."""
    inner = strip(value.type)
    return isinstance(inner, StructType) and inner.keyword != "union"


def bases_of(ctype: StructType) -> Iterator[tuple[Field, StructType]]:
    """Give the base classes of a class, each with its member."""
    for field in ctype.fields:
        inner = strip(field.type)
        if field.kind in ("base", "virtual") and isinstance(inner, StructType):
            yield field, inner


def _part(path: Path) -> tuple[str, ...]:
    """Return what tells parts of an object apart: the way from the last virtual base on."""
    names = [field.name for field in path]
    for at in range(len(path) - 1, -1, -1):
        if path[at].kind == "virtual":
            return ("virtual", *names[at:])
    return tuple(names)


def paths(derived: StructType, base: CType, depth: int = 0) -> list[Path]:
    """Return the ways to a base class, one for each part of the object that is one."""
    if same_class(derived, base):
        return [()]
    found: dict[tuple[str, ...], Path] = {}
    if depth < _MAX_DEPTH:
        for field, inner in bases_of(derived):
            for rest in paths(inner, base, depth + 1):
                found.setdefault(_part((field, *rest)), (field, *rest))
    return list(found.values())


def is_base(derived: CType, base: CType) -> bool:
    """Say whether a class is another one, or derived from it."""
    inner = strip(derived)
    return isinstance(inner, StructType) and bool(paths(inner, base))


def base_path(derived: StructType, base: CType) -> Path | None:
    """Return the way to a base class, None if it is none; ExprError if there are several."""
    found = paths(derived, base)
    if len(found) > 1:
        wanted = strip(base).name
        raise ExprError(f"base class '{wanted}' is ambiguous in type '{derived.name}'")
    return found[0] if found else None


def own_field(ctype: StructType, name: str) -> Field | None:
    """Return a member of a class itself, one of its anonymous unions' too, and of no base."""
    if any(field.name == name and field.kind in ("", "static") for field in ctype.fields):
        return ctype.field(name)
    for field in ctype.fields:
        inner = strip(field.type)
        if not field.name and isinstance(inner, StructType) and own_field(inner, name):
            return ctype.field(name)
    return None


def members_named(ctype: StructType, name: str, path: Path = ()) -> list[Found]:
    """Return the members that a name means in a class: its own, else those of its bases."""
    own = own_field(ctype, name)
    if own is not None:
        return [Found(path, ctype, own)]
    found: dict[tuple[str, ...], Found] = {}
    if len(path) < _MAX_DEPTH:
        for field, inner in bases_of(ctype):
            for one in members_named(inner, name, (*path, field)):
                # A static member is one, wherever it is found.
                key = (one.owner.name,) if one.field.kind == "static" else _part(one.path)
                found.setdefault(key, one)
    return list(found.values())


def find_member(ctype: StructType, name: str) -> Field | None:
    """Return the member that a name means; where one of a virtual base lies only objects know."""
    found = ctype.field(name)
    return found or next((one.field for one in members_named(ctype, name)), None)


def check_member(ctype: StructType, name: str) -> None:
    """Raise ExprError, in gdb's words, where a name means members of several parts."""
    if own_field(ctype, name) is not None:
        return
    found = members_named(ctype, name)
    if len(found) < 2:
        return
    lines = [f"Request for member '{name}' is ambiguous in type '{ctype.name}'. Candidates are:"]
    for one in found:
        way = " -> ".join([ctype.name, *(field.name for field in one.path)])
        lines.append(f"  '{spell(one.field.type)} {one.owner.name}::{name}' ({way})")
    raise ExprError("\n".join(lines))


def part_of(value: Value, path: Path) -> Value:
    """Return the part of an object that a way leads to."""
    for field in path:
        value = value.base_part(field)
    return value


def upcast(value: Value, base: CType) -> Value | None:
    """Return the part of an object that is a base class, None if that is none of its bases."""
    inner = strip(value.type)
    path = base_path(inner, base) if isinstance(inner, StructType) else None
    if path is None:
        return None
    part = part_of(value, path)
    return Value(base, None if part.lazy else part.data, part.lvalue, part.reader)


def _downcast(value: Value, derived: CType, ctx: Context) -> Value | None:
    """Return the object whose base a value is taken for, by what it really is or else blindly."""
    source, target = strip(value.type), strip(derived)
    addr = value.addr
    if addr is None or not isinstance(source, StructType) or not isinstance(target, StructType):
        return None
    whole = ctx.whole(value)
    if whole is not None:
        found = upcast(whole, derived)
        if found is not None:
            return found
    path = base_path(target, source)
    if path is None or any(field.kind == "virtual" for field in path):
        return None
    return Value.at(derived, addr - sum(field.offset for field in path), ctx.read)


def converted(ctype: CType, value: Value, ctx: Context) -> Value | None:
    """Cast an object, or a pointer to one, to a base class or a derived one.

    None is for casts that are no matter of base classes. Raises ExprError where the base is
    there twice.
    """
    target, source = strip(ctype), strip(value.type)
    if isinstance(target, StructType) and isinstance(source, StructType):
        if same_class(target, source):
            return None
        return upcast(value, ctype) or _downcast(value, ctype, ctx)
    if not isinstance(target, PointerType) or not isinstance(source, PointerType):
        return None
    wanted, given = strip(target.target), strip(source.target)
    if not isinstance(wanted, StructType) or not isinstance(given, StructType):
        return None
    if same_class(wanted, given) or not int(value):
        return None
    pointed = Value.at(source.target, int(value), ctx.read)
    found = upcast(pointed, target.target) or _downcast(pointed, target.target, ctx)
    if found is None or found.addr is None:
        return None
    return from_number(ctype, found.addr, ctx.read)


def referring(ctype: ReferenceType, value: Value, ctx: Context) -> Value:
    """Make a reference to an object in memory."""
    addr = value.addr
    if addr is None:
        raise ExprError("Attempt to take address of value not located in memory.")
    return Value(ctype, addr.to_bytes(ctx.pointer_size, "little"), None, ctx.read)
