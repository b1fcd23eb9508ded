"""Threads as the user handles them: a name, registers, a stack of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.access import RegisterView
from pydbg.errors import DebuggerError
from pydbg.target.thread import Thread as Tracee

if TYPE_CHECKING:
    from pydbg.frames import Frame
    from pydbg.state import ProgramState
    from pydbg.target.inferior import Inferior

__all__ = ["Thread"]


class Thread(Tracee):
    """Be one thread of the program; it can be looked at without being selected.

    ``number`` is the debugger's, from 1; ``tid`` the kernel's; ``pc`` its program counter.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     for thread in dbg.threads:
    ...         innermost = thread.frames(1)[0]
    ...         thread.number, thread.name, thread.regs.rip == thread.pc, innermost.function
    (1, 'true', True, '_start')
    """

    __slots__ = ("_dbg",)

    def __init__(self, dbg: ProgramState, inferior: Inferior, tid: int, number: int) -> None:
        super().__init__(inferior, tid, number)
        self._dbg = dbg

    @property
    def name(self) -> str:
        """Return the thread's name, at most 15 bytes (PR_SET_NAME of prctl(2)); "" if it is gone.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.threads[0].name
        'true'
        """
        from pydbg.linux import procfs

        try:
            return procfs.comm(self.tid)
        except DebuggerError:
            return ""

    @property
    def regs(self) -> RegisterView:
        """Return the registers of the thread itself, whichever frame is selected.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.threads[0].regs.rsp == dbg.threads[0].sp
        True
        """
        return RegisterView(self._dbg, self)

    def frames(self, limit: int | None = None) -> list[Frame]:
        """Return the frames of the thread, innermost first, at most ``limit``.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.threads[0].frames()[0].addr == dbg.regs.rip
        True
        """
        return self._dbg.frames_of(self, limit)

    def frame_registers(self, frame: Frame) -> RegisterView:
        """Return the registers of one of the thread's frames.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.thread.frame_registers(dbg.frame).rip == dbg.regs.rip
        True
        """
        return RegisterView(self._dbg, self, frame)
