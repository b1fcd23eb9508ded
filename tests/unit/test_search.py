"""Searches find what Python's own find, whatever the length of the data and of its pieces."""

from __future__ import annotations

import mmap
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydbg.linux import search


def _by_python(data: bytes, needles: list[bytes], start: int, end: int) -> set[tuple[int, bytes]]:
    found = set()
    for needle in needles:
        at = data.find(needle, start, end)
        while at >= 0:
            found.add((at, needle))
            at = data.find(needle, at + 1, end)
    return found


@given(
    data=st.text("ab", max_size=300).map(str.encode),
    needles=st.lists(
        st.text("ab", min_size=1, max_size=7).map(str.encode), max_size=3, unique=True
    ),
    bounds=st.tuples(st.integers(0, 300), st.integers(0, 300)),
    piece=st.integers(8, 64),
    long=st.booleans(),
)
def test_all_is_found_once(
    data: bytes, needles: list[bytes], bounds: tuple[int, int], piece: int, long: bool
) -> None:
    start, end = sorted(min(bound, len(data)) for bound in bounds)
    let_go: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_PIECE", piece)
        patch.setattr(search, "_LONG", 0 if long else 1 << 14)
        note = lambda *part: let_go.append(part)  # noqa: E731
        found = list(search.each(memoryview(data), needles, start, end, note))
    assert len(found) == len(set(found))
    assert set(found) == _by_python(data, needles, start, end)
    assert all(start <= low < high <= end for low, high in let_go)


@given(
    data=st.text("ab", max_size=200).map(str.encode),
    needle=st.text("ab", min_size=1, max_size=5).map(str.encode),
    piece=st.integers(8, 64),
)
def test_what_is_there_often_is_all_found(data: bytes, needle: bytes, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_PIECE", piece)
        found = search.frequent(data, needle, 0, len(data), lambda *part: None)
    assert [(at, needle) for at in found] == sorted(_by_python(data, [needle], 0, len(data)))


def test_a_mapped_file_can_be_closed_after_a_search_that_was_given_up() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(bytes(1 << 16) + b"end")
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        hits = search.hits(mapped, b"\0", 0, len(mapped))
        assert next(hits) == 0
        hits.close()
        assert list(search.hits(mapped, b"end", 0, len(mapped))) == [1 << 16]
        mapped.close()
