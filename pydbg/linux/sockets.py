"""What a socket of a process is connected to.

Sources: proc(5) for /proc/PID/net/tcp and its relatives, sock_diag(7) for the peers of UNIX
sockets, socket(7): the extended attribute ``system.sockprotoname`` names a socket's protocol.
"""

from __future__ import annotations

import os
import struct

__all__ = ["device", "pidfd_process", "socket_text"]

_NETLINK = {
    0: "ROUTE", 1: "UNUSED", 2: "USERSOCK", 3: "FIREWALL", 4: "SOCK_DIAG", 5: "NFLOG",
    6: "XFRM", 7: "SELINUX", 8: "ISCSI", 9: "AUDIT", 10: "FIB_LOOKUP", 11: "CONNECTOR",
    12: "NETFILTER", 13: "IP6_FW", 14: "DNRTMSG", 15: "KOBJECT_UEVENT", 16: "GENERIC",
    18: "SCSITRANSPORT", 19: "ECRYPTFS", 20: "RDMA", 21: "CRYPTO", 22: "SMC",
}  # fmt: skip
_FILES = {"TCP": "tcp", "UDP": "udp", "UDPLITE": "udplite", "TCPv6": "tcp6", "UDPv6": "udp6",
          "UDPLITEv6": "udplite6"}  # fmt: skip
_OTHERS = ("UNIX", "UNIX-STREAM", "NETLINK", "RAW", "RAWv6", "PING", "PINGv6", "SCTP", "SCTPv6",
           "DCCP", "DCCPv6", "L2TP/IP", "L2TP/IPv6")  # fmt: skip
_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLMSG_ERROR = 4, 20, 2
_SHOW_NAME_PEER = 1 | 4
_ATTR_NAME, _ATTR_PEER = 0, 2


def socket_text(tid: int, fd: int, inode: int) -> str | None:
    """Return what strace -yy writes of a socket; None where its protocol is not known.

    >>> import socket
    >>> with socket.socket() as one:
    ...     text = socket_text(os.getpid(), one.fileno(), os.fstat(one.fileno()).st_ino)
    ...     text == f"TCP:[{os.fstat(one.fileno()).st_ino}]"
    True
    """
    try:
        raw = os.getxattr(f"/proc/{tid}/fd/{fd}", "system.sockprotoname")
    except OSError:
        return None
    name = raw.rstrip(b"\0").decode("ascii", "replace")
    if name in _FILES:
        ends = _internet(tid, _FILES[name], inode)
    elif name.startswith("UNIX"):
        ends = _unix(inode)
    elif name == "NETLINK":
        ends = _netlink(tid, inode)
    elif name in _OTHERS:
        ends = None
    else:
        return None
    return f"{name}:[{ends or inode}]"


def _rows(tid: int, name: str) -> list[list[str]]:
    try:
        with open(f"/proc/{tid}/net/{name}", encoding="ascii", errors="replace") as stream:
            return [line.split() for line in stream][1:]
    except OSError:
        return []


def _internet(tid: int, name: str, inode: int) -> str | None:
    wanted = str(inode)
    for row in _rows(tid, name):
        if len(row) > 9 and row[9] == wanted:
            here, there = _address(row[1]), _address(row[2])
            return f"{here}->{there}" if int(row[2].partition(":")[2], 16) else here
    return None


def _address(text: str) -> str:
    """Return an address as /proc has it (words in the machine's order) in the usual form.

    >>> _address("0100007F:0050"), _address("00000000000000000000000001000000:0016")
    ('127.0.0.1:80', '[::1]:22')
    """
    import socket

    words, _, port = text.partition(":")
    data = b"".join(
        int(words[at : at + 8], 16).to_bytes(4, "little") for at in range(0, len(words), 8)
    )
    if len(data) == 4:
        return f"{socket.inet_ntop(socket.AF_INET, data)}:{int(port, 16)}"
    return f"[{socket.inet_ntop(socket.AF_INET6, data)}]:{int(port, 16)}"


def _netlink(tid: int, inode: int) -> str | None:
    for row in _rows(tid, "netlink"):
        if row and row[-1] == str(inode) and int(row[2]):
            kind = int(row[1])
            port = int(row[2])
            return f"{_NETLINK.get(kind, kind)}:{port - (port >> 31 << 32)}"
    return None


def _unix(inode: int) -> str | None:
    """Ask the kernel for a UNIX socket's name and peer (struct unix_diag_req)."""
    import socket

    request = struct.pack("<BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, inode, _SHOW_NAME_PEER,
                          0xFFFFFFFF, 0xFFFFFFFF)  # fmt: skip
    head = struct.pack("<IHHII", 16 + len(request), _SOCK_DIAG_BY_FAMILY, 1, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as diag:
            diag.settimeout(1)
            diag.send(head + request)
            reply = diag.recv(8192)
    except OSError:
        return None
    length, kind = struct.unpack_from("<IH", reply)
    if kind == _NLMSG_ERROR or length > len(reply):
        return None
    peer, name = "", ""
    at = 16 + 16
    while at + 4 <= length:
        size, attribute = struct.unpack_from("<HH", reply, at)
        data = reply[at + 4 : at + size]
        if attribute == _ATTR_PEER:
            peer = f"->{struct.unpack('<I', data)[0]}"
        elif attribute == _ATTR_NAME and data:
            name = _path(data)
        at += max((size + 3) & ~3, 4)
    return f"{inode}{peer}{name}" if peer or name else None


def _path(data: bytes) -> str:
    from pydbg.syscalls.flags import quote

    mark = ""
    if data[:1] == b"\0":
        mark, data = "@", data[1:]
    return f",{mark}{quote(data.rstrip(bytes(1)))}"


def device(tid: int, fd: int) -> str | None:
    """Return the numbers of a device that a descriptor is open on: ``char 1:3``.

    >>> with open("/dev/null") as null:
    ...     device(os.getpid(), null.fileno())
    'char 1:3'
    """
    import stat

    try:
        found = os.stat(f"/proc/{tid}/fd/{fd}")
    except OSError:
        return None
    kind = "char" if stat.S_ISCHR(found.st_mode) else "block" if stat.S_ISBLK(found.st_mode) else ""
    return f"{kind} {os.major(found.st_rdev)}:{os.minor(found.st_rdev)}" if kind else None


def pidfd_process(tid: int, fd: int) -> int | None:
    """Return the process that a pidfd stands for (pidfd_open(2)); None if it is none."""
    try:
        with open(f"/proc/{tid}/fdinfo/{fd}", encoding="ascii", errors="replace") as stream:
            for line in stream:
                if line.startswith("Pid:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return None
