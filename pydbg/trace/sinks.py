"""Which sinks a trace has, by its options."""

from __future__ import annotations

from pydbg.errors import UsageError
from pydbg.rawstops import ThreadExit, ThreadKilled
from pydbg.trace.lines import Lines
from pydbg.trace.loop import TraceLoop
from pydbg.trace.options import TraceOptions
from pydbg.trace.output import Stream, opened, piped
from pydbg.trace.records import JsonLines
from pydbg.trace.sink import Sink
from pydbg.trace.summary import Summary
from pydbg.trace.tasks import Task

__all__ = ["Outputs"]


class _Several(Sink):
    """Tell several sinks."""

    def __init__(self, sinks: list[Sink]) -> None:
        self._sinks = sinks
        self.decodes = any(sink.decodes for sink in sinks)
        self.at_once = any(sink.at_once for sink in sinks)

    def entered(self, task: Task) -> None:
        for sink in self._sinks:
            sink.entered(task)

    def returned(self, task: Task) -> None:
        for sink in self._sinks:
            sink.returned(task)

    def unfinished(self, task: Task) -> None:
        for sink in self._sinks:
            sink.unfinished(task)

    def signalled(self, task: Task, signo: int, info: bytes) -> None:
        for sink in self._sinks:
            sink.signalled(task, signo, info)

    def stopped(self, task: Task, signo: int) -> None:
        for sink in self._sinks:
            sink.stopped(task, signo)

    def ended(self, task: Task, stop: ThreadExit | ThreadKilled) -> None:
        for sink in self._sinks:
            sink.ended(task, stop)

    def superseded(self, task: Task, by: int) -> None:
        for sink in self._sinks:
            sink.superseded(task, by)

    def began(self, task: Task) -> None:
        for sink in self._sinks:
            sink.began(task)

    def released(self, task: Task) -> None:
        for sink in self._sinks:
            sink.released(task)


class Outputs:
    """Open the outputs, make the sink that writes to them, close them."""

    def __init__(self, options: TraceOptions) -> None:
        self.options = options
        self._loop: TraceLoop | None = None
        self._closed = False
        self._streams: list[Stream] = []
        self._lines: Lines | None = None
        self._summary: Summary | None = None
        self._main: Stream | None = None
        sinks: list[Sink] = []
        if options.json is not None:
            stream = self._open(options.json, stdout=True)
            sinks.append(JsonLines(options, stream))
        if options.summary:
            self._summary = Summary(options)
            sinks.append(self._summary)
        if options.summary == "also" or not sinks or (options.json and options.output):
            self._lines = self._text()
            sinks.append(self._lines)
        elif options.summary:
            self._main = self._shared()
        self.sink: Sink = sinks[0] if len(sinks) == 1 else _Several(sinks)

    def _text(self) -> Lines:
        options = self.options
        if options.separately and options.output is not None:
            path = options.output
            return Lines(
                options, None, self._visible, lambda tid: opened(f"{path}.{tid}", options.append)
            )
        self._main = self._shared()
        return Lines(options, self._main, self._visible)

    def _shared(self) -> Stream:
        path = self.options.output
        if path is None:
            return self._kept(Stream(2, at_once=True))
        return self._open(path, stdout=False)

    def _open(self, path: str, *, stdout: bool) -> Stream:
        if stdout and path == "-":
            return self._kept(Stream(1, at_once=False))
        if path[:1] in ("|", "!"):
            if not path[1:].strip():
                raise UsageError("there is no command after the |")
            return self._kept(piped(path[1:])[0])
        return self._kept(opened(path, self.options.append))

    def _kept(self, stream: Stream) -> Stream:
        self._streams.append(stream)
        return stream

    def _visible(self) -> int:
        return self._loop.visible if self._loop is not None else 1

    def watch(self, loop: TraceLoop) -> None:
        """Take note of the loop, whose number of tasks the lines depend on."""
        self._loop = loop

    def say(self, text: str) -> None:
        """Write a message to stderr."""
        if self._lines is not None:
            self._lines.say(text)
        elif "attach" not in self.options.quiet:
            Stream(2, at_once=True).write(f"pydbg: {text}\n")

    def flush(self) -> None:
        """Hand over what is held back, also a line that was begun."""
        if self._lines is not None:
            self._lines.flush(whole=True)
        for stream in self._streams:
            stream.flush()

    def close(self) -> None:
        """Hand over everything, the table last, and close the files."""
        if self._closed:
            return
        self._closed = True
        if self._lines is not None:
            self._lines.finish()
        if self._summary is not None and self._main is not None:
            self._main.write(self._summary.text(self.options))
        for stream in self._streams:
            stream.close()
