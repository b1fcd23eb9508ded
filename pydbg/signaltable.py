"""What is done with each signal: stop, print, pass (``handle`` and ``info signals``)."""

from __future__ import annotations

from functools import cached_property

from pydbg.errors import UsageError
from pydbg.records import Record, replace
from pydbg.syscalls.signals import gdb_signals, signal_name, signal_number, signal_text


class Handling(Record):
    """Hold what is done with one signal."""

    number: int
    stops: bool
    prints: bool
    passes: bool

    @property
    def name(self) -> str:
        """Return gdb's name of the signal."""
        return signal_name(self.number)

    @property
    def text(self) -> str:
        """Return gdb's words for the signal."""
        return signal_text(self.number)


_ACTIONS = {
    "stop": {"stops": True, "prints": True},
    "nostop": {"stops": False},
    "print": {"prints": True},
    "noprint": {"prints": False, "stops": False},
    "pass": {"passes": True},
    "nopass": {"passes": False},
    "noignore": {"passes": True},
    "ignore": {"passes": False},
}
# The C library's own (cancelling a thread, set*id in all of them): gdb leaves them alone once
# it has seen a program that uses them.
_LIBRARY = (32, 33)
_SIGSTOP = 19
_OURS = (2, 5)  # SIGINT and SIGTRAP are the debugger's: "all" leaves them alone.


class SignalTable:
    """Keep the handling of every signal, with gdb's defaults.

    >>> table = SignalTable()
    >>> table[11].stops, table[17].stops, table[2].passes
    (True, False, False)
    """

    def __init__(self) -> None:
        self._rows = {
            row.number: Handling(row.number, row.stop, row.print, row.pass_)
            for row in gdb_signals()
            if row.number is not None
        }
        for number in _LIBRARY:
            self._rows[number] = Handling(number, False, False, True)

    @cached_property
    def unheard(self) -> frozenset[int]:
        """Give the signals that are passed on and not told; those of the debugger are not among.

        >>> 17 in SignalTable().unheard, 10 in SignalTable().unheard
        (True, False)
        """
        quiet = (r.number for r in self._rows.values() if r.passes and not (r.stops or r.prints))
        return frozenset(quiet) - {*_OURS, _SIGSTOP}

    def __getitem__(self, signo: int) -> Handling:
        return self._rows.get(signo) or Handling(signo, True, True, True)

    def rows(self) -> list[Handling]:
        """List the handling of all signals in gdb's order."""
        return list(self._rows.values())

    def number(self, name: str) -> int:
        """Return a signal's number from a name or, for 1 to 15, a number as gdb allows it.

        Raises UsageError for anything else.
        """
        text = name.strip()
        if text.isdecimal():
            if 1 <= int(text) <= 15:
                return int(text)
            raise UsageError(
                "Only signals 1-15 are valid as numeric signals.\n"
                'Use "info signals" for a list of symbolic signals.'
            )
        number = signal_number(text) if text else None
        if number is None or not text.upper().startswith("SIG"):
            raise UsageError(f"Unknown signal name '{text}'.")
        return number

    def chosen(self, words: list[str]) -> tuple[list[int], list[str]]:
        """Split the words of ``handle`` into signals and actions."""
        signals: list[int] = []
        actions: list[str] = []
        for word in words:
            if word.lower() in _ACTIONS:
                actions.append(word.lower())
            elif word.lower() == "all":
                signals += [n for n in self._rows if n not in _OURS]
            elif "-" in word and word.replace("-", "").isdecimal():
                low, _, high = word.partition("-")
                signals += range(self.number(low), self.number(high) + 1)
            else:
                signals.append(self.number(word))
        return signals, actions

    def handle(self, signals: list[int], actions: list[str]) -> list[Handling]:
        """Change the handling of signals; returns their new rows."""
        changed = []
        for signo in signals:
            row = self[signo]
            for action in actions:
                row = replace(row, **_ACTIONS[action])
            self._rows[signo] = row
            self.__dict__.pop("unheard", None)
            changed.append(row)
        return changed
