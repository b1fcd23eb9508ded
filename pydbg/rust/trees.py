"""What Rust's expressions have that C's have not, or mean otherwise: nodes that know their value.

The rules are those of gdb's rust-lang.c, which are looser than the language's: arithmetic is done
in 64 bits whatever its operands are, types need not agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import ExprError, NoSymbol
from pydbg.expr import nodes
from pydbg.expr.operators import binary, cast, common_type, compare, negate
from pydbg.expr.overloads import missing
from pydbg.expr.types import (
    BoolType,
    CType,
    Field,
    FloatType,
    IntType,
    PointerType,
    StructType,
    VoidType,
    strip,
)
from pydbg.expr.values import Value, from_number, is_integral
from pydbg.rust import calls
from pydbg.rust.access import field_of, index_of, slice_of
from pydbg.rust.kinds import (
    ByteString,
    is_str,
    primitive,
    slice_parts,
    str_type,
    trait_object,
)
from pydbg.rust.library import bytes_of

if TYPE_CHECKING:
    from pydbg.expr.evaluator import Evaluator

__all__ = [
    "Access",
    "Arithmetic",
    "Bytes",
    "Cast",
    "Decimal",
    "Invoke",
    "Number",
    "Path",
    "Prefix",
    "Range",
    "Repeat",
    "Store",
    "StructLiteral",
    "Subscript",
    "Text",
    "Truth",
    "TypePath",
    "Unit",
]

_COMPARE = frozenset(("==", "!=", "<", ">", "<=", ">="))
_TOO_WIDE = "That operation is not available on integers of more than 8 bytes."
_UNIT = VoidType("()", 0)


def unit() -> Value:
    """Return ``()``."""
    return Value(_UNIT, b"")


class TypePath(nodes.TypeName):
    """Be a type as Rust writes it: a path, or with ``derived`` pointers and arrays of one."""

    def resolve(self, evaluator: Evaluator) -> CType:
        """Return the type; ExprError where there is none."""
        model = evaluator.model
        found = primitive(self.base, model.pointer_size) or evaluator.ctx.type_named(self.base)
        found = found or (model.named(self.base) if "::" not in self.base else None)
        if found is None:
            raise ExprError(f"No symbol '{self.base}' in current context")
        for step in self.derived:
            if step[0] == "*":
                found = model.pointer(found)
            else:
                count = step[1]
                assert isinstance(count, int)
                found = model.array(found, count)
        return found

    def only_value(self, ctype: CType) -> Value | None:
        """Return the value of a struct without members: it is written as the struct's name."""
        inner = strip(ctype)
        if isinstance(inner, StructType) and not inner.fields and inner.variant_part is None:
            return Value(ctype, bytes(ctype.size))
        return None


class Number(nodes.OwnNode):
    """Be an integer, character or byte; ``type`` is a primitive type's name."""

    value: int
    type: str

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return it in its type."""
        ctype = primitive(self.type, evaluator.model.pointer_size)
        assert ctype is not None
        return from_number(ctype, self.value)


class Decimal(nodes.OwnNode):
    """Be a floating literal."""

    text: str
    type: str

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return it in its type."""
        ctype = primitive(self.type, evaluator.model.pointer_size)
        assert ctype is not None
        return from_number(ctype, float(self.text))


class Unit(nodes.OwnNode):
    """Be ``()``."""

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return ``()``."""
        return unit()


class Truth(nodes.OwnNode):
    """Be ``true`` or ``false``."""

    value: bool

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return a bool."""
        return evaluator.truth_value(self.value)


class _LiteralText(Value):
    """Be a ``&str`` of an expression; its bytes go into the program when something needs them."""

    __slots__ = ("_evaluator", "text")

    def __init__(self, text: bytes, evaluator: Evaluator) -> None:
        super().__init__(str_type(evaluator.model.pointer_size), None, None, evaluator.ctx.read)
        self.text = text
        self._evaluator = evaluator

    @property
    def data(self) -> bytes:
        """Return pointer and length."""
        if self._data is None:
            word = self._evaluator.model.pointer_size
            addr = self._evaluator.ctx.allocate(self.text) if self.text else word
            self._data = addr.to_bytes(word, "little") + len(self.text).to_bytes(word, "little")
        return self._data

    def part(self, type: CType, offset: int, bit_offset: int = 0, bit_size: int = 0) -> Value:
        """Return the pointer or the length."""
        return Value(type, self.data[offset : offset + type.size], None, self._read)


class Text(nodes.OwnNode):
    """Be ``"..."``."""

    text: bytes

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return a ``&str``."""
        return _LiteralText(self.text, evaluator)


class Bytes(nodes.OwnNode):
    """Be ``b"..."``."""

    text: bytes

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return an array of bytes that prints as a string."""
        byte = primitive("u8", evaluator.model.pointer_size)
        assert byte is not None
        return Value(ByteString("", len(self.text), byte, len(self.text)), self.text)


