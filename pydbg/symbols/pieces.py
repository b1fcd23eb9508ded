"""Search long parts of files in pieces, whose pages are let go: a search takes no memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pydbg.symbols.cursor import Buffer

__all__ = ["hits"]

_PIECE = 4 << 20


def hits(
    data: Buffer,
    pattern: bytes,
    start: int,
    end: int,
    *,
    reach: int,
    let_go: Callable[[int, int], object],
) -> Iterator[int]:
    """Give where a pattern matches, from a position to another; it matches ``reach`` bytes at most.

    Of what was searched ``let_go`` is told, each piece's beginning and end.

    >>> list(hits(b"one, none", b"one", 1, 9, reach=3, let_go=print))
    [6]
    """
    search = re.compile(pattern, re.DOTALL).search  # Three times as fast as mmap.find.
    while start < end:
        begin, stop = start, min(start + _PIECE, end)
        while (found := search(data, start, stop)) is not None:
            start = found.start() + 1
            yield found.start()
        if stop == end:
            return
        let_go(begin, stop)
        start = max(start, stop - reach)
