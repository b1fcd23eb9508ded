"""Find the functions that a stack no longer shows: each jumped to the next one at its end.

The caller's call site says whom it called; when that is not the function that returns to it,
calls in tail position must lie between. They are shown where all ways from the one to the
other agree (gdb's dwarf2/loc.c, call_site_find_chain).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.symbols.callsites import call_returning_to, tail_calls_at
from pydbg.target.unwind import RawFrame

if TYPE_CHECKING:
    from pydbg.symbols.callsites import CallSite
    from pydbg.symbols.modules import Module, ModuleList

__all__ = ["TailCalls", "callee_of"]

_MAX_STEPS = 2000


class _Unknown(Exception):
    """Say that the calls between two functions cannot be told."""


_MOST_KNOWN = 4096

Site = tuple[int, "CallSite"]  # the load bias of its module with it


def callee_of(modules: ModuleList, bias: int, call: CallSite) -> int | None:
    """Return where the function that a call names begins; None through a pointer."""
    if call.target is not None:
        return call.target + bias
    if call.target_name is None:
        return None
    found = [(m, s) for m, s in modules.lookup(call.target_name) if s.is_code and s.kind != "plt"]
    if not found:
        return None
    # What is local can be called from its own module only: ld.so has functions of libc's names.
    module, symbol = next(
        (pair for pair in found if pair[1].bind != "local"),
        next((pair for pair in found if pair[0].bias == bias), found[0]),
    )
    return module.addr_of(symbol)


class TailCalls:
    """Answer for one state of the modules; what was found is kept."""

    def __init__(self, modules: ModuleList) -> None:
        self._modules = modules
        self._version = modules.version
        self._found: dict[tuple[int, int], tuple[int, ...]] = {}
        self._known: dict[tuple[int, int], tuple[int, ...]] = {}
        """The same by the addresses that neighbours on the stack stand at."""

    def serves(self, modules: ModuleList) -> bool:
        """Tell whether it still speaks of these modules: none came or went."""
        return modules is self._modules and modules.version == self._version

    def between(self, callee: RawFrame, caller: RawFrame, pc_column: int) -> list[RawFrame]:
        """Give the frames between two neighbours on the stack, innermost first."""
        if callee.how != "cfi":
            return []
        key = caller.pc, callee.lookup_pc
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[key] = self._left(*key)
        return [
            RawFrame(
                caller.level, pc, pc - 1, {**caller.regs, pc_column: pc}, "tailcall", callee.cfa
            )
            for pc in found
        ]

    def _left(self, caller_pc: int, addr: int) -> tuple[int, ...]:
        """Give the places that were left by jumps between a call and the code at an address."""
        start = self._start_of(addr)
        if start is None:
            return ()
        key = (caller_pc, start)
        if key not in self._found:
            try:
                self._found[key] = tuple(self._chain(*key))
            except (DebuggerError, _Unknown):
                self._found[key] = ()
        return self._found[key]

    def _start_of(self, addr: int) -> int | None:
        module = self._modules.at(addr)
        if module is None:
            return None
        function = module.spot_at(addr).function
        if function is not None:
            return module.addr(function.low)
        symbol = module.symbol_at(addr)
        return None if symbol is None else module.addr_of(symbol[0])

    def _chain(self, caller_pc: int, callee_start: int) -> list[int]:
        """Search all ways of tail calls from the call before ``caller_pc`` to a function."""
        module = self._modules.at(caller_pc - 1)
        if module is None:
            return []
        first = call_returning_to(module, caller_pc - 1, caller_pc)
        if first is None:
            return []
        bias = module.bias
        common: _Common | None = None
        path: list[tuple[Site, list[Site]]] = []  # a site, and its siblings still to be tried
        seen: set[int] = set()
        current: Site = (bias, first)
        for _ in range(_MAX_STEPS):
            target = self._target(current)
            candidates: list[Site] = []
            if target == callee_start:
                common = _Common.joined(common, [b + s.return_pc for (b, s), _ in path])
                if common is None:
                    return []
            else:
                candidates = self._tail_sites(target)
            while True:
                while candidates and candidates[0][0] + candidates[0][1].return_pc in seen:
                    candidates = candidates[1:]
                if candidates:
                    current, *rest = candidates
                    seen.add(current[0] + current[1].return_pc)
                    path.append((current, rest))
                    break
                if not path:
                    return [] if common is None else common.frames()
                done, candidates = path.pop()
                seen.discard(done[0] + done[1].return_pc)
        return []

    def _target(self, site: Site) -> int:
        target = callee_of(self._modules, *site)
        if target is None:
            raise _Unknown
        return target

    def _tail_sites(self, function: int) -> list[Site]:
        module: Module | None = self._modules.at(function)
        known = module.function_at(function) if module is not None else None
        if module is None or known is None or module.addr(known.low) != function:
            raise _Unknown
        # gdb's list grows at its head.
        return [(module.bias, s) for s in reversed(tail_calls_at(module, function))]


class _Common:
    """Hold what all ways have in common: at their beginning and at their end."""

    def __init__(self, path: list[int]) -> None:
        self._path = path
        self._callers = self._callees = len(path)

    @classmethod
    def joined(cls, known: _Common | None, path: list[int]) -> _Common | None:
        """Take in one more way; None when nothing is common any more."""
        if known is None:
            return cls(path)
        own = known._path
        known._callers = _equal(own[: known._callers], path)
        known._callees = _equal(own[::-1][: known._callees], path[::-1])
        return known if known._callers or known._callees else None

    def frames(self) -> list[int]:
        """Give the addresses to show, innermost first."""
        path = self._path
        if self._callees == len(path):
            return path[::-1]
        inner = path[len(path) - self._callees :]
        return inner[::-1] + path[: self._callers][::-1]


def _equal(first: list[int], second: list[int]) -> int:
    """Count equal items at the beginning."""
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
