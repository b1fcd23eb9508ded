"""Find the debug information that was split off a file.

The order is gdb's ("Debugging Information in Separate Files"): by build-id under each debug
directory, then by the name in .gnu_debuglink, whose checksum must agree. A small table may also
be inside the file, compressed, in .gnu_debugdata.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from pydbg.errors import FileError
from pydbg.symbols.elf import ElfFile

__all__ = ["DEBUG_DIRECTORY", "build_id_path", "find_alternate", "find_debug_file", "mini_debug"]

DEBUG_DIRECTORY = "/usr/lib/debug"
_MAX_MINI = 1 << 26
_CHUNK = 1 << 20


def build_id_path(build_id: str, directory: str = DEBUG_DIRECTORY) -> str:
    """Give the path a debug file of this build-id has.

    >>> build_id_path("abcdef")
    '/usr/lib/debug/.build-id/ab/cdef.debug'
    """
    return f"{directory}/.build-id/{build_id[:2]}/{build_id[2:]}.debug"


def find_debug_file(elf: ElfFile, directory: str = DEBUG_DIRECTORY) -> ElfFile | None:
    """Open the separate debug file of ``elf``, or give None.

    ``directory`` may hold several, separated by colons (gdb's debug-file-directory). A file
    that is damaged or of another build is passed over.
    """
    directories = [d for d in directory.split(":") if d]
    for base in directories:
        if elf.build_id and len(elf.build_id) > 2:
            found = _open(build_id_path(elf.build_id, base))
            if found is not None and found.build_id == elf.build_id:
                return found
    for path, crc in _linked(elf, directories):
        if path != elf.path and _crc32(path) == crc:
            found = _open(path)
            if found is not None and found.machine == elf.machine:
                return found
    return None


def find_alternate(elf: ElfFile, directory: str = DEBUG_DIRECTORY) -> ElfFile | None:
    """Open the file that dwz moved common DWARF to (.gnu_debugaltlink), or give None."""
    try:
        link = elf.debugaltlink
    except FileError:
        return None
    if link is None:
        return None
    name, build_id = link
    places = [build_id_path(build_id, d) for d in directory.split(":") if d and build_id]
    places.insert(0, name if name.startswith("/") else f"{_folder(elf.path)}/{name}")
    for place in places:
        found = _open(place)
        if found is not None and found.build_id == build_id:
            return found
    return None


def mini_debug(elf: ElfFile) -> ElfFile | None:
    """Read the symbol table inside .gnu_debugdata (an xz-compressed ELF file), or give None."""
    section = elf.section(".gnu_debugdata")
    if section is None:
        return None
    import lzma

    try:
        limited = lzma.LZMADecompressor(memlimit=1 << 28)
        data = limited.decompress(elf.data(section), _MAX_MINI)
        return ElfFile.from_bytes(data, f"{elf.path}[.gnu_debugdata]") if limited.eof else None
    except (lzma.LZMAError, FileError):
        return None


def _linked(elf: ElfFile, directories: list[str]) -> Iterator[tuple[str, int]]:
    try:
        link = elf.debuglink
    except FileError:
        return
    if link is None or "/" in link[0]:
        return
    name, crc = link
    folder = _folder(elf.path)
    yield f"{folder}/{name}", crc
    yield f"{folder}/.debug/{name}", crc
    for base in directories:
        yield f"{base}{folder}/{name}", crc


def _folder(path: str) -> str:
    return os.path.realpath(path).rpartition("/")[0]


def _is_file(path: str) -> bool:
    # os.stat, for pathlib is an import of 3 ms on the way to every first prompt.
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _open(path: str) -> ElfFile | None:
    try:
        return ElfFile(path) if _is_file(path) else None
    except FileError:
        return None


def _crc32(path: str) -> int | None:
    import zlib

    crc = 0
    try:
        if not _is_file(path):
            return None
        with open(path, "rb") as file:
            while data := file.read(_CHUNK):
                crc = zlib.crc32(data, crc)
    except (OSError, ValueError):
        return None
    return crc
