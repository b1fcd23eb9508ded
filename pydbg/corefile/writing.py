"""Write a core of a live process, as the kernel's ``elf_core_dump`` does (fs/binfmt_elf.c).

The kernel's layout and its rules for which memory is in it; memory is read past the
debugger's own int3s, registers are those that the threads will go on with.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from stat import S_ISREG
from typing import IO, TYPE_CHECKING

from pydbg.arch._x86 import USER_OFFSETS
from pydbg.corefile.notes import (
    I386_ORDER,
    NT_386_TLS,
    NT_AUXV,
    NT_FILE,
    NT_FPREGSET,
    NT_PRPSINFO,
    NT_PRSTATUS,
    NT_PRXFPREG,
    NT_SIGINFO,
    NT_X86_XSTATE,
    layout_of,
)
from pydbg.errors import DebuggerError, FileError
from pydbg.linux import procfs, ptrace
from pydbg.linux.smaps import DetailedMapping, coredump_filter, smaps
from pydbg.rawstops import SignalStop
from pydbg.symbols.elf import ET_CORE, PT_LOAD, PT_NOTE

if TYPE_CHECKING:
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

__all__ = ["write_core"]

_PAGE = 4096
_PIECE = 1 << 20
_FXSAVE = 512
_PN_XNUM = 0xFFFF
# The bits of coredump_filter (core(5)).
_ANON_PRIVATE, _ANON_SHARED, _FILE_PRIVATE, _FILE_SHARED = 1, 2, 4, 8
_ELF_HEADERS, _HUGE_PRIVATE, _HUGE_SHARED = 16, 32, 64


def write_core(inferior: Inferior, current: Thread, path: str) -> None:
    """Write a core with ``current`` as the thread that is shown first.

    Raises FileError, and leaves no half of a file, if it cannot be written.
    """
    regions = [one for one in smaps(inferior.pid) if one.mapping.start >> 63 == 0]
    wanted = coredump_filter(inferior.pid)
    sizes = [dump_size(one, wanted, inferior) for one in regions]
    notes = b"".join(_notes(inferior, current, regions))
    try:
        # As the kernel's: what is in a process's memory is for its owner only.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600), "wb") as stream:
            try:
                _write(stream, inferior, regions, sizes, notes)
            except BaseException:  # Ctrl-C too: half a core is none.
                # A device or a pipe that was named is not ours to remove.
                if S_ISREG(os.fstat(stream.fileno()).st_mode):
                    with suppress(OSError):
                        os.unlink(path)
                raise
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: {getattr(error, 'strerror', None) or error}.") from None


def dump_size(one: DetailedMapping, wanted: int, inferior: Inferior) -> int:
    """Return how many bytes of a mapping go into the core (fs/coredump.c, vma_dump_size)."""
    mapping, size = one.mapping, one.mapping.end - one.mapping.start
    if mapping.path == "[vdso]":
        return size
    if one.flags & {"io", "dd", "pf"}:
        return 0
    shared = "sh" in one.flags
    if "ht" in one.flags:
        return size if wanted & (_HUGE_SHARED if shared else _HUGE_PRIVATE) else 0
    nameless = not mapping.path.startswith("/") or mapping.path.endswith(" (deleted)")
    if shared:
        return size if wanted & (_ANON_SHARED if nameless else _FILE_SHARED) else 0
    if one.anonymous and wanted & _ANON_PRIVATE:
        return size
    if not mapping.path.startswith("/"):
        return 0  # Nothing was ever written there.
    if wanted & _FILE_PRIVATE:
        return size
    if wanted & _ELF_HEADERS and mapping.offset == 0 and "rd" in one.flags:
        return _PAGE if inferior.read_some(mapping.start, 4) == b"\x7fELF" else 0
    return 0


# --- the file ------------------------------------------------------------------------------


def _write(
    stream: IO[bytes],
    inferior: Inferior,
    regions: list[DetailedMapping],
    sizes: list[int],
    notes: bytes,
) -> None:
    wide = inferior.arch.pointer_size == 8
    header = struct.Struct("<16sHHIQQQIHHHHHH" if wide else "<16sHHIIIIIHHHHHH")
    segment = struct.Struct("<IIQQQQQQ" if wide else "<8I")
    section = struct.Struct("<IIQQQQIIQQ" if wide else "<10I")
    count = len(regions) + 1
    many = count >= _PN_XNUM  # gABI: section header 0 has the number then.
    offset = header.size + count * segment.size
    shoff = offset if many else 0
    offset += section.size if many else 0
    ident = b"\x7fELF" + bytes((2 if wide else 1, 1, 1)) + bytes(9)
    machine = 62 if wide else 3
    stream.write(
        header.pack(
            ident, ET_CORE, machine, 1, 0, header.size, shoff, 0, header.size, segment.size,
            _PN_XNUM if many else count, section.size if many else 0, int(many), 0,
        )
    )  # fmt: skip

    def row(kind: int, flags: int, at: int, addr: int, size: int, whole: int, align: int) -> None:
        if wide:
            stream.write(segment.pack(kind, flags, at, addr, 0, size, whole, align))
        else:
            stream.write(segment.pack(kind, at, addr, 0, size, whole, flags, align))

    row(PT_NOTE, 0, offset, 0, len(notes), 0, 4)
    at = start = -(-(offset + len(notes)) // _PAGE) * _PAGE
    for (mapping, _, _), size in zip(regions, sizes, strict=True):
        flags = sum(bit for bit, x in ((4, "r"), (2, "w"), (1, "x")) if x in mapping.perms)
        row(PT_LOAD, flags, at, mapping.start, size, mapping.end - mapping.start, _PAGE)
        at += size
    if many:
        stream.write(section.pack(0, 0, 0, 0, 0, 0, 0, count, 0, 0))
    stream.write(notes)
    stream.seek(start)
    for (mapping, _, _), size in zip(regions, sizes, strict=True):
        _copy(stream, inferior, mapping.start, size)
    stream.truncate(at)


def _copy(stream: IO[bytes], inferior: Inferior, addr: int, size: int) -> None:
    """Write memory; pages of zeros become holes in the file, and so does what is unreadable."""
    end, zeros = addr + size, bytes(_PIECE)
    while addr < end:
        want = min(_PIECE, end - addr)
        data = inferior.read_some(addr, want)
        if not data:
            data = bytes(_PAGE - addr % _PAGE)
        if data == zeros[: len(data)]:
            stream.seek(len(data), os.SEEK_CUR)
        else:
            _copy_pages(stream, data)
        addr += len(data)


def _copy_pages(stream: IO[bytes], data: bytes) -> None:
    """Write a piece of which some pages may be zeros."""
    view, zeros, start = memoryview(data), bytes(_PAGE), 0
    for at in range(0, len(data), _PAGE):
        page = view[at : at + _PAGE]
        if page == zeros[: len(page)]:
            stream.write(view[start:at])
            stream.seek(len(page), os.SEEK_CUR)
            start = at + len(page)
    stream.write(view[start:])


# --- notes ---------------------------------------------------------------------------------


def _note(kind: int, data: bytes, owner: bytes = b"CORE") -> bytes:
    name = owner + b"\0"
    head = struct.pack("<III", len(name), len(data), kind)
    return head + name + bytes(-len(name) % 4) + data + bytes(-len(data) % 4)


def _notes(inferior: Inferior, current: Thread, regions: list[DetailedMapping]) -> Iterator[bytes]:
    others = sorted(inferior.threads.values(), key=lambda thread: thread.number)
    # As the kernel does: readers take the signal from any thread's status.
    head = _siginfo(current)
    for thread in [current, *(one for one in others if one is not current)]:
        if thread.zombie or thread.gone or thread.running:
            continue
        info = _siginfo(thread)
        yield _note(NT_PRSTATUS, _status(thread, head))
        if thread is current:
            yield _note(NT_PRPSINFO, _info(inferior))
            yield _note(NT_SIGINFO, info)
            yield _note(NT_AUXV, _auxv(inferior))
            yield _note(NT_FILE, _files(inferior, regions))
        else:
            yield _note(NT_SIGINFO, info)
        yield from _registers(thread)


def _siginfo(thread: Thread) -> bytes:
    """Return what the kernel would write; zeros for a stop that no signal made."""
    try:
        data = thread.siginfo() if isinstance(thread.stop, SignalStop) else b""
    except DebuggerError:
        data = b""
    if thread.inferior.arch.pointer_size == 4 and data:
        from pydbg.expr.siginfo import narrowed

        data = narrowed(data)
    return data[:128].ljust(128, b"\0")


def _status(thread: Thread, info: bytes) -> bytes:
    """Return ``struct elf_prstatus``."""
    layout = layout_of(thread.inferior.arch)
    stat = procfs.stat(thread.tid)
    signo, errno, code = struct.unpack_from("<3i", info)
    data = bytearray(layout.status_size)
    struct.pack_into("<3iH", data, 0, signo, code, errno, signo)
    fields = procfs.status(thread.tid)
    words = struct.Struct("<2Q" if layout.word == 8 else "<2I")
    masks = [int(fields.get(name, "0"), 16) for name in ("SigPnd", "SigBlk")]
    words.pack_into(data, 16, *(mask & (1 << 8 * layout.word) - 1 for mask in masks))
    struct.pack_into("<4i", data, layout.pid_at, thread.tid, stat.ppid, stat.pgrp, stat.session)
    raw = bytes(thread.registers.gpr)
    if layout.word == 4:
        raw = b"".join(raw[USER_OFFSETS[name] : USER_OFFSETS[name] + 4] for name in I386_ORDER)
    data[layout.reg_at : layout.reg_at + layout.reg_size] = raw
    struct.pack_into("<i", data, layout.reg_at + layout.reg_size, 1)  # pr_fpvalid
    return bytes(data)


def _registers(thread: Thread) -> Iterator[bytes]:
    thread.flush()
    xsave = bytes(thread.registers.xsave)
    if thread.inferior.arch.pointer_size == 8:
        yield _note(NT_FPREGSET, xsave[:_FXSAVE].ljust(_FXSAVE, b"\0"))
    else:
        # The kernel gives a 32-bit task's sets in their own forms (asm/elf.h).
        yield _note(NT_FPREGSET, ptrace.getregset(thread.tid, NT_FPREGSET))
        yield _note(NT_PRXFPREG, xsave[:_FXSAVE].ljust(_FXSAVE, b"\0"), b"LINUX")
        with suppress(DebuggerError):
            yield _note(NT_386_TLS, ptrace.getregset(thread.tid, NT_386_TLS), b"LINUX")
    yield _note(NT_X86_XSTATE, xsave, b"LINUX")


def _info(inferior: Inferior) -> bytes:
    """Return ``struct elf_prpsinfo``."""
    pid = inferior.pid
    stat, status = procfs.stat(pid), procfs.status(pid)
    layout = layout_of(inferior.arch)
    state = "RSDTZW".find(stat.state)
    uid, gid = (int(status.get(name, "0").split()[0]) for name in ("Uid", "Gid"))
    if layout.word == 4:
        uid, gid = min(uid, 0xFFFE), min(gid, 0xFFFE)  # overflowuid
    args = b" ".join(os.fsencode(word) for word in procfs.cmdline(pid))
    return layout.info.pack(
        max(state, 0), ord(stat.state[:1] or "."), int(stat.state == "Z"), 0,
        stat.flags & (1 << 8 * layout.word) - 1, uid, gid, pid, stat.ppid, stat.pgrp, stat.session,
        os.fsencode(stat.comm)[:15], args[:79],
    )  # fmt: skip


def _auxv(inferior: Inferior) -> bytes:
    pair = struct.Struct("<2Q" if inferior.arch.pointer_size == 8 else "<2I")
    return b"".join(pair.pack(*one) for one in inferior.auxv.items()) + bytes(pair.size)


def _files(inferior: Inferior, regions: list[DetailedMapping]) -> bytes:
    """Return NT_FILE: the mapped files, in pages."""
    rows = [one.mapping for one in regions if one.mapping.path.startswith("/")]
    number = "Q" if inferior.arch.pointer_size == 8 else "I"
    head = struct.pack(f"<2{number}", len(rows), _PAGE)
    row = struct.Struct(f"<3{number}")
    places = b"".join(row.pack(one.start, one.end, one.offset // _PAGE) for one in rows)
    return head + places + b"".join(os.fsencode(one.path) + b"\0" for one in rows)
