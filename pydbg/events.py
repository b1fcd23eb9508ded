"""What happens, in the user's words; the kernel's are `rawstops`.

An ``Event`` is why the user gets the prompt back, or what a listener is told on the way. It is
frozen: whoever holds one may keep it. Every front end (text, JSON, the library) works from these
objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pydbg.errors import CommandError
from pydbg.records import Record, field, replace


def _nothing() -> None:
    return None


# --- Event: what a user is told ------------------------------------------------------------


class Event(Record):
    """Be the common part: the process and the thread it happened in.

    >>> event = Exited(7, 7, 3)
    >>> event.pid, event.code, event == Exited(7, 7, 3)
    (7, 3, True)
    """

    pid: int
    tid: int


class BreakpointHit(Event, often=True):
    """Report a stop at a breakpoint.

    ``numbers`` are the breakpoints that stopped here, first the lowest; ``locations`` the
    location number of each (1 for the only one); ``temporary`` says whether the first is a
    tbreak, which is gone by now.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     point = dbg.break_at("main")
    ...     match dbg.cont():
    ...         case pydbg.BreakpointHit(addr=addr, numbers=(first, *_)):
    ...             first == point.number, addr == dbg.regs.rip
    (True, True)
    """

    addr: int
    numbers: tuple[int, ...]
    locations: tuple[int, ...] = ()
    temporary: bool = False
    error: str | None = None
    """The text of a condition that could not be evaluated, which stops too."""
    several: bool = False
    """Whether the first has several locations."""


class DecodedArgument(Protocol):
    """Be one argument of a decoded call."""

    @property
    def name(self) -> str:
        """Return the argument's name as the manual page has it."""
        ...

    @property
    def raw(self) -> int:
        """Return the register."""
        ...

    @property
    def text(self) -> str:
        """Return what strace shows for it."""
        ...


class DecodedCall(Protocol):
    """Be a decoded call: ``SyscallCaught.decoded``."""

    @property
    def name(self) -> str:
        """Return the call's name."""
        ...

    @property
    def args(self) -> Sequence[DecodedArgument]:
        """Return the arguments that are shown, in strace's order."""
        ...

    @property
    def ret_text(self) -> str | None:
        """Return the result in words, None at the entry."""
        ...

    def line(self, column: int = 0, names: bool = False) -> str:
        """Return the call in a line, as strace shows it."""
        ...


class SyscallCaught(Event):
    """Report a stop at a caught system call.

    ``phase`` is "entry" or "return". ``abi`` names the table ("x86_64", "i386"). ``ret`` is
    the raw result, signed, at the return; None at entry.

    >>> import pydbg
    >>> with pydbg.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:
    ...     catch = dbg.catch_syscall("write")
    ...     event = dbg.cont()
    ...     event.phase, event.name, event.args[2], event.decoded.line()
    ('entry', 'write', 3, 'write(1</dev/null>, "hi\\\\n", 3)')
    """

    number: int
    """The catchpoint's number (the first one that caught it)."""
    temporary: bool
    phase: str
    abi: str
    nr: int
    name: str
    args: tuple[int, ...]
    ret: int | None = None
    error: str | None = None

    @property
    def decoded(self) -> DecodedCall:
        """Return the call in words; it is worked out when it is first asked for.

        Raises CommandError when that is only after the thread has run on, or if the event was
        not made by a debugger.

        >>> import pydbg
        >>> with pydbg.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:
        ...     catch = dbg.catch_syscall("write", phase="return")
        ...     call = dbg.cont().decoded
        ...     {arg.name: arg.text for arg in call.args}, call.ret_text
        ({'fd': '1</dev/null>', 'buf': '"hi\\\\n"', 'count': '3'}, '3')
        """
        decoder = self.__dict__.get("_decoder")
        if decoder is None:
            raise CommandError("The call is not decoded: no program stands behind the event.")
        decoded: DecodedCall = decoder(self)
        return decoded

    def decoded_by(self, decoder: Callable[[SyscallCaught], DecodedCall]) -> SyscallCaught:
        """Have the call decoded by ``decoder(event)``; returns the event itself."""
        self.__dict__["_decoder"] = decoder
        return self


