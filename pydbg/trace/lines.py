"""A trace as text, line by line as strace writes it.

A line begins at the entry of a call and ends at its return. When something else is to be told
in between, the begun line is closed with ``<unfinished ...>`` and taken up again by
``<... NAME resumed>``. Into a file a line is begun only when that is needed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.rawstops import ThreadExit, ThreadKilled
from pydbg.syscalls.decode import Decoded
from pydbg.syscalls.siginfo import decode_siginfo
from pydbg.syscalls.signals import strace_name
from pydbg.syscalls.table import Syscall
from pydbg.trace.options import TraceOptions
from pydbg.trace.output import Stream, coloured
from pydbg.trace.sink import Sink
from pydbg.trace.tasks import Task

if TYPE_CHECKING:
    from pydbg.trace.stacks import TraceFrame

__all__ = ["Lines", "clock_text"]

# SGR sequences (console_codes(4)): colours that can be read on dark and on light.
_NAME, _RESULT, _ERROR, _NOTE, _PLAIN = "\x1b[34m", "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
_DIGITS = {0: 1_000_000_000, 3: 1_000_000, 6: 1000, 9: 1}
# Read and written by the kernel, and yet strace prints them at the entry: what the kernel
# writes stands after the result.
_AT_ENTRY = frozenset(
    ("fdset", "pollfds", "pselect_sig", "timeval_select", "timespec_select", "timespec64_select")
)
# These write the comma before what the return adds, not after what the entry knows.
_LATE_COMMA = frozenset(("clone", "clone3", "fcntl", "fcntl64", "ioctl"))


def clock_text(now: int, clock: str, digits: int) -> str:
    """Return an absolute time, ``now`` in nanoseconds since 1970.

    >>> clock_text(1_500_000_000_123_456_789, "unix", 6)
    '1500000000.123456'
    """
    seconds, rest = divmod(now, 1_000_000_000)
    head = str(seconds) if clock == "unix" else time.strftime("%H:%M:%S", time.localtime(seconds))
    return f"{head}.{rest // _DIGITS[digits]:0{digits}}" if digits else head


def span_text(span: int, digits: int, width: int = 0) -> str:
    """Return a span of nanoseconds in seconds with so many digits."""
    seconds, rest = divmod(span, 1_000_000_000)
    head = f"{seconds:{width}}"
    return f"{head}.{rest // _DIGITS[digits]:0{digits}}" if digits else head


def known_at_entry(call: Syscall) -> int:
    """Return how many arguments of a call are printed before it runs."""
    found: int | None = call.cache.get("trace.head")
    if found is None:
        from pydbg.syscalls.decode import changes

        late = (
            index
            for index, arg in enumerate(call.args)
            if arg.out or (changes(arg) and arg.kind not in _AT_ENTRY)
        )
        found = call.cache["trace.head"] = next(late, len(call.args))
    return found


def beginning(entry: Decoded) -> tuple[str, bool]:
    """Return what stands of a call before it returns, and whether that is all of it.

    >>> from pydbg.syscalls.decode import decode
    >>> from pydbg.syscalls.table import table_for
    >>> class Memory:
    ...     word_size = 8
    ...     def read(self, addr, size): return b"hello\\n"[:size]
    ...     def fd_path(self, fd): return None
    >>> table = table_for("x86_64")
    >>> beginning(decode(table.by_name("read"), (3, 0x1000, 10), Memory()))
    ('read(3, ', False)
    >>> beginning(decode(table.by_name("close"), (3,), Memory()))
    ('close(3', True)
    """
    call = entry.call
    args = entry.args
    count = len(args)
    if call is not None and known_at_entry(call) < len(call.args):
        count = min(known_at_entry(call), count)
    if call is not None and call.name == "clone":
        count = min(2, len(args))  # Printed in an order of its own.
    whole = count == len(args)
    text = f"{entry.name}({', '.join(arg.text for arg in args[:count])}"
    if not whole and count and entry.name not in _LATE_COMMA:
        text += ", "
    return text, whole


class Lines(Sink):
    """Write a trace as strace does."""

    decodes = True

    def __init__(self, options: TraceOptions, stream: Stream | None, nprocs: Callable[[], int],
                 opener: Callable[[int], Stream] | None = None) -> None:  # fmt: skip
        self.options = options
        self._stream = stream
        self._opener = opener
        self._nprocs = nprocs
        self._open: Task | None = None
        """The task whose line was begun and not ended (in one output for all)."""
        self._column = options.column
        self._names = options.names
        self._last = 0
        self._pid_always = options.output is not None and options.follow and opener is None
        self._pid_on_stderr = options.output is None
        self._times = bool(options.clock or options.relative)
        self._plain_leader = not (
            self._times or options.number or options.instruction_pointer or options.follow
            or len(options.pids) > 1
        )  # fmt: skip
        self._stacks: Callable[[tuple[TraceFrame, ...]], str] | None = None
        if options.stacks:
            from pydbg.trace.stacks import text

            self._stacks = text
        self._streams: dict[int, Stream] = {}
        self.at_once = stream is not None and stream.at_once
        self._painted = self.at_once and coloured(stream.fd if stream else 2, options.colour)
        self._simple = not (options.duration or options.stacks or options.rules)
        """Nothing is to be written after a result."""

    # --- where ------------------------------------------------------------------------------

    def _out(self, task: Task) -> Stream:
        if self._stream is not None:
            return self._stream
        stream = self._streams.get(task.tid)
        if stream is None:
            assert self._opener is not None
            stream = self._streams[task.tid] = self._opener(task.tid)
        return stream

    def flush(self, whole: bool = False) -> None:
        """Hand over what is held back; with ``whole`` the line that was begun, too."""
        task = self._open
        if whole and task is not None and task.written is None and task.entry is not None:
            self._begin(task)
        if self._stream is not None:
            self._stream.flush()
        for stream in self._streams.values():
            stream.flush()

    def finish(self) -> None:
        """Write what was begun, and close the files of processes that are left."""
        self.flush(whole=True)
        for stream in self._streams.values():
            stream.close()

    def _leader(self, task: Task) -> str:
        if self._plain_leader:
            return ""
        options = self.options
        parts = []
        if self._pid_always:
            parts.append(f"{task.tid:<5} ")
        elif self._pid_on_stderr and self._nprocs() > 1:
            parts.append(f"[pid {task.tid:5}] ")
        if self._times:
            now = time.time_ns()
            if options.clock:
                parts.append(clock_text(now, options.clock, options.clock_digits) + " ")
            if options.relative:
                span = now - self._last if self._last else 0
                self._last = now
                text = span_text(max(span, 0), options.relative_digits, 6)
                parts.append(f"(+{text}) " if options.clock else f"{text} ")
        if options.number:
            number = task.row.call.number & ~0x40000000 if task.row else 0
            parts.append(f"[{number:4}] ")
        if options.instruction_pointer:
            parts.append(f"[{task.ip:0{2 * task.reader.word_size}x}] ")
        return "".join(parts)

    # --- lines -------------------------------------------------------------------------------

    def _begin(self, task: Task) -> None:
        """Write what the entry knows."""
        assert task.entry is not None
        text, _ = beginning(self._named(task.entry))
        task.written = text
        if self._painted:
            name = task.entry.name
            text = _NAME + name + _PLAIN + text[len(name) :]
        self._out(task).write(task.leader + text)

    def _named(self, decoded: Decoded) -> Decoded:
        return decoded.named() if self._names else decoded

    def _interrupt(self, task: Task) -> None:
        """Close the line of another task, so that this one can write."""
        begun = self._open
        if begun is None or (self._stream is None and begun is not task):
            return
        if begun.entry is not None:
            if begun.written is None:
                self._begin(begun)
            self._out(begun).write(" <unfinished ...>\n")
        self._open = None

    def _line(self, task: Task, text: str) -> None:
        self._interrupt(task)
        if self._painted:
            text = f"{_NOTE}{text}{_PLAIN}"
        self._out(task).write(f"{self._leader(task)}{text}\n")

    def entered(self, task: Task) -> None:
        """Begin a line."""
        if self._open is not None:
            self._interrupt(task)
        task.leader = "" if self._plain_leader else self._leader(task)
        task.written = None
        if self._stream is None:
            self._begin(task)
            return
        self._open = task
        if self._stream.at_once:
            self._begin(task)

    def _rest(self, task: Task, call: str) -> str:
        """Return what is to be written to end a line; ``call`` is the whole call."""
        if task.written is None:
            return task.leader + call
        if self._stream is not None and self._open is not task:
            name = task.entry.name if task.entry is not None else ""
            head = f"{self._leader(task)}<... {name} resumed>"
        else:
            head = ""
        if call.startswith(task.written):
            return head + call[len(task.written) :]
        return head + call[len(task.written.rstrip(" ,")) :]

    def returned(self, task: Task) -> None:
        """End a line with the result."""
        ended = task.ended
        assert ended is not None
        if self._names:
            ended = ended.named()
        stream = self._stream
        if self._simple and stream is not None and task.written is None and self._open is task:
            text = task.leader + ended.call_text()
            stream.write(f"{text.ljust(self._column - 1)} = {ended.ret_text}\n")
            self._open = None
            return
        if self._stream is not None and self._open is not task:
            self._interrupt(task)
        result = ended.ret_text or ""
        rest = self._rest(task, ended.call_text())
        width = len(rest)
        if (task.written is not None and self._open is task) or self._stream is None:
            width += len(task.leader) + len(task.written or "")
        pad = " " * max(self._column - width - 1, 0)
        tail = f" <{span_text(task.took, self.options.duration_digits)}>" if (
            self.options.duration
        ) else ""  # fmt: skip
        mark = task.tampered.mark if task.tampered is not None else ""
        if self._painted and task.ret is not None:
            failed = -4095 <= task.ret < 0
            result = f"{_ERROR if failed else _RESULT}{result}{_PLAIN}"
        self._out(task).write(f"{rest}{pad} = {result}{mark}{tail}\n")
        self._open = None
        if self._stacks is not None:
            self._out(task).write(self._stacks(task.stack))

    def unfinished(self, task: Task) -> None:
        """End a line of a call that never comes back."""
        entry = task.entry
        if entry is None:
            return
        if self._stream is not None and self._open is not task:
            self._interrupt(task)
        text, whole = beginning(self._named(entry))
        if task.written is None:
            task.written = ""
            head, before = task.leader + text, ""
        else:
            head = "" if self._stream is None or self._open is task else (
                f"{self._leader(task)}<... {entry.name} resumed>"
            )  # fmt: skip
            before = "" if head else task.leader + task.written
        line = f"{head}{'' if whole else ' <unfinished ...>'})"
        pad = " " * max(self._column - len(before) - len(line) - 1, 0)
        self._out(task).write(f"{line}{pad} = ?\n")
        self._open = None

    def signalled(self, task: Task, signo: int, info: bytes) -> None:
        """Write a signal."""
        text = decode_siginfo(info).text() if info else strace_name(signo)
        self._line(task, f"--- {strace_name(signo)} {text} ---" if info else f"--- {text} ---")

    def stopped(self, task: Task, signo: int) -> None:
        """Write that a signal has stopped the task."""
        self._line(task, f"--- stopped by {strace_name(signo)} ---")

    def ended(self, task: Task, stop: ThreadExit | ThreadKilled) -> None:
        """Write a task's end."""
        if self._open is task:
            self._interrupt(task)
        if "exit" not in self.options.quiet:
            if isinstance(stop, ThreadExit):
                self._line(task, f"+++ exited with {stop.code} +++")
            else:
                core = " (core dumped)" if stop.core else ""
                self._line(task, f"+++ killed by {strace_name(stop.signo)}{core} +++")
        stream = self._streams.pop(task.tid, None)
        if stream is not None:
            stream.close()

    def superseded(self, task: Task, by: int) -> None:
        """Write that another thread's exec takes this one's place."""
        if "thread-execve" not in self.options.quiet:
            self._line(task, f"+++ superseded by execve in pid {by} +++")
        else:
            self._interrupt(task)

    def began(self, task: Task) -> None:
        """Say that there is a new task."""
        self.say(f"Process {task.tid} attached")

    def released(self, task: Task) -> None:
        """Say that a task was let go, and end its line."""
        if task.inside and not task.hidden and task.entry is not None:
            if task.written is None:
                self._begin(task)
            self._out(task).write(" <detached ...>\n")
            if self._open is task:
                self._open = None
        self.say(f"Process {task.tid} detached")

    def say(self, text: str) -> None:
        """Write a message to stderr, unless such messages are not wanted."""
        if "attach" in self.options.quiet:
            return
        if self._stream is not None:
            self._stream.flush()
        sys.stderr.write(f"pydbg: {text}\n")
        sys.stderr.flush()
