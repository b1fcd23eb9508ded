"""The variables of frames as text: arguments in a frame's line, locals below it.

Texts are gdb's (stack.c: print_frame_args, print_variable_and_value).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.expr.pretty import error_text
from pydbg.printers.formatting import print_options
from pydbg.printers.model import Unfinished
from pydbg.records import replace

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.format import Formatter
    from pydbg.expr.strings import PrintOptions
    from pydbg.expr.values import Value
    from pydbg.frames import Frame
    from pydbg.settings import Settings
    from pydbg.variables.blocks import Variable
    from pydbg.variables.scope import FrameScope

__all__ = ["argument_lines", "arguments", "local_lines"]

_ARGUMENT_DEPTH = 2
"""How deep gdb takes the values in a frame's line to stand already."""

NO_SYMBOLS = "No symbol table info available."


def arguments(dbg: Debugger, frame: Frame) -> str:
    """Return what stands in the brackets of a frame's function: ``a=1, p=0x0``."""
    shown = dbg.settings.text("print frame-arguments")
    if shown == "presence" or not frame.has_parameters:
        return "..." if frame.has_parameters else ""
    try:
        scope = dbg.variables.scope(frame)
    except DebuggerError:
        scope = None
    if scope is None:
        return "..."
    formatter = dbg.formatter(frame)
    formatter.options = dbg.settings.kept(_options)
    mode = dbg.settings.text("print entry-values")
    parts: list[str] = []
    for one in scope.function.arguments:
        parts += [f"{one.name}=..."] if shown == "none" else _argument(scope, one, formatter, mode)
    return ", ".join(parts)


def _options(settings: Settings) -> PrintOptions:
    """Return how values are printed in a frame's line."""
    return replace(
        print_options(settings),
        raw=settings.flag("print raw-frame-arguments"),
        summary=settings.text("print frame-arguments") == "scalars",
        flat=True,
    )


def _argument(scope: FrameScope, one: Variable, formatter: Formatter, mode: str) -> list[str]:
    value: Value | None = None
    error = ""
    entry: Value | None = None
    try:
        value = scope.value(one)
        if not value.is_gone:
            value.data  # noqa: B018 - what cannot be read is said here
    except DebuggerError as problem:
        error = str(problem)
    gone = value is not None and value.lvalue is not None and value.lvalue.kind == "optimized out"
    if gone:
        error = ""
    if mode != "no" and not (mode == "if-needed" and value is not None and not gone):
        entry = scope.at_entry(one)
    name = one.name
    known = value is not None and not gone and not error
    unknown = "<optimized out>"
    if formatter.options.summary and value is not None and not formatter.is_scalar(value.type):
        unknown = "..."
    if mode in ("default", "compact") and entry is not None and value is not None and known:
        same = not value.is_gone and value.data == entry.data
        if same and value.referred().data == entry.referred().data:
            return [f"{name}={name}@entry={_text(entry, formatter)}"]
    if entry is not None and gone and mode in ("compact", "if-needed", "preferred", "only"):
        return [f"{name}@entry={_text(entry, formatter)}"]
    if mode == "preferred" and entry is not None:
        return [f"{name}@entry={_text(entry, formatter)}"]
    if mode == "only" or (mode == "preferred" and gone):
        shown_entry = _text(entry, formatter) if entry is not None else unknown
        return [f"{name}@entry={shown_entry}"]
    text = f"<error reading variable: {error}>" if error else ""
    if not text and value is not None:
        text = _text(value, formatter)
    parts = [f"{name}={text}"]
    if entry is not None:
        parts.append(f"{name}@entry={_text(entry, formatter)}")
    elif mode == "both":
        parts.append(f"{name}@entry={unknown}")
    return parts


def _text(value: Value, formatter: Formatter) -> str:
    try:
        if formatter.options.summary and not formatter.is_scalar(value.type):
            if value.is_gone and not getattr(value, "known", 0):
                return "..."
            return formatter.printed(value, "", _ARGUMENT_DEPTH) or "..."
        return formatter.inner(value, depth=_ARGUMENT_DEPTH, deref=True)
    except DebuggerError as error:
        return error_text(error)


def local_lines(
    dbg: Debugger,
    frame: Frame,
    indent: str = "",
    pattern: re.Pattern[str] | None = None,
    of_type: re.Pattern[str] | None = None,
) -> list[str] | None:
    """Return a line for each local variable, innermost block first; None without symbols."""
    scope = dbg.variables.scope(frame)
    if scope is None:
        # As in gdb, a unit that has lines has a block of its own, with no variables.
        module = frame.module if frame.file is not None else None
        return [] if module is not None and module.dwarf is not None else None
    formatter = dbg.formatter(frame)
    lines: list[str] = []
    for block in scope.blocks:
        for one in block.locals:
            # As in gdb constants that are bytes are left out (LOC_CONST_BYTES).
            if one.is_extern or one.is_bytes:
                continue
            if _is_wanted(scope, one, pattern, of_type):
                lines.append(_line(scope, one, formatter, indent))
    return lines


def argument_lines(
    dbg: Debugger,
    frame: Frame,
    pattern: re.Pattern[str] | None = None,
    of_type: re.Pattern[str] | None = None,
) -> list[str] | None:
    """Return a line for each argument; None without symbols."""
    scope = dbg.variables.scope(frame)
    if scope is None:
        return None
    formatter = dbg.formatter(frame)
    arguments = scope.function.arguments
    wanted = [one for one in arguments if _is_wanted(scope, one, pattern, of_type)]
    return [_line(scope, one, formatter, "") for one in wanted]


def _is_wanted(
    scope: FrameScope,
    one: Variable,
    pattern: re.Pattern[str] | None,
    of_type: re.Pattern[str] | None,
) -> bool:
    """Tell whether a variable's name fits, and its type's."""
    if pattern is not None and not pattern.search(one.name):
        return False
    return of_type is None or of_type.search(str(scope.type_of(one))) is not None


def _line(scope: FrameScope, one: Variable, formatter: Formatter, indent: str) -> str:
    try:
        value = scope.value(one)
        text = formatter.inner(value, depth=len(indent) // 2, deref=True)
    except DebuggerError as error:
        shown = error.shown if isinstance(error, Unfinished) else ""
        return f"{indent}{one.name} = {shown}<error reading variable {one.name} ({error})>"
    return f"{indent}{one.name} = {text}"
