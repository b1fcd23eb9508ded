"""Decoders of netlink messages: their headers, and what errors and ends carry.

Sources: netlink(7), the kernel's include/uapi/linux/netlink.h and rtnetlink.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders.basic import buffer_text
from pydbg.syscalls.flags import flag_set, flags_parts, quote_hex, to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context

__all__ = ["netlink_text", "protocol_of"]

_HEAD = 16
_ERROR = 2
_DONE = 3


_ROUTE = 0
_OVERRUN = 4


def protocol_of(context: Context, fd: int) -> int | None:
    """Return a netlink socket's protocol if the reader can tell; None for other descriptors."""
    ask = getattr(context.reader, "netlink_protocol", None)
    return ask(fd) if ask and fd >= 0 else None


def netlink_text(context: Context, addr: int, size: int) -> str:
    """Return ``size`` bytes at ``addr`` as netlink messages; as a string if they are none.

    The socket is the call's first argument; its protocol says what the types mean.
    """
    data = context.read(addr, min(size, 65536)) if addr and size >= _HEAD else None
    if data is None:
        return buffer_text(context, addr, size) if addr else "NULL"
    protocol = protocol_of(context, to_signed(context.args[0]))
    parts: list[str] = []
    at = 0
    while at + _HEAD <= len(data):
        if len(parts) >= context.members:
            parts.append("...")
            break
        length = int.from_bytes(data[at : at + 4], "little")
        parts.append(_message(context, data[at : at + max(length, _HEAD)], protocol))
        if length < _HEAD:
            break
        at += -(-length // 4) * 4
    return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"


def _message(context: Context, data: bytes, protocol: int | None) -> str:
    length, kind = struct.unpack_from("<IH", data)
    head = _header(data, protocol)
    if length <= _HEAD:
        return head
    body = data[_HEAD:]
    if kind == _DONE and len(body) >= 4:
        return f"[{head}, {int.from_bytes(body[:4], 'little', signed=True)}]"
    if kind == _ERROR and len(body) >= 4:
        return f"[{head}, {_error(context, body, protocol)}]"
    if protocol == _ROUTE and kind > _OVERRUN:
        from pydbg.syscalls.decoders.route import message_parts

        known = message_parts(context, kind, body)
        if known is not None:
            return f"[{', '.join([head, *known])}]"
    more = "..." if len(body) > context.limit else ""
    return f"[{head}, {quote_hex(body[: context.limit])}{more}]"


def _header(data: bytes, protocol: int | None) -> str:
    length, kind, flags, number, pid = struct.unpack_from("<IHHIi", data)
    own = "nl_flags"
    name = flag_set("nl_types").by_value.get(kind)
    if protocol == _ROUTE and name is None:
        from pydbg.syscalls.decoders.route import flag_names

        name = flag_set("route_messages").by_value.get(kind)
        own = flag_names(kind)
    names, rest = flags_parts(flags & ~_MODIFIERS, flag_set("nl_flags"))
    known, rest = flags_parts(rest | flags & _MODIFIERS, flag_set(own))
    names += known
    if rest:
        names.append(f"{rest:#x}")
    shown = name or f"{f'{kind:#x}' if kind else 0} /* NLMSG_??? */"
    return (
        f"{{nlmsg_len={length}, nlmsg_type={shown}, nlmsg_flags={'|'.join(names) or '0'}, "
        f"nlmsg_seq={number}, nlmsg_pid={pid}}}"
    )


# The bits that mean something else for each kind of request.
_MODIFIERS = 0xF00


def _error(context: Context, body: bytes, protocol: int | None) -> str:
    from pydbg.syscalls.errno import error_name

    number = int.from_bytes(body[:4], "little", signed=True)
    name = error_name(-number) if number < 0 else None
    text = f"error={f'-{name}' if name else number}"
    if len(body) >= 4 + _HEAD:
        text += f", msg={_message(context, body[4:], protocol)}"
    return f"{{{text}}}"
