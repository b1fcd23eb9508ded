"""C types: a small tree of immutable nodes, spelled as gdb spells them.

Sizes and offsets are bytes. The tree carries what DWARF describes too (typedefs,
qualifiers, enums, bit-fields, self-referring structs), so that types which come from
debug information need no other classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from pydbg.records import Record

__all__ = [
    "ILP32",
    "LP64",
    "ArrayType",
    "BoolType",
    "CType",
    "CharType",
    "ComplexType",
    "DataModel",
    "EnumType",
    "Field",
    "FlagsType",
    "FloatType",
    "FunctionType",
    "IntType",
    "InternalFunctionType",
    "MemberPointerType",
    "Method",
    "NamespaceType",
    "NoDebugType",
    "PointerType",
    "QualifiedType",
    "ReferenceType",
    "StructType",
    "TemplateArgument",
    "TypedefType",
    "Variant",
    "VariantPart",
    "VoidType",
    "base_name",
    "data_model",
    "declared",
    "parameters",
    "spell",
    "strip",
    "unqualified",
]


class CType(Record):
    """Be the root of all types; ``size`` is sizeof in bytes."""

    name: str
    size: int
    wraps: ClassVar[bool] = False
    """Whether it is another type's name, or that with qualifiers."""

    def __str__(self) -> str:
        return spell(self)


class VoidType(CType):
    """Be ``void``; sizeof is 1, as in GNU C."""

    name: str = "void"
    size: int = 1


_VOID = VoidType()


class IntType(CType):
    """Be an integer that prints as a number only."""

    signed: bool = True


class CharType(IntType):
    """Be a character type: prints as ``97 'a'`` and its arrays as strings.

    ``prefix`` is the literal's prefix: "" for char, L, u, U for the wide ones.
    """

    prefix: str = ""


class BoolType(IntType):
    """Be C's ``_Bool``: prints as true and false."""

    signed: bool = False


class FloatType(CType):
    """Be a floating type; ``format`` names a row of ``floats.FORMATS``."""

    format: str = "double"


class ComplexType(CType):
    """Be C's ``complex``: two numbers of type ``element``."""

    element: CType = _VOID


class PointerType(CType):
    """Be a pointer; ``target`` is what it points to."""

    target: CType = _VOID


class ReferenceType(CType):
    """Be a C++ reference; ``rvalue`` marks ``&&``."""

    target: CType = _VOID
    rvalue: bool = False


class MemberPointerType(CType):
    """Be a C++ pointer to a member of ``owner``; ``target`` is the member's type."""

    target: CType = _VOID
    owner: CType = _VOID


class ArrayType(CType):
    """Be an array of ``count`` elements; ``vector`` marks SIMD vectors.

    ``name`` is empty, but for vectors that have one (``v4f``). ``open`` marks one whose
    length is not told (``int a[]``).
    """

    element: CType = _VOID
    count: int = 0
    vector: bool = False
    open: bool = False


class FunctionType(CType):
    """Be a function; sizeof is 1, as in GNU C.

    ``result`` is None where nothing is known (a symbol without debug information; its
    ``name`` is then ``<text variable, no debug info>``).
    """

    size: int = 1
    result: CType | None = None
    params: tuple[CType, ...] = ()
    variadic: bool = False
    prototyped: bool = False
    cplus: bool = False


class NoDebugType(CType):
    """Be the type of a data symbol without debug information."""

    name: str = "<data variable, no debug info>"
    size: int = 0


class NamespaceType(CType):
    """Be what ``whatis`` and ``ptype`` say of a namespace's name."""

    size: int = 0


class InternalFunctionType(CType):
    """Be the type of a convenience function such as ``$_streq``."""

    size: int = 1


class Field(Record):
    """Be one member of a struct or union; ``bit_size`` 0 means it is no bit-field.

    ``offset`` is in bytes, ``bit_offset`` counts from the least significant bit of the
    storage unit at ``offset``. In C++ ``kind`` tells a "base" class, a "virtual" base and a
    "static" member; ``access`` is public, protected or private; ``at`` is where a static
    member or a virtual base is described.
    """

    name: str
    type: CType
    offset: int = 0
    bit_offset: int = 0
    bit_size: int = 0
    kind: str = ""
    access: str = "public"
    artificial: bool = False
    at: object = None


