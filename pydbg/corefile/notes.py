"""A core file's notes: threads with their registers, the process, its files (core(5), elf.h).

The layouts are the kernel's ``struct elf_prstatus`` and ``elf_prpsinfo`` (linux/elfcore.h) of
x86-64 and i386. Nothing in the file is trusted: what does not fit is left out, and a file
without a single thread is refused.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from pydbg.arch._x86 import USER_OFFSETS
from pydbg.arch.model import Arch
from pydbg.errors import FileError
from pydbg.records import NamedTuple, Record
from pydbg.symbols.elf import ET_CORE, PT_NOTE, ElfFile

__all__ = ["CoreFile", "FileMapping", "Layout", "ThreadNotes", "layout_of"]

NT_PRSTATUS, NT_FPREGSET, NT_PRPSINFO, NT_AUXV = 1, 2, 3, 6
NT_386_TLS, NT_X86_XSTATE, NT_X86_XSAVE_LAYOUT = 0x200, 0x202, 0x205
NT_SIGINFO, NT_FILE, NT_PRXFPREG = 0x53494749, 0x46494C45, 0x46E62B7F
GPR_SIZE = 216
_MAX_NOTES = 1 << 20
_MAX_NOTE = 1 << 26
_FXSAVE = 512

# The order of elf_gregset_t of i386 (asm/ptrace-abi.h), in the names of user_regs_struct.
I386_ORDER = (
    "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rax", "ds", "es", "fs", "gs", "orig_rax", "rip",
    "cs", "eflags", "rsp", "ss",
)  # fmt: skip


class Layout(Record):
    """Hold where the fields of the notes are for one word size; sizes in bytes."""

    word: int
    status_size: int
    pid_at: int
    reg_at: int
    reg_size: int
    info: struct.Struct
    """pr_state to pr_zomb, nice, flag, uid, gid, pid, ppid, pgrp, sid, fname, psargs."""


_LAYOUTS = {
    8: Layout(8, 336, 32, 112, 216, struct.Struct("<4B4xQ2I4i16s80s")),
    4: Layout(4, 144, 24, 72, 68, struct.Struct("<4BI2H4i16s80s")),
}


def layout_of(arch: Arch) -> Layout:
    """Return the layout of an architecture's notes.

    >>> from pydbg.arch import X86_64
    >>> layout_of(X86_64).info.size
    136
    """
    return _LAYOUTS[arch.pointer_size]


class FileMapping(NamedTuple):
    """Hold a row of NT_FILE: a file that is mapped; ``offset`` in bytes."""

    start: int
    end: int
    offset: int
    path: str


class ThreadNotes:
    """Hold what the notes tell of one thread."""

    __slots__ = ("gpr", "layout", "siginfo", "signo", "tid", "xsave")

    def __init__(self, tid: int, signo: int, gpr: bytearray) -> None:
        self.tid = tid
        self.signo = signo
        self.gpr = gpr
        """As ``struct user_regs_struct``, also of a 32-bit program."""
        self.xsave = b""
        self.layout: dict[int, int] | None = None
        """Where the parts of the XSAVE area are, if the kernel has told (Linux 6.12)."""
        self.siginfo: bytes | None = None


class _CoreElf(ElfFile):
    """Read an ELF file whose section headers may be cut off: a core's segments are enough."""

    def _section_headers(self, shoff: int, entsize: int, count: int) -> list[tuple[int, ...]]:
        try:
            return super()._section_headers(shoff, entsize, count)
        except FileError:
            return []


