"""Commands about printers: info, enable and disable pretty-printer, as gdb's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydbg.commands import kinds
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import UsageError

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.printers.registry import Group

__all__ = ["commands"]


class _Wanted:
    """Be ``OBJECT-REGEXP NAME-REGEXP``, the latter ``FAMILY;PRINTER``."""

    def __init__(self, text: str | None) -> None:
        words = (text or "").split()
        if len(words) > 2:
            raise UsageError("too many arguments")
        name, _, printer = (words[1] if len(words) > 1 else "").partition(";")
        try:
            self.where = re.compile(words[0] if words else "")
            self.family = re.compile(name)
            self.printer = re.compile(printer) if printer else None
        except re.error as error:
            raise UsageError(f"Invalid regexp: {error}") from None

    def groups(self, session: Session) -> Iterator[Group]:
        """Give the groups that are meant."""
        for group in session.dbg.printers.groups():
            if self.where.match(group.where) and self.family.match(group.name):
                yield group

    def takes(self, printer: str) -> bool:
        """Tell whether a printer of a group that is meant is meant too."""
        return self.printer is None or self.printer.match(printer) is not None


def info(session: Session, parsed: Parsed) -> str:
    """List the printers by where they come from."""
    wanted = _Wanted(parsed["REGEXPS"])
    lines: list[str] = []
    for where in dict.fromkeys(group.where for group in session.dbg.printers.groups()):
        if not wanted.where.match(where):
            continue
        lines.append(f"{where} pretty-printers:")
        for group in wanted.groups(session):
            if group.where != where:
                continue
            own = [row for row in sorted(group.rows()) if wanted.takes(row[0])]
            if own:
                lines.append(f"  {group.name}{'' if group.enabled else ' [disabled]'}")
                lines += [f"    {name}{'' if on else ' [disabled]'}" for name, on in own]
    return "\n".join(lines)


def _switch(session: Session, parsed: Parsed, enabled: bool) -> str:
    wanted = _Wanted(parsed["REGEXPS"])
    changed = 0
    for group in wanted.groups(session):
        if wanted.printer is None:
            if group.enabled != enabled:
                changed += sum(on for _, on in group.rows())
            group.switch(enabled)
            continue
        for name, on in group.rows():
            if wanted.takes(name):
                changed += group.enabled and on != enabled
                group.switch(enabled, name)
    everything = [(group.enabled and on) for group in session.dbg.printers.groups()
                  for _, on in group.rows()]  # fmt: skip
    word = "printer" if changed == 1 else "printers"
    return (
        f"{changed} {word} {'enabled' if enabled else 'disabled'}\n"
        f"{sum(everything)} of {len(everything)} printers enabled"
    )


def enable(session: Session, parsed: Parsed) -> str:
    """Let printers show values again."""
    return _switch(session, parsed, True)


def disable(session: Session, parsed: Parsed) -> str:
    """Have values shown as they are."""
    return _switch(session, parsed, False)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    regexps = Arg("REGEXPS", kinds.TEXT, optional=True,
                  doc="where printers come from, and FAMILY or FAMILY;PRINTER")  # fmt: skip
    help_ = (
        "REGEXPS are up to two regular expressions that match from the beginning: for where "
        "printers come from (global, or objfile and a library), and for a family's name; "
        "FAMILY;PRINTER means single ones of it."
    )

    def row(name: str, summary: str, run: Any, group: str, example: str) -> Command:
        return Command(name, summary=summary, run=run, group=group, args=(regexps,),
                       example=example, help=help_)  # fmt: skip

    return (
        row("info pretty-printer", "List the printers of values.", info, "status",
            "info pretty-printer"),
        row("enable pretty-printer", "Let printers show values again.", enable, "data",
            "enable pretty-printer . libstdc"),
        row("disable pretty-printer", "Show values as they are, without printers.", disable,
            "data", "disable pretty-printer . libstdc.*;std::vector"),
    )  # fmt: skip
