"""The memory of another process, through /proc/PID/mem and process_vm_readv(2).

/proc/PID/mem reads and writes whatever the tracer may touch, also r-x pages and pages without
any permission, at about 1.4 us a call. process_vm_readv respects the page protection but is
twice as fast for megabytes, so it serves bulk reads.
"""

from __future__ import annotations

import errno as _errno
import os
from typing import TYPE_CHECKING

from pydbg.errors import MemoryFault, NoProcess, PtraceError, ThreadGone

if TYPE_CHECKING:
    pass

# pread takes a signed offset, and half of the address space is the kernel's anyway.
_LIMIT = 1 << 63
_PAGE = 4096
_ONE_READ = 1 << 30
"""What one read surely gives whole if it can; the kernel's limit is 2 GiB less a page."""
CHUNK = 1 << 20
"""Bytes of one bulk read: the fastest size for process_vm_readv, small in memory."""

"""Bytes from which a search pays for a foreign call."""


class ProcessMemory:
    """Read and write the memory of process ``pid``, which must be a tracee of this thread.

    >>> with ProcessMemory(os.getpid()) as memory:
    ...     from ctypes import addressof, create_string_buffer
    ...     text = create_string_buffer(b"hello")
    ...     memory.read(addressof(text), 5)
    b'hello'
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = -1
        self.reopen()

    def __enter__(self) -> ProcessMemory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def reopen(self) -> None:
        """Open the file again: after an exec the old one shows the old, dead address space."""
        self.close()
        try:
            self._fd = _open(self.pid)
        except ProcessLookupError:
            self._reopen_living()

    def read(self, addr: int, size: int) -> bytes:
        """Return exactly ``size`` bytes, or raise MemoryFault at the first one that is missing."""
        try:
            data = os.pread(self._fd, size, addr)
        except (OSError, OverflowError, ValueError):
            data = b""
        if len(data) == size:
            return data
        data = self.read_some(addr, size)
        if len(data) < size:
            raise MemoryFault(addr + len(data), size - len(data))
        return data

    def read_some(self, addr: int, size: int) -> bytes:
        """Return the bytes from ``addr`` up to the first unreadable one, at most ``size``."""
        pieces = []
        retried = False
        while size > 0 and 0 <= addr < _LIMIT:
            try:
                piece = os.pread(self._fd, min(size, _LIMIT - addr), addr)
            except OSError as error:
                if error.errno not in (_errno.EIO, _errno.EFAULT):
                    raise self._vanished(error) from None
                break
            if not piece:
                # End of file means that the address space behind the file is gone.
                if retried:
                    raise NoProcess(f"Process {self.pid} has no memory any more.")
                retried = True
                self._reopen_living()
                continue
            pieces.append(piece)
            if len(piece) < size < _ONE_READ:
                break  # The kernel copies page by page, up to one that it cannot (mem_rw).
            addr += len(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def write(self, addr: int, data: bytes | bytearray | memoryview) -> None:
        """Write all of ``data``, also to read-only and executable pages.

        Raises MemoryFault at the first byte that cannot be written; what is before it has been
        written then.
        """
        view = memoryview(data)
        retried = False
        while view:
            if not 0 <= addr < _LIMIT:
                raise MemoryFault(addr, len(view))
            try:
                done = os.pwrite(self._fd, view, addr)
            except OSError as error:
                if error.errno not in (_errno.EIO, _errno.EFAULT):
                    raise self._vanished(error) from None
                done = self._poke(addr, view)
            if not done:
                if retried:
                    raise NoProcess(f"Process {self.pid} has no memory any more.")
                retried = True
                self._reopen_living()
                continue
            addr += done
            view = view[done:]

    def _reopen_living(self) -> None:
        """Open the file of a thread that lives; the first one may have exited before the rest."""
        from pydbg.linux.procfs import stat, tasks

        self.close()
        for tid in tasks(self.pid):
            if stat(tid).state not in "ZX":
                try:
                    self._fd = _open(tid)
                except ProcessLookupError:
                    continue
                return
        raise NoProcess(f"Process {self.pid} has no memory any more.")

    def _vanished(self, error: OSError) -> NoProcess:
        return NoProcess(f"Cannot access the memory of process {self.pid}: {error.strerror}.")

    def _poke(self, addr: int, view: memoryview) -> int:
        """Write up to one word by ptrace.

        A kernel may forbid /proc/PID/mem to override the protection of pages
        (proc_mem.force_override=never, Linux 6.12); PTRACE_POKEDATA still may.
        """
        from pydbg.linux import ptrace

        # A word at the end of a page must not reach into the next one.
        base = addr & ~7 if addr % _PAGE > _PAGE - 8 else addr
        offset = addr - base
        count = min(8 - offset, len(view))
        try:
            word = bytearray(ptrace.peekdata(self.pid, base).to_bytes(8, "little"))
            word[offset : offset + count] = view[:count]
            ptrace.pokedata(self.pid, base, int.from_bytes(word, "little"))
        except (PtraceError, ThreadGone):
            raise MemoryFault(addr, len(view)) from None
        return count


def _open(pid: int) -> int:
    """Open the memory that task ``pid`` has; ProcessLookupError says that it has given it up."""
    try:
        return os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NoProcess(f"Process {pid} no longer exists.") from None
    except ProcessLookupError:
        raise
    except OSError as error:
        raise NoProcess(f"Cannot access the memory of process {pid}: {error.strerror}.") from None
