"""The crash report as records: facts only, no words about them."""

from __future__ import annotations

from pydbg.crash.verdict import Verdict
from pydbg.records import Record

__all__ = [
    "CodeRow",
    "CrashReport",
    "FrameRow",
    "MapRow",
    "RegisterRow",
    "SignalRow",
    "ThreadRow",
]


class SignalRow(Record):
    """Hold the signal: what the kernel says of it."""

    number: int
    name: str
    text: str
    code: int
    code_name: str
    addr: int | None = None
    sender: int | None = None
    sender_name: str = ""


class FrameRow(Record):
    """Hold one frame of a stack."""

    level: int
    addr: int
    function: str | None
    offset: int
    file: str | None = None
    line: int | None = None
    module: str | None = None
    signal_handler: bool = False
    in_line: bool = True
    """Whether the address is in the middle of its line (or has none)."""
    arguments: str = ""
    """What stands in the brackets of the function."""
    values: tuple[tuple[str, str], ...] = ()
    """The arguments of a frame near the crash: name and value."""
    locals: tuple[tuple[str, str], ...] = ()
    """Its local variables, those of the innermost block first."""


class ThreadRow(Record):
    """Hold one thread; ``crashed`` marks the one that got the signal.

    If ``goroutine`` is not 0 the stack is that of this goroutine of Go, and ``name`` its state.
    """

    number: int
    tid: int
    name: str
    crashed: bool
    frames: tuple[FrameRow, ...] = ()
    more: bool = False
    problem: str = ""
    goroutine: int = 0


class RegisterRow(Record):
    """Hold a register; ``note`` says what its value points to."""

    name: str
    value: int
    note: str = ""


class CodeRow(Record):
    """Hold an instruction; ``current`` marks the one that failed."""

    addr: int
    symbol: str
    raw: bytes
    text: str
    current: bool = False


class MapRow(Record):
    """Hold a mapping near the address or the pc; ``what`` says which of them is in it."""

    start: int
    end: int
    perms: str
    offset: int
    path: str
    what: str = ""


class CrashReport(Record):
    """Hold everything about the death of a process.

    ``earlier`` is the verdict on a fault that the program handled before it sent itself the
    signal that ended it. ``code_level`` is the frame that ``code`` belongs to: not 0 where
    the pc itself is at no code. ``syscalls`` are the last calls of all threads,
    if ``set syscall-history`` keeps some. ``signal`` is None where a Go program ended itself
    because of a panic: then it exited with ``status``.
    """

    program: str
    args: tuple[str, ...]
    pid: int
    tid: int
    signal: SignalRow | None
    verdict: Verdict
    earlier: Verdict | None = None
    registers: tuple[RegisterRow, ...] = ()
    code: tuple[CodeRow, ...] = ()
    code_level: int = 0
    threads: tuple[ThreadRow, ...] = ()
    maps: tuple[MapRow, ...] = ()
    syscalls: tuple[str, ...] = ()
    word_size: int = 8
    core: bool = False
    status: int | None = None
