"""The manual page and the completions of shells, made from the tables of options and commands.

``python -m pydbg.ui.manual docs/share`` writes them all; a test fails when a file there is not
what this module makes. The wheel installs them where man and the shells look.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pydbg.cli import OPTIONS, Option, usage
from pydbg.commands.table import GROUPS, Commands, all_commands
from pydbg.settings import table

__all__ = ["FILES", "bash", "fish", "man_page", "subcommands", "zsh"]

_MADE = "Made by `python -m pydbg.ui.manual docs/share`: change the tables instead."
_PATHS = {"FILE", "DIR", "DEVICE"}
_WORDS = {"ACTION": ("kill", "detach", "continue"), "report": ("report",)}


def subcommands() -> tuple[str, ...]:
    """Return what may stand instead of a program, from the text of ``--help``.

    >>> "doctor" in subcommands()
    True
    """
    return tuple(re.findall(r"^(?:Usage:)? +pydbg ([a-z]+)\b", usage(), re.MULTILINE))


def spelt(option: Option) -> tuple[str, ...]:
    """Return the names of an option as they are typed.

    >>> spelt(Option(("command", "x"), "FILE", ""))
    ('--command', '-x')
    """
    return tuple(("-" if len(name) < 3 else "--") + name for name in option.names)


def _top_level(commands: Commands) -> list[str]:
    return [row.name for row in commands if not row.parent and not row.hidden]


# --- the manual page (man(7), groff_man) -----------------------------------------------------


def man_page(commands: Commands | None = None) -> str:
    """Return the manual page.

    >>> man_page().splitlines()[1]
    '.TH PYDBG 1 "" "pydbg" "User Commands"'
    """
    rows = all_commands() if commands is None else commands
    return "\n".join(_man(rows)) + "\n"


def _roff(text: str) -> str:
    """Return text that roff prints as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(
        "\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n")
    )


def _man(commands: Commands) -> Iterator[str]:
    head, _, tail = usage().partition("\n\n")
    yield f'.\\" {_MADE}'
    yield '.TH PYDBG 1 "" "pydbg" "User Commands"'
    yield ".SH NAME"
    yield "pydbg \\- a breakpoint debugger for Linux programs"
    yield ".SH SYNOPSIS"
    yield ".nf"
    yield from (_roff(line.removeprefix("Usage:").strip()) for line in head.split("\n"))
    yield ".fi"
    yield ".SH DESCRIPTION"
    yield _roff(tail.partition("\n")[0])
    yield "Its commands, their abbreviations and its expressions are those of"
    yield ".BR gdb (1);"
    yield "it also stops at system calls and shows them as"
    yield ".BR strace (1)"
    yield "does."
    yield ".SH OPTIONS"
    for option in OPTIONS:
        yield ".TP"
        names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in spelt(option))
        yield names + (f" \\fI{_roff(option.argument)}\\fR" if option.argument else "")
        yield _roff(option.doc)
    yield ".PP"
    yield from (_roff(line) for line in _paragraph("Options may be"))
    yield ".SH COMMANDS"
    yield r"\fBhelp\fR \fICOMMAND\fR says more about each."
    for group, summary in GROUPS:
        yield f".SS {_roff(group.capitalize())}"
        yield _roff(summary)
        for row in commands:
            if row.group == group and not row.parent and not row.hidden:
                yield ".TP"
                yield f"\\fB{_roff(row.syntax)}\\fR"
                yield _roff(row.summary)
    yield ".SH SETTINGS"
    yield r"\fBset\fR \fINAME VALUE\fR changes one, \fBshow\fR \fINAME\fR shows it:"
    yield _roff(", ".join(row.name for row in table() if not row.ignored)) + "."
    yield '.SH "EXIT STATUS"'
    yield from (_roff(line) for line in _paragraph("Exit status:"))
    yield ".SH FILES"
    for path, text in (
        ("~/.config/pydbg/init", "Commands that run before the first prompt."),
        ("~/.local/state/pydbg/history", "The lines that were typed; for the user's eyes only."),
    ):
        yield ".TP"
        yield f"\\fI{_roff(path)}\\fR"
        yield _roff(text)
    yield ".SH ENVIRONMENT"
    for name, text in (
        ("NO_COLOR", "If it is set and not empty, nothing is coloured."),
        ("TERM", "With dumb, lines are read without editing."),
        ("XDG_CONFIG_HOME, XDG_STATE_HOME", "Where these files are instead."),
    ):
        yield ".TP"
        yield f"\\fB{_roff(name)}\\fR"
        yield _roff(text)
    yield '.SH "SEE ALSO"'
    yield ".BR gdb (1),"
    yield ".BR strace (1),"
    yield ".BR ptrace (2)"


def _paragraph(start: str) -> list[str]:
    """Return the paragraph of ``--help`` that begins with some words."""
    for part in usage().split("\n\n"):
        if part.startswith(start):
            return part.removeprefix("Exit status: ").strip().split("\n")
    return []


# --- shells ----------------------------------------------------------------------------------


