"""Shorter names of types: ``std::string``, and templates without their default arguments.

What gdb calls type printers. Those of GNU's C++ library are meant: a class is shown by its
typedef if the program has that, and the last arguments of its containers are left out where
they are the usual ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pydbg.expr.respell import template_name
from pydbg.expr.types import (
    ArrayType,
    CType,
    PointerType,
    QualifiedType,
    ReferenceType,
    StructType,
    TemplateArgument,
    TypedefType,
    strip,
)

if TYPE_CHECKING:
    from pydbg.printers.program import Program

__all__ = ["TypeNames"]

_MAX_DEPTH = 30


def _typedefs() -> Iterator[tuple[str, str]]:
    """Give (template, typedef) without their std::."""
    wide = ("", "w", "u8", "u16", "u32")
    for prefix in wide:
        yield "basic_string", f"{prefix}string"
        yield "__cxx11::basic_string", f"{prefix}string"
        yield "__cxx11::basic_string", f"__cxx11::{prefix}string"
        yield "basic_string_view", f"{prefix}string_view"
        space = "experimental::fundamentals_v1::"
        yield f"{space}basic_string_view", f"{space}{prefix}string_view"
    files = ("ios", "streambuf", "istream", "ostream", "iostream", "filebuf", "ifstream",
             "ofstream", "fstream")  # fmt: skip
    texts = ("stringbuf", "istringstream", "ostringstream", "stringstream")
    for prefix in ("", "w"):
        for name in (*files, *texts):
            yield f"basic_{name}", prefix + name
        for name in texts:
            yield f"__cxx11::basic_{name}", prefix + name
        for space in ("", "__cxx11::"):
            yield f"{space}basic_regex", f"{space}{prefix}regex"
    for space in ("", "__cxx11::"):
        for prefix in ("c", "s", "wc", "ws"):
            yield f"{space}match_results", f"{space}{prefix}match"
            for name in ("sub_match", "regex_iterator", "regex_token_iterator"):
                yield space + name, f"{space}{prefix}{name}"
    yield "fpos", "streampos"
    for template, names in {
        "linear_congruential_engine": "minstd_rand0 minstd_rand",
        "mersenne_twister_engine": "mt19937 mt19937_64",
        "subtract_with_carry_engine": "ranlux24_base ranlux48_base",
        "discard_block_engine": "ranlux24 ranlux48",
        "shuffle_order_engine": "knuth_b",
    }.items():
        for name in names.split():
            yield template, name


_PAIRS = "std::allocator<std::pair<{0} const, {1}>>"
_ALLOCATOR = "std::allocator<{0}>"
_USUAL: tuple[tuple[str, dict[int, str]], ...] = (
    ("unique_ptr", {1: "std::default_delete<{0}>"}),
    ("deque forward_list list __cxx11::list vector", {1: _ALLOCATOR}),
    ("map multimap", {2: "std::less<{0}>", 3: _PAIRS}),
    ("set multiset", {1: "std::less<{0}>", 2: _ALLOCATOR}),
    ("unordered_map unordered_multimap",
     {2: "std::hash<{0}>", 3: "std::equal_to<{0}>", 4: _PAIRS}),
    ("unordered_set unordered_multiset",
     {1: "std::hash<{0}>", 2: "std::equal_to<{0}>", 3: _ALLOCATOR}),
)  # fmt: skip
_DEFAULTS = {name: usual for names, usual in _USUAL for name in names.split()}
"""The usual arguments of containers, by their place."""


class TypeNames:
    """Know the shorter names of types in one program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.disabled: set[str] = set()
        """Those of ``names`` that are not used now."""
        self._known: tuple[int, dict[str, str | None]] = (0, {})
        self._typedefs: dict[str, list[str]] = {}
        for template, name in _typedefs():
            self._typedefs.setdefault(f"std::{template}", []).insert(0, f"std::{name}")

    @property
    def names(self) -> list[str]:
        """Return the names that types may have, sorted; none without the library.

        >>> import pydbg
        >>> pydbg.Debugger().printers.types.names
        []
        """
        if not self._wanted():
            return []
        typedefs = (name for names in self._typedefs.values() for name in names)
        return sorted({*typedefs, *(f"std::{name}" for name in _DEFAULTS)})

    def switch(self, names: Iterable[str], *, on: bool) -> None:
        """Use names again, or use them no more.

        >>> import pydbg
        >>> pydbg.Debugger().printers.types.switch(["std::string"], on=False)
        """
        self.disabled = self.disabled - set(names) if on else self.disabled | set(names)
        self._known = 0, {}

    def name_of(self, ctype: CType) -> str | None:
        """Return a class's shorter name, None where it has none.

        >>> import pydbg
        >>> from pydbg.expr.types import LP64
        >>> pydbg.Debugger().printers.types.name_of(LP64.int) is None
        True
        """
        own = ctype.target if isinstance(ctype, QualifiedType) else ctype
        if not isinstance(own, StructType) or not own.name.startswith("std::"):
            return None
        if not self._wanted():
            return None
        return self._of(own, not isinstance(ctype, QualifiedType), 0)

    def named(self, name: str) -> str | None:
        """Return the shorter name of the class of that full name, None where it has none."""
        if not name.startswith("std::") or "<" not in name:
            return None
        if not self._wanted():
            return None
        key = len(self._program.dbg.modules)
        if self._known[0] != key:
            self._known = key, {}
        known = self._known[1]
        if name not in known:
            known[name] = None  # While it is worked out: a name may lead to itself.
            ctype = self._program.type_named(name)
            own = strip(ctype) if ctype is not None else None
            if isinstance(own, StructType) and not own.incomplete and own.name == name:
                known[name] = self._of(own, True, 0)
        return known[name]

    def _wanted(self) -> bool:
        from pydbg.printers.builtin import BUILT_IN

        return next(one for one in BUILT_IN if one.name == "libstdc++-v6").active(self._program)

    def _of(self, ctype: StructType, bare: bool, depth: int) -> str | None:
        template = template_name(ctype.name)
        if template == ctype.name or depth > _MAX_DEPTH:
            return None
        plain = template.replace("__8::", "").replace("std::__debug::", "std::")
        defaults = _DEFAULTS.get(plain.removeprefix("std::"))
        if defaults is not None and plain not in self.disabled:
            found = self._short(ctype, template, defaults, depth)
            if found is not None:
                return found
        for name in self._typedefs.get(template.replace("__8::", ""), ()) if bare else ():
            known = None if name in self.disabled else self._program.type_named(name)
            if isinstance(known, TypedefType) and strip(known).name == ctype.name:
                return name.replace("std::__cxx11::", "std::").replace("fundamentals_v1::", "")
        return None

    def _short(
        self, ctype: StructType, template: str, defaults: dict[int, str], depth: int
    ) -> str | None:
        arguments = list(ctype.arguments)
        shown: list[str] = []
        defaulted = False
        for index, argument in enumerate(arguments):
            usual = defaults.get(index)
            if usual is not None:
                texts = [str(one.type) for one in arguments]
                if _squeezed(usual.format(*texts)) != _squeezed(strip(argument.type).name):
                    return None
                defaulted = True
            elif defaulted:
                return None
            else:
                shown.append(self._argument(argument, depth))
        name = template.replace("__8::", "").replace("std::__cxx11::", "std::")
        return f"{name}<{', '.join(shown)}>"

    def _argument(self, argument: TemplateArgument, depth: int) -> str:
        return self._text(argument.type, depth + 1)

    def _text(self, ctype: CType, depth: int) -> str:
        """Return the name of an argument's type, itself shortened where that is possible."""
        if isinstance(ctype, PointerType) and not ctype.name:
            return f"{self._text(ctype.target, depth)}*"
        if isinstance(ctype, ReferenceType) and not ctype.name:
            return f"{self._text(ctype.target, depth)}{'&&' if ctype.rvalue else '&'}"
        if isinstance(ctype, ArrayType) and not ctype.name:
            count = "" if ctype.open else ctype.count
            return f"{self._text(ctype.element, depth)}[{count}]"
        own = ctype.target if isinstance(ctype, QualifiedType) else ctype
        if isinstance(own, StructType):
            found = self._of(own, own is ctype, depth)
            if found is not None:
                return found
        return str(ctype)


def _squeezed(name: str) -> str:
    """Return a type's name without what compilers write in different ways."""
    return name.replace(" ", "").replace("const", "")
