"""Commands about the stack: backtrace, frame, up, down, info frame."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, frameapply, kinds
from pydbg.commands.results import Backtrace, FrameDetails, FrameShown
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, UsageError
from pydbg.records import replace
from pydbg.sourcelanguage import frame_language

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.frames import Frame

__all__ = ["commands", "shown"]

_LIMIT = 100_000
"""How far a walk to the outermost frame goes at the most."""


def shown(session: Session, frame: Frame, heading: str = "") -> FrameShown:
    """Return the record of a frame that was selected."""
    line = common.frame_line(session, frame)
    return FrameShown(line, common.source_line(session, frame), heading)


# --- backtrace -----------------------------------------------------------------------------


def backtrace(session: Session, parsed: Parsed) -> Backtrace:
    """Show the frames of the stack."""
    text, options = _options(parsed["COUNT"] or "")
    kept = {name: session.settings[name] for name in options}
    try:
        for name, value in options.items():
            session.settings.set(name, value)
        return _backtrace(session, text)
    finally:
        for name, old in kept.items():
            session.settings.put(name, old)


_OPTIONS = re.compile(
    r"(?:^|(?<=\s))-(?:(frame-arguments|entry-values|frame-info)\s+([\w-]+)"
    r"|(raw-frame-arguments|past-main|past-entry)(?:\s+(on|off|yes|no|0|1))?|(hide|no-filters))\b"
)


def _options(text: str) -> tuple[str, dict[str, str]]:
    """Take gdb's options off the arguments; return what is left, and settings for once."""
    found: dict[str, str] = {}
    for option in _OPTIONS.finditer(text):
        if option[1] == "frame-arguments":
            found["print frame-arguments"] = option[2]
        elif option[3] == "raw-frame-arguments":
            found["print raw-frame-arguments"] = option[4] or "on"
    return _OPTIONS.sub("", text).strip(), found


def _backtrace(session: Session, text: str) -> Backtrace:
    count, full = _backtrace_arguments(text, session)
    if count is None or count < 0:
        frames = session.dbg.frames(_LIMIT)
        more = False
        if count is not None:
            frames = frames[count:]
    else:
        # One more, to know whether there is one.
        frames = session.dbg.frames(count + 1)
        more = len(frames) > count and session.typed()
        frames = frames[:count]
    reason = ""
    if not more and frames and count is None:
        reason = _reason(session)
    lines = tuple(common.frame_line(session, frame) for frame in frames)
    variables = tuple(_locals(session, frame) for frame in frames) if full else ()
    return Backtrace(lines, more, reason, variables)


def _backtrace_arguments(text: str, session: Session) -> tuple[int | None, bool]:
    count: int | None = None
    full = False
    for word in re.findall(r"\S+", text):
        if word in ("full", "-full", "ful", "fu", "f"):
            full = True
        elif word.startswith("-") and not word[1:2].isdigit():
            raise UsageError(f'Unknown option "{word}".  Valid are full, N and -N.')
        else:
            count = kinds.int_of(word, session)
    return count, full


def _reason(session: Session) -> str:
    """Return why the walk ended early, "" if it reached the outermost frame."""
    return session.dbg.stack_problem or ""


def _locals(session: Session, frame: Frame) -> tuple[str, ...]:
    from pydbg.framevalues import NO_SYMBOLS, local_lines

    lines = local_lines(session.dbg, frame, " " * 8)
    return (NO_SYMBOLS,) if lines is None else tuple(lines) or ("No locals.",)


# --- selecting -----------------------------------------------------------------------------


def _select(session: Session, level: int) -> FrameShown:
    session.dbg.select_frame(level)
    return shown(session, common.selected(session))


def frame(session: Session, parsed: Parsed) -> FrameShown:
    """Select a frame by its level, or show the selected one."""
    level = parsed["LEVEL"]
    if level is None:
        return shown(session, common.selected(session))
    return _select(session, _existing(session, level))


def _existing(session: Session, level: int) -> int:
    if level < 0:
        raise UsageError(f"No frame at level {level}.")
    frames = session.dbg.frames(level + 1)
    if len(frames) <= level:
        raise CommandError(f"No frame at level {level}.")
    return level


def frame_function(session: Session, parsed: Parsed) -> FrameShown:
    """Select the innermost frame of a function."""
    return _select(session, _of_function(session, parsed["FUNCTION"]).level)


def _of_function(session: Session, name: str) -> Frame:
    for one in _all(session):
        if one.function is not None and name in (one.function, one.function.partition("(")[0]):
            return one
    raise CommandError(f'No frame for function "{name}".')


