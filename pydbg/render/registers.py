"""The text of ``info registers``."""

from __future__ import annotations

from pydbg.commands.results import RegisterRow, Registers

__all__ = ["row", "table"]

# infcmd.c, default_print_one_register_info: enum { value_column_1, value_column_2 }.
_RAW = 15
_NATURAL = 35


def row(register: RegisterRow) -> str:
    """Return the line of one register.

    >>> row(RegisterRow("rax", "0x1", "1"))
    'rax            0x1                 1'
    """
    text = (register.name + " ").ljust(_RAW) + register.raw
    return (text + " ").ljust(_NATURAL) + register.natural if register.natural else text


def table(record: Registers) -> str:
    """Return the lines of the registers."""
    return "\n".join(row(one) for one in record.rows)
