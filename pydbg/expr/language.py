"""Languages: how one reads expressions, makes values of them and shows values and types.

A language is one object. C (and C++) is the base; what another does in the same way it inherits.
All others ask for ``language_named`` or a context's ``language`` and know no language by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from pydbg.errors import ExprError
from pydbg.expr import nodes, typeprint
from pydbg.expr.context import InternalFunction
from pydbg.expr.format import Formatter
from pydbg.expr.typenames import is_type_word
from pydbg.expr.typeprint import EVERYTHING, Shown
from pydbg.expr.types import CType, base_name, spell

__all__ = ["Language", "language_named"]

IsType = Callable[[str], bool]

_MODULES = {"go": "pydbg.golang.language", "rust": "pydbg.rust.language"}
"""Where the languages that are not C have their ``LANGUAGE``; loaded when first needed."""


class Language:
    """Be C, and what the other languages do as C does."""

    name = "c"
    """gdb's name."""
    formatter: type[Formatter] = Formatter
    """Shows values."""
    functions: Mapping[str, InternalFunction] = {}
    """Convenience functions that only the language has."""
    bool_comparisons = False
    """Whether a comparison is a ``bool``, and ``true`` and ``false`` are words."""
    macros = True
    """Whether its sources pass the preprocessor."""
    operators = False
    """Whether a program may define operators, and names its classes' members ``Class::name``."""
    arrays_decay = True
    """Whether ``$a = array`` makes ``$a`` a pointer."""
    overloads_deref = True
    """Whether ``*`` of a struct is looked for among its own operators."""

    def parse_prefix(
        self, text: str, start: int, stop_at_comma: bool, is_type: IsType
    ) -> tuple[nodes.Node, int]:
        """Parse an expression that may end at a comma; return the tree and where it ended.

        Where a language differs from C its trees are of ``nodes.OwnNode``.
        """
        from pydbg.expr.parser import parse_prefix

        return parse_prefix(text, start, stop_at_comma=stop_at_comma, is_type=is_type)

    def parse(self, text: str) -> nodes.Node:
        """Parse a whole expression in which no types of the program are named.

        >>> Language().parse("a == 1").op
        '=='
        """
        tree, end = self.parse_prefix(text, 0, False, lambda name: False)
        if text[end:].strip():
            raise ExprError("Junk after end of expression.", end)
        return tree

    def is_word(self, name: str) -> bool:
        """Tell whether a name is one of the language's own words or types.

        >>> Language().is_word("int")
        True
        """
        return name == "sizeof" or is_type_word(name)

    def no_symbol(self, name: str) -> str:
        """Say that there is no such name.

        >>> Language().no_symbol("x")
        'No symbol "x" in current context.'
        """
        return f'No symbol "{name}" in current context.'

    def spell(self, ctype: CType) -> str:
        """Return a type's name, as it stands before pointers.

        >>> from pydbg.expr.types import LP64
        >>> Language().spell(LP64.pointer(LP64.int))
        'int *'
        """
        return spell(ctype)

    def whatis(self, ctype: CType, is_name: bool, shown: Shown = EVERYTHING) -> str:
        """Return what ``whatis`` says: of a typedef's name what that stands for."""
        return typeprint.whatis(ctype, is_name, shown)

    def ptype(self, ctype: CType, shown: Shown = EVERYTHING) -> str:
        """Return a type with its members."""
        return typeprint.ptype(ctype, shown)

    def declaration(self, ctype: CType, name: str) -> str:
        """Declare a variable, as ``info variables`` lists it."""
        return typeprint.declaration(ctype, name, 0, 0)

    def function(self, ctype: CType, name: str) -> str:
        """Declare a function, as ``info functions`` lists it."""
        return spell(ctype, name)

    def listed(self, ctype: CType) -> str:
        """Return a type as ``info types`` lists it."""
        return base_name(ctype)


class _Cplus(Language):
    """Be C++."""

    name = "c++"
    bool_comparisons = True
    operators = True


class _LikeC(Language):
    """Be a language that nothing is known of here: it is treated as C, under its own name."""

    def __init__(self, name: str) -> None:
        self.name = name


_C, _CPLUS = Language(), _Cplus()


def language_named(name: str) -> Language:
    """Return the language of a name of gdb's; C for what is unknown.

    >>> language_named("c++").name, language_named("").name
    ('c++', 'c')
    """
    if name in ("", "c", "unknown"):
        return _C
    if name == "c++":
        return _CPLUS
    module = _MODULES.get(name)
    if module is None:
        return _LikeC(name)
    found: Language = import_module(module).LANGUAGE
    return found
