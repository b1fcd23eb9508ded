"""DWARF entries without trees: abbreviations, forms, and skipping at speed.

DWARF 2 to 5, section 7.5. What entries mean, and their ways to others, is `entries`' work.
"""

from __future__ import annotations

from pydbg.symbols.cursor import Buffer, cstring, fixed, signed, sleb, take, uleb

__all__ = ["Abbrev", "Abbrevs", "Attr", "Form", "read_abbrevs", "read_form", "skip_plan"]

# Attributes (DWARF 5, table 7.5)
DW_AT_location, DW_AT_name, DW_AT_stmt_list = 0x02, 0x03, 0x10
DW_AT_low_pc, DW_AT_high_pc, DW_AT_language, DW_AT_comp_dir = 0x11, 0x12, 0x13, 0x1B
DW_AT_producer, DW_AT_abstract_origin = 0x25, 0x31
DW_AT_decl_file, DW_AT_decl_line, DW_AT_declaration = 0x3A, 0x3B, 0x3C
DW_AT_external, DW_AT_specification, DW_AT_ranges = 0x3F, 0x47, 0x55
DW_AT_main_subprogram = 0x6A
DW_AT_call_file, DW_AT_call_line, DW_AT_linkage_name = 0x58, 0x59, 0x6E
DW_AT_str_offsets_base, DW_AT_addr_base = 0x72, 0x73
DW_AT_rnglists_base, DW_AT_loclists_base, DW_AT_MIPS_linkage_name = 0x74, 0x8C, 0x2007
DW_AT_import, DW_AT_dwo_name = 0x18, 0x76
DW_AT_GNU_dwo_name, DW_AT_GNU_dwo_id = 0x2130, 0x2131
DW_AT_GNU_ranges_base, DW_AT_GNU_addr_base = 0x2132, 0x2133

# Tags (table 7.3)
DW_TAG_formal_parameter, DW_TAG_compile_unit = 0x05, 0x11
DW_TAG_inlined_subroutine, DW_TAG_subprogram, DW_TAG_variable = 0x1D, 0x2E, 0x34
DW_TAG_namespace, DW_TAG_partial_unit, DW_TAG_skeleton_unit = 0x39, 0x3C, 0x4A
DW_TAG_imported_unit = 0x3D
DW_TAG_structures = frozenset((0x02, 0x13, 0x17))  # class, structure, union


class Form:
    """Name the forms that are told apart somewhere (table 7.6)."""

    addr, block2, block4, data2, data4, data8 = 0x01, 0x03, 0x04, 0x05, 0x06, 0x07
    string, block, block1, data1, flag, sdata, strp = 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E
    udata, ref_addr, ref1, ref2, ref4, ref8, ref_udata = 0x0F, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15
    indirect, sec_offset, exprloc, flag_present, strx = 0x16, 0x17, 0x18, 0x19, 0x1A
    addrx, ref_sup4, strp_sup, data16, line_strp = 0x1B, 0x1C, 0x1D, 0x1E, 0x1F
    ref_sig8, implicit_const, loclistx, rnglistx = 0x20, 0x21, 0x22, 0x23
    ref_sup8, strx1, strx4, addrx1, addrx4 = 0x24, 0x25, 0x28, 0x29, 0x2C
    gnu_addr_index, gnu_str_index, gnu_ref_alt, gnu_strp_alt = 0x1F01, 0x1F02, 0x1F20, 0x1F21


_FIXED_SIZES = {
    Form.data2: 2, Form.data4: 4, Form.data8: 8, Form.data1: 1, Form.flag: 1, Form.ref1: 1,
    Form.ref2: 2, Form.ref4: 4, Form.ref8: 8, Form.flag_present: 0, Form.ref_sup4: 4,
    Form.data16: 16, Form.ref_sig8: 8, Form.implicit_const: 0, Form.ref_sup8: 8,
    0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
}  # fmt: skip
_NUMBERS = {form: size for form, size in _FIXED_SIZES.items() if size}
_OFFSETS = frozenset(
    (Form.strp, Form.sec_offset, Form.line_strp, Form.strp_sup, Form.gnu_ref_alt, Form.gnu_strp_alt)
)
_ULEBS = frozenset(
    (Form.udata, Form.ref_udata, Form.strx, Form.addrx, Form.loclistx, Form.rnglistx,
     Form.gnu_addr_index, Form.gnu_str_index)
)  # fmt: skip
_MAX_ABBREVS = 1 << 18


Attr = tuple[int, int, int]
"""An attribute of an abbreviation: name, form, and DW_FORM_implicit_const's value or 0."""


