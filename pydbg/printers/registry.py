"""The printers of one debugger: its user's, and families that are loaded when first needed."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, Union

from pydbg.errors import DebuggerError
from pydbg.expr.respell import template_name
from pydbg.expr.types import (
    CType,
    EnumType,
    PointerType,
    ReferenceType,
    StructType,
    TypedefType,
    strip,
)
from pydbg.expr.values import Value
from pydbg.printers.builtin import BUILT_IN, Family
from pydbg.printers.model import Printed, Printer, StringAt
from pydbg.printers.program import Program
from pydbg.printers.typenames import TypeNames
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.debugger import Debugger

__all__ = ["Group", "Printers", "Rule"]

F = TypeVar("F", bound=Printer)
Match = Union[str, "re.Pattern[str]", Callable[[CType], bool]]


class Rule(Record, frozen=False, eq=False):
    """Be one printer of the user: what it is for, and whether it is enabled."""

    name: str
    match: Match
    printer: Printer
    family: str = ""
    enabled: bool = True

    def takes(self, ctype: CType, name: str) -> bool:
        """Tell whether it is for a type whose full name is ``name``."""
        match = self.match
        if isinstance(match, str):
            return match in (name, template_name(name))
        if isinstance(match, re.Pattern):
            return match.search(name) is not None
        return match(ctype)


class Printers:
    """Hold what shows values in another way than as C's structs.

    >>> import pydbg
    >>> dbg = pydbg.Debugger()
    >>> @dbg.printers.add("point")
    ... def point(value, program):
    ...     return f"({value['x']}, {value['y']})"
    >>> [rule.name for rule in dbg.printers.rules]
    ['point']
    """

    def __init__(self, dbg: Debugger) -> None:
        self.program = Program(dbg)
        self.rules: list[Rule] = []
        """The user's, the newest first."""
        self.disabled = {(family.name, name) for family in BUILT_IN for name in family.off}
        """(family, printer) of built-in ones that are off; "" is the whole family."""
        self.types = TypeNames(self.program)
        """Gives types shorter names."""
        self._loaded: dict[str, Any] = {}

    def add(
        self, match: Match, printer: F | None = None, *, name: str = "", family: str = ""
    ) -> Any:
        """Add a printer, as a call or as a decorator of a function; return the function.

        ``match`` is a type's name (without template arguments if it is for all of them), a
        compiled regular expression to be found in the name, or a function of the type. ``name``
        is shown by ``info pretty-printer``, below ``family`` if there is one. The newest
        printer for a type wins, also over built-in ones.

        >>> import pydbg, re
        >>> dbg = pydbg.Debugger()
        >>> show = dbg.printers.add(re.compile("^handle"), lambda value, program: "handle")
        >>> dbg.printers.rules[0].name
        '^handle'
        """
        if printer is None:
            return lambda made: self.add(match, made, name=name, family=family)
        if not name:
            if isinstance(match, str):
                name = match
            elif isinstance(match, re.Pattern):
                name = match.pattern
            else:
                name = getattr(match, "__name__", "function")
        self.rules.insert(0, Rule(name, match, printer, family))
        return printer

    def find(self, value: Value, show: Callable[[Value], str] | None = None) -> Printed | None:
        """Return how a printer shows a value, None where it is C's to show it.

        ``show`` makes the text of the values that a printer puts into its own.

        What an lvalue reference refers to is meant. Raises a DebuggerError if the printer fails.
        """
        ctype = value.type
        basic = strip(ctype)
        if isinstance(basic, ReferenceType) and not basic.rvalue:
            basic = strip(basic.target)
        if not (self.rules or isinstance(basic, (StructType, PointerType))):
            return None  # Built-in ones are for structs, and for named pointers to them.
        before = self.program.show
        self.program.show = show or before
        try:
            for printer in self._candidates(ctype, basic):
                found = _printed(printer(_referred(value), self.program))
                if found is not None:
                    return found
        except DebuggerError:
            raise
        except Exception as error:  # Of a user's printer: whatever it raises.
            raise DebuggerError(f"{type(error).__name__}: {error}") from None
        finally:
            self.program.show = before
        return None

    def method(self, value: Value, name: str, args: Sequence[Value]) -> Value | None:
        """Return what a library's method gives where that is known without a call, else None."""
        own = strip(value.type)
        if not isinstance(own, StructType) or not own.name:
            return None
        for family in BUILT_IN:
            if family.takes(own, own.name) and family.active(self.program):
                known = getattr(self.loaded(family), "method", None)
                made: Value | None = known and known(value, own.name, name, args, self.program)
                if made is not None:
                    return made
        return None

    def _candidates(self, ctype: CType, basic: CType) -> Iterator[Printer]:
        named = isinstance(basic, (StructType, EnumType))
        if isinstance(ctype, TypedefType) and isinstance(basic, PointerType):
            yield from self._built_in(ctype, ctype.name)
        if not named and not self.rules:
            return
        name = basic.name if named else ctype.name if isinstance(ctype, TypedefType) else basic.name
        if not name:
            return
        for rule in self.rules:
            if rule.enabled and rule.takes(basic if named else ctype, name):
                yield rule.printer
        if isinstance(basic, StructType):
            yield from self._built_in(basic, name)

    def _built_in(self, ctype: CType, name: str) -> Iterator[Printer]:
        for family in BUILT_IN:
            if isinstance(ctype, TypedefType) and not family.names:
                continue
            if family.takes(ctype, name) and family.active(self.program):
                loaded = self.loaded(family)
                found: tuple[str, Printer] | None = loaded.find(ctype, name)
                if found is None:
                    continue
                off = self.disabled
                if (family.name, found[0]) not in off and (family.name, "") not in off:
                    yield found[1]

    def loaded(self, family: Family) -> Any:
        """Return the module of a built-in family: ``find(ctype, name)`` and ``NAMES``."""
        made = self._loaded.get(family.name)
        if made is None:
            made = self._loaded[family.name] = import_module(family.module)
        return made

    def groups(self) -> list[Group]:
        """Return all printers by family: those of the user, then the built-in ones in use."""
        names = dict.fromkeys(rule.family or "user" for rule in self.rules)
        found: list[Group] = [_UserGroup(self, name) for name in names]
        for family in BUILT_IN:
            if family.active(self.program):
                found.append(_BuiltInGroup(self, family))
        return found


