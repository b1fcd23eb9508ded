"""The text of ``disassemble``."""

from __future__ import annotations

from collections.abc import Iterator

from pydbg.commands.results import Asm, Instruction, SourceGroup
from pydbg.render.escape import address, clean

__all__ = ["disassembly", "instruction"]


def instruction(insn: Instruction, *, raw: bool = False, word_size: int = 8) -> str:
    r"""Return one line of disassembly.

    >>> instruction(Instruction(0x401136, b"\x55", "push   %rbp", "main+0", True))
    '=> 0x0000000000401136 <main+0>:\tpush   %rbp'
    """
    mark = "=> " if insn.current else "   "
    symbol = f" <{clean(insn.symbol)}>" if insn.symbol else ""
    code = f"{insn.raw.hex(' '):<19}\t" if raw else ""
    return f"{mark}{address(insn.addr, word_size)}{symbol}:\t{code}{clean(insn.text)}"


def disassembly(record: Asm) -> str:
    """Return the dump with its first and last line."""
    return "\n".join(_disassembly(record))


def _disassembly(record: Asm) -> Iterator[str]:
    if record.function is not None:
        yield f"Dump of assembler code for function {clean(record.function)}:"
    else:
        yield f"Dump of assembler code from {record.low:#x} to {record.high:#x}:"
    sources: dict[int, list[SourceGroup]] = {}
    for group in record.sources:
        sources.setdefault(group[0], []).append(group)
    starts = {index: (low, high) for index, low, high in record.ranges}
    for index, insn in enumerate(record.instructions):
        if index in starts:
            if index and record.by_source:
                yield ""
            yield f"Address range {starts[index][0]:#x} to {starts[index][1]:#x}:"
        for number, group in enumerate(sources.pop(index, ())):
            yield from _source(group, apart=number > 0 or (index > 0 and index not in starts))
        yield instruction(insn, raw=record.show_raw, word_size=record.word_size)
    for left in sources.values():
        for group in left:
            yield from _source(group, apart=True)
    if record.by_source:
        yield ""
    if record.error:
        yield clean(record.error)
    yield "End of assembler dump."


def _source(group: SourceGroup, *, apart: bool) -> Iterator[str]:
    _, name, lines = group
    if apart:
        yield ""
    if name:
        yield f"{clean(name)}:"
    for number, text in lines:
        yield f"{number}\t" + ("" if text is None else clean(text))
