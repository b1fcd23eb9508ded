"""Run inside gdb: unwind every stop of a stepped program both ways and compare.

gdb's own Python reads registers and memory, so both debuggers see the same stopped process.
Started by ``test_unwind.py`` with the variables ``start`` (a function, or "starti") and
``steps`` set; prints ``COMPARED n SAME n FRAMES n`` and each difference before it.
"""

from __future__ import annotations

import os
from typing import Any

import gdb  # type: ignore[import-not-found]

from pydbg.arch import I386, X86_64
from pydbg.errors import DebuggerError, MemoryFault
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.modules import Module, ModuleList
from pydbg.target.unwind import unwind

_KEPT = {
    "x86-64": ("rsp", "rbp", "rbx", "r12", "r13", "r14", "r15"),
    "i386": ("esp", "ebp", "ebx", "esi", "edi"),
}
_LIMIT = 60
_ERROR = gdb.FRAME_UNWIND_UNAVAILABLE  # the first stop reason that is an error

Frames = tuple[list[list[Any]], "str | None"]


def read(addr: int, size: int) -> bytes:
    try:
        return bytes(gdb.selected_inferior().read_memory(addr, size))
    except (gdb.MemoryError, gdb.error, OverflowError):
        raise MemoryFault(addr, size) from None


def load_modules(known: dict[tuple[str, int], Module | None]) -> ModuleList:
    """List what is mapped now; files are read once."""
    lowest: dict[str, tuple[int, int]] = {}
    with open(f"/proc/{gdb.selected_inferior().pid}/maps") as maps:
        for line in maps:
            fields = line.split(None, 5)
            path = fields[5].strip() if len(fields) == 6 else ""
            if path.startswith("/") or path == "[vdso]":
                low, high = (int(part, 16) for part in fields[0].split("-"))
                lowest.setdefault(path, (low, high))
    main = os.path.realpath(gdb.current_progspace().filename)
    modules = []
    for path, (low, high) in lowest.items():
        if (path, low) not in known:
            try:
                if path == "[vdso]":
                    elf = ElfFile.from_bytes(read(low, high - low), path)
                else:
                    elf = ElfFile(path)
                bias = low - elf.low if elf.is_pie else 0
                known[path, low] = Module(elf, bias, is_main=path == main)
            except DebuggerError:
                known[path, low] = None
        module = known[path, low]
        if module is not None:
            modules.append(module)
    return ModuleList(sorted(modules, key=lambda module: not module.is_main))


def theirs(names: tuple[str, ...], mask: int) -> Frames:
    """Walk with gdb. Inlined and tail-call frames are no frames of the stack."""
    frames: list[list[Any]] = []
    frame = last = gdb.newest_frame()
    while frame is not None and len(frames) < _LIMIT:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            row: list[Any] = [frame.pc(), frame.type() == gdb.SIGTRAMP_FRAME]
            for name in names:
                value = frame.read_register(name)
                row.append(None if value.is_optimized_out else int(value) & mask)
            frames.append(row)
            last = frame
        frame = frame.older()
    reason = last.unwind_stop_reason()
    return frames, gdb.frame_stop_reason_string(reason) if reason >= _ERROR else None


def ours(modules: ModuleList) -> Frames:
    newest = gdb.newest_frame()
    arch = I386 if newest.architecture().name() == "i386" else X86_64
    mask = (1 << 8 * arch.pointer_size) - 1
    regs = {arch.return_column: newest.pc()}
    for number, register in arch.by_dwarf.items():
        if number < arch.return_column:
            regs[number] = int(newest.read_register(register.name)) & mask
    frames = []
    unwinding = unwind(regs, read=read, modules=modules, arch=arch, limit=_LIMIT)
    for frame in unwinding:
        row: list[Any] = [frame.pc, frame.is_signal]
        row += [frame.regs.get(arch.by_name[name].dwarf or 0) for name in _KEPT[arch.name]]
        frames.append(row)
    return frames, unwinding.stop_reason


def text(row: list[Any] | None) -> str:
    return "-" if row is None else " ".join("?" if x is None else f"{x:x}" for x in row)


def compare(modules: ModuleList, report: bool) -> tuple[bool, int]:
    wide = gdb.newest_frame().architecture().name() != "i386"
    names, mask = _KEPT["x86-64" if wide else "i386"], (1 << (64 if wide else 32)) - 1
    gdb_says, we_say = theirs(names, mask), ours(modules)
    if gdb_says != we_say and report:
        print("DIFFERENT", gdb.execute("info symbol $pc", to_string=True).strip())
        for level in range(max(len(gdb_says[0]), len(we_say[0]))):
            rows = [f[level] if level < len(f) else None for f in (gdb_says[0], we_say[0])]
            print("  gdb:", text(rows[0]), "\n ours:", text(rows[1]))
        print("  gdb:", gdb_says[1], "\n ours:", we_say[1])
    return gdb_says == we_say, len(gdb_says[0])


def run(start: str, steps: int) -> None:
    gdb.execute("set backtrace past-main on")
    if start == "starti":
        gdb.execute("starti", to_string=True)
    else:
        gdb.execute(f"break {start}", to_string=True)
        gdb.execute("run", to_string=True)
        gdb.execute("delete", to_string=True)
    gdb.execute("handle all nostop noprint pass", to_string=True)
    known: dict[tuple[str, int], Module | None] = {}
    modules = ModuleList()
    compared = same = frames = 0
    while compared < steps and gdb.selected_inferior().pid:
        if compared < 3 or compared % 500 == 0 or modules.at(gdb.newest_frame().pc()) is None:
            modules = load_modules(known)
        agree, depth = compare(modules, compared - same < 3)
        compared, same, frames = compared + 1, same + agree, frames + depth
        gdb.execute("stepi", to_string=True)
    print(f"COMPARED {compared} SAME {same} FRAMES {frames}")
    if gdb.selected_inferior().pid:
        gdb.execute("kill", to_string=True)


run(globals()["start"], globals()["steps"])
