"""The text after ``run``: arguments and redirections, as a shell would take them apart.

No shell is started: quotes, ``~``, ``$NAME``, patterns and ``<in >out >>out 2>err`` are done
here; what would need a shell is refused with a clear line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from pydbg.errors import UsageError
from pydbg.linux.spawn import STDOUT
from pydbg.patterns import lazy_pattern
from pydbg.records import Record, field

_VARIABLE = lazy_pattern(r"\$(?:\{(\w+)\}|(\w+))")
_REDIRECT = lazy_pattern(r"(?:(\d?)(>>|>|<))|(&>)")


class RunArgs(Record, frozen=False):
    """Hold the arguments of a run and where its standard streams go."""

    argv: list[str] = field(default_factory=list)
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | int | None = None
    append: bool = False


class _Word(Record, frozen=False):
    text: str = ""
    pattern: str = ""
    """The text with quoted characters escaped for glob."""
    quoted: bool = False
    started: bool = False

    def add(self, text: str, *, quoted: bool) -> None:
        self.started = True
        self.quoted = self.quoted or quoted
        self.text += text
        if quoted and any(c in text for c in "*?["):
            from glob import escape

            text = escape(text)
        self.pattern += text


def parse(text: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> RunArgs:
    """Take a command line apart; raises UsageError for what only a shell can do.

    >>> parse("a 'b c' <in >out 2>&1")
    RunArgs(argv=['a', 'b c'], stdin='in', stdout='out', stderr=-2, append=False)
    """
    env = os.environ if env is None else env
    result = RunArgs()
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _REDIRECT.match(text, at)
        if match:
            at = _redirect(result, text, match, env)
            continue
        word, at = _word(text, at, env)
        result.argv += _expand(word, cwd)
    return result


def _redirect(result: RunArgs, text: str, match: re.Match[str], env: Mapping[str, str]) -> int:
    at = match.end()
    if text.startswith("&1", at) and match[1] == "2":
        result.stderr = STDOUT
        return at + 2
    while at < len(text) and text[at].isspace():
        at += 1
    word, at = _word(text, at, env)
    if not word.text:
        raise UsageError(f"A file name is missing after {match[0].strip()}.")
    if match[3]:
        result.stdout, result.stderr = word.text, STDOUT
    elif match[2] == "<" and match[1] in ("", "0"):
        result.stdin = word.text
    elif match[2] != "<" and match[1] in ("", "1"):
        if result.stderr == STDOUT:
            result.stderr = 1  # 2>&1 came before: it is where stdout went till now.
        result.stdout, result.append = word.text, match[2] == ">>"
    elif match[2] != "<" and match[1] == "2":
        result.stderr = word.text
    else:
        raise UsageError(f"Cannot redirect descriptor {match[1]}.")
    return at


def _word(text: str, at: int, env: Mapping[str, str]) -> tuple[_Word, int]:
    word = _Word()
    while at < len(text) and not text[at].isspace() and text[at] not in "<>":
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            word.add(text[at + 1], quoted=True)
            at += 2
        elif char == "'":
            end = text.find("'", at + 1)
            if end < 0:
                raise UsageError("Unmatched single quote.")
            word.add(text[at + 1 : end], quoted=True)
            at = end + 1
        elif char == '"':
            at = _double(word, text, at + 1, env)
        elif char in "`|;&" or text.startswith("$(", at):
            raise UsageError(f"`{char}' needs a shell; run it from one, or quote it.")
        elif char == "$" and (match := _VARIABLE.match(text, at)):
            word.add(env.get(match[1] or match[2], ""), quoted=False)
            at = match.end()
        else:
            word.add(char, quoted=False)
            at += 1
    return word, at


def _double(word: _Word, text: str, at: int, env: Mapping[str, str]) -> int:
    word.add("", quoted=True)
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and text[at + 1 : at + 2] in ("\\", '"', "$", "`"):
            word.add(text[at + 1], quoted=True)
            at += 2
        elif text[at] == "$" and (match := _VARIABLE.match(text, at)):
            word.add(env.get(match[1] or match[2], ""), quoted=True)
            at = match.end()
        else:
            word.add(text[at], quoted=True)
            at += 1
    if at >= len(text):
        raise UsageError("Unmatched double quote.")
    return at + 1


def _expand(word: _Word, cwd: str | None) -> list[str]:
    text = word.text
    if not word.quoted and text.startswith("~"):
        text = os.path.expanduser(text)
        word.pattern = text
    if any(c in word.pattern for c in "*?["):
        import glob

        found = sorted(glob.glob(word.pattern, root_dir=None if os.path.isabs(text) else cwd))
        if found:
            return found
    return [text] if text or word.started else []
