"""Bounds-checked reading of the small encodings DWARF is made of.

Every function takes a buffer and a position and returns the value and the position after
it. What runs off the buffer raises ``IndexError``; the public readers turn that into one
``FileError`` with `damaged`, so that a corrupt file is a message and never a traceback.
"""

from __future__ import annotations

from pydbg.errors import FileError

__all__ = [
    "Buffer",
    "as_uleb",
    "cstring",
    "damaged",
    "fixed",
    "signed",
    "sleb",
    "sleb_slow",
    "take",
    "uleb",
]

Buffer = bytes | memoryview

_LEB_BITS = 70  # ten bytes hold any 64-bit number; more is a damaged file, not a number


def uleb(data: Buffer, pos: int) -> tuple[int, int]:
    """Read an unsigned LEB128 number (DWARF 5, section 7.6).

    >>> uleb(bytes([0xe5, 0x8e, 0x26]), 0)
    (624485, 3)
    """
    byte = data[pos]
    pos += 1
    if byte < 0x80:
        return byte, pos
    value = byte & 0x7F
    shift = 7
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, pos
        shift += 7
        if shift > _LEB_BITS:
            raise IndexError("LEB128 number too long")


def as_uleb(number: int) -> bytes:
    """Give an unsigned LEB128 number as assemblers write it, in as few bytes as there can be.

    >>> uleb(as_uleb(624485), 0)
    (624485, 3)
    """
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


def sleb(data: Buffer, pos: int) -> tuple[int, int]:
    """Read a signed LEB128 number.

    >>> sleb(bytes([0x78]), 0), sleb(bytes([0xc0, 0xbb, 0x78]), 0)
    ((-8, 1), (-123456, 3))
    """
    byte = data[pos]
    if byte < 0x80:
        return (byte - 0x80 if byte & 0x40 else byte), pos + 1
    return sleb_slow(data, pos)


def sleb_slow(data: Buffer, pos: int) -> tuple[int, int]:
    """Read a signed LEB128 number of any length.

    >>> sleb_slow(bytes([0x80, 0x7f]), 0)
    (-128, 2)
    """
    value = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if byte & 0x40:
                value -= 1 << shift
            return value, pos
        if shift > _LEB_BITS:
            raise IndexError("LEB128 number too long")


def fixed(data: Buffer, pos: int, size: int) -> tuple[int, int]:
    """Read an unsigned little-endian number of ``size`` bytes.

    >>> fixed(bytes([0x34, 0x12]), 0, 2)
    (4660, 2)
    """
    end = pos + size
    if size < 0 or pos < 0 or end > len(data):
        raise IndexError("number beyond the end")
    return int.from_bytes(data[pos:end], "little"), end


def signed(value: int, size: int) -> int:
    """Reinterpret an unsigned number of ``size`` bytes as a signed one.

    >>> signed(0xfffffffe, 4)
    -2
    """
    half = 1 << (8 * size - 1)
    return value - 2 * half if value & half else value


def take(data: Buffer, pos: int, size: int) -> tuple[bytes, int]:
    """Cut out ``size`` bytes, all of them or ``IndexError``.

    >>> take(b"abcdef", 1, 2)
    (b'bc', 3)
    """
    end = pos + size
    if size < 0 or pos < 0 or end > len(data):
        raise IndexError("block beyond the end")
    return bytes(data[pos:end]), end


def cstring(data: bytes, pos: int) -> tuple[bytes, int]:
    """Read a NUL-terminated string.

    >>> cstring(b"ab" + bytes(1) + b"c", 0)
    (b'ab', 3)
    """
    if not 0 <= pos <= len(data):
        raise IndexError("string beyond the end")
    end = data.find(0, pos)
    if end < 0:
        raise IndexError("string without an end")
    return data[pos:end], end + 1


class damaged:
    """Turn reads beyond a section's end into a ``FileError`` that names the section.

    >>> with damaged("a.out: .debug_line"):
    ...     uleb(b"", 0)
    Traceback (most recent call last):
    ...
    pydbg.errors.FileError: a.out: .debug_line is damaged (index out of range)
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, (IndexError, ValueError, OverflowError)):
            raise FileError(f"{self._what} is damaged ({error})") from error
