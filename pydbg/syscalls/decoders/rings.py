"""Decoders of io_uring and of Landlock.

Sources: io_uring_setup(2), io_uring_register(2), landlock(7), the kernel's uapi headers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_value, pointer_text
from pydbg.syscalls.decoders.basic import fd_text, length_of, words_at
from pydbg.syscalls.decoders.messages import iovec_text
from pydbg.syscalls.flags import flag_set, flags_text, to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF
_ATTACH_WQ = 0x20
_OFFSETS = (
    ("sq_off", 40, ("head", "tail", "ring_mask", "ring_entries", "flags", "dropped", "array")),
    ("cq_off", 80, ("head", "tail", "ring_mask", "ring_entries", "overflow", "cqes", "flags")),
)


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _params(context: Context, addr: int, _: str) -> str:
    """Print struct io_uring_params: what was asked for, then what came of it."""
    data = context.read(addr, 120) if addr else None
    if data is None:
        return pointer_text(addr)
    sq, cq, flags, cpu, idle, features, wq, *reserved = struct.unpack_from("<10I", data)
    if not context.returning or "uring" not in context.memo:
        text = (
            f"flags={flags_text(flags, 'uring_setup_flags')}, sq_thread_cpu={_hex(cpu)}, "
            f"sq_thread_idle={idle}"
        )
        if flags & _ATTACH_WQ:
            text += f", wq_fd={fd_text(context, to_signed(wq))}"
        if any(reserved):
            text += f", resv=[{', '.join(_hex(word) for word in reserved)}]"
        context.memo["uring"] = text
    text = str(context.memo["uring"])
    if not context.returning or context.failed:
        return f"{{{text}}}"
    text += f", sq_entries={sq}, cq_entries={cq}, features={flags_text(features, 'uring_features')}"
    for label, at, names in _OFFSETS:
        offsets = struct.unpack_from("<7I", data, at)
        inner = (f"{name}={offset}" for name, offset in zip(names, offsets, strict=True))
        text += f", {label}={{{', '.join(inner)}}}"
    return f"{{{text}}}"


def _register(context: Context, addr: int, param: str) -> str:
    """Print what is registered: buffers, files or an eventfd; all else as an address."""
    name = flag_set("uring_register_opcodes").by_value.get(context.arg("opcode") & _U32, "")
    count = length_of(context, param) & _U32
    if name == "IORING_REGISTER_BUFFERS":
        return iovec_text(context, addr, count, contents=False)
    if name == "IORING_REGISTER_FILES" and count:
        return _fds(context, addr, count)
    if name in ("IORING_REGISTER_EVENTFD", "IORING_REGISTER_EVENTFD_ASYNC"):
        return _fds(context, addr, 1)
    return pointer_text(addr)


def _fds(context: Context, addr: int, count: int) -> str:
    words = words_at(context, addr, min(count, context.members), 4) if addr else None
    if words is None:
        return pointer_text(addr)
    texts = [fd_text(context, to_signed(word)) for word in words]
    return f"[{', '.join(texts)}{', ...' if count > context.members else ''}]"


def _ruleset(context: Context, addr: int, param: str) -> str:
    size = length_of(context, param)
    known = min(size, 24) // 8
    words = words_at(context, addr, known, 8) if addr and known else None
    if words is None:
        return pointer_text(addr)
    names = (
        ("handled_access_fs", "landlock_access_fs"),
        ("handled_access_net", "landlock_access_net"),
        ("scoped", "landlock_scope"),
    )
    parts = [
        f"{label}={flags_text(word, known_set)}"
        for (label, known_set), word in zip(names, words, strict=False)
    ]
    return f"{{{', '.join(parts)}{', ...' if size > 24 else ''}}}"


def _rule(context: Context, addr: int, _: str) -> str:
    """Print a rule by its type: what lies beneath a path, or a port."""
    kind = context.arg("rule_type") & _U32
    if kind == 1:  # LANDLOCK_RULE_PATH_BENEATH: packed to 12 bytes
        data = context.read(addr, 12) if addr else None
        if data is None:
            return pointer_text(addr)
        access, fd = struct.unpack("<Qi", data)
        return (
            f"{{allowed_access={flags_text(access, 'landlock_access_fs')}, "
            f"parent_fd={fd_text(context, fd)}}}"
        )
    return decode_value(context, addr, "landlock_port" if kind == 2 else "ptr", "") or ""


KINDS: dict[str, Decoder] = {
    "io_uring_params": _params,
    "uring_register_arg": _register,
    "landlock_ruleset_attr": _ruleset,
    "landlock_rule": _rule,
}
