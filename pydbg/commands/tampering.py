"""Commands that change system calls: inject, uninject, syscall skip, ret, arg and call."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.results import Note
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, UsageError

if TYPE_CHECKING:
    from pydbg.callstate import CallState
    from pydbg.commands.session import Session
    from pydbg.syscalls.table import Syscall
    from pydbg.target.thread import Thread

__all__ = ["commands"]


# --- rules -----------------------------------------------------------------------------------


def inject(session: Session, parsed: Parsed) -> Note:
    """Put a rule in force."""
    row = session.dbg.tampers.add(parsed["RULE"])
    return Note(f"Rule {row.number}: {row.text}")


def uninject(session: Session, parsed: Parsed) -> None:
    """Take rules out of force."""
    session.dbg.tampers.remove(*parsed["NUM"])


def info_inject(session: Session, parsed: Parsed) -> Note:
    """List the rules."""
    rows = session.dbg.tampers.rows
    if not rows:
        return Note("There are no rules.")
    lines = ["Num     Applied  Rule"]
    lines += [f"{row.number:<7} {row.hits:<8} {row.text}" for row in rows]
    return Note("\n".join(lines))


# --- the call at hand ------------------------------------------------------------------------


def _at(session: Session, phase: str) -> tuple[Thread, CallState, Syscall]:
    """Return the selected thread, and the call at whose entry or return it is stopped."""
    from pydbg.callstate import state_of
    from pydbg.syscalls.table import table_for

    thread = session.dbg.thread
    assert thread is not None
    if thread.running:
        raise CommandError("The thread is running.")
    state = state_of(thread, None)
    if state is None or state.phase != phase:
        where = {"entry": "entry", "return": "return"}[phase]
        raise CommandError(f"The thread is not at the {where} of a system call.")
    return thread, state, table_for(state.abi).call(state.nr)


def skip(session: Session, parsed: Parsed) -> Note:
    """Have the call not made."""
    thread, _, call = _at(session, "entry")
    value = _result(session, parsed["VALUE"] or "0")
    thread.refusal = partial(thread.skip_call, value)
    thread.injected = True
    return Note(f"{call.name} will not be made, and return {_words(value)}.")


def _result(session: Session, text: str) -> int:
    from pydbg.syscalls.errno import error_number

    number = error_number(text.removeprefix("-"))
    if number is not None:
        return -number
    return int(session.dbg.evaluate(text))


def _words(value: int) -> str:
    from pydbg.syscalls.decode import error_result

    return error_result(value) if -4095 <= value < 0 else str(value)


def ret(session: Session, parsed: Parsed) -> Note:
    """Change what the call returns."""
    thread, _, call = _at(session, "return")
    value = _result(session, parsed["VALUE"])
    thread.registers.set(thread.inferior.arch.syscall_ret, value & (1 << 64) - 1)
    session.dbg.written()
    return Note(f"{call.name} returns {_words(value)}.")


def arg(session: Session, parsed: Parsed) -> Note:
    """Change an argument of the call."""
    from pydbg.callstate import arch_of

    thread, state, call = _at(session, "entry")
    name, equals, text = parsed["N=VALUE"].partition("=")
    name, text = name.strip(), text.strip()
    if not equals or not text:
        raise UsageError("What is to be changed?  syscall arg N=VALUE, or NAME=VALUE.")
    names = [one.name for one in call.args]
    if name.isdecimal() and 1 <= int(name) <= 6:
        index = int(name) - 1
    elif name in names:
        index = names.index(name)
    else:
        known = ", ".join(f"{at}={one}" for at, one in enumerate(names, 1)) or "none"
        raise UsageError(f"{call.name} has no argument {name}; there are {known}.")
    value = int(session.dbg.evaluate(text)) & (1 << 8 * thread.inferior.arch.pointer_size) - 1
    thread.registers.set(arch_of(state.abi).syscall_args[index], value)
    if thread.syscall is not None:
        args = list(thread.syscall.args)
        args[index] = value
        thread.syscall = thread.syscall._replace(args=tuple(args))
    session.dbg.written()
    session.dbg.catches.forget(thread)
    shown = names[index] if index < len(names) else str(index + 1)
    return Note(f"{call.name}: {shown} = {value:#x}")


def call(session: Session, parsed: Parsed) -> Note:
    """Make a system call in the program."""
    from pydbg.calls import CallReader
    from pydbg.syscalls.decode import decode
    from pydbg.syscalls.table import table_for
    from pydbg.target.inject import can_inject, syscall, syscall_inside

    thread = session.dbg.thread
    assert thread is not None
    text: str = parsed["CALL"]
    name, bracket, rest = text.strip().partition("(")
    if bracket and not rest.endswith(")"):
        raise UsageError(f"A bracket is not closed in '{text}'.")
    abi = thread.inferior.arch.syscall_abi
    row = table_for(abi).by_name(name.strip())
    if row is None:
        table_for(abi).resolve(name.strip())
        raise UsageError(f"No system call '{name.strip()}'.")
    if row.name in _NEVER:
        raise UsageError(f"{row.name} cannot be made for the program.")
    values = _values(session, thread, rest.removesuffix(")"))
    if len(values) > len(thread.inferior.arch.syscall_args):
        raise UsageError("A system call has six arguments at most.")
    if can_inject(thread):
        result = syscall(thread, row.number, *values)
    else:
        _at(session, "entry")
        result = syscall_inside(thread, row.number, *values)
    session.dbg.written()
    shown = decode(row, values, CallReader(thread), ret=result, phase="return")
    return Note(shown.line())


_NEVER = (
    *("execve", "execveat", "exit", "exit_group", "fork", "vfork", "clone", "clone3"),
    *("rt_sigreturn", "sigreturn", "pause", "rt_sigsuspend", "restart_syscall"),
)
"""What does not come back, or comes back as something else."""


def _values(session: Session, thread: Thread, text: str) -> list[int]:
    """Return the arguments of a call; strings are put below the program's stack."""
    if not text.strip():
        return []
    from pydbg.expr import nodes
    from pydbg.expr.evaluate import evaluate
    from pydbg.expr.parser import parse
    from pydbg.expr.types import ArrayType, strip

    tree = parse(f"f({text})")
    assert isinstance(tree, nodes.Call)
    context = session.dbg.context()
    room = thread.sp - thread.inferior.arch.red_zone
    values = []
    for node in tree.args:
        value = evaluate(node, context)
        if isinstance(strip(value.type), ArrayType) and value.addr is None:
            room = (room - len(value.data)) & ~0xF
            thread.inferior.write(room, value.data)
            values.append(room)
        else:
            values.append(
                value.addr or 0 if isinstance(strip(value.type), ArrayType) else int(value)
            )
    return [value & (1 << 64) - 1 for value in values]


