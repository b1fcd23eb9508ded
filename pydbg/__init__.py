"""A breakpoint debugger for Linux programs, on ptrace: a prompt, scripts, and this library.

>>> import pydbg
>>> pydbg.__version__
'0.1.0'

``pydbg.launch("./prog", "arg")`` and ``pydbg.attach(pid)`` return a :class:`pydbg.Debugger`.
Names are loaded when they are first used, so that ``import pydbg`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pydbg.debugger import STOP as STOP
    from pydbg.debugger import Debugger as Debugger
    from pydbg.debugger import attach as attach
    from pydbg.debugger import launch as launch
    from pydbg.errors import DebuggerError as DebuggerError

_ERRORS = (
    "CommandError",
    "DebuggerError",
    "ExprError",
    "FileError",
    "LaunchError",
    "LocationError",
    "MemoryFault",
    "NoProcess",
    "PtraceError",
    "SymbolError",
    "ThreadGone",
    "UsageError",
)
_EVENTS = (
    "Attached",
    "BreakpointHit",
    "BreakpointMoved",
    "CatchHit",
    "ChildCreated",
    "Event",
    "Execed",
    "Exited",
    "FollowedChild",
    "FunctionFinished",
    "GroupStopped",
    "Interrupted",
    "Killed",
    "LocationReached",
    "ModuleLoaded",
    "ModuleUnloaded",
    "Note",
    "SignalNoticed",
    "SignalReceived",
    "Started",
    "StepDone",
    "SyscallCaught",
    "ThreadCreated",
    "ThreadExited",
)
_DEBUGGER = ("STOP", "Debugger", "attach", "launch")

__all__ = sorted([*_DEBUGGER, *_ERRORS, *_EVENTS, "__version__"])


def __getattr__(name: str) -> Any:
    """Load the room a public name lives in (PEP 562)."""
    if name in _DEBUGGER:
        room = "pydbg.debugger"
    elif name in _ERRORS:
        room = "pydbg.errors"
    elif name in _EVENTS:
        room = "pydbg.events"
    else:
        raise AttributeError(f"module 'pydbg' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, also those that are not loaded yet."""
    return list(__all__)