class WatchpointTriggered(Event):
    """Report a stop at a watchpoint, right after the instruction that touched the memory.

    ``kind`` is "write", "read" or "access"; ``addr`` and ``size`` say what is watched; ``old``
    and ``new`` are its content as a number (None where it cannot be read), the same at a read;
    ``pc`` is the next instruction. ``old_value`` and ``new_value`` are the values with their
    type, where it is known; ``also`` are the other points that the same instruction hit.

    >>> WatchpointTriggered(1, 1, 2, False, "write", 0x4000, 4, 0, 7).new
    7
    """

    number: int
    temporary: bool
    kind: str
    addr: int
    size: int
    old: int | None = None
    new: int | None = None
    pc: int = 0
    error: str | None = None
    what: str = ""
    software: bool = False
    """Whether stepping found it, not a debug register."""
    also: tuple[Event, ...] = ()
    old_value: Any = field(default_factory=_nothing, compare=False, repr=False)
    new_value: Any = field(default_factory=_nothing, compare=False, repr=False)


class WatchpointEnded(Event):
    """Report that a watchpoint is deleted, because the frame that its variables are in is gone.

    ``number`` was the watchpoint's; ``also`` are the points that were hit at the same place.

    >>> WatchpointEnded(1, 1, 2).number
    2
    """

    number: int
    also: tuple[Event, ...] = ()


def points_hit(event: Event | None) -> tuple[int, ...]:
    """Return the numbers of the points that an event stopped at, the first one first.

    >>> points_hit(BreakpointHit(1, 1, 0x1000, (2, 3))), points_hit(StepDone(1, 1, "stepi"))
    ((2, 3), ())
    """
    numbers = getattr(event, "numbers", None)
    if numbers is None:
        number = getattr(event, "number", None)
        numbers = () if number is None else (number,)
    also: tuple[Event, ...] = getattr(event, "also", ())
    return (*numbers, *(number for one in also for number in points_hit(one)))


def joined(first: Event | None, second: Event | None) -> Event | None:
    """Return two events of one stop as one, if the first can carry the other; else the first.

    >>> joined(WatchpointEnded(1, 1, 2), BreakpointHit(1, 1, 0x1000, (3,))).also[0].numbers
    (3,)
    """
    if first is None or second is None:
        return first or second
    for one, other in ((first, second), (second, first)):
        if isinstance(one, WatchpointTriggered | WatchpointEnded):
            return replace(one, also=(*one.also, other))
    return first


class SignalReceived(Event):
    """Report a signal that is about to be delivered; ``number`` is a catchpoint's or None.

    >>> import pydbg
    >>> with pydbg.launch("/bin/sh", "-c", "kill -TERM $$") as dbg:
    ...     dbg.cont().signo
    15
    """

    signo: int
    number: int | None = None
    temporary: bool = False


class CatchHit(Event):
    """Report a caught fork, vfork, clone, exec, exit, load or unload, a refused call, an exception.

    ``kind`` is one of these words or "seccomp", "throw", "rethrow", "catch"; ``detail`` the
    child's pid, the new program's path, the exit status, the libraries' names, the call with the
    reason, or the type that was thrown. Then ``message`` is what it says, where that is known.

    >>> import pydbg
    >>> with pydbg.launch("/bin/sh", "-c", "exec /bin/true") as dbg:
    ...     catch = dbg.catch("exec")
    ...     event = dbg.cont()
    ...     event.kind, event.detail.endswith("/true")
    ('exec', True)
    """

    number: int
    temporary: bool
    kind: str
    detail: Any = None
    message: str | None = None
    error: str | None = None
    """The text of a condition that could not be evaluated, which stops too."""
    also: tuple[Event, ...] = ()
    """What else stops at this place."""


class StepDone(Event, often=True):
    """Report the end of a step.

    ``plan`` is the command: "stepi", "nexti", "stepsys", "stepcall", "stepret", "stepjump".

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     dbg.stepi().plan
    'stepi'
    """

    plan: str
    ran: bool = True
    """Whether the thread ran: into an inlined call that it stands in front of nothing does."""


class LocationReached(Event):
    """Report that until, advance or start reached its place (or left the frame).

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     place = dbg.disassemble(dbg.regs.rip, count=2)[1].addr
    ...     dbg.advance(f"*{place:#x}").plan
    'advance'
    """

    plan: str


class FunctionFinished(Event, often=True):
    """Report that finish came back to the caller; ``value`` is the return register, raw.

    >>> FunctionFinished(7, 7, 42, "rax").value
    42
    """

    value: int
    register: str
    function: int = 0
    """An address in the function that returned, 0 where it is not known."""


class Interrupted(Event):
    """Report a stop that the user asked for (Ctrl-C, ``interrupt()``).

    >>> Interrupted(7, 8).tid
    8
    """


class Attached(Event):
    """Report that the process was seized and stopped.

    >>> import pydbg, subprocess
    >>> child = subprocess.Popen(["/bin/sleep", "100"])
    >>> with pydbg.attach(child.pid) as dbg:
    ...     dbg.last_event == Attached(child.pid, child.pid)
    True
    >>> child.kill(), child.wait()
    (None, -9)
    """


