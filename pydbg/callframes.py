"""The stack of a thread, with the functions that an expression called and that are not over.

Such a call has a frame of its own (gdb: a dummy frame). Nothing saved the registers of the frame
below it but the debugger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydbg.records import replace
from pydbg.target.unwind import RawFrame, unwind

if TYPE_CHECKING:
    from pydbg.stepping import CallFunction
    from pydbg.target.thread import Thread

__all__ = ["Walk", "call_at"]


def call_at(thread: Thread, raw: RawFrame) -> CallFunction | None:
    """Return the call that a frame stands for: where the called function returns to."""
    arch = thread.inferior.arch
    sp = raw.regs.get(arch.by_name[arch.sp].dwarf or 0)
    for call in reversed(thread.calls):
        if call.landing == raw.pc and sp is not None and 0 <= sp - call.sp <= arch.pointer_size:
            found: CallFunction = call
            return found
    return None


class Walk(Iterator[RawFrame]):
    """Give the frames of a stopped thread, innermost first, those of called functions among them.

    When it has ended, ``stop_reason`` says why it could not go on, or is None. With ``registers``
    it is another stack, of what does not run now, that begins in the function at ``entry``.
    """

    def __init__(
        self,
        thread: Thread,
        limit: int,
        registers: dict[int, int] | None = None,
        entry: int | None = None,
    ) -> None:
        self._thread = thread
        self._calls = thread.calls if registers is None else []
        self._limit = limit
        self._level = 0
        if registers is None:
            registers = thread.registers.by_dwarf()
            registers[thread.inferior.arch.return_column] = thread.pc
        self._frames: Any = self._unwinding(registers, entry)

    def _unwinding(self, registers: dict[int, int], entry: int | None = None) -> Iterator[RawFrame]:
        inferior = self._thread.inferior
        return unwind(
            registers,
            read=inferior.read,
            modules=inferior.modules,
            arch=inferior.arch,
            limit=self._limit - self._level,
            entry=entry,
        )

    @property
    def stop_reason(self) -> str | None:
        """Return why the walk ended before the outermost frame."""
        reason: str | None = self._frames.stop_reason
        return reason

    def __next__(self) -> RawFrame:
        raw: RawFrame = next(self._frames)
        if not self._calls:
            return raw
        if self._level:
            raw = replace(raw, level=raw.level + self._level)
        call = call_at(self._thread, raw)
        if call is None:
            return raw
        self._level = raw.level + 1
        self._frames = self._unwinding(call.saved_registers())
        return replace(raw, how="call", lookup_pc=raw.pc, cfa=call.sp, saved={})
