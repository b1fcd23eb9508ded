"""Decoders of files: open flags, modes, stat, directory entries, fcntl, poll and epoll."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, decode_value, pointer_text, tail
from pydbg.syscalls.decoders.basic import length_of
from pydbg.syscalls.flags import (
    enum_text,
    flag_set,
    flags_parts,
    flags_text,
    named,
    quote_hex,
    to_signed,
)

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "device_text", "mode_text", "open_flags_text"]

_U32 = 0xFFFFFFFF
_O_CREAT = 0o100
_O_TMPFILE = 0o20000000  # without O_DIRECTORY
_ACCESS_MODES = ("O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE")
_FILE_TYPES = {
    0o140000: "S_IFSOCK",
    0o120000: "S_IFLNK",
    0o100000: "S_IFREG",
    0o060000: "S_IFBLK",
    0o040000: "S_IFDIR",
    0o020000: "S_IFCHR",
    0o010000: "S_IFIFO",
}
_EOVERFLOW = 75
_MAX_HANDLE = 128  # MAX_HANDLE_SZ
_MODE_BITS = ((0o4000, "S_ISUID"), (0o2000, "S_ISGID"), (0o1000, "S_ISVTX"))


def open_flags_text(flags: int) -> str:
    """Return open(2)'s flags: the access mode first, then the bits.

    >>> open_flags_text(0x80000), open_flags_text(0x241)
    ('O_RDONLY|O_CLOEXEC', 'O_WRONLY|O_CREAT|O_TRUNC')
    """
    parts, rest = flags_parts(flags & ~3, flag_set("open_mode_flags"))
    return "|".join([_ACCESS_MODES[flags & 3], *parts, *([f"{rest:#x}"] if rest else [])])


def _open_flags(_context: Context, value: int, _: str) -> str:
    value &= _U32
    return named(f"{value:#x}" if value else "0", open_flags_text(value))


def mode_text(mode: int) -> str:
    """Return a file's type and permissions.

    >>> mode_text(0o100644), mode_text(0o41777), mode_text(0o20666), mode_text(0o600)
    ('S_IFREG|0644', 'S_IFDIR|S_ISVTX|0777', 'S_IFCHR|0666', '0600')
    """
    kind = _FILE_TYPES.get(mode & 0o170000)
    parts = [kind] if kind else []
    if mode & 0o170000 and not kind:
        # Not a type at all: the number as it is.
        return f"0{mode:o}"
    parts += [name for bit, name in _MODE_BITS if mode & bit]
    rest = mode & 0o777
    parts.append(f"0{rest:o}" if rest > 7 else f"0{rest:02o}")
    return named(f"0{mode:o}", "|".join(parts)) if mode & ~0o777 else parts[0]


def device_text(device: int) -> str:
    """Return a device number (the kernel's 64-bit huge encoding) as makedev.

    >>> device_text(0x103)
    'makedev(0x1, 0x3)'
    """
    major = (device >> 8 & 0xFFF) | (device >> 32 & 0xFFFFF000)
    minor = (device & 0xFF) | (device >> 12 & 0xFFFFFF00)
    text = f"makedev({major:#x}, {minor:#x})".replace("0x0,", "0,").replace(" 0x0)", " 0)")
    return named(_hex(device), text)


def _open_mode(context: Context, value: int, _: str) -> str | None:
    flags = context.arg("oflag" if context.has("oflag") else "flags")
    if not flags & (_O_CREAT | _O_TMPFILE):
        return None
    return decode_value(context, value, "mode", "")


def _mq_attr(context: Context, value: int, _: str) -> str | None:
    if not context.arg("oflag") & _O_CREAT:
        return None
    return decode_struct(context, value, "mq_attr_open")


def _open_how(context: Context, addr: int, param: str) -> str:
    size = length_of(context, param)
    data = context.read(addr, min(size, 4096)) if addr and size >= 24 else None
    if data is None:
        return pointer_text(addr)
    flags, mode, resolve = struct.unpack_from("<QQQ", data)
    parts = [f"flags={named(_hex(flags), open_flags_text(flags))}"]
    if mode or flags & (_O_CREAT | _O_TMPFILE):
        parts.append(f"mode={decode_value(context, mode, 'mode', '')}")
    parts.append(f"resolve={flags_text(resolve, 'resolve_flags')}")
    return "{" + ", ".join(parts + tail(context, addr, 24, size)) + "}"


def _mknod_mode(_context: Context, value: int, _: str) -> str:
    return mode_text(value & 0xFFFF)


def _mknod_dev(context: Context, value: int, _: str) -> str | None:
    kind = context.arg("mode") & 0o170000
    return device_text(value & _U32) if kind in (0o020000, 0o060000) else None


def _stat(context: Context, addr: int, _: str) -> str:
    """Print struct stat of the ABI at hand (asm/stat.h)."""
    if context.word == 8:
        return _stat_text(context, addr, "stat", 144, 24, "I", 40, "Q", 48, "q")
    return _stat_text(context, addr, "stat32", 64, 8, "H", 20, "I", 24, "i")


def _oldstat(context: Context, addr: int, _: str) -> str:
    """Print i386's first struct stat (asm/stat.h, __old_kernel_stat)."""
    return _stat_text(context, addr, "oldstat", 32, 4, "H", 12, "H", 16, "I")


def _stat64(context: Context, addr: int, _: str) -> str:
    """Print i386's struct stat64, which is packed to 96 bytes."""
    return _stat_text(context, addr, "stat64", 96, 16, "I", 32, "Q", 44, "q")


def _stat_text(
    context: Context, addr: int, name: str, size: int, mode_at: int, mode_type: str, dev_at: int,
    dev_type: str, size_at: int, size_type: str,
) -> str:  # fmt: skip
    data = context.read(addr, size) if addr else None
    if data is None:
        return pointer_text(addr)
    if context.verbose:
        from pydbg.syscalls.decoders.whole import stat_text

        return stat_text(data, name)
    (mode,) = struct.unpack_from("<" + mode_type, data, mode_at)
    if mode & 0o170000 in (0o020000, 0o060000):
        (device,) = struct.unpack_from("<" + dev_type, data, dev_at)
        middle = f"st_rdev={device_text(device)}"
    else:
        (length,) = struct.unpack_from("<" + size_type, data, size_at)
        middle = f"st_size={length}"
    return f"{{st_mode={mode_text(mode)}, {middle}, ...}}"


def _statx(context: Context, addr: int, _: str) -> str:
    data = context.read(addr, 256) if addr else None
    if data is None:
        return pointer_text(addr)
    if context.verbose:
        from pydbg.syscalls.decoders.whole import statx_text

        return statx_text(data)
    (mask,) = struct.unpack_from("<I", data)
    (attributes,) = struct.unpack_from("<Q", data, 8)
    (mode,) = struct.unpack_from("<H", data, 28)
    (size,) = struct.unpack_from("<Q", data, 40)
    return (
        f"{{stx_mask={flags_text(mask, 'statx_masks')}, "
        f"stx_attributes={flags_text(attributes, 'statx_attrs')}, "
        f"stx_mode={mode_text(mode)}, stx_size={size}, ...}}"
    )


def _statx_flags(_context: Context, value: int, _: str) -> str:
    value &= _U32
    sync = flags_parts(value & 0x6000, flag_set("statx_sync"))[0] or ["AT_STATX_SYNC_AS_STAT"]
    parts, rest = flags_parts(value & ~0x6000, flag_set("at_flags"))
    shown = [named(_hex(value & 0x6000), "|".join(sync))]
    if rest:
        parts.append(f"{rest:#x}")
    if parts:
        shown.append(named(_hex(value & ~0x6000), "|".join(parts)))
    return "|".join(shown)


def _statfs(context: Context, addr: int, _: str) -> str:
    word = "q" if context.word == 8 else "i"
    return _statfs_text(context, addr, f"<7{word}2i4{word}", (1 << 8 * struct.calcsize(word)) - 1)


def _statfs64(context: Context, addr: int, _: str) -> str:
    return _statfs_text(context, addr, "<2i5q2i4i", _U32)


def _statfs_text(context: Context, addr: int, shape: str, mask: int) -> str:
    data = context.read(addr, struct.calcsize(shape)) if addr else None
    if data is None:
        return pointer_text(addr)
    values = struct.unpack(shape, data)
    kind, block, blocks, free, available, files, file_free = values[:7]
    first, second, name_length, fragment, flags = values[7:12]
    number = _hex(kind & _U32)
    magic = named(number, flag_set("fs_magic").by_value.get(kind & _U32) or number)
    text = (
        f"f_type={magic}, f_bsize={block}, f_blocks={blocks}, "
        f"f_bfree={free}, f_bavail={available}, f_files={files}, f_ffree={file_free}, "
        f"f_fsid={{val=[{_hex(first & _U32)}, {_hex(second & _U32)}]}}, f_namelen={name_length}, "
        f"f_frsize={fragment}"
    )
    if flags:
        text += f", f_flags={flags_text(flags & mask, 'statfs_flags')}"
    return f"{{{text}}}"


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _dents(context: Context, addr: int, param: str) -> str:
    """Print getdents' result as the count of entries, as strace does without -v."""
    return _entries(context, addr, length_of(context, param), 8 * context.word // 4)


def _dents64(context: Context, addr: int, param: str) -> str:
    return _entries(context, addr, length_of(context, param), 16)


def _entries(context: Context, addr: int, size: int, length_at: int) -> str:
    if not addr:
        return "NULL"
    data = context.read(addr, size)
    if data is None:
        return pointer_text(addr)
    if context.verbose:
        from pydbg.syscalls.decoders.whole import entries_text

        return entries_text(context, data, wide=length_at == 16 and "64" in context.call.name)
    count = offset = 0
    while offset + length_at + 2 <= len(data):
        (length,) = struct.unpack_from("<H", data, offset + length_at)
        if not length:
            break
        offset += length
        count += 1
    return f"{addr:#x} /* {count} {'entry' if count == 1 else 'entries'} */"


def _offset_in(context: Context, addr: int, _: str) -> str:
    value = context.read_int(addr, 8, signed=True) if addr else None
    return pointer_text(addr) if value is None else f"[{value}]"


def _offset_inout(context: Context, addr: int, _: str) -> str:
    """Print sendfile's offset: before the call, and after it where it moved."""
    if not addr:
        return "NULL"
    value = context.read_int(addr, context.word, signed=True)
    if value is None:
        return pointer_text(addr)
    if not context.returning:
        context.memo["offset"] = value
        return f"[{value}]"
    before = context.memo.get("offset", value)
    if context.failed or not context.ret or before == value:
        return f"[{before}]"
    return f"[{before}] => [{value}]"


def _llseek_high(_context: Context, _value: int, _: str) -> None:
    return None


def _llseek_low(context: Context, value: int, _: str) -> str:
    return str(to_signed(value | context.arg("offset_high") << 32, 64))


def _llp(context: Context, addr: int, _: str) -> str:
    return _offset_in(context, addr, "")


def _file_handle(context: Context, addr: int, _: str) -> str:
    """Print struct file_handle: the room that is given, or the handle that came of it."""
    filled = context.call.name == "open_by_handle_at"
    size = context.read_int(addr) if addr else None
    if size is None:
        return pointer_text(addr)
    if not filled:
        if not context.returning:
            context.memo["handle"] = size
            return f"{{handle_bytes={size}}}"
        before = context.memo.get("handle", size)
        changed = f"{before} => {size}" if before != size else str(size)
        if context.failed:
            shown = changed if context.ret == -_EOVERFLOW else str(before)
            return f"{{handle_bytes={shown}}}"
    else:
        changed = str(size)
    kind = context.read_int(addr + 4, 4, signed=True)
    data = context.read(addr + 8, min(size, _MAX_HANDLE))
    if kind is None or data is None:
        return pointer_text(addr)
    more = "..." if size > _MAX_HANDLE else ""
    return f"{{handle_bytes={changed}, handle_type={kind}, f_handle={quote_hex(data)}{more}}}"


def _swap_flags(_context: Context, value: int, _: str) -> str:
    value &= _U32
    priority = value & 0x7FFF
    parts, rest = flags_parts(value & ~0x7FFF, flag_set("swap_bits"))
    if rest:
        parts.append(f"{rest:#x}")
    parts.append(str(priority))
    return "|".join(parts)


def _fan_init(_context: Context, value: int, _: str) -> str:
    value &= _U32
    parts, rest = flags_parts(value & ~0xC, flag_set("fan_init_bits"))
    kind = enum_text(value & 0xC, "fan_classes")
    return "|".join([kind, *parts, *([f"{rest:#x}"] if rest else [])])


def _fan_dirfd(context: Context, value: int, _: str) -> str | None:
    # FAN_NOFD
    return "FAN_NOFD" if to_signed(value) == -1 else decode_value(context, value, "dirfd", "")


KINDS: dict[str, Decoder] = {
    "open_flags": _open_flags,
    "open_mode": _open_mode,
    "mq_attr_creat": _mq_attr,
    "flags_open": _open_flags,
    "open_how": _open_how,
    "mknod_mode": _mknod_mode,
    "mknod_dev": _mknod_dev,
    "dev64": lambda _c, value, _p: device_text(value),
    "dev": lambda _c, value, _p: device_text(value & _U32),
    "stat": _stat,
    "stat64": _stat64,
    "oldstat": _oldstat,
    "statx": _statx,
    "statx_flags": _statx_flags,
    "statfs": _statfs,
    "statfs64": _statfs64,
    "dents": _dents,
    # The kernel reads one entry whatever the count is; only another one is worth showing.
    "readdir_count": lambda _c, value, _p: None if value == 1 else str(value),
    "dents64": _dents64,
    "offset_in": _offset_in,
    "offset_inout": _offset_inout,
    "llseek_high": _llseek_high,
    "llseek_low": _llseek_low,
    "llp": _llp,
    "file_handle": _file_handle,
    "swap_flags": _swap_flags,
    "fan_dirfd": _fan_dirfd,
    "fan_init_flags": _fan_init,
}
