"""A core as an inferior: the same threads, memory and modules as a process has, none to resume."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from pydbg.arch.registers import RegisterBlock
from pydbg.corefile.memory import CoreMemory, core_maps
from pydbg.errors import CommandError, DebuggerError, FileError, MemoryFault
from pydbg.loading import FileCache, Loader
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.linkmap import main_bias
from pydbg.symbols.modules import Module, ModuleList
from pydbg.target.inferior import Inferior
from pydbg.target.sites import Site, SiteTable
from pydbg.threads import Thread

if TYPE_CHECKING:
    from pydbg.corefile.notes import CoreFile, ThreadNotes
    from pydbg.linux.procfs import Mapping
    from pydbg.state import ProgramState

__all__ = ["CoreInferior", "CoreLoader", "CoreThread"]

NEEDS_PROCESS = "You can't do that without a process to debug."
_PAGE = 4096
_MOST_WARNINGS = 10


class CoreRegisters(RegisterBlock):
    """Hold registers that nobody can change."""

    __slots__ = ("_told_layout",)

    def __init__(self, thread: CoreThread, notes: ThreadNotes) -> None:
        super().__init__(thread.inferior.arch, thread.gpr, lambda: notes.xsave)
        self._told_layout = notes.layout

    @property
    def xsave(self) -> bytearray:
        """Return the XSAVE area, empty if the core has none."""
        fresh = self._xsave is None
        area = super().xsave
        if fresh and self._told_layout is not None:
            self._layout = {**self._layout, **self._told_layout}
        return area

    def set(self, name: str, value: int) -> None:
        """Refuse, in gdb's words."""
        raise CommandError(NEEDS_PROCESS)

    def put(self, name: str, data: bytes) -> None:
        """Refuse, in gdb's words."""
        raise CommandError(NEEDS_PROCESS)


class CoreThread(Thread):
    """Be one thread of a core."""

    __slots__ = ("notes",)

    def __init__(
        self, dbg: ProgramState, notes: ThreadNotes, inferior: Inferior, tid: int, number: int
    ) -> None:
        self.notes = notes
        super().__init__(dbg, inferior, tid, number)
        self._valid = True

    def set_arch(self) -> None:
        """Take the registers from the notes."""
        super().set_arch()
        self.gpr[:] = self.notes.gpr
        self.block = CoreRegisters(self, self.notes)

    def siginfo(self) -> bytes:
        """Return the ``siginfo_t`` of the signal that made the core."""
        if self.notes.siginfo is None:
            raise CommandError("Unable to read siginfo")
        if self.inferior.arch.pointer_size == 8:
            return self.notes.siginfo
        from pydbg.expr.siginfo import widened

        return widened(self.notes.siginfo)

    @property
    def name(self) -> str:
        """Return "": a core has no names of threads."""
        return ""

    def flush(self) -> None:
        """Do nothing: registers cannot be changed."""

    def invalidate(self) -> None:
        """Do nothing: the thread will never run."""

    def resume(self, request: int) -> None:
        """Refuse."""
        raise CommandError("The program is not being run.")


class _NoSites(SiteTable):
    """Be a table of sites of a program that will never come to one."""

    def add(self, addr: int, owner: Any) -> Site:
        """Return a site that stands nowhere."""
        return Site(addr)


class CoreInferior(Inferior):
    """Be a process that a core is left of."""

    can_run = False

    def __init__(self, dbg: ProgramState, core: CoreFile) -> None:
        self.core = core
        super().__init__(core.pid, 1, core.arch, launched=False)
        self.sites = _NoSites(self)
        self.path = ""
        self.auxv = core.auxv
        for notes in core.threads:
            if notes.tid not in self.threads:
                self.make_thread = partial(CoreThread, dbg, notes)
                self.add_thread(notes.tid)

    def open_memory(self) -> CoreMemory:
        """Return the memory of the core."""
        memory = CoreMemory(self.core)
        memory.image = self._image
        return memory

    @property
    def first(self) -> CoreThread:
        """Return the thread that got the signal: the kernel writes it first."""
        thread = next(iter(self.threads.values()))
        assert isinstance(thread, CoreThread)
        return thread

    @property
    def leader(self) -> Any:
        """Return the thread that got the signal: it is looked at first."""
        return self.first

    def maps(self) -> list[Mapping]:
        """Return the mappings as far as the core tells."""
        return core_maps(self.core)

    def refresh(self) -> None:
        """Do nothing: there is no kernel to ask."""

    def _image(self, addr: int, size: int) -> bytes:
        """Read memory that is as in a module's file: what the program could not write."""
        module: Module | None = self.modules.at(addr) if self.modules is not None else None
        if module is None:
            return b""
        link_addr = module.link_addr(addr)
        for segment in module.elf.loads:
            if segment.link_addr <= link_addr < segment.link_addr + segment.file_size:
                if segment.flags & 2:  # PF_W
                    return b""
                left = segment.link_addr + segment.file_size - link_addr
                return module.elf.load_bytes(link_addr, min(size, left))
        return b""


