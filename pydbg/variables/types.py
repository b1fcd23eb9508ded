"""Types as DWARF describes them, made into the types of expressions.

A struct's members are read when they are asked for: a type may lead to all others of a program.
One that a unit only declares is completed from the unit that defines it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pydbg.errors import FileError
from pydbg.expr.types import (
    ArrayType,
    BoolType,
    CharType,
    ComplexType,
    CType,
    EnumType,
    FloatType,
    FunctionType,
    IntType,
    MemberPointerType,
    PointerType,
    QualifiedType,
    ReferenceType,
    TypedefType,
    VoidType,
    data_model,
    strip,
)
from pydbg.symbols.cplusnames import canonical
from pydbg.symbols.entries import At, Die, Tag
from pydbg.variables.structs import SourceStruct

if TYPE_CHECKING:
    from pydbg.symbols.unitnames import NameTable

__all__ = ["CANONICAL", "DynamicArray", "TypeReader"]

_ASSEMBLER = 0x8001  # DW_LANG_Mips_Assembler
_MAX_DEPTH = 200
_MAX_ELEMENTS = 1 << 40
_WIDE = {"wchar_t": "L", "char16_t": "u", "char32_t": "U"}
_FLOATS = {2: "half", 4: "single", 8: "double", 10: "x87", 12: "x87", 16: "x87"}
_KEYWORDS = {Tag.klass: "class", Tag.structure: "struct", Tag.union: "union"}
_QUALIFIERS = {Tag.const: "const", Tag.volatile: "volatile", Tag.restrict: "restrict",
               Tag.atomic: "atomic", Tag.immutable: "const"}  # fmt: skip
CANONICAL = {
    "long int": "long", "long unsigned int": "unsigned long", "short int": "short",
    "short unsigned int": "unsigned short", "long long int": "long long",
    "long long unsigned int": "unsigned long long", "unsigned": "unsigned int",
}  # fmt: skip


class _Typedef(TypedefType):
    """Be a typedef whose size is known when its target's is."""

    @property  # type: ignore[misc]
    def size(self) -> int:
        return self.target.size


class _Inner(TypedefType):
    """Be a typedef inside of what it is defined by, as in Go's ``type state func() state``."""

    def __init__(self, name: str, whole: Callable[[], CType | None]) -> None:
        super().__init__(name, 0)
        self.__dict__["whole"] = whole

    @property  # type: ignore[misc]
    def target(self) -> CType:
        """Return what it is a name of: nothing is known of that while it is being read."""
        whole = self.__dict__["whole"]()
        found = whole.target if isinstance(whole, TypedefType) else VoidType()
        behind = found
        while isinstance(behind, (TypedefType, QualifiedType)) and not isinstance(behind, _Inner):
            behind = behind.target
        return VoidType() if isinstance(behind, _Inner) else found  # A name for nothing but itself.

    @property  # type: ignore[misc]
    def size(self) -> int:
        return self.target.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedefType) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class _Qualified(QualifiedType):
    """Be a qualified type whose size is known when its target's is."""

    @property  # type: ignore[misc]
    def size(self) -> int:
        return self.target.size


class DynamicArray(ArrayType):
    """Be an array whose length the running program knows; ``bounds`` is its entry."""

    bounds: object = None
    """The entry of the subrange."""


