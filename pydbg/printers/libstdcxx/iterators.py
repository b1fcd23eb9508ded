"""Iterators and references: they show what they point to."""

from __future__ import annotations

from pydbg.errors import ExprError
from pydbg.expr.types import PointerType, StructType, strip
from pydbg.expr.values import Value
from pydbg.printers.libstdcxx.containers import list_value, tree_value
from pydbg.printers.libstdcxx.parts import argument, bool_value, value_type
from pydbg.printers.model import Printed, Printer
from pydbg.printers.program import Program

__all__ = [
    "bit_iterator",
    "bit_reference",
    "debug_iterator",
    "list_iterator",
    "pointer_iterator",
    "tree_iterator",
]


def _showing(value: Value, program: Program) -> Printed:
    return Printed(program.text(value), target=value)


def pointer_iterator(member: str, container: str) -> Printer:
    """Make the printer of an iterator that holds a pointer to the element."""

    def show(value: Value, program: Program) -> Printed:
        pointer = value[member]
        if not int(pointer):
            return Printed(f"non-dereferenceable iterator for {container}")
        return _showing(pointer.deref(), program)

    return show


def list_iterator(links: int, container: str) -> Printer:
    """Make the printer of an iterator that holds a pointer to a list's node."""

    def show(value: Value, program: Program) -> Printed:
        node = value["_M_node"]
        if not int(node):
            return Printed(f"non-dereferenceable iterator for {container}")
        ctype = value_type(program, value.type)
        return _showing(list_value(node, ctype, program, links), program)

    return show


def tree_iterator(name: str) -> Printer:
    """Make the printer of iterators of maps and sets."""

    def show(value: Value, program: Program) -> Printed:
        node = value["_M_node"]
        if not int(node):
            return Printed("non-dereferenceable iterator for associative container")
        ctype = value_type(program, value.type)
        return _showing(tree_value(node, ctype, program), program)

    return show


def bit_iterator(name: str) -> Printer:
    """Make the printer of iterators of vector<bool>."""

    def show(value: Value, program: Program) -> Printed:
        pointer = value["_M_p"]
        if not int(pointer):
            return Printed("non-dereferenceable iterator for std::vector<bool>")
        return Printed(bool_value(int(pointer.deref()) >> int(value["_M_offset"]) & 1, value))

    return show


def bit_reference(name: str) -> Printer:
    """Make the printer of references to elements of vector<bool>."""

    def show(value: Value, program: Program) -> Printed:
        pointer = value["_M_p"]
        if not int(pointer):
            return Printed("invalid std::vector<bool>::reference")
        return Printed(bool_value(int(pointer.deref()) & int(value["_M_mask"]), value))

    return show


def debug_iterator(name: str) -> Printer:
    """Make the printer of checked iterators: what they wrap, if their container is unchanged."""

    def show(value: Value, program: Program) -> Printed:
        inner = argument(program, value.type, 0)
        own = strip(value.type)
        sequence = value["_M_sequence"]
        if int(sequence):
            container = sequence.deref()
            if not isinstance(strip(sequence.type), PointerType):
                raise ExprError("Unsupported implementation for a checked iterator")
            if int(value["_M_version"]) != int(container["_M_version"]):
                return Printed("invalid iterator")
        assert isinstance(own, StructType)
        for field in own.fields:
            if field.kind == "base" and strip(field.type).name == strip(inner).name:
                return Printed(program.text(value.base_part(field)))
        raise ExprError("Unsupported implementation for a checked iterator")

    return show
