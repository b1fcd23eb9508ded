"""Commands for several frames: frame apply, faas (stack.c, frame_apply_command)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydbg.commands import common, kinds
from pydbg.commands.results import FrameShown
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, UsageError

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.frames import Frame

__all__ = ["commands"]

_LIMIT = 100_000
_OPTION = re.compile(r"-(?:([qcs]+)|past-main(?:\s+(?:on|off))?|past-entry(?:\s+(?:on|off))?|-)\s+")


def frame_apply(session: Session, parsed: Parsed) -> None:
    """Run a command in several frames."""
    common.selected(session)
    text: str = parsed["FRAMES_COMMAND"]
    every = session.dbg.frames(_LIMIT)
    if found := re.match(r"all(?:\s+|$)", text):
        chosen: Sequence[Frame] = every
    elif found := re.match(r"level\s+((?:\d+(?:-\d+)?(?:\s+|$))+)", text):
        chosen = [every[level] for level in _levels(found[1], len(every))]
    elif found := re.match(r"(-?\d+)(?:\s+|$)", text):
        count = int(found[1])
        chosen = every[:count] if count >= 0 else every[count:]
    else:
        raise UsageError("Invalid COUNT argument.")
    _apply(session, chosen, text[found.end() :])


def _levels(text: str, count: int) -> list[int]:
    found: list[int] = []
    for word in text.split():
        low, _, high = word.partition("-")
        if int(low) >= count:
            raise CommandError(f"No frame at level {low}.")
        found += range(int(low), min(int(high or low), count - 1) + 1)
    return found


def _apply(session: Session, chosen: Sequence[Frame], command: str) -> None:
    flags = ""
    while option := _OPTION.match(command):
        flags += option[1] or ""
        command = command[option.end() :]
    if not command.strip():
        raise UsageError("Please specify a command to apply on the selected frames")
    if "c" in flags and "s" in flags:
        raise UsageError("-c and -s are mutually exclusive")
    dbg = session.dbg
    before = common.selected(session).level
    try:
        for frame in chosen:
            dbg.select_frame(frame.level)
            error: DebuggerError | None = None
            shown = ""
            try:
                shown = session.capture(command)
            except DebuggerError as problem:
                error = problem
            if "s" in flags and not shown:
                continue
            if "q" not in flags:
                session.show(FrameShown(common.frame_line(session, frame)))
            if shown:
                session.write(shown)
            if error is not None:
                if "c" not in flags:
                    raise error
                session.say(str(error))
    finally:
        if dbg.inferior is not None:
            dbg.select_frame(before)


def faas(session: Session, parsed: Parsed) -> None:
    """Run a command in all frames, silently where it fails."""
    frames = session.dbg.frames(_LIMIT) if common.selected(session) else ()
    _apply(session, frames, f"-s {parsed['COMMAND']}")


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "frame apply", group="stack", run=frame_apply,
            summary="Run a command in several frames.",
            help="The frames are `all`, N (the N innermost), -N (the outermost) or `level` with "
            "their numbers.  -q leaves their lines out, -c shows errors and goes on, -s leaves "
            "out frames where the command fails or shows nothing.",
            args=(Arg("FRAMES_COMMAND", kinds.TEXT, doc="which frames, then a command",
                      missing="Missing COUNT argument."),),
            example="frame apply all print $pc",
        ),
        Command(
            "faas", group="stack", run=faas,
            summary="Run a command in all frames, silently where it fails.",
            help="As `frame apply all -s COMMAND`.",
            args=(Arg("COMMAND", kinds.TEXT, doc="a command",
                      missing="Please specify a command to apply on all frames"),),
            example="faas print $pc",
        ),
    )  # fmt: skip
