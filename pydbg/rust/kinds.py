"""What Rust makes of a type that DWARF describes: tuples, slices, strings, ranges, enums.

The compiler says it by names alone (rustc_codegen_llvm, debuginfo/metadata.rs); gdb's
rust-lang.c reads them in the same way.
"""

from __future__ import annotations

from collections.abc import Callable

from pydbg.errors import ExprError
from pydbg.expr.types import (
    ArrayType,
    BoolType,
    CharType,
    CType,
    Field,
    FloatType,
    IntType,
    PointerType,
    StructType,
    VoidType,
    strip,
)
from pydbg.expr.values import Value

__all__ = [
    "ByteString",
    "active",
    "is_char",
    "is_primitive",
    "is_slice",
    "is_str",
    "is_tuple",
    "is_tuple_struct",
    "is_u8",
    "last_segment",
    "members",
    "primitive",
    "slice_parts",
    "slice_type",
    "str_type",
    "trait_object",
]

_PRIMITIVES: dict[str, Callable[[int], CType]] = {
    "bool": lambda word: BoolType("bool", 1),
    "char": lambda word: CharType("char", 4, False, "U"),
    "f32": lambda word: FloatType("f32", 4, "single"),
    "f64": lambda word: FloatType("f64", 8, "double"),
    "isize": lambda word: IntType("isize", word),
    "usize": lambda word: IntType("usize", word, False),
    "i8": lambda word: IntType("i8", 1),
    "u8": lambda word: IntType("u8", 1, False),
    "()": lambda word: VoidType("()", 0),
}


class ByteString(ArrayType):
    """Be the type of a literal ``b"..."``."""


def is_primitive(name: str) -> bool:
    """Tell whether a name is that of a type which needs no program.

    >>> is_primitive("i32"), is_primitive("int")
    (True, False)
    """
    return primitive(name, 8) is not None


def primitive(name: str, pointer_size: int) -> CType | None:
    """Return a type that needs no program, None if it is none.

    >>> primitive("u16", 8).size
    2
    """
    made = _PRIMITIVES.get(name)
    if made is not None:
        return made(pointer_size)
    if name[:1] in ("i", "u") and name[1:] in ("16", "32", "64", "128"):
        return IntType(name, int(name[1:]) // 8, name[0] == "i")
    return None


def last_segment(name: str) -> str:
    """Return the last part of a path; what is between angle brackets is not divided.

    >>> last_segment("core::option::Option<a::B>::Some"), last_segment("a::B<c::D>")
    ('Some', 'B<c::D>')
    """
    depth = 0
    for at in range(len(name) - 1, 0, -1):
        if name[at] == ">":
            depth += 1
        elif name[at] == "<":
            depth -= 1
        elif depth == 0 and name[at - 1 : at + 1] == "::":
            return name[at + 1 :]
    return name


def members(ctype: StructType) -> list[Field]:
    """Return the members that a value holds."""
    return [field for field in ctype.fields if field.kind != "static"]


def is_tuple(ctype: StructType) -> bool:
    """Tell whether it is a tuple.

    >>> is_tuple(StructType("(i32, i32)", 8))
    True
    """
    return ctype.keyword == "struct" and ctype.name.startswith("(")


def is_tuple_struct(ctype: StructType) -> bool:
    """Tell whether its members have no names: ``struct Meters(f64)``."""
    found = members(ctype)
    return bool(found) and all(field.name == f"__{at}" for at, field in enumerate(found))


def is_slice(ctype: CType) -> bool:
    """Tell whether it is ``&[T]`` or ``&str``: a pointer and a length."""
    if not isinstance(ctype, StructType) or ctype.variant_part is not None:
        return False
    return sorted(field.name for field in ctype.fields) == ["data_ptr", "length"]


def is_str(ctype: CType) -> bool:
    """Tell whether it is ``&str``."""
    return isinstance(ctype, StructType) and ctype.name == "&str" and is_slice(ctype)


def is_u8(ctype: CType) -> bool:
    """Tell whether it is a byte."""
    inner = strip(ctype)
    return isinstance(inner, IntType) and inner.size == 1 and not inner.signed


def is_char(ctype: CType) -> bool:
    """Tell whether it is Rust's ``char``."""
    inner = strip(ctype)
    return isinstance(inner, CharType) and inner.size == 4 and not inner.signed


def slice_parts(value: Value) -> tuple[PointerType | None, int, int]:
    """Return the pointer's type, the address and the length of a slice."""
    pointer = value.member("data_ptr")
    inner = strip(pointer.type)
    length = int(value.member("length"))
    return (inner if isinstance(inner, PointerType) else None), int(pointer), length


def slice_type(name: str, element: CType, pointer_size: int) -> StructType:
    """Make the type of a slice."""
    fields = [
        Field("data_ptr", PointerType("", pointer_size, element)),
        Field("length", IntType("usize", pointer_size, False), pointer_size),
    ]
    return StructType(name, 2 * pointer_size, "struct", fields)


def str_type(pointer_size: int) -> StructType:
    """Make the type ``&str``."""
    return slice_type("&str", IntType("u8", 1, False), pointer_size)


def trait_object(value: Value) -> tuple[Value, int] | None:
    """Return the pointer and the vtable's address of a ``&dyn Trait``, None for anything else."""
    ctype = strip(value.type)
    if not isinstance(ctype, StructType) or len(ctype.fields) != 2:
        return None
    if sorted(field.name for field in ctype.fields) != ["pointer", "vtable"]:
        return None
    return value.member("pointer"), int(value.member("vtable"))


def active(value: Value, ctype: StructType) -> Value:
    """Return the alternative that an enum holds; ExprError where none fits its discriminant."""
    part = ctype.variant_part
    assert part is not None
    number = 0
    if part.discriminant is not None:
        field = part.discriminant
        number = int(value.part(field.type, field.offset))
    chosen = part.choose(number)
    if chosen is None and part.discriminant is None and part.variants:
        chosen = part.variants[0]
    if chosen is None:
        raise ExprError("Could not find active enum variant")
    return value.part(chosen.field.type, chosen.field.offset)
