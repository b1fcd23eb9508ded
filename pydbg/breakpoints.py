"""What a user asks to stop at: breakpoints with their locations, and catchpoints.

A breakpoint is a request; each of its locations is a place in a module, and has an address
while that module is loaded. Locations own sites; they know nothing of int3s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydbg.records import Record, field
from pydbg.runtimeevents import EVENTS

if TYPE_CHECKING:
    from pydbg.expr.nodes import Node
    from pydbg.locspec import Spec

CATCH_KINDS = (
    *EVENTS,
    "syscall",
    "fork",
    "vfork",
    "clone",
    "exec",
    "exit",
    "signal",
    "load",
    "unload",
    "seccomp",
)

Callback = Callable[[Any], Any]


def _nobody() -> Callable[[], None]:
    return lambda: None


class Location(Record, frozen=False, eq=False):
    """Be one place of a breakpoint or catchpoint; the owner of its site.

    ``addr`` is the run-time address, None while the module is not loaded. ``module_path`` is
    None for an absolute address.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     location = dbg.break_at("_start").locations[0]
    ...     location.function, location.addr == dbg.regs.rip
    ('_start', True)
    """

    number: int
    breakpoint: Breakpoint | Catchpoint
    module_path: str | None
    link_addr: int
    addr: int | None = None
    shown: int | None = None
    """The address to show where ``addr`` is none: before the program runs and after its end."""
    is_on: bool = True
    symbolic: str = ""
    """``main+4`` as it is shown in angle brackets."""
    function: str | None = None
    file: str | None = None
    line: int | None = None
    planted: bool = False
    inlined: int | None = None
    """The entry in .debug_info of the inlined call that it is meant for."""
    order: int = 0
    """Where it came among the places that were found; they are numbered by address."""
    label: str | None = None
    """The label of goto that it is, if it is one."""
    is_resolver: bool = False
    """Whether it stands for an ifunc that the program has not resolved yet."""

    internal = False

    @property
    def enabled(self) -> bool:
        """Tell whether the program stops here; it can be set.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     point = dbg.break_at("main")
        ...     point.locations[0].enabled = False
        ...     type(dbg.cont()).__name__
        'Exited'
        """
        return self.is_on

    @enabled.setter
    def enabled(self, on: bool) -> None:
        self.is_on = on
        self.breakpoint.on_change()


class Point(Record, frozen=False, eq=False, kw_only=True):
    """Hold what breakpoints, catchpoints and watchpoints have in common.

    ``number`` is its number, ``callback`` what is called at a hit, ``ignore_count`` how many
    hits are still passed, ``thread`` the number of the only thread it is for, ``commands`` what
    a front end runs at a stop. All but the number can be set.
    """

    number: int
    is_on: bool = True
    temporary: bool = False
    text: str | None = None
    """The condition as it was written."""
    language: str = ""
    """gdb's name of the language that conditions are written in: that of the code."""
    tree: Node | None = None
    compiled: dict[tuple[int, int, str], Callable[..., bool] | None] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The condition as functions, by process, pc and language; None where it is evaluated.

    Forgotten when the condition is changed and when modules come or go."""
    ignore_count: int = 0
    hits: int = 0
    commands: list[str] = field(default_factory=list)
    callback: Callback | None = None
    thread: int | None = None
    disable_after: int | None = None
    """Stops left until it disables itself (``enable once``, ``enable count N``)."""
    delete_after: bool = False
    deleted: bool = False
    on_change: Callable[[], None] = field(default_factory=_nobody, compare=False, repr=False)
    """Called when it is enabled or disabled: its sites follow."""

    @property
    def enabled(self) -> bool:
        """Tell whether it stops the program; it can be set.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     point = dbg.break_at("main", pending=True)
        ...     point.enabled = False
        ...     type(dbg.cont()).__name__, point.hit_count
        ('Exited', 0)
        """
        return self.is_on

    @enabled.setter
    def enabled(self, on: bool) -> None:
        self.is_on = on
        self.on_change()

    @property
    def condition(self) -> str | None:
        """Return the condition, None without one; setting a wrong one raises ExprError.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     point = dbg.break_at("main", pending=True)
        ...     point.condition = "$rdi > 1"
        ...     type(dbg.cont()).__name__, point.hit_count
        ('Exited', 0)
        """
        return self.text

    @condition.setter
    def condition(self, text: str | None) -> None:
        text = text.strip() if text else None
        if not text:
            self.set_condition(None, None)
            return
        from pydbg.expr.language import language_named

        self.set_condition(text, language_named(self.language).parse(text))

    def set_condition(self, text: str | None, tree: Node | None) -> None:
        """Set or remove a condition that is parsed already, with the types of the program.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     point = dbg.break_at("main", pending=True)
        ...     point.set_condition(None, None)
        ...     point.condition is None
        True
        """
        self.text, self.tree = text or None, tree
        self.compiled.clear()

    @property
    def hit_count(self) -> int:
        """Return how often it was hit: ignored hits count, those with a false condition do not.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     point = dbg.break_at("main", ignore=1)
        ...     event = dbg.cont()
        ...     point.hit_count
        1
        """
        return self.hits

    @property
    def disposition(self) -> str:
        """Return gdb's word for what becomes of it after a stop: keep, del or dis.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.break_at("main", temporary=True).disposition
        'del'
        """
        if self.temporary or self.delete_after:
            return "del"
        return "dis" if self.disable_after is not None else "keep"

    @property
    def silent(self) -> bool:
        """Tell whether its commands begin with ``silent``: then the stop prints nothing.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     point = dbg.break_at("main")
        ...     point.commands = ["silent", "print $rdi"]
        ...     point.silent
        True
        """
        return bool(self.commands) and self.commands[0].strip() == "silent"


class Breakpoint(Point, frozen=False, eq=False, kw_only=True):
    """Be a breakpoint; ``spec`` is its location as the user wrote it.

    >>> Breakpoint(number=1, spec="main").pending
    True
    """

    spec: str
    parsed: Spec | None = None
    hardware: bool = False
    printed: str | None = None
    """What a ``dprintf`` prints: its format string and arguments."""
    locations: list[Location] = field(default_factory=list)

    @property
    def pending(self) -> bool:
        """Tell whether it has no location yet.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.break_at("nosuch", pending=True).pending
        True
        """
        return not self.locations

    @property
    def kind_text(self) -> str:
        """Return the type column of ``info breakpoints``.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.break_at("_start", hardware=True).kind_text
        'hw breakpoint'
        """
        if self.printed is not None:
            return "dprintf"
        return "hw breakpoint" if self.hardware else "breakpoint"


class Catchpoint(Point, frozen=False, eq=False, kw_only=True):
    """Be a catchpoint of one of ``CATCH_KINDS``.

    For system calls ``numbers`` maps an ABI to what is caught, or is None for all of them;
    ``phase`` is "both", "entry" or "return". For signals ``signals`` is the set, or None for
    all. For load and unload, and for exceptions, ``pattern`` is a regular expression or None.
    Events of a runtime (``pydbg.runtimeevents``) have ``locations``, as a breakpoint has.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     catch = dbg.catch_syscall("write", "openat", phase="return")
    ...     catch.kind, catch.phase, catch.names
    ('syscall', 'return', (('write', 1), ('openat', 257)))
    """

    kind: str
    specs: tuple[str, ...] = ()
    numbers: dict[str, frozenset[int]] | None = None
    names: tuple[tuple[str, int], ...] = ()
    """The caught calls as (name, number) in the order of the request, for messages."""
    phase: str = "both"
    signals: frozenset[int] | None = None
    all_signals: bool = False
    pattern: str | None = None
    on_entry: Callback | None = None
    on_return: Callback | None = None
    locations: list[Location] = field(default_factory=list)

    hardware = False

    @property
    def kind_text(self) -> str:
        """Return the type column of ``info breakpoints``.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.catch("fork").kind_text
        'catchpoint'
        """
        return "catchpoint"

    def catches_syscall(self, abi: str, nr: int) -> bool:
        """Tell whether a call's number is one of its own.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     catch = dbg.catch_syscall("write")
        ...     catch.catches_syscall("x86_64", 1), catch.catches_syscall("x86_64", 0)
        (True, False)
        """
        return self.numbers is None or nr in self.numbers.get(abi, ())
