"""Thread plans: what a thread is up to, asked at each of its stops "go on, or done?".

A plan lies on its thread's stack. It names the ptrace request for the next resume and answers
what a finished single step, a hit of one of its own sites or a system call means. A plan never
waits for anything itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.errors import DebuggerError
from pydbg.events import Event, FunctionFinished, LocationReached, StepDone
from pydbg.linux import ptrace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydbg.arch.insn import InsnInfo
    from pydbg.linux.ptrace import SyscallInfo
    from pydbg.target.thread import Thread
    from pydbg.variables.passing import Passing


STEPS = frozenset({"stepi", "nexti", "stepcall", "stepret", "stepjump"})
"""The plans that an exec ends; the others go on to their next stop in the new program."""


class Plan:
    """Be a plan; the base goes on for ever."""

    name = "continue"

    def __init__(self, thread: Thread) -> None:
        self.thread = thread
        self._sites: list[int] = []
        self._wanted: list[int] = []

    internal = True  # It may own sites.

    def request(self) -> int:
        """Return the ptrace request to resume the thread by."""
        return ptrace.CONT

    def begin(self) -> None:
        """Set up before the first resume."""

    def landed(self) -> None:
        """Take note of a finished single step, before breakpoints there are asked."""

    def stepped(self) -> Event | None:
        """Judge a finished single step."""
        return None

    def reached(self, thread: Thread) -> Event | None:
        """Judge a hit of one of the plan's own sites by any thread."""
        return None

    def at_syscall(self, info: SyscallInfo) -> Event | None:
        """Judge a stop at a system call's entry."""
        return None

    def end(self) -> None:
        """Take the plan's sites out; it is done, or cancelled by another stop."""
        sites, self._sites = self._sites, []
        self._wanted = sites
        for addr in sites:
            self.thread.inferior.sites.discard(addr, self)

    def take_up(self) -> None:
        """Go on after another stop came between and took the sites out."""
        for addr in self._wanted:
            self.add_site(addr)

    def add_site(self, addr: int) -> None:
        """Plant a site of the plan's own."""
        if addr not in self._sites:
            self.thread.inferior.sites.add(addr, self)
            self._sites.append(addr)

    def _done(self) -> Event:
        return StepDone(self.thread.inferior.pid, self.thread.tid, self.name)


class StepInsn(Plan):
    """Step ``count`` instructions, into calls."""

    name = "stepi"

    def __init__(self, thread: Thread, count: int) -> None:
        super().__init__(thread)
        self.count = count

    def request(self) -> int:
        """Single-step."""
        return ptrace.SINGLESTEP

    def stepped(self) -> Event | None:
        """Count."""
        self.count -= 1
        return None if self.count > 0 else self._done()


class _Decoding(Plan):
    """Share what plans need that look at the instruction ahead."""

    def __init__(self, thread: Thread) -> None:
        super().__init__(thread)
        self._cache: dict[int, InsnInfo] = {}

    def ahead(self) -> InsnInfo:
        """Return what the instruction at the pc does."""
        from pydbg.arch.insn import classify

        pc = self.thread.pc
        info = self._cache.get(pc)
        if info is None:
            inferior = self.thread.inferior
            code = inferior.read_some(pc, inferior.arch.max_insn)
            info = self._cache[pc] = classify(code, pc, arch=inferior.arch)
        return info


class NextInsn(_Decoding):
    """Step ``count`` instructions, over calls."""

    name = "nexti"

    def __init__(self, thread: Thread, count: int) -> None:
        super().__init__(thread)
        self.count = count
        self._sp: int | None = None

    def request(self) -> int:
        """Step, or run to behind a call."""
        if self._sp is not None:
            return ptrace.CONT
        info = self.ahead()
        if info.kind == "call":
            self._sp = self.thread.sp
            self.add_site(self.thread.pc + info.size)
            return ptrace.CONT
        return ptrace.SINGLESTEP

    def stepped(self) -> Event | None:
        """Count."""
        self.count -= 1
        return None if self.count > 0 else self._done()

    def reached(self, thread: Thread) -> Event | None:
        """Count the call as one step, unless an inner recursion came by."""
        if thread is not self.thread or self._sp is None or thread.sp < self._sp:
            return None
        self._sp = None
        self.end()
        return self.stepped()


