"""Decode a system call's registers and memory to text, as strace prints it.

The knowledge is in three places: a row a call (``rows.py``) names a kind for each argument; a
decoder a kind (``decoders/``) makes text of a value; a row a struct (``structs.py``) serves
those kinds that are a struct. To add a call is to add a row.

A decoder is ``function(context, value, param) -> str | None``; None leaves the argument out.
An argument marked ``>`` in its row is filled in by the kernel: at entry, and when the call
failed, it is an address; at the return the decoder is asked. A decoder for memory that the
kernel both reads and writes has no mark and looks at ``context.returning``.

Whoever has the result of the entry gives it to the return (``entry=``): arguments that the
kernel only reads keep the text they had, as in strace, so that ``close(3</etc/passwd>)`` shows
the path although the descriptor is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pydbg.errors import DebuggerError
from pydbg.records import Record, field
from pydbg.syscalls.errno import error_name, error_text, is_restart
from pydbg.syscalls.flags import to_signed
from pydbg.syscalls.table import Arg, Syscall

__all__ = ["Context", "Decoded", "DecodedArg", "Decoder", "Reader", "decode", "result_text"]

AT_FDCWD = -100
_MAX_ERRNO = 4095
_PAGE = 4096

# strace prints these in another order than the registers'.
_ORDER = {"clone": ("stack", "flags", "parent_tid", "tls", "child_tid")}


class Reader(Protocol):
    """Be what decoding needs of the inferior."""

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


class DecodedArg(Record):
    """Hold one argument: its name, the register's value and the text of it."""

    name: str
    raw: int
    text: str


class Decoded(Record):
    """Hold a decoded call; ``ret_text`` is None at entry."""

    name: str
    args: tuple[DecodedArg, ...]
    ret_text: str | None = None
    memo: dict[str, object] = field(default_factory=dict, compare=False, repr=False)
    """What the return needs to know of the entry."""

    def line(self, column: int = 0, names: bool = False) -> str:
        """Return the call in one line, with the result where there is one.

        ``column`` is where the equals sign stands at least (strace: 40); ``names`` writes
        ``fd=1`` instead of ``1``.

        >>> Decoded("close", (DecodedArg("fd", 3, "3"),), "0").line(column=40)
        'close(3)                                = 0'
        """
        texts = (
            f"{arg.name}={arg.text}" if names and not arg.text.startswith(arg.name) else arg.text
            for arg in self.args
        )
        text = f"{self.name}({', '.join(texts)})"
        if self.ret_text is None:
            return text
        return f"{text.ljust(column - 1)} = {self.ret_text}"


class Context:
    """Be what a decoder may ask: the call, its arguments, the result, the memory."""

    __slots__ = (
        "args",
        "by_name",
        "call",
        "index",
        "limit",
        "memo",
        "note",
        "reader",
        "ret",
        "returning",
    )

    def __init__(
        self,
        call: Syscall,
        args: Sequence[int],
        reader: Reader,
        ret: int | None,
        returning: bool,
        memo: dict[str, object],
        limit: int,
    ) -> None:
        self.call = call
        self.args = args
        self.reader = reader
        self.ret = ret
        self.returning = returning
        self.memo = memo
        self.limit = limit
        """How many bytes of a string are printed (strace -s)."""
        self.index = 0
        """Which argument is being decoded."""
        self.note = ""
        """What to print in brackets after the result."""
        self.by_name = {arg.name: value for arg, value in zip(call.args, args, strict=False)}

    @property
    def word(self) -> int:
        """Return the size of a pointer in the inferior, in bytes."""
        return self.reader.word_size

    @property
    def failed(self) -> bool:
        """Tell whether the call came back with an error."""
        return self.ret is not None and -_MAX_ERRNO <= self.ret < 0

    def arg(self, name: str) -> int:
        """Return the raw value of the argument ``name``."""
        return self.by_name[name]

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


Decoder = Callable[[Context, int, str], "str | None"]


