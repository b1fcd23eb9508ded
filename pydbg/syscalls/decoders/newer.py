"""Decoders of calls that are younger than strace 6.1, as its later versions print them.

Sources: statmount(2), listmount(2), the kernel's Documentation/userspace-api/lsm.rst and its
uapi headers linux/mount.h, lsm.h, xattr.h, fs.h and nsfs.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, decode_value, pointer_text, tail
from pydbg.syscalls.decoders.basic import words_at
from pydbg.syscalls.flags import enum_text, flag_set, flags_text, quote_hex

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF
_LSM_FLAG_SINGLE = 1
_STATMOUNT_SIZE = 512


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _mount_request(context: Context, addr: int, listing: bool) -> str:
    """Print struct mnt_id_req, which says how large it is."""
    size = context.read_int(addr) if addr else None
    if size is None:
        return pointer_text(addr)
    parts = [f"size={size}"]
    data = context.read(addr, min(size, 32)) if size >= 24 else None
    if data is None:
        return f"{{{', '.join(parts)}{', ???' if size >= 24 else ''}}}"
    spare, mount, asked = struct.unpack_from("<IQQ", data, 4)
    if spare:
        parts.append(f"spare={spare:#x}")
    root = flag_set("mount_ids").by_value.get(mount) if listing else None
    parts.append(f"mnt_id={root or _hex(mount)}")
    shown = _hex(asked) if listing else flags_text(asked, "statmount_mask")
    parts.append(f"param={shown}")
    if size >= 32:
        parts.append(f"mnt_ns_id={_hex(int.from_bytes(data[24:32], 'little'))}")
    return f"{{{', '.join(parts + tail(context, addr, 32, size))}}}"


# Members of struct statmount: the bit of the mask, name, offset, type and how it is shown.
_STATMOUNT = (
    (0x80, "mnt_opts", 4, "<I", "string"),
    (0, "mask", 8, "<Q", "statmount_mask"),
    (1, "sb_dev_major", 16, "<I", "decimal"),
    (1, "sb_dev_minor", 20, "<I", "decimal"),
    (1, "sb_magic", 24, "<Q", "magic"),
    (1, "sb_flags", 32, "<I", "mount_flags"),
    (0x20, "fs_type", 36, "<I", "string"),
    (2, "mnt_id", 40, "<Q", "hex"),
    (2, "mnt_parent_id", 48, "<Q", "hex"),
    (2, "mnt_id_old", 56, "<I", "hex"),
    (2, "mnt_parent_id_old", 60, "<I", "hex"),
    (2, "mnt_attr", 64, "<Q", "mount_attr_attr"),
    (2, "mnt_propagation", 72, "<Q", "mount_flags"),
    (2, "mnt_peer_group", 80, "<Q", "hex"),
    (2, "mnt_master", 88, "<Q", "hex"),
    (4, "propagate_from", 96, "<Q", "hex"),
    (8, "mnt_root", 104, "<I", "string"),
    (0x10, "mnt_point", 108, "<I", "string"),
    (0x40, "mnt_ns_id", 112, "<Q", "hex"),
    (0x100, "fs_subtype", 120, "<I", "string"),
    (0x200, "sb_source", 124, "<I", "string"),
)


def _statmount(context: Context, addr: int, param: str) -> str:
    """Print struct statmount: the members its mask names, strings from behind it."""
    room = context.arg(param)
    data = context.read(addr, min(room, _STATMOUNT_SIZE)) if addr and room >= 4 else None
    if data is None:
        return pointer_text(addr)
    data = data.ljust(_STATMOUNT_SIZE, b"\0")
    size, mask = int.from_bytes(data[:4], "little"), int.from_bytes(data[8:16], "little")
    strings = b""
    if _STATMOUNT_SIZE < size <= room:
        strings = context.read_upto(addr + _STATMOUNT_SIZE, min(size - _STATMOUNT_SIZE, 12288))
    parts = [f"size={size}"]
    for bit, name, at, shape, shown in _STATMOUNT:
        if bit and not mask & bit:
            continue
        (value,) = struct.unpack_from(shape, data, at)
        if shown == "string":
            known = value < len(strings)
            text = context.quote(strings[value:].split(b"\0")[0]) if known else _hex(value)
        elif shown == "decimal":
            text = str(value)
        elif shown == "magic":
            text = flag_set("fs_magic").by_value.get(value) or _hex(value)
        else:
            text = _hex(value) if shown == "hex" else flags_text(value, shown)
        parts.append(f"{name}={text}")
    return f"{{{', '.join(parts)}}}"


def _id_list(show: Callable[[int], str]) -> Decoder:
    """Make the decoder of 64-bit identifiers, as many as the call's result says."""

    def decoder(context: Context, addr: int, _: str) -> str:
        count = context.ret or 0
        if not addr or not count:
            return "[]" if addr else "NULL"
        words = words_at(context, addr, min(count, context.members), 8)
        if words is None:
            return pointer_text(addr)
        more = ", ..." if count > context.members else ""
        return f"[{', '.join(show(word) for word in words)}{more}]"

    return decoder


