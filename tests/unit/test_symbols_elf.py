"""The ELF reader: what files say, and that damaged ones only ever give FileError."""

from __future__ import annotations

import resource
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pydbg.errors import FileError, MemoryFault
from pydbg.symbols.debugfiles import build_id_path, find_alternate, mini_debug
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.modules import Module
from tests.support.build import build


def readelf(*args: str | Path) -> str:
    return subprocess.run(
        ["readelf", "-W", *map(str, args)], capture_output=True, text=True, check=False
    ).stdout


FILES: dict[str, Callable[[], Path]] = {
    "pie": lambda: build("plain.c"),
    "m32": lambda: build("plain.c", "m32"),
    "static": lambda: build("plain.c", "static"),
    "libc": lambda: Path("/lib/x86_64-linux-gnu/libc.so.6"),
    "go": lambda: build("hello.go"),
}


@pytest.mark.parametrize("key", FILES)
def test_headers_are_those_of_readelf(key: str) -> None:
    path = FILES[key]()
    elf = ElfFile(str(path))
    rows = [
        line[6:].split()
        for line in readelf("-S", path).splitlines()
        if line[3:6].strip(" ]").isdecimal()
    ]
    names = {row[0] for row in rows if len(row) > 5 and row[0].startswith(".")}
    assert names <= {section.name for section in elf.sections}
    header = readelf("-h", path)
    assert f"Entry point address:               {elf.entry:#x}" in header
    assert f"Number of program headers:         {len(elf.segments)}" in header
    assert f"Number of section headers:         {len(elf.sections)}" in header
    if elf.build_id:
        assert elf.build_id in readelf("-n", path)
    for name in elf.needed:
        assert f"[{name}]" in readelf("-d", path)
    text = elf.section(".text")
    assert text is not None
    assert elf.load_bytes(text.link_addr, 64) == bytes(elf.data(text)[:64])
    assert elf.section_at(text.link_addr) == text


def test_kinds_of_files() -> None:
    assert ElfFile(str(build("plain.c"))).is_pie
    assert not ElfFile(str(build("plain.c", "nopie"))).is_pie
    libc = ElfFile("/lib/x86_64-linux-gnu/libc.so.6")
    assert libc.soname == "libc.so.6"
    plain = ElfFile(str(build("plain.c")))
    assert plain.interp == "/lib64/ld-linux-x86-64.so.2"
    assert ElfFile(str(build("plain.c", "static"))).interp is None


def test_memory_without_file_bytes_is_zero() -> None:
    elf = ElfFile(str(build("plain.c", "static")))
    bss = elf.section(".bss")
    assert bss is not None
    assert elf.load_bytes(bss.link_addr, 16) == bytes(16)
    with pytest.raises(MemoryFault):
        elf.load_bytes(elf.high + 0x1000000, 1)


@pytest.mark.parametrize("style", ["zlib", "zlib-gnu"])
def test_compressed_sections(style: str) -> None:
    plain = ElfFile(str(build("plain.c", "pie")))
    packed = ElfFile(str(build("plain.c", "pie", f"-Wl,--compress-debug-sections={style}")))
    assert bytes(packed.data(".debug_info")) == bytes(plain.data(".debug_info"))
    raw = packed.section(".debug_info")
    assert raw is not None and raw.size < len(packed.data(raw))


def test_mini_debug_data(tmp_path: Path) -> None:
    whole = build("plain.c", "nodebug")
    inner, stripped = tmp_path / "inner", tmp_path / "plain"
    run = subprocess.run
    run(["objcopy", "--only-keep-debug", whole, inner], check=True)
    run(["xz", "-k", inner], check=True)
    section = f"--add-section=.gnu_debugdata={inner}.xz"
    run(["objcopy", "--strip-all", section, whole, stripped], check=True)
    elf = ElfFile(str(stripped))
    assert mini_debug(elf) is not None
    assert [s.name for s in Module(elf).lookup("inner")] == ["inner"]


