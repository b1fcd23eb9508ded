"""From a location expression to a value: in memory, in registers, in pieces, or nowhere.

DWARF 5, section 2.6. A value that the optimiser removed is one too: it prints as
``<optimized out>`` and using it is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from pydbg.errors import DebuggerError, ExprError, FileError
from pydbg.expr.types import ArrayType, CType, FloatType, IntType, StructType, strip
from pydbg.expr.values import Lvalue, Value
from pydbg.records import Record
from pydbg.symbols import dwexpr
from pydbg.symbols.cursor import fixed, signed, sleb, take, uleb
from pydbg.symbols.entries import At

if TYPE_CHECKING:
    from fractions import Fraction

    from pydbg.symbols.entries import Die

__all__ = [
    "GNU_TYPED",
    "OPTIMIZED_OUT",
    "Machine",
    "PiecedValue",
    "Surroundings",
    "constant_of",
    "optimized_out",
    "place",
    "place_simply",
]

OPTIMIZED_OUT = "optimized out"
_MAX_CALLS = 8
_MAX_PIECES = 256


GNU_TYPED = {0xF4: 0xA4, 0xF5: 0xA5, 0xF6: 0xA6, 0xF7: 0xA8, 0xF9: 0xA9}
"""GNU's forerunners of const_type, regval_type, deref_type, convert and reinterpret."""


class Surroundings(Protocol):
    """Be what an expression may ask: of a frame, a thread and a module."""

    @property
    def pointer_size(self) -> int: ...
    @property
    def bias(self) -> int: ...
    def read(self, addr: int, size: int, /) -> bytes: ...
    def register(self, number: int, /) -> tuple[str, bytes] | None:
        """Return a register's name and bytes by its DWARF number."""
        ...

    def frame_base(self) -> int: ...
    def cfa(self) -> int: ...
    def tls(self, offset: int, /) -> int: ...
    def entry_value(self, register: int, /) -> int:
        """Return what a register held when the function was entered; ExprError if unknown."""
        ...

    def entry_parameter(self, position: int, /) -> int:
        """Return what the caller would have passed for a parameter that is not passed at all."""
        ...

    def address_index(self, index: int, /) -> int:
        """Return an address of .debug_addr, which is a link address."""
        ...

    def die_at(self, offset: int, /) -> Die | None:
        """Return the entry at an offset of its unit."""
        ...

    def die_anywhere(self, offset: int, /) -> Die | None:
        """Return the entry at an offset of .debug_info."""
        ...


class Piece(Record, often=True):
    """Be one part of a value: where it is, or its bytes; sizes are in bits."""

    kind: str
    """memory, register, bytes, synthetic, none"""
    addr: int = 0
    name: str = ""
    data: bytes = b""
    size: int = 0
    offset: int = 0


