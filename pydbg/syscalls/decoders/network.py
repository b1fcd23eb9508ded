"""Decoders of sockets: addresses, options, messages, vectors of buffers."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, pointer_text
from pydbg.syscalls.decoders.basic import buffer_text, fd_text, length_of
from pydbg.syscalls.flags import enum_text, flag_set, flags_parts, flags_text, quote, to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "sockaddr_text"]

_U32 = 0xFFFFFFFF
_AF_UNIX = 1
_AF_INET = 2
_AF_INET6 = 10
_AF_NETLINK = 16
_AF_PACKET = 17
_SOL_SOCKET = 1


def sockaddr_text(data: bytes) -> str:
    """Return a socket address by its family; ``data`` is as long as the address.

    >>> sockaddr_text(bytes((2, 0, 0, 80, 127, 0, 0, 1)) + bytes(8))
    '{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}'
    """
    family = int.from_bytes(data[:2], "little")
    shape = _ADDRESSES.get(family)
    body = shape(data) if shape else None
    if body is None:
        body = f"sa_data={quote(data[2:])}" if len(data) > 2 else None
    text = f"sa_family={enum_text(family, 'addrfams')}"
    return "{" + (f"{text}, {body}" if body else text) + "}"


def _unix(data: bytes) -> str | None:
    path = data[2:110]
    if not path:
        return None
    if path[0]:
        return f"sun_path={quote(path.split(bytes(1))[0])}"
    # An abstract name starts with a NUL byte; all of it counts.
    return f"sun_path=@{quote(path[1:])}"


def _inet(data: bytes) -> str | None:
    if len(data) < 8:
        return None
    (port,) = struct.unpack_from(">H", data, 2)
    dotted = ".".join(str(byte) for byte in data[4:8])
    return f'sin_port=htons({port}), sin_addr=inet_addr("{dotted}")'


def _inet6(data: bytes) -> str | None:
    if len(data) < 24:
        return None
    # Not at the top: this import takes longer than most programs' whole decoding.
    import socket

    port, flow, addr = struct.unpack_from(">HI16s", data, 2)
    text = (
        f"sin6_port=htons({port}), sin6_flowinfo=htonl({flow}), "
        f'inet_pton(AF_INET6, "{socket.inet_ntop(socket.AF_INET6, addr)}", &sin6_addr)'
    )
    if len(data) >= 28:
        text += f", sin6_scope_id={int.from_bytes(data[24:28], 'little')}"
    return text


def _netlink(data: bytes) -> str | None:
    if len(data) < 12:
        return None
    pid, groups = struct.unpack_from("<iI", data, 4)
    return f"nl_pid={pid}, nl_groups={groups:08x}"


def _packet(data: bytes) -> str | None:
    if len(data) < 12:
        return None
    protocol = int.from_bytes(data[2:4], "big")
    index, hardware, kind, length = struct.unpack_from("<iHBB", data, 4)
    bytes_text = ", ".join(f"{byte:#04x}" for byte in data[12 : 12 + length])
    return (
        f"sll_protocol=htons({enum_text(protocol, 'ethernet_protocols')}), sll_ifindex={index}, "
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


def _address_at(context: Context, addr: int, size: int) -> str:
    if not addr or size < 2:
        return pointer_text(addr)
    data = context.read(addr, min(size, 128))
    return pointer_text(addr) if data is None else sockaddr_text(data)


def _sockaddr(context: Context, addr: int, param: str) -> str:
    """Print an address; ``param`` names its length, ``*`` before it a pointer to that."""
    if not param.startswith("*"):
        return _address_at(context, addr, to_signed(context.arg(param)))
    length_at = context.arg(param[1:])
    size = context.read_int(length_at, 4, signed=True) if length_at else None
    if size is None or not addr:
        return pointer_text(addr)
    room = context.memo.get("socklen", size)
    assert isinstance(room, int)
    # The kernel says how long the address is; it wrote no more than there was room for.
    return _address_at(context, addr, min(size, room))


def _socklen(context: Context, addr: int, _: str) -> str:
    """Print the length of an address: what was given, and what came back where it differs."""
    value = context.read_int(addr, 4, signed=True) if addr else None
    if not context.returning:
        if value is not None:
            context.memo["socklen"] = value
        return pointer_text(addr)
    if value is None:
        return pointer_text(addr)
    before = context.memo.get("socklen", value)
    if context.failed:
        return f"[{before}]"
    return f"[{value}]" if before == value else f"[{before} => {value}]"


def _socket_type(_context: Context, value: int, _: str) -> str:
    value &= _U32
    parts, rest = flags_parts(value & ~0xF, flag_set("sock_type_flags"))
    kind = flag_set("socktypes").by_value.get(value & 0xF)
    if kind is None:
        if value and parts:
            rest |= value & 0xF
            return "|".join([*parts, f"{rest:#x}"] if rest else parts)
        return f"{value:#x} /* SOCK_??? */" if value else "0"
    return "|".join([kind, *parts, *([f"{rest:#x}"] if rest else [])])


def _socket_protocol(context: Context, value: int, _: str) -> str:
    family = context.arg("domain") & _U32
    if family in (_AF_INET, _AF_INET6):
        return enum_text(value & _U32, "inet_protocols")
    if family == _AF_NETLINK:
        return enum_text(value & _U32, "netlink_protocols")
    if family == _AF_PACKET:
        swapped = (value & 0xFF) << 8 | value >> 8 & 0xFF
        return f"htons({enum_text(swapped, 'ethernet_protocols')})"
    return str(value)


# Level -> the set of its options.
_OPTIONS = {
    0: "ip_options",
    _SOL_SOCKET: "sock_options",
    6: "tcp_options",
    17: "udp_options",
    41: "ipv6_options",
    263: "packet_options",
    270: "netlink_options",
}


def _sockopt(context: Context, value: int, _: str) -> str:
    known = _OPTIONS.get(context.arg("level") & _U32)
    if known is None:
        return str(value & _U32)
    return enum_text(value & _U32, known).removesuffix("_OLD")


def _sockopt_value(context: Context, addr: int, param: str) -> str:
    if param.startswith("*"):
        length_at = context.arg(param[1:])
        size = context.read_int(length_at, 4, signed=True) if length_at else None
        if size is None:
            return pointer_text(addr)
    else:
        size = to_signed(context.arg(param))
    if not addr:
        return "NULL"
    level, option = context.arg("level") & _U32, context.arg("optname") & _U32
    name = flag_set(_OPTIONS[level]).by_value.get(option, "") if level in _OPTIONS else ""
    if name == "SO_LINGER" and size >= 8:
        return decode_struct(context, addr, "linger")
    if name == "SO_PEERCRED" and size >= 12:
        return decode_struct(context, addr, "ucred")
    if name.startswith(("SO_RCVTIMEO", "SO_SNDTIMEO")) and size >= 2 * context.word:
        return decode_struct(context, addr, "timeval")
    if name in ("TCP_CONGESTION", "TCP_ULP", "SO_BINDTODEVICE"):
        return buffer_text(context, addr, size)
    if size == 4:
        value = context.read_int(addr, 4, signed=True)
        if value is None:
            return pointer_text(addr)
        return f"[{_named_option(name, value)}]"
    return buffer_text(context, addr, size)


def _named_option(name: str, value: int) -> str:
    if name == "SO_ERROR" and value:
        from pydbg.syscalls.errno import error_name

        return error_name(value) or str(value)
    return str(value)


def _iovec(context: Context, addr: int, param: str) -> str:
    """Print an array of buffers; ``iovcnt/ret`` limits what is shown to the result."""
    count_name, _, limit = param.partition("/")
    count = context.arg(count_name)
    left = context.ret if limit and context.ret is not None else None
    return iovec_text(context, addr, count, left)


def iovec_text(
    context: Context, addr: int, count: int, left: int | None = None, contents: bool = True
) -> str:
    """Return ``count`` buffers at ``addr``; ``left`` bytes of them are data."""
    if not addr:
        return "NULL"
    if not count:
        return "[]"
    word = context.word
    parts: list[str] = []
    for index in range(min(count, context.limit)):
        data = context.read(addr + index * 2 * word, 2 * word)
        if data is None:
            at = addr + index * 2 * word
            return f"[{', '.join(parts)}, ... /* {at:#x} */]" if parts else pointer_text(addr)
        base = int.from_bytes(data[:word], "little")
        size = int.from_bytes(data[word:], "little")
        shown = size
        if left is not None:
            shown = min(size, left)
            left -= shown
        if not contents or shown >> (8 * word - 1):
            text = pointer_text(base)
        else:
            text = buffer_text(context, base, shown)
        parts.append(f"{{iov_base={text}, iov_len={size}}}")
    return f"[{', '.join(parts)}{', ...' if count > context.limit else ''}]"


def _iovec_addresses(context: Context, addr: int, param: str) -> str:
    return iovec_text(context, addr, context.arg(param), contents=False)


def _msghdr(context: Context, addr: int, param: str) -> str:
    size = 7 * context.word
    data = context.read(addr, size) if addr else None
    if data is None:
        return pointer_text(addr)
    return _message_text(context, data, context.ret if param == "ret" else None)


def _message_text(context: Context, data: bytes, left: int | None) -> str:
    word = context.word
    letter = "Q" if word == 8 else "I"
    shape = f"<{letter}I4x3{letter}{letter}I4x" if word == 8 else "<7I"
    name, name_size, vector, count, control, control_size, flags = struct.unpack(shape, data)
    parts = [
        f"msg_name={_address_at(context, name, to_signed(name_size))}",
        f"msg_namelen={to_signed(name_size)}",
        f"msg_iov={iovec_text(context, vector, count, left)}",
        f"msg_iovlen={count}",
    ]
    if control:
        parts.append(f"msg_control={_control_text(context, control, control_size)}")
    parts.append(f"msg_controllen={control_size}")
    parts.append(f"msg_flags={flags_text(flags, 'msg_flags')}")
    return "{" + ", ".join(parts) + "}"


def _control_text(context: Context, addr: int, size: int) -> str:
    """Print ancillary data (cmsg(3))."""
    word = context.word
    data = context.read(addr, min(size, 4096)) if size >= word + 8 else None
    if data is None:
        return pointer_text(addr)
    parts: list[str] = []
    offset = 0
    while offset + word + 8 <= len(data):
        length = int.from_bytes(data[offset : offset + word], "little")
        level, kind = struct.unpack_from("<ii", data, offset + word)
        if length < word + 8:
            parts.append(f"{{cmsg_len={length}, cmsg_level={enum_text(level, 'socketlayers')}, "
                         f"cmsg_type={_cmsg_type(level, kind)}}}")  # fmt: skip
            break
        body = data[offset + word + 8 : offset + length]
        text = f"cmsg_len={length}, cmsg_level={enum_text(level, 'socketlayers')}, "
        text += f"cmsg_type={_cmsg_type(level, kind)}"
        if body:
            text += f", cmsg_data={_cmsg_data(context, level, kind, body)}"
        parts.append(f"{{{text}}}")
        offset += -(-length // word) * word
    return f"[{', '.join(parts)}]" if parts else pointer_text(addr)


def _cmsg_type(level: int, kind: int) -> str:
    if level == _SOL_SOCKET:
        return enum_text(kind & _U32, "scm_types")
    known = _OPTIONS.get(level)
    return enum_text(kind & _U32, known) if known else f"{kind:#x}"


def _cmsg_data(context: Context, level: int, kind: int, body: bytes) -> str:
    if level == _SOL_SOCKET and kind == 1:
        fds = [fd for (fd,) in struct.iter_unpack("<i", body[: len(body) // 4 * 4])]
        return f"[{', '.join(fd_text(context, fd) for fd in fds)}]"
    if level == _SOL_SOCKET and kind == 2 and len(body) >= 12:
        pid, uid, gid = struct.unpack_from("<iII", body)
        return f"{{pid={pid}, uid={uid}, gid={gid}}}"
    return quote(body[: context.limit]) + ("..." if len(body) > context.limit else "")


def _mmsghdrs(context: Context, addr: int, param: str) -> str:
    count = length_of(context, param)
    if not addr:
        return "NULL"
    word = context.word
    step = 7 * word + (8 if word == 8 else 4)
    parts: list[str] = []
    returned = context.ret if context.returning and not context.failed else None
    for index in range(min(count & _U32, context.limit)):
        data = context.read(addr + index * step, step)
        if data is None:
            return f"[{', '.join(parts)}, ...]" if parts else pointer_text(addr)
        length = int.from_bytes(data[7 * word : 7 * word + 4], "little")
        message = _message_text(context, data[: 7 * word], length if param == "ret" else None)
        text = f"msg_hdr={message}"
        if returned is not None and index < returned:
            text += f", msg_len={length}"
        parts.append(f"{{{text}}}")
    return f"[{', '.join(parts)}{', ...' if count & _U32 > context.limit else ''}]"


KINDS: dict[str, Decoder] = {
    "sockaddr": _sockaddr,
    "socklen": _socklen,
    "socket_type": _socket_type,
    "socket_protocol": _socket_protocol,
    "sockopt": _sockopt,
    "sockoptval": _sockopt_value,
    "iovec": _iovec,
    "iovec_addr": _iovec_addresses,
    "msghdr": _msghdr,
    "mmsghdrs": _mmsghdrs,
}
