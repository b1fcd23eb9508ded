"""System calls on their way: shown as they are made, kept for later, counted.

``trace syscalls`` shows them as ``pydbg trace`` does: what is decoded here is told to the same
writer of lines (:mod:`pydbg.trace.lines`). ``set syscall-history`` keeps the last ones of each
thread. Both look at stops that happen anyway or that they ask for; with both off, a call that
stops for a catchpoint is counted, and nothing else is done.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydbg.denials import INJECTED
from pydbg.errors import DebuggerError, ThreadGone, UsageError
from pydbg.events import CallTraced, Event, GroupStopped, SyscallCaught
from pydbg.linux import ptrace
from pydbg.rawstops import ThreadExit, ThreadKilled
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.linux.ptrace import SyscallInfo
    from pydbg.syscalls.decode import Options
    from pydbg.target.inferior import Inferior
    from pydbg.target.thread import Thread
    from pydbg.trace.sets import Chosen
    from pydbg.trace.tasks import Row, Task

__all__ = ["CallLog", "History"]

_COLUMN = 40
"""Where the equals sign stands at least, as in a trace."""
_ENDED = 16
"""So many threads that have ended keep their history while their process lives."""
_MOST = 1_000_000

Numbers = dict[str, frozenset[int]]


class History(Record, frozen=False, eq=False):
    """Hold the last calls of a thread: (when, line), the oldest first.

    ``inside`` is the call that it has not come back from, "" for none.
    """

    pid: int
    tid: int
    number: int
    calls: deque[tuple[int, str]]
    inside: str = ""
    ended: bool = False


class CallLog:
    """Watch the system calls of a debugger's processes.

    >>> import pydbg
    >>> with pydbg.Debugger("/bin/echo", ["hi"]) as dbg:
    ...     dbg.stdout = "/dev/null"
    ...     lines = []
    ...     silence = dbg.on_event(lambda e: lines.append(getattr(e, "text", "")))
    ...     dbg.calllog.show("write")
    ...     event = dbg.run()
    >>> [line for line in lines if line.startswith("write")]
    ['write(1, "hi\\\\n", 3)                     = 3']
    """

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg
        self.spec = ""
        """What is shown, as it was asked for; "" for nothing."""
        self._chosen: Chosen | None = None
        self._lines: Any = None
        self._teller = (0, 0)
        """Whose line is being written: process and thread."""
        self._depth = 0
        self._tasks: dict[int, Task] = {}
        self._ending = 0
        self._kept: dict[int, History] = {}
        self._clock = 0
        self._rows: dict[tuple[str, int], Row] = {}
        self._printing: Options | None = None
        self.seen: Counter[tuple[str, int]] = Counter()
        """How often each call was seen in this run, by ABI and number."""
        self.everything = True
        """Whether all calls of this run were seen."""
        dbg.settings.on_change("syscall-history", self._resize)
        self._resize(dbg.settings["syscall-history"])

    def __bool__(self) -> bool:
        return self._chosen is not None or self._depth > 0

    # --- what is wanted ----------------------------------------------------------------------

    def show(self, spec: str | None) -> None:
        """Show calls from now on: a set as ``pydbg trace -e trace=`` takes it; None: no more.

        Raises UsageError, which names near names.
        """
        if spec is None:
            self.pause()
            self.spec, self._chosen = "", None
            return
        from pydbg.trace.sets import resolve

        self._chosen = resolve(spec)
        self.spec = spec
        if self._lines is None:
            self._lines = _lines(self._tell, self._count)
            self._dbg.on_event(self._noticed)

    def _resize(self, value: Any) -> None:
        if not isinstance(value, int) or not 0 <= value <= _MOST:
            raise UsageError(f"A number from 0 (off) to {_MOST} is expected.")
        self._depth = value
        for history in self._kept.values():
            history.calls = deque(history.calls, value)
        if not value:
            self._kept.clear()

    @property
    def is_asked(self) -> bool:
        """Tell whether calls are to stop for it."""
        return bool(self._depth) or self._chosen is not None

    def wanted(self, others: Numbers) -> Numbers | None:
        """Return the calls to stop at, with those that ``others`` name; None for all of them."""
        if self._depth:
            return None
        if self._chosen is None:
            return others
        mine = self._chosen.filter_numbers()
        if mine is None:
            return None
        empty: frozenset[int] = frozenset()
        return {abi: mine.get(abi, empty) | others.get(abi, empty) for abi in {*mine, *others}}

    # --- what happens ------------------------------------------------------------------------

    def started(self) -> None:
        """Begin anew with a program that is started."""
        self.seen.clear()
        self.everything = True

    def entered(self, thread: Thread, info: SyscallInfo, abi: str) -> bool:
        """Take note of a call that begins; tell whether its return is wanted."""
        self.seen[abi, info.nr] += 1
        if not self:
            return False
        shown = self._chosen is not None and self._chosen.has(abi, info.nr)
        task = self._task(thread)
        task.inside = shown or self._depth > 0
        if not task.inside:
            return False
        task.hidden = not shown
        task.row = self._row(abi, info.nr)
        task.args, task.ip, task.sp = info.args, info.ip, info.sp
        task.ended = task.ret = None
        task.reader.sp = info.sp
        task.reader.word_size = 4 if abi == "i386" else 8
        task.entry = self._decoded(task, None)
        if self._depth:
            from pydbg.trace.lines import beginning

            self._history(thread).inside = beginning(task.entry)[0]
        if shown:
            self._turn(task)
            self._lines.entered(task)
        return True

    def returned(self, thread: Thread, ret: int) -> bool:
        """Take note of a call that comes back; tell whether it was shown."""
        task = self._tasks.get(thread.tid)
        if task is None or not task.inside:
            return False
        task.inside = False
        task.ret = ret
        ended = task.ended = self._decoded(task, ret)
        if thread.injected:
            ended.ret_text = f"{ended.ret_text}{INJECTED}"
        if self._depth:
            self._keep(thread, ended.line(_COLUMN))
        if not self._told(task):
            return False
        self._turn(task)
        self._lines.returned(task)
        return True

    def signalled(self, thread: Thread, signo: int) -> None:
        """Take note of a signal that is about to be delivered."""
        if self._chosen is None:
            return
        try:
            info = ptrace.getsiginfo(thread.tid)
        except ThreadGone:
            raise
        except DebuggerError:
            info = b""
        task = self._task(thread)
        self._turn(task)
        self._lines.signalled(task, signo, info)

    def ended(self, thread: Thread, stop: object) -> None:
        """Take note of a thread's end."""
        self._history_ends(thread.tid)
        if not self or not isinstance(stop, ThreadExit | ThreadKilled) or thread.inferior.silent:
            self._tasks.pop(thread.tid, None)
            return
        task = self._task(thread)
        self._tasks.pop(thread.tid)
        if self._chosen is None:
            return
        self._ending = 1
        self._turn(task)
        if task.inside and not task.hidden:
            self._lines.unfinished(task)
        self._lines.ended(task, stop)
        self._ending = 0

    def execed(self, thread: Thread) -> None:
        """Follow a thread through an exec: it has the leader's id now, the others are gone."""
        if not self:
            return
        former = ptrace.geteventmsg(thread.tid)
        if former != thread.tid:
            leader = self._task(thread)
            if self._chosen is not None:
                self._turn(leader)
                if leader.inside and not leader.hidden:
                    self._lines.unfinished(leader)
                self._lines.superseded(leader, former)
            self._tasks.pop(thread.tid)
            task = self._tasks.pop(former, None)
            if task is not None:
                task.tid = task.reader.tid = thread.tid
                self._tasks[thread.tid] = task
                thread.want_return = task.inside
            history = self._kept.pop(former, None)
            if history is not None:
                history.tid = thread.tid
                self._kept[thread.tid] = history
        pid = thread.inferior.pid
        self._tasks = {
            tid: one for tid, one in self._tasks.items() if one.pid != pid or tid == thread.tid
        }

    def left(self, inferior: Inferior) -> None:
        """Drop what is known of a process that has ended or was let go; its history stays."""
        self.pause()
        for task in [task for task in self._tasks.values() if task.pid == inferior.pid]:
            self._tasks.pop(task.tid)

    def pause(self, event: Event | None = None) -> None:
        """Write the line that was begun, if any: the program stops, by ``event``.

        A stop at the very call shows it itself.
        """
        begun = self._lines.begun if self._lines is not None else None
        if begun is None:
            return
        if isinstance(event, SyscallCaught) and event.tid == begun.tid and begun.inside:
            return
        self._teller = begun.pid, begun.tid
        self._lines.pause()

    # --- history -----------------------------------------------------------------------------

    def histories(self) -> list[History]:
        """Return what is kept, a thread each, in the order of their numbers."""
        return sorted(self._kept.values(), key=lambda one: (one.pid, one.number))

    def last_calls(self, count: int | None = None) -> tuple[str, ...]:
        """Return the last calls of all threads of the current process in their order.

        Where there are several threads each line names its own.
        """
        inferior = self._dbg.inferior
        kept = [one for one in self._kept.values() if inferior and one.pid == inferior.pid]
        many = len(kept) > 1
        rows: list[tuple[int, str]] = []
        for one in kept:
            mark = f"[pid {one.tid:5}] " if many else ""
            rows += [(when, mark + line) for when, line in one.calls]
            if one.inside:
                rows.append((self._clock + 1, f"{mark}{one.inside} <unfinished ...>"))
        rows.sort(key=lambda row: row[0])
        return tuple(line for _, line in rows[-(count or self._depth or 1) :])

    def _history(self, thread: Thread) -> History:
        found = self._kept.get(thread.tid)
        if found is None or found.ended:
            self._make_room(thread)
            pid = thread.inferior.pid
            found = History(pid, thread.tid, thread.number, deque(maxlen=self._depth))
            self._kept[thread.tid] = found
        return found

    def _make_room(self, thread: Thread) -> None:
        """Forget processes that are gone, and those that ended first of too many threads."""
        living = {thread.inferior.pid, *self._dbg.tracer.inferiors}
        for tid, one in list(self._kept.items()):
            if one.pid not in living:
                del self._kept[tid]
        ended = [tid for tid, one in self._kept.items() if one.ended]
        for tid in ended[: max(len(ended) - _ENDED, 0)]:
            del self._kept[tid]

    def _history_ends(self, tid: int) -> None:
        history, task = self._kept.get(tid), self._tasks.get(tid)
        if history is None:
            return
        history.ended = True
        if history.inside and task is not None and task.entry is not None:
            from pydbg.trace.lines import beginning

            text, whole = beginning(task.entry)
            call = f"{text}{'' if whole else ' <unfinished ...>'})"
            self._append(history, f"{call.ljust(_COLUMN - 1)} = ?")

    def _keep(self, thread: Thread, line: str) -> None:
        self._append(self._history(thread), line)

    def _append(self, history: History, line: str) -> None:
        history.inside = ""
        self._clock += 1
        history.calls.append((self._clock, line))

    # --- lines -------------------------------------------------------------------------------

    def _told(self, task: Task) -> bool:
        return self._chosen is not None and not task.hidden

    def _task(self, thread: Thread) -> Task:
        task = self._tasks.get(thread.tid)
        if task is None:
            from pydbg.trace.tasks import Task

            inferior = thread.inferior
            task = self._tasks[thread.tid] = Task(thread.tid, inferior.pid, inferior.memory)
            task.reader.read = inferior.read  # Without our int3s.
        return task

    def _row(self, abi: str, nr: int) -> Row:
        row = self._rows.get((abi, nr))
        if row is None:
            from pydbg.syscalls.decode import Options
            from pydbg.syscalls.table import table_for
            from pydbg.trace.tasks import Row

            printing = self._printing = self._printing or Options(fds=0)
            row = Row(table_for(abi).call(nr), abi, shown=True, printing=printing, raw=False)
            self._rows[abi, nr] = row
        return row

    def _decoded(self, task: Task, ret: int | None) -> Any:
        from pydbg.syscalls.decode import decode

        row = task.row
        assert row is not None
        phase = "entry" if ret is None else "return"
        return decode(
            row.call, task.args, task.reader, ret=ret, phase=phase, entry=task.entry
            if ret is not None else None, options=row.printing,
        )  # fmt: skip

    def _turn(self, task: Task) -> None:
        """Have the next lines told as this task's; the line that another one began is closed."""
        begun = self._lines.begun
        if begun is not None and begun is not task:
            self.pause()
        self._teller = task.pid, task.tid

    def _tell(self, line: str) -> None:
        self._dbg.notify(CallTraced(*self._teller, line))

    def _count(self) -> int:
        """Return how many threads are watched: with more than one, lines name theirs."""
        visible = (one for one in self._dbg.tracer.inferiors.values() if not one.silent)
        return sum(len(one.threads) for one in visible) + self._ending

    def _noticed(self, event: Event) -> None:
        if self._chosen is not None and isinstance(event, GroupStopped):
            thread = self._dbg.tracer.threads.get(event.tid)
            if thread is not None:
                task = self._task(thread)
                self._turn(task)
                self._lines.stopped(task, event.signo)


def _lines(tell: Callable[[str], None], count: Callable[[], int]) -> Any:
    """Return what writes a trace, each whole line told by a call of ``tell``.

    Made here, so that what ``pydbg trace`` needs is loaded when a trace is first asked for.
    """
    from pydbg.trace.lines import Lines
    from pydbg.trace.options import TraceOptions
    from pydbg.trace.output import Stream

    class Told(Stream):
        """Hand over lines."""

        def __init__(self) -> None:
            super().__init__(-1, at_once=False)
            self._begun = ""

        def write(self, text: str) -> None:
            """Take text; what ends with a newline is told."""
            *whole, self._begun = (self._begun + text).split("\n")
            for line in whole:
                tell(line)

        def flush(self) -> None:
            """Keep nothing back but the line that was begun."""

    class DebuggersLines(Lines):
        """Write lines that other things may be written between."""

        @property
        def begun(self) -> Task | None:
            """The task whose line is not written yet."""
            return self._open

        def pause(self) -> None:
            """Write the line that was begun, unfinished."""
            if self._open is not None:
                self._interrupt(self._open)

    options = TraceOptions()
    options.quiet = frozenset(("attach",))
    options.follow = True  # Lines name their process as soon as there are several.
    return DebuggersLines(options, Told(), count)
