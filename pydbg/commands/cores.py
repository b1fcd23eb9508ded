"""Commands about core dumps: core-file, generate-core-file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.commands import kinds
from pydbg.commands.results import Note
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.events import Event

__all__ = ["commands"]


def core_file(session: Session, parsed: Parsed) -> Event | Note | None:
    """Look at a core dump, or at none any more."""
    dbg = session.dbg
    path = parsed["FILE"]
    if path is None:
        if dbg.close_core() and session.typed():
            return Note("No core file now.")
        return None
    if dbg.process is not None:
        if not session.confirm("A program is being debugged already.  Kill it?"):
            raise CommandError("Not confirmed.")
        dbg.kill()
    session.memory.pop("source file", None)  # As in gdb, which reads all symbols anew.
    return dbg.load_core(path)


def generate(session: Session, parsed: Parsed) -> Note:
    """Write a core dump of the program."""
    if session.dbg.process is None:
        raise CommandError("You can't do that without a process to debug.")
    return Note(f"Saved corefile {session.dbg.write_core(parsed['FILE'])}")


def commands() -> tuple[Command, ...]:
    """Return the rows."""

    def row(name: str, summary: str, run: Any, **fields: Any) -> Command:
        return Command(name, summary=summary, run=run, **fields)

    return (
        row("core-file", "Look at a core dump.", core_file, aliases=("core",), group="files",
            args=(Arg("FILE", kinds.FILE, optional=True, doc="a core dump"),), repeat="no",
            help="Threads, registers, memory and stacks are as they were when the program died; "
            "nothing can be run.  Without FILE the core is looked at no more.",
            example="core-file core"),
        row("generate-core-file", "Write a core dump of the program.", generate,
            aliases=("gcore",), group="files", repeat="no",
            args=(Arg("FILE", kinds.FILE, optional=True, doc="where to"),),
            help="The file is core.PID unless FILE is given.  The program can go on afterwards.  "
            "Which memory is written is said by /proc/PID/coredump_filter, as for the kernel.",
            example="generate-core-file /tmp/core"),
    )  # fmt: skip
