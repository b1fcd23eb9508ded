"""Whatever is typed, nothing but DebuggerError comes out of a command."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pydbg.cli import Options, parse
from pydbg.commands.session import Lines, Quit, Session
from pydbg.commands.table import Commands, all_commands
from pydbg.debugger import Debugger
from pydbg.errors import DebuggerError, UsageError
from pydbg.ui.complete import complete

HARMFUL = (
    "shell",
    "attach",
    "cd",
    "append",
    "dump",
    "save",
    "record session",
    "source",
    "restore",
    "generate-core-file",
    "pipe",
    "python",
    "set logging",
    "define",
    "document",
    "alias",
)
"""These write files, start programs, stop strangers' processes or change the table of commands."""

# Without them there is no way to one, not by "try !" (a shell that reads the terminal) either.
COMMANDS = Commands(row for row in all_commands() if not row.name.startswith(HARMFUL))
NAMES = sorted(row.name for row in COMMANDS)

PIECES = [
    "main", "$rip", "$nosuch", "0x10", "-1", "99999999999999999999", "1.2", "1-3", "*", "*0",
    "if", "if x", "thread 1", "/x", "/8xg", "/-2i", "/", "/zz", "on",
    "off", "'", '"', "a'b", '"a\\', "\\",
    "write", "group:network", "%file", "SIGUSR1", "all", "{int}0", "@", "1 +", ")", "((", ",", "é",
    "\x00", "\x1b[31m", "libc+0x10", "file.c:12", "+", "nopass", "printf", "%s%d%n", "1 2 3",
]  # fmt: skip

words = st.one_of(st.sampled_from(PIECES), st.text(max_size=8))
arguments = st.lists(words, max_size=4).map(" ".join)


@pytest.fixture(autouse=True, scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run in a folder of its own, in case a command writes a file after all."""
    with contextlib.chdir(tmp_path_factory.mktemp("fuzz")):
        yield


def session() -> Session:
    return Session(Debugger(), commands=COMMANDS, out=io.StringIO(), err=io.StringIO())


def attempt(one: Session, line: str) -> None:
    try:
        with one.reading(Lines(["bt", "end"], "t")):
            one.enter(line)
    except (DebuggerError, Quit):
        pass


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=arguments)
def test_arguments_of_every_command(name: str, text: str) -> None:
    attempt(session(), f"{name} {text}")


@settings(max_examples=300, deadline=None)
@given(line=st.text(max_size=30))
def test_any_line(line: str) -> None:
    attempt(session(), line)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(["", *NAMES]), text=arguments)
def test_completion_of_anything(name: str, text: str) -> None:
    for found in complete(session(), f"{name} {text}"):
        assert found.start <= len(name) + 1 + len(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(["-x", "--batch", "-p", "--", "--args", "-ex"]),
                          st.text(max_size=10))))  # fmt: skip
def test_any_options(argv: list[str]) -> None:
    try:
        assert isinstance(parse(argv), Options)
    except UsageError as error:
        assert str(error)
