"""Text that is the same in every run: for golden files, transcripts and ``--normalise``.

Process numbers, addresses and temporary paths differ from run to run and from machine to
machine; what they mean does not. A number becomes ``PID1`` (in the order of appearance), an
address in a symbol ``<main+4>``, one in a stack ``<stack>``, another ``ADDR``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from pydbg.errors import DebuggerError

if TYPE_CHECKING:
    from pydbg.debugger import Debugger

__all__ = ["Normaliser", "NormalisingWriter", "normaliser_for"]

Resolve = Callable[[int], "str | None"]

_ADDRESS = re.compile(r"\b0x([0-9a-f]{5,16})\b(?: (<[^<>\n]*>))?")
_DECIMAL = re.compile(r"(?<![\w.$#])-?\d{9,20}\b")
_PROCESS = re.compile(
    r"((?:\b(?:[Pp]rocess|LWP|lwp|pid|PID|Process ID|process group)[ =]|/proc/))(\d+)\b"
)
_TERMINAL = re.compile(r"/dev/(?:pts/\d+|tty\d*)\b")
_INODE = re.compile(r"\b(pipe|socket|anon_inode):\[\d+\]")
_RANDOM = re.compile(r"(?:\btmp[a-z0-9_]{8}|\bpytest-\d+|(?<=[.-])[A-Za-z0-9]{6})(?=/|\b)")
"""Names that Python's tempfile, pytest and mkstemp(3) make."""
_SMALLEST_ID = 1000
"""Below, a number by itself is more likely a count than a known process."""


class Normaliser:
    """Make text comparable; it remembers which process was which.

    ``resolve`` names the place of an address ("main+4", "stack"), None where it is no address.
    ``ids`` gives the processes and threads that are known, ``paths`` what replaces which
    directory.

    >>> same = Normaliser()
    >>> same("[Inferior 1 (process 4242) killed]; rip 0x555555555151 <main+8>")
    '[Inferior 1 (process PID1) killed]; rip <main+8>'
    >>> same("Thread 0x7ffff7d8d740 (LWP 4243), process 4242, $1 = 0x2a, sp 0x7fffffffe0a0")
    'Thread ADDR (LWP PID2), process PID1, $1 = 0x2a, sp <stack>'
    """

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        ids: Callable[[], set[int]] | None = None,
        paths: dict[str, str] | None = None,
    ) -> None:
        self._resolve = resolve
        self._ids = ids
        found = _usual_paths() if paths is None else paths
        self._paths = sorted(found.items(), key=lambda pair: -len(pair[0]))
        self._numbers: dict[int, str] = {}

    def __call__(self, text: str) -> str:
        """Return ``text`` with all that differs between runs replaced."""
        text = self._without_paths(text)
        text = _PROCESS.sub(lambda found: found[1] + self._number(int(found[2])), text)
        text = _ADDRESS.sub(self._address, text)
        text = _DECIMAL.sub(self._decimal, text)
        text = _TERMINAL.sub("/dev/TTY", text)
        text = _INODE.sub(r"\1:[N]", text)
        for number in sorted(self._known(), reverse=True):
            if number >= _SMALLEST_ID and str(number) in text:
                name = self._number(number)
                text = re.sub(rf"(?<![\w.]){number}(?![\w.]*\w)", name, text)
        return text

    def _known(self) -> set[int]:
        known = set(self._numbers)
        return known | self._ids() if self._ids is not None else known

    def _number(self, number: int) -> str:
        return self._numbers.setdefault(number, f"PID{len(self._numbers) + 1}")

    def _address(self, found: re.Match[str]) -> str:
        if found[2] is not None:
            return found[2]
        return self._named(int(found[1], 16)) or found[0]

    def _decimal(self, found: re.Match[str]) -> str:
        value = int(found[0])
        return (self._named(value) if value > 0 else None) or found[0]

    def _named(self, addr: int) -> str | None:
        name = self._resolve(addr) if self._resolve is not None else None
        return f"<{name}>" if name is not None else _guess(addr)

    def _without_paths(self, text: str) -> str:
        for path, short in self._paths:
            if path in text:
                pattern = rf"(?<![\w.~$/-]){re.escape(path)}(?![\w.-])(\S*)"
                text = re.sub(pattern, partial(_shortened, short), text)
        return text


