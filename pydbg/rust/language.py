"""Rust: its expressions, values and types as gdb 13 shows them (rust-lang.c, rust-parse.c)."""

from __future__ import annotations

from pydbg.expr import nodes
from pydbg.expr.language import IsType, Language
from pydbg.expr.typeprint import EVERYTHING, Shown
from pydbg.expr.types import CType
from pydbg.rust import typeprint
from pydbg.rust.format import RustFormatter
from pydbg.rust.kinds import is_primitive
from pydbg.rust.parser import parse_prefix

__all__ = ["LANGUAGE"]


class Rust(Language):
    """Be Rust."""

    name = "rust"
    formatter = RustFormatter
    bool_comparisons = True
    arrays_decay = False
    macros = False
    overloads_deref = False

    def parse_prefix(
        self, text: str, start: int, stop_at_comma: bool, is_type: IsType
    ) -> tuple[nodes.Node, int]:
        """Parse an expression that may end at a comma; return the tree and where it ended."""
        return parse_prefix(text, start, stop_at_comma, is_type)

    def is_word(self, name: str) -> bool:
        """Tell whether a name is one of the language's own types."""
        return is_primitive(name)

    def no_symbol(self, name: str) -> str:
        """Say that there is no such name."""
        return f"No symbol '{name}' in current context"

    def spell(self, ctype: CType) -> str:
        """Return a type's name."""
        return typeprint.spell(ctype)

    def whatis(self, ctype: CType, is_name: bool, shown: Shown = EVERYTHING) -> str:
        """Return what ``whatis`` says."""
        return typeprint.spell(ctype)

    def ptype(self, ctype: CType, shown: Shown = EVERYTHING) -> str:
        """Return a type with its members."""
        return typeprint.ptype(ctype)

    def declaration(self, ctype: CType, name: str) -> str:
        """Declare a variable, as ``info variables`` lists it."""
        return typeprint.declaration(ctype, name)

    def function(self, ctype: CType, name: str) -> str:
        """Declare a function, as ``info functions`` lists it."""
        return typeprint.declaration(ctype, name)

    def listed(self, ctype: CType) -> str:
        """Return a type as ``info types`` lists it."""
        return typeprint.spell(ctype)


LANGUAGE = Rust()
