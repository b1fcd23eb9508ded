"""The ``x`` command: memory in lines, gdb's columns and sticky defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from pydbg.errors import DebuggerError, ExprError
from pydbg.expr.format import Formatter
from pydbg.expr.formats import Format, parse_format, scalar_by_letter
from pydbg.expr.strings import fetch_string, pointer_string
from pydbg.expr.types import ArrayType, CharType, CType, DataModel, IntType, strip
from pydbg.expr.values import Value, from_number

__all__ = ["Examiner", "InsnLike", "address_of"]

_SIZES = {"b": 1, "h": 2, "w": 4, "g": 8}
_PER_LINE = {"b": 8, "h": 8, "w": 4, "g": 2}
_LETTERS = frozenset("xduotzacfsi")


class InsnLike(Protocol):
    """Be what is needed of an ``arch.disasm.Insn``."""

    @property
    def addr(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def text(self) -> str: ...


Disassemble = Callable[[int, int], Sequence[InsnLike]]


def address_of(value: Value, allocate: Callable[[bytes], int] | None = None) -> int:
    """Return the address that ``x`` takes an expression's value for.

    A function or array stands for where it is (``allocate`` puts an array into the
    program that is in no memory); everything else must be an integer.
    """
    if value.addr is None and allocate is not None and _is_array(value.type):
        return allocate(value.data)
    return int(value) & 0xFFFFFFFFFFFFFFFF


def _is_array(ctype: CType) -> bool:
    inner = strip(ctype)
    return isinstance(inner, ArrayType) and not inner.vector


class Examiner:
    """Keep what ``x`` remembers between commands, and make its lines.

    ``next_addr`` is where an ``x`` without address goes on; ``last_addr`` and
    ``last_value`` become ``$_`` and ``$__``.
    """

    def __init__(self, model: DataModel) -> None:
        self.model = model
        self.letter = "x"
        self.size = "w"
        self.count = 1
        self.next_addr: int | None = None
        self.last_addr = 0
        self.last_type: CType | None = None
        self.last_value: Value | None = None

    def parse(self, text: str) -> tuple[Format, str]:
        """Split ``/FMT EXPR`` or ``EXPR``; return the format and the expression's text.

        >>> from pydbg.expr.types import LP64
        >>> Examiner(LP64).parse("/2xg $sp")
        (Format(count=2, letter='x', size='g', raw=False), '$sp')
        """
        form = Format(1, self.letter, self.size)
        text = text.lstrip()
        if text.startswith("/"):
            form, end = parse_format(text[1:], self.letter, self.size)
            text = text[1 + end :].lstrip()
        elif not text:
            form = Format(self.count, self.letter, self.size)
        if form.letter not in _LETTERS:
            raise ExprError(f'Undefined output format "{form.letter}".')
        return form, text

    def run(
        self,
        form: Format,
        addr: int | None,
        formatter: Formatter,
        read: Callable[[int, int], bytes],
        *,
        disassemble: Disassemble | None = None,
        pc: int | None = None,
        function_start: Callable[[int], int | None] | None = None,
    ) -> Iterator[str]:
        """Yield lines, each with its newline; then raise what stopped it, if anything did.

        Where memory ends inside a line, the part before is yielded first, without newline,
        as gdb prints it. ``disassemble(addr, count)`` gives instructions, ``pc`` gets the
        arrow, ``function_start`` lets ``x/-3i`` find where instructions begin.
        """
        if addr is None:
            addr = self.next_addr
        if addr is None:
            raise ExprError("Argument required (starting display address).")
        self.count = form.count
        size = form.size
        if form.letter == "i" or (form.letter == "s" and size == "g"):
            size = "b"
        count = form.count
        after: int | None = None
        if count < 0:
            count = -count
            addr = self._back(form.letter, size, addr, count, read, disassemble, function_start)
            after = addr
        self.last_value = None
        if form.letter == "i":
            yield from self._instructions(addr, count, formatter, disassemble, pc)
        elif form.letter == "s":
            yield from self._strings(addr, count, size, formatter, read)
        else:
            yield from self._numbers(addr, count, form.letter, size, formatter, read)
        if after is not None:
            self.next_addr = after
        # A format that failed is not kept.
        self.letter = form.letter
        self.size = "b" if form.letter == "s" else form.size or self.size

    # -- kinds

    def _numbers(
        self,
        addr: int,
        count: int,
        letter: str,
        size: str,
        formatter: Formatter,
        read: Callable[[int, int], bytes],
    ) -> Iterator[str]:
        width = _SIZES[size]
        ctype = IntType(f"int{8 * width}_t", width)
        while count > 0:
            line = f"{formatter.address(addr)}:"
            for _ in range(min(count, _PER_LINE[size])):
                line += "\t"
                value = Value.at(ctype, addr, read)
                self._remember(addr, ctype, value)
                try:
                    line += _number(value, letter, formatter)
                except DebuggerError:
                    # gdb has gone past the item before it finds that it cannot be read.
                    self.next_addr = addr + width
                    yield line
                    raise
                addr = (addr + width) & 0xFFFFFFFFFFFFFFFF
                self.next_addr = addr
                count -= 1
            yield line + "\n"

    def _strings(
        self,
        addr: int,
        count: int,
        size: str,
        formatter: Formatter,
        read: Callable[[int, int], bytes],
    ) -> Iterator[str]:
        width = _SIZES[size or "b"]
        prefix = {1: "", 2: "u", 4: "U"}[width]
        ctype: CType = IntType("int8_t", 1)
        if width > 1:
            ctype = CharType(f"char{8 * width}_t", width, False, prefix)
        for _ in range(count):
            text, taken = pointer_string(addr, formatter.options, read, width=width, prefix=prefix)
            self._remember(addr, ctype, None)
            yield f"{formatter.address(addr)}:\t{text}\n"
            addr += taken
            self.next_addr = addr

    def _instructions(
        self,
        addr: int,
        count: int,
        formatter: Formatter,
        disassemble: Disassemble | None,
        pc: int | None,
    ) -> Iterator[str]:
        if disassemble is None:
            raise ExprError("There is no disassembler here.")
        done = 0
        while done < count:
            try:
                batch = disassemble(addr, min(count - done, 256))
            except DebuggerError:
                yield f"{'=> ' if addr == pc else '   '}{formatter.address(addr)}:\t"
                raise
            if not batch:
                raise ExprError(f"Cannot disassemble at {addr:#x}.")
            for insn in batch[: count - done]:
                mark = "=> " if insn.addr == pc else "   "
                self._remember(insn.addr, IntType("int8_t", 1), None)
                self.next_addr = addr = insn.addr + insn.size
                done += 1
                yield f"{mark}{formatter.address(insn.addr)}:\t{insn.text}\n"

    def _remember(self, addr: int, ctype: CType, value: Value | None) -> None:
        self.last_addr, self.last_type, self.last_value = addr, ctype, value

    def variables(self) -> tuple[Value | None, Value | None]:
        """Return what ``$_`` and ``$__`` are now; None where they are void."""
        if self.last_type is None:
            return None, None
        read = self.last_value.reader if self.last_value is not None else None
        where = from_number(self.model.pointer(self.last_type), self.last_addr, read)
        value = self.last_value
        return where, None if value is None or value.lazy else value

    # -- backwards

    def _back(
        self,
        letter: str,
        size: str,
        addr: int,
        count: int,
        read: Callable[[int, int], bytes],
        disassemble: Disassemble | None,
        function_start: Callable[[int], int | None] | None,
    ) -> int:
        if letter == "i":
            return _back_instructions(addr, count, disassemble, function_start)
        if letter == "s":
            return _back_strings(addr, count, _SIZES[size or "b"], read)
        return (addr - count * _SIZES[size]) & 0xFFFFFFFFFFFFFFFF


def _number(value: Value, letter: str, formatter: Formatter) -> str:
    value.data  # noqa: B018  read now, so that a fault is noticed here
    if letter in "xt":
        return scalar_by_letter(value, letter, padded=True)
    return formatter.inner(value, letter)


def _back_strings(addr: int, count: int, width: int, read: Callable[[int, int], bytes]) -> int:
    """Return where the ``count``-th string before ``addr`` begins.

    The character just before ``addr`` ends a string; its own null is not a string.
    """
    start = addr
    for _ in range(count):
        at = start - width
        while True:
            before, failed = fetch_string(at - width, width, 1, read)
            if failed or not any(before):
                break
            at -= width
            if start - at > 1 << 16:
                break
        start = at
    return start


def _back_instructions(
    addr: int,
    count: int,
    disassemble: Disassemble | None,
    function_start: Callable[[int], int | None] | None,
) -> int:
    if disassemble is None or function_start is None:
        raise ExprError("There is no disassembler here.")
    found: list[int] = []
    end = addr
    while len(found) < count:
        # Instructions cannot be read backwards: start where a function does.
        start = function_start(end - 1)
        if start is None or end - start > 1 << 20:
            break
        here: list[int] = []
        at = start
        while at < end:
            batch = disassemble(at, 256)
            if not batch:
                break
            for insn in batch:
                if insn.addr >= end:
                    break
                here.append(insn.addr)
                at = insn.addr + insn.size
            else:
                continue
            break
        if not here:
            break
        found = here + found
        end = start
    if not found:
        raise ExprError(f"No function is known around {addr - 1:#x}.")
    return found[-count] if len(found) >= count else found[0]
