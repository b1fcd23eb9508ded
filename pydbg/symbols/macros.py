"""Preprocessor macros of a unit: .debug_macro (DWARF 5, 6.3; GNU's of version 4), .debug_macinfo.

A unit's table is one stream of definitions in the order in which the preprocessor met them,
with the files that were included on the way. What is defined at a line of a file is what the
stream has up to there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydbg.records import Record, field
from pydbg.symbols.cursor import Buffer, cstring, damaged, fixed, uleb
from pydbg.symbols.dwarf import Form
from pydbg.symbols.line_program import Header
from pydbg.symbols.unit import Unit
from pydbg.symbols.units import Dwarf

__all__ = ["Macro", "MacroFile", "MacroTable", "parse_macro", "read_macros"]

DW_AT_macro_info, DW_AT_macros, DW_AT_GNU_macros = 0x43, 0x79, 0x2119
_MAX_DEPTH = 200
_MOST = 2_000_000  # entries of one unit; more is a damaged file

_NAME = re.compile(r"[A-Za-z_]\w*")
_DEFINITION = re.compile(r"([A-Za-z_]\w*)(?:\(([^)]*)\))?(?:\s(.*)|$)", re.DOTALL)


class Macro(Record):
    """Be a macro: ``params`` is None for one without brackets, ``...`` ends a variadic one's."""

    name: str
    params: tuple[str, ...] | None
    body: str
    file: MacroFile | None = None
    line: int = 0

    @property
    def head(self) -> str:
        """Return the name, with the parameters.

        >>> parse_macro("F(a,b) a + b").head
        'F(a, b)'
        """
        return self.name if self.params is None else f"{self.name}({', '.join(self.params)})"


class MacroFile(Record, frozen=False, eq=False):
    """Be one inclusion of a file: ``line`` of ``parent`` has it; ``name`` is the line table's."""

    name: str
    line: int = 0
    parent: MacroFile | None = None
    events: list[tuple[int, int, bool]] = field(default_factory=list)
    """Each line with something: (line, its place in the stream, whether it is an inclusion)."""
    included: list[MacroFile] = field(default_factory=list)
    end: int = 0
    """Where the file ends in the stream."""

    def order(self, line: int) -> int:
        """Return the place in the stream of what stands at a line."""
        for at, place, includes in self.events:
            if at > line or (includes and at == line):
                return place
        return self.end


class MacroTable:
    """Hold the macros of one unit."""

    def __init__(self, comp_dir: str) -> None:
        self.comp_dir = comp_dir
        self.main: MacroFile | None = None
        self._spans: dict[str, list[tuple[int, int | None, Macro]]] = {}
        """Name -> where its definitions begin and end in the stream."""

    def define(self, order: int, macro: Macro) -> None:
        """Note a definition; one that says the same as before leaves that as it is."""
        spans = self._spans.setdefault(macro.name, [])
        same = spans and (spans[-1][2].params, spans[-1][2].body) == (macro.params, macro.body)
        if not same:
            self.undefine(order, macro.name)
        spans.append((order, None, macro))

    def undefine(self, order: int, name: str) -> None:
        """Note that a name is no more defined."""
        spans = self._spans.get(name)
        if spans and spans[-1][1] is None:
            spans[-1] = (spans[-1][0], order, spans[-1][2])

    def path(self, file: MacroFile) -> str:
        """Return a file's whole name."""
        whole = file.name.startswith("/") or not self.comp_dir
        return file.name if whole else f"{self.comp_dir}/{file.name}"

    def place(self, file: str, line: int) -> tuple[MacroFile, int] | None:
        """Return the inclusion of a file that is nearest to the unit's own, and a line's place."""
        level = [self.main] if self.main is not None else []
        while level:
            for one in level:
                if one.name == file:
                    return one, one.order(line)
            level = [inner for one in level for inner in one.included]
        return (self.main, self.main.order(line)) if self.main is not None else None

    def find(self, name: str, order: int) -> Macro | None:
        """Return the definition of a name at a place of the stream, None if it has none."""
        for start, end, macro in reversed(self._spans.get(name, ())):
            if start < order:
                return macro if end is None or end >= order else None
        return None

    def every(self, name: str) -> list[Macro]:
        """Return all definitions of a name, in the order of the stream."""
        return [macro for _, _, macro in self._spans.get(name, ())]

    def at(self, order: int) -> Iterator[Macro]:
        """Give all that is defined at a place of the stream, by name."""
        for name in sorted(self._spans):
            for start, end, macro in self._spans[name]:
                if start < order and (end is None or end >= order):
                    yield macro


def parse_macro(text: str, file: MacroFile | None = None, line: int = 0) -> Macro | None:
    """Read a definition as DWARF has it: ``NAME BODY`` or ``NAME(PARAMS) BODY``.

    >>> parse_macro("ADD(a, b) ((a) + (b))").params, parse_macro("LIMIT 10").body
    (('a', 'b'), '10')
    """
    found = _DEFINITION.match(text)
    if found is None:
        return None
    inside = found[2]
    params = None
    if inside is not None:
        params = tuple(part.strip() for part in inside.split(",")) if inside.strip() else ()
    return Macro(found[1], params, found[3] or "", file, line)


