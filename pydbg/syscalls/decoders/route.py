"""Decoders of rtnetlink's messages: links, addresses and routes, and their attributes.

Sources: rtnetlink(7), the kernel's uapi headers linux/rtnetlink.h, if_addr.h and if_link.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders.network import inet_text, interface_text
from pydbg.syscalls.flags import enum_text, flag_set, flags_text, quote_hex

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context

__all__ = ["flag_names", "message_parts"]

_AF_INET, _AF_INET6 = 2, 10
# Request of a family of four types (new, delete, get, set) -> the set that names its flags.
_FLAGS = ("nl_new_flags", "nl_delete_flags", "nl_get_flags", "nl_flags")


def flag_names(kind: int) -> str:
    """Return the set of flags that a message of rtnetlink has beside the general ones."""
    return _FLAGS[(kind - 16) % 4] if kind >= 16 else "nl_flags"


def message_parts(context: Context, kind: int, body: bytes) -> list[str] | None:
    """Return a message's own struct and its attributes; None where they are not known."""
    family = (kind - 16) // 4
    known = _MESSAGES.get(family)
    if known is None or not body:
        return None
    size, show, attributes = known
    if len(body) < size:
        label = {0: "ifi", 1: "ifa", 2: "rtm"}[family]
        return [f"{{{label}_family={enum_text(body[0], 'addrfams')}, ...}}"]
    parts = [show(context, body)]
    shown = _attributes(context, body[size:], body[0], attributes)
    return [*parts, shown] if shown else parts


def _link(context: Context, body: bytes) -> str:
    family, kind, index, flags, change = struct.unpack_from("<BxHiII", body)
    return (
        f"{{ifi_family={enum_text(family, 'addrfams')}, "
        f"ifi_type={enum_text(kind, 'arp_hardware')}, ifi_index={interface_text(context, index)}, "
        f"ifi_flags={flags_text(flags, 'link_flags')}, ifi_change={_hex(change)}}}"
    )


def _address(context: Context, body: bytes) -> str:
    family, prefix, flags, scope, index = struct.unpack_from("<BBBBI", body)
    return (
        f"{{ifa_family={enum_text(family, 'addrfams')}, ifa_prefixlen={prefix}, "
        f"ifa_flags={flags_text(flags, 'address_flags')}, "
        f"ifa_scope={enum_text(scope, 'route_scopes')}, "
        f"ifa_index={interface_text(context, index)}}}"
    )


