"""Read ELF files: headers, segments, sections, notes and the dynamic section.

The layout is that of elf(5) and the System V gABI. Every offset, size and count comes from
a file nobody vouches for, so each is checked against the bytes that are there, and what does
not fit is a ``FileError`` that names the file.
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
from collections.abc import Iterator, Sequence
from functools import cached_property

from pydbg.errors import FileError, MemoryFault
from pydbg.linux import search
from pydbg.records import NamedTuple

__all__ = ["ElfFile", "Section", "Segment"]

ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
SHT_SYMTAB, SHT_RELA, SHT_NOTE, SHT_NOBITS, SHT_REL, SHT_DYNSYM = 2, 4, 7, 8, 9, 11
SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_COMPRESSED = 2, 4, 0x400, 0x800
DT_NEEDED, DT_STRTAB, DT_SONAME, DT_DEBUG = 1, 5, 14, 21

_READ_WHOLE = 256 * 1024
"""Up to this size a file is read, above it is mapped. A mapped file that somebody truncates
kills us with SIGBUS, and small programs are the ones that are rebuilt under a debugger."""
_SCRIPT_LINE = 256
"""What execve(2) reads of a script's first line."""
_MAX_SECTIONS = 1 << 18
_MAX_SEGMENTS = 1 << 16
_MACHINES = {
    2: "sparc", 3: "i386", 4: "m68k", 8: "mips", 20: "powerpc", 21: "powerpc64", 22: "s390",
    40: "arm", 43: "sparcv9", 50: "ia64", 62: "x86-64", 183: "aarch64", 243: "riscv",
    247: "bpf", 258: "loongarch",
}  # fmt: skip


class Section(NamedTuple):
    """Hold one section header; ``size`` is what the file holds, before decompression."""

    number: int
    name: str
    type: int
    flags: int
    link_addr: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entsize: int

    @property
    def end(self) -> int:
        """Give the link address just after the section."""
        return self.link_addr + self.size

    def contains(self, link_addr: int) -> bool:
        """Tell whether an address is in the section's memory.

        >>> Section(1, ".text", 1, 6, 0x1000, 0, 16, 0, 0, 1, 0).contains(0x1010)
        False
        """
        return bool(self.flags & SHF_ALLOC) and self.link_addr <= link_addr < self.end


class Segment(NamedTuple):
    """Hold one program header."""

    type: int
    flags: int
    offset: int
    link_addr: int
    file_size: int
    mem_size: int
    align: int

    @property
    def end(self) -> int:
        """Give the link address just after the segment's memory."""
        return self.link_addr + self.mem_size


