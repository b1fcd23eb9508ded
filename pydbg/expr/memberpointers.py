"""Pointers to members: ``&Class::member``, ``object.*p``, ``pointer->*p``, and their text.

The values are those of the Itanium C++ ABI, 2.3: of data the member's offset, of a function its
address, or 1 plus the offset in the table of virtual functions, then what to add to ``this``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr import methods, nodes
from pydbg.expr.bases import Path, members_named, upcast
from pydbg.expr.types import (
    Field,
    FunctionType,
    MemberPointerType,
    Method,
    PointerType,
    StructType,
    spell,
    strip,
)
from pydbg.expr.values import Value, from_number
from pydbg.symbols.cplusnames import split_scope

if TYPE_CHECKING:
    from pydbg.expr.context import Context
    from pydbg.expr.evaluator import Evaluator
    from pydbg.expr.format import Formatter

__all__ = ["ThroughPointer", "class_member", "compared", "member_pointer_text", "resolved"]

_NO_CLASS = "non-pointer-to-member value used in pointer-to-member construct"


class ThroughPointer(nodes.OwnNode):
    """Be ``object.*member`` or, with ``arrow``, ``pointer->*member``."""

    object: nodes.Node
    member: nodes.Node
    arrow: bool

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return the member, of a method the function."""
        return resolved(evaluator, self)[0]


def resolved(evaluator: Evaluator, tree: ThroughPointer) -> tuple[Value, Value | None]:
    """Return what a pointer to a member means in an object, and ``this`` of a method."""
    base = evaluator.value(tree.object).referred()
    if isinstance(strip(base.type), PointerType):
        base = base.deref()
    pointer = evaluator.value(tree.member).referred()
    ctype = strip(pointer.type)
    if not isinstance(ctype, MemberPointerType):
        raise ExprError(_NO_CLASS)
    if not isinstance(strip(base.type), StructType):
        raise ExprError(
            "Attempt to extract a component of a value that is not a structure"
            f"{' pointer' if tree.arrow else ''}."
        )
    return _in_object(evaluator, base, pointer, ctype)


def _in_object(
    evaluator: Evaluator, base: Value, pointer: Value, ctype: MemberPointerType
) -> tuple[Value, Value | None]:
    ctx = evaluator.ctx
    owner = upcast(base, ctype.owner)
    # As in gdb an object of another class is taken as it is.
    part = base if owner is None else owner
    if isinstance(strip(ctype.target), FunctionType):
        return _method(pointer, ctype, part, ctx)
    offset = int.from_bytes(pointer.data, "little", signed=True)
    if part.addr is None:
        return part.part(ctype.target, offset), None
    return Value.at(ctype.target, part.addr + offset, ctx.read), None


def _method(
    pointer: Value, ctype: MemberPointerType, part: Value, ctx: Context
) -> tuple[Value, Value]:
    size = ctx.pointer_size
    data = pointer.data
    number = int.from_bytes(data[:size], "little")
    adjust = int.from_bytes(data[size : 2 * size], "little", signed=True)
    if part.addr is None:
        raise ExprError("Attempt to take address of value not located in memory.")
    at = part.addr + adjust
    if number & 1:
        table = int.from_bytes(ctx.read(at, size), "little")
        number = int.from_bytes(ctx.read(table + number - 1, size), "little")
    function = ctype.target
    this = from_number(PointerType("", size, ctype.owner), at, ctx.read)
    return Value.at(function, number, ctx.read), this


def class_member(evaluator: Evaluator, name: str, *, address: bool) -> Value | None:
    """Return what ``Class::member`` is, or a pointer to the member; None for no class's.

    Raises ExprError, with gdb's words, where the class has no such member.
    """
    head, last = split_scope(name)
    found = evaluator.ctx.type_named(head) if head else None
    owner = strip(found) if found is not None else None
    if found is None or not isinstance(owner, StructType) or not owner.cplus:
        return None
    of_name = members_named(owner, last)
    if of_name:
        return _data(evaluator, owner, of_name[0].path, of_name[0].field, address)
    named = list(methods.methods_named(owner, last))
    if last[:1] != "~":
        named = [one for one in named if not one[0].constructor]  # They have no names.
    if not named:
        if evaluator.ctx.symbol(name) is not None:
            return None  # An enumerator of an enumeration in the class.
        raise ExprError(f"There is no field named {last}")
    usable = [one for one in named if not one[0].artificial] or named
    if len(usable) > 1:
        raise ExprError(f"non-unique member `{last}' requires type instantiation")
    return _function(evaluator, *usable[0], address=address)


