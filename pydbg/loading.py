"""Which files a process is made of: its modules, from exec on and through every dlopen.

The dynamic loader calls ``_dl_debug_state`` before and after it changes its list of objects
(link.h, ``r_debug``); a site there keeps the modules true.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, FileError
from pydbg.linux import procfs
from pydbg.symbols.debugfiles import Places
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.linkmap import link_map, main_bias, r_debug, r_debug_addr
from pydbg.symbols.modules import Module, ModuleList

if TYPE_CHECKING:
    from pydbg.target.inferior import Inferior

_AT_BASE, _AT_SYSINFO_EHDR = 7, 33
_HOOK = "_dl_debug_state"


class FileCache:
    """Remember read files, so that a second run does not read them again.

    ``places`` is where all of them look for debug information that was split off.
    """

    def __init__(self, places: Places | None = None) -> None:
        self.places = places or Places()
        self._modules: dict[tuple[str, int, int, int], Module] = {}

    def look_in(self, directories: object) -> None:
        """Take other directories of debug files; files that are read from now on look there."""
        self.places.directory = str(directories)
        self._modules.clear()

    def look_again(self) -> None:
        """Look once more for the debug files that were not found."""
        for module in self._modules.values():
            module.look_again()

    def index_big_files(self) -> None:
        """Have the indexes of big files built that were not there, after us and in nobody's way."""
        indexes = self.places.indexes() if self.places.indexes is not None else None
        wanted = {
            source.elf.path
            for module in self._modules.values()
            # Only of what somebody has asked for.
            if (source := vars(module).get("dwarf")) is not None and source.wants_index
        }
        if indexes is None or not wanted or not indexes.prepare():
            return
        from pydbg.linux.background import leave_behind

        for path in sorted(wanted):
            if not indexes.is_busy(path):
                arguments = ["-m", "pydbg.symbols.indexbuild", os.path.abspath(path)]
                leave_behind([*arguments, indexes.directory])

    def module(self, file: str, path: str, bias: int, *, is_main: bool = False) -> Module:
        """Return the module of a file at a load bias; what an earlier run read of it stays.

        ``path`` is the name to show, ``file`` where it can be opened. Raises FileError.
        """
        try:
            stat = os.stat(file)
        except OSError as error:
            raise FileError(f"{path}: {error.strerror}.") from None
        key = (path, stat.st_ino, stat.st_mtime_ns, stat.st_size)
        known = self._modules.get(key) or Module(ElfFile(file), path=path, places=self.places)
        # The newest one is kept: it carries the tables that were read during the last run.
        module = self._modules[key] = known.at_bias(bias, is_main=is_main)
        return module


class Loader:
    """Keep the modules of one inferior."""

    internal = True  # It owns the site in the dynamic loader.

    def __init__(
        self, inferior: Inferior, cache: FileCache, program: str | None, *, watch: bool = True
    ) -> None:
        self._inferior = inferior
        self._watch = watch
        """Whether the dynamic loader is watched; else the list is true only after a sync."""
        self._cache = cache
        self._program = program
        self._hook: int | None = None

    def start(self) -> None:
        """Build the list anew: after a launch, an attach, an exec."""
        inferior = self._inferior
        exe = procfs.exe_file(inferior.pid)
        path = os.path.realpath(self._program) if self._program else inferior.path
        main = self._cache.module(exe, path, 0, is_main=True)
        bias = main_bias(inferior.auxv.items(), main.elf)
        main.bias = bias
        main.low, main.high = main.elf.low + bias, main.elf.high + bias
        inferior.modules = ModuleList([main])
        self._hook = None
        base = inferior.auxv.get(_AT_BASE)
        if base and main.elf.interp:
            self._load(main.elf.interp, base)
            self._plant_hook()
        self._load_vdso()

    def _load(self, path: str, bias: int) -> Module | None:
        try:
            module = self._cache.module(procfs.inside(self._inferior.pid, path), path, bias)
        except DebuggerError:
            return None  # Deleted or not an ELF file: its code is shown without names.
        self._inferior.modules.load(module)
        return module

    def _load_vdso(self) -> None:
        addr = self._inferior.auxv.get(_AT_SYSINFO_EHDR)
        if not addr:
            return
        try:
            module = Module.from_memory(self._inferior.memory.read, addr)
        except DebuggerError:
            return
        self._inferior.modules.load(module)

    def _plant_hook(self) -> None:
        if not self._watch:
            return
        for module in self._inferior.modules:
            if module.is_main or module.path.startswith("["):
                continue
            for symbol in module.lookup(_HOOK):
                self._hook = module.addr_of(symbol)
                self._inferior.sites.add(self._hook, self)
                return

    def is_consistent(self) -> bool:
        """Tell whether the loader's list may be read now."""
        return self._state() == 0

    def _r_debug(self) -> int | None:
        main = self._inferior.modules.main
        return r_debug_addr(self._inferior.memory.read, main.elf, main.bias) if main else None

    def _state(self) -> int | None:
        addr = self._r_debug()
        if not addr:
            return None
        try:
            return r_debug(self._inferior.memory.read, addr, self._inferior.arch.pointer_size).state
        except DebuggerError:
            return None

    def sync(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Read the loader's list: (paths loaded, paths unloaded) since the last time."""
        inferior = self._inferior
        addr = self._r_debug()
        if not addr:
            return (), ()
        entries = link_map(inferior.memory.read, addr, inferior.arch.pointer_size)
        vdso = inferior.auxv.get(_AT_SYSINFO_EHDR)
        wanted = {(e.path, e.bias) for e in entries[1:] if e.path}
        modules = inferior.modules
        known = {
            (m.path, m.bias): m for m in modules if not m.is_main and not m.path.startswith("[")
        }
        gone = [m for key, m in known.items() if key not in wanted]
        # The loader's own entry may spell its path in another way than PT_INTERP does.
        biases = {m.bias: m for m in known.values()}
        loaded, unloaded = [], []
        for module in gone:
            if not any(bias == module.bias for _, bias in wanted):
                modules.unload(module)
                unloaded.append(module.path)
        for path, bias in ((e.path, e.bias) for e in entries[1:]):
            if not path or (path, bias) in known or bias in biases or bias == vdso:
                continue
            if self._load(path, bias) is not None:
                loaded.append(path)
        if self._hook is None and not loaded:
            self._plant_hook()
        return tuple(loaded), tuple(unloaded)
