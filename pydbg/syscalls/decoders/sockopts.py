"""Decoders of socket options: their names by level, their values by option.

Sources: socket(7), ip(7), ipv6(7), tcp(7), packet(7), netlink(7), the kernel's uapi headers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, pointer_text, struct_text
from pydbg.syscalls.decoders.basic import buffer_text
from pydbg.syscalls.decoders.network import inet_text, interface_text
from pydbg.syscalls.flags import enum_text, flag_set, flags_text, named, quote_hex, to_signed
from pydbg.syscalls.structs import layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "LEVELS"]

_U32 = 0xFFFFFFFF
_SOL_SOCKET = 1
_SOL_NETLINK = 270

LEVELS = {
    0: "ip_options",
    _SOL_SOCKET: "sock_options",
    6: "tcp_options",
    17: "udp_options",
    41: "ipv6_options",
    132: "sctp_options",
    255: "raw_options",
    263: "packet_options",
    _SOL_NETLINK: "netlink_options",
}
"""Level -> the set of its options."""

# Options of SOL_SOCKET whose value is a plain int, however long the buffer.
_INTEGERS = frozenset(
    (
        *("SO_DEBUG", "SO_REUSEADDR", "SO_DONTROUTE", "SO_BROADCAST", "SO_SNDBUF", "SO_RCVBUF"),
        *("SO_KEEPALIVE", "SO_OOBINLINE", "SO_NO_CHECK", "SO_PRIORITY", "SO_BSDCOMPAT"),
        *("SO_REUSEPORT", "SO_PASSCRED", "SO_RCVLOWAT", "SO_SNDLOWAT", "SO_DETACH_FILTER"),
        *("SO_TIMESTAMP_OLD", "SO_ACCEPTCONN", "SO_SNDBUFFORCE", "SO_RCVBUFFORCE", "SO_PASSSEC"),
        *("SO_TIMESTAMPNS_OLD", "SO_MARK", "SO_TIMESTAMPING_OLD", "SO_RXQ_OVFL"),
        *("SO_WIFI_STATUS", "SO_PEEK_OFF", "SO_NOFCS", "SO_LOCK_FILTER"),
        *("SO_SELECT_ERR_QUEUE", "SO_BUSY_POLL", "SO_INCOMING_CPU", "SO_CNX_ADVICE"),
        *("SO_INCOMING_NAPI_ID", "SO_ZEROCOPY", "SO_TIMESTAMP_NEW", "SO_TIMESTAMPNS_NEW"),
        *("SO_TIMESTAMPING_NEW", "SO_DETACH_REUSEPORT_BPF", "SO_PREFER_BUSY_POLL"),
        *("SO_BUSY_POLL_BUDGET", "SO_RESERVE_MEM", "SO_RCVMARK", "SO_TXREHASH"),
    )
)


def _name(context: Context) -> str:
    known = LEVELS.get(context.arg("level") & _U32)
    option = context.arg("optname") & _U32
    return flag_set(known).by_value.get(option, "") if known else ""


def _option(context: Context, value: int, _: str) -> str:
    level = context.arg("level") & _U32
    known = LEVELS.get(level)
    value &= _U32
    if known is None:
        return str(value)
    way = context.call.name[:3]  # Some numbers have one name to get and another to set.
    if known in ("ip_options", "ipv6_options", "sock_options"):
        own = flag_set(f"{way}_{known}").by_value.get(value)
        if own:
            return named(f"{value:#x}", own)
    return enum_text(value, known)


def _value(context: Context, addr: int, param: str) -> str:
    """Print what is set, or what came back: ``*`` before the length marks a pointer to it."""
    if not param.startswith("*"):
        return _shown(context, addr, to_signed(context.arg(param)), got=False)
    size = context.read_int(context.arg(param[1:]), 4, signed=True)
    room = context.memo.get("socklen", size)
    if size is None or not isinstance(room, int) or room <= 0 or size <= 0:
        return pointer_text(addr)
    return _shown(context, addr, size, got=True)


def _shown(context: Context, addr: int, size: int, *, got: bool) -> str:
    if not addr:
        return "NULL"
    level, name = context.arg("level") & _U32, _name(context)
    known = (_GET if got else _SET).get(name)
    if known is not None:
        return known(context, addr, size)
    if level == _SOL_NETLINK and (got or size >= 4):
        return _int(context, addr)
    if level == _SOL_NETLINK or (
        level == _SOL_SOCKET and name in _INTEGERS and not got and size < 4
    ):
        return pointer_text(addr)
    if level == _SOL_SOCKET and name in _INTEGERS and size >= 4:
        if name == "SO_TXREHASH":
            value = context.read_int(addr)
            if value is None:
                return pointer_text(addr)
            text = flag_set("txrehash").by_value.get(value & 0xFF)
            shown = named(str(value & 0xFF), text) if text else enum_text(value & 0xFF, "txrehash")
            return f"[{shown}]"
        return _int(context, addr)
    if level == _SOL_SOCKET and name in _INTEGERS:
        data = context.read(addr, size)
        return pointer_text(addr) if data is None else quote_hex(data)
    return _int(context, addr) if size == 4 else buffer_text(context, addr, size)


def _int(context: Context, addr: int) -> str:
    value = context.read_int(addr, 4, signed=True)
    return pointer_text(addr) if value is None else f"[{value}]"


def _whole(name: str, exact: bool = False) -> Callable[[Context, int, int], str]:
    """Make the decoder of a struct that must be there whole."""

    def decoder(context: Context, addr: int, size: int) -> str:
        wanted = layout(name, context.word).size
        if size < wanted or (exact and size != wanted):
            return pointer_text(addr)
        return decode_struct(context, addr, name)

    return decoder


def _partial(name: str) -> Callable[[Context, int, int], str]:
    """Make the decoder of a struct of which the kernel gives as much as there is room for."""

    def decoder(context: Context, addr: int, size: int) -> str:
        shape = layout(name, context.word)
        data = context.read(addr, min(size, shape.size))
        if data is None:
            return pointer_text(addr)
        if len(data) == shape.size:
            return struct_text(context, data, name)
        parts = []
        for field in shape.fields:
            piece = data[field.offset : field.offset + field.size]
            if len(piece) == field.size:
                number = int.from_bytes(piece, "little", signed=field.signed)
                parts.append(f"{field.name}={number}")
            elif piece:
                parts.append(f"{field.name}={quote_hex(piece)}")
        return f"{{{', '.join(parts)}}}"

    return decoder


def _error(context: Context, addr: int, size: int) -> str:
    from pydbg.syscalls.errno import error_name

    data = context.read(addr, min(size, 4))
    if data is None:
        return pointer_text(addr)
    if len(data) < 4:
        return quote_hex(data)
    number = int.from_bytes(data, "little", signed=True)
    name = error_name(number) if number else None
    return f"[{named(str(number), name or str(number))}]"


def _program(context: Context, addr: int, size: int) -> str:
    from pydbg.syscalls.decoders import decode_value

    if size != 2 * context.word:
        return pointer_text(addr)
    return decode_value(context, addr, "fprog", "socket") or ""


def _filter(context: Context, addr: int, size: int) -> str:
    """Print the program that SO_GET_FILTER gave: its length is in instructions."""
    if not context.verbose:
        return pointer_text(addr)
    from pydbg.syscalls.decoders.whole import program_text

    return program_text(context, addr, size, seccomp=False)


def _group6(context: Context, addr: int, size: int) -> str:
    import socket

    data = context.read(addr, 20) if size >= 20 else None
    if data is None:
        return pointer_text(addr)
    index = int.from_bytes(data[16:], "little")
    text = context.quote(socket.inet_ntop(socket.AF_INET6, data[:16]).encode())
    return (
        f"{{inet_pton(AF_INET6, {text}, &ipv6mr_multiaddr), "
        f"ipv6mr_interface={interface_text(context, index)}}}"
    )


def _group_request(context: Context, addr: int, size: int) -> str:
    from pydbg.syscalls.decoders.network import sockaddr_text

    # struct group_req: an index, then a sockaddr_storage with the alignment of a long.
    at = context.word
    data = context.read(addr, at + 128) if size >= at + 128 else None
    if data is None:
        return pointer_text(addr)
    index = int.from_bytes(data[:4], "little")
    group = sockaddr_text(data[at:], context)
    return f"{{gr_interface={interface_text(context, index)}, gr_group={group}}}"


def _packet_member(context: Context, addr: int, size: int) -> str:
    data = context.read(addr, 16) if size == 16 else None
    if data is None:
        return pointer_text(addr)
    index, kind, length = struct.unpack_from("<IHH", data)
    address = ":".join(f"{byte:02x}" for byte in data[8 : 8 + min(length, 8)])
    return (
        f"{{mr_ifindex={interface_text(context, index)}, "
        f"mr_type={enum_text(kind, 'packet_mreq_type')}, mr_alen={length}, mr_address={address}}}"
    )


def _icmp_filter(context: Context, addr: int, size: int) -> str:
    value = context.read_int(addr, 4) if size >= 4 else None
    if value is None:
        return pointer_text(addr) if size >= 4 else buffer_text(context, addr, size)
    return f"[{flags_text(value, 'icmp_filter')}]"


def _addresses(context: Context, addr: int, _size: int) -> str:
    data = context.read(addr, 8)
    if data is None:
        return pointer_text(addr)
    group, own = inet_text(data[:4], context), inet_text(data[4:], context)
    return f"{{imr_multiaddr={group}, imr_interface={own}}}"


def _member(context: Context, addr: int, size: int) -> str:
    return _addresses(context, addr, size) if size >= 8 else pointer_text(addr)


_SET: dict[str, Callable[[Context, int, int], str]] = {
    "SO_LINGER": _whole("linger"),
    "SO_ATTACH_FILTER": _program,
    "SO_ATTACH_REUSEPORT_CBPF": _program,
    "IP_ADD_MEMBERSHIP": _member,
    "IP_DROP_MEMBERSHIP": _member,
    "MCAST_JOIN_GROUP": _group_request,
    "MCAST_LEAVE_GROUP": _group_request,
    "IPV6_ADD_MEMBERSHIP": _group6,
    "IPV6_DROP_MEMBERSHIP": _group6,
    "IPV6_JOIN_ANYCAST": _group6,
    "IPV6_LEAVE_ANYCAST": _group6,
    "PACKET_RX_RING": _whole("tpacket_req", exact=True),
    "PACKET_TX_RING": _whole("tpacket_req", exact=True),
    "PACKET_ADD_MEMBERSHIP": _packet_member,
    "PACKET_DROP_MEMBERSHIP": _packet_member,
    "ICMP_FILTER": _icmp_filter,
}
_GET: dict[str, Callable[[Context, int, int], str]] = {
    "SO_LINGER": _partial("linger"),
    "SO_PEERCRED": _partial("ucred"),
    "SO_ERROR": _error,
    "SO_ATTACH_FILTER": _filter,
    "PACKET_STATISTICS": _partial("tpacket_stats"),
    "ICMP_FILTER": _icmp_filter,
}

KINDS: dict[str, Decoder] = {"sockopt": _option, "sockoptval": _value}
