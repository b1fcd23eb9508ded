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
from pydbg.records import NamedTuple
from pydbg.symbols.cursor import uleb
from pydbg.symbols.entries import At, Die, Tag
from pydbg.symbols.languages import CPLUS, GO, language_of
from pydbg.variables.types import CANONICAL

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.symbols.modules import Module
    from pydbg.symbols.unitnames import Named, UnitNames
    from pydbg.symbols.units import Unit
    from pydbg.variables.files import FileTypes

__all__ = ["Declared", "Row", "groups", "rows", "variables_named"]

_TAGS = {
    "functions": frozenset((Tag.subprogram,)),
    "variables": frozenset((Tag.variable, Tag.member, Tag.constant)),
    "types": Tag.structs | {Tag.enumeration, Tag.typedef, Tag.base},
}


class Row(NamedTuple):
    """Hold one declaration: its name, its line, and the text without the line."""

    name: str
    line: int | None
    text: str


def groups(
    session: Session,
    what: str,
    pattern: re.Pattern[str] | None,
    typed: re.Pattern[str] | None = None,
) -> tuple[tuple[SymbolGroup, ...], set[str]]:
    """Return the declarations of each file, and the linker's names of what they declare."""
    found, linked = rows(session, what, pattern, typed)
    made = [
        SymbolGroup(path, tuple((row.line, None, row.text) for row in ordered))
        for path, ordered in found.items()
    ]
    return tuple(made), linked


def rows(
    session: Session,
    what: str,
    pattern: re.Pattern[str] | None,
    typed: re.Pattern[str] | None = None,
) -> tuple[dict[str, list[Row]], set[str]]:
    """Return what each file declares, the files and names in order; and the linker's names.

    ``typed`` is for the text of the type. Of several declarations of one name in a file the
    first of the last unit counts (symtab.c, std::set of symbol_search).
    """
    found: dict[str, dict[tuple[bool, str], Row]] = {}
    linked: set[str] = set()
    for module, file in session.dbg.variables.files():
        for names in reversed(list(file.names.all())):  # gdb's list of units grows at its head.
            for row in sorted(names.rows, key=lambda row: row.pos):
                if row.tag not in _TAGS[what] or row.declaration:
                    continue
                linked.add(row.name)
                try:
                    with file.guard():
                        name = _name(file, names, row, what)
                        linked.add(name)
                        if pattern is None or pattern.search(name):
                            row = row._replace(name=name)
                            _note(found, what, module, file, names, row, typed)
                except DebuggerError:
                    continue  # A damaged entry is left out.
    return {
        path: [found[path][key] for key in sorted(found[path])] for path in sorted(found)
    }, linked


class Declared(NamedTuple):
    """Hold where a variable is declared: the file as it is named, its path, the line."""

    module: Module
    file: str
    path: str
    line: int
    addr: int | None


def variables_named(session: Session, name: str) -> list[Declared]:
    """Return where the global variables of a name are declared, in units that define them."""
    found: list[Declared] = []
    for module, file in session.dbg.variables.files():
        rows = [(names, row) for names, row in file.names.named(name) if row.tag == Tag.variable]
        units = [names.unit for names, row in rows if not row.declaration]
        for names, row in rows:
            if names.unit not in units:
                continue
            with file.guard():
                die = file.names.entries.die(names.unit, row.pos)
                made = _declared(module, die)
            if made is not None:
                found.append(made)
    return found


def _declared(module: Module, die: Die) -> Declared | None:
    line = next((n for one in die.origins() if (n := one.number(At.decl_line))), None)
    if line is None:
        return None
    placed = next((one for one in die.origins() if At.decl_file in one), die)
    unit = die.unit
    file = _path(module, placed) or unit.name or ""
    code, addr = die.block(At.location), None
    if code is not None and code[:1] == b"\x03":  # DW_OP_addr
        addr = module.addr(int.from_bytes(code[1 : 1 + unit.address_size], "little"))
    elif code is not None and code[:1] in (b"\xa1", b"\xfb"):  # DW_OP_addrx, GNU_addr_index
        addr = module.addr(die.view.source.indexed(unit, uleb(code, 1)[0]))
    return Declared(module, file, os.path.join(unit.comp_dir or "", file), line, addr)


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
    found: dict[str, dict[tuple[bool, str], Row]],
    what: str,
    module: Module,
    file: FileTypes,
    names: UnitNames,
    row: Named,
    typed: re.Pattern[str] | None,
) -> None:
    die = file.names.entries.die(names.unit, row.pos)
    if typed is not None and not typed.search(_type_text(what, file, die)):
        return
    text = _text(what, module, file, die, row)
    if text is None:
        return
    holder = next((one for one in die.origins() if At.decl_line in one), None)
    line = holder.number(At.decl_line) if holder is not None else None
    placed = next((one for one in die.origins() if At.decl_file in one), None)
    path = None if placed is None else _path(module, placed)
    if path is None:
        path = _main_path(module, names.unit)
    static = what != "types" and not any(At.external in one for one in die.origins())
    text = ("static " if static else "") + text
    if what == "types":
        # gdb has classes and enums of C++ among what is global, and lists that first.
        static = row.tag in (Tag.typedef, Tag.base) and die.unit.language in CPLUS
    found.setdefault(path, {}).setdefault((static, row.name), Row(row.name, line, text))


def _type_text(what: str, file: FileTypes, die: Die) -> str:
    """Return the text of what a declaration's type is."""
    if what == "functions":
        return spell(file.reader.read(die))
    holder = next((one for one in die.origins() if At.type in one), None)
    return "" if holder is None else spell(file.reader.of(holder))


def _path(module: Module, die: Die) -> str | None:
    """Return the file that an entry is declared in, as gdb names it."""
    number = die.number(At.decl_file)
    if not module.bias and not die.entries.top(die.unit).ranges():
        # gdb takes a unit without code for one without lines if that is at address 0.
        return None
    if number is None or module.lines is None or die.unit.line_offset is None:
        return None
    name = module.lines.header(die.unit).file_name(number)
    own = die.unit.name
    if name is None or own is None:
        return name
    return own if _is_own(die.unit, name) else name


def _is_own(unit: Unit, name: str) -> bool:
    """Tell whether a name of a unit's line table is the unit's own file."""
    folder = unit.comp_dir or ""
    return os.path.normpath(os.path.join(folder, name)) == os.path.normpath(
        os.path.join(folder, unit.name or "")
    )


def _main_path(module: Module, unit: Unit) -> str:
    """Return the file of a unit, for what is declared in none, as gdb names it.

    Where the line table knows the unit's name in one other directory only, it is that file
    (buildsym.c, watch_main_source_file_lossage).
    """
    own = unit.name or ""
    if module.lines is None or unit.line_offset is None:
        return own
    header, base = module.lines.header(unit), os.path.basename(own)
    first = 0 if header.version >= 5 else 1
    alike = {
        name
        for number, entry in enumerate(header.files, first)
        if os.path.basename(entry.name) == base and (name := header.file_name(number))
    }
    if len(alike) != 1 or any(_is_own(unit, name) for name in alike):
        return own
    return alike.pop()


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
        if die.language == GO and strip(ctype).name == ctype.name:
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
