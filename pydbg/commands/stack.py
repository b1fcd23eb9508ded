"""Commands about the stack: backtrace, frame, up, down, info frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds
from pydbg.commands.options import Words, for_now, scan
from pydbg.commands.results import Backtrace, FrameDetails, FrameShown, SourceLine
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, UsageError
from pydbg.records import replace
from pydbg.sourcelanguage import frame_language

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.frames import Frame

__all__ = ["commands", "existing", "moved", "shown"]

_LIMIT = 100_000
"""How far a walk to the outermost frame goes at the most."""


def shown(session: Session, frame: Frame, heading: str = "") -> FrameShown:
    """Return the record of a frame that was selected."""
    line = common.frame_line(session, frame)
    what = session.settings.text("print frame-info")
    if what not in ("auto", *common.WITH_SOURCE):
        return FrameShown(line, None, heading)
    source = _source(session, frame, what)
    return FrameShown(line, source, heading, bare=what == "source-line" and source is not None)


# --- backtrace -----------------------------------------------------------------------------


def backtrace(session: Session, parsed: Parsed) -> Backtrace:
    """Show the frames of the stack."""
    count, full, given = _backtrace_arguments(parsed["COUNT"] or "", session)
    with for_now(session, given):
        return _backtrace(session, count, full=full)


def _backtrace(session: Session, count: int | None, *, full: bool) -> Backtrace:
    if count is None or count < 0:
        frames = session.dbg.frames(_LIMIT)
        more, ended = False, True
        if count is not None:
            frames = frames[count:]
    else:
        # One more, to know whether there is one.
        frames = session.dbg.frames(count + 1)
        ended = len(frames) <= count
        more = not ended and session.typed()
        frames = frames[:count]
    reason = _reason(session) if ended and frames else ""
    what = session.settings.text("print frame-info")
    lines = tuple(common.frame_line(session, frame) for frame in frames)
    sources: tuple[SourceLine | None, ...] = ()
    if what in common.WITH_SOURCE:
        sources = tuple(_source(session, frame, what) for frame in frames)
    variables = tuple(_locals(session, frame) for frame in frames) if full else ()
    return Backtrace(lines, more, reason, variables, sources, what == "source-line")


def _source(session: Session, frame: Frame, what: str) -> SourceLine | None:
    return common.source_line(session, frame, brief=what == "source-line")


_SETTINGS = {
    "-entry-values": "print entry-values",
    "-frame-arguments": "print frame-arguments",
    "-frame-info": "print frame-info",
    "-past-entry": "backtrace past-entry",
    "-past-main": "backtrace past-main",
    "-raw-frame-arguments": "print raw-frame-arguments",
}
"""The options of ``backtrace`` that are settings for the time of the command."""
_OPTIONS = {**_SETTINGS, "-full": "flag", "-hide": "flag", "-no-filters": "flag"}
"""All options; those about frame filters, which pydbg does not have, mean nothing."""


def _backtrace_arguments(
    text: str, session: Session
) -> tuple[int | None, bool, list[tuple[str, str]]]:
    """Return the count, whether variables are shown, and settings for this command."""
    count: int | None = None
    given, rest = scan(text, _OPTIONS)
    full = ("-full", "") in given
    for word in rest.split():
        if word in ("full", "ful", "fu", "f"):
            full = True
        elif word not in ("hide", "no-filters"):
            count = kinds.int_of(word, session)
    return count, full, [(_SETTINGS[name], value) for name, value in given if name in _SETTINGS]


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
    session.require("frame" if level is None else "a frame")
    if level is None:
        return shown(session, common.selected(session))
    return _select(session, existing(session, level))


def existing(session: Session, level: int) -> int:
    """Return a level that the stack has; raises CommandError for another."""
    if level < 0:
        raise UsageError(f"No frame at level {level}.")
    frames = session.dbg.frames(level + 1)
    if len(frames) <= level:
        raise CommandError(f"No frame at level {level}.")
    return level


def frame_function(session: Session, parsed: Parsed) -> FrameShown:
    """Select the innermost frame of a function."""
    return _select(session, _level_of(session, parsed["FUNCTION"]))


def _level_of(session: Session, name: str) -> int:
    """Return the level of the innermost frame of a function."""
    for one in _all(session):
        if one.function is not None and name in (one.function, one.function.partition("(")[0]):
            return one.level
    if not session.dbg.functions_named(name):
        raise CommandError(f'Function "{name}" not defined.')
    raise CommandError(f'No frame for function "{name}".')


def info_frame_function(session: Session, parsed: Parsed) -> FrameDetails:
    """Describe the innermost frame of a function."""
    return replace(_details(session, _level_of(session, parsed["FUNCTION"])), titled=False)


def info_frame_level(session: Session, parsed: Parsed) -> FrameDetails:
    """Describe a frame by its level."""
    level = parsed["LEVEL"]
    if level is None:
        raise UsageError("Missing argument.")
    return replace(_details(session, existing(session, level)), titled=False)


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
    return _move(session, parsed.get("COUNT", 1), parsed["COUNT"] is not None)


def down(session: Session, parsed: Parsed) -> FrameShown:
    """Select the frame that the selected one called."""
    return _move(session, -parsed.get("COUNT", 1), parsed["COUNT"] is not None)


def _move(session: Session, count: int, told: bool) -> FrameShown:
    moved(session, count, told=told)
    return shown(session, common.selected(session))


def moved(session: Session, count: int, *, told: bool = False) -> None:
    """Select the frame so many levels further out.

    As in gdb there is nothing wrong with a count that was told and leads nowhere.
    """
    level = common.selected(session).level
    if count < 0 and level == 0 and not told:
        raise CommandError("Bottom (innermost) frame selected; you cannot go down.")
    wanted = max(0, level + count)
    last = len(session.dbg.frames(wanted + 1)) - 1
    if count > 0 and last == level and not told:
        raise CommandError("Initial frame selected; you cannot go up.")
    session.dbg.select_frame(min(wanted, last))


# --- info frame ----------------------------------------------------------------------------


def info_frame(session: Session, parsed: Parsed) -> FrameDetails:
    """Describe the selected frame."""
    level = parsed["LEVEL"]
    if level is not None:
        existing(session, level)
    return _details(session, common.selected(session).level if level is None else level)


def _details(session: Session, current: int) -> FrameDetails:
    frames = session.dbg.frames(current + 2)
    this = frames[current]
    is_virtual = this.inline is not None or this.how == "tailcall"
    caller = frames[current + 1] if len(frames) > current + 1 else None
    arch = session.dbg.arch
    if is_virtual:
        return _virtual_frame(session, this, frames[current - 1] if current else None)
    saved = _saved(this, arch)
    if caller is not None and caller.how == "tailcall":
        saved = tuple(pair for pair in saved if pair[0] != arch.pc)
    outermost = "" if caller is not None else _outermost(session, this, saved, arch)
    is_bare = outermost == "outermost" and this.cfa is None
    # As in gdb, only a function's own frame has a place for arguments.
    base = None if is_bare or this.is_signal_frame else _base(this, arch) or None
    return FrameDetails(
        level=this.level,
        cfa=this.cfa,
        pc=this.addr,
        pc_name=arch.pc,
        function=_name_here(this),
        file=this.file,
        line=this.line,
        saved_pc=_saved_pc(this, caller, saved, arch),
        caller_cfa=None if caller is None else _known_as(session, caller),
        callee_cfa=frames[current - 1].cfa if current else None,
        language=frame_language(this),
        arglist=base,
        args=common.arguments(session, this),
        saved=tuple(pair for pair in saved if pair[0] != arch.sp),
        how=this.how,
        signal_handler=this.is_signal_frame,
        outermost=outermost,
        sp_name=arch.sp if is_bare else "",
        sp_saved_at=dict(saved).get(arch.sp),
    )


def _virtual_frame(session: Session, frame: Frame, callee: Frame | None) -> FrameDetails:
    """Describe a frame that is on no stack: of an inlined call, or one that left by a jump."""
    dbg = session.dbg
    arch = dbg.arch
    below = dbg.frames()[frame.level :]
    real = (f for f in below if f.inline is None and f.how != "tailcall")
    owner = next(real, None)
    outer = next((f for f in below if owner is not None and f.level > owner.level), None)
    relation = "tail call frame"
    inner = None
    if frame.how != "tailcall":
        relation = "" if owner is None else f"inlined into frame {frame.level + 1}"
        inner = frame.inner  # What it calls has saved its registers.
        while inner is not None and inner.raw is frame.raw:
            inner = inner.inner
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
        saved=() if inner is None else _saved(inner, arch),
        how=frame.how,
        signal_handler=False,
        outermost="",
        relation=relation,
        sp_name=dbg.arch.sp if inner is None else "",
        previous_sp=None if inner is None else inner.cfa,
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


def _known_as(session: Session, frame: Frame) -> int | None:
    """Return what a frame is told from others by: nothing, as in gdb, for the outermost one."""
    if len(session.dbg.frames(frame.level + 2)) > frame.level + 1:
        return frame.cfa
    saved = _saved(frame, session.dbg.arch)
    is_outermost = _outermost(session, frame, saved, session.dbg.arch) == "outermost"
    return 0 if is_outermost else frame.cfa


def _base(frame: Frame, arch: Any) -> int | None:
    """Return gdb's frame base: what the prologue makes the frame pointer (amd64-tdep.c)."""
    from pydbg.arch.prologue import analyze_prologue

    sp, fp = (frame.raw.regs.get(arch.by_name[name].dwarf) for name in (arch.sp, arch.fp))
    word = arch.pointer_size
    start = frame.raw.function
    if word == 4 and fp == 0:
        return None  # i386-tdep.c takes that for the end of the stack.
    if frame.function is None:
        if word == 4 and frame.thread.inferior.read_some(frame.addr, 1):
            return fp  # In unknown code i386-tdep.c believes in the frame pointer.
        start = None
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
    args = (
        Arg(
            "COUNT", Words("text", ("full", *_OPTIONS)), optional=True, doc="options, N, -N or full"
        ),
    )
    more = (
        "With N only the N innermost frames, with -N the outermost; `full` or -full adds the local "
        "variables of each frame.  -frame-arguments, -frame-info, -entry-values, -past-main and "
        "-raw-frame-arguments are the settings of these names, for once.  Frames are found by "
        "call-frame information, where there is none by frame pointers or an analysis of the code."
    )
    return (
        _row("backtrace", "Show the frames of the stack.", backtrace, aliases=("bt", "where"),
             args=args, help=more, example="backtrace 5"),
        _row("info stack", "Show the frames of the stack.", backtrace, aliases=("s",), args=args,
             help=more, example="info stack"),
        _row("frame", "Select a frame, or show the selected one.", frame, aliases=("f",),
             needs="nothing", args=(level,), example="frame 1",
             help="Registers, expressions and info commands are about the selected frame."),
        _row("frame level", "Select a frame by its number.", frame, needs="a frame", args=(level,),
             help="As `frame N`.", example="frame level 1"),
        _row("frame function", "Select the innermost frame of a function.", frame_function,
             needs="a frame", args=(Arg("FUNCTION", kinds.SYMBOL, doc="its name",
                       missing="Missing function name argument"),),
             help="The name without its parameters is enough.", example="frame function main"),
        _row("frame address", "Select the frame at a stack address.", frame_address,
             args=(Arg("ADDRESS", kinds.ADDRESS, doc="as `info frame` shows it",
                       missing="Missing address argument to view a frame"),),
             help="The address is the frame's CFA.", example="frame address $rbp + 16"),
        _row("info frame level", "Describe a frame by its number.", info_frame_level,
             needs="a frame", args=(level,), help="As `info frame N`.",
             example="info frame level 1"),
        _row("info frame function", "Describe the innermost frame of a function.",
             info_frame_function,
             needs="a frame", args=(Arg("FUNCTION", kinds.SYMBOL, doc="its name",
                       missing="Missing function name argument"),),
             help="The name without its parameters is enough.", example="info frame function main"),
        _row("up", "Select the caller of the selected frame.", up, args=(count,),
             help="With COUNT that many frames up.", example="up"),
        _row("down", "Select the frame that the selected one called.", down,
             aliases=("dow", "do"), args=(count,), help="With COUNT that many frames down.",
             example="down"),
        _row("info frame", "Describe the selected frame.", info_frame, aliases=("f",),
             args=(level,), example="info frame",
             help="Where it lies, who called it, and where it saved registers."),
    )  # fmt: skip
