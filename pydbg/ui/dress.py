"""What the command line puts around a session: normalised text, captured output, reports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydbg.cli import Options
    from pydbg.commands.session import Session
    from pydbg.events import Event
    from pydbg.ui.streams import JsonStream

__all__ = ["dressed"]


@contextmanager
def dressed(session: Session, options: Options, events: JsonStream | None = None) -> Iterator[None]:
    """Set a session up as the options say; afterwards pass on what is still on its way."""
    if options.normalise:
        from pydbg.normalise import NormalisingWriter, normaliser_for

        same = normaliser_for(session.dbg)
        session.out = NormalisingWriter(session.out, same)
        session.err = NormalisingWriter(session.err, same)
        if events is not None:
            events.words = same
    if options.on_crash:
        session.stop_hooks.append(_report)
    if any("expect-output" in text for text in _texts(options)):
        from pydbg.commands.expect import capturing

        capturing(session)
    try:
        yield
    finally:
        if session.memory.get("capture") is not None:
            from pydbg.commands.expect import release

            release(session)
        session.out.flush()
        session.err.flush()


def _texts(options: Options) -> Iterator[str]:
    """Give the commands of a command line, and the scripts: a missing file is told later."""
    for kind, text in options.steps:
        if kind == "line":
            yield text
        elif kind == "file":
            try:
                with open(text, encoding="utf-8", errors="surrogateescape") as stream:
                    yield stream.read()
            except (OSError, ValueError):
                continue


def _report(session: Session, event: Event) -> str:
    """Explain a signal that is about to kill the program, on stderr."""
    from pydbg.crash.watch import report_on
    from pydbg.render.report import text

    found = report_on(session.dbg, event)
    if found is not None:
        session.out.flush()
        sys.stderr.write(text(found))
        sys.stderr.flush()
    return ""
