"""set, show and unset: settings, the program's environment, assignments.

The rows of ``set NAME`` and ``show NAME`` are made from the table of settings, so abbreviation,
completion and help work for them as for any command.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import UsageError
from pydbg.settings import Setting, table
from pydbg.sourcelanguage import frame_language

if TYPE_CHECKING:
    from pydbg.commands.session import Session


def set_(session: Session, parsed: Parsed) -> None:
    """Evaluate an assignment (``set $rax = 1``)."""
    text: str = parsed["EXPR"]
    if "=" not in text and (word := re.match(r"[A-Za-z][\w-]*(?=\s|$)", text)):
        near = " or ".join(f'"{one}"' for one in session.commands.suggest("set", word[0]))
        hint = f"  Did you mean {near}?" if near else ""
        raise UsageError(f'Undefined set command: "{word[0]}".  Try "help set".{hint}')
    session.dbg.eval(text)


def set_variable(session: Session, parsed: Parsed) -> None:
    """Evaluate an assignment, whatever its first word is."""
    session.dbg.eval(parsed["EXPR"])


def init_if_undefined(session: Session, parsed: Parsed) -> None:
    """Give a convenience variable a value if it has none."""
    text: str = parsed["EXPR"]
    found = re.match(r"\$([A-Za-z_]\w*)\s*=(?!=)", text)
    if found is None:
        raise UsageError("Init-if-undefined requires an assignment expression.")
    if found[1] not in session.dbg.convenience:
        session.dbg.eval(text)


def show(session: Session, parsed: Parsed) -> str:
    """Show all settings."""
    if parsed.text:
        raise UsageError(f'Undefined show command: "{parsed.text}".  Try "help show".')
    return _all_of(session, "")


def _all_of(session: Session, family: str) -> str:
    settings = session.settings
    names = [name for name in settings.names() if not settings.row(name).ignored]
    return "".join(f"{name}:  {settings.show(name)}\n" for name in names if name.startswith(family))


def _show_family(word: str) -> Callable[[Session, Parsed], str]:
    return lambda session, parsed: _all_of(session, f"{word} ")


def set_environment(session: Session, parsed: Parsed) -> str | None:
    """Set a variable of the program's environment."""
    text: str = parsed["VARIABLE=VALUE"]
    name, equal, value = text.partition("=")
    if not equal:
        name, _, value = text.partition(" ")
    name = name.strip()
    if not name:
        raise UsageError("Argument required (environment variable to set).")
    if "\0" in text:
        raise UsageError("A variable of the environment cannot hold a NUL.")
    session.dbg.environment[name] = value.strip()
    if not value.strip():
        return f'Setting environment variable "{name}" to null value.'
    return None


def unset_environment(session: Session, parsed: Parsed) -> None:
    """Take a variable, or all, out of the program's environment."""
    name = parsed["VARIABLE"]
    if name is not None:
        session.dbg.environment.pop(name, None)
    elif session.confirm("Delete all environment variables?"):
        session.dbg.environment.clear()


def show_environment(session: Session, parsed: Parsed) -> str:
    """Show the program's environment."""
    environment, name = session.dbg.environment, parsed["VARIABLE"]
    if name is None:
        return "".join(f"{key}={value}\n" for key, value in environment.items())
    if name not in environment:
        return f'Environment variable "{name}" not defined.'
    return f"{name} = {environment[name]}"


def unset(name: str) -> Command:
    """Return the row that empties the setting ``name``."""

    def run(session: Session, parsed: Parsed) -> None:
        session.settings.set(name, "")

    return Command(
        f"unset {name}",
        summary=f"Empty the setting {name}.",
        repeat="no",
        example=f"unset {name}",
        run=run,
    )


# --- settings ------------------------------------------------------------------------------


_ALIASES = {"print": ("p", "pr")}


def setting_rows() -> list[Command]:
    """Return ``set NAME`` and ``show NAME`` for each row of the settings table."""
    rows: list[Command] = []
    for setting in table():
        rows += [_set_row(setting), _show_row(setting)]
    names = {setting.name for setting in table() if not setting.ignored}
    families = {name.partition(" ")[0] for name in names if " " in name} - names
    for word in sorted(families):
        aliases = _ALIASES.get(word, ())
        summary = f"settings of {word}."
        rows += [
            Command(f"set {word}", aliases, summary=f"Change {summary}", prefix=True),
            Command(f"show {word}", aliases, summary=f"Show {summary}", prefix=True,
                    run=_show_family(word)),
        ]  # fmt: skip
    return rows


