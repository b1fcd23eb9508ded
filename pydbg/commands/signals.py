"""Commands about signals: handle, signal, info signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.commands import kinds
from pydbg.commands.results import SignalRow, Signals
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, UsageError
from pydbg.events import Event

if TYPE_CHECKING:
    from pydbg.commands.session import Session

__all__ = ["commands"]

_OURS = {2: "SIGINT", 5: "SIGTRAP"}


def _rows(session: Session) -> tuple[SignalRow, ...]:
    """Return all rows of gdb's table, those of signals that Linux does not have included."""
    from pydbg.syscalls.signals import gdb_signals

    found = []
    for row in gdb_signals():
        if row.number is None:
            found.append(SignalRow(row.name, row.stop, row.print, row.pass_, row.text))
        else:
            found.append(_row_of(session, row.number))
    return tuple(found)


def _row_of(session: Session, signo: int) -> SignalRow:
    from pydbg.syscalls import signals

    handling = session.dbg.signals[signo]
    return SignalRow(
        signals.signal_name(signo),
        handling.stops,
        handling.prints,
        handling.passes,
        signals.signal_text(signo),
    )


def info_signals(session: Session, parsed: Parsed) -> Signals:
    """Show how signals are handled."""
    name = parsed["SIGNAL"]
    if name is None:
        return Signals(_rows(session), whole=True)
    return Signals((_row_of(session, session.dbg.signals.number(name)),))


def handle(session: Session, parsed: Parsed) -> Signals | None:
    """Change how signals are handled."""
    words = list(parsed["WORD"])
    if not words:
        raise UsageError("Argument required (signal to handle).")
    table = session.dbg.signals
    try:
        chosen, actions = table.chosen(words)
    except UsageError:
        bad = next((word for word in words if not _is_word(session, word)), words[0])
        raise UsageError(f'Unrecognized or ambiguous flag word: "{bad}".') from None
    if not chosen:
        raise UsageError("Argument required (signal to handle).")
    kept = []
    for signo in dict.fromkeys(chosen):
        if signo in _OURS and "all" not in words:
            question = f"{_OURS[signo]} is used by the debugger.\n"
            if not session.confirm(question + "Are you sure you want to change it?"):
                continue
        kept.append(signo)
    table.handle(kept, actions)
    if not kept or not session.typed():
        return None
    return Signals(tuple(_row_of(session, signo) for signo in kept))


def _is_word(session: Session, word: str) -> bool:
    try:
        session.dbg.signals.chosen([word])
    except UsageError:
        return False
    return True


def signal(session: Session, parsed: Parsed) -> Event:
    """Go on with a signal, or without the one that stopped the program."""
    from pydbg.commands.running import go
    from pydbg.syscalls import signals

    text = parsed["SIGNAL"]
    # As with "run", 0 is no signal at all.
    signo = 0 if text == "0" else session.dbg.signals.number(text)
    if signo and not signals.signal_name(signo).startswith("SIG"):
        raise CommandError(f"Unknown signal name '{text}'.")
    what = f"signal {signals.signal_name(signo)}" if signo else "no signal"
    session.say_typed(f"Continuing with {what}.")
    return go(session, lambda: session.dbg.signal(signo))


def commands() -> tuple[Command, ...]:
    """Return the rows."""

    def row(name: str, summary: str, run: Any, **fields: Any) -> Command:
        fields.setdefault("group", "running")
        return Command(name, summary=summary, run=run, repeat="no", **fields)

    which = Arg("SIGNAL", kinds.SIGNAL, optional=True, doc="a signal's name, or 1 to 15")
    more = "Stop: the program stops.  Print: it is told.  Pass: the program gets it."
    return (
        row("handle", "Say what is done about a signal.", handle, aliases=("ha",),
            args=(Arg("WORD", kinds.SIGNAL, optional=True, repeat=True,
                      doc="signals, then [no]stop [no]print [no]pass [no]ignore"),),
            help="SIGNAL is a name, a number from 1 to 15, a range of them, or all.  stop "
            "implies print, noprint implies nostop; pass and noignore are the same.",
            example="handle SIGUSR1 nostop noprint pass"),
        row("signal", "Go on with a signal.", signal, needs="process",
            args=(Arg("SIGNAL", kinds.SIGNAL, doc="a signal's name, or 0 for none",
                      missing="Argument required (signal number)."),),
            help="0 lets the program go on without the signal that stopped it.",
            example="signal 0"),
        row("info signals", "Show how signals are handled.", info_signals, aliases=("sig",),
            group="status", args=(which,), help=more, example="info signals SIGSEGV"),
        row("info handle", "Show how signals are handled.", info_signals, group="status",
            args=(which,), help=more, example="info handle SIGINT"),
    )  # fmt: skip
