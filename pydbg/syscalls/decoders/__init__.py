"""The decoders: kind -> function, by family of calls.

``decode_value`` looks a kind up in the families' ``KINDS``; a kind that is the name of a
struct (``structs.py``) needs no function.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pydbg.syscalls.flags import flag_set
from pydbg.syscalls.structs import STRUCTS, layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydbg.syscalls.context import Context, Decoder
    from pydbg.syscalls.structs import Field

__all__ = [
    "by_command",
    "decode_struct",
    "decode_value",
    "decoder_of",
    "field_text",
    "find",
    "kind_text",
    "pointer_text",
    "result_decoder",
    "struct_text",
    "tail",
]


# In the order of use: a family is imported when a kind is in none of those before it.
_FAMILIES = (
    *("basic", "files", "memory", "process", "futex", "sigs", "times"),
    *("network", "messages", "sockopts", "polling", "ioctls", "control", "prctl", "ptrace"),
    *("ipc", "keys", "vectors", "fcntl", "mounts", "rings", "bpfattr", "perf"),
    *("termios", "netdevices", "newer"),
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


def by_command(
    context: Context,
    value: int,
    commands: str,
    rows: Mapping[str, Sequence[str]],
    rest: Sequence[str] = ("hex",) * 4,
    mask: int = 0xFFFFFFFF,
) -> str | None:
    """Return the text of an argument whose kind depends on the call's command.

    The command is an argument that comes before, the set ``commands`` names it, and its row has
    a kind (``kind=param``) for each argument behind it; ``rest`` is the row of all others.
    ``>`` before a kind: the kernel fills it in.
    """
    place, kinds = command_kinds(context, commands, rows, rest, mask)
    at = context.index - place - 1
    if at >= len(kinds):
        return None
    return kind_text(context, value, kinds[at])


def kind_text(context: Context, value: int, kind: str) -> str | None:
    """Return the text of a value by a kind as rows have it: ``>kind=param``."""
    if kind[0] == ">":
        if not context.returning or context.failed:
            return pointer_text(value)
        kind = kind[1:]
    kind, _, param = kind.partition("=")
    return decoder_of(kind)(context, value, param)


def command_kinds(
    context: Context,
    commands: str,
    rows: Mapping[str, Sequence[str]],
    rest: Sequence[str],
    mask: int = 0xFFFFFFFF,
) -> tuple[int, Sequence[str]]:
    """Return the index of the command's argument and the row of the command."""
    for place, arg in enumerate(context.call.args):
        if arg.param == commands or arg.kind == commands:
            name = flag_set(commands).by_value.get(context.args[place] & mask, "")
            return place, rows.get(name, rest)
    raise KeyError(commands)


def decode_struct(context: Context, addr: int, name: str) -> str:
    """Return the struct ``name`` at ``addr``, or the address where it cannot be read."""
    data = context.read(addr, layout(name, context.word).size) if addr else None
    return pointer_text(addr) if data is None else struct_text(context, data, name)


def struct_text(context: Context, data: bytes, name: str) -> str:
    """Return the struct ``name`` that ``data`` holds."""
    shape = layout(name, context.word)
    shown = shape.full if context.verbose else shape.short
    parts = [
        f"{field.name}={field_text(context, data, field)}"
        for field in shown
        if not field.optional
        or any(data[field.offset : field.offset + field.size * max(field.count, 1)])
    ]
    if shape.more and not context.verbose:
        parts.append("...")
    return "{" + ", ".join(parts) + "}"


def field_text(context: Context, data: bytes, field: Field) -> str:
    """Return one field of the struct that ``data`` holds."""
    offset, size = field.offset, field.size
    if field.count:
        ends = range(offset, offset + size * min(field.count, context.members), size)
        texts = [_value(context, data[at : at + size], field) for at in ends]
        return f"[{', '.join(texts)}{', ...' if field.count > context.members else ''}]"
    return _value(context, data[offset : offset + size], field)


def _value(context: Context, data: bytes, field: Field) -> str:
    if field.inner:
        return struct_text(context, data, field.inner)
    if field.kind == "chars":
        return context.quote(data.split(b"\0")[0])
    number = int.from_bytes(data, "little", signed=field.signed)
    text = decode_value(context, number, field.kind, field.param) if field.kind else None
    return str(number) if text is None else text


def tail(context: Context, addr: int, known: int, size: int) -> list[str]:
    """Return what a struct has behind the members that are known, if it is not all zeros."""
    from pydbg.syscalls.flags import quote_hex

    if size <= known:
        return []
    data = context.read(addr + known, min(size, 4096) - known)
    if data is None or size > 4096:
        return ["..."]
    more = "..." if len(data) > context.limit else ""
    shown = quote_hex(data[: context.limit])
    return [f"/* bytes {known}..{size - 1} */ {shown}{more}"] if any(data) else []


def result_decoder(kind: str) -> Decoder | None:
    """Return the decoder of a kind of result; None where it is a plain number."""
    return _results().get(kind)
