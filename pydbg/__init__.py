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

__all__ = [
    "STOP",
    "Attached",
    "BreakpointHit",
    "BreakpointMoved",
    "CatchHit",
    "ChildCreated",
    "CommandError",
    "Debugger",
    "DebuggerError",
    "Event",
    "Execed",
    "Exited",
    "ExprError",
    "FileError",
    "FollowedChild",
    "FunctionFinished",
    "GroupStopped",
    "Interrupted",
    "Killed",
    "LaunchError",
    "LocationError",
    "LocationReached",
    "MemoryFault",
    "ModuleLoaded",
    "ModuleUnloaded",
    "NoProcess",
    "Note",
    "PtraceError",
    "SignalNoticed",
    "SignalReceived",
    "Started",
    "StepDone",
    "SymbolError",
    "SyscallCaught",
    "ThreadCreated",
    "ThreadExited",
    "ThreadGone",
    "UsageError",
    "__version__",
    "attach",
    "command",
    "launch",
]

if TYPE_CHECKING:
    from pydbg.commands.pyscript import command as command
    from pydbg.debugger import STOP as STOP
    from pydbg.debugger import Debugger as Debugger
    from pydbg.debugger import attach as attach
    from pydbg.debugger import launch as launch
    from pydbg.errors import CommandError as CommandError
    from pydbg.errors import DebuggerError as DebuggerError
    from pydbg.errors import ExprError as ExprError
    from pydbg.errors import FileError as FileError
    from pydbg.errors import LaunchError as LaunchError
    from pydbg.errors import LocationError as LocationError
    from pydbg.errors import MemoryFault as MemoryFault
    from pydbg.errors import NoProcess as NoProcess
    from pydbg.errors import PtraceError as PtraceError
    from pydbg.errors import SymbolError as SymbolError
    from pydbg.errors import ThreadGone as ThreadGone
    from pydbg.errors import UsageError as UsageError
    from pydbg.events import Attached as Attached
    from pydbg.events import BreakpointHit as BreakpointHit
    from pydbg.events import BreakpointMoved as BreakpointMoved
    from pydbg.events import CatchHit as CatchHit
    from pydbg.events import ChildCreated as ChildCreated
    from pydbg.events import Event as Event
    from pydbg.events import Execed as Execed
    from pydbg.events import Exited as Exited
    from pydbg.events import FollowedChild as FollowedChild
    from pydbg.events import FunctionFinished as FunctionFinished
    from pydbg.events import GroupStopped as GroupStopped
    from pydbg.events import Interrupted as Interrupted
    from pydbg.events import Killed as Killed
    from pydbg.events import LocationReached as LocationReached
    from pydbg.events import ModuleLoaded as ModuleLoaded
    from pydbg.events import ModuleUnloaded as ModuleUnloaded
    from pydbg.events import Note as Note
    from pydbg.events import SignalNoticed as SignalNoticed
    from pydbg.events import SignalReceived as SignalReceived
    from pydbg.events import Started as Started
    from pydbg.events import StepDone as StepDone
    from pydbg.events import SyscallCaught as SyscallCaught
    from pydbg.events import ThreadCreated as ThreadCreated
    from pydbg.events import ThreadExited as ThreadExited

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


def __getattr__(name: str) -> Any:
    """Load the room a public name lives in (PEP 562)."""
    if name in _DEBUGGER:
        room = "pydbg.debugger"
    elif name in _ERRORS:
        room = "pydbg.errors"
    elif name in _EVENTS:
        room = "pydbg.events"
    elif name == "command":
        room = "pydbg.commands.pyscript"
    else:
        raise AttributeError(f"module 'pydbg' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, also those that are not loaded yet."""
    return list(__all__)
