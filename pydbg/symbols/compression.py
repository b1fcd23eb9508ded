"""Sections that are compressed: the gABI's (zlib, zstd) and the old ``.zdebug_`` ones."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.errors import FileError

if TYPE_CHECKING:
    from pydbg.symbols.elf import ElfFile, Section

__all__ = ["decompress", "inflate"]

_ZLIB_RATIO = 1100
"""zlib cannot do better than 1032:1, so a header that claims more lies."""
_LARGE, _LARGE_RATIO = 1 << 26, 64
"""Debug information shrinks to a third, strings to a tenth: what grows to much more than that
and is large is made to fill memory."""


def decompress(elf: ElfFile, section: Section, view: memoryview) -> bytes:
    """Give the contents of a section with SHF_COMPRESSED; raises FileError."""
    layout = struct.Struct(elf.endian + ("IIQQ" if elf.bits == 64 else "III"))
    if len(view) < layout.size:
        raise FileError(f"{elf.path}: truncated compression header of {section.name}")
    header = layout.unpack_from(view)
    kind, size = header[0], header[-2]
    packed = view[layout.size :]
    if kind == 1:
        return inflate(elf, section, packed, size)
    if kind == 2:
        return _unzstd(elf, section, packed, size)
    raise FileError(f"{elf.path}: unknown compression {kind} of {section.name}")


def inflate(elf: ElfFile, section: Section, packed: memoryview, size: int) -> bytes:
    """Give ``size`` bytes that zlib has packed; raises FileError."""
    import zlib

    if size > len(packed) * _ZLIB_RATIO + 64:
        raise FileError(f"{elf.path}: damaged compression header of {section.name}")
    _check_growth(elf, section, packed, size)
    try:
        data = zlib.decompressobj().decompress(packed, size) if size else b""
    except zlib.error as error:
        raise _damaged(elf, section, error) from None
    return _whole(elf, section, data, size)


def _unzstd(elf: ElfFile, section: Section, packed: memoryview, size: int) -> bytes:
    try:
        import zstandard  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise FileError(
            f"{elf.path}: {section.name} is compressed with zstd; "
            "'pip install zstandard' to read it"
        ) from None
    _check_growth(elf, section, packed, size)
    if size > 64 and not packed:
        raise _truncated(elf, section)
    try:
        # As a stream, for a frame may hold more than the header says.
        stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
            packed, read_across_frames=True
        )
        data: bytes = stream.read(size)
    except (zstandard.ZstdError, MemoryError) as error:
        raise _damaged(elf, section, error) from None
    return _whole(elf, section, data, size)


def _check_growth(elf: ElfFile, section: Section, packed: memoryview, size: int) -> None:
    if size > _LARGE and size > len(packed) * _LARGE_RATIO:
        raise FileError(
            f"{elf.path}: compressed section {section.name} claims to hold {size} bytes"
        )


def _whole(elf: ElfFile, section: Section, data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise _truncated(elf, section)
    return data


def _truncated(elf: ElfFile, section: Section) -> FileError:
    return FileError(f"{elf.path}: truncated compressed section {section.name}")


def _damaged(elf: ElfFile, section: Section, error: Exception) -> FileError:
    return FileError(f"{elf.path}: damaged compressed section {section.name} ({error})")
