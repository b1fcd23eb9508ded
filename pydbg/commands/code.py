"""``disassemble``."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds
from pydbg.commands.results import Asm, Instruction, SourceGroup
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, MemoryFault, UsageError
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.arch.disasm import Insn
    from pydbg.commands.session import Session
    from pydbg.symbols.modules import Module

__all__ = ["commands", "function_range"]


class Extent(Record):
    """Hold where a function begins and ends (run-time addresses), and its name.

    ``ranges`` are its parts where it is in several, as compilers set unlikely code apart.
    """

    name: str
    low: int
    high: int
    ranges: tuple[tuple[int, int], ...] = ()


def function_range(session: Session, addr: int) -> Extent:
    """Return the function at an address (blockframe.c, find_pc_partial_function)."""
    module: Module | None = session.dbg.modules.at(addr)
    symbol = module.symbol_at(addr) if module is not None else None
    function = module.function_at(addr) if module is not None else None
    if module is None or (symbol is None and function is None):
        raise CommandError("No function contains specified address.")
    if function is not None:
        low, high = module.addr(function.low), module.addr(function.high)
        if symbol is None or module.addr_of(symbol[0]) <= low:
            parts = [(module.addr(start), module.addr(end)) for start, end in function.ranges]
            return Extent(function.label or "??", low, high, tuple(parts))
    assert symbol is not None
    low = module.addr_of(symbol[0])
    size = symbol[0].size or _gap(module, symbol[0].link_addr)
    return Extent(symbol[0].name, low, low + size)


def _gap(module: Module, link_addr: int) -> int:
    """Return how far the next function is: the size of one that has none."""
    following = [s.link_addr for s in module.functions() if s.link_addr > link_addr]
    end = min(following, default=link_addr)
    for section in module.elf.sections:
        if section.link_addr <= link_addr < section.end:
            last = section.end
            return (end if link_addr < end < last else last) - link_addr
    return max(end - link_addr, 1)


def disassemble(session: Session, parsed: Parsed) -> Asm:
    """Show the code of a function or a range."""
    modifiers = parsed["MODIFIERS"] or ""
    if "m" in modifiers and "s" in modifiers:
        raise UsageError("Cannot specify both /m and /s.")
    text = parsed["RANGE"]
    name: str | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    if text is None or "," not in text or not text.partition(",")[2].strip():
        if text is None:
            addr = _pc(session)
            message = "No function contains program counter for selected frame."
        else:
            addr = _value(session, text.partition(",")[0])
            message = "No function contains specified address."
        try:
            extent = function_range(session, addr)
        except CommandError:
            raise CommandError(message) from None
        name, low, high, ranges = extent.name, extent.low, extent.high, extent.ranges
    else:
        first, _, last = text.partition(",")
        low = _value(session, first)
        last = last.strip()
        high = low + _value(session, last[1:]) if last.startswith("+") else _value(session, last)
    parts = ranges if len(ranges) > 1 else ((low, high),)
    insns: list[Insn] = []
    sources: list[Any] = []
    starts: list[tuple[int, int, int]] = []
    error = ""
    for start, end in parts:
        found, error = _decode(session, start, end)
        shown: Sequence[SourceGroup] = ()
        if "m" in modifiers:
            found, shown = _by_line(session, found, start, end)
        elif "s" in modifiers:
            shown = _sources(session, found, (start, end))
        sources += [(index + len(insns), *rest) for index, *rest in shown]
        starts.append((len(insns), start, end))
        insns += found
    return Asm(
        instructions=_records(session, insns, name, parts),
        function=name,
        low=low,
        high=high,
        show_raw="r" in modifiers,
        sources=tuple(sources),
        word_size=session.dbg.arch.pointer_size,
        by_source="m" in modifiers and bool(sources),
        error=error,
        ranges=tuple(starts) if len(parts) > 1 else (),
    )


def _pc(session: Session) -> int:
    frame = session.dbg.frame
    if frame is None:
        raise CommandError("No frame selected.")
    return frame.addr


def _value(session: Session, text: str) -> int:
    from pydbg.expr.examine import address_of

    if not text.strip():
        raise UsageError("Argument required (an address).")
    return address_of(session.dbg.evaluate(text))


def _decode(session: Session, low: int, high: int) -> tuple[list[Insn], str]:
    """Return the instructions, and the error where memory ended."""
    if high <= low:
        return [], ""
    if high - low > 1 << 24:
        raise CommandError(f"{high - low:#x} bytes are too many to disassemble at once.")
    # The last instruction may reach behind the end of the range.
    longest = session.dbg.arch.max_insn
    try:
        insns = session.dbg.disassemble(low, high + longest)
    except MemoryFault:
        insns = session.dbg.disassemble(low, high)  # The file's last bytes.
    found = [insn for insn in insns if insn.addr < high]
    end = found[-1].addr + found[-1].size if found else low
    if end < high:
        return found, str(MemoryFault(end))
    return found, ""


def _records(
    session: Session, insns: Sequence[Insn], name: str | None, parts: Sequence[tuple[int, int]]
) -> tuple[Instruction, ...]:
    dbg = session.dbg
    frame = dbg.frame
    current = None if frame is None else frame.addr
    found = []
    for insn in insns:
        if name is not None and any(low <= insn.addr < high for low, high in parts):
            symbol = f"{insn.addr - parts[0][0]:+d}"
        else:
            label = _label(session, insn.addr)
            shown = "" if name is not None or label is None else label[0]
            symbol = "" if label is None else f"{shown}+{label[1]}"
        found.append(Instruction(insn.addr, insn.raw, insn.text, symbol, insn.addr == current))
    return tuple(found)


def _label(session: Session, addr: int) -> tuple[str, int] | None:
    module = session.dbg.modules.at(addr)
    return None if module is None else module.label_at(addr)


# --- source lines --------------------------------------------------------------------------


def _line_of(session: Session, addr: int) -> Any:
    module = session.dbg.modules.at(addr)
    if module is None:
        return None
    try:
        return module.line_at(addr)
    except DebuggerError:
        return None


def _by_line(
    session: Session, insns: list[Insn], low: int, high: int
) -> tuple[list[Insn], list[SourceGroup]]:
    """Return the instructions in the order of the lines, and the lines before them.

    They are those of one file, the one of the first instruction, and come with all lines in
    between (disasm.c, do_mixed_source_and_assembly_deprecated).
    """
    module = session.dbg.modules.at(low)
    lines = module.lines if module is not None else None
    if module is None or lines is None:
        return insns, []
    first, last = module.link_addr(low), module.link_addr(high)
    unit = lines.unit_at(first)
    found = unit.find(first) if unit is not None else None
    if found is None:
        return insns, []
    table = found[1]
    rows = table.rows[bisect_left(table.addrs, first) : bisect_left(table.addrs, last) + 1]
    parts = [
        (row.line, module.addr(row.addr), module.addr(following.addr))
        for row, following in pairwise(rows)
        if row.line and row[:2] != following[:2]
    ]
    common.note_path(session, module, low)
    text = common.source_text(session, module, table.name)
    shown: list[Insn] = []
    groups: list[SourceGroup] = []
    behind = 0
    for line, start, end in sorted(parts):
        if line >= behind:
            numbers = range(max(behind or line, line - _MOST_LINES), line + 1)
            source = tuple((one, _text_of(session, text, table.name, one)) for one in numbers)
            groups.append((len(shown), "", source))
            behind = line + 1
        shown += _decode(session, start, end)[0]
    if behind:
        session.memory["listing"] = common.Listing(
            module, table.name, behind if text is not None else behind - 1, behind - 1, behind - 1
        )
    return shown, groups


def _opening_line(session: Session, low: int, high: int) -> tuple[str, int]:
    """Return file and line of the first row of the code's own file.

    That of an opening brace may be there without an instruction that has it.
    """
    module = session.dbg.modules.at(low)
    lines = module.lines if module is not None else None
    if module is None or lines is None:
        return "", 0
    first, last = module.link_addr(low), module.link_addr(high - 1)
    unit = lines.unit_at(first)
    found = unit.find(first) if unit is not None else None
    if found is None:
        return "", 0
    rows = (row for row in found[1].rows if first <= row.addr <= last)
    return found[1].name, next((row.line for row in rows), 0)


_MOST_LINES = 10_000
"""So many lines can stand before an instruction; numbers of a damaged table are larger."""


def _sources(
    session: Session, insns: Sequence[Insn], extent: tuple[int, int]
) -> tuple[SourceGroup, ...]:
    """Return before which instruction which source lines stand (disasm.c)."""
    found = []
    lines = [_line_of(session, insn.addr) for insn in insns]
    with_code = {(line.file, line.line) for line in lines if line is not None}
    before: Any = None
    shown_file = ""
    for index, line in enumerate(lines):
        if line is None or (before is not None and _same(line, before)):
            continue
        first = line.line
        least = max(0, first - _MOST_LINES)
        if before is None:
            opening = _opening_line(session, *extent)
            if least < opening[1] < first:
                first = opening[1]
        elif before.file == line.file and line.line > before.line + 1:
            # Lines in between that made no code belong to the next one that did.
            while first - 1 > max(least, before.line) and (line.file, first - 1) not in with_code:
                first -= 1
        name = line.file if line.file != shown_file else ""
        shown_file = line.file
        module = session.dbg.modules.at(insns[index].addr)
        common.note_path(session, module, insns[index].addr)
        text = common.source_text(session, module, line.file)
        rows = tuple(
            (number, _text_of(session, text, line.file, number))
            for number in range(first, line.line + 1)
        )
        # As in gdb, list goes on behind the line that was shown last.
        following = line.line + (1 if text is not None else 0)
        session.memory["listing"] = common.Listing(
            module, line.file, following, line.line, line.line
        )
        found.append((index, name, rows))
        before = line
    return tuple(found)


def _text_of(session: Session, text: Sequence[str] | None, file: str, line: int) -> str | None:
    """Return a line's text; where the file is missing what is said of it, once in full."""
    seen = common.seen_source(session, None, file, None)
    if text is None:
        return f"in {file}" if seen else f"{file}: No such file or directory."
    return text[line - 1] if 0 < line <= len(text) else None


def _same(line: Any, other: Any) -> bool:
    return bool(line.file == other.file and line.line == other.line)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "disassemble", ("disas",), "data",
            summary="Show the machine code of a function or a range.",
            help="Without arguments it is the function of the selected frame, whose pc is marked "
            "with =>.  A range is START,END or START,+LENGTH.  /r shows the bytes, /s the "
            "source lines in the order of the code, /m in the order of the lines.",
            args=(
                Arg("MODIFIERS", kinds.modifiers("rms"), optional=True, doc="r, m, s"),
                Arg("RANGE", kinds.ADDRESS, optional=True, doc="ADDRESS, or START,END"),
            ),
            example="disassemble main",
            run=disassemble,
        ),
    )  # fmt: skip
