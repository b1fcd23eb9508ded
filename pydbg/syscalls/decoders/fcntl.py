"""Decoders of fcntl: the argument by command.

Sources: fcntl(2), the kernel's include/uapi/linux/fcntl.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, decode_value, pointer_text
from pydbg.syscalls.decoders.files import open_flags_text
from pydbg.syscalls.flags import flag_set, named

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF


def _fcntl_arg(context: Context, value: int, _: str) -> str | None:
    """Print fcntl's third argument, by command."""
    name = flag_set("fcntl_cmd").by_value.get(context.arg("cmd") & _U32, "")
    kind = _FCNTL.get(name, "ptr" if not name else "s64")
    if kind == "none":
        return None
    if not name or (context.call.name != "fcntl64" and name.endswith(("LK64", "LKW64"))):
        return f"{value:#x}" if value else "0"
    if kind == "open_flags":
        value &= _U32
        return named(f"{value:#x}" if value else "0", open_flags_text(value))
    if kind.startswith("flock"):
        return _lock(context, value, name)
    if kind == "hint":
        hint = context.read_int(value, 8) if value else None
        return pointer_text(value) if hint is None else f"[{hint}]"
    if kind.startswith(">"):
        if not context.returning or context.failed:
            return pointer_text(value)
        return decode_value(context, value, kind[1:], "")
    kind, _, param = kind.partition("=")
    return decode_value(context, value, kind, param)


# Command -> kind of its argument; "none": it takes none.
_FCNTL = {
    "F_DUPFD": "s64",
    "F_DUPFD_CLOEXEC": "s64",
    "F_SETFD": "flags=fd_flags",
    "F_SETFL": "open_flags",
    "F_SETOWN": "pid",
    "F_SETPIPE_SZ": "s64",
    "F_SETSIG": "sig",
    "F_SETLEASE": "enum64=lock_types",
    "F_NOTIFY": "flags64=notify_flags",
    "F_ADD_SEALS": "flags64=seal_flags",
    "F_SETOWN_EX": "f_owner_ex",
    "F_GETOWN_EX": ">f_owner_ex",
    "F_SETLK": "flock",
    "F_SETLKW": "flock",
    "F_GETLK": "flock",
    "F_SETLK64": "flock64",
    "F_SETLKW64": "flock64",
    "F_GETLK64": "flock64",
    "F_OFD_SETLK": "flock64",
    "F_OFD_SETLKW": "flock64",
    "F_OFD_GETLK": "flock64",
    "F_GET_RW_HINT": "hint",
    "F_SET_RW_HINT": "hint",
    "F_GET_FILE_RW_HINT": "hint",
    "F_SET_FILE_RW_HINT": "hint",
    "F_GETFD": "none",
    "F_GETFL": "none",
    "F_GETOWN": "none",
    "F_GETPIPE_SZ": "none",
    "F_GETSIG": "none",
    "F_GETLEASE": "none",
    "F_GET_SEALS": "none",
    "F_GETOWNER_UIDS": "ptr",
    "F_CANCELLK": "hex",
}


def _lock(context: Context, addr: int, command: str) -> str:
    wide = "64" if command.endswith("64") or "OFD" in command else ""
    if command.endswith(("GETLK", "GETLK64")):
        if not context.returning and addr:
            return pointer_text(addr)
        if context.failed:
            return pointer_text(addr)
        return decode_struct(context, addr, f"flock{wide}")
    return decode_struct(context, addr, f"flock{wide}_set")


KINDS: dict[str, Decoder] = {"fcntl_arg": _fcntl_arg}