def decode(
    call: Syscall,
    args: Sequence[int],
    reader: Reader,
    *,
    ret: int | None = None,
    phase: str = "entry",
    entry: Decoded | None = None,
    limit: int = 32,
) -> Decoded:
    """Decode one call at its "entry" or "return".

    ``args`` are the raw registers, ``ret`` the result (signed; None at the return: the call
    does not come back), ``entry`` what was decoded at the entry, ``limit`` the bytes of a
    string that are printed.

    >>> from pydbg.syscalls.table import table_for
    >>> class Memory:
    ...     word_size = 8
    ...     def read(self, addr, size): return b"hello\\n"[:size]
    ...     def fd_path(self, fd): return "/dev/pts/0"
    >>> call = table_for("x86_64").by_name("write")
    >>> print(decode(call, (1, 0x1000, 6), Memory(), ret=6, phase="return").line())
    write(1</dev/pts/0>, "hello\\n", 6) = 6
    """
    from pydbg.syscalls.decoders import decode_value, pointer_text

    if call.name in _MULTIPLEXED:
        from pydbg.syscalls.multiplexed import unfold

        call, args = unfold(call, args, _word_reader(reader))
    mask = (1 << (8 * reader.word_size)) - 1
    raw = [value & mask for value in args[: len(call.args)]]
    raw += [0] * (len(call.args) - len(raw))
    returning = phase == "return"
    if ret is not None:
        ret = to_signed(ret, 8 * reader.word_size)
    memo = dict(entry.memo) if entry else {}
    context = Context(call, raw, reader, ret, returning, memo, limit)
    kept = {arg.name: arg for arg in entry.args} if entry else {}
    decoded = []
    for index, (arg, value) in enumerate(zip(call.args, raw, strict=True)):
        context.index = index
        text: str | None
        if arg.out and (not returning or context.failed or ret is None):
            text = pointer_text(value)
        elif returning and entry and not arg.out and not _changes(arg):
            # The kernel does not write here: the text of the entry holds.
            text = kept[arg.name].text if arg.name in kept else None
        else:
            text = decode_value(context, value, arg.kind, arg.param)
        if text is not None:
            decoded.append(DecodedArg(arg.name, value, text))
    order = _ORDER.get(call.name)
    if order:
        decoded.sort(key=lambda item: order.index(item.name))
    ret_text = None
    if returning:
        ret_text = result_text(context)
    return Decoded(call.name, tuple(decoded), ret_text, memo)


_MULTIPLEXED = ("socketcall", "ipc")


def _word_reader(reader: Reader) -> Callable[[int], int | None]:
    def read_word(addr: int) -> int | None:
        try:
            return int.from_bytes(reader.read(addr, 4), "little")
        except DebuggerError:
            return None

    return read_word


# Kinds that the kernel both reads and writes; all others without ">" are read only.
_IN_OUT = frozenset(
    (
        "clone_args",
        "clone_ptid",
        "fdset",
        "fcntl_arg",
        "io_uring_params",
        "ioctl_arg",
        "keyctl_arg",
        "offset_inout",
        "pollfds",
        "prctl_arg",
        "arch_prctl_arg",
        "ptrace_data",
        "syslog_buf",
        "shmctl_arg",
        "socklen",
        "thread_area",
        "timespec64_left",
        "timespec64_rem",
        "timespec64_select",
        "timespec_left",
        "timespec_rem",
        "timespec_select",
        "timeval_select",
    )
)


def _changes(arg: Arg) -> bool:
    return arg.kind in _IN_OUT


def result_text(context: Context) -> str:
    """Return the result as strace prints it after the equals sign.

    A decoder may have left a note (``context.note``), printed in brackets.
    """
    from pydbg.syscalls.decoders import decode_result

    ret = context.ret
    if ret is None:
        return "?"
    if context.failed:
        name = error_name(-ret)
        if name is None:
            return f"-1 (errno {-ret})"
        mark = "?" if is_restart(-ret) else "-1"
        return f"{mark} {name} ({error_text(-ret)})"
    text = decode_result(context, ret)
    return f"{text} ({context.note})" if context.note else text
