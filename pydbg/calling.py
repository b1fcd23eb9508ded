"""Functions of the program, called for an expression: arguments in, result out, stops told.

The words are gdb's (infcall.c, call_function_by_hand_dummy).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydbg.errors import CallStopped, CommandError
from pydbg.events import Event, Exited, Killed, SignalReceived, StepDone
from pydbg.expr.values import Value
from pydbg.stepping import CallFunction
from pydbg.variables.passing import Passing, in_memory, lay_out
from pydbg.variables.returns import Results, result_value

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.types import CType
    from pydbg.target.thread import Thread

__all__ = ["call_function"]

_AT_ENTRY = 9
_TERMINATE = "_ZSt9terminatev"
_STOPPED = "The program being debugged stopped while in a function called from GDB.\n"
_SIGNALLED = "The program being debugged was signaled while in a function called from GDB.\n"
_EXITED = "The program being debugged exited while in a function called from GDB.\n"
_STAYS = """GDB remains in the frame where the signal was received.
To change this behavior use "set unwindonsignal on".
"""
_RESTORED = """GDB has restored the context to what it was before the call.
To change this behavior use "set unwindonsignal off".
"""
_ABANDONED = """Evaluation of the expression containing the function
({}) will be abandoned."""
_SILENTLY = "\nWhen the function is done executing, GDB will silently stop."
_TERMINATED = """The program being debugged entered a std::terminate call, most likely
caused by an unhandled C++ exception.  GDB blocked this call in order
to prevent the program from being terminated, and has restored the
context to its original state before the call.
To change this behaviour use "set unwind-on-terminating-exception off".
Evaluation of the expression containing the function ({})
will be abandoned."""


def call_function(
    dbg: Debugger, thread: Thread, addr: int, args: Sequence[Value], result: CType
) -> Value:
    """Call the function at an address and return what it returns.

    The arguments have the types of its parameters. Raises CallStopped where something stops the
    program inside the call; the program stays there, unless `unwindonsignal` is on.
    """
    inferior = thread.inferior
    arch, read = inferior.arch, inferior.read

    def place(top: int) -> Passing:
        return lay_out(top, args, result, arch)

    def take(passing: Passing) -> Value:
        if passing.result_at is not None and in_memory(result, arch):
            return Value(result, read(passing.result_at, result.size), None, read)
        block = thread.registers
        found = result_value(result, arch, Results(lambda name: bytes(block.read(name)), read))
        return Value(result, b"\0") if found is None else found

    landing = inferior.auxv.get(_AT_ENTRY, 0)
    forbidden: list[int] = []
    if dbg.settings["unwind-on-terminating-exception"]:
        for module, symbol in dbg.modules.lookup(_TERMINATE):
            if symbol.is_code and symbol.kind != "plt":
                forbidden.append(module.addr_of(symbol))
    plan = CallFunction(thread, addr, place, take, landing, forbidden)
    event = dbg.run_call(plan)
    if isinstance(event, StepDone) and event.plan == "call" and not plan.told:
        if plan.terminated:
            raise CommandError(_TERMINATED.format(_name(dbg, addr)))
        made: Value = plan.result
        return made
    raise _stopped(dbg, plan, event, _name(dbg, addr))


def _name(dbg: Debugger, addr: int) -> str:
    label = dbg.modules.symbol_at(addr)
    return label[1].demangled if label is not None else f"at {addr:#x}"


def _stopped(dbg: Debugger, plan: CallFunction, event: Event, name: str) -> CallStopped:
    plan.told = True
    if dbg.on_call_stopped is not None and not plan.is_over:
        dbg.on_call_stopped(event)
    abandoned = _ABANDONED.format(name)
    if isinstance(event, Exited | Killed):
        return CallStopped(_EXITED + abandoned, event)
    if not isinstance(event, SignalReceived):
        return CallStopped(_STOPPED + abandoned + _SILENTLY, event)
    if not dbg.settings["unwindonsignal"]:
        return CallStopped(_SIGNALLED + _STAYS + abandoned + _SILENTLY, event)
    if not plan.is_over:
        plan.restore()
        dbg.changed()
    return CallStopped(_SIGNALLED + _RESTORED + abandoned, event)
