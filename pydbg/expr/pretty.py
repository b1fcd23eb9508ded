"""What printers give, as gdb prints it (python/py-prettyprint.c, print_children)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, ExprError, MemoryFault
from pydbg.expr.strings import pointer_string, sized_string, string_text
from pydbg.expr.typeprint import behind_typedefs
from pydbg.expr.types import CharType, PointerType, data_model, strip
from pydbg.expr.values import Value, from_number, is_integral
from pydbg.printers.model import Child, Printed, StringAt, Unfinished
from pydbg.records import replace

if TYPE_CHECKING:
    from pydbg.expr.format import Formatter

__all__ = ["error_text", "printed_text"]


def error_text(error: DebuggerError) -> str:
    """Return what stands for a value, or for the rest of it, that cannot be shown."""
    shown = error.shown if isinstance(error, Unfinished) else ""
    return f"{shown}<error reading variable: {error}>"


def printed_text(
    out: Formatter, printed: Printed, letter: str, depth: int, deref: bool = False
) -> str:
    """Return the text of a value that a printer shows: its own text, then its children.

    ``deref`` shows what references among the children refer to. Raises Unfinished where a part
    cannot be shown.
    """
    text = _own_text(out, printed, letter, depth)
    if printed.children is None:
        return text
    parts = [text]
    try:
        _children(out, printed, letter, depth, parts, deref)
    except DebuggerError as error:
        before = error.shown if isinstance(error, Unfinished) else ""
        raise Unfinished("".join(parts) + before, error) from None
    return "".join(parts)


def _own_text(out: Formatter, printed: Printed, letter: str, depth: int) -> str:
    text = printed.text
    if text is None:
        return ""
    if isinstance(text, str):
        if printed.hint == "string":
            return string_text(text.encode("utf-8", "surrogateescape"), out.options)
        return text
    if isinstance(text, StringAt):
        return _string_at(out, text)
    with out.using(replace(out.options, address=False)):
        return out.inner(text, letter, depth)


def _string_at(out: Formatter, text: StringAt) -> str:
    read = out.read
    if read is None:
        raise MemoryFault(text.addr, 1)
    ctype = strip(text.type)
    width, prefix = ctype.size, ctype.prefix if isinstance(ctype, CharType) else ""
    if text.length < 0:
        return pointer_string(text.addr, out.options, read, width=width, prefix=prefix)[0]
    return sized_string(text.addr, text.length, out.options, read, width=width, prefix=prefix)


def _children(
    out: Formatter, printed: Printed, letter: str, depth: int, parts: list[str], deref: bool
) -> None:
    """Add ``= {...}`` to the parts, nothing where there are no children."""
    options = out.options
    is_map, is_array = printed.hint == "map", printed.hint == "array"
    pretty = options.array if is_array else options.pretty
    inside = "\n" + "  " * (depth + 1) if pretty else ""
    children = _guarded(printed.children or ())
    count = 0
    done = False
    while count < options.limit:
        child = next(children, None)
        if isinstance(child, DebuggerError):
            parts.append(error_text(child))
            break
        if child is None:
            done = True
            break
        key = is_map and count % 2 == 0
        if not count:
            parts.append("" if printed.text is None else " = ")
        elif not is_map or key:
            parts.append("," if pretty else ", ")
        if out.too_deep(depth):
            parts.append("{...}")
            return
        if not count:
            parts.append("{")
        if options.summary:
            parts.append("...}")
            return
        if not is_map or key:
            parts.append(inside)
        if key:
            parts.append("[")
        elif is_array and options.array_indexes:
            parts.append(f"[{count}] = ")
        elif not is_array and not is_map:
            parts.append(f"{child[0]} = ")
        parts.append(_child(out, child, letter, depth, deref, deeper=key))
        if key:
            parts.append("] = ")
        count += 1
    if count:
        if not done:
            parts.append(f"{inside}...")
        parts.append("\n" + "  " * depth + "}" if pretty else "}")


def _guarded(children: Iterable[Child]) -> Iterator[Child | DebuggerError]:
    """Give the children, and last the error that ended them early, if one did."""
    try:
        yield from children
    except DebuggerError as error:
        yield error
    except Exception as error:  # Of a user's printer: whatever it raises.
        yield DebuggerError(f"{type(error).__name__}: {error}")


def _child(
    out: Formatter, child: Child, letter: str, depth: int, deref: bool, *, deeper: bool = False
) -> str:
    """Return the text of one child; a map's key may be one level deeper than its value."""
    value = child[1]
    if isinstance(value, str):
        return value
    if isinstance(value, StringAt):
        return _string_at(out, value)
    if isinstance(value, int):
        value = from_number(data_model(out.pointer_size).long, value)
    options = out.options
    if deeper and options.max_depth is not None:
        options = replace(options, max_depth=options.max_depth + 1)
    with out.using(options):
        return out.inner(value, letter, depth + 1, deref=deref)


def item_of(out: Formatter, printed: Printed, index: Value) -> Value | None:
    """Return an element of what is shown as an array, or what a key of a map leads to.

    None where it is neither. A key is the one that is shown as the index is.
    """
    children = _guarded(printed.children or ())
    if printed.hint == "array" and is_integral(index.type):
        number = int(index)
        if number >= 0:
            for at, child in enumerate(children):
                if at == number or isinstance(child, DebuggerError):
                    return _as_value(out, child)
        raise ExprError(f"There is no element {number}.")
    if printed.hint == "map":
        wanted = out.inner(index, depth=1)
        for key, child in zip(children, children, strict=False):
            if isinstance(key, DebuggerError):
                raise key
            if _child(out, key, "", 1, True) == wanted:
                return _as_value(out, child)
        raise ExprError(f"There is no key {wanted}.")
    return None


def pointer_of(printed: Printed) -> Value | None:
    """Return the pointer of a smart one: the child named ``get()``."""
    child = next(_guarded(printed.children or ()), None)
    if isinstance(child, DebuggerError):
        raise child
    if child is None or child[0] != "get()" or isinstance(child[1], str | int | StringAt):
        return None
    held = strip(child[1].type)
    if not isinstance(held, PointerType):
        return None
    # The library's name of the type (element_type) says nothing to a user.
    made = PointerType("", held.size, behind_typedefs(held.target))
    return from_number(made, int(child[1]), child[1].reader)


def _as_value(out: Formatter, child: Child | DebuggerError) -> Value:
    if isinstance(child, DebuggerError):
        raise child
    value = child[1]
    if isinstance(value, str | StringAt):
        raise ExprError("The element is a text only.")
    return (
        from_number(data_model(out.pointer_size).long, value) if isinstance(value, int) else value
    )
