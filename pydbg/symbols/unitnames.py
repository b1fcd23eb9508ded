"""What a unit's entries declare by name: variables, functions and types, with their scopes.

One pass over a unit; bodies of functions are stepped over. Which units can hold a name is
decided before by its string, so that a lookup reads few of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from pydbg.errors import FileError
from pydbg.records import NamedTuple
from pydbg.symbols import dwarf
from pydbg.symbols.cplusnames import canonical
from pydbg.symbols.cursor import damaged, uleb
from pydbg.symbols.entries import At, Die, Entries, Tag
from pydbg.symbols.stringsearch import StringSearch, own_names
from pydbg.symbols.units import Unit

__all__ = ["NameTable", "Named", "UnitNames"]

_TYPES = Tag.structs | {Tag.enumeration, Tag.typedef, Tag.base, Tag.unspecified, Tag.template_alias}
_VALUES = frozenset((Tag.variable, Tag.subprogram, Tag.enumerator, Tag.member,
                     Tag.constant))  # fmt: skip
_SCOPES = Tag.structs | {Tag.namespace, Tag.enumeration}
_MAX_DEPTH = 512
_ANONYMOUS = "(anonymous namespace)"


class Named(NamedTuple):
    """Hold one declaration: its tag, where its entry is, and whether it only declares."""

    name: str
    tag: int
    pos: int
    declaration: bool
    scope: str


class UnitNames:
    """Be the names that one unit declares outside of functions."""

    def __init__(self, entries: Entries, unit: Unit) -> None:
        self.unit = unit
        self.rows: list[Named] = []
        self._entries = entries
        self._by_name: dict[str, list[Named]] = {}
        self._scope_starts: list[int] = [0]
        self._scope_names: list[str] = [""]
        self._names: dict[int, str] = {}
        self._enums: dict[str, tuple[str, bool]] = {}
        self.imports: list[tuple[str, int]] = []
        """``using namespace``: (scope it is in, offset of the namespace's entry)."""
        self.enumerations: list[int] = []
        """Where the entries of enums are."""
        self._pending: list[tuple[int, int, int]] = []
        self._scan()
        for tag, pos, target in self._pending:
            # A definition that comes before what it completes.
            if target in self._names:
                self.rows.append(Named(self._names[target], tag, pos, False, ""))
        for row in self.rows:
            self._by_name.setdefault(row.name, []).append(row)
            if "<" in row.name and (spelt := canonical(row.name)) != row.name:
                self._by_name.setdefault(spelt, []).append(row)
            if _ANONYMOUS in row.name:
                plain = row.name.replace(_ANONYMOUS + "::", "")
                self._by_name.setdefault(plain, []).append(row)

    def named(self, name: str) -> list[Named]:
        """Give the declarations of a name, with its namespaces and classes."""
        return self._by_name.get(name, [])

    def scope_of(self, pos: int) -> str:
        """Give the namespaces and classes around an entry: ``ns::C``."""
        return self._scope_names[bisect_right(self._scope_starts, pos) - 1]

    def qualified(self, pos: int, name: str) -> str:
        """Give a name with the scopes around its entry."""
        scope = self.scope_of(pos)
        return f"{scope}::{name}" if scope else name

    def _scan(self) -> None:
        entries, unit = self._entries, self.unit
        view = entries.view(unit)
        data, abbrevs, sizes = view.data, view.abbrevs, view.sizes
        pos, end, depth = unit.die, len(data), 0
        scopes: list[tuple[int, str]] = []  # (depth, qualified name)
        skipping = 0  # the depth of a function whose inside is of no interest
        wanted = _TYPES | _VALUES | {Tag.namespace, Tag.imported_module}
        while pos < end:
            at = pos
            code = data[pos]
            pos += 1
            if code == 0:
                depth -= 1
                if depth <= 0:
                    break
                if skipping and depth <= skipping:
                    skipping = 0
                if scopes and scopes[-1][0] >= depth:
                    while scopes and scopes[-1][0] >= depth:
                        scopes.pop()
                    self._scope_starts.append(pos)
                    self._scope_names.append(scopes[-1][1] if scopes else "")
                continue
            if code >= 0x80:
                code, pos = uleb(data, at)
            abbrev = abbrevs[code]
            tag = abbrev.tag
            plan = abbrev.plan
            if plan is None:
                plan = abbrev.plan = dwarf.skip_plan(abbrev, **sizes)
            qualified: str | None = None
            if not skipping and tag in wanted and depth:
                die = Die(entries, view, at)
                pos = die.end
                qualified = self._note(die, scopes[-1][1] if scopes else "")
            else:
                for step in plan:
                    if step >= 0:
                        pos += step
                    else:
                        pos = dwarf.skip(data, pos, (step,), **sizes)
            if abbrev.children:
                if not skipping and tag in _SCOPES and depth:
                    inner = qualified if qualified is not None else ""
                    scopes.append((depth, inner))
                    self._scope_starts.append(pos)
                    self._scope_names.append(inner)
                elif not skipping and tag == Tag.subprogram:
                    skipping = depth
                depth += 1
                if depth > _MAX_DEPTH:
                    raise IndexError("entries nested too deep")
            elif depth == 0:
                break

    def _note(self, die: Die, scope: str) -> str | None:
        """Keep a declaration; return the scope that its children are in."""
        tag = die.tag
        name = die.name
        if tag == Tag.imported_module:
            target = die.target(At.import_)
            if target is not None:
                self.imports.append((scope, target.offset))
            return None
        if tag == Tag.enumeration:
            self.enumerations.append(die.pos)
        if tag == Tag.namespace:
            name = name or _ANONYMOUS
            return f"{scope}::{name}" if scope else name
        if tag == Tag.member and not (At.external in die or At.declaration in die):
            return None
        if name is None and tag in _TYPES and At.signature in die:
            described = die.target(At.signature)
            name = described.name if described is not None else None
        if tag in _TYPES and At.specification in die:
            # Its declaration is in its namespace, as type units have it.
            target = die.target(At.specification)
            known = self._names.get(target.pos) if target and target.unit is die.unit else None
            if known is not None:
                self._names[die.pos] = known
                scope = known.rpartition("::")[0]
                name = known.rpartition("::")[2] if not known.endswith(">") else name
        if name is None:
            target = die.origin if tag in (Tag.variable, Tag.subprogram) else None
            known = self._names.get(target.pos) if target and target.unit is die.unit else None
            if known is None and target is not None:
                if target.unit is die.unit:
                    self._pending.append((tag, die.pos, target.pos))
                    return None
                known = self._named_elsewhere(target)
            if known is None:
                # What is inside of a structure without a name belongs to what is around it.
                return scope if tag in _SCOPES else None
            self._names[die.pos] = known
            self.rows.append(Named(known, tag, die.pos, False, scope))
            return known
        qualified = f"{scope}::{name}" if scope else name
        self._names[die.pos] = qualified
        row_name, row_scope = qualified, scope
        if tag == Tag.enumerator and scope:
            # Names of a plain enum are known in the scope around it, those of an enum class in it.
            row_name, row_scope = name, scope
            owner = self._enums.get(scope)
            if owner is not None:
                row_name = qualified if owner[1] else (f"{owner[0]}::{name}" if owner[0] else name)
        if tag == Tag.enumeration:
            self._enums[qualified] = (scope, At.enum_class in die)
        declaration = At.declaration in die
        self.rows.append(Named(row_name, tag, die.pos, declaration, row_scope))
        return qualified

    def _named_elsewhere(self, target: Die) -> str | None:
        """Give the whole name of a declaration in another unit (dwz, LTO)."""
        names = self._entries.names.unit(target.unit)
        name = next((one.name for one in target.origins() if one.name is not None), None)
        return name if name is None or names is None else names.qualified(target.pos, name)


class NameTable:
    """Find declarations by name in one file, reading no unit that cannot have them.

    >>> from pydbg.symbols.elf import ElfFile
    >>> from pydbg.symbols.units import Dwarf
    >>> list(NameTable(Entries(Dwarf(ElfFile("/bin/true")))).named("main"))
    []
    """

    def __init__(self, entries: Entries) -> None:
        self.entries = entries
        self._units: dict[int, UnitNames | None] = {}
        self._found: dict[str, list[tuple[UnitNames, Named]]] = {}
        self._search = StringSearch(entries.dwarf)

    def unit(self, unit: Unit) -> UnitNames | None:
        """Give a unit's names; None where its entries are damaged."""
        if unit.offset not in self._units:
            names: UnitNames | None = None
            self._units[unit.offset] = None  # Units that refer to each other ask while it is made.
            try:
                with damaged(f"{self.entries.dwarf.elf.path}: .debug_info"):
                    self.entries.dwarf.language_of(unit)  # Known from now on, also of shared units.
                    names = UnitNames(self.entries, unit)
            except FileError:
                names = None
            self._units[unit.offset] = names
        return self._units[unit.offset]

    def named(self, name: str) -> list[tuple[UnitNames, Named]]:
        """Give all declarations of a name: types, variables, functions, enumerators."""
        found = self._found.get(name)
        if found is None:
            found = []
            for unit in self._candidates(name):
                names = self.unit(unit)
                if names is not None:
                    found += [(names, row) for row in names.named(name)]
            found += self._completed(name, found)
            self._found[name] = found
        return found

    def _completed(
        self, name: str, found: list[tuple[UnitNames, Named]]
    ) -> list[tuple[UnitNames, Named]]:
        """Find what completes declarations of shared units: it has the name by a reference only."""
        seen = {names.unit.offset for names, _ in found}
        more = []
        for names, row in found:
            if row.tag in _VALUES and self.entries.dwarf.is_shared(names.unit):
                for offset in self._search.units_referring(names.unit, row.pos):
                    unit = None if offset in seen else self.entries.dwarf.unit(offset)
                    seen.add(offset)
                    other = None if unit is None else self.unit(unit)
                    if other is not None:
                        more += [(other, one) for one in other.named(name)]
        return more

    def _candidates(self, name: str) -> Iterator[Unit]:
        names = own_names(name)
        # A template's arguments are spelt in a way of its own by each compiler.
        bare = list(dict.fromkeys(one.partition("<")[0] or one for one in names))
        for offset in self._search.units_with(bare, templates=bare != names):
            unit = self.entries.dwarf.unit(offset)
            if unit is not None:
                yield unit

    def all(self) -> Iterator[UnitNames]:
        """Give the names of every unit."""
        for unit in self.entries.units():
            names = self.unit(unit)
            if names is not None:
                yield names