class StepTo(_Decoding):
    """Step until the next instruction is of a kind: call, ret or jump."""

    _KINDS = {"call": ("call",), "ret": ("ret",), "jump": ("jump", "cond")}

    def __init__(self, thread: Thread, what: str) -> None:
        super().__init__(thread)
        self.name = f"step{what}"
        self._kinds = self._KINDS[what]

    def request(self) -> int:
        """Single-step."""
        return ptrace.SINGLESTEP

    def stepped(self) -> Event | None:
        """Look at the instruction ahead."""
        return self._done() if self.ahead().kind in self._kinds else None


class StepToSyscall(Plan):
    """Run to the entry of the thread's next system call."""

    name = "stepsys"

    def request(self) -> int:
        """Stop at system calls."""
        return ptrace.SYSCALL

    def at_syscall(self, info: SyscallInfo) -> Event | None:
        """Stop at an entry; the front end shows the call."""
        return self._done() if info.op == "entry" else None


class RunTo(Plan):
    """Run until one of some addresses is reached, or the frame returns.

    ``cfa`` is the frame's canonical frame address: with it, ``caller`` ends the plan once the
    frame is gone.
    """

    def __init__(
        self,
        thread: Thread,
        name: str,
        addrs: Iterable[int],
        *,
        caller: int | None = None,
        cfa: int | None = None,
        mine: Callable[[Thread], bool] | None = None,
    ) -> None:
        """Run to ``addrs`` in the thread, or in those that are ``mine``: a goroutine moves."""
        super().__init__(thread)
        self.name = name
        self._mine = mine or (lambda other: other is thread)
        self._addrs = frozenset(addrs)
        self._caller = caller
        self._cfa = cfa

    def begin(self) -> None:
        """Plant the sites."""
        for addr in self._addrs:
            self.add_site(addr)
        if self._caller is not None:
            self.add_site(self._caller)

    def reached(self, thread: Thread) -> Event | None:
        """Check thread and frame."""
        if not self._mine(thread):
            return None
        if self.is_back(thread) or thread.pc in self._addrs:
            return LocationReached(thread.inferior.pid, thread.tid, self.name)
        return None

    def is_back(self, thread: Thread) -> bool:
        """Tell whether the frame has returned to its caller."""
        return thread.pc == self._caller and self._cfa is not None and thread.sp >= self._cfa


class Finish(Plan):
    """Run until a frame has returned to its caller."""

    name = "finish"

    def __init__(self, thread: Thread, caller: int, cfa: int, function: int = 0) -> None:
        """Go to ``caller``; ``function`` is an address in what returns."""
        super().__init__(thread)
        self._caller = caller
        self._cfa = cfa
        self._function = function

    def begin(self) -> None:
        """Plant the site behind the call."""
        self.add_site(self._caller)

    def reached(self, thread: Thread) -> Event | None:
        """Check that it is the frame itself that returned and not a deeper recursion."""
        if thread is not self.thread or thread.sp < self._cfa:
            return None
        return self._finished(thread)

    def _finished(self, thread: Thread) -> Event:
        register = thread.inferior.arch.call_ret
        value = thread.registers.get(register)
        # A function that the user called: its caller's registers are put back at this place.
        block = thread.registers
        thread.left = block.copy() if thread.calls else None
        return FunctionFinished(thread.inferior.pid, thread.tid, value, register, self._function)


