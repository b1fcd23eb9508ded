"""Run the sessions shown in documents again, in a terminal, and compare.

A block fenced as ``console`` is a session: it is typed into a shell on a terminal of its own,
line after line, each when the prompt that stands before it in the document has come. What the
screen shows at the end is compared with the block after what differs between two runs
(addresses, process ids, the working directory, widths of columns) has been made equal. A line
``...`` in the document stands for any lines. All sessions of one document share a working
directory, which holds the sources from ``fixtures/``.

``python -m tests.support.sessiondoc FILE...`` writes what the sessions show now into the files;
blocks with ``...`` are left alone if they still fit.
"""

from __future__ import annotations

import difflib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pexpect
import pyte

from tests.support.build import FIXTURES
from tests.support.run import command, environment

HOME = "/home/you"
"""What the working directory is called in documents."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"^(\$ |\(pydbg\) ?|> ?|.*\(y or n\) |\w+\? )")
_ROWS, _COLUMNS = 400, 320
_PATIENCE = 30


class Block(NamedTuple):
    """One fenced block: its language, its first line's number, its text and where that is."""

    language: str
    line: int
    text: str
    span: tuple[int, int]


class SessionError(Exception):
    """Report a session that does not get to its next prompt."""


def blocks(document: str, language: str = "console") -> list[Block]:
    """Return the fenced blocks of ``document`` in ``language``.

    >>> [block.text for block in blocks("x\\n```console\\n$ true\\n```\\n")]
    ['$ true\\n']
    """
    return [
        Block(found[1], document.count("\n", 0, found.start(2)) + 1, found[2], found.span(2))
        for found in _FENCE.finditer(document)
        if found[1] == language
    ]


def typed(text: str) -> Iterator[tuple[str, str]]:
    """Yield what a session's reader types: (prompt, line); a ``^C`` comes without a prompt.

    >>> list(typed("$ pydbg ./a\\n(pydbg) kill\\nKill? (y or n) y\\n^C\\n"))
    [('$ ', 'pydbg ./a'), ('(pydbg) ', 'kill'), ('Kill? (y or n) ', 'y'), ('', '^C')]

    What another program prints is not typed, whatever it looks like:

    >>> list(typed("$ cat a.session\\n(pydbg) kill\\n"))
    [('$ ', 'cat a.session')]
    """
    at_prompt = True
    for line in text.splitlines():
        if line.startswith("^C"):
            yield "", "^C"
        elif found := _PROMPT.match(line):
            if found[1] == "$ ":
                at_prompt = line.startswith("$ pydbg")
            elif found[1].startswith("(pydbg)") and not at_prompt:
                continue
            yield found[1], line[found.end() :]


def same(text: str) -> list[str]:
    """Return the lines of a session with what differs from run to run made equal.

    >>> same("rip   0x401136  <main+4>\\n[Inferior 1 (process 4242) killed]\\n")
    ['rip 0x_ <main+4>', '[Inferior 1 (process PID) killed]']
    """
    text = re.sub(r"\b0x[0-9a-f]+", "0x_", text)
    text = re.sub(r"\b(process|LWP|[pt]id\"?:?|PID|Process) \d+", r"\1 PID", text)
    text = re.sub(r"^(\[\d+\]) \d+$", r"\1 PID", text, flags=re.MULTILINE)
    text = re.sub(r"/dev/(pts/\d+|tty\w*)", "/dev/TTY", text)
    text = re.sub(r"\b\d{6,}\b", "N", text)
    # How many threads a run-time system starts, and which one comes first, is its own affair.
    text = re.sub(r"^\[(New|Thread|LWP|Switching to LWP) .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^Thread \d+ ", "Thread N ", text, flags=re.MULTILINE)
    # A shell tells of its jobs when it finds the time.
    text = re.sub(r"^\[\d+\][+-]? +(Terminated|Done) .*\n", "", text, flags=re.MULTILINE)
    # Where libc was built, and whether its debug file is there, is not the document's business.
    text = re.sub(r" (at|from) (\.{1,2}/|/lib|/usr/lib)\S+", "", text)
    return [re.sub(r"\s+", " ", line).rstrip() for line in text.rstrip().splitlines()]


