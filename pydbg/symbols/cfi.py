"""Call frame information: how to find the caller's registers at one pc.

Reads ``.eh_frame`` and ``.debug_frame`` (DWARF 5 section 6.4; LSB Core, "Exception
Frames"). One pc costs a binary search in ``.eh_frame_hdr`` and the run of one FDE's
program; the whole section is read only where there is no such table.

Register numbers are DWARF's (psABI). Rows are checked against pyelftools in the tests.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

from pydbg.errors import FileError, MemoryFault
from pydbg.symbols.cfi_program import CfaRule, Cie, Fde, Row, Rule, row_at, rows
from pydbg.symbols.cursor import Buffer, cstring, damaged, fixed, signed, sleb, uleb
from pydbg.symbols.elf import ElfFile

__all__ = ["CfaRule", "CfiTable", "Cie", "Fde", "FrameSection", "Row", "Rule", "rows"]

_PT_GNU_EH_FRAME = 0x6474E550
_OMIT = 0xFF  # DW_EH_PE_omit
_SIZES = {0x02: 2, 0x03: 4, 0x04: 8, 0x0A: 2, 0x0B: 4, 0x0C: 8}  # udata2 …, sdata2 …
_PLAIN = struct.Struct("<IIQQ")  # an FDE's length, CIE, low address and size
_CACHE = 4096  # rows kept; a session visits few pcs, a long `stepi` visits many


class FrameSection:
    """Be one section of CFI, with or without its lookup table.

    ``link_addr`` is where the section is loaded; ``hdr`` and ``hdr_addr`` are
    ``.eh_frame_hdr``; ``is_eh`` chooses between the two dialects.
    """

    def __init__(
        self,
        data: Buffer,
        link_addr: int = 0,
        *,
        is_eh: bool = True,
        hdr: Buffer = b"",
        hdr_addr: int = 0,
        text_addr: int = 0,
        got_addr: int = 0,
        word_size: int = 8,
        name: str = "",
    ) -> None:
        self._data = data
        self._addr = link_addr
        self._is_eh = is_eh
        self._hdr = hdr
        self._hdr_addr = hdr_addr
        self._bases = {0x00: 0, 0x20: text_addr, 0x30: got_addr}  # absolute, text, data
        self._word = word_size
        self._mask = (1 << (8 * word_size)) - 1
        self._name = name or (".eh_frame" if is_eh else ".debug_frame")
        self._cies: dict[int, Cie | None] = {}

    # --- finding -----------------------------------------------------------------------------

    def fde_at(self, link_addr: int) -> Fde | None:
        """Find the FDE whose range holds an address; None where there is none."""
        with damaged(self._name):
            offset = self._search_hdr(link_addr)
            if offset is not None:
                fde = self._entry(offset)
                if fde is not None and fde.low <= link_addr:
                    return fde if link_addr < fde.high else None  # None: a hole of the table
            lows, offsets = self._index
            index = bisect_right(lows, link_addr) - 1
            fde = self._entry(offsets[index]) if index >= 0 else None
            return fde if fde is not None and link_addr < fde.high else None

    def _search_hdr(self, link_addr: int) -> int | None:
        """Bisect .eh_frame_hdr and give the FDE's offset in this section.

        Only the one table form that linkers write is searched (sdata4 columns relative to
        the header, a 4-byte count); with another one the section is read instead.
        """
        hdr = self._hdr
        if len(hdr) < 12 or hdr[0] != 1 or hdr[2] != 0x03 or hdr[3] != 0x3B or hdr[1] == _OMIT:
            return None
        _, pos = self._pointer(hdr, 4, hdr[1], self._hdr_addr)
        count, pos = fixed(hdr, pos, 4)
        if count == 0 or pos + 8 * count > len(hdr):
            return None
        wanted = link_addr - self._hdr_addr
        unpack = struct.Struct("<ii").unpack_from
        low, high = 0, count
        while low < high:
            middle = (low + high) // 2
            if unpack(hdr, pos + 8 * middle)[0] <= wanted:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            return None
        offset = int(self._hdr_addr + unpack(hdr, pos + 8 * (low - 1))[1] - self._addr)
        return offset if 0 <= offset < len(self._data) else None

    @cached_property
    def _index(self) -> tuple[list[int], list[int]]:
        """Give the starts of all FDEs, sorted, and their offsets."""
        pairs = []
        data, pos, size = self._data, 0, len(self._data)
        plain: set[int] = set()
        unpack = _PLAIN.unpack_from
        try:
            while pos + 4 <= size:
                # Go's sections have tens of thousands that look alike.
                if plain and pos + _PLAIN.size <= size:
                    length, cie, low, span = unpack(data, pos)
                    if cie in plain and _PLAIN.size - 4 <= length <= size - pos - 4:
                        if span:
                            pairs.append((low, pos))
                        pos += 4 + length
                        continue
                offset = pos
                pos, is_entry = self._step(offset)
                try:
                    fde = self._entry(offset) if is_entry else None
                except (IndexError, ValueError):
                    continue  # one bad entry does not spoil the others
                if fde is not None:
                    if fde.high > fde.low:
                        pairs.append((fde.low, offset))
                    if self._is_plain(fde.cie):
                        plain.add(fde.cie.offset)
        except IndexError:
            pass  # the rest of the section is lost; what came before it is good
        pairs.sort()
        return [low for low, _ in pairs], [offset for _, offset in pairs]

    def _is_plain(self, cie: Cie) -> bool:
        """Tell whether FDEs begin with their CIE's offset, and two addresses of eight bytes."""
        return not (self._is_eh or cie.augmentation) and self._word == cie.address_size == 8

    def _step(self, pos: int) -> tuple[int, bool]:
        """Give where the next entry begins, and whether there is one at a position at all."""
        length, body = fixed(self._data, pos, 4)
        if length == 0xFFFFFFFF:
            length, body = fixed(self._data, body, 8)
        if body + length > len(self._data):
            raise IndexError("an entry ends behind the section")
        # 0 is a terminator, and more may follow it (crtend.o linked early).
        return body + length, length > 0

    def _entries(self) -> Iterator[int]:
        """Walk the lengths and give the offset of each CIE and FDE."""
        pos = 0
        while pos + 4 <= len(self._data):
            offset = pos
            pos, is_entry = self._step(offset)
            if is_entry:
                yield offset

    def fdes(self) -> Iterator[Fde]:
        """Give every FDE in the order of the section."""
        with damaged(self._name):
            for offset in self._entries():
                fde = self._entry(offset)
                if fde is not None:
                    yield fde

    # --- entries -----------------------------------------------------------------------------

    def _head(self, offset: int) -> tuple[int, int, int, int]:
        """Read an entry's head: (its id, where the id is, what follows it, the end)."""
        length, pos = fixed(self._data, offset, 4)
        wide = 4
        if length == 0xFFFFFFFF:
            length, pos = fixed(self._data, pos, 8)
            # .eh_frame keeps 4-byte ids there, as readelf and GCC's unwinder have it.
            wide = 4 if self._is_eh else 8
        end = pos + length
        if end > len(self._data):
            raise IndexError("an entry ends behind the section")
        entry_id, after = fixed(self._data, pos, wide)
        if not self._is_eh and entry_id == (1 << (8 * wide)) - 1:
            entry_id = -1
        return entry_id, pos, after, end

    def _entry(self, offset: int) -> Fde | None:
        """Read the FDE at an offset; None for a CIE or one that cannot be understood."""
        entry_id, id_at, pos, end = self._head(offset)
        if entry_id == (0 if self._is_eh else -1):
            return None
        cie = self._cie(id_at - entry_id if self._is_eh else entry_id)
        if cie is None:
            return None
        data, size = self._data, cie.address_size
        low, pos = self._pointer(data, pos, cie.fde_encoding, self._addr, size)
        length, pos = self._pointer(data, pos, cie.fde_encoding & 0x0F, 0, size)
        lsda = None
        if cie.augmentation.startswith("z"):
            extra, pos = uleb(data, pos)
            if cie.lsda_encoding != _OMIT and extra:
                lsda = self._pointer(data, pos, cie.lsda_encoding, self._addr, size)[0] or None
            pos += extra
        if pos > end:
            raise IndexError("an FDE ends behind its entry")
        return Fde(offset, cie, low, low + length, lsda, bytes(data[pos:end]))

    def _cie(self, offset: int) -> Cie | None:
        try:
            return self._cies[offset]
        except KeyError:
            cie = self._cies[offset] = self._read_cie(offset)
            return cie

    def _read_cie(self, offset: int) -> Cie | None:
        """Read a CIE; None for a version or an augmentation that nobody can skip."""
        entry_id, _, pos, end = self._head(offset)
        if entry_id != (0 if self._is_eh else -1):
            raise IndexError("no CIE where one was expected")
        data = self._data
        version = data[pos]
        if version not in (1, 3, 4):
            return None
        raw, used = cstring(bytes(data[pos + 1 : min(end, pos + 65)]), 0)
        augmentation = raw.decode("latin-1")
        pos += 1 + used
        size = self._word
        if augmentation == "eh":  # GCC 2: a pointer to exception data follows
            pos += size
        if version >= 4:
            size = data[pos]
            if size not in (4, 8) or data[pos + 1] != 0:
                return None  # segmented addresses do not exist here
            pos += 2
        code_align, pos = uleb(data, pos)
        data_align, pos = sleb(data, pos)
        if version == 1:
            ra_column, pos = data[pos], pos + 1
        else:
            ra_column, pos = uleb(data, pos)
        lsda = _OMIT
        encoding = 0
        if augmentation.startswith("z"):
            extra, pos = uleb(data, pos)
            lsda, encoding = self._augmentation(augmentation, pos)
            pos += extra
        elif augmentation not in ("", "eh"):
            return None
        if pos > end:
            raise IndexError("a CIE ends behind its entry")
        return Cie(
            offset, version, augmentation, code_align, data_align, ra_column, encoding, lsda,
            "S" in augmentation, size, bytes(data[pos:end]),
        )  # fmt: skip

    def _augmentation(self, augmentation: str, pos: int) -> tuple[int, int]:
        """Read a CIE's augmentation data: the encodings of LSDA and code pointers.

        Letters that are not known (after a ``z``) end it, as in gdb: what is needed of
        the CIE stands before them in every known dialect.
        """
        data = self._data
        lsda, encoding = _OMIT, 0
        for letter in augmentation[1:]:
            if letter == "L":
                lsda, pos = data[pos], pos + 1
            elif letter == "R":
                encoding, pos = data[pos], pos + 1
            elif letter == "P":
                kind = data[pos]
                _, pos = self._pointer(data, pos + 1, kind, self._addr)
            elif letter not in "SBG":  # signal frame; AArch64's pauth and memory tags
                break
        return lsda, encoding

    def _pointer(
        self, data: Buffer, pos: int, encoding: int, base: int, size: int | None = None
    ) -> tuple[int, int]:
        """Read an encoded pointer (LSB, "DWARF Exception Header Encoding").

        ``base`` is the address of ``data``. An indirect pointer gives the address of the
        pointer: only personality routines are encoded so, and nobody here calls them.
        """
        if encoding == _OMIT:
            return 0, pos
        kind = encoding & 0x0F
        relation = encoding & 0x70
        start = pos
        if relation == 0x50:  # DW_EH_PE_aligned
            word = self._word
            pos = -(-(base + pos) // word) * word - base
            kind, relation = 0, 0
        if kind == 0x01:
            value, pos = uleb(data, pos)
        elif kind == 0x09:
            value, pos = sleb(data, pos)
        elif kind in (0x00, 0x08):
            size = size or self._word
            value, pos = fixed(data, pos, size)
        elif kind in _SIZES:
            value, pos = fixed(data, pos, _SIZES[kind])
            if kind & 0x08:
                value = signed(value, _SIZES[kind])
        else:
            raise ValueError(f"pointer encoding {encoding:#x}")
        if relation == 0x10:  # DW_EH_PE_pcrel
            value += base + start
        elif relation in self._bases:
            value += self._bases[relation]
        else:
            raise ValueError(f"pointer encoding {encoding:#x}")
        return value & self._mask, pos


class CfiTable:
    """Be all the CFI of one module.

    ``debug`` is the separate debug file. Its ``.debug_frame`` counts; its ``.eh_frame``
    does not, for there it is an empty shell (SHT_NOBITS).

    >>> table = CfiTable(ElfFile("/bin/true"))
    >>> row = table.cfi_for(ElfFile("/bin/true").entry)
    >>> row.rules[row.ra_column].kind  # _start has no caller
    'undefined'
    """

    def __init__(self, elf: ElfFile, debug: ElfFile | None = None) -> None:
        self._elf = elf
        self._debug = debug
        self._rows: dict[int, Row | None] = {}
        self.plain_starts: set[int] = set()
        """Where functions begin that are no trampoline of signal handlers, as far as looked at."""

    def cfi_for(self, link_addr: int) -> Row | None:
        """Give the row of rules at a link address; None where no CFI covers it.

        The pc of a caller is a return address, which may already belong to the next row or
        the next function: ask for it minus one.
        """
        cache = self._rows
        if link_addr in cache:
            return cache[link_addr]
        if len(cache) >= _CACHE:
            cache.clear()
        row = cache[link_addr] = self._find(link_addr)
        return row

    def fde_at(self, link_addr: int) -> Fde | None:
        """Find the FDE that covers a link address."""
        for section in self.sections:
            try:
                fde = section.fde_at(link_addr)
            except FileError:
                continue  # a damaged table means no CFI; other ways to unwind remain
            if fde is not None:
                return fde
        return None

    def _find(self, link_addr: int) -> Row | None:
        fde = self.fde_at(link_addr)
        if fde is None:
            return None
        try:
            row = row_at(fde, link_addr)
        except FileError:
            return None
        return row if row.cfa is not None else None

    @cached_property
    def sections(self) -> tuple[FrameSection, ...]:
        """Give the sections that are there, the one to ask first first."""
        found = []
        for reader in (self._eh_frame, self._debug_frame):
            try:
                section = reader()
            except (FileError, MemoryFault):
                continue
            if section is not None:
                found.append(section)
        return tuple(found)

    def _eh_frame(self) -> FrameSection | None:
        elf = self._elf
        text, got = elf.section(".text"), elf.section(".got.plt") or elf.section(".got")
        section, header = elf.section(".eh_frame"), elf.section(".eh_frame_hdr")
        data, link_addr = elf.data(section), section.link_addr if section else 0
        hdr, hdr_addr = elf.data(header), header.link_addr if header else 0
        if not len(hdr):
            hdr, hdr_addr = self._segment_header()
        if not len(data) and len(hdr) >= 8 and hdr[1] == 0x1B:  # pcrel | sdata4
            # No section headers (sstrip, UPX): the lookup table says where the data starts,
            # and it goes on to the end of the segment at most; a zero length ends it.
            link_addr = (hdr_addr + 4 + signed(fixed(hdr, 4, 4)[0], 4)) & (1 << 64) - 1
            for load in elf.loads:
                end = load.link_addr + load.file_size
                if load.link_addr <= link_addr < end:
                    data = memoryview(elf.load_bytes(link_addr, end - link_addr))
        if not len(data):
            return None
        return FrameSection(
            data,
            link_addr,
            hdr=hdr,
            hdr_addr=hdr_addr,
            text_addr=text.link_addr if text else 0,
            got_addr=got.link_addr if got else 0,
            word_size=elf.word_size,
            name=f"{elf.path}: .eh_frame",
        )

    def _segment_header(self) -> tuple[memoryview, int]:
        for segment in self._elf.segments:
            if segment.type == _PT_GNU_EH_FRAME and segment.file_size:
                data = self._elf.span(segment.offset, segment.file_size, ".eh_frame_hdr")
                return data, segment.link_addr
        return memoryview(b""), 0

    def _debug_frame(self) -> FrameSection | None:
        for elf in (self._elf, self._debug):
            if elf is not None and len(data := elf.data(".debug_frame")):
                return FrameSection(
                    data,
                    is_eh=False,
                    word_size=elf.word_size,
                    name=f"{elf.path}: .debug_frame",
                )
        return None
