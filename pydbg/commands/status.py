"""Status inquiries about the process: info proc, auxv, program."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds
from pydbg.commands.results import AuxEntry, Auxv, MappingRow, Mappings, Note, ProcFacts
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, UsageError
from pydbg.events import (
    FunctionFinished,
    LocationReached,
    SignalReceived,
    StepDone,
    points_hit,
)

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.corefile.inferior import CoreInferior

__all__ = ["commands"]


# --- info proc -----------------------------------------------------------------------------


def _pid(session: Session, parsed: Parsed) -> int:
    text = parsed["PID"]
    if text is None:
        inferior = session.dbg.inferior
        if inferior is None:
            raise CommandError("No current process: you must name one.")
        return inferior.pid
    try:
        return int(text, 0)
    except ValueError:
        raise UsageError(f"Too many parameters or a bad process-id: {text}") from None


def _facts(*names: str) -> Callable[[Session, Parsed], ProcFacts]:
    def info(session: Session, parsed: Parsed) -> ProcFacts:
        return _proc(session, _pid(session, parsed), names)

    return info


def _proc(session: Session, pid: int, names: tuple[str, ...]) -> ProcFacts:
    from pydbg.linux import procfs

    core = common.core_of(session, pid)
    if core is not None:
        return _of_core(session, core, names)
    facts = []
    if "cmdline" in names:
        facts.append(("cmdline", " ".join(procfs.cmdline(pid))))
    if "cwd" in names:
        facts.append(("cwd", procfs.cwd(pid)))
    if "exe" in names:
        facts.append(("exe", procfs.exe(pid)))
    mappings = _mappings(session, pid) if "mappings" in names else None
    text = ""
    if "status" in names:
        text += "".join(f"{name}:\t{value}\n" for name, value in procfs.status(pid).items())
    if "stat" in names:
        text += _stat(pid)
    return ProcFacts(pid, tuple(facts), text, mappings)


def _of_core(session: Session, core: CoreInferior, names: tuple[str, ...]) -> ProcFacts:
    """Return what a core tells of its process, under the names that gdb gives it."""
    if not {"exe", "cmdline", "mappings"} & set(names):
        raise CommandError("A core does not tell that of its process.")
    facts = tuple((name, core.core.command) for name in ("cmdline", "exe") if name in names)
    mappings = _mappings(session, core.pid) if "mappings" in names else None
    return ProcFacts(core.pid, facts[-1:], "", mappings)


def _mappings(session: Session, pid: int) -> Mappings:
    from pydbg.linux import procfs

    core = common.core_of(session, pid)
    maps = procfs.maps(pid) if core is None else core.maps()
    rows = tuple(MappingRow(one.start, one.end, one.offset, one.perms, one.path) for one in maps)
    return Mappings(pid, rows, session.dbg.arch.pointer_size)


def info_mappings(session: Session, parsed: Parsed) -> Mappings:
    """List the mappings of the address space."""
    return _mappings(session, _pid(session, parsed))


def _stat(pid: int) -> str:
    """Return the head of /proc/PID/stat in gdb's words (linux-tdep.c, linux_info_proc)."""
    from pydbg.linux import procfs

    stat = procfs.stat(pid)
    names = (
        ("Process", "pid"),
        ("Exec file", "comm"),
        ("State", "state"),
        ("Parent process", "parent"),
        ("Process group", "group"),
        ("Session id", "session"),
        ("TTY", "terminal"),
        ("TTY owner process group", "foreground"),
        ("start time (jiffies since system boot)", "start_ticks"),
    )
    lines = []
    for label, name in names:
        value = getattr(stat, name, None)
        if value is not None:
            lines.append(f"{label}: {value}\n")
    return "".join(lines)


# --- info auxv -----------------------------------------------------------------------------

_STRINGS = frozenset({15, 24, 31})  # AT_PLATFORM, AT_BASE_PLATFORM, AT_EXECFN


def info_auxv(session: Session, parsed: Parsed) -> Auxv:
    """Show the auxiliary vector that the kernel gave the program."""
    inferior = session.dbg.inferior
    if inferior is None:
        raise CommandError("The program has no auxiliary information now.")
    entries = list(inferior.auxv.items())
    if not entries or entries[-1][0] != 0:
        entries = [*entries, (0, 0)]
    rows = []
    for kind, value in entries:
        string = _string(session, value) if kind in _STRINGS else None
        rows.append(AuxEntry(kind, value, string))
    return Auxv(tuple(rows))


def _string(session: Session, addr: int) -> str | None:
    try:
        return session.dbg.memory.read_cstring(addr).decode("utf-8", "surrogateescape")
    except DebuggerError:
        return None


# --- info program --------------------------------------------------------------------------


def info_program(session: Session, parsed: Parsed) -> Note:
    """Say why the program stopped."""
    from pydbg.syscalls import signals

    dbg = session.dbg
    thread = dbg.thread
    if dbg.process is None or thread is None:
        raise CommandError("The program being debugged is not being run.")
    event = dbg.last_event
    lines = [
        f"\tUsing the running image of child {common.target_id(session, thread)}.",
        f"Program stopped at {thread.pc:#x}.",
    ]
    numbers = points_hit(event)
    deleted = "It stopped at a breakpoint that has since been deleted."
    if numbers:
        also = "".join(f"\nIt stopped at breakpoint {number}." for number in numbers[1:])
        gone = numbers[0] not in dbg.breakpoints
        lines.append((deleted if gone else f"It stopped at breakpoint {numbers[0]}.") + also)
    elif isinstance(event, (LocationReached, FunctionFinished)):
        lines.append(deleted)  # gdb's own, at the place.
    elif isinstance(event, StepDone) and event.ran:
        lines.append("It stopped after being stepped.")
    elif isinstance(event, SignalReceived):
        name, text = signals.signal_name(event.signo), signals.signal_text(event.signo)
        lines.append(f"It stopped with signal {name}, {text}.")
    if session.typed():
        lines.append('Type "info stack" or "info registers" for more information.')
    return Note("\n".join(lines))


# --- rows ----------------------------------------------------------------------------------


def _row(name: str, summary: str, run: Any, **fields: Any) -> Command:
    fields.setdefault("example", name)
    return Command(name, group="status", summary=summary, run=run, **fields)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    pid = (Arg("PID", kinds.PID, optional=True, doc="another process"),)
    where = "Read from /proc, so that it works for any process that you may look at."
    every = ("cmdline", "cwd", "exe", "mappings", "status", "stat")

    def proc(word: str, summary: str, run: Any) -> Command:
        return _row(f"info proc {word}", summary, run, args=pid, help=where)

    return (
        _row("info proc", "Show the command line, directory and file of the process.",
             _facts("cmdline", "cwd", "exe"), args=pid, help=where),
        proc("mappings", "List the mappings of the address space.", info_mappings),
        proc("cmdline", "Show the command line.", _facts("cmdline")),
        proc("cwd", "Show the working directory.", _facts("cwd")),
        proc("exe", "Show the file that the process runs.", _facts("exe")),
        proc("status", "Show the kernel's status of the process.", _facts("status")),
        proc("stat", "Show the process as /proc/PID/stat tells it.", _facts("stat")),
        proc("all", "Show all of info proc.", _facts(*every)),
        _row("info auxv", "Show the auxiliary vector.", info_auxv,
             help="What the kernel told the program at its start (getauxval(3))."),
        _row("info program", "Say why the program stopped.", info_program,
             help="And which thread is looked at."),
    )  # fmt: skip
