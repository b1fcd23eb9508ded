"""Decoders of plain values: numbers, flags, descriptors, paths, strings and buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.flags import enum_text, flag_set, flags_text, named, quote, style, to_signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydbg.syscalls.context import Context, Decoder

__all__ = [
    "KINDS",
    "buffer_text",
    "enum_d_text",
    "fd_text",
    "length_of",
    "path_text",
    "string_text",
    "words_at",
]

_AT_FDCWD = -100
_PATH_MAX = 4096
_U32 = 0xFFFFFFFF


def fd_text(context: Context, fd: int) -> str:
    """Return a descriptor with what it refers to, as ``strace -y`` and ``-yy`` print it.

    The kernel appends " (deleted)" to the path of a removed file; strace writes it behind.
    """
    wanted = context.options.fds
    if fd < 0 or not wanted:
        return str(fd)
    if wanted > 1:
        details = getattr(context.reader, "fd_details", None)
        text = details(fd) if details else None
        if text is not None:
            return f"{fd}<{text}>"
    return f"{fd}{_link_text(context.reader.fd_path(fd))}"


def _link_text(path: str | None) -> str:
    if path is None:
        return ""
    deleted = path.endswith(" (deleted)")
    data = path.removesuffix(" (deleted)").encode("utf-8", "surrogateescape")
    return f"<{quote(data, escape=b'<>', marks='')}>" + ("(deleted)" if deleted else "")


def path_text(context: Context, addr: int) -> str:
    """Return the path at ``addr``, whole up to PATH_MAX; the address where it is unreadable."""
    if not addr:
        return "NULL"
    found = context.read_cstring(addr, _PATH_MAX)
    if found is None:
        return pointer_text(addr)
    text, ended = found
    return context.quote(text) if ended else context.quote(text[: _PATH_MAX - 1]) + "..."


def string_text(context: Context, addr: int) -> str:
    """Return the string at ``addr``, cut at the limit."""
    if not addr:
        return "NULL"
    found = context.read_cstring(addr, context.limit + 1)
    if found is None:
        return pointer_text(addr)
    text, ended = found
    if not ended and len(text) > context.limit:
        return context.quote(text[: context.limit]) + "..."
    return context.quote(text)


def buffer_text(context: Context, addr: int, size: int) -> str:
    """Return ``size`` bytes at ``addr``, cut at the limit."""
    if not addr:
        return "NULL"
    if size < 0:
        return pointer_text(addr)
    data = context.read(addr, min(size, context.limit))
    if data is None:
        return pointer_text(addr)
    return context.quote(data) + ("..." if size > context.limit else "")


def length_of(context: Context, param: str) -> int:
    """Return the length that a row's parameter names: "ret", a number or an argument."""
    if param == "ret":
        return context.ret or 0
    return int(param) if param.isdecimal() else context.arg(param)


def words_at(context: Context, addr: int, count: int, size: int) -> list[int] | None:
    """Return ``count`` little-endian integers of ``size`` bytes, or None."""
    data = context.read(addr, count * size)
    if data is None:
        return None
    starts = range(0, len(data), size)
    return [int.from_bytes(data[start : start + size], "little") for start in starts]


def _bytes(context: Context, addr: int, param: str) -> str:
    size = length_of(context, param)
    if context.call.name == "getrandom" and addr and size >= 0:
        from pydbg.syscalls.flags import quote_hex

        data = context.read(addr, min(size, context.limit))
        if data is not None:
            return quote_hex(data) + ("..." if size > context.limit else "")
    return buffer_text(context, addr, size)


def _hex_bytes(context: Context, addr: int, param: str) -> str:
    from pydbg.syscalls.flags import quote_hex

    size = length_of(context, param) & _U32
    data = context.read(addr, min(size, context.limit)) if addr else None
    if data is None:
        return pointer_text(addr)
    return quote_hex(data) + ("..." if size > context.limit else "")


def _strn(context: Context, addr: int, param: str) -> str:
    return buffer_text(context, addr, length_of(context, param))


