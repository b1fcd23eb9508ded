"""Where a function leaves its result (System V psABI, 3.2.3; i386 psABI, 2.2.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import CommandError
from pydbg.expr.types import CType, FloatType, IntType, VoidType, strip
from pydbg.expr.values import Value
from pydbg.records import Record
from pydbg.symbols.entries import At
from pydbg.variables.passing import classify, in_memory

if TYPE_CHECKING:
    from pydbg.arch.model import Arch
    from pydbg.arch.registers import RegisterBlock
    from pydbg.variables.program import Variables

__all__ = ["Results", "give_back", "result_value", "returned", "unknown_result"]

_NOCALL = 3
"""DW_CC_nocall (DWARF 5, 3.3.1.1)."""


class Results(Record, often=True):
    """Hold the registers that results come in, as they are when a function has returned."""

    register: Callable[[str], bytes]
    read: Callable[[int, int], bytes]


def returned(program: Variables, addr: int) -> Value | None:
    """Return what the function around an address has just returned in the current thread.

    It is ``void`` where it returns nothing; None is for functions that are not described.
    """
    dbg = program.dbg
    thread, module = dbg.thread, dbg.modules.at(addr)
    if thread is None or module is None:
        return None
    results = Results((thread.left or thread.registers).read, thread.inferior.read)
    function = module.function_at(addr)
    if function is not None and function.language == "go":
        from pydbg.golang import results as of_go

        file = program.file(module)
        return None if file is None else of_go.returned(function, file, results)
    ctype = program.result_type(addr)
    if ctype is None:
        return None
    if unknown_result(program, addr) is not None:
        return None
    found = result_value(ctype, thread.inferior.arch, results)
    return Value(VoidType(), b"\0") if found is None else found


def unknown_result(program: Variables, addr: int) -> CType | None:
    """Return the result's type of a function that leaves it where its compiler likes.

    LLVM marks what it has given other conventions with DW_CC_nocall.
    """
    module = program.dbg.modules.at(addr)
    function = module.function_at(addr) if module is not None else None
    file = program.file(module) if module is not None else None
    if function is None or file is None:
        return None
    with file.guard():
        die = file.names.entries.at(function.die)
        holders = list(die.origins()) if die is not None else []
        if not any(one.number(At.calling_convention) == _NOCALL for one in holders):
            return None
    return program.result_type(addr)


def result_value(ctype: CType, arch: Arch, results: Results) -> Value | None:
    """Return what a function returned; None where the convention does not tell where it is."""
    inner = strip(ctype)
    if isinstance(inner, VoidType):
        return None
    if arch.pointer_size == 4:
        return _i386(ctype, inner, arch, results)
    kinds = classify(inner)
    if kinds is None:
        addr = int.from_bytes(results.register("rax"), "little")
        return Value.at(ctype, addr, results.read)
    integers, vectors = iter(("rax", "rdx")), iter(("xmm0", "xmm1"))
    stack = iter(("st0", "st1"))
    last: bytes = b""
    data = b""
    for kind in kinds:
        if kind == "integer":
            data += results.register(next(integers))[:8]
        elif kind == "sse":
            last = results.register(next(vectors))
            data += last[:8]
        elif kind == "sseup":
            data += last[8:16]
        elif kind == "x87":
            last = results.register(next(stack))
            data += last[:8]
        else:  # x87up
            data += last[8:10].ljust(8, b"\0")
    return Value(ctype, data[: ctype.size].ljust(ctype.size, b"\0"), None, results.read)


def _i386(ctype: CType, inner: CType, arch: Arch, results: Results) -> Value | None:
    size = ctype.size
    if isinstance(inner, FloatType):
        from pydbg.expr import floats
        from pydbg.expr.values import from_number

        number = floats.decode("x87", results.register("st0")[:10])
        return from_number(ctype, number, results.read)
    if in_memory(inner, arch):
        addr = int.from_bytes(results.register("eax")[:4], "little")
        return Value.at(ctype, addr, results.read)
    data = results.register("eax")[:4] + results.register("edx")[:4]
    return Value(ctype, data[:size].ljust(size, b"\0"), None, results.read)


def give_back(value: Value, arch: Arch, block: RegisterBlock) -> None:
    """Put a value where the caller of a function expects it; raises CommandError if it cannot be.

    A result that is returned in memory has a place that only the function was told of.
    """
    put = block.put
    inner = strip(value.type)
    if in_memory(inner, arch):
        raise CommandError("A structure that is returned in memory cannot be given back.")
    data = value.data
    if arch.pointer_size == 4:
        _give_back_i386(value, inner, block)
        return
    integers, vectors = iter(("rax", "rdx")), iter(("xmm0", "xmm1"))
    kinds = classify(inner) or []
    numbers = [data[8 * at : 8 * at + 10] for at, kind in enumerate(kinds) if kind == "x87"]
    if numbers:
        _push_x87(block, *numbers)
    for index, kind in enumerate(kinds):
        piece = data[8 * index : 8 * index + 8]
        if kind == "integer":
            signed = isinstance(inner, IntType) and inner.signed and len(piece) < 8
            fill = b"\xff" if signed and piece[-1] & 0x80 else b"\0"
            put(next(integers), piece.ljust(8, fill))
        elif kind == "sse":
            wide = kinds[index + 1 : index + 2] == ["sseup"]
            put(
                next(vectors),
                (data[8 * index : 8 * index + 16] if wide else piece).ljust(16, b"\0"),
            )


def _push_x87(block: RegisterBlock, *numbers: bytes) -> None:
    """Make numbers the only ones on the stack of the x87, the first of them st0.

    They take its last registers: the top is the first of those, all others are tagged empty (3).
    """
    top = 8 - len(numbers)
    status = int.from_bytes(block.read("fstat"), "little")
    block.set("fstat", status & ~(7 << 11) | top << 11)
    block.set("ftag", 0xFFFF >> 2 * len(numbers))
    for index, data in enumerate(numbers):
        block.put(f"st{index}", data)


def _give_back_i386(value: Value, inner: CType, block: RegisterBlock) -> None:
    put = block.put
    if isinstance(inner, FloatType):
        from pydbg.expr import floats

        _push_x87(block, floats.encode("x87", value.number())[:10])
        return
    signed = isinstance(inner, IntType) and inner.signed
    fill = b"\xff" if signed and value.data[-1] & 0x80 else b"\0"
    data = value.data.ljust(4, fill)
    put("eax", data[:4])
    if len(data) > 4:
        put("edx", data[4:8].ljust(4, b"\0"))
