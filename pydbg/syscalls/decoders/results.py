"""Decoders of results: what stands after the equals sign when the call succeeded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders.basic import fd_text
from pydbg.syscalls.flags import enum_text, flag_set, flags_text, name_of
from pydbg.syscalls.signals import strace_name

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["RESULTS"]

_U32 = 0xFFFFFFFF


def _mask(context: Context, ret: int) -> int:
    return ret & ((1 << (8 * context.word)) - 1)


def _fcntl(context: Context, ret: int, _: str) -> str:
    name = flag_set("fcntl_cmd").by_value.get(context.arg("cmd") & _U32, "")
    if name.startswith("F_DUPFD"):
        return fd_text(context, ret)
    if name == "F_GETFD":
        return f"{_hex(ret)} (flags {flags_text(ret, 'fd_flags')})" if ret else "0"
    if name == "F_GETFL":
        from pydbg.syscalls.decoders.files import open_flags_text

        return f"{_hex(ret)} (flags {open_flags_text(ret)})"
    if name == "F_GET_SEALS":
        return f"{_hex(ret)} (seals {flags_text(ret, 'seal_flags')})" if ret else "0"
    if name == "F_GETLEASE":
        return f"{_hex(ret)} ({name_of(ret, 'lock_types')})"
    if name == "F_GETSIG":
        return f"{ret} ({strace_name(ret)})" if ret else "0"
    return str(ret)


def _ioctl(context: Context, ret: int, _: str) -> str:
    """Print what an ioctl gave: a namespace's descriptor, or its kind."""
    code = context.arg("cmd") & _U32
    if code in (0xB701, 0xB702):  # NS_GET_USERNS, NS_GET_PARENT
        return fd_text(context, ret)
    if code == 0xB703 and ret:  # NS_GET_NSTYPE
        return f"{ret} ({flags_text(ret & _U32, 'setns_types')})"
    return str(ret)


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _prctl(context: Context, ret: int, _: str) -> str | None:
    from pydbg.syscalls.decoders.prctl import result_text

    return result_text(context, ret)


def _personality(_context: Context, ret: int, _: str) -> str:
    from pydbg.syscalls.decoders.control import personality_text

    return f"{_hex(ret & _U32)} ({personality_text(ret & _U32)})"


def _policy(_context: Context, ret: int, _: str) -> str:
    from pydbg.syscalls.decoders.process import policy_text

    return f"{_hex(ret)} ({policy_text(ret)})"


def _ioprio(_context: Context, ret: int, _: str) -> str:
    from pydbg.syscalls.decoders.process import ioprio_text

    return f"{_hex(ret)} ({ioprio_text(ret)})"


def _time(_context: Context, ret: int, _: str) -> str:
    from pydbg.syscalls.decoders.times import date_text

    date = date_text(ret)
    return f"{ret} ({date})" if date else str(ret)


def _signal(_context: Context, ret: int, _: str) -> str:
    if not ret:
        return "0"
    return f"{ret} ({strace_name(ret)})"


def _old_mask(_context: Context, ret: int, _: str) -> str:
    from pydbg.syscalls.decoders.sigs import mask_text

    return f"{_hex(ret & _U32)} (old mask {mask_text(ret, 32)})"


def _handler(context: Context, ret: int, _: str) -> str:
    from pydbg.syscalls.decoders.sigs import handler_text

    value = _mask(context, ret)
    return f"{_hex(value)} ({handler_text(value)})" if value < 3 else f"{value:#x}"


def _adjtimex(context: Context, ret: int, _: str) -> str:
    # Where the struct cannot be read, strace says no more than the number.
    readable = context.read_int(context.arg("buf")) is not None
    return f"{ret} ({enum_text(ret & _U32, 'adjtimex_state')})" if readable else str(ret)


RESULTS: dict[str, Decoder] = {
    "hex": lambda c, ret, _p: f"{_mask(c, ret):#x}" if ret else "0",
    "oct": lambda _c, ret, _p: f"0{ret:o}" if ret > 7 else f"0{ret:02o}",
    "ulong": lambda c, ret, _p: str(_mask(c, ret)),
    "fd": lambda c, ret, _p: fd_text(c, ret),
    "fcntl": _fcntl,
    "ioctl": _ioctl,
    "prctl": _prctl,
    "personality": _personality,
    "sched_policy": _policy,
    "ioprio": _ioprio,
    "time": _time,
    "adjtimex": _adjtimex,
    "signal": _signal,
    "old_sigmask": _old_mask,
    "sigmask": lambda c, ret, _p: _old_mask(c, ret, "").replace("(old ", "("),
    "sighandler": _handler,
}
