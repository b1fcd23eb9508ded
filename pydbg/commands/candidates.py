"""What completes an argument: names of symbols, registers, files, calls, breakpoints ...

Each function takes a prefix and the session and returns candidates with a short description.
Completion must never fail and never touch the program: whatever is not there gives nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydbg.commands.kinds import Candidate
from pydbg.commands.nameindex import NameIndex, matcher, source_names
from pydbg.commands.table import GROUPS
from pydbg.errors import DebuggerError

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.expr.types import CType, StructType
    from pydbg.symbols.modules import Module
    from pydbg.syscalls.table import SyscallTable
    from pydbg.variables.blocks import Variable


def limit(session: Session) -> int:
    """Return how many candidates are offered for one word: ``set max-completions``."""
    most = session.settings.limit("max-completions")
    return _UNLIMITED if most is None else most


_UNLIMITED = 100_000
_UNITS = 20_000
"""So many units of a program are looked through for the names of source files."""


def is_fuzzy(session: Session) -> bool:
    """Return whether the letters of a word may stand apart: ``set completion fuzzy``."""
    return session.settings.text("completion") == "fuzzy"


def fits(prefix: str, session: Session) -> Callable[[str], bool]:
    """Return whether a name is a candidate for what was typed, as a function."""
    return matcher(prefix, fuzzy=is_fuzzy(session))


def files(prefix: str, *, directories: bool = False) -> Iterator[Candidate]:
    """Return the files that ``prefix`` begins, ``~`` expanded, folders with a slash."""
    head, tail = os.path.split(prefix)
    folder = os.path.expanduser(head) or "."
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        name = entry.name
        if not name.startswith(tail) or (name.startswith(".") and not tail.startswith(".")):
            continue
        is_folder = entry.is_dir()
        if directories and not is_folder:
            continue
        kind = "folder" if is_folder else ""
        yield Candidate(os.path.join(head, name) + ("/" if is_folder else ""), kind)


def _index(module: Module, session: Session) -> NameIndex:
    """Return the names of a module's file, sorted at the first time."""
    kept: dict[int, tuple[Any, NameIndex]] = session.memory.setdefault("symbol names", {})
    # The file outlives a run: at the next one the module is another, at another bias.
    key = id(getattr(module, "elf", module))
    found = kept.get(key)
    if found is None:
        index = NameIndex(source_names(module.names("")))
        found = kept[key] = (getattr(module, "elf", module), index)
    return found[1]


