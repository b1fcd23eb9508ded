"""One tracee: its stop, its registers, the signal it is owed and what it is up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.arch.registers import RegisterBlock
from pydbg.errors import MemoryFault
from pydbg.linux import ptrace, wait
from pydbg.rawstops import EventStop, RawStop

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydbg.linux.ptrace import SyscallInfo
    from pydbg.target.inferior import Inferior

NT_X86_XSTATE = 0x202
SI_KERNEL = 0x80
RESTARTS = frozenset({512, 513, 514, 516})
"""What an interrupted system call that is made again returns inside the kernel (errno.h)."""
_RESUME_FLAG, _TRAP_FLAG = 1 << 16, 1 << 8
_PUSHF, _POPF = b"\x9c", b"\x9d"
_SHORT, _REX = b"\x66", [bytes((rex,)) for rex in range(0x40, 0x50)]


def si_code(thread: Thread) -> int:
    """Return si_code of the signal a thread is stopped by (sigaction(2))."""
    return int.from_bytes(ptrace.getsiginfo(thread.tid)[8:12], "little", signed=True)


def signal_sender(thread: Thread) -> int:
    """Return si_pid of the signal a thread is stopped by, 0 if no process sent it."""
    data = ptrace.getsiginfo(thread.tid)
    code = int.from_bytes(data[8:12], "little", signed=True)
    return int.from_bytes(data[16:20], "little") if code <= 0 else 0


class Thread:
    """Hold everything that belongs to one task of an inferior.

    Registers are fetched at the first use after a stop and written back before the next
    resume. ``pc`` never lies inside a slot of a site: a stop there is told at the address the
    displaced instruction came from.
    """

    __slots__ = (
        "_moved",
        "_pc_at",
        "_sp_at",
        "_valid",
        "_width",
        "armed",
        "block",
        "calls",
        "given_name",
        "gone",
        "gpr",
        "group_stop",
        "inferior",
        "injected",
        "interrupting",
        "left",
        "number",
        "owed",
        "pending",
        "plans",
        "pushes_flags",
        "refusal",
        "request",
        "restarting",
        "rewound",
        "running",
        "signal",
        "skip",
        "stepping",
        "stop",
        "stop_pc",
        "stop_requested",
        "syscall",
        "tid",
        "told_signal",
        "trap_leaks",
        "vforking",
        "want_return",
        "zombie",
    )

    def __init__(self, inferior: Inferior, tid: int, number: int) -> None:
        self.inferior = inferior
        self.tid = tid
        self.number = number
        self.given_name = ""
        """What the user calls it (``thread name``)."""
        self.gpr = bytearray(ptrace.USER_REGS_SIZE)
        self.running = False
        self.gone = False
        self.zombie = False
        """Whether it is on its way out: it neither stops nor resumes any more.

        A group leader may stay so for long: its end is reported after that of all others.
        """
        self.stop: RawStop | None = None
        self.pending: RawStop | None = None
        """A stop that happened while another thread's was told; told at the next resume."""
        self.signal = 0
        """The signal to deliver at the next resume."""
        self.group_stop = False
        self.stop_pc: int | None = None
        """Where the thread last stopped for the user: from there, a site is stepped off."""
        self.skip: tuple[int, int] | None = None
        """A site (addr, sp) whose next hit is not one: a signal handler returned to it."""
        self.told_signal = False
        """Whether the signal to deliver was told to the user."""
        self.owed = 0
        """A signal that is delivered after a step that comes first."""
        self.interrupting = False
        """Whether it was asked to stop and has not done so yet."""
        self.restarting = False
        """Whether the kernel makes its system call once more, which we interrupted."""
        self.stop_requested = False
        """Whether a SIGSTOP of ours is on its way to it."""
        self.rewound: int | None = None
        """The site of a hit that was noted, pc put back, but not judged yet."""
        self.vforking: Inferior | None = None
        """The vfork child that it waits for: until that execs, nothing can stop it."""
        self.stepping = False
        self.pushes_flags = False
        """Whether it is stepped over an instruction that would push our trap flag."""
        self.trap_leaks = False
        """Whether the kernel shows our trap flag as the program's own."""
        self.request = 0
        """The ptrace request that it was last resumed by."""
        self.plans: list[Any] = []
        self.calls: list[Any] = []
        """Functions that the user called in it and that have not returned."""
        self.left: RegisterBlock | None = None
        """The registers that a function left by `finish` came back with, where they are gone."""
        self.syscall: SyscallInfo | None = None
        self.want_return = False
        self.refusal: Callable[[], None] | None = None
        """What is done to the call that it is about to make, when it is resumed."""
        self.injected = False
        """Whether the result of the call that it is in is not the kernel's."""
        self.armed: tuple[int, ...] | None = None
        """What the debug registers of this thread hold, None for unknown."""
        self.set_arch()

    def set_arch(self) -> None:
        """Take over the arch of the inferior (it may change at an exec)."""
        arch = self.inferior.arch
        self.block = RegisterBlock(arch, self.gpr, self._fetch_xsave)
        self._pc_at = arch.gpr_offsets[arch.pc]
        self._sp_at = arch.gpr_offsets[arch.sp]
        self._width = arch.pointer_size
        self._valid = False
        self._moved = False
        """Whether the pc was changed, and nothing else that is not noted elsewhere."""

    def __repr__(self) -> str:
        return f"<Thread {self.number} tid={self.tid}>"

    # --- registers ---------------------------------------------------------------------------

    def _fetch_xsave(self) -> bytes:
        return ptrace.getregset(self.tid, NT_X86_XSTATE)

    def siginfo(self) -> bytes:
        """Return the ``siginfo_t`` of the signal that it is stopped by, as this process has it.

        >>> import pydbg
        >>> with pydbg.launch("/bin/sh", "-c", "kill -USR1 $$") as dbg:
        ...     event = dbg.cont()
        ...     dbg.thread.siginfo()[0], len(dbg.thread.siginfo())
        (10, 128)
        """
        return ptrace.getsiginfo(self.tid)

    def fetch(self) -> bytearray:
        """Return the raw user_regs_struct of the stopped thread.

        A program that runs on in 32-bit mode has its registers' low halves in it.
        """
        if not self._valid:
            ptrace.getregs(self.tid, self.gpr)
            self._valid = True
        return self.gpr

    @property
    def registers(self) -> RegisterBlock:
        """Return the registers, fetched if they were not yet."""
        if not self._valid:
            self.fetch()
        return self.block

    @property
    def pc(self) -> int:
        """Return the program counter.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.thread.pc == dbg.regs.rip
        True
        """
        if not self._valid:
            self.fetch()
        at = self._pc_at
        return int.from_bytes(self.gpr[at : at + self._width], "little")

    @pc.setter
    def pc(self, addr: int) -> None:
        if not self._valid:
            self.fetch()
        at = self._pc_at
        self.gpr[at : at + 8] = addr.to_bytes(8, "little")
        self._moved = True

    @property
    def sp(self) -> int:
        """Return the stack pointer.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.thread.sp == dbg.regs.rsp
        True
        """
        if not self._valid:
            self.fetch()
        at = self._sp_at
        return int.from_bytes(self.gpr[at : at + self._width], "little")

    def flush(self) -> None:
        """Write changed registers back to the kernel."""
        block = self.block
        if block.dirty_gpr:
            ptrace.setregs(self.tid, self.gpr)
            block.dirty_gpr = False
        elif self._moved:  # As at every breakpoint: one word is written faster than 27.
            ptrace.pokeuser(self.tid, self._pc_at, self.pc)
        self._moved = False
        if block.dirty_xsave:
            ptrace.setregset(self.tid, NT_X86_XSTATE, bytes(block.xsave))
            block.dirty_xsave = False

    def invalidate(self) -> None:
        """Forget the registers: the thread ran."""
        self._valid = self._moved = False
        self.block.forget()

    # --- what it is at ---------------------------------------------------------------------

    @property
    def is_awaited(self) -> bool:
        """Tell whether its next stop is still to come."""
        return self.running and not self.zombie

    @property
    def stoppable(self) -> bool:
        """Tell whether it runs and would stop soon if it were asked to."""
        return self.running and not self.zombie and self.vforking is None

    def in_restart(self) -> bool:
        """Tell whether the system call it was last seen to enter was cut short, to be redone."""
        number = self.registers.get(self.inferior.arch.syscall_number)
        same = self.syscall is not None and number == self.syscall.nr
        return same and self._is_cut_short()

    def pass_restart(self) -> None:
        """Let a breakpoint on a system call that is made again pass: it was told already."""
        arch = self.inferior.arch
        addr = self.pc - len(arch.syscall_insns[0])
        site = self.inferior.sites.at(addr)
        if site is not None and site.is_call and self._is_cut_short():
            self.skip = (addr, self.sp)

    def _is_cut_short(self) -> bool:
        arch, block = self.inferior.arch, self.registers
        bits = arch.pointer_size * 8
        number = block.get(arch.syscall_number)
        return not number >> (bits - 1) and (1 << bits) - block.get(arch.syscall_ret) in RESTARTS

    def rewind(self) -> None:
        """Put the pc of a thread that ran into an int3 of ours back to the site.

        It was stopped because another thread's stop is being dealt with. Whoever looks at it
        meanwhile sees a pc before the instruction; the hit is judged later.
        """
        arch = self.inferior.arch
        addr = self.pc - arch.breakpoint_adjust
        site = self.inferior.sites.at(addr)
        if site is None:
            if self.is_ghost_trap():
                self.pc = self.rewound = addr
        elif not self.stepping or si_code(self) == SI_KERNEL:
            self.pc = self.rewound = addr

    def is_ghost_trap(self) -> bool:
        """Tell whether it ran into an int3 of ours that was taken out meanwhile."""
        if si_code(self) != SI_KERNEL:
            return False
        inferior = self.inferior
        insn = inferior.arch.breakpoint
        pc = self.pc
        try:
            before = inferior.memory.read(pc - 2, 2)
        except MemoryFault:
            before = b"\0" + inferior.memory.read_some(pc - 1, 1)
        # The program's own int3 (CC, or CD 03) is still there.
        return not before.endswith(insn) and before != b"\xcd\x03"

    def watch_flags(self) -> None:
        """Note before a step whether our trap flag would be left in what the program sees.

        A pushf stores it; after a popf the kernel takes it for the program's own until the
        thread runs freely.
        """
        code = self.inferior.memory.read_some(self.pc, 2)
        wide = self.inferior.arch.pointer_size == 8
        insn = code[1:] if code[:1] == _SHORT or (wide and code[:1] in _REX) else code[:1]
        if insn not in (_PUSHF, _POPF):
            return
        own = self.registers.get(self.inferior.arch.flags) & _TRAP_FLAG
        if insn == _PUSHF:
            self.pushes_flags = not own
        elif not own and not self._pushed_flags() & _TRAP_FLAG:
            self.trap_leaks = True

    def _pushed_flags(self) -> int:
        return int.from_bytes(self.inferior.memory.read_some(self.sp, 2), "little")

    def clean_flags(self) -> None:
        """Take the trap flag of a finished step away from where the program would find it."""
        if self.pushes_flags:
            self.pushes_flags = False
            flags = self._pushed_flags() & ~_TRAP_FLAG
            self.inferior.memory.write(self.sp, flags.to_bytes(2, "little"))
        if self.trap_leaks:
            name = self.inferior.arch.flags
            flags = self.registers.get(name)
            if flags & _TRAP_FLAG:
                self.registers.set(name, flags & ~_TRAP_FLAG)

    def pass_hardware(self, addr: int) -> None:
        """Let the instruction at the pc run past the debug register that watches for it.

        The resume flag of EFLAGS does that (Intel SDM vol. 3B, 18.3.1.1).
        """
        flags = self.inferior.arch.flags
        if self.pc == addr:
            self.registers.set(flags, self.registers.get(flags) | _RESUME_FLAG)

    # --- running -----------------------------------------------------------------------------

    def skip_call(self, value: int) -> None:
        """Have the call that it is about to make not made; it returns ``value`` instead.

        The kernel makes no call of number -1, and leaves the result register alone then
        (do_syscall_64, do_syscall_32_irqs_on).

        >>> import pydbg
        >>> with pydbg.launch("/bin/cat", "/etc/hostname", stderr="/dev/null") as dbg:
        ...     catch = dbg.catch_syscall("openat")
        ...     event = dbg.cont()
        ...     dbg.thread.skip_call(-13)
        ...     dbg.cont().ret
        -13
        """
        arch, block = self.inferior.arch, self.registers
        block.set(arch.syscall_number, (1 << 64) - 1)
        block.set(arch.syscall_ret, value & (1 << 64) - 1)

    def resume(self, request: int) -> None:
        """Resume by PTRACE_CONT, PTRACE_SYSCALL or PTRACE_SINGLESTEP with the owed signal.

        Raises ThreadGone; the exit is then to be waited for.
        """
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            self.running = True  # Also if it was killed meanwhile: its exit is waited for.
            refusal()
        block = self.block
        if self._moved or block.dirty_gpr or block.dirty_xsave:
            self.flush()
        if isinstance(self.stop, EventStop) and self.stop.event == "exit":
            self.zombie = True
        signo = self.signal
        self.signal = 0
        self.told_signal = False
        self.request = request
        self.running = True
        self.stepping = request == ptrace.SINGLESTEP
        self.group_stop = False
        self._valid = False
        self.inferior.sites.kept = None
        block.forget()
        if request == ptrace.CONT:
            ptrace.cont(self.tid, signo)
        elif request == ptrace.SINGLESTEP:
            ptrace.step(self.tid, signo)
        else:
            ptrace.syscall(self.tid, signo)

    def stopped(self, status: int) -> RawStop:
        """Note a wait status and return it decoded."""
        self.running = False
        self.vforking = None
        self._valid = False
        stop = wait.decode(self.tid, status)
        self.stop = stop
        return stop
