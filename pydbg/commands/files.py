"""Commands about files and symbols: info symbol, address, functions, line, sharedlibrary."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds
from pydbg.commands.options import SYMBOLS, Options
from pydbg.commands.results import (
    Files,
    Note,
    SectionRow,
    SharedLibraries,
    SharedLibrary,
    SymbolGroup,
    Symbols,
)
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, LocationError, UsageError
from pydbg.symbols.elf import PT_LOAD

if TYPE_CHECKING:
    from pydbg.commands.common import Listing
    from pydbg.commands.session import Session
    from pydbg.corefile.notes import CoreFile
    from pydbg.frames import Frame
    from pydbg.symbols.modules import Module
    from pydbg.symbols.symtab import Symbol

__all__ = ["commands"]


# --- one symbol ----------------------------------------------------------------------------


def info_symbol(session: Session, parsed: Parsed) -> Note:
    """Say which symbol an address is in (printcmd.c, info_symbol_command)."""
    from pydbg.expr.examine import address_of

    text = parsed["ADDRESS"]
    addr = address_of(session.dbg.evaluate(text))
    found = session.dbg.modules.symbol_at(addr)
    if found is None:
        raise CommandError(f"No symbol matches {text}.")
    module, symbol, offset = found
    name = symbol.demangled + (f" + {offset}" if offset else "")
    section = module.section_at(addr)
    where = f" in section {section}" if section else ""
    # gdb names the file once the program runs, since there are several then.
    of = f" of {_file_name(module)}" if len(session.dbg.modules) > 1 else ""
    return Note(f"{name}{where}{of}")


def _file_name(module: Module) -> str:
    import os

    return os.path.abspath(module.path) if module.is_main else _library_name(module)


def info_address(session: Session, parsed: Parsed) -> Note:
    """Say where a symbol is."""
    name = parsed["SYMBOL"]
    dbg = session.dbg
    scope = dbg.variables.scope_or_none(dbg.frame)
    if scope is not None:
        from pydbg.commands.scopes import place_of_local

        where = place_of_local(scope, name)
        if where is not None:
            return Note(f'Symbol "{name}" is {where}.')
    found = dbg.modules.lookup(name)
    if not found:
        start = _start_of(session, name)
        if start is None:
            raise CommandError(f'No symbol "{name}" in current context.')
        return Note(f'Symbol "{name}" is a function at address {start:#x}.')
    module, symbol = found[0]
    addr = module.addr_of(symbol)
    shown = symbol.demangled
    if symbol.kind == "tls":
        return Note(
            f'Symbol "{shown}" is a thread-local variable at offset {symbol.link_addr:#x} in '
            f"the thread-local storage for `{(module.debug or module.elf).path}'."
        )
    function = module.function_at(addr)
    if function is not None and symbol.name in (function.name, function.linkage_name):
        return Note(f'Symbol "{function.pretty or shown}" is a function at address {addr:#x}.')
    value = dbg.variables.lookup(name, dbg.frame)
    if value is not None and value.addr == addr:
        return Note(f'Symbol "{shown}" is static storage at address {addr:#x}.')
    return Note(f'Symbol "{shown}" is at {addr:#x} in a file compiled without debugging.')


def _start_of(session: Session, name: str) -> int | None:
    """Return where a function is that only debug information calls so (Rust's generic ones)."""
    dbg = session.dbg
    try:
        places = dbg.places(name)
    except DebuggerError:
        return None
    for place in places:
        if place.module is not None and place.inlined is None:
            function = place.module.function_at(place.module.addr(place.link_addr))
            if function is not None and function.name == name:
                return place.module.addr(function.low)
    return None


def demangle(session: Session, parsed: Parsed) -> Note:
    """Say what a mangled name means."""
    from pydbg.symbols.demangle import demangle as readable

    name = parsed["NAME"].removeprefix("--").strip()
    found = readable(name)
    if found == name:
        raise CommandError(f'Can\'t demangle "{name}"')
    return Note(found)


def info_line(session: Session, parsed: Parsed) -> tuple[Note, ...] | Note:
    """Say which code a source line made, or which line made some code."""
    dbg = session.dbg
    spec = parsed["LOCATION"]
    shown = session.memory.get("listing")
    if spec is None and shown is not None:
        # What was listed last, then line by line (source.c, last_line_listed).
        listed, following = session.memory.get("info line", (None, 0))
        line = following if listed is shown else shown.first or shown.line
        return _source_line(session, shown._replace(line=line), dbg.frame)[0]
    if spec is None:
        frame = dbg.frame
        if frame is None or frame.line is None:
            return Note("No line number information available.")
        return _source_line_notes(session, f"{frame.path or frame.file}:{frame.line}")
    if _names_line(spec):
        return _source_line_notes(session, spec)
    frame = dbg.frame
    if re.fullmatch(r"[+-]\d+", spec) and frame is not None and frame.line is not None:
        number = frame.line + int(spec)
        return _source_line_notes(session, f"{frame.path or frame.file}:{number}")
    try:
        places = dbg.resolve(spec)
    except LocationError:
        variables = _variable_notes(session, spec)
        if not variables:
            raise
        return variables
    exact = spec.startswith("*")
    notes = []
    for place in places:
        addr = place.addr
        if addr is None:
            addr = place.link_addr if place.module is None else place.module.addr(place.link_addr)
        if place.label:
            row = None if place.module is None else place.module.line_at(addr)
            begin = addr if row is None else row.low
            notes.append(_no_code(session, place.line or 0, place.file or "", begin))
            continue
        if not exact and place.inlined is None:
            addr -= place.offset  # A function's line is its first, before the prologue.
        notes.append(_line_note(session, addr, start=not exact))
    return tuple(notes)


def _variable_notes(session: Session, name: str) -> tuple[Note, ...]:
    """Say that the lines that declare variables have no code."""
    from pydbg.commands.declared import variables_named

    notes = []
    for one in variables_named(session, name) if name.isidentifier() else ():
        text = f'Line number {one.line} is out of range for "{one.file}".'
        if one.addr is not None:
            at = _place(session, one.addr)
            text = f'Line {one.line} of "{one.file}" is at address {at} but contains no code.'
        notes.append(Note(text))
    return tuple(notes)


def _names_line(spec: str) -> bool:
    return bool(re.fullmatch(r"(?:.*:)?\d+", spec))


def _source_line_notes(session: Session, spec: str) -> tuple[Note, ...]:
    from pydbg.commands.listing import locate

    places = locate(session, spec)
    return tuple(note for place in places for note in _source_line(session, place))


def _source_line(session: Session, place: Listing, frame: Frame | None = None) -> list[Note]:
    """Say what each unit that has the file made of its line, or of the next one with code.

    That of a frame comes first.
    """
    from pydbg.symbols.linebreak import line_starts

    module = place.module
    found = []
    if module is not None:
        inside = frame is not None and frame.module is module
        at = module.link_addr(frame.lookup_addr) if frame is not None and inside else None
        found = line_starts(module, place.file, place.line, at)
    if module is None or not found:
        return [Note(f'Line number {place.line} is out of range for "{place.file}".')]
    notes = []
    for line, link_addr in found:
        addr = module.addr(link_addr)
        entry = module.line_at(addr)
        session.memory["info line"] = session.memory.get("listing"), place.line + 1
        if line == place.line and entry is not None and entry.line == line:
            notes.append(_line_note(session, addr, start=True))
        else:
            addr = addr if entry is None else entry.low
            notes.append(_no_code(session, place.line, place.file, addr))
    return list(dict.fromkeys(notes))


def _no_code(session: Session, line: int, file: str, addr: int) -> Note:
    common.note_address(session, addr)
    at = _place(session, addr)
    return Note(f'Line {line} of "{file}" is at address {at} but contains no code.')


def _line_note(session: Session, addr: int, *, start: bool) -> Note:
    """Return gdb's sentence (source.c, info_line_command)."""
    module = session.dbg.modules.at(addr)
    line = module.line_at(addr) if module is not None else None
    if line is None:
        where = common.symbolize(session, addr)
        at = f" for address {addr:#x}{f' {where}' if where else ''}"
        return Note(f"No line number information available{at if addr else '.'}")
    session.memory["info line"] = session.memory.get("listing"), line.line + 1
    low, high = _place(session, line.low), _place(session, line.high)
    common.note_address(session, line.low)
    if line.low == line.high:
        tail = f"is at address {low} but contains no code."
    elif not start and addr != line.low:
        return Note(
            f'Line {line.line} of "{line.file}" starts at address {low} and ends at {high}.'
        )
    else:
        tail = f"starts at address {low} and ends at {high}."
    return Note(f'Line {line.line} of "{line.file}" {tail}')


def _place(session: Session, addr: int) -> str:
    where = common.symbolize(session, addr)
    return f"{addr:#x} {where}" if where else f"{addr:#x}"


# --- lists of symbols ----------------------------------------------------------------------


_LISTED = {"-q": "flag", "-n": "flag", "-t": "text"}
"""The options of info functions and info variables."""


def _listing(what: str) -> Callable[[Session, Parsed], Symbols]:
    def info(session: Session, parsed: Parsed) -> Symbols:
        options = dict(parsed["OPTION"] or ())
        text, of_type = parsed["REGEX"] or "", options.get("-t", "")
        pattern, typed = common.pattern_of(text), common.pattern_of(of_type)
        from pydbg.commands.declared import groups as declared

        groups, known = declared(session, what, pattern, typed)
        if "-n" not in options and typed is None:
            ordered = _undescribed(session, what, pattern, known)
            if ordered:
                groups = (*groups, SymbolGroup(None, ordered))
        size = session.dbg.arch.pointer_size
        return Symbols(what, text, groups, size, of_type, quiet="-q" in options)

    return info


def _undescribed(
    session: Session, what: str, pattern: re.Pattern[str] | None, known: set[str]
) -> tuple[tuple[None, int, str], ...]:
    """Return the symbols that no debug information describes, by address."""
    rows: dict[tuple[int, str, str], None] = {}
    for module in session.dbg.modules:
        found: Iterable[Symbol]
        found = module.functions(pattern) if what == "functions" else module.objects(pattern)
        for symbol in found:
            rows[(module.addr_of(symbol), symbol.demangled, symbol.name)] = None
    left = [row for row in sorted(rows) if not _is_described(session, what, row, known)]
    return tuple((None, addr, name) for addr, name, _ in left)


def _is_described(session: Session, what: str, row: tuple[int, str, str], known: set[str]) -> bool:
    """Tell whether debug information has a symbol: by its name, code by its unit."""
    addr, _, name = row
    module = session.dbg.modules.at(addr)
    if what == "functions":
        dwarf = module.dwarf if module is not None else None
        return (
            module is not None
            and dwarf is not None
            and (dwarf.unit_at(module.link_addr(addr)) is not None)
        )
    return name in known or row[1] in known


def _info_types(session: Session, parsed: Parsed) -> Symbols:
    """List the types that debug information declares."""
    from pydbg.commands.declared import groups as declared

    text = parsed["REGEX"] or ""
    found, _ = declared(session, "types", common.pattern_of(text))
    size = session.dbg.arch.pointer_size
    return Symbols("types", text, found, size, quiet=bool(parsed["OPTION"]))


# --- shared libraries and sections ---------------------------------------------------------


def info_sharedlibrary(session: Session, parsed: Parsed) -> SharedLibraries:
    """List the shared libraries."""
    text = parsed["REGEX"] or ""
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(f"Invalid regexp: {error}") from None
    dbg = session.dbg
    rows = []
    for module in dbg.modules:
        if module.is_main or not module.path.startswith("/") or not pattern.search(module.path):
            continue
        rows.append(_library(module))
    return SharedLibraries(tuple(rows), text, dbg.arch.pointer_size)


def _library(module: Module) -> SharedLibrary:
    # solib.c: the range of .text, not of the whole file.
    section = module.elf.section(".text")
    low = high = 0
    if section is not None:
        low = module.addr(section.link_addr)
        high = low + section.size
    debug = module.debug is not None or module.elf.section(".debug_info") is not None
    return SharedLibrary(low, high, True, debug, module.path)


def info_files(session: Session, parsed: Parsed) -> Files | Note | None:
    """List the sections of the program and its libraries with their addresses."""
    dbg = session.dbg
    main = dbg.modules.main
    if main is None:
        return None
    import os

    sections: list[SectionRow] = []
    core = getattr(dbg.inferior, "core", None)
    modules = list(dbg.modules)
    if core is not None:  # There gdb finds the vdso after the libraries.
        modules.sort(key=lambda one: not one.path.startswith("/"))
    for module in modules:
        library = "" if module.is_main else _library_name(module)
        for section in module.elf.sections:
            if section.flags & 2 and section.size:  # SHF_ALLOC
                low = module.addr(section.link_addr)
                sections.append(SectionRow(low, low + section.size, section.name, library))
    thread = dbg.thread
    return Files(
        path=os.path.abspath(main.path),
        file_type=_file_type(main),
        entry=main.addr(main.elf.entry),
        sections=tuple(sections),
        pid=None if dbg.process is None else dbg.process.pid,
        target="" if thread is None else common.target_id(session, thread),
        word_size=dbg.arch.pointer_size,
        core="" if core is None else core.path,
        loads=() if core is None else tuple(_loads(core)),
    )


def _loads(core: CoreFile) -> Iterator[SectionRow]:
    """Name a core's segments as gdb does: what the file holds of one is apart from the rest."""
    for number, segment in enumerate(core.elf.segments):
        if segment.type != PT_LOAD or not segment.mem_size:
            continue
        low, high = segment.link_addr, segment.link_addr + segment.mem_size
        held = low + segment.file_size
        if low < held < high:
            yield SectionRow(low, held, f"load{number}a", "")
            yield SectionRow(held, high, f"load{number}b", "")
        else:
            yield SectionRow(low, high, f"load{number}", "")


def _file_type(module: Module) -> str:
    # The name of the BFD target: EM_386 is 3, EM_X86_64 is 62.
    if module.elf.bits == 64:
        return "elf64-x86-64"
    return "elf32-i386" if module.elf.machine == 3 else "elf32-x86-64"


def _library_name(module: Module) -> str:
    if module.path.startswith("/"):
        return module.path
    return f"system-supplied DSO at {module.low:#x}"


# --- rows ----------------------------------------------------------------------------------


def _row(name: str, summary: str, run: Any, **fields: Any) -> Command:
    fields.setdefault("example", name)
    return Command(name, group="status", summary=summary, run=run, **fields)


_LISTING = (
    "Those whose name matches the regular expression: first what debug information declares, by "
    "file, then the rest by address.  -n leaves those out, -t takes only what has a type that "
    "matches a regular expression, -q leaves the heading out."
)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    pattern = Arg("REGEX", SYMBOLS, optional=True, doc="regular expression")
    listed = (Arg("OPTION", Options("option", _LISTED), optional=True,
                  doc="-q, -n or -t TYPE"), pattern)  # fmt: skip
    quiet = Arg("OPTION", Options("option", {"-q": "flag"}), optional=True, doc="-q")
    return (
        _row("demangle", "Say what a mangled name means.", demangle,
             args=(Arg("NAME", kinds.TEXT, doc="a name, mangled as in symbol tables",
                       missing="Usage: demangle [--] NAME"),),
             help="C++'s and both kinds of Rust's names are known.", example="demangle _Z1fi"),
        _row("info symbol", "Say which symbol an address is in.", info_symbol, aliases=("sym",),
             args=(Arg("ADDRESS", kinds.ADDRESS, doc="an address",
                       missing="Argument required (address)."),),
             help="With the offset in it, its section and its file.", example="info symbol $pc"),
        _row("info address", "Say where a symbol is.", info_address, aliases=("ar",),
             args=(Arg("SYMBOL", kinds.SYMBOL, doc="a symbol's name",
                       missing="Argument required."),),
             help="The first symbol of that name, the program's own before its libraries'.",
             example="info address main"),
        _row("info functions", "List functions.", _listing("functions"), aliases=("fu",),
             args=listed, example="info functions ^ma", help=_LISTING),
        _row("info variables", "List global and static variables.", _listing("variables"),
             aliases=("va",), args=listed, example="info variables env", help=_LISTING),
        _row("info types", "List the types of the program.", _info_types, aliases=("ty",),
             args=(quiet, pattern), example="info types ^s",
             help="Those that debug information declares and whose name matches the regular "
             "expression, by file.  -q leaves the heading out."),
        _row("info line", "Say which code a source line made.", info_line, aliases=("li",),
             args=(Arg("LOCATION", kinds.LOCATION, optional=True, doc="a line or *ADDRESS"),),
             help="Without LOCATION it is the selected frame's line.", example="info line *$pc"),
        _row("info sharedlibrary", "List the shared libraries.", info_sharedlibrary,
             aliases=("sh", "dll"),
             args=(Arg("REGEX", kinds.REGEX, optional=True, doc="regular expression"),),
             help="From and To are the addresses of their code (.text).  (*) marks a library "
             "without debugging information."),
        _row("info files", "List the sections in memory.", info_files,
             help="Of the program and of its shared libraries."),
        _row("info target", "List the sections in memory.", info_files,
             help="As info files."),
    )  # fmt: skip
