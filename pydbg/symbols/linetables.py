"""The rows of source files, as columns: in memory, or in an index that is mapped.

A unit has some ten thousand rows. As two columns of numbers they take 12 bytes each, and one of
them becomes a `Row` when it is asked for.
"""

from __future__ import annotations

import os
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import gt
from typing import NamedTuple, overload

__all__ = ["END", "FileTable", "Row", "Rows", "code_of", "pack", "unpack"]

_MOST_LINES = (1 << 30) - 1
END = 2
"""The code of the end of a run of rows: line 0."""
_COUNT = struct.Struct("<I")
_TABLE = struct.Struct("<II")


class Row(NamedTuple):
    """Hold one row of a file's table; line 0 ends a run of rows."""

    addr: int
    line: int
    is_stmt: bool
    prologue_end: bool = False
    """Whether the compiler says that a breakpoint on the function belongs here."""


def code_of(line: int, is_stmt: bool, prologue_end: bool) -> int:
    """Give all of a row but its address as one number.

    >>> code_of(3, True, False), code_of(0, True, False) == END
    (14, True)
    """
    return (line & _MOST_LINES) << 2 | is_stmt << 1 | prologue_end


class Rows(Sequence[Row]):
    """Be rows, from the columns of their addresses and codes.

    >>> Rows([16], [14])[0]
    Row(addr=16, line=3, is_stmt=True, prologue_end=False)
    """

    __slots__ = ("_addrs", "_codes")

    def __init__(self, addrs: Sequence[int], codes: Sequence[int]) -> None:
        self._addrs = addrs
        self._codes = codes

    def __len__(self) -> int:
        return len(self._addrs)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(len(self)))]
        code = self._codes[at]
        return Row(self._addrs[at], code >> 2, code & 2 != 0, code & 1 != 0)

    def __iter__(self) -> Iterator[Row]:
        for addr, code in zip(self._addrs, self._codes, strict=True):
            yield Row(addr, code >> 2, code & 2 != 0, code & 1 != 0)


class FileTable:
    """Be one source file's rows in one unit, by address."""

    __slots__ = ("addrs", "codes", "made_addrs", "made_codes", "name", "path")

    def __init__(
        self, name: str, path: str, addrs: Sequence[int] = (), codes: Sequence[int] = ()
    ) -> None:
        self.name = name
        self.path = path
        self.addrs = addrs
        self.codes = codes
        """What `code_of` says of each row."""
        self.made_addrs: list[int] = []
        """Rows in the order of the program, until they are finished."""
        self.made_codes: list[int] = []

    @property
    def rows(self) -> Rows:
        """Give the rows, each made when it is asked for."""
        return Rows(self.addrs, self.codes)

    def end(self, addr: int) -> None:
        """Append the end of a run of rows, which takes empty rows at its address away."""
        addrs, codes = self.made_addrs, self.made_codes
        last = 0
        while addrs:
            last = codes[-1] >> 2
            if addrs[-1] != addr:
                break
            addrs.pop()
            codes.pop()
        if last:  # Else there is nothing to end, or it is ended already.
            addrs.append(addr)
            codes.append(END)

    def finish(self) -> None:
        """Sort: by address, an end before the rows that begin there."""
        addrs, codes = self.made_addrs, self.made_codes
        if any(map(gt, addrs, islice(addrs, 1, None))):
            order = sorted(range(len(addrs)), key=lambda at: (addrs[at], codes[at] > 3))
            addrs, codes = [addrs[at] for at in order], [codes[at] for at in order]
        try:
            self.addrs = array("Q", addrs)
        except OverflowError:  # The program is damaged.
            self.addrs = array("Q", [addr & (1 << 64) - 1 for addr in addrs])
        self.codes = array("I", codes)
        self.made_addrs, self.made_codes = [], []

    def is_called(self, file: str) -> bool:
        """Tell whether a path, or the last parts of one, means this file."""
        tail = "/" + os.path.normpath(file).lstrip("/")
        return file in (self.path, self.name) or self.path.endswith(tail)

    @property
    def is_assembly(self) -> bool:
        """Tell by the name whether the file is assembly, as gdb does."""
        return self.name.endswith((".s", ".S", ".sx"))

    # --- by line -----------------------------------------------------------------------------

    def statements(self, line: int) -> list[int]:
        """Give the addresses of the rows of a line that are statements."""
        wanted = code_of(line, True, False)
        pairs = zip(self.addrs, self.codes, strict=True)
        return [addr for addr, code in pairs if code & ~1 == wanted]

    def next_line(self, line: int) -> int | None:
        """Give the first line from ``line`` on that has a statement."""
        least = max(0, line) << 2
        found = min((code for code in self.codes if code >= least and code & 2), default=None)
        return None if found is None else found >> 2

    # --- by address --------------------------------------------------------------------------

    def between(self, low: int, high: int) -> list[Row]:
        """Give the rows from ``low`` to before ``high``."""
        return self.rows[bisect_left(self.addrs, low) : bisect_left(self.addrs, high)]


def pack(tables: Iterable[FileTable]) -> bytes:
    """Give a unit's tables as bytes: their sizes, their names, then the columns.

    >>> [(name, list(addrs)) for name, addrs, _ in unpack(memoryview(pack([])))]
    []
    """
    known = list(tables)
    names = [table.name.encode("utf-8", "surrogateescape") for table in known]
    head = _COUNT.pack(len(known)) + b"".join(
        _TABLE.pack(len(table.addrs), len(name)) for table, name in zip(known, names, strict=True)
    )
    parts = [_padded(head + b"".join(names))]
    for table in known:
        parts += [array("Q", table.addrs).tobytes(), _padded(array("I", table.codes).tobytes())]
    return b"".join(parts)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def unpack(data: memoryview) -> list[tuple[str, memoryview, memoryview]]:
    """Give the name and both columns of each table; ValueError for what is none."""
    try:
        (count,) = _COUNT.unpack_from(data)
        sizes = [_TABLE.unpack_from(data, 4 + at * _TABLE.size) for at in range(count)]
    except struct.error as error:
        raise ValueError("no line tables") from error
    at = 4 + count * _TABLE.size
    names = []
    for _, size in sizes:
        names.append(str(data[at : at + size], "utf-8", "surrogateescape"))
        at += size
    found = []
    for (rows, _), name in zip(sizes, names, strict=True):
        at += -at % 8
        addrs, at = data[at : at + 8 * rows], at + 8 * rows
        codes, at = data[at : at + 4 * rows], at + 4 * rows
        if at > len(data):
            raise ValueError("line tables are cut off")
        found.append((name, addrs.cast("Q"), codes.cast("I")))
    return found