class TypeReader:
    """Make types out of entries of one file, each once."""

    def __init__(
        self,
        names: NameTable,
        pointer_size: int,
        complete: Callable[[str, str], Die | None] | None = None,
    ) -> None:
        """Read through ``names``; ``complete(keyword, name)`` finds definitions elsewhere."""
        self.names = names
        self.model = data_model(pointer_size)
        self._complete = complete
        self.namer: Callable[[str], str | None] | None = None
        """Gives classes the names that users know them by."""
        self._made: dict[tuple[int, int], CType] = {}
        self._depth = 0
        self._defining: set[tuple[int, int]] = set()
        """The typedefs that are being read."""

    def of(self, die: Die, attribute: int = At.type) -> CType:
        """Return the type that an entry has, ``void`` where it names none."""
        target = die.target(attribute)
        return VoidType() if target is None else self.read(target)

    def read(self, die: Die) -> CType:
        """Return the type that an entry describes; FileError for entries that make no sense."""
        key = die.key
        found = self._made.get(key)
        if found is not None:
            return found
        self._depth += 1
        try:
            if self._depth > _MAX_DEPTH:
                raise FileError("a type in the debug information refers to itself")
            made = self._make(die)
        finally:
            self._depth -= 1
        if not isinstance(made, _Inner):
            self._made[key] = made
        return made

    def _make(self, die: Die) -> CType:
        tag = die.tag
        if At.signature in die:
            # It is described in a unit of its own.
            target = die.target(At.signature)
            if target is not None and target.tag == tag:
                return self.read(target)
        if tag in Tag.structs:
            return self._struct(die)
        if tag == Tag.base:
            return self._base(die)
        if tag == Tag.pointer:
            size = die.number(At.byte_size) or self.model.pointer_size
            return PointerType("", size, self.of(die))
        if tag in (Tag.reference, Tag.rvalue):
            referred = self.of(die)
            return ReferenceType("", self.model.pointer_size, referred, tag == Tag.rvalue)
        if tag in _QUALIFIERS:
            return self._qualified(die, _QUALIFIERS[tag])
        if tag in (Tag.typedef, Tag.template_alias):
            return self._typedef(die)
        if tag == Tag.array:
            return self._array(die)
        if tag == Tag.enumeration:
            return self._enum(die)
        if tag in (Tag.subroutine, Tag.subprogram):
            return self.function(die)
        if tag == Tag.unspecified:
            name = die.name or "void"
            if name == "decltype(nullptr)":
                return IntType(name, self.model.pointer_size, False)
            return VoidType(name)
        if tag == Tag.ptr_to_member:
            member, owner = self.of(die), self.of(die, At.containing_type)
            word = self.model.pointer_size
            size = 2 * word if isinstance(member, FunctionType) else word
            return MemberPointerType("", size, member, owner)
        if tag == Tag.subrange:
            return self.of(die)
        raise FileError(f"an entry with tag {tag:#x} is no type")

    # --- the kinds ---------------------------------------------------------------------------

    def _base(self, die: Die) -> CType:
        name = die.name or ""
        name = CANONICAL.get(name, name)
        size = die.number(At.byte_size) or 0
        encoding = die.number(At.encoding) or 0
        if not 0 < size <= 64:
            return VoidType(name or "void", size)  # Rust's unit type is described so.
        if encoding == 0x02:
            return BoolType(name, size, False)
        if encoding == 0x04:
            return FloatType(name, size, _float_format(name, size))
        if encoding == 0x03:
            half = size // 2
            return ComplexType(name, size, FloatType("", half, _float_format(name, half)))
        signed = encoding in (0x05, 0x06, 0x0D)
        if encoding == 0x10:
            prefix = {1: "u8" if name == "char8_t" else "", 2: "u", 4: "U"}.get(size, "")
            return CharType(name, size, False, prefix)
        if name in _WIDE:
            return CharType(name, size, signed, _WIDE[name])
        if size == 1:
            return CharType(name, size, signed)
        return IntType(name, size, signed)

    def _qualified(self, die: Die, word: str) -> CType:
        target = self.of(die)
        flags = {word: True}
        if isinstance(target, QualifiedType):
            for old in ("const", "volatile", "restrict", "atomic"):
                flags[old] = flags.get(old, False) or getattr(target, old)
            target = target.target
        return _qualify(target, die.cplus, flags)

    def _typedef(self, die: Die) -> CType:
        name, key = self.qualified(die), die.key
        if key in self._defining:
            return _Inner(name, partial(self._made.get, key))
        self._defining.add(key)
        try:
            target = self.of(die)
        finally:
            self._defining.discard(key)
        prefix = _WIDE.get(name)
        plain = strip(target) if prefix is not None else None
        if prefix is not None and isinstance(plain, IntType):
            # In C these are typedefs, and print as characters by their name.
            target = CharType(plain.name, plain.size, plain.signed, prefix)
        made = _Typedef(name, 0, target)
        made.__dict__["namer"] = self.namer if "<" in name and die.cplus else None
        return made

    def _array(self, die: Die) -> CType:
        element = self.of(die)
        vector = At.gnu_vector in die
        made: CType = element
        for bounds in reversed([child for child in die.children() if child.tag == Tag.subrange]):
            count = _count(bounds)
            if count is None:
                dynamic = _is_dynamic(bounds)
                if dynamic:
                    made = DynamicArray("", 0, made, 0, False, True, bounds)
                else:
                    made = ArrayType("", 0, made, 0, vector, True)
                continue
            made = ArrayType("", made.size * count, made, count, vector)
        if die.name and isinstance(made, ArrayType):  # Go's have names: [3]int.
            made = ArrayType(die.name, made.size, made.element, made.count, vector, made.open)
        return made

    def _enum(self, die: Die) -> CType:
        values = []
        scope = self._enumerator_scope(die)
        for child in die.children():
            if child.tag == Tag.enumerator:
                values.append((scope + (child.name or ""), child.number(At.const_value, 0) or 0))
        signed = any(value < 0 for _, value in values)
        size = die.number(At.byte_size)
        base = self.of(die) if At.type in die else None
        if size is None:
            size = base.size if base is not None else 4
        if isinstance(base, IntType) and not values:
            signed = base.signed
        scoped = die.flag(At.enum_class)
        name = self.qualified(die) if die.name else ""
        shown = str(base) if base is not None and die.cplus else ""
        return EnumType(
            name, size, signed, tuple(values), _is_flags(values), die.cplus, scoped, shown
        )

    def _enumerator_scope(self, die: Die) -> str:
        """Return what stands before an enumerator's name in C++: ``ns::`` or ``ns::Enum::``."""
        if not die.scoped:
            return ""
        qualified = self.qualified(die) if die.name else ""
        if not die.flag(At.enum_class):
            place = die.target(At.specification) or die
            unit = place.entries.names.unit(place.unit)
            qualified = unit.scope_of(place.pos) if unit is not None else ""
        return f"{qualified}::" if qualified else ""

    def function(self, die: Die, *, skip_artificial: bool = False) -> FunctionType:
        """Return the type of a function's entry, with or without ``this`` and its like."""
        params = []
        variadic = False
        described = die
        result: CType | None = None
        for one in die.origins():
            if result is None and At.type in one:
                result = self.of(one)
        for child in described.children():
            if child.tag == Tag.formal:
                if skip_artificial and child.flag(At.artificial):
                    continue
                source = next((one for one in child.origins() if At.type in one), child)
                param = self.of(source)
                if child.flag(At.artificial) and isinstance(param, PointerType):
                    # ``this`` is constant, also where the compiler does not say so.
                    param = _qualify(param, die.cplus, {"const": True})
                params.append(param)
            elif child.tag == Tag.unspecified_parameters:
                variadic = True
        c_like = die.language in (0x01, 0x02, 0x0C, 0x1D, 0x2C)
        prototyped = not c_like or any(At.prototyped in one for one in die.origins())
        if die.language == _ASSEMBLER:
            return FunctionType("", 1, None, (), False, True)  # Of these only the name is known.
        return FunctionType(
            "", 1, result or VoidType(), tuple(params), variadic, prototyped, die.cplus
        )

    def _struct(self, die: Die) -> SourceStruct:
        return SourceStruct(self, die, _KEYWORDS[die.tag])

    def definition(self, die: Die) -> Die | None:
        """Find the entry that defines a struct which another only declares."""
        if self._complete is None or die.name is None:
            return None
        return self._complete(_KEYWORDS[die.tag], self.qualified(die))

    def qualified(self, die: Die) -> str:
        """Return an entry's name with the namespaces and classes around it."""
        name = die.name or ""
        if not die.scoped:
            return name
        declared = die.target(At.specification)
        if declared is not None and declared.tag == die.tag:
            return self.qualified(declared)
        unit = die.entries.names.unit(die.unit)
        whole = name if unit is None else unit.qualified(die.pos, name)
        if "<" not in whole or not die.cplus:
            return whole
        spelt = canonical(whole)
        # The blank in ``function<int (int)>`` is the compiler's.
        return spelt if " (" in whole else spelt.replace(" (", "(")


