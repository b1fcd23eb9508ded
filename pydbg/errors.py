"""The error tree. Every message is one line made for the user.

A front end prints ``str(error)`` and nothing else. Whatever is raised outside this
tree is a bug of pydbg and is reported as an internal error.
"""

from __future__ import annotations

import errno as _errno
import os


class DebuggerError(Exception):
    """Be the root of everything a user can cause.

    >>> str(DebuggerError("No symbol table."))
    'No symbol table.'
    """


class UsageError(DebuggerError):
    """Report a command or option that was given wrong arguments.

    >>> import pydbg
    >>> with pydbg.Debugger() as dbg:
    ...     dbg.settings.set("confirm", "perhaps")
    Traceback (most recent call last):
    pydbg.errors.UsageError: "on" or "off" expected.
    """


class CommandError(DebuggerError):
    """Report a command that cannot do what it was asked to do.

    >>> import pydbg
    >>> with pydbg.Debugger() as dbg:
    ...     dbg.delete(7)
    Traceback (most recent call last):
    pydbg.errors.CommandError: No breakpoint number 7.
    """


class CallStopped(CommandError):
    """Report that something stopped the program inside a function that an expression calls.

    ``event`` is the stop; the program stands there, unless the message says otherwise.

    >>> CallStopped("stopped", None).event is None
    True
    """

    def __init__(self, message: str, event: object) -> None:
        super().__init__(message)
        self.event = event


class NoProcess(DebuggerError):
    """Report that a command needs a process and there is none.

    >>> import pydbg
    >>> with pydbg.Debugger("/bin/true") as dbg:
    ...     dbg.cont()
    Traceback (most recent call last):
    pydbg.errors.NoProcess: The program is not being run.
    """

    def __init__(self, message: str = "The program is not being run.") -> None:
        super().__init__(message)


class SymbolError(DebuggerError):
    """Report a name that is not in the symbol tables.

    >>> str(SymbolError('No symbol "nosuch".'))
    'No symbol "nosuch".'
    """


class LocationError(DebuggerError):
    """Report a location that does not resolve (``Function "nosuch" not defined.``).

    >>> import pydbg
    >>> with pydbg.Debugger("/bin/true") as dbg:
    ...     dbg.break_at("nosuch")
    Traceback (most recent call last):
    pydbg.errors.LocationError: Function "nosuch" not defined.
    """


class FileError(DebuggerError):
    """Report a file that is missing, truncated or of a kind that cannot be read.

    >>> import pydbg
    >>> pydbg.launch("/nonexistent")
    Traceback (most recent call last):
    pydbg.errors.FileError: /nonexistent: No such file or directory.
    """


class ExprError(DebuggerError):
    """Report an expression that cannot be parsed or evaluated.

    ``column`` is the 0-based column in the expression's text, or None where the error
    has no place in it.

    >>> ExprError("A syntax error", column=3).column
    3
    """

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.column = column


class NoSymbol(ExprError):
    """Report a name in an expression that nothing has; ``name`` is that name.

    >>> NoSymbol('No symbol "x" in current context.', "x").name
    'x'
    """

    def __init__(self, message: str, name: str, column: int | None = None) -> None:
        super().__init__(message, column)
        self.name = name


class MemoryFault(DebuggerError):
    """Report memory of the inferior that cannot be read or written.

    >>> str(MemoryFault(0, 8))
    'Cannot access memory at address 0x0'
    """

    def __init__(self, addr: int, size: int = 1) -> None:
        super().__init__(f"Cannot access memory at address {addr:#x}")
        self.addr = addr
        self.size = size


class PtraceError(DebuggerError):
    """Report a ptrace request that the kernel refused.

    >>> str(PtraceError("PTRACE_SEIZE", 42, 1))
    'PTRACE_SEIZE of 42: Operation not permitted (EPERM)'
    """

    def __init__(self, request: str, tid: int, errno: int, hint: str = "") -> None:
        name = _errno.errorcode.get(errno, str(errno))
        text = f"{request} of {tid}: {os.strerror(errno)} ({name})"
        super().__init__(f"{text}. {hint}" if hint else text)
        self.request = request
        self.tid = tid
        self.errno = errno


class ThreadGone(DebuggerError):
    """Report a tracee that vanished (ESRCH): killed while it was stopped.

    The event loop turns it into an exit event; it reaches a user only where a command
    was at work on the thread in that moment.

    >>> ThreadGone(7).tid
    7
    """

    def __init__(self, tid: int) -> None:
        super().__init__(f"Thread {tid} no longer exists.")
        self.tid = tid


class LaunchError(DebuggerError):
    """Report a program that could not be started; ``status`` is 126 or 127 as in a shell.

    >>> LaunchError("./prog: not found", 127).status
    127
    """

    def __init__(self, message: str, status: int = 126) -> None:
        super().__init__(message)
        self.status = status
