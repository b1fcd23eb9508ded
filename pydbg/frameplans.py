"""Plans that run to a place in one certain frame, wherever the stack it is on may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.stepping import Finish, RunTo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydbg.events import Event
    from pydbg.linemap import LineMap
    from pydbg.target.thread import Thread

__all__ = ["FinishInGoroutine", "RunInFrame"]


class RunInFrame(RunTo):
    """Run until one of some addresses is reached in the frame with ``cfa``, or it returns."""

    def __init__(
        self,
        thread: Thread,
        name: str,
        addrs: Iterable[int],
        places: LineMap,
        *,
        caller: int | None,
        cfa: int | None,
    ) -> None:
        mine = places.own(thread)
        super().__init__(thread, name, addrs, caller=caller, cfa=cfa, mine=mine)
        self._places = places
        self._frame = places.cfa(thread) if cfa is None else cfa - places.stack_top(thread)

    def reached(self, thread: Thread) -> Event | None:
        """Check the frame, too."""
        if self._mine(thread) and thread.pc in self._addrs and not self.is_back(thread):
            cfa = self._places.cfa(thread)
            if None not in (cfa, self._frame) and cfa != self._frame:
                return None
        return super().reached(thread)


class FinishInGoroutine(Finish):
    """Run until a frame of a goroutine has returned, on whichever thread and moved stack."""

    def __init__(
        self, thread: Thread, caller: int, cfa: int, function: int, places: LineMap
    ) -> None:
        super().__init__(thread, caller, cfa, function)
        self._places = places
        self._goroutine, top = places.goroutine(thread)
        self._depth = cfa - top

    def reached(self, thread: Thread) -> Event | None:
        """Check the goroutine, and how deep its stack is."""
        goroutine, top = self._places.goroutine(thread)
        if goroutine != self._goroutine or thread.sp - top < self._depth:
            return None
        return self._finished(thread)