def frame_address(session: Session, parsed: Parsed) -> FrameShown:
    """Select the frame whose CFA is at an address."""
    addr = kinds.value_of(parsed["ADDRESS"], session)
    for one in _all(session):
        if one.cfa == addr:
            return _select(session, one.level)
    raise CommandError(f"No frame at address {parsed['ADDRESS']}.")


def _all(session: Session) -> Sequence[Frame]:
    return session.dbg.frames(_LIMIT)


def up(session: Session, parsed: Parsed) -> FrameShown:
    """Select the caller of the selected frame."""
    return _move(session, parsed.get("COUNT", 1))


def down(session: Session, parsed: Parsed) -> FrameShown:
    """Select the frame that the selected one called."""
    return _move(session, -parsed.get("COUNT", 1))


def _move(session: Session, count: int) -> FrameShown:
    level = common.selected(session).level
    if count < 0 and level == 0:
        raise CommandError("Bottom (innermost) frame selected; you cannot go down.")
    wanted = max(0, level + count)
    last = len(session.dbg.frames(wanted + 1)) - 1
    if count > 0 and last == level:
        raise CommandError("Initial frame selected; you cannot go up.")
    return _select(session, min(wanted, last))


# --- info frame ----------------------------------------------------------------------------


def info_frame(session: Session, parsed: Parsed) -> FrameDetails:
    """Describe the selected frame."""
    level = parsed["LEVEL"]
    if level is None:
        return _details(session, common.selected(session).level)
    return replace(_details(session, _existing(session, level)), level=None)


def info_frame_function(session: Session, parsed: Parsed) -> FrameDetails:
    """Describe the innermost frame of a function."""
    found = _of_function(session, parsed["FUNCTION"])
    return replace(_details(session, found.level), level=None)


def _details(session: Session, current: int) -> FrameDetails:
    frames = session.dbg.frames(current + 2)
    this = frames[current]
    is_virtual = this.inline is not None or this.how == "tailcall"
    caller = frames[current + 1] if len(frames) > current + 1 else None
    arch = session.dbg.arch
    if is_virtual:
        return _virtual_frame(session, this, caller, frames[current - 1] if current else None)
    saved = _saved(this, arch)
    if caller is not None and caller.how == "tailcall":
        saved = tuple(pair for pair in saved if pair[0] != arch.pc)
    base = _base(this, arch)
    return FrameDetails(
        level=this.level,
        cfa=this.cfa,
        pc=this.addr,
        pc_name=arch.pc,
        function=_name_here(this),
        file=this.file,
        line=this.line,
        saved_pc=_saved_pc(this, caller, saved, arch),
        caller_cfa=None if caller is None else caller.cfa,
        callee_cfa=frames[current - 1].cfa if current else None,
        language=frame_language(this),
        arglist=base,
        args=common.arguments(session, this),
        saved=saved,
        how=this.how,
        signal_handler=this.is_signal_frame,
        outermost="" if caller is not None else _outermost(session, this, saved, arch),
    )


def _virtual_frame(
    session: Session, frame: Frame, caller: Frame | None, callee: Frame | None
) -> FrameDetails:
    """Describe a frame that is on no stack: of an inlined call, or one that left by a jump."""
    dbg = session.dbg
    arch = dbg.arch
    below = dbg.frames()[frame.level :]
    real = (f for f in below if f.inline is None and f.how != "tailcall")
    owner = next(real, None)
    outer = next((f for f in below if owner is not None and f.level > owner.level), None)
    relation = "tail call frame"
    if frame.how != "tailcall":
        relation = "" if owner is None else f"inlined into frame {frame.level + 1}"
    return FrameDetails(
        level=frame.level,
        cfa=frame.cfa,
        pc=frame.addr,
        pc_name=dbg.arch.pc,
        function=frame.function,
        file=frame.file,
        line=frame.line,
        saved_pc=None if owner is None else _saved_pc(owner, outer, _saved(owner, arch), arch),
        caller_cfa=None,
        callee_cfa=None if callee is None else callee.cfa,
        language=frame_language(frame),
        arglist=None,
        args="",
        saved=(),
        how=frame.how,
        signal_handler=False,
        outermost="",
        relation=relation,
        sp_name=dbg.arch.sp,
    )


def _name_here(frame: Frame) -> str | None:
    """Return the function's name; without debug information gdb asks for the pc, not for pc - 1."""
    found = None
    if frame.module is not None and not frame.has_debug_info:
        found = frame.module.symbol_at(frame.addr)
    return frame.function if found is None else found[0].demangled


