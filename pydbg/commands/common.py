"""What many commands need: the selected frame as a record, formatting, names of threads."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydbg.commands.results import NEWER, FrameLine, SourceLine
from pydbg.errors import CommandError, DebuggerError, NoProcess, UsageError
from pydbg.records import NamedTuple

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.context import ProgramContext
    from pydbg.corefile.inferior import CoreInferior
    from pydbg.expr.examine import Examiner
    from pydbg.expr.format import Formatter
    from pydbg.frames import Frame
    from pydbg.sources import Sources
    from pydbg.symbols.modules import Module
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

__all__ = [
    "arguments",
    "context",
    "core_of",
    "formatter",
    "frame_line",
    "full_path",
    "live",
    "note_path",
    "note_source",
    "selected",
    "source_line",
    "source_text",
    "symbolize",
    "target_id",
    "thread_name",
]


def live(session: Session) -> Inferior:
    """Return the selected process; NoProcess if there is none."""
    inferior = session.dbg.inferior
    if inferior is None:
        raise NoProcess
    return inferior


def core_of(session: Session, pid: int) -> CoreInferior | None:
    """Return the core that is looked at, if it is that of a process."""
    inferior = session.dbg.inferior
    if inferior is None or inferior.can_run or inferior.pid != pid:
        return None
    from pydbg.corefile.inferior import CoreInferior

    return inferior if isinstance(inferior, CoreInferior) else None


def selected(session: Session) -> Frame:
    """Return the selected frame; CommandError if there is none."""
    frame = session.dbg.frame
    if frame is None:
        raise CommandError("No frame selected.")
    return frame


def context(session: Session) -> ProgramContext:
    """Return what expressions see now: the selected thread and frame."""
    from pydbg.context import ProgramContext

    dbg = session.dbg
    return ProgramContext(dbg, dbg.thread, dbg.frame)


def symbolize(session: Session, addr: int) -> str:
    """Return ``<main+4>`` for an address, "" if it is in no symbol."""
    return session.dbg.symbolize(addr) or ""


def formatter(session: Session, frame: Frame | None = None) -> Formatter:
    """Return what prints values by the settings, in the selected or another frame's language."""
    return session.dbg.formatter(frame)


# --- frames --------------------------------------------------------------------------------

WITH_SOURCE = ("source-line", "source-and-location")
"""The values of ``print frame-info`` that show a line of source."""


def frame_line(
    session: Session, frame: Frame, *, level: bool = True, args: bool = True
) -> FrameLine:
    """Return the record of a frame's line (stack.c, print_frame).

    Without ``args`` the arguments are not asked for, which takes most of the time.
    """
    library = None
    module = frame.module
    what = session.settings.text("print frame-info")
    short = what == "short-location"
    if not short and frame.line is None and module is not None and not module.is_main:
        library = module.path if module.path.startswith("/") else None
    return FrameLine(
        addr=frame.addr,
        function=frame.function,
        level=frame.level if level else None,
        show_addr=session.settings.flag("print address")
        and (
            frame.line is None or frame.addr != frame.line_start or what == "location-and-address"
        ),
        args=arguments(session, frame) if args else "",
        file=None if short else frame.file,
        line=None if short else frame.line,
        library=library,
        called=frame.how == "call",
        signal_handler=frame.is_signal_frame,
        word_size=session.dbg.arch.pointer_size,
    )


def arguments(session: Session, frame: Frame) -> str:
    """Return what stands in the brackets of a function: its arguments with their values."""
    if not frame.has_parameters:
        return ""
    from pydbg import framevalues

    return framevalues.arguments(session.dbg, frame)


class Listing(NamedTuple):
    """Hold where ``list`` goes on: the line, and the lines that were shown last (0: none).

    The address is that of the stop that led there: many units may have lines of one file.
    """

    module: Module | None
    file: str
    line: int
    first: int = 0
    last: int = 0
    addr: int | None = None


