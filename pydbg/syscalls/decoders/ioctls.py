"""Decoders of ioctl: the names of requests and the arguments of those with a row.

Sources: ioctl_list(2), asm-generic/ioctl.h.
"""

from __future__ import annotations

import functools
import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, kind_text, pointer_text
from pydbg.syscalls.flags import flag_set, flags_text, named

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "request_text"]

_U32 = 0xFFFFFFFF
_DIRECTIONS = ("_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE")

# Numbers that two drivers use; strace names both, since it does not know the file's.
_SHARED = {
    0x5204: "FASTRPC_IOCTL_INIT_ATTACH or RNDZAPENTCNT",
    0x5402: "SNDCTL_TMR_START or TCSETS",
    0x5403: "SNDCTL_TMR_STOP or TCSETSW",
    0x5404: "SNDCTL_TMR_CONTINUE or TCSETSF",
    0x5603: "VBG_IOCTL_VMMDEV_REQUEST_BIG or VT_GETSTATE",
    0x7004: "PHN_NOT_OH or RTC_UIE_OFF",
    0x8B00: "SIOCIWFIRST or SIOCSIWCOMMIT",
    0x40049409: "BTRFS_IOC_CLONE or FICLONE",
    0x4020940D: "BTRFS_IOC_CLONE_RANGE or FICLONERANGE",
    0xC0189436: "BTRFS_IOC_FILE_EXTENT_SAME or FIDEDUPERANGE",
}


def request_text(code: int) -> str:
    """Return the name of a request; its parts where it has none.

    >>> request_text(0x5401), request_text(0x12345678)
    ('TCGETS', '_IOC(_IOC_NONE, 0x56, 0x78, 0x1234)')
    """
    name = _SHARED.get(code) or flag_set("ioctls").by_value.get(code)
    if name:
        return name
    number, kind, size = code & 0xFF, code >> 8 & 0xFF, code >> 16 & 0x3FFF
    parts = (f"{part:#x}" if part else "0" for part in (kind, number, size))
    return f"_IOC({_DIRECTIONS[code >> 30]}, {', '.join(parts)})"


@functools.cache
def _kinds() -> dict[str, str]:
    from pydbg.syscalls.decoders.ioctl_rows import ROWS

    return {name: kind for kind, names in ROWS.items() for name in names.split()}


def _name(context: Context, code: int) -> str:
    """Return a request's name; those that hold the size of a long differ in 32-bit programs."""
    name = flag_set("ioctls32").by_value.get(code) if context.word == 4 else None
    return name or flag_set("ioctls").by_value.get(code, "")


def _command(context: Context, value: int, _: str) -> str:
    code = value & _U32
    name = flag_set("ioctls32").by_value.get(code) if context.word == 4 else None
    return named(f"{code:#x}" if code else "0", name or request_text(code))


def _argument(context: Context, value: int, _: str) -> str | None:
    name = _name(context, context.arg("cmd") & _U32)
    kind = _kinds().get(name)
    if kind is None:
        # Of sockets' requests strace knows that they take a pointer, whatever it points to.
        pointer = name.startswith("SIOC") and not name.startswith("SIOCDEVPRIVATE")
        return f"{value:#x}" if value else "NULL" if pointer else "0"
    return None if kind == "none" else kind_text(context, value, kind)


def _integer(size: int, signed: bool = False, read: int = 0) -> Decoder:
    """Make the decoder of a pointer to an integer of ``size`` bytes."""

    def decoder(context: Context, addr: int, _: str) -> str:
        value = context.read_int(addr, size, signed=signed) if addr else None
        return pointer_text(addr) if value is None else f"[{value}]"

    return decoder


def _u64_pair(context: Context, addr: int, _: str) -> str:
    data = context.read(addr, 16) if addr else None
    if data is None:
        return pointer_text(addr)
    first, second = struct.unpack("<QQ", data)
    return f"[{first}, {second}]"