def fits(document: list[str], shown: list[str]) -> bool:
    """Say whether what was shown is what the document has; ``...`` there is any lines.

    >>> fits(["a", "...", "z"], ["a", "b", "c", "z"]), fits(["a", "z"], ["a", "b", "z"])
    (True, False)
    """
    pattern = "".join("(?:.*\n)*" if line == "..." else re.escape(line) + "\n" for line in document)
    return re.fullmatch(pattern, "".join(line + "\n" for line in shown)) is not None


class Workplace:
    """A directory to run the sessions of a document in, with pydbg and pytest on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "you"
        self.folder.mkdir()
        for source in FIXTURES.iterdir():
            shutil.copy(source, self.folder)
        programs = folder / "bin"
        programs.mkdir()
        for name, line in (("pydbg", command()), ("pytest", [sys.executable, "-m", "pytest"])):
            starter = programs / name
            starter.write_text(f'#!/bin/sh\nexec {" ".join(line)} "$@"\n')
            starter.chmod(0o755)
        clean = environment()
        self.environment = {
            **clean,
            "PATH": f"{programs}:{clean['PATH']}",
            "TERM": "xterm",
            "NO_COLOR": "1",
            "PS1": "$ ",
            "PS2": "> ",
            "XDG_STATE_HOME": str(folder / "state"),
        }

    def show(self, text: str) -> str:
        """Type the session ``text`` and return what the terminal shows."""
        terminal = _Terminal(self)
        try:
            for prompt, line in typed(text):
                terminal.type(prompt, line)
            terminal.wait_for("$ ")
            shown = terminal.text(without_last=True)
        finally:
            terminal.close()
        if "pydbg: internal error" in shown:
            raise SessionError(shown)  # Nothing to write into a document.
        return shown


class _Terminal:
    """A shell on a terminal whose screen is taller than any session."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._screen = pyte.Screen(_COLUMNS, _ROWS)
        self._stream = pyte.Stream(self._screen)
        self._answered = -1
        self._child: Any = pexpect.spawn(
            "bash",
            ["--norc", "--noprofile", "--noediting"],
            env=place.environment,
            cwd=str(place.folder),
            encoding="utf-8",
            dimensions=(_ROWS, _COLUMNS),
        )

    def type(self, prompt: str, line: str) -> None:
        if line == "^C":
            self._child.send("\x03")
            return
        self.wait_for(prompt)
        self._answered = self._screen.cursor.y
        self._child.send(line + "\r")

    def wait_for(self, prompt: str) -> None:
        """Wait until the cursor stands behind a prompt below the last one; it must be this."""
        while True:
            row = self._screen.display[self._screen.cursor.y].rstrip()
            fresh = self._screen.cursor.y > self._answered
            ready = fresh and self._screen.cursor.x >= len(row)  # Not still being drawn.
            if ready and row == prompt.rstrip():
                return
            if ready and row in ("$", "(pydbg)"):
                raise SessionError(f"{prompt!r} was to come\n{self.text()}")
            try:
                self._stream.feed(self._child.read_nonblocking(65536, timeout=_PATIENCE))
            except (pexpect.TIMEOUT, pexpect.EOF) as error:
                what = type(error).__name__
                raise SessionError(f"{what} instead of {prompt!r}\n{self.text()}") from None

    def text(self, *, without_last: bool = False) -> str:
        last = self._screen.cursor.y + (not without_last)
        rows = [row.rstrip() for row in self._screen.display[:last]]
        return "\n".join(rows).replace(str(self._place.folder), HOME) + "\n"

    def close(self) -> None:
        self._child.close(force=True)


def differences(block: Block, place: Workplace) -> list[str]:
    """Run the session of ``block`` again; return a diff, empty where it still holds."""
    shown = place.show(block.text)
    want, have = same(block.text), same(shown)
    if fits(want, have):
        return []
    return list(difflib.unified_diff(want, have, "document", "terminal", lineterm="", n=30))


def refresh(path: Path) -> None:
    """Write what the sessions of the document ``path`` show now into it."""
    text = path.read_text()
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder))
        after: list[tuple[tuple[int, int], str]] = []
        for block in blocks(text):
            shown = place.show(block.text)
            if not fits(same(block.text), same(shown)):
                after.append((block.span, shown))
    for (start, end), shown in reversed(after):
        text = text[:start] + shown + text[end:]
    path.write_text(text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        refresh(Path(name))
