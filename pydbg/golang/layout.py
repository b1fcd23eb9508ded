"""Where Go's runtime keeps what it knows of goroutines, by the program's debug information.

Source: src/runtime/runtime2.go (g, gobuf, m, the states) and src/runtime/proc.go (allgs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.expr.types import ArrayType, CType, StructType, strip
from pydbg.records import Record
from pydbg.symbols.cursor import damaged

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.symbols.modules import Module

__all__ = ["Layout", "layout_of", "struct_of"]


class Layout(Record):
    """Hold addresses of the runtime's variables, and offsets in its structs."""

    allgs: int
    """The run-time address of ``runtime.allgs``, a slice of pointers to g."""
    reasons: int
    """The run-time address of ``runtime.waitReasonStrings``, 0 where it is not known."""
    reason_count: int
    size: int
    goid: int
    status: int
    wait_since: int
    wait_reason: int
    created: int
    start: int
    pc: int
    sp: int
    bp: int
    m: int
    panic: int
    procid: int
    """In a runtime.m: the kernel's number of its thread."""
    curg: int
    """In a runtime.m: the goroutine that it runs for."""


def struct_of(ctype: CType | None) -> StructType | None:
    """Return the struct that a type is, through its names; None for any other.

    >>> struct_of(None) is None
    True
    """
    inner = None if ctype is None else strip(ctype)
    return inner if isinstance(inner, StructType) else None


def _offset(struct: StructType, *path: str) -> int:
    """Return where a member is; the last of a path may be the struct itself (atomic types)."""
    total = 0
    for name in path:
        field = struct.field(name)
        if field is None:
            raise LookupError(name)
        total += field.offset
        inner = struct_of(field.type)
        if inner is not None:
            struct = inner
    return total


def layout_of(dbg: Debugger, module: Module) -> Layout | None:
    """Read the layout of a Go program; None where there is no Go, or nothing describes it."""
    if not module.is_go:
        return None
    variables = dbg.variables
    try:
        with damaged("the debug information"):
            allgs = variables.value_named("runtime.allgs", None, None)
            g = struct_of(variables.type_named("runtime.g", None))
            m = struct_of(variables.type_named("runtime.m", None))
            if allgs is None or allgs.addr is None or g is None or m is None:
                return None
            reasons = variables.value_named("runtime.waitReasonStrings", None, None)
            inner = None if reasons is None else strip(reasons.type)
            known = isinstance(inner, ArrayType) and reasons is not None
            return Layout(
                allgs=allgs.addr,
                reasons=(reasons.addr or 0) if known and reasons is not None else 0,
                reason_count=min(inner.count, 256) if isinstance(inner, ArrayType) else 0,
                size=g.size,
                goid=_offset(g, "goid"),
                status=_offset(g, "atomicstatus"),
                wait_since=_offset(g, "waitsince"),
                wait_reason=_offset(g, "waitreason"),
                created=_offset(g, "gopc"),
                start=_offset(g, "startpc"),
                pc=_offset(g, "sched", "pc"),
                sp=_offset(g, "sched", "sp"),
                bp=_offset(g, "sched", "bp"),
                m=_offset(g, "m"),
                panic=_offset(g, "_panic"),
                procid=_offset(m, "procid"),
                curg=_offset(m, "curg"),
            )
    except (DebuggerError, LookupError):
        return None
