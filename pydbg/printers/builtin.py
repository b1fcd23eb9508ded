"""The families of printers that come with the debugger: a row each, loaded when first needed.

A family's module has ``NAMES``, what ``info pretty-printer`` lists, and ``find(ctype, name)``,
which gives (printer's name, printer) for a struct or None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydbg.expr.types import PointerType, StructType, strip
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.expr.types import CType
    from pydbg.printers.program import Program
    from pydbg.symbols.modules import ModuleList

__all__ = ["BUILT_IN", "Family"]


class Family(Record):
    """Be one family: ``takes(ctype, name)`` tells, cheaply, whether it may know a struct.

    ``active(program)`` tells whether it is listed and asked at all, ``where(program)`` what
    ``info pretty-printer`` says it belongs to.
    """

    name: str
    module: str
    takes: Callable[[Any, str], bool]
    active: Callable[[Program], bool]
    names: bool = False
    """Whether it is asked for names of pointers, too: a map of Go is one."""
    off: tuple[str, ...] = ()
    """Printers that are off until they are asked for."""
    where: Callable[[Program], str] = lambda program: "global"


_GNU = ("std::", "__gnu_cxx::", "__gnu_debug::")
_LLVM = ("std::__1::", "std::__ndk1::")


def _modules(program: Program) -> ModuleList:
    return program.dbg.modules


def _is_gnu(ctype: StructType, name: str) -> bool:
    return ctype.cplus and name.startswith(_GNU) and not name.startswith(_LLVM)


def _gnu_library(program: Program) -> str:
    """Return how gdb calls GNU's library: ``objfile PATH``."""
    for module in _modules(program):
        if module.name.startswith("libstdc++.so"):
            return f"objfile {module.path}"
    return "global"


def _has_gnu(program: Program) -> bool:
    """Tell whether GNU's library is there: loaded (gdb has its printers then), or linked in."""
    if _gnu_library(program) != "global":
        return True
    main = program.dbg.modules.main
    if main is None or any(name.startswith("libstdc++.so") for name in main.elf.needed):
        return False
    return bool(main.lookup("_ZSt9terminatev"))  # std::terminate() is in all that link it in


def _is_llvm(ctype: StructType, name: str) -> bool:
    return name.startswith(_LLVM[0])


def _has_llvm(program: Program) -> bool:
    return any(one.name.startswith("libc++.so") for one in _modules(program))


def _of_go(ctype: CType, name: str) -> bool:
    inner = strip(ctype)
    if isinstance(inner, PointerType):  # Of a map or channel, both under a name.
        inner = strip(inner.target)
    return isinstance(inner, StructType) and inner.bare


_RUST = ("alloc::", "core::", "std::", "&std::", "&core::", "&str", "&mut str", "&[", "&mut [")


def _of_rust(ctype: StructType, name: str) -> bool:
    return name.startswith(_RUST) and not ctype.cplus


BUILT_IN: tuple[Family, ...] = (
    Family("go", "pydbg.golang.printers", _of_go, lambda program: program.has_go,
           names=True, off=("string",)),
    Family("rust", "pydbg.rust.printers", _of_rust, lambda program: program.has_rust),
    Family("libc++", "pydbg.printers.libcxx", _is_llvm, _has_llvm),
    Family("libstdc++-v6", "pydbg.printers.libstdcxx", _is_gnu, _has_gnu, where=_gnu_library),
)  # fmt: skip
"""The families, in the order in which they are asked."""
