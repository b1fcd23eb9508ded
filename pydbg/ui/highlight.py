"""The colours of the command line while it is typed."""

from __future__ import annotations

from typing import Any

__all__ = ["command_lexer", "python_lexer", "style"]


def command_lexer() -> Any:
    """Return the pygments lexer for command lines: a command, registers, numbers, strings."""
    from pygments.lexer import RegexLexer, bygroups
    from pygments.token import Comment, Keyword, Name, Number, Operator, String, Text

    class CommandLexer(RegexLexer):  # type: ignore[misc]  # pygments is untyped
        name = "pydbg"
        tokens = {
            "root": [
                (r"^\s*#.*", Comment),
                (r"^(\s*-?)([\w.-]+|!)", bygroups(Text, Keyword)),
                (r"/-?\d*[a-z]+", Name.Attribute),
                (r"\$[\w$]*", Name.Variable),
                (r"0[xX][0-9a-fA-F]+|\b\d+\b", Number),
                (r'"(\\.|[^"\\])*"?', String),
                (r"'(\\.|[^'\\])*'?", String),
                (r"\b(if|thread)\b", Operator.Word),
                (r"\w+", Text),
                (r".", Text),
            ]
        }

    return CommandLexer


def python_lexer() -> Any:
    """Return the pygments lexer for the lines of ``python ... end``."""
    from pygments.lexers.python import PythonLexer

    return PythonLexer


_BASE = {
    "pygments.keyword": "bold",
    "bottom-toolbar": "reverse",
    "auto-suggestion": "ansibrightblack",
    "completion-menu.completion.current": "reverse",
}

_THEMES: dict[str, dict[str, str]] = {
    "default": {
        "pygments.name.variable": "ansicyan",
        "pygments.name.attribute": "ansimagenta",
        "pygments.literal.number": "ansigreen",
        "pygments.literal.string": "ansiyellow",
        "pygments.operator.word": "bold",
        "pygments.comment": "ansibrightblack",
    },
    "dark": {
        "pygments.keyword": "bold ansiwhite",
        "pygments.name.variable": "ansibrightcyan",
        "pygments.name.attribute": "ansibrightmagenta",
        "pygments.literal.number": "ansibrightgreen",
        "pygments.literal.string": "ansibrightyellow",
        "pygments.operator.word": "bold ansiwhite",
        "pygments.comment": "ansibrightblack",
    },
    "light": {
        "pygments.keyword": "bold ansiblue",
        "pygments.name.variable": "ansimagenta",
        "pygments.name.attribute": "ansimagenta",
        "pygments.literal.number": "ansigreen",
        "pygments.literal.string": "ansired",
        "pygments.operator.word": "bold ansiblue",
        "pygments.comment": "ansibrightblack",
    },
    "plain": {"pygments.comment": "italic"},
}


def style(theme: str) -> Any:
    """Return prompt_toolkit's style for a theme of ``set style theme``."""
    from prompt_toolkit.styles import Style

    return Style.from_dict({**_BASE, **_THEMES.get(theme, {})})
