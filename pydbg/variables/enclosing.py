"""Variables of the functions around a function: what a lambda or a nested function sees of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.values import Value
from pydbg.symbols.entries import At, Tag
from pydbg.variables.blocks import Block
from pydbg.variables.scope import FrameScope, function_name

if TYPE_CHECKING:
    from pydbg.variables.program import Variables

__all__ = ["enclosing_variable"]

_MOST_FRAMES = 1000


def enclosing_variable(variables: Variables, scope: FrameScope, name: str) -> Value | None:
    """Find a variable of a function around a frame's, in the nearest frame that runs that one.

    Raises ExprError where there is a variable and no frame, None is for no such variable.
    """
    blocks = _blocks_around(scope)
    for at, block in enumerate(blocks):
        for one in block.variables:
            if one.name != name:
                continue
            if one.is_static:
                return scope.value(one)
            root = next(around for around in blocks[at:] if around.is_function)
            for frame in variables.dbg.frames(_MOST_FRAMES):
                other = variables.scope_or_none(frame)
                if other is not None and other.function.die.key == root.die.key:
                    return other.value(one)
            module = scope.frame.module
            assert module is not None
            where = function_name(module, root)
            raise ExprError(f"No frame is currently executing in block {where}.")
    return None


def _blocks_around(scope: FrameScope) -> list[Block]:
    """Give the blocks that the entry of a frame's function lies in, innermost first."""
    die = scope.function.die
    if not (die.name or "").startswith("operator()") and At.static_link not in die:
        return []  # Whether others lie in functions nobody asks: it takes a walk over the unit.
    with scope.file.guard():
        names = scope.file.names.unit(die.unit)
        path = names.path_to(die.pos) if names is not None else ()
        entries = [die.entries.die(die.unit, at) for at in path]
        kinds = Tag.blocks | {Tag.subprogram}
        return [Block(entry) for entry in reversed(entries) if entry.tag in kinds]