def _qualify(target: CType, cplus: bool, flags: dict[str, bool]) -> CType:
    """Qualify a type; of an array the elements are meant (C11 6.7.3)."""
    if isinstance(target, ArrayType) and not isinstance(target, DynamicArray):
        element = target.element
        if isinstance(element, QualifiedType):
            for old in ("const", "volatile", "restrict", "atomic"):
                flags[old] = flags.get(old, False) or getattr(element, old)
            element = element.target
        element = _qualify(element, cplus, flags)
        return ArrayType("", target.size, element, target.count, target.vector, target.open)
    return _Qualified(target.name, 0, target, cplus=cplus, **flags)


def _float_format(name: str, size: int) -> str:
    if size == 16 and "128" in name:
        return "quad"
    if size == 2 and "bf" in name:
        return "bfloat16"
    return _FLOATS.get(size, "double")


def _count(bounds: Die) -> int | None:
    """Return how many elements a subrange has, None where that is not a constant."""
    count = bounds.number(At.count) if not _refers(bounds, At.count) else None
    if count is None:
        upper = None if _refers(bounds, At.upper_bound) else _upper(bounds)
        if upper is None:
            return None
        count = upper + 1 - (bounds.number(At.lower_bound) or 0)
    if count > _MAX_ELEMENTS:
        return 0  # -1 of whatever size: an array of no elements
    return max(count, 0)


def _upper(bounds: Die) -> int | None:
    """Return an upper bound: unsigned, but for 32 or 64 ones, which are the -1 of no elements."""
    value = bounds.number(At.upper_bound)
    return -1 if value in (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF) else value


def _refers(die: Die, attribute: int) -> bool:
    attr = die.attrs.get(attribute)
    return attr is not None and (isinstance(attr[1], bytes) or attr[0] in (0x10, 0x11, 0x12, 0x13,
                                                                          0x14, 0x15))  # fmt: skip


def _is_dynamic(bounds: Die) -> bool:
    return _refers(bounds, At.count) or _refers(bounds, At.upper_bound)


def _is_flags(values: list[tuple[str, int]]) -> bool:
    """Tell whether gdb takes an enum for flags (dwarf2/read.c, process_enumeration_scope)."""
    for _, value in values:
        if value < 0:
            return False
        if value.bit_count() >= 2:
            low = value & -value
            if (value // low) & (value // low + 1):
                return False
    return True