class CoreLoader(Loader):
    """Find the files that a core's process was made of, as they are now."""

    def __init__(self, inferior: CoreInferior, cache: FileCache, program: str | None) -> None:
        super().__init__(inferior, cache, program, watch=False)
        self._core = inferior
        self.warnings: list[str] = []
        self.is_foreign = False
        """Whether the program is not the one that dumped the core."""

    def start(self) -> None:
        """Build the list of modules; what is missing or another build is warned of."""
        inferior, core = self._core, self._core.core
        inferior.modules = ModuleList()
        memory = inferior.memory
        assert isinstance(memory, CoreMemory)
        for path, base in self._images():
            if self._is_other_build(path, base):
                memory.strangers.add(path)
        if self._program is not None and not self._load_program(self._program):
            self.is_foreign = True
            named = program_of(core)
            if named is not None and named not in memory.strangers:
                with suppress(DebuggerError, ValueError):
                    self._load_program(named)
        self._load_vdso()
        self.sync()
        if not any(m.path.startswith("/") and not m.is_main for m in inferior.modules):
            self._load_mapped()

    def _load_program(self, program: str) -> bool:
        """Load the program at the place where it was; False if it is another one."""
        path = os.path.realpath(program)
        main = self._cache.module(path, path, 0, is_main=True)
        if self._differs(main.elf):
            return False
        # It may lie elsewhere now: its own path is what it was run by.
        bias = main_bias(self._core.core.auxv.items(), main.elf)
        self._core.modules.load(main.at_bias(bias, is_main=True))
        self._core.path = path
        return True

    def _images(self) -> list[tuple[str, int]]:
        """Return the files whose first page is mapped, and where."""
        found: dict[str, int] = {}
        for row in self._core.core.files:
            if row.offset == 0:
                found.setdefault(row.path, row.start)
        return list(found.items())

    def _load_mapped(self) -> None:
        """Load what NT_FILE names: the loader's list is not there, or cannot be followed."""
        program = program_of(self._core.core)
        known = {module.low for module in self._core.modules}
        for path, base in self._images():
            if base in known or path == program:
                continue
            if not self._core.memory.read_some(base, 4).startswith(b"\x7fELF"):
                continue
            try:
                elf = ElfFile(path)
            except DebuggerError:
                continue
            if elf.loads:
                self._load(path, base - elf.low)

    def _load(self, path: str, bias: int) -> Module | None:
        memory = self._core.memory
        assert isinstance(memory, CoreMemory)
        real = os.path.realpath(path)
        if path in memory.strangers or real in memory.strangers:
            self.warn(f"{path} is not the file that was mapped: its build-id differs.")
            return None
        try:
            module = self._cache.module(path, path, bias)
        except (DebuggerError, ValueError):
            self.warn(f"Could not load shared library symbols for {path}.")
            return None
        self._core.modules.load(module)
        return module

    def warn(self, text: str) -> None:
        """Keep a warning; a hostile core may cause any number of them."""
        if len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(text)
        elif len(self.warnings) == _MOST_WARNINGS:
            self.warnings.append("More files are missing or not those that were mapped.")

    # --- which build ------------------------------------------------------------------------

    def _is_other_build(self, path: str, base: int) -> bool:
        """Tell whether a file is known to be another than the one mapped at ``base``."""
        dumped = self._build_id_at(base)
        if dumped is None:
            return False
        try:
            return ElfFile(path).build_id != dumped
        except (DebuggerError, ValueError):
            return False  # It is not there: nothing of it will be used.

    def _differs(self, elf: ElfFile) -> bool:
        core = self._core.core
        if (elf.machine, elf.bits) != (core.elf.machine, core.elf.bits):
            return True
        base = self._main_base(elf)
        dumped = self._build_id_at(base) if base is not None else None
        return dumped is not None and elf.build_id != dumped

    def _main_base(self, elf: ElfFile) -> int | None:
        """Return where the dumped program begins: the file that its entry point lies in."""
        core = self._core.core
        base = self.base_of(core.auxv.get(9, 0))  # AT_ENTRY
        return elf.low + main_bias(core.auxv.items(), elf) if base is None else base

    def base_of(self, addr: int) -> int | None:
        """Return where the file that is mapped at an address begins."""
        row = next((f for f in self._core.core.files if f.start <= addr < f.end), None)
        if row is None:
            return None
        starts = [base for path, base in self._images() if path == row.path]
        return starts[0] if starts else None

    def _build_id_at(self, base: int) -> str | None:
        """Return the build-id of an object by its first page, if the core holds that."""
        memory = self._core.memory
        assert isinstance(memory, CoreMemory)
        page = memory.dumped(base, _PAGE)
        if not page.startswith(b"\x7fELF"):
            return None
        return build_id(page)


def build_id(page: bytes) -> str | None:
    """Return the build-id that an object's first page holds, None if it is not in there.

    >>> with open("/bin/sh", "rb") as stream:
    ...     build_id(stream.read(4096)) == ElfFile("/bin/sh").build_id
    True
    """
    elf = _Page.from_bytes(page, "[page]")
    try:
        return elf.build_id
    except (DebuggerError, MemoryFault):
        return None


class _Page(ElfFile):
    """Read the beginning of an ELF image: the sections are not in it."""

    def _section_headers(self, shoff: int, entsize: int, count: int) -> list[tuple[int, ...]]:
        return []

    def _program_headers(self, phoff: int, entsize: int, count: int) -> Any:
        try:
            return super()._program_headers(phoff, entsize, count)
        except FileError:
            return ()


def program_of(core: CoreFile) -> str | None:
    """Return the path of the program that dumped a core, None if the core does not tell.

    It is the file that the entry point lies in (AT_ENTRY of the auxiliary vector).
    """
    entry = core.auxv.get(9, 0)
    rows: Sequence[Any] = core.files
    return next((row.path for row in rows if row.start <= entry < row.end), None)
