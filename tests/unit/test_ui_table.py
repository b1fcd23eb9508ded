"""The command table: names, abbreviations, arguments."""

from __future__ import annotations

from typing import Any

import pytest

from pydbg.commands import kinds
from pydbg.commands.kinds import BreakpointRef, Format
from pydbg.commands.table import Commands, all_commands
from pydbg.errors import DebuggerError
from tests.unit.ui_fake import session, table


@pytest.fixture(scope="module")
def commands() -> Commands:
    return table()


@pytest.mark.parametrize(
    ("line", "name", "text"),
    [
        ("c", "continue", ""),
        ("cont 5", "continue", "5"),
        ("fg", "continue", ""),
        ("r <in", "run", "<in"),
        ("x/8xg $rsp", "x", "/8xg $rsp"),
        ("i r rip", "info registers", "rip"),
        ("inf b", "info breakpoints", ""),
        ("i f", "info frame", ""),
        ("info fu", "info functions", ""),
        ("b main if x==1", "break", "main if x==1"),
        ("bre *0x10", "break", "*0x10"),
        ("cat sys write", "catch syscall", "write"),
        ("d 1", "delete", "1"),
        ("d disp", "delete display", ""),
        ("delete 1 2", "delete", "1 2"),
        ("t apply all bt", "thread apply", "all bt"),
        ("t 2", "thread", "2"),
        ("!ls -l", "shell", "ls -l"),
        ("he", "help", ""),
        ("h x", "help", "x"),
        ("sho args", "show args", ""),
        ("set var x=1", "set variable", "x=1"),
        ("set variable x=1", "set variable", "x=1"),
        ("set $rax = 1", "set", "$rax = 1"),
        ("set {int}0x10 = 1", "set", "{int}0x10 = 1"),
        ("set counter = 3", "set", "counter = 3"),
        ("set c=3", "set", "c=3"),
        ("set width 0", "set width", "0"),
        ("set p pret on", "set print pretty", "on"),
        ("set breakpoint pending on", "set breakpoint pending", "on"),
        ("set bre pen off", "set breakpoint pending", "off"),
        ("set disassembly-flavor intel", "set disassembly-flavor", "intel"),
        ("set env A=b", "set environment", "A=b"),
        ("unset env A", "unset environment", "A"),
        ("set logging on", "set logging", "on"),
        ("set conf off", "set confirm", "off"),
        ("exit", "quit", ""),
        ("q 5", "quit", "5"),
    ],
)
def test_gdb_spellings(commands: Commands, line: str, name: str, text: str) -> None:
    found = commands.resolve(line)
    assert (found.command.name, found.text) == (name, text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("badcmd", 'Undefined command: "badcmd".  Try "help".'),
        ("th", 'Ambiguous command "th": thbreak, thread.'),
        ("info pr", 'Ambiguous info command "pr": proc, program.'),
        ("info nosuch", 'Undefined info command: "nosuch".  Try "help info".'),
        ("catch foo", 'Undefined catch command: "foo".  Try "help catch".'),
        ("contineu", 'Undefined command: "contineu".  Try "help".  Did you mean "continue"?'),
        (
            "info registesr",
            'Undefined info command: "registesr".  Try "help info".  Did you mean "registers"?',
        ),
        ("=", 'Undefined command: "=".  Try "help".'),
    ],
)
def test_unknown_and_ambiguous_names(commands: Commands, line: str, message: str) -> None:
    with pytest.raises(DebuggerError) as caught:
        commands.resolve(line)
    assert str(caught.value) == message


