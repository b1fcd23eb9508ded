"""How values are passed to functions and come back from them.

System V psABI for x86-64, 3.2.3 (classes of eight bytes, registers and stack), i386 psABI, 2.2.3
and 2.3, and the Itanium C++ ABI, 3.1.2 (classes that are passed by a hidden reference).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.expr.types import (
    ArrayType,
    BoolType,
    ComplexType,
    CType,
    FloatType,
    IntType,
    MemberPointerType,
    ReferenceType,
    StructType,
    strip,
)
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.arch.model import Arch
    from pydbg.expr.values import Value

__all__ = ["Passing", "alignment", "by_reference", "classify", "in_memory", "lay_out"]

_VECTORS = tuple(f"xmm{number}" for number in range(8))
_LARGEST = 16
_MAX_DEPTH = 32
"""No class larger than two times eight bytes is passed in registers."""


class Passing(Record):
    """Say what is put where for a call; ``sp`` is where the first argument on the stack is."""

    sp: int
    memory: tuple[tuple[int, bytes], ...] = ()
    registers: tuple[tuple[str, bytes], ...] = ()
    result_at: int | None = None
    """Where the function is to put a result that is returned in memory."""


def alignment(ctype: CType, word: int = 8, depth: int = 0) -> int:
    """Return how a type is aligned in a struct (psABI, table of scalar types).

    ``depth`` counts the types around it: damaged ones may contain themselves.

    >>> from pydbg.expr.types import LP64
    >>> alignment(LP64.array(LP64.int, 3)), alignment(LP64.longdouble)
    (4, 16)
    """
    inner = strip(ctype)
    if depth > _MAX_DEPTH:
        return 1
    if isinstance(inner, (ArrayType, ComplexType)):
        if isinstance(inner, ArrayType) and inner.vector:
            return inner.size
        return alignment(inner.element, word, depth + 1)
    if isinstance(inner, StructType):
        members = (field.type for field in inner.fields if field.kind != "static")
        return max((alignment(one, word, depth + 1) for one in members), default=1)
    if isinstance(inner, MemberPointerType):
        return word
    return min(inner.size, 16 if word == 8 else 4) or 1


def by_reference(ctype: CType, depth: int = 0) -> bool:
    """Tell whether C++ passes and returns a class by a hidden reference.

    That is one with a destructor or copy constructor of its own (Itanium C++ ABI, 1.1:
    "non-trivial for the purposes of calls"), or with a member of such a class.
    """
    inner = strip(ctype)
    if isinstance(inner, ArrayType):
        return by_reference(inner.element, depth + 1)
    if not isinstance(inner, StructType) or depth > _MAX_DEPTH:
        return False
    for method in inner.methods:
        if method.virtual:
            return True
        own = not method.artificial and method.suffix not in (" = default", "= default")
        if own and (method.name.startswith("~") or _copies(method.type.params, method, inner)):
            return True
    return any(
        field.kind == "virtual" or by_reference(field.type, depth + 1)
        for field in inner.fields
        if field.kind != "static"
    )


def _copies(params: tuple[CType, ...], method: object, owner: StructType) -> bool:
    if not getattr(method, "constructor", False) or len(params) != 1:
        return False
    first = params[0]
    return isinstance(first, ReferenceType) and strip(first.target) is owner


def classify(ctype: CType) -> list[str] | None:
    """Return the class of each eight bytes on x86-64, None for what is passed in memory.

    The classes are "integer", "sse", "sseup", "x87" and "x87up"; an empty list is for a class
    without members.

    >>> from pydbg.expr.types import LP64
    >>> classify(LP64.int), classify(LP64.double), classify(LP64.longdouble)
    (['integer'], ['sse'], ['x87', 'x87up'])
    """
    inner = strip(ctype)
    if by_reference(inner):
        return None
    if isinstance(inner, ComplexType) and inner.size > _LARGEST:
        return ["x87", "x87up", "x87", "x87up"] if _is_x87(inner.element) else None
    if inner.size > _LARGEST:
        return None
    kinds = [""] * ((inner.size + 7) // 8)
    try:
        _spread(inner, 0, kinds)
    except (IndexError, DebuggerError, RecursionError):
        return None
    for at, kind in enumerate(kinds):
        if kind == "memory" or (kind == "x87up" and (at == 0 or kinds[at - 1] != "x87")):
            return None
        if kind == "sseup" and (at == 0 or kinds[at - 1] not in ("sse", "sseup")):
            kinds[at] = "sse"
    if not any(kinds):
        return []
    return [kind or "sse" for kind in kinds]


def _is_x87(ctype: CType) -> bool:
    inner = strip(ctype)
    return isinstance(inner, FloatType) and inner.format == "x87"


def _merge(kinds: list[str], at: int, kind: str) -> None:
    """Take another part of the same eight bytes into account (psABI, 3.2.3, 4. (a) to (f))."""
    if at >= len(kinds):
        return  # The storage unit of a bit-field reaches over the end.
    known = kinds[at]
    if not known or known == kind:
        kinds[at] = kind
    elif "memory" in (known, kind):
        kinds[at] = "memory"
    elif "integer" in (known, kind):
        kinds[at] = "integer"
    elif {known, kind} & {"x87", "x87up"}:
        kinds[at] = "memory"
    else:
        kinds[at] = "sse"


def _spread(ctype: CType, offset: int, kinds: list[str]) -> None:
    """Note the class of each part in the eight bytes that it lies in."""
    inner = strip(ctype)
    if isinstance(inner, StructType):
        for field in inner.fields:
            if field.kind == "static":
                continue
            if field.bit_size:
                first = 8 * (offset + field.offset) + field.bit_offset
                for at in range(first // 64, (first + field.bit_size - 1) // 64 + 1):
                    _merge(kinds, at, "integer")
                continue
            if (offset + field.offset) % alignment(field.type):
                raise IndexError("packed: passed in memory")
            _spread(field.type, offset + field.offset, kinds)
    elif isinstance(inner, ArrayType) and inner.vector:
        _merge(kinds, offset // 8, "sse")
        if inner.size > 8:
            _merge(kinds, offset // 8 + 1, "sseup")
    elif isinstance(inner, ArrayType):
        for index in range(min(inner.count, _LARGEST)):
            _spread(inner.element, offset + index * inner.element.size, kinds)
    elif isinstance(inner, ComplexType):
        for part in (0, 1):
            _spread(inner.element, offset + part * inner.element.size, kinds)
    elif isinstance(inner, FloatType):
        pair = ("x87", "x87up") if inner.format == "x87" else ("sse", "sseup")
        _merge(kinds, offset // 8, pair[0])
        if inner.size > 8:
            _merge(kinds, offset // 8 + 1, pair[1])
    else:
        for at in range(offset // 8, (offset + max(inner.size, 1) - 1) // 8 + 1):
            _merge(kinds, at, "integer")


def in_memory(ctype: CType, arch: Arch) -> bool:
    """Tell whether the caller says where a result of the type is to go."""
    inner = strip(ctype)
    if arch.pointer_size == 8:
        return classify(inner) is None
    if isinstance(inner, ComplexType):
        return inner.size > 8
    vector = isinstance(inner, ArrayType) and inner.vector
    return isinstance(inner, (StructType, ArrayType)) and not vector


def _word(value: Value, size: int) -> bytes:
    """Return an argument that fills at least a register: signed numbers keep their sign."""
    inner = strip(value.type)
    if isinstance(inner, IntType) and not isinstance(inner, BoolType) and inner.size < size:
        return (int(value) % (1 << 8 * size)).to_bytes(size, "little")
    return value.data.ljust(size, b"\0")


def lay_out(top: int, args: Sequence[Value], result: CType | None, arch: Arch) -> Passing:
    """Say where arguments of a call go; ``top`` is where the stack is free, downwards.

    The values have the types of the parameters already; instead of a class that C++ passes by a
    hidden reference there is a pointer to it.
    """
    return _Layout(top, arch).made(args, result)


class _Layout:
    """Fill registers and stack, argument by argument."""

    def __init__(self, top: int, arch: Arch) -> None:
        self.sp = top & -16
        self.arch = arch
        self.memory: list[tuple[int, bytes]] = []
        self.registers: list[tuple[str, bytes]] = []
        self.stack = b""
        self.free = list(arch.call_args)
        self.vectors = list(_VECTORS) if arch.pointer_size == 8 else []

    def made(self, args: Sequence[Value], result: CType | None) -> Passing:
        size = self.arch.pointer_size
        result_at = None
        if result is not None and in_memory(result, self.arch):
            result_at = self._room(result.size)
            self._integers([result_at.to_bytes(size, "little")])
        for arg in args:
            if size == 4:
                self._push(_word(arg, 4), 4)
            else:
                self._argument(arg)
        sp = (self.sp - len(self.stack)) & -16
        if self.stack:
            self.memory.append((sp, self.stack))
        if size == 8:
            used = len(_VECTORS) - len(self.vectors)  # al, for functions with "..." (3.5.7)
            self.registers.append((self.arch.call_ret, used.to_bytes(8, "little")))
        return Passing(sp, tuple(self.memory), tuple(self.registers), result_at)

    def _room(self, size: int) -> int:
        self.sp = (self.sp - size) & -16
        return self.sp

    def _push(self, data: bytes, align: int) -> None:
        step = self.arch.pointer_size
        self.stack = self.stack.ljust(-(-len(self.stack) // align) * align, b"\0")
        self.stack += data.ljust(-(-len(data) // step) * step, b"\0")

    def _integers(self, parts: list[bytes]) -> None:
        for part in parts:
            if self.free:
                self.registers.append((self.free.pop(0), part))
            else:
                self._push(part, self.arch.pointer_size)

    def _argument(self, arg: Value) -> None:
        kinds = classify(arg.type)
        data = _word(arg, 8)
        if kinds == []:
            return
        align = 16 if alignment(arg.type) >= 16 else 8
        if kinds is None or "x87" in kinds:
            self._push(data, align)
            return
        if kinds.count("integer") > len(self.free) or kinds.count("sse") > len(self.vectors):
            self._push(data, align)
            return
        at = 0
        for index, kind in enumerate(kinds):
            piece = data[at : at + 8].ljust(8, b"\0")
            at += 8
            if kind == "integer":
                self.registers.append((self.free.pop(0), piece))
            elif kind == "sse":
                if kinds[index + 1 : index + 2] == ["sseup"]:
                    piece = data[at - 8 : at + 8]
                self.registers.append((self.vectors.pop(0), piece.ljust(16, b"\0")))