def _set_row(setting: Setting) -> Command:
    name = setting.name

    def run(session: Session, parsed: Parsed) -> None:
        session.settings.set(name, parsed["VALUE"] or "")

    about = setting.doc or setting.shown.split("{}")[0].removesuffix(" is ").rstrip(' "')
    return Command(
        f"set {name}",
        summary=f"Set: {about[0].lower() + about[1:]}." if about else f"Set {name}.",
        args=(Arg("VALUE", kinds.SettingValue(setting), optional=True),),
        repeat="no",
        hidden=setting.ignored,
        extension=setting.ignored or setting.extension,
        example=f"set {name} {setting.spell(setting.default)}".rstrip(),
        run=run,
    )


def show_language(session: Session, parsed: Parsed) -> str:
    """Show the language, the one that `auto` means now, and whether it is not the frame's."""
    dbg = session.dbg
    row = session.settings.row("language")
    wanted = str(session.settings["language"])
    if wanted in ("auto", "local"):
        return row.sentence(f"auto; currently {dbg.language.name}")
    text = row.sentence(wanted)
    frame = dbg.frame
    actual = frame_language(frame) if frame is not None else ""
    if actual and actual != wanted:
        text += "\nWarning: the current language does not match this frame."
    return text


_SHOWN = {"language": show_language}
"""Settings whose `show` knows more than what was set."""


def _show_row(setting: Setting) -> Command:
    name = setting.name

    def run(session: Session, parsed: Parsed) -> str:
        shown = _SHOWN.get(name)
        return shown(session, parsed) if shown is not None else session.settings.show(name)

    return Command(
        f"show {name}",
        summary=f"Show the setting {name}.",
        repeat="no",
        hidden=setting.ignored,
        extension=setting.ignored or setting.extension,
        example=f"show {name}",
        run=run,
    )


# --- rows ----------------------------------------------------------------------------------


_ASSIGNMENT = Arg(
    "EXPR",
    kinds.EXPR,
    doc="an assignment",
    missing="Argument required (expression to compute).",
)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "info set",
            group="status",
            summary="Show all settings.",
            example="info set",
            run=show,
        ),
        Command(
            "set",
            group="data",
            summary="Evaluate an assignment, or change a setting.",
            help="set $rax = 1, set {int}ADDR = 2 and set counter = 3 assign to registers, memory "
            "and variables.\nWhere the name of a variable is that of a setting, use set var.",
            args=(_ASSIGNMENT,),
            example="set $rax = 1",
            repeat="no",
            run=set_,
        ),
        Command(
            "set variable",
            ("var",),
            "data",
            summary="Evaluate an assignment and do not print its value.",
            args=(_ASSIGNMENT,),
            example="set var $rax = 1",
            repeat="no",
            run=set_variable,
        ),
        Command(
            "init-if-undefined",
            group="data",
            summary="Give a convenience variable a value if it has none.",
            help="For scripts that keep what the user has set.",
            args=(_ASSIGNMENT,),
            example="init-if-undefined $depth = 3",
            repeat="no",
            run=init_if_undefined,
        ),
        Command(
            "show",
            group="status",
            summary="Show settings.",
            args=(Arg("SETTING", kinds.SETTING, optional=True),),
            example="show",
            run=show,
        ),
        Command("unset", group="data", summary="Undo a set.", prefix=True),
        Command(
            "set environment",
            ("env",),
            "data",
            summary="Set a variable of the environment that the program gets.",
            args=(
                Arg(
                    "VARIABLE=VALUE",
                    kinds.TEXT,
                    missing="Argument required (environment variable and value).",
                ),
            ),
            example="set environment LANG=C",
            repeat="no",
            run=set_environment,
        ),
        Command(
            "unset environment",
            ("env",),
            "data",
            summary="Take a variable, or all of them, out of the program's environment.",
            args=(Arg("VARIABLE", kinds.WORD, optional=True),),
            example="unset environment LANG",
            repeat="no",
            run=unset_environment,
        ),
        Command(
            "show environment",
            ("env",),
            "data",
            summary="Show the environment that the program gets, or one variable of it.",
            args=(Arg("VARIABLE", kinds.WORD, optional=True),),
            example="show environment LANG",
            run=show_environment,
        ),
        unset("args"),
        unset("cwd"),
        *setting_rows(),
    )
