"""Commands that stop at what the program does: system calls, forks, signals, libraries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pydbg.commands import kinds
from pydbg.commands.results import PointSet
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, UsageError
from pydbg.runtimeevents import EVENTS, RuntimeEvent

if TYPE_CHECKING:
    from pydbg.commands.session import Session

__all__ = ["commands", "made_text", "what_text"]


# --- words ---------------------------------------------------------------------------------


def made_text(point: Any) -> str:
    """Return what stands in the brackets when a catchpoint was made."""
    if point.kind == "syscall":
        return _syscalls_made(point) + _phase(point)
    if point.kind == "signal":
        return _signals_made(point)
    return str(point.kind)


def what_text(point: Any, caught: Any = None) -> str:
    """Return the last column of ``info breakpoints`` for a catchpoint.

    ``caught`` is what it caught last: a process or a program.
    """
    if point.kind == "syscall":
        return _syscalls_listed(point) + _phase(point)
    if point.kind == "signal":
        return _signals_listed(point)
    if point.kind in EVENTS:
        return EVENTS[point.kind].listed
    if point.kind in ("load", "unload"):
        matching = f" matching {point.pattern}" if point.pattern else ""
        return f"{point.kind} of library{matching}"
    if caught is not None and point.kind == "exec":
        return f'exec, program "{caught}" '
    if caught is not None and point.kind in ("fork", "vfork", "clone"):
        return f"{point.kind}, process {caught} "
    return str(point.kind)


def _phase(point: Any) -> str:
    return "" if point.phase == "both" else f" {point.phase}"


def _syscalls_made(point: Any) -> str:
    if point.numbers is None:
        return "any syscall"
    if len(point.names) == 1:
        name, number = point.names[0]
        return f"syscall {number}" if not name or name == str(number) else (
            f"syscall '{name}' [{number}]"
        )  # fmt: skip
    words = [
        f"{number}" if not name or name == str(number) else f"'{name}' [{number}]"
        for name, number in point.names
    ]
    return f"syscalls {' '.join(words)}"


def _syscalls_listed(point: Any) -> str:
    # break-catch-syscall.c, print_one: the blank behind the quote is gdb's.
    if point.numbers is None:
        return 'syscall "<any syscall>" '
    names = [name or str(number) for name, number in point.names]
    word = "syscall" if len(names) == 1 else "syscalls"
    return f'{word} "{", ".join(names)}" '


def _signal_names(point: Any) -> list[str]:
    from pydbg.syscalls import signals

    return [signals.signal_name(number) for number in sorted(point.signals or ())]


def _signals_made(point: Any) -> str:
    if point.signals is None:
        return "any signal" if point.all_signals else "standard signals"
    names = _signal_names(point)
    return f"signal{'' if len(names) == 1 else 's'} {' '.join(names)}"


def _signals_listed(point: Any) -> str:
    if point.signals is None:
        return 'signal "<any signal>" ' if point.all_signals else 'signal "<standard signals>" '
    names = _signal_names(point)
    return f'signal{"" if len(names) == 1 else "s"} "{" ".join(names)}" '


# --- handlers ------------------------------------------------------------------------------


def _made(point: Any) -> PointSet:
    return PointSet(
        kind="catchpoint",
        number=point.number,
        temporary=point.temporary,
        spec=" ".join(point.specs),
        what=made_text(point),
    )


def _syscall(temporary: bool) -> Callable[[Session, Parsed], PointSet]:
    def catch(session: Session, parsed: Parsed) -> PointSet:
        specs = list(parsed["SYSCALL"])
        phase = "both"
        # "entry" and "return" are no system calls; they may stand anywhere in the list.
        for word in ("entry", "return"):
            while word in specs:
                specs.remove(word)
                phase = word if phase in ("both", word) else "both"
        point = session.dbg.catch_syscall(
            *specs, phase=phase, condition=parsed["CONDITION"], temporary=temporary
        )
        return _made(point)

    return catch


def _plain(kind: str, temporary: bool) -> Callable[[Session, Parsed], PointSet]:
    def catch(session: Session, parsed: Parsed) -> PointSet:
        point = session.dbg.catch(kind, condition=parsed["CONDITION"], temporary=temporary)
        return _made(point)

    return catch


def _signal(temporary: bool) -> Callable[[Session, Parsed], PointSet]:
    def catch(session: Session, parsed: Parsed) -> PointSet:
        point = session.dbg.catch(
            "signal", *parsed["SIGNAL"], condition=parsed["CONDITION"], temporary=temporary
        )
        return _made(point)

    return catch


def _library(kind: str, temporary: bool) -> Callable[[Session, Parsed], PointSet]:
    def catch(session: Session, parsed: Parsed) -> PointSet:
        pattern = parsed["REGEX"]
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise UsageError(f"Invalid regexp: {error}: {pattern}") from None
        args = () if pattern is None else (pattern,)
        return _made(session.dbg.catch(kind, *args, temporary=temporary))

    return catch


def _raised(row: RuntimeEvent, temporary: bool) -> Callable[[Session, Parsed], PointSet]:
    def catch(session: Session, parsed: Parsed) -> PointSet:
        pattern = parsed["REGEX"] if row.pattern else None
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                why = _REGEX_ERRORS.get(error.msg, error.msg)
                raise CommandError(f"invalid type-matching regexp: {why}") from None
        args = () if pattern is None else (pattern,)
        point = session.dbg.catch(
            row.kind, *args, condition=parsed["CONDITION"], temporary=temporary
        )
        return _made(point)

    return catch


_REGEX_ERRORS = {
    "unterminated character set": "Unmatched [ or [^",
    "missing ), unterminated subpattern": "Unmatched ( or \\(",
    "nothing to repeat": "Invalid preceding regular expression",
}
"""Python's words for what is wrong with a pattern, and regerror's (regex(3))."""


# --- rows ----------------------------------------------------------------------------------


class _UntilIf(kinds.Kind):
    """Take one word of a list that ends before ``if``; another kind completes it."""

    def __init__(self, inner: kinds.Kind, *more: str) -> None:
        super().__init__(inner.name)
        self.inner = inner
        self.more = more

    def take(self, text: str) -> tuple[str | None, str]:
        if re.match(r"if\b", text):
            return None, text
        return super().take(text)

    def complete(self, prefix: str, session: Session) -> Iterable[kinds.Candidate]:
        words = [kinds.Candidate(word) for word in self.more if word.startswith(prefix)]
        return [*words, *self.inner.complete(prefix, session)]


class _Pattern(kinds.Kind):
    """Take a regular expression: the rest of the line, which may not begin with a comma."""

    def take(self, text: str) -> tuple[str | None, str]:
        return (text, "") if text else (None, "")


class _TypePattern(_Pattern):
    """Take a regular expression up to a condition."""

    def take(self, text: str) -> tuple[str | None, str]:
        found = re.search(r"(?:^|\s)if\b", text)
        if found is None:
            return super().take(text)
        return text[: found.start()].rstrip() or None, text[found.start() :].lstrip()


_IF = Arg("CONDITION", kinds.CONDITION, optional=True, doc="stop only if this is not zero")
_KINDS = {
    "fork": "Stop when the program forks.",
    "vfork": "Stop when the program vforks.",
    "clone": "Stop when the program makes a thread or a process by clone.",
    "exec": "Stop when the program runs another program.",
    "exit": "Stop before the program ends, while its memory can still be looked at.",
    "seccomp": "Stop at a system call that seccomp is about to refuse.",
}
_EXTENSIONS = frozenset({"clone", "exit", "seccomp"})

_SYSCALL_HELP = """SYSCALL is a name, a number, `group:NAME` (or `g:NAME`) or one of strace's
classes such as %file; without any, all calls are caught.  Both the entry and the return stop,
unless `entry` or `return` is named.  Below the stop's line the call is shown with its arguments
decoded, as strace shows it.
A condition sees $nr, the arguments by name and as $arg1 to $arg6, and at the return $ret and
$errno.  A program that is started by `run` and not attached to runs at full speed between the
calls that are caught."""


_SECCOMP_HELP = """Under the profile of `set seccomp-profile` that is what the profile refuses; all
other calls run at full speed.  Else it is what the program's own filters refuse: every call stops
for a moment then, and the filters are interpreted, which the kernel shows to a debugger with
CAP_SYS_ADMIN.  The stop is before the call, with its arguments; going on has it refused."""


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (*_family("catch", ("cat",), False), *_family("tcatch", ("tc",), True))


def _family(word: str, aliases: tuple[str, ...], temporary: bool) -> Iterable[Command]:
    once = "  It is deleted at its first stop." if temporary else ""

    def row(
        kind: str, summary: str, run: Callable[..., Any], *args: Arg, more: str, **fields: Any
    ) -> Command:
        return Command(
            f"{word} {kind}", group="breakpoints", summary=summary, run=run, args=args,
            help=more + once, repeat="no", **fields,
        )  # fmt: skip

    yield Command(
        word, aliases, "breakpoints", prefix=True, example=f"{word} syscall write",
        summary="Stop at what the program does." + once,
        help="See the list for what can be caught.",
    )  # fmt: skip
    yield row(
        "syscall", "Stop at system calls.", _syscall(temporary),
        Arg("SYSCALL", _UntilIf(kinds.SYSCALL, "entry", "return"), optional=True, repeat=True,
            doc="what to catch"),
        _IF, more=_SYSCALL_HELP, example=f"{word} syscall write if fd == 1",
    )  # fmt: skip
    for kind, summary in _KINDS.items():
        more = "The stop is told with the new process, program or status."
        yield row(kind, summary, _plain(kind, temporary), _IF, example=f"{word} {kind}",
                  more=_SECCOMP_HELP if kind == "seccomp" else more,
                  extension=kind in _EXTENSIONS)  # fmt: skip
    for event in EVENTS.values():
        regex = Arg("REGEX", _TypePattern("regex"), optional=True, doc="only types that match")
        yield row(
            event.kind, event.summary, _raised(event, temporary),
            *((regex,) if event.pattern else ()), _IF, more=event.help,
            example=f"{word} {event.kind}", extension=event.extension,
        )  # fmt: skip
    yield row(
        "signal", "Stop when a signal is about to be delivered.", _signal(temporary),
        Arg("SIGNAL", _UntilIf(kinds.SIGNAL, "all"), optional=True, repeat=True, doc="which ones"),
        _IF, example=f"{word} signal SIGUSR1",
        more="Without SIGNAL all but those that the debugger uses itself (SIGTRAP, SIGINT); "
        "`all` are those too.",
    )  # fmt: skip
    for kind in ("load", "unload"):
        yield row(
            kind, f"Stop when a shared library is {kind}ed.", _library(kind, temporary),
            Arg("REGEX", _Pattern("regex"), optional=True, doc="only libraries that match"),
            example=f"{word} {kind} libm", more="Their constructors have not run yet."
            if kind == "load" else "Their destructors have run.",
        )  # fmt: skip
