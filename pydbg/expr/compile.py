"""Conditions to Python functions over the raw register block.

A condition is asked at every hit of a breakpoint, so what is common in conditions becomes
Python source: registers, variables of simple types wherever they are, members, elements,
arithmetic, comparisons, memory, strings to compare. It unpacks just the bytes it needs, and what
it needs of one frame it reads at once. Everything else is left to ``evaluate``; so is what
cannot be read, for the words of the error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydbg.errors import ExprError
from pydbg.expr import nodes
from pydbg.expr.codes import Unsupported
from pydbg.expr.compiler import ArchLike, Around, Compiler, FindPlace, FindType
from pydbg.expr.functions import c_string
from pydbg.expr.language import Language, language_named

__all__ = ["ArchLike", "compile_condition"]

Block = bytes | bytearray
Condition = Callable[[Block, Callable[[int, int], bytes]], bool]


def _nothing(name: str) -> None:
    return None


def compile_condition(
    tree: nodes.Node,
    arch: ArchLike,
    *,
    places: FindPlace = _nothing,
    type_named: FindType = _nothing,
    language: Language | None = None,
) -> Condition | None:
    """Compile a condition to ``f(registers, read) -> bool``, or None if it needs more.

    ``registers`` are the bytes of ``struct user_regs_struct``; ``read(addr, size)`` reads
    memory. ``places`` gives what names mean, ``type_named`` the program's types and ``language``
    (C without it) what operators make of them, all now and where the condition is asked: compile
    again for another place, and when modules move.
    """
    around = Around(arch, places, type_named, language or language_named("c"))
    apart: set[int | None] = set()
    while True:
        compiler = Compiler(around, frozenset(apart))
        try:
            code = compiler.code(tree, 0)
            source = compiler.source(f"({code.text}) != 0")
        except (Unsupported, ExprError):
            return None
        wide = compiler.wide
        if not wide:
            break
        apart |= wide
    names: dict[str, Any] = dict(compiler.names)
    names["__builtins__"] = {}
    names.update(div=_divide, mod=_modulo, text=c_string, size=len, nul=b"\0")
    # The source holds nothing but our own operators and numbers.
    exec(compile(source, "<condition>", "exec"), names)
    found: Condition = names["condition"]
    return found


def _divide(left: int, right: int) -> int:
    if right == 0:
        raise ExprError("Division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _modulo(left: int, right: int) -> int:
    return left - _divide(left, right) * right
