"""Help, from the rows of the command table: pure functions from a table to text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydbg.commands.table import GROUPS, Command, Commands, split_word
from pydbg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["apropos", "command_help", "group_help", "help_on", "overview"]

_MORE = """\
Type "help" followed by a class name for a list of commands in that class.
Type "help all" for the list of all commands.
Type "help" followed by command name for full documentation.
Type "apropos word" to search for commands related to "word".
Command name abbreviations are allowed if unambiguous.
"""


def overview() -> str:
    """Return what ``help`` prints: the classes of commands.

    >>> overview().splitlines()[2]
    'breakpoints -- Making program stop at certain points.'
    """
    rows = "".join(f"{name} -- {summary}\n" for name, summary in GROUPS)
    return f"List of classes of commands:\n\n{rows}\n{_MORE}"


def help_on(commands: Commands, text: str) -> str:
    """Return the help for ``text``: nothing, a class, ``all``, or a command.

    >>> table = Commands([Command("detach", group="running", summary="Let go.")])
    >>> print(help_on(table, "det"), end="")
    detach
    Let go.
    Usage: detach
    """
    text = " ".join(text.split())
    if not text:
        return overview()
    if text == "all":
        return "\n".join(group_help(commands, name) for name, _ in GROUPS)
    if text in commands:
        # A class may have the name of a command (stack, files): the command is what one means.
        return command_help(commands, commands[text])
    if text in dict(GROUPS):
        return group_help(commands, text)
    found = commands.resolve(text)
    word, _ = split_word(found.text)
    if word and commands.has_below(found.command.name):
        name = found.command.name
        near = " or ".join(f'"{one}"' for one in commands.suggest(name, word))
        hint = f"  Did you mean {near}?" if near else ""
        raise UsageError(f'Undefined {name} command: "{word}".  Try "help {name}".{hint}')
    return command_help(commands, found.command)


def group_help(commands: Commands, group: str) -> str:
    """Return the commands of one class, a line each."""
    rows = [row for row in commands if row.group == group and not row.parent and not row.hidden]
    head = dict(GROUPS)[group]
    listed = "".join(_line(row) for row in rows)
    return f"{head}\n\nList of commands:\n\n{listed}"


def command_help(commands: Commands, row: Command) -> str:
    """Return the full help of one command: names, summary, syntax, text, example, what is below."""
    parts = [", ".join([row.name, *_names(row)]), row.summary]
    if not row.prefix:
        parts.append(f"Usage: {row.syntax}")
    if row.help:
        parts += ["", row.help.strip("\n")]
    described = [arg for arg in row.args if arg.doc]
    if described:
        parts += ["", *(f"  {arg.name}: {arg.doc}" for arg in described)]
    if row.example:
        first, *rest = row.example.split("\n")
        parts += ["", f"Example: {first}", *(f"         {line}" for line in rest)]
    below = [sub for sub in commands.below(row.name) if not sub.hidden]
    if below:
        parts += ["", f"List of {row.name} subcommands:", ""]
        parts += [_line(sub).rstrip("\n") for sub in below]
    return "\n".join(parts) + "\n"


def _names(row: Command) -> list[str]:
    return [f"{row.parent} {alias}".strip() for alias in row.aliases]


def _line(row: Command) -> str:
    return f"{', '.join([row.name, *_names(row)])} -- {row.summary}\n"


def apropos(commands: Iterable[Command], pattern: str, *, verbose: bool = False) -> str:
    """Return the commands whose name, summary or help matches a regular expression.

    >>> apropos([Command("detach", summary="Let the process go.")], "process")
    'detach -- Let the process go.\\n'
    """
    try:
        search = re.compile(pattern, re.IGNORECASE).search
    except re.error as error:
        raise UsageError(f"Error in regular expression: {error}") from None
    found = [
        row
        for row in commands
        if not row.hidden and any(map(search, (row.name, *row.aliases, row.summary, row.help)))
    ]
    if not verbose:
        return "".join(_line(row) for row in found)
    return "\n".join(f"{_line(row)}{row.help}".rstrip() + "\n" for row in found)
