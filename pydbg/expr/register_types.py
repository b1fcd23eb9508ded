"""gdb's types of registers: flags, x87, vector unions (gdb's features/i386/*.xml)."""

from __future__ import annotations

from functools import cache
from typing import Protocol

from pydbg.expr.types import (
    ArrayType,
    CType,
    DataModel,
    Field,
    FlagsType,
    FloatType,
    FunctionType,
    IntType,
    StructType,
    VoidType,
    data_model,
)
from pydbg.expr.values import Lvalue, Value

__all__ = ["RegisterLike", "RegisterTypes", "register_types", "register_value"]


class RegisterLike(Protocol):
    """Be what is needed of an ``arch.model.Register``."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def type(self) -> str: ...


_EFLAGS = (
    ("CF", 0),
    ("", 1),
    ("PF", 2),
    ("AF", 4),
    ("ZF", 6),
    ("SF", 7),
    ("TF", 8),
    ("IF", 9),
    ("DF", 10),
    ("OF", 11),
    ("NT", 14),
    ("RF", 16),
    ("VM", 17),
    ("AC", 18),
    ("VIF", 19),
    ("VIP", 20),
    ("ID", 21),
)
_MXCSR = (
    ("IE", 0),
    ("DE", 1),
    ("ZE", 2),
    ("OE", 3),
    ("UE", 4),
    ("PE", 5),
    ("DAZ", 6),
    ("IM", 7),
    ("DM", 8),
    ("ZM", 9),
    ("OM", 10),
    ("UM", 11),
    ("PM", 12),
    ("FZ", 15),
)

# (member, element, typedef of a 128-bit one), in gdb's order.
_LANES: tuple[tuple[str, CType, str], ...] = (
    ("bfloat16", FloatType("bfloat16", 2, "bfloat16"), "bf16"),
    ("half", FloatType("half", 2, "half"), "h"),
    ("float", FloatType("float", 4, "single"), "f"),
    ("double", FloatType("double", 8, "double"), "d"),
    ("int8", IntType("int8_t", 1), "i8"),
    ("int16", IntType("int16_t", 2), "i16"),
    ("int32", IntType("int32_t", 4), "i32"),
    ("int64", IntType("int64_t", 8), "i64"),
)

# What `whatis $xmm0.v4_float[0]` says; in wider registers it is the plain name.
_SMALL_NAMES = {
    "bfloat16": "builtin_type_bfloat16",
    "half": "builtin_type_ieee_half",
    "float": "builtin_type_ieee_single",
    "double": "builtin_type_ieee_double",
}


class RegisterTypes:
    """Know the type of every register of one architecture (by pointer size in bytes).

    >>> str(RegisterTypes(8).named("code_ptr", 8))
    'void (*)()'
    """

    def __init__(self, pointer_size: int) -> None:
        self.model: DataModel = data_model(pointer_size)
        self._known: dict[tuple[str, int], CType] = {}

    def named(self, name: str, size: int) -> CType:
        """Return the type of that name in gdb's target descriptions, ``size`` bytes."""
        key = (name, size)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._make(name, size)
        return found

    def _make(self, name: str, size: int) -> CType:
        model = self.model
        if name == "code_ptr":
            return model.pointer(FunctionType("", result=VoidType()))
        if name == "code_ptr_c++":
            return model.pointer(FunctionType("", result=VoidType(), prototyped=True))
        if name == "data_ptr":
            return model.pointer(VoidType())
        if name == "i386_eflags":
            return FlagsType("i386_eflags", size, bits=_EFLAGS)
        if name == "i386_mxcsr":
            return FlagsType("i386_mxcsr", size, bits=_MXCSR)
        if name == "i387_ext":
            return FloatType("builtin_type_i387_ext", size, "x87")
        if name == "v2ui128":
            lane = IntType("uint128_t", 16, signed=False)
            return ArrayType("v2ui128", size, lane, size // 16, True)
        if name == "vec64":
            return _mmx_union()
        if name.startswith("vec") and name[3:].isdigit():
            return _vector_union(size)
        if name in ("int", "long"):
            # What gdb calls int and long has the register's size, whatever the ABI says.
            return IntType(name, size)
        unsigned = name.startswith("uint")
        return IntType(f"{'u' if unsigned else ''}int{8 * size}_t", size, signed=not unsigned)


@cache
def register_types(pointer_size: int) -> RegisterTypes:
    """Return the types of an architecture's registers, made once.

    >>> register_types(8) is register_types(8)
    True
    """
    return RegisterTypes(pointer_size)


def _vector_union(size: int) -> StructType:
    small = size == 16
    fields: list[Field] = []
    for lane, element, short in _LANES:
        count = size // element.size
        name = f"v{count}{short}" if small else ""
        if small and isinstance(element, FloatType):
            element = FloatType(_SMALL_NAMES[lane], element.size, element.format)
        vector = ArrayType(name, size, element, count, True)
        fields.append(Field(f"v{count}_{lane}", vector))
    if small:
        fields.append(Field("uint128", IntType("uint128_t", 16, signed=False)))
    else:
        wide = IntType("int128_t", 16)
        count = size // 16
        fields.append(Field(f"v{count}_int128", ArrayType("", size, wide, count, True)))
    name = "vec128" if small else f"builtin_type_vec{8 * size}i"
    return StructType(name, size, "union", fields)


def _mmx_union() -> StructType:
    fields = [Field("uint64", IntType("int64_t", 8))]
    for size in (4, 2, 1):
        count = 8 // size
        lane = IntType(f"int{8 * size}_t", size)
        fields.append(Field(f"v{count}_int{8 * size}", ArrayType("", 8, lane, count, True)))
    return StructType("builtin_type_vec64i", 8, "union", fields)


def register_value(register: RegisterLike, data: bytes, types: RegisterTypes) -> Value:
    """Make a register's value: gdb's type, little-endian bytes, the register as lvalue."""
    ctype = types.named(register.type, register.size)
    return Value(ctype, bytes(data), Lvalue("register", 0, register.name))
