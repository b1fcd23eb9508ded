"""Places that only the running program knows: what an ifunc resolves to, where main is.

Both are found by an internal site on the code that finds it out for the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.symbols.entrypoint import START_MAIN

if TYPE_CHECKING:
    from pydbg.events import Event
    from pydbg.pointset import PointSet
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread


class IfuncWatch:
    """Wait for the resolver of an ifunc to return (gdb's gnu-indirect-function breakpoints).

    The dynamic loader calls the resolver when it relocates; what it returns is the function
    that will run, and where the user's breakpoint belongs.
    """

    internal = True

    def __init__(self, points: PointSet, inferior: Inferior, addr: int) -> None:
        self._points = points
        self._inferior = inferior
        self._addr = addr
        self._returns: dict[int, int] = {}
        inferior.sites.add(addr, self)

    def hit(self, thread: Thread) -> Event | None:
        """Follow the resolver from its entry to its return."""
        inferior, pc = self._inferior, thread.pc
        if pc == self._addr:
            size = inferior.arch.pointer_size
            back = int.from_bytes(inferior.read(thread.sp, size), "little")
            self._returns[back] = thread.sp
            inferior.sites.add(back, self)
        elif thread.sp > self._returns.get(pc, thread.sp):
            target = thread.registers.get(inferior.arch.call_ret)
            self.end()
            self._points.ifunc_resolved(inferior, self._addr, target)
        return None

    def end(self) -> None:
        """Take the sites out."""
        for addr in (self._addr, *self._returns):
            self._inferior.sites.discard(addr, self)
        self._returns.clear()


class MainWatch:
    """Wait for ``__libc_start_main``, whose first argument is main's address."""

    internal = True

    def __init__(self, points: PointSet, inferior: Inferior) -> None:
        self._points = points
        self._inferior = inferior
        self._addrs: list[int] = []
        for module, symbol in inferior.modules.breakable(START_MAIN):
            if symbol.kind != "plt":
                addr = module.addr_of(symbol)
                try:
                    inferior.sites.add(addr, self)
                except DebuggerError:
                    continue
                self._addrs.append(addr)

    @property
    def is_set(self) -> bool:
        """Tell whether there is such a function yet."""
        return bool(self._addrs)

    def hit(self, thread: Thread) -> Event | None:
        """Read the argument and set what waits for main."""
        inferior = self._inferior
        arch = inferior.arch
        if arch.call_args:
            main = thread.registers.get(arch.call_args[0])
        else:
            size = arch.pointer_size
            main = int.from_bytes(inferior.read(thread.sp + size, size), "little")
        for addr in self._addrs:
            inferior.sites.discard(addr, self)
        self._points.main_found(inferior, main)
        return None
