"""Decoders of waiting for descriptors: poll, epoll and asynchronous I/O."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.decoders.basic import buffer_text, fd_text, length_of
from pydbg.syscalls.flags import flag_set, flags_text, named, to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF


def _pollfds(context: Context, addr: int, param: str) -> str:
    """Print poll's array as it was at entry; what came back goes into the note."""
    count = context.arg(param) & _U32
    if context.returning:
        if not context.failed:
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
    for index in range(min(count, context.members)):
        data = context.read(addr + 8 * index, 8)
        if data is None:
            at = addr + 8 * index
            return f"[{', '.join(parts)}, ... /* {at:#x} */]" if parts else pointer_text(addr)
        fd, events = struct.unpack_from("<iH", data)
        part = f"{{fd={fd_text(context, fd)}"
        if fd >= 0:
            part += f", events={flags_text(events, 'poll_flags')}"
        parts.append(part + "}")
    return f"[{', '.join(parts)}{', ...' if count > context.members else ''}]"


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
        if len(parts) >= context.members:
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
    data = context.read(addr, 12 * min(count, context.members))
    if data is None:
        return pointer_text(addr)
    parts = [_epoll_text(data, offset) for offset in range(0, len(data), 12)]
    return f"[{', '.join(parts)}{', ...' if count > context.members else ''}]"


def _io_event_text(data: bytes) -> str:
    tag, obj, result, more = struct.unpack("<QQqq", data)
    return f"{{data={_hex(tag)}, obj={_hex(obj)}, res={result}, res2={more}}}"


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _io_event(context: Context, addr: int, _: str) -> str:
    data = context.read(addr, 32) if addr else None
    return pointer_text(addr) if data is None else _io_event_text(data)


def _io_events(context: Context, addr: int, param: str) -> str:
    count = length_of(context, param)
    if not addr or count < 0:
        return pointer_text(addr)
    if not count:
        return "[]"
    data = context.read(addr, 32 * min(count, context.members))
    if data is None:
        return pointer_text(addr)
    parts = [_io_event_text(data[at : at + 32]) for at in range(0, len(data), 32)]
    return f"[{', '.join(parts)}{', ...' if count > context.members else ''}]"


def _iocbs(context: Context, addr: int, param: str) -> str:
    count = to_signed(context.arg(param), 8 * context.word)
    if not addr or count < 0:
        return pointer_text(addr)
    parts: list[str] = []
    for index in range(min(count, context.members)):
        at = addr + index * context.word
        pointer = context.read_word(at)
        if pointer is None:
            return f"[{', '.join(parts)}, ... /* {at:#x} */]" if parts else pointer_text(addr)
        parts.append(_iocb_text(context, pointer, whole=True))
    return f"[{', '.join(parts)}{', ...' if count > context.members else ''}]"


def _iocb(context: Context, addr: int, _: str) -> str:
    return _iocb_text(context, addr, whole=False)


def _iocb_text(context: Context, addr: int, whole: bool) -> str:
    """Print struct iocb (linux/aio_abi.h); of a cancelled one only the head counts."""
    data = context.read(addr, 64) if addr else None
    if data is None:
        return pointer_text(addr)
    tag, key, rw_flags, opcode, priority, fd, buf, size, offset = struct.unpack_from(
        "<QIIHhIQQq", data
    )
    flags, result_fd = struct.unpack_from("<II", data, 56)
    parts = [f"aio_data={_hex(tag)}"]
    if key:
        parts.append(f"aio_key={key}")
    if rw_flags:
        parts.append(f"aio_rw_flags={flags_text(rw_flags, 'rwf_flags')}")
    known = flag_set("aio_cmds").by_value.get(opcode)
    parts.append(f"aio_lio_opcode={named(str(opcode), known or f'{opcode} /* IOCB_CMD_??? */')}")
    if flags & _IOPRIO:
        from pydbg.syscalls.decoders.process import ioprio_text

        parts.append(f"aio_reqprio={ioprio_text(priority & 0xFFFF)}")
    elif priority:
        parts.append(f"aio_reqprio={priority}")
    parts.append(f"aio_fildes={fd_text(context, to_signed(fd))}")
    if whole and opcode in _IOCB_BUFFERS:
        parts += _iocb_buffer(context, opcode, buf, size, offset)
        if flags:
            parts.append(f"aio_flags={flags_text(flags, 'aio_iocb_flags')}")
        if flags & _RESFD:
            parts.append(f"aio_resfd={fd_text(context, to_signed(result_fd))}")
        elif result_fd:
            parts.append(f"aio_resfd={result_fd:#x}")
    return f"{{{', '.join(parts)}}}"


_RESFD, _IOPRIO = 1, 2
# IOCB_CMD_PREAD, PWRITE, POLL, PREADV and PWRITEV: the others have no buffer.
_IOCB_BUFFERS = (0, 1, 5, 7, 8)


def _iocb_buffer(context: Context, opcode: int, buf: int, size: int, offset: int) -> list[str]:
    if opcode == 5:
        return [f"aio_buf={flags_text(buf, 'poll_flags')}"]
    if opcode in (7, 8):
        from pydbg.syscalls.decoders.messages import iovec_text

        text = iovec_text(context, buf, size, contents=opcode == 8)
        return [f"aio_buf={text}", f"aio_offset={offset}"]
    text = buffer_text(context, buf, size) if opcode == 1 else _hex(buf)
    return [f"aio_buf={text}", f"aio_nbytes={size}", f"aio_offset={offset}"]


KINDS: dict[str, Decoder] = {
    "pollfds": _pollfds,
    "epoll_event": _epoll_event,
    "epoll_events": _epoll_events,
    "io_event": _io_event,
    "io_events": _io_events,
    "iocb": _iocb,
    "iocbs": _iocbs,
}