def _size_pointer(context: Context, addr: int, _: str) -> str:
    """Print a size that the kernel reads and writes: what was given, what came back."""
    size = context.read_int(addr) if addr else None
    if not context.returning:
        if size is not None:
            context.memo["size"] = size
        return pointer_text(addr) if size is None else f"[{size}]"
    before = context.memo.get("size")
    if size is None or before is None:
        return pointer_text(addr)
    return f"[{before}]" if before == size else f"[{before} => {size}]"


def _lsm_context(context: Context, addr: int, size: int) -> str:
    """Print one struct lsm_ctx of at most ``size`` bytes."""
    data = context.read(addr, 32) if size >= 32 else None
    if data is None:
        return pointer_text(addr)
    number, flags, length, inner = struct.unpack("<QQQQ", data)
    text = f"id={enum_text(number, 'lsm_ids')}, flags={_hex(flags)}, len={length}, ctx_len={inner}"
    room = min(length, size)
    shown = min(inner, room - 32 if room > 32 else 0)
    if shown:
        body = context.read(addr + 32, min(shown, context.limit))
        quoted = pointer_text(addr + 32) if body is None else quote_hex(body)
        text += f", ctx={quoted}{'...' if shown > context.limit else ''}"
    return f"{{{text}}}"


def _lsm_set(context: Context, addr: int, param: str) -> str:
    return _lsm_context(context, addr, context.arg(param) & _U32) if addr else "NULL"


def _lsm_get(context: Context, addr: int, param: str) -> str:
    """Print what modules say of the task: one context for each, or the one that was named."""
    single = context.arg("flags") & _LSM_FLAG_SINGLE
    size_at = context.arg(param)
    size = context.read_int(size_at) if size_at else None
    if not context.returning:
        number = context.read_int(addr, 8) if single and addr else None
        named = None if number is None else f"{{id={enum_text(number, 'lsm_ids')}}}"
        context.memo["lsm"] = named
        return named or pointer_text(addr)
    asked = context.memo.get("lsm")
    given = f"{asked} => " if asked else ""
    if context.failed or size is None or not addr:
        return str(asked or pointer_text(addr))
    parts: list[str] = []
    while size >= 32 and len(parts) < context.members:
        length = context.read_int(addr + 16, 8)
        if length is None:
            break
        parts.append(_lsm_context(context, addr, size))
        if length < 32 or length >= size:
            break
        addr, size = addr + length, size - length
    return f"{given}[{', '.join(parts)}]" if parts else f"{given}{pointer_text(addr)}"


def _xattr_args(context: Context, addr: int, param: str) -> str:
    """Print struct xattr_args; the value that is read only after the call."""
    size = context.arg(param)
    data = context.read(addr, 16) if addr and size >= 16 else None
    if data is None:
        return pointer_text(addr)
    value, length, flags = struct.unpack("<QII", data)
    getting = context.call.name == "getxattrat"
    if getting and (not context.returning or context.failed):
        shown = pointer_text(value)
    else:
        shown = _text(context, value, (context.ret or 0) if getting else length)
    parts = [f"value={shown}", f"size={length}", f"flags={flags_text(flags, 'xattr_flags')}"]
    return f"{{{', '.join(parts + tail(context, addr, 16, size))}}}"


def _text(context: Context, addr: int, size: int) -> str:
    data = context.read(addr, min(size, context.limit + 1)) if addr else None
    if data is None:
        return pointer_text(addr)
    data = data.removesuffix(b"\0") if len(data) == size else data
    return context.quote(data[: context.limit]) + ("..." if len(data) > context.limit else "")


def _file_attr(context: Context, addr: int, param: str) -> str:
    size = context.arg(param)
    if size < 24 or size > 4096:
        return pointer_text(addr)
    name = "file_attr" if context.call.name == "file_getattr" else "file_attr_set"
    text = decode_struct(context, addr, name)
    more = tail(context, addr, 24, size) if text.startswith("{") else []
    return f"{text[:-1]}, {more[0]}}}" if more else text


def _namespace_request(context: Context, addr: int, _: str) -> str:
    size = context.read_int(addr) if addr else None
    if size is None or size < 32:
        return pointer_text(addr) if size is None else f"{{size={size}}}"
    return decode_value(context, addr, "ns_id_req", "") or ""


KINDS: dict[str, Decoder] = {
    "mnt_stat_req": lambda c, value, _p: _mount_request(c, value, listing=False),
    "mnt_list_req": lambda c, value, _p: _mount_request(c, value, listing=True),
    "statmount": _statmount,
    "id_list": _id_list(_hex),
    "lsm_id_list": _id_list(lambda value: enum_text(value, "lsm_ids")),
    "size_inout": _size_pointer,
    "lsm_ctx": _lsm_set,
    "lsm_ctx_got": _lsm_get,
    "xattr_args": _xattr_args,
    "file_attr_sized": _file_attr,
    "ns_request": _namespace_request,
    "futex2_mask": lambda _c, value, _p: "FUTEX_BITSET_MATCH_ANY" if value == _U32 else _hex(value),
}
