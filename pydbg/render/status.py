"""The text of the ``info`` commands about processes, threads, signals, files and symbols."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydbg.commands.results import (
    AuxEntry,
    Auxv,
    Displays,
    Files,
    InferiorRow,
    Inferiors,
    Mappings,
    ProcFacts,
    SectionRow,
    SharedLibraries,
    Signals,
    Symbols,
    ThreadRow,
    Threads,
)
from pydbg.render.escape import address, clean
from pydbg.render.frames import frame

__all__ = [
    "auxv",
    "displays",
    "files",
    "inferiors",
    "libraries",
    "mappings",
    "proc",
    "signals",
    "symbols",
    "threads",
]


def threads(record: Threads) -> str:
    """Return the table of ``info threads``."""
    if not record.rows:
        return f"No threads match '{record.asked}'." if record.asked else "No threads."
    targets = [_target(row) for row in record.rows]
    width = max(17, *map(len, targets))  # thread.c, print_thread_info_1
    lines = [f"  Id   {'Target Id':<{width}} Frame "]
    for row, target in zip(record.rows, targets, strict=True):
        mark = "*" if row.current else " "
        place = "(running)" if row.frame is None else frame(row.frame)
        lines.append(f"{mark} {row.number:<4} {target:<{width}} {place}")
    return "\n".join(lines)


def _target(row: ThreadRow) -> str:
    return f'{row.target} "{clean(row.name)}"' if row.name else row.target


def inferiors(record: Inferiors) -> str:
    """Return the table of ``info inferiors``."""
    described = [f"process {row.pid}" if row.pid else "<null>" for row in record.rows]
    linked = [f"1 ({row.link})" if row.pid else "" for row in record.rows]
    wide = max(17, *map(len, described))
    far = max(20, *map(len, linked)) if any(linked) else 20
    lines = [f"  Num  {'Description':<{wide}} {'Connection':<{far}} {'Executable':<17} "]
    for row, what, link in zip(record.rows, described, linked, strict=True):
        lines.append(_inferior(row, f"{what:<{wide}} {link:<{far}}"))
    return "\n".join(lines)


def _inferior(row: InferiorRow, text: str) -> str:
    mark = "*" if row.current else " "
    return f"{mark} {row.number:<4} {text} {clean(row.path):<17} "


def signals(record: Signals) -> str:
    """Return the signal table (infrun.c, sig_print_info)."""
    lines = ["Signal        Stop\tPrint\tPass to program\tDescription"]
    if record.whole:
        lines.append("")
    for row in record.rows:
        stop, show, forward = (
            "Yes" if flag else "No" for flag in (row.stop, row.show, row.forward)
        )
        # The name has 13 columns, a longer one has one blank behind it.
        lines.append(f"{row.name:<13} {stop}\t{show}\t{forward}\t\t{row.text}")
    if record.whole:
        lines += ["", 'Use the "handle" command to change these tables.']
    return "\n".join(lines)


def libraries(record: SharedLibraries) -> str:
    """Return the table of ``info sharedlibrary`` (solib.c, info_sharedlibrary_command)."""
    if not record.rows:
        if record.pattern:
            return "No shared libraries matched."
        return "No shared libraries loaded at this time."
    width = 2 + 2 * record.word_size
    lines = [f"{'From':<{width}}  {'To':<{width}}  Syms Read   Shared Object Library"]
    starred = False
    for row in record.rows:
        low = high = ""
        if row.high:
            low, high = address(row.low, record.word_size), address(row.high, record.word_size)
        read = "Yes" if row.symbols else "No"
        if row.symbols and not row.debug:
            read, starred = "Yes (*)", True
        lines.append(f"{low:<{width}}  {high:<{width}}  {read:<10}  {clean(row.path)}")
    if starred:
        lines.append("(*): Shared library is missing debugging information.")
    return "\n".join(lines)


def mappings(record: Mappings) -> str:
    """Return the table of ``info proc mappings`` (linux-tdep.c, linux_info_proc)."""
    return "\n".join([f"process {record.pid}", *_mappings(record)])


def _mappings(record: Mappings) -> Iterator[str]:
    width = 18 if record.word_size == 8 else 10
    yield "Mapped address spaces:"
    yield ""
    if record.word_size == 8:
        yield "          Start Addr           End Addr       Size     Offset  Perms  objfile"
        for row in record.rows:
            size = row.end - row.start
            yield (
                f"  {row.start:#18x} {row.end:#18x} {size:#10x} {row.offset:#10x}  "
                f"{row.perms:<5}  {clean(row.path)}"
            )
        return
    yield "\tStart Addr   End Addr       Size     Offset  Perms   objfile"
    for row in record.rows:
        size = row.end - row.start
        yield (
            f"\t{row.start:#{width}x} {row.end:#{width}x} {size:#10x} {row.offset:#10x}  "
            f"{row.perms:<5}  {clean(row.path)}"
        )


def proc(record: ProcFacts) -> str:
    """Return facts of /proc, as ``info proc`` prints them."""
    lines = [f"process {record.pid}"]
    lines += [f"{name} = '{clean(value)}'" for name, value in record.facts]
    if record.mappings is not None:
        lines += _mappings(record.mappings)
    if record.text:
        lines += [clean(line) for line in record.text.rstrip("\n").split("\n")]
    return "\n".join(lines)


# auxv.c, default_print_auxv_entry: type, name, description, format.
_AUXV: dict[int, tuple[str, str, str]] = {
    0: ("AT_NULL", "End of vector", "hex"),
    1: ("AT_IGNORE", "Entry should be ignored", "hex"),
    2: ("AT_EXECFD", "File descriptor of program", "dec"),
    3: ("AT_PHDR", "Program headers for program", "hex"),
    4: ("AT_PHENT", "Size of program header entry", "dec"),
    5: ("AT_PHNUM", "Number of program headers", "dec"),
    6: ("AT_PAGESZ", "System page size", "dec"),
    7: ("AT_BASE", "Base address of interpreter", "hex"),
    8: ("AT_FLAGS", "Flags", "hex"),
    9: ("AT_ENTRY", "Entry point of program", "hex"),
    10: ("AT_NOTELF", "Program is not ELF", "dec"),
    11: ("AT_UID", "Real user ID", "dec"),
    12: ("AT_EUID", "Effective user ID", "dec"),
    13: ("AT_GID", "Real group ID", "dec"),
    14: ("AT_EGID", "Effective group ID", "dec"),
    15: ("AT_PLATFORM", "String identifying platform", "str"),
    16: ("AT_HWCAP", "Machine-dependent CPU capability hints", "hex"),
    17: ("AT_CLKTCK", "Frequency of times()", "dec"),
    18: ("AT_FPUCW", "Used FPU control word", "hex"),
    23: ("AT_SECURE", "Boolean, was exec setuid-like?", "dec"),
    24: ("AT_BASE_PLATFORM", "String identifying base platform", "str"),
    25: ("AT_RANDOM", "Address of 16 random bytes", "hex"),
    26: ("AT_HWCAP2", "Extension of AT_HWCAP", "hex"),
    27: ("AT_RSEQ_FEATURE_SIZE", "Size of rseq features supported by the kernel", "dec"),
    28: ("AT_RSEQ_ALIGN", "Alignment of rseq allocations", "dec"),
    31: ("AT_EXECFN", "File name of executable", "str"),
    32: ("AT_SYSINFO", "Special system info/entry points", "hex"),
    33: ("AT_SYSINFO_EHDR", "System-supplied DSO's ELF header", "hex"),
    51: ("AT_MINSIGSTKSZ", "Minimum stack size for signal delivery", "hex"),
}


def auxv(record: Auxv) -> str:
    """Return the auxiliary vector (auxv.c, fprint_target_auxv)."""
    return "\n".join(map(_aux, record.rows))


def _aux(row: AuxEntry) -> str:
    name, text, form = _AUXV.get(row.kind, ("???", "", "hex"))
    value = str(row.value) if form == "dec" else f"{row.value:#x}"
    if form == "str" and row.string is not None:
        value += f' "{clean(row.string)}"'
    return f"{row.kind:<4} {name:<20} {text:<30} {value}"


def files(record: Files) -> str:
    """Return what ``info files`` prints (target.c, info_target_command)."""
    return "\n".join(_files(record))


def _files(record: Files) -> Iterator[str]:
    if record.path:
        yield f'Symbols from "{clean(record.path)}".'
    if record.pid is not None:
        yield "Native process:"
        yield f"\tUsing the running image of child {record.target}."
        yield "\tWhile running this, pydbg does not access memory from..."
    if record.core:
        yield "Local core dump file:"
        yield f"\t`{clean(record.core)}', file type {record.file_type}."
        yield from _sections(record.loads, record.word_size)
        yield "\tWhile running this, pydbg does not access memory from..."
    if record.path:
        yield "Local exec file:"
        yield f"\t`{clean(record.path)}', file type {record.file_type}."
        yield f"\tEntry point: {record.entry:#x}"
    yield from _sections(record.sections, record.word_size)


def _sections(rows: Sequence[SectionRow], word_size: int) -> Iterator[str]:
    for row in rows:
        low, high = address(row.low, word_size), address(row.high, word_size)
        where = f" in {clean(row.library)}" if row.library else ""
        yield f"\t{low} - {high} is {clean(row.name)}{where}"


def symbols(record: Symbols) -> str:
    """Return the list of ``info functions`` or ``info variables`` (symtab.c)."""
    return "\n".join(_symbols(record))


def _symbols(record: Symbols) -> Iterator[str]:
    typed = f'with type matching regular expression "{clean(record.type_pattern)}"'
    if record.quiet:
        pass
    elif record.pattern:
        tail = f" {typed}" if record.type_pattern else ""
        yield f'All {record.what} matching regular expression "{clean(record.pattern)}"{tail}:'
    else:
        yield f"All defined {record.what}" + (f" {typed} :" if record.type_pattern else ":")
    for group in record.groups:
        if group.file is not None or not record.quiet:
            yield ""
            yield "Non-debugging symbols:" if group.file is None else f"File {clean(group.file)}:"
        for line, addr, text in group.rows:
            if group.file is None and addr is not None:
                yield f"{address(addr, record.word_size)}  {clean(text)}"
            else:
                # A variable whose type has no name shows it whole, in several lines.
                shown = "\n".join(clean(part) for part in text.split("\n"))
                yield (f"{line}:" if line else "") + f"\t{shown}"


def displays(record: Displays) -> str:
    """Return the list of ``info display`` (printcmd.c, display_info)."""
    if not record.rows:
        return "There are no auto-display expressions now."
    lines = ["Auto-display expressions now in effect:", "Num Enb Expression"]
    for row in record.rows:
        form = f"{row.format} " if row.format else ""
        lines.append(f"{row.number}:   {'y' if row.enabled else 'n'}  {form}{clean(row.text)}")
    return "\n".join(lines)
