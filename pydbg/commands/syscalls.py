"""Commands about system calls: info syscall, syscall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.callrecords import CallAbi, CallAt, CallFacts, CallSlot
from pydbg.commands.results import Note
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, UsageError
from pydbg.events import SyscallCaught

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.syscalls.table import Syscall

__all__ = ["commands"]

_ABIS = ("x86_64", "i386", "x32")
_MOST_VALUES = 8


# --- info syscall ----------------------------------------------------------------------------


def info_syscall(session: Session, parsed: Parsed) -> CallFacts | Note:
    """Explain a call, or list those of a class."""
    spec = parsed["SYSCALL"]
    name, number = _named(session, spec)
    if not name:
        return _several(session, spec)
    from pydbg.commands.manpage import synopsis
    from pydbg.syscalls.table import table_for

    calls = [call for abi in _ABIS if (call := table_for(abi).by_name(name)) is not None]
    found = synopsis(name)
    also = []
    if number is not None:
        for abi in _ABIS[:2]:
            other = table_for(abi).by_number(number)
            if other is not None and other.name != name:
                also.append((abi, other.name))
    return CallFacts(
        name=name,
        abis=tuple(map(_abi, calls)),
        groups=tuple(sorted(frozenset[str]().union(*(call.groups for call in calls)))),
        ret=calls[0].ret,
        also=tuple(also),
        page=found[0] if found is not None else "",
        synopsis=found[1] if found is not None else (),
    )


def _named(session: Session, spec: str) -> tuple[str, int | None]:
    """Return the one call that ``spec`` means, and its number if that is what was given.

    The name is empty if it means several; UsageError if it means none.
    """
    from pydbg.syscalls.table import table_for

    main = session.dbg.arch.syscall_abi
    failure: UsageError | None = None
    for abi in (main, *(one for one in _ABIS if one != main)):
        table = table_for(abi)
        try:
            numbers = table.resolve(spec)
        except UsageError as error:
            failure = failure or error
            continue
        if len(numbers) != 1 or spec[0] in "%/" or ":" in spec:
            return "", None
        (number,) = numbers
        call = table.by_number(number)
        if call is not None:
            return call.name, number if spec[0].isdigit() else None
    raise failure or UsageError(f"No system call has the number {spec}.")


def _several(session: Session, spec: str) -> Note:
    from pydbg.syscalls.table import table_for

    table = table_for(session.dbg.arch.syscall_abi)
    numbers = sorted(table.resolve(spec))
    names = [f"{table.call(number).name} [{number}]" for number in numbers]
    return Note(f"{spec}: {len(names)} system calls\n" + "\n".join(f"  {name}" for name in names))


def _abi(call: Syscall) -> CallAbi:
    from pydbg.callstate import arch_of

    arch = arch_of(call.abi)
    number = arch.syscall_ret  # Before the instruction.
    return CallAbi(
        abi=call.abi,
        number=call.number,
        insn="int $0x80" if call.abi == "i386" else "syscall",
        number_register=number,
        result_register=arch.syscall_ret,
        clobbers=arch.syscall_clobbers,
        slots=tuple(
            CallSlot(register, arg.name, arg.kind, arg.param, arg.out, values=_values(arg.param))
            for arg, register in zip(call.args, arch.syscall_args, strict=False)
        ),
    )


def _values(param: str) -> tuple[str, ...]:
    """Return the first names of the set of constants that an argument is made of."""
    from pydbg.syscalls.flags import flag_set

    try:
        names = [name for name, _ in flag_set(param).items]
    except KeyError:
        return ()
    return (*names[:_MOST_VALUES], *(("...",) if len(names) > _MOST_VALUES else ()))


# --- syscall ---------------------------------------------------------------------------------


def syscall(session: Session, parsed: Parsed) -> CallAt:
    """Show the call that the selected thread is at, with its registers."""
    from pydbg.calls import CallReader
    from pydbg.callstate import arch_of, state_of
    from pydbg.syscalls.decode import decode
    from pydbg.syscalls.table import table_for

    dbg = session.dbg
    thread = dbg.thread
    assert thread is not None
    if thread.running:
        raise CommandError("The thread is running.")
    event = session.last_event
    told = event if isinstance(event, SyscallCaught) and event.tid == thread.tid else None
    state = state_of(thread, told)
    if state is None:
        raise CommandError(
            "The thread is not at a system call.  "
            "catch syscall stops at calls, stepsys at the next one."
        )
    call, arch = table_for(state.abi).call(state.nr), arch_of(state.abi)
    decoded = None
    if told is not None and state.phase == told.phase:
        decoded = told.decoded
    if decoded is None:
        phase = "return" if state.phase == "return" else "entry"
        decoded = decode(call, state.args, CallReader(thread), ret=state.ret, phase=phase)
    texts = {arg.name: arg.text for arg in decoded.args}
    slots = tuple(
        CallSlot(register, arg.name, arg.kind, arg.param, arg.out, raw, texts.get(arg.name, ""))
        for arg, register, raw in zip(call.args, arch.syscall_args, state.args, strict=False)
    )
    insns = dbg.disassemble(state.insn, count=1) if state.insn else []
    returned = state.phase == "return"
    number = thread.inferior.arch.syscall_number
    return CallAt(
        phase=state.phase,
        name=call.name,
        number=state.nr,
        # The kernel moves it away from where its result will be.
        number_register=number if returned else arch.syscall_ret,
        result_register=arch.syscall_ret,
        slots=slots,
        line=decoded.line(),
        insn=state.insn,
        raw=insns[0].raw if insns else b"",
        symbol=(dbg.symbolize(state.insn) or "").strip("<>") if state.insn else "",
        text=insns[0].text if insns else "",
        result=decoded.ret_text or "",
        word_size=thread.inferior.arch.pointer_size,
    )


# --- rows ------------------------------------------------------------------------------------

_INFO_HELP = """For each ABI: the number, the instruction, the register of each argument, where
the result comes back and what else is changed.  The arguments are told with what they are, then
the groups of `catch syscall` that hold the call, and what the man page shows of its use in C, if
man pages are installed.  SYSCALL is a name or a number; a group, a class or /REGEX is listed."""

_SYSCALL_HELP = """At the entry of a call (`catch syscall`, `stepsys`): the number, each argument
in its register, decoded, and the bytes of the instruction that entered the kernel.  At the return
also what came back.  Before a `syscall` instruction it shows what is about to be called, and
after an interruption the call that will be made again.
While the kernel has the thread its number is in $orig_rax: $rax is where the result will be."""


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command("info syscall", (), "status", summary="Explain a system call.", help=_INFO_HELP,
                args=(Arg("SYSCALL", kinds.SYSCALL, doc="a name or number"),),
                example="info syscall write", run=info_syscall, extension=True),
        Command("syscall", (), "syscalls", needs="registers", run=syscall, extension=True,
                summary="Show the system call that the thread is at, with its registers.",
                help=_SYSCALL_HELP, example="syscall"),
    )  # fmt: skip