class Machine:
    """Run one location expression and note what it says of the place."""

    def __init__(self, around: Surroundings, stack: tuple[int, ...] = ()) -> None:
        self.around = around
        self.pieces: list[Piece] = []
        self._now: Piece | None = None
        self._stack = stack
        self._calls = self._depth = 0

    def run(self, expression: bytes) -> list[Piece]:
        """Return the parts of the place, one without a size if it is whole."""
        if not expression:
            return [Piece("none")]
        top = self._evaluate(expression, self._stack)
        if self.pieces:
            return self.pieces
        return [self._now or Piece("memory", top)]

    def _evaluate(self, expression: bytes, stack: tuple[int, ...] = ()) -> int:
        around = self.around
        if self._depth > _MAX_CALLS:
            raise FileError("a location has expressions in expressions without end")
        self._depth += 1
        try:
            return dwexpr.evaluate(
                expression,
                register=self._number,
                read=around.read,
                pointer_size=around.pointer_size,
                bias=around.bias,
                stack=stack,
                frame_base=around.frame_base,
                cfa=around.cfa,
                extra=self._extra,
            )
        finally:
            self._depth -= 1

    def _number(self, number: int) -> int:
        found = self.around.register(number)
        if found is None:
            raise ExprError("value has been optimized out")
        return int.from_bytes(found[1], "little")

    def _extra(self, op: int, code: bytes, pos: int, stack: list[int]) -> int:
        """Do what makes a place out of numbers; return the position behind it."""
        if 0x50 <= op <= 0x6F or op == 0x90:  # DW_OP_reg0 ... 31, regx
            number = op - 0x50
            if op == 0x90:
                number, pos = uleb(code, pos)
            found = self.around.register(number)
            self._now = Piece("none") if found is None else Piece("register", 0, *found)
            # A frame base may be a register by name; its content is meant then.
            stack.append(0 if found is None else int.from_bytes(found[1], "little"))
            return pos
        if op in (0x93, 0x9D):  # piece, bit_piece
            size, pos = uleb(code, pos)
            offset = 0
            if op == 0x9D:
                offset, pos = uleb(code, pos)
            self._piece(size if op == 0x9D else 8 * size, offset, stack)
            return pos
        if op == 0x9E:  # implicit_value
            size, pos = uleb(code, pos)
            data, pos = take(code, pos, size)
            self._now = Piece("bytes", data=data)
            return pos
        if op == 0x9F:  # stack_value
            value = stack[-1] & ((1 << 128) - 1)
            self._now = Piece("bytes", data=value.to_bytes(16, "little"))
            return pos
        if op in (0xA0, 0xF2):  # implicit_pointer
            _, pos = fixed(code, pos, 4)
            _, pos = sleb(code, pos)
            self._now = Piece("synthetic")
            return pos
        if op in (0xA3, 0xF3):  # entry_value
            size, pos = uleb(code, pos)
            inner, pos = take(code, pos, size)
            stack.append(self._entry(inner))
            return pos
        if op in (0x9B, 0xE0):  # form_tls_address
            stack.append(self.around.tls(stack.pop()))
            return pos
        if op in (0xA1, 0xFB, 0xA2, 0xFC):  # addrx, constx
            index, pos = uleb(code, pos)
            value = self.around.address_index(index)
            stack.append(value + (self.around.bias if op in (0xA1, 0xFB) else 0))
            return pos
        if op in (0x98, 0x99, 0x9A):
            return self._call(op, code, pos, stack)
        if 0xA4 <= op <= 0xA9 or op in GNU_TYPED:
            return self._typed(op, code, pos, stack)
        if op == 0xFD:  # GNU_variable_value
            raise ExprError("value has been optimized out")
        if op == 0xFA:  # GNU_parameter_ref
            position, pos = fixed(code, pos, 4)
            stack.append(self.around.entry_parameter(position))
            return pos
        if op == 0x97:  # push_object_address
            stack.append(self._stack[0] if self._stack else 0)
            return pos
        raise ExprError(f"Unhandled dwarf expression opcode {op:#x}")

    def _piece(self, bits: int, offset: int, stack: list[int]) -> None:
        now = self._now
        if now is None:
            now = Piece("memory", stack[-1]) if stack else Piece("none")
        stack.clear()
        self._now = None
        if len(self.pieces) >= _MAX_PIECES:
            raise ExprError("a location has too many pieces")
        self.pieces.append(Piece(now.kind, now.addr, now.name, now.data, bits, offset))

    def _entry(self, inner: bytes) -> int:
        op = inner[0]
        if 0x50 <= op <= 0x6F:
            return self.around.entry_value(op - 0x50)
        if op == 0x90:
            return self.around.entry_value(uleb(inner, 1)[0])
        if 0x70 <= op <= 0x8F:
            offset, end = sleb(inner, 1)
            rest = inner[end:]
            base = self.around.entry_value(op - 0x70) + offset
            return self._evaluate(rest, (base,)) if rest else base
        raise ExprError("value has been optimized out")

    def _call(self, op: int, code: bytes, pos: int, stack: list[int]) -> int:
        offset, pos = fixed(code, pos, {0x98: 2, 0x99: 4, 0x9A: 4}[op])
        around = self.around
        die = around.die_anywhere(offset) if op == 0x9A else around.die_at(offset)
        inner = die.block(0x02) if die is not None else None
        self._calls += 1
        if self._calls > _MAX_CALLS:
            raise ExprError("a location calls itself")
        if inner:
            stack.append(self._evaluate(inner, tuple(stack)))
        return pos

    def _typed(self, op: int, code: bytes, pos: int, stack: list[int]) -> int:
        """Do the operations on typed numbers, which stay bits here."""
        low = GNU_TYPED.get(op, op)
        if low == 0xA4:  # const_type
            at, pos = uleb(code, pos)
            size = code[pos]
            data, pos = take(code, pos + 1, size)
            stack.append(int.from_bytes(data, "little"))
        elif low == 0xA5:  # regval_type
            number, pos = uleb(code, pos)
            at, pos = uleb(code, pos)
            size, encoding = self._base(at)
            found = self.around.register(number)
            if found is None:
                raise ExprError("value has been optimized out")
            bits = int.from_bytes(found[1][:size], "little")
            stack.append(_Float(bits, size) if encoding == _FLOAT else bits)
        elif low in (0xA6, 0xA7):  # deref_type, xderef_type
            size = code[pos]
            _, pos = uleb(code, pos + 1)
            stack.append(int.from_bytes(self.around.read(stack.pop(), size), "little"))
        else:  # convert, reinterpret
            at, pos = uleb(code, pos)
            size, encoding = self._base(at)
            operand = stack.pop()
            if low == 0xA8 and (isinstance(operand, _Float) or encoding == _FLOAT):
                stack.append(_converted(operand, size, encoding))
                return pos
            value = operand & ((1 << 8 * size) - 1)
            if encoding in _SIGNED and low == 0xA8:
                value = signed(value, size) & ((1 << 64) - 1)
            stack.append(value)
        return pos

    def _base(self, offset: int) -> tuple[int, int]:
        """Return size and encoding (DW_ATE) of a base type; offset 0 is the generic one."""
        if not offset:
            return self.around.pointer_size, 0
        die = self.around.die_at(offset)
        if die is None:
            raise ExprError("a location names a type that is not there")
        return die.number(0x0B) or 8, die.number(0x3E) or 0


