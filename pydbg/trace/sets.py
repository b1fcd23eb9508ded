"""What ``-e trace=``, ``-e signal=``, ``-e status=`` and ``-e quiet=`` choose from.

A set is written as strace(1) has it: ``[!]value[,value]...``; ``all`` and ``none`` stand for
themselves. System calls are named, numbered, ``%class``, ``/regex``; ``?`` before a value
forgives one that does not exist, ``@64``, ``@32`` and ``@x32`` after it choose an ABI.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydbg.errors import UsageError
from pydbg.syscalls.table import table_for

__all__ = ["ABIS", "ALL", "QUIET", "STATUSES", "Chosen", "resolve", "signal_set", "word_set"]

ABIS = ("x86_64", "i386", "x32")
_ABI_MARKS = {"64": ("x86_64",), "32": ("i386",), "x32": ("x32",)}
# strace 6.1 still takes these classes without their percent sign.
_BARE_CLASSES = frozenset(("desc", "file", "ipc", "memory", "network", "process", "signal"))

STATUSES = ("successful", "failed", "unfinished", "unavailable", "detached")
QUIET = ("attach", "exit", "path-resolution", "personality", "thread-execve")
_QUIET_ALIASES = {"attaching": "attach", "exits": "exit", "path-resolve": "path-resolution"}


def _words(text: str) -> tuple[bool, list[str]]:
    """Return (whether the set is the complement, the values)."""
    inverted = text.startswith("!")
    words = [word for word in text[inverted:].split(",") if word]
    if not words:
        raise UsageError(f"the set '{text}' is empty")
    return inverted, words


class Chosen:
    """Tell whether a system call is in a set: ``chosen.has(abi, number)``.

    >>> chosen = resolve("!%file,read")
    >>> chosen.has("x86_64", 1), chosen.has("x86_64", 0), chosen.has("x86_64", 2)
    (True, False, False)
    """

    def __init__(self, numbers: dict[str, frozenset[int]], inverted: bool) -> None:
        self.numbers = numbers
        self.inverted = inverted

    def has(self, abi: str, number: int) -> bool:
        """Tell whether the call is in the set; numbers that no table has are, in a complement."""
        return (number in self.numbers.get(abi, frozenset())) != self.inverted

    @property
    def everything(self) -> bool:
        """Tell whether all calls are in the set."""
        return self.inverted and not any(self.numbers.values())

    def filter_numbers(self) -> dict[str, frozenset[int]] | None:
        """Return the numbers by ABI for a filter in the kernel; None where that is no use.

        >>> sorted(resolve("write@64").filter_numbers().items())
        [('x86_64', frozenset({1}))]
        """
        if self.inverted:
            return None
        return {abi: numbers for abi, numbers in self.numbers.items() if numbers}


ALL = Chosen({}, inverted=True)
"""All calls."""


def resolve(text: str) -> Chosen:
    """Return the set that a text describes; UsageError names what is unknown and what is near.

    >>> resolve("all").everything, resolve("none").numbers
    (True, {})
    >>> resolve("wirte")
    Traceback (most recent call last):
    pydbg.errors.UsageError: Unknown syscall name 'wirte'.  Did you mean 'write' or 'writev'?
    """
    inverted, words = _words(text)
    numbers: dict[str, frozenset[int]] = {}
    for word in words:
        if word == "all":
            return Chosen({}, not inverted)
        if word != "none":
            for abi, found in _one(word).items():
                numbers[abi] = numbers.get(abi, frozenset()) | found
    return Chosen(numbers, inverted)


def _one(word: str) -> dict[str, frozenset[int]]:
    forgiving = word.startswith("?")
    value = word.removeprefix("?")
    name, at, mark = value.rpartition("@")
    abis: Sequence[str] = ABIS
    if at and name:
        if mark not in _ABI_MARKS:
            raise UsageError(f"invalid system call '{word}': no personality '{mark}'")
        value, abis = name, _ABI_MARKS[mark]
    if value in _BARE_CLASSES:
        value = f"%{value}"
    found: dict[str, frozenset[int]] = {}
    errors = []
    for abi in abis:
        try:
            found[abi] = table_for(abi).resolve(value)
        except UsageError as error:
            errors.append(error)
    if not found and not forgiving:
        raise errors[0]
    return found


def signal_set(text: str) -> frozenset[int]:
    """Return the signals that a set names, with or without SIG.

    >>> sorted(signal_set("int,SIGHUP")), 2 in signal_set("!int"), signal_set("none")
    ([1, 2], False, frozenset())
    """
    from pydbg.syscalls.signals import signal_number

    every = frozenset(range(1, 65))
    inverted, words = _words(text)
    found: set[int] = set()
    for word in words:
        if word == "all":
            found |= every
        elif word != "none":
            number = signal_number(word.upper())
            if number is None:
                raise UsageError(f"invalid signal '{word}'")
            found.add(number)
    return every - found if inverted else frozenset(found)


def word_set(text: str, known: Sequence[str], what: str) -> frozenset[str]:
    """Return the words of a set of ``known`` ones.

    >>> sorted(word_set("!failed", STATUSES, "status"))
    ['detached', 'successful', 'unavailable', 'unfinished']
    """
    inverted, words = _words(text)
    found: set[str] = set()
    for word in words:
        word = _QUIET_ALIASES.get(word, word)
        if word == "all":
            found |= set(known)
        elif word in known:
            found.add(word)
        elif word != "none":
            raise UsageError(f"invalid {what} '{word}'; there are {', '.join(known)}")
    return frozenset(known) - found if inverted else frozenset(found)
