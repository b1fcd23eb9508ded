"""Decoders of the ioctls of network devices: struct ifreq and ifconf.

Sources: netdevice(7), the kernel's include/uapi/linux/if.h and sockios.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.decoders.network import sockaddr_text
from pydbg.syscalls.flags import enum_text, flag_set, flags_text

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF
_NAME_SIZE = 16
# Request -> what its member of the union is: label and how it is shown.
_MEMBERS = {
    "FLAGS": ("ifr_flags", "flags"),
    "ADDR": ("ifr_addr", "address"),
    "DSTADDR": ("ifr_dstaddr", "address"),
    "BRDADDR": ("ifr_broadaddr", "address"),
    "NETMASK": ("ifr_netmask", "address"),
    "METRIC": ("ifr_metric", "int"),
    "MTU": ("ifr_mtu", "int"),
    "NAME": ("ifr_newname", "name"),
    "SLAVE": ("ifr_slave", "name"),
    "HWADDR": ("ifr_hwaddr", "hardware"),
    "HWBROADCAST": ("ifr_hwaddr", "hardware"),
    "ADDMULTI": ("ifr_hwaddr", "hardware"),
    "DELMULTI": ("ifr_hwaddr", "hardware"),
    "INDEX": ("ifr_ifindex", "int"),
    "TXQLEN": ("ifr_qlen", "int"),
    "MAP": ("ifr_map", "map"),
}


def _member(context: Context, data: bytes, shown: str) -> str:
    if shown == "flags":
        return flags_text(int.from_bytes(data[:2], "little"), "iff_flags")
    if shown == "address":
        return sockaddr_text(data[:16], context)
    if shown == "int":
        return str(int.from_bytes(data[:4], "little", signed=True))
    if shown == "name":
        return context.quote(data[:_NAME_SIZE].split(b"\0")[0])
    if shown == "map":
        word = context.word
        start, end = (int.from_bytes(data[at : at + word], "little") for at in (0, word))
        base = int.from_bytes(data[2 * word : 2 * word + 2], "little")
        irq, dma, port = data[2 * word + 2 : 2 * word + 5]
        return (
            f"{{mem_start={_hex(start)}, mem_end={_hex(end)}, base_addr={_hex(base)}, "
            f"irq={_hex(irq)}, dma={_hex(dma)}, port={_hex(port)}}}"
        )
    family = int.from_bytes(data[:2], "little")
    octets = ":".join(f"{byte:02x}" for byte in data[2:16])
    return f"{{sa_family={enum_text(family, 'arp_hardware')}, sa_data={octets}}}"


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _request(context: Context, addr: int, param: str) -> str:
    """Print struct ifreq; of what is asked for, the answer only after the call."""
    size = 40 if context.word == 8 else 32
    data = context.read(addr, size) if addr else None
    if data is None:
        return pointer_text(addr)
    name, body = data[:_NAME_SIZE].split(b"\0")[0], data[_NAME_SIZE:]
    asked = not param.startswith("=")
    key = param.lstrip("=")
    done = context.returning and not context.failed
    if asked and key == "NAME":  # SIOCGIFNAME: the index is given
        text = f"ifr_ifindex={_member(context, body, 'int')}"
        return f"{{{text}, ifr_name={context.quote(name)}}}" if done else f"{{{text}}}"
    label, shown = _MEMBERS[key]
    text = f"ifr_name={context.quote(name)}"
    if asked and not done:
        return f"{{{text}}}"
    return f"{{{text}, {label}={_member(context, body, shown)}}}"


def _list(context: Context, addr: int, _: str) -> str:
    """Print struct ifconf: the room, and the interfaces that were written there."""
    word = context.word
    length = context.read_int(addr, 4, signed=True) if addr else None
    buf = context.read_word(addr + word) if addr else None
    if length is None or buf is None:
        return pointer_text(addr)
    size = 40 if word == 8 else 32
    comment = ""
    if length and length % size == 0:
        comment = f" /* {length // size} * sizeof(struct ifreq) */"
    if not context.returning:
        context.memo["ifc_len"] = length
    before = context.memo.get("ifc_len", length)
    shown = f"{length}{comment}"
    if context.returning and not context.failed and before != length:
        shown = f"{before}{_comment(before, size)} => {shown}"
    if not context.returning or context.failed or not buf or length <= 0:
        return f"{{ifc_len={shown}, ifc_buf={pointer_text(buf)}}}"
    count = length // size
    parts: list[str] = []
    for index in range(min(count, context.members)):
        data = context.read(buf + index * size, size)
        if data is None:
            parts.append(f"... /* {buf + index * size:#x} */")
            break
        name = context.quote(data[:_NAME_SIZE].split(b"\0")[0])
        parts.append(f"{{ifr_name={name}, ifr_addr={sockaddr_text(data[16:32], context)}}}")
    more = ", ..." if count > context.members else ""
    return f"{{ifc_len={shown}, ifc_buf=[{', '.join(parts)}{more}]}}"


def _comment(length: object, size: int) -> str:
    known = isinstance(length, int) and length and length % size == 0
    return f" /* {int(str(length)) // size} * sizeof(struct ifreq) */" if known else ""


def _own(context: Context, value: int, _: str) -> str:
    """Print ifreq by the request's own name (SIOCSIFMTU: it sets MTU)."""
    name = flag_set("ioctls").by_value.get(context.arg("cmd") & _U32, "")
    sets = name.startswith(("SIOCS", "SIOCADD", "SIOCDEL"))
    key = name.removeprefix("SIOCSIF").removeprefix("SIOCGIF").removeprefix("SIOC")
    return _request(context, value, f"={key}" if sets else key)


KINDS: dict[str, Decoder] = {"ifreq": _own, "ifconf": _list}
