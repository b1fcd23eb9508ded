"""Decoders of mounts and quotas.

Sources: mount(2), quotactl(2), the kernel's uapi headers linux/mount.h and linux/quota.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, decode_value, kind_text, pointer_text, tail
from pydbg.syscalls.flags import flag_set, flags_text, name_of, named

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF
_REMOUNT, _BIND, _MOVE = 0x20, 0x1000, 0x2000
_PROPAGATION = 0x20000 | 0x40000 | 0x80000 | 0x100000  # unbindable, private, slave, shared
_MAGIC = 0xC0ED0000


def _flags(_context: Context, value: int, _: str) -> str:
    """Print mount's flags; programs of old set a magic number in the upper half."""
    if value & 0xFFFF0000 != _MAGIC:
        return flags_text(value, "mount_flags")
    rest = value & ~0xFFFF0000
    return f"MS_MGC_VAL|{flags_text(rest, 'mount_flags')}" if rest else "MS_MGC_VAL"


def _effective(context: Context) -> int:
    flags = context.arg("flags")
    return flags & ~0xFFFF0000 if flags & 0xFFFF0000 == _MAGIC else flags


def _type(context: Context, addr: int, _: str) -> str:
    if _effective(context) & (_REMOUNT | _BIND | _MOVE | _PROPAGATION):
        return pointer_text(addr)  # Nobody reads it.
    return decode_value(context, addr, "str", "") or "NULL"


def _data(context: Context, addr: int, _: str) -> str:
    flags = _effective(context)
    if not flags & _REMOUNT and flags & (_BIND | _MOVE | _PROPAGATION):
        return pointer_text(addr)
    # Only a plain string can be told from the binary data of old network file systems.
    return decode_value(context, addr, "str", "") or "NULL"


# Command of fsconfig -> kinds of key, value and aux.
_FSCONFIG = {
    "FSCONFIG_SET_FLAG": ("str", "ptr", "int"),
    "FSCONFIG_SET_STRING": ("str", "str", "int"),
    "FSCONFIG_SET_BINARY": ("str", "hexbytes=aux", "int"),
    "FSCONFIG_SET_PATH": ("str", "path", "dirfd"),
    "FSCONFIG_SET_PATH_EMPTY": ("str", "path", "dirfd"),
    "FSCONFIG_SET_FD": ("str", "ptr", "fd"),
}


def _fsconfig(context: Context, value: int, _: str) -> str | None:
    name = flag_set("fsconfig").by_value.get(context.arg("cmd") & _U32, "")
    kinds = _FSCONFIG.get(name, ("ptr", "ptr", "int"))
    return kind_text(context, value, kinds[context.index - 2])


def _mount_attr(context: Context, addr: int, param: str) -> str:
    size = context.arg(param)
    if size < 32:
        return pointer_text(addr)
    text = decode_struct(context, addr, "mount_attr")
    more = tail(context, addr, 32, size) if text.startswith("{") else []
    return f"{text[:-1]}, {more[0]}}}" if more else text


# Command of quotactl -> kinds of the id ("" leaves it out) and of the address.
_ONLY: tuple[str, str] = ("", "")
_QUOTA = {
    "Q_SYNC": _ONLY,
    "Q_QUOTAON": ("enum=quota_formats", "path"),
    "Q_QUOTAOFF": _ONLY,
    "Q_GETFMT": ("", ">enump=quota_formats"),
    "Q_GETINFO": ("", ">if_dqinfo"),
    "Q_SETINFO": ("", "if_dqinfo"),
    "Q_GETQUOTA": ("uid", ">if_dqblk"),
    "Q_SETQUOTA": ("uid", "if_dqblk"),
    "Q_GETNEXTQUOTA": ("uid", ">if_nextdqblk"),
    "Q_XQUOTAON": ("", "flagsp=xfs_quota_flags"),
    "Q_XQUOTAOFF": ("", "flagsp=xfs_quota_flags"),
    "Q_XQUOTARM": ("", "flagsp=xfs_dqblk_flags"),
    "Q_XQUOTASYNC": _ONLY,
    "Q_XGETQUOTA": ("uid", ">fs_disk_quota"),
    "Q_XSETQLIM": ("uid", "fs_disk_quota"),
    "Q_XGETNEXTQUOTA": ("uid", ">fs_disk_quota"),
    "Q_XGETQSTAT": ("", ">fs_quota_stat"),
    "Q_XGETQSTATV": ("", ">fs_quota_statv"),
}


def _quota_command(_context: Context, value: int, _: str) -> str:
    value &= _U32
    command, kind = name_of(value >> 8, "quota_cmds"), name_of(value & 0xFF, "quota_types")
    return named(str(value), f"QCMD({command}, {kind})")


def _quota(context: Context, value: int, param: str) -> str | None:
    name = flag_set("quota_cmds").by_value.get((context.arg("cmd") & _U32) >> 8, "")
    kind = _QUOTA.get(name, ("uid", "ptr"))[param == "addr"]
    return kind_text(context, value, kind) if kind else None


KINDS: dict[str, Decoder] = {
    "mount_flags": _flags,
    "mount_type": _type,
    "mount_data": _data,
    "fsconfig_arg": _fsconfig,
    "mount_attr_sized": _mount_attr,
    "quota_cmd": _quota_command,
    "quota_arg": _quota,
}
