"""Find the debug information that was split off a file.

The order is gdb's ("Debugging Information in Separate Files"): by build-id under each debug
directory, then by the name in .gnu_debuglink, whose checksum must agree, then from a server. A
small table may also be inside the file, compressed, in .gnu_debugdata.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pydbg.errors import FileError
from pydbg.symbols.elf import ElfFile

if TYPE_CHECKING:
    from pydbg.symbols.indexcache import IndexCache

__all__ = [
    "DEBUG_DIRECTORY",
    "Places",
    "build_id_path",
    "find_alternate",
    "find_debug_file",
    "is_file",
    "mini_debug",
    "open_elf",
]

DEBUG_DIRECTORY = "/usr/lib/debug"
_MAX_MINI = 1 << 26
_CHUNK = 1 << 20


class Places:
    """Say where debug information is looked for besides a file itself, and what was wrong there.

    ``directory`` may hold several, separated by colons (gdb's debug-file-directory); ``fetch``
    asks a server for the debug file of a build-id (and a file's name, to show) and gives its path;
    ``indexes`` gives the cache of indexes where one is to be used.

    >>> places = Places("/usr/lib/debug:/opt/debug")
    >>> places.directories, places.taken()
    (['/usr/lib/debug', '/opt/debug'], [])
    """

    def __init__(
        self,
        directory: str = DEBUG_DIRECTORY,
        fetch: Callable[[str, str], str | None] | None = None,
        indexes: Callable[[], IndexCache | None] | None = None,
    ) -> None:
        self.directory = directory
        self.fetch = fetch
        self.indexes = indexes
        self._said: set[str] = set()
        self._waiting: list[str] = []

    @property
    def directories(self) -> list[str]:
        """Give the directories, which gdb calls "the global debug directory" in its manual."""
        return [one for one in self.directory.split(":") if one]

    def warn(self, text: str) -> None:
        """Keep a warning for the user, each once."""
        if text not in self._said:
            self._said.add(text)
            self._waiting.append(text)

    def taken(self) -> list[str]:
        """Give the warnings that came since the last time."""
        found, self._waiting = self._waiting, []
        return found

    def fetched(self, build_id: str | None, name: str) -> ElfFile | None:
        """Ask the server for the debug file of a build-id."""
        path = self.fetch(build_id, name) if self.fetch is not None and build_id else None
        found = None if path is None else open_elf(path)
        return found if found is not None and found.build_id == build_id else None


def build_id_path(build_id: str, directory: str = DEBUG_DIRECTORY) -> str:
    """Give the path a debug file of this build-id has.

    >>> build_id_path("abcdef")
    '/usr/lib/debug/.build-id/ab/cdef.debug'
    """
    return f"{directory}/.build-id/{build_id[:2]}/{build_id[2:]}.debug"


def find_debug_file(
    elf: ElfFile, places: Places | None = None, name: str | None = None
) -> ElfFile | None:
    """Open the separate debug file of ``elf``, or give None.

    A file that is damaged or of another build is passed over with a warning. ``name`` is what
    ``elf`` is called there, where its own path is not what the user knows.
    """
    places = places or Places()
    found = _by_build_id(elf.build_id, places)
    if found is not None:
        return found
    name = name or elf.path
    for path, crc in _linked(elf, name, places.directories):
        if path == elf.path or not is_file(path) or _same_file(path, elf.path):
            continue
        if _crc32(path) != crc:
            places.warn(
                f'the debug information found in "{path}" does not match '
                f'"{os.path.abspath(name)}" (CRC mismatch).'
            )
            continue
        found = open_elf(path)
        if found is not None and found.machine == elf.machine:
            return found
    return places.fetched(elf.build_id, name)


def find_alternate(elf: ElfFile, places: Places | None = None) -> ElfFile | None:
    """Open the file that dwz moved common DWARF to (.gnu_debugaltlink), or give None."""
    places = places or Places()
    try:
        link = elf.debugaltlink or elf.debug_sup
    except FileError:
        return None
    if link is None:
        return None
    name, build_id = link
    candidates = [name if name.startswith("/") else f"{_folder(elf.path)}/{name}"]
    for base in places.directories:
        candidates.append(f"{base}/.dwz/{os.path.basename(name)}")
    for place in candidates:
        found = open_elf(place)
        if found is None:
            continue
        if build_id in (found.build_id, found.supplement_id):
            return found
        places.warn(_mismatch(found, place))
    other = _by_build_id(build_id, places) or places.fetched(build_id, name)
    if other is None:
        places.warn(f"could not find '.gnu_debugaltlink' file for {elf.path}")
    return other


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


def _by_build_id(build_id: str | None, places: Places) -> ElfFile | None:
    if not build_id or len(build_id) <= 2:
        return None
    for base in places.directories:
        path = build_id_path(build_id, base)
        found = open_elf(path)
        if found is not None and found.build_id == build_id:
            return found
        if found is not None:
            places.warn(_mismatch(found, path))
    return None


def _mismatch(found: ElfFile, path: str) -> str:
    """Spell gdb's words for a file of another build (build-id.c, build_id_verify)."""
    what = "no build-id" if found.build_id is None else "a different build-id"
    return f'File "{path}" has {what}, file skipped'


def _linked(elf: ElfFile, name: str, directories: list[str]) -> Iterator[tuple[str, int]]:
    try:
        link = elf.debuglink
    except FileError:
        return
    if link is None or "/" in link[0]:
        return
    file, crc = link
    seen = set()
    for folder in (os.path.dirname(os.path.abspath(name)), _folder(elf.path)):
        places = [f"{folder}/{file}", f"{folder}/.debug/{file}"]
        for base in directories:
            places.append(f"{base}{folder}/{file}")
        for place in places:
            if place not in seen:
                seen.add(place)
                yield place, crc


def _folder(path: str) -> str:
    return os.path.realpath(path).rpartition("/")[0]


def is_file(path: str) -> bool:
    """Tell whether there is a regular file of this name."""
    # os.stat, for pathlib is an import of 3 ms on the way to every first prompt.
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def open_elf(path: str) -> ElfFile | None:
    """Open an ELF file; None where there is none that can be read."""
    try:
        return ElfFile(path) if is_file(path) else None
    except FileError:
        return None


def _same_file(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def _crc32(path: str) -> int | None:
    import zlib

    crc = 0
    try:
        with open(path, "rb") as file:
            while data := file.read(_CHUNK):
                crc = zlib.crc32(data, crc)
    except (OSError, ValueError):
        return None
    return crc
