"""Compile units: which one an address belongs to, and its first entry.

One address needs .debug_aranges and one unit. Where there are no aranges (clang, rustc, Go)
the units' first entries are skimmed, some ten microseconds each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from pydbg.errors import FileError
from pydbg.symbols import dwarf
from pydbg.symbols.aranges import Aranges, Columns, columns, find_in
from pydbg.symbols.attributes import Attributes
from pydbg.symbols.cursor import damaged, fixed
from pydbg.symbols.debugfiles import Places
from pydbg.symbols.dwarf import Form
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.homes import ALTERNATE, PACKAGED, SPLIT_SHIFT, TYPES, Home, Sections
from pydbg.symbols.split import Package, can_be_split, dwo_files, find_package, open_dwo
from pydbg.symbols.unit import Attr, Ranges, Unit

if TYPE_CHECKING:
    from pydbg.symbols.unitindex import UnitIndex

__all__ = ["Attr", "Dwarf", "Ranges", "Unit"]

_WORTH = 1 << 20
"""Files with so many bytes of entries are worth an index."""


class Dwarf(Attributes):
    """Be the DWARF of one program or library, in all files that it is in.

    >>> Dwarf(ElfFile("/bin/true")).unit_at(0x1000) is None
    True
    """

    def __init__(
        self, elf: ElfFile, places: Places | None = None, program: str | None = None
    ) -> None:
        """Read ``elf``, the program itself or its debug file; ``program`` is the name to show."""
        super().__init__(elf, places or Places())
        self.program = program or elf.path
        self._homes = {0: self._main, TYPES: Home(self._main.sections, TYPES, ".debug_types")}
        self._units: dict[int, Unit | None] = {}
        self._full: dict[int, Unit] = {}
        self._dwo: dict[str, Sections | None] = {}
        self.wants_index = False
        """Whether the file is big and its index is not there yet."""
        self.outlines: dict[int, tuple[list[int], list[tuple[int, ...]]]] = {}
        """Entries from which walks through a unit begin (`walk.outline_of`)."""

    @cached_property
    def index(self) -> UnitIndex | None:
        """Give what was written down of the units, None where that is not so."""
        cache = self.places.indexes() if self.places.indexes is not None else None
        section = self.elf.section(".debug_info")
        if cache is None or section is None or section.size < _WORTH:
            return None
        found = cache.find(self.elf)
        self.wants_index = found is None
        return found if found is not None and found.columns["units"] else None

    @property
    def offsets(self) -> list[int]:
        """Give where the units of .debug_info begin, of every kind."""
        return self._main.offsets

    # --- units -------------------------------------------------------------------------------

    def unit_at(self, link_addr: int) -> Unit | None:
        """Find the unit whose code holds an address; None where there is none."""
        if self.index is not None:
            offset = self.index.unit_at(link_addr)
        else:
            offset = self.aranges.find(link_addr)
            if offset is None:
                offset = find_in(self._skimmed, link_addr)
        return None if offset is None else self._whole(self.unit(offset))

    def units(self) -> Iterator[Unit]:
        """Give all compile units in the order of the file, damaged ones left out."""
        for offset in self.offsets:
            unit = self.unit(offset)
            if unit is not None and unit.is_code:
                yield self._whole(unit) or unit

    def units_with_file(self, base: bytes) -> Iterator[Unit]:
        """Give the compile units that may name a source file, whose last part is given."""
        if self.index is None:
            yield from self.units()
            return
        for offset in self.index.with_file(base):
            unit = self.unit(offset)
            if unit is not None and unit.is_code:
                yield self._whole(unit) or unit

    @property
    def homes(self) -> Iterator[Home]:
        """Give the homes of units but split ones: the program's, of types, and dwz's file."""
        yield from (self._main, self._homes[TYPES])
        if self.alternate is not None:
            yield self.alternate

    def declares(self, unit: Unit) -> bool:
        """Tell whether a unit has entries that count here: no skeleton, nothing of others."""
        if unit.dwo_name is not None:
            return unit.is_code and self._whole(unit) is unit
        return not unit.offset & ALTERNATE or unit.offset in self._imports

    @cached_property
    def _skeletons(self) -> list[Unit]:
        """Give the units whose entries are in .dwo files."""
        possible = can_be_split(self.section(".debug_abbrev"))
        units = [self.unit(offset) for offset in self.offsets] if possible else []
        return [u for u in units if u is not None and u.is_code and u.dwo_name is not None]

    def split_units(self) -> Iterator[Unit]:
        """Give the units in .dwo files and in the package, those of types too."""
        seen: set[int] = set()
        packaged = False
        for skeleton in self._skeletons:
            unit = self._whole(skeleton)
            if unit is not None and unit is not skeleton:
                packaged = self._package is not None
                yield unit
                yield from self._split_types(unit, seen)
        if packaged and self._package is not None:
            for signature in self._package.types:
                found = self._packaged_type(signature)
                if found is not None:
                    yield found

    def all_units(self) -> Iterator[Unit]:
        """Give all units that declare something: partial ones and those of types too."""
        for home in self.homes:
            for offset in home.offsets:
                unit = self.unit(home.base + offset)
                if unit is not None and self.declares(unit):
                    yield unit
        yield from self.split_units()

    def unit(self, offset: int) -> Unit | None:
        """Read the unit at an offset; None for one that makes no sense."""
        if offset in self._units:
            return self._units[offset]
        unit: Unit | None = None
        try:
            with damaged(f"{self.elf.path}: .debug_info"):
                home = self._home_of(offset)
                if home is not None:
                    unit = self._header(home, offset)
                    self.read_first_entry(unit)
        except FileError:
            unit = None
        self._units[offset] = unit
        return unit

    def unit_of(self, offset: int) -> Unit | None:
        """Find the unit that holds an entry, by the entry's offset."""
        home = self._home_of(offset)
        at = None if home is None else home.holder(offset - home.base)
        unit = None if at is None or home is None else self.unit(home.base + at)
        return unit if unit is not None and offset < unit.end else None

    def forget(self, unit: Unit) -> None:
        """Let everything go that was read of a unit."""
        self._abbrevs.pop((unit.home, unit.abbrev_offset), None)
        self._units.pop(unit.offset, None)
        self.outlines.pop(unit.offset, None)
        self.forget_data()
        if unit.home is self._main:
            self.elf.let_go(".debug_info", unit.offset, unit.end)

    def _header(self, home: Home, offset: int) -> Unit:
        info, start = home.units, offset - home.base
        length, pos = fixed(info, start, 4)
        offset_size = 4
        if length == 0xFFFFFFFF:
            length, pos = fixed(info, pos, 8)
            offset_size = 8
        end = pos + length
        if end > len(info):
            raise IndexError("a unit ends behind the section")
        version, pos = fixed(info, pos, 2)
        kind = 2 if home.in_types else 1
        number = type_die = 0
        if version >= 5:
            kind, address_size = info[pos], info[pos + 1]
            abbrev, pos = fixed(info, pos + 2, offset_size)
        else:
            abbrev, pos = fixed(info, pos, offset_size)
            address_size, pos = info[pos], pos + 1
        if kind in (2, 4, 5, 6):
            number, pos = fixed(info, pos, 8)
        if kind in (2, 6):
            type_die, pos = fixed(info, pos, offset_size)
        if not 2 <= version <= 5 or address_size not in (4, 8):
            raise IndexError(f"version {version}, address size {address_size}")
        return Unit(
            offset, home.base + end, version, address_size, offset_size, abbrev, pos - start,
            home, kind, number, type_die,
        )  # fmt: skip

    # --- units in other files ----------------------------------------------------------------

    def _home_of(self, offset: int) -> Home | None:
        """Find where an offset is: in which file, and in which section of it."""
        number = offset >> SPLIT_SHIFT
        if not number:
            return self.alternate if offset & ALTERNATE else self._homes[offset & TYPES]
        base = offset & ~((1 << SPLIT_SHIFT) - 1) | offset & TYPES
        if base not in self._homes:
            if offset & PACKAGED:
                row = number - (PACKAGED >> SPLIT_SHIFT)
                self._packaged_type(next(islice(self._types_of_package, row, None), -1))
            elif number <= len(self.offsets):
                skeleton = self.unit(self.offsets[number - 1])
                self._whole(skeleton)
        return self._homes.get(base)

    @cached_property
    def _package(self) -> Package | None:
        """Give the package of split units, looked for when one is needed."""
        return find_package(self.program, self.places)

    @property
    def _types_of_package(self) -> Iterable[int]:
        return () if self._package is None else self._package.types

    def _whole(self, unit: Unit | None) -> Unit | None:
        """Return the split unit that a skeleton stands for; the unit itself where it is whole."""
        if unit is None or unit.dwo_name is None or unit.skeleton is not None:
            return unit
        found = self._full.get(unit.offset)
        if found is None:
            try:
                with damaged(f"{unit.dwo_name}: .debug_info.dwo"):
                    found = self._split_unit(unit)
            except FileError as error:
                self.places.warn(str(error))
            if found is None:
                package = "" if self._package is None else f" [in DWP file {self._package.name}]"
                self.places.warn(
                    f"Could not find DWO CU {unit.dwo_name}({unit.id:#x}){package} referenced by "
                    f"CU at offset {unit.offset:#x} [in module {self.program}]"
                )
            self._full[unit.offset] = found = found or unit
        return found

    def _split_unit(self, skeleton: Unit) -> Unit | None:
        number = bisect_right(self.offsets, skeleton.offset)
        base = number << SPLIT_SHIFT
        if self._package is not None:
            windows = self._package.units.get(skeleton.id)
            if windows is None:
                return None
            home = Home(self._package.sections, base, windows=windows)
            return self._joined(home, base, skeleton)
        assert skeleton.dwo_name is not None
        for path in dwo_files(self.program, skeleton.dwo_name, skeleton.comp_dir, self.places):
            if path not in self._dwo:
                self._dwo[path] = open_dwo(path)
            sections = self._dwo[path]
            if sections is None:
                continue
            home = Home(sections, base)
            for offset in home.offsets:
                unit = self._joined(home, base + offset, skeleton)
                if unit is not None:
                    self._homes[base | TYPES] = Home(sections, base | TYPES, ".debug_types")
                    return unit
            return None  # gdb looks no further than the first file.
        return None

    def _joined(self, home: Home, offset: int, skeleton: Unit) -> Unit | None:
        """Read a split unit and give it what its skeleton knows; None if it is another's."""
        unit = self._header(home, offset)
        if unit.kind not in (1, 5) or (unit.version >= 5 and unit.id != skeleton.id):
            return None
        unit.skeleton = skeleton
        self.read_first_entry(unit)
        if unit.id != skeleton.id:
            return None
        unit.dwo_name = None
        unit.comp_dir = skeleton.comp_dir or unit.comp_dir
        unit.line_offset = skeleton.line_offset
        unit.low_pc, unit.read_ranges = skeleton.low_pc, skeleton.read_ranges
        self._homes[home.base] = home
        self._units[offset] = unit
        return unit

    def _split_types(self, unit: Unit, seen: set[int]) -> Iterator[Unit]:
        """Give the type units beside a split unit that were not given yet."""
        if unit.skeleton is None or self._package is not None:
            return
        for home in (unit.home, self._homes[unit.home.base | TYPES]):
            for signature, offset in home.signatures.items():
                if signature not in seen:
                    seen.add(signature)
                    found = self.unit(home.base + offset)
                    if found is not None:
                        yield found

    def _packaged_type(self, signature: int) -> Unit | None:
        """Read a type unit of the package."""
        found = self._package.types.get(signature) if self._package is not None else None
        if found is None or self._package is None:
            return None
        row, windows = found
        base = PACKAGED | row << SPLIT_SHIFT
        if base not in self._homes and base | TYPES not in self._homes:
            old = ".debug_types" in windows
            base |= TYPES if old else 0
            info = ".debug_types" if old else ".debug_info"
            self._homes[base] = Home(self._package.sections, base, info, windows)
        return self.unit(base if base in self._homes else base | TYPES)

    def signed(self, unit: Unit, signature: int) -> Unit | None:
        """Find the type unit of a signature, as an entry of ``unit`` means it."""
        homes = [self._main, self._homes[TYPES]]
        if unit.home.is_split:
            packaged = self._packaged_type(signature)
            if packaged is not None:
                return packaged
            base = unit.home.references
            homes = [self._homes[at] for at in (base, base | TYPES) if at in self._homes] + homes
        for home in homes:
            offset = home.signatures.get(signature)
            if offset is not None:
                return self.unit(home.base + offset)
        return None

    def refer(self, unit: Unit, attr: Attr | None) -> tuple[Unit, int] | None:
        """Follow a reference of an entry to a unit and a position in it."""
        if attr is None or isinstance(attr[1], bytes):
            return None
        form, value = attr[0], attr[1]
        if Form.ref1 <= form <= Form.ref_udata:
            return unit, value
        if form == Form.ref_sig8:
            other = self.signed(unit, value)
            return None if other is None else (other, other.type_die)
        if form == Form.ref_addr:
            offset = unit.home.references + value
        elif form in (Form.gnu_ref_alt, Form.ref_sup4, Form.ref_sup8):
            offset = ALTERNATE + value
        else:
            return None
        other = self.unit_of(offset)
        return None if other is None else (other, offset - other.offset)

    @cached_property
    def _imports(self) -> dict[int, Unit]:
        """Find which partial units are imported (dwz), and by which unit of the program first."""
        from pydbg.symbols.imports import imported_units

        return imported_units(self)

    def is_shared(self, unit: Unit) -> bool:
        """Tell whether other units complete what a unit declares: after dwz, and with LTO."""
        if unit.home.is_split:
            return False
        return unit.tag == dwarf.DW_TAG_partial_unit or self.linked_whole

    @cached_property
    def linked_whole(self) -> bool:
        """Tell whether gcc made the code at link time."""
        from pydbg.symbols.imports import linked_whole

        return linked_whole(self, self._main.sections)

    def language_of(self, unit: Unit) -> int | None:
        """Give a unit's language; a partial unit has that of the units that import it."""
        if unit.language is None and unit.tag == dwarf.DW_TAG_partial_unit:
            importer = self._imports.get(unit.offset)
            unit.language = 0 if importer is None else importer.language
        return unit.language

    # --- from addresses to units -----------------------------------------------------------------

    @cached_property
    def aranges(self) -> Aranges:
        """Give the ranges that .debug_aranges has."""
        return Aranges(self.section(".debug_aranges"))

    @cached_property
    def _skimmed(self) -> Columns:
        """Read the first entries of the units that .debug_aranges does not have."""
        known = self.aranges.units
        rows: list[tuple[int, int, int]] = []
        for offset in self.offsets:
            if offset in known:
                continue
            unit = self.unit(offset)
            if unit is not None and unit.is_code:
                rows.extend((low, high, offset) for low, high in unit.ranges)
        return columns(rows)
