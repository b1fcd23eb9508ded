"""Values: a type and bytes, fetched when they are first needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, overload

from pydbg.errors import ExprError
from pydbg.expr import floats
from pydbg.expr.arithmetic import PythonValue
from pydbg.expr.types import (
    ArrayType,
    CType,
    Field,
    FloatType,
    FunctionType,
    IntType,
    NoDebugType,
    PointerType,
    ReferenceType,
    StructType,
    VoidType,
    strip,
)
from pydbg.records import Record

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = [
    "MAX_VALUE_SIZE",
    "Lvalue",
    "Value",
    "from_number",
    "is_integral",
    "is_scalar",
]

# gdb's default of `set max-value-size`, bytes: what one value may fetch.
MAX_VALUE_SIZE = 65536

Read = Callable[[int, int], bytes]


class Lvalue(Record, often=True):
    """Say where a value lives, so that it can be assigned to.

    ``kind`` is "memory" (``addr`` is a run-time address), "register" or "convenience"
    (``name`` without the dollar; ``addr`` is then the offset inside it), "none" (nowhere), or
    "optimized out" and "synthetic pointer" where there is nothing to read. ``bit_size``
    above 0 marks a bit-field that starts ``bit_offset`` bits up.
    """

    kind: str
    addr: int = 0
    name: str = ""
    bit_offset: int = 0
    bit_size: int = 0


class Value(PythonValue):
    """Hold one value of an expression: a C type and bytes, read when they are first needed.

    ``int(v)``, ``float(v)`` and ``bytes(v)`` leave C; ``v + 1``, ``v < w``, ``v["field"]``,
    ``v[3]`` and ``v.deref()`` stay in it. ``str(v)`` is what ``print`` shows.

    >>> import pydbg
    >>> with pydbg.launch("/bin/echo", "hi") as dbg:
    ...     argv = dbg.eval("(char **)($rsp + 8)")
    ...     str(argv.type), argv[1].string(), chr(argv[1][0]), int(argv + 1) - int(argv)
    ('char **', 'hi', 'h', 8)
    """

    __slots__ = ("_data", "_read", "lvalue", "type")

    def __init__(
        self,
        type: CType,
        data: bytes | None = None,
        lvalue: Lvalue | None = None,
        read: Read | None = None,
    ) -> None:
        self.type = type
        self.lvalue = lvalue
        self._data = data
        self._read = read

    @classmethod
    def at(cls, type: CType, addr: int, read: Read) -> Value:
        """Make a value that lives in memory and is read when it is first looked at.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     from pydbg.expr.types import LP64
        ...     pydbg.Value.at(LP64.long, dbg.regs.rsp, dbg.memory.read) == 1
        True
        """
        return cls(type, None, Lvalue("memory", addr), read)

    def __repr__(self) -> str:
        shown = "lazy" if self._data is None else self._data[:32].hex()
        return f"<Value {self.type} {shown}>"

    @property
    def lazy(self) -> bool:
        """Say whether the bytes have not been read yet.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     value = dbg.eval("*(long *)$rsp@4")
        ...     value.lazy, int(value[0]), value.lazy
        (True, 1, True)
        """
        return self._data is None

    @property
    def reader(self) -> Read | None:
        """Return the callable that reads the memory this value came from.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     value = dbg.eval("*(long *)$rsp")
        ...     value.reader(value.addr, 2)
        b'\\x01\\x00'
        """
        return self._read

    @property
    def data(self) -> bytes:
        """Return the bytes, little endian; reads memory the first time.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.eval("*(short *)$rsp").data
        b'\\x01\\x00'
        """
        if self._data is None:
            self.check_size()
            lvalue = self.lvalue
            if lvalue is not None and lvalue.kind == "optimized out":
                raise ExprError("value has been optimized out")
            if lvalue is None or self._read is None:
                self._data = bytes(self.type.size)
            else:
                self._data = self._read(lvalue.addr, self.type.size)
        return self._data

    @property
    def is_gone(self) -> bool:
        """Say whether the compiler removed the value, or a part of it.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.eval("1").is_gone
        False
        """
        lvalue = self.lvalue
        return lvalue is not None and lvalue.kind == "optimized out"

    def check_size(self) -> None:
        """Raise ExprError when the value is larger than one value may be.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.eval("*(char *)$rsp@100000").check_size()
        Traceback (most recent call last):
        pydbg.errors.ExprError: value requires 100000 bytes, which is more than max-value-size
        """
        if self.type.size > MAX_VALUE_SIZE:
            raise ExprError(
                f"value requires {self.type.size} bytes, which is more than max-value-size"
            )

    @property
    def addr(self) -> int | None:
        """Return the run-time address the value lives at, or None.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.eval("*(long *)$rsp").addr == dbg.regs.rsp, dbg.eval("1").addr
        (True, None)
        """
        lvalue = self.lvalue
        return lvalue.addr if lvalue is not None and lvalue.kind == "memory" else None

    @property
    def is_void(self) -> bool:
        """Say whether this is ``void``.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.eval("(void)0").is_void
        True
        """
        return isinstance(strip(self.type), VoidType)

    def __bytes__(self) -> bytes:
        return self.data

    def __int__(self) -> int:
        """Return the integer, pointer, or the address of a function or array in memory."""
        ctype = strip(self.type)
        if isinstance(ctype, IntType):
            return self._integer(ctype.signed)
        if isinstance(ctype, PointerType):
            return int.from_bytes(self.data, "little")
        if isinstance(ctype, FloatType):
            return to_integer(self.number())
        addr = self.addr
        if addr is not None and isinstance(ctype, (FunctionType, ArrayType, NoDebugType)):
            return addr
        raise ExprError("Value can't be converted to integer.")

    __index__ = __int__

    def _integer(self, signed: bool) -> int:
        data = self.data
        lvalue = self.lvalue
        if lvalue is not None and lvalue.bit_size:
            raw = int.from_bytes(data, "little") >> lvalue.bit_offset
            raw &= (1 << lvalue.bit_size) - 1
            if signed and raw >> (lvalue.bit_size - 1):
                raw -= 1 << lvalue.bit_size
            return raw
        return int.from_bytes(data, "little", signed=signed)

    def number(self) -> int | float | Fraction:
        """Return the number: exact for integers and for every floating format.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.eval("7").number(), dbg.eval("0.5").number()
        (7, 0.5)
        """
        ctype = strip(self.type)
        if isinstance(ctype, FloatType):
            return floats.decode(ctype.format, self.data)
        return int(self)

    def __float__(self) -> float:
        return float(self.number())

    def __bool__(self) -> bool:
        """Say whether the value is true in C's sense (gdb: any byte is not zero)."""
        ctype = strip(self.type)
        if isinstance(ctype, FloatType):
            return self.number() != 0
        if isinstance(ctype, (FunctionType, NoDebugType)):
            return self.addr != 0
        if isinstance(ctype, IntType):
            return int(self) != 0
        return any(self.data)

    @overload
    def __getitem__(self, key: slice) -> list[Value]: ...

    @overload
    def __getitem__(self, key: str | int) -> Value: ...

    def __getitem__(self, key: str | int | slice) -> Value | list[Value]:
        """Return a member by name, or an element of an array or pointer by index.

        As in C an index may lie outside of the array; a slice of an array is Python's.
        """
        if isinstance(key, str):
            return self.member(key)
        if isinstance(key, slice):
            return self._slice(key)
        return self.element(key)

    def member(self, name: str) -> Value:
        """Return a member of a struct or union.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     int(dbg.eval("$xmm0").member("uint128"))
        0
        """
        ctype = strip(self.type)
        if not isinstance(ctype, StructType):
            raise ExprError("Attempt to extract a component of a value that is not a structure.")
        found = ctype.field(name)
        if found is None:
            from pydbg.expr.bases import members_named, part_of

            for one in members_named(ctype, name):  # Of a virtual base: the object knows where.
                return part_of(self, one.path).member(name)
            kinds = "member or method" if ctype.methods else "member"
            raise ExprError(f"There is no {kinds} named {name}.")
        return self.part(found.type, found.offset, found.bit_offset, found.bit_size)

    def part(self, type: CType, offset: int, bit_offset: int = 0, bit_size: int = 0) -> Value:
        """Return the part of this value that lies ``offset`` bytes into it.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     from pydbg.expr.types import LP64
        ...     int(dbg.eval("0x1234").part(LP64.char, 1))
        18
        """
        lvalue = self.lvalue
        if lvalue is not None:
            lvalue = Lvalue(lvalue.kind, lvalue.addr + offset, lvalue.name, bit_offset, bit_size)
        elif bit_size:
            lvalue = Lvalue("none", offset, "", bit_offset, bit_size)
        data = None
        if self._data is not None:
            data = self._data[offset : offset + type.size]
            if len(data) < type.size:
                data = None  # A virtual base may lie behind the part that was read.
        return Value(type, data, lvalue, self._read)

    def known_bytes(self, offset: int, size: int) -> bytes | None:
        """Return some of the bytes, None where they were not read yet.

        >>> from pydbg.expr.types import LP64
        >>> from_number(LP64.int, 0x1234).known_bytes(1, 1)
        b'\\x12'
        """
        data = self._data
        return None if data is None else data[offset : offset + size]

    def base_part(self, base: Field) -> Value:
        """Return the part of an object that is one of its base classes.

        A virtual base lies where the object's own table says (Itanium C++ ABI, 2.4).
        """
        offset = base.offset
        if base.at is not None:
            addr = self.addr
            if addr is None or self._read is None:
                raise ExprError("A virtual base class is found in memory only.")
            offset = base.at(addr, self._read) if callable(base.at) else 0
        return self.part(base.type, offset)

    def referred(self) -> Value:
        """Return what a reference refers to."""
        ctype = strip(self.type)
        if not isinstance(ctype, ReferenceType):
            return self
        if self._read is None:
            raise ExprError("Cannot read memory through this value.")
        return Value.at(ctype.target, int.from_bytes(self.data, "little"), self._read)

    def element(self, index: int) -> Value:
        """Return an element of an array, or what a pointer plus ``index`` points to.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     int(dbg.eval("(long *)$rsp").element(0))
        1
        """
        ctype = strip(self.type)
        if isinstance(ctype, ArrayType):
            if 0 <= index < ctype.count:
                return self.part(ctype.element, index * ctype.element.size)
            addr = self.addr
            if addr is None or ctype.vector or self._read is None:
                raise ExprError("no such vector element")
            return Value.at(ctype.element, _wrap(addr + index * ctype.element.size), self._read)
        if isinstance(ctype, PointerType):
            return self.deref(index)
        name = ctype.name or str(ctype)
        raise ExprError(f"cannot subscript something of type `{name}'")

    def deref(self, index: int = 0) -> Value:
        """Return what a pointer points to (``index`` elements further on).

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     int(dbg.eval("(long *)$rsp").deref())
        1
        """
        ctype = strip(self.type)
        if not isinstance(ctype, PointerType):
            raise ExprError("Attempt to take contents of a non-pointer value.")
        target = ctype.target
        if isinstance(strip(target), VoidType):
            raise ExprError("Attempt to dereference a generic pointer.")
        if self._read is None:
            raise ExprError("Cannot read memory through this value.")
        return Value.at(target, _wrap(int(self) + index * target.size, ctype.size), self._read)


