"""Macros that expressions see: the program's own at a place of the code, and the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.records import Record
from pydbg.symbols.entries import Entries

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.frames import Frame
    from pydbg.symbols.macros import Macro, MacroFile, MacroTable
    from pydbg.symbols.modules import Module
    from pydbg.symbols.unit import Unit

__all__ = ["MacroScope", "Macros"]


class MacroScope(Record):
    """Be a place that macros are seen from: ``order`` is its place in the unit's stream."""

    table: MacroTable
    file: MacroFile
    line: int
    order: int

    def find(self, name: str) -> Macro | None:
        """Return what a name is defined as here, None if it is not."""
        found = self.table.find(name, self.order)
        return self._special(name) if found is None else found

    def every(self) -> list[Macro]:
        """Return all that is defined here, by name."""
        special = [one for name in ("__FILE__", "__LINE__") if (one := self._special(name))]
        return sorted([*self.table.at(self.order), *special], key=lambda macro: macro.name)

    def _special(self, name: str) -> Macro | None:
        """Return what the preprocessor itself makes of two names."""
        from pydbg.symbols.macros import Macro

        main = self.table.main
        if name == "__FILE__":
            return Macro(name, None, f'"{self.path}"', main, -1)
        return Macro(name, None, str(self.line), main, -1) if name == "__LINE__" else None

    @property
    def path(self) -> str:
        """Return the whole name of the file."""
        return self.table.path(self.file)


class Macros:
    """Answer what macros there are in the program of one debugger."""

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg
        self.user: dict[str, Macro] = {}
        """What ``macro define`` has defined."""
        self._tables: dict[tuple[int, int], tuple[object, MacroTable | None]] = {}

    def applies(self, frame: Frame | None) -> bool:
        """Tell whether a frame sees any macros at all."""
        return bool(self.user) or self.scope_of(frame) is not None

    def expanded(self, text: str, frame: Frame | None) -> str:
        """Expand the macros in an expression, the user's before the program's."""
        return self.expanded_in(text, self.scope_of(frame))

    def expanded_in(self, text: str, scope: MacroScope | None) -> str:
        """Expand the macros of a scope, and the user's, in an expression."""
        if scope is None and not self.user:
            return text
        from pydbg.expr.macros import expand  # Few programs have macros: every start has locals.

        return expand(text, lambda name: self.find(name, scope))

    def find(self, name: str, scope: MacroScope | None) -> Macro | None:
        """Return what a name is defined as, None if it is not."""
        known = self.user.get(name)
        return known if known is not None or scope is None else scope.find(name)

    def scope_of(self, frame: Frame | None) -> MacroScope | None:
        """Return where a frame is; None where its unit has no macros."""
        if frame is None or frame.module is None or not _has_macros(frame.module):
            return None
        module = frame.module
        return self.scope_at(module, module.link_addr(frame.lookup_addr), frame.file, frame.line)

    def scope_at(
        self, module: Module, link_addr: int, file: str | None, line: int | None
    ) -> MacroScope | None:
        """Return the scope of a line of code; None where its unit has no macros."""
        if file is None or line is None or not _has_macros(module):
            return None
        try:
            unit = module.dwarf.unit_at(link_addr) if module.dwarf is not None else None
        except DebuggerError:
            return None
        return None if unit is None else self.scope_in(module, unit, file, line)

    def scope_in(self, module: Module, unit: Unit, file: str, line: int) -> MacroScope | None:
        """Return the scope of a line of a unit; None where it has no macros."""
        try:
            table = self._table(module, unit)
        except DebuggerError:
            return None
        found = table.place(file, line) if table is not None else None
        if table is None or found is None:
            return None
        return MacroScope(table, found[0], line, found[1])

    def _table(self, module: Module, unit: Unit) -> MacroTable | None:
        from pydbg.symbols.macros import (
            DW_AT_GNU_macros,
            DW_AT_macro_info,
            DW_AT_macros,
            read_macros,
        )

        assert module.dwarf is not None
        key = id(unit.home), unit.offset
        if key not in self._tables:
            top = Entries(module.dwarf).top(unit)
            names = (DW_AT_macros, DW_AT_GNU_macros, DW_AT_macro_info)
            attrs = {name: number for name in names if (number := top.number(name)) is not None}
            lines = module.lines
            header = lines.header(unit) if lines is not None and attrs else None
            made = read_macros(module.dwarf, unit, attrs, header) if attrs else None
            self._tables[key] = unit.home, made  # An id is not used again while its object lives.
        return self._tables[key][1]


def _has_macros(module: Module) -> bool:
    elf = module.dwarf_file
    return any(elf.section(name) is not None for name in (".debug_macro", ".debug_macinfo"))
