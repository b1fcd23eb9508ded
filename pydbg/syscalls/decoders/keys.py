"""Decoders of the kernel's keys: add_key, request_key, keyctl.

Sources: keyctl(2) and the man pages it names, the kernel's include/uapi/linux/keyctl.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import by_command, decode_struct, pointer_text
from pydbg.syscalls.decoders.basic import buffer_text, length_of, string_text
from pydbg.syscalls.flags import flag_set, flags_text, named, to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF
_KEYS = ("keyring", "keyring")
_OUT_TEXT = ("keyring", ">str0=ret", "size")
_PKEY_OUT = ("keyctl_pkey_params", "str", "keyctl_in", ">keyctl_out")

# Operation -> kinds of its arguments; one without a row prints all four in hex.
_KEYCTL = {
    "KEYCTL_GET_KEYRING_ID": ("keyring", "int"),
    "KEYCTL_JOIN_SESSION_KEYRING": ("str",),
    "KEYCTL_UPDATE": ("keyring", "bytes=arg4", "size"),
    "KEYCTL_REVOKE": ("keyring",),
    "KEYCTL_CHOWN": ("keyring", "uid", "uid"),
    "KEYCTL_SETPERM": ("keyring", "flags=key_perms"),
    "KEYCTL_DESCRIBE": _OUT_TEXT,
    "KEYCTL_CLEAR": ("keyring",),
    "KEYCTL_LINK": _KEYS,
    "KEYCTL_UNLINK": _KEYS,
    "KEYCTL_SEARCH": ("keyring", "str", "str", "keyring"),
    "KEYCTL_READ": ("keyring", ">bytes=ret", "size"),
    "KEYCTL_INSTANTIATE": ("keyring", "bytes=arg4", "size", "keyring"),
    "KEYCTL_NEGATE": ("keyring", "uint", "keyring"),
    "KEYCTL_SET_REQKEY_KEYRING": ("enum_d=key_reqkeys",),
    "KEYCTL_SET_TIMEOUT": ("keyring", "uint"),
    "KEYCTL_ASSUME_AUTHORITY": ("keyring",),
    "KEYCTL_GET_SECURITY": _OUT_TEXT,
    "KEYCTL_SESSION_TO_PARENT": (),
    "KEYCTL_REJECT": ("keyring", "uint", "errno", "keyring"),
    "KEYCTL_INSTANTIATE_IOV": ("keyring", "iovec=arg4", "size", "keyring"),
    "KEYCTL_INVALIDATE": ("keyring",),
    "KEYCTL_GET_PERSISTENT": ("uid", "keyring"),
    "KEYCTL_DH_COMPUTE": ("keyctl_dh_params", ">bytes=ret", "size", "keyctl_kdf_params"),
    "KEYCTL_PKEY_QUERY": ("keyring", "hex", "str", ">keyctl_pkey_query"),
    "KEYCTL_PKEY_ENCRYPT": _PKEY_OUT,
    "KEYCTL_PKEY_DECRYPT": _PKEY_OUT,
    "KEYCTL_PKEY_SIGN": _PKEY_OUT,
    "KEYCTL_PKEY_VERIFY": ("keyctl_pkey_params2", "str", "keyctl_in", "keyctl_in2"),
    "KEYCTL_RESTRICT_KEYRING": ("keyring", "str", "str"),
    "KEYCTL_MOVE": ("keyring", "keyring", "keyring", "flags=keyctl_move_flags"),
    "KEYCTL_CAPABILITIES": (">keyctl_caps", "size"),
}


def _keyring(_context: Context, value: int, _: str) -> str:
    number = to_signed(value)
    name = flag_set("key_spec").by_value.get(number % (1 << 64))
    return named(str(number), name or str(number))


def _argument(context: Context, value: int, _: str) -> str | None:
    return by_command(context, value, "keyctl_cmds", _KEYCTL)


def _kdf_params(context: Context, addr: int, _: str) -> str:
    word = context.word
    data = context.read(addr, 3 * word if word == 8 else 12) if addr else None
    if data is None:
        return pointer_text(addr)
    hash_name, other, size = struct.unpack_from("<QQI" if word == 8 else "<III", data)
    shown = buffer_text(context, other, size) if size else pointer_text(other)
    return f"{{hashname={string_text(context, hash_name)}, otherinfo={shown}, otherinfolen={size}}}"


def _pkey_data(which: int) -> Decoder:
    """Make the decoder of a buffer whose length is a word of the call's struct."""

    def decoder(context: Context, addr: int, _: str) -> str:
        size = context.read_int(context.arg("arg2") + 4 * which) if context.arg("arg2") else None
        return pointer_text(addr) if size is None else buffer_text(context, addr, size)

    return decoder


def _capabilities(context: Context, addr: int, _: str) -> str:
    count = min(length_of(context, "ret"), context.arg("arg3"))
    if not addr or not count:
        return "[]" if addr else "NULL"
    data = context.read(addr, min(count, context.members))
    if data is None:
        return pointer_text(addr)
    texts = [
        flags_text(byte, f"keyctl_caps{at}") if at < 2 else f"{byte:#x}"
        for at, byte in enumerate(data)
    ]
    return f"[{', '.join(texts)}{', ...' if count > context.members else ''}]"


KINDS: dict[str, Decoder] = {
    "keyring": _keyring,
    "keyctl_arg": _argument,
    "keyctl_kdf_params": _kdf_params,
    "keyctl_in": _pkey_data(1),
    "keyctl_out": _pkey_data(2),
    "keyctl_in2": _pkey_data(2),
    "keyctl_caps": _capabilities,
    "keyctl_pkey_params2": lambda c, value, _p: decode_struct(c, value, "keyctl_pkey_verify"),
}