def _simulated_input(context: Context, addr: int, _: str) -> str:
    data = context.read(addr, 1) if addr else None
    return pointer_text(addr) if data is None else context.quote(data)


def _short_string(context: Context, addr: int, _: str) -> str:
    found = context.read_cstring(addr, 16) if addr else None
    return pointer_text(addr) if found is None else context.quote(found[0])


def _fiemap(context: Context, addr: int, _: str) -> str:
    """Print what is asked of the map of extents, and the answer (whole with -v)."""
    data = context.read(addr, 32) if addr else None
    if data is None:
        return pointer_text(addr)
    start, length, flags, mapped, count = struct.unpack_from("<QQIII", data)
    named = flags_text(flags, "fiemap_flags")
    if not context.returning or "fiemap" not in context.memo:
        context.memo["fiemap"] = (
            f"{{fm_start={start}, fm_length={length}, fm_flags={named}, fm_extent_count={count}}}"
        )
    text = str(context.memo["fiemap"])
    if not context.returning or context.failed:
        return text
    answer = f"fm_flags={named}, fm_mapped_extents={mapped}"
    if not context.verbose:
        return f"{text} => {{{answer}, ...}}"
    shown = [
        decode_struct(context, addr + 32 + 56 * index, "fiemap_extent")
        for index in range(min(mapped, context.members))
    ]
    more = ", ..." if mapped > context.members else ""
    return f"{text} => {{{answer}, fm_extents=[{', '.join(shown)}{more}]}}"


def _dedupe(context: Context, addr: int, _: str) -> str:
    data = context.read(addr, 24) if addr else None
    if data is None:
        return pointer_text(addr)
    offset, length, count = struct.unpack_from("<QQH", data)
    shown = [
        decode_struct(context, addr + 24 + 32 * index, "file_dedupe_info")
        for index in range(min(count, context.members))
    ]
    more = ", ..." if count > context.members else ""
    return (
        f"{{src_offset={offset}, src_length={length}, dest_count={count}, "
        f"info=[{', '.join(shown)}{more}]}}"
    )


def _partition(context: Context, addr: int, _: str) -> str:
    """Print struct blkpg_ioctl_arg and the partition that it points to."""
    text = decode_struct(context, addr, "blkpg_ioctl_arg")
    if not text.startswith("{"):
        return text
    operation = context.read_int(addr) or 0
    at = context.read_word(addr + (16 if context.word == 8 else 12)) or 0
    known = 1 <= operation <= 3
    shown = decode_struct(context, at, "blkpg_partition") if known else pointer_text(at)
    return f"{text[:-1]}, data={shown}}}"


def _uffd_api(context: Context, addr: int, _: str) -> str:
    data = context.read(addr, 24) if addr else None
    if data is None:
        return pointer_text(addr)
    api, features, requests = struct.unpack("<QQQ", data)
    shown = "UFFD_API" if api == 0xAA else f"{api:#x}" if api else "0"
    text = f"api={shown}, features={flags_text(features, 'uffd_features')}"
    if context.returning and not context.failed:
        text += f", ioctls={_bits(requests)}"
    return f"{{{text}}}"


def _bits(value: int) -> str:
    names = [f"1<<{name}" for name, bit in flag_set("uffd_requests").items if value >> bit & 1]
    for _, bit in flag_set("uffd_requests").items:
        value &= ~(1 << bit)
    return "|".join([*names, *([f"{value:#x}"] if value else [])]) or "0"


KINDS: dict[str, Decoder] = {
    "ioctl_cmd": _command,
    "ioctl_arg": _argument,
    "shortp": _integer(2),
    "u64p": _integer(8),
    "ulong_int": _integer(4, signed=True),
    "u64pair": _u64_pair,
    "sti": _simulated_input,
    "str16": _short_string,
    "fiemap": _fiemap,
    "file_dedupe_range": _dedupe,
    "blkpg": _partition,
    "uffd_api": _uffd_api,
}
