"""Decoders of signals: numbers, sets, actions, siginfo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.decoders.basic import length_of
from pydbg.syscalls.flags import enum_text, flags_text, named, to_signed
from pydbg.syscalls.signals import strace_name

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "handler_text", "mask_text", "signo_text"]

_SA_RESTORER = 0x04000000
_HANDLERS = {0: "SIG_DFL", 1: "SIG_IGN"}


def mask_text(mask: int, bits: int = 64) -> str:
    """Return a signal set as strace prints it: ``[INT USR1]``, ``~[KILL]``.

    Sets of more than two thirds of all signals are written by what is missing.

    >>> mask_text(0b10), mask_text(0), mask_text((1 << 64) - 1)
    ('[INT]', '[]', '~[]')
    """
    full = (1 << bits) - 1
    mask &= full
    mark = ""
    if mask.bit_count() >= bits * 2 // 3:
        mark, mask = "~", ~mask & full
    names = [_short(signo) for signo in range(1, bits + 1) if mask >> (signo - 1) & 1]
    return f"{mark}[{' '.join(names)}]"


def _short(signo: int) -> str:
    return named(str(signo), strace_name(signo).removeprefix("SIG"))


def signo_text(signo: int) -> str:
    """Return a signal's name, in the style of constants that is set."""
    return named(str(signo), strace_name(signo))


def _sigset(context: Context, addr: int, param: str) -> str:
    size = length_of(context, param) if param else 8
    if not addr:
        return "NULL"
    if size != 8 and (size > 8 or size % context.word or not size):
        return pointer_text(addr)
    mask = context.read_int(addr, size)
    return pointer_text(addr) if mask is None else mask_text(mask, 8 * size)


def handler_text(value: int) -> str:
    """Return a signal handler's address or its name."""
    name = _HANDLERS.get(value)
    return named(f"{value:#x}" if value else "0", name) if name else f"{value:#x}"


def _sigaction(context: Context, addr: int, _: str) -> str:
    """Print the kernel's struct sigaction: handler, flags, restorer, mask."""
    word = context.word
    data = context.read(addr, 3 * word + 8) if addr else None
    if data is None:
        return pointer_text(addr)
    handler, flags, restorer = (
        int.from_bytes(data[index * word : (index + 1) * word], "little") for index in range(3)
    )
    mask = int.from_bytes(data[3 * word :], "little")
    return _action_text(handler, mask_text(mask), flags, restorer)


def _old_sigaction(context: Context, addr: int, _: str) -> str:
    data = context.read(addr, 16) if addr else None
    if data is None:
        return pointer_text(addr)
    handler, mask, flags, restorer = (
        int.from_bytes(data[index : index + 4], "little") for index in range(0, 16, 4)
    )
    return _action_text(handler, mask_text(mask, 32), flags, restorer)


def _action_text(handler: int, mask: str, flags: int, restorer: int) -> str:
    text = f"sa_handler={handler_text(handler)}, sa_mask={mask}, "
    text += f"sa_flags={flags_text(flags, 'sigaction_flags')}"
    if flags & _SA_RESTORER:
        text += f", sa_restorer={pointer_text(restorer)}"
    return f"{{{text}}}"


def _old_mask(_context: Context, value: int, _: str) -> str:
    return mask_text(value, 32)


def _old_sigset(context: Context, addr: int, _: str) -> str:
    mask = context.read_int(addr, 4) if addr else None
    return pointer_text(addr) if mask is None else mask_text(mask, 32)


def _siginfo(context: Context, addr: int, _: str) -> str:
    from pydbg.syscalls.siginfo import decode_siginfo

    data = context.read(addr, 128) if addr else None
    if data is None:
        return pointer_text(addr)
    if not any(data[:12]):
        # waitid with WNOHANG and no child that changed: the kernel clears it.
        return "{}"
    return decode_siginfo(data, context.word).text()


def _sigevent(context: Context, addr: int, _: str) -> str:
    word = context.word
    data = context.read(addr, 2 * word + 8) if addr else None
    if data is None:
        return pointer_text(addr)
    value = int.from_bytes(data[:word], "little")
    signo = int.from_bytes(data[word : word + 4], "little", signed=True)
    notify = int.from_bytes(data[word + 4 : word + 8], "little", signed=True)
    parts: list[str] = []
    if value:
        small = to_signed(value)
        parts.append(f"sigev_value={{sival_int={small}, sival_ptr={value:#x}}}")
    named = notify in (0, 2, 4)
    parts.append(f"sigev_signo={signo_text(signo) if named else signo}")
    parts.append(f"sigev_notify={enum_text(notify & 0xFFFFFFFF, 'sigev_notify')}")
    if notify == 4:
        tid = int.from_bytes(data[word + 8 : word + 12], "little", signed=True)
        parts.append(f"sigev_notify_thread_id={tid}")
    elif notify == 2:
        more = context.read(addr + word + 8, 2 * word)
        if more is not None:
            function = int.from_bytes(more[:word], "little")
            attributes = int.from_bytes(more[word:], "little")
            parts.append(f"sigev_notify_function={pointer_text(function)}")
            parts.append(f"sigev_notify_attributes={pointer_text(attributes)}")
    return f"{{{', '.join(parts)}}}"


def _pselect_mask(context: Context, addr: int, _: str) -> str:
    """Print pselect6's last argument: a struct of the set's address and size."""
    word = context.word
    data = context.read(addr, 2 * word) if addr else None
    if data is None:
        return pointer_text(addr)
    at = int.from_bytes(data[:word], "little")
    size = int.from_bytes(data[word:], "little")
    mask = context.read_int(at, size) if at and size in (4, 8) else None
    text = pointer_text(at) if mask is None else mask_text(mask, 8 * size)
    return f"{{sigmask={text}, sigsetsize={size}}}"


# Where the set lies above the stack pointer at the call: struct rt_sigframe without its return
# address (x86-64: ucontext's uc_sigmask; i386: the words before the ucontext come on top).
_FRAME_MASKS = {("rt_sigreturn", 8): 296, ("rt_sigreturn", 4): 260, ("sigreturn", 4): 80}


def _sigframe(context: Context, _value: int, _: str) -> str | None:
    """Print the set that a return from a handler restores, if the reader knows the stack."""
    at = _FRAME_MASKS.get((context.call.name, context.word))
    stack = getattr(context.reader, "sp", None)
    if at is None or stack is None:
        return None
    mask = context.read_int(stack + at, 4 if context.call.name == "sigreturn" else 8)
    return pointer_text(stack) if mask is None else f"{{mask={mask_text(mask)}}}"


KINDS: dict[str, Decoder] = {
    "sig": lambda _c, value, _p: signo_text(to_signed(value)),
    "sigset": _sigset,
    "sigaction": _sigaction,
    "old_sigaction": _old_sigaction,
    "old_sigmask": _old_mask,
    "old_sigset": _old_sigset,
    "sighandler": lambda _c, value, _p: handler_text(value),
    "siginfo": _siginfo,
    "sigevent": _sigevent,
    "pselect_sig": _pselect_mask,
    "sigframe": _sigframe,
}
