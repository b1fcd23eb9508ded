"""What a frame sees of variables, and their values in it."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.expr.types import CType, ReferenceType, strip
from pydbg.expr.values import Read, Value
from pydbg.symbols import dwexpr
from pydbg.symbols.entries import At
from pydbg.variables.blocks import Block, Constant, Variable, blocks_around
from pydbg.variables.frame import FrameSurroundings
from pydbg.variables.places import constant_of, optimized_out, place, place_simply

if TYPE_CHECKING:
    from pydbg.frames import Frame
    from pydbg.symbols.modules import Module
    from pydbg.variables.files import FileTypes
    from pydbg.variables.program import Variables

__all__ = ["FrameScope", "function_name"]

_MOST_PLACES = 1024
"""So many places of one variable are kept."""


class FrameScope:
    """Be what a frame sees: its blocks, and the values of their variables."""

    def __init__(self, owner: Variables, frame: Frame, file: FileTypes, root: Block) -> None:
        self._owner = owner
        self.frame = frame
        self.file = file
        module = frame.module
        assert module is not None
        self.link_addr = module.link_addr(frame.lookup_addr)
        self.function = root
        """The function's, or the inlined call's, own block."""
        self.around = FrameSurroundings(owner.dbg, frame, file, root, self.link_addr)

    @cached_property
    def blocks(self) -> list[Block]:
        """Give the blocks around the frame's address, innermost first, the function's last."""
        with self.file.guard():
            return list(blocks_around(self.function, self.link_addr))[::-1]

    def find(self, name: str) -> Variable | None:
        """Find a local variable or parameter; the innermost hides the others."""
        for block in self.blocks:
            for one in block.variables:
                if one.name == name:
                    return one
        return None

    def type_of(self, variable: Variable) -> CType:
        """Return a variable's type."""
        if variable.fixed_type is not None:
            return variable.fixed_type
        if isinstance(variable, Constant):
            return self.file.reader.read(variable.enum)
        die = variable.find(At.type)
        ctype = self.file.reader.of(die) if die is not None else self.file.reader.model.int
        settled = self._owner.settled(ctype, self.around)
        if settled is ctype:
            variable.fixed_type = ctype  # The reader keeps it as well.
        return settled

    def value(self, variable: Variable) -> Value:
        """Return a variable's value, which may be optimized out."""
        with self.file.guard():
            if variable.is_extern:
                found = self._owner.value_named(variable.name, None, self.file)
                if found is not None:
                    return found
            return self._value(variable, self.type_of(variable))

    def _value(self, variable: Variable, ctype: CType) -> Value:
        around, link_addr = self.around, self.link_addr
        where = variable.simple_at.get(link_addr)
        if where is not None:
            return place_simply(ctype, where, around)
        entry = variable.located
        if entry is None:
            return optimized_out(ctype, around.read)
        if At.location not in entry.attrs:
            return constant_of(entry, ctype, around)
        around.use(entry)

        def is_entry() -> bool:
            function = around.module.function_at(around.module.addr(link_addr))
            return function is not None and function.low == link_addr

        expression = variable.expression_at(link_addr, is_entry)
        where = dwexpr.simple(expression, around.pointer_size) if expression else None
        if where is None:
            return place(ctype, expression, around)
        if len(variable.simple_at) >= _MOST_PLACES:
            variable.simple_at.clear()
        variable.simple_at[link_addr] = where
        return place_simply(ctype, where, around)

    def at_entry(self, variable: Variable) -> Value | None:
        """Return what a parameter was when the function was entered; None where nobody tells.

        Only what came in a register is known, from the caller's description of the call.
        """
        try:
            with self.file.guard():
                number = self._entry_register(variable)
                if number is None:
                    return None
                value = self.around.entry_value(number)
                ctype = self.type_of(variable)
                if ctype.size > 8:
                    return None
                read: Read = self.around.read
                inner = strip(ctype)
                if isinstance(inner, ReferenceType):
                    # As gdb, with the object as it was at the call, or not at all.
                    if inner.target.size > 8:
                        return None
                    then = _word(self.around.entry_data(number))
                    read = partial(_of_then, then)
                return Value(ctype, _word(value)[: ctype.size], None, read)
        except DebuggerError:
            return None

    def _entry_register(self, variable: Variable) -> int | None:
        low = self.function.low
        module = self.frame.module
        if self.frame.inline is not None and module is not None:
            # What is inlined has no entry: it is the one of the function around it (as in gdb).
            whole = module.function_at(self.frame.lookup_addr)
            low = low if whole is None else whole.low
        expression = None if low is None else variable.expression_at(low, lambda: True)
        if expression is None or len(expression) != 1 or not 0x50 <= expression[0] <= 0x6F:
            return None
        return expression[0] - 0x50


def _word(number: int) -> bytes:
    return (number & ((1 << 64) - 1)).to_bytes(8, "little")


def _of_then(then: bytes, addr: int, size: int, /) -> bytes:
    return then[:size]


def function_name(module: Module, block: Block) -> str:
    """Return the name of the function around a block, in C++ with its parameters."""
    low = block.low
    label = None if low is None else module.symbol_at(module.addr(low))
    return label[0].demangled if label is not None else block.die.name or "??"
