"""What commands return: frozen records of plain values, which ``pydbg.render`` turns into text.

A record says what is the case and not how it looks, so that a test, the library and JSON can
use it as it is. Addresses are run-time addresses, numbers are the user's numbers.
"""

from __future__ import annotations

from typing import Any

from pydbg.events import Event
from pydbg.records import Record

__all__ = [
    "Asm",
    "AuxEntry",
    "Auxv",
    "Backtrace",
    "Display",
    "Displays",
    "ExtraNote",
    "Files",
    "FoundAddresses",
    "FrameDetails",
    "FrameLine",
    "FrameShown",
    "HexDump",
    "InferiorRow",
    "Inferiors",
    "Instruction",
    "MappingRow",
    "Mappings",
    "Note",
    "PointRow",
    "PointSet",
    "Points",
    "ProcFacts",
    "RegisterRow",
    "Registers",
    "SectionRow",
    "SharedLibraries",
    "SharedLibrary",
    "SignalRow",
    "Signals",
    "Site",
    "SourceLine",
    "Stop",
    "SymbolGroup",
    "Symbols",
    "Telescope",
    "TelescopeRow",
    "ThreadRow",
    "Threads",
]


class FrameLine(Record, often=True):
    """Describe one frame in a line; ``level`` is None where gdb shows none (a stop)."""

    addr: int
    function: str | None
    level: int | None = None
    show_addr: bool = True
    """Whether the address is shown: not at the first instruction of a source line."""
    args: str = ""
    file: str | None = None
    line: int | None = None
    library: str | None = None
    """The shared library's path, where there is no line to name."""
    called: bool = False
    """Whether a function that an expression called returns here."""
    signal_handler: bool = False
    word_size: int = 8


NEWER = "warning: Source file is more recent than executable."


class SourceLine(Record, often=True):
    """Hold a line of source; ``text`` is None where the file cannot be read.

    ``seen`` says that the same file was missing at the last time too, and ``addr`` is set in
    the middle of a line.
    """

    file: str
    line: int
    text: str | None
    seen: bool = False
    addr: int | None = None
    word_size: int = 8
    newer: bool = False
    """Whether it is to be said now that the file is newer than the program."""


class Watched(Record):
    """Describe a watchpoint that was hit; a value's text is None where it cannot be read."""

    event: Event
    old: str | None
    new: str | None


class Stop(Record, often=True):
    """Hold all that is told about the end of a run."""

    event: Event
    thread: int | None = None
    thread_id: str = ""
    """Its number as it is shown: ``2.1`` is thread 1 of process 2."""
    thread_name: str = ""
    many: bool = False
    """Whether the process has, or had, more than one thread."""
    switched: str | None = None
    """The new thread's target id, if another thread was selected before."""
    frame: FrameLine | None = None
    source: SourceLine | None = None
    brief: bool = False
    """Whether a source line is enough (a step within one function)."""
    decoded: str | None = None
    """The system call, as strace shows it."""
    location: int | None = None
    """The breakpoint's location, if it has several."""
    bits: int = 64
    returned: str | None = None
    """A function's value with its number in the history, "" of one that returns nothing."""
    unknown_result: str = ""
    """The value's type, where nothing tells where the value is."""
    goroutine: int = 0
    """The goroutine that the thread runs, where somebody asks for it."""
    watches: tuple[Watched, ...] = ()
    """The watchpoints that were hit, the first one first."""
    values_apart: bool = False
    """Whether a function's value is shown behind displays, not with the stop."""


class Note(Record):
    """Tell one thing in a line of its own."""

    text: str


class ExtraNote(Record):
    """Tell of a thread or process while the program runs; ``target`` is a target id."""

    event: Event
    target: str = ""
    number: int = 0
    """The number of a new process."""


# --- breakpoints ---------------------------------------------------------------------------


class Site(Record):
    """Describe one location of a breakpoint in a table."""

    number: int
    addr: int | None
    enabled: bool = True
    function: str | None = None
    file: str | None = None
    line: int | None = None
    symbolic: str | None = None
    how: str = ""
    """How it is realised, where that is not an int3 ("probe", "debug register")."""
    spec: str = ""
    """What was asked for, where that tells the place: a label."""


