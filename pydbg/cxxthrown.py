"""C++ exceptions on their way: which one, of what type, with what text.

Facts of the Itanium C++ ABI (exceptions: 2.2.1, run-time type information: 2.9.5) and of the two
libraries that implement it, libstdc++ and libc++abi; nothing of the program is run to learn them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, ExprError, NoProcess
from pydbg.records import Record
from pydbg.symbols.demangle import demangle
from pydbg.symbols.probes import Probe, argument, probes_in

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.context import Context
    from pydbg.expr.values import Value
    from pydbg.symbols.modules import Module
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

__all__ = ["Thrown", "exception_value", "message", "probe_at", "scalar_text", "thrown", "type_name"]

PROVIDER = "libstdcxx"
_TYPEINFO_NAME = "typeinfo name for "
_MOST_BASES = 64
_MOST_TEXT = 200
_EXCEPTION_TYPE = {8: 80, 4: 48}
"""How far before its unwind header an exception's type stands in __cxa_exception (2.2.1)."""
_ADJUSTED = 8
"""How far before that header stands the object's address as the handler gets it (adjustedPtr)."""
_WITH_TEXT = ("St13runtime_error", "St11logic_error")
"""The classes whose second word is a pointer to what() (libstdc++, libc++: a counted string)."""
_ENTRY = 16
"""A breakpoint behind the prologue of a function without debug information is not further in."""
_CONSTANT = re.compile(
    rb"(?:\xf3\x0f\x1e[\xfa\xfb])?(?:\x55\x48\x89\xe5\x48\x89\x7d\xf8|\x55\x89\xe5)?"
    rb"(?:\x48\x8d\x05(?P<near>....)|\xb8(?P<whole>....))\x5d?\xc3",
    re.DOTALL,
)
"""A what() that returns one literal: lea or mov to the result register, and the return."""


class Thrown(Record):
    """Be an exception: the addresses of the object and of its type_info."""

    addr: int
    typeinfo: int


def probe_at(module: Module, addr: int) -> Probe | None:
    """Return the probe point at a run-time address."""
    link_addr = module.link_addr(addr)
    return next((p for p in probes_in(module.elf) if p.link_addr == link_addr), None)


def thrown(thread: Thread) -> Thrown | None:
    """Return the exception that a thread throws, rethrows or begins to catch where it stands.

    None where it does not say which. Raises MemoryFault.
    """
    inferior, pc = thread.inferior, thread.pc
    module = inferior.modules.at(pc)
    if module is None:
        return None
    probe = probe_at(module, pc)
    if probe is not None:
        if probe.provider != PROVIDER or len(probe.arguments) < 2:
            return None
        block = thread.registers
        found = [argument(text, block.get, inferior.read) for text in probe.arguments[:2]]
        return Thrown(found[0], found[1]) if found[0] and found[1] else None
    label = module.symbol_at(pc)
    if label is None or label[1] > _ENTRY:
        return None
    return _from_arguments(thread, label[0].name.partition("@")[0])


def _from_arguments(thread: Thread, function: str) -> Thrown | None:
    """Take the exception from the arguments of a function of the library without probes."""
    arch, inferior = thread.inferior.arch, thread.inferior
    word = arch.pointer_size
    if arch.call_args:
        args = [thread.registers.get(name) for name in arch.call_args[:2]]
    else:
        # The return address is behind what the prologue has pushed: ebp, or nothing.
        pushed = word if thread.registers.get("ebp") == thread.sp else 0
        raw = inferior.read(thread.sp + word + pushed, 2 * word)
        args = [int.from_bytes(raw[at : at + word], "little") for at in (0, word)]
    if function == "__cxa_throw":
        return Thrown(args[0], args[1])
    if function == "__cxa_begin_catch":
        addr = _pointer(inferior, args[0] - _ADJUSTED)
        typeinfo = _pointer(inferior, args[0] - _EXCEPTION_TYPE[word])
        return Thrown(addr, typeinfo)
    return None  # What is thrown again is known to the library's own thread data alone.


def _pointer(inferior: Inferior, addr: int) -> int:
    return int.from_bytes(inferior.read(addr, inferior.arch.pointer_size), "little")


def _text(inferior: Inferior, addr: int, limit: int) -> str:
    data = inferior.memory.read_some(addr, limit)
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _mangled(inferior: Inferior, typeinfo: int) -> str:
    # gcc marks the names of types that are not seen outside their file by an asterisk.
    name = _pointer(inferior, typeinfo + inferior.arch.pointer_size)
    return _text(inferior, name, 4096).removeprefix("*")


def type_name(inferior: Inferior, typeinfo: int) -> str | None:
    """Return the type that a type_info describes as C++ spells it; None if it is damaged."""
    mangled = _mangled(inferior, typeinfo)
    shown = demangle(f"_ZTS{mangled}")
    return shown.removeprefix(_TYPEINFO_NAME) if shown.startswith(_TYPEINFO_NAME) else None