class Path(nodes.Name, nodes.OwnNode):
    """Be a variable, function, static or constant: ``a::b``."""

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return what the name means."""
        found = evaluator.ctx.symbol(self.name)
        if found is None:
            raise NoSymbol(f"No symbol '{self.name}' in current context", self.name, self.column)
        return found


def named_type(evaluator: Evaluator, name: str) -> CType | None:
    """Return the type of a name, None where there is none."""
    own = primitive(name, evaluator.model.pointer_size)
    return own or evaluator.ctx.type_named(name)


class Prefix(nodes.OwnNode):
    """Be one of ``- + ! * &`` before an operand."""

    op: str
    operand: nodes.Node

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Apply it."""
        if self.op == "&":
            if isinstance(self.operand, Subscript):
                found = self.operand.sliced(evaluator)
                if found is not None:
                    return found
            return evaluator.unary(nodes.Unary(self.column, "&", self.operand))
        value = evaluator.value(self.operand)
        if self.op == "*":
            return _dereferenced(value, evaluator)
        inner = strip(value.type)
        if isinstance(inner, BoolType) and self.op == "!":
            return evaluator.truth_value(not int(value))
        if isinstance(inner, IntType):
            if inner.size > 8:
                raise ExprError(_TOO_WIDE)
            number = int(value)
            changed = {"-": -number, "!": ~number}.get(self.op, number)
            return from_number(value.type, changed)
        return negate("~" if self.op == "!" else self.op, value, evaluator.model)


def _dereferenced(value: Value, evaluator: Evaluator) -> Value:
    found = trait_object(value)
    if found is not None:
        pointer, vtable = found
        concrete = evaluator.ctx.concrete_type(vtable)
        if concrete is not None:
            return Value.at(concrete, int(pointer), evaluator.ctx.read)
    if is_integral(value.type):
        raise ExprError("Attempt to take contents of a non-pointer value.")
    return evaluator.unary(nodes.Unary(0, "*", nodes.Held(0, value)))


class Arithmetic(nodes.OwnNode):
    """Be a binary operator; comparisons give a bool."""

    op: str
    left: nodes.Node
    right: nodes.Node

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Apply it."""
        op = self.op
        if op in ("&&", "||"):
            return evaluator.truth_value(evaluator.joined(op, self.left, self.right))
        if op == "@":
            return evaluator.binary(nodes.Binary(self.column, op, self.left, self.right))
        left, right = evaluator.value(self.left), evaluator.value(self.right)
        return _applied(op, left, right, evaluator)


def _applied(op: str, left: Value, right: Value, evaluator: Evaluator) -> Value:
    one, two = strip(left.type), strip(right.type)
    if op in ("==", "!=") and _is_text(one) and _is_text(two):
        # gdb cannot compare strings; conditions on them are what they are wanted for.
        return evaluator.truth_value((_text_of(left) == _text_of(right)) == (op == "=="))
    if isinstance(one, StructType) or isinstance(two, StructType):
        raise ExprError(missing(op, left))
    left, right = evaluator.decayed(left), evaluator.decayed(right)
    model = evaluator.model
    if op in _COMPARE:
        return evaluator.truth_value(compare(op, left, right, model))
    if isinstance(one, FloatType) or isinstance(two, FloatType):
        return binary(op, _as_double(left, model.double), right, model, evaluator.ctx.warn)
    if isinstance(one, IntType) and isinstance(two, IntType):
        if one.size > 8 or two.size > 8:
            raise ExprError(_TOO_WIDE)
        if op in ("<<", ">>"):
            made = binary(op, cast(model.long, left), right, model, evaluator.ctx.warn)
            return cast(left.type, made)
        common = strip(common_type(one, two, model))
        assert isinstance(common, IntType)
        wide = model.long if common.signed else model.ulong
        return binary(op, cast(wide, left), cast(wide, right), model, evaluator.ctx.warn)
    made = binary(op, left, right, model, evaluator.ctx.warn)
    if isinstance(strip(made.type), PointerType):
        return from_number(made.type, int(made), evaluator.ctx.read)
    return made


def _is_text(ctype: CType) -> bool:
    return is_str(ctype) or ctype.name == "alloc::string::String"


def _text_of(value: Value) -> bytes:
    known: bytes | None = getattr(value, "text", None)
    if known is not None:
        return known
    if is_str(strip(value.type)):
        _, addr, length = slice_parts(value)
    else:
        addr, length = bytes_of(value) or (0, 0)
    if not length or value.reader is None:
        return b""
    return value.reader(addr, min(length, 1 << 20))


def _as_double(value: Value, double: CType) -> Value:
    inner = strip(value.type)
    return cast(double, value) if isinstance(inner, (FloatType, IntType)) else value


class Store(nodes.OwnNode):
    """Be ``=``, or ``+=`` and its like; its value is ``()``."""

    op: str
    left: nodes.Node
    right: nodes.Node

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Assign."""
        left, right = evaluator.value(self.left), evaluator.value(self.right)
        if self.op:
            right = _applied(self.op, left, right, evaluator)
        into, held = nodes.Held(self.column, left), nodes.Held(self.column, right)
        evaluator.assignment(nodes.Assign(self.column, "", into, held))
        return unit()


