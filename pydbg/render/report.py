"""The crash report as text, Markdown and JSON, all from the one record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydbg.commands.results import FrameLine, Instruction
from pydbg.crash.records import (
    CodeRow,
    CrashReport,
    FrameRow,
    MapRow,
    RegisterRow,
    SignalRow,
    ThreadRow,
)
from pydbg.crash.verdict import Verdict
from pydbg.render.code import instruction
from pydbg.render.escape import address, clean
from pydbg.render.frames import frame

__all__ = ["SCHEMA", "as_json", "markdown", "text"]

SCHEMA = 1
"""The version of the JSON form; it grows when a field changes its meaning."""

_SAME = 4
"""How many frames of a recursion are shown before the rest is counted."""


def text(report: CrashReport) -> str:
    """Return the report for a terminal or a log, in one go."""
    return "\n".join(_text(report)) + "\n"


def _text(report: CrashReport) -> Iterator[str]:
    yield headline(report)
    yield from (f"  {line}" for line in _why(report))
    crashed = report.threads[:1]
    for thread in crashed:
        yield ""
        yield f"{_title(thread)}, which {_did(report, thread)}:"
        yield from stack(thread, report.word_size)
    variables = [line for thread in crashed for line in _variables(thread)]
    if variables:
        yield ""
        yield "Variables:"
        yield from variables
    if report.code:
        yield ""
        where = f" of frame {report.code_level}" if report.code_level else ""
        yield f"Code{where}:"
        yield from (_instruction(row, report.word_size) for row in report.code)
    if report.registers:
        yield ""
        yield "Registers:"
        yield from map(_register, report.registers)
    if report.maps:
        yield ""
        yield "Memory:"
        yield from (_mapping(row, report.word_size) for row in report.maps)
    if report.syscalls:
        yield ""
        yield "Last system calls:"
        yield from map(clean, report.syscalls)
    for thread in report.threads[1:]:
        yield ""
        yield f"{_title(thread)}:"
        yield from stack(thread, report.word_size)


def headline(report: CrashReport) -> str:
    """Return the line that says who died of what."""
    who = f"{clean(report.program)} (process {report.pid})"
    signal = report.signal
    if signal is None:
        return f"{who} exited with status {report.status}: {clean(report.verdict.title)}"
    core = " (core dumped)" if report.core else ""
    verdict = report.verdict.title
    why = "" if verdict == signal.text.lower() else f": {clean(verdict)}"
    return f"{who} died of {signal.name}, {signal.text}{core}{why}"


def _why(report: CrashReport) -> Iterator[str]:
    yield from map(clean, report.verdict.details)
    if report.earlier is not None:
        yield f"it handled an earlier fault: {clean(report.earlier.title)}"
        yield from (f"  {clean(line)}" for line in report.earlier.details)
    if report.args:
        yield "arguments: " + " ".join(map(clean, report.args))


def _did(report: CrashReport, thread: ThreadRow) -> str:
    if report.signal is not None:
        return "got the signal"
    return "panicked" if thread.goroutine else "ended the program"


def _title(thread: ThreadRow) -> str:
    if thread.goroutine:
        return f"Goroutine {thread.goroutine} ({clean(thread.name)})"
    name = f' "{clean(thread.name)}"' if thread.name else ""
    return f"Thread {thread.number} (LWP {thread.tid}){name}"


def stack(thread: ThreadRow, word_size: int) -> Iterator[str]:
    """Give the lines of a thread's stack."""
    from itertools import groupby

    for _, same in groupby(thread.frames, key=lambda row: row.addr):
        rows = list(same)
        # A recursion would fill pages with the same line.
        shown = rows if len(rows) <= 2 * _SAME else rows[:_SAME]
        yield from (frame(_frame(row, word_size)) for row in shown)
        if len(shown) < len(rows):
            yield f"... {len(rows) - len(shown)} more of the same, to #{rows[-1].level}"
    if thread.more:
        yield "(More stack frames follow...)"
    if thread.problem:
        yield f"Backtrace stopped: {clean(thread.problem)}"


def _variables(thread: ThreadRow) -> Iterator[str]:
    """Give the variables of the frames that are told with them, but for a recursion once."""
    last = None
    for row in thread.frames:
        if not (row.values or row.locals):
            continue
        if row.addr == last:
            continue
        last = row.addr
        yield f"#{row.level:<2} {clean(row.function or '??')}"
        for name, value in (*row.values, *row.locals):
            yield f"        {clean(name)} = {clean(value)}"


def _frame(row: FrameRow, word_size: int) -> FrameLine:
    library = row.module if row.line is None and (row.module or "").startswith("/") else None
    return FrameLine(
        addr=row.addr,
        function=row.function,
        level=row.level,
        show_addr=row.in_line,
        args=clean(row.arguments),
        file=row.file,
        line=row.line,
        library=library,
        signal_handler=row.signal_handler,
        word_size=word_size,
    )


def _instruction(row: CodeRow, word_size: int) -> str:
    symbol = row.symbol.removeprefix("<").removesuffix(">")
    return instruction(
        Instruction(row.addr, row.raw, row.text, symbol, row.current), word_size=word_size
    )


