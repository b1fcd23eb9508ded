"""What a decoder works with: the call at hand, the inferior's memory, how to print.

Nothing here keeps a process: a ``Reader`` is lent for one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from pydbg.errors import DebuggerError
from pydbg.records import Record
from pydbg.syscalls.flags import quote, quote_hex

if TYPE_CHECKING:
    from pydbg.syscalls.table import Syscall

__all__ = ["Context", "Decoder", "Options", "Reader"]

_MAX_ERRNO = 4095
_PAGE = 4096
# More members than any kernel looks at.
_WHOLE = 1 << 16


class Options(Record):
    """Hold how values are printed: strace's options of the same meaning.

    >>> Options(limit=100, verbose=True)
    Options(limit=100, verbose=True, hex_strings=0, xlat='abbrev', fds=1)
    """

    limit: int = 32
    """How many bytes of a string, and members of an array, are printed (-s)."""
    verbose: bool = False
    """Whether structs are printed whole (-v)."""
    hex_strings: int = 0
    """1: strings with bytes that are no text are printed in hex (-x); 2: all strings (-xx)."""
    xlat: str = "abbrev"
    """Names of constants (-X): "abbrev", "raw" (the number) or "verbose" (number and name)."""
    fds: int = 1
    """0: numbers only; 1: what the reader's ``fd_path`` says; 2: ``fd_details`` first (-yy)."""


DEFAULT = Options()
"""strace's own choice."""


class Reader(Protocol):
    """Be what decoding needs of the inferior.

    A reader may have members more: ``sp``, the stack pointer at the call (for the frames of
    signal handlers); ``fd_details(fd)``, asked with ``Options.fds`` 2, which returns what
    stands between the angle brackets (``TCP:[127.0.0.1:80]``) or None; ``interface(index)``,
    the name of a network interface or None; ``netlink_protocol(fd)``, a netlink socket's
    protocol or None.
    """

    word_size: int
    """Bytes of a pointer in the inferior: 8, or 4."""

    def read(self, addr: int, size: int, /) -> bytes:
        """Return ``size`` bytes at ``addr``; raise MemoryFault where one is unreadable."""
        ...

    def fd_path(self, fd: int, /) -> str | None:
        """Return what a descriptor refers to (/proc/PID/fd/N), None to print the number only.

        ``fd`` is AT_FDCWD (-100) for the working directory.
        """
        ...


class Context:
    """Be what a decoder may ask: the call, its arguments, the result, the memory."""

    __slots__ = (
        *(
            "args",
            "call",
            "failed",
            "index",
            "limit",
            "members",
            "memo",
            "note",
            "options",
            "reader",
        ),
        *("ret", "returning", "verbose", "word"),
    )

    def __init__(
        self,
        call: Syscall,
        args: Sequence[int],
        reader: Reader,
        ret: int | None,
        returning: bool,
        memo: dict[str, object],
        options: Options,
    ) -> None:
        self.call = call
        self.args = args
        self.reader = reader
        self.ret = ret
        self.returning = returning
        self.memo = memo
        """What the return needs to know of the entry."""
        self.options = options
        self.limit = options.limit
        """How many bytes of a string are printed (strace -s)."""
        self.verbose = options.verbose
        self.members = _WHOLE if options.verbose else options.limit
        """How many members of an array are printed: all with -v."""
        self.index = 0
        """Which argument is being decoded."""
        self.note = ""
        """What to print in brackets after the result."""
        self.failed = ret is not None and -_MAX_ERRNO <= ret < 0
        """Whether the call came back with an error."""
        self.word = reader.word_size
        """The size of a pointer in the inferior, in bytes."""

    def has(self, name: str) -> bool:
        """Tell whether the call has an argument ``name``."""
        return name in self.call.places

    def arg(self, name: str) -> int:
        """Return the raw value of the argument ``name``."""
        return self.args[self.call.places[name]]

    def read(self, addr: int, size: int) -> bytes | None:
        """Return memory, or None where it cannot be read."""
        if addr < 0 or size < 0 or addr + size > 1 << (8 * self.word):
            return None
        try:
            return self.reader.read(addr, size)
        except DebuggerError:
            return None

    def read_upto(self, addr: int, size: int) -> bytes:
        """Return what can be read of ``size`` bytes, page by page."""
        data = b""
        while len(data) < size:
            at = addr + len(data)
            more = self.read(at, min(size - len(data), _PAGE - at % _PAGE))
            if more is None:
                break
            data += more
        return data

    def read_int(self, addr: int, size: int = 4, signed: bool = False) -> int | None:
        """Return the integer at ``addr``, or None."""
        data = self.read(addr, size)
        return None if data is None else int.from_bytes(data, "little", signed=signed)

    def read_word(self, addr: int) -> int | None:
        """Return the pointer or long at ``addr``, or None."""
        return self.read_int(addr, self.word)

    def read_cstring(self, addr: int, limit: int) -> tuple[bytes, bool] | None:
        """Return (bytes before the NUL, whether there was one within ``limit``), or None.

        None: the string runs into memory that cannot be read.
        """
        data = b""
        while len(data) < limit:
            at = addr + len(data)
            more = self.read(at, min(limit - len(data), _PAGE - at % _PAGE, 256))
            if more is None:
                return None
            end = more.find(b"\0")
            if end >= 0:
                return data + more[:end], True
            data += more
        return data, False

    def quote(self, data: bytes) -> str:
        """Return bytes quoted as the options say."""
        if self.options.hex_strings and (self.options.hex_strings > 1 or not is_text(data)):
            return quote_hex(data)
        return quote(data)


def is_text(data: bytes) -> bool:
    r"""Tell whether strace -x prints ``data`` as it is: printable characters and white space.

    >>> is_text(b"a b\n"), is_text(b"\x01"), is_text(b"\xff")
    (True, False, False)
    """
    return not data.translate(None, _TEXT)


_TEXT = bytes(range(0x20, 0x7F)) + b"\t\n\v\f\r"

Decoder = Callable[[Context, int, str], "str | None"]
