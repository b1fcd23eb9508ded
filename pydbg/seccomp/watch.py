"""What a profile refuses of a run: seen as it happens, decoded, with the stack and the rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.calls import CallReader
from pydbg.crash.gather import frame_row
from pydbg.crash.records import FrameRow
from pydbg.errors import DebuggerError
from pydbg.records import Record
from pydbg.seccomp.evaluate import Verdict, is_x32
from pydbg.seccomp.follow import Follower
from pydbg.seccomp.sandbox import Sandbox, abi_of

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.events import Exited, Killed
    from pydbg.linux.ptrace import SyscallInfo
    from pydbg.target.thread import Thread

__all__ = ["Refusal", "Watch", "call_text", "reason", "table_abi"]

_FRAMES = 64


class Refusal(Record):
    """Hold one call that a profile refuses, and where it came from.

    ``call`` is the call as strace shows it, ``why`` what decides.
    """

    tid: int
    name: str
    call: str
    verdict: Verdict
    why: str
    frames: tuple[FrameRow, ...] = ()
    more: bool = False
    word_size: int = 8


class Watch:
    """Run a program under a profile, or, without ``enforce``, as if under it.

    ``emit`` gets each refusal that is new; the same call from the same stack is only counted.
    """

    def __init__(
        self,
        dbg: Debugger,
        sandbox: Sandbox,
        emit: Callable[[Refusal], None],
        *,
        enforce: bool = False,
    ) -> None:
        self._dbg = dbg
        self._sandbox = sandbox
        self._emit = emit
        self._enforce = enforce
        self._known: set[object] = set()
        self._follower: Follower
        self.refused: Counter[str] = Counter()
        """How often each call was refused, by name."""

    def run(self) -> Exited | Killed:
        """Start the program, follow all that it starts, and return how it ended itself."""
        self._sandbox.install(self._dbg.start_process())
        signalled = self._sandbox.signalled if self._enforce else None
        self._follower = Follower(self._dbg, self._call, on_signal=signalled)
        return self._follower.run()

    def _call(self, thread: Thread, info: SyscallInfo) -> None:
        verdict = self._sandbox.verdict(info)
        if not verdict.refuses:
            return  # Another filter of the program's stops here.
        self._tell(thread, info, verdict)
        if self._enforce:
            self._sandbox.carry_out(thread, info, verdict)

    def _tell(self, thread: Thread, info: SyscallInfo, verdict: Verdict) -> None:
        from pydbg.syscalls.table import table_for

        name = table_for(table_abi(info)).call(info.nr).name
        self.refused[name] += 1
        frames = self._follower.frames(thread, _FRAMES + 1)
        key = (info.arch, info.nr, verdict, tuple(frame.addr for frame in frames), info.ip)
        if key in self._known:
            return
        self._known.add(key)
        self._emit(
            Refusal(
                tid=thread.tid,
                name=name,
                call=call_text(thread, info, verdict if self._enforce else None),
                verdict=verdict,
                why=reason(self._sandbox, info, verdict),
                frames=tuple(frame_row(None, frame) for frame in frames[:_FRAMES]),
                more=len(frames) > _FRAMES,
                word_size=thread.inferior.arch.pointer_size,
            )
        )


def table_abi(info: SyscallInfo) -> str:
    """Return the system call table that a call belongs to."""
    abi = abi_of(info)
    return "x32" if abi == "x86_64" and is_x32(info.nr) else abi


def call_text(thread: Thread, info: SyscallInfo, verdict: Verdict | None) -> str:
    """Return a call as strace shows it; with a verdict that was carried out, with its result."""
    from pydbg.syscalls.decode import decode
    from pydbg.syscalls.table import table_for

    call = table_for(table_abi(info)).call(info.nr)
    try:
        reader = CallReader(thread)
        entry = decode(call, info.args, reader)
        if verdict is None:
            return entry.line()
        ret = None if verdict.kills else -verdict.errno
        return decode(call, info.args, reader, ret=ret, phase="return", entry=entry).line()
    except DebuggerError:
        return f"{call.name}(...)"  # It was killed meanwhile.


def reason(sandbox: Sandbox, info: SyscallInfo, verdict: Verdict) -> str:
    """Return what decides, and what the call would have had to be like to be allowed."""
    if verdict.rule is not None:
        return verdict.why
    wanted = sandbox.judge.explain(table_abi(info), info.nr)
    return f"{verdict.why}; its rules want {wanted}" if wanted else verdict.why
