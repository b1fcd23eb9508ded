"""The decoders: kind -> function, by family of calls.

``decode_value`` looks a kind up in the families' ``KINDS``; a kind that is the name of a
struct (``structs.py``) needs no function.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pydbg.syscalls.structs import STRUCTS, layout

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = [
    "decode_struct",
    "decode_value",
    "decoder_of",
    "find",
    "pointer_text",
    "result_decoder",
    "struct_text",
]


# In the order of use: a family is imported when a kind is in none of those before it.
_FAMILIES = (
    *("basic", "files", "memory", "process", "sigs", "times"),
    *("network", "polling", "ioctls", "control"),
)


@functools.cache
def find(kind: str) -> Decoder | None:
    """Return the decoder of a kind; None for a struct's name and for an unknown kind.

    >>> find("fd") is not None, find("timespec"), find("nosuch")
    (True, None, None)
    """
    import importlib

    if kind in STRUCTS:
        return None
    for family in _FAMILIES:
        kinds: dict[str, Decoder] = importlib.import_module(f"{__name__}.{family}").KINDS
        if kind in kinds:
            return kinds[kind]
    return None


@functools.cache
def decoder_of(kind: str) -> Decoder:
    """Return the decoder of a kind or of a struct's name; KeyError for an unknown kind."""
    decoder = find(kind)
    if decoder is not None:
        return decoder
    if kind in STRUCTS:
        return lambda context, value, _: decode_struct(context, value, kind)
    raise KeyError(f"no decoder for the kind {kind}")


@functools.cache
def _results() -> dict[str, Decoder]:
    from pydbg.syscalls.decoders import results

    return results.RESULTS


def pointer_text(value: int) -> str:
    """Return an address as strace prints it.

    >>> pointer_text(0), pointer_text(0x1000)
    ('NULL', '0x1000')
    """
    return f"{value:#x}" if value else "NULL"


def decode_value(context: Context, value: int, kind: str, param: str) -> str | None:
    """Return the text of one value by its kind; None leaves it out."""
    return decoder_of(kind)(context, value, param)


def decode_struct(context: Context, addr: int, name: str) -> str:
    """Return the struct ``name`` at ``addr``, or the address where it cannot be read."""
    data = context.read(addr, layout(name, context.word).size) if addr else None
    return pointer_text(addr) if data is None else struct_text(context, data, name)


def struct_text(context: Context, data: bytes, name: str) -> str:
    """Return the struct ``name`` that ``data`` holds."""
    parts: list[str] = []
    shape = layout(name, context.word)
    for field in shape.fields:
        if not field.shown:
            continue
        chunk = data[field.offset : field.offset + field.size]
        text: str | None
        if field.inner:
            text = struct_text(context, chunk, field.inner)
        elif field.kind == "ulongs":
            # An array of longs; the rest of it stands in fields that are not shown.
            count = int(field.param)
            words = data[field.offset : field.offset + count * field.size]
            text = f"[{', '.join(_numbers(words, field.size))}]"
        else:
            number = int.from_bytes(chunk, "little", signed=field.signed)
            text = decode_value(context, number, field.kind, field.param) if field.kind else None
            text = str(number) if text is None else text
        parts.append(f"{field.name}={text}")
    if shape.more:
        parts.append("...")
    return "{" + ", ".join(parts) + "}"


def _numbers(data: bytes, size: int) -> list[str]:
    starts = range(0, len(data), size)
    return [str(int.from_bytes(data[start : start + size], "little")) for start in starts]


def result_decoder(kind: str) -> Decoder | None:
    """Return the decoder of a kind of result; None where it is a plain number."""
    return _results().get(kind)
