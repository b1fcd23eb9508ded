"""Names with what they are in before them: ``func::static`` and ``'x.c'::global``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from pydbg.errors import ExprError, NoProcess, NoSymbol
from pydbg.symbols.entries import At, Die, Tag
from pydbg.symbols.unitnames import VALUES
from pydbg.variables.blocks import Block
from pydbg.variables.frame import ModuleSurroundings
from pydbg.variables.scope import function_name

if TYPE_CHECKING:
    from pydbg.expr.values import Value
    from pydbg.frames import Frame
    from pydbg.symbols.modules import Module
    from pydbg.symbols.units import Unit
    from pydbg.variables.files import FileTypes
    from pydbg.variables.program import Variables

__all__ = ["in_function_or_file"]


def in_function_or_file(variables: Variables, name: str) -> Value | None:
    """Find a static of a function, or a variable as the units of a source file see it."""
    head, _, last = name.rpartition("::")
    for module, file in variables.files():
        found = _in_file(variables, module, file, head, last)
        if found is not None:
            return found
        for names, row in file.names.named(head):
            if row.tag != Tag.subprogram or row.declaration:
                continue
            with file.guard():
                die = file.names.entries.die(names.unit, row.pos)
                if At.low_pc not in die and At.ranges not in die:
                    die = _with_code(module, file, head) or die
                found = _static_in(variables, module, file, Block(die), last)
            if found is not None:
                return found
    return _seen_by_file(variables, head, last) if "." in head else None


def _seen_by_file(variables: Variables, path: str, name: str) -> Value | None:
    """Find what is not the file's own: as in gdb all globals and other files' statics."""
    for unit, file in chain(_units_named(variables, path), _units_including(variables, path)):
        found = variables.value_named(name, unit, file)
        if found is None:
            raise NoSymbol(f'No symbol "{name}" in specified context.', name)
        return found
    return None


def _units_named(variables: Variables, path: str) -> Iterator[tuple[Unit, FileTypes]]:
    for _, file in variables.files():
        for names in file.names.all():
            if _is_named(names.unit.name or "", path):
                yield names.unit, file


def _units_including(variables: Variables, path: str) -> Iterator[tuple[Unit, FileTypes]]:
    for module, file in variables.files():
        if module.lines is not None:
            for unit, _ in module.lines.naming(path):
                yield unit, file


def _is_named(known: str, path: str) -> bool:
    return known == path or known.endswith(f"/{path}")


def _with_code(module: Module, file: FileTypes, name: str) -> Die | None:
    """Find the code of a function that its own unit only describes (LTO)."""
    for symbol in module.lookup(name):
        function = module.function_at(module.addr_of(symbol)) if symbol.is_code else None
        if function is not None:
            return file.names.entries.at(function.die)
    return None


def _in_file(
    variables: Variables, module: Module, file: FileTypes, path: str, name: str
) -> Value | None:
    if "." not in path:
        return None
    rows = [
        (names.unit, row)
        for names, row in file.names.named(name)
        if row.tag in VALUES and _is_named(names.unit.name or "", path)
    ]
    for unit, row in sorted(rows, key=lambda one: one[1].declaration):
        with file.guard():
            die = file.names.entries.die(unit, row.pos)
            found = variables.global_value(module, file, die)
        if found is not None:
            return found
    return None


def _static_in(
    variables: Variables, module: Module, file: FileTypes, block: Block, name: str
) -> Value | None:
    for one in block.variables:
        if one.name != name:
            continue
        attr = one.die.block(At.location)
        if one.is_bytes:
            attr = b"\x03"  # It is there without a frame, as a static is.
        if attr is None or attr[:1] not in (b"\x03", b"\xa1", b"\xfb"):
            frame = _frame_of(variables, block)
            scope = variables.scope(frame) if frame is not None else None
            if scope is not None:
                return scope.value(one)
            if variables.dbg.thread is None:
                raise NoProcess("No frame selected.")
            function = function_name(module, block)
            raise ExprError(f"No frame is currently executing in block {function}.")
        around = ModuleSurroundings(variables.dbg, module, file)
        die = one.find(At.type)
        ctype = file.reader.of(die) if die is not None else file.reader.model.int
        return variables.value_of(one.die, ctype, around, None)
    for inner in block.inner:
        found = _static_in(variables, module, file, Block(inner), name)
        if found is not None:
            return found
    return None


def _frame_of(variables: Variables, block: Block) -> Frame | None:
    if variables.dbg.thread is None:
        return None
    for frame in variables.dbg.frames(1000):
        scope = variables.scope_or_none(frame)
        if scope is not None and scope.function.die.key == block.die.key:
            return frame
    return None
