"""The crash report: a program that dies of a signal, in one frozen record.

:func:`watch` runs a program at full speed and, where a signal is about to end it, gathers all
that can be known about it: the verdict, the registers, the code, the stacks of all threads,
the maps around the address. Front ends turn the record into text, Markdown or JSON.
"""

from __future__ import annotations

from pydbg.crash.gather import report
from pydbg.crash.records import CrashReport
from pydbg.crash.verdict import Verdict
from pydbg.crash.watch import watch

__all__ = ["CrashReport", "Verdict", "report", "watch"]
