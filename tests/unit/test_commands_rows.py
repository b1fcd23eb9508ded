"""The rows of the commands, and what they do without a program: errors, not tracebacks."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pydbg.commands.memory import split_list
from pydbg.commands.session import Quit, Session
from pydbg.commands.table import Command, all_commands
from pydbg.debugger import Debugger
from pydbg.errors import DebuggerError

_OURS = (
    "running", "points", "catch", "data", "registers", "memory", "code", "stack", "files",
    "status", "signals", "threads", "control", "shellout", "userdefined", "pyscript",
    "syscalls",
)  # fmt: skip


@pytest.fixture
def session() -> Session:
    return Session(Debugger(), commands=all_commands(), out=StringIO(), err=StringIO())


def test_every_row_explains_itself() -> None:
    for row in all_commands():
        if row.run.__module__.rpartition(".")[2] not in _OURS:
            continue
        assert row.summary.endswith("."), row.name
        assert row.help, row.name
        words = (row.name, *row.aliases)
        assert row.example.startswith(words), row.name


def _module(row: object) -> str:
    return str(row.run.__module__).rpartition(".")[2]


@pytest.mark.parametrize(
    "row", [row for row in all_commands() if _module(row) in _OURS], ids=lambda row: row.name
)
def test_the_example_parses(row: Command, session: Session) -> None:
    example = row.example.split("\n")[0]
    found = session.commands.resolve(example)
    assert found.command.name == row.name or row.prefix
    try:
        found.command.parse(found.text, session)
    except DebuggerError as error:
        # The one thing that may be missing is the breakpoint it is about.
        assert str(error).startswith(("No breakpoint number", "No display"))


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("continue", "The program is not being run."),
        ("stepi", "The program is not being run."),
        ("finish", "The program is not being run."),
        ("kill", "The program is not being run."),
        ("detach", "The program is not being run."),
        ("info registers", "The program has no registers now."),
        ("bt", "No stack."),
        ("up", "No stack."),
        ("info frame", "No stack."),
        ("thread 1", "Unknown thread 1."),
        ("thread foo", "Invalid thread ID: foo"),
        ("thread", "No thread selected"),
        ("thread apply", "Please specify a thread ID list"),
        ("info program", "The program being debugged is not being run."),
        ("info auxv", "The program has no auxiliary information now."),
        ("info proc", "No current process: you must name one."),
        ("delete 99", "No breakpoint number 99."),
        ("disable foo", "Bad breakpoint number 'foo'"),
        ("condition", "Argument required (breakpoint number)."),
        ("ignore", "Argument required (a breakpoint number)."),
        ("break", "No default breakpoint address now."),
        ("save breakpoints /nonexistent/x", "Nothing to save."),
        ("catch syscall nosuch", "Unknown syscall name 'nosuch'."),
        ("catch syscall group:nosuch", "Unknown syscall group 'nosuch'."),
        ("catch load (", "Invalid regexp"),
        ("handle", "Argument required (signal to handle)."),
        ("handle SIGFOO stop", 'Unrecognized or ambiguous flag word: "SIGFOO".'),
        ("print 1 +", "A syntax error in expression"),
        ("print/i 5", 'Format letter "i" is meaningless in "print" command.'),
        ("print/2x 5", 'Item count other than 1 is meaningless in "print" command.'),
        ("print", "The history is empty."),
        ("x", "Argument required (starting display address)."),
        ("x/i 0", "Cannot access memory at address 0x0"),
        ("printf", "Argument required (format-control string and values to print)."),
        ("display/i", "Argument required (expression to compute)."),
        ("undisplay 77", "No display number 77."),
        ("find", "Missing search parameters."),
        ("find 0", "Argument required (expression to compute)."),
        ("find 0, +4", "Missing search pattern."),
        ("find 5, 1, 1", "Invalid search space, end precedes start."),
        ("dump binary memory", "Missing filename."),
        ("dump binary memory f", "Missing start and stop addresses."),
        ("dump binary memory f 1", "Missing stop address."),
        ("info symbol 0", "No symbol matches 0."),
        ("info address nosuch", 'No symbol "nosuch" in current context.'),
        ("info functions (", "Invalid regexp: "),
        ("disassemble 0", "No function contains specified address."),
        ("disassemble /ms 0", "Cannot specify both /m and /s."),
        ("attach x", "Illegal process-id: x."),
        ("attach", "Argument required (process-id to attach)."),
        ("inferior 3", "Inferior ID 3 not known."),
        ("hexdump", "Argument required (address and number of bytes)."),
        ("reverse-step", '"reverse-step": Programs run forwards only here; rr records'),
        ("info checkpoints", '"info checkpoints": There are no checkpoints'),
        ("layout src", '"layout": There are no windows'),
        ("search x", "No symbol table is loaded."),
        ("search", "Argument required (a regular expression)."),
        ("demangle foo", "Can't demangle"),
        ("init-if-undefined x = 1", "Init-if-undefined requires an assignment expression."),
        ("disable type-printer x", "No type printer named 'x'"),
        ("hexdump 0, 0", "A count from 1 to"),
    ],
)  # fmt: skip
def test_errors_without_a_program(line: str, error: str, session: Session) -> None:
    with pytest.raises(DebuggerError) as raised:
        session.execute(line)
    assert str(raised.value).startswith(error)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("print 6 * 7", "$1 = 42\n"),
        ("print/x 255", "$1 = 0xff\n"),
        ("output 5", "5"),
        ("output/x 255", "0xff"),
        ('printf "%d %s\\n", 5, "x"', "5 x\n"),
        ("echo a\\tb\\n", "a\tb\n"),
        ("call 3", "$1 = 3\n"),
        ("info breakpoints", "No breakpoints or watchpoints.\n"),
        ("info threads", "No threads.\n"),
        ("info display", "There are no auto-display expressions now.\n"),
        ("info sharedlibrary", "No shared libraries loaded at this time.\n"),
        ("catch fork", "Catchpoint 1 (fork)\n"),
        ("tcatch exec", "Catchpoint 1 (exec)\n"),
        ("catch load", "Catchpoint 1 (load)\n"),
        ("catch signal", "Catchpoint 1 (standard signals)\n"),
        ("catch signal all", "Catchpoint 1 (any signal)\n"),
        ("catch signal SIGUSR1 SIGUSR2", "Catchpoint 1 (signals SIGUSR1 SIGUSR2)\n"),
        ("catch syscall", "Catchpoint 1 (any syscall)\n"),
        ("catch syscall write", "Catchpoint 1 (syscall 'write' [1])\n"),
        ("catch syscall write entry", "Catchpoint 1 (syscall 'write' [1] entry)\n"),
        ("catch syscall 9999", "Catchpoint 1 (syscall 9999)\n"),
        ("catch syscall write read", "Catchpoint 1 (syscalls 'write' [1] 'read' [0])\n"),
        ("info line", "No line number information available.\n"),
        ("info source", "No current source file.\n"),
        ("demangle _ZN2ns1fEi", "ns::f(int)\n"),
        ("info type-printers", ""),
        ("set height 0", ""),
        (
            "info signals SIGINT",
            "Signal        Stop\tPrint\tPass to program\tDescription\n"
            "SIGINT        Yes\tYes\tNo\t\tInterrupt\n",
        ),
    ],
)
def test_texts_without_a_program(line: str, text: str, session: Session) -> None:
    assert session.capture(line) == text


def test_displays_are_numbered_and_listed(session: Session) -> None:
    session.execute("display/i $pc")
    session.execute("display $rax + 1")
    session.execute("disable display 2")
    assert session.capture("info display") == (
        "Auto-display expressions now in effect:\nNum Enb Expression\n"
        "1:   y  /1bi $pc\n2:   n  $rax + 1\n"
    )
    session.execute("undisplay 1-2")
    assert "no auto-display" in session.capture("info display")


def test_saved_breakpoints_can_be_sourced(session: Session, tmp_path: Path) -> None:
    path = f"{tmp_path}/points"
    for line in (
        "catch syscall write return if $ret > 0",
        "catch signal SIGUSR1",
        "catch load libm",
        "tcatch fork",
        "disable 2",
        "ignore 3 5",
    ):
        session.execute(line)
    session.dbg.breakpoints[1].commands = ["silent", "if 1", "echo x", "end"]
    session.execute(f"save breakpoints {path}")
    assert Path(path).read_text() == (
        "catch syscall write return\n  condition $bpnum $ret > 0\n  commands\n    silent\n"
        "    if 1\n      echo x\n    end\n  end\n"
        "catch signal SIGUSR1\ndisable $bpnum\n"
        "catch load libm\n  ignore $bpnum 5\n"
        "tcatch fork\n"
    )
    again = Session(Debugger(), commands=all_commands(), out=StringIO(), err=StringIO())
    again.source(path)
    assert again.capture("info breakpoints") == session.capture("info breakpoints")


def test_enable_counts(session: Session) -> None:
    session.execute("catch fork")
    session.execute("enable count 3 1")
    assert "\tdisable after next 3 hits\n" in session.capture("info breakpoints")
    session.execute("enable delete 1")
    assert " del  y " in session.capture("info breakpoints")
    session.execute("enable 1")
    assert " keep y " in session.capture("info breakpoints")


def test_lists_are_split_outside_of_brackets() -> None:
    assert split_list("f(1, g[2, 3]), \"a,\\\",b\" , ','") == [
        "f(1, g[2, 3])", '"a,\\",b"', "','",
    ]  # fmt: skip
    assert split_list("") == [""]


_NAMES = sorted(row.name for row in all_commands() if _module(row) in _OURS and not row.prefix)
# These start, write or wait for something.
_LOUD = (
    "run", "start", "attach", "dump", "append", "restore", "save", "commands", "shell", "pipe",
    "make",
)  # fmt: skip
_QUIET = [name for name in _NAMES if not name.startswith(_LOUD)]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(_QUIET),
    st.one_of(
        st.text(
            alphabet="0123456789abcxyz$ /*+-,.:()[]{}<>'\"\\&|!=%@if\t\x1b\udc80é", max_size=20
        ),
        st.text(max_size=12),
    ),
)
def test_only_debugger_errors_come_out(name: str, text: str) -> None:
    session = Session(Debugger(), commands=all_commands(), out=StringIO(), err=StringIO())
    line = f"{name} {text}".replace("\n", " ")
    try:
        session.execute(line)
    except (DebuggerError, Quit):
        pass


def test_a_word_before_others_lists_them(session: Session) -> None:
    def told(line: str) -> str:
        session.out = out = StringIO()
        session.execute(line)
        return out.getvalue()

    for row in session.commands:
        if row.prefix and not row.hidden and not row.name.startswith("show "):
            shown = told(row.name)
            for below in session.commands.below(row.name):
                assert below.hidden or below.name in shown, row.name
    for family in ("print", "backtrace", "history"):
        names = [name for name in session.settings.names() if name.startswith(f"{family} ")]
        listed = [line.split(":")[0] for line in told(f"show {family}").splitlines()]
        assert listed == [name for name in names if not session.settings.row(name).ignored]