class Range(nodes.OwnNode):
    """Be ``a..b``, ``..=b`` and its like."""

    low: nodes.Node | None
    high: nodes.Node | None
    inclusive: bool

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return a struct of ``std::ops``."""
        values = [
            (name, evaluator.value(tree))
            for name, tree in (("start", self.low), ("end", self.high))
            if tree is not None
        ]
        name = {0: "RangeFull", 2: "Range"}.get(len(values))
        if name is None:
            name = "RangeFrom" if self.low is not None else "RangeTo"
        if self.inclusive:
            name = "RangeInclusive" if self.low is not None else "RangeToInclusive"
        fields, data = [], b""
        for label, value in values:
            fields.append(Field(label, value.type, len(data)))
            data += value.data
        return Value(StructType(f"std::ops::{name}", len(data), "struct", fields), data)


class Repeat(nodes.OwnNode):
    """Be ``[item; count]``."""

    item: nodes.Node
    count: nodes.Node

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return an array."""
        item = evaluator.value(self.item)
        number = evaluator.value(self.count)
        count = int(number) if is_integral(number.type) else -1
        if count < 0:
            raise ExprError("Array with negative number of elements", self.column)
        ctype = evaluator.model.array(item.type, count)
        Value(ctype).check_size()
        return Value(ctype, item.data * count, None, evaluator.ctx.read)


class Access(nodes.OwnNode):
    """Be ``base.name`` or, of a tuple, ``base.0``."""

    base: nodes.Node
    name: str | int

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return the member, of an enum that of the alternative it holds."""
        return field_of(evaluator.value(self.base), self.name, evaluator)


class Subscript(nodes.OwnNode):
    """Be ``base[index]``; with a range it must stand behind ``&``."""

    base: nodes.Node
    index: nodes.Node

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return the element."""
        base = evaluator.value(self.base)
        if isinstance(self.index, Range):
            raise ExprError("Can't take slice of array without '&'", self.column)
        return index_of(base, evaluator.value(self.index), evaluator)

    def sliced(self, evaluator: Evaluator) -> Value | None:
        """Return the slice that a range means, None if the index is no range."""
        if not isinstance(self.index, Range):
            return None
        base = evaluator.value(self.base)
        index = self.index
        low = None if index.low is None else int(evaluator.value(index.low))
        high = None if index.high is None else int(evaluator.value(index.high))
        return slice_of(base, low, high, index.inclusive, evaluator)


class Cast(nodes.OwnNode):
    """Be ``value as type``."""

    operand: nodes.Node
    type: nodes.TypeName

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Convert it."""
        tree = nodes.CastTo(self.column, self.type, self.operand)
        return evaluator.cast_to(tree)


class Invoke(nodes.OwnNode):
    """Be a call: of a function, of a method, or of a tuple struct's name."""

    function: nodes.Node
    args: tuple[nodes.Node, ...]

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Call it, or make the struct."""
        called = self.function
        if isinstance(called, Path) and evaluator.ctx.symbol(called.name) is None:
            ctype = named_type(evaluator, called.name)
            inner = None if ctype is None else strip(ctype)
            if isinstance(inner, StructType):
                return calls.tuple_struct(inner, [evaluator.value(arg) for arg in self.args])
        if isinstance(called, Access) and isinstance(called.name, str):
            this = evaluator.value(called.base)
            function, first = calls.method(this, called.name, evaluator)
            args = (nodes.Held(self.column, first), *self.args)
            held = nodes.Held(self.column, function)
            return evaluator.call(nodes.Call(self.column, held, args))
        return evaluator.call(nodes.Call(self.column, called, self.args))


class StructLiteral(nodes.OwnNode):
    """Be ``Name { member: value, ..base }``."""

    name: str
    items: tuple[tuple[str, nodes.Node], ...]
    base: nodes.Node | None

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return the struct."""
        ctype = named_type(evaluator, self.name)
        if ctype is None:
            raise ExprError(f"Could not find type '{self.name}'", self.column)
        inner = strip(ctype)
        if not isinstance(inner, StructType):
            raise ExprError("Struct expression applied to non-struct type", self.column)
        base = None if self.base is None else evaluator.value(self.base)
        items = [(name, evaluator.value(tree)) for name, tree in self.items]
        return calls.struct(inner, items, base)
