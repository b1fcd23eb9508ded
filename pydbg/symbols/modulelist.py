"""The list of loaded modules: which is at an address, which has a name."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from pydbg.symbols.modules import Module
    from pydbg.symbols.symtab import Symbol

__all__ = ["ModuleList"]

_MOST_NAMES = 256
"""Names whose symbols are remembered, until a module comes or goes."""


class ModuleList(Sequence["Module"]):
    """Be the loaded modules, the main program first.

    >>> from pydbg.symbols.elf import ElfFile
    >>> from pydbg.symbols.modules import Module
    >>> modules = ModuleList([Module(ElfFile("/bin/ls"), 0x1000, is_main=True)])
    >>> modules.main.name, modules.at(0x10)
    ('ls', None)
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._modules: list[Module] = []
        self.version = 0
        """Counts the changes: what was worked out of all modules holds while it stays."""
        self._found: dict[str, list[tuple[Module, Symbol]]] = {}
        self._starts: list[int] = []
        self._by_start: list[Module] = []
        self._last: Module | None = None
        self._apart = True
        """Whether no two of them overlap."""
        for module in modules:
            self.load(module)

    def __len__(self) -> int:
        return len(self._modules)

    @overload
    def __getitem__(self, index: int) -> Module: ...

    @overload
    def __getitem__(self, index: slice) -> list[Module]: ...

    def __getitem__(self, index: int | slice) -> Module | list[Module]:
        return self._modules[index]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules)

    @property
    def main(self) -> Module | None:
        """Give the program itself."""
        return next((m for m in self._modules if m.is_main), None)

    def load(self, module: Module) -> None:
        """Add a module; the main program goes first."""
        if module.is_main:
            self._modules.insert(0, module)
        else:
            self._modules.append(module)
        self._index()

    def unload(self, module: Module) -> None:
        """Take a module off the list."""
        self._modules.remove(module)
        self._index()

    def look_again(self) -> None:
        """Have all modules look once more for debug files that were not there."""
        for module in self._modules:
            module.look_again()
        self._index()

    def _index(self) -> None:
        self.version += 1
        self._found = {}
        self._by_start = sorted(self._modules, key=lambda m: m.low)
        self._starts = [m.low for m in self._by_start]
        self._last = None
        ends = [m.high for m in self._by_start]
        self._apart = all(end <= low for end, low in zip(ends, self._starts[1:], strict=False))

    def at(self, addr: int) -> Module | None:
        """Find the module whose image holds a run-time address."""
        last = self._last
        if last is not None and last.low <= addr < last.high:
            return last  # Mostly it is the one that was asked for before.
        at = bisect_right(self._starts, addr) - 1
        while at >= 0:
            found = self._by_start[at]
            if found.contains(addr):
                self._last = found if self._apart else None
                return found
            at -= 1
        return None

    def by_path(self, path: str | None) -> Module | None:
        """Find the module of a file.

        >>> ModuleList().by_path("/bin/true") is None
        True
        """
        return next((module for module in self._modules if module.path == path), None)

    def by_name(self, name: str) -> Module | None:
        """Find a module by path, file name or soname (``libc.so.6``), or its stem (``libc``)."""
        keys: tuple[Callable[[Module], str | None], ...] = (
            lambda m: m.path,
            lambda m: m.name,
            lambda m: m.elf.soname,
            lambda m: re.split(r"\.so\b|-\d", m.name)[0],
        )
        for key in keys:
            for module in self._modules:
                if key(module) == name:
                    return module
        return None

    def lookup(self, name: str) -> list[tuple[Module, Symbol]]:
        """Find a name in every module, in order."""
        found = self._found.get(name)
        if found is None:
            if len(self._found) >= _MOST_NAMES:
                self._found.clear()
            found = self._found[name] = [
                (module, symbol) for module in self._modules for symbol in module.lookup(name)
            ]
        return list(found)

    def breakable(self, name: str, *, local: bool = False) -> list[tuple[Module, Symbol]]:
        """Find the functions that ``break NAME`` means, as gdb's search_minsyms_for_name.

        Global functions hide PLT stubs, and file-local ones of the name unless ``local``. Stubs of
        C++ functions, whose names with parameters are matched all the same, are never hidden.
        """
        found = [(m, s) for m, s in self.lookup(name) if s.is_code and s.kind != "plt"]
        best = [(m, s) for m, s in found if local or s.bind != "local"]
        stubs = [(m, s) for m in self._modules for s in m.cplus_stubs(name)]
        return stubs + (best or self.lookup(f"{name}@plt") + found)

    def symbol_at(self, addr: int) -> tuple[Module, Symbol, int] | None:
        """Find module, symbol and offset of a run-time address."""
        module = self.at(addr)
        found = module.symbol_at(addr) if module is not None else None
        return None if module is None or found is None else (module, *found)
