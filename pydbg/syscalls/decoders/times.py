"""Decoders of clocks, time-outs and what is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, pointer_text
from pydbg.syscalls.flags import enum_text, to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "date_text"]

_UTIME_NOW = 0x3FFFFFFF
_UTIME_OMIT = 0x3FFFFFFE
_EINTR = 4
_ERESTART_RESTARTBLOCK = 516


def date_text(seconds: int, fraction: int = 0, digits: int = 0) -> str:
    """Return a moment as ISO 8601 in UTC; nothing for zero or what no calendar has.

    ``fraction`` is in units of 10**-digits seconds.

    >>> date_text(1, 2, 9)
    '1970-01-01T00:00:01.000000002+0000'
    """
    import datetime

    if not seconds and not fraction:
        return ""
    try:
        moment = datetime.datetime.fromtimestamp(seconds).astimezone()
    except (OverflowError, ValueError, OSError):
        return ""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if digits and fraction:
        text += f".{fraction:0{digits}d}"
    return text + moment.strftime("%z")


def _clock(_context: Context, value: int, _: str) -> str:
    """Print a clock; a negative one belongs to a process, a thread or a descriptor.

    The kernel's CPUCLOCK encoding: ~pid << 3 | thread bit 4 | kind; 3 is a descriptor.
    """
    number = to_signed(value)
    if number >= 0:
        return enum_text(number, "clocks")
    kind = number & 7
    if kind == 3:
        return f"FD_TO_CLOCKID({~(number >> 3)})"
    if kind & 3 != 3:
        name = "MAKE_THREAD_CPUCLOCK" if kind & 4 else "MAKE_PROCESS_CPUCLOCK"
        return f"{name}({~(number >> 3)}, {enum_text(kind & 3, 'cpu_clocks')})"
    return enum_text(value & 0xFFFFFFFF, "clocks")


def _remaining(struct: str) -> Decoder:
    """Make the decoder of nanosleep's second argument: filled in when a signal came."""

    def decoder(context: Context, addr: int, _: str) -> str:
        interrupted = context.ret in (-_EINTR, -_ERESTART_RESTARTBLOCK)
        if not context.returning or not interrupted:
            return pointer_text(addr)
        return decode_struct(context, addr, struct)

    return decoder


def _left(struct: str) -> Decoder:
    """Make the decoder of a time-out that the kernel counts down in place (ppoll)."""

    def decoder(context: Context, addr: int, _: str) -> str:
        if context.returning:
            if addr and (context.ret or 0) > 0 and not context.failed:
                left = decode_struct(context, addr, struct)
                if left.startswith("{"):
                    context.note += f", left {left}" if context.note else f"left {left}"
            return str(context.memo.get("timeout") or decode_struct(context, addr, struct))
        text = decode_struct(context, addr, struct)
        context.memo["timeout"] = text
        return text

    return decoder


def _mmsg_timeout(struct: str) -> Decoder:
    """Make the decoder of recvmmsg's time-out: the note says what is left of it."""

    def decoder(context: Context, addr: int, _: str) -> str:
        if not context.returning:
            text = decode_struct(context, addr, struct)
            context.memo["timeout"] = text
            return text
        if not context.failed and not context.ret:
            context.note = "Timeout"
        elif not context.failed and addr:
            context.note = f"left {decode_struct(context, addr, struct)}"
        return str(context.memo.get("timeout") or decode_struct(context, addr, struct))

    return decoder


def _select_timeout(struct: str) -> Decoder:
    """Make the decoder of select's time-out; it adds what came back as the note."""

    def decoder(context: Context, addr: int, _: str) -> str:
        if not context.returning:
            text = decode_struct(context, addr, struct)
            context.memo["timeout"] = text
            return text
        if not context.failed:
            _select_note(context, addr, struct)
        return str(context.memo.get("timeout") or decode_struct(context, addr, struct))

    return decoder


def _select_note(context: Context, addr: int, struct: str) -> None:
    from pydbg.syscalls.decoders.vectors import fdset_members

    if not context.ret:
        context.note = "Timeout"
        return
    parts: list[str] = []
    count = to_signed(context.arg("nfds"))
    for name, label in (("readfds", "in"), ("writefds", "out"), ("exceptfds", "except")):
        at = context.arg(name)
        members = fdset_members(context, at, count) if at else None
        if members:
            parts.append(f"{label} [{' '.join(str(fd) for fd in members)}]")
    if addr:
        left = decode_struct(context, addr, struct)
        if left.startswith("{"):
            parts.append(f"left {left}")
    context.note = ", ".join(parts)


def _pair(struct: str) -> Decoder:
    """Make the decoder of two times: of the last access and the last change."""
    digits = 6 if struct == "timeval" else 9
    width = 8 if struct == "timespec64" else 0

    def decoder(context: Context, addr: int, _: str) -> str:
        if not addr:
            return "NULL"
        size = width or context.word
        data = context.read(addr, 4 * size)
        if data is None:
            return pointer_text(addr)
        texts = []
        for start in (0, 2 * size):
            seconds = int.from_bytes(data[start : start + size], "little", signed=True)
            fraction = int.from_bytes(data[start + size : start + 2 * size], "little", signed=True)
            texts.append(_moment(seconds, fraction, digits))
        return f"[{', '.join(texts)}]"

    return decoder


def _moment(seconds: int, fraction: int, digits: int) -> str:
    if digits == 9 and fraction in (_UTIME_NOW, _UTIME_OMIT):
        return "UTIME_NOW" if fraction == _UTIME_NOW else "UTIME_OMIT"
    unit = "tv_nsec" if digits == 9 else "tv_usec"
    text = f"{{tv_sec={seconds}, {unit}={fraction}}}"
    date = date_text(seconds, fraction, digits) if 0 <= fraction < 10**digits else ""
    return f"{text} /* {date} */" if date else text


def _time(context: Context, value: int, _: str) -> str:
    seconds = to_signed(value, 8 * context.word)
    date = date_text(seconds)
    return f"{seconds} /* {date} */" if date else str(seconds)


def _time_pointer(context: Context, addr: int, _: str) -> str:
    value = context.read_word(addr) if addr else None
    return pointer_text(addr) if value is None else f"[{_time(context, value, '')}]"


def _clock_ticks(_context: Context, value: int, _: str) -> str:
    # Of clock ticks user space always sees 100 a second (USER_HZ).
    return f"{value} /* {value / 100:.2f} s */" if value else "0"


KINDS: dict[str, Decoder] = {
    "clock_t": _clock_ticks,
    "clockid": _clock,
    "time": _time,
    "time_t": _time_pointer,
    "timespec_rem": _remaining("timespec"),
    "timespec64_rem": _remaining("timespec64"),
    "timespec_left": _left("timespec"),
    "timespec64_left": _left("timespec64"),
    "timespec_mmsg": _mmsg_timeout("timespec"),
    "timespec64_mmsg": _mmsg_timeout("timespec64"),
    "timespec_select": _select_timeout("timespec"),
    "timespec64_select": _select_timeout("timespec64"),
    "timeval_select": _select_timeout("timeval"),
    "timevals2": _pair("timeval"),
    "timespecs2": _pair("timespec"),
    "timespecs2_64": _pair("timespec64"),
}
