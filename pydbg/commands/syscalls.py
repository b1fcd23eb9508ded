"""Commands about system calls: info syscall, syscall, trace syscalls, info syscalls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.callrecords import (
    CallAbi,
    CallAt,
    CallFacts,
    CallHistory,
    CallSlot,
    ThreadCalls,
)
from pydbg.commands.results import Note
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, UsageError
from pydbg.events import SyscallCaught

if TYPE_CHECKING:
    from collections.abc import Iterable

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


# --- trace and history -----------------------------------------------------------------------


def trace_syscalls(session: Session, parsed: Parsed) -> Note | None:
    """Show calls while the program runs, or no longer; without a word, tell which."""
    switch, spec = parsed["SWITCH"], parsed["SET"]
    if switch is None:
        return info_trace(session, parsed)
    if switch == "off" and spec is not None:
        raise UsageError("off takes no calls: on SET changes what is shown.")
    session.dbg.calllog.show(None if switch == "off" else spec or "all")
    return None


def info_trace(session: Session, parsed: Parsed) -> Note:
    """Tell which calls are shown, and how many are kept."""
    spec, kept = session.dbg.calllog.spec, session.dbg.settings["syscall-history"]
    shown = {"": "No system calls are shown.", "all": "All system calls are shown."}.get(
        spec, f"System calls are shown: {spec}"
    )
    many = f"The last {kept} of each thread are kept." if kept else "None are kept."
    return Note(f"{shown}\n{many}")


def info_syscalls(session: Session, parsed: Parsed) -> CallHistory:
    """Show the last calls of each thread."""
    text = parsed["COUNT"]
    count = int(text.removeprefix("-")) if text and text.removeprefix("-").isdecimal() else 0
    if text is not None and not count:
        raise UsageError(f"A number of calls is expected, not {text}.")
    found = []
    for one in session.dbg.calllog.histories():
        lines = [line for _, line in one.calls]
        if one.inside:
            lines.append(f"{one.inside} <unfinished ...>")
        if lines:
            shown = tuple(lines[-count:])
            found.append(ThreadCalls(one.number, f"LWP {one.tid}", shown, one.ended))
    if not found:
        if not session.dbg.settings["syscall-history"]:
            raise CommandError("No system calls are kept.  set syscall-history N keeps the last N.")
        raise CommandError("No system calls were made since they are kept.")
    return CallHistory(tuple(found))


# --- rows ------------------------------------------------------------------------------------


class _Calls(kinds.Kind):
    """Take a set of calls; the last name of the list is completed."""

    def span(self, text: str) -> int:
        return max(super().span(text), *(text.rfind(mark) + 1 for mark in ",!"))

    def complete(self, prefix: str, session: Session) -> Iterable[kinds.Candidate]:
        return kinds.SYSCALL.complete(prefix, session)


_INFO_HELP = """For each ABI: the number, the instruction, the register of each argument, where
the result comes back and what else is changed.  The arguments are told with what they are, then
the groups of `catch syscall` that hold the call, and what the man page shows of its use in C, if
man pages are installed.  SYSCALL is a name or a number; a group, a class or /REGEX is listed."""

_SYSCALL_HELP = """At the entry of a call (`catch syscall`, `stepsys`): the number, each argument
in its register, decoded, and the bytes of the instruction that entered the kernel.  At the return
also what came back.  Before a `syscall` instruction it shows what is about to be called, and
after an interruption the call that will be made again.
While the kernel has the thread its number is in $orig_rax: $rax is where the result will be."""

_TRACE_HELP = """While the program runs each call is shown in a line, as `pydbg trace` and strace
show it, when it comes back; so are signals and ends.  A call that has not come back when the
program stops, or when another thread has something to tell, is <unfinished ...> and resumed later.
With several threads or processes each line begins with its [pid N].  SET chooses calls as
`pydbg trace -e trace=` does: names, numbers, %classes, /regexes with commas between, all but
those after a !.  It stays on from run to run, until off; the call that started the program is over
before the debugger sees it.  A SET that names calls is found by the filter that `catch syscall`
uses, so that others run at full speed.  Processes that the debugger does not keep
(`set detach-on-fork off`) are not shown."""

_HISTORY_HELP = """With `set syscall-history N` the last N calls of each thread are kept, also
those of threads that have ended, and a crash report ends with them.  Every call stops the program
for a moment then; with 0, as it is at first, nothing is done.  The call that a thread is in now
is the last one, <unfinished ...>.  COUNT, or -COUNT, shows only so many."""


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command("info syscall", (), "status", summary="Explain a system call.", help=_INFO_HELP,
                args=(Arg("SYSCALL", kinds.SYSCALL, doc="a name or number"),),
                example="info syscall write", run=info_syscall, extension=True),
        Command("syscall", (), "syscalls", needs="registers", run=syscall, extension=True,
                summary="Show the system call that the thread is at, with its registers.",
                help=_SYSCALL_HELP, example="syscall"),
        Command("trace", (), "syscalls", prefix=True, extension=True,
                summary="Show what the program does while it runs.",
                help="See the list for what can be shown.", example="trace syscalls on"),
        Command("trace syscalls", (), "syscalls", run=trace_syscalls, extension=True, repeat="no",
                summary="Show system calls while the program runs.", help=_TRACE_HELP,
                args=(Arg("SWITCH", kinds.choice("on", "off"), optional=True),
                      Arg("SET", _Calls("calls"), optional=True, doc="the calls")),
                example="trace syscalls on %file,write"),
        Command("info trace", (), "status", run=info_trace, extension=True,
                summary="Tell which system calls are shown and kept.",
                help="As trace syscalls and set syscall-history say.", example="info trace"),
        Command("info syscalls", (), "status", run=info_syscalls, extension=True,
                summary="Show the last system calls of each thread.", help=_HISTORY_HELP,
                args=(Arg("COUNT", kinds.WORD, optional=True, doc="how many, from the end"),),
                example="info syscalls -10"),
    )  # fmt: skip
