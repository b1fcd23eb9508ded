"""What an expression may ask of the program it is evaluated in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from pydbg.errors import ExprError, NoSymbol
from pydbg.expr.types import CType, DataModel, data_model
from pydbg.expr.values import Value

if TYPE_CHECKING:
    from pydbg.expr.language import Language
    from pydbg.expr.nodes import Name

__all__ = ["BaseContext", "Context", "InternalFunction", "pick_history"]

NEEDS_PROCESS = "evaluation of this expression requires the target program to be active"

InternalFunction = Callable[[list[Value], "Context"], Value]


class Context(Protocol):
    """Be asked for memory, registers, symbols and variables while evaluating.

    Addresses are run-time addresses. Names come without their dollar.
    """

    @property
    def pointer_size(self) -> int:
        """Return 8 or 4."""
        ...

    @property
    def language(self) -> Language:
        """Return the language that expressions are written in and values are shown in."""
        ...

    @property
    def around(self) -> str:
        """Return the name of the function that names are seen from, "" for none."""
        ...

    def read(self, addr: int, size: int, /) -> bytes:
        """Return memory; raises MemoryFault."""
        ...

    def write(self, addr: int, data: bytes, /) -> None:
        """Change memory; raises MemoryFault."""
        ...

    def register(self, name: str, /) -> Value | None:
        """Return a register's value, or None where there is no such register."""
        ...

    def set_register(self, name: str, value: Value, /) -> None:
        """Change a register; the value has the register's type already."""
        ...

    def convenience(self, name: str, /) -> Value | None:
        """Return a convenience variable, or None where it was never set."""
        ...

    def set_convenience(self, name: str, value: Value, /) -> None:
        """Set a convenience variable."""
        ...

    def history(self, number: int, relative: bool, /) -> Value:
        """Return value ``$number``, or the one ``number`` before the newest."""
        ...

    def symbol(self, name: str, /) -> Value | None:
        """Return a symbol's value with its address as lvalue, or None."""
        ...

    def type_named(self, name: str, /) -> CType | None:
        """Return a type that the program defines, or None."""
        ...

    def concrete_type(self, vtable: int, /) -> CType | None:
        """Return the type whose table of methods is at an address (Rust's trait objects)."""
        ...

    def item(self, value: Value, index: Value, /) -> Value | None:
        """Return an element of what a printer shows as an array or a map, None for no such."""
        ...

    def pointer(self, value: Value, /) -> Value | None:
        """Return what a printer shows as the pointer that a smart one holds, None for no such."""
        ...

    def function(self, name: str, /) -> InternalFunction | None:
        """Return a convenience function beyond the built-in ones, or None."""
        ...

    def member(self, value: Value, name: str, /) -> Value:
        """Return a member of a struct, a static one from where it is defined."""
        ...

    def call(self, addr: int, args: Sequence[Value], result: CType, /) -> Value:
        """Call a function of the program with arguments of its parameters' types."""
        ...

    def overloads(self, function: Value, /) -> list[Value]:
        """Return the functions of the same name, itself among them."""
        ...

    def functions(self, name: str, spaces: Sequence[str], /) -> list[Value]:
        """Return the functions of a name that are visible here, or are in some namespaces."""
        ...

    def expanded(self, text: str, /) -> str:
        """Expand the preprocessor's macros in an expression."""
        ...

    def operated(self, op: str, operands: Sequence[Value], /) -> Value | None:
        """Return what an operator of a library's class gives, None for no such."""
        ...

    def method(self, value: Value, name: str, args: Sequence[Value], /) -> Value | None:
        """Return what a library's method gives where that is known without a call, else None."""
        ...

    def whole(self, value: Value, /) -> Value | None:
        """Return the object that a value is a part of, by its virtual functions."""
        ...

    def has_table(self, value: Value, /) -> bool:
        """Say whether an object's class has virtual functions."""
        ...

    def unknown(self, tree: Name, /) -> ExprError:
        """Return the error of a name that nothing has; NoSymbol but for a namespace's."""
        ...

    def copied(self, value: Value, /) -> Value | None:
        """Return a copy in memory of an object that C++ passes by a hidden reference; else None."""
        ...

    def destroyed(self, value: Value, /) -> None:
        """Run the destructor of a copy."""
        ...

    def symbolize(self, addr: int, /) -> str | None:
        """Return ``<main+4>`` for an address inside a symbol."""
        ...

    def allocate(self, data: bytes, /) -> int:
        """Put bytes into memory of the program that stay there; return their address."""
        ...

    def warn(self, message: str, /) -> None:
        """Show a warning (``warning: ...``) that does not end the evaluation."""
        ...


