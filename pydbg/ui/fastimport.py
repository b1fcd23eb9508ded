"""Find pydbg's own modules sooner than Python's finder does.

A session of a tenth of a second loads more than two hundred modules. Python's own finder looks
through all kinds of files that a module could be, and takes more than half of the time it takes
to load one; here only one kind is looked for: byte code that belongs to its source. Whatever is
not as expected is left to Python's finder, which is asked next.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER
from marshal import loads
from os import close, open, read, stat
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Finder", "install"]

_HEAD = 16
"""Bytes before the code (PEP 552): magic number, flags, the source's time and size."""
_PIECE = 1 << 16
"""Most modules are shorter: to ask for more costs more."""


class _Loader:
    """Load one module whose code is at hand."""

    def __init__(self, code: CodeType) -> None:
        self._code = code

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python to make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        exec(self._code, module.__dict__)


class Finder:
    """Find the modules of one package by their byte code."""

    def __init__(self, package: str) -> None:
        self._prefix = f"{package}."

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Give a module's spec; None for a package, and where the byte code is not of the source.

        >>> import pydbg
        >>> Finder("pydbg").find_spec("pydbg.symbols", pydbg.__path__) is None
        True
        """
        if not name.startswith(self._prefix) or path is None or len(path) != 1:
            return None
        last = name.rpartition(".")[2]
        source = f"{path[0]}/{last}.py"
        cached = f"{path[0]}/__pycache__/{last}.{sys.implementation.cache_tag}.pyc"
        try:
            of = stat(source)
            file = open(cached, 0)
        except OSError:
            return None
        try:
            data = read(file, _PIECE)
            while len(data) % _PIECE == 0 and (more := read(file, _PIECE)):
                data += more
        finally:
            close(file)
        head = MAGIC_NUMBER + bytes(4) + _number(int(of.st_mtime)) + _number(of.st_size)
        if data[:_HEAD] != head:
            return None
        loader: Any = _Loader(loads(memoryview(data)[_HEAD:]))
        spec = ModuleSpec(name, loader, origin=source)
        spec.cached = cached
        spec.has_location = True
        return spec


def _number(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "little")


def install() -> None:
    """Have all modules of pydbg found so from now on; for who owns the process."""
    if sys.pycache_prefix is None and not sys.flags.optimize:
        sys.meta_path.insert(0, Finder("pydbg"))
