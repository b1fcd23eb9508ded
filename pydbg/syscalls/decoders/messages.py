"""Decoders of vectors of buffers and of messages with their ancillary data.

Sources: readv(2), recvmsg(2), cmsg(3), unix(7), ip(7), the kernel's include/linux/socket.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text, struct_text
from pydbg.syscalls.decoders.basic import buffer_text, fd_text, length_of
from pydbg.syscalls.decoders.network import (
    address_at,
    inet_text,
    interface_text,
    sockaddr_text,
)
from pydbg.syscalls.flags import enum_text, flags_text, to_signed
from pydbg.syscalls.structs import layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "iovec_text"]

_U32 = 0xFFFFFFFF
_SOL_SOCKET = 1
_AF_NETLINK = 16


def _iovec(context: Context, addr: int, param: str) -> str:
    """Print an array of buffers; ``iovcnt/ret`` limits what is shown to the result."""
    count_name, _, limit = param.partition("/")
    count = context.arg(count_name)
    left = context.ret if limit and context.ret is not None else None
    return iovec_text(context, addr, count, left)


def iovec_text(
    context: Context, addr: int, count: int, left: int | None = None, contents: bool = True,
    show: Callable[[Context, int, int], str] = buffer_text,
) -> str:  # fmt: skip
    """Return ``count`` buffers at ``addr``; ``left`` bytes of them are data, shown by ``show``."""
    if not addr:
        return "NULL"
    if not count:
        return "[]"
    word = context.word
    parts: list[str] = []
    for index in range(min(count, context.members)):
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
            text = show(context, base, shown)
        parts.append(f"{{iov_base={text}, iov_len={size}}}")
    return f"[{', '.join(parts)}{', ...' if count > context.members else ''}]"


def _iovec_addresses(context: Context, addr: int, param: str) -> str:
    return iovec_text(context, addr, context.arg(param), contents=False)


def _iovec_filled(context: Context, addr: int, param: str) -> str:
    """Print buffers that the kernel fills: addresses only, until it has."""
    if not context.returning or context.failed:
        return iovec_text(context, addr, context.arg(param), contents=False)
    return iovec_text(context, addr, context.arg(param), context.ret)


def _message_in(context: Context, addr: int, _: str) -> str:
    """Print recvmsg's message: how long the sender's address was to be, and is."""
    room = context.read_int(addr + context.word, 4, signed=True) if addr else None
    if not context.returning:
        if room is not None:
            context.memo["namelen"] = room
        return pointer_text(addr)
    before = context.memo.get("namelen", room)
    if context.failed:
        return pointer_text(addr) if before is None else f"{{msg_namelen={before}}}"
    data = context.read(addr, 7 * context.word) if addr else None
    if data is None or not isinstance(before, int):
        return pointer_text(addr)
    return _message_text(context, data, context.ret, before)


def _message_out(context: Context, addr: int, _: str) -> str:
    data = context.read(addr, 7 * context.word) if addr else None
    return pointer_text(addr) if data is None else _message_text(context, data, None)


def _message_text(context: Context, data: bytes, left: int | None, room: int | None = None) -> str:
    from pydbg.syscalls.decoders.netlink import netlink_text

    word = context.word
    shape = "<QI4xQQQQI4x" if word == 8 else "<7I"
    name, size, vector, count, control, control_size, flags = struct.unpack(shape, data)
    size = to_signed(size)
    known = size if room is None else min(size, room)
    family = context.read_int(name, 2) if name and known >= 2 else None
    show = netlink_text if family == _AF_NETLINK else buffer_text
    parts = [
        f"msg_name={address_at(context, name, known)}",
        f"msg_namelen={size}" if room in (None, size) else f"msg_namelen={room} => {size}",
        f"msg_iov={iovec_text(context, vector, count, left, show=show)}",
        f"msg_iovlen={count}",
    ]
    if control_size:
        parts.append(f"msg_control={_control_text(context, control, control_size)}")
    parts.append(f"msg_controllen={control_size}")
    parts.append(f"msg_flags={flags_text(flags, 'msg_flags')}")
    return "{" + ", ".join(parts) + "}"


def _control_text(context: Context, addr: int, size: int) -> str:
    """Print ancillary data."""
    head = context.word + 8
    # No kernel takes more by default (net.core.optmem_max was 20 kB, 128 kB since 6.10).
    left = min(size, 131072)
    data = context.read(addr, left) if left >= head else None
    if data is None:
        return pointer_text(addr)
    parts: list[str] = []
    at = 0
    while left >= head:
        length = int.from_bytes(data[at : at + context.word], "little")
        level, kind = struct.unpack_from("<ii", data, at + context.word)
        used = min(length, left)
        body = data[at + head : at + used]
        parts.append(
            f"{{cmsg_len={length}, cmsg_level={_level(level & _U32)}, "
            f"cmsg_type={_control_type(context, level, kind, body)}}}"
        )
        if used < head:
            left -= head
            at += head
            break
        step = -(-length // context.word) * context.word
        if step >= left:
            left = 0
            break
        at += step
        left -= step
    if left:
        parts.append(f"... /* {addr + at:#x} */")
    return f"[{', '.join(parts)}]"


def _level(level: int) -> str:
    # strace's mark of an unknown level has one question mark less in the socket options.
    return enum_text(level, "socketlayers").replace("SOL_?? ", "SOL_??? ")


def _control_type(context: Context, level: int, kind: int, body: bytes) -> str:
    if level == _SOL_SOCKET:
        text, known = enum_text(kind & _U32, "scm_types"), _SOCKET_CONTROL.get(kind)
    elif level == 0:
        text, known = enum_text(kind & _U32, "ip_cmsg_types"), _IP_CONTROL.get(kind)
    else:
        return f"{kind & _U32:#x}" if kind else "0"
    if known is None or len(body) < known[1]:
        return text
    return f"{text}, cmsg_data={known[0](context, body)}"


def _array(context: Context, values: list[str]) -> str:
    more = ", ..." if len(values) > context.members else ""
    return f"[{', '.join(values[: context.members])}{more}]"


def _rights(context: Context, body: bytes) -> str:
    fds = struct.unpack_from(f"<{len(body) // 4}i", body)
    return _array(context, [fd_text(context, fd) for fd in fds])


def _numbers(context: Context, body: bytes) -> str:
    return _array(context, [str(n) for n in struct.unpack_from(f"<{len(body) // 4}I", body)])


def _octets(context: Context, body: bytes) -> str:
    return _array(context, [f"{byte:#x}" if byte else "0" for byte in body])


def _structs(name: str, count: int = 0) -> Callable[[Context, bytes], str]:
    """Make the decoder of a struct, or of an array of ``count``."""

    def decoder(context: Context, body: bytes) -> str:
        size = layout(name, context.word).size
        if len(body) < size * (count or 1):
            return context.quote(body)
        texts = [struct_text(context, body[at * size :], name) for at in range(count or 1)]
        return f"[{', '.join(texts)}]" if count else texts[0]

    return decoder


def _packet_info(context: Context, body: bytes) -> str:
    index = int.from_bytes(body[:4], "little")
    return (
        f"{{ipi_ifindex={interface_text(context, index)}, "
        f"ipi_spec_dst={inet_text(body[4:8], context)}, "
        f"ipi_addr={inet_text(body[8:12], context)}}}"
    )


def _error(context: Context, body: bytes) -> str:
    number, origin, kind, code, info, data = struct.unpack_from("<IBBBxII", body)
    return (
        f"{{ee_errno={number}, ee_origin={origin}, ee_type={kind}, ee_code={code}, "
        f"ee_info={info}, ee_data={data}, offender={sockaddr_text(body[16:32], context)}}}"
    )


# Type -> what makes text of the data, and the bytes that it needs.
_SOCKET_CONTROL: dict[int, tuple[Callable[[Context, bytes], str], int]] = {
    1: (_rights, 4),
    2: (_structs("ucred"), 12),
    3: (lambda context, body: context.quote(body), 1),
    29: (_structs("timeval"), 1),
    35: (_structs("timespec"), 1),
    37: (_structs("timespec", 3), 1),
    63: (_structs("timeval64"), 1),
    64: (_structs("timespec64"), 1),
    65: (_structs("timespec64", 3), 1),
}
_IP_CONTROL: dict[int, tuple[Callable[[Context, bytes], str], int]] = {
    8: (_packet_info, 12),
    2: (_numbers, 4),
    1: (_octets, 1),
    6: (_octets, 1),
    7: (_octets, 1),
    11: (_error, 32),
    20: (lambda context, body: sockaddr_text(body[:128], context), 16),
    23: (_numbers, 4),
    3: (lambda context, body: context.quote(body), 1),
}


def _mmsghdrs_in(context: Context, addr: int, param: str) -> str:
    if not context.returning:
        step = 8 * context.word if context.word == 8 else 8 * 4
        count = min(context.arg(param) & _U32, context.limit) if addr else 0
        context.memo["namelens"] = [
            context.read_int(addr + at * step + context.word, 4, signed=True) for at in range(count)
        ]
        return pointer_text(addr)
    return pointer_text(addr) if context.failed else _mmsghdrs(context, addr, "ret")


def _mmsghdrs(context: Context, addr: int, param: str) -> str:
    count = length_of(context, param)
    rooms = context.memo.get("namelens")
    if not addr:
        return "NULL"
    word = context.word
    step = 7 * word + (8 if word == 8 else 4)
    parts: list[str] = []
    returned = context.ret if context.returning and not context.failed else None
    for index in range(min(count & _U32, context.members)):
        at = addr + index * step
        data = context.read(at, step)
        if data is None:
            return f"[{', '.join(parts)}, ... /* {at:#x} */]" if parts else pointer_text(addr)
        length = int.from_bytes(data[7 * word : 7 * word + 4], "little")
        room = rooms[index] if isinstance(rooms, list) and index < len(rooms) else None
        left = length if param == "ret" else None
        message = _message_text(context, data[: 7 * word], left, room)
        text = f"msg_hdr={message}"
        if returned is not None and index < returned:
            text += f", msg_len={length}"
        parts.append(f"{{{text}}}")
    return f"[{', '.join(parts)}{', ...' if count & _U32 > context.members else ''}]"


_NETLINK_HEAD = 16
_LONGEST_MESSAGE = 1 << 24


def _socket_data(context: Context, addr: int, param: str) -> str:
    """Print what goes through a socket: bytes, or netlink messages where it is one of those."""
    from pydbg.syscalls.decoders.netlink import netlink_text, protocol_of

    size = length_of(context, param)
    # Asking for the protocol takes long, and text is no message: those begin with their length.
    length = context.read_int(addr) if addr and size >= _NETLINK_HEAD else None
    if (
        length is not None
        and length < _LONGEST_MESSAGE
        and protocol_of(context, to_signed(context.args[0])) is not None
    ):
        return netlink_text(context, addr, size)
    return buffer_text(context, addr, size)


KINDS: dict[str, Decoder] = {
    "socket_data": _socket_data,
    "iovec": _iovec,
    "iovec_addr": _iovec_addresses,
    "iovec_filled": _iovec_filled,
    "msghdr": _message_out,
    "msghdr_in": _message_in,
    "mmsghdrs": _mmsghdrs,
    "mmsghdrs_in": _mmsghdrs_in,
}
