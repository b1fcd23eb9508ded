"""CFI rows against pyelftools', lookups against the tables, damage against everything."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from pydbg.errors import FileError, MemoryFault
from pydbg.symbols.cfi import CfiTable, Fde, FrameSection, Row, rows
from pydbg.symbols.cfi_program import Cie, row_at
from pydbg.symbols.dwexpr import evaluate
from pydbg.symbols.elf import ElfFile
from tests.support.build import build

LIBC = "/lib/x86_64-linux-gnu/libc.so.6"


def programs() -> list[str]:
    return [
        LIBC,
        "/bin/true",
        str(build("unwind.c", "m32")),
        str(build("classes.cc", "O2")),
        str(build("hello.rs")),
        str(build("hello.go")),
    ]


def theirs(row: dict[Any, Any]) -> tuple[Any, dict[int, Any]]:
    cfa = row["cfa"]
    place = bytes(cfa.expr) if cfa.expr is not None else (cfa.reg, cfa.offset)
    rules = {}
    for register, rule in row.items():
        if register not in ("pc", "cfa"):
            kind, value = rule.type.lower(), rule.arg
            rules[register] = (kind, bytes(value) if isinstance(value, list) else value)
    return place, rules


def ours(row: Row) -> tuple[Any, dict[int, Any]]:
    assert row.cfa is not None
    place: Any = row.cfa.expression
    if place is None:
        place = (row.cfa.register, row.cfa.offset)
    rules = {}
    for register, rule in row.rules.items():
        if rule.kind in ("same", "undefined"):
            rules[register] = ("same_value" if rule.kind == "same" else rule.kind, None)
        else:
            rules[register] = (rule.kind, rule.expression or rule.value)
    return place, rules


@pytest.mark.parametrize("index", range(6))
def test_rows_are_pyelftools(index: int) -> None:
    path = programs()[index]
    sections = {section.fdes for section in CfiTable(ElfFile(path)).sections}
    mine = {fde.low: fde for fdes in sections for fde in fdes()}
    compared = 0
    with open(path, "rb") as stream:
        info = ELFFile(stream).get_dwarf_info(relocate_dwarf_sections=False)
        entries = list(info.EH_CFI_entries() if info.has_EH_CFI() else [])
        entries += list(info.CFI_entries() if info.has_CFI() else [])
        for entry in entries:
            if not isinstance(entry, FDE):
                continue
            fde = mine[entry["initial_location"]]
            assert fde.high - fde.low == entry["address_range"]
            try:
                table = entry.get_decoded().table
            except ValueError:
                continue  # pyelftools 0.32 does not know DW_CFA_GNU_args_size
            wanted = {row["pc"]: theirs(row) for row in table}
            for row in rows(fde):
                assert ours(row) == wanted[row.low], hex(row.low)
                compared += 1
    assert compared > 20


def test_lookup_finds_the_row_of_each_address() -> None:
    table = CfiTable(ElfFile(LIBC))
    section = table.sections[0]
    for fde in list(section.fdes())[:400]:
        for row in rows(fde):
            if row.high > row.low:
                for at in (row.low, row.high - 1):
                    assert table.cfi_for(at) == row
    assert table.cfi_for(0) is None


def test_lookup_without_the_header_is_the_same() -> None:
    elf = ElfFile(LIBC)
    section = elf.section(".eh_frame")
    assert section is not None
    plain = FrameSection(elf.data(section), section.link_addr)
    with_header = CfiTable(elf).sections[0]
    for fde in list(with_header.fdes())[::10]:
        for at in (fde.low, fde.high - 1, fde.high):
            assert plain.fde_at(at) == with_header.fde_at(at)


def test_go_has_no_header_and_every_function_is_found() -> None:
    elf = ElfFile(str(build("hello.go")))
    section = FrameSection(elf.data(".debug_frame"), is_eh=False)
    fdes = [fde for fde in section.fdes() if fde.high > fde.low]
    assert len(fdes) > 1000
    for fde in fdes:
        assert section.fde_at(fde.low) == section.fde_at(fde.high - 1) == fde


@pytest.mark.parametrize("keep", [2, 10, 23])
def test_of_a_cut_section_the_entries_before_the_cut_are_found(keep: int) -> None:
    data = bytes(ElfFile(str(build("hello.go"))).data(".debug_frame"))
    fdes = list(FrameSection(data, is_eh=False).fdes())[:31]
    section = FrameSection(data[: fdes[-1].offset + keep], is_eh=False)
    for fde in fdes[:-1]:
        assert section.fde_at(fde.low) == fde
    assert section.fde_at(fdes[-1].low) is None


def test_a_file_without_section_headers_still_has_cfi(tmp_path: Path) -> None:
    image = bytearray(Path("/bin/true").read_bytes())
    struct.pack_into("<Q", image, 40, 0)  # e_shoff
    struct.pack_into("<HH", image, 60, 0, 0)  # e_shnum, e_shstrndx
    (tmp_path / "bare").write_bytes(image)
    bare, whole = ElfFile(str(tmp_path / "bare")), ElfFile("/bin/true")
    assert not bare.sections
    for fde in CfiTable(whole).sections[0].fdes():
        assert CfiTable(bare).cfi_for(fde.low) == CfiTable(whole).cfi_for(fde.low)


def test_signal_trampoline_is_marked() -> None:
    elf = ElfFile(LIBC)
    signals = [f for f in CfiTable(elf).sections[0].fdes() if f.cie.signal_frame]
    assert len(signals) == 1
    row = row_at(signals[0], signals[0].low + 1)
    assert row.signal_frame
    assert row.rules[16].kind == "expression"


def run(*code: int, at: int = 0x100, align: int = -8) -> Row:
    cie = Cie(0, 3, "", 1, align, 16, 0, 0xFF, False, 8, bytes([0x0C, 7, 8, 0x90, 1]))
    return row_at(Fde(0, cie, 0x100, 0x200, None, bytes(code)), at)


def test_every_instruction() -> None:
    assert run(0x0E, 16).cfa == (7, 16, None)
    assert run(0x0D, 6).cfa == (6, 8, None)
    assert run(0x12, 6, 0x7E).cfa == (6, 16, None)  # def_cfa_sf
    assert run(0x13, 0x7D).cfa == (7, 24, None)  # def_cfa_offset_sf
    assert run(0x0F, 2, 0x77, 8).cfa == (0, 0, bytes([0x77, 8]))
    assert run(0x05, 40, 2).rules[40] == ("offset", -16, b"")
    assert run(0x11, 3, 0x7E).rules[3] == ("offset", 16, b"")
    assert run(0x2F, 3, 2).rules[3] == ("offset", 16, b"")
    assert run(0x14, 3, 2).rules[3] == ("val_offset", -16, b"")
    assert run(0x15, 3, 0x7E).rules[3] == ("val_offset", 16, b"")
    assert run(0x09, 3, 5).rules[3] == ("register", 5, b"")
    assert run(0x07, 16).rules[16].kind == "undefined"
    assert run(0x08, 3).rules[3].kind == "same"
    assert run(0x10, 3, 1, 0x30).rules[3] == ("expression", 0, b"0")
    assert run(0x16, 3, 1, 0x30).rules[3] == ("val_expression", 0, b"0")
    assert run(0x2E, 24).args_size == 24
    assert run(0x90, 5, 0xD0).rules[16] == ("offset", -8, b"")  # restore: the CIE's rule
    assert 3 not in run(0x83, 5, 0xC3).rules
    assert 3 not in run(0x83, 5, 0x06, 3).rules
    # remember, change, restore brings the CFA back too
    assert run(0x0A, 0x0E, 32, 0x83, 2, 0x0B).cfa == (7, 8, None)
    # locations: 1 + 2 + 4 byte advances, then set_loc
    code = (0x41, 0x0E, 16, 0x02, 3, 0x0E, 24, 0x03, 0, 1, 0x0E, 32)
    found = [run(*code, at=at).cfa for at in (0x100, 0x101, 0x103, 0x104, 0x1FF)]
    assert [cfa.offset for cfa in found if cfa] == [8, 16, 16, 24, 24]
    moved = (0x01, *(0x180).to_bytes(8, "little"), 0x0E, 48)
    assert [run(*moved, at=at).cfa.offset for at in (0x17F, 0x180)] == [8, 48]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ([0x08, 0xFF], 255),
        ([0x09, 0xFF], (1 << 64) - 1),
        ([0x0B, 0xFE, 0xFF], (1 << 64) - 2),
        ([0x0E, *range(8)], 0x0706050403020100),
        ([0x10, 0x80, 1], 128),
        ([0x11, 0x7F], (1 << 64) - 1),
        ([0x03, *(0x10).to_bytes(8, "little")], 0x510),  # DW_OP_addr + bias
        ([0x37, 0x32, 0x1B], 3),
        ([0x11, 0x79, 0x32, 0x1B], (1 << 64) - 3),  # -7 / 2 is -3
        ([0x37, 0x32, 0x1D], 1),
        ([0x32, 0x35, 0x1C], (1 << 64) - 3),
        ([0x31, 0x32, 0x33, 0x17], 2),  # rot: the top goes third
        ([0x31, 0x32, 0x16], 1),
        ([0x31, 0x32, 0x14], 1),
        ([0x35, 0x15, 0], 5),
        ([0x31, 0x12, 0x22], 2),
        ([0x31, 0x1F, 0x19], 1),
        ([0x30, 0x20], (1 << 64) - 1),
        ([0x11, 0x7E, 0x31, 0x25], 0x7FFFFFFFFFFFFFFF),
        ([0x11, 0x7E, 0x31, 0x26], (1 << 64) - 1),
        ([0x11, 0x7F, 0x31, 0x2D], 1),  # signed: -1 < 1
        ([0x31, 0x28, 1, 0, 0x35, 0x36], 6),  # bra over lit5
        ([0x35, 0x2F, 1, 0, 0x36, 0x31, 0x22], 6),
        ([0x77, 8, 0x06], 0x2008),
        ([0x77, 8, 0x94, 1], 0x08),
        ([0x92, 7, 8, 0x23, 8], 0x2010),
        ([0x57], 0x2000),
    ],
)
def test_expressions(code: list[int], value: int) -> None:
    def read(addr: int, size: int) -> bytes:
        return addr.to_bytes(8, "little")[:size]

    assert evaluate(bytes(code), register={7: 0x2000}.__getitem__, read=read, bias=0x500) == value


def test_expressions_end() -> None:
    with pytest.raises(FileError, match="does not end"):
        evaluate(bytes([0x31, 0x2F, 0xFC, 0xFF]), register=lambda _: 0, read=lambda _, n: bytes(n))


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_expression_gives_a_number_or_a_file_error(code: bytes) -> None:
    def read(addr: int, size: int) -> bytes:
        if addr % 3:
            raise MemoryFault(addr, size)
        return bytes(size)

    try:
        assert evaluate(code, register=lambda number: number, read=read) >= 0
    except (FileError, MemoryFault):
        pass


SECTION = ElfFile("/bin/true").section(".eh_frame")
DATA = bytes(ElfFile("/bin/true").data(".eh_frame"))
HEADER = ElfFile("/bin/true").section(".eh_frame_hdr")
TABLE = bytes(ElfFile("/bin/true").data(".eh_frame_hdr"))


@given(
    st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(0, 255)), max_size=12),
    st.lists(st.tuples(st.integers(0, len(TABLE) - 1), st.integers(0, 255)), max_size=3),
    st.integers(0, len(DATA)),
    st.integers(0, 0x9000),
)
@settings(max_examples=250, deadline=None)
def test_damage_is_no_row_or_a_file_error(
    data: list[tuple[int, int]], table: list[tuple[int, int]], length: int, addr: int
) -> None:
    assert SECTION is not None and HEADER is not None
    frames, header = bytearray(DATA), bytearray(TABLE)
    for at, value in data:
        frames[at] = value
    for at, value in table:
        header[at] = value
    for hdr in (bytes(header), b""):
        section = FrameSection(
            bytes(frames[:length]), SECTION.link_addr, hdr=hdr, hdr_addr=HEADER.link_addr
        )
        try:
            fde = section.fde_at(addr)
            if fde is not None:
                assert list(rows(fde))
        except FileError:
            pass


@given(st.binary(max_size=200), st.booleans(), st.integers(0, 300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_as_a_section(data: bytes, is_eh: bool, addr: int) -> None:
    section = FrameSection(data, 0x100, is_eh=is_eh)
    try:
        section.fde_at(addr)
        list(section.fdes())
    except FileError:
        pass
