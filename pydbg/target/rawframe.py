"""A frame as the unwinder sees it, and the way from it to its caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pydbg.records import Record, field

__all__ = ["NO_PC", "Modules", "RawFrame", "Read", "Way"]

NO_PC = "frame did not save the PC"
Read = Callable[[int, int], bytes]


class Modules(Protocol):
    """What is needed of `pydbg.symbols.modules.ModuleList`."""

    def at(self, addr: int, /) -> Any: ...


class RawFrame(Record, frozen=False, often=True):
    """Hold one frame: where it is and how its caller is found.

    ``regs`` are its registers by DWARF number; one that cannot be known any more is absent.
    """

    level: int
    pc: int
    lookup_pc: int
    """The address whose symbol, line and rules are this frame's: pc - 1 for a caller, since
    a return address may be the first byte of something else (after a noreturn call)."""
    regs: dict[int, int]
    how: str = "none"
    """"cfi", "signal" (the trampoline's frame), "prologue", "fp", "sp" (return address on
    top of the stack), "scan" (further up), or "none": the caller cannot be found. "tailcall"
    is a frame that left by a jump and is on no stack, "call" where a function called by the
    debugger returns to."""
    cfa: int | None = None
    """The canonical frame address: the stack pointer before the call (gdb: "frame at")."""
    saved: dict[int, int] = field(default_factory=dict)
    """DWARF number -> address of the memory that holds the caller's value."""
    function: int | None = None
    """The run-time address where the frame's code begins, by CFI or else by symbol."""
    parked: bool = False
    """Whether no thread runs on its stack: its registers are in no thread."""

    @property
    def is_signal(self) -> bool:
        """Tell whether this is the frame that the kernel made to run a handler."""
        return self.how == "signal"


class Way:
    """How to leave a frame: the recipe that `Unwinding` follows."""

    __slots__ = ("cfa", "error", "function", "how", "lost", "outermost", "saved", "values")

    def __init__(
        self,
        how: str,
        cfa: int | None = None,
        saved: dict[int, int] | None = None,
        *,
        function: int | None = None,
        error: str | None = None,
    ) -> None:
        self.how = how
        self.cfa = cfa
        self.saved: dict[int, int] = {} if saved is None else saved
        self.values: dict[int, int] = {}
        """Registers that are known without reading memory."""
        self.lost: tuple[int, ...] = ()
        """Registers whose caller's value is gone."""
        self.function = function
        self.outermost = False
        self.error = error

    def is_entry(self, module: Any) -> bool:
        """Tell whether a frame is where its program began: nothing called it."""
        if self.function is None or self.function != module.elf.entry + module.bias:
            return False
        return bool(module.is_main)
