"""The text of frames, backtraces and ``info frame``."""

from __future__ import annotations

from collections.abc import Iterator

from pydbg.commands.results import (
    NEWER,
    Backtrace,
    FrameDetails,
    FrameLine,
    FrameShown,
    SourceLine,
)
from pydbg.render.escape import ASIDE, address, clean

__all__ = ["backtrace", "details", "frame", "shown", "source"]


def frame(line: FrameLine) -> str:
    """Return the line of one frame.

    >>> frame(FrameLine(0x401136, "main", level=1, file="a.c", line=12, args="..."))
    '#1  0x0000000000401136 in main (...) at a.c:12'
    >>> frame(FrameLine(0x401136, None))
    '0x0000000000401136 in ?? ()'
    """
    text = "" if line.level is None else f"#{line.level:<2} "
    if line.called:
        return text + "<function called from gdb>"
    if line.signal_handler:
        return text + "<signal handler called>"
    if line.show_addr:
        text += f"{address(line.addr, line.word_size)} in "
    text += f"{clean(line.function or '??')} ({line.args})"
    if line.file is not None:
        text += f" at {clean(line.file)}:{line.line}"
    elif line.library:
        text += f" from {clean(line.library)}"
    return text


def source(line: SourceLine) -> str:
    r"""Return a source line behind its number.

    >>> source(SourceLine("a.c", 12, "  int r = 0;"))
    '12\t  int r = 0;'
    >>> source(SourceLine("b.c", 3, None)).lstrip(ASIDE)
    '3\tb.c: No such file or directory.'
    """
    text = f"{ASIDE}{NEWER}\n" if line.newer else ""
    if line.addr is not None:
        text += f"{address(line.addr, line.word_size)}\t"
    if line.text is not None:
        return f"{text}{line.line}\t{clean(line.text)}"
    if line.seen:
        return f"{text}{line.line}\tin {clean(line.file)}"
    # As in gdb that is an error's text, though the command succeeds.
    return f"{text}{ASIDE}{line.line}\t{clean(line.file)}: No such file or directory."


def shown(record: FrameShown) -> str:
    """Return the frame that was selected, with its source line."""
    lines = [record.heading] if record.heading else []
    if not record.bare:
        lines.append(frame(record.frame))
    if record.source is not None:
        lines.append(source(record.source))
    return "\n".join(lines)


def backtrace(record: Backtrace) -> str:
    """Return the frames, one a line, and why the walk ended early if it did."""
    return "\n".join(_backtrace(record))


def _backtrace(record: Backtrace) -> Iterator[str]:
    for index, line in enumerate(record.frames):
        beside = record.sources[index] if record.sources else None
        if not record.bare or beside is None:
            yield frame(line)
        if beside is not None:
            yield source(beside)
        if record.locals:
            for text in record.locals[index]:
                # A pretty-printed value has lines of its own.
                yield from (clean(part) for part in text.split("\n"))
    if record.more:
        yield "(More stack frames follow...)"
    if record.reason:
        yield f"Backtrace stopped: {record.reason}"


def details(record: FrameDetails) -> str:
    """Return what ``info frame`` prints."""
    return "\n".join(_details(record))


def _details(info: FrameDetails) -> Iterator[str]:
    at = "unknown" if info.cfa is None else f"{info.cfa:#x}"
    if info.outermost == "outermost":
        at = "0x0"  # gdb's outer_frame_id has no stack address.
    title = f"Stack level {info.level}, frame" if info.titled else "Stack frame"
    yield f"{title} at {at}:"
    where = f" {info.pc_name} = {info.pc:#x}"
    if info.function is not None:
        where += f" in {clean(info.function)}"
        if info.file is not None:
            where += f" ({clean(info.file)}:{info.line})"
    saved = "<not saved>" if info.saved_pc is None else f"{info.saved_pc:#x}"
    yield f"{where}; saved {info.pc_name} = {saved}"
    if info.outermost:
        yield f" Outermost frame: {info.outermost}"
    relations = [info.relation] if info.relation else []
    if info.caller_cfa is not None:
        relations.append(f"called by frame at {info.caller_cfa:#x}")
    if info.callee_cfa is not None:
        relations.append(f"caller of frame at {info.callee_cfa:#x}")
    if len(relations) == 2:
        # gdb breaks the line after the comma; it prints both in the order of the calls.
        yield f" {relations[0]}, {relations[1]}"
    elif relations:
        yield f" {relations[0]}"
    if info.language:
        yield f" source language {info.language}."
    base = "unknown address." if info.arglist is None else f"{info.arglist:#x},"
    yield f" Arglist at {base}" + ("" if info.arglist is None else f" args: {info.args}")
    known = info.cfa if info.previous_sp is None else info.previous_sp
    previous = "is unknown" if known is None else f"is {known:#x}"
    if info.sp_saved_at is not None:
        previous = f"at {info.sp_saved_at:#x}"
    if info.sp_name:
        previous = f"in {info.sp_name}"
    base = base.replace(".", ",")
    yield f" Locals at {base} Previous frame's sp {previous}"
    if info.saved:
        yield " Saved registers:"
        yield "  " + ", ".join(f"{name} at {addr:#x}" for name, addr in info.saved)
