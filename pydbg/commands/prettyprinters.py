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


def info_types(session: Session, parsed: Parsed) -> str:
    """List the names that types of the C++ library are shown by."""
    types = session.dbg.printers.types
    return "\n".join(
        f"{name}{' [disabled]' if name in types.disabled else ''}" for name in types.names
    )


def _switch_types(session: Session, parsed: Parsed, on: bool) -> None:
    types, name = session.dbg.printers.types, parsed["NAME"]
    if name is not None and name not in types.names:
        raise UsageError(f"No type printer named '{name}'")
    types.switch(types.names if name is None else [name], on=on)


def enable_types(session: Session, parsed: Parsed) -> None:
    """Show types by their short names again."""
    _switch_types(session, parsed, True)


def disable_types(session: Session, parsed: Parsed) -> None:
    """Show types by their whole names."""
    _switch_types(session, parsed, False)


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

    named = Arg("NAME", kinds.TEXT, optional=True, doc="a name of info type-printers")
    more = "For the GNU C++ library: typedefs such as std::string, and containers without the "
    more += "arguments that are the usual ones.  whatis/r and ptype/r never use them."
    return (
        Command("info type-printers", summary="List the short names of library types.",
                run=info_types, group="status", help=more, example="info type-printers"),
        Command("enable type-printer", summary="Show types by their short names again.",
                run=enable_types, group="data", args=(named,), help=more,
                example="enable type-printer std::vector"),
        Command("disable type-printer", summary="Show types by their whole names.",
                run=disable_types, group="data", args=(named,), help=more,
                example="disable type-printer std::string"),
        row("info pretty-printer", "List the printers of values.", info, "status",
            "info pretty-printer"),
        row("enable pretty-printer", "Let printers show values again.", enable, "data",
            "enable pretty-printer . libstdc"),
        row("disable pretty-printer", "Show values as they are, without printers.", disable,
            "data", "disable pretty-printer . libstdc.*;std::vector"),
    )  # fmt: skip