def _register(row: RegisterRow) -> str:
    return f"{row.name:<14} {row.value:<#18x} {clean(row.note)}".rstrip()


def _mapping(row: MapRow, word_size: int) -> str:
    low, high = address(row.start, word_size), address(row.end, word_size)
    mark = f"  <- {row.what}" if row.what else ""
    path = f"  {clean(row.path)}" if row.path else ""
    return f"{low} {high} {row.perms} {row.offset:#10x}{path}{mark}"


# --- Markdown ------------------------------------------------------------------------------


def markdown(report: CrashReport) -> str:
    """Return the report as Markdown, for an issue or a job's summary."""
    return "\n".join(_markdown(report)) + "\n"


def _markdown(report: CrashReport) -> Iterator[str]:
    yield f"## {_plain(headline(report))}"
    yield ""
    yield from (f"- {_plain(line.strip())}" for line in _why(report))
    for thread in report.threads[:1]:
        yield from _section(_title(thread), stack(thread, report.word_size))
        yield from _section("Variables", _variables(thread))
    code = (_instruction(row, report.word_size) for row in report.code)
    yield from _section("Code", code)
    yield from _folded("Registers", map(_register, report.registers))
    yield from _folded("Memory", (_mapping(row, report.word_size) for row in report.maps))
    yield from _folded("Last system calls", map(clean, report.syscalls))
    for thread in report.threads[1:]:
        yield from _folded(_title(thread), stack(thread, report.word_size))


def _plain(line: str) -> str:
    """Escape what Markdown would take for markup."""
    return "".join("\\" + char if char in "\\`*_<>[]#|" else char for char in line)


def _fence(lines: list[str]) -> Iterator[str]:
    longest = max((len(line) - len(line.lstrip("`")) for line in lines), default=0)
    fence = "`" * max(3, longest + 1)
    yield fence
    yield from lines
    yield fence


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield f"### {_plain(title)}"
        yield ""
        yield from _fence(found)


def _folded(title: str, lines: Iterator[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        name = title.replace("&", "&amp;").replace("<", "&lt;")
        yield from ("", f"<details><summary>{name}</summary>", "")
        yield from _fence(found)
        yield from ("", "</details>")


# --- JSON ----------------------------------------------------------------------------------


def as_json(report: CrashReport) -> str:
    """Return the report as one JSON object in a line; docs/report.md names its fields."""
    import json

    return json.dumps(document(report), ensure_ascii=True) + "\n"


def document(report: CrashReport) -> dict[str, Any]:
    """Return the report as JSON's types: addresses and registers are hexadecimal texts.

    Numbers of 64 bits lose their low bits in many readers of JSON.
    """
    return {
        "schema": SCHEMA,
        "event": "crash",
        "program": report.program,
        "args": list(report.args),
        "pid": report.pid,
        "tid": report.tid,
        "core": report.core,
        "signal": None if report.signal is None else _signal(report.signal),
        "verdict": _verdict(report.verdict),
        "earlier": None if report.earlier is None else _verdict(report.earlier),
        "registers": {row.name: f"{row.value:#x}" for row in report.registers},
        "code_frame": report.code_level,
        "code": [
            {
                "address": f"{row.addr:#x}",
                "symbol": row.symbol.strip("<>") or None,
                "bytes": row.raw.hex(),
                "text": row.text,
                "current": row.current,
            }
            for row in report.code
        ],
        "threads": [_thread(one) for one in report.threads],
        "maps": [
            {
                "start": f"{row.start:#x}",
                "end": f"{row.end:#x}",
                "perms": row.perms,
                "offset": f"{row.offset:#x}",
                "path": row.path or None,
                "holds": row.what.split(", ") if row.what else [],
            }
            for row in report.maps
        ],
        "syscalls": list(report.syscalls),
        "status": report.status,
    }


def _signal(signal: SignalRow) -> dict[str, Any]:
    return {
        "number": signal.number,
        "name": signal.name,
        "text": signal.text,
        "code": signal.code,
        "code_name": signal.code_name,
        "address": _hex(signal.addr),
        "sender": signal.sender,
        "sender_name": signal.sender_name or None,
    }


def _hex(value: int | None) -> str | None:
    return None if value is None else f"{value:#x}"


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": verdict.kind,
        "title": verdict.title,
        "details": list(verdict.details),
        "access": verdict.access or None,
        "address": _hex(verdict.addr),
        "register": verdict.register or None,
        "offset": verdict.offset,
    }


def _thread(thread: ThreadRow) -> dict[str, Any]:
    return {
        "number": thread.number,
        "tid": thread.tid,
        "name": thread.name,
        "crashed": thread.crashed,
        "goroutine": thread.goroutine or None,
        "frames": [
            {
                "level": row.level,
                "address": f"{row.addr:#x}",
                "function": row.function,
                "offset": row.offset if row.function is not None else None,
                "file": row.file,
                "line": row.line,
                "module": row.module,
                "signal_handler": row.signal_handler,
                "arguments": row.arguments,
                "variables": [
                    {"name": name, "value": value, "kind": kind}
                    for kind, pairs in (("argument", row.values), ("local", row.locals))
                    for name, value in pairs
                ],
            }
            for row in thread.frames
        ],
        "more": thread.more,
        "problem": thread.problem or None,
    }
