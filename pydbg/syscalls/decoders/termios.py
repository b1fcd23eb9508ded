"""Decoders of terminals' settings: termios, termio and their flags.

Sources: termios(3), ioctl_tty(2), the kernel's asm/termbits.h and linux/tty.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.flags import enum_text, flag_set, flags_parts, flags_text

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

# Delays of c_oflag: label, shift and mask of the number behind it.
_DELAYS = (
    ("NL", 8, 1),
    ("CR", 9, 3),
    ("TAB", 11, 3),
    ("BS", 13, 1),
    ("VT", 14, 1),
    ("FF", 15, 1),
)
_CHARACTERS = (
    *("VINTR", "VQUIT", "VERASE", "VKILL", "VEOF", "VTIME", "VMIN", "VSWTC", "VSTART", "VSTOP"),
    *("VSUSP", "VEOL", "VREPRINT", "VDISCARD", "VWERASE", "VLNEXT", "VEOL2"),
)
_CBAUD = 0o10017
_CSIZE = 0o60
_IBSHIFT = 16


def _names(value: int, name: str) -> str:
    """Return flags; nothing for none, as strace leaves them in these structs."""
    return flags_text(value, name) if value else ""


def _oflags(value: int) -> str:
    parts: list[str] = []
    for label, shift, mask in _DELAYS:
        delay = value >> shift & mask
        parts.append("XTABS" if label == "TAB" and delay == 3 else f"{label}{delay}")
        value &= ~(mask << shift)
    return "|".join([*parts, _names(value, "termios_oflags")])


def _cflags(value: int) -> str:
    speed, size, input_speed = value & _CBAUD, value & _CSIZE, value >> _IBSHIFT & _CBAUD
    bauds = flag_set("bauds").by_value
    parts = [bauds.get(speed, f"{speed:#x}")]
    if input_speed:
        parts.append(f"{bauds.get(input_speed, f'{input_speed:#x}')}<<IBSHIFT")
    parts.append(flag_set("termios_sizes").by_value[size])
    rest = value & ~(_CBAUD | _CSIZE | _CBAUD << _IBSHIFT)
    names, unknown = flags_parts(rest, flag_set("termios_cflags"))
    if unknown:
        names.append(f"{unknown:#x}")
    return "|".join([*parts, "|".join(names)])


def _settings(shape: str, count: int, speeds: bool = False) -> Decoder:
    """Make the decoder of four flag words, the line, ``count`` characters, and speeds."""

    def decoder(context: Context, addr: int, _: str) -> str:
        size = struct.calcsize(shape)
        data = context.read(addr, size + 1 + count + 8 * speeds) if addr else None
        if data is None:
            return pointer_text(addr)
        iflag, oflag, cflag, lflag = struct.unpack_from(shape, data)
        text = (
            f"c_iflag={_names(iflag, 'termios_iflags')}, c_oflag={_oflags(oflag)}, "
            f"c_cflag={_cflags(cflag)}, c_lflag={_names(lflag, 'termios_lflags')}"
        )
        if not context.verbose:
            return f"{{{text}, ...}}"
        characters = (
            f"[{_CHARACTERS[at] if at < len(_CHARACTERS) else at}]={f'{byte:#x}' if byte else 0}"
            for at, byte in enumerate(data[size + 1 : size + 1 + count])
        )
        line = enum_text(data[size], "line_disciplines")
        text += f", c_line={line}, c_cc=[{', '.join(characters)}]"
        if speeds:
            text += ", c_ispeed={}, c_ospeed={}".format(*struct.unpack("<II", data[-8:]))
        return f"{{{text}}}"

    return decoder


KINDS: dict[str, Decoder] = {
    "termios": _settings("<4I", 19),
    "termios2": _settings("<4I", 19, speeds=True),
    "termio": _settings("<4H", 8),
}
