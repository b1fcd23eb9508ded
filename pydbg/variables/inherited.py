"""Names of base classes: what ``Derived::NAME``, and a bare NAME in a method, may mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydbg.expr.bases import bases_of
from pydbg.expr.types import CType, StructType, strip
from pydbg.symbols.cplusnames import split_scope

__all__ = ["inherited"]


def inherited(path: str, type_of: Callable[[str], CType | None]) -> Iterator[str]:
    """Give the names that a path means in base classes of the class that it goes through.

    As gdb, all of a base class before the next one (cp-namespace.c, find_symbol_in_baseclass).
    ``type_of`` finds the type of a whole name.
    """
    owner, name = split_scope(path)
    found = _owner(owner, type_of) if owner else None
    if found is None:
        return
    if found.name and found.name != owner:
        yield f"{found.name}::{name}"  # An enumeration or a class of a base class.
    for base in _bases(found, set()):
        yield f"{base.name}::{name}"


def _owner(path: str, type_of: Callable[[str], CType | None]) -> CType | None:
    found = type_of(path)
    if found is None:
        found = next(filter(None, map(type_of, inherited(path, type_of))), None)
    return None if found is None else strip(found)


def _bases(ctype: CType, seen: set[int]) -> Iterator[StructType]:
    for _, base in bases_of(ctype) if isinstance(ctype, StructType) else ():
        if id(base) not in seen:
            seen.add(id(base))
            yield base
            yield from _bases(base, seen)
