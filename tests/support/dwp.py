"""Write ELF files of sections alone, and DWARF 5 packages (.dwp), which binutils' dwp cannot make.

The format is that of DWARF 5, section 7.3.5.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydbg.symbols.elf import ElfFile
from pydbg.symbols.homes import Sections

COLUMNS = {
    1: ".debug_info.dwo",
    3: ".debug_abbrev.dwo",
    4: ".debug_line.dwo",
    5: ".debug_loclists.dwo",
    6: ".debug_str_offsets.dwo",
    8: ".debug_rnglists.dwo",
}


def elf_of(sections: Mapping[str, bytes], flags: Mapping[str, int] | None = None) -> bytes:
    """Return a relocatable ELF file for x86-64 that has these sections and no symbols."""
    names, body, headers = b"\0", b"", [bytes(64)]
    for name, data in (*sections.items(), (".shstrtab", b"")):
        at = len(names)
        names += name.encode() + b"\0"
        content = data if name != ".shstrtab" else names
        kind = 1 if name != ".shstrtab" else 3
        headers.append(
            struct.pack("<IIQQQQIIQQ", at, kind, (flags or {}).get(name, 0), 0, 64 + len(body),
                        len(content), 0, 0, 1, 0)
        )  # fmt: skip
        body += content
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64,
                       len(headers), len(headers) - 1)  # fmt: skip
    return ident + head + body + b"".join(headers)


def write_package(dwos: Sequence[Path], package: Path) -> None:
    """Join .dwo files of DWARF 5, each with one compile unit and any number of type units."""
    parts: dict[str, bytes] = {}
    units: list[tuple[int, dict[int, tuple[int, int]]]] = []
    types: list[tuple[int, dict[int, tuple[int, int]]]] = []
    for dwo in dwos:
        sections = Sections(ElfFile(str(dwo)), ".dwo")
        strings = len(parts.get(".debug_str.dwo", b""))
        placed: dict[int, tuple[int, int]] = {}
        for number, name in COLUMNS.items():
            data = bytes(sections.section(name.removesuffix(".dwo")))
            if name == ".debug_str_offsets.dwo":
                slots = struct.unpack(f"<{(len(data) - 8) // 4}I", data[8:])
                data = data[:8] + struct.pack(f"<{len(slots)}I", *(at + strings for at in slots))
            if data:
                before = parts.get(name, b"")
                placed[number] = len(before), len(data)
                parts[name] = before + data
        parts[".debug_str.dwo"] = parts.get(".debug_str.dwo", b"") + bytes(
            sections.section(".debug_str")
        )
        info, base, at = bytes(sections.section(".debug_info")), placed[1][0], 0
        while at < len(info):
            size = 4 + struct.unpack_from("<I", info, at)[0]
            kind, number = info[at + 6], struct.unpack_from("<Q", info, at + 12)[0]
            row = {**placed, 1: (base + at, size)}
            (units if kind == 5 else types).append((number, row))
            at += size
    seen = dict(reversed(types))
    parts[".debug_cu_index"] = _index(units)
    if seen:
        parts[".debug_tu_index"] = _index(list(seen.items()))
    package.write_bytes(elf_of(parts))


def _index(rows: Sequence[tuple[int, Mapping[int, tuple[int, int]]]]) -> bytes:
    slots = 2
    while slots < 3 * len(rows) // 2 + 1:
        slots *= 2
    ids, numbers = [0] * slots, [0] * slots
    for row, (number, _) in enumerate(rows, 1):
        at, step = number & (slots - 1), (number >> 32 & (slots - 1)) | 1
        while numbers[at]:
            at = (at + step) & (slots - 1)
        ids[at], numbers[at] = number, row
    columns = sorted({column for _, row in rows for column in row})
    out = struct.pack("<HHIII", 5, 0, len(columns), len(rows), slots)
    out += struct.pack(f"<{slots}Q", *ids) + struct.pack(f"<{slots}I", *numbers)
    out += struct.pack(f"<{len(columns)}I", *columns)
    for part in (0, 1):
        for _, row in rows:
            out += struct.pack(f"<{len(columns)}I", *(row.get(c, (0, 0))[part] for c in columns))
    return out
