"""What holds other values: pairs, tuples, optional, variant, any, adapters, node handles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydbg.errors import DebuggerError
from pydbg.expr.types import strip
from pydbg.expr.values import Value
from pydbg.printers.libstdcxx.containers import list_value, tree_value
from pydbg.printers.libstdcxx.parts import argument, at, base, fields, has, is_template
from pydbg.printers.model import Child, Printed, Printer
from pydbg.printers.program import Program

__all__ = [
    "adapter",
    "any_",
    "holding",
    "maybe",
    "node_handle",
    "optional",
    "pair",
    "tuple_",
    "value_as",
    "variant",
]


def pair(name: str) -> Printer:
    """Make the printer of pairs: a struct without its bases."""
    return lambda value, program: Printed(
        None, [("first", value["first"]), ("second", value["second"])]
    )


def tuple_(name: str) -> Printer:
    """Make the printer of tuples."""

    def show(value: Value, program: Program) -> Printed:
        if not fields(value):
            return Printed(f"empty {name}", ())
        return Printed(f"{name} containing", _elements(value))

    return show


def _elements(value: Value) -> Iterator[Child]:
    head: Value | None = base(value, 0)
    index = 0
    while head is not None:
        bases = fields(head)
        if not bases:
            return  # The end of a tuple of GCC 4
        one = base(head, len(bases) - 1)
        head = base(head, 0) if len(bases) > 1 else None
        index += 1
        inner = fields(one)
        held = bool(inner) and inner[0].name == "_M_head_impl"
        yield f"[{index}]", one["_M_head_impl"] if held else one


def adapter(name: str) -> Printer:
    """Make the printer of stack, queue and priority_queue: what they wrap."""

    def show(value: Value, program: Program) -> Printed | None:
        inner = program.printed(value["c"])
        if inner is None:
            return None
        return Printed(f"{name} wrapping: {inner.text}", inner.children, inner.hint)

    return show


# --- one value or none ---------------------------------------------------------------------


def holding(
    value: Value | None, program: Program, hint: str, texts: tuple[str, str, str]
) -> Printed:
    """Show what holds a value or none.

    ``texts`` are for none, what stands before the text of a value with children, which it lends
    to what holds it, and for any other value.
    """
    none, lead, plain = texts
    if value is None:
        return Printed(none, (), hint)
    inner = program.printed(value)
    if inner is None or inner.children is None:
        return Printed(plain, [("[contained value]", value)], hint, value)
    return Printed(f"{lead}{inner.text}", inner.children, inner.hint or hint, value)


def maybe(plain: str, described: str) -> tuple[str, str, str]:
    """Return the texts of optional and its like for ``holding``."""
    return f"{plain} [no contained value]", f"{described} containing ", described


def optional(name: str) -> Printer:
    """Make the printer of optional."""
    old = name.startswith("std::experimental")

    def show(value: Value, program: Program) -> Printed:
        shown = program.type_text(argument(program, value.type, 0))
        plain = f"{name.replace('fundamentals_v1::', '')}<{shown}>"
        payload = value["_M_payload"]
        if old:
            engaged, held = value["_M_engaged"], payload
        else:
            engaged, held = payload["_M_engaged"], payload["_M_payload"]
            if has(held, "_M_value"):
                held = held["_M_value"]
        return holding(held if engaged else None, program, "", maybe(plain, plain))

    return show


def variant(name: str) -> Printer:
    """Make the printer of variant."""

    def show(value: Value, program: Program) -> Printed:
        choices = [one.type for one in program.arguments(value.type)]
        plain = f"{name}<{', '.join(map(program.type_text, choices))}>"
        index = int(value["_M_index"])
        held = None
        if index < len(choices):
            place = value["_M_u"]["_M_first"]["_M_storage"]
            held = value_as(value, place, choices[index])
            plain += f" [index {index}]"
        return holding(held, program, "array", maybe(plain, plain))

    return show


def value_as(owner: Value, place: Value, ctype: object) -> Value:
    """Return a part of a value as another type, also where the value is in no memory."""
    from pydbg.expr.types import CType

    assert isinstance(ctype, CType)
    if place.addr is not None:
        return at(place, ctype, place.addr)
    return Value(ctype, place.data[: ctype.size].ljust(ctype.size, b"\0"), None, owner.reader)


def any_(name: str) -> Printer:
    """Make the printer of any: its manager's name tells what it holds."""
    plain = name.replace("fundamentals_v1::", "")

    def show(value: Value, program: Program) -> Printed | None:
        manager = int(value["_M_manager"])
        if not manager:
            return Printed(f"{plain} [no contained value]", ())
        found = re.match(
            rf"({re.escape(name)}::_Manager_(\w+)<.*>)::_S_manage\(", program.function_at(manager)
        )
        ctype = program.type_named(found[1]) if found is not None else None
        if found is None or ctype is None:
            return None
        held = argument(program, ctype, 0)
        storage = value["_M_storage"]
        if found[2] == "internal":
            inner = value_as(value, storage["_M_buffer"], held)
        else:
            inner = at(value, held, int(storage["_M_ptr"]))
        shown = program.type_text(held).replace("__8::", "")
        texts = "", f"{plain} containing ", f"{plain} containing {shown}"
        return holding(inner, program, "", texts)

    return show


def node_handle(name: str) -> Printer:
    """Make the printer of a node taken out of a map or set."""

    def show(value: Value, program: Program) -> Printed | None:
        if not has(value["_M_alloc"], "_M_engaged"):
            return None  # As of GCC 11, whose own printer fails too.
        arguments = [one.type for one in program.arguments(value.type)]
        if len(arguments) < 3:
            raise DebuggerError("Unsupported implementation for a node handle")
        ctype = arguments[1]
        tree = is_template(argument(program, arguments[2], 0), "_Rb_tree_node")
        what = "map" if strip(arguments[0]).name != strip(ctype).name else "set"
        described = f"node handle for {'' if tree else 'unordered '}{what}"
        pointer = value["_M_ptr"]
        held = None
        if int(pointer):
            held = tree_node(pointer, program) if tree else list_value(pointer, ctype, program, 1)
        plain = f"{described} with element"
        texts = f"empty {described}", f"{plain} = ", plain
        return holding(held, program, "array", texts)

    def tree_node(pointer: Value, program: Program) -> Value:
        node = pointer.deref()
        header = base(node, 0)
        ctype = argument(program, node.type, 0)
        from pydbg.expr.values import from_number

        as_base = from_number(program.pointer(header.type), int(pointer), pointer.reader)
        return tree_value(as_base, ctype, program)

    return show