class CallFunction(Plan):
    """Call a function of the inferior and come back to where the thread was.

    ``lay_out`` says what is put where, given where the stack is free; ``take`` is asked for the
    result while the registers still hold it. The return address is one that nothing else
    executes (the program's entry); registers are saved whole, and restored when the call is over
    or given up. A call that something stops stays on the thread's list ``calls``: its frame is
    one of the stack then, and when it returns at last nothing is told.

    ``forbidden`` are the addresses of functions that end the program (``std::terminate``): the
    call is undone before them.
    """

    name = "call"

    def __init__(
        self,
        thread: Thread,
        addr: int,
        lay_out: Callable[[int], Passing],
        take: Callable[[Passing], Any],
        landing: int,
        forbidden: Iterable[int] = (),
    ) -> None:
        super().__init__(thread)
        self._addr = addr
        self._lay_out = lay_out
        self._take = take
        self.landing = landing
        self._forbidden = frozenset(forbidden)
        self._saved = b""
        self._stop_pc: int | None = None
        self._signal = 0
        self._xsave: bytes | None = None
        self._passing: Passing | None = None
        self.sp = 0
        """The stack pointer behind the return: what the call frame address of the callee is."""
        self.is_over = False
        """Whether the thread is where it was before."""
        self.told = False
        """Whether a stop in the function was told: its result is of no interest any more."""
        self.terminated = False
        self.result: Any = None

    def begin(self) -> None:
        """Set up the frame of the call (psABI, "The Stack Frame")."""
        thread, inferior = self.thread, self.thread.inferior
        arch, block = inferior.arch, thread.registers
        thread.flush()
        self._saved = bytes(thread.gpr)
        self._stop_pc = thread.stop_pc
        self._signal, thread.signal = thread.signal, 0  # It waits until the call is over.
        self._xsave = bytes(block.xsave)
        size = arch.pointer_size
        passing = self._passing = self._lay_out(self._free(thread.sp))
        self.sp = passing.sp
        for addr, data in passing.memory:
            inferior.write(addr, data)
        inferior.write(self.sp - size, self.landing.to_bytes(size, "little"))
        for name, data in passing.registers:
            block.put(name, data)
        block.set(arch.syscall_number, (1 << 64) - 1)
        block.set(arch.sp, self.sp - size)
        block.set(arch.fp, self.sp - size)
        thread.pc = self._addr
        self.add_site(self.landing)
        for addr in self._forbidden:
            self.add_site(addr)
        thread.calls.append(self)

    def _free(self, sp: int) -> int:
        """Return where the stack is free: as in gdb, the addresses of locals are the same then.

        Below the red zone, aligned, less the room for code (infcall.c, i386_push_dummy_code).
        """
        free = (sp & -16) - self.thread.inferior.arch.red_zone
        return (free if free != sp else free - 16) - 16

    def saved_registers(self) -> dict[int, int]:
        """Return the general registers from before the call, by DWARF number."""
        from pydbg.arch.registers import RegisterBlock

        arch = self.thread.inferior.arch
        block = RegisterBlock(arch, bytearray(self._saved), lambda: b"")
        return {**block.by_dwarf(), arch.return_column: block.get(arch.pc)}

    def reached(self, thread: Thread) -> Event | None:
        """Take the result and put the registers back."""
        if thread is not self.thread or self.is_over:
            return None
        if thread.pc in self._forbidden and thread.pc != self.landing:
            self.terminated = True
        elif thread.sp < self.sp:
            return None
        else:
            assert self._passing is not None
            self.result = None if self.told else self._take(self._passing)
        self.restore()
        return self._done()

    def end(self) -> None:
        """Stay until the function returns, also when something stopped it in between."""
        if self.is_over or self.thread.gone:
            super().end()

    def restore(self) -> None:
        """Put the thread back to before the call."""
        thread = self.thread
        self.is_over = True
        self.end()
        if self in thread.calls:
            at = thread.calls.index(self)
            inner, thread.calls[at:] = thread.calls[at + 1 :], []
            for call in inner:
                call.forget()
        thread.registers  # noqa: B018 - fetched, so that the restored bytes stay
        thread.gpr[:] = self._saved
        thread.block.dirty_gpr = True
        if self._xsave is not None:
            thread.block.xsave[:] = self._xsave
            thread.block.dirty_xsave = True
        thread.stop_pc = self._stop_pc
        thread.signal = self._signal
        try:
            thread.flush()
        except DebuggerError:
            return  # The thread is gone; its exit is told by the loop.

    def forget(self) -> None:
        """Give up without touching the thread: what it called has left the stack."""
        self.is_over = True
        self.end()
        if self in self.thread.calls:
            self.thread.calls.remove(self)


def plan_of(thread: Thread) -> Any:
    """Return the plan on top of a thread's stack, or None."""
    return thread.plans[-1] if thread.plans else None