def _fds(context: Context, addr: int, param: str) -> str:
    fds = words_at(context, addr, int(param), 4) if addr else None
    if fds is None:
        return pointer_text(addr)
    return f"[{', '.join(fd_text(context, to_signed(fd)) for fd in fds)}]"


def _dirfd(context: Context, value: int, _: str) -> str:
    fd = to_signed(value)
    if fd == _AT_FDCWD:
        wanted = context.options.fds
        text = named(str(fd), "AT_FDCWD")
        return text + (_link_text(context.reader.fd_path(fd)) if wanted else "")
    return fd_text(context, fd)


def _mode(_context: Context, value: int, _: str) -> str:
    return f"0{value & 0xFFFF:o}" if value & 0xFFFF > 7 else f"0{value & 0xFFFF:02o}"


def _ids(context: Context, addr: int, param: str) -> str:
    count = to_signed(length_of(context, param))
    size = _id_size(context)
    if count < 0 or count > 65536 or not addr:
        return pointer_text(addr)
    if not count:
        return "[]"
    values = words_at(context, addr, min(count, context.members), size)
    if values is None:
        return pointer_text(addr)
    texts = [_uid(context, value, "") for value in values]
    return f"[{', '.join(texts)}{', ...' if count > context.members else ''}]"


# The calls of i386 that take 16-bit user and group numbers (their successors end in "32").
_SHORT_IDS = frozenset(
    (
        "chown",
        "fchown",
        "getgroups",
        "getresgid",
        "getresuid",
        "lchown",
        "setfsgid",
        "setfsuid",
        "setgid",
        "setgroups",
        "setregid",
        "setresgid",
        "setresuid",
        "setreuid",
        "setuid",
    )
)


def _id_size(context: Context) -> int:
    return 2 if context.call.abi == "i386" and context.call.name in _SHORT_IDS else 4


def _uid(context: Context, value: int, _: str) -> str:
    mask = (1 << (8 * _id_size(context))) - 1
    return "-1" if value & mask == mask else str(value & mask)


def _intp(context: Context, addr: int, param: str) -> str:
    """Print ``[value]``; ``param`` is how: int, uint, uid, sched_param or mpol."""
    size = _id_size(context) if param == "uid" else 4
    value = context.read_int(addr, size) if addr else None
    if value is None:
        return pointer_text(addr)
    if param == "uint":
        return f"[{value}]"
    if param == "mpol":
        from pydbg.syscalls.decoders.memory import mpol_text

        return f"[{mpol_text(value)}]"
    return f"[{to_signed(value, 8 * size)}]"


def _ulongp(context: Context, addr: int, param: str) -> str:
    value = context.read_word(addr) if addr else None
    if value is None:
        return pointer_text(addr)
    return f"[{value}]" if param == "size" else f"[{pointer_text(value)}]"


def _key(_context: Context, value: int, _: str) -> str:
    return named("0", "IPC_PRIVATE") if not value & _U32 else f"{value & _U32:#x}"


def _hi64(_context: Context, _value: int, _: str) -> None:
    return None


def _lo64(context: Context, value: int, param: str) -> str:
    """Print a 64-bit value that two registers of i386 hold; the next one is the high half."""
    if context.word == 4:
        value |= context.args[context.index + 1] << 32
    return str(value if param == "u" else to_signed(value, 64))


def _flags_lo64(context: Context, value: int, param: str) -> str:
    return flags_text(value | context.args[context.index + 1] << 32, param)


def _enum(_context: Context, value: int, param: str) -> str:
    value &= _U32
    known = flag_set(param)
    # A set with negative constants (RUSAGE_CHILDREN) keeps them as 64-bit values.
    wide = to_signed(value) % (1 << 64)
    return enum_text(wide if wide in known.by_value else value, param)


def _enum_d(_context: Context, value: int, param: str) -> str:
    return enum_d_text(value, param)


def enum_d_text(value: int, param: str) -> str:
    """Return the name of a signed number; what has no name in decimal."""
    known = flag_set(param)
    number = to_signed(value)
    name = known.by_value.get(number % (1 << 64)) or known.by_value.get(number)
    return named(str(number), name or f"{number} /* {known.unknown} */")


