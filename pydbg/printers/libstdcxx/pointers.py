"""Smart pointers."""

from __future__ import annotations

from pydbg.errors import ExprError
from pydbg.expr.types import strip
from pydbg.expr.values import Value
from pydbg.printers.libstdcxx.parts import argument, fields, head_of_tuple, is_template
from pydbg.printers.model import Printed, Printer
from pydbg.printers.program import Program

__all__ = ["shared", "unique", "unique_get"]


def unique_get(value: Value) -> Value:
    """Return the pointer that a unique_ptr holds."""
    first = fields(value)[0].type if fields(value) else value.type
    if is_template(first, "__uniq_ptr_data") or is_template(first, "__uniq_ptr_impl"):
        return head_of_tuple(value["_M_t"]["_M_t"])
    if is_template(first, "tuple"):
        return head_of_tuple(value["_M_t"])
    raise ExprError(f"Unsupported implementation for unique_ptr: {first}")


def unique(name: str) -> Printer:
    """Make the printer of unique_ptr."""

    def show(value: Value, program: Program) -> Printed:
        pointed = argument(program, value.type, 0)
        return Printed(f"std::unique_ptr<{pointed}>", [("get()", unique_get(value))])

    return show


def shared(name: str) -> Printer:
    """Make the printer of shared_ptr and weak_ptr, with what holds the object."""

    def show(value: Value, program: Program) -> Printed:
        pointed = str(argument(program, value.type, 0)).replace("__8::", "")
        counts = _counts(value, program)
        state = "empty"
        if int(counts):
            holder = counts.deref()
            uses, weak = int(holder["_M_use_count"]), int(holder["_M_weak_count"])
            state = f"use count {uses}, weak count {weak - 1}"
            if not uses:
                state = f"expired, weak count {weak}"
        return Printed(f"{name}<{pointed}> ({state})", [("get()", value["_M_ptr"])])

    return show


def _counts(value: Value, program: Program) -> Value:
    holder = value["_M_refcount"]
    if any(field.name == "_M_pi" for field in fields(holder)):
        return holder["_M_pi"]
    # An atomic one keeps a lock in the lowest bit of the pointer.
    word = int(holder["_M_val"]["_M_i"])
    ctype = program.type_named(f"{strip(holder.type).name}::pointer")
    if ctype is None:
        raise ExprError("The type of the reference counts is not known.")
    return program.number(word & ~1, ctype)