class Variant(Record):
    """Be one alternative of a variant part: its member, and which discriminants choose it.

    ``values`` are ranges, both ends in them; without any it is chosen where no other is.
    """

    field: Field
    values: tuple[tuple[int, int], ...] = ()


class VariantPart(Record):
    """Be the part of a struct that holds one of several members (Rust's enums)."""

    discriminant: Field | None
    variants: tuple[Variant, ...]

    def choose(self, number: int) -> Variant | None:
        """Return the alternative that a discriminant stands for, None if there is none.

        >>> some, none = (Variant(Field(name, LP64.int)) for name in ("Some", "None"))
        >>> VariantPart(None, (Variant(none.field, ((0, 0),)), some)).choose(5).field.name
        'Some'
        """
        other = None
        for one in self.variants:
            if not one.values:
                other = one
            elif any(low <= number <= high for low, high in one.values):
                return one
        return other


class Method(Record):
    """Be a member function; ``type`` has no ``this``."""

    name: str
    type: FunctionType
    access: str = "public"
    static: bool = False
    virtual: bool = False
    artificial: bool = False
    constructor: bool = False
    suffix: str = ""
    """What stands behind the parameters: ``const``, ``= delete``."""
    linkage: str = ""
    index: int = -1
    """A virtual function's place in the table."""


class TemplateArgument(Record):
    """Be one argument of a template: a type, or a ``number`` of that type."""

    name: str
    type: CType
    number: int | None = None


class StructType(CType):
    """Be a struct, union or class (``keyword``); compared by identity.

    The list ``fields`` may be filled after construction, because a struct may hold
    pointers to itself.
    """

    keyword: str
    fields: list[Field]

    cplus = False
    """Whether it is a type of C++, spelt without its keyword."""
    bare = False
    """Whether it is of another language than C, and spelt without its keyword as well."""
    incomplete = False
    """Whether only its name is known."""
    methods: Sequence[Method] = ()
    typedefs: Sequence[tuple[TypedefType, str]] = ()
    """Typedefs that a class declares, each with its access."""
    templates: Sequence[tuple[str, CType]] = ()
    """Template arguments that are types, as ``ptype`` explains them."""
    arguments: Sequence[TemplateArgument] = ()
    """All of them, those of packs too."""
    declared_class = False
    variant_part: VariantPart | None = None
    namer: Callable[[str], str | None] | None = None
    """Gives classes of its program the names that users know them by."""

    def __init__(
        self, name: str, size: int, keyword: str = "struct", fields: list[Field] | None = None
    ) -> None:
        Record.__init__(self, name, size, keyword, [] if fields is None else fields)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{self.keyword} {self.name or '{...}'}>"

    def field(self, name: str) -> Field | None:
        """Return the member of that name, looking into anonymous members too."""
        for member in self.fields:
            if member.name == name and member.kind not in ("base", "virtual"):
                return member
        for member in self.fields:
            inner = strip(member.type)
            unnamed = not member.name or member.kind == "base"
            if unnamed and isinstance(inner, StructType):
                found = inner.field(name)
                if found is not None:
                    return Field(
                        found.name,
                        found.type,
                        member.offset + found.offset,
                        found.bit_offset,
                        found.bit_size,
                        found.kind,
                        found.access,
                        found.artificial,
                        found.at,
                    )
        return None


class EnumType(IntType):
    """Be an enum; ``flags`` is set where every value is a distinct bit or zero."""

    values: tuple[tuple[str, int], ...] = ()
    flags: bool = False
    cplus: bool = False
    scoped: bool = False
    """Whether it is an ``enum class``."""
    base: str = ""
    """The spelling of its type, where ``ptype`` shows one."""


class FlagsType(IntType):
    """Be a register of named bits; ``bits`` are (name, position) in printing order."""

    signed: bool = False
    bits: tuple[tuple[str, int], ...] = ()


class TypedefType(CType):
    """Be another name of ``target``."""

    wraps = True
    target: CType = _VOID