class _Reader:
    """Read the entries of one unit."""

    def __init__(self, dwarf: Dwarf, unit: Unit, header: Header | None) -> None:
        self.dwarf = dwarf
        self.unit = unit
        self.header = header
        self.table = MacroTable(unit.comp_dir or "")
        self.here: MacroFile | None = None
        self.order = 0
        self.opened = False

    def start(self, line: int, number: int) -> None:
        name = self.header.file_name(number) if self.header is not None else None
        opened = MacroFile(name or f"<bad macro file number {number}>", line, self.here)
        if self.here is not None:
            self.here.events.append((line, self.order, True))
            self.here.included.append(opened)
        elif not self.opened:
            self.opened, opened = True, self.main()
            opened.name = name or opened.name
        else:
            self.main().included.append(opened)
        self.here = opened

    def main(self) -> MacroFile:
        """Return the unit's own file."""
        if self.table.main is None:
            self.table.main = MacroFile(self.unit.name or "")
        return self.table.main

    def finish(self) -> None:
        if self.here is not None:
            self.here.end = self.order
            self.here = self.here.parent

    def entry(self, line: int, text: bytes | None, *, defines: bool) -> None:
        if text is None:
            return
        spelt = text.decode("utf-8", "surrogateescape")
        if self.here is None:
            # What the command line says comes before the file.
            owner, line = self.main(), 0
        else:
            owner = self.here
        owner.events.append((line, self.order, False))
        if defines:
            macro = parse_macro(spelt, owner, line)
            if macro is not None:
                self.table.define(self.order, macro)
        else:
            found = _NAME.match(spelt)
            if found is not None:
                self.table.undefine(self.order, found[0])

    def step(self) -> None:
        self.order += 1
        if self.order > _MOST:
            raise IndexError("too many macros")

    def read_macinfo(self, data: Buffer, pos: int) -> None:
        whole = bytes(data)
        while kind := whole[pos]:
            pos += 1
            self.step()
            if kind in (1, 2):  # DW_MACINFO_define, DW_MACINFO_undef
                line, pos = uleb(whole, pos)
                text, pos = cstring(whole, pos)
                self.entry(line, text, defines=kind == 1)
            elif kind == 3:  # DW_MACINFO_start_file
                line, pos = uleb(whole, pos)
                number, pos = uleb(whole, pos)
                self.start(line, number)
            elif kind == 4:  # DW_MACINFO_end_file
                self.finish()
            else:  # DW_MACINFO_vendor_ext
                _, pos = uleb(whole, pos)
                _, pos = cstring(whole, pos)

    def read_macro(self, data: bytes, pos: int, depth: int = 0) -> None:
        if depth > _MAX_DEPTH:
            raise IndexError("macro units import each other")
        _, flags = fixed(data, pos, 2)[0], data[pos + 2]
        size = 8 if flags & 1 else 4
        pos += 3 + (size if flags & 2 else 0)
        unknown: dict[int, bytes] = {}
        if flags & 4:
            pos = _operands(data, pos, unknown)
        while kind := data[pos]:
            pos += 1
            self.step()
            if kind == 3:  # DW_MACRO_start_file
                line, pos = uleb(data, pos)
                number, pos = uleb(data, pos)
                self.start(line, number)
            elif kind == 4:  # DW_MACRO_end_file
                self.finish()
            elif kind in (7, 10):  # DW_MACRO_import, DW_MACRO_import_sup
                offset, pos = fixed(data, pos, size)
                if kind == 7:
                    self.read_macro(data, offset, depth + 1)
            elif kind <= 12:
                line, pos = uleb(data, pos)
                text, pos = self.text(data, pos, kind, size)
                self.entry(line, text, defines=bool(kind & 1))
            else:
                pos = _skip(data, pos, unknown.get(kind, b""), size)

    def text(self, data: bytes, pos: int, kind: int, size: int) -> tuple[bytes | None, int]:
        """Read the text of an entry: in place, in .debug_str, of a dwz file, or by its index."""
        if kind <= 2:
            return cstring(data, pos)
        if kind >= 11:
            index, pos = uleb(data, pos)
            return self.dwarf.raw_string(self.unit, (Form.strx, index)), pos
        offset, pos = fixed(data, pos, size)
        form = Form.strp if kind <= 6 else Form.strp_sup
        return self.dwarf.raw_string(self.unit, (form, offset)), pos


def _operands(data: bytes, pos: int, unknown: dict[int, bytes]) -> int:
    """Read the table that says which operands the entries of a vendor have."""
    count = data[pos]
    pos += 1
    for _ in range(count):
        kind = data[pos]
        operands, pos = uleb(data, pos + 1)
        unknown[kind] = data[pos : pos + operands]
        pos += operands
    return pos


def _skip(data: bytes, pos: int, forms: bytes, size: int) -> int:
    from pydbg.symbols.dwarf import read_form

    for form in forms:
        _, pos = read_form(data, pos, form, address_size=8, offset_size=size, version=5)
    return pos


def read_macros(
    dwarf: Dwarf, unit: Unit, attrs: dict[int, int], header: Header | None
) -> MacroTable | None:
    """Return the macros of a unit, None where nothing is recorded of them.

    ``attrs`` are the attributes of its first entry that say where; raises FileError for what
    makes no sense.
    """
    reader = _Reader(dwarf, unit, header)
    with damaged("the macro information"):
        for name in (DW_AT_macros, DW_AT_GNU_macros):
            if name in attrs:
                reader.read_macro(bytes(unit.home.section(".debug_macro")), attrs[name])
                return reader.table
        if DW_AT_macro_info in attrs:
            reader.read_macinfo(unit.home.section(".debug_macinfo"), attrs[DW_AT_macro_info])
            return reader.table
    return None
