"""The completions of shells, asked in the shells themselves."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pydbg.cli import OPTIONS
from pydbg.commands.table import all_commands
from pydbg.ui.manual import spelt, subcommands

SHARE = Path(__file__).resolve().parents[2] / "docs" / "share"

ZSH = """\
fpath=({share}/zsh $fpath)
autoload -Uz compinit && compinit -u -D
compadd() {{
    local one
    local -a found
    for one in "$@"; do
        # Asked what would match, for a list that is added later.
        [[ $one = -[OAD] ]] && {{ builtin compadd "$@"; return }}
        [[ $one = -- ]] && break
    done
    builtin compadd -O found "$@"
    print -rl -- $found >>{found}
    builtin compadd "$@"
}}
bindkey '^I' complete-word
unsetopt beep
LISTMAX=10000
PROMPT='ready> '
"""
"""What makes an interactive zsh write all it would offer to a file."""

BASH = """\
source {share}/bash/pydbg
read -ra COMP_WORDS <<<"$1"
[[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
complete -p pydbg >/dev/null && {{ _pydbg; printf '%s\\n' "${{COMPREPLY[@]}}"; }}
"""


def in_zsh(line: str, folder: Path) -> set[str]:
    import pexpect

    found = folder / ".found"
    found.unlink(missing_ok=True)
    (folder / ".zshrc").write_text(ZSH.format(share=SHARE, found=found))
    env = {"ZDOTDIR": str(folder), "HOME": str(folder), "PATH": "/usr/bin:/bin", "TERM": "dumb"}
    shell = pexpect.spawn("zsh", ["-d", "-i"], env=env, cwd=folder, timeout=60, encoding="utf-8")
    shell.expect("ready> ")
    shell.send(line + "\t")
    # The line is dropped and the next one is read when the completion is done.
    shell.send("\x15exit\r")
    shell.expect(pexpect.EOF)
    shell.close()
    assert "_arguments:" not in shell.before
    return set(found.read_text().split("\n")) - {""} if found.exists() else set()


def in_fish(line: str, folder: Path) -> set[str]:
    script = f"source {SHARE}/fish/pydbg.fish; complete -C '{line}'"
    return {row.partition("\t")[0] for row in said("fish", "--no-config", "-c", script, cwd=folder)}


def in_bash(line: str, folder: Path) -> set[str]:
    script = BASH.format(share=SHARE)
    return set(said("bash", "--norc", "-c", script, "bash", line, cwd=folder))


def said(*command: str, cwd: Path) -> list[str]:
    env = {"HOME": str(cwd), "PATH": "/usr/bin:/bin", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd)
    assert done.stderr == ""
    return done.stdout.splitlines()


Shell = Callable[[str, Path], set[str]]
SHELLS = pytest.mark.parametrize("shell", [in_bash, in_zsh, in_fish])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program and a folder in it."""
    home = tmp_path / "home"
    (home / "inside").mkdir(parents=True)
    (home / "program").touch(mode=0o755)
    return home


@SHELLS
def test_options(shell: Shell, folder: Path) -> None:
    long = {name for option in OPTIONS for name in spelt(option) if name.startswith("--")}
    short = {name for option in OPTIONS for name in spelt(option)} - long
    assert shell("pydbg --", folder) >= long
    assert shell("pydbg -", folder) >= short
    assert shell("pydbg --bat", folder) == {"--batch"}


@SHELLS
def test_first_words(shell: Shell, folder: Path) -> None:
    assert {one.rstrip("/") for one in shell("pydbg ", folder)} >= {
        *subcommands(), "program", "inside",
    }  # fmt: skip
    assert {one.rstrip("/") for one in shell("pydbg --batch progr", folder)} == {"program"}


@SHELLS
@pytest.mark.parametrize("option", ["-ex", "--eval-command", "--iex"])
def test_commands(shell: Shell, folder: Path, option: str) -> None:
    names = {row.name for row in all_commands() if row.name.startswith("inf")}
    assert shell(f"pydbg {option} inf", folder) == {name for name in names if " " not in name}


@SHELLS
def test_arguments_of_options(shell: Shell, folder: Path) -> None:
    assert shell("pydbg --on-eof ", folder) == {"kill", "detach", "continue"}
    assert shell("pydbg --on-crash ", folder) == {"report"}
    assert {one.rstrip("/") for one in shell("pydbg -cd ", folder)} == {"inside"}
    assert {one.rstrip("/") for one in shell("pydbg -x progr", folder)} == {"program"}
    pids = shell("pydbg -p ", folder)  # Those of this terminal, or the user's.
    assert pids and all(one.isdecimal() for one in pids)


@SHELLS
def test_options_after_others(shell: Shell, folder: Path) -> None:
    assert shell("pydbg -q -ex run --batc", folder) == {"--batch"}
    assert shell("pydbg -ex run -ex quit --batc", folder) == {"--batch"}
