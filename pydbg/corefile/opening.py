"""Open a core in a debugger: ``pydbg PROG CORE``, ``core-file``, ``Debugger.load_core``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydbg.corefile.inferior import CoreInferior, CoreLoader, program_of
from pydbg.corefile.notes import CoreFile
from pydbg.errors import CommandError, DebuggerError
from pydbg.events import CoreLoaded

if TYPE_CHECKING:
    from pydbg.debugger import Debugger

__all__ = ["open_core"]


def open_core(dbg: Debugger, path: str) -> CoreLoaded:
    """Have a debugger look at a core; the one it looked at before is closed.

    Without a program the one that the core names is taken. Raises FileError for what is no
    core, CommandError while a process is debugged; nothing is changed then.
    """
    if dbg.process is not None:
        raise CommandError("A program is being debugged already; kill or detach it first.")
    core = CoreFile(os.path.expanduser(path))
    warnings = []
    missing = core.missing_bytes()
    if missing:
        size = core.elf.size
        warnings.append(
            f"{core.path} is truncated: expected core file size >= {size + missing}, found: {size}."
        )
    dbg.close_core()
    if dbg.program is None:
        warnings += _take_program(dbg, core)
    inferior = CoreInferior(dbg, core)
    loader = CoreLoader(inferior, dbg.files, dbg.program)
    try:
        loader.start()
    except DebuggerError as error:
        warnings.append(str(error))
    if loader.is_foreign:
        warnings.append("core file may not match specified executable file.")
    inferior.loader = loader
    dbg.adopt_core(inferior)
    thread = inferior.first
    event = CoreLoaded(
        core.pid,
        thread.tid,
        core.signo,
        core.command or core.name,
        tuple(inferior.threads),
        tuple(warnings + loader.warnings),
    )
    _note_signal(dbg, core.signo)
    dbg.stopped(event, thread)
    return event


def _take_program(dbg: Debugger, core: CoreFile) -> list[str]:
    """Debug the program that the core names; return what is to be said if that cannot be."""
    path = program_of(core)
    if path is None:
        return ["the core does not name its program; give it before the core."]
    try:
        dbg.load_program(path)
    except (DebuggerError, ValueError) as error:
        return [str(error)]
    return []


def _note_signal(dbg: Debugger, signo: int) -> None:
    """Set ``$_exitsignal``, as gdb does."""
    from pydbg.expr.types import data_model
    from pydbg.expr.values import from_number

    dbg.convenience.pop("_exitcode", None)
    if signo:
        model = data_model(dbg.arch.pointer_size)
        dbg.convenience["_exitsignal"] = from_number(model.int, signo)
