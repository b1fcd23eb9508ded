"""Commands about what steps do not go into: skip and its family, info skip."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydbg.commands import kinds
from pydbg.commands.results import Note
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, UsageError

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.skips import Skip, Skips

__all__ = ["commands"]

_OPTIONS = {
    "-fi": "file", "-file": "file", "-gfi": "gfile", "-gfile": "gfile",
    "-fu": "function", "-function": "function", "-rfu": "rfunction", "-rfunction": "rfunction",
}  # fmt: skip


def _skips(session: Session) -> Skips:
    return session.dbg.steps.skips_list


def skip(session: Session, parsed: Parsed) -> Note:
    """Add a rule (skip.c, skip_command)."""
    text = (parsed["WHAT"] or "").strip()
    if not text:
        return skip_function(session, parsed)
    if not text.startswith("-"):
        return _added(_skips(session).add(function=text))
    return _added(_skips(session).add(**_options(text)))


def _options(text: str) -> dict[str, Any]:
    given: dict[str, str] = {}
    words = text.split()
    while words:
        option = words.pop(0)
        kind = _OPTIONS.get(option)
        if kind is None:
            raise UsageError(f"Invalid skip option: {option}")
        if not words:
            raise UsageError(f"Missing value for {option} option.")
        given[kind] = words.pop(0)
    for one, other in (("file", "gfile"), ("function", "rfunction")):
        if one in given and other in given:
            raise UsageError(f"Cannot specify both -{one} and -{other}.")
    return {
        "file": given.get("file") or given.get("gfile"),
        "function": given.get("function") or given.get("rfunction"),
        "glob": "gfile" in given,
        "regex": "rfunction" in given,
    }


def skip_function(session: Session, parsed: Parsed) -> Note:
    """Step over a function: the selected frame's without a name."""
    name = parsed["WHAT"]
    if name is None:
        frame = session.dbg.frame
        name = frame.function if frame is not None else None
        if name is None:
            raise CommandError("No default function now.")
    return _added(_skips(session).add(function=name))


def skip_file(session: Session, parsed: Parsed) -> Note:
    """Step over the functions of a file: the selected frame's without a name."""
    name = parsed["WHAT"]
    if name is None:
        frame = session.dbg.frame
        name = frame.file if frame is not None else None
        if name is None:
            raise CommandError("No default file now.")
    return _added(_skips(session).add(file=name))


def _added(rule: Skip) -> Note:
    function = f"Function{'(s)' if rule.function_is_regex else ''} {rule.function}"
    file = f"File{'(s)' if rule.file_is_glob else ''} {rule.file}"
    if rule.file is None:
        return Note(f"{function} will be skipped when stepping.")
    if rule.function is None:
        return Note(f"{file} will be skipped when stepping.")
    return Note(f"{function} in {file[0].lower()}{file[1:]} will be skipped when stepping.")


def _chosen(session: Session, text: str | None) -> Iterable[Skip]:
    """Return the rules that numbers and ranges of numbers name, all without any."""
    rules = _skips(session).by_number
    if text is None:
        return list(rules.values())
    numbers: set[int] = set()
    for word in text.split():
        first, _, last = word.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise UsageError(f"Arguments must be numbers or ranges of them, not {word}.")
        numbers.update(range(int(first), int(last or first) + 1))
    found = [rule for number, rule in rules.items() if number in numbers]
    if not found:
        raise CommandError(f"No skiplist entries found with number {text}.")
    return found


def skip_enable(session: Session, parsed: Parsed) -> None:
    """Let rules count again."""
    for rule in _chosen(session, parsed["NUM"]):
        rule.enabled = True


def skip_disable(session: Session, parsed: Parsed) -> None:
    """Let rules count no more."""
    for rule in _chosen(session, parsed["NUM"]):
        rule.enabled = False


def skip_delete(session: Session, parsed: Parsed) -> None:
    """Delete rules."""
    if parsed["NUM"] is None and not session.confirm("Delete all skips?"):
        return
    for rule in _chosen(session, parsed["NUM"]):
        del _skips(session).by_number[rule.number]


def info_skip(session: Session, parsed: Parsed) -> Note:
    """List the rules."""
    text = parsed["NUM"]
    rules = _chosen(session, text) if _skips(session).by_number or text is None else []
    if not rules:
        if text is not None:
            return Note(f"No skiplist entries found with number {text}.")
        return Note("Not skipping any files or functions.")
    lines = ["Num   Enb Glob File                 RE Function"]
    for rule in rules:
        enabled, glob, regex = (
            "y" if flag else "n"
            for flag in (rule.enabled, rule.file_is_glob, rule.function_is_regex)
        )
        file, function = rule.file or "<none>", rule.function or "<none>"
        lines.append(f"{rule.number:<5} {enabled:<3} {glob:>4} {file:<20} {regex:>2} {function}")
    return Note("\n".join(lines))


# --- rows ----------------------------------------------------------------------------------


def _row(name: str, summary: str, run: Any, **fields: Any) -> Command:
    fields.setdefault("example", name)
    return Command(name, group="running", summary=summary, run=run, **fields)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    numbers = Arg("NUM", kinds.TEXT, optional=True, doc="numbers or ranges of the rules")
    function = Arg("WHAT", kinds.SYMBOL, optional=True, doc="a function")
    file = Arg("WHAT", kinds.FILE, optional=True, doc="a source file")
    what = Arg("WHAT", kinds.TEXT, optional=True, doc="a function, or options")
    return (
        _row("skip", "Have step not go into functions.", skip, args=(what,), repeat="no",
             help="WHAT is a function's name (the selected frame's without one), or options: "
             "-fi FILE, -gfi PATTERN of files, -fu FUNCTION, -rfu REGEX of functions.  With a "
             "file and a function both must be those of a place.", example="skip -gfi *.h"),
        _row("skip function", "Have step not go into a function.", skip_function,
             args=(function,), repeat="no", help="The selected frame's without a name.",
             example="skip function inner"),
        _row("skip file", "Have step not go into the functions of a file.", skip_file,
             args=(file,), repeat="no", help="The selected frame's without a name.",
             example="skip file plain.c"),
        _row("skip enable", "Let rules of skip count again.", skip_enable, args=(numbers,),
             repeat="no", help="All of them without numbers."),
        _row("skip disable", "Let rules of skip count no more.", skip_disable, args=(numbers,),
             repeat="no", help="All of them without numbers."),
        _row("skip delete", "Delete rules of skip.", skip_delete, args=(numbers,),
             repeat="no", help="All of them without numbers, after a question."),
        _row("info skip", "List what step does not go into.", info_skip, args=(numbers,),
             help="The rules of skip with their numbers, whether they are enabled, and whether "
             "their names are patterns."),
    )  # fmt: skip
