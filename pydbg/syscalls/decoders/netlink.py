"""Decoders of netlink messages: their headers, and what errors and ends carry.

Sources: netlink(7), the kernel's include/uapi/linux/netlink.h and rtnetlink.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.decoders.basic import buffer_text
from pydbg.syscalls.flags import flag_set, flags_parts, quote_hex

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context

__all__ = ["netlink_text"]

_HEAD = 16
_ERROR = 2
_DONE = 3


def netlink_text(context: Context, addr: int, size: int) -> str:
    """Return ``size`` bytes at ``addr`` as netlink messages; as a string if they are none."""
    data = context.read(addr, min(size, 65536)) if addr and size >= _HEAD else None
    if data is None:
        return buffer_text(context, addr, size) if addr else "NULL"
    parts: list[str] = []
    at = 0
    while at + _HEAD <= len(data):
        if len(parts) >= context.members:
            parts.append("...")
            break
        length = int.from_bytes(data[at : at + 4], "little")
        parts.append(_message(context, data[at : at + max(length, _HEAD)]))
        if length < _HEAD:
            break
        at += -(-length // 4) * 4
    if not parts:
        return pointer_text(addr)
    return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"


def _message(context: Context, data: bytes) -> str:
    length, kind, _flags, _number, _pid = struct.unpack_from("<IHHII", data)
    head = _header(data)
    if length <= _HEAD:
        return head
    body = data[_HEAD:]
    if kind == _DONE and len(body) >= 4:
        return f"[{head}, {int.from_bytes(body[:4], 'little', signed=True)}]"
    if kind == _ERROR and len(body) >= 4:
        return f"[{head}, {_error(body)}]"
    more = "..." if len(body) > context.limit else ""
    return f"[{head}, {quote_hex(body[: context.limit])}{more}]"


def _header(data: bytes) -> str:
    length, kind, flags, number, pid = struct.unpack_from("<IHHII", data)
    name = flag_set("nl_types").by_value.get(kind)
    names, rest = flags_parts(flags, flag_set("nl_flags"))
    if rest:
        names.append(f"{rest:#x}")
    shown = name or f"{kind:#x} /* NLMSG_??? */"
    return (
        f"{{nlmsg_len={length}, nlmsg_type={shown}, nlmsg_flags={'|'.join(names) or '0'}, "
        f"nlmsg_seq={number}, nlmsg_pid={pid}}}"
    )


def _error(body: bytes) -> str:
    from pydbg.syscalls.errno import error_name

    number = int.from_bytes(body[:4], "little", signed=True)
    name = error_name(-number) if number < 0 else None
    text = f"error={f'-{name}' if name else number}"
    if len(body) >= 4 + _HEAD:
        text += f", msg={_header(body[4:])}"
    return f"{{{text}}}"