class BaseContext:
    """Answer as if there were no program: a base for real contexts and for tests.

    >>> BaseContext().convenience("nosuch") is None
    True
    """

    def __init__(self, pointer_size: int = 8) -> None:
        self._pointer_size = pointer_size
        self.variables: dict[str, Value] = {}
        self.values: list[Value] = []

    @property
    def pointer_size(self) -> int:
        """Return the size of a pointer in bytes."""
        return self._pointer_size

    @property
    def model(self) -> DataModel:
        """Return the data model of that pointer size."""
        return data_model(self.pointer_size)

    @property
    def language(self) -> Language:
        """Return C."""
        from pydbg.expr.language import language_named

        return language_named("c")

    @property
    def around(self) -> str:
        """Return "": names are seen from nowhere."""
        return ""

    def read(self, addr: int, size: int, /) -> bytes:
        """Fail as memory that is not there."""
        from pydbg.errors import MemoryFault

        raise MemoryFault(addr, size)

    def write(self, addr: int, data: bytes, /) -> None:
        """Fail as memory that is not there."""
        from pydbg.errors import MemoryFault

        raise MemoryFault(addr, len(data))

    def register(self, name: str, /) -> Value | None:
        """Know no registers."""
        return None

    def set_register(self, name: str, value: Value, /) -> None:
        """Know no registers."""
        raise ExprError("No registers.")

    def convenience(self, name: str, /) -> Value | None:
        """Return a variable that was set."""
        return self.variables.get(name)

    def set_convenience(self, name: str, value: Value, /) -> None:
        """Keep a variable."""
        self.variables[name] = value

    def history(self, number: int, relative: bool, /) -> Value:
        """Return a value of ``self.values``."""
        return pick_history(self.values, number, relative)

    def symbol(self, name: str, /) -> Value | None:
        """Know no symbols."""
        return None

    def type_named(self, name: str, /) -> CType | None:
        """Know no types but C's own."""
        return None

    def concrete_type(self, vtable: int, /) -> CType | None:
        """Know no tables."""
        return None

    def item(self, value: Value, index: Value, /) -> Value | None:
        """Know no printers."""
        return None

    def pointer(self, value: Value, /) -> Value | None:
        """Know no printers."""
        return None

    def function(self, name: str, /) -> InternalFunction | None:
        """Know no functions but the built-in ones."""
        return None

    def member(self, value: Value, name: str, /) -> Value:
        """Return a member of a struct."""
        return value.member(name)

    def call(self, addr: int, args: Sequence[Value], result: CType, /) -> Value:
        """Fail: there is no program."""
        raise ExprError("You can't do that without a process to debug.")

    def overloads(self, function: Value, /) -> list[Value]:
        """Return the function alone."""
        return [function]

    def functions(self, name: str, spaces: Sequence[str], /) -> list[Value]:
        """Know no functions."""
        return []

    def expanded(self, text: str, /) -> str:
        """Know no macros."""
        return text

    def operated(self, op: str, operands: Sequence[Value], /) -> Value | None:
        """Know no libraries."""
        return None

    def method(self, value: Value, name: str, args: Sequence[Value], /) -> Value | None:
        """Know no libraries."""
        return None

    def whole(self, value: Value, /) -> Value | None:
        """Know no tables of virtual functions."""
        return None

    def has_table(self, value: Value, /) -> bool:
        """Know no tables of virtual functions."""
        return False

    def unknown(self, tree: Name, /) -> ExprError:
        """Return the error of a name that nothing has."""
        shown = tree.name if tree.quoted else tree.name.partition("::")[0]
        return NoSymbol(f'No symbol "{shown}" in current context.', shown, tree.column)

    def copied(self, value: Value, /) -> Value | None:
        """Say that it is passed as it is."""
        return None

    def destroyed(self, value: Value, /) -> None:
        """Do nothing."""

    def symbolize(self, addr: int, /) -> str | None:
        """Know no symbol."""
        return None

    def allocate(self, data: bytes, /) -> int:
        """Fail: there is no program."""
        raise ExprError(NEEDS_PROCESS)

    def warn(self, message: str, /) -> None:
        """Drop the warning."""


def pick_history(values: Sequence[Value], number: int, relative: bool) -> Value:
    """Return ``$number`` or, relative, the value ``number`` before the newest.

    Raises ExprError with gdb's texts where the history is too short.
    """
    if not relative:
        if not 1 <= number <= len(values):
            raise ExprError(f"History has not yet reached ${number}.")
        return values[number - 1]
    if number < len(values):
        return values[len(values) - 1 - number]
    if number == 0:
        raise ExprError("The history is empty.")
    if number == 1 and values:
        raise ExprError("There is only one value in the history.")
    raise ExprError(f"History does not go back to $${number}.")
