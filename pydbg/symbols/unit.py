"""What the header and the first entry of a unit say."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from pydbg.records import Record, field
from pydbg.symbols import dwarf
from pydbg.symbols.cursor import fixed
from pydbg.symbols.homes import Home

__all__ = ["Attr", "Ranges", "Unit"]

Value = int | bytes
Attr = tuple[int, Value]
"""An attribute of an entry: its form, and a number or the bytes of a string or block."""
Ranges = tuple[tuple[int, int], ...]


class Unit(Record, frozen=False):
    """Hold one unit's header and first entry; addresses are link addresses."""

    offset: int
    """Of the header; entries are at offsets from here. See `homes`: not always a file's offset."""
    end: int
    version: int
    address_size: int
    offset_size: int
    """4 for 32-bit DWARF, 8 for 64-bit DWARF."""
    abbrev_offset: int
    die: int
    """Offset of the first entry from the header."""
    home: Home
    """Where its bytes and strings are."""
    kind: int = 1
    """DW_UT_compile 1, type 2, partial 3, skeleton 4, split_compile 5, split_type 6."""
    id: int = 0
    """What joins a skeleton and its split unit, or a type's signature."""
    type_die: int = 0
    """Offset of a type unit's type from the header."""
    tag: int = 0
    name: str | None = None
    dwo_name: str | None = None
    """The file that has the entries of a skeleton."""
    comp_dir: str | None = None
    producer: str | None = None
    language: int | None = None
    line_offset: int | None = None
    low_pc: int = 0
    bases: dict[int, int] = field(default_factory=dict)
    """DW_AT_{str_offsets,addr,rnglists,loclists}_base by attribute number."""
    read_ranges: Callable[[], Ranges] = tuple
    skeleton: Unit | None = None
    """For a split unit: the unit that stands for it in the program."""

    @cached_property
    def ranges(self) -> Ranges:
        """Give the code that the unit's first entry claims; empty when it claims nothing."""
        return self.read_ranges()

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Give what the length of an attribute depends on."""
        return {
            "address_size": self.address_size,
            "offset_size": self.offset_size,
            "version": self.version,
        }

    @property
    def is_code(self) -> bool:
        """Tell the units that have code from those that hold common entries or types."""
        return self.tag in (dwarf.DW_TAG_compile_unit, dwarf.DW_TAG_skeleton_unit)

    def list_offset(self, data: memoryview, base: int, index: int) -> int:
        """Return where the list of an index begins; ``base`` is the attribute that has it."""
        start = self.bases.get(base, 0) or (12 if self.offset_size == 4 else 20)
        return start + fixed(data, start + index * self.offset_size, self.offset_size)[0]
