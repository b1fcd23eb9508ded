"""The languages of compile units (DWARF 5, table 7.17, and later additions)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydbg.symbols.units import Unit

__all__ = ["CPLUS", "GO", "GO_TABLES", "RUST", "language_of"]

GO, RUST = 0x16, 0x1C
GO_TABLES = (".gopclntab", ".data.rel.ro.gopclntab")
"""Sections of the table of functions that each program of Go has; by it they are known."""
CPLUS = frozenset((0x04, 0x1A, 0x21, 0x2B, 0x3A))
"""DW_LANG_C_plus_plus and its later standards."""
_LANGUAGES = {
    0x01: "c", 0x02: "c", 0x0C: "c", 0x1D: "c", 0x2C: "c", 0x03: "ada", 0x0D: "ada",
    0x07: "fortran", 0x08: "fortran", 0x0E: "fortran", 0x22: "fortran", 0x23: "fortran",
    0x09: "pascal", 0x0A: "modula-2", 0x10: "objective-c", 0x13: "d", 0x15: "opencl",
    0x16: "go", 0x1C: "rust", 0x8001: "asm",
}  # fmt: skip


def language_of(unit: Unit) -> str:
    """Give gdb's name of the language of a unit, "" for one it does not tell."""
    return "c++" if unit.language in CPLUS else _LANGUAGES.get(unit.language or 0, "")