def _enum_v(_context: Context, value: int, param: str) -> str:
    """Print a number with its name as a comment: the name is in no public header."""
    known = flag_set(param)
    shown = f"{value:#x}" if value else "0"
    if known.unknown.startswith("PIDTYPE"):
        shown = f"{value & _U32:#x}" if value & _U32 else "0"
        value &= _U32
    if style() == "raw":
        return shown
    return f"{shown} /* {known.by_value.get(value, known.unknown)} */"


def _named_pointer(show: Callable[[int, str], str]) -> Decoder:
    """Make the decoder of a pointer to 32 bits that have names."""

    def decoder(context: Context, addr: int, param: str) -> str:
        value = context.read_int(addr) if addr else None
        return pointer_text(addr) if value is None else f"[{show(value, param)}]"

    return decoder


def _errno(_context: Context, value: int, _: str) -> str:
    from pydbg.syscalls.errno import error_name

    number = value & _U32
    return named(str(number), error_name(number) or str(number))


def _text_of_length(context: Context, addr: int, param: str) -> str:
    """Print a buffer of text without the NUL byte at its end."""
    size = length_of(context, param)
    data = context.read(addr, min(size, context.limit + 1)) if addr else None
    if data is None:
        return pointer_text(addr)
    data = data.removesuffix(b"\0") if len(data) == size else data
    return context.quote(data[: context.limit]) + ("..." if len(data) > context.limit else "")


def _rlimit(bits: int, infinity: str) -> Decoder:
    def decoder(context: Context, value: int, _: str) -> str:
        width = bits or 8 * context.word
        if value == (1 << width) - 1:
            name = infinity or ("RLIM64_INFINITY" if width == 64 else "RLIM_INFINITY")
            return named(str(value), name)
        if value > 1024 and value % 1024 == 0:
            return named(str(value), f"{value // 1024}*1024")
        return str(value)

    return decoder


KINDS: dict[str, Decoder] = {
    "int": lambda _c, value, _p: str(to_signed(value)),
    "uint": lambda _c, value, _p: str(value & _U32),
    "long": lambda c, value, _p: str(to_signed(value, 8 * c.word)),
    "s64": lambda _c, value, _p: str(to_signed(value, 64)),
    "off": lambda c, value, _p: str(to_signed(value, 8 * c.word)),
    "size": lambda _c, value, _p: str(value),
    "hex": lambda _c, value, _p: f"{value:#x}" if value else "0",
    "hex32": lambda _c, value, _p: f"{value & _U32:#x}" if value & _U32 else "0",
    "ptr": lambda _c, value, _p: pointer_text(value),
    "pid": lambda _c, value, _p: str(to_signed(value)),
    "uid": _uid,
    "key": _key,
    "skip": _hi64,
    "lo64": _lo64,
    "hi64": _hi64,
    "fd": lambda c, value, _p: fd_text(c, to_signed(value)),
    "dirfd": _dirfd,
    "fds": _fds,
    "path": lambda c, value, _p: path_text(c, value),
    "str": lambda c, value, _p: string_text(c, value),
    "strn": _strn,
    "bytes": _bytes,
    "mode": _mode,
    "hexbytes": _hex_bytes,
    "str0": _text_of_length,
    "errno": _errno,
    "enum_v": _enum_v,
    "enump": _named_pointer(enum_text),
    "flagsp": _named_pointer(flags_text),
    "enum_d": _enum_d,
    "flags": lambda _c, value, param: flags_text(value & _U32, param),
    "flags_plain": lambda _c, value, p: flags_text(value & _U32, p).split(" /*")[0],
    "flags16": lambda _c, value, param: flags_text(value & 0xFFFF, param),
    "flags64": lambda _c, value, param: flags_text(value, param),
    "flags_lo64": _flags_lo64,
    "enum": _enum,
    "enum64": lambda _c, value, param: enum_text(value, param),
    "intp": _intp,
    "ulongp": _ulongp,
    "gids": _ids,
    "rlim": _rlimit(0, ""),
    "rlim64": _rlimit(64, "RLIM64_INFINITY"),
}
