"""save breakpoints: all breakpoints as the commands that make them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydbg.commands import common
from pydbg.commands.results import Note
from pydbg.errors import CommandError, FileError

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.commands.table import Parsed

__all__ = ["save"]


def save(session: Session, parsed: Parsed) -> Note:
    """Write all breakpoints as commands into a file."""
    path = parsed["FILE"]
    points = [point for _, point in sorted(session.dbg.breakpoints.items())]
    if not points:
        raise CommandError("Nothing to save.")
    text = "".join(line + "\n" for point in points for line in _saved(session, point))
    try:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"Unable to open file '{path}' for saving ({reason})") from None
    return Note(f"Saved to file '{path}'.")


def _saved(session: Session, point: Any) -> Iterable[str]:
    prefix = "t" if point.temporary else ""
    if point.kind_text.endswith("watchpoint"):
        from pydbg.commands.watch import saved

        yield saved(point)
    elif point.kind_text == "catchpoint":
        yield f"{prefix}catch {_catch_spec(point)}"
    else:
        word = "hbreak" if point.hardware else "break"
        thread = "" if point.thread is None else f" thread {point.thread}"
        printed = "" if point.printed is None else f",{point.printed}"
        if printed:
            word = "dprintf"
        yield f"{prefix}{word} {common.spec_of(session, point)}{printed}{thread}"
    if point.condition:
        yield f"  condition $bpnum {point.condition}"
    if point.ignore_count:
        yield f"  ignore $bpnum {point.ignore_count}"
    if point.commands and point.kind_text != "dprintf":
        from pydbg.render.points import indented

        yield "  commands"
        yield from indented(tuple(point.commands), 4)
        yield "  end"
    if point.disable_after is not None:
        yield f"enable count {point.disable_after} $bpnum"
    if point.delete_after:
        yield "enable delete $bpnum"
    if not point.enabled:
        yield "disable $bpnum"
    for location in getattr(point, "locations", ()):
        if not location.enabled:
            yield f"disable $bpnum.{location.number}"


def _catch_spec(point: Any) -> str:
    words = [point.kind, *point.specs]
    if point.kind == "syscall" and point.phase != "both":
        words.append(point.phase)
    if point.kind in ("load", "unload") and point.pattern:
        words = [point.kind, point.pattern]
    return " ".join(words)
