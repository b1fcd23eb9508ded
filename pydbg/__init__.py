"""A breakpoint debugger for Linux programs, on ptrace: a prompt, scripts, and this library.

>>> import pydbg
>>> with pydbg.launch("/bin/echo", "hello", stdout="/dev/null") as dbg:
...     catch = dbg.catch_syscall("write")
...     print(dbg.cont().decoded.line())
write(1</dev/null>, "hello\\n", 6)

``pydbg.launch("./prog", "arg")`` and ``pydbg.attach(pid)`` return a :class:`pydbg.Debugger`.
Names are loaded when they are first used, so that ``import pydbg`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "STOP",
    "Attached",
    "Breakpoint",
    "BreakpointHit",
    "BreakpointMoved",
    "CallStopped",
    "CallTraced",
    "CatchHit",
    "Catchpoint",
    "ChildCreated",
    "CommandError",
    "CoreLoaded",
    "Debugger",
    "DebuggerError",
    "Event",
    "Execed",
    "Exited",
    "ExprError",
    "FileError",
    "FollowedChild",
    "Frame",
    "FunctionFinished",
    "GroupStopped",
    "Inferior",
    "Insn",
    "Interrupted",
    "Killed",
    "LaunchError",
    "Location",
    "LocationError",
    "LocationReached",
    "MemoryFault",
    "MemoryView",
    "ModuleLoaded",
    "ModuleUnloaded",
    "NoProcess",
    "NoSymbol",
    "Note",
    "PtraceError",
    "RegisterView",
    "Settings",
    "SignalNoticed",
    "SignalReceived",
    "Started",
    "StepDone",
    "SymbolError",
    "SyscallCaught",
    "Thread",
    "ThreadCreated",
    "ThreadExited",
    "ThreadGone",
    "UsageError",
    "Value",
    "Watchpoint",
    "WatchpointEnded",
    "WatchpointTriggered",
    "__version__",
    "aio",
    "attach",
    "command",
    "launch",
    "open_core",
    "printers",
]

if TYPE_CHECKING:
    from pydbg import aio as aio
    from pydbg import printers as printers
    from pydbg.access import MemoryView as MemoryView
    from pydbg.access import RegisterView as RegisterView
    from pydbg.arch.disasm import Insn as Insn
    from pydbg.breakpoints import Breakpoint as Breakpoint
    from pydbg.breakpoints import Catchpoint as Catchpoint
    from pydbg.breakpoints import Location as Location
    from pydbg.commands.pyscript import command as command
    from pydbg.errors import CallStopped as CallStopped
    from pydbg.errors import CommandError as CommandError
    from pydbg.errors import DebuggerError as DebuggerError
    from pydbg.errors import ExprError as ExprError
    from pydbg.errors import FileError as FileError
    from pydbg.errors import LaunchError as LaunchError
    from pydbg.errors import LocationError as LocationError
    from pydbg.errors import MemoryFault as MemoryFault
    from pydbg.errors import NoProcess as NoProcess
    from pydbg.errors import NoSymbol as NoSymbol
    from pydbg.errors import PtraceError as PtraceError
    from pydbg.errors import SymbolError as SymbolError
    from pydbg.errors import ThreadGone as ThreadGone
    from pydbg.errors import UsageError as UsageError
    from pydbg.events import Attached as Attached
    from pydbg.events import BreakpointHit as BreakpointHit
    from pydbg.events import BreakpointMoved as BreakpointMoved
    from pydbg.events import CallTraced as CallTraced
    from pydbg.events import CatchHit as CatchHit
    from pydbg.events import ChildCreated as ChildCreated
    from pydbg.events import CoreLoaded as CoreLoaded
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
    from pydbg.events import WatchpointEnded as WatchpointEnded
    from pydbg.events import WatchpointTriggered as WatchpointTriggered
    from pydbg.expr.values import Value as Value
    from pydbg.frames import Frame as Frame
    from pydbg.library import STOP as STOP
    from pydbg.library import Debugger as Debugger
    from pydbg.library import attach as attach
    from pydbg.library import launch as launch
    from pydbg.library import open_core as open_core
    from pydbg.settings import Settings as Settings
    from pydbg.target.inferior import Inferior as Inferior
    from pydbg.threads import Thread as Thread
    from pydbg.watchpoints import Watchpoint as Watchpoint

_ROOMS = {
    "access": ("MemoryView", "RegisterView"),
    "arch.disasm": ("Insn",),
    "breakpoints": ("Breakpoint", "Catchpoint", "Location"),
    "commands.pyscript": ("command",),
    "expr.values": ("Value",),
    "frames": ("Frame",),
    "library": ("STOP", "Debugger", "attach", "launch", "open_core"),
    "settings": ("Settings",),
    "target.inferior": ("Inferior",),
    "threads": ("Thread",),
    "watchpoints": ("Watchpoint",),
    "errors": tuple(
        name
        for name in __all__
        if name.endswith(("Error", "Fault", "Gone", "Process", "CallStopped", "NoSymbol"))
    ),
}
"""Where public names live; all others are events."""


def __getattr__(name: str) -> Any:
    """Load the room a public name lives in (PEP 562)."""
    from importlib import import_module

    if name in ("aio", "printers"):
        return import_module(f"pydbg.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'pydbg' has no attribute {name!r}")
    room = next((room for room, names in _ROOMS.items() if name in names), "events")
    value = getattr(import_module(f"pydbg.{room}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, also those that are not loaded yet."""
    return list(__all__)
