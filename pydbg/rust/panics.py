"""Rust's panics on their way: what they say and where, without running anything.

Both is in the arguments of the function that all panics with a message pass (library/std,
panicking.rs), and in ``core::fmt::Arguments``, whose layouts are those of rustc 1.63 to 1.95:
slices of pieces and of arguments or, since 1.93, one string of codes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.expr.types import FunctionType, IntType, PointerType, StructType, strip
from pydbg.expr.values import Value
from pydbg.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydbg.debugger import Debugger
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

__all__ = ["Panic", "panic"]

_MOST_TEXT = 4096
_MOST_ARGS = 64
_NO_STRING = 1 << 63
"""The capacity that an Option<String> without a string has (the niche of String)."""
_ARGUMENT = 16
"""The size of one argument: what it is and the function that formats it."""
_MOST_DEPTH = 8
_INTEGER = re.compile(
    r"<(?:impl core::fmt::(?:Display|Debug) for )?([iu](?:8|16|32|64|128|size))"
    r"(?: as core::fmt::(?:Display|Debug))?>::fmt"
)
_STRING = re.compile(r"<(?:alloc::string::String|&?str) as core::fmt::(?:Display|Debug)>::fmt")


class Panic(Record):
    """Be a panic: its message, None where it has no text, and where the source makes it."""

    message: str | None
    location: str | None


def panic(dbg: Debugger, thread: Thread) -> Panic | None:
    """Return the panic of a thread that stands at the entry of the function that runs the hook."""
    arch, inferior = thread.inferior.arch, thread.inferior
    if len(arch.call_args) < 4:
        return None
    args = [thread.registers.get(name) for name in arch.call_args[:4]]
    reader = _Reader(dbg, inferior)
    # The location is the third argument, before 1.82 the fourth: the message was the third.
    for at in (2, 3):
        location = reader.location(args[at])
        if location is not None:
            return Panic(reader.message(args[0], args[1], args[2] if at == 3 else 0), location)
    return Panic(reader.message(args[0], args[1], 0), None)


class _Reader:
    """Read the runtime's records in one program."""

    def __init__(self, dbg: Debugger, inferior: Inferior) -> None:
        self._dbg = dbg
        self._inferior = inferior
        self._word = inferior.arch.pointer_size

    def _words(self, addr: int, count: int) -> list[int]:
        raw = self._inferior.read(addr, count * self._word)
        return [
            int.from_bytes(raw[at : at + self._word], "little")
            for at in range(0, len(raw), self._word)
        ]

    def _text(self, addr: int, length: int) -> str:
        wanted = min(length, _MOST_TEXT)
        return self._inferior.read(addr, wanted).decode("utf-8", "replace") if wanted else ""

    def location(self, addr: int) -> str | None:
        """Return ``src/main.rs:7:5`` if there is a core::panic::Location at an address."""
        try:
            name, length = self._words(addr, 2)
            raw = self._inferior.read(addr + 2 * self._word, 8)
            if not 0 < length < _MOST_TEXT:
                return None
            path = self._text(name, length)
        except DebuggerError:
            return None
        line, column = (int.from_bytes(raw[at : at + 4], "little") for at in (0, 4))
        # The length counts the null of those that have one.
        path = path.rstrip("\0")
        if not path.isprintable() or not 0 < line < 1 << 24 or not 0 < column < 1 << 16:
            return None
        return f"{path}:{line}:{column}"

    def message(self, payload: int, vtable: int, arguments: int) -> str | None:
        """Return the text of a panic's payload, None where it is something else."""
        try:
            if arguments:
                return self._formatted(arguments)
            kind = " ".join(self._names(self._words(vtable, 6)))
            if "StrPanicPayload" in kind or "StaticStrPayload" in kind or "<&str>" in kind:
                addr, length = self._words(payload, 2)
                return self._text(addr, length)
            if "FormatStringPayload" in kind or "begin_panic_handler::PanicPayload" in kind:
                # A reference to the PanicInfo's message, which refers to the arguments, and an
                # Option<String>, which is made later.
                words = self._words(payload, 4)
                inner = words[3] if words[0] == _NO_STRING else words[0]
                return self._formatted(self._words(inner, 1)[0])
            if "<alloc::string::String>" in kind:
                words = self._words(payload, 3)
                return self._text(words[1], words[2])
        except DebuggerError:
            return None
        return None

    def _names(self, addresses: list[int]) -> Iterator[str]:
        for addr in addresses:
            yield self._name_at(addr)

    def _name_at(self, addr: int) -> str:
        label = self._dbg.modules.symbol_at(addr)
        return label[1].demangled if label is not None and not label[2] else ""

    # --- core::fmt::Arguments ----------------------------------------------------------------

    def _formatted(self, addr: int, depth: int = 0) -> str:
        fields = self._fields()
        coded = "pieces" not in fields
        if not fields:
            # Without types: behind the first pointer is a count of pieces, or another pointer.
            coded = self._words(addr, 2)[1] > _MOST_ARGS
        return self._of_codes(addr, depth) if coded else self._of_pieces(addr, fields, depth)

    def _fields(self) -> dict[str, int]:
        """Return where the members of the program's own fmt::Arguments are."""
        found = self._dbg.variables.type_named("core::fmt::Arguments", None)
        inner = strip(found) if found is not None else None
        if not isinstance(inner, StructType):
            return {}
        return {field.name: field.offset for field in inner.fields}

    def _of_pieces(self, addr: int, fields: dict[str, int], depth: int) -> str:
        word = self._word
        pieces, count = self._words(addr + fields.get("pieces", 0), 2)
        args, given = self._words(addr + fields.get("args", 4 * word), 2)
        parts = []
        for at in range(min(count, _MOST_ARGS)):
            parts.append(self._text(*self._words(pieces + 2 * word * at, 2)))
            if at < given:
                parts.append(self._argument(args + _ARGUMENT * at, depth))
        if given > count:
            parts.append(self._argument(args + _ARGUMENT * count, depth))
        return "".join(parts)

    def _of_codes(self, addr: int, depth: int) -> str:
        """Read a template (core::fmt, 1.93): lengths with text, marks of arguments, a zero."""
        template, args = self._words(addr, 2)
        if args & 1:
            return self._text(template, args >> 1)  # A text without arguments.
        data = self._inferior.memory.read_some(template, _MOST_TEXT)
        at = index = 0
        parts: list[str] = []
        while at < len(data) and data[at] and len(parts) < 2 * _MOST_ARGS:
            code = data[at]
            at += 1
            if code < 0x80:
                parts.append(data[at : at + code].decode("utf-8", "replace"))
                at += code
            elif code == 0x80:
                length = int.from_bytes(data[at : at + 2], "little")
                parts.append(data[at + 2 : at + 2 + length].decode("utf-8", "replace"))
                at += 2 + length
            else:
                at += 4 * (code & 1) + 2 * (code >> 1 & 1) + 2 * (code >> 2 & 1)
                if code & 8:
                    index = int.from_bytes(data[at : at + 2], "little")
                    at += 2
                parts.append(self._argument(args + _ARGUMENT * index, depth))
                index += 1
        return "".join(parts)

    def _argument(self, addr: int, depth: int) -> str:
        """Return the text of one argument: by the type that its function formats."""
        if depth > _MOST_DEPTH:
            return "{}"  # Arguments inside of arguments: damaged ones go round.
        try:
            where, function = self._words(addr, 2)
            return self._shown(where, function, depth + 1) or "{}"
        except DebuggerError:
            return "{}"

    def _shown(self, where: int, function: int, depth: int, quoted: bool = False) -> str | None:
        """Return the text of what is at an address and is formatted by a function.

        Strings are ``quoted`` by ``{:?}``.
        """
        name = self._name_at(function)
        quoted = quoted or "Debug" in name
        value = self._typed(where, function)
        if value is not None:
            return self._plain(value, depth, quoted)
        while name.startswith("<&") and not name.startswith(("<&str ", "<&dyn ")):
            where, name = self._words(where, 1)[0], f"<{name[2:]}"
        if "dyn core::fmt::" in name:
            addr, vtable = self._words(where, 2)
            return self._dynamic(addr, vtable, depth, quoted)
        number = _INTEGER.search(name)
        if number is not None:
            kind = number[1]
            size = self._word if kind.endswith("size") else int(kind[1:]) // 8
            raw = self._inferior.read(where, size)
            return str(int.from_bytes(raw, "little", signed=kind[0] == "i"))
        text = _STRING.search(name)
        if text is None:
            return None
        # A string's last two words are its address and length; of a &str there are no others.
        words = self._words(where, 3)
        shown = self._text(*(words[1:] if "String" in name else words[:2]))
        return f'"{shown}"' if quoted else shown

    def _dynamic(self, addr: int, vtable: int, depth: int, quoted: bool) -> str | None:
        """Return the text of what a trait object refers to."""
        if depth > _MOST_DEPTH:
            return None
        ctype = self._dbg.variables.concrete_type(vtable)
        if ctype is not None:
            return self._plain(Value.at(ctype, addr, self._inferior.read), depth + 1, quoted)
        # Behind drop, size and alignment comes the trait's first method, which formats.
        return self._shown(addr, self._words(vtable, 4)[3], depth + 1, quoted)

    def _typed(self, where: int, function: int) -> Value | None:
        """Return an argument as its function's first parameter describes it."""
        module = self._dbg.modules.at(function)
        ctype = None
        if module is not None:
            ctype = self._dbg.variables.function_at(module, function)
        if not isinstance(ctype, FunctionType) or not ctype.params:
            return None
        pointer = strip(ctype.params[0])
        if not isinstance(pointer, PointerType):
            return None
        return Value.at(pointer.target, where, self._inferior.read)

    def _plain(self, value: Value, depth: int, quoted: bool) -> str:
        """Return a value as ``{}`` or, ``quoted``, ``{:?}`` shows it: a text, a number."""
        from pydbg.expr.language import language_named
        from pydbg.expr.strings import PrintOptions
        from pydbg.printers.formatting import formatter
        from pydbg.rust.kinds import trait_object

        inner = strip(value.type)
        while isinstance(inner, PointerType) and depth <= _MOST_DEPTH:
            value, depth = value.deref(), depth + 1
            inner = strip(value.type)
        if isinstance(inner, IntType) and inner.name[:1] in ("i", "u"):
            return str(int(value))
        if inner.name == "core::fmt::Arguments" and value.addr is not None:
            return self._formatted(value.addr, depth)
        found = trait_object(value)
        if found is not None:
            shown = self._dynamic(int(found[0]), found[1], depth, quoted)
            if shown is not None:
                return shown
        rust = language_named("rust")
        text = formatter(self._dbg, language=rust, options=PrintOptions()).inner(value)
        return text[1:-1] if not quoted and text[:1] == text[-1:] == '"' else text
