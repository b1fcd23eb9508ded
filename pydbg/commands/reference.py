"""The reference of all commands and settings, made from their tables.

``python -m pydbg.commands.reference docs/commands.md`` writes it; a test fails when the file
in docs is not what this module makes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from pydbg.commands.table import GROUPS, Command, Commands, all_commands
from pydbg.settings import Setting, table

__all__ = ["command_section", "reference", "settings_section"]

_HEAD = """\
# Commands

<!-- Made by `python -m pydbg.commands.reference docs/commands.md`: change the table instead. -->

Names may be abbreviated as long as they stay unambiguous; the short names that gdb users know
are listed with each command. `help COMMAND` shows the same texts at the prompt. In a syntax
line, brackets mean that something may be left out, `...` that it may be repeated. Where a
command has *(pydbg)* behind its name, gdb has none of that name.
"""


def reference(commands: Commands | None = None) -> str:
    """Return the reference as Markdown."""
    rows = all_commands() if commands is None else commands
    parts = [_HEAD]
    for group, summary in GROUPS:
        found = [row for row in rows if row.group == group and _listed(row)]
        if not found:
            continue
        parts.append(f"## {group.capitalize()}\n\n{summary}\n")
        parts += [command_section(row) for row in found]
    parts.append(settings_section(table()))
    return "\n".join(parts)


def _listed(row: Command) -> bool:
    """Return whether a row has a section: not what only groups others, nor set and show NAME."""
    if row.hidden or (row.prefix and not row.help):
        return False
    verb, _, name = row.name.partition(" ")
    return not (verb in ("set", "show") and name in {setting.name for setting in table()})


def command_section(row: Command) -> str:
    """Return one command's section.

    >>> print(command_section(Command("detach", ("det",), summary="Let the process go.")))
    ### detach
    <BLANKLINE>
        detach
    <BLANKLINE>
    Let the process go. Also: `det`.
    <BLANKLINE>
    """
    mark = " *(pydbg)*" if row.extension else ""
    parts = [f"### {row.name}{mark}", "", f"    {row.syntax}", ""]
    names = ", ".join(f"`{f'{row.parent} {alias}'.strip()}`" for alias in row.aliases)
    parts += [row.summary + (f" Also: {names}." if names else ""), ""]
    if row.help:
        parts += [_paragraphs(row.help), ""]
    described = [arg for arg in row.args if arg.doc]
    if described:
        parts += [*(f"* `{arg.name}`: {arg.doc}" for arg in described), ""]
    if row.example:
        parts += ["Example:", "", *(f"    {line}" for line in row.example.split("\n")), ""]
    return "\n".join(parts)


def _paragraphs(text: str) -> str:
    """Return help text as Markdown: lines that are indented become code, others paragraphs."""
    found: list[str] = []
    code = False
    for line in text.strip("\n").split("\n"):
        indented = line.startswith("  ")
        if indented:
            if not code and found and found[-1]:
                found.append("")
            found.append("    " + line.strip())
        else:
            if code and line:
                found.append("")
            found.append(_escape(line))
        code = indented
    return "\n".join(found)


def _escape(text: str) -> str:
    for char in "\\*_<>":
        text = text.replace(char, f"\\{char}")
    return text


def settings_section(settings: Iterable[Setting]) -> str:
    """Return the tables of settings: those that mean something, and those that are ignored."""
    rows = list(settings)
    parts = [
        "## Settings",
        "",
        "`set NAME VALUE` changes one, `show NAME` shows it.",
        "",
        "| name | values | default |",
        "|--|--|--|",
    ]
    for row in rows:
        if not row.ignored:
            default = f"`{spelt}`" if (spelt := row.spell(row.default)) else "(empty)"
            parts.append(f"| `{row.name}` | {_values(row)} | {default} |")
    ignored = ", ".join(f"`{row.name}`" for row in rows if row.ignored)
    parts += ["", "These are accepted, so that gdb's scripts run, and have no effect:", ""]
    return "\n".join([*parts, f"{ignored}.", ""])


def _values(row: Setting) -> str:
    if row.kind == "words":
        alone = ", ".join(f"`{word}`" for word in row.alone)
        return f"{alone}, or some of " + ", ".join(f"`{choice}`" for choice in row.choices)
    if row.choices:
        return ", ".join(f"`{choice}`" for choice in row.choices)
    return {
        "bool": "`on`, `off`",
        "limit": "a number, `unlimited`",
        "int": "a number",
    }.get(row.kind, "text")


def main(argv: list[str]) -> int:
    """Write the reference to the file that is named, or to stdout."""
    text = reference()
    if argv:
        with open(argv[0], "w", encoding="utf-8") as file:
            file.write(text)
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