def source_line(
    session: Session, frame: Frame, *, brief: bool = False, hidden: bool = False
) -> SourceLine | None:
    """Return a frame's source line, None if nothing is known of it, or it is to be ``hidden``.

    With ``brief`` it stands alone and shows the address in the middle of a line. A file that
    is missing is named in full only once in a row, as in gdb.
    """
    if frame.file is None or frame.line is None or frame.is_signal_frame:
        return None
    note_source(session, frame)
    lines, newer = _source(session, frame.module, frame.file)
    text = None
    if lines is not None and 1 <= frame.line <= len(lines):
        text = lines[frame.line - 1]
    session.memory["listing"] = Listing(
        frame.module, frame.file, frame.line, addr=frame.lookup_addr
    )
    if hidden:
        return None
    where = frame.lookup_addr if lines is None else None
    seen = seen_source(session, frame.module, frame.file, where)
    middle = brief and frame.addr != frame.line_start
    word_size = session.dbg.arch.pointer_size
    addr = frame.addr if middle else None
    return SourceLine(frame.file, frame.line, text, seen, addr, word_size, newer)


def seen_source(session: Session, module: Module | None, file: str, addr: int | None) -> bool:
    """Tell whether a file was the last that was shown, and note it.

    With the address of its code it is the file of one unit, which is what a missing one is to gdb.
    """
    unit = None
    if addr is not None and module is not None and module.dwarf is not None:
        found = module.dwarf.unit_at(module.link_addr(addr))
        unit = None if found is None else found.offset
    before, other = session.memory.get("source file", ("", None))
    session.memory["source file"] = (file, unit)
    return bool(before == file and (unit is None or other is None or unit == other))


def forget_missing_source(session: Session) -> None:
    """Have a library's missing file named in full again: gdb reads libraries anew at a run."""
    listing: Listing | None = session.memory.get("listing")
    if listing is not None and listing.module is not None and not listing.module.is_main:
        session.memory.pop("source file", None)


def sources(session: Session) -> Sources:
    """Return what finds source files."""
    found: Sources | None = session.memory.get("sources")
    if found is None:
        from pydbg.sources import Sources

        found = session.memory["sources"] = Sources()
    return found


def source_place(session: Session, module: Module | None, file: str) -> str | None:
    """Return where a source file is, None if it is not found."""
    beside = module.path.rpartition("/")[0] if module is not None else ""
    path = full_path(session, module, file)
    place = sources(session).find(file, path, beside)
    build_id = module.elf.build_id if module is not None else None
    if place is None and build_id is not None:
        return session.dbg.debuginfod.source(build_id, os.path.normpath(path))
    return place


def source_text(session: Session, module: Module | None, file: str) -> Sequence[str] | None:
    """Return the lines of a source file, None if it is not found or cannot be read.

    ``file`` is as the line table names it; the table knows the directory of its unit. That the
    file is newer than the program is said once.
    """
    lines, newer = _source(session, module, file)
    if newer:
        session.warn(NEWER)
    return lines


def _source(
    session: Session, module: Module | None, file: str
) -> tuple[Sequence[str] | None, bool]:
    """Return a file's lines, and whether it is still to be said that it is newer."""
    place = source_place(session, module, file)
    if place is None:
        return None, False
    told: set[str] = session.memory.setdefault("sources told", set())
    newer = False
    if place not in told:
        from pydbg.sources import is_newer

        told.add(place)
        newer = module is not None and is_newer(place, module.path)
    return sources(session).text(place), newer


def full_path(session: Session, module: Module | None, file: str) -> str:
    """Return the path of a line table's file, by the frame that names it."""
    paths: dict[tuple[str, str], str] = session.memory.setdefault("source paths", {})
    return paths.get(("" if module is None else module.path, file), file)


def note_source(session: Session, frame: Frame) -> None:
    """Keep the full path of a frame's source file."""
    if frame.module is not None and frame.file is not None and frame.path:
        paths: dict[tuple[str, str], str] = session.memory.setdefault("source paths", {})
        paths[(frame.module.path, frame.file)] = frame.path


def note_path(session: Session, module: Module | None, addr: int) -> None:
    """Keep the full path of the source file at an address."""
    if module is None or module.lines is None:
        return
    entry = module.lines.find(module.link_addr(addr))
    if entry is not None:
        paths: dict[tuple[str, str], str] = session.memory.setdefault("source paths", {})
        paths[(module.path, entry.file)] = entry.path


def pattern_of(text: str | None) -> re.Pattern[str] | None:
    """Return a regular expression of the user's, None for none; raises UsageError."""
    if not text:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f"Invalid regexp: {error}") from None


def spec_of(session: Session, point: Any) -> str:
    """Return what a breakpoint was set at; as in gdb a line alone is shown with its file."""
    spec: str = point.spec
    if not spec.lstrip("+-").isdigit() or not point.locations:
        return spec
    place = point.locations[0]
    if place.file is None:
        return spec
    modules = session.dbg.modules
    module = modules.at(place.addr) if place.addr is not None else modules.main
    note_path(session, module, place.shown)
    return f"{full_path(session, module, place.file)}:{place.line}"


