"""Name PLT stubs (``puts@plt``) and GOT slots (``puts@got.plt``), which no symbol table has.

A stub is known by the GOT slot that it jumps through, so the stub's code is looked at for its
``jmp *slot`` and the slot's relocation gives the name. That holds for .plt, .plt.sec (with
endbr64), .plt.got and the ``bnd`` forms alike: psABI x86-64 and i386, "Procedure Linkage Table".
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator

from pydbg.errors import FileError
from pydbg.symbols.demangle import demangle, mangled_needles, matches
from pydbg.symbols.elf import (
    SHF_EXECINSTR,
    SHT_DYNSYM,
    SHT_NOBITS,
    SHT_REL,
    SHT_RELA,
    ElfFile,
    Section,
)
from pydbg.symbols.symtab import Symbol

__all__ = ["PltTable"]

_STUBS = (".plt", ".plt.sec", ".plt.got", ".plt.bnd", ".iplt")
_SLOT_TYPES = {62: (6, 7, 37), 3: (6, 7, 42)}
"""R_X86_64_ and R_386_ GLOB_DAT, JUMP_SLOT and IRELATIVE, by machine."""
_MAX_RELOCATIONS = 1 << 20
_MAX_SECTION = 1 << 24


class PltTable:
    """Be the stubs and slots of one file, worked out at the first question.

    >>> table = PltTable(ElfFile("/bin/ls"))
    >>> table.by_name("malloc@plt")[0].kind
    'plt'
    """

    def __init__(self, elf: ElfFile) -> None:
        self.elf = elf
        self._stubs: list[Symbol] | None = None
        self._slots: list[Symbol] = []

    def _load(self) -> list[Symbol]:
        if self._stubs is None:
            stubs: list[Symbol] = []
            try:
                names = self._slot_names()
                for section in self.elf.sections:
                    if section.name in _STUBS and names:
                        stubs += self._read_stubs(section, names)
            except FileError:
                pass  # a damaged PLT costs its names, not the session
            self._stubs = sorted(stubs, key=lambda s: s.link_addr)
        return self._stubs

    def _slot_names(self) -> dict[int, str]:
        """Map the address of each GOT slot to the name its relocation is for."""
        elf = self.elf
        wanted = _SLOT_TYPES.get(elf.machine)
        names: dict[int, str] = {}
        if wanted is None or not any(s.type == SHT_DYNSYM for s in elf.sections):
            return names  # a static program's stubs have no names in gdb either
        got = elf.section(".got.plt") or elf.section(".got")
        plt = elf.section(".plt")
        slots = []
        for section in elf.sections:
            if section.type not in (SHT_REL, SHT_RELA) or not section.flags & 2:
                continue
            wide = elf.bits == 64
            rela = section.type == SHT_RELA
            layout = struct.Struct(elf.endian + ("QQ" if wide else "II") + "q" * rela)
            if not wide and rela:
                layout = struct.Struct(elf.endian + "IIi")
            count = min(section.size // layout.size, _MAX_RELOCATIONS)
            symbols = elf.sections[section.link] if section.link < len(elf.sections) else None
            view = elf.span(section.offset, count * layout.size, section.name)
            for offset, info, *addend in layout.iter_unpack(view):
                kind, index = (info & 0xFFFFFFFF, info >> 32) if wide else (info & 255, info >> 8)
                if kind not in wanted or symbols is None:
                    continue
                # An IRELATIVE slot has no name, only its resolver's address.
                name = self._dynamic_name(symbols, index) if index else "*ABS*"
                if name:
                    plus = f"+{addend[0]:#x}" if addend and addend[0] else ""
                    names[offset] = name + plus
                    is_plt = section.info in (got.number, plt.number) if got and plt else False
                    if is_plt and got is not None and got.contains(offset):
                        slot = f"{name}@got.plt"
                        slots.append(
                            Symbol(slot, offset, elf.word_size, "got", "local", got.number, False)
                        )
        self._slots = sorted(slots, key=lambda s: s.link_addr)
        return names

    def _dynamic_name(self, symbols: Section, index: int) -> str:
        elf = self.elf
        size = 24 if elf.bits == 64 else 16
        if (index + 1) * size > symbols.size or symbols.link >= len(elf.sections):
            return ""
        strings = elf.sections[symbols.link]
        if SHT_NOBITS in (symbols.type, strings.type):
            return ""
        row = elf.span(symbols.offset + index * size, 4, symbols.name)
        start = strings.offset + struct.unpack(elf.endian + "I", row)[0]
        end = elf.find(b"\0", start, min(strings.offset + strings.size, elf.size))
        return bytes(elf.view[start:end]).decode("utf-8", "backslashreplace") if end > 0 else ""

    def _read_stubs(self, section: Section, names: dict[int, str]) -> Iterator[Symbol]:
        elf = self.elf
        if section.type == SHT_NOBITS or section.size > _MAX_SECTION:
            return
        code = bytes(elf.data(section))
        got = elf.section(".got.plt") or elf.section(".got")
        # 16 bytes a stub, but .plt.got without endbr has 8: jmp *slot; xchg %ax,%ax.
        step = 8 if section.name == ".plt.got" and not code.startswith(b"\xf3\x0f\x1e") else 16
        for match in re.finditer(rb"\xff([\x25\xa3])(....)", code, re.DOTALL):
            start = match.start() - match.start() % step
            if match.start() - start > 5:  # at most endbr64 and a bnd prefix go before
                continue
            value = int.from_bytes(match[2], "little", signed=True)
            if match[1] == b"\xa3":  # i386 PIC: jmp *disp(%ebx), where %ebx is the GOT
                slot = (got.link_addr if got else 0) + value
            elif elf.bits == 64:
                slot = section.link_addr + match.end() + value
            else:
                slot = value & 0xFFFFFFFF
            name = names.get(slot)
            if name:
                addr = section.link_addr + start
                yield Symbol(f"{name}@plt", addr, 0, "plt", "global", section.number, True)

    def by_name(self, name: str) -> list[Symbol]:
        """Find stubs and slots by full name."""
        if "@" not in name:
            return []
        return [s for s in [*self._load(), *self._slots] if s.name == name]

    def by_source_name(self, name: str) -> list[Symbol]:
        """Find nothing: stubs are known by their linkage name."""
        return []

    def of_cplus(self, name: str) -> list[Symbol]:
        """Find the stubs of C++ functions that a name means, as people write it.

        >>> PltTable(ElfFile("/bin/ls")).of_cplus("std::terminate")
        []
        """
        needles = mangled_needles(name)
        strings = self.elf.section(".dynstr")
        if strings is None or not any(self._has(strings, needle) for needle in needles):
            return []
        found = []
        for stub in self._load():
            linkage = stub.name.removesuffix("@plt")
            spelt = b"\0" + linkage.encode("utf-8", "surrogateescape")
            likely = spelt.startswith(b"\0_Z") and any(needle in spelt for needle in needles)
            if likely and matches(demangle(linkage), name):
                found.append(stub)
        return found

    def _has(self, section: Section, needle: bytes) -> bool:
        end = section.offset + section.size
        return self.elf.find(needle, section.offset, end) >= 0

    def near(self, link_addr: int) -> list[Symbol]:
        """Give the stubs or slots at or below an address in its section."""
        section = self.elf.section_at(link_addr)
        if section is None or not section.name.startswith((".plt", ".iplt", ".got")):
            return []
        self._load()
        symbols = self._stubs if section.flags & SHF_EXECINSTR else self._slots
        end = bisect_right(symbols or [], link_addr, key=lambda s: s.link_addr)
        return [
            s for s in (symbols or [])[max(0, end - 2) : end] if s.section_index == section.number
        ]

    def functions(self, pattern: re.Pattern[str] | None = None) -> Iterator[Symbol]:
        """Give the stubs by address."""
        return (s for s in self._load() if pattern is None or pattern.search(s.name))

    def objects(self, pattern: re.Pattern[str] | None = None) -> Iterator[Symbol]:
        """Give nothing: gdb does not list GOT slots as variables."""
        return iter(())

    def names(self, prefix: str) -> Iterator[str]:
        """Give the stubs' names that begin with a prefix."""
        return (s.name for s in self._load() if s.name.startswith(prefix))
