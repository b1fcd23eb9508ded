"""SystemTap's probe points: places that a program's authors marked, with where arguments are.

They stand in the section .note.stapsdt (notes of the owner "stapsdt", type 3; SystemTap's
``sys/sdt.h``): three addresses, then provider, name and arguments as texts in the assembler's
spelling.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.patterns import lazy_pattern
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.symbols.elf import ElfFile

__all__ = ["Probe", "argument", "probes_in"]

_SECTION = ".note.stapsdt"
_BASE = ".stapsdt.base"
_OPERAND = lazy_pattern(
    r"(?P<size>-?[1248])@"
    r"(?:%(?P<register>\w+)|\$(?P<constant>-?(?:0x[\da-f]+|0|[1-9]\d*))|"
    r"(?P<offset>(?:-?(?:0x[\da-f]+|0|[1-9]\d*))?)"
    r"\((?:%(?P<base>\w+))?(?:,\s*%(?P<index>\w+)(?:,\s*(?P<scale>[1248]))?)?\))"
)


class Probe(Record):
    """Be one probe point; ``arguments`` are texts such as ``8@%rdi`` or ``-4@16(%rsp)``.

    >>> Probe("libc", "setjmp", 0x1000, ("8@%rdi",)).name
    'setjmp'
    """

    provider: str
    name: str
    link_addr: int
    arguments: tuple[str, ...] = ()


def probes_in(elf: ElfFile) -> list[Probe]:
    """Return the probe points of a file, in its order; what is damaged is left out.

    >>> from pydbg.symbols.elf import ElfFile
    >>> probes_in(ElfFile("/bin/true"))
    []
    """
    if elf.section(_SECTION) is None:
        return []
    word = "Q" if elf.bits == 64 else "I"
    head = struct.Struct(f"{elf.endian}3{word}")
    base = elf.section(_BASE)
    found = []
    for owner, kind, data in elf.notes():
        if owner != "stapsdt" or kind != 3 or len(data) < head.size:
            continue
        link_addr, base_then, _ = head.unpack_from(data)
        # prelink moves sections but not what notes say: the section's place then is noted too.
        moved = base.link_addr - base_then if base is not None and base_then else 0
        texts = [part.decode("latin-1") for part in data[head.size :].split(b"\0")]
        if len(texts) >= 3:
            found.append(Probe(texts[0], texts[1], link_addr + moved, tuple(texts[2].split())))
    return found


def argument(
    text: str, register: Callable[[str], int], read: Callable[[int, int], bytes]
) -> int | None:
    """Return the value of a probe's argument; None for an operand of another form.

    Raises what ``read`` raises.

    >>> argument("8@-80(%rbx)", {"rbx": 100}.__getitem__, lambda addr, size: bytes([addr, 0]))
    20
    >>> argument("-4@%eax", {"eax": 0xFFFFFFFF}.__getitem__, bytes), argument("4@$5", int, bytes)
    (-1, 5)
    """
    parts = _OPERAND.fullmatch(text)
    if parts is None:
        return None
    size = abs(int(parts["size"]))
    if parts["register"]:
        value = register(parts["register"])
    elif parts["constant"]:
        value = int(parts["constant"], 0)
    else:
        addr = int(parts["offset"] or "0", 0)
        if parts["base"]:
            addr += register(parts["base"])
        if parts["index"]:
            addr += register(parts["index"]) * int(parts["scale"] or 1)
        value = int.from_bytes(read(addr, size), "little")
    value &= (1 << 8 * size) - 1
    if parts["size"].startswith("-") and value >> (8 * size - 1):
        value -= 1 << 8 * size
    return value