_FLOAT, _SIGNED = 4, (5, 6)
"""DW_ATE_float; DW_ATE_signed and DW_ATE_signed_char (DWARF 5, 7.8)."""
_FORMATS = {4: "single", 8: "double", 16: "x87"}


class _Float(int):
    """Be the bits of a floating number on the stack, which knows its size."""

    size: int

    def __new__(cls, bits: int, size: int) -> _Float:
        made = super().__new__(cls, bits)
        made.size = size
        return made


def _converted(operand: int, size: int, encoding: int) -> int:
    """Convert a number to another base type, one of the two a floating one."""
    from pydbg.expr import floats

    number: int | float | Fraction
    if isinstance(operand, _Float):
        number = floats.decode(_FORMATS[operand.size], operand.to_bytes(operand.size, "little"))
    else:
        number = signed(operand & ((1 << 64) - 1), 8)
    if encoding == _FLOAT:
        bits = floats.encode(_FORMATS[size], number)
        return _Float(int.from_bytes(bits, "little"), size)
    try:
        return int(number) & ((1 << 8 * max(size, 8)) - 1)
    except (ValueError, OverflowError):
        raise ExprError("value has been optimized out") from None


class PiecedValue(Value):
    """Be a value some bits of which are gone: masks say which are known, which made up."""

    __slots__ = ("known", "synthetic")
    known: int
    synthetic: int
    """The bits of pointers to things that are nowhere."""

    @property
    def data(self) -> bytes:
        """Return the bytes if all are known."""
        if self.is_gone or self._data is None:
            raise ExprError("value has been optimized out")
        return self._data

    @property
    def is_gone(self) -> bool:
        """Tell whether a part of it is gone."""
        return self.known != (1 << 8 * self.type.size) - 1

    def part(self, type: CType, offset: int, bit_offset: int = 0, bit_size: int = 0) -> Value:
        """Return a part; one that is not known whole is optimized out."""
        assert self._data is not None
        mask = (1 << (bit_size or 8 * type.size)) - 1
        shift = 8 * offset + bit_offset
        known, made_up = self.known >> shift & mask, self.synthetic >> shift & mask
        data = self._data[offset : offset + type.size].ljust(type.size, b"\0")
        if mask and made_up == mask:
            return Value(type, bytes(type.size), Lvalue("synthetic pointer"), self._read)
        if known == mask:
            lvalue = Lvalue("none", offset, "", bit_offset, bit_size) if bit_size else None
            return Value(type, data, lvalue, self._read)
        if isinstance(strip(type), (StructType, ArrayType)):
            return pieced(type, data, known, made_up, self._read)
        return optimized_out(type, self._read)


def pieced(
    ctype: CType,
    data: bytes,
    known: int,
    synthetic: int,
    read: Callable[[int, int], bytes] | None,
) -> Value:
    """Make a value of which only some bits are known."""
    made = PiecedValue(ctype, data, None, read)
    made.known, made.synthetic = known, synthetic
    return made


def optimized_out(ctype: CType, read: Callable[[int, int], bytes] | None) -> Value:
    """Make a value that the optimiser removed."""
    return Value(ctype, None, Lvalue(OPTIMIZED_OUT), read)


def place(ctype: CType, expression: bytes | None, around: Surroundings) -> Value:
    """Return the value whose place an expression describes."""
    read = around.read
    if not expression:
        return optimized_out(ctype, read)
    try:
        piece = _simple(expression, around)
        if piece is not None:
            return _whole(ctype, piece, around)
        pieces = Machine(around).run(expression)
    except ExprError as error:
        if "optimized out" in str(error):
            return optimized_out(ctype, read)
        raise
    if len(pieces) == 1 and not pieces[0].size:
        return _whole(ctype, pieces[0], around)
    return _joined(ctype, pieces, around)


