"""Structures, unions and classes, whose members are read when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.respell import template_name
from pydbg.expr.types import (
    CType,
    Field,
    IntType,
    Method,
    PointerType,
    QualifiedType,
    StructType,
    TemplateArgument,
    TypedefType,
    VariantPart,
    VoidType,
    strip,
)
from pydbg.patterns import lazy_pattern
from pydbg.symbols.cursor import uleb
from pydbg.symbols.dwexpr import evaluate
from pydbg.symbols.entries import At, Die, Tag
from pydbg.symbols.languages import GO
from pydbg.variables.variants import variant_part

_Read = Callable[[int, int], bytes]

if TYPE_CHECKING:
    from pydbg.variables.types import TypeReader

__all__ = ["SourceStruct"]

_PLAIN_TEMPLATE = lazy_pattern(r"\w+<\w+(,\w+)+>")
_ACCESS = {1: "public", 2: "protected", 3: "private"}


class SourceStruct(StructType):
    """Be a struct that debug information describes."""

    def __init__(self, reader: TypeReader, die: Die, keyword: str) -> None:
        own = die.name
        if own and die.unit.language == GO and _PLAIN_TEMPLATE.fullmatch(own):
            own = own.replace(",", ", ")  # As gdb spells what could be a template of C++.
        super().__init__("" if own is None else own, die.number(At.byte_size) or 0, keyword)
        values = self.__dict__
        values["_reader"], values["_die"] = reader, die
        values["_ready"] = False
        values["_whole"] = not die.flag(At.declaration)
        values["_named"] = own is None or not die.scoped

    @property
    def die(self) -> Die:
        """Return the entry that describes it best."""
        die: Die = self.__dict__["_die"]
        return die

    @property
    def cplus(self) -> bool:  # type: ignore[override]
        """Tell whether it is spelt without its keyword."""
        return self.die.cplus

    @property
    def bare(self) -> bool:  # type: ignore[override]
        """Tell whether it is of another language than C, and spelt without its keyword."""
        return self.die.unit.language == GO

    @property
    def declared_class(self) -> bool:  # type: ignore[override]
        """Tell whether the source says ``class``."""
        return self.die.tag == Tag.klass

    @property  # type: ignore[misc]
    def namer(self) -> Callable[[str], str | None] | None:
        """Return what gives classes the names that users know them by."""
        found: Callable[[str], str | None] | None = self.__dict__["_reader"].namer
        return found

    @property  # type: ignore[misc]
    def name(self) -> str:
        """Return its name, in C++ and Rust with the scopes around it."""
        values = self.__dict__
        if not values["_named"]:
            values["_named"] = True
            values["name"] = values["_reader"].qualified(values["_die"])
        found: str = values["name"]
        return found

    @property
    def incomplete(self) -> bool:  # type: ignore[override]
        """Tell whether no unit defines it."""
        self._find()
        return not self.__dict__["_whole"]

    @property  # type: ignore[misc]
    def size(self) -> int:
        """Return sizeof, 0 of one that is only declared."""
        self._find()
        found: int = self.__dict__["size"]
        return found

    def _find(self) -> None:
        values = self.__dict__
        if values["_whole"] or values.get("_sought"):
            return
        values["_sought"] = True
        found = values["_reader"].definition(values["_die"])
        if found is not None:
            values["_whole"] = True
            values["_die"] = found
            values["size"] = found.number(At.byte_size) or 0

    def _read(self) -> None:
        values = self.__dict__
        if values["_ready"]:
            return
        values["_ready"] = True
        self._find()
        values["_methods"], values["_typedefs"], values["_templates"] = [], [], []
        values["_variants"] = None
        if values["_whole"]:
            die: Die = values["_die"]
            with die.entries.guard():
                _Members(values["_reader"], self, die).read()

    @property  # type: ignore[misc]
    def fields(self) -> list[Field]:
        """Return the members, bases first as they are declared."""
        self._read()
        found: list[Field] = self.__dict__["fields"]
        return found

    @property  # type: ignore[misc]
    def methods(self) -> Sequence[Method]:
        """Return the member functions."""
        self._read()
        found: list[Method] = self.__dict__["_methods"]
        return found

    @property  # type: ignore[misc]
    def typedefs(self) -> Sequence[tuple[TypedefType, str]]:
        """Return the typedefs that the class declares."""
        self._read()
        found: list[tuple[TypedefType, str]] = self.__dict__["_typedefs"]
        return found

    @property  # type: ignore[misc]
    def variant_part(self) -> VariantPart | None:
        """Return the part that holds one of several members."""
        self._read()
        found: VariantPart | None = self.__dict__["_variants"]
        return found

    @property  # type: ignore[misc]
    def templates(self) -> Sequence[tuple[str, CType]]:
        """Return the template's arguments."""
        self._read()
        found: list[tuple[str, CType]] = self.__dict__["_templates"]
        return found

    @property  # type: ignore[misc]
    def arguments(self) -> Sequence[TemplateArgument]:
        """Return all of the template's arguments."""
        values = self.__dict__
        if "_arguments" not in values:
            self._find()
            die: Die = values["_die"]
            with die.entries.guard():
                values["_arguments"] = list(_template_arguments(values["_reader"], die))
        found: list[TemplateArgument] = values["_arguments"]
        return found


def _template_arguments(reader: TypeReader, die: Die) -> Iterator[TemplateArgument]:
    for child in die.children():
        if child.tag == Tag.template_pack:
            yield from _template_arguments(reader, child)
        elif child.tag == Tag.template_type:
            yield TemplateArgument(child.name or "", reader.of(child))
        elif child.tag == Tag.template_value:
            ctype = reader.of(child)
            number = child.signed(At.const_value)
            inner = strip(ctype)
            if number is not None and not (isinstance(inner, IntType) and inner.signed):
                number &= (1 << 8 * ctype.size) - 1
            yield TemplateArgument(child.name or "", ctype, number)