def _bases(inferior: Inferior, typeinfo: int) -> list[tuple[str, int]]:
    """Return a class and its bases: the mangled name of each, and where it is in the object."""
    word = inferior.arch.pointer_size
    found: list[tuple[str, int]] = []
    waiting = [(typeinfo, 0)]
    while waiting and len(found) < _MOST_BASES:
        at, offset = waiting.pop(0)
        found.append((_mangled(inferior, at), offset))
        # A type_info is itself an object with run-time type information, before its table.
        kind = _mangled(inferior, _pointer(inferior, _pointer(inferior, at) - word))
        if "__si_class_type_info" in kind:
            waiting.append((_pointer(inferior, at + 2 * word), offset))
        elif "__vmi_class_type_info" in kind:
            count = int.from_bytes(inferior.read(at + 2 * word + 4, 4), "little")
            for index in range(min(count, _MOST_BASES)):
                entry = at + 2 * word + 8 + index * 2 * word
                flags = _pointer(inferior, entry + word)
                if not flags & 1:  # A virtual base is found by the object's table only.
                    waiting.append((_pointer(inferior, entry), offset + (flags >> 8)))
    return found


def message(inferior: Inferior, found: Thrown) -> str | None:
    """Return what ``what()`` would, where that can be read without a call; else None."""
    bases = _bases(inferior, found.typeinfo)
    if all(name != "St9exception" for name, _ in bases):
        return None
    word = inferior.arch.pointer_size
    own = next(offset for name, offset in bases if name == "St9exception")
    # The table has both destructors first (18.6.2 of the C++ standard's order: ~exception, what).
    what = _pointer(inferior, _pointer(inferior, found.addr + own) + 2 * word)
    found_symbol = inferior.modules.symbol_at(what)
    name = found_symbol[1].demangled if found_symbol is not None else ""
    if "filesystem" in name:
        return None  # Its what() is made of more than what it was given.
    for base, offset in bases:
        if base in _WITH_TEXT and (name.startswith("std::") or bases[0][0] in _WITH_TEXT):
            return _text(inferior, _pointer(inferior, found.addr + offset + word), _MOST_TEXT)
    literal = _CONSTANT.match(inferior.memory.read_some(what, 32))
    if literal is None:
        return None
    if literal["whole"] is not None:
        return _text(inferior, int.from_bytes(literal["whole"], "little"), _MOST_TEXT)
    near = int.from_bytes(literal["near"], "little", signed=True)
    return _text(inferior, what + literal.end("near") + near, _MOST_TEXT)


def exception_value(dbg: Debugger) -> Value:
    """Return ``$_exception``: what is thrown or caught where the selected frame stands.

    Raises ExprError with gdb's words (break-catch-throw.c, fetch_exception_variables).
    """
    frame, thread = dbg.frame, dbg.thread
    if frame is None or thread is None or dbg.inferior is None:
        raise NoProcess("No frame selected")
    module = frame.module
    probe = probe_at(module, frame.addr) if module is not None else None
    found = thrown(thread) if frame.level == 0 else None
    if found is None:
        if probe is not None:
            raise ExprError("not stopped at a C++ exception catchpoint")
        raise ExprError("did not find exception probe (does libstdcxx have SDT probes?)")
    return _value(dbg.context(), thread.inferior, found)


def _value(context: Context, inferior: Inferior, found: Thrown) -> Value:
    """Return an exception as a value of its type; raises ExprError if that is not known."""
    from pydbg.expr.evaluate import parse_in, type_of
    from pydbg.expr.values import Value

    name = type_name(inferior, found.typeinfo)
    if name is None:
        raise ExprError("the exception's type_info cannot be read")
    ctype = context.type_named(name)
    if ctype is None:
        ctype = type_of(parse_in(name, context), context)
    return Value.at(ctype, found.addr, inferior.read)


def scalar_text(dbg: Debugger, thread: Thread, found: Thrown) -> str | None:
    """Return the text of a thrown number or pointer; None for a class."""
    from pydbg.expr.language import language_named
    from pydbg.expr.strings import PrintOptions
    from pydbg.expr.values import is_scalar
    from pydbg.printers.formatting import formatter

    inferior = thread.inferior
    if _mangled(inferior, found.typeinfo) in ("PKc", "Pc"):
        return _text(inferior, _pointer(inferior, found.addr), _MOST_TEXT)
    try:
        value = _value(dbg.context_of(thread), inferior, found)
        if not is_scalar(value.type):
            return None
        return formatter(dbg, language=language_named("c++"), options=PrintOptions()).top(value)
    except DebuggerError:
        return None
