"""The command table as a whole: every row is complete, and the reference in docs is its image."""

from __future__ import annotations

from pathlib import Path

import pytest

from pydbg.commands.helptext import command_help
from pydbg.commands.reference import reference
from pydbg.commands.table import GROUPS, Command, all_commands

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = all_commands()
ROWS = list(COMMANDS)
NAMES = [row.name for row in ROWS]


def test_reference_in_docs_is_fresh() -> None:
    stale = "run: python -m pydbg.commands.reference docs/commands.md"
    assert (ROOT / "docs" / "commands.md").read_text() == reference(COMMANDS), stale


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_every_command_is_described(row: Command) -> None:
    assert row.summary.endswith((".", ")")), row.summary
    assert row.group in dict(GROUPS)
    assert row.prefix or row.example, "an example is missing"
    assert row.prefix or COMMANDS.resolve(row.example.split("\n")[0]).command == row
    assert row.needs in ("nothing", "process", "stopped", "registers", "frame", "a frame")
    assert row.repeat in ("yes", "no", "no-args")
    assert command_help(COMMANDS, row)


ABBREVIATIONS = """
b=break br=break bre=break brea=break tb=tbreak tbr=tbreak hb=hbreak
cat=catch tc=tcatch c=continue cont=continue fg=continue r=run ni=nexti si=stepi
fin=finish u=until adv=advance j=jump k=kill q=quit d=delete del=delete dis=disable
disa=disable en=enable disas=disassemble cond=condition ig=ignore sig=signal ha=handle
p=print x=x disp=display und=undisplay bt=backtrace where=backtrace f=frame t=thread
i=info inf=info sho=show h=help he=help
"""


@pytest.mark.parametrize(("short", "name"), [one.split("=") for one in ABBREVIATIONS.split()])
def test_gdb_abbreviations(short: str, name: str) -> None:
    assert COMMANDS.resolve(short).command.name == name


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("info b", "info breakpoints"),
        ("info r", "info registers"),
        ("info th", "info threads"),
        ("info sh", "info sharedlibrary"),
        ("info sym", "info symbol"),
        ("info all", "info all-registers"),
        ("info li", "info line"),
        ("info fu", "info functions"),
        ("info va", "info variables"),
        ("info di", "info display"),
    ],
)
def test_gdb_info_abbreviations(line: str, name: str) -> None:
    assert COMMANDS.resolve(line).command.name == name
