"""The text of the context view and of ``changed``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydbg.commands.viewrecords import (
    CodeSection,
    ContextView,
    Difference,
    RegisterCell,
    SourceSection,
)
from pydbg.render.code import instruction
from pydbg.render.escape import address, clean
from pydbg.render.memory import telescope
from pydbg.render.paint import Paint

__all__ = ["difference", "view"]

_MOST = 12
"""So many changed words of the stack, and mappings, are listed."""


def view(record: ContextView, paint: Paint) -> str:
    """Return the sections, each under its title; a compact view has no titles."""
    lines: list[str] = []
    for name in record.order:
        title, body = _SECTIONS[name](record, paint)
        if not body:
            continue
        if not record.compact:
            lines.append(_title(title, paint))
        lines += body
    return "\n".join(lines)


def _title(text: str, paint: Paint) -> str:
    """Return a heading: the name in a line of dashes."""
    room = min(paint.width, 80)
    text = fit(text, room - 4)
    return paint("title", f"-- {text} ".ljust(room, "-"))


def fit(text: str, width: int) -> str:
    """Return a text that is no wider than ``width``.

    >>> fit("main+0x1234", 8), fit("main", 8)
    ('main+...', 'main')
    """
    text = text.expandtabs()
    return text if len(text) <= width else text[: max(width - 3, 0)] + "..."


# --- sections --------------------------------------------------------------------------------


def _registers(record: ContextView, paint: Paint) -> tuple[str, list[str]]:
    cells = record.registers
    if record.compact:
        return "", _compact_registers(cells, paint)
    wide = max((len(cell.name) for cell in cells), default=0)
    digits = 2 + 2 * record.word_size
    size = wide + 2 + digits
    flags = [cell for cell in cells if cell.note.startswith("[")]
    columns = max((paint.width + 2) // (size + 2), 1)
    others = [cell for cell in cells if cell not in flags]
    lines = []
    for at in range(0, len(others), columns):
        row = others[at : at + columns]
        texts = [_cell(cell, wide, digits, paint) for cell in row]
        lines.append("  ".join(texts).rstrip())
    for cell in flags:
        lines.append(_cell(cell, wide, 0, paint) + " " + cell.note)
    return "registers", lines


def _cell(cell: RegisterCell, wide: int, digits: int, paint: Paint) -> str:
    mark = "*" if cell.changed else " "
    value = f"{cell.value:#x}".ljust(digits)
    name = paint("register", cell.name.ljust(wide))
    return f"{name} {paint('changed', mark + value) if cell.changed else mark + value}"


def _compact_registers(cells: tuple[RegisterCell, ...], paint: Paint) -> list[str]:
    """Return what a step changed, in as many lines as it takes."""
    lines: list[str] = []
    room = 0
    for cell in cells:
        note = f" {clean(cell.note)}" if cell.note.startswith("<") else ""
        plain = f"{cell.name}={cell.value:#x}{note}"
        text = f"{paint('register', cell.name)}={paint('changed', f'{cell.value:#x}')}{note}"
        if lines and len(plain) + 2 <= room:
            lines[-1] += f"  {text}"
            room -= len(plain) + 2
        else:
            lines.append(f"   {text}")
            room = paint.width - 3 - len(plain)
    return lines


def _code(record: ContextView, paint: Paint) -> tuple[str, list[str]]:
    code: CodeSection | None = record.code
    if code is None:
        return "", []
    lines = []
    for insn in code.instructions:
        text = fit(instruction(insn, word_size=record.word_size), paint.width)
        lines.append(paint("current", text) if insn.current else text)
    return f"code: {clean(code.where)}", lines


def _stack(record: ContextView, paint: Paint) -> tuple[str, list[str]]:
    if record.stack is None:
        return "", []
    return "stack", [fit(line, paint.width) for line in telescope(record.stack).split("\n")]


def _source(record: ContextView, paint: Paint) -> tuple[str, list[str]]:
    source: SourceSection | None = record.source
    if source is None:
        return "", []
    wide = len(str(source.lines[-1][0]))
    lines = []
    for number, text in source.lines:
        current = number == source.current
        line = fit(f"{'=>' if current else '  '} {number:{wide}}  {clean(text)}", paint.width)
        lines.append(paint("current", line.rstrip()) if current else line.rstrip())
    return f"source: {clean(source.file)}:{source.current}", lines


def _syscall(record: ContextView, paint: Paint) -> tuple[str, list[str]]:
    return "system call", [clean(record.syscall)] if record.syscall else []


def _threads(record: ContextView, paint: Paint) -> tuple[str, list[str]]:
    lines = []
    for cell in record.threads:
        mark = "*" if cell.current else " "
        text = f'{mark} {cell.number:<3} LWP {cell.tid} "{clean(cell.name)}" {clean(cell.place)}'
        text = fit(text, paint.width)
        lines.append(paint("current", text) if cell.current else text)
    if record.more_threads:
        lines.append(f"  ({record.more_threads} more: info threads)")
    return "threads", lines


_SECTIONS: dict[str, Callable[[ContextView, Paint], tuple[str, list[str]]]] = {
    "registers": _registers,
    "code": _code,
    "stack": _stack,
    "source": _source,
    "syscall": _syscall,
    "threads": _threads,
}


# --- changed ---------------------------------------------------------------------------------


def difference(record: Difference, paint: Paint) -> str:
    """Return what changed, one thing a line; a sentence if nothing did."""
    lines = [fit(line, max(paint.width, 80)) for line in _difference(record)]
    return "\n".join(lines) or "Nothing changed since the last stop."


def _difference(record: Difference) -> Iterator[str]:
    changes = record.changes
    for name, old, new in changes.registers:
        yield f"{name:<8} {old:#x} -> {new:#x}" + _named(record, new)
    for at, old, new in changes.stack[:_MOST]:
        yield f"{address(at, record.word_size)}: {old:#x} -> {new:#x}{_named(record, new)}"
    if len(changes.stack) > _MOST:
        yield f"({len(changes.stack) - _MOST} more words of the stack)"
    yield from _mappings(changes.maps_gone, "unmapped")
    yield from _mappings(changes.maps_new, "mapped")
    for fd, old_path, new_path in changes.files:
        if new_path is None:
            yield f"closed   {fd} ({clean(old_path or '')})"
        else:
            yield f"opened   {fd} {clean(new_path)}"
    if changes.written > 0:
        count = changes.written
        yield f"written  {count} byte{'' if count == 1 else 's'}" + (
            f", {changes.stdout} of them to stdout" if changes.stdout > 0 else ""
        )


def _named(record: Difference, value: int) -> str:
    name = record.name(value)
    return f" {clean(name)}" if name else ""


def _mappings(rows: tuple[Any, ...], word: str) -> Iterator[str]:
    for one in rows[:_MOST]:
        yield f"{word:<8} {one.start:#x}-{one.end:#x} {one.perms} {clean(one.path)}".rstrip()
    if len(rows) > _MOST:
        yield f"({len(rows) - _MOST} more {word})"
