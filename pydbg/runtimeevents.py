"""Events that a language's runtime makes known: a C++ exception thrown or caught.

Such an event is a call of a function of the runtime, or a probe point in it, so its catchpoint has
locations as a breakpoint has. ``EVENTS`` is the table: what is caught, where, in which words, and
what is to be said of it at the stop. A further language adds rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.records import Record
from pydbg.symbols.probes import probes_in

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.locspec import Resolved, Resolver
    from pydbg.target.thread import Thread

__all__ = ["EVENTS", "Raised", "RuntimeEvent", "places"]


class Raised(Record):
    """Be what was thrown, or what a panic says: its type and its text, where they are known.

    >>> Raised("std::runtime_error", "boom").line
    'std::runtime_error: boom'
    """

    type: str | None = None
    message: str | None = None

    @property
    def line(self) -> str | None:
        """Return both as one line for people.

        >>> Raised("int", "42").line, Raised("Thing").line, Raised(message="boom").line
        ('int: 42', 'Thing', 'boom')
        """
        line = ": ".join(part for part in (self.type, self.message) if part is not None)
        return " ".join(line.split("\n")) or None


class RuntimeEvent(Record):
    """Describe an event of a runtime: a row of ``EVENTS``.

    ``kind`` is the word behind ``catch``; ``listed`` stands in ``info breakpoints``, ``stopped``
    in the brackets of the stop. ``probe`` is the (provider, name) of an SDT probe point, which is
    preferred where any module has it; ``functions`` are names as ``break`` takes them.
    ``look`` tells what is raised in a thread that has just been stopped there. With ``pattern``
    the command takes a regular expression that the raised type must match.
    """

    kind: str
    summary: str
    listed: str
    stopped: str
    functions: tuple[str, ...]
    look: Callable[[Debugger, Thread], Raised | None]
    probe: tuple[str, str] | None = None
    pattern: bool = False
    help: str = ""
    extension: bool = False
    """Whether gdb has no such command."""
    at_entry: bool = False
    """Whether the stop is at a function's first instruction, where its arguments are untouched."""


def _exception(dbg: Debugger, thread: Thread) -> Raised | None:
    from pydbg import cxxthrown

    found = cxxthrown.thrown(thread)
    if found is None:
        return None
    inferior = thread.inferior
    text = cxxthrown.message(inferior, found) or cxxthrown.scalar_text(dbg, thread, found)
    return Raised(cxxthrown.type_name(inferior, found.typeinfo), text)


_CXX_HELP = """Below the stop's line stand the exception's type and, where it can be read without
running the program, its text; $_exception is the exception itself.  Where the C++ library has no
probe points (libc++), the stop is at the beginning of the function that does it."""


def _cxx(kind: str, stopped: str, function: str) -> RuntimeEvent:
    return RuntimeEvent(
        kind,
        f"Stop when a C++ exception is {stopped}.",
        f"exception {kind}",
        f"exception {stopped}",
        (function,),
        _exception,
        probe=("libstdcxx", kind),
        pattern=True,
        help=_CXX_HELP,
    )


def _rust_panic(dbg: Debugger, thread: Thread) -> Raised | None:
    from pydbg.rust.panics import panic

    found = panic(dbg, thread)
    if found is None:
        return None
    text = found.message or "a value that is no text"
    return Raised(message=text if found.location is None else f"{text} (at {found.location})")


def _go_panic(dbg: Debugger, thread: Thread) -> Raised | None:
    from pydbg.golang.panics import panic

    return panic(dbg, thread)


PANICS: Mapping[str, Callable[[Debugger, Thread], Raised | None]] = {
    # The functions of each language's runtime that a panic passes, and who reads what it says.
    # rustc 1.9x gave its the second name.
    "std::panicking::rust_panic_with_hook": _rust_panic,
    "std::panicking::panic_with_hook": _rust_panic,
    # What Go's recover can stop, and what ends the program all the same.
    "runtime.gopanic": _go_panic,
    "runtime.throw": _go_panic,
    "runtime.fatal": _go_panic,
}


def _panic(dbg: Debugger, thread: Thread) -> Raised | None:
    label = dbg.modules.symbol_at(thread.pc)
    reader = PANICS.get(label[1].demangled) if label is not None else None
    return None if reader is None else reader(dbg, thread)


_PANIC_HELP = """In Rust that is before the hook prints its message, whether the program unwinds or
aborts.  Below the stop's line stand the panic's message, made without running the program, and the
place in the source that it names; `up` leads there.  In Go it is every panic, also one that will be
recovered, and what no recover stops (a deadlock, a map written to by two goroutines), with the
value's type and the text that the runtime would print."""

_PANIC = RuntimeEvent(
    "panic",
    "Stop when the program panics.",
    "panic",
    "panic",
    tuple(PANICS),
    _panic,
    help=_PANIC_HELP,
    extension=True,
    at_entry=True,
)


EVENTS: Mapping[str, RuntimeEvent] = {
    row.kind: row
    for row in (
        _cxx("throw", "thrown", "__cxa_throw"),
        _cxx("rethrow", "rethrown", "__cxa_rethrow"),
        _cxx("catch", "caught", "__cxa_begin_catch"),
        _PANIC,
    )
}


def places(dbg: Debugger, kind: str, resolver: Resolver) -> list[Resolved]:
    """Return where an event of a runtime happens in the modules of now; none before they are."""
    row = EVENTS[kind]
    found = []
    for module in dbg.modules:
        for probe in probes_in(module.elf) if row.probe is not None else ():
            if (probe.provider, probe.name) == row.probe:
                found.append(resolver.place(module, probe.link_addr))
    if found:
        return found
    from pydbg.locspec import parse

    for name in row.functions:
        # Go's functions begin anew when their stack has been made larger: the entry is no place.
        if row.at_entry and not name.startswith("runtime."):
            for module in dbg.modules:
                for symbol in module.lookup(name):
                    found.append(resolver.place(module, symbol.link_addr))
            continue
        try:
            found += resolver.resolve(parse(name))
        except DebuggerError:
            continue
    return found


def look(dbg: Debugger, kind: str, thread: Thread) -> Raised | None:
    """Tell what is raised at a stop; None where it does not say."""
    try:
        return EVENTS[kind].look(dbg, thread)
    except DebuggerError:
        return None
