"""Decoders of argv and envp, and of select's sets of descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.decoders.basic import fd_text, string_text
from pydbg.syscalls.flags import to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "fdset_members"]


def _vector(context: Context, addr: int, _: str) -> str:
    """Print argv: the strings, at most as many as the limit of a string."""
    if not addr:
        return "NULL"
    parts: list[str] = []
    while True:
        at = addr + len(parts) * context.word
        pointer = context.read_word(at)
        if pointer is None:
            # The vector runs into memory that cannot be read.
            parts.append(f"... /* {at:#x} */")
            return pointer_text(addr) if len(parts) == 1 else f"[{', '.join(parts)}]"
        if not pointer:
            return f"[{', '.join(parts)}]"
        if len(parts) >= context.members:
            return f"[{', '.join(parts)}, ...]"
        parts.append(string_text(context, pointer))


def _environment(context: Context, addr: int, _: str) -> str:
    """Print envp as its address and the count of variables, as strace does without -v."""
    if context.verbose:
        return _vector(context, addr, "")
    if not addr:
        return "NULL"
    count = 0
    while True:
        pointer = context.read_word(addr + count * context.word)
        if pointer is None:
            text = ", unterminated" if count else ""
            if not count:
                return pointer_text(addr)
            break
        if not pointer:
            text = ""
            break
        count += 1
    return f"{addr:#x} /* {count} var{'' if count == 1 else 's'}{text} */"


def _fdset(context: Context, addr: int, param: str) -> str:
    """Print the descriptors in a set of select(2); strace reads it at entry only."""
    if context.returning and f"fdset {addr:#x}" in context.memo:
        return str(context.memo[f"fdset {addr:#x}"])
    text = fdset_text(context, addr, to_signed(context.arg(param)), with_path=True)
    context.memo[f"fdset {addr:#x}"] = text
    return text


def fdset_text(context: Context, addr: int, count: int, with_path: bool) -> str:
    """Return ``[3 4]``; NULL or the address where there is no set."""
    if not addr:
        return "NULL"
    fds = fdset_members(context, addr, count) if count else None
    if fds is None:
        return pointer_text(addr)
    texts = (fd_text(context, fd) if with_path else str(fd) for fd in fds)
    return f"[{' '.join(texts)}]"


def fdset_members(context: Context, addr: int, count: int) -> list[int] | None:
    """Return the descriptors below ``count`` that are in the set at ``addr``."""
    if count < 0:
        return None
    count = min(count, 1024 * 1024)
    size = -(-count // (8 * context.word)) * context.word
    data = context.read(addr, size)
    if data is None:
        return None
    bits = int.from_bytes(data, "little")
    return [fd for fd in range(count) if bits >> fd & 1]


KINDS: dict[str, Decoder] = {"argv": _vector, "envp": _environment, "fdset": _fdset}