class Group(ABC):
    """Be the printers of one family, as commands list and switch them."""

    where: str
    """"global", or the library that they are for."""
    name: str

    @property
    @abstractmethod
    def enabled(self) -> bool:
        """Tell whether the family is."""

    @abstractmethod
    def rows(self) -> list[tuple[str, bool]]:
        """Return the names of the printers, each with whether it is enabled by itself."""

    @abstractmethod
    def switch(self, enabled: bool, printer: str = "") -> None:
        """Switch one printer, or the whole family, on or off."""


class _UserGroup(Group):
    where = "global"

    def __init__(self, owner: Printers, name: str) -> None:
        self.name = name
        self._rules = [rule for rule in owner.rules if (rule.family or "user") == name]

    @property
    def enabled(self) -> bool:
        return any(rule.enabled for rule in self._rules)

    def rows(self) -> list[tuple[str, bool]]:
        return [(rule.name, rule.enabled) for rule in self._rules]

    def switch(self, enabled: bool, printer: str = "") -> None:
        for rule in self._rules:
            if printer in ("", rule.name):
                rule.enabled = enabled


class _BuiltInGroup(Group):
    def __init__(self, owner: Printers, family: Family) -> None:
        self._owner = owner
        self._family = family
        self.name = family.name
        self.where = family.where(owner.program)

    @property
    def enabled(self) -> bool:
        return (self.name, "") not in self._owner.disabled

    def rows(self) -> list[tuple[str, bool]]:
        off = self._owner.disabled
        names = self._owner.loaded(self._family).NAMES
        return [(name, (self.name, name) not in off) for name in names]

    def switch(self, enabled: bool, printer: str = "") -> None:
        key = (self.name, printer)
        if enabled:
            self._owner.disabled.discard(key)
        else:
            self._owner.disabled.add(key)


def _referred(value: Value) -> Value:
    return value.referred() if isinstance(strip(value.type), ReferenceType) else value


def _printed(result: object) -> Printed | None:
    if result is None or isinstance(result, Printed):
        return result
    if isinstance(result, (str, Value, StringAt)):
        return Printed(result)
    raise DebuggerError(f"A printer returned {type(result).__name__}, which is nothing to show.")
