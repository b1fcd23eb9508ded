"""Find ``main`` where no symbol says it: what the C runtime's ``_start`` passes on.

glibc's ``_start`` (sysdeps/x86_64/start.S, sysdeps/i386/start.S) loads main's address as the
first argument of ``__libc_start_main``, in one of a few encodings that have not changed in
twenty years.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError

if TYPE_CHECKING:
    from pydbg.symbols.elf import ElfFile

START_MAIN = "__libc_start_main"
_WINDOW = 64


def main_from_start(elf: ElfFile) -> int | None:
    """Return main's link address as ``_start`` has it, or None if that code is not glibc's.

    >>> from pydbg.symbols.elf import ElfFile
    >>> main_from_start(ElfFile("/bin/ls")) is not None
    True
    """
    try:
        code = elf.load_bytes(elf.entry, _WINDOW)
    except DebuggerError:
        return None
    addr = _in_64(code, elf.entry) if elf.bits == 64 else _in_32(code)
    if addr is None:
        return None
    section = elf.section_at(addr)
    if section is not None:
        return addr if section.flags & 0x4 else None
    return addr if elf.low <= addr < elf.high else None


def _in_64(code: bytes, entry: int) -> int | None:
    at = code.find(b"\x48\x8d\x3d")  # lea main(%rip),%rdi
    if 0 <= at <= len(code) - 7:
        return entry + at + 7 + int.from_bytes(code[at + 3 : at + 7], "little", signed=True)
    for opcode in (b"\x48\xc7\xc7", b"\xbf"):  # mov $main,%rdi
        at = code.find(opcode)
        size = len(opcode)
        if 0 <= at <= len(code) - size - 4:
            return int.from_bytes(code[at + size : at + size + 4], "little")
    return None


def _in_32(code: bytes) -> int | None:
    call = code.find(b"\xe8")  # call __libc_start_main, with main pushed last
    at = code.rfind(b"\x68", 0, call) if call > 0 else -1
    if at >= 0 and at + 5 == call:
        return int.from_bytes(code[at + 1 : at + 5], "little")
    return None
