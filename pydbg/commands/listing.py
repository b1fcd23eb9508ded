"""Commands about source text: list, info source, info sources, and where sources are."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds
from pydbg.commands.common import Listing
from pydbg.commands.options import FILES
from pydbg.commands.results import Note
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, LocationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydbg.commands.declared import Declared
    from pydbg.commands.session import Session
    from pydbg.symbols.modules import Module
    from pydbg.symbols.units import Unit

__all__ = ["commands", "current", "locate", "unit_of"]

_NO_TABLE = 'No symbol table is loaded.  Use the "file" command.'
_MANY = 1 << 30


# --- list ----------------------------------------------------------------------------------


def list_(session: Session, parsed: Parsed) -> Note | tuple[Note, ...] | None:
    """List source lines (cli-cmds.c, list_command)."""
    text = (parsed["LINES"] or "").strip()
    if text in ("", "+", "-"):
        return _go_on(session, text)
    session.repeat_as("list")
    count = _count(session)
    begin, comma, end = (part.strip() for part in _split(text))
    if comma and not begin and not end:
        raise UsageError("Two empty args do not say what lines to list.")
    if not comma:
        return _around(session, begin, count)
    if not begin:
        last = _one(session, end, which="last")
        return _show(session, last, max(last.line + 1 - count, 1), last.line + 1)
    first = _one(session, begin)
    if not end:
        return _show(session, first, first.line, first.line + count)
    last = _one(session, end, first, "last")
    if last.file != first.file or last.module is not first.module:
        raise UsageError("Specified first and last lines are in different files.")
    return _show(session, first, first.line, last.line + 1)


def _split(text: str) -> tuple[str, str, str]:
    """Split at the comma between two locations, which is none inside of brackets."""
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter in "(<[") - (letter in ")>]")
        if letter == "," and depth <= 0:
            return text[:index], ",", text[index + 1 :]
    return text, "", ""


def _count(session: Session) -> int:
    count = session.settings.limit("listsize")
    return _MANY if count is None else count


def _go_on(session: Session, sign: str) -> Note | None:
    here = current(session)
    count = _count(session)
    if not here.first:
        first = max(here.line - count // 2, 1)
        if sign == "-" and count == 1 and first > 1:
            first -= 1
        return _show(session, here, first, first + count)
    if sign != "-":
        return _show(session, here, here.line, here.line + count)
    if here.first == 1:
        raise CommandError(f"Already at the start of {here.file}.")
    return _show(session, here, max(here.first - count, 1), here.first)


def current(session: Session) -> Listing:
    """Return where the listing is: at the last stop or listing, else at main."""
    here: Listing | None = session.memory.get("listing")
    if here is not None:
        return here
    main = session.dbg.modules.main
    if main is None or main.lines is None:
        raise CommandError(_NO_TABLE)
    try:
        place = session.dbg.resolve(_main_name(main))[0]
    except DebuggerError:
        raise CommandError(_NO_TABLE) from None
    if place.file is None or place.line is None or place.module is None:
        raise CommandError(_NO_TABLE)
    common.note_path(session, place.module, place.module.addr(place.link_addr))
    # select_source_symtab goes back from main's body, and the first list centres around that.
    line = max(place.line - (_count(session) - 1), 1)
    here = session.memory["listing"] = Listing(place.module, place.file, line)
    return here


def _main_name(module: Module) -> str:
    """Return what the program's main function is called (symtab.c, find_main_name)."""
    table = module.function_table
    found = table.main() if table is not None else None
    return "main" if found is None or found.name is None else found.name