class PointSet(Record):
    """Report a breakpoint or catchpoint that was made."""

    kind: str
    """breakpoint, hw breakpoint, catchpoint, dprintf."""
    number: int
    temporary: bool
    spec: str
    sites: tuple[Site, ...] = ()
    pending: bool = False
    what: str = ""
    also: tuple[tuple[int, tuple[tuple[int, bool], ...]], ...] = ()
    """Other breakpoints at its addresses: (addr, ((number, enabled), ...))."""


class PointRow(Record):
    """Describe one breakpoint in the table of ``info breakpoints``."""

    number: int
    kind: str
    disposition: str
    enabled: bool
    sites: tuple[Site, ...]
    what: str
    pending: bool = False
    condition: str | None = None
    thread: int | None = None
    hits: int = 0
    ignore: int = 0
    enable_count: int = 0
    commands: tuple[str, ...] = ()
    placed: bool = False
    """Whether a watchpoint has debug registers now, a catchpoint an address."""
    matching: str | None = None
    """The regular expression that a thrown type must match."""


class Points(Record):
    """Hold the table of breakpoints."""

    rows: tuple[PointRow, ...]
    word_size: int = 8


# --- stack and registers -------------------------------------------------------------------


class Backtrace(Record):
    """Hold the frames of a backtrace; ``more`` says that there are outer ones."""

    frames: tuple[FrameLine, ...]
    more: bool = False
    reason: str = ""
    """Why the walk ended before the outermost frame, "" if it did not."""
    locals: tuple[tuple[str, ...], ...] = ()
    """For ``bt full``: the lines of each frame's local variables."""
    sources: tuple[SourceLine | None, ...] = ()
    """The source line of each frame, where it is wanted."""
    bare: bool = False
    """Whether the source line stands for the frame."""


class FrameShown(Record):
    """Show the frame that was selected; ``heading`` says that a thread was."""

    frame: FrameLine
    source: SourceLine | None = None
    heading: str = ""
    bare: bool = False
    """Whether the source line stands for the frame."""


class FrameDetails(Record):
    """Hold what ``info frame`` tells."""

    level: int
    cfa: int | None
    pc: int
    pc_name: str
    function: str | None
    file: str | None
    line: int | None
    saved_pc: int | None
    caller_cfa: int | None = None
    callee_cfa: int | None = None
    language: str = ""
    arglist: int | None = None
    args: str = ""
    saved: tuple[tuple[str, int], ...] = ()
    how: str = ""
    signal_handler: bool = False
    outermost: str = ""
    relation: str = ""
    """What a frame without a place on the stack is: ``inlined into frame 1``."""
    sp_name: str = ""
    """The register that holds such a frame's stack pointer."""
    previous_sp: int | None = None
    """The stack pointer of the frame around, where that is not the CFA."""
    sp_saved_at: int | None = None
    """Where the frame saved the stack pointer of the one around."""
    titled: bool = True
    """Whether its level is told."""


class RegisterRow(Record):
    """Hold a register as ``info registers`` shows it: raw and natural."""

    name: str
    raw: str
    natural: str = ""


class Registers(Record):
    """Hold registers; ``invalid`` is a name that is none, reported after the others."""

    rows: tuple[RegisterRow, ...]


# --- code and memory -----------------------------------------------------------------------


class Instruction(Record):
    """Hold one line of disassembly; ``symbol`` is what stands in the angle brackets."""

    addr: int
    raw: bytes
    text: str
    symbol: str
    current: bool = False


SourceGroup = tuple[int, str, tuple[tuple[int, str | None], ...]]
"""(index of the instruction behind it, file name or "", ((line, text or None), ...))."""


class Asm(Record):
    """Hold a disassembly; source lines stand before the instruction they made."""

    instructions: tuple[Instruction, ...]
    function: str | None
    """The function's name, or None for a range from ``low`` to ``high``."""
    low: int
    high: int
    show_raw: bool = False
    sources: tuple[SourceGroup, ...] = ()
    word_size: int = 8
    by_source: bool = False
    error: str = ""
    ranges: tuple[tuple[int, int, int], ...] = ()
    """(index of the first instruction, low, high) of each part of a function in several."""


class HexDump(Record):
    """Hold bytes of memory for a dump; ``symbols`` names addresses in it."""

    addr: int
    data: bytes
    width: int = 16
    word_size: int = 8
    error: str = ""


