"""The tree of a parsed expression: frozen nodes, each with its 0-based column."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.expr.evaluator import Evaluator
    from pydbg.expr.types import CType
    from pydbg.expr.values import Value

__all__ = [
    "ArrayLiteral",
    "Assign",
    "Binary",
    "Call",
    "CastTo",
    "Comma",
    "Conditional",
    "Dollar",
    "FloatLiteral",
    "Held",
    "IncDec",
    "Index",
    "Literal",
    "Member",
    "Name",
    "Node",
    "OwnNode",
    "SizeOf",
    "StringLiteral",
    "TypeExpr",
    "TypeName",
    "TypedMemory",
    "Unary",
    "dollar",
]


class Node(Record):
    """Be the root of all nodes."""

    column: int


class OwnNode(Node, ABC):
    """Be what only one language has, or means in its own way: the node knows its value."""

    @abstractmethod
    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return the value, with those of the operands asked of ``evaluator``."""


class Held(OwnNode):
    """Be a value that is known already."""

    value: Value

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return it."""
        return self.value


class TypeName(Record):
    """Be a type as written: a base and how it is derived, innermost last.

    ``base`` is normal spelling (``unsigned long``) or ``struct foo``. ``derived`` is a
    list of ("*", qualifiers), ("[]", count) and ("()", parameters, variadic, prototyped)
    to be applied in order.
    """

    base: str
    const: bool = False
    volatile: bool = False
    derived: tuple[tuple[object, ...], ...] = ()

    def resolve(self, evaluator: Evaluator) -> CType:
        """Return the type that is meant in the evaluator's context."""
        from pydbg.expr.typenames import resolve

        return resolve(self, evaluator.model, evaluator.ctx.type_named)

    def only_value(self, ctype: CType) -> Value | None:
        """Return the value that the name stands for too, if the type has just one."""
        return None

    @property
    def misused(self) -> str:
        """Say that it stands where a value is wanted."""
        return "Attempt to use a type name as an expression"


class Literal(Node):
    """Be an integer or character; ``type`` is a basic type's name."""

    value: int
    type: str


class FloatLiteral(Node):
    """Be a floating literal, kept as its digits because long double is wider than float."""

    text: str
    type: str


class StringLiteral(Node):
    """Be a string's characters without the terminating null; ``type`` is the element's."""

    chars: tuple[int, ...]
    type: str


class Name(Node):
    """Be a symbol's name, possibly qualified (``ns::f``); ``quoted`` as a whole or not."""

    name: str
    quoted: bool = False


class Dollar(Node):
    """Be ``$name``: a register, convenience variable or function. ``name`` has no dollar."""

    name: str


class History(Node):
    """Be ``$``, ``$$``, ``$$n`` (``relative``) or ``$n``."""

    number: int
    relative: bool


class Unary(Node):
    """Be one of ``- + ! ~ * &`` before an operand."""

    op: str
    operand: Node


class IncDec(Node):
    """Be ``++`` or ``--``; ``op`` is + or -."""

    op: str
    operand: Node
    prefix: bool


class Binary(Node):
    """Be a binary operator, ``&&``, ``||`` and ``@`` included."""

    op: str
    left: Node
    right: Node


class Assign(Node):
    """Be ``=`` (``op`` empty) or an operation with it."""

    op: str
    left: Node
    right: Node


class Conditional(Node):
    """Be ``test ? yes : no``."""

    test: Node
    yes: Node
    no: Node


class Comma(Node):
    """Be ``left, right``."""

    left: Node
    right: Node


class CastTo(Node):
    """Be ``(type) operand``."""

    type: TypeName
    operand: Node


class TypedMemory(Node):
    """Be gdb's ``{type} operand``: the operand is an address."""

    type: TypeName
    operand: Node


class SizeOf(Node):
    """Be ``sizeof`` (or ``_Alignof``) of a type or an expression."""

    of: Node | TypeName
    align: bool = False


class Call(Node):
    """Be a call."""

    function: Node
    args: tuple[Node, ...]


class Index(Node):
    """Be ``base[index]``."""

    base: Node
    index: Node


class Member(Node):
    """Be ``base.name`` or, with ``arrow``, ``base->name``."""

    base: Node
    name: str
    arrow: bool


class ArrayLiteral(Node):
    """Be gdb's ``{1, 2, 3}``."""

    items: tuple[Node, ...]


class TypeExpr(Node):
    """Be a type where an expression was expected; only ``whatis`` can use it."""

    type: TypeName


def dollar(text: str, column: int) -> Node:
    """Return what ``$name``, ``$``, ``$$`` or ``$7`` means.

    >>> dollar("$rip", 0).name, dollar("$$2", 0).relative
    ('rip', True)
    """
    name = text[1:]
    if name == "" or name == "$":
        return History(column, len(name), True)
    if name.isascii() and name.isdigit():
        number = int(name[:20])
        # gdb's "$0" is the newest value, as "$" is.
        return History(column, number, number == 0)
    if name[0] == "$" and name[1:].isascii() and name[1:].isdigit():
        return History(column, int(name[1:21]), True)
    return Dollar(column, name)
