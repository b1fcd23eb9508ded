"""Scripts of any shape end in an error for the user or not at all badly."""

from __future__ import annotations

import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pydbg.commands.lines import Lines, branches, read_block
from pydbg.commands.session import Quit, Session
from pydbg.debugger import Debugger
from pydbg.errors import DebuggerError

LINES = [
    "if 1", "if 0", "if nosuch", "if", "else", "end", "while 0", "while",
    "set $n = $n + 1", "loop_break", "loop_continue", "define a", "define b", "define", "a",
    "b 1 2",
    "document a", "document", "python", "print('$arg0')", "python 1/0", "commands", "alias c = a",
    "alias d = print 1 +", "c", "d 2", "with confirm off -- a", "with", "echo $arg0\\n", "$argc",
    "define hook-echo", "define hookpost-a", "define hook-stop", "define-prefix p", "define p x",
    "p x 1", "show user", "show user a", "help user-defined", "try a", "-a", "-", "eval \"a\"",
    "dont-repeat", "set trace-commands on", "# comment", "", "  ", "quit 3", "help a", "\\",
]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=st.lists(st.sampled_from(LINES), max_size=25), keep_going=st.booleans())
def test_scripts_of_any_shape(lines: list[str], keep_going: bool) -> None:
    out = io.StringIO()
    session = Session(Debugger(), out=out, err=out)
    session.keep_going = keep_going
    session.execute("set $n = 0")
    session.settings.set("max-user-call-depth", "20")
    try:
        session.run_lines(Lines(lines, "script"))
    except (DebuggerError, Quit) as error:
        assert str(error) or isinstance(error, Quit)
    assert session.loops == 0
    assert not session.typed()
    assert not any(one.running for one in session.hooks.values())


@given(lines=st.lists(st.sampled_from(LINES), max_size=25))
def test_a_block_is_read_to_its_end(lines: list[str]) -> None:
    source = Lines([*lines, *["end"] * 30], "script")
    body = read_block(source, "if")
    assert [line.strip() for line in lines[: len(body)]] == [line.strip() for line in body][
        : len(lines)
    ] or "\\" in lines
    try:
        then, otherwise = branches(body)
    except DebuggerError:
        return
    assert len(body) - len(then) - len(otherwise) in (0, 1)