class Abbrev:
    """Hold one abbreviation and, once made, the plan to skip an entry of it."""

    __slots__ = ("attrs", "children", "has_code", "plan", "tag", "to_sibling")

    def __init__(self, tag: int, children: bool, attrs: tuple[Attr, ...]) -> None:
        self.tag = tag
        self.children = children
        self.attrs = attrs
        self.has_code = self.has(DW_AT_low_pc) or self.has(DW_AT_ranges)
        """Whether its entries may have code of their own."""
        self.plan: tuple[int, ...] | None = None
        self.to_sibling: tuple[int, ...] | None = None

    def has(self, name: int) -> bool:
        """Tell whether its entries have an attribute."""
        # A set for each would take memory: there are tens of thousands.
        for attr in self.attrs:  # noqa: SIM110 - a generator takes three times as long
            if attr[0] == name:
                return True
        return False


class Abbrevs(dict[int, Abbrev]):
    """Be one table of abbreviations by code, read as far as it has been asked for.

    The first entry of a unit needs one of its hundreds of abbreviations, mostly the first one.
    A code that is not there raises IndexError.
    """

    def __init__(self, data: Buffer, offset: int) -> None:
        if offset < 0:
            raise IndexError("abbreviations before the section")
        self._data = data
        self._pos = offset

    def __missing__(self, code: int) -> Abbrev:
        while self._pos >= 0:
            if self._read() == code:
                return self[code]
        raise IndexError(f"no abbreviation {code}")

    def whole(self) -> dict[int, Abbrev]:
        """Read what has not been read yet, and give all."""
        try:
            while self._pos >= 0:
                self._read()
        except (IndexError, ValueError):
            pass  # What comes before the damage counts.
        return self

    def _read(self) -> int:
        """Read one more abbreviation and give its code, 0 at the end."""
        data, pos = self._data, self._pos
        self._pos = -1  # Where the table is damaged it ends.
        if pos >= len(data):
            return 0
        code, pos = uleb(data, pos)
        if code == 0:
            return 0
        if len(self) > _MAX_ABBREVS:
            raise IndexError("too many abbreviations")
        tag, pos = uleb(data, pos)
        children = data[pos] != 0
        pos += 1
        attrs: list[Attr] = []
        while True:
            name = data[pos]
            pos += 1
            if name >= 0x80:
                name, pos = uleb(data, pos - 1)
            form = data[pos]
            pos += 1
            if form >= 0x80:
                form, pos = uleb(data, pos - 1)
            const = 0
            if form == Form.implicit_const:
                const, pos = sleb(data, pos)
            elif name == 0 and form == 0:
                break
            attrs.append((name, form, const))
        self[code] = Abbrev(tag, children, tuple(attrs))
        self._pos = pos
        return code


def read_abbrevs(data: Buffer, offset: int) -> Abbrevs:
    """Give the table of abbreviations at an offset of .debug_abbrev.

    >>> table = read_abbrevs(bytes([1, 0x11, 1, 0x25, 0x0e, 0, 0, 0]), 0)
    >>> hex(table[1].tag), table[1].children, table[1].attrs
    ('0x11', True, ((37, 14, 0),))
    """
    return Abbrevs(data, offset)


def read_form(
    data: bytes, pos: int, form: int, *, address_size: int, offset_size: int, version: int
) -> tuple[int | bytes, int]:
    """Read one attribute value: a number, or bytes for strings and blocks.

    Indexes and offsets come as they are; a ``DW_FORM_implicit_const`` has no bytes and must
    be asked of the abbreviation.

    >>> read_form(b"main" + bytes(1), 0, 0x08, address_size=8, offset_size=4, version=5)
    (b'main', 5)
    """
    size = _FIXED_SIZES.get(form)
    if size is not None:
        if form == Form.flag_present:
            return 1, pos
        return fixed(data, pos, size)
    if form in _OFFSETS:
        return fixed(data, pos, offset_size)
    if form in _ULEBS:
        return uleb(data, pos)
    if form == Form.addr:
        return fixed(data, pos, address_size)
    if form == Form.string:
        return cstring(data, pos)
    if form == Form.sdata:
        return sleb(data, pos)
    if form in (Form.exprloc, Form.block):
        size, pos = uleb(data, pos)
        return take(data, pos, size)
    if form in (Form.block1, Form.block2, Form.block4):
        size, pos = fixed(data, pos, {Form.block1: 1, Form.block2: 2, Form.block4: 4}[form])
        return take(data, pos, size)
    if form == Form.ref_addr:
        return fixed(data, pos, address_size if version == 2 else offset_size)
    if form == Form.indirect:
        form, pos = uleb(data, pos)
        if form in (Form.indirect, Form.implicit_const):
            raise ValueError("indirect form of an indirect form")
        return read_form(
            data, pos, form, address_size=address_size, offset_size=offset_size, version=version
        )
    raise ValueError(f"unknown form {form:#x}")


