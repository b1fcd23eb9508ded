"""Cores that somebody has damaged or made up: an error line or less to see, never more."""

from __future__ import annotations

import resource
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pydbg
from pydbg.corefile import is_core
from pydbg.corefile.inferior import build_id
from pydbg.corefile.notes import CoreFile
from pydbg.errors import DebuggerError
from tests.support.build import build

LOOKS = (
    "info threads", "thread apply all bt 5", "bt 20", "info registers", "info all-registers",
    "p $_siginfo", "p $_exitsignal", "info proc mappings", "info proc", "info auxv",
    "info sharedlibrary", "info files", "x/4xg $sp", "x/3i $pc", "x/s $sp", "p $xmm0",
    "info frame", "up", "telescope", "info symbol $pc", "info inferiors", "context",
)  # fmt: skip
MOST = 400 << 10
"""How much more memory the looks may take than before, in KiB."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a small core: a program of two libraries, stopped at its main."""
    path = tmp_path_factory.mktemp("core") / "core"
    with pydbg.Debugger(str(build("plain.c"))) as dbg:
        dbg.run(stop="main")
        (Path("/proc") / str(dbg.process.pid) / "coredump_filter").write_text("0x11")
        dbg.write_core(str(path))
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "core"


def look(data: bytes, place: Path, program: str | None) -> None:
    """Open a core and look at all of it; whatever is wrong must be a DebuggerError."""
    place.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pydbg.Debugger(program) as dbg:
        try:
            dbg.load_core(str(place))
        except DebuggerError as error:
            assert "\n" not in str(error)
            return
        for command in LOOKS:
            try:
                dbg.execute(command, to_string=True)
            except DebuggerError:
                continue
        list(dbg.memory.find(b"\x7fELF"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST


FAST = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NUMBERS = st.sampled_from([0, 1, 4, 0x7F, 0xFF, 0x1000, 0x7FFFFFFF, 0xFFFFFFFF, 2**63, 2**64 - 1])


@FAST
@given(data=st.data())
def test_damaged_bytes(data: st.DataObject, whole: Path, place: Path) -> None:
    # Headers and notes are at the front: most of what can be got wrong is there.
    notes = 16384
    core = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, notes) | st.integers(0, len(core) - 8))
        piece = data.draw(
            st.binary(min_size=1, max_size=8) | NUMBERS.map(lambda n: n.to_bytes(8, "little"))
        )
        core[at : at + len(piece)] = piece
    program = data.draw(st.sampled_from([None, str(build("plain.c")), "/bin/true"]))
    look(bytes(core[: whole.stat().st_size]), place, program)


@FAST
@given(size=st.integers(0, 1 << 18))
def test_cut_off(size: int, whole: Path, place: Path) -> None:
    look(whole.read_bytes()[:size], place, str(build("plain.c")))


def header(kind: int, count: int, machine: int = 62) -> bytes:
    ident = b"\x7fELF\2\1\1" + bytes(9)
    return struct.pack(
        "<16sHHIQQQIHHHHHH", ident, kind, machine, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0
    )


def note(kind: int, data: bytes) -> bytes:
    return struct.pack("<III", 5, len(data), kind) + b"CORE\0\0\0\0" + data + bytes(-len(data) % 4)


@FAST
@given(
    segments=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=8),
    notes=st.lists(
        st.tuples(
            st.sampled_from([1, 2, 3, 6, 0x200, 0x202, 0x205, 0x53494749, 0x46494C45]),
            st.binary(max_size=400),
        ),
        max_size=8,
    ),
    rows=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=4),
    count=NUMBERS,
    registers=st.lists(NUMBERS, min_size=27, max_size=27),
)
def test_made_up(
    segments: list[tuple[int, int, int, int]],
    notes: list[tuple[int, bytes]],
    rows: list[tuple[int, int, int]],
    count: int,
    registers: list[int],
    place: Path,
) -> None:
    """Segments and mapped files anywhere, overlapping, endless; registers that point there."""
    status = bytearray(336)
    status[112:328] = struct.pack("<27Q", *registers)
    names = b"".join(b"/bin/true\0" for _ in rows)
    files = struct.pack("<2Q", count, 4096) + b"".join(struct.pack("<3Q", *r) for r in rows) + names
    auxv = struct.pack("<10Q", 9, registers[0], 7, registers[1], 33, registers[2], 3, 1, 0, 0)
    text = note(1, bytes(status)) + note(6, auxv) + note(0x46494C45, files)
    text += b"".join(note(kind, data) for kind, data in notes)
    table = struct.pack("<IIQQQQQQ", 4, 0, 64 + 56 * (len(segments) + 1), 0, 0, len(text), 0, 4)
    for offset, addr, size, whole_size in segments:
        table += struct.pack("<IIQQQQQQ", 1, 7, offset, addr, 0, size, whole_size, 4096)
    look(header(4, len(segments) + 1) + table + text, place, None)


@given(page=st.binary(max_size=4096))
def test_pages_of_anything_have_no_build_id(page: bytes) -> None:
    try:
        build_id(b"\x7fELF" + page)
    except DebuggerError as error:
        assert "\n" not in str(error)


def test_what_is_a_core(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for data, wanted in ((header(4, 0), True), (header(2, 0), False), (b"", False), (b"x", False)):
        path.write_bytes(data)
        assert is_core(str(path)) is wanted
    with pytest.raises(DebuggerError, match="is a core dump without threads"):
        path.write_bytes(header(4, 0))
        CoreFile(str(path))
    with pytest.raises(DebuggerError, match="is for aarch64, which pydbg cannot run here"):
        path.write_bytes(header(4, 0, machine=183))
        CoreFile(str(path))