def bash(commands: Commands | None = None) -> str:
    """Return the completion for bash."""
    rows = all_commands() if commands is None else commands
    every = " ".join(name for option in OPTIONS for name in spelt(option))
    cases = []
    for option in OPTIONS:
        if not option.argument:
            continue
        names = "|".join(dict.fromkeys((*spelt(option), *(f"-{name}" for name in option.names))))
        action = _bash_action(option, rows)
        cases.append(f"        {names})\n            {action}\n            return ;;")
    return f"""\
# bash completion for pydbg
# {_MADE}

_pydbg()
{{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
    COMPREPLY=()
    case $prev in
{chr(10).join(cases)}
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "{every}" -- "$cur"))
        return
    fi
    ((COMP_CWORD == 1)) && COMPREPLY=($(compgen -W "{" ".join(subcommands())}" -- "$cur"))
    COMPREPLY+=($(compgen -f -- "$cur"))
    [[ $cur == */* ]] || COMPREPLY+=($(compgen -c -- "$cur"))
}}

complete -o filenames -F _pydbg pydbg
"""


def _bash_action(option: Option, commands: Commands) -> str:
    if option.argument in _PATHS:
        flag = "-d" if option.argument == "DIR" else "-f"
        return f'COMPREPLY=($(compgen {flag} -- "$cur"))'
    if option.argument == "PID":
        return 'COMPREPLY=($(compgen -W "$(ps -u "$UID" -o pid= 2>/dev/null)" -- "$cur"))'
    words = _WORDS.get(option.argument, ())
    if option.argument == "COMMAND":
        words = tuple(_top_level(commands))
    return f'COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$cur"))' if words else ":"


def zsh(commands: Commands | None = None) -> str:
    """Return the completion for zsh."""
    rows = all_commands() if commands is None else commands
    lines = []
    for option in OPTIONS:
        names = spelt(option)
        head = f"'({' '.join(names)})'{{{','.join(names)}}}" if len(names) > 1 else f"{names[0]}"
        if option.step:
            head = f"'*'{{{','.join(names)}}}" if len(names) > 1 else f"'*'{names[0]}"
        text = f"'[{_zsh(option.doc)}]{_zsh_action(option, rows)}'"
        lines.append(f"    {head}{text} \\")
    words = " ".join(subcommands())
    return f"""\
#compdef pydbg
# {_MADE}

_arguments \\
{chr(10).join(lines)}
    '1:program:_alternative "commands:command:({words})" "files:program:_files"' \\
    '*::argument:_files'
"""


def _zsh(text: str) -> str:
    """Return a description that neither _arguments nor the quotes take apart.

    >>> _zsh("a: [b]'s")
    "a\\\\: \\\\[b\\\\]'\\\\''s"
    """
    return re.sub(r"([][:\\])", r"\\\1", text).replace("'", "'\\''")


def _zsh_action(option: Option, commands: Commands) -> str:
    if not option.argument:
        return ""
    name = option.argument.strip("[]").lower()
    if option.argument in _PATHS:
        return f":{name}:_files" + (" -/" if option.argument == "DIR" else "")
    if option.argument == "PID":
        return f":{name}:_pids"
    words = _WORDS.get(option.argument, ())
    if option.argument == "COMMAND":
        words = tuple(_top_level(commands))
    return f":{name}:({' '.join(words)})" if words else f":{name}:"


def fish(commands: Commands | None = None) -> str:
    """Return the completion for fish."""
    rows = all_commands() if commands is None else commands
    lines = [f"# fish completion for pydbg\n# {_MADE}\n"]
    for word in subcommands():
        lines.append(f"complete -c pydbg -n __fish_is_first_arg -a {word}")
    for option in OPTIONS:
        parts = ["complete -c pydbg"]
        for name in option.names:
            kind = "-s" if len(name) == 1 else "-o" if len(name) == 2 else "-l"
            parts.append(f"{kind} {name}")
        if option.argument == "DIR":
            parts.append("-x -a '(__fish_complete_directories)'")
        elif option.argument in _PATHS:
            parts.append("-r -F")
        elif option.argument == "PID":
            parts.append("-x -a '(__fish_complete_pids)'")
        elif option.argument:
            words = _WORDS.get(option.argument, ())
            if option.argument == "COMMAND":
                words = tuple(_top_level(rows))
            parts.append(f"-x -a '{' '.join(words)}'" if words else "-x")
        quoted = option.doc.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(" ".join([*parts, f"-d '{quoted}'"]))
    return "\n".join(lines) + "\n"


FILES: dict[str, Callable[[], str]] = {
    "man/pydbg.1": man_page,
    "bash/pydbg": bash,
    "zsh/_pydbg": zsh,
    "fish/pydbg.fish": fish,
}
"""What is made, by the name of the file in docs/share."""


def main(argv: list[str]) -> int:
    """Write all files into the folder that is named, or to stdout."""
    for name, make in FILES.items():
        if argv:
            Path(argv[0], name).write_text(make(), encoding="utf-8")
        else:
            sys.stdout.write(make())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
