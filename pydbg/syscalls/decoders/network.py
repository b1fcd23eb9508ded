"""Decoders of sockets: their kinds and their addresses."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.flags import (
    enum_text,
    flag_set,
    flags_text,
    named,
    quote,
    quote_hex,
    style,
    to_signed,
)

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "address_at", "inet_text", "interface_text", "sockaddr_text"]

_U32 = 0xFFFFFFFF
_AF_UNIX = 1
_AF_INET = 2
_AF_INET6 = 10
_AF_NETLINK = 16
_AF_PACKET = 17


def interface_text(context: Context, index: int) -> str:
    """Return a network interface by its index: its name where the reader knows it."""
    name_of = getattr(context.reader, "interface", None)
    name = name_of(index) if name_of and index else None
    return named(
        str(index), f"if_nametoindex({context.quote(name.encode())})" if name else str(index)
    )


def inet_text(data: bytes, context: Context | None = None) -> str:
    """Return four bytes as an IPv4 address.

    >>> inet_text(bytes((127, 0, 0, 1)))
    'inet_addr("127.0.0.1")'
    """
    text = f"inet_addr({_quoted('.'.join(map(str, data)).encode(), context)})"
    return text if style() == "abbrev" else named(quote_hex(data), text)


def sockaddr_text(data: bytes, context: Context | None = None) -> str:
    """Return a socket address by its family; ``data`` is as long as the address.

    >>> sockaddr_text(bytes((2, 0, 0, 80, 127, 0, 0, 1)) + bytes(8))
    '{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}'
    """
    family = int.from_bytes(data[:2], "little")
    shape = _ADDRESSES.get(family)
    body = shape(data, context) if shape else None
    if body is None:
        body = f"sa_data={_quoted(data[2:], context)}" if len(data) > 2 else None
    text = f"sa_family={enum_text(family, 'addrfams')}"
    return "{" + (f"{text}, {body}" if body else text) + "}"


def _quoted(data: bytes, context: Context | None) -> str:
    return context.quote(data) if context else quote(data)


def _unix(data: bytes, context: Context | None) -> str | None:
    path = data[2:110]
    if not path:
        return None
    if path[0]:
        return f"sun_path={_quoted(path.split(bytes(1))[0], context)}"
    # An abstract name starts with a NUL byte; all of it counts.
    return f"sun_path=@{_quoted(path[1:], context)}"


def _inet(data: bytes, context: Context | None) -> str | None:
    if len(data) < 8:
        return None
    (port,) = struct.unpack_from(">H", data, 2)
    shown = f"htons({port})"
    if style() != "abbrev":
        shown = named(quote_hex(data[2:4]), shown)
    return f"sin_port={shown}, sin_addr={inet_text(data[4:8], context)}"


def _inet6(data: bytes, context: Context | None) -> str | None:
    if len(data) < 24:
        return None
    # Not at the top: this import takes longer than most programs' whole decoding.
    import socket

    port, flow, addr = struct.unpack_from(">HI16s", data, 2)
    dotted = socket.inet_ntop(socket.AF_INET6, addr)
    quoted = _quoted(dotted.encode(), context)
    if style() == "abbrev":
        text = (
            f"sin6_port=htons({port}), sin6_flowinfo=htonl({flow}), "
            f"inet_pton(AF_INET6, {quoted}, &sin6_addr)"
        )
    else:
        text = (
            f"sin6_port={named(quote_hex(data[2:4]), f'htons({port})')}, "
            f"sin6_flowinfo={named(quote_hex(data[4:8]), f'htonl({flow})')}, "
            f"sin6_addr={named(quote_hex(addr), f'inet_pton(AF_INET6, {quoted})')}"
        )
    if len(data) >= 28:
        scope = int.from_bytes(data[24:28], "little")
        # Only a link-local address needs to say which link it is.
        local = (addr[0] == 0xFE and addr[1] & 0xC0 == 0x80) or (
            addr[0] == 0xFF and addr[1] & 0xF in (1, 2)
        )
        shown = interface_text(context, scope) if context and local else str(scope)
        text += f", sin6_scope_id={shown}"
    return text


def _netlink(data: bytes, _: Context | None) -> str | None:
    if len(data) < 12:
        return None
    pid, groups = struct.unpack_from("<iI", data, 4)
    # printf's "%#08x", which writes no 0x before a zero.
    return (
        f"nl_pid={pid}, nl_groups={groups:#08x}" if groups else f"nl_pid={pid}, nl_groups=00000000"
    )


def _packet(data: bytes, context: Context | None) -> str | None:
    if len(data) < 20:
        return None
    protocol = int.from_bytes(data[2:4], "big")
    index, hardware, kind, length = struct.unpack_from("<iHBB", data, 4)
    bytes_text = ", ".join(f"{byte:#x}" if byte else "0" for byte in data[12 : 12 + min(length, 8)])
    return (
        f"sll_protocol=htons({enum_text(protocol, 'ethernet_protocols')}), "
        f"sll_ifindex={interface_text(context, index) if context else index}, "
        f"sll_hatype={enum_text(hardware, 'arp_hardware')}, "
        f"sll_pkttype={enum_text(kind, 'packet_types')}, sll_halen={length}"
        + (f", sll_addr=[{bytes_text}]" if length else "")
    )


_ADDRESSES = {
    _AF_UNIX: _unix,
    _AF_INET: _inet,
    _AF_INET6: _inet6,
    _AF_NETLINK: _netlink,
    _AF_PACKET: _packet,
}


def address_at(context: Context, addr: int, size: int) -> str:
    """Return the socket address of ``size`` bytes at ``addr``."""
    if not addr or size < 2:
        return pointer_text(addr)
    data = context.read(addr, min(size, 128))
    return pointer_text(addr) if data is None else sockaddr_text(data, context)


def _sockaddr(context: Context, addr: int, param: str) -> str:
    """Print an address; ``param`` names its length, ``*`` before it a pointer to that."""
    if not param.startswith("*"):
        return address_at(context, addr, to_signed(context.arg(param)))
    length_at = context.arg(param[1:])
    size = context.read_int(length_at, 4, signed=True) if length_at else None
    if size is None or not addr:
        return pointer_text(addr)
    room = context.memo.get("socklen", size)
    assert isinstance(room, int)
    # The kernel says how long the address is; it wrote no more than there was room for.
    return address_at(context, addr, min(size, room))


def _socklen(context: Context, addr: int, _: str) -> str:
    """Print the length of an address: what was given, and what came back where it differs."""
    value = context.read_int(addr, 4, signed=True) if addr else None
    if not context.returning:
        if value is not None:
            context.memo["socklen"] = value
        return pointer_text(addr)
    # Without room for the address nobody looks at its length.
    if value is None or not _has_room(context):
        return pointer_text(addr)
    before = context.memo.get("socklen", value)
    if context.failed:
        return f"[{before}]"
    return f"[{value}]" if before == value else f"[{before} => {value}]"


def _has_room(context: Context) -> bool:
    place = context.index - 1
    return context.call.args[place].kind != "sockaddr" or context.args[place] != 0


def _socket_type(_context: Context, value: int, _: str) -> str:
    value &= _U32
    kind = flag_set("socktypes").by_value.get(value & 0xF)
    if kind is None:
        return flags_text(value, "sock_type_flags")
    kind = named(f"{value & 0xF:#x}" if value & 0xF else "0", kind)
    rest = value & ~0xF
    return f"{kind}|{flags_text(rest, 'sock_type_flags')}" if rest else kind


# Family -> the set of its protocols.
_PROTOCOLS = {
    _AF_INET: "inet_protocols",
    _AF_INET6: "inet_protocols",
    3: "ax25_protocols",
    _AF_NETLINK: "netlink_protocols",
    23: "irda_protocols",
    29: "can_protocols",
    31: "bt_protocols",
    33: "addrfams",
    34: "isdn_protocols",
    35: "phonet_protocols",
    37: "caif_protocols",
    39: "nfc_protocols",
    41: "kcm_protocols",
    43: "smc_protocols",
}


def _socket_protocol(context: Context, value: int, _: str) -> str:
    family = context.arg("domain") & _U32
    if family in _PROTOCOLS:
        return enum_text(value & _U32, _PROTOCOLS[family])
    if family == _AF_PACKET:
        swapped = (value & 0xFF) << 8 | value >> 8 & 0xFF
        return f"htons({enum_text(swapped, 'ethernet_protocols')})"
    return str(value)


def _socketcall(_context: Context, value: int, _: str) -> str:
    return flag_set("socketcalls").by_value.get(value & _U32) or str(to_signed(value))


KINDS: dict[str, Decoder] = {
    "sockaddr": _sockaddr,
    "socklen": _socklen,
    "ifindex": lambda c, value, _p: interface_text(c, value & _U32),
    "inet_addr": lambda c, value, _p: inet_text(value.to_bytes(4, "little"), c),
    "socket_type": _socket_type,
    "socketcall": _socketcall,
    "socket_protocol": _socket_protocol,
    "pair_protocol": lambda _c, value, _p: str(value),
}
