"""Commands run in several frames or threads: frame apply, thread apply and their short forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds
from pydbg.commands.options import Words
from pydbg.commands.results import FrameShown
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, UsageError
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.frames import Frame

__all__ = ["Flags", "apply", "commands", "flags_of"]

_LIMIT = 100_000


class Flags(Record):
    """Say what is shown: no titles (``-q``), errors and go on (``-c``), only results (``-s``)."""

    quiet: bool = False
    goes_on: bool = False
    silent: bool = False


def flags_of(command: str) -> tuple[Flags, str]:
    """Take the flags from before a command.

    >>> flags_of("-q -s p 1")
    (Flags(quiet=True, goes_on=False, silent=True), 'p 1')
    """
    given: set[str] = set()
    while command.startswith("-"):
        flag, _, rest = command.partition(" ")
        if flag == "--":
            command = rest.lstrip()
            break
        if not flag[1:] or not set(flag[1:]) <= set("qsc"):
            break
        given |= set(flag[1:])
        command = rest.lstrip()
    if {"c", "s"} <= given:
        raise UsageError("-c and -s are mutually exclusive")
    return Flags("q" in given, "c" in given, "s" in given), command


def apply(session: Session, title: Callable[[], Any], flags: Flags, command: str) -> None:
    """Run a command in what is selected now, its title before what it shows."""
    try:
        text = session.capture(command)
    except DebuggerError as error:
        if flags.silent:
            return
        if not flags.quiet:
            session.show(title())
        if not flags.goes_on:
            raise
        session.say(str(error))
        return
    if text or not flags.silent:
        if not flags.quiet:
            session.show(title())
        session.show(text)


def _frames(session: Session, text: str) -> tuple[Sequence[Frame], str]:
    """Return the frames that are meant, and what is left of the line."""
    if not text:
        raise UsageError("Missing COUNT argument.")
    word, _, rest = text.partition(" ")
    if word == "all":
        return session.dbg.frames(_LIMIT), rest.strip()
    if word == "level":
        found = re.match(r"(?:\d+(?:-\d+)?\s+)+", rest.strip() + " ")
        if found is None:
            raise UsageError("Missing or invalid LEVEL... argument")
        frames = session.dbg.frames(_LIMIT)
        chosen: list[Frame] = []
        for part in found[0].split():
            low, _, high = part.partition("-")
            last = int(high or low)
            if int(low) >= len(frames):
                raise CommandError(f"No frame at level {part}.")
            chosen += frames[int(low) : last + 1]
        return chosen, rest.strip()[found.end() :].strip()
    if not re.fullmatch(r"-?\d+|\$.*", word):
        raise UsageError("Invalid COUNT argument.")
    count = kinds.int_of(word, session)
    if count < 0:
        return session.dbg.frames(_LIMIT)[count:], rest.strip()
    return session.dbg.frames(count), rest.strip()


def frame_apply(session: Session, parsed: Parsed) -> None:
    """Run a command in several frames."""
    frames, rest = _frames(session, (parsed["FRAMES_COMMAND"] or "").strip())
    flags, command = flags_of(rest)
    if not command:
        raise UsageError("Please specify a command to apply on the selected frames")
    _in_frames(session, frames, flags, command)


def _in_frames(session: Session, frames: Sequence[Frame], flags: Flags, command: str) -> None:
    dbg = session.dbg
    before = common.selected(session).level
    try:
        for frame in frames:
            dbg.select_frame(frame.level)

            def title(frame: Frame = frame) -> FrameShown:
                return FrameShown(common.frame_line(session, frame), None)

            apply(session, title, flags, command)
    finally:
        if dbg.inferior is not None and len(dbg.frames(before + 1)) > before:
            dbg.select_frame(before)


def _short(line: str, what: str) -> Callable[[Session, Parsed], None]:
    def run(session: Session, parsed: Parsed) -> None:
        command = parsed["COMMAND"]
        if not command:
            raise UsageError(f"Please specify a command to apply on all {what}")
        session.execute(f"{line} {command}")

    return run


def _silently(count: int) -> Callable[[Session, Parsed], None]:
    def run(session: Session, parsed: Parsed) -> None:
        from pydbg.commands.stack import moved

        moved(session, count * parsed.get("COUNT", 1), told=parsed["COUNT"] is not None)

    return run


def select_frame(session: Session, parsed: Parsed) -> None:
    """Select a frame without showing it."""
    from pydbg.commands.stack import existing

    level = parsed["LEVEL"]
    if level is not None:
        session.dbg.select_frame(existing(session, level))


def commands() -> tuple[Command, ...]:
    """Return the rows."""

    def row(name: str, summary: str, run: Any, *args: Arg, **fields: Any) -> Command:
        fields.setdefault("needs", "frame")
        return Command(name, group="stack", summary=summary, run=run, args=args, **fields)

    command = Arg("COMMAND", kinds.COMMANDLINE, optional=True, doc="what to run")
    count = Arg("COUNT", kinds.COUNT, optional=True, doc="how many frames")
    flags = ("-q leaves the titles out, -c shows errors and goes on, -s shows frames with a result "
             "only.")  # fmt: skip
    return (
        row("frame apply", "Run a command in several frames.", frame_apply,
            Arg("FRAMES_COMMAND", Words("text", ("all", "level")), optional=True,
                doc="all, COUNT, -COUNT or level LEVEL..., flags, then a command"),
            example="frame apply all -s print argc", help=flags),
        row("faas", "Run a command in all frames, and show those where it works.",
            _short("frame apply all -s", "frames"), command, example="faas info locals",
            help="Short for `frame apply all -s COMMAND`."),
        row("taas", "Run a command in all threads, and show those where it works.",
            _short("thread apply all -s", "threads"), command, example="taas print $pc",
            help="Short for `thread apply all -s COMMAND`.", needs="process"),
        row("tfaas", "Run a command in all frames of all threads.",
            _short("thread apply all -s -- frame apply all -s", "frames of all threads"), command,
            example="tfaas print argc", needs="process",
            help="Short for `thread apply all -s -- frame apply all -s COMMAND`."),
        row("up-silently", "Select the caller of the selected frame; nothing is shown.",
            _silently(1), count, example="up-silently", help="As `up`."),
        row("down-silently", "Select the frame that the selected one called; nothing is shown.",
            _silently(-1), count, example="down-silently", help="As `down`."),
        row("select-frame", "Select a frame; nothing is shown.", select_frame,
            Arg("LEVEL", kinds.COUNT, optional=True, doc="a frame's number"),
            example="select-frame 1", help="As `frame`."),
    )  # fmt: skip
