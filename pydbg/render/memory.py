"""The text of memory: hexdump, telescope, find."""

from __future__ import annotations

from collections.abc import Iterator

from pydbg.commands.results import FoundAddresses, HexDump, Telescope, TelescopeRow
from pydbg.render.escape import address, clean

__all__ = ["found", "hexdump", "telescope"]


def hexdump(record: HexDump) -> str:
    """Return memory as address, bytes and characters; repeated lines become ``*``.

    >>> print(hexdump(HexDump(0x1000, b"hello, world")))
    0x0000000000001000  68 65 6c 6c 6f 2c 20 77  6f 72 6c 64              |hello, world|
    """
    return "\n".join(_hexdump(record))


def _hexdump(record: HexDump) -> Iterator[str]:
    width = record.width
    previous: bytes | None = None
    starred = False
    count = len(record.data)
    for at in range(0, count, width):
        row = record.data[at : at + width]
        last = at + width >= count
        if row == previous and not last:
            if not starred:
                yield "*"
            starred = True
            continue
        previous, starred = row, False
        half = width // 2
        text = row[:half].hex(" ")
        if len(row) > half:
            text += "  " + row[half:].hex(" ")
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{address(record.addr + at, record.word_size)}  {text:<{3 * width}}  |{shown}|"
    if record.error:
        yield record.error


def telescope(record: Telescope) -> str:
    """Return words of memory, each with the chain of pointers that begins in it."""
    return "\n".join(_telescope(record))


def _telescope(record: Telescope) -> Iterator[str]:
    if record.rows:
        base = record.rows[0].addr
        wide = len(f"+{record.rows[-1].addr - base:#x}")
        names = [" ".join(f"${name}" for name in row.registers) for row in record.rows]
        width = max(map(len, names))
        for row, name in zip(record.rows, names, strict=True):
            offset = f"+{row.addr - base:#x}"
            left = f"{address(row.addr, record.word_size)} {offset:<{wide}}"
            if width:
                left += f" {name:<{width}}"
            yield f"{left} : {_chain(row)}"
    if record.error:
        yield record.error


def _chain(row: TelescopeRow) -> str:
    parts = []
    for value, name in row.chain:
        parts.append(f"{value:#x}" + (f" {clean(name)}" if name else ""))
    text = " -> ".join(parts)
    return f"{text} -> {clean(row.end)}" if row.end else text


def found(record: FoundAddresses) -> str:
    """Return the addresses that ``find`` found and their number.

    >>> print(found(FoundAddresses(((0x4010, "<name>"),))))
    0x4010 <name>
    1 pattern found.
    """
    if not record.found:
        return "Pattern not found."
    lines = [f"{addr:#x}" + (f" {clean(name)}" if name else "") for addr, name in record.found]
    count = len(lines)
    return "\n".join([*lines, f"{count} pattern{'' if count == 1 else 's'} found."])
