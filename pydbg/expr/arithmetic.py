"""How a value behaves in Python: operators, comparisons, iteration, text.

Arithmetic and comparisons are C's, so that they say what the program itself would compute:
they wrap around, pointers count in elements, and division of integers truncates. A Python
number on the other side counts as ``long`` (``unsigned long`` if it is too large) or
``double``. ``int(v)`` leaves C for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from pydbg.errors import ExprError
from pydbg.expr.types import (
    ArrayType,
    CharType,
    DataModel,
    PointerType,
    StructType,
    data_model,
    strip,
)

if TYPE_CHECKING:
    from pydbg.expr.values import Value

__all__ = ["PythonValue"]

Number = int | float
Symbolize = Callable[[int], str | None]


class PythonValue:
    """Be the part of a value that is Python's.

    >>> from pydbg.expr.types import LP64
    >>> from pydbg.expr.values import from_number
    >>> v = from_number(LP64.uint, 7)
    >>> int(v + 1), int(v // 2), v < 8, f"{v:#x}", str(-v), int(2**32 + v)
    (8, 3, True, '0x7', '4294967289', 4294967303)
    """

    __slots__ = ()

    def _self(self) -> Value:
        return cast("Value", self)

    # What the value was read through knows the program; without one it is a 64-bit one.

    def _program(self, name: str) -> object:
        return getattr(getattr(self._self().reader, "__self__", None), name, None)

    def _model(self) -> DataModel:
        size = self._program("pointer_size")
        return data_model(size if isinstance(size, int) else 8)

    def _other(self, other: object) -> Value | None:
        """Return the other side as a value, None if it is nothing to calculate with."""
        from pydbg.expr.values import Value, from_number

        model, read = self._model(), self._self().reader
        if isinstance(other, Value):
            return other
        if isinstance(other, int):
            ctype = model.integer(8, not other >> 63 or other < 0)
            return from_number(ctype, int(other), read)
        return from_number(model.double, other, read) if isinstance(other, float) else None

    def _decay(self, value: Value) -> Value:
        """Return a value as an operand: an array in memory is a pointer to its first element."""
        from pydbg.expr.values import from_number

        ctype, addr = strip(value.type), value.addr
        if isinstance(ctype, ArrayType) and not ctype.vector and addr is not None:
            size = self._model().pointer_size
            return from_number(PointerType("", size, ctype.element), addr, value.reader)
        return value

    def _binary(self, op: str, other: object, *, swapped: bool = False) -> Value:
        from pydbg.expr.operators import binary

        right = self._other(other)
        if right is None:
            return cast("Value", NotImplemented)
        left, right = self._decay(self._self()), self._decay(right)
        if swapped:
            left, right = right, left
        found = binary(op, left, right, self._model(), _quiet)
        return type(found)(found.type, found.data, None, self._self().reader)

    def __add__(self, other: Value | Number) -> Value:
        return self._binary("+", other)

    def __radd__(self, other: Number) -> Value:
        return self._binary("+", other, swapped=True)

    def __sub__(self, other: Value | Number) -> Value:
        return self._binary("-", other)

    def __rsub__(self, other: Number) -> Value:
        return self._binary("-", other, swapped=True)

    def __mul__(self, other: Value | Number) -> Value:
        return self._binary("*", other)

    def __rmul__(self, other: Number) -> Value:
        return self._binary("*", other, swapped=True)

    def __truediv__(self, other: Value | Number) -> Value:
        return self._binary("/", other)

    def __rtruediv__(self, other: Number) -> Value:
        return self._binary("/", other, swapped=True)

    def __floordiv__(self, other: Value | Number) -> Value:
        return self._binary("/", other)

    def __rfloordiv__(self, other: Number) -> Value:
        return self._binary("/", other, swapped=True)

    def __mod__(self, other: Value | Number) -> Value:
        return self._binary("%", other)

    def __rmod__(self, other: Number) -> Value:
        return self._binary("%", other, swapped=True)

    def __and__(self, other: Value | int) -> Value:
        return self._binary("&", other)

    def __rand__(self, other: int) -> Value:
        return self._binary("&", other, swapped=True)

    def __or__(self, other: Value | int) -> Value:
        return self._binary("|", other)

    def __ror__(self, other: int) -> Value:
        return self._binary("|", other, swapped=True)

    def __xor__(self, other: Value | int) -> Value:
        return self._binary("^", other)

    def __rxor__(self, other: int) -> Value:
        return self._binary("^", other, swapped=True)

    def __lshift__(self, other: Value | int) -> Value:
        return self._binary("<<", other)

    def __rlshift__(self, other: int) -> Value:
        return self._binary("<<", other, swapped=True)

    def __rshift__(self, other: Value | int) -> Value:
        return self._binary(">>", other)

    def __rrshift__(self, other: int) -> Value:
        return self._binary(">>", other, swapped=True)

    def _unary(self, op: str) -> Value:
        from pydbg.expr.operators import negate

        found = negate(op, self._self(), self._model())
        return type(found)(found.type, found.data, None, self._self().reader)

    def __neg__(self) -> Value:
        return self._unary("-")

    def __pos__(self) -> Value:
        return self._unary("+")

    def __invert__(self) -> Value:
        return self._unary("~")

    def __abs__(self) -> Value:
        return self._unary("-" if self < 0 else "+")

    # --- comparisons -------------------------------------------------------------------------

    def _compare(self, op: str, other: object) -> bool:
        from pydbg.expr.operators import compare

        right = self._other(other)
        if right is None:
            return cast("bool", NotImplemented)
        left = self._self()
        if type(strip(left.type)) is not type(strip(right.type)):
            left, right = self._decay(left), self._decay(right)
        return compare(op, left, right, self._model())

    def __eq__(self, other: object) -> bool:
        try:
            return self._compare("==", other)
        except ExprError:
            return False

    def __ne__(self, other: object) -> bool:
        try:
            return self._compare("!=", other)
        except ExprError:
            return True

    def __lt__(self, other: Value | Number) -> bool:
        return self._compare("<", other)

    def __le__(self, other: Value | Number) -> bool:
        return self._compare("<=", other)

    def __gt__(self, other: Value | Number) -> bool:
        return self._compare(">", other)

    def __ge__(self, other: Value | Number) -> bool:
        return self._compare(">=", other)

    def __hash__(self) -> int:
        """Return the hash of the number, as equal values have the same; of the bytes else."""
        value = self._self()
        try:
            return hash(value.number())
        except ExprError:
            return hash(value.data)

    # --- arrays and structs ------------------------------------------------------------------

    def __len__(self) -> int:
        """Return how many elements an array has, or members a struct."""
        ctype = strip(self._self().type)
        if isinstance(ctype, ArrayType):
            return ctype.count
        if isinstance(ctype, StructType):
            return len(ctype.fields)
        raise TypeError(f"a value of type {self._self().type} has no length")

    def __iter__(self) -> Iterator[Value]:
        """Give the elements of an array, or the members of a struct."""
        value = self._self()
        ctype = strip(value.type)
        if isinstance(ctype, ArrayType):
            if ctype.size <= _READ_WHOLE:
                value.data  # noqa: B018 - read once, not element by element
            return (value.element(index) for index in range(ctype.count))
        if isinstance(ctype, StructType):
            return (
                value.part(f.type, f.offset, f.bit_offset, f.bit_size) for f in list(ctype.fields)
            )
        raise TypeError(f"a value of type {value.type} cannot be iterated")

    def keys(self) -> list[str]:
        """Return the names of a struct's members; with them ``dict(v)`` works.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.eval("$xmm0").keys()[:2]
        ['v8_bfloat16', 'v8_half']
        """
        ctype = strip(self._self().type)
        if not isinstance(ctype, StructType):
            raise TypeError(f"a value of type {self._self().type} has no members")
        return [field.name for field in ctype.fields if field.name]

    def _slice(self, where: slice) -> list[Value]:
        value = self._self()
        ctype = strip(value.type)
        if isinstance(ctype, ArrayType):
            return [value.element(index) for index in range(*where.indices(ctype.count))]
        if where.stop is None:
            raise ExprError("A slice of a pointer needs an end.")
        indices = range(where.start or 0, where.stop, where.step or 1)
        return [value.element(index) for index in indices]

    # --- text --------------------------------------------------------------------------------

    def format(self, letter: str = "") -> str:
        """Return the text that ``print/LETTER`` shows: x d u o t z a c f s, or none.

        >>> import pydbg
        >>> with pydbg.Debugger() as dbg:
        ...     dbg.eval("(char)65").format(), dbg.eval("10").format("t")
        ("65 'A'", '1010')
        """
        from pydbg.expr.format import Formatter, format_value
        from pydbg.expr.language import Language

        made = self._program("formatter")
        if callable(made):
            return cast("Formatter", made()).top(self._self(), letter)
        symbolize = self._program("symbolize")
        language = self._program("language")
        return format_value(
            self._self(),
            letter,
            symbolize=cast("Symbolize", symbolize) if callable(symbolize) else None,
            pointer_size=self._model().pointer_size,
            formatter=language.formatter if isinstance(language, Language) else None,
        )

    def __str__(self) -> str:
        return self.format()

    def __format__(self, spec: str) -> str:
        """Format a number as Python's, anything else as its text."""
        if not spec:
            return str(self)
        value = self._self()
        try:
            number = value.number()
        except ExprError:
            return format(str(self), spec)
        if spec[-1] == "s":
            return format(str(self), spec)
        return format(number if isinstance(number, int) else float(number), spec)

    def string(self, limit: int = 4096) -> str:
        """Return the text of a char array or of what a char pointer points to, up to its NUL.

        Bytes that are no UTF-8 are escaped. Raises ExprError for other types and MemoryFault.

        >>> import pydbg
        >>> with pydbg.launch("/bin/echo", "hi") as dbg:
        ...     dbg.eval("((char **)($rsp + 8))[1]").string()
        'hi'
        """
        value = self._self()
        ctype = strip(value.type)
        if isinstance(ctype, ArrayType) and isinstance(strip(ctype.element), CharType):
            data = value.data
        elif isinstance(ctype, PointerType) and isinstance(strip(ctype.target), CharType):
            from pydbg.expr.functions import c_string

            if value.reader is None:
                raise ExprError("Cannot read memory through this value.")
            data = c_string(int(value), value.reader, limit)
        else:
            raise ExprError(f"A value of type {value.type} is no string.")
        return data.partition(b"\0")[0][:limit].decode("utf-8", "backslashreplace")


_READ_WHOLE = 65536


def _quiet(_: str) -> None:
    """Drop gdb's warnings about shifts: Python code has no place for them."""