def _shortened(short: str, found: re.Match[str]) -> str:
    """Put a short name before the rest of a path; random parts below temporary ones go."""
    return short + (_RANDOM.sub("XXX", found[1]) if short == "$TMP" else found[1])


def _usual_paths() -> dict[str, str]:
    import tempfile

    found = {tempfile.gettempdir(): "$TMP"}
    home = os.path.expanduser("~")
    if len(home) > 1:
        found[home] = "~"
    try:
        found[os.getcwd()] = "."
    except OSError:
        pass  # The directory is gone.
    return found


def _guess(addr: int) -> str | None:
    """Name an address by where Linux puts things on x86 (Documentation/arch/x86/x86_64/mm.rst).

    >>> _guess(0x7FFFFFFFE0A0), _guess(0x7FFFF7DD0000), _guess(0x555555555151), _guess(0x401136)
    ('<stack>', 'ADDR', 'ADDR', None)
    """
    if 0x7FFC_0000_0000 <= addr < 0x8000_0000_0000 and addr >> 32 != 0x7FFF:
        return "<stack>"
    if addr >> 32 == 0x7FFF:
        # Without randomisation the libraries end at 0x7ffff7fff000, the stack at 2 ** 47.
        return "<stack>" if addr >= 0x7FFF_F800_0000 else "ADDR"
    if 0x7E00_0000_0000 <= addr < 0x7FFC_0000_0000 or 0x5500_0000_0000 <= addr < 0x5700_0000_0000:
        return "ADDR"
    return None


def normaliser_for(dbg: Debugger) -> Normaliser:
    """Return a normaliser that asks a debugger what its program's addresses are."""
    return Normaliser(resolve=_Places(dbg), ids=lambda: _ids(dbg))


def _ids(dbg: Debugger) -> set[int]:
    return {tid for inferior in dbg.inferiors for tid in (inferior.pid, *inferior.threads)}


class _Places:
    """Name the places of a program's addresses."""

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg

    def __call__(self, addr: int) -> str | None:
        dbg = self._dbg
        try:
            symbol = dbg.symbolize(addr)
            if symbol is not None:
                return symbol.strip("<>")
            module = dbg.modules.at(addr)
            if module is not None:
                name = os.path.basename(module.path)
                return f"{name}+{module.link_addr(addr):#x}"
            return self._mapping(addr)
        except DebuggerError:
            return None

    def _mapping(self, addr: int) -> str | None:
        inferior = self._dbg.inferior
        if inferior is None:
            return None
        for one in inferior.maps():
            if one.start <= addr <= one.end:
                if one.path.startswith("["):
                    return one.path.strip("[]").partition(":")[0]
                return os.path.basename(one.path) or "mapping"
        return None


class Writer(Protocol):
    """Be what text is written to."""

    def write(self, text: str, /) -> Any:
        """Take a piece of text."""

    def flush(self) -> Any:
        """Pass on what was taken."""


class NormalisingWriter:
    """Pass text on to a writer, line by line, with what differs between runs replaced.

    >>> import io
    >>> out = NormalisingWriter(io.StringIO(), Normaliser())
    >>> _ = out.write("process "), out.write("77\\nrest"), out.flush()
    >>> out.target.getvalue()
    'process PID1\\nrest'
    """

    def __init__(self, target: Writer, normaliser: Normaliser) -> None:
        self.target = target
        self._normaliser = normaliser
        self._rest = ""

    def write(self, text: str, /) -> int:
        """Take text; whole lines are passed on at once."""
        lines, newline, self._rest = (self._rest + text).rpartition("\n")
        if newline:
            self.target.write(self._normaliser(lines) + "\n")
        return len(text)

    def flush(self) -> None:
        """Pass on the beginning of a line too."""
        if self._rest:
            self.target.write(self._normaliser(self._rest))
            self._rest = ""
        self.target.flush()
