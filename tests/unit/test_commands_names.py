"""The file of names says what the modules of commands do, and finds the same by it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pydbg.commands import names
from pydbg.commands.naming import names_text
from pydbg.commands.table import MODULES, Command, Commands, all_commands, module_rows
from pydbg.errors import UsageError


def eager() -> Commands:
    return Commands(row for module in MODULES for row in module_rows(module))


def test_the_file_is_up_to_date() -> None:
    written = Path(names.__file__).read_text()
    assert written == names_text(), "python -m pydbg.commands.naming pydbg/commands/names.py"


def test_every_beginning_means_the_same() -> None:
    """Each word, alias and abbreviation of one, asked of a table in which nothing is loaded."""
    whole = eager()
    spellings = {row.name for row in whole}
    for row in whole:
        head = f"{row.parent} " if row.parent else ""
        spellings |= {head + alias for alias in row.aliases}
        spellings |= {head + row.word[:length] for length in range(1, len(row.word))}
    for spelling in sorted(spellings):
        wanted = outcome(whole, spelling)
        assert outcome(all_commands(), spelling) == wanted, spelling


def outcome(table: Commands, line: str) -> tuple[str, str, str] | str:
    try:
        found = table.resolve(line)
    except UsageError as error:
        return str(error)
    return found.command.name, found.invoked, found.text


def test_the_rows_are_the_same() -> None:
    def shown(table: Commands) -> list[tuple[object, ...]]:
        return [tuple(row._replace(run=print, args=())) for row in table]

    assert shown(all_commands()) == shown(eager())
    assert len(all_commands()) == len(eager())
    assert "info locals" in all_commands() and "info nonsense" not in all_commands()


def test_a_command_of_the_users_stays_when_the_module_comes() -> None:
    table = all_commands()
    table.add(Command("break", group="user-defined"))
    assert table.resolve("tbreak main").command.group == "breakpoints"
    assert table.resolve("break main").command.group == "user-defined"


@pytest.mark.parametrize(("line", "module"), [("info locals", "values"), ("bt", "stack")])
def test_only_the_module_of_a_command_is_loaded(line: str, module: str) -> None:
    code = (
        "import sys; from pydbg.commands.table import MODULES, all_commands\n"
        f"all_commands().resolve({line!r})\n"
        "print(*[m for m in MODULES if f'pydbg.commands.{m}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert module in loaded and "tampering" not in loaded and len(loaded) < len(MODULES) / 2