class QualifiedType(CType):
    """Be ``target`` with qualifiers; ``name`` and ``size`` are the target's."""

    wraps = True
    target: CType = _VOID
    const: bool = False
    volatile: bool = False
    restrict: bool = False
    atomic: bool = False
    cplus: bool = False

    @property
    def words(self) -> str:
        """Return the qualifiers in gdb's order, each with a blank behind it."""
        restrict = "__restrict__ " if self.cplus else "restrict "
        return (
            ("const " if self.const else "")
            + ("volatile " if self.volatile else "")
            + (restrict if self.restrict else "")
            + ("_Atomic " if self.atomic else "")
        )


def strip(ctype: CType) -> CType:
    """Return the type behind typedefs and qualifiers.

    >>> strip(QualifiedType("int", 4, IntType("int", 4), const=True)).name
    'int'
    """
    while ctype.wraps:
        ctype = ctype.target  # type: ignore[attr-defined]
    return ctype


def unqualified(ctype: CType) -> CType:
    """Return the type behind qualifiers alone.

    >>> unqualified(QualifiedType("int", 4, IntType("int", 4), const=True)).name
    'int'
    """
    while isinstance(ctype, QualifiedType):
        ctype = ctype.target
    return ctype


def spell(ctype: CType, declarator: str = "") -> str:
    """Spell a type as ``whatis`` does.

    >>> spell(LP64.pointer(LP64.array(LP64.int, 3)))
    'int (*)[3]'
    """
    base, declarator = declared(ctype, declarator)
    if isinstance(base, QualifiedType):
        return base.words + spell(base.target, declarator)
    text = base_name(base)
    return f"{text} {declarator}" if declarator else text


def declared(
    ctype: CType, declarator: str, spelt: Callable[[FunctionType], str] | None = None
) -> tuple[CType, str]:
    """Take pointers, arrays and functions off a type; return what is left and the declarator.

    ``spelt`` spells the parameters of a function.

    >>> declared(LP64.pointer(LP64.array(LP64.int, 3)), "p")[1]
    '(*p)[3]'
    """
    while True:
        if isinstance(ctype, QualifiedType):
            target = ctype.target
            if not isinstance(target, (PointerType, ReferenceType)) or target.name:
                return ctype, declarator
            space = " " if declarator and declarator[0] not in "[&" else ""
            declarator = f" {ctype.words.rstrip()}{space}{declarator}"
            ctype = target
        if isinstance(ctype, (PointerType, ReferenceType)) and not ctype.name:
            mark = "*" if isinstance(ctype, PointerType) else "&&" if ctype.rvalue else "&"
            declarator = mark + declarator
            ctype = ctype.target
            if isinstance(ctype, (ArrayType, FunctionType)) and not ctype.name:
                declarator = f"({declarator})"
        elif isinstance(ctype, MemberPointerType):
            declarator = f"{ctype.owner.name}::*{declarator}"
            ctype = ctype.target
            if isinstance(ctype, FunctionType):
                declarator = f"({declarator})"
        elif isinstance(ctype, ArrayType) and not ctype.name:
            if ctype.vector:
                space = " " if declarator else ""
                declarator += f"{space}__attribute__ ((vector_size({ctype.count})))"
            else:
                declarator += "[]" if ctype.open else f"[{ctype.count}]"
            ctype = ctype.element
        elif isinstance(ctype, FunctionType) and not ctype.name:
            declarator += f"({(spelt or parameters)(ctype)})"
            ctype = ctype.result or VoidType()
        else:
            return ctype, declarator


def base_name(ctype: CType) -> str:
    """Spell a type that no declarator builds: C says ``struct s``, C++ ``s``."""
    if isinstance(ctype, StructType):
        keyword = "class" if ctype.declared_class else ctype.keyword
        if (ctype.cplus or ctype.bare) and ctype.name:
            return ctype.name
        return f"{keyword} {ctype.name or '{...}'}"
    if isinstance(ctype, InternalFunctionType):
        return "<internal function>"
    if isinstance(ctype, EnumType) and not (ctype.cplus and ctype.name):
        return f"enum {'class ' if ctype.scoped else ''}{ctype.name or '{...}'}"
    return ctype.name


