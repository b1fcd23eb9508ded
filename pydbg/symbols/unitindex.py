"""The index of one file's units: which of them have a name, a source file, an address.

It is a file of sorted columns that is mapped and searched, never unpickled; whatever is wrong with
it, it is as if it were not there. `indexcache` knows where it lies, `indexbuild` writes it.

Little-endian: a head (magic, version, the identity of the file it is of, number and length of each
column), then the columns one after the other, each at a multiple of eight bytes, then the line
tables of each unit (`linetables.pack`). Those have a checksum each, for what they say is believed.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pydbg.records import Record
from pydbg.symbols.aranges import range_at
from pydbg.symbols.linetables import unpack

if TYPE_CHECKING:
    from pydbg.symbols.elf import ElfFile

__all__ = ["COLUMNS", "VERSION", "UnitIndex", "head_of", "identity_of", "key_of"]

_MAGIC = b"pydbgidx"
VERSION = 4
"""To be raised whenever what is written, or what it means, changes."""
COLUMNS = {
    "units": "Q", "starts": "Q", "ends": "Q", "range_units": "I",
    "names": "I", "name_units": "I", "name_strings": "I",
    "files": "I", "file_units": "I",
    "line_places": "Q", "line_sums": "I",
}  # fmt: skip
"""Columns in their order in the file; "I" has four bytes, "Q" eight."""
INLINE = 0xFFFFFFFF
"""In place of a string's offset: the string is in the unit itself."""
_HEAD = struct.Struct("<8sI32sI")
_LENGTH = struct.Struct("<Q")


def key_of(name: bytes) -> int:
    """Give the number under which a name, or the last part of a file's name, is kept.

    >>> key_of(b"main")
    3207122276
    """
    return zlib.crc32(name)


def identity_of(elf: ElfFile) -> bytes:
    """Give 32 bytes that change when the file does: build-id or time, size, section headers."""
    import hashlib

    parts = [elf.build_id or str(elf.stamp), str(elf.size)]
    parts += [f"{s.name} {s.offset} {s.size}" for s in elf.sections]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=32).digest()


class UnitIndex(Record, eq=False):
    """Be an index; ``columns`` are views of numbers.

    >>> UnitIndex.load(b"nonsense", bytes(32)) is None
    True
    """

    columns: Mapping[str, memoryview]
    lines: memoryview
    """The line tables, those of a unit from its place to the next one's."""

    @classmethod
    def load(cls, data: bytes | mmap.mmap, identity: bytes) -> UnitIndex | None:
        """Read an index; None for what is none, of another version or of another file."""
        size = len(data)
        if size < _HEAD.size + len(COLUMNS) * _LENGTH.size:
            return None
        magic, version, of, count = _HEAD.unpack_from(data)
        if (magic, version, of, count) != (_MAGIC, VERSION, identity, len(COLUMNS)):
            return None
        view = memoryview(data)
        pos = _start()
        columns: dict[str, memoryview] = {}
        for number, (name, kind) in enumerate(COLUMNS.items()):
            (length,) = _LENGTH.unpack_from(data, _HEAD.size + number * _LENGTH.size)
            end = pos + length * struct.calcsize(kind)
            if end > size:
                return None
            columns[name] = view[pos:end].cast("Q" if kind == "Q" else "I")
            pos = end + -end % 8
        index = cls(columns, view[pos:])
        return index if index._agrees() else None

    def _agrees(self) -> bool:
        """Tell whether columns that belong together have the same length."""
        lengths = {name: len(column) for name, column in self.columns.items()}
        return (
            lengths["starts"] == lengths["ends"] == lengths["range_units"]
            and lengths["names"] == lengths["name_units"] == lengths["name_strings"]
            and lengths["files"] == lengths["file_units"]
            and lengths["units"] == lengths["line_sums"]
            and lengths["line_places"] == lengths["units"] + 1
            and self.columns["line_places"][-1] == len(self.lines)
        )

    def unit_at(self, link_addr: int) -> int | None:
        """Give the offset of the unit whose code holds an address."""
        at = range_at(self.columns["starts"], self.columns["ends"], link_addr)
        return None if at is None else self._unit(self.columns["range_units"][at])

    def with_name(self, name: bytes) -> Iterator[tuple[int, int]]:
        """Give (unit's offset, string's offset or INLINE) of what may have this name."""
        strings = self.columns["name_strings"]
        for at in self._rows("names", key_of(name)):
            unit = self._unit(self.columns["name_units"][at])
            if unit is not None:
                yield unit, strings[at]

    def with_file(self, base: bytes) -> list[int]:
        """Give the offsets of the units whose line programs may name such a file."""
        rows = self._rows("files", key_of(base))
        units = (self._unit(self.columns["file_units"][at]) for at in rows)
        return [unit for unit in units if unit is not None]

    def lines_of(self, unit: int) -> list[tuple[str, memoryview, memoryview]] | None:
        """Give the line tables of the unit at an offset; None where there are none."""
        data = self._packed_lines(unit)
        if data is None:
            return None
        try:
            return unpack(data)
        except (ValueError, TypeError):
            return None

    def has_lines(self, unit: int) -> bool:
        """Tell whether there are line tables of the unit at an offset."""
        return self._packed_lines(unit) is not None

    def _packed_lines(self, unit: int) -> memoryview | None:
        units, places = self.columns["units"], self.columns["line_places"]
        number = bisect_left(units, unit)
        if number == len(units) or units[number] != unit:
            return None
        data = self.lines[places[number] : places[number + 1]]
        return data if data and zlib.crc32(data) == self.columns["line_sums"][number] else None

    def _rows(self, column: str, key: int) -> range:
        keys = self.columns[column]
        return range(bisect_left(keys, key), bisect_right(keys, key))

    def _unit(self, number: int) -> int | None:
        units = self.columns["units"]
        return units[number] if number < len(units) else None


def _start() -> int:
    size = _HEAD.size + len(COLUMNS) * _LENGTH.size
    return size + -size % 8


def head_of(identity: bytes, lengths: Iterable[int]) -> bytes:
    """Give the bytes in front of the columns.

    >>> len(head_of(bytes(32), [0] * len(COLUMNS))) % 8
    0
    """
    head = _HEAD.pack(_MAGIC, VERSION, identity, len(COLUMNS))
    head += b"".join(map(_LENGTH.pack, lengths))
    return head.ljust(_start(), b"\0")
