"""Where names are, for conditions that are compiled: the same at every hit of one place.

A place of a variable that is one register, or one distance from a register, does not change
while the breakpoint stays where it is and the modules stay loaded; registers and memory do. What
takes more to find (lists of pieces, values at entry, thread-local storage) is not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.expr.bases import find_member
from pydbg.expr.codes import Place, constant_place
from pydbg.expr.types import CType, PointerType, StructType, strip
from pydbg.expr.values import Value
from pydbg.symbols import dwexpr
from pydbg.symbols.entries import At
from pydbg.variables.blocks import blocks_around

if TYPE_CHECKING:
    from pydbg.context import ProgramContext
    from pydbg.debugger import Debugger
    from pydbg.symbols.modules import Module
    from pydbg.target.thread import Thread
    from pydbg.variables.blocks import Variable
    from pydbg.variables.program import Variables
    from pydbg.variables.scope import FrameScope

__all__ = ["PinnedNames", "sees"]


class PinnedNames:
    """Say where names are for a thread that stands at a breakpoint; ``scope`` is its frame's."""

    def __init__(self, dbg: Debugger, thread: Thread, context: ProgramContext) -> None:
        self._dbg = dbg
        self._arch = thread.inferior.arch
        self._context = context
        self._scope: FrameScope | None = None
        self._is_certain = False
        frame = dbg.innermost_of(thread)
        if frame is not None:
            spot = frame.module.spot_at(frame.addr) if frame.module is not None else None
            # Where inlined code begins, how the thread came there says which frame it is in.
            begins = spot is not None and any(c.begins_at(frame.addr) for c in spot.calls)
            self._is_certain = frame.how == "cfi" and not begins
            self._scope = dbg.variables.scope_or_none(frame)

    def find(self, name: str) -> Place | None:
        """Return where a name's value is, None where that is not to be said beforehand."""
        try:
            return self._find(name)
        except DebuggerError:
            return None

    def _find(self, name: str) -> Place | None:
        scope = self._scope
        if scope is not None and "::" not in name:
            if not self._is_certain:
                return None
            local = scope.find(name)
            if local is not None:
                return self._local(scope, local)
            if not self._dbg.variables.is_local_enumerator(name, scope):
                this = scope.find("this") if scope.function.die.cplus else None
                owner = self._local(scope, this) if this is not None else None
                if this is not None and (owner is None or _has_member(owner.type, name)):
                    target = None if owner is None else _pointed(owner.type)
                    if owner is None or target is None or target.field(name) is None:
                        return None  # In a virtual base, which each object has elsewhere.
                    return Place("member", owner.type, owner=owner)
        value = self._context.symbol(name)
        return None if value is None else self._constant(value)

    def _constant(self, value: Value) -> Place | None:
        """Return the place of a global; each thread has thread-local storage of its own."""
        place = constant_place(value)
        if place is None or place.kind == "constant":
            return place
        return None if self._dbg.modules.at(place.offset) is None else place

    def _local(self, scope: FrameScope, local: Variable) -> Place | None:
        entry = local.located
        if local.is_extern or (entry is not None and At.location not in entry.attrs):
            return self._constant(scope.value(local))
        with scope.file.guard():
            ctype = scope.type_of(local)
            expression = local.expression_at(scope.link_addr)
        if local.fixed_type is None or not expression:
            return None
        found = dwexpr.simple(expression, self._arch.pointer_size)
        if found is None:
            return None
        kind, number, offset = found
        if kind == "register":
            register = self._arch.by_dwarf.get(number)
            if register is None or register.where != "gpr":
                return None
            return Place("register", ctype, register.offset, size=register.size)
        if kind == "addr":
            return Place("memory", ctype, scope.around.bias + offset)
        if kind == "frame":
            based = self._frame_base(scope)
        elif kind == "cfa":
            based = self._cfa()
        else:
            based = number, 0
        if based is None:
            return None
        base = self._arch.by_dwarf.get(based[0])
        if base is None or base.where != "gpr":
            return None
        return Place("memory", ctype, based[1] + offset, base.offset)

    def _frame_base(self, scope: FrameScope) -> tuple[int, int] | None:
        """Return the register and the distance from it that a frame's variables count from."""
        expression = scope.around.frame_base_expression()
        found = dwexpr.simple(expression, self._arch.pointer_size)
        if found is None:
            return None
        kind, number, offset = found
        if kind == "cfa":
            cfa = self._cfa()
            return None if cfa is None else (cfa[0], cfa[1] + offset)
        return (number, offset) if kind in ("register", "based") else None

    def _cfa(self) -> tuple[int, int] | None:
        scope = self._scope
        module = scope.frame.module if scope is not None else None
        if scope is None or module is None:
            return None
        row = module.cfi.cfi_for(module.link_addr(scope.frame.addr))
        if row is None or row.cfa is None or row.cfa.expression is not None:
            return None
        return row.cfa.register, row.cfa.offset


def sees(variables: Variables, module: Module, entry: int, link_addr: int, name: str) -> bool:
    """Tell whether at an address in the function of an entry a name needs no prefix.

    That is what the blocks around the address declare, the members of the function's object, and
    what the namespaces around it declare.
    """
    file = variables.file(module)
    if file is None:
        return False
    with file.guard():
        block = file.block(entry)
        for at in blocks_around(block, link_addr):
            if any(v.name == name for v in at.variables) or any(t.name == name for t in at.types):
                return True
        this = next((one for one in block.variables if one.name == "this"), None)
        typed = None if this is None else this.find(At.type)
        if typed is not None and _has_member(file.reader.of(typed), name):
            return True
        unit = block.die.unit
        return any(
            variables.value_named(path, unit, file) is not None
            for prefix in variables.prefixes(file, [block])
            if prefix
            for path in variables.with_inherited(f"{prefix}::{name}")
        )


def _has_member(ctype: CType, name: str) -> bool:
    """Tell whether what a pointer, ``this``, points to has a member of a name."""
    target = _pointed(ctype)
    return target is not None and find_member(target, name) is not None


def _pointed(ctype: CType) -> StructType | None:
    pointer = strip(ctype)
    target = strip(pointer.target) if isinstance(pointer, PointerType) else None
    return target if isinstance(target, StructType) else None
