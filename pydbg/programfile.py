"""The program that is debugged: its file and what it is started with, before it runs and after."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pydbg.arch import arch_for
from pydbg.debuginfod import Debuginfod
from pydbg.errors import FileError
from pydbg.events import Event
from pydbg.inspection import Inspection
from pydbg.loading import FileCache, Loader
from pydbg.settings import Settings
from pydbg.symbols.debugfiles import Places
from pydbg.symbols.modules import ModuleList
from pydbg.target.inferior import Inferior

if TYPE_CHECKING:
    from pydbg.symbols.indexcache import IndexCache

__all__ = ["ProgramFile"]

Listener = Callable[[Event], None]


class ProgramFile(Inspection):
    """Be the part of the debugger that knows the program's files, and whom to tell of it."""

    def __init__(self, args: Sequence[str], settings: Settings | None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.environment: dict[str, str] = dict(os.environ)
        self.args = list(args)
        self.cwd: str | None = None
        self.tty: str | None = None
        self.program: str | None = None
        self.stdin: str | int | None = None
        self.stdout: str | int | None = None
        self.stderr: str | int | None = None
        self.own_group = True
        """Whether programs are started in process groups of their own, away from our Ctrl-C."""
        self._listeners: list[Listener] = []
        self.debuginfod = Debuginfod(self.settings)
        self.files = FileCache(Places(fetch=self.debuginfod.debuginfo, indexes=self._indexes))
        """The files that were read, for the next process to have them at once."""
        self.settings.on_change("debug-file-directory", self.files.look_in)
        for name in ("debuginfod enabled", "debuginfod urls"):
            self.settings.on_change(name, self._ask_servers_again)

    def _indexes(self) -> IndexCache | None:
        """Return the cache of indexes, None where it is switched off."""
        if not self.settings["index-cache enabled"]:
            return None
        from pydbg.symbols.indexcache import IndexCache

        return IndexCache(str(self.settings["index-cache directory"]))

    def _ask_servers_again(self, value: object) -> None:
        """Look for debug files that were not found, now that a server may be asked."""
        self.debuginfod.forget()
        self.files.look_again()
        self._static.look_again()
        for inferior in self.inferiors:
            if inferior.modules is not None:
                inferior.modules.look_again()
        self.steps.map.forget()
        self.changed()

    def load_program(self, path: str) -> None:
        """Take a file as the program to debug; a bare name is also looked for in PATH.

        Raises FileError if it is missing or not an executable that can run here.

        >>> import pydbg
        >>> with pydbg.Debugger() as dbg:
        ...     dbg.load_program("true")
        ...     dbg.program
        '/usr/bin/true'
        """
        found = path
        if not os.path.exists(path) and "/" not in path:
            from shutil import which  # Brings bz2 and lzma along.

            found = which(path) or path
        if os.path.isdir(found):
            raise FileError(f"{path}: Is a directory.")
        # As in gdb the program is run by the name it was given, in the folder where that really
        # lies (a busybox looks at its name); its symbols are those of the file behind it.
        folder, name = os.path.split(os.path.abspath(found))
        absolute = os.path.join(os.path.realpath(folder), name)
        real = os.path.realpath(absolute)
        module = self.files.module(real, real, 0, is_main=True)
        self._languages.forget()
        arch = arch_for(module.elf.machine, module.elf.bits // 32, path)
        self.program, self.arch = absolute, arch
        self._static = ModuleList([module])
        if self.inferior is None:
            self.points.modules_changed(None)

    def _directory(self) -> str | None:
        directory = self.cwd or self.settings["cwd"] or None
        return os.path.expanduser(str(directory)) if directory else None

    def _refresh_static(self) -> None:
        main = self.modules.main
        if main is not None:
            self._static = ModuleList([main.at_bias(0, is_main=True)])

    def _start_loader(self, inferior: Inferior, program: str | None) -> None:
        self.loader_of(inferior, program)

    def loader_of(
        self, inferior: Inferior, program: str | None = None, *, watch: bool = True
    ) -> Loader:
        """Find out anew which modules a process has, and return who keeps them.

        Without ``watch`` nothing is planted into the process.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     loader = dbg.loader_of(dbg.inferior, watch=False)
        ...     dbg.modules.main.path
        '/usr/bin/true'
        """
        loader = Loader(inferior, self.files, program or inferior.path, watch=watch)
        inferior.loader = loader
        loader.start()
        return loader

    # --- listeners ---------------------------------------------------------------------------

    def on_event(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener(event)`` called for what happens while the program runs on.

        Returns what ends that when it is called.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     heard = []
        ...     silence = dbg.on_event(heard.append)
        ...     event = dbg.cont()
        ...     silence()
        >>> type(heard[0]).__name__
        'ModuleLoaded'
        """
        self._listeners.append(listener)
        return partial(self._silence, listener)

    def _silence(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def notify(self, event: Event) -> None:
        """Tell the listeners of something that does not stop the program."""
        for listener in self._listeners:
            listener(event)
