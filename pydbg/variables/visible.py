"""C++ functions and namespaces that a frame sees, and what to say of names it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, ExprError, NoSymbol
from pydbg.expr.types import StructType, strip
from pydbg.expr.values import Value
from pydbg.symbols.demangle import base_name

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.frames import Frame

__all__ = ["functions_named", "is_namespace", "unknown"]


def functions_named(
    dbg: Debugger, frame: Frame | None, name: str, spaces: Sequence[str]
) -> list[Value]:
    """Return the functions of a name: those that a frame sees, and those of some namespaces."""
    wanted = dict.fromkeys([*_around(dbg, frame), *spaces])
    names = {f"{space}::{name}" if space else name for space in wanted}
    found: dict[int, Value] = {}
    read = dbg.inferior.read if dbg.inferior is not None else None
    for module, symbol in dbg.modules.lookup(name):
        if read is None or not symbol.is_code or base_name(symbol.demangled) not in names:
            continue
        addr = module.addr_of(symbol)
        typed = dbg.variables.function_at(module, addr)
        if typed is not None:
            found.setdefault(addr, Value.at(typed, addr, read))
    return list(found.values())


def _around(dbg: Debugger, frame: Frame | None) -> list[str]:
    return dbg.variables.prefixes_seen(dbg.variables.scope_or_none(frame))


def is_namespace(dbg: Debugger, name: str) -> bool:
    """Say whether a program has a namespace of that whole name."""
    for _, file in dbg.variables.files():
        try:
            if file.names.has_scope(name):
                return True
        except DebuggerError:
            continue
    return False


def unknown(dbg: Debugger, frame: Frame | None, name: str) -> ExprError:
    """Return the error of a name that nothing has, as gdb words it for parts of a path."""
    parts = name.split("::")
    around = _around(dbg, frame)
    known = ""
    for part in parts:
        path = f"{known}::{part}" if known else part
        for space in [""] if known else around:
            whole = f"{space}::{path}" if space else path
            if is_namespace(dbg, whole):
                known = whole
                break
        else:
            if not known:
                return NoSymbol(f'No symbol "{parts[0]}" in current context.', parts[0])
            owner = dbg.variables.type_named(known, frame)
            if owner is not None and isinstance(strip(owner), StructType):
                return NoSymbol(f"There is no field named {part}", part)
            text = f'No symbol "{part}" in namespace "{known}".'
            return NoSymbol(text, part)
    return ExprError("Attempt to use a type name as an expression")
