"""Go's types in expressions: ``[]int``, ``*main.shape``, ``map[string]int``, by their names.

Pointers and arrays are made of what they consist of; slices, maps, channels, functions and
structs are looked up by the name that the compiler gives them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.nodes import TypeName
from pydbg.expr.types import (
    ArrayType,
    BoolType,
    CharType,
    ComplexType,
    CType,
    FloatType,
    IntType,
    PointerType,
    TypedefType,
    VoidType,
)

if TYPE_CHECKING:
    from pydbg.expr.evaluator import Evaluator

__all__ = ["GoType", "basic", "is_basic", "scan", "unnamed"]

_FLOAT = {4: "single", 8: "double"}
_BASIC = re.compile(
    r"bool|byte|rune|uintptr|u?int(8|16|32|64)?|float(32|64)|complex(64|128)|string"
)
_NAME = re.compile(r"[^\W\d]\w*(?:/[\w.-]+)*(?:\.[^\W\d]\w*)?")
_PAIRS = {"[": "]", "(": ")", "{": "}"}
_MAX_DEPTH = 40


def basic(name: str, word: int) -> CType | None:
    """Return one of the types that every program has; ``word`` is a pointer's size.

    >>> basic("int", 8).size, basic("byte", 8).name, basic("string", 8) is None
    (8, 'uint8', True)
    """
    name = {"byte": "uint8", "rune": "int32"}.get(name, name)
    if name == "bool":
        return BoolType(name, 1, False)
    found = re.fullmatch(r"(u?)int(8|16|32|64|ptr)?", name)
    if found:
        size = word if found[2] in (None, "ptr") else int(found[2]) // 8
        kind = CharType if size == 1 else IntType
        return kind(name, size, not found[1])
    found = re.fullmatch(r"(float|complex)(32|64|128)", name)
    if found is None:
        return None
    size = int(found[2]) // 8
    if found[1] == "float":
        return FloatType(name, size, _FLOAT[size]) if size in _FLOAT else None
    half = size // 2
    return ComplexType(name, size, FloatType("", half, _FLOAT[half])) if half in _FLOAT else None


def is_basic(name: str) -> bool:
    """Tell whether a word begins a type in every program.

    >>> is_basic("uint8"), is_basic("map"), is_basic("main")
    (True, True, False)
    """
    return bool(_BASIC.fullmatch(name)) or name in ("map", "chan", "func", "interface", "struct")


class GoType(TypeName):
    """Be a type as Go spells it; ``base`` is the whole of it, without blanks to spare."""

    @property
    def misused(self) -> str:
        """Say that it stands where a value is wanted."""
        if is_basic(self.base) or not re.fullmatch(r"[\w./]+", self.base):
            return super().misused
        return f"Cannot look up value of a typedef `{self.base}'."

    def resolve(self, evaluator: Evaluator) -> CType:
        """Return the type that is meant in the evaluator's context."""
        found = _resolve(self.base, evaluator, 0)
        if found is None:
            raise ExprError(f'No type "{self.base}" in current context.')
        return found


def _resolve(name: str, evaluator: Evaluator, depth: int) -> CType | None:
    ctx = evaluator.ctx
    if depth > _MAX_DEPTH:
        raise ExprError("The type is nested too deeply.")
    if name.startswith("*"):
        target = _resolve(name[1:], evaluator, depth + 1)
        return None if target is None else evaluator.model.pointer(target)
    array = re.match(r"\[(\d{1,18})\]", name)
    if array:
        element = _resolve(name[array.end() :], evaluator, depth + 1)
        count = int(array[1])
        size = 0 if element is None else element.size * count
        return None if element is None else ArrayType(name, size, element, count)
    if name == "unsafe.Pointer":
        return evaluator.model.pointer(VoidType())
    found = basic(name, ctx.pointer_size)
    return ctx.type_named("interface {}" if name == "any" else name) if found is None else found


def scan(text: str, at: int, is_type: Callable[[str], bool]) -> tuple[str, int] | None:
    """Return the type that text begins with at an index, and where it ends; None for none.

    ``is_type`` tells which names (``main.shape``) the program has for types.

    >>> scan("map[string][]int)", 0, lambda name: False)
    ('map[string][]int', 16)
    >>> scan("x + 1", 0, lambda name: False) is None
    True
    """
    return _scan(text, at, is_type, 0)


def _scan(text: str, at: int, is_type: Callable[[str], bool], depth: int) -> tuple[str, int] | None:
    while at < len(text) and text[at] == " ":
        at += 1
    if depth > _MAX_DEPTH:
        raise ExprError("The type is nested too deeply.", at)
    found = re.compile(r"\*|\[\s*(\d*)\s*\]|(map)\s*\[|(?:<-\s*)?chan\b(?:\s*<-)?").match(text, at)
    if found is not None:
        head = re.sub(r"\s+", "", found.group())
        at = found.end()
        if found[2]:
            key = _scan(text, at, is_type, depth + 1)
            if key is None or text[key[1] : key[1] + 1] != "]":
                return None
            head, at = f"map[{key[0]}]", key[1] + 1
        inner = _scan(text, at, is_type, depth + 1)
        if inner is None:
            return None
        return head + (" " if "chan" in head else "") + inner[0], inner[1]
    return _named(text, at, is_type, depth)


def _named(
    text: str, at: int, is_type: Callable[[str], bool], depth: int
) -> tuple[str, int] | None:
    found = re.compile(r"(struct|interface)\s*(?=\{)|func(?=\()").match(text, at)
    if found is not None:
        end = _closing(text, found.end())
        if end is None:
            return None
        head = found[1] + " " if found[1] else "func"
        name = head + text[found.end() : end]
        if not found[1]:
            result = _scan(text, end, is_type, depth + 1)
            if text[end : end + 2] == " (":
                end = _closing(text, end + 1) or end
                name = head + text[found.end() : end]
            elif result is not None:
                name, end = f"{name} {result[0]}", result[1]
        return name, end
    word = _NAME.match(text, at)
    if word is None:
        return None
    name, end = word.group(), word.end()
    if text[end : end + 1] == "[" and (close := _closing(text, end)) is not None:
        generic = text[at:close].replace(", ", ",")
        if is_type(generic):
            return generic, close
    derived = depth > 0 and name == "any"  # Alone it is a usual name of variables.
    if _BASIC.fullmatch(name) or name == "unsafe.Pointer" or derived or is_type(name):
        return name, end
    return None


def _closing(text: str, at: int) -> int | None:
    """Return the index behind the bracket that closes the one at an index."""
    waiting: list[str] = []
    for index in range(at, len(text)):
        char = text[index]
        if char in _PAIRS:
            waiting.append(_PAIRS[char])
        elif waiting and char == waiting[-1]:
            waiting.pop()
            if not waiting:
                return index + 1
    return None


def unnamed(ctype: CType, depth: int = 0) -> CType:
    """Return a type whose arrays are spelt by their elements, as ``ptype`` does."""
    if depth > _MAX_DEPTH:
        return ctype
    if isinstance(ctype, TypedefType):
        return unnamed(ctype.target, depth + 1)
    if isinstance(ctype, ArrayType) and ctype.name != "string":
        inner = unnamed(ctype.element, depth + 1)
        return ArrayType("", ctype.size, inner, ctype.count, ctype.vector, ctype.open)
    if isinstance(ctype, PointerType):
        return PointerType("", ctype.size, unnamed(ctype.target, depth + 1))
    return ctype
