"""What compiled expressions are made of: places of names, and pieces of Python source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.expr.types import CType, FunctionType, IntType, PointerType, strip
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.expr.values import Value

__all__ = ["Code", "Object", "Place", "Unsupported", "constant_place"]


class Unsupported(Exception):
    """Leave the expression to the evaluator."""


class Place(Record):
    """Say where the value of a name is, as far as that is the same at every stop at one place.

    ``kind`` is "memory" (at ``offset`` from the register that lies at ``base`` in
    ``user_regs_struct``, or at the address ``offset`` without one), "register" (``size`` bytes at
    ``offset`` in ``user_regs_struct``), "constant" (``offset`` is the number), or "member": of
    what the pointer at the place ``owner`` points to.
    """

    kind: str
    type: CType
    offset: int = 0
    base: int | None = None
    size: int = 0
    owner: Place | None = None


def constant_place(value: Value) -> Place | None:
    """Return the place of a value that stays where it is, or what it is; None for others.

    >>> from pydbg.expr.types import LP64
    >>> from pydbg.expr.values import Value, from_number
    >>> constant_place(from_number(LP64.int, -1)).offset
    -1
    """
    if value.lvalue is None:
        inner = strip(value.type)
        if isinstance(inner, (IntType, PointerType)) and inner.size <= 8:
            return Place("constant", value.type, int(value))
        return None
    addr = value.addr
    return None if addr is None else Place("memory", value.type, addr)


class Code(Record):
    """Be Python source of a number that is already wrapped to its type."""

    text: str
    type: CType
    constant: bool = False


class Object(Record):
    """Be something with a place: at ``text + offset``, or as ``Place`` says.

    ``bit_size`` above 0 marks a bit-field.
    """

    kind: str
    type: CType
    offset: int = 0
    base: int | None = None
    size: int = 0
    text: str = ""
    bit_offset: int = 0
    bit_size: int = 0

    def part(self, ctype: CType, offset: int, bit_offset: int = 0, bit_size: int = 0) -> Object:
        """Return the part that lies ``offset`` bytes into it."""
        if self.kind == "register" and offset + ctype.size > self.size:
            raise Unsupported
        size = self.size - offset if self.kind == "register" else 0
        return Object(
            self.kind, ctype, self.offset + offset, self.base, size, self.text, bit_offset, bit_size
        )

    @property
    def is_function(self) -> bool:
        """Tell whether it is code, which is not read."""
        return isinstance(self.type, FunctionType)