_INJECT_HELP = """RULE is SET:WHAT[:WHAT]...[:when=FIRST[..LAST][+STEP]][:if=EXPR], as with
`pydbg trace -e inject=`.  WHAT is error=ERRNO or retval=VALUE (the call is not made), signal=SIG,
syscall=NAME (another call is made), poke_enter=@argN=HEX or poke_exit=@argN=HEX.  Each thread
counts the calls of each name for itself.  It holds for all threads and what the program forks,
until `uninject`, also when it is run again.  A changed call is shown with (INJECTED)."""


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command("inject", (), "syscalls", summary="Change what system calls of the program do.",
                help=_INJECT_HELP, repeat="no", extension=True, run=inject,
                args=(Arg("RULE", kinds.TEXT, doc="the rule"),),
                example="inject openat:error=ENOENT:when=3+"),
        Command("uninject", (), "syscalls", summary="Take rules of inject out of force.",
                help="Without NUM all of them are.", repeat="no", extension=True, run=uninject,
                args=(Arg("NUM", kinds.NUMBER, optional=True, repeat=True, doc="the rule"),),
                example="uninject 1"),
        Command("info inject", (), "status", summary="List the rules of inject.",
                help="And how often each was applied.", example="info inject", run=info_inject,
                extension=True),
        Command("syscall skip", (), "syscalls", needs="stopped", repeat="no", extension=True,
                summary="Leave out the system call that the thread is about to make.",
                help="At its entry.  It returns VALUE instead, 0 if that is left out; an error is "
                "-ERRNO\nor an errno's name.",
                args=(Arg("VALUE", kinds.EXPR, optional=True, doc="the result"),),
                example="syscall skip -ENOENT", run=skip),
        Command("syscall ret", (), "syscalls", needs="stopped", repeat="no", extension=True,
                summary="Change what the system call returns.",
                help="At its return.  VALUE is as for `syscall skip`.",
                args=(Arg("VALUE", kinds.EXPR, doc="the result"),),
                example="syscall ret 3", run=ret),
        Command("syscall arg", (), "syscalls", needs="stopped", repeat="no", extension=True,
                summary="Change an argument of the system call.",
                help="At its entry.  The argument is named or counted from 1.",
                args=(Arg("N=VALUE", kinds.TEXT, doc="which, and to what"),),
                example="syscall arg count=3", run=arg),
        Command("syscall call", (), "syscalls", needs="stopped", repeat="no", extension=True,
                summary="Make a system call in the program.",
                help="Also at the entry of a call, which is then entered again.",
                args=(Arg("CALL", kinds.TEXT, doc="NAME(ARGUMENTS)"),),
                example="syscall call getpid()", run=call),
    )  # fmt: skip
