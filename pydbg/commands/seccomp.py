"""Commands about refused system calls: deny, undeny, info deny, info seccomp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.commands import kinds
from pydbg.commands.results import Note
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydbg.commands.session import Session
    from pydbg.denials import Denial

__all__ = ["commands"]

# --- deny ----------------------------------------------------------------------------------


def deny(session: Session, parsed: Parsed) -> Note:
    """Deny calls."""
    from pydbg.denials import parse

    # All are looked at before anything is denied.
    wishes = [parse(word) for word in parsed["SYSCALL"]]
    for spec, _ in wishes:
        session.dbg.catches.resolve((spec,))
    rows = [session.dbg.denials.add(spec, errno) for spec, errno in wishes]
    return Note("\n".join(f"{_what(row)} will fail with {row.error}." for row in rows))


def _what(row: Denial) -> str:
    if row.names == (row.spec,):
        return row.spec
    return f"{row.spec} ({', '.join(row.names)})"


def undeny(session: Session, parsed: Parsed) -> None:
    """Allow denied calls again."""
    session.dbg.denials.remove(*parsed["SYSCALL"])


def info_deny(session: Session, parsed: Parsed) -> Note:
    """List what is denied."""
    rows = session.dbg.denials.rows
    if not rows:
        return Note("Nothing is denied.")
    lines = [f"{'Calls':<24} {'Error':<10} Denied so far"]
    for row in rows:
        times = f"{row.hits} time{'' if row.hits == 1 else 's'}"
        lines.append(f"{row.spec:<24} {row.error:<10} {times}")
    return Note("\n".join(lines))


# --- info seccomp --------------------------------------------------------------------------


def info_seccomp(session: Session, parsed: Parsed) -> Note:
    """Show the filters of the selected thread, or how they decide."""
    from pydbg.seccomp.guard import filters_of

    thread = session.dbg.thread
    if thread is None:
        raise CommandError("The program is not being run.")
    filters = filters_of(thread.tid)
    if not filters:
        return Note(f"Thread {thread.number} has no seccomp filter.")
    name = parsed["SYSCALL"]
    if name is None:
        return Note("\n\n".join(_listed(session, filters)))
    args = [kinds.value_of(text, session) for text in parsed["ARG"]]
    if len(args) > 6:
        raise UsageError("A system call has at most six arguments.")
    abi, nr = _number(session, name)
    return Note("\n".join(_decided(session, filters, abi, nr, args)))


def _number(session: Session, name: str) -> tuple[str, int]:
    from pydbg.syscalls.table import table_for

    abi = session.dbg.arch.syscall_abi
    found = table_for(abi).resolve(name)
    if len(found) != 1:
        raise UsageError(f"{name} is {len(found)} calls: one is expected.")
    return abi, next(iter(found))


def _listed(session: Session, filters: list[bytes]) -> Iterator[str]:
    from pydbg.syscalls.bpftext import disassemble

    for index, program in enumerate(filters, 1):
        lines = disassemble(program)
        whose = ", pydbg's own: it stops what is caught or denied" if _ours(session, lines) else ""
        head = f"Filter {index} of {len(filters)}, {len(lines)} instructions{whose}:"
        yield "\n".join([head, *lines])


def _ours(session: Session, lines: list[str]) -> bool:
    """Tell whether a filter only stops calls for a tracer, in a program that we launched."""
    inferior = session.dbg.inferior
    ends = {line.partition("return ")[2] for line in lines if ": return " in line}
    return inferior is not None and bool(inferior.filtered) and ends == {"TRACE", "ALLOW"}


def _decided(
    session: Session, filters: list[bytes], abi: str, nr: int, args: list[int]
) -> Iterator[str]:
    from pydbg.syscalls import bpf
    from pydbg.syscalls.bpftext import action_text, disassemble
    from pydbg.syscalls.table import table_for

    thread = session.dbg.thread
    assert thread is not None
    answers = []
    shown = ", ".join(_argument(arg) for arg in args)
    yield f"{table_for(abi).call(nr).name}({shown}) [{nr}]:"
    for index, program in enumerate(filters, 1):
        path: list[int] = []
        value = bpf.run(program, nr, bpf.audit_arch(abi), thread.pc, args, path=path)
        answers.append(value)
        lines = disassemble(program)
        last = next((at for at in reversed(path[:-1]) if " if " in lines[at]), None)
        because = f", after {lines[last].replace(': ', '  ', 1)}" if last is not None else ""
        text = lines[path[-1]].replace(": ", "  ", 1)
        yield f"filter {index} answers {action_text(value)} at {text}{because}"
    if len(filters) > 1:
        yield f"The strictest counts: {action_text(bpf.strictest(answers))}."


def _argument(value: int) -> str:
    return str(value) if -1024 < value < 1024 else f"{value & (1 << 64) - 1:#x}"


# --- rows ----------------------------------------------------------------------------------


class _Denied(kinds.Kind):
    """Take one of the words that calls were denied by."""

    def complete(self, prefix: str, session: Session) -> Any:
        specs = [row.spec for row in session.dbg.denials.rows]
        return [kinds.Candidate(spec) for spec in specs if spec.startswith(prefix)]


_DENY_HELP = """From now on these calls are not made: they fail with ERRNO, a name or a number,
which is EPERM if it is left out.  SYSCALL is what `catch syscall` takes: a name, a number,
`group:NAME`, %CLASS or /REGEX.  It holds for all threads and for what the program forks, until
`undeny`, also when the program is run again.  Each denied call is shown with (INJECTED) behind
its result.  Where denials overlap, the newest counts."""

_SECCOMP_HELP = """The filters of the selected thread are disassembled, the newest first; the
strictest of their answers is what counts.  With a system call, and its arguments as expressions,
each filter's answer is shown, with the instruction that gives it and the comparison before it.
The kernel shows filters to a debugger with CAP_SYS_ADMIN."""


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    call = Arg("SYSCALL", kinds.SYSCALL, repeat=True, doc="what is to fail, NAME[:ERRNO]")
    denied = Arg("SYSCALL", _Denied("denied"), optional=True, repeat=True, doc="as it was denied")
    return (
        Command("deny", (), "syscalls", summary="Have system calls of the program fail.",
                help=_DENY_HELP, args=(call,), repeat="no",
                example="deny openat:EACCES", run=deny, extension=True),
        Command("undeny", (), "syscalls", summary="Allow denied system calls again.",
                help="Without SYSCALL all of them are.", args=(denied,), repeat="no",
                example="undeny openat", run=undeny, extension=True),
        Command("info deny", (), "status", summary="List the denied system calls.",
                help="And how often each was.", example="info deny", run=info_deny,
                extension=True),
        Command("info seccomp", (), "status",
                summary="Show the seccomp filters of the program, and how they decide.",
                help=_SECCOMP_HELP, needs="stopped", run=info_seccomp, extension=True,
                args=(Arg("SYSCALL", kinds.SYSCALL, optional=True, doc="a call to decide about"),
                      Arg("ARG", kinds.Kind("expression"), optional=True, repeat=True,
                          doc="its arguments")),
                example="info seccomp openat -100"),
    )  # fmt: skip
