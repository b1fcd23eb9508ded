"""Decoders of futex and its successors.

Sources: futex(2), the kernel's include/uapi/linux/futex.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, decode_value, pointer_text
from pydbg.syscalls.flags import enum_text, flag_set, named

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF
_PRIVATE = 0x80
_REALTIME = 0x100

# futex operation -> kinds of the arguments from the third on.
_FUTEX = {
    "FUTEX_WAIT": ("size", "timespec"),
    "FUTEX_WAKE": ("size",),
    "FUTEX_FD": ("size",),
    "FUTEX_REQUEUE": ("size", "size", "ptr"),
    "FUTEX_CMP_REQUEUE": ("size", "size", "ptr", "size"),
    "FUTEX_WAKE_OP": ("size", "size", "ptr", "wake_op"),
    "FUTEX_LOCK_PI": ("", "timespec"),
    "FUTEX_LOCK_PI2": ("", "timespec"),
    "FUTEX_UNLOCK_PI": (),
    "FUTEX_TRYLOCK_PI": (),
    "FUTEX_WAIT_BITSET": ("size", "timespec", "", "bitset"),
    "FUTEX_WAKE_BITSET": ("size", "", "", "bitset"),
    "FUTEX_WAIT_REQUEUE_PI": ("size", "timespec", "ptr"),
    "FUTEX_CMP_REQUEUE_PI": ("size", "size", "ptr", "size"),
}
# The only operations that may go by the wall clock.
_CLOCKED = ("FUTEX_WAIT", "FUTEX_WAIT_BITSET", "FUTEX_WAIT_REQUEUE_PI", "FUTEX_LOCK_PI2")


def _operation(_context: Context, value: int, _: str) -> str:
    value &= _U32
    name = flag_set("futex_ops").by_value.get(value & ~(_PRIVATE | _REALTIME))
    if name is None:
        return enum_text(value, "futex_ops")
    name += ("_PRIVATE" if value & _PRIVATE else "") + (
        "|FUTEX_CLOCK_REALTIME" if value & _REALTIME else ""
    )
    return named(f"{value:#x}" if value else "0", name)


def _argument(context: Context, value: int, _: str) -> str | None:
    position = context.index - 2
    name = flag_set("futex_ops").by_value.get(context.arg("op") & _U32 & ~0x180, "")
    kinds = _FUTEX.get(name, ("size", "ptr", "ptr", "hex32"))
    kind = kinds[position] if position < len(kinds) else ""
    if not kind:
        return None
    if kind == "wake_op":
        return _wake_op(value & _U32)
    if kind == "bitset":
        value &= _U32
        return "FUTEX_BITSET_MATCH_ANY" if value == _U32 else f"{value:#x}" if value else "0"
    if kind == "size":
        value &= _U32
    if kind == "timespec" and context.call.name.endswith("64"):
        kind = "timespec64"
    return decode_value(context, value, kind, "")


def _wake_op(value: int) -> str:
    shift = "FUTEX_OP_OPARG_SHIFT<<28|" if value >> 28 & 8 else ""
    operation = _shifted(value >> 28 & 7, "futex_wake_ops", 28)
    compare = _shifted(value >> 24 & 0xF, "futex_wake_cmps", 24)
    first, second = (f"{part:#x}" if part else "0" for part in (value >> 12 & 0xFFF, value & 0xFFF))
    return f"{shift}{operation}|{first}<<12|{compare}|{second}"


def _shifted(value: int, name: str, bits: int) -> str:
    known = flag_set(name)
    text = known.by_value.get(value)
    return f"{text}<<{bits}" if text else f"{value:#x}<<{bits} /* {known.unknown} */"


def _waiters(context: Context, addr: int, param: str) -> str:
    """Print an array of struct futex_waitv; ``param`` names its length, or is it."""
    count = int(param) if param.isdecimal() else context.arg(param) & _U32
    if not addr or not count:
        return pointer_text(addr) if not addr or count else "[]"
    parts: list[str] = []
    for index in range(min(count, context.members)):
        text = decode_struct(context, addr + 24 * index, "futex_waitv")
        if not text.startswith("{"):
            return f"[{', '.join(parts)}, ... /* {text} */]" if parts else pointer_text(addr)
        parts.append(text)
    return f"[{', '.join(parts)}{', ...' if count > context.members else ''}]"


def _flags(_context: Context, value: int, _: str) -> str:
    """Print futex2 flags: the size of the word (two bits), then what is a bit."""
    value &= _U32
    parts = [flag_set("futex2_sizes").by_value[value & 3]]
    rest = value & ~3
    for name, bit in flag_set("futex2_flags").items:
        if bit and not bit & 3 and rest & bit:
            parts.append(name)
            rest &= ~bit
    if rest and len(parts) == 1 and not value & 3:
        return f"{value:#x} /* FUTEX2_??? */"
    return "|".join([*parts, *([f"{rest:#x}"] if rest else [])])


KINDS: dict[str, Decoder] = {
    "futex_op": _operation,
    "futex_arg": _argument,
    "futex_waiters": _waiters,
    "futex2_flags": _flags,
}
