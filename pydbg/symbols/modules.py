"""Join files and run-time addresses: modules with a load bias.

Here and nowhere else a link address becomes a run-time address (``addr = link_addr +
bias``) or the other way round. What is read from a live process comes through a ``read(addr,
size)`` callable that raises MemoryFault.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from pydbg.errors import FileError, MemoryFault
from pydbg.symbols.debugfiles import Places, find_debug_file, mini_debug
from pydbg.symbols.demangle import go_data_label, is_rust
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.languages import GO_TABLES, RUST
from pydbg.symbols.linkmap import LinkMapEntry, link_map, main_bias
from pydbg.symbols.modulelist import ModuleList
from pydbg.symbols.plt import PltTable
from pydbg.symbols.sourceplaces import InlineCall, SourceLine
from pydbg.symbols.symtab import Symbol, SymbolSource, SymbolTable, choose, main_table

if TYPE_CHECKING:
    import re

    from pydbg.symbols.cfi import CfiTable
    from pydbg.symbols.functions import Function, FunctionTable
    from pydbg.symbols.gopclntab import GoTable
    from pydbg.symbols.lines import LineEntry, LineTable
    from pydbg.symbols.spots import Spot
    from pydbg.symbols.unitnames import NameTable
    from pydbg.symbols.units import Dwarf

__all__ = [
    "InlineCall",
    "LinkMapEntry",
    "Module",
    "ModuleList",
    "SourceLine",
    "link_map",
    "main_bias",
]

Read = Callable[[int, int], bytes]

_MOST_SPOTS = 4096
"""So many addresses are remembered at most: a long `stepi` visits many."""


class Module:
    """Be one ELF object at a load bias.

    >>> module = Module(ElfFile("/bin/ls"), 0x555555554000, is_main=True)
    >>> module.contains(0x555555554000 + module.elf.entry)
    True
    """

    def __init__(
        self,
        elf: ElfFile,
        bias: int = 0,
        *,
        is_main: bool = False,
        path: str | None = None,
        places: Places | None = None,
    ) -> None:
        self.elf = elf
        self.bias = bias
        self.is_main = is_main
        self.path = path or elf.path
        self.name = self.path.rpartition("/")[2]
        self._places = places or Places()
        self.low = elf.low + bias
        self.high = elf.high + bias
        self._spots: dict[int, Spot] = {}

    @classmethod
    def from_memory(cls, read: Read, addr: int, name: str = "[vdso]") -> Module:
        """Read an object that exists only in memory, as the vdso does."""
        size = 0x1000
        data = read(addr, size)
        while size < 1 << 20:  # the vdso is two pages; its end is where reading stops
            try:
                data += read(addr + size, 0x1000)
            except MemoryFault:
                break
            size += 0x1000
        elf = ElfFile.from_bytes(data, name)
        return cls(elf, addr - elf.low)

    def at_bias(self, bias: int, *, is_main: bool = False) -> Module:
        """Return the same file at another load bias, with all that was read of it so far."""
        module = copy.copy(self)
        module._spots = {}
        module.bias, module.is_main = bias, is_main
        module.low, module.high = self.elf.low + bias, self.elf.high + bias
        return module

    def __repr__(self) -> str:
        return f"<Module {self.name} {self.low:#x}-{self.high:#x} bias {self.bias:#x}>"

    # --- addresses -------------------------------------------------------------------------

    def contains(self, addr: int) -> bool:
        """Tell whether a run-time address is in the module's image."""
        return self.low <= addr < self.high

    def addr(self, link_addr: int) -> int:
        """Turn a link address into a run-time address."""
        return link_addr + self.bias

    def link_addr(self, addr: int) -> int:
        """Turn a run-time address into a link address."""
        return addr - self.bias

    def addr_of(self, symbol: Symbol) -> int:
        """Give a symbol's run-time address; absolute ones do not move.

        A "tls" symbol has none: its ``link_addr`` is an offset in the thread's block.
        """
        return symbol.link_addr if symbol.is_absolute else symbol.link_addr + self.bias

    def section_at(self, addr: int) -> str | None:
        """Give the name of the section that a run-time address is in."""
        section = self.elf.section_at(addr - self.bias)
        return None if section is None else section.name

    # --- files -----------------------------------------------------------------------------

    @cached_property
    def debug(self) -> ElfFile | None:
        """Give the separate debug file, found at the first question."""
        if self.elf.section(".debug_info") is not None or self.path.startswith("["):
            return None
        return find_debug_file(self.elf, self._places, self.path)

    def look_again(self) -> None:
        """Forget that there is no debug file, and what was read without it.

        What has all it needs stays: its own debug information, or that of a file that was found.
        """
        known = self.__dict__
        lacks_file = self.elf.section(".debug_info") is None and known.get("debug", self) is None
        if lacks_file or known.get("dwarf", self) is None:
            self._spots = {}
            for name in [name for name in self.__dict__ if name in _FOUND]:
                del self.__dict__[name]

    @property
    def dwarf_file(self) -> ElfFile:
        """Give the file that holds DWARF: the debug file if there is one."""
        return self.debug or self.elf

    @cached_property
    def dwarf(self) -> Dwarf | None:
        """Give the DWARF sections, or None where there are none."""
        from pydbg.symbols.units import Dwarf

        elf = self.dwarf_file
        if elf.section(".debug_info") is None:
            return None
        found = Dwarf(elf, self._places, self.path)
        try:
            found.section(".debug_info")
        except FileError as error:  # Of a compression that is not known here, or damaged.
            self._places.warn(str(error))
            return None
        return found if found.is_complete else None

    @cached_property
    def declared(self) -> NameTable | None:
        """Give what the debug information declares by name, or None where there is none."""
        if self.dwarf is None:
            return None
        from pydbg.symbols.entries import Entries

        return Entries(self.dwarf).names

    # --- symbols ---------------------------------------------------------------------------

    @cached_property
    def tables(self) -> tuple[SymbolSource, ...]:
        """Give the module's sources of symbols, the file's own first.

        A damaged table is left out: what else there is still counts.
        """
        tables: list[SymbolSource] = []
        for elf in (self.elf, self.debug):
            if elf is None:
                continue
            try:
                table = main_table(elf)
            except FileError:
                continue
            if table is not None:
                tables.append(table)
        if self.debug is None:
            tables += self._inner_tables()
        tables.append(PltTable(self.elf))
        return tuple(tables)

    def _inner_tables(self) -> Iterator[SymbolSource]:
        """Give the tables of a file without .symtab that carries names in other forms."""
        if self.elf.section(".symtab") is not None:
            return
        mini = mini_debug(self.elf)
        table = main_table(mini) if mini is not None else None
        if table is not None:
            yield table
        if self.go_table is not None:
            yield self.go_table

    @cached_property
    def is_go(self) -> bool:
        """Tell whether Go's runtime is in it."""
        return any(self.elf.section(name) is not None for name in GO_TABLES)

    @cached_property
    def go_table(self) -> GoTable | None:
        """Give the table of functions that Go puts into each program, None in others."""
        if not self.is_go:
            return None
        from pydbg.symbols.gopclntab import find_go_table

        return find_go_table(self.elf)

    def symbol_at(self, addr: int) -> tuple[Symbol, int] | None:
        """Find the symbol of a run-time address and the offset in it, as ``info symbol`` does."""
        link_addr = addr - self.bias
        best: Symbol | None = None
        for tables in self._groups:
            near = [symbol for table in tables for symbol in table.near(link_addr)]
            if len(tables) > 1:
                near.sort(key=lambda s: (s.link_addr, s.name))
            found = choose(near, link_addr)
            if found is not None and (best is None or found.link_addr > best.link_addr):
                best = found
        return None if best is None else (best, link_addr - best.link_addr)

    @cached_property
    def _groups(self) -> tuple[tuple[SymbolSource, ...], ...]:
        """Give the tables that count as one for gdb: of the file and its PLT, of others."""
        own, *others = (
            self.tables if isinstance(self.tables[0], SymbolTable) else (None, *self.tables)
        )
        first = (others.pop(), *(() if own is None else (own,)))
        return (first, *((table,) for table in others))

    def label_at(self, addr: int, *, pretty: bool = False) -> tuple[str, int] | None:
        """Find what ``x/i`` and ``p/a`` call an address: linkage name and offset in it.

        As gdb's build_address_symbolic: a function known from DWARF goes before the symbol
        table, unless a symbol begins nearer; unsized symbols count only in code. In a part
        that lies before its function's entry (``f.cold``) the offset is negative.
        """
        found = self.symbol_at(addr)
        if found is not None and not found[0].size and not found[0].is_code:
            found = None
        function = self.function_at(addr)
        if function is not None:
            start = self.addr(function.low)
            begin = None if found is None else addr - found[1]
            name = function.pretty if pretty else function.label
            if name and (begin is None or begin <= start) and (begin != addr or addr == start):
                return name, addr - start
        if found is None:
            return None
        if pretty and not found[0].is_code and self.is_go:
            return go_data_label(found[0].name), found[1]
        return (found[0].demangled if pretty else found[0].name), found[1]

    def label_text(self, addr: int, *, pretty: bool = False) -> str | None:
        """Give an address's label as gdb prints it, without the angle brackets.

        ``pretty`` demangles it: in values, where code and ``p/a`` have the linker's name.

        >>> module = Module(ElfFile("/bin/ls"))
        >>> [module.label_text(module.lookup("malloc@plt")[0].link_addr + n) for n in (0, 4)]
        ['malloc@plt', 'malloc@plt+4']
        """
        found = self.label_at(addr, pretty=pretty)
        return None if found is None else found[0] + (f"{found[1]:+d}" if found[1] else "")

    def lookup(self, name: str) -> list[Symbol]:
        """Find symbols by name: linkage names, and C++ and Rust names as people write them.

        Each address comes once, the file's own table before the debug file's. As in gdb, a
        C++ ``ns::f`` is one more ``f``, but Rust's ``hello::main`` does not join C's ``main``.
        """
        found: dict[tuple[int, bool], Symbol] = {}
        for table in self.tables:
            for symbol in table.by_name(name):
                found.setdefault((symbol.link_addr, symbol.kind == "tls"), symbol)
        exact = bool(found)
        for table in self.tables:
            for symbol in table.by_source_name(name):
                if not (exact and is_rust(symbol.name)):
                    found.setdefault((symbol.link_addr, symbol.kind == "tls"), symbol)
        return list(found.values())

    def cplus_stubs(self, name: str) -> list[Symbol]:
        """Find the PLT stubs of C++ functions by their name in the source."""
        tables = [table for table in self.tables if isinstance(table, PltTable)]
        return [stub for table in tables for stub in table.of_cplus(name)]

    def functions(self, pattern: re.Pattern[str] | None = None) -> Iterator[Symbol]:
        """Give code symbols by address, for ``info functions``, PLT stubs among them."""
        return self._merge(t.functions(pattern) for t in self.tables)

    def objects(self, pattern: re.Pattern[str] | None = None) -> Iterator[Symbol]:
        """Give data symbols by address, for ``info variables``."""
        return self._merge(t.objects(pattern) for t in self.tables)

    def _merge(self, lists: Iterable[Iterator[Symbol]]) -> Iterator[Symbol]:
        import heapq

        seen: set[tuple[int, str]] = set()
        for symbol in heapq.merge(*lists, key=lambda s: s.link_addr):
            if (symbol.link_addr, symbol.name) not in seen:
                seen.add((symbol.link_addr, symbol.name))
                yield symbol

    def names(self, prefix: str) -> Iterator[str]:
        """Give names that begin with a prefix, for completion; each once."""
        if len(self.tables) == 1:
            yield from self.tables[0].names(prefix)
            return
        seen: set[str] = set()
        for table in self.tables:
            for name in table.names(prefix):
                if name not in seen:
                    seen.add(name)
                    yield name

    # --- lines, functions, call frames -------------------------------------------------------

    @cached_property
    def lines(self) -> LineTable | None:
        """Give the line table of the file that has DWARF, or None."""
        if self.dwarf is None or self.dwarf_file.section(".debug_line") is None:
            return None
        from pydbg.symbols.lines import LineTable

        return LineTable(self.dwarf_file, self.dwarf)

    @cached_property
    def function_table(self) -> FunctionTable | None:
        """Give the functions that DWARF describes, or None."""
        if self.dwarf is None:
            return None
        from pydbg.symbols.functions import FunctionTable

        return FunctionTable(self.dwarf_file, self.dwarf)

    @cached_property
    def cfi(self) -> CfiTable:
        """Give the call-frame information; .eh_frame is always the loaded file's."""
        from pydbg.symbols.cfi import CfiTable

        return CfiTable(self.elf, self.debug)

    def line_at(self, addr: int) -> SourceLine | None:
        """Find the source line of a run-time address."""
        entry: LineEntry | None = None
        if self.lines is not None:
            entry = self.lines.find(addr - self.bias)
        if entry is not None:
            low, high = entry.low + self.bias, entry.high + self.bias
            return SourceLine(entry.file, entry.line, low, high, entry.is_stmt, entry.path)
        for table in self.tables:
            find = getattr(table, "line_at", None)
            found = find(addr - self.bias) if find is not None else None
            if found is not None:
                file, line, low, high = found
                return SourceLine(file, line, low + self.bias, high + self.bias, True, file)
        return None

    def spot_at(self, addr: int) -> Spot:
        """Give what frames show of a run-time address; it is kept."""
        spot = self._spots.get(addr)
        if spot is None:
            from pydbg.symbols.spots import spot_of

            if len(self._spots) >= _MOST_SPOTS:
                self._spots.clear()
            spot = self._spots[addr] = spot_of(self, addr)
        return spot

    def function_at(self, addr: int) -> Function | None:
        """Find the function that DWARF knows at a run-time address (link addresses inside)."""
        table = self.function_table
        return None if table is None else table.at(addr - self.bias)

    def is_ifunc(self, addr: int) -> bool:
        """Tell whether a run-time address is the resolver of an ifunc (STT_GNU_IFUNC)."""
        link_addr = addr - self.bias
        return any(
            symbol.kind == "ifunc" and symbol.link_addr == link_addr
            for table in self.tables
            for symbol in table.near(link_addr)
        )

    def traits_of(self, function: Function) -> tuple[bool, bool]:
        """Tell whether a function of this module has parameters, and whether it is main."""
        table = self.function_table
        unit = table.unit_at(function.low) if table is not None else None
        if unit is None:
            return False, False
        is_main = unit.is_main(function)
        if is_main and unit.unit.language == RUST and self.declared is not None:
            # What is declared inside of main (a closure) makes a namespace of its name, which is
            # what gdb finds then: the stack goes on to the C main.
            is_main = not self.declared.has_scope(function.name or "")
        return unit.has_parameters(function), is_main

    def locations_valid(self, addr: int) -> bool:
        """Tell whether the unit of an address locates its variables right in prologues too."""
        table = self.function_table
        unit = table.unit_at(addr - self.bias) if table is not None else None
        return unit is not None and unit.locations_valid

    def described(self, name: str) -> list[tuple[int, str, int | None]]:
        """Find functions and inlined calls of a name in the program's own DWARF.

        Each is (link address, name to show, entry of the inlined call or None). Separate debug
        files are those of a distribution's libraries: there the symbol table has to do.
        """
        table = self.function_table if self.debug is None else None
        if table is None:
            return []
        try:
            return table.named(name)
        except FileError:
            return []

    def inline_name(self, addr: int, die: int) -> str | None:
        """Give the name to show for an inlined call at a run-time address, with parameters."""
        table = self.function_table
        unit = table.unit_at(addr - self.bias) if table is not None else None
        return None if unit is None else unit.pretty_name(die)

    def inline_calls_at(self, addr: int) -> list[InlineCall]:
        """Give the inlined calls that a run-time address is in, outermost first."""
        table = self.function_table
        link_addr = addr - self.bias
        unit = table.unit_at(link_addr) if table is not None else None
        if unit is None:
            return self._go_inlined(link_addr)
        found = []
        lines = self.lines.unit_at(link_addr) if self.lines is not None else None
        for call in unit.inlined_at(link_addr):
            file = lines.file_numbered(call.call_file) if lines is not None else None
            ranges = tuple((low + self.bias, high + self.bias) for low, high in call.ranges)
            name, path = (file.name, file.path) if file is not None else (None, "")
            has_parameters = unit.has_parameters(call)
            function = unit.name_of(call)
            found.append(
                InlineCall(
                    function, name, path, call.call_line, ranges, has_parameters, call.die
                )
            )  # fmt: skip
        return found

    def _go_inlined(self, link_addr: int) -> list[InlineCall]:
        """Give the inlined calls that Go's own tables tell of, where debug information does not."""
        if self.go_table is None:
            return []
        return [
            InlineCall(
                call.function,
                call.file.rpartition("/")[2],
                call.file,
                call.line,
                ((call.low + self.bias, call.high + self.bias),),
            )
            for call in self.go_table.inlined_at(link_addr)
        ]


_FOUND = frozenset(name for name, one in vars(Module).items() if isinstance(one, cached_property))
"""What a module finds out when it is asked for."""
