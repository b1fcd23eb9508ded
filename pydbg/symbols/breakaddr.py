"""Where a breakpoint on a function goes: behind its prologue, and exactly where gdb puts it.

After the prologue the arguments are where debug information says they are. gdb 13's rules
(``skip_prologue_sal`` in symtab.c, ``amd64_skip_prologue``), in short: optimised GCC code
with lists of locations needs no skipping, for there they are right from the first
instruction; nor does assembly. Else the prologue is recognised by its instructions (by its
lines for LLVM, which marks its end), and what is left of the line it ends in is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import MemoryFault
from pydbg.symbols.languages import GO
from pydbg.symbols.lines import (
    FileTable,
    LineEntry,
    UnitLines,
    marked_prologue_end,
    skip_prologue_using_sal,
)

if TYPE_CHECKING:
    from pydbg.symbols.functions import Function, UnitFunctions
    from pydbg.symbols.modules import Module

__all__ = ["breakpoint_addr", "step_addr"]

_WINDOW = 64  # bytes of code that the prologue analysis is shown

ReadCode = Callable[[int, int], bytes]


def breakpoint_addr(module: Module, link_addr: int, read_code: ReadCode) -> int:
    """Give the link address at which ``break FUNC`` stops in the function at ``link_addr``.

    ``read_code(link_addr, size)`` reads the function's code; it may raise MemoryFault where
    there is less.

    >>> from pydbg.symbols.elf import ElfFile
    >>> from pydbg.symbols.modules import Module
    >>> true = Module(ElfFile("/bin/true"))
    >>> breakpoint_addr(true, true.elf.entry, true.elf.load_bytes) == true.elf.entry
    True
    """
    return _Function(module, link_addr, read_code).break_addr()


def step_addr(module: Module, link_addr: int, read_code: ReadCode) -> int:
    """Give the link address at which ``step`` into the function at ``link_addr`` stops.

    gdb's handle_step_into_function skips a prologue also where locations are exact.

    >>> from pydbg.symbols.elf import ElfFile
    >>> from pydbg.symbols.modules import Module
    >>> true = Module(ElfFile("/bin/true"))
    >>> step_addr(true, true.elf.entry, true.elf.load_bytes) == true.elf.entry
    True
    """
    return _Function(module, link_addr, read_code).step_addr()


class _Function:
    """One function and what is known of it; all addresses are link addresses."""

    def __init__(self, module: Module, link_addr: int, read_code: ReadCode) -> None:
        self._module = module
        self._link_addr = link_addr
        self._read_code = read_code
        table = module.function_table
        self._functions: UnitFunctions | None = table.unit_at(link_addr) if table else None
        lines = module.lines
        self._lines: UnitLines | None = lines.unit_at(link_addr) if lines is not None else None
        self._function: Function | None = None
        if self._functions is not None:
            self._function = self._functions.at(link_addr)

    def break_addr(self) -> int:
        """Follow find_function_start_sal_1 and skip_prologue_sal."""
        found = self._line(self._link_addr)
        exact = self._has_exact_locations()
        if found is not None and (exact or found[1].is_assembly):
            return self._link_addr
        function = self._function
        if function is not None:
            start = function.low
        else:
            symbol = self._symbol(self._link_addr)
            if symbol is None:
                return self._link_addr
            start = symbol[0]
        pc = start if exact and function is not None else self._behind_prologue(start)
        return max(pc, self._link_addr)

    def step_addr(self) -> int:
        """Follow handle_step_into_function."""
        found = self._line(self._link_addr)
        if found is None or found[1].is_assembly:
            return self._link_addr
        start = self._function.low if self._function is not None else self._link_addr
        unit = self._functions.unit if self._functions is not None else None
        return self._behind_prologue(start, marks=unit is not None and unit.language == GO)

    def _behind_prologue(self, start: int, *, marks: bool = True) -> int:
        pc = self._skip_instructions(start, marks=marks)
        found = self._line(pc)
        if found is not None and found[0].low != pc:
            # In the middle of a line: its rest belongs to the prologue too, unless the
            # next line is no longer this function's.
            end = found[0].high
            if self._is_inside(start, pc, end):
                pc = end
        return pc

    def _is_inside(self, start: int, pc: int, end: int) -> bool:
        if self._function is not None:
            return start <= end < max(high for _, high in self._function.ranges)
        return self._symbol(end) == self._symbol(pc)

    def _skip_instructions(self, start: int, *, marks: bool) -> int:
        """Do what gdbarch_skip_prologue does on x86.

        The end that the line table marks counts for breakpoints, and in Go: a step into a
        function that clang optimised stops at its first instruction if that begins no frame.
        """
        lines, bounds = self._module.lines, self._bounds(start)
        if lines is not None and bounds is not None:
            marked = marked_prologue_end(lines, *bounds) if marks else None
            if marked is not None:
                return max(start, marked)
            if self._is_llvm():
                end = skip_prologue_using_sal(lines, *bounds, self._is_inlined)
                if end:
                    return max(start, end)
        from pydbg.arch import arch_for
        from pydbg.arch.prologue import skip_prologue

        elf = self._module.elf
        arch = arch_for(elf.machine, 2 if elf.bits == 64 else 1, elf.path)
        pc = skip_prologue(self._code(start), start, arch=arch)
        return self._skip_vector_saves(start, pc) if pc > start and elf.bits == 64 else pc

    def _skip_vector_saves(self, start: int, pc: int) -> int:
        """Step over the false end of a variadic function's prologue (amd64_skip_xmm_prologue).

        GCC marks a line inside the block that saves the vector arguments (PR debug/48827).
        """
        from pydbg.arch.prologue import xmm_save_block

        first = self._line(start)
        version = self._gcc_version()
        if first is None or version is None or version < (4, 6):
            return pc
        if first[0].low != start or pc >= first[0].high:
            return pc
        second = self._line(first[0].high)
        if second is None or second[0].line != first[0].line:
            return pc
        return second[0].high if xmm_save_block(self._code(second[0].low - 4)) else pc

    def _code(self, start: int) -> bytes:
        for size in (_WINDOW, -start % 4096 or 4096, 16, 4, 1):
            try:
                return self._read_code(start, min(size, _WINDOW))
            except MemoryFault:
                continue
        return b""

    # --- what is known -----------------------------------------------------------------------

    def _line(self, link_addr: int) -> tuple[LineEntry, FileTable] | None:
        return self._lines.find(link_addr) if self._lines is not None else None

    def _symbol(self, link_addr: int) -> tuple[int, str] | None:
        found = self._module.symbol_at(link_addr + self._module.bias)
        return (link_addr - found[1], found[0].name) if found is not None else None

    def _bounds(self, start: int) -> tuple[int, int] | None:
        if self._function is not None:
            return next(
                ((low, high) for low, high in self._function.ranges if low <= start < high), None
            )
        found = self._module.symbol_at(start + self._module.bias)
        if found is None or not found[0].size:
            return None
        low = start - found[1]
        return low, low + found[0].size

    def _is_inlined(self, link_addr: int) -> bool:
        functions = self._functions
        return functions is not None and bool(functions.inlined_at(link_addr))

    def _producer(self) -> str:
        if self._functions is None:
            return ""
        return self._functions.unit.producer or ""

    def _is_llvm(self) -> bool:
        """Tell LLVM by the word gdb looks for: rustc has it, Debian's clang has not."""
        return self._producer().startswith(("clang ", " F90 Flang "))

    def _has_exact_locations(self) -> bool:
        return self._functions is not None and self._functions.locations_valid

    def _gcc_version(self) -> tuple[int, int] | None:
        found = re.match(r"GNU \S*\s.*?(\d+)\.(\d+)", self._producer())
        return (int(found[1]), int(found[2])) if found is not None else None
