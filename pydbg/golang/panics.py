"""What a panic of Go says: the value's type and text, as the runtime would print them.

Source: src/runtime/panic.go (gopanic, throw, fatal, printpanicval), src/runtime/error.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.expr.types import strip
from pydbg.expr.values import Value
from pydbg.golang import values
from pydbg.golang.dynamic import dynamic_of, error_text
from pydbg.runtimeevents import Raised

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.context import Context
    from pydbg.frames import Frame
    from pydbg.golang.goroutines import Goroutine
    from pydbg.target.thread import Thread

__all__ = ["FATAL", "PANIC", "dying", "last_words", "panic", "raised", "told"]

PANIC = "runtime.gopanic"
FATAL = ("runtime.throw", "runtime.fatal")
"""What ends the program whatever it recovers from."""
_ERRORS = ("runtime.errorString", "runtime.plainError", "runtime.errorAddressString")


def panic(dbg: Debugger, thread: Thread) -> Raised | None:
    """Return what is raised in a thread that stands at the beginning of gopanic or throw."""
    frame = dbg.innermost_of(thread)
    return None if frame is None else told(dbg, frame)


def told(dbg: Debugger, frame: Frame) -> Raised | None:
    """Return what a frame of gopanic, throw or fatal was called with; None for any other."""
    if frame.function not in (PANIC, *FATAL):
        return None
    scope = dbg.variables.scope(frame)
    found = None if scope is None else scope.find("e" if frame.function == PANIC else "s")
    if scope is None or found is None:
        return None
    value = scope.value(found)
    if frame.function != PANIC:
        return Raised("fatal error", _string(value))
    return raised(dbg, value)


def _string(value: Value) -> str:
    return values.string_bytes(value).decode("utf-8", "backslashreplace")


def raised(dbg: Debugger, value: Value) -> Raised | None:
    """Return the type and text of an interface's value, as a panic with it would print them."""
    context = dbg.context()
    found = dynamic_of(value, context)
    if found is None:
        return Raised("nil")
    held = found.value(context)
    text = error_text(value, context)
    if text is None and held is not None:
        text = _text(found.name, held, context)
    if text is None:
        text = f"{found.addr:#x}" if held is None else dbg.formatter().inner(held)
    return Raised(found.name, text)


def dying(dbg: Debugger) -> tuple[Goroutine, Raised] | None:
    """Return the goroutine that panics, and with what; None if there is none.

    What a goroutine panics with hangs at it (runtime.g._panic).
    """
    if not any(module.is_go for module in dbg.modules):
        return None
    try:
        for one in dbg.goroutines.all():
            found = dbg.goroutines.panic_of(one)
            value = None if found is None else raised(dbg, found)
            if value is not None:
                return one, value
    except DebuggerError:
        pass  # The runtime's records are damaged, or nothing describes them.
    return None


def last_words(dbg: Debugger) -> str:
    """Return why a Go program is about to die: the goroutine and its panic, "" for none.

    ``goroutine 1: panic: boom``.
    """
    found = dying(dbg)
    if found is None:
        return ""
    one, value = found
    return f"goroutine {one.id}: panic: {value.message or value.type}"


def _text(name: str, held: Value, context: Context) -> str | None:
    """Return the text of the runtime's own errors and of strings."""
    inner = strip(held.type)
    try:
        if name in _ERRORS:
            text = held.member("msg") if name == _ERRORS[2] else held
            plain = "" if name == _ERRORS[1] else "runtime error: "
            return plain + _string(text)
        if name == "runtime.boundsError":
            return f"runtime error: {_bounds(held, context)}"
        if name == "*runtime.TypeAssertionError":
            return _assertion(held, context)
    except DebuggerError:
        return None
    if values.is_string(inner):
        return _string(held)
    return None


def _bounds(held: Value, context: Context) -> str:
    """Fill in the program's own words for an index that is out of range."""
    index, code = int(held.member("x")), int(held.member("code"))
    negative = bool(int(held.member("signed"))) and index < 0
    name = "boundsNegErrorFmts" if negative else "boundsErrorFmts"
    words = context.symbol(f"runtime.{name}")
    text = "index out of range" if words is None else _string(words.element(code))
    return text.replace("%x", str(index)).replace("%y", str(int(held.member("y"))))


def _assertion(held: Value, context: Context) -> str:
    from pydbg.golang.dynamic import type_name

    inner = held.deref()
    interface, concrete, asserted = (
        int(inner.member(name)) for name in ("_interface", "concrete", "asserted")
    )
    start = "interface conversion: "
    whole = type_name(interface, context) if interface else "interface"
    wanted = type_name(asserted, context)
    if not concrete:
        return f"{start}{whole} is nil, not {wanted}"
    missing = _string(inner.member("missingMethod"))
    actual = type_name(concrete, context)
    if missing:
        return f"{start}{actual} is not {wanted}: missing method {missing}"
    return f"{start}{whole} is {actual}, not {wanted}"