def place_simply(ctype: CType, where: tuple[str, int, int], around: Surroundings) -> Value:
    """Return the value whose place is described as ``dwexpr.simple`` does."""
    try:
        return _whole(ctype, _found(where, around), around)
    except ExprError as error:
        if "optimized out" in str(error):
            return optimized_out(ctype, around.read)
        raise


def first_piece(expression: bytes, around: Surroundings) -> Piece:
    """Return the place that an expression describes, the first part of one in pieces."""
    return _simple(expression, around) or Machine(around).run(expression)[0]


def _simple(expression: bytes, around: Surroundings) -> Piece | None:
    """Return the place that an expression of one operation describes, None for more."""
    found = dwexpr.simple(expression, around.pointer_size)
    return None if found is None else _found(found, around)


def _found(where: tuple[str, int, int], around: Surroundings) -> Piece:
    """Return the place that ``dwexpr.simple`` found."""
    kind, number, offset = where
    if kind == "register":
        known = around.register(number)
        return Piece("none") if known is None else Piece("register", 0, *known)
    if kind == "based":
        known = around.register(number)
        if known is None:
            return Piece("none")
        addr = int.from_bytes(known[1], "little") + offset
    elif kind == "frame":
        addr = around.frame_base() + offset
    elif kind == "cfa":
        addr = around.cfa() + offset
    else:
        addr = around.bias + offset
    return Piece("memory", addr & ((1 << 8 * around.pointer_size) - 1))


def _whole(ctype: CType, piece: Piece, around: Surroundings) -> Value:
    size = ctype.size
    if piece.kind == "memory":
        return Value.at(ctype, piece.addr, around.read)
    if piece.kind == "bytes":
        return Value(ctype, piece.data[:size].ljust(size, b"\0"), None, around.read)
    if piece.kind == "synthetic":
        return Value(ctype, bytes(size), Lvalue("synthetic pointer"), around.read)
    if piece.kind == "none":
        return optimized_out(ctype, around.read)
    inner = strip(ctype)
    data = piece.data[:size]
    if isinstance(inner, (IntType, FloatType)) and len(data) < size:
        return optimized_out(ctype, around.read)
    return Value(ctype, data.ljust(size, b"\0"), Lvalue("register", 0, piece.name), around.read)


def _once(pieces: list[Piece], bits: int) -> list[Piece]:
    """Leave out what is described twice: Go 1.19 does so with words of slices and interfaces.

    gdb gives up on them, or takes the second for what comes next.

    >>> word, other = Piece("memory", 16, size=64), Piece("memory", 24, size=64)
    >>> [piece.addr for piece in _once([word, word, other], 128)]
    [16, 24]
    """
    extra = sum(piece.size for piece in pieces) - bits
    kept: list[Piece] = []
    for piece in pieces:
        if kept and 0 < piece.size <= extra and piece == kept[-1]:
            extra -= piece.size
        else:
            kept.append(piece)
    return kept


def _joined(ctype: CType, pieces: list[Piece], around: Surroundings) -> Value:
    size = ctype.size
    pieces = _once(pieces, 8 * size)
    bits = known = at = 0
    synthetic = 0
    for piece in pieces:
        mask = (1 << piece.size) - 1
        raw: bytes | None = piece.data
        length = (piece.size + piece.offset + 7) // 8
        if piece.kind == "memory":
            try:
                raw = around.read(piece.addr, length)
            except DebuggerError:
                raw = None
        elif piece.kind in ("none", "synthetic"):
            raw = None
        if raw is not None:
            value = int.from_bytes(raw[:length], "little") >> piece.offset & mask
            bits |= value << at
            known |= mask << at
        elif piece.kind == "synthetic":
            synthetic |= mask << at
        at += piece.size
        if at > 8 * size:
            break
    whole = (1 << 8 * size) - 1
    if at < 8 * size:  # As in gdb, what no piece describes is zero, and no pointer to anything.
        rest = whole & ~((1 << at) - 1)
        known |= rest
        synthetic |= rest if isinstance(strip(ctype), StructType) else 0
    data = (bits & whole).to_bytes(size, "little")
    if known & whole == whole and not synthetic & whole:
        return Value(ctype, data, Lvalue("none"), around.read)
    if not (known | synthetic) & whole:
        return optimized_out(ctype, around.read)
    return pieced(ctype, data, known & whole, synthetic & whole, around.read)


def constant_of(die: Die, ctype: CType, around: Surroundings) -> Value:
    """Return the value of DW_AT_const_value."""
    data = die.constant(At.const_value)
    if data is not None:
        return Value(ctype, data[: ctype.size].ljust(ctype.size, b"\0"), None, around.read)
    mask = (1 << 8 * ctype.size) - 1
    number = die.signed(At.const_value) or 0
    return Value(ctype, (number & mask).to_bytes(ctype.size, "little"), None, around.read)