def _data(
    evaluator: Evaluator, owner: StructType, path: Path, field: Field, address: bool
) -> Value | None:
    if field.kind == "static":
        return None
    if not address and evaluator.types_only:
        return Value(field.type, bytes(field.type.size))
    this = None if address else evaluator.ctx.symbol("this")
    if not address and this is None:
        raise ExprError(f'Cannot reference non-static field "{field.name}"')
    if field.bit_size:
        raise ExprError("pointers to bitfield members not allowed")
    size = evaluator.model.pointer_size
    offset = field.offset + sum(one.offset for one in path)
    ctype = MemberPointerType("", size, field.type, owner)
    data = offset.to_bytes(size, "little", signed=True)
    pointer = Value(ctype, data, None, evaluator.ctx.read)
    # In a method it is the object's own, as if by ``this->*&Class::member``.
    return pointer if this is None else _in_object(evaluator, this.deref(), pointer, ctype)[0]


def _function(
    evaluator: Evaluator, method: Method, owner: StructType, *, address: bool
) -> Value | None:
    if method.static:
        found = evaluator.ctx.symbol(method.linkage) if method.linkage else None
        if found is None or found.addr is None or not address:
            return found
        return from_number(evaluator.model.pointer(found.type), found.addr, evaluator.ctx.read)
    ctype = methods.with_this(method, owner, evaluator.ctx.pointer_size)
    size = evaluator.model.pointer_size
    if method.virtual and method.index >= 0 and address:
        number = method.index * size + 1
    else:
        found = evaluator.ctx.symbol(method.linkage) if method.linkage else None
        if found is None or found.addr is None:
            return None
        number = found.addr
    if not address:
        return Value.at(ctype, number, evaluator.ctx.read)
    pointer = MemberPointerType("", 2 * size, ctype, owner)
    return Value(pointer, number.to_bytes(size, "little") + bytes(size), None, evaluator.ctx.read)


def member_pointer_text(out: Formatter, value: Value, ctype: MemberPointerType) -> str:
    """Return the text of a pointer to a member (gnu-v3-abi.c, cp-valprint.c)."""
    size = out.pointer_size
    number = int.from_bytes(value.data[:size], "little", signed=True)
    owner = strip(ctype.owner)
    if not isinstance(strip(ctype.target), FunctionType):
        if number == -1:
            return "NULL"
        name = _data_name(owner, number) if isinstance(owner, StructType) else None
        return f"&{name}" if name is not None else str(number)
    adjust = int.from_bytes(value.data[size : 2 * size], "little", signed=True)
    if number & 1:
        found = _virtual(owner, (number - 1) // size) if isinstance(owner, StructType) else None
        if found is None:
            text = f"&virtual table offset {number - 1}"
        else:
            text = f"&virtual {found}"
    elif number:
        text = f"({spell(ctype)}) {out.code_address(number)}"
    else:
        return "NULL"
    return f"{text}, this adjustment {adjust}" if adjust else text


def _data_name(owner: StructType, offset: int, depth: int = 0) -> str | None:
    """Return ``Class::member`` of the member at an offset, of a base class's too."""
    for field in owner.fields:
        if field.kind == "" and field.offset == offset and not field.bit_size:
            return f"{owner.name}::{field.name}"
    for field in owner.fields if depth < 20 else ():
        inner = strip(field.type)
        if field.kind == "base" and isinstance(inner, StructType):
            found = None
            if 0 <= offset - field.offset < inner.size:
                found = _data_name(inner, offset - field.offset, depth + 1)
            if found is not None:
                return found
    return None


def _virtual(owner: StructType, index: int, depth: int = 0) -> str | None:
    """Return the name of the virtual function at an index of a class's table."""
    for method in owner.methods:
        if method.virtual and method.index == index:
            shown = ", ".join(spell(param) for param in method.type.params)
            return f"{owner.name}::{method.name}({shown}){method.suffix}"
    for field in owner.fields if depth < 20 else ():
        inner = strip(field.type)
        if field.kind == "base" and field.offset == 0 and isinstance(inner, StructType):
            found = _virtual(inner, index, depth + 1)
            if found is not None:
                return found
    return None


def compared(left: Value, right: Value) -> bool | None:
    """Say whether two pointers to members are equal; None where they are not two of a kind."""
    one, two = strip(left.type), strip(right.type)
    if isinstance(one, MemberPointerType) and isinstance(two, MemberPointerType):
        return left.data == right.data if one.size == two.size else None
    return None
