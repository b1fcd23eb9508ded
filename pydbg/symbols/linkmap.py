"""Read what the dynamic loader tells of a live process: load biases and its list of objects.

The structures are those of link.h (``struct r_debug``, ``struct link_map``), which debuggers
share with the loader, and of the auxiliary vector (getauxval(3)). Memory comes through a
``read(addr, size)`` callable that raises MemoryFault.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pydbg.errors import MemoryFault
from pydbg.records import NamedTuple
from pydbg.symbols.elf import DT_DEBUG, PT_DYNAMIC

if TYPE_CHECKING:
    from pydbg.symbols.elf import ElfFile

__all__ = ["LinkMapEntry", "RDebug", "link_map", "main_bias", "r_debug", "r_debug_addr"]

Read = Callable[[int, int], bytes]
AT_ENTRY = 9
_MAX_LINKS = 1 << 16


class LinkMapEntry(NamedTuple):
    """Hold one entry of the dynamic loader's list; ``dyn`` is its dynamic section's address."""

    bias: int
    path: str
    dyn: int


class RDebug(NamedTuple):
    """Hold the loader's ``struct r_debug`` (link.h); ``state`` 0 is RT_CONSISTENT."""

    version: int
    map: int
    brk: int
    state: int
    ldbase: int


def main_bias(auxv: Iterable[tuple[int, int]], elf: ElfFile) -> int:
    """Give the main program's load bias from the auxiliary vector (getauxval(3)).

    >>> main_bias([(9, 0x555555554000 + 64)], type("Elf", (), {"entry": 64, "is_pie": True}))
    93824992231424
    """
    if not elf.is_pie:
        return 0
    entry = next((value for kind, value in auxv if kind == AT_ENTRY), None)
    return 0 if entry is None else entry - elf.entry


def r_debug_addr(read: Read, elf: ElfFile, bias: int) -> int | None:
    """Read the address of ``struct r_debug`` from DT_DEBUG of the live dynamic section.

    None until the dynamic loader has filled it in, and for static programs.
    """
    for segment in elf.segments:
        if segment.type == PT_DYNAMIC:
            break
    else:
        return None
    entry = struct.Struct(elf.endian + ("qQ" if elf.bits == 64 else "iI"))
    size = min(segment.mem_size, 1 << 16)
    try:
        data = read(segment.link_addr + bias, size - size % entry.size)
    except MemoryFault:
        return None
    for tag, value in entry.iter_unpack(data):
        if tag == 0:
            return None
        if tag == DT_DEBUG:
            return value or None
    return None


def r_debug(read: Read, addr: int, word_size: int) -> RDebug:
    """Read ``struct r_debug``."""
    layout = struct.Struct("<i4xQQi4xQ" if word_size == 8 else "<iIIiI")
    return RDebug(*layout.unpack(read(addr, layout.size)))


def link_map(read: Read, r_debug_addr: int, word_size: int) -> list[LinkMapEntry]:
    """Walk the loader's list of objects; the first is the program, with an empty path.

    The list lives in memory that the inferior may have damaged: a loop or an unreadable
    entry ends it.
    """
    layout = struct.Struct("<5Q" if word_size == 8 else "<5I")
    entries: list[LinkMapEntry] = []
    seen: set[int] = set()
    try:
        at = r_debug(read, r_debug_addr, word_size).map
        while at and at not in seen and len(seen) < _MAX_LINKS:
            seen.add(at)
            bias, name, dyn, following, _ = layout.unpack(read(at, layout.size))
            entries.append(LinkMapEntry(bias, _path(read, name), dyn))
            at = following
    except MemoryFault:
        pass
    return entries


def link_map_addrs(read: Read, r_debug_addr: int, word_size: int) -> list[tuple[int, int, str]]:
    """Walk the same list and give where each entry lies itself: (address, bias, path)."""
    layout = struct.Struct("<5Q" if word_size == 8 else "<5I")
    found: list[tuple[int, int, str]] = []
    at = r_debug(read, r_debug_addr, word_size).map
    while at and len(found) < _MAX_LINKS and all(at != known for known, _, _ in found):
        bias, name, _, following, _ = layout.unpack(read(at, layout.size))
        found.append((at, bias, _path(read, name)))
        at = following
    return found


def _path(read: Read, addr: int) -> str:
    """Read a NUL-terminated path, a piece at a time and never over a page's end."""
    parts: list[bytes] = []
    while addr and len(parts) < 64:
        size = min(128, 0x1000 - addr % 0x1000)
        try:
            data = read(addr, size)
        except MemoryFault:
            break
        head, nul, _ = data.partition(b"\0")
        parts.append(head)
        if nul:
            break
        addr += size
    return os.fsdecode(b"".join(parts))
