"""Decoders of ioctl: the names of requests and the arguments of the common ones.

Sources: ioctl_list(2), asm-generic/ioctl.h, asm/termbits.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, pointer_text
from pydbg.syscalls.flags import flag_set, flags_parts, flags_text, to_signed
from pydbg.syscalls.signals import strace_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "request_text"]

_U32 = 0xFFFFFFFF
_DIRECTIONS = ("_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE")

# Numbers that two drivers use; strace names both, since it does not know the file's.
_SHARED = {
    0x5204: "FASTRPC_IOCTL_INIT_ATTACH or RNDZAPENTCNT",
    0x5402: "SNDCTL_TMR_START or TCSETS",
    0x5403: "SNDCTL_TMR_STOP or TCSETSW",
    0x5404: "SNDCTL_TMR_CONTINUE or TCSETSF",
    0x5603: "VBG_IOCTL_VMMDEV_REQUEST_BIG or VT_GETSTATE",
    0x7004: "PHN_NOT_OH or RTC_UIE_OFF",
    0x40049409: "BTRFS_IOC_CLONE or FICLONE",
    0x4020940D: "BTRFS_IOC_CLONE_RANGE or FICLONERANGE",
    0xC0189436: "BTRFS_IOC_FILE_EXTENT_SAME or FIDEDUPERANGE",
}

# Request -> kind of the argument; ">" before it: filled in by the kernel.
_ARGUMENTS = {
    "TCGETS": ">termios",
    "TCSETS": "termios",
    "TCSETSW": "termios",
    "TCSETSF": "termios",
    "TIOCGWINSZ": ">winsize",
    "TIOCSWINSZ": "winsize",
    "TIOCGPGRP": ">int",
    "TIOCSPGRP": "int",
    "TIOCGSID": ">int",
    "TIOCGPTN": ">uint",
    "TIOCSPTLCK": "int",
    "TIOCGPTLCK": ">int",
    "TIOCOUTQ": ">int",
    "TIOCGETD": ">int",
    "TIOCSETD": "int",
    "FIONREAD": ">int",
    "FIONBIO": "int",
    "FIOASYNC": "int",
    "TIOCSCTTY": "value",
    "TCSBRK": "value",
    "TCXONC": "value",
    "TCFLSH": "value",
    "TIOCGPTPEER": "openflags",
    "TIOCNOTTY": "none",
    "TIOCEXCL": "none",
    "TIOCNXCL": "none",
    "FIOCLEX": "none",
    "FIONCLEX": "none",
    "FICLONE": "fd",
}


def request_text(code: int) -> str:
    """Return the name of a request; its parts where it has none.

    >>> request_text(0x5401), request_text(0x12345678)
    ('TCGETS', '_IOC(_IOC_NONE, 0x56, 0x78, 0x1234)')
    """
    name = _SHARED.get(code) or flag_set("ioctls").by_value.get(code)
    if name:
        return name
    number, kind, size = code & 0xFF, code >> 8 & 0xFF, code >> 16 & 0x3FFF
    parts = (f"{part:#x}" if part else "0" for part in (kind, number, size))
    return f"_IOC({_DIRECTIONS[code >> 30]}, {', '.join(parts)})"


def _command(_context: Context, value: int, _: str) -> str:
    return request_text(value & _U32)


def _argument(context: Context, value: int, _: str) -> str | None:
    name = flag_set("ioctls").by_value.get(context.arg("cmd") & _U32, "")
    kind = _ARGUMENTS.get(name, "")
    if not kind:
        return f"{value:#x}" if value else "0"
    if kind == "none":
        return None
    if kind.startswith(">"):
        if not context.returning or context.failed:
            return pointer_text(value)
        kind = kind[1:]
    return _ARGUMENT_KINDS[kind](context, value)


def _int(context: Context, addr: int) -> str:
    value = context.read_int(addr, 4, signed=True) if addr else None
    return pointer_text(addr) if value is None else f"[{value}]"


def _open_flags(_context: Context, value: int) -> str:
    from pydbg.syscalls.decoders.files import open_flags_text

    return open_flags_text(value & _U32)


def _fd(context: Context, value: int) -> str:
    from pydbg.syscalls.decoders.basic import fd_text

    return fd_text(context, to_signed(value))


def _termios(context: Context, addr: int) -> str:
    """Print the kernel's struct termios: four flag words, the line and the characters."""
    data = context.read(addr, 36) if addr else None
    if data is None:
        return pointer_text(addr)
    iflag, oflag, cflag, lflag = struct.unpack_from("<4I", data)
    return (
        f"{{c_iflag={flags_text(iflag, 'termios_iflags')}, c_oflag={_oflags(oflag)}, "
        f"c_cflag={_cflags(cflag)}, c_lflag={flags_text(lflag, 'termios_lflags')}, ...}}"
    )


# Delays of c_oflag: label, shift and mask of the number behind it.
_DELAYS = (
    ("NL", 8, 1),
    ("CR", 9, 3),
    ("TAB", 11, 3),
    ("BS", 13, 1),
    ("VT", 14, 1),
    ("FF", 15, 1),
)


def _oflags(value: int) -> str:
    parts: list[str] = []
    for label, shift, mask in _DELAYS:
        delay = value >> shift & mask
        parts.append("XTABS" if label == "TAB" and delay == 3 else f"{label}{delay}")
        value &= ~(mask << shift)
    names, rest = flags_parts(value, flag_set("termios_oflags"))
    return "|".join([*parts, *names, *([f"{rest:#x}"] if rest else [])])


def _cflags(value: int) -> str:
    speed = value & 0o10017
    size = value & 0o60
    bauds = flag_set("bauds").by_value
    parts = [bauds.get(speed, f"{speed:#x}"), flag_set("termios_sizes").by_value[size]]
    names, rest = flags_parts(value & ~(0o10017 | 0o60), flag_set("termios_cflags"))
    return "|".join([*parts, *names, *([f"{rest:#x}"] if rest else [])])


_ARGUMENT_KINDS: dict[str, Callable[[Context, int], str]] = {
    "int": _int,
    "uint": _int,
    "value": lambda _c, value: str(to_signed(value)),
    "openflags": _open_flags,
    "fd": _fd,
    "termios": _termios,
    "winsize": lambda c, value: decode_struct(c, value, "winsize"),
    "sig": lambda _c, value: strace_name(to_signed(value)),
}

KINDS: dict[str, Decoder] = {"ioctl_cmd": _command, "ioctl_arg": _argument}
