"""What Go's expressions mean: packages' names, fields behind pointers, slices, conversions.

Where gdb answers it is followed (go-exp.y, valarith.c); where it knows nothing, as of variables
that were moved to the heap or of ``len``, the answer is Go's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import ExprError, NoSymbol
from pydbg.expr import nodes
from pydbg.expr.operators import cast
from pydbg.expr.types import (
    ArrayType,
    BoolType,
    CharType,
    CType,
    FloatType,
    FunctionType,
    IntType,
    PointerType,
    StructType,
    strip,
)
from pydbg.expr.values import Value, from_number, is_integral
from pydbg.golang import values
from pydbg.golang.types import GoType, basic

if TYPE_CHECKING:
    from pydbg.expr.evaluator import Evaluator

__all__ = [
    "Binary", "Call", "Float", "Index", "Member", "Name", "Nil", "Not", "Text", "Truth",
    "TypeOf", "text_of",
]  # fmt: skip

_COMPARE = frozenset(("==", "!=", "<", ">", "<=", ">="))
_MAX_DEPTH = 8


class Truth(nodes.OwnNode):
    """Be ``true`` or ``false``."""

    truth: bool

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return it."""
        return evaluator.truth_value(self.truth)


class Nil(nodes.OwnNode):
    """Be ``nil``, which gdb does not know."""

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return a null pointer."""
        return from_number(evaluator.model.pointer(evaluator.model.void), 0)


class Float(nodes.OwnNode):
    """Be a floating literal, a float64."""

    text: str

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return its value."""
        made = evaluator.value(nodes.FloatLiteral(self.column, self.text, "double"))
        ctype = basic("float64", evaluator.ctx.pointer_size)
        assert ctype is not None
        return Value(ctype, made.data)


class Text(nodes.OwnNode):
    """Be a string literal, which is not terminated by a null."""

    data: bytes

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return its characters; its type is called string."""
        size = len(self.data)
        return Value(ArrayType("string", size, evaluator.model.char, size), self.data)


class Name(nodes.Name, nodes.OwnNode):
    """Be a name: a local variable's, also of one on the heap, or one of the frame's package."""

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return its value; raises ExprError for none."""
        found = self.find(evaluator)
        if found is None:
            raise NoSymbol(f'No symbol "{self.name}" in current context.', self.name, self.column)
        return found

    def find(self, evaluator: Evaluator) -> Value | None:
        """Return its value, None if nothing is called so."""
        ctx = evaluator.ctx
        found = self.plain(evaluator)
        package = package_of(ctx.around) if found is None else ""
        return ctx.symbol(f"{package}.{self.name}") if package else found

    def plain(self, evaluator: Evaluator) -> Value | None:
        """Return the value of what has just this name."""
        found = evaluator.ctx.symbol(self.name)
        if found is None:
            found = evaluator.ctx.symbol(f"&{self.name}")
            if found is not None:
                return found.deref()  # What escapes is known by its address alone.
        return found


def package_of(function: str) -> str:
    """Return the package that a function is in, "" for none.

    >>> package_of("main.(*shape).grow"), package_of("net/http.(*conn).serve"), package_of("main")
    ('main', 'net/http', '')
    """
    folder, slash, last = function.rpartition("/")
    head, dot, _ = last.partition(".")
    return folder + slash + head if dot else ""