# --- threads -------------------------------------------------------------------------------


def every_thread(session: Session) -> list[Thread]:
    """Return the threads of all processes that are debugged, in order."""
    dbg = session.dbg
    others = [one for one in dbg.inferiors if one is not dbg.inferior]
    found = [t for one in others for t in one.threads.values() if not t.zombie]
    return sorted([*dbg.threads, *found], key=lambda t: (t.inferior.number, t.number))


def thread_id(session: Session, thread: Thread) -> str:
    """Return a thread's number, behind that of its process where there is, or was, another."""
    dbg = session.dbg
    qualified = len(dbg.inferiors) > 1 or thread.inferior.number != 1
    return f"{thread.inferior.number}.{thread.number}" if qualified else f"{thread.number}"


def thread_name(thread: Thread) -> str:
    """Return what the user calls a thread, or else what it calls itself."""
    return thread.given_name or own_name(thread)


def own_name(thread: Thread) -> str:
    """Return what the thread calls itself (/proc/PID/task/TID/comm), "" if it is gone."""
    from pydbg.linux import procfs

    if not thread.inferior.can_run:
        return ""  # A core has no names of threads.
    try:
        return procfs.comm(thread.tid)
    except DebuggerError:
        return ""


def target_id(session: Session, thread: Thread) -> str:
    """Return how gdb names a thread: ``Thread 0x7ffff7dd1740 (LWP 8393)``.

    gdb shows the pthread's handle once its helper library works, which takes a C library with
    ``nptl_version``; else a process with one thread is ``process PID`` and a thread is
    ``LWP TID``. The names are kept, for a thread that has ended cannot be asked.
    """
    kept: dict[int, str] = session.memory.setdefault("target ids", {})
    name = _target_id(session, thread)
    kept[thread.tid] = name
    return name


def _target_id(session: Session, thread: Thread) -> str:
    inferior = thread.inferior
    pointer = _thread_pointer(thread)
    if pointer and _has_pthreads(session, inferior):
        return f"Thread {pointer:#x} (LWP {thread.tid})"
    if len(inferior.threads) == 1:
        return f"process {inferior.pid}"
    return f"LWP {thread.tid}"


def _thread_pointer(thread: Thread) -> int:
    """Return the thread pointer, which pthread_self() is: fs_base, on i386 gs_base."""
    if thread.running or thread.gone:
        return 0
    try:
        regs = thread.fetch()
    except DebuggerError:
        return 0
    # user_regs_struct (sys/user.h): fs_base is word 21, gs_base word 22.
    word = 21 if thread.inferior.arch.pointer_size == 8 else 22
    return int.from_bytes(regs[8 * word : 8 * word + 8], "little")


def _has_pthreads(session: Session, inferior: Inferior) -> bool:
    modules = inferior.modules
    if modules is None:
        return False
    key = (inferior.pid, len(modules))
    known: dict[tuple[int, int], bool] = session.memory.setdefault("pthreads", {})
    if key not in known:
        known[key] = any(_is_pthread_library(module) for module in modules)
    return known[key]


def _is_pthread_library(module: Module) -> bool:
    if module.name.startswith(("libc.so", "libc-", "libpthread")):
        return True
    # In a static program libthread_db's symbol has its internal name, too.
    names = ("nptl_version", "__nptl_version")
    return module.is_main and any(module.lookup(name) for name in names)


def examiner(session: Session) -> Examiner:
    """Return what ``x`` remembers from one command to the next."""
    from pydbg.expr import examine
    from pydbg.expr.types import data_model

    word = session.dbg.arch.pointer_size
    kept: Examiner | None = session.memory.get("examiner")
    if kept is None or kept.model.pointer_size != word:
        kept = session.memory["examiner"] = examine.Examiner(data_model(word))
    return kept


def note_address(session: Session, addr: int) -> None:
    """Make an address that was shown the one that ``x`` goes on from, and ``$_``."""
    from pydbg.expr.values import from_number

    kept = examiner(session)
    kept.next_addr = addr
    session.dbg.convenience["_"] = from_number(kept.model.pointer(kept.model.void), addr)


def note_number(session: Session, number: int) -> None:
    """Make a number ``$_``, as the line that search found."""
    from pydbg.expr.values import from_number

    session.dbg.convenience["_"] = from_number(examiner(session).model.int, number)
