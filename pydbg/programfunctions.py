"""Convenience functions that ask the program or the session: ``$base``, ``$_caller_is``.

The ones that need nothing but values and memory are in ``expr/functions.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.errors import ExprError, NoProcess, UsageError
from pydbg.expr.functions import int_value, read_string, text_value
from pydbg.expr.types import ArrayType, data_model, strip
from pydbg.expr.values import Value, from_number

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.context import Context
    from pydbg.frames import Frame

__all__ = ["FUNCTIONS", "Asked"]

_AUTO = {"auto": -1, "on": 1, "off": 0}


class Asked:
    """Hold what such a function is asked with: the debugger, the selected frame, the arguments."""

    def __init__(
        self, name: str, dbg: Debugger, frame: Frame | None, args: list[Value], ctx: Context
    ) -> None:
        self.name = name
        self.dbg = dbg
        self.frame = frame
        self.args = args
        self.ctx = ctx

    def text(self, index: int) -> str:
        """Return an argument that is a string."""
        return read_string(self.args[index], self.ctx).decode("utf-8", "surrogateescape")

    def number(self, number: int) -> Value:
        """Return an ``int``."""
        return int_value(number, self.ctx)


def _base(asked: Asked) -> Value:
    """``$base("libc")``: the load bias of a module, of the program without one."""
    modules = asked.dbg.modules
    if not asked.args:
        found = modules.main
    else:
        wanted = asked.text(0)
        found = modules.by_name(wanted)
        if found is None:
            raise ExprError(f'No module "{wanted}" is loaded.')
    if found is None:
        raise NoProcess
    return from_number(data_model(asked.ctx.pointer_size).ulong, found.bias, asked.ctx.read)


def _caller(asked: Asked, fits: Callable[[str, str], object], *, anywhere: bool) -> Value:
    """Compare the name of the caller, N frames out, or of any frame up to it."""
    if not 1 <= len(asked.args) <= 2:
        raise ExprError(f"You must provide one or two arguments to ${asked.name}.")
    wanted = asked.text(0)
    count = int(asked.args[1]) if len(asked.args) == 2 else 1
    if count < 0:
        raise ExprError("nframes must be >= 0")
    here = asked.frame
    if here is None:
        raise ExprError("No frame is currently selected.")
    frames = asked.dbg.frames_of_thread(here.thread, here.level + count + 1)[here.level :]
    asked_of = frames if anywhere else frames[count : count + 1]
    try:
        return asked.number(any(fits(wanted, one.function or "") for one in asked_of))
    except re.error as error:
        raise ExprError(f"Invalid regular expression: {error}") from None


def _is(wanted: str, name: str) -> bool:
    return wanted == name


def _setting(asked: Asked) -> str:
    """Return the full name of the setting that the argument names."""
    if not asked.args:
        raise ExprError(f"You must provide an argument to ${asked.name}")
    if not isinstance(strip(asked.args[0].type), ArrayType):
        raise ExprError(f"First argument of ${asked.name} must be a string.")
    try:
        return asked.dbg.settings.row(asked.text(0)).name
    except UsageError:
        raise ExprError(
            f"First argument of ${asked.name} must be a valid setting of the 'show' command."
        ) from None


def _gdb_setting(asked: Asked) -> Value:
    """Return a setting as a number where it is one (unlimited is 0 or -1), else as a text."""
    name = _setting(asked)
    row, value = asked.dbg.settings.row(name), asked.dbg.settings[name]
    if value is None:
        return asked.number(-1 if row.kind == "depth" else 0)
    if set(row.choices) == set(_AUTO):
        return asked.number(_AUTO[str(value)])
    if isinstance(value, int):
        return asked.number(int(value))
    return text_value(str(value), asked.ctx)


def _gdb_setting_str(asked: Asked) -> Value:
    """Return a setting as ``show`` spells it."""
    name = _setting(asked)
    row = asked.dbg.settings.row(name)
    return text_value(row.spell(asked.dbg.settings[name]), asked.ctx)


FUNCTIONS: dict[str, Callable[[Asked], Value]] = {
    "base": _base,
    "_base": _base,
    "_caller_is": lambda asked: _caller(asked, _is, anywhere=False),
    "_caller_matches": lambda asked: _caller(asked, re.match, anywhere=False),
    "_any_caller_is": lambda asked: _caller(asked, _is, anywhere=True),
    "_any_caller_matches": lambda asked: _caller(asked, re.match, anywhere=True),
    "_gdb_setting": _gdb_setting,
    "_gdb_setting_str": _gdb_setting_str,
}