def _wrap(addr: int, size: int = 8) -> int:
    return addr & ((1 << (8 * size)) - 1)


def is_integral(ctype: CType) -> bool:
    """Say whether gdb counts the type among the integers (flags, bool and enum too)."""
    return isinstance(strip(ctype), IntType)


def is_scalar(ctype: CType) -> bool:
    """Say whether the type is a number or a pointer."""
    return isinstance(strip(ctype), (IntType, FloatType, PointerType))


def to_integer(number: int | float | Fraction) -> int:
    """Truncate a number towards zero, clamped to 64 bits as gdb's host conversion does."""
    if isinstance(number, float):
        if number != number:
            return -(1 << 63)
        number = max(min(number, 1e30), -1e30)
    return max(min(int(number), (1 << 63) - 1), -(1 << 63))


_WIDEST = 64
"""Bytes of the largest number; what claims more is of damaged debug information."""


def from_number(ctype: CType, number: int | float | Fraction, read: Read | None = None) -> Value:
    """Make a value of a scalar type from a number, wrapped or rounded to the type.

    >>> from pydbg.expr.types import LP64
    >>> int(from_number(LP64.int, 2**31))
    -2147483648
    """
    inner = strip(ctype)
    if isinstance(inner, FloatType):
        data = floats.encode(inner.format, number).ljust(inner.size, b"\0")
        return Value(ctype, data, None, read)
    if inner.size > _WIDEST:
        raise ExprError(f"a number of {inner.size} bytes")
    whole = number if isinstance(number, int) else to_integer(number)
    data = (whole & ((1 << (8 * inner.size)) - 1)).to_bytes(inner.size, "little")
    return Value(ctype, data, None, read)
