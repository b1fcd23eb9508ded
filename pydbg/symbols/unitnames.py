"""What a unit's entries declare by name: variables, functions and types, with their scopes.

One pass over a unit; bodies of functions are stepped over. Which units can hold a name is
decided before by its string, so that a lookup reads few of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property

from pydbg.errors import FileError
from pydbg.records import NamedTuple
from pydbg.symbols.cplusnames import canonical, split_scope
from pydbg.symbols.cursor import uleb
from pydbg.symbols.entries import At, Die, Entries, Tag
from pydbg.symbols.stringsearch import StringSearch, own_names
from pydbg.symbols.units import Unit
from pydbg.symbols.walk import locate, reached, step_over

__all__ = ["DECLARED", "VALUES", "NameTable", "Named", "UnitNames"]

_TYPES = Tag.structs | {Tag.enumeration, Tag.typedef, Tag.base, Tag.unspecified, Tag.template_alias}
VALUES = frozenset((Tag.variable, Tag.subprogram, Tag.enumerator, Tag.member,
                     Tag.constant))  # fmt: skip
_MOST_SCOPES = 4096
_SCOPES = Tag.structs | {Tag.namespace, Tag.enumeration}
_COMPLETED = Tag.structs | {Tag.enumeration, Tag.variable, Tag.subprogram, Tag.member}
DECLARED = _TYPES | VALUES
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
    """Be the names that one unit declares outside of functions.

    All are read when all are asked for; for one name, or the scope of an entry, only the way
    to them is.
    """

    def __init__(self, entries: Entries, unit: Unit) -> None:
        self.unit = unit
        self._entries = entries
        self._rows: dict[int, Named] = {}
        self._by_name: dict[str, list[Named]] = {}
        self._scopes: dict[int, str] = {}
        self._scope_around: dict[int, str] = {}
        """Entry -> the scope that it is in, for those that were asked for."""
        self._scope_starts: list[int] = [0]
        self._scope_names: list[str] = [""]
        self._names: dict[int, str] = {}
        self._enums: dict[str, tuple[str, bool]] = {}
        self._imports: list[tuple[str, int]] = []
        self._pending: list[tuple[int, int, int, str]] = []
        self._is_whole = False

    @property
    def rows(self) -> list[Named]:
        """Give all declarations, in the order of the entries."""
        self._read_all()
        return list(self._rows.values())

    @cached_property
    def imports(self) -> list[tuple[str, int]]:
        """Give each ``using namespace``: (scope it is in, offset of the namespace's entry)."""
        abbrevs = self._entries.dwarf.abbrevs(self.unit).whole()
        if any(abbrev.tag == Tag.imported_module for abbrev in abbrevs.values()):
            self._read_all()
        return self._imports

    def _read_all(self) -> None:
        if self._is_whole:
            return
        self._is_whole = True
        self._rows.clear()
        self._names.clear()
        try:
            with self._entries.guard():
                self._scan()
        except FileError:
            pass  # What came before the damage counts.
        self._complete_pending()
        self._by_name = _by_name(self._rows.values())

    def _complete_pending(self) -> None:
        """Name what was defined before the entry that it completes, as Rust's compiler does."""
        waiting, before = self._pending, 0
        while waiting and len(waiting) != before:  # One may complete another that waits too.
            before = len(waiting)
            for tag, pos, target, scope in waiting:
                if target in self._names:
                    known = self._names[pos] = self._names[target]
                    self._rows[pos] = Named(known, tag, pos, False, scope)
            waiting = [one for one in waiting if one[1] not in self._names]
        if self._pending:
            self._rows = dict(sorted(self._rows.items()))

    def named(self, name: str, needles: list[bytes] | None = None) -> list[Named]:
        """Give the declarations of a name, with its namespaces and classes.

        ``needles`` are what the attribute of its last part can be among the unit's bytes.
        """
        if not self._is_whole:
            found = None
            if needles is not None:
                source = self._entries.dwarf
                found = reached(source, self.unit, needles, DECLARED, _COMPLETED)
            if found is not None:
                return self._among(found).get(name, [])
            self._read_all()
        return self._by_name.get(name, [])

    def _among(self, places: dict[int, tuple[int, ...]]) -> dict[str, list[Named]]:
        """Read the declarations at some places."""
        view = self._entries.view(self.unit)
        for pos in sorted(places):
            scope = self._scope_at(places[pos])
            if scope is not None:
                self._note(Die(self._entries, view, pos), scope)
        return _by_name(self._rows[pos] for pos in sorted(places) if pos in self._rows)

    def _scope_at(self, path: tuple[int, ...]) -> str | None:
        """Give the scope at the end of a path of entries; None for the inside of a function."""
        view = self._entries.view(self.unit)
        scope = ""
        for pos in path[1:]:
            die = Die(self._entries, view, pos)
            if die.tag == Tag.subprogram:
                return None
            if die.tag in _SCOPES:
                known = self._scopes.get(pos)
                if known is None:
                    known = self._scopes[pos] = self._note(die, scope) or ""
                scope = known
        return scope

    def has_scope(self, name: str, needles: list[bytes] | None) -> bool:
        """Tell whether a namespace or class with something inside has a whole name."""
        if not self._is_whole and needles is not None:
            source = self._entries.dwarf
            found = reached(source, self.unit, needles, _SCOPES, frozenset())
            if found is not None:
                view = self._entries.view(self.unit)
                return any(
                    self._scope_at((*path, pos)) == name
                    for pos, path in found.items()
                    if Die(self._entries, view, pos).has_children
                )
        self._read_all()
        return name in self._scope_names

    def scope_of(self, pos: int) -> str:
        """Give the namespaces and classes around an entry: ``ns::C``."""
        if self._is_whole:
            return self._scope_names[bisect_right(self._scope_starts, pos) - 1]
        known = self._scope_around.get(pos)
        if known is None:
            if len(self._scope_around) >= _MOST_SCOPES:
                self._scope_around.clear()
            known = self._scope_around[pos] = self._find_scope(pos)
        return known

    def _find_scope(self, pos: int) -> str:
        path = self.path_to(pos)
        try:
            with self._entries.guard():
                view = self._entries.view(self.unit)
                for index, at in enumerate(path):
                    if Die(self._entries, view, at).tag == Tag.subprogram:
                        path = path[:index]  # Its inside is in the scope that it is in.
                        break
                return self._scope_at(path) or ""
        except FileError:
            return ""

    def path_to(self, pos: int) -> tuple[int, ...]:
        """Give the entries around an entry, outermost first."""
        try:
            with self._entries.guard():
                for place in locate(self._entries.dwarf, self.unit, [pos]):
                    return place.path
        except FileError:
            pass
        return ()

    def enumeration_around(self, pos: int) -> int | None:
        """Give the enum that an enumerator is in."""
        path = self.path_to(pos)
        return path[-1] if path else None

    def qualified(self, pos: int, name: str) -> str:
        """Give a name with the scopes around its entry."""
        scope = self.scope_of(pos)
        return f"{scope}::{name}" if scope else name

    def _known(self, target: Die | None) -> str | None:
        """Give the name, with scopes, of a declaration in this unit that another completes."""
        if target is None or target.unit is not self.unit:
            return None
        known = self._names.get(target.pos)
        if known is None and not self._is_whole:
            known = self._known(target.origin) if target.name is None else None
            if target.name is not None:
                known = self.qualified(target.pos, target.name)
            if known is not None:
                self._names[target.pos] = known
        return known

    def _scan(self) -> None:
        entries, unit = self._entries, self.unit
        view = entries.view(unit)
        data, abbrevs, sizes = view.data, view.abbrevs, view.sizes
        pos, end, depth = unit.die, len(data), 0
        scopes: list[tuple[int, str]] = []  # (depth, qualified name)
        skipping = 0  # the depth of a function whose inside is of no interest
        wanted = _TYPES | VALUES | {Tag.namespace, Tag.imported_module}
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
            qualified: str | None = None
            if not skipping and tag in wanted and depth:
                die = Die(entries, view, at)
                pos = die.end
                qualified = self._note(die, scopes[-1][1] if scopes else "")
            else:
                pos = step_over(data, pos, abbrev, sizes)
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
                self._imports.append((scope, target.offset))
            return None
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
            known = self._known(die.target(At.specification))
            if known is not None:
                self._names[die.pos] = known
                scope, last = split_scope(known)
                name = last if not known.endswith(">") else name
        if name is None:
            target = die.origin if tag in (Tag.variable, Tag.subprogram) else None
            known = self._known(target)
            if known is None and target is not None:
                if target.unit is die.unit:
                    self._pending.append((tag, die.pos, target.pos, scope))
                    return None
                known = self._named_elsewhere(target)
            if known is None:
                # What is inside of a structure without a name belongs to what is around it.
                return scope if tag in _SCOPES else None
            self._names[die.pos] = known
            self._rows[die.pos] = Named(known, tag, die.pos, False, scope)
            return known
        qualified = f"{scope}::{name}" if scope else name
        self._names[die.pos] = qualified
        row_name, row_scope = qualified, scope
        if tag == Tag.enumerator and scope:
            # Names of a plain enum are known in the scope around it, those of an enum class in it.
            owner = self._enums.get(scope)
            if owner is not None and not owner[1]:
                row_name = f"{owner[0]}::{name}" if owner[0] else name
        if tag == Tag.enumeration:
            self._enums[qualified] = (scope, At.enum_class in die)
        declaration = At.declaration in die
        self._rows[die.pos] = Named(row_name, tag, die.pos, declaration, row_scope)
        return qualified

    def _named_elsewhere(self, target: Die) -> str | None:
        """Give the whole name of a declaration in another unit (dwz, LTO)."""
        names = self._entries.names.unit(target.unit)
        name = next((one.name for one in target.origins() if one.name is not None), None)
        return name if name is None else names.qualified(target.pos, name)


class NameTable:
    """Find declarations by name in one file, reading no unit that cannot have them.

    >>> from pydbg.symbols.elf import ElfFile
    >>> from pydbg.symbols.units import Dwarf
    >>> list(NameTable(Entries(Dwarf(ElfFile("/bin/true")))).named("main"))
    []
    """

    def __init__(self, entries: Entries) -> None:
        self.entries = entries
        self._units: dict[int, UnitNames] = {}
        self._found: dict[str, list[tuple[UnitNames, Named]]] = {}
        self._search = StringSearch(entries.dwarf)

    def unit(self, unit: Unit) -> UnitNames:
        """Give a unit's names."""
        found = self._units.get(unit.offset)
        if found is None:
            self.entries.dwarf.language_of(unit)  # Known from now on, also of shared units.
            found = self._units[unit.offset] = UnitNames(self.entries, unit)
        return found

    def named(self, name: str) -> list[tuple[UnitNames, Named]]:
        """Give all declarations of a name: types, variables, functions, enumerators."""
        found = self._found.get(name)
        if found is None:
            own = own_names(name)
            found = self._spelt(name, own, templates=False)
            if not found and "<" in name:
                # A template's arguments are spelt in a way of its own by each compiler.
                bare = list(dict.fromkeys(one.partition("<")[0] or one for one in own))
                found = self._spelt(name, bare, templates=True)
            found += self._completed(name, found)
            self._found[name] = found
        return found

    def _spelt(
        self, name: str, own: list[str], *, templates: bool
    ) -> list[tuple[UnitNames, Named]]:
        """Find declarations in the units that have one of some entries' own names."""
        found: list[tuple[UnitNames, Named]] = []
        needles = self._search.needles(own, templates=templates)
        for offset in self._search.units_with(own, templates=templates):
            unit = self.entries.dwarf.unit(offset)
            if unit is None:
                continue
            names = self.unit(unit)
            try:
                with self.entries.guard():
                    found += [(names, row) for row in names.named(name, needles)]
            except FileError:
                continue
        return found

    def _completed(
        self, name: str, found: list[tuple[UnitNames, Named]]
    ) -> list[tuple[UnitNames, Named]]:
        """Find what completes declarations of shared units: it has the name by a reference only."""
        seen = {names.unit.offset for names, _ in found}
        more = []
        for names, row in found:
            if row.tag in VALUES and self.entries.dwarf.is_shared(names.unit):
                for offset in self._search.units_referring(names.unit, row.pos):
                    unit = None if offset in seen else self.entries.dwarf.unit(offset)
                    seen.add(offset)
                    if unit is not None:
                        other = self.unit(unit)
                        more += [(other, one) for one in other.named(name)]
        return more

    def has_scope(self, name: str) -> bool:
        """Tell whether a namespace or class of that whole name is somewhere."""
        own = own_names(name)
        needles = self._search.needles(own)
        for offset in self._search.units_with(own, templates=False):
            unit = self.entries.dwarf.unit(offset)
            try:
                with self.entries.guard():
                    if unit is not None and self.unit(unit).has_scope(name, needles):
                        return True
            except FileError:
                continue
        return False

    def all(self) -> Iterator[UnitNames]:
        """Give the names of every unit."""
        for unit in self.entries.units():
            yield self.unit(unit)


def _by_name(rows: Iterable[Named]) -> dict[str, list[Named]]:
    """Order declarations by name; what is in a nameless namespace is known without it too."""
    found: dict[str, list[Named]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(row)
        if "<" in row.name and (spelt := canonical(row.name)) != row.name:
            found.setdefault(spelt, []).append(row)
        if _ANONYMOUS in row.name:
            found.setdefault(row.name.replace(_ANONYMOUS + "::", ""), []).append(row)
    return found
