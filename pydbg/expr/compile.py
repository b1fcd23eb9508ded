"""Conditions to Python functions over the raw register block.

A condition is asked at every hit of a breakpoint, so the common ones (registers,
numbers, arithmetic, comparisons, memory of known size) become one Python expression
that unpacks just the bytes it needs. Everything else is left to ``evaluate``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Protocol

from pydbg.errors import ExprError
from pydbg.expr import nodes
from pydbg.expr.operators import common_type, promote
from pydbg.expr.register_types import RegisterLike, RegisterTypes
from pydbg.expr.typenames import resolve
from pydbg.expr.types import (
    BoolType,
    CType,
    DataModel,
    FunctionType,
    IntType,
    NoDebugType,
    PointerType,
    VoidType,
    strip,
)
from pydbg.expr.values import Value
from pydbg.records import Record

__all__ = ["ArchLike", "compile_condition", "compile_integer"]

Condition = Callable[[bytes, Callable[[int, int], bytes]], bool]
Integer = Callable[[bytes, Callable[[int, int], bytes]], int]

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
_MAX_DEPTH = 40


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


class _Unsupported(Exception):
    """Leave the expression to the evaluator."""


class _Code(Record):
    """Be Python source of an int that is already wrapped to its type."""

    text: str
    type: CType
    constant: bool = False


def compile_condition(
    tree: nodes.Node,
    arch: ArchLike,
    *,
    symbol: Callable[[str], Value | None] | None = None,
) -> Condition | None:
    """Compile a condition to ``f(registers, read) -> bool``, or None if it needs more.

    ``registers`` are the bytes of ``struct user_regs_struct``; ``read(addr, size)`` reads
    memory. Symbols are looked up now: compile again when modules move.
    """
    found: Condition | None = _compile(tree, arch, symbol, "({}) != 0")
    return found


def compile_integer(
    tree: nodes.Node,
    arch: ArchLike,
    *,
    symbol: Callable[[str], Value | None] | None = None,
) -> Integer | None:
    """Compile an expression to ``f(registers, read) -> int``, or None if it needs more."""
    found: Integer | None = _compile(tree, arch, symbol, "{}")
    return found


def _compile(
    tree: nodes.Node,
    arch: ArchLike,
    symbol: Callable[[str], Value | None] | None,
    frame: str,
) -> Any:
    compiler = _Compiler(arch, symbol)
    try:
        code = compiler.code(tree, 0)
    except (_Unsupported, ExprError):
        return None
    names: dict[str, object] = dict(compiler.names)
    names["__builtins__"] = {}
    names["div"], names["mod"] = _divide, _modulo
    # The source holds nothing but our own operators and numbers.
    source = f"lambda regs, read: {frame.format(code.text)}"
    return eval(compile(source, "<condition>", "eval"), names)


def _divide(left: int, right: int) -> int:
    if right == 0:
        raise ExprError("Division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _modulo(left: int, right: int) -> int:
    return left - _divide(left, right) * right


class _Compiler:
    def __init__(self, arch: ArchLike, symbol: Callable[[str], Value | None] | None) -> None:
        self.arch = arch
        self.symbol = symbol
        self.types = RegisterTypes(arch.pointer_size)
        self.model: DataModel = self.types.model
        self.names: dict[str, object] = {}

    def code(self, tree: nodes.Node, depth: int) -> _Code:
        """Return the source of one node."""
        if depth > _MAX_DEPTH:
            raise _Unsupported
        depth += 1
        if isinstance(tree, nodes.Literal):
            ctype = self.model.named(tree.type)
            assert ctype is not None
            inner = strip(ctype)
            signed = isinstance(inner, IntType) and inner.signed
            data = (tree.value & ((1 << (8 * ctype.size)) - 1)).to_bytes(ctype.size, "little")
            return _Code(f"{int.from_bytes(data, 'little', signed=signed)}", ctype, True)
        if isinstance(tree, nodes.Dollar):
            return self._register(tree.name)
        if isinstance(tree, nodes.Name):
            return self._symbol(tree.name)
        if isinstance(tree, nodes.Unary):
            return self._unary(tree, depth)
        if isinstance(tree, nodes.Binary):
            return self._binary(tree, depth)
        if isinstance(tree, nodes.Conditional):
            test = self.code(tree.test, depth)
            yes, no = self.code(tree.yes, depth), self.code(tree.no, depth)
            if yes.type != no.type:
                raise _Unsupported
            return _Code(f"({yes.text} if {test.text} else {no.text})", yes.type)
        if isinstance(tree, nodes.CastTo):
            return self._cast(tree, depth)
        if isinstance(tree, nodes.TypedMemory):
            return self._load(self.code(tree.operand, depth), self._resolve(tree.type))
        if isinstance(tree, nodes.Index):
            base, index = self.code(tree.base, depth), self.code(tree.index, depth)
            return self._deref(self._add(base, index, "+"))
        raise _Unsupported

    # -- leaves

    def _register(self, name: str) -> _Code:
        known = getattr(self.arch, "by_name", {})
        aliases = getattr(self.arch, "aliases", {})
        register: _Register | None = known.get(aliases.get(name, name))
        if register is None:
            raise _Unsupported
        offset = register.offset
        holder = register
        while holder.where == "sub":
            parent = known.get(holder.parent)
            if parent is None:
                raise _Unsupported
            holder = parent
            offset += holder.offset
        if holder.where != "gpr" or register.size not in (1, 2, 4, 8):
            raise _Unsupported
        ctype = self.types.named(register.type, register.size)
        return _Code(f"{self._unpack(ctype)}(regs, {offset})[0]", ctype)

    def _symbol(self, name: str) -> _Code:
        value = self.symbol(name) if self.symbol is not None else None
        if value is None or value.addr is None or not isinstance(value.type, FunctionType):
            raise _Unsupported
        return _Code(f"{value.addr}", self.model.pointer(value.type), True)

    def _unpack(self, ctype: CType) -> str:
        inner = strip(ctype)
        signed = isinstance(inner, IntType) and inner.signed
        letter = _FORMATS.get((inner.size, signed))
        if letter is None or not isinstance(inner, (IntType, PointerType)):
            raise _Unsupported
        self.names[f"from_{letter}"] = struct.Struct("<" + letter).unpack_from
        return f"from_{letter}"

    def _resolve(self, name: nodes.TypeName) -> CType:
        return resolve(name, self.model)

    # -- operators

    def _unary(self, tree: nodes.Unary, depth: int) -> _Code:
        if tree.op == "&":
            if isinstance(tree.operand, nodes.Name) and self.symbol is not None:
                value = self.symbol(tree.operand.name)
                if value is not None and value.addr is not None:
                    return _Code(f"{value.addr}", self.model.pointer(value.type), True)
            raise _Unsupported
        operand = self.code(tree.operand, depth)
        if tree.op == "*":
            return self._deref(operand)
        if tree.op == "!":
            return _Code(f"(not {operand.text})", self.model.int)
        inner = strip(operand.type)
        if not isinstance(inner, IntType):
            raise _Unsupported
        result = promote(operand.type, self.model)
        return self._wrapped(f"({tree.op}{operand.text})", result)

    def _binary(self, tree: nodes.Binary, depth: int) -> _Code:
        op = tree.op
        if op == "@":
            raise _Unsupported
        left, right = self.code(tree.left, depth), self.code(tree.right, depth)
        if op in ("&&", "||"):
            word = "and" if op == "&&" else "or"
            return _Code(f"({left.text} != 0 {word} {right.text} != 0)", self.model.int)
        one, two = strip(left.type), strip(right.type)
        pointers = isinstance(one, PointerType) or isinstance(two, PointerType)
        if op in ("==", "!=", "<", ">", "<=", ">="):
            if pointers:
                width = self.model.ulong
                return _Code(f"({self._as(left, width)} {op} {self._as(right, width)})", width)
            shared = common_type(one, two, self.model)
            first, second = self._as(left, shared), self._as(right, shared)
            return _Code(f"({first} {op} {second})", self.model.int)
        if pointers:
            if op not in "+-":
                raise _Unsupported
            return self._add(left, right, op)
        if not isinstance(one, IntType) or not isinstance(two, IntType):
            raise _Unsupported
        if op in ("<<", ">>"):
            if not right.constant or not 0 <= int(right.text) < 8 * max(one.size, 4):
                raise _Unsupported
            return self._wrapped(f"({left.text} {op} {right.text})", promote(left.type, self.model))
        result = common_type(one, two, self.model)
        first, second = self._as(left, result), self._as(right, result)
        if op in "/%":
            helper = "div" if op == "/" else "mod"
            return self._wrapped(f"{helper}({first}, {second})", result)
        text = f"({first} {op} {second})"
        # Bit operations of wrapped numbers stay wrapped.
        return _Code(text, result) if op in "&|^" else self._wrapped(text, result)

    def _add(self, left: _Code, right: _Code, op: str) -> _Code:
        one, two = strip(left.type), strip(right.type)
        if isinstance(two, PointerType) and op == "+":
            left, right, one, two = right, left, two, one
        if not isinstance(one, PointerType) or not isinstance(two, IntType):
            raise _Unsupported
        target = strip(one.target)
        if isinstance(target, NoDebugType):
            raise _Unsupported
        size = target.size or 1
        return self._wrapped(f"({left.text} {op} {right.text} * {size})", left.type)

    def _as(self, code: _Code, ctype: CType) -> str:
        """Return the source of a number converted to a type it may not fit."""
        inner, target = strip(code.type), strip(ctype)
        if not isinstance(inner, (IntType, PointerType)) or not isinstance(target, IntType):
            raise _Unsupported
        signed = isinstance(inner, IntType) and inner.signed
        if signed and not target.signed:
            if code.constant and int(code.text) >= 0:
                return code.text
            return f"({code.text} & {(1 << (8 * target.size)) - 1})"
        return code.text

    def _wrapped(self, text: str, ctype: CType) -> _Code:
        inner = strip(ctype)
        if not isinstance(inner, (IntType, PointerType)) or inner.size > 8:
            raise _Unsupported
        bits = 8 * inner.size
        mask = (1 << bits) - 1
        if isinstance(inner, IntType) and inner.signed:
            half = 1 << (bits - 1)
            return _Code(f"(({text} + {half} & {mask}) - {half})", ctype)
        return _Code(f"({text} & {mask})", ctype)

    def _cast(self, tree: nodes.CastTo, depth: int) -> _Code:
        ctype = self._resolve(tree.type)
        target = strip(ctype)
        if isinstance(target, BoolType):
            raise _Unsupported
        if isinstance(tree.operand, nodes.Name) and self.symbol is not None:
            value = self.symbol(tree.operand.name)
            if value is not None and isinstance(value.type, NoDebugType) and value.addr is not None:
                return self._load(_Code(f"{value.addr}", self.model.ulong, True), ctype)
        operand = self.code(tree.operand, depth)
        if not isinstance(target, (IntType, PointerType)):
            raise _Unsupported
        return self._wrapped(operand.text, ctype)

    def _deref(self, pointer: _Code) -> _Code:
        inner = strip(pointer.type)
        if isinstance(inner, IntType):
            return self._load(pointer, self.model.long)
        if not isinstance(inner, PointerType) or isinstance(strip(inner.target), VoidType):
            raise _Unsupported
        return self._load(pointer, inner.target)

    def _load(self, addr: _Code, ctype: CType) -> _Code:
        where = addr.text
        inner = strip(addr.type)
        if isinstance(inner, IntType) and not (addr.constant and int(addr.text) >= 0):
            where = f"({where} & {(1 << (8 * self.model.pointer_size)) - 1})"
        return _Code(f"{self._unpack(ctype)}(read({where}, {ctype.size}))[0]", ctype)