def _around(session: Session, spec: str, count: int) -> Note | tuple[Note, ...] | None:
    found = locate(session, spec)
    if spec.startswith("*"):
        session.say(_address_note(session, spec, found[0]))
    if len(found) == 1:
        first = max(found[0].line - count // 2, 1)
        return _show(session, found[0], first, first + count)
    for place in sorted(found, key=lambda one: (one.file, one.line)):
        session.say(_candidate(place, spec))
        first = max(place.line - count // 2, 1)
        session.show(_show(session, place, first, first + count))
    return None


def _address_note(session: Session, spec: str, place: Listing) -> str:
    addr = session.dbg.resolve(spec)[0]
    number = addr.addr if addr.addr is not None else addr.link_addr
    function = None if place.module is None else place.module.function_at(number)
    at = f"{place.file}:{place.line}"
    if function is None:
        return f"{number:#x} is at {at}."
    return f"{number:#x} is in {function.pretty or '??'} ({at})."


def _one(
    session: Session, spec: str, first: Listing | None = None, which: str = "first"
) -> Listing:
    found = locate(session, spec, first)
    if len(found) > 1:
        rows = sorted(_candidate(one, spec) for one in found)
        lines = "\n".join([f"Specified {which} line '{spec}' is ambiguous:", *rows])
        raise CommandError(lines)
    return found[0]


def _candidate(place: Listing, spec: str) -> str:
    symbol = "???" if re.fullmatch(r"(.+):(\d+)", spec) else spec
    return f'file: "{place.file}", line number: {place.line}, symbol: "{symbol}"'


def locate(session: Session, spec: str, near: Listing | None = None) -> list[Listing]:
    """Return the lines that a location means, whether they have code or not."""
    if match := re.fullmatch(r"([+-]?)(\d+)", spec):
        here = near or current(session)
        number = int(match[2])
        if match[1]:
            number = here.line + number if match[1] == "+" else here.line - number
        return [here._replace(line=number)]
    if match := re.fullmatch(r"(.+):(\d+)", spec):
        return [one._replace(line=int(match[2])) for one in _files(session, match[1])]
    file = None
    name, whole = "", spec
    if match := re.fullmatch(r"([^:]*[./][^:]*):([^:].*)", spec):
        name, spec = match[1], match[2]
        file = _file(session, name)
    found: list[Listing] = []
    try:
        places = session.dbg.resolve(whole)
    except LocationError:
        found = [
            Listing(one.module, one.file, one.line)
            for one in _variables(session, spec)
            if file is None or one.file == file.file
        ]
        if file is None and not found:
            raise
        places = []
    for place in places:
        if place.module is None:
            continue
        addr = place.module.addr(place.link_addr)
        if place.label and place.file is not None and place.line is not None:
            common.note_path(session, place.module, addr)
            found.append(Listing(place.module, place.file, place.line))
            continue
        if not spec.startswith("*") and place.inlined is None:
            addr -= place.offset  # A function's line is its first, before the prologue.
        common.note_path(session, place.module, addr)
        line = place.module.line_at(addr)
        if line is not None and (file is None or line.file == file.file):
            found.append(Listing(place.module, line.file, line.line, addr=addr))
    if not found:
        if file is not None:
            raise CommandError(f'Function "{spec}" not defined in "{name}".')
        raise CommandError(f"No line number known for {spec}.")
    return list({(one.module, one.file, one.line): one for one in reversed(found)}.values())[::-1]


def _variables(session: Session, name: str) -> list[Declared]:
    """Return where global variables of a name are declared."""
    if not name.isidentifier():
        return []
    from pydbg.commands.declared import variables_named

    found = variables_named(session, name)
    for one in found:
        if one.path:
            paths = session.memory.setdefault("source paths", {})
            paths[(one.module.path, one.file)] = one.path
    return found


def _file(session: Session, name: str) -> Listing:
    """Return a source file of the program by its name or the end of its path."""
    return _files(session, name)[0]


def _files(session: Session, name: str) -> list[Listing]:
    """Return the source files of a name, of the first module that has one."""
    found: dict[str, Listing] = {}
    for module in session.dbg.modules:
        if module.lines is None or module.dwarf is None:
            continue
        tail = "/" + name.lstrip("/")
        for unit in module.dwarf.units():
            lines = module.lines.unit_lines(unit)
            for table in lines.files if lines is not None else ():
                if name in (table.name, table.path) or table.path.endswith(tail):
                    found.setdefault(table.path, Listing(module, table.name, 1))
        if not found:
            for _, table in module.lines.naming(name):
                found.setdefault(table.path, Listing(module, table.name, 1))
        if found:
            paths = session.memory.setdefault("source paths", {})
            paths |= {(module.path, one.file): path for path, one in found.items()}
            return list(found.values())
    raise CommandError(f"No source file named {name}.")


def _show(session: Session, place: Listing, first: int, end: int) -> Note | None:
    """Return the lines from ``first`` to before ``end``, and note them as the last listed."""
    lines = common.source_text(session, place.module, place.file)
    if lines is None:
        _say_missing(session, place, first)
        session.memory["listing"] = place._replace(line=first, first=first, last=first)
        return None
    count = len(lines) - (1 if lines and not lines[-1] else 0)
    if first > count:
        session.memory["listing"] = place._replace(line=first, first=first, last=first)
        what = "" if count == 1 else "s"
        text = f"Line number {first} out of range; {place.file} has {count} line{what}."
        raise CommandError(text)
    end = min(end, count + 1)
    session.memory["listing"] = place._replace(line=end, first=first, last=end - 1)
    common.seen_source(session, place.module, place.file, None)
    return Note("\n".join(f"{n}\t{lines[n - 1]}" for n in range(first, end)))


def _say_missing(session: Session, place: Listing, line: int) -> None:
    if common.seen_source(session, place.module, place.file, place.addr):
        session.say(f"{line}\tin {place.file}")
    else:
        session.warn(f"{line}\t{place.file}: No such file or directory.")


# --- info source, info sources ---------------------------------------------------------------


def info_source(session: Session, parsed: Parsed) -> Note:
    """Describe the source file that list would go on in (source.c, info_source_command)."""
    here: Listing | None = session.memory.get("listing")
    if here is None:
        return Note("No current source file.")
    path = common.full_path(session, here.module, here.file)
    unit = unit_of(here)
    lines = [f"Current source file is {here.file}"]
    if unit is not None and unit.comp_dir:
        lines.append(f"Compilation directory is {unit.comp_dir}")
    text = common.source_text(session, here.module, here.file)
    if text is not None:
        place = common.source_place(session, here.module, here.file)
        lines.append(f"Located in {os.path.realpath(place or path)}")
        count = len(text) - (1 if text and not text[-1] else 0)
        lines.append(f"Contains {count} line{'' if count == 1 else 's'}.")
    if unit is not None:
        lines += _facts(here.module, unit)
    return Note("\n".join(lines))


def unit_of(here: Listing) -> Unit | None:
    module = here.module
    if module is None or module.dwarf is None or module.lines is None:
        return None
    if here.addr is not None:
        return module.dwarf.unit_at(module.link_addr(here.addr))
    for unit in module.dwarf.units():
        lines = module.lines.unit_lines(unit)
        if lines is not None and any(table.name == here.file for table in lines.files):
            return unit
    # A file that made no code.
    return next((unit for unit, _ in module.lines.naming(here.file)), None)


def _facts(module: Module | None, unit: Unit) -> Iterator[str]:
    from pydbg.symbols.languages import language_of

    language = language_of(unit)
    if language:
        yield f"Source language is {language}."
    if unit.producer:
        yield f"Producer is {unit.producer}."
    yield f"Compiled with DWARF {unit.version} debugging format."
    macros = module is not None and any(
        module.dwarf_file.section(name) for name in (".debug_macro", ".debug_macinfo")
    )
    yield f"{'Includes' if macros else 'Does not include'} preprocessor macro info."


def info_sources(session: Session, parsed: Parsed) -> Note:
    """List the source files of the program and its libraries."""
    text = parsed["REGEX"] or ""
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(f"{text}: {error}.") from None
    parts = []
    for module in session.dbg.modules:
        parts.append(f"{module.path}:")
        if module.dwarf is None or module.lines is None:
            parts.append("(Objfile has no debug information.)\n")
        elif module.debug is not None and not text:
            # A distribution's library: thousands of files, which nobody asked for by name.
            parts.append("(Full debug information has not yet been read for this file.)\n")
        else:
            found = sorted(path for path in _paths(module) if pattern.search(path))
            parts.append("\n" + ", ".join(found) + "\n" if found else "")
    return Note("\n".join(parts).rstrip("\n") + "\n")


def _paths(module: Module) -> set[str]:
    assert module.dwarf is not None and module.lines is not None
    found = set()
    for unit in module.dwarf.units():
        lines = module.lines.unit_lines(unit)
        found |= {table.path for table in lines.files} if lines is not None else set()
    return found


# --- where sources are -----------------------------------------------------------------------


def directory(session: Session, parsed: Parsed) -> Note | None:
    """Add directories to those that are looked in for sources."""
    sources = common.sources(session)
    text = parsed["DIRECTORIES"]
    if text is None:
        if not session.confirm("Reinitialize source path to $cdir:$cwd?"):
            return None
        sources.set_directories("")
    else:
        _warn_missing(session, text)
        sources.add_directories(text)
    session.memory.pop("source file", None)
    return show_directories(session, parsed)


def set_directories(session: Session, parsed: Parsed) -> None:
    """Look in these directories for sources."""
    text = parsed["DIRECTORIES"] or ""
    _warn_missing(session, text)
    common.sources(session).set_directories(text)
    session.memory.pop("source file", None)


def _warn_missing(session: Session, text: str) -> None:
    from os.path import expanduser, isdir

    for part in text.replace(":", " ").split():
        if not part.startswith("$") and not isdir(expanduser(part)):
            session.warn(f"Warning: {part}: No such file or directory.")


def show_directories(session: Session, parsed: Parsed) -> Note:
    """Say where sources are looked for."""
    return Note(f"Source directories searched: {common.sources(session).directories}")


def set_substitute(session: Session, parsed: Parsed) -> None:
    """Replace the beginning of the paths of sources."""
    words = _words(parsed["RULE"] or "")
    if len(words) != 2:
        many = "many" if len(words) > 2 else "few"
        raise UsageError(f"Incorrect usage, too {many} arguments in command")
    common.sources(session).add_rule(*words)
    session.memory.pop("source file", None)


def unset_substitute(session: Session, parsed: Parsed) -> None:
    """Take one rule back, or all."""
    sources = common.sources(session)
    wanted = parsed["FROM"]
    if wanted is None:
        if not session.confirm("Delete all source path substitution rules?"):
            return
        sources.rules.clear()
    else:
        kept = [rule for rule in sources.rules if rule[0] != wanted.rstrip("/")]
        if len(kept) == len(sources.rules):
            raise CommandError(f"No substitution rule defined for `{wanted}'")
        sources.rules[:] = kept
    sources.forget()
    session.memory.pop("source file", None)


def show_substitute(session: Session, parsed: Parsed) -> Note:
    """Show the rules, or the one for a path."""
    wanted = parsed["PATH"]
    head = "List of all source path substitution rules:"
    rules = common.sources(session).rules
    if wanted is not None:
        head = f"Source path substitution rule matching `{wanted}':"
        rules = [rule for rule in rules if wanted == rule[0] or wanted.startswith(rule[0] + "/")][
            :1
        ]
    return Note("\n".join([head, *(f"  `{old}' -> `{new}'." for old, new in rules)]))


def _words(text: str) -> list[str]:
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{error}.") from None


# --- rows ----------------------------------------------------------------------------------


def _row(name: str, summary: str, run: Any, **fields: Any) -> Command:
    fields.setdefault("example", name)
    return Command(name, group="files", summary=summary, run=run, **fields)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    directories = Arg("DIRECTORIES", FILES, optional=True, doc="with colons between them")
    regex = Arg("REGEX", kinds.REGEX, optional=True, doc="of paths to show")
    path = Arg("PATH", kinds.FILE, optional=True, doc="a path that rules may fit")
    return (
        _row("list", "List source lines.", list_, aliases=("l",),
             args=(Arg("LINES", kinds.LOCATION, optional=True, doc="where; FIRST,LAST; + or -"),),
             help="Without an argument the lines around the last stop are listed, then those "
             "that follow; - goes back.  LOCATION lists around it, FIRST,LAST from one to the "
             "other, FIRST, ten lines from there and ,LAST the ten up to there (set listsize).",
             example="list main"),
        _row("info source", "Describe the current source file.", info_source,
             help="It is the one that list goes on in: the selected frame's or the one listed "
             "last."),
        _row("info sources", "List the source files of the program.", info_sources,
             args=(regex,), help="Each module's that has debug information.  Those of a separate "
             "debug file are listed only if REGEX is given.", example="info sources \\.c$"),
        _row("directory", "Add directories to look for source files in.", directory,
             aliases=("dir",), args=(directories,), repeat="no",
             help="They are looked in before those that were there.  $cdir is the directory of "
             "the compilation, $cwd the current one.  Without an argument only these two remain.",
             example="directory /usr/src"),
        _row("set directories", "Set the directories to look for source files in.",
             set_directories, args=(directories,), repeat="no",
             help="$cdir and $cwd are added at the end.", example="set directories /usr/src"),
        _row("show directories", "Show where source files are looked for.", show_directories),
        _row("set substitute-path", "Replace the beginning of the paths of source files.",
             set_substitute, args=(Arg("RULE", FILES, optional=True, doc="FROM TO"),),
             repeat="no", help="RULE is two words, FROM and TO: a path that begins with the "
             "directory FROM is looked for in TO.  The first rule that fits counts.",
             example="set substitute-path /build /home/me/src"),
        _row("unset substitute-path", "Take back rules of set substitute-path.",
             unset_substitute, repeat="no",
             args=(Arg("FROM", kinds.FILE, optional=True, doc="the rule's first word"),),
             help="Without FROM all are taken back, after a question."),
        _row("show substitute-path", "Show the rules of set substitute-path.", show_substitute,
             args=(path,), help="With PATH the one that is used for it."),
    )  # fmt: skip