def test_paths_of_debug_files() -> None:
    assert build_id_path("0123", "/d") == "/d/.build-id/01/23.debug"
    assert find_alternate(ElfFile(str(build("plain.c")))) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an ELF file"),
        (b"#!/bin/sh -e\n", "but a script; debug its interpreter, --args /bin/sh -e "),
        (b"\x7fELF", "truncated ELF header"),
        (b"\x7fELF\x02\x01\x01" + bytes(20), "truncated ELF header"),
        (b"\x7fELF\x07\x01\x01" + bytes(60), "damaged ELF header"),
    ],
)
def test_not_elf(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "bad"
    path.write_bytes(data)
    with pytest.raises(FileError, match=message) as caught:
        ElfFile(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["/nonexistent/x", "/", "/dev/null", "a\0b"])
def test_not_a_file(path: str) -> None:
    with pytest.raises(FileError):
        ElfFile(path)


def test_foreign_machine_is_named() -> None:
    image = bytearray(Path(build("plain.c")).read_bytes())
    image[18:20] = struct.pack("<H", 183)
    assert ElfFile.from_bytes(bytes(image), "x").machine_name == "aarch64"


# --- damage ----------------------------------------------------------------------------------


def use(image: bytes) -> None:
    """Do everything with a file; only FileError and MemoryFault may come out."""
    try:
        elf = ElfFile.from_bytes(image, "damaged")
    except FileError:
        return
    module = Module(elf, 0x1000)
    actions: list[Callable[[], object]] = [
        lambda: elf.build_id,
        lambda: elf.dynamic,
        lambda: (elf.soname, elf.needed, elf.interp),
        lambda: (elf.low, elf.high, elf.debuglink, elf.debugaltlink),
        lambda: elf.notes(),
        lambda: elf.load_bytes(elf.entry, 64),
        lambda: mini_debug(elf),
        lambda: [elf.data(s) for s in elf.sections[:100]],
        lambda: module.lookup("main"),
        lambda: module.lookup("ns::f"),
        lambda: module.symbol_at(elf.entry + 0x1000),
        lambda: [module.symbol_at(s.link_addr + 0x1001) for s in elf.sections[:100]],
        lambda: [module.symbol_at(s.link_addr + 0x1001) for s in elf.sections[:100]],
        lambda: list(module.functions()),
        lambda: list(module.objects()),
        lambda: list(module.names("ma")),
        lambda: list(module.names("")),
    ]
    for action in actions:
        try:
            action()
        except (FileError, MemoryFault) as error:
            assert "\n" not in str(error)


IMAGES = [
    Path(build("plain.c")).read_bytes,
    Path(build("plain.c", "stripped")).read_bytes,
    Path(build("plain.c", "m32")).read_bytes,
]


@given(st.integers(0, 2), st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_truncated(which: int, share: float) -> None:
    image = IMAGES[which]()
    use(image[: int(len(image) * share)])


@given(
    st.integers(0, 2),
    st.lists(
        st.tuples(
            st.sampled_from(["header", "segments", "sections", "anywhere"]),
            st.integers(0, 1 << 30),
            st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255),
        ),
        min_size=1,
        max_size=10,
    ),
)
@settings(max_examples=250, deadline=None)
def test_corrupted(which: int, changes: list[tuple[str, int, int]]) -> None:
    image = bytearray(IMAGES[which]())
    elf = ElfFile.from_bytes(bytes(image), "whole")
    wide = elf.bits == 64
    table = struct.unpack_from("<Q" if wide else "<I", image, 40 if wide else 32)[0]
    places = {
        "header": (0, 64),
        "segments": (64, 56 * len(elf.segments)),
        "sections": (table, len(image) - table),
        "anywhere": (0, len(image)),
    }
    for place, at, value in changes:
        start, size = places[place]
        image[start + at % size] = value
    use(bytes(image))


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_noise_behind_a_magic(data: bytes) -> None:
    use(data)
    use(b"\x7fELF\x02\x01\x01" + data)
    use(b"\x7fELF\x01\x01\x01" + data)


def test_lying_sizes_cost_no_memory() -> None:
    """Counts and sizes of terabytes are refused, not allocated."""
    image = bytearray(Path(build("plain.c")).read_bytes())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (table,) = struct.unpack_from("<Q", image, 40)
    for index in range(struct.unpack_from("<H", image, 60)[0]):
        struct.pack_into("<Q", image, table + 64 * index + 32, 1 << 45)
        use(bytes(image))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000  # KiB