def read_attrs(
    data: bytes, pos: int, abbrev: Abbrev, *, address_size: int, offset_size: int, version: int
) -> tuple[dict[int, tuple[int, int | bytes]], int]:
    """Read an entry's attributes, each a (form, value); ``pos`` is behind the entry's code.

    >>> abbrev = Abbrev(0x34, False, ((3, 0x0b, 0), (0x3a, 0x21, 7)))
    >>> read_attrs(bytes([5]), 0, abbrev, address_size=8, offset_size=4, version=5)
    ({3: (11, 5), 58: (33, 7)}, 1)
    """
    attrs: dict[int, tuple[int, int | bytes]] = {}
    end = len(data)
    for name, form, const in abbrev.attrs:
        size = _NUMBERS.get(form)
        if size is not None:  # Most are of fixed size: without a call.
            if pos + size > end:
                raise IndexError("number beyond the end")
            attrs[name] = form, int.from_bytes(data[pos : pos + size], "little")
            pos += size
        elif form == Form.implicit_const:
            attrs[name] = form, const
        else:
            value, pos = read_form(
                data,
                pos,
                form,
                address_size=address_size,
                offset_size=offset_size,
                version=version,
            )
            attrs[name] = form, value
    return attrs, pos


# Steps of a plan: a number >= 0 is bytes to skip, these are values of unknown length.
_LEB, _STRING, _BLOCK, _BLOCK1, _BLOCK2, _BLOCK4, _INDIRECT = -1, -2, -3, -4, -5, -6, -7
_VARIABLE = {
    Form.string: _STRING, Form.exprloc: _BLOCK, Form.block: _BLOCK, Form.block1: _BLOCK1,
    Form.block2: _BLOCK2, Form.block4: _BLOCK4, Form.sdata: _LEB, Form.indirect: _INDIRECT,
}  # fmt: skip


def skip_plan(
    abbrev: Abbrev, *, address_size: int, offset_size: int, version: int
) -> tuple[int, ...]:
    """Work out once how to step over an entry: mostly one addition.

    >>> abbrev = Abbrev(0x34, False, ((3, 0x0e, 0), (0x3a, 0x0b, 0), (2, 0x18, 0)))
    >>> skip_plan(abbrev, address_size=8, offset_size=4, version=5)
    (5, -3)
    """
    plan: list[int] = []
    for _, form, _ in abbrev.attrs:
        size = _FIXED_SIZES.get(form)
        if size is None:
            if form in _OFFSETS:
                size = offset_size
            elif form == Form.addr:
                size = address_size
            elif form == Form.ref_addr:
                size = address_size if version == 2 else offset_size
            elif form in _ULEBS:
                size = _LEB
            elif form in _VARIABLE:
                size = _VARIABLE[form]
            else:
                raise ValueError(f"unknown form {form:#x}")
        if size >= 0 and plan and plan[-1] >= 0:
            plan[-1] += size
        else:
            plan.append(size)
    return tuple(plan)


def skip(data: bytes, pos: int, plan: tuple[int, ...], **sizes: int) -> int:
    """Step over an entry's attributes.

    >>> skip(bytes([0, 0, 2, 9, 9]), 0, (2, -3))
    5
    """
    for step in plan:
        if step >= 0:
            pos += step
        elif step == _LEB:
            while data[pos] >= 0x80:
                pos += 1
            pos += 1
        elif step == _STRING:
            pos = cstring(data, pos)[1]
        elif step == _BLOCK:
            size, pos = uleb(data, pos)
            pos += size
        elif step == _INDIRECT:
            _, pos = read_form(data, pos, Form.indirect, **sizes)
        else:
            width = {_BLOCK1: 1, _BLOCK2: 2, _BLOCK4: 4}[step]
            size, pos = fixed(data, pos, width)
            pos += size
    return pos


def as_signed(value: int, form: int) -> int:
    """Read a constant of fixed size as a signed number.

    >>> as_signed(0xff, 0x0b)
    -1
    """
    size = _FIXED_SIZES.get(form, 0)
    return signed(value, size) if size else value
