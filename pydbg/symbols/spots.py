"""What a module's files tell of one run-time address, worked out once.

A frame is named anew at every stop, and most stops are at addresses that were stopped at before.
All of it comes from the files and the load bias, so it holds as long as its module is loaded
there: the cache is the module's own, and one at another bias begins an empty one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.records import NamedTuple
from pydbg.symbols.demangle import frame_name

if TYPE_CHECKING:
    from pydbg.symbols.functions import Function
    from pydbg.symbols.modules import InlineCall, Module, SourceLine
    from pydbg.symbols.symtab import Symbol

__all__ = ["Spot", "spot_of"]


class Spot(NamedTuple):
    """Hold what is known of an address; all of it is missing where the files are damaged."""

    name: str | None = None
    """The function around it, as frames show it."""
    start: int | None = None
    """Where that begins."""
    function: Function | None = None
    line: SourceLine | None = None
    has_parameters: bool = False
    is_main: bool = False
    """Whether the compiler says that the program begins in this function."""
    calls: tuple[InlineCall, ...] = ()
    """The inlined calls around it, outermost first."""
    language: str = ""
    """gdb's name of what the function is written in, where that is told."""


def spot_of(module: Module, addr: int) -> Spot:
    """Return what the files tell of a run-time address of a module.

    >>> from pydbg.symbols.elf import ElfFile
    >>> from pydbg.symbols.modules import Module
    >>> module = Module(ElfFile("/bin/true"))
    >>> spot_of(module, module.elf.entry).function is None
    True
    """
    calls: tuple[InlineCall, ...] = ()
    try:
        calls = tuple(module.inline_calls_at(addr))
    except DebuggerError:
        pass
    try:
        symbol = module.symbol_at(addr)
        function = module.function_at(addr)
        line = module.line_at(addr)
    except DebuggerError:
        return Spot(calls=calls)
    name, start = _name_of(module, symbol, function)
    has_parameters, is_main = (False, False) if function is None else module.traits_of(function)
    language = "" if function is None else function.language
    return Spot(name, start, function, line, has_parameters, is_main, calls, language)


def _source_name(function: Function | None) -> str | None:
    """Return a function's name as gdb spells it."""
    if function is None:
        return None
    name, linkage = function.name, function.linkage_name
    if linkage is None and name is not None and "<lambda" in name:
        # gdb cannot read names with ``<lambda(int)>`` in them, and leaves their parameters.
        return function.signature or name
    return frame_name(name, linkage)


def _name_of(
    module: Module, symbol: tuple[Symbol, int] | None, function: Function | None
) -> tuple[str | None, int | None]:
    """Choose between the symbol table's name and DWARF's, as gdb's find_frame_funname."""
    name = _source_name(function)
    if name is not None:
        assert function is not None
        start = module.addr(function.low)
        if symbol is None or module.addr_of(symbol[0]) <= start:
            return name, start
    if symbol is None:
        return None, None
    return symbol[0].demangled, module.addr_of(symbol[0])
