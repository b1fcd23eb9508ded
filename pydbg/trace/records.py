"""A trace as JSON Lines: one record for each call that has come back, each signal, each end.

The schema is docs/trace.schema.json; ``v`` is its version, raised when a reader would break.
Addresses and raw values are numbers, times are seconds since 1970.
"""

from __future__ import annotations

import json
from time import time_ns

from pydbg.rawstops import ThreadExit, ThreadKilled
from pydbg.syscalls.errno import error_name
from pydbg.syscalls.signals import strace_name
from pydbg.trace.options import TraceOptions
from pydbg.trace.output import Stream
from pydbg.trace.sink import Sink
from pydbg.trace.tasks import Task

__all__ = ["VERSION", "JsonLines"]

VERSION = 1


class JsonLines(Sink):
    """Write records."""

    decodes = True

    def __init__(self, options: TraceOptions, stream: Stream) -> None:
        self._stream = stream
        self._quiet = options.quiet
        self._stacks = options.stacks

    def _write(self, kind: str, task: Task, **fields: object) -> None:
        record = {"v": VERSION, "type": kind, "pid": task.pid, "tid": task.tid, **fields}
        self._stream.write(json.dumps(record) + "\n")

    def _call(self, task: Task, **more: object) -> None:
        row, decoded = task.row, task.ended or task.entry
        assert row is not None and decoded is not None
        self._write(
            "syscall",
            task,
            time=task.began_at / 1e9,
            abi=row.abi,
            nr=row.call.number,
            name=decoded.name,
            args=[{"name": arg.name, "raw": arg.raw, "text": arg.text} for arg in decoded.args],
            ip=task.ip,
            **more,
        )

    def returned(self, task: Task) -> None:
        """Write a call."""
        ret = task.ret
        assert ret is not None and task.ended is not None
        more: dict[str, object] = {
            "end": (task.began_at + task.took) / 1e9,
            "duration": task.took / 1e9,
            "ret": ret,
            "ret_text": task.ended.ret_text,
        }
        if -4095 <= ret < 0:
            more["errno"] = -ret
            more["error"] = error_name(-ret)
        if task.tampered is not None:
            more["tampered"] = task.tampered.mark.strip()
        if self._stacks:
            more["stack"] = [frame._asdict() for frame in task.stack]
        self._call(task, **more)

    def unfinished(self, task: Task) -> None:
        """Write a call that never comes back."""
        self._call(task, unfinished=True)

    def signalled(self, task: Task, signo: int, info: bytes) -> None:
        """Write a signal."""
        from pydbg.syscalls.siginfo import decode_siginfo

        fields: dict[str, object] = {"signo": signo, "signal": strace_name(signo)}
        if info:
            decoded = decode_siginfo(info)
            fields |= {"code": decoded.code, "code_text": decoded.code_text}
            fields |= {"info": decoded.fields}
        self._write("signal", task, time=time_ns() / 1e9, **fields)

    def stopped(self, task: Task, signo: int) -> None:
        """Write a group-stop."""
        name = strace_name(signo)
        self._write("stopped", task, time=time_ns() / 1e9, signo=signo, signal=name)

    def ended(self, task: Task, stop: ThreadExit | ThreadKilled) -> None:
        """Write a task's end."""
        now = time_ns() / 1e9
        if isinstance(stop, ThreadExit):
            self._write("exited", task, time=now, code=stop.code)
            return
        name = strace_name(stop.signo)
        self._write("killed", task, time=now, signo=stop.signo, signal=name, core=stop.core)

    def superseded(self, task: Task, by: int) -> None:
        """Write that another thread's exec takes this one's place."""
        self._write("superseded", task, time=time_ns() / 1e9, by=by)

    def began(self, task: Task) -> None:
        """Write that there is a new task."""
        self._write("attached", task, time=time_ns() / 1e9)

    def released(self, task: Task) -> None:
        """Write that a task was let go."""
        self._write("detached", task, time=time_ns() / 1e9)
