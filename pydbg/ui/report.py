"""``pydbg report``: run a program, and explain its death if a signal ends it.

Made for CI: put before a command it changes nothing, neither the output nor the status, until
the program dies of a signal. Then the report goes to stderr or a file, in one go, and pydbg
dies of the same signal, so that a shell sees 128 + N and whoever waits sees the signal.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pydbg.errors import FileError, UsageError
from pydbg.ui.programs import ending, opened, undisturbed, watched

if TYPE_CHECKING:
    from pydbg.crash import CrashReport
    from pydbg.events import Event

__all__ = ["USAGE", "Wishes", "main", "parse", "run"]

USAGE = """\
Usage: pydbg report [OPTION]... [--] PROGRAM [ARGUMENT]...

Run PROGRAM at full speed. If it dies of a signal, say why: what kind of fault, registers,
code, stacks of all threads, the memory around the address. Then die of the same signal.
Nothing is printed when nothing happened; the exit status is the program's.

  -o, --output FILE    Write the text to FILE, not to stderr.
  --json FILE          Write the report as JSON to FILE.
  --markdown FILE      Write the report as Markdown to FILE.
  --syscalls N         Look at every system call, and show the last N of each thread.
  --follow             Watch the processes that PROGRAM forks too, and wait for them.
  --help               Show this text.

FILE may be - for stdout. It is created only if there is something to report; with --follow
there may be several reports in it, one after the other (JSON: one a line).
"""
_MOST_CALLS = 1_000_000


class Wishes(NamedTuple):
    """Hold the command line of ``pydbg report``."""

    program: str
    args: tuple[str, ...] = ()
    output: str | None = None
    json: str | None = None
    markdown: str | None = None
    follow: bool = False
    syscalls: str = "0"
    help: bool = False


_VALUES = {"-o": "output", "--output": "output", "--json": "json", "--markdown": "markdown",
           "--syscalls": "syscalls"}  # fmt: skip


def parse(arguments: Sequence[str]) -> Wishes:
    """Return what a command line asks for; UsageError where it is wrong.

    >>> wishes = parse(["--json", "a.json", "--", "./prog", "-x"])
    >>> wishes.program, wishes.args, wishes.json
    ('./prog', ('-x',), 'a.json')
    """
    found: dict[str, str] = {}
    follow = False
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        name, equal, value = word.partition("=")
        if name in ("--help", "-h"):
            return Wishes("", help=True)
        if name == "--follow":
            follow = True
        elif name in _VALUES:
            if not equal:
                if not rest:
                    raise UsageError(f"option '{name}' requires an argument")
                value = rest.pop(0)
            found[_VALUES[name]] = value
        else:
            raise UsageError(f"unrecognized option '{name}'")
    if not rest:
        raise UsageError("a program to run is missing")
    output, json, markdown = (found.get(name) for name in ("output", "json", "markdown"))
    syscalls = found.get("syscalls", "0")
    if not syscalls.isdecimal() or int(syscalls) > _MOST_CALLS:
        raise UsageError(f"option '--syscalls' requires a number, not '{syscalls}'")
    return Wishes(rest[0], tuple(rest[1:]), output, json, markdown, follow, syscalls)


def main(arguments: Sequence[str]) -> int:
    """Run ``pydbg report`` and return the exit status, or die as the program did."""
    wishes = opened("pydbg report", arguments, parse, USAGE)
    return wishes if isinstance(wishes, int) else run(wishes)


def run(wishes: Wishes) -> int:
    """Run the program of ``wishes`` and return its status; does not return if it was killed."""
    return watched(lambda: ending(_watch(wishes)), wishes.program)


def _watch(wishes: Wishes) -> Event:
    from pydbg.crash import watch

    output = _Output(wishes)
    with undisturbed(wishes.program, wishes.args) as dbg:
        dbg.settings.set("syscall-history", wishes.syscalls)
        return watch(dbg, output.write, follow=wishes.follow)


class _Output:
    """Write reports to where they were asked for; what is to be asked for first is noted."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self._written: set[str] = set()

    def write(self, report: CrashReport) -> None:
        from pydbg.render import report as texts

        wishes = self._wishes
        if wishes.json is not None:
            self._to(wishes.json, texts.as_json(report))
        if wishes.markdown is not None:
            self._to(wishes.markdown, texts.markdown(report))
        if wishes.output is not None:
            self._to(wishes.output, texts.text(report))
        elif wishes.json is None and wishes.markdown is None:
            sys.stderr.write(texts.text(report))
            sys.stderr.flush()

    def _to(self, path: str, text: str) -> None:
        if path == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        mode = "a" if path in self._written else "w"
        try:
            with open(path, mode, encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(text)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            message = str(FileError(f"{path}: {reason}."))
            sys.stderr.write(f"pydbg: {message}\n{text}")
        self._written.add(path)