class CoreLoaded(Event):
    """Report that a core dump is looked at.

    ``signo`` is the signal that made it (0: it was written of a process that lived on),
    ``command`` the beginning of the command line, ``tids`` the threads in the file's order,
    ``warnings`` what is missing or does not fit.

    >>> CoreLoaded(7, 7, 11, "./prog -v", (7, 8)).signo
    11
    """

    signo: int = 0
    command: str = ""
    tids: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


class Started(Event):
    """Report the stop at a program's first instruction (``starti``).

    >>> import pydbg
    >>> with pydbg.Debugger("/bin/true") as dbg:
    ...     type(dbg.run(stop="entry")).__name__
    'Started'
    """


class Exited(Event):
    """Report a process that exited; ``code`` is 0 to 255.

    >>> import pydbg
    >>> with pydbg.launch("/bin/false") as dbg:
    ...     dbg.cont().code
    1
    """

    code: int
    inferior: int = 1


class Killed(Event):
    """Report a process that died of a signal.

    >>> import pydbg
    >>> with pydbg.launch("/bin/sh", "-c", "kill -KILL $$") as dbg:
    ...     dbg.cont().signo
    9
    """

    signo: int
    core: bool = False
    inferior: int = 1


# --- Notices: told to listeners while the program runs on -------------------------------------


class ThreadCreated(Event):
    """Tell of a new thread.

    >>> ThreadCreated(7, 8, 2).number
    2
    """

    number: int = 0


class ThreadExited(Event):
    """Tell of a thread that ended while its process goes on.

    >>> ThreadExited(7, 8, 2).number
    2
    """

    number: int = 0


class ChildCreated(Event):
    """Tell of a new process.

    ``kind`` is "fork", "vfork" or "clone"; ``kept`` says whether it stays under the debugger;
    ``reason`` why a child that should have been released is not ("filter").

    >>> import pydbg
    >>> with pydbg.launch("/bin/sh", "-c", "/bin/true; exit 4") as dbg:
    ...     [e.kind for e in dbg.events(notices=True) if isinstance(e, pydbg.ChildCreated)]
    ['vfork']
    """

    child: int
    kind: str
    kept: bool = False
    reason: str = ""


class FollowedChild(Event):
    """Tell that the debugger follows ``child`` and released the parent (follow-fork-mode).

    >>> FollowedChild(7, 7, 8, "fork").child
    8
    """

    child: int
    kind: str


class Execed(Event):
    """Tell that the process runs a new program.

    >>> import pydbg
    >>> with pydbg.launch("/bin/sh", "-c", "exec /bin/true") as dbg:
    ...     [e.path[-5:] for e in dbg.events(notices=True) if isinstance(e, pydbg.Execed)]
    ['/true']
    """

    path: str


class ModuleLoaded(Event):
    """Tell of shared libraries that were loaded.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     [len(e.paths) for e in dbg.events(notices=True) if isinstance(e, pydbg.ModuleLoaded)]
    [1]
    """

    paths: tuple[str, ...] = ()


class ModuleUnloaded(Event):
    """Tell of shared libraries that were unloaded.

    >>> ModuleUnloaded(7, 7, ("/lib/libplugin.so",)).paths
    ('/lib/libplugin.so',)
    """

    paths: tuple[str, ...] = ()


class CallTraced(Event):
    """Tell a line of ``trace syscalls``: a call that came back, a signal, an end.

    >>> CallTraced(7, 7, "getpid()                                = 7").text[:8]
    'getpid()'
    """

    text: str


class BreakpointMoved(Event):
    """Tell that a breakpoint's locations changed or could not be inserted.

    >>> BreakpointMoved(7, 7, 1).number
    1
    """

    number: int
    text: str = ""


class SignalNoticed(Event):
    """Tell of a signal that is printed but does not stop (``handle SIG nostop print``).

    >>> import pydbg
    >>> with pydbg.launch("/bin/sh", "-c", "kill -CHLD $$") as dbg:
    ...     table = dbg.execute("handle SIGCHLD print nostop", to_string=True)
    ...     [e.signo for e in dbg.events(notices=True) if isinstance(e, pydbg.SignalNoticed)]
    [17]
    """

    signo: int


class GroupStopped(Event):
    """Tell that job control stopped the program (SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU).

    The program is waited for all the same: SIGCONT lets it go on.

    >>> GroupStopped(7, 7, 19).signo
    19
    """

    signo: int


class Note(Event):
    """Tell something in a line of its own ("cannot disable address space randomization").

    >>> Note(7, 7, "cannot disable address space randomization").text
    'cannot disable address space randomization'
    """

    text: str
