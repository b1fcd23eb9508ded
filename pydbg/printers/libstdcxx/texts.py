"""Strings, paths, and what is shown by one text."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from pydbg.errors import ExprError
from pydbg.expr.types import EnumType, PointerType, StructType, strip
from pydbg.expr.values import Value, from_number
from pydbg.printers.layout import align
from pydbg.printers.libstdcxx.parts import argument, at, distance, target
from pydbg.printers.libstdcxx.pointers import unique_get
from pydbg.printers.model import Child, Printed, Printer, StringAt
from pydbg.printers.program import Program

__all__ = [
    "atomic",
    "error_code",
    "new_string",
    "old_path",
    "old_string",
    "ordering",
    "path",
    "regex_state",
    "string_view",
]


def new_string(name: str) -> Printer:
    """Make the printer of strings with a length of their own (std::__cxx11)."""
    return lambda value, program: Printed(
        _chars(value["_M_dataplus"]["_M_p"], int(value["_M_string_length"])), None, "string"
    )


def _chars(pointer: Value, length: int) -> StringAt:
    if length and not int(pointer):
        raise ExprError("Cannot create a lazy string with address 0x0, and a non-zero length.")
    return StringAt(int(pointer), target(pointer), length)


def old_string(name: str) -> Printer:
    """Make the printer of strings whose length stands before their characters."""

    def show(value: Value, program: Program) -> Printed:
        pointer = value["_M_dataplus"]["_M_p"]
        word = program.pointer_size
        # _Rep: length, capacity and a 4-byte count of references, padded to words.
        addr = int(pointer) - 3 * word
        length = int(at(pointer, program.model.ulong, addr))
        return Printed(_chars(pointer, length), None, "string")

    return show


def string_view(name: str) -> Printer:
    """Make the printer of string views."""
    return lambda value, program: Printed(
        _chars(value["_M_str"], int(value["_M_len"])), None, "string"
    )


# --- paths ---------------------------------------------------------------------------------


def _kind(number: int) -> str:
    # std::filesystem::path::_Type: multi, root name, root directory, file name
    return {1: "root-name", 2: "root-directory"}.get(number, "")


def path(name: str) -> Printer:
    """Make the printer of std::filesystem::path: its text, and its parts as children."""

    def show(value: Value, program: Program) -> Printed | None:
        if not _has(value["_M_cmpts"], "_M_impl"):
            return None  # Only declared: clang leaves such types to the library.
        impl = int(_impl(value))
        text = f"filesystem::path {program.text(value['_M_pathname'])}"
        kind = _kind(impl & 3)
        if kind:
            text += f" [{kind}]"
        return Printed(text, _parts(value, program, impl))

    return show


def _impl(value: Value) -> Value:
    return unique_get(value["_M_cmpts"]["_M_impl"])


def _parts(value: Value, program: Program, impl: int) -> Iterator[Child]:
    if impl & 3 or not impl:
        return
    part = program.type_named(f"{strip(value.type).name}::_Cmpt")
    if part is None:
        return
    integer = program.model.int
    count = int(at(value, integer, impl))
    addr = impl + max(2 * integer.size, align(part, program.pointer_size))
    for index in range(count):
        one = at(value, part, addr + index * part.size)
        yield f"[{_kind(int(_impl(one)) & 3) or index}]", one["_M_pathname"]


def old_path(name: str) -> Printer:
    """Make the printer of std::experimental::filesystem::path."""

    def kind_of(value: Value) -> str:
        return _kind(int(value["_M_type"]))

    def show(value: Value, program: Program) -> Printed:
        parts = value["_M_cmpts"]["_M_impl"]
        start = parts["_M_start"]
        count = distance(start, parts["_M_finish"])
        text = f"experimental::filesystem::path {program.text(value['_M_pathname'])}"
        kind = "" if count else kind_of(value)

        def children() -> Iterator[Child]:
            for index in range(count):
                one = start.deref(index)
                yield f"[{kind_of(one) or index}]", one["_M_pathname"]

        return Printed(f"{text} [{kind}]" if kind else text, children())

    return show


# --- one text ------------------------------------------------------------------------------


def ordering(name: str) -> Printer:
    """Make the printer of the results of ``<=>``."""
    own = name.rpartition("::")[2]
    names = {2: "unordered", -1: "less", 0: "equivalent", 1: "greater"}

    def show(value: Value, program: Program) -> Printed:
        number = int(value["_M_value"])
        if own == "strong_ordering" and number == 0:
            return Printed(f"std::{own}::equal")
        if number not in names:
            raise ExprError(f"{number} is no result of a comparison.")
        return Printed(f"std::{own}::{names[number]}")

    return show


_CATEGORIES = {
    "generic_error_category": ("generic", True),
    "system_error_category": ("system", True),
    "future_error_category": ("future", False),
    "io_error_category": ("io", False),
}
_ERRORS = {"future": "std::future_errc", "io": "std::io_errc"}
_DEFAULTS = {"error_code": "system", "error_condition": "generic"}


def error_code(name: str) -> Printer:
    """Make the printer of error codes: which category, and the error's name."""

    def show(value: Value, program: Program) -> Printed:
        number, pointer = int(value["_M_value"]), value["_M_cat"]
        dynamic = program.dynamic_type(pointer)
        own = strip(dynamic if dynamic is not None else target(pointer)).name
        category, is_errno = _CATEGORIES.get(own.rpartition("::")[2], ("", False))
        if number == 0 and category == _DEFAULTS[name.rpartition("::")[2]]:
            return Printed(f"{name} = {{ }}")
        text = str(number)
        if is_errno and number:
            text = errno.errorcode.get(number, text)
        elif category:
            text = _enumerator(program, _ERRORS[category], number)
        shown = f'"{category}"' if category else own
        return Printed(f"{name} = {{{shown}: {text}}}")

    return show


