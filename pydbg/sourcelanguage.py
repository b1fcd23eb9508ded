"""Which language counts: that of the selected frame, of main before there is one, or a set one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError
from pydbg.symbols.languages import GO, RUST, language_of

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.language import Language
    from pydbg.frames import Frame
    from pydbg.symbols.modules import ModuleList

__all__ = ["Languages", "frame_language", "main_language"]

_ENDINGS = {
    ".c": "c", ".h": "c", ".S": "asm", ".s": "asm", ".cc": "c++", ".cpp": "c++",
    ".cxx": "c++", ".C": "c++", ".hpp": "c++", ".rs": "rust", ".go": "go",
}  # fmt: skip
_WITH_OWN_START = (RUST, GO)
"""Languages whose C ``main`` is made by the compiler and is not described."""


def frame_language(frame: Frame) -> str:
    """Return gdb's name of the language of a frame's code, "" where nothing tells it."""
    if frame.file is None:
        return ""
    # Nothing is told where the debug information is damaged: the file's name is left.
    told = frame.module.spot_at(frame.lookup_addr).language if frame.module is not None else ""
    if told:
        return told
    return _ENDINGS.get("." + frame.file.rpartition(".")[2], "")


def main_language(modules: ModuleList) -> str:
    """Return the language of the program's main function, "" where nothing tells it."""
    try:
        main = modules.main
        if main is None:
            return ""
        for module, symbol in modules.lookup("main"):
            function = module.function_at(module.addr_of(symbol)) if module is main else None
            if function is not None and function.language:
                return str(function.language)
        for unit in main.dwarf.units() if main.dwarf is not None else ():
            if unit.language in _WITH_OWN_START:
                return language_of(unit)
    except DebuggerError:
        return ""  # Damaged: there is C then.
    return ""


class Languages:
    """Choose the language of a frame, by `set language` or by what its code is written in."""

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg
        self._last = self._main = ""

    def forget(self) -> None:
        """Forget what the program before was written in."""
        self._last = self._main = ""

    def of(self, frame: Frame | None) -> Language:
        """Return the language for a frame, the one before where nothing tells it."""
        from pydbg.expr.language import language_named

        wanted = str(self._dbg.settings["language"])
        if wanted not in ("auto", "local"):
            return language_named(wanted)
        found = frame_language(frame) if frame is not None else ""
        if not found and not self._last:
            self._main = self._main or main_language(self._dbg.modules)
            found = self._main
        self._last = found or self._last
        return language_named(self._last)
