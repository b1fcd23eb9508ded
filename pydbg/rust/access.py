"""Members, elements and slices, with gdb's words for what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.types import ArrayType, CType, PointerType, StructType, strip
from pydbg.expr.values import Value, to_integer
from pydbg.rust.kinds import (
    active,
    is_slice,
    is_str,
    is_tuple,
    is_tuple_struct,
    last_segment,
    members,
    slice_parts,
    slice_type,
    str_type,
)

if TYPE_CHECKING:
    from pydbg.expr.evaluator import Evaluator

__all__ = ["field_of", "index_of", "slice_of"]

_NO_ANONYMOUS = (
    "Anonymous field access is only allowed on tuples, tuple structs, and tuple-like enum variants"
)


def field_of(base: Value, name: str | int, evaluator: Evaluator) -> Value:
    """Return a member by its name or, of what has none, by its number."""
    ctype = strip(base.type)
    if isinstance(ctype, StructType) and ctype.variant_part is not None:
        return _of_enum(base, ctype, name)
    if isinstance(name, int):
        if not isinstance(ctype, StructType) or ctype.keyword == "union":
            raise ExprError(_NO_ANONYMOUS)
        return _numbered(base, ctype, name, None)
    if isinstance(ctype, PointerType) and isinstance(strip(ctype.target), StructType):
        inner = base.deref()
        return field_of(inner, name, evaluator)
    if not isinstance(ctype, StructType):
        raise ExprError("Attempt to extract a component of a value that is not a structure.")
    if ctype.field(name) is None:
        raise ExprError(f"There is no member named {name}.")
    return evaluator.ctx.member(base, name)


def _of_enum(base: Value, ctype: StructType, name: str | int) -> Value:
    shown = f"field {name}"
    assert ctype.variant_part is not None
    if not ctype.variant_part.variants:
        raise ExprError(f"Cannot access {shown} of empty enum {ctype.name}")
    held = active(base, ctype)
    inner = strip(held.type)
    if not isinstance(inner, StructType):
        raise ExprError("Could not find active enum variant")
    if isinstance(name, int):
        return _numbered(held, inner, name, ctype)
    variant = f"{ctype.name}::{last_segment(inner.name)}"
    if is_tuple(inner) or is_tuple_struct(inner):
        raise ExprError(
            f"Attempting to access named {shown} of tuple variant {variant}, "
            "which has only anonymous fields"
        )
    if inner.field(name) is None:
        raise ExprError(f"Could not find {shown} of struct variant {variant}")
    return held.member(name)


def _numbered(base: Value, ctype: StructType, number: int, outer: StructType | None) -> Value:
    fields = members(ctype)
    if number >= len(fields):
        whose = ctype.name
        if outer is not None:
            whose = f"variant {outer.name}::{last_segment(ctype.name)}"
        raise ExprError(
            f"Cannot access field {number} of {whose}, there are only {len(fields)} fields"
        )
    if not is_tuple(ctype) and not is_tuple_struct(ctype):
        if outer is not None:
            variant = f"{outer.name}::{last_segment(ctype.name)}"
            raise ExprError(f"Variant {variant} is not a tuple variant")
        raise ExprError(
            f"Attempting to access anonymous field {number} of {ctype.name}, which is not a "
            "tuple, tuple struct, or tuple-like variant"
        )
    field = fields[number]
    return base.part(field.type, field.offset)


def _storage(base: Value) -> tuple[CType, int | None, int | None]:
    """Return the element's type, where the first one is and how many there are, None: unknown."""
    ctype = strip(base.type)
    if isinstance(ctype, ArrayType):
        return ctype.element, base.addr, ctype.count
    if is_slice(ctype):
        pointer, addr, length = slice_parts(base)
        if pointer is not None:
            return pointer.target, addr, length
    if isinstance(ctype, PointerType):
        return ctype.target, int(base), None
    raise ExprError("Cannot subscript non-array type")


def index_of(base: Value, index: Value, evaluator: Evaluator) -> Value:
    """Return an element of an array, a slice, or behind a pointer; of a collection as shown."""
    if isinstance(strip(base.type), StructType) and not is_slice(strip(base.type)):
        found = evaluator.ctx.item(base, index)
        if found is not None:
            return found
    element, addr, count = _storage(base)
    if evaluator.types_only:
        return Value.at(element, base.addr or 0, evaluator.ctx.read)  # Whatever the index is.
    at = to_integer(index.number())
    if at < 0 and count is not None:
        raise ExprError("Index less than zero")
    if count is not None and at >= count:
        raise ExprError("Index greater than length")
    if isinstance(strip(base.type), ArrayType):
        return base.element(at)
    assert addr is not None
    mask = (1 << 8 * evaluator.model.pointer_size) - 1
    return Value.at(element, addr + at * element.size & mask, evaluator.ctx.read)


def slice_of(
    base: Value, low: int | None, high: int | None, inclusive: bool, evaluator: Evaluator
) -> Value:
    """Return ``&base[low..high]``."""
    element, addr, count = _storage(base)
    if addr is None:
        addr = evaluator.address(base)
    first = low or 0
    if first < 0:
        raise ExprError("Index less than zero")
    if count is not None and first > count:
        raise ExprError("Index greater than length")
    if high is None:
        if count is None:
            raise ExprError("Can't take slice of pointer without an end")
        end = count
    else:
        end = high + 1 if inclusive else high
    if end < 0:
        raise ExprError("High index less than zero")
    if first > end:
        raise ExprError("Low index greater than high index")
    if count is not None and end > count:
        raise ExprError("High index greater than length")
    word = evaluator.model.pointer_size
    mask = (1 << 8 * word) - 1
    if end - first > mask:
        raise ExprError("High index greater than length")
    ctype = strip(base.type)
    if is_str(ctype):
        made = str_type(word)
    elif is_slice(ctype):
        made = slice_type(ctype.name, element, word)
    else:
        made = slice_type("&[*gdb*]", element, word)
    data = (addr + first * element.size & mask).to_bytes(word, "little")
    return Value(made, data + (end - first).to_bytes(word, "little"), None, evaluator.ctx.read)
