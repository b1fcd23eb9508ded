"""The session: execution, bodies, breakpoint commands, Enter, errors in scripts."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from pydbg.commands.session import Lines, Quit, ScriptError, read_block
from pydbg.errors import CommandError, DebuggerError
from tests.unit.ui_fake import exited, hit, interrupted, session, signalled


def run(*lines: str, **fields: object) -> str:
    one = session()
    one.run_lines(Lines(lines, "t.pydbg"))
    return one.shown


def test_lines_join_and_count() -> None:
    lines = Lines(["a \\", "b\n", "", "c"], "f")
    assert [(lines.next_line(), lines.number) for _ in range(4)] == [
        ("a b", 1),
        ("", 3),
        ("c", 4),
        (None, 4),
    ]


def test_comments_and_blank_lines() -> None:
    assert run("# one", "", "   ", "  echo two", "  # three") == "two\n"


def test_error_names_file_and_line() -> None:
    with pytest.raises(ScriptError) as caught:
        run("echo one", "", "fail", "echo two")
    assert str(caught.value) == "t.pydbg:3: It failed."


def test_error_in_a_sourced_file_names_that_file(tmp_path: Path) -> None:
    inner = tmp_path / "inner.pydbg"
    inner.write_text("echo inner\nbadcmd\n")
    with pytest.raises(ScriptError) as caught:
        run(f"source {inner}")
    assert str(caught.value) == (
        f'{inner}:2: Undefined command: "badcmd".  Try "help".\n  called from t.pydbg:1'
    )


def test_source_of_a_missing_file_and_of_itself(tmp_path: Path) -> None:
    with pytest.raises(DebuggerError, match=r"nosuch\.pydbg: No such file or directory\."):
        run("source nosuch.pydbg")
    loop = tmp_path / "loop.pydbg"
    loop.write_text(f"source {loop}\n")
    with pytest.raises(DebuggerError, match="nested too deeply"):
        run(f"source {loop}")


def test_keep_going_shows_and_counts() -> None:
    one = session()
    one.keep_going = True
    one.run_lines(Lines(["fail", "echo on", "badcmd"], "t"))
    assert one.shown == "on\n"
    assert one.errors == 2
    assert one.err.getvalue().startswith("t:1: It failed.\nt:3: Undefined")


def test_try_and_dash_forget_one_error() -> None:
    one = session()
    one.run_lines(Lines(["try fail", "-fail", "- echo on"], "t"))
    assert (one.shown, one.errors) == ("on\n", 0)
    assert one.err.getvalue() == "It failed.\nIt failed.\n"


def test_needs() -> None:
    one = session()
    with pytest.raises(DebuggerError, match=r"The program is not being run\."):
        one.execute("continue")
    with pytest.raises(DebuggerError, match=r"The program has no registers now\."):
        one.execute("regs")


def test_body_of_commands_may_nest() -> None:
    one = session()
    one.dbg.breakpoint(1)
    body = ["silent", "commands 1", "echo in", "end", "# note", "continue"]
    one.run_lines(Lines(["commands 1", *body, "end", "echo after"], "t"))
    assert one.dbg.breakpoints[1].commands == body
    assert one.shown == "after\n"


def test_body_without_end() -> None:
    one = session()
    one.dbg.breakpoint(1)
    with pytest.raises(DebuggerError, match=r't:2: "commands" of line 2 has no "end"\.'):
        one.run_lines(Lines(["echo a", "commands 1", "bt"], "t"))
    with pytest.raises(CommandError):
        one.execute("commands 1")


def test_one_line_python_is_no_block() -> None:
    assert read_block(Lines(["python print(1)", "end"]), "commands") == ("python print(1)",)
    assert read_block(Lines(["python", "1", "end", "end"]), "commands") == ("python", "1", "end")


def test_breakpoint_commands_run_after_the_stop_is_shown() -> None:
    one = session(hit(1), exited())
    one.dbg.breakpoint(1, "echo body", "continue", "echo never")
    one.execute("run")
    assert one.shown == "<BreakpointHit>\nbody\n<Exited>\n"


def test_silent_hides_the_stop() -> None:
    one = session(hit(1), exited())
    one.dbg.breakpoint(1, "silent", "echo body")
    one.execute("run")
    assert one.shown == "body\n"


def test_many_hits_do_not_recurse() -> None:
    one = session(*[hit(1)] * 5000, exited(3))
    one.dbg.breakpoint(1, "silent", "continue")
    one.execute("run")
    assert one.shown == "<Exited>\n"
    assert one.child_status == 3


def test_commands_of_two_breakpoints_at_one_place() -> None:
    one = session(hit(1, 2))
    one.dbg.breakpoint(1, "echo one")
    one.dbg.breakpoint(2, "echo two")
    one.execute("run")
    assert one.shown == "<BreakpointHit>\none\ntwo\n"


def test_commands_of_a_temporary_breakpoint_that_is_gone() -> None:
    one = session(hit(1))
    one.dbg.breakpoint(1, "echo body")
    one.dbg.breakpoints[1].temporary = True
    report = one.dbg.next_event

    def next_event() -> object:
        del one.dbg.breakpoints[1]
        return report()

    one.dbg.next_event = next_event
    one.execute("run")
    assert one.shown == "<BreakpointHit>\nbody\n"


def test_an_error_in_breakpoint_commands_drops_the_rest() -> None:
    one = session(hit(1))
    one.dbg.breakpoint(1, "fail", "echo never")
    with pytest.raises(DebuggerError, match="It failed"):
        one.execute("run")
    one.execute("echo next")
    assert one.shown == "<BreakpointHit>\nnext\n"


def test_stop_hooks() -> None:
    one = session(hit(1))
    one.stop_hooks.append(lambda session, event: "1: x = 2")
    one.execute("run")
    assert one.shown == "<BreakpointHit>\n1: x = 2\n"


@pytest.mark.parametrize(("event", "status"), [(exited(7), 7), (signalled(11), 139),
                                               (signalled(17), None), (hit(1), None)])  # fmt: skip
def test_child_status(event: object, status: int | None) -> None:
    one = session(event)  # type: ignore[arg-type]
    one.execute("run")
    assert one.child_status == status


def test_interrupt_ends_a_script_only_where_asked() -> None:
    one = session(interrupted(), interrupted())
    one.execute("run")
    one.interrupt_ends = True
    with pytest.raises(KeyboardInterrupt):
        one.execute("run")


def test_enter_repeats_what_makes_sense() -> None:
    one = session(exited(), interactive=True)
    for line in ("", "x/4x 16", "", "", "echo a", "", "# note", ""):
        one.enter(line)
    assert one.shown.splitlines() == [
        "x Format(count=4, letter='x', size='') 16 False",
        "x None None True",
        "x None None True",
        "a",
        "a",
    ]
    one.enter("run")
    one.enter("")
    with pytest.raises(DebuggerError):
        one.enter("badcmd")
    one.enter("")
    assert one.shown.splitlines()[5:] == ["<Exited>"]


def test_confirm() -> None:
    answers = iter(["what", "n", "y"])
    one = session(interactive=True, ask=lambda prompt: next(answers))
    assert not one.confirm("Sure?")
    assert one.shown == "Please answer y or n.\n"
    assert one.confirm("Sure?")
    one.settings.set("confirm", "off")
    assert one.confirm("Sure?")
    assert session().confirm("Sure?")


def test_say_typed() -> None:
    one = session()
    with one.reading(Lines([], typed=True)):
        one.say_typed("Continuing.")
        with one.reading(Lines([])):
            one.say_typed("never")
    one.say_typed("never")
    assert one.shown == "Continuing.\n"


def test_capture() -> None:
    one = session()
    assert one.capture("echo a") == "a\n"
    assert one.shown == ""


@pytest.mark.parametrize(("line", "status"), [("quit", None), ("q 5", 5), ("quit $_exitcode", 7),
                                              ("quit 128+9", 137), ("exit 0x101", 1)])  # fmt: skip
def test_quit(line: str, status: int | None) -> None:
    with pytest.raises(Quit) as caught:
        session().execute(line)
    assert caught.value.status == status


def test_quit_asks_while_a_process_runs() -> None:
    asked: list[str] = []
    one = session(hit(1), interactive=True, ask=lambda prompt: asked.append(prompt) or "n")
    one.execute("run")
    with pytest.raises(CommandError, match="Not confirmed"):
        one.execute("quit")
    assert asked == [
        "A debugging session is active.\n\n\tInferior 1 [process 42] will be killed.\n\n"
        "Quit anyway? (y or n) "
    ]


def test_lines_that_are_to_be_typed_are_announced() -> None:
    """As gdb: what may not be is refused before its lines are typed."""
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "n"

    one = session(hit(1), interactive=True, ask=ask)
    lines = Lines(["define one", "echo hi\\n", "end", "document one", "Say hi.", "end",
                   "define one"], typed=True)  # fmt: skip
    with one.reading(lines):
        for line in iter(lines.next_line, None):
            with suppress(CommandError):
                one.enter(line)
    text = one.shown
    assert text.count('End with a line saying just "end".\n') == 2
    assert text.startswith('Type commands for definition of "one".\n')
    assert 'Type documentation for "one".\n' in text
    assert asked == ['Redefine command "one"? (y or n) ']
