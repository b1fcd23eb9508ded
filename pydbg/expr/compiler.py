"""The compiler of conditions: nodes to Python source, with C's rules as the evaluator has them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Protocol

from pydbg.expr import literals, methods, nodes
from pydbg.expr.codes import Code, Object, Place, Unsupported
from pydbg.expr.language import Language
from pydbg.expr.operators import common_type, promote
from pydbg.expr.register_types import RegisterLike, register_types
from pydbg.expr.typenames import resolve
from pydbg.expr.types import (
    ArrayType,
    BoolType,
    CharType,
    CType,
    DataModel,
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
from pydbg.expr.values import MAX_VALUE_SIZE, Value
from pydbg.records import Record

__all__ = ["ArchLike", "Compiler", "FindPlace", "FindType"]

FindPlace = Callable[[str], "Place | None"]
FindType = Callable[[str], "CType | None"]

_FORMATS = {
    (1, True): "b",
    (1, False): "B",
    (2, True): "h",
    (2, False): "H",
    (4, True): "i",
    (4, False): "I",
    (8, True): "q",
    (8, False): "Q",
}
_FLOATS = {("single", 4): "f", ("double", 8): "d"}
_MAX_DEPTH = 40
_SPAN = 512
"""Bytes of a frame that are read at once: what lies further apart is read by itself."""
_COMPARE = ("==", "!=", "<", ">", "<=", ">=")


class _Register(RegisterLike, Protocol):
    @property
    def where(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def parent(self) -> str | None: ...


class ArchLike(Protocol):
    """Be what is needed of an ``arch.model.Arch``."""

    @property
    def pointer_size(self) -> int: ...


class Around(Record):
    """Hold what a condition is compiled for."""

    arch: ArchLike
    places: FindPlace
    type_named: FindType
    language: Language


class Compiler:
    """Make one function; what it is made of is in ``names`` and ``source``."""

    def __init__(self, around: Around, apart: frozenset[int | None]) -> None:
        arch = around.arch
        self.arch = arch
        self.places = around.places
        self.type_named = around.type_named
        self.language = around.language
        self.types = register_types(arch.pointer_size)
        self.model: DataModel = self.types.model
        self.truth = self.model.bool if around.language.bool_comparisons else self.model.int
        """What comparisons are."""
        self.names: dict[str, object] = {}
        self._apart = apart
        """Base registers (None: none) from which things lie too far apart to be read at once."""
        self._mask = (1 << 8 * self.model.pointer_size) - 1
        self._bases: set[int] = set()
        self._spans: dict[int | None, tuple[int, int]] = {}
        """What is read at once: a base register (None: none) -> the offsets, from and to."""

    # -- the whole function

    @property
    def wide(self) -> set[int | None]:
        """Give the bases from which too much would be read at once."""
        return {key for key, (low, high) in self._spans.items() if high - low > _SPAN}

    def source(self, result: str) -> str:
        """Return the source of the function."""
        lines = []
        for base in sorted(self._bases):
            lines.append(f"b{base} = {self._unpack(self.model.ulong)}(regs, {base})[0]")
        for key, (low, high) in self._spans.items():
            addr = str(low & self._mask) if key is None else f"b{key} + {low} & {self._mask}"
            lines.append(f"m{key} = read({addr}, {high - low})")
            result = result.replace(f"@{key}@", str(-low))
        body = "\n    ".join([*lines, f"return {result}"])
        return f"def condition(regs, read):\n    {body}\n"

    # -- nodes

    def code(self, tree: nodes.Node, depth: int) -> Code:
        """Return the source of the number that a node is."""
        found = self.node(tree, depth)
        return found if isinstance(found, Code) else self._loaded(found)

    def node(self, tree: nodes.Node, depth: int) -> Code | Object:
        """Return the source of a node's number, or where the node's value is."""
        if depth > _MAX_DEPTH:
            raise Unsupported
        handler = _HANDLERS.get(type(tree))
        if handler is None:
            raise Unsupported
        found: Code | Object = handler(self, tree, depth + 1)
        if isinstance(strip(found.type), ReferenceType):
            referring = strip(found.type)
            assert isinstance(referring, ReferenceType)
            pointer = self.model.pointer(referring.target)
            if isinstance(found, Object):
                found = self._load(self._retyped(found, pointer))
            return self._at(found, referring.target)
        return found

    @staticmethod
    def _retyped(found: Object, ctype: CType) -> Object:
        return Object(found.kind, ctype, found.offset, found.base, found.size, found.text)

    # -- leaves

    def literal(self, tree: nodes.Literal, depth: int) -> Code:
        value = literals.integer(tree, self.model)
        return Code(f"{int(value)}", value.type, True)

    def float_literal(self, tree: nodes.FloatLiteral, depth: int) -> Code:
        value = literals.floating(tree, self.model)
        number = value.number()
        inner = strip(value.type)
        known = isinstance(inner, FloatType) and (inner.format, inner.size) in _FLOATS
        if not known or not isinstance(number, float) or number - number != 0:
            raise Unsupported
        return Code(repr(number), value.type, True)

    def dollar(self, tree: nodes.Dollar, depth: int) -> Code:
        known = getattr(self.arch, "by_name", {})
        aliases = getattr(self.arch, "aliases", {})
        register: _Register | None = known.get(aliases.get(tree.name, tree.name))
        if register is None:
            raise Unsupported
        offset = register.offset
        holder = register
        while holder.where == "sub":
            parent = known.get(holder.parent)
            if parent is None:
                raise Unsupported
            holder = parent
            offset += holder.offset
        if holder.where != "gpr" or register.size not in (1, 2, 4, 8):
            raise Unsupported
        ctype = self.types.named(register.type, register.size)
        return Code(f"{self._unpack(ctype)}(regs, {offset})[0]", ctype)

    def name(self, tree: nodes.Name, depth: int) -> Code | Object:
        if tree.name in ("true", "false") and self.language.bool_comparisons:
            return Code(str(int(tree.name == "true")), self.truth, True)
        place = self.places(tree.name)
        if place is None:
            raise Unsupported
        if place.kind != "member":
            return self._placed(place)
        assert place.owner is not None
        pointer = self._placed(place.owner)
        this = pointer if isinstance(pointer, Code) else self._loaded(pointer)
        return self._member(self._deref(this), tree.name)

    @staticmethod
    def _placed(place: Place) -> Code | Object:
        if place.kind == "constant":
            return Code(f"{place.offset}", place.type, True)
        return Object(place.kind, place.type, place.offset, place.base, place.size)

    def sizeof(self, tree: nodes.SizeOf, depth: int) -> Code:
        if isinstance(tree.of, nodes.TypeName):
            ctype = self._resolve(tree.of)
        else:
            ctype = self.node(tree.of, depth).type
        inner = strip(ctype)
        if tree.align or isinstance(inner, (ReferenceType, NoDebugType)):
            raise Unsupported
        return Code(f"{ctype.size}", self.model.int, True)

    def _resolve(self, name: nodes.TypeName) -> CType:
        if type(name) is not nodes.TypeName:
            raise Unsupported  # Another language's.
        return resolve(name, self.model, self.type_named)

    # -- places

    def _unpack(self, ctype: CType) -> str:
        inner = strip(ctype)
        letter: str | None = None
        if isinstance(inner, FloatType):
            letter = _FLOATS.get((inner.format, inner.size))
        elif isinstance(inner, (IntType, PointerType)):
            letter = _FORMATS.get((inner.size, isinstance(inner, IntType) and inner.signed))
        if letter is None:
            raise Unsupported
        self.names[f"from_{letter}"] = struct.Struct("<" + letter).unpack_from
        return f"from_{letter}"

    def _at(self, pointer: Code, ctype: CType) -> Object:
        """Return what a number is the address of."""
        if pointer.constant:
            return Object("memory", ctype, int(pointer.text) & self._mask)
        text = pointer.text
        if not isinstance(strip(pointer.type), PointerType):
            text = f"({text} & {self._mask})"
        return Object("memory", ctype, text=text)

    def _address(self, found: Object) -> str:
        if found.kind != "memory" or found.bit_size:
            raise Unsupported
        if found.text:
            return f"({found.text} + {found.offset} & {self._mask})" if found.offset else found.text
        if found.base is None:
            return f"{found.offset & self._mask}"
        self._bases.add(found.base)
        return f"(b{found.base} + {found.offset} & {self._mask})"

    def _loaded(self, found: Object) -> Code:
        """Return the number in a place; arrays and functions are where they are."""
        inner = strip(found.type)
        if isinstance(inner, ArrayType) and not inner.vector:
            return self._pointer_to(found, inner.element)
        if isinstance(inner, FunctionType):
            return self._pointer_to(found, found.type)
        return self._load(found)

    def _pointer_to(self, found: Object, ctype: CType) -> Code:
        fixed = not found.text and found.base is None
        return Code(self._address(found), self.model.pointer(ctype), fixed)

    def _load(self, found: Object) -> Code:
        ctype = found.type
        if not found.bit_size:
            return Code(self._number(found, ctype), ctype)
        inner = strip(ctype)
        if not isinstance(inner, IntType):
            raise Unsupported
        raw = self._number(found, self.model.integer(inner.size, False))
        text = f"({raw} >> {found.bit_offset} & {(1 << found.bit_size) - 1})"
        if inner.signed:
            half = 1 << (found.bit_size - 1)
            text = f"(({text} ^ {half}) - {half})"
        return Code(text, ctype)

    def _number(self, found: Object, ctype: CType) -> str:
        unpack = self._unpack(ctype)
        if found.kind == "register":
            if ctype.size > found.size:
                raise Unsupported
            return f"{unpack}(regs, {found.offset})[0]"
        if found.text or found.base in self._apart:
            plain = Object("memory", ctype, found.offset, found.base, text=found.text)
            return f"{unpack}(read({self._address(plain)}, {ctype.size}))[0]"
        key, start = found.base, found.offset
        if key is None:
            start &= self._mask
        else:
            self._bases.add(key)
        low, high = self._spans.get(key, (start, start))
        self._spans[key] = min(low, start), max(high, start + ctype.size)
        return f"{unpack}(m{key}, {start} + @{key}@)[0]"

    # -- operators

    def unary(self, tree: nodes.Unary, depth: int) -> Code | Object:
        if tree.op == "&":
            found = self.node(tree.operand, depth)
            if isinstance(found, Code):
                raise Unsupported
            return self._pointer_to(found, found.type)
        operand = self.code(tree.operand, depth)
        if tree.op == "*":
            return self._deref(operand)
        if tree.op == "!":
            return Code(f"(not {operand.text})", self.truth)
        inner = strip(operand.type)
        if not isinstance(inner, IntType):
            raise Unsupported
        result = promote(operand.type, self.model)
        return self._wrapped(f"({tree.op}{operand.text})", result)

    def binary(self, tree: nodes.Binary, depth: int) -> Code:
        op = tree.op
        if op == "@":
            raise Unsupported
        left, right = self.code(tree.left, depth), self.code(tree.right, depth)
        if op in ("&&", "||"):
            word = "and" if op == "&&" else "or"
            return Code(f"({left.text} != 0 {word} {right.text} != 0)", self.truth)
        one, two = strip(left.type), strip(right.type)
        if op in _COMPARE:
            return self._compared(op, left, right)
        if isinstance(one, PointerType) or isinstance(two, PointerType):
            if op not in "+-":
                raise Unsupported
            if isinstance(one, PointerType) and isinstance(two, PointerType):
                return self._distance(left, right, op)
            return self._add(left, right, op)
        if not isinstance(one, IntType) or not isinstance(two, IntType):
            raise Unsupported
        if isinstance(one, BoolType) and isinstance(two, BoolType):
            if op not in "&|^":
                raise Unsupported
            return Code(f"({left.text} {op} {right.text})", one)
        if op in ("<<", ">>"):
            if not right.constant or not 0 <= int(right.text) < 8 * max(one.size, 4):
                raise Unsupported
            return self._wrapped(f"({left.text} {op} {right.text})", promote(left.type, self.model))
        result = common_type(one, two, self.model)
        first, second = self._as(left, result), self._as(right, result)
        if op in "/%":
            helper = "div" if op == "/" else "mod"
            return self._wrapped(f"{helper}({first}, {second})", result)
        text = f"({first} {op} {second})"
        # Bit operations of wrapped numbers stay wrapped.
        return Code(text, result) if op in "&|^" else self._wrapped(text, result)

    def _compared(self, op: str, left: Code, right: Code) -> Code:
        one, two = strip(left.type), strip(right.type)
        if isinstance(one, PointerType) or isinstance(two, PointerType):
            width = self.model.ulong
            first, second = self._as(left, width), self._as(right, width)
        elif isinstance(one, FloatType) or isinstance(two, FloatType):
            first, second = left.text, right.text  # Python compares them exactly.
        else:
            shared = common_type(one, two, self.model)
            first, second = self._as(left, shared), self._as(right, shared)
        return Code(f"({first} {op} {second})", self.truth)

    def _distance(self, left: Code, right: Code, op: str) -> Code:
        one, two = strip(left.type), strip(right.type)
        assert isinstance(one, PointerType) and isinstance(two, PointerType)
        size = one.target.size
        if op != "-" or size == 0 or two.target.size != size:
            raise Unsupported
        return self._wrapped(f"div({left.text} - {right.text}, {size})", self.model.long)

    def _add(self, left: Code, right: Code, op: str) -> Code:
        one, two = strip(left.type), strip(right.type)
        if isinstance(two, PointerType) and op == "+":
            left, right, one, two = right, left, two, one
        if not isinstance(one, PointerType) or not isinstance(two, IntType):
            raise Unsupported
        target = strip(one.target)
        if isinstance(target, NoDebugType):
            raise Unsupported
        size = target.size or 1
        return self._wrapped(f"({left.text} {op} {right.text} * {size})", left.type)

    def _as(self, code: Code, ctype: CType) -> str:
        """Return the source of a number converted to a type it may not fit."""
        inner, target = strip(code.type), strip(ctype)
        if not isinstance(inner, (IntType, PointerType)) or not isinstance(target, IntType):
            raise Unsupported
        signed = isinstance(inner, IntType) and inner.signed
        if signed and not target.signed:
            if code.constant and int(code.text) >= 0:
                return code.text
            return f"({code.text} & {(1 << (8 * target.size)) - 1})"
        return code.text

    def _wrapped(self, text: str, ctype: CType) -> Code:
        inner = strip(ctype)
        if not isinstance(inner, (IntType, PointerType)) or inner.size > 8:
            raise Unsupported
        bits = 8 * inner.size
        mask = (1 << bits) - 1
        if isinstance(inner, IntType) and inner.signed:
            half = 1 << (bits - 1)
            return Code(f"(({text} + {half} & {mask}) - {half})", ctype)
        return Code(f"({text} & {mask})", ctype)

    def conditional(self, tree: nodes.Conditional, depth: int) -> Code:
        test = self.code(tree.test, depth)
        yes, no = self.code(tree.yes, depth), self.code(tree.no, depth)
        if yes.type != no.type:
            raise Unsupported
        return Code(f"({yes.text} if {test.text} else {no.text})", yes.type)

    def cast(self, tree: nodes.CastTo, depth: int) -> Code:
        ctype = self._resolve(tree.type)
        target = strip(ctype)
        found = self.node(tree.operand, depth)
        if isinstance(found, Object) and isinstance(strip(found.type), NoDebugType):
            # gdb reads a symbol of unknown type as what it is cast to.
            return self._load(self._retyped(found, ctype))
        operand = found if isinstance(found, Code) else self._loaded(found)
        source = strip(operand.type)
        if not isinstance(target, (IntType, PointerType)) or isinstance(target, BoolType):
            raise Unsupported
        if not isinstance(source, (IntType, PointerType)):
            raise Unsupported
        return self._wrapped(operand.text, ctype)

    def typed_memory(self, tree: nodes.TypedMemory, depth: int) -> Object:
        return self._at(self.code(tree.operand, depth), self._resolve(tree.type))

    # -- access

    def _deref(self, pointer: Code) -> Object:
        inner = strip(pointer.type)
        if isinstance(inner, IntType):
            return self._at(pointer, self.model.long)
        if not isinstance(inner, PointerType) or isinstance(strip(inner.target), VoidType):
            raise Unsupported
        return self._at(pointer, inner.target)

    def index(self, tree: nodes.Index, depth: int) -> Object:
        base, index = self.node(tree.base, depth), self.code(tree.index, depth)
        inner = strip(base.type)
        if not isinstance(strip(index.type), IntType):
            raise Unsupported
        if isinstance(inner, ArrayType) and isinstance(base, Object):
            at = int(index.text) if index.constant else -1
            if 0 <= at < inner.count:
                return base.part(inner.element, at * inner.element.size)
            if inner.vector:
                raise Unsupported
        if not isinstance(inner, (ArrayType, PointerType)):
            raise Unsupported
        pointer = base if isinstance(base, Code) else self._loaded(base)
        return self._deref(self._add(pointer, index, "+"))

    def member(self, tree: nodes.Member, depth: int) -> Object:
        base = self.node(tree.base, depth)
        if isinstance(strip(base.type), PointerType):
            base = self._deref(base if isinstance(base, Code) else self._load(base))
        if isinstance(base, Code):
            raise Unsupported
        return self._member(base, tree.name)

    def _member(self, base: Object, name: str) -> Object:
        inner = strip(base.type)
        if not isinstance(inner, StructType) or methods.has_method(Value(inner), name):
            raise Unsupported
        field = inner.field(name)
        if field is None or field.kind not in ("", "base"):
            raise Unsupported
        return base.part(field.type, field.offset, field.bit_offset, field.bit_size)

    # -- strings

    def call(self, tree: nodes.Call, depth: int) -> Code:
        function = tree.function
        name = function.name if isinstance(function, nodes.Dollar) else ""
        if name in self.language.functions:
            raise Unsupported
        if name == "_streq" and len(tree.args) == 2:
            first, second = (self._string(arg, depth) for arg in tree.args)
            return Code(f"({first} == {second})", self.model.int)
        if name == "_strlen" and len(tree.args) == 1:
            return Code(f"size({self._string(tree.args[0], depth)})", self.model.int)
        raise Unsupported

    def _string(self, tree: nodes.Node, depth: int) -> str:
        """Return the source of a string's bytes, as ``functions.read_string`` reads them."""
        if isinstance(tree, nodes.StringLiteral):
            name = f"string{len(self.names)}"
            self.names[name] = literals.string(tree, self.model).data.split(b"\0")[0]
            return name
        found = self.node(tree, depth)
        inner = strip(found.type)
        if isinstance(found, Object) and isinstance(inner, ArrayType):
            if not isinstance(strip(inner.element), CharType) or inner.size > MAX_VALUE_SIZE:
                raise Unsupported
            return f"read({self._address(found)}, {inner.size}).partition(nul)[0]"
        if not isinstance(inner, PointerType):
            raise Unsupported
        pointer = found if isinstance(found, Code) else self._load(found)
        return f"text({pointer.text}, read)"


_HANDLERS: dict[type[nodes.Node], Callable[..., Code | Object]] = {
    nodes.Literal: Compiler.literal,
    nodes.FloatLiteral: Compiler.float_literal,
    nodes.Dollar: Compiler.dollar,
    nodes.Name: Compiler.name,
    nodes.Unary: Compiler.unary,
    nodes.Binary: Compiler.binary,
    nodes.Conditional: Compiler.conditional,
    nodes.CastTo: Compiler.cast,
    nodes.TypedMemory: Compiler.typed_memory,
    nodes.SizeOf: Compiler.sizeof,
    nodes.Index: Compiler.index,
    nodes.Member: Compiler.member,
    nodes.Call: Compiler.call,
}
