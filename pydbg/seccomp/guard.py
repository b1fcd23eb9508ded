"""Refusals under the debugger: by the profile of ``set seccomp-profile``, by the program's own.

With a profile, the filter made of it stops what it refuses, and only that. Without one,
``catch seccomp`` stops at every call (PTRACE_SYSCALL: before the kernel asks the filters) and
interprets the program's own filters, which the kernel hands out to CAP_SYS_ADMIN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import CommandError, DebuggerError, PtraceError
from pydbg.events import Note
from pydbg.linux import procfs, ptrace

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.linux.ptrace import SyscallInfo
    from pydbg.seccomp.sandbox import Sandbox
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread

__all__ = ["Guard", "filters_of"]

_EACCES, _EPERM, _EIO = 13, 1, 5


def filters_of(tid: int) -> list[bytes]:
    """Return the seccomp filters of a stopped thread, newest first.

    Raises CommandError with the reason where the kernel does not hand them out.
    """
    found: list[bytes] = []
    mode = procfs.status(tid).get("Seccomp", "0")
    if mode == "0":
        return found
    if mode == "1":
        raise CommandError("Seccomp's strict mode: read, write, _exit and sigreturn, else SIGKILL.")
    try:
        while (program := ptrace.seccomp_get_filter(tid, len(found))) is not None:
            found.append(program)
    except PtraceError as error:
        reasons = {
            _EACCES: "it takes CAP_SYS_ADMIN, and a debugger without a filter of its own",
            _EPERM: "it takes CAP_SYS_ADMIN",
            _EIO: "it was built without CONFIG_CHECKPOINT_RESTORE",
        }
        why = reasons.get(error.errno, str(error))
        raise CommandError(f"The kernel does not show seccomp filters: {why}.") from None
    return found


class Guard:
    """Judge the calls that stop, and have done to them what the profile says."""

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg
        self.sandbox: Sandbox | None = None
        """The profile that the program lives under."""
        self._filters: dict[int, tuple[str, list[bytes]]] = {}
        """The filters of each thread, and how many the kernel said there are."""
        self._told = False

    def start(self, inferior: Inferior) -> None:
        """Put a program that was just launched under the profile of the settings.

        Raises ProfileError, or CommandError with the kernel's answer.
        """
        self.sandbox, self._told = None, False
        self._filters.clear()
        path = str(self._dbg.settings["seccomp-profile"])
        if not path:
            return
        from pydbg.seccomp.evaluate import Judge, this_machine
        from pydbg.seccomp.profile import load
        from pydbg.seccomp.sandbox import Sandbox

        profile = load(path)
        for warning in profile.warnings:
            self._dbg.notify(Note(inferior.pid, inferior.pid, warning))
        sandbox = Sandbox(Judge(profile, this_machine()))
        sandbox.install(inferior)
        self.sandbox = sandbox

    def watches(self, inferior: Inferior) -> bool:
        """Tell whether refusals are found without stopping at every call."""
        return self.sandbox is not None and "seccomp" in inferior.filtered

    def judge(self, thread: Thread, info: SyscallInfo, *, caught: bool) -> str:
        """Return in words why a call is refused, "" if it is not; see to it that it will be.

        ``caught`` says that somebody wants to know of the program's own filters too.
        """
        if self.watches(thread.inferior):
            return self._by_profile(thread, info)
        return self._by_filters(thread, info) if caught else ""

    def signalled(self, thread: Thread, signo: int) -> None:
        """Put a thread's registers in order before a SIGSYS is delivered."""
        if self.sandbox is not None:
            self.sandbox.signalled(thread, signo)

    def _by_profile(self, thread: Thread, info: SyscallInfo) -> str:
        from pydbg.seccomp.watch import reason

        sandbox = self.sandbox
        assert sandbox is not None
        verdict = sandbox.verdict(info)
        if not verdict.refuses:
            return ""
        thread.refusal = lambda: sandbox.carry_out(thread, info, verdict)
        thread.injected = not verdict.kills
        return f"{verdict.text()}: {reason(sandbox, info, verdict)}"

    def _by_filters(self, thread: Thread, info: SyscallInfo) -> str:
        from pydbg.syscalls import bpf
        from pydbg.syscalls.bpftext import action_text

        try:
            filters = self._of(thread)
        except DebuggerError as error:
            if not self._told:
                self._told = True
                self._dbg.notify(Note(thread.inferior.pid, thread.tid, f"catch seccomp: {error}"))
            return ""
        answers = [bpf.run(one, info.nr, info.arch, info.ip, info.args) for one in filters]
        value = bpf.strictest(answers)
        if value & bpf.ACTION_MASK >= bpf.RET_NOTIFY and value >> 31 == 0:
            return ""
        return f"{action_text(value)}: filter {answers.index(value) + 1} of {len(filters)}"

    def _of(self, thread: Thread) -> list[bytes]:
        status = procfs.status(thread.tid)
        count = status.get("Seccomp_filters", "")  # Linux 5.9.
        if status.get("Seccomp") != "2" or count == "0":
            return []
        known = self._filters.get(thread.tid)
        if known is None or known[0] != count or not count:
            known = self._filters[thread.tid] = count, filters_of(thread.tid)
        return known[1]
