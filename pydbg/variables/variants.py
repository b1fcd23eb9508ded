"""Variant parts of structs: how Rust's enums hold one of their alternatives (DWARF 5, 5.7.10)."""

from __future__ import annotations

from collections.abc import Callable

from pydbg.expr.types import Field, IntType, Variant, VariantPart, strip
from pydbg.symbols.cursor import sleb, uleb
from pydbg.symbols.entries import At, Die, Tag

__all__ = ["variant_part"]

_LABEL, _RANGE = 0, 1  # DW_DSC_label, DW_DSC_range
_MAX_VARIANTS = 1 << 16


def variant_part(die: Die, member: Callable[[Die], Field]) -> VariantPart:
    """Return what an entry describes; ``member`` makes a field of a member's entry.

    Entries that do not belong together make a part with fewer variants, never an error.
    """
    discriminant = None
    holder = die.target(At.discr)
    if holder is not None and holder.tag == Tag.member:
        discriminant = member(holder)
    inner = strip(discriminant.type) if discriminant is not None else None
    signed = isinstance(inner, IntType) and inner.signed
    size = inner.size if inner is not None else 8
    variants: list[Variant] = []
    for child in die.children():
        if child.tag == Tag.variant and len(variants) < _MAX_VARIANTS:
            held = next((one for one in child.children() if one.tag == Tag.member), None)
            if held is not None:
                variants.append(Variant(member(held), _values(child, size, signed)))
    return VariantPart(discriminant, tuple(variants))


def _values(die: Die, size: int, signed: bool) -> tuple[tuple[int, int], ...]:
    """Return the discriminants that choose a variant, as numbers of the discriminant's type."""
    block = die.block(At.discr_value)
    if block is not None:
        one = _wrapped(int.from_bytes(block, "little"), size, signed)
        return ((one, one),)
    value = die.number(At.discr_value)
    if value is not None:
        one = _wrapped(value, size, signed)
        return ((one, one),)
    listed = die.block(At.discr_list)
    return () if listed is None else tuple(_ranges(listed, signed))


def _ranges(data: bytes, signed: bool) -> list[tuple[int, int]]:
    read = sleb if signed else uleb
    found: list[tuple[int, int]] = []
    at = 0
    try:
        while at < len(data):
            kind = data[at]
            low, at = read(data, at + 1)
            high = low
            if kind == _RANGE:
                high, at = read(data, at)
            elif kind != _LABEL:
                break
            found.append((low, high))
    except IndexError:
        pass  # Cut off: what came before counts.
    return found


def _wrapped(number: int, size: int, signed: bool) -> int:
    number &= (1 << 8 * size) - 1
    return number - (1 << 8 * size) if signed and number >> (8 * size - 1) else number