def _enumerator(program: Program, name: str, number: int) -> str:
    ctype = program.type_named(name)
    if isinstance(ctype, EnumType):
        return program.text(from_number(ctype, number)).rpartition("::")[2]
    return str(number)


def atomic(name: str) -> Printer:
    """Make the printer of atomics."""

    def show(value: Value, program: Program) -> Printed:
        from pydbg.printers.libstdcxx.pointers import shared

        ctype = argument(program, value.type, 0)
        own = strip(ctype)
        if isinstance(own, StructType):
            plain = own.name.replace("__8::", "")
            if plain.startswith(("std::shared_ptr<", "std::weak_ptr<")):
                found = shared(name)(value["_M_impl"], program)
                assert isinstance(found, Printed)
                return found
        if isinstance(own, PointerType):
            inner = value["_M_b"]["_M_p"]
        elif _has(value, "_M_base"):
            inner = value["_M_base"]["_M_i"]
        else:
            inner = value["_M_fp" if _has(value, "_M_fp") else "_M_i"]
        return Printed(f"{name}<{ctype}> = {{ {program.text(inner)} }}")

    return show


def _has(value: Value, name: str) -> bool:
    own = strip(value.type)
    return isinstance(own, StructType) and own.field(name) is not None


_STATES = {
    "repeat": "alt", "alternative": "alt", "subexpr_begin": "subexpr", "subexpr_end": "subexpr",
    "word_boundary": "neg", "subexpr_lookahead": "neg", "backref": "backref_index",
}  # fmt: skip


def regex_state(name: str) -> Printer:
    """Make the printer of the states of a regular expression's automaton."""

    def show(value: Value, program: Program) -> Printed:
        opcode = program.text(value["_M_opcode"]).rpartition("_S_opcode_")[2]
        parts = [f"opcode={opcode}", f"next={program.text(value['_M_next'])}"]
        member = _STATES.get(opcode)
        if member is not None:
            parts.append(f"{member}={program.text(value[f'_M_{member}'])}")
        return Printed(f"{{{', '.join(parts)}}}")

    return show