class CoreFile:
    """Be one core file.

    >>> CoreFile("/bin/sh")
    Traceback (most recent call last):
    pydbg.errors.FileError: "/bin/sh" is not a core dump: it is a program or library
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        try:
            self.elf = _CoreElf(self.path)
        except FileError as error:
            text = str(error).removeprefix(f"{self.path}: ")
            if not os.path.isfile(self.path) or not os.access(self.path, os.R_OK):
                raise
            raise FileError(f'"{self.path}" is not a core dump: {text}') from None
        if self.elf.type != ET_CORE:
            raise FileError(f'"{self.path}" is not a core dump: it is a program or library')
        from pydbg.arch import arch_for

        self.arch = arch_for(self.elf.machine, self.elf.bits // 32, self.path)
        if self.elf.endian != "<":
            raise FileError(f'"{self.path}" is not a core dump of this machine: it is big-endian')
        self.threads: list[ThreadNotes] = []
        self.auxv: dict[int, int] = {}
        self.files: list[FileMapping] = []
        self.pid = 0
        self.name = ""
        """The program's name, at most 15 bytes."""
        self.command = ""
        """The beginning of the command line, at most 79 bytes."""
        self._read()
        if not self.threads:
            missing = "they are cut off" if self.missing_bytes() else "its notes name none"
            raise FileError(f'"{self.path}" is a core dump without threads: {missing}')
        self.pid = self.pid or self.threads[0].tid

    def missing_bytes(self) -> int:
        """Return how many bytes a complete file would have more than this one."""
        wanted = max((s.offset + s.file_size for s in self.elf.segments), default=0)
        return max(wanted - self.elf.size, 0)

    @property
    def signo(self) -> int:
        """Return the signal that made the core, 0 for none (generate-core-file)."""
        return self.threads[0].signo

    # --- notes -----------------------------------------------------------------------------

    def _notes(self) -> Iterator[tuple[int, bytes]]:
        head, count = struct.Struct("<III"), 0
        for segment in self.elf.segments:
            if segment.type != PT_NOTE:
                continue
            at, end = segment.offset, min(segment.offset + segment.file_size, self.elf.size)
            while at + head.size <= end and count < _MAX_NOTES:
                name_size, size, kind = head.unpack_from(self.elf.view, at)
                start = at + head.size + (name_size + 3 & -4)
                at = start + (size + 3 & -4)
                count += 1
                if start + size <= end and size <= _MAX_NOTE:
                    yield kind, bytes(self.elf.view[start : start + size])

    def _read(self) -> None:
        layout = layout_of(self.arch)
        for kind, data in self._notes():
            thread = self.threads[-1] if self.threads else None
            if kind == NT_PRSTATUS and len(data) == layout.status_size:
                self.threads.append(self._status(data, layout))
            elif kind == NT_PRPSINFO and len(data) == layout.info.size:
                self._info(data, layout)
            elif kind == NT_AUXV and not self.auxv:
                from pydbg.linux.procfs import parse_auxv

                self.auxv = dict(parse_auxv(data, layout.word))
            elif kind == NT_FILE and not self.files:
                self.files = list(_files(data, layout.word))
            elif kind == NT_X86_XSAVE_LAYOUT:
                self._place_parts(data)
            elif thread is not None:
                self._of_thread(thread, kind, data)

    def _of_thread(self, thread: ThreadNotes, kind: int, data: bytes) -> None:
        """Take a note that belongs to the NT_PRSTATUS before it."""
        wide = self.arch.pointer_size == 8
        if kind == NT_X86_XSTATE and len(data) > _FXSAVE:
            thread.xsave = data
        elif kind == (NT_FPREGSET if wide else NT_PRXFPREG) and len(data) == _FXSAVE:
            thread.xsave = thread.xsave or data
        elif kind == NT_SIGINFO:
            thread.siginfo = data[:128].ljust(128, b"\0")
            thread.signo = thread.signo or int.from_bytes(data[:4], "little")
        elif kind == NT_386_TLS and not wide:
            self._place_tls(thread, data)

    @staticmethod
    def _status(data: bytes, layout: Layout) -> ThreadNotes:
        signo = int.from_bytes(data[12:14], "little")
        tid = int.from_bytes(data[layout.pid_at : layout.pid_at + 4], "little")
        raw = data[layout.reg_at : layout.reg_at + layout.reg_size]
        if layout.word == 8:
            return ThreadNotes(tid, signo, bytearray(raw))
        gpr = bytearray(GPR_SIZE)
        for index, name in enumerate(I386_ORDER):
            at = USER_OFFSETS[name]
            gpr[at : at + 4] = raw[4 * index : 4 * index + 4]
        return ThreadNotes(tid, signo, gpr)

    def _info(self, data: bytes, layout: Layout) -> None:
        fields = layout.info.unpack(data)
        self.pid = max(fields[7], 0)
        self.name = os.fsdecode(fields[11].split(b"\0")[0])
        self.command = os.fsdecode(fields[12].split(b"\0")[0]).rstrip(" ")

    @staticmethod
    def _place_tls(thread: ThreadNotes, data: bytes) -> None:
        """Find the base of gs among the ``struct user_desc`` (asm/ldt.h): the thread pointer."""
        at = USER_OFFSETS["gs"]
        entry = int.from_bytes(thread.gpr[at : at + 4], "little") >> 3
        for number, base, _, _ in struct.Struct("<4I").iter_unpack(data[: len(data) & -16]):
            if number == entry:
                at = USER_OFFSETS["gs_base"]
                thread.gpr[at : at + 8] = base.to_bytes(8, "little")

    def _place_parts(self, data: bytes) -> None:
        """Take the layout of all threads' XSAVE areas (asm/elf.h, struct x86_xfeat_component)."""
        rows = struct.Struct("<4I").iter_unpack(data[: len(data) & -16])
        layout = {0: 0, 1: 0} | {kind: offset for kind, _, offset, _ in rows}
        for thread in self.threads:
            thread.layout = layout


def _files(data: bytes, word: int) -> Iterator[FileMapping]:
    """Give the rows of NT_FILE: count, page size, (start, end, page offset)..., names."""
    number = "Q" if word == 8 else "I"
    head, row = struct.Struct(f"<2{number}"), struct.Struct(f"<3{number}")
    if len(data) < head.size:
        return
    count, page = head.unpack_from(data)
    if count * row.size > len(data) - head.size:
        return
    end = head.size + count * row.size
    names = data[end:].split(b"\0")
    for (start, stop, offset), name in zip(
        row.iter_unpack(data[head.size : end]), names, strict=False
    ):
        if start < stop:
            yield FileMapping(start, stop, offset * page, os.fsdecode(name))
