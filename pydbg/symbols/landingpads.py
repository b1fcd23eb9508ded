"""Landing pads: where an exception that passes a call goes on in the caller.

The language-specific data of a function (.gcc_except_table) is a table of call sites, of the
form that GCC's and LLVM's C++, Rust and others share ("Exception Handling Tables" of the Itanium
C++ ABI; gcc/except.cc, output_function_exception_table).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.symbols.cursor import uleb

if TYPE_CHECKING:
    from pydbg.symbols.modules import Module

__all__ = ["landing_pad"]

_OMIT = 0xFF
_MOST = 1 << 20
_SIZES = {0x00: 8, 0x02: 2, 0x03: 4, 0x04: 8, 0x0A: 2, 0x0B: 4, 0x0C: 8}


def landing_pad(module: Module, link_addr: int) -> int | None:
    """Give the landing pad for the call around a link address; None where there is none.

    >>> from pydbg.symbols.elf import ElfFile
    >>> from pydbg.symbols.modules import Module
    >>> true = Module(ElfFile("/bin/true"))
    >>> landing_pad(true, true.elf.entry) is None
    True
    """
    try:
        fde = module.cfi.fde_at(link_addr)
        if fde is None or fde.lsda is None:
            return None
        section = module.elf.section_at(fde.lsda)
        if section is None:
            return None
        size = min(section.link_addr + section.size - fde.lsda, _MOST)
        data = module.elf.load_bytes(fde.lsda, size)
        return _search(data, fde.low, link_addr, module.elf.word_size)
    except (DebuggerError, IndexError, ValueError):
        return None  # Damaged: nothing is known of it.


def _search(data: bytes, start: int, link_addr: int, word: int) -> int | None:
    pos = 1
    pads = start
    if data[0] != _OMIT:
        # A start of its own is written as an address; what is relative is not seen in practice.
        if data[0] & 0x70:
            return None
        pads, pos = _number(data, pos, data[0], word)
    encoding, pos = data[pos], pos + 1
    if encoding != _OMIT:
        _, pos = uleb(data, pos)
    encoding, pos = data[pos], pos + 1
    length, pos = uleb(data, pos)
    end = pos + length
    while pos < end:
        first, pos = _number(data, pos, encoding, word)
        size, pos = _number(data, pos, encoding, word)
        pad, pos = _number(data, pos, encoding, word)
        _, pos = uleb(data, pos)
        if start + first <= link_addr < start + first + size:
            return pads + pad if pad else None
        if start + first > link_addr:
            break  # They are in the order of the code.
    return None


def _number(data: bytes, pos: int, encoding: int, word: int) -> tuple[int, int]:
    kind = encoding & 0x0F
    if kind == 0x01:
        return uleb(data, pos)
    size = word if kind == 0 else _SIZES.get(kind, 0)
    if not size or pos + size > len(data):
        raise ValueError("encoding of call sites")
    return int.from_bytes(data[pos : pos + size], "little"), pos + size
