"""``context`` and ``changed``: the program at a glance, and what the last run did to it.

``set context`` says what is shown at each stop. By itself ("auto") that is nothing in a script;
at the prompt it is little: where no source line is known, and at steps of instructions, the
next instructions and the registers that a step changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds
from pydbg.commands.candidates import note_call
from pydbg.commands.results import Instruction, Telescope
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.commands.viewrecords import (
    CodeSection,
    ContextView,
    Difference,
    RegisterCell,
    SourceSection,
    ThreadCell,
)
from pydbg.errors import CommandError, DebuggerError, UsageError
from pydbg.events import Exited, Killed, StepDone, SyscallCaught

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.frames import Frame
    from pydbg.snapshot import Snapshot

__all__ = ["SECTIONS", "at_stop", "commands", "view"]

SECTIONS = ("registers", "code", "stack", "source", "syscall", "threads")
"""The sections in the order in which ``on`` shows them."""

_BEFORE, _AFTER = 3, 6
_COMPACT = 3
_FUNCTION = 1 << 14
_BY_LINES = ("step", "next")
_WORDS = 8
_LINES = 4
_THREADS = 10


def at_stop(session: Session, record: Any) -> ContextView | None:
    """Return what the settings want to be shown of a stop, None for nothing."""
    event = session.last_event
    if event is None or isinstance(event, (Exited, Killed)):
        return None
    if getattr(session.dbg, "thread", None) is None:
        return None
    session.trail.full = session.trail.full or session.interactive
    if isinstance(event, SyscallCaught):
        note_call(session, event.name)
    wanted = session.settings.text("context")
    if wanted == "auto":
        return _compact(session) if session.interactive else None
    if wanted == "off":
        return None
    return view(session, SECTIONS if wanted == "on" else tuple(wanted.split(",")))


def _compact(session: Session) -> ContextView | None:
    frame = session.dbg.frame
    event = session.last_event
    step = isinstance(event, StepDone)
    by_lines = isinstance(event, StepDone) and event.plan in _BY_LINES
    if frame is None or (frame.line is not None and (by_lines or not step)):
        return None
    if any("i" in row.format for row in session.memory.get("displays", {}).values()):
        return None  # display/i $pc: the user shows code already.
    try:
        code = _code(session, frame, 0, _COMPACT)
    except DebuggerError:
        return None
    cells = tuple(cell for cell in _registers(session) if cell.changed) if step else ()
    skip = {session.dbg.arch.pc, session.dbg.arch.flags}
    return ContextView(
        registers=tuple(cell for cell in cells if cell.name not in skip),
        code=code,
        order=("registers", "code"),
        compact=True,
        word_size=session.dbg.arch.pointer_size,
    )


def view(session: Session, sections: tuple[str, ...]) -> ContextView:
    """Return the sections that are asked for; what cannot be shown is left out."""
    found: dict[str, Any] = {}
    for name in sections:
        try:
            found.update(_MAKERS[name](session))
        except DebuggerError:
            continue
    word_size = session.dbg.arch.pointer_size
    return ContextView(order=sections, word_size=word_size, **found)


# --- the sections ----------------------------------------------------------------------------


def _registers(session: Session) -> Iterator[RegisterCell]:
    dbg = session.dbg
    thread = dbg.thread
    assert thread is not None
    before: Snapshot | None = session.trail.before(thread)
    for register in dbg.arch.in_group("general"):
        name = register.name
        try:
            value = dbg.regs[name]
        except DebuggerError:
            continue  # It is not saved in this frame.
        changed = before is not None and before.register(name) not in (None, value)
        if dbg.outer_frame is not None:
            changed = False
        note = _flags(session, name) if name == dbg.arch.flags else dbg.symbolize(value) or ""
        yield RegisterCell(name, value, changed, note)


def _flags(session: Session, name: str) -> str:
    value = common.context(session).register(name)
    return "" if value is None else common.formatter(session).inner(value)


def _code(session: Session, frame: Frame, before: int, after: int) -> CodeSection:
    dbg = session.dbg
    pc = frame.addr
    start = pc - frame.offset if before and frame.function is not None else pc
    if not 0 <= pc - start <= _FUNCTION:
        start = pc
    insns = dbg.disassemble(start, pc + dbg.arch.max_insn * (after + 1))
    at = next((i for i, insn in enumerate(insns) if insn.addr == pc), None)
    if at is None:
        insns, at = dbg.disassemble(pc, count=after), 0  # In the middle of an instruction.
    rows = []
    for insn in insns[max(at - before, 0) : at + after]:
        symbol = (dbg.symbolize(insn.addr) or "").strip("<>")
        rows.append(Instruction(insn.addr, insn.raw, insn.text, symbol, insn.addr == pc))
    return CodeSection(frame.function or "??", tuple(rows))


def _code_section(session: Session) -> dict[str, Any]:
    return {"code": _code(session, common.selected(session), _BEFORE, _AFTER)}


def _register_section(session: Session) -> dict[str, Any]:
    return {"registers": tuple(_registers(session))}


def _stack_section(session: Session) -> dict[str, Any]:
    from pydbg.commands.memory import telescope_rows

    dbg = session.dbg
    rows, error = telescope_rows(session, dbg.regs[dbg.arch.sp], _WORDS)
    return {"stack": Telescope(rows, dbg.arch.pointer_size, error)}


def _source_section(session: Session) -> dict[str, Any]:
    frame = common.selected(session)
    if frame.file is None or frame.line is None:
        return {}
    common.note_source(session, frame)
    text = common.source_text(session, frame.module, frame.file)
    if text is None or not 1 <= frame.line <= len(text):
        return {}
    first = max(frame.line - _LINES, 1)
    last = min(frame.line + _LINES, len(text))
    lines = tuple((number, text[number - 1]) for number in range(first, last + 1))
    return {"source": SourceSection(frame.file, frame.line, lines)}


def _syscall_section(session: Session) -> dict[str, Any]:
    event = session.last_event
    thread = session.dbg.thread
    if not isinstance(event, SyscallCaught) or thread is None or thread.tid != event.tid:
        return {}
    return {"syscall": event.decoded.line()}


def _thread_section(session: Session) -> dict[str, Any]:
    threads = session.dbg.threads
    if len(threads) < 2:
        return {}
    current = session.dbg.thread
    at = next((i for i, one in enumerate(threads) if one is current), 0)
    # The current one is always among those that are shown.
    first = max(0, min(at - _THREADS // 2, len(threads) - _THREADS))
    cells = []
    for one in threads[first : first + _THREADS]:
        place = "(running)"
        if not one.running:
            place = session.dbg.symbolize(one.pc) or f"{one.pc:#x}"
        cells.append(
            ThreadCell(one.number, one.tid, common.thread_name(one), place, one is current)
        )
    return {"threads": tuple(cells), "more_threads": len(threads) - len(cells)}


_MAKERS: dict[str, Callable[[Session], dict[str, Any]]] = {
    "registers": _register_section,
    "code": _code_section,
    "stack": _stack_section,
    "source": _source_section,
    "syscall": _syscall_section,
    "threads": _thread_section,
}


# --- commands --------------------------------------------------------------------------------


class _Sections(kinds.Kind):
    """Take section names with commas or blanks between; ``context reg,code``."""

    def parse(self, text: str, session: Session) -> tuple[str, ...]:
        found = []
        for word in filter(None, text.split(",")):
            near = [name for name in SECTIONS if name.startswith(word)]
            if word in SECTIONS:
                near = [word]
            if not near:
                raise UsageError(f'Undefined section "{word}".  Valid are {", ".join(SECTIONS)}.')
            if len(near) > 1:
                raise UsageError(f'Ambiguous section "{word}": {", ".join(near)}.')
            found.append(near[0])
        return tuple(found)

    def span(self, text: str) -> int:
        return max(text.rfind(","), text.rfind(" ")) + 1

    def complete(self, prefix: str, session: Session) -> list[kinds.Candidate]:
        from pydbg.commands.candidates import fits

        return [kinds.Candidate(name) for name in SECTIONS if fits(prefix, session)(name)]


def context(session: Session, parsed: Parsed) -> ContextView:
    """Show the context view of the selected frame."""
    common.selected(session)
    given = tuple(name for names in parsed["SECTION"] for name in names)
    wanted = session.settings.text("context")
    chosen = given or (SECTIONS if wanted in ("auto", "on", "off") else tuple(wanted.split(",")))
    return view(session, chosen)


def changed(session: Session, parsed: Parsed) -> Difference | str:
    """Show what differs since the last stop."""
    from pydbg.snapshot import compare, take

    dbg = session.dbg
    common.live(session)
    thread = dbg.thread
    assert thread is not None
    before = session.trail.before(thread)
    if thread.running:
        raise CommandError("The thread is running.")
    session.trail.arm(thread)
    if before is None:
        return "There is no earlier stop of this thread to compare with."
    changes = compare(before, take(thread, full=before.full), dbg.arch.pointer_size)
    values = {new for _, _, new in (*changes.registers, *changes.stack)}
    names = tuple((value, name) for value in values if (name := dbg.symbolize(value)))
    return Difference(changes, names, dbg.arch.pointer_size)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "context",
            group="status",
            summary="Show the program at a glance: registers, code, stack, source, call, threads.",
            help="Registers that changed since the last stop are marked with *.  The sections are "
            "those\nthat are named, or of set context, which also says what each stop shows by "
            "itself.",
            args=(
                Arg(
                    "SECTION",
                    _Sections("sections"),
                    optional=True,
                    repeat=True,
                    doc=", ".join(SECTIONS),
                ),
            ),
            needs="registers",
            example="context registers,code",
            extension=True,
            run=context,
        ),
        Command(
            "changed",
            group="status",
            summary="Show what differs since the last stop.",
            help="Compared are the thread's registers and the words of its stack, the mappings, "
            "the open\nfiles and how much was written.  In a script the last three are compared "
            "from the first\nchanged on.",
            needs="registers",
            example="changed",
            extension=True,
            run=changed,
        ),
    )
