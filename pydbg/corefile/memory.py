"""The memory of a core: what the file holds, and for what it leaves out the mapped files.

The kernel leaves out pages of files that were not written to (core(5), coredump_filter), so
code comes from the program and its libraries as they are now.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator

from pydbg.corefile.notes import CoreFile, FileMapping
from pydbg.errors import DebuggerError, MemoryFault
from pydbg.linux.memory import CHUNK, ProcessMemory
from pydbg.linux.procfs import Mapping
from pydbg.symbols.elf import PT_LOAD, Segment

__all__ = ["CoreMemory", "core_maps"]

_END = 1 << 64


class _Spans:
    """Find the range that an address is in; of ranges that overlap the one that begins last."""

    def __init__(self, spans: list[tuple[int, int, int]]) -> None:
        self._spans = sorted(spans)
        self._starts = [start for start, _, _ in self._spans]

    def at(self, addr: int) -> tuple[int, int, int] | None:
        """Return (start, end, index) of the range."""
        found = bisect_right(self._starts, addr) - 1
        if found >= 0 and addr < self._spans[found][1]:
            return self._spans[found]
        return None

    def after(self, addr: int) -> int:
        """Return where the next range begins."""
        found = bisect_right(self._starts, addr)
        return self._starts[found] if found < len(self._starts) else _END


class CoreMemory(ProcessMemory):
    """Read a core's memory; there is nothing to write to."""

    def __init__(self, core: CoreFile) -> None:
        self._core = core
        self._loads = [s for s in core.elf.segments if s.type == PT_LOAD]
        self._dumped = _Spans(
            [(s.link_addr, s.link_addr + s.file_size, i) for i, s in enumerate(self._loads)]
        )
        self._mapped = _Spans([(f.start, f.end, i) for i, f in enumerate(core.files)])
        self._fds: dict[str, int] = {}
        # Not through the mapped file: that would be our memory, and a core that is cut off while
        # it is looked at would kill us by SIGBUS.
        self._core_fd = _open(core.path)
        self.strangers: set[str] = set()
        """Paths whose files are not those that were mapped."""
        self.image: Callable[[int, int], bytes] | None = None
        """What else has memory that never changes: the modules' files, at their addresses."""
        super().__init__(core.pid)

    def reopen(self) -> None:
        """Do nothing: the file stays what it is."""

    def close(self) -> None:
        """Close the core and the files that were mapped."""
        for fd in (self._core_fd, *self._fds.values()):
            if fd >= 0:
                os.close(fd)
        self._fds, self._core_fd = {}, -1

    def write(self, addr: int, data: bytes | bytearray | memoryview) -> None:
        """Refuse, in gdb's words."""
        raise MemoryFault(addr, len(data))

    def read(self, addr: int, size: int) -> bytes:
        """Return exactly ``size`` bytes, or raise MemoryFault at the first one that is missing."""
        data = self.read_some(addr, size)
        if len(data) < size:
            raise MemoryFault(addr + len(data), size - len(data))
        return data

    def read_some(self, addr: int, size: int) -> bytes:
        """Return the bytes from ``addr`` up to the first one that is nowhere."""
        pieces = []
        while size > 0 and 0 <= addr < _END:
            piece = self._piece(addr, min(size, CHUNK))
            if not piece:
                break
            pieces.append(piece)
            addr += len(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def dumped(self, addr: int, size: int) -> bytes:
        """Return what the core itself holds from ``addr`` on, at most ``size`` bytes."""
        span = self._dumped.at(addr)
        if span is None:
            return b""
        start, end, index = span
        offset = self._loads[index].offset + addr - start
        return _pread(self._core_fd, min(size, end - addr), offset)

    def _piece(self, addr: int, size: int) -> bytes:
        found = self.dumped(addr, size)
        if found:
            return found
        size = min(size, self._dumped.after(addr) - addr)
        mapped = self._mapped.at(addr)
        if mapped is not None:
            _, end, index = mapped
            found = self._from_file(self._core.files[index], addr, min(size, end - addr))
        if not found and self.image is not None:
            try:
                found = self.image(addr, size)
            except DebuggerError:
                return b""
        return found

    def _from_file(self, row: FileMapping, addr: int, size: int) -> bytes:
        if row.path in self.strangers:
            return b""
        if row.path not in self._fds:
            self._fds[row.path] = _open(row.path)
        return _pread(self._fds[row.path], size, row.offset + addr - row.start)


def _pread(fd: int, size: int, offset: int) -> bytes:
    try:
        return os.pread(fd, size, offset) if fd >= 0 else b""
    except (OSError, OverflowError):
        return b""


def _open(path: str) -> int:
    """Open a regular file, -1 for anything else: the path is the core's word."""
    import stat

    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return -1
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return -1


def core_maps(core: CoreFile) -> list[Mapping]:
    """Return the mappings as far as a core tells of them, by address.

    Permissions are those of the segments; a mapping that only NT_FILE knows is taken for
    readable code.
    """
    files = _Spans([(f.start, f.end, i) for i, f in enumerate(core.files)])
    found, seen = [], set()
    for segment in core.elf.segments:
        if segment.type != PT_LOAD or not segment.mem_size:
            continue
        offset, path = 0, ""
        span = files.at(segment.link_addr)
        if span is not None:
            row = core.files[span[2]]
            offset, path = row.offset + segment.link_addr - row.start, row.path
            seen.add(row.start)
        end = min(segment.link_addr + segment.mem_size, _END)
        found.append(Mapping(segment.link_addr, end, _perms(segment), offset, "00:00", 0, path))
    covered = _Spans([(m.start, m.end, 0) for m in found])
    for row in core.files:
        if row.start not in seen and covered.at(row.start) is None:
            found.append(Mapping(row.start, row.end, "r-xp", row.offset, "00:00", 0, row.path))
    return sorted(_named(core, found))


def _perms(segment: Segment) -> str:
    bits = ((4, "r"), (2, "w"), (1, "x"))
    return "".join(letter if segment.flags & bit else "-" for bit, letter in bits) + "p"


def _named(core: CoreFile, found: list[Mapping]) -> Iterator[Mapping]:
    """Give the mappings of no file the names that the kernel shows: [stack], [vdso]."""
    vdso = core.auxv.get(33)  # AT_SYSINFO_EHDR
    stack = core.auxv.get(31, 0)  # AT_EXECFN: the string is at the stack's bottom.
    for one in found:
        if not one.path and one.start == vdso:
            yield one._replace(path="[vdso]")
        elif not one.path and one.start <= stack < one.end:
            yield one._replace(path="[stack]")
        else:
            yield one