class TelescopeRow(Record):
    """Hold one word of memory and what its chain of pointers leads to.

    ``chain`` holds (value, symbol or mapping) pairs; ``end`` is what the last one shows: a
    string, an instruction, or "".
    """

    addr: int
    chain: tuple[tuple[int, str], ...]
    end: str = ""
    registers: tuple[str, ...] = ()


class Telescope(Record):
    """Hold rows of memory, each with its chain of pointers."""

    rows: tuple[TelescopeRow, ...]
    word_size: int = 8
    error: str = ""


class FoundAddresses(Record):
    """Hold what ``find`` found: (address, symbol) pairs."""

    found: tuple[tuple[int, str], ...]


# --- displays ------------------------------------------------------------------------------


class Display(Record):
    """Hold one auto-display expression; ``format`` is "/x" or ""."""

    number: int
    format: str
    text: str
    enabled: bool = True
    block: object = None
    """What tells the block of its innermost local variable, None without one."""


class Displays(Record):
    """Hold the auto-display expressions."""

    rows: tuple[Display, ...]


# --- status --------------------------------------------------------------------------------


class ThreadRow(Record):
    """Describe one thread of ``info threads``; ``number`` is as it is shown."""

    number: str
    target: str
    name: str
    frame: FrameLine | None
    current: bool
    source: SourceLine | None = None


class Threads(Record):
    """Hold threads; ``asked`` is the list the user gave."""

    rows: tuple[ThreadRow, ...]
    asked: str = ""


class InferiorRow(Record):
    """Describe one process of ``info inferiors``; ``pid`` is 0 where none runs."""

    number: int
    pid: int
    path: str
    current: bool
    link: str = "native"


class Inferiors(Record):
    """Hold the processes."""

    rows: tuple[InferiorRow, ...]


class SignalRow(Record):
    """Describe how a signal is handled."""

    name: str
    stop: bool
    show: bool
    forward: bool
    text: str


class Signals(Record):
    """Hold the signal table, or with ``whole`` unset a few rows of it."""

    rows: tuple[SignalRow, ...]
    whole: bool = False


class SharedLibrary(Record):
    """Describe a shared library: where its .text is, and what symbols it has."""

    low: int
    high: int
    symbols: bool
    debug: bool
    path: str


class SharedLibraries(Record):
    """Hold the shared libraries; ``pattern`` is what the user asked for."""

    rows: tuple[SharedLibrary, ...]
    pattern: str = ""
    word_size: int = 8


class MappingRow(Record):
    """Describe one mapping of the address space."""

    start: int
    end: int
    offset: int
    perms: str
    path: str


class Mappings(Record):
    """Hold the address space."""

    pid: int
    rows: tuple[MappingRow, ...]
    word_size: int = 8


class ProcFacts(Record):
    """Hold facts of /proc: (name, value) pairs, or ``text`` as the kernel gives it."""

    pid: int
    facts: tuple[tuple[str, str], ...] = ()
    text: str = ""
    mappings: Mappings | None = None


class AuxEntry(Record):
    """Hold an entry of the auxiliary vector; ``string`` is what a string entry points at."""

    kind: int
    value: int
    string: str | None = None


class Auxv(Record):
    """Hold the auxiliary vector."""

    rows: tuple[AuxEntry, ...]


class SectionRow(Record):
    """Describe a section in memory; ``library`` is set for those of shared libraries."""

    low: int
    high: int
    name: str
    library: str = ""


class Files(Record):
    """Hold what ``info files`` tells."""

    path: str
    file_type: str
    entry: int
    sections: tuple[SectionRow, ...]
    pid: int | None = None
    target: str = ""
    word_size: int = 8
    core: str = ""
    loads: tuple[SectionRow, ...] = ()
    """What a core dump holds."""


class SymbolGroup(Record):
    """Hold symbols of one file: (line or None, address or None, text)."""

    file: str | None
    rows: tuple[tuple[int | None, int | None, str], ...]


class Symbols(Record):
    """Hold the symbols that ``info functions`` or ``info variables`` found."""

    what: str
    pattern: str
    groups: tuple[SymbolGroup, ...] = ()
    word_size: int = 8
    type_pattern: str = ""
    quiet: bool = False


def fields_of(record: Any) -> dict[str, Any]:
    """Return a record as a dictionary, for JSON.

    >>> fields_of(Note("hello"))
    {'text': 'hello'}
    """
    from pydbg.records import asdict

    shown: dict[str, Any] = asdict(record)
    return shown