class ElfFile:
    """Be one ELF file, mapped and read as it is asked.

    >>> elf = ElfFile("/bin/ls")
    >>> elf.bits, elf.section(".text").name
    (64, '.text')
    >>> ElfFile("/etc/passwd")
    Traceback (most recent call last):
    pydbg.errors.FileError: /etc/passwd: not an ELF file
    """

    def __init__(self, path: str) -> None:
        self.path = path
        data, self.stamp = _map_file(path)
        self._load(data)

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> ElfFile:
        """Read an image that is in memory, as the vdso is."""
        elf = cls.__new__(cls)
        elf.path, elf.stamp = name, 0
        elf._load(data)
        return elf

    def __repr__(self) -> str:
        return f"<ElfFile {self.path!r} {self.machine_name} {len(self.sections)} sections>"

    # --- headers ---------------------------------------------------------------------------

    def _load(self, data: bytes | mmap.mmap) -> None:
        self._map = data
        self._last_section: Section | None = None
        self.view = memoryview(data)
        """The whole file; slice it only inside ``size``."""
        self.size = len(data)
        ident = bytes(self.view[:16])
        if ident[:2] == b"#!":
            line = bytes(self.view[2:_SCRIPT_LINE]).split(b"\n")[0]
            words = line.decode("ascii", "backslashreplace").strip()
            raise FileError(
                f"{self.path}: not an ELF file but a script; debug its interpreter, "
                f"--args {words} {self.path}"
            )
        if ident[:4] != b"\x7fELF":
            raise FileError(f"{self.path}: not an ELF file")
        if len(ident) < 16:
            raise self._bad("truncated ELF header")
        if ident[4] not in (1, 2) or ident[5] not in (1, 2):
            raise self._bad("damaged ELF header (class or byte order)")
        self.bits = 32 * ident[4]
        """Word size: 32 or 64."""
        self.word_size = self.bits // 8
        self.endian = "<" if ident[5] == 1 else ">"
        """Prefix for struct formats."""
        wide = self.bits == 64
        layout = struct.Struct(self.endian + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"))
        if self.size < 16 + layout.size:
            raise self._bad("truncated ELF header")
        header = layout.unpack_from(self.view, 16)
        self.type, self.machine, self.entry = header[0], header[1], header[3]
        self.machine_name = _MACHINES.get(self.machine, f"machine {self.machine}")
        phoff, shoff, phentsize, phnum, shentsize, shnum, shstrndx = header[4:6] + header[8:]
        raw = self._section_headers(shoff, shentsize, shnum)
        if raw:  # gABI: counts that do not fit into 16 bits are in section header 0
            shstrndx = raw[0][6] if shstrndx == 0xFFFF else shstrndx
            phnum = raw[0][7] if phnum == 0xFFFF else phnum
        self.segments = self._program_headers(phoff, phentsize, phnum)
        self.sections = self._name_sections(raw, shstrndx)
        self._by_name: dict[str, Section] = {}
        for section in self.sections:
            self._by_name.setdefault(section.name, section)

    def _bad(self, what: str) -> FileError:
        return FileError(f"{self.path}: {what}")

    def _section_headers(self, shoff: int, entsize: int, count: int) -> list[tuple[int, ...]]:
        layout = struct.Struct(self.endian + ("IIQQQQIIQQ" if self.bits == 64 else "IIIIIIIIII"))
        if not shoff:
            return []
        if entsize != layout.size:
            if not count:
                return []
            raise self._bad(f"damaged ELF header (section header size {entsize})")
        if shoff + layout.size > self.size:
            raise self._bad("truncated: no section headers where the ELF header says")
        if not count:
            count = layout.unpack_from(self.view, shoff)[5]
        if count > _MAX_SECTIONS:
            raise self._bad(f"damaged ELF header ({count} sections)")
        end = shoff + count * layout.size
        if end > self.size:
            raise self._bad(f"truncated section headers ({self.size} bytes, {end} needed)")
        return list(layout.iter_unpack(self.view[shoff:end]))

    def _program_headers(self, phoff: int, entsize: int, count: int) -> tuple[Segment, ...]:
        wide = self.bits == 64
        layout = struct.Struct(self.endian + ("IIQQQQQQ" if wide else "IIIIIIII"))
        if not phoff or not count:
            return ()
        if entsize != layout.size:
            raise self._bad(f"damaged ELF header (program header size {entsize})")
        if count > _MAX_SEGMENTS:
            raise self._bad(f"damaged ELF header ({count} segments)")
        end = phoff + count * layout.size
        if end > self.size:
            raise self._bad(f"truncated program headers ({self.size} bytes, {end} needed)")
        rows = layout.iter_unpack(self.view[phoff:end])
        if wide:
            return tuple(Segment(t, f, o, v, fs, ms, a) for t, f, o, v, _, fs, ms, a in rows)
        return tuple(Segment(t, f, o, v, fs, ms, a) for t, o, v, _, fs, ms, f, a in rows)

    def _name_sections(self, raw: list[tuple[int, ...]], shstrndx: int) -> tuple[Section, ...]:
        names = b""
        if shstrndx and shstrndx < len(raw) and raw[shstrndx][1] != SHT_NOBITS:
            offset, size = raw[shstrndx][4:6]
            if offset + size > self.size:
                raise self._bad("truncated section names")
            names = bytes(self.view[offset : offset + min(size, 1 << 26)])
        sections = []
        for index, (name, kind, flags, addr, offset, size, link, info, align, ent) in enumerate(
            raw
        ):
            end = names.find(b"\0", name)
            text = names[name : end if end >= 0 else len(names)][:4096].decode("utf-8", "replace")
            sections.append(
                Section(index, text, kind, flags, addr, offset, size, link, info, align, ent)
            )
        return tuple(sections)

    # --- sections and contents -------------------------------------------------------------

    def section(self, name: str) -> Section | None:
        """Find the first section of a name; ``.debug_x`` also finds the old ``.zdebug_x``."""
        found = self._by_name.get(name)
        if found is None and name.startswith(".debug_"):
            found = self._by_name.get(".z" + name[1:])
        return found

    def section_at(self, link_addr: int) -> Section | None:
        """Find the loaded section that holds an address (never a TLS one, which has none)."""
        last = self._last_section
        if last is not None and last.contains(link_addr):
            return last  # Every stop asks this about the same few functions.
        for section in self.sections:
            if section.contains(link_addr) and not section.flags & SHF_TLS:
                self._last_section = section
                return section
        return None

    def data(self, section: Section | str | None) -> memoryview:
        """Give a section's bytes, decompressed; nothing for None, an absent one or NOBITS.

        Without compression the result is a view of the file and costs nothing.
        """
        if isinstance(section, str):
            section = self.section(section)
        if section is None or section.type == SHT_NOBITS:
            return memoryview(b"")
        view = self.span(section.offset, section.size, section.name)
        if section.flags & SHF_COMPRESSED:
            from pydbg.symbols.compression import decompress

            return memoryview(decompress(self, section, view))
        if section.name.startswith(".zdebug_") and bytes(view[:4]) == b"ZLIB":
            from pydbg.symbols.compression import inflate

            size = int.from_bytes(view[4:12], "big")
            return memoryview(inflate(self, section, view[12:], size))
        return view

    def span(self, offset: int, size: int, what: str = "data") -> memoryview:
        """Give ``size`` bytes at a file offset, or say that the file is truncated."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise self._bad(f"truncated ({what} ends at {offset + size}, the file at {self.size})")
        return self.view[offset : offset + size]

    def find(self, sub: bytes, start: int, end: int) -> int:
        """Search bytes between two file offsets, as ``bytes.find`` does."""
        return self._map.find(sub, start, end)

    def rfind(self, sub: bytes, start: int, end: int) -> int:
        """Search backwards between two file offsets."""
        return self._map.rfind(sub, start, end)

    def hits(self, needles: Sequence[bytes], start: int, end: int) -> Iterator[int]:
        """Give the file offsets between two others where one of some needles is.

        They are in order if there is but one.

        A file that is mapped takes no memory for what is searched: its pages are let go again.
        """
        return (at for at, _ in search.each(self.view, needles, start, end, self._forget))

    def frequent(self, needle: bytes, start: int, end: int) -> list[int]:
        """Give the file offsets where a needle is that is there often."""
        return search.frequent(self.view, needle, start, end, self._forget)

    def _forget(self, start: int, end: int) -> None:
        """Take pages out of our memory; they come again when they are read."""
        if not isinstance(self._map, mmap.mmap):
            return
        start &= -mmap.PAGESIZE
        try:
            self._map.madvise(mmap.MADV_DONTNEED, start, end - start)
        except (OSError, ValueError):
            return  # They stay, then.

    def let_go(self, name: str, start: int, end: int) -> None:
        """Take a part of a mapped section out of our memory; it comes again when it is read."""
        section = self.section(name)
        if section is not None:
            self._forget(section.offset + start, section.offset + end)

    @cached_property
    def loads(self) -> tuple[Segment, ...]:
        """Give the PT_LOAD segments, lowest address first."""
        loads = (s for s in self.segments if s.type == PT_LOAD and s.mem_size)
        return tuple(sorted(loads, key=lambda s: s.link_addr))

    @property
    def low(self) -> int:
        """Give the lowest link address of the image, rounded down to a page (0 if none)."""
        return self.loads[0].link_addr & ~0xFFF if self.loads else 0

    @property
    def high(self) -> int:
        """Give the end of the image, rounded up to a page."""
        return (max(s.end for s in self.loads) + 0xFFF) & ~0xFFF if self.loads else 0

    def load_bytes(self, link_addr: int, size: int) -> bytes:
        """Read memory as the file would load it; zeros where a segment has no file bytes.

        Raise MemoryFault at the first address that no segment covers.
        """
        if size > 1 << 30:
            raise MemoryFault(link_addr, size)
        parts = []
        at, left = link_addr, size
        while left > 0:
            for segment in self.loads:
                if segment.link_addr <= at < segment.end:
                    break
            else:
                raise MemoryFault(at, left)
            start = at - segment.link_addr
            count = min(left, segment.mem_size - start)
            in_file = max(0, min(count, segment.file_size - start))
            if in_file:
                parts.append(bytes(self.span(segment.offset + start, in_file, "a segment")))
            if count > in_file:
                parts.append(bytes(count - in_file))
            at += count
            left -= count
        return b"".join(parts)

    # --- what kind of file -----------------------------------------------------------------

    @cached_property
    def interp(self) -> str | None:
        """Give the dynamic loader's path (PT_INTERP)."""
        for segment in self.segments:
            if segment.type == PT_INTERP:
                data = bytes(self.span(segment.offset, min(segment.file_size, 4096), "PT_INTERP"))
                return os.fsdecode(data.split(b"\0", 1)[0])
        return None

    @cached_property
    def dynamic(self) -> tuple[tuple[int, int], ...]:
        """Give the (tag, value) pairs of the dynamic section, as in the file."""
        for segment in self.segments:
            if segment.type == PT_DYNAMIC:
                break
        else:
            return ()
        section = self.section(".dynamic")
        if section is not None and section.type == SHT_NOBITS:  # a separate debug file
            return ()
        entry = struct.Struct(self.endian + ("qQ" if self.bits == 64 else "iI"))
        size = segment.file_size - segment.file_size % entry.size
        pairs: list[tuple[int, int]] = []
        for tag, value in entry.iter_unpack(self.span(segment.offset, size, "PT_DYNAMIC")):
            if tag == 0 or len(pairs) >= 65536:
                break
            pairs.append((tag, value))
        return tuple(pairs)

    def dynamic_value(self, tag: int) -> int | None:
        """Give the first value of a dynamic tag."""
        return next((value for key, value in self.dynamic if key == tag), None)

    def _dynamic_string(self, offset: int) -> str | None:
        table = self.dynamic_value(DT_STRTAB)
        if table is None:
            return None
        try:
            text = self.load_bytes(table + offset, 1)
            for length in (64, 4096):
                try:
                    text = self.load_bytes(table + offset, length)
                except MemoryFault:
                    break
                if b"\0" in text:
                    break
        except MemoryFault:
            return None
        return os.fsdecode(text.split(b"\0", 1)[0])

    @cached_property
    def soname(self) -> str | None:
        """Give the shared object's own name (DT_SONAME)."""
        value = self.dynamic_value(DT_SONAME)
        return None if value is None else self._dynamic_string(value)

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """Give the names of the shared objects it links with (DT_NEEDED)."""
        names = (self._dynamic_string(value) for tag, value in self.dynamic if tag == DT_NEEDED)
        return tuple(name for name in names if name is not None)

    @property
    def is_pie(self) -> bool:
        """Tell whether the image may be loaded anywhere (every ET_DYN may)."""
        return bool(self.type == ET_DYN)

    # --- notes and links to debug files ------------------------------------------------------

    def notes(self) -> list[tuple[str, int, bytes]]:
        """Give the (owner, type, description) notes of the file."""
        regions = [(s.offset, s.size, s.align) for s in self.sections if s.type == SHT_NOTE]
        if not regions:
            regions = [(s.offset, s.file_size, s.align) for s in self.segments if s.type == PT_NOTE]
        found: list[tuple[str, int, bytes]] = []
        for offset, size, align in regions:
            if offset + size <= self.size:
                self._read_notes(self.view[offset : offset + size], 8 if align == 8 else 4, found)
        return found

    def _read_notes(
        self, view: memoryview, align: int, found: list[tuple[str, int, bytes]]
    ) -> None:
        head = struct.Struct(self.endian + "III")
        at = 0
        while at + 12 <= len(view) and len(found) < 4096:
            name_size, desc_size, kind = head.unpack_from(view, at)
            name_at = at + 12
            desc_at = (name_at + name_size + align - 1) & -align
            at = (desc_at + desc_size + align - 1) & -align
            if desc_at + desc_size > len(view):
                return
            owner = bytes(view[name_at : name_at + min(name_size, 256)]).rstrip(b"\0")
            found.append(
                (owner.decode("latin-1"), kind, bytes(view[desc_at : desc_at + desc_size]))
            )

    @cached_property
    def build_id(self) -> str | None:
        """Give the build-id in hexadecimal (note GNU, type 3)."""
        for owner, kind, description in self.notes():
            if owner == "GNU" and kind == 3 and 0 < len(description) <= 64:
                return description.hex()
        return None

    @cached_property
    def debuglink(self) -> tuple[str, int] | None:
        """Give the file name and CRC-32 of .gnu_debuglink."""
        data = bytes(self.data(".gnu_debuglink"))
        name, _, _ = data.partition(b"\0")
        crc_at = (len(name) + 4) & ~3
        if not name or len(data) < crc_at + 4:
            return None
        return os.fsdecode(name), struct.unpack_from(self.endian + "I", data, crc_at)[0]

    @cached_property
    def debugaltlink(self) -> tuple[str, str] | None:
        """Give the file name and build-id (hexadecimal) of .gnu_debugaltlink (dwz)."""
        name, _, build_id = bytes(self.data(".gnu_debugaltlink")).partition(b"\0")
        return (os.fsdecode(name), build_id.hex()) if name else None

    @cached_property
    def debug_sup(self) -> tuple[str, str] | None:
        """Give name and checksum (hexadecimal) of the supplementary file DWARF 5 names."""
        found = self._supplement
        return found[1:] if found is not None and not found[0] else None

    @property
    def supplement_id(self) -> str | None:
        """Give the checksum that others name this file by, if it is a supplementary one."""
        found = self._supplement
        return found[2] if found is not None and found[0] else None

    @cached_property
    def _supplement(self) -> tuple[bool, str, str] | None:
        """Read .debug_sup (DWARF 5, section 7.3.6): whether this is it, name, checksum."""
        data = bytes(self.data(".debug_sup"))
        if len(data) < 4 or int.from_bytes(data[:2], "little") != 5:
            return None
        name, _, rest = data[3:].partition(b"\0")
        if not rest or rest[0] >= 0x80:  # A checksum has less than 128 bytes.
            return None
        return bool(data[2]), os.fsdecode(name), rest[1 : 1 + rest[0]].hex()


def _map_file(path: str) -> tuple[bytes | mmap.mmap, int]:
    """Give a file's contents and the time of its last change, in nanoseconds."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise FileError(f"{path}: {os.strerror(error.errno or 0)}.") from None
    except ValueError:  # a NUL in the name
        raise FileError(f"{path!r}: not a file name") from None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise FileError(f"{path}: not a regular file")
        if info.st_size == 0:
            raise FileError(f"{path}: not an ELF file (it is empty)")
        if info.st_size <= _READ_WHOLE:
            return os.read(fd, info.st_size), info.st_mtime_ns
        return mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ), info.st_mtime_ns
    except OSError as error:
        raise FileError(f"{path}: {os.strerror(error.errno or 0)}.") from None
    finally:
        os.close(fd)