def parameters(function: FunctionType) -> str:
    """Spell what stands in the brackets of a function."""
    params = [spell(param) for param in function.params]
    if function.variadic:
        params.append("...")
    if not params and (function.prototyped or function.cplus):
        return "void"
    return ", ".join(params)


class DataModel:
    """Know the sizes of C's basic types on one ABI (System V psABI, table of scalar types).

    >>> LP64.long.size, ILP32.long.size
    (8, 4)
    """

    def __init__(self, pointer_size: int) -> None:
        word = pointer_size
        self.pointer_size = word
        self.void = VoidType()
        self.bool = BoolType("bool", 1)
        self.char = CharType("char", 1)
        self.schar = CharType("signed char", 1)
        self.uchar = CharType("unsigned char", 1, signed=False)
        self.int = IntType("int", 4)
        self.uint = IntType("unsigned int", 4, signed=False)
        self.long = IntType("long", word)
        self.ulong = IntType("unsigned long", word, signed=False)
        self.longlong = IntType("long long", 8)
        self.ulonglong = IntType("unsigned long long", 8, signed=False)
        self.float = FloatType("float", 4, "single")
        self.double = FloatType("double", 8, "double")
        self.longdouble = FloatType("long double", 16 if word == 8 else 12, "x87")
        self.text_symbol = FunctionType("<text variable, no debug info>")
        self.data_symbol = NoDebugType()
        self._named = {ctype.name: ctype for ctype in self._basic()}

    def _basic(self) -> Iterator[CType]:
        word = self.pointer_size
        yield from (self.void, self.char, self.schar, self.uchar, self.int, self.uint)
        yield from (self.long, self.ulong, self.longlong, self.ulonglong)
        yield from (self.float, self.double, self.longdouble)
        yield IntType("short", 2)
        yield IntType("unsigned short", 2, signed=False)
        yield IntType("__int128", 16)
        yield IntType("unsigned __int128", 16, signed=False)
        yield from (self.bool, BoolType("_Bool", 1))
        yield CharType("wchar_t", 4, prefix="L")
        yield CharType("char16_t", 2, signed=False, prefix="u")
        yield CharType("char32_t", 4, signed=False, prefix="U")
        # With debug information int8_t is a typedef of signed char, so it shows 'A' too.
        yield CharType("int8_t", 1)
        yield CharType("uint8_t", 1, signed=False)
        for bits in (16, 32, 64, 128):
            yield IntType(f"int{bits}_t", bits // 8)
            yield IntType(f"uint{bits}_t", bits // 8, signed=False)
        for name in ("size_t", "uintptr_t", "ino_t", "nlink_t", "dev_t"):
            yield IntType(name, word, signed=False)
        for name in ("ssize_t", "intptr_t", "ptrdiff_t", "off_t", "time_t", "clock_t"):
            yield IntType(name, word)
        yield IntType("pid_t", 4)
        for name in ("uid_t", "gid_t", "mode_t"):
            yield IntType(name, 4, signed=False)

    def named(self, name: str) -> CType | None:
        """Return the basic type of that normal spelling (``unsigned long``), or None."""
        return self._named.get(name)

    def pointer(self, target: CType) -> PointerType:
        """Return the type "pointer to target"."""
        return PointerType("", self.pointer_size, target)

    def array(self, element: CType, count: int, *, vector: bool = False) -> ArrayType:
        """Return the type "array of count elements"."""
        return ArrayType("", element.size * count, element, count, vector)

    def integer(self, size: int, signed: bool) -> CType:
        """Return the C type of an arithmetic result of that size (int at least)."""
        if size <= self.int.size:
            return self.int if signed else self.uint
        if size <= self.long.size:
            return self.long if signed else self.ulong
        return self.longlong if signed else self.ulonglong


LP64 = DataModel(8)
ILP32 = DataModel(4)


def data_model(pointer_size: int) -> DataModel:
    """Return the data model of that pointer size (4 or 8 bytes)."""
    return LP64 if pointer_size == 8 else ILP32
