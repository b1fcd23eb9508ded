"""Location specs in the program at hand: what they mean now, or why they mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, LocationError
from pydbg.labels import Labels
from pydbg.locspec import Resolved, Resolver, Spec, parse
from pydbg.records import replace
from pydbg.symbols.entrypoint import START_MAIN
from pydbg.target.inject import can_inject

if TYPE_CHECKING:
    from pydbg.debugger import Debugger

__all__ = ["SpecPlaces"]


class SpecPlaces:
    """Find the places that location specs mean now."""

    def __init__(self, dbg: Debugger) -> None:
        self._dbg = dbg

    def resolver(self) -> Resolver:
        """Return what finds the places of specs, as things are now."""
        dbg = self._dbg

        def evaluate(text: str) -> int:
            value = dbg.evaluate(text)
            from pydbg.expr.types import FunctionType, NoDebugType, strip

            if isinstance(strip(value.type), FunctionType | NoDebugType):
                return value.addr or 0
            return int(value) & ((1 << 64) - 1)

        inferior = dbg.inferior
        return Resolver(
            dbg.modules,
            evaluate,
            live=inferior is not None,
            current_file=self._current_file,
            current_line=self._current_line,
            known=inferior.late_bound if inferior is not None else None,
            block_of=dbg.variables.block_at,
            labels=Labels(dbg),
        )

    def resolve(self, spec: Spec) -> list[Resolved]:
        """Return the places a parsed spec means now."""
        resolver = self.resolver()
        found = resolver.resolve(spec)
        if any(place.is_resolver for place in found) and self._ask_resolvers(found):
            found = resolver.resolve(spec)
        return found

    def labels(self, function: str) -> list[str]:
        """Return the labels of goto in functions of a name."""
        return self.resolver().labels(parse(function))

    def _current_file(self) -> str | None:
        if self._dbg.control.loop_running:
            return None
        frame = self._dbg.frame
        return frame.file if frame is not None else None

    def _current_line(self) -> int | None:
        frame = self._dbg.frame if not self._dbg.control.loop_running else None
        return frame.line if frame is not None else None

    def _ask_resolvers(self, found: list[Resolved]) -> bool:
        """Call the resolvers of ifuncs in a program that is past its relocations, as gdb does."""
        dbg = self._dbg
        inferior, thread = dbg.inferior, dbg.thread
        if inferior is None or thread is None or dbg.control.loop_running:
            return False
        here = inferior.modules.at(thread.pc)
        main = inferior.modules.main
        started = here is None or main is None or here.path != main.elf.interp
        if not started or not can_inject(thread):
            return False
        for place in found:
            if place.is_resolver and place.addr is not None:
                try:
                    dbg.behind_ifunc(place.addr)
                except DebuggerError:
                    return False
        return True

    def may_appear(self, spec: Spec) -> bool:
        """Tell whether the program itself will say where main is (``__libc_start_main``)."""
        main = self._dbg.modules.main
        if spec.kind != "symbol" or spec.text != "main" or main is None:
            return False
        return bool(main.lookup(f"{START_MAIN}@plt") or main.elf.interp)

    def undefined(self, spec: Spec) -> LocationError:
        """Return what is wrong with a spec that means no place."""
        if spec.kind in ("line", "relative"):
            return self._no_line(spec)
        if not len(self._dbg.modules):
            return LocationError('No symbol table is loaded.  Use the "file" command.')
        if spec.offset is not None:
            return LocationError(f'No function or loaded module "{spec.name}".')
        if spec.label is not None and not spec.name:
            return LocationError(f'No label "{spec.label}" defined in current function.')
        if spec.label is not None and self.resolve(replace(spec, label=None)):
            return LocationError(f'No label "{spec.label}" defined in function "{spec.name}".')
        if spec.scope is not None and self._dbg.modules.by_name(spec.scope) is None:
            if not self._has_file(spec.scope):
                if self.resolve(Spec(spec.scope, "symbol", spec.scope)):
                    return LocationError(
                        f'No label "{spec.name}" defined in function "{spec.scope}".'
                    )
                return LocationError(f"No source file named {spec.scope}.")
            return LocationError(f'Function "{spec.name}" not defined in "{spec.scope}".')
        near = self._near(spec.name)
        hint = f"  Did you mean {near}?" if near else ""
        return LocationError(f'Function "{spec.name}" not defined.{hint}')

    def _no_line(self, spec: Spec) -> LocationError:
        if not spec.name:
            line = spec.offset or 0
            line += (self._current_line() or 0) if spec.kind == "relative" else 0
            return LocationError(f"No line {line} in the current file.")
        if not self._has_file(spec.name):
            return LocationError(f"No source file named {spec.name}.")
        return LocationError(f'No line {spec.offset} in file "{spec.name}".')

    def _has_file(self, name: str) -> bool:
        from pydbg.symbols.linebreak import has_file

        return any(has_file(module, name) for module in self._dbg.modules)

    def _near(self, name: str) -> str:
        import difflib
        from itertools import islice

        main = self._dbg.modules.main
        if main is None or not name:
            return ""
        names = [n for n in islice(main.names(name[:1]), 20000) if "@" not in n]
        found = difflib.get_close_matches(name, names, 1, 0.75)
        return found[0] if found else ""