def symbols(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the symbols that ``prefix`` begins, those of the main program first."""
    seen: set[str] = set()
    most = limit(session)
    for module in session.dbg.modules:
        where = os.path.basename(module.name)
        try:
            index = _index(module, session)
            # One more than is shown tells that there are more.
            fuzzy = is_fuzzy(session)
            found = index.fuzzy(prefix, most + 1) if fuzzy else index.starting(prefix)
            for name in found:
                if name not in seen:
                    seen.add(name)
                    yield Candidate(name, where)
        except DebuggerError:
            continue  # a damaged file has no names to offer


def expressions(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return what a word of an expression may become: a member, a local variable, a symbol."""
    found = re.fullmatch(r"(.+?)(\.|->)(\w*)", prefix)
    if found is not None:
        yield from _members_of(found[1], found[2], found[3], session)
    else:
        yield from _variables(prefix, session)
    if prefix:
        yield from symbols(prefix, session)


def _variables(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the arguments and local variables that the selected frame sees, the inner first."""
    dbg = session.dbg
    scope = dbg.variables.scope_or_none(dbg.frame)
    wanted = fits(prefix, session)
    if scope is None:
        return
    for block in scope.blocks:
        for one in block.variables:
            if one.name and wanted(one.name):
                yield Candidate(one.name, _spelt(session, scope.type_of, one))


def _members_of(base: str, mark: str, prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the members of what an expression without calls or assignments means."""
    from pydbg.expr.types import PointerType, ReferenceType, StructType, strip

    try:
        ctype = strip(session.dbg.evaluate(base).type)
    except DebuggerError:
        return
    if isinstance(ctype, (PointerType, ReferenceType)):
        ctype = strip(ctype.target)
    if isinstance(ctype, StructType):
        wanted = fits(prefix, session)
        for name, member in _fields(ctype):
            if wanted(name):
                shown = session.dbg.language.spell(member)
                yield Candidate(f"{base}{mark}{name}", shown)


def _fields(ctype: StructType) -> Iterator[tuple[str, CType]]:
    """Return the members of a struct, with those of its bases and unnamed members."""
    from pydbg.expr.types import StructType, strip

    for field in ctype.fields:
        inner = strip(field.type)
        if field.name and field.kind not in ("base", "virtual"):
            if not field.artificial:
                yield field.name, field.type
        elif isinstance(inner, StructType):
            yield from _fields(inner)
    for method in ctype.methods:
        if not method.artificial and not method.constructor:
            yield method.name, method.type


def _spelt(session: Session, type_of: Callable[[Variable], CType], one: Variable) -> str:
    try:
        return session.dbg.language.spell(type_of(one))
    except DebuggerError:
        return ""


# --- source files and lines ----------------------------------------------------------------


def _units(module: Module, session: Session) -> list[tuple[str, Any]]:
    """Return the source files of a module's compile units, by the names they are known by."""
    kept: dict[int, tuple[Any, list[tuple[str, Any]]]] = session.memory.setdefault("unit names", {})
    elf = getattr(module, "elf", None)
    found = kept.get(id(elf))
    if found is None:
        lines = module.lines if elf is not None else None
        units = islice(lines.dwarf.units(), _UNITS) if lines is not None else ()
        names = [(os.path.basename(unit.name), unit) for unit in units if unit.name]
        found = kept[id(elf)] = (elf, names)
    return found[1]


def source_files(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the source files of the program that ``prefix`` begins, with their colon."""
    wanted = fits(prefix, session)
    seen: set[str] = set()
    for module in session.dbg.modules:
        if not getattr(module, "is_main", False):
            continue
        for name, unit in _units(module, session):
            if name not in seen and wanted(name):
                seen.add(name)
                yield Candidate(f"{name}:", unit.comp_dir or "source file")


def source_lines(file: str, prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the lines of a source file that have code, with their text, and its functions."""
    from pydbg.commands import common

    tail = "/" + os.path.normpath(file).lstrip("/")
    seen: set[int] = set()
    for module in session.dbg.modules:
        for name, unit in _units(module, session):
            if name != os.path.basename(file) or (unit_lines := module.lines) is None:
                continue
            rows = unit_lines.unit_lines(unit)
            for table in rows.files if rows is not None else ():
                if not (table.path.endswith(tail) or table.name == file):
                    continue
                key = (module.path, table.name)
                session.memory.setdefault("source paths", {})[key] = table.path
                text = common.source_text(session, module, table.name)
                for number in sorted({row.line for row in table.rows if row.line} - seen):
                    if str(number).startswith(prefix):
                        seen.add(number)
                        shown = text[number - 1].strip() if text and number <= len(text) else ""
                        yield Candidate(f"{file}:{number}", shown)


def locations(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return functions, source files, behind a file's colon its lines, a function's its labels."""
    before, colon, rest = prefix.rpartition(":")
    if colon and not before.endswith(":"):
        yield from source_lines(before, rest, session)
        yield from labels(before, rest, session)
        return
    if prefix:
        yield from source_files(prefix, session)
    yield from symbols(prefix, session)


def labels(function: str, prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the labels of a function."""
    wanted = fits(prefix, session)
    for name in session.dbg.points.specs.labels(function):
        if wanted(name):
            yield Candidate(f"{function}:{name}", "label")


# --- registers and variables ---------------------------------------------------------------


def _register_rows(session: Session) -> Iterator[tuple[str, str]]:
    arch = session.dbg.arch
    for register in arch.registers:
        kind = "general" if "general" in register.group else ", ".join(register.group[:1])
        yield register.name, f"{kind} register, {8 * register.size} bits".lstrip()
    for alias, name in arch.aliases.items():
        yield alias, f"register {name}"


def registers(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return registers, with ``$`` where the prefix has one."""
    mark = "$" if prefix.startswith("$") else ""
    wanted = fits(prefix.removeprefix("$"), session)
    for name, description in _register_rows(session):
        if wanted(name):
            yield Candidate(mark + name, description)


_MADE_UP = (
    ("_", "the last address examined"),
    ("__", "what is at the last address examined"),
    ("_exitcode", "the exit status of the program"),
    ("_hit_bpnum", "the breakpoint that was hit"),
    ("_inferior", "the number of the process"),
    ("_siginfo", "the signal that stopped the thread"),
    ("_thread", "the number of the thread"),
    ("bpnum", "the last breakpoint made"),
)


def dollar(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return registers and convenience variables, with their ``$``."""
    yield from registers(prefix, session)
    wanted = fits(prefix[1:], session)
    names = dict.fromkeys(session.dbg.convenience, "convenience variable") | dict(_MADE_UP)
    for name in sorted(names):
        if wanted(name):
            yield Candidate(f"${name}", names[name])


# --- system calls and signals --------------------------------------------------------------


def note_call(session: Session, name: str) -> None:
    """Note a system call that the program made: it is offered first from now on."""
    made: dict[str, int] = session.memory.setdefault("calls made", {})
    made[name] = made.get(name, 0) + 1


def syscalls(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return system calls, those that were seen first; groups after ``group:``, ``g:``, ``%``."""
    from pydbg.syscalls.table import table_for

    arch = session.dbg.arch
    table = table_for("i386" if arch.name == "i386" else "x86_64")
    groups = table.groups()
    if prefix.startswith("%"):
        wanted = fits(prefix, session)
        for group in groups:
            if group.startswith("%") and wanted(group):
                yield Candidate(group, _members(table, group))
        return
    for mark in ("group:", "g:"):
        if prefix.startswith(mark):
            wanted = fits(prefix[len(mark) :], session)
            for group in groups:
                if not group.startswith("%") and wanted(group):
                    yield Candidate(mark + group, _members(table, group))
            return
    wanted = fits(prefix, session)
    made: dict[str, int] = session.memory.get("calls made", {})
    for name in sorted(table.names(), key=lambda name: (-made.get(name, 0), name)):
        if wanted(name):
            call = table.by_name(name)
            times = f", seen {made[name]} times" if name in made else ""
            yield Candidate(name, f"system call {call.number}{times}" if call else "")
    if "group:".startswith(prefix):
        yield Candidate("group:", "all calls of a group")


def _members(table: SyscallTable, group: str) -> str:
    return f"{len(table.members(group))} system calls"


def signals(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the names of signals."""
    import signal

    wanted = fits(prefix, session)
    for one in signal.Signals:
        if wanted(one.name):
            yield Candidate(one.name, signal.strsignal(one) or "")
    if wanted("all"):
        yield Candidate("all", "every signal")


# --- numbers -------------------------------------------------------------------------------


def breakpoints(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the numbers of breakpoints, and of their locations once a dot is typed."""
    for number, one in session.dbg.breakpoints.items():
        if str(number).startswith(prefix):
            yield Candidate(str(number), f"{one.kind_text} {getattr(one, 'spec', '')}".rstrip())
        if "." not in prefix:
            continue
        for location in getattr(one, "locations", ()):
            text = f"{number}.{location.number}"
            if text.startswith(prefix):
                yield Candidate(text, getattr(location, "symbolic", None) or "location")


def threads(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the numbers of threads, with their LWPs."""
    inferior = session.dbg.inferior
    for thread in inferior.threads.values() if inferior is not None else ():
        if str(thread.number).startswith(prefix):
            yield Candidate(str(thread.number), f"LWP {thread.tid}")


def inferiors(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the numbers of processes, with their pids."""
    for one in session.dbg.inferiors:
        if str(one.number).startswith(prefix):
            yield Candidate(str(one.number), f"process {one.pid}")


def pids(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return this user's processes, the oldest first."""
    from pydbg.linux.processes import processes

    for pid, name in processes():
        if str(pid).startswith(prefix):
            yield Candidate(str(pid), name)


# --- settings and commands -----------------------------------------------------------------


def settings(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the names of settings, with what ``show`` says."""
    wanted = fits(prefix, session)
    for name in session.settings.names():
        row = session.settings.row(name)
        if wanted(name) and not row.ignored:
            yield Candidate(name, session.settings.show(name))


def commands(prefix: str, session: Session) -> Iterator[Candidate]:
    """Return the full names of commands, and the help classes."""
    wanted = fits(prefix, session)
    for row in session.commands:
        if wanted(row.name) and not row.hidden:
            yield Candidate(row.name, row.summary)
    for group, summary in GROUPS:
        if wanted(group) and group not in session.commands:
            yield Candidate(group, summary)
