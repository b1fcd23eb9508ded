"""What debug information declares, by file: rows of info functions, variables and types."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pydbg.commands.results import SymbolGroup
from pydbg.errors import DebuggerError
from pydbg.expr.language import language_named
from pydbg.expr.typeprint import behind_typedefs
from pydbg.expr.types import FunctionType, TypedefType, VoidType, spell, strip
from pydbg.symbols.entries import At, Die, Tag
from pydbg.symbols.languages import CPLUS, language_of
from pydbg.variables.types import CANONICAL

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.symbols.modules import Module
    from pydbg.symbols.unitnames import Named, UnitNames
    from pydbg.variables.files import FileTypes

__all__ = ["groups"]

_TAGS = {
    "functions": frozenset((Tag.subprogram,)),
    "variables": frozenset((Tag.variable, Tag.member, Tag.constant)),
    "types": Tag.structs | {Tag.enumeration, Tag.typedef, Tag.base},
}

Row = tuple[bool, str, int | None, str]
"""Whether it is static, the name to sort by, the line, the text."""


def groups(
    session: Session, what: str, pattern: re.Pattern[str] | None
) -> tuple[tuple[SymbolGroup, ...], set[str]]:
    """Return the declarations of each file, and the linker's names of what they declare."""
    found: dict[str, set[Row]] = {}
    linked: set[str] = set()
    for module, file in session.dbg.variables.files():
        for names in file.names.all():
            for row in names.rows:
                if row.tag not in _TAGS[what] or row.declaration:
                    continue
                linked.add(row.name)
                try:
                    with file.guard():
                        name = _name(file, names, row, what)
                        linked.add(name)
                        if pattern is None or pattern.search(name):
                            _note(found, what, module, file, names, row._replace(name=name))
                except DebuggerError:
                    continue  # A damaged entry is left out.
    made = []
    for path in sorted(found):
        rows = sorted(found[path], key=lambda row: (row[0], row[1]))
        made.append(SymbolGroup(path, tuple((line, None, text) for _, _, line, text in rows)))
    return tuple(made), linked


def _name(file: FileTypes, names: UnitNames, row: Named, what: str) -> str:
    """Return what gdb calls a declaration: C's functions by the linker's name if they have one."""
    if row.tag == Tag.base:
        return CANONICAL.get(row.name, row.name)
    if what != "types":
        die = file.names.entries.die(names.unit, row.pos)
        linkage = next((t for one in die.origins() if (t := one.string(At.linkage_name))), None)
        if linkage is not None and not linkage.startswith(("_Z", "_R")):
            return linkage
    return row.name


def _note(
    found: dict[str, set[Row]],
    what: str,
    module: Module,
    file: FileTypes,
    names: UnitNames,
    row: Named,
) -> None:
    die = file.names.entries.die(names.unit, row.pos)
    text = _text(what, module, file, die, row)
    if text is None:
        return
    holder = next((one for one in die.origins() if At.decl_line in one), None)
    line = holder.number(At.decl_line) if holder is not None else None
    path = names.unit.name or ""
    placed = next((one for one in die.origins() if At.decl_file in one), None)
    if placed is not None:
        path = _path(module, placed) or path
    static = what != "types" and not any(At.external in one for one in die.origins())
    text = ("static " if static else "") + text
    if what == "types":
        # gdb has classes and enums of C++ among what is global, and lists that first.
        static = row.tag in (Tag.typedef, Tag.base) and die.unit.language in CPLUS
    found.setdefault(path, set()).add((static, row.name, line, text))


def _path(module: Module, die: Die) -> str | None:
    """Return the file that an entry is declared in, as gdb names it."""
    number = die.number(At.decl_file)
    if number is None or module.lines is None or die.unit.line_offset is None:
        return None
    name = module.lines.header(die.unit).file_name(number)
    own = die.unit.name
    if name is None or own is None:
        return name
    folder = die.unit.comp_dir or ""
    same = os.path.normpath(os.path.join(folder, name)) == os.path.normpath(
        os.path.join(folder, own)
    )
    return own if same else name


def _text(what: str, module: Module, file: FileTypes, die: Die, row: Named) -> str | None:
    if what == "functions":
        return _function(module, file, die, row)
    if what == "variables":
        placed = At.location in die or At.const_value in die
        if not placed and (die.tag == Tag.member or die.flag(At.external)):
            return None
        holder = next((one for one in die.origins() if At.type in one), None)
        if holder is None:
            return None
        language = language_named(language_of(die.unit))
        return language.declaration(file.reader.of(holder), row.name) + ";"
    ctype = file.reader.read(die)
    if isinstance(ctype, TypedefType):
        if strip(ctype).name == ctype.name:
            return None  # Go gives a struct and its name both.
        return f"typedef {behind_typedefs(ctype.target)} {ctype.name};"
    text = language_named(language_of(die.unit)).listed(ctype)
    return text + ("" if die.tag == Tag.base else ";")


def _function(module: Module, file: FileTypes, die: Die, row: Named) -> str | None:
    ranges = die.ranges()
    if not ranges or not ranges[0][0]:
        return None
    ctype = file.reader.read(die)
    if not isinstance(ctype, FunctionType):
        return None
    language = language_named(language_of(die.unit))
    if "(" in row.name and language.name == "go":
        # Go's methods: gdb takes what is in the brackets for the parameters.
        return f"{spell(ctype.result or VoidType())} {row.name};"
    if not die.cplus:
        return language.function(ctype, row.name) + ";"
    function = module.function_at(module.addr(ranges[0][0]))
    shown = function.pretty if function is not None else None
    return spell(ctype.result, shown or row.name) + ";" if ctype.result is not None else None