def _route(_context: Context, body: bytes) -> str:
    family, target, source, tos, table, protocol, scope, kind, flags = struct.unpack_from(
        "<8BI", body
    )
    return (
        f"{{rtm_family={enum_text(family, 'addrfams')}, rtm_dst_len={target}, "
        f"rtm_src_len={source}, rtm_tos={_hex(tos)}, "
        f"rtm_table={enum_text(table, 'route_tables')}, "
        f"rtm_protocol={enum_text(protocol, 'route_protocols')}, "
        f"rtm_scope={enum_text(scope, 'route_scopes')}, rtm_type={enum_text(kind, 'route_types')}, "
        f"rtm_flags={flags_text(flags, 'route_flags')}}}"
    )


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _attributes(context: Context, data: bytes, family: int, names: str) -> str:
    """Return the attributes in ``data``: one alone, several in brackets."""
    parts: list[str] = []
    at = 0
    most = len(data) if context.verbose else context.limit
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("<HH", data, at)
        if length < 4:
            break
        if len(parts) == most:
            parts.append("...")
            break
        value = data[at + 4 : at + length]
        name = flag_set(names).by_value.get(kind & 0x3FFF)
        mark = flag_set(names).unknown
        head = f"{{nla_len={length}, nla_type={name or f'{kind:#x} /* {mark} */'}}}"
        shown = _attribute(context, name or "", value, family)
        parts.append(f"[{head}, {shown}]" if value else head)
        at += -(-length // 4) * 4
    if not parts:
        return ""
    return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"


def _attribute(context: Context, name: str, value: bytes, family: int) -> str:
    number = int.from_bytes(value[:4], "little")
    if name in _TEXTS:
        return context.quote(value.split(b"\0")[0])
    if name in _ADDRESSES:
        if family == _AF_INET and len(value) == 4:
            return inet_text(value, context)
        if family == _AF_INET6 and len(value) == 16:
            import socket

            dotted = socket.inet_ntop(socket.AF_INET6, value)
            return f"inet_pton(AF_INET6, {context.quote(dotted.encode())})"
    if name == "IFA_FLAGS":
        return flags_text(number, "address_flags")
    if name == "IFA_CACHEINFO" and len(value) == 16:
        preferred, valid, created, changed = struct.unpack("<4I", value)
        return (
            f"{{ifa_prefered={preferred}, ifa_valid={valid}, cstamp={created}, tstamp={changed}}}"
        )
    width = _COUNTERS.get(name)
    if width:
        count = min(len(value) // width, len(_STATISTICS))
        numbers = (
            int.from_bytes(value[at : at + width], "little")
            for at in range(0, count * width, width)
        )
        pairs = zip(_STATISTICS, numbers, strict=False)
        return "{" + ", ".join(f"{key}={number}" for key, number in pairs) + "}"
    if name == "RTA_TABLE":
        return enum_text(number, "route_tables")
    if name in ("RTA_OIF", "RTA_IIF", "IFLA_LINK"):
        return interface_text(context, number)
    if name in ("IFLA_ADDRESS", "IFLA_BROADCAST"):
        return ":".join(f"{byte:02x}" for byte in value)
    if name in _NUMBERS and len(value) in (1, 4):
        return str(number)
    more = "..." if len(value) > context.limit else ""
    return quote_hex(value[: context.limit]) + more


_TEXTS = ("IFA_LABEL", "IFLA_IFNAME", "IFLA_QDISC", "IFLA_IFALIAS")
_ADDRESSES = (
    *("IFA_ADDRESS", "IFA_LOCAL", "IFA_BROADCAST", "IFA_ANYCAST", "IFA_MULTICAST"),
    *("RTA_DST", "RTA_SRC", "RTA_GATEWAY", "RTA_PREFSRC"),
)
_NUMBERS = (
    *("IFA_RT_PRIORITY", "RTA_PRIORITY", "IFLA_MTU", "IFLA_TXQLEN", "IFLA_OPERSTATE"),
    *("IFLA_LINKMODE", "IFLA_MIN_MTU", "IFLA_MAX_MTU", "IFLA_GROUP", "IFLA_PROMISCUITY"),
    *("IFLA_NUM_TX_QUEUES", "IFLA_NUM_RX_QUEUES", "IFLA_CARRIER", "IFLA_CARRIER_CHANGES"),
    *("IFLA_GSO_MAX_SEGS", "IFLA_GSO_MAX_SIZE", "IFLA_ALLMULTI", "IFLA_MASTER"),
    *("IFLA_GRO_MAX_SIZE", "IFLA_TSO_MAX_SIZE", "IFLA_TSO_MAX_SEGS", "IFLA_PROTO_DOWN"),
    *("IFLA_CARRIER_UP_COUNT", "IFLA_CARRIER_DOWN_COUNT"),
)
# Attributes that are counters of one width each.
_COUNTERS = {"IFLA_STATS": 4, "IFLA_STATS64": 8}
_STATISTICS = (
    *("rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped"),
    *("tx_dropped", "multicast", "collisions", "rx_length_errors", "rx_over_errors"),
    *("rx_crc_errors", "rx_frame_errors", "rx_fifo_errors", "rx_missed_errors"),
    *("tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors", "tx_heartbeat_errors"),
    *("tx_window_errors", "rx_compressed", "tx_compressed", "rx_nohandler"),
    "rx_otherhost_dropped",
)
# Family of message types -> its struct's size, how that is shown, the names of attributes.
_MESSAGES = {
    0: (16, _link, "link_attributes"),
    1: (8, _address, "address_attributes"),
    2: (12, _route, "route_attributes"),
}