class Member(nodes.OwnNode):
    """Be ``base.name``: a field, also of what is pointed to or embedded, or a package's name."""

    base: nodes.Node
    name: str

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return its value."""
        found = self._packaged(evaluator)
        return self._field(evaluator) if found is None else found

    @property
    def path(self) -> str:
        """Return the names from the first on, "" where it begins with something else."""
        base = self.base
        head = (
            base.name if isinstance(base, Name) else base.path if isinstance(base, Member) else ""
        )
        return f"{head}.{self.name}" if head else ""

    def _first(self) -> nodes.Node:
        base = self.base
        while isinstance(base, Member):
            base = base.base
        return base

    def _packaged(self, evaluator: Evaluator) -> Value | None:
        path, first = self.path, self._first()
        if not path or not isinstance(first, Name):
            return None
        plain = first.plain(evaluator)
        if plain is not None and _has_fields(plain):
            return None
        found = evaluator.ctx.symbol(path)
        if found is None and isinstance(self.base, Name):
            meant = first.find(evaluator)
            if meant is not None and not isinstance(strip(meant.type), FunctionType):
                return None
            shown = path if meant is not None else first.name
            raise NoSymbol(f'No symbol "{shown}" in current context.', shown, first.column)
        return found

    def _field(self, evaluator: Evaluator) -> Value:
        base = evaluator.value(self.base).referred()
        for _ in range(_MAX_DEPTH):
            inner = strip(base.type)
            if not isinstance(inner, PointerType):
                break
            base = base.deref()
        inner = strip(base.type)
        if not isinstance(inner, StructType):
            raise ExprError("Attempt to extract a component of a value that is not a structure.")
        found = embedded(base, self.name)
        return evaluator.ctx.member(base, self.name) if found is None else found


def _has_fields(value: Value) -> bool:
    inner = strip(value.type)
    if isinstance(inner, PointerType):
        inner = strip(inner.target)
    return isinstance(inner, StructType)


def embedded(value: Value, name: str, depth: int = 0) -> Value | None:
    """Return a field of a struct or of what it embeds; None where there is none.

    An embedded field is named after its type (Go's specification, "Struct types").
    """
    inner = strip(value.type)
    if isinstance(inner, PointerType) and depth and int(value):
        value = value.deref()
        inner = strip(value.type)
    if not isinstance(inner, StructType) or depth > _MAX_DEPTH:
        return None
    if any(field.name == name for field in inner.fields):
        return value.member(name)
    for field in inner.fields:
        target = strip(field.type)
        named = field.type.name
        if isinstance(target, PointerType):
            named = target.target.name
        if field.name and named.rpartition(".")[2] == field.name:
            found = embedded(value.member(field.name), name, depth + 1)
            if found is not None:
                return found
    return None


class Index(nodes.OwnNode):
    """Be ``base[index]`` of an array, a slice, a string, a map, or a pointer as in gdb."""

    base: nodes.Node
    index: nodes.Node

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return the element."""
        base = evaluator.value(self.base).referred()
        if values.is_map(base.type):
            from pydbg.golang.maps import find

            key = evaluator.value(self.index)
            found = find(base, key)
            if found is None:
                raise ExprError("no such key")
            return found
        if not (values.is_slice(base.type) or values.is_string(base.type)):
            held = nodes.Held(self.column, base)
            return evaluator.value(nodes.Index(self.column, held, self.index))
        index = evaluator.operand(self.index)
        if not is_integral(index.type):
            raise ExprError("Argument to arithmetic operation not a number or boolean.")
        number, length = int(index), int(values.length_of(base))
        if not 0 <= number < length:
            raise ExprError(f"index out of range [{number}] with length {length}")
        inner = strip(base.type)
        assert isinstance(inner, StructType)
        start = base.member(inner.fields[0].name)
        pointer = strip(start.type)
        assert isinstance(pointer, PointerType)
        size = pointer.target.size
        return Value.at(pointer.target, int(start) + number * size, evaluator.ctx.read)


class Not(nodes.OwnNode):
    """Be ``!operand``."""

    operand: nodes.Node

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return a bool."""
        return evaluator.truth_value(not evaluator.truth(evaluator.value(self.operand)))


class Binary(nodes.OwnNode):
    """Be a binary operator; arithmetic is done in ``long`` and ``double`` (valarith.c)."""

    op: str
    left: nodes.Node
    right: nodes.Node

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return the result."""
        op = self.op
        if op in ("&&", "||"):
            return evaluator.truth_value(evaluator.joined(op, self.left, self.right))
        left = evaluator.value(self.left).referred()
        right = evaluator.value(self.right).referred()
        if op in _COMPARE:
            one, two = text_of(left), text_of(right)
            if one is not None and two is not None:
                return evaluator.truth_value(_compared(op, one, two))
            if isinstance(self.right, Nil):
                left = _first_word(left)
            elif isinstance(self.left, Nil):
                right = _first_word(right)
        elif op not in ("@", "<<", ">>"):
            left, right = self._promoted(evaluator, left, right)
        held = (nodes.Held(self.column, side) for side in (left, right))
        made = evaluator.value(nodes.Binary(self.column, op, *held))
        return evaluator.truth_value(bool(made)) if op in _COMPARE else made

    @staticmethod
    def _promoted(evaluator: Evaluator, left: Value, right: Value) -> tuple[Value, Value]:
        model = evaluator.model
        kinds = [strip(one.type) for one in (left, right)]
        numbers = (IntType, FloatType)
        if not all(isinstance(kind, numbers) for kind in kinds):
            return left, right
        if all(isinstance(kind, BoolType) for kind in kinds):
            return left, right
        if any(isinstance(kind, FloatType) for kind in kinds):
            return cast(model.double, left), cast(model.double, right)
        sizes = [max(kind.size, 4) for kind in kinds]
        unsigned = [
            isinstance(kind, IntType) and kind.size >= 4 and not kind.signed for kind in kinds
        ]
        if sizes[0] == sizes[1]:
            is_unsigned = any(unsigned)
        else:
            is_unsigned = unsigned[0] if sizes[0] > sizes[1] else unsigned[1]
        ctype = model.ulong if is_unsigned else model.long
        return cast(ctype, left), cast(ctype, right)


def text_of(value: Value) -> bytes | None:
    """Return the bytes of a string or of a literal, None for anything else."""
    if values.is_string(value.type):
        return values.string_bytes(value)
    ctype = strip(value.type)
    if isinstance(ctype, ArrayType) and ctype.name == "string":
        return value.data
    return None


def _compared(op: str, one: bytes, two: bytes) -> bool:
    return {
        "==": one == two, "!=": one != two, "<": one < two,
        ">": one > two, "<=": one <= two, ">=": one >= two,
    }[op]  # fmt: skip


def _first_word(value: Value) -> Value:
    """Return what says that a slice or interface is nil: its first word."""
    inner = strip(value.type)
    if values.is_slice(inner) or values.is_interface(inner):
        assert isinstance(inner, StructType)
        return value.member(inner.fields[0].name)
    return value


class TypeOf(nodes.OwnNode):
    """Be ``type(operand)``: a conversion."""

    type: GoType
    operand: nodes.Node

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return the value as another type."""
        ctype = evaluator.type(self.type)
        value = evaluator.value(self.operand).referred()
        if isinstance(strip(ctype), StructType):
            return self._as_struct(evaluator, ctype, value)
        made = cast(ctype, evaluator.decayed(value))
        if isinstance(strip(ctype), PointerType):
            return from_number(ctype, int(made), evaluator.ctx.read)
        return made

    @staticmethod
    def _as_struct(evaluator: Evaluator, ctype: CType, value: Value) -> Value:
        if text_of(value) is not None and values.is_string(ctype):
            return value
        inner = strip(value.type)
        if isinstance(inner, StructType) and strip(ctype).name == inner.name:
            data = value.data if value.lvalue is None else None
            return Value(ctype, data, value.lvalue, evaluator.ctx.read)
        raise ExprError("Invalid cast.")


class Call(nodes.OwnNode):
    """Be ``function(args)``: ``len``, ``cap``, a function of the debugger's, or the program's."""

    function: nodes.Node
    args: tuple[nodes.Node, ...]

    def evaluate(self, evaluator: Evaluator) -> Value:
        """Return the result; raises ExprError for functions of the program."""
        function = self.function
        if isinstance(function, Name) and function.name in ("len", "cap"):
            if len(self.args) != 1:
                raise ExprError(f"{function.name} takes one argument.")
            value = evaluator.value(self.args[0]).referred()
            return values.length_of(value) if function.name == "len" else values.capacity_of(value)
        if isinstance(function, nodes.Dollar):
            return evaluator.value(nodes.Call(self.column, function, self.args))
        called = evaluator.any_value(function)
        if isinstance(strip(called.type), CharType | IntType | PointerType):
            held = nodes.Held(self.column, called)
            return evaluator.value(nodes.Call(self.column, held, self.args))
        raise ExprError("Functions of Go cannot be called: they need a goroutine of their own.")
