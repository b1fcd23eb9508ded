"""Commands that decide what runs: if, while, with, try, eval, source, python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.lines import branches
from pydbg.commands.pyscript import python
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, UsageError

if TYPE_CHECKING:
    from pydbg.commands.session import Session


class _LoopExit(Exception):
    """Leave the innermost ``while`` (``again``: for its next round)."""

    def __init__(self, *, again: bool) -> None:
        super().__init__()
        self.again = again


def if_(session: Session, parsed: Parsed) -> None:
    """Run one of two blocks."""
    then, otherwise = branches(parsed.body, session.opens)
    session.run_block(then if _true(session, parsed["EXPR"]) else otherwise)


def while_(session: Session, parsed: Parsed) -> None:
    """Run a block as long as an expression holds."""
    condition = parsed["EXPR"]
    session.loops += 1
    try:
        while _true(session, condition):
            try:
                session.run_block(parsed.body)
            except _LoopExit as exit_:
                if not exit_.again:
                    return
            if session.ending is not None:
                raise session.ending
    finally:
        session.loops -= 1


def _true(session: Session, text: str) -> bool:
    value = session.dbg.eval(text)
    number = getattr(value, "number", None)
    return bool(number() if number is not None else value)


def loop_break(session: Session, parsed: Parsed) -> None:
    """Leave the loop."""
    _leave(session, "loop_break", again=False)


def loop_continue(session: Session, parsed: Parsed) -> None:
    """Begin the next round of the loop."""
    _leave(session, "loop_continue", again=True)


def _leave(session: Session, name: str, *, again: bool) -> None:
    if not session.loops:
        raise CommandError(f'"{name}" is only of use inside "while".')
    raise _LoopExit(again=again)


def misplaced(session: Session, parsed: Parsed) -> None:
    """Refuse a word that belongs into a block."""
    raise CommandError("This command cannot be used at the top level.")


def with_(session: Session, parsed: Parsed) -> None:
    """Run a command with a setting changed."""
    text: str = parsed["SETTING [VALUE] -- COMMAND"]
    left, dashes, command = text.partition("--")
    if text.startswith("--") or not left.strip():
        raise UsageError("Missing setting before '--' delimiter")
    command = command.strip() or session.repeatable
    if not command:
        raise UsageError("Missing COMMAND after '--'." if dashes else _NO_COMMAND)
    found = session.commands.resolve(f"set {left.strip()}")
    name = found.command.name.removeprefix("set ")
    settings = session.settings
    if name not in settings or found.command.prefix:
        raise UsageError(f'Undefined set command: "{left.strip()}".  Try "help set".')
    before = settings[name]
    settings.set(name, found.text)
    try:
        session.execute(command)
    finally:
        settings.put(name, before)


_NO_COMMAND = "No previous command to relaunch"


def attempt(session: Session, parsed: Parsed) -> None:
    """Run a command; show an error of it and go on."""
    try:
        session.execute(parsed["COMMAND"])
    except DebuggerError as error:
        session.warn(str(error))


def evaluate(session: Session, parsed: Parsed) -> None:
    """Run the command that a format and its values make."""
    command = session.capture(f"printf {parsed['FORMAT, VALUE...']}")
    session.execute(command)


def source(session: Session, parsed: Parsed) -> None:
    """Run the commands of a file."""
    session.source(parsed["FILE"], verbose="-v" in parsed["OPTION"])


class _Dash(kinds.Kind):
    """Take ``-v`` and ``-s`` before a file."""

    def take(self, text: str) -> tuple[str | None, str]:
        word, _, rest = text.partition(" ")
        return (word, rest.lstrip()) if word in ("-v", "-s") else (None, text)


# --- rows ----------------------------------------------------------------------------------


def _loop_rows() -> tuple[Command, ...]:
    def condition(name: str) -> tuple[Arg, ...]:
        missing = f"{name} command requires an argument."
        return (Arg("EXPR", kinds.EXPR, doc="zero means no", missing=missing),)

    return (
        Command(
            "if",
            summary="Run commands if an expression is not zero.",
            help="The commands up to end, or to else; those after else run if it is zero.",
            args=condition("if"),
            body=True,
            example='if $_exitcode == 0\necho fine\\n\nelse\necho "failed"\\n\nend',
            repeat="no",
            run=if_,
        ),
        Command(
            "while",
            summary="Run commands as long as an expression is not zero.",
            help="The commands up to end. loop_break leaves the loop, loop_continue begins its "
            "next round.",
            args=condition("while"),
            body=True,
            example="while $i < 10\nstepi\nset $i = $i + 1\nend",
            repeat="no",
            run=while_,
        ),
        Command(
            "loop_break",
            summary="Leave the innermost while.",
            help="The commands after its end go on.",
            example="loop_break",
            repeat="no",
            run=loop_break,
        ),
        Command(
            "loop_continue",
            summary="Begin the next round of the innermost while.",
            help="The rest of the commands up to its end is left out.",
            example="loop_continue",
            repeat="no",
            run=loop_continue,
        ),
        Command("end", summary="End a block of commands.", repeat="no", example="end",
                help="It stands after the lines of commands, define, document, if, python and "
                "while.", run=misplaced),
        Command("else", summary="Begin the other half of an if.", repeat="no", example="else",
                help="The commands after it run if the expression is zero.", extension=True,
                run=misplaced),
    )  # fmt: skip


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        *_loop_rows(),
        Command(
            "source",
            group="support",
            summary="Read commands from a file.",
            help="Empty lines and comments (#) are skipped, a backslash at the end of a line "
            "joins it with the next.\nA file whose name ends in .py is Python; dbg is the "
            "debugger in it.\nThe first error ends the file; it is reported as "
            "FILE:LINE: message.\nWith -v each command is shown before it runs.",
            args=(
                Arg("OPTION", _Dash("option"), optional=True, repeat=True, doc="-v or -s"),
                Arg("FILE", kinds.FILE, doc="file of commands",
                    missing="source command requires file name of file to source."),
            ),
            example="source session.pydbg",
            repeat="no",
            run=source,
        ),
        Command(
            "python",
            ("py",),
            summary="Run Python: the rest of the line, or the lines up to end.",
            help="dbg is the debugger, session the session, pydbg the package; names live as long "
            "as the session.\nAn error is reported with the line of the script.",
            args=(Arg("CODE", kinds.TEXT, optional=True, doc="a line of Python"),),
            body=True,
            example="python\nfor frame in dbg.frames():\n    print(frame.function)\nend",
            repeat="no",
            run=python,
        ),
        Command(
            "eval",
            group="data",
            summary="Run the command that a format and its values make.",
            help="The format is that of printf.",
            args=(Arg("FORMAT, VALUE...", kinds.TEXT, doc="as for printf",
                      missing="Argument required (format string and values)."),),
            example='eval "echo %d\\n", 6 * 7',
            repeat="no",
            run=evaluate,
        ),
        Command(
            "with",
            ("w",),
            group="data",
            summary="Run a command with a setting changed.",
            help="The setting is put back afterwards, also after an error. Without a command the "
            "last one runs again.",
            args=(Arg("SETTING [VALUE] -- COMMAND", kinds.SETTING, missing="Missing arguments."),),
            example="with disassembly-flavor intel -- print 1",
            repeat="no",
            run=with_,
        ),
        Command(
            "try",
            group="support",
            summary="Run a command; an error of it is shown and does not end the script.",
            help='A "-" before a command does the same.',
            args=(Arg("COMMAND", kinds.COMMANDLINE, doc="the command to run"),),
            example="try print $nosuch",
            repeat="no",
            extension=True,
            run=attempt,
        ),
    )  # fmt: skip
