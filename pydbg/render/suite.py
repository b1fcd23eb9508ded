"""The results of ``pydbg test``: text, TAP and JUnit XML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from pydbg.render.escape import clean

__all__ = ["junit", "summary", "tap", "tap_head", "text"]


class Outcome(Protocol):
    """Be how one file did."""

    @property
    def name(self) -> str:
        """The file."""

    @property
    def passed(self) -> bool:
        """Whether all was as it should be."""

    @property
    def seconds(self) -> float:
        """How long it took."""

    @property
    def message(self) -> str:
        """What went wrong, in a line."""

    @property
    def detail(self) -> str:
        """The diff, or what was shown."""

    @property
    def updated(self) -> bool:
        """Whether the file was changed."""


def text(outcome: Outcome) -> str:
    """Return what is shown about one file: nothing if it passed."""
    if outcome.updated:
        return f"{clean(outcome.name)}: updated\n"
    if outcome.passed:
        return ""
    detail = _clean(outcome.detail)
    return f"{_clean(outcome.message)}\n" + (f"{detail}\n" if detail else "")


def _clean(text: str) -> str:
    return "\n".join(clean(line) for line in text.rstrip("\n").split("\n"))


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the last line."""
    failed = sum(not one.passed for one in outcomes)
    passed = len(outcomes) - failed
    seconds = sum(one.seconds for one in outcomes)
    parts = [f"{passed} passed"] if passed or not failed else []
    parts += [f"{failed} failed"] if failed else []
    return f"{', '.join(parts)} in {seconds:.2f} s\n"


# --- TAP (testanything.org, version 14) ----------------------------------------------------


def tap_head(count: int) -> str:
    """Return the first lines: version and plan."""
    return f"TAP version 14\n1..{count}\n"


def tap(outcome: Outcome, number: int) -> str:
    """Return the lines of one file; what went wrong stands in comments."""
    word = "ok" if outcome.passed else "not ok"
    name = clean(outcome.name).replace("#", "\\#")
    lines = [f"{word} {number} - {name}"]
    if not outcome.passed:
        more = [_clean(outcome.message), *_clean(outcome.detail).split("\n")]
        lines += [f"# {line}".rstrip() for one in more for line in one.split("\n") if line]
    return "\n".join(lines) + "\n"


# --- JUnit ---------------------------------------------------------------------------------

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write (section 2.2)."""


def junit(outcomes: Sequence[Outcome]) -> str:
    """Return all results as JUnit XML, as CI servers read it."""
    failed = sum(not one.passed for one in outcomes)
    seconds = sum(one.seconds for one in outcomes)
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<testsuites><testsuite name="pydbg" tests="{len(outcomes)}" failures="{failed}" '
        f'errors="0" skipped="0" time="{seconds:.3f}">',
    ]
    for one in outcomes:
        folder, _, name = one.name.rpartition("/")
        head = f'<testcase classname="{_attribute(folder or ".")}" name="{_attribute(name)}" '
        head += f'file="{_attribute(one.name)}" time="{one.seconds:.3f}"'
        if one.passed:
            lines.append(head + "/>")
        else:
            lines.append(head + ">")
            lines.append(
                f'<failure message="{_attribute(one.message)}">{_xml(one.detail)}</failure>'
            )
            lines.append("</testcase>")
    lines.append("</testsuite></testsuites>")
    return "\n".join(lines) + "\n"


def _xml(text: str) -> str:
    from xml.sax.saxutils import escape

    return escape(_NO_XML.sub("?", text))


def _attribute(text: str) -> str:
    return _xml(text).replace('"', "&quot;").replace("\n", "&#10;")