def _saved(frame: Frame, arch: Any) -> tuple[tuple[str, int], ...]:
    """Return where the frame saved registers, in the order of their numbers."""
    names = {
        register.dwarf: register.name for register in arch.registers if register.dwarf is not None
    }
    names[arch.return_column] = arch.pc
    order = [register.name for register in arch.registers]
    rules = getattr(frame.raw, "saved_here", None)
    if rules is None:
        rules = frame.raw.saved
    pairs = [(names[number], addr) for number, addr in rules.items() if number in names]
    return tuple(sorted(pairs, key=lambda pair: order.index(pair[0])))


def _saved_pc(
    frame: Frame,
    caller: Frame | None,
    saved: Sequence[tuple[str, int]],
    arch: Any,
) -> int | None:
    if caller is not None:
        return caller.addr
    where = dict(saved).get(arch.pc)
    if where is None:
        return None
    try:
        return int.from_bytes(frame.thread.inferior.read(where, arch.pointer_size), "little")
    except DebuggerError:
        return None


def _outermost(session: Session, frame: Frame, saved: Any, arch: Any) -> str:
    """Return why there is no caller: gdb's "outermost" where the code itself says so."""
    problem = _reason(session)
    if problem or frame.function == "main" or arch.pc in dict(saved):
        return problem
    return "outermost"


def _base(frame: Frame, arch: Any) -> int | None:
    """Return gdb's frame base: what the prologue makes the frame pointer (amd64-tdep.c)."""
    from pydbg.arch.prologue import analyze_prologue

    sp, fp = (frame.raw.regs.get(arch.by_name[name].dwarf) for name in (arch.sp, arch.fp))
    word = arch.pointer_size
    start = frame.raw.function
    offset = word
    if start is not None and start <= frame.addr:
        code = frame.thread.inferior.read_some(start, 64)
        found = analyze_prologue(code, start, frame.addr, arch=arch)
        if found.has_frame:
            return fp
        offset = found.cfa_offset
    return None if sp is None else sp + offset - 2 * word


def innermost(session: Session) -> Frame | None:
    """Return the innermost frame, None without a process."""
    return next(iter(islice(session.dbg.frames(1), 1)), None)


# --- rows ----------------------------------------------------------------------------------


def _row(name: str, summary: str, run: Any, **fields: Any) -> Command:
    fields.setdefault("needs", "frame")
    return Command(name, group="stack", summary=summary, run=run, **fields)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    level = Arg("LEVEL", kinds.COUNT, optional=True, doc="a frame's number, 0 is the innermost")
    count = Arg("COUNT", kinds.COUNT, optional=True, doc="how many frames")
    args = (Arg("COUNT", kinds.TEXT, optional=True, doc="N, -N or full"),)
    more = (
        "With N only the N innermost frames, with -N the outermost; `full` adds the local "
        "variables of each frame.  Frames are found by call-frame information, where there "
        "is none by frame pointers or an analysis of the code."
    )
    return (
        _row("backtrace", "Show the frames of the stack.", backtrace, aliases=("bt", "where"),
             args=args, help=more, example="backtrace 5"),
        _row("info stack", "Show the frames of the stack.", backtrace, aliases=("s",), args=args,
             help=more, example="info stack"),
        _row("frame", "Select a frame, or show the selected one.", frame, aliases=("f",),
             args=(level,), example="frame 1",
             help="Registers, expressions and info commands are about the selected frame."),
        _row("frame level", "Select a frame by its number.", frame, args=(level,),
             help="As `frame N`.", example="frame level 1"),
        _row("frame function", "Select the innermost frame of a function.", frame_function,
             args=(Arg("FUNCTION", kinds.SYMBOL, doc="its name",
                       missing="Missing function name argument"),),
             help="The name without its parameters is enough.", example="frame function main"),
        _row("frame address", "Select the frame at a stack address.", frame_address,
             args=(Arg("ADDRESS", kinds.ADDRESS, doc="as `info frame` shows it",
                       missing="Missing address argument to view a frame"),),
             help="The address is the frame's CFA.", example="frame address $rbp + 16"),
        _row("up", "Select the caller of the selected frame.", up, args=(count,),
             help="With COUNT that many frames up.", example="up"),
        _row("down", "Select the frame that the selected one called.", down,
             aliases=("dow", "do"), args=(count,), help="With COUNT that many frames down.",
             example="down"),
        _row("info frame", "Describe the selected frame.", info_frame, aliases=("f",),
             args=(level,), example="info frame",
             help="Where it lies, who called it, and where it saved registers."),
        _row("info frame level", "Describe a frame by its number.", info_frame, args=(level,),
             help="As `info frame N`.", example="info frame level 0"),
        _row("info frame function", "Describe the innermost frame of a function.",
             info_frame_function, example="info frame function main",
             args=(Arg("FUNCTION", kinds.SYMBOL, doc="its name",
                       missing="Missing function name argument"),),
             help="The name without its parameters is enough."),
        *frameapply.commands(),
    )  # fmt: skip
