"""Commands for scripts: the rows of the rooms that make them."""

from __future__ import annotations

from pydbg.commands import control, shellout, userdefined
from pydbg.commands.table import Command

__all__ = ["commands"]


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (*control.commands(), *shellout.commands(), *userdefined.commands())
