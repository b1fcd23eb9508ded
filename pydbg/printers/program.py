"""What a printer may ask of the program whose value it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.respell import template_arguments
from pydbg.expr.types import (
    CType,
    PointerType,
    StructType,
    TemplateArgument,
    data_model,
    strip,
)
from pydbg.expr.values import Value, from_number
from pydbg.patterns import lazy_pattern

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.format import Formatter
    from pydbg.expr.types import DataModel
    from pydbg.printers.model import Printed

__all__ = ["Program"]

_NUMBER = lazy_pattern(r"(-?\d+)[ul]*")


class Program:
    """Be the program as printers see it.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     dbg.printers.program.pointer_size
    8
    """

    def __init__(self, dbg: Debugger) -> None:
        self.dbg = dbg
        self.show: Callable[[Value], str] | None = None
        """Shows values while one is printed."""

    @property
    def pointer_size(self) -> int:
        """Return the size of a pointer in bytes."""
        return self.dbg.arch.pointer_size

    @property
    def model(self) -> DataModel:
        """Return C's basic types: ``program.model.int``."""
        return data_model(self.pointer_size)

    @property
    def has_rust(self) -> bool:
        """Tell whether Rust is the language of main or of the code at hand."""
        from pydbg.sourcelanguage import main_language

        dbg = self.dbg
        return dbg.language.name == "rust" or main_language(dbg.modules) == "rust"

    def formatter(self) -> Formatter:
        """Return what makes the text of values, by the settings."""
        return self.dbg.formatter()

    @property
    def has_go(self) -> bool:
        """Tell whether Go's runtime is in the program."""
        return any(module.is_go for module in self.dbg.modules)

    def read(self, addr: int, size: int, /) -> bytes:
        """Read memory at a run-time address; raises MemoryFault."""
        return self.dbg.context().read(addr, size)

    def symbolize(self, addr: int) -> str | None:
        """Return ``<main+4>`` for an address inside a symbol."""
        return self.dbg.symbolize(addr, pretty=True)

    def type_named(self, name: str) -> CType | None:
        """Return the type of that full name that the program defines, or None."""
        return self.dbg.variables.type_named(name, None)

    def at(self, ctype: CType, addr: int) -> Value:
        """Return the value of a type at a run-time address; it is read when it is looked at."""
        return Value.at(ctype, addr, self.read)

    def number(self, number: int, ctype: CType | None = None) -> Value:
        """Return a number as a value, ``long`` without a type."""
        return from_number(ctype or self.model.long, number, self.read)

    def cast(self, value: Value, ctype: CType) -> Value:
        """Return a pointer or number as another one, or an object in memory as another type."""
        inner = strip(ctype)
        if isinstance(inner, StructType):
            if value.addr is None:
                raise ExprError("Invalid cast.")
            return self.at(ctype, value.addr)
        return from_number(ctype, int(value), self.read)

    def pointer(self, ctype: CType) -> PointerType:
        """Return the type "pointer to"."""
        return self.model.pointer(ctype)

    def arguments(self, ctype: CType) -> list[TemplateArgument]:
        """Return a template's arguments: types, and numbers with their type.

        Where the debug information leaves them out they are read from the name.
        """
        inner = strip(ctype)
        if not isinstance(inner, StructType):
            return []
        found = list(inner.arguments)
        if not found and inner.name.endswith(">"):
            for text in template_arguments(inner.name):
                number = _NUMBER.fullmatch(text)
                if number is not None:
                    found.append(TemplateArgument("", self.model.long, int(number[1])))
                    continue
                named = self._spelt(text)
                if named is None:
                    return []
                found.append(TemplateArgument("", named))
        return found

    def _spelt(self, text: str) -> CType | None:
        """Return the type that is spelt as in a template's name."""
        if text.endswith("*"):
            target = self._spelt(text[:-1].rstrip())
            return None if target is None else self.model.pointer(target)
        text = text.removesuffix(" const")
        return self.model.named(text) or self.type_named(text)

    def printed(self, value: Value) -> Printed | None:
        """Return how a printer shows a value, None where there is none for it."""
        return self.dbg.printers.find(value)

    def type_text(self, ctype: CType) -> str:
        """Return a type's name as ``whatis`` shows it: ``std::string``."""
        return self.dbg.printers.types.name_of(ctype) or str(ctype)

    def function_at(self, addr: int) -> str:
        """Return the demangled name of the function at a run-time address, "" for none."""
        found = self.dbg.modules.symbol_at(addr)
        return "" if found is None else found[1].demangled

    def dynamic_type(self, pointer: Value) -> CType | None:
        """Return the class of the whole object that a pointer points into, if it tells."""
        from pydbg.variables.rtti import pointed_dynamic

        found = pointed_dynamic(self.dbg, pointer)
        return None if found is None else found.type

    def text(self, value: Value) -> str:
        """Return what is shown of a value inside of others, in the format asked for."""
        show = self.show
        return self.formatter().inner(value) if show is None else show(value)
