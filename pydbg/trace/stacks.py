"""The stack of a call (``-k``): what the program was about when it asked the kernel.

Modules are found by the memory map, which is read again when a pc lies in none of those known
(a library was loaded since). Lines are strace's, with more where more is known: inlined calls
have lines of their own, names are demangled, the source line stands at the end.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pydbg.arch import I386, X86_64
from pydbg.errors import DebuggerError
from pydbg.frames import frames_of
from pydbg.linux import procfs, ptrace
from pydbg.loading import FileCache
from pydbg.records import NamedTuple
from pydbg.symbols.modules import Module, ModuleList
from pydbg.target.unwind import unwind

if TYPE_CHECKING:
    from pydbg.frames import Frame
    from pydbg.trace.tasks import Task

__all__ = ["Stacks", "TraceFrame", "caller", "text"]

_DEEPEST = 256


class TraceFrame(NamedTuple):
    """Hold one frame: ``offset`` bytes into ``function``, ``link_addr`` in the file ``path``."""

    path: str
    function: str | None
    offset: int
    addr: int
    link_addr: int
    file: str | None
    line: int | None
    inlined: bool


class _Space:
    """Be what a frame asks of a thread: its process' modules, and that it is no core."""

    can_run = True

    def __init__(self, modules: ModuleList) -> None:
        self.inferior = self
        self.modules = modules


class Stacks:
    """Find the stacks of tasks."""

    def __init__(self) -> None:
        self._files = FileCache()
        self._spaces: dict[object, ModuleList] = {}
        self._regs = bytearray(ptrace.USER_REGS_SIZE)

    def of(self, task: Task) -> tuple[TraceFrame, ...]:
        """Return the stack of a stopped task, the innermost frame first."""
        arch = X86_64 if task.reader.word_size == 8 else I386
        try:
            ptrace.getregs(task.tid, self._regs)
        except DebuggerError:
            return ()
        regs = {}
        width = 8
        for number, register in arch.by_dwarf.items():
            offset = arch.gpr_offsets.get(register.name)
            if offset is not None:
                regs[number] = int.from_bytes(self._regs[offset : offset + width], "little")
        modules = self._spaces.get(task.memory)
        if modules is None or modules.at(regs[arch.return_column]) is None:
            modules = self._spaces[task.memory] = self._modules(task.pid)
        found: list[TraceFrame] = []
        self._walk(task, arch, regs, modules, found)
        if found and not found[-1].path and len(found) < _DEEPEST:
            # A library that was loaded since, perhaps.
            modules = self._spaces[task.memory] = self._modules(task.pid)
            found.clear()
            self._walk(task, arch, regs, modules, found)
        return tuple(found)

    def _walk(
        self,
        task: Task,
        arch: Any,
        regs: dict[int, int],
        modules: ModuleList,
        found: list[TraceFrame],
    ) -> None:
        space: Any = _Space(modules)
        inner: Frame | None = None
        walk = unwind(regs, read=task.memory.read, modules=modules, arch=arch, limit=_DEEPEST)
        try:
            for raw in walk:
                if not raw.pc:
                    return  # Go's outermost frame returns to nowhere.
                for frame in frames_of(space, raw, inner):
                    inner = frame
                    found.append(_told(frame))
        except DebuggerError:
            return

    def forget(self, task: Task) -> None:
        """Drop what is known of a process that runs another program now."""
        self._spaces.pop(task.memory, None)

    def _modules(self, pid: int) -> ModuleList:
        modules = ModuleList()
        try:
            maps = procfs.maps(pid)
        except DebuggerError:
            return modules
        seen: set[str] = set()
        exe = os.path.realpath(procfs.exe_file(pid))
        for mapping in maps:
            path = mapping.path
            if path in seen or not path.startswith("/") or mapping.offset:
                continue
            seen.add(path)
            try:
                file = procfs.inside(pid, path)
                module = self._files.module(file, path, 0, is_main=path == exe)
                bias = mapping.start - (module.elf.low & -4096)
                modules.load(self._files.module(file, path, bias, is_main=path == exe))
            except DebuggerError:
                continue  # Data, or deleted: its code is shown by address.
        return modules


def _told(frame: Frame) -> TraceFrame:
    module: Module | None = frame.module
    return TraceFrame(
        path=module.path if module is not None else "",
        function=frame.function,
        offset=frame.offset,
        addr=frame.addr,
        link_addr=module.link_addr(frame.addr) if module is not None else frame.addr,
        file=frame.path or frame.file,
        line=frame.line,
        inlined=frame.inline is not None,
    )


def text(stack: tuple[TraceFrame, ...]) -> str:
    """Return strace's lines of a stack, an empty line at the end as strace has it.

    >>> print(text((TraceFrame("/bin/a", "main", 5, 0x1005, 0x1005, "a.c", 3, False),)), end="")
     > /bin/a(main+0x5) [0x1005] at a.c:3
    """
    lines = []
    for frame in stack:
        if not frame.path:
            lines.append(f" > [{frame.addr:#x}]")
            continue
        name = frame.function or ""
        if name:
            name += " (inlined)" if frame.inlined else f"+{frame.offset:#x}"
        source = f" at {frame.file}:{frame.line}" if frame.file and frame.line else ""
        lines.append(f" > {frame.path}({name}) [{frame.link_addr:#x}]{source}")
    return "".join(f"{line}\n" for line in lines)


def caller(stack: tuple[TraceFrame, ...]) -> str:
    """Return the function of the program itself that is innermost on a stack.

    >>> caller(())
    '(unknown)'
    """
    own = [frame for frame in stack if frame.function and not _is_library(frame.path)]
    frame = next(iter(own or [frame for frame in stack if frame.function]), None)
    return frame.function or "(unknown)" if frame is not None else "(unknown)"


def _is_library(path: str) -> bool:
    name = os.path.basename(path)
    return ".so" in name or path.startswith("[")
