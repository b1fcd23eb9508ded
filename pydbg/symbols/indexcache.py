"""Where indexes of big files are kept: $XDG_CACHE_HOME/pydbg/index, by build-id.

Several debuggers may read and write it at once: an index appears whole (written aside, renamed),
whoever has one mapped keeps it, and one process builds an index at a time. What is damaged, of
another version or somebody else's is not used and, where it can be, written anew.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydbg.symbols.unitindex import VERSION, UnitIndex, identity_of

if TYPE_CHECKING:
    from pydbg.symbols.elf import ElfFile

__all__ = ["IndexCache"]

_MAX_TOTAL = 512 << 20
"""The cache may have so many bytes; those that were used longest ago go first."""
_SUFFIX = ".index"


def default_directory() -> str:
    """Give the directory that is used unless another one is set (basedir specification).

    >>> default_directory().endswith("/pydbg/index")
    True
    """
    base = os.environ.get("XDG_CACHE_HOME") or ""
    if not base.startswith("/"):
        base = os.path.expanduser("~/.cache")
    return f"{base}/pydbg/index"


class IndexCache:
    """Be the directory of indexes, the usual one if it is ""; what the system refuses is no error.

    >>> from pydbg.symbols.elf import ElfFile
    >>> IndexCache("/nonexistent").find(ElfFile("/bin/true")) is None
    True
    """

    def __init__(self, directory: str) -> None:
        self.directory = os.path.abspath(directory) if directory else default_directory()

    def path_of(self, elf: ElfFile) -> str:
        """Give where the index of a file belongs."""
        name = elf.build_id
        if not name:
            import hashlib

            name = hashlib.blake2b(os.path.realpath(elf.path).encode(), digest_size=16).hexdigest()
        # Debuggers of several versions do not write over each other's.
        return f"{self.directory}/{name}.{VERSION}{_SUFFIX}"

    def find(self, elf: ElfFile) -> UnitIndex | None:
        """Map the index of a file; None where there is none that can be trusted."""
        try:
            path = self.path_of(elf)
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError):
            return None
        try:
            info = os.fstat(fd)
            if not _is_ours(info) or not info.st_size:
                return None
            data = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
            found = UnitIndex.load(data, identity_of(elf))
            if found is not None:
                os.utime(path)  # It was used: others go before it.
            return found
        except (OSError, ValueError):
            return None
        finally:
            os.close(fd)

    def prepare(self) -> bool:
        """Make the directory; tell whether it is ours and can be written.

        Two around it are made as well, but no home for somebody who has none.
        """
        home = self.directory.rsplit("/", 3)[0]
        if home and not os.path.isdir(home):
            return False
        try:
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
            info = os.stat(self.directory)
        except (OSError, ValueError):
            return False
        return (
            stat.S_ISDIR(info.st_mode)
            and info.st_uid == os.geteuid()
            and not info.st_mode & 0o022
            and os.access(self.directory, os.W_OK)
        )

    @contextmanager
    def only_one(self, program: str) -> Iterator[bool]:
        """Tell whether nobody else builds a program's index just now, and keep it so."""
        import fcntl
        import hashlib

        name = hashlib.blake2b(os.path.realpath(program).encode(), digest_size=8).hexdigest()
        fd = os.open(f"{self.directory}/.{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(fd)

    def is_busy(self, program: str) -> bool:
        """Tell whether somebody builds a program's index just now."""
        try:
            with self.only_one(program) as free:
                return not free
        except OSError:
            return True

    def trim(self, most: int = _MAX_TOTAL) -> None:
        """Remove the indexes that were used longest ago until the rest fits."""
        rows = []
        try:
            with os.scandir(self.directory) as entries:
                for entry in entries:
                    if entry.name.endswith(_SUFFIX):
                        info = entry.stat(follow_symlinks=False)
                        rows.append((info.st_mtime_ns, info.st_size, entry.path))
        except OSError:
            return
        left = sum(size for _, size, _ in rows)
        for _, size, path in sorted(rows):
            if left <= most:
                return
            try:
                os.unlink(path)
            except OSError:
                continue
            left -= size


def _is_ours(info: os.stat_result) -> bool:
    """Tell a file that nobody else can have written."""
    return (
        stat.S_ISREG(info.st_mode) and info.st_uid in (0, os.geteuid()) and not info.st_mode & 0o022
    )