class _Members:
    """Read the children of one struct's entry."""

    def __init__(self, reader: TypeReader, owner: SourceStruct, die: Die) -> None:
        self.reader = reader
        self.owner = owner
        self.die = die
        self.default = "private" if die.tag == Tag.klass else "public"

    def read(self) -> None:
        """Fill in the owner's lists."""
        values = self.owner.__dict__
        for child in self.die.children():
            tag = child.tag
            if tag in (Tag.member, Tag.variable):
                values["fields"].append(self._member(child))
            elif tag == Tag.inheritance:
                base = self._base(child)
                if isinstance(strip(base.type), StructType):  # Anything else is damage.
                    values["fields"].append(base)
            elif tag == Tag.variant_part:
                values["_variants"] = variant_part(child, self._member)
            elif tag == Tag.subprogram and child.name is not None:
                values["_methods"].append(self._method(child))
            elif tag == Tag.typedef and child.cplus:
                made = self.reader.read(child)
                if isinstance(made, TypedefType):
                    values["_typedefs"].append((made, self._access(child)))
            elif tag == Tag.template_type:
                values["_templates"].append((child.name or "", self.reader.of(child)))

    def _access(self, die: Die) -> str:
        return _ACCESS.get(die.number(At.accessibility) or 0, self.default)

    def _member(self, die: Die) -> Field:
        name = die.name or ""
        access = self._access(die)
        artificial = die.flag(At.artificial) or name.startswith("_vptr")
        static = At.external in die or At.declaration in die or die.tag == Tag.variable
        if static and At.member_location not in die:
            return Field(name, self.reader.of(die), 0, 0, 0, "static", access, artificial, die)
        ctype = self.reader.of(die)
        offset = _offset(die)
        bits = die.number(At.bit_size) or 0
        bit_offset = 0
        if bits:
            offset, bit_offset = _bit_field(die, ctype, offset, bits)
        return Field(name, ctype, offset, bit_offset, bits, "", access, artificial)

    def _base(self, die: Die) -> Field:
        ctype = self.reader.of(die)
        virtual = bool(die.number(At.virtuality))
        block = die.block(At.member_location) if virtual else None
        place = None if block is None else _place_by(block, self.reader.model.pointer_size)
        offset = 0 if place is not None else _offset(die)
        kind = "virtual" if virtual else "base"
        return Field(str(strip(ctype)), ctype, offset, 0, 0, kind, self._access(die), False, place)

    def _method(self, die: Die) -> Method:
        name = die.name or ""
        shown = self.reader.function(die, skip_artificial=True)
        first = next((one for one in die.children() if one.tag == Tag.formal), None)
        static = first is None or not first.flag(At.artificial)
        suffix = _this_qualifiers(self.reader.of(first)) if first is not None and not static else ""
        own = template_name(self.owner.name).rpartition("::")[2]
        constructor = name.partition("<")[0] == own
        return Method(
            name, shown, self._access(die), static and not constructor,
            At.vtable_elem in die, die.flag(At.artificial),
            constructor or name.startswith("~"), suffix,
            die.string(At.linkage_name) or die.string(At.mips_linkage_name) or "",
            _vtable_index(die),
        )  # fmt: skip


def _place_by(block: bytes, pointer_size: int) -> Callable[[int, _Read], int]:
    """Return what finds a virtual base's offset in an object, by the object's own table."""

    def offset(addr: int, read: _Read) -> int:
        def no_register(number: int) -> int:
            raise ExprError("A virtual base class is in no register.")

        found = evaluate(
            block, register=no_register, read=read, pointer_size=pointer_size, stack=(addr,)
        )
        return found - addr

    return offset


def _this_qualifiers(this: CType) -> str:
    pointer = strip(this)
    target = pointer.target if isinstance(pointer, PointerType) else VoidType()
    if not isinstance(target, QualifiedType):
        return ""
    return (" const" if target.const else "") + (" volatile" if target.volatile else "")


def _vtable_index(die: Die) -> int:
    """Return a virtual function's place in the table, -1 where none is told."""
    block = die.block(At.vtable_elem)
    if block is None or block[:1] != b"\x10":  # DW_OP_constu
        return -1 if block is None or not 0x30 <= block[0] <= 0x4F else block[0] - 0x30
    return uleb(block, 1)[0]


def _offset(die: Die) -> int:
    """Return a member's offset; old compilers write it as an expression."""
    block = die.block(At.member_location)
    if block is None:
        return die.number(At.member_location) or 0
    if block[:1] == b"\x23":  # DW_OP_plus_uconst
        return uleb(block, 1)[0]
    if block[:1] == b"\x10":  # DW_OP_constu
        return uleb(block, 1)[0]
    return 0


def _bit_field(die: Die, ctype: CType, offset: int, bits: int) -> tuple[int, int]:
    """Return the storage unit's offset and the bit in it (little endian)."""
    size = die.number(At.byte_size) or ctype.size or 1
    whole = die.number(At.data_bit_offset)
    if whole is None:
        high = die.signed(At.bit_offset) or 0  # from the most significant bit (DWARF 3)
        whole = 8 * offset + 8 * size - high - bits
    if size and whole // (8 * size) == (whole + bits - 1) // (8 * size):
        start = whole // (8 * size) * size
    else:
        start = whole // 8
    return start, whole - 8 * start
