"""Decoders of waiting for descriptors: poll, epoll and asynchronous I/O."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.decoders.basic import fd_text, length_of
from pydbg.syscalls.flags import flags_text, to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF


def _pollfds(context: Context, addr: int, param: str) -> str:
    """Print poll's array as it was at entry; what came back goes into the note."""
    count = context.arg(param) & _U32
    if context.returning:
        if not context.failed and addr:
            _poll_note(context, addr, count)
        kept = context.memo.get("fds")
        if kept is not None:
            return str(kept)
    text = _pollfds_text(context, addr, count)
    context.memo["fds"] = text
    return text


def _pollfds_text(context: Context, addr: int, count: int) -> str:
    if not addr:
        return "NULL"
    if not count:
        return "[]"
    parts: list[str] = []
    for index in range(min(count, context.limit)):
        data = context.read(addr + 8 * index, 8)
        if data is None:
            at = addr + 8 * index
            return f"[{', '.join(parts)}, ... /* {at:#x} */]" if parts else pointer_text(addr)
        fd, events = struct.unpack_from("<iH", data)
        part = f"{{fd={fd_text(context, fd)}"
        if fd >= 0:
            part += f", events={flags_text(events, 'poll_flags')}"
        parts.append(part + "}")
    return f"[{', '.join(parts)}{', ...' if count > context.limit else ''}]"


def _poll_note(context: Context, addr: int, count: int) -> None:
    if not context.ret:
        context.note = "Timeout"
        return
    parts: list[str] = []
    for index in range(min(count, 65536)):
        data = context.read(addr + 8 * index, 8)
        if data is None:
            break
        fd, _, happened = struct.unpack("<iHH", data)
        if not happened:
            continue
        if len(parts) >= context.limit:
            parts.append("...")
            break
        parts.append(f"{{fd={fd}, revents={flags_text(happened, 'poll_flags')}}}")
    context.note = f"[{', '.join(parts)}]"


def _epoll_text(data: bytes, offset: int) -> str:
    events, value = struct.unpack_from("<IQ", data, offset)
    low = to_signed(value) if value >> 32 == 0 else value & _U32
    return (
        f"{{events={flags_text(events, 'epoll_events')}, data={{u32={low & _U32}, u64={value}}}}}"
    )


def _epoll_event(context: Context, addr: int, _: str) -> str:
    """Print epoll_ctl's event, which is packed to 12 bytes on x86."""
    if context.arg("op") & _U32 == 2:  # EPOLL_CTL_DEL reads none
        return pointer_text(addr)
    data = context.read(addr, 12) if addr else None
    return pointer_text(addr) if data is None else _epoll_text(data, 0)


def _epoll_events(context: Context, addr: int, param: str) -> str:
    count = length_of(context, param)
    if not addr:
        return "NULL"
    if not count:
        return "[]"
    data = context.read(addr, 12 * min(count, context.limit))
    if data is None:
        return pointer_text(addr)
    parts = [_epoll_text(data, offset) for offset in range(0, len(data), 12)]
    return f"[{', '.join(parts)}{', ...' if count > context.limit else ''}]"


def _io_events(context: Context, addr: int, param: str) -> str:
    count = length_of(context, param)
    if not addr or count < 0:
        return pointer_text(addr)
    data = context.read(addr, 32 * min(count, context.limit))
    if data is None:
        return pointer_text(addr)
    parts = []
    for tag, obj, result, more in struct.iter_unpack("<QQqq", data):
        shown = pointer_text(tag) if tag else "0"
        parts.append(f"{{data={shown}, obj={pointer_text(obj)}, res={result}, res2={more}}}")
    return f"[{', '.join(parts)}{', ...' if count > context.limit else ''}]"


def _iocbs(context: Context, addr: int, param: str) -> str:
    count = to_signed(context.arg(param), 8 * context.word)
    if not addr or count < 0:
        return pointer_text(addr)
    pointers = []
    for index in range(min(count, context.limit)):
        pointer = context.read_word(addr + index * context.word)
        if pointer is None:
            return pointer_text(addr)
        pointers.append(pointer_text(pointer))
    return f"[{', '.join(pointers)}{', ...' if count > context.limit else ''}]"


KINDS: dict[str, Decoder] = {
    "pollfds": _pollfds,
    "epoll_event": _epoll_event,
    "epoll_events": _epoll_events,
    "io_events": _io_events,
    "iocbs": _iocbs,
}
