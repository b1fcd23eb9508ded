"""Spell a C++ function that has no mangled name as gdb does: ``main(int, char**)``.

``main`` and ``extern "C"`` functions of C++ are known to gdb by what their mangled name would
say (dwarf2/read.c, dwarf2_compute_name), in the demangler's canonical spelling.
"""

from __future__ import annotations

from collections.abc import Callable

from pydbg.symbols import dwarf
from pydbg.symbols.entries import Entries
from pydbg.symbols.units import Attr, Dwarf, Unit

__all__ = ["parameters"]

_AT_TYPE, _AT_ARTIFICIAL = 0x49, 0x34
_ARRAY, _ENUM, _POINTER, _REFERENCE, _SUBROUTINE = 0x01, 0x04, 0x0F, 0x10, 0x15
_TYPEDEF, _VARIADIC, _BASE, _CONST, _VOLATILE = 0x16, 0x18, 0x24, 0x26, 0x35
_UNSPECIFIED, _RVALUE = 0x3B, 0x42
_NAMED = dwarf.DW_TAG_structures | {_ENUM, _TYPEDEF}
_MARKS = {_POINTER: "*", _REFERENCE: "&", _RVALUE: "&&"}
_QUALIFIERS = {_CONST: "const", _VOLATILE: "volatile"}
_BASES = {
    "short int": "short", "long int": "long", "long long int": "long long",
    "short unsigned int": "unsigned short", "long unsigned int": "unsigned long",
    "long long unsigned int": "unsigned long long",
}  # fmt: skip
_MAX_DEPTH = 32
_MAX_TYPES = 4096  # in one name; types that have themselves as parameters never end

Target = Callable[[Unit, "Attr | None"], "tuple[Unit, int] | None"]
ScopedName = Callable[[Unit, int], "str | None"]


def parameters(
    source: Dwarf, unit: Unit, die: int, target: Target, scoped_name: ScopedName
) -> str | None:
    """Return ``(int, char**)`` for a function's entry; None where a type has no such name.

    ``target`` follows a reference, ``scoped_name`` names an entry with its namespaces.
    """

    spelt = 0

    def spell(at: tuple[Unit, int] | None, depth: int = 0) -> str | None:
        nonlocal spelt
        if at is None:
            return "void"
        spelt += 1
        if depth > _MAX_DEPTH or spelt > _MAX_TYPES:
            return None
        tag, attrs = source.entry(*at)
        inner = target(at[0], attrs.get(_AT_TYPE))
        if tag in _QUALIFIERS:
            text = spell(inner, depth + 1)
            return None if text is None else _joined(text, f" {_QUALIFIERS[tag]}")
        if tag in _MARKS:
            text = spell(inner, depth + 1)
            return None if text is None else _joined(text, _MARKS[tag])
        if tag == _SUBROUTINE:
            result, rest = spell(inner, depth + 1), listed(at, depth + 1)
            return None if result is None or rest is None else f"{result} (\0){rest}"
        if tag == _BASE:
            name = source.string(at[0], attrs.get(dwarf.DW_AT_name))
            return None if name is None else _BASES.get(name, name)
        if tag in _NAMED:
            return scoped_name(*at)
        return "decltype(nullptr)" if tag == _UNSPECIFIED else None

    entries = Entries(source)

    def listed(at: tuple[Unit, int], depth: int) -> str | None:
        texts = []
        for child in entries.die(*at).children():
            tag, attrs = child.tag, child.attrs
            if tag == _VARIADIC:
                texts.append("...")
            elif tag == dwarf.DW_TAG_formal_parameter and _AT_ARTIFICIAL not in attrs:
                inner = target(at[0], attrs.get(_AT_TYPE))
                # A parameter's own const is no part of a function's type.
                for _ in range(_MAX_DEPTH):
                    if inner is None:
                        break
                    kind, more = source.entry(*inner)
                    if kind not in _QUALIFIERS:
                        break
                    inner = target(inner[0], more.get(_AT_TYPE))
                text = spell(inner, depth)
                if text is None:
                    return None
                texts.append(text.replace("\0", ""))
        return f"({', '.join(texts)})"

    return listed((unit, die), 0)


def _joined(text: str, mark: str) -> str:
    """Set a mark behind a type, or where a function type has its place for it."""
    return text.replace("\0", mark.lstrip() + "\0") if "\0" in text else text + mark
