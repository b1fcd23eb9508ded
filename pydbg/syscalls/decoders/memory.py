"""Decoders of memory management: mmap, NUMA policies, memfd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.decoders.basic import length_of, words_at
from pydbg.syscalls.flags import enum_text, flag_set, flags_parts, flags_text, named, to_signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "mpol_text", "with_huge"]

_U32 = 0xFFFFFFFF
_MAP_TYPE = 0xF
_MAP_HUGETLB = 0x40000
# The page size's logarithm stands in six bits of the flags (mmap(2), MAP_HUGE_SHIFT).
_HUGE_SHIFT = 26
_HUGE_MASK = 0x3F


def with_huge(flags: int, set_name: str, huge: int, label: str) -> tuple[list[str], int, str]:
    """Return (names, bits without a name, text of the page size) of flags."""
    size = flags >> _HUGE_SHIFT & _HUGE_MASK if flags & huge else 0
    if size:
        flags &= ~(_HUGE_MASK << _HUGE_SHIFT)
    parts, rest = flags_parts(flags, flag_set(set_name))
    return parts, rest, f"{size}<<{label}" if size else ""


def _mmap_flags(_context: Context, value: int, _: str) -> str:
    value &= _U32
    parts, rest, huge = with_huge(value & ~_MAP_TYPE, "mmap_bits", _MAP_HUGETLB, "MAP_HUGE_SHIFT")
    kind = flag_set("mmap_types").by_value.get(value & _MAP_TYPE)
    if kind is None:
        kind = enum_text(value & _MAP_TYPE, "mmap_types")
    names = [kind, *parts, *([f"{rest:#x}"] if rest else []), *([huge] if huge else [])]
    return named(f"{value:#x}" if value else "0", "|".join(names))


def _mremap_addr(context: Context, value: int, _: str) -> str | None:
    # MREMAP_FIXED or MREMAP_DONTUNMAP: only then is there a fifth argument.
    return pointer_text(value) if context.arg("flags") & 6 else None


def _memfd_flags(_context: Context, value: int, _: str) -> str:
    value &= _U32
    parts, rest, huge = with_huge(value, "memfd_bits", 4, "MFD_HUGE_SHIFT")
    if not value:
        return "0"
    if not parts and not huge:
        return f"{value:#x} /* MFD_??? */"
    names = [*parts, *([f"{rest:#x}"] if rest else []), *([huge] if huge else [])]
    return named(f"{value:#x}", "|".join(names))


def _mincore(context: Context, addr: int, param: str) -> str:
    pages = -(-length_of(context, param) // 4096)
    data = context.read(addr, min(pages, context.members)) if addr else None
    if data is None:
        return pointer_text(addr)
    texts = ["0" if not byte & 1 else "1" for byte in data]
    return f"[{', '.join(texts)}{', ...' if pages > context.members else ''}]"


def mpol_text(value: int) -> str:
    """Return a NUMA policy with its flags."""
    flags = value & 0xE000
    mode = value & _U32 & ~0xE000
    known = flag_set("mpol_modes").by_value.get(mode)
    names = [name for name, bit in flag_set("mpol_flags").items if flags & bit]
    if known is None and not names:
        return f"{mode:#x} /* MPOL_??? */"
    names = [known, *names] if known else [*names, f"{mode:#x}"]
    return named(f"{value & _U32:#x}" if value & _U32 else "0", "|".join(names))


def _mpol_mode(_context: Context, value: int, _: str) -> str:
    return mpol_text(value & _U32)


def _mpol_mode64(_context: Context, value: int, _: str) -> str:
    text = mpol_text(value & _U32)
    high = value & ~0xFFFFFFFF
    if not high:
        return text
    names = [name for name, bit in flag_set("mpol_flags").items if value & bit]
    return "|".join([*names, f"{value & ~0xE000:#x}"])


def _nodemask(context: Context, addr: int, param: str) -> str:
    bits = length_of(context, param)
    if not addr:
        return "NULL"
    # The kernel counts one bit less than it is given.
    count = -(-(bits - 1) // (8 * context.word)) if bits else 0
    if count <= 0 or count > 4096:
        return pointer_text(addr) if count else "[]"
    words = words_at(context, addr, count, context.word)
    if words is None:
        return pointer_text(addr)
    width = 2 * context.word
    # printf's "%#0*x" writes no 0x before a zero.
    shown = [f"{word:#0{width}x}" if word else "0" * width for word in words[: context.members]]
    return f"[{', '.join(shown)}{', ...' if count > context.members else ''}]"


def _page_list(show: Callable[[int, int], str]) -> Decoder:
    """Make the decoder of one of move_pages' arrays."""

    def decoder(context: Context, addr: int, param: str) -> str:
        count = length_of(context, param)
        size = context.word if param == "count" and show is _page else 4
        if not addr:
            return "NULL"
        if not count:
            return "[]"
        if show is _page_status and (not context.returning or context.failed):
            return pointer_text(addr)
        words = words_at(context, addr, min(count, context.members), size)
        if words is None:
            return pointer_text(addr)
        texts = [show(word, size) for word in words]
        return f"[{', '.join(texts)}{', ...' if count > context.members else ''}]"

    return decoder


def _page(value: int, _size: int) -> str:
    return pointer_text(value)


def _node(value: int, _size: int) -> str:
    return str(to_signed(value))


def _page_status(value: int, _size: int) -> str:
    from pydbg.syscalls.errno import error_name

    number = to_signed(value)
    name = error_name(-number) if number < 0 else None
    return f"-{name}" if name else str(number)


def _pgoff(context: Context, value: int, _: str) -> str:
    """Print mmap2's offset, which counts pages, in bytes."""
    value = (value & ((1 << (8 * context.word)) - 1)) * 4096
    return f"{value:#x}" if value else "0"


def _pkey_rights(_context: Context, value: int, _: str) -> str:
    return flags_text(value, "pkey_access")


KINDS: dict[str, Decoder] = {
    "mmap_flags": _mmap_flags,
    "mremap_addr": _mremap_addr,
    "memfd_flags": _memfd_flags,
    "mincore": _mincore,
    "mpol_mode": _mpol_mode,
    "mpol_mode64": _mpol_mode64,
    "nodemask": _nodemask,
    "pages": _page_list(_page),
    "nodes": _page_list(_node),
    "page_status": _page_list(_page_status),
    "pgoff": _pgoff,
    "pkey_rights": _pkey_rights,
}