def parse(line: str) -> dict[str, Any]:
    one = session()
    one.dbg.breakpoint(1)
    one.dbg.breakpoint(2)
    one.dbg.breakpoint(5)
    found = one.commands.resolve(line)
    return found.command.parse(found.text, one).values


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("break", {"LOCATION": None, "THREAD": None, "COND": None}),
        ("break main", {"LOCATION": "main", "THREAD": None, "COND": None}),
        ("break main if a > 1", {"LOCATION": "main", "THREAD": None, "COND": "a > 1"}),
        ("break if a", {"LOCATION": None, "THREAD": None, "COND": "a"}),
        ("break main thread 2 if a", {"LOCATION": "main", "THREAD": 2, "COND": "a"}),
        ("break *main + 4 thread 2", {"LOCATION": "*main + 4", "THREAD": 2, "COND": None}),
        ("break if_open", {"LOCATION": "if_open", "THREAD": None, "COND": None}),
        ("break thread_main", {"LOCATION": "thread_main", "THREAD": None, "COND": None}),
        ("break main if(a)", {"LOCATION": "main", "THREAD": None, "COND": "(a)"}),
        ("x", {"FMT": None, "ADDRESS": None}),
        ("x/8xg $rsp + 8", {"FMT": Format(8, "x", "g"), "ADDRESS": "$rsp + 8"}),
        ("x/-2i $pc", {"FMT": Format(-2, "i", ""), "ADDRESS": "$pc"}),
        ("x /s 0x10", {"FMT": Format(None, "s", ""), "ADDRESS": "0x10"}),
        ("info registers rip $rax", {"NAME": ("rip", "rax")}),
        ("info registers", {"NAME": ()}),
        (
            "delete 1-3 5",
            {"NUM": (BreakpointRef(1), BreakpointRef(2), BreakpointRef(5))},
        ),
        ("delete $bpnum", {"NUM": (BreakpointRef(1),)}),
        ("delete", {"NUM": None}),
        ("thread apply all bt 3", {"WHICH": "all", "COMMAND": "bt 3"}),
        ("thread 0x2", {"NUM": 2}),
    ],
)
def test_arguments(line: str, values: dict[str, Any]) -> None:
    assert parse(line) == values


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("delete 99", "No breakpoint number 99."),
        ("delete foo", "Bad breakpoint number 'foo'"),
        ("delete 1.7", "Bad breakpoint location number '7'"),
        ("delete 3-1", 'Bad breakpoint range "3-1".'),
        ("x/gx8 1", 'Bad format "/gx8": a count, then letters, are expected.'),
        ("x/y 1", 'Undefined output format "y".'),
        ("thread apply", "Argument required (WHICH).  Usage: thread apply WHICH COMMAND"),
        ("commands", "Argument required (NUM).  Usage: commands NUM"),
        ("fail 1", 'Junk at end of arguments: "1".  Usage: fail'),
        ("break main if", "Argument required after if."),
        ("thread x", 'No symbol "x" in current context.'),
    ],
)
def test_wrong_arguments(line: str, message: str) -> None:
    with pytest.raises(DebuggerError) as caught:
        parse(line)
    assert str(caught.value) == message


def test_syntax_is_derived() -> None:
    rows = table()
    assert rows["break"].syntax == "break [LOCATION] [thread THREAD] [if COND]"
    assert rows["x"].syntax == "x[/FMT] [ADDRESS]"
    assert rows["info registers"].syntax == "info registers [NAME]..."
    assert rows["set confirm"].syntax == "set confirm [on|off]"


def test_a_command_can_be_declared_and_replaced() -> None:
    rows = table()

    @rows.command("greet", aliases=("hi",), args=())
    def greet(session: Any, parsed: Any) -> str:
        """Say hello.

        And nothing else.
        """
        return "hello"

    assert rows.resolve("hi").command.help == "And nothing else."

    @rows.command("greet")
    def again(session: Any, parsed: Any) -> str:
        """Say it again."""
        return "again"

    assert rows.resolve("gre").command.summary == "Say it again."
    assert "hi" not in [name for name in ("hi",) if rows.find("", name)]


def test_choice_and_modifiers() -> None:
    one: Any = None
    assert kinds.choice("entry", "return").parse("e", one) == "entry"
    with pytest.raises(DebuggerError, match="Did you mean"):
        kinds.choice("entry", "return").parse("entri", one)
    with pytest.raises(DebuggerError, match="Ambiguous"):
        kinds.choice("one", "only").parse("o", one)
    with pytest.raises(DebuggerError, match="Invalid modifier 'z'"):
        kinds.modifiers("rms").parse("/z", one)


@pytest.mark.parametrize(
    ("word", "name"), [("n", "next"), ("s", "step"), ("ni", "nexti"), ("u", "until")]
)
def test_steps_have_their_letters(word: str, name: str) -> None:
    assert all_commands().resolve(word).command.name == name
